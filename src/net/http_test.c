/* http_test.c: answers, kept connections, what is tried again and what is not, time limits and cancelling. */
#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "support/server.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_counters counters;
    tarn_server *server;
    tarn_http *http;
    tarn_http_answer answer;
    tarn_buf body;
    int bad; /* requests that the script treats badly */
    const char *last;
} fixture;

static void zeros(void *state, void *out, size_t n) {
    (void)state;
    memset(out, 0, n); /* no waits */
}

static void set(fixture *f, const char *name, const char *value) {
    assert_int_equal(tarn_conf_set(&f->cx, f->cx.conf, tarn_str_of(name), tarn_str_of(value), TARN_FROM_SET), TARN_OK);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    tarn_cx_init(&f->cx, tarn_conf_defaults());
    f->cx.counters = &f->counters;
    f->cx.random = zeros;
    f->http = tarn_http_join();
    f->body = TARN_BUF(1000);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_http_leave(f->http);
    if (f->server) tarn_server_stop(f->server);
    tarn_buf_free(&f->body);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
    return 0;
}

static void start(fixture *f, tarn_reply_fn *reply) { f->server = tarn_server_start(reply, f); }

static const char *url(fixture *f, const char *rest) {
    return tarn_printf(&f->cx, "http://127.0.0.1:%d%s", tarn_server_port(f->server), rest);
}

static tarn_code send_kind(fixture *f, tarn_request kind, const char *body) {
    const tarn_http_call call = {.kind = kind, .url = url(f, "/a%20b?hidden=1"), .body = tarn_str_of(body)};
    tarn_buf_clear(&f->body);
    return tarn_http_send(&f->cx, f->http, &call, &f->body, &f->answer);
}

static tarn_code get(fixture *f) { return send_kind(f, TARN_REQUEST_GET, NULL); }

static tarn_reply reply_plain(void *state, int nth, const char *request, tarn_buf *out) {
    (void)state, (void)nth;
    if (strstr(request, "GET /a%20b?hidden=1 HTTP/1.1\r\n") == request)
        tarn_server_answer(out, 200, "X-Some: a b \r\nETag: \"e\"\r\n", "hello");
    else if (strstr(request, "PUT /a%20b?hidden=1 ") == request && strstr(request, "\r\n\r\nthe body") &&
             !strstr(request, "Content-Type"))
        tarn_server_answer(out, 201, "", "");
    else
        tarn_server_answer(out, 404, "", "<Error>none</Error>");
    return TARN_REPLY_SEND;
}

static void test_answers(void **state) {
    fixture *f = *state;
    start(f, reply_plain);
    assert_int_equal(get(f), TARN_OK);
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(f->body.data, "hello");
    assert_string_equal(tarn_http_header_of(&f->answer, "x-some"), "a b");
    assert_null(tarn_http_header_of(&f->answer, "x-other"));
    assert_false(f->answer.repeated);
    assert_int_equal(send_kind(f, TARN_REQUEST_PUT, "the body"), TARN_OK);
    assert_int_equal(f->answer.status, 201);
    assert_int_equal(send_kind(f, TARN_REQUEST_DELETE, NULL), TARN_OK);
    assert_int_equal(f->answer.status, 404);
    assert_string_equal(f->answer.error.p, "<Error>none</Error>");
    assert_int_equal(f->body.n, 0);
    assert_int_equal(tarn_server_connections(f->server), 1);
    assert_int_equal(f->counters.requests[TARN_REQUEST_GET], 1);
    assert_int_equal(f->counters.requests[TARN_REQUEST_PUT], 1);
    assert_int_equal(f->counters.requests_repeated, 0);
}

static void test_limit(void **state) {
    fixture *f = *state;
    start(f, reply_plain);
    f->body.max = 4;
    assert_int_equal(get(f), TARN_LIMIT);
    assert_int_equal(tarn_server_requests(f->server), 1);
    f->body.max = 5;
    assert_int_equal(get(f), TARN_OK);
}

/* The first f->bad requests get an answer of trouble. */
static tarn_reply reply_busy(void *state, int nth, const char *request, tarn_buf *out) {
    static const int statuses[] = {503, 500, 429, 502, 504};
    if (nth >= ((fixture *)state)->bad) return reply_plain(state, nth, request, out);
    tarn_server_answer(out, statuses[nth % 5], "", "busy");
    return TARN_REPLY_SEND;
}

static void test_busy(void **state) {
    fixture *f = *state;
    f->bad = 5;
    start(f, reply_busy);
    assert_int_equal(get(f), TARN_OK);
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(f->body.data, "hello");
    assert_true(f->answer.repeated);
    assert_int_equal(f->counters.requests[TARN_REQUEST_GET], 6);
    assert_int_equal(f->counters.requests_repeated, 5);
    f->bad = 1000;
    set(f, "http.retries", "2");
    assert_int_equal(get(f), TARN_OK);
    assert_int_equal(f->answer.status, 502);
    assert_string_equal(f->answer.error.p, "busy");
    assert_int_equal(tarn_server_requests(f->server), 9);
}

