/* run.c: cuts a text into statements, runs each, and moves its rows to a format. */
#include "run.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

bool cli_run_format(cli_run *run, const char *name) {
    static const cli_format *const formats[] = {&cli_format_table, &cli_format_csv, &cli_format_json, &cli_format_jsonl,
                                                &cli_format_markdown};
    run->way = strcmp(name, "parquet") == 0 ? CLI_PARQUET : strcmp(name, "arrow") == 0 ? CLI_ARROW : CLI_PRINT;
    for (size_t i = 0; run->way == CLI_PRINT && i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i]->name, name) != 0) continue;
        run->format = formats[i];
        return true;
    }
    return run->way != CLI_PRINT;
}

static size_t skip_comment(const char *sql, size_t n) {
    if (n < 2) return 0;
    if (sql[0] == '-' && sql[1] == '-') {
        const char *end = memchr(sql, '\n', n);
        return end ? (size_t)(end - sql) : n;
    }
    if (sql[0] != '/' || sql[1] != '*') return 0;
    size_t i = 2, depth = 1;
    for (; i + 1 < n && depth; i++) {
        if (sql[i] == '*' && sql[i + 1] == '/')
            depth--, i++;
        else if (sql[i] == '/' && sql[i + 1] == '*')
            depth++, i++;
    }
    return depth ? 0 : i;
}

size_t cli_skip_blank(const char *sql, size_t n) {
    for (size_t i = 0;;) {
        size_t comment = i < n ? skip_comment(sql + i, n - i) : 0;
        if (comment)
            i += comment;
        else if (i < n && isspace((unsigned char)sql[i]))
            i++;
        else
            return i;
    }
}

/* The stream's errors are text only, "CODE: message". */
static tarn_code fail_stream(struct ArrowArrayStream *stream, int err, tarn_error *error) {
    const char *text = stream->get_last_error(stream);
    if (!text || !*text)
        return cli_error(error, err == ECANCELED ? TARN_CANCELLED : TARN_IO, "reading the rows failed: %s",
                         strerrordesc_np(err));
    for (int code = TARN_OK + 1; code <= TARN_INTERNAL; code++) {
        const char *name = tarn_code_name((tarn_code)code);
        size_t n = strlen(name);
        if (strncmp(text, name, n) == 0 && text[n] == ':')
            return cli_error(error, (tarn_code)code, "%s", text + n + 1 + (text[n + 1] == ' '));
    }
    return cli_error(error, err == ECANCELED ? TARN_CANCELLED : TARN_IO, "%s", text);
}

/* The batches of a stream, one after the other. */
typedef tarn_code batch_fn(void *state, const struct ArrowArray *batch, tarn_error *error);

static tarn_code each_batch(struct ArrowArrayStream *stream, batch_fn *fn, void *state, tarn_error *error) {
    for (;;) {
        struct ArrowArray batch = {0};
        if (cli_interrupted()) return cli_error(error, TARN_CANCELLED, "the statement was cancelled");
        int err = stream->get_next(stream, &batch);
        if (err) return fail_stream(stream, err, error);
        if (!batch.release) return TARN_OK;
        tarn_code code = fn(state, &batch, error);
        batch.release(&batch);
        if (code != TARN_OK) return code;
    }
}

static tarn_code stream_type(struct ArrowArrayStream *stream, cli_type *out, tarn_error *error) {
    struct ArrowSchema schema = {0};
    int err = stream->get_schema(stream, &schema);
    if (err) return fail_stream(stream, err, error);
    tarn_code code = cli_type_of(&schema, out, error);
    schema.release(&schema);
    return code;
}

typedef struct printing {
    const cli_format *format;
    cli_print print;
    cli_output *output;
    cli_progress **progress;
} printing;

static tarn_code print_batch(void *state, const struct ArrowArray *batch, tarn_error *error) {
    printing *p = state;
    if (!p->output->path && isatty(STDOUT_FILENO)) {
        cli_progress_stop(*p->progress);
        *p->progress = NULL;
    }
    p->format->batch(&p->print, batch);
    p->print.n_rows += batch->length;
    return cli_output_flush(p->output, false, error);
}

