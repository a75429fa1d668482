/* vacuum.c: removes files that no version of a table needs: VACUUM, by looking for them, and those of versions that it
 * has forgotten just now. */
#include "base/map.h"
#include "store/path.h"
#include "table/upkeep.h"

enum { DAY_MS = 86400000, BATCH = 1000 };

typedef struct keep_set {
    tarn_cx *cx;
    tarn_map keys;
    tarn_map elsewhere; /* paths outside of the table's folder, without scheme and bucket; to them as they are */
} keep_set;

/* s3://bucket/a/b and file:///a/b are /a/b. */
static tarn_str bare_path(tarn_str path) {
    const char *scheme = memmem(path.p, path.n, "://", 3);
    if (!scheme) return path;
    tarn_str rest = {scheme + 3, path.n - (size_t)(scheme + 3 - path.p)};
    const char *slash = memchr(rest.p, '/', rest.n);
    return slash ? (tarn_str){slash, rest.n - (size_t)(slash - rest.p)} : (tarn_str){"/", 1};
}

static void keep_key(void *state, tarn_str key) {
    keep_set *set = state;
    if (tarn_map_get(&set->keys, key)) return;
    tarn_str copy = {tarn_arena_strndup(set->cx->arena, key.p, key.n), key.n};
    tarn_map_put(&set->keys, set->cx->arena, copy, set);
    if (copy.p[0] == '/' || memmem(copy.p, copy.n, "://", 3))
        tarn_map_put(&set->elsewhere, set->cx->arena, bare_path(copy), (void *)(uintptr_t)copy.p);
}

/* What lies before a bare path: "s3" and "bucket". */
static void split_path(tarn_str path, tarn_str *scheme, tarn_str *authority) {
    const char *colon = memmem(path.p, path.n, "://", 3);
    *scheme = colon ? (tarn_str){path.p, (size_t)(colon - path.p)} : TARN_LIT("file");
    const char *at = colon ? colon + 3 : path.p;
    size_t left = path.n - (size_t)(at - path.p);
    const char *slash = colon ? memchr(at, '/', left) : at;
    *authority = (tarn_str){at, slash ? (size_t)(slash - at) : left};
}

