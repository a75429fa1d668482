/* sigv4_test.c: the four signatures that Amazon S3's API reference works out, and session tokens. */
#include "net/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* "Signature Calculations for the Authorization Header": its keys, time and host. */
static const tarn_sigv4_keys keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL,
                                     "us-east-1", "s3"};
static const char host[] = "examplebucket.s3.amazonaws.com";

static int64_t fixed_clock(void *state) {
    (void)state;
    return INT64_C(1369353600) * 1000000;
}

static int setup(void **state) {
    tarn_cx *cx = calloc(1, sizeof *cx);
    tarn_cx_init(cx, tarn_conf_defaults());
    cx->clock = fixed_clock;
    *state = cx;
    return 0;
}

static int teardown(void **state) {
    tarn_cx *cx = *state;
    tarn_conf_free(cx->conf);
    tarn_cx_done(cx);
    free(cx);
    return 0;
}

static const char *value_of(const tarn_http_headers *headers, const char *name) {
    for (size_t i = 0; i < headers->n; i++)
        if (!strcmp(headers->at[i].name, name)) return headers->at[i].value;
    return NULL;
}

static void assert_signed(tarn_cx *cx, const tarn_sigv4_request *request, const tarn_http_header *given, size_t n,
                          const char *names, const char *signature) {
    tarn_http_headers headers = {0};
    for (size_t i = 0; i < n; i++) *TARN_PUSH(cx->arena, &headers) = given[i];
    tarn_sigv4_sign(cx, &keys, request, &headers);
    assert_string_equal(
        value_of(&headers, "authorization"),
        tarn_printf(cx,
                    "AWS4-HMAC-SHA256 Credential=%s/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
                    keys.key_id, names, signature));
    assert_string_equal(value_of(&headers, "x-amz-date"), "20130524T000000Z");
}

static void test_published(void **state) {
    tarn_cx *cx = *state;
    const tarn_http_header range = {"range", "bytes=0-9"};
    const tarn_http_header put[] = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                    {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    assert_signed(cx, &(tarn_sigv4_request){"GET", host, "/test.txt", "", {NULL, 0}}, &range, 1,
                  "host;range;x-amz-content-sha256;x-amz-date",
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    assert_signed(cx, &(tarn_sigv4_request){"PUT", host, "/test%24file.text", "", TARN_LIT("Welcome to Amazon S3.")},
                  put, 2, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    assert_signed(cx, &(tarn_sigv4_request){"GET", host, "/", "lifecycle=", {NULL, 0}}, NULL, 0,
                  "host;x-amz-content-sha256;x-amz-date",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    assert_signed(cx, &(tarn_sigv4_request){"GET", host, "/", "max-keys=2&prefix=J", {NULL, 0}}, NULL, 0,
                  "host;x-amz-content-sha256;x-amz-date",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void test_session_token(void **state) {
    tarn_cx *cx = *state;
    tarn_sigv4_keys temporary = keys;
    tarn_http_headers headers = {0};
    temporary.session_token = "token/+=";
    tarn_sigv4_sign(cx, &temporary, &(tarn_sigv4_request){"GET", host, "/", "", {NULL, 0}}, &headers);
    assert_string_equal(value_of(&headers, "x-amz-security-token"), "token/+=");
    assert_non_null(strstr(value_of(&headers, "authorization"), ";x-amz-security-token,"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(test_published), CASE(test_session_token)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
