/* sigv4.c: signs requests as AWS Signature Version 4 asks: a hash of the request, signed with a key derived for the
 * day, region and service. */
#include "net/sigv4.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/time.h"

enum { SHA256 = 32, HEADERS_MAX = 24 };

typedef struct header {
    tarn_str name, value;
} header;

static int by_name(const void *a, const void *b) {
    const header *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = memcmp(x->name.p, y->name.p, n);
    return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static header split(const char *line) {
    const char *colon = strchr(line, ':');
    const char *value = colon + 1 + strspn(colon + 1, " ");
    return (header){{line, (size_t)(colon - line)}, tarn_str_of(value)};
}

static void derive(const tarn_sigv4 *s, const char *date, unsigned char key[SHA256]) {
    char first[256 + 4] = "AWS4";
    size_t n = strlen(s->secret);
    memcpy(first + 4, s->secret, n);
    tarn_hmac_sha256(first, n + 4, date, strlen(date), key);
    tarn_hmac_sha256(key, SHA256, s->region, strlen(s->region), key);
    tarn_hmac_sha256(key, SHA256, s->service, strlen(s->service), key);
    tarn_hmac_sha256(key, SHA256, "aws4_request", 12, key);
    memset(first, 0, sizeof first);
}

/* Canonical headers, one a line, and their names joined by ';'. */
static void put_headers(tarn_buf *canonical, tarn_buf *names, header *headers, size_t n) {
    qsort(headers, n, sizeof *headers, by_name);
    for (size_t i = 0; i < n; i++) {
        tarn_buf_printf(canonical, "%.*s:%.*s\n", (int)headers[i].name.n, headers[i].name.p, (int)headers[i].value.n,
                        headers[i].value.p);
        tarn_buf_printf(names, "%s%.*s", i ? ";" : "", (int)headers[i].name.n, headers[i].name.p);
    }
}

tarn_code tarn_sigv4_headers(tarn_cx *cx, const tarn_sigv4 *s, const tarn_sigv4_request *r, const char *const **out) {
    tarn_auto_buf canonical = TARN_BUF(1 << 20), names = TARN_BUF(4096);
    char stamp[2 * TARN_TIME_TEXT], date[TARN_TIME_TEXT], hash[TARN_SHA256_HEX], signature[TARN_SHA256_HEX];
    unsigned char key[SHA256], digest[SHA256];
    const char **lines = TARN_NEW_ARRAY(cx->arena, const char *, HEADERS_MAX);
    header headers[HEADERS_MAX];
    size_t n = 0, n_signed = 0;
    if (strlen(s->secret) > 256) return tarn_fail(cx, TARN_INVALID, "the secret access key is too long");
    while (r->headers && r->headers[n] && n < HEADERS_MAX - 6) lines[n] = r->headers[n], n++;
    int64_t days = s->now_us / 86400000000, second = s->now_us / 1000000 % 86400, year;
    int month, day;
    tarn_civil_from_days(days, &year, &month, &day);
    snprintf(date, sizeof date, "%04d%02d%02d", (int)(year % 10000), month, day);
    snprintf(stamp, sizeof stamp, "%sT%02d%02d%02dZ", date, (int)(second / 3600), (int)(second / 60 % 60),
             (int)(second % 60));
    tarn_sha256(r->body.p ? r->body.p : "", r->body.n, digest);
    tarn_hex(digest, SHA256, hash);
    lines[n++] = tarn_printf(cx, "x-amz-content-sha256: %s", hash);
    lines[n++] = tarn_printf(cx, "x-amz-date: %s", stamp);
    if (s->token) lines[n++] = tarn_printf(cx, "x-amz-security-token: %s", s->token);
    for (; n_signed < n; n_signed++) headers[n_signed] = split(lines[n_signed]);
    headers[n_signed++] = (header){TARN_LIT("host"), tarn_str_of(r->host)};
    tarn_buf_printf(&canonical, "%s\n%s\n%s\n", r->method, r->path, r->query);
    put_headers(&canonical, &names, headers, n_signed);
    tarn_buf_printf(&canonical, "\n%s\n%s", names.data, hash);
    if (canonical.failed || names.failed) return tarn_fail(cx, TARN_LIMIT, "a request is too long to be signed");
    const char *scope = tarn_printf(cx, "%s/%s/%s/aws4_request", date, s->region, s->service);
    tarn_sha256(canonical.data, canonical.n, digest);
    tarn_hex(digest, SHA256, hash);
    const char *text = tarn_printf(cx, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, hash);
    derive(s, date, key);
    tarn_hmac_sha256(key, SHA256, text, strlen(text), digest);
    tarn_hex(digest, SHA256, signature);
    lines[n++] = tarn_printf(cx, "authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                             s->key_id, scope, names.data, signature);
    lines[n] = NULL;
    *out = lines;
    return TARN_OK;
}
