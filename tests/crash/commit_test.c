/* commit_test.c: the store fails, tears, or goes down at call 1, 2, 3, … of each operation: afterwards the table is as
 * before it or as after it, and as after it when it was acknowledged. An argument names the only kind of table to try.
 */
#include <limits.h>
#include <stdio.h>

#include "support/crash.h"

#include "catalog/catalogs.h"
#include "table/dml.h"

/* A kind of table: how it is kept, and who says which version is the newest. */
typedef struct kind {
    const char *name, *format;
    bool catalog;            /* the catalog, which is behind the failing store too */
    tarn_pair properties[3]; /* until one without a name */
} kind;

static const kind kinds[] = {
    {"delta", "delta", false, {{"delta.checkpointInterval", "3"}}}, /* by the commit under test */
    {"iceberg-path", "iceberg", false, {{"format-version", "2"}, {"write.merge.mode", "merge-on-read"}}},
    {"iceberg-catalog", "iceberg", true, {{"format-version", "3"}, {"write.merge.mode", "merge-on-read"}}},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static const char *wanted; /* the kind that was asked for; NULL: all */

/* A catalog as a committer sees it; id 0: the table is not in it yet. */
typedef struct home {
    tarn_catalog *catalog;
    int64_t id;
    tarn_committer committer;
} home;

/* The same catalog through the failing store, and past it. */
typedef struct homes {
    home behind, past;
} homes;

typedef tarn_code operation(crash_lake *l, tarn_snapshot *base);

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

static tarn_code append(crash_lake *l, tarn_snapshot *base) {
    tarn_change change = {.operation = "WRITE", .blind_append = true};
    return crash_commit_rows(l, &l->table, base, &change, "SELECT 100 + range AS id FROM range(10)");
}

/* Rows with an even id go, through positions as DELETE and MERGE have them, and one comes. */
static tarn_code merge(crash_lake *l, tarn_snapshot *base) {
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

static tarn_code optimize(crash_lake *l, tarn_snapshot *base) {
    tarn_optimize_spec spec = {.file_size = 1 << 20};
    tarn_optimize_result result;
    return tarn_optimize(&l->cx, l->conn, &l->table, base, &spec, &result);
}

/* Version, rows and their sum, read past the failing store. OPTIMIZE changes only the version. */
static const char *state_of(crash_lake *l) {
    tarn_snapshot *s = NULL;
    crash_must(l, tarn_table_open(&l->cx, &l->truth, NULL, NULL, &s));
    const char *rows = crash_select(l, s, "count(*) || ' rows, sum ' || coalesce(sum(id), 0)");
    const char *text = tarn_printf(&l->cx, "%d: %s", (int)s->version, rows);
    tarn_snapshot_release(s);
    return text;
}

static void open_catalog(crash_lake *l, home *h, tarn_store *store, tarn_table *table) {
    crash_must(l, tarn_catalog_object_open(&l->cx, store, &h->catalog));
    h->committer = (tarn_committer){h, load_pointer, swap_pointer};
    table->committer = &h->committer;
}

/* The new table gets its name, with where its first version is. */
static void enter_table(crash_lake *l, homes *h, const tarn_snapshot *fresh) {
    tarn_catalog_entry entry = {.kind = TARN_ENTRY_TABLE,
                                .catalog = "lake",
                                .schema = "main",
                                .name = "t",
                                .format = "iceberg",
                                .location = l->truth.location,
                                .pointer = fresh->pointer};
    crash_must(l, tarn_catalog_create(&l->cx, h->past.catalog, &entry, false));
    crash_must(l, tarn_catalog_resolve(&l->cx, h->past.catalog, "lake", "main", "t", &entry));
    h->behind.id = h->past.id = entry.id;
}

static void open_lake(crash_fixture *f, crash_lake *l, homes *h, const kind *k, const char *name) {
    tarn_change create = {0};
    tarn_snapshot *fresh = NULL;
    *h = (homes){0};
    crash_lake_open(f, l, name, k->format);
    if (k->catalog) {
        open_catalog(l, &h->behind, l->store, &l->table);
        open_catalog(l, &h->past, l->plain, &l->truth);
    }
    for (const tarn_pair *p = k->properties; p->name; p++)
        tarn_change_property(l->cx.arena, &create, p->name, p->value);
    crash_create(l, &create, &fresh);
    if (k->catalog) enter_table(l, h, fresh);
    tarn_snapshot_release(fresh);
    for (int i = 0; i < 2; i++) {
        tarn_snapshot *base = NULL;
        tarn_change change = {.operation = "WRITE", .blind_append = true};
        const char *rows = tarn_printf(&l->cx, "SELECT %d + range AS id FROM range(5)", i * 5);
        crash_must(l, tarn_table_open(&l->cx, &l->table, NULL, NULL, &base));
        crash_must(l, crash_commit_rows(l, &l->table, base, &change, rows));
        tarn_snapshot_release(base);
    }
}

/* An operation on a kind of table. */
typedef struct attempt {
    crash_fixture *fixture;
    const kind *kind;
    operation *op;
    char whole[64]; /* what it leads to, filled in by the first run */
} attempt;

static bool run(void *what, const char *name, tarn_fault_kind fault, int nth) {
    attempt *a = what;
    crash_lake l;
    homes h;
    tarn_snapshot *base = NULL;
    open_lake(a->fixture, &l, &h, a->kind, name);
    const char *before = state_of(&l);
    crash_must(&l, tarn_table_open(&l.cx, &l.table, NULL, NULL, &base));
    crash_must(&l, tarn_fault_watch(&l.cx, l.fault, ""));
    tarn_fault_set(l.fault, &(tarn_fault_plan){.kind = fault, .nth = nth, .delay_ms = 1});
    tarn_code code = a->op(&l, base);
    bool through = tarn_fault_count(l.fault, TARN_FAULT_ANY) < nth;
    tarn_clear_error(&l.cx);
    crash_must(&l, tarn_fault_crash(&l.cx, l.fault, nth % 2 ? TARN_FAULT_REMOVED : TARN_FAULT_EMPTIED));
    tarn_fault_restart(l.fault);
    tarn_snapshot_release(base);
    const char *after = state_of(&l);
    if (code == TARN_OK && !strcmp(before, after)) fail_msg("%s, call %d: acknowledged, and lost", name, nth);
    if (through && code != TARN_OK) fail_msg("%s: failed without a fault", name);
    if (!*a->whole) snprintf(a->whole, sizeof a->whole, "%s", after);
    if (strcmp(after, before) != 0 && strcmp(after, a->whole) != 0)
        fail_msg("%s, call %d: %s, neither %s nor %s", name, nth, after, before, a->whole);
    /* Whatever became of it, the next writer goes on from there. */
    crash_must(&l, tarn_table_open(&l.cx, &l.table, NULL, NULL, &base));
    crash_must(&l, append(&l, base));
    tarn_snapshot_release(base);
    const char *next = state_of(&l);
    assert_int_equal(strtoll(next, NULL, 10), strtoll(after, NULL, 10) + 1);
    if (strcmp(before, after)) assert_int_equal(strtoll(after, NULL, 10), strtoll(before, NULL, 10) + 1);
    tarn_catalog_close(h.behind.catalog);
    tarn_catalog_close(h.past.catalog);
    crash_lake_close(&l);
    return through;
}

static void every_kind(crash_fixture *f, operation *op, const char *name) {
    for (size_t k = 0; k < N_KINDS; k++) {
        attempt a = {f, &kinds[k], op, ""};
        char folder[64];
        if (wanted && strcmp(wanted, kinds[k].name) != 0) continue;
        snprintf(folder, sizeof folder, "%s-%s", kinds[k].name, name);
        assert_true(run(&a, folder, TARN_FAULT_FAIL, INT_MAX));
        crash_every_call(run, &a, folder);
    }
}

static void test_append(void **state) { every_kind(*state, append, "append"); }
static void test_merge(void **state) { every_kind(*state, merge, "merge"); }
static void test_optimize(void **state) { every_kind(*state, optimize, "optimize"); }

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append, crash_setup, crash_teardown),
        cmocka_unit_test_setup_teardown(test_merge, crash_setup, crash_teardown),
        cmocka_unit_test_setup_teardown(test_optimize, crash_setup, crash_teardown),
    };
    wanted = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
