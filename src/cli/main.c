/* main.c: the tarn binary: global options, the table of commands, SIGINT. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const char help_usage[] = "tarn help [COMMAND]\nSays what there is, or how a command is used.\n";
static const char version_usage[] = "tarn version\nPrints the version.\n";

static int cmd_help(const cli_globals *g, int argc, char **argv);
static int cmd_version(const cli_globals *g, int argc, char **argv);

static const cli_command commands[] = {
    {"init", "create a warehouse", cmd_init_usage, cmd_init},
    {"sql", "run SQL; on a terminal without SQL: a shell", cmd_sql_usage, cmd_sql},
    {"demo", "the main job on an embedded lakehouse", cmd_demo_usage, cmd_demo},
    {"doctor", "is this installation sound?", cmd_doctor_usage, cmd_doctor},
    {"help", "this, or how a command is used", help_usage, cmd_help},
    {"version", "print the version", version_usage, cmd_version},
};

static const cli_command *find_command(const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static void put_help(FILE *to) {
    fputs("tarn [-w WAREHOUSE] [--set NAME=VALUE …] [-q] COMMAND …\n\nCommands:\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nOptions of every command:\n"
          "  -w, --warehouse URI  the warehouse: a folder; else $TARN_WAREHOUSE, else ./lake\n"
          "  --set NAME=VALUE     a setting, before all other places (SHOW SETTINGS lists them)\n"
          "  -q, --quiet          no progress, no reports\n"
          "  -h, --help           how a command is used\n"
          "  --version            the version\n"
          "\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n",
          to);
}

static int cmd_help(const cli_globals *g, int argc, char **argv) {
    (void)g;
    if (argc > 2) return cli_unknown("help", argv[2]);
    if (argc < 2) {
        put_help(stdout);
        return CLI_DONE;
    }
    const cli_command *command = find_command(argv[1]);
    if (!command) return cli_usage(NULL, "there is no command %s", argv[1]);
    fputs(command->usage, stdout);
    return CLI_DONE;
}

static int cmd_version(const cli_globals *g, int argc, char **argv) {
    (void)g;
    if (argc > 1) return cli_unknown("version", argv[1]);
    puts("tarn " TARN_VERSION);
    return CLI_DONE;
}

int cli_option(int argc, char **argv, int *i, const char *short_name, const char *long_name, const char **value) {
    const char *word = argv[*i];
    size_t n = long_name ? strlen(long_name) : 0;
    if (n && strncmp(word, long_name, n) == 0 && word[n] == '=') {
        *value = word + n + 1;
        return 1;
    }
    if (!(short_name && strcmp(word, short_name) == 0) && !(n && strcmp(word, long_name) == 0)) return 0;
    if (*i + 1 >= argc) {
        cli_usage(NULL, "%s needs a value", word);
        return -1;
    }
    *value = argv[++*i];
    return 1;
}

int cli_usage(const char *command, const char *format, ...) {
    va_list args;
    fputs("tarn: ", stderr);
    if (command) fprintf(stderr, "%s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nhint: tarn help%s%s\n", command ? " " : "", command ? command : "");
    return CLI_USAGE;
}

int cli_unknown(const char *command, const char *word) {
    if (word[0] == '-' && word[1]) return cli_usage(command, "unknown option %s", word);
    return cli_usage(command, "unexpected argument %s", word);
}

tarn_code cli_error(tarn_error *error, tarn_code code, const char *format, ...) {
    va_list args;
    *error = (tarn_error){.size = sizeof *error, .code = code};
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return code;
}

/* A hint of two lines is a line of the statement and its caret, and stands as it is. */
int cli_fail(const tarn_error *error) {
    fflush(stdout);
    fprintf(stderr, "tarn: %s: %s\n", tarn_code_name(error->code), error->message);
    if (error->hint[0]) fprintf(stderr, "%s%s\n", strchr(error->hint, '\n') ? "" : "hint: ", error->hint);
    return CLI_FAILED;
}

