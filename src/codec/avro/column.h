/* column.h: one Avro value of each row, gathered into an Arrow array; a tree as the type is. Only for codec/avro. */
#ifndef TARN_CODEC_AVRO_COLUMN_H
#define TARN_CODEC_AVRO_COLUMN_H

#include "codec/arrow.h"
#include "codec/avro.h"

typedef enum tarn_avro_shape {
    TARN_AVRO_AS_NULL, /* no values at all */
    TARN_AVRO_AS_BOOL,
    TARN_AVRO_AS_INT32,
    TARN_AVRO_AS_DATE,
    TARN_AVRO_AS_TIME32,
    TARN_AVRO_AS_INT64,
    TARN_AVRO_AS_TIME64,
    TARN_AVRO_AS_MILLIS, /* to µs */
    TARN_AVRO_AS_NANOS,  /* to µs */
    TARN_AVRO_AS_FLOAT,
    TARN_AVRO_AS_DOUBLE,
    TARN_AVRO_AS_TEXT,
    TARN_AVRO_AS_BINARY,
    TARN_AVRO_AS_FIXED,
    TARN_AVRO_AS_UUID,
    TARN_AVRO_AS_DECIMAL,
    TARN_AVRO_AS_STRUCT,
    TARN_AVRO_AS_LIST,
    TARN_AVRO_AS_MAP,    /* children[0]: the entries */
    TARN_AVRO_AS_MEMBERS /* a union: children[i] has the values of branch i; NULL for the branch null */
} tarn_avro_shape;

typedef struct tarn_avro_column tarn_avro_column;
struct tarn_avro_column {
    tarn_avro_shape shape;
    const tarn_avro_type *type;     /* of the values, its union with null taken off; NULL: a map's entries */
    const tarn_avro_type *optional; /* that union; NULL: there is none */
    bool nullable;
    const char *name, *format;
    const char *extension; /* the Arrow extension's name; NULL: none */
    size_t width;          /* bytes of a value in `data`; 0: it has offsets, bits or nothing */
    __int128 bound;        /* DECIMAL: 10^precision */
    tarn_avro_column **children;
    size_t n_children;
    /* The batch at work. */
    int64_t rows, nulls;
    tarn_buf valid, data, text;
};

/* The columns of a row as children of one struct. */
TARN_MUST tarn_code tarn_avro_column_tree(tarn_cx *cx, tarn_arena *arena, const tarn_avro_type *row,
                                          tarn_avro_column **out);
void tarn_avro_column_free(tarn_avro_column *column); /* the buffers; the tree is the arena's */
/* Same names, types and nesting; whether nulls may be there is no matter. */
bool tarn_avro_column_same(const tarn_avro_column *a, const tarn_avro_column *b);
/* On malloc; false: there is none. */
bool tarn_avro_column_schema(const tarn_avro_column *column, struct ArrowSchema *out);

/* Reads one value. Bytes gathered are added to *size. Wrong values are the cursor's. */
void tarn_avro_column_read(tarn_avro_column *column, tarn_avro_cursor *c, size_t *size);
/* Moves the batch out; false: no memory, or too much for a batch. */
bool tarn_avro_column_take(tarn_avro_column *column, struct ArrowArray *out);

#endif
