/* json.h: a pull reader of JSON (RFC 8259) over one buffer: strict, zero-copy, integers exact. The hot path of log
 * replay.
 *
 * The cursor stands ON a token: r->kind, r->raw. tarn_json_next moves to the next one. Readers of values
 * (tarn_json_text, _int, _skip, …) take the value that begins at the current token and leave the cursor on its last
 * token, so that the next tarn_json_field or tarn_json_element goes on from there:
 *
 *     tarn_json r;
 *     tarn_json_init(&r, text, TARN_JSON_DEPTH);
 *     TRY(tarn_json_next(cx, &r));
 *     TRY(tarn_json_expect_object(cx, &r));
 *     for (;;) {
 *         tarn_str key;
 *         bool more;
 *         TRY(tarn_json_field(cx, &r, &key, &more));
 *         if (!more) break;
 *         if (tarn_str_is(key, "size")) TRY(tarn_json_int(cx, &r, &size));
 *         else TRY(tarn_json_skip(cx, &r));
 *     }
 *     TRY(tarn_json_finish(cx, &r));
 *
 * A value that is an object or array must be read to its end or skipped; skipping a scalar does nothing, so it may be
 * left. All text given out points into the buffer or, where it had escapes, into the arena. Failures: CORRUPT "JSON at
 * byte N: expected …" for bad text and for values of another type; LIMIT for nesting deeper than depth_max. After a
 * failure the reader is of no further use. */
#ifndef TARN_CODEC_JSON_H
#define TARN_CODEC_JSON_H

#include "base/cx.h"

typedef enum tarn_json_kind {
    TARN_JSON_END, /* before the first token and after the last */
    TARN_JSON_OBJECT,
    TARN_JSON_OBJECT_END,
    TARN_JSON_ARRAY,
    TARN_JSON_ARRAY_END,
    TARN_JSON_KEY,
    TARN_JSON_STRING,
    TARN_JSON_NUMBER,
    TARN_JSON_TRUE,
    TARN_JSON_FALSE,
    TARN_JSON_NULL
} tarn_json_kind;

/* A nesting limit where no setting is at hand (limit.json_depth is the user's), and the highest a reader takes. */
enum { TARN_JSON_DEPTH = 256, TARN_JSON_DEPTH_TOP = 10000 };

typedef struct tarn_json {
    const char *begin, *p, *end;
    const char *token; /* where the current token begins, quote included */
    tarn_str raw;      /* the token's text; of keys and strings what is between the quotes, still escaped */
    tarn_json_kind kind;
    bool escaped; /* the key or string has backslashes */
    bool lines;
    unsigned char expect;
    int depth, depth_max;
    uint64_t stack[TARN_JSON_DEPTH_TOP / 64 + 1]; /* one bit per level: 1 is an object */
} tarn_json;

/* The text must stay as it is while the reader and what it gave out are in use. */
void tarn_json_init(tarn_json *r, tarn_str text, int depth_max);
/* For any number of values one after another, separated by white space (NDJSON): step with tarn_json_line. */
void tarn_json_init_lines(tarn_json *r, tarn_str text, int depth_max);
/* The name of a kind for messages: "an object", "a string". */
const char *tarn_json_kind_name(tarn_json_kind kind);
/* Fails with CORRUPT "JSON at byte N: " (of the current token) and the message. */
tarn_code tarn_json_fail(tarn_cx *cx, const tarn_json *r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with "expected <wanted>, found <what the current token is>". */
tarn_code tarn_json_fail_kind(tarn_cx *cx, const tarn_json *r, const char *wanted);

TARN_MUST tarn_code tarn_json_next(tarn_cx *cx, tarn_json *r);
/* Moves to the next value of a text of lines; *more is false at the end. Every value must have been read or skipped
 * whole. */
TARN_MUST tarn_code tarn_json_line(tarn_cx *cx, tarn_json *r, bool *more);
/* Checks that nothing but white space follows. */
TARN_MUST tarn_code tarn_json_finish(tarn_cx *cx, tarn_json *r);

TARN_MUST tarn_code tarn_json_expect_object(tarn_cx *cx, tarn_json *r);
TARN_MUST tarn_code tarn_json_expect_array(tarn_cx *cx, tarn_json *r);
/* From the object's opening or its last value: to the first token of the next field's value, or (*more false) to the
 * object's end. A key that has escapes is unescaped into cx->arena. */
TARN_MUST tarn_code tarn_json_field(tarn_cx *cx, tarn_json *r, tarn_str *key, bool *more);
/* The same for arrays: to the first token of the next element, or to the array's end. */
TARN_MUST tarn_code tarn_json_element(tarn_cx *cx, tarn_json *r, bool *more);

/* Passes over the value: fast, so only strings' ends and the balance of brackets are checked in it. */
TARN_MUST tarn_code tarn_json_skip(tarn_cx *cx, tarn_json *r);
/* The text of the whole value, as it stands; checked like tarn_json_skip. */
TARN_MUST tarn_code tarn_json_raw(tarn_cx *cx, tarn_json *r, tarn_str *out);

/* The current string (or key). \u0000 gives a zero byte; a lone surrogate escape gives U+FFFD. Never absent: an empty
 * string has .p set. */
TARN_MUST tarn_code tarn_json_text(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_str *out);
/* Integers without fraction or exponent that fit; anything else is CORRUPT. */
TARN_MUST tarn_code tarn_json_int(tarn_cx *cx, tarn_json *r, int64_t *out);
/* Any number in range, and the strings "NaN", "Infinity", "-Infinity", as tarn_jsonw_double writes them. */
TARN_MUST tarn_code tarn_json_double(tarn_cx *cx, tarn_json *r, double *out);
TARN_MUST tarn_code tarn_json_bool(tarn_cx *cx, tarn_json *r, bool *out);
/* null gives the absent text {NULL, 0}. */
TARN_MUST tarn_code tarn_json_string_or_null(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_str *out);
/* null leaves *out as it was. */
TARN_MUST tarn_code tarn_json_int_or_null(tarn_cx *cx, tarn_json *r, int64_t *out);
TARN_MUST tarn_code tarn_json_double_or_null(tarn_cx *cx, tarn_json *r, double *out);
TARN_MUST tarn_code tarn_json_bool_or_null(tarn_cx *cx, tarn_json *r, bool *out);

#endif
