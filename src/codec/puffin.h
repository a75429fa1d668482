/* puffin.h: deletion vectors as Puffin files hold them (Puffin spec, "deletion-vector-v1"). */
#ifndef TARN_CODEC_PUFFIN_H
#define TARN_CODEC_PUFFIN_H

#include "codec/roaring64.h"

/* All of a blob: length, magic, bitmap, checksum. CORRUPT for anything else. */
TARN_MUST tarn_code tarn_puffin_vector(tarn_cx *cx, tarn_str blob, tarn_roaring64 **out);

#endif
