/* footers.h: the columns data files say they have: asked of files where ids or names alone do not tell (1.2). */
#ifndef TARN_FORMAT_ICEBERG_FOOTERS_H
#define TARN_FORMAT_ICEBERG_FOOTERS_H

#include "format/iceberg/iceberg.h"

/* A column of a file, or a member; of lists and maps the elements, without the levels between. */
typedef struct tarn_iceberg_column {
    const char *name;
    int32_t id; /* -1: none */
    const struct tarn_iceberg_column *members;
    size_t n_members;
    bool list, map; /* else a struct, where it has members */
} tarn_iceberg_column;

/* Whether files have to be asked: names of members have changed or differ only by case, or there is a name mapping, or
 * a file (the first one) has no ids. */
TARN_MUST tarn_code tarn_iceberg_needs_footers(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *first,
                                               bool *out);
/* The root of each file's columns, with ids from the name mapping, or from places, where a file has none (then
 * by_name[i]). Lives as long as the snapshot. */
TARN_MUST tarn_code tarn_iceberg_footers(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *const *files, size_t n,
                                         const tarn_iceberg_column **out, bool *by_name);

#endif