static tarn_code print_stream(cli_run *run, struct ArrowArrayStream *stream, bool report, const char *path,
                              cli_progress **progress, tarn_error *error) {
    cli_type rows = {0};
    cli_output output;
    tarn_code code = stream_type(stream, &rows, error);
    if (code != TARN_OK) return code;
    code = cli_output_open(path, &output, error);
    if (code == TARN_OK) {
        printing p = {run->format,
                      {.out = &output.buf, .rows = &rows, .report = report, .quiet = run->globals->quiet},
                      &output,
                      progress};
        bool reports = report && run->was_report && run->format == &cli_format_table;
        if (!path && run->printed && run->format->gap && !reports) cli_putc(&output.buf, '\n');
        p.format->begin(&p.print);
        code = each_batch(stream, print_batch, &p, error);
        if (code == TARN_OK) p.format->end(&p.print);
        if (!path && output.buf.n) run->printed = true, run->was_report = report;
        if (p.format->drop) p.format->drop(&p.print);
        cli_progress_stop(*progress);
        *progress = NULL;
        code = cli_output_close(&output, code, error);
    }
    cli_type_free(&rows);
    return code;
}

static tarn_code write_arrow(struct ArrowArrayStream *stream, const char *path, tarn_error *error) {
    cli_output output;
    tarn_code code = cli_output_open(path, &output, error);
    if (code != TARN_OK) return code;
    return cli_output_close(&output, tarn_stream_to_ipc(stream, output.fd, error), error);
}

/* The statement's rows to where they belong. Only the last statement's leave the terminal; in the binary formats the
 * others' are not shown. */
static tarn_code show(cli_run *run, tarn_result *result, bool last, cli_progress **progress, tarn_error *error) {
    struct ArrowArrayStream stream = {0};
    bool report = !tarn_result_is_query(result);
    if (run->way != CLI_PRINT && !last) return TARN_OK;
    tarn_code code = tarn_result_stream(result, &stream, error);
    if (code != TARN_OK) return code;
    const char *path = last ? run->output : NULL;
    code = run->way == CLI_ARROW ? write_arrow(&stream, path, error)
                                 : print_stream(run, &stream, report, path, progress, error);
    stream.release(&stream);
    return code;
}

static tarn_code run_statement(cli_run *run, const char *sql, size_t n, bool last, tarn_error *error) {
    tarn_param *params = calloc(run->params.n + 1, sizeof *params);
    char *text = strndup(sql, n);
    size_t n_params = 0;
    tarn_result *result = NULL;
    tarn_code code = params && text ? TARN_OK : cli_error(error, TARN_NOMEM, "out of memory for a statement");
    if (code == TARN_OK) code = cli_params_for(&run->params, sql, n, params, &n_params, error);
    if (code == TARN_OK) {
        cli_progress *progress = cli_progress_start(run->globals, run->session);
        if (run->way == CLI_PARQUET && last)
            code = tarn_query_to_parquet(run->session, text, params, n_params, run->output, error);
        else
            code = tarn_query(run->session, text, params, n_params, &result, error);
        if (code == TARN_OK && result) code = show(run, result, last, &progress, error);
        cli_progress_stop(progress);
    }
    tarn_result_close(result);
    free(params);
    free(text);
    return code;
}

/* Where sql[at] is: lines and characters count from 1. */
static void place_of(const char *sql, size_t at, int *line, int *column) {
    *line = *column = 1;
    for (size_t i = 0; i < at; i++) {
        if (sql[i] == '\n')
            (*line)++, *column = 1;
        else if (((unsigned char)sql[i] & 0xc0) != 0x80)
            (*column)++;
    }
}

