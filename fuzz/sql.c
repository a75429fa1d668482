/* sql.c: fuzzes the lexer, the parsers and the dialect with arbitrary text: offsets stay inside, native text stays as
 * it is, work stays linear. */
#include <stdio.h>
#include <stdlib.h>

#include "sql/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check_tokens(const tarn_tokens *tokens, size_t size) {
    size_t end = 0;
    for (size_t i = 0; i < tokens->tokens.n; i++) {
        const tarn_token *token = &tokens->tokens.at[i];
        require(token->at >= end && token->at + token->n <= size, "tokens are in order and inside the text");
        require((token->kind == TARN_T_END) == (i + 1 == tokens->tokens.n), "END is last");
        require(token->kind == TARN_T_END || token->n > 0, "tokens have bytes");
        end = token->at + token->n;
    }
}

/* Each parser on a cursor of its own; only crashes count. */
static void run_parsers(tarn_cx *cx, const tarn_tokens *tokens) {
    tarn_cursor start = {tokens, 0}, c = start;
    tarn_name name;
    tarn_travel travel;
    tarn_type *type;
    tarn_str text;
    const char *literal;
    tarn_option_pairs options = {0};
    tarn_table_def def = {0}, clauses = {0};
    if (tarn_parse_name(cx, &c, &name) == TARN_OK && tarn_name_travel(cx, &name, &travel) == TARN_OK)
        require(name.at + name.n <= tokens->n_text, "the name is inside");
    c = start;
    if (tarn_parse_travel(cx, &c, &travel) == TARN_OK)
        require(travel.at + travel.n <= tokens->n_text, "the clause is inside");
    c = start;
    if (tarn_parse_type(cx, &c, cx->arena, &type) == TARN_OK) require(c.i > 0, "a type takes tokens");
    c = start;
    if (tarn_parse_extent(cx, &c, "WHEN|WHERE|,", "something", &text) == TARN_OK)
        require(text.n > 0 && text.n <= tokens->n_text, "the extent is inside");
    c = start;
    if (tarn_parse_literal(cx, &c, &literal) == TARN_OK) require(c.i > 0, "a literal takes tokens");
    c = start;
    if (tarn_parse_options(cx, &c, &options) == TARN_OK) require(c.i > 0, "options take tokens");
    c = start;
    if (tarn_parse_columns(cx, &c, &def) == TARN_OK)
        require(def.fields.n + def.checks.n + def.primary_key.n + def.properties.n + c.i > 0, "columns take tokens");
    c = start;
    if (tarn_parse_table_clauses(cx, &c, &clauses) == TARN_OK) require(tarn_at_end(&c), "clauses are read to the end");
}

static bool is_all_exact(const tarn_text *text) {
    for (size_t i = 0; i < text->pieces.n; i++)
        if (!text->pieces.at[i].exact) return false;
    return true;
}

static void run_dialect(tarn_cx *cx, tarn_str sql) {
    tarn_query_text query;
    if (tarn_dialect_query(cx, sql, &query) != TARN_OK) {
        require(cx->error.message[0] && cx->error.line >= 0, "a failure says what is wrong");
        return;
    }
    size_t last = 0;
    for (size_t i = 0; i < query.text.pieces.n; i++) {
        const tarn_piece *piece = &query.text.pieces.at[i];
        require(piece->out_at >= last && piece->out_at <= query.text.n && piece->in_at <= sql.n,
                "pieces are in order and inside");
        size_t end = i + 1 < query.text.pieces.n ? query.text.pieces.at[i + 1].out_at : query.text.n;
        if (piece->exact)
            require(memcmp(query.text.sql + piece->out_at, sql.p + piece->in_at, end - piece->out_at) == 0,
                    "exact pieces are the user's bytes");
        last = piece->out_at;
    }
    for (size_t at = 0; at <= query.text.n; at += 1 + query.text.n / 64)
        require(tarn_text_origin(&query.text, at) <= sql.n, "origins are inside");
    if (is_all_exact(&query.text) && !query.refs.n && query.text.n == sql.n)
        require(memcmp(query.text.sql, sql.p, sql.n) == 0, "native text stays as it is");
    /* What comes out is DuckDB's: a second time it must still be readable, if not the same. */
    tarn_query_text again;
    tarn_code code = tarn_dialect_query(cx, (tarn_str){query.text.sql, query.text.n}, &again);
    require(code == TARN_OK || code == TARN_LIMIT || code == TARN_INVALID || code == TARN_UNSUPPORTED,
            "the output can be lexed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { SIZE_MAX_SQL = 1 << 16 };
    if (size > SIZE_MAX_SQL) return 0;
    tarn_str sql = {(const char *)data, size};
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    require(tarn_lex_statement(sql.p, sql.n, false) <= size && tarn_lex_statement(sql.p, sql.n, true) <= size,
            "a statement ends inside the text");
    tarn_tokens tokens;
    if (tarn_lex(&cx, sql, &tokens) == TARN_OK) {
        check_tokens(&tokens, size);
        run_parsers(&cx, &tokens);
        run_dialect(&cx, sql);
    }
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
