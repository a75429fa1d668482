/* arrow.h: reading and building Arrow arrays: the one form in which rows pass between modules. */
#ifndef TARN_CODEC_ARROW_H
#define TARN_CODEC_ARROW_H

#include "base/cx.h"

static inline void tarn_schema_release(struct ArrowSchema *s) {
    if (s->release) s->release(s);
}
static inline void tarn_array_release(struct ArrowArray *a) {
    if (a->release) a->release(a);
}
static inline void tarn_stream_release(struct ArrowArrayStream *s) {
    if (s->release) s->release(s);
}

/* READING. A column: an array with its schema. Indexes are logical rows (array->offset is added here; of a struct it
 * must be 0, as in all that DuckDB gives). Accessors convert between widths of one family
 * (any integer to int64, large and small strings). */
typedef struct tarn_column {
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
} tarn_column;

/* Child `i` of a struct array (a batch is one). */
tarn_column tarn_column_child(tarn_column c, int64_t i);
/* The child called `name`; .array is NULL when there is none. */
tarn_column tarn_column_named(tarn_column c, const char *name);
bool tarn_column_null(tarn_column c, int64_t row);
int64_t tarn_column_int(tarn_column c, int64_t row);   /* bool, ints, date, time, timestamps */
double tarn_column_double(tarn_column c, int64_t row); /* floats and ints */
tarn_str tarn_column_str(tarn_column c, int64_t row);  /* utf8 and binary, both sizes; points into the array */
/* The rows of the child (element; or map entries: a struct of key and value) that belong to a list or map row. */
tarn_column tarn_column_list(tarn_column c, int64_t row, int64_t *begin, int64_t *end);

/* Rows that can be read again and again, by several threads at once, and are opened without fail. */
typedef struct tarn_row_source {
    void (*open)(void *state, struct ArrowArrayStream *out);
    void (*free)(void *state); /* NULL: nothing is to be freed */
    void *state;
} tarn_row_source;

/* BUILDING small tables (metadata, reports). Formats are Arrow's: "u" text, "l" int64, "i" int32, "g" double, "b" bool,
 * "tsu:UTC" instant in µs, "tdD" date, "z" bytes; "+s" a struct, whose members are the columns after it, up to one
 * without a name; "+l" a list of what the next column is; "+m" a map from the next column to the one after that. */
typedef struct tarn_rowset tarn_rowset;

typedef struct tarn_rowset_column {
    const char *name, *format;
} tarn_rowset_column;

/* The rowset is on malloc: it ends with tarn_rowset_free or becomes a stream. */
tarn_rowset *tarn_rowset_new(const tarn_rowset_column *columns, size_t n);
void tarn_rowset_free(tarn_rowset *rows);
/* Cells are appended from left to right, row after row. */
void tarn_rowset_null(tarn_rowset *rows);
void tarn_rowset_int(tarn_rowset *rows, int64_t value);      /* l, i, b, ts, td */
void tarn_rowset_double(tarn_rowset *rows, double value);    /* g, f */
void tarn_rowset_decimal(tarn_rowset *rows, __int128 value); /* d:38,9 */
void tarn_rowset_str(tarn_rowset *rows, tarn_str value);     /* .p NULL: null */
void tarn_rowset_text(tarn_rowset *rows, const char *value); /* NULL: null */
/* A struct, whose members are the next cells; or a list or map, whose items, or keys and values in turn, are the cells
 * from here to its end. */
void tarn_rowset_enter(tarn_rowset *rows);
void tarn_rowset_leave(tarn_rowset *rows);
int64_t tarn_rowset_count(const tarn_rowset *rows);
/* As a stream the set goes on: each time its rows are gone, `more` adds some, or none at the end. `done` frees the
 * state with the set. */
void tarn_rowset_feed(tarn_rowset *rows, void (*more)(void *state, tarn_rowset *rows), void (*done)(void *state),
                      void *state);
/* Such a set without rows yet as a stream. */
void tarn_rowset_open(tarn_rowset *rows, struct ArrowArrayStream *out);
/* For `more`: the stream ends with this error. */
void tarn_rowset_fail(tarn_rowset *rows, const tarn_error *error);
/* What a stream's callback returns for a failure. */
int tarn_arrow_errno(tarn_code code);
/* Moves the rows into a stream of one batch. LIMIT when they passed 2 GB of text; INTERNAL when a row is not whole. */
TARN_MUST tarn_code tarn_rowset_stream(tarn_cx *cx, tarn_rowset **rows, struct ArrowArrayStream *out);

#endif
