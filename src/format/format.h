/* format.h: what a table format must do. Three formats fill this vtable; everything above is written once over it.
 *
 * A tarn_table is an open table: where it lies and how commits are published. A tarn_snapshot is one version of it:
 * immutable, reference-counted, shared by threads. Callers use the tarn_table_… and tarn_snapshot_… functions, never
 * the callbacks. */
#ifndef TARN_FORMAT_FORMAT_H
#define TARN_FORMAT_FORMAT_H

#include "format/records.h"

/* features bits: what a format can do at all; answered once, by tarn_format_require. */
enum {
    TARN_CAN_WRITE = 1 << 0,
    TARN_CAN_ROW_DELETES = 1 << 1, /* rows of a file can be marked deleted */
    TARN_CAN_BRANCH = 1 << 2,      /* versions have names, and are forgotten one by one */
    TARN_CAN_TRANSFORM = 1 << 3,   /* hidden partitioning */
    TARN_CAN_RENAME = 1 << 4,      /* rename and drop columns without rewriting */
    TARN_CAN_APP_TRANSACTIONS = 1 << 5,
    TARN_HOLDS_PARTITIONS = 1 << 7, /* data files hold the columns they are partitioned by */
    TARN_CAN_REGROUP = 1 << 10,    /* the lists of its files can be written anew by themselves */
    TARN_CAN_COUNT = 1 << 8,        /* IDENTITY columns */
    TARN_CAN_FILL = 1 << 11,        /* an added column has its default in the rows there are */
    TARN_CAN_FIND = 1 << 12,        /* files that were not written for the table can be its own (change->by_name) */
    TARN_CAN_SORT = 1 << 9,         /* files in an order that the table says, and fields that tell rows apart */
    TARN_IN_CATALOG = 1 << 6        /* the newest version of a table in the catalog is the one the catalog points at */
};

struct tarn_format {
    const char *name;        /* "delta" */
    const char *title;       /* "Delta Lake" */
    const char *data_folder; /* where new data files go: a key below the root, "" for the root itself */
    const char *data_prefix; /* how data files are called: "part-" */
    /* The table properties that say how large data files become, and how they are compressed. */
    const char *file_size_property, *compression_property;
    const char *change_folder, *change_prefix; /* the same of files of changed rows; see records_changes */
    uint64_t features;

    /* READING. All required. */

    /* Whether a location names a metadata file of the table, and how many of its bytes name the root. NULL: never. */
    bool (*names_file)(tarn_str location, size_t *root);
    /* Whether the store's root holds a table of this format. One or two requests. */
    tarn_code (*detect)(tarn_cx *cx, tarn_store *store, bool *found);
    /* Loads schema and properties of a version; files may be loaded later, by the first call that needs them. `prev`
     * (NULL: none) is an older snapshot of the same table whose work may be reused. NOTFOUND names the versions there
     * are. The gate for features not supported is here. */
    tarn_code (*open)(tarn_cx *cx, const tarn_table *table, const tarn_at *at, tarn_snapshot *prev,
                      tarn_snapshot **out);
    /* Called once, by the last tarn_snapshot_release. Frees everything, the arena too. */
    void (*free)(tarn_snapshot *snapshot);
    /* How many files there are, or about. NULL callback: that is no cheaper to know than the files. */
    tarn_code (*count)(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files);
    /* Files that may hold rows for which `where` (NULL: all) is true. */
    tarn_code (*files)(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out);
    /* Splits files by how they are read. */
    tarn_code (*groups)(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                        tarn_file_group **out, size_t *n_out);
    /* What is known of a column of a file; nothing known is fine. */
    void (*bounds)(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path, tarn_bounds *out);
    /* The deleted rows of a file; the caller frees the bitmap. Called only where file->deletes is set. */
    tarn_code (*deleted)(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file, tarn_roaring64 **out);
    /* Reads together what `deleted` will be asked about these files. What cannot be read is left to it. NULL callback:
     * that is no cheaper. */
    tarn_code (*fetch_deleted)(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n);
    /* Newest first, at most `limit` (0: all there are), in cx->arena. `ref` NULL: of the table, else of a branch or tag
     * of it, with TARN_CAN_BRANCH. Never loads the engine. */
    tarn_code (*history)(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                         tarn_history_entry **out, size_t *n);
    tarn_code (*detail)(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out);
    /* A metadata table of the format's own (t.snapshots), or in place of a common one; *out NULL: none of that name. */
    tarn_code (*metadata_table)(tarn_cx *cx, tarn_snapshot *snapshot, const char *name, tarn_rowset **out);
    /* The version an application transaction last committed, or -1. NULL callback where the format has none. */
    tarn_code (*app_version)(tarn_cx *cx, tarn_snapshot *snapshot, const char *app_id, int64_t *version);

