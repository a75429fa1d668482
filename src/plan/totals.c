/* totals.c: a query of count(*), min and max that can be answered without opening a file. */
#include "plan/totals.h"

#include <inttypes.h>

enum { DEPTH_MAX = 200, FILES_MAX = 200000, TEXT_MAX = 256 << 20 };

#define ROWS_COLUMN "_tarn_rows"

typedef const tarn_json_value json;

/* A walk over the query's tree. False at anything that might look at single rows. */
typedef struct walk {
    tarn_cx *cx;
    const tarn_scope *scope;
    const tarn_plan_ref *ref;
    json *list;
    const char *alias; /* what columns may be qualified with */
    tarn_totals *found;
    bool aggregates;
} walk;

static bool is(json *node, const char *key, const char *text) {
    return tarn_str_is(tarn_json_as_str(tarn_json_get(node, key)), text);
}

static bool is_one_of(tarn_str name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (tarn_str_ieq(name, tarn_str_of(names[i]))) return true;
    return false;
}

static bool is_alias(const walk *w, tarn_str name) {
    for (size_t i = 0; i < w->list->n; i++)
        if (tarn_str_ieq(tarn_json_as_str(tarn_json_get(&w->list->items[i], "alias")), name)) return true;
    return false;
}

/* The column a COLUMN_REF names; -1: an item of the select list; -2: not known. */
static int column_of(const walk *w, json *e) {
    json *names = tarn_json_get(e, "column_names");
    if (!names || names->n < 1 || names->n > 2) return -2;
    tarn_str first = tarn_json_as_str(tarn_json_at(names, 0));
    int column = tarn_schema_find(w->ref->snapshot->schema, first);
    if (names->n == 1) return column < 0 && !is_alias(w, first) ? -2 : column;
    if (column >= 0 || !tarn_str_ieq(first, tarn_str_of(w->alias))) return -2;
    column = tarn_schema_find(w->ref->snapshot->schema, tarn_json_as_str(tarn_json_at(names, 1)));
    return column < 0 ? -2 : column;
}

static bool check(walk *w, json *e, int depth);

static bool check_children(walk *w, json *e, int depth) {
    for (size_t i = 0; i < e->n; i++)
        if (!check(w, &e->items[i], depth + 1)) return false;
    return true;
}

/* The place of a call of no argument or one token. */
static bool find_call(const walk *w, json *e, size_t *at, size_t *n) {
    const tarn_tokens *t = &w->scope->tokens;
    int64_t place = tarn_json_as_int(tarn_json_get(e, "query_location"), -1);
    if (place < 0 || (size_t)place >= t->n_text) return false;
    size_t first = tarn_bind_token(t, (size_t)place);
    tarn_cursor c = {t, first + 1};
    if (t->tokens.at[first].at != (size_t)place || !tarn_accept(&c, "(")) return false;
    if (!tarn_peek(&c, ")")) c.i++;
    if (!tarn_peek(&c, ")")) return false;
    *at = (size_t)place;
    *n = t->tokens.at[c.i].at + t->tokens.at[c.i].n - (size_t)place;
    return true;
}

static bool check_count(walk *w, json *e) {
    json *children = tarn_json_get(e, "children");
    bool star = is(e, "function_name", "count_star");
    json *one = !star && children && children->n == 1 ? tarn_json_at(children, 0) : NULL;
    bool constant = one && is(one, "class", "CONSTANT") &&
                    !tarn_json_as_bool(tarn_json_get(tarn_json_get(one, "value"), "is_null"), true);
    tarn_totals_count count;
    if (!(star || constant) || !find_call(w, e, &count.at, &count.n)) return false;
    *TARN_PUSH(w->cx->arena, &w->found->counts) = count;
    w->aggregates = true;
    return true;
}

static bool has(json *e, const char *key) {
    json *member = tarn_json_get(e, key);
    return member && (member->kind == TARN_JSON_OBJECT || member->kind == TARN_JSON_TRUE);
}

static bool check_function(walk *w, json *e, int depth) {
    static const char *const scalars[] = {"year",   "month",      "day",      "quarter", "week",      "dayofweek",
                                          "hour",   "date_trunc", "lower",    "upper",   "date_part", "strftime",
                                          "concat", "length",     "abs",      "round",   "trim",      "contains",
                                          "prefix", "suffix",     "substring"};
    tarn_str name = tarn_json_as_str(tarn_json_get(e, "function_name"));
    json *children = tarn_json_get(e, "children"), *orders = tarn_json_get(tarn_json_get(e, "order_bys"), "orders");
    if (has(e, "filter") || (orders && orders->n) || tarn_json_as_str(tarn_json_get(e, "schema")).n) return false;
    if (tarn_str_is(name, "count_star") || tarn_str_is(name, "count")) return !has(e, "distinct") && check_count(w, e);
    if (tarn_str_is(name, "min") || tarn_str_is(name, "max")) {
        json *arg = children && children->n == 1 ? tarn_json_at(children, 0) : NULL;
        int column = is(arg, "class", "COLUMN_REF") ? column_of(w, arg) : -1;
        w->aggregates = true;
        if (column < 0) return false;
        w->found->extremes[column] = true;
        return true;
    }
    bool known = tarn_json_as_bool(tarn_json_get(e, "is_operator"), false) ||
                 is_one_of(name, scalars, sizeof scalars / sizeof *scalars);
    return known && children && check_children(w, children, depth);
}

