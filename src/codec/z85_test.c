/* z85_test.c: the specification's example, round trips with padding, and refused text. */
#include "codec/z85.h"

#include "support/cx_fixture.h"

static void test_example(void **state) {
    tarn_cx *cx = *state;
    static const unsigned char bytes[8] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    tarn_auto_buf b = TARN_BUF(100);
    tarn_str back;
    tarn_z85_encode(&b, bytes, sizeof bytes);
    assert_string_equal(b.data, "HelloWorld");
    assert_int_equal(tarn_z85_decode(cx, cx->arena, TARN_LIT("HelloWorld"), &back), TARN_OK);
    assert_int_equal(back.n, 8);
    assert_memory_equal(back.p, bytes, 8);
}

static void test_round_trip(void **state) {
    tarn_cx *cx = *state;
    unsigned char bytes[64];
    for (size_t n = 0; n <= sizeof bytes; n++) {
        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(255 - i * n * 7);
        tarn_auto_buf b = TARN_BUF(200);
        tarn_str back;
        tarn_z85_encode(&b, bytes, n);
        assert_int_equal(tarn_z85_decode(cx, cx->arena, (tarn_str){b.data, b.n}, &back), TARN_OK);
        assert_int_equal(back.n, (n + 3) / 4 * 4);
        assert_memory_equal(back.p, bytes, n);
        for (size_t i = n; i < back.n; i++) assert_int_equal(back.p[i], 0);
    }
}

static void test_refused(void **state) {
    tarn_cx *cx = *state;
    static const char *const bad[] = {"Hell", "HelloW", "Hel o", "Hel\"o", "#####", "%nSc1", "##0aB0000", "Hell\xc3"};
    tarn_str out = {"as it was", 9};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tarn_z85_decode(cx, cx->arena, tarn_str_of(bad[i]), &out), TARN_CORRUPT);
        assert_int_equal(out.n, 9);
    }
    assert_int_equal(tarn_z85_decode(cx, cx->arena, TARN_LIT("%nSc0"), &out), TARN_OK);
    assert_memory_equal(out.p, "\xff\xff\xff\xff", 4);
    assert_int_equal(tarn_z85_decode(cx, cx->arena, TARN_LIT("00000##093"), &out), TARN_OK);
    assert_int_equal(out.n, 6);
    assert_memory_equal(out.p, "\0\0\0\0\3\0", 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_example, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_refused, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
