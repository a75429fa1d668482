/* watch.c: the thread that turns a cancel flag or a passed deadline into an interrupt of DuckDB, and tells how far it
 * is. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "engine/internal.h"

/* Between two looks at the flags: what a cancel waits for at most. */
enum { TICK_MS = 10, STACK_BYTES = 128 * 1024 };

struct tarn_watcher {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stop, asleep;
    tarn_watch *first;
};

static bool is_due(const tarn_watch *w) {
    if (w->cancel && atomic_load_explicit(w->cancel, memory_order_relaxed)) return true;
    return w->deadline_us && tarn_monotonic_us() >= w->deadline_us;
}

static void wait_tick(tarn_watcher *watcher) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&watcher->wake, &watcher->lock, &until);
}

/* Interrupts again at every tick: one that falls between two statements is lost. */
static void *watch_loop(void *state) {
    tarn_watcher *watcher = state;
    pthread_mutex_lock(&watcher->lock);
    while (!watcher->stop) {
        for (tarn_watch *w = watcher->first; w; w = w->next) {
            if (is_due(w)) w->conn->api->interrupt(w->conn->handle);
            if (w->progress) atomic_store(w->progress, tarn_conn_progress(w->conn));
        }
        if (watcher->first) {
            wait_tick(watcher);
            continue;
        }
        wait_tick(watcher); /* short statements follow each other closely: waking the thread for each would cost more
                               than a tick */
        watcher->asleep = !watcher->first;
        while (watcher->asleep && !watcher->stop) pthread_cond_wait(&watcher->wake, &watcher->lock);
    }
    pthread_mutex_unlock(&watcher->lock);
    return NULL;
}

tarn_watcher *tarn_watcher_new(void) {
    tarn_watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher) abort();
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&watcher->lock, NULL);
    pthread_cond_init(&watcher->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return watcher;
}

void tarn_watcher_free(tarn_watcher *watcher) {
    if (!watcher) return;
    pthread_mutex_lock(&watcher->lock);
    watcher->stop = true;
    pthread_cond_signal(&watcher->wake);
    pthread_mutex_unlock(&watcher->lock);
    if (watcher->started) pthread_join(watcher->thread, NULL);
    pthread_cond_destroy(&watcher->wake);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

/* The host's signals are not for this thread. Where no thread can be had, statements still stop between their batches.
 */
static bool start_thread(tarn_watcher *watcher) {
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&watcher->thread, &attributes, watch_loop, watcher) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return ok;
}

void tarn_watch_begin(tarn_cx *cx, tarn_conn *conn, tarn_watch *watch) {
    *watch = (tarn_watch){0};
    if (!cx->cancel && !cx->deadline_us) return;
    tarn_watcher *watcher = conn->engine->watcher;
    pthread_mutex_lock(&watcher->lock);
    *watch = (tarn_watch){.conn = conn,
                          .cancel = cx->cancel,
                          .deadline_us = cx->deadline_us,
                          .progress = cx->progress,
                          .next = watcher->first};
    if (watcher->first) watcher->first->prev = watch;
    watcher->first = watch;
    if (!watcher->started) watcher->started = start_thread(watcher);
    if (watcher->asleep) {
        watcher->asleep = false;
        pthread_cond_signal(&watcher->wake);
    }
    pthread_mutex_unlock(&watcher->lock);
}

void tarn_watch_end(tarn_watch *watch) {
    if (!watch->conn) return;
    tarn_watcher *watcher = watch->conn->engine->watcher;
    pthread_mutex_lock(&watcher->lock);
    if (watch->prev)
        watch->prev->next = watch->next;
    else
        watcher->first = watch->next;
    if (watch->next) watch->next->prev = watch->prev;
    pthread_mutex_unlock(&watcher->lock);
    watch->conn = NULL;
}
