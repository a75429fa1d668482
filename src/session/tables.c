/* tables.c: a list of open tables behind one lock; snapshots are immutable, so they are only handed out and replaced.
 */
#include "session/tables.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

typedef struct open_table {
    tarn_table table; /* first: a tarn_table is its open_table */
    tarn_arena *arena;
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

static open_table *find(tarn_table_cache *cache, const char *location) {
    for (open_table *t = cache->first; t; t = t->next)
        if (strcmp(t->table.location, location) == 0) return t;
    return NULL;
}

static tarn_code open_new(tarn_cx *cx, tarn_table_cache *cache, const char *location, const tarn_format *format,
                          const char *name, open_table **out) {
    tarn_store *store = NULL;
    TRY(tarn_store_open(cx, location, &store));
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
    *out = t;
    return TARN_OK;
}

tarn_code tarn_tables_open(tarn_cx *cx, tarn_table_cache *cache, const char *location, const tarn_format *format,
                           const char *name, const tarn_table **out) {
    pthread_mutex_lock(&cache->lock);
    open_table *t = find(cache, location);
    pthread_mutex_unlock(&cache->lock);
    if (t && format && t->table.format != format)
        return tarn_fail(cx, TARN_INVALID, "%s is a %s table, not %s", location, t->table.format->name, format->name);
    if (!t) {
        TRY(open_new(cx, cache, location, format, name, &t));
        pthread_mutex_lock(&cache->lock);
        open_table *other = find(cache, location); /* another session may have been quicker */
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
    pthread_mutex_lock(&cache->lock);
    if (!t->newest || t->newest->version < snapshot->version) {
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
    open_table *t = find(cache, location);
    if (t) {
        tarn_snapshot_release(t->newest);
        t->newest = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
}
