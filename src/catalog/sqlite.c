/* sqlite.c: the catalog inside a warehouse: one SQLite database, used by any number of processes. */
#include <stdlib.h>

#include "catalog/catalogs.h"
#include "catalog/sqlite_db.h"

typedef struct sqlite_catalog {
    tarn_catalog base;
    sqlite3 *db;
} sqlite_catalog;

#define COLUMNS                                                                                                        \
    "id, kind, catalog, schema, name, format, location, managed, sql, default_catalog, default_schema, comment, "      \
    "created_ms, dropped_ms, pointer"

static sqlite3 *db_of(tarn_catalog *c) { return ((sqlite_catalog *)c)->db; }
sqlite3 *tarn_sqlite_of(tarn_catalog *c) { return db_of(c); }

static const char *now_text(tarn_cx *cx) { return tarn_printf(cx, "%lld", (long long)tarn_now_ms(cx)); }
static const char *id_text(tarn_cx *cx, int64_t id) { return tarn_printf(cx, "%lld", (long long)id); }

static void read_entry(tarn_cx *cx, sqlite3_stmt *s, tarn_catalog_entry *out) {
    *out = (tarn_catalog_entry){
        .id = sqlite3_column_int64(s, 0),
        .kind = sqlite3_column_int(s, 1) == TARN_ENTRY_VIEW ? TARN_ENTRY_VIEW : TARN_ENTRY_TABLE,
        .catalog = tarn_sqlite_text(cx->arena, s, 2),
        .schema = tarn_sqlite_text(cx->arena, s, 3),
        .name = tarn_sqlite_text(cx->arena, s, 4),
        .format = tarn_sqlite_text(cx->arena, s, 5),
        .location = tarn_sqlite_text(cx->arena, s, 6),
        .managed = sqlite3_column_int(s, 7) != 0,
        .sql = tarn_sqlite_text(cx->arena, s, 8),
        .default_catalog = tarn_sqlite_text(cx->arena, s, 9),
        .default_schema = tarn_sqlite_text(cx->arena, s, 10),
        .comment = tarn_sqlite_text(cx->arena, s, 11),
        .created_ms = sqlite3_column_int64(s, 12),
        .dropped_ms = sqlite3_column_int64(s, 13),
        .pointer = tarn_sqlite_text(cx->arena, s, 14),
    };
}

static tarn_code read_entries(tarn_cx *cx, tarn_catalog *c, const char *sql, const char *const *args, size_t n,
                              tarn_catalog_entries *out) {
    tarn_sqlite_hold(db_of(c));
    tarn_auto_stmt s = NULL;
    bool row;
    TRY(tarn_sqlite_prepare(cx, db_of(c), sql, args, n, &s));
    for (;;) {
        TRY(tarn_sqlite_step(cx, db_of(c), s, &row));
        if (!row) return TARN_OK;
        read_entry(cx, s, TARN_PUSH(cx->arena, out));
    }
}

static tarn_code resolve(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, const char *name,
                         tarn_catalog_entry *out) {
    const char *args[] = {catalog, schema, name};
    tarn_catalog_entries found = {0};
    TRY(read_entries(cx, c,
                     "SELECT " COLUMNS " FROM entries WHERE catalog = ? AND schema = ? AND name = ? AND dropped_ms = 0",
                     args, 3, &found));
    if (!found.n) return tarn_fail(cx, TARN_NOTFOUND, "there is no table %s.%s.%s", catalog, schema, name);
    *out = found.at[0];
    return TARN_OK;
}

static tarn_code list(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, bool dropped,
                      tarn_catalog_entries *out) {
    const char *args[] = {catalog, schema};
    const char *sql = dropped ? "SELECT " COLUMNS " FROM entries WHERE catalog = ? AND schema = coalesce(?, schema) "
                                "AND dropped_ms > 0 ORDER BY schema, name, dropped_ms DESC"
                              : "SELECT " COLUMNS " FROM entries WHERE catalog = ? AND schema = coalesce(?, schema) "
                                "AND dropped_ms = 0 ORDER BY schema, name";
    return read_entries(cx, c, sql, args, 2, out);
}

