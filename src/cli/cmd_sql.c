/* cmd_sql.c: tarn sql: statements from the command line, a file or standard input, and the door to the shell. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "shell.h"

const char cmd_sql_usage[] =
    "tarn sql [OPTION …] ['SQL; SQL']\n"
    "Runs statements one after the other and stops at the first that fails. Without SQL it reads standard input;\n"
    "on a terminal it is a shell (\\? there lists its commands).\n"
    "  -f, --file FILE      statements from a file (-: standard input)\n"
    "  --format FORMAT      table (default), csv, json, jsonl, markdown, parquet, arrow\n"
    "  -o, --output FILE    the last statement's rows go to a file; its name can choose the format\n"
    "  --param NAME=VALUE   a value for $NAME, or with a number for $1 and ?; 1, 1.5, true, null are typed, '1' is "
    "text\n"
    "  --as PRINCIPAL       as this user or role instead of the owner\n";

typedef struct sql_arguments {
    const char *file, *format, *principal, *sql;
    cli_run run;
} sql_arguments;

static int parse_word(sql_arguments *a, int argc, char **argv, int *i) {
    const struct {
        const char *short_name, *long_name, **value;
    } options[] = {{"-f", "--file", &a->file},
                   {NULL, "--format", &a->format},
                   {"-o", "--output", &a->run.output},
                   {NULL, "--as", &a->principal}};
    const char *word = argv[*i], *value;
    int found = 0;
    for (size_t k = 0; k < sizeof options / sizeof *options && !found; k++)
        found = cli_option(argc, argv, i, options[k].short_name, options[k].long_name, options[k].value);
    if (found) return found < 0 ? CLI_USAGE : CLI_DONE;
    found = cli_option(argc, argv, i, NULL, "--param", &value);
    if (found < 0) return CLI_USAGE;
    if (found)
        return cli_params_add(&a->run.params, value) ? CLI_DONE
                                                     : cli_usage("sql", "--param %s: a parameter is NAME=VALUE", value);
    if (strcmp(word, "--") == 0 && *i + 1 < argc)
        word = argv[++*i];
    else if (word[0] == '-' && word[1] && word[1] != '-')
        return cli_unknown("sql", word);
    else if (strncmp(word, "--", 2) == 0 && !strpbrk(word, " \n"))
        return cli_unknown("sql", word); /* else a comment before SQL */
    if (a->sql) return cli_usage("sql", "more than one argument; put the SQL in quotes: %s", word);
    a->sql = word;
    return CLI_DONE;
}

/* By the file's ending where no format is named. */
static const char *format_of(const char *output) {
    static const char *const endings[][2] = {{".csv", "csv"},      {".json", "json"},   {".jsonl", "jsonl"},
                                             {".ndjson", "jsonl"}, {".md", "markdown"}, {".parquet", "parquet"},
                                             {".arrow", "arrow"},  {".arrows", "arrow"}};
    const char *dot = output ? strrchr(output, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i][0]) == 0) return endings[i][1];
    return "table";
}

static int check(sql_arguments *a) {
    if (a->file && a->sql) return cli_usage("sql", "either -f or SQL, not both");
    const char *format = a->format ? a->format : format_of(a->run.output);
    if (!cli_run_format(&a->run, format))
        return cli_usage("sql", "unknown format %s; there are table, csv, json, jsonl, markdown, parquet, arrow",
                         format);
    if (a->run.way == CLI_PARQUET && !a->run.output) return cli_usage("sql", "--format parquet needs -o FILE");
    if (a->run.way == CLI_ARROW && !a->run.output && isatty(STDOUT_FILENO))
        return cli_usage("sql", "--format arrow is not for a terminal; give -o FILE");
    return CLI_DONE;
}

static tarn_code read_all(int fd, const char *name, cli_buf *out, tarn_error *error) {
    enum { PIECE = 1 << 16 };
    for (;;) {
        ssize_t n = read(fd, cli_room(out, PIECE), PIECE);
        if (n == 0) return TARN_OK;
        if (n < 0) return cli_error(error, TARN_IO, "cannot read %s: %s", name, strerrordesc_np(errno));
        out->n += (size_t)n;
    }
}

static tarn_code read_sql(sql_arguments *a, cli_buf *out, tarn_error *error) {
    if (a->sql) {
        cli_puts(out, a->sql);
        return TARN_OK;
    }
    bool is_stdin = !a->file || strcmp(a->file, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(a->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_error(error, errno == ENOENT ? TARN_NOTFOUND : TARN_IO, "cannot read %s: %s", a->file,
                         strerrordesc_np(errno));
    a->run.source = is_stdin ? "stdin" : a->file;
    tarn_code code = read_all(fd, a->run.source, out, error);
    if (!is_stdin) close(fd);
    if (out->n >= 3 && memcmp(out->p, "\xef\xbb\xbf", 3) == 0)
        memset(out->p, ' ', 3); /* a byte order mark, as some editors write */
    return code;
}

static int run_sql(sql_arguments *a) {
    tarn_error error = {.size = sizeof error};
    tarn_lake *lake = NULL;
    cli_auto_buf sql = {0};
    bool shell = !a->sql && !a->file && isatty(STDIN_FILENO);
    int exit_code = CLI_FAILED;
    tarn_code code = shell ? TARN_OK : read_sql(a, &sql, &error);
    if (code == TARN_OK) code = cli_open(a->run.globals, &lake, &error);
    if (code == TARN_OK) code = tarn_session_open(lake, a->principal, &a->run.session, &error);
    if (code != TARN_OK)
        exit_code = cli_fail(&error);
    else if (shell)
        exit_code = cli_shell(&a->run);
    else
        exit_code = cli_run_text(&a->run, cli_text(&sql), sql.n);
    tarn_session_close(a->run.session);
    tarn_close(lake);
    return exit_code;
}

int cmd_sql(const cli_globals *g, int argc, char **argv) {
    sql_arguments a = {.run = {.globals = g, .format = &cli_format_table}};
    int code = CLI_DONE;
    for (int i = 1; i < argc && code == CLI_DONE; i++) code = parse_word(&a, argc, argv, &i);
    if (code == CLI_DONE) code = check(&a);
    if (code == CLI_DONE) code = run_sql(&a);
    cli_params_free(&a.run.params);
    return code;
}
