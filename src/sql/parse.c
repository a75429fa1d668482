/* parse.c: the cursor over tokens: words, names, literals, and extents of expressions that stay text. */
#include "sql/parse.h"

#include "base/map.h"

static const tarn_token *current(const tarn_cursor *c) { return &c->tokens->tokens.at[c->i]; }
static const tarn_token *ahead(const tarn_cursor *c, size_t k) {
    size_t last = c->tokens->tokens.n - 1;
    return &c->tokens->tokens.at[c->i + k < last ? c->i + k : last];
}
static tarn_str text_of(const tarn_cursor *c, const tarn_token *token) {
    return (tarn_str){c->tokens->text + token->at, token->n};
}
static tarn_str whole_text(const tarn_cursor *c) { return (tarn_str){c->tokens->text, c->tokens->n_text}; }

static bool is_op(const tarn_cursor *c, const tarn_token *token, const char *op) {
    return token->kind == TARN_T_OP && tarn_str_is(text_of(c, token), op);
}

static void advance(tarn_cursor *c) {
    if (current(c)->kind != TARN_T_END) c->i++;
}

/* Tokens matched by one alternative `words[0..n)` at the cursor, 0 when it does not match. */
static size_t match_words(const tarn_cursor *c, const char *words, size_t n) {
    size_t matched = 0;
    /* Nearly always not even the first letter is the same; the bit of the case aside. */
    if (current(c)->kind == TARN_T_END || ((c->tokens->text[current(c)->at] ^ words[0]) & ~0x20)) return 0;
    for (size_t i = 0; i < n;) {
        const char *space = memchr(words + i, ' ', n - i);
        size_t end = space ? (size_t)(space - words) : n;
        const tarn_token *token = ahead(c, matched);
        tarn_str word = {words + i, end - i}, found = text_of(c, token);
        bool same = token->kind == TARN_T_WORD ? tarn_str_ieq(found, word)
                                               : token->kind == TARN_T_OP && tarn_str_eq(found, word);
        if (!same) return 0;
        matched++;
        i = end + 1;
    }
    return matched;
}

/* Of the alternatives the longest match. */
static size_t match_any(const tarn_cursor *c, const char *words) {
    size_t longest = 0;
    for (const char *p = words;; p++) {
        const char *end = strchrnul(p, '|');
        size_t matched = match_words(c, p, (size_t)(end - p));
        if (matched > longest) longest = matched;
        if (!*end) return longest;
        p = end;
    }
}

bool tarn_peek(const tarn_cursor *c, const char *words) { return match_any(c, words) > 0; }

bool tarn_accept(tarn_cursor *c, const char *words) {
    size_t matched = match_any(c, words);
    c->i += matched;
    return matched > 0;
}

/* "A|B C" as people write it: A or B C. */
static const char *readable(tarn_cx *cx, const char *words) {
    tarn_auto_buf out = TARN_BUF(400);
    for (const char *p = words; *p && tarn_buf_ok(&out); p++) {
        if (*p == '|')
            tarn_buf_puts(&out, strchr(p + 1, '|') ? ", " : " or ");
        else
            tarn_buf_putc(&out, *p);
    }
    return tarn_buf_ok(&out) ? tarn_buf_take(&out, cx->arena) : words;
}

tarn_code tarn_expect(tarn_cx *cx, tarn_cursor *c, const char *words) {
    return tarn_accept(c, words) ? TARN_OK : tarn_unexpected(cx, c, readable(cx, words));
}

bool tarn_at_end(const tarn_cursor *c) { return current(c)->kind == TARN_T_END || is_op(c, current(c), ";"); }

tarn_code tarn_expect_end(tarn_cx *cx, tarn_cursor *c) {
    while (is_op(c, current(c), ";")) c->i++;
    return current(c)->kind == TARN_T_END ? TARN_OK : tarn_unexpected(cx, c, "the end of the statement");
}

tarn_code tarn_unexpected(tarn_cx *cx, const tarn_cursor *c, const char *what) {
    enum { SHOWN = 60 };
    const tarn_token *token = current(c);
    if (token->kind == TARN_T_END)
        return tarn_fail_at(cx, TARN_INVALID, whole_text(c), token->at, "expected %s, found the end of the statement",
                            what);
    int n = token->n < SHOWN ? (int)token->n : SHOWN;
    return tarn_fail_at(cx, TARN_INVALID, whole_text(c), token->at, "expected %s, found %.*s%s", what, n,
                        c->tokens->text + token->at, token->n > SHOWN ? "\xe2\x80\xa6" : "");
}

