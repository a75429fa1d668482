/* manifest.c: decodes manifest lists and the entries of manifests, by field id (1.4, 1.5). */
#include "format/iceberg/manifest.h"

enum { LIST_MAX = 1 << 30, MANIFEST_MAX = 1 << 30, MANIFESTS_MAX = 1 << 24, RANGES_MAX = 1000 };

/* Names that old writers gave the counts; ids are the rule, and these the fallback (1.4). */
static const struct {
    int32_t id;
    const char *name, *alias;
} LIST_FIELDS[] = {{500, "manifest_path", NULL},
                   {501, "manifest_length", NULL},
                   {502, "partition_spec_id", NULL},
                   {517, "content", NULL},
                   {515, "sequence_number", NULL},
                   {516, "min_sequence_number", NULL},
                   {503, "added_snapshot_id", NULL},
                   {504, "added_files_count", "added_data_files_count"},
                   {505, "existing_files_count", "existing_data_files_count"},
                   {506, "deleted_files_count", "deleted_data_files_count"},
                   {512, "added_rows_count", NULL},
                   {513, "existing_rows_count", NULL},
                   {514, "deleted_rows_count", NULL},
                   {507, "partitions", NULL},
                   {519, "key_metadata", NULL},
                   {520, "first_row_id", NULL}};

static int32_t list_field_id(const tarn_avro_field *f) {
    for (size_t i = 0; f->id < 0 && i < sizeof LIST_FIELDS / sizeof *LIST_FIELDS; i++) {
        bool alias = LIST_FIELDS[i].alias && tarn_str_is(f->name, LIST_FIELDS[i].alias);
        if (alias || tarn_str_is(f->name, LIST_FIELDS[i].name)) return LIST_FIELDS[i].id;
    }
    return f->id;
}

static tarn_str copy(tarn_arena *arena, tarn_str s) { return (tarn_str){tarn_arena_strndup(arena, s.p, s.n), s.n}; }

static void read_range(tarn_avro_cursor *c, const tarn_avro_type *record, tarn_arena *arena, tarn_iceberg_range *out) {
    tarn_iceberg_range r = {.null = true, .nan = true};
    tarn_str s;
    for (size_t i = 0; i < record->n_fields; i++) {
        const tarn_avro_field *f = &record->fields[i];
        switch (f->id) {
        case 509: tarn_avro_get_bool(c, f->type, &r.null); break;
        case 518: tarn_avro_get_bool(c, f->type, &r.nan); break;
        case 510:
            if (tarn_avro_get_str(c, f->type, &s)) r.low = copy(arena, s);
            break;
        case 511:
            if (tarn_avro_get_str(c, f->type, &s)) r.high = copy(arena, s);
            break;
        default: tarn_avro_skip(c, f->type);
        }
    }
    *out = r;
}

static void read_ranges(tarn_avro_cursor *c, const tarn_avro_type *type, tarn_arena *arena,
                        tarn_iceberg_manifest *out) {
    TARN_VEC(tarn_iceberg_range) ranges = {0};
    const tarn_avro_type *array = tarn_avro_enter(c, type);
    if (!array || array->kind != TARN_AVRO_ARRAY) return;
    for (int64_t left = 0; tarn_avro_item(c, array, &left);) {
        const tarn_avro_type *record = tarn_avro_enter(c, array->items);
        if (!record || record->kind != TARN_AVRO_RECORD || ranges.n >= RANGES_MAX) {
            c->wrong = "partition summaries are no records";
            return;
        }
        read_range(c, record, arena, TARN_PUSH(arena, &ranges));
    }
    out->ranges = ranges.at;
    out->n_ranges = ranges.n;
}

/* Of which nothing is said. */
static const tarn_iceberg_manifest unknown = {.spec_id = -1,
                                              .added_snapshot_id = -1,
                                              .added_files = -1,
                                              .existing_files = -1,
                                              .deleted_files = -1,
                                              .added_rows = -1,
                                              .existing_rows = -1,
                                              .deleted_rows = -1,
                                              .first_row_id = -1};

