/* http.h: blocking HTTP requests with connections kept alive, time limits, cancelling and retries. The only door to
 * libcurl, which the first request loads. */
#ifndef TARN_NET_HTTP_H
#define TARN_NET_HTTP_H

#include "base/cx.h"
#include "base/vec.h"

/* Names in lower case. */
typedef struct tarn_http_header {
    const char *name, *value;
} tarn_http_header;

typedef TARN_VEC(tarn_http_header) tarn_http_headers;

typedef struct tarn_http_call {
    tarn_request kind; /* LIST is sent as a GET */
    const char *url;   /* http or https; shown in errors up to its host only */
    tarn_http_headers headers;
    tarn_str body;       /* of PUT and POST; stays the caller's while the call lasts */
    bool retry_conflict; /* 409 is tried again too */
    /* Adds what each try needs anew, as a signature with its time; NULL: nothing. */
    void (*sign)(tarn_cx *cx, const void *state, tarn_http_headers *headers);
    const void *state;
} tarn_http_call;

typedef struct tarn_http_answer {
    int status;
    bool repeated; /* an earlier sending of the request may have reached the server, and its answer was lost */
    tarn_http_headers headers;
    tarn_str error; /* the body of an answer of 300 and above, at most 64 KiB of it */
} tarn_http_answer;

/* The process's connections, shared by all who join; thread-safe. tarn_http_leave closes them when the last one goes.
 * A process that forked has its own. */
typedef struct tarn_http tarn_http;
tarn_http *tarn_http_join(void);
void tarn_http_leave(tarn_http *http);

/* Sends and waits for the answer. The body of an answer below 300 is appended to `body` (LIMIT when it is longer than
 * body->max allows; NULL: dropped). 429, 500, 502, 503, 504, lost connections and silence for http.timeout are tried
 * again, http.retries times with jittered waits; then such an answer is OK with its status, while a connection that
 * cannot be had is IO, and silence TIMEOUT. After a failure the server may or may not have done what it was asked.
 * Redirects are not followed. In cx->arena. */
TARN_MUST tarn_code tarn_http_send(tarn_cx *cx, tarn_http *http, const tarn_http_call *call, tarn_buf *body,
                                   tarn_http_answer *out);
/* NULL when the answer has none; `name` in lower case. */
const char *tarn_http_header_of(const tarn_http_answer *answer, const char *name);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7) to ms; false for another text. */
bool tarn_http_parse_date(const char *text, int64_t *ms);

#endif
