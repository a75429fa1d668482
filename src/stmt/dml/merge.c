/* merge.c: MERGE INTO t USING source ON condition WHEN …: one join that yields, per row, the action and the new row. */
#include "stmt/dml/merge.h"

#include "table/record.h"
#include "table/row_ids.h"

static const char SOURCE[] = "tarn_merge_source", ROWS[] = "tarn_dml";

static bool has_kind(const tarn_merge *m, tarn_merge_kind kind) {
    for (size_t i = 0; i < m->clauses.n; i++)
        if (m->clauses.at[i].kind == kind) return true;
    return false;
}

/* The source is read once, whatever the join does: it may not give the same rows twice. */
static tarn_code read_source(tarn_cx *cx, tarn_merge *m, tarn_conn *conn, tarn_schema **source) {
    tarn_planned planned;
    tarn_bind *binds = (tarn_bind *)(uintptr_t)m->run->binds;
    tarn_rows *rows;
    struct ArrowArray batch = {0};
    bool renamed = m->source_columns.p != NULL;
    const char *columns = renamed ? tarn_printf(cx, "(%.*s)", (int)m->source_columns.n, m->source_columns.p) : "";
    const char *select = tarn_printf(cx, "SELECT * FROM %.*s", (int)m->source.n, m->source.p);
    if (renamed || m->source.p[0] == '(')
        select = tarn_printf(cx, "%s AS %s%s", select, tarn_sql_name(cx->arena, m->source_alias), columns);
    TRY(tarn_stmt_source(cx, m->run, conn, tarn_str_of(select), &planned, source));
    tarn_code code =
        tarn_conn_query(cx, conn,
                        tarn_printf(cx, "CREATE OR REPLACE TEMP TABLE %s AS SELECT *, true AS _tarn_source FROM (%s\n)",
                                    SOURCE, planned.sql),
                        binds, m->run->n_binds, &rows);
    if (code == TARN_OK) {
        code = tarn_rows_next(cx, rows, &batch);
        tarn_array_release(&batch);
        tarn_rows_close(rows);
    }
    code = tarn_planned_fail(cx, &planned, code);
    tarn_planned_done(&planned);
    return code;
}

/* A clause's values are typed over the rows it has: the other side does not bind, and no member of a struct is lost. */
static tarn_code check_row(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, const tarn_merge_clause *c,
                           const char *const *exprs, tarn_conn *conn) {
    tarn_auto_buf sql = TARN_BUF((size_t)64 << 20);
    tarn_planned planned;
    tarn_schema *types;
    tarn_buf_puts(&sql, "SELECT true");
    for (size_t i = 0; i < schema->n_fields; i++) tarn_buf_printf(&sql, ", %s", exprs[i] ? exprs[i] : "NULL");
    tarn_buf_puts(&sql, " FROM ");
    if (c->kind != TARN_NOT_MATCHED) {
        tarn_buf_putc(&sql, '(');
        tarn_scan_empty(&sql, schema, false);
        tarn_buf_printf(&sql, ") AS %s", tarn_sql_name(cx->arena, m->alias));
    }
    if (c->kind == TARN_MATCHED) tarn_buf_puts(&sql, ", ");
    if (c->kind != TARN_NOT_MATCHED_BY_SOURCE)
        tarn_buf_printf(&sql, "temp.%s AS %s", SOURCE, tarn_sql_name(cx->arena, m->source_alias));
    if (sql.failed) return tarn_fail(cx, TARN_LIMIT, "MERGE: the statement is too long");
    TRY(tarn_stmt_source(cx, m->run, conn, (tarn_str){sql.data, sql.n}, &planned, &types));
    tarn_planned_done(&planned);
    for (size_t i = 0; i < schema->n_fields; i++)
        TRY(tarn_write_members(cx, schema->fields[i].name, types->fields[i + 1].type, schema->fields[i].type));
    return TARN_OK;
}

