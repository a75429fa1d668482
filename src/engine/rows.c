/* rows.c: runs statements and gives their rows as Arrow batches. */
#include <stdlib.h>
#include <time.h>

#include "engine/internal.h"

struct tarn_rows {
    tarn_conn *conn;
    duckdb_prepared_statement prepared; /* kept to ask again: see find_cause */
    duckdb_result result;
    duckdb_arrow_options options;
    struct ArrowSchema schema;
    int64_t changed;
    tarn_watch watch;
    bool done;
};

/* DuckDB's own loop turns without rest while other threads work on the last tasks: half a core where one can wait. */
static void run_tasks(const tarn_duckdb *api, duckdb_pending_result pending) {
    enum { WAIT_NS_MIN = 10 * 1000, WAIT_NS_MAX = 1000 * 1000 };
    long wait_ns = WAIT_NS_MIN;
    for (duckdb_pending_state state; !api->pending_execution_is_finished(state = api->pending_execute_task(pending));) {
        wait_ns = state != DUCKDB_PENDING_NO_TASKS_AVAILABLE ? WAIT_NS_MIN : wait_ns * 2;
        if (wait_ns > WAIT_NS_MAX) wait_ns = WAIT_NS_MAX;
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) nanosleep(&(struct timespec){.tv_nsec = wait_ns}, NULL);
    }
}

/* Runs what is prepared and bound: to its first rows when it streams, else to its end. */
static tarn_code execute(tarn_cx *cx, tarn_conn *conn, duckdb_prepared_statement statement, bool stream, size_t skip,
                         duckdb_result *out) {
    const tarn_duckdb *api = conn->api;
    duckdb_pending_result pending = NULL;
    duckdb_result result = {0};
    TRY(tarn_check(cx));
    duckdb_state state =
        stream ? api->pending_prepared_streaming(statement, &pending) : api->pending_prepared(statement, &pending);
    if (state != DuckDBSuccess) {
        tarn_code code = tarn_duckdb_fail(cx, conn, api->pending_error(pending), skip);
        api->destroy_pending(&pending);
        return code;
    }
    run_tasks(api, pending);
    state = api->execute_pending(pending, &result);
    api->destroy_pending(&pending);
    if (state == DuckDBSuccess) {
        *out = result;
        return TARN_OK;
    }
    tarn_code code = tarn_duckdb_fail(cx, conn, api->result_error(&result), skip);
    api->destroy_result(&result);
    return code;
}

/* An extracted statement can be prepared once. */
static tarn_code prepare_extracted(tarn_cx *cx, tarn_conn *conn, duckdb_extracted_statements all, idx_t i, size_t skip,
                                   duckdb_prepared_statement *out) {
    const tarn_duckdb *api = conn->api;
    duckdb_prepared_statement statement = NULL;
    if (api->prepare_extracted_statement(conn->handle, all, i, &statement) == DuckDBSuccess) {
        *out = statement;
        return TARN_OK;
    }
    tarn_code code = tarn_duckdb_fail(cx, conn, api->prepare_error(statement), skip);
    api->destroy_prepare(&statement);
    return code;
}

static tarn_code run_prepared(tarn_cx *cx, tarn_conn *conn, duckdb_prepared_statement statement) {
    duckdb_result result = {0};
    tarn_code code = execute(cx, conn, statement, false, 0, &result);
    if (code == TARN_OK) conn->api->destroy_result(&result);
    conn->api->destroy_prepare(&statement);
    return code;
}

static tarn_code run_extracted(tarn_cx *cx, tarn_conn *conn, duckdb_extracted_statements all, idx_t i) {
    duckdb_prepared_statement statement;
    TRY(prepare_extracted(cx, conn, all, i, 0, &statement));
    return run_prepared(cx, conn, statement);
}

/* Nothing but blanks after the first semicolon. */
static bool is_single(const char *sql) {
    const char *semicolon = strchr(sql, ';');
    return !semicolon || semicolon[1 + strspn(semicolon + 1, " \t\r\n;")] == 0;
}

/* DuckDB makes several statements of one PIVOT without IN: types with the values found, then the query; around one that
 * writes a transaction too, whose end would be taken for the query. */
static tarn_code run_before_last(tarn_cx *cx, tarn_conn *conn, duckdb_extracted_statements all, idx_t n, size_t skip,
                                 duckdb_prepared_statement *out) {
    duckdb_prepared_statement statement = NULL;
    for (idx_t i = 0; i < n; i++) {
        TRY(prepare_extracted(cx, conn, all, i, i + 1 < n ? 0 : skip, &statement));
        if (i + 1 == n) break;
        if (i == 0 && conn->api->prepared_statement_type(statement) == DUCKDB_STATEMENT_TYPE_TRANSACTION) {
            conn->api->destroy_prepare(&statement);
            n--;
        } else {
            TRY(run_prepared(cx, conn, statement));
        }
    }
    *out = statement;
    return TARN_OK;
}

