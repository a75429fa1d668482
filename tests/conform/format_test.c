/* format_test.c: one suite for all formats that can write, through the checked calls of format.h alone. A new format is
 * a row of `names`. Data files are small texts: no format reads their content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/commit.h"
#include "support/folder.h"

static const char *const names[] = {"delta", "iceberg"};

typedef struct fixture {
    tarn_conf *conf;
    tarn_cx cx;
    char root[64];
    tarn_engine *engine;
    tarn_table table;
    int serial;
} fixture;

static size_t current; /* the row under test */

static void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
}

static tarn_snapshot *open_at(fixture *f, int64_t version) {
    tarn_snapshot *s = NULL;
    tarn_at at = {.kind = version < 0 ? TARN_AT_LATEST : TARN_AT_VERSION, .version = version};
    ok(f, tarn_table_open(&f->cx, &f->table, &at, NULL, &s));
    return s;
}

/* A file of the partition `day`, with ids from lo to hi known. */
static void add_file(fixture *f, tarn_change *change, const tarn_schema *schema, int64_t lo, int64_t hi, int32_t day) {
    char path[64];
    snprintf(path, sizeof path, "part-%d é%%.parquet", f->serial++);
    ok(f, tarn_store_put(&f->cx, f->table.store, path, TARN_LIT("data"), TARN_PUT_ALWAYS, NULL, NULL));
    tarn_value *partition = TARN_NEW(f->cx.arena, tarn_value);
    tarn_leaf_stats *stats = TARN_NEW(f->cx.arena, tarn_leaf_stats);
    *partition = (tarn_value){.kind = TARN_DATE, .i = day, .null = day < 0};
    *stats = (tarn_leaf_stats){.field = &schema->fields[0], .path = "id"};
    stats->bounds = (tarn_bounds){.min = {.kind = TARN_INT64, .i = lo},
                                  .max = {.kind = TARN_INT64, .i = hi},
                                  .has_min = true,
                                  .has_max = true,
                                  .exact = true,
                                  .rows = 10,
                                  .nulls = 0};
    *TARN_PUSH(f->cx.arena, &change->adds) = (tarn_add){.path = tarn_arena_strdup(f->cx.arena, path),
                                                        .size = 4,
                                                        .rows = 10,
                                                        .mtime_ms = 1,
                                                        .partition = partition,
                                                        .stats = stats,
                                                        .n_stats = 1};
}

static void append(fixture *f, tarn_snapshot *base, int64_t lo, int32_t day, tarn_snapshot **out) {
    tarn_change change = {.operation = "WRITE", .blind_append = true};
    add_file(f, &change, base->schema, lo, lo + 9, day);
    ok(f, tarn_commit(&f->cx, &f->table, base, &change, out));
}

static int setup(void **state) {
    static const tarn_partition_by by[] = {{.column = "day"}};
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    test_folder("tarn format", f->root, sizeof f->root);
    f->engine = tarn_engine_new(f->root);
    f->table = (tarn_table){.location = f->root, .engine = f->engine};
    ok(f, tarn_store_open(&f->cx, f->root, &f->table.store));
    ok(f, tarn_format_find(&f->cx, tarn_str_of(names[current]), &f->table.format));
    tarn_change create = {.operation = "CREATE TABLE", .create = true, .partition_by = by, .n_partition_by = 1};
    tarn_type *schema;
    ok(f, tarn_type_from_duckdb(&f->cx, f->cx.arena, TARN_LIT("STRUCT(id BIGINT, \"day\" DATE)"), &schema));
    create.schema = schema;
    tarn_change_property(f->cx.arena, &create, "owner", "me");
    ok(f, tarn_commit(&f->cx, &f->table, NULL, &create, NULL));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_store_close(f->table.store);
    tarn_engine_free(f->engine);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    test_folder_remove(f->root);
    free(f);
    return 0;
}

static size_t count(fixture *f, tarn_snapshot *s, const tarn_expr *where) {
    tarn_file_list list = {0};
    ok(f, tarn_snapshot_files(&f->cx, s, where, &list));
    return list.files.n;
}