/* Puts the place in the whole text before the message. A statement on one line needs none: the caret is in the hint. */
static void locate(const cli_run *run, const char *sql, size_t n, size_t at, tarn_error *error) {
    cli_auto_buf text = {0};
    int line, column;
    place_of(sql, at, &line, &column);
    if (error->line > 1)
        column = error->column;
    else if (error->line == 1)
        column += error->column - 1;
    if (error->line > 0) line += error->line - 1;
    if (run->source) cli_printf(&text, "%s:%d:", run->source, line);
    if (run->source && error->line > 0) cli_printf(&text, "%d:", column);
    if (!run->source && (error->line > 0 || memchr(sql, '\n', n)))
        cli_printf(&text, error->line > 0 ? "line %d, column %d:" : "line %d:", line, column);
    if (!text.n) return;
    cli_printf(&text, " %s", error->message);
    snprintf(error->message, sizeof error->message, "%s", cli_text(&text));
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Statements are handed on as C strings: what stands after a zero byte would be lost. */
static int refuse_zero(const cli_run *run, const char *sql, size_t n, size_t at) {
    tarn_error error;
    (void)cli_error(&error, TARN_INVALID, "a zero byte, which no statement holds; nothing was run");
    error.line = error.column = 1;
    locate(run, sql, n, at, &error);
    return cli_fail(&error);
}

int cli_run_text(cli_run *run, const char *sql, size_t n) {
    const char *zero = n ? memchr(sql, 0, n) : NULL;
    if (zero) return refuse_zero(run, sql, n, (size_t)(zero - sql));
    for (size_t at = cli_skip_blank(sql, n); at < n;) {
        size_t length = tarn_statement_length(sql + at, n - at, 1);
        if (!length) length = n - at; /* an open quote: running it says where */
        size_t next = at + length + cli_skip_blank(sql + at + length, n - at - length);
        if (length == 1 && sql[at] == ';') {
            at = next;
            continue;
        }
        tarn_error error = {.size = sizeof error};
        double start = now_ms();
        cli_watch(run->session);
        tarn_code code = run_statement(run, sql + at, length, next == n, &error);
        bool interrupted = cli_interrupted();
        cli_watch(NULL);
        if (code != TARN_OK) {
            locate(run, sql, n, at, &error);
            int exit_code = cli_fail(&error);
            return interrupted ? CLI_INTERRUPTED : exit_code;
        }
        if (run->timing) printf("Time: %.1f ms\n", now_ms() - start);
        fflush(stdout);
        at = next;
    }
    return CLI_DONE;
}

typedef struct rows_as_text {
    const cli_type *type;
    cli_row_fn *row;
    void *state;
} rows_as_text;

static tarn_code each_text(void *state, const struct ArrowArray *batch, tarn_error *error) {
    const rows_as_text *r = state;
    size_t n = r->type->n_children;
    cli_row row = {n, calloc(n + 1, sizeof *row.names), calloc(n + 1, sizeof *row.cells)};
    cli_auto_buf text = {0}, ends = {0};
    tarn_code code = row.names && row.cells ? TARN_OK : cli_error(error, TARN_NOMEM, "out of memory for a row");
    for (int64_t i = 0; code == TARN_OK && i < batch->length; i++) {
        text.n = ends.n = 0;
        for (size_t c = 0; c < n; c++) {
            cli_add(&ends, (const char *)&text.n, sizeof text.n);
            cli_put_text(&text, &r->type->children[c], batch->children[c], cli_child_row(batch, i));
            cli_putc(&text, 0);
        }
        for (size_t c = 0; c < n; c++) {
            row.names[c] = r->type->children[c].name;
            row.cells[c] = text.p + ((const size_t *)(const void *)ends.p)[c];
        }
        r->row(r->state, &row);
    }
    free(row.names);
    free(row.cells);
    return code;
}

tarn_code cli_each_row(tarn_session *session, const char *sql, cli_row_fn *row, void *state, tarn_error *error) {
    tarn_result *result = NULL;
    struct ArrowArrayStream stream = {0};
    cli_type type = {0};
    tarn_code code = tarn_query(session, sql, NULL, 0, &result, error);
    if (code == TARN_OK) code = tarn_result_stream(result, &stream, error);
    if (code == TARN_OK) {
        code = stream_type(&stream, &type, error);
        rows_as_text r = {&type, row, state};
        if (code == TARN_OK) code = each_batch(&stream, each_text, &r, error);
        stream.release(&stream);
    }
    cli_type_free(&type);
    tarn_result_close(result);
    return code;
}

const char *cli_cell(const cli_row *row, const char *name) {
    for (size_t i = 0; i < row->n; i++)
        if (strcmp(row->names[i], name) == 0) return row->cells[i];
    return "";
}
