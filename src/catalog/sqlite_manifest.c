/* sqlite_manifest.c: the catalog in memory and its JSON text, by SQLite's own JSON functions. */
#include "catalog/manifest.h"
#include "catalog/sqlite_db.h"

/* Of the ids of changes, so many are kept. */
#define CHANGES_KEPT "100"
enum { VERSION = 1 };

/* Each row's JSON stays beside it: a patch of it keeps the fields that are not known here, and drops what became null
 * (RFC 7396). */
static const char setup[] = "ALTER TABLE catalogs ADD COLUMN json TEXT NOT NULL DEFAULT '{}';"
                            "ALTER TABLE schemas ADD COLUMN json TEXT NOT NULL DEFAULT '{}';"
                            "ALTER TABLE entries ADD COLUMN json TEXT NOT NULL DEFAULT '{}';"
                            "CREATE TABLE manifest (json TEXT NOT NULL);"
                            "INSERT INTO manifest VALUES ('{}')";

static const char fill[] =
    "DELETE FROM catalogs; DELETE FROM schemas; DELETE FROM entries; DELETE FROM settings; DELETE FROM sqlite_sequence;"
    "INSERT INTO catalogs (name, created_ms, json) SELECT value->>'name', value->>'created_ms', value"
    " FROM manifest, json_each(manifest.json, '$.catalogs');"
    "INSERT INTO schemas (catalog, name, comment, created_ms, json) SELECT value->>'catalog', value->>'name', "
    "value->>'comment', value->>'created_ms', value FROM manifest, json_each(manifest.json, '$.schemas');"
    "INSERT INTO entries (id, kind, catalog, schema, name, format, location, managed, sql, default_catalog, "
    "default_schema, comment, created_ms, dropped_ms, pointer, json) SELECT value->>'id', CASE value->>'kind' WHEN "
    "'table' THEN "
    "0 WHEN 'view' THEN 1 END, value->>'catalog', value->>'schema', value->>'name', value->>'format', "
    "value->>'location', coalesce(value->>'managed', 0), value->>'sql', value->>'default_catalog', "
    "value->>'default_schema', value->>'comment', value->>'created_ms', coalesce(value->>'dropped_ms', 0), "
    "value->>'pointer', value"
    " FROM manifest, json_each(manifest.json, '$.entries');"
    "INSERT INTO settings SELECT key, value FROM manifest, json_each(manifest.json, '$.settings');"
    "DELETE FROM sqlite_sequence;"
    "INSERT INTO sqlite_sequence SELECT 'entries', max((SELECT coalesce(max(id), 0) FROM entries), "
    "coalesce(json->>'next_id', 1) - 1) FROM manifest;"
    "UPDATE manifest SET json = json_remove(json, '$.catalogs', '$.schemas', '$.entries', '$.settings')";

static const char note_change[] =
    "UPDATE manifest SET json = json_patch(json, json_object('version', 1, 'sequence', coalesce(json->>'sequence', 0) "
    "+ "
    "1, 'changes', (SELECT json_group_array(value) FROM (SELECT ? AS value UNION ALL SELECT value FROM "
    "json_each(manifest.json, '$.changes') LIMIT " CHANGES_KEPT "))))";

static const char text[] =
    "SELECT json_patch(json, json_object("
    "'next_id', (SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence),"
    "'catalogs', (SELECT json_group_array(json_patch(json, json_object('name', name, 'created_ms', created_ms))) FROM "
    "(SELECT * FROM catalogs ORDER BY created_ms, name)),"
    "'schemas', (SELECT json_group_array(json_patch(json, json_object('catalog', catalog, 'name', name, 'comment', "
    "comment, 'created_ms', created_ms))) FROM (SELECT * FROM schemas ORDER BY catalog, name)),"
    "'entries', (SELECT json_group_array(json_patch(json, json_object('id', id, 'kind', CASE kind WHEN 1 THEN 'view' "
    "ELSE 'table' END, 'catalog', catalog, 'schema', schema, 'name', name, 'format', format, 'location', location, "
    "'managed', CASE WHEN managed THEN json('true') END, 'sql', sql, 'default_catalog', default_catalog, "
    "'default_schema', default_schema, 'comment', comment, 'created_ms', created_ms, 'dropped_ms', nullif(dropped_ms, "
    "0), 'pointer', pointer))) FROM (SELECT * FROM entries ORDER BY id)),"
    "'settings', (SELECT json_group_object(name, value) FROM settings))) FROM manifest";

