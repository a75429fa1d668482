/* dialect.c: the walk over a query's tokens: where tables stand, names, parameters, types and operators in foreign
 * spellings. */
#include "sql/dialect.h"

#include "sql/rewrite.h"

enum { DEPTH_MAX = 100, PARAMS_MAX = 65535, CHECK_EVERY = 4096 };

const tarn_token *tarn_rewrite_token(const tarn_rewrite *rw, size_t i) {
    size_t last = rw->tokens->tokens.n - 1;
    return &rw->tokens->tokens.at[i < last ? i : last];
}

bool tarn_rewrite_is(const tarn_rewrite *rw, size_t i, const char *words) {
    size_t last = rw->tokens->tokens.n - 1;
    tarn_cursor c = {rw->tokens, i < last ? i : last};
    return tarn_peek(&c, words);
}

tarn_str tarn_rewrite_text(const tarn_rewrite *rw, size_t i) {
    const tarn_token *token = tarn_rewrite_token(rw, i);
    return (tarn_str){rw->tokens->text + token->at, token->n};
}

static void add_piece(tarn_rewrite *rw, size_t in_at, bool exact) {
    tarn_text *text = &rw->query->text;
    if (exact && text->pieces.n) {
        const tarn_piece *last = &text->pieces.at[text->pieces.n - 1];
        if (last->exact && last->in_at + (rw->out.n - last->out_at) == in_at) return;
    }
    *TARN_PUSH(rw->cx->arena, &text->pieces) = (tarn_piece){(uint32_t)rw->out.n, (uint32_t)in_at, exact};
}

void tarn_rewrite_copy(tarn_rewrite *rw, size_t to) {
    if (to <= rw->done) return;
    add_piece(rw, rw->done, true);
    tarn_buf_add(&rw->out, rw->tokens->text + rw->done, to - rw->done);
    rw->done = to;
}

void tarn_rewrite_put(tarn_rewrite *rw, const char *text, size_t origin) {
    if (!*text) return;
    add_piece(rw, origin, false);
    tarn_buf_puts(&rw->out, text);
}

size_t tarn_text_origin(const tarn_text *text, size_t at) {
    size_t low = 0, high = text->pieces.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text->pieces.at[middle].out_at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low) return 0;
    const tarn_piece *piece = &text->pieces.at[low - 1];
    return piece->in_at + (piece->exact ? at - piece->out_at : 0);
}

/* Replaces tokens i..last by `text`. */
static void replace(tarn_rewrite *rw, size_t i, size_t last, const char *text) {
    tarn_rewrite_copy(rw, tarn_rewrite_token(rw, i)->at);
    tarn_rewrite_put(rw, text, tarn_rewrite_token(rw, i)->at);
    rw->done = tarn_rewrite_end(rw, last);
}

tarn_code tarn_rewrite_plain_name(tarn_rewrite *rw, size_t i) {
    tarn_str text = tarn_rewrite_text(rw, i);
    if (text.p[0] != '`') return TARN_OK;
    tarn_cursor c = {rw->tokens, i};
    const char *name = NULL;
    TRY(tarn_parse_ident(rw->cx, &c, &name));
    replace(rw, i, i, tarn_sql_name(rw->cx->arena, name));
    return TARN_OK;
}

static void rewrite_param(tarn_rewrite *rw, size_t i) {
    if (rw->match[i]) replace(rw, i, i, tarn_printf(rw->cx, "$%u", rw->match[i]));
}

/* :name, where the colon cannot be a slice's, a struct's or an alias's. */
static bool is_named_param(const tarn_rewrite *rw, size_t i) {
    if (!tarn_rewrite_is(rw, i, ":") || tarn_rewrite_token(rw, i + 1)->kind != TARN_T_WORD) return false;
    if (tarn_rewrite_token(rw, i + 1)->at != tarn_rewrite_end(rw, i) || i == 0) return false;
    static const char before[] =
        "(|,|=|==|<|>|<=|>=|<>|!=|+|-|*|/"
        "|%|SELECT|WHERE|AND|OR|NOT|WHEN|THEN|ELSE|LIKE|ILIKE|BETWEEN|LIMIT|OFFSET|HAVING|OF|=>|:=";
    return tarn_rewrite_is(rw, i - 1, before);
}

