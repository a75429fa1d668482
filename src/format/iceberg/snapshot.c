/* snapshot.c: opens a version of an Iceberg table, and the format's vtable. */
#include "base/time.h"

#include "format/iceberg/deletes.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

const tarn_field *tarn_iceberg_any_field(tarn_cx *cx, tarn_iceberg_snapshot *s, int32_t id) {
    const tarn_field *f = tarn_iceberg_field(s->base.schema, id, NULL);
    for (size_t i = s->meta.schemas.n; !f && i-- > 0;) {
        pthread_mutex_lock(&s->lock);
        if (!s->schemas[i]) {
            tarn_schema *schema = NULL;
            if (tarn_iceberg_schema_parse(cx, s->base.arena, s->meta.schemas.at[i].json, &schema) == TARN_OK)
                s->schemas[i] = schema;
            else
                tarn_clear_error(cx); /* an old schema that cannot be read explains nothing */
        }
        const tarn_schema *schema = s->schemas[i];
        pthread_mutex_unlock(&s->lock);
        if (schema) f = tarn_iceberg_field(schema, id, NULL);
    }
    return f;
}

/* "s.a" of the member in the type that has the id. */
static const char *path_to(tarn_arena *arena, const tarn_type *type, int32_t id, const char *before) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const char *path = tarn_arena_printf(arena, "%s.%s", before, f->name);
        if (f->id == id) return path;
        path = path_to(arena, f->type, id, path);
        if (path) return path;
    }
    return NULL;
}

/* The partition fields callers see: those of the default spec whose source is a column, or inside one. */
static void show_partition(tarn_cx *cx, tarn_iceberg_snapshot *s) {
    tarn_snapshot *b = &s->base;
    const tarn_iceberg_spec *spec = tarn_iceberg_spec_find(&s->meta, s->meta.spec_id);
    tarn_partition_field *fields = TARN_NEW_ARRAY(b->arena, tarn_partition_field, spec->n_fields);
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_iceberg_spec_field *f = &spec->fields[i];
        int column = -1;
        const tarn_field *source = tarn_iceberg_field(b->schema, f->source_id, &column);
        if (f->transform == TARN_VOID_TRANSFORM || !source) continue;
        const tarn_field *top = &b->schema->fields[column];
        const char *path = source == top ? NULL : path_to(b->arena, top->type, f->source_id, top->name);
        bool own_name = tarn_iceberg_own_name(cx, f, path ? path : top->name);
        fields[b->n_partition++] = (tarn_partition_field){f->name, column, path, f->transform, f->param, own_name};
    }
    b->partition = fields;
}

static bool is_constant(const tarn_iceberg_snapshot *s, int32_t id) {
    bool found = false;
    for (size_t i = 0; i < s->n_constants && !found; i++) found = s->constants[i] == id;
    return found;
}

/* Columns that some spec has partitions of by their own values: files may lack them (1.2). In the order of the specs,
 * so that snapshots of one table agree about the places whatever became of its columns. */
static void find_constants(tarn_iceberg_snapshot *s) {
    size_t most = 0;
    for (size_t i = 0; i < s->meta.specs.n; i++) most += s->meta.specs.at[i].n_fields;
    s->constants = TARN_NEW_ARRAY(s->base.arena, int32_t, most);
    for (size_t i = 0; i < s->meta.specs.n; i++) {
        const tarn_iceberg_spec *spec = &s->meta.specs.at[i];
        for (size_t k = 0; k < spec->n_fields; k++)
            if (spec->fields[k].transform == TARN_IDENTITY && !is_constant(s, spec->fields[k].source_id))
                s->constants[s->n_constants++] = spec->fields[k].source_id;
    }
    s->base.n_more = s->n_constants;
}

static const tarn_type *result_type(tarn_arena *arena, const tarn_iceberg_spec_field *f, const tarn_type *source) {
    tarn_kind kind = tarn_transform_kind(f->transform, source->kind);
    return kind == source->kind ? source : tarn_type_new(arena, kind);
}

/* The place in `spec` of a field that is the same: by its id, or, for constants, by its source. */
static int place_of(const tarn_iceberg_spec *spec, int32_t field_id, int32_t identity_of) {
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_iceberg_spec_field *f = &spec->fields[i];
        if (field_id >= 0 ? f->field_id == field_id : f->transform == TARN_IDENTITY && f->source_id == identity_of)
            return (int)i;
    }
    return -1;
}

