/* cx.c: contexts: how they begin, split for a thread and end; time, randomness and the check that stops a statement. */
#include "base/cx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { SLEEP_SLICE_US = 20000 };

void tarn_cx_init(tarn_cx *cx, tarn_conf *conf) {
    *cx = (tarn_cx){.arena = tarn_arena_new(), .conf = conf, .error.size = sizeof(tarn_error)};
}

void tarn_cx_done(tarn_cx *cx) {
    tarn_arena_free(cx->arena);
    cx->arena = NULL;
}

/* Field by field: the parent's error may be written by a sibling that ends at this moment. */
void tarn_cx_fork(const tarn_cx *parent, tarn_cx *child) {
    tarn_cx_init(child, parent->conf);
    child->principal = parent->principal;
    child->cancel = parent->cancel;
    child->deadline_us = parent->deadline_us;
    child->progress = parent->progress;
    child->clock = parent->clock;
    child->clock_state = parent->clock_state;
    child->random = parent->random;
    child->random_state = parent->random_state;
    child->counters = parent->counters;
}

tarn_code tarn_cx_join(tarn_cx *parent, tarn_cx *child, tarn_code code) {
    if (code != TARN_OK) parent->error = child->error;
    tarn_arena_adopt(parent->arena, child->arena);
    child->arena = NULL;
    return code;
}

tarn_code tarn_check(tarn_cx *cx) {
    if (cx->cancel && atomic_load_explicit(cx->cancel, memory_order_relaxed))
        return tarn_fail(cx, TARN_CANCELLED, "the statement was cancelled");
    if (cx->deadline_us && tarn_monotonic_us() >= cx->deadline_us)
        return tarn_fail(cx, TARN_TIMEOUT, "the statement ran out of time; raise %s or make it do less",
                         tarn_option_info_of(TARN_STATEMENT_TIMEOUT)->name);
    return TARN_OK;
}

static int64_t read_clock_us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t tarn_now_us(tarn_cx *cx) { return cx->clock ? cx->clock(cx->clock_state) : read_clock_us(CLOCK_REALTIME); }

int64_t tarn_now_ms(tarn_cx *cx) {
    int64_t us = tarn_now_us(cx);
    return us / 1000 - (us % 1000 < 0);
}

int64_t tarn_monotonic_us(void) { return read_clock_us(CLOCK_MONOTONIC); }

void tarn_random(tarn_cx *cx, void *out, size_t n) {
    if (cx->random) {
        cx->random(cx->random_state, out, n);
        return;
    }
    for (unsigned char *p = out; n;) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) { /* names of files would collide: nothing sensible can follow */
            fputs("tarn: INTERNAL: the system gives no random bytes\n", stderr);
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

/* In slices, because a cancel is a flag and wakes nobody. */
tarn_code tarn_sleep_ms(tarn_cx *cx, int64_t ms) {
    int64_t now = tarn_monotonic_us(), end;
    if (ms < 0) ms = 0;
    if (__builtin_mul_overflow(ms, (int64_t)1000, &end) || __builtin_add_overflow(end, now, &end)) end = INT64_MAX;
    for (;; now = tarn_monotonic_us()) {
        TRY(tarn_check(cx));
        if (now >= end) return TARN_OK;
        int64_t wait = end - now;
        if (wait > SLEEP_SLICE_US) wait = SLEEP_SLICE_US;
        if (cx->deadline_us && wait > cx->deadline_us - now) wait = cx->deadline_us > now ? cx->deadline_us - now : 0;
        nanosleep(&(struct timespec){.tv_nsec = wait * 1000}, NULL);
    }
}

tarn_code tarn_wait_turn(tarn_cx *cx, int attempt, int64_t until_us) {
    enum { DOUBLINGS = 7, FACTOR_MAX = 100 };
    int64_t first = tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_WAIT);
    int64_t factor = attempt < DOUBLINGS ? 1LL << attempt : FACTOR_MAX;
    int64_t left = (until_us - tarn_monotonic_us()) / 1000;
    uint32_t dice;
    tarn_random(cx, &dice, sizeof dice);
    int64_t wait = first > 0 ? (int64_t)(dice % (uint64_t)(first * factor + 1)) : 0;
    return tarn_sleep_ms(cx, wait < left ? wait : left);
}