static void read_list_entry(tarn_avro_cursor *c, const tarn_avro_type *record, tarn_arena *arena,
                            tarn_iceberg_manifest *m) {
    int64_t spec = 0, content = 0;
    tarn_str s;
    *m = unknown;
    for (size_t i = 0; i < record->n_fields; i++) {
        const tarn_avro_type *type = record->fields[i].type;
        switch (list_field_id(&record->fields[i])) {
        case 500:
            if (tarn_avro_get_str(c, type, &s)) m->path = copy(arena, s);
            break;
        case 501: tarn_avro_get_long(c, type, &m->length); break;
        case 502: tarn_avro_get_long(c, type, &spec); break;
        case 517: tarn_avro_get_long(c, type, &content); break;
        case 515: tarn_avro_get_long(c, type, &m->sequence); break;
        case 516: tarn_avro_get_long(c, type, &m->min_sequence); break;
        case 503: tarn_avro_get_long(c, type, &m->added_snapshot_id); break;
        case 504: tarn_avro_get_long(c, type, &m->added_files); break;
        case 505: tarn_avro_get_long(c, type, &m->existing_files); break;
        case 506: tarn_avro_get_long(c, type, &m->deleted_files); break;
        case 512: tarn_avro_get_long(c, type, &m->added_rows); break;
        case 513: tarn_avro_get_long(c, type, &m->existing_rows); break;
        case 514: tarn_avro_get_long(c, type, &m->deleted_rows); break;
        case 507: read_ranges(c, type, arena, m); break;
        /* Empty key metadata is none (1.15). */
        case 519: m->encrypted = tarn_avro_get_str(c, type, &s) && s.n > 0; break;
        case 520: tarn_avro_get_long(c, type, &m->first_row_id); break;
        default: tarn_avro_skip(c, type);
        }
    }
    m->spec_id = (int32_t)spec;
    m->deletes = content == 1;
}

static tarn_code read_list(tarn_cx *cx, tarn_arena *arena, tarn_str bytes, tarn_iceberg_manifests *out) {
    tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
    TRY(tarn_avro_open(cx, cx->arena, bytes, &reader));
    const tarn_avro_type *record = reader.header->type;
    if (record->kind != TARN_AVRO_RECORD) return tarn_fail(cx, TARN_CORRUPT, "it holds no records");
    for (;;) {
        tarn_avro_cursor c;
        int64_t rows;
        TRY(tarn_avro_next_block(cx, &reader, &c, &rows));
        if (rows == 0) return TARN_OK;
        for (int64_t i = 0; i < rows; i++) {
            if (c.wrong || out->n >= MANIFESTS_MAX) break;
            read_list_entry(&c, record, arena, TARN_PUSH(arena, out));
        }
        TRY(tarn_avro_check(cx, &c));
        if (out->n >= MANIFESTS_MAX) return tarn_fail(cx, TARN_LIMIT, "more than %d manifests", MANIFESTS_MAX);
    }
}

/* Version 1 may name the manifests themselves; what a manifest list would say of them stays unknown. */
static tarn_code read_inline(tarn_cx *cx, tarn_arena *arena, const tarn_iceberg_version *version,
                             tarn_iceberg_manifests *out) {
    const tarn_json_value *list = NULL;
    TRY(tarn_json_parse(cx, cx->arena, version->manifests, TARN_JSON_DEPTH, &list));
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        tarn_str path = tarn_json_as_str(tarn_json_at(list, i));
        if (!path.p)
            return tarn_fail(cx, TARN_CORRUPT, "snapshot %lld: a manifest's path is no text", (long long)version->id);
        tarn_iceberg_manifest m = unknown;
        m.path = copy(arena, path);
        m.added_snapshot_id = version->id;
        *TARN_PUSH(arena, out) = m;
    }
    return TARN_OK;
}

/* Data first, each kind in its order. */
static void order(tarn_arena *arena, tarn_iceberg_manifests *list) {
    tarn_iceberg_manifest *sorted = TARN_NEW_ARRAY(arena, tarn_iceberg_manifest, list->n);
    size_t n = 0;
    for (int deletes = 0; deletes < 2; deletes++)
        for (size_t i = 0; i < list->n; i++)
            if (list->at[i].deletes == deletes) sorted[n++] = list->at[i];
    list->at = sorted;
    list->cap = n;
}

tarn_code tarn_iceberg_manifests_read(tarn_cx *cx, tarn_arena *arena, tarn_store *store, const tarn_iceberg_metadata *m,
                                      const tarn_iceberg_version *version, tarn_iceberg_manifests *out) {
    tarn_iceberg_manifests list = {0};
    if (!version->manifest_list.p && !version->manifests.p)
        return tarn_fail(cx, TARN_CORRUPT, "snapshot %lld has no manifest list", (long long)version->id);
    if (version->manifest_list.p) {
        tarn_auto_buf bytes = TARN_BUF(LIST_MAX);
        const tarn_json_value *text = NULL;
        tarn_str path;
        TRY(tarn_json_parse(cx, cx->arena, version->manifest_list, TARN_JSON_DEPTH, &text));
        TRY(tarn_iceberg_path(cx, m->location, tarn_json_as_str(text), &path));
        TRY(tarn_iceberg_get(cx, store, path, NULL, &bytes));
        TRY(tarn_prefix(cx, read_list(cx, arena, (tarn_str){bytes.data, bytes.n}, &list), "manifest list %.*s",
                        (int)path.n, path.p));
    } else {
        TRY(read_inline(cx, arena, version, &list));
    }
    for (size_t i = 0; i < list.n; i++)
        if (list.at[i].encrypted)
            return tarn_fail(cx, TARN_UNSUPPORTED, "manifest %.*s is encrypted, which is not supported",
                             (int)list.at[i].path.n, list.at[i].path.p);
    order(arena, &list);
    *out = list;
    return TARN_OK;
}

