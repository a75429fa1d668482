/* pivot.c: gives a PIVOT without values some for the time of binding, as DuckDB has a tree for no other. */
#include "plan/bind.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 30 };

static const char VALUES[] = " IN (NULL)";

static tarn_str text_of(const tarn_tokens *t, size_t i) {
    return (tarn_str){t->text + t->tokens.at[i].at, t->tokens.at[i].n};
}

static bool is_word(const tarn_tokens *t, size_t i, const char *words) {
    return t->tokens.at[i].kind == TARN_T_WORD && tarn_peek(&(tarn_cursor){t, i}, words);
}

/* Bytes after which values are missing. */
typedef TARN_VEC(size_t) places;

/* The columns behind ON, from token i. */
static void find_columns(tarn_cx *cx, const tarn_tokens *t, size_t i, places *out) {
    static const char ends[] = "USING|GROUP|ORDER|LIMIT|OFFSET|WHERE|HAVING|QUALIFY|WINDOW|UNION|INTERSECT|EXCEPT";
    bool has_values = false;
    int depth = 0;
    for (size_t first = i;; i++) {
        tarn_str text = text_of(t, i);
        char op = t->tokens.at[i].kind == TARN_T_OP && text.n == 1 ? *text.p : 0;
        depth -= op == ')' || op == ']' || op == '}';
        bool end =
            t->tokens.at[i].kind == TARN_T_END || depth < 0 || (depth == 0 && (op == ';' || is_word(t, i, ends)));
        if (end || (depth == 0 && op == ',')) {
            const tarn_token *last = &t->tokens.at[i - 1];
            size_t place = last->at + last->n;
            bool there = false; /* of another PIVOT before it, which has its own ON further on, or none */
            for (size_t k = 0; k < out->n; k++) there = there || out->at[k] == place;
            if (i > first && !has_values && !there) *TARN_PUSH(cx->arena, out) = place;
            has_values = false;
            first = i + 1;
        }
        if (end) return;
        has_values = has_values || (depth == 0 && is_word(t, i, "IN"));
        depth += op == '(' || op == '[' || op == '{';
    }
}

static tarn_code find_places(tarn_cx *cx, const tarn_tokens *t, places *out) {
    for (size_t i = 0; i + 1 < t->tokens.n; i++) {
        int depth = 0;
        if (!is_word(t, i, "PIVOT|PIVOT_WIDER")) continue;
        TRY(tarn_check(cx));
        for (size_t k = i + 1; k + 1 < t->tokens.n && depth >= 0; k++) {
            tarn_str text = text_of(t, k);
            if (depth == 0 && is_word(t, k, "ON")) {
                find_columns(cx, t, k + 1, out);
                break;
            }
            depth += tarn_str_is(text, "(") - tarn_str_is(text, ")");
        }
    }
    return TARN_OK;
}

/* Before the places the map is as it was, and behind them as much further on. */
static void shift_map(tarn_cx *cx, const tarn_text *from, const places *at, tarn_text *to) {
    size_t n = sizeof VALUES - 1, piece = 0;
    for (size_t i = 0; i <= at->n; i++) {
        for (; piece < from->pieces.n; piece++) {
            tarn_piece p = from->pieces.at[piece];
            if (i < at->n && p.out_at >= at->at[i]) break;
            p.out_at += (uint32_t)(i * n);
            *TARN_PUSH(cx->arena, &to->pieces) = p;
        }
        if (i == at->n) break;
        uint32_t in = (uint32_t)tarn_text_origin(from, at->at[i]), out = (uint32_t)(at->at[i] + i * n);
        *TARN_PUSH(cx->arena, &to->pieces) = (tarn_piece){.out_at = out, .in_at = in};
        *TARN_PUSH(cx->arena, &to->pieces) = (tarn_piece){.out_at = out + (uint32_t)n, .in_at = in, .exact = true};
    }
}

static int by_offset(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

tarn_code tarn_pivot_fill(tarn_cx *cx, tarn_scope *scope, bool *filled) {
    const tarn_text *was = &scope->query.text;
    places at = {0};
    tarn_text now = {0};
    tarn_auto_buf sql = TARN_BUF(TEXT_MAX);
    size_t done = 0;
    TRY(find_places(cx, &scope->tokens, &at));
    *filled = at.n > 0;
    if (!at.n) return TARN_OK;
    qsort(at.at, at.n, sizeof *at.at, by_offset);
    for (size_t i = 0; i < at.n; i++) {
        tarn_buf_add(&sql, was->sql + done, at.at[i] - done);
        *TARN_PUSH(cx->arena, &scope->splices) =
            (tarn_splice){.at = sql.n, .n = sizeof VALUES - 1, .kind = TARN_SPLICE_TEXT, .text = ""};
        tarn_buf_puts(&sql, VALUES);
        done = at.at[i];
    }
    tarn_buf_add(&sql, was->sql + done, was->n - done);
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "the statement is too long");
    shift_map(cx, was, &at, &now);
    now.n = sql.n;
    now.sql = tarn_buf_take(&sql, cx->arena);
    scope->query.text = now;
    return tarn_lex(cx, (tarn_str){now.sql, now.n}, &scope->tokens);
}
