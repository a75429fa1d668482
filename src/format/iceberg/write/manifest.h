/* manifest.h: manifests and manifest lists as they are written (1.4, 1.5). */
#ifndef TARN_FORMAT_ICEBERG_WRITE_MANIFEST_H
#define TARN_FORMAT_ICEBERG_WRITE_MANIFEST_H

#include "codec/avro_write.h"
#include "codec/jsonw.h"
#include "format/iceberg/manifest.h"
#include "format/iceberg/write/write.h"

/* What the manifests of one commit share. */
typedef struct tarn_iceberg_writing {
    const tarn_table *table;
    const char *root; /* what recorded paths begin with */
    const char *id;   /* of the commit: unique in every try */
    int format_version;
    int64_t snapshot_id, sequence;
    int files; /* manifests written so far */
    TARN_VEC(const char *) written; /* keys of all that was written */
} tarn_iceberg_writing;

/* What a commit did, for its summary (1.9). */
typedef struct tarn_iceberg_counts {
    int64_t added_files, added_rows, added_bytes, removed_files, removed_rows, removed_bytes; /* bytes: deletes' too */
    int64_t added_vectors, added_position_files, added_positions;
    int64_t removed_vectors, removed_position_files, removed_positions, removed_key_files, removed_keys;
    int64_t partitions;
} tarn_iceberg_counts;

/* summary.c: the member "summary" of a snapshot. */
void tarn_iceberg_summary_put(tarn_cx *cx, tarn_jsonw *w, const struct tarn_iceberg_snapshot *base,
                              const tarn_change *change, const tarn_iceberg_counts *counts);

/* One file to be listed. Partition values by the fields of the spec, already transformed. */
typedef struct tarn_iceberg_listed {
    const char *path; /* key below the root */
    int64_t rows, size;
    const tarn_value *partition;
    const tarn_leaf_stats *stats;
    size_t n_stats;
    tarn_iceberg_content content;
    int64_t sequence;       /* -1: that of the commit */
    int32_t sort_order;     /* 0: none */
    const char *format;     /* "PARQUET", "PUFFIN" */
    const char *referenced; /* data file a delete file is for, as recorded; NULL: none */
    int64_t offset, length; /* of a deletion vector in its file; -1: none */
    int64_t first, last;    /* positions that are in it, of the data file `referenced` */
    int64_t first_row_id;   /* -1: as the manifest says */
} tarn_iceberg_listed;

/* Stores the bytes of a manifest under a name of its own, and says where in *out. */
TARN_MUST tarn_code tarn_iceberg_manifest_store(tarn_cx *cx, tarn_iceberg_writing *w, tarn_str bytes,
                                                tarn_iceberg_manifest *out);

/* Writes a manifest of added files and says what it is in *out (in cx->arena). */
TARN_MUST tarn_code tarn_iceberg_manifest_write(tarn_cx *cx, tarn_iceberg_writing *w, const tarn_schema *schema,
                                                int32_t schema_id, const tarn_iceberg_spec *spec, bool deletes,
                                                const tarn_iceberg_listed *files, size_t n, tarn_iceberg_manifest *out);
/* What the manifest list says of the partitions in a manifest, one set of values per file; a type NULL: not known. */
void tarn_iceberg_summarize(tarn_cx *cx, const tarn_type *const *types, size_t n_fields,
                            const tarn_value *const *partitions, size_t n, tarn_iceberg_manifest *out);
/* Whether a live entry stays; called once for each. */
typedef bool tarn_iceberg_stays_fn(void *state, const tarn_iceberg_entry *entry);
/* rewrite.c. Writes the manifest anew without the entries that do not stay, which are marked deleted; all else of its
 * entries stays as it was, byte for byte, but what they inherited is explicit. *changed false: all stay, nothing is
 * written. */
TARN_MUST tarn_code tarn_iceberg_manifest_rewrite(tarn_cx *cx, tarn_iceberg_writing *w, const char *location,
                                                  const tarn_iceberg_manifest *manifest, tarn_iceberg_stays_fn *stays,
                                                  void *state, tarn_iceberg_manifest *out, bool *changed);
/* Writes a manifest of the entries that this one added, as added by this commit; everything else of them stays as it
 * was, but for the ids of their rows, which are new. Files in it: out->added_files, none when it added none. */
TARN_MUST tarn_code tarn_iceberg_manifest_again(tarn_cx *cx, tarn_iceberg_writing *w, const char *location,
                                                const tarn_iceberg_manifest *manifest, tarn_iceberg_manifest *out);
/* A manifest like the one of these bytes is begun, with a field for the first row id where its entries need one. */
TARN_MUST tarn_code tarn_iceberg_manifest_begin(tarn_cx *cx, tarn_str like, bool row_ids, tarn_avro_writer *avro,
                                                tarn_buf *file);
/* The entry as one that was there before, all it inherited explicit. first_row_id -1: as it is. */
void tarn_iceberg_entry_copy(tarn_buf *out, const tarn_iceberg_layout *layout, const tarn_iceberg_entry *entry,
                             int64_t first_row_id);
/* regroup.c. The manifests of the version, or those of one spec, as fewer; others as they are. */
TARN_MUST tarn_code tarn_iceberg_regroup(tarn_cx *cx, tarn_iceberg_writing *w, struct tarn_iceberg_snapshot *s,
                                         const tarn_iceberg_plan *plan, tarn_regroup *regroup,
                                         tarn_iceberg_manifests *out);
/* Counts those that may become fewer. */
TARN_MUST tarn_code tarn_iceberg_regroup_count(tarn_cx *cx, struct tarn_iceberg_snapshot *s,
                                               const tarn_iceberg_plan *plan, tarn_regroup *regroup);
/* Writes the manifest list; *path as it is recorded in the snapshot. */
TARN_MUST tarn_code tarn_iceberg_list_write(tarn_cx *cx, tarn_iceberg_writing *w, int64_t parent,
                                            const tarn_iceberg_manifest *manifests, size_t n, const char **path);

#endif
