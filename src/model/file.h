/* file.h: data files of a snapshot, the statistics written with them, and groups of files that are read alike. */
#ifndef TARN_MODEL_FILE_H
#define TARN_MODEL_FILE_H

#include "model/prune.h"

/* Rows of a file that no longer count. Opaque above the format, which resolves it to a bitmap. */
typedef struct tarn_deletes {
    int64_t rows;      /* how many; -1: not known before they are read */
    int64_t files;     /* that say so; 0: one */
    const void *where; /* the format's own descriptor */
} tarn_deletes;

typedef struct tarn_file {
    tarn_str path; /* decoded once: a key below the table's root, or absolute ("/x", "s3://x") */
    int64_t size, mtime_ms;
    int64_t rows;                /* physical rows; -1: unknown */
    const tarn_value *partition; /* one per partition field of the snapshot; a format's own may follow */
    const tarn_deletes *deletes; /* NULL: none */
    int64_t sequence;            /* of the commit that brought it; deletes by key count where theirs is higher */
    int64_t first_row_id;        /* of a snapshot with row_ids: its rows count on from here; -1: they have none yet */
    uint32_t ordinal;            /* place in its snapshot */
    bool other_layout;           /* it was partitioned otherwise: null is what is not known of it */
    const void *entry;           /* the format's own record of it: ask here, as a tarn_file may be a copy */
} tarn_file;

/* Rows that are not deleted; -1: unknown. */
static inline int64_t tarn_file_live_rows(const tarn_file *f) {
    if (f->rows < 0 || (f->deletes && f->deletes->rows < 0)) return -1;
    return f->rows - (f->deletes ? f->deletes->rows : 0);
}

/* Min, max and nulls of one leaf column of a file just written. */
typedef struct tarn_leaf_stats {
    const tarn_field *field; /* the leaf, of the schema it was written with */
    const char *path;        /* logical dotted path of the leaf: "a" or "st.b" */
    tarn_bounds bounds;
    int64_t values, size; /* of it, nulls and members of lists counted; bytes it takes. 0: not known */
} tarn_leaf_stats;

/* How the files of a group yield one column of the table. */
typedef struct tarn_column_map {
    const tarn_field *field;    /* the table's column now */
    const tarn_type *file_type; /* NULL: as the column's; else members belong to the column's by their ids */
    int partition;              /* >= 0: constant, from tarn_file.partition[partition]; -1: in the file */
    bool fallback;              /* the constant stands only where the file has no value */
    enum { TARN_NOTHING, TARN_ROW_PLACE, TARN_FILE_SEQUENCE } otherwise; /* what stands where the file has no value:
                                   first_row_id and the row's place, or sequence; null in files without first_row_id */
} tarn_column_map;

typedef struct tarn_file_group tarn_file_group;

/* One of the values by which rows are deleted: a column, or a member inside one. */
typedef struct tarn_key {
    size_t data_column, key_column;   /* places in the columns of the data files' and of the keys' group */
    const tarn_field *const *members; /* from the column inwards */
    size_t n_members;
} tarn_key;

/* Rows deleted by value: those that equal a row of these files in all keys, null being equal to null, where that row's
 * file has the higher sequence. */
typedef struct tarn_key_deletes {
    const tarn_file_group *files;
    const tarn_key *keys;
    size_t n_keys;
} tarn_key_deletes;

/* Files that share a column map. */
struct tarn_file_group {
    const tarn_file **files;
    size_t n_files;
    const tarn_column_map *columns; /* the table's, then n_extra more that are read but not given */
    size_t n_columns, n_extra;
    bool by_field_id; /* else by physical name */
    const tarn_key_deletes *key_deletes;
    size_t n_key_deletes;
};

/* The group with `more` columns given after its own. */
void tarn_group_widen(tarn_arena *arena, tarn_file_group *group, const tarn_column_map *more, size_t n);

#endif
