/* expire_test.c: snapshots of an Iceberg table are expired while the store fails, or goes down, at call 1, 2, 3, …:
 * every version the table names afterwards can be read whole, and expiring again leaves no more than orphans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "format/commit.h"
#include "store/fault.h"
#include "support/folder.h"
#include "table/upkeep.h"

enum { VERSIONS = 4 };

typedef struct fixture {
    tarn_conf *conf;
    tarn_engine *engine;
    char dir[64];
} fixture;

typedef struct lake {
    tarn_cx cx;
    tarn_conn *conn;
    tarn_store *plain, *store;
    tarn_fault *fault;
    tarn_table table, truth; /* the same table through the failing store, and past it */
} lake;

static void must(lake *l, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), l->cx.error.message);
}

/* Each version holds one row, its number, in a file of its own: those before go. */
static void overwrite(lake *l, int64_t number) {
    tarn_snapshot *base = NULL;
    tarn_file_list old = {0};
    tarn_target target;
    int64_t rows;
    tarn_change change = {.operation = "WRITE", .read_all = true};
    must(l, tarn_table_open(&l->cx, &l->truth, NULL, NULL, &base));
    must(l, tarn_snapshot_files(&l->cx, base, NULL, &old));
    for (size_t i = 0; i < old.files.n; i++) *TARN_PUSH(l->cx.arena, &change.removes) = old.files.at[i];
    tarn_target_of(&l->cx, &l->truth, base, &change, &target);
    const char *select = tarn_printf(&l->cx, "SELECT %d::BIGINT AS id", (int)number);
    must(l, tarn_write_files(&l->cx, l->conn, &target, select, NULL, 0, &change, &rows));
    must(l, tarn_commit(&l->cx, &l->truth, base, &change, NULL));
    tarn_snapshot_release(base);
}

static void open_lake(fixture *f, lake *l, const char *name) {
    *l = (lake){0};
    tarn_cx_init(&l->cx, f->conf);
    const char *path = tarn_printf(&l->cx, "%s/%s", f->dir, name);
    must(l, tarn_store_open(&l->cx, path, &l->plain));
    tarn_store_fault(l->plain, &l->store, &l->fault);
    must(l, tarn_engine_conn(&l->cx, f->engine, TARN_DB_EXECUTE, &l->conn));
    l->truth = (tarn_table){.store = l->plain, .location = path, .engine = f->engine};
    must(l, tarn_format_find(&l->cx, TARN_LIT("iceberg"), &l->truth.format));
    l->table = l->truth;
    l->table.store = l->store;
    tarn_change create = {.operation = "CREATE TABLE", .create = true};
    tarn_type *schema;
    must(l, tarn_type_from_duckdb(&l->cx, l->cx.arena, TARN_LIT("STRUCT(id BIGINT)"), &schema));
    create.schema = schema;
    must(l, tarn_commit(&l->cx, &l->truth, NULL, &create, NULL));
    for (int64_t i = 1; i <= VERSIONS; i++) overwrite(l, i);
}

static void close_lake(lake *l) {
    tarn_conn_close(l->conn);
    tarn_store_close(l->store);
    tarn_store_close(l->plain);
    tarn_cx_done(&l->cx);
}

/* All but the newest go. */
static tarn_code expire(lake *l, tarn_expire_result *result) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) before = NULL;
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) after = NULL;
    tarn_expiry all = {.older_than_ms = INT64_MAX, .retain = 1};
    tarn_change change = {.operation = "EXPIRE SNAPSHOTS", .expire = &all};
    TRY(tarn_table_open(&l->cx, &l->table, NULL, NULL, &before));
    TRY(tarn_table_prepare(&l->cx, &l->table, before, &change));
    TRY(tarn_commit(&l->cx, &l->table, before, &change, &after));
    return tarn_expire_files(&l->cx, &l->table, before, after, false, result);
}

