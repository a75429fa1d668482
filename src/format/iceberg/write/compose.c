/* compose.c: makes a version of a table: writes the manifests of a change and the manifest list, and the text of the
 * metadata file that names them (1.1, 1.4, 1.9). */
#include "base/crypto.h"
#include "codec/jsonw.h"
#include "format/iceberg/deletes.h"
#include "format/iceberg/write/manifest.h"

enum { EDITS_MAX = 40, LOG_MAX_DEFAULT = 100, JSON_MAX = 64 << 20 };

typedef struct composing {
    tarn_cx *cx;
    const tarn_table *table;
    tarn_iceberg_snapshot *base; /* NULL: a new table */
    const tarn_change *change;
    tarn_iceberg_plan plan;
    tarn_iceberg_writing w;
    int64_t now_ms, parent, next_row_id, first_row_id;
    tarn_iceberg_edit edits[EDITS_MAX];
    size_t n_edits;
    tarn_iceberg_counts counts;
    tarn_map removed;  /* by recorded path: data files that go */
    tarn_map marked;   /* by recorded path: data files whose deleted rows are written anew */
    tarn_map unmarked; /* by path and place: delete files that go */
    tarn_map touched;  /* partitions */
    tarn_map reaching; /* names of delete files that stay when others are dropped */
    bool drops;
} composing;

static void add_edit(composing *c, tarn_iceberg_edit edit) {
    if (c->n_edits < EDITS_MAX) c->edits[c->n_edits++] = edit;
}

static void edit(composing *c, const char *member, const char *json) {
    add_edit(c, (tarn_iceberg_edit){.member = member, .json = json});
}

static void edit_int(composing *c, const char *member, int64_t v) {
    edit(c, member, tarn_printf(c->cx, "%lld", (long long)v));
}

