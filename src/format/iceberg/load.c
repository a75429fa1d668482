/* load.c: reads a snapshot's manifests: each entry with its partition, and those that are wanted into memory. */
#include <stdlib.h>

#include "base/pool.h"
#include "format/iceberg/iceberg.h"

enum { MANIFEST_MAX = 1 << 30, KEY_MAX = 1 << 20 };

const tarn_iceberg_spec_use *tarn_iceberg_spec_use_of(const tarn_iceberg_snapshot *s, int32_t spec_id) {
    for (size_t i = 0; i < s->n_specs; i++)
        if (s->specs[i].spec->id == spec_id) return &s->specs[i];
    return NULL;
}

static tarn_code list_locked(tarn_cx *cx, tarn_iceberg_snapshot *s) {
    if (s->listed) return TARN_OK;
    tarn_iceberg_manifests list = {0};
    if (s->version)
        TRY(tarn_iceberg_manifests_read(cx, s->base.arena, s->base.table->store, &s->meta, s->version, &list));
    int64_t files = 0;
    s->slots = TARN_NEW_ARRAY(s->base.arena, tarn_iceberg_slot, list.n);
    for (size_t i = 0; i < list.n; i++) {
        const tarn_iceberg_manifest *m = &list.at[i];
        s->slots[i] = (tarn_iceberg_slot){.manifest = m, .first = files > 0 ? (uint32_t)files : 0};
        s->n_data += !m->deletes;
        if (m->deletes || files < 0) continue;
        bool known = m->added_files >= 0 && m->existing_files >= 0 &&
                     m->added_files + m->existing_files <= tarn_conf_int(cx->conf, TARN_LIMIT_FILES);
        files = known ? files + m->added_files + m->existing_files : -1;
    }
    s->n_slots = list.n;
    s->n_files = files;
    s->listed = true;
    return TARN_OK;
}

tarn_code tarn_iceberg_list(tarn_cx *cx, tarn_iceberg_snapshot *s) {
    pthread_mutex_lock(&s->lock);
    tarn_code code = list_locked(cx, s);
    pthread_mutex_unlock(&s->lock);
    return code;
}

/* A text that is the same for equal values alone. */
static void put_key(tarn_buf *key, const tarn_value *v) {
    tarn_buf_putc(key, v->null ? 'n' : 'v');
    if (v->null) return;
    switch (v->kind) {
    case TARN_BOOL: tarn_buf_putc(key, v->b ? 1 : 0); break;
    case TARN_FLOAT32:
    case TARN_FLOAT64: {
        double f = v->f != v->f ? __builtin_nan("") : v->f; /* one NaN for all (1.8) */
        tarn_buf_add(key, &f, sizeof f);
        break;
    }
    case TARN_DECIMAL: tarn_buf_add(key, &v->dec, sizeof v->dec); break;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
    case TARN_UUID:
        tarn_buf_add(key, &v->s.n, sizeof v->s.n);
        if (v->s.n) tarn_buf_add(key, v->s.p, v->s.n);
        break;
    default: tarn_buf_add(key, &v->i, sizeof v->i); break;
    }
}

static void own_text(tarn_arena *arena, tarn_value *v) {
    bool text = v->kind == TARN_STRING || v->kind == TARN_BINARY || v->kind == TARN_FIXED || v->kind == TARN_UUID;
    if (text && !v->null) v->s.p = tarn_arena_strndup(arena, v->s.n ? v->s.p : "", v->s.n);
}

static const tarn_iceberg_tuple *new_tuple(tarn_iceberg_snapshot *s, const tarn_iceberg_spec_use *use,
                                           const tarn_value *values) {
    tarn_arena *arena = s->base.arena;
    size_t n = use->spec->n_fields;
    tarn_value *own = TARN_NEW_ARRAY(arena, tarn_value, n),
               *shown = TARN_NEW_ARRAY(arena, tarn_value, s->base.n_partition + s->n_constants);
    tarn_iceberg_tuple *t = TARN_NEW(arena, tarn_iceberg_tuple);
    for (size_t i = 0; i < n; i++) {
        own[i] = values[i];
        own_text(arena, &own[i]);
    }
    for (size_t i = 0; i < s->base.n_partition + s->n_constants; i++)
        shown[i] = use->shown[i] >= 0 ? own[use->shown[i]] : (tarn_value){.kind = TARN_VOID, .null = true};
    *t = (tarn_iceberg_tuple){.spec_id = use->spec->id, .values = own, .shown = shown};
    *TARN_PUSH(arena, &s->tuple_list) = t;
    return t;
}

