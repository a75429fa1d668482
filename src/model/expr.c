/* expr.c: building, simplifying and printing predicates. */
#include "model/expr.h"

#include <stdlib.h>

tarn_expr *tarn_expr_new(tarn_arena *arena, tarn_expr_op op) {
    tarn_expr *expr = TARN_NEW(arena, tarn_expr);
    expr->op = op;
    return expr;
}

static bool owns_text(const tarn_value *v) {
    return !v->null &&
           (v->kind == TARN_STRING || v->kind == TARN_BINARY || v->kind == TARN_FIXED || v->kind == TARN_UUID);
}

static tarn_value copy_value(tarn_arena *arena, const tarn_value *value) {
    tarn_value v = *value;
    if (owns_text(value)) v.s.p = tarn_arena_strndup(arena, value->s.p ? value->s.p : "", value->s.n);
    return v;
}

tarn_expr *tarn_expr_cmp(tarn_arena *arena, tarn_expr_op op, int column, const tarn_value *value) {
    tarn_expr *expr = tarn_expr_new(arena, op);
    expr->column = column;
    expr->values = TARN_NEW(arena, tarn_value);
    expr->values[0] = copy_value(arena, value);
    expr->n_values = 1;
    return expr;
}

/* Adds to a list that may be shared with the expression it grew from: a place already taken means it grew twice, so it
 * is copied then. */
static void push_arg(tarn_arena *arena, tarn_expr *expr, tarn_expr *arg) {
    bool room = expr->n_args < expr->cap_args && !expr->args[expr->n_args];
    if (!room) {
        size_t cap = expr->n_args < 4 ? 8 : expr->n_args * 2;
        tarn_expr **args = TARN_NEW_ARRAY(arena, tarn_expr *, cap);
        if (expr->n_args) memcpy(args, expr->args, expr->n_args * sizeof *args);
        expr->args = args;
        expr->cap_args = cap;
    }
    expr->args[expr->n_args++] = arg;
}

static void push_flat(tarn_arena *arena, tarn_expr *expr, tarn_expr *arg) {
    if (arg->op != expr->op) return push_arg(arena, expr, arg);
    for (size_t i = 0; i < arg->n_args; i++) push_arg(arena, expr, arg->args[i]);
}

static tarn_expr *combine(tarn_arena *arena, tarn_expr_op op, tarn_expr *a, tarn_expr *b) {
    tarn_expr *expr = tarn_expr_new(arena, op);
    if (a->op == op)
        *expr = *a;
    else
        push_arg(arena, expr, a);
    push_flat(arena, expr, b);
    return expr;
}

tarn_expr *tarn_expr_and(tarn_arena *arena, tarn_expr *a, tarn_expr *b) {
    if (!a || !b) return a ? a : b;
    return combine(arena, TARN_EXPR_AND, a, b);
}

tarn_expr *tarn_expr_or(tarn_arena *arena, tarn_expr *a, tarn_expr *b) {
    if (!a) a = tarn_expr_new(arena, TARN_EXPR_UNKNOWN);
    if (!b) b = tarn_expr_new(arena, TARN_EXPR_UNKNOWN);
    return combine(arena, TARN_EXPR_OR, a, b);
}

tarn_expr *tarn_expr_copy(tarn_arena *arena, const tarn_expr *expr) {
    tarn_expr *copy = tarn_expr_new(arena, expr->op);
    copy->column = expr->column;
    copy->path = expr->path ? tarn_arena_strdup(arena, expr->path) : NULL;
    copy->n_values = expr->n_values;
    copy->values = expr->n_values ? TARN_NEW_ARRAY(arena, tarn_value, expr->n_values) : NULL;
    for (size_t i = 0; i < expr->n_values; i++) copy->values[i] = copy_value(arena, &expr->values[i]);
    copy->n_args = expr->n_args;
    copy->args = expr->n_args ? TARN_NEW_ARRAY(arena, tarn_expr *, expr->n_args) : NULL;
    for (size_t i = 0; i < expr->n_args; i++) copy->args[i] = tarn_expr_copy(arena, expr->args[i]);
    return copy;
}

