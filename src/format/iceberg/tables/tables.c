/* tables.c: the list of metadata tables, and those that the metadata file alone answers: snapshots, refs and logs. */
#include "format/iceberg/tables/tables.h"

enum { ANCESTORS_MAX = 1 << 24 };

#define N_OF(columns) (sizeof(columns) / sizeof *(columns))

static void put_summary(const tarn_json_value *summary, tarn_rowset *rows) {
    if (!summary) return tarn_rowset_null(rows);
    tarn_rowset_enter(rows);
    for (size_t i = 0; i < tarn_json_count(summary); i++) {
        if (tarn_str_is(summary->keys[i], "operation")) continue;
        tarn_rowset_str(rows, summary->keys[i]);
        tarn_rowset_str(rows, tarn_json_as_str(tarn_json_at(summary, i)));
    }
    tarn_rowset_leave(rows);
}

static tarn_code snapshot_rows(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    for (size_t i = 0; i < s->meta.versions.n; i++) {
        const tarn_iceberg_version *v = &s->meta.versions.at[i];
        const tarn_json_value *entry = NULL;
        tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
        TRY(tarn_json_parse(cx, scratch, v->json, TARN_JSON_DEPTH, &entry));
        const tarn_json_value *summary = tarn_json_get(entry, "summary");
        tarn_rowset_int(rows, v->timestamp_ms * 1000);
        tarn_rowset_int(rows, v->id);
        tarn_tell_known(rows, v->parent);
        tarn_rowset_str(rows, tarn_json_as_str(tarn_json_get(summary, "operation")));
        tarn_rowset_str(rows, tarn_json_as_str(tarn_json_get(entry, "manifest-list")));
        put_summary(summary, rows);
        if (i % 1024 == 0) TRY(tarn_check(cx));
    }
    return TARN_OK;
}

/* Whether a snapshot is the current one or led to it. */
static bool is_ancestor(const tarn_iceberg_metadata *m, int64_t id) {
    const tarn_iceberg_version *v = tarn_iceberg_version_find(m, m->snapshot_id);
    for (int i = 0; v && i < ANCESTORS_MAX; i++) {
        if (v->id == id) return true;
        if (v->parent == v->id) return false;
        v = v->parent < 0 ? NULL : tarn_iceberg_version_find(m, v->parent);
    }
    return false;
}

static tarn_code history_rows(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    for (size_t i = 0; i < s->meta.snapshot_log.n; i++) {
        const tarn_iceberg_log_entry *e = &s->meta.snapshot_log.at[i];
        const tarn_iceberg_version *v = tarn_iceberg_version_find(&s->meta, e->snapshot_id);
        tarn_rowset_int(rows, e->timestamp_ms * 1000);
        tarn_rowset_int(rows, e->snapshot_id);
        tarn_tell_known(rows, v ? v->parent : -1);
        tarn_rowset_int(rows, v && is_ancestor(&s->meta, v->id));
        if (i % 64 == 0) TRY(tarn_check(cx));
    }
    return TARN_OK;
}

static tarn_code ref_rows(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    for (size_t i = 0; i < s->meta.refs.n; i++) {
        const tarn_iceberg_ref *r = &s->meta.refs.at[i];
        tarn_rowset_text(rows, r->name);
        tarn_rowset_text(rows, r->branch ? "BRANCH" : "TAG");
        tarn_rowset_int(rows, r->snapshot_id);
        tarn_tell_known(rows, r->ref_age_ms_max);
        tarn_tell_known(rows, r->snapshots_min);
        tarn_tell_known(rows, r->snapshot_age_ms_max);
    }
    return tarn_check(cx);
}

static tarn_code log_rows(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    const tarn_iceberg_metadata *m = &s->meta;
    for (size_t i = 0; i <= m->metadata_log.n; i++) {
        tarn_iceberg_log_entry e = {.timestamp_ms = m->last_updated_ms}; /* the current one is last */
        e.file = tarn_printf(cx, "%s/%s", m->location, s->key);
        if (i < m->metadata_log.n) e = m->metadata_log.at[i];
        int64_t id = -1;
        for (size_t k = 0; k < m->snapshot_log.n; k++)
            if (m->snapshot_log.at[k].timestamp_ms <= e.timestamp_ms) id = m->snapshot_log.at[k].snapshot_id;
        const tarn_iceberg_version *v = id < 0 ? NULL : tarn_iceberg_version_find(m, id);
        tarn_rowset_int(rows, e.timestamp_ms * 1000);
        tarn_rowset_text(rows, e.file);
        tarn_tell_known(rows, id);
        tarn_tell_known(rows, v ? v->schema_id : -1);
        tarn_tell_known(rows, v ? v->sequence : -1);
    }
    return tarn_check(cx);
}

