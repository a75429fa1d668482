/* update.c: UPDATE t [AS a] SET c = e, … [FROM other] [WHERE p]. */
#include "stmt/dml/assign.h"
#include "stmt/stmts.h"
#include "table/row_ids.h"

static const char ROWS[] = "tarn_dml";

typedef struct update_stmt {
    tarn_run *run;
    tarn_name table;
    const char *alias;
    tarn_assignments set;
    tarn_str from, where;
    tarn_dml_result result;
} update_stmt;

static tarn_code plan(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    update_stmt *u = state;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_auto_buf sql = TARN_BUF((size_t)64 << 20);
    tarn_planned planned;
    const tarn_plan_ref *ref;
    const char *alias = tarn_sql_name(cx->arena, u->alias);
    u->result = (tarn_dml_result){0};
    change->operation = "UPDATE";
    if (u->where.p) tarn_change_parameter(cx->arena, change, "predicate", tarn_json_quote(cx, u->where));
    tarn_buf_printf(&sql, "SELECT %s." TARN_FILE_COLUMN ", %s." TARN_ROW_COLUMN ", %d::TINYINT AS " TARN_ACTION_COLUMN,
                    alias, alias, TARN_ACTION_UPDATE);
    TRY(tarn_assign_columns(cx, opened->snapshot->schema, &u->set, u->alias, &sql));
    if (tarn_row_ids_there(opened->snapshot))
        tarn_buf_printf(&sql, ", %s.%s", alias, tarn_row_ids_name(opened->snapshot->schema));
    tarn_stmt_old_row(cx, opened, u->alias, &sql);
    tarn_buf_printf(&sql, " FROM \"" TARN_TARGET "\" AS %s", alias);
    if (u->from.p) tarn_buf_printf(&sql, ", %.*s", (int)u->from.n, u->from.p);
    if (u->where.p) tarn_buf_printf(&sql, " WHERE %.*s", (int)u->where.n, u->where.p);
    if (sql.failed) return tarn_fail(cx, TARN_LIMIT, "UPDATE: the statement is too long");
    TRY(tarn_session_conn(cx, u->run->session, &conn));
    TRY(tarn_stmt_into_temp(cx, u->run, opened, &u->table, conn, sql.data, ROWS, &planned, &ref));
    tarn_code code = tarn_stmt_apply(cx, u->run, opened, conn, ROWS, ref, change, &u->result);
    tarn_planned_done(&planned);
    tarn_change_metric(cx->arena, change, "numUpdatedRows", u->result.updated);
    tarn_change_metric(cx->arena, change, "numCopiedRows", u->result.copied);
    tarn_change_metric(cx->arena, change, "numRemovedFiles", u->result.files_removed);
    tarn_change_metric(cx->arena, change, "numAddedFiles", u->result.files_added);
    return code;
}

static tarn_code run_update(tarn_cx *cx, tarn_run *run) {
    update_stmt u = {.run = run};
    tarn_cursor *c = &run->cursor;
    TRY(tarn_parse_name(cx, c, &u.table));
    TRY(tarn_stmt_alias(cx, c, &u.table, "SET", &u.alias));
    TRY(tarn_expect(cx, c, "SET"));
    TRY(tarn_parse_assignments(cx, c, "FROM|WHERE|;", &u.set));
    if (tarn_accept(c, "FROM")) TRY(tarn_parse_extent(cx, c, "WHERE|" TARN_AFTER_CONDITION, "a table", &u.from));
    if (tarn_accept(c, "WHERE")) TRY(tarn_parse_extent(cx, c, TARN_AFTER_CONDITION, "a condition", &u.where));
    TRY(tarn_expect_end(cx, c));
    TRY(tarn_session_change(cx, run->session, &u.table, plan, &u, NULL));
    tarn_report report[] = {{"num_affected_rows", u.result.updated}};
    return tarn_stmt_report(cx, run, report, 1);
}

const tarn_stmt tarn_stmt_update = {
    .name = "UPDATE",
    .keywords = "UPDATE",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_update,
    .help = "UPDATE t [AS a] SET column = expression, … [FROM other] [WHERE condition]\nChanges rows; two rows of FROM "
            "for one row of t are an error.",
};
