/* s3.c: objects of an S3 bucket below a prefix, over the API that AWS and many other servers speak. */
#include "store/s3.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/path.h"

enum { ANSWER_MAX = 1 << 20, PART_FROM = 64 << 20 };

static tarn_s3 *of(tarn_store *store) { return (tarn_s3 *)store; }

static tarn_code missing(tarn_cx *cx, const tarn_http_answer *a) {
    bool bucket = strstr(a->refusal, "<Code>NoSuchBucket</Code>") != NULL;
    return tarn_fail(cx, TARN_NOTFOUND, bucket ? "there is no such bucket" : "no such object");
}

static void fill_stat(const tarn_http_answer *a, int64_t size, tarn_stat *out) {
    *out = (tarn_stat){.size = size, .mtime_ms = a->modified_ms};
    snprintf(out->etag, sizeof out->etag, "%s", a->etag);
}

static const char *range_header(tarn_cx *cx, const tarn_range *range) {
    if (range->offset == 0 && range->length < 0) return NULL;
    if (range->offset < -((int64_t)1 << 50)) return NULL; /* more than any object has: all of it */
    if (range->offset < 0) return tarn_printf(cx, "range: bytes=%lld", (long long)range->offset);
    if (range->length < 0) return tarn_printf(cx, "range: bytes=%lld-", (long long)range->offset);
    int64_t last;
    if (__builtin_add_overflow(range->offset, range->length - 1, &last)) last = INT64_MAX;
    return tarn_printf(cx, "range: bytes=%lld-%lld", (long long)range->offset, (long long)last);
}

/* The whole object's size, whichever way the answer tells it. */
static int64_t size_of(const tarn_http_answer *a) { return a->total >= 0 ? a->total : a->length; }

static tarn_code s3_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out) {
    tarn_auto_buf body = TARN_BUF(ANSWER_MAX);
    tarn_http_answer a;
    tarn_s3_call call = {.method = "HEAD", .key = tarn_s3_full_key(cx, of(store), key)};
    TRY(tarn_s3_send(cx, of(store), &call, &body, &a, NULL));
    if (a.status == 404) return missing(cx, &a);
    if (a.status != 200) return tarn_s3_fail(cx, &a);
    fill_stat(&a, a.length, out);
    return TARN_OK;
}

/* 416: nothing of the range is there; with the size known it is the caller's fault or the object's. */
static tarn_code beyond_end(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                            tarn_stat *stat) {
    tarn_stat is;
    int64_t offset;
    size_t n;
    TRY(s3_head(cx, store, key, &is));
    TRY(tarn_store_slice(cx, range, is.size, is.etag, out, &offset, &n));
    if (n) return tarn_fail(cx, TARN_IO, "the server says that a range is beyond the end, and it is not");
    *stat = is;
    return TARN_OK;
}

static tarn_code s3_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                        tarn_stat *stat) {
    const char *headers[3] = {0}, *wanted = range_header(cx, range);
    size_t before = out->n, n_headers = 0;
    tarn_http_answer a;
    if (range->if_match) headers[n_headers++] = tarn_printf(cx, "if-match: \"%s\"", range->if_match);
    if (range->length == 0) wanted = "range: bytes=0-0"; /* HTTP cannot ask for nothing */
    if (wanted) headers[n_headers++] = wanted;
    tarn_s3_call call = {.method = "GET", .key = tarn_s3_full_key(cx, of(store), key), .headers = headers};
    tarn_code code = tarn_s3_send(cx, of(store), &call, out, &a, NULL);
    if (code == TARN_LIMIT) out->failed = false; /* the answer did not fit; the buffer is as good as before */
    TRY(code);
    tarn_str body = {out->data ? out->data + before : "", out->n - before};
    if (a.status == 404) return missing(cx, &a);
    if (a.status == 412) return tarn_fail(cx, TARN_CONFLICT, "the object has changed");
    if (a.status == 416) {
        out->n = before;
        return beyond_end(cx, store, key, range, out, stat);
    }
    if (a.status != 200 && a.status != 206) return tarn_s3_fail(cx, &a);
    int64_t size = size_of(&a), offset;
    size_t n;
    if (size < 0) return tarn_fail(cx, TARN_IO, "the server does not say how large the object is");
    tarn_buf room = {.n = before, .max = out->max};
    TRY(tarn_store_slice(cx, range, size, a.etag, &room, &offset, &n));
    if (a.status == 200 && wanted && body.n >= (size_t)offset + n) /* a server without ranges */
        memmove(out->data + before, out->data + before + offset, n);
    else if (body.n < n)
        return tarn_fail(cx, TARN_IO, "%zu bytes came where %zu were asked for", body.n, n);
    out->n = before + n;
    if (out->data) out->data[out->n] = 0;
    fill_stat(&a, size, stat);
    return TARN_OK;
}

