/* cli.h: what the commands of the tarn binary share: global options, the way they are found, errors, exit codes. */
#ifndef TARN_CLI_CLI_H
#define TARN_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tarn.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

typedef struct cli_globals {
    const char *warehouse;       /* -w, else $TARN_WAREHOUSE, else "lake" */
    const char *const *settings; /* --set: name, value, …, NULL */
    bool quiet;                  /* -q: no progress, no reports */
} cli_globals;

/* One command: a file with its function and one line in the table of main.c. argv[0] is the command's name. */
typedef struct cli_command {
    const char *name, *summary, *usage;
    int (*run)(const cli_globals *g, int argc, char **argv);
} cli_command;

int cmd_init(const cli_globals *g, int argc, char **argv);
int cmd_sql(const cli_globals *g, int argc, char **argv);
int cmd_demo(const cli_globals *g, int argc, char **argv);
int cmd_doctor(const cli_globals *g, int argc, char **argv);

extern const char cmd_init_usage[], cmd_sql_usage[], cmd_demo_usage[], cmd_doctor_usage[];

/* At argv[*i]: 1 when it is the option "-x V", "--long V" or "--long=V" (*value set, *i moved to its last word), 0 when
 * it is something else, -1 when the value is missing (said on stderr). Either name may be NULL. */
int cli_option(int argc, char **argv, int *i, const char *short_name, const char *long_name, const char **value);
/* Says what is wrong with the command line and where to read on; returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An option nobody knows, or a word too many. */
int cli_unknown(const char *command, const char *word);

/* An error made by the binary itself. Returns `code`. */
tarn_code cli_error(tarn_error *error, tarn_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "tarn: CODE: message" and the hint to stderr; returns the exit code. */
int cli_fail(const tarn_error *error);
tarn_code cli_open(const cli_globals *g, tarn_lake **out, tarn_error *error);

/* From here on SIGINT cancels what this session runs (NULL: it ends the program at once); a second one ends the
 * program. */
void cli_watch(tarn_session *session);
/* While a line is read at the shell's prompt SIGINT only interrupts that. */
void cli_prompt(bool on);
/* Whether SIGINT came since the last cli_watch or cli_prompt. */
bool cli_interrupted(void);

#endif
