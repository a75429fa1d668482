/* commit_test.c: the store fails, tears, or goes down at call 1, 2, 3, … of each operation: afterwards the table is as
 * before it or as after it, and as after it when it was acknowledged. An argument names the only kind of table to try. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "catalog/catalogs.h"
#include "format/commit.h"
#include "store/fault.h"
#include "support/folder.h"
#include "table/dml.h"
#include "table/upkeep.h"

/* A kind of table: how it is kept, and who says which version is the newest. */
typedef struct kind {
    const char *name, *format;
    bool catalog; /* the catalog, which is behind the failing store too */
    tarn_pair properties[3]; /* until one without a name */
} kind;

static const kind kinds[] = {
    {"delta", "delta", false, {{"delta.checkpointInterval", "3"}}}, /* by the commit under test */
    {"iceberg-path", "iceberg", false, {{"format-version", "2"}, {"write.merge.mode", "merge-on-read"}}},
    {"iceberg-catalog", "iceberg", true, {{"format-version", "3"}, {"write.merge.mode", "merge-on-read"}}},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

typedef struct fixture {
    tarn_conf *conf;
    tarn_engine *engine;
    char dir[64];
} fixture;

static const char *wanted; /* the kind that was asked for; NULL: all */

/* A catalog as a committer sees it; id 0: the table is not in it yet. */
typedef struct home {
    tarn_catalog *catalog;
    int64_t id;
    tarn_committer committer;
} home;

/* One run: a table of its own behind a store that can fail. */
typedef struct lake {
    tarn_cx cx;
    tarn_conn *conn;
    tarn_store *plain, *store;
    tarn_fault *fault;
    tarn_table table, truth; /* the same table through the failing store, and past it */
    home behind, past;       /* the same catalog, likewise */
} lake;

typedef tarn_code operation(lake *l, tarn_snapshot *base);

static void must(lake *l, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), l->cx.error.message);
}

static tarn_code load_pointer(tarn_cx *cx, void *state, const char **key) {
    home *h = state;
    *key = NULL;
    tarn_catalog_begin(h->catalog);
    return h->id ? tarn_catalog_pointer(cx, h->catalog, h->id, key) : TARN_OK;
}

static tarn_code swap_pointer(tarn_cx *cx, const tarn_step *steps, size_t n) {
    home *h = steps[0].state;
    assert_int_equal(n, 1);
    tarn_catalog_swap swap = {h->id, steps[0].from, steps[0].to};
    return h->id ? tarn_catalog_swap_pointers(cx, h->catalog, &swap, 1) : TARN_OK;
}

static tarn_code commit_rows(lake *l, tarn_snapshot *base, tarn_change *change, const char *select) {
    tarn_target target;
    int64_t rows;
    tarn_target_of(&l->cx, &l->table, base, change, &target);
    TRY(tarn_write_files(&l->cx, l->conn, &target, select, NULL, 0, change, &rows));
    return tarn_commit(&l->cx, &l->table, base, change, NULL);
}

static tarn_code append(lake *l, tarn_snapshot *base) {
    tarn_change change = {.operation = "WRITE", .blind_append = true};
    return commit_rows(l, base, &change, "SELECT 100 + range AS id FROM range(10)");
}

/* Rows with an even id go, through positions as DELETE and MERGE have them, and one comes. */
static tarn_code merge(lake *l, tarn_snapshot *base) {
    tarn_file_list list = {0};
    tarn_scan scan;
    tarn_target target;
    tarn_dml_result result;
    tarn_change change = {.operation = "MERGE", .read_all = true};
    TRY(tarn_snapshot_files(&l->cx, base, NULL, &list));
    TRY(tarn_scan_build(&l->cx, l->table.engine, base, list.files.at, list.files.n, true, NULL, &scan));
    const char *sql = tarn_printf(&l->cx,
                                  "CREATE OR REPLACE TEMP TABLE m AS SELECT " TARN_FILE_COLUMN ", " TARN_ROW_COLUMN
                                  ", %d::TINYINT AS " TARN_ACTION_COLUMN
                                  ", id FROM (%s) WHERE id %% 2 = 0 UNION ALL SELECT NULL, NULL, %d::TINYINT, 1000",
                                  TARN_ACTION_DELETE, scan.sql, TARN_ACTION_INSERT);
    tarn_code code = tarn_conn_run(&l->cx, l->conn, sql);
    tarn_target_of(&l->cx, &l->table, base, &change, &target);
    if (code == TARN_OK) code = tarn_dml_apply(&l->cx, l->conn, &target, &scan, "m", &change, &result);
    bool delta = !strcmp(l->table.format->name, "delta");
    if (code == TARN_OK && !delta) assert_int_equal(result.copied, 0); /* rows are marked as deleted where they lie */
    if (code == TARN_OK) code = tarn_commit(&l->cx, &l->table, base, &change, NULL);
    tarn_scan_done(&scan);
    return code;
}

