/* list.c: which manifests a version has: those of new files, and those that were there less what goes (1.4, 1.5). */
#include "format/iceberg/deletes.h"
#include "format/iceberg/write/compose.h"

static bool stays(void *state, const tarn_iceberg_entry *e) {
    tarn_iceberg_composing *c = state;
    return !tarn_map_get(&c->removed, e->path);
}

static void count_removed(tarn_iceberg_composing *c, const tarn_iceberg_entry *e) {
    bool keys = e->content == TARN_ICEBERG_KEYS;
    tarn_iceberg_counts *n = &c->counts;
    bool again = tarn_map_put(&c->unmarked, c->cx->arena, tarn_iceberg_delete_name(c->cx, e), c);
    if (again) return;
    *(keys ? &n->removed_key_files : e->offset >= 0 ? &n->removed_vectors : &n->removed_position_files) += 1;
    *(keys ? &n->removed_keys : &n->removed_positions) += e->rows;
    n->removed_bytes += e->offset >= 0 ? e->length : e->size;
}

/* Deletes of one data file go with it, and when all its deleted rows are written anew (1.8). */
static bool deletes_stay(void *state, const tarn_iceberg_entry *e) {
    tarn_iceberg_composing *c = state;
    tarn_str target = tarn_iceberg_delete_target(e);
    bool stay = !target.p || (!tarn_map_get(&c->removed, target) && !tarn_map_get(&c->marked, target));
    if (!target.p && c->change->remark && e->content == TARN_ICEBERG_POSITIONS)
        stay = e->sequence > c->change->remark->until;
    if (c->drops) stay = tarn_map_get(&c->reaching, tarn_iceberg_delete_name(c->cx, e));
    if (!stay) count_removed(c, e);
    return stay;
}

bool tarn_iceberg_partition_key(tarn_cx *cx, int32_t spec_id, const tarn_value *values, size_t n, tarn_str *out) {
    tarn_str text;
    if (!tarn_values_key(cx->arena, values, values ? n : 0, &text)) return false;
    char *key = tarn_arena_alloc(cx->arena, sizeof spec_id + text.n);
    memcpy(key, &spec_id, sizeof spec_id);
    if (text.n) memcpy(key + sizeof spec_id, text.p, text.n);
    *out = (tarn_str){key, sizeof spec_id + text.n};
    return true;
}

static void touch(tarn_iceberg_composing *c, const tarn_iceberg_spec *spec, const tarn_value *values) {
    tarn_str key;
    if (tarn_iceberg_partition_key(c->cx, spec->id, values, spec->n_fields, &key))
        c->counts.partitions += !tarn_map_put(&c->touched, c->cx->arena, key, c);
}

static void count_file(tarn_iceberg_composing *c, int64_t rows, int64_t size) {
    c->counts.added_files++;
    c->counts.added_rows += rows;
    c->counts.added_bytes += size;
}

static void note_removed(tarn_iceberg_composing *c) {
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

static bool holds_removed(const tarn_iceberg_composing *c, const tarn_iceberg_manifest *m) {
    for (size_t i = 0; i < c->change->removes.n; i++) {
        const tarn_iceberg_file *own = c->change->removes.at[i]->entry;
        /* The base may be a later version than the one the file was found in. */
        if (tarn_str_eq(own->manifest->path, m->path) || own->manifest->added_snapshot_id != m->added_snapshot_id)
            return true;
    }
    return false;
}

/* A file that was in the table before (RESTORE) is listed as it was recorded. */
static void list_again(tarn_iceberg_composing *c, const tarn_file *from, tarn_iceberg_listed *out) {
    const tarn_iceberg_file *own = from->entry;
    out->path = tarn_arena_strndup(c->cx->arena, own->recorded.p, own->recorded.n);
    out->partition = own->tuple ? own->tuple->values : NULL;
    out->sequence = own->sequence;
    out->first_row_id = own->first_row_id;
    out->n_stats = 0;
}

/* Columns that an older spec was made of may be gone. */
static tarn_iceberg_spec spec_with_sources(tarn_iceberg_composing *c, const tarn_iceberg_spec *spec) {
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
static const tarn_iceberg_made *written_with(const tarn_iceberg_composing *c) {
    const tarn_iceberg_made *made = c->change->format_state;
    return made && made->rebased ? made : NULL;
}

/* New files are of the spec there will be, or was when they were written; one that was in the table before is of its
 * own. */
static const tarn_iceberg_spec *spec_of_new(const tarn_iceberg_composing *c) {
    const tarn_iceberg_made *with = written_with(c);
    const tarn_iceberg_spec *was = with && c->base ? tarn_iceberg_spec_find(&c->base->meta, with->spec_id) : NULL;
    return was ? was : &c->plan.spec;
}

static int32_t spec_of(const tarn_iceberg_composing *c, const tarn_add *add) {
    const tarn_iceberg_file *own = add->from ? add->from->entry : NULL;
    return own && own->tuple ? own->tuple->spec_id : spec_of_new(c)->id;
}

static tarn_code add_manifest(tarn_iceberg_composing *c, int32_t spec_id, tarn_iceberg_manifests *out) {
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
static tarn_code add_manifests(tarn_iceberg_composing *c, tarn_iceberg_manifests *out) {
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
static tarn_code add_marks(tarn_iceberg_composing *c, tarn_iceberg_manifests *out) {
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

static void count_added(tarn_iceberg_composing *c) {
    for (size_t i = 0; i < c->change->adds.n; i++)
        count_file(c, c->change->adds.at[i].rows, c->change->adds.at[i].size);
}

/* Versions from before the table had ids of rows do not know those that its rows have got since: they are of the
 * manifest (1.9), which may still be there. */
static tarn_code keep_row_ids(tarn_iceberg_composing *c, tarn_iceberg_manifests *list) {
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
static tarn_code take_manifests(tarn_iceberg_composing *c, tarn_iceberg_snapshot *restored,
                                tarn_iceberg_manifests *out) {
    TRY(tarn_iceberg_list(c->cx, restored));
    for (size_t i = 0; i < restored->n_slots; i++) *TARN_PUSH(c->cx->arena, out) = *restored->slots[i].manifest;
    if (c->plan.format_version >= 3 && c->base) TRY(keep_row_ids(c, out));
    count_added(c);
    note_removed(c);
    return TARN_OK;
}

/* What one commit added, once more. */
static tarn_code add_picked(tarn_iceberg_composing *c, tarn_iceberg_snapshot *picked, tarn_iceberg_manifests *out) {
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
static tarn_code write_manifests(tarn_iceberg_composing *c, tarn_iceberg_manifests *out) {
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
static void assign_rows(tarn_iceberg_composing *c, tarn_iceberg_manifests *list) {
    c->first_row_id = c->next_row_id;
    for (size_t i = 0; c->plan.format_version >= 3 && i < list->n; i++) {
        tarn_iceberg_manifest *m = &list->at[i];
        if (m->deletes || m->first_row_id >= 0) continue;
        m->first_row_id = c->next_row_id;
        c->next_row_id += (m->added_rows > 0 ? m->added_rows : 0) + (m->existing_rows > 0 ? m->existing_rows : 0);
    }
}

tarn_code tarn_iceberg_compose_list(tarn_iceberg_composing *c, const char **path) {
    tarn_iceberg_manifests list = {0};
    TRY(write_manifests(c, &list));
    assign_rows(c, &list);
    return tarn_iceberg_list_write(c->cx, &c->w, c->parent, list.at, list.n, path);
}
