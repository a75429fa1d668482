/* record.h: the rows a change touched, in files of their own, for formats whose change feed cannot tell them from the
 * files that come and go. */
#ifndef TARN_TABLE_RECORD_H
#define TARN_TABLE_RECORD_H

#include "table/write.h"

/* A struct in the temp table of dml.h: the row as it was; needed where tarn_record_asked. */
#define TARN_OLD_COLUMN "_tarn_old"

/* Whether changes on top of this snapshot (NULL: none) are recorded. */
bool tarn_record_asked(const tarn_snapshot *base);
/* The target's columns and, last, TARN_CHANGE_TYPE. INVALID where the table has a column of that name. */
TARN_MUST tarn_code tarn_record_target(tarn_cx *cx, const tarn_target *target, tarn_target *out);
/* Writes the rows of `select`, which has the columns of a tarn_record_target, into files in change->recorded. */
TARN_MUST tarn_code tarn_record_rows(tarn_cx *cx, tarn_conn *conn, const tarn_target *typed, const char *select,
                                     tarn_change *change);
/* Runs a select of the target's columns once, into a temp table, and records its rows as inserted; *out selects them
 * from there. */
TARN_MUST tarn_code tarn_record_inserts(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                                        const tarn_bind *binds, size_t n_binds, tarn_change *change, char **out);
/* Records a change that was not, as it was told by its files: from `before` to `after`, the snapshot with it. The files
 * go to `into`, another change or the same. */
TARN_MUST tarn_code tarn_record_files(tarn_cx *cx, tarn_conn *conn, tarn_snapshot *before, tarn_snapshot *after,
                                      const tarn_change *change, tarn_change *into);

#endif
