/* objects.c: catalogs, schemas, tables and columns as ADBC nests them: asked for with SHOW and DESCRIBE, written as one
 * literal, and given its types by DuckDB. */
#include <stdlib.h>

#include "adbc/driver.h"
#include "codec/arrow.h"

#define USAGE_TYPE "STRUCT(fk_catalog VARCHAR, fk_db_schema VARCHAR, fk_table VARCHAR, fk_column_name VARCHAR)[]"
#define CONSTRAINT_TYPE                                                                                                \
    "STRUCT(constraint_name VARCHAR, constraint_type VARCHAR, constraint_column_names VARCHAR[], "                     \
    "constraint_column_usage " USAGE_TYPE ")[]"
#define COLUMN_TYPE                                                                                                    \
    "STRUCT(column_name VARCHAR, ordinal_position INTEGER, remarks VARCHAR, xdbc_data_type SMALLINT, "                 \
    "xdbc_type_name VARCHAR, xdbc_column_size INTEGER, xdbc_decimal_digits SMALLINT, xdbc_num_prec_radix SMALLINT, "   \
    "xdbc_nullable SMALLINT, xdbc_column_def VARCHAR, xdbc_sql_data_type SMALLINT, xdbc_datetime_sub SMALLINT, "       \
    "xdbc_char_octet_length INTEGER, xdbc_is_nullable VARCHAR, xdbc_scope_catalog VARCHAR, "                           \
    "xdbc_scope_schema VARCHAR, xdbc_scope_table VARCHAR, xdbc_is_autoincrement BOOLEAN, "                             \
    "xdbc_is_generatedcolumn BOOLEAN)[]"
#define TABLE_TYPE                                                                                                     \
    "STRUCT(table_name VARCHAR, table_type VARCHAR, table_columns " COLUMN_TYPE ", table_constraints " CONSTRAINT_TYPE \
    ")[]"
#define SCHEMA_TYPE "STRUCT(db_schema_name VARCHAR, db_schema_tables " TABLE_TYPE ")[]"

typedef struct walk {
    adbc_connection *connection;
    struct AdbcError *error;
    int depth;
    const char *catalog, *schema, *table, *column; /* patterns; NULL: all */
    const char **types;
    tarn_buf *sql;
} walk;

