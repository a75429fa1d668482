/* upkeep.c: what a lake is for after its rows are in: a better layout, a mistake undone, the past, and the answers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo/demo.h"

/* The table that is laid out anew and the query that gains; the table that is spoilt and how. */
typedef struct plan {
    const char *optimized, *zorder, *probe;
    const char *spoilt, *update, *measure;
} plan;

static const plan events_plan = {"gold.user_features", "user_id, feature_date",           "user_id = 'u00042'",
                                 "gold.daily_revenue", "revenue_usd = revenue_usd * 100", "sum(revenue_usd)"};
static const plan flights_plan = {"gold.flight_features", "carrier, scheduled_at", "carrier = 'HA'",
                                  "gold.flight_features", "dep_delay = 0",         "sum(dep_delay)"};

typedef struct probe {
    int64_t files, bytes, total_files, total_bytes;
    double seconds;
} probe;

/* The number before `word` in "14 total, 0 pruned by partition, 13 pruned by statistics, 1 read". */
static int64_t number_before(const char *text, const char *word) {
    const char *at = strstr(text, word);
    if (!at || at == text) return 0;
    while (at > text && at[-1] >= '0' && at[-1] <= '9') at--;
    return strtoll(at, NULL, 10);
}

static tarn_code run_probe(demo *d, probe *out) {
    *out = (probe){0};
    tarn_code code = demo_script(d, "probe_explain");
    for (size_t i = 0; code == TARN_OK && i < d->rows_of_last.n; i++) {
        const char *what = demo_cell(d, i, 1), *value = demo_cell(d, i, 2);
        bool files = strcmp(what, "files") == 0;
        if (!files && strcmp(what, "bytes") != 0) continue;
        *(files ? &out->files : &out->bytes) = number_before(value, " read");
        *(files ? &out->total_files : &out->total_bytes) = number_before(value, " total");
    }
    if (code == TARN_OK) code = demo_script(d, "probe");
    out->seconds = d->rows_of_last.seconds;
    return code;
}

static void probe_fact(demo *d, const char *name, const probe *p) {
    char bytes[32], total[32];
    demo_fact(d, name, "%" PRId64 " of %" PRId64 " files, %s of %s, %.1f ms", p->files, p->total_files,
              demo_bytes(bytes, p->bytes), demo_bytes(total, p->total_bytes), p->seconds * 1e3);
}

static tarn_code optimize(demo *d, const plan *p) {
    probe before, after;
    demo_set(d, "table", "%s", p->optimized);
    demo_set(d, "zorder", "%s", p->zorder);
    demo_set(d, "probe", "%s", p->probe);
    demo_heading(d, "Layout");
    tarn_code code = run_probe(d, &before);
    demo_step(d->progress);
    double begin = demo_now();
    if (code == TARN_OK) code = demo_script(d, "optimize");
    double seconds = demo_now() - begin;
    demo_step(d->progress);
    if (code == TARN_OK) code = run_probe(d, &after);
    if (code != TARN_OK) return code;
    demo_fact(d, "query", "SELECT * FROM %s WHERE %s", p->optimized, p->probe);
    probe_fact(d, "read before", &before);
    demo_fact(d, "OPTIMIZE", "ZORDER BY (%s), %.2f s", p->zorder, seconds);
    probe_fact(d, "read after", &after);
    return TARN_OK;
}

