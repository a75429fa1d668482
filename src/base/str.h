/* str.h: slices of text, and a byte builder that cannot grow past its maximum. */
#ifndef TARN_BASE_STR_H
#define TARN_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

/* Not zero-terminated; belongs to whoever owns the bytes. {NULL, 0} means "absent" where a header says so. */
typedef struct tarn_str {
    const char *p;
    size_t n;
} tarn_str;

#define TARN_LIT(s) ((tarn_str){(s), sizeof(s) - 1})

static inline tarn_str tarn_str_of(const char *s) { return (tarn_str){s, s ? strlen(s) : 0}; }
static inline bool tarn_str_eq(tarn_str a, tarn_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool tarn_str_is(tarn_str a, const char *b) { return tarn_str_eq(a, tarn_str_of(b)); }
/* ASCII case folded: for keywords and option names. */
bool tarn_str_ieq(tarn_str a, tarn_str b);
bool tarn_str_starts(tarn_str s, const char *prefix);
bool tarn_str_ends(tarn_str s, const char *suffix);
/* Identifiers compare without case by simple folding of ASCII and Latin-1/Greek/Cyrillic letters; what lies beyond
 * compares exactly. */
bool tarn_name_eq(const char *a, const char *b);
/* Edits between two names without case, up to 3: enough to say what may have been meant. */
int tarn_name_distance(const char *a, const char *b);
/* Whole-string, locale-free; false when it is not a number or does not fit. */
bool tarn_parse_i64(tarn_str s, int64_t *out);
bool tarn_parse_u64(tarn_str s, uint64_t *out);
bool tarn_parse_f64(tarn_str s, double *out);
/* The code point at p[0..n) and its length 1..4; 0 when there is no valid UTF-8 there (overlong forms and surrogates
 * are not). */
size_t tarn_utf8_decode(const char *p, size_t n, uint32_t *code_point);
/* How many bytes the first `points` code points take; bytes that are no UTF-8 count one each. */
size_t tarn_utf8_prefix(tarn_str s, size_t points);

/* A growing byte buffer on malloc. When `max` would be passed or malloc fails, `failed` is set, the text stops growing,
 * and later calls do nothing: check once at the end with tarn_buf_ok. `data` is always zero-terminated once something
 * was written. Zero-initialise with TARN_BUF(max). */
typedef struct tarn_buf {
    char *data;
    size_t n, cap, max;
    bool failed;
} tarn_buf;

#define TARN_BUF(limit) ((tarn_buf){.max = (limit)})

static inline bool tarn_buf_ok(const tarn_buf *b) { return !b->failed; }
void tarn_buf_free(tarn_buf *b);
/* Empty again and not failed; the memory is kept. */
void tarn_buf_clear(tarn_buf *b);
/* Room for n more zeroed bytes at the returned place (NULL when failed); add to b->n what was used. */
char *tarn_buf_reserve(tarn_buf *b, size_t n);
void tarn_buf_add(tarn_buf *b, const void *p, size_t n);
void tarn_buf_puts(tarn_buf *b, const char *s);
void tarn_buf_putc(tarn_buf *b, char c);
void tarn_buf_printf(tarn_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tarn_buf_vprintf(tarn_buf *b, const char *format, va_list args);
/* SQL quoting for the text handed to DuckDB: 'it''s', "a ""b""". */
void tarn_buf_sql_string(tarn_buf *b, const char *s);
void tarn_buf_sql_name(tarn_buf *b, const char *s);
/* The text as an arena copy, or NULL when the buffer had failed; the buffer is cleared. */
char *tarn_buf_take(tarn_buf *b, tarn_arena *arena);

#define tarn_auto_buf __attribute__((cleanup(tarn_buf_free))) tarn_buf

/* The same quoting straight into an arena. */
char *tarn_sql_string(tarn_arena *arena, const char *s);
char *tarn_sql_name(tarn_arena *arena, const char *s);

#endif
