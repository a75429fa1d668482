/* s3.h: what the files of the S3 store share and nobody else sees. */
#ifndef TARN_STORE_S3_H
#define TARN_STORE_S3_H

#include "net/http.h"
#include "net/sigv4.h"
#include "store/store.h"

/* One page of a listing or a list of parts; 1000 keys of 1 KiB, percent-encoded, are 3 MiB. */
enum { TARN_S3_XML_MAX = 16 << 20, TARN_S3_KEY_MAX = 1024 };

/* Who asks, and where: found once, when the store is opened. The secrets among it are never printed. */
typedef struct tarn_s3_account {
    const char *key_id, *secret, *token; /* key_id NULL: requests are not signed (public buckets); token NULL: none */
    const char *region;
    const char *endpoint; /* "https://host[:port][/path]" */
    bool path_style;      /* the bucket stands in the path, not in the host's name */
} tarn_s3_account;

/* s3_account.c: from settings, else the environment, else the profile files, in this order for each value; texts in the
 * arena. INVALID: half a pair of keys, a profile that is not there, an endpoint that is no URL. */
TARN_MUST tarn_code tarn_s3_account_find(tarn_cx *cx, tarn_arena *arena, const char *bucket, tarn_s3_account *out);

typedef struct tarn_s3 {
    tarn_store base;
    tarn_arena *arena; /* of the texts; nothing changes once it is open */
    tarn_http *http;
    tarn_s3_account account;
    const char *bucket;
    const char *prefix; /* "" or "a/b/", put before every key */
    const char *host;   /* asked, the bucket before it where it belongs there */
    const char *path;   /* before the key: "", "/base", "/base/bucket" */
    const char *server; /* the endpoint's host, without the bucket */
    bool tls;
} tarn_s3;

typedef struct tarn_s3_request {
    tarn_request kind;
    const char *key;   /* as the store has it; NULL: the bucket itself */
    const char *query; /* canonical; NULL: none */
    tarn_http_headers headers;
    tarn_str body;
    bool retry_conflict;
} tarn_s3_request;

/* s3_request.c: OK whatever the server answered. */
TARN_MUST tarn_code tarn_s3_send(tarn_cx *cx, const tarn_s3 *s3, const tarn_s3_request *request, tarn_buf *body,
                                 tarn_http_answer *out);
/* The failure an answer of 300 and above stands for. */
tarn_code tarn_s3_fail(tarn_cx *cx, const tarn_s3 *s3, const tarn_http_answer *answer);
/* An <Error> that came with 200, as long requests have it; OK for any other document. */
TARN_MUST tarn_code tarn_s3_check_body(tarn_cx *cx, const tarn_s3 *s3, tarn_str body);
void tarn_s3_add_header(tarn_cx *cx, tarn_s3_request *request, const char *name, const char *value);
/* An etag without its quotes; longer ones are cut. */
void tarn_s3_take_etag(tarn_str text, char out[TARN_ETAG_TEXT]);
void tarn_s3_fill_stat(const tarn_http_answer *answer, tarn_stat *out);
const char *tarn_s3_full_key(tarn_cx *cx, const tarn_s3 *s3, const char *key);

/* s3.c, s3_put.c, s3_copy.c, s3_list.c, s3_remove.c: the callbacks. */
tarn_code tarn_s3_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                      tarn_stat *stat);
tarn_code tarn_s3_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when, const char *etag,
                      tarn_stat *stat);
tarn_code tarn_s3_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when);
tarn_code tarn_s3_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                       tarn_entry_list *out);
tarn_code tarn_s3_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n);

/* s3_put.c. What became of a conditional put whose answer does not tell: `failure` is what it said, and `id` the put's
 * mark. OK when it won; EXISTS or CONFLICT when another did; else `failure`, with its error. */
TARN_MUST tarn_code tarn_s3_resolve(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_when when, const char *id,
                                    tarn_code failure, tarn_stat *stat);
#define TARN_S3_MARK "x-amz-meta-tarn-put"

/* s3_multipart.c. "/bucket/key", encoded, as x-amz-copy-source has it. */
const char *tarn_s3_source(tarn_cx *cx, const tarn_s3 *s3, const char *key);
/* An object in parts, made from `bytes` or, where `from` is not NULL, from `size` bytes of that key,
 * which the server copies. `id` NULL: whatever is there is replaced; else only when there is none, marked so. */
TARN_MUST tarn_code tarn_s3_multipart(tarn_cx *cx, const tarn_s3 *s3, const char *key, tarn_str bytes, const char *from,
                                      int64_t size, const char *id, tarn_stat *stat);

#endif
