/* parquet_positions_test.c: a file of positions byte by byte as the format lays it out, and what is refused. Whether
 * others read them is asked in format/iceberg/write/deletes_test.c and tests/interop. */
#include "codec/parquet_positions.h"

#include "codec/compress.h"
#include "support/cx_fixture.h"

enum { FILE_MAX = 1 << 20 };

static tarn_roaring64 *rows_of(const uint64_t *rows, size_t n) {
    tarn_roaring64 *b = tarn_roaring64_new();
    for (size_t i = 0; i < n; i++) tarn_roaring64_add(b, rows[i]);
    return b;
}

/* One page: its header, then the path with its length; one page: a run of 3 times index 0, of one bit. */
static const char PATHS[] = "PAR1"
                            "\x15\x04\x15\x0e\x15\x0e\x4c\x15\x02\x15\x00\x00\x00"
                            "\x03\x00\x00\x00"
                            "a/b"
                            "\x15\x00\x15\x06\x15\x06\x2c\x15\x06\x15\x10\x15\x06\x15\x06\x00\x00"
                            "\x01\x06\x00";
/* Blocks of 128 in 4 miniblocks, 3 values, the first 7; the least delta 1, miniblocks of 2, 0, 0 and 0 bits; 0 and 2.
 */
static const char POSITIONS[] = "\x80\x01\x04\x03\x0e"
                                "\x02\x02\x00\x00\x00"
                                "\x08\x00\x00\x00\x00\x00\x00\x00";

static void test_bytes(void **state) {
    static const uint64_t some[] = {7, 8, 11};
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = rows_of(some, 3);
    tarn_auto_buf file = TARN_BUF(FILE_MAX), plain = TARN_BUF(FILE_MAX);
    assert_int_equal(tarn_parquet_put_positions(*state, TARN_LIT("a/b"), rows, &file), TARN_OK);
    assert_true(file.n > sizeof PATHS);
    assert_memory_equal(file.data, PATHS, sizeof PATHS - 1);
    /* The page header: a data page, its two lengths, 3 values, DELTA_BINARY_PACKED; then a frame of zstd. */
    const char *page = file.data + sizeof PATHS - 1;
    size_t stored = (size_t)page[5] / 2;
    assert_memory_equal(page, "\x15\x00\x15\x24\x15", 5);
    assert_memory_equal(page + 6, "\x2c\x15\x06\x15\x0a\x15\x06\x15\x06\x00\x00", 11);
    assert_int_equal(tarn_decompress(*state, TARN_ZSTD, (tarn_str){page + 17, stored}, &plain), TARN_OK);
    assert_int_equal(plain.n, sizeof POSITIONS - 1);
    assert_memory_equal(plain.data, POSITIONS, plain.n);
    /* The footer begins behind it, and says how long it is. */
    size_t footer = (size_t)(page + 17 + stored - file.data);
    const unsigned char *tail = (const unsigned char *)file.data + file.n - 8;
    assert_int_equal(tail[0] | tail[1] << 8, file.n - 8 - footer);
    assert_memory_equal(tail + 2, "\0\0PAR1", 6);
    assert_memory_equal(file.data + footer, "\x15\x02\x19\x3c", 4);
}

static void test_no_rows(void **state) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = tarn_roaring64_new();
    tarn_auto_buf file = TARN_BUF(FILE_MAX);
    assert_int_equal(tarn_parquet_put_positions(*state, TARN_LIT("a"), rows, &file), TARN_OK);
    assert_memory_equal(file.data + 4, "\x15\x02\x19\x3c", 4);
}

static void test_refused(void **state) {
    static const uint64_t some[] = {5, 9, UINT64_MAX - 1};
    tarn_cx *cx = *state;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) few = rows_of(some, 2), *beyond = rows_of(some, 3),
                                                      *alone = rows_of(some + 2, 1);
    tarn_auto_buf path = TARN_BUF(1 << 21), file = TARN_BUF(FILE_MAX);
    assert_non_null(tarn_buf_reserve(&path, (1 << 20) + 1));
    assert_int_equal(tarn_parquet_put_positions(cx, (tarn_str){path.data, (1 << 20) + 1}, few, &file), TARN_LIMIT);
    assert_int_equal(tarn_parquet_put_positions(cx, TARN_LIT("a"), few, &file), TARN_OK);
    for (size_t max = 0; max < file.n; max++) {
        tarn_auto_buf small = TARN_BUF(max);
        assert_int_equal(tarn_parquet_put_positions(cx, TARN_LIT("a"), few, &small), TARN_LIMIT);
    }
    tarn_buf_clear(&file);
    assert_int_equal(tarn_parquet_put_positions(cx, TARN_LIT("a"), beyond, &file), TARN_INVALID);
    tarn_buf_clear(&file);
    assert_int_equal(tarn_parquet_put_positions(cx, TARN_LIT("a"), alone, &file), TARN_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_bytes, cx_setup, cx_teardown),
                                       cmocka_unit_test_setup_teardown(test_no_rows, cx_setup, cx_teardown),
                                       cmocka_unit_test_setup_teardown(test_refused, cx_setup, cx_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