/* Whether the object there is the one a conditional PUT of unknown outcome tried to write. */
static tarn_code won_after_all(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_stat *stat,
                               bool *won) {
    tarn_auto_buf there = TARN_BUF(bytes.n);
    tarn_stat is = {0};
    *won = false;
    static const tarn_range all = {.length = -1};
    tarn_code code = s3_get(cx, store, key, &all, &there, &is);
    if (code == TARN_NOTFOUND || code == TARN_LIMIT) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    TRY(code);
    *won = tarn_str_eq((tarn_str){there.data, there.n}, bytes);
    if (*won) *stat = is;
    return TARN_OK;
}

static tarn_code lost(tarn_cx *cx, tarn_when when) {
    if (when == TARN_PUT_MATCH) return tarn_fail(cx, TARN_CONFLICT, "the object has changed, or is gone");
    return tarn_fail(cx, TARN_EXISTS, "it is there already");
}

/* 409: two conditional writes met, and neither is done. It passes. */
static tarn_code send_put(tarn_cx *cx, tarn_s3 *s3, const char *key, tarn_str bytes, const char *const *headers,
                          tarn_buf *body, tarn_http_answer *a, bool *unsure) {
    enum { MEETINGS_MAX = 20 };
    bool maybe = false;
    *unsure = false;
    for (int i = 0;; i++) {
        tarn_s3_call call = {.method = "PUT", .key = key, .headers = headers, .body = bytes};
        body->n = 0;
        TRY(bytes.n > PART_FROM ? tarn_s3_put_parts(cx, s3, key, bytes, headers, a, &maybe)
                                : tarn_s3_send(cx, s3, &call, body, a, &maybe));
        *unsure = *unsure || maybe;
        if (a->status != 409 || i == MEETINGS_MAX) return TARN_OK;
        TRY(tarn_wait_turn(cx, i, tarn_monotonic_us() + 1000000));
    }
}

static tarn_code s3_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when,
                        const char *etag, tarn_stat *stat) {
    tarn_auto_buf body = TARN_BUF(ANSWER_MAX);
    const char *headers[2] = {0};
    tarn_http_answer a;
    bool unsure = false, won = false;
    if (when == TARN_PUT_ABSENT) headers[0] = "if-none-match: *";
    if (when == TARN_PUT_MATCH) headers[0] = tarn_printf(cx, "if-match: \"%s\"", etag);
    if (!bytes.p) bytes.p = "";
    TRY(send_put(cx, of(store), tarn_s3_full_key(cx, of(store), key), bytes, headers, &body, &a, &unsure));
    bool refused = a.status == 412 || a.status == 409 || (a.status == 404 && when == TARN_PUT_MATCH);
    if (refused && when != TARN_PUT_ALWAYS) {
        if (unsure) TRY(won_after_all(cx, store, key, bytes, stat, &won));
        return won ? TARN_OK : lost(cx, when);
    }
    if (a.status == 404) return missing(cx, &a);
    if (a.status < 200 || a.status > 299) return tarn_s3_fail(cx, &a);
    fill_stat(&a, (int64_t)bytes.n, stat);
    return TARN_OK;
}

