/* write.h: the writing side of the Iceberg format: what a change becomes, in schemas, manifests and metadata files. */
#ifndef TARN_FORMAT_ICEBERG_WRITE_WRITE_H
#define TARN_FORMAT_ICEBERG_WRITE_WRITE_H

#include "format/format.h"
#include "format/iceberg/edit.h"
#include "format/iceberg/metadata.h"

/* schema.c. Ids for all fields that have none (1.2): those of a struct first, then what is inside them. *last is
 * the highest one given so far, and after. */
void tarn_iceberg_assign_ids(tarn_type *type, int32_t *last);
/* UNSUPPORTED: a type the format version does not have, or of no format. */
TARN_MUST tarn_code tarn_iceberg_check_schema(tarn_cx *cx, const tarn_schema *schema, int format_version);
/* Whether files written with `from` can be read as `to` (1.2, promotions). INVALID names the column. */
TARN_MUST tarn_code tarn_iceberg_check_evolution(tarn_cx *cx, const tarn_schema *from, const tarn_schema *to,
                                                 int format_version);
/* The schema as JSON; id < 0: without schema-id. */
TARN_MUST tarn_code tarn_iceberg_schema_print(tarn_cx *cx, const tarn_schema *schema, int32_t id, int format_version,
                                              tarn_buf *out);
/* A DEFAULT as the format's own (1.2): its JSON, in cx->arena; NULL: it is an expression, or the version has none. */
const char *tarn_iceberg_native_default(tarn_cx *cx, const tarn_field *f, int format_version);
/* "decimal(9,2)", "timestamptz": a type that is not nested. */
void tarn_iceberg_primitive(tarn_buf *out, const tarn_type *type);

/* The ids of the columns by their names, for files that have none (1.2, "Column Projection"): of `schema`, and where
 * there was a mapping before (NULL: none) that with the columns it lacks. */
TARN_MUST tarn_code tarn_iceberg_map_names(tarn_cx *cx, const tarn_schema *schema, const char *was, const char **out);

/* The fields array of a partition spec. */
void tarn_iceberg_spec_print(const tarn_iceberg_spec *spec, tarn_buf *out);

/* encode.c: one value as bytes (1.7). False: such a value has no bytes. */
bool tarn_iceberg_encode(tarn_buf *out, const tarn_value *value, const tarn_type *type);
/* Bounds as they are written (1.6): text and bytes cut to 16, an upper bound raised to stay one. False: none. */
bool tarn_iceberg_encode_bound(tarn_buf *out, const tarn_value *value, const tarn_type *type, bool upper);

/* plan.c: what a change makes of a table's metadata, before a version of it is made. */
typedef struct tarn_iceberg_plan {
    int format_version;
    const tarn_schema *schema; /* with ids */
    int32_t schema_id, last_column_id;
    bool schema_changed;
    tarn_iceberg_spec spec; /* of the files that are added */
    int32_t last_partition_id;
    bool spec_changed, spec_known; /* known: it is one of the table's already */
    int32_t sort_order_id;
    const char *sort_order; /* JSON of one that is new; NULL: none is */
    bool order_changed;
    TARN_VEC(tarn_pair) properties;
    bool properties_changed;
    TARN_VEC(tarn_iceberg_ref) refs; /* before the change's rows: main goes on to them */
    bool refs_changed;
    const char *started; /* a branch of a table that has no snapshot: it begins with one of no rows; NULL: none does */
    int64_t head;        /* where main points then; -1: nowhere */
    const bool *kept;    /* of each version of the base; NULL: all are */
    const bool *kept_schemas, *kept_specs; /* the same of its schemas and specs */
} tarn_iceberg_plan;

struct tarn_iceberg_snapshot;
/* base NULL: a new table. */
TARN_MUST tarn_code tarn_iceberg_plan_change(tarn_cx *cx, const struct tarn_iceberg_snapshot *base,
                                             const tarn_change *change, tarn_iceberg_plan *out);
/* spec.c: fills plan->spec; the plan's schema is there. */
TARN_MUST tarn_code tarn_iceberg_plan_spec(tarn_cx *cx, const struct tarn_iceberg_snapshot *base,
                                           const tarn_change *change, tarn_iceberg_plan *plan);
/* The same for the sort order; that of a snapshot, as callers see it, and as SQL says it. */
TARN_MUST tarn_code tarn_iceberg_plan_order(tarn_cx *cx, const struct tarn_iceberg_snapshot *base,
                                            const tarn_change *change, tarn_iceberg_plan *plan);
void tarn_iceberg_read_order(tarn_cx *cx, struct tarn_iceberg_snapshot *s);
void tarn_iceberg_order_text(tarn_cx *cx, const tarn_snapshot *snapshot, tarn_buf *out);
/* Whether a field of this column, a path, is called otherwise than CREATE TABLE calls it by itself. */
bool tarn_iceberg_own_name(tarn_cx *cx, const tarn_iceberg_spec_field *f, const char *source);
/* The values of the fields that callers see as values of all fields: dropped ones are null. */
void tarn_iceberg_tuple_of(tarn_cx *cx, const tarn_iceberg_spec *spec, const tarn_value *shown, tarn_value **out);
const char *tarn_iceberg_plan_property(const tarn_iceberg_plan *plan, const char *name);