/* How many versions there are; each one has its row. */
static int readable(lake *l) {
    int n = 0;
    for (int64_t v = 1; v <= VERSIONS; v++) {
        tarn_snapshot *s = NULL;
        tarn_file_list list = {0};
        tarn_scan scan;
        char *text = NULL;
        tarn_at at = {.kind = TARN_AT_VERSION, .version = v};
        tarn_code code = tarn_table_open(&l->cx, &l->truth, &at, NULL, &s);
        if (code == TARN_NOTFOUND) {
            tarn_clear_error(&l->cx);
            continue;
        }
        must(l, code);
        must(l, tarn_snapshot_files(&l->cx, s, NULL, &list));
        must(l, tarn_scan_build(&l->cx, l->truth.engine, s, list.files.at, list.files.n, false, NULL, &scan));
        must(l, tarn_conn_text(&l->cx, l->conn, tarn_printf(&l->cx, "SELECT string_agg(id, '') FROM (%s)", scan.sql),
                               &text));
        assert_int_equal(strtoll(text, NULL, 10), v);
        tarn_scan_done(&scan);
        tarn_snapshot_release(s);
        n++;
    }
    return n;
}

static int count_files(lake *l) {
    tarn_list_spec all = {.prefix = "data/", .recursive = true, .max = 1000};
    tarn_entry_list list = {0};
    int n = 0;
    must(l, tarn_store_list(&l->cx, l->plain, &all, l->cx.arena, &list));
    for (size_t i = 0; i < list.n; i++) n += !list.at[i].is_folder;
    return n;
}

/* True when it ran through without meeting the fault. */
static bool run(fixture *f, const char *name, tarn_fault_kind kind, int nth) {
    lake l;
    tarn_expire_result result = {0};
    open_lake(f, &l, name);
    assert_int_equal(readable(&l), VERSIONS);
    tarn_fault_set(l.fault, &(tarn_fault_plan){.kind = kind, .nth = nth, .delay_ms = 1});
    tarn_code code = expire(&l, &result);
    bool through = tarn_fault_count(l.fault, TARN_FAULT_ANY) < nth;
    tarn_clear_error(&l.cx);
    tarn_fault_restart(l.fault);
    int left = readable(&l), files = count_files(&l);
    if (left != 1 && left != VERSIONS) fail_msg("%s: %d versions are left", name, left);
    if (left == VERSIONS && files != VERSIONS) fail_msg("%s: files went before the commit", name);
    if (code == TARN_OK && (left != 1 || files != 1)) fail_msg("%s: acknowledged, and not done", name);
    if (through) {
        assert_int_equal(code, TARN_OK);
        assert_int_equal(result.files[TARN_FILE_DATA], VERSIONS - 1);
        assert_int_equal(result.files[TARN_FILE_MANIFEST_LIST], VERSIONS - 1);
    }
    overwrite(&l, 1); /* whatever became of it, the table goes on */
    close_lake(&l);
    return through;
}

static void every_call(void **state) {
    static const tarn_fault_kind kinds[] = {TARN_FAULT_FAIL, TARN_FAULT_AMBIGUOUS, TARN_FAULT_TEAR,
                                            TARN_FAULT_CRASH_BEFORE, TARN_FAULT_CRASH_AFTER};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        int nth = 1;
        char folder[64];
        do snprintf(folder, sizeof folder, "expire-%zu-%d", k, nth);
        while (!run(*state, folder, kinds[k], nth++) && nth < 200);
        assert_in_range(nth, 4, 199); /* faults were met, and an end was reached */
    }
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_folder("tarn expire", f->dir, sizeof f->dir);
    f->conf = tarn_conf_defaults();
    f->engine = tarn_engine_new("/tmp/tarn-expire-spill");
    tarn_log_set_level(TARN_LOG_ERROR);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_engine_free(f->engine);
    tarn_conf_free(f->conf);
    test_folder_remove(f->dir);
    free(f);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(every_call, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