/* A type DuckDB does not know: ARRAY<…>, BYTES, …, or a container with one inside. */
static bool is_foreign_type(const tarn_rewrite *rw, size_t i) {
    static const char words[] = "BYTE|BYTES|BYTEINT|FLOAT64|NUMBER|TIMESTAMP_TZ|VOID|ARRAY|LIST";
    if (tarn_rewrite_is(rw, i, words) && !tarn_rewrite_is(rw, i, "ARRAY [|LIST [")) return true;
    if (!tarn_rewrite_is(rw, i, "MAP|STRUCT|ROW")) return false;
    if (tarn_rewrite_is(rw, i + 1, "<")) return true;
    if (!tarn_rewrite_is(rw, i + 1, "(")) return false;
    for (size_t k = i + 2; k < rw->match[i + 1]; k++)
        if (tarn_rewrite_is(rw, k, ":|<") || tarn_rewrite_is(rw, k, words)) return true;
    return false;
}

static tarn_code rewrite_type(tarn_rewrite *rw, size_t *i) {
    tarn_cursor c = {rw->tokens, *i};
    tarn_type *type = NULL;
    TRY(tarn_parse_query_type(rw->cx, &c, rw->cx->arena, &type));
    tarn_auto_buf text = TARN_BUF(16u << 20);
    tarn_type_duckdb(&text, type);
    if (!tarn_buf_ok(&text)) return tarn_fail(rw->cx, TARN_LIMIT, "a type in the statement is too long");
    replace(rw, *i, c.i - 1, text.data);
    *i = c.i;
    return TARN_OK;
}

/* Marks the type in CAST( … AS type). */
static void mark_cast(tarn_rewrite *rw, size_t open) {
    size_t close = rw->match[open];
    for (size_t k = open + 1; k < close; k++) {
        if (tarn_rewrite_is(rw, k, "AS")) {
            rw->type_at[k + 1] = true;
            return;
        }
        if (rw->match[k] > k && tarn_rewrite_is(rw, k, "(|[|{")) k = rw->match[k];
    }
}

/* xs[OFFSET(i)] counts from 0, xs[ORDINAL(i)] from 1, as DuckDB does. */
static tarn_code rewrite_subscript(tarn_rewrite *rw, size_t *i) {
    size_t open = *i + 2, close = rw->match[open];
    if (!rw->match[*i] || close != rw->match[*i] - 1 || close <= open + 1) return TARN_OK;
    size_t at = tarn_rewrite_token(rw, *i + 1)->at;
    tarn_rewrite_copy(rw, at);
    tarn_rewrite_put(rw, "(", at);
    bool from_zero = tarn_rewrite_is(rw, *i + 1, "OFFSET|SAFE_OFFSET");
    TRY(tarn_rewrite_range(rw, open + 1, close));
    tarn_rewrite_put(rw, from_zero ? ") + 1" : ")", at);
    rw->done = tarn_rewrite_end(rw, close);
    *i = close + 1;
    return TARN_OK;
}

/* After a literal, a name, a call or brackets. */
static size_t operand_end(const tarn_rewrite *rw, size_t i) {
    while (tarn_rewrite_is(rw, i + 1, ".") && tarn_rewrite_token(rw, i + 2)->kind != TARN_T_END) i += 2;
    if (!tarn_rewrite_is(rw, i, "(") && tarn_rewrite_is(rw, i + 1, "(")) i++;
    return (tarn_rewrite_is(rw, i, "(") && rw->match[i] ? rw->match[i] : i) + 1;
}

/* a RLIKE b finds b anywhere in a; DuckDB's ~ matches the whole text. */
static tarn_code rewrite_rlike(tarn_rewrite *rw, size_t *i) {
    static const char no_operand[] = "SELECT|WHERE|AND|OR|ON|BY|WHEN|THEN|ELSE|HAVING|DISTINCT|(|,|[|{|.|AS";
    bool negated = *i > 0 && tarn_rewrite_is(rw, *i - 1, "NOT");
    size_t first = *i - negated;
    tarn_token_kind next = tarn_rewrite_token(rw, *i + 1)->kind;
    bool has_left = first > 0 && !tarn_rewrite_is(rw, first - 1, no_operand);
    if (!has_left || next == TARN_T_END || tarn_rewrite_is(rw, *i + 1, "AS|FROM|AND|OR|IS|,|)|=|.|;")) {
        ++*i;
        return TARN_OK;
    }
    size_t end = operand_end(rw, *i + 1), at = tarn_rewrite_token(rw, first)->at;
    replace(rw, first, *i, negated ? "!~ ('(?s).*(?:' || " : "~ ('(?s).*(?:' || ");
    TRY(tarn_rewrite_range(rw, *i + 1, end));
    tarn_rewrite_put(rw, " || ').*')", at);
    *i = end;
    return TARN_OK;
}

