/* rewrite.c: writes a manifest anew when some of its files go, or when what it added is added once more. */
#include "format/iceberg/write/manifest.h"

enum { MANIFEST_MAX = 1 << 30, DATA_FILE = 2, FIRST_ROW_ID = 142 };

/* 1.5: one entry again, in the order and the unions of its own schema. What is explicit now was inherited before. */
typedef struct copying {
    const tarn_iceberg_layout *layout;
    const tarn_iceberg_entry *entry;
    tarn_iceberg_status status;
    int64_t snapshot_id;
    int64_t first_row_id; /* -1: as it is */
    bool again;           /* what is counted from the commit on is that of the new one */
} copying;

/* The branch of null and that of the value, in a union of both; -1: there is no union. */
static void branches(const tarn_avro_type *type, int *none, int *some) {
    *none = *some = -1;
    for (size_t i = 0; type->kind == TARN_AVRO_UNION && i < type->n_branches; i++)
        *(type->branches[i]->kind == TARN_AVRO_NULL ? none : some) = (int)i;
}

static void put_number(tarn_buf *b, const tarn_avro_type *type, int64_t v) {
    int none, some;
    branches(type, &none, &some);
    if (v < 0 && none >= 0) {
        tarn_avro_put_long(b, none);
        return;
    }
    if (some >= 0) tarn_avro_put_long(b, some);
    tarn_avro_put_long(b, v < 0 ? 0 : v);
}

/* With the first row id, which a writer of an older version had no field for (widen_schema). */
static void copy_file(tarn_buf *b, const copying *c, const tarn_avro_type *type, tarn_avro_cursor *at) {
    const char *begin = at->p;
    const tarn_avro_type *record = tarn_avro_enter(at, type);
    bool there = false;
    tarn_buf_add(b, begin, (size_t)(at->p - begin));
    for (size_t i = 0; record && i < record->n_fields; i++) {
        const tarn_avro_field *f = &record->fields[i];
        bool row_id = f->id == FIRST_ROW_ID && (c->again || c->first_row_id >= 0);
        begin = at->p;
        tarn_avro_skip(at, f->type);
        if (row_id)
            put_number(b, f->type, c->first_row_id);
        else
            tarn_buf_add(b, begin, (size_t)(at->p - begin));
        there = there || f->id == FIRST_ROW_ID;
    }
    if (there || c->first_row_id < 0) return;
    tarn_avro_put_long(b, 1);
    tarn_avro_put_long(b, c->first_row_id);
}

static void copy_entry(tarn_buf *b, const copying *c) {
    const tarn_avro_type *record = c->layout->entry;
    tarn_avro_cursor at = tarn_avro_cursor_of(c->entry->record);
    for (size_t i = 0; i < record->n_fields; i++) {
        const tarn_avro_field *f = &record->fields[i];
        const char *begin = at.p;
        if (f->id == DATA_FILE) {
            copy_file(b, c, f->type, &at);
            continue;
        }
        tarn_avro_skip(&at, f->type);
        switch (f->id) {
        case 0: tarn_avro_put_long(b, c->status); break;
        case 1: put_number(b, f->type, c->snapshot_id); break;
        case 3: put_number(b, f->type, c->again ? -1 : c->entry->sequence); break;
        case 4: put_number(b, f->type, c->again ? -1 : c->entry->file_sequence); break;
        default: tarn_buf_add(b, begin, (size_t)(at.p - begin));
        }
    }
}

void tarn_iceberg_entry_copy(tarn_buf *out, const tarn_iceberg_layout *layout, const tarn_iceberg_entry *entry,
                             int64_t first_row_id) {
    copying c = {layout, entry, TARN_ICEBERG_EXISTING, entry->snapshot_id, first_row_id, false};
    copy_entry(out, &c);
}

typedef struct rewriting {
    tarn_iceberg_writing *w;
    const tarn_iceberg_manifest *from;
    tarn_iceberg_stays_fn *stays; /* NULL: those that were added are added again */
    void *state;
    tarn_avro_writer *avro; /* NULL: only looking whether something goes */
    tarn_iceberg_manifest *out;
    int64_t next_row_id; /* -1: its rows have none, or get theirs later */
    bool changed;
} rewriting;