static int cmp_for_sort(const void *a, const void *b) {
    bool ok;
    return tarn_value_cmp(a, b, &ok);
}

/* Kinds that compare with one kind compare with each other, so one look at each against the first is enough. */
static bool all_comparable(const tarn_expr *expr) {
    bool ok = expr->n_values > 0;
    for (size_t i = 0; ok && i < expr->n_values; i++) tarn_value_cmp(&expr->values[0], &expr->values[i], &ok);
    return ok;
}

static tarn_expr *simplify_in(tarn_arena *arena, tarn_expr *expr) {
    if (expr->n_values == 0) return tarn_expr_new(arena, TARN_EXPR_FALSE);
    if (!all_comparable(expr)) return tarn_expr_new(arena, TARN_EXPR_UNKNOWN);
    tarn_expr *in = tarn_expr_new(arena, TARN_EXPR_IN);
    in->column = expr->column;
    in->path = expr->path;
    in->values = TARN_NEW_ARRAY(arena, tarn_value, expr->n_values);
    memcpy(in->values, expr->values, expr->n_values * sizeof *in->values);
    qsort(in->values, expr->n_values, sizeof *in->values, cmp_for_sort);
    for (size_t i = 0; i < expr->n_values; i++)
        if (i == 0 || cmp_for_sort(&in->values[in->n_values - 1], &in->values[i]) != 0)
            in->values[in->n_values++] = in->values[i];
    if (in->n_values == 1) in->op = TARN_EXPR_EQ;
    return in;
}

static tarn_expr *simplify_list(tarn_arena *arena, tarn_expr *expr) {
    tarn_expr_op neutral = expr->op == TARN_EXPR_AND ? TARN_EXPR_TRUE : TARN_EXPR_FALSE;
    tarn_expr_op decisive = expr->op == TARN_EXPR_AND ? TARN_EXPR_FALSE : TARN_EXPR_TRUE;
    tarn_expr *list = tarn_expr_new(arena, expr->op);
    for (size_t i = 0; i < expr->n_args; i++) {
        tarn_expr *arg = tarn_expr_simplify(arena, expr->args[i]);
        if (arg->op == decisive) return arg;
        if (arg->op != neutral) push_flat(arena, list, arg);
    }
    if (list->n_args == 0) return tarn_expr_new(arena, neutral);
    return list->n_args == 1 ? list->args[0] : list;
}

/* The operator that gives the opposite for every value, NaN included since it is ordered too; null stays null. */
static bool opposite(tarn_expr_op op, tarn_expr_op *out) {
    static const tarn_expr_op of[] = {
        [TARN_EXPR_TRUE] = TARN_EXPR_FALSE,
        [TARN_EXPR_FALSE] = TARN_EXPR_TRUE,
        [TARN_EXPR_EQ] = TARN_EXPR_NE,
        [TARN_EXPR_NE] = TARN_EXPR_EQ,
        [TARN_EXPR_LT] = TARN_EXPR_GE,
        [TARN_EXPR_LE] = TARN_EXPR_GT,
        [TARN_EXPR_GT] = TARN_EXPR_LE,
        [TARN_EXPR_GE] = TARN_EXPR_LT,
        [TARN_EXPR_IS_NULL] = TARN_EXPR_IS_NOT_NULL,
        [TARN_EXPR_IS_NOT_NULL] = TARN_EXPR_IS_NULL,
    };
    if ((size_t)op >= sizeof of / sizeof *of || of[op] == TARN_EXPR_UNKNOWN) return false;
    *out = of[op];
    return true;
}

static tarn_expr *simplify_not(tarn_arena *arena, tarn_expr *expr) {
    if (expr->n_args != 1) return tarn_expr_new(arena, TARN_EXPR_UNKNOWN);
    tarn_expr *arg = tarn_expr_simplify(arena, expr->args[0]);
    tarn_expr_op op;
    if (arg->op == TARN_EXPR_NOT) return arg->args[0];
    tarn_expr *result = tarn_expr_new(arena, TARN_EXPR_NOT);
    if (opposite(arg->op, &op)) {
        *result = *arg;
        result->op = op;
    } else {
        push_arg(arena, result, arg);
    }
    return result;
}

