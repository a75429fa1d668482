/* metadata.h: an Iceberg table's metadata file as structures. Snapshots and schemas stay text until they are needed:
 * a file may hold hundreds of thousands of them. "1.x" in comments are sections of the format's digest. */
#ifndef TARN_FORMAT_ICEBERG_METADATA_H
#define TARN_FORMAT_ICEBERG_METADATA_H

#include "codec/json_tree.h"
#include "format/format.h"

/* Names of our own properties begin so; then the name of a constraint, the id of a column, of an application. */
#define TARN_ICEBERG_CHECK "tarn.check."
#define TARN_ICEBERG_DEFAULT "tarn.default."
#define TARN_ICEBERG_GENERATED "tarn.generated."
#define TARN_ICEBERG_TXN "tarn.txn."
#define TARN_ICEBERG_NAME_MAPPING "schema.name-mapping.default"
/* Shown and set as if it were a property; the metadata has a member of its own for it. */
#define TARN_ICEBERG_VERSION "format-version"
#define TARN_ICEBERG_FILE_SIZE "write.target-file-size-bytes"
#define TARN_ICEBERG_COMPRESSION "write.parquet.compression-codec"

/* One entry of "snapshots". Texts are JSON and point into the metadata file. */
typedef struct tarn_iceberg_version {
    int64_t id, parent; /* parent -1: none */
    int64_t sequence;   /* 0 in version 1 */
    int64_t timestamp_ms;
    int64_t first_row_id, added_rows; /* -1: not recorded (before version 3) */
    int32_t schema_id;                /* -1: not recorded */
    tarn_str manifest_list;           /* still escaped; .p NULL: none */
    tarn_str manifests;               /* version 1: the array of manifests in its place */
    tarn_str json;                    /* the whole entry */
} tarn_iceberg_version;

typedef struct tarn_iceberg_ref {
    const char *name;
    int64_t snapshot_id;
    bool branch;                                                /* else a tag */
    int64_t snapshots_min, snapshot_age_ms_max, ref_age_ms_max; /* -1: not set */
} tarn_iceberg_ref;

typedef struct tarn_iceberg_log_entry {
    int64_t timestamp_ms;
    int64_t snapshot_id; /* of the snapshot log */
    const char *file;    /* of the metadata log */
} tarn_iceberg_log_entry;

typedef struct tarn_iceberg_schema {
    int32_t id;
    tarn_str json;
} tarn_iceberg_schema;

typedef struct tarn_iceberg_spec_field {
    int32_t source_id, field_id; /* source_id -1: several sources, or none that is known */
    const char *name;
    const char *text; /* the transform as written */
    tarn_transform transform;
    int param;
    const tarn_type *source; /* for a writer: the type of a column that is no longer there; else NULL */
} tarn_iceberg_spec_field;

typedef struct tarn_iceberg_spec {
    int32_t id;
    tarn_iceberg_spec_field *fields;
    size_t n_fields;
} tarn_iceberg_spec;

typedef struct tarn_iceberg_metadata {
    tarn_str text; /* the file, unpacked */
    int format_version;
    const char *uuid;     /* NULL: none */
    const char *location; /* as recorded */
    int64_t last_sequence, last_updated_ms, next_row_id;
    int32_t last_column_id, last_partition_id;
    TARN_VEC(tarn_iceberg_schema) schemas;
    int32_t schema_id;
    TARN_VEC(tarn_iceberg_spec) specs;
    int32_t spec_id;
    tarn_str sort_orders; /* JSON; .p NULL: none */
    int32_t sort_order_id;
    TARN_VEC(tarn_pair) properties;
    int64_t snapshot_id; /* -1: none */
    TARN_VEC(tarn_iceberg_version) versions;
    TARN_VEC(tarn_iceberg_ref) refs;
    TARN_VEC(tarn_iceberg_log_entry) snapshot_log, metadata_log;
    tarn_str statistics, partition_statistics; /* JSON; .p NULL: none */
    tarn_str encryption_keys;                  /* the same */
} tarn_iceberg_metadata;

/* Parses the text of a metadata file, which must outlive what is made. UNSUPPORTED above format version 3. */
TARN_MUST tarn_code tarn_iceberg_metadata_parse(tarn_cx *cx, tarn_arena *arena, tarn_str text,
                                                tarn_iceberg_metadata *out);
const tarn_iceberg_version *tarn_iceberg_version_find(const tarn_iceberg_metadata *m, int64_t snapshot_id);
/* By snapshot id, else by sequence number, of the newest that has it. */
const tarn_iceberg_version *tarn_iceberg_version_at(const tarn_iceberg_metadata *m, int64_t version);
const tarn_iceberg_ref *tarn_iceberg_ref_find(const tarn_iceberg_metadata *m, const char *name);
const tarn_iceberg_spec *tarn_iceberg_spec_find(const tarn_iceberg_metadata *m, int32_t id);
const char *tarn_iceberg_property(const tarn_iceberg_metadata *m, const char *name);
/* A member of a snapshot's "summary" as text, or NULL. */
const char *tarn_iceberg_summary(tarn_cx *cx, const tarn_iceberg_version *v, const char *name);
/* The fields array of a partition spec, as in metadata files and in the header of manifests (1.3). */
TARN_MUST tarn_code tarn_iceberg_spec_parse(tarn_cx *cx, tarn_arena *arena, const tarn_json_value *fields, int32_t id,
                                            tarn_iceberg_spec *out);

/* schema.c: a schema's JSON (1.2). Every field has an id; initial and write defaults are SQL. */
TARN_MUST tarn_code tarn_iceberg_schema_parse(tarn_cx *cx, tarn_arena *arena, tarn_str json, tarn_schema **out);
/* The schema of an id; CORRUPT when there is none. */
TARN_MUST tarn_code tarn_iceberg_schema_by_id(tarn_cx *cx, tarn_arena *arena, const tarn_iceberg_metadata *m,
                                              int32_t id, tarn_schema **out);
/* A field anywhere in the type by its id; NULL: not there. *column (may be NULL): the place of its top-level column. */
const tarn_field *tarn_iceberg_field(const tarn_type *type, int32_t id, int *column);

/* view.c: the text of a view's metadata file (1.12), and the file. */
TARN_MUST tarn_code tarn_iceberg_view_parse(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_view *out);
TARN_MUST tarn_code tarn_iceberg_view(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena,
                                      tarn_view *out);

/* locate.c: which metadata file is the table's (1.14). */
/* Whether a location names a metadata file; then *root is how much of it is the table's folder. */
bool tarn_iceberg_names_file(tarn_str location, size_t *root);
/* The key of the newest metadata file, in `arena`. NOTFOUND: there is none. */
TARN_MUST tarn_code tarn_iceberg_locate(tarn_cx *cx, tarn_store *store, tarn_arena *arena, const char **out);
/* The file's text, unpacked where it is gzip. */
TARN_MUST tarn_code tarn_iceberg_read_metadata(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena,
                                               tarn_str *out);
/* A recorded path as a key below the table's root, where it lies below the recorded location (so moved tables are
 * read where they are now), else as it is. Points into `path`. */
TARN_MUST tarn_code tarn_iceberg_path(tarn_cx *cx, const char *location, tarn_str path, tarn_str *out);
/* Reads an object by such a path, from the table's store or one opened for it. */
TARN_MUST tarn_code tarn_iceberg_get(tarn_cx *cx, tarn_store *store, tarn_str path, const tarn_range *range,
                                     tarn_buf *out);

#endif
