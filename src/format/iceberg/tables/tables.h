/* tables.h: what an Iceberg table says of itself as rows, with the columns that Spark gives them. */
#ifndef TARN_FORMAT_ICEBERG_TABLES_TABLES_H
#define TARN_FORMAT_ICEBERG_TABLES_TABLES_H

#include "codec/arrow.h"
#include "format/iceberg/iceberg.h"

/* What is told: of the snapshot, or of all there are. */
typedef enum tarn_iceberg_told {
    TARN_TELL_DATA = 1 << 0,
    TARN_TELL_DELETES = 1 << 1,
    TARN_TELL_ENTRIES = 1 << 2, /* with what the manifests say of files, and those that were deleted */
    TARN_TELL_ALL = 1 << 3
} tarn_iceberg_told;

typedef TARN_VEC(tarn_rowset_column) tarn_iceberg_columns;

/* A member of the column "partition": one for each field of any spec, by field id. */
typedef struct tarn_iceberg_shown {
    int32_t field_id;
    const char *name;
    const tarn_type *type; /* NULL: its source is not known */
} tarn_iceberg_shown;
typedef TARN_VEC(tarn_iceberg_shown) tarn_iceberg_shown_list;

/* values.c */
void tarn_tell_known(tarn_rowset *rows, int64_t v); /* below 0: null */
/* The column of a type, which is not nested. */
tarn_rowset_column tarn_tell_column(tarn_arena *arena, const char *name, const tarn_type *type);
/* A value of such a column; NULL: null. */
void tarn_tell_value(tarn_rowset *rows, const tarn_value *value, const tarn_type *type);
void tarn_tell_shown(tarn_arena *arena, const tarn_iceberg_snapshot *s, tarn_iceberg_shown_list *out);
/* Nothing where no spec has fields: neither the column nor its value. */
void tarn_tell_partition_column(tarn_arena *arena, const tarn_iceberg_shown_list *shown, tarn_iceberg_columns *out);
void tarn_tell_partition(const tarn_iceberg_snapshot *s, const tarn_iceberg_shown_list *shown,
                         const tarn_iceberg_tuple *tuple, tarn_rowset *rows);

/* files.c: files and entries. Read manifest by manifest while the rows are asked for. */
TARN_MUST tarn_code tarn_tell_files(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out);
/* The manifests of the snapshot, or of all snapshots, each once; in `arena`. */
typedef TARN_VEC(const tarn_iceberg_manifest *) tarn_iceberg_manifest_list;
TARN_MUST tarn_code tarn_tell_find_manifests(tarn_cx *cx, tarn_arena *arena, tarn_iceberg_snapshot *s, int told,
                                             tarn_iceberg_manifest_list *out);

/* manifests.c, partitions.c, positions.c */
TARN_MUST tarn_code tarn_tell_manifests(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out);
TARN_MUST tarn_code tarn_tell_partitions(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out);
TARN_MUST tarn_code tarn_tell_positions(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out);

#endif
