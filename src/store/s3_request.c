/* s3_request.c: one request to S3: its URL, its signature, and what its answer means. */
#include "codec/xml.h"
#include "net/url.h"
#include "store/s3.h"

typedef struct signing {
    const tarn_s3 *s3;
    tarn_sigv4_request request;
} signing;

static void sign(tarn_cx *cx, const void *state, tarn_http_headers *headers) {
    const signing *s = state;
    const tarn_s3_account *a = &s->s3->account;
    const tarn_sigv4_keys keys = {a->key_id, a->secret, a->token, a->region, "s3"};
    if (a->key_id) tarn_sigv4_sign(cx, &keys, &s->request, headers);
}

const char *tarn_s3_full_key(tarn_cx *cx, const tarn_s3 *s3, const char *key) {
    return tarn_printf(cx, "%s%s", s3->prefix, key);
}

void tarn_s3_add_header(tarn_cx *cx, tarn_s3_request *request, const char *name, const char *value) {
    *TARN_PUSH(cx->arena, &request->headers) = (tarn_http_header){name, value};
}

tarn_code tarn_s3_send(tarn_cx *cx, const tarn_s3 *s3, const tarn_s3_request *request, tarn_buf *body,
                       tarn_http_answer *out) {
    static const char *const methods[TARN_REQUEST_KINDS] = {"GET", "PUT", "POST", "GET", "HEAD", "DELETE"};
    const char *full = request->key ? tarn_s3_full_key(cx, s3, request->key) : NULL;
    if (full && strlen(full) > TARN_S3_KEY_MAX)
        return tarn_fail(cx, TARN_INVALID, "the name has %zu bytes; S3 allows %d", strlen(full), TARN_S3_KEY_MAX);
    const char *key = full ? tarn_printf(cx, "/%s", tarn_url_encoded(cx, tarn_str_of(full), true)) : "";
    const char *path = tarn_printf(cx, "%s%s", s3->path, key), *query = request->query ? request->query : "";
    if (!*path) path = "/";
    const signing state = {s3, {methods[request->kind], s3->host, path, query, request->body}};
    const tarn_http_call call = {
        .kind = request->kind,
        .url = tarn_printf(cx, "%s://%s%s%s%s", s3->tls ? "https" : "http", s3->host, path, *query ? "?" : "", query),
        .headers = request->headers,
        .body = request->body,
        .retry_conflict = request->retry_conflict,
        .sign = sign,
        .state = &state};
    return tarn_http_send(cx, s3->http, &call, body, out);
}

typedef struct s3_error {
    tarn_str code, message;
} s3_error;

/* <Error><Code>…</Code><Message>…</Message></Error>; what is not such a document says nothing. */
static bool read_error(tarn_cx *cx, tarn_str text, s3_error *out) {
    tarn_xml xml = {.rest = text};
    tarn_xml_token t;
    s3_error found = {{"", 0}, {"", 0}};
    if (tarn_xml_next(cx, &xml, cx->arena, &t) != TARN_OK || t.kind != TARN_XML_BEGIN || !tarn_str_is(t.name, "Error"))
        return false;
    while (tarn_xml_next(cx, &xml, cx->arena, &t) == TARN_OK && t.kind != TARN_XML_END) {
        if (t.kind != TARN_XML_BEGIN) continue;
        tarn_str value;
        if (tarn_xml_text(cx, &xml, cx->arena, &value) != TARN_OK) return false;
        if (tarn_str_is(t.name, "Code")) found.code = value;
        if (tarn_str_is(t.name, "Message")) found.message = value;
    }
    *out = found;
    return true;
}

static tarn_code code_of(int status) {
    switch (status) {
    case 401:
    case 403: return TARN_DENIED;
    case 404:
    case 410: return TARN_NOTFOUND;
    case 408: return TARN_TIMEOUT;
    case 409:
    case 412: return TARN_CONFLICT;
    case 405:
    case 501: return TARN_UNSUPPORTED;
    default: return status >= 300 && status < 500 && status != 429 ? TARN_INVALID : TARN_IO;
    }
}

/* A server's text is shown as one line of bounded length. */
static const char *one_line(tarn_cx *cx, tarn_str text) {
    char *line = tarn_arena_strndup(cx->arena, text.n ? text.p : "", text.n < 300 ? text.n : 300);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    return line;
}