static tarn_code read_int(tarn_cx *cx, tarn_catalog *c, const char *sql, const char *const *args, size_t n,
                          int64_t *out) {
    tarn_auto_stmt s = NULL;
    bool row;
    TRY(tarn_sqlite_prepare(cx, tarn_sqlite_of(c), sql, args, n, &s));
    TRY(tarn_sqlite_step(cx, tarn_sqlite_of(c), s, &row));
    *out = row ? sqlite3_column_int64(s, 0) : 0;
    return TARN_OK;
}

tarn_code tarn_manifest_new(tarn_cx *cx, tarn_catalog **out) {
    sqlite3 *db;
    TRY(tarn_sqlite_open_memory(cx, &db));
    tarn_code code = tarn_sqlite_exec(cx, db, setup);
    if (code == TARN_OK)
        *out = tarn_sqlite_catalog(db);
    else
        sqlite3_close(db);
    return code;
}

static tarn_code load(tarn_cx *cx, tarn_catalog *c, const char *json) {
    int64_t version = 0;
    TRY(read_int(cx, c, "SELECT CASE json_type(?1) WHEN 'object' THEN json_extract(?1, '$.version') END", &json, 1,
                 &version));
    if (version > VERSION)
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "the catalog has version %lld, this Tarn knows up to %d: use a newer Tarn", (long long)version,
                         VERSION);
    if (version < 1) return tarn_fail(cx, TARN_CORRUPT, "it has no version");
    TRY(tarn_sqlite_run(cx, tarn_sqlite_of(c), "UPDATE manifest SET json = ?", &json, 1, NULL));
    return tarn_sqlite_exec(cx, tarn_sqlite_of(c), fill);
}

tarn_code tarn_manifest_load(tarn_cx *cx, tarn_catalog *c, const char *json) {
    TRY(tarn_manifest_begin(cx, c));
    tarn_code code = load(cx, c, json);
    tarn_manifest_end(c, code == TARN_OK);
    if (code == TARN_OK || code == TARN_UNSUPPORTED || code == TARN_NOMEM) return code;
    return tarn_fail(cx, TARN_CORRUPT, "the catalog cannot be read: %s", cx->error.message);
}

tarn_code tarn_manifest_begin(tarn_cx *cx, tarn_catalog *c) { return tarn_sqlite_exec(cx, tarn_sqlite_of(c), "BEGIN"); }

void tarn_manifest_end(tarn_catalog *c, bool keep) {
    (void)sqlite3_exec(tarn_sqlite_of(c), keep ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
}

tarn_code tarn_manifest_write(tarn_cx *cx, tarn_catalog *c, const char *change, const char **json) {
    tarn_auto_stmt s = NULL;
    bool row;
    TRY(tarn_sqlite_run(cx, tarn_sqlite_of(c), note_change, &change, 1, NULL));
    TRY(tarn_sqlite_prepare(cx, tarn_sqlite_of(c), text, NULL, 0, &s));
    TRY(tarn_sqlite_step(cx, tarn_sqlite_of(c), s, &row));
    *json = tarn_sqlite_text(cx->arena, s, 0);
    return TARN_OK;
}

tarn_code tarn_manifest_sequence(tarn_cx *cx, tarn_catalog *c, int64_t *out) {
    return read_int(cx, c, "SELECT json->>'sequence' FROM manifest", NULL, 0, out);
}

tarn_code tarn_manifest_has(tarn_cx *cx, tarn_catalog *c, const char *change, int64_t sequence, bool *out) {
    const char *args[] = {change, tarn_printf(cx, "%lld", (long long)sequence)};
    int64_t found;
    TRY(read_int(cx, c,
                 "SELECT CASE WHEN EXISTS (SELECT 1 FROM json_each(manifest.json, '$.changes') WHERE value = ?1) THEN 1"
                 " WHEN json->>'sequence' > ?2 + " CHANGES_KEPT " THEN 2 END FROM manifest",
                 args, 2, &found));
    if (found == 2)
        return tarn_fail(cx, TARN_IO,
                         "others have changed the catalog too often since to tell whether this change is in it");
    *out = found == 1;
    return TARN_OK;
}
