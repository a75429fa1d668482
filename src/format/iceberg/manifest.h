/* manifest.h: manifest lists and manifests: what a snapshot's files are (1.4, 1.5). */
#ifndef TARN_FORMAT_ICEBERG_MANIFEST_H
#define TARN_FORMAT_ICEBERG_MANIFEST_H

#include "codec/avro.h"
#include "format/iceberg/metadata.h"

/* What a manifest says of one partition field of its files. */
typedef struct tarn_iceberg_range {
    bool null;          /* some file has null */
    bool nan;           /* or may have NaN */
    tarn_str low, high; /* binary form; .p NULL: none */
} tarn_iceberg_range;

typedef struct tarn_iceberg_manifest {
    tarn_str path; /* as recorded */
    int64_t length;
    int32_t spec_id;
    bool deletes; /* it lists delete files, else data files */
    int64_t sequence, min_sequence, added_snapshot_id;
    int64_t added_files, existing_files, deleted_files; /* -1: not recorded */
    int64_t added_rows, existing_rows, deleted_rows;
    int64_t first_row_id; /* -1: none */
    const tarn_iceberg_range *ranges;
    size_t n_ranges;
    bool encrypted;
} tarn_iceberg_manifest;

typedef TARN_VEC(tarn_iceberg_manifest) tarn_iceberg_manifests;

/* The manifests of a version, from its manifest list, or from the array that version 1 may have in its place; those
 * of data files first. Texts in `arena`. */
TARN_MUST tarn_code tarn_iceberg_manifests_read(tarn_cx *cx, tarn_arena *arena, tarn_store *store,
                                                const tarn_iceberg_metadata *m, const tarn_iceberg_version *version,
                                                tarn_iceberg_manifests *out);

/* Where in a manifest's records the fields are that are looked at; by field id. */
enum { TARN_ICEBERG_FIELDS_MAX = 64 };

typedef struct tarn_iceberg_layout {
    const tarn_avro_type *entry;
    const tarn_avro_type *partition; /* its record; NULL: none */
} tarn_iceberg_layout;

typedef enum tarn_iceberg_content { TARN_ICEBERG_DATA, TARN_ICEBERG_POSITIONS, TARN_ICEBERG_KEYS } tarn_iceberg_content;
typedef enum tarn_iceberg_status {
    TARN_ICEBERG_EXISTING,
    TARN_ICEBERG_ADDED,
    TARN_ICEBERG_DELETED
} tarn_iceberg_status;

/* The maps of statistics, as places in the record. */
typedef enum tarn_iceberg_stats {
    TARN_ICEBERG_SIZES,
    TARN_ICEBERG_VALUES,
    TARN_ICEBERG_NULLS,
    TARN_ICEBERG_NANS,
    TARN_ICEBERG_LOWER,
    TARN_ICEBERG_UPPER,
    TARN_ICEBERG_N_STATS
} tarn_iceberg_stats;

typedef struct tarn_iceberg_entry {
    tarn_iceberg_status status;
    tarn_iceberg_content content;
    int64_t snapshot_id, sequence, file_sequence; /* -1: not recorded, even by the manifest */
    tarn_str path, format;                        /* as recorded */
    int64_t rows, size;
    int64_t first_row_id;   /* as recorded; -1: none */
    tarn_str referenced;    /* data file a delete file is for; .p NULL: none */
    int64_t offset, length; /* of a deletion vector in its file; -1: none */
    int64_t sort_order;     /* -1: none */
    bool encrypted;
    tarn_str partition; /* encoded; .p NULL: none */
    struct {
        const char *at; /* NULL: not there */
        const tarn_avro_type *type;
    } stats[TARN_ICEBERG_N_STATS], split_offsets, equality_ids;
    tarn_str record; /* encoded, whole */
} tarn_iceberg_entry;

/* The layout of a manifest's records; CORRUPT when a field without which nothing goes is missing. */
TARN_MUST tarn_code tarn_iceberg_layout_of(tarn_cx *cx, const tarn_avro_header *header, tarn_iceberg_layout *out);
/* The entry at the cursor, with what it inherits from the manifest (1.5), but for row ids. Points into the block.
 * Errors are the cursor's. */
void tarn_iceberg_entry_read(tarn_avro_cursor *c, const tarn_iceberg_layout *layout,
                             const tarn_iceberg_manifest *manifest, tarn_iceberg_entry *out);
/* Reads a manifest and calls fn for each entry, of any status. Paths are taken as tarn_iceberg_path says. */
typedef tarn_code tarn_iceberg_each_fn(tarn_cx *cx, void *state, const tarn_iceberg_layout *layout,
                                       const tarn_iceberg_entry *entry);
TARN_MUST tarn_code tarn_iceberg_each_entry(tarn_cx *cx, tarn_store *store, const char *location,
                                            const tarn_iceberg_manifest *manifest, tarn_iceberg_each_fn *fn,
                                            void *state);
/* The same of a manifest's bytes; what their header says lies in the arena. */
TARN_MUST tarn_code tarn_iceberg_each_in(tarn_cx *cx, tarn_arena *arena, const tarn_iceberg_manifest *manifest,
                                         tarn_str bytes, tarn_iceberg_each_fn *fn, void *state);
/* One column's place in a map of counts or bounds. */
bool tarn_iceberg_stat_count(const tarn_iceberg_entry *e, tarn_iceberg_stats which, int32_t id, int64_t *out);
bool tarn_iceberg_stat_bound(const tarn_iceberg_entry *e, tarn_iceberg_stats which, int32_t id, tarn_str *out);

/* value.c: a value's binary form (1.7). False: it is none of the type's. */
bool tarn_iceberg_value(tarn_str bytes, const tarn_type *type, tarn_value *out);
/* Turns a value into what DuckDB gives for it. */
void tarn_iceberg_as_read(tarn_value *v);
/* The value at the cursor, always passed over; false: null. */
bool tarn_iceberg_partition_value(tarn_avro_cursor *c, const tarn_avro_type *type, const tarn_type *as,
                                  tarn_value *out);

#endif
