/* shell.c: the interactive shell: lines to statements, and the commands that begin with a backslash. */
#include "shell.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 2000, HISTORY_FILE_BYTES = 8 << 20 };

typedef struct shell {
    cli_run *run;
    EditLine *el;
    History *history;
    cli_buf history_file;
    cli_buf text; /* what is typed and not yet run */
    cli_names names;
    bool quit;
} shell;

static shell *shell_of(EditLine *el) {
    void *s = NULL;
    el_get(el, EL_CLIENTDATA, &s);
    return s;
}

static char *prompt(EditLine *el) {
    static char first[] = "tarn> ", next[] = "  ... ";
    return shell_of(el)->text.n ? next : first;
}

/* libedit's own reader starts again after a signal; here Ctrl-C ends the line. */
static int read_char(EditLine *el, wchar_t *out) {
    mbstate_t state = {0};
    (void)el;
    for (;;) {
        char byte;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR && !cli_interrupted()) continue;
        if (n <= 0) return (int)n;
        size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == (size_t)-2) continue;
        if (used != (size_t)-1) return 1;
        state = (mbstate_t){0};
    }
}

static void list_candidates(const char *all, size_t n) {
    size_t column = 0;
    putchar('\n');
    for (size_t i = 0; i < n; i += strlen(all + i) + 1) {
        int width = printf("%-20s  ", all + i);
        column += width > 0 ? (size_t)width : 0;
        if (column > 60) putchar('\n'), column = 0;
    }
    if (column) putchar('\n');
    fflush(stdout);
}

static bool is_word(char c) { return isalnum((unsigned char)c) || strchr("_.$\\", c) || (unsigned char)c >= 0x80; }

static unsigned char complete(EditLine *el, int key) {
    (void)key;
    shell *s = shell_of(el);
    const LineInfo *line = el_line(el);
    const char *word = line->cursor;
    cli_auto_buf all = {0};
    size_t count, n;
    while (word > line->buffer && word[-1] && is_word(word[-1])) word--;
    n = (size_t)(line->cursor - word);
    size_t common = cli_complete(s->run->session, &s->names, word, n, &all, &count);
    if (!count) return CC_REFRESH_BEEP;
    if (common == n && count > 1) {
        list_candidates(all.p, all.n);
        return CC_REDISPLAY;
    }
    cli_auto_buf typed = {0};
    cli_add(&typed, all.p + n, common - n);
    if (count == 1) cli_putc(&typed, ' ');
    return el_insertstr(el, cli_text(&typed)) == 0 ? CC_REFRESH : CC_ERROR;
}

static const char help_text[] = "\\d            the tables\n"
                                "\\d TABLE      its columns\n"
                                "\\h [NAME]     the statements; how one is written\n"
                                "\\format NAME  table, csv, json, jsonl, markdown\n"
                                "\\timing       show how long statements take, or stop that\n"
                                "\\i FILE       run the statements of a file\n"
                                "\\q            quit (also Ctrl-D)\n"
                                "A statement ends with a semicolon. Ctrl-C stops it, or clears the line.\n";

static void print_syntax(void *state, const cli_row *row) {
    int *count = state;
    printf("%s%s\n%s\n", (*count)++ ? "\n" : "", cli_cell(row, "syntax"), cli_cell(row, "what"));
}

static void print_statement(void *state, const cli_row *row) {
    (void)state;
    printf("%-22s %s\n", cli_cell(row, "statement"), cli_cell(row, "what"));
}

static void show_help(shell *s, const char *name) {
    cli_auto_buf sql = {0};
    int count = 0;
    tarn_error error = {.size = sizeof error};
    cli_printf(&sql, "HELP %s", name);
    if (cli_each_row(s->run->session, cli_text(&sql), *name ? print_syntax : print_statement, &count, &error) !=
        TARN_OK)
        cli_fail(&error);
}

static void run_text(shell *s, const char *sql, size_t n) {
    cli_run_text(s->run, sql, n);
    s->run->printed = false;
    cli_names_forget(&s->names);
}

static void run_file(shell *s, const char *path) {
    cli_auto_buf sql = {0};
    char piece[4096];
    FILE *f = fopen(path, "re");
    if (!f) {
        fprintf(stderr, "tarn: cannot read %s: %s\n", path, strerrordesc_np(errno));
        return;
    }
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;) cli_add(&sql, piece, n);
    fclose(f);
    s->run->source = path;
    run_text(s, cli_text(&sql), sql.n);
    s->run->source = NULL;
}

static void set_format(shell *s, const char *name) {
    cli_run was = *s->run;
    bool known = cli_run_format(s->run, name);
    if (known && s->run->way == CLI_PRINT) return;
    s->run->way = was.way;
    s->run->format = was.format;
    fprintf(stderr, "tarn: \\format takes table, csv, json, jsonl or markdown\n");
}

/* "\name rest": the line is cut in place. */
static void run_command(shell *s, char *line) {
    size_t n = strlen(line);
    while (n && (isspace((unsigned char)line[n - 1]) || line[n - 1] == ';')) line[--n] = 0;
    char *rest = line + strcspn(line, " \t");
    if (*rest) *rest++ = 0;
    rest += strspn(rest, " \t");
    cli_auto_buf sql = {0};
    cli_printf(&sql, *rest ? "DESCRIBE %s" : "SHOW TABLES", rest);
    if (strcmp(line, "\\d") == 0)
        run_text(s, cli_text(&sql), sql.n);
    else if (strcmp(line, "\\q") == 0)
        s->quit = true;
    else if (strcmp(line, "\\h") == 0)
        show_help(s, rest);
    else if (strcmp(line, "\\i") == 0)
        run_file(s, rest);
    else if (strcmp(line, "\\format") == 0)
        set_format(s, rest);
    else if (strcmp(line, "\\timing") == 0)
        printf("timing is %s\n", (s->run->timing = !s->run->timing) ? "on" : "off");
    else if (strcmp(line, "\\?") == 0)
        fputs(help_text, stdout);
    else
        fprintf(stderr, "tarn: there is no command %s; \\? lists them\n", line);
    fflush(stdout);
}

