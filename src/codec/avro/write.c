/* write.c: writes Avro's object container files: the header, and blocks that are compressed when they are full. */
#include "codec/avro_write.h"

#include "base/crypto.h"
#include "codec/bytes.h"
#include "codec/compress.h"

/* Java's default is 64000 bytes; larger blocks compress better and are read faster. */
enum { BLOCK = 1 << 18, BLOCK_MAX = 1 << 30 };

static const char *const codec_names[] = {"null", "deflate", "snappy", "zstandard"};

void tarn_avro_put_long(tarn_buf *b, int64_t v) { tarn_put_zigzag(b, v); }
void tarn_avro_put_bool(tarn_buf *b, bool v) { tarn_buf_putc(b, v); }
void tarn_avro_put_float(tarn_buf *b, float v) { tarn_buf_add(b, &v, sizeof v); }
void tarn_avro_put_double(tarn_buf *b, double v) { tarn_buf_add(b, &v, sizeof v); }

void tarn_avro_put_str(tarn_buf *b, tarn_str v) {
    tarn_avro_put_long(b, (int64_t)v.n);
    tarn_buf_add(b, v.p, v.n);
}

static tarn_code check_buf(tarn_cx *cx, const tarn_buf *b) {
    if (tarn_buf_ok(b)) return TARN_OK;
    return tarn_fail(cx, TARN_LIMIT, "Avro file: it would pass %zu bytes", b->max);
}

tarn_code tarn_avro_write_begin(tarn_cx *cx, tarn_avro_writer *w, tarn_buf *out, tarn_str schema,
                                const tarn_avro_meta *meta, size_t n_meta, tarn_avro_codec codec) {
    *w = (tarn_avro_writer){.out = out, .block = TARN_BUF(BLOCK_MAX), .space = TARN_BUF(BLOCK_MAX), .codec = codec};
    tarn_random(cx, w->sync, sizeof w->sync);
    tarn_buf_puts(out, "Obj\1");
    tarn_avro_put_long(out, (int64_t)n_meta + 2);
    tarn_avro_put_str(out, TARN_LIT("avro.schema"));
    tarn_avro_put_str(out, schema);
    tarn_avro_put_str(out, TARN_LIT("avro.codec"));
    tarn_avro_put_str(out, tarn_str_of(codec_names[codec]));
    for (size_t i = 0; i < n_meta; i++) {
        tarn_avro_put_str(out, meta[i].key);
        tarn_avro_put_str(out, meta[i].value);
    }
    tarn_avro_put_long(out, 0);
    tarn_buf_add(out, w->sync, sizeof w->sync);
    return check_buf(cx, out);
}

static tarn_code pack(tarn_cx *cx, tarn_avro_writer *w, tarn_str *out) {
    tarn_str plain = {w->block.data, w->block.n};
    *out = plain;
    if (w->codec == TARN_AVRO_STORED) return TARN_OK;
    tarn_compression format = w->codec == TARN_AVRO_DEFLATE ? TARN_DEFLATE
                              : w->codec == TARN_AVRO_ZSTD  ? TARN_ZSTD
                                                            : TARN_SNAPPY;
    tarn_buf_clear(&w->space);
    TRY(tarn_prefix(cx, tarn_compress(cx, format, plain, &w->space), "Avro file"));
    if (w->codec == TARN_AVRO_SNAPPY) {
        uint32_t crc = tarn_crc32(0, plain.p, plain.n);
        for (int shift = 24; shift >= 0; shift -= 8) tarn_buf_putc(&w->space, (char)(crc >> shift));
    }
    *out = (tarn_str){w->space.data, w->space.n};
    return check_buf(cx, &w->space);
}

static tarn_code flush(tarn_cx *cx, tarn_avro_writer *w) {
    tarn_str data;
    TRY(check_buf(cx, &w->block));
    if (w->rows == 0) return TARN_OK;
    TRY(tarn_check(cx));
    TRY(pack(cx, w, &data));
    tarn_avro_put_long(w->out, w->rows);
    tarn_avro_put_str(w->out, data);
    tarn_buf_add(w->out, w->sync, sizeof w->sync);
    tarn_buf_clear(&w->block);
    w->rows = 0;
    return check_buf(cx, w->out);
}

tarn_code tarn_avro_write_row(tarn_cx *cx, tarn_avro_writer *w) {
    w->rows++;
    return w->block.n < BLOCK ? check_buf(cx, &w->block) : flush(cx, w);
}

tarn_code tarn_avro_write_end(tarn_cx *cx, tarn_avro_writer *w) { return flush(cx, w); }

void tarn_avro_writer_done(tarn_avro_writer *w) {
    tarn_buf_free(&w->block);
    tarn_buf_free(&w->space);
}
