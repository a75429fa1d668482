/* scan_files.h: the files of a scan as read_parquet is told of them. For scan.c. */
#ifndef TARN_TABLE_SCAN_FILES_H
#define TARN_TABLE_SCAN_FILES_H

#include "format/format.h"

/* Files that one read_parquet reads. */
typedef struct tarn_scan_part {
    tarn_file_group group;
    bool zoneless; /* instants are INT96 or so in these files, which DuckDB gives as local times in UTC */
} tarn_scan_part;

/* The file's path as a literal for read_parquet. */
TARN_MUST tarn_code tarn_scan_put_file(tarn_cx *cx, tarn_buf *out, const tarn_table *table, const tarn_file *file);
/* The groups as parts, in cx->arena. Where the session's time zone is not UTC and there are instants to read, the
 * files' footers are asked how they are stored, and zoneless files become parts of their own. UNSUPPORTED: a file holds
 * instants both ways. */
TARN_MUST tarn_code tarn_scan_split(tarn_cx *cx, tarn_engine *engine, const tarn_table *table,
                                    const tarn_file_group *groups, size_t n_groups, tarn_scan_part **out, size_t *n);

#endif
