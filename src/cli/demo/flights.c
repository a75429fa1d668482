/* flights.c: real flights with the weather known at their departure, from CSV files through the same layers. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/demo/demo.h"

/* What refers to others comes after them. */
static const char *const tables[] = {"airlines", "airports", "planes", "weather", "flights"};
enum { N_TABLES = sizeof tables / sizeof *tables };

static const char *missing_file(const char *folder) {
    for (size_t i = 0; i < N_TABLES; i++) {
        cli_auto_buf path = {0};
        cli_printf(&path, "%s/%s.csv", folder, tables[i]);
        if (access(cli_text(&path), R_OK) != 0) return tables[i];
    }
    return NULL;
}

tarn_code demo_flights_find(demo *d, bool *found) {
    char folder[PATH_MAX];
    const char *home = getenv("HOME");
    snprintf(folder, sizeof folder, "%s/.cache/tarn/nycflights13", home ? home : "");
    const char *missing = missing_file(d->input ? d->input : folder);
    if (missing && d->input)
        return cli_error(&d->error, TARN_NOTFOUND, "demo: --input %s: there is no %s.csv to read in it", d->input,
                         missing);
    *found = !missing;
    if (*found) {
        demo_set_path(d, "input", d->input ? d->input : folder);
        return TARN_OK;
    }
    demo_heading(d, "Flights");
    demo_fact(d, "skipped",
              "there is no %s.csv in %s; get the files with tools/fetch_flights.sh, or name yours with --input",
              missing, folder);
    return TARN_OK;
}

static tarn_code load(demo *d, const char *table, int *n_loaded) {
    demo_set(d, "table", "%s", table);
    tarn_code code = demo_script(d, "flights_loaded");
    if (code != TARN_OK || demo_int(d, 0, 1) > 0) return code;
    demo_set(d, "batch", "%s", demo_cell(d, 0, 0));
    ++*n_loaded;
    return demo_script(d, "flights_bronze");
}

static tarn_code end_stage(demo *d, const char *sql, const char *what) {
    char rows[32];
    tarn_code code = demo_sql(d, sql);
    if (code == TARN_OK) demo_stage_end(d->progress, "%s rows%s", demo_count(rows, demo_int(d, 0, 0)), what);
    return code;
}

static tarn_code bronze(demo *d) {
    int n_loaded = 0;
    demo_stage(d->progress, "flights: bronze", N_TABLES + 2, d->session);
    demo_set(d, "no_delimiter", "\001");
    tarn_code code = demo_script(d, "flights_tables");
    if (code == TARN_OK) code = demo_check_format(d, "bronze.flights");
    for (size_t i = 0; i < N_TABLES && code == TARN_OK; i++) {
        demo_step(d->progress);
        code = load(d, tables[i], &n_loaded);
    }
    if (code == TARN_OK) demo_fact(d, "files", "%d loaded, %d loaded before", n_loaded, N_TABLES - n_loaded);
    if (code == TARN_OK) code = demo_gates(d, "gates_flights_bronze");
    return code == TARN_OK ? end_stage(d, "SELECT count(*) FROM bronze.flights", ", as in the files") : code;
}

static tarn_code silver(demo *d) {
    demo_stage(d->progress, "flights: silver", 2, d->session);
    tarn_code code = demo_script(d, "flights_silver");
    demo_step(d->progress);
    if (code == TARN_OK) code = demo_gates(d, "gates_flights_silver");
    return code == TARN_OK ? end_stage(d, "SELECT count(*) FROM silver.flights", ", valid") : code;
}

static tarn_code gold(demo *d) {
    demo_stage(d->progress, "flights: gold", 2, d->session);
    tarn_code code = demo_script(d, "flights_gold");
    demo_step(d->progress);
    if (code == TARN_OK) code = demo_gates(d, "gates_flights_gold");
    return code == TARN_OK ? end_stage(d, "SELECT count(*) FROM gold.flight_features", " of features, weather included")
                           : code;
}

tarn_code demo_flights(demo *d) {
    demo_heading(d, "Flights");
    tarn_code code = bronze(d);
    if (code == TARN_OK) code = silver(d);
    if (code == TARN_OK) code = gold(d);
    return code;
}
