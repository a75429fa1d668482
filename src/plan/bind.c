/* bind.c: walks DuckDB's syntax tree of a query for table references, resolves them, and records where to splice. */
#include "plan/bind.h"

#include <stdlib.h>

#include "format/data_path.h"
#include "plan/totals.h"
#include "plan/written.h"
#include "store/path.h"
#include "table/row_ids.h"

enum { AST_DEPTH_MAX = 3000 };

typedef const tarn_json_value json;

/* Names a WITH made visible, innermost first. */
typedef struct cte {
    const struct cte *up;
    tarn_str name;
} cte;

/* An item of a select list without a name of its own that something was spliced into. */
typedef struct label {
    size_t splice;
    int items; /* it is the so many-th item around the splice, counted from outside */
} label;

typedef struct walker {
    tarn_binding *binding;
    tarn_scope *scope;
    bool hidden; /* the text names columns of rows that are not the table's */
    int items;   /* that are being walked */
    TARN_VEC(label) labels;
    TARN_VEC(json *) columns; /* COLUMN_REFs with several parts, looked at when all tables are known */
    TARN_VEC(tarn_name) tables;
    TARN_VEC(tarn_str) aliases;
} walker;

/* A text that begins like a URI of a store may be read by the query. One that is no place after all harms nothing. */
static void reach_literals(tarn_cx *cx, const tarn_binding *binding, const tarn_tokens *tokens) {
    for (size_t i = 0; i < tokens->tokens.n; i++) {
        const tarn_token *t = &tokens->tokens.at[i];
        if ((t->kind != TARN_T_STRING && t->kind != TARN_T_NAME) || t->n < 2) continue;
        tarn_str text = {tokens->text + t->at + 1, t->n - 2};
        if (!tarn_uri_scheme(text).n || !tarn_store_driver_for(text)) continue;
        if (tarn_data_reach_uri(cx, binding->env->engine, text) != TARN_OK) tarn_clear_error(cx);
    }
}

static tarn_code bind_scope(tarn_cx *cx, tarn_binding *binding, tarn_scope *scope);

static bool is(json *node, const char *key, const char *text) {
    return tarn_str_is(tarn_json_as_str(tarn_json_get(node, key)), text);
}

