/* pool.h: threads for I/O that may wait. The only place below server/ and stream/ that starts threads. */
#ifndef TARN_BASE_POOL_H
#define TARN_BASE_POOL_H

#include "base/cx.h"

/* Threads start with the first use; at most `threads`. */
tarn_pool *tarn_pool_new(int threads);
void tarn_pool_free(tarn_pool *pool);
/* Runs task(child, i, state) for i = 0..n-1, at most `threads` at once, and waits for all. Each task has a child
 * context (tarn_cx_fork); their memory ends in cx->arena. The first failure stops what has not started yet and is
 * returned. Without a pool (cx->pool NULL) it runs here, in order. */
TARN_MUST tarn_code tarn_pool_run(tarn_cx *cx, size_t n, tarn_code (*task)(tarn_cx *cx, size_t i, void *state),
                                  void *state);

#endif
