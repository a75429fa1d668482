/* demo.c: tarn demo: the main job, from raw lines to features, in stages that a user could run as SQL. */
#include "cli/demo/demo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_STAGES = 4, FLIGHTS_STAGES = 3, END_STAGES = 2 };

const char cmd_demo_usage[] =
    "tarn demo [--rows N] [--seed N] [--only events|flights] [--input DIR] [--format delta|iceberg]\n"
    "Runs the main job on the warehouse: events and flights through bronze, silver and gold, with gates\n"
    "between them; then OPTIMIZE, a bad UPDATE undone, time travel, and a report.\n"
    "Running it again changes nothing but history.\n"
    "  --rows N      lines of events to make (default 1050000)\n"
    "  --seed N      other events (default 42)\n"
    "  --only WHAT   events or flights\n"
    "  --input DIR   the flights' files: flights.csv, weather.csv, airlines.csv, airports.csv, planes.csv\n"
    "  --format F    the format of the tables: delta (default) or iceberg\n";

/* False: not a number between the limits. */
static bool read_number(const char *text, int64_t min, int64_t max, int64_t *out) {
    char *end;
    errno = 0;
    int64_t v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < min || v > max) return false;
    *out = v;
    return true;
}

/* CLI_DONE, or what the command ends with. */
static int parse(demo *d, int argc, char **argv) {
    int64_t seed = 42;
    for (int i = 1; i < argc; i++) {
        const char *rows = NULL, *seed_text = NULL, *only = NULL, *format = NULL;
        int found = cli_option(argc, argv, &i, NULL, "--rows", &rows);
        if (!found) found = cli_option(argc, argv, &i, NULL, "--seed", &seed_text);
        if (!found) found = cli_option(argc, argv, &i, NULL, "--only", &only);
        if (!found) found = cli_option(argc, argv, &i, NULL, "--input", &d->input);
        if (!found) found = cli_option(argc, argv, &i, NULL, "--format", &format);
        if (found < 0) return CLI_USAGE;
        if (!found) return cli_unknown("demo", argv[i]);
        if (rows && !read_number(rows, 10000, 100000000, &d->rows))
            return cli_usage("demo", "--rows takes 10000 to 100000000, not %s", rows);
        if (seed_text && !read_number(seed_text, 0, INT64_MAX, &seed))
            return cli_usage("demo", "--seed takes a number from 0 on, not %s", seed_text);
        if (only && strcmp(only, "events") != 0 && strcmp(only, "flights") != 0)
            return cli_usage("demo", "--only takes events or flights, not %s", only);
        if (format && strcmp(format, "delta") != 0 && strcmp(format, "iceberg") != 0)
            return cli_usage("demo", "--format takes delta or iceberg, not %s", format);
        if (format) d->format = format;
        if (only) {
            d->events = only[0] == 'e';
            d->flights = !d->events;
        }
    }
    d->seed = (uint64_t)seed;
    if (d->input && !d->flights) return cli_usage("demo", "--input is for the flights, which --only events leaves out");
    return CLI_DONE;
}

static tarn_code open_warehouse(demo *d) {
    tarn_code code = cli_open(d->g, &d->lake, &d->error);
    if (code == TARN_OK) code = tarn_session_open(d->lake, NULL, &d->session, &d->error);
    return code;
}

static tarn_code run_stages(demo *d) {
    tarn_code code = open_warehouse(d);
    bool flights = false;
    if (code == TARN_OK && d->flights) code = demo_flights_find(d, &flights);
    if (code != TARN_OK) return code;
    demo_set(d, "format", "%s", d->format);
    d->progress =
        demo_progress_open(d->g->quiet, (d->events ? EVENTS_STAGES : 0) + (flights ? FLIGHTS_STAGES : 0) + END_STAGES);
    cli_watch(d->session);
    if (d->events) code = demo_events(d);
    if (code == TARN_OK && flights) code = demo_flights(d);
    d->flights = flights;
    if (code == TARN_OK && (d->events || flights)) code = demo_upkeep(d);
    demo_progress_close(d->progress);
    return code;
}

static void clean_up(demo *d) {
    demo_rows_free(&d->rows_of_last);
    for (size_t i = 0; i < d->n_vars; i++) free(d->vars[i].value);
    cli_buf_free(&d->report);
    tarn_session_close(d->session);
    tarn_close(d->lake);
}

int cmd_demo(const cli_globals *g, int argc, char **argv) {
    demo d = {.g = g, .rows = 1050000, .format = "delta", .events = true, .flights = true, .error = {.size = sizeof d.error}};
    double begin = demo_now();
    int exit_code = parse(&d, argc, argv);
    if (exit_code != CLI_DONE) return exit_code;
    tarn_code code = run_stages(&d);
    bool interrupted = code != TARN_OK && cli_interrupted();
    cli_watch(NULL);
    if (!g->quiet) fputs(cli_text(&d.report), stdout);
    if (code == TARN_OK && !g->quiet && (d.events || d.flights))
        printf("\nDone in %.1f s; %zu gates passed. The lake stays in %s: ask it, for example\n"
               "  tarn -w %s sql 'SHOW TABLES IN gold'\n",
               demo_now() - begin, d.n_gates, g->warehouse, g->warehouse);
    if (code != TARN_OK) exit_code = cli_fail(&d.error);
    clean_up(&d);
    return interrupted ? CLI_INTERRUPTED : exit_code;
}