tarn_code tarn_iceberg_layout_of(tarn_cx *cx, const tarn_avro_header *header, tarn_iceberg_layout *out) {
    const tarn_avro_type *entry = header->type;
    const tarn_avro_field *file = entry->kind == TARN_AVRO_RECORD ? tarn_avro_field_by_id(entry, 2) : NULL;
    if (!file || !tarn_avro_field_by_id(file->type, 100) || !tarn_avro_field_by_id(entry, 0))
        return tarn_fail(cx, TARN_CORRUPT, "its records are no manifest entries");
    const tarn_avro_field *partition = tarn_avro_field_by_id(file->type, 102);
    *out = (tarn_iceberg_layout){.entry = entry, .partition = partition ? tarn_avro_unwrap(partition->type) : NULL};
    return TARN_OK;
}

static void take_stats(tarn_avro_cursor *c, const tarn_avro_type *type, tarn_iceberg_entry *e,
                       tarn_iceberg_stats which) {
    e->stats[which].at = c->p;
    e->stats[which].type = type;
    tarn_avro_skip(c, type);
}

static void read_enum(tarn_avro_cursor *c, const tarn_avro_type *type, int top, int *out) {
    int64_t v = 0;
    tarn_avro_get_long(c, type, &v);
    if (v < 0 || v > top) c->wrong = "a manifest entry's status or content is unknown";
    *out = (int)v;
}

static void read_file_field(tarn_avro_cursor *c, const tarn_avro_field *f, tarn_iceberg_entry *e) {
    const tarn_avro_type *type = f->type;
    int content = 0;
    tarn_str s;
    switch (f->id) {
    case 134:
        read_enum(c, type, TARN_ICEBERG_KEYS, &content);
        e->content = (tarn_iceberg_content)content;
        break;
    case 100: tarn_avro_get_str(c, type, &e->path); break;
    case 101: tarn_avro_get_str(c, type, &e->format); break;
    case 102:
        e->partition.p = c->p;
        tarn_avro_skip(c, type);
        e->partition.n = (size_t)(c->p - e->partition.p);
        break;
    case 103: tarn_avro_get_long(c, type, &e->rows); break;
    case 104: tarn_avro_get_long(c, type, &e->size); break;
    case 108: take_stats(c, type, e, TARN_ICEBERG_SIZES); break;
    case 109: take_stats(c, type, e, TARN_ICEBERG_VALUES); break;
    case 110: take_stats(c, type, e, TARN_ICEBERG_NULLS); break;
    case 137: take_stats(c, type, e, TARN_ICEBERG_NANS); break;
    case 125: take_stats(c, type, e, TARN_ICEBERG_LOWER); break;
    case 128: take_stats(c, type, e, TARN_ICEBERG_UPPER); break;
    case 131: e->encrypted = tarn_avro_get_str(c, type, &s) && s.n > 0; break;
    case 132:
        e->split_offsets.at = c->p, e->split_offsets.type = type;
        tarn_avro_skip(c, type);
        break;
    case 135:
        e->equality_ids.at = c->p, e->equality_ids.type = type;
        tarn_avro_skip(c, type);
        break;
    case 140: tarn_avro_get_long(c, type, &e->sort_order); break;
    case 142: tarn_avro_get_long(c, type, &e->first_row_id); break;
    case 143: tarn_avro_get_str(c, type, &e->referenced); break;
    case 144: tarn_avro_get_long(c, type, &e->offset); break;
    case 145: tarn_avro_get_long(c, type, &e->length); break;
    default: tarn_avro_skip(c, type);
    }
}

/* What is null is the manifest's; sequence numbers of files that were there before only where it has none (1.5). */
static void inherit(const tarn_iceberg_manifest *m, tarn_iceberg_entry *e) {
    bool added = e->status == TARN_ICEBERG_ADDED || m->sequence == 0;
    if (e->snapshot_id < 0) e->snapshot_id = m->added_snapshot_id;
    if (e->sequence < 0 && added) e->sequence = m->sequence;
    if (e->file_sequence < 0 && added) e->file_sequence = m->sequence;
}

