/* fake_test.h: a table format in memory for the tests beside: a schema and a list of files, over a real folder and a real engine. */
#ifndef TARN_TABLE_FAKE_TEST_H
#define TARN_TABLE_FAKE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "table/dml.h"
#include "table/upkeep.h"

typedef struct fake_file {
    tarn_file file;
    tarn_roaring64 *deleted;
    const tarn_leaf_stats *stats;
    size_t n_stats;
} fake_file;

typedef struct fake_snapshot {
    tarn_snapshot base;
    TARN_VEC(const tarn_file *) files;
    TARN_VEC(fake_file *) owned;
    bool by_field_id, two_groups;
} fake_snapshot;

typedef struct fixture {
    tarn_cx cx;
    tarn_conf *conf;
    tarn_engine *engine;
    tarn_conn *conn;
    char dir[64];
    tarn_table table;
    fake_snapshot *now;
} fixture;

static inline tarn_code fake_files(tarn_cx *cx, tarn_snapshot *s, const tarn_expr *where, tarn_file_list *out) {
    fake_snapshot *f = (fake_snapshot *)s;
    (void)where;
    for (size_t i = 0; i < f->files.n; i++) {
        *TARN_PUSH(cx->arena, &out->files) = f->files.at[i];
        out->bytes += f->files.at[i]->size;
    }
    out->total_files = (int64_t)f->files.n;
    return TARN_OK;
}

static inline tarn_code fake_groups(tarn_cx *cx, tarn_snapshot *s, const tarn_file *const *files, size_t n, tarn_file_group **out, size_t *n_out) {
    fake_snapshot *f = (fake_snapshot *)s;
    tarn_column_map *columns = TARN_NEW_ARRAY(cx->arena, tarn_column_map, s->schema->n_fields);
    for (size_t i = 0; i < s->schema->n_fields; i++) {
        columns[i] = (tarn_column_map){.field = &s->schema->fields[i], .partition = -1};
        for (size_t k = 0; k < s->n_partition; k++)
            if (s->partition[k].column == (int)i) columns[i].partition = (int)k;
    }
    size_t groups = f->two_groups ? 2 : 1;
    tarn_file_group *g = TARN_NEW_ARRAY(cx->arena, tarn_file_group, groups);
    /* The second half first, so that a scan's order differs from its caller's. */
    for (size_t i = 0, end = n; i < groups; i++) {
        size_t begin = i + 1 == groups ? 0 : n / 2;
        g[i] = (tarn_file_group){.columns = columns, .n_columns = s->schema->n_fields, .by_field_id = f->by_field_id};
        g[i].files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, end - begin);
        for (size_t k = begin; k < end; k++) g[i].files[g[i].n_files++] = files[k];
        end = begin;
    }
    *out = g;
    *n_out = groups;
    return TARN_OK;
}

static inline tarn_code fake_deleted(tarn_cx *cx, tarn_snapshot *s, const tarn_file *file, tarn_roaring64 **out) {
    (void)cx;
    (void)s;
    *out = tarn_roaring64_copy(((const fake_file *)file)->deleted);
    return TARN_OK;
}

static inline void fake_free(tarn_snapshot *s) {
    fake_snapshot *f = (fake_snapshot *)s;
    for (size_t i = 0; i < f->owned.n; i++) tarn_roaring64_free(f->owned.at[i]->deleted);
    tarn_arena_free(s->arena);
}

static inline tarn_code fake_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change) {
    (void)cx, (void)table, (void)base, (void)change;
    return TARN_OK;
}

static inline tarn_code fake_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change, int64_t *version) {
    (void)cx, (void)table, (void)change;
    *version = base->version + 1;
    return TARN_OK;
}