tarn_expr *tarn_expr_simplify(tarn_arena *arena, tarn_expr *expr) {
    switch (expr->op) {
    case TARN_EXPR_AND:
    case TARN_EXPR_OR: return simplify_list(arena, expr);
    case TARN_EXPR_NOT: return simplify_not(arena, expr);
    case TARN_EXPR_IN: return simplify_in(arena, expr);
    default: return expr;
    }
}

static void print_column(tarn_buf *out, const tarn_expr *expr, const tarn_schema *schema) {
    if (schema && expr->column >= 0 && (size_t)expr->column < schema->n_fields)
        tarn_buf_puts(out, schema->fields[expr->column].name);
    else
        tarn_buf_printf(out, "#%d", expr->column);
    if (!expr->path) return;
    tarn_buf_putc(out, '.');
    tarn_buf_puts(out, expr->path);
}

static void print_value(tarn_buf *out, const tarn_value *value) {
    if (value->kind == TARN_STRING && !value->null)
        tarn_value_sql(out, value);
    else
        tarn_value_text(out, value);
}

static void print_list(tarn_buf *out, const tarn_expr *expr) {
    enum { SHOWN_MAX = 20 };
    size_t shown = expr->n_values > SHOWN_MAX ? SHOWN_MAX : expr->n_values;
    tarn_buf_puts(out, " IN (");
    for (size_t i = 0; i < shown; i++) {
        if (i) tarn_buf_puts(out, ", ");
        print_value(out, &expr->values[i]);
    }
    if (shown < expr->n_values) tarn_buf_printf(out, ", … %zu more", expr->n_values - shown);
    tarn_buf_putc(out, ')');
}

static void print_args(tarn_buf *out, const tarn_expr *expr, const tarn_schema *schema) {
    tarn_buf_putc(out, '(');
    for (size_t i = 0; i < expr->n_args; i++) {
        if (i) tarn_buf_puts(out, expr->op == TARN_EXPR_AND ? " AND " : " OR ");
        tarn_expr_print(out, expr->args[i], schema);
    }
    tarn_buf_putc(out, ')');
}

void tarn_expr_print(tarn_buf *out, const tarn_expr *expr, const tarn_schema *schema) {
    static const char *const signs[] = {[TARN_EXPR_EQ] = " = ",  [TARN_EXPR_NE] = " <> ", [TARN_EXPR_LT] = " < ",
                                        [TARN_EXPR_LE] = " <= ", [TARN_EXPR_GT] = " > ",  [TARN_EXPR_GE] = " >= "};
    switch (expr->op) {
    case TARN_EXPR_UNKNOWN: return tarn_buf_putc(out, '?');
    case TARN_EXPR_TRUE: return tarn_buf_puts(out, "true");
    case TARN_EXPR_FALSE: return tarn_buf_puts(out, "false");
    case TARN_EXPR_AND:
    case TARN_EXPR_OR: return print_args(out, expr, schema);
    case TARN_EXPR_NOT:
        tarn_buf_puts(out, "NOT ");
        if (expr->n_args) tarn_expr_print(out, expr->args[0], schema);
        return;
    case TARN_EXPR_IN: print_column(out, expr, schema); return print_list(out, expr);
    case TARN_EXPR_IS_NULL:
    case TARN_EXPR_IS_NOT_NULL:
        print_column(out, expr, schema);
        return tarn_buf_puts(out, expr->op == TARN_EXPR_IS_NULL ? " IS NULL" : " IS NOT NULL");
    default:
        print_column(out, expr, schema);
        tarn_buf_puts(out, signs[expr->op]);
        if (expr->n_values) print_value(out, &expr->values[0]);
    }
}

void tarn_expr_columns(const tarn_expr *expr, bool *bits, size_t n) {
    if (expr->op >= TARN_EXPR_EQ && expr->column >= 0 && (size_t)expr->column < n) bits[expr->column] = true;
    for (size_t i = 0; i < expr->n_args; i++) tarn_expr_columns(expr->args[i], bits, n);
}
