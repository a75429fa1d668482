/* iceberg.h: an open Iceberg snapshot, shared by the files of this folder.
 *
 * Opening reads the metadata file alone. Manifests are read by the first call that asks for files: all of them, and
 * kept, when there are few files or no predicate; else each is decoded again, and only what survives the predicate is
 * kept, so that a million files cost no memory. */
#ifndef TARN_FORMAT_ICEBERG_ICEBERG_H
#define TARN_FORMAT_ICEBERG_ICEBERG_H

#include <pthread.h>

#include "base/map.h"
#include "format/format.h"
#include "format/iceberg/manifest.h"

/* A partition's values. Each exists once per snapshot, so equal partitions are equal pointers. */
typedef struct tarn_iceberg_tuple {
    int32_t spec_id;
    const tarn_value *values; /* one per field of its own spec */
    const tarn_value *shown;  /* per partition field of the snapshot, then per constant; null where there is none */
} tarn_iceberg_tuple;

/* An entry of a manifest that is in memory. */
typedef struct tarn_iceberg_file {
    tarn_file file; /* first: a tarn_file is its tarn_iceberg_file */
    const tarn_iceberg_manifest *manifest;
    const tarn_iceberg_layout *layout;
    const tarn_iceberg_tuple *tuple;
    tarn_str recorded; /* the path as recorded */
    tarn_str record;   /* the whole entry, encoded */
    int64_t sequence, first_row_id;
    uint8_t content, format; /* tarn_iceberg_content, tarn_iceberg_file_format */
    bool checked;            /* file.deletes and keys say what there is; under the snapshot's lock */
    const struct tarn_iceberg_keys *keys; /* equality deletes that apply; NULL: none */
} tarn_iceberg_file;

typedef enum tarn_iceberg_file_format {
    TARN_ICEBERG_PARQUET,
    TARN_ICEBERG_AVRO,
    TARN_ICEBERG_ORC,
    TARN_ICEBERG_PUFFIN,
    TARN_ICEBERG_OTHER_FORMAT
} tarn_iceberg_file_format;

/* Equality delete files, ascending by place. */
typedef struct tarn_iceberg_keys {
    const tarn_iceberg_file **files;
    size_t n;
} tarn_iceberg_keys;

/* A manifest of the snapshot and what is in memory of it. */
typedef struct tarn_iceberg_slot {
    const tarn_iceberg_manifest *manifest;
    uint32_t first; /* the ordinal of its first file, where counts are recorded */
    bool loaded;
    TARN_VEC(tarn_iceberg_file *) files; /* when loaded: the live ones, in order */
    tarn_map kept;                       /* else those that survived some predicate, by ordinal */
} tarn_iceberg_slot;

/* A spec as the snapshot's schema sees it. */
typedef struct tarn_iceberg_spec_use {
    const tarn_iceberg_spec *spec;
    const tarn_type **results; /* types per field; NULL: the source is not known */
    int *shown; /* per partition field of the snapshot and then per constant: the place in this spec, or -1 */
} tarn_iceberg_spec_use;

typedef struct tarn_iceberg_delete_index tarn_iceberg_delete_index;

typedef struct tarn_iceberg_snapshot {
    tarn_snapshot base;
    tarn_iceberg_metadata meta;
    tarn_snapshot *holds; /* whose memory `meta` is in; NULL: our own */
    const char *key;      /* of the metadata file */
    char etag[TARN_ETAG_TEXT];
    const tarn_iceberg_version *version; /* NULL: no commit has brought rows yet */
    int32_t schema_id;                   /* of base.schema */
    int64_t row_ids_end; /* ids of rows from here on are not final: a transaction has them that is not committed yet */
    int32_t *constants; /* ids of columns that some spec partitions by their values, in the order of the schema */
    size_t n_constants;
    const char *name_mapping;    /* JSON; NULL: none */
    const tarn_schema **schemas; /* per meta.schemas; NULL: not parsed yet */
    tarn_iceberg_spec_use *specs;
    size_t n_specs;
    pthread_mutex_t lock;      /* what follows grows under it, and nothing of it changes once there */
    pthread_mutex_t load_lock; /* held while manifests are loaded whole; taken before `lock` */
    bool listed;
    tarn_iceberg_slot *slots; /* data manifests first */
    size_t n_slots, n_data;
    int64_t n_files; /* -1: not recorded in the manifest list */
    tarn_map tuples;
    TARN_VEC(const tarn_iceberg_tuple *) tuple_list;
    tarn_iceberg_delete_index *deletes; /* NULL: not loaded */
    tarn_map footers;                   /* what is known of files' columns: see footers.c */
} tarn_iceberg_snapshot;

