/* http.c: requests over libcurl: a stock of connected handles, one try with its time limits, and the tries after it. */
#include "net/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "net/curl_api.h"

enum {
    IDLE_MAX = 32,
    POLL_MS = 50,
    HEADERS_MAX = 256,
    HEADER_BYTES_MAX = 64 << 10,
    ERROR_MAX = 64 << 10,
    WAIT_FIRST_MS = 100,
    WAIT_MAX_MS = 5000,
    UNREACHABLE_RETRIES = 2, /* a wrong endpoint is to be told soon */
};

/* A handle with the connections it keeps alive; used by one thread at a time. */
typedef struct line {
    CURLM *multi;
    CURL *easy;
} line;

struct tarn_http {
    const tarn_curl *api; /* NULL until the first request */
    pthread_mutex_t lock; /* of what follows */
    line idle[IDLE_MAX];
    size_t n_idle;
    int pid;
    int users; /* under shared_lock */
};

/* Process-wide by nature: tables of one server share their connections. */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static tarn_http *shared;

tarn_http *tarn_http_join(void) {
    pthread_mutex_lock(&shared_lock);
    /* After a fork the old one's sockets are the parent's: they are left alone. */
    if (!shared || shared->pid != (int)getpid()) {
        shared = calloc(1, sizeof *shared);
        if (!shared) abort();
        pthread_mutex_init(&shared->lock, NULL);
        shared->pid = (int)getpid();
    }
    tarn_http *http = shared;
    http->users++;
    pthread_mutex_unlock(&shared_lock);
    return http;
}

static void drop_line(const tarn_curl *api, line l) {
    api->easy_cleanup(l.easy);
    api->multi_cleanup(l.multi);
}

void tarn_http_leave(tarn_http *http) {
    if (!http || http->pid != (int)getpid()) return;
    pthread_mutex_lock(&shared_lock);
    bool last = --http->users == 0;
    if (last && shared == http) shared = NULL;
    pthread_mutex_unlock(&shared_lock);
    if (!last) return;
    for (size_t i = 0; i < http->n_idle; i++) drop_line(http->api, http->idle[i]);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

/* The one used last comes first: its connection is the likeliest to live. */
static tarn_code take_line(tarn_cx *cx, tarn_http *http, const tarn_curl *api, line *out) {
    line found = {0};
    pthread_mutex_lock(&http->lock);
    http->api = api;
    if (http->n_idle) found = http->idle[--http->n_idle];
    pthread_mutex_unlock(&http->lock);
    if (!found.easy) {
        found = (line){api->multi_init(), api->easy_init()};
        if (found.multi && found.easy) api->multi_setopt(found.multi, CURLMOPT_MAXCONNECTS, 4L);
    }
    if (!found.multi || !found.easy) {
        if (found.easy) api->easy_cleanup(found.easy);
        if (found.multi) api->multi_cleanup(found.multi);
        return tarn_fail(cx, TARN_NOMEM, "no memory for a connection");
    }
    *out = found;
    return TARN_OK;
}

static void give_line(tarn_http *http, line l) {
    http->api->easy_reset(l.easy);
    pthread_mutex_lock(&http->lock);
    bool keep = http->n_idle < IDLE_MAX;
    if (keep) http->idle[http->n_idle++] = l;
    pthread_mutex_unlock(&http->lock);
    if (!keep) drop_line(http->api, l);
}

/* One sending of a request. */
typedef struct attempt {
    tarn_cx *cx;
    const tarn_curl *api;
    const tarn_http_call *call;
    CURL *easy;
    tarn_buf *body;
    tarn_buf error;
    tarn_http_headers headers;
    size_t header_bytes;
    bool too_long; /* the body is more than its buffer may take */
    char message[CURL_ERROR_SIZE];
    CURLcode result;
    bool silent; /* given up for http.timeout */
    long status;
    int sent; /* times: libcurl itself sends again, on a new connection, what a kept one lost */
} attempt;

static size_t take_body(char *data, size_t size, size_t n, void *state) {
    attempt *a = state;
    long status = 0;
    (void)size; /* always 1 */
    a->api->easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300) {
        size_t room = ERROR_MAX - a->error.n;
        tarn_buf_add(&a->error, data, n < room ? n : room);
        return n;
    }
    if (!a->body) return n;
    a->too_long = n > a->body->max - a->body->n;
    if (a->too_long) return 0;
    tarn_buf_add(a->body, data, n);
    return tarn_buf_ok(a->body) ? n : 0;
}

