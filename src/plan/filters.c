/* filters.c: walks the optimised plan and turns the filters of its scans into predicates that prune. */
#include "plan/filters.h"

#include <math.h>

#include "base/time.h"
#include "plan/bound.h"

enum { PLAN_DEPTH_MAX = 2000, NS_A_US = 1000 };
static const int64_t DAY_US = 86400000000;

typedef const tarn_json_value json;

static bool is(json *node, const char *key, const char *text) {
    return tarn_str_is(tarn_json_as_str(tarn_json_get(node, key)), text);
}

/* A 128-bit integer is a number, or two halves. */
static bool read_int128(json *v, __int128 *out) {
    json *upper = tarn_json_get(v, "upper"), *lower = tarn_json_get(v, "lower");
    int64_t hi, lo;
    uint64_t low;
    if (upper && lower) {
        if (!tarn_parse_i64(upper->text, &hi) || !tarn_parse_u64(lower->text, &low)) return false;
        *out = ((__int128)hi << 64) | low;
        return true;
    }
    if (!v || v->kind != TARN_JSON_NUMBER || !tarn_parse_i64(v->text, &lo)) return false;
    *out = lo;
    return true;
}

typedef struct type_name {
    const char *duckdb;
    tarn_kind kind;
} type_name;

static const type_name type_names[] = {
    {"BOOLEAN", TARN_BOOL},
    {"TINYINT", TARN_INT8},
    {"SMALLINT", TARN_INT16},
    {"INTEGER", TARN_INT32},
    {"BIGINT", TARN_INT64},
    {"FLOAT", TARN_FLOAT32},
    {"DOUBLE", TARN_FLOAT64},
    {"DECIMAL", TARN_DECIMAL},
    {"DATE", TARN_DATE},
    {"TIME", TARN_TIME},
    {"TIMESTAMP", TARN_TIMESTAMP_NTZ},
    {"TIMESTAMP WITH TIME ZONE", TARN_TIMESTAMP},
    {"TIMESTAMP_NS", TARN_TIMESTAMP_NTZ_NS},
    {"VARCHAR", TARN_STRING},
    {"BLOB", TARN_BINARY},
    {"UTINYINT", TARN_INT64},
    {"USMALLINT", TARN_INT64},
    {"UINTEGER", TARN_INT64},
};

static bool read_kind(json *type, tarn_kind *out) {
    tarn_str id = tarn_json_as_str(tarn_json_get(type, "id"));
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (tarn_str_is(id, type_names[i].duckdb)) {
            *out = type_names[i].kind;
            return true;
        }
    return false;
}

/* {type: {id, type_info}, is_null, value}; false: a kind or form that pruning does not know. */
bool tarn_bound_constant(tarn_cx *cx, json *node, tarn_value *out) {
    json *type = tarn_json_get(node, "type"), *v = tarn_json_get(node, "value");
    if (!v || tarn_json_as_bool(tarn_json_get(node, "is_null"), true)) return false;
    *out = (tarn_value){0};
    if (!read_kind(type, &out->kind)) return false;
    switch (out->kind) {
    case TARN_BOOL: out->b = v->kind == TARN_JSON_TRUE; return v->kind == TARN_JSON_TRUE || v->kind == TARN_JSON_FALSE;
    case TARN_FLOAT32:
    case TARN_FLOAT64: return v->kind == TARN_JSON_NUMBER && tarn_parse_f64(v->text, &out->f);
    case TARN_DECIMAL:
        out->scale = (int8_t)tarn_json_as_int(tarn_json_get(tarn_json_get(type, "type_info"), "scale"), 0);
        return read_int128(v, &out->dec);
    case TARN_STRING: out->s = v->text; return v->kind == TARN_JSON_STRING;
    case TARN_BINARY: {
        tarn_type binary = {.kind = TARN_BINARY};
        return v->kind == TARN_JSON_STRING && tarn_value_parse(v->text, &binary, cx->arena, out);
    }
    default: return v->kind == TARN_JSON_NUMBER && tarn_parse_i64(v->text, &out->i);
    }
}

typedef struct comparison {
    const char *name;
    tarn_expr_op op, mirrored;
} comparison;

