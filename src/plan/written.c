/* written.c: reads the condition of a simple query off its syntax tree: the database that plans need not be opened for
 * it. */
#include "plan/written.h"

#include "plan/bound.h"

/* One condition may stand in another one so deep; DATE_TEXT: "2026-01-31". */
enum { DEPTH_MAX = 100, DATE_TEXT = 10 };

typedef const tarn_json_value json;

typedef struct reading {
    tarn_cx *cx;
    const tarn_schema *schema;
    tarn_str alias;
} reading;

static bool is(json *node, const char *key, const char *text) {
    return tarn_str_is(tarn_json_as_str(tarn_json_get(node, key)), text);
}

static bool has(json *node, const char *key) {
    json *v = tarn_json_get(node, key);
    return v && v->kind != TARN_JSON_NULL && (v->kind != TARN_JSON_ARRAY || v->n);
}

/* Columns go before names that the select list gives, and a table's name before a column's field. -1: it is no column,
 * or which one is not sure. */
static int read_column(const reading *r, json *e) {
    json *names = tarn_json_get(e, "column_names");
    int found = -1;
    if (!is(e, "class", "COLUMN_REF") || !names || names->n < 1 || names->n > 2) return -1;
    if (names->n == 2 && !tarn_str_ieq(tarn_json_as_str(tarn_json_at(names, 0)), r->alias)) return -1;
    tarn_str name = tarn_json_as_str(tarn_json_at(names, names->n - 1));
    const char *text = tarn_arena_strndup(r->cx->arena, name.p, name.n);
    for (size_t i = 0; i < r->schema->n_fields; i++) {
        if (!tarn_name_eq(r->schema->fields[i].name, text)) continue;
        if (found >= 0) return -1;
        found = (int)i;
    }
    return found;
}

static bool is_int(tarn_kind k) { return k == TARN_INT8 || k == TARN_INT16 || k == TARN_INT32 || k == TARN_INT64; }

/* "2026-01-31", as it is written most: other spellings are DuckDB's to read. */
static bool is_date(tarn_str s) {
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 4 || i == 7;
        if (dash ? s.p[i] != '-' : s.p[i] < '0' || s.p[i] > '9') return false;
    }
    return s.n == DATE_TEXT;
}

/* A literal that a column of this type is compared with as it stands: neither side is cast, or a text to the column's
 * DATE. */
static bool read_literal(const reading *r, json *e, const tarn_type *type, tarn_value *out) {
    bool cast = is(e, "class", "CAST");
    if (cast) {
        json *to = tarn_json_get(e, "cast_type");
        if (type->kind != TARN_DATE || !is(to, "id", "DATE") || tarn_json_as_bool(tarn_json_get(e, "try_cast"), true))
            return false;
        e = tarn_json_get(e, "child");
    }
    if (!is(e, "class", "CONSTANT") || !tarn_bound_constant(r->cx, tarn_json_get(e, "value"), out)) return false;
    if (is_int(type->kind)) return is_int(out->kind);
    if (out->kind != TARN_STRING) return false;
    tarn_str text = out->s;
    if (type->kind == TARN_DATE) return is_date(text) && tarn_value_parse(text, type, r->cx->arena, out);
    return type->kind == TARN_STRING && !cast;
}

static tarn_expr *compare(const reading *r, tarn_expr_op op, json *side, json *literal) {
    int column = read_column(r, side);
    tarn_value v;
    if (column < 0 || !read_literal(r, literal, r->schema->fields[column].type, &v)) return NULL;
    return tarn_expr_cmp(r->cx->arena, op, column, &v);
}

static tarn_expr *read_comparison(const reading *r, json *e) {
    tarn_expr_op op, mirrored;
    json *left = tarn_json_get(e, "left"), *right = tarn_json_get(e, "right");
    if (!tarn_bound_comparison(tarn_json_as_str(tarn_json_get(e, "type")), &op, &mirrored)) return NULL;
    tarn_expr *forth = compare(r, op, left, right);
    return forth ? forth : compare(r, mirrored, right, left);
}

static tarn_expr *read_between(const reading *r, json *e) {
    json *input = tarn_json_get(e, "input");
    if (!is(e, "type", "COMPARE_BETWEEN")) return NULL;
    tarn_expr *low = compare(r, TARN_EXPR_GE, input, tarn_json_get(e, "lower"));
    tarn_expr *high = compare(r, TARN_EXPR_LE, input, tarn_json_get(e, "upper"));
    return low && high ? tarn_expr_and(r->cx->arena, low, high) : NULL;
}

