/* encode_test.c: values as bytes and bounds made of them, by the specification's rules and Java's answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/iceberg/write/write.h"

static tarn_value text(const char *s) { return (tarn_value){.kind = TARN_STRING, .s = tarn_str_of(s)}; }

static void assert_bytes(const tarn_value *v, const tarn_type *type, const char *bytes, size_t n) {
    tarn_auto_buf out = TARN_BUF(1000);
    assert_true(tarn_iceberg_encode(&out, v, type));
    assert_int_equal(out.n, n);
    assert_memory_equal(out.data, bytes, n);
}

static void test_values(void **state) {
    (void)state;
    static const tarn_type i32 = {.kind = TARN_INT32}, i64 = {.kind = TARN_INT64}, f64 = {.kind = TARN_FLOAT64};
    static const tarn_type money = {.kind = TARN_DECIMAL, .precision = 9, .scale = 2}, yes = {.kind = TARN_BOOL};
    assert_bytes(&(tarn_value){.kind = TARN_INT32, .i = 34}, &i32, "\x22\0\0\0", 4);
    assert_bytes(&(tarn_value){.kind = TARN_INT64, .i = -1}, &i64, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_bytes(&(tarn_value){.kind = TARN_FLOAT64, .f = 1}, &f64, "\0\0\0\0\0\0\xf0\x3f", 8);
    assert_bytes(&(tarn_value){.kind = TARN_BOOL, .b = true}, &yes, "\1", 1);
    /* The fewest bytes of two's complement, the highest first. */
    assert_bytes(&(tarn_value){.kind = TARN_DECIMAL, .scale = 2, .dec = 1420}, &money, "\x05\x8c", 2);
    assert_bytes(&(tarn_value){.kind = TARN_DECIMAL, .scale = 2, .dec = 128}, &money, "\0\x80", 2);
    assert_bytes(&(tarn_value){.kind = TARN_DECIMAL, .scale = 2, .dec = -128}, &money, "\x80", 1);
    assert_bytes(&(tarn_value){.kind = TARN_DECIMAL, .scale = 2, .dec = 0}, &money, "\0", 1);
    tarn_auto_buf out = TARN_BUF(10);
    assert_false(tarn_iceberg_encode(&out, &(tarn_value){.kind = TARN_INT32, .null = true}, &i32));
}

static void assert_bound(const char *value, bool upper, const char *bound) {
    static const tarn_type string = {.kind = TARN_STRING};
    tarn_auto_buf out = TARN_BUF(1000);
    tarn_value v = text(value);
    bool made = tarn_iceberg_encode_bound(&out, &v, &string, upper);
    assert_int_equal(made, bound != NULL);
    if (bound) assert_int_equal(out.n, strlen(bound));
    if (bound && *bound) assert_memory_equal(out.data, bound, out.n);
}

static void test_bounds(void **state) {
    (void)state;
    assert_bound("", true, "");
    assert_bound("short", true, "short");
    assert_bound("0123456789abcdefgh", false, "0123456789abcdef");
    assert_bound("0123456789abcdefgh", true, "0123456789abcdeg");
    /* Code points are counted, not bytes; over the surrogates; the last one has no next. */
    assert_bound("ääääääääääääääääz", false, "ääääääääääääääää");
    assert_bound("ääääääääääääääääz", true, "äääääääääääääääå");
    assert_bound("aaaaaaaaaaaaaaa\xed\x9f\xbfz", true, "aaaaaaaaaaaaaaa\xee\x80\x80");
    assert_bound("aaaaaaaaaaaaaaa\xf4\x8f\xbf\xbfz", true, "aaaaaaaaaaaaaab");
    static const char top[] = "\xf4\x8f\xbf\xbf";
    char all[17 * 4 + 1] = "";
    for (int i = 0; i < 17; i++) memcpy(all + 4 * i, top, 5);
    assert_bound(all, true, NULL);
    static const tarn_type f64 = {.kind = TARN_FLOAT64}, bytes = {.kind = TARN_BINARY};
    tarn_auto_buf out = TARN_BUF(100);
    assert_true(tarn_iceberg_encode_bound(&out, &(tarn_value){.kind = TARN_FLOAT64, .f = 0}, &f64, false));
    assert_memory_equal(out.data, "\0\0\0\0\0\0\0\x80", 8); /* -0.0 sorts before 0.0 */
    assert_false(
        tarn_iceberg_encode_bound(&out, &(tarn_value){.kind = TARN_FLOAT64, .f = __builtin_nan("")}, &f64, true));
    tarn_buf_clear(&out);
    tarn_value v = {.kind = TARN_BINARY, .s = TARN_LIT("aaaaaaaaaaaaaa\x01\xff\xff")};
    assert_true(tarn_iceberg_encode_bound(&out, &v, &bytes, true));
    assert_int_equal(out.n, 15);
    assert_memory_equal(out.data, "aaaaaaaaaaaaaa\x02", 15);
}

static void test_edits(void **state) {
    (void)state;
    tarn_cx cx;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx_init(&cx, conf);
    tarn_auto_buf out = TARN_BUF(10000);
    static const tarn_iceberg_edit edits[] = {{"a", "2", false}, {"gone", NULL, false}, {"new", "[1]", false}};
    static const tarn_iceberg_edit appends[] = {
        {"a", "7", true}, {"b", "7", true}, {"c", "7", true}, {"d", "7", true}, {"e", "7", true}};
    tarn_str before = TARN_LIT("{\"a\": 1, \"x-unknown\": {\"k\": [1, 2]}, \"gone\": 3, \"a\": 9}");
    assert_int_equal(tarn_iceberg_edit_members(&cx, before, edits, 3, &out), TARN_OK);
    assert_string_equal(out.data, "{\n  \"a\" : 2,\n  \"x-unknown\" : {\"k\": [1, 2]},\n  \"new\" : [1]\n}");
    tarn_buf_clear(&out);
    before = TARN_LIT("{\"a\": [], \"b\":[ ], \"c\": [{\"a\":1} ], \"d\": null}");
    assert_int_equal(tarn_iceberg_edit_members(&cx, before, appends, 5, &out), TARN_OK);
    assert_string_equal(out.data, "{\n  \"a\" : [7],\n  \"b\" : [7],\n  \"c\" : [{\"a\":1}, 7],\n  \"d\" : [7],\n"
                                  "  \"e\" : [7]\n}");
    tarn_buf_clear(&out);
    assert_int_equal(tarn_iceberg_edit_members(&cx, TARN_LIT("[1]"), edits, 3, &out), TARN_CORRUPT);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_edits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
