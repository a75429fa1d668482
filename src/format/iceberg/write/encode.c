/* encode.c: single values as bytes (1.7), and the bounds made of them (1.6). */
#include "codec/bytes.h"
#include "format/iceberg/write/write.h"

enum { CUT = 16 };

/* The fewest bytes of two's complement, the highest first. */
static void put_decimal(tarn_buf *out, __int128 v) {
    unsigned char bytes[16];
    int at = 0;
    for (int i = 0; i < 16; i++) bytes[15 - i] = (unsigned char)((unsigned __int128)v >> (8 * i));
    while (at < 15 && bytes[at] == (v < 0 ? 0xff : 0) && (bytes[at + 1] & 0x80) == (bytes[at] & 0x80)) at++;
    tarn_buf_add(out, bytes + at, (size_t)(16 - at));
}

bool tarn_iceberg_encode(tarn_buf *out, const tarn_value *value, const tarn_type *type) {
    tarn_value v;
    if (value->null || !tarn_value_cast(value, type, &v)) return false;
    union {
        float f;
        double d;
        uint32_t u32;
        uint64_t u64;
    } bits;
    switch (v.kind) {
    case TARN_BOOL: tarn_buf_putc(out, v.b); return true;
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_DATE: tarn_put_le(out, (uint64_t)v.i, 4); return true;
    case TARN_INT64:
    case TARN_TIME:
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS: tarn_put_le(out, (uint64_t)v.i, 8); return true;
    case TARN_FLOAT32: bits.f = (float)v.f; return tarn_put_le(out, bits.u32, 4), true;
    case TARN_FLOAT64: bits.d = v.f; return tarn_put_le(out, bits.u64, 8), true;
    case TARN_DECIMAL: put_decimal(out, v.dec); return true;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
    case TARN_UUID: tarn_buf_add(out, v.s.p, v.s.n); return true;
    default: return false;
    }
}

static size_t put_point(char *out, uint32_t c) {
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(first[n] | c);
    return n;
}

/* The last code point that has a next one is raised, those after it go. False: there is none. */
static bool raise_text(tarn_buf *out, tarn_str s) {
    while (s.n) {
        size_t at = s.n - 1;
        while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80) at--;
        uint32_t point;
        size_t n = tarn_utf8_decode(s.p + at, s.n - at, &point);
        if (n == s.n - at && point < 0x10ffff) {
            char raised[4];
            point = point == 0xd7ff ? 0xe000 : point + 1; /* over the surrogates */
            tarn_buf_add(out, s.p, at);
            tarn_buf_add(out, raised, put_point(raised, point));
            return true;
        }
        s.n = at;
    }
    return false;
}

static bool raise_bytes(tarn_buf *out, tarn_str s) {
    while (s.n && (unsigned char)s.p[s.n - 1] == 0xff) s.n--;
    if (!s.n) return false;
    tarn_buf_add(out, s.p, s.n - 1);
    tarn_buf_putc(out, (char)(s.p[s.n - 1] + 1));
    return true;
}

bool tarn_iceberg_encode_bound(tarn_buf *out, const tarn_value *value, const tarn_type *type, bool upper) {
    bool text = type->kind == TARN_STRING, bytes = type->kind == TARN_BINARY;
    bool number = type->kind == TARN_FLOAT32 || type->kind == TARN_FLOAT64;
    tarn_value v = *value;
    if (number && !v.null && v.f != v.f) return false;
    if (number && v.f == 0) v.f = upper ? 0.0 : -0.0; /* -0.0 sorts before 0.0 */
    if (v.null || (!text && !bytes)) return tarn_iceberg_encode(out, &v, type);
    size_t n = text ? tarn_utf8_prefix(v.s, CUT) : v.s.n < CUT ? v.s.n : CUT;
    if (n == v.s.n || !upper) return tarn_buf_add(out, v.s.p, n), true;
    return text ? raise_text(out, (tarn_str){v.s.p, n}) : raise_bytes(out, (tarn_str){v.s.p, n});
}