static const comparison comparisons[] = {
    {"COMPARE_EQUAL", TARN_EXPR_EQ, TARN_EXPR_EQ},       {"COMPARE_NOTEQUAL", TARN_EXPR_NE, TARN_EXPR_NE},
    {"COMPARE_LESSTHAN", TARN_EXPR_LT, TARN_EXPR_GT},    {"COMPARE_LESSTHANOREQUALTO", TARN_EXPR_LE, TARN_EXPR_GE},
    {"COMPARE_GREATERTHAN", TARN_EXPR_GT, TARN_EXPR_LT}, {"COMPARE_GREATERTHANOREQUALTO", TARN_EXPR_GE, TARN_EXPR_LE},
};

static const comparison *find_comparison(tarn_str name) {
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (tarn_str_is(name, comparisons[i].name)) return &comparisons[i];
    return NULL;
}

bool tarn_bound_comparison(tarn_str type, tarn_expr_op *op, tarn_expr_op *mirrored) {
    const comparison *c = find_comparison(type);
    if (c) *op = c->op, *mirrored = c->mirrored;
    return c != NULL;
}

typedef tarn_bound_scan scan;

static tarn_expr *unknown(tarn_cx *cx) { return tarn_expr_new(cx->arena, TARN_EXPR_UNKNOWN); }

static int output_column(const scan *s, int64_t index) {
    json *projection = tarn_json_get(s->get, "projection_ids"), *columns = tarn_json_get(s->get, "column_indexes");
    if (projection && projection->n) {
        json *p = index >= 0 && (uint64_t)index < projection->n ? tarn_json_at(projection, (size_t)index) : NULL;
        index = p ? tarn_json_as_int(p, -1) : -1;
    }
    if (index < 0 || !columns || (uint64_t)index >= columns->n) return -1;
    int64_t column = tarn_json_as_int(tarn_json_get(tarn_json_at(columns, (size_t)index), "index"), -1);
    return column >= 0 && (uint64_t)column < s->schema->n_fields ? (int)column : -1;
}

int tarn_bound_column(const scan *s, json *expr) {
    if (!is(expr, "expression_class", "BOUND_REF")) return -1;
    return s->column >= 0 ? s->column : output_column(s, tarn_json_as_int(tarn_json_get(expr, "index"), -1));
}

static tarn_expr *compare(tarn_cx *cx, const scan *s, tarn_expr_op op, int column, const tarn_value *value) {
    tarn_expr *e = tarn_expr_cmp(cx->arena, op, column, value);
    e->path = s->path;
    return e;
}

/* True for rows within [lo, hi] (either may be INT64_MIN/MAX), and then undecided: sound under NOT too. */
static tarn_expr *roughly_between(tarn_cx *cx, const scan *s, int column, tarn_kind kind, int64_t lo, int64_t hi) {
    tarn_value low = {.kind = kind, .i = lo}, high = {.kind = kind, .i = hi};
    tarn_expr *e = unknown(cx);
    tarn_expr *both = tarn_expr_new(cx->arena, TARN_EXPR_AND);
    both->args = TARN_NEW_ARRAY(cx->arena, tarn_expr *, 3);
    if (lo != INT64_MIN) both->args[both->n_args++] = compare(cx, s, TARN_EXPR_GE, column, &low);
    if (hi != INT64_MAX) both->args[both->n_args++] = compare(cx, s, TARN_EXPR_LE, column, &high);
    both->args[both->n_args++] = e;
    return both;
}

static int64_t clamp_add(int64_t a, int64_t b) {
    int64_t r;
    return __builtin_add_overflow(a, b, &r) ? (b > 0 ? INT64_MAX : INT64_MIN) : r;
}

