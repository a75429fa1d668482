/* crypto.h: hashes, checksums and identifiers. The only home of OpenSSL. */
#ifndef TARN_BASE_CRYPTO_H
#define TARN_BASE_CRYPTO_H

#include "base/cx.h"

enum { TARN_UUID_TEXT = 37, TARN_MD5_HEX = 33, TARN_SHA256_HEX = 65 };

/* Lower-case text with hyphens; version 4 (random) and 7 (time-ordered), RFC 9562. */
void tarn_uuid_v4(tarn_cx *cx, char out[TARN_UUID_TEXT]);
void tarn_uuid_v7(tarn_cx *cx, char out[TARN_UUID_TEXT]);
/* 16 big-endian bytes to text, and back (false when it is no UUID). */
void tarn_uuid_text(const unsigned char bytes[16], char out[TARN_UUID_TEXT]);
bool tarn_uuid_parse(tarn_str s, unsigned char bytes[16]);
void tarn_md5(const void *p, size_t n, unsigned char out[16]);
void tarn_md5_hex(const void *p, size_t n, char out[TARN_MD5_HEX]);
void tarn_sha256(const void *p, size_t n, unsigned char out[32]);
/* `out` may be the key. */
void tarn_hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char out[32]);
char *tarn_base64(tarn_arena *arena, const void *p, size_t n);
void tarn_hex(const void *p, size_t n, char *out); /* 2n + 1 bytes, lower case */
/* CRC-32 (ISO-HDLC, as zlib). */
uint32_t tarn_crc32(uint32_t crc, const void *p, size_t n);

#endif
