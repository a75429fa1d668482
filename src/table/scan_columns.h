/* scan_columns.h: the columns of a file group as SQL: what read_parquet is told, and what is selected from it. For
 * scan.c and write.c. */
#ifndef TARN_TABLE_SCAN_COLUMNS_H
#define TARN_TABLE_SCAN_COLUMNS_H

#include "format/format.h"

/* A map from physical name or field id to {name, type, default_value}: the argument schema= of read_parquet. With
 * `zoneless`, instants are asked for as DuckDB reads them from such files (scan_files.h): cast to an instant they would
 * be taken for the session's local time. */
TARN_MUST tarn_code tarn_scan_schema(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, bool zoneless);
/* The select list that turns what read_parquet gives into the table's columns. */
void tarn_scan_select(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, bool zoneless);
/* The value of a key as the files of the group yield it in one of their columns. */
void tarn_scan_member(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, const tarn_key *key, size_t column,
                      bool zoneless);
/* The sequence of each row's file. */
void tarn_scan_sequence(tarn_buf *out, const tarn_file_group *group);
/* Whether the type is an instant or has one inside. */
bool tarn_type_has_instant(const tarn_type *type);
/* Whether members somewhere in the type have other names in files. */
bool tarn_type_is_renamed(const tarn_type *type);
/* `expr` of this type with members renamed, from their names in files to those of the table, or the other way. */
void tarn_rename_members(tarn_arena *arena, tarn_buf *out, const char *expr, const tarn_type *type, bool to_files);
/* The type with its members named as in files; the type itself when they are no different. */
const tarn_type *tarn_type_in_files(tarn_arena *arena, const tarn_type *type);

#endif
