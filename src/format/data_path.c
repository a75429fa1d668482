/* data_path.c: data files as DuckDB is told of them. */
#include "format/data_path.h"

#include "store/path.h"

/* DuckDB takes * ? [ in a path for a pattern even where a file of that very name exists; in brackets they stand for
 * themselves. */
tarn_code tarn_data_path_put(tarn_cx *cx, tarn_buf *out, const char *path) {
    bool magic = strpbrk(path, "*?[") != NULL;
    if (!magic) {
        tarn_buf_sql_string(out, path);
        return TARN_OK;
    }
    if (strchr(path, '\\'))
        return tarn_fail(cx, TARN_UNSUPPORTED, "DuckDB cannot read a path with both a backslash and one of * ? [: %s",
                         path);
    tarn_buf_putc(out, '\'');
    for (const char *c = path; *c; c++) {
        if (*c == '\'') tarn_buf_putc(out, '\'');
        if (*c == '*' || *c == '?' || *c == '[')
            tarn_buf_printf(out, "[%c]", *c);
        else
            tarn_buf_putc(out, *c);
    }
    tarn_buf_putc(out, '\'');
    return TARN_OK;
}

tarn_code tarn_data_path(tarn_cx *cx, const tarn_table *table, tarn_str name, const char **out) {
    tarn_str scheme = tarn_uri_scheme(name);
    const char *path;
    char *plain;
    if (memchr(name.p, 0, name.n)) return tarn_fail(cx, TARN_CORRUPT, "a data file's path holds a zero byte");
    if (tarn_str_is(scheme, "file")) {
        TRY(tarn_path_of_uri(cx, name, cx->arena, &plain));
        path = plain;
    } else {
        path = tarn_arena_strndup(cx->arena, name.p, name.n);
        if (!scheme.n && path[0] != '/') TRY(tarn_store_local_path(cx, table->store, path, cx->arena, &path));
    }
    *out = path;
    return TARN_OK;
}

/* The bucket of a file that names its own; its length, 0 for others. */
static size_t bucket_of(tarn_str path) {
    tarn_str scheme = tarn_uri_scheme(path);
    if (!scheme.n || tarn_str_is(scheme, "file") || path.n < scheme.n + 3) return 0;
    size_t host = scheme.n + 3;
    const char *slash = memchr(path.p + host, '/', path.n - host);
    return slash ? (size_t)(slash - path.p) : path.n;
}

tarn_code tarn_data_reach_uri(tarn_cx *cx, tarn_engine *engine, tarn_str uri) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    size_t n = bucket_of(uri);
    if (!n) return TARN_OK;
    TRY(tarn_store_open(cx, tarn_arena_strndup(cx->arena, uri.p, n), &store));
    return tarn_engine_reach(cx, engine, store);
}

tarn_code tarn_data_reach(tarn_cx *cx, tarn_engine *engine, const tarn_table *table, const tarn_file *const *files,
                          size_t n) {
    tarn_str last = {0};
    TRY(tarn_engine_reach(cx, engine, table->store));
    for (size_t i = 0; i < n; i++) {
        tarn_str bucket = {files[i]->path.p, bucket_of(files[i]->path)};
        if (!bucket.n || tarn_str_eq(bucket, last)) continue;
        TRY(tarn_data_reach_uri(cx, engine, bucket));
        last = bucket;
    }
    return TARN_OK;
}
