/* column.h: a column of an Arrow stream: its type, worked out once, and its values as text or JSON. */
#ifndef TARN_CLI_COLUMN_H
#define TARN_CLI_COLUMN_H

#include "cli.h"
#include "text.h"

typedef enum cli_kind {
    CLI_K_NULL,
    CLI_K_BOOL,
    CLI_K_INT, /* `width` bytes */
    CLI_K_UINT,
    CLI_K_FLOAT,
    CLI_K_DECIMAL, /* `width` bytes, `scale` */
    CLI_K_TEXT,    /* offsets of `width` bytes; 16: views */
    CLI_K_BINARY,  /* the same */
    CLI_K_FIXED,   /* `width` bytes */
    CLI_K_UUID,
    CLI_K_DATE, /* width 4: days, 8: milliseconds */
    CLI_K_TIME, /* `digits` after the second */
    CLI_K_TIMESTAMP,
    CLI_K_DURATION,
    CLI_K_MONTHS, /* intervals of three kinds */
    CLI_K_DAY_MS,
    CLI_K_MONTH_DAY_NS,
    CLI_K_LIST, /* offsets of `width` bytes */
    CLI_K_LIST_VIEW,
    CLI_K_FIXED_LIST, /* `width` items */
    CLI_K_STRUCT,
    CLI_K_MAP,
    CLI_K_UNION, /* `dense` or sparse */
    CLI_K_ENUM   /* `width`, `is_signed`: index into child 0 */
} cli_kind;

typedef struct cli_type cli_type;
struct cli_type {
    cli_kind kind;
    int width, scale, digits;
    bool zoned, is_signed, dense, is_integer; /* is_integer: a decimal that stands for a 128-bit integer */
    signed char members[128];                 /* union: type id to child, -1: none */
    char *name;
    size_t n_children;
    cli_type *children;
};

/* The columns of a stream as one struct type. UNSUPPORTED for Arrow types that cannot be shown. */
tarn_code cli_type_of(const struct ArrowSchema *schema, cli_type *out, tarn_error *error);
void cli_type_free(cli_type *t);

/* Row `i` of an array, counted from the array's own offset. */
bool cli_is_null(const cli_type *t, const struct ArrowArray *a, int64_t i);
/* The child's row that holds row `i` of a struct. */
static inline int64_t cli_child_row(const struct ArrowArray *a, int64_t i) { return a->offset + i; }
void cli_put_json(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i);
/* As people and CSV readers want it; nested values are JSON, NULL is nothing. */
void cli_put_text(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i);
/* The bytes of a text where they lie. */
const char *cli_bytes(const cli_type *t, const struct ArrowArray *a, int64_t i, size_t *n);
bool cli_is_number(const cli_type *t);

#endif
