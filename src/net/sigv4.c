/* sigv4.c: AWS Signature Version 4, as "Create a signed AWS API request" of the IAM user guide has it. */
#include "net/sigv4.h"

#include <stdlib.h>

#include "base/time.h"

enum { CANONICAL_MAX = 1 << 20 };

static void add_header(tarn_cx *cx, tarn_http_headers *headers, const char *name, const char *value) {
    *TARN_PUSH(cx->arena, headers) = (tarn_http_header){name, value};
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const tarn_http_header *)a)->name, ((const tarn_http_header *)b)->name);
}

/* "20260131T123456Z" */
static char *put_time(tarn_cx *cx) {
    char text[TARN_TIME_TEXT], out[TARN_TIME_TEXT];
    size_t n = 0;
    tarn_format_timestamp(tarn_now_us(cx), 'T', 0, "Z", text);
    for (const char *c = text; *c; c++)
        if (*c != '-' && *c != ':') out[n++] = *c;
    return tarn_arena_strndup(cx->arena, out, n);
}

static void put_hash(tarn_str text, char out[TARN_SHA256_HEX]) {
    unsigned char hash[32];
    tarn_sha256(text.p, text.n, hash);
    tarn_hex(hash, sizeof hash, out);
}

/* The canonical request's hash; *names are the signed headers' ones. */
static void put_canonical(tarn_cx *cx, const tarn_sigv4_request *request, const char *payload,
                          const tarn_http_headers *headers, const char **names, char out[TARN_SHA256_HEX]) {
    tarn_http_headers all = {0};
    tarn_auto_buf text = TARN_BUF(CANONICAL_MAX), list = TARN_BUF(CANONICAL_MAX);
    for (size_t i = 0; i < headers->n; i++) *TARN_PUSH(cx->arena, &all) = headers->at[i];
    add_header(cx, &all, "host", request->host);
    qsort(all.at, all.n, sizeof *all.at, compare_names);
    tarn_buf_printf(&text, "%s\n%s\n%s\n", request->method, request->path, request->query);
    for (size_t i = 0; i < all.n; i++) {
        tarn_buf_printf(&text, "%s:%s\n", all.at[i].name, all.at[i].value);
        tarn_buf_printf(&list, "%s%s", i ? ";" : "", all.at[i].name);
    }
    tarn_buf_printf(&text, "\n%s\n%s", list.data, payload);
    put_hash((tarn_str){text.data, text.n}, out);
    *names = tarn_buf_take(&list, cx->arena);
}

static void put_signature(const tarn_sigv4_keys *keys, const char *date, tarn_str to_sign, char out[TARN_SHA256_HEX]) {
    unsigned char key[32];
    tarn_auto_buf first = TARN_BUF(8192);
    const char *const parts[] = {date, keys->region, keys->service, "aws4_request"};
    tarn_buf_printf(&first, "AWS4%s", keys->secret);
    tarn_hmac_sha256(first.data, first.n, parts[0], 8, key);
    for (int i = 1; i < 4; i++) tarn_hmac_sha256(key, sizeof key, parts[i], strlen(parts[i]), key);
    tarn_hmac_sha256(key, sizeof key, to_sign.p, to_sign.n, key);
    tarn_hex(key, sizeof key, out);
}

void tarn_sigv4_sign(tarn_cx *cx, const tarn_sigv4_keys *keys, const tarn_sigv4_request *request,
                     tarn_http_headers *headers) {
    char payload[TARN_SHA256_HEX], canonical[TARN_SHA256_HEX], signature[TARN_SHA256_HEX];
    const char *names, *time = put_time(cx);
    put_hash(request->body, payload);
    add_header(cx, headers, "x-amz-content-sha256", tarn_arena_strdup(cx->arena, payload));
    add_header(cx, headers, "x-amz-date", time);
    if (keys->session_token) add_header(cx, headers, "x-amz-security-token", keys->session_token);
    put_canonical(cx, request, payload, headers, &names, canonical);
    const char *scope = tarn_printf(cx, "%.8s/%s/%s/aws4_request", time, keys->region, keys->service);
    const char *to_sign = tarn_printf(cx, "AWS4-HMAC-SHA256\n%s\n%s\n%s", time, scope, canonical);
    put_signature(keys, time, tarn_str_of(to_sign), signature);
    add_header(cx, headers, "authorization",
               tarn_printf(cx, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s", keys->key_id, scope,
                           names, signature));
}