static tarn_str trimmed(tarn_str s) {
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1])) s.n--;
    while (s.n && strchr(" \t", *s.p)) s.p++, s.n--;
    return s;
}

static size_t take_header(char *data, size_t size, size_t n, void *state) {
    attempt *a = state;
    tarn_str text = {data, n};
    (void)size;
    if (tarn_str_starts(text, "HTTP/")) a->headers.n = 0; /* what came before was of a "100 Continue" */
    const char *colon = memchr(data, ':', n);
    a->header_bytes += n;
    if (!colon || a->headers.n >= HEADERS_MAX || a->header_bytes > HEADER_BYTES_MAX) return n;
    char *name = tarn_arena_strndup(a->cx->arena, data, (size_t)(colon - data));
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c |= 32;
    tarn_str value = trimmed((tarn_str){colon + 1, (size_t)(data + n - colon - 1)});
    *TARN_PUSH(a->cx->arena, &a->headers) =
        (tarn_http_header){name, tarn_arena_strndup(a->cx->arena, value.p, value.n)};
    return n;
}

static int before_sending(void *state, char *to, char *from, int to_port, int from_port) {
    (void)to, (void)from, (void)to_port, (void)from_port;
    ((attempt *)state)->sent++;
    return CURL_PREREQFUNC_OK;
}

static const char *ca_file(tarn_cx *cx) {
    const char *set = tarn_conf_text(cx->conf, TARN_HTTP_CA_FILE);
    if (!*set) set = getenv("AWS_CA_BUNDLE");
    if (!set || !*set) set = getenv("SSL_CERT_FILE");
    return set && *set ? set : NULL;
}

static struct curl_slist *list_headers(attempt *a, const tarn_http_headers *headers) {
    /* Neither a wait for "100 Continue" nor a form's content type. */
    struct curl_slist *list = a->api->slist_append(NULL, "Expect:");
    list = a->api->slist_append(list, "Content-Type:");
    for (size_t i = 0; i < headers->n; i++) {
        const tarn_http_header *h = &headers->at[i];
        list = a->api->slist_append(list, tarn_printf(a->cx, "%s: %s", h->name, h->value));
    }
    return list;
}

