/* engine.h: DuckDB as Tarn uses it. The only door to it: no other folder includes duckdb.h; the first call that needs
 * the library loads it.
 *
 * One process-wide pair of in-memory databases per lake: X executes, P plans (one thread, optimizers off that would
 * hide filters; see duckdb.md "The chain"). An engine is thread-safe; a connection belongs to one thread at a time; a
 * result keeps its connection busy until it is closed: take another connection for the next statement (tarn_engine_conn
 * keeps a pool of idle ones). */
#ifndef TARN_ENGINE_ENGINE_H
#define TARN_ENGINE_ENGINE_H

#include "base/cx.h"
#include "codec/arrow.h"
#include "model/value.h"
#include "store/store.h"

typedef struct tarn_engine tarn_engine;
typedef struct tarn_conn tarn_conn;
typedef struct tarn_rows tarn_rows;

typedef enum tarn_engine_db { TARN_DB_EXECUTE, TARN_DB_PLAN } tarn_engine_db;

/* Costs nothing: the library is loaded and X opened (memory_limit, threads, temp_directory, timezone of cx->conf) by
 * the first tarn_engine_conn. temp_directory is made when something spills. */
tarn_engine *tarn_engine_new(const char *temp_directory);
void tarn_engine_free(tarn_engine *engine);
/* Whether the library has been loaded (a test that metadata commands do without it). */
bool tarn_engine_loaded(const tarn_engine *engine);

/* A connection with TimeZone set from cx->conf (one to plan is closed before the statement runs: it may be to X, whose
 * optimizers are off for so long); given back with tarn_conn_close, which ends its temp tables and views.
 * An internal error of DuckDB ends its database: connections made after it get a fresh one. */
TARN_MUST tarn_code tarn_engine_conn(tarn_cx *cx, tarn_engine *engine, tarn_engine_db db, tarn_conn **out);
void tarn_conn_close(tarn_conn *conn);
static inline void tarn_conn_closep(tarn_conn **conn) { tarn_conn_close(*conn); }

/* Bound values, as tarn.h gives them, or typed ones; names NULL: by position. */
typedef struct tarn_bind {
    const char *name;
    tarn_value value;
} tarn_bind;

/* Runs one or more statements and drops their rows. */
TARN_MUST tarn_code tarn_conn_run(tarn_cx *cx, tarn_conn *conn, const char *sql);
/* Runs one statement and streams its rows; what is no SELECT has run to its end when this returns. cx->cancel and the
 * deadline are watched until the rows are closed (by a thread of the engine, so also while DuckDB blocks). On a failure
 * tarn_conn_error_at tells where. */
TARN_MUST tarn_code tarn_conn_query(tarn_cx *cx, tarn_conn *conn, const char *sql, const tarn_bind *binds,
                                    size_t n_binds, tarn_rows **out);
/* One row, one column, as text in cx->arena; NULL for a null or no row. */
TARN_MUST tarn_code tarn_conn_text(tarn_cx *cx, tarn_conn *conn, const char *sql, char **out);
/* Byte offset in the SQL text of the last failure, or -1. The message itself no longer holds DuckDB's "LINE 1: …" part.
 */
int64_t tarn_conn_error_at(const tarn_conn *conn);
/* Names and types of the columns of a SELECT, without running it; parameters count as NULLs. */
TARN_MUST tarn_code tarn_conn_describe(tarn_cx *cx, tarn_conn *conn, const char *sql, tarn_arena *arena,
                                       tarn_schema **out);

/* The columns of the result: a struct; lives as long as the rows. */
const struct ArrowSchema *tarn_rows_schema(const tarn_rows *rows);
/* The next batch (the caller releases it), or out->release == NULL at the end. */
TARN_MUST tarn_code tarn_rows_next(tarn_cx *cx, tarn_rows *rows, struct ArrowArray *out);
/* Rows changed or written, for statements that say so; -1 otherwise. */
int64_t tarn_rows_changed(const tarn_rows *rows);
void tarn_rows_close(tarn_rows *rows);
static inline void tarn_rows_closep(tarn_rows **rows) { tarn_rows_close(*rows); }
/* Moves rows and, when `own` is set, their connection into a C stream with its own error and cancel flag (a copy of
 * cx's settings). */
TARN_MUST tarn_code tarn_rows_stream(tarn_cx *cx, tarn_rows *rows, tarn_conn *own, struct ArrowArrayStream *out);

/* From now on the connection's statements are planned without DuckDB's join filter pushdown. For SQL with an inner
 * ORDER BY … LIMIT: 1.5.5 pushes a join's filter below it, and so changes which rows it keeps. */
void tarn_conn_keep_limits(tarn_conn *conn);

