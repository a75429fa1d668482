/* lex.c: SQL text to tokens in one pass, and errors that point into the text. */
#include "sql/lex.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_word(char c) { return is_word_start(c) || is_digit(c) || c == '$'; }
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/* What a scan found to be open at the end of the text. */
typedef enum open_thing { CLOSED, OPEN_COMMENT, OPEN_STRING, OPEN_DOLLAR, OPEN_NAME } open_thing;

/* After the blanks and comments at i. Comments nest, as in PostgreSQL. */
static size_t skip_blank(const char *s, size_t n, size_t i, open_thing *open) {
    while (i < n) {
        if (is_space(s[i])) {
            i++;
        } else if (s[i] == '-' && i + 1 < n && s[i + 1] == '-') {
            const char *end = memchr(s + i, '\n', n - i);
            if (!end) return n;
            i = (size_t)(end - s) + 1;
        } else if (s[i] == '/' && i + 1 < n && s[i + 1] == '*') {
            size_t start = i;
            int depth = 0;
            do {
                if (i + 1 >= n) {
                    *open = OPEN_COMMENT;
                    return start;
                }
                if (s[i] == '/' && s[i + 1] == '*')
                    depth++, i += 2;
                else if (s[i] == '*' && s[i + 1] == '/')
                    depth--, i += 2;
                else
                    i++;
            } while (depth);
        } else {
            break;
        }
    }
    return i;
}

/* After the closing quote that belongs to the one at i; a doubled quote stands for itself, a backslash hides what
 * follows it where `escapes`. */
static size_t scan_quoted(const char *s, size_t n, size_t i, bool escapes, open_thing *open) {
    char quote = s[i];
    open_thing kind = quote == '\'' ? OPEN_STRING : OPEN_NAME;
    for (i++; i < n; i++) {
        if (escapes && s[i] == '\\') {
            i++;
        } else if (s[i] == quote) {
            if (i + 1 >= n || s[i + 1] != quote) return i + 1;
            i++;
        }
    }
    *open = kind;
    return n;
}

/* $1, $name, or $tag$…$tag$. */
static size_t scan_dollar(const char *s, size_t n, size_t i, tarn_token *token, open_thing *open) {
    size_t end = i + 1;
    if (end < n && is_digit(s[end])) {
        while (end < n && is_digit(s[end])) end++;
        token->kind = TARN_T_PARAM;
        return end;
    }
    while (end < n && is_word(s[end]) && s[end] != '$') end++;
    if (end >= n || s[end] != '$') {
        token->kind = end > i + 1 ? TARN_T_PARAM : TARN_T_OP;
        return end;
    }
    size_t tag = end + 1 - i;
    const char *close = memmem(s + end + 1, n - end - 1, s + i, tag);
    token->kind = TARN_T_STRING;
    token->quote = '$';
    if (close) return (size_t)(close - s) + tag;
    *open = OPEN_DOLLAR;
    return n;
}

static size_t scan_digits(const char *s, size_t n, size_t i) {
    while (i < n && (is_digit(s[i]) || (s[i] == '_' && i + 1 < n && is_digit(s[i + 1])))) i++;
    return i;
}

static size_t scan_number(const char *s, size_t n, size_t i) {
    if (s[i] == '0' && i + 2 < n && (s[i + 1] == 'x' || s[i + 1] == 'X') && is_hex(s[i + 2])) {
        for (i += 2; i < n && (is_hex(s[i]) || s[i] == '_'); i++) continue;
        return i;
    }
    i = scan_digits(s, n, i);
    if (i < n && s[i] == '.' && !(i + 1 < n && s[i + 1] == '.')) i = scan_digits(s, n, i + 1);
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        size_t digits = i + 1;
        if (digits < n && (s[digits] == '+' || s[digits] == '-')) digits++;
        if (digits < n && is_digit(s[digits])) i = scan_digits(s, n, digits);
    }
    return i;
}