/* SQL's LIKE: % and _ (a byte), nothing escaped. NULL matches all. */
static bool is_like(const char *pattern, const char *text) {
    const char *star = NULL, *again = NULL;
    if (!pattern) return true;
    while (*text) {
        if (*pattern == '%') {
            star = ++pattern;
            again = text;
        } else if (*pattern && (*pattern == '_' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++again;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "%")] == 0;
}

static bool is_type_wanted(const walk *w, const char *type) {
    for (size_t i = 0; w->types && w->types[i]; i++)
        if (strcmp(w->types[i], type) == 0) return true;
    return !w->types || !w->types[0];
}

/* Calls `each` with two text cells of every row that `sql` gives. */
typedef AdbcStatusCode each_fn(walk *w, const char *place, const char *first, const char *second);

static char *cell(tarn_column rows, const char *name, int64_t row) {
    tarn_column c = tarn_column_named(rows, name);
    if (!c.array || tarn_column_null(c, row)) return strdup("");
    tarn_str text = tarn_column_str(c, row); /* no NUL ends it, which strndup() may look for */
    char *copy = malloc(text.n + 1);
    if (!copy) return NULL;
    if (text.n) memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    return copy;
}

static AdbcStatusCode read_batch(walk *w, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                 const char *place, const char *first, const char *second, each_fn *each) {
    AdbcStatusCode status = ADBC_STATUS_OK;
    for (int64_t row = 0; status == ADBC_STATUS_OK && row < batch->length; row++) {
        tarn_column rows = {schema, batch};
        char *a = cell(rows, first, row), *b = cell(rows, second, row);
        status = a && b ? each(w, place, a, b)
                        : tarn_adbc_fail(w->error, TARN_NOMEM, "out of memory");
        free(a);
        free(b);
    }
    return status;
}

static AdbcStatusCode for_each(walk *w, const char *verb, const char *place, const char *first, const char *second,
                               each_fn *each) {
    tarn_auto_buf sql = TARN_BUF(1 << 20);
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    tarn_buf_printf(&sql, "%s%s", verb, place);
    AdbcStatusCode status = tarn_adbc_stream(w->connection, sql.data, &stream, w->error);
    if (status != ADBC_STATUS_OK) return status;
    if (stream.get_schema(&stream, &schema) != 0)
        status = tarn_adbc_fail(w->error, TARN_INTERNAL, "%s: no columns", verb);
    while (status == ADBC_STATUS_OK) {
        struct ArrowArray batch = {0};
        if (stream.get_next(&stream, &batch) != 0) {
            const char *why = stream.get_last_error(&stream);
            status = tarn_adbc_fail(w->error, TARN_IO, "%s: %s", sql.data, why ? why : "the rows cannot be read");
            break;
        }
        if (!batch.release) break;
        status = read_batch(w, &schema, &batch, place, first, second, each);
        tarn_array_release(&batch);
    }
    tarn_schema_release(&schema);
    stream.release(&stream);
    return status;
}

/* A comma unless the list has just begun. */
static void begin_item(walk *w) {
    if (w->sql->n && w->sql->data[w->sql->n - 1] != '[') tarn_buf_puts(w->sql, ", ");
}

static AdbcStatusCode add_column(walk *w, const char *place, const char *name, const char *type) {
    (void)place;
    if (!is_like(w->column, name)) return ADBC_STATUS_OK;
    begin_item(w);
    tarn_buf_puts(w->sql, "{column_name: ");
    tarn_buf_sql_string(w->sql, name);
    tarn_buf_puts(w->sql, ", xdbc_type_name: ");
    tarn_buf_sql_string(w->sql, type);
    tarn_buf_putc(w->sql, '}');
    return ADBC_STATUS_OK;
}

/* A part of a name below `place`, quoted. */
static void below(tarn_buf *out, const char *place, const char *name) {
    if (place) tarn_buf_printf(out, "%s.", place);
    tarn_buf_sql_name(out, name);
}

static AdbcStatusCode add_table(walk *w, const char *place, const char *name, const char *kind) {
    const char *type = strcmp(kind, "view") == 0 ? "VIEW" : "TABLE";
    AdbcStatusCode status = ADBC_STATUS_OK;
    if (!is_like(w->table, name) || !is_type_wanted(w, type)) return ADBC_STATUS_OK;
    begin_item(w);
    tarn_buf_puts(w->sql, "{table_name: ");
    tarn_buf_sql_string(w->sql, name);
    tarn_buf_printf(w->sql, ", table_type: '%s'", type);
    if (w->depth == ADBC_DEPTH_ALL) {
        tarn_auto_buf full = TARN_BUF(1 << 20);
        below(&full, place, name);
        tarn_buf_puts(w->sql, ", table_columns: list_transform([");
        status = for_each(w, "DESCRIBE SELECT * FROM ", full.data, "column_name", "column_type", add_column);
        tarn_buf_puts(w->sql, "]::STRUCT(column_name VARCHAR, xdbc_type_name VARCHAR)[], lambda c, i: {column_name: "
                              "c.column_name, xdbc_type_name: c.xdbc_type_name, ordinal_position: i})");
    }
    tarn_buf_putc(w->sql, '}');
    return status;
}

static AdbcStatusCode add_schema(walk *w, const char *place, const char *name, const char *unused) {
    AdbcStatusCode status = ADBC_STATUS_OK;
    (void)unused;
    if (!is_like(w->schema, name)) return ADBC_STATUS_OK;
    begin_item(w);
    tarn_buf_puts(w->sql, "{db_schema_name: ");
    tarn_buf_sql_string(w->sql, name);
    if (w->depth != ADBC_DEPTH_SCHEMAS) {
        tarn_auto_buf full = TARN_BUF(1 << 20);
        below(&full, place, name);
        tarn_buf_puts(w->sql, ", db_schema_tables: [");
        status = for_each(w, "SHOW TABLES FROM ", full.data, "name", "kind", add_table);
        tarn_buf_puts(w->sql, "]");
    }
    tarn_buf_putc(w->sql, '}');
    return status;
}

static AdbcStatusCode add_catalog(walk *w, const char *place, const char *name, const char *unused) {
    AdbcStatusCode status = ADBC_STATUS_OK;
    (void)place;
    (void)unused;
    if (!is_like(w->catalog, name)) return ADBC_STATUS_OK;
    begin_item(w);
    tarn_buf_puts(w->sql, "{catalog_name: ");
    tarn_buf_sql_string(w->sql, name);
    if (w->depth != ADBC_DEPTH_CATALOGS) {
        tarn_auto_buf full = TARN_BUF(1 << 20);
        below(&full, NULL, name);
        tarn_buf_puts(w->sql, ", catalog_db_schemas: [");
        status = for_each(w, "SHOW SCHEMAS FROM ", full.data, "schema", "schema", add_schema);
        tarn_buf_puts(w->sql, "]");
    }
    tarn_buf_putc(w->sql, '}');
    return status;
}

AdbcStatusCode tarn_adbc_objects(struct AdbcConnection *c, int depth, const char *catalog, const char *schema,
                                 const char *table, const char **types, const char *column,
                                 struct ArrowArrayStream *out, struct AdbcError *error) {
    tarn_auto_buf sql = TARN_BUF((size_t)16 << 20);
    walk w = {.connection = c->private_data,
              .error = error,
              .depth = depth,
              .catalog = catalog,
              .schema = schema,
              .table = table,
              .types = types,
              .column = column,
              .sql = &sql};
    if (depth < ADBC_DEPTH_ALL || depth > ADBC_DEPTH_TABLES)
        return tarn_adbc_fail(error, TARN_INVALID, "objects to the depth of %d: there are 0 to 3", depth);
    tarn_buf_puts(&sql, "SELECT unnest(x, recursive := false) FROM (SELECT unnest([");
    AdbcStatusCode status = for_each(&w, "SHOW CATALOGS", "", "catalog", "catalog", add_catalog);
    if (status != ADBC_STATUS_OK) return status;
    tarn_buf_puts(&sql, "]::STRUCT(catalog_name VARCHAR, catalog_db_schemas " SCHEMA_TYPE ")[]) AS x)");
    if (sql.failed) return tarn_adbc_fail(error, TARN_LIMIT, "the catalog has too many objects: ask for fewer");
    return tarn_adbc_stream(w.connection, sql.data, out, error);
}
