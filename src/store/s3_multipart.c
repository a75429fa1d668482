/* s3_multipart.c: objects too large for one request, uploaded or copied in parts. */
#include "base/pool.h"
#include "codec/xml.h"
#include "net/url.h"
#include "store/s3.h"

enum { PARTS_MAX = 10000 }; /* "Amazon S3 multipart upload limits" */

typedef struct upload {
    const tarn_s3 *s3;
    const char *key, *from, *id; /* id: the upload's, percent-encoded */
    tarn_str bytes;
    int64_t size, part;
    char (*etags)[TARN_ETAG_TEXT];
} upload;

const char *tarn_s3_source(tarn_cx *cx, const tarn_s3 *s3, const char *key) {
    const char *full = tarn_s3_full_key(cx, s3, key);
    return tarn_printf(cx, "/%s/%s", s3->bucket, tarn_url_encoded(cx, tarn_str_of(full), true));
}

/* The text of the first element of this name, anywhere in the document; CORRUPT without one. */
static tarn_code find_text(tarn_cx *cx, tarn_str document, const char *name, tarn_str *out) {
    tarn_xml xml = {.rest = document};
    tarn_xml_token t;
    do {
        TRY(tarn_xml_next(cx, &xml, cx->arena, &t));
        if (t.kind == TARN_XML_BEGIN && tarn_str_is(t.name, name)) return tarn_xml_text(cx, &xml, cx->arena, out);
    } while (t.kind != TARN_XML_END);
    return tarn_fail(cx, TARN_CORRUPT, "the answer has no %s", name);
}

/* Long requests answer 200 before they know how they end. */
static tarn_code send_for_text(tarn_cx *cx, const tarn_s3 *s3, const tarn_s3_request *request, const char *name,
                               tarn_str *out) {
    tarn_auto_buf body = TARN_BUF(TARN_S3_XML_MAX);
    tarn_http_answer answer;
    TRY(tarn_s3_send(cx, s3, request, &body, &answer));
    if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
    TRY(tarn_s3_check_body(cx, s3, (tarn_str){body.data, body.n}));
    return find_text(cx, (tarn_str){body.data, body.n}, name, out);
}

static tarn_code begin_upload(tarn_cx *cx, upload *u, const char *mark) {
    tarn_s3_request request = {.kind = TARN_REQUEST_POST, .key = u->key, .query = "uploads="};
    tarn_str id;
    if (mark) tarn_s3_add_header(cx, &request, TARN_S3_MARK, mark);
    TRY(send_for_text(cx, u->s3, &request, "UploadId", &id));
    u->id = tarn_url_encoded(cx, id, false);
    return TARN_OK;
}

static tarn_code send_part(tarn_cx *cx, size_t i, void *state) {
    upload *u = state;
    int64_t from = (int64_t)i * u->part, n = u->size - from < u->part ? u->size - from : u->part;
    tarn_s3_request request = {
        .kind = TARN_REQUEST_PUT, .key = u->key, .query = tarn_printf(cx, "partNumber=%zu&uploadId=%s", i + 1, u->id)};
    tarn_http_answer answer;
    tarn_str etag;
    if (u->from) {
        tarn_s3_add_header(cx, &request, "x-amz-copy-source", tarn_s3_source(cx, u->s3, u->from));
        tarn_s3_add_header(cx, &request, "x-amz-copy-source-range",
                           tarn_printf(cx, "bytes=%lld-%lld", (long long)from, (long long)(from + n - 1)));
        TRY(send_for_text(cx, u->s3, &request, "ETag", &etag));
    } else {
        request.body = (tarn_str){u->bytes.p + from, (size_t)n};
        TRY(tarn_s3_send(cx, u->s3, &request, NULL, &answer));
        if (answer.status >= 300) return tarn_s3_fail(cx, u->s3, &answer);
        etag = tarn_str_of(tarn_http_header_of(&answer, "etag"));
    }
    tarn_s3_take_etag(etag, u->etags[i]);
    return TARN_OK;
}

static tarn_code end_upload(tarn_cx *cx, const upload *u, size_t parts, bool absent, tarn_stat *stat) {
    tarn_auto_buf list = TARN_BUF(TARN_S3_XML_MAX);
    tarn_str etag;
    tarn_buf_puts(&list, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < parts; i++) {
        tarn_buf_printf(&list, "<Part><PartNumber>%zu</PartNumber><ETag>&quot;", i + 1);
        (void)tarn_xml_escape(&list, tarn_str_of(u->etags[i]));
        tarn_buf_puts(&list, "&quot;</ETag></Part>");
    }
    tarn_buf_puts(&list, "</CompleteMultipartUpload>");
    tarn_s3_request request = {.kind = TARN_REQUEST_POST,
                               .key = u->key,
                               .query = tarn_printf(cx, "uploadId=%s", u->id),
                               .body = {list.data, list.n}};
    if (absent) tarn_s3_add_header(cx, &request, "if-none-match", "*");
    TRY(send_for_text(cx, u->s3, &request, "ETag", &etag));
    *stat = (tarn_stat){.size = u->size, .mtime_ms = -1};
    tarn_s3_take_etag(etag, stat->etag);
    return TARN_OK;
}

/* What stays of a failed upload costs money; the bucket's life-cycle rules find it if this fails too. */
static void abort_upload(tarn_cx *cx, const upload *u) {
    const tarn_s3_request request = {
        .kind = TARN_REQUEST_DELETE, .key = u->key, .query = tarn_printf(cx, "uploadId=%s", u->id)};
    const tarn_error was = cx->error;
    tarn_http_answer answer;
    if (tarn_s3_send(cx, u->s3, &request, NULL, &answer) != TARN_OK) tarn_clear_error(cx);
    cx->error = was;
}

tarn_code tarn_s3_multipart(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_str bytes, const char *from,
                            int64_t size, const char *id, tarn_stat *stat) {
    int64_t part = tarn_conf_int(cx->conf, TARN_S3_PART_SIZE);
    if (part < size / PARTS_MAX + 1) part = size / PARTS_MAX + 1;
    size_t parts = size ? (size_t)((size + part - 1) / part) : 1;
    upload u = {s3, key, from, NULL, bytes, size, part, NULL};
    TRY(begin_upload(cx, &u, id));
    u.etags = tarn_arena_array(cx->arena, parts, sizeof *u.etags);
    tarn_code code = tarn_pool_run(cx, parts, send_part, &u);
    if (code != TARN_OK) {
        abort_upload(cx, &u);
        return code;
    }
    code = end_upload(cx, &u, parts, id != NULL, stat);
    if (code == TARN_OK) return code;
    abort_upload(cx, &u);
    if (!id) return code;
    if (code == TARN_CONFLICT) code = tarn_fail(cx, TARN_EXISTS, "it is already there");
    return tarn_s3_resolve(cx, s3, key, TARN_PUT_ABSENT, id, code, stat);
}
