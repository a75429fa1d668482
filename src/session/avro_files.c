/* avro_files.c: finds Avro files in a store by path, folder or glob, and opens them as one stream of rows. */
#include "session/avro_files.h"

#include <fnmatch.h>

#include "codec/avro_arrow.h"

typedef struct file {
    tarn_store *store;
    const char *key;
} file;

typedef struct finder {
    TARN_VEC(file) files;
    TARN_VEC(const char *) names;
    TARN_VEC(uint64_t) sizes;
    TARN_VEC(tarn_store *) stores; /* one reference each */
} finder;

static void close_stores(void *state) {
    finder *f = state;
    for (size_t i = 0; i < f->stores.n; i++) tarn_store_close(f->stores.at[i]);
    f->stores.n = 0;
}

static tarn_code read_range(tarn_cx *cx, void *state, size_t at, uint64_t offset, size_t n, tarn_buf *out) {
    finder *f = state;
    tarn_range range = {.offset = (int64_t)offset, .length = (int64_t)n};
    return tarn_store_get(cx, f->files.at[at].store, f->files.at[at].key, &range, out, NULL);
}

static tarn_code open_store(tarn_cx *cx, finder *f, const char *uri, tarn_store **out) {
    TRY(tarn_store_open(cx, uri, out));
    *TARN_PUSH(cx->arena, &f->stores) = *out;
    return TARN_OK;
}

static void add_file(tarn_cx *cx, finder *f, tarn_store *store, const char *key, int64_t size) {
    *TARN_PUSH(cx->arena, &f->files) = (file){store, key};
    *TARN_PUSH(cx->arena, &f->names) = tarn_printf(cx, "%s/%s", tarn_store_uri(store), key);
    *TARN_PUSH(cx->arena, &f->sizes) = size > 0 ? (uint64_t)size : 0;
}

/* Where the last part of a path begins; 0: it has only one, as a bucket has. */
static size_t last_part(const char *path, size_t n) {
    const char *scheme = strstr(path, "://");
    size_t least = scheme ? (size_t)(scheme - path) + 3 : 0;
    while (n > least && path[n - 1] != '/') n--;
    return n > least ? n : 0;
}

/* '*' and '?' keep to one part of the path, "**" stands for any number of them. */
static bool matches(tarn_cx *cx, const char *pattern, const char *key) {
    size_t n = strcspn(pattern, "/"), k = strcspn(key, "/");
    if (n == 2 && memcmp(pattern, "**", 2) == 0) {
        if (!pattern[n]) return true;
        for (; *key; key += k + (key[k] == '/'), k = strcspn(key, "/"))
            if (matches(cx, pattern + n + 1, key)) return true;
        return false;
    }
    if (fnmatch(tarn_arena_strndup(cx->arena, pattern, n), tarn_arena_strndup(cx->arena, key, k), 0) != 0) return false;
    if (!pattern[n] || !key[k]) return pattern[n] == key[k];
    return matches(cx, pattern + n + 1, key + k + 1);
}

static bool is_shown(const char *key) {
    for (const char *part = key; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (*part == '_' || *part == '.') return false;
    }
    return tarn_str_ends(tarn_str_of(key), ".avro");
}

/* Adds what lies below `folder` and matches; NULL: all shown files. */
static tarn_code find_below(tarn_cx *cx, finder *f, const char *folder, const char *pattern) {
    tarn_store *store;
    tarn_entry_list found = {0};
    tarn_list_spec spec = {.max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES), .with_stat = true};
    spec.prefix = pattern ? tarn_arena_strndup(cx->arena, pattern, strcspn(pattern, "*?[")) : "";
    spec.recursive = !pattern || strchr(pattern, '/') || strstr(pattern, "**");
    TRY(open_store(cx, f, folder, &store));
    TRY(tarn_store_list(cx, store, &spec, cx->arena, &found));
    for (size_t i = 0; i < found.n; i++) {
        const tarn_entry *e = &found.at[i];
        if (e->is_folder || !(pattern ? matches(cx, pattern, e->key) : is_shown(e->key))) continue;
        add_file(cx, f, store, e->key, e->size);
    }
    return TARN_OK;
}

static tarn_code find_path(tarn_cx *cx, finder *f, const char *path) {
    size_t wild = strcspn(path, "*?["), part = last_part(path, wild);
    const char *folder = tarn_arena_strndup(cx->arena, path, part);
    if (path[wild] && part > 0) return find_below(cx, f, folder, path + part);
    if (part > 0) {
        tarn_store *store;
        tarn_stat stat;
        TRY(open_store(cx, f, folder, &store));
        tarn_code code = tarn_store_head(cx, store, path + part, &stat);
        if (code == TARN_OK) add_file(cx, f, store, path + part, stat.size);
        if (code != TARN_NOTFOUND) return code;
        tarn_clear_error(cx);
    }
    return find_below(cx, f, path, NULL);
}

static tarn_code find_all(tarn_cx *cx, finder *f, const char *const *paths, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t before = f->files.n;
        const char *path;
        TRY(tarn_session_absolute(cx, paths[i], &path));
        TRY(find_path(cx, f, path));
        if (f->files.n == before) return tarn_fail(cx, TARN_NOTFOUND, "there are no Avro files at %s", path);
    }
    return TARN_OK;
}

tarn_code tarn_session_avro(tarn_cx *cx, const char *const *paths, size_t n, tarn_relation *out) {
    finder *f = TARN_NEW(cx->arena, finder);
    tarn_code code = find_all(cx, f, paths, n);
    if (code != TARN_OK) {
        close_stores(f);
        return code;
    }
    tarn_avro_files files = {.names = f->names.at,
                             .sizes = f->sizes.at,
                             .n = f->files.n,
                             .read = read_range,
                             .state = f,
                             .done = close_stores};
    struct ArrowArrayStream rows;
    TRY(tarn_avro_stream(cx, &files, &rows));
    *out = (tarn_relation){.kind = TARN_REL_ROWS, .rows = rows};
    return TARN_OK;
}

tarn_code tarn_session_read_avro(tarn_cx *cx, tarn_str call, tarn_relation *out) {
    tarn_tokens tokens;
    TARN_VEC(const char *) paths = {0};
    TRY(tarn_lex(cx, call, &tokens));
    tarn_cursor c = {&tokens, 1};
    TRY(tarn_expect(cx, &c, "("));
    bool list = tarn_accept(&c, "[");
    do {
        TRY(tarn_parse_string(cx, &c, TARN_PUSH(cx->arena, &paths)));
    } while (list && tarn_accept(&c, ","));
    if (list) TRY(tarn_expect(cx, &c, "]"));
    TRY(tarn_expect(cx, &c, ")"));
    return tarn_session_avro(cx, paths.at, paths.n, out);
}