static void test_detect(void **state) {
    fixture *f = *state;
    const tarn_format *found = NULL;
    tarn_store *empty = NULL;
    ok(f, tarn_format_detect(&f->cx, f->table.store, &found));
    assert_true(found == f->table.format);
    ok(f, tarn_store_open(&f->cx, tarn_printf(&f->cx, "%s/nothing", f->root), &empty));
    assert_int_equal(tarn_format_detect(&f->cx, empty, &found), TARN_NOTFOUND);
    tarn_store_close(empty);
}

/* What a commit gives back, what is opened afresh, and what is refreshed from an older snapshot are the same. */
static void test_apply_is_reopen(void **state) {
    fixture *f = *state;
    tarn_snapshot *first = open_at(f, -1), *base = tarn_snapshot_retain(first);
    assert_string_equal(tarn_snapshot_property(base, "owner"), "me");
    for (int i = 0; i < 12; i++) {
        tarn_snapshot *next = NULL, *refreshed = NULL;
        append(f, base, i * 10, i % 3, &next);
        tarn_snapshot *fresh = open_at(f, -1);
        ok(f, tarn_table_open(&f->cx, &f->table, NULL, first, &refreshed));
        assert_true(next->version == fresh->version && refreshed->version == fresh->version);
        assert_int_equal(count(f, next, NULL), i + 1);
        assert_int_equal(count(f, fresh, NULL), i + 1);
        assert_int_equal(count(f, refreshed, NULL), i + 1);
        tarn_snapshot_release(refreshed);
        tarn_snapshot_release(fresh);
        tarn_snapshot_release(base);
        base = next;
    }
    tarn_snapshot *past = open_at(f, first->version + 5);
    assert_int_equal(count(f, past, NULL), 5);
    tarn_snapshot_release(past);
    tarn_snapshot_release(base);
    tarn_snapshot_release(first);
}

static void test_pruning(void **state) {
    fixture *f = *state;
    tarn_snapshot *base = open_at(f, -1);
    for (int i = 0; i < 6; i++) {
        tarn_snapshot *next = NULL;
        append(f, base, i * 10, i < 5 ? i % 2 : -1, &next);
        tarn_snapshot_release(base);
        base = next;
    }
    tarn_value v = {.kind = TARN_INT64, .i = 35}, day = {.kind = TARN_DATE, .i = 1};
    assert_int_equal(count(f, base, tarn_expr_cmp(f->cx.arena, TARN_EXPR_EQ, 0, &v)), 1);
    assert_int_equal(count(f, base, tarn_expr_cmp(f->cx.arena, TARN_EXPR_GE, 0, &v)), 3);
    assert_int_equal(count(f, base, tarn_expr_cmp(f->cx.arena, TARN_EXPR_EQ, 1, &day)), 2);
    tarn_expr *null = tarn_expr_new(f->cx.arena, TARN_EXPR_IS_NULL);
    null->column = 1;
    assert_int_equal(count(f, base, null), 1);
    tarn_snapshot_release(base);
}

/* Two writers on one base: appends both stand; a change whose files are gone does not. */
static void test_races(void **state) {
    fixture *f = *state;
    tarn_snapshot *empty = open_at(f, -1), *base = NULL, *other = NULL;
    append(f, empty, 0, 0, &base);
    append(f, base, 10, 0, &other);
    tarn_snapshot_release(other);
    append(f, base, 20, 0, &other); /* rebased over the one before */
    assert_int_equal(count(f, other, NULL), 3);
    tarn_file_list list = {0};
    ok(f, tarn_snapshot_files(&f->cx, base, NULL, &list));
    for (int i = 0; i < 2; i++) {
        tarn_change change = {.operation = "DELETE", .read_all = true};
        *TARN_PUSH(f->cx.arena, &change.removes) = list.files.at[0];
        *TARN_PUSH(f->cx.arena, &change.read_files) = list.files.at[0];
        tarn_snapshot *on = i ? other : tarn_snapshot_retain(other), *after = NULL;
        tarn_code code = tarn_commit(&f->cx, &f->table, on, &change, &after);
        assert_int_equal(code, i ? TARN_CONFLICT : TARN_OK);
        if (i) assert_non_null(strstr(f->cx.error.message, "DELETE")); /* the winner is named */
        tarn_snapshot_release(after);
        tarn_snapshot_release(on);
    }
    tarn_snapshot_release(base);
    tarn_snapshot_release(empty);
}

