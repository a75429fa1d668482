/* committer.c: publishes a commit by put-if-absent in the store, and by the catalog's step where there is one. */
#include "format/committer.h"

tarn_code tarn_committer_publish(tarn_cx *cx, tarn_committer *committer, tarn_store *store, const char *from,
                                 const char *key, tarn_str bytes, tarn_steps *together, tarn_stat *stat) {
    TRY(tarn_store_put(cx, store, key, bytes, TARN_PUT_ABSENT, NULL, stat));
    if (!committer) return TARN_OK;
    tarn_step step = {committer->state, from, key};
    if (!together) return committer->swap(cx, &step, 1);
    *TARN_PUSH(cx->arena, together) = step;
    return TARN_OK;
}
