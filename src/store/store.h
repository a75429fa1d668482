/* store.h: where bytes live: one vtable over file systems and object stores, reached only through the checked calls
 * below.
 *
 * A store is a root (a table's folder, a warehouse, a bucket prefix) opened by its URI. Keys are relative names below
 * it, '/' between parts:
 * "_delta_log/00000000000000000000.json". A key has no empty, "." or ".." part, no leading or trailing '/', and at most
 * TARN_KEY_MAX bytes; anything else is INVALID, so no key leaves the root. (Symbolic links below a local root are
 * followed: who may make one there may also write there.) Parts that start with ".tarn-" are the store's own (temporary
 * files, locks): only remove takes them. Keys are bytes as they stand, never percent-encoded. Opening touches nothing:
 * a root that is not there yet reads as empty, and the first put makes it. Threads: a store may be used by any number
 * of threads at once. Errors read "store <uri>: <verb> <key>: …". Outputs are untouched on failure. */
#ifndef TARN_STORE_STORE_H
#define TARN_STORE_STORE_H

#include <stdatomic.h>

#include "base/cx.h"
#include "base/vec.h"

enum { TARN_KEY_MAX = 4096, TARN_ETAG_TEXT = 96 };

typedef struct tarn_store tarn_store;

/* What a store knows of an object. Equal etags: the same content, as far as the store can tell. */
typedef struct tarn_stat {
    int64_t size, mtime_ms;
    char etag[TARN_ETAG_TEXT];
} tarn_stat;

/* offset >= 0: from there; < 0: the last -offset bytes (all of a shorter object). length -1: to the end. if_match NULL:
 * whatever is there. */
typedef struct tarn_range {
    int64_t offset, length;
    const char *if_match;
} tarn_range;

typedef enum tarn_when {
    TARN_PUT_ALWAYS, /* replaces */
    TARN_PUT_ABSENT, /* EXISTS when the key is there; of any number of racers exactly one wins */
    TARN_PUT_MATCH,  /* CONFLICT unless the object is there with this etag. Change such a key by MATCH only: locally,
                        ALWAYS does not wait for it. */
    TARN_PUT_NEW     /* ABSENT for a key that nobody can know of yet. After a crash a part of it may be there, or nothing
                        at all, until its folder has been synced: by a put of another kind into it, or tarn_store_sync. */
} tarn_when;

typedef struct tarn_list_spec {
    const char *prefix; /* of keys, bytewise: "" or NULL all, "_delta_log/" a folder, "_delta_log/0000" a part of one */
    const char *start_after; /* only keys > this; NULL: all */
    size_t limit;            /* stop after so many; 0: all */
    size_t max;      /* LIMIT when there are more than this (of limit.…); 0 is an error, so that nobody forgets it */
    bool recursive;  /* false: one level, where "a/b" below the prefix shows as the folder "a/" */
    bool with_stat;  /* false: size and mtime_ms may be -1, etag NULL: much cheaper on a file system */
    bool with_temps; /* also leftover temporary files of crashed writers, for VACUUM */
} tarn_list_spec;

typedef struct tarn_entry {
    const char *key; /* a folder's ends in '/' */
    int64_t size, mtime_ms;
    const char *etag;
    bool is_folder;
} tarn_entry;

/* In byte order of the keys. */
typedef TARN_VEC(tarn_entry) tarn_entry_list;

/* "/a/b", "a/b" (below the current directory), "file:///a/b", "file:/a/b", "mem://name/…" and what stores.c lists;
 * paths are not percent-decoded. UNSUPPORTED: no store for that scheme; INVALID: the URI makes no sense. One reference
 * for the caller. */
TARN_MUST tarn_code tarn_store_open(tarn_cx *cx, const char *uri, tarn_store **out);
tarn_store *tarn_store_retain(tarn_store *store);
/* Gives one reference back; NULL is fine. */
void tarn_store_close(tarn_store *store);
static inline void tarn_store_closep(tarn_store **store) { tarn_store_close(*store); }
/* Canonical: absolute, no '/' at the end; a plain path for local files. Lives as long as the store. */
const char *tarn_store_uri(const tarn_store *store);

/* Appends the bytes to `out`, whose `max` is the size limit (LIMIT when passed). range NULL: all; stat NULL: not asked.
 * NOTFOUND: no such object (a folder is none). CONFLICT: if_match did not. CORRUPT: the object ends before the range
 * does. */
TARN_MUST tarn_code tarn_store_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range,
                                   tarn_buf *out, tarn_stat *stat);
/* The whole object in an arena, zero-terminated, of at most max bytes. */
TARN_MUST tarn_code tarn_store_read(tarn_cx *cx, tarn_store *store, const char *key, int64_t max, tarn_arena *arena,
                                    tarn_str *out);
/* All or nothing, and durable once it returned TARN_OK, the folders above included. `etag` is for TARN_PUT_MATCH; stat
 * (mtime_ms may be -1) may be NULL. After IO, TIMEOUT or CANCELLED the object may or may not be there: read it back
 * before you conclude anything. */