static void test_history(void **state) {
    fixture *f = *state;
    tarn_snapshot *base = open_at(f, -1), *next = NULL;
    tarn_history_entry *entries;
    size_t n;
    append(f, base, 0, 0, &next);
    tarn_snapshot_release(base);
    base = next;
    append(f, base, 10, 0, &next);
    ok(f, tarn_table_history(&f->cx, &f->table, NULL, 0, &entries, &n));
    assert_int_equal(n, next->version - base->version + (f->table.format->features & TARN_CAN_BRANCH ? 1 : 2));
    assert_string_equal(entries[0].operation, "WRITE");
    assert_string_equal(entries[1].operation, "WRITE");
    if (n > 2) assert_string_equal(entries[2].operation, "CREATE TABLE"); /* with branches it is none of the versions */
    assert_true(entries[0].version > entries[1].version && entries[0].timestamp_ms >= entries[1].timestamp_ms);
    ok(f, tarn_table_history(&f->cx, &f->table, NULL, 1, &entries, &n));
    assert_int_equal(n, 1);
    assert_false(tarn_engine_loaded(f->engine)); /* metadata does without the engine */
    tarn_snapshot_release(next);
    tarn_snapshot_release(base);
}

static void test_app_transactions(void **state) {
    fixture *f = *state;
    if (!(f->table.format->features & TARN_CAN_APP_TRANSACTIONS)) skip();
    tarn_snapshot *base = open_at(f, -1), *next = NULL;
    tarn_change change = {.operation = "WRITE", .blind_append = true, .app_id = "job", .app_version = 7},
                again = change;
    int64_t version;
    add_file(f, &change, base->schema, 0, 9, 0);
    ok(f, tarn_commit(&f->cx, &f->table, base, &change, &next));
    ok(f, tarn_snapshot_app_version(&f->cx, next, "job", &version));
    assert_int_equal(version, 7);
    ok(f, tarn_snapshot_app_version(&f->cx, next, "other", &version));
    assert_int_equal(version, -1);
    add_file(f, &again, base->schema, 10, 19, 0);
    assert_int_equal(tarn_commit(&f->cx, &f->table, next, &again, NULL), TARN_EXISTS);
    tarn_snapshot_release(next);
    tarn_snapshot_release(base);
}

static void test_missing_versions(void **state) {
    fixture *f = *state;
    tarn_snapshot *s = NULL;
    tarn_at at = {.kind = TARN_AT_VERSION, .version = 99};
    assert_int_equal(tarn_table_open(&f->cx, &f->table, &at, NULL, &s), TARN_NOTFOUND);
    at = (tarn_at){.kind = TARN_AT_TIMESTAMP, .timestamp_us = 0};
    assert_int_equal(tarn_table_open(&f->cx, &f->table, &at, NULL, &s), TARN_NOTFOUND);
    assert_null(s);
}

static tarn_snapshot *open_ref(fixture *f, const char *name) {
    tarn_snapshot *s = NULL;
    tarn_at at = {.kind = TARN_AT_REF, .ref = name};
    ok(f, tarn_table_open(&f->cx, &f->table, &at, NULL, &s));
    return s;
}

