/* crypto.c: digests by OpenSSL, CRC-32 by zlib, and UUIDs. */
#include "base/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

void tarn_hex(const void *data, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = 0;
}

void tarn_uuid_text(const unsigned char bytes[16], char out[TARN_UUID_TEXT]) {
    static const int sizes[] = {4, 2, 2, 2, 6};
    for (int i = 0; i < 5; i++) {
        tarn_hex(bytes, (size_t)sizes[i], out);
        bytes += sizes[i];
        out += 2 * sizes[i];
        if (i < 4) *out++ = '-';
    }
}

/* RFC 9562, sections 4.1 and 4.2: where variant and version lie. */
static void put_uuid(unsigned char bytes[16], unsigned version, char out[TARN_UUID_TEXT]) {
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    tarn_uuid_text(bytes, out);
}

void tarn_uuid_v4(tarn_cx *cx, char out[TARN_UUID_TEXT]) {
    unsigned char bytes[16];
    tarn_random(cx, bytes, sizeof bytes);
    put_uuid(bytes, 4, out);
}

void tarn_uuid_v7(tarn_cx *cx, char out[TARN_UUID_TEXT]) {
    unsigned char bytes[16];
    uint64_t ms = (uint64_t)tarn_now_ms(cx);
    for (int i = 0; i < 6; i++) bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    tarn_random(cx, bytes + 6, 10);
    put_uuid(bytes, 7, out);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tarn_uuid_parse(tarn_str s, unsigned char bytes[16]) {
    unsigned char parsed[16];
    size_t n = 0;
    if (s.n != TARN_UUID_TEXT - 1) return false;
    for (size_t i = 0; i < s.n;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s.p[i++] != '-') return false;
            continue;
        }
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
        if (high < 0 || low < 0) return false;
        parsed[n++] = (unsigned char)(high << 4 | low);
        i += 2;
    }
    memcpy(bytes, parsed, sizeof parsed);
    return true;
}

/* MD5 names and checks content here and secures nothing: "-fips" lets a host that runs in FIPS mode have it. */
static void digest(const char *name, const void *p, size_t n, unsigned char *out, size_t size) {
    size_t length = 0;
    unsigned char hash[EVP_MAX_MD_SIZE];
    if (!EVP_Q_digest(NULL, name, "-fips", n ? p : "", n, hash, &length) || length != size) {
        fprintf(stderr, "tarn: INTERNAL: OpenSSL has no %s\n", name);
        abort();
    }
    memcpy(out, hash, size);
}

void tarn_md5(const void *p, size_t n, unsigned char out[16]) { digest("MD5", p, n, out, 16); }

void tarn_md5_hex(const void *p, size_t n, char out[TARN_MD5_HEX]) {
    unsigned char hash[16];
    tarn_md5(p, n, hash);
    tarn_hex(hash, sizeof hash, out);
}

void tarn_sha256(const void *p, size_t n, unsigned char out[32]) { digest("SHA256", p, n, out, 32); }

void tarn_hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char out[32]) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!HMAC(EVP_sha256(), key, (int)key_n, p, n, hash, &size) || size != 32) {
        fprintf(stderr, "tarn: INTERNAL: OpenSSL has no HMAC-SHA256\n");
        abort();
    }
    memcpy(out, hash, size);
}

char *tarn_base64(tarn_arena *arena, const void *p, size_t n) {
    char *out = tarn_arena_alloc(arena, (n + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)out, p, (int)n);
    return out;
}

uint32_t tarn_crc32(uint32_t crc, const void *p, size_t n) { return n ? (uint32_t)crc32_z(crc, p, n) : crc; }
