/* changes.h: the table functions over a table's history. */
#ifndef TARN_SESSION_CHANGES_H
#define TARN_SESSION_CHANGES_H

#include "session/session.h"

bool tarn_session_is_changes(tarn_str function);
/* table_changes, table_diff, and what they stand on: the same with _raw at the end, whose rows may cancel each other
 * out. */
TARN_MUST tarn_code tarn_session_changes(tarn_cx *cx, tarn_session *s, tarn_str function, tarn_str call,
                                         tarn_relation *out);

#endif
