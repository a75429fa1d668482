/* events.c: the clickstream: made, loaded as received, checked and merged, summed up. */
#include "cli/demo/demo.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    char text[32];
} tally;

static const char *count(tally *t, int64_t n) { return demo_count(t->text, n); }

static void on_day_done(void *state) { demo_step(state); }

/* *known: the tables were made for these events. */
static tarn_code make_landing(demo *d, demo_landing *landing, bool *known) {
    int64_t bytes = 0;
    tally lines;
    char size[32];
    demo_stage(d->progress, "events: landing", DEMO_DAYS, NULL);
    *known = demo_landing_known(landing);
    bool whole = demo_landing_whole(landing, &bytes);
    landing->day_done = on_day_done;
    landing->state = d->progress;
    tarn_code code = whole ? TARN_OK : demo_generate(landing, &d->error);
    if (code == TARN_OK && cli_interrupted()) code = cli_error(&d->error, TARN_CANCELLED, "demo: interrupted");
    if (code != TARN_OK) return code;
    if (!whole) demo_landing_whole(landing, &bytes);
    demo_bytes(size, bytes);
    demo_stage_end(d->progress, "%s lines in %d files, %s%s", count(&lines, landing->lines), DEMO_DAYS, size,
                   whole ? ", there already" : "");
    demo_fact(d, "landing", "%s lines in %d files, %s", lines.text, DEMO_DAYS, size);
    return TARN_OK;
}

static tarn_code make_tables(demo *d, const demo_landing *landing, bool known) {
    demo_set(d, "create", known ? "CREATE TABLE IF NOT EXISTS" : "CREATE OR REPLACE TABLE");
    tarn_code code = demo_script(d, "events_tables");
    if (code == TARN_OK) code = demo_check_format(d, "bronze.events");
    /* Only now: a job that is stopped before makes its tables anew. */
    return code == TARN_OK ? demo_landing_remember(landing, &d->error) : code;
}

static void set_batch(demo *d, const char *folder, int batch) {
    enum { DAYS = DEMO_DAYS / DEMO_BATCHES };
    char from[11], to[11], path[PATH_MAX];
    cli_auto_buf files = {0};
    for (int day = batch * DAYS; day < (batch + 1) * DAYS; day++) {
        demo_landing_file(path, sizeof path, folder, day);
        demo_set_path(d, "file", path);
        cli_printf(&files, "%s'%s'", files.n ? ", " : "", demo_get(d, "file"));
    }
    demo_day(from, batch * DAYS);
    demo_day(to, (batch + 1) * DAYS - 1);
    demo_set(d, "from", "%s", from);
    demo_set(d, "to", "%s", to);
    demo_set(d, "batch", "events-%s", from);
    demo_set(d, "files", "%s", cli_text(&files));
}

static tarn_code run_batches(demo *d, const char *folder, const char *script) {
    for (int batch = 0; batch < DEMO_BATCHES; batch++) {
        set_batch(d, folder, batch);
        tarn_code code = demo_script(d, script);
        if (code != TARN_OK) return code;
        demo_step(d->progress);
    }
    return TARN_OK;
}

/* Ends the stage with the tables' rows. */
static tarn_code end_stage(demo *d, const char *table, const char *what) {
    cli_auto_buf sql = {0};
    tally rows;
    cli_printf(&sql, "SELECT count(*) FROM %s", table);
    tarn_code code = demo_sql(d, cli_text(&sql));
    if (code != TARN_OK) return code;
    count(&rows, demo_int(d, 0, 0));
    demo_stage_end(d->progress, "%s rows%s", rows.text, what);
    return TARN_OK;
}

static tarn_code bronze(demo *d, const demo_landing *landing, bool known) {
    demo_stage(d->progress, "events: bronze", DEMO_BATCHES + 1, d->session);
    demo_set_path(d, "landing", landing->folder);
    tarn_code code = make_tables(d, landing, known);
    if (code == TARN_OK) code = demo_script(d, "events_users");
    if (code == TARN_OK) code = run_batches(d, landing->folder, "events_bronze");
    if (code == TARN_OK) code = demo_gates(d, "gates_bronze");
    return code == TARN_OK ? end_stage(d, "bronze.events", ", every line as received") : code;
}

