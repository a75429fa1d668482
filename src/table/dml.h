/* dml.h: DELETE, UPDATE and MERGE once their one join has run: from a temp table of positions and actions to a change
 * set: rows marked as deleted (merge-on-read) where the format does so for the table, else files copied. */
#ifndef TARN_TABLE_DML_H
#define TARN_TABLE_DML_H

#include "table/scan.h"
#include "table/write.h"

/* Columns of the temp table: _tarn_file, _tarn_row (NULL for inserts), _tarn_action, then the new row under the table's
 * column names (absent for a pure DELETE); where tarn_record_asked, TARN_OLD_COLUMN too. */
#define TARN_ACTION_COLUMN "_tarn_action"
enum { TARN_ACTION_NONE = 0, TARN_ACTION_UPDATE = 1, TARN_ACTION_DELETE = 2, TARN_ACTION_INSERT = 3 };

typedef struct tarn_dml_result {
    int64_t updated, deleted, inserted, copied, files_removed, files_added;
} tarn_dml_result;

/* `scan` gave the positions. CONSTRAINT when one target row has two actions ("MERGE: row … of the target matches more
 * than one source row"). Files left without rows are only removed. Files and rows go into `change`. */
TARN_MUST tarn_code tarn_dml_apply(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const tarn_scan *scan,
                                   const char *temp_table, tarn_change *change, tarn_dml_result *out);

#endif
