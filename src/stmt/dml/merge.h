/* merge.h: a parsed MERGE, and the parts its planning is made of. */
#ifndef TARN_STMT_DML_MERGE_H
#define TARN_STMT_DML_MERGE_H

#include "stmt/dml/assign.h"
#include "stmt/stmts.h"

typedef enum tarn_merge_kind { TARN_MATCHED, TARN_NOT_MATCHED, TARN_NOT_MATCHED_BY_SOURCE } tarn_merge_kind;

typedef struct tarn_merge_clause {
    tarn_merge_kind kind;
    int action;           /* TARN_ACTION_… */
    tarn_str condition;   /* .p NULL: none */
    bool star;            /* UPDATE SET *, INSERT * */
    tarn_assignments set; /* UPDATE; INSERT (columns) VALUES (values), paired */
} tarn_merge_clause;

typedef struct tarn_merge {
    tarn_run *run;
    tarn_name table;
    const char *alias;
    tarn_str source; /* a name with its travel clause, or a query in parentheses */
    const char *source_alias;
    tarn_str source_columns; /* of AS s(a, b), inside its parentheses; .p NULL: its own */
    tarn_str on;
    TARN_VEC(tarn_merge_clause) clauses;
    tarn_write_options options;
    tarn_dml_result result;
} tarn_merge;

/* merge_parse.c: after MERGE INTO. */
TARN_MUST tarn_code tarn_merge_parse(tarn_cx *cx, tarn_cursor *c, tarn_merge *out);

/* merge_rows.c: the expressions of a clause's new row, exprs[schema->n_fields]. */
TARN_MUST tarn_code tarn_merge_update_row(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema,
                                          const tarn_schema *source, const tarn_merge_clause *c, const char **exprs);
TARN_MUST tarn_code tarn_merge_insert_row(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema,
                                          const tarn_schema *source, const tarn_merge_clause *c, const char **exprs);
/* Whether column i is given by the clauses: generated columns that no clause assigns are left to be computed. */
bool tarn_merge_writes(const tarn_merge *m, const tarn_schema *schema, size_t column);
/* WITH SCHEMA EVOLUTION: the table's columns and those only the source has, also set in the change. */
TARN_MUST tarn_code tarn_merge_new_columns(tarn_cx *cx, const tarn_merge *m, const tarn_schema *source,
                                           tarn_change *change, const tarn_schema **schema);
/* Conditions on the target alone that the source's keys imply (" AND t.k BETWEEN … "), so that files without such keys
 * are pruned. "": none. */
TARN_MUST tarn_code tarn_merge_keys(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, tarn_conn *conn,
                                    const char *source_table, const char **out);

#endif
