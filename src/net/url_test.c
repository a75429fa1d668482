/* url_test.c: percent-encoding there and back, endpoints taken apart, and HTTP's dates. */
#include "net/url.h"

#include "net/http.h"
#include "support/cx_fixture.h"

static void test_encode(void **state) {
    tarn_cx *cx = *state;
    assert_string_equal(tarn_url_encoded(cx, TARN_LIT("a/b c+=%~\xc3\xa9"), true), "a/b%20c%2B%3D%25~%C3%A9");
    assert_string_equal(tarn_url_encoded(cx, TARN_LIT("a/b"), false), "a%2Fb");
    assert_string_equal(tarn_url_encoded(cx, TARN_LIT(""), false), "");
    char all[256];
    tarn_str back;
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    const char *encoded = tarn_url_encoded(cx, (tarn_str){all, 256}, true);
    assert_int_equal(tarn_url_decode(cx, tarn_str_of(encoded), cx->arena, &back), TARN_OK);
    assert_int_equal(back.n, 256);
    assert_memory_equal(back.p, all, 256);
    assert_int_equal(tarn_url_decode(cx, TARN_LIT("a+b%2b"), cx->arena, &back), TARN_OK);
    assert_string_equal(back.p, "a b+");
    static const char *const bad[] = {"%", "%1", "a%zz", "%%20"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tarn_url_decode(cx, tarn_str_of(bad[i]), cx->arena, &back), TARN_CORRUPT);
}

static void test_parse(void **state) {
    tarn_cx *cx = *state;
    tarn_url url;
    assert_int_equal(tarn_url_parse(cx, "https://s3.eu-west-1.amazonaws.com", &url), TARN_OK);
    assert_true(url.tls);
    assert_string_equal(url.host, "s3.eu-west-1.amazonaws.com");
    assert_string_equal(url.path, "");
    assert_int_equal(tarn_url_parse(cx, "http://[::1]:9000/base/x//", &url), TARN_OK);
    assert_false(url.tls);
    assert_string_equal(url.host, "[::1]:9000");
    assert_string_equal(url.path, "/base/x");
    static const char *const bad[] = {
        "",           "host",           "ftp://host", "http://",          "http://:80",   "http://u:hidden@h",
        "http://h?a", "http://h/p?a=b", "http://h b", "http://h\r\nX: y", "http://h/%41", "https:///x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (tarn_url_parse(cx, bad[i], &url) != TARN_INVALID) fail_msg("taken: %s", bad[i]);
        assert_null(strstr(cx->error.message, "hidden"));
    }
}

static void test_dates(void **state) {
    (void)state;
    int64_t ms = 0;
    assert_true(tarn_http_parse_date("Sun, 06 Nov 1994 08:49:37 GMT", &ms));
    assert_int_equal(ms, INT64_C(784111777000));
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 06 Nvo 1994 08:49:37 GMT",
                                      "Sun, 06 ovD 1994 08:49:37 GMT",
                                      "Sun, 0x Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 28:49:37 GMT",
                                      "1994-11-06T08:49:37Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(tarn_http_parse_date(bad[i], &ms));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cx_setup, cx_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(test_encode), CASE(test_parse), CASE(test_dates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