static const tarn_rowset_column SNAPSHOTS[] = {
    {"committed_at", "tsu:UTC"}, {"snapshot_id", "l"}, {"parent_id", "l"}, {"operation", "u"},
    {"manifest_list", "u"},      {"summary", "+m"},    {"key", "u"},       {"value", "u"}};
static const tarn_rowset_column HISTORY[] = {
    {"made_current_at", "tsu:UTC"}, {"snapshot_id", "l"}, {"parent_id", "l"}, {"is_current_ancestor", "b"}};
static const tarn_rowset_column REFS[] = {{"name", "u"},
                                          {"type", "u"},
                                          {"snapshot_id", "l"},
                                          {"max_reference_age_in_ms", "l"},
                                          {"min_snapshots_to_keep", "l"},
                                          {"max_snapshot_age_in_ms", "l"}};
static const tarn_rowset_column LOG[] = {{"timestamp", "tsu:UTC"},
                                         {"file", "u"},
                                         {"latest_snapshot_id", "l"},
                                         {"latest_schema_id", "l"},
                                         {"latest_sequence_number", "l"}};
static const struct {
    const char *name;
    const tarn_rowset_column *columns;
    size_t n;
    tarn_code (*rows)(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows);
} TABLES[] = {{"snapshots", SNAPSHOTS, N_OF(SNAPSHOTS), snapshot_rows},
              {"history", HISTORY, N_OF(HISTORY), history_rows},
              {"refs", REFS, N_OF(REFS), ref_rows},
              {"metadata_log_entries", LOG, N_OF(LOG), log_rows}};

/* Tables of what is in manifests. */
static const struct {
    const char *name;
    int told;
    tarn_code (*tell)(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out);
} FILES[] = {{"manifests", 0, tarn_tell_manifests},
             {"all_manifests", TARN_TELL_ALL, tarn_tell_manifests},
             {"files", TARN_TELL_DATA | TARN_TELL_DELETES, tarn_tell_files},
             {"data_files", TARN_TELL_DATA, tarn_tell_files},
             {"delete_files", TARN_TELL_DELETES, tarn_tell_files},
             {"entries", TARN_TELL_DATA | TARN_TELL_DELETES | TARN_TELL_ENTRIES, tarn_tell_files},
             {"all_files", TARN_TELL_DATA | TARN_TELL_DELETES | TARN_TELL_ALL, tarn_tell_files},
             {"all_data_files", TARN_TELL_DATA | TARN_TELL_ALL, tarn_tell_files},
             {"all_delete_files", TARN_TELL_DELETES | TARN_TELL_ALL, tarn_tell_files},
             {"all_entries", TARN_TELL_DATA | TARN_TELL_DELETES | TARN_TELL_ENTRIES | TARN_TELL_ALL, tarn_tell_files},
             {"partitions", 0, tarn_tell_partitions},
             {"position_deletes", 0, tarn_tell_positions}};

tarn_code tarn_iceberg_metadata_table(tarn_cx *cx, tarn_snapshot *snapshot, const char *name, tarn_rowset **out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    for (size_t i = 0; i < N_OF(FILES); i++)
        if (tarn_name_eq(name, FILES[i].name)) return FILES[i].tell(cx, s, FILES[i].told, out);
    for (size_t i = 0; i < N_OF(TABLES); i++) {
        if (!tarn_name_eq(name, TABLES[i].name)) continue;
        tarn_rowset *rows = tarn_rowset_new(TABLES[i].columns, TABLES[i].n);
        tarn_code code = TABLES[i].rows(cx, s, rows);
        if (code == TARN_OK)
            *out = rows;
        else
            tarn_rowset_free(rows);
        return code;
    }
    return TARN_OK;
}
