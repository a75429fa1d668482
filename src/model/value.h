/* value.h: one typed scalar, as statistics, partition values and predicates hold it. */
#ifndef TARN_MODEL_VALUE_H
#define TARN_MODEL_VALUE_H

#include "model/type.h"

typedef struct tarn_value {
    tarn_kind kind;
    bool null;
    int8_t scale; /* DECIMAL */
    union {
        bool b;
        int64_t i;    /* INT8..64, DATE, TIME, TIMESTAMP… in the unit of the kind */
        double f;     /* FLOAT32, FLOAT64 */
        __int128 dec; /* DECIMAL: unscaled */
        tarn_str s;   /* STRING (UTF-8), BINARY, FIXED, UUID (16 bytes) */
    };
} tarn_value;

/* -1, 0, 1 as the formats sort: strings by bytes, NaN greater than all other floats, -0.0 equal to 0.0, numbers of
 * different kinds by value. *ok is false (and the result 0) when the two cannot be compared or one is null. */
int tarn_value_cmp(const tarn_value *a, const tarn_value *b, bool *ok);
/* The same value as `to`, when no information is lost. */
bool tarn_value_cast(const tarn_value *from, const tarn_type *to, tarn_value *out);
/* Text as DuckDB's VARCHAR casts print it ("2020-01-01 00:00:00.5+00", hex blobs as \xAA, decimals "98.00"), in the
 * given type. Text values point into `text`. False: not such a value. */
bool tarn_value_parse(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out);
/* A literal of DuckDB SQL with its type: 5::BIGINT, DATE '2026-01-01', 'it''s'. */
void tarn_value_sql(tarn_buf *out, const tarn_value *value);
/* One text for the values of a partition, as a key of maps; in the arena. False: it would be longer than 1 MiB. */
bool tarn_values_key(tarn_arena *arena, const tarn_value *values, size_t n, tarn_str *out);
/* Plain text, as SHOW PARTITIONS prints it. */
void tarn_value_text(tarn_buf *out, const tarn_value *value);

#endif
