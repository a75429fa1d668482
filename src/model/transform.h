/* transform.h: partition transforms: their names, their values, and which values of a column a partition can hold. */
#ifndef TARN_MODEL_TRANSFORM_H
#define TARN_MODEL_TRANSFORM_H

#include "model/prune.h"

typedef enum tarn_transform {
    TARN_IDENTITY,
    TARN_BUCKET,
    TARN_TRUNCATE,
    TARN_YEARS,
    TARN_MONTHS,
    TARN_DAYS,
    TARN_HOURS,
    TARN_VOID_TRANSFORM, /* always null */
    TARN_OTHER_TRANSFORM /* not known here: its values are kept, nothing follows from them */
} tarn_transform;

/* How a table's rows are split: by the values of a column, or by what a transform makes of them. */
typedef struct tarn_partition_by {
    const char *name;   /* of the partition field; NULL: as the format names it */
    const char *column; /* of the schema, or a member of one: "s.a" */
    tarn_transform transform;
    int param;
} tarn_partition_by;

/* One of the values that the rows of a file are in the order of. */
typedef struct tarn_sort_by {
    tarn_partition_by by; /* without a name */
    bool descending, nulls_last;
} tarn_sort_by;

/* "identity", "bucket[16]", "truncate[4]", "year", "month", "day", "hour", "void". What is none of them is OTHER. */
void tarn_transform_parse(tarn_str text, tarn_transform *transform, int *param);
void tarn_transform_print(tarn_buf *out, tarn_transform transform, int param);
/* The kind of the results; that of the source for those that keep it. */
tarn_kind tarn_transform_kind(tarn_transform transform, tarn_kind source);
/* Whether a column of the type can be partitioned so. */
bool tarn_transform_fits(tarn_transform transform, const tarn_type *source);
/* Null gives null. False: no such value (the column's type does not go with the transform, or it is out of range).
 * Text results point into the value, or lie in the arena. */
bool tarn_transform_value(tarn_transform transform, int param, const tarn_value *value, tarn_value *out);
/* What is known of a column whose partition values lie in low..high (NULL: open): sets min and max of *out, where they
 * follow. Text of theirs may be in the arena. For a partition's own value low and high are the same. */
void tarn_transform_bounds(tarn_arena *arena, tarn_transform transform, int param, const tarn_type *source,
                           const tarn_value *low, const tarn_value *high, tarn_bounds *out);
/* Adds to every test of `column` for equality (=, IN) what it says of the partition value, as a test of `partition`, a
 * column number that the caller's bounds function answers. For transforms that keep no order (bucket). */
tarn_expr *tarn_transform_equalities(tarn_arena *arena, tarn_expr *expr, int column, tarn_transform transform,
                                     int param, const tarn_type *source, int partition);

/* transform_text.c. As SQL says it: days(ts), bucket(16, id), a column's name. */
void tarn_partition_sql(tarn_arena *arena, tarn_buf *out, const tarn_schema *schema, const tarn_partition_by *by);
/* A result as people read it, and as folders are called: 2017 of years, 2017-11 of months, 2017-11-16-22 of hours. */
void tarn_transform_text(tarn_buf *out, tarn_transform transform, const tarn_value *value);
/* Such a text as the value again; `source` is the type of the column. False: it is none. Text may point into `text`. */
bool tarn_transform_parse_text(tarn_str text, tarn_transform transform, const tarn_type *source, tarn_arena *arena,
                               tarn_value *out);

#endif