    /* What the commits from `from` up to that of `end` did to rows, oldest first, the files in `arena`, readable with
     * the schema of `end`. On failure too, rows and snapshots of what was given are the caller's. NULL callback: no
     * change feed. */
    tarn_code (*changes)(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                         tarn_changed_files *out);
    /* The same version, opened so that its files are read with the schema of `like`. NULL callback: they are anyway. */
    tarn_code (*like)(tarn_cx *cx, tarn_snapshot *snapshot, tarn_snapshot *like, tarn_snapshot **out);

    /* A view of others, from its metadata file. NULL callback: the format knows no views. */
    tarn_code (*view)(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena, tarn_view *out);

    /* WRITING. Required with TARN_CAN_WRITE. */

    /* Refuses a change the format cannot express, before data is written; fills in what it implies (properties,
     * defaults). `base` NULL: a new table. */
    tarn_code (*prepare)(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change);
    /* Writes the metadata of the change on top of base and publishes it as *version, through the committer. EXISTS:
     * somebody else was first. Data files are durable already. */
    tarn_code (*commit)(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change,
                        int64_t *version);
    /* Reads what was committed after base; when the change is still true gives the newest snapshot as *fresh, else
     * CONFLICT naming the winner (version, operation, writer). Where the winner marked other rows of a file that the
     * change marks rows of, the change is made to mark both. */
    tarn_code (*rebase)(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                        tarn_snapshot **fresh);
    /* Base with the change on it, as if committed as `version`: what a transaction reads, and the next base after a
     * commit. */
    tarn_code (*apply)(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                       tarn_snapshot **out);
    /* Checkpoint, checksum, log clean-up, as due after `snapshot` was committed. A failure is only logged. */
    void (*maintain)(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot);
    /* Whether rows that this change takes away are to be marked in their files, instead of the files being written
     * anew. Required, as the next two, with TARN_CAN_ROW_DELETES. */
    bool (*marks_rows)(const tarn_snapshot *snapshot, const tarn_change *change);
    /* Stores the rows of each file as deleted, added to those that the file has already, and gives the descriptors.
     * Keys of objects it writes go into change->written. */
    tarn_code (*write_deletes)(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *items, size_t n,
                               tarn_change *change);
    /* All rows that are deleted in the file of an add with such a descriptor; the caller frees the bitmap. */
    tarn_code (*marked)(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_add *add, tarn_roaring64 **out);
    /* A version and those it came from, newest first. Required, as the next one, with TARN_CAN_BRANCH. */
    tarn_code (*ancestors)(tarn_cx *cx, tarn_snapshot *snapshot, tarn_ancestor **out, size_t *n);
    /* Fills the change that does to base what the commit of another version did to its own: moves base there when it
     * was made on top of base, or else adds its rows. INVALID when base holds it already, UNSUPPORTED for more than
     * adds. */
    tarn_code (*pick)(tarn_cx *cx, tarn_snapshot *base, tarn_pick *pick, tarn_change *change);
    /* Whether changes whose rows cannot be told from the files they add and remove bring files of these rows
     * (change->recorded). NULL callback: never. */
    bool (*records_changes)(const tarn_snapshot *snapshot);
    /* Calls keep(state, key) for every file below the root that a version younger than `retention_ms` needs (VACUUM
     * removes the others), and says through *retention_ms_min the least retention that is safe. */
    tarn_code (*needed)(tarn_cx *cx, tarn_snapshot *snapshot, int64_t retention_ms,
                        void (*keep)(void *state, tarn_str key), void *state);
    int64_t (*retention_ms)(tarn_snapshot *snapshot);
    /* Calls each(state, kind, key) for every file that a version known to `before` needs and none known to `after`, the
     * table as it is later. NULL callback: versions are not forgotten one by one. */
    tarn_code (*unneeded)(tarn_cx *cx, tarn_snapshot *before, tarn_snapshot *after, tarn_unneeded_fn *each,
                          void *state);
};

