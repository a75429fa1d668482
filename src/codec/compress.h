/* compress.h: compressed bytes, whole, of the general formats. */
#ifndef TARN_CODEC_COMPRESS_H
#define TARN_CODEC_COMPRESS_H

#include "base/cx.h"

typedef enum tarn_compression {
    TARN_DEFLATE, /* RFC 1951, without zlib's head; bytes behind its end are passed over, as PyIceberg writes some */
    TARN_GZIP,    /* RFC 1952, any number of members */
    TARN_ZSTD,    /* RFC 8878, any number of frames */
    TARN_SNAPPY   /* one raw block */
} tarn_compression;

/* Adds the plain bytes to `out`. CORRUPT when they are not of that format, LIMIT when `out` would pass its maximum:
 * what the input claims is never trusted. */
TARN_MUST tarn_code tarn_decompress(tarn_cx *cx, tarn_compression format, tarn_str in, tarn_buf *out);
TARN_MUST tarn_code tarn_compress(tarn_cx *cx, tarn_compression format, tarn_str in, tarn_buf *out);

#endif
