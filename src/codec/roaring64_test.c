/* roaring64_test.c: sets against a plain array of flags, the serialised form byte by byte, and hostile bytes. */
#include "codec/roaring64.h"

#include "support/cx_fixture.h"

static uint32_t next_random(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u, *seed >> 8; }

/* The model: rows near each 2^32 border are mapped onto few flags. */
enum { ROWS = 200000 };
static const uint64_t bases[] = {0, (UINT64_C(1) << 32) - ROWS / 4, UINT64_C(7) << 40};

static tarn_roaring64 *make_random(uint64_t base, unsigned char *flags, uint32_t seed) {
    tarn_roaring64 *b = tarn_roaring64_new();
    for (int i = 0; i < 3000; i++) {
        uint32_t row = next_random(&seed) % ROWS;
        flags[row] = 1;
        tarn_roaring64_add(b, base + row);
    }
    for (int i = 0; i < 5; i++) {
        uint32_t begin = next_random(&seed) % ROWS, end = begin + next_random(&seed) % 20000;
        if (end > ROWS) end = ROWS;
        memset(flags + begin, 1, end - begin);
        tarn_roaring64_add_range(b, base + begin, base + end);
    }
    for (uint32_t row = 100000; row < 112000; row += 2) flags[row] = 1;
    int64_t some[6000];
    for (uint32_t i = 0; i < 6000; i++) some[i] = (int64_t)base + 100000 + 2 * i;
    tarn_roaring64_add_many(b, some, 6000);
    return b;
}

static void check_equal(const tarn_roaring64 *b, uint64_t base, const unsigned char *flags) {
    static int64_t rows[ROWS];
    static uint8_t got[ROWS];
    static uint64_t values[ROWS + 1];
    uint64_t n = 0, max = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (int64_t)(base + i);
        n += flags[i];
        if (flags[i]) max = base + i;
    }
    tarn_roaring64_contains_many(b, rows, ROWS, got);
    assert_memory_equal(got, flags, ROWS);
    assert_true(tarn_roaring64_cardinality(b) == n);
    assert_true(tarn_roaring64_count(b, 0, UINT64_MAX) == n);
    uint64_t got_max = 0;
    assert_true(tarn_roaring64_max(b, &got_max) == (n > 0) && got_max == max);
    assert_int_equal(tarn_roaring64_values(b, 0, values, ROWS + 1), n);
    for (size_t i = 0; i < n; i++) assert_true(flags[values[i] - base] && (i == 0 || values[i] > values[i - 1]));
    for (uint32_t i = 0; i < ROWS; i += 977) {
        assert_int_equal(tarn_roaring64_contains(b, base + i), flags[i]);
        uint64_t below = 0;
        for (uint32_t k = 100; k < i; k++) below += flags[k];
        assert_true(tarn_roaring64_count(b, base + 100, base + i) == below);
    }
}

static void test_against_model(void **state) {
    tarn_cx *cx = *state;
    static unsigned char flags[ROWS], other_flags[ROWS];
    for (uint32_t k = 0; k < sizeof bases / sizeof *bases; k++) {
        memset(flags, 0, sizeof flags);
        memset(other_flags, 0, sizeof other_flags);
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = make_random(bases[k], flags, k + 1);
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) other = make_random(bases[k], other_flags, k + 100);
        check_equal(b, bases[k], flags);
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) both = tarn_roaring64_copy(b);
        assert_true(tarn_roaring64_equals(b, both));
        tarn_roaring64_or(both, other);
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) gone = tarn_roaring64_copy(both);
        tarn_roaring64_and_not(gone, b);
        for (int i = 0; i < ROWS; i++) other_flags[i] = other_flags[i] | flags[i];
        check_equal(both, bases[k], other_flags);
        for (int i = 0; i < ROWS; i++) other_flags[i] = other_flags[i] & !flags[i];
        check_equal(gone, bases[k], other_flags);
        for (int optimized = 0; optimized < 2; optimized++) {
            tarn_auto_buf bytes = TARN_BUF(1 << 24);
            tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) back = NULL;
            tarn_roaring64_serialize(b, &bytes);
            assert_int_equal(bytes.n, tarn_roaring64_serialized_size(b));
            assert_int_equal(tarn_roaring64_deserialize(cx, (tarn_str){bytes.data, bytes.n}, &back), TARN_OK);
            check_equal(back, bases[k], flags);
            tarn_roaring64_optimize(b);
        }
    }
}

