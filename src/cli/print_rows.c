/* print_rows.c: the formats that write each row as it comes: csv, json, jsonl, markdown. */
#include <string.h>

#include "print.h"

static void end_nothing(cli_print *p) { (void)p; }

/* RFC 4180: what has a comma, a quote, a line end or blanks at its ends stands in quotes; so does the empty text, as
 * NULL is nothing. Lines end in LF alone: every reader of CSV takes it, and so do the tools of a shell. */
static void put_csv(cli_buf *b, const char *p, size_t n) {
    bool plain = n > 0 && p[0] != ' ' && p[n - 1] != ' ';
    for (size_t i = 0; plain && i < n; i++) plain = p[i] != ',' && p[i] != '"' && p[i] != '\n' && p[i] != '\r';
    if (plain) return cli_add(b, p, n);
    cli_putc(b, '"');
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"') cli_putc(b, '"');
        cli_putc(b, p[i]);
    }
    cli_putc(b, '"');
}

static void csv_begin(cli_print *p) {
    for (size_t c = 0; c < p->rows->n_children; c++) {
        if (c) cli_putc(p->out, ',');
        put_csv(p->out, p->rows->children[c].name, strlen(p->rows->children[c].name));
    }
    cli_putc(p->out, '\n');
}

static void csv_batch(cli_print *p, const struct ArrowArray *a) {
    cli_auto_buf cell = {0};
    for (int64_t i = 0; i < a->length; i++) {
        for (size_t c = 0; c < p->rows->n_children; c++) {
            const cli_type *t = &p->rows->children[c];
            int64_t row = cli_child_row(a, i);
            if (c) cli_putc(p->out, ',');
            if (cli_is_null(t, a->children[c], row)) continue;
            cell.n = 0;
            cli_put_text(&cell, t, a->children[c], row);
            put_csv(p->out, cli_text(&cell), cell.n);
        }
        cli_putc(p->out, '\n');
    }
}

/* "{"name":" of each column, made once. */
static void put_object(cli_buf *b, const cli_print *p, const cli_buf *keys, const size_t *ends,
                       const struct ArrowArray *a, int64_t i) {
    size_t from = 0;
    for (size_t c = 0; c < p->rows->n_children; c++) {
        cli_add(b, keys->p + from, ends[c] - from);
        cli_put_json(b, &p->rows->children[c], a->children[c], cli_child_row(a, i));
        from = ends[c];
    }
    cli_puts(b, p->rows->n_children ? "}" : "{}");
}

static void put_objects(cli_print *p, const struct ArrowArray *a, bool lines) {
    cli_auto_buf keys = {0}, marks = {0};
    for (size_t c = 0; c < p->rows->n_children; c++) {
        cli_putc(&keys, c ? ',' : '{');
        cli_add_json_string(&keys, p->rows->children[c].name, strlen(p->rows->children[c].name));
        cli_putc(&keys, ':');
        cli_add(&marks, (const char *)&keys.n, sizeof keys.n);
    }
    for (int64_t i = 0; i < a->length; i++) {
        if (!lines) cli_puts(p->out, p->n_rows + i ? ",\n" : "\n");
        put_object(p->out, p, &keys, (const size_t *)(const void *)marks.p, a, i);
        if (lines) cli_putc(p->out, '\n');
    }
}

static void jsonl_batch(cli_print *p, const struct ArrowArray *a) { put_objects(p, a, true); }
static void json_begin(cli_print *p) { cli_putc(p->out, '['); }
static void json_batch(cli_print *p, const struct ArrowArray *a) { put_objects(p, a, false); }
static void json_end(cli_print *p) { cli_puts(p->out, p->n_rows ? "\n]\n" : "]\n"); }

/* A bar would end the cell, and a tag would be one. */
static void put_markdown(cli_buf *b, const char *p, size_t n) {
    cli_auto_buf visible = {0};
    cli_add_visible(&visible, p, n);
    cli_putc(b, ' ');
    for (size_t i = 0; i < visible.n; i++) {
        if (strchr("\\|<", visible.p[i])) cli_putc(b, '\\');
        cli_putc(b, visible.p[i]);
    }
    cli_puts(b, " |");
}

static void markdown_begin(cli_print *p) {
    cli_putc(p->out, '|');
    for (size_t c = 0; c < p->rows->n_children; c++)
        put_markdown(p->out, p->rows->children[c].name, strlen(p->rows->children[c].name));
    cli_puts(p->out, "\n|");
    for (size_t c = 0; c < p->rows->n_children; c++)
        cli_puts(p->out, cli_is_number(&p->rows->children[c]) ? " ---: |" : " --- |");
    cli_putc(p->out, '\n');
}

static void markdown_batch(cli_print *p, const struct ArrowArray *a) {
    cli_auto_buf cell = {0};
    for (int64_t i = 0; i < a->length; i++) {
        cli_putc(p->out, '|');
        for (size_t c = 0; c < p->rows->n_children; c++) {
            int64_t row = cli_child_row(a, i);
            cell.n = 0;
            if (cli_is_null(&p->rows->children[c], a->children[c], row))
                cli_puts(&cell, "NULL");
            else
                cli_put_text(&cell, &p->rows->children[c], a->children[c], row);
            put_markdown(p->out, cli_text(&cell), cell.n);
        }
        cli_putc(p->out, '\n');
    }
}

const cli_format cli_format_csv = {"csv", true, csv_begin, csv_batch, end_nothing, NULL};
const cli_format cli_format_json = {"json", false, json_begin, json_batch, json_end, NULL};
const cli_format cli_format_jsonl = {"jsonl", false, end_nothing, jsonl_batch, end_nothing, NULL};
const cli_format cli_format_markdown = {"markdown", true, markdown_begin, markdown_batch, end_nothing, NULL};
