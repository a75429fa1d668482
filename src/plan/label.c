/* label.c: names result columns made of subqueries as DuckDB would have without what Tarn splices into them. */
#include "plan/bind.h"

static tarn_str text_of(const tarn_tokens *t, size_t i) {
    return (tarn_str){t->text + t->tokens.at[i].at, t->tokens.at[i].n};
}

static bool is_word(const tarn_tokens *t, size_t i, const char *words) {
    return t->tokens.at[i].kind == TARN_T_WORD && tarn_peek(&(tarn_cursor){t, i}, words);
}

/* +1 at an opening bracket, -1 at a closing one. */
static int nesting(const tarn_tokens *t, size_t i) {
    tarn_str text = text_of(t, i);
    if (t->tokens.at[i].kind != TARN_T_OP || text.n != 1) return 0;
    return strchr("([{", *text.p) ? 1 : strchr(")]}", *text.p) ? -1 : 0;
}

/* A clause of a SELECT begins here: what stands before it is over. */
static bool is_clause(const tarn_tokens *t, size_t i) {
    static const char clauses[] = "FROM|WHERE|GROUP|HAVING|QUALIFY|WINDOW|ORDER|LIMIT|OFFSET|UNION|INTERSECT|EXCEPT|"
                                  "VALUES|INTO|USING|FETCH";
    if (!is_word(t, i, clauses)) return false;
    if (i == 0) return true;
    return !(tarn_str_is(text_of(t, i - 1), ".") || (is_word(t, i, "FROM") && is_word(t, i - 1, "DISTINCT")) ||
             (is_word(t, i, "GROUP") && is_word(t, i - 1, "WITHIN")));
}

typedef struct item {
    size_t first, end; /* tokens */
} item;

/* Behind SELECT and what says which of its rows count. */
static size_t first_item(const tarn_tokens *t, size_t select) {
    size_t i = select + 1;
    if (is_word(t, i, "ALL|DISTINCT")) i++;
    if (!is_word(t, i, "ON") || !is_word(t, i - 1, "DISTINCT")) return i;
    int depth = 0;
    do {
        i++;
        depth += nesting(t, i);
    } while (depth > 0 && i + 1 < t->tokens.n);
    return i + 1;
}

/* The item of a select list that token i stands in; of several around each other the one `up` levels out. */
static bool find_item(const tarn_tokens *t, size_t i, int up, item *out) {
    size_t inside = i, first = 0;
    bool settled = false; /* which clause it is at this level of brackets is known */
    int depth = 0;
    while (i-- > 0) {
        int step = nesting(t, i);
        depth -= step;
        if (depth < 0) {
            depth = 0;
            inside = i;
            first = 0;
            settled = false;
        } else if (depth > 0 || step || settled) {
            continue;
        } else if (tarn_str_is(text_of(t, i), ",")) {
            if (!first) first = i + 1;
        } else if (is_word(t, i, "SELECT")) {
            settled = true;
            if (up-- > 0) continue;
            size_t end = inside;
            for (int in = 0; end + 1 < t->tokens.n; end++) {
                bool stop = tarn_str_is(text_of(t, end), ",") || tarn_str_is(text_of(t, end), ";") || is_clause(t, end);
                if (in == 0 && (stop || nesting(t, end) < 0)) break;
                in += nesting(t, end);
            }
            *out = (item){first ? first : first_item(t, i), end};
            return out->first < end;
        } else {
            settled = is_clause(t, i);
        }
    }
    return false;
}

/* Keys that stand for tables DuckDB cannot spell are shown as these. */
static const char *show_keys(tarn_cx *cx, const tarn_scope *scope, const char *name) {
    for (size_t i = scope->query.refs.n; i-- > 0;) {
        const tarn_foreign_ref *ref = &scope->query.refs.at[i];
        const char *key = tarn_sql_name(cx->arena, ref->key), *found = strstr(name, key);
        const char *shown =
            ref->call.p ? tarn_arena_strndup(cx->arena, ref->call.p, ref->call.n) : tarn_bind_name_text(cx, &ref->name);
        if (found) name = tarn_printf(cx, "%.*s%s%s", (int)(found - name), name, shown, found + strlen(key));
    }
    return name;
}

/* A text that DuckDB does not print stands for itself. */
static tarn_code make_name(tarn_cx *cx, tarn_conn *conn, const tarn_scope *scope, tarn_str text, const char **out) {
    static const char verb[] = "SELECT ";
    const char *select = tarn_printf(cx, "%s%.*s", verb, (int)text.n, text.p);
    char *printed = NULL;
    tarn_code code = tarn_conn_text(
        cx, conn,
        tarn_printf(cx, "SELECT json_deserialize_sql(json_serialize_sql(%s))", tarn_sql_string(cx->arena, select)),
        &printed);
    if (code == TARN_CANCELLED || code == TARN_TIMEOUT) return code;
    if (code != TARN_OK) tarn_clear_error(cx);
    *out = show_keys(cx, scope, (printed ? printed : select) + strlen(verb));
    return TARN_OK;
}

tarn_code tarn_label_item(tarn_cx *cx, tarn_conn *conn, tarn_scope *scope, size_t token, int up) {
    const tarn_tokens *t = &scope->tokens;
    item found;
    const char *name;
    if (!find_item(t, token, up, &found)) return TARN_OK; /* the name stays as it comes */
    size_t from = t->tokens.at[found.first].at, to = t->tokens.at[found.end - 1].at + t->tokens.at[found.end - 1].n;
    TRY(make_name(cx, conn, scope, (tarn_str){t->text + from, to - from}, &name));
    tarn_splice *s = TARN_PUSH(cx->arena, &scope->splices);
    *s = (tarn_splice){.at = to, .kind = TARN_SPLICE_TEXT, .text = "", .alias = name};
    return TARN_OK;
}
