/* progress.c: how far the demo is: a bar redrawn by a thread on a terminal, one line a stage elsewhere. */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/demo/demo.h"

enum { BAR_WIDTH = 24, NAME_WIDTH = 24, REDRAW_MS = 100 };

struct demo_progress {
    bool quiet, terminal, running, stopping;
    int n_stages, stage, steps, done;
    const char *name;
    tarn_session *session;
    double begin;
    pthread_mutex_t lock; /* of all that changes */
    pthread_cond_t wake;
    pthread_t thread;
};

double demo_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void draw(demo_progress *p) {
    double within = p->session ? tarn_progress(p->session) / 100 : 0;
    if (within < 0) within = 0;
    double part = ((double)p->done + (p->done < p->steps ? within : 0)) / p->steps;
    int filled = (int)(part * BAR_WIDTH);
    fprintf(stderr, "\r\033[K[%2d/%d] %-*s ", p->stage, p->n_stages, NAME_WIDTH, p->name);
    for (int i = 0; i < BAR_WIDTH; i++) fputs(i < filled ? "\u2588" : "\u2591", stderr);
    fprintf(stderr, " %3d %%  %.1f s", (int)(part * 100), demo_now() - p->begin);
    fflush(stderr);
}

static void *redraw(void *state) {
    demo_progress *p = state;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += REDRAW_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&p->wake, &p->lock, &until);
        if (p->name && !p->stopping) draw(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

demo_progress *demo_progress_open(bool quiet, int n_stages) {
    demo_progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    const char *term = getenv("TERM");
    p->quiet = quiet;
    p->terminal = !quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    p->n_stages = n_stages;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    if (!p->terminal) return p;
    /* The thread takes no signals: SIGINT is for the one that runs the statements. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->running = pthread_create(&p->thread, NULL, redraw, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p;
}

void demo_progress_close(demo_progress *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->running) pthread_join(p->thread, NULL);
    if (p->terminal && p->name) fputs("\r\033[K", stderr);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void demo_stage(demo_progress *p, const char *name, int steps, tarn_session *session) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stage++;
    p->name = name;
    p->steps = steps > 0 ? steps : 1;
    p->done = 0;
    p->session = session;
    p->begin = demo_now();
    pthread_mutex_unlock(&p->lock);
}

void demo_step(demo_progress *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    if (p->done < p->steps) p->done++;
    pthread_mutex_unlock(&p->lock);
}

void demo_stage_end(demo_progress *p, const char *format, ...) {
    if (!p) return;
    va_list args;
    pthread_mutex_lock(&p->lock);
    if (!p->quiet) {
        fprintf(stderr, "%s[%2d/%d] %-*s ", p->terminal ? "\r\033[K" : "", p->stage, p->n_stages, NAME_WIDTH, p->name);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fprintf(stderr, "  %.1f s\n", demo_now() - p->begin);
    }
    p->name = NULL;
    p->session = NULL;
    pthread_mutex_unlock(&p->lock);
}
