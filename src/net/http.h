/* http.h: one HTTP exchange at a time over kept connections. The only home of libcurl, which the first request loads.
 * Thread-safe. Statuses are answers, not failures. */
#ifndef TARN_NET_HTTP_H
#define TARN_NET_HTTP_H

#include "base/cx.h"

typedef struct tarn_http tarn_http;

enum { TARN_HTTP_ETAG = 96, TARN_HTTP_REFUSAL = 2048 };

typedef struct tarn_http_request {
    const char *method;         /* GET HEAD PUT POST DELETE */
    const char *url;            /* as it goes over the wire: percent-encoded; http or https */
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    tarn_str body;              /* PUT, POST */
} tarn_http_request;

typedef struct tarn_http_answer {
    int status;
    int64_t length;                  /* Content-Length; -1: not said */
    int64_t total;                   /* the whole object's size, of Content-Range; -1: not said */
    int64_t modified_ms;             /* Last-Modified; -1: not said */
    char etag[TARN_HTTP_ETAG];       /* without quotes; "": none, or too long */
    char refusal[TARN_HTTP_REFUSAL]; /* the beginning of the body, where the status is not 2xx */
    bool sent_twice; /* the request may have reached the server before, on a connection that broke before an answer */
} tarn_http_answer;

/* Connections live as long as it. */
tarn_http *tarn_http_new(void);
void tarn_http_free(tarn_http *http);

/* Appends the body of an answer of 2xx to `out` (LIMIT past its max; then the rest is not read). Redirects are not
 * followed. IO: there was no answer, or half of one; *sent (may be NULL) says whether the server may have got the
 * request. UNSUPPORTED: libcurl cannot be loaded. TIMEOUT, CANCELLED: as tarn_check. */
TARN_MUST tarn_code tarn_http_send(tarn_cx *cx, tarn_http *http, const tarn_http_request *request, tarn_buf *out,
                                   tarn_http_answer *answer, bool *sent);

/* Percent-encodes all but letters, digits and -._~ (and '/' where `slashes`). */
void tarn_url_encode(tarn_buf *out, tarn_str text, bool slashes);
/* The reverse; '+' stays. NULL: a broken escape. */
char *tarn_url_decode(tarn_arena *arena, tarn_str text);

#endif