tarn_str tarn_token_text(const tarn_cursor *c) { return text_of(c, current(c)); }

/* s[0..n) with each doubled `quote` halved. */
static char *undouble(tarn_cx *cx, const char *s, size_t n, char quote) {
    char *out = tarn_arena_alloc(cx->arena, n + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        out[used++] = s[i];
        if (s[i] == quote) i++;
    }
    return out;
}

tarn_code tarn_parse_ident(tarn_cx *cx, tarn_cursor *c, const char **out) {
    const tarn_token *token = current(c);
    const char *text = c->tokens->text + token->at;
    if (token->kind != TARN_T_WORD && token->kind != TARN_T_NAME) return tarn_unexpected(cx, c, "a name");
    if (token->kind == TARN_T_NAME && token->n <= 2) return tarn_unexpected(cx, c, "a name that is not empty");
    *out = token->kind == TARN_T_WORD ? tarn_arena_strndup(cx->arena, text, token->n)
                                      : undouble(cx, text + 1, token->n - 2, token->quote);
    advance(c);
    return TARN_OK;
}

/* interfaces.md "Paths as names". */
static bool is_path(const tarn_token *token, const char *name) {
    return token->kind == TARN_T_NAME && strpbrk(name, "/:");
}

tarn_code tarn_parse_name(tarn_cx *cx, tarn_cursor *c, tarn_name *out) {
    tarn_name name = {.at = current(c)->at};
    for (;;) {
        const tarn_token *token = current(c);
        const char *part = NULL;
        TRY(tarn_parse_ident(cx, c, &part));
        name.n = token->at + token->n - name.at;
        bool more = is_op(c, current(c), ".");
        if (!more && is_path(token, part)) {
            name.path = part;
            break;
        }
        if (name.n_parts == 4)
            return tarn_fail_at(cx, TARN_INVALID, whole_text(c), token->at,
                                "a name has at most four parts: catalog.schema.table.metadata");
        name.part[name.n_parts] = part;
        name.quoted[name.n_parts++] = token->kind == TARN_T_NAME;
        if (!more) break;
        advance(c);
    }
    *out = name;
    return TARN_OK;
}

tarn_code tarn_parse_path(tarn_cx *cx, tarn_cursor *c, const char **out) {
    const char *part = NULL;
    TRY(tarn_parse_ident(cx, c, &part));
    tarn_auto_buf path = TARN_BUF(4096);
    tarn_buf_puts(&path, part);
    while (tarn_accept(c, ".")) {
        TRY(tarn_parse_ident(cx, c, &part));
        tarn_buf_putc(&path, '.');
        tarn_buf_puts(&path, part);
    }
    if (!tarn_buf_ok(&path)) return tarn_fail(cx, TARN_LIMIT, "a column's name is longer than 4096 bytes");
    *out = tarn_buf_take(&path, cx->arena);
    return TARN_OK;
}

static int hex_value(char ch) {
    if (ch >= '0' && ch <= '9') return ch - '0';
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* \n and its kin, \x41 and \101; another character stands for itself. */
static char *unescape(tarn_cx *cx, const char *s, size_t n) {
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    char *out = tarn_arena_alloc(cx->arena, n + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\'') {
            out[used++] = s[i++];
        } else if (s[i] != '\\' || i + 1 == n) {
            out[used++] = s[i];
        } else if (s[i + 1] == 'x' && i + 2 < n && hex_value(s[i + 2]) >= 0) {
            int code = hex_value(s[i + 2]);
            i += 2;
            if (i + 1 < n && hex_value(s[i + 1]) >= 0) code = code * 16 + hex_value(s[++i]);
            out[used++] = (char)code;
        } else if (s[i + 1] >= '0' && s[i + 1] <= '7') {
            int code = 0;
            for (int k = 0; k < 3 && i + 1 < n && s[i + 1] >= '0' && s[i + 1] <= '7'; k++)
                code = code * 8 + (s[++i] - '0');
            out[used++] = (char)code;
        } else {
            const char *known = memchr(from, s[++i], sizeof from - 1);
            out[used++] = known ? to[known - from] : s[i];
        }
    }
    return out;
}