/* Puts a branch or tag on the newest version. */
static void name_version(fixture *f, const char *name, bool branch) {
    tarn_change change = {.operation = "CREATE"};
    tarn_snapshot *base = open_at(f, -1);
    *TARN_PUSH(f->cx.arena, &change.refs) = (tarn_ref_change){.name = name,
                                                              .branch = branch,
                                                              .create = true,
                                                              .version = -1,
                                                              .before_ms = -1,
                                                              .ref_age_ms_max = -1,
                                                              .snapshot_age_ms_max = -1,
                                                              .snapshots_min = -1};
    ok(f, tarn_commit(&f->cx, &f->table, base, &change, NULL));
    tarn_snapshot_release(base);
}

/* A commit on a branch moves the branch alone, and races with commits to that branch alone. */
static void test_branches(void **state) {
    fixture *f = *state;
    if (!(f->table.format->features & TARN_CAN_BRANCH)) skip();
    tarn_snapshot *empty = open_at(f, -1), *first = NULL, *main_next = NULL, *next = NULL, *last = NULL;
    append(f, empty, 0, 0, &first);
    name_version(f, "work", true);
    name_version(f, "mark", false);
    tarn_snapshot *work = open_ref(f, "work"), *mark = open_ref(f, "mark");
    assert_string_equal(work->branch, "work");
    assert_null(first->branch);
    assert_int_equal(tarn_snapshot_writable(&f->cx, mark), TARN_UNSUPPORTED);
    append(f, first, 10, 0, &main_next);
    append(f, work, 20, 1, &next);
    append(f, work, 30, 2, &last); /* rebased over the one before */
    assert_string_equal(last->branch, "work");
    assert_int_equal(count(f, main_next, NULL), 2);
    assert_int_equal(count(f, next, NULL), 2);
    assert_int_equal(count(f, last, NULL), 3);
    tarn_ancestor *past;
    size_t n;
    ok(f, tarn_snapshot_ancestors(&f->cx, last, &past, &n));
    assert_int_equal(n, 3);
    assert_true(past[0].id == last->own_id && past[1].id == next->own_id && past[2].id == first->own_id);
    tarn_snapshot *newest = open_at(f, -1), *reopened = open_ref(f, "work");
    assert_true(newest->own_id == main_next->own_id && reopened->own_id == last->own_id);
    tarn_snapshot *all[] = {empty, first, main_next, next, last, work, mark, newest, reopened};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tarn_snapshot_release(all[i]);
}

/* The commit of one branch made once more on the table, and not a second time. */
static void test_pick(void **state) {
    fixture *f = *state;
    if (!(f->table.format->features & TARN_CAN_BRANCH)) skip();
    tarn_snapshot *empty = open_at(f, -1), *first = NULL, *main_next = NULL, *next = NULL, *picked = NULL;
    append(f, empty, 0, 0, &first);
    name_version(f, "work", true);
    tarn_snapshot *work = open_ref(f, "work");
    append(f, work, 20, 1, &next);
    append(f, first, 10, 0, &main_next);
    tarn_pick pick = {.version = next->own_id};
    tarn_change change = {0}, again = {0};
    ok(f, tarn_snapshot_pick(&f->cx, main_next, &pick, &change));
    assert_int_equal(pick.id, next->own_id);
    ok(f, tarn_commit(&f->cx, &f->table, main_next, &change, &picked));
    assert_int_equal(count(f, picked, NULL), 3);
    tarn_snapshot_release(pick.from);
    pick.from = NULL;
    assert_int_equal(tarn_snapshot_pick(&f->cx, picked, &pick, &again), TARN_INVALID);
    pick.version = first->own_id;
    assert_int_equal(tarn_snapshot_pick(&f->cx, picked, &pick, &again), TARN_INVALID);
    assert_null(pick.from);
    tarn_snapshot *all[] = {empty, first, main_next, next, work, picked};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tarn_snapshot_release(all[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_detect),  CASE(test_apply_is_reopen),  CASE(test_pruning),          CASE(test_races),
        CASE(test_history), CASE(test_app_transactions), CASE(test_missing_versions), CASE(test_branches),
        CASE(test_pick),
    };
    int failed = 0;
    for (current = 0; current < sizeof names / sizeof *names; current++)
        failed += cmocka_run_group_tests_name(names[current], tests, NULL, NULL);
    return failed;
}
