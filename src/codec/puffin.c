/* puffin.c: deletion vectors as Puffin files hold them (Puffin spec, "deletion-vector-v1"). */
#include "codec/puffin.h"

#include "base/crypto.h"

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