/* Escapes can spell what the lexer refused: zero bytes and broken UTF-8. */
static tarn_code check_string(tarn_cx *cx, const tarn_cursor *c, const char *s, size_t max) {
    for (size_t n = strlen(s), i = 0; i < n;) {
        uint32_t code_point;
        size_t length = tarn_utf8_decode(s + i, n - i, &code_point);
        if (!length) return tarn_unexpected(cx, c, "a string whose escapes make UTF-8 text");
        i += length;
    }
    for (size_t i = strlen(s); i < max; i++)
        if (s[i]) return tarn_unexpected(cx, c, "a string without zero bytes");
    return TARN_OK;
}

tarn_code tarn_parse_string(tarn_cx *cx, tarn_cursor *c, const char **out) {
    const tarn_token *token = current(c);
    const char *text = c->tokens->text + token->at;
    if (token->kind != TARN_T_STRING) return tarn_unexpected(cx, c, "a string in '…'");
    char *string;
    if (token->quote == '$') {
        size_t tag = (size_t)((const char *)memchr(text + 1, '$', token->n - 1) - text) + 1;
        string = tarn_arena_strndup(cx->arena, text + tag, token->n - 2 * tag);
    } else if (token->quote == 'E') {
        string = unescape(cx, text + 2, token->n - 3);
        TRY(check_string(cx, c, string, token->n - 2));
    } else {
        string = undouble(cx, text + 1, token->n - 2, '\'');
    }
    *out = string;
    advance(c);
    return TARN_OK;
}

tarn_code tarn_parse_int(tarn_cx *cx, tarn_cursor *c, int64_t *out) {
    tarn_cursor at = *c;
    bool negative = tarn_accept(&at, "-");
    if (!negative) tarn_accept(&at, "+");
    const tarn_token *token = current(&at);
    const char *text = c->tokens->text + token->at;
    char digits[32] = "-";
    size_t n = 1;
    bool fits = token->kind == TARN_T_NUMBER;
    for (size_t i = 0; fits && i < token->n; i++) {
        if (text[i] == '_') continue;
        fits = n < sizeof digits;
        if (fits) digits[n++] = text[i];
    }
    if (!fits || !tarn_parse_i64((tarn_str){negative ? digits : digits + 1, negative ? n : n - 1}, out))
        return tarn_unexpected(cx, c, "a whole number");
    advance(&at);
    *c = at;
    return TARN_OK;
}

/* Past the bracketed text at the cursor, which is an opening bracket. Brackets of different kinds must pair. */
static tarn_code skip_brackets(tarn_cx *cx, tarn_cursor *c) {
    tarn_cursor start = *c;
    tarn_auto_buf closers = TARN_BUF(UINT32_MAX);
    do {
        char ch = current(c)->kind == TARN_T_OP && current(c)->n == 1 ? c->tokens->text[current(c)->at] : 0;
        if (current(c)->kind == TARN_T_END) return tarn_unexpected(cx, &start, "a bracket that is closed");
        if (ch == '(')
            tarn_buf_putc(&closers, ')');
        else if (ch == '[')
            tarn_buf_putc(&closers, ']');
        else if (ch == '{')
            tarn_buf_putc(&closers, '}');
        else if ((ch == ')' || ch == ']' || ch == '}') && closers.data[--closers.n] != ch)
            return tarn_unexpected(cx, c, "the bracket that closes the last one");
        c->i++;
    } while (closers.n && tarn_buf_ok(&closers));
    return tarn_buf_ok(&closers) ? TARN_OK : tarn_fail(cx, TARN_NOMEM, "no memory for the statement's brackets");
}

static tarn_str slice(const tarn_cursor *from, const tarn_cursor *to) {
    const tarn_token *first = current(from), *last = &to->tokens->tokens.at[to->i - 1];
    return (tarn_str){from->tokens->text + first->at, last->at + last->n - first->at};
}