static tarn_frame *top(tarn_rewrite *rw) { return &rw->frames.at[rw->frames.n - 1]; }

static void push_frame(tarn_rewrite *rw, tarn_place place, bool query, size_t first) {
    *TARN_PUSH(rw->cx->arena, &rw->frames) = (tarn_frame){place, query, first};
}

/* Brackets and commas move the walk between lists of tables and expressions. */
static void track_op(tarn_rewrite *rw, size_t i, size_t base) {
    tarn_frame *frame = top(rw);
    char c = tarn_rewrite_text(rw, i).n == 1 ? *tarn_rewrite_text(rw, i).p : 0;
    if (c == '(' || c == '[' || c == '{') {
        tarn_place inside = c == '(' && frame->place == TARN_IN_FROM ? TARN_IN_FROM : TARN_IN_EXPR;
        if (frame->place == TARN_IN_FROM) frame->place = TARN_AFTER_FROM;
        push_frame(rw, inside, false, i + 1);
    } else if ((c == ')' || c == ']' || c == '}') && rw->frames.n > base + 1) {
        rw->frames.n--;
    } else if (c == ',' && (frame->place == TARN_AFTER_FROM || frame->place == TARN_IN_ON)) {
        frame->place = TARN_IN_FROM;
    }
}

static void track_word(tarn_rewrite *rw, size_t i) {
    tarn_frame *frame = top(rw);
    bool first = i == frame->first;
    if (tarn_rewrite_is(rw, i, "SELECT|VALUES|WITH")) {
        frame->query = true;
        frame->place = TARN_IN_EXPR;
    } else if (tarn_rewrite_is(rw, i, "FROM")) {
        bool distinct_from = i >= 2 && tarn_rewrite_is(rw, i - 1, "DISTINCT") && tarn_rewrite_is(rw, i - 2, "IS|NOT");
        if ((!frame->query && !first) || distinct_from) return;
        frame->query = true;
        frame->place = TARN_IN_FROM;
    } else if (first && tarn_rewrite_is(rw, i, "PIVOT|UNPIVOT|DESCRIBE|DESC|SUMMARIZE|SHOW|TABLE")) {
        frame->query = true;
        frame->place = TARN_IN_FROM;
    } else if (frame->place == TARN_IN_EXPR || frame->place == TARN_IN_FROM) {
        return;
    } else if (tarn_rewrite_is(rw, i, "JOIN")) {
        frame->place = TARN_IN_FROM;
    } else if (tarn_rewrite_is(rw, i, "ON")) {
        frame->place = TARN_IN_ON;
    } else if (tarn_rewrite_is(rw, i,
                               "WHERE|GROUP|HAVING|WINDOW|QUALIFY|ORDER|LIMIT|OFFSET|UNION|INTERSECT|EXCEPT|RETURNING|"
                               "SET|WHEN|FETCH")) {
        frame->place = TARN_IN_EXPR;
    }
}

/* A word that is neither after a dot nor a label. */
static tarn_code rewrite_word(tarn_rewrite *rw, size_t *i) {
    size_t at = *i;
    if (tarn_rewrite_is(rw, at, "LEFT SEMI JOIN|LEFT ANTI JOIN")) {
        replace(rw, at, at, "");
    } else if (tarn_rewrite_is(rw, at, "CAST (|TRY_CAST (|SAFE_CAST (")) {
        mark_cast(rw, at + 1);
    } else if (tarn_rewrite_is(rw, at, "RLIKE|REGEXP") && top(rw)->place != TARN_AFTER_FROM) {
        return rewrite_rlike(rw, i);
    }
    if (tarn_rewrite_is(rw, at + 1, "(") && top(rw)->place != TARN_AFTER_FROM) {
        TRY(tarn_rewrite_call(rw, at, i));
        if (*i != at) return TARN_OK;
    }
    track_word(rw, at);
    *i = at + 1;
    return TARN_OK;
}

static bool is_name(const tarn_rewrite *rw, size_t i) {
    tarn_token_kind kind = tarn_rewrite_token(rw, i)->kind;
    return kind == TARN_T_WORD || kind == TARN_T_NAME;
}

static bool is_after(const tarn_rewrite *rw, size_t i, const char *words) {
    return i > 0 && tarn_rewrite_is(rw, i - 1, words);
}

