/* write.h: rows of a SELECT into data files of a table, checked and with statistics, as adds of a change set. */
#ifndef TARN_TABLE_WRITE_H
#define TARN_TABLE_WRITE_H

#include "format/format.h"

/* What rows are written to: an existing table's snapshot, or one about to be created (the fields of `change` win where
 * they are set). */
typedef struct tarn_target {
    const tarn_table *table;
    tarn_snapshot *base;       /* NULL: the table is new */
    const tarn_change *change; /* NULL: it stays as it is but for rows */
    const tarn_schema *schema;
    const tarn_partition_by *partition_by;
    size_t n_partition_by;
    const tarn_sort_by *sort_by;
    size_t n_sort_by;
    const tarn_pair *checks;
    size_t n_checks;
    const char *folder, *prefix; /* of its files; NULL: those of the format's data files */
} tarn_target;

void tarn_target_of(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change,
                    tarn_target *out);

/* About how large its files become: what the table's property says, or the setting. A value that cannot be read is none:
 * others may have set it. */
int64_t tarn_target_file_size(tarn_cx *cx, const tarn_target *target, tarn_option setting);
/* How they are compressed, in the same way. */
const char *tarn_target_compression(tarn_cx *cx, const tarn_target *target);

/* How the columns of a select become those of the table. */
typedef struct tarn_insert_map {
    const char *const *names; /* columns listed by the user; NULL: all in order */
    size_t n_names;
    bool by_name;       /* match the select's names */
    bool explicit_null; /* MERGE/UPDATE: rows are whole, nothing is defaulted */
    bool counts;        /* but for IDENTITY columns, which get a number where they are NULL */
} tarn_insert_map;

/* The SQL that turns `select` (columns described by `source`) into the table's columns: casts (never silently lossy: an
 * overflow is an error), defaults, generated columns (computed, or checked when given), NOT NULL and CHECK as errors
 * CONSTRAINT naming the column or constraint. */
TARN_MUST tarn_code tarn_write_select(tarn_cx *cx, const tarn_target *target, const char *select,
                                      const tarn_schema *source, const tarn_insert_map *map, char **out);

/* After `rows` rows of such a SELECT were written: the numbers its IDENTITY columns gave are taken, in change->schema. */
TARN_MUST tarn_code tarn_write_counted(tarn_cx *cx, const tarn_target *target, const tarn_schema *source,
                                       const tarn_insert_map *map, int64_t rows, tarn_change *change);

/* Whether values of type `from` fit column `path` of type `to` member by member: DuckDB's cast drops members the target
 * lacks, which would lose data in silence. INVALID names the member. */
TARN_MUST tarn_code tarn_write_members(tarn_cx *cx, const char *path, const tarn_type *from, const tarn_type *to);

/* Appends "c AS c, …": the columns of `schema` out of rows with those of `was`, an older one of the table. */
void tarn_write_as(tarn_buf *out, const tarn_schema *schema, const tarn_schema *was);

/* Runs a select made by tarn_write_select (or of exactly the table's columns) and adds the files it wrote to
 * change->adds. Rows written in *rows. */
TARN_MUST tarn_code tarn_write_files(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                                     const tarn_bind *binds, size_t n_binds, tarn_change *change, int64_t *rows);
/* Removes the files of adds that will not be committed; best effort. */
void tarn_write_abandon(tarn_cx *cx, const tarn_table *table, tarn_change *change);

#endif
