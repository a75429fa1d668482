/* file.h: data files of a snapshot, the statistics written with them, and groups of files that are read alike. */
#ifndef TARN_MODEL_FILE_H
#define TARN_MODEL_FILE_H

#include "model/prune.h"

/* Rows of a file that no longer count. Opaque above the format, which resolves it to a bitmap. */
typedef struct tarn_deletes {
    int64_t rows;      /* how many */
    const void *where; /* the format's own descriptor */
} tarn_deletes;

typedef struct tarn_file {
    tarn_str path; /* decoded once: a key below the table's root, or absolute ("/x", "s3://x") */
    int64_t size, mtime_ms;
    int64_t rows;                /* physical rows; -1: unknown */
    const tarn_value *partition; /* one per partition field of the snapshot */
    const tarn_deletes *deletes; /* NULL: none */
    uint32_t ordinal;            /* place in its snapshot */
    const void *entry;           /* the format's own record of it: ask here, as a tarn_file may be a copy */
} tarn_file;

/* Min, max and nulls of one leaf column of a file just written. */
typedef struct tarn_leaf_stats {
    const tarn_field *field; /* the leaf, of the schema it was written with */
    const char *path;        /* logical dotted path of the leaf: "a" or "st.b" */
    tarn_bounds bounds;
} tarn_leaf_stats;

/* How the files of a group yield one column of the table. */
typedef struct tarn_column_map {
    const tarn_field *field;    /* the table's column now */
    const tarn_type *file_type; /* NULL: as the column's */
    int partition;              /* >= 0: constant, from tarn_file.partition[partition]; -1: in the file */
} tarn_column_map;

/* Files that share a column map. */
typedef struct tarn_file_group {
    const tarn_file **files;
    size_t n_files;
    const tarn_column_map *columns;
    size_t n_columns;
    bool by_field_id; /* else by physical name */
} tarn_file_group;

#endif
