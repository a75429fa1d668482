/* s3_multipart.c: writes a large object in parts, which the server puts together at the end or not at all. */
#include "codec/xml.h"
#include "store/s3.h"

enum { PART_BYTES = 32 << 20, ANSWER_MAX = 1 << 20 };

static tarn_code begin(tarn_cx *cx, tarn_s3 *s3, const char *key, tarn_http_answer *a, char **id) {
    tarn_auto_buf body = TARN_BUF(ANSWER_MAX);
    tarn_s3_call call = {.method = "POST", .key = key, .query = "uploads="};
    TRY(tarn_s3_send(cx, s3, &call, &body, a, NULL));
    if (a->status != 200) return tarn_s3_fail(cx, a);
    TRY(tarn_s3_element(cx, (tarn_str){body.data, body.n}, "UploadId", id));
    return *id ? TARN_OK : tarn_fail(cx, TARN_CORRUPT, "the server begins an upload without an id");
}

static tarn_code send_parts(tarn_cx *cx, tarn_s3 *s3, const char *key, tarn_str bytes, const char *id,
                            tarn_buf *manifest) {
    tarn_http_answer a;
    tarn_buf_puts(manifest, "<CompleteMultipartUpload>");
    for (size_t at = 0, number = 1; at < bytes.n; at += PART_BYTES, number++) {
        tarn_auto_buf body = TARN_BUF(ANSWER_MAX);
        size_t n = bytes.n - at < PART_BYTES ? bytes.n - at : PART_BYTES;
        tarn_s3_call call = {.method = "PUT",
                             .key = key,
                             .query = tarn_printf(cx, "partNumber=%zu&uploadId=%s", number, id),
                             .body = {bytes.p + at, n}};
        TRY(tarn_s3_send(cx, s3, &call, &body, &a, NULL));
        if (a.status != 200) return tarn_s3_fail(cx, &a);
        tarn_buf_printf(manifest, "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag></Part>", number, a.etag);
    }
    tarn_buf_puts(manifest, "</CompleteMultipartUpload>");
    return tarn_buf_ok(manifest) ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "the object has too many parts");
}

/* An end that fails half-way says so in an answer of 200. */
static tarn_code complete(tarn_cx *cx, tarn_s3 *s3, const char *key, const char *id, tarn_str manifest,
                          const char *const *headers, tarn_http_answer *a, bool *unsure) {
    tarn_auto_buf body = TARN_BUF(ANSWER_MAX);
    char *etag = NULL;
    tarn_s3_call call = {.method = "POST",
                         .key = key,
                         .query = tarn_printf(cx, "uploadId=%s", id),
                         .headers = headers,
                         .body = manifest};
    TRY(tarn_s3_send(cx, s3, &call, &body, a, unsure));
    if (a->status != 200) return TARN_OK;
    if (body.n && strstr(body.data, "<Error>")) return tarn_fail(cx, TARN_IO, "the server could not end the upload");
    TRY(tarn_s3_element(cx, (tarn_str){body.data, body.n}, "ETag", &etag));
    size_t n = etag ? strlen(etag) : 0;
    if (n > 2 && etag[0] == '"') etag++, n -= 2;
    if (n && n < sizeof a->etag) memcpy(a->etag, etag, n), a->etag[n] = 0;
    return TARN_OK;
}

/* Parts of an upload that does not end are kept, and paid for, until somebody says so. */
static void abandon(tarn_cx *cx, tarn_s3 *s3, const char *key, const char *id) {
    tarn_auto_buf body = TARN_BUF(ANSWER_MAX);
    tarn_http_answer a;
    tarn_error was = cx->error;
    tarn_s3_call call = {.method = "DELETE", .key = key, .query = tarn_printf(cx, "uploadId=%s", id)};
    if (tarn_s3_send(cx, s3, &call, &body, &a, NULL) != TARN_OK) tarn_clear_error(cx);
    cx->error = was;
}

tarn_code tarn_s3_put_parts(tarn_cx *cx, tarn_s3 *s3, const char *key, tarn_str bytes, const char *const *headers,
                            tarn_http_answer *answer, bool *unsure) {
    tarn_auto_buf manifest = TARN_BUF(4 << 20), encoded = TARN_BUF(64 << 10);
    char *id;
    TRY(begin(cx, s3, key, answer, &id));
    tarn_url_encode(&encoded, tarn_str_of(id), false);
    if (encoded.failed) return tarn_fail(cx, TARN_CORRUPT, "the server gives an upload an id that is too long");
    tarn_code code = send_parts(cx, s3, key, bytes, encoded.data, &manifest);
    if (code == TARN_OK)
        code = complete(cx, s3, key, encoded.data, (tarn_str){manifest.data, manifest.n}, headers, answer, unsure);
    if (code != TARN_OK || answer->status != 200) abandon(cx, s3, key, encoded.data);
    return code;
}
