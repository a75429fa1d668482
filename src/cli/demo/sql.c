/* sql.c: runs the demo's scripts through the public API: fills in their variables and keeps what the last statement
 * gave as text. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo/demo.h"
#include "cli/demo/scripts.h"
#include "cli/run.h"

static char *copy_text(const char *p, size_t n) {
    cli_buf b = {0};
    cli_add(&b, p, n);
    cli_text(&b);
    return b.p;
}

static void set_value(demo *d, const char *name, char *value) {
    size_t i = 0;
    while (i < d->n_vars && strcmp(d->vars[i].name, name) != 0) i++;
    if (i == DEMO_VARS) {
        free(value);
        return;
    }
    if (i == d->n_vars)
        d->n_vars++;
    else
        free(d->vars[i].value);
    d->vars[i] = (demo_var){name, value};
}

void demo_set(demo *d, const char *name, const char *format, ...) {
    char *value = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&value, format, args);
    va_end(args);
    set_value(d, name, n < 0 ? copy_text("", 0) : value);
}

const char *demo_get(const demo *d, const char *name) {
    for (size_t i = 0; i < d->n_vars; i++)
        if (strcmp(d->vars[i].name, name) == 0) return d->vars[i].value;
    return "";
}

void demo_set_path(demo *d, const char *name, const char *path) {
    cli_auto_buf b = {0};
    for (const char *p = path; *p; p++) {
        if (*p == '\'')
            cli_puts(&b, "''");
        else if (strchr("*?[", *p))
            cli_printf(&b, "[%c]", *p);
        else
            cli_putc(&b, *p);
    }
    set_value(d, name, copy_text(b.p, b.n));
}

void demo_rows_free(demo_rows *rows) {
    for (size_t i = 0; i < rows->n_columns; i++) free(rows->names[i]);
    for (size_t i = 0; i < rows->n * rows->n_columns; i++) free(rows->cells[i]);
    free(rows->names);
    free(rows->cells);
    *rows = (demo_rows){0};
}

const char *demo_cell(const demo *d, size_t row, size_t column) {
    const demo_rows *rows = &d->rows_of_last;
    return row < rows->n && column < rows->n_columns ? rows->cells[row * rows->n_columns + column] : "";
}

int64_t demo_int(const demo *d, size_t row, size_t column) { return strtoll(demo_cell(d, row, column), NULL, 10); }

static void add_row(void *state, const cli_row *row) {
    demo_rows *rows = state;
    size_t filled = rows->n * row->n;
    if (!rows->names) {
        rows->names = calloc(row->n + 1, sizeof *rows->names);
        for (size_t c = 0; rows->names && c < row->n; c++)
            rows->names[c] = copy_text(row->names[c], strlen(row->names[c]));
        rows->n_columns = rows->names ? row->n : 0;
    }
    char **cells = realloc(rows->cells, (filled + row->n + 1) * sizeof *cells);
    if (!cells || !rows->names) return;
    rows->cells = cells;
    for (size_t c = 0; c < row->n; c++) cells[filled + c] = copy_text(row->cells[c], strlen(row->cells[c]));
    rows->n++;
}

static tarn_code run_statement(demo *d, const char *sql) {
    double begin = demo_now();
    demo_rows_free(&d->rows_of_last);
    tarn_code code = cli_each_row(d->session, sql, add_row, &d->rows_of_last, &d->error);
    d->rows_of_last.seconds = demo_now() - begin;
    return code;
}

/* The text with its variables filled in. */
static tarn_code fill_in(demo *d, const char *name, const char *text, cli_buf *out) {
    for (const char *p = text; *p;) {
        const char *begin = strstr(p, "{{"), *end = begin ? strstr(begin, "}}") : NULL;
        if (!end) {
            cli_puts(out, p);
            break;
        }
        cli_add(out, p, (size_t)(begin - p));
        p = end + 2;
        size_t i = 0, n = (size_t)(end - begin - 2);
        while (i < d->n_vars && (strlen(d->vars[i].name) != n || memcmp(d->vars[i].name, begin + 2, n) != 0)) i++;
        if (i == d->n_vars)
            return cli_error(&d->error, TARN_INTERNAL, "demo: %s.sql needs the variable %.*s", name, (int)n, begin + 2);
        cli_puts(out, d->vars[i].value);
    }
    return TARN_OK;
}

static tarn_code run_text(demo *d, const char *name, const char *text) {
    cli_auto_buf sql = {0};
    tarn_code code = fill_in(d, name, text, &sql);
    const char *at = cli_text(&sql);
    while (code == TARN_OK) {
        size_t n = tarn_statement_length(at, strlen(at), 1);
        if (n == 0 || at[strspn(at, " \n")] == 0) break;
        char *one = copy_text(at, n);
        code = run_statement(d, one);
        free(one);
        at += n;
        if (code == TARN_OK && cli_interrupted()) return cli_error(&d->error, TARN_CANCELLED, "demo: interrupted");
    }
    return code;
}

tarn_code demo_sql(demo *d, const char *sql) { return run_text(d, "a statement", sql); }

tarn_code demo_script(demo *d, const char *name) {
    for (const demo_script_text *s = demo_scripts; s->name; s++)
        if (strcmp(s->name, name) == 0) return run_text(d, name, s->text);
    return cli_error(&d->error, TARN_INTERNAL, "demo: there is no script %s", name);
}

tarn_code demo_check_format(demo *d, const char *table) {
    cli_auto_buf sql = {0};
    cli_printf(&sql, "DESCRIBE DETAIL %s", table);
    tarn_code code = demo_sql(d, cli_text(&sql));
    const char *found = demo_cell(d, 0, 0);
    if (code == TARN_OK && strcmp(found, d->format) != 0)
        return cli_error(&d->error, TARN_INVALID,
                         "demo: the tables of this warehouse are %s, not %s: choose another one with -w", found,
                         d->format);
    return code;
}

tarn_code demo_gates(demo *d, const char *script) {
    tarn_code code = demo_script(d, script);
    if (code != TARN_OK) return code;
    for (size_t i = 0; i < d->rows_of_last.n; i++) {
        const char *found = demo_cell(d, i, 1);
        if (strcmp(demo_cell(d, i, 3), "true") != 0)
            return cli_error(&d->error, TARN_INVALID, "demo: the gate \"%s\" stops the job: found %s, wanted %s",
                             demo_cell(d, i, 0), *found ? found : "nothing", demo_cell(d, i, 2));
        d->n_gates++;
        demo_fact(d, demo_cell(d, i, 0), "%s (gate: %s)", found, demo_cell(d, i, 2));
    }
    return TARN_OK;
}