static void test_contains_many_in_any_order(void **state) {
    (void)state;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = tarn_roaring64_new();
    uint8_t out[8];
    int64_t rows[8] = {5, 4, 3, 5, 5, -1, INT64_MAX, (int64_t)1 << 32};
    tarn_roaring64_contains_many(b, rows, 8, out);
    assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
    tarn_roaring64_add(b, 4);
    tarn_roaring64_add(b, INT64_MAX);
    tarn_roaring64_add(b, UINT64_C(1) << 32);
    tarn_roaring64_contains_many(b, rows, 8, out);
    assert_memory_equal(out, "\0\1\0\0\0\0\1\1", 8);
}

static void test_edges(void **state) {
    (void)state;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = tarn_roaring64_new();
    uint64_t max = 3, values[2];
    assert_true(tarn_roaring64_is_empty(b));
    assert_false(tarn_roaring64_max(b, &max));
    tarn_roaring64_add_range(b, 9, 9);
    assert_true(tarn_roaring64_is_empty(b));
    tarn_roaring64_add_range(b, (UINT64_C(3) << 32) - 2, (UINT64_C(4) << 32) + 1);
    assert_true(tarn_roaring64_cardinality(b) == (UINT64_C(1) << 32) + 3);
    assert_true(tarn_roaring64_count(b, UINT64_C(3) << 32, UINT64_C(4) << 32) == UINT64_C(1) << 32);
    assert_int_equal(tarn_roaring64_values(b, UINT64_C(4) << 32, values, 2), 1);
    tarn_roaring64_or(b, b);
    tarn_roaring64_and_not(b, b);
    assert_true(tarn_roaring64_is_empty(b));
    tarn_roaring64_add(b, UINT64_MAX);
    assert_true(tarn_roaring64_contains(b, UINT64_MAX));
    tarn_roaring64_add_range(b, UINT64_MAX - 1, UINT64_MAX);
    assert_true(tarn_roaring64_cardinality(b) == 2);
    tarn_roaring64_free(NULL);
}

/* {3, 7, 2^32 + 1} as the specification lays it out. */
static const char known[] = "\2\0\0\0\0\0\0\0"
                            "\0\0\0\0"
                            "\x3a\x30\0\0\1\0\0\0"
                            "\0\0\1\0"
                            "\x10\0\0\0"
                            "\3\0\7\0"
                            "\1\0\0\0"
                            "\x3a\x30\0\0\1\0\0\0"
                            "\0\0\0\0"
                            "\x10\0\0\0"
                            "\1";

static void test_known_bytes(void **state) {
    tarn_cx *cx = *state;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = tarn_roaring64_new();
    tarn_roaring64_add(b, 7);
    tarn_roaring64_add(b, 3);
    tarn_roaring64_add(b, (UINT64_C(1) << 32) + 1);
    tarn_auto_buf bytes = TARN_BUF(1000);
    tarn_roaring64_serialize(b, &bytes);
    assert_int_equal(bytes.n, sizeof known);
    assert_memory_equal(bytes.data, known, sizeof known);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) back = NULL;
    assert_int_equal(tarn_roaring64_deserialize(cx, (tarn_str){known, sizeof known}, &back), TARN_OK);
    assert_true(tarn_roaring64_equals(b, back));
}

static tarn_code decode(tarn_cx *cx, const char *bytes, size_t n) {
    char *exact = malloc(n ? n : 1);
    memcpy(exact, bytes, n);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = NULL;
    tarn_code code = tarn_roaring64_deserialize(cx, (tarn_str){exact, n}, &b);
    if (code == TARN_OK) { /* whatever is taken must be safe to use */
        uint64_t values[100], max;
        tarn_auto_buf again = TARN_BUF(1 << 24);
        tarn_roaring64_serialize(b, &again);
        tarn_roaring64_optimize(b);
        assert_int_equal(tarn_roaring64_values(b, 0, values, 100) == 0, tarn_roaring64_is_empty(b));
        assert_true(tarn_roaring64_max(b, &max) != tarn_roaring64_is_empty(b));
    } else {
        assert_null(b);
    }
    free(exact);
    return code;
}

static void test_truncated_and_padded(void **state) {
    tarn_cx *cx = *state;
    char longer[sizeof known + 1] = {0};
    memcpy(longer, known, sizeof known);
    for (size_t n = 0; n < sizeof known; n++) assert_int_equal(decode(cx, known, n), TARN_CORRUPT);
    assert_int_equal(decode(cx, longer, sizeof longer), TARN_CORRUPT);
    assert_int_equal(decode(cx, "\0\0\0\0\0\0\0\0", 8), TARN_OK);
    assert_int_equal(decode(cx, "\1\0\0\0\0\0\0\0\5\0\0\0\x3a\x30\0\0\0\0\0\0", 20), TARN_OK);
}