static tarn_code fail_error(tarn_cx *cx, const tarn_s3 *s3, int status, const s3_error *e, const char *region) {
    static const struct {
        const char *code;
        tarn_code is;
        const char *hint; /* NULL: none */
    } known[] = {
        {"SlowDown", TARN_IO, NULL},
        {"InternalError", TARN_IO, NULL},
        {"ServiceUnavailable", TARN_IO, NULL},
        {"RequestTimeout", TARN_TIMEOUT, NULL},
        {"EntityTooLarge", TARN_LIMIT, NULL},
        {"PreconditionFailed", TARN_CONFLICT, NULL},
        {"ExpiredToken", TARN_DENIED, "the session token is too old: get a new one and open the warehouse again"},
        {"InvalidAccessKeyId", TARN_DENIED, "check the key (AWS_ACCESS_KEY_ID, s3.profile or s3.access_key_id)"},
        {"SignatureDoesNotMatch", TARN_DENIED, "the secret does not belong to the key, or the region is another"},
        {"RequestTimeTooSkewed", TARN_DENIED, "set this machine's clock"},
        {"AccessDenied", TARN_DENIED, "the key may not do this here: check its policy and the bucket's"},
    };
    tarn_code code = code_of(status);
    const char *hint = status == 403 ? known[10].hint : NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tarn_str_is(e->code, known[i].code)) code = known[i].is, hint = known[i].hint;
    if (tarn_str_is(e->code, "NoSuchBucket"))
        return tarn_fail(cx, TARN_NOTFOUND, "there is no bucket %s on %s", s3->bucket, s3->server);
    if (code == TARN_NOTFOUND) return tarn_fail(cx, TARN_NOTFOUND, "no such object");
    if (region && strcmp(region, s3->account.region) != 0 && status != 412) {
        code = code == TARN_IO ? code : TARN_INVALID;
        hint = tarn_printf(cx, "the bucket is in %s: set s3.region to that", one_line(cx, tarn_str_of(region)));
    }
    if (status == 403 && !s3->account.key_id)
        hint = "there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or s3.profile";
    const char *name = one_line(cx, e->code), *message = one_line(cx, e->message);
    (void)tarn_fail(cx, code, "%s answers %d%s%s%s%s", s3->server, status, *name ? " " : "", name, *message ? ": " : "",
                    message);
    return hint ? tarn_hint(cx, code, "%s", hint) : code;
}

tarn_code tarn_s3_fail(tarn_cx *cx, const tarn_s3 *s3, const tarn_http_answer *answer) {
    s3_error e = {{"", 0}, {"", 0}};
    if (answer->error.n && !read_error(cx, answer->error, &e)) tarn_clear_error(cx);
    return fail_error(cx, s3, answer->status, &e, tarn_http_header_of(answer, "x-amz-bucket-region"));
}

tarn_code tarn_s3_check_body(tarn_cx *cx, const tarn_s3 *s3, tarn_str body) {
    s3_error e;
    bool failed = read_error(cx, body, &e);
    tarn_clear_error(cx);
    return failed ? fail_error(cx, s3, 500, &e, NULL) : TARN_OK;
}

void tarn_s3_take_etag(tarn_str text, char out[TARN_ETAG_TEXT]) {
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"') text = (tarn_str){text.p + 1, text.n - 2};
    size_t n = text.n < TARN_ETAG_TEXT - 1 ? text.n : TARN_ETAG_TEXT - 1;
    if (n) memcpy(out, text.p, n);
    out[n] = 0;
}

/* The size is the object's, not the range's. */
void tarn_s3_fill_stat(const tarn_http_answer *answer, tarn_stat *out) {
    const char *length = tarn_http_header_of(answer, "content-length");
    const char *range = tarn_http_header_of(answer, "content-range"), *slash = range ? strchr(range, '/') : NULL;
    const char *modified = tarn_http_header_of(answer, "last-modified"), *etag = tarn_http_header_of(answer, "etag");
    *out = (tarn_stat){.size = -1, .mtime_ms = -1};
    if (!tarn_parse_i64(tarn_str_of(slash ? slash + 1 : length), &out->size)) out->size = -1;
    if (modified && !tarn_http_parse_date(modified, &out->mtime_ms)) out->mtime_ms = -1;
    tarn_s3_take_etag(tarn_str_of(etag), out->etag);
}