static void use_spec(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_spec *spec, tarn_iceberg_spec_use *out) {
    tarn_arena *arena = s->base.arena;
    const tarn_iceberg_spec *current = tarn_iceberg_spec_find(&s->meta, s->meta.spec_id);
    *out = (tarn_iceberg_spec_use){.spec = spec};
    out->results = TARN_NEW_ARRAY(arena, const tarn_type *, spec->n_fields);
    out->shown = TARN_NEW_ARRAY(arena, int, s->base.n_partition + s->n_constants);
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_field *source = tarn_iceberg_any_field(cx, s, spec->fields[i].source_id);
        if (source) out->results[i] = result_type(arena, &spec->fields[i], source->type);
    }
    size_t at = 0;
    for (size_t i = 0; i < s->base.n_partition; i++) {
        while (strcmp(current->fields[at].name, s->base.partition[i].name) != 0) at++;
        out->shown[i] = place_of(spec, current->fields[at].field_id, -1);
    }
    for (size_t i = 0; i < s->n_constants; i++)
        out->shown[s->base.n_partition + i] = place_of(spec, -1, s->constants[i]);
}

/* Rules that Iceberg has no place for are properties of ours, with columns by their ids; other engines do not know
 * them.
 */
static void take_rules(tarn_iceberg_snapshot *s, tarn_schema *schema) {
    tarn_snapshot *b = &s->base;
    const tarn_iceberg_metadata *m = &s->meta;
    tarn_pair *rest = TARN_NEW_ARRAY(b->arena, tarn_pair, m->properties.n + 1);
    tarn_pair *checks = TARN_NEW_ARRAY(b->arena, tarn_pair, m->properties.n);
    for (size_t i = 0; i < m->properties.n; i++) {
        const tarn_pair *p = &m->properties.at[i];
        tarn_str name = tarn_str_of(p->name);
        bool given = tarn_str_starts(name, TARN_ICEBERG_DEFAULT), made = tarn_str_starts(name, TARN_ICEBERG_GENERATED);
        if (tarn_str_starts(name, TARN_ICEBERG_CHECK))
            checks[b->n_checks++] = (tarn_pair){p->name + strlen(TARN_ICEBERG_CHECK), p->value};
        else if (!given && !made && !tarn_str_starts(name, TARN_ICEBERG_TXN) && !tarn_str_is(name, "comment") &&
                 !tarn_str_is(name, TARN_ICEBERG_VERSION))
            rest[b->n_properties++] = *p;
        int64_t id;
        size_t prefix = strlen(given ? TARN_ICEBERG_DEFAULT : TARN_ICEBERG_GENERATED);
        if ((!given && !made) || !tarn_parse_i64(tarn_str_of(p->name + prefix), &id)) continue;
        for (size_t k = 0; k < schema->n_fields; k++) {
            if (schema->fields[k].id != id) continue;
            if (given) schema->fields[k].default_sql = p->value;
            if (made) schema->fields[k].generated_sql = p->value;
        }
    }
    rest[b->n_properties++] = (tarn_pair){TARN_ICEBERG_VERSION, tarn_arena_printf(b->arena, "%d", m->format_version)};
    b->properties = rest;
    b->checks = checks;
}

/* 1.9: from version 3 on. */
static void show_row_ids(tarn_snapshot *b) {
    static const struct {
        const char *name;
        int32_t id;
    } columns[] = {{"_row_id", 2147483540}, {"_last_updated_sequence_number", 2147483539}};
    tarn_field *fields = TARN_NEW_ARRAY(b->arena, tarn_field, 2);
    for (int i = 0; i < 2; i++)
        fields[i] = (tarn_field){.name = columns[i].name,
                                 .physical = columns[i].name,
                                 .type = tarn_type_new(b->arena, TARN_INT64),
                                 .nullable = true,
                                 .id = columns[i].id};
    b->row_ids = fields;
}