static bool in_list(const char *list, tarn_str name) {
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        while (n && *p == ' ') p++, n--;
        tarn_str item = {p, n};
        while (item.n && item.p[item.n - 1] == ' ') item.n--;
        if (tarn_str_ieq(item, name)) return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static tarn_str same_as(const tarn_option_pairs *equal, tarn_str name) {
    for (size_t i = 0; equal && i < equal->n; i++)
        if (equal->at[i].value && in_list(equal->at[i].key, name)) return tarn_str_of(equal->at[i].value);
    return name;
}

/* Clients call one store by several schemes; others are said to be the same by the caller. */
static bool same_place(const tarn_vacuum_spec *spec, tarn_str a, tarn_str b) {
    static const char s3[] = "s3,s3a,s3n";
    tarn_str scheme[2], authority[2];
    split_path(a, &scheme[0], &authority[0]);
    split_path(b, &scheme[1], &authority[1]);
    bool schemes = tarn_str_ieq(same_as(spec->schemes, scheme[0]), same_as(spec->schemes, scheme[1])) ||
                   (in_list(s3, scheme[0]) && in_list(s3, scheme[1]));
    return schemes &&
           tarn_str_eq(same_as(spec->authorities, authority[0]), same_as(spec->authorities, authority[1]));
}

/* The same path in another scheme or bucket may be the same file by another name: that is not ours to guess. */
static tarn_code check_elsewhere(tarn_cx *cx, const tarn_table *table, const keep_set *set, const char *key,
                                 const tarn_vacuum_spec *spec, bool *keep) {
    *keep = false;
    if (!set->elsewhere.n) return TARN_OK;
    const char *path = tarn_printf(cx, "%s/%s", tarn_store_uri(table->store), key);
    const char *other = tarn_map_get(&set->elsewhere, bare_path(tarn_str_of(path)));
    bool same = other && same_place(spec, tarn_str_of(path), tarn_str_of(other));
    *keep = other && (same || spec->mismatch != TARN_MISMATCH_DELETE);
    if (!other || same || spec->mismatch != TARN_MISMATCH_ERROR) return TARN_OK;
    return tarn_hint(cx,
                     tarn_fail(cx, TARN_INVALID, "%s is not needed by this path, but %s is, which may be the same file",
                               path, other),
                     "CALL system.remove_orphan_files(…, prefix_mismatch_mode => 'ignore') keeps such files, 'delete' "
                     "removes them; equal_schemes and equal_authorities say which are the same");
}

/* A folder of a partition column whose name begins with _ is none of the hidden ones. */
static bool is_partition_part(const tarn_snapshot *snapshot, tarn_str part) {
    const char *equals = memchr(part.p, '=', part.n);
    for (size_t i = 0; equals && i < snapshot->n_partition; i++) {
        const tarn_field *f = &snapshot->schema->fields[snapshot->partition[i].column];
        tarn_str name = {part.p, (size_t)(equals - part.p)};
        if (tarn_str_is(name, f->name) || tarn_str_is(name, snapshot->partition[i].name)) return true;
    }
    return false;
}

static bool is_hidden(const tarn_snapshot *snapshot, const char *key) {
    for (const char *c = key; c;) {
        const char *slash = strchr(c, '/');
        tarn_str part = {c, slash ? (size_t)(slash - c) : strlen(c)};
        bool marked = part.n && (part.p[0] == '_' || part.p[0] == '.');
        if (marked && !tarn_str_is(part, "_change_data") && !is_partition_part(snapshot, part)) return true;
        c = slash ? slash + 1 : NULL;
    }
    return false;
}

static bool is_garbage(const tarn_snapshot *snapshot, const keep_set *set, const tarn_entry *e, int64_t now,
                       int64_t retention_ms) {
    if (e->is_folder || e->mtime_ms < 0 || e->mtime_ms >= now - retention_ms) return false;
    /* What a crashed writer left of a file it never finished. */
    if (tarn_path_is_reserved(tarn_str_of(e->key))) return e->mtime_ms < now - DAY_MS;
    return !is_hidden(snapshot, e->key) && !tarn_map_get(&set->keys, tarn_str_of(e->key));
}

static tarn_code check_retention(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_vacuum_spec *spec,
                                 int64_t *retention_ms) {
    int64_t own = snapshot->format->retention_ms(snapshot), least = own;
    if (spec->retention_ms_min >= 0) least = spec->retention_ms_min;
    *retention_ms = spec->retention_ms < 0 ? own : spec->retention_ms;
    if (*retention_ms >= least || !tarn_conf_int(cx->conf, TARN_VACUUM_RETENTION_CHECK)) return TARN_OK;
    return tarn_hint(
        cx,
        tarn_fail(cx, TARN_INVALID,
                  "%lld hours are less than %s, %lld hours: readers and writers at work may need the files",
                  (long long)(*retention_ms / 3600000), least == own ? "the table's retention" : "what is safe",
                  (long long)(least / 3600000)),
        "set vacuum.retention_check to false if nobody reads an older version or writes now");
}

static tarn_code remove_batch(tarn_cx *cx, const tarn_table *table, const tarn_entry *const *garbage, size_t n,
                              bool dry, void (*each)(void *state, const char *key, int64_t size), void *state) {
    const char *keys[BATCH];
    for (size_t i = 0; i < n; i++) keys[i] = garbage[i]->key;
    TRY(tarn_check(cx));
    if (!dry && n) TRY(tarn_store_remove(cx, table->store, keys, n));
    for (size_t i = 0; each && i < n; i++) each(state, garbage[i]->key, garbage[i]->size);
    return TARN_OK;
}

tarn_code tarn_vacuum(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot, const tarn_vacuum_spec *spec,
                      void (*each)(void *state, const char *key, int64_t size), void *state) {
    const tarn_format *format = snapshot->format;
    keep_set set = {.cx = cx};
    tarn_entry_list list = {0};
    tarn_list_spec what = {.prefix = spec->below ? tarn_printf(cx, "%s/", spec->below) : NULL,
                           .recursive = true,
                           .with_stat = true,
                           .with_temps = true,
                           .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES)};
    TARN_VEC(const tarn_entry *) garbage = {0};
    int64_t retention_ms;
    TRY(tarn_format_require(cx, format, TARN_CAN_WRITE, "VACUUM"));
    TRY(check_retention(cx, snapshot, spec, &retention_ms));
    int64_t now = tarn_now_ms(cx);
    TRY(tarn_store_list(cx, table->store, &what, cx->arena, &list));
    TRY(format->needed(cx, snapshot, retention_ms, keep_key, &set));
    for (size_t i = 0; i < list.n; i++) {
        bool keep;
        if (!is_garbage(snapshot, &set, &list.at[i], now, retention_ms)) continue;
        TRY(check_elsewhere(cx, table, &set, list.at[i].key, spec, &keep));
        if (!keep) *TARN_PUSH(cx->arena, &garbage) = &list.at[i];
    }
    for (size_t i = 0; i < garbage.n; i += BATCH) {
        size_t n = garbage.n - i < BATCH ? garbage.n - i : BATCH;
        TRY(remove_batch(cx, table, garbage.at + i, n, spec->dry, each, state));
    }
    return TARN_OK;
}

/* FORGOTTEN VERSIONS. */

typedef struct doomed {
    tarn_cx *cx;
    TARN_VEC(const char *) keys;
    tarn_expire_result result;
} doomed;

static void add_file(void *state, tarn_file_kind kind, tarn_str key) {
    doomed *d = state;
    const char *own = tarn_arena_strndup(d->cx->arena, key.p, key.n);
    if (own[0] == '/' || strstr(own, "://")) return;
    *TARN_PUSH(d->cx->arena, &d->keys) = own;
    d->result.files[kind]++;
}

static tarn_code remove_all(tarn_cx *cx, const tarn_table *table, const doomed *d) {
    for (size_t i = 0; i < d->keys.n; i += BATCH) {
        size_t n = d->keys.n - i < BATCH ? d->keys.n - i : BATCH;
        TRY(tarn_check(cx));
        TRY(tarn_store_remove(cx, table->store, d->keys.at + i, n));
    }
    return TARN_OK;
}

tarn_code tarn_expire_files(tarn_cx *cx, const tarn_table *table, tarn_snapshot *before, tarn_snapshot *after, bool dry,
                            tarn_expire_result *out) {
    doomed d = {.cx = cx};
    tarn_code code = tarn_snapshot_unneeded(cx, before, after, add_file, &d);
    if (code == TARN_OK && !dry) code = remove_all(cx, table, &d);
    if (code != TARN_OK && !dry)
        return tarn_hint(cx, tarn_prefix(cx, code, "the versions are forgotten, not all their files removed"),
                         "VACUUM removes them once they are old enough");
    TRY(code);
    *out = d.result;
    return TARN_OK;
}
