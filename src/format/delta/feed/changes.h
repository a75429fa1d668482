/* changes.h: the change feed of a Delta table, for its vtable. */
#ifndef TARN_FORMAT_DELTA_FEED_CHANGES_H
#define TARN_FORMAT_DELTA_FEED_CHANGES_H

#include "format/delta/snapshot.h"

/* tarn_format.changes. A commit that only says remove where changes were not recorded, and adds other files, gives
 * `rewritten` rows. */
TARN_MUST tarn_code tarn_delta_changes(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                                       tarn_changed_files *out);

#endif
