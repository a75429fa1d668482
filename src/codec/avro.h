/* avro.h: Avro 1.11 object container files, between bytes and values: a schema tree that keeps field ids, blocks, and a
 * cursor over the values of a block. No I/O and nothing is allocated per value.
 *
 *     tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
 *     TRY(tarn_avro_open(cx, cx->arena, bytes, &reader));
 *     for (;;) {
 *         tarn_avro_cursor c;
 *         int64_t rows;
 *         TRY(tarn_avro_next_block(cx, &reader, &c, &rows));
 *         if (rows == 0) break;
 *         for (int64_t row = 0; row < rows; row++)
 *             for (size_t i = 0; i < record->n_fields; i++)
 *                 switch (record->fields[i].id) {
 *                 case 100: tarn_avro_get_str(&c, record->fields[i].type, &path); break;
 *                 default: tarn_avro_skip(&c, record->fields[i].type);
 *                 }
 *         TRY(tarn_avro_check(cx, &c));
 *     }
 */
#ifndef TARN_CODEC_AVRO_H
#define TARN_CODEC_AVRO_H

#include "codec/json_tree.h"

typedef enum tarn_avro_kind {
    TARN_AVRO_NULL,
    TARN_AVRO_BOOLEAN,
    TARN_AVRO_INT,
    TARN_AVRO_LONG,
    TARN_AVRO_FLOAT,
    TARN_AVRO_DOUBLE,
    TARN_AVRO_BYTES,
    TARN_AVRO_STRING,
    TARN_AVRO_FIXED,
    TARN_AVRO_ENUM,
    TARN_AVRO_RECORD,
    TARN_AVRO_ARRAY,
    TARN_AVRO_MAP,
    TARN_AVRO_UNION
} tarn_avro_kind;

/* What is unknown, or does not fit the type it stands on, is PLAIN ("Logical Types"). */
typedef enum tarn_avro_logical {
    TARN_AVRO_PLAIN,
    TARN_AVRO_DECIMAL,
    TARN_AVRO_UUID,
    TARN_AVRO_DATE,
    TARN_AVRO_TIME_MILLIS,
    TARN_AVRO_TIME_MICROS,
    TARN_AVRO_TIMESTAMP_MILLIS,
    TARN_AVRO_TIMESTAMP_MICROS,
    TARN_AVRO_TIMESTAMP_NANOS,
    TARN_AVRO_LOCAL_MILLIS,
    TARN_AVRO_LOCAL_MICROS,
    TARN_AVRO_LOCAL_NANOS,
    TARN_AVRO_KEYED /* "map" on an array of records of two fields, key and value: a map whose keys are no text */
} tarn_avro_logical;

typedef struct tarn_avro_type tarn_avro_type;

typedef struct tarn_avro_field {
    tarn_str name;
    int32_t id; /* "field-id"; -1: none */
    const tarn_avro_type *type;
    const tarn_json_value *json; /* the field as written: its default, doc and other attributes */
} tarn_avro_field;

/* Named types are shared by all who refer to them, and a record may hold itself inside a union, array or map. */
struct tarn_avro_type {
    tarn_avro_kind kind;
    tarn_avro_logical logical;
    int precision, scale;            /* DECIMAL; scale 0..precision, the precision may be any */
    tarn_str name;                   /* RECORD, ENUM, FIXED: the full name */
    size_t size;                     /* FIXED */
    size_t min_size;                 /* the fewest bytes a value takes; 0: every value takes none */
    int32_t item_id;                 /* ARRAY: "element-id"; MAP: "value-id"; -1: none */
    int32_t key_id;                  /* MAP: "key-id"; -1: none */
    const tarn_avro_type *items;     /* ARRAY: its elements; MAP: its values, the keys are strings */
    tarn_avro_field *fields;         /* RECORD */
    size_t n_fields;                 /* RECORD */
    const tarn_avro_type **branches; /* UNION */
    size_t n_branches;               /* UNION */
    const tarn_str *symbols;         /* ENUM */
    size_t n_symbols;                /* ENUM */
    const tarn_json_value *json;     /* as written, with attributes that mean nothing here */
};

/* The text must outlive the types, which are in the arena. CORRUPT when it is no schema, LIMIT when it is too large. */
TARN_MUST tarn_code tarn_avro_schema(tarn_cx *cx, tarn_arena *arena, tarn_str json, const tarn_avro_type **out);
/* The field of a record (or of the record in a union with null) by id, or by name; NULL when there is none. */
const tarn_avro_field *tarn_avro_field_by_id(const tarn_avro_type *record, int32_t id);
const tarn_avro_field *tarn_avro_field_named(const tarn_avro_type *record, const char *name);
/* The T of ["null", T] and [T, "null"]; any other type as it is. */
const tarn_avro_type *tarn_avro_unwrap(const tarn_avro_type *type);

/* THE FILE. */
typedef enum tarn_avro_codec { TARN_AVRO_STORED, TARN_AVRO_DEFLATE, TARN_AVRO_SNAPPY, TARN_AVRO_ZSTD } tarn_avro_codec;

enum { TARN_AVRO_SYNC = 16 };

typedef struct tarn_avro_meta {
    tarn_str key, value;
} tarn_avro_meta;