/* The server copies; where the condition is on the target, which no copy knows, the bytes go through here. */
static tarn_code s3_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when) {
    enum { COPY_MAX = 1 << 30 };
    tarn_s3 *s3 = of(store);
    tarn_auto_buf body = TARN_BUF(COPY_MAX), source = TARN_BUF(64 << 10);
    tarn_http_answer a;
    tarn_stat stat;
    if (when == TARN_PUT_ABSENT) {
        static const tarn_range all = {.length = -1};
        TRY(s3_get(cx, store, from, &all, &body, &stat));
        return s3_put(cx, store, to, (tarn_str){body.data, body.n}, when, NULL, &stat);
    }
    tarn_buf_puts(&source, "x-amz-copy-source: /");
    tarn_url_encode(&source, tarn_str_of(tarn_printf(cx, "%s/%s", s3->bucket, tarn_s3_full_key(cx, s3, from))), true);
    if (source.failed) return tarn_fail(cx, TARN_LIMIT, "the key is too long for a URL");
    const char *headers[] = {source.data, NULL};
    tarn_s3_call call = {.method = "PUT", .key = tarn_s3_full_key(cx, s3, to), .headers = headers};
    TRY(tarn_s3_send(cx, s3, &call, &body, &a, NULL));
    if (a.status == 404) return missing(cx, &a);
    if (a.status != 200) return tarn_s3_fail(cx, &a);
    /* A copy that fails half-way says so in an answer of 200. */
    return body.n && strstr(body.data, "<Error>") ? tarn_fail(cx, TARN_IO, "the server could not copy") : TARN_OK;
}

static char *s3_local_path(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena) {
    (void)cx;
    return tarn_path_join(arena, store->uri, key);
}

/* DuckDB's own reader gets the same account, for this prefix alone. */
static bool s3_access(tarn_store *store, tarn_store_access *out) {
    const tarn_s3_account *a = &of(store)->account;
    *out = (tarn_store_access){.scope = store->uri,
                               .key_id = a->key_id,
                               .secret = a->secret,
                               .token = a->token,
                               .region = a->region,
                               .host = strstr(a->endpoint, "://") + 3,
                               .tls = !strncmp(a->endpoint, "https", 5),
                               .path_style = a->path_style};
    return true;
}

static void s3_close(tarn_store *store) {
    tarn_s3 *s3 = of(store);
    tarn_http_free(s3->http);
    tarn_arena_free(s3->arena);
    free(s3);
}

static tarn_code s3_open(tarn_cx *cx, const char *uri, tarn_store **out) {
    tarn_str rest = tarn_str_of(strstr(uri, "://") + 3);
    while (rest.n && rest.p[rest.n - 1] == '/') rest.n--;
    const char *slash = memchr(rest.p, '/', rest.n);
    size_t bucket = slash ? (size_t)(slash - rest.p) : rest.n;
    if (bucket < 3 || bucket > 63)
        return tarn_fail(cx, TARN_INVALID, "the bucket of %s has no name of 3 to 63 letters", uri);
    for (size_t i = 0; i < bucket; i++)
        if (!(rest.p[i] >= 'a' && rest.p[i] <= 'z') && !(rest.p[i] >= '0' && rest.p[i] <= '9') &&
            !strchr(".-_", rest.p[i]))
            return tarn_fail(cx, TARN_INVALID, "the bucket's name in %s may hold lower-case letters, digits, . - _",
                             uri);
    if (slash) TRY(tarn_path_check_key(cx, (tarn_str){slash + 1, rest.n - bucket - 1}));
    tarn_arena *arena = tarn_arena_new();
    tarn_s3_account account;
    char *name = tarn_arena_strndup(arena, rest.p, bucket);
    tarn_code code = tarn_s3_account_find(cx, arena, name, &account);
    if (code != TARN_OK) {
        tarn_arena_free(arena);
        return code;
    }
    tarn_s3 *s3 = calloc(1, sizeof *s3);
    if (!s3) abort();
    tarn_store_init(&s3->base, &tarn_store_s3, tarn_printf(cx, "s3://%.*s", (int)rest.n, rest.p));
    s3->arena = arena;
    s3->bucket = name;
    s3->folder = slash ? tarn_arena_printf(arena, "%.*s/", (int)(rest.n - bucket - 1), slash + 1) : "";
    s3->account = account;
    s3->http = tarn_http_new();
    *out = &s3->base;
    return TARN_OK;
}

const tarn_store_driver tarn_store_s3 = {
    .name = "s3",
    .schemes = (const char *const[]){"s3", "s3a", "s3n", NULL},
    .open = s3_open,
    .close = s3_close,
    .get = s3_get,
    .put = s3_put,
    .list = tarn_s3_list,
    .head = s3_head,
    .remove = tarn_s3_remove,
    .copy = s3_copy,
    .local_path = s3_local_path,
    .access = s3_access,
};