/* Days and instants compared through a cast, widened by what any time zone can shift (±26 h). */
static tarn_expr *compare_across(tarn_cx *cx, const scan *s, tarn_expr_op op, int column, tarn_kind from,
                                 const tarn_value *c) {
    bool from_day = from == TARN_DATE, to_day = c->kind == TARN_DATE;
    int64_t center = to_day ? (from_day ? c->i : c->i * DAY_US) : (from_day ? tarn_floor_div(c->i, DAY_US) : c->i);
    int64_t below = from_day ? 2 : 26 * (DAY_US / 24),
            above = from_day ? 2 : 26 * (DAY_US / 24) + (to_day ? DAY_US : 0);
    int64_t lo = clamp_add(center, -below), hi = clamp_add(center, above);
    switch (op) {
    case TARN_EXPR_EQ: return roughly_between(cx, s, column, from, lo, hi);
    case TARN_EXPR_LT:
    case TARN_EXPR_LE: return roughly_between(cx, s, column, from, INT64_MIN, hi);
    case TARN_EXPR_GT:
    case TARN_EXPR_GE: return roughly_between(cx, s, column, from, lo, INT64_MAX);
    default: return unknown(cx);
    }
}

static bool is_temporal(tarn_kind k) { return k == TARN_DATE || k == TARN_TIMESTAMP || k == TARN_TIMESTAMP_NTZ; }
static bool is_small_int(tarn_kind k) { return k == TARN_INT8 || k == TARN_INT16 || k == TARN_INT32; }
static bool is_int(tarn_kind k) { return is_small_int(k) || k == TARN_INT64; }

/* column op constant, where the column may stand in a cast. Only casts that keep the order of values exactly are taken
 * off. */
static tarn_expr *compare_cast(tarn_cx *cx, const scan *s, tarn_expr_op op, json *side, const tarn_value *c) {
    int column = tarn_bound_column(s, side);
    if (column >= 0) return compare(cx, s, op, column, c);
    if (!is(side, "expression_class", "BOUND_CAST")) return unknown(cx);
    json *child = tarn_json_get(side, "child");
    tarn_kind from, to;
    column = tarn_bound_column(s, child);
    if (column < 0 || !read_kind(tarn_json_get(child, "return_type"), &from) ||
        !read_kind(tarn_json_get(side, "return_type"), &to))
        return unknown(cx);
    if (is_temporal(from) && is_temporal(to) && c->kind == to) return compare_across(cx, s, op, column, from, c);
    bool exact = (is_int(from) && (to == TARN_INT64 || to == TARN_INT32 || to == TARN_INT16 || to == TARN_DECIMAL)) ||
                 (is_small_int(from) && to == TARN_FLOAT64) || (from == TARN_FLOAT32 && to == TARN_FLOAT64);
    return exact ? compare(cx, s, op, column, c) : unknown(cx);
}

static tarn_expr *read_expr(tarn_cx *cx, const scan *s, json *e, int depth);

static tarn_expr *read_comparison(tarn_cx *cx, const scan *s, json *e) {
    const comparison *cmp = find_comparison(tarn_json_as_str(tarn_json_get(e, "type")));
    json *left = tarn_json_get(e, "left"), *right = tarn_json_get(e, "right");
    tarn_value c;
    if (!cmp) return unknown(cx);
    if (is(right, "expression_class", "BOUND_CONSTANT") && tarn_bound_constant(cx, tarn_json_get(right, "value"), &c))
        return compare_cast(cx, s, cmp->op, left, &c);
    if (is(left, "expression_class", "BOUND_CONSTANT") && tarn_bound_constant(cx, tarn_json_get(left, "value"), &c))
        return compare_cast(cx, s, cmp->mirrored, right, &c);
    return unknown(cx);
}

/* column IN (constants) of an IN operator (from child 1 on) or filter; NULLs in the list make a false result null,
 * which UNKNOWN covers. */
static tarn_expr *read_in(tarn_cx *cx, const scan *s, int column, json *list, size_t from) {
    tarn_expr *in = tarn_expr_new(cx->arena, TARN_EXPR_IN);
    in->column = column;
    in->path = s->path;
    if (column < 0 || list->n <= from) return unknown(cx);
    in->values = TARN_NEW_ARRAY(cx->arena, tarn_value, list->n);
    for (size_t i = from; i < list->n; i++) {
        json *item = tarn_json_at(list, i);
        if (from) item = is(item, "expression_class", "BOUND_CONSTANT") ? tarn_json_get(item, "value") : NULL;
        if (!item || !tarn_bound_constant(cx, item, &in->values[in->n_values++])) return unknown(cx);
    }
    return tarn_expr_simplify(cx->arena, in);
}