tarn_code tarn_parse_literal(tarn_cx *cx, tarn_cursor *c, const char **out) {
    tarn_cursor start = *c;
    if (current(c)->kind == TARN_T_STRING) return tarn_parse_string(cx, c, out);
    if (tarn_accept(c, "NULL")) {
        *out = NULL;
        return TARN_OK;
    }
    if (tarn_accept(c, "-|+") && current(c)->kind != TARN_T_NUMBER) return tarn_unexpected(cx, c, "a number");
    if (current(c)->kind == TARN_T_NUMBER) {
        advance(c);
    } else if (current(c)->kind == TARN_T_WORD) {
        const char *dotted;
        TRY(tarn_parse_path(cx, c, &dotted));
        if (tarn_peek(c, "[")) TRY(skip_brackets(cx, c));
    } else if (tarn_peek(c, "[|(|{")) {
        TRY(skip_brackets(cx, c));
    } else {
        return tarn_unexpected(cx, c, "a value: a string, a number, TRUE, FALSE, NULL or a word");
    }
    tarn_str text = slice(&start, c);
    *out = tarn_arena_strndup(cx->arena, text.p, text.n);
    return TARN_OK;
}

/* CASE and END count as such only where they are no name: not after a dot or AS. */
static bool is_name_place(const tarn_cursor *c) {
    if (c->i == 0) return false;
    const tarn_token *before = &c->tokens->tokens.at[c->i - 1];
    return is_op(c, before, ".") || (before->kind == TARN_T_WORD && tarn_str_ieq(text_of(c, before), TARN_LIT("as")));
}

/* IS [NOT] DISTINCT FROM compares; its FROM begins no clause. */
static bool is_distinct_from(const tarn_cursor *c) {
    if (c->i < 2) return false;
    tarn_cursor is = {c->tokens, c->i - 2};
    return tarn_peek(&is, "IS DISTINCT FROM|NOT DISTINCT FROM");
}

tarn_code tarn_parse_extent(tarn_cx *cx, tarn_cursor *c, const char *stops, const char *what, tarn_str *out) {
    tarn_cursor start = *c;
    size_t cases = 0;
    while (!tarn_at_end(c) && !tarn_peek(c, ")|]|}")) {
        bool is_name = c->i > start.i && is_name_place(c);
        if (!is_name && tarn_peek(c, "CASE"))
            cases++;
        else if (!is_name && cases && tarn_peek(c, "END"))
            cases--;
        else if (!is_name && !cases && tarn_peek(c, stops) && !is_distinct_from(c))
            break;
        if (tarn_peek(c, "(|[|{"))
            TRY(skip_brackets(cx, c));
        else
            advance(c);
    }
    if (c->i == start.i) return tarn_unexpected(cx, c, what);
    *out = slice(&start, c);
    return TARN_OK;
}

static bool accept_kind(tarn_cursor *c, tarn_token_kind kind) {
    if (current(c)->kind != kind) return false;
    advance(c);
    return true;
}

static const char units[] = "MICROSECOND|MICROSECONDS|MILLISECOND|MILLISECONDS|SECOND|SECONDS|MINUTE|MINUTES|HOUR|"
                            "HOURS|DAY|DAYS|WEEK|WEEKS|MONTH|MONTHS|"
                            "QUARTER|QUARTERS|YEAR|YEARS";

/* INTERVAL n unit, a typed literal (DATE '…'), a name with a call, a literal, or brackets. */
static tarn_code skip_primary(tarn_cx *cx, tarn_cursor *c, const char *what) {
    while (tarn_accept(c, "-|+|~")) continue;
    if (tarn_accept(c, "INTERVAL")) {
        tarn_accept(c, "-|+");
        if (tarn_peek(c, "("))
            TRY(skip_brackets(cx, c));
        else
            advance(c);
        tarn_accept(c, units);
        return TARN_OK;
    }
    if (tarn_peek(c, "(|[|{")) return skip_brackets(cx, c);
    if (tarn_accept(c, "CASE")) {
        tarn_str body;
        TRY(tarn_parse_extent(cx, c, "END", "WHEN", &body));
        return tarn_expect(cx, c, "END");
    }
    bool is_name = current(c)->kind == TARN_T_WORD || current(c)->kind == TARN_T_NAME;
    if (!is_name) {
        bool is_literal =
            accept_kind(c, TARN_T_STRING) || accept_kind(c, TARN_T_NUMBER) || accept_kind(c, TARN_T_PARAM);
        return is_literal ? TARN_OK : tarn_unexpected(cx, c, what);
    }
    advance(c);
    if (accept_kind(c, TARN_T_STRING)) return TARN_OK;
    while (tarn_accept(c, ".")) advance(c);
    return tarn_peek(c, "(") ? skip_brackets(cx, c) : TARN_OK;
}