static tarn_code silver(demo *d, const demo_landing *landing) {
    demo_stage(d->progress, "events: silver", DEMO_BATCHES + 1, d->session);
    tarn_code code = run_batches(d, landing->folder, "events_silver");
    if (code == TARN_OK) code = demo_gates(d, "gates_silver");
    return code == TARN_OK ? end_stage(d, "silver.events", ", valid, one per event") : code;
}

/* The days' number from its text; DEMO_DAYS for a day beyond the last. */
static int number_of_day(const char *text) {
    char day[11];
    int i = 0;
    while (i < DEMO_DAYS && strcmp(demo_day(day, i), text) < 0) i++;
    return i;
}

static tarn_code gold_features(demo *d) {
    char day[11];
    demo_set(d, "first", "%s", demo_day(day, DEMO_DAYS - DEMO_FEATURE_DAYS));
    tarn_code code = demo_script(d, "gold_features_from");
    for (int i = code == TARN_OK ? number_of_day(demo_cell(d, 0, 0)) : DEMO_DAYS; i < DEMO_DAYS && code == TARN_OK;
         i++) {
        demo_set(d, "day", "%s", demo_day(day, i));
        code = demo_script(d, "gold_features");
        demo_step(d->progress);
    }
    return code;
}

static tarn_code gold(demo *d) {
    char day[11];
    demo_stage(d->progress, "events: gold", DEMO_FEATURE_DAYS + 2, d->session);
    demo_set(d, "late", "%d", DEMO_LATE_DAYS);
    demo_set(d, "first", "%s", demo_day(day, -DEMO_LATE_DAYS));
    tarn_code code = demo_script(d, "gold_revenue_from");
    if (code == TARN_OK) {
        demo_set(d, "from", "%s", demo_cell(d, 0, 0));
        code = demo_script(d, "gold_revenue");
        demo_step(d->progress);
    }
    if (code == TARN_OK) code = gold_features(d);
    if (code == TARN_OK) code = demo_gates(d, "gates_gold");
    return code == TARN_OK ? end_stage(d, "gold.user_features", " of features") : code;
}

/* What arrives lies in a folder: the warehouse's, or one of this machine that is named after a warehouse that is none.
 */
static void landing_folder(cli_buf *out, const char *warehouse) {
    const char *home = getenv("HOME");
    if (!strstr(warehouse, "://")) {
        cli_printf(out, "%s", warehouse);
    } else {
        cli_printf(out, "%s/.cache/tarn/demo/", home && *home ? home : "/tmp");
        for (const char *p = warehouse; *p; p++) cli_printf(out, "%c", *p == '/' || *p == ':' ? '-' : *p);
    }
    cli_puts(out, "/landing/events");
}

tarn_code demo_events(demo *d) {
    char last[11];
    bool known = false;
    cli_auto_buf folder = {0};
    landing_folder(&folder, d->g->warehouse);
    demo_landing landing = {.seed = d->seed, .lines = d->rows, .folder = cli_text(&folder)};
    demo_landing_plan(&landing);
    /* No byte that the lines hold, so that a whole line is one column. */
    demo_set(d, "no_delimiter", "\001");
    demo_set(d, "lines", "%" PRId64, landing.lines);
    demo_set(d, "days", "%d", DEMO_DAYS);
    demo_set(d, "last", "%s", demo_day(last, DEMO_DAYS - 1));
    demo_heading(d, "Events");
    tarn_code code = make_landing(d, &landing, &known);
    if (code == TARN_OK) code = bronze(d, &landing, known);
    if (code == TARN_OK) code = silver(d, &landing);
    if (code == TARN_OK) code = gold(d);
    return code;
}
