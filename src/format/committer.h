/* committer.h: how a commit becomes visible: one atomic step, by the store or by a catalog. */
#ifndef TARN_FORMAT_COMMITTER_H
#define TARN_FORMAT_COMMITTER_H

#include "store/store.h"

typedef struct tarn_committer tarn_committer;

/* The catalog's part in a commit; NULL in tarn_table means that the store alone decides (put-if-absent of `key`). */
struct tarn_committer {
    void *state;
    /* Publishes metadata object `key` (already written when the format writes its own, else `bytes`) in place of
     * `base_key` (NULL: the table is new). EXISTS: another writer was first. Any other failure leaves unknown whether
     * it happened. */
    tarn_code (*publish)(tarn_cx *cx, void *state, tarn_store *store, const char *base_key, const char *key,
                         tarn_str bytes);
};

TARN_MUST tarn_code tarn_committer_publish(tarn_cx *cx, tarn_committer *committer, tarn_store *store,
                                           const char *base_key, const char *key, tarn_str bytes);

#endif
