/* snapshot.h: the nouns of a format: an open table, a point in its history, one version of it, its files. */
#ifndef TARN_FORMAT_SNAPSHOT_H
#define TARN_FORMAT_SNAPSHOT_H

#include "engine/engine.h"
#include "format/committer.h"
#include "model/change.h"
#include "model/transform.h"
#include "store/store.h"

typedef struct tarn_format tarn_format;

typedef struct tarn_table {
    const tarn_format *format;
    tarn_store *store;         /* rooted at the table; held by the table */
    const char *location;      /* as the catalog or the user names it, for messages */
    const char *name;          /* "lake.main.t", or NULL for a path */
    const char *file;          /* the metadata file the location named: this version is the table; NULL: none */
    tarn_engine *engine;       /* for formats whose metadata is Parquet; loaded only when needed */
    tarn_committer *committer; /* NULL: the store alone says which version is the newest */
} tarn_table;

typedef enum tarn_at_kind { TARN_AT_LATEST, TARN_AT_VERSION, TARN_AT_TIMESTAMP, TARN_AT_REF } tarn_at_kind;

/* Which version: a number, the newest one not after an instant, or a name (branch, tag, instant). */
typedef struct tarn_at {
    tarn_at_kind kind;
    int64_t version;
    int64_t timestamp_us;
    const char *ref;
} tarn_at;

typedef struct tarn_partition_field {
    const char *name;
    int column;       /* ordinal in the schema */
    const char *path; /* "s.a": a member of that column; NULL: the column */
    tarn_transform transform;
    int param;
    bool own_name; /* CREATE TABLE would call it otherwise by itself */
} tarn_partition_field;

typedef struct tarn_snapshot {
    const tarn_format *format;
    const tarn_table *table; /* outlives the snapshot */
    int64_t version;         /* -1: the table does not exist yet (the base of a CREATE) */
    int64_t timestamp_ms;    /* of its commit */
    const char *id;          /* the table's own id */
    const char *comment;     /* NULL: none */
    int64_t created_ms;
    const tarn_schema *schema;
    const tarn_partition_field *partition;
    size_t n_partition;
    size_t n_more; /* values of each file that follow those of its partition, for the format alone */
    const tarn_sort_by *sort_by; /* of the rows in new files */
    size_t n_sort_by;
    const tarn_pair *properties;
    size_t n_properties;
    const tarn_pair *checks; /* CHECK constraints: name, SQL; NOT NULL is in the schema */
    size_t n_checks;
    int64_t own_id;        /* what the format calls this version, where that is not its number; else -1 */
    const char *branch;    /* that a commit on top of it moves, of a TARN_CAN_BRANCH format; NULL: the table itself */
    const tarn_field *row_ids; /* the two columns in which files keep the ids of rows that moved, and the sequence of
                                  the commit that wrote them last; NULL: rows have no ids */
    const char *pointer;   /* the metadata file it was read from, of a TARN_IN_CATALOG format; else NULL */
    const char *read_only; /* why it cannot be written ("writer feature \"x\" is not supported"); NULL: it can */
    tarn_arena *arena;
    atomic_int refs;
} tarn_snapshot;

/* format.c: what it is partitioned by, as a change says it; with the columns' names of `schema`, which has them in the
 * same places. */
const tarn_partition_by *tarn_snapshot_partition_by(tarn_arena *arena, const tarn_snapshot *snapshot,
                                                    const tarn_schema *schema);

/* A change that replaces the table leaves its order as it is, where its columns stay. */
void tarn_change_keep_order(tarn_change *change, const tarn_snapshot *snapshot);

/* Files that may match, in cx->arena; the file entries themselves live as long as the snapshot. */
typedef struct tarn_file_list {
    TARN_VEC(const tarn_file *) files;
    int64_t total_files, total_bytes;
    int64_t pruned_by_partition, pruned_by_stats; /* files */
    int64_t bytes;                                /* of `files` */
} tarn_file_list;

/* What a file is for. */
typedef enum tarn_file_kind {
    TARN_FILE_DATA,
    TARN_FILE_ROW_DELETES,
    TARN_FILE_KEY_DELETES,
    TARN_FILE_MANIFEST,
    TARN_FILE_MANIFEST_LIST,
    TARN_FILE_STATISTICS,
    TARN_FILE_KINDS
} tarn_file_kind;

/* `key` is below the table's root, or absolute. */
typedef void tarn_unneeded_fn(void *state, tarn_file_kind kind, tarn_str key);

#endif
