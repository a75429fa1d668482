/* guard.c: classifies statements by Tarn's own list, so that nothing reaches DuckDB that Tarn did not choose to send.
 */
#include "session/guard.h"

/* Tokens matched by the longest alternative of `keywords`, or 0. */
static size_t match(const tarn_cursor *at, const char *keywords, tarn_arena *arena) {
    size_t best = 0;
    for (const char *p = keywords, *end; *p; p = *end ? end + 1 : end) {
        end = p + strcspn(p, "|");
        tarn_cursor c = *at;
        if (tarn_accept(&c, tarn_arena_strndup(arena, p, (size_t)(end - p))) && c.i - at->i > best) best = c.i - at->i;
    }
    return best;
}

/* Shows as many words as no statement begins with: one, or two when the first is known. */
static tarn_code refuse(tarn_cx *cx, const tarn_lake *lake, const tarn_cursor *cursor) {
    const tarn_token *first = &cursor->tokens->tokens.at[cursor->i];
    tarn_str text = {cursor->tokens->text, cursor->tokens->n_text}, word = tarn_token_text(cursor);
    if (tarn_at_end(cursor)) return tarn_fail(cx, TARN_INVALID, "the statement is empty");
    bool known = false;
    for (const tarn_stmt *const *s = lake->stmts; *s && !known; s++)
        for (const char *p = (*s)->keywords; *p && !known; p += strcspn(p, "|"), p += *p == '|')
            known = tarn_str_ieq(word, (tarn_str){p, strcspn(p, " |")});
    if (known && first[1].kind == TARN_T_WORD) word.n = first[1].at + first[1].n - first->at;
    return tarn_fail_at(cx, TARN_INVALID, text, first->at, "no statement begins with \"%.*s\"", (int)word.n, word.p);
}

tarn_code tarn_guard_find(tarn_cx *cx, const tarn_lake *lake, tarn_cursor *cursor, const tarn_stmt **out) {
    const tarn_stmt *found = NULL;
    size_t longest = 0;
    for (const tarn_stmt *const *s = lake->stmts; *s; s++) {
        size_t n = match(cursor, (*s)->keywords, cx->arena);
        if (n > longest) {
            longest = n;
            found = *s;
        }
    }
    if (!found) return refuse(cx, lake, cursor);
    cursor->i += longest;
    *out = found;
    return TARN_OK;
}

tarn_code tarn_guard_check(tarn_cx *cx, const tarn_session *s, const tarn_stmt *stmt) {
    if (!s->principal || stmt->privilege == TARN_PRIV_NONE) return TARN_OK;
    return tarn_fail(cx, TARN_DENIED, "%s: principal %s has no grants", stmt->name, s->principal);
}

bool tarn_session_is_engine_name(const tarn_name *name) {
    static const char *const schemas[] = {"information_schema", "pg_catalog", "temp", "memory", "system"};
    static const char *const tables[] = {"duckdb_settings",   "duckdb_functions", "duckdb_types",
                                         "duckdb_extensions", "duckdb_memory",    "duckdb_optimizers"};
    for (size_t i = 0; name->n_parts > 1 && i < sizeof schemas / sizeof *schemas; i++)
        if (tarn_name_eq(name->part[0], schemas[i])) return true;
    for (size_t i = 0; name->n_parts == 1 && i < sizeof tables / sizeof *tables; i++)
        if (tarn_name_eq(name->part[0], tables[i])) return true;
    return false;
}