static tarn_code prepare_last(tarn_cx *cx, tarn_conn *conn, const char *sql, size_t skip,
                              duckdb_prepared_statement *out) {
    duckdb_extracted_statements all = NULL;
    conn->used = true;
    idx_t n = conn->api->extract_statements(conn->handle, sql, &all);
    tarn_code code = n ? run_before_last(cx, conn, all, n, skip, out)
                       : tarn_duckdb_fail(cx, conn, conn->api->extract_statements_error(all), skip);
    conn->api->destroy_extracted(&all);
    return code;
}

static tarn_code prepare(tarn_cx *cx, tarn_conn *conn, const char *sql, size_t skip, duckdb_prepared_statement *out) {
    duckdb_prepared_statement statement = NULL;
    if (conn->api->prepare(conn->handle, sql, &statement) == DuckDBSuccess) {
        *out = statement;
        return TARN_OK;
    }
    const char *message = conn->api->prepare_error(statement);
    bool several = message && strstr(message, "Cannot prepare multiple statements") && is_single(sql);
    tarn_code code = several ? prepare_last(cx, conn, sql, skip, out) : tarn_duckdb_fail(cx, conn, message, skip);
    conn->api->destroy_prepare(&statement);
    return code;
}

tarn_code tarn_conn_run(tarn_cx *cx, tarn_conn *conn, const char *sql) {
    const tarn_duckdb *api = conn->api;
    duckdb_extracted_statements all = NULL;
    tarn_watch watch;
    tarn_code code = TARN_OK;
    conn->error_at = -1;
    conn->used = true;
    idx_t n = api->extract_statements(conn->handle, sql, &all);
    const char *message = n == 0 && all ? api->extract_statements_error(all) : NULL;
    tarn_watch_begin(cx, conn, &watch);
    if (message) code = tarn_duckdb_fail(cx, conn, message, 0);
    for (idx_t i = 0; code == TARN_OK && i < n; i++) code = run_extracted(cx, conn, all, i);
    tarn_watch_end(&watch);
    api->destroy_extracted(&all);
    return code;
}

/* A result's columns, as duckdb_to_arrow_schema takes them. */
tarn_code tarn_rows_copy_schema(tarn_cx *cx, tarn_rows *rows, struct ArrowSchema *out) {
    const tarn_duckdb *api = rows->conn->api;
    idx_t n = api->column_count(&rows->result);
    duckdb_logical_type *types = calloc(n + 1, sizeof *types);
    const char **names = calloc(n + 1, sizeof *names);
    tarn_code code = types && names
                         ? TARN_OK
                         : tarn_fail(cx, TARN_NOMEM, "no memory for the schema of %llu columns", (unsigned long long)n);
    for (idx_t i = 0; code == TARN_OK && i < n; i++) {
        types[i] = api->column_logical_type(&rows->result, i);
        names[i] = api->column_name(&rows->result, i);
    }
    struct ArrowSchema schema = {0};
    if (code == TARN_OK)
        code = tarn_duckdb_check(cx, rows->conn, api->to_arrow_schema(rows->options, types, names, n, &schema));
    for (idx_t i = 0; types && i < n; i++)
        if (types[i]) api->destroy_logical_type(&types[i]);
    free(types);
    free(names);
    if (code == TARN_UNSUPPORTED) tarn_hint(cx, code, "cast the column: CAST(x AS JSON) or CAST(x AS VARCHAR)");
    if (code == TARN_OK) *out = schema;
    return code;
}

typedef struct statement {
    const char *sql;
    size_t skip; /* bytes before the caller's text */
    const tarn_bind *binds;
    size_t n_binds;
    bool nulls; /* every parameter is null */
} statement;

static tarn_code bind_statement(tarn_cx *cx, tarn_conn *conn, duckdb_prepared_statement prepared, const statement *s) {
    if (!s->nulls) return tarn_bind_all(cx, conn, prepared, s->binds, s->n_binds);
    for (idx_t i = 1; i <= conn->api->nparams(prepared); i++)
        if (conn->api->bind_null(prepared, i) != DuckDBSuccess)
            return tarn_fail(cx, TARN_INTERNAL, "cannot bind a null");
    return TARN_OK;
}

/* On a connection of its own: a second statement would end this one's stream. */
static void set_optimizers(tarn_conn *conn, const char *sql) {
    const tarn_duckdb *api = conn->api;
    duckdb_connection handle = NULL;
    pthread_mutex_lock(&conn->engine->lock);
    duckdb_state state = api->connect(conn->engine->databases[conn->db], &handle);
    pthread_mutex_unlock(&conn->engine->lock);
    if (state == DuckDBSuccess) (void)api->query(handle, sql, NULL);
    if (handle) api->disconnect(&handle);
}

