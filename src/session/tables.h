/* tables.h: the open tables of a lake and their newest snapshots, shared by its sessions. */
#ifndef TARN_SESSION_TABLES_H
#define TARN_SESSION_TABLES_H

#include "catalog/catalog.h"
#include "format/format.h"

typedef struct tarn_table_cache tarn_table_cache;

tarn_table_cache *tarn_tables_new(tarn_engine *engine);
void tarn_tables_free(tarn_table_cache *cache);
/* Where a table's newest version is looked up and committed, for formats that leave it to the catalog. */
typedef struct tarn_table_home {
    tarn_catalog *catalog; /* NULL: a table by path, the store alone knows */
    int64_t id;            /* its entry; 0: it has none yet */
} tarn_table_home;

/* The table at a location (absolute path or URI). format NULL: found out, NOTFOUND when nothing is there. The table
 * lives as long as the cache. */
TARN_MUST tarn_code tarn_tables_open(tarn_cx *cx, tarn_table_cache *cache, const char *location,
                                     const tarn_format *format, const char *name, const tarn_table_home *home,
                                     const tarn_table **out);
/* A version of it, retained. The newest one is remembered and refreshed from what is new in the log. */
TARN_MUST tarn_code tarn_tables_snapshot(tarn_cx *cx, tarn_table_cache *cache, const tarn_table *table,
                                         const tarn_at *at, tarn_snapshot **out);
/* Offers a newer snapshot (after a commit); retained by the cache. */
void tarn_tables_put(tarn_table_cache *cache, const tarn_table *table, tarn_snapshot *snapshot);
/* Forgets what was remembered of a table (it was dropped or replaced). */
void tarn_tables_forget(tarn_table_cache *cache, const char *location);

#endif
