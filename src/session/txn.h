/* txn.h: BEGIN … COMMIT: a pending change for each table, which the transaction's own statements already see. */
#ifndef TARN_SESSION_TXN_H
#define TARN_SESSION_TXN_H

#include "session/session.h"

/* The snapshot the transaction reads of a table, or of a branch or tag of it (ref NULL: the table itself): pinned at
 * its first use, with the pending change on it. Retained. */
TARN_MUST tarn_code tarn_txn_snapshot(tarn_cx *cx, tarn_session *s, const tarn_table *table, const char *ref,
                                      tarn_snapshot **out);
/* Adds a statement's change to the pending one. UNSUPPORTED for a second table where the two cannot
 * be committed at one instant. The memory of `change` must
 * then live until the transaction ends: tarn_session_run sees to it. */
TARN_MUST tarn_code tarn_txn_add(tarn_cx *cx, tarn_session *s, const tarn_opened *opened, tarn_change *change);
tarn_arena *tarn_txn_arena(tarn_session *s);
/* How many changes wait for COMMIT; 0 outside of a transaction. */
int tarn_txn_changes(const tarn_session *s);
/* Frees it without committing (the session ends). */
void tarn_txn_free(tarn_session *s);

#endif
