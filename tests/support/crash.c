/* crash.c: a table behind a store that fails at a chosen call, and the loop over all calls. */
#include "support/crash.h"

#include <stdio.h>

#include "base/log.h"
#include "support/folder.h"

int crash_setup(void **state) {
    crash_fixture *f = calloc(1, sizeof *f);
    test_folder("tarn crash", f->dir, sizeof f->dir);
    f->conf = tarn_conf_defaults();
    f->engine = tarn_engine_new("/tmp/tarn-crash-spill");
    tarn_log_set_level(TARN_LOG_ERROR);
    *state = f;
    return 0;
}

int crash_teardown(void **state) {
    crash_fixture *f = *state;
    tarn_engine_free(f->engine);
    tarn_conf_free(f->conf);
    test_folder_remove(f->dir);
    free(f);
    return 0;
}

void crash_must(crash_lake *l, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), l->cx.error.message);
}

void crash_lake_open(crash_fixture *f, crash_lake *l, const char *name, const char *format) {
    *l = (crash_lake){0};
    tarn_cx_init(&l->cx, f->conf);
    const char *path = tarn_printf(&l->cx, "%s%s/%s", getenv("AWS_ENDPOINT_URL") ? "s3://lakes" : "", f->dir, name);
    crash_must(l, tarn_store_open(&l->cx, path, &l->plain));
    tarn_store_fault(l->plain, &l->store, &l->fault);
    crash_must(l, tarn_engine_conn(&l->cx, f->engine, TARN_DB_EXECUTE, &l->conn));
    l->truth = (tarn_table){.store = l->plain, .location = path, .engine = f->engine};
    crash_must(l, tarn_format_find(&l->cx, tarn_str_of(format), &l->truth.format));
    l->table = l->truth;
    l->table.store = l->store;
}

void crash_lake_close(crash_lake *l) {
    tarn_conn_close(l->conn);
    tarn_store_close(l->store);
    tarn_store_close(l->plain);
    tarn_cx_done(&l->cx);
}

void crash_create(crash_lake *l, tarn_change *create, tarn_snapshot **fresh) {
    tarn_type *schema;
    crash_must(l, tarn_type_from_duckdb(&l->cx, l->cx.arena, TARN_LIT("STRUCT(id BIGINT)"), &schema));
    create->operation = "CREATE TABLE";
    create->create = true;
    create->schema = schema;
    crash_must(l, tarn_commit(&l->cx, &l->table, NULL, create, fresh));
}

tarn_code crash_commit_rows(crash_lake *l, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                            const char *select) {
    tarn_target target;
    int64_t rows;
    tarn_target_of(&l->cx, table, base, change, &target);
    TRY(tarn_write_files(&l->cx, l->conn, &target, select, NULL, 0, change, &rows));
    return tarn_commit(&l->cx, table, base, change, NULL);
}

const char *crash_select(crash_lake *l, tarn_snapshot *s, const char *expression) {
    tarn_file_list list = {0};
    tarn_scan scan;
    char *text = NULL;
    crash_must(l, tarn_snapshot_files(&l->cx, s, NULL, &list));
    crash_must(l, tarn_scan_build(&l->cx, l->truth.engine, s, list.files.at, list.files.n, false, NULL, &scan));
    crash_must(
        l, tarn_conn_text(&l->cx, l->conn, tarn_printf(&l->cx, "SELECT %s FROM (%s)", expression, scan.sql), &text));
    tarn_scan_done(&scan);
    return text;
}

void crash_every_call(crash_run *run, void *what, const char *name) {
    static const tarn_fault_kind faults[] = {TARN_FAULT_FAIL, TARN_FAULT_AMBIGUOUS, TARN_FAULT_TEAR,
                                             TARN_FAULT_CRASH_BEFORE, TARN_FAULT_CRASH_AFTER};
    char folder[64];
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        int nth = 1;
        do snprintf(folder, sizeof folder, "%s-%zu-%d", name, i, nth);
        while (!run(what, folder, faults[i], nth++) && nth < 200);
        assert_in_range(nth, 4, 199); /* faults were met, and an end was reached */
    }
}
