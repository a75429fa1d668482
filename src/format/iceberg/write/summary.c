/* summary.c: what a snapshot says of its commit: counts by which other engines plan, and our own history (1.9). */
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/manifest.h"

enum { PAIRS_MAX = 64 << 20 };

typedef struct summary {
    tarn_cx *cx;
    tarn_jsonw *w;
    const tarn_iceberg_version *before; /* NULL: an empty table */
    bool restored;                      /* `before` is what the rows are again */
} summary;

static void put(summary *s, const char *name, const char *value) {
    tarn_jsonw_key(s->w, name);
    tarn_jsonw_text(s->w, value);
}

static void put_count(summary *s, const char *name, int64_t v) {
    if (v) put(s, name, tarn_printf(s->cx, "%lld", (long long)v));
}

/* The previous total and the change, or that of the version that is restored; left out where the one or the other is
 * not known. */
static void put_total(summary *s, const char *name, int64_t change) {
    const char *old = s->before ? tarn_iceberg_summary(s->cx, s->before, name) : "0";
    int64_t total;
    if (!old || !tarn_parse_i64(tarn_str_of(old), &total)) return;
    if (!s->restored) total += change;
    put(s, name, tarn_printf(s->cx, "%lld", (long long)total));
}

/* Our own history's: an object, as text. Parameters are JSON already. */
static void put_pairs(summary *s, const char *name, const tarn_pair *pairs, size_t n) {
    tarn_auto_buf text = TARN_BUF(PAIRS_MAX);
    tarn_jsonw inner = TARN_JSONW(&text);
    tarn_jsonw_begin_object(&inner);
    for (size_t i = 0; i < n; i++) {
        tarn_jsonw_key(&inner, pairs[i].name);
        tarn_jsonw_text(&inner, pairs[i].value);
    }
    tarn_jsonw_end_object(&inner);
    if (!n || text.failed) return;
    tarn_jsonw_key(s->w, name);
    tarn_jsonw_string(s->w, (tarn_str){text.data, text.n});
}

static const char *operation(const tarn_change *change, const tarn_iceberg_counts *n) {
    if (change->no_data_change) return "replace";
    if (!change->removes.n && !n->added_vectors && !n->added_position_files) return "append";
    return n->added_files ? "overwrite" : "delete";
}

static void put_files(summary *s, const tarn_iceberg_counts *n) {
    int64_t added = n->added_vectors + n->added_position_files;
    int64_t removed = n->removed_vectors + n->removed_position_files + n->removed_key_files;
    put_count(s, "added-data-files", n->added_files);
    put_count(s, "added-records", n->added_rows);
    put_count(s, "added-files-size", n->added_bytes);
    put_count(s, "deleted-data-files", n->removed_files);
    put_count(s, "deleted-records", n->removed_rows);
    put_count(s, "removed-files-size", n->removed_bytes);
    put_count(s, "added-delete-files", added);
    put_count(s, "added-dvs", n->added_vectors);
    put_count(s, "added-position-delete-files", n->added_position_files);
    put_count(s, "added-position-deletes", n->added_positions);
    put_count(s, "removed-delete-files", removed);
    put_count(s, "removed-dvs", n->removed_vectors);
    put_count(s, "removed-position-delete-files", n->removed_position_files);
    put_count(s, "removed-position-deletes", n->removed_positions);
    put_count(s, "removed-equality-delete-files", n->removed_key_files);
    put_count(s, "removed-equality-deletes", n->removed_keys);
    put_count(s, "changed-partition-count", n->partitions);
    put_total(s, "total-data-files", n->added_files - n->removed_files);
    put_total(s, "total-records", n->added_rows - n->removed_rows);
    put_total(s, "total-files-size", n->added_bytes - n->removed_bytes);
    put_total(s, "total-delete-files", added - removed);
    put_total(s, "total-position-deletes", n->added_positions - n->removed_positions);
    put_total(s, "total-equality-deletes", -n->removed_keys);
}

void tarn_iceberg_summary_put(tarn_cx *cx, tarn_jsonw *w, const tarn_iceberg_snapshot *base, const tarn_change *change,
                              const tarn_iceberg_counts *counts) {
    const tarn_iceberg_snapshot *from = change->restored ? tarn_iceberg_of(change->restored) : base;
    summary s = {.cx = cx, .w = w, .before = from ? from->version : NULL, .restored = change->restored != NULL};
    tarn_jsonw_key(w, "summary");
    tarn_jsonw_begin_object(w);
    put(&s, "operation", operation(change, counts));
    put_files(&s, counts);
    if (change->regroup) put_count(&s, "manifests-created", change->regroup->written);
    if (change->regroup) put_count(&s, "manifests-replaced", change->regroup->before);
    if (change->staged) put(&s, "wap.id", change->staged);
    for (size_t i = 0; i < change->notes.n; i++) put(&s, change->notes.at[i].name, change->notes.at[i].value);
    put(&s, "engine-name", "Tarn");
    put(&s, "engine-version", TARN_VERSION);
    put(&s, "tarn.operation", change->operation);
    put_pairs(&s, "tarn.parameters", change->parameters.at, change->parameters.n);
    put_pairs(&s, "tarn.metrics", change->metrics.at, change->metrics.n);
    tarn_jsonw_end_object(w);
}
