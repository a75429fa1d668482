/* row_ids.h: the ids of rows, and which change wrote each last, as columns after the table's own. Statements that move
 * rows read and write them like others; queries that name them see them. */
#ifndef TARN_TABLE_ROW_IDS_H
#define TARN_TABLE_ROW_IDS_H

#include "table/write.h"

#define TARN_ROW_ID "_row_id"
#define TARN_ROW_SEQUENCE "_last_updated_sequence_number"

static inline bool tarn_row_ids_there(const tarn_snapshot *snapshot) { return snapshot->row_ids != NULL; }
/* What the two columns are called beside those of `schema`: a table's own column of such a name keeps it. */
const char *tarn_row_ids_name(const tarn_schema *schema);
const char *tarn_row_ids_sequence_name(const tarn_schema *schema);
/* The snapshot with the two columns, else (rows have no ids) itself, retained. Its files are those of `snapshot`. */
TARN_MUST tarn_code tarn_row_ids_open(tarn_cx *cx, tarn_snapshot *snapshot, tarn_snapshot **out);
/* The target with the two columns, where its base has them: new rows bring no values for them. */
void tarn_row_ids_target(tarn_cx *cx, tarn_target *target);
/* A predicate on the columns of tarn_row_ids_open, as one on those of `snapshot` that is true for more rows. */
const tarn_expr *tarn_row_ids_strip(tarn_cx *cx, const tarn_snapshot *snapshot, const tarn_expr *where);

#endif
