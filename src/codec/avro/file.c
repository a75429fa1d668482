/* file.c: Avro's object container files: the header, the frames of blocks, and what is in them. */
#include "base/crypto.h"
#include "codec/avro.h"
#include "codec/compress.h"

/* A block's head is two numbers. META_MAX pairs are more than any writer makes. */
enum { MAGIC = 4, HEAD_MAX = 20, META_MAX = 10000, CRC = 4 };

static tarn_code read_codec(tarn_cx *cx, tarn_str name, tarn_avro_codec *out) {
    static const char *const names[] = {"null", "deflate", "snappy", "zstandard"};
    for (int i = 0; i < 4; i++) {
        if (!tarn_str_is(name, names[i])) continue;
        *out = (tarn_avro_codec)i;
        return TARN_OK;
    }
    if (name.n > 40) name.n = 40;
    return tarn_fail(cx, TARN_UNSUPPORTED,
                     "Avro file: compressed with %.*s; null, deflate, snappy and zstandard are read", (int)name.n,
                     name.p);
}

tarn_str tarn_avro_meta_get(const tarn_avro_header *header, const char *key) {
    for (size_t i = 0; i < header->n_meta; i++)
        if (tarn_str_is(header->meta[i].key, key)) return header->meta[i].value;
    return (tarn_str){0};
}

/* The pairs as they stand; all that `bytes` is too short for is left to the caller, who looks at c->wrong. */
static size_t read_meta(tarn_avro_cursor *c, tarn_avro_meta *meta) {
    static const tarn_avro_type value = {.kind = TARN_AVRO_BYTES, .min_size = 1};
    static const tarn_avro_type map = {.kind = TARN_AVRO_MAP, .min_size = 1, .items = &value};
    size_t n = 0;
    for (int64_t left = 0; n < META_MAX && tarn_avro_item(c, &map, &left); n++) {
        tarn_str key = tarn_avro_bytes(c);
        tarn_str bytes = tarn_avro_bytes(c);
        if (meta) meta[n] = (tarn_avro_meta){key, bytes};
    }
    return n;
}

tarn_code tarn_avro_header_read(tarn_cx *cx, tarn_arena *arena, tarn_str bytes, const tarn_avro_header **out) {
    size_t known = bytes.n < MAGIC ? bytes.n : MAGIC;
    if (known > 0 && memcmp(bytes.p, "Obj\1", known) != 0)
        return tarn_fail(cx, TARN_CORRUPT, "Avro file: it does not begin with \"Obj\" and 1");
    *out = NULL;
    if (bytes.n < MAGIC) return TARN_OK;
    tarn_avro_cursor c = tarn_avro_cursor_of((tarn_str){bytes.p + MAGIC, bytes.n - MAGIC});
    size_t n = read_meta(&c, NULL);
    if (n == META_MAX) return tarn_fail(cx, TARN_LIMIT, "Avro file: %d pairs of metadata or more", META_MAX);
    tarn_avro_fixed(&c, TARN_AVRO_SYNC);
    if (c.wrong) return TARN_OK;
    tarn_avro_header *header = TARN_NEW(arena, tarn_avro_header);
    header->size = (size_t)(c.p - bytes.p);
    memcpy(header->sync, c.p - TARN_AVRO_SYNC, TARN_AVRO_SYNC);
    tarn_avro_meta *meta = TARN_NEW_ARRAY(arena, tarn_avro_meta, n);
    char *own = tarn_arena_strndup(arena, bytes.p + MAGIC, header->size - MAGIC);
    c = tarn_avro_cursor_of((tarn_str){own, header->size - MAGIC});
    header->n_meta = read_meta(&c, meta);
    header->meta = meta;
    header->schema = tarn_avro_meta_get(header, "avro.schema");
    tarn_str codec = tarn_avro_meta_get(header, "avro.codec");
    if (codec.n) TRY(read_codec(cx, codec, &header->codec));
    if (!header->schema.p) return tarn_fail(cx, TARN_CORRUPT, "Avro file: it has no schema (avro.schema)");
    TRY(tarn_avro_schema(cx, arena, header->schema, &header->type));
    *out = header;
    return TARN_OK;
}

