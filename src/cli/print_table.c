/* print_table.c: aligned columns for people: the first rows decide the widths, what follows streams. */
#include <stdlib.h>
#include <string.h>

#include "print.h"

enum { KEPT_ROWS = 10000, KEPT_BYTES = 8 << 20, GAP = 2 };

typedef struct cell {
    size_t at, n, columns; /* in `text` */
} cell;

struct cli_table {
    size_t *widths;
    cli_buf text, cells; /* kept rows; cells holds `cell`s */
    bool started;        /* the header is out */
};

static void add_cell(struct cli_table *t, const char *p, size_t n) {
    cell c = {.at = t->text.n};
    c.columns = cli_add_visible(&t->text, p, n);
    c.n = t->text.n - c.at;
    cli_add(&t->cells, (const char *)&c, sizeof c);
}

static void put_row(cli_print *p, const cell *cells, bool header) {
    const struct cli_table *t = p->table;
    size_t n = p->rows->n_children;
    for (size_t c = 0; c < n; c++) {
        size_t pad = cells[c].columns < t->widths[c] ? t->widths[c] - cells[c].columns : 0;
        bool right = cli_is_number(&p->rows->children[c]);
        if (c) cli_pad(p->out, ' ', GAP);
        if (right) cli_pad(p->out, ' ', pad);
        cli_add(p->out, t->text.p + cells[c].at, cells[c].n);
        if (!right && c + 1 < n) cli_pad(p->out, ' ', pad);
    }
    cli_putc(p->out, '\n');
    for (size_t c = 0; header && c < n; c++) {
        if (c) cli_pad(p->out, ' ', GAP);
        cli_pad(p->out, '-', t->widths[c] ? t->widths[c] : 1);
    }
    if (header && n) cli_putc(p->out, '\n');
}

/* The kept rows go out: the header, too, the first time. */
static void put_kept(cli_print *p) {
    struct cli_table *t = p->table;
    const cell *cells = (const cell *)(const void *)t->cells.p;
    size_t n = p->rows->n_children, rows = n ? t->cells.n / sizeof *cells / n : 0;
    for (size_t i = 0; !t->started && i < rows * n; i++)
        if (cells[i].columns > t->widths[i % n]) t->widths[i % n] = cells[i].columns;
    for (size_t r = 0; r < rows; r++) put_row(p, cells + r * n, !t->started && r == 0);
    t->started = true;
    t->text.n = t->cells.n = 0;
}

static void table_begin(cli_print *p) {
    p->table = calloc(1, sizeof *p->table);
    if (p->table) p->table->widths = calloc(p->rows->n_children + 1, sizeof(size_t));
    if (!p->table || !p->table->widths) {
        fputs("tarn: NOMEM: out of memory\n", stderr);
        exit(CLI_FAILED);
    }
    for (size_t c = 0; c < p->rows->n_children; c++)
        add_cell(p->table, p->rows->children[c].name, strlen(p->rows->children[c].name));
}

/* "status" alone says it all; other reports name their numbers. */
static void put_report(cli_print *p, const struct ArrowArray *a) {
    cli_auto_buf text = {0};
    for (int64_t i = 0; i < a->length; i++) {
        for (size_t c = 0; c < p->rows->n_children; c++) {
            const cli_type *t = &p->rows->children[c];
            if (c) cli_puts(p->out, ", ");
            if (p->rows->n_children > 1 || strcmp(t->name, "status") != 0) cli_printf(p->out, "%s: ", t->name);
            text.n = 0;
            if (cli_is_null(t, a->children[c], cli_child_row(a, i)))
                cli_puts(&text, "NULL");
            else
                cli_put_text(&text, t, a->children[c], cli_child_row(a, i));
            cli_add_visible(p->out, cli_text(&text), text.n);
        }
        cli_putc(p->out, '\n');
    }
}

static void table_batch(cli_print *p, const struct ArrowArray *a) {
    if (p->report) {
        if (!p->quiet) put_report(p, a);
        return;
    }
    struct cli_table *t = p->table;
    cli_auto_buf text = {0};
    for (int64_t i = 0; i < a->length; i++) {
        for (size_t c = 0; c < p->rows->n_children; c++) {
            int64_t row = cli_child_row(a, i);
            text.n = 0;
            if (cli_is_null(&p->rows->children[c], a->children[c], row))
                cli_puts(&text, "NULL");
            else
                cli_put_text(&text, &p->rows->children[c], a->children[c], row);
            add_cell(t, cli_text(&text), text.n);
        }
    }
    if (t->started || p->n_rows + a->length >= KEPT_ROWS || t->text.n >= KEPT_BYTES) put_kept(p);
}

static void table_end(cli_print *p) {
    if (p->report) return;
    put_kept(p);
    if (!p->quiet) cli_printf(p->out, "(%lld row%s)\n", (long long)p->n_rows, p->n_rows == 1 ? "" : "s");
}

static void table_drop(cli_print *p) {
    if (!p->table) return;
    cli_buf_free(&p->table->text);
    cli_buf_free(&p->table->cells);
    free(p->table->widths);
    free(p->table);
    p->table = NULL;
}

const cli_format cli_format_table = {"table", true, table_begin, table_batch, table_end, table_drop};
