/* query.c: SELECT and what else only reads: WITH, FROM, VALUES, TABLE, SUMMARIZE, PIVOT. */
#include "stmt/stmts.h"

#include <stdio.h>
#include <unistd.h>

/* Runs planned SQL straight into a Parquet file: rows never leave DuckDB. A failure leaves no file. */
static tarn_code copy_to_parquet(tarn_cx *cx, tarn_run *run, const tarn_plan_env *env, tarn_planned *planned) {
    const char *temp = tarn_printf(cx, "%s.%d.tmp", run->to_parquet, (int)getpid());
    tarn_planned copy = *planned;
    copy.sql = tarn_printf(cx, "COPY (%s\n) TO %s (FORMAT parquet, COMPRESSION zstd)", planned->sql,
                           tarn_sql_string(cx->arena, temp));
    copy.text.pieces.n = 0;
    tarn_rows *rows = NULL;
    tarn_code code = tarn_planned_run(cx, env, &copy, run->text, &rows);
    struct ArrowArray batch = {0};
    if (code == TARN_OK) code = tarn_rows_next(cx, rows, &batch);
    tarn_array_release(&batch);
    tarn_rows_close(rows);
    if (code == TARN_OK && rename(temp, run->to_parquet) != 0)
        code = tarn_fail(cx, TARN_IO, "cannot write %s", run->to_parquet);
    if (code != TARN_OK) unlink(temp);
    return code;
}

static tarn_code stream_rows(tarn_cx *cx, tarn_run *run, const tarn_plan_env *env, tarn_planned *planned,
                             tarn_conn *conn) {
    tarn_rows *rows;
    TRY(tarn_planned_run(cx, env, planned, run->text, &rows));
    tarn_code code = tarn_rows_stream(cx, rows, conn, &run->out->stream);
    if (code != TARN_OK) tarn_rows_close(rows);
    return code;
}

tarn_code tarn_stmt_query(tarn_cx *cx, tarn_run *run, tarn_str sql) {
    tarn_conn *conn;
    tarn_plan_env env;
    tarn_planned *planned = TARN_NEW(cx->arena, tarn_planned);
    TRY(tarn_session_conn(cx, run->session, &conn));
    tarn_session_plan_env(cx, run->session, conn, &env);
    tarn_code code = tarn_plan_query(cx, &env, sql, run->binds, run->n_binds, planned);
    if (code == TARN_OK) {
        code = run->to_parquet ? copy_to_parquet(cx, run, &env, planned) : stream_rows(cx, run, &env, planned, conn);
        if (code != TARN_OK || run->to_parquet) tarn_planned_done(planned);
    }
    if (code != TARN_OK || run->to_parquet)
        tarn_conn_close(conn);
    else
        run->out->planned = planned; /* the stream owns the connection now */
    run->out->is_query = true;
    return code;
}

tarn_code tarn_stmt_rows(tarn_cx *cx, tarn_run *run, tarn_rowset *rows, bool is_query) {
    if (!run->to_parquet) return tarn_output_rows(cx, run->out, &rows, is_query);
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    struct ArrowArrayStream stream = {0};
    tarn_plan_env env;
    tarn_code code = tarn_session_conn(cx, run->session, &conn);
    if (code == TARN_OK) code = tarn_rowset_stream(cx, &rows, &stream);
    if (code == TARN_OK) code = tarn_conn_ingest(cx, conn, "tarn_rows", &stream);
    if (rows) tarn_rowset_free(rows);
    TRY(code);
    tarn_session_plan_env(cx, run->session, conn, &env);
    tarn_planned planned = {.sql = "SELECT * FROM temp.tarn_rows"};
    return copy_to_parquet(cx, run, &env, &planned);
}

tarn_code tarn_stmt_report(tarn_cx *cx, tarn_run *run, const tarn_report *cells, size_t n) {
    tarn_rowset_column *columns = TARN_NEW_ARRAY(cx->arena, tarn_rowset_column, n);
    for (size_t i = 0; i < n; i++) columns[i] = (tarn_rowset_column){cells[i].name, "l"};
    tarn_rowset *rows = tarn_rowset_new(columns, n);
    for (size_t i = 0; i < n; i++) tarn_rowset_int(rows, cells[i].value);
    return tarn_stmt_rows(cx, run, rows, false);
}

tarn_code tarn_stmt_done(tarn_cx *cx, tarn_run *run, const char *format, ...) {
    static const tarn_rowset_column columns[] = {{"status", "u"}};
    va_list args;
    va_start(args, format);
    char *text = tarn_arena_vprintf(cx->arena, format, args);
    va_end(args);
    tarn_rowset *rows = tarn_rowset_new(columns, 1);
    tarn_rowset_text(rows, text);
    return tarn_stmt_rows(cx, run, rows, false);
}

static tarn_code run_query(tarn_cx *cx, tarn_run *run) { return tarn_stmt_query(cx, run, run->text); }

const tarn_stmt tarn_stmt_select = {
    .name = "SELECT",
    .keywords = "SELECT|WITH|FROM|VALUES|TABLE|SUMMARIZE|PIVOT|UNPIVOT|(",
    .privilege = TARN_PRIV_SELECT,
    .run = run_query,
    .help = "SELECT … FROM t [VERSION AS OF n | TIMESTAMP AS OF ts] …\n"
            "… FROM table_changes('t', from [, to]): the rows that versions (or times) brought, with _change_type, "
            "_commit_version, _commit_timestamp\n"
            "… FROM table_diff('t', v1 [, v2]): the rows in which two versions differ, with _change_type\n"
            "Reads tables, views, files and metadata tables; the language is DuckDB's. Rows that a rewrite only copied "
            "are no changes; table_changes_raw shows them too. Where a table records its changes, "
            "updates are told by the rows before and after: update_preimage, update_postimage.",
};
