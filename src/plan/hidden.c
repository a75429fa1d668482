/* hidden.c: columns that rows have beside the table's (row_ids.h): a query that names them sees them, and its stars do
 * not. */
#include "plan/bind.h"
#include "table/row_ids.h"

enum { JOINS_MAX = 3000, STAR_MAX = 1 << 20 };

static bool is(const tarn_json_value *node, const char *key, const char *text) {
    return tarn_str_is(tarn_json_as_str(tarn_json_get(node, key)), text);
}

bool tarn_hidden_named(const tarn_tokens *tokens) {
    for (size_t i = 0; i < tokens->tokens.n; i++) {
        const tarn_token *t = &tokens->tokens.at[i];
        tarn_str text = {tokens->text + t->at, t->n};
        if (t->kind == TARN_T_NAME && t->n >= 2) text = (tarn_str){text.p + 1, text.n - 2};
        bool name = t->kind == TARN_T_WORD || t->kind == TARN_T_NAME;
        if (name && (tarn_str_ieq(text, TARN_LIT(TARN_ROW_ID)) || tarn_str_ieq(text, TARN_LIT(TARN_ROW_SEQUENCE))))
            return true;
    }
    return false;
}

/* Columns to leave out of a star: those of each table by its alias. */
typedef struct hidden {
    const char *alias;
    const char *const *columns;
} hidden;

typedef TARN_VEC(hidden) hidden_list;

/* Those of a star over `relation` (empty: over all tables of the FROM clause that give columns). */
static void find_hidden(tarn_cx *cx, const tarn_scope *scope, const tarn_json_value *from, tarn_str relation,
                        hidden_list *out, int depth) {
    if (!from || depth > JOINS_MAX) return;
    bool asks_only = is(from, "join_type", "SEMI") || is(from, "join_type", "ANTI");
    find_hidden(cx, scope, tarn_json_get(from, "left"), relation, out, depth + 1);
    if (!asks_only) find_hidden(cx, scope, tarn_json_get(from, "right"), relation, out, depth + 1);
    int64_t at = tarn_json_as_int(tarn_json_get(from, "query_location"), -1);
    tarn_str given = tarn_json_as_str(tarn_json_get(from, "alias"));
    for (size_t i = 0; i < scope->splices.n && is(from, "type", "BASE_TABLE"); i++) {
        const tarn_splice *s = &scope->splices.at[i];
        if (!s->row_ids[0] || (int64_t)s->at != at) continue;
        const char *alias = s->alias ? s->alias : tarn_arena_strndup(cx->arena, given.p, given.n);
        if (!relation.n || tarn_str_ieq(relation, tarn_str_of(alias)))
            *TARN_PUSH(cx->arena, out) = (hidden){alias, s->row_ids};
    }
}

static void put_columns(tarn_buf *out, const hidden_list *list) {
    for (size_t i = 0; i < 2 * list->n; i++) {
        tarn_buf_puts(out, i ? ", " : "");
        tarn_buf_sql_name(out, list->at[i / 2].alias);
        tarn_buf_putc(out, '.');
        tarn_buf_puts(out, list->at[i / 2].columns[i % 2]);
    }
}

static bool is_hidden(const hidden_list *list, const tarn_name *name) {
    const char *column = name->part[name->n_parts - 1], *table = name->n_parts > 1 ? name->part[name->n_parts - 2] : "";
    for (size_t i = 0; i < list->n; i++)
        for (int k = 0; k < 2; k++)
            if (tarn_name_eq(column, list->at[i].columns[k]) && (!*table || tarn_name_eq(table, list->at[i].alias)))
                return true;
    return false;
}

static void add(tarn_cx *cx, tarn_scope *scope, size_t at, size_t n, const char *text) {
    *TARN_PUSH(cx->arena, &scope->splices) = (tarn_splice){.at = at, .n = n, .kind = TARN_SPLICE_TEXT, .text = text};
}

static bool is_op(const tarn_tokens *t, size_t i, char op) {
    return i < t->tokens.n && t->tokens.at[i].kind == TARN_T_OP && t->tokens.at[i].n == 1 &&
           t->text[t->tokens.at[i].at] == op;
}

