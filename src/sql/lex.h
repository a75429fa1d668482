/* lex.h: SQL text to tokens, in the union of DuckDB's and Spark's spelling: backticks, double quotes, E'…',
 * $tag$…$tag$, nested comments, $1 $name ? :name. */
#ifndef TARN_SQL_LEX_H
#define TARN_SQL_LEX_H

#include "base/cx.h"
#include "base/vec.h"

typedef enum tarn_token_kind {
    TARN_T_END,
    TARN_T_WORD,   /* a bare identifier or keyword */
    TARN_T_NAME,   /* "quoted" or `quoted` identifier */
    TARN_T_STRING, /* '…', E'…', $$…$$ */
    TARN_T_NUMBER,
    TARN_T_PARAM, /* $1 $name ? */
    TARN_T_OP     /* operators and punctuation, longest match: ( ) [ ] { } , ; . :: => -> ->> := <> != <= >= || … */
} tarn_token_kind;

typedef struct tarn_token {
    tarn_token_kind kind;
    uint32_t at, n; /* byte range in the text */
    char quote;     /* ` or " for NAME; ' E $ for STRING */
} tarn_token;

/* A tokenised statement. `text` is borrowed. The last token is always END. */
typedef struct tarn_tokens {
    const char *text;
    size_t n_text;
    TARN_VEC(tarn_token) tokens;
} tarn_tokens;

/* INVALID with line and column for an open quote or comment; LIMIT past limit.sql_bytes. */
TARN_MUST tarn_code tarn_lex(tarn_cx *cx, tarn_str text, tarn_tokens *out);
/* Bytes up to and with the first top-level semicolon; 0 when there is none or a quote is open (see
 * tarn_statement_length). */
size_t tarn_lex_statement(const char *sql, size_t n, bool final);
/* Sets cx->error's line and column from a byte offset, and makes "…\n <line of the text>\n ^" available through the
 * hint. Returns code. */
tarn_code tarn_fail_at(tarn_cx *cx, tarn_code code, tarn_str text, size_t at, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