/* refs.c: branches and tags, and the versions that are forgotten, of a plan whose other parts are made. */
TARN_MUST tarn_code tarn_iceberg_plan_refs(tarn_cx *cx, const struct tarn_iceberg_snapshot *base,
                                           const tarn_change *change, tarn_iceberg_plan *plan);
const tarn_iceberg_ref *tarn_iceberg_plan_ref(const tarn_iceberg_plan *plan, const char *name);
/* The members of the metadata file that say so; *n of at most TARN_ICEBERG_REF_EDITS are added. */
enum { TARN_ICEBERG_REF_EDITS = 8 };
TARN_MUST tarn_code tarn_iceberg_ref_edits(tarn_cx *cx, const struct tarn_iceberg_snapshot *base,
                                           const tarn_iceberg_plan *plan, int64_t now_ms, tarn_iceberg_edit *edits,
                                           size_t *n);
/* The "refs" member with this branch (NULL: main) at snapshot `id`. */
const char *tarn_iceberg_refs_print(tarn_cx *cx, const tarn_iceberg_plan *plan, const char *branch, int64_t id);

/* What prepare leaves in tarn_change.format_state, and commit fills in. */
typedef struct tarn_iceberg_made {
    const char *key; /* of the metadata file; NULL: nothing was committed yet */
    tarn_str text;
    tarn_stat stat; /* etag empty: not known */
    bool rebased;   /* others have committed since its files were written: these are of */
    int32_t spec_id, sort_order_id;
} tarn_iceberg_made;

/* list.c: tells partitions apart, also those of different specs; values NULL: none. False: they are too long. */
bool tarn_iceberg_partition_key(tarn_cx *cx, int32_t spec_id, const tarn_value *values, size_t n, tarn_str *out);

/* compose.c: a version of a table: its manifests are written, its metadata is text. */
typedef struct tarn_iceberg_composed {
    tarn_str text;              /* of the metadata file */
    const char *key;            /* where it goes */
    int64_t snapshot_id;        /* that it brings; -1: none */
    int64_t version;            /* as tarn_snapshot.version */
    const char *const *written; /* keys of its manifests and their list */
    size_t n_written;
} tarn_iceberg_composed;

TARN_MUST tarn_code tarn_iceberg_compose(tarn_cx *cx, const tarn_table *table, struct tarn_iceberg_snapshot *base,
                                         const tarn_change *change, tarn_iceberg_composed *out);

/* commit.c, rebase.c: for the vtable. */
TARN_MUST tarn_code tarn_iceberg_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base,
                                         tarn_change *change);
TARN_MUST tarn_code tarn_iceberg_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base,
                                        const tarn_change *change, int64_t *version);
TARN_MUST tarn_code tarn_iceberg_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                                       tarn_snapshot **out);
TARN_MUST tarn_code tarn_iceberg_rebase(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                                        tarn_snapshot **fresh);
TARN_MUST tarn_code tarn_iceberg_app_version(tarn_cx *cx, tarn_snapshot *snapshot, const char *app_id,
                                             int64_t *version);
/* maintain.c */
TARN_MUST tarn_code tarn_iceberg_needed(tarn_cx *cx, tarn_snapshot *snapshot, int64_t retention,
                                        void (*keep)(void *state, tarn_str key), void *state);
int64_t tarn_iceberg_retention_ms(tarn_snapshot *snapshot);
void tarn_iceberg_maintain(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot);
TARN_MUST tarn_code tarn_iceberg_unneeded(tarn_cx *cx, tarn_snapshot *before, tarn_snapshot *after,
                                          tarn_unneeded_fn *each, void *state);

/* pick.c. A version and those it came from, newest first. */
TARN_MUST tarn_code tarn_iceberg_past(tarn_cx *cx, const struct tarn_iceberg_snapshot *s,
                                      const tarn_iceberg_version ***out, size_t *n);
/* All files of a snapshot, and the same by their paths. */
TARN_MUST tarn_code tarn_iceberg_files_by_path(tarn_cx *cx, tarn_snapshot *s, tarn_file_list *list, tarn_map *paths);
TARN_MUST tarn_code tarn_iceberg_ancestors(tarn_cx *cx, tarn_snapshot *snapshot, tarn_ancestor **out, size_t *n);
TARN_MUST tarn_code tarn_iceberg_pick(tarn_cx *cx, tarn_snapshot *base, tarn_pick *pick, tarn_change *change);

/* deletes.c: what tarn_add.deletes points to: the deleted rows of one data file, all of them. */
typedef struct tarn_iceberg_mark {
    const char *key;        /* of the file they are in */
    const char *format;     /* "PARQUET", "PUFFIN" */
    const char *referenced; /* the data file, as recorded */
    int64_t rows, size;     /* size: of the whole file */
    int64_t offset, length; /* of a vector; -1: none */
    int64_t first, last;    /* positions */
    int32_t spec_id;
    const tarn_value *partition;
} tarn_iceberg_mark;

bool tarn_iceberg_marks_rows(const tarn_snapshot *snapshot, const tarn_change *change);
TARN_MUST tarn_code tarn_iceberg_write_deletes(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *items, size_t n,
                                               tarn_change *change);
tarn_code tarn_iceberg_marked(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_add *add, tarn_roaring64 **out);

#endif
