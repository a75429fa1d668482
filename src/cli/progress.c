/* progress.c: the bar of a long statement, drawn by a thread of its own. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

enum { WAIT_MS = 1000, TICK_MS = 200, BAR = 30 };

struct cli_progress {
    tarn_session *session;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
};

static struct timespec after_ms(long ms) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void draw(double percent, double seconds) {
    char bar[BAR + 1];
    int full = percent < 0 ? 0 : percent > 100 ? BAR : (int)(percent * BAR / 100);
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)full);
    bar[BAR] = 0;
    if (percent < 0)
        fprintf(stderr, "\r\x1b[Krunning, %.0f s", seconds);
    else
        fprintf(stderr, "\r\x1b[K[%s] %3.0f %%  %.0f s", bar, percent, seconds);
    fflush(stderr);
}

static void *draw_loop(void *state) {
    cli_progress *p = state;
    double seconds = WAIT_MS / 1000.0;
    bool drawn = false;
    pthread_mutex_lock(&p->lock);
    for (long ms = WAIT_MS; !p->stop; ms = TICK_MS) {
        struct timespec until = after_ms(ms);
        while (!p->stop && pthread_cond_timedwait(&p->wake, &p->lock, &until) != ETIMEDOUT) continue;
        if (p->stop) break;
        draw(tarn_progress(p->session), seconds);
        drawn = true;
        seconds += TICK_MS / 1000.0;
    }
    pthread_mutex_unlock(&p->lock);
    if (drawn) fputs("\r\x1b[K", stderr);
    return NULL;
}

cli_progress *cli_progress_start(const cli_globals *g, tarn_session *session) {
    if (g->quiet || !isatty(STDERR_FILENO)) return NULL;
    cli_progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    sigset_t all, before;
    p->session = session;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&p->thread, NULL, draw_loop, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok) return p;
    free(p);
    return NULL;
}

void cli_progress_stop(cli_progress *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