/* s.t.* is t.* here: DuckDB knows no longer form. Gives the tokens before t, or 0. */
static size_t star_prefix(const tarn_rewrite *rw, size_t i) {
    size_t last = i;
    if (i > 0 && tarn_rewrite_is(rw, i - 1, ".")) return 0;
    while (is_name(rw, last) && tarn_rewrite_is(rw, last + 1, ".") && is_name(rw, last + 2)) last += 2;
    return last > i && tarn_rewrite_is(rw, last + 1, ". *") ? last - i : 0;
}

/* One token, or as many as belong together. */
static tarn_code step(tarn_rewrite *rw, size_t *i, size_t base) {
    size_t at = *i;
    const tarn_token *token = tarn_rewrite_token(rw, at);
    *i = at + 1;
    if (token->kind == TARN_T_PARAM) rewrite_param(rw, at);
    if (rw->plain) return token->kind == TARN_T_NAME ? tarn_rewrite_plain_name(rw, at) : TARN_OK;
    if (token->kind == TARN_T_WORD && (rw->type_at[at] || is_after(rw, at, "::")) && is_foreign_type(rw, at)) {
        *i = at;
        return rewrite_type(rw, i);
    }
    static const char no_table[] = "SELECT|VALUES|WITH|FROM|LATERAL|PIVOT|UNPIVOT";
    if (is_name(rw, at) && top(rw)->place == TARN_IN_FROM && !tarn_rewrite_is(rw, at, no_table)) {
        if (tarn_rewrite_is(rw, at + 1, ":")) return tarn_rewrite_plain_name(rw, at); /* an alias before its table */
        top(rw)->place = TARN_AFTER_FROM;
        return tarn_rewrite_ref(rw, at, i);
    }
    size_t prefix = is_name(rw, at) ? star_prefix(rw, at) : 0;
    if (prefix) {
        replace(rw, at, at + prefix - 1, "");
        *i = at + prefix;
        return TARN_OK;
    }
    if (token->kind == TARN_T_NAME) return tarn_rewrite_plain_name(rw, at);
    if (token->kind == TARN_T_WORD) {
        if (is_after(rw, at, ".|AS")) return TARN_OK;
        *i = at;
        return rewrite_word(rw, i);
    }
    if (token->kind == TARN_T_STRING && top(rw)->place == TARN_IN_FROM) top(rw)->place = TARN_AFTER_FROM;
    if (token->kind != TARN_T_OP) return TARN_OK;
    char c = rw->tokens->text[token->at];
    if (c == ':' && is_named_param(rw, at)) {
        replace(rw, at, at, "$");
    } else if (c == '*' && tarn_rewrite_is(rw, at, "* EXCEPT (") &&
               !tarn_rewrite_is(rw, at + 3, "SELECT|FROM|WITH|VALUES|TABLE|(")) {
        replace(rw, at + 1, at + 1, "EXCLUDE");
        *i = at + 2;
    } else if (c == '[' && tarn_rewrite_is(rw, at, "[ OFFSET (|[ SAFE_OFFSET (|[ ORDINAL (|[ SAFE_ORDINAL (")) {
        *i = at;
        TRY(rewrite_subscript(rw, i));
        if (*i != at)
            push_frame(rw, TARN_IN_EXPR, false, *i);
        else
            *i = at + 1;
    }
    if (*i == at + 1) track_op(rw, at, base);
    return TARN_OK;
}

tarn_code tarn_rewrite_range(tarn_rewrite *rw, size_t i, size_t end) {
    if (++rw->depth > DEPTH_MAX)
        return tarn_fail(rw->cx, TARN_LIMIT, "the statement's calls are nested more than %d deep", DEPTH_MAX);
    size_t base = rw->frames.n;
    push_frame(rw, TARN_IN_EXPR, rw->depth == 1, i);
    rw->done = rw->depth == 1 ? 0 : tarn_rewrite_token(rw, i)->at;
    while (i < end) {
        if (++rw->steps % CHECK_EVERY == 0) TRY(tarn_check(rw->cx));
        TRY(step(rw, &i, base));
        if (rw->steps > rw->steps_max || !tarn_buf_ok(&rw->out))
            return tarn_fail(rw->cx, TARN_LIMIT, "the statement becomes too long when it is put into DuckDB's words");
    }
    if (end) tarn_rewrite_copy(rw, tarn_rewrite_end(rw, end - 1));
    rw->frames.n = base;
    rw->depth--;
    return TARN_OK;
}

