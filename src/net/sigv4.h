/* sigv4.h: AWS Signature Version 4: the headers that prove who asks. Pure: no I/O. */
#ifndef TARN_NET_SIGV4_H
#define TARN_NET_SIGV4_H

#include "base/cx.h"

typedef struct tarn_sigv4 {
    const char *key_id, *secret, *token; /* token NULL: none */
    const char *region, *service;
    int64_t now_us;
} tarn_sigv4;

/* A request as it is signed: path and query percent-encoded as they are sent, the query's parameters sorted by name
 * ("a=1&b="; "": none). headers: further "name: value" lines to be signed, lower-case names, sorted among themselves
 * and against "host" and "x-amz-…"; ends with NULL (may be NULL). */
typedef struct tarn_sigv4_request {
    const char *method, *host, *path, *query;
    const char *const *headers;
    tarn_str body;
} tarn_sigv4_request;

/* All headers to send, ending with NULL, in cx->arena: those given, x-amz-date, x-amz-content-sha256 (the body's hash),
 * x-amz-security-token, authorization. Host is left to the client. */
TARN_MUST tarn_code tarn_sigv4_headers(tarn_cx *cx, const tarn_sigv4 *signer, const tarn_sigv4_request *request,
                                       const char *const **out);

#endif
