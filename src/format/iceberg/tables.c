/* tables.c: what an Iceberg table says of itself as rows: snapshots, refs, manifests, files, entries and logs, with the
 * columns that Spark gives them. */
#include "codec/jsonw.h"
#include "format/iceberg/iceberg.h"

enum { TEXT_MAX = 1 << 20, ANCESTORS_MAX = 1 << 24 };

#define N_OF(columns) (sizeof(columns) / sizeof *(columns))

static void put_known(tarn_rowset *rows, int64_t v) {
    if (v < 0)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, v);
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
        put_known(rows, v->parent);
        tarn_rowset_str(rows, tarn_json_as_str(tarn_json_get(summary, "operation")));
        tarn_rowset_str(rows, tarn_json_as_str(tarn_json_get(entry, "manifest-list")));
        tarn_rowset_str(rows, summary ? summary->raw : (tarn_str){NULL, 0});
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
        put_known(rows, v ? v->parent : -1);
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
        put_known(rows, r->ref_age_ms_max);
        put_known(rows, r->snapshots_min);
        put_known(rows, r->snapshot_age_ms_max);
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
        put_known(rows, id);
        put_known(rows, v ? v->schema_id : -1);
        put_known(rows, v ? v->sequence : -1);
    }
    return tarn_check(cx);
}

static tarn_code manifest_rows(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    TRY(tarn_iceberg_list(cx, s));
    for (size_t i = 0; i < s->n_slots; i++) {
        const tarn_iceberg_manifest *m = s->slots[i].manifest;
        const int64_t files[] = {m->added_files, m->existing_files, m->deleted_files};
        const int64_t counts[] = {m->added_rows, m->existing_rows, m->deleted_rows};
        tarn_rowset_int(rows, m->deletes);
        tarn_rowset_str(rows, m->path);
        tarn_rowset_int(rows, m->length);
        put_known(rows, m->spec_id);
        put_known(rows, m->added_snapshot_id);
        for (int k = 0; k < 3; k++) put_known(rows, files[k]);
        for (int k = 0; k < 3; k++) put_known(rows, counts[k]);
        tarn_rowset_int(rows, m->sequence);
        tarn_rowset_int(rows, m->min_sequence);
    }
    return TARN_OK;
}

/* {"day":"2026-01-01"}, by the names of the file's own spec. */
static void put_partition(const tarn_iceberg_snapshot *s, const tarn_iceberg_tuple *tuple, tarn_rowset *rows) {
    const tarn_iceberg_spec *spec = tarn_iceberg_spec_use_of(s, tuple->spec_id)->spec;
    tarn_auto_buf json = TARN_BUF(TEXT_MAX), text = TARN_BUF(TEXT_MAX);
    tarn_jsonw w = TARN_JSONW(&json);
    tarn_jsonw_begin_object(&w);
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_value *v = &tuple->values[i];
        tarn_buf_clear(&text);
        if (!v->null) tarn_value_text(&text, v);
        tarn_jsonw_key(&w, spec->fields[i].name);
        tarn_jsonw_string(&w, v->null ? (tarn_str){NULL, 0} : (tarn_str){text.n ? text.data : "", text.n});
    }
    tarn_jsonw_end_object(&w);
    tarn_rowset_str(rows, tarn_buf_ok(&json) ? (tarn_str){json.data, json.n} : (tarn_str){NULL, 0});
}

static void put_numbers(const char *at, const tarn_avro_type *type, tarn_str record, tarn_rowset *rows) {
    tarn_auto_buf json = TARN_BUF(TEXT_MAX);
    tarn_avro_cursor c =
        tarn_avro_cursor_of((tarn_str){at ? at : record.p, at ? (size_t)(record.p + record.n - at) : 0});
    const tarn_avro_type *array = at ? tarn_avro_enter(&c, type) : NULL;
    tarn_jsonw w = TARN_JSONW(&json);
    if (!array || array->kind != TARN_AVRO_ARRAY) return tarn_rowset_null(rows);
    tarn_jsonw_begin_array(&w);
    for (int64_t left = 0; tarn_avro_item(&c, array, &left);) {
        int64_t v = 0;
        tarn_avro_get_long(&c, array->items, &v);
        tarn_jsonw_int(&w, v);
    }
    tarn_jsonw_end_array(&w);
    tarn_rowset_str(rows, tarn_buf_ok(&json) ? (tarn_str){json.data, json.n} : (tarn_str){NULL, 0});
}

/* Which entries, and whether what the manifests say of them stands before. */
typedef struct entry_filter {
    tarn_rowset *rows;
    bool data, deletes, entries;
} entry_filter;

static tarn_code put_entry(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *e, int64_t first_row_id,
                           const tarn_iceberg_tuple *tuple) {
    const entry_filter *f = walk->state;
    tarn_rowset *rows = f->rows;
    if (f->entries) {
        tarn_rowset_int(rows, e->status);
        put_known(rows, e->snapshot_id);
        put_known(rows, e->sequence);
        put_known(rows, e->file_sequence);
    }
    tarn_rowset_int(rows, e->content);
    tarn_rowset_str(rows, e->path);
    tarn_rowset_str(rows, e->format);
    tarn_rowset_int(rows, tuple->spec_id);
    put_partition(walk->s, tuple, rows);
    put_known(rows, e->rows);
    put_known(rows, e->size);
    put_numbers(e->split_offsets.at, e->split_offsets.type, e->record, rows);
    put_numbers(e->equality_ids.at, e->equality_ids.type, e->record, rows);
    put_known(rows, e->sort_order);
    put_known(rows, first_row_id);
    tarn_rowset_str(rows, e->referenced);
    put_known(rows, e->offset);
    put_known(rows, e->length);
    return tarn_check(cx);
}

