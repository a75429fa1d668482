/* flatbuf.h: builds a FlatBuffer from its end towards its start, as much of the format as Arrow's metadata needs. */
#ifndef TARN_CODEC_FLATBUF_H
#define TARN_CODEC_FLATBUF_H

#include "base/arena.h"
#include "base/str.h"

enum { TARN_FLATBUF_SLOTS = 8 };

/* A place in the buffer, counted from its end; 0 is none. */
typedef uint32_t tarn_flatref;

typedef struct tarn_flatbuf {
    tarn_arena *arena;
    unsigned char *data;
    size_t cap, used; /* what is built is data[cap - used .. cap) */
    size_t table_start;
    tarn_flatref slots[TARN_FLATBUF_SLOTS];
} tarn_flatbuf;

#define TARN_FLATBUF(a) ((tarn_flatbuf){.arena = (a)})

tarn_flatref tarn_flatbuf_string(tarn_flatbuf *b, tarn_str s);
tarn_flatref tarn_flatbuf_refs(tarn_flatbuf *b, const tarn_flatref *refs, size_t n);
/* A vector of structs of two int64. */
tarn_flatref tarn_flatbuf_pairs(tarn_flatbuf *b, const int64_t (*pairs)[2], size_t n);

/* A table: begin, fields by slot, end. What its fields refer to is built before it begins; tables do not nest in time.
 */
void tarn_flatbuf_begin(tarn_flatbuf *b);
/* `size` is 1, 2, 4 or 8 bytes. */
void tarn_flatbuf_scalar(tarn_flatbuf *b, int slot, int64_t value, size_t size);
void tarn_flatbuf_ref(tarn_flatbuf *b, int slot, tarn_flatref ref); /* none: left out */
tarn_flatref tarn_flatbuf_end(tarn_flatbuf *b);

/* The whole buffer, a multiple of 8 bytes, in the arena. */
tarn_str tarn_flatbuf_finish(tarn_flatbuf *b, tarn_flatref root);

#endif
