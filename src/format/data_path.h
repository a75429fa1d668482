/* data_path.h: data files as DuckDB is told of them. */
#ifndef TARN_FORMAT_DATA_PATH_H
#define TARN_FORMAT_DATA_PATH_H

#include "format/snapshot.h"

/* What DuckDB opens for a path of tarn_file: a key below the table's root, or an absolute one. In cx->arena. */
TARN_MUST tarn_code tarn_data_path(tarn_cx *cx, const tarn_table *table, tarn_str path, const char **out);
/* Such a path as a literal for read_parquet, which takes it for nothing but itself. */
TARN_MUST tarn_code tarn_data_path_put(tarn_cx *cx, tarn_buf *out, const char *path);
/* Lets the engine reach the table's store and those that files name themselves; the bucket a URI is in. */
TARN_MUST tarn_code tarn_data_reach(tarn_cx *cx, tarn_engine *engine, const tarn_table *table,
                                    const tarn_file *const *files, size_t n);
TARN_MUST tarn_code tarn_data_reach_uri(tarn_cx *cx, tarn_engine *engine, tarn_str uri);

#endif
