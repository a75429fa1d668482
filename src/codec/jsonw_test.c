/* jsonw_test.c: what is written reads back the same: commas, escapes, extreme numbers. */
#include "codec/jsonw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"

static void test_structure(void **state) {
    (void)state;
    tarn_auto_buf b = TARN_BUF(1000);
    tarn_jsonw w = TARN_JSONW(&b);
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, "a");
    tarn_jsonw_begin_array(&w);
    tarn_jsonw_int(&w, INT64_MIN);
    tarn_jsonw_uint(&w, UINT64_MAX);
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_end_object(&w);
    tarn_jsonw_begin_array(&w);
    tarn_jsonw_end_array(&w);
    tarn_jsonw_null(&w);
    tarn_jsonw_end_array(&w);
    tarn_jsonw_key_str(&w, TARN_LIT("b\"c"));
    tarn_jsonw_bool(&w, false);
    tarn_jsonw_key(&w, "r");
    tarn_jsonw_raw(&w, TARN_LIT("[1]"));
    tarn_jsonw_key(&w, "t");
    tarn_jsonw_text(&w, NULL);
    tarn_jsonw_end_object(&w);
    tarn_jsonw_newline(&w);
    tarn_jsonw_bool(&w, true);
    assert_true(tarn_buf_ok(&b));
    assert_string_equal(
        b.data,
        "{\"a\":[-9223372036854775808,18446744073709551615,{},[],null],\"b\\\"c\":false,\"r\":[1],\"t\":null}\ntrue");
}

static void check_string(tarn_str s, const char *want) {
    tarn_auto_buf b = TARN_BUF(1000);
    tarn_jsonw w = TARN_JSONW(&b);
    tarn_jsonw_string(&w, s);
    assert_string_equal(b.data, want);
}

static void test_strings(void **state) {
    (void)state;
    check_string(TARN_LIT(""), "\"\"");
    check_string(TARN_LIT("a\"\\/\b\f\n\r\t\x01\x1f\x7f\0z"),
                 "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\"");
    check_string(TARN_LIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    check_string(TARN_LIT("\xff"
                          "a\xc3"),
                 "\"\xef\xbf\xbd"
                 "a\xef\xbf\xbd\"");
    check_string(TARN_LIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_string((tarn_str){NULL, 0}, "null");
}

static void check_double(double v, const char *want) {
    tarn_auto_buf b = TARN_BUF(1000);
    tarn_jsonw w = TARN_JSONW(&b);
    tarn_jsonw_double(&w, v);
    if (want) assert_string_equal(b.data, want);
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_json r;
    double back = 0;
    tarn_json_init(&r, (tarn_str){b.data, b.n}, 4);
    assert_int_equal(tarn_json_next(&cx, &r), TARN_OK);
    assert_int_equal(tarn_json_double(&cx, &r, &back), TARN_OK);
    if (isnan(v))
        assert_true(isnan(back));
    else
        assert_memory_equal(&back, &v, sizeof v);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void test_doubles(void **state) {
    (void)state;
    check_double(0.0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(1, "1.0");
    check_double(-123, "-123.0");
    check_double(0.1, "0.1");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1.0 / 3, "0.3333333333333333");
    check_double(123456.789, "123456.789");
    check_double(1e16, "10000000000000000.0");
    check_double(1e17, "1e17");
    check_double(1.5e300, "1.5e300");
    check_double(0.00001, "0.00001");
    check_double(1e-7, "1e-7");
    check_double(5e-324, "5e-324");
    check_double(2.2250738585072014e-308, NULL);
    check_double(1.7976931348623157e308, "1.7976931348623157e308");
    check_double((double)NAN, "\"NaN\"");
    check_double((double)INFINITY, "\"Infinity\"");
    check_double((double)-INFINITY, "\"-Infinity\"");
    uint64_t seed = 99;
    for (int i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double v;
        memcpy(&v, &seed, sizeof v);
        if (isfinite(v)) check_double(v, NULL);
    }
}

static void test_full_buffer(void **state) {
    (void)state;
    tarn_auto_buf b = TARN_BUF(4);
    tarn_jsonw w = TARN_JSONW(&b);
    tarn_jsonw_text(&w, "too long");
    assert_false(tarn_buf_ok(&b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