/* || cannot be told in a list of alternatives. */
static bool accept_arithmetic(tarn_cursor *c) {
    if (!is_op(c, current(c), "||")) return tarn_accept(c, "+|-|*|/|%|//");
    advance(c);
    return true;
}

tarn_code tarn_parse_operand(tarn_cx *cx, tarn_cursor *c, bool one, const char *what, tarn_str *out) {
    tarn_cursor start = *c;
    do {
        TRY(skip_primary(cx, c, what));
        for (;;) {
            tarn_type *type;
            if (tarn_peek(c, "["))
                TRY(skip_brackets(cx, c));
            else if (tarn_accept(c, "::"))
                TRY(tarn_parse_query_type(cx, c, cx->arena, &type));
            else if (tarn_accept(c, "AT TIME ZONE"))
                TRY(skip_primary(cx, c, "a time zone"));
            else if (tarn_peek(c, ".") && ahead(c, 1)->kind != TARN_T_OP)
                c->i += 1 + (ahead(c, 1)->kind != TARN_T_END);
            else
                break;
        }
    } while (!one && accept_arithmetic(c));
    *out = slice(&start, c);
    return TARN_OK;
}

tarn_code tarn_parse_parens(tarn_cx *cx, tarn_cursor *c, const char *what, tarn_str *out) {
    TRY(tarn_expect(cx, c, "("));
    TRY(tarn_parse_extent(cx, c, ")", what, out));
    return tarn_expect(cx, c, ")");
}

static tarn_code parse_key(tarn_cx *cx, tarn_cursor *c, const char **out) {
    return current(c)->kind == TARN_T_STRING ? tarn_parse_string(cx, c, out) : tarn_parse_path(cx, c, out);
}

tarn_code tarn_parse_options(tarn_cx *cx, tarn_cursor *c, tarn_option_pairs *out) {
    tarn_map seen = {0};
    for (size_t i = 0; i < out->n; i++) tarn_map_put(&seen, cx->arena, tarn_str_of(out->at[i].key), out);
    bool parens = tarn_accept(c, "(");
    if (parens && tarn_accept(c, ")")) return TARN_OK;
    do {
        tarn_cursor start = *c;
        tarn_option_pair pair = {.at = current(c)->at};
        TRY(parse_key(cx, c, &pair.key));
        if (!tarn_accept(c, "=|=>|:=|==") && current(c)->kind != TARN_T_STRING) return tarn_unexpected(cx, c, "=");
        TRY(tarn_parse_literal(cx, c, &pair.value));
        if (tarn_map_put(&seen, cx->arena, tarn_str_of(pair.key), out))
            return tarn_fail_at(cx, TARN_INVALID, whole_text(c), current(&start)->at, "option %s is given twice",
                                pair.key);
        *TARN_PUSH(cx->arena, out) = pair;
        /* Snowflake separates the options of a file format by blanks. */
    } while (tarn_accept(c, ",") || (parens && !tarn_at_end(c) && !tarn_peek(c, ")")));
    return parens ? tarn_expect(cx, c, ")") : TARN_OK;
}

const char *tarn_option_get(const tarn_option_pairs *options, const char *key) {
    for (size_t i = 0; i < options->n; i++)
        if (tarn_str_ieq(tarn_str_of(options->at[i].key), tarn_str_of(key))) return options->at[i].value;
    return NULL;
}

tarn_code tarn_parse_names(tarn_cx *cx, tarn_cursor *c, tarn_names *out) {
    TRY(tarn_expect(cx, c, "("));
    do {
        const char *name = NULL;
        TRY(tarn_parse_path(cx, c, &name));
        *TARN_PUSH(cx->arena, out) = name;
    } while (tarn_accept(c, ","));
    return tarn_expect(cx, c, ")");
}

tarn_code tarn_parse_keys(tarn_cx *cx, tarn_cursor *c, tarn_names *out) {
    TRY(tarn_expect(cx, c, "("));
    do {
        const char *key = NULL;
        TRY(parse_key(cx, c, &key));
        *TARN_PUSH(cx->arena, out) = key;
    } while (tarn_accept(c, ","));
    return tarn_expect(cx, c, ")");
}
