/* s3.c: buckets of Amazon S3 and of servers that speak as it does: "s3://bucket/prefix". */
#include "store/s3.h"

#include <stdlib.h>

#include "net/url.h"
#include "store/path.h"

static tarn_code send_head(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_stat *out) {
    const tarn_s3_request request = {.kind = TARN_REQUEST_HEAD, .key = key};
    tarn_http_answer answer;
    TRY(tarn_s3_send(cx, s3, &request, NULL, &answer));
    if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
    tarn_s3_fill_stat(&answer, out);
    return TARN_OK;
}

static tarn_code s3_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out) {
    return send_head(cx, (const tarn_s3 *)store, key, out);
}

/* NULL: the whole object. */
static const char *range_header(tarn_cx *cx, const tarn_range *range) {
    int64_t last;
    if (range->offset == 0 && range->length < 0) return NULL;
    if (range->offset < 0)
        return tarn_printf(cx, "bytes=%lld", (long long)(range->offset < -INT64_MAX ? -INT64_MAX : range->offset));
    if (range->length < 0 || __builtin_add_overflow(range->offset, range->length - 1, &last))
        return tarn_printf(cx, "bytes=%lld-", (long long)range->offset);
    return tarn_printf(cx, "bytes=%lld-%lld", (long long)range->offset, (long long)last);
}

static tarn_code send_get(tarn_cx *cx, const tarn_s3 *s3, const char *key, const tarn_range *range, tarn_buf *out,
                          tarn_http_answer *answer) {
    tarn_s3_request request = {.kind = TARN_REQUEST_GET, .key = key};
    const char *bytes = range_header(cx, range);
    if (bytes) tarn_s3_add_header(cx, &request, "range", bytes);
    if (range->if_match) tarn_s3_add_header(cx, &request, "if-match", tarn_printf(cx, "\"%s\"", range->if_match));
    return tarn_s3_send(cx, s3, &request, out, answer);
}

/* What no range of HTTP can say (no bytes, the first of the last ones), or what the server found none of: the size
 * decides. */
static tarn_code get_by_size(tarn_cx *cx, const tarn_s3 *s3, const char *key, const tarn_range *range, tarn_buf *out,
                             tarn_stat *stat) {
    tarn_http_answer answer;
    int64_t offset;
    size_t n;
    TRY(send_head(cx, s3, key, stat));
    TRY(tarn_store_slice(cx, range, stat->size, stat->etag, out, &offset, &n));
    if (n == 0) return TARN_OK;
    const tarn_range exact = {offset, (int64_t)n, stat->etag};
    size_t before = out->n;
    TRY(send_get(cx, s3, key, &exact, out, &answer));
    if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
    if (out->n - before == n) return TARN_OK;
    return tarn_fail(cx, TARN_IO, "%s sent %zu bytes of the %zu asked for", s3->server, out->n - before, n);
}

/* A server may send the whole where a part was asked for. */
static tarn_code cut_whole(tarn_cx *cx, const tarn_range *range, size_t before, tarn_buf *out) {
    const tarn_range part = {range->offset, range->length, NULL};
    const tarn_buf room = TARN_BUF(SIZE_MAX);
    int64_t offset;
    size_t n;
    TRY(tarn_store_slice(cx, &part, (int64_t)(out->n - before), "", &room, &offset, &n));
    if (n) memmove(out->data + before, out->data + before + offset, n);
    out->n = before + n;
    if (out->data) out->data[out->n] = 0;
    return TARN_OK;
}

tarn_code tarn_s3_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                      tarn_stat *stat) {
    const tarn_s3 *s3 = (const tarn_s3 *)store;
    tarn_http_answer answer;
    size_t before = out->n;
    if (range->length == 0 || (range->offset < 0 && range->length > 0))
        return get_by_size(cx, s3, key, range, out, stat);
    TRY(send_get(cx, s3, key, range, out, &answer));
    if (answer.status == 416) return get_by_size(cx, s3, key, range, out, stat);
    if (answer.status == 412)
        return tarn_fail(cx, TARN_CONFLICT, "it has changed (etag %s was expected)", range->if_match);
    if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
    tarn_s3_fill_stat(&answer, stat);
    if (answer.status == 200) return cut_whole(cx, range, before, out);
    if (range->length > 0 && out->n - before < (uint64_t)range->length)
        return tarn_fail(cx, TARN_CORRUPT, "it has %lld bytes, too few for offset %lld and length %lld",
                         (long long)stat->size, (long long)range->offset, (long long)range->length);
    return TARN_OK;
}