TARN_MUST tarn_code tarn_store_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when,
                                   const char *etag, tarn_stat *stat);
/* Keys and etags in `arena`. Nothing below the prefix is an empty list. A file system also shows its empty folders. */
TARN_MUST tarn_code tarn_store_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                                    tarn_entry_list *out);
TARN_MUST tarn_code tarn_store_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out);
TARN_MUST tarn_code tarn_store_exists(tarn_cx *cx, tarn_store *store, const char *key, bool *out);
/* Missing keys are fine. Tries all, reports the first failure. Folders stay. A crash may bring removed files back. */
TARN_MUST tarn_code tarn_store_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n);
/* Within the store; ALWAYS or ABSENT; durable. For data files too: not through memory where that can be avoided. */
TARN_MUST tarn_code tarn_store_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when);
/* Makes files durable that somebody else (DuckDB) wrote at tarn_store_local_path, with the folders above them. NOTFOUND
 * when one is missing. */
TARN_MUST tarn_code tarn_store_sync(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n);
/* Readies a folder that DuckDB will write into: makes it on a file system. "" is the root. */
TARN_MUST tarn_code tarn_store_folder(tarn_cx *cx, tarn_store *store, const char *key);
/* What DuckDB reads or writes for this key ("" is the root): "/abs/path/key", "s3://…/key". UNSUPPORTED where there is
 * no such thing (mem). */
TARN_MUST tarn_code tarn_store_local_path(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena,
                                          const char **out);

/* What DuckDB needs to know to read and write below `scope` on its own. Strings live as long as the store. */
typedef struct tarn_store_access {
    const char *scope;                   /* the store's URI */
    const char *key_id, *secret, *token; /* key_id NULL: requests are not signed; token NULL: none */
    const char *region, *host;           /* host[:port] */
    bool tls, path_style;
} tarn_store_access;

/* False where it needs nothing: its files are the machine's. */
bool tarn_store_access_of(tarn_store *store, tarn_store_access *out);

/* FOR IMPLEMENTATIONS. All callbacks are required unless marked optional; they get checked keys and fail as the calls
 * above say, with a message that names neither store nor key (the wrapper does; remove and sync name the key). Any
 * number of threads may be in them. Only store.c and wrapping stores call them. */
typedef struct tarn_store_driver {
    const char *name;
    const char *const *schemes; /* NULL-ended: "file"; the first driver of stores.c also takes plain paths. NULL: only
                                   made by other means */
    /* `uri` has one of the schemes or is a plain path. Fills *out with its own struct, begun by tarn_store_init.
     * Optional where schemes is NULL. */
    tarn_code (*open)(tarn_cx *cx, const char *uri, tarn_store **out);
    /* Frees the struct, not the tarn_store fields in it; called once, when the last reference is gone. */
    void (*close)(tarn_store *store);
    /* May leave partial bytes in `out` when it fails; the wrapper takes them off. */
    tarn_code (*get)(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                     tarn_stat *stat);
    tarn_code (*put)(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when, const char *etag,
                     tarn_stat *stat);
    /* Appends in order; prefix and start_after are never NULL. limit and max as in the spec. */
    tarn_code (*list)(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                      tarn_entry_list *out);
    tarn_code (*head)(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out);
    tarn_code (*remove)(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n);
    tarn_code (*copy)(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when);
    /* Optional: nothing gets in but by put. */
    tarn_code (*sync)(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n);
    /* Optional: there are no folders. `key` may be "". */
    tarn_code (*folder)(tarn_cx *cx, tarn_store *store, const char *key);
    /* Optional, and may give NULL: UNSUPPORTED. `key` may be "". */
    char *(*local_path)(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena);
    /* Optional: see tarn_store_access_of. */
    bool (*access)(tarn_store *store, tarn_store_access *out);
} tarn_store_driver;

/* The first member of every implementation's struct. */
struct tarn_store {
    const tarn_store_driver *driver;
    char *uri;
    atomic_int refs;
};

/* Begins a store: one reference, a copy of the URI. A driver that lacks a required callback ends the process: a
 * programming error. */
void tarn_store_init(tarn_store *store, const tarn_store_driver *driver, const char *uri);
/* What a range means for an object of `size` bytes that has `etag`, and whether `out` may take that much: CONFLICT,
 * CORRUPT or LIMIT. */
TARN_MUST tarn_code tarn_store_slice(tarn_cx *cx, const tarn_range *range, int64_t size, const char *etag,
                                     const tarn_buf *out, int64_t *offset, size_t *n);
/* stores.c: the driver for a URI, or NULL. */
const tarn_store_driver *tarn_store_driver_for(tarn_str uri);
/* The schemes there are, "file, mem", for messages. */
const char *tarn_store_schemes(tarn_cx *cx);

extern const tarn_store_driver tarn_store_local, tarn_store_mem, tarn_store_s3;

#endif
