/* driver.h: what the files of the ADBC driver share. */
#ifndef TARN_ADBC_DRIVER_H
#define TARN_ADBC_DRIVER_H

#include "adbc/adbc.h"
#include "base/str.h"

typedef struct adbc_connection {
    tarn_session *session; /* NULL until it is initialised */
    bool manual;           /* no autocommit: the first change begins a transaction */
    bool begun;
    char *catalog, *schema; /* set before it is initialised; NULL: the session's own */
} adbc_connection;

typedef enum adbc_mode { ADBC_CREATE, ADBC_APPEND, ADBC_REPLACE, ADBC_CREATE_APPEND } adbc_mode;

typedef struct adbc_statement {
    adbc_connection *connection;
    char *sql;
    char *target, *target_catalog, *target_schema; /* target NULL: no ingest */
    adbc_mode mode;
    struct ArrowArrayStream bound; /* release NULL: nothing is bound */
} adbc_statement;

/* errors.c. The first makes an error of the driver's own, the second hands on one of the library. */
AdbcStatusCode tarn_adbc_fail(struct AdbcError *out, tarn_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
AdbcStatusCode tarn_adbc_error(struct AdbcError *out, const tarn_error *error);
/* A copy of `value` (NULL: none) in the place of *slot. */
void tarn_adbc_keep(char **slot, const char *value);

/* connection.c: the functions of the table that databases and connections fill. */
void tarn_adbc_fill_connection(struct AdbcDriver *driver, int version);
/* Begins the transaction when the statement changes rows and none is open. */
AdbcStatusCode tarn_adbc_before(adbc_connection *c, const char *sql, struct AdbcError *error);
/* Runs a statement and hands out its rows; *out is closed by the caller. */
AdbcStatusCode tarn_adbc_run(adbc_connection *c, const char *sql, const tarn_param *params, size_t n, tarn_result **out,
                             struct AdbcError *error);
AdbcStatusCode tarn_adbc_stream(adbc_connection *c, const char *sql, struct ArrowArrayStream *out,
                                struct AdbcError *error);
/* The columns of a query that is not run. */
AdbcStatusCode tarn_adbc_schema(adbc_connection *c, const char *sql, struct ArrowSchema *out, struct AdbcError *error);
/* catalog.schema.table, quoted; catalog and schema may be NULL or "". */
void tarn_adbc_name(tarn_buf *out, const char *catalog, const char *schema, const char *table);

/* info.c, objects.c */
AdbcStatusCode tarn_adbc_info(struct AdbcConnection *c, const uint32_t *codes, size_t n, struct ArrowArrayStream *out,
                              struct AdbcError *error);
AdbcStatusCode tarn_adbc_objects(struct AdbcConnection *c, int depth, const char *catalog, const char *schema,
                                 const char *table, const char **types, const char *column,
                                 struct ArrowArrayStream *out, struct AdbcError *error);

/* statement.c */
void tarn_adbc_fill_statement(struct AdbcDriver *driver, int version);

/* bind.c. Row `row` of a batch as parameters in `params` (one per column), texts in `text`. */
AdbcStatusCode tarn_adbc_params(const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t row,
                                tarn_param *params, tarn_buf *text, struct AdbcError *error);
/* INSERT … VALUES (?, …), with nothing but ? between the parentheses: the bytes before VALUES; 0: it is another one. */
size_t tarn_adbc_insert_head(const char *sql, int64_t n_columns);
/* A batch as a stream of it alone; both are taken over. */
void tarn_adbc_one_batch(struct ArrowSchema *schema, struct ArrowArray *batch, struct ArrowArrayStream *out);

#endif