/* 1.5: ids count on through the live files that have none of their own, so that those behind a file that goes would
 * get others: they are made explicit. */
static int64_t row_id_of(rewriting *r, const tarn_iceberg_entry *e) {
    int64_t id = r->next_row_id;
    if (e->first_row_id >= 0 || id < 0) return -1;
    if (__builtin_add_overflow(id, e->rows > 0 ? e->rows : 0, &r->next_row_id)) r->next_row_id = -1;
    return id;
}

static tarn_code add_again(tarn_cx *cx, rewriting *r, const tarn_iceberg_layout *layout, const tarn_iceberg_entry *e) {
    if (e->status != TARN_ICEBERG_ADDED) return TARN_OK;
    copying c = {layout, e, TARN_ICEBERG_ADDED, r->w->snapshot_id, -1, true};
    copy_entry(&r->avro->block, &c);
    r->out->added_files++;
    r->out->added_rows += e->rows;
    return tarn_avro_write_row(cx, r->avro);
}

static tarn_code rewrite_entry(tarn_cx *cx, void *state, const tarn_iceberg_layout *layout,
                               const tarn_iceberg_entry *e) {
    rewriting *r = state;
    if (!r->stays) return add_again(cx, r, layout, e);
    if (e->status == TARN_ICEBERG_DELETED) return TARN_OK; /* kept for one snapshot only (1.5) */
    bool stays = r->stays(r->state, e);
    r->changed = r->changed || !stays;
    if (!r->avro) return TARN_OK;
    copying c = {layout,
                 e,
                 stays ? TARN_ICEBERG_EXISTING : TARN_ICEBERG_DELETED,
                 stays ? e->snapshot_id : r->w->snapshot_id,
                 row_id_of(r, e),
                 false};
    copy_entry(&r->avro->block, &c);
    *(stays ? &r->out->existing_files : &r->out->deleted_files) += 1;
    *(stays ? &r->out->existing_rows : &r->out->deleted_rows) += e->rows;
    if (stays && e->sequence >= 0 && e->sequence < r->out->min_sequence) r->out->min_sequence = e->sequence;
    return tarn_avro_write_row(cx, r->avro);
}

static tarn_code walk_entries(tarn_cx *cx, tarn_str bytes, rewriting *r) {
    return tarn_iceberg_each_in(cx, cx->arena, r->from, bytes, rewrite_entry, r);
}

/* The schema with a field for the first row id at the end of the data file's, where it lacks one. */
static tarn_code widen_schema(tarn_cx *cx, const tarn_avro_header *header, tarn_str *out) {
    static const char field[] =
        "{\"name\": \"first_row_id\", \"type\": [\"null\", \"long\"], \"default\": null, \"field-id\": 142}";
    const tarn_avro_field *data_file = tarn_avro_field_by_id(header->type, DATA_FILE);
    const tarn_avro_type *record = data_file ? tarn_avro_unwrap(data_file->type) : NULL;
    *out = header->schema;
    if (!record || tarn_avro_field_by_id(record, FIRST_ROW_ID)) return TARN_OK;
    const tarn_json_value *fields = tarn_json_get(record->json, "fields");
    tarn_str was = fields ? fields->raw : (tarn_str){0};
    bool within = was.p && was.p >= header->schema.p && was.p + was.n <= header->schema.p + header->schema.n;
    if (!within) return tarn_fail(cx, TARN_CORRUPT, "its schema has no fields where they should be");
    const char *after = was.p + was.n;
    tarn_auto_buf text = TARN_BUF(header->schema.n + sizeof field + 16);
    tarn_buf_add(&text, header->schema.p, (size_t)(was.p - header->schema.p));
    tarn_iceberg_put_array(&text, was, field);
    tarn_buf_add(&text, after, (size_t)(header->schema.p + header->schema.n - after));
    size_t n = text.n;
    *out = (tarn_str){tarn_buf_take(&text, cx->arena), n};
    return TARN_OK;
}

