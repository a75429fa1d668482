/* str_test.c: numbers are whole and in range, UTF-8 is strict, builders stop at their maximum. */
#include "base/str.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_compare(void **state) {
    (void)state;
    assert_true(tarn_str_ieq(TARN_LIT("SeLeCt"), TARN_LIT("select")));
    assert_false(tarn_str_ieq(TARN_LIT("select"), TARN_LIT("selec")));
    assert_false(tarn_str_ieq(TARN_LIT("@"), TARN_LIT("`")));
    assert_true(tarn_str_ieq((tarn_str){NULL, 0}, TARN_LIT("")));
    assert_true(tarn_str_starts(TARN_LIT("part-1"), "part-"));
    assert_false(tarn_str_starts(TARN_LIT("par"), "part"));
    assert_true(tarn_str_starts((tarn_str){NULL, 0}, ""));
    assert_true(tarn_str_ends(TARN_LIT("a.json"), ".json"));
    assert_false(tarn_str_ends(TARN_LIT("json"), ".json"));
    assert_true(tarn_str_eq((tarn_str){NULL, 0}, TARN_LIT("")));
    assert_true(tarn_str_is(tarn_str_of(NULL), ""));
}

static void test_names(void **state) {
    (void)state;
    assert_true(tarn_name_eq("Kunde", "KUNDE"));
    assert_true(tarn_name_eq("Größe", "GRÖßE"));
    assert_true(tarn_name_eq("ΣΊΣΥΦΟΣ", "σίσυφος"));
    assert_true(tarn_name_eq("ΌΎΏΆΈΪ", "όύώάέϊ"));
    assert_true(tarn_name_eq("ЁЖИК", "ёжик"));
    assert_true(tarn_name_eq("ЄЉЏ", "єљџ"));
    assert_false(tarn_name_eq("×", "÷"));
    assert_false(tarn_name_eq("a", "ab"));
    assert_false(tarn_name_eq("ab", "a"));
    assert_false(tarn_name_eq("", "a"));
    assert_true(tarn_name_eq("", ""));
    assert_true(tarn_name_eq("\xff\xfe", "\xff\xfe"));
    assert_false(tarn_name_eq("\xff", "\xfe"));
    assert_false(tarn_name_eq("\xc3", "\xc3\xa9"));
    assert_false(tarn_name_eq("\xe9", "é"));
    assert_true(tarn_name_eq("名前", "名前"));
    assert_false(tarn_name_eq("名前", "名"));
}

static void test_utf8(void **state) {
    (void)state;
    uint32_t c = 0;
    assert_int_equal(tarn_utf8_decode("\xf0\x9f\x98\x80", 4, &c), 4);
    assert_int_equal(c, 0x1f600);
    assert_int_equal(tarn_utf8_decode("\xf4\x8f\xbf\xbf", 4, &c), 4);
    assert_int_equal(c, 0x10ffff);
    assert_int_equal(tarn_utf8_decode("\xef\xbf\xbd", 3, &c), 3);
    assert_int_equal(c, 0xfffd);
    assert_int_equal(tarn_utf8_decode("\0", 1, &c), 1);
    assert_int_equal(c, 0);
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe2\x82",
                                      "\xe2(\xa1",
                                      "\xe2\x82(",
                                      "\xf0\x9f\x98",
                                      "\xf0\x9f\x98("};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tarn_utf8_decode(bad[i], strlen(bad[i]), &c), 0);
    assert_int_equal(tarn_utf8_decode("a", 0, &c), 0);
    assert_int_equal(tarn_utf8_prefix(TARN_LIT("aé\xff€b"), 0), 0);
    assert_int_equal(tarn_utf8_prefix(TARN_LIT("aé\xff€b"), 3), 4);
    assert_int_equal(tarn_utf8_prefix(TARN_LIT("aé\xff€b"), 99), 8);
}

