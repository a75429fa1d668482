/* compress_test.c: each format gives back what went in, keeps to the buffer's maximum and refuses what is not its own.
 */

#include "codec/compress.h"
#include "support/cx_fixture.h"

static const tarn_compression formats[] = {TARN_DEFLATE, TARN_GZIP, TARN_ZSTD, TARN_SNAPPY};

static void fill(tarn_buf *b, size_t n) {
    for (unsigned i = 0; b->n < n; i++) tarn_buf_printf(b, "%u,", i * 2654435761u % 1000);
    b->n = n;
}

static void test_there_and_back(void **state) {
    tarn_cx *cx = *state;
    static const size_t sizes[] = {0, 1, 4096, 100000, 20000000};
    for (size_t f = 0; f < 4; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            tarn_auto_buf plain = TARN_BUF(1 << 25), packed = TARN_BUF(1 << 25), back = TARN_BUF(1 << 25);
            fill(&plain, sizes[i]);
            assert_int_equal(tarn_compress(cx, formats[f], (tarn_str){plain.data, plain.n}, &packed), TARN_OK);
            assert_int_equal(tarn_decompress(cx, formats[f], (tarn_str){packed.data, packed.n}, &back), TARN_OK);
            assert_int_equal(back.n, plain.n);
            if (plain.n) assert_memory_equal(back.data, plain.data, plain.n);
        }
}

static void test_limits(void **state) {
    tarn_cx *cx = *state;
    for (size_t f = 0; f < 4; f++) {
        tarn_auto_buf plain = TARN_BUF(1 << 25), packed = TARN_BUF(1 << 25), back = TARN_BUF(99999), tiny = TARN_BUF(9);
        fill(&plain, 100000);
        assert_int_equal(tarn_compress(cx, formats[f], (tarn_str){plain.data, plain.n}, &tiny), TARN_LIMIT);
        assert_int_equal(tarn_compress(cx, formats[f], (tarn_str){plain.data, plain.n}, &packed), TARN_OK);
        assert_int_equal(tarn_decompress(cx, formats[f], (tarn_str){packed.data, packed.n}, &back), TARN_LIMIT);
    }
}

static void test_broken(void **state) {
    tarn_cx *cx = *state;
    for (size_t f = 0; f < 4; f++) {
        tarn_auto_buf plain = TARN_BUF(1 << 20), packed = TARN_BUF(1 << 20);
        fill(&plain, 3000);
        assert_int_equal(tarn_compress(cx, formats[f], (tarn_str){plain.data, plain.n}, &packed), TARN_OK);
        for (size_t n = 0; n < packed.n; n += 7) {
            tarn_auto_buf back = TARN_BUF(1 << 20);
            assert_int_equal(tarn_decompress(cx, formats[f], (tarn_str){packed.data, n}, &back), TARN_CORRUPT);
        }
        tarn_auto_buf back = TARN_BUF(1 << 20);
        assert_int_equal(tarn_decompress(cx, formats[f], TARN_LIT("\xff\xff no such bytes"), &back), TARN_CORRUPT);
    }
}

/* Two members are one text, and what follows a deflate stream is not part of it. */
static void test_what_follows(void **state) {
    tarn_cx *cx = *state;
    tarn_auto_buf gzip = TARN_BUF(1000), deflate = TARN_BUF(1000), back = TARN_BUF(1000);
    assert_int_equal(tarn_compress(cx, TARN_GZIP, TARN_LIT("one "), &gzip), TARN_OK);
    assert_int_equal(tarn_compress(cx, TARN_GZIP, TARN_LIT("two"), &gzip), TARN_OK);
    assert_int_equal(tarn_decompress(cx, TARN_GZIP, (tarn_str){gzip.data, gzip.n}, &back), TARN_OK);
    assert_string_equal(back.data, "one two");
    tarn_buf_clear(&back);
    assert_int_equal(tarn_compress(cx, TARN_DEFLATE, TARN_LIT("three"), &deflate), TARN_OK);
    tarn_buf_puts(&deflate, "\1\2\3");
    assert_int_equal(tarn_decompress(cx, TARN_DEFLATE, (tarn_str){deflate.data, deflate.n}, &back), TARN_OK);
    assert_string_equal(back.data, "three");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_limits, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_broken, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_what_follows, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
