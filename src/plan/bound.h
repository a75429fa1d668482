/* bound.h: expressions as DuckDB has bound them, in its plans as JSON. For filters.c, print.c and written.c only. */
#ifndef TARN_PLAN_BOUND_H
#define TARN_PLAN_BOUND_H

#include "codec/json_tree.h"
#include "model/expr.h"

/* The scan an expression speaks of. */
typedef struct tarn_bound_scan {
    const tarn_json_value *get; /* the LOGICAL_GET */
    const tarn_schema *schema;
    int column;       /* BOUND_REF of an EXPRESSION_FILTER is this column; -1: it is an index into the scan's output */
    const char *path; /* inside a struct */
} tarn_bound_scan;

/* The column a BOUND_REF stands for; -1: it is none, or unknown. */
int tarn_bound_column(const tarn_bound_scan *scan, const tarn_json_value *expr);
/* {type, is_null, value} with a value; false: a null, or a kind that pruning does not know. */
bool tarn_bound_constant(tarn_cx *cx, const tarn_json_value *node, tarn_value *out);
/* "COMPARE_LESSTHAN" as an operator, and as the one with its sides changed. */
bool tarn_bound_comparison(tarn_str type, tarn_expr_op *op, tarn_expr_op *mirrored);
/* print.c: functions that do not give the same at every call, or not for their arguments alone. */
bool tarn_bound_volatile(tarn_str name);
/* SQL for an expression that depends on nothing but columns of which `allowed` (NULL: none) says true, at
 * least one, and gives the same whenever it is evaluated. NULL: it is no such, or holds what is not known here. */
const char *tarn_bound_sql(tarn_cx *cx, const tarn_bound_scan *scan, const tarn_json_value *expr, const bool *allowed,
                           bool *used);

#endif
