/* s3_put.c: writes objects, and finds out what became of a conditional put whose answer was lost. */
#include "base/crypto.h"
#include "store/s3.h"

static const int64_t put_max = INT64_C(5) << 30; /* "Uploading objects" in the S3 user guide */

tarn_code tarn_s3_resolve(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_when when, const char *id,
                          tarn_code failure, tarn_stat *stat) {
    const tarn_s3_request request = {.kind = TARN_REQUEST_HEAD, .key = key};
    const tarn_error was = cx->error;
    tarn_http_answer answer;
    tarn_code code = tarn_s3_send(cx, s3, &request, NULL, &answer);
    if (code == TARN_OK && answer.status < 300) {
        const char *mark = tarn_http_header_of(&answer, TARN_S3_MARK);
        if (mark && strcmp(mark, id) == 0) {
            tarn_clear_error(cx);
            tarn_s3_fill_stat(&answer, stat);
            return TARN_OK;
        }
        if (when == TARN_PUT_ABSENT) return tarn_fail(cx, TARN_EXISTS, "it is already there");
    }
    cx->error = was;
    return failure;
}

/* Whether the answer leaves open what became of the put. */
static bool is_unsure(tarn_code code, const tarn_http_answer *answer) {
    if (code != TARN_OK) return code == TARN_IO || code == TARN_TIMEOUT;
    return answer->status >= 500 ||
           (answer->repeated && (answer->status == 404 || answer->status == 409 || answer->status == 412));
}

static tarn_code refuse(tarn_cx *cx, const tarn_s3 *s3, const tarn_http_answer *answer, tarn_when when,
                        const char *etag) {
    if (answer->status == 412 && when == TARN_PUT_ABSENT) return tarn_fail(cx, TARN_EXISTS, "it is already there");
    if (answer->status == 412) return tarn_fail(cx, TARN_CONFLICT, "it has changed (etag %s was expected)", etag);
    tarn_code code = tarn_s3_fail(cx, s3, answer);
    if (code == TARN_NOTFOUND && when == TARN_PUT_MATCH && !strstr(cx->error.message, "bucket"))
        return tarn_fail(cx, TARN_CONFLICT, "it is gone (etag %s was expected)", etag);
    return code;
}

/* Always in one request: servers that check conditions of a PUT do not all check those of an upload in parts. */
static tarn_code put_conditional(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_str bytes, tarn_when when,
                                 const char *etag, tarn_stat *stat) {
    tarn_s3_request request = {.kind = TARN_REQUEST_PUT, .key = key, .body = bytes, .retry_conflict = true};
    tarn_http_answer answer = {0};
    char id[TARN_UUID_TEXT];
    tarn_uuid_v4(cx, id);
    tarn_s3_add_header(cx, &request, TARN_S3_MARK, id);
    if (when == TARN_PUT_ABSENT)
        tarn_s3_add_header(cx, &request, "if-none-match", "*");
    else
        tarn_s3_add_header(cx, &request, "if-match", tarn_printf(cx, "\"%s\"", etag));
    tarn_code code = tarn_s3_send(cx, s3, &request, NULL, &answer);
    if (code == TARN_OK && answer.status < 300) {
        tarn_s3_fill_stat(&answer, stat);
        return TARN_OK;
    }
    bool unsure = is_unsure(code, &answer);
    if (code == TARN_OK) code = refuse(cx, s3, &answer, when, etag);
    if (!unsure) return code;
    if (when == TARN_PUT_MATCH && code == TARN_CONFLICT)
        code = tarn_fail(cx, TARN_IO,
                         "an answer was lost, and another writer has changed it: whether this put was done "
                         "is not known");
    return tarn_s3_resolve(cx, s3, key, when, id, code, stat);
}

static tarn_code put_always(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_str bytes, tarn_stat *stat) {
    const tarn_s3_request request = {.kind = TARN_REQUEST_PUT, .key = key, .body = bytes, .retry_conflict = true};
    tarn_http_answer answer;
    if ((int64_t)bytes.n > tarn_conf_int(cx->conf, TARN_S3_PART_SIZE))
        return tarn_s3_multipart(cx, s3, key, bytes, NULL, (int64_t)bytes.n, NULL, stat);
    TRY(tarn_s3_send(cx, s3, &request, NULL, &answer));
    if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
    tarn_s3_fill_stat(&answer, stat);
    return TARN_OK;
}

tarn_code tarn_s3_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when, const char *etag,
                      tarn_stat *stat) {
    const tarn_s3 *s3 = (const tarn_s3 *)store;
    tarn_stat made = {0};
    if (when == TARN_PUT_NEW) when = TARN_PUT_ABSENT; /* what S3 has taken stays */
    if (when == TARN_PUT_ALWAYS) {
        TRY(put_always(cx, s3, key, bytes, &made));
    } else {
        if ((int64_t)bytes.n > put_max)
            return tarn_fail(cx, TARN_LIMIT, "%zu bytes are more than S3 takes in one request", bytes.n);
        TRY(put_conditional(cx, s3, key, bytes, when, etag, &made));
    }
    made.size = (int64_t)bytes.n;
    *stat = made;
    return TARN_OK;
}

/* Without a condition the server copies. With one, what is small goes through memory, as only PUT has the condition on
 * all servers. */
static tarn_code copy_absent(tarn_cx *cx, tarn_store *store, const char *from, const char *to) {
    const tarn_s3 *s3 = (const tarn_s3 *)store;
    tarn_auto_buf bytes = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_S3_PART_SIZE));
    const tarn_range whole = {0, -1, NULL};
    char id[TARN_UUID_TEXT];
    tarn_stat stat;
    tarn_code code = tarn_s3_get(cx, store, from, &whole, &bytes, &stat);
    if (code == TARN_OK)
        return tarn_s3_put(cx, store, to, (tarn_str){bytes.n ? bytes.data : "", bytes.n}, TARN_PUT_ABSENT, NULL, &stat);
    if (code != TARN_LIMIT) return code;
    tarn_clear_error(cx);
    tarn_uuid_v4(cx, id);
    TRY(store->driver->head(cx, store, from, &stat));
    return tarn_s3_multipart(cx, s3, to, (tarn_str){0}, from, stat.size, id, &stat);
}

tarn_code tarn_s3_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when) {
    const tarn_s3 *s3 = (const tarn_s3 *)store;
    tarn_s3_request request = {.kind = TARN_REQUEST_PUT, .key = to, .retry_conflict = true};
    tarn_auto_buf body = TARN_BUF(TARN_S3_XML_MAX);
    tarn_http_answer answer;
    tarn_stat stat;
    if (when == TARN_PUT_ABSENT) return copy_absent(cx, store, from, to);
    tarn_s3_add_header(cx, &request, "x-amz-copy-source", tarn_s3_source(cx, s3, from));
    TRY(tarn_s3_send(cx, s3, &request, &body, &answer));
    if (answer.status < 300) return tarn_s3_check_body(cx, s3, (tarn_str){body.data, body.n});
    if (answer.status != 400) return tarn_s3_fail(cx, s3, &answer);
    /* One request copies 5 GiB at most; servers tell of it in several ways. */
    TRY(store->driver->head(cx, store, from, &stat));
    if (stat.size <= put_max) return tarn_s3_fail(cx, s3, &answer);
    return tarn_s3_multipart(cx, s3, to, (tarn_str){0}, from, stat.size, NULL, &stat);
}
