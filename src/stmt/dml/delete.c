/* delete.c: DELETE FROM t [AS a] [WHERE p], and TRUNCATE TABLE t. */
#include "stmt/dml/assign.h"
#include "stmt/stmts.h"

static const char ROWS[] = "tarn_dml";

typedef struct delete_stmt {
    tarn_run *run;
    tarn_name table;
    const char *alias;
    tarn_str where; /* .p NULL: all rows */
    tarn_dml_result result;
} delete_stmt;

static tarn_code remove_all(tarn_cx *cx, delete_stmt *d, const tarn_opened *opened, tarn_change *change) {
    tarn_file_list list = {0};
    change->operation = "DELETE";
    change->read_all = true;
    TRY(tarn_snapshot_files(cx, opened->snapshot, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_file *file = list.files.at[i];
        *TARN_PUSH(cx->arena, &change->removes) = file;
        if (tarn_file_live_rows(file) > 0) d->result.deleted += tarn_file_live_rows(file);
    }
    d->result.files_removed = (int64_t)list.files.n;
    return TARN_OK;
}

static tarn_code remove_matching(tarn_cx *cx, delete_stmt *d, const tarn_opened *opened, tarn_change *change) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_planned planned;
    const tarn_plan_ref *ref;
    tarn_auto_buf sql = TARN_BUF((size_t)64 << 20);
    tarn_buf_printf(&sql, "SELECT " TARN_FILE_COLUMN ", " TARN_ROW_COLUMN ", %d::TINYINT AS " TARN_ACTION_COLUMN,
                    TARN_ACTION_DELETE);
    tarn_stmt_old_row(cx, opened, d->alias, &sql);
    tarn_buf_printf(&sql, " FROM \"" TARN_TARGET "\" AS %s WHERE %.*s", tarn_sql_name(cx->arena, d->alias),
                    (int)d->where.n, d->where.p);
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "DELETE: the statement is too long");
    TRY(tarn_session_conn(cx, d->run->session, &conn));
    TRY(tarn_stmt_into_temp(cx, d->run, opened, &d->table, conn, sql.data, ROWS, &planned, &ref));
    tarn_code code = tarn_stmt_apply(cx, d->run, opened, conn, ROWS, ref, change, &d->result);
    tarn_planned_done(&planned);
    return code;
}

static tarn_code plan(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    delete_stmt *d = state;
    d->result = (tarn_dml_result){0};
    change->operation = "DELETE";
    if (d->where.p) tarn_change_parameter(cx->arena, change, "predicate", tarn_json_quote(cx, d->where));
    TRY(d->where.p ? remove_matching(cx, d, opened, change) : remove_all(cx, d, opened, change));
    tarn_change_metric(cx->arena, change, "numDeletedRows", d->result.deleted);
    tarn_change_metric(cx->arena, change, "numCopiedRows", d->result.copied);
    tarn_change_metric(cx->arena, change, "numRemovedFiles", d->result.files_removed);
    tarn_change_metric(cx->arena, change, "numAddedFiles", d->result.files_added);
    return TARN_OK;
}

static tarn_code finish(tarn_cx *cx, delete_stmt *d) {
    TRY(tarn_session_change(cx, d->run->session, &d->table, plan, d, NULL));
    tarn_report report[] = {{"num_affected_rows", d->result.deleted}};
    return tarn_stmt_report(cx, d->run, report, 1);
}

static tarn_code run_delete(tarn_cx *cx, tarn_run *run) {
    delete_stmt d = {.run = run};
    tarn_cursor *c = &run->cursor;
    TRY(tarn_parse_name(cx, c, &d.table));
    TRY(tarn_stmt_alias(cx, c, &d.table, "WHERE|;", &d.alias));
    if (tarn_accept(c, "WHERE")) TRY(tarn_parse_extent(cx, c, TARN_AFTER_CONDITION, "a condition", &d.where));
    TRY(tarn_expect_end(cx, c));
    return finish(cx, &d);
}

static tarn_code run_truncate(tarn_cx *cx, tarn_run *run) {
    delete_stmt d = {.run = run};
    (void)tarn_accept(&run->cursor, "TABLE");
    TRY(tarn_parse_name(cx, &run->cursor, &d.table));
    TRY(tarn_expect_end(cx, &run->cursor));
    return finish(cx, &d);
}

const tarn_stmt tarn_stmt_delete = {
    .name = "DELETE",
    .keywords = "DELETE FROM",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_delete,
    .help =
        "DELETE FROM t [AS a] [WHERE condition]\nRemoves rows; the condition may hold subqueries over other tables.",
};

const tarn_stmt tarn_stmt_truncate = {
    .name = "TRUNCATE",
    .keywords = "TRUNCATE",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_truncate,
    .help = "TRUNCATE [TABLE] t\nRemoves all rows; RESTORE brings them back.",
};
