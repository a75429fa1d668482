/* tables.c: a list of open tables behind one lock; snapshots are immutable, so they are only handed out and replaced.
 */
#include "session/tables.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

typedef struct open_table {
    tarn_table table; /* first: a tarn_table is its open_table */
    tarn_arena *arena;
    tarn_table_home home; /* of a format that leaves its versions to the catalog; else zero */
    tarn_committer committer;
    tarn_snapshot *newest; /* NULL: not loaded, or evicted */
    struct open_table *next;
} open_table;

struct tarn_table_cache {
    pthread_mutex_t lock;
    tarn_engine *engine;
    open_table *first;
};

tarn_table_cache *tarn_tables_new(tarn_engine *engine) {
    tarn_table_cache *cache = calloc(1, sizeof *cache);
    if (!cache) abort();
    pthread_mutex_init(&cache->lock, NULL);
    cache->engine = engine;
    return cache;
}

static void free_table(open_table *t) {
    tarn_snapshot_release(t->newest);
    tarn_store_close(t->table.store);
    tarn_arena_free(t->arena);
    free(t);
}

void tarn_tables_free(tarn_table_cache *cache) {
    if (!cache) return;
    for (open_table *t = cache->first, *next; t; t = next) {
        next = t->next;
        free_table(t);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* The same files under two names of the catalog are two tables, each with its own newest version. */
static open_table *find(tarn_table_cache *cache, const char *location, const tarn_table_home *home) {
    for (open_table *t = cache->first; t; t = t->next) {
        bool in_catalog = t->table.format->features & TARN_IN_CATALOG;
        if (strcmp(t->table.location, location) == 0 &&
            (!in_catalog || (t->home.catalog == home->catalog && t->home.id == home->id)))
            return t;
    }
    return NULL;
}

static tarn_code load_pointer(tarn_cx *cx, void *state, const char **key) {
    const tarn_table_home *home = state;
    *key = NULL;
    return home->id ? tarn_catalog_pointer(cx, home->catalog, home->id, key) : TARN_OK;
}

/* A table without an entry gets one, with its pointer, once its first version is there. */
static tarn_code swap_pointers(tarn_cx *cx, const tarn_step *steps, size_t n) {
    tarn_catalog_swap *swaps = TARN_NEW_ARRAY(cx->arena, tarn_catalog_swap, n);
    tarn_catalog *catalog = NULL;
    size_t n_swaps = 0;
    for (size_t i = 0; i < n; i++) {
        const tarn_table_home *home = steps[i].state;
        catalog = home->catalog;
        if (home->id) swaps[n_swaps++] = (tarn_catalog_swap){home->id, steps[i].from, steps[i].to};
    }
    return n_swaps ? tarn_catalog_swap_pointers(cx, catalog, swaps, n_swaps) : TARN_OK;
}

static tarn_code open_new(tarn_cx *cx, tarn_table_cache *cache, const char *location, const tarn_format *format,
                          const char *name, const tarn_table_home *home, open_table **out) {
    tarn_store *store = NULL;
    size_t root = strlen(location);
    bool file = format ? format->names_file && format->names_file(tarn_str_of(location), &root)
                       : tarn_format_of_file(tarn_str_of(location), &root, &format);
    TRY(tarn_store_open(cx, tarn_printf(cx, "%.*s", (int)root, location), &store));
    if (!format) {
        tarn_code code = tarn_format_detect(cx, store, &format);
        if (code != TARN_OK) {
            tarn_store_close(store);
            return code;
        }
    }
    open_table *t = calloc(1, sizeof *t);
    if (!t) abort();
    t->arena = tarn_arena_new();
    t->table = (tarn_table){
        .format = format, .store = store, .location = tarn_arena_strdup(t->arena, location), .engine = cache->engine};
    t->table.name = name ? tarn_arena_strdup(t->arena, name) : NULL;
    if (file) t->table.file = t->table.location + root + strspn(location + root, "/");
    if (home->catalog && (format->features & TARN_IN_CATALOG)) {
        t->home = *home;
        t->committer = (tarn_committer){&t->home, load_pointer, swap_pointers};
        t->table.committer = &t->committer;
    }
    *out = t;
    return TARN_OK;
}

tarn_code tarn_tables_open(tarn_cx *cx, tarn_table_cache *cache, const char *location, const tarn_format *format,
                           const char *name, const tarn_table_home *home, const tarn_table **out) {
    pthread_mutex_lock(&cache->lock);
    open_table *t = find(cache, location, home);
    pthread_mutex_unlock(&cache->lock);
    if (t && format && t->table.format != format)
        return tarn_fail(cx, TARN_INVALID, "%s is a %s table, not %s", location, t->table.format->name, format->name);
    if (!t) {
        TRY(open_new(cx, cache, location, format, name, home, &t));
        pthread_mutex_lock(&cache->lock);
        open_table *other = find(cache, location, home); /* another session may have been quicker */
        if (!other) {
            t->next = cache->first;
            cache->first = t;
        }
        pthread_mutex_unlock(&cache->lock);
        if (other) {
            free_table(t);
            t = other;
        }
    }
    *out = &t->table;
    return TARN_OK;
}

/* Snapshots of tables not asked for lately give way when all of them together pass cache.snapshots. */
static void evict(tarn_table_cache *cache, const open_table *keep, int64_t limit) {
    int64_t total = 0;
    for (open_table *t = cache->first; t; t = t->next) {
        if (!t->newest) continue;
        total += (int64_t)tarn_arena_size(t->newest->arena);
        if (total > limit && t != keep) {
            tarn_snapshot_release(t->newest);
            t->newest = NULL;
        }
    }
}

static void remember(tarn_table_cache *cache, open_table *t, tarn_snapshot *snapshot) {
    if (snapshot->branch) return; /* the table itself is another one */
    pthread_mutex_lock(&cache->lock);
    /* Versions in a catalog are names, not numbers in an order. */
    if (!t->newest || t->table.committer || t->newest->version < snapshot->version) {
        tarn_snapshot_release(t->newest);
        t->newest = tarn_snapshot_retain(snapshot);
    }
    pthread_mutex_unlock(&cache->lock);
}

tarn_code tarn_tables_snapshot(tarn_cx *cx, tarn_table_cache *cache, const tarn_table *table, const tarn_at *at,
                               tarn_snapshot **out) {
    open_table *t = (open_table *)(uintptr_t)table; /* it is ours: the cache made it */
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) prev = NULL;
    pthread_mutex_lock(&cache->lock);
    if (t->newest) prev = tarn_snapshot_retain(t->newest);
    pthread_mutex_unlock(&cache->lock);
    TRY(tarn_table_open(cx, table, at, prev, out));
    if (at->kind != TARN_AT_LATEST) return TARN_OK;
    remember(cache, t, *out);
    pthread_mutex_lock(&cache->lock);
    evict(cache, t, tarn_conf_int(cx->conf, TARN_SNAPSHOT_CACHE));
    pthread_mutex_unlock(&cache->lock);
    return TARN_OK;
}

void tarn_tables_put(tarn_table_cache *cache, const tarn_table *table, tarn_snapshot *snapshot) {
    remember(cache, (open_table *)(uintptr_t)table, snapshot);
}

void tarn_tables_forget(tarn_table_cache *cache, const char *location) {
    pthread_mutex_lock(&cache->lock);
    for (open_table *t = cache->first; t; t = t->next) {
        if (strcmp(t->table.location, location)) continue;
        tarn_snapshot_release(t->newest);
        t->newest = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
}
