/* pool.c: worker threads that help the caller of tarn_pool_run with its tasks. */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef tarn_code (*task_fn)(tarn_cx *cx, size_t i, void *state);

/* One tarn_pool_run; lives on its caller's stack. All but the first line is under the pool's lock. */
typedef struct job {
    tarn_cx *cx;
    task_fn task;
    void *state;
    size_t n, next, running;
    size_t failed_at; /* lowest index that failed, so that the error does not depend on who was faster; n: none */
    tarn_code code;
    struct job *later;
} job;

struct tarn_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    job *jobs; /* those with tasks not yet started */
    bool stopping;
    int n_threads, max_threads;
    pthread_t threads[];
};

/* Callers work too, hence one thread less than asked for. */
tarn_pool *tarn_pool_new(int threads) {
    int max = threads > 1 ? threads - 1 : 0;
    tarn_pool *pool = calloc(1, sizeof *pool + (size_t)max * sizeof(pthread_t));
    if (!pool) abort();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->max_threads = max;
    return pool;
}

void tarn_pool_free(tarn_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_threads; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void unlist_job(tarn_pool *pool, job *j) {
    for (job **at = &pool->jobs; *at; at = &(*at)->later) {
        if (*at != j) continue;
        *at = j->later;
        return;
    }
}

/* Called and left with the lock held; runs one task without it. */
static void run_next(tarn_pool *pool, job *j) {
    size_t i = j->next++;
    if (j->next == j->n) unlist_job(pool, j);
    j->running++;
    pthread_mutex_unlock(&pool->lock);
    tarn_cx child;
    tarn_cx_fork(j->cx, &child);
    tarn_code code = tarn_check(&child);
    if (code == TARN_OK) code = j->task(&child, i, j->state);
    pthread_mutex_lock(&pool->lock);
    bool first = code != TARN_OK && i < j->failed_at;
    if (first) {
        j->failed_at = i;
        j->code = code;
    }
    tarn_cx_join(j->cx, &child, first ? code : TARN_OK);
    if (code != TARN_OK && j->next < j->n) {
        j->next = j->n;
        unlist_job(pool, j);
    }
    if (--j->running == 0 && j->next == j->n) pthread_cond_broadcast(&pool->done);
}

static void *work(void *arg) {
    tarn_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        if (pool->jobs)
            run_next(pool, pool->jobs);
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* With all signals blocked: they belong to the threads of the program we are a guest in. Fewer threads than wanted are
 * only slower. */
static void start_threads(tarn_pool *pool, size_t wanted) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_threads < pool->max_threads && (size_t)pool->n_threads < wanted) {
        if (pthread_create(&pool->threads[pool->n_threads], NULL, work, pool) != 0) break;
        pool->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The children keep the pool: they run in a thread that nobody waits for but its own caller. */
static tarn_code run_here(tarn_cx *cx, size_t n, task_fn task, void *state) {
    for (size_t i = 0; i < n; i++) {
        TRY(tarn_check(cx));
        tarn_cx child;
        tarn_cx_fork(cx, &child);
        child.pool = cx->pool;
        TRY(tarn_cx_join(cx, &child, task(&child, i, state)));
    }
    return TARN_OK;
}

tarn_code tarn_pool_run(tarn_cx *cx, size_t n, task_fn task, void *state) {
    tarn_pool *pool = cx->pool;
    if (!pool || pool->max_threads == 0 || n < 2) return run_here(cx, n, task, state);
    job j = {.cx = cx, .task = task, .state = state, .n = n, .failed_at = n};
    pthread_mutex_lock(&pool->lock);
    job **end = &pool->jobs;
    while (*end) end = &(*end)->later;
    *end = &j;
    start_threads(pool, n - 1);
    pthread_cond_broadcast(&pool->work);
    while (j.next < j.n) run_next(pool, &j);
    while (j.running) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return j.code;
}
