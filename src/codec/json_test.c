/* json_test.c: the grammar at its edges, values, navigation, skipping against reading, and hostile bytes. */
#include "codec/json.h"

#include <math.h>
#include <stdio.h>

#include "codec/json_tree.h"
#include "support/cx_fixture.h"

/* In memory of exactly its size, so that a read past the end is seen. */
static char *exact(const char *p, size_t n) {
    char *copy = malloc(n ? n : 1);
    if (n) memcpy(copy, p, n);
    return copy;
}

static tarn_code read_all(tarn_cx *cx, tarn_str text, int depth_max, size_t *tokens) {
    tarn_json r;
    tarn_json_init(&r, text, depth_max);
    size_t n = 0;
    do {
        TRY(tarn_json_next(cx, &r));
        tarn_str s;
        double d;
        int64_t i;
        if (r.kind == TARN_JSON_STRING || r.kind == TARN_JSON_KEY) TRY(tarn_json_text(cx, &r, cx->arena, &s));
        if (r.kind == TARN_JSON_NUMBER && tarn_json_double(cx, &r, &d) != TARN_OK) tarn_clear_error(cx);
        if (r.kind == TARN_JSON_NUMBER && tarn_json_int(cx, &r, &i) != TARN_OK) tarn_clear_error(cx);
        n++;
    } while (r.kind != TARN_JSON_END);
    *tokens = n;
    return TARN_OK;
}

static tarn_code skip_all(tarn_cx *cx, tarn_str text, int depth_max) {
    tarn_json r;
    tarn_json_init(&r, text, depth_max);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_skip(cx, &r));
    return tarn_json_finish(cx, &r);
}

static tarn_code read_exact(tarn_cx *cx, const char *text, size_t n, size_t *tokens) {
    char *copy = exact(text, n);
    tarn_code code = read_all(cx, (tarn_str){copy, n}, 64, tokens);
    const tarn_json_value *tree;
    tarn_code tree_code = tarn_json_parse(cx, cx->arena, (tarn_str){copy, n}, 64, &tree);
    tarn_code skip_code = skip_all(cx, (tarn_str){copy, n}, 64);
    free(copy);
    assert_int_equal(code, tree_code);
    if (code == TARN_OK) assert_int_equal(skip_code, TARN_OK);
    return code;
}

static void test_accepts(void **state) {
    tarn_cx *cx = *state;
    static const struct {
        const char *text;
        size_t tokens;
    } good[] = {
        {"0", 2},
        {"-0", 2},
        {"-12.5e+3", 2},
        {"1E9", 2},
        {"0.0", 2},
        {"true", 2},
        {"null", 2},
        {"\"\"", 2},
        {" \t\r\n 1 \n", 2},
        {"[]", 3},
        {"[ ]", 3},
        {"{}", 3},
        {"{ }", 3},
        {"[1,2]", 5},
        {"[[],{}]", 7},
        {"{\"a\":1,\"a\":2}", 7},
        {"{\"\":[null , false]}", 8},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", 2},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", 2},
        {"\"\\ud800\"", 2},
        {"1e999", 2},
        {"123456789012345678901234567890", 2},
        {"\"0123456789abcdef0123456789abcdef\\\"x\"", 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t tokens = 0;
        if (read_exact(cx, good[i].text, strlen(good[i].text), &tokens) != TARN_OK)
            fail_msg("%s: %s", good[i].text, cx->error.message);
        assert_int_equal(tokens, good[i].tokens);
    }
}

static void test_refuses(void **state) {
    tarn_cx *cx = *state;
    static const char *const bad[] = {
        "",
        " ",
        "tru",
        "True",
        "truex",
        "nul",
        "+1",
        "01",
        "-",
        "-x",
        "1.",
        ".5",
        "1.e3",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "1 2",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "{,}",
        "{\"a\",1}",
        "{\"a\"::1}",
        "[1:2]",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\u-123\"",
        "\"\\U0041\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x01\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xc3\"",
        "\"\xc3\\u0041\"",
        "\"\xed\xa0\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xf0\x80\x80\x80\"",
        "\xef\xbb\xbf{}",
        "[]x",
        "{}{}",
        "// x\n1",
        "/**/1",
        "[1]\v",
        "\f1",
        "\"0123456789abcdef0123\x1f\"",
        "\"0123456789abcdef0123\xff\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t tokens;
        if (read_exact(cx, bad[i], strlen(bad[i]), &tokens) != TARN_CORRUPT) fail_msg("taken: %s", bad[i]);
        assert_true(tarn_str_starts(tarn_str_of(cx->error.message), "JSON at byte "));
    }
    size_t tokens;
    assert_int_equal(read_exact(cx, "\"a\0b\"", 5, &tokens), TARN_CORRUPT);
    assert_int_equal(read_exact(cx, "1\0", 2, &tokens), TARN_CORRUPT);
    assert_int_equal(read_exact(cx, "\"\\\0\"", 4, &tokens), TARN_CORRUPT);
}