static inline tarn_iceberg_snapshot *tarn_iceberg_of(const tarn_snapshot *s) {
    return (tarn_iceberg_snapshot *)(uintptr_t)s;
}

/* snapshot.c */
/* The newest version of the table or a branch of it, from the text of its metadata file, which is or would be at `key`.
 */
TARN_MUST tarn_code tarn_iceberg_open_text(tarn_cx *cx, const tarn_table *table, const char *key, tarn_str text,
                                           const char *branch, tarn_snapshot **out);
/* Another version of the table, or (NULL) the table before the first one, with the columns and partition fields of
 * `like`. */
TARN_MUST tarn_code tarn_iceberg_open_like(tarn_cx *cx, tarn_iceberg_snapshot *like, const tarn_iceberg_version *version,
                                           tarn_snapshot **out);
/* A field by id, of the snapshot's schema or of the newest other one that has it; NULL: none. */
const tarn_field *tarn_iceberg_any_field(tarn_cx *cx, tarn_iceberg_snapshot *s, int32_t id);

/* load.c: from manifests to files. */
TARN_MUST tarn_code tarn_iceberg_list(tarn_cx *cx, tarn_iceberg_snapshot *s);
/* Called for each live entry; `file` NULL: the entry is not in memory yet, and tarn_iceberg_keep puts it there. */
typedef struct tarn_iceberg_walk tarn_iceberg_walk;
typedef tarn_code tarn_iceberg_entry_fn(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *entry,
                                        int64_t first_row_id, const tarn_iceberg_tuple *tuple);
struct tarn_iceberg_walk {
    tarn_iceberg_snapshot *s;
    size_t slot;
    const tarn_iceberg_manifest *manifest; /* in place of the slot's; NULL: the slot's */
    uint32_t ordinal; /* of the current entry among the live ones */
    tarn_iceberg_layout *layout;
    tarn_arena *keep; /* for what is kept: becomes part of the snapshot */
    bool deleted;     /* entries with status DELETED are given too */
    tarn_iceberg_entry_fn *fn;
    void *state;
    bool fresh;                          /* some of `files` are in `keep`; the others were in memory before */
    TARN_VEC(tarn_iceberg_file *) files; /* kept, in cx->arena */
};
/* Decodes the manifest of walk->slot. */
TARN_MUST tarn_code tarn_iceberg_walk_manifest(tarn_cx *cx, tarn_iceberg_walk *walk);
TARN_MUST tarn_code tarn_iceberg_keep(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *entry,
                                      int64_t first_row_id, const tarn_iceberg_tuple *tuple);
/* All live entries of the slots [from, to) in memory. */
TARN_MUST tarn_code tarn_iceberg_load(tarn_cx *cx, tarn_iceberg_snapshot *s, size_t from, size_t to);
/* The entry as it was in its manifest. */
void tarn_iceberg_entry_of(const tarn_iceberg_file *f, tarn_iceberg_entry *out);
const tarn_iceberg_spec_use *tarn_iceberg_spec_use_of(const tarn_iceberg_snapshot *s, int32_t spec_id);

/* files.c: which files may match. */
tarn_code tarn_iceberg_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out);
tarn_code tarn_iceberg_count(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files);
void tarn_iceberg_bounds(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path,
                         tarn_bounds *out);

/* groups.c: how files are read. */
tarn_code tarn_iceberg_groups(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                              tarn_file_group **out, size_t *n_out);

/* history.c */
tarn_code tarn_iceberg_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                               tarn_history_entry **out, size_t *n);
tarn_code tarn_iceberg_detail(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out);

/* changes.c */
tarn_code tarn_iceberg_changes(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                               tarn_changed_files *out);
tarn_code tarn_iceberg_like(tarn_cx *cx, tarn_snapshot *snapshot, tarn_snapshot *like, tarn_snapshot **out);

/* tables/tables.c */
tarn_code tarn_iceberg_metadata_table(tarn_cx *cx, tarn_snapshot *snapshot, const char *name, tarn_rowset **out);

#endif
