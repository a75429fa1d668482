/* fake_test.h: what the tests beside share: a table of the fake format in a real folder, with a real engine. */
#ifndef TARN_TABLE_FAKE_TEST_H
#define TARN_TABLE_FAKE_TEST_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "table/dml.h"
#include "table/fake_format_test.h"
#include "table/upkeep.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_conf *conf;
    tarn_engine *engine;
    tarn_conn *conn;
    char dir[64];
    tarn_table table;
    fake_snapshot *now;
} fixture;

static inline void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_sqlstate(code), f->cx.error.message);
}

static inline void fails(fixture *f, tarn_code code, tarn_code expected, const char *part) {
    if (code != expected) fail_msg("code %d instead of %d: %s", (int)code, (int)expected, f->cx.error.message);
    if (!strstr(f->cx.error.message, part)) fail_msg("message \"%s\" lacks \"%s\"", f->cx.error.message, part);
}

static inline const char *text(fixture *f, const char *sql) {
    char *out = NULL;
    ok(f, tarn_conn_text(&f->cx, f->conn, sql, &out));
    return out;
}

static inline void check(fixture *f, const char *sql, const char *expected) {
    const char *got = text(f, sql);
    if (!got || strcmp(got, expected) != 0) fail_msg("%s: got %s, expected %s", sql, got ? got : "null", expected);
}

/* "a BIGINT, b STRUCT(x INTEGER)" as a schema. */
static inline tarn_schema *schema_of(fixture *f, const char *columns) {
    tarn_type *type = NULL;
    ok(f, tarn_type_from_duckdb(&f->cx, f->cx.arena, tarn_str_of(tarn_printf(&f->cx, "STRUCT(%s)", columns)), &type));
    return type;
}

static inline int fake_setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    snprintf(f->dir, sizeof f->dir, "/tmp/tarn table 'é' [x]* XXXXXX");
    if (!mkdtemp(f->dir)) abort();
    f->engine = tarn_engine_new(tarn_printf(&f->cx, "%s/.tmp", f->dir));
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &f->conn));
    f->table = (tarn_table){.format = &fake_format, .location = f->dir, .name = "lake.main.t", .engine = f->engine};
    ok(f, tarn_store_open(&f->cx, f->dir, &f->table.store));
    *state = f;
    return 0;
}

/* An empty table of these columns, partitioned by the last `parts` ones. */
static inline void make_table(fixture *f, const char *columns, size_t parts) {
    if (f->now) tarn_snapshot_release(&f->now->base);
    f->now = (fake_snapshot *)tarn_snapshot_new(&f->table, sizeof *f->now);
    tarn_schema *schema = schema_of(f, columns);
    tarn_partition_field *by = TARN_NEW_ARRAY(f->cx.arena, tarn_partition_field, parts);
    for (size_t i = 0; i < parts; i++) {
        by[i].column = (int)(schema->n_fields - parts + i);
        by[i].name = schema->fields[by[i].column].name;
    }
    f->now->base.version = 0;
    f->now->base.schema = schema;
    f->now->base.partition = by;
    f->now->base.n_partition = parts;
}

static inline void apply_change(fixture *f, const tarn_change *change) {
    tarn_snapshot *after = NULL;
    ok(f, fake_apply(&f->cx, &f->now->base, change, f->now->base.version + 1, &after));
    tarn_snapshot_release(&f->now->base);
    f->now = (fake_snapshot *)after;
}

/* INSERT of a select, through tarn_write_select and tarn_write_files. */
static inline void insert(fixture *f, const char *select) {
    tarn_target target;
    tarn_change change = {0};
    tarn_insert_map map = {0};
    tarn_schema *source = NULL;
    char *sql = NULL;
    int64_t rows = 0;
    tarn_target_of(&f->cx, &f->table, &f->now->base, &change, &target);
    ok(f, tarn_conn_describe(&f->cx, f->conn, select, f->cx.arena, &source));
    ok(f, tarn_write_select(&f->cx, &target, select, source, &map, &sql));
    ok(f, tarn_write_files(&f->cx, f->conn, &target, sql, NULL, 0, &change, &rows));
    apply_change(f, &change);
}

static inline void scan_all(fixture *f, bool positions, tarn_scan *scan) {
    ok(f, tarn_scan_build(&f->cx, f->engine, &f->now->base, f->now->files.at, f->now->files.n, positions, NULL, scan));
}

/* An aggregate over the whole table, which `sql` calls t. */
static inline void check_table(fixture *f, const char *sql, const char *expected) {
    tarn_scan scan = {0};
    scan_all(f, false, &scan);
    check(f, tarn_printf(&f->cx, "WITH t AS (%s) %s", scan.sql, sql), expected);
    tarn_scan_done(&scan);
}

static inline int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static inline int fake_teardown(void **state) {
    fixture *f = *state;
    if (f->now) tarn_snapshot_release(&f->now->base);
    tarn_conn_close(f->conn);
    tarn_engine_free(f->engine);
    tarn_store_close(f->table.store);
    if (nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) abort();
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

#endif
