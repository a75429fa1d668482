/* connection.c: ADBC's databases (an open lake) and connections (a session), their options and transactions. */
#include <stdlib.h>

#include "adbc/driver.h"

typedef struct adbc_database {
    tarn_lake *lake; /* NULL until it is initialised */
    char *uri, *user;
    char **settings; /* name, value, …, NULL */
    size_t n_settings;
} adbc_database;

static AdbcStatusCode no_memory(struct AdbcError *error) { return tarn_adbc_fail(error, TARN_NOMEM, "out of memory"); }

static AdbcStatusCode new_database(struct AdbcDatabase *database, struct AdbcError *error) {
    adbc_database *d = calloc(1, sizeof *d);
    if (!d) return no_memory(error);
    database->private_data = d;
    return ADBC_STATUS_OK;
}

/* All options but two are settings of the lake. */
static AdbcStatusCode set_database(struct AdbcDatabase *database, const char *name, const char *value,
                                   struct AdbcError *error) {
    adbc_database *d = database->private_data;
    if (d->lake) return tarn_adbc_fail(error, TARN_INVALID, "option %s: the database is open already", name);
    if (strcmp(name, "uri") == 0) return tarn_adbc_keep(&d->uri, value), ADBC_STATUS_OK;
    if (strcmp(name, "username") == 0) return tarn_adbc_keep(&d->user, value), ADBC_STATUS_OK;
    char **settings = reallocarray(d->settings, d->n_settings + 3, sizeof *settings);
    if (!settings) return no_memory(error);
    d->settings = settings;
    memset(settings + d->n_settings, 0, 3 * sizeof *settings);
    tarn_adbc_keep(&settings[d->n_settings], name);
    tarn_adbc_keep(&settings[d->n_settings + 1], value ? value : "");
    d->n_settings += 2;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode init_database(struct AdbcDatabase *database, struct AdbcError *error) {
    adbc_database *d = database->private_data;
    tarn_error why = {.size = sizeof why};
    tarn_options options = {.size = sizeof options, .uri = d->uri, .settings = (const char *const *)d->settings};
    if (d->lake) return tarn_adbc_fail(error, TARN_INVALID, "the database is open already");
    if (tarn_open(&options, &d->lake, &why) != TARN_OK) return tarn_adbc_error(error, &why);
    return ADBC_STATUS_OK;
}

static AdbcStatusCode release_database(struct AdbcDatabase *database, struct AdbcError *error) {
    adbc_database *d = database->private_data;
    if (!d) return tarn_adbc_fail(error, TARN_INVALID, "the database was released already");
    tarn_close(d->lake);
    for (size_t i = 0; i < d->n_settings; i++) free(d->settings[i]);
    free(d->settings);
    free(d->uri);
    free(d->user);
    free(d);
    database->private_data = NULL;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode new_connection(struct AdbcConnection *connection, struct AdbcError *error) {
    adbc_connection *c = calloc(1, sizeof *c);
    if (!c) return no_memory(error);
    connection->private_data = c;
    return ADBC_STATUS_OK;
}

AdbcStatusCode tarn_adbc_run(adbc_connection *c, const char *sql, const tarn_param *params, size_t n, tarn_result **out,
                             struct AdbcError *error) {
    tarn_error why = {.size = sizeof why};
    if (!c->session) return tarn_adbc_fail(error, TARN_INVALID, "the connection is not open");
    if (tarn_query(c->session, sql, params, n, out, &why) != TARN_OK) return tarn_adbc_error(error, &why);
    return ADBC_STATUS_OK;
}

AdbcStatusCode tarn_adbc_stream(adbc_connection *c, const char *sql, struct ArrowArrayStream *out,
                                struct AdbcError *error) {
    tarn_result *result = NULL;
    tarn_error why = {.size = sizeof why};
    AdbcStatusCode status = tarn_adbc_run(c, sql, NULL, 0, &result, error);
    if (status != ADBC_STATUS_OK) return status;
    if (tarn_result_stream(result, out, &why) != TARN_OK) status = tarn_adbc_error(error, &why);
    tarn_result_close(result);
    return status;
}

AdbcStatusCode tarn_adbc_schema(adbc_connection *c, const char *sql, struct ArrowSchema *out, struct AdbcError *error) {
    tarn_auto_buf text = TARN_BUF((size_t)64 << 20);
    tarn_result *result = NULL;
    tarn_error why = {.size = sizeof why};
    tarn_buf_printf(&text, "SELECT * FROM (%s\n) LIMIT 0", sql);
    if (text.failed) return no_memory(error);
    AdbcStatusCode status = tarn_adbc_run(c, text.data, NULL, 0, &result, error);
    if (status != ADBC_STATUS_OK) return status;
    if (tarn_result_schema(result, out, &why) != TARN_OK) status = tarn_adbc_error(error, &why);
    tarn_result_close(result);
    return status;
}

static AdbcStatusCode run_only(adbc_connection *c, const char *sql, struct AdbcError *error) {
    tarn_result *result = NULL;
    AdbcStatusCode status = tarn_adbc_run(c, sql, NULL, 0, &result, error);
    tarn_result_close(result);
    return status;
}

/* Past blanks and comments. */
static const char *first_word(const char *p) {
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (strncmp(p, "--", 2) == 0)
            p += strcspn(p, "\n");
        else if (strncmp(p, "/*", 2) == 0 && strstr(p + 2, "*/"))
            p = strstr(p + 2, "*/") + 2;
        else
            return p;
    }
}

AdbcStatusCode tarn_adbc_before(adbc_connection *c, const char *sql, struct AdbcError *error) {
    static const char *const changes[] = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY"};
    if (!c->manual || c->begun) return ADBC_STATUS_OK;
    tarn_str word = {first_word(sql), 0};
    while ((word.p[word.n] | 0x20) >= 'a' && (word.p[word.n] | 0x20) <= 'z') word.n++;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (!tarn_str_ieq(word, tarn_str_of(changes[i]))) continue;
        AdbcStatusCode status = run_only(c, "BEGIN", error);
        c->begun = status == ADBC_STATUS_OK;
        return status;
    }
    return ADBC_STATUS_OK;
}

