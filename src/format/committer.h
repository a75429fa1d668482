/* committer.h: how a commit becomes visible: one atomic step, by the store or by a catalog. */
#ifndef TARN_FORMAT_COMMITTER_H
#define TARN_FORMAT_COMMITTER_H

#include "model/change.h"
#include "store/store.h"

typedef struct tarn_committer tarn_committer;

/* The catalog's part in a commit; NULL in tarn_table means that the store alone decides. */
struct tarn_committer {
    void *state;
    /* The key of the newest metadata file, in cx->arena; NULL: the table is new. */
    tarn_code (*load)(tarn_cx *cx, void *state, const char **key);
    /* Makes all steps (of committers with this callback) or none. EXISTS: another writer was first. After IO it is
     * unknown whether they were made. */
    tarn_code (*swap)(tarn_cx *cx, const tarn_step *steps, size_t n);
};

/* Makes the new object `key` the newest metadata in place of `from` (NULL: the table is new): by writing it where it
 * must not be yet, and then, with a committer, by the catalog's step, which is only noted where `together` is given.
 * *stat is the object's. EXISTS: another writer was first. Any other failure leaves unknown whether it happened. */
TARN_MUST tarn_code tarn_committer_publish(tarn_cx *cx, tarn_committer *committer, tarn_store *store, const char *from,
                                           const char *key, tarn_str bytes, tarn_steps *together, tarn_stat *stat);

#endif
