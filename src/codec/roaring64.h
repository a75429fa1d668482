/* roaring64.h: sets of row positions: 64-bit roaring bitmaps as in Delta deletion vectors and Iceberg's Puffin files.
 * On malloc; as with arenas, memory that malloc cannot give ends the process. Functions that take it const may run in
 * any number of threads at once. */
#ifndef TARN_CODEC_ROARING64_H
#define TARN_CODEC_ROARING64_H

#include "base/cx.h"

typedef struct tarn_roaring64 tarn_roaring64;

tarn_roaring64 *tarn_roaring64_new(void);
tarn_roaring64 *tarn_roaring64_copy(const tarn_roaring64 *b);
void tarn_roaring64_free(tarn_roaring64 *b); /* NULL is allowed */
static inline void tarn_roaring64_freep(tarn_roaring64 **b) { tarn_roaring64_free(*b); }

void tarn_roaring64_add(tarn_roaring64 *b, uint64_t row);
/* Fast when the rows ascend. Negative ones are passed over. */
void tarn_roaring64_add_many(tarn_roaring64 *b, const int64_t *rows, size_t n);
/* begin <= row < end. Takes some bytes for every 2^32 rows: bound `end` before. */
void tarn_roaring64_add_range(tarn_roaring64 *b, uint64_t begin, uint64_t end);
/* b becomes b ∪ other, b ∖ other. */
void tarn_roaring64_or(tarn_roaring64 *b, const tarn_roaring64 *other);
void tarn_roaring64_and_not(tarn_roaring64 *b, const tarn_roaring64 *other);

bool tarn_roaring64_contains(const tarn_roaring64 *b, uint64_t row);
/* out[i] is 1 when rows[i] is in b, else 0. Any order is right, ascending rows are fast. */
void tarn_roaring64_contains_many(const tarn_roaring64 *b, const int64_t *rows, size_t n, uint8_t *out);
uint64_t tarn_roaring64_cardinality(const tarn_roaring64 *b);
bool tarn_roaring64_is_empty(const tarn_roaring64 *b);
bool tarn_roaring64_equals(const tarn_roaring64 *a, const tarn_roaring64 *b);
/* How many are in it with begin <= row < end. */
uint64_t tarn_roaring64_count(const tarn_roaring64 *b, uint64_t begin, uint64_t end);
/* The largest; false when it is empty. */
bool tarn_roaring64_max(const tarn_roaring64 *b, uint64_t *out);
/* Iteration: the first up to `n` values from `from` on, ascending; fewer than n: that was all. Go on with the last one
 * + 1. */
size_t tarn_roaring64_values(const tarn_roaring64 *b, uint64_t from, uint64_t *out, size_t n);

/* Turns runs of rows into run containers; before serializing. */
void tarn_roaring64_optimize(tarn_roaring64 *b);
/* The portable serialisation (RoaringFormatSpec, "Extension for 64-bit implementations"): u64 count, then (u32 key,
 * 32-bit bitmap) ascending. */
size_t tarn_roaring64_serialized_size(const tarn_roaring64 *b);
void tarn_roaring64_serialize(const tarn_roaring64 *b, tarn_buf *out);
/* All of `bytes`, checked to the last container: CORRUPT for anything else. */
TARN_MUST tarn_code tarn_roaring64_deserialize(tarn_cx *cx, tarn_str bytes, tarn_roaring64 **out);

#endif
