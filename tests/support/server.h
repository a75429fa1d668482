/* server.h: an HTTP server of a test's own on loopback that answers as the test says, rightly or wrongly. */
#ifndef TARN_SUPPORT_SERVER_H
#define TARN_SUPPORT_SERVER_H

#include "base/cx.h"

typedef enum tarn_reply {
    TARN_REPLY_SEND,  /* the answer as it stands; the connection is kept */
    TARN_REPLY_CLOSE, /* the answer as it stands, or nothing; then the connection is closed */
    TARN_REPLY_HANG   /* nothing, until the client goes away */
} tarn_reply;

typedef struct tarn_server tarn_server;

/* Called by the server's thread for the nth request (from 0), head and body as they came, zero-terminated. */
typedef tarn_reply tarn_reply_fn(void *state, int nth, const char *request, tarn_buf *answer);

/* One connection at a time, as one client's thread needs. */
tarn_server *tarn_server_start(tarn_reply_fn *reply, void *state);
void tarn_server_stop(tarn_server *server);
int tarn_server_port(const tarn_server *server);
int tarn_server_requests(tarn_server *server);
int tarn_server_connections(tarn_server *server);
/* "HTTP/1.1 <status> x", the headers (lines that end in \r\n), the length and the body. */
void tarn_server_answer(tarn_buf *out, int status, const char *headers, const char *body);

#endif