static void begin_planning(tarn_conn *conn) {
    if (!conn->keeps_limits) return;
    pthread_mutex_lock(&conn->engine->planning);
    set_optimizers(conn, "SET disabled_optimizers = 'join_filter_pushdown'");
}

static void end_planning(tarn_conn *conn) {
    if (!conn->keeps_limits) return;
    set_optimizers(conn, "RESET disabled_optimizers");
    pthread_mutex_unlock(&conn->engine->planning);
}

/* A connection that ran it is as it was before. */
static bool leaves_nothing(const tarn_duckdb *api, duckdb_prepared_statement prepared) {
    duckdb_statement_type type = api->prepared_statement_type(prepared);
    return type == DUCKDB_STATEMENT_TYPE_SELECT || type == DUCKDB_STATEMENT_TYPE_COPY;
}

/* Bound values may make DuckDB plan once more, when it executes. */
static tarn_code plan_and_execute(tarn_cx *cx, tarn_rows *rows, const statement *s, bool *select) {
    tarn_conn *conn = rows->conn;
    begin_planning(conn);
    tarn_code code = prepare(cx, conn, s->sql, s->skip, &rows->prepared);
    if (code == TARN_OK) {
        *select = conn->api->prepared_statement_type(rows->prepared) == DUCKDB_STATEMENT_TYPE_SELECT;
        conn->used = conn->used || !leaves_nothing(conn->api, rows->prepared);
        code = bind_statement(cx, conn, rows->prepared, s);
    }
    if (code == TARN_OK) code = execute(cx, conn, rows->prepared, *select, s->skip, &rows->result);
    end_planning(conn);
    return code;
}

static tarn_code start(tarn_cx *cx, tarn_rows *rows, const statement *s) {
    tarn_conn *conn = rows->conn;
    const tarn_duckdb *api = conn->api;
    bool select = false;
    TRY(plan_and_execute(cx, rows, s, &select));
    rows->options = api->result_get_arrow_options(&rows->result);
    if (!select && api->result_return_type(rows->result) == DUCKDB_RESULT_TYPE_CHANGED_ROWS)
        rows->changed = (int64_t)api->rows_changed(&rows->result);
    return tarn_rows_copy_schema(cx, rows, &rows->schema);
}

static tarn_code open_rows(tarn_cx *cx, tarn_conn *conn, const statement *s, tarn_rows **out) {
    tarn_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return tarn_fail(cx, TARN_NOMEM, "no memory for a result");
    rows->conn = conn;
    rows->changed = -1;
    conn->error_at = -1;
    tarn_watch_begin(cx, conn, &rows->watch);
    tarn_code code = start(cx, rows, s);
    if (code == TARN_OK)
        *out = rows;
    else
        tarn_rows_close(rows);
    return code;
}

tarn_code tarn_conn_query(tarn_cx *cx, tarn_conn *conn, const char *sql, const tarn_bind *binds, size_t n_binds,
                          tarn_rows **out) {
    return open_rows(cx, conn, &(statement){.sql = sql, .binds = binds, .n_binds = n_binds}, out);
}

const struct ArrowSchema *tarn_rows_schema(const tarn_rows *rows) { return &rows->schema; }
int64_t tarn_rows_changed(const tarn_rows *rows) { return rows->changed; }

/* Runs the statement once more, dropping its rows. */
static tarn_code run_again(tarn_cx *cx, tarn_rows *rows) {
    const tarn_duckdb *api = rows->conn->api;
    duckdb_result result = {0};
    begin_planning(rows->conn);
    tarn_code code = execute(cx, rows->conn, rows->prepared, true, 0, &result);
    end_planning(rows->conn);
    TRY(code);
    duckdb_data_chunk chunk;
    while ((chunk = api->fetch_chunk(result))) api->destroy_data_chunk(&chunk);
    const char *message = api->result_error(&result);
    if (message && *message) code = tarn_duckdb_fail(cx, rows->conn, message, 0);
    api->destroy_result(&result);
    return code;
}

/* When one thread of DuckDB 1.5.5 fails, it interrupts the others, and a stream may be told of the interrupt in place
 * of the failure, which is lost then. Nobody has stopped the statement: what fails once fails again, and may tell why.
 */
static tarn_code find_cause(tarn_cx *cx, tarn_rows *rows) {
    enum { TRIES = 5 };
    for (int i = 0; i < TRIES; i++) {
        tarn_clear_error(cx);
        TRY(tarn_check(cx));
        tarn_code code = run_again(cx, rows);
        if (code != TARN_OK && code != TARN_CANCELLED) return code;
    }
    TRY(tarn_check(cx));
    return tarn_fail(cx, TARN_INVALID,
                     "the query failed in a thread of DuckDB's, which does not tell why: run it again");
}

