/* record.c: the rows a change touched, in files of their own, with what became of each. */
#include "table/record.h"

#include "base/map.h"
#include "table/changes.h"
#include "table/rules.h"
#include "table/scan.h"

enum { SQL_MAX = 1 << 30 };

static const char FEED[] = "tarn_inserted";

bool tarn_record_asked(const tarn_snapshot *base) {
    return base && base->format->records_changes && base->format->records_changes(base);
}

tarn_code tarn_record_target(tarn_cx *cx, const tarn_target *target, tarn_target *out) {
    const tarn_schema *own = target->schema;
    if (tarn_schema_find(own, TARN_LIT(TARN_CHANGE_TYPE)) >= 0)
        return tarn_hint(cx,
                         tarn_fail(cx, TARN_INVALID, "%s has a column " TARN_CHANGE_TYPE
                                                     " of its own, which its change feed needs",
                                   tarn_target_name(target)),
                         "rename the column, or turn the table's change feed off");
    tarn_type *schema = tarn_type_new(cx->arena, TARN_STRUCT);
    schema->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, own->n_fields + 1);
    memcpy(schema->fields, own->fields, own->n_fields * sizeof *schema->fields);
    schema->fields[own->n_fields] = (tarn_field){
        .name = TARN_CHANGE_TYPE, .type = tarn_type_new(cx->arena, TARN_STRING), .nullable = true, .id = -1};
    schema->n_fields = own->n_fields + 1;
    *out = *target;
    out->schema = schema;
    out->folder = target->table->format->change_folder;
    out->prefix = target->table->format->change_prefix;
    return TARN_OK;
}

tarn_code tarn_record_rows(tarn_cx *cx, tarn_conn *conn, const tarn_target *typed, const char *select,
                           tarn_change *change) {
    tarn_change files = {0};
    int64_t rows;
    TRY(tarn_write_files(cx, conn, typed, select, NULL, 0, &files, &rows));
    for (size_t i = 0; i < files.adds.n; i++) *TARN_PUSH(cx->arena, &change->recorded) = files.adds.at[i];
    return TARN_OK;
}

tarn_code tarn_record_inserts(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                              const tarn_bind *binds, size_t n_binds, tarn_change *change, char **out) {
    tarn_target typed;
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
    TRY(tarn_record_target(cx, target, &typed));
    const char *sql = tarn_printf(cx, "CREATE OR REPLACE TEMP TABLE %s AS %s", FEED, select);
    tarn_code code = tarn_conn_query(cx, conn, sql, binds, n_binds, &rows);
    if (code == TARN_OK) code = tarn_rows_next(cx, rows, &batch);
    TRY(tarn_rules_error(cx, code));
    TRY(tarn_record_rows(cx, conn, &typed, tarn_printf(cx, "SELECT *, 'insert' AS " TARN_CHANGE_TYPE " FROM %s", FEED),
                         change));
    *out = tarn_printf(cx, "SELECT * FROM %s", FEED);
    return TARN_OK;
}

/* Files of the snapshot by these paths, as a scan. */
static tarn_code scan_paths(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_map *paths, tarn_scan *out) {
    tarn_file_list all = {0};
    TARN_VEC(const tarn_file *) some = {0};
    TRY(tarn_snapshot_files(cx, snapshot, NULL, &all));
    for (size_t i = 0; i < all.files.n; i++)
        if (tarn_map_get(paths, all.files.at[i]->path)) *TARN_PUSH(cx->arena, &some) = all.files.at[i];
    return tarn_scan_build(cx, snapshot->table->engine, snapshot, some.at, some.n, false, NULL, out);
}

/* The table's columns as they are after the change. */
static void put_columns(tarn_buf *out, const tarn_schema *schema, const tarn_schema *was, const char *type,
                        const char *rows) {
    tarn_buf_puts(out, "SELECT ");
    tarn_write_as(out, schema, was);
    tarn_buf_printf(out, ", '%s' AS " TARN_CHANGE_TYPE " FROM (%s) AS _tarn_k", type, rows);
}

tarn_code tarn_record_files(tarn_cx *cx, tarn_conn *conn, tarn_snapshot *before, tarn_snapshot *after,
                            const tarn_change *change, tarn_change *into) {
    tarn_auto(tarn_scan, tarn_scan_done) gone = {0};
    tarn_auto(tarn_scan, tarn_scan_done) come = {0};
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_map old = {0}, fresh = {0};
    tarn_target target, typed;
    for (size_t i = 0; i < change->removes.n; i++) tarn_map_put(&old, cx->arena, change->removes.at[i]->path, cx);
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *add = &change->adds.at[i];
        tarn_map_put(&fresh, cx->arena, add->from ? add->from->path : tarn_str_of(add->path), cx);
        if (add->from && add->deletes) tarn_map_put(&old, cx->arena, add->from->path, cx);
    }
    tarn_target_of(cx, after->table, after, NULL, &target);
    TRY(tarn_record_target(cx, &target, &typed));
    TRY(scan_paths(cx, before, &old, &gone));
    TRY(scan_paths(cx, after, &fresh, &come));
    put_columns(&sql, after->schema, before->schema, "delete", gone.sql);
    tarn_buf_puts(&sql, " UNION ALL ");
    put_columns(&sql, after->schema, after->schema, "insert", come.sql);
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "the change feed of %zu files is too long", change->adds.n);
    return tarn_record_rows(cx, conn, &typed, sql.data, into);
}