/* From the metadata to what callers see. */
static tarn_code fill(tarn_cx *cx, tarn_iceberg_snapshot *s, int32_t schema_id) {
    tarn_snapshot *b = &s->base;
    const tarn_iceberg_metadata *m = &s->meta;
    tarn_schema *schema = NULL;
    TRY(tarn_iceberg_schema_by_id(cx, b->arena, m, schema_id, &schema));
    b->schema = schema;
    s->schema_id = schema_id;
    b->version = !s->version ? 0 : s->version->sequence > 0 ? s->version->sequence : s->version->id;
    b->own_id = s->version ? s->version->id : -1;
    b->timestamp_ms = s->version ? s->version->timestamp_ms : m->last_updated_ms;
    b->id = m->uuid;
    b->created_ms = m->versions.n ? m->versions.at[0].timestamp_ms : m->last_updated_ms;
    take_rules(s, schema);
    b->comment = tarn_iceberg_property(m, "comment");
    s->name_mapping = tarn_iceberg_property(m, TARN_ICEBERG_NAME_MAPPING);
    s->schemas = TARN_NEW_ARRAY(b->arena, const tarn_schema *, m->schemas.n);
    if (m->format_version >= 3) show_row_ids(b);
    show_partition(cx, s);
    tarn_iceberg_read_order(cx, s);
    find_constants(s);
    s->specs = TARN_NEW_ARRAY(b->arena, tarn_iceberg_spec_use, m->specs.n);
    for (size_t i = 0; i < m->specs.n; i++) use_spec(cx, s, &m->specs.at[i], &s->specs[i]);
    s->n_specs = m->specs.n;
    return TARN_OK;
}

static tarn_iceberg_snapshot *new_snapshot(const tarn_table *table) {
    tarn_iceberg_snapshot *s = (tarn_iceberg_snapshot *)tarn_snapshot_new(table, sizeof(tarn_iceberg_snapshot));
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->load_lock, NULL);
    s->n_files = -1;
    s->row_ids_end = INT64_MAX;
    return s;
}

static tarn_code find_key(tarn_cx *cx, const tarn_table *table, const char **out) {
    *out = table->file;
    if (!*out && table->committer) TRY(table->committer->load(cx, table->committer->state, out));
    return *out ? TARN_OK : tarn_iceberg_locate(cx, table->store, cx->arena, out);
}

/* The metadata, that of `prev` where the file is still the same one. */
static tarn_code take_metadata(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_snapshot *prev) {
    const char *key = NULL;
    tarn_stat stat;
    TRY(find_key(cx, s->base.table, &key));
    TRY(tarn_store_head(cx, s->base.table->store, key, &stat));
    const tarn_iceberg_snapshot *old = prev ? tarn_iceberg_of(prev) : NULL;
    memcpy(s->etag, stat.etag, sizeof s->etag);
    s->key = tarn_arena_strdup(s->base.arena, key);
    s->base.pointer = s->key;
    if (old && stat.etag[0] && !strcmp(old->key, key) && !strcmp(old->etag, stat.etag)) {
        s->meta = old->meta;
        s->holds = tarn_snapshot_retain(old->holds ? old->holds : prev);
        return TARN_OK;
    }
    tarn_str text;
    TRY(tarn_iceberg_read_metadata(cx, s->base.table->store, key, s->base.arena, &text));
    return tarn_prefix(cx, tarn_iceberg_metadata_parse(cx, s->base.arena, text, &s->meta), "%s", key);
}

static tarn_code at_version(tarn_cx *cx, tarn_iceberg_snapshot *s, int64_t version) {
    const tarn_iceberg_metadata *m = &s->meta;
    s->version = tarn_iceberg_version_at(m, version);
    bool created = version == 0 && (m->format_version > 1 || !m->versions.n); /* 0: as it was created */
    if (s->version || created) return TARN_OK;
    if (!m->versions.n)
        return tarn_fail(cx, TARN_NOTFOUND, "version %lld does not exist: it has no snapshots", (long long)version);
    const tarn_iceberg_version *first = &m->versions.at[0], *last = &m->versions.at[m->versions.n - 1];
    return tarn_fail(cx, TARN_NOTFOUND,
                     "version %lld does not exist: no snapshot has this id or sequence number; there are %zu, from "
                     "%lld (sequence number %lld) to %lld (%lld)",
                     (long long)version, m->versions.n, (long long)first->id, (long long)first->sequence,
                     (long long)last->id, (long long)last->sequence);
}

