/* changes.h: a table's changes as a snapshot of its own, which is planned, pruned and scanned like any other. */
#ifndef TARN_TABLE_CHANGES_H
#define TARN_TABLE_CHANGES_H

#include "format/format.h"

/* The columns after the table's own. */
#define TARN_CHANGE_TYPE "_change_type" /* insert, delete, update_preimage, update_postimage */
#define TARN_CHANGE_VERSION "_commit_version"
#define TARN_CHANGE_TIME "_commit_timestamp"
#define TARN_CHANGE_REWRITTEN "_rewritten" /* tarn_changes_… with `raw` alone */

/* What the commits from `from` up to that of `end` did to rows, with the columns of `end` and those above. `end` is
 * retained. *rewritten: among them are rows of rewritten files that did not change, as deleted and inserted again; with
 * `raw` they are marked. INVALID where the table has columns of these names. */
TARN_MUST tarn_code tarn_changes_feed(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, bool raw, bool *rewritten,
                                      tarn_snapshot **out);
/* What differs between two versions of a table, by files: all of it is `rewritten`. Both are retained. */
TARN_MUST tarn_code tarn_changes_between(tarn_cx *cx, tarn_snapshot *from, tarn_snapshot *to, tarn_snapshot **out);

#endif
