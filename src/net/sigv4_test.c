/* sigv4_test.c: the examples AWS prints in "Authenticating Requests: Using the Authorization Header" of S3's API
 * reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/conf.h"
#include "net/http.h"
#include "net/sigv4.h"

static const tarn_sigv4 signer = {.key_id = "AKIAIOSFODNN7EXAMPLE",
                                  .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                  .region = "us-east-1",
                                  .service = "s3",
                                  .now_us = 1369353600000000}; /* 2013-05-24 */

static void assert_signed(const tarn_sigv4_request *request, const char *signature) {
    tarn_cx cx;
    tarn_conf *conf = tarn_conf_defaults();
    const char *const *headers;
    const char *authorization = NULL;
    tarn_cx_init(&cx, conf);
    assert_int_equal(tarn_sigv4_headers(&cx, &signer, request, &headers), TARN_OK);
    for (; *headers; headers++)
        if (!strncmp(*headers, "authorization: ", 15)) authorization = *headers;
    assert_non_null(authorization);
    assert_string_equal(strstr(authorization, "Signature=") + 10, signature);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void test_known_answers(void **state) {
    (void)state;
    static const char host[] = "examplebucket.s3.amazonaws.com";
    static const char *const range[] = {"range: bytes=0-9", NULL};
    static const char *const stored[] = {"date: Fri, 24 May 2013 00:00:00 GMT",
                                         "x-amz-storage-class: REDUCED_REDUNDANCY", NULL};
    assert_signed(&(tarn_sigv4_request){"GET", host, "/test.txt", "", range, {0}},
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    assert_signed(
        &(tarn_sigv4_request){"PUT", host, "/test%24file.text", "", stored, TARN_LIT("Welcome to Amazon S3.")},
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    assert_signed(&(tarn_sigv4_request){"GET", host, "/", "lifecycle=", NULL, {0}},
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    assert_signed(&(tarn_sigv4_request){"GET", host, "/", "max-keys=2&prefix=J", NULL, {0}},
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void test_url_text(void **state) {
    (void)state;
    tarn_auto_buf out = TARN_BUF(200);
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_url_encode(&out, TARN_LIT("a/b c+d=%\xc3\xa4~"), true);
    assert_string_equal(out.data, "a/b%20c%2Bd%3D%25%C3%A4~");
    assert_string_equal(tarn_url_decode(arena, (tarn_str){out.data, out.n}), "a/b c+d=%\xc3\xa4~");
    tarn_buf_clear(&out);
    tarn_url_encode(&out, TARN_LIT("a/b"), false);
    assert_string_equal(out.data, "a%2Fb");
    assert_null(tarn_url_decode(arena, TARN_LIT("100%")));
    assert_null(tarn_url_decode(arena, TARN_LIT("%4")));
    assert_null(tarn_url_decode(arena, TARN_LIT("%zz")));
    assert_string_equal(tarn_url_decode(arena, TARN_LIT("%41")), "A");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers), cmocka_unit_test(test_url_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
