/* s3.h: what the files of the S3 store share: an open store, its requests, its credentials. */
#ifndef TARN_STORE_S3_H
#define TARN_STORE_S3_H

#include "net/http.h"
#include "store/store.h"

/* Who asks, and where. Strings live in the arena they were made in; the secrets among them are never printed. */
typedef struct tarn_s3_account {
    const char *key_id, *secret, *token; /* key_id NULL: requests are not signed (public buckets); token NULL: none */
    const char *region;
    const char *endpoint; /* "https://host[:port]", no '/' at the end */
    bool path_style;      /* the bucket stands in the path, not in the host's name */
} tarn_s3_account;

/* s3_account.c: from settings, else the environment, else the profile files, in this order for each value. INVALID:
 * half a pair of keys, a profile that is not there, an endpoint that is no URL. */
TARN_MUST tarn_code tarn_s3_account_find(tarn_cx *cx, tarn_arena *arena, const char *bucket, tarn_s3_account *out);

typedef struct tarn_s3 {
    tarn_store base; /* first */
    tarn_arena *arena;
    char *bucket, *folder; /* folder: "" or ends in '/' */
    tarn_s3_account account;
    tarn_http *http;
} tarn_s3;

/* One call of the API. */
typedef struct tarn_s3_call {
    const char *method;
    const char *key;            /* full, below the bucket; "": the bucket itself */
    const char *query;          /* encoded, its parameters sorted by name; NULL: none */
    const char *const *headers; /* to be signed: lower-case names; NULL: none */
    tarn_str body;
} tarn_s3_call;

/* s3_request.c: signs, sends and tries again (jittered, until the deadline) what is worth it: 429, 500, 502, 503, 504
 * and broken connections. Answers of 2xx, 304, 404, 409, 412 and 416 are the caller's to judge; other ones are failures
 * that say what the server says. *unsure: an earlier try may have been carried out. */
TARN_MUST tarn_code tarn_s3_send(tarn_cx *cx, tarn_s3 *s3, const tarn_s3_call *call, tarn_buf *out,
                                 tarn_http_answer *answer, bool *unsure);
/* What an answer of 4xx or 5xx (not of those above) means, as an error. */
tarn_code tarn_s3_fail(tarn_cx *cx, const tarn_http_answer *answer);

/* s3_list.c */
TARN_MUST tarn_code tarn_s3_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                                 tarn_entry_list *out);
TARN_MUST tarn_code tarn_s3_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n);
/* s3_multipart.c: a large object in parts; `headers` (its condition) go with the last call. */
TARN_MUST tarn_code tarn_s3_put_parts(tarn_cx *cx, tarn_s3 *s3, const char *key, tarn_str bytes,
                                      const char *const *headers, tarn_http_answer *answer, bool *unsure);
/* The text of the first element of this name in an XML answer; NULL: there is none. */
TARN_MUST tarn_code tarn_s3_element(tarn_cx *cx, tarn_str xml, const char *name, char **out);

static inline const char *tarn_s3_full_key(tarn_cx *cx, const tarn_s3 *s3, const char *key) {
    return tarn_printf(cx, "%s%s", s3->folder, key);
}

#endif