static const char *quoted(tarn_cx *cx, const char *text) {
    tarn_auto_buf out = TARN_BUF(JSON_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_jsonw_text(&w, text);
    return tarn_buf_take(&out, cx->arena);
}

/* MANIFESTS. */

static bool stays(void *state, const tarn_iceberg_entry *e) {
    composing *c = state;
    return !tarn_map_get(&c->removed, e->path);
}

static void count_removed(composing *c, const tarn_iceberg_entry *e) {
    bool keys = e->content == TARN_ICEBERG_KEYS;
    tarn_iceberg_counts *n = &c->counts;
    if (tarn_map_put(&c->unmarked, c->cx->arena, tarn_iceberg_delete_name(c->cx, e), c)) return; /* asked a second time */
    *(keys ? &n->removed_key_files : e->offset >= 0 ? &n->removed_vectors : &n->removed_position_files) += 1;
    *(keys ? &n->removed_keys : &n->removed_positions) += e->rows;
    n->removed_bytes += e->offset >= 0 ? e->length : e->size;
}

/* Deletes of one data file go with it, and when all its deleted rows are written anew (1.8). */
static bool deletes_stay(void *state, const tarn_iceberg_entry *e) {
    composing *c = state;
    tarn_str target = tarn_iceberg_delete_target(e);
    bool stay = !target.p || (!tarn_map_get(&c->removed, target) && !tarn_map_get(&c->marked, target));
    if (!target.p && c->change->remark && e->content == TARN_ICEBERG_POSITIONS)
        stay = e->sequence > c->change->remark->until;
    if (c->drops) stay = tarn_map_get(&c->reaching, tarn_iceberg_delete_name(c->cx, e));
    if (!stay) count_removed(c, e);
    return stay;
}

static void touch(composing *c, const tarn_iceberg_spec *spec, const tarn_value *values) {
    tarn_auto_buf key = TARN_BUF(1 << 20);
    tarn_buf_printf(&key, "%d", spec->id);
    for (size_t i = 0; values && i < spec->n_fields; i++) {
        tarn_buf_putc(&key, ' ');
        tarn_value_sql(&key, &values[i]);
    }
    if (key.failed) return;
    tarn_str name = {tarn_arena_strndup(c->cx->arena, key.data, key.n), key.n};
    c->counts.partitions += !tarn_map_put(&c->touched, c->cx->arena, name, c);
}

static void count_file(composing *c, int64_t rows, int64_t size) {
    c->counts.added_files++;
    c->counts.added_rows += rows;
    c->counts.added_bytes += size;
}

static void note_removed(composing *c) {
    for (size_t i = 0; i < c->change->removes.n; i++) {
        const tarn_file *f = c->change->removes.at[i];
        const tarn_iceberg_file *own = f->entry;
        tarn_map_put(&c->removed, c->cx->arena, own->recorded, (void *)(uintptr_t)f);
        c->counts.removed_files++;
        c->counts.removed_bytes += f->size;
        if (f->rows > 0) c->counts.removed_rows += f->rows;
        const tarn_iceberg_spec *spec = c->base ? tarn_iceberg_spec_find(&c->base->meta, own->tuple->spec_id) : NULL;
        if (spec) touch(c, spec, own->tuple->values);
    }
}

static bool holds_removed(const composing *c, const tarn_iceberg_manifest *m) {
    for (size_t i = 0; i < c->change->removes.n; i++) {
        const tarn_iceberg_file *own = c->change->removes.at[i]->entry;
        /* The base may be a later version than the one the file was found in. */
        if (tarn_str_eq(own->manifest->path, m->path) || own->manifest->added_snapshot_id != m->added_snapshot_id)
            return true;
    }
    return false;
}

/* A file that was in the table before (RESTORE) is listed as it was recorded. */
static void list_again(composing *c, const tarn_file *from, tarn_iceberg_listed *out) {
    const tarn_iceberg_file *own = from->entry;
    out->path = tarn_arena_strndup(c->cx->arena, own->recorded.p, own->recorded.n);
    out->partition = own->tuple ? own->tuple->values : NULL;
    out->sequence = own->sequence;
    out->first_row_id = own->first_row_id;
    out->n_stats = 0;
}

/* Columns that an older spec was made of may be gone. */
static tarn_iceberg_spec spec_with_sources(composing *c, const tarn_iceberg_spec *spec) {
    tarn_iceberg_spec own = *spec;
    own.fields = TARN_NEW_ARRAY(c->cx->arena, tarn_iceberg_spec_field, spec->n_fields);
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_field *f = c->base ? tarn_iceberg_any_field(c->cx, c->base, spec->fields[i].source_id) : NULL;
        own.fields[i] = spec->fields[i];
        if (f) own.fields[i].source = f->type;
    }
    return own;
}

/* What the files were written with, where it is not what the table has by now. */
static const tarn_iceberg_made *written_with(const composing *c) {
    const tarn_iceberg_made *made = c->change->format_state;
    return made && made->rebased ? made : NULL;
}

/* New files are of the spec there will be, or was when they were written; one that was in the table before is of its
 * own. */
static const tarn_iceberg_spec *spec_of_new(const composing *c) {
    const tarn_iceberg_made *with = written_with(c);
    const tarn_iceberg_spec *was = with && c->base ? tarn_iceberg_spec_find(&c->base->meta, with->spec_id) : NULL;
    return was ? was : &c->plan.spec;
}

static int32_t spec_of(const composing *c, const tarn_add *add) {
    const tarn_iceberg_file *own = add->from ? add->from->entry : NULL;
    return own && own->tuple ? own->tuple->spec_id : spec_of_new(c)->id;
}

