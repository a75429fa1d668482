/* session.h: one client of a lake: its settings, current schema, transaction, temp tables; and the table of statements
 * it can run. */
#ifndef TARN_SESSION_SESSION_H
#define TARN_SESSION_SESSION_H

#include "catalog/catalog.h"
#include "plan/plan.h"

typedef struct tarn_stmt tarn_stmt;

/* An open warehouse. Shared by threads. */
struct tarn_lake {
    tarn_store *store; /* its root */
    const char *root;  /* that as a URI; a plain absolute path for a folder */
    tarn_conf *conf;
    tarn_catalog *catalog;
    tarn_engine *engine;
    tarn_pool *pool;
    const tarn_stmt *const *stmts;   /* ends with NULL; given by tarn.c */
    struct tarn_table_cache *tables; /* open tables and their newest snapshots */
    tarn_arena *arena;
    int pid;         /* a lake is refused after fork */
    atomic_int refs; /* its handle and each session */
};

struct tarn_session {
    tarn_lake *lake;
    tarn_conf *conf;
    const char *principal;        /* NULL: the owner */
    const char *catalog, *schema; /* current */
    atomic_bool cancel;           /* set from any thread; watched by every loop and by the engine */
    _Atomic double progress;      /* of the statement that runs; -1: unknown */
    struct tarn_txn *txn;         /* NULL: autocommit */
    struct tarn_sources *sources; /* rows of the caller; NULL: none */
    tarn_arena *arena;
    atomic_int refs; /* its handle, each result and each stream */
};

/* What a statement gives: rows from the engine, or rows it made. */
typedef struct tarn_output {
    struct ArrowArrayStream stream; /* release NULL: no rows */
    tarn_planned *planned;          /* in the statement's arena; ended when the stream is; NULL: none */
    bool is_query;
} tarn_output;

/* One statement as it runs. */
/* What a statement that changes a table has read besides its target's rows. */
typedef struct tarn_read {
    const tarn_table *table;
    const tarn_expr *filter; /* NULL: all of it */
} tarn_read;

typedef struct tarn_run {
    tarn_session *session;
    const tarn_stmt *stmt;
    tarn_cursor cursor; /* after the keywords */
    tarn_str text;      /* the whole statement */
    const tarn_bind *binds;
    size_t n_binds;
    const char *to_parquet; /* queries write their rows here; NULL: they are streamed */
    tarn_output *out;
    TARN_VEC(tarn_read) reads; /* noted by tarn_stmt_source and tarn_stmt_plan_target */
} tarn_run;

enum { TARN_PRIV_NONE, TARN_PRIV_SELECT, TARN_PRIV_MODIFY, TARN_PRIV_CREATE, TARN_PRIV_OWNER };

/* A statement family member: one const entry at the end of its file. */
struct tarn_stmt {
    const char *name; /* "OPTIMIZE" */
    const char
        *keywords; /* what it begins with: alternatives "DESCRIBE HISTORY|DESC HISTORY"; the longest match wins */
    int privilege;
    tarn_code (*run)(tarn_cx *cx, tarn_run *run);
    const char *help; /* syntax, then one sentence: for \h and docs/SQL.md */
};

TARN_MUST tarn_code tarn_session_new(tarn_cx *cx, tarn_lake *lake, const char *principal, tarn_session **out);
void tarn_session_free(tarn_session *session);
/* Finds the statement, guards it (guard.h), runs it. */
TARN_MUST tarn_code tarn_session_run(tarn_cx *cx, tarn_session *session, tarn_str sql, const tarn_bind *binds,
                                     size_t n_binds, const char *to_parquet, tarn_output *out);

/* NAMES. A table as a statement means it: opened, its newest snapshot (or the transaction's) retained. */
typedef struct tarn_opened {
    tarn_catalog_entry entry; /* entry.id 0: a table by path */
    const tarn_table *table;
    tarn_snapshot *snapshot;
} tarn_opened;

/* Completes a name with the current catalog and schema and aliases; out strings in cx->arena. INVALID for a path. */
TARN_MUST tarn_code tarn_session_name(tarn_cx *cx, tarn_session *s, const tarn_name *name, const char **catalog,
                                      const char **schema, const char **table);
TARN_MUST tarn_code tarn_session_open_table(tarn_cx *cx, tarn_session *s, const tarn_name *name, const tarn_at *at,
                                            tarn_opened *out);
/* The table alone: nothing of it is read. *ref: the branch or tag of it that the name says; NULL: none. */
TARN_MUST tarn_code tarn_session_find_table(tarn_cx *cx, tarn_session *s, const tarn_name *name,
                                            const tarn_table **out, const char **ref);
void tarn_opened_done(tarn_opened *opened);
/* A table that is not in the catalog yet: its store opened at `location` (created), version -1. */
TARN_MUST tarn_code tarn_session_new_table(tarn_cx *cx, tarn_session *s, const char *format, const char *location,
                                           const char *name, const tarn_table **out);
/* A location as a user writes it (relative to the current folder, file://, a URI) made absolute; in cx->arena. */
TARN_MUST tarn_code tarn_session_absolute(tarn_cx *cx, const char *path, const char **out);
/* "<root>/<catalog>/<schema>/<table>", or with a suffix when that folder is taken. */
TARN_MUST tarn_code tarn_session_place(tarn_cx *cx, tarn_session *s, const char *catalog, const char *schema,
                                       const char *table, char **location);
void tarn_session_plan_env(tarn_cx *cx, tarn_session *s, tarn_conn *conn, tarn_plan_env *out);
/* A connection of X for this statement. */
TARN_MUST tarn_code tarn_session_conn(tarn_cx *cx, tarn_session *s, tarn_conn **out);

/* WRITES. Plans a change and commits it. In autocommit, `plan` is called again on a fresh snapshot when its commit
 * conflicts, until commit.retry_timeout; inside BEGIN…COMMIT the change is kept for COMMIT and applied to what the
 * transaction reads. `plan` fills `change` (memory in cx->arena) for `opened`; leaving it without effect (no adds,
 * removes, schema, …) commits nothing. */
typedef tarn_code tarn_change_fn(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change);
TARN_MUST tarn_code tarn_session_change(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_change_fn *plan,
                                        void *state, int64_t *version);

/* TRANSACTIONS (txn.c). */
TARN_MUST tarn_code tarn_session_begin(tarn_cx *cx, tarn_session *s);
TARN_MUST tarn_code tarn_session_commit(tarn_cx *cx, tarn_session *s);
TARN_MUST tarn_code tarn_session_rollback(tarn_cx *cx, tarn_session *s);

/* RESULTS. Moves a rowset into the output. */
TARN_MUST tarn_code tarn_output_rows(tarn_cx *cx, tarn_output *out, tarn_rowset **rows, bool is_query);

#endif