tarn_code cli_open(const cli_globals *g, tarn_lake **out, tarn_error *error) {
    tarn_options options = {.size = sizeof options, .uri = g->warehouse, .settings = g->settings};
    return tarn_open(&options, out, error);
}

/* What the signal handler sees: it can be given nothing. */
static _Atomic(tarn_session *) watched;
static volatile sig_atomic_t interrupts, at_prompt;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    int saved = errno;
    tarn_session *session = atomic_load(&watched);
    if ((!session && !at_prompt) || (session && interrupts)) _exit(CLI_INTERRUPTED);
    interrupts = 1;
    if (session) tarn_cancel(session);
    errno = saved;
}

void cli_watch(tarn_session *session) {
    if (session) interrupts = 0;
    atomic_store(&watched, session);
}

void cli_prompt(bool on) {
    if (on) interrupts = 0;
    at_prompt = on;
}

bool cli_interrupted(void) { return interrupts != 0; }

typedef struct arguments {
    cli_globals g;
    const char **settings; /* name, value, …, NULL */
    size_t n_settings;
    char **rest; /* the command and its own words */
    int n_rest;
    bool help, version;
} arguments;

/* "name=value" is cut in place. */
static int add_setting(arguments *a, const char *text) {
    char *name = strdup(text), *equals = name ? strchr(name, '=') : NULL;
    if (!equals || equals == name) {
        free(name);
        return cli_usage(NULL, "--set %s: a setting is NAME=VALUE", text);
    }
    *equals = 0;
    a->settings[a->n_settings++] = name;
    a->settings[a->n_settings++] = equals + 1;
    return CLI_DONE;
}

/* Global options may stand before and after the command; "--" ends them. */
static int parse(int argc, char **argv, arguments *a) {
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = NULL;
        if (strcmp(word, "--") == 0) {
            while (i < argc) a->rest[a->n_rest++] = argv[i++];
            break;
        }
        int set = 0, found = cli_option(argc, argv, &i, "-w", "--warehouse", &a->g.warehouse);
        if (!found) found = set = cli_option(argc, argv, &i, NULL, "--set", &value);
        if (found < 0 || (set && add_setting(a, value) != CLI_DONE)) return CLI_USAGE;
        if (found) continue;
        if (strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0)
            a->g.quiet = true;
        else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
            a->help = true;
        else if (strcmp(word, "--version") == 0)
            a->version = true;
        else if (word[0] == '-' && word[1] && !a->n_rest)
            return cli_unknown(NULL, word);
        else
            a->rest[a->n_rest++] = argv[i];
    }
    return CLI_DONE;
}

static int dispatch(arguments *a) {
    const char *from_environment = getenv("TARN_WAREHOUSE");
    if (!a->g.warehouse) a->g.warehouse = from_environment && *from_environment ? from_environment : "lake";
    a->g.settings = a->settings;
    if (a->version) return cmd_version(&a->g, 1, a->rest);
    if (!a->n_rest) {
        put_help(a->help ? stdout : stderr);
        return a->help ? CLI_DONE : CLI_USAGE;
    }
    const cli_command *command = find_command(a->rest[0]);
    if (!command) return cli_usage(NULL, "there is no command %s", a->rest[0]);
    if (a->help) {
        fputs(command->usage, stdout);
        return CLI_DONE;
    }
    return command->run(&a->g, a->n_rest, a->rest);
}

int main(int argc, char **argv) {
    /* No SA_RESTART: a read from the terminal is to end, too. */
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    arguments a = {.settings = calloc(2 * (size_t)argc + 1, sizeof(char *)),
                   .rest = calloc((size_t)argc + 1, sizeof(char *))};
    if (!a.settings || !a.rest) return CLI_FAILED;
    int code = parse(argc, argv, &a);
    if (code == CLI_DONE) code = dispatch(&a);
    for (size_t i = 0; i < a.n_settings; i += 2) free((void *)(size_t)a.settings[i]);
    free(a.settings);
    free(a.rest);
    if (fflush(stdout) != 0 && code == CLI_DONE) code = CLI_FAILED;
    return code;
}
