/* locate.c: finds a table's newest metadata file, and what recorded paths mean where the table lies now (1.14). */
#include "codec/compress.h"
#include "format/iceberg/metadata.h"
#include "store/path.h"

#define FOLDER "metadata/"
#define HINT FOLDER "version-hint.text"

enum { HINT_MAX = 256, PROBES_MAX = 1 << 20 };

static const char *const ENDINGS[] = {".metadata.json", ".gz.metadata.json", ".metadata.json.gz"};
enum { N_ENDINGS = 3 };

static bool is_metadata_name(tarn_str name) {
    for (int i = 0; i < N_ENDINGS; i++)
        if (tarn_str_ends(name, ENDINGS[i])) return true;
    return false;
}

bool tarn_iceberg_names_file(tarn_str location, size_t *root) {
    if (!is_metadata_name(location)) return false;
    size_t n = location.n;
    while (n && location.p[n - 1] != '/') n--;
    if (n == 0) return false;
    *root = n - 1;
    tarn_str folder = {location.p, n - 1};
    if (tarn_str_ends(folder, "/metadata")) *root = folder.n - strlen("/metadata");
    if (*root == 0) *root = 1; /* "/" itself */
    return true;
}

/* The number a name begins with: "v12.metadata.json", "00012-<uuid>.metadata.json"; -1: none. */
static int64_t number_of(tarn_str name) {
    size_t at = name.n && name.p[0] == 'v', begin = at;
    int64_t n;
    while (at < name.n && name.p[at] >= '0' && name.p[at] <= '9') at++;
    bool ends = at < name.n && (name.p[at] == '.' || (name.p[at] == '-' && begin == 0));
    return ends && tarn_parse_i64((tarn_str){name.p + begin, at - begin}, &n) ? n : -1;
}

/* The highest number; of equal ones the youngest. */
static tarn_code newest_listed(tarn_cx *cx, tarn_store *store, tarn_arena *arena, const char **out) {
    tarn_entry_list list = {0};
    tarn_list_spec spec = {
        .prefix = FOLDER, .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_LOG_FILES), .with_stat = true};
    const tarn_entry *best = NULL;
    int64_t best_number = -1;
    TRY(tarn_store_list(cx, store, &spec, cx->arena, &list));
    for (size_t i = 0; i < list.n; i++) {
        const tarn_entry *e = &list.at[i];
        tarn_str name = tarn_str_of(e->key + strlen(FOLDER));
        int64_t number = e->is_folder || !is_metadata_name(name) ? -1 : number_of(name);
        if (number < 0 || number < best_number || (number == best_number && e->mtime_ms < best->mtime_ms)) continue;
        best = e;
        best_number = number;
    }
    if (!best) return tarn_fail(cx, TARN_NOTFOUND, "no table lies there: %s has no metadata file", FOLDER);
    *out = tarn_arena_strdup(arena, best->key);
    return TARN_OK;
}

/* A file of this stem under any of the endings; *out stays as it is when there is none. */
static tarn_code probe(tarn_cx *cx, tarn_store *store, tarn_arena *arena, const char *stem, const char **out,
                       bool *found) {
    *found = false;
    for (int i = 0; i < N_ENDINGS && !*found; i++) {
        const char *key = tarn_printf(cx, FOLDER "%s%s", stem, ENDINGS[i]);
        TRY(tarn_store_exists(cx, store, key, found));
        if (*found) *out = tarn_arena_strdup(arena, key);
    }
    return TARN_OK;
}