static tarn_expr *negate(tarn_cx *cx, tarn_expr *e) {
    tarn_expr *not = tarn_expr_new(cx->arena, TARN_EXPR_NOT);
    not ->args = TARN_NEW_ARRAY(cx->arena, tarn_expr *, 1);
    not ->args[not ->n_args++] = e;
    return not ;
}

static tarn_expr *read_operator(tarn_cx *cx, const scan *s, json *e, int depth) {
    json *children = tarn_json_get(e, "children");
    json *first = children && children->n ? tarn_json_at(children, 0) : NULL;
    if (!first) return unknown(cx);
    if (is(e, "type", "OPERATOR_NOT")) return negate(cx, read_expr(cx, s, first, depth + 1));
    if (is(e, "type", "COMPARE_IN")) return read_in(cx, s, tarn_bound_column(s, first), children, 1);
    if (is(e, "type", "COMPARE_NOT_IN")) return negate(cx, read_in(cx, s, tarn_bound_column(s, first), children, 1));
    bool null = is(e, "type", "OPERATOR_IS_NULL");
    int column = tarn_bound_column(s, first);
    if (column < 0 || !(null || is(e, "type", "OPERATOR_IS_NOT_NULL"))) return unknown(cx);
    tarn_expr *test = tarn_expr_new(cx->arena, null ? TARN_EXPR_IS_NULL : TARN_EXPR_IS_NOT_NULL);
    test->column = column;
    test->path = s->path;
    return test;
}

static tarn_expr *fold(tarn_cx *cx, bool all, tarn_expr *a, tarn_expr *b) {
    if (!a) return b;
    return all ? tarn_expr_and(cx->arena, a, b) : tarn_expr_or(cx->arena, a, b);
}

/* A bound expression: of a LOGICAL_FILTER, or of an EXPRESSION_FILTER. */
static tarn_expr *read_expr(tarn_cx *cx, const scan *s, json *e, int depth) {
    if (depth > PLAN_DEPTH_MAX) return unknown(cx);
    if (is(e, "expression_class", "BOUND_COMPARISON")) return read_comparison(cx, s, e);
    if (is(e, "expression_class", "BOUND_OPERATOR")) return read_operator(cx, s, e, depth);
    if (is(e, "expression_class", "BOUND_BETWEEN")) {
        tarn_value lo, hi;
        json *input = tarn_json_get(e, "input");
        if (!tarn_bound_constant(cx, tarn_json_get(tarn_json_get(e, "lower"), "value"), &lo) ||
            !tarn_bound_constant(cx, tarn_json_get(tarn_json_get(e, "upper"), "value"), &hi))
            return unknown(cx);
        bool lo_in = tarn_json_as_bool(tarn_json_get(e, "lower_inclusive"), true),
             hi_in = tarn_json_as_bool(tarn_json_get(e, "upper_inclusive"), true);
        return tarn_expr_and(cx->arena, compare_cast(cx, s, lo_in ? TARN_EXPR_GE : TARN_EXPR_GT, input, &lo),
                             compare_cast(cx, s, hi_in ? TARN_EXPR_LE : TARN_EXPR_LT, input, &hi));
    }
    if (is(e, "expression_class", "BOUND_CONJUNCTION")) {
        bool all = is(e, "type", "CONJUNCTION_AND");
        json *children = tarn_json_get(e, "children");
        tarn_expr *result = NULL;
        for (size_t i = 0; children && i < children->n; i++)
            result = fold(cx, all, result, read_expr(cx, s, tarn_json_at(children, i), depth + 1));
        return result ? result : unknown(cx);
    }
    return unknown(cx);
}