static void test_names_the_place(void **state) {
    tarn_cx *cx = *state;
    size_t tokens;
    assert_int_equal(read_all(cx, TARN_LIT("{\"a\":[1,?]}"), 64, &tokens), TARN_CORRUPT);
    assert_string_equal(cx->error.message, "JSON at byte 8: expected a value, found '?'");
    assert_int_equal(read_all(cx, TARN_LIT("{\"a\":[1"), 64, &tokens), TARN_CORRUPT);
    assert_string_equal(cx->error.message, "JSON at byte 7: expected ',' or ']', found the end of the text");
}

static void test_depth(void **state) {
    tarn_cx *cx = *state;
    size_t n = 4000, tokens = 0;
    char *text = malloc(2 * n);
    for (size_t i = 0; i < n; i++) {
        text[i] = '[';
        text[2 * n - 1 - i] = ']';
    }
    tarn_str s = {text, 2 * n};
    const tarn_json_value *tree;
    assert_int_equal(read_all(cx, s, (int)n, &tokens), TARN_OK);
    assert_int_equal(tokens, 2 * n + 1);
    assert_int_equal(skip_all(cx, s, (int)n), TARN_OK);
    assert_int_equal(tarn_json_parse(cx, cx->arena, s, (int)n, &tree), TARN_OK);
    assert_int_equal(read_all(cx, s, (int)n - 1, &tokens), TARN_LIMIT);
    assert_int_equal(skip_all(cx, s, (int)n - 1), TARN_LIMIT);
    assert_int_equal(tarn_json_parse(cx, cx->arena, s, (int)n - 1, &tree), TARN_LIMIT);
    assert_non_null(strstr(cx->error.message, "limit.json_depth"));
    free(text);
    n = TARN_JSON_DEPTH_TOP + 1;
    text = malloc(n);
    memset(text, '[', n);
    assert_int_equal(read_all(cx, (tarn_str){text, n}, INT32_MAX, &tokens), TARN_LIMIT);
    assert_int_equal(skip_all(cx, (tarn_str){text, n}, INT32_MAX), TARN_LIMIT);
    free(text);
}

static void open_value(tarn_cx *cx, tarn_json *r, const char *text) {
    tarn_json_init(r, tarn_str_of(text), 64);
    assert_int_equal(tarn_json_next(cx, r), TARN_OK);
}

static void check_text(tarn_cx *cx, const char *json, const char *want, size_t n) {
    tarn_json r;
    tarn_str s;
    open_value(cx, &r, json);
    assert_int_equal(tarn_json_text(cx, &r, cx->arena, &s), TARN_OK);
    assert_int_equal(s.n, n);
    assert_memory_equal(s.p, want, n);
}

