/* assign.h: SET a = e, b.c = e of UPDATE and MERGE, and the columns they make. */
#ifndef TARN_STMT_DML_ASSIGN_H
#define TARN_STMT_DML_ASSIGN_H

#include "sql/parse.h"

typedef struct tarn_assignment {
    tarn_name column; /* with or without the table's name; may go into structs */
    tarn_str value;
} tarn_assignment;

typedef TARN_VEC(tarn_assignment) tarn_assignments;

/* Up to one of the stop words at depth 0. */
TARN_MUST tarn_code tarn_parse_assignments(tarn_cx *cx, tarn_cursor *c, const char *stops, tarn_assignments *out);
/* The whole new row as SQL expressions, one per column of the schema: assigned or as it is in `alias`; generated
 * columns that are not assigned get NULL and are computed on writing. exprs[schema->n_fields]. INVALID for unknown
 * columns and double assignments. */
TARN_MUST tarn_code tarn_assign_row(tarn_cx *cx, const tarn_schema *schema, const tarn_assignments *set,
                                    const char *alias, const char **exprs);
/* The same appended as ", expr AS column" to a SELECT; generated columns that are not assigned are left out. */
TARN_MUST tarn_code tarn_assign_columns(tarn_cx *cx, const tarn_schema *schema, const tarn_assignments *set,
                                        const char *alias, tarn_buf *out);
/* [AS] alias, unless one of the stop words is next; else the table's own name. */
TARN_MUST tarn_code tarn_stmt_alias(tarn_cx *cx, tarn_cursor *c, const tarn_name *table, const char *stops,
                                    const char **out);
/* What DEFAULT stands for: the column's default in parentheses, or NULL. */
TARN_MUST tarn_code tarn_stmt_default(tarn_cx *cx, const tarn_field *field, const char **out);
/* Text as a JSON string, quotes included, for the history. */
const char *tarn_json_quote(tarn_cx *cx, tarn_str text);

#endif