static AdbcStatusCode end(adbc_connection *c, const char *verb, struct AdbcError *error) {
    if (!c->begun) return ADBC_STATUS_OK;
    c->begun = false;
    return run_only(c, verb, error);
}

static AdbcStatusCode commit(struct AdbcConnection *connection, struct AdbcError *error) {
    adbc_connection *c = connection->private_data;
    if (!c->manual) return tarn_adbc_fail(error, TARN_CONFLICT, "commit: the connection is in autocommit mode");
    return end(c, "COMMIT", error);
}

static AdbcStatusCode roll_back(struct AdbcConnection *connection, struct AdbcError *error) {
    adbc_connection *c = connection->private_data;
    if (!c->manual) return tarn_adbc_fail(error, TARN_CONFLICT, "rollback: the connection is in autocommit mode");
    return end(c, "ROLLBACK", error);
}

void tarn_adbc_name(tarn_buf *out, const char *catalog, const char *schema, const char *table) {
    const char *parts[] = {catalog, schema ? schema : catalog && *catalog ? "main" : NULL, table};
    const char *dot = "";
    for (int i = 0; i < 3; i++) {
        if (!parts[i] || !*parts[i]) continue;
        tarn_buf_puts(out, dot);
        tarn_buf_sql_name(out, parts[i]);
        dot = ".";
    }
}

/* Makes the catalog and schema that were asked for the current ones. */
static AdbcStatusCode use(adbc_connection *c, struct AdbcError *error) {
    tarn_auto_buf sql = TARN_BUF(1 << 16);
    if (!c->session || (!c->catalog && !c->schema)) return ADBC_STATUS_OK;
    tarn_buf_puts(&sql, c->schema ? "USE " : "USE CATALOG ");
    tarn_adbc_name(&sql, c->schema ? c->catalog : NULL, c->schema, c->schema ? NULL : c->catalog);
    return sql.failed ? no_memory(error) : run_only(c, sql.data, error);
}

static AdbcStatusCode set_connection(struct AdbcConnection *connection, const char *name, const char *value,
                                     struct AdbcError *error) {
    adbc_connection *c = connection->private_data;
    if (strcmp(name, "adbc.connection.autocommit") == 0) {
        bool on = strcmp(value, "true") == 0;
        if (!on && strcmp(value, "false") != 0)
            return tarn_adbc_fail(error, TARN_INVALID, "%s is true or false, not %s", name, value);
        AdbcStatusCode status = on ? end(c, "COMMIT", error) : ADBC_STATUS_OK;
        if (status == ADBC_STATUS_OK) c->manual = !on;
        return status;
    }
    if (strcmp(name, "adbc.connection.catalog") == 0) {
        tarn_adbc_keep(&c->catalog, value);
        tarn_adbc_keep(&c->schema, NULL);
        return use(c, error);
    }
    if (strcmp(name, "adbc.connection.db_schema") == 0) {
        tarn_adbc_keep(&c->schema, value);
        return use(c, error);
    }
    return tarn_adbc_fail(error, TARN_UNSUPPORTED, "connections have no option %s", name);
}