static tarn_reply reply_conflict(void *state, int nth, const char *request, tarn_buf *out) {
    if (nth >= ((fixture *)state)->bad) return reply_plain(state, nth, request, out);
    tarn_server_answer(out, 409, "", "");
    return TARN_REPLY_SEND;
}

static void test_conflict(void **state) {
    fixture *f = *state;
    f->bad = 2;
    start(f, reply_conflict);
    assert_int_equal(get(f), TARN_OK);
    assert_int_equal(f->answer.status, 409);
    const tarn_http_call call = {.kind = TARN_REQUEST_GET, .url = url(f, "/a%20b?hidden=1"), .retry_conflict = true};
    assert_int_equal(tarn_http_send(&f->cx, f->http, &call, NULL, &f->answer), TARN_OK);
    assert_int_equal(f->answer.status, 200);
}

/* An answer that ends too soon, one that never begins, and garbage. */
static tarn_reply reply_broken(void *state, int nth, const char *request, tarn_buf *out) {
    if (nth >= ((fixture *)state)->bad) return reply_plain(state, nth, request, out);
    if (nth % 2 == 0) tarn_buf_puts(out, "HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf");
    return TARN_REPLY_CLOSE;
}

static void test_broken(void **state) {
    fixture *f = *state;
    f->bad = 3;
    start(f, reply_broken);
    assert_int_equal(get(f), TARN_OK);
    assert_string_equal(f->body.data, "hello");
    assert_true(f->answer.repeated);
    f->bad = 1000;
    set(f, "http.retries", "1");
    assert_int_equal(get(f), TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "127.0.0.1"));
    assert_null(strstr(f->cx.error.message, "hidden"));
    assert_int_equal(f->body.n, 0);
}

/* The kept connection dies with the second request on it: libcurl sends it again by itself. */
static tarn_reply reply_dead(void *state, int nth, const char *request, tarn_buf *out) {
    return nth == 1 ? TARN_REPLY_CLOSE : reply_plain(state, nth, request, out);
}

static void test_dead_connection(void **state) {
    fixture *f = *state;
    start(f, reply_dead);
    assert_int_equal(get(f), TARN_OK);
    assert_false(f->answer.repeated);
    assert_int_equal(send_kind(f, TARN_REQUEST_PUT, "the body"), TARN_OK);
    assert_int_equal(f->answer.status, 201);
    assert_true(f->answer.repeated);
    assert_int_equal(tarn_server_requests(f->server), 3);
}

static tarn_reply reply_never(void *state, int nth, const char *request, tarn_buf *out) {
    if (nth >= ((fixture *)state)->bad) return reply_plain(state, nth, request, out);
    return TARN_REPLY_HANG;
}

static void test_silence(void **state) {
    fixture *f = *state;
    f->bad = 2;
    start(f, reply_never);
    set(f, "http.timeout", "100ms");
    set(f, "http.retries", "1");
    assert_int_equal(get(f), TARN_TIMEOUT);
    assert_non_null(strstr(f->cx.error.message, "http.timeout"));
    assert_int_equal(get(f), TARN_OK);
    assert_int_equal(tarn_server_requests(f->server), 3);
}

static void *cancel_soon(void *flag) {
    usleep(100000);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void test_stopped(void **state) {
    fixture *f = *state;
    atomic_bool cancel = false;
    pthread_t thread;
    f->bad = 2;
    start(f, reply_never);
    f->cx.deadline_us = tarn_monotonic_us() + 100000;
    assert_int_equal(get(f), TARN_TIMEOUT);
    assert_non_null(strstr(f->cx.error.message, "statement_timeout"));
    f->cx.deadline_us = 0;
    f->cx.cancel = &cancel;
    int64_t begin = tarn_monotonic_us();
    pthread_create(&thread, NULL, cancel_soon, &cancel);
    assert_int_equal(get(f), TARN_CANCELLED);
    pthread_join(thread, NULL);
    assert_true(tarn_monotonic_us() - begin < 5000000);
    f->cx.cancel = NULL;
    assert_int_equal(get(f), TARN_OK);
}

static void test_unreachable(void **state) {
    fixture *f = *state;
    start(f, reply_plain);
    const tarn_http_call call = {.kind = TARN_REQUEST_GET, .url = url(f, "/?hidden=1")};
    tarn_server_stop(f->server);
    f->server = NULL;
    assert_int_equal(tarn_http_send(&f->cx, f->http, &call, NULL, &f->answer), TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "cannot be reached"));
    assert_null(strstr(f->cx.error.message, "hidden"));
    assert_int_equal(f->counters.requests[TARN_REQUEST_GET], 3);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(test_answers),  CASE(test_limit),   CASE(test_busy),
                                       CASE(test_conflict), CASE(test_broken),  CASE(test_dead_connection),
                                       CASE(test_silence),  CASE(test_stopped), CASE(test_unreachable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
