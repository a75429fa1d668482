/* internal.h: what the files of engine/ share and nobody else sees. */
#ifndef TARN_ENGINE_INTERNAL_H
#define TARN_ENGINE_INTERNAL_H

#include <pthread.h>

#include "engine/duckdb_api.h"
#include "engine/engine.h"

typedef struct tarn_watcher tarn_watcher;
typedef struct tarn_live tarn_live;
typedef struct tarn_feeds tarn_feeds;
typedef struct tarn_grants tarn_grants;

enum { TARN_IDLE_CONNS = 8 };

struct tarn_engine {
    pthread_mutex_t lock; /* guards what follows but the atomic ones */
    atomic_int refs;      /* its owner and each connection */
    char *temp_directory;
    _Atomic(const tarn_duckdb *) api; /* NULL until the library is loaded */
    duckdb_database databases[2];
    atomic_int broken[2]; /* an internal error of DuckDB made the database refuse everything: the next connection opens
                             another */
    int opened[2];        /* how many have been opened: a connection of an older one is not kept */
    tarn_conn *idle[TARN_IDLE_CONNS]; /* of X, without temp objects */
    size_t n_idle;
    bool lent; /* X has been planned in */
    tarn_watcher *watcher;
    pthread_mutex_t planning; /* held while an optimizer is off: the setting is the database's, not the connection's */
    tarn_live *live;
    tarn_feeds *feeds;
    tarn_grants *grants;
    atomic_uint_fast64_t requests[TARN_REQUEST_KINDS]; /* that DuckDB made on its own */
};

struct tarn_conn {
    tarn_engine *engine;
    const tarn_duckdb *api;
    duckdb_connection handle;
    tarn_engine_db db;
    int opened;        /* which of the engine's databases of that kind it is connected to */
    bool used;         /* has run something that may have left temp objects or settings behind */
    bool keeps_limits; /* tarn_conn_keep_limits */
    bool borrows;      /* plans in X: holds engine->planning */
    char *timezone;    /* in force */
    int64_t error_at;
};

/* error.c: sets cx->error and conn->error_at from DuckDB's message; `skip` bytes were put before the caller's SQL. */
tarn_code tarn_duckdb_fail(tarn_cx *cx, tarn_conn *conn, const char *message, size_t skip);
/* The same for an error_data, which is destroyed; OK when it holds no error. */
TARN_MUST tarn_code tarn_duckdb_check(tarn_cx *cx, tarn_conn *conn, duckdb_error_data error);

/* watch.c: one thread per engine interrupts the connections whose statement is to stop: a blocked call of DuckDB looks
 * at no flag of ours. */
typedef struct tarn_watch {
    struct tarn_watch *prev, *next;
    tarn_conn *conn;
    const atomic_bool *cancel;
    int64_t deadline_us;
    _Atomic double *progress;
} tarn_watch;

tarn_watcher *tarn_watcher_new(void);
void tarn_watcher_free(tarn_watcher *watcher);
/* From here to tarn_watch_end cx's cancel flag and deadline reach the connection. Does nothing when there are none. */
void tarn_watch_begin(tarn_cx *cx, tarn_conn *conn, tarn_watch *watch);
void tarn_watch_end(tarn_watch *watch);

/* rows.c: the columns once more, for a caller who releases them. */
TARN_MUST tarn_code tarn_rows_copy_schema(tarn_cx *cx, tarn_rows *rows, struct ArrowSchema *out);

/* bind.c */
TARN_MUST tarn_code tarn_bind_all(tarn_cx *cx, tarn_conn *conn, duckdb_prepared_statement statement,
                                  const tarn_bind *binds, size_t n);

/* live.c, partition.c, zorder.c, ingest.c: their SQL functions, registered with the database of `handle`. */
tarn_live *tarn_live_new(void);
void tarn_live_free(tarn_live *live);
TARN_MUST tarn_code tarn_live_register(tarn_cx *cx, tarn_engine *engine, duckdb_connection handle);
TARN_MUST tarn_code tarn_partition_register(tarn_cx *cx, const tarn_duckdb *api, duckdb_connection handle);
TARN_MUST tarn_code tarn_zorder_register(tarn_cx *cx, const tarn_duckdb *api, duckdb_connection handle);
tarn_feeds *tarn_feeds_new(void);
void tarn_feeds_free(tarn_feeds *feeds);
/* Lets go what was offered to the connection. */
void tarn_feeds_end(tarn_conn *conn);
TARN_MUST tarn_code tarn_feeds_register(tarn_cx *cx, tarn_engine *engine, duckdb_connection handle);

/* write.c: where one call writes: its folder as DuckDB has it, and how its files' names begin. */
typedef struct tarn_write_target {
    const tarn_write_spec *spec;
    const char *directory, *prefix;
    const char *file; /* all rows go into this one, in their order; NULL: into as many as the writer makes */
} tarn_write_target;

typedef TARN_VEC(tarn_written_file) tarn_written_files;

TARN_MUST tarn_code tarn_write_copy(tarn_cx *cx, tarn_conn *conn, const tarn_write_target *to,
                                    tarn_written_files *files);
/* write_sorted.c: the same for a spec with an order. */
TARN_MUST tarn_code tarn_write_sorted(tarn_cx *cx, tarn_conn *conn, const tarn_write_target *to,
                                      tarn_written_files *files);

/* access.c: which object stores the databases know. */
/* requests.c: connections of the database count their HTTP requests, those that are made after this one. */
TARN_MUST tarn_code tarn_requests_count(tarn_cx *cx, duckdb_database database, tarn_conn *conn);

tarn_grants *tarn_grants_new(void);
void tarn_grants_free(tarn_grants *grants);

#endif