static AdbcStatusCode get_connection(struct AdbcConnection *connection, const char *name, char *out, size_t *n,
                                     struct AdbcError *error) {
    const adbc_connection *c = connection->private_data;
    const char *value = NULL;
    if (strcmp(name, "adbc.connection.autocommit") == 0)
        value = c->manual ? "false" : "true";
    else if (strcmp(name, "adbc.connection.catalog") == 0)
        value = c->catalog ? c->catalog : "lake";
    else if (strcmp(name, "adbc.connection.db_schema") == 0)
        value = c->schema ? c->schema : "main";
    if (!value) return tarn_adbc_fail(error, TARN_NOTFOUND, "connections have no option %s", name);
    size_t wanted = strlen(value) + 1;
    if (*n >= wanted) memcpy(out, value, wanted);
    *n = wanted;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode init_connection(struct AdbcConnection *connection, struct AdbcDatabase *database,
                                      struct AdbcError *error) {
    adbc_connection *c = connection->private_data;
    adbc_database *d = database->private_data;
    tarn_error why = {.size = sizeof why};
    if (!d->lake) return tarn_adbc_fail(error, TARN_INVALID, "the database is not open");
    if (c->session) return tarn_adbc_fail(error, TARN_INVALID, "the connection is open already");
    if (tarn_session_open(d->lake, d->user, &c->session, &why) != TARN_OK) return tarn_adbc_error(error, &why);
    return use(c, error);
}

static AdbcStatusCode release_connection(struct AdbcConnection *connection, struct AdbcError *error) {
    adbc_connection *c = connection->private_data;
    if (!c) return tarn_adbc_fail(error, TARN_INVALID, "the connection was released already");
    tarn_session_close(c->session);
    free(c->catalog);
    free(c->schema);
    free(c);
    connection->private_data = NULL;
    return ADBC_STATUS_OK;
}

static AdbcStatusCode cancel(struct AdbcConnection *connection, struct AdbcError *error) {
    adbc_connection *c = connection->private_data;
    if (!c->session) return tarn_adbc_fail(error, TARN_INVALID, "the connection is not open");
    tarn_cancel(c->session);
    return ADBC_STATUS_OK;
}

static AdbcStatusCode table_schema(struct AdbcConnection *connection, const char *catalog, const char *schema,
                                   const char *table, struct ArrowSchema *out, struct AdbcError *error) {
    tarn_auto_buf sql = TARN_BUF(1 << 16);
    tarn_buf_puts(&sql, "FROM ");
    tarn_adbc_name(&sql, catalog, schema, table);
    return sql.failed ? no_memory(error) : tarn_adbc_schema(connection->private_data, sql.data, out, error);
}

static AdbcStatusCode table_types(struct AdbcConnection *connection, struct ArrowArrayStream *out,
                                  struct AdbcError *error) {
    return tarn_adbc_stream(connection->private_data, "SELECT * FROM (VALUES ('TABLE'), ('VIEW')) AS t(table_type)",
                            out, error);
}

void tarn_adbc_fill_connection(struct AdbcDriver *driver, int version) {
    driver->DatabaseNew = new_database;
    driver->DatabaseSetOption = set_database;
    driver->DatabaseInit = init_database;
    driver->DatabaseRelease = release_database;
    driver->ConnectionNew = new_connection;
    driver->ConnectionSetOption = set_connection;
    driver->ConnectionInit = init_connection;
    driver->ConnectionRelease = release_connection;
    driver->ConnectionCommit = commit;
    driver->ConnectionRollback = roll_back;
    driver->ConnectionGetInfo = tarn_adbc_info;
    driver->ConnectionGetObjects = tarn_adbc_objects;
    driver->ConnectionGetTableSchema = table_schema;
    driver->ConnectionGetTableTypes = table_types;
    if (version < ADBC_VERSION_1_1_0) return;
    driver->ConnectionCancel = cancel;
    driver->ConnectionGetOption = get_connection;
}
