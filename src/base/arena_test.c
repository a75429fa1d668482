/* arena_test.c: memory is aligned, zeroed, apart, and moves whole from one arena to another; vectors grow in it. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/vec.h"

static void test_alloc(void **state) {
    (void)state;
    enum { N = 3000 };
    tarn_arena *arena = tarn_arena_new();
    unsigned char **parts = calloc(N, sizeof *parts);
    size_t *sizes = calloc(N, sizeof *sizes), sum = 0;
    srand(5);
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i % 100 == 0 ? (size_t)rand() % 300000 : (size_t)rand() % 200;
        parts[i] = tarn_arena_alloc(arena, sizes[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            if (parts[i][k]) fail_msg("not zeroed");
        memset(parts[i], (int)(i % 255) + 1, sizes[i]);
        sum += sizes[i];
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            if (parts[i][k] != i % 255 + 1) fail_msg("part %zu was overwritten", i);
    assert_in_range(tarn_arena_size(arena), sum, 2 * sum);
    free(parts);
    free(sizes);
    tarn_arena_free(arena);
    tarn_arena_free(NULL);
}

static void test_text(void **state) {
    (void)state;
    tarn_arena *arena = tarn_arena_new();
    assert_string_equal(tarn_arena_strndup(arena, "abcdef", 3), "abc");
    assert_string_equal(tarn_arena_strndup(arena, NULL, 0), "");
    assert_string_equal(tarn_arena_strdup(arena, "x"), "x");
    assert_string_equal(tarn_arena_printf(arena, "%s-%d", "a", 5), "a-5");
    assert_int_equal(strlen(tarn_arena_printf(arena, "%09999d", 1)), 9999);
    tarn_arena_free(arena);
}

static void test_adopt(void **state) {
    (void)state;
    tarn_arena *to = tarn_arena_new(), *empty = tarn_arena_new();
    tarn_arena_adopt(to, empty);
    assert_int_equal(tarn_arena_size(to), 0);
    char *texts[200];
    size_t total = 0;
    for (int i = 0; i < 200; i++) {
        tarn_arena *from = tarn_arena_new();
        texts[i] = tarn_arena_printf(from, "child %d", i);
        if (i % 10 == 0) tarn_arena_alloc(from, 100000);
        total += tarn_arena_size(from);
        tarn_arena_adopt(to, from);
    }
    assert_int_equal(tarn_arena_size(to), total);
    char *after = tarn_arena_strdup(to, "after");
    for (int i = 0; i < 200; i++) assert_string_equal(texts[i] + 6, tarn_arena_printf(to, "%d", i));
    assert_string_equal(after, "after");
    tarn_arena_free(to);
}

static void test_vec(void **state) {
    (void)state;
    tarn_arena *arena = tarn_arena_new();
    TARN_VEC(int64_t) v = {0};
    for (int64_t i = 0; i < 10000; i++) {
        int64_t *at = TARN_PUSH(arena, &v);
        assert_int_equal(*at, 0);
        *at = i;
    }
    assert_int_equal(v.n, 10000);
    for (int64_t i = 0; i < 10000; i++) assert_int_equal(v.at[i], i);
    tarn_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alloc), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_adopt), cmocka_unit_test(test_vec)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
