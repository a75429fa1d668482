/* puffin.c: deletion vectors as Puffin files hold them (Puffin spec, "deletion-vector-v1"). */
#include "codec/puffin.h"

#include "base/crypto.h"
#include "codec/bytes.h"
#include "codec/jsonw.h"

enum { LENGTH = 4, MAGIC = 4, CHECKSUM = 4 };

static uint32_t be32(const char *p) {
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

tarn_code tarn_puffin_vector(tarn_cx *cx, tarn_str blob, tarn_roaring64 **out) {
    if (blob.n < LENGTH + MAGIC + CHECKSUM || be32(blob.p) != blob.n - LENGTH - CHECKSUM)
        return tarn_fail(cx, TARN_CORRUPT, "a deletion vector of %zu bytes is not as long as it says", blob.n);
    tarn_str body = {blob.p + LENGTH, blob.n - LENGTH - CHECKSUM};
    if (memcmp(body.p, "\xd1\xd3\x39\x64", MAGIC) != 0)
        return tarn_fail(cx, TARN_CORRUPT, "a deletion vector does not begin as one");
    if (be32(body.p + body.n) != tarn_crc32(0, body.p, body.n))
        return tarn_fail(cx, TARN_CORRUPT, "a deletion vector's checksum is wrong");
    return tarn_roaring64_deserialize(cx, (tarn_str){body.p + MAGIC, body.n - MAGIC}, out);
}

static void put_be32(tarn_buf *out, uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) tarn_buf_putc(out, (char)(v >> shift));
}

void tarn_puffin_put_vector(tarn_buf *out, const tarn_roaring64 *rows) {
    tarn_auto_buf body = TARN_BUF(out->max);
    tarn_buf_add(&body, "\xd1\xd3\x39\x64", MAGIC);
    tarn_roaring64_serialize(rows, &body);
    if (body.failed) out->failed = true;
    put_be32(out, (uint32_t)body.n);
    tarn_buf_add(out, body.data, body.n);
    put_be32(out, tarn_crc32(0, body.data, body.n));
}

void tarn_puffin_put_blob(tarn_buf *blobs, int before, int64_t offset, int64_t length, int64_t rows,
                          const char *referenced) {
    tarn_jsonw w = TARN_JSONW(blobs);
    tarn_buf_printf(blobs,
                    "%s{\"type\":\"deletion-vector-v1\",\"fields\":[2147483645],\"snapshot-id\":-1,"
                    "\"sequence-number\":-1,\"offset\":%lld,\"length\":%lld,\"properties\":{\"cardinality\":\"%lld\","
                    "\"referenced-data-file\":",
                    before ? "," : "", (long long)offset, (long long)length, (long long)rows);
    tarn_jsonw_text(&w, referenced);
    tarn_buf_puts(blobs, "}}");
}

void tarn_puffin_put_footer(tarn_buf *out, tarn_str blobs) {
    static const char before[] = "{\"blobs\":[", after[] = "],\"properties\":{\"created-by\":\"Tarn\"}}";
    size_t n = sizeof before - 1 + blobs.n + sizeof after - 1;
    tarn_buf_puts(out, TARN_PUFFIN_MAGIC);
    tarn_buf_puts(out, before);
    tarn_buf_add(out, blobs.p, blobs.n);
    tarn_buf_puts(out, after);
    tarn_put_le(out, n, 4);
    tarn_buf_add(out, "\0\0\0\0", 4); /* flags: the payload is not compressed */
    tarn_buf_puts(out, TARN_PUFFIN_MAGIC);
}
