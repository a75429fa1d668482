/* type.h: column types, fields and schemas, in words all formats share. Immutable once built; memory belongs to the
 * arena they were built in. */
#ifndef TARN_MODEL_TYPE_H
#define TARN_MODEL_TYPE_H

#include "base/cx.h"
#include "base/vec.h"

typedef enum tarn_kind {
    TARN_BOOL,
    TARN_INT8,
    TARN_INT16,
    TARN_INT32,
    TARN_INT64,
    TARN_FLOAT32,
    TARN_FLOAT64,
    TARN_DECIMAL,       /* precision 1..38, scale 0..precision */
    TARN_DATE,          /* days since 1970 */
    TARN_TIME,          /* µs of the day */
    TARN_TIMESTAMP,     /* an instant: µs since 1970 UTC (Delta timestamp, Iceberg timestamptz, DuckDB TIMESTAMPTZ) */
    TARN_TIMESTAMP_NTZ, /* without zone: µs */
    TARN_TIMESTAMP_NS,  /* an instant, ns */
    TARN_TIMESTAMP_NTZ_NS,
    TARN_STRING,
    TARN_BINARY,
    TARN_FIXED, /* length in `precision` */
    TARN_UUID,
    TARN_VARIANT,
    TARN_VOID,   /* only nulls */
    TARN_STRUCT, /* fields: the members */
    TARN_LIST,   /* fields[0]: "element" */
    TARN_MAP,    /* fields[0]: "key", fields[1]: "value" */
    TARN_FOREIGN /* the engine's own, which no table can hold: fields[0].name is its text, .comment why; n_fields is 0
                  */
} tarn_kind;

typedef struct tarn_field tarn_field;

typedef struct tarn_type {
    tarn_kind kind;
    int precision, scale;
    tarn_field *fields;
    size_t n_fields;
} tarn_type;

/* A format's own annotation of a field, kept as it was: key and JSON text of the value. */
typedef struct tarn_meta {
    const char *key, *json;
} tarn_meta;

/* GENERATED … AS IDENTITY: rows without a value get start, start + step, …, each once. */
typedef struct tarn_identity {
    int64_t start, step;
    int64_t last; /* the one given last */
    bool begun;   /* one was given */
    bool open;    /* BY DEFAULT: rows may bring values of their own */
} tarn_identity;

struct tarn_field {
    const char *name;
    const tarn_type *type;
    bool nullable;
    int32_t id;                    /* field id in the files; -1: none, fields are found by `physical` */
    const char *physical;          /* name in the files when it is not `name`; NULL: the same */
    const char *stored;            /* name in the table's metadata, when another's differs from it only by case; NULL */
    const char *comment;           /* NULL: none */
    const char *default_sql;       /* value for INSERTs that omit it, as SQL; NULL: none */
    const char *initial_sql;       /* value for rows of files that lack the column, as SQL; NULL: null */
    const char *generated_sql;     /* GENERATED ALWAYS AS (…), as SQL; NULL: not generated */
    const tarn_identity *identity; /* NULL: none */
    bool key;                      /* one of those that tell rows apart; nothing checks that they do */
    const tarn_meta *meta;
    size_t n_meta;
};

/* Whether rows may come without a value because the table has its own: generated, or counted on. */
static inline bool tarn_field_computed(const tarn_field *f) { return f->generated_sql || f->identity; }

/* What the table's metadata calls it. */
static inline const char *tarn_field_stored(const tarn_field *f) { return f->stored ? f->stored : f->name; }

/* A table's columns: a struct type. */
typedef tarn_type tarn_schema;

const char *tarn_kind_name(tarn_kind kind);
bool tarn_type_nested(const tarn_type *type);
bool tarn_type_eq(const tarn_type *a, const tarn_type *b); /* names, nullability and ids of members count */
tarn_type *tarn_type_new(tarn_arena *arena, tarn_kind kind);
tarn_type *tarn_type_decimal(tarn_arena *arena, int precision, int scale);
tarn_type *tarn_type_list(tarn_arena *arena, const tarn_type *element, bool nullable);
tarn_type *tarn_type_map(tarn_arena *arena, const tarn_type *key, const tarn_type *value, bool nullable);
tarn_type *tarn_type_copy(tarn_arena *arena, const tarn_type *type);
/* The column called `name` (without case; an exact match wins over others), or -1. */
int tarn_schema_find(const tarn_schema *schema, tarn_str name);
/* "a.b.c" through structs to a member, nested or not; names may hold dots themselves. NULL when it is not there. */
const tarn_field *tarn_schema_path(const tarn_schema *schema, tarn_str dotted);
/* Names that differ only by case, or not at all, told apart as DuckDB does it when it reads them: the later ones get
 * _1, _2 and so on. In place; what is new lies in the arena. */
void tarn_names_tell_apart(tarn_arena *arena, const char **names, size_t n);
/* Refuses empty names, names that differ only by case, and more than limit.columns fields (nested ones counted). */
TARN_MUST tarn_code tarn_schema_check(tarn_cx *cx, const tarn_schema *schema);
/* DuckDB's text for the type: BIGINT, DECIMAL(10,2), STRUCT("a" INTEGER, …), TIMESTAMPTZ. */
void tarn_type_duckdb(tarn_buf *out, const tarn_type *type);
/* The type DuckDB's text stands for. UNSUPPORTED, naming the cast to use, for types no table can hold (UBIGINT,
 * INTERVAL, …). */
TARN_MUST tarn_code tarn_type_from_duckdb(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_type **out);
/* The same, but such a type is FOREIGN, also as a member of one that a table could hold. */
TARN_MUST tarn_code tarn_type_of_query(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_type **out);
/* The annotation by which Spark and Delta know a text column's length: "varchar(3)", "char(3)"; its type is STRING. */
#define TARN_META_LENGTH "__CHAR_VARCHAR_TYPE_STRING"
enum { TARN_CHAR_MAX = 1 << 20 }; /* CHAR columns longer than this are not filled up */
/* False: any length. *pads: shorter values are filled up with blanks, as CHAR does. */
bool tarn_field_length(const tarn_field *field, int64_t *length, bool *pads);
/* Length 0: any. */
void tarn_field_set_length(tarn_arena *arena, tarn_field *field, int64_t length, bool pads);
/* As tarn_type_sql, with its length. */
void tarn_field_sql(tarn_buf *out, const tarn_field *field);
/* Spark's text, as DESCRIBE prints it: bigint, decimal(10,2), struct<a:int>, timestamp_ntz. */
void tarn_type_sql(tarn_buf *out, const tarn_type *type);

#endif