/* formats.c: the list. By name; UNSUPPORTED with the names there are. */
TARN_MUST tarn_code tarn_format_find(tarn_cx *cx, tarn_str name, const tarn_format **out);
/* The format of what lies in the store; NOTFOUND when there is no table. */
TARN_MUST tarn_code tarn_format_detect(tarn_cx *cx, tarn_store *store, const tarn_format **out);
/* The format whose metadata file a location names: see names_file. */
bool tarn_format_of_file(tarn_str location, size_t *root, const tarn_format **out);
/* UNSUPPORTED: "<format> tables have no <what>". */
TARN_MUST tarn_code tarn_format_require(tarn_cx *cx, const tarn_format *format, uint64_t features, const char *what);

/* format.c: checked calls. */
TARN_MUST tarn_code tarn_table_open(tarn_cx *cx, const tarn_table *table, const tarn_at *at, tarn_snapshot *prev,
                                    tarn_snapshot **out);
tarn_snapshot *tarn_snapshot_retain(tarn_snapshot *snapshot);
void tarn_snapshot_release(tarn_snapshot *snapshot);
static inline void tarn_snapshot_releasep(tarn_snapshot **s) { tarn_snapshot_release(*s); }
TARN_MUST tarn_code tarn_snapshot_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where,
                                        tarn_file_list *out);
TARN_MUST tarn_code tarn_snapshot_count(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files);
/* For a format with TARN_CAN_BRANCH. */
TARN_MUST tarn_code tarn_snapshot_ancestors(tarn_cx *cx, tarn_snapshot *snapshot, tarn_ancestor **out, size_t *n);
TARN_MUST tarn_code tarn_snapshot_pick(tarn_cx *cx, tarn_snapshot *base, tarn_pick *pick, tarn_change *change);
/* NULL when not set. */
const char *tarn_snapshot_property(const tarn_snapshot *snapshot, const char *name);
/* See the callbacks of the same names. app_version is -1 for a format without application transactions. */
TARN_MUST tarn_code tarn_table_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change);
TARN_MUST tarn_code tarn_table_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                                       tarn_history_entry **out, size_t *n);
TARN_MUST tarn_code tarn_snapshot_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                                        tarn_snapshot **out);
TARN_MUST tarn_code tarn_snapshot_detail(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out);
TARN_MUST tarn_code tarn_snapshot_metadata_table(tarn_cx *cx, tarn_snapshot *snapshot, const char *name,
                                                 tarn_rowset **out);
TARN_MUST tarn_code tarn_snapshot_app_version(tarn_cx *cx, tarn_snapshot *snapshot, const char *app_id,
                                              int64_t *version);
TARN_MUST tarn_code tarn_snapshot_changes(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                                          tarn_changed_files *out);
/* UNSUPPORTED for a format that does not forget versions one by one. */
TARN_MUST tarn_code tarn_snapshot_unneeded(tarn_cx *cx, tarn_snapshot *before, tarn_snapshot *after,
                                           tarn_unneeded_fn *each, void *state);
/* UNSUPPORTED with the reason when the table is read-only. */
TARN_MUST tarn_code tarn_snapshot_writable(tarn_cx *cx, const tarn_snapshot *snapshot);
/* Refs 1, an arena of its own; `size` is that of the format's own struct, which begins with a tarn_snapshot. */
tarn_snapshot *tarn_snapshot_new(const tarn_table *table, size_t size);

#endif
