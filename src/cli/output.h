/* output.h: where a result goes: standard output, or a file that appears when it is whole. */
#ifndef TARN_CLI_OUTPUT_H
#define TARN_CLI_OUTPUT_H

#include "cli.h"
#include "text.h"

typedef struct cli_output {
    int fd;
    const char *path; /* NULL: standard output */
    char *part;       /* the file while it grows; NULL: written in place */
    cli_buf buf;
} cli_output;

/* path NULL: standard output. */
tarn_code cli_output_open(const char *path, cli_output *out, tarn_error *error);
/* Writes what is buffered; without `all` only when it is worth a call. */
tarn_code cli_output_flush(cli_output *out, bool all, tarn_error *error);
/* After a success the file takes its name, after a failure it is removed. Returns `code`, or why the file could not be
 * finished. */
tarn_code cli_output_close(cli_output *out, tarn_code code, tarn_error *error);

#endif
