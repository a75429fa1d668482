/* statement.c: ADBC's statements: SQL with bound rows, and ingest of a stream into a table. */
#include <stdio.h>
#include <stdlib.h>

#include "adbc/driver.h"
#include "codec/arrow.h"

static const char rows_name[] = "tarn_bound_rows";

static AdbcStatusCode new_statement(struct AdbcConnection *connection, struct AdbcStatement *statement,
                                    struct AdbcError *error) {
    adbc_statement *s = calloc(1, sizeof *s);
    if (!s) return tarn_adbc_fail(error, TARN_NOMEM, "out of memory");
    s->connection = connection->private_data;
    statement->private_data = s;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode release_statement(struct AdbcStatement *statement, struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    if (!s) return tarn_adbc_fail(error, TARN_INVALID, "the statement was released already");
    tarn_stream_release(&s->bound);
    free(s->sql);
    free(s->target);
    free(s->target_catalog);
    free(s->target_schema);
    free(s);
    statement->private_data = NULL;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode set_sql(struct AdbcStatement *statement, const char *sql, struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    (void)error;
    tarn_adbc_keep(&s->sql, sql);
    tarn_adbc_keep(&s->target, NULL);
    return ADBC_STATUS_OK;
}

static AdbcStatusCode prepare(struct AdbcStatement *statement, struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    return s->sql ? ADBC_STATUS_OK : tarn_adbc_fail(error, TARN_CONFLICT, "prepare: there is no query yet");
}

static AdbcStatusCode set_option(struct AdbcStatement *statement, const char *name, const char *value,
                                 struct AdbcError *error) {
    static const char *const modes[] = {"adbc.ingest.mode.create", "adbc.ingest.mode.append",
                                        "adbc.ingest.mode.replace", "adbc.ingest.mode.create_append"};
    adbc_statement *s = statement->private_data;
    if (strcmp(name, "adbc.ingest.target_table") == 0) {
        tarn_adbc_keep(&s->target, value);
        tarn_adbc_keep(&s->sql, NULL);
    } else if (strcmp(name, "adbc.ingest.target_catalog") == 0) {
        tarn_adbc_keep(&s->target_catalog, value);
    } else if (strcmp(name, "adbc.ingest.target_db_schema") == 0) {
        tarn_adbc_keep(&s->target_schema, value);
    } else if (strcmp(name, "adbc.ingest.mode") == 0) {
        int mode = 0;
        while (mode < 4 && strcmp(modes[mode], value ? value : "") != 0) mode++;
        if (mode == 4) return tarn_adbc_fail(error, TARN_INVALID, "%s has no value %s", name, value ? value : "NULL");
        s->mode = (adbc_mode)mode;
    } else if (strcmp(name, "adbc.ingest.temporary") != 0 || !value || strcmp(value, "false") != 0) {
        return tarn_adbc_fail(error, TARN_UNSUPPORTED, "statements have no option %s = %s", name,
                              value ? value : "NULL");
    }
    return ADBC_STATUS_OK;
}

static AdbcStatusCode bind_stream(struct AdbcStatement *statement, struct ArrowArrayStream *stream,
                                  struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    if (!stream->release) return tarn_adbc_fail(error, TARN_INVALID, "the stream bound was released already");
    tarn_stream_release(&s->bound);
    s->bound = *stream;
    stream->release = NULL;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode bind(struct AdbcStatement *statement, struct ArrowArray *batch, struct ArrowSchema *schema,
                           struct AdbcError *error) {
    struct ArrowArrayStream stream;
    if (!batch->release || !schema->release)
        return tarn_adbc_fail(error, TARN_INVALID, "the batch bound was released already");
    tarn_adbc_one_batch(schema, batch, &stream);
    return bind_stream(statement, &stream, error);
}

/* How many rows the report of a statement says it changed; -1: it does not. */
static int64_t report_rows(tarn_result *result) {
    struct ArrowSchema schema = {0};
    const struct ArrowArray *first = NULL;
    int64_t rows = -1;
    if (tarn_result_schema(result, &schema, NULL) != TARN_OK) return -1;
    if (tarn_result_peek(result, &first, NULL) == TARN_OK && first && first->length == 1) {
        tarn_column c = tarn_column_named((tarn_column){&schema, first}, "num_affected_rows");
        if (c.array && !tarn_column_null(c, 0)) rows = tarn_column_int(c, 0);
    }
    tarn_schema_release(&schema);
    return rows;
}

/* NO ROWS: what is no query gives a stream without columns. */
static void release_nothing(struct ArrowSchema *schema) { schema->release = NULL; }

static int no_columns(struct ArrowArrayStream *self, struct ArrowSchema *out) {
    (void)self;
    *out = (struct ArrowSchema){.format = "+s", .name = "", .release = release_nothing};
    return 0;
}

static int no_batch(struct ArrowArrayStream *self, struct ArrowArray *out) {
    (void)self;
    *out = (struct ArrowArray){0};
    return 0;
}

static const char *no_error(struct ArrowArrayStream *self) {
    (void)self;
    return NULL;
}

static void release_empty(struct ArrowArrayStream *self) { self->release = NULL; }

/* Hands a result on and closes it. */
static AdbcStatusCode give(tarn_result *result, struct ArrowArrayStream *out, int64_t *rows, struct AdbcError *error) {
    tarn_error why = {.size = sizeof why};
    AdbcStatusCode status = ADBC_STATUS_OK;
    bool query = tarn_result_is_query(result);
    *rows = query ? -1 : report_rows(result);
    if (out && !query)
        *out = (struct ArrowArrayStream){no_columns, no_batch, no_error, release_empty, NULL};
    else if (out && tarn_result_stream(result, out, &why) != TARN_OK)
        status = tarn_adbc_error(error, &why);
    tarn_result_close(result);
    return status;
}

static AdbcStatusCode run(adbc_connection *c, const char *sql, const tarn_param *params, size_t n,
                          struct ArrowArrayStream *out, int64_t *rows, struct AdbcError *error) {
    tarn_result *result = NULL;
    AdbcStatusCode status = tarn_adbc_before(c, sql, error);
    if (status == ADBC_STATUS_OK) status = tarn_adbc_run(c, sql, params, n, &result, error);
    return status == ADBC_STATUS_OK ? give(result, out, rows, error) : status;
}

/* The bound rows for whoever reads them first; a commit that loses its race would read them again. */
static tarn_code give_bound(void *state, const char *name, struct ArrowArrayStream *out, tarn_error *error) {
    adbc_statement *s = state;
    (void)name;
    if (!s->bound.release) {
        snprintf(error->message, sizeof error->message, "they can be read once, and another writer got in between");
        return TARN_INVALID;
    }
    *out = s->bound;
    s->bound.release = NULL;
    return TARN_OK;
}

/* Runs SQL that reads the bound rows as a table. */
static AdbcStatusCode run_over_rows(adbc_statement *s, const char *sql, int64_t *rows, struct AdbcError *error) {
    tarn_error why = {.size = sizeof why};
    if (tarn_session_register(s->connection->session, rows_name, give_bound, s, &why) != TARN_OK)
        return tarn_adbc_error(error, &why);
    AdbcStatusCode status = run(s->connection, sql, NULL, 0, NULL, rows, error);
    tarn_code ignored = tarn_session_register(s->connection->session, rows_name, NULL, NULL, NULL);
    (void)ignored;
    return status;
}

static bool exists(adbc_statement *s, const char *table) {
    tarn_auto_buf sql = TARN_BUF(1 << 16);
    struct ArrowSchema schema = {0};
    tarn_buf_printf(&sql, "FROM %s", table);
    bool found = tarn_adbc_schema(s->connection, sql.data, &schema, NULL) == ADBC_STATUS_OK;
    tarn_schema_release(&schema);
    return found;
}

static AdbcStatusCode ingest(adbc_statement *s, int64_t *rows, struct AdbcError *error) {
    tarn_auto_buf table = TARN_BUF(1 << 16), sql = TARN_BUF(1 << 17);
    if (!s->bound.release) return tarn_adbc_fail(error, TARN_CONFLICT, "ingest: no rows are bound");
    tarn_adbc_name(&table, s->target_catalog, s->target_schema, s->target);
    if (table.failed) return tarn_adbc_fail(error, TARN_LIMIT, "the name of the table is too long");
    bool append = s->mode == ADBC_APPEND || (s->mode == ADBC_CREATE_APPEND && exists(s, table.data));
    if (append)
        tarn_buf_printf(&sql, "INSERT INTO %s BY NAME SELECT * FROM %s", table.data, rows_name);
    else
        tarn_buf_printf(&sql, "CREATE %sTABLE %s AS SELECT * FROM %s", s->mode == ADBC_REPLACE ? "OR REPLACE " : "",
                        table.data, rows_name);
    return run_over_rows(s, sql.data, rows, error);
}

/* Runs the statement once for each row. */
static AdbcStatusCode run_each(adbc_statement *s, const struct ArrowSchema *schema, tarn_param *params,
                               struct ArrowArrayStream *out, int64_t *rows, struct AdbcError *error) {
    tarn_auto_buf text = TARN_BUF((size_t)1 << 31);
    AdbcStatusCode status = ADBC_STATUS_OK;
    bool given = false;
    for (struct ArrowArray batch = {0}; status == ADBC_STATUS_OK; tarn_array_release(&batch)) {
        if (s->bound.get_next(&s->bound, &batch) != 0) {
            const char *why = s->bound.get_last_error(&s->bound);
            return tarn_adbc_fail(error, TARN_INVALID, "the rows bound cannot be read: %s",
                                  why ? why : "no reason given");
        }
        if (!batch.release) break;
        for (int64_t row = 0; status == ADBC_STATUS_OK && row < batch.length; row++) {
            int64_t changed = -1;
            if (given) {
                out->release(out);
                status = tarn_adbc_fail(error, TARN_UNSUPPORTED, "a query takes one row of parameters at a time");
                break;
            }
            status = tarn_adbc_params(schema, &batch, row, params, &text, error);
            if (status == ADBC_STATUS_OK)
                status = run(s->connection, s->sql, params, (size_t)schema->n_children, out, &changed, error);
            given = out && status == ADBC_STATUS_OK;
            *rows = changed < 0 || *rows < 0 ? -1 : *rows + changed;
        }
    }
    if (status == ADBC_STATUS_OK && out && !given)
        status = tarn_adbc_fail(error, TARN_INVALID, "no row of parameters is bound");
    return status;
}

static AdbcStatusCode run_bound(adbc_statement *s, struct ArrowArrayStream *out, int64_t *rows,
                                struct AdbcError *error) {
    struct ArrowSchema schema = {0};
    if (s->bound.get_schema(&s->bound, &schema) != 0)
        return tarn_adbc_fail(error, TARN_INVALID, "the columns of the rows bound cannot be read");
    if (!schema.format || strcmp(schema.format, "+s") != 0) {
        tarn_schema_release(&schema);
        return tarn_adbc_fail(error, TARN_INVALID, "the rows bound are no table");
    }
    size_t n = (size_t)schema.n_children, head = tarn_adbc_insert_head(s->sql, schema.n_children);
    AdbcStatusCode status;
    *rows = 0;
    if (n == 0) {
        status = run(s->connection, s->sql, NULL, 0, out, rows, error);
    } else if (head && !out) { /* all rows in one commit, and one file */
        tarn_auto_buf sql = TARN_BUF((size_t)64 << 20);
        tarn_buf_printf(&sql, "%.*s SELECT * FROM %s", (int)head, s->sql, rows_name);
        status = run_over_rows(s, sql.data, rows, error);
    } else {
        tarn_param *params = calloc(n, sizeof *params);
        if (!params) abort();
        status = run_each(s, &schema, params, out, rows, error);
        free(params);
    }
    tarn_schema_release(&schema);
    return status;
}

static AdbcStatusCode execute(struct AdbcStatement *statement, struct ArrowArrayStream *out, int64_t *rows,
                              struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    int64_t changed = -1;
    AdbcStatusCode status;
    if (!s->connection->session) return tarn_adbc_fail(error, TARN_INVALID, "the connection is not open");
    if (s->target) {
        status = ingest(s, &changed, error);
        if (status == ADBC_STATUS_OK && out)
            *out = (struct ArrowArrayStream){no_columns, no_batch, no_error, release_empty, NULL};
    } else if (!s->sql) {
        status = tarn_adbc_fail(error, TARN_CONFLICT, "execute: there is no query yet");
    } else if (s->bound.release) {
        status = run_bound(s, out, &changed, error);
    } else {
        status = run(s->connection, s->sql, NULL, 0, out, &changed, error);
    }
    tarn_stream_release(&s->bound);
    s->bound.release = NULL;
    if (rows) *rows = status == ADBC_STATUS_OK ? changed : -1;
    return status;
}

static AdbcStatusCode query_schema(struct AdbcStatement *statement, struct ArrowSchema *out, struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    if (!s->sql) return tarn_adbc_fail(error, TARN_CONFLICT, "there is no query yet");
    return tarn_adbc_schema(s->connection, s->sql, out, error);
}

static AdbcStatusCode cancel(struct AdbcStatement *statement, struct AdbcError *error) {
    adbc_statement *s = statement->private_data;
    if (!s->connection->session) return tarn_adbc_fail(error, TARN_INVALID, "the connection is not open");
    tarn_cancel(s->connection->session);
    return ADBC_STATUS_OK;
}

void tarn_adbc_fill_statement(struct AdbcDriver *driver, int version) {
    driver->StatementNew = new_statement;
    driver->StatementRelease = release_statement;
    driver->StatementSetSqlQuery = set_sql;
    driver->StatementSetOption = set_option;
    driver->StatementPrepare = prepare;
    driver->StatementBind = bind;
    driver->StatementBindStream = bind_stream;
    driver->StatementExecuteQuery = execute;
    if (version < ADBC_VERSION_1_1_0) return;
    driver->StatementCancel = cancel;
    driver->StatementExecuteSchema = query_schema;
}
