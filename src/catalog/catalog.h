/* catalog.h: names to tables. The vtable of catalogs (SQLite in a folder, an object on an object store; PostgreSQL and
 * REST later) and its checked calls. A catalog server holds several catalogs ("lake" is the first), each with schemas
 * ("main" is the first), each with tables and views. Names are compared without case and kept as written. Thread-safe;
 * used by many processes at once. */
#ifndef TARN_CATALOG_CATALOG_H
#define TARN_CATALOG_CATALOG_H

#include "base/cx.h"
#include "base/vec.h"
#include "store/store.h"

typedef enum tarn_entry_kind { TARN_ENTRY_TABLE, TARN_ENTRY_VIEW } tarn_entry_kind;

typedef struct tarn_catalog_entry {
    int64_t id; /* stable for the life of the table, also when renamed */
    tarn_entry_kind kind;
    const char *catalog, *schema, *name;
    const char *format, *location; /* TABLE; location: a URI, or a path below the warehouse when `managed` */
    bool managed;                  /* Tarn chose the location and may remove the files */
    const char *sql;               /* VIEW: its query, as written */
    const char *default_catalog, *default_schema; /* VIEW: where its names are looked up */
    const char *comment;
    int64_t created_ms, dropped_ms; /* dropped_ms 0: alive */
    const char *pointer; /* TABLE: its current metadata file, of a format that leaves that to the catalog; else NULL */
} tarn_catalog_entry;

/* One table's step to its next metadata file. */
typedef struct tarn_catalog_swap {
    int64_t id;
    const char *from, *to; /* from NULL: there was none */
} tarn_catalog_swap;

typedef TARN_VEC(tarn_catalog_entry) tarn_catalog_entries;

typedef struct tarn_catalog tarn_catalog;

/* Callbacks, all required but `begin`; see the wrappers for their meaning. */
typedef struct tarn_catalog_type {
    const char *name;
    void (*close)(tarn_catalog *);
    void (*begin)(tarn_catalog *);
    tarn_code (*resolve)(tarn_cx *, tarn_catalog *, const char *catalog, const char *schema, const char *name,
                         tarn_catalog_entry *out);
    tarn_code (*list)(tarn_cx *, tarn_catalog *, const char *catalog, const char *schema, bool dropped,
                      tarn_catalog_entries *out);
    tarn_code (*create)(tarn_cx *, tarn_catalog *, const tarn_catalog_entry *entry, bool replace);
    tarn_code (*drop)(tarn_cx *, tarn_catalog *, int64_t id);
    tarn_code (*undrop)(tarn_cx *, tarn_catalog *, int64_t id);
    tarn_code (*forget)(tarn_cx *, tarn_catalog *, int64_t id);
    tarn_code (*rename)(tarn_cx *, tarn_catalog *, int64_t id, const char *schema, const char *name);
    tarn_code (*pointer)(tarn_cx *, tarn_catalog *, int64_t id, const char **out);
    tarn_code (*swap)(tarn_cx *, tarn_catalog *, const tarn_catalog_swap *swaps, size_t n);
    tarn_code (*schemas)(tarn_cx *, tarn_catalog *, const char *catalog, tarn_catalog_entries *out);
    tarn_code (*create_schema)(tarn_cx *, tarn_catalog *, const char *catalog, const char *schema, const char *comment);
    tarn_code (*drop_schema)(tarn_cx *, tarn_catalog *, const char *catalog, const char *schema);
    tarn_code (*catalogs)(tarn_cx *, tarn_catalog *, tarn_catalog_entries *out);
    tarn_code (*create_catalog)(tarn_cx *, tarn_catalog *, const char *catalog);
    tarn_code (*setting)(tarn_cx *, tarn_catalog *, const char *name, const char *value, char **out);
    tarn_code (*settings)(tarn_cx *, tarn_catalog *, void (*each)(void *state, const char *name, const char *value),
                          void *state);
} tarn_catalog_type;