static tarn_code put_entries(tarn_cx *cx, tarn_iceberg_snapshot *s, entry_filter *f) {
    TRY(tarn_iceberg_list(cx, s));
    for (size_t i = 0; i < s->n_slots; i++) {
        tarn_auto(tarn_arena *, tarn_arena_freep) keep = tarn_arena_new();
        tarn_iceberg_walk walk = {.s = s, .slot = i, .keep = keep, .deleted = f->entries, .fn = put_entry, .state = f};
        bool deletes = s->slots[i].manifest->deletes;
        if (deletes ? f->deletes : f->data) TRY(tarn_iceberg_walk_manifest(cx, &walk));
    }
    return TARN_OK;
}

static tarn_code all_files(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    return put_entries(cx, s, &(entry_filter){.rows = rows, .data = true, .deletes = true});
}

static tarn_code data_files(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    return put_entries(cx, s, &(entry_filter){.rows = rows, .data = true});
}

static tarn_code delete_files(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    return put_entries(cx, s, &(entry_filter){.rows = rows, .deletes = true});
}

static tarn_code entry_rows(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    return put_entries(cx, s, &(entry_filter){.rows = rows, .data = true, .deletes = true, .entries = true});
}

static const tarn_rowset_column SNAPSHOTS[] = {{"committed_at", "tsu:UTC"}, {"snapshot_id", "l"},   {"parent_id", "l"},
                                               {"operation", "u"},          {"manifest_list", "u"}, {"summary", "u"}};
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
static const tarn_rowset_column MANIFESTS[] = {{"content", "i"},
                                               {"path", "u"},
                                               {"length", "l"},
                                               {"partition_spec_id", "i"},
                                               {"added_snapshot_id", "l"},
                                               {"added_files_count", "l"},
                                               {"existing_files_count", "l"},
                                               {"deleted_files_count", "l"},
                                               {"added_rows_count", "l"},
                                               {"existing_rows_count", "l"},
                                               {"deleted_rows_count", "l"},
                                               {"sequence_number", "l"},
                                               {"min_sequence_number", "l"}};
enum { ENTRY_COLUMNS = 4 }; /* before those of a file */
static const tarn_rowset_column ENTRIES[] = {{"status", "i"},
                                             {"snapshot_id", "l"},
                                             {"sequence_number", "l"},
                                             {"file_sequence_number", "l"},
                                             {"content", "i"},
                                             {"file_path", "u"},
                                             {"file_format", "u"},
                                             {"spec_id", "i"},
                                             {"partition", "u"},
                                             {"record_count", "l"},
                                             {"file_size_in_bytes", "l"},
                                             {"split_offsets", "u"},
                                             {"equality_ids", "u"},
                                             {"sort_order_id", "l"},
                                             {"first_row_id", "l"},
                                             {"referenced_data_file", "u"},
                                             {"content_offset", "l"},
                                             {"content_size_in_bytes", "l"}};

static const struct {
    const char *name;
    const tarn_rowset_column *columns;
    size_t n;
    tarn_code (*rows)(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows);
} TABLES[] = {{"snapshots", SNAPSHOTS, N_OF(SNAPSHOTS), snapshot_rows},
              {"history", HISTORY, N_OF(HISTORY), history_rows},
              {"refs", REFS, N_OF(REFS), ref_rows},
              {"metadata_log_entries", LOG, N_OF(LOG), log_rows},
              {"manifests", MANIFESTS, N_OF(MANIFESTS), manifest_rows},
              {"files", ENTRIES + ENTRY_COLUMNS, N_OF(ENTRIES) - ENTRY_COLUMNS, all_files},
              {"data_files", ENTRIES + ENTRY_COLUMNS, N_OF(ENTRIES) - ENTRY_COLUMNS, data_files},
              {"delete_files", ENTRIES + ENTRY_COLUMNS, N_OF(ENTRIES) - ENTRY_COLUMNS, delete_files},
              {"entries", ENTRIES, N_OF(ENTRIES), entry_rows}};

tarn_code tarn_iceberg_metadata_table(tarn_cx *cx, tarn_snapshot *snapshot, const char *name, tarn_rowset **out) {
    for (size_t i = 0; i < N_OF(TABLES); i++) {
        if (!tarn_name_eq(name, TABLES[i].name)) continue;
        tarn_rowset *rows = tarn_rowset_new(TABLES[i].columns, TABLES[i].n);
        tarn_code code = TABLES[i].rows(cx, tarn_iceberg_of(snapshot), rows);
        if (code == TARN_OK)
            *out = rows;
        else
            tarn_rowset_free(rows);
        return code;
    }
    return TARN_OK;
}