static tarn_code create(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_entry *e, bool replace) {
    const char *kind = e->kind == TARN_ENTRY_VIEW ? "1" : "0", *managed = e->managed ? "1" : "0";
    const char *args[] = {kind,   e->catalog,         e->schema,         e->name,    e->format,    e->location, managed,
                          e->sql, e->default_catalog, e->default_schema, e->comment, now_text(cx), e->pointer};
    int64_t changes = 0;
    if (replace) {
        const char *set[] = {e->format,          e->location,       managed,    e->sql,
                             e->default_catalog, e->default_schema, e->comment, e->pointer,
                             e->catalog,         e->schema,         e->name,    kind};
        TRY(tarn_sqlite_run(
            cx, db_of(c),
            "UPDATE entries SET format = ?, location = ?, managed = CAST(? AS INTEGER), sql = ?, default_catalog = ?, "
            "default_schema = ?, comment = ?, pointer = ?"
            " WHERE catalog = ? AND schema = ? AND name = ? AND kind = CAST(? AS INTEGER) AND dropped_ms = 0",
            set, sizeof set / sizeof *set, &changes));
        if (changes) return TARN_OK;
    }
    tarn_code code = tarn_sqlite_run(
        cx, db_of(c),
        "INSERT INTO entries (kind, catalog, schema, name, format, location, managed, sql, default_catalog, "
        "default_schema, comment, created_ms, pointer)"
        " VALUES (CAST(? AS INTEGER), ?, ?, ?, ?, ?, CAST(? AS INTEGER), ?, ?, ?, ?, CAST(? AS INTEGER), ?)",
        args, sizeof args / sizeof *args, NULL);
    if (code == TARN_EXISTS)
        return tarn_fail(cx, TARN_EXISTS, "%s.%s.%s exists already", e->catalog, e->schema, e->name);
    return code;
}

static tarn_code one_change(tarn_cx *cx, tarn_catalog *c, const char *sql, const char *const *args, size_t n) {
    int64_t changes = 0;
    TRY(tarn_sqlite_run(cx, db_of(c), sql, args, n, &changes));
    return changes ? TARN_OK : tarn_fail(cx, TARN_NOTFOUND, "the catalog entry is gone: somebody else dropped it");
}

static tarn_code drop(tarn_cx *cx, tarn_catalog *c, int64_t id) {
    const char *args[] = {now_text(cx), id_text(cx, id)};
    return one_change(
        cx, c, "UPDATE entries SET dropped_ms = CAST(? AS INTEGER) WHERE id = CAST(? AS INTEGER) AND dropped_ms = 0",
        args, 2);
}

static tarn_code undrop(tarn_cx *cx, tarn_catalog *c, int64_t id) {
    const char *args[] = {id_text(cx, id)};
    tarn_code code = one_change(
        cx, c, "UPDATE entries SET dropped_ms = 0 WHERE id = CAST(? AS INTEGER) AND dropped_ms > 0", args, 1);
    return code == TARN_EXISTS ? tarn_fail(cx, TARN_EXISTS, "another table has the name now: rename it first") : code;
}

static tarn_code forget(tarn_cx *cx, tarn_catalog *c, int64_t id) {
    const char *args[] = {id_text(cx, id)};
    return one_change(cx, c, "DELETE FROM entries WHERE id = CAST(? AS INTEGER)", args, 1);
}

static tarn_code rename_entry(tarn_cx *cx, tarn_catalog *c, int64_t id, const char *schema, const char *name) {
    const char *args[] = {schema, name, id_text(cx, id)};
    tarn_code code = one_change(
        cx, c, "UPDATE entries SET schema = ?, name = ? WHERE id = CAST(? AS INTEGER) AND dropped_ms = 0", args, 3);
    return code == TARN_EXISTS ? tarn_fail(cx, TARN_EXISTS, "%s.%s exists already", schema, name) : code;
}