/* By the snapshot log, which says what was current when (1.9). */
static tarn_code at_timestamp(tarn_cx *cx, tarn_iceberg_snapshot *s, int64_t us) {
    const tarn_iceberg_metadata *m = &s->meta;
    int64_t id = -1, best = INT64_MIN, first = INT64_MAX;
    for (size_t i = 0; i < m->snapshot_log.n; i++) {
        const tarn_iceberg_log_entry *e = &m->snapshot_log.at[i];
        if (e->timestamp_ms < first) first = e->timestamp_ms;
        if (e->timestamp_ms <= us / 1000 && e->timestamp_ms >= best) best = e->timestamp_ms, id = e->snapshot_id;
    }
    for (size_t i = 0; !m->snapshot_log.n && i < m->versions.n; i++) {
        const tarn_iceberg_version *v = &m->versions.at[i];
        if (v->timestamp_ms < first) first = v->timestamp_ms;
        if (v->timestamp_ms <= us / 1000 && v->timestamp_ms >= best) best = v->timestamp_ms, id = v->id;
    }
    s->version = id >= 0 ? tarn_iceberg_version_find(m, id) : NULL;
    if (s->version) return TARN_OK;
    if (id >= 0) return tarn_fail(cx, TARN_NOTFOUND, "snapshot %lld of that time is expired", (long long)id);
    if (first == INT64_MAX) return tarn_fail(cx, TARN_NOTFOUND, "it has no snapshots");
    char text[TARN_TIME_TEXT];
    tarn_format_timestamp(first * 1000, ' ', 3, "Z", text);
    return tarn_fail(cx, TARN_NOTFOUND, "nothing is as old as that; the first version there is is of %s", text);
}

/* A branch reads with the table's schema and can be written, a tag reads with the snapshot's. */
static tarn_code at_ref(tarn_cx *cx, tarn_iceberg_snapshot *s, const char *name, bool *branch) {
    const tarn_iceberg_metadata *m = &s->meta;
    const tarn_iceberg_ref *ref = tarn_iceberg_ref_find(m, name);
    int64_t version;
    *branch = ref && ref->branch;
    if (!ref && tarn_parse_i64(tarn_str_of(name), &version)) return at_version(cx, s, version);
    if (*branch && strcmp(name, "main") != 0) s->base.branch = tarn_arena_strdup(s->base.arena, name);
    if (ref && !*branch) s->base.read_only = tarn_arena_printf(s->base.arena, "%s is a tag", name);
    if (ref) {
        s->version = tarn_iceberg_version_find(m, ref->snapshot_id);
        if (s->version) return TARN_OK;
        return tarn_fail(cx, TARN_CORRUPT, "%s points to snapshot %lld, which is not there", name,
                         (long long)ref->snapshot_id);
    }
    tarn_auto_buf names = TARN_BUF(4096);
    for (size_t i = 0; i < m->refs.n; i++) tarn_buf_printf(&names, "%s%s", i ? ", " : "", m->refs.at[i].name);
    return tarn_fail(cx, TARN_NOTFOUND, "there is no branch or tag \"%s\"; there is %s", name,
                     names.n ? names.data : "none");
}

static tarn_code choose(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_at *at, int32_t *schema_id) {
    bool current = false;
    *schema_id = s->meta.schema_id;
    switch (at->kind) {
    case TARN_AT_LATEST:
        current = true;
        s->version = tarn_iceberg_version_find(&s->meta, s->meta.snapshot_id);
        break;
    case TARN_AT_VERSION: TRY(at_version(cx, s, at->version)); break;
    case TARN_AT_TIMESTAMP: TRY(at_timestamp(cx, s, at->timestamp_us)); break;
    case TARN_AT_REF: TRY(at_ref(cx, s, at->ref, &current)); break;
    }
    if (!current && s->version && s->version->schema_id >= 0) *schema_id = s->version->schema_id;
    return TARN_OK;
}

tarn_code tarn_iceberg_open_text(tarn_cx *cx, const tarn_table *table, const char *key, tarn_str text,
                                 const char *branch, tarn_snapshot **out) {
    tarn_at at = {.kind = branch ? TARN_AT_REF : TARN_AT_LATEST, .ref = branch};
    tarn_iceberg_snapshot *s = new_snapshot(table);
    int32_t schema_id;
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &s->base;
    tarn_arena *arena = s->base.arena;
    s->key = tarn_arena_strdup(arena, key);
    s->base.pointer = s->key;
    text.p = tarn_arena_strndup(arena, text.p, text.n);
    TRY(tarn_prefix(cx, tarn_iceberg_metadata_parse(cx, arena, text, &s->meta), "%s", key));
    TRY(choose(cx, s, &at, &schema_id));
    TRY(fill(cx, s, schema_id));
    *out = held;
    held = NULL;
    return TARN_OK;
}

