/* mem.c: stores in memory, for tests: "mem://name/folder" is shared by all who open it, and gone when the last of them
 * closes it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/path.h"
#include "store/store.h"

typedef struct object {
    char *key, *bytes;
    size_t key_n, n;
    int64_t mtime_ms;
    uint64_t version;
} object;

/* What one name holds: objects in order of their keys. */
typedef struct space {
    struct space *next;
    char *name;
    int users;            /* under spaces_lock */
    pthread_mutex_t lock; /* of what follows */
    object *objects;
    size_t n, cap;
    uint64_t versions;
} space;

typedef struct mem_store {
    tarn_store base;
    space *space;
    char *folder; /* "" or "a/b/", put before every key */
} mem_store;

/* Process-wide by nature: two opens of one name must meet. */
static pthread_mutex_t spaces_lock = PTHREAD_MUTEX_INITIALIZER;
static space *spaces;

static void *must(void *p) {
    if (!p) abort();
    return p;
}

static void unlock(pthread_mutex_t **lock) { pthread_mutex_unlock(*lock); }

#define hold(mutex)                                                                                                    \
    pthread_mutex_t *held_ __attribute__((cleanup(unlock), unused)) = (mutex);                                         \
    pthread_mutex_lock(held_)

static tarn_str full_key(tarn_cx *cx, const mem_store *mem, const char *key) {
    return tarn_str_of(tarn_printf(cx, "%s%s", mem->folder, key));
}

/* The place of the first object whose key is not less. */
static size_t find_place(const space *s, tarn_str key) {
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tarn_path_compare(s->objects[middle].key, s->objects[middle].key_n, key.p, key.n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static object *find(const space *s, tarn_str key) {
    size_t i = find_place(s, key);
    return i < s->n && tarn_str_eq((tarn_str){s->objects[i].key, s->objects[i].key_n}, key) ? &s->objects[i] : NULL;
}

static void fill_stat(const object *o, tarn_stat *out) {
    *out = (tarn_stat){.size = (int64_t)o->n, .mtime_ms = o->mtime_ms};
    snprintf(out->etag, sizeof out->etag, "v%llu", (unsigned long long)o->version);
}

static object *insert(space *s, tarn_str key) {
    size_t i = find_place(s, key);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->objects = must(reallocarray(s->objects, s->cap, sizeof *s->objects));
    }
    memmove(&s->objects[i + 1], &s->objects[i], (s->n - i) * sizeof *s->objects);
    s->n++;
    s->objects[i] = (object){.key = must(strndup(key.p, key.n)), .key_n = key.n};
    return &s->objects[i];
}

static tarn_code check_when(tarn_cx *cx, const object *o, tarn_when when, const char *etag) {
    tarn_stat found;
    bool absent = when == TARN_PUT_ABSENT || when == TARN_PUT_NEW;
    if (absent && o) return tarn_fail(cx, TARN_EXISTS, "it is already there");
    if (when != TARN_PUT_MATCH) return TARN_OK;
    if (!o) return tarn_fail(cx, TARN_CONFLICT, "it is gone (etag %s was expected)", etag);
    fill_stat(o, &found);
    if (strcmp(found.etag, etag) != 0)
        return tarn_fail(cx, TARN_CONFLICT, "it has changed (etag %s, not %s)", found.etag, etag);
    return TARN_OK;
}

/* `bytes` may be another object's: copied before anything moves. */
static tarn_code put_object(tarn_cx *cx, space *s, tarn_str key, tarn_str bytes, tarn_when when, const char *etag,
                            tarn_stat *stat) {
    object *o = find(s, key);
    TRY(check_when(cx, o, when, etag));
    char *copy = malloc(bytes.n + 1);
    if (!copy) return tarn_fail(cx, TARN_NOMEM, "no memory for %zu bytes", bytes.n);
    if (bytes.n) memcpy(copy, bytes.p, bytes.n);
    if (!o) o = insert(s, key);
    free(o->bytes);
    o->bytes = copy;
    o->n = bytes.n;
    o->mtime_ms = tarn_now_ms(cx);
    o->version = ++s->versions;
    fill_stat(o, stat);
    return TARN_OK;
}

static tarn_code mem_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when,
                         const char *etag, tarn_stat *stat) {
    const mem_store *mem = (mem_store *)store;
    hold(&mem->space->lock);
    return put_object(cx, mem->space, full_key(cx, mem, key), bytes, when, etag, stat);
}

static tarn_code mem_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                         tarn_stat *stat) {
    const mem_store *mem = (mem_store *)store;
    hold(&mem->space->lock);
    const object *o = find(mem->space, full_key(cx, mem, key));
    if (!o) return tarn_fail(cx, TARN_NOTFOUND, "no such object");
    int64_t offset;
    size_t n;
    fill_stat(o, stat);
    TRY(tarn_store_slice(cx, range, stat->size, stat->etag, out, &offset, &n));
    tarn_buf_add(out, o->bytes + offset, n);
    return tarn_buf_ok(out) ? TARN_OK : tarn_fail(cx, TARN_NOMEM, "no memory for %zu bytes", n);
}