typedef struct tarn_avro_header {
    const tarn_avro_type *type; /* of a row; mostly a record */
    tarn_str schema;            /* its JSON */
    const tarn_avro_meta *meta; /* all pairs, those of Avro itself ("avro.schema") too */
    size_t n_meta;
    tarn_avro_codec codec;
    char sync[TARN_AVRO_SYNC];
    size_t size; /* of the header; the first block begins here */
} tarn_avro_header;

/* `bytes` is the beginning of a file, or all of it, and need not live on. A beginning that ends inside the header gives
 * *out NULL: come again with more. */
TARN_MUST tarn_code tarn_avro_header_read(tarn_cx *cx, tarn_arena *arena, tarn_str bytes, const tarn_avro_header **out);
/* The value of a pair, {NULL, 0} when there is none. */
tarn_str tarn_avro_meta_get(const tarn_avro_header *header, const char *key);

/* A block as it lies in the file. */
typedef struct tarn_avro_frame {
    int64_t rows;
    size_t data, n; /* where its data begins, and how many bytes they are, still compressed */
    size_t end;     /* where the next block begins */
} tarn_avro_frame;

/* The block at the beginning of `bytes`; `left` is how many bytes the file still has from there. When `bytes` end
 * before the head of the block does, frame->end is 0. The data itself need not be in `bytes`. */
TARN_MUST tarn_code tarn_avro_frame_read(tarn_cx *cx, const tarn_avro_header *header, tarn_str bytes, uint64_t left,
                                         tarn_avro_frame *frame);
/* The values of a frame, whose bytes data..end `bytes` are: in `bytes` itself or in `space`, whose maximum bounds them.
 * The sync mark, checksums and that so many rows can be in it are checked. */
TARN_MUST tarn_code tarn_avro_frame_data(tarn_cx *cx, const tarn_avro_header *header, const tarn_avro_frame *frame,
                                         tarn_str bytes, tarn_buf *space, tarn_str *data);

/* A whole file in memory. */
typedef struct tarn_avro_reader {
    const tarn_avro_header *header;
    tarn_str bytes;
    size_t at;
    tarn_buf space;
} tarn_avro_reader;

/* The header is in the arena; the bytes must outlive the reader. */
TARN_MUST tarn_code tarn_avro_open(tarn_cx *cx, tarn_arena *arena, tarn_str bytes, tarn_avro_reader *out);
void tarn_avro_reader_done(tarn_avro_reader *reader);

/* VALUES. A cursor does not fail at once: after something wrong it stands at the end, everything reads as nothing, and
 * tarn_avro_check tells. Slices point into the block and are good until the next one. */
typedef struct tarn_avro_cursor {
    const char *begin, *p, *end;
    const char *wrong;   /* NULL: all is well so far */
    int depth;           /* of what is being skipped */
    int64_t empty_items; /* how many elements without any bytes were given out */
} tarn_avro_cursor;

/* The next block that has rows; *rows is 0 after the last. The slices of the block before end here. */
TARN_MUST tarn_code tarn_avro_next_block(tarn_cx *cx, tarn_avro_reader *reader, tarn_avro_cursor *out, int64_t *rows);
tarn_avro_cursor tarn_avro_cursor_of(tarn_str data);
/* CORRUPT when something was wrong. Also stops when it is time to: call it after each block, or more often. */
TARN_MUST tarn_code tarn_avro_check(tarn_cx *cx, const tarn_avro_cursor *c);

/* Makes it wrong: for who reads a value that cannot be. `what` is a literal. */
void tarn_avro_wrong(tarn_avro_cursor *c, const char *what);

/* By the type in the file: any value that can stand for what is asked, through a union with null. False: it is null, or
 * wrong; *out is then untouched. A value of another kind is wrong. */
bool tarn_avro_get_long(tarn_avro_cursor *c, const tarn_avro_type *type, int64_t *out); /* int, long, enum (index) */
bool tarn_avro_get_bool(tarn_avro_cursor *c, const tarn_avro_type *type, bool *out);
bool tarn_avro_get_double(tarn_avro_cursor *c, const tarn_avro_type *type, double *out); /* numbers */
bool tarn_avro_get_str(tarn_avro_cursor *c, const tarn_avro_type *type, tarn_str *out); /* string, bytes, fixed, enum */
/* Enters a value of any type: the type of what follows, its union resolved; NULL: null, or wrong. */
const tarn_avro_type *tarn_avro_enter(tarn_avro_cursor *c, const tarn_avro_type *type);
/* The elements of an entered array, or pairs of a map: for (int64_t left = 0; tarn_avro_item(&c, array, &left);) reads
 * each one to its end. */
bool tarn_avro_item(tarn_avro_cursor *c, const tarn_avro_type *type, int64_t *left);
void tarn_avro_skip(tarn_avro_cursor *c, const tarn_avro_type *type);

/* The primitives, where the type is known. */
int64_t tarn_avro_long(tarn_avro_cursor *c);
int32_t tarn_avro_int(tarn_avro_cursor *c);
bool tarn_avro_boolean(tarn_avro_cursor *c);
float tarn_avro_float(tarn_avro_cursor *c);
double tarn_avro_double(tarn_avro_cursor *c);
tarn_str tarn_avro_bytes(tarn_avro_cursor *c); /* bytes and strings; strings are not checked to be UTF-8 */
tarn_str tarn_avro_fixed(tarn_avro_cursor *c, size_t n);

#endif