static tarn_code pointer(tarn_cx *cx, tarn_catalog *c, int64_t id, const char **out) {
    const char *args[] = {id_text(cx, id)};
    tarn_sqlite_hold(db_of(c));
    tarn_auto_stmt s = NULL;
    bool row;
    TRY(tarn_sqlite_prepare(
        cx, db_of(c), "SELECT pointer FROM entries WHERE id = CAST(? AS INTEGER) AND dropped_ms = 0", args, 1, &s));
    TRY(tarn_sqlite_step(cx, db_of(c), s, &row));
    if (!row) return tarn_fail(cx, TARN_NOTFOUND, "the table is gone: somebody else dropped it");
    *out = tarn_sqlite_text(cx->arena, s, 0);
    return TARN_OK;
}

static tarn_code swap_one(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_swap *swap) {
    const char *args[] = {swap->to, id_text(cx, swap->id), swap->from}, *now;
    int64_t changes = 0;
    TRY(tarn_sqlite_run(
        cx, db_of(c),
        "UPDATE entries SET pointer = ? WHERE id = CAST(? AS INTEGER) AND pointer IS ? AND dropped_ms = 0", args, 3,
        &changes));
    if (changes) return TARN_OK;
    TRY(pointer(cx, c, swap->id, &now));
    return tarn_fail(cx, TARN_EXISTS, "another writer was first: the table is at %s", now ? now : "no metadata file");
}

/* A savepoint: it may stand inside a transaction of whoever holds the database. */
static tarn_code swap(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_swap *swaps, size_t n) {
    tarn_sqlite_hold(db_of(c));
    TRY(tarn_sqlite_exec(cx, db_of(c), "SAVEPOINT swap"));
    tarn_code code = TARN_OK;
    for (size_t i = 0; i < n && code == TARN_OK; i++) code = swap_one(cx, c, &swaps[i]);
    if (code == TARN_OK) code = tarn_sqlite_exec(cx, db_of(c), "RELEASE swap");
    if (code != TARN_OK) (void)sqlite3_exec(db_of(c), "ROLLBACK TO swap; RELEASE swap", NULL, NULL, NULL);
    return code;
}

static tarn_code schemas(tarn_cx *cx, tarn_catalog *c, const char *catalog, tarn_catalog_entries *out) {
    const char *args[] = {catalog};
    return read_entries(
        cx, c,
        "SELECT 0, 0, catalog, name, NULL, NULL, NULL, 0, NULL, NULL, NULL, comment, created_ms, 0, NULL "
        "FROM schemas WHERE catalog = ? ORDER BY name",
        args, 1, out);
}

static tarn_code create_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema,
                               const char *comment) {
    const char *args[] = {catalog, schema, comment, now_text(cx)};
    tarn_code code = tarn_sqlite_run(cx, db_of(c),
                                     "INSERT INTO schemas (catalog, name, comment, created_ms) VALUES ((SELECT name "
                                     "FROM catalogs WHERE name = ?), ?, ?, CAST(? AS INTEGER))",
                                     args, 4, NULL);
    return code == TARN_EXISTS ? tarn_fail(cx, TARN_EXISTS, "schema %s.%s exists already", catalog, schema) : code;
}

static tarn_code drop_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema) {
    const char *args[] = {catalog, schema};
    int64_t changes = 0;
    /* One statement, so that no table can appear in between. */
    TRY(tarn_sqlite_run(
        cx, db_of(c),
        "DELETE FROM schemas WHERE catalog = ?1 AND name = ?2"
        " AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.catalog = ?1 AND e.schema = ?2 AND e.dropped_ms = 0)",
        args, 2, &changes));
    if (changes) return TARN_OK;
    if (tarn_catalog_has_schema(cx, c, catalog, schema))
        return tarn_fail(cx, TARN_CONSTRAINT, "schema %s.%s still holds tables: drop them first, or say CASCADE",
                         catalog, schema);
    return tarn_fail(cx, TARN_NOTFOUND, "there is no schema %s.%s", catalog, schema);
}

