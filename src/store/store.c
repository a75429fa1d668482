/* store.c: the checked calls of a store: keys, limits, counters, and the one prefix of its errors. */
#include "store/store.h"

#include <assert.h>
#include <stdlib.h>

#include "store/path.h"

void tarn_store_init(tarn_store *store, const tarn_store_driver *driver, const char *uri) {
    assert(driver->close && driver->get && driver->put && driver->list && driver->head && driver->remove &&
           driver->copy);
    store->driver = driver;
    store->uri = strdup(uri);
    if (!store->uri) abort();
    atomic_init(&store->refs, 1);
}

/* A URI may carry what must not be shown, such as a password before the host's '@'. */
static bool has_user_info(const char *uri) {
    const char *host = strstr(uri, "://");
    if (!host) return false;
    host += 3;
    return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

tarn_code tarn_store_open(tarn_cx *cx, const char *uri, tarn_store **out) {
    if (!uri || !*uri) return tarn_fail(cx, TARN_INVALID, "the location is empty; give a folder or a URI");
    if (has_user_info(uri))
        return tarn_fail(
            cx, TARN_INVALID,
            "the location has user information before its host; take it out and give credentials by settings");
    const tarn_store_driver *driver = tarn_store_driver_for(tarn_str_of(uri));
    if (!driver)
        return tarn_fail(cx, TARN_UNSUPPORTED, "no store for \"%s\"; there are: %s, and plain paths", uri,
                         tarn_store_schemes(cx));
    tarn_store *store = NULL;
    TRY(tarn_prefix(cx, driver->open(cx, uri, &store), "store %s", uri));
    *out = store;
    return TARN_OK;
}

tarn_store *tarn_store_retain(tarn_store *store) {
    if (store) atomic_fetch_add_explicit(&store->refs, 1, memory_order_relaxed);
    return store;
}

void tarn_store_close(tarn_store *store) {
    if (!store || atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) != 1) return;
    char *uri = store->uri;
    store->driver->close(store);
    free(uri);
}

const char *tarn_store_uri(const tarn_store *store) { return store->uri; }

tarn_code tarn_store_slice(tarn_cx *cx, const tarn_range *range, int64_t size, const char *etag, const tarn_buf *out,
                           int64_t *offset, size_t *n) {
    int64_t from = range->offset, length = range->length;
    if (range->if_match && strcmp(range->if_match, etag) != 0)
        return tarn_fail(cx, TARN_CONFLICT, "it has changed (etag %s, not %s)", etag, range->if_match);
    if (from < 0) from = from < -size ? 0 : size + from;
    if (from > size || (length >= 0 && length > size - from))
        return tarn_fail(cx, TARN_CORRUPT, "it has %lld bytes, too few for offset %lld and length %lld",
                         (long long)size, (long long)from, (long long)length);
    if (length < 0) length = size - from;
    if ((uint64_t)length > out->max - out->n)
        return tarn_fail(cx, TARN_LIMIT, "%lld bytes to read, over the limit of %zu", (long long)length,
                         out->max - out->n);
    *offset = from;
    *n = (size_t)length;
    return TARN_OK;
}

static tarn_code prefixed(tarn_cx *cx, tarn_code code, const tarn_store *store, const char *verb, const char *key) {
    if (code == TARN_OK) return code;
    return tarn_prefix(cx, code, "store %s: %s%s%s", store->uri, verb, *key ? " " : "", key);
}

/* An object's key, as get, put, head and copy take it. */
static tarn_code check_key(tarn_cx *cx, const char *key) {
    TRY(tarn_check(cx));
    TRY(tarn_path_check_key(cx, tarn_str_of(key)));
    if (tarn_path_is_reserved(tarn_str_of(key)))
        return tarn_fail(cx, TARN_INVALID, "names that start with .tarn- are the store's own; choose another");
    return TARN_OK;
}

static tarn_code check_keys(tarn_cx *cx, const char *const *keys, size_t n) {
    TRY(tarn_check(cx));
    for (size_t i = 0; i < n; i++) TRY(tarn_path_check_key(cx, tarn_str_of(keys[i])));
    return TARN_OK;
}

tarn_code tarn_store_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                         tarn_stat *stat) {
    static const tarn_range whole = {0, -1, NULL};
    size_t before = out->n;
    tarn_stat found = {0};
    tarn_code code = out->failed ? tarn_fail(cx, TARN_INTERNAL, "the buffer had failed before") : check_key(cx, key);
    tarn_count(cx, store_get, 1);
    if (code == TARN_OK) code = store->driver->get(cx, store, key, range ? range : &whole, out, &found);
    if (code != TARN_OK && out->n > before) {
        out->n = before;
        out->data[before] = 0;
    }
    TRY(prefixed(cx, code, store, "get", key));
    tarn_count(cx, bytes_read, out->n - before);
    if (stat) *stat = found;
    return TARN_OK;
}

