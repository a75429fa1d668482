/* commit.h: publishing a change of one table, or of several at one instant. */
#ifndef TARN_FORMAT_COMMIT_H
#define TARN_FORMAT_COMMIT_H

#include "format/format.h"

/* commit.c: the one loop. Makes the data files durable, commits, and on a lost race rebases and tries again with
 * jittered waits until commit.retry_timeout or the deadline. CONFLICT: the change is no longer true; plan the statement
 * again on a new snapshot. On success *out (may be NULL) is the snapshot after it, and the format's maintenance has
 * run. */
TARN_MUST tarn_code tarn_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                                tarn_snapshot **out);

/* One table's part in a commit of several. */
typedef struct tarn_commit_part {
    const tarn_table *table;
    tarn_snapshot *base;
    tarn_change *change;
    tarn_snapshot *after; /* out: the caller's to release; NULL: see `published` */
    bool published;       /* out: it is committed; an error then only says that the version cannot be opened */
} tarn_commit_part;

/* All of these or none, at one instant: the tables' versions are in one catalog (UNSUPPORTED where one's is not). One
 * part is a tarn_commit. */
TARN_MUST tarn_code tarn_commit_together(tarn_cx *cx, tarn_commit_part *parts, size_t n);

/* Whether a failure of tarn_commit says that nothing was published. After any other one (IO, TIMEOUT, CANCELLED, …) the
 * commit may stand, so its data files must stay; VACUUM finds them if it does not. */
bool tarn_commit_refused(tarn_code code);

#endif