static tarn_code open_at(tarn_cx *cx, const tarn_table *table, const tarn_at *at, tarn_snapshot *prev,
                         tarn_snapshot **out) {
    tarn_iceberg_snapshot *s = new_snapshot(table);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &s->base;
    int32_t schema_id;
    TRY(take_metadata(cx, s, prev));
    if (s->holds && at->kind == TARN_AT_LATEST) {
        *out = tarn_snapshot_retain(prev);
        return TARN_OK;
    }
    TRY(choose(cx, s, at, &schema_id));
    TRY(fill(cx, s, schema_id));
    *out = held;
    held = NULL;
    return TARN_OK;
}

tarn_code tarn_iceberg_open_like(tarn_cx *cx, tarn_iceberg_snapshot *like, const tarn_iceberg_version *version,
                                 tarn_snapshot **out) {
    tarn_iceberg_snapshot *s = new_snapshot(like->base.table);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &s->base;
    s->meta = like->meta;
    s->holds = tarn_snapshot_retain(like->holds ? like->holds : &like->base);
    s->key = like->key;
    s->base.pointer = like->key;
    s->version = version;
    s->row_ids_end = like->row_ids_end;
    TRY(fill(cx, s, like->schema_id));
    *out = held;
    held = NULL;
    return TARN_OK;
}

static void free_snapshot(tarn_snapshot *snapshot) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    tarn_iceberg_deletes_free(s);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->load_lock);
    tarn_snapshot_release(s->holds);
    tarn_arena_free(snapshot->arena);
}

static tarn_code detect(tarn_cx *cx, tarn_store *store, bool *found) {
    const char *key = NULL;
    tarn_code code = tarn_iceberg_locate(cx, store, cx->arena, &key);
    *found = code == TARN_OK;
    if (code == TARN_NOTFOUND) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    return code;
}

extern const tarn_format tarn_format_iceberg;
const tarn_format tarn_format_iceberg = {
    .name = "iceberg",
    .title = "Iceberg",
    .data_folder = "data",
    .data_prefix = "",
    .file_size_property = TARN_ICEBERG_FILE_SIZE,
    .compression_property = TARN_ICEBERG_COMPRESSION,
    .features = TARN_IN_CATALOG | TARN_CAN_WRITE | TARN_CAN_RENAME | TARN_CAN_BRANCH | TARN_CAN_APP_TRANSACTIONS |
                TARN_CAN_ROW_DELETES | TARN_HOLDS_PARTITIONS | TARN_CAN_TRANSFORM | TARN_CAN_SORT |
                TARN_CAN_REGROUP | TARN_CAN_FILL | TARN_CAN_FIND,
    .names_file = tarn_iceberg_names_file,
    .view = tarn_iceberg_view,
    .detect = detect,
    .open = open_at,
    .free = free_snapshot,
    .count = tarn_iceberg_count,
    .files = tarn_iceberg_files,
    .groups = tarn_iceberg_groups,
    .bounds = tarn_iceberg_bounds,
    .deleted = tarn_iceberg_deleted,
    .fetch_deleted = tarn_iceberg_fetch_deleted,
    .history = tarn_iceberg_history,
    .detail = tarn_iceberg_detail,
    .metadata_table = tarn_iceberg_metadata_table,
    .app_version = tarn_iceberg_app_version,
    .changes = tarn_iceberg_changes,
    .like = tarn_iceberg_like,
    .prepare = tarn_iceberg_prepare,
    .commit = tarn_iceberg_commit,
    .rebase = tarn_iceberg_rebase,
    .apply = tarn_iceberg_apply,
    .marks_rows = tarn_iceberg_marks_rows,
    .write_deletes = tarn_iceberg_write_deletes,
    .marked = tarn_iceberg_marked,
    .ancestors = tarn_iceberg_ancestors,
    .pick = tarn_iceberg_pick,
    .maintain = tarn_iceberg_maintain,
    .needed = tarn_iceberg_needed,
    .retention_ms = tarn_iceberg_retention_ms,
    .unneeded = tarn_iceberg_unneeded,
};