/* `{action, new row}` of one clause: CASE branches of one struct type. */
static tarn_code clause_row(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, const tarn_schema *source,
                            const tarn_merge_clause *c, tarn_conn *conn, tarn_buf *out) {
    const char **exprs = TARN_NEW_ARRAY(cx->arena, const char *, schema->n_fields);
    if (c->action == TARN_ACTION_UPDATE) TRY(tarn_merge_update_row(cx, m, schema, source, c, exprs));
    if (c->action == TARN_ACTION_INSERT) TRY(tarn_merge_insert_row(cx, m, schema, source, c, exprs));
    if (c->action != TARN_ACTION_DELETE) TRY(check_row(cx, m, schema, c, exprs, conn));
    tarn_buf_printf(out, "struct_pack(k := %d::TINYINT", c->action);
    for (size_t i = 0; i < schema->n_fields; i++) {
        tarn_buf_printf(out, ", c%zu := CAST(%s AS ", i, exprs[i] ? exprs[i] : "NULL");
        tarn_type_duckdb(out, schema->fields[i].type);
        tarn_buf_putc(out, ')');
    }
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

/* CASE WHEN <the kind's rows> AND (condition) THEN row … END: the first clause that fits decides. */
static tarn_code action_case(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, const tarn_schema *source,
                             tarn_conn *conn, tarn_buf *out) {
    const char *target = tarn_sql_name(cx->arena, m->alias), *from = tarn_sql_name(cx->arena, m->source_alias);
    tarn_buf_puts(out, "CASE");
    for (size_t i = 0; i < m->clauses.n; i++) {
        const tarn_merge_clause *c = &m->clauses.at[i];
        bool in_target = c->kind != TARN_NOT_MATCHED, in_source = c->kind != TARN_NOT_MATCHED_BY_SOURCE;
        tarn_buf_printf(out, " WHEN %s." TARN_ROW_COLUMN " IS %s AND %s._tarn_source IS %s", target,
                        in_target ? "NOT NULL" : "NULL", from, in_source ? "NOT NULL" : "NULL");
        if (c->condition.p) tarn_buf_printf(out, " AND (%.*s\n)", (int)c->condition.n, c->condition.p);
        tarn_buf_puts(out, " THEN ");
        TRY(clause_row(cx, m, schema, source, c, conn, out));
    }
    tarn_buf_puts(out, " END");
    return TARN_OK;
}

static tarn_code join_sql(tarn_cx *cx, const tarn_merge *m, const tarn_opened *opened, const tarn_schema *schema,
                          const tarn_schema *source, const char *keys, tarn_conn *conn, tarn_buf *out) {
    const char *row_id = tarn_row_ids_there(opened->snapshot) ? tarn_row_ids_name(opened->snapshot->schema) : NULL;
    const char *target = tarn_sql_name(cx->arena, m->alias), *from = tarn_sql_name(cx->arena, m->source_alias);
    bool all_target = has_kind(m, TARN_NOT_MATCHED_BY_SOURCE), all_source = has_kind(m, TARN_NOT_MATCHED);
    const char *join = all_target ? (all_source ? "FULL" : "LEFT") : all_source ? "RIGHT" : "INNER";
    tarn_buf_puts(out, "SELECT " TARN_FILE_COLUMN ", " TARN_ROW_COLUMN ", _tarn_row_new.k AS " TARN_ACTION_COLUMN);
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (!tarn_merge_writes(m, schema, i)) continue;
        tarn_buf_printf(out, ", _tarn_row_new.c%zu AS ", i);
        tarn_buf_sql_name(out, schema->fields[i].name);
    }
    if (row_id) tarn_buf_printf(out, ", %s", row_id);
    if (tarn_record_asked(opened->snapshot)) tarn_buf_puts(out, ", " TARN_OLD_COLUMN);
    tarn_buf_printf(out, " FROM (SELECT %s." TARN_FILE_COLUMN ", %s." TARN_ROW_COLUMN ", ", target, target);
    if (row_id) tarn_buf_printf(out, "%s.%s, ", target, row_id);
    TRY(action_case(cx, m, schema, source, conn, out));
    tarn_buf_puts(out, " AS _tarn_row_new");
    tarn_stmt_old_row(cx, opened, m->alias, out);
    tarn_buf_printf(
        out, " FROM \"" TARN_TARGET "\" AS %s %s JOIN temp.%s AS %s ON (%.*s\n)%s) WHERE _tarn_row_new IS NOT NULL",
        target, join, SOURCE, from, (int)m->on.n, m->on.p, all_target ? "" : keys);
    return out->failed ? tarn_fail(cx, TARN_LIMIT, "MERGE: the statement is too long") : TARN_OK;
}

