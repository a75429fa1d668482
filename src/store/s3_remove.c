/* s3_remove.c: removes objects of S3, a thousand with one request. */
#include "base/crypto.h"
#include "codec/xml.h"
#include "store/s3.h"

enum { BATCH = 1000 };

static tarn_code remove_one(tarn_cx *cx, const tarn_s3 *s3, const char *key) {
    const tarn_s3_request request = {.kind = TARN_REQUEST_DELETE, .key = key};
    tarn_http_answer answer;
    TRY(tarn_s3_send(cx, s3, &request, NULL, &answer));
    if (answer.status < 300) return TARN_OK;
    tarn_code code = tarn_s3_fail(cx, s3, &answer);
    if (code != TARN_NOTFOUND || strstr(cx->error.message, "bucket")) return code;
    tarn_clear_error(cx);
    return TARN_OK;
}

/* The first <Error> of the answer; a missing key is none. */
static tarn_code check_result(tarn_cx *cx, const tarn_s3 *s3, tarn_str document) {
    tarn_xml xml = {.rest = document};
    tarn_xml_token t;
    tarn_str key = {"", 0}, code = {"", 0}, message = {"", 0};
    size_t prefix = strlen(s3->prefix);
    do {
        TRY(tarn_xml_next(cx, &xml, cx->arena, &t));
        if (t.kind == TARN_XML_FINISH && tarn_str_is(t.name, "Error") && !tarn_str_is(code, "NoSuchKey")) {
            bool ours = tarn_str_starts(key, s3->prefix);
            return tarn_fail(cx, tarn_str_is(code, "AccessDenied") ? TARN_DENIED : TARN_IO,
                             "%.*s: %s answers %.*s: %.*s", (int)(key.n - (ours ? prefix : 0)),
                             key.p + (ours ? prefix : 0), s3->server, (int)code.n, code.p, (int)message.n, message.p);
        }
        if (t.kind != TARN_XML_BEGIN || xml.depth != 3) continue;
        tarn_str *value = tarn_str_is(t.name, "Key")       ? &key
                          : tarn_str_is(t.name, "Code")    ? &code
                          : tarn_str_is(t.name, "Message") ? &message
                                                           : NULL;
        if (value) TRY(tarn_xml_text(cx, &xml, cx->arena, value));
    } while (t.kind != TARN_XML_END);
    return TARN_OK;
}

/* Content-MD5 is required: "DeleteObjects" in the S3 API reference. */
static tarn_code send_batch(tarn_cx *cx, const tarn_s3 *s3, tarn_str list) {
    tarn_s3_request request = {.kind = TARN_REQUEST_POST, .query = "delete=", .body = list};
    tarn_auto_buf body = TARN_BUF(TARN_S3_XML_MAX);
    unsigned char md5[16];
    tarn_http_answer answer;
    tarn_md5(list.p, list.n, md5);
    tarn_s3_add_header(cx, &request, "content-md5", tarn_base64(cx->arena, md5, sizeof md5));
    TRY(tarn_s3_send(cx, s3, &request, &body, &answer));
    if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
    return body.n ? check_result(cx, s3, (tarn_str){body.data, body.n}) : TARN_OK;
}

/* Names that XML cannot hold go one by one. */
static tarn_code remove_batch(tarn_cx *cx, const tarn_s3 *s3, const char *const *keys, size_t n) {
    tarn_auto_buf list = TARN_BUF(TARN_S3_XML_MAX);
    tarn_code first = TARN_OK;
    tarn_error error = {0};
    size_t listed = 0;
    tarn_buf_puts(&list, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = 0; i < n; i++) {
        size_t before = list.n;
        tarn_buf_puts(&list, "<Object><Key>");
        if (n > 1 && tarn_xml_escape(&list, tarn_str_of(tarn_s3_full_key(cx, s3, keys[i])))) {
            tarn_buf_puts(&list, "</Key></Object>");
            listed++;
            continue;
        }
        list.n = before;
        tarn_code code = tarn_prefix(cx, remove_one(cx, s3, keys[i]), "%s", keys[i]);
        if (code != TARN_OK && first == TARN_OK) first = code, error = cx->error;
    }
    tarn_buf_puts(&list, "</Delete>");
    if (listed) {
        tarn_code code = tarn_buf_ok(&list) ? send_batch(cx, s3, (tarn_str){list.data, list.n})
                                            : tarn_fail(cx, TARN_LIMIT, "names too long to remove at once");
        if (code != TARN_OK && first == TARN_OK) first = code, error = cx->error;
    }
    if (first != TARN_OK) cx->error = error;
    return first;
}

tarn_code tarn_s3_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    tarn_code first = TARN_OK;
    tarn_error error = {0};
    for (size_t i = 0; i < n; i += BATCH) {
        tarn_code code = remove_batch(cx, (const tarn_s3 *)store, keys + i, n - i < BATCH ? n - i : BATCH);
        if (code == TARN_OK || first != TARN_OK) continue;
        first = code;
        error = cx->error;
        if (code == TARN_CANCELLED) break;
    }
    if (first != TARN_OK) cx->error = error;
    return first;
}
