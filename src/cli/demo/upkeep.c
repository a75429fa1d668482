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

static const plan events_plan = {
    "gold.user_features", "user_id, feature_date", "user_id = 'u00042'",
    "gold.daily_revenue", "revenue_usd = revenue_usd * 100", "sum(revenue_usd)"};
static const plan flights_plan = {
    "gold.flight_features", "carrier, scheduled_at", "carrier = 'HA'",
    "gold.flight_features", "dep_delay = 0", "sum(dep_delay)"};

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

static tarn_code run_probe(demo *d, const plan *p, probe *out) {
    *out = (probe){0};
    tarn_code code = demo_script(d, "probe_explain");
    for (size_t i = 0; code == TARN_OK && i < d->rows_of_last.n; i++) {
        const char *what = demo_cell(d, i, 1), *value = demo_cell(d, i, 2);
        bool files = strcmp(what, "files") == 0;
        if (!files && strcmp(what, "bytes") != 0) continue;
        *(files ? &out->files : &out->bytes) = number_before(value, " read");
        *(files ? &out->total_files : &out->total_bytes) = number_before(value, " total");
    }
    (void)p;
    if (code == TARN_OK) code = demo_script(d, "probe");
    out->seconds = d->rows_of_last.seconds;
    return code;
}
