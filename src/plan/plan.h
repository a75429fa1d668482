/* plan.h: a query over lake tables to SQL that DuckDB runs: names to snapshots, typed filters to files, references
 * spliced in the user's own text. */
#ifndef TARN_PLAN_PLAN_H
#define TARN_PLAN_PLAN_H

#include "sql/dialect.h"
#include "table/scan.h"

typedef enum tarn_relation_kind {
    TARN_REL_NONE, /* not ours: DuckDB resolves it (its own tables and functions, files by name) */
    TARN_REL_TABLE,
    TARN_REL_VIEW,  /* expanded in place */
    TARN_REL_SQL,   /* stands for this text (a temp table's real name) */
    TARN_REL_ROWS,  /* rows that come as a stream, once: metadata, Avro files */
    TARN_REL_SOURCE /* rows that are asked for while the query runs: metadata of any size */
} tarn_relation_kind;

/* What a name means. */
typedef struct tarn_relation {
    tarn_relation_kind kind;
    tarn_snapshot *snapshot; /* TABLE: retained for the plan, which releases it */
    bool positions;          /* TABLE: with _tarn_file and _tarn_row (the target of DML) */
    const char *sql;         /* VIEW: its query; SQL: text that can stand after FROM */
    void *view_state;        /* VIEW: handed to the resolver for the names inside (where the view looks names up) */
    struct ArrowArrayStream rows; /* ROWS: taken over */
    tarn_row_source source;       /* SOURCE: taken over */
    const tarn_name *known_as;    /* the name columns may be qualified with; NULL: the one that was resolved (VIEW:
                                     always its full one) */
} tarn_relation;

/* How the session resolves names. `travel` has kind 0 when there is none; its expression has been evaluated: at.kind
 * LATEST when there is none. */
typedef struct tarn_resolver {
    void *state;
    tarn_code (*resolve)(tarn_cx *cx, void *state, void *view_state, const tarn_name *name, const tarn_at *at,
                         tarn_relation *out);
    /* Tarn's own table functions; `call` is the text of the call. UNSUPPORTED by name when there is none. */
    tarn_code (*call)(tarn_cx *cx, void *state, tarn_str function, tarn_str call, const tarn_at *at,
                      tarn_relation *out);
} tarn_resolver;

typedef struct tarn_plan_env {
    tarn_engine *engine;
    tarn_conn *conn; /* where the planned SQL will run: rows are ingested there */
    tarn_resolver resolver;
    int64_t now_us;   /* the statement's time, for TIMESTAMP AS OF expressions */
    bool force_prune; /* plan for pruning even below prune.files_min (DML, EXPLAIN) */
} tarn_plan_env;

/* One reference to a table. */
typedef struct tarn_plan_ref {
    const char *name; /* as the user wrote it */
    tarn_snapshot *snapshot;
    const tarn_expr *filter;     /* what pruned it; NULL: nothing */
    const char *over_partitions; /* SQL that pruned it too, evaluated for each value of its partition columns; NULL */
    const bool *partitions_used; /* the columns it speaks of */
    tarn_file_list files;
    const char *from_metadata; /* SQL that stands for the scan: no file is read; NULL */
    tarn_scan scan;
    bool positions;
} tarn_plan_ref;

typedef struct tarn_planned {
    const char *sql; /* for env->conn */
    const tarn_bind *binds;
    size_t n_binds;
    tarn_text text; /* offsets of `sql` back to the user's text */
    TARN_VEC(tarn_plan_ref) refs;
    TARN_VEC(const tarn_name *) views; /* all that were expanded, by their full names */
    bool inner_limit;                  /* a LIMIT stands inside it: see tarn_conn_keep_limits */
} tarn_planned;

/* Plans one SELECT (WITH, FROM, VALUES, TABLE, DESCRIBE, SUMMARIZE, PIVOT). Memory in cx->arena; outside things until
 * tarn_planned_done. Errors point into `sql`. A filter that cannot be used prunes nothing; it never fails. */
TARN_MUST tarn_code tarn_plan_query(tarn_cx *cx, const tarn_plan_env *env, tarn_str sql, const tarn_bind *binds,
                                    size_t n_binds, tarn_planned *out);
void tarn_planned_done(tarn_planned *planned);
/* Runs a planned query; an error of DuckDB is pointed into the user's text (.p NULL: there is none). */
TARN_MUST tarn_code tarn_planned_run(tarn_cx *cx, const tarn_plan_env *env, const tarn_planned *planned,
                                     tarn_str user_sql, tarn_rows **out);
/* What the engine says of a file that is not there, with the table and the version that need it; other errors are left
 * as they are. Returns code. */
TARN_MUST tarn_code tarn_planned_fail(tarn_cx *cx, const tarn_planned *planned, tarn_code code);
/* Files, bytes, what was pruned and by which filter, per reference: the rows of EXPLAIN. With `analyzed`: what running
 * it cost (cx->counters). */
TARN_MUST tarn_code tarn_plan_explain(tarn_cx *cx, const tarn_planned *planned, tarn_rowset **out);
/* Evaluates a constant expression (VERSION AS OF 3, TIMESTAMP AS OF now() - INTERVAL 1 DAY) to a point in a table's
 * history. */
TARN_MUST tarn_code tarn_plan_at(tarn_cx *cx, const tarn_plan_env *env, const tarn_travel *travel, tarn_at *out);

#endif
