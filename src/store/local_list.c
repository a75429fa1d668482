/* local_list.c: listing folders in the order of their keys, which is not the order of their names: "a.txt" comes before
 * "a/b". */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/local.h"
#include "store/path.h"

/* One level of a walk. The chain upwards shows symbolic links that lead back into themselves. */
typedef struct level {
    const struct level *above;
    dev_t device;
    ino_t inode;
} level;

typedef struct walk {
    const tarn_store *store;
    const tarn_list_spec *spec;
    tarn_arena *arena;
    tarn_entry_list *out;
} walk;

/* A key ends in '/' when it is a folder's. */
typedef TARN_VEC(tarn_str) key_list;

static void close_dir(DIR **dir) {
    if (*dir) closedir(*dir);
}

static int by_key(const void *a, const void *b) {
    const tarn_str *x = a, *y = b;
    return tarn_path_compare(x->p, x->n, y->p, y->n);
}

/* The lock file is never shown; what else starts so is a temporary file. */
static bool is_shown(const walk *w, const char *name) {
    if (!strcmp(name, ".") || !strcmp(name, "..")) return false;
    if (!tarn_str_starts(tarn_str_of(name), TARN_LOCAL_TEMP_PREFIX)) return true;
    return w->spec->with_temps && tarn_str_ends(tarn_str_of(name), TARN_LOCAL_TEMP_SUFFIX);
}

/* DT_REG, DT_DIR, or DT_UNKNOWN for what is neither; broken links and files just removed too. */
static int type_of(tarn_cx *cx, const char *folder, const struct dirent *entry) {
    struct stat st;
    if (entry->d_type == DT_REG || entry->d_type == DT_DIR) return entry->d_type;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) return DT_UNKNOWN;
    if (stat(tarn_path_join(cx->arena, folder, entry->d_name), &st) < 0) return DT_UNKNOWN;
    return S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_UNKNOWN;
}

/* Whether the folder's key, or when the walk goes into it any key below, may be wanted. */
static bool is_wanted(const walk *w, tarn_str key, bool is_folder) {
    const char *after = w->spec->start_after;
    if (tarn_path_is_listed(key, w->spec->prefix, after)) return true;
    return is_folder && w->spec->recursive && tarn_str_starts(key, w->spec->prefix) && strlen(after) > key.n &&
           !memcmp(after, key.p, key.n);
}

/* The wanted keys of one folder, sorted. `base` is the folder's own key, "" or "…/". */
static tarn_code read_folder(tarn_cx *cx, const walk *w, const char *base, level *here, tarn_arena *arena,
                             key_list *keys) {
    const char *path = tarn_path_join(arena, w->store->uri, base);
    tarn_auto(DIR *, close_dir) dir = opendir(path);
    struct stat st;
    if (!dir && (errno == ENOENT || errno == ENOTDIR)) return TARN_OK;
    if (!dir || fstat(dirfd(dir), &st) < 0)
        return tarn_fail(cx, errno == EACCES ? TARN_DENIED : TARN_IO, "folder \"%s\": %s", base,
                         tarn_errno_text(cx, errno));
    here->device = st.st_dev;
    here->inode = st.st_ino;
    for (const level *up = here->above; up; up = up->above)
        if (up->device == here->device && up->inode == here->inode) return TARN_OK;
    for (size_t seen = 0;; seen++) {
        if (seen % 1024 == 0) TRY(tarn_check(cx));
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno) return tarn_fail(cx, TARN_IO, "folder \"%s\": %s", base, tarn_errno_text(cx, errno));
        if (!entry) break;
        if (!is_shown(w, entry->d_name)) continue;
        char text[TARN_KEY_MAX + sizeof entry->d_name + 2];
        size_t n = strlen(base), name = strlen(entry->d_name);
        memcpy(text, base, n);
        memcpy(text + n, entry->d_name, name);
        n += name;
        text[n] = '/';
        if (!is_wanted(w, (tarn_str){text, n}, false) && !is_wanted(w, (tarn_str){text, n + 1}, true)) continue;
        int type = type_of(cx, path, entry);
        if (type == DT_DIR) n++;
        if (type == DT_UNKNOWN || !is_wanted(w, (tarn_str){text, n}, type == DT_DIR)) continue;
        if (n > TARN_KEY_MAX)
            return tarn_fail(cx, TARN_LIMIT, "folder \"%.64s…\" has names over %d bytes", base, TARN_KEY_MAX);
        if (keys->n >= w->spec->max) return tarn_fail(cx, TARN_LIMIT, "more than %zu files", w->spec->max);
        *TARN_PUSH(arena, keys) = (tarn_str){tarn_arena_strndup(arena, text, n), n};
    }
    if (keys->n) qsort(keys->at, keys->n, sizeof *keys->at, by_key);
    return TARN_OK;
}

/* A file removed since the folder was read is no longer there to be listed. */
static tarn_code add_entry(tarn_cx *cx, const walk *w, tarn_str key) {
    tarn_entry entry = {.size = -1, .mtime_ms = -1, .is_folder = key.p[key.n - 1] == '/'};
    if (w->out->n >= w->spec->max) return tarn_fail(cx, TARN_LIMIT, "more than %zu files", w->spec->max);
    if (w->spec->with_stat && !entry.is_folder) {
        struct stat st;
        tarn_stat known;
        if (w->out->n % 1024 == 0) TRY(tarn_check(cx));
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", w->store->uri, key.p) >= PATH_MAX) return TARN_OK;
        if (stat(path, &st) < 0) return TARN_OK;
        tarn_local_fill_stat(&st, &known);
        entry.size = known.size;
        entry.mtime_ms = known.mtime_ms;
        entry.etag = tarn_arena_strdup(w->arena, known.etag);
    }
    entry.key = tarn_arena_strndup(w->arena, key.p, key.n);
    *TARN_PUSH(w->arena, w->out) = entry;
    return TARN_OK;
}

static tarn_code walk_folder(tarn_cx *cx, const walk *w, const char *base, const level *above) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    level here = {.above = above};
    key_list keys = {0};
    TRY(read_folder(cx, w, base, &here, arena, &keys));
    for (size_t i = 0; i < keys.n; i++) {
        if (w->spec->limit && w->out->n >= w->spec->limit) return TARN_OK;
        bool descend = w->spec->recursive && keys.at[i].p[keys.at[i].n - 1] == '/';
        TRY(descend ? walk_folder(cx, w, keys.at[i].p, &here) : add_entry(cx, w, keys.at[i]));
    }
    return TARN_OK;
}

/* A prefix that ends within a name still begins in one folder. */
tarn_code tarn_local_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                          tarn_entry_list *out) {
    const char *slash = strrchr(spec->prefix, '/');
    const char *base = tarn_arena_strndup(cx->arena, spec->prefix, slash ? (size_t)(slash - spec->prefix) + 1 : 0);
    walk w = {store, spec, arena, out};
    return walk_folder(cx, &w, base, NULL);
}
