/* queries.c: runs the statements of a file again and again in one process and says what each costs, and whose code it was.
 *
 * queries WAREHOUSE ROUNDS < statements, one a line. The first round is not counted: it opens tables and loads DuckDB. Prints one line
 * of JSON: CPU milliseconds of each statement (the median of its rounds), and the shares of libtarn's and libduckdb's code in them all,
 * by sampling: a sample belongs to the library of the innermost frame that is in one of the two. */
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "tarn.h"

enum { STATEMENTS_MAX = 1000, FRAMES_MAX = 128 };

typedef struct library {
    const char *name;
    uintptr_t from, to;
    volatile sig_atomic_t samples;
} library;

/* A signal handler has no argument to find them by. */
static library libraries[] = {{"libtarn.so", 0, 0, 0}, {"libduckdb.so", 0, 0, 0}};
enum { N_LIBRARIES = sizeof libraries / sizeof *libraries };
static volatile sig_atomic_t samples;

static int find_library(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    for (int i = 0; i < N_LIBRARIES; i++) {
        if (!strstr(info->dlpi_name, libraries[i].name)) continue;
        libraries[i].from = info->dlpi_addr;
        for (int k = 0; k < info->dlpi_phnum; k++) {
            uintptr_t end = info->dlpi_addr + info->dlpi_phdr[k].p_vaddr + info->dlpi_phdr[k].p_memsz;
            if (info->dlpi_phdr[k].p_type == PT_LOAD && end > libraries[i].to) libraries[i].to = end;
        }
    }
    return 0;
}

static void take_sample(int number) {
    (void)number;
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);
    samples++;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < N_LIBRARIES; k++)
            if ((uintptr_t)frames[i] >= libraries[k].from && (uintptr_t)frames[i] < libraries[k].to) {
                libraries[k].samples++;
                return;
            }
}

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool drain(tarn_result *result, tarn_error *error) {
    struct ArrowArrayStream stream;
    if (tarn_result_stream(result, &stream, error) != TARN_OK) return false;
    bool good = true;
    for (bool more = true; more && good;) {
        struct ArrowArray batch = {0};
        good = stream.get_next(&stream, &batch) == 0;
        more = good && batch.release;
        if (batch.release) batch.release(&batch);
    }
    if (!good) snprintf(error->message, sizeof error->message, "%s", stream.get_last_error(&stream));
    stream.release(&stream);
    return good;
}

static void run_statement(tarn_session *session, const char *sql) {
    tarn_error error = {.size = sizeof error};
    tarn_result *result = NULL;
    bool good = tarn_query(session, sql, NULL, 0, &result, &error) == TARN_OK && drain(result, &error);
    tarn_result_close(result);
    if (good) return;
    fprintf(stderr, "queries: %s: %s\n", sql, error.message);
    exit(1);
}

static size_t read_statements(char **statements) {
    size_t n = 0, room = 0;
    char *line = NULL;
    ssize_t length;
    while (n < STATEMENTS_MAX && (length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = '\0';
        if (*line && !(statements[n++] = strdup(line))) abort();
    }
    free(line);
    return n;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* costs[i * rounds + k]: statement i in round k. The rounds go around, so that all statements meet the same weather. */
static void run_rounds(tarn_session *session, char **statements, size_t n, size_t rounds, double *costs) {
    for (size_t k = 0; k < rounds; k++)
        for (size_t i = 0; i < n; i++) {
            double start = cpu_ms();
            run_statement(session, statements[i]);
            costs[i * rounds + k] = cpu_ms() - start;
        }
}

/* As many rounds again: while the profiling timer runs, Linux reads CPU clocks to a tick only. */
static void sample_rounds(tarn_session *session, char **statements, size_t n, size_t rounds) {
    dl_iterate_phdr(find_library, NULL);
    struct sigaction action = {.sa_handler = take_sample, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL);
    for (size_t k = 0; k < rounds; k++)
        for (size_t i = 0; i < n; i++) run_statement(session, statements[i]);
    setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
}

static void print_costs(const double *costs, size_t n, size_t rounds) {
    printf("{\"cpu_ms\":[");
    for (size_t i = 0; i < n; i++) printf("%s%.4f", i ? "," : "", costs[i * rounds + rounds / 2]);
    printf("],\"samples\":%d,\"tarn\":%d,\"duckdb\":%d}\n", (int)samples, (int)libraries[0].samples, (int)libraries[1].samples);
}

int main(int argc, char **argv) {
    size_t rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (!rounds || rounds > 100000) {
        fprintf(stderr, "usage: queries WAREHOUSE ROUNDS < statements\n");
        return 2;
    }
    static char *statements[STATEMENTS_MAX];
    size_t n = read_statements(statements);
    double *costs = calloc(n * rounds + 1, sizeof *costs);
    if (!costs) abort();
    /* The first call loads what unwinds; that must not happen in the handler. */
    void *frame;
    backtrace(&frame, 1);

    tarn_error error = {.size = sizeof error};
    tarn_lake *lake = NULL;
    tarn_session *session = NULL;
    if (tarn_open(&(tarn_options){.size = sizeof(tarn_options), .uri = argv[1]}, &lake, &error) != TARN_OK ||
        tarn_session_open(lake, NULL, &session, &error) != TARN_OK) {
        fprintf(stderr, "queries: %s: %s\n", argv[1], error.message);
        return 1;
    }
    for (size_t i = 0; i < n; i++) run_statement(session, statements[i]);
    run_rounds(session, statements, n, rounds, costs);
    sample_rounds(session, statements, n, rounds);
    tarn_session_close(session);
    tarn_close(lake);
    for (size_t i = 0; i < n; i++) qsort(costs + i * rounds, rounds, sizeof *costs, compare_doubles);
    print_costs(costs, n, rounds);
    for (size_t i = 0; i < n; i++) free(statements[i]);
    free(costs);
    return 0;
}
