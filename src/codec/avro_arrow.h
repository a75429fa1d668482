/* avro_arrow.h: the rows of Avro files as Arrow batches, read block by block. */
#ifndef TARN_CODEC_AVRO_ARROW_H
#define TARN_CODEC_AVRO_ARROW_H

#include "codec/arrow.h"

/* Files that all have the same columns; what is here lives until `done`. */
typedef struct tarn_avro_files {
    const char *const *names; /* for messages */
    const uint64_t *sizes;
    size_t n;
    /* Appends the `n` bytes at `offset` of a file to `out`. */
    tarn_code (*read)(tarn_cx *cx, void *state, size_t file, uint64_t offset, size_t n, tarn_buf *out);
    void *state;
    void (*done)(void *state); /* called once, also when the stream could not be made; NULL: nothing to do */
} tarn_avro_files;

/* Reads the first file's header here, the rest as batches are asked for. The stream works with a copy of the context
 * (its settings, cancel flag and deadline must outlive it) and an arena of its own; one thread at a time.
 *
 * A row's record gives the columns; anything else is one column, "value". A union of null and T is a nullable T, other
 * unions are a struct of nullable members member0, member1, … of the branches that are not null, enums are text, arrays
 * lists, maps (and arrays with the logical type "map") maps. Logical types are as in the specification; nanoseconds of
 * an instant become microseconds. UNSUPPORTED names the field: records that hold themselves, decimals of over 38
 * digits. */
TARN_MUST tarn_code tarn_avro_stream(tarn_cx *cx, const tarn_avro_files *files, struct ArrowArrayStream *out);

#endif
