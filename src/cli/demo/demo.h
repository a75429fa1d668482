/* demo.h: the main job: its state, its stages, and the few tools they share. */
#ifndef TARN_CLI_DEMO_DEMO_H
#define TARN_CLI_DEMO_DEMO_H

#include "cli/cli.h"
#include "cli/text.h"

enum { DEMO_DAYS = 120, DEMO_BATCHES = 4, DEMO_FEATURE_DAYS = 14, DEMO_LATE_DAYS = 3, DEMO_VARS = 32 };

/* The rows of a statement as text; NULL is an empty text. Starts as {0}. */
typedef struct demo_rows {
    size_t n, n_columns;
    char **names; /* n_columns, the last one NULL */
    char **cells; /* n * n_columns */
    double seconds;
} demo_rows;

typedef struct demo_var {
    const char *name;
    char *value;
} demo_var;

typedef struct demo_progress demo_progress;

typedef struct demo {
    const cli_globals *g;
    uint64_t seed;
    int64_t rows;
    const char *format; /* of the tables */
    const char *input;  /* the folder of the flights' CSV files; NULL: the one that set-up fills */
    bool events, flights;
    tarn_lake *lake;
    tarn_session *session;
    tarn_error error;
    demo_progress *progress;
    demo_var vars[DEMO_VARS];
    size_t n_vars;
    demo_rows rows_of_last; /* of the statement run last */
    size_t n_gates;
    cli_buf report;
} demo;

/* SQL (sql.c). A variable stands as {{name}} in the scripts under demo/sql; setting it again replaces it. */
void demo_set(demo *d, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *demo_get(const demo *d, const char *name);
/* The path as the inside of an SQL string, so that no character of it is a wildcard. */
void demo_set_path(demo *d, const char *name, const char *path);
/* Runs one statement, or all of a script; what the last one gave is in d->rows_of_last. */
tarn_code demo_sql(demo *d, const char *sql);
tarn_code demo_script(demo *d, const char *name);
/* A cell of the last rows; "" when there is none. */
const char *demo_cell(const demo *d, size_t row, size_t column);
int64_t demo_int(const demo *d, size_t row, size_t column);
void demo_rows_free(demo_rows *rows);
/* INVALID when a job before this one made the table in another format. */
tarn_code demo_check_format(demo *d, const char *table);
/* Runs a script of gates: rows of gate, found, wanted, passed. INVALID naming the first that is not passed. */
tarn_code demo_gates(demo *d, const char *script);

/* PROGRESS (progress.c). A bar on a terminal, else a line when a stage is done; nothing with -q. */
demo_progress *demo_progress_open(bool quiet, int n_stages);
void demo_progress_close(demo_progress *p);
/* `session` is asked how far its statement is; NULL when the stage is not SQL. */
void demo_stage(demo_progress *p, const char *name, int steps, tarn_session *session);
void demo_step(demo_progress *p);
void demo_stage_end(demo_progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
double demo_now(void);

/* LANDING (generate.c). What arrived: DEMO_DAYS files of JSON Lines and users.csv in `folder`. */
typedef struct demo_landing {
    uint64_t seed;
    int64_t lines, duplicates, broken, users;
    const char *folder;
    void (*day_done)(void *state); /* called DEMO_DAYS times */
    void *state;
} demo_landing;
/* The share of duplicates, broken lines and users for so many lines. */
void demo_landing_plan(demo_landing *landing);
tarn_code demo_generate(const demo_landing *landing, tarn_error *error);
/* Whole files of this plan are there (bytes: their size). */
bool demo_landing_whole(const demo_landing *landing, int64_t *bytes);
/* The tables were made for this plan. */
bool demo_landing_known(const demo_landing *landing);
tarn_code demo_landing_remember(const demo_landing *landing, tarn_error *error);
void demo_landing_file(char *out, size_t size, const char *folder, int day);
/* "2026-03-03": the day of so many days after the first file's. */
const char *demo_day(char out[static 11], int day);

extern const char cmd_demo_usage[];

/* STAGES. Each says in d->report what it did. */
tarn_code demo_events(demo *d);
/* *found is false when the files are not there. */
tarn_code demo_flights_find(demo *d, bool *found);
tarn_code demo_flights(demo *d);
tarn_code demo_upkeep(demo *d);

/* REPORT (report.c) */
void demo_heading(demo *d, const char *title);
/* "  name   value" */
void demo_fact(demo *d, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The last rows as a table. */
void demo_table(demo *d);
/* 1,050,000 */
const char *demo_count(char out[static 32], int64_t n);
const char *demo_bytes(char out[static 32], int64_t n);

#endif
