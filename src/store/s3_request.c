/* s3_request.c: one call of the S3 API: its URL, its signature, and when it is tried again. */
#include "codec/xml.h"
#include "net/sigv4.h"
#include "store/s3.h"

enum { TRIES_MAX = 8, URL_MAX = 64 << 10, RETRY_S = 60 };

/* Host and encoded path of a call. */
static tarn_code place(tarn_cx *cx, const tarn_s3 *s3, const char *key, const char **host, const char **path) {
    tarn_auto_buf out = TARN_BUF(URL_MAX);
    const char *name = strstr(s3->account.endpoint, "://") + 3;
    *host = s3->account.path_style ? name : tarn_printf(cx, "%s.%s", s3->bucket, name);
    tarn_buf_putc(&out, '/');
    if (s3->account.path_style) {
        tarn_url_encode(&out, tarn_str_of(s3->bucket), false);
        if (*key) tarn_buf_putc(&out, '/');
    }
    tarn_url_encode(&out, tarn_str_of(key), true);
    *path = tarn_buf_take(&out, cx->arena);
    return *path ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "the key is too long for a URL");
}

static tarn_code sign(tarn_cx *cx, const tarn_s3 *s3, const tarn_s3_call *call, const char *host, const char *path,
                      const char *const **headers) {
    const tarn_s3_account *a = &s3->account;
    *headers = call->headers;
    if (!a->key_id) return TARN_OK;
    tarn_sigv4 signer = {a->key_id, a->secret, a->token, a->region, "s3", tarn_now_us(cx)};
    tarn_sigv4_request request = {call->method, host, path, call->query ? call->query : "", call->headers, call->body};
    return tarn_sigv4_headers(cx, &signer, &request, headers);
}

static bool is_callers(int status) {
    return (status >= 200 && status < 300) || status == 304 || status == 404 || status == 409 || status == 412 ||
           status == 416;
}

static bool is_passing(int status) {
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

tarn_code tarn_s3_element(tarn_cx *cx, tarn_str xml, const char *name, char **out) {
    tarn_xml x;
    tarn_xml_init(&x, xml);
    do {
        TRY(tarn_xml_next(cx, &x));
        if (x.kind == TARN_XML_OPEN && tarn_str_is(x.name, name)) return tarn_xml_text(cx, &x, cx->arena, out);
    } while (x.kind != TARN_XML_END);
    *out = NULL;
    return TARN_OK;
}

tarn_code tarn_s3_fail(tarn_cx *cx, const tarn_http_answer *answer) {
    tarn_str body = tarn_str_of(answer->refusal);
    char *name = NULL, *message = NULL;
    if (tarn_s3_element(cx, body, "Code", &name) != TARN_OK ||
        tarn_s3_element(cx, body, "Message", &message) != TARN_OK)
        tarn_clear_error(cx);
    const char *what =
        tarn_printf(cx, "%d %s%s%s", answer->status, name ? name : "", message ? ": " : "", message ? message : "");
    int status = answer->status;
    if (status == 404) return tarn_fail(cx, TARN_NOTFOUND, "the server says %s", what);
    if (status == 401 || status == 403)
        return tarn_hint(cx, tarn_fail(cx, TARN_DENIED, "the server says %s", what),
                         "check s3.access_key_id, s3.secret_access_key and s3.region, or the AWS_… variables");
    if (status == 301 || status == 307)
        return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "the bucket is in another region: the server says %s", what),
                         "set s3.region");
    return tarn_fail(cx, status == 400 ? TARN_INVALID : TARN_IO, "the server says %s", what);
}

static tarn_code wait_for_turn(tarn_cx *cx, int attempt) {
    return tarn_wait_turn(cx, attempt + 3, tarn_monotonic_us() + RETRY_S * 1000000LL);
}

/* TARN_OK with *again: what came is not worth keeping. */
static tarn_code try_once(tarn_cx *cx, tarn_s3 *s3, const tarn_s3_call *call, tarn_buf *out, tarn_http_answer *answer,
                          bool last, bool *again, bool *unsure) {
    const char *host, *path, *const *headers;
    size_t before = out->n;
    bool sent = false;
    *again = false;
    TRY(place(cx, s3, call->key, &host, &path));
    TRY(sign(cx, s3, call, host, path, &headers));
    const char *scheme = tarn_printf(cx, "%.*s", (int)(strstr(s3->account.endpoint, "://") - s3->account.endpoint),
                                     s3->account.endpoint);
    const char *url =
        tarn_printf(cx, "%s://%s%s%s%s", scheme, host, path, call->query ? "?" : "", call->query ? call->query : "");
    tarn_http_request request = {call->method, url, headers, call->body};
    tarn_code code = tarn_http_send(cx, s3->http, &request, out, answer, &sent);
    if (code == TARN_OK && is_callers(answer->status)) {
        *unsure = *unsure || answer->sent_twice;
        return TARN_OK;
    }
    bool passing = code == TARN_OK ? is_passing(answer->status) : code == TARN_IO;
    *unsure = *unsure || (code == TARN_OK ? answer->status >= 500 : sent);
    if (code == TARN_OK) code = tarn_s3_fail(cx, answer);
    if (!passing || last) return code;
    out->n = before;
    tarn_clear_error(cx);
    *again = true;
    return TARN_OK;
}

tarn_code tarn_s3_send(tarn_cx *cx, tarn_s3 *s3, const tarn_s3_call *call, tarn_buf *out, tarn_http_answer *answer,
                       bool *unsure) {
    bool again = true, was_sent = false;
    for (int attempt = 0; again; attempt++) {
        if (attempt) TRY(wait_for_turn(cx, attempt - 1));
        TRY(try_once(cx, s3, call, out, answer, attempt + 1 == TRIES_MAX, &again, &was_sent));
    }
    if (unsure) *unsure = was_sent;
    return TARN_OK;
}