tarn_code tarn_rewrite_capture(tarn_rewrite *rw, size_t i, size_t end, bool plain, char **out) {
    size_t done = rw->done, n = rw->out.n, n_pieces = rw->query->text.pieces.n;
    bool was_plain = rw->plain;
    rw->plain = plain;
    TRY(tarn_rewrite_range(rw, i, end));
    *out = tarn_arena_strndup(rw->cx->arena, rw->out.data ? rw->out.data + n : "", rw->out.n - n);
    rw->plain = was_plain;
    rw->out.n = n;
    if (rw->out.data) rw->out.data[n] = 0;
    rw->query->text.pieces.n = n_pieces;
    rw->done = done;
    return TARN_OK;
}

/* Partners of brackets; a bracket without one keeps 0 and is left for DuckDB to complain of. */
static void match_brackets(tarn_rewrite *rw) {
    TARN_VEC(uint32_t) open = {0};
    for (size_t i = 0; i + 1 < rw->tokens->tokens.n; i++) {
        if (tarn_rewrite_token(rw, i)->kind != TARN_T_OP) continue;
        tarn_str text = tarn_rewrite_text(rw, i);
        if (text.n != 1) continue;
        if (strchr("([{", *text.p)) {
            *TARN_PUSH(rw->cx->arena, &open) = (uint32_t)i;
        } else if (strchr(")]}", *text.p) && open.n) {
            uint32_t partner = open.at[open.n - 1];
            char opener = *tarn_rewrite_text(rw, partner).p;
            if (*text.p != (opener == '(' ? ')' : opener + 2)) continue;
            rw->match[partner] = (uint32_t)i;
            rw->match[i] = partner;
            open.n--;
        }
    }
}

static tarn_code number_params(tarn_rewrite *rw) {
    int64_t questions = 0, highest = 0;
    tarn_str whole = {rw->tokens->text, rw->tokens->n_text};
    for (size_t i = 0; i < rw->tokens->tokens.n; i++) {
        const tarn_token *token = tarn_rewrite_token(rw, i);
        if (token->kind != TARN_T_PARAM) continue;
        tarn_str text = tarn_rewrite_text(rw, i);
        int64_t number = 0;
        if (*text.p == '?') {
            rw->match[i] = (uint32_t)++questions;
        } else if (text.p[1] >= '0' && text.p[1] <= '9') {
            bool fits =
                tarn_parse_i64((tarn_str){text.p + 1, text.n - 1}, &number) && number >= 1 && number <= PARAMS_MAX;
            if (!fits)
                return tarn_fail_at(rw->cx, TARN_INVALID, whole, token->at, "parameters are numbered from $1 to $%d",
                                    PARAMS_MAX);
            if (number > highest) highest = number;
        }
        if (questions && highest)
            return tarn_fail_at(rw->cx, TARN_INVALID, whole, token->at, "a statement uses either ? or $1, not both");
        if (questions > PARAMS_MAX)
            return tarn_fail_at(rw->cx, TARN_LIMIT, whole, token->at, "a statement has at most %d parameters",
                                PARAMS_MAX);
    }
    rw->query->n_params = (int)(questions ? questions : highest);
    return TARN_OK;
}

static tarn_code rewrite_all(tarn_rewrite *rw) {
    size_t n = rw->tokens->tokens.n;
    rw->match = TARN_NEW_ARRAY(rw->cx->arena, uint32_t, n);
    rw->type_at = TARN_NEW_ARRAY(rw->cx->arena, bool, n + 1);
    match_brackets(rw);
    TRY(number_params(rw));
    TRY(tarn_rewrite_range(rw, 0, n - 1));
    tarn_rewrite_copy(rw, rw->tokens->n_text);
    return TARN_OK;
}

tarn_code tarn_dialect_query(tarn_cx *cx, tarn_str sql, tarn_query_text *out) {
    enum { GROWTH = 4, ROOM = 1 << 20, REPEATS = 16 };
    tarn_tokens tokens;
    tarn_query_text query = {0};
    TRY(tarn_lex(cx, sql, &tokens));
    tarn_rewrite rw = {.cx = cx, .tokens = &tokens, .query = &query, .out = TARN_BUF(sql.n * GROWTH + ROOM)};
    rw.steps_max = tokens.tokens.n * REPEATS + ROOM;
    tarn_code code = rewrite_all(&rw);
    if (code == TARN_OK && !tarn_buf_ok(&rw.out))
        code = tarn_fail(cx, TARN_LIMIT, "the statement becomes too long when it is put into DuckDB's words");
    if (code == TARN_OK) {
        query.text.n = rw.out.n;
        query.text.sql = rw.out.data ? tarn_buf_take(&rw.out, cx->arena) : "";
        *out = query;
    }
    tarn_buf_free(&rw.out);
    return code;
}
