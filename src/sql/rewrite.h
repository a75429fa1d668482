/* rewrite.h: what the files of the dialect share: a walk over tokens that copies what it knows nothing of. For
 * dialect*.c only. */
#ifndef TARN_SQL_REWRITE_H
#define TARN_SQL_REWRITE_H

#include "sql/dialect.h"

/* Where in a SELECT a token stands, for each open bracket. */
typedef enum tarn_place {
    TARN_IN_EXPR,
    TARN_IN_FROM,    /* a table is expected */
    TARN_AFTER_FROM, /* behind a table: an alias, a join or a comma may come */
    TARN_IN_ON       /* in a join's condition: the list of tables goes on after it */
} tarn_place;

typedef struct tarn_frame {
    tarn_place place;
    bool query;   /* FROM begins a list of tables here; elsewhere it belongs to EXTRACT, TRIM, … */
    size_t first; /* token the frame begins with */
} tarn_frame;

typedef struct tarn_rewrite {
    tarn_cx *cx;
    const tarn_tokens *tokens;
    uint32_t *match; /* per token: the partner of a bracket, the ordinal of a `?`; 0: none */
    bool *type_at;   /* per token: a type begins here (after AS in a CAST) */
    tarn_buf out;
    size_t done; /* bytes of the input that have been copied or replaced */
    tarn_query_text *query;
    TARN_VEC(tarn_frame) frames;
    int depth;
    size_t steps, steps_max; /* templates that repeat an argument would double the work at each level */
    bool plain;              /* names and parameters only */
} tarn_rewrite;

const tarn_token *tarn_rewrite_token(const tarn_rewrite *rw, size_t i);
bool tarn_rewrite_is(const tarn_rewrite *rw, size_t i, const char *words);
tarn_str tarn_rewrite_text(const tarn_rewrite *rw, size_t i);
static inline size_t tarn_rewrite_end(const tarn_rewrite *rw, size_t i) {
    return tarn_rewrite_token(rw, i)->at + tarn_rewrite_token(rw, i)->n;
}

/* Copies the input from rw->done up to `to`. */
void tarn_rewrite_copy(tarn_rewrite *rw, size_t to);
/* Adds text that stands for what begins at the byte `origin`. */
void tarn_rewrite_put(tarn_rewrite *rw, const char *text, size_t origin);
/* Rewrites the tokens i..end-1 as an expression, starting with the first one's byte. */
TARN_MUST tarn_code tarn_rewrite_range(tarn_rewrite *rw, size_t i, size_t end);
/* The same into a string, adding nothing to the output. */
TARN_MUST tarn_code tarn_rewrite_capture(tarn_rewrite *rw, size_t i, size_t end, bool plain, char **out);

/* `name` to "name"; other tokens are left alone. */
TARN_MUST tarn_code tarn_rewrite_plain_name(tarn_rewrite *rw, size_t i);

/* A reference to a table at i, in a list of tables. *next is the first token after what was done with it. */
TARN_MUST tarn_code tarn_rewrite_ref(tarn_rewrite *rw, size_t i, size_t *next);
/* A call of a function at i, which is a word before a paren. *next stays i when the function is none of those we know.
 */
TARN_MUST tarn_code tarn_rewrite_call(tarn_rewrite *rw, size_t i, size_t *next);

/* A date pattern of Spark, Snowflake or MySQL as DuckDB's; NULL for one that DuckDB cannot express. */
char *tarn_dialect_pattern(tarn_cx *cx, const char *pattern);

#endif