/* A pushed filter of one column. */
static tarn_expr *read_filter(tarn_cx *cx, const scan *s, json *f, int depth) {
    if (depth > PLAN_DEPTH_MAX) return unknown(cx);
    tarn_str type = tarn_json_as_str(tarn_json_get(f, "filter_type"));
    if (tarn_str_starts(type, "LEGACY_")) type = (tarn_str){type.p + 7, type.n - 7}; /* DuckDB 2.0 */
    tarn_value c;
    if (tarn_str_is(type, "CONSTANT_COMPARISON")) {
        const comparison *cmp = find_comparison(tarn_json_as_str(tarn_json_get(f, "comparison_type")));
        return cmp && tarn_bound_constant(cx, tarn_json_get(f, "constant"), &c) ? compare(cx, s, cmp->op, s->column, &c)
                                                                                : unknown(cx);
    }
    if (tarn_str_is(type, "CONJUNCTION_AND") || tarn_str_is(type, "CONJUNCTION_OR")) {
        json *children = tarn_json_get(f, "child_filters");
        tarn_expr *result = NULL;
        for (size_t i = 0; children && i < children->n; i++)
            result = fold(cx, tarn_str_is(type, "CONJUNCTION_AND"), result,
                          read_filter(cx, s, tarn_json_at(children, i), depth + 1));
        return result ? result : unknown(cx);
    }
    if (tarn_str_is(type, "IN_FILTER")) {
        json *values = tarn_json_get(f, "values");
        return values ? read_in(cx, s, s->column, values, 0) : unknown(cx);
    }
    if (tarn_str_is(type, "OPTIONAL_FILTER")) {
        json *child = tarn_json_get(f, "child_filter");
        return child ? read_filter(cx, s, child, depth + 1) : unknown(cx);
    }
    if (tarn_str_is(type, "STRUCT_EXTRACT")) {
        tarn_str name = tarn_json_as_str(tarn_json_get(f, "child_name"));
        if (!name.n || memchr(name.p, '.', name.n)) return unknown(cx);
        scan inner = *s;
        inner.path = s->path ? tarn_printf(cx, "%s.%.*s", s->path, (int)name.n, name.p)
                             : tarn_arena_strndup(cx->arena, name.p, name.n);
        return read_filter(cx, &inner, tarn_json_get(f, "child_filter"), depth + 1);
    }
    if (tarn_str_is(type, "EXPRESSION_FILTER")) return read_expr(cx, s, tarn_json_get(f, "expr"), depth + 1);
    if (tarn_str_is(type, "IS_NULL") || tarn_str_is(type, "IS_NOT_NULL")) {
        tarn_expr *test =
            tarn_expr_new(cx->arena, tarn_str_is(type, "IS_NULL") ? TARN_EXPR_IS_NULL : TARN_EXPR_IS_NOT_NULL);
        test->column = s->column;
        test->path = s->path;
        return test;
    }
    return unknown(cx);
}

static bool is_vague(const tarn_expr *e) {
    if (e->op == TARN_EXPR_UNKNOWN) return true;
    for (size_t i = 0; i < e->n_args; i++)
        if (is_vague(e->args[i])) return true;
    return false;
}

/* What a scan's filters say of columns that are constant in each file, where pruning does not know it all. */
static void add_text(tarn_cx *cx, const scan *s, tarn_shell *shell, json *e, const char **all, int depth) {
    json *children = tarn_json_get(e, "children");
    if (is(e, "type", "CONJUNCTION_AND") && children && depth < PLAN_DEPTH_MAX) {
        for (size_t i = 0; i < children->n; i++) add_text(cx, s, shell, tarn_json_at(children, i), all, depth + 1);
        return;
    }
    const char *text = is_vague(read_expr(cx, s, e, 0)) ? tarn_bound_sql(cx, s, e, shell->constant, shell->used) : NULL;
    if (text) *all = *all ? tarn_printf(cx, "%s AND %s", *all, text) : text;
}

/* The same for a pushed filter: a tree of its own kind around such expressions. */
static void add_filter_text(tarn_cx *cx, const scan *s, tarn_shell *shell, json *f, const char **all, int depth) {
    json *children = tarn_json_get(f, "child_filters");
    if (is(f, "filter_type", "EXPRESSION_FILTER")) add_text(cx, s, shell, tarn_json_get(f, "expr"), all, 0);
    bool each = is(f, "filter_type", "CONJUNCTION_AND") && depth < PLAN_DEPTH_MAX;
    for (size_t i = 0; each && children && i < children->n; i++)
        add_filter_text(cx, s, shell, tarn_json_at(children, i), all, depth + 1);
}