static tarn_code add_manifest(composing *c, int32_t spec_id, tarn_iceberg_manifests *out) {
    const tarn_change *change = c->change;
    tarn_iceberg_listed *files = TARN_NEW_ARRAY(c->cx->arena, tarn_iceberg_listed, change->adds.n);
    size_t n = 0;
    const tarn_value *last = NULL;
    tarn_value *tuple = NULL;
    int32_t order = written_with(c) ? written_with(c)->sort_order_id : c->plan.sort_order_id;
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *add = &change->adds.at[i];
        if ((add->from && add->deletes) || spec_of(c, add) != spec_id) continue; /* the file stays as it is listed */
        if (add->partition && add->partition != last && !add->from)
            tarn_iceberg_tuple_of(c->cx, spec_of_new(c), add->partition, &tuple);
        last = add->partition;
        files[n++] = (tarn_iceberg_listed){.path = add->path,
                                           .rows = add->rows,
                                           .size = add->size,
                                           .partition = add->partition ? tuple : NULL,
                                           .stats = add->stats,
                                           .n_stats = add->n_stats,
                                           .content = TARN_ICEBERG_DATA,
                                           .sequence = -1,
                                           .sort_order = add->sorted ? order : 0,
                                           .format = "PARQUET",
                                           .offset = -1,
                                           .length = -1,
                                           .first_row_id = -1};
        if (add->from) list_again(c, add->from, &files[n - 1]);
        count_file(c, add->rows, add->size);
        touch(c, spec_of_new(c), files[n - 1].partition);
    }
    if (!n) return TARN_OK;
    const tarn_iceberg_spec *own = c->base ? tarn_iceberg_spec_find(&c->base->meta, spec_id) : NULL;
    tarn_iceberg_spec spec = spec_with_sources(c, spec_id == c->plan.spec.id || !own ? &c->plan.spec : own);
    return tarn_iceberg_manifest_write(c->cx, &c->w, c->plan.schema, c->plan.schema_id, &spec, false, files, n,
                                       TARN_PUSH(c->cx->arena, out));
}

/* One for each spec. */
static tarn_code add_manifests(composing *c, tarn_iceberg_manifests *out) {
    const tarn_change *change = c->change;
    TARN_VEC(int32_t) ids = {0};
    for (size_t i = 0; i < change->adds.n; i++) {
        int32_t id = spec_of(c, &change->adds.at[i]);
        size_t k = 0;
        while (k < ids.n && ids.at[k] != id) k++;
        if (k == ids.n) *TARN_PUSH(c->cx->arena, &ids) = id;
    }
    for (size_t i = 0; i < ids.n; i++) TRY(add_manifest(c, ids.at[i], out));
    return TARN_OK;
}

/* The data file of a mark; of one that is added by this change the path was not known before. */
static tarn_code add_marks(composing *c, tarn_iceberg_manifests *out) {
    const tarn_change *change = c->change;
    const tarn_iceberg_metadata *m = c->base ? &c->base->meta : NULL;
    size_t n_specs = m ? m->specs.n : 0;
    tarn_iceberg_listed *files = TARN_NEW_ARRAY(c->cx->arena, tarn_iceberg_listed, change->adds.n);
    for (size_t s = 0; s < n_specs; s++) {
        size_t n = 0;
        for (size_t i = 0; i < change->adds.n; i++) {
            const tarn_iceberg_mark *mark = change->adds.at[i].deletes;
            if (!mark || mark->spec_id != m->specs.at[s].id) continue;
            files[n++] = (tarn_iceberg_listed){.path = mark->key,
                                               .rows = mark->rows,
                                               .size = mark->size,
                                               .partition = mark->partition,
                                               .content = TARN_ICEBERG_POSITIONS,
                                               .sequence = -1,
                                               .format = mark->format,
                                               .referenced = mark->referenced,
                                               .offset = mark->offset,
                                               .length = mark->length,
                                               .first = mark->first,
                                               .last = mark->last,
                                               .first_row_id = -1};
            tarn_map_put(&c->marked, c->cx->arena, tarn_str_of(mark->referenced), c);
            *(mark->offset >= 0 ? &c->counts.added_vectors : &c->counts.added_position_files) += 1;
            c->counts.added_positions += mark->rows;
            c->counts.added_bytes += mark->offset >= 0 ? mark->length : mark->size;
            touch(c, &m->specs.at[s], mark->partition);
        }
        if (!n) continue;
        tarn_iceberg_spec spec = spec_with_sources(c, &m->specs.at[s]);
        TRY(tarn_iceberg_manifest_write(c->cx, &c->w, c->plan.schema, c->plan.schema_id, &spec, true, files, n,
                                        TARN_PUSH(c->cx->arena, out)));
    }
    return TARN_OK;
}