static tarn_code optimize(lake *l, tarn_snapshot *base) {
    tarn_optimize_spec spec = {.file_size = 1 << 20};
    tarn_optimize_result result;
    return tarn_optimize(&l->cx, l->conn, &l->table, base, &spec, &result);
}

/* Version, rows and their sum, read past the failing store. OPTIMIZE changes only the version. */
static const char *state_of(lake *l) {
    tarn_snapshot *s = NULL;
    tarn_file_list list = {0};
    tarn_scan scan;
    char *text = NULL;
    must(l, tarn_table_open(&l->cx, &l->truth, NULL, NULL, &s));
    must(l, tarn_snapshot_files(&l->cx, s, NULL, &list));
    must(l, tarn_scan_build(&l->cx, l->truth.engine, s, list.files.at, list.files.n, false, NULL, &scan));
    const char *sql = "SELECT '%d: ' || count(*) || ' rows, sum ' || coalesce(sum(id), 0) FROM (%s)";
    must(l, tarn_conn_text(&l->cx, l->conn, tarn_printf(&l->cx, sql, (int)s->version, scan.sql), &text));
    tarn_scan_done(&scan);
    tarn_snapshot_release(s);
    return text;
}

static void open_catalog(lake *l, home *h, tarn_store *store, tarn_table *table) {
    must(l, tarn_catalog_object_open(&l->cx, store, &h->catalog));
    h->committer = (tarn_committer){h, load_pointer, swap_pointer};
    table->committer = &h->committer;
}

/* The new table gets its name, with where its first version is. */
static void enter_table(lake *l, const tarn_snapshot *fresh) {
    tarn_catalog_entry entry = {.kind = TARN_ENTRY_TABLE,
                                .catalog = "lake",
                                .schema = "main",
                                .name = "t",
                                .format = "iceberg",
                                .location = l->truth.location,
                                .pointer = fresh->pointer};
    must(l, tarn_catalog_create(&l->cx, l->past.catalog, &entry, false));
    must(l, tarn_catalog_resolve(&l->cx, l->past.catalog, "lake", "main", "t", &entry));
    l->behind.id = l->past.id = entry.id;
}

static void create_table(lake *l, const kind *k) {
    tarn_change create = {.operation = "CREATE TABLE", .create = true};
    tarn_type *schema;
    tarn_snapshot *fresh = NULL;
    must(l, tarn_type_from_duckdb(&l->cx, l->cx.arena, TARN_LIT("STRUCT(id BIGINT)"), &schema));
    create.schema = schema;
    for (const tarn_pair *p = k->properties; p->name; p++)
        tarn_change_property(l->cx.arena, &create, p->name, p->value);
    must(l, tarn_commit(&l->cx, &l->table, NULL, &create, &fresh));
    if (k->catalog) enter_table(l, fresh);
    tarn_snapshot_release(fresh);
    for (int i = 0; i < 2; i++) {
        tarn_snapshot *base = NULL;
        tarn_change change = {.operation = "WRITE", .blind_append = true};
        must(l, tarn_table_open(&l->cx, &l->table, NULL, NULL, &base));
        must(l, commit_rows(l, base, &change, tarn_printf(&l->cx, "SELECT %d + range AS id FROM range(5)", i * 5)));
        tarn_snapshot_release(base);
    }
}

static void open_lake(fixture *f, lake *l, const kind *k, const char *name) {
    *l = (lake){0};
    tarn_cx_init(&l->cx, f->conf);
    /* Below tests/support/with_s3.py the tables lie on its server. */
    const char *bucket = getenv("AWS_ENDPOINT_URL") ? "s3://lakes" : "";
    const char *path = tarn_printf(&l->cx, "%s%s/%s", bucket, f->dir, name);
    must(l, tarn_store_open(&l->cx, path, &l->plain));
    tarn_store_fault(l->plain, &l->store, &l->fault);
    must(l, tarn_engine_conn(&l->cx, f->engine, TARN_DB_EXECUTE, &l->conn));
    l->truth = (tarn_table){.store = l->plain, .location = path, .engine = f->engine};
    must(l, tarn_format_find(&l->cx, tarn_str_of(k->format), &l->truth.format));
    l->table = l->truth;
    l->table.store = l->store;
    if (k->catalog) {
        open_catalog(l, &l->behind, l->store, &l->table);
        open_catalog(l, &l->past, l->plain, &l->truth);
    }
    create_table(l, k);
}

