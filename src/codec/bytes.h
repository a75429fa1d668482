/* bytes.h: numbers as bytes, the least significant first: of a fixed length, and of a variable one as Avro and Thrift's
 * compact protocol have it. */
#ifndef TARN_CODEC_BYTES_H
#define TARN_CODEC_BYTES_H

#include "base/str.h"

static inline void tarn_le64(char out[8], uint64_t v) {
    for (int i = 0; i < 8; i++) out[i] = (char)(v >> 8 * i);
}

static inline void tarn_put_le(tarn_buf *out, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) tarn_buf_putc(out, (char)(v >> 8 * i));
}

static inline void tarn_put_varint(tarn_buf *out, uint64_t v) {
    char bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) bytes[n++] = (char)(v | 0x80);
    bytes[n++] = (char)v;
    tarn_buf_add(out, bytes, n);
}

static inline void tarn_put_zigzag(tarn_buf *out, int64_t v) {
    tarn_put_varint(out, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

#endif