tarn_code tarn_avro_frame_read(tarn_cx *cx, const tarn_avro_header *header, tarn_str bytes, uint64_t left,
                               tarn_avro_frame *frame) {
    tarn_avro_cursor c = tarn_avro_cursor_of(bytes);
    int64_t rows = tarn_avro_long(&c), n = tarn_avro_long(&c);
    *frame = (tarn_avro_frame){0};
    if (c.wrong && bytes.n < HEAD_MAX && bytes.n < left) return TARN_OK;
    size_t head = (size_t)(c.p - c.begin);
    if (c.wrong || rows < 0 || n < 0 || left < head + TARN_AVRO_SYNC || (uint64_t)n > left - head - TARN_AVRO_SYNC)
        return tarn_fail(cx, TARN_CORRUPT, "Avro file: a block passes the end of the file");
    if (header->type->min_size == 0 && rows > INT32_MAX)
        return tarn_fail(cx, TARN_LIMIT, "Avro file: %lld rows without any bytes", (long long)rows);
    *frame = (tarn_avro_frame){.rows = rows, .data = head, .n = (size_t)n, .end = head + (size_t)n + TARN_AVRO_SYNC};
    return TARN_OK;
}

/* The plain bytes' CRC-32 stands behind them, big-endian ("snappy"). */
static tarn_code check_crc(tarn_cx *cx, const char *crc, const tarn_buf *plain) {
    const unsigned char *p = (const unsigned char *)crc;
    uint32_t want = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    if (tarn_crc32(0, plain->data, plain->n) == want) return TARN_OK;
    return tarn_fail(cx, TARN_CORRUPT, "Avro file: the checksum of a block is wrong");
}

tarn_code tarn_avro_frame_data(tarn_cx *cx, const tarn_avro_header *header, const tarn_avro_frame *frame,
                               tarn_str bytes, tarn_buf *space, tarn_str *data) {
    tarn_str packed = {bytes.p, frame->n}, plain;
    if (bytes.n < frame->n + TARN_AVRO_SYNC || memcmp(bytes.p + frame->n, header->sync, TARN_AVRO_SYNC) != 0)
        return tarn_fail(cx, TARN_CORRUPT, "Avro file: the sync mark after a block is wrong");
    tarn_buf_clear(space);
    if (header->codec == TARN_AVRO_STORED) {
        plain = packed;
    } else if (header->codec == TARN_AVRO_SNAPPY) {
        if (packed.n < CRC) return tarn_fail(cx, TARN_CORRUPT, "Avro file: a block has no checksum");
        packed.n -= CRC;
        TRY(tarn_prefix(cx, tarn_decompress(cx, TARN_SNAPPY, packed, space), "Avro file"));
        TRY(check_crc(cx, packed.p + packed.n, space));
        plain = (tarn_str){space->data, space->n};
    } else {
        tarn_compression format = header->codec == TARN_AVRO_ZSTD ? TARN_ZSTD : TARN_DEFLATE;
        TRY(tarn_prefix(cx, tarn_decompress(cx, format, packed, space), "Avro file"));
        plain = (tarn_str){space->data, space->n};
    }
    size_t least = header->type->min_size;
    if (least > 0 && (uint64_t)frame->rows > plain.n / least)
        return tarn_fail(cx, TARN_CORRUPT, "Avro file: a block has more rows than bytes");
    *data = plain;
    return TARN_OK;
}

tarn_code tarn_avro_open(tarn_cx *cx, tarn_arena *arena, tarn_str bytes, tarn_avro_reader *out) {
    const tarn_avro_header *header;
    TRY(tarn_avro_header_read(cx, arena, bytes, &header));
    if (!header) return tarn_fail(cx, TARN_CORRUPT, "Avro file: it ends inside its header");
    size_t most = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES);
    *out = (tarn_avro_reader){.header = header, .bytes = bytes, .at = header->size, .space = TARN_BUF(most)};
    return TARN_OK;
}

void tarn_avro_reader_done(tarn_avro_reader *reader) { tarn_buf_free(&reader->space); }

tarn_code tarn_avro_next_block(tarn_cx *cx, tarn_avro_reader *reader, tarn_avro_cursor *out, int64_t *rows) {
    tarn_avro_frame frame = {0};
    tarn_str data = {"", 0};
    while (frame.rows == 0 && reader->at < reader->bytes.n) {
        TRY(tarn_check(cx));
        tarn_str rest = {reader->bytes.p + reader->at, reader->bytes.n - reader->at};
        TRY(tarn_avro_frame_read(cx, reader->header, rest, rest.n, &frame));
        reader->at += frame.end;
        if (frame.rows == 0) continue;
        tarn_str bytes = {rest.p + frame.data, frame.end - frame.data};
        TRY(tarn_avro_frame_data(cx, reader->header, &frame, bytes, &reader->space, &data));
    }
    *out = tarn_avro_cursor_of(data);
    *rows = frame.rows;
    return TARN_OK;
}
