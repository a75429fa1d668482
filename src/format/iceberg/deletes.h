/* deletes.h: delete files of a snapshot: which apply to which data file (1.8). */
#ifndef TARN_FORMAT_ICEBERG_DELETES_H
#define TARN_FORMAT_ICEBERG_DELETES_H

#include "format/iceberg/iceberg.h"

/* Position delete files or one deletion vector: what tarn_deletes.where points to. */
typedef struct tarn_iceberg_deletes {
    const tarn_iceberg_file **files;
    size_t n;
} tarn_iceberg_deletes;

/* Fills in `deletes` of data files where there are any. */
TARN_MUST tarn_code tarn_iceberg_find_deletes(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *const *files,
                                              size_t n);
/* The equality delete files that apply to a data file, ascending by place; *out NULL and *n 0: none. In cx->arena. */
TARN_MUST tarn_code tarn_iceberg_key_deletes(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_file *f,
                                             const tarn_iceberg_file *const **out, size_t *n);
tarn_code tarn_iceberg_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file, tarn_roaring64 **out);
/* The data file that the delete file is for alone, as recorded; .p NULL: it may be for several. */
tarn_str tarn_iceberg_delete_target(const tarn_iceberg_entry *e);
/* A vector at its place in the file `path`. */
TARN_MUST tarn_code tarn_iceberg_read_vector(tarn_cx *cx, tarn_store *store, tarn_str path, int64_t offset,
                                             int64_t length, int64_t rows, tarn_roaring64 **out);
/* The positions of the data file `recorded` in a Parquet file of them. */
TARN_MUST tarn_code tarn_iceberg_read_positions(tarn_cx *cx, const tarn_table *table, const tarn_file *file,
                                                tarn_str recorded, tarn_roaring64 **out);
void tarn_iceberg_deletes_free(tarn_iceberg_snapshot *s);

#endif