static void test_text(void **state) {
    tarn_cx *cx = *state;
    check_text(cx, "\"plain\"", "plain", 5);
    check_text(cx, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    check_text(cx, "\"\\u0041\\u00e9\\u20AC\\uD83D\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10);
    check_text(cx, "\"a\\u0000b\"", "a\0b", 3);
    check_text(cx, "\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4);
    check_text(cx, "\"\\ud800\"", "\xef\xbf\xbd", 3);
    check_text(cx, "\"\\udc00x\"", "\xef\xbf\xbdx", 4);
    check_text(cx, "\"\\ud800\\u0041\"",
               "\xef\xbf\xbd"
               "A",
               4);
    check_text(cx, "\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
    check_text(cx, "\"\\ud800\\n\"", "\xef\xbf\xbd\n", 4);
    check_text(cx, "\"0123456789abcdef0123456789abcdef\\t0123456789abcdef\\\\\"",
               "0123456789abcdef0123456789abcdef\t0123456789abcdef\\", 50);
    tarn_json r;
    tarn_str s;
    open_value(cx, &r, "\"same\"");
    assert_int_equal(tarn_json_text(cx, &r, cx->arena, &s), TARN_OK);
    assert_ptr_equal(s.p, r.begin + 1);
    open_value(cx, &r, "null");
    assert_int_equal(tarn_json_string_or_null(cx, &r, cx->arena, &s), TARN_OK);
    assert_null(s.p);
    open_value(cx, &r, "\"\"");
    assert_int_equal(tarn_json_string_or_null(cx, &r, cx->arena, &s), TARN_OK);
    assert_non_null(s.p);
    open_value(cx, &r, "12");
    assert_int_equal(tarn_json_text(cx, &r, cx->arena, &s), TARN_CORRUPT);
    assert_string_equal(cx->error.message, "JSON at byte 0: expected a string, found a number");
}

static void test_ints(void **state) {
    tarn_cx *cx = *state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-7", -7},
        {"999999999999999999", 999999999999999999},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"-99999999999999999", -99999999999999999},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tarn_json r;
        int64_t v = 1;
        open_value(cx, &r, good[i].text);
        assert_int_equal(tarn_json_int(cx, &r, &v), TARN_OK);
        assert_true(v == good[i].value);
    }
    static const char *const bad[] = {"9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "1e3",
                                      "12.0",
                                      "1E0",
                                      "\"1\"",
                                      "true",
                                      "null",
                                      "1.00000000000000000000000",
                                      "100000000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tarn_json r;
        int64_t v = 42;
        open_value(cx, &r, bad[i]);
        assert_int_equal(tarn_json_int(cx, &r, &v), TARN_CORRUPT);
        assert_true(v == 42);
    }
    tarn_json r;
    int64_t v = 42;
    open_value(cx, &r, "null");
    assert_int_equal(tarn_json_int_or_null(cx, &r, &v), TARN_OK);
    assert_true(v == 42);
}

static void test_doubles_and_bools(void **state) {
    tarn_cx *cx = *state;
    tarn_json r;
    double d = 0;
    bool b = false;
    open_value(cx, &r, "-12.5e+3");
    assert_int_equal(tarn_json_double(cx, &r, &d), TARN_OK);
    assert_true(d == -12500.0);
    open_value(cx, &r, "0.1");
    assert_int_equal(tarn_json_double(cx, &r, &d), TARN_OK);
    assert_true(d == 0.1);
    open_value(cx, &r, "\"-Infinity\"");
    assert_int_equal(tarn_json_double(cx, &r, &d), TARN_OK);
    assert_true(isinf(d) && d < 0);
    d = 5;
    open_value(cx, &r, "1e999");
    assert_int_equal(tarn_json_double(cx, &r, &d), TARN_CORRUPT);
    open_value(cx, &r, "\"1\"");
    assert_int_equal(tarn_json_double(cx, &r, &d), TARN_CORRUPT);
    open_value(cx, &r, "null");
    assert_int_equal(tarn_json_double_or_null(cx, &r, &d), TARN_OK);
    assert_true(d == 5);
    open_value(cx, &r, "true");
    assert_int_equal(tarn_json_bool(cx, &r, &b), TARN_OK);
    assert_true(b);
    open_value(cx, &r, "1");
    assert_int_equal(tarn_json_bool(cx, &r, &b), TARN_CORRUPT);
}

static void test_navigation(void **state) {
    tarn_cx *cx = *state;
    tarn_json r;
    tarn_str key, raw;
    bool more;
    int64_t v;
    open_value(cx, &r, "{\"a\":{\"x\":[1,{}]},\"b\":[10,[0],20],\"c\\u0064\":3,\"e\": {\"f\" : [] } }");
    assert_int_equal(tarn_json_expect_object(cx, &r), TARN_OK);
    assert_int_equal(tarn_json_expect_array(cx, &r), TARN_CORRUPT);
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_true(more && tarn_str_is(key, "a"));
    assert_int_equal(tarn_json_skip(cx, &r), TARN_OK);
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_true(more && tarn_str_is(key, "b"));
    assert_int_equal(tarn_json_expect_array(cx, &r), TARN_OK);
    assert_int_equal(tarn_json_element(cx, &r, &more), TARN_OK);
    assert_true(more);
    assert_int_equal(tarn_json_int(cx, &r, &v), TARN_OK);
    assert_true(v == 10);
    assert_int_equal(tarn_json_element(cx, &r, &more), TARN_OK);
    assert_int_equal(tarn_json_raw(cx, &r, &raw), TARN_OK);
    assert_true(tarn_str_is(raw, "[0]"));
    assert_int_equal(tarn_json_element(cx, &r, &more), TARN_OK);
    assert_int_equal(tarn_json_raw(cx, &r, &raw), TARN_OK);
    assert_true(tarn_str_is(raw, "20"));
    assert_int_equal(tarn_json_element(cx, &r, &more), TARN_OK);
    assert_false(more);
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_true(more && tarn_str_is(key, "cd"));
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_true(more && tarn_str_is(key, "e"));
    assert_int_equal(tarn_json_raw(cx, &r, &raw), TARN_OK);
    assert_true(tarn_str_is(raw, "{\"f\" : [] }"));
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_false(more);
    assert_int_equal(tarn_json_finish(cx, &r), TARN_OK);
}

static void test_wrong_container(void **state) {
    tarn_cx *cx = *state;
    tarn_json r;
    tarn_str key;
    bool more;
    open_value(cx, &r, "[1]");
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_CORRUPT);
    open_value(cx, &r, "{\"a\":1}");
    assert_int_equal(tarn_json_element(cx, &r, &more), TARN_CORRUPT);
    open_value(cx, &r, "7");
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_CORRUPT);
    open_value(cx, &r, "[[1]]");
    assert_int_equal(tarn_json_finish(cx, &r), TARN_CORRUPT);
}

