/* stmts.h: the list of all statements, and what their files share. */
#ifndef TARN_STMT_STMTS_H
#define TARN_STMT_STMTS_H

#include "session/session.h"
#include "table/dml.h"
#include "table/upkeep.h"

/* Ends with NULL. */
extern const tarn_stmt *const tarn_stmts[];

/* RESULTS (query.c). Runs a query of the run's session and gives its rows to run->out (or the Parquet file). */
TARN_MUST tarn_code tarn_stmt_query(tarn_cx *cx, tarn_run *run, tarn_str sql);
/* One row of named integers: what INSERT, MERGE and OPTIMIZE report. */
typedef struct tarn_report {
    const char *name;
    int64_t value;
} tarn_report;
TARN_MUST tarn_code tarn_stmt_report(tarn_cx *cx, tarn_run *run, const tarn_report *cells, size_t n);
/* Gives rows (taken over), or writes them to the Parquet file. */
TARN_MUST tarn_code tarn_stmt_rows(tarn_cx *cx, tarn_run *run, tarn_rowset *rows, bool is_query);
/* One row "status": what a statement without rows did. */
TARN_MUST tarn_code tarn_stmt_done(tarn_cx *cx, tarn_run *run, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* UNSUPPORTED inside a transaction: names are published at once, and ROLLBACK would not take them back. */
TARN_MUST tarn_code tarn_stmt_alone(tarn_cx *cx, const tarn_run *run);

/* CREATE [OR REPLACE]|REPLACE|DROP BRANCH|TAG … of ALTER TABLE (refs.c); *found false, and nothing consumed: it is
 * something else. */
TARN_MUST tarn_code tarn_stmt_parse_ref(tarn_cx *cx, tarn_cursor *cursor, tarn_ref_change *out, bool *found);
/* An item of PARTITIONED BY as a change says it (alter_layout.c); its column is there. */
tarn_partition_by tarn_stmt_partition_by(tarn_cx *cx, const tarn_schema *schema, const tarn_partition_item *item);

/* An error in SQL that is part of the statement, or was made of it, is shown in the statement (dml/plan.c). */
tarn_code tarn_stmt_show_error(tarn_cx *cx, const tarn_run *run, tarn_code code, tarn_str sql);

/* OPTIMIZE and its like (upkeep.c): planned again on a new snapshot when another commit made it untrue. */
typedef struct tarn_optimizing tarn_optimizing;
struct tarn_optimizing {
    tarn_run *run;
    tarn_name table;
    tarn_str where;          /* SQL; .p NULL: all */
    bool any_column;         /* `where` may name others than those of partitions */
    tarn_optimize_spec spec;
    /* Completes spec for the table as it is now; NULL: it is complete. */
    tarn_code (*check)(tarn_cx *cx, tarn_optimizing *o, const tarn_opened *opened);
    void *state;                 /* of `check` */
    tarn_optimize_result result; /* out */
};
TARN_MUST tarn_code tarn_stmt_optimized(tarn_cx *cx, tarn_optimizing *o);
/* o->where as a predicate over the table's columns, in cx->arena. */
TARN_MUST tarn_code tarn_stmt_read_where(tarn_cx *cx, const tarn_optimizing *o, const tarn_opened *opened,
                                         tarn_conn *conn, const tarn_expr **out);

/* WRITES (dml/plan.c). The name by which SQL made here refers to the statement's target, rows with their positions. */
#define TARN_TARGET "tarn$target"

/* Plans a SELECT over TARN_TARGET (and any other table). target_ref is how the target is read; NULL when the query does
 * not. End with tarn_planned_done(planned). */
TARN_MUST tarn_code tarn_stmt_plan_target(tarn_cx *cx, tarn_run *run, const tarn_opened *opened,
                                          const tarn_name *target, tarn_conn *conn, const char *sql,
                                          tarn_planned *planned, const tarn_plan_ref **target_ref);
/* Runs a SELECT over TARN_TARGET (and any other table) into temp table `into` of conn. target_ref is how the target was
 * read: its scan gave the positions; NULL when the query does not read it. End with tarn_planned_done(planned). */
TARN_MUST tarn_code tarn_stmt_into_temp(tarn_cx *cx, tarn_run *run, const tarn_opened *opened, const tarn_name *target,
                                        tarn_conn *conn, const char *sql, const char *into, tarn_planned *planned,
                                        const tarn_plan_ref **target_ref);
/* Appends ", the row of `alias` as it was" where the table's changes are recorded (table/record.h). */
void tarn_stmt_old_row(tarn_cx *cx, const tarn_opened *opened, const char *alias, tarn_buf *out);
/* Applies the actions in temp table `into` to the change, with what the change rests on. */
TARN_MUST tarn_code tarn_stmt_apply(tarn_cx *cx, const tarn_run *run, const tarn_opened *opened, tarn_conn *conn,
                                    const char *into, const tarn_plan_ref *target_ref, tarn_change *change,
                                    tarn_dml_result *result);
/* Makes `query` that of a view whose names and defaults the caller has filled in, if it can be read from there. names
 * (none: the query's) are those of its columns. */
TARN_MUST tarn_code tarn_stmt_plan_view(tarn_cx *cx, tarn_run *run, tarn_catalog_entry *view, tarn_names names,
                                        tarn_str query);
/* Plans `select` for writing: *sql is for conn, and *source (may be NULL) its columns. The rows of the statement's own
 * session tables. */
TARN_MUST tarn_code tarn_stmt_source(tarn_cx *cx, tarn_run *run, tarn_conn *conn, tarn_str select,
                                     tarn_planned *planned, tarn_schema **source);
/* The columns of planned SQL, made from `sql`, where an error is shown. */
TARN_MUST tarn_code tarn_stmt_columns(tarn_cx *cx, const tarn_run *run, tarn_conn *conn, tarn_str sql,
                                      const tarn_planned *planned, tarn_schema **columns);
/* What cannot stand in the condition or the tables of a DML statement: the query made of it would take it up. */
#define TARN_AFTER_CONDITION ";|GROUP|HAVING|WINDOW|QUALIFY|ORDER|LIMIT|OFFSET|FETCH|UNION|EXCEPT|INTERSECT|RETURNING"
/* OPTIONS (…) after a statement: mergeSchema, overwriteSchema, txnAppId, txnVersion. INVALID for others. */
typedef struct tarn_write_options {
    bool merge_schema, overwrite_schema;
    const char *app_id;
    int64_t app_version;
} tarn_write_options;
TARN_MUST tarn_code tarn_stmt_options(tarn_cx *cx, tarn_cursor *cursor, tarn_write_options *out);

#endif