static tarn_shell *find_shell(json *get, tarn_shell *shells, size_t n) {
    tarn_str table = tarn_json_as_str(tarn_json_get(tarn_json_get(get, "function_data"), "table"));
    for (size_t i = 0; i < n; i++)
        if (tarn_str_is(table, shells[i].table)) return &shells[i];
    return NULL;
}

/* All that one scan needs: its pushed filters and those of the LOGICAL_FILTER right above it (NULL: none). */
static void read_get(tarn_cx *cx, json *get, json *filter_above, tarn_shell *shell) {
    json *filters = tarn_json_get(tarn_json_get(get, "table_filters"), "filters");
    tarn_expr *all = NULL;
    const char *text = NULL;
    for (size_t i = 0; filters && i < filters->n; i++) {
        json *entry = tarn_json_at(filters, i);
        int64_t column = tarn_json_as_int(tarn_json_get(entry, "key"), -1);
        if (column < 0 || (uint64_t)column >= shell->schema->n_fields) continue;
        scan s = {.get = get, .schema = shell->schema, .column = (int)column};
        all = fold(cx, true, all, read_filter(cx, &s, tarn_json_get(entry, "value"), 0));
        add_filter_text(cx, &s, shell, tarn_json_get(entry, "value"), &text, 0);
    }
    json *expressions = filter_above ? tarn_json_get(filter_above, "expressions") : NULL;
    for (size_t i = 0; expressions && i < expressions->n; i++) {
        scan s = {.get = get, .schema = shell->schema, .column = -1};
        all = fold(cx, true, all, read_expr(cx, &s, tarn_json_at(expressions, i), 0));
        add_text(cx, &s, shell, tarn_json_at(expressions, i), &text, 0);
    }
    if (!all) all = unknown(cx);
    shell->filter = shell->scanned ? tarn_expr_or(cx->arena, shell->filter, all) : all;
    if (shell->scanned && text && shell->over_constants)
        shell->over_constants = tarn_printf(cx, "(%s) OR (%s)", shell->over_constants, text);
    else
        shell->over_constants = shell->scanned ? NULL : text;
    shell->scanned = true;
}

static void walk(tarn_cx *cx, json *node, json *filter_above, tarn_shell *shells, size_t n, int depth) {
    if (!node || depth > PLAN_DEPTH_MAX) return;
    if (node->kind == TARN_JSON_ARRAY) {
        for (size_t i = 0; i < node->n; i++) walk(cx, tarn_json_at(node, i), filter_above, shells, n, depth + 1);
        return;
    }
    if (is(node, "type", "LOGICAL_GET")) {
        tarn_shell *shell = find_shell(node, shells, n);
        if (shell) read_get(cx, node, filter_above, shell);
    }
    walk(cx, tarn_json_get(node, "children"), is(node, "type", "LOGICAL_FILTER") ? node : NULL, shells, n, depth + 1);
}

bool tarn_plan_filters(tarn_cx *cx, tarn_str plan_json, tarn_shell *shells, size_t n) {
    const tarn_json_value *plan;
    if (tarn_json_parse(cx, cx->arena, plan_json, PLAN_DEPTH_MAX, &plan) != TARN_OK) {
        tarn_clear_error(cx);
        return false;
    }
    json *plans = tarn_json_get(plan, "plans");
    if (tarn_json_as_bool(tarn_json_get(plan, "error"), true) || !plans) return false;
    walk(cx, plans, NULL, shells, n, 0);
    bool empty = memmem(plan_json.p, plan_json.n, "\"LOGICAL_EMPTY_RESULT\"", 22) != NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = tarn_printf(cx, "\"%s\"", shells[i].table);
        shells[i].unread = empty && !memmem(plan_json.p, plan_json.n, name, strlen(name));
    }
    for (size_t i = 0; i < n; i++)
        if (shells[i].filter) shells[i].filter = tarn_expr_simplify(cx->arena, shells[i].filter);
    return true;
}
