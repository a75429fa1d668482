/* http.c: requests over libcurl, which is loaded when the first one is made: linking it would cost every start some
 * milliseconds. */
#include "net/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"

enum { IDLE_MAX = 32, CONNECT_MS = 10000, STALLED_S = 60 };

#define CURL_FUNCTIONS(F)                                                                                              \
    F(easy_init)                                                                                                       \
    F(easy_reset)                                                                                                      \
    F(easy_setopt) F(easy_perform) F(easy_getinfo) F(easy_cleanup) F(easy_strerror) F(slist_append) F(slist_free_all)  \
        F(global_init)

typedef struct curl_api {
#define F(name) __typeof__(&curl_##name) name;
    CURL_FUNCTIONS(F)
#undef F
} curl_api;

static curl_api curl;
static atomic_bool loaded;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

struct tarn_http {
    pthread_mutex_t lock;
    CURL *idle[IDLE_MAX];
    size_t n_idle;
};

static tarn_code load(tarn_cx *cx) {
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return tarn_fail(cx, TARN_UNSUPPORTED, "object stores need libcurl, which cannot be loaded: %s", dlerror());
    bool whole = true;
/* POSIX lets a data pointer from dlsym be stored into a function pointer through its address. */
#define F(name) whole = (*(void **)&curl.name = dlsym(library, "curl_" #name)) && whole;
    CURL_FUNCTIONS(F)
#undef F
    if (!whole || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return tarn_fail(cx, TARN_UNSUPPORTED, "this libcurl is none that Tarn can use");
    return TARN_OK; /* the library stays for the life of the process */
}

static tarn_code need_curl(tarn_cx *cx) {
    tarn_code code = TARN_OK;
    if (atomic_load_explicit(&loaded, memory_order_acquire)) return TARN_OK;
    pthread_mutex_lock(&loading);
    if (!atomic_load_explicit(&loaded, memory_order_relaxed)) code = load(cx);
    if (code == TARN_OK) atomic_store_explicit(&loaded, true, memory_order_release);
    pthread_mutex_unlock(&loading);
    return code;
}

tarn_http *tarn_http_new(void) {
    tarn_http *http = calloc(1, sizeof *http);
    if (!http) abort();
    pthread_mutex_init(&http->lock, NULL);
    return http;
}

void tarn_http_free(tarn_http *http) {
    if (!http) return;
    for (size_t i = 0; i < http->n_idle; i++) curl.easy_cleanup(http->idle[i]);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

/* *used: it has connections already. */
static CURL *take_handle(tarn_http *http, bool *used) {
    CURL *handle = NULL;
    pthread_mutex_lock(&http->lock);
    if (http->n_idle) handle = http->idle[--http->n_idle];
    pthread_mutex_unlock(&http->lock);
    *used = handle != NULL;
    return handle ? handle : curl.easy_init();
}

static void give_handle(tarn_http *http, CURL *handle) {
    curl.easy_reset(handle); /* keeps its connections */
    pthread_mutex_lock(&http->lock);
    bool keep = http->n_idle < IDLE_MAX;
    if (keep) http->idle[http->n_idle++] = handle;
    pthread_mutex_unlock(&http->lock);
    if (!keep) curl.easy_cleanup(handle);
}

typedef struct exchange {
    tarn_cx *cx;
    CURL *handle;
    tarn_buf *out;
    tarn_http_answer *answer;
    tarn_code stop; /* why we stopped it */
} exchange;

static size_t take_body(char *bytes, size_t size, size_t n, void *state) {
    exchange *x = state;
    long status = 0;
    curl.easy_getinfo(x->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        char *text = x->answer->refusal;
        size_t have = strlen(text), room = TARN_HTTP_REFUSAL - 1 - have;
        memcpy(text + have, bytes, size * n < room ? size * n : room);
        return size * n;
    }
    tarn_buf_add(x->out, bytes, size * n);
    if (tarn_buf_ok(x->out)) return size * n;
    x->stop = TARN_LIMIT;
    return 0;
}

static tarn_str trimmed(tarn_str s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s.p++, s.n--;
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ') s.n--;
    return s;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *state) {
    tarn_http_answer *a = ((exchange *)state)->answer;
    tarn_str line = {bytes, size * n};
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon) return line.n;
    tarn_str name = {line.p, (size_t)(colon - line.p)}, value = trimmed((tarn_str){colon + 1, line.n - name.n - 1});
    if (tarn_str_ieq(name, TARN_LIT("etag"))) {
        if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"') value.p++, value.n -= 2;
        if (value.n < sizeof a->etag) memcpy(a->etag, value.p, value.n), a->etag[value.n] = 0;
    } else if (tarn_str_ieq(name, TARN_LIT("content-length"))) {
        if (!tarn_parse_i64(value, &a->length)) a->length = -1;
    } else if (tarn_str_ieq(name, TARN_LIT("content-range"))) {
        const char *slash = memchr(value.p, '/', value.n);
        tarn_str total = slash ? (tarn_str){slash + 1, value.n - (size_t)(slash + 1 - value.p)} : (tarn_str){"", 0};
        if (!tarn_parse_i64(total, &a->total)) a->total = -1;
    }
    return line.n;
}

static int watch(void *state, curl_off_t down, curl_off_t down_now, curl_off_t up, curl_off_t up_now) {
    (void)down, (void)down_now, (void)up, (void)up_now;
    exchange *x = state;
    if (x->stop == TARN_OK) x->stop = tarn_check(x->cx);
    return x->stop != TARN_OK;
}

static void set_up(CURL *h, const tarn_http_request *request, exchange *x, struct curl_slist *headers, char *why) {
    bool body = request->body.p || !strcmp(request->method, "PUT") || !strcmp(request->method, "POST");
    curl.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(h, CURLOPT_URL, request->url);
    curl.easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl.easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl.easy_setopt(h, CURLOPT_CUSTOMREQUEST, request->method);
    curl.easy_setopt(h, CURLOPT_NOBODY, strcmp(request->method, "HEAD") ? 0L : 1L);
    curl.easy_setopt(h, CURLOPT_FILETIME, 1L);
    curl.easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl.easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl.easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    if (body) {
        curl.easy_setopt(h, CURLOPT_POSTFIELDS, request->body.p ? request->body.p : "");
        curl.easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
    }
    curl.easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
    curl.easy_setopt(h, CURLOPT_WRITEDATA, x);
    curl.easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
    curl.easy_setopt(h, CURLOPT_HEADERDATA, x);
    curl.easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl.easy_setopt(h, CURLOPT_XFERINFOFUNCTION, watch);
    curl.easy_setopt(h, CURLOPT_XFERINFODATA, x);
    curl.easy_setopt(h, CURLOPT_ERRORBUFFER, why);
}

/* Scheme and host alone: the rest of a URL may hold a signature. */
static const char *place(tarn_cx *cx, const char *url) {
    const char *host = strstr(url, "://");
    return host ? tarn_printf(cx, "%.*s", (int)(host - url + 3 + (ptrdiff_t)strcspn(host + 3, "/?")), url) : "";
}

static tarn_code failed(tarn_cx *cx, CURL *h, const tarn_http_request *request, CURLcode result, const char *why,
                        bool *sent) {
    curl_off_t up = 0;
    long asked = 0;
    curl.easy_getinfo(h, CURLINFO_SIZE_UPLOAD_T, &up);
    curl.easy_getinfo(h, CURLINFO_REQUEST_SIZE, &asked);
    if (sent) *sent = up > 0 || asked > 0;
    return tarn_fail(cx, TARN_IO, "%s: %s", place(cx, request->url), *why ? why : curl.easy_strerror(result));
}

static tarn_code perform(tarn_cx *cx, CURL *h, const tarn_http_request *request, struct curl_slist *headers,
                         tarn_buf *out, bool used, tarn_http_answer *answer, bool *sent) {
    char why[CURL_ERROR_SIZE] = "";
    exchange x = {.cx = cx, .handle = h, .out = out, .answer = answer};
    *answer = (tarn_http_answer){.length = -1, .total = -1, .modified_ms = -1};
    set_up(h, request, &x, headers, why);
    CURLcode result = curl.easy_perform(h);
    if (x.stop == TARN_LIMIT)
        return tarn_fail(cx, TARN_LIMIT, "the answer of %s is larger than %zu bytes", place(cx, request->url),
                         out->max);
    if (x.stop != TARN_OK) {
        if (sent) *sent = true;
        return x.stop;
    }
    if (result != CURLE_OK) return failed(cx, h, request, result, why, sent);
    long status = 0, connects = 0;
    curl_off_t modified = -1;
    curl.easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl.easy_getinfo(h, CURLINFO_NUM_CONNECTS, &connects);
    curl.easy_getinfo(h, CURLINFO_FILETIME_T, &modified);
    answer->status = (int)status;
    answer->modified_ms = modified >= 0 && modified < INT64_MAX / 1000 ? modified * 1000 : -1;
    answer->sent_twice = used && connects > 0; /* libcurl sends again when a kept connection turns out to be dead */
    return TARN_OK;
}

tarn_code tarn_http_send(tarn_cx *cx, tarn_http *http, const tarn_http_request *request, tarn_buf *out,
                         tarn_http_answer *answer, bool *sent) {
    if (sent) *sent = false;
    TRY(need_curl(cx));
    TRY(tarn_check(cx));
    bool used = false;
    struct curl_slist *headers = NULL;
    CURL *handle = take_handle(http, &used);
    if (!handle) return tarn_fail(cx, TARN_NOMEM, "libcurl gives no handle");
    headers = curl.slist_append(headers, "Expect:"); /* no waiting for a 100 before the body */
    headers = curl.slist_append(headers, "Content-Type:");
    for (size_t i = 0; request->headers && request->headers[i]; i++)
        headers = curl.slist_append(headers, request->headers[i]);
    tarn_http_answer got;
    tarn_code code = perform(cx, handle, request, headers, out, used, &got, sent);
    curl.slist_free_all(headers);
    if (code == TARN_OK) {
        give_handle(http, handle);
        *answer = got;
    } else {
        curl.easy_cleanup(handle); /* with its connections: half an answer may still be on one */
    }
    return code;
}

static bool is_plain(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

void tarn_url_encode(tarn_buf *out, tarn_str text, bool slashes) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_plain(c) || (slashes && c == '/'))
            tarn_buf_putc(out, (char)c);
        else
            tarn_buf_printf(out, "%%%02X", c);
    }
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

char *tarn_url_decode(tarn_arena *arena, tarn_str text) {
    char *out = tarn_arena_alloc(arena, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        int high = -1, low = -1;
        if (text.p[i] == '%') {
            high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;
            if (low < 0) return NULL;
            i += 2;
        }
        out[n++] = low >= 0 ? (char)(high * 16 + low) : text.p[i];
    }
    return out;
}