static tarn_code catalogs(tarn_cx *cx, tarn_catalog *c, tarn_catalog_entries *out) {
    return read_entries(
        cx, c,
        "SELECT 0, 0, name, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, created_ms, 0, NULL FROM "
        "catalogs ORDER BY created_ms, name",
        NULL, 0, out);
}

static tarn_code create_catalog(tarn_cx *cx, tarn_catalog *c, const char *catalog) {
    const char *args[] = {catalog, now_text(cx)}, *schema[] = {catalog, "main", NULL, args[1]};
    tarn_code code = tarn_sqlite_run(
        cx, db_of(c), "INSERT INTO catalogs (name, created_ms) VALUES (?, CAST(? AS INTEGER))", args, 2, NULL);
    if (code == TARN_EXISTS) return tarn_fail(cx, TARN_EXISTS, "catalog %s exists already", catalog);
    TRY(code);
    return tarn_sqlite_run(
        cx, db_of(c),
        "INSERT OR IGNORE INTO schemas (catalog, name, comment, created_ms) VALUES (?, ?, ?, CAST(? AS INTEGER))",
        schema, 4, NULL);
}

static tarn_code setting(tarn_cx *cx, tarn_catalog *c, const char *name, const char *value, char **out) {
    const char *args[] = {name, value};
    tarn_sqlite_hold(db_of(c));
    tarn_auto_stmt s = NULL;
    bool row;
    if (value)
        return tarn_sqlite_run(
            cx, db_of(c), "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            args, 2, NULL);
    TRY(tarn_sqlite_prepare(cx, db_of(c), "SELECT value FROM settings WHERE name = ?", args, 1, &s));
    TRY(tarn_sqlite_step(cx, db_of(c), s, &row));
    *out = row ? (char *)(uintptr_t)tarn_sqlite_text(cx->arena, s, 0) : NULL;
    return TARN_OK;
}

static tarn_code settings(tarn_cx *cx, tarn_catalog *c, void (*each)(void *state, const char *name, const char *value),
                          void *state) {
    tarn_sqlite_hold(db_of(c));
    tarn_auto_stmt s = NULL;
    bool row;
    TRY(tarn_sqlite_prepare(cx, db_of(c), "SELECT name, value FROM settings ORDER BY name", NULL, 0, &s));
    for (;;) {
        TRY(tarn_sqlite_step(cx, db_of(c), s, &row));
        if (!row) return TARN_OK;
        each(state, tarn_sqlite_text(cx->arena, s, 0), tarn_sqlite_text(cx->arena, s, 1));
    }
}

static void close_catalog(tarn_catalog *c) {
    sqlite3_close(db_of(c));
    free(c);
}

static const tarn_catalog_type sqlite_type = {
    .name = "sqlite",
    .close = close_catalog,
    .resolve = resolve,
    .list = list,
    .create = create,
    .drop = drop,
    .undrop = undrop,
    .forget = forget,
    .rename = rename_entry,
    .pointer = pointer,
    .swap = swap,
    .schemas = schemas,
    .create_schema = create_schema,
    .drop_schema = drop_schema,
    .catalogs = catalogs,
    .create_catalog = create_catalog,
    .setting = setting,
    .settings = settings,
};

tarn_catalog *tarn_sqlite_catalog(sqlite3 *db) {
    sqlite_catalog *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->base.type = &sqlite_type;
    c->db = db;
    return &c->base;
}

tarn_code tarn_catalog_sqlite_open(tarn_cx *cx, const char *root, tarn_catalog **out) {
    sqlite3 *db;
    TRY(tarn_sqlite_open(cx, root, &db));
    *out = tarn_sqlite_catalog(db);
    return TARN_OK;
}
