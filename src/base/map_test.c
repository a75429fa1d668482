/* map_test.c: maps hold what was put, replace, hide NULL values, and spread hostile keys. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 50000 };

static void test_put_and_get(void **state) {
    (void)state;
    tarn_arena *arena = tarn_arena_new();
    tarn_map map = {0};
    assert_null(tarn_map_get(&map, TARN_LIT("a")));
    int *values = TARN_NEW_ARRAY(arena, int, MANY);
    for (int i = 0; i < MANY; i++) {
        char *key = tarn_arena_printf(arena, "part=%d/%d.parquet", i % 7, i);
        assert_null(tarn_map_put(&map, arena, tarn_str_of(key), &values[i]));
    }
    assert_int_equal(map.n, MANY);
    assert_true((double)map.n / (double)map.cap <= 0.7);
    for (int i = 0; i < MANY; i++) {
        char key[64];
        snprintf(key, sizeof key, "part=%d/%d.parquet", i % 7, i);
        assert_ptr_equal(tarn_map_get(&map, tarn_str_of(key)), &values[i]);
        if (i % 2) assert_ptr_equal(tarn_map_put(&map, arena, tarn_str_of(key), NULL), &values[i]);
    }
    assert_null(tarn_map_get(&map, TARN_LIT("part=0/x.parquet")));
    size_t at = 0, seen = 0;
    tarn_str key;
    for (void *value; tarn_map_each(&map, &at, &key, &value);) {
        ptrdiff_t i = (int *)value - values;
        assert_true(i >= 0 && i < MANY && i % 2 == 0 && values[i] == 0);
        values[i] = 1;
        seen++;
    }
    assert_int_equal(seen, MANY / 2);
    void *unused;
    assert_false(tarn_map_each(&map, &at, &key, &unused));
    tarn_arena_free(arena);
}

static void test_odd_keys(void **state) {
    (void)state;
    tarn_arena *arena = tarn_arena_new();
    tarn_map map = {0};
    int a, b, c;
    assert_null(tarn_map_put(&map, arena, (tarn_str){NULL, 0}, &a));
    assert_ptr_equal(tarn_map_get(&map, TARN_LIT("")), &a);
    tarn_map_put(&map, arena, (tarn_str){"\0", 1}, &b);
    tarn_map_put(&map, arena, (tarn_str){"\0\0", 2}, &c);
    assert_ptr_equal(tarn_map_get(&map, (tarn_str){"\0", 1}), &b);
    assert_ptr_equal(tarn_map_put(&map, arena, (tarn_str){"\0\0", 2}, &a), &c);
    assert_int_equal(map.n, 3);
    tarn_arena_free(arena);
}

/* Over keys that differ in one place or in length alone, low and high bits fill like random ones. */
static void test_hash_spreads(void **state) {
    (void)state;
    enum { BUCKETS = 1024, KEYS = 64 * BUCKETS };
    for (size_t length = 4; length <= 40; length += 3) {
        int *low = calloc(BUCKETS, sizeof *low), *high = calloc(BUCKETS, sizeof *high);
        for (size_t i = 0; i < KEYS; i++) {
            unsigned char key[40] = {0};
            key[0] = (unsigned char)i;
            key[length / 2] = (unsigned char)(i >> 8);
            key[length - 1] ^= (unsigned char)(i >> 16);
            uint64_t h = tarn_hash(key, length);
            low[h % BUCKETS]++;
            high[h >> 54]++;
        }
        for (int i = 0; i < BUCKETS; i++) {
            assert_in_range(low[i], 16, 140);
            assert_in_range(high[i], 16, 140);
        }
        free(low);
        free(high);
    }
    char text[100] = {0};
    for (size_t n = 1; n < sizeof text; n++) {
        assert_true(tarn_hash(text, n) != tarn_hash(text, n - 1));
        uint64_t before = tarn_hash(text, n);
        text[n - 1] = 1;
        assert_true(tarn_hash(text, n) != before);
        text[n - 1] = 0;
        assert_true(tarn_hash(text, n) == before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_and_get),
        cmocka_unit_test(test_odd_keys),
        cmocka_unit_test(test_hash_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
