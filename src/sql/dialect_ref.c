/* dialect_ref.c: tables in FROM that DuckDB cannot parse (time travel, paths with a format, four parts, Tarn's
 * functions) become keys. */
#include "sql/rewrite.h"

/* Words that can follow a table and are no alias of it. */
static const char no_alias[] = "WHERE|JOIN|INNER|LEFT|RIGHT|FULL|OUTER|CROSS|NATURAL|ASOF|SEMI|ANTI|POSITIONAL|ON|"
                               "USING|GROUP|HAVING|ORDER|LIMIT|OFFSET|UNION|INTERSECT|EXCEPT|QUALIFY|"
                               "WINDOW|TABLESAMPLE|PIVOT|UNPIVOT|SELECT|VALUES|FROM|FOR|FETCH|SET|WHEN|LATERAL|"
                               "RETURNING|AND|OR|THEN|INTO|BY|AT (|PIVOT_WIDER|PIVOT_LONGER";

static const char *const table_functions[] = {
    "table_changes",      "table_diff", "table_changes_raw", "table_diff_raw",      "delta_scan",
    "iceberg_scan",       "hudi_scan",  "hudi_incremental",  "hudi_read_optimized", "read_avro",
    "point_in_time_join", "ml.predict", "ml.evaluate"};

typedef struct ref_extent {
    size_t name, name_last; /* tokens */
    int parts;
    size_t close;            /* a call's closing paren; 0: no call */
    size_t alias, alias_end; /* equal: none */
    size_t next;
    tarn_travel travel;
    size_t travel_at;
} ref_extent;

static bool is_ident(const tarn_rewrite *rw, size_t i) {
    tarn_token_kind kind = tarn_rewrite_token(rw, i)->kind;
    return kind == TARN_T_WORD || kind == TARN_T_NAME;
}

static void find_name(const tarn_rewrite *rw, size_t i, ref_extent *ref) {
    *ref = (ref_extent){.name = i, .name_last = i, .parts = 1};
    while (tarn_rewrite_is(rw, ref->name_last + 1, ".") && is_ident(rw, ref->name_last + 2)) {
        ref->name_last += 2;
        ref->parts++;
    }
}

/* The call of one of Tarn's table functions, in its own name or in the schema ML's. */
static bool is_table_function(const tarn_rewrite *rw, const ref_extent *ref) {
    if (!tarn_rewrite_is(rw, ref->name_last + 1, "(") || !rw->match[ref->name_last + 1]) return false;
    const tarn_token *first = tarn_rewrite_token(rw, ref->name);
    tarn_str name = {rw->tokens->text + first->at, tarn_rewrite_end(rw, ref->name_last) - first->at};
    for (size_t i = 0; i < sizeof table_functions / sizeof *table_functions; i++)
        if (tarn_str_ieq(name, tarn_str_of(table_functions[i]))) return true;
    return false;
}

static tarn_code find_travel(tarn_rewrite *rw, ref_extent *ref) {
    if (ref->travel.kind) return TARN_OK;
    tarn_cursor c = {rw->tokens, ref->next};
    TRY(tarn_parse_travel(rw->cx, &c, &ref->travel));
    ref->travel_at = ref->next;
    ref->next = c.i;
    return TARN_OK;
}

/* [AS] alias [(columns)] at ref->next. */
static void find_alias(const tarn_rewrite *rw, ref_extent *ref) {
    size_t at = ref->next;
    if (tarn_rewrite_is(rw, at, "AS")) {
        at++;
        if (!is_ident(rw, at)) return;
    } else if (!is_ident(rw, at) || tarn_rewrite_is(rw, at, no_alias)) {
        return;
    }
    ref->alias = at;
    ref->alias_end = at + 1;
    if (tarn_rewrite_is(rw, at + 1, "(") && rw->match[at + 1]) ref->alias_end = rw->match[at + 1] + 1;
    ref->next = ref->alias_end;
}

/* The clause may stand before the alias or after it. */
static tarn_code find_extent(tarn_rewrite *rw, ref_extent *ref) {
    ref->next = (ref->close ? ref->close : ref->name_last) + 1;
    size_t bare = ref->next;
    TRY(find_travel(rw, ref));
    find_alias(rw, ref);
    TRY(find_travel(rw, ref));
    if (!ref->travel.kind && ref->alias == ref->alias_end) ref->next = bare;
    return TARN_OK;
}

static bool is_path_token(const tarn_rewrite *rw, size_t i) {
    tarn_str text = tarn_rewrite_text(rw, i);
    return tarn_rewrite_token(rw, i)->kind == TARN_T_NAME &&
           (memchr(text.p, '/', text.n) || memchr(text.p, ':', text.n));
}

