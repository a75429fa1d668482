/* cx.h: the first argument of everything that can fail: memory, error, deadline, settings, clock, randomness, counters.
 */
#ifndef TARN_BASE_CX_H
#define TARN_BASE_CX_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"

/* Requests over HTTP, by what object stores bill them as. */
typedef enum tarn_request {
    TARN_REQUEST_GET,
    TARN_REQUEST_PUT,
    TARN_REQUEST_POST,
    TARN_REQUEST_LIST,
    TARN_REQUEST_HEAD,
    TARN_REQUEST_DELETE,
    TARN_REQUEST_KINDS
} tarn_request;

/* What EXPLAIN ANALYZE and /metrics read. Atomic: pool threads count too. */
typedef struct tarn_counters {
    atomic_uint_fast64_t store_get, store_put, store_list, store_head, store_remove, store_sync;
    atomic_uint_fast64_t requests[TARN_REQUEST_KINDS], requests_repeated;
    atomic_uint_fast64_t bytes_read, bytes_written;
    atomic_uint_fast64_t files_total, files_pruned, files_read;
    atomic_uint_fast64_t commits, commit_retries;
} tarn_counters;

typedef struct tarn_pool tarn_pool;

struct tarn_cx {
    tarn_arena *arena; /* the statement's; freed by whoever made the context */
    tarn_conf *conf;   /* settings in force; never NULL */
    tarn_pool *pool;   /* I/O threads; NULL: do it in this thread */
    const char *principal;
    const atomic_bool *cancel;     /* NULL: cannot be cancelled */
    int64_t deadline_us;           /* monotonic; 0: none */
    _Atomic double *progress;      /* 0..100 of what the engine runs now, -1: unknown; NULL: nobody asks */
    int64_t (*clock)(void *state); /* µs since 1970, UTC; NULL: the system's */
    void *clock_state;
    void (*random)(void *state, void *out, size_t n); /* NULL: the system's */
    void *random_state;
    tarn_counters *counters; /* NULL: not counted */
    tarn_error error;
};

/* A context on a fresh arena with nothing else set; tarn_cx_done frees the arena. */
void tarn_cx_init(tarn_cx *cx, tarn_conf *conf);
void tarn_cx_done(tarn_cx *cx);
/* A child for a pool thread: same settings and limits, its own arena and error, and no pool, so that what it runs in
 * turn stays in its thread. */
void tarn_cx_fork(const tarn_cx *parent, tarn_cx *child);
/* Ends a child: its memory goes to the parent's arena; when `code` is a failure its error too. Returns `code`. */
tarn_code tarn_cx_join(tarn_cx *parent, tarn_cx *child, tarn_code code);
/* CANCELLED or TIMEOUT when it is time to stop. Called in every long loop. */
TARN_MUST tarn_code tarn_check(tarn_cx *cx);
int64_t tarn_now_us(tarn_cx *cx);
int64_t tarn_now_ms(tarn_cx *cx);
int64_t tarn_monotonic_us(void);
void tarn_random(tarn_cx *cx, void *out, size_t n);
/* Sleeps up to `ms`, ends early with CANCELLED or TIMEOUT. */
TARN_MUST tarn_code tarn_sleep_ms(tarn_cx *cx, int64_t ms);
/* The wait before a lost race is tried again, attempt 0 the first: commit.retry_wait doubled each time, with full
 * jitter so that writers that collided once do not collide again in step; never past `until_us` (monotonic). */
TARN_MUST tarn_code tarn_wait_turn(tarn_cx *cx, int attempt, int64_t until_us);

#define tarn_count(cx, counter, k)                                                                                     \
    do {                                                                                                               \
        if ((cx)->counters)                                                                                            \
            atomic_fetch_add_explicit(&(cx)->counters->counter, (uint_fast64_t)(k), memory_order_relaxed);             \
    } while (0)

/* Shorthand for memory of the statement. */
#define tarn_printf(cx, ...) tarn_arena_printf((cx)->arena, __VA_ARGS__)

#endif