static bool check(walk *w, json *e, int depth) {
    static const char *const plain[] = {"CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR",
                                        "CAST",     "BETWEEN",    "CASE",        "PARAMETER"};
    if (depth > DEPTH_MAX) return false;
    if (e->kind != TARN_JSON_OBJECT && e->kind != TARN_JSON_ARRAY) return true;
    tarn_str class = tarn_json_as_str(tarn_json_get(e, "class"));
    if (e->kind == TARN_JSON_ARRAY || !class.n) return check_children(w, e, depth);
    if (tarn_str_is(class, "FUNCTION")) return check_function(w, e, depth);
    if (tarn_str_is(class, "COLUMN_REF")) {
        int column = column_of(w, e);
        if (column >= 0) w->found->constants[column] = true;
        return column >= -1;
    }
    return is_one_of(class, plain, sizeof plain / sizeof *plain) && check_children(w, e, depth);
}

/* Items of the select list that hold a count keep their names. */
static bool name_items(walk *w) {
    for (size_t i = 0; i < w->list->n; i++) {
        json *item = &w->list->items[i];
        size_t before = w->found->counts.n;
        if (!check(w, item, 0)) return false;
        bool named = tarn_json_as_str(tarn_json_get(item, "alias")).n > 0;
        if (w->found->counts.n > before) w->found->counts.at[before].label = !named;
    }
    return true;
}

void tarn_totals_find(tarn_cx *cx, tarn_binding *b, json *statements) {
    json *node = statements && statements->n == 1 ? tarn_json_get(tarn_json_at(statements, 0), "node") : NULL;
    json *from = tarn_json_get(node, "from_table"), *with = tarn_json_get(tarn_json_get(node, "cte_map"), "map");
    json *list = tarn_json_get(node, "select_list");
    tarn_planned *p = b->planned;
    if (!is(node, "type", "SELECT_NODE") || !is(from, "type", "BASE_TABLE") || !list || (with && with->n)) return;
    if (has(from, "sample") || has(node, "sample") || has(node, "qualify")) return;
    json *renamed = tarn_json_get(from, "column_name_alias");
    if ((renamed && renamed->n) || p->refs.n != 1 || b->extras.n || p->refs.at[0].positions) return;
    const tarn_splice *ref = NULL;
    for (size_t i = 0; i < b->top->splices.n; i++)
        if (b->top->splices.at[i].kind == TARN_SPLICE_REF) ref = &b->top->splices.at[i];
    if (!ref || ref->show || tarn_schema_find(p->refs.at[0].snapshot->schema, TARN_LIT(ROWS_COLUMN)) >= 0) return;
    tarn_str alias = tarn_json_as_str(tarn_json_get(from, "alias"));
    size_t n = p->refs.at[0].snapshot->schema->n_fields;
    tarn_totals *totals = TARN_NEW(cx->arena, tarn_totals);
    totals->constants = TARN_NEW_ARRAY(cx->arena, bool, n + 1);
    totals->extremes = TARN_NEW_ARRAY(cx->arena, bool, n + 1);
    walk w = {.cx = cx, .scope = b->top, .ref = &p->refs.at[0], .found = totals, .list = list};
    w.alias = ref->alias ? ref->alias : tarn_arena_strndup(cx->arena, alias.p, alias.n);
    if (!name_items(&w)) return;
    for (size_t i = 0; i < node->n; i++) {
        bool seen = tarn_str_is(node->keys[i], "select_list") || tarn_str_is(node->keys[i], "from_table");
        if (!seen && !check(&w, &node->items[i], 0)) return;
    }
    if (w.aggregates) b->totals = totals;
}

/* Whether the bounds of such a column can be its least and greatest value: no text, which is cut, no floats, whose NaN
 * is not in them, no instants and decimals, which some writers round. */
static bool has_extremes(tarn_kind kind) {
    return kind == TARN_INT8 || kind == TARN_INT16 || kind == TARN_INT32 || kind == TARN_INT64 || kind == TARN_DATE;
}

/* The one value that the column has in the file; NULL: the file may hold several. */
static const tarn_value *constant_of(const tarn_file_group *g, const tarn_file *f, size_t column) {
    const tarn_column_map *map = column < g->n_columns ? &g->columns[column] : NULL;
    if (!map || map->partition < 0) return NULL;
    const tarn_value *value = &f->partition[map->partition];
    return map->fallback && value->null ? NULL : value; /* one of an older layout looks like a null */
}

static void put_value(tarn_buf *out, const tarn_value *value, const tarn_type *type) {
    tarn_buf_puts(out, ", CAST(");
    tarn_value_sql(out, value);
    tarn_buf_puts(out, " AS ");
    tarn_type_duckdb(out, type);
    tarn_buf_puts(out, ")");
}