static void describe_change(tarn_cx *cx, const tarn_merge *m, tarn_change *change) {
    change->operation = "MERGE";
    tarn_change_parameter(cx->arena, change, "predicate", tarn_json_quote(cx, m->on));
    tarn_change_metric(cx->arena, change, "numTargetRowsUpdated", m->result.updated);
    tarn_change_metric(cx->arena, change, "numTargetRowsDeleted", m->result.deleted);
    tarn_change_metric(cx->arena, change, "numTargetRowsInserted", m->result.inserted);
    tarn_change_metric(cx->arena, change, "numTargetRowsCopied", m->result.copied);
    tarn_change_metric(cx->arena, change, "numTargetFilesRemoved", m->result.files_removed);
    tarn_change_metric(cx->arena, change, "numTargetFilesAdded", m->result.files_added);
}

static tarn_code plan(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    tarn_merge *m = state;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_auto_buf sql = TARN_BUF((size_t)256 << 20);
    tarn_planned planned;
    const tarn_plan_ref *ref;
    const char *keys = "";
    tarn_schema *source;
    const tarn_schema *schema = opened->snapshot->schema;
    m->result = (tarn_dml_result){0};
    TRY(tarn_session_conn(cx, m->run->session, &conn));
    TRY(read_source(cx, m, conn, &source));
    if (m->options.merge_schema) TRY(tarn_merge_new_columns(cx, m, source, change, &schema));
    TRY(tarn_merge_keys(cx, m, schema, conn, SOURCE, &keys));
    TRY(join_sql(cx, m, opened, schema, source, keys, conn, &sql));
    TRY(tarn_stmt_into_temp(cx, m->run, opened, &m->table, conn, sql.data, ROWS, &planned, &ref));
    tarn_code code = tarn_stmt_apply(cx, m->run, opened, conn, ROWS, ref, change, &m->result);
    tarn_planned_done(&planned);
    describe_change(cx, m, change);
    return code;
}

static tarn_code run_merge(tarn_cx *cx, tarn_run *run) {
    tarn_merge m = {.run = run};
    const tarn_cursor begin = {run->cursor.tokens, 0};
    m.options.merge_schema = tarn_peek(&begin, "MERGE WITH SCHEMA EVOLUTION");
    TRY(tarn_merge_parse(cx, &run->cursor, &m));
    TRY(tarn_session_change(cx, run->session, &m.table, plan, &m, NULL));
    tarn_report report[] = {{"num_affected_rows", m.result.updated + m.result.deleted + m.result.inserted},
                            {"num_updated_rows", m.result.updated},
                            {"num_deleted_rows", m.result.deleted},
                            {"num_inserted_rows", m.result.inserted}};
    return tarn_stmt_report(cx, run, report, 4);
}

const tarn_stmt tarn_stmt_merge = {
    .name = "MERGE",
    .keywords = "MERGE INTO|MERGE WITH SCHEMA EVOLUTION INTO",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_merge,
    .help = "MERGE INTO t [AS a] USING source [AS s] ON condition\n"
            "  WHEN MATCHED [AND e] THEN UPDATE SET * | c = e, … | DELETE\n"
            "  WHEN NOT MATCHED [BY TARGET] [AND e] THEN INSERT * | (c, …) VALUES (e, …)\n"
            "  WHEN NOT MATCHED BY SOURCE [AND e] THEN UPDATE SET c = e, … | DELETE\n"
            "Upserts; the first clause that fits a row decides, and two source rows for one target row are an error.",
};
