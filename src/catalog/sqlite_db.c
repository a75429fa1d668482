/* sqlite_db.c: opens and migrates the catalog's database, and runs its statements. */
#include "catalog/sqlite_db.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 60000 };

/* Forward only: the index of a step is the version it makes. */
static const char *const migrations[] = {
    "CREATE TABLE catalogs (name TEXT PRIMARY KEY COLLATE NOCASE, created_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE schemas (catalog TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, comment TEXT, "
    "created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (catalog, name)) WITHOUT ROWID;"
    "CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, catalog TEXT NOT NULL COLLATE "
    "NOCASE,"
    " schema TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, format TEXT, location TEXT, managed "
    "INTEGER NOT NULL, sql TEXT,"
    " default_catalog TEXT, default_schema TEXT, comment TEXT, created_ms INTEGER NOT NULL, dropped_ms INTEGER NOT "
    "NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX entries_alive ON entries (catalog, schema, name) WHERE dropped_ms = 0;"
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO catalogs VALUES ('lake', CAST(unixepoch() AS INTEGER) * 1000);"
    "INSERT INTO schemas VALUES ('lake', 'main', NULL, CAST(unixepoch() AS INTEGER) * 1000);",
    "ALTER TABLE entries ADD COLUMN pointer TEXT",
};

enum { VERSION = sizeof migrations / sizeof *migrations };