static void set_options(attempt *a, struct curl_slist *headers) {
    static const char *const methods[TARN_REQUEST_KINDS] = {"GET", "PUT", "POST", "GET", "HEAD", "DELETE"};
    const tarn_curl *api = a->api;
    const tarn_http_call *call = a->call;
    const char *ca = ca_file(a->cx);
    api->easy_setopt(a->easy, CURLOPT_URL, call->url);
    api->easy_setopt(a->easy, CURLOPT_PATH_AS_IS, 1L);
    api->easy_setopt(a->easy, CURLOPT_NOSIGNAL, 1L);
    api->easy_setopt(a->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    api->easy_setopt(a->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    api->easy_setopt(a->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)tarn_conf_int(a->cx->conf, TARN_HTTP_TIMEOUT));
    api->easy_setopt(a->easy, CURLOPT_ERRORBUFFER, a->message);
    api->easy_setopt(a->easy, CURLOPT_HTTPHEADER, headers);
    api->easy_setopt(a->easy, CURLOPT_USERAGENT, "tarn");
    api->easy_setopt(a->easy, CURLOPT_WRITEFUNCTION, take_body);
    api->easy_setopt(a->easy, CURLOPT_WRITEDATA, a);
    api->easy_setopt(a->easy, CURLOPT_HEADERFUNCTION, take_header);
    api->easy_setopt(a->easy, CURLOPT_HEADERDATA, a);
    api->easy_setopt(a->easy, CURLOPT_PREREQFUNCTION, before_sending);
    api->easy_setopt(a->easy, CURLOPT_PREREQDATA, a);
    if (ca) api->easy_setopt(a->easy, CURLOPT_CAINFO, ca);
    if (call->kind == TARN_REQUEST_PUT || call->kind == TARN_REQUEST_POST) {
        api->easy_setopt(a->easy, CURLOPT_POSTFIELDS, call->body.n ? call->body.p : "");
        api->easy_setopt(a->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
    }
    if (call->kind == TARN_REQUEST_HEAD) api->easy_setopt(a->easy, CURLOPT_NOBODY, 1L);
    api->easy_setopt(a->easy, CURLOPT_CUSTOMREQUEST, methods[call->kind]);
}

static int64_t bytes_moved(const attempt *a) {
    curl_off_t down = 0, up = 0;
    a->api->easy_getinfo(a->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    a->api->easy_getinfo(a->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    return (int64_t)down + (int64_t)up + (int64_t)a->header_bytes;
}

/* Until the answer is whole, the other side is silent for too long, or the statement is to stop. */
static tarn_code wait_answer(attempt *a, CURLM *multi) {
    int64_t patience = tarn_conf_int(a->cx->conf, TARN_HTTP_TIMEOUT) * 1000, moved = 0;
    int64_t since = tarn_monotonic_us();
    for (int running = 1;;) {
        CURLMcode problem = a->api->multi_perform(multi, &running);
        if (problem == CURLM_OK && running) problem = a->api->multi_poll(multi, NULL, 0, POLL_MS, NULL);
        if (problem != CURLM_OK) return tarn_fail(a->cx, TARN_INTERNAL, "libcurl: %s", a->api->multi_strerror(problem));
        if (!running) break;
        TRY(tarn_check(a->cx));
        int64_t now = tarn_monotonic_us(), has = bytes_moved(a);
        if (has != moved) since = now;
        moved = has;
        a->silent = now - since > patience;
        if (a->silent) return TARN_OK;
    }
    int left;
    for (CURLMsg *m; (m = a->api->multi_info_read(multi, &left));)
        if (m->msg == CURLMSG_DONE) a->result = m->data.result;
    a->api->easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &a->status);
    return TARN_OK;
}

static tarn_code send_once(attempt *a, tarn_http *http) {
    tarn_http_headers headers = {0};
    line l;
    for (size_t i = 0; i < a->call->headers.n; i++) *TARN_PUSH(a->cx->arena, &headers) = a->call->headers.at[i];
    if (a->call->sign) a->call->sign(a->cx, a->call->state, &headers);
    TRY(take_line(a->cx, http, a->api, &l));
    a->easy = l.easy;
    struct curl_slist *list = list_headers(a, &headers);
    set_options(a, list);
    tarn_count(a->cx, requests[a->call->kind], 1);
    tarn_code code = a->api->multi_add_handle(l.multi, l.easy) == CURLM_OK
                         ? wait_answer(a, l.multi)
                         : tarn_fail(a->cx, TARN_INTERNAL, "libcurl does not take the request");
    a->api->multi_remove_handle(l.multi, l.easy);
    give_line(http, l);
    a->api->slist_free_all(list);
    return code;
}

static bool is_unreachable(const attempt *a) {
    return a->result == CURLE_COULDNT_RESOLVE_HOST || a->result == CURLE_COULDNT_RESOLVE_PROXY ||
           a->result == CURLE_COULDNT_CONNECT;
}

static bool is_passing(const attempt *a) {
    if (a->silent || is_unreachable(a)) return true;
    switch (a->result) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR: return true;
    case CURLE_OK: break;
    default: return false;
    }
    return a->status == 429 || a->status == 500 || (a->status >= 502 && a->status <= 504) ||
           (a->status == 409 && a->call->retry_conflict);
}

static tarn_code fail_attempt(attempt *a) {
    size_t scheme = strcspn(a->call->url, ":") + 3, host = strcspn(a->call->url + scheme, "/?");
    int shown = (int)(scheme + host);
    if (a->too_long)
        return tarn_fail(a->cx, TARN_LIMIT, "the answer is longer than the %zu bytes allowed", a->body->max);
    if (a->body && !tarn_buf_ok(a->body)) return tarn_fail(a->cx, TARN_NOMEM, "no memory for the answer");
    if (a->silent || a->result == CURLE_OPERATION_TIMEDOUT)
        return tarn_fail(a->cx, TARN_TIMEOUT, "%.*s does not answer within http.timeout", shown, a->call->url);
    return tarn_fail(a->cx, TARN_IO, "%.*s cannot be %s: %s", shown, a->call->url,
                     is_unreachable(a) ? "reached" : "talked to",
                     a->message[0] ? a->message : a->api->easy_strerror(a->result));
}

/* Doubled each time, of full jitter, so that clients a server has shed do not come back together. */
static tarn_code wait_before(tarn_cx *cx, int tried) {
    int64_t most = tried < 6 ? (int64_t)WAIT_FIRST_MS << tried : WAIT_MAX_MS;
    uint32_t dice;
    tarn_random(cx, &dice, sizeof dice);
    return tarn_sleep_ms(cx, dice % (most + 1));
}

static void give_answer(const attempt *a, bool repeated, tarn_http_answer *out) {
    *out = (tarn_http_answer){.status = (int)a->status, .repeated = repeated, .headers = a->headers};
    if (a->error.n) out->error = (tarn_str){tarn_arena_strndup(a->cx->arena, a->error.data, a->error.n), a->error.n};
}

tarn_code tarn_http_send(tarn_cx *cx, tarn_http *http, const tarn_http_call *call, tarn_buf *body,
                         tarn_http_answer *out) {
    const tarn_curl *api;
    size_t before = body ? body->n : 0;
    int64_t retries = tarn_conf_int(cx->conf, TARN_HTTP_RETRIES);
    bool repeated = false;
    TRY(tarn_curl_load(cx, &api));
    if (http->pid != (int)getpid()) return tarn_fail(cx, TARN_INTERNAL, "connections are not for use after a fork");
    for (int tried = 0;; tried++) {
        attempt a = {.cx = cx, .api = api, .call = call, .body = body, .error = TARN_BUF(ERROR_MAX)};
        if (body && body->n > before) body->n = before, body->data[before] = 0;
        tarn_code code = send_once(&a, http);
        bool again = code == TARN_OK && is_passing(&a) && tried < retries &&
                     !(is_unreachable(&a) && tried >= UNREACHABLE_RETRIES);
        repeated |= a.sent > 1 || (again && !is_unreachable(&a));
        if (code == TARN_OK && !again) {
            if (!a.silent && a.result == CURLE_OK)
                give_answer(&a, repeated, out);
            else
                code = fail_attempt(&a);
        }
        tarn_buf_free(&a.error);
        if (!again) return code;
        tarn_count(cx, requests_repeated, 1);
        TRY(wait_before(cx, tried));
    }
}

const char *tarn_http_header_of(const tarn_http_answer *answer, const char *name) {
    for (size_t i = 0; i < answer->headers.n; i++)
        if (strcmp(answer->headers.at[i].name, name) == 0) return answer->headers.at[i].value;
    return NULL;
}

/* n digits at p, or -1. */
static int64_t digits(const char *p, size_t n) {
    int64_t value;
    for (size_t i = 0; i < n; i++)
        if (p[i] < '0' || p[i] > '9') return -1;
    return tarn_parse_i64((tarn_str){p, n}, &value) ? value : -1;
}

bool tarn_http_parse_date(const char *text, int64_t *ms) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (strlen(text) != 29 || text[3] != ',' || strcmp(text + 25, " GMT") != 0) return false;
    char name[4] = {text[8], text[9], text[10], 0};
    const char *found = strstr(months, name);
    int64_t day = digits(text + 5, 2), year = digits(text + 12, 4), hour = digits(text + 17, 2);
    int64_t minute = digits(text + 20, 2), second = digits(text + 23, 2);
    if (!found || (found - months) % 3 || day < 1 || day > 31 || year < 0 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return false;
    int64_t days = tarn_days_from_civil(year, (int)((found - months) / 3) + 1, (int)day);
    *ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
    return true;
}
