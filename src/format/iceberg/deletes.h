/* deletes.h: delete files of a snapshot: which apply to which data file (1.8). */
#ifndef TARN_FORMAT_ICEBERG_DELETES_H
#define TARN_FORMAT_ICEBERG_DELETES_H

#include "format/iceberg/iceberg.h"

/* Position delete files or one deletion vector: what tarn_deletes.where points to. */
typedef struct tarn_iceberg_deletes {
    const tarn_iceberg_file **files;
    size_t n;
} tarn_iceberg_deletes;

/* Fills in `deletes` and `keys` of data files where there are any. */
TARN_MUST tarn_code tarn_iceberg_find_deletes(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *const *files,
                                              size_t n);
/* Whether the same delete files apply to a data file in two snapshots: every change of its deleted rows writes another
 * one. Rows deleted by value are not known before a scan: whether the files are the same is all that can be told. */
bool tarn_iceberg_same_positions(const tarn_file *a, const tarn_file *b);
bool tarn_iceberg_same_keys(const tarn_file *a, const tarn_file *b);
tarn_code tarn_iceberg_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file, tarn_roaring64 **out);
/* The names of delete files that reach some data file, and how many there are that reach none. */
TARN_MUST tarn_code tarn_iceberg_reaching(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_map *out, int64_t *others);
/* Tells a delete file, also from others in the same Puffin file. */
tarn_str tarn_iceberg_delete_name(tarn_cx *cx, const tarn_iceberg_entry *e);
/* The data file that the delete file is for alone, as recorded; .p NULL: it may be for several. */
tarn_str tarn_iceberg_delete_target(const tarn_iceberg_entry *e);
/* A vector at its place in the file `path`. */
TARN_MUST tarn_code tarn_iceberg_read_vector(tarn_cx *cx, tarn_store *store, tarn_str path, int64_t offset,
                                             int64_t length, int64_t rows, tarn_roaring64 **out);
TARN_MUST tarn_code tarn_iceberg_fetch_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files,
                                               size_t n);
/* The rows of Parquet files of positions: paths of data files, places in them, and which of the files says so. Close
 * both, the rows first; on failure too. */
TARN_MUST tarn_code tarn_iceberg_open_positions(tarn_cx *cx, const tarn_table *table, const tarn_file *const *files,
                                                size_t n, tarn_conn **conn, tarn_rows **out);
/* The positions of the data file `recorded` in a Parquet file of them. */
TARN_MUST tarn_code tarn_iceberg_read_positions(tarn_cx *cx, const tarn_table *table, const tarn_file *file,
                                                tarn_str recorded, tarn_roaring64 **out);
void tarn_iceberg_deletes_free(tarn_iceberg_snapshot *s);

#endif