/* Longest first; what is not here is one character. None holds the beginning of a comment. */
static const char *const operators[] = {"->>", "<=>", "<->", "<#>", "!~~", "@@@", "::", ":=", "=>",
                                        "->",  "<=",  ">=",  "<>",  "!=",  "==",  "||", "<<", ">>",
                                        "//",  "**",  "^@",  "@>",  "<@",  "&&",  "~~", "!~", ".."};

static size_t operator_length(const char *s, size_t n) {
    for (size_t k = 0; k < sizeof operators / sizeof *operators; k++) {
        size_t length = strlen(operators[k]);
        if (length <= n && memcmp(s, operators[k], length) == 0) return length;
    }
    return 1;
}

/* Scans the token at i, which is no blank. Returns its end. */
static size_t scan_token(const char *s, size_t n, size_t i, tarn_token *token, open_thing *open) {
    size_t end;
    char c = s[i];
    *token = (tarn_token){.at = (uint32_t)i};
    if ((c == 'e' || c == 'E') && i + 1 < n && s[i + 1] == '\'') {
        token->kind = TARN_T_STRING;
        token->quote = 'E';
        end = scan_quoted(s, n, i + 1, true, open);
    } else if (is_word_start(c)) {
        token->kind = TARN_T_WORD;
        for (end = i + 1; end < n && is_word(s[end]); end++) continue;
    } else if (is_digit(c) || (c == '.' && i + 1 < n && is_digit(s[i + 1]))) {
        token->kind = TARN_T_NUMBER;
        end = scan_number(s, n, i);
    } else if (c == '\'' || c == '"' || c == '`') {
        token->kind = c == '\'' ? TARN_T_STRING : TARN_T_NAME;
        token->quote = c;
        end = scan_quoted(s, n, i, false, open);
    } else if (c == '$') {
        end = scan_dollar(s, n, i, token, open);
    } else if (c == '?') {
        token->kind = TARN_T_PARAM;
        end = i + 1;
    } else {
        token->kind = TARN_T_OP;
        end = i + operator_length(s + i, n - i);
    }
    token->n = (uint32_t)(end - i);
    return end;
}

static tarn_code fail_open(tarn_cx *cx, tarn_str text, size_t at, open_thing open) {
    static const char *const what[] = {[OPEN_COMMENT] = "comment is not closed; end it with */",
                                       [OPEN_STRING] = "string is not closed; end it with '",
                                       [OPEN_DOLLAR] = "dollar-quoted string is not closed; end it with its tag",
                                       [OPEN_NAME] = "quoted name is not closed; end it with the quote it begins with"};
    return tarn_fail_at(cx, TARN_INVALID, text, at, "this %s", what[open]);
}

/* Names end up in files that must be UTF-8, and zero bytes would end C strings early: neither gets past here. */
static tarn_code check_bytes(tarn_cx *cx, tarn_str text) {
    for (size_t i = 0; i < text.n;) {
        uint32_t c = (unsigned char)text.p[i];
        size_t length = c - 1 < 0x7f ? 1 : tarn_utf8_decode(text.p + i, text.n - i, &c);
        if (!length || !c) return tarn_fail_at(cx, TARN_INVALID, text, i, "the statement is not valid UTF-8 text");
        i += length;
    }
    return TARN_OK;
}

