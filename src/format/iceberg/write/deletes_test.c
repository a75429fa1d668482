/* deletes_test.c: position delete files as Tarn writes them, read back by the engine: every shape of positions, every
 * kind of path. */
#include "format/iceberg/deletes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/parquet_positions.h"
#include "support/folder.h"

enum { FILE_MAX = 1 << 26, SHAPES = 60 };

typedef struct bench {
    tarn_conf *conf;
    tarn_cx cx;
    char folder[64];
    tarn_table table;
    int serial;
} bench;

static void ok(bench *b, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), b->cx.error.message);
}

static int open_bench(void **state) {
    bench *b = calloc(1, sizeof *b);
    b->conf = tarn_conf_defaults();
    tarn_cx_init(&b->cx, b->conf);
    test_folder("positions", b->folder, sizeof b->folder);
    b->table =
        (tarn_table){.location = b->folder, .engine = tarn_engine_new(tarn_printf(&b->cx, "%s/.tmp", b->folder))};
    ok(b, tarn_store_open(&b->cx, b->folder, &b->table.store));
    *state = b;
    return 0;
}

static int close_bench(void **state) {
    bench *b = *state;
    tarn_engine_free(b->table.engine);
    tarn_store_close(b->table.store);
    test_folder_remove(b->folder);
    tarn_cx_done(&b->cx);
    tarn_conf_free(b->conf);
    free(b);
    return 0;
}

/* Written and read back the rows are the same, under their path and no other; *size gets the file's. */
static void round_trip(bench *b, const char *path, const tarn_roaring64 *rows, size_t *size) {
    tarn_auto_buf file = TARN_BUF(FILE_MAX);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) read = NULL, *none = NULL;
    const char *key = tarn_printf(&b->cx, "data/%d.parquet", b->serial++);
    ok(b, tarn_parquet_put_positions(&b->cx, tarn_str_of(path), rows, &file));
    ok(b, tarn_store_put(&b->cx, b->table.store, key, (tarn_str){file.data, file.n}, TARN_PUT_ABSENT, NULL, NULL));
    const tarn_file f = {.path = tarn_str_of(key), .size = (int64_t)file.n, .rows = -1};
    ok(b, tarn_iceberg_read_positions(&b->cx, &b->table, &f, tarn_str_of(path), &read));
    assert_true(tarn_roaring64_equals(read, rows));
    ok(b, tarn_iceberg_read_positions(&b->cx, &b->table, &f, TARN_LIT("other"), &none));
    assert_true(tarn_roaring64_is_empty(none));
    if (size) *size = file.n;
}

static void test_few(void **state) {
    static const uint64_t some[] = {0, 1, 2, 66000, (1ull << 32) - 1, 1ull << 32, (1ull << 40) + 5, (1ull << 40) + 6};
    for (size_t n = 1; n <= sizeof some / sizeof *some; n++) {
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) first = tarn_roaring64_new(), *last = tarn_roaring64_new();
        for (size_t i = 0; i < n; i++) tarn_roaring64_add(first, some[i]);
        tarn_roaring64_add(last, some[n - 1]);
        round_trip(*state, "/t/data/a.parquet", first, NULL);
        round_trip(*state, "/t/data/a.parquet", last, NULL);
    }
}

/* Around the ends of miniblocks, blocks, pages and row groups. */
static void test_edges(void **state) {
    static const size_t counts[] = {31,  32,    33,    34,    128,   129,     130,
                                    257, 19999, 20000, 20001, 40001, 1 << 20, (1 << 20) + 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = tarn_roaring64_new();
        for (size_t k = 0; k < counts[i]; k++) tarn_roaring64_add(rows, k * 3 + (k * k) % 3);
        round_trip(*state, "/t/data/a.parquet", rows, NULL);
    }
}

/* Runs cost next to nothing; their files have several row groups. */
static void test_runs(void **state) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) one = tarn_roaring64_new(), *many = tarn_roaring64_new();
    size_t size;
    tarn_roaring64_add_range(one, 12345, 3012345);
    round_trip(*state, "/t/data/a.parquet", one, &size);
    assert_in_range(size, 1, 20000);
    for (uint64_t i = 0; i < 20000; i++) tarn_roaring64_add_range(many, i * 1000, i * 1000 + 100);
    round_trip(*state, "/t/data/a.parquet", many, &size);
    assert_in_range(size, 1, 200000);
}

static void test_paths(void **state) {
    bench *b = *state;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = tarn_roaring64_new();
    char *lengthy = tarn_arena_alloc(b->cx.arena, 70001);
    memset(lengthy, 'p', 70000);
    lengthy[70000] = 0;
    tarn_roaring64_add_range(rows, 3, 9);
    const char *paths[] = {"", "x", "s3://b/größe=ß/日本 語/'\"%20\\.parquet", "mem://t/\xf0\x9f\x90\xa6\n\t.parquet",
                           lengthy};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) round_trip(b, paths[i], rows, NULL);
}

/* Sets of any density and reach; the same in each run. */
static void test_any(void **state) {
    uint64_t seed = 42;
    for (int shape = 0; shape < SHAPES; shape++) {
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = tarn_roaring64_new();
        uint64_t row = 0;
        for (int i = 0; i < 1 + shape * 50; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            row += 1 + (seed >> 33) % (1ull << shape % 30);
            tarn_roaring64_add_range(rows, row, row + 1 + (seed >> 60));
        }
        round_trip(*state, "/t/data/a.parquet", rows, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_few, open_bench, close_bench),
                                       cmocka_unit_test_setup_teardown(test_edges, open_bench, close_bench),
                                       cmocka_unit_test_setup_teardown(test_runs, open_bench, close_bench),
                                       cmocka_unit_test_setup_teardown(test_paths, open_bench, close_bench),
                                       cmocka_unit_test_setup_teardown(test_any, open_bench, close_bench)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