tarn_code tarn_sqlite_fail(tarn_cx *cx, sqlite3 *db, const char *what) {
    int rc = sqlite3_extended_errcode(db);
    const char *text = sqlite3_errmsg(db);
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return tarn_fail(
            cx, rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ? TARN_EXISTS : TARN_CONSTRAINT,
            "%s: %s", what, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return tarn_fail(cx, TARN_CONFLICT, "%s: another process holds the catalog: %s", what, text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return tarn_fail(cx, TARN_DENIED, "%s: %s: check the permissions of the .tarn folder", what, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return tarn_fail(cx, TARN_CORRUPT, "%s: %s: restore .tarn/catalog.db from a copy", what, text);
    case SQLITE_NOMEM: return tarn_fail(cx, TARN_NOMEM, "%s: %s", what, text);
    case SQLITE_FULL: return tarn_fail(cx, TARN_IO, "%s: the disk is full", what);
    default: return tarn_fail(cx, TARN_IO, "%s: %s", what, text);
    }
}

tarn_code tarn_sqlite_prepare(tarn_cx *cx, sqlite3 *db, const char *sql, const char *const *args, size_t n,
                              sqlite3_stmt **out) {
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) return tarn_sqlite_fail(cx, db, "statement");
    for (size_t i = 0; i < n; i++) {
        int rc = args[i] ? sqlite3_bind_text(s, (int)i + 1, args[i], -1, SQLITE_TRANSIENT)
                         : sqlite3_bind_null(s, (int)i + 1);
        if (rc == SQLITE_OK) continue;
        tarn_code code = tarn_sqlite_fail(cx, db, "statement");
        sqlite3_finalize(s);
        return code;
    }
    *out = s;
    return TARN_OK;
}

tarn_code tarn_sqlite_step(tarn_cx *cx, sqlite3 *db, sqlite3_stmt *s, bool *row) {
    int rc = sqlite3_step(s);
    *row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? TARN_OK : tarn_sqlite_fail(cx, db, "statement");
}

tarn_code tarn_sqlite_run(tarn_cx *cx, sqlite3 *db, const char *sql, const char *const *args, size_t n,
                          int64_t *changes) {
    tarn_sqlite_hold(db);
    tarn_auto_stmt s = NULL;
    bool row = true;
    TRY(tarn_sqlite_prepare(cx, db, sql, args, n, &s));
    while (row) TRY(tarn_sqlite_step(cx, db, s, &row));
    if (changes) *changes = sqlite3_changes64(db);
    return TARN_OK;
}

const char *tarn_sqlite_text(tarn_arena *arena, sqlite3_stmt *s, int column) {
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text ? tarn_arena_strdup(arena, text) : NULL;
}

static tarn_code read_version(tarn_cx *cx, sqlite3 *db, int64_t *out) {
    tarn_auto_stmt s = NULL;
    bool row;
    TRY(tarn_sqlite_prepare(cx, db, "PRAGMA user_version", NULL, 0, &s));
    TRY(tarn_sqlite_step(cx, db, s, &row));
    *out = row ? sqlite3_column_int64(s, 0) : 0;
    return TARN_OK;
}

tarn_code tarn_sqlite_exec(tarn_cx *cx, sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? TARN_OK : tarn_sqlite_fail(cx, db, "statement");
}

/* Under the write lock: another process may be migrating too. */
static tarn_code migrate_locked(tarn_cx *cx, sqlite3 *db) {
    int64_t version;
    TRY(read_version(cx, db, &version));
    for (; version < VERSION; version++) TRY(tarn_sqlite_exec(cx, db, migrations[version]));
    return tarn_sqlite_exec(cx, db, tarn_printf(cx, "PRAGMA user_version = %d", VERSION));
}

static tarn_code migrate(tarn_cx *cx, sqlite3 *db) {
    int64_t version;
    TRY(read_version(cx, db, &version));
    if (version == VERSION) return TARN_OK;
    if (version > VERSION)
        return tarn_fail(cx, TARN_UNSUPPORTED, "the catalog has version %d, this Tarn knows up to %d: use a newer Tarn",
                         (int)version, VERSION);
    TRY(tarn_sqlite_exec(cx, db, "PRAGMA journal_mode = WAL"));
    TRY(tarn_sqlite_exec(cx, db, "BEGIN IMMEDIATE"));
    tarn_code code = migrate_locked(cx, db);
    if (code == TARN_OK) return tarn_sqlite_exec(cx, db, "COMMIT");
    tarn_error why = cx->error;
    (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    cx->error = why;
    return code;
}

/* A warehouse on a read-only disk is read as it stands: a journal could not be kept beside it. */
static tarn_code open_read_only(tarn_cx *cx, const char *path, sqlite3 **out) {
    tarn_auto_buf uri = TARN_BUF(1 << 16);
    int64_t version = 0;
    tarn_buf_puts(&uri, "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("%?#", *p))
            tarn_buf_printf(&uri, "%%%02X", (unsigned char)*p);
        else
            tarn_buf_putc(&uri, *p);
    }
    tarn_buf_puts(&uri, "?immutable=1");
    if (!tarn_buf_ok(&uri)) return tarn_fail(cx, TARN_LIMIT, "the warehouse's path is too long");
    if (sqlite3_open_v2(uri.data, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_URI, NULL) !=
        SQLITE_OK)
        return tarn_sqlite_fail(cx, *out, path);
    TRY(read_version(cx, *out, &version));
    if (version == VERSION) return TARN_OK;
    return tarn_fail(cx, TARN_UNSUPPORTED, "the catalog has version %d, not %d, and the folder cannot be written",
                     (int)version, VERSION);
}

static tarn_code open_writable(tarn_cx *cx, const char *path, sqlite3 **out) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(path, out, flags, NULL) != SQLITE_OK) return tarn_sqlite_fail(cx, *out, path);
    sqlite3_busy_timeout(*out, BUSY_MS);
    TRY(tarn_sqlite_exec(cx, *out, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF"));
    return migrate(cx, *out);
}

tarn_code tarn_sqlite_open(tarn_cx *cx, const char *root, sqlite3 **out) {
    sqlite3 *db = NULL;
    const char *folder = tarn_printf(cx, "%s/.tarn", root), *path = tarn_printf(cx, "%s/catalog.db", folder);
    bool read_only = access(path, R_OK) == 0 && access(folder, W_OK) != 0;
    if (!read_only && mkdir(folder, 0777) != 0 && errno != EEXIST)
        return tarn_fail(cx, tarn_errno_code(errno), "cannot make %s: %s", folder, tarn_errno_text(cx, errno));
    tarn_code code = read_only ? open_read_only(cx, path, &db) : open_writable(cx, path, &db);
    if (code == TARN_OK)
        *out = db;
    else
        sqlite3_close(db);
    return code;
}

tarn_code tarn_sqlite_open_memory(tarn_cx *cx, sqlite3 **out) {
    sqlite3 *db = NULL;
    tarn_code code = open_writable(cx, ":memory:", &db);
    if (code == TARN_OK)
        *out = db;
    else
        sqlite3_close(db);
    return code;
}