static void remember(shell *s, const char *text, size_t n) {
    HistEvent event;
    cli_auto_buf one = {0};
    while (n && isspace((unsigned char)text[n - 1])) n--;
    if (!n) return;
    cli_add(&one, text, n);
    history(s->history, &event, H_ENTER, cli_text(&one));
}

/* Runs the whole statements of what was typed and keeps the rest. */
static void take_statements(shell *s) {
    size_t done = 0;
    for (size_t n; done < s->text.n && (n = tarn_statement_length(s->text.p + done, s->text.n - done, 0)) > 0;)
        done += n;
    if (!done) {
        if (cli_skip_blank(s->text.p, s->text.n) == s->text.n) s->text.n = 0;
        return;
    }
    remember(s, s->text.p, s->text.n);
    run_text(s, s->text.p, done);
    done += cli_skip_blank(s->text.p + done, s->text.n - done);
    memmove(s->text.p, s->text.p + done, s->text.n - done);
    s->text.n -= done;
}

/* One line of the terminal; false at its end. */
static bool take_line(shell *s) {
    int n = 0;
    cli_prompt(true);
    const char *line = el_gets(s->el, &n);
    bool interrupted = cli_interrupted();
    cli_prompt(false);
    if (interrupted) {
        putchar('\n');
        fflush(stdout);
        s->text.n = 0;
        return true;
    }
    if (!line || n <= 0) {
        putchar('\n');
        return false;
    }
    size_t blank = strspn(line, " \t");
    if (!s->text.n && line[blank] == '\\') {
        cli_auto_buf command = {0};
        remember(s, line, (size_t)n);
        cli_puts(&command, line + blank);
        (void)cli_text(&command);
        run_command(s, command.p);
        return !s->quit;
    }
    cli_add(&s->text, line, (size_t)n);
    take_statements(s);
    return true;
}

/* $XDG_STATE_HOME/tarn/history, else ~/.tarn_history. */
static void find_history_file(cli_buf *out) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/') {
        cli_printf(out, "%s/tarn", state);
        mkdir(state, 0700);
        mkdir(cli_text(out), 0700);
        cli_puts(out, "/history");
    } else if (home && *home) {
        cli_printf(out, "%s/.tarn_history", home);
    }
    if (out->n) (void)cli_text(out);
}

static void load_history(shell *s) {
    HistEvent event;
    struct stat st;
    history(s->history, &event, H_SETSIZE, HISTORY_LINES);
    history(s->history, &event, H_SETUNIQUE, 1);
    find_history_file(&s->history_file);
    bool sane = s->history_file.n && stat(s->history_file.p, &st) == 0 && S_ISREG(st.st_mode) &&
                st.st_size <= HISTORY_FILE_BYTES;
    if (sane) history(s->history, &event, H_LOAD, s->history_file.p);
}

/* Statements can hold secrets: the file is its owner's alone, from its first byte. */
static void save_history(shell *s) {
    HistEvent event;
    int fd = s->history_file.n ? open(s->history_file.p, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) return;
    if (fchmod(fd, 0600) == 0) history(s->history, &event, H_SAVE, s->history_file.p);
    close(fd);
}

/* Characters beyond ASCII can be typed: libedit asks the thread's locale, the process keeps "C". */
static locale_t use_utf8(void) {
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (utf8 && strcmp(nl_langinfo_l(CODESET, utf8), "UTF-8") != 0) {
        freelocale(utf8);
        utf8 = (locale_t)0;
    }
    if (!utf8) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8) uselocale(utf8);
    return utf8;
}

static bool start(shell *s) {
    s->el = el_init("tarn", stdin, stdout, stderr);
    s->history = history_init();
    if (!s->el || !s->history) return false;
    el_set(s->el, EL_CLIENTDATA, s);
    el_set(s->el, EL_PROMPT, prompt);
    el_set(s->el, EL_EDITOR, "emacs");
    el_set(s->el, EL_SIGNAL, 0);
    el_set(s->el, EL_GETCFN, read_char);
    el_set(s->el, EL_HIST, history, s->history);
    el_set(s->el, EL_ADDFN, "tarn-complete", "complete a keyword or a table", complete);
    el_set(s->el, EL_BIND, "\t", "tarn-complete", NULL);
    el_set(s->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(s->el, NULL);
    load_history(s);
    return true;
}

int cli_shell(cli_run *run) {
    shell s = {.run = run};
    locale_t utf8 = use_utf8();
    int code = CLI_DONE;
    if (start(&s)) {
        if (!run->globals->quiet)
            printf("tarn %s, warehouse %s. \\? for help.\n", TARN_VERSION, run->globals->warehouse);
        while (take_line(&s)) el_resize(s.el);
        save_history(&s);
    } else {
        fputs("tarn: IO: the terminal cannot be set up\n", stderr);
        code = CLI_FAILED;
    }
    if (s.history) history_end(s.history);
    if (s.el) el_end(s.el);
    cli_names_forget(&s.names);
    cli_buf_free(&s.text);
    cli_buf_free(&s.history_file);
    uselocale(LC_GLOBAL_LOCALE);
    if (utf8) freelocale(utf8);
    return code;
}
