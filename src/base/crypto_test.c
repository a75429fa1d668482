/* crypto_test.c: published digests, and UUIDs that say their version and time. */
#include "base/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* RFC 1321 A.5; FIPS 180-4 examples; the CRC catalogue's check value. */
static void test_digests(void **state) {
    (void)state;
    char md5[TARN_MD5_HEX], hex[TARN_SHA256_HEX];
    unsigned char hash[32];
    tarn_md5_hex("message digest", 14, md5);
    assert_string_equal(md5, "f96b697d7cb7938d525a2f31aaf161d0");
    tarn_md5_hex(NULL, 0, md5);
    assert_string_equal(md5, "d41d8cd98f00b204e9800998ecf8427e");
    tarn_sha256("abc", 3, hash);
    tarn_hex(hash, sizeof hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    tarn_sha256(NULL, 0, hash);
    tarn_hex(hash, sizeof hash, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(tarn_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(tarn_crc32(tarn_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(tarn_crc32(77, NULL, 0), 77);
    tarn_hex(NULL, 0, hex);
    assert_string_equal(hex, "");
}

static int64_t fixed_clock(void *state) { return *(int64_t *)state; }

static void ones(void *state, void *out, size_t n) {
    (void)state;
    memset(out, 0xff, n);
}

static void test_make_uuids(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    char a[TARN_UUID_TEXT], b[TARN_UUID_TEXT];
    unsigned char bytes[16];
    tarn_uuid_v4(&cx, a);
    tarn_uuid_v4(&cx, b);
    assert_string_not_equal(a, b);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_true(tarn_uuid_parse(tarn_str_of(a), bytes));
    /* RFC 9562, A.6: 0x017F22E279B0 ms. */
    int64_t now = INT64_C(0x017f22e279b0) * 1000 + 999;
    cx.clock = fixed_clock;
    cx.clock_state = &now;
    cx.random = ones;
    tarn_uuid_v7(&cx, a);
    assert_string_equal(a, "017f22e2-79b0-7fff-bfff-ffffffffffff");
    tarn_uuid_v4(&cx, a);
    assert_string_equal(a, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void test_parse_uuids(void **state) {
    (void)state;
    unsigned char bytes[16] = {9};
    char text[TARN_UUID_TEXT];
    assert_true(tarn_uuid_parse(TARN_LIT("017F22E2-79b0-7cc3-98c4-dc0c0c07398f"), bytes));
    assert_int_equal(bytes[0], 1);
    assert_int_equal(bytes[15], 0x8f);
    tarn_uuid_text(bytes, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    static const char *const bad[] = {"",
                                      "017f22e279b07cc398c4dc0c0c07398f",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
                                      "017f22e2-79b0-7cc3-98c4dc0c0c-07398f",
                                      "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                                      "------------------------------------",
                                      "017f22e2 79b0-7cc3-98c4-dc0c0c07398f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(tarn_uuid_parse(tarn_str_of(bad[i]), bytes));
    assert_int_equal(bytes[15], 0x8f);
    for (int c = 0; c < 256; c++) {
        char odd[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
        odd[3] = (char)c;
        assert_int_equal(tarn_uuid_parse((tarn_str){odd, 36}, bytes),
                         c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_make_uuids),
        cmocka_unit_test(test_parse_uuids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
