/* sqlite_db.h: SQLite as the catalog uses it: statements with bound text, busy waits, and codes of ours. */
#ifndef TARN_CATALOG_SQLITE_DB_H
#define TARN_CATALOG_SQLITE_DB_H

#include <sqlite3.h>

#include "catalog/catalogs.h"

static inline void tarn_sqlite_finalizep(sqlite3_stmt **s) { sqlite3_finalize(*s); }
#define tarn_auto_stmt tarn_auto(sqlite3_stmt *, tarn_sqlite_finalizep)
/* To the end of the block no other thread uses the connection: its error and its count of changes belong to it, not to
 * the statement. May be nested. */
static inline void tarn_sqlite_leave(sqlite3_mutex **m) { sqlite3_mutex_leave(*m); }
#define tarn_sqlite_hold(db)                                                                                           \
    sqlite3_mutex *held_ __attribute__((cleanup(tarn_sqlite_leave), unused)) = sqlite3_db_mutex(db);                   \
    sqlite3_mutex_enter(held_)

/* Opens <root>/.tarn/catalog.db (made when missing) with the newest schema version; older ones are migrated, newer ones
 * refused. */
TARN_MUST tarn_code tarn_sqlite_open(tarn_cx *cx, const char *root, sqlite3 **out);
/* The same schema in memory, for one process. */
TARN_MUST tarn_code tarn_sqlite_open_memory(tarn_cx *cx, sqlite3 **out);
tarn_code tarn_sqlite_fail(tarn_cx *cx, sqlite3 *db, const char *what);
/* args: one text per '?', NULL for a null. */
TARN_MUST tarn_code tarn_sqlite_prepare(tarn_cx *cx, sqlite3 *db, const char *sql, const char *const *args, size_t n,
                                        sqlite3_stmt **out);
/* *row: whether there is one. */
TARN_MUST tarn_code tarn_sqlite_step(tarn_cx *cx, sqlite3 *db, sqlite3_stmt *s, bool *row);
/* Runs to the end; *changes may be NULL. EXISTS for a broken unique key. */
TARN_MUST tarn_code tarn_sqlite_run(tarn_cx *cx, sqlite3 *db, const char *sql, const char *const *args, size_t n,
                                    int64_t *changes);
/* Statements without arguments, one after another. */
TARN_MUST tarn_code tarn_sqlite_exec(tarn_cx *cx, sqlite3 *db, const char *sql);
/* A column as a copy in the arena; NULL for a null. */
const char *tarn_sqlite_text(tarn_arena *arena, sqlite3_stmt *s, int column);

/* The catalog over a database, which it takes; and that database. */
tarn_catalog *tarn_sqlite_catalog(sqlite3 *db);
sqlite3 *tarn_sqlite_of(tarn_catalog *catalog);

#endif
