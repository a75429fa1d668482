/* run.h: runs the statements of a text one after the other and prints what they give. */
#ifndef TARN_CLI_RUN_H
#define TARN_CLI_RUN_H

#include "print.h"

/* --param name=value, in the order given. */
typedef struct cli_params {
    tarn_param *at;
    size_t n;
} cli_params;

/* One "name=value" or "1=value". False: it has no name or no '='. The text stays the caller's. */
bool cli_params_add(cli_params *params, const char *text);
void cli_params_free(cli_params *params);
/* Those of the statement: the named ones it mentions, the numbered ones up to its last. `out` has room for all. INVALID
 * when a number is left out. */
tarn_code cli_params_for(const cli_params *params, const char *sql, size_t n, tarn_param *out, size_t *n_out,
                         tarn_error *error);

typedef enum cli_way { CLI_PRINT, CLI_PARQUET, CLI_ARROW } cli_way;

typedef struct cli_run {
    const cli_globals *globals;
    tarn_session *session;
    cli_way way;
    const cli_format *format; /* for CLI_PRINT, and for what is not the last statement */
    const char *output;       /* file of the last statement's rows; NULL: standard output */
    const char *source;       /* the file the text is from, for errors; NULL: none */
    cli_params params;
    bool timing;
    bool printed, was_report; /* what the last result left on standard output */
} cli_run;

/* "csv" and so on into `run`; false: no such format. */
bool cli_run_format(cli_run *run, const char *name);
/* Stops at the first failure, which is said on stderr. Returns the exit code. */
int cli_run_text(cli_run *run, const char *sql, size_t n);
/* Bytes of blanks and comments sql[0..n) begins with. */
size_t cli_skip_blank(const char *sql, size_t n);
/* One row as text; NULL is an empty text. */
typedef struct cli_row {
    size_t n;
    const char **names, **cells;
} cli_row;
typedef void cli_row_fn(void *state, const cli_row *row);
tarn_code cli_each_row(tarn_session *session, const char *sql, cli_row_fn *row, void *state, tarn_error *error);
/* The cell of a column; "" when there is none. */
const char *cli_cell(const cli_row *row, const char *name);

/* A bar on stderr for statements that take longer than a second; nothing where that is no terminal. */
typedef struct cli_progress cli_progress;
cli_progress *cli_progress_start(const cli_globals *g, tarn_session *session);
/* Takes the bar away; NULL is fine. */
void cli_progress_stop(cli_progress *progress);

#endif