tarn_code tarn_lex(tarn_cx *cx, tarn_str text, tarn_tokens *out) {
    int64_t limit = tarn_conf_int(cx->conf, TARN_LIMIT_SQL_BYTES);
    if (text.n > (uint64_t)limit || text.n > UINT32_MAX / 2)
        return tarn_fail(cx, TARN_LIMIT, "the statement has %zu bytes; limit.sql_bytes allows %lld", text.n,
                         (long long)limit);
    TRY(check_bytes(cx, text));
    size_t n_tokens = 1;
    tarn_tokens tokens = {.text = text.p, .n_text = text.n};
    for (int pass = 0; pass < 2; pass++) {
        open_thing open = CLOSED;
        for (size_t i = 0, end;; i = end) {
            i = skip_blank(text.p, text.n, i, &open);
            if (open) return fail_open(cx, text, i, open);
            if (i == text.n) break;
            tarn_token token;
            end = scan_token(text.p, text.n, i, &token, &open);
            if (open) return fail_open(cx, text, i, open);
            if (pass)
                tokens.tokens.at[tokens.tokens.n++] = token;
            else
                n_tokens++;
        }
        if (pass) break;
        TRY(tarn_check(cx));
        tokens.tokens.at = TARN_NEW_ARRAY(cx->arena, tarn_token, n_tokens);
        tokens.tokens.cap = n_tokens;
    }
    tokens.tokens.at[tokens.tokens.n++] = (tarn_token){.kind = TARN_T_END, .at = (uint32_t)text.n};
    *out = tokens;
    return TARN_OK;
}

/* Parens do not hide a semicolon: inside them it is an error anyway, and a shell must not wait for more. */
size_t tarn_lex_statement(const char *sql, size_t n, bool final) {
    open_thing open = CLOSED;
    for (size_t i = 0;;) {
        i = skip_blank(sql, n, i, &open);
        if (open) return 0;
        if (i == n) return final ? n : 0;
        tarn_token token;
        size_t end = scan_token(sql, n, i, &token, &open);
        if (open) return 0;
        if (sql[i] == ';') return end;
        i = end;
    }
}

enum { LINE_CHARS = 96, BEFORE_CARET = 60 };

static bool is_line_end(char c) { return c == '\n' || c == '\r'; }
static bool is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* "<line>\n<spaces>^" into cx->error.hint; a long line is cut on both sides of the caret. */
static void point_at(tarn_cx *cx, tarn_str text, size_t line_start, size_t at) {
    size_t from = at, before = 0;
    while (from > line_start && before < BEFORE_CARET) {
        from--;
        if (!is_continuation(text.p[from])) before++;
    }
    while (from > line_start && is_continuation(text.p[from])) from--;
    tarn_auto_buf hint = TARN_BUF(sizeof cx->error.hint);
    if (from > line_start) tarn_buf_puts(&hint, "\xe2\x80\xa6");
    size_t indent = before + (from > line_start), chars = 0, i = from;
    while (i < text.n && !is_line_end(text.p[i]) && chars < LINE_CHARS) {
        uint32_t c = 0;
        size_t length = tarn_utf8_decode(text.p + i, text.n - i, &c);
        if (!length)
            tarn_buf_putc(&hint, '?');
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029)
            tarn_buf_putc(&hint, ' ');
        else
            tarn_buf_add(&hint, text.p + i, length);
        i += length ? length : 1;
        chars++;
    }
    if (i < text.n && !is_line_end(text.p[i])) tarn_buf_puts(&hint, "\xe2\x80\xa6");
    tarn_buf_printf(&hint, "\n%*s^", (int)indent, "");
    if (tarn_buf_ok(&hint) && hint.n < sizeof cx->error.hint) memcpy(cx->error.hint, hint.data, hint.n + 1);
}

tarn_code tarn_fail_at(tarn_cx *cx, tarn_code code, tarn_str text, size_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *message = tarn_arena_vprintf(cx->arena, format, args);
    va_end(args);
    tarn_fail(cx, code, "%s", message);
    if (at > text.n) at = text.n;
    /* At the end of the text the caret stands after its last character, not below the blanks and line ends that follow
     * it. */
    if (at == text.n)
        while (at > 0 && is_space(text.p[at - 1])) at--;
    int line = 1, column = 1;
    size_t line_start = 0;
    for (size_t i = 0; i < at; i++) {
        if (text.p[i] == '\n') {
            line++;
            line_start = i + 1;
            column = 1;
        } else if (!is_continuation(text.p[i])) {
            column++;
        }
    }
    cx->error.line = line;
    cx->error.column = column;
    point_at(cx, text, line_start, at);
    return code;
}
