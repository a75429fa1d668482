/* scan.h: files of a snapshot as one SQL fragment for DuckDB. */
#ifndef TARN_TABLE_SCAN_H
#define TARN_TABLE_SCAN_H

#include "format/format.h"

/* The names a scan with positions adds: index into its file list, and physical row in that file. */
#define TARN_FILE_COLUMN "_tarn_file"
#define TARN_ROW_COLUMN "_tarn_row"

typedef struct tarn_scan {
    const char *sql; /* SELECT <the table's columns by their names and types>[, _tarn_file, _tarn_row] FROM … : no outer
                        parentheses */
    tarn_engine *engine;
    uint64_t deletes_id;     /* 0: none */
    const tarn_file **files; /* what _tarn_file counts */
    size_t n_files;
} tarn_scan;

/* Deleted rows are left out. `skip` (NULL: none): more rows to leave out, per file of `files` (an entry may be NULL);
 * kept until tarn_scan_done, not owned. The SQL holds no state of a connection and is good until tarn_scan_done. No
 * files: a zero-row select of the same columns. */
TARN_MUST tarn_code tarn_scan_build(tarn_cx *cx, tarn_engine *engine, tarn_snapshot *snapshot,
                                    const tarn_file *const *files, size_t n_files, bool positions,
                                    tarn_roaring64 *const *skip, tarn_scan *out);
void tarn_scan_done(tarn_scan *scan);

/* SELECT NULL::T AS c, … WHERE false over a schema: an empty table in DuckDB's eyes. */
void tarn_scan_empty(tarn_buf *out, const tarn_schema *schema, bool positions);

#endif
