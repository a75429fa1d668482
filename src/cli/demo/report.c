/* report.c: the parts of the demo's report: headings, facts, tables, and numbers as people read them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo/demo.h"

enum { NAME_WIDTH = 46, MAX_COLUMNS = 16 };

void demo_heading(demo *d, const char *title) { cli_printf(&d->report, "%s%s\n", d->report.n ? "\n" : "", title); }

void demo_fact(demo *d, const char *name, const char *format, ...) {
    char *value = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&value, format, args);
    va_end(args);
    if (n >= 0) cli_printf(&d->report, "  %-*s  %s\n", NAME_WIDTH, name, value);
    free(value);
}

/* Columns as a terminal shows them. */
static size_t columns_of(const char *text) {
    size_t columns = 0, left = strlen(text);
    while (left) {
        uint32_t c;
        size_t n = cli_decode(text, left, &c);
        columns += (size_t)cli_width(c);
        text += n;
        left -= n;
    }
    return columns;
}

static bool is_numeric(const char *text) { return !*text || (*text >= '0' && *text <= '9') || *text == '-'; }

static void put_cell(cli_buf *b, const char *text, size_t width, bool right) {
    size_t pad = width - columns_of(text);
    if (right) cli_pad(b, ' ', pad);
    cli_puts(b, text);
    if (!right) cli_pad(b, ' ', pad);
}

void demo_table(demo *d) {
    const demo_rows *rows = &d->rows_of_last;
    size_t width[MAX_COLUMNS] = {0}, n = rows->n_columns < MAX_COLUMNS ? rows->n_columns : MAX_COLUMNS;
    bool right[MAX_COLUMNS] = {0};
    for (size_t c = 0; c < n; c++) {
        width[c] = columns_of(rows->names[c]);
        right[c] = c > 0 && rows->n > 0;
        for (size_t i = 0; i < rows->n; i++) {
            size_t w = columns_of(demo_cell(d, i, c));
            if (w > width[c]) width[c] = w;
            if (!is_numeric(demo_cell(d, i, c))) right[c] = false;
        }
    }
    for (size_t i = 0; i <= rows->n; i++) {
        for (size_t c = 0; c < n; c++) {
            cli_puts(&d->report, "  ");
            put_cell(&d->report, i ? demo_cell(d, i - 1, c) : rows->names[c], width[c], right[c]);
        }
        while (d->report.n && d->report.p[d->report.n - 1] == ' ') d->report.n--;
        cli_putc(&d->report, '\n');
    }
}

const char *demo_count(char out[static 32], int64_t n) {
    char digits[24];
    size_t at = 0, length = (size_t)snprintf(digits, sizeof digits, "%" PRId64, n);
    for (size_t i = 0; i < length; i++) {
        if (i && digits[i - 1] != '-' && (length - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

const char *demo_bytes(char out[static 32], int64_t n) {
    if (n < 1000000)
        snprintf(out, 32, "%.1f kB", (double)n / 1e3);
    else
        snprintf(out, 32, "%.1f MB", (double)n / 1e6);
    return out;
}