/* The tuple of these values, made when it is new. */
static tarn_code intern(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_spec_use *use,
                        const tarn_value *values, const tarn_iceberg_tuple **out) {
    tarn_auto_buf key = TARN_BUF(KEY_MAX);
    tarn_buf_add(&key, &use->spec->id, sizeof use->spec->id);
    for (size_t i = 0; i < use->spec->n_fields; i++) put_key(&key, &values[i]);
    if (!tarn_buf_ok(&key)) return tarn_fail(cx, TARN_LIMIT, "a partition's values are longer than 1 MB");
    pthread_mutex_lock(&s->lock);
    const tarn_iceberg_tuple *t = tarn_map_get(&s->tuples, (tarn_str){key.data, key.n});
    if (!t) {
        t = new_tuple(s, use, values);
        char *own = tarn_arena_strndup(s->base.arena, key.data, key.n);
        tarn_map_put(&s->tuples, s->base.arena, (tarn_str){own, key.n}, (void *)(uintptr_t)t);
    }
    pthread_mutex_unlock(&s->lock);
    *out = t;
    return TARN_OK;
}

static tarn_code decode_tuple(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_spec_use *use,
                              const tarn_iceberg_layout *layout, tarn_str bytes, const tarn_iceberg_tuple **out) {
    size_t n = use->spec->n_fields;
    tarn_value *values = TARN_NEW_ARRAY(cx->arena, tarn_value, n);
    tarn_avro_cursor c = tarn_avro_cursor_of(bytes);
    for (size_t i = 0; i < n; i++) values[i] = (tarn_value){.kind = TARN_VOID, .null = true};
    const tarn_avro_type *record = bytes.p && layout->partition ? layout->partition : NULL;
    for (size_t k = 0; record && record->kind == TARN_AVRO_RECORD && k < record->n_fields; k++) {
        const tarn_avro_field *f = &record->fields[k];
        size_t at = 0;
        while (at < n && use->spec->fields[at].field_id != f->id) at++;
        if (at < n && use->results[at])
            tarn_iceberg_partition_value(&c, f->type, use->results[at], &values[at]);
        else
            tarn_avro_skip(&c, f->type);
    }
    TRY(tarn_avro_check(cx, &c));
    return intern(cx, s, use, values, out);
}

static tarn_iceberg_file_format format_of(tarn_str name) {
    static const char *const names[] = {"parquet", "avro", "orc", "puffin"};
    for (int i = 0; i < 4; i++)
        if (tarn_str_ieq(name, tarn_str_of(names[i]))) return (tarn_iceberg_file_format)i;
    return TARN_ICEBERG_OTHER_FORMAT;
}