/* A file's two rows: its least values and its rows, its greatest values. False: the metadata does not say them. */
static bool put_file(const tarn_totals *t, tarn_snapshot *s, const tarn_file_group *g, const tarn_file *f,
                     tarn_buf *least, tarn_buf *greatest) {
    int64_t rows = tarn_file_live_rows(f);
    if (rows < 0) return false;
    if (rows == 0) return true;
    tarn_buf_printf(least, "%s(%" PRId64, least->n ? ", " : "", rows);
    tarn_buf_puts(greatest, ", (0");
    for (size_t c = 0; c < s->schema->n_fields; c++) {
        const tarn_type *type = s->schema->fields[c].type;
        const tarn_value *constant = constant_of(g, f, c);
        if (!t->constants[c] && !t->extremes[c]) continue;
        if (constant) {
            put_value(least, constant, type);
            put_value(greatest, constant, type);
            continue;
        }
        tarn_bounds b = {.rows = -1, .nulls = -1};
        tarn_value null = {.null = true};
        s->format->bounds(s, f, (int)c, NULL, &b);
        bool empty = b.nulls >= 0 && b.nulls == f->rows,
             known = b.has_min && b.has_max && b.exact && !b.maybe_nan && !f->deletes && has_extremes(type->kind);
        if (!empty && (t->constants[c] || !known)) return false;
        put_value(least, empty ? &null : &b.min, type);
        put_value(greatest, empty ? &null : &b.max, type);
    }
    tarn_buf_puts(least, ")");
    tarn_buf_puts(greatest, ")");
    return true;
}

/* SELECT over those rows, with the columns that are needed. */
static const char *make_scan(tarn_cx *cx, const tarn_totals *t, const tarn_snapshot *s, const tarn_buf *least,
                             const tarn_buf *greatest) {
    tarn_auto_buf sql = TARN_BUF(TEXT_MAX);
    tarn_buf_puts(&sql, "SELECT * FROM (VALUES ");
    if (least->n) {
        tarn_buf_add(&sql, least->data, least->n);
        tarn_buf_add(&sql, greatest->data, greatest->n);
    } else {
        tarn_buf_puts(&sql, "(0");
        for (size_t c = 0; c < s->schema->n_fields; c++)
            if (t->constants[c] || t->extremes[c])
                put_value(&sql, &(tarn_value){.null = true}, s->schema->fields[c].type);
        tarn_buf_puts(&sql, ")");
    }
    tarn_buf_puts(&sql, ") AS t(" ROWS_COLUMN);
    for (size_t c = 0; c < s->schema->n_fields; c++) {
        if (!t->constants[c] && !t->extremes[c]) continue;
        tarn_buf_puts(&sql, ", ");
        tarn_buf_sql_name(&sql, s->schema->fields[c].name);
    }
    tarn_buf_puts(&sql, least->n ? ")" : ") WHERE false");
    return tarn_buf_ok(&sql) ? tarn_buf_take(&sql, cx->arena) : NULL;
}

/* NULL: the metadata does not say all. */
static tarn_code read_metadata(tarn_cx *cx, const tarn_totals *t, const tarn_plan_ref *ref, const char **out) {
    tarn_auto_buf least = TARN_BUF(TEXT_MAX / 2);
    tarn_auto_buf greatest = TARN_BUF(TEXT_MAX / 2);
    tarn_snapshot *s = ref->snapshot;
    tarn_file_group *groups = NULL;
    size_t n_groups = 0;
    *out = NULL;
    if (ref->files.files.n > FILES_MAX) return TARN_OK;
    if (ref->files.files.n) TRY(s->format->groups(cx, s, ref->files.files.at, ref->files.files.n, &groups, &n_groups));
    for (size_t g = 0; g < n_groups; g++) {
        if (groups[g].n_key_deletes) return TARN_OK;
        for (size_t i = 0; i < groups[g].n_files; i++)
            if (!put_file(t, s, &groups[g], groups[g].files[i], &least, &greatest)) return TARN_OK;
        TRY(tarn_check(cx));
    }
    if (!least.failed && !greatest.failed) *out = make_scan(cx, t, s, &least, &greatest);
    return TARN_OK;
}

tarn_code tarn_totals_use(tarn_cx *cx, tarn_binding *b) {
    static const char sum[] = "CAST(coalesce(sum(\"" ROWS_COLUMN "\"), 0) AS BIGINT)";
    const tarn_totals *t = b->totals;
    if (!t) return TARN_OK;
    tarn_plan_ref *ref = &b->planned->refs.at[0];
    TRY(read_metadata(cx, t, ref, &ref->from_metadata));
    if (!ref->from_metadata) return TARN_OK;
    for (size_t i = 0; i < t->counts.n; i++) {
        const tarn_totals_count *c = &t->counts.at[i];
        if (c->label) TRY(tarn_label_item(cx, b->env->conn, b->top, tarn_bind_token(&b->top->tokens, c->at), 0));
        tarn_splice *s = TARN_PUSH(cx->arena, &b->top->splices);
        *s = (tarn_splice){.at = c->at, .n = c->n, .kind = TARN_SPLICE_TEXT, .text = sum};
    }
    tarn_bind_sort(b->top);
    return TARN_OK;
}