static void close_lake(lake *l) {
    tarn_conn_close(l->conn);
    tarn_catalog_close(l->behind.catalog);
    tarn_catalog_close(l->past.catalog);
    tarn_store_close(l->store);
    tarn_store_close(l->plain);
    tarn_cx_done(&l->cx);
}

/* True when the operation ran through without meeting the fault. `whole`: what it leads to, filled in where empty. */
static bool run(fixture *f, const kind *k, operation *op, const char *name, tarn_fault_kind fault, int nth,
                char whole[64]) {
    lake l;
    tarn_snapshot *base = NULL;
    open_lake(f, &l, k, name);
    const char *before = state_of(&l);
    must(&l, tarn_table_open(&l.cx, &l.table, NULL, NULL, &base));
    must(&l, tarn_fault_watch(&l.cx, l.fault, ""));
    tarn_fault_set(l.fault, &(tarn_fault_plan){.kind = fault, .nth = nth, .delay_ms = 1});
    tarn_code code = op(&l, base);
    bool through = tarn_fault_count(l.fault, TARN_FAULT_ANY) < nth;
    tarn_clear_error(&l.cx);
    must(&l, tarn_fault_crash(&l.cx, l.fault, nth % 2 ? TARN_FAULT_REMOVED : TARN_FAULT_EMPTIED));
    tarn_fault_restart(l.fault);
    tarn_snapshot_release(base);
    const char *after = state_of(&l);
    if (code == TARN_OK && !strcmp(before, after)) fail_msg("%s, call %d: acknowledged, and lost", name, nth);
    if (through && code != TARN_OK) fail_msg("%s: failed without a fault", name);
    if (!*whole) snprintf(whole, 64, "%s", after);
    if (strcmp(after, before) != 0 && strcmp(after, whole) != 0)
        fail_msg("%s, call %d: %s, neither %s nor %s", name, nth, after, before, whole);
    /* Whatever became of it, the next writer goes on from there. */
    must(&l, tarn_table_open(&l.cx, &l.table, NULL, NULL, &base));
    must(&l, append(&l, base));
    tarn_snapshot_release(base);
    const char *next = state_of(&l);
    assert_int_equal(strtoll(next, NULL, 10), strtoll(after, NULL, 10) + 1);
    if (strcmp(before, after)) assert_int_equal(strtoll(after, NULL, 10), strtoll(before, NULL, 10) + 1);
    close_lake(&l);
    return through;
}

static void every_call(fixture *f, const kind *k, operation *op, const char *name) {
    static const tarn_fault_kind faults[] = {TARN_FAULT_FAIL, TARN_FAULT_AMBIGUOUS, TARN_FAULT_TEAR,
                                             TARN_FAULT_CRASH_BEFORE, TARN_FAULT_CRASH_AFTER};
    char folder[64], whole[64] = "";
    snprintf(folder, sizeof folder, "%s-%s", k->name, name);
    assert_true(run(f, k, op, folder, TARN_FAULT_FAIL, INT_MAX, whole));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        int nth = 1;
        do snprintf(folder, sizeof folder, "%s-%s-%zu-%d", k->name, name, i, nth);
        while (!run(f, k, op, folder, faults[i], nth++, whole) && nth < 200);
        assert_in_range(nth, 4, 199); /* faults were met, and an end was reached */
    }
}

static void every_kind(fixture *f, operation *op, const char *name) {
    for (size_t k = 0; k < N_KINDS; k++)
        if (!wanted || !strcmp(wanted, kinds[k].name)) every_call(f, &kinds[k], op, name);
}

static void test_append(void **state) { every_kind(*state, append, "append"); }
static void test_merge(void **state) { every_kind(*state, merge, "merge"); }
static void test_optimize(void **state) { every_kind(*state, optimize, "optimize"); }

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_folder("tarn crash", f->dir, sizeof f->dir);
    f->conf = tarn_conf_defaults();
    f->engine = tarn_engine_new("/tmp/tarn-crash-spill");
    tarn_log_set_level(TARN_LOG_ERROR); /* failures after a commit are logged, and expected here */
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

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_optimize, setup, teardown),
    };
    wanted = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
