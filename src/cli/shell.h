/* shell.h: the interactive shell and its completion. */
#ifndef TARN_CLI_SHELL_H
#define TARN_CLI_SHELL_H

#include "run.h"

/* Reads statements from the terminal until its end. Returns the exit code. */
int cli_shell(cli_run *run);

/* Names of tables, read when they are first asked for. Starts as {0}. */
typedef struct cli_names {
    char **at;
    size_t n, cap;
    bool loaded;
} cli_names;

/* Forgets them: a statement may have changed them. */
void cli_names_forget(cli_names *names);
/* The candidates for `word` (n bytes), each ended by a NUL, into `out`; the length of what they all begin with, and
 * their number. A statement runs for it when the names are not known yet. */
size_t cli_complete(tarn_session *session, cli_names *names, const char *word, size_t n, cli_buf *out, size_t *count);

#endif