static inline fake_file *fake_add(fake_snapshot *s, const char *path, int64_t rows, const tarn_value *partition) {
    fake_file *f = TARN_NEW(s->base.arena, fake_file);
    f->file.path = tarn_str_of(tarn_arena_strdup(s->base.arena, path));
    f->file.rows = rows;
    f->file.ordinal = (uint32_t)s->files.n;
    if (s->base.n_partition) {
        tarn_value *copy = TARN_NEW_ARRAY(s->base.arena, tarn_value, s->base.n_partition);
        for (size_t i = 0; i < s->base.n_partition; i++) {
            copy[i] = partition[i];
            bool text = partition[i].kind == TARN_STRING && !partition[i].null;
            if (text) copy[i].s.p = tarn_arena_strndup(s->base.arena, partition[i].s.p, partition[i].s.n);
        }
        f->file.partition = copy;
    }
    *TARN_PUSH(s->base.arena, &s->files) = &f->file;
    *TARN_PUSH(s->base.arena, &s->owned) = f;
    return f;
}

/* Positions deleted in a file, more than there were. */
static inline void fake_delete(fake_snapshot *s, fake_file *f, uint64_t row) {
    tarn_deletes *d = TARN_NEW(s->base.arena, tarn_deletes);
    if (!f->deleted) f->deleted = tarn_roaring64_new();
    tarn_roaring64_add(f->deleted, row);
    d->rows = (int64_t)tarn_roaring64_cardinality(f->deleted);
    f->file.deletes = d;
}

static inline tarn_code fake_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version, tarn_snapshot **out) {
    fake_snapshot *old = (fake_snapshot *)base, *s = (fake_snapshot *)tarn_snapshot_new(base->table, sizeof *s);
    (void)cx;
    s->base.version = version;
    s->base.schema = change->schema ? change->schema : base->schema;
    s->base.partition = base->partition;
    s->base.n_partition = base->n_partition;
    s->base.checks = base->checks;
    s->base.n_checks = base->n_checks;
    s->by_field_id = old->by_field_id;
    for (size_t i = 0; i < old->files.n; i++) {
        const fake_file *was = (const fake_file *)old->files.at[i];
        bool gone = false;
        for (size_t k = 0; k < change->removes.n; k++) gone = gone || change->removes.at[k] == old->files.at[i];
        if (gone) continue;
        fake_file *f = fake_add(s, tarn_arena_strndup(s->base.arena, was->file.path.p, was->file.path.n), was->file.rows, was->file.partition);
        f->file.size = was->file.size;
        if (was->deleted) {
            f->deleted = tarn_roaring64_copy(was->deleted);
            f->file.deletes = was->file.deletes;
        }
    }
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *a = &change->adds.at[i];
        fake_file *f = fake_add(s, a->path, a->rows, a->partition);
        f->file.size = a->size;
        f->stats = a->stats;
        f->n_stats = a->n_stats;
    }
    *out = &s->base;
    return TARN_OK;
}

static inline tarn_code fake_needed(tarn_cx *cx, tarn_snapshot *s, int64_t retention_ms, void (*keep)(void *state, tarn_str key), void *state) {
    fake_snapshot *f = (fake_snapshot *)s;
    (void)cx, (void)retention_ms;
    for (size_t i = 0; i < f->files.n; i++) keep(state, f->files.at[i]->path);
    return TARN_OK;
}

static inline int64_t fake_retention(tarn_snapshot *s) {
    (void)s;
    return 7 * 86400000LL;
}

static const tarn_format fake_format = {
    .name = "fake",
    .title = "Fake",
    .data_prefix = "part-",
    .features = TARN_CAN_WRITE,
    .free = fake_free,
    .files = fake_files,
    .groups = fake_groups,
    .deleted = fake_deleted,
    .prepare = fake_prepare,
    .commit = fake_commit,
    .apply = fake_apply,
    .needed = fake_needed,
    .retention_ms = fake_retention,
};

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
    strcpy(f->dir, "/tmp/tarn table 'é' [x]* XXXXXX");
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

static inline int fake_teardown(void **state) {
    fixture *f = *state;
    if (f->now) tarn_snapshot_release(&f->now->base);
    tarn_conn_close(f->conn);
    tarn_engine_free(f->engine);
    tarn_store_close(f->table.store);
    if (system(tarn_printf(&f->cx, "rm -rf -- \"%s\"", f->dir)) != 0) abort();
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

#endif
