/* path.h: which names are keys, and what a URI says. Pure text, no I/O. */
#ifndef TARN_STORE_PATH_H
#define TARN_STORE_PATH_H

#include "base/cx.h"

/* INVALID with the reason when it is no key (see store.h). */
TARN_MUST tarn_code tarn_path_check_key(tarn_cx *cx, tarn_str key);
/* The same for the start of keys: may be empty or end anywhere, so "a", "a/", "a/.." are fine, "../a" is not. */
TARN_MUST tarn_code tarn_path_check_prefix(tarn_cx *cx, tarn_str prefix);
/* Whether a part of the key is one of the store's own names (".tarn-…"). */
bool tarn_path_is_reserved(tarn_str key);
/* "s3" of "s3://b/k", "file" of "file:/a"; empty for a plain path. Lower case only: "S3://" is "S3". */
tarn_str tarn_uri_scheme(tarn_str uri);
/* The absolute path that a plain path or file: URI means, without "//", "/./" or '/' at its end; ".." stays, because of
 * symbolic links. */
TARN_MUST tarn_code tarn_path_of_uri(tarn_cx *cx, tarn_str uri, tarn_arena *arena, char **out);
/* base and name with one '/' between; either may be empty. */
char *tarn_path_join(tarn_arena *arena, const char *base, const char *name);
/* Order and filter of a listing: whether an object or folder of this key ("…/" for a folder) is wanted at all. */
bool tarn_path_is_listed(tarn_str key, const char *prefix, const char *start_after);
/* Bytewise, a shorter one first: the order of listings. */
int tarn_path_compare(const char *a, size_t a_n, const char *b, size_t b_n);

#endif