void tarn_iceberg_entry_read(tarn_avro_cursor *c, const tarn_iceberg_layout *layout,
                             const tarn_iceberg_manifest *manifest, tarn_iceberg_entry *out) {
    const tarn_avro_type *record = layout->entry;
    tarn_iceberg_entry e = {.snapshot_id = -1,
                            .sequence = -1,
                            .file_sequence = -1,
                            .rows = -1,
                            .first_row_id = -1,
                            .offset = -1,
                            .length = -1,
                            .sort_order = -1};
    int status = 0;
    e.record.p = c->p;
    for (size_t i = 0; i < record->n_fields; i++) {
        const tarn_avro_field *f = &record->fields[i];
        const tarn_avro_type *file;
        switch (f->id) {
        case 0: read_enum(c, f->type, TARN_ICEBERG_DELETED, &status); break;
        case 1: tarn_avro_get_long(c, f->type, &e.snapshot_id); break;
        case 3: tarn_avro_get_long(c, f->type, &e.sequence); break;
        case 4: tarn_avro_get_long(c, f->type, &e.file_sequence); break;
        case 2:
            file = tarn_avro_enter(c, f->type);
            for (size_t k = 0; file && k < file->n_fields; k++) read_file_field(c, &file->fields[k], &e);
            break;
        default: tarn_avro_skip(c, f->type);
        }
    }
    e.record.n = (size_t)(c->p - e.record.p);
    e.status = (tarn_iceberg_status)status;
    inherit(manifest, &e);
    *out = e;
}

tarn_code tarn_iceberg_each_in(tarn_cx *cx, tarn_arena *arena, const tarn_iceberg_manifest *manifest, tarn_str bytes,
                               tarn_iceberg_each_fn *fn, void *state) {
    tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
    tarn_iceberg_layout layout;
    TRY(tarn_avro_open(cx, arena, bytes, &reader));
    TRY(tarn_iceberg_layout_of(cx, reader.header, &layout));
    for (;;) {
        tarn_avro_cursor c;
        int64_t rows;
        TRY(tarn_avro_next_block(cx, &reader, &c, &rows));
        if (rows == 0) return TARN_OK;
        for (int64_t i = 0; i < rows && !c.wrong; i++) {
            tarn_iceberg_entry e;
            tarn_iceberg_entry_read(&c, &layout, manifest, &e);
            if (!c.wrong) TRY(fn(cx, state, &layout, &e));
        }
        TRY(tarn_avro_check(cx, &c));
    }
}

tarn_code tarn_iceberg_each_entry(tarn_cx *cx, tarn_store *store, const char *location,
                                  const tarn_iceberg_manifest *manifest, tarn_iceberg_each_fn *fn, void *state) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_auto_buf bytes = TARN_BUF(MANIFEST_MAX);
    tarn_str key;
    TRY(tarn_check(cx));
    TRY(tarn_iceberg_path(cx, location, manifest->path, &key));
    TRY(tarn_iceberg_get(cx, store, key, NULL, &bytes));
    return tarn_prefix(cx, tarn_iceberg_each_in(cx, arena, manifest, (tarn_str){bytes.data, bytes.n}, fn, state),
                       "manifest %.*s", (int)key.n, key.p);
}

/* The value of a key in a map that Avro holds as an array of pairs; the cursor is left at the value. */
static const tarn_avro_type *find_stat(const tarn_iceberg_entry *e, tarn_iceberg_stats which, int32_t id,
                                       tarn_avro_cursor *c) {
    if (!e->stats[which].at) return NULL;
    *c = tarn_avro_cursor_of((tarn_str){e->stats[which].at, (size_t)(e->record.p + e->record.n - e->stats[which].at)});
    const tarn_avro_type *array = tarn_avro_enter(c, e->stats[which].type);
    if (!array || array->kind != TARN_AVRO_ARRAY || array->items->kind != TARN_AVRO_RECORD ||
        array->items->n_fields != 2)
        return NULL;
    const tarn_avro_field *key = &array->items->fields[0], *value = &array->items->fields[1];
    for (int64_t left = 0; tarn_avro_item(c, array, &left);) {
        int64_t k;
        if (tarn_avro_get_long(c, key->type, &k) && k == id) return value->type;
        tarn_avro_skip(c, value->type);
    }
    return NULL;
}

bool tarn_iceberg_stat_count(const tarn_iceberg_entry *e, tarn_iceberg_stats which, int32_t id, int64_t *out) {
    tarn_avro_cursor c;
    const tarn_avro_type *type = find_stat(e, which, id, &c);
    return type && tarn_avro_get_long(&c, type, out);
}

bool tarn_iceberg_stat_bound(const tarn_iceberg_entry *e, tarn_iceberg_stats which, int32_t id, tarn_str *out) {
    tarn_avro_cursor c;
    const tarn_avro_type *type = find_stat(e, which, id, &c);
    return type && tarn_avro_get_str(&c, type, out);
}
