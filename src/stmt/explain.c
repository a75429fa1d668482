/* explain.c: EXPLAIN [ANALYZE] of a query: what is read of each table, and DuckDB's plan of the rest. */
#include "session/guard.h"
#include "stmt/stmts.h"

#include <inttypes.h>

static void line(tarn_rowset *rows, const char *table, const char *what, const char *value) {
    tarn_rowset_text(rows, table);
    tarn_rowset_text(rows, what);
    tarn_rowset_text(rows, value);
}

/* Reads all rows, counting. */
static tarn_code drain(tarn_cx *cx, tarn_rows *rows, int64_t *n) {
    for (;;) {
        struct ArrowArray batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        *n += batch.length;
        batch.release(&batch);
        TRY(tarn_check(cx));
    }
}

/* By what object stores bill: "3 GET, 1 LIST"; `engine` are DuckDB's own. */
static const char *count_requests(tarn_cx *cx, const uint64_t *engine) {
    static const char *const names[TARN_REQUEST_KINDS] = {"GET", "PUT", "POST", "LIST", "HEAD", "DELETE"};
    const tarn_counters *k = cx->counters;
    const char *text = "";
    for (int i = 0; i < TARN_REQUEST_KINDS; i++) {
        uint64_t n = k->requests[i] + engine[i];
        if (n) text = tarn_printf(cx, "%s%s%" PRIu64 " %s", text, *text ? ", " : "", n, names[i]);
    }
    if (k->requests_repeated) text = tarn_printf(cx, "%s (%" PRIuFAST64 " of them again)", text, k->requests_repeated);
    return text;
}

static void explain_counters(tarn_cx *cx, int64_t n, int64_t us, const uint64_t *engine, tarn_rowset *out) {
    const tarn_counters *k = cx->counters;
    line(out, NULL, "rows", tarn_printf(cx, "%" PRId64, n));
    line(out, NULL, "time", tarn_printf(cx, "%.3f ms", (double)us / 1000));
    if (!k) return;
    line(out, NULL, "store requests",
         tarn_printf(cx, "%" PRIuFAST64 " get, %" PRIuFAST64 " list, %" PRIuFAST64 " head, %" PRIuFAST64 " put",
                     k->store_get, k->store_list, k->store_head, k->store_put));
    const char *requests = count_requests(cx, engine);
    if (*requests) line(out, NULL, "http requests", requests);
    line(out, NULL, "metadata bytes read", tarn_printf(cx, "%" PRIuFAST64, k->bytes_read));
}

/* DuckDB's own tree, one row per line of it. */
static tarn_code engine_plan(tarn_cx *cx, tarn_run *run, const tarn_plan_env *env, const tarn_planned *planned,
                             tarn_str query, tarn_rowset *out) {
    static const char verb[] = "EXPLAIN ";
    tarn_rows *rows = NULL;
    tarn_planned copy = *planned;
    copy.sql = tarn_printf(cx, "%s%s", verb, planned->sql);
    for (size_t i = 0; i < copy.text.pieces.n; i++) copy.text.pieces.at[i].out_at += (uint32_t)strlen(verb);
    TRY(tarn_stmt_show_error(cx, run, tarn_planned_run(cx, env, &copy, query, &rows), query));
    struct ArrowArray batch = {0};
    tarn_code code = tarn_rows_next(cx, rows, &batch);
    if (code == TARN_OK && batch.release && batch.length) {
        tarn_column text = tarn_column_child((tarn_column){.schema = tarn_rows_schema(rows), .array = &batch}, 1);
        tarn_str tree = tarn_column_str(text, 0);
        for (size_t at = 0; at < tree.n;) {
            const char *end = memchr(tree.p + at, '\n', tree.n - at);
            size_t n = end ? (size_t)(end - tree.p) - at : tree.n - at;
            if (n) line(out, NULL, "plan", tarn_arena_strndup(cx->arena, tree.p + at, n));
            at += n + 1;
        }
    }
    tarn_array_release(&batch);
    tarn_rows_close(rows);
    return code;
}

static tarn_code explain(tarn_cx *cx, tarn_run *run, tarn_conn *conn, tarn_str query, bool analyze, tarn_rowset **out) {
    tarn_plan_env env;
    tarn_planned planned;
    const tarn_engine *engine = run->session->lake->engine;
    uint64_t before[TARN_REQUEST_KINDS], requests[TARN_REQUEST_KINDS];
    int64_t begin = tarn_monotonic_us(), n = 0;
    tarn_engine_requests(engine, before);
    tarn_session_plan_env(cx, run->session, conn, &env);
    env.force_prune = true;
    TRY(tarn_stmt_show_error(cx, run, tarn_plan_query(cx, &env, query, run->binds, run->n_binds, &planned), query));
    tarn_code code = tarn_plan_explain(cx, &planned, out);
    if (code == TARN_OK && analyze) {
        tarn_rows *rows = NULL;
        code = tarn_stmt_show_error(cx, run, tarn_planned_run(cx, &env, &planned, query, &rows), query);
        if (code == TARN_OK) code = drain(cx, rows, &n);
        tarn_rows_close(rows);
        tarn_engine_requests(engine, requests);
        for (int i = 0; i < TARN_REQUEST_KINDS; i++) requests[i] -= before[i];
        explain_counters(cx, n, tarn_monotonic_us() - begin, requests, *out);
    }
    if (code == TARN_OK && !analyze) code = engine_plan(cx, run, &env, &planned, query, *out);
    tarn_planned_done(&planned);
    return code;
}

static tarn_code run_explain(tarn_cx *cx, tarn_run *run) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_rowset *rows = NULL;
    bool analyze = tarn_accept(&run->cursor, "ANALYZE");
    const tarn_token *first = &run->cursor.tokens->tokens.at[run->cursor.i];
    tarn_str query = {run->text.p + first->at, run->text.n - first->at};
    const tarn_stmt *inner;
    tarn_cursor c = run->cursor;
    TRY(tarn_guard_find(cx, run->session->lake, &c, &inner));
    if (inner->privilege != TARN_PRIV_SELECT)
        return tarn_fail(cx, TARN_UNSUPPORTED, "EXPLAIN shows queries; %s is none", inner->name);
    TRY(tarn_session_conn(cx, run->session, &conn));
    tarn_code code = explain(cx, run, conn, query, analyze, &rows);
    if (code != TARN_OK) {
        tarn_rowset_free(rows);
        return code;
    }
    return tarn_stmt_rows(cx, run, rows, true);
}

const tarn_stmt tarn_stmt_explain = {
    .name = "EXPLAIN",
    .keywords = "EXPLAIN",
    .privilege = TARN_PRIV_SELECT,
    .run = run_explain,
    .help = "EXPLAIN [ANALYZE] query\nShows files and bytes of each table: all, pruned and by which filter, read; with "
            "ANALYZE the query runs and its cost is shown.",
};
