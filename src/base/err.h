/* err.h: how a call fails: a code returned, one line of text left in the context. */
#ifndef TARN_BASE_ERR_H
#define TARN_BASE_ERR_H

#include "tarn.h"

typedef struct tarn_cx tarn_cx;

#define TARN_MUST __attribute__((warn_unused_result))
#define tarn_auto(T, free_fn) __attribute__((cleanup(free_fn))) T

/* The only control-flow macro: passes a failure up unchanged. */
#define TRY(expr)                                                                                                      \
    do {                                                                                                               \
        tarn_code try_code_ = (expr);                                                                                  \
        if (try_code_ != TARN_OK) return try_code_;                                                                    \
    } while (0)

/* Sets the error where the fault is seen, and returns `code`. The message is one line: it names the thing and what to
 * do. */
void tarn_set_error(tarn_cx *cx, tarn_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A macro, so that the compiler sees the code come back and knows which outputs were set. */
#define tarn_fail(cx, code, ...)                                                                                       \
    ({                                                                                                                 \
        tarn_code fail_code_ = (code);                                                                                 \
        tarn_set_error((cx), fail_code_, __VA_ARGS__);                                                                 \
        fail_code_;                                                                                                    \
    })
/* A further line for the user, after tarn_fail; returns `code`. */
tarn_code tarn_hint(tarn_cx *cx, tarn_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the message of a failed call (at most once per module); passes TARN_OK through. */
tarn_code tarn_prefix(tarn_cx *cx, tarn_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `err` as text for tarn_fail, thread-safe; and the code it maps to (ENOENT: NOTFOUND, EEXIST: EXISTS, EACCES: DENIED,
 * ENOSPC and others: IO). */
const char *tarn_errno_text(tarn_cx *cx, int err);
tarn_code tarn_errno_code(int err);
/* Forgets the error, for a failure that is handled. */
void tarn_clear_error(tarn_cx *cx);
const char *tarn_sqlstate(tarn_code code);
int tarn_retry_may_help(tarn_code code);

#endif