/* The list behind EXCLUDE, with the columns in it: one that is named there already is named once. */
static tarn_code widen_list(tarn_cx *cx, tarn_scope *scope, tarn_cursor c, const hidden_list *list) {
    const tarn_tokens *t = &scope->tokens;
    tarn_auto_buf text = TARN_BUF(STAR_MAX);
    size_t at = t->tokens.at[c.i].at;
    bool several = is_op(t, c.i, '(');
    tarn_buf_putc(&text, '(');
    put_columns(&text, list);
    do {
        tarn_name name;
        c.i += several;
        size_t from = t->tokens.at[c.i].at;
        TRY(tarn_parse_name(cx, &c, &name));
        const tarn_token *last = &t->tokens.at[c.i - 1];
        if (!name.n_parts || is_hidden(list, &name)) continue;
        tarn_buf_puts(&text, ", ");
        tarn_buf_add(&text, t->text + from, last->at + last->n - from);
    } while (several && is_op(t, c.i, ','));
    tarn_buf_putc(&text, ')');
    if (several && !is_op(t, c.i, ')')) return TARN_OK;
    size_t end = t->tokens.at[several ? c.i : c.i - 1].at + t->tokens.at[several ? c.i : c.i - 1].n;
    if (!text.failed) add(cx, scope, at, end - at, tarn_buf_take(&text, cx->arena));
    return TARN_OK;
}

/* `*` and `t.*`, with or without columns left out already; FROM t stands for SELECT * FROM t. */
static tarn_code leave_out(tarn_cx *cx, tarn_scope *scope, size_t at, const hidden_list *list) {
    const tarn_tokens *t = &scope->tokens;
    tarn_cursor c = {t, tarn_bind_token(t, at)};
    tarn_auto_buf columns = TARN_BUF(STAR_MAX);
    put_columns(&columns, list);
    if (columns.failed) return TARN_OK;
    if (tarn_peek(&c, "FROM")) {
        add(cx, scope, at, 0, tarn_printf(cx, "SELECT * EXCLUDE (%s) ", columns.data));
        return TARN_OK;
    }
    while (is_op(t, c.i + 1, '.')) c.i += 2; /* schema . t . * */
    if (!is_op(t, c.i, '*')) return TARN_OK;
    size_t after = t->tokens.at[c.i].at + 1;
    c.i++;
    if (tarn_accept(&c, "EXCLUDE|EXCEPT")) return widen_list(cx, scope, c, list);
    add(cx, scope, after, 0, tarn_printf(cx, " EXCLUDE (%s)", columns.data));
    return TARN_OK;
}

/* NATURAL JOIN takes all columns of one name, these as well, in whatever way stars are told to leave them out. */
static tarn_code refuse_natural(tarn_cx *cx, const tarn_scope *scope, const tarn_json_value *from, int depth) {
    if (!from || depth > JOINS_MAX) return TARN_OK;
    TRY(refuse_natural(cx, scope, tarn_json_get(from, "left"), depth + 1));
    TRY(refuse_natural(cx, scope, tarn_json_get(from, "right"), depth + 1));
    hidden_list list = {0};
    if (is(from, "ref_type", "NATURAL")) find_hidden(cx, scope, from, (tarn_str){0}, &list, 0);
    if (!list.n) return TARN_OK;
    return tarn_fail(cx, TARN_UNSUPPORTED,
                     "NATURAL JOIN would join by %s and %s too, as the query names them: write JOIN … USING (columns)",
                     TARN_ROW_ID, TARN_ROW_SEQUENCE);
}

tarn_code tarn_hidden_stars(tarn_cx *cx, tarn_scope *scope, const tarn_json_value *select) {
    const tarn_json_value *list = tarn_json_get(select, "select_list"), *from = tarn_json_get(select, "from_table");
    if (select->kind != TARN_JSON_OBJECT || !list || !from) return TARN_OK;
    TRY(refuse_natural(cx, scope, from, 0));
    for (size_t i = 0; i < list->n; i++) {
        const tarn_json_value *item = tarn_json_at(list, i);
        hidden_list gone = {0};
        int64_t at = tarn_json_as_int(tarn_json_get(item, "query_location"), -1);
        bool star = is(item, "class", "STAR") && !tarn_json_as_bool(tarn_json_get(item, "columns"), false);
        if (!star || at < 0 || (size_t)at >= scope->tokens.n_text) continue;
        find_hidden(cx, scope, from, tarn_json_as_str(tarn_json_get(item, "relation_name")), &gone, 0);
        if (gone.n) TRY(leave_out(cx, scope, (size_t)at, &gone));
    }
    return TARN_OK;
}