static void count_added(composing *c) {
    for (size_t i = 0; i < c->change->adds.n; i++)
        count_file(c, c->change->adds.at[i].rows, c->change->adds.at[i].size);
}

/* Versions from before the table had ids of rows do not know those that its rows have got since: they are of the
 * manifest (1.9), which may still be there. */
static tarn_code keep_row_ids(composing *c, tarn_iceberg_manifests *list) {
    tarn_map now = {0};
    TRY(tarn_iceberg_list(c->cx, c->base));
    for (size_t i = 0; i < c->base->n_data; i++) {
        const tarn_iceberg_manifest *m = c->base->slots[i].manifest;
        tarn_map_put(&now, c->cx->arena, m->path, (void *)(uintptr_t)m);
    }
    for (size_t i = 0; i < list->n; i++) {
        const tarn_iceberg_manifest *m = tarn_map_get(&now, list->at[i].path);
        if (m && list->at[i].first_row_id < 0 && !list->at[i].deletes) list->at[i].first_row_id = m->first_row_id;
    }
    return TARN_OK;
}

/* An older version's manifests are the new one's: they hold all that is known of its files. */
static tarn_code take_manifests(composing *c, tarn_iceberg_snapshot *restored, tarn_iceberg_manifests *out) {
    TRY(tarn_iceberg_list(c->cx, restored));
    for (size_t i = 0; i < restored->n_slots; i++) *TARN_PUSH(c->cx->arena, out) = *restored->slots[i].manifest;
    if (c->plan.format_version >= 3 && c->base) TRY(keep_row_ids(c, out));
    count_added(c);
    note_removed(c);
    return TARN_OK;
}

/* What one commit added, once more. */
static tarn_code add_picked(composing *c, tarn_iceberg_snapshot *picked, tarn_iceberg_manifests *out) {
    TRY(tarn_iceberg_list(c->cx, picked));
    for (size_t i = 0; i < picked->n_slots; i++) {
        const tarn_iceberg_manifest *m = picked->slots[i].manifest;
        tarn_iceberg_manifest now;
        if (m->deletes || m->added_snapshot_id != picked->version->id) continue;
        TRY(tarn_iceberg_manifest_again(c->cx, &c->w, picked->meta.location, m, &now));
        if (now.added_files) *TARN_PUSH(c->cx->arena, out) = now;
    }
    count_added(c);
    return TARN_OK;
}

static void report_marks(const tarn_iceberg_counts *n, tarn_remark *out) {
    out->files_removed = n->removed_vectors + n->removed_position_files + n->removed_key_files;
    out->bytes_removed = n->removed_bytes;
    out->files_added = n->added_vectors + n->added_position_files;
    out->bytes_added = n->added_bytes;
}