/* From what the hint says, which may be old: "12", "v12", "00012-<uuid>". *out NULL: of no use. */
static tarn_code follow_hint(tarn_cx *cx, tarn_store *store, tarn_arena *arena, tarn_str hint, const char **out) {
    int64_t n;
    bool found = false;
    *out = NULL;
    while (hint.n && (unsigned char)hint.p[hint.n - 1] <= ' ') hint.n--;
    if (!hint.n || memchr(hint.p, '/', hint.n) || memchr(hint.p, 0, hint.n)) return TARN_OK;
    tarn_str digits = hint.p[0] == 'v' ? (tarn_str){hint.p + 1, hint.n - 1} : hint;
    if (!tarn_parse_i64(digits, &n) || n < 0) {
        TRY(probe(cx, store, arena, tarn_printf(cx, "%.*s", (int)hint.n, hint.p), out, &found));
        if (!found) TRY(probe(cx, store, arena, tarn_printf(cx, "v%.*s", (int)hint.n, hint.p), out, &found));
        return TARN_OK;
    }
    TRY(probe(cx, store, arena, tarn_printf(cx, "v%lld", (long long)n), out, &found));
    for (int i = 0; found && i < PROBES_MAX && n < INT64_MAX; i++) {
        TRY(probe(cx, store, arena, tarn_printf(cx, "v%lld", (long long)++n), out, &found));
        TRY(tarn_check(cx));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_locate(tarn_cx *cx, tarn_store *store, tarn_arena *arena, const char **out) {
    tarn_auto_buf hint = TARN_BUF(HINT_MAX);
    tarn_code code = tarn_store_get(cx, store, HINT, NULL, &hint, NULL);
    const char *key = NULL;
    if (code == TARN_OK) TRY(follow_hint(cx, store, arena, (tarn_str){hint.data, hint.n}, &key));
    if (code != TARN_OK && code != TARN_NOTFOUND && code != TARN_LIMIT) return code;
    tarn_clear_error(cx);
    if (!key) TRY(newest_listed(cx, store, arena, &key));
    *out = key;
    return TARN_OK;
}

tarn_code tarn_iceberg_read_metadata(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena,
                                     tarn_str *out) {
    int64_t max = tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES);
    tarn_auto_buf packed = TARN_BUF((size_t)max), plain = TARN_BUF((size_t)max);
    TRY(tarn_store_get(cx, store, key, NULL, &packed, NULL));
    bool gzip = packed.n > 2 && !memcmp(packed.data, "\x1f\x8b", 2); /* the name does not tell (1.1) */
    if (gzip) {
        tarn_code code = tarn_decompress(cx, TARN_GZIP, (tarn_str){packed.data, packed.n}, &plain);
        TRY(tarn_prefix(cx, code, "%s", key));
        tarn_buf_free(&packed);
    }
    tarn_buf *text = gzip ? &plain : &packed;
    *out = (tarn_str){tarn_arena_strndup(arena, text->data ? text->data : "", text->n), text->n};
    return TARN_OK;
}

/* s3a and s3n are Hadoop's names of s3; file:/x, file:///x and /x are the same. */
static tarn_str scheme_of(tarn_str path, tarn_str *rest) {
    const char *colon = memchr(path.p, ':', path.n);
    tarn_str scheme = {path.p, colon ? (size_t)(colon - path.p) : 0};
    bool named = colon && scheme.n > 1 && scheme.n + 1 < path.n && colon[1] == '/';
    *rest = named ? (tarn_str){colon + 1, path.n - scheme.n - 1} : path;
    while (!named && rest->n > 2 && rest->p[0] == '.' && rest->p[1] == '/') rest->p += 2, rest->n -= 2;
    if (!named) return (tarn_str){"", 0};
    while (rest->n > 1 && rest->p[0] == '/' && rest->p[1] == '/') rest->p++, rest->n--;
    if (tarn_str_is(scheme, "file")) return (tarn_str){"", 0};
    if (tarn_str_is(scheme, "s3a") || tarn_str_is(scheme, "s3n")) return TARN_LIT("s3");
    return scheme;
}

tarn_code tarn_iceberg_path(tarn_cx *cx, const char *location, tarn_str path, tarn_str *out) {
    tarn_str base, rest;
    if (!path.n || memchr(path.p, 0, path.n)) return tarn_fail(cx, TARN_CORRUPT, "a file's path is empty or no text");
    tarn_str base_scheme = scheme_of(tarn_str_of(location), &base), scheme = scheme_of(path, &rest);
    while (base.n > 1 && base.p[base.n - 1] == '/') base.n--;
    bool below = base.n && rest.n > base.n + 1 && rest.p[base.n] == '/' && !memcmp(rest.p, base.p, base.n) &&
                 tarn_str_eq(base_scheme, scheme);
    if (below) {
        *out = (tarn_str){rest.p + base.n + 1, rest.n - base.n - 1};
        while (out->n && out->p[0] == '/') out->p++, out->n--;
        return tarn_path_check_key(cx, *out);
    }
    *out = scheme.n ? path : rest;
    return TARN_OK;
}

tarn_code tarn_iceberg_get(tarn_cx *cx, tarn_store *store, tarn_str path, const tarn_range *range, tarn_buf *out) {
    const char *key = tarn_printf(cx, "%.*s", (int)path.n, path.p);
    if (key[0] != '/' && !tarn_uri_scheme(path).n) return tarn_store_get(cx, store, key, range, out, NULL);
    const char *slash = strrchr(key, '/');
    tarn_auto(tarn_store *, tarn_store_closep) other = NULL;
    TRY(tarn_store_open(cx, tarn_printf(cx, "%.*s", (int)(slash == key ? 1 : slash - key), key), &other));
    return tarn_store_get(cx, other, slash + 1, range, out, NULL);
}
