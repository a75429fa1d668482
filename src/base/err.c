/* err.c: fills cx->error with one clean line of text, and knows what each code means to SQL. */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cx.h"

static const struct {
    const char *name;
    char sqlstate[6];
    int retry_may_help;
} codes[] = {
    [TARN_OK] = {"OK", "00000", 0},
    [TARN_NOTFOUND] = {"NOTFOUND", "42P01", 0},
    [TARN_EXISTS] = {"EXISTS", "42P07", 0},
    [TARN_CONFLICT] = {"CONFLICT", "40001", 1},
    [TARN_INVALID] = {"INVALID", "42000", 0},
    [TARN_DENIED] = {"DENIED", "42501", 0},
    [TARN_UNSUPPORTED] = {"UNSUPPORTED", "0A000", 0},
    [TARN_CONSTRAINT] = {"CONSTRAINT", "23514", 0},
    [TARN_LIMIT] = {"LIMIT", "54000", 0},
    [TARN_CORRUPT] = {"CORRUPT", "XX001", 0},
    [TARN_IO] = {"IO", "58030", 1},
    [TARN_NOMEM] = {"NOMEM", "53200", 1},
    [TARN_TIMEOUT] = {"TIMEOUT", "57014", 1},
    [TARN_CANCELLED] = {"CANCELLED", "57014", 0},
    [TARN_INTERNAL] = {"INTERNAL", "XX000", 0},
};

/* A code from another version of the header is a bug, never a read past the table. */
static unsigned row_of(tarn_code code) {
    return (unsigned)code < sizeof codes / sizeof *codes ? (unsigned)code : (unsigned)TARN_INTERNAL;
}

const char *tarn_code_name(tarn_code code) { return codes[row_of(code)].name; }
const char *tarn_sqlstate(tarn_code code) { return codes[row_of(code)].sqlstate; }
int tarn_retry_may_help(tarn_code code) { return codes[row_of(code)].retry_may_help; }

/* Control characters would break the line, the log and the terminal; U+2028 and U+2029 are line ends to some readers.
 */
static bool is_control(uint32_t c) { return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029; }

/* The result is never longer than the input: controls become a blank, broken UTF-8 a question mark, and what does not
 * fit ends in an ellipsis. */
static void put_line(char *out, size_t size, const char *text) {
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t n = strlen(text), used = 0, room_for_ellipsis = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t length = tarn_utf8_decode(text + i, n - i, &c);
        bool keep = length && !is_control(c);
        size_t take = keep ? length : 1;
        if (used + take >= size) {
            memcpy(out + room_for_ellipsis, ellipsis, sizeof ellipsis);
            return;
        }
        if (keep)
            memcpy(out + used, text + i, length);
        else
            out[used] = length ? ' ' : '?';
        used += take;
        if (used + sizeof ellipsis <= size) room_for_ellipsis = used;
        i += length ? length : 1;
    }
    out[used] = 0;
}

/* Into a buffer of its own, because the arguments may lie in cx->error; larger than any field, so that put_line sees
 * what was cut. */
enum { SCRATCH = sizeof((tarn_error *)0)->message + 8 };

static void format_scratch(char scratch[SCRATCH], const char *format, va_list args) {
    if (vsnprintf(scratch, SCRATCH, format, args) < 0) snprintf(scratch, SCRATCH, "%s", format);
}

static void set_code(tarn_error *error, tarn_code code) {
    error->size = sizeof *error;
    error->code = code;
    memcpy(error->sqlstate, tarn_sqlstate(code), sizeof error->sqlstate);
    error->retry_may_help = tarn_retry_may_help(code);
}

void tarn_set_error(tarn_cx *cx, tarn_code code, const char *format, ...) {
    assert(code != TARN_OK);
    char scratch[SCRATCH];
    va_list args;
    va_start(args, format);
    format_scratch(scratch, format, args);
    va_end(args);
    set_code(&cx->error, code);
    cx->error.line = cx->error.column = 0;
    cx->error.hint[0] = 0;
    put_line(cx->error.message, sizeof cx->error.message, scratch);
}

tarn_code tarn_hint(tarn_cx *cx, tarn_code code, const char *format, ...) {
    if (code == TARN_OK) return code;
    char scratch[SCRATCH];
    va_list args;
    va_start(args, format);
    format_scratch(scratch, format, args);
    va_end(args);
    put_line(cx->error.hint, sizeof cx->error.hint, scratch);
    return code;
}

tarn_code tarn_prefix(tarn_cx *cx, tarn_code code, const char *format, ...) {
    if (code == TARN_OK) return code;
    char scratch[SCRATCH], prefix[SCRATCH];
    va_list args;
    va_start(args, format);
    format_scratch(scratch, format, args);
    va_end(args);
    put_line(prefix, sizeof cx->error.message / 2, scratch);
    tarn_error *error = &cx->error;
    size_t n = strlen(prefix);
    bool is_there = strncmp(error->message, prefix, n) == 0 && error->message[n] == ':';
    if (error->code != code) set_code(error, code);
    if (is_there) return code;
    const char *message = error->message[0] ? error->message : tarn_code_name(code);
    char line[sizeof prefix + sizeof error->message + 2];
    snprintf(line, sizeof line, "%s: %s", prefix, message);
    put_line(error->message, sizeof error->message, line);
    return code;
}

/* Not strerror_r: its text follows the locale of the program we are a guest in. */
const char *tarn_errno_text(tarn_cx *cx, int err) {
    const char *text = strerrordesc_np(err);
    return text ? text : tarn_printf(cx, "error number %d", err);
}

tarn_code tarn_errno_code(int err) {
    switch (err) {
    case ENOENT: return TARN_NOTFOUND;
    case EEXIST: return TARN_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return TARN_DENIED;
    case ENOMEM: return TARN_NOMEM;
    case ETIMEDOUT: return TARN_TIMEOUT;
    case ENAMETOOLONG: return TARN_INVALID;
    default: return TARN_IO;
    }
}

void tarn_clear_error(tarn_cx *cx) {
    memset(&cx->error, 0, sizeof cx->error);
    cx->error.size = sizeof cx->error;
}
