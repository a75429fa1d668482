/* puffin_test.c: a deletion vector as the spec lays it out, and what is refused. */
#include "codec/puffin.h"

#include "base/crypto.h"
#include "support/cx_fixture.h"

/* The rows 1 and 3. */
static const char BLOB[] = "\x00\x00\x00\x24\xd1\xd3\x39\x64"
                           "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                           "\x3a\x30\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x10\x00\x00\x00\x01\x00\x03\x00";
enum { BODY = 4, CRC = 4 };

static size_t make(char out[sizeof BLOB + CRC]) {
    size_t n = sizeof BLOB - 1;
    memcpy(out, BLOB, n);
    uint32_t crc = __builtin_bswap32(tarn_crc32(0, out + BODY, n - BODY));
    memcpy(out + n, &crc, CRC);
    return n + CRC;
}

static void test_vector(void **state) {
    char blob[sizeof BLOB + CRC];
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = NULL;
    assert_int_equal(tarn_puffin_vector(*state, (tarn_str){blob, make(blob)}, &rows), TARN_OK);
    assert_int_equal(tarn_roaring64_cardinality(rows), 2);
    assert_true(tarn_roaring64_contains(rows, 1) && tarn_roaring64_contains(rows, 3));
}

static void test_refused(void **state) {
    char blob[sizeof BLOB + CRC];
    size_t n = make(blob);
    tarn_roaring64 *rows = NULL;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tarn_puffin_vector(*state, (tarn_str){blob, i}, &rows), TARN_CORRUPT);
        blob[i] ^= 1;
        assert_int_equal(tarn_puffin_vector(*state, (tarn_str){blob, n}, &rows), TARN_CORRUPT);
        blob[i] ^= 1;
    }
    assert_null(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vector, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_refused, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