static tarn_code count_lines(tarn_cx *cx, const char *text, size_t *lines) {
    tarn_json r;
    tarn_json_init_lines(&r, tarn_str_of(text), 8);
    for (bool more;; ++*lines) {
        TRY(tarn_json_line(cx, &r, &more));
        if (!more) return TARN_OK;
        TRY(tarn_json_skip(cx, &r));
    }
}

static void test_lines(void **state) {
    tarn_cx *cx = *state;
    static const struct {
        const char *text;
        tarn_code code;
        size_t lines;
    } cases[] = {
        {"", TARN_OK, 0},
        {"\n \n", TARN_OK, 0},
        {"{}", TARN_OK, 1},
        {"{\"a\":1}\n[2]\n", TARN_OK, 2},
        {"\n1\r\n2\n\n3", TARN_OK, 3},
        {"{}{}", TARN_CORRUPT, 1},
        {"1\n]", TARN_CORRUPT, 1},
        {"{}\n{\"a\":", TARN_CORRUPT, 1},
        {"{},{}", TARN_CORRUPT, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t lines = 0;
        assert_int_equal(count_lines(cx, cases[i].text, &lines), cases[i].code);
        assert_int_equal(lines, cases[i].lines);
    }
}

static uint32_t next_random(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u, *seed >> 8; }

/* A random valid value; strings are rich in what a fast skip could trip over. */
static void put_random(tarn_buf *b, uint32_t *seed, int depth) {
    static const char *const pieces[] = {"{", "}", "[",       "]", "\\\"", "\\\\", "x", "\\u005c", "abcdefghijklmnop",
                                         ",", ":", "\xc3\xa9"};
    uint32_t kind = next_random(seed) % (depth ? 6 : 4), n = next_random(seed) % 6;
    if (kind == 0) {
        tarn_buf_puts(b, "-1.5e3");
    } else if (kind == 1) {
        tarn_buf_puts(b, "null");
    } else if (kind < 4) {
        tarn_buf_putc(b, '"');
        for (uint32_t i = 0; i < n * 3; i++) tarn_buf_puts(b, pieces[next_random(seed) % 12]);
        tarn_buf_putc(b, '"');
    } else {
        tarn_buf_putc(b, kind == 4 ? '[' : '{');
        for (uint32_t i = 0; i < n; i++) {
            tarn_buf_puts(b, i ? " ," : "");
            if (kind == 5) tarn_buf_printf(b, "\"k%u\": ", next_random(seed) % 4);
            put_random(b, seed, depth - 1);
        }
        tarn_buf_putc(b, kind == 4 ? ']' : '}');
    }
}

static void test_random_documents(void **state) {
    tarn_cx *cx = *state;
    uint32_t seed = 7;
    tarn_auto_buf b = TARN_BUF(1 << 20);
    for (int round = 0; round < 400; round++) {
        tarn_buf_clear(&b);
        tarn_buf_putc(&b, '[');
        put_random(&b, &seed, 5);
        tarn_buf_putc(&b, ']');
        size_t tokens;
        if (read_exact(cx, b.data, b.n, &tokens) != TARN_OK) fail_msg("%s in %s", cx->error.message, b.data);
        for (size_t n = 0; n < b.n; n += 1 + b.n / 100) {
            assert_int_equal(read_exact(cx, b.data, n, &tokens), TARN_CORRUPT);
            assert_int_equal(skip_all(cx, (tarn_str){b.data, n}, 64), TARN_CORRUPT);
        }
        for (int k = 0; k < 20; k++) {
            size_t at = next_random(&seed) % b.n;
            char was = b.data[at];
            b.data[at] = "\"\\{}[],:0x\x01\xff"[next_random(&seed) % 12];
            tarn_code code = read_exact(cx, b.data, b.n, &tokens);
            assert_true(code == TARN_OK || code == TARN_CORRUPT);
            b.data[at] = was;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accepts, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_refuses, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_names_the_place, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_depth, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_text, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_ints, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_doubles_and_bools, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_navigation, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_container, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_lines, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_random_documents, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