/* A bad UPDATE, a look at the version before it, and the way back there. */
static tarn_code undo(demo *d, const plan *p) {
    char *good = NULL;
    demo_set(d, "table", "%s", p->spoilt);
    demo_set(d, "update", "%s", p->update);
    demo_set(d, "measure", "%s", p->measure);
    demo_heading(d, "A mistake, undone");
    tarn_code code = demo_script(d, "undo_version");
    if (code == TARN_OK) demo_set(d, "version", "%s", demo_cell(d, 0, 0));
    if (code == TARN_OK) code = demo_script(d, "undo_measure");
    if (code == TARN_OK) good = strdup(demo_cell(d, 0, 0));
    if (code == TARN_OK) code = demo_script(d, "undo_update");
    if (code == TARN_OK) code = demo_script(d, "undo_measure");
    if (code == TARN_OK) {
        demo_fact(d, p->measure, "%s in version %s", good ? good : "", demo_get(d, "version"));
        demo_fact(d, "UPDATE without WHERE", "SET %s: now %s", p->update, demo_cell(d, 0, 0));
        code = demo_script(d, "undo_travel");
    }
    if (code == TARN_OK)
        demo_fact(d, "time travel", "VERSION AS OF %s still says %s", demo_get(d, "version"), demo_cell(d, 0, 0));
    demo_step(d->progress);
    if (code == TARN_OK) code = demo_script(d, "undo_restore");
    if (code == TARN_OK) code = demo_script(d, "undo_check");
    const char *version = demo_get(d, "version"), *different = demo_cell(d, 0, 1);
    if (code == TARN_OK)
        demo_fact(d, "RESTORE", "%s again, %s rows differ from version %s", demo_cell(d, 0, 0), different, version);
    if (code == TARN_OK && demo_int(d, 0, 1) != 0)
        code = cli_error(&d->error, TARN_INTERNAL, "demo: RESTORE left %s rows of %s that differ from version %s",
                         different, p->spoilt, version);
    free(good);
    return code;
}

static tarn_code history(demo *d, const char *table) {
    enum { NEWEST = 6, VERSION = 0, TIME = 1, OPERATION = 3 };
    cli_auto_buf title = {0};
    demo_set(d, "table", "%s", table);
    tarn_code code = demo_script(d, "history");
    if (code != TARN_OK) return code;
    cli_printf(&title, "History of %s, the newest of %zu versions", table, d->rows_of_last.n);
    demo_heading(d, cli_text(&title));
    for (size_t i = 0; i < d->rows_of_last.n && i < NEWEST; i++)
        demo_fact(d, demo_cell(d, i, VERSION), "%.19s  %s", demo_cell(d, i, TIME), demo_cell(d, i, OPERATION));
    return TARN_OK;
}

static tarn_code ask(demo *d, const char *script, const char *title) {
    cli_auto_buf heading = {0};
    tarn_code code = demo_script(d, script);
    if (code != TARN_OK) return code;
    cli_printf(&heading, "%s (%.0f ms)", title, d->rows_of_last.seconds * 1e3);
    demo_heading(d, cli_text(&heading));
    demo_table(d);
    demo_step(d->progress);
    return TARN_OK;
}

static tarn_code answers(demo *d) {
    tarn_code code = TARN_OK;
    demo_stage(d->progress, "answers", 7, d->session);
    if (d->events) {
        code = ask(d, "quality_events", "Quality of the events");
        if (code == TARN_OK) code = ask(d, "query_regions", "Gold: revenue of the last 30 days by region");
        if (code == TARN_OK) code = ask(d, "query_categories", "Gold: the best category of each month");
        if (code == TARN_OK) code = ask(d, "query_users", "Gold: users by tenths of their spending in 90 days");
    }
    if (d->flights) {
        if (code == TARN_OK) code = ask(d, "quality_flights", "Quality of the flights");
        if (code == TARN_OK)
            code = ask(d, "query_weather", "Gold: delays by the visibility known at the scheduled departure");
        if (code == TARN_OK) code = ask(d, "query_airlines", "Gold: the airlines that are late most often");
    }
    if (code == TARN_OK) demo_stage_end(d->progress, "quality and gold queries");
    return code;
}

tarn_code demo_upkeep(demo *d) {
    const plan *p = d->events ? &events_plan : &flights_plan;
    demo_stage(d->progress, "upkeep", 5, d->session);
    tarn_code code = optimize(d, p);
    demo_step(d->progress);
    if (code == TARN_OK) code = undo(d, p);
    demo_step(d->progress);
    if (code == TARN_OK) code = history(d, p->spoilt);
    if (code != TARN_OK) return code;
    demo_stage_end(d->progress, "OPTIMIZE, an UPDATE undone, time travel");
    return answers(d);
}