tarn_code tarn_iceberg_keep(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *entry, int64_t first_row_id,
                            const tarn_iceberg_tuple *tuple) {
    tarn_iceberg_snapshot *s = walk->s;
    tarn_iceberg_slot *slot = &s->slots[walk->slot];
    uint32_t ordinal = walk->ordinal;
    tarn_str key = TARN_KEY_OF(ordinal);
    pthread_mutex_lock(&s->lock);
    tarn_iceberg_file *f = slot->kept.n ? tarn_map_get(&slot->kept, key) : NULL;
    pthread_mutex_unlock(&s->lock);
    if (!f) {
        tarn_iceberg_entry e;
        walk->fresh = true;
        f = TARN_NEW(walk->keep, tarn_iceberg_file);
        *f = (tarn_iceberg_file){.manifest = slot->manifest, .layout = walk->layout, .tuple = tuple};
        char *own = tarn_arena_strndup(walk->keep, entry->record.p, entry->record.n);
        f->record = (tarn_str){own, entry->record.n};
        tarn_iceberg_entry_of(f, &e); /* the same, in memory that stays */
        f->recorded = e.path;
        f->sequence = e.sequence < 0 ? 0 : e.sequence;
        f->first_row_id = first_row_id;
        f->content = (uint8_t)e.content;
        f->format = (uint8_t)format_of(e.format);
        f->file = (tarn_file){.size = e.size < 0 ? 0 : e.size,
                              .mtime_ms = -1,
                              .rows = e.rows < 0 ? -1 : e.rows,
                              .partition = tuple->shown,
                              .other_layout = tuple->spec_id != s->meta.spec_id,
                              .sequence = f->sequence,
                              .first_row_id = first_row_id < s->row_ids_end ? first_row_id : -1,
                              .ordinal = slot->first + ordinal,
                              .entry = f};
        TRY(tarn_iceberg_path(cx, s->meta.location, e.path, &f->file.path));
    }
    *TARN_PUSH(cx->arena, &walk->files) = f;
    return TARN_OK;
}

void tarn_iceberg_entry_of(const tarn_iceberg_file *f, tarn_iceberg_entry *out) {
    tarn_avro_cursor c = tarn_avro_cursor_of(f->record);
    tarn_iceberg_entry_read(&c, f->layout, f->manifest, out);
}

/* A manifest's own word on its spec, for those that no manifest list describes. */
static int32_t spec_of(const tarn_iceberg_manifest *m, const tarn_avro_header *header) {
    int64_t id;
    if (m->spec_id >= 0) return m->spec_id;
    return tarn_parse_i64(tarn_avro_meta_get(header, "partition-spec-id"), &id) ? (int32_t)id : 0;
}

/* By its encoded form first: a manifest has few partitions and many files. */
static tarn_code find_tuple(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_spec_use *use, tarn_map *seen,
                            tarn_str bytes, const tarn_iceberg_tuple **out) {
    tarn_str key = bytes.p ? bytes : TARN_LIT("");
    const tarn_iceberg_tuple *found = tarn_map_get(seen, key);
    if (!found) {
        TRY(decode_tuple(cx, walk->s, use, walk->layout, bytes, &found));
        tarn_str own = {tarn_arena_strndup(cx->arena, key.p, key.n), key.n};
        tarn_map_put(seen, cx->arena, own, (void *)(uintptr_t)found);
    }
    *out = found;
    return TARN_OK;
}

static tarn_code walk_entry(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_spec_use *use, tarn_map *seen,
                            const tarn_iceberg_entry *e, int64_t *next_row_id) {
    const tarn_iceberg_tuple *tuple = NULL;
    int64_t first_row_id = e->first_row_id;
    if (!e->path.p) return tarn_fail(cx, TARN_CORRUPT, "an entry has no file_path");
    if (e->encrypted)
        return tarn_fail(cx, TARN_UNSUPPORTED, "file %.*s is encrypted, which is not supported", (int)e->path.n,
                         e->path.p);
    if (e->status == TARN_ICEBERG_DELETED && !walk->deleted) return TARN_OK;
    /* Row ids count on through the files that have none of their own (1.5). */
    if (e->status != TARN_ICEBERG_DELETED && first_row_id < 0 && *next_row_id >= 0) {
        first_row_id = *next_row_id;
        if (__builtin_add_overflow(*next_row_id, e->rows > 0 ? e->rows : 0, next_row_id)) *next_row_id = -1;
    }
    TRY(find_tuple(cx, walk, use, seen, e->partition, &tuple));
    TRY(walk->fn(cx, walk, e, first_row_id, tuple));
    walk->ordinal++;
    return TARN_OK;
}

static const tarn_iceberg_manifest *manifest_of(const tarn_iceberg_walk *walk) {
    return walk->manifest ? walk->manifest : walk->s->slots[walk->slot].manifest;
}