static tarn_expr *read_operator(const reading *r, json *e) {
    json *children = tarn_json_get(e, "children");
    int column = children && children->n ? read_column(r, tarn_json_at(children, 0)) : -1;
    bool in = is(e, "type", "COMPARE_IN"), null = is(e, "type", "OPERATOR_IS_NULL");
    if (column < 0 || !(in || null || is(e, "type", "OPERATOR_IS_NOT_NULL")) ||
        (in ? children->n < 2 : children->n != 1))
        return NULL;
    tarn_expr *test = tarn_expr_new(r->cx->arena, in ? TARN_EXPR_IN : null ? TARN_EXPR_IS_NULL : TARN_EXPR_IS_NOT_NULL);
    test->column = column;
    test->values = TARN_NEW_ARRAY(r->cx->arena, tarn_value, children->n);
    for (size_t i = 1; i < children->n; i++)
        if (!read_literal(r, tarn_json_at(children, i), r->schema->fields[column].type,
                          &test->values[test->n_values++]))
            return NULL;
    return test;
}

/* NULL: something in it is for DuckDB to understand. */
static tarn_expr *read_condition(const reading *r, json *e, int depth) {
    if (is(e, "class", "COMPARISON")) return read_comparison(r, e);
    if (is(e, "class", "BETWEEN")) return read_between(r, e);
    if (is(e, "class", "OPERATOR")) return read_operator(r, e);
    json *children = tarn_json_get(e, "children");
    if (!is(e, "class", "CONJUNCTION") || depth > DEPTH_MAX || !children || !children->n) return NULL;
    bool all = is(e, "type", "CONJUNCTION_AND");
    tarn_expr *result = NULL;
    for (size_t i = 0; i < children->n; i++) {
        tarn_expr *one = read_condition(r, tarn_json_at(children, i), depth + 1);
        if (!one) return NULL;
        if (!result)
            result = one;
        else
            result = all ? tarn_expr_and(r->cx->arena, result, one) : tarn_expr_or(r->cx->arena, result, one);
    }
    return result;
}

/* Whether all that decides about rows is the WHERE: of HAVING and LIMIT a plan may know more. */
static bool is_plain(json *node) {
    json *with = tarn_json_get(tarn_json_get(node, "cte_map"), "map"), *modifiers = tarn_json_get(node, "modifiers");
    for (size_t i = 0; modifiers && i < modifiers->n; i++)
        if (!is(tarn_json_at(modifiers, i), "type", "ORDER_MODIFIER")) return false;
    return is(node, "type", "SELECT_NODE") && !(with && with->n) && !has(node, "sample") && !has(node, "having") &&
           !has(node, "qualify") && has(node, "where_clause");
}

/* The table in FROM, where it is the only one of the lake that the query reads, its own subqueries included. */
static const tarn_plan_ref *only_table(const tarn_binding *b, json *from) {
    const tarn_splice *ref = NULL;
    if (!is(from, "type", "BASE_TABLE") || has(from, "sample") || has(from, "column_name_alias")) return NULL;
    if (b->planned->refs.n != 1 || b->extras.n) return NULL;
    for (size_t i = 0; i < b->top->splices.n; i++) {
        const tarn_splice *s = &b->top->splices.at[i];
        if (s->kind == TARN_SPLICE_SCOPE || (s->kind == TARN_SPLICE_REF && s->show)) return NULL;
        if (s->kind == TARN_SPLICE_REF) ref = s;
    }
    bool same = ref && tarn_json_as_int(tarn_json_get(from, "query_location"), -1) == (int64_t)ref->at;
    return same ? &b->planned->refs.at[0] : NULL;
}

void tarn_written_find(tarn_cx *cx, tarn_binding *b, json *statements) {
    json *node = statements && statements->n == 1 ? tarn_json_get(tarn_json_at(statements, 0), "node") : NULL;
    json *from = tarn_json_get(node, "from_table");
    const tarn_plan_ref *ref = is_plain(node) ? only_table(b, from) : NULL;
    if (!ref) return;
    reading r = {.cx = cx, .schema = ref->snapshot->schema, .alias = tarn_json_as_str(tarn_json_get(from, "alias"))};
    if (!r.alias.n) r.alias = tarn_json_as_str(tarn_json_get(from, "table_name"));
    tarn_expr *condition = read_condition(&r, tarn_json_get(node, "where_clause"), 0);
    if (condition) b->written = tarn_expr_simplify(cx->arena, condition);
}
