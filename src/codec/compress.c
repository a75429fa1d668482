/* compress.c: deflate, gzip, zstd and snappy by their libraries, with output that cannot pass a buffer's maximum. */
#include "codec/compress.h"

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

/* zlib counts in 32 bits; this also is how far one step may get ahead of tarn_check. */
enum { STEP = 1 << 24, FIRST_ROOM = 1 << 12 };

/* zlib's default, 6, takes half as long again for manifests that are one hundredth smaller. */
enum { DEFLATE_LEVEL = 4 };

static const char *const names[] = {"deflate", "gzip", "zstd", "snappy"};

static tarn_code fail_corrupt(tarn_cx *cx, tarn_compression format) {
    return tarn_fail(cx, TARN_CORRUPT, "bytes that should be %s cannot be decompressed", names[format]);
}

static tarn_code fail_limit(tarn_cx *cx, const tarn_buf *out) {
    return tarn_fail(cx, TARN_LIMIT, "compressed bytes hold more than %zu bytes, the most that is read at once",
                     out->max);
}

/* Room for the next step: as much again as there is, within what the buffer may hold. */
static tarn_code next_room(tarn_cx *cx, tarn_buf *out, size_t hint, char **room, size_t *n) {
    size_t want = out->n > hint ? out->n : hint, left = out->max > out->n ? out->max - out->n : 0;
    if (want > STEP) want = STEP;
    if (want < FIRST_ROOM) want = FIRST_ROOM;
    if (want > left) want = left;
    TRY(tarn_check(cx));
    *room = want ? tarn_buf_reserve(out, want) : NULL;
    if (!*room) return fail_limit(cx, out);
    *n = want;
    return TARN_OK;
}

static int window_bits(tarn_compression format) { return format == TARN_GZIP ? 15 + 16 : -15; }

static void end_inflate(z_stream *z) { inflateEnd(z); }
static void end_deflate(z_stream *z) { deflateEnd(z); }

/* zlib counts in 32 bits. */
static void feed(z_stream *z, const char **p, const char *end) {
    if (z->avail_in) return;
    size_t give = (size_t)(end - *p) < STEP ? (size_t)(end - *p) : STEP;
    z->next_in = (unsigned char *)*p;
    z->avail_in = (uInt)give;
    *p += give;
}

static tarn_code inflate_all(tarn_cx *cx, tarn_compression format, tarn_str in, tarn_buf *out) {
    tarn_auto(z_stream, end_inflate) z = {0};
    if (inflateInit2(&z, window_bits(format)) != Z_OK) return tarn_fail(cx, TARN_NOMEM, "no memory to decompress");
    const char *p = in.p, *end = in.p + in.n;
    for (;;) {
        char *room;
        size_t n;
        feed(&z, &p, end);
        TRY(next_room(cx, out, in.n * 3, &room, &n));
        z.next_out = (unsigned char *)room;
        z.avail_out = (uInt)n;
        int rc = inflate(&z, Z_NO_FLUSH);
        out->n += n - z.avail_out;
        bool all = z.avail_in == 0 && p == end;
        if (rc == Z_STREAM_END && (all || format == TARN_DEFLATE)) return TARN_OK;
        if (rc == Z_STREAM_END && inflateReset(&z) == Z_OK) continue;
        if (rc != Z_OK || (all && z.avail_out > 0)) return fail_corrupt(cx, format);
    }
}

static void free_dctx(ZSTD_DCtx **d) { ZSTD_freeDCtx(*d); }

static tarn_code unzstd(tarn_cx *cx, tarn_str in, tarn_buf *out) {
    tarn_auto(ZSTD_DCtx *, free_dctx) d = ZSTD_createDCtx();
    if (!d) return tarn_fail(cx, TARN_NOMEM, "no memory to decompress");
    ZSTD_inBuffer from = {in.p, in.n, 0};
    for (;;) {
        char *room;
        size_t n;
        TRY(next_room(cx, out, in.n * 3, &room, &n));
        ZSTD_outBuffer to = {room, n, 0};
        size_t rc = ZSTD_decompressStream(d, &to, &from);
        out->n += to.pos;
        if (ZSTD_isError(rc)) return fail_corrupt(cx, TARN_ZSTD);
        if (from.pos == from.size && rc == 0) return TARN_OK;
        if (from.pos == from.size && to.pos < to.size) return fail_corrupt(cx, TARN_ZSTD);
    }
}

static tarn_code unsnappy(tarn_cx *cx, tarn_str in, tarn_buf *out) {
    /* No byte of snappy stands for more than 64 of its text. */
    size_t n;
    if (snappy_uncompressed_length(in.p, in.n, &n) != SNAPPY_OK || n / 64 > in.n) return fail_corrupt(cx, TARN_SNAPPY);
    if (n > out->max - out->n) return fail_limit(cx, out);
    char *room = tarn_buf_reserve(out, n ? n : 1);
    if (!room) return fail_limit(cx, out);
    if (snappy_uncompress(in.p, in.n, room, &n) != SNAPPY_OK) return fail_corrupt(cx, TARN_SNAPPY);
    out->n += n;
    return TARN_OK;
}

tarn_code tarn_decompress(tarn_cx *cx, tarn_compression format, tarn_str in, tarn_buf *out) {
    if (format == TARN_ZSTD) return unzstd(cx, in, out);
    if (format == TARN_SNAPPY) return unsnappy(cx, in, out);
    return inflate_all(cx, format, in, out);
}

static tarn_code deflate_all(tarn_cx *cx, tarn_compression format, tarn_str in, tarn_buf *out) {
    tarn_auto(z_stream, end_deflate) z = {0};
    if (deflateInit2(&z, DEFLATE_LEVEL, Z_DEFLATED, window_bits(format), 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return tarn_fail(cx, TARN_NOMEM, "no memory to compress");
    const char *p = in.p, *end = in.p + in.n;
    for (int rc = Z_OK; rc != Z_STREAM_END;) {
        char *room;
        size_t n;
        feed(&z, &p, end);
        TRY(next_room(cx, out, in.n / 4, &room, &n));
        z.next_out = (unsigned char *)room;
        z.avail_out = (uInt)n;
        rc = deflate(&z, p == end ? Z_FINISH : Z_NO_FLUSH);
        out->n += n - z.avail_out;
        if (rc == Z_STREAM_ERROR) return tarn_fail(cx, TARN_INTERNAL, "deflate refused its own state");
    }
    return TARN_OK;
}

tarn_code tarn_compress(tarn_cx *cx, tarn_compression format, tarn_str in, tarn_buf *out) {
    if (format == TARN_DEFLATE || format == TARN_GZIP) return deflate_all(cx, format, in, out);
    size_t n = format == TARN_ZSTD ? ZSTD_compressBound(in.n) : snappy_max_compressed_length(in.n);
    char *room = n <= out->max ? tarn_buf_reserve(out, n) : NULL;
    if (!room) return fail_limit(cx, out);
    if (format == TARN_ZSTD) {
        n = ZSTD_compress(room, n, in.p, in.n, ZSTD_CLEVEL_DEFAULT);
        if (ZSTD_isError(n)) return tarn_fail(cx, TARN_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
    } else if (snappy_compress(in.p, in.n, room, &n) != SNAPPY_OK) {
        return tarn_fail(cx, TARN_INTERNAL, "snappy refused %zu bytes", in.n);
    }
    out->n += n;
    return TARN_OK;
}