/* New files first, then what was there, less what goes. */
static tarn_code write_manifests(composing *c, tarn_iceberg_manifests *out) {
    const tarn_snapshot *picked = c->change->picked;
    int64_t others;
    if (c->change->restored) return take_manifests(c, tarn_iceberg_of((const tarn_snapshot *)c->change->restored), out);
    if (c->change->regroup) return tarn_iceberg_regroup(c->cx, &c->w, c->base, &c->plan, c->change->regroup, out);
    TRY(picked ? add_picked(c, tarn_iceberg_of(picked), out) : add_manifests(c, out));
    TRY(add_marks(c, out));
    if (!c->base) return TARN_OK;
    TRY(tarn_iceberg_list(c->cx, c->base));
    note_removed(c);
    c->drops = c->change->remark && c->change->remark->drop;
    if (c->drops) TRY(tarn_iceberg_reaching(c->cx, c->base, &c->reaching, &others));
    for (size_t i = 0; i < c->base->n_slots; i++) {
        const tarn_iceberg_manifest *m = c->base->slots[i].manifest;
        tarn_iceberg_manifest now = *m;
        bool changed = false;
        if (!m->deletes && holds_removed(c, m))
            TRY(tarn_iceberg_manifest_rewrite(c->cx, &c->w, c->base->meta.location, m, stays, c, &now, &changed));
        if (m->deletes && (c->drops || c->marked.n || c->counts.removed_files))
            TRY(tarn_iceberg_manifest_rewrite(c->cx, &c->w, c->base->meta.location, m, deletes_stay, c, &now,
                                              &changed));
        /* What went is told by the snapshot that took it away, and no longer (1.5). */
        bool empty = now.added_files == 0 && now.existing_files == 0 && (now.deleted_files == 0 || !changed);
        if (!empty) *TARN_PUSH(c->cx->arena, out) = changed ? now : *m;
    }
    if (c->change->remark) report_marks(&c->counts, c->change->remark);
    return TARN_OK;
}

/* 1.9: ids for the rows of data manifests that have none yet. */
static void assign_rows(composing *c, tarn_iceberg_manifests *list) {
    c->first_row_id = c->next_row_id;
    for (size_t i = 0; c->plan.format_version >= 3 && i < list->n; i++) {
        tarn_iceberg_manifest *m = &list->at[i];
        if (m->deletes || m->first_row_id >= 0) continue;
        m->first_row_id = c->next_row_id;
        c->next_row_id += (m->added_rows > 0 ? m->added_rows : 0) + (m->existing_rows > 0 ? m->existing_rows : 0);
    }
}

/* THE SNAPSHOT. */