static void test_integers(void **state) {
    (void)state;
    int64_t i = 5;
    uint64_t u = 5;
    assert_true(tarn_parse_i64(TARN_LIT("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(tarn_parse_i64(TARN_LIT("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(tarn_parse_i64(TARN_LIT("+0007"), &i) && i == 7);
    assert_true(tarn_parse_i64(TARN_LIT("-0"), &i) && i == 0);
    assert_false(tarn_parse_i64((tarn_str){NULL, 0}, &i));
    assert_true(tarn_parse_u64(TARN_LIT("18446744073709551615"), &u) && u == UINT64_MAX);
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "--1",
                                      "+-1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    i = 5;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_false(tarn_parse_i64(tarn_str_of(bad[k]), &i));
    assert_int_equal(i, 5);
    assert_false(tarn_parse_i64((tarn_str){NULL, 0}, &i));
    assert_false(tarn_parse_i64((tarn_str){"1\0", 2}, &i));
    assert_false(tarn_parse_u64(TARN_LIT("18446744073709551616"), &u));
    assert_false(tarn_parse_u64(TARN_LIT("+1"), &u));
}

static void expect_double(const char *text) {
    double v = 1;
    assert_true(tarn_parse_f64(tarn_str_of(text), &v));
    double expected = strtod(text, NULL);
    assert_memory_equal(&v, &expected, sizeof v);
}

static void test_doubles(void **state) {
    (void)state;
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "1.5",
                                       "0.1",
                                       "-0.3",
                                       "123456789012345",
                                       "1e22",
                                       "1e23",
                                       "9007199254740993",
                                       "1.7976931348623157e308",
                                       "5e-324",
                                       "2.2250738585072014e-308",
                                       "1e-400",
                                       "0e999999999999",
                                       "0.000001",
                                       "100000000000000000000000",
                                       "3.141592653589793238462643383279502884197169399375105820974944592307816",
                                       "1E+2",
                                       "7e-22",
                                       "8.5e-23",
                                       "00.5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) expect_double(good[i]);
    static const char *const bad[] = {"",    "-",   ".5",  "5.",    "1e",     "1e+",   "+1",    " 1",  "1 ",  "0x10",
                                      "inf", "nan", "1,5", "1e400", "-1e400", "1.5.2", "1e5.0", "--1", "NaN "};
    double v = 5;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(tarn_parse_f64(tarn_str_of(bad[i]), &v));
    assert_true(v == 5);
    assert_true(tarn_parse_f64(TARN_LIT("NaN"), &v) && isnan(v));
    assert_true(tarn_parse_f64(TARN_LIT("Infinity"), &v) && isinf(v) && v > 0);
    assert_true(tarn_parse_f64(TARN_LIT("-Infinity"), &v) && isinf(v) && v < 0);
    char big[3000];
    memset(big, '0', sizeof big);
    big[1] = '.';
    memcpy(big + 1500, "1e1499", 7);
    expect_double(big);
    srand(1);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        snprintf(text, sizeof text, "%d.%de%d", rand() % 100000, rand(), rand() % 80 - 40);
        expect_double(text);
        uint64_t bits = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) continue;
        snprintf(text, sizeof text, "%.17g", v);
        expect_double(text);
    }
}

static void test_random_bytes(void **state) {
    (void)state;
    static const char alphabet[] = "0123456789+-.eENaIn \xc3\xff";
    srand(2);
    for (int i = 0; i < 50000; i++) {
        char *text = malloc(12);
        size_t n = (size_t)rand() % 13;
        for (size_t k = 0; k < n; k++) text[k] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        int64_t whole;
        double v;
        uint32_t c;
        tarn_str s = {text, n};
        if (tarn_parse_i64(s, &whole) && text[0] != '+') assert_true(tarn_parse_f64(s, &v) && v == (double)whole);
        if (n) assert_true(tarn_utf8_decode(text, n, &c) <= n);
        free(text);
    }
}

static void test_builder(void **state) {
    (void)state;
    tarn_auto_buf b = TARN_BUF(10);
    assert_true(tarn_buf_ok(&b));
    tarn_buf_puts(&b, "12345");
    tarn_buf_printf(&b, "%s", "678");
    tarn_buf_putc(&b, '9');
    tarn_buf_add(&b, NULL, 0);
    char *room = tarn_buf_reserve(&b, 1);
    assert_non_null(room);
    *room = '0';
    b.n++;
    assert_true(tarn_buf_ok(&b));
    assert_string_equal(b.data, "1234567890");
    tarn_buf_putc(&b, 'x');
    assert_false(tarn_buf_ok(&b));
    assert_int_equal(b.n, 10);
    assert_null(tarn_buf_reserve(&b, 0));
    tarn_arena *arena = tarn_arena_new();
    assert_null(tarn_buf_take(&b, arena));
    assert_true(tarn_buf_ok(&b));
    tarn_buf_puts(&b, "ab");
    assert_string_equal(tarn_buf_take(&b, arena), "ab");
    assert_int_equal(b.n, 0);
    assert_null(tarn_buf_reserve(&b, SIZE_MAX));
    tarn_buf_clear(&b);
    tarn_buf_printf(&b, "%011d", 1);
    assert_false(tarn_buf_ok(&b));
    tarn_buf_free(&b);
    assert_int_equal(b.max, 10);
    assert_string_equal(tarn_buf_take(&b, arena), "");
    tarn_auto_buf unlimited = TARN_BUF(SIZE_MAX), none = TARN_BUF(0);
    for (int i = 0; i < 5000; i++) tarn_buf_printf(&unlimited, "%d,", i);
    assert_true(tarn_buf_ok(&unlimited));
    assert_int_equal(strlen(unlimited.data), unlimited.n);
    assert_null(tarn_buf_reserve(&unlimited, SIZE_MAX - 1));
    tarn_buf_putc(&none, 'x');
    assert_false(tarn_buf_ok(&none));
    tarn_arena_free(arena);
}

static void test_distance(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int edits;
    } cases[] = {{"", "", 0}, {"orders", "ORDERS", 0}, {"oders", "orders", 1}, {"ordres", "orders", 2}, {"a", "abcd", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tarn_name_distance(cases[i].a, cases[i].b), cases[i].edits);
        assert_int_equal(tarn_name_distance(cases[i].b, cases[i].a), cases[i].edits);
    }
}

static void test_sql_quotes(void **state) {
    (void)state;
    tarn_arena *arena = tarn_arena_new();
    tarn_auto_buf b = TARN_BUF(1000);
    tarn_buf_sql_string(&b, "it's ''");
    tarn_buf_putc(&b, ' ');
    tarn_buf_sql_name(&b, "a \"b\" 'c'");
    assert_string_equal(b.data, "'it''s ''''' \"a \"\"b\"\" 'c'\"");
    assert_string_equal(tarn_sql_string(arena, "it's ''"), "'it''s '''''");
    assert_string_equal(tarn_sql_name(arena, "\""), "\"\"\"\"");
    assert_string_equal(tarn_sql_string(arena, ""), "''");
    tarn_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),  cmocka_unit_test(test_names),      cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_integers), cmocka_unit_test(test_doubles),    cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_builder),  cmocka_unit_test(test_sql_quotes),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