/* Makes `name` a temp view of the connection over the stream's rows, which are read once into the temp table
 * "name$rows" (spilling when large); both are replaced when they are there. The stream is taken
 * over. */
TARN_MUST tarn_code tarn_conn_ingest(tarn_cx *cx, tarn_conn *conn, const char *name, struct ArrowArrayStream *stream);

/* Makes `name` a temp view whose rows are asked of the source by each statement that reads it. The source is taken
 * over, also on failure, and freed some time after the connection was closed. */
TARN_MUST tarn_code tarn_conn_offer(tarn_cx *cx, tarn_conn *conn, const char *name, const tarn_row_source *source);

/* Interrupts what the connection runs, from any thread. */
void tarn_conn_interrupt(tarn_conn *conn);
/* 0..100 or -1, from any thread. */
double tarn_conn_progress(const tarn_conn *conn);

/* OBJECT STORES. Lets the executing database read and write below the store, with the store's own account and for its
 * prefix alone; nothing to do for a file system. The first one of a process loads DuckDB's httpfs (a quarter of a
 * second). NOTFOUND: the extension is not there. */
TARN_MUST tarn_code tarn_engine_reach(tarn_cx *cx, tarn_engine *engine, tarn_store *store);
/* HTTP requests that DuckDB has made on its own since the engine began, for all of its connections. */
void tarn_engine_requests(const tarn_engine *engine, uint64_t out[TARN_REQUEST_KINDS]);
/* tarn_store_local_path of something the engine is about to read or write. */
TARN_MUST tarn_code tarn_engine_path(tarn_cx *cx, tarn_engine *engine, tarn_store *store, const char *key,
                                     tarn_arena *arena, const char **out);

/* DELETED ROWS. The SQL function tarn_live(scan, file_index, file_row_number) is true for rows that count. `scan` is an
 * id made here; `contains` must be thread-safe and pure: for n rows of one file (ascending in nearly all calls) it sets
 * out[i] = 1 where the row is deleted. */
typedef struct tarn_scan_deletes {
    bool (*dirty)(void *state, uint64_t file_index); /* false: the file has no deleted rows */
    void (*contains)(void *state, uint64_t file_index, const int64_t *rows, size_t n, uint8_t *out);
    void (*free)(void *state);
    void *state;
} tarn_scan_deletes;

TARN_MUST tarn_code tarn_engine_add_deletes(tarn_cx *cx, tarn_engine *engine, const tarn_scan_deletes *deletes,
                                            uint64_t *scan);
void tarn_engine_drop_deletes(tarn_engine *engine, uint64_t scan);
/* Null arguments give false. Also there on every connection: tarn_z(a, b, …), a BLOB that sorts along the Z-curve
 * through 1 to 64 UBIGINTs (cast BIGINT columns; the high bits lead, so spread ranks over all 64; null counts as 0),
 * and tarn_partition('bucket[16]', value), the text of what a partition transform makes of the value
 * (tarn_transform_text). */

/* WRITING Parquet. */
typedef struct tarn_write_spec {
    const char *select;              /* the rows: SQL for this connection */
    tarn_store *store;               /* where files go, */
    const char *folder;              /* below this key of it, "" for the root; made when missing */
    const char *file_prefix;         /* "part-": files are <prefix><uuidv7>.parquet */
    const char *const *partition_by; /* columns of the select */
    size_t n_partition_by;
    bool hold_partitions;      /* their values are written into the files too */
    const tarn_schema *schema; /* for FIELD_IDS where fields have ids; NULL: none */
    const char *order_by; /* behind the select: rows of each file are in this very order; NULL: in any */
    const char *compression;
    int64_t file_size; /* cut at about this many bytes; 0: never */
    const tarn_bind *binds;
    size_t n_binds;
} tarn_write_spec;

/* One leaf as COPY reports it: path "st.b", texts as DuckDB prints values; NULL: not known. */
typedef struct tarn_written_leaf {
    const char *path;
    const char *min, *max;
    int64_t nulls; /* -1: unknown */
    int64_t values, size; /* nulls are values too; bytes. 0: unknown */
    bool has_nan, has_nan_known;
} tarn_written_leaf;

typedef struct tarn_written_file {
    const char *path; /* below `folder` */
    int64_t rows, size;
    const tarn_written_leaf *leaves;
    size_t n_leaves;
    const char *const *partition; /* per partition_by; NULL: null */
} tarn_written_file;

/* Writes the rows; files of no rows are removed and not reported. On failure what was written is removed. Not synced:
 * the store does that. */
TARN_MUST tarn_code tarn_engine_write(tarn_cx *cx, tarn_conn *conn, const tarn_write_spec *spec,
                                      tarn_written_file **out, size_t *n);

#endif
