/* committer.c: publishes a commit by the catalog's step where there is one, else by put-if-absent in the store. */
#include "format/committer.h"

tarn_code tarn_committer_publish(tarn_cx *cx, tarn_committer *committer, tarn_store *store, const char *base_key,
                                 const char *key, tarn_str bytes) {
    if (committer) return committer->publish(cx, committer->state, store, base_key, key, bytes);
    return tarn_store_put(cx, store, key, bytes, TARN_PUT_ABSENT, NULL, NULL);
}
