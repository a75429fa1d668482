/* avro_write.h: writes Avro 1.11 object container files into a buffer, for a schema given as JSON.
 *
 *     tarn_auto(tarn_avro_writer, tarn_avro_writer_done) w = {0};
 *     TRY(tarn_avro_write_begin(cx, &w, &file, schema, meta, n_meta, TARN_AVRO_DEFLATE));
 *     tarn_avro_put_long(&w.block, 1);
 *     tarn_avro_put_str(&w.block, path);
 *     TRY(tarn_avro_write_row(cx, &w));
 *     TRY(tarn_avro_write_end(cx, &w));
 *
 * The values of a row are put one after another as the schema has them; nothing here knows whether they fit it. */
#ifndef TARN_CODEC_AVRO_WRITE_H
#define TARN_CODEC_AVRO_WRITE_H

#include "codec/avro.h"

typedef struct tarn_avro_writer {
    tarn_buf *out;  /* the file */
    tarn_buf block; /* the values of the block at work */
    tarn_buf space;
    int64_t rows; /* whole ones in the block */
    tarn_avro_codec codec;
    char sync[TARN_AVRO_SYNC];
} tarn_avro_writer;

/* `meta` are pairs beside Avro's own; `out` is the caller's and gets the whole file. The sync mark is random. */
TARN_MUST tarn_code tarn_avro_write_begin(tarn_cx *cx, tarn_avro_writer *w, tarn_buf *out, tarn_str schema,
                                          const tarn_avro_meta *meta, size_t n_meta, tarn_avro_codec codec);
/* Ends a row; a block that is large enough goes into the file. LIMIT when the buffer's maximum is passed. */
TARN_MUST tarn_code tarn_avro_write_row(tarn_cx *cx, tarn_avro_writer *w);
/* The last block. The file is whole now. */
TARN_MUST tarn_code tarn_avro_write_end(tarn_cx *cx, tarn_avro_writer *w);
void tarn_avro_writer_done(tarn_avro_writer *w);

void tarn_avro_put_long(tarn_buf *b, int64_t v); /* int, long, enum; a union's branch; a count of elements */
void tarn_avro_put_bool(tarn_buf *b, bool v);
void tarn_avro_put_float(tarn_buf *b, float v);
void tarn_avro_put_double(tarn_buf *b, double v);
void tarn_avro_put_str(tarn_buf *b, tarn_str v); /* string and bytes */
/* An array or map is put as (count, elements) any number of times, then a count of 0. Fixed: tarn_buf_add. */

#endif