/* Chunks are small (2048 rows): empty ones are passed over, as consumers take an empty batch for a real one. */
static tarn_code fetch(tarn_cx *cx, tarn_rows *rows, duckdb_data_chunk *out) {
    const tarn_duckdb *api = rows->conn->api;
    for (;;) {
        TRY(tarn_check(cx));
        duckdb_data_chunk chunk = api->fetch_chunk(rows->result);
        if (!chunk) {
            const char *message = api->result_error(&rows->result);
            rows->done = true;
            if (!message || !*message) return TARN_OK;
            tarn_code code = tarn_duckdb_fail(cx, rows->conn, message, 0);
            return code == TARN_CANCELLED && tarn_check(cx) == TARN_OK ? find_cause(cx, rows) : code;
        }
        if (api->data_chunk_get_size(chunk)) {
            *out = chunk;
            return TARN_OK;
        }
        api->destroy_data_chunk(&chunk);
    }
}

tarn_code tarn_rows_next(tarn_cx *cx, tarn_rows *rows, struct ArrowArray *out) {
    const tarn_duckdb *api = rows->conn->api;
    duckdb_data_chunk chunk = NULL;
    struct ArrowArray array = {0};
    if (!rows->done) TRY(fetch(cx, rows, &chunk));
    if (chunk) {
        tarn_code code = tarn_duckdb_check(cx, rows->conn, api->data_chunk_to_arrow(rows->options, chunk, &array));
        api->destroy_data_chunk(&chunk);
        TRY(code);
    }
    *out = array;
    return TARN_OK;
}

void tarn_rows_close(tarn_rows *rows) {
    if (!rows) return;
    const tarn_duckdb *api = rows->conn->api;
    tarn_watch_end(&rows->watch);
    tarn_schema_release(&rows->schema);
    if (rows->options) api->destroy_arrow_options(&rows->options);
    api->destroy_result(&rows->result);
    api->destroy_prepare(&rows->prepared);
    free(rows);
}

tarn_code tarn_conn_text(tarn_cx *cx, tarn_conn *conn, const char *sql, char **out) {
    const tarn_duckdb *api = conn->api;
    duckdb_prepared_statement prepared = NULL;
    duckdb_result result = {0};
    tarn_watch watch;
    conn->error_at = -1;
    tarn_watch_begin(cx, conn, &watch);
    tarn_code code = prepare(cx, conn, sql, 0, &prepared);
    if (code == TARN_OK) {
        conn->used = conn->used || api->prepared_statement_type(prepared) != DUCKDB_STATEMENT_TYPE_SELECT;
        code = execute(cx, conn, prepared, false, 0, &result);
        api->destroy_prepare(&prepared);
    }
    tarn_watch_end(&watch);
    TRY(code);
    char *text = api->value_varchar(&result, 0, 0);
    *out = text ? tarn_arena_strdup(cx->arena, text) : NULL;
    api->free(text);
    api->destroy_result(&result);
    return TARN_OK;
}

static tarn_code read_columns(tarn_cx *cx, tarn_rows *rows, tarn_arena *arena, tarn_schema **out) {
    TARN_VEC(tarn_field) fields = {0};
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) break;
        tarn_column all = {.schema = &rows->schema, .array = &batch};
        tarn_column names = tarn_column_named(all, "column_name"), types = tarn_column_named(all, "column_type");
        for (int64_t i = 0; i < batch.length; i++) {
            tarn_type *type;
            tarn_str name = tarn_column_str(names, i);
            TRY(tarn_prefix(cx, tarn_type_of_query(cx, arena, tarn_column_str(types, i), &type), "column %.*s",
                            (int)name.n, name.p));
            *TARN_PUSH(arena, &fields) = (tarn_field){
                .name = tarn_arena_strndup(arena, name.p, name.n), .type = type, .nullable = true, .id = -1};
        }
    }
    tarn_schema *schema = tarn_type_new(arena, TARN_STRUCT);
    schema->fields = fields.at;
    schema->n_fields = fields.n;
    *out = schema;
    return TARN_OK;
}

tarn_code tarn_conn_describe(tarn_cx *cx, tarn_conn *conn, const char *sql, tarn_arena *arena, tarn_schema **out) {
    static const char verb[] = "DESCRIBE ";
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(open_rows(cx, conn,
                  &(statement){.sql = tarn_printf(cx, "%s%s", verb, sql), .skip = sizeof verb - 1, .nulls = true},
                  &rows));
    return read_columns(cx, rows, arena, out);
}