static const char *snapshot_json(composing *c, const char *list) {
    tarn_auto_buf out = TARN_BUF(JSON_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_jsonw_begin_object(&w);
    if (c->plan.format_version >= 2) {
        tarn_jsonw_key(&w, "sequence-number");
        tarn_jsonw_int(&w, c->w.sequence);
    }
    tarn_jsonw_key(&w, "snapshot-id");
    tarn_jsonw_int(&w, c->w.snapshot_id);
    if (c->parent >= 0) {
        tarn_jsonw_key(&w, "parent-snapshot-id");
        tarn_jsonw_int(&w, c->parent);
    }
    tarn_jsonw_key(&w, "timestamp-ms");
    tarn_jsonw_int(&w, c->now_ms);
    tarn_iceberg_summary_put(c->cx, &w, c->base, c->change, &c->counts);
    tarn_jsonw_key(&w, "manifest-list");
    tarn_jsonw_text(&w, list);
    tarn_jsonw_key(&w, "schema-id");
    tarn_jsonw_int(&w, c->plan.schema_id);
    if (c->plan.format_version >= 3) {
        tarn_jsonw_key(&w, "first-row-id");
        tarn_jsonw_int(&w, c->first_row_id);
        tarn_jsonw_key(&w, "added-rows");
        tarn_jsonw_int(&w, c->next_row_id - c->first_row_id);
    }
    tarn_jsonw_end_object(&w);
    return tarn_buf_take(&out, c->cx->arena);
}

/* THE METADATA FILE. */

static void append_to(composing *c, const char *member, const char *element) {
    add_edit(c, (tarn_iceberg_edit){.member = member, .json = element, .appends = true});
}

static tarn_code edit_schema(composing *c) {
    tarn_auto_buf json = TARN_BUF(JSON_MAX);
    TRY(tarn_iceberg_schema_print(c->cx, c->plan.schema, c->plan.schema_id, c->plan.format_version, &json));
    const char *text = tarn_buf_take(&json, c->cx->arena);
    append_to(c, "schemas", text);
    edit_int(c, "current-schema-id", c->plan.schema_id);
    edit_int(c, "last-column-id", c->plan.last_column_id);
    if (c->plan.format_version == 1) edit(c, "schema", text);
    return TARN_OK;
}

static void edit_spec(composing *c) {
    tarn_auto_buf fields = TARN_BUF(JSON_MAX);
    tarn_iceberg_spec_print(&c->plan.spec, &fields);
    const char *text = tarn_buf_take(&fields, c->cx->arena);
    if (!c->plan.spec_known)
        append_to(c, "partition-specs", tarn_printf(c->cx, "{\"spec-id\": %d, \"fields\": %s}", c->plan.spec.id, text));
    edit_int(c, "default-spec-id", c->plan.spec.id);
    edit_int(c, "last-partition-id", c->plan.last_partition_id);
    if (c->plan.format_version == 1) edit(c, "partition-spec", text);
}

static void edit_order(composing *c) {
    if (c->plan.sort_order) append_to(c, "sort-orders", c->plan.sort_order);
    edit_int(c, "default-sort-order-id", c->plan.sort_order_id);
}

static void edit_properties(composing *c) {
    tarn_auto_buf out = TARN_BUF(JSON_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_jsonw_begin_object(&w);
    for (size_t i = 0; i < c->plan.properties.n; i++) {
        tarn_jsonw_key(&w, c->plan.properties.at[i].name);
        tarn_jsonw_text(&w, c->plan.properties.at[i].value);
    }
    tarn_jsonw_end_object(&w);
    edit(c, "properties", tarn_buf_take(&out, c->cx->arena));
}

static tarn_code edit_snapshot(composing *c) {
    const char *branch = c->plan.started ? c->plan.started : c->base ? c->base->base.branch : NULL;
    tarn_iceberg_manifests list = {0};
    const char *path;
    TRY(write_manifests(c, &list));
    assign_rows(c, &list);
    TRY(tarn_iceberg_list_write(c->cx, &c->w, c->parent, list.at, list.n, &path));
    append_to(c, "snapshots", snapshot_json(c, path));
    if (c->plan.format_version >= 2) edit_int(c, "last-sequence-number", c->w.sequence);
    if (c->plan.format_version >= 3) edit_int(c, "next-row-id", c->next_row_id);
    if (c->change->staged) return TARN_OK;
    edit(c, "refs", tarn_iceberg_refs_print(c->cx, &c->plan, branch, c->w.snapshot_id));
    if (branch) return TARN_OK;
    append_to(c, "snapshot-log",
              tarn_printf(c->cx, "{\"timestamp-ms\": %lld, \"snapshot-id\": %lld}", (long long)c->now_ms,
                          (long long)c->w.snapshot_id));
    edit_int(c, "current-snapshot-id", c->w.snapshot_id);
    return TARN_OK;
}

/* The file before this one, and no more than write.metadata.previous-versions-max of them (1.9). */
static void edit_log(composing *c) {
    const char *most = tarn_iceberg_plan_property(&c->plan, "write.metadata.previous-versions-max");
    int64_t max = LOG_MAX_DEFAULT;
    if (most && !tarn_parse_i64(tarn_str_of(most), &max)) max = LOG_MAX_DEFAULT;
    tarn_auto_buf out = TARN_BUF(JSON_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    const tarn_iceberg_metadata *m = &c->base->meta;
    size_t keep = max > 1 ? (size_t)max - 1 : 0, first = m->metadata_log.n > keep ? m->metadata_log.n - keep : 0;
    tarn_jsonw_begin_array(&w);
    for (size_t i = first; i <= m->metadata_log.n; i++) {
        bool newest = i == m->metadata_log.n;
        tarn_jsonw_begin_object(&w);
        tarn_jsonw_key(&w, "timestamp-ms");
        tarn_jsonw_int(&w, newest ? m->last_updated_ms : m->metadata_log.at[i].timestamp_ms);
        tarn_jsonw_key(&w, "metadata-file");
        tarn_jsonw_text(&w, newest ? tarn_printf(c->cx, "%s/%s", c->w.root, c->base->key) : m->metadata_log.at[i].file);
        tarn_jsonw_end_object(&w);
    }
    tarn_jsonw_end_array(&w);
    edit(c, "metadata-log", tarn_buf_take(&out, c->cx->arena));
}

static void edit_new_table(composing *c) {
    char uuid[TARN_UUID_TEXT];
    tarn_uuid_v4(c->cx, uuid);
    edit(c, "table-uuid", quoted(c->cx, uuid));
    edit(c, "location", quoted(c->cx, c->w.root));
    edit_int(c, "default-sort-order-id", c->plan.sort_order_id);
    static const char unsorted[] = "{\"order-id\": 0, \"fields\": []}";
    const char *more = c->plan.sort_order;
    edit(c, "sort-orders", tarn_printf(c->cx, "[%s%s%s]", unsorted, more ? ", " : "", more ? more : ""));
    edit(c, "snapshots", "[]");
    edit(c, "snapshot-log", "[]");
    edit(c, "metadata-log", "[]");
    edit(c, "refs", "{}");
    if (c->plan.format_version < 3) edit_int(c, "current-snapshot-id", -1);
    if (c->plan.format_version >= 2) edit_int(c, "last-sequence-number", 0);
    if (c->plan.format_version >= 3) edit_int(c, "next-row-id", 0);
}

/* Whether the version is a snapshot of its own, not only other metadata. */
static bool makes_snapshot(const composing *c) {
    return c->change->adds.n || c->change->removes.n || c->plan.started || c->change->regroup ||
           (c->change->remark && c->change->remark->drop);
}

static tarn_code edit_all(composing *c) {
    bool rows = makes_snapshot(c);
    bool upgraded = c->base && c->plan.format_version != c->base->meta.format_version;
    if (!c->base || upgraded) edit_int(c, "format-version", c->plan.format_version);
    if (upgraded && c->plan.format_version >= 3 && !rows) edit_int(c, "next-row-id", 0);
    edit_int(c, "last-updated-ms", c->now_ms);
    if (c->plan.schema_changed) TRY(edit_schema(c));
    if (c->plan.spec_changed) edit_spec(c);
    if (c->plan.order_changed && c->base) edit_order(c);
    if (c->plan.properties_changed) edit_properties(c);
    if (!c->base && !rows) edit_new_table(c);
    if (!c->base && rows) { /* what the snapshot says is not said twice */
        edit_new_table(c);
        static const char *const again[] = {"snapshots",           "snapshot-log",         "refs",
                                            "current-snapshot-id", "last-sequence-number", "next-row-id"};
        size_t n = 0;
        for (size_t i = 0; i < c->n_edits; i++) {
            bool later = false;
            for (size_t k = 0; k < sizeof again / sizeof *again; k++) later |= !strcmp(c->edits[i].member, again[k]);
            if (!later) c->edits[n++] = c->edits[i];
        }
        c->n_edits = n;
    }
    if (rows) TRY(edit_snapshot(c));
    if (c->base && !rows && c->n_edits + TARN_ICEBERG_REF_EDITS <= EDITS_MAX)
        TRY(tarn_iceberg_ref_edits(c->cx, c->base, &c->plan, c->now_ms, c->edits, &c->n_edits));
    if (c->base) edit_log(c);
    for (size_t i = 0; i < c->n_edits; i++)
        if (!c->edits[i].json) return tarn_fail(c->cx, TARN_LIMIT, "the metadata is too large");
    return TARN_OK;
}

/* "metadata/v3.metadata.json" and "metadata/00003-….metadata.json" are number 3; -1: neither. */
static int64_t number_of(const char *key, bool *plain) {
    const char *name = strrchr(key, '/') ? strrchr(key, '/') + 1 : key;
    int64_t number = -1;
    *plain = name[0] == 'v';
    const char *digits = name + *plain;
    size_t n = strspn(digits, "0123456789");
    if (!n || !tarn_parse_i64((tarn_str){digits, n}, &number)) number = -1;
    return number;
}

/* With a catalog names only have to be new; without one the name is what two writers cannot both have (1.14). */
static tarn_code choose_key(composing *c, const char **out) {
    bool plain = true;
    int64_t number = c->base ? number_of(c->base->key, &plain) : -1;
    if (c->table->committer) {
        *out = tarn_printf(c->cx, "metadata/%05lld-%s.metadata.json", (long long)(number + 1), c->w.id);
        return TARN_OK;
    }
    if (c->base && (!plain || number < 0))
        return tarn_hint(c->cx,
                         tarn_fail(c->cx, TARN_UNSUPPORTED,
                                   "its metadata files are named by a catalog, so it can only be written through one"),
                         "CREATE TABLE t USING iceberg LOCATION '…' takes it into this lake's catalog");
    *out = tarn_printf(c->cx, "metadata/v%lld.metadata.json", (long long)(c->base ? number + 1 : 1));
    return TARN_OK;
}

static int64_t new_snapshot_id(composing *c) {
    int64_t id = 0;
    while (id <= 0 || (c->base && tarn_iceberg_version_find(&c->base->meta, id))) {
        uint64_t dice;
        tarn_random(c->cx, &dice, sizeof dice);
        id = (int64_t)(dice & INT64_MAX);
    }
    return id;
}

tarn_code tarn_iceberg_compose(tarn_cx *cx, const tarn_table *table, tarn_iceberg_snapshot *base,
                               const tarn_change *change, tarn_iceberg_composed *out) {
    composing c = {.cx = cx, .table = table, .base = base, .change = change, .now_ms = tarn_now_ms(cx), .parent = -1};
    char uuid[TARN_UUID_TEXT];
    const char *key = NULL;
    tarn_auto_buf text = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    TRY(tarn_iceberg_plan_change(cx, base, change, &c.plan));
    tarn_uuid_v4(cx, uuid);
    c.w =
        (tarn_iceberg_writing){.table = table,
                               .root = base ? base->meta.location : tarn_store_uri(table->store),
                               .id = tarn_arena_strdup(cx->arena, uuid),
                               .format_version = c.plan.format_version,
                               .sequence = c.plan.format_version >= 2 ? (base ? base->meta.last_sequence : 0) + 1 : 0};
    c.w.snapshot_id = new_snapshot_id(&c);
    if (base) {
        c.parent = base->version ? base->version->id : -1;
        c.next_row_id = base->meta.next_row_id > 0 ? base->meta.next_row_id : 0;
        /* A clock that went back: versions stay in order (1.9). */
        if (c.now_ms <= base->meta.last_updated_ms) c.now_ms = base->meta.last_updated_ms + 1;
    }
    TRY(choose_key(&c, &key));
    TRY(edit_all(&c));
    TRY(tarn_iceberg_edit_members(cx, base ? base->meta.text : TARN_LIT("{}"), c.edits, c.n_edits, &text));
    bool rows = makes_snapshot(&c);
    size_t n = text.n;
    const tarn_iceberg_version *head = base ? tarn_iceberg_version_find(&base->meta, c.plan.head) : NULL;
    *out = (tarn_iceberg_composed){.key = key, .snapshot_id = rows ? c.w.snapshot_id : -1};
    out->text = (tarn_str){tarn_buf_take(&text, cx->arena), n};
    out->written = c.w.written.at;
    out->n_written = c.w.written.n;
    if (rows)
        out->version = c.w.sequence > 0 ? c.w.sequence : c.w.snapshot_id;
    else
        out->version = !head ? 0 : head->sequence > 0 ? head->sequence : head->id;
    return TARN_OK;
}