static void test_broken_rules(void **state) {
    tarn_cx *cx = *state;
#define HEAD                                                                                                           \
    "\1\0\0\0\0\0\0\0"                                                                                                 \
    "\0\0\0\0"
#define BAD(bytes) assert_int_equal(decode(cx, bytes, sizeof(bytes) - 1), TARN_CORRUPT)
    BAD("\xff\xff\xff\xff\xff\xff\xff\xff"
        "\0\0\0\0\x3a\x30\0\0\0\0\0\0");
    BAD(HEAD "\x3a\x30\1\0\1\0\0\0"
             "\0\0\0\0"
             "\x10\0\0\0"
             "\3\0"); /* cookie */
    BAD(HEAD "\x3a\x30\0\0\1\0\1\0"
             "\0\0\0\0"
             "\x10\0\0\0"
             "\3\0"); /* 65537 containers */
    BAD(HEAD "\x3a\x30\0\0\1\0\0\0"
             "\0\0\1\0"
             "\x10\0\0\0"
             "\7\0\3\0"); /* descending */
    BAD(HEAD "\x3a\x30\0\0\1\0\0\0"
             "\0\0\1\0"
             "\x10\0\0\0"
             "\3\0\3\0"); /* twice the same */
    BAD(HEAD "\x3b\x30\0\0\1"
             "\0\0\5\0"
             "\2\0"
             "\0\0\2\0"
             "\2\0\2\0"); /* runs overlap */
    BAD(HEAD "\x3b\x30\0\0\1"
             "\0\0\2\0"
             "\1\0"
             "\xff\xff\2\0"); /* run past the end */
    BAD(HEAD "\x3b\x30\0\0\1"
             "\0\0\2\0"
             "\0\0"); /* no run */
    BAD(HEAD "\x3b\x30\0\0\1"
             "\0\0\2\0"
             "\1\0"
             "\0\0\1\0"); /* count differs */
    BAD(HEAD "\x3a\x30\0\0\2\0\0\0"
             "\1\0\0\0\0\0\0\0"
             "\0\0\0\0\0\0\0\0"
             "\3\0\3\0"); /* containers descend */
    assert_int_equal(decode(cx,
                            HEAD "\x3b\x30\0\0\1"
                                 "\0\0\2\0"
                                 "\1\0"
                                 "\0\0\2\0",
                            12 + 5 + 4 + 6),
                     TARN_OK);
    char bitset[12 + 16 + 8192] = HEAD "\x3a\x30\0\0\1\0\0\0"
                                       "\0\0\0\x20"
                                       "\x10\0\0";
    memset(bitset + 28, 0x11, 8192);
    assert_int_equal(decode(cx, bitset, sizeof bitset), TARN_CORRUPT); /* 16384 values, 8193 said */
    bitset[22] = (char)0xff, bitset[23] = 0x3f;
    assert_int_equal(decode(cx, bitset, sizeof bitset), TARN_OK);
}

static void test_mutations(void **state) {
    tarn_cx *cx = *state;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = tarn_roaring64_new();
    tarn_roaring64_add_range(b, 10, 3000);
    tarn_roaring64_add_range(b, 70000, 70010);
    tarn_roaring64_add(b, 700000);
    tarn_roaring64_optimize(b);
    for (uint64_t i = 0; i < 20; i++) tarn_roaring64_add(b, (UINT64_C(5) << 32) + i * i * 9000);
    tarn_auto_buf bytes = TARN_BUF(100000);
    tarn_roaring64_serialize(b, &bytes);
    uint32_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        size_t at = next_random(&seed) % bytes.n;
        char was = bytes.data[at];
        bytes.data[at] = (char)next_random(&seed);
        tarn_code code = decode(cx, bytes.data, bytes.n);
        assert_true(code == TARN_OK || code == TARN_CORRUPT);
        bytes.data[at] = was;
    }
    for (size_t n = 0; n < bytes.n; n++) assert_int_equal(decode(cx, bytes.data, n), TARN_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_against_model, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_contains_many_in_any_order, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_edges, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_known_bytes, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_truncated_and_padded, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_broken_rules, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_mutations, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