/* The travel expression in DuckDB's words, with parameters numbered as in the whole statement. */
static tarn_code rewrite_travel(tarn_rewrite *rw, const ref_extent *ref, tarn_travel *travel) {
    const char *text = rw->tokens->text;
    if (travel->expr.p < text || travel->expr.p > text + rw->tokens->n_text)
        return TARN_OK; /* made up from a path or an offset */
    size_t at = (size_t)(travel->expr.p - text), first = ref->travel_at, end;
    while (tarn_rewrite_token(rw, first)->at < at) first++;
    for (end = first; end < ref->next && tarn_rewrite_token(rw, end)->at < at + travel->expr.n; end++) continue;
    char *expr = NULL;
    TRY(tarn_rewrite_capture(rw, first, end, false, &expr));
    travel->expr = tarn_str_of(expr);
    return TARN_OK;
}

static tarn_code put_alias(tarn_rewrite *rw, const ref_extent *ref, const tarn_foreign_ref *found, size_t origin) {
    bool is_described =
        ref->name > 0 && tarn_rewrite_is(rw, ref->name - 1, "DESCRIBE|DESC|SUMMARIZE|SHOW|TABLE"); /* takes no alias */
    if (ref->alias != ref->alias_end) {
        tarn_rewrite_put(rw, " AS ", origin);
        char *alias = NULL;
        TRY(tarn_rewrite_capture(rw, ref->alias, ref->alias_end, true, &alias));
        tarn_rewrite_put(rw, alias, tarn_rewrite_token(rw, ref->alias)->at);
    } else if (found->name.n_parts && !found->name.path && !is_described) {
        tarn_rewrite_put(rw, " AS ", origin);
        tarn_rewrite_put(rw, tarn_sql_name(rw->cx->arena, found->name.part[found->name.n_parts - 1]), origin);
    }
    return TARN_OK;
}

static tarn_code emit_key(tarn_rewrite *rw, const ref_extent *ref) {
    tarn_cx *cx = rw->cx;
    tarn_cursor c = {rw->tokens, ref->name};
    tarn_foreign_ref found = {.travel = ref->travel};
    TRY(tarn_parse_name(cx, &c, &found.name));
    if (ref->close) {
        char *call = NULL;
        TRY(tarn_rewrite_capture(rw, ref->name, ref->close + 1, true, &call));
        found.call = tarn_str_of(call);
    }
    if (found.travel.kind)
        TRY(rewrite_travel(rw, ref, &found.travel));
    else
        TRY(tarn_name_travel(cx, &found.name, &found.travel));
    size_t origin = tarn_rewrite_token(rw, ref->name)->at;
    found.key = tarn_printf(cx, "tarn$%zu", rw->query->refs.n + 1);
    *TARN_PUSH(cx->arena, &rw->query->refs) = found;
    tarn_rewrite_copy(rw, origin);
    tarn_rewrite_put(rw, tarn_sql_name(cx->arena, found.key), origin);
    TRY(put_alias(rw, ref, &found, origin));
    size_t end = tarn_rewrite_end(rw, ref->next - 1);
    rw->done = end;
    /* What was cut may have been all that parted two words. */
    if (end < rw->tokens->n_text && !strchr(" \t\r\n,);", rw->tokens->text[end])) tarn_rewrite_put(rw, " ", end);
    return TARN_OK;
}

tarn_code tarn_rewrite_ref(tarn_rewrite *rw, size_t i, size_t *next) {
    ref_extent ref;
    find_name(rw, i, &ref);
    *next = i + 1;
    if (is_table_function(rw, &ref)) {
        ref.close = rw->match[ref.name_last + 1];
    } else if (tarn_rewrite_is(rw, ref.name_last + 1, "(")) {
        size_t after = i;
        if (ref.parts == 1 && tarn_rewrite_token(rw, i)->kind == TARN_T_WORD) TRY(tarn_rewrite_call(rw, i, &after));
        if (after != i) *next = after;
        return *next == i + 1 ? tarn_rewrite_plain_name(rw, i) : TARN_OK;
    }
    TRY(find_extent(rw, &ref));
    bool is_path = ref.parts > 1 && is_path_token(rw, ref.name_last);
    if (!ref.close && !ref.travel.kind && !is_path && ref.parts < 4) return tarn_rewrite_plain_name(rw, i);
    TRY(emit_key(rw, &ref));
    *next = ref.next;
    return TARN_OK;
}
