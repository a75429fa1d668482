/* parquet_positions.h: a Parquet file of row positions: the position delete file of Iceberg (1.8) for one data file. */
#ifndef TARN_CODEC_PARQUET_POSITIONS_H
#define TARN_CODEC_PARQUET_POSITIONS_H

#include "codec/roaring64.h"

/* The ids of its columns, which are reserved (1.8). */
enum { TARN_POSITIONS_PATH_ID = 2147483546, TARN_POSITIONS_ROW_ID = 2147483545 };

/* The whole file into `out`, which is empty: the required columns file_path, `path` in each row, and pos, ascending.
 * LIMIT: it would pass the buffer's maximum; INVALID: a row that no int64 holds. */
TARN_MUST tarn_code tarn_parquet_put_positions(tarn_cx *cx, tarn_str path, const tarn_roaring64 *rows, tarn_buf *out);

#endif