size_t tarn_bind_token(const tarn_tokens *t, size_t at) {
    size_t lo = 0, hi = t->tokens.n - 1; /* END is always there */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->tokens.at[mid].at < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* A fault at a byte of the scope's text, shown in the text the user wrote. In a view he wrote none. */
static tarn_code fail_in(tarn_cx *cx, const tarn_scope *scope, tarn_code code, size_t at, tarn_str message) {
    if (!scope->source.p) return tarn_fail(cx, code, "%.*s", (int)message.n, message.p);
    return tarn_fail_at(cx, code, scope->source, tarn_text_origin(&scope->query.text, at), "%.*s", (int)message.n,
                        message.p);
}

static const tarn_foreign_ref *find_foreign(const tarn_scope *scope, const char *key) {
    for (size_t i = 0; i < scope->query.refs.n; i++)
        if (strcmp(scope->query.refs.at[i].key, key) == 0) return &scope->query.refs.at[i];
    return NULL;
}

static tarn_splice *add_splice(tarn_cx *cx, walker *w, size_t at, size_t n, tarn_splice_kind kind) {
    tarn_splice *s = TARN_PUSH(cx->arena, &w->scope->splices);
    *s = (tarn_splice){.at = at, .n = n, .kind = kind, .items = w->items};
    return s;
}

/* `TABLE t` is only spelled FROM when a select stands in t's place. */
static void respell_table(tarn_cx *cx, walker *w, size_t token) {
    const tarn_tokens *t = &w->scope->tokens;
    if (token == 0) return;
    const tarn_token *before = &t->tokens.at[token - 1];
    if (before->kind == TARN_T_WORD && tarn_str_ieq((tarn_str){t->text + before->at, before->n}, TARN_LIT("TABLE")))
        add_splice(cx, w, before->at, before->n, TARN_SPLICE_TEXT)->text = "FROM";
}

static tarn_code describe_extra(tarn_cx *cx, tarn_binding *b, const char *from, tarn_splice *s) {
    tarn_schema *schema;
    TRY(tarn_conn_describe(cx, b->env->conn, tarn_printf(cx, "SELECT * FROM %s", from), cx->arena, &schema));
    tarn_extra_shell *extra = TARN_PUSH(cx->arena, &b->extras);
    extra->name = tarn_printf(cx, "tarn_x%zu", b->extras.n - 1);
    extra->schema = schema;
    s->shell = tarn_printf(cx, "temp.\"%s\"", extra->name);
    return TARN_OK;
}

static tarn_code take_rows(tarn_cx *cx, tarn_binding *b, tarn_relation *rel, tarn_splice *s) {
    const char *name = tarn_printf(cx, "tarn_rows%zu", b->extras.n);
    if (rel->kind == TARN_REL_SOURCE)
        TRY(tarn_conn_offer(cx, b->env->conn, name, &rel->source));
    else
        TRY(tarn_conn_ingest(cx, b->env->conn, name, &rel->rows));
    s->text = tarn_printf(cx, "temp.\"%s\"", name);
    return describe_extra(cx, b, s->text, s);
}

static bool same_name(const tarn_name *a, const tarn_name *b) {
    bool same = a->n_parts == b->n_parts;
    for (int i = 0; same && i < a->n_parts; i++) same = tarn_name_eq(a->part[i], b->part[i]);
    return same;
}

/* The view in which the fault stands names it, not those that read it. A place in its text is not one in the user's. */
static tarn_code fail_view(tarn_cx *cx, tarn_code code, const char *name) {
    tarn_error was = cx->error;
    if (code == TARN_OK || strncmp(was.message, "view ", 5) == 0) return code;
    return tarn_fail(cx, code, "view %s: %s", name, was.message);
}

static tarn_code bind_view(tarn_cx *cx, walker *w, const tarn_relation *rel, const char *name, tarn_splice *s) {
    int depth_max = (int)tarn_conf_int(cx->conf, TARN_LIMIT_VIEW_DEPTH);
    for (const tarn_scope *o = w->scope; o->view; o = o->outer)
        if (same_name(o->view, rel->known_as)) return tarn_fail(cx, TARN_INVALID, "view %s reads itself", name);
    if (w->scope->depth >= depth_max)
        return tarn_fail(cx, TARN_LIMIT, "view %s: views stand more than %d deep (limit.view_depth)", name, depth_max);
    tarn_scope *inner = TARN_NEW(cx->arena, tarn_scope);
    inner->outer = w->scope;
    inner->outer_at = s->at;
    inner->view = rel->known_as;
    inner->view_state = rel->view_state;
    inner->depth = w->scope->depth + 1;
    s->scope = inner;
    *TARN_PUSH(cx->arena, &w->binding->planned->views) = rel->known_as;
    TRY(fail_view(cx, tarn_dialect_query(cx, tarn_str_of(rel->sql), &inner->query), name));
    return fail_view(cx, bind_scope(cx, w->binding, inner), name);
}

const char *tarn_bind_name_text(tarn_cx *cx, const tarn_name *name) {
    tarn_auto_buf out = TARN_BUF(1 << 16);
    for (int i = 0; i < name->n_parts; i++) {
        tarn_buf_puts(&out, i ? "." : "");
        tarn_buf_puts(&out, name->part[i]);
    }
    if (name->path) tarn_buf_printf(&out, "%s`%s`", name->n_parts ? "." : "", name->path);
    return tarn_buf_take(&out, cx->arena);
}

/* With the columns that only a query which names them sees. */
static tarn_code show_hidden(tarn_cx *cx, tarn_relation *rel, tarn_splice *s) {
    tarn_snapshot *wide = NULL;
    if (tarn_row_ids_there(rel->snapshot)) {
        s->row_ids[0] = tarn_row_ids_name(rel->snapshot->schema);
        s->row_ids[1] = tarn_row_ids_sequence_name(rel->snapshot->schema);
    }
    TRY(tarn_row_ids_open(cx, rel->snapshot, &wide));
    tarn_snapshot_release(rel->snapshot);
    rel->snapshot = wide;
    return TARN_OK;
}

/* What a resolved name becomes. */
static tarn_code splice_relation(tarn_cx *cx, walker *w, tarn_relation *rel, const tarn_name *name, size_t at, size_t n,
                                 const char *alias, bool show) {
    tarn_binding *b = w->binding;
    const char *text = tarn_bind_name_text(cx, name);
    if (rel->kind == TARN_REL_NONE) return TARN_OK;
    respell_table(cx, w, tarn_bind_token(&w->scope->tokens, at));
    size_t place = w->scope->splices.n;
    add_splice(cx, w, at, n,
               rel->kind == TARN_REL_TABLE  ? TARN_SPLICE_REF
               : rel->kind == TARN_REL_VIEW ? TARN_SPLICE_SCOPE
                                            : TARN_SPLICE_TEXT);
    tarn_splice s = w->scope->splices.at[place];
    s.alias = alias;
    s.show = show;
    if (rel->kind == TARN_REL_TABLE) {
        if (w->hidden && !rel->positions) TRY(show_hidden(cx, rel, &s));
        s.ref = b->planned->refs.n;
        tarn_plan_ref *ref = TARN_PUSH(cx->arena, &b->planned->refs);
        *ref = (tarn_plan_ref){.name = text, .snapshot = rel->snapshot, .positions = rel->positions};
    } else if (rel->kind == TARN_REL_VIEW) {
        TRY(bind_view(cx, w, rel, text, &s));
    } else if (rel->kind == TARN_REL_ROWS || rel->kind == TARN_REL_SOURCE) {
        TRY(take_rows(cx, b, rel, &s));
    } else {
        s.text = rel->sql;
        TRY(describe_extra(cx, b, rel->sql, &s));
    }
    w->scope->splices.at[place] = s;
    return TARN_OK;
}

static tarn_code bind_foreign(tarn_cx *cx, walker *w, const tarn_foreign_ref *f, size_t at, size_t n, const char *alias,
                              bool show) {
    const tarn_plan_env *env = w->binding->env;
    tarn_at when = {.kind = TARN_AT_LATEST};
    tarn_relation rel = {0};
    if (f->travel.kind) TRY(tarn_plan_at(cx, env, &f->travel, &when));
    if (f->call.p) {
        tarn_str function = {f->call.p, strcspn(f->call.p, "( \t\r\n")};
        TRY(env->resolver.call(cx, env->resolver.state, function, f->call, &when, &rel));
    } else {
        TRY(env->resolver.resolve(cx, env->resolver.state, w->scope->view_state, &f->name, &when, &rel));
    }
    if (rel.kind == TARN_REL_NONE) {
        return tarn_fail(cx, TARN_NOTFOUND, "%s is not a table of the lake: time travel and paths need one",
                         tarn_bind_name_text(cx, &f->name));
    }
    *TARN_PUSH(cx->arena, &w->tables) = f->name;
    return splice_relation(cx, w, &rel, &f->name, at, n, alias, show);
}

static bool in_ctes(const cte *c, tarn_str name) {
    for (; c; c = c->up)
        if (c->name.n == name.n && tarn_str_ieq(c->name, name)) return true;
    return false;
}

static tarn_code bind_table(tarn_cx *cx, walker *w, json *node, const cte *ctes, bool show) {
    tarn_str catalog = tarn_json_as_str(tarn_json_get(node, "catalog_name")),
             schema = tarn_json_as_str(tarn_json_get(node, "schema_name"));
    tarn_str table = tarn_json_as_str(tarn_json_get(node, "table_name"));
    int64_t at = tarn_json_as_int(tarn_json_get(node, "query_location"), -1);
    if (at < 0 || (size_t)at >= w->scope->tokens.n_text) return TARN_OK; /* made by DuckDB, not in the text */
    if (!catalog.n && !schema.n && in_ctes(ctes, table)) return TARN_OK;
    size_t first = tarn_bind_token(&w->scope->tokens, (size_t)at);
    if (w->scope->tokens.tokens.at[first].kind == TARN_T_STRING) return TARN_OK; /* 'x.csv': DuckDB reads it */
    tarn_cursor cursor = {&w->scope->tokens, first};
    tarn_name name;
    TRY(tarn_parse_name(cx, &cursor, &name));
    const tarn_token *last = &w->scope->tokens.tokens.at[cursor.i - 1];
    size_t n = last->at + last->n - (size_t)at;
    bool aliased = tarn_json_as_str(tarn_json_get(node, "alias")).n > 0;
    const tarn_foreign_ref *foreign = name.n_parts == 1 && !name.path ? find_foreign(w->scope, name.part[0]) : NULL;
    const tarn_name *shown = foreign ? &foreign->name : &name;
    const char *alias = aliased          ? NULL
                        : shown->path    ? shown->path
                        : shown->n_parts ? shown->part[shown->n_parts - 1]
                                         : "t";
    if (foreign) return bind_foreign(cx, w, foreign, (size_t)at, n, alias, show);
    tarn_relation rel = {0};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    const tarn_resolver *r = &w->binding->env->resolver;
    tarn_code code = r->resolve(cx, r->state, w->scope->view_state, &name, &latest, &rel);
    if (code != TARN_OK) {
        tarn_error was = cx->error;
        return was.line ? code : fail_in(cx, w->scope, code, (size_t)at, tarn_str_of(was.message));
    }
    *TARN_PUSH(cx->arena, &w->tables) = rel.known_as ? *rel.known_as : name;
    return splice_relation(cx, w, &rel, &name, (size_t)at, n, alias, show);
}

static tarn_code walk(tarn_cx *cx, walker *w, json *node, const cte *ctes, bool show, int depth);

/* * and COLUMNS(…) give several columns. */
static bool has_star(json *e, int depth) {
    if (!e || depth > AST_DEPTH_MAX || (e->kind != TARN_JSON_OBJECT && e->kind != TARN_JSON_ARRAY)) return false;
    if (is(e, "class", "STAR")) return true;
    for (size_t i = 0; i < e->n; i++) {
        bool inner = e->kind == TARN_JSON_OBJECT && tarn_str_is(e->keys[i], "subquery");
        if (!inner && has_star(&e->items[i], depth + 1)) return true;
    }
    return false;
}

static tarn_code walk_items(tarn_cx *cx, walker *w, json *list, const cte *ctes, int depth) {
    for (size_t i = 0; i < list->n; i++) {
        json *item = &list->items[i];
        size_t before = w->scope->splices.n;
        w->items++;
        TRY(walk(cx, w, item, ctes, false, depth + 1));
        bool named = tarn_json_as_str(tarn_json_get(item, "alias")).n > 0;
        if (w->scope->splices.n > before && !named && !has_star(item, 0))
            *TARN_PUSH(cx->arena, &w->labels) = (label){before, w->items};
        w->items--;
    }
    return TARN_OK;
}

/* Member i of an object, or item i of a list. */
static tarn_code walk_member(tarn_cx *cx, walker *w, json *node, size_t i, const cte *ctes, bool show, int depth) {
    json *member = &node->items[i];
    bool items =
        node->kind == TARN_JSON_OBJECT && member->kind == TARN_JSON_ARRAY && tarn_str_is(node->keys[i], "select_list");
    return items ? walk_items(cx, w, member, ctes, depth + 1) : walk(cx, w, member, ctes, show, depth + 1);
}

/* Earlier WITH names are visible to later ones; a recursive one to itself. */
static tarn_code walk_with(tarn_cx *cx, walker *w, json *node, const cte *ctes, bool show, int depth) {
    json *map = tarn_json_get(tarn_json_get(node, "cte_map"), "map");
    for (size_t i = 0; map && i < map->n; i++) {
        json *entry = tarn_json_at(map, i), *query = tarn_json_get(tarn_json_get(entry, "value"), "query");
        cte *named = TARN_NEW(cx->arena, cte);
        *named = (cte){.up = ctes, .name = tarn_json_as_str(tarn_json_get(entry, "key"))};
        bool recursive = is(tarn_json_get(query, "node"), "type", "RECURSIVE_CTE_NODE");
        TRY(walk(cx, w, query, recursive ? named : ctes, false, depth + 1));
        ctes = named;
    }
    for (size_t i = 0; i < node->n; i++)
        if (!tarn_str_is(node->keys[i], "cte_map")) TRY(walk_member(cx, w, node, i, ctes, show, depth));
    return w->hidden ? tarn_hidden_stars(cx, w->scope, node) : TARN_OK;
}

/* SUMMARIZE t: DuckDB puts a SELECT * around t that the text does not have. */
static bool is_whole_table(json *select) {
    json *star = tarn_json_at(tarn_json_get(select, "select_list"), 0);
    bool in_text = tarn_json_as_int(tarn_json_get(star, "query_location"), -1) >= 0;
    return is(tarn_json_get(select, "from_table"), "type", "BASE_TABLE") && is(star, "class", "STAR") && !in_text;
}

static tarn_code walk(tarn_cx *cx, walker *w, json *node, const cte *ctes, bool show, int depth) {
    if (!node || (node->kind != TARN_JSON_OBJECT && node->kind != TARN_JSON_ARRAY)) return TARN_OK;
    if (depth > AST_DEPTH_MAX) return tarn_fail(cx, TARN_LIMIT, "the query is nested too deep");
    if (node->kind == TARN_JSON_OBJECT) {
        tarn_str alias = tarn_json_as_str(tarn_json_get(node, "alias"));
        if (alias.n) *TARN_PUSH(cx->arena, &w->aliases) = alias;
        if (is(node, "type", "BASE_TABLE")) return bind_table(cx, w, node, ctes, show);
        if (is(node, "class", "COLUMN_REF")) {
            json *names = tarn_json_get(node, "column_names");
            if (names && names->n > 1) *TARN_PUSH(cx->arena, &w->columns) = node;
            return TARN_OK;
        }
        if (is(node, "type", "SHOW_REF"))
            show = true;
        else if (tarn_json_get(node, "select_list"))
            show = show && is_whole_table(node);
        if (tarn_json_get(node, "cte_map")) return walk_with(cx, w, node, ctes, show, depth);
    }
    for (size_t i = 0; i < node->n; i++) TRY(walk_member(cx, w, node, i, ctes, show, depth));
    return w->hidden ? tarn_hidden_stars(cx, w->scope, node) : TARN_OK;
}

/* Columns can be qualified with this word alone. */
static bool is_visible(const walker *w, tarn_str name) {
    for (size_t i = 0; i < w->aliases.n; i++)
        if (tarn_str_ieq(w->aliases.at[i], name)) return true;
    for (size_t i = 0; i < w->tables.n; i++) {
        const tarn_name *table = &w->tables.at[i];
        if (table->n_parts && tarn_str_ieq(tarn_str_of(table->part[table->n_parts - 1]), name)) return true;
    }
    return false;
}

/* Parts of the column's name that spell a table's qualified name, less its last part: what must go now that only the
 * alias is visible. All parts may: a table's name is its whole row. */
static size_t prefix_parts(const walker *w, json *names) {
    bool column = is_visible(w, tarn_json_as_str(tarn_json_at(names, 0)));
    for (size_t t = 0; t < w->tables.n; t++) {
        const tarn_name *table = &w->tables.at[t];
        for (int from = 0; from + 2 <= table->n_parts; from++) {
            size_t k = (size_t)(table->n_parts - from);
            if (names->n < k || (names->n == k && column)) continue;
            size_t same = 0;
            while (same < k && tarn_str_ieq(tarn_json_as_str(tarn_json_at(names, same)),
                                            tarn_str_of(table->part[(size_t)from + same])))
                same++;
            if (same == k) return k - 1;
        }
    }
    return 0;
}

static void strip_prefixes(tarn_cx *cx, walker *w) {
    const tarn_tokens *t = &w->scope->tokens;
    for (size_t i = 0; i < w->columns.n; i++) {
        json *node = w->columns.at[i];
        int64_t at = tarn_json_as_int(tarn_json_get(node, "query_location"), -1);
        size_t parts = prefix_parts(w, tarn_json_get(node, "column_names"));
        if (!parts || at < 0 || (size_t)at >= t->n_text) continue;
        size_t token = tarn_bind_token(t, (size_t)at) + 2 * parts; /* name . name . */
        if (token < t->tokens.n)
            add_splice(cx, w, (size_t)at, t->tokens.at[token].at - (size_t)at, TARN_SPLICE_TEXT)->text = "";
    }
}

static tarn_code add_labels(tarn_cx *cx, walker *w) {
    for (size_t i = 0; i < w->labels.n; i++) {
        const label *l = &w->labels.at[i];
        const tarn_splice *s = &w->scope->splices.at[l->splice];
        TRY(tarn_label_item(cx, w->binding->env->conn, w->scope, tarn_bind_token(&w->scope->tokens, s->at),
                            s->items - l->items));
    }
    return TARN_OK;
}

static void add_params(tarn_cx *cx, walker *w) {
    const tarn_tokens *t = &w->scope->tokens;
    for (size_t i = 0; i < t->tokens.n; i++) {
        const tarn_token *token = &t->tokens.at[i];
        tarn_str name = {t->text + token->at + 1, token->n - 1};
        int64_t position = 0;
        if (token->kind != TARN_T_PARAM || token->n < 2) continue;
        bool by_position = tarn_parse_i64(name, &position);
        for (size_t b = 0; b < w->binding->n_binds; b++) {
            const char *bound = w->binding->binds[b].name;
            if (by_position ? !bound && (int64_t)b + 1 == position : bound && tarn_str_ieq(tarn_str_of(bound), name))
                add_splice(cx, w, token->at, token->n, TARN_SPLICE_PARAM)->ref = b;
        }
    }
}

static bool has_inner_limit(const tarn_scope *scope) {
    const tarn_tokens *t = &scope->tokens;
    int depth = scope->outer ? 1 : 0;
    for (size_t i = 0; i < t->tokens.n; i++) {
        tarn_str text = {t->text + t->tokens.at[i].at, t->tokens.at[i].n};
        if (t->tokens.at[i].kind == TARN_T_OP && text.n == 1) depth += (*text.p == '(') - (*text.p == ')');
        bool word = t->tokens.at[i].kind == TARN_T_WORD;
        if (depth > 0 && word && (tarn_str_ieq(text, TARN_LIT("LIMIT")) || tarn_str_ieq(text, TARN_LIT("FETCH"))))
            return true;
    }
    return false;
}

static int by_place(const void *a, const void *b) {
    const tarn_splice *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

void tarn_bind_sort(tarn_scope *scope) {
    if (scope->splices.n) qsort(scope->splices.at, scope->splices.n, sizeof *scope->splices.at, by_place);
}

static tarn_code read_tree(tarn_cx *cx, const tarn_binding *binding, tarn_scope *scope, bool again,
                           const tarn_json_value **out) {
    const char *text;
    int64_t at;
    TRY(tarn_tree_json(cx, binding->env->conn, TARN_TREE_QUERY, scope->query.text.sql, &text));
    TRY(tarn_json_parse(cx, cx->arena, tarn_str_of(text), AST_DEPTH_MAX, out));
    if (!tarn_json_as_bool(tarn_json_get(*out, "error"), true)) return TARN_OK;
    tarn_str message = tarn_json_as_str(tarn_json_get(*out, "error_message"));
    if (tarn_parse_i64(tarn_json_as_str(tarn_json_get(*out, "position")), &at))
        return fail_in(cx, scope, TARN_INVALID, (size_t)at, message);
    if (is(*out, "error_type", "parser")) return tarn_fail(cx, TARN_INVALID, "%.*s", (int)message.n, message.p);
    /* DuckDB parsed it, but has no tree for it: it is no query, or a PIVOT that runs its own first to find its values.
     */
    bool filled = false;
    if (!again) TRY(tarn_pivot_fill(cx, scope, &filled));
    if (filled) return read_tree(cx, binding, scope, true, out);
    return fail_in(cx, scope, TARN_INVALID, 0, TARN_LIT("a query has to stand here: SELECT, FROM, WITH, VALUES"));
}

/* Rows of VALUES name no table, but in a query within them: there is no need to ask DuckDB for their tree. What is
 * wrong with them is said when they run. */
static bool names_no_table(const tarn_tokens *tokens) {
    tarn_cursor c = {tokens, 0};
    if (!tarn_peek(&c, "VALUES")) return false;
    for (; tokens->tokens.at[c.i].kind != TARN_T_END; c.i++) {
        bool word = tokens->tokens.at[c.i].kind == TARN_T_WORD;
        if (word ? tarn_peek(&c, "SELECT|FROM|TABLE|PIVOT|UNPIVOT|DESCRIBE|DESC|SUMMARIZE|SHOW") : tarn_peek(&c, ";"))
            return false;
    }
    return true;
}

static tarn_code bind_scope(tarn_cx *cx, tarn_binding *binding, tarn_scope *scope) {
    walker w = {.binding = binding, .scope = scope};
    const tarn_json_value *ast = NULL;
    TRY(tarn_lex(cx, (tarn_str){scope->query.text.sql, scope->query.text.n}, &scope->tokens));
    w.hidden = tarn_hidden_named(&scope->tokens);
    reach_literals(cx, binding, &scope->tokens);
    if (!names_no_table(&scope->tokens)) TRY(read_tree(cx, binding, scope, false, &ast));
    const tarn_json_value *statements = tarn_json_get(ast, "statements");
    TRY(walk(cx, &w, statements, NULL, false, 0));
    strip_prefixes(cx, &w);
    TRY(add_labels(cx, &w));
    binding->planned->inner_limit = binding->planned->inner_limit || has_inner_limit(scope);
    if (!scope->outer) add_params(cx, &w);
    tarn_bind_sort(scope);
    if (scope->outer) return TARN_OK;
    tarn_totals_find(cx, binding, statements);
    tarn_written_find(cx, binding, statements);
    return TARN_OK;
}

tarn_code tarn_bind_query(tarn_cx *cx, tarn_binding *binding, tarn_str sql) {
    tarn_scope *top = TARN_NEW(cx->arena, tarn_scope);
    binding->top = top;
    top->source = sql;
    TRY(tarn_dialect_query(cx, sql, &top->query));
    return bind_scope(cx, binding, top);
}