tarn_code tarn_store_read(tarn_cx *cx, tarn_store *store, const char *key, int64_t max, tarn_arena *arena,
                          tarn_str *out) {
    tarn_auto_buf buf = TARN_BUF(max < 0 ? 0 : (size_t)max);
    TRY(tarn_store_get(cx, store, key, NULL, &buf, NULL));
    *out = (tarn_str){tarn_arena_strndup(arena, buf.n ? buf.data : "", buf.n), buf.n};
    return TARN_OK;
}

tarn_code tarn_store_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when,
                         const char *etag, tarn_stat *stat) {
    tarn_stat made = {0};
    tarn_code code = check_key(cx, key);
    if (code == TARN_OK && (when == TARN_PUT_MATCH) != (etag != NULL))
        code = tarn_fail(cx, TARN_INTERNAL, "an etag goes with TARN_PUT_MATCH, and only with it");
    tarn_count(cx, store_put, 1);
    if (code == TARN_OK) code = store->driver->put(cx, store, key, bytes, when, etag, &made);
    TRY(prefixed(cx, code, store, "put", key));
    tarn_count(cx, bytes_written, bytes.n);
    if (stat) *stat = made;
    return TARN_OK;
}

tarn_code tarn_store_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                          tarn_entry_list *out) {
    tarn_list_spec full = *spec;
    tarn_entry_list list = {0};
    if (!full.prefix) full.prefix = "";
    if (!full.start_after) full.start_after = "";
    tarn_code code = tarn_check(cx);
    if (code == TARN_OK) code = tarn_path_check_prefix(cx, tarn_str_of(full.prefix));
    if (code == TARN_OK && full.max == 0) code = tarn_fail(cx, TARN_INTERNAL, "a listing needs a maximum");
    tarn_count(cx, store_list, 1);
    if (code == TARN_OK) code = store->driver->list(cx, store, &full, arena, &list);
    TRY(prefixed(cx, code, store, "list", full.prefix));
    *out = list;
    return TARN_OK;
}

tarn_code tarn_store_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out) {
    tarn_stat found = {0};
    tarn_code code = check_key(cx, key);
    tarn_count(cx, store_head, 1);
    if (code == TARN_OK) code = store->driver->head(cx, store, key, &found);
    TRY(prefixed(cx, code, store, "head", key));
    *out = found;
    return TARN_OK;
}

tarn_code tarn_store_exists(tarn_cx *cx, tarn_store *store, const char *key, bool *out) {
    tarn_stat stat;
    tarn_code code = tarn_store_head(cx, store, key, &stat);
    if (code != TARN_OK && code != TARN_NOTFOUND) return code;
    if (code == TARN_NOTFOUND) tarn_clear_error(cx);
    *out = code == TARN_OK;
    return TARN_OK;
}

tarn_code tarn_store_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    if (n == 0) return TARN_OK;
    tarn_code code = check_keys(cx, keys, n);
    tarn_count(cx, store_remove, n);
    if (code == TARN_OK) code = store->driver->remove(cx, store, keys, n);
    return prefixed(cx, code, store, "remove", "");
}

tarn_code tarn_store_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when) {
    tarn_code code = check_key(cx, from);
    if (code == TARN_OK) code = check_key(cx, to);
    if (code == TARN_OK && when == TARN_PUT_MATCH) code = tarn_fail(cx, TARN_INTERNAL, "a copy cannot be made by etag");
    if (code == TARN_OK && !strcmp(from, to)) code = tarn_fail(cx, TARN_INVALID, "the copy would be the original");
    tarn_count(cx, store_put, 1);
    if (code == TARN_OK) code = store->driver->copy(cx, store, from, to, when);
    if (code == TARN_OK) return code;
    return tarn_prefix(cx, code, "store %s: copy %s to %s", store->uri, from, to);
}

tarn_code tarn_store_sync(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    if (n == 0) return TARN_OK;
    tarn_code code = check_keys(cx, keys, n);
    tarn_count(cx, store_sync, n);
    if (code == TARN_OK && store->driver->sync) code = store->driver->sync(cx, store, keys, n);
    return prefixed(cx, code, store, "sync", "");
}

static tarn_code check_place(tarn_cx *cx, const char *key) { return *key ? check_key(cx, key) : tarn_check(cx); }

tarn_code tarn_store_folder(tarn_cx *cx, tarn_store *store, const char *key) {
    tarn_code code = check_place(cx, key);
    if (code == TARN_OK && store->driver->folder) code = store->driver->folder(cx, store, key);
    return prefixed(cx, code, store, "make folder", key);
}

tarn_code tarn_store_local_path(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena, const char **out) {
    tarn_code code = check_place(cx, key);
    char *path = NULL;
    if (code == TARN_OK && store->driver->local_path) path = store->driver->local_path(cx, store, key, arena);
    if (code == TARN_OK && !path)
        code =
            tarn_fail(cx, TARN_UNSUPPORTED, "the engine cannot read or write files of a %s store", store->driver->name);
    TRY(prefixed(cx, code, store, "path of", key));
    *out = path;
    return TARN_OK;
}

bool tarn_store_access_of(tarn_store *store, tarn_store_access *out) {
    return store->driver->access && store->driver->access(store, out);
}
