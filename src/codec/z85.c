/* z85.c: base 85, big-endian, four bytes to five characters. */
#include "codec/z85.h"

static const char alphabet[86] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

void tarn_z85_encode(tarn_buf *out, const void *p, size_t n) {
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) v = v << 8 | (i + k < n ? bytes[i + k] : 0);
        char group[5];
        for (int k = 4; k >= 0; k--, v /= 85) group[k] = alphabet[v % 85];
        tarn_buf_add(out, group, sizeof group);
    }
}

tarn_code tarn_z85_decode(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_str *out) {
    unsigned char digit_of[256];
    memset(digit_of, 255, sizeof digit_of);
    for (unsigned char i = 0; i < 85; i++) digit_of[(unsigned char)alphabet[i]] = i;
    if (text.n % 5)
        return tarn_fail(cx, TARN_CORRUPT, "Z85 text of %zu characters: the length must be a multiple of 5", text.n);
    unsigned char *bytes = tarn_arena_alloc(arena, text.n / 5 * 4), *to = bytes;
    for (size_t i = 0; i < text.n; i += 5) {
        /* A group that begins with '#' would pass 2^32: as the last one, writers in Rust mark so a group of fewer bytes,
         * one '#' for each that is missing. */
        int missing = 0;
        while (i + 5 == text.n && missing < 3 && text.p[i + (size_t)missing] == '#') missing++;
        uint64_t v = 0;
        for (size_t k = (size_t)missing; k < 5; k++) {
            unsigned char digit = digit_of[(unsigned char)text.p[i + k]];
            if (digit == 255)
                return tarn_fail(cx, TARN_CORRUPT, "Z85 text at character %zu: not in the alphabet", i + k);
            v = v * 85 + digit;
        }
        int bits = 32 - 8 * missing;
        if (v >> bits)
            return tarn_fail(cx, TARN_CORRUPT, "Z85 text at character %zu: the group stands for more than four bytes",
                             i);
        for (int shift = bits - 8; shift >= 0; shift -= 8) *to++ = (unsigned char)(v >> shift);
    }
    *out = (tarn_str){(const char *)bytes, (size_t)(to - bytes)};
    return TARN_OK;
}