struct tarn_catalog {
    const tarn_catalog_type *type;
};

/* The catalog of a warehouse, made with catalog "lake" and schema "main" when missing: in a folder .tarn/catalog.db,
 * elsewhere the object .tarn/catalog.json. */
TARN_MUST tarn_code tarn_catalog_open(tarn_cx *cx, tarn_store *root, tarn_catalog **out);
void tarn_catalog_close(tarn_catalog *catalog);
/* A statement begins: it is told of nothing older than now. Between such calls, what others change may go unseen. */
void tarn_catalog_begin(tarn_catalog *catalog);

/* NOTFOUND names what is missing (catalog, schema or table) and, where one is close, what may have been meant. */
TARN_MUST tarn_code tarn_catalog_resolve(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema,
                                         const char *name, tarn_catalog_entry *out);
/* NOTFOUND names which of the two is not there; schema NULL: the catalog alone. */
TARN_MUST tarn_code tarn_catalog_check(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema);
/* Is there one of that name? Errors count as no. */
bool tarn_catalog_has(tarn_cx *cx, tarn_catalog *c, const char *catalog);
bool tarn_catalog_has_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema);
/* schema NULL: all. dropped: those that were dropped instead. Sorted by schema and name. */
TARN_MUST tarn_code tarn_catalog_list(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema,
                                      bool dropped, tarn_catalog_entries *out);
/* EXISTS when the name is taken; with replace an entry of the same kind is replaced (its id stays). id and created_ms
 * are set by the catalog. */
TARN_MUST tarn_code tarn_catalog_create(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_entry *entry, bool replace);
/* Drop keeps the entry for UNDROP; forget removes it for good. */
TARN_MUST tarn_code tarn_catalog_drop(tarn_cx *cx, tarn_catalog *c, int64_t id);
TARN_MUST tarn_code tarn_catalog_undrop(tarn_cx *cx, tarn_catalog *c, int64_t id);
TARN_MUST tarn_code tarn_catalog_forget(tarn_cx *cx, tarn_catalog *c, int64_t id);
TARN_MUST tarn_code tarn_catalog_rename(tarn_cx *cx, tarn_catalog *c, int64_t id, const char *schema, const char *name);
/* The pointer as it is now, in cx->arena; NULL where there is none. NOTFOUND: dropped. */
TARN_MUST tarn_code tarn_catalog_pointer(tarn_cx *cx, tarn_catalog *c, int64_t id, const char **out);
/* Moves the pointers of all these tables or of none, at one instant. EXISTS: one is not where it was any more, another
 * writer was first; NOTFOUND: one was dropped. After IO the swap may have been done: look at the pointer. */
TARN_MUST tarn_code tarn_catalog_swap_pointers(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_swap *swaps, size_t n);
/* Entries with catalog, schema, comment, created_ms set. */
TARN_MUST tarn_code tarn_catalog_schemas(tarn_cx *cx, tarn_catalog *c, const char *catalog, tarn_catalog_entries *out);
TARN_MUST tarn_code tarn_catalog_create_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema,
                                               const char *comment);
/* CONSTRAINT when it still holds tables. */
TARN_MUST tarn_code tarn_catalog_drop_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema);
TARN_MUST tarn_code tarn_catalog_catalogs(tarn_cx *cx, tarn_catalog *c, tarn_catalog_entries *out);
TARN_MUST tarn_code tarn_catalog_create_catalog(tarn_cx *cx, tarn_catalog *c, const char *catalog);
/* The warehouse's settings: value NULL reads (*out NULL: not set), else writes. */
TARN_MUST tarn_code tarn_catalog_setting(tarn_cx *cx, tarn_catalog *c, const char *name, const char *value, char **out);
TARN_MUST tarn_code tarn_catalog_settings(tarn_cx *cx, tarn_catalog *c,
                                          void (*each)(void *state, const char *name, const char *value), void *state);

#endif
