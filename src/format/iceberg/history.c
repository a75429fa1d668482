/* history.c: what was current when, and what the table is made of (1.9). */
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

static const char *text_of(tarn_arena *arena, const tarn_json_value *v, const char *name) {
    tarn_str s = tarn_json_as_str(tarn_json_get(v, name));
    return s.p ? tarn_arena_strndup(arena, s.p, s.n) : NULL;
}

static tarn_code history_entry(tarn_cx *cx, const tarn_iceberg_version *v, int64_t timestamp_ms,
                               tarn_history_entry *out) {
    const tarn_json_value *entry = NULL;
    TRY(tarn_json_parse(cx, cx->arena, v->json, TARN_JSON_DEPTH, &entry));
    const tarn_json_value *summary = tarn_json_get(entry, "summary");
    const char *parent = v->parent >= 0 ? tarn_printf(cx, "\"%lld\"", (long long)v->parent) : "null";
    *out = (tarn_history_entry){.version = v->sequence > 0 ? v->sequence : v->id,
                                .timestamp_ms = timestamp_ms,
                                .operation = text_of(cx->arena, summary, "tarn.operation"),
                                .parameters = text_of(cx->arena, summary, "tarn.parameters"),
                                .metrics = text_of(cx->arena, summary, "tarn.metrics"),
                                .engine = text_of(cx->arena, summary, "engine-name"),
                                .read_version = -1,
                                .blind_append = -1};
    const char *release = text_of(cx->arena, summary, "engine-version");
    if (out->engine && release) out->engine = tarn_printf(cx, "%s/%s", out->engine, release);
    if (!out->operation) out->operation = text_of(cx->arena, summary, "operation");
    if (!out->parameters)
        out->parameters =
            tarn_printf(cx, "{\"snapshot-id\":\"%lld\",\"parent-snapshot-id\":%s}", (long long)v->id, parent);
    if (!out->metrics && summary) out->metrics = tarn_arena_strndup(cx->arena, summary->raw.p, summary->raw.n);
    return TARN_OK;
}

/* Of the versions that a branch or tag came from; the log is the table's alone (1.9). */
static tarn_code history_of_ref(tarn_cx *cx, const tarn_iceberg_snapshot *s, int64_t limit, tarn_history_entry **out,
                                size_t *n) {
    tarn_ancestor *past;
    size_t made = 0;
    TRY(tarn_iceberg_ancestors(cx, (tarn_snapshot *)(uintptr_t)&s->base, &past, n));
    if (limit > 0 && (size_t)limit < *n) *n = (size_t)limit;
    *out = TARN_NEW_ARRAY(cx->arena, tarn_history_entry, *n);
    for (; made < *n; made++) {
        const tarn_iceberg_version *v = tarn_iceberg_version_find(&s->meta, past[made].id);
        TRY(history_entry(cx, v, v->timestamp_ms, &(*out)[made]));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                               tarn_history_entry **out, size_t *n) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) latest = NULL;
    tarn_at at = {.kind = ref ? TARN_AT_REF : TARN_AT_LATEST, .ref = ref};
    TRY(table->format->open(cx, table, &at, NULL, &latest));
    if (ref) return history_of_ref(cx, tarn_iceberg_of(latest), limit, out, n);
    const tarn_iceberg_metadata *m = &tarn_iceberg_of(latest)->meta;
    size_t total = m->snapshot_log.n ? m->snapshot_log.n : m->versions.n;
    size_t take = limit > 0 && (size_t)limit < total ? (size_t)limit : total, made = 0;
    tarn_history_entry *entries = TARN_NEW_ARRAY(cx->arena, tarn_history_entry, take);
    for (size_t i = total; made < take && i-- > 0;) {
        const tarn_iceberg_log_entry *e = m->snapshot_log.n ? &m->snapshot_log.at[i] : NULL;
        const tarn_iceberg_version *v = e ? tarn_iceberg_version_find(m, e->snapshot_id) : &m->versions.at[i];
        if (!v) continue; /* expired */
        TRY(history_entry(cx, v, e ? e->timestamp_ms : v->timestamp_ms, &entries[made++]));
    }
    *out = entries;
    *n = made;
    return TARN_OK;
}

/* From the snapshot's summary, where the writer kept totals; else unknown. */
static int64_t total_of(tarn_cx *cx, const tarn_iceberg_snapshot *s, const char *name) {
    const char *text = s->version ? tarn_iceberg_summary(cx, s->version, name) : "0";
    int64_t n;
    return text && tarn_parse_i64(tarn_str_of(text), &n) ? n : -1;
}

static void put_keys(tarn_buf *out, const tarn_type *type, const char *parent) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        tarn_auto_buf path = TARN_BUF(1 << 16);
        tarn_buf_printf(&path, "%s%s%s", parent, *parent ? "." : "", f->name);
        if (path.failed) continue;
        if (f->key) tarn_buf_printf(out, "%s%s", out->n ? ", " : "", path.data);
        put_keys(out, f->type, path.data);
    }
}

tarn_code tarn_iceberg_detail(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    tarn_detail d = {.files = total_of(cx, s, "total-data-files"), .bytes = total_of(cx, s, "total-files-size")};
    if (d.files < 0) TRY(tarn_iceberg_count(cx, snapshot, &d.files));
    *TARN_PUSH(cx->arena, &d.more) = (tarn_pair){"formatVersion", tarn_printf(cx, "%d", s->meta.format_version)};
    if (s->version)
        *TARN_PUSH(cx->arena, &d.more) =
            (tarn_pair){"currentSnapshotId", tarn_printf(cx, "%lld", (long long)s->version->id)};
    if (snapshot->n_sort_by) {
        tarn_auto_buf order = TARN_BUF(1 << 20);
        tarn_iceberg_order_text(cx, snapshot, &order);
        *TARN_PUSH(cx->arena, &d.more) = (tarn_pair){"sortOrder", tarn_buf_take(&order, cx->arena)};
    }
    tarn_auto_buf keys = TARN_BUF(1 << 20);
    put_keys(&keys, snapshot->schema, "");
    if (keys.n) *TARN_PUSH(cx->arena, &d.more) = (tarn_pair){"identifierFields", tarn_buf_take(&keys, cx->arena)};
    *TARN_PUSH(cx->arena, &d.more) = (tarn_pair){"metadataFile", tarn_arena_strdup(cx->arena, s->key)};
    *out = d;
    return TARN_OK;
}