static char *s3_local_path(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena) {
    (void)cx;
    return tarn_path_join(arena, store->uri, key);
}

static void s3_close(tarn_store *store) {
    tarn_s3 *s3 = (tarn_s3 *)store;
    tarn_http_leave(s3->http);
    tarn_arena_free(s3->arena);
    free(s3);
}

/* "s3://bucket/some/prefix"; '/' at the end counts for nothing. */
static tarn_code take_uri(tarn_cx *cx, const char *uri, tarn_s3 *s3) {
    const char *bucket = strstr(uri, "://") + 3;
    size_t bucket_n = strcspn(bucket, "/");
    tarn_str rest = tarn_str_of(bucket + bucket_n);
    while (rest.n && rest.p[rest.n - 1] == '/') rest.n--;
    if (rest.n) rest.p++, rest.n--;
    s3->bucket = tarn_arena_strndup(s3->arena, bucket, bucket_n);
    size_t plain = strspn(s3->bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    if (bucket_n < 3 || bucket_n > 255 || plain != bucket_n || bucket[0] == '.' || strstr(s3->bucket, ".."))
        return tarn_fail(cx, TARN_INVALID, "it names no bucket; write s3://bucket/prefix");
    if (rest.n) TRY(tarn_path_check_key(cx, rest));
    s3->prefix = tarn_arena_printf(s3->arena, "%.*s%s", (int)rest.n, rest.n ? rest.p : "", rest.n ? "/" : "");
    return TARN_OK;
}

static tarn_code choose_host(tarn_cx *cx, tarn_s3 *s3) {
    tarn_url url;
    TRY(tarn_url_parse(cx, s3->account.endpoint, &url));
    s3->tls = url.tls;
    s3->server = tarn_arena_strdup(s3->arena, url.host);
    s3->host = s3->account.path_style ? s3->server : tarn_arena_printf(s3->arena, "%s.%s", s3->bucket, url.host);
    s3->path = s3->account.path_style ? tarn_arena_printf(s3->arena, "%s/%s", url.path, s3->bucket)
                                      : tarn_arena_strdup(s3->arena, url.path);
    return TARN_OK;
}

/* DuckDB's own reader gets the same account, for this prefix alone. */
static bool s3_access(tarn_store *store, tarn_store_access *out) {
    const tarn_s3 *s3 = (const tarn_s3 *)store;
    const tarn_s3_account *a = &s3->account;
    *out = (tarn_store_access){.scope = store->uri,
                               .key_id = a->key_id,
                               .secret = a->secret,
                               .token = a->token,
                               .region = a->region,
                               .host = s3->server,
                               .tls = s3->tls,
                               .path_style = a->path_style};
    return true;
}

static tarn_code s3_open(tarn_cx *cx, const char *uri, tarn_store **out) {
    tarn_s3 *s3 = calloc(1, sizeof *s3);
    if (!s3) return tarn_fail(cx, TARN_NOMEM, "no memory for a store");
    s3->arena = tarn_arena_new();
    tarn_code code = take_uri(cx, uri, s3);
    if (code == TARN_OK) code = tarn_s3_account_find(cx, s3->arena, s3->bucket, &s3->account);
    if (code == TARN_OK) code = choose_host(cx, s3);
    if (code != TARN_OK) {
        tarn_arena_free(s3->arena);
        free(s3);
        return code;
    }
    int prefix_n = (int)strlen(s3->prefix) - (*s3->prefix != 0);
    s3->http = tarn_http_join();
    tarn_store_init(&s3->base, &tarn_store_s3,
                    tarn_printf(cx, "s3://%s%s%.*s", s3->bucket, prefix_n ? "/" : "", prefix_n, s3->prefix));
    *out = &s3->base;
    return TARN_OK;
}

/* Nothing to sync and no folders: a PUT and an upload's end answer once the object is safe and seen by all. */
const tarn_store_driver tarn_store_s3 = {
    .name = "s3",
    .schemes = (const char *const[]){"s3", "s3a", "s3n", NULL},
    .open = s3_open,
    .close = s3_close,
    .get = tarn_s3_get,
    .put = tarn_s3_put,
    .list = tarn_s3_list,
    .head = s3_head,
    .remove = tarn_s3_remove,
    .copy = tarn_s3_copy,
    .local_path = s3_local_path,
    .access = s3_access,
};