/* The header of the manifest it replaces, but for Avro's own pairs. */
tarn_code tarn_iceberg_manifest_begin(tarn_cx *cx, tarn_str bytes, bool row_ids, tarn_avro_writer *avro,
                                      tarn_buf *file) {
    const tarn_avro_header *header;
    tarn_str schema;
    TRY(tarn_avro_header_read(cx, cx->arena, bytes, &header));
    schema = header->schema;
    if (row_ids) TRY(widen_schema(cx, header, &schema));
    tarn_avro_meta *meta = TARN_NEW_ARRAY(cx->arena, tarn_avro_meta, header->n_meta);
    size_t n = 0;
    for (size_t i = 0; i < header->n_meta; i++)
        if (!tarn_str_starts(header->meta[i].key, "avro.")) meta[n++] = header->meta[i];
    return tarn_avro_write_begin(cx, avro, file, schema, meta, n, TARN_AVRO_DEFLATE);
}

tarn_code tarn_iceberg_manifest_rewrite(tarn_cx *cx, tarn_iceberg_writing *w, const char *location,
                                        const tarn_iceberg_manifest *manifest, tarn_iceberg_stays_fn *stays,
                                        void *state, tarn_iceberg_manifest *out, bool *changed) {
    tarn_auto_buf bytes = TARN_BUF(MANIFEST_MAX), file = TARN_BUF(MANIFEST_MAX);
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) avro = {0};
    tarn_iceberg_manifest m = *manifest;
    rewriting r = {.w = w, .from = manifest, .stays = stays, .state = state, .out = &m};
    tarn_str path;
    TRY(tarn_iceberg_path(cx, location, manifest->path, &path));
    TRY(tarn_iceberg_get(cx, w->table->store, path, NULL, &bytes));
    tarn_str text = {bytes.data, bytes.n};
    TRY(tarn_prefix(cx, walk_entries(cx, text, &r), "manifest %.*s", (int)path.n, path.p));
    *changed = r.changed;
    if (!r.changed) return TARN_OK;
    m.added_files = m.existing_files = m.deleted_files = 0;
    m.added_rows = m.existing_rows = m.deleted_rows = 0;
    m.sequence = m.min_sequence = w->sequence;
    m.added_snapshot_id = w->snapshot_id;
    r.avro = &avro;
    r.next_row_id = w->format_version >= 3 && !manifest->deletes ? manifest->first_row_id : -1;
    TRY(tarn_iceberg_manifest_begin(cx, text, r.next_row_id >= 0, &avro, &file));
    TRY(walk_entries(cx, text, &r));
    TRY(tarn_avro_write_end(cx, &avro));
    TRY(tarn_iceberg_manifest_store(cx, w, (tarn_str){file.data, file.n}, &m));
    *out = m;
    return TARN_OK;
}

tarn_code tarn_iceberg_manifest_again(tarn_cx *cx, tarn_iceberg_writing *w, const char *location,
                                      const tarn_iceberg_manifest *manifest, tarn_iceberg_manifest *out) {
    tarn_auto_buf bytes = TARN_BUF(MANIFEST_MAX), file = TARN_BUF(MANIFEST_MAX);
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) avro = {0};
    tarn_iceberg_manifest m = {.spec_id = manifest->spec_id,
                               .deletes = manifest->deletes,
                               .sequence = w->sequence,
                               .min_sequence = w->sequence,
                               .added_snapshot_id = w->snapshot_id,
                               .ranges = manifest->ranges,
                               .n_ranges = manifest->n_ranges,
                               .first_row_id = -1};
    rewriting r = {.w = w, .from = manifest, .avro = &avro, .out = &m, .next_row_id = -1};
    tarn_str path;
    TRY(tarn_iceberg_path(cx, location, manifest->path, &path));
    TRY(tarn_iceberg_get(cx, w->table->store, path, NULL, &bytes));
    tarn_str text = {bytes.data, bytes.n};
    TRY(tarn_iceberg_manifest_begin(cx, text, false, &avro, &file));
    TRY(tarn_prefix(cx, walk_entries(cx, text, &r), "manifest %.*s", (int)path.n, path.p));
    TRY(tarn_avro_write_end(cx, &avro));
    if (m.added_files) TRY(tarn_iceberg_manifest_store(cx, w, (tarn_str){file.data, file.n}, &m));
    *out = m;
    return TARN_OK;
}
