/* z85.h: ZeroMQ's base-85 text (rfc.zeromq.org/spec/32), as Delta writes UUIDs and inline deletion vectors. */
#ifndef TARN_CODEC_Z85_H
#define TARN_CODEC_Z85_H

#include "base/cx.h"

/* Five characters for four bytes; the last group is filled up with zero bytes, so the reader must know the true length.
 */
void tarn_z85_encode(tarn_buf *out, const void *p, size_t n);
/* CORRUPT unless the text is whole groups of valid characters. */
TARN_MUST tarn_code tarn_z85_decode(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_str *out);

#endif
