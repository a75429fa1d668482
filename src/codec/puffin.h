/* puffin.h: deletion vectors as Puffin files hold them (Puffin spec, "deletion-vector-v1"). */
#ifndef TARN_CODEC_PUFFIN_H
#define TARN_CODEC_PUFFIN_H

#include "codec/roaring64.h"

/* All of a blob: length, magic, bitmap, checksum. CORRUPT for anything else. */
TARN_MUST tarn_code tarn_puffin_vector(tarn_cx *cx, tarn_str blob, tarn_roaring64 **out);

/* WRITING a Puffin file: the magic, vectors (each a blob that ends where the buffer does), then the footer, with what
 * tarn_puffin_put_blob said of each. */
#define TARN_PUFFIN_MAGIC "PFA1"
void tarn_puffin_put_vector(tarn_buf *out, const tarn_roaring64 *rows);
/* `before`: how many blobs there are already. The referenced data file as it is recorded. */
void tarn_puffin_put_blob(tarn_buf *blobs, int before, int64_t offset, int64_t length, int64_t rows,
                          const char *referenced);
void tarn_puffin_put_footer(tarn_buf *out, tarn_str blobs);

#endif
