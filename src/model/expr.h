/* expr.h: predicates over columns, as pruning needs them: what is not understood is UNKNOWN, which never prunes. */
#ifndef TARN_MODEL_EXPR_H
#define TARN_MODEL_EXPR_H

#include "model/value.h"

typedef enum tarn_expr_op {
    TARN_EXPR_UNKNOWN, /* may be true, false or null */
    TARN_EXPR_TRUE,
    TARN_EXPR_FALSE,
    TARN_EXPR_AND,
    TARN_EXPR_OR,
    TARN_EXPR_NOT,
    TARN_EXPR_EQ, /* column op values[0] */
    TARN_EXPR_NE,
    TARN_EXPR_LT,
    TARN_EXPR_LE,
    TARN_EXPR_GT,
    TARN_EXPR_GE,
    TARN_EXPR_IN, /* column IN values; a list without nulls */
    TARN_EXPR_IS_NULL,
    TARN_EXPR_IS_NOT_NULL
} tarn_expr_op;

/* Trees are as deep as DuckDB's parser allows (max_expression_depth), so they are walked by recursion. */
typedef struct tarn_expr tarn_expr;
struct tarn_expr {
    tarn_expr_op op;
    int column;         /* ordinal in the schema the predicate was made for */
    const char *path;   /* "b.c" inside a struct column; NULL: the column itself */
    tarn_value *values; /* IN: sorted ascending, no duplicates */
    size_t n_values;
    tarn_expr **args;
    size_t n_args, cap_args; /* cap_args: for tarn_expr_and/or alone; leave it 0 */
};

tarn_expr *tarn_expr_new(tarn_arena *arena, tarn_expr_op op);
tarn_expr *tarn_expr_cmp(tarn_arena *arena, tarn_expr_op op, int column, const tarn_value *value);
/* Flattens; NULL arguments count as UNKNOWN for OR and are left out for AND (NULL when both are). Arguments are shared,
 * not changed. */
tarn_expr *tarn_expr_and(tarn_arena *arena, tarn_expr *a, tarn_expr *b);
tarn_expr *tarn_expr_or(tarn_arena *arena, tarn_expr *a, tarn_expr *b);
/* Sorts and dedups IN lists, folds constants; for every row the result stays the same, or becomes UNKNOWN. `expr`
 * itself is not changed. */
tarn_expr *tarn_expr_simplify(tarn_arena *arena, tarn_expr *expr);
tarn_expr *tarn_expr_copy(tarn_arena *arena, const tarn_expr *expr);
/* For EXPLAIN and error texts: (day >= 2026-01-01 AND cat IN ('a', 'b')). */
void tarn_expr_print(tarn_buf *out, const tarn_expr *expr, const tarn_schema *schema);
/* The columns it names, into bits[n] (bits[ordinal] = true). */
void tarn_expr_columns(const tarn_expr *expr, bool *bits, size_t n);

#endif