static tarn_code walk_blocks(tarn_cx *cx, tarn_iceberg_walk *walk, tarn_avro_reader *reader) {
    const tarn_iceberg_manifest *m = manifest_of(walk);
    const tarn_iceberg_spec_use *use = tarn_iceberg_spec_use_of(walk->s, spec_of(m, reader->header));
    int64_t next_row_id = m->deletes ? -1 : m->first_row_id;
    tarn_map seen = {0};
    if (!use)
        return tarn_fail(cx, TARN_CORRUPT, "partition spec %d is not in the metadata", spec_of(m, reader->header));
    for (;;) {
        tarn_avro_cursor c;
        int64_t rows;
        TRY(tarn_avro_next_block(cx, reader, &c, &rows));
        if (rows == 0) return TARN_OK;
        for (int64_t i = 0; i < rows; i++) {
            tarn_iceberg_entry e;
            tarn_iceberg_entry_read(&c, walk->layout, m, &e);
            if (c.wrong) break;
            TRY(walk_entry(cx, walk, use, &seen, &e, &next_row_id));
        }
        TRY(tarn_avro_check(cx, &c));
    }
}

static tarn_code walk_bytes(tarn_cx *cx, tarn_iceberg_walk *walk, tarn_str bytes) {
    tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
    TRY(tarn_avro_open(cx, walk->keep, bytes, &reader));
    walk->layout = TARN_NEW(walk->keep, tarn_iceberg_layout);
    TRY(tarn_iceberg_layout_of(cx, reader.header, walk->layout));
    return walk_blocks(cx, walk, &reader);
}

tarn_code tarn_iceberg_walk_manifest(tarn_cx *cx, tarn_iceberg_walk *walk) {
    const tarn_iceberg_manifest *m = manifest_of(walk);
    tarn_auto_buf bytes = TARN_BUF(MANIFEST_MAX);
    tarn_str path;
    TRY(tarn_iceberg_path(cx, walk->s->meta.location, m->path, &path));
    TRY(tarn_iceberg_get(cx, walk->s->base.table->store, path, NULL, &bytes));
    return tarn_prefix(cx, walk_bytes(cx, walk, (tarn_str){bytes.data, bytes.n}), "manifest %.*s", (int)path.n, path.p);
}

typedef struct loading {
    tarn_iceberg_snapshot *s;
    size_t from;
} loading;

static tarn_code load_slot(tarn_cx *cx, size_t i, void *state) {
    loading *l = state;
    tarn_iceberg_snapshot *s = l->s;
    tarn_iceberg_slot *slot = &s->slots[l->from + i];
    if (slot->loaded) return TARN_OK;
    tarn_auto(tarn_arena *, tarn_arena_freep) keep = tarn_arena_new();
    tarn_iceberg_walk walk = {.s = s, .slot = l->from + i, .keep = keep, .fn = tarn_iceberg_keep};
    TRY(tarn_iceberg_walk_manifest(cx, &walk));
    tarn_iceberg_file **files = TARN_NEW_ARRAY(keep, tarn_iceberg_file *, walk.files.n);
    if (walk.files.n) memcpy(files, walk.files.at, walk.files.n * sizeof *files);
    pthread_mutex_lock(&s->lock);
    tarn_arena_adopt(s->base.arena, keep);
    keep = NULL;
    slot->files.at = files;
    slot->files.n = walk.files.n;
    slot->loaded = true;
    pthread_mutex_unlock(&s->lock);
    return TARN_OK;
}

tarn_code tarn_iceberg_load(tarn_cx *cx, tarn_iceberg_snapshot *s, size_t from, size_t to) {
    loading l = {s, from};
    bool all = true;
    TRY(tarn_iceberg_list(cx, s));
    pthread_mutex_lock(&s->load_lock);
    pthread_mutex_lock(&s->lock);
    for (size_t i = from; i < to && all; i++) all = s->slots[i].loaded;
    pthread_mutex_unlock(&s->lock);
    tarn_code code = all ? TARN_OK : tarn_pool_run(cx, to - from, load_slot, &l);
    pthread_mutex_unlock(&s->load_lock);
    return code;
}
