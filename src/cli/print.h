/* print.h: the output formats: each is one const entry that turns batches of rows into text as they come. */
#ifndef TARN_CLI_PRINT_H
#define TARN_CLI_PRINT_H

#include "column.h"

/* One result while it is printed. */
typedef struct cli_print {
    cli_buf *out;
    const cli_type *rows; /* a struct: its children are the columns */
    int64_t n_rows;
    bool report; /* the one row of a statement that is no query */
    bool quiet;
    struct cli_table *table; /* print_table.c's own */
} cli_print;

typedef struct cli_format {
    const char *name;
    bool gap; /* an empty line between two results */
    void (*begin)(cli_print *p);
    void (*batch)(cli_print *p, const struct ArrowArray *a);
    void (*end)(cli_print *p);
    void (*drop)(cli_print *p); /* frees what the format holds; NULL: nothing */
} cli_format;

extern const cli_format cli_format_table, cli_format_csv, cli_format_json, cli_format_jsonl, cli_format_markdown;

#endif
