/* sigv4.h: AWS Signature Version 4: the headers that prove who sends a request. */
#ifndef TARN_NET_SIGV4_H
#define TARN_NET_SIGV4_H

#include "base/crypto.h"
#include "net/http.h"

typedef struct tarn_sigv4_keys {
    const char *key_id, *secret;
    const char *session_token; /* NULL: none */
    const char *region, *service;
} tarn_sigv4_keys;

typedef struct tarn_sigv4_request {
    const char *method, *host;
    const char *path;  /* percent-encoded, from '/' on */
    const char *query; /* "a=1&b=" percent-encoded and in order of names; "": none */
    tarn_str body;
} tarn_sigv4_request;

/* Adds x-amz-date (the time of cx's clock), x-amz-content-sha256, x-amz-security-token where there is one, and
 * authorization. All headers there are get signed, and the host. In cx->arena. */
void tarn_sigv4_sign(tarn_cx *cx, const tarn_sigv4_keys *keys, const tarn_sigv4_request *request,
                     tarn_http_headers *headers);

#endif
