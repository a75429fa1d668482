/* server.c: a scripted HTTP server on loopback. */
#include "support/server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 64 << 20 };

struct tarn_server {
    tarn_reply_fn *reply;
    void *state;
    pthread_t thread;
    int socket, port;
    atomic_bool stop;
    atomic_int requests, connections;
};

static void must(bool ok) {
    if (!ok) abort();
}

/* False when nothing will come any more. */
static bool wait_for(tarn_server *s, int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!atomic_load(&s->stop))
        if (poll(&p, 1, 10) > 0) return true;
    return false;
}

static bool read_some(tarn_server *s, int fd, tarn_buf *in) {
    char bytes[16384];
    if (!wait_for(s, fd)) return false;
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n > 0) tarn_buf_add(in, bytes, (size_t)n);
    return n > 0 && tarn_buf_ok(in);
}

/* A whole request at the beginning of `in`. */
static bool read_request(tarn_server *s, int fd, tarn_buf *in) {
    for (;;) {
        const char *end = in->n ? strstr(in->data, "\r\n\r\n") : NULL;
        const char *length = end ? strcasestr(in->data, "\r\nContent-Length:") : NULL;
        size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if (end && in->n >= (size_t)(end - in->data) + 4 + body) return true;
        if (!read_some(s, fd, in)) return false;
    }
}

static void serve(tarn_server *s, int fd) {
    for (tarn_reply kind = TARN_REPLY_SEND; kind == TARN_REPLY_SEND;) {
        tarn_auto_buf in = TARN_BUF(REQUEST_MAX), out = TARN_BUF(REQUEST_MAX);
        if (!read_request(s, fd, &in)) return;
        kind = s->reply(s->state, atomic_fetch_add(&s->requests, 1), in.data, &out);
        for (size_t at = 0; at < out.n;) {
            ssize_t n = send(fd, out.data + at, out.n - at, MSG_NOSIGNAL);
            if (n <= 0) return;
            at += (size_t)n;
        }
        if (kind == TARN_REPLY_HANG)
            while (read_some(s, fd, &in)) continue;
    }
}

static void *run(void *arg) {
    tarn_server *s = arg;
    while (wait_for(s, s->socket)) {
        int fd = accept4(s->socket, NULL, NULL, SOCK_CLOEXEC);
        must(fd >= 0);
        atomic_fetch_add(&s->connections, 1);
        serve(s, fd);
        close(fd);
    }
    return NULL;
}

tarn_server *tarn_server_start(tarn_reply_fn *reply, void *state) {
    tarn_server *s = calloc(1, sizeof *s);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    must(s != NULL);
    s->reply = reply;
    s->state = state;
    s->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(s->socket >= 0 && bind(s->socket, (struct sockaddr *)&address, size) == 0 && listen(s->socket, 16) == 0);
    must(getsockname(s->socket, (struct sockaddr *)&address, &size) == 0);
    s->port = ntohs(address.sin_port);
    must(pthread_create(&s->thread, NULL, run, s) == 0);
    return s;
}

void tarn_server_stop(tarn_server *s) {
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    close(s->socket);
    free(s);
}

int tarn_server_port(const tarn_server *s) { return s->port; }
int tarn_server_requests(tarn_server *s) { return atomic_load(&s->requests); }
int tarn_server_connections(tarn_server *s) { return atomic_load(&s->connections); }

void tarn_server_answer(tarn_buf *out, int status, const char *headers, const char *body) {
    tarn_buf_printf(out, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body), body);
}