static tarn_code mem_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out) {
    const mem_store *mem = (mem_store *)store;
    hold(&mem->space->lock);
    const object *o = find(mem->space, full_key(cx, mem, key));
    if (!o) return tarn_fail(cx, TARN_NOTFOUND, "no such object");
    fill_stat(o, out);
    return TARN_OK;
}

static tarn_code mem_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    const mem_store *mem = (mem_store *)store;
    space *s = mem->space;
    hold(&s->lock);
    for (size_t i = 0; i < n; i++) {
        object *o = find(s, full_key(cx, mem, keys[i]));
        if (!o) continue;
        free(o->key);
        free(o->bytes);
        memmove(o, o + 1, (size_t)(&s->objects[s->n] - (o + 1)) * sizeof *o);
        s->n--;
    }
    return TARN_OK;
}

static tarn_code mem_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when) {
    const mem_store *mem = (mem_store *)store;
    tarn_stat made;
    hold(&mem->space->lock);
    const object *o = find(mem->space, full_key(cx, mem, from));
    if (!o) return tarn_fail(cx, TARN_NOTFOUND, "no such object");
    return put_object(cx, mem->space, full_key(cx, mem, to), (tarn_str){o->bytes, o->n}, when, NULL, &made);
}

/* One level: "a/b" shows as "a/" once, where the first of its keys stands. */
static tarn_code mem_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                          tarn_entry_list *out) {
    const mem_store *mem = (mem_store *)store;
    size_t folder = strlen(mem->folder), prefix = strlen(spec->prefix);
    hold(&mem->space->lock);
    for (size_t i = find_place(mem->space, full_key(cx, mem, spec->prefix)); i < mem->space->n; i++) {
        const object *o = &mem->space->objects[i];
        if (!tarn_str_starts((tarn_str){o->key, o->key_n}, mem->folder)) break;
        tarn_str key = {o->key + folder, o->key_n - folder};
        if (!tarn_str_starts(key, spec->prefix)) break;
        const char *slash = spec->recursive ? NULL : memchr(key.p + prefix, '/', key.n - prefix);
        if (slash) key.n = (size_t)(slash - key.p) + 1;
        if (!tarn_path_is_listed(key, spec->prefix, spec->start_after)) continue;
        if (tarn_path_is_reserved(key) && !spec->with_temps) continue;
        if (slash && out->n && tarn_str_is(key, out->at[out->n - 1].key)) continue;
        if (spec->limit && out->n >= spec->limit) break;
        if (out->n >= spec->max) return tarn_fail(cx, TARN_LIMIT, "more than %zu objects", spec->max);
        tarn_entry entry = {
            .key = tarn_arena_strndup(arena, key.p, key.n), .size = -1, .mtime_ms = -1, .is_folder = slash != NULL};
        if (!slash) {
            tarn_stat known;
            fill_stat(o, &known);
            entry.size = known.size;
            entry.mtime_ms = known.mtime_ms;
            entry.etag = tarn_arena_strdup(arena, known.etag);
        }
        *TARN_PUSH(arena, out) = entry;
    }
    return TARN_OK;
}

static void free_space(space *s) {
    for (size_t i = 0; i < s->n; i++) {
        free(s->objects[i].key);
        free(s->objects[i].bytes);
    }
    pthread_mutex_destroy(&s->lock);
    free(s->objects);
    free(s->name);
    free(s);
}

static space *join_space(tarn_str name) {
    hold(&spaces_lock);
    space *s = spaces;
    while (s && !tarn_str_is(name, s->name)) s = s->next;
    if (!s) {
        s = must(calloc(1, sizeof *s));
        s->name = must(strndup(name.p, name.n));
        s->next = spaces;
        pthread_mutex_init(&s->lock, NULL);
        spaces = s;
    }
    s->users++;
    return s;
}

static void leave_space(space *s) {
    hold(&spaces_lock);
    if (--s->users) return;
    space **at = &spaces;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    free_space(s);
}

static void mem_close(tarn_store *store) {
    mem_store *mem = (mem_store *)store;
    leave_space(mem->space);
    free(mem->folder);
    free(mem);
}

static tarn_code mem_open(tarn_cx *cx, const char *uri, tarn_store **out) {
    const char *name = uri + strlen("mem://");
    tarn_str rest = tarn_str_of(name);
    while (rest.n && rest.p[rest.n - 1] == '/') rest.n--;
    TRY(tarn_path_check_key(cx, rest));
    const char *slash = memchr(name, '/', rest.n);
    size_t name_n = slash ? (size_t)(slash - name) : rest.n;
    mem_store *mem = must(calloc(1, sizeof *mem));
    tarn_store_init(&mem->base, &tarn_store_mem, tarn_printf(cx, "mem://%.*s", (int)rest.n, name));
    mem->folder = must(strdup(slash ? tarn_printf(cx, "%.*s/", (int)(rest.n - name_n - 1), slash + 1) : ""));
    mem->space = join_space((tarn_str){name, name_n});
    *out = &mem->base;
    return TARN_OK;
}

const tarn_store_driver tarn_store_mem = {
    .name = "mem",
    .schemes = (const char *const[]){"mem", NULL},
    .open = mem_open,
    .close = mem_close,
    .get = mem_get,
    .put = mem_put,
    .list = mem_list,
    .head = mem_head,
    .remove = mem_remove,
    .copy = mem_copy,
};
