/* prune.c: which results a predicate can have for the rows of one file, as a set of {true, false, null}. */
#include "model/prune.h"

#include <math.h>

enum { NONE = 0, T = TARN_CAN_TRUE, F = TARN_CAN_FALSE, N = TARN_CAN_NULL, ALL = T | F | N };

/* How values of the column can stand to the constant. */
enum { LESS = 1, EQUAL = 2, GREATER = 4, ANY_ORDER = LESS | EQUAL | GREATER };

static int not_set(int a) { return (a & N) | (a & T ? F : 0) | (a & F ? T : 0); }

/* All results of one of `a` AND one of `b`. The two are taken as independent, which can only add results. */
static int and_sets(int a, int b) {
    if (a == NONE || b == NONE) return NONE;
    int result = (a & b & T) | ((a | b) & F);
    if (((a & N) && (b & (T | N))) || ((b & N) && (a & (T | N)))) result |= N;
    return result;
}

static bool is_nan(const tarn_value *v) {
    return (v->kind == TARN_FLOAT32 || v->kind == TARN_FLOAT64) && !v->null && isnan(v->f);
}

/* Leaves only bounds that say something: not null, not NaN (writers differ in what they mean by it), not contradicting
 * each other. */
static void clean_bounds(tarn_bounds *b) {
    bool ok;
    b->has_min = b->has_min && !b->min.null && !is_nan(&b->min);
    b->has_max = b->has_max && !b->max.null && !is_nan(&b->max);
    if (b->has_min && b->has_max && (tarn_value_cmp(&b->min, &b->max, &ok) > 0 || !ok)) b->has_min = b->has_max = false;
    if (b->rows >= 0 && b->nulls > b->rows) b->nulls = -1;
}

/* Whether rows can hold null, and whether they can hold a value. */
static bool can_null(const tarn_bounds *b) { return b->nulls != 0; }
static bool can_value(const tarn_bounds *b) { return b->rows < 0 || b->nulls < 0 || b->nulls < b->rows; }

/* False when constant and bounds cannot be compared. */
static bool orders(const tarn_bounds *b, const tarn_value *v, int *out) {
    bool ok = true;
    int set = ANY_ORDER;
    if (b->has_min) {
        int order = tarn_value_cmp(&b->min, v, &ok);
        if (!ok) return false;
        if (order >= 0) set &= ~LESS;
        if (order > 0) set &= ~EQUAL;
    }
    if (b->has_max) {
        int order = tarn_value_cmp(&b->max, v, &ok);
        if (!ok) return false;
        if (order <= 0) set &= ~GREATER;
        if (order < 0) set &= ~EQUAL;
    }
    if (b->maybe_nan) set |= is_nan(v) ? EQUAL : GREATER;
    *out = set;
    return true;
}

static int prune_compare(const tarn_expr *expr, const tarn_bounds *b) {
    static const int truths[] = {
        [TARN_EXPR_EQ] = EQUAL,        [TARN_EXPR_NE] = LESS | GREATER, [TARN_EXPR_LT] = LESS,
        [TARN_EXPR_LE] = LESS | EQUAL, [TARN_EXPR_GT] = GREATER,        [TARN_EXPR_GE] = GREATER | EQUAL,
    };
    int set, result = can_null(b) ? N : NONE;
    if (expr->n_values != 1) return ALL;
    if (expr->values[0].null) return N;
    if (!orders(b, &expr->values[0], &set)) return ALL;
    if (!can_value(b)) return result;
    if (set & truths[expr->op]) result |= T;
    if (set & ~truths[expr->op]) result |= F;
    return result;
}

/* The first of the sorted values that is not below `v`; n_values when there is none; false when one does not compare.
 */
static bool lower_bound(const tarn_expr *expr, const tarn_value *v, size_t *out) {
    size_t low = 0, high = expr->n_values;
    while (low < high) {
        bool ok;
        size_t middle = low + (high - low) / 2;
        int order = tarn_value_cmp(&expr->values[middle], v, &ok);
        if (!ok) return false;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return true;
}

static int prune_in(const tarn_expr *expr, const tarn_bounds *b) {
    if (expr->n_values == 0) return F;
    const tarn_value *last = &expr->values[expr->n_values - 1];
    size_t at = 0;
    bool ok = true, above = false;
    int result = can_null(b) ? N : NONE;
    if (last->null || (b->has_min && !lower_bound(expr, &b->min, &at))) return ALL;
    bool found = at < expr->n_values;
    if (found && b->has_max) {
        above = tarn_value_cmp(&expr->values[at], &b->max, &ok) > 0;
        if (!ok) return ALL;
    }
    if (!can_value(b)) return result;
    bool single = b->has_min && b->has_max && !b->maybe_nan && tarn_value_cmp(&b->min, &b->max, &ok) == 0;
    bool hit = found && !above;
    if (hit || (b->maybe_nan && is_nan(last))) result |= T;
    if (!(single && hit)) result |= F;
    return result;
}

static int prune_column(const tarn_expr *expr, tarn_bounds_fn *bounds, void *state) {
    tarn_bounds b = {.rows = -1, .nulls = -1};
    bounds(state, expr->column, expr->path, &b);
    if (b.rows == 0) return NONE;
    clean_bounds(&b);
    int nulls = (can_null(&b) ? T : NONE) | (can_value(&b) ? F : NONE);
    switch (expr->op) {
    case TARN_EXPR_IS_NULL: return nulls;
    case TARN_EXPR_IS_NOT_NULL: return not_set(nulls);
    case TARN_EXPR_IN: return prune_in(expr, &b);
    default: return prune_compare(expr, &b);
    }
}

/* OR is AND of the opposites (De Morgan), so one loop serves both. */
static int prune_list(const tarn_expr *expr, tarn_bounds_fn *bounds, void *state) {
    bool all = expr->op == TARN_EXPR_AND;
    int result = T;
    for (size_t i = 0; i < expr->n_args && result != F; i++) {
        int arg = tarn_prune(expr->args[i], bounds, state);
        result = and_sets(result, all ? arg : not_set(arg));
    }
    return all ? result : not_set(result);
}

int tarn_prune(const tarn_expr *expr, tarn_bounds_fn *bounds, void *state) {
    switch (expr->op) {
    case TARN_EXPR_TRUE: return T;
    case TARN_EXPR_FALSE: return F;
    case TARN_EXPR_AND:
    case TARN_EXPR_OR: return prune_list(expr, bounds, state);
    case TARN_EXPR_NOT: return expr->n_args == 1 ? not_set(tarn_prune(expr->args[0], bounds, state)) : ALL;
    case TARN_EXPR_EQ:
    case TARN_EXPR_NE:
    case TARN_EXPR_LT:
    case TARN_EXPR_LE:
    case TARN_EXPR_GT:
    case TARN_EXPR_GE:
    case TARN_EXPR_IN:
    case TARN_EXPR_IS_NULL:
    case TARN_EXPR_IS_NOT_NULL: return prune_column(expr, bounds, state);
    default: return ALL;
    }
}
