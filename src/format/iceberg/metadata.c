/* metadata.c: parses a table's metadata file in one pass; snapshots and schemas are only noted (1.1). */
#include "format/iceberg/metadata.h"

#include "model/transform.h"

enum { VERSION_MAX = 3, FIRST_PARTITION_ID = 1000 };

/* null counts as absent everywhere. */
static tarn_code read_id(tarn_cx *cx, tarn_json *r, int32_t *out) {
    int64_t v = *out;
    TRY(tarn_json_int_or_null(cx, r, &v));
    if (v < INT32_MIN || v > INT32_MAX) return tarn_json_fail(cx, r, "%lld is no id", (long long)v);
    *out = (int32_t)v;
    return TARN_OK;
}

/* In range as microseconds too. */
static tarn_code read_time(tarn_cx *cx, tarn_json *r, int64_t *out) {
    int64_t ms;
    TRY(tarn_json_int(cx, r, &ms));
    if (ms < INT64_MIN / 1000 || ms > INT64_MAX / 1000)
        return tarn_json_fail(cx, r, "%lld is no time in milliseconds", (long long)ms);
    *out = ms;
    return TARN_OK;
}

static tarn_code read_text(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const char **out) {
    tarn_str s;
    TRY(tarn_json_string_or_null(cx, r, arena, &s));
    if (s.p) *out = tarn_arena_strndup(arena, s.p, s.n);
    return TARN_OK;
}

static tarn_code raw_or_null(tarn_cx *cx, tarn_json *r, tarn_str *out) {
    bool null = r->kind == TARN_JSON_NULL;
    tarn_str raw;
    TRY(tarn_json_raw(cx, r, &raw));
    if (!null) *out = raw;
    return TARN_OK;
}

static tarn_code read_version(tarn_cx *cx, tarn_json *r, tarn_iceberg_version *out) {
    tarn_iceberg_version v = {.id = -1, .parent = -1, .first_row_id = -1, .added_rows = -1, .schema_id = -1};
    const char *begin = r->token;
    TRY(tarn_json_expect_object(cx, r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "snapshot-id"))
            TRY(tarn_json_int(cx, r, &v.id));
        else if (tarn_str_is(key, "parent-snapshot-id"))
            TRY(tarn_json_int_or_null(cx, r, &v.parent));
        else if (tarn_str_is(key, "sequence-number"))
            TRY(tarn_json_int_or_null(cx, r, &v.sequence));
        else if (tarn_str_is(key, "timestamp-ms"))
            TRY(read_time(cx, r, &v.timestamp_ms));
        else if (tarn_str_is(key, "first-row-id"))
            TRY(tarn_json_int_or_null(cx, r, &v.first_row_id));
        else if (tarn_str_is(key, "added-rows"))
            TRY(tarn_json_int_or_null(cx, r, &v.added_rows));
        else if (tarn_str_is(key, "schema-id"))
            TRY(read_id(cx, r, &v.schema_id));
        else if (tarn_str_is(key, "manifest-list"))
            TRY(raw_or_null(cx, r, &v.manifest_list));
        else if (tarn_str_is(key, "manifests"))
            TRY(raw_or_null(cx, r, &v.manifests));
        else
            TRY(tarn_json_skip(cx, r));
    }
    if (v.id < 0) return tarn_json_fail(cx, r, "a snapshot has no snapshot-id");
    v.json = (tarn_str){begin, (size_t)(r->p - begin)};
    *out = v;
    return TARN_OK;
}

static tarn_code read_versions(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_iceberg_metadata *m) {
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_array(cx, r));
    for (bool more;;) {
        TRY(tarn_json_element(cx, r, &more));
        if (!more) return TARN_OK;
        tarn_iceberg_version v;
        TRY(read_version(cx, r, &v));
        *TARN_PUSH(arena, &m->versions) = v;
        if (m->versions.n % 1024 == 0) TRY(tarn_check(cx));
    }
}

static tarn_code read_schemas(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_iceberg_metadata *m) {
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_array(cx, r));
    for (bool more;;) {
        TRY(tarn_json_element(cx, r, &more));
        if (!more) return TARN_OK;
        tarn_iceberg_schema s = {0};
        const char *begin = r->token;
        TRY(tarn_json_expect_object(cx, r));
        for (bool fields;;) {
            tarn_str key;
            TRY(tarn_json_field(cx, r, &key, &fields));
            if (!fields) break;
            if (tarn_str_is(key, "schema-id"))
                TRY(read_id(cx, r, &s.id));
            else
                TRY(tarn_json_skip(cx, r));
        }
        s.json = (tarn_str){begin, (size_t)(r->p - begin)};
        *TARN_PUSH(arena, &m->schemas) = s;
    }
}

static tarn_code read_log(tarn_cx *cx, tarn_json *r, tarn_arena *arena, bool files, tarn_iceberg_metadata *m) {
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_array(cx, r));
    for (bool more;;) {
        TRY(tarn_json_element(cx, r, &more));
        if (!more) return TARN_OK;
        tarn_iceberg_log_entry e = {.snapshot_id = -1};
        TRY(tarn_json_expect_object(cx, r));
        for (bool fields;;) {
            tarn_str key;
            TRY(tarn_json_field(cx, r, &key, &fields));
            if (!fields) break;
            if (tarn_str_is(key, "timestamp-ms"))
                TRY(read_time(cx, r, &e.timestamp_ms));
            else if (!files && tarn_str_is(key, "snapshot-id"))
                TRY(tarn_json_int(cx, r, &e.snapshot_id));
            else if (files && tarn_str_is(key, "metadata-file"))
                TRY(read_text(cx, r, arena, &e.file));
            else
                TRY(tarn_json_skip(cx, r));
        }
        if (files)
            *TARN_PUSH(arena, &m->metadata_log) = e;
        else
            *TARN_PUSH(arena, &m->snapshot_log) = e;
    }
}

static tarn_code read_properties(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_iceberg_metadata *m) {
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_object(cx, r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) return TARN_OK;
        tarn_pair p = {.name = tarn_arena_strndup(arena, key.p, key.n)};
        if (r->kind == TARN_JSON_STRING) {
            TRY(read_text(cx, r, arena, &p.value));
        } else {
            tarn_str raw;
            TRY(tarn_json_raw(cx, r, &raw));
            p.value = tarn_arena_strndup(arena, raw.p, raw.n);
        }
        *TARN_PUSH(arena, &m->properties) = p;
    }
}

static tarn_code read_refs(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_iceberg_metadata *m) {
    const tarn_json_value *refs = NULL;
    TRY(tarn_json_read_value(cx, r, cx->arena, &refs));
    if (refs->kind != TARN_JSON_OBJECT) return TARN_OK;
    for (size_t i = 0; i < refs->n; i++) {
        const tarn_json_value *v = &refs->items[i];
        *TARN_PUSH(arena, &m->refs) =
            (tarn_iceberg_ref){.name = tarn_arena_strndup(arena, refs->keys[i].p, refs->keys[i].n),
                               .snapshot_id = tarn_json_as_int(tarn_json_get(v, "snapshot-id"), -1),
                               .branch = !tarn_str_ieq(tarn_json_as_str(tarn_json_get(v, "type")), TARN_LIT("tag")),
                               .snapshots_min = tarn_json_as_int(tarn_json_get(v, "min-snapshots-to-keep"), -1),
                               .snapshot_age_ms_max = tarn_json_as_int(tarn_json_get(v, "max-snapshot-age-ms"), -1),
                               .ref_age_ms_max = tarn_json_as_int(tarn_json_get(v, "max-ref-age-ms"), -1)};
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_spec_parse(tarn_cx *cx, tarn_arena *arena, const tarn_json_value *fields, int32_t id,
                                  tarn_iceberg_spec *out) {
    size_t n = fields && fields->kind == TARN_JSON_ARRAY ? fields->n : 0;
    tarn_iceberg_spec spec = {.id = id, .n_fields = n, .fields = TARN_NEW_ARRAY(arena, tarn_iceberg_spec_field, n)};
    for (size_t i = 0; i < n; i++) {
        const tarn_json_value *v = tarn_json_at(fields, i), *sources = tarn_json_get(v, "source-ids");
        int64_t source = tarn_json_as_int(tarn_json_get(v, "source-id"), -1);
        if (tarn_json_count(sources) == 1) source = tarn_json_as_int(tarn_json_at(sources, 0), -1);
        /* Version 1 may leave field ids out: they count up from 1000 (1.1). */
        int64_t field = tarn_json_as_int(tarn_json_get(v, "field-id"), FIRST_PARTITION_ID + (int64_t)i);
        tarn_str name = tarn_json_as_str(tarn_json_get(v, "name")),
                 text = tarn_json_as_str(tarn_json_get(v, "transform"));
        if (!name.p || !text.p || source > INT32_MAX || field > INT32_MAX || field < 0)
            return tarn_fail(cx, TARN_CORRUPT, "partition spec %d: field %zu has no name, transform or id", id, i + 1);
        tarn_iceberg_spec_field *f = &spec.fields[i];
        *f = (tarn_iceberg_spec_field){.source_id = (int32_t)source,
                                       .field_id = (int32_t)field,
                                       .name = tarn_arena_strndup(arena, name.p, name.n),
                                       .text = tarn_arena_strndup(arena, text.p, text.n)};
        tarn_transform_parse(text, &f->transform, &f->param);
        if (source < 0) f->transform = TARN_OTHER_TRANSFORM;
    }
    *out = spec;
    return TARN_OK;
}

static tarn_code read_specs(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_iceberg_metadata *m) {
    const tarn_json_value *specs = NULL;
    TRY(tarn_json_read_value(cx, r, cx->arena, &specs));
    for (size_t i = 0; i < tarn_json_count(specs); i++) {
        const tarn_json_value *v = tarn_json_at(specs, i);
        int64_t id = tarn_json_as_int(tarn_json_get(v, "spec-id"), 0);
        TRY(tarn_iceberg_spec_parse(cx, arena, tarn_json_get(v, "fields"), (int32_t)id, TARN_PUSH(arena, &m->specs)));
    }
    return TARN_OK;
}

/* What version 1 says in place of "schemas" and "partition-specs". */
typedef struct old_form {
    tarn_str schema, spec;
} old_form;

static tarn_code read_number(tarn_cx *cx, tarn_json *r, tarn_str key, tarn_iceberg_metadata *m, bool *done) {
    *done = true;
    if (tarn_str_is(key, "last-sequence-number")) return tarn_json_int_or_null(cx, r, &m->last_sequence);
    if (tarn_str_is(key, "last-updated-ms")) return read_time(cx, r, &m->last_updated_ms);
    if (tarn_str_is(key, "next-row-id")) return tarn_json_int_or_null(cx, r, &m->next_row_id);
    if (tarn_str_is(key, "current-snapshot-id")) return tarn_json_int_or_null(cx, r, &m->snapshot_id);
    if (tarn_str_is(key, "last-column-id")) return read_id(cx, r, &m->last_column_id);
    if (tarn_str_is(key, "last-partition-id")) return read_id(cx, r, &m->last_partition_id);
    if (tarn_str_is(key, "current-schema-id")) return read_id(cx, r, &m->schema_id);
    if (tarn_str_is(key, "default-spec-id")) return read_id(cx, r, &m->spec_id);
    if (tarn_str_is(key, "default-sort-order-id")) return read_id(cx, r, &m->sort_order_id);
    *done = false;
    return TARN_OK;
}

static tarn_code read_member(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_str key, tarn_iceberg_metadata *m,
                             old_form *old) {
    bool done;
    TRY(read_number(cx, r, key, m, &done));
    if (done) return TARN_OK;
    if (tarn_str_is(key, "format-version")) {
        int32_t version = 0;
        TRY(read_id(cx, r, &version));
        m->format_version = version;
        if (version > VERSION_MAX)
            return tarn_fail(cx, TARN_UNSUPPORTED, "format-version %d; versions up to %d are read", version,
                             VERSION_MAX);
        return TARN_OK;
    }
    if (tarn_str_is(key, "table-uuid")) return read_text(cx, r, arena, &m->uuid);
    if (tarn_str_is(key, "location")) return read_text(cx, r, arena, &m->location);
    if (tarn_str_is(key, "schemas")) return read_schemas(cx, r, arena, m);
    if (tarn_str_is(key, "schema")) return raw_or_null(cx, r, &old->schema);
    if (tarn_str_is(key, "partition-specs")) return read_specs(cx, r, arena, m);
    if (tarn_str_is(key, "partition-spec")) return raw_or_null(cx, r, &old->spec);
    if (tarn_str_is(key, "sort-orders")) return raw_or_null(cx, r, &m->sort_orders);
    if (tarn_str_is(key, "properties")) return read_properties(cx, r, arena, m);
    if (tarn_str_is(key, "snapshots")) return read_versions(cx, r, arena, m);
    if (tarn_str_is(key, "refs")) return read_refs(cx, r, arena, m);
    if (tarn_str_is(key, "snapshot-log")) return read_log(cx, r, arena, false, m);
    if (tarn_str_is(key, "metadata-log")) return read_log(cx, r, arena, true, m);
    if (tarn_str_is(key, "statistics")) return raw_or_null(cx, r, &m->statistics);
    if (tarn_str_is(key, "partition-statistics")) return raw_or_null(cx, r, &m->partition_statistics);
    if (tarn_str_is(key, "encryption-keys")) return raw_or_null(cx, r, &m->encryption_keys);
    return tarn_json_skip(cx, r);
}

/* Version 1 may say less, and in other words (appendix E of the specification). */
static tarn_code complete_old(tarn_cx *cx, tarn_arena *arena, const old_form *old, tarn_iceberg_metadata *m) {
    if (!m->schemas.n && old->schema.p) {
        *TARN_PUSH(arena, &m->schemas) = (tarn_iceberg_schema){0, old->schema};
        m->schema_id = 0;
    }
    if (!m->specs.n && old->spec.p) {
        const tarn_json_value *fields = NULL;
        TRY(tarn_json_parse(cx, cx->arena, old->spec, TARN_JSON_DEPTH, &fields));
        TRY(tarn_iceberg_spec_parse(cx, arena, fields, 0, TARN_PUSH(arena, &m->specs)));
        m->spec_id = 0;
    }
    if (m->last_partition_id >= 0) return TARN_OK;
    m->last_partition_id = FIRST_PARTITION_ID - 1;
    for (size_t i = 0; i < m->specs.n; i++)
        for (size_t k = 0; k < m->specs.at[i].n_fields; k++)
            if (m->specs.at[i].fields[k].field_id > m->last_partition_id)
                m->last_partition_id = m->specs.at[i].fields[k].field_id;
    return TARN_OK;
}

static tarn_code complete(tarn_cx *cx, tarn_arena *arena, const old_form *old, tarn_iceberg_metadata *m) {
    if (m->format_version < 1) return tarn_fail(cx, TARN_CORRUPT, "it has no format-version");
    if (!m->location) return tarn_fail(cx, TARN_CORRUPT, "it has no location");
    if (m->format_version == 1) TRY(complete_old(cx, arena, old, m));
    if (!m->schemas.n)
        return tarn_fail(cx, TARN_CORRUPT, "it has no %s", m->format_version == 1 ? "schema" : "schemas");
    if (m->schema_id < 0) return tarn_fail(cx, TARN_CORRUPT, "it has no current-schema-id");
    if (m->last_partition_id < 0) return tarn_fail(cx, TARN_CORRUPT, "it has no last-partition-id");
    if (!m->specs.n) return tarn_fail(cx, TARN_CORRUPT, "it has no partition spec");
    if (!tarn_iceberg_spec_find(m, m->spec_id))
        return tarn_fail(cx, TARN_CORRUPT, "default-spec-id %d is not among the partition specs", m->spec_id);
    /* -1 is Java's way to write "none". */
    if (m->snapshot_id != -1 && !tarn_iceberg_version_find(m, m->snapshot_id))
        return tarn_fail(cx, TARN_CORRUPT, "current-snapshot-id %lld is not among the snapshots",
                         (long long)m->snapshot_id);
    if (m->snapshot_id != -1 && !tarn_iceberg_ref_find(m, "main"))
        *TARN_PUSH(arena, &m->refs) = (tarn_iceberg_ref){.name = "main",
                                                         .snapshot_id = m->snapshot_id,
                                                         .branch = true,
                                                         .snapshots_min = -1,
                                                         .snapshot_age_ms_max = -1,
                                                         .ref_age_ms_max = -1};
    return TARN_OK;
}

tarn_code tarn_iceberg_metadata_parse(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_iceberg_metadata *out) {
    tarn_iceberg_metadata m = {.text = text, .snapshot_id = -1, .schema_id = -1, .last_partition_id = -1};
    old_form old = {0};
    tarn_json r;
    tarn_json_init(&r, text, (int)tarn_conf_int(cx->conf, TARN_LIMIT_JSON_DEPTH));
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        TRY(tarn_prefix(cx, read_member(cx, &r, arena, key, &m, &old), "%.*s", (int)(key.n > 40 ? 40 : key.n), key.p));
    }
    TRY(tarn_json_finish(cx, &r));
    TRY(complete(cx, arena, &old, &m));
    *out = m;
    return TARN_OK;
}

const tarn_iceberg_version *tarn_iceberg_version_find(const tarn_iceberg_metadata *m, int64_t snapshot_id) {
    for (size_t i = m->versions.n; i-- > 0;)
        if (m->versions.at[i].id == snapshot_id) return &m->versions.at[i];
    return NULL;
}

const tarn_iceberg_version *tarn_iceberg_version_at(const tarn_iceberg_metadata *m, int64_t version) {
    const tarn_iceberg_version *found = tarn_iceberg_version_find(m, version);
    for (size_t i = m->versions.n; !found && version > 0 && i-- > 0;)
        if (m->versions.at[i].sequence == version) found = &m->versions.at[i];
    return found;
}

const tarn_iceberg_ref *tarn_iceberg_ref_find(const tarn_iceberg_metadata *m, const char *name) {
    for (size_t i = 0; i < m->refs.n; i++)
        if (!strcmp(m->refs.at[i].name, name)) return &m->refs.at[i];
    return NULL;
}

const tarn_iceberg_spec *tarn_iceberg_spec_find(const tarn_iceberg_metadata *m, int32_t id) {
    for (size_t i = 0; i < m->specs.n; i++)
        if (m->specs.at[i].id == id) return &m->specs.at[i];
    return NULL;
}

const char *tarn_iceberg_property(const tarn_iceberg_metadata *m, const char *name) {
    for (size_t i = 0; i < m->properties.n; i++)
        if (!strcmp(m->properties.at[i].name, name)) return m->properties.at[i].value;
    return NULL;
}

const char *tarn_iceberg_summary(tarn_cx *cx, const tarn_iceberg_version *v, const char *name) {
    const tarn_json_value *entry = NULL;
    if (tarn_json_parse(cx, cx->arena, v->json, TARN_JSON_DEPTH, &entry) != TARN_OK) {
        tarn_clear_error(cx);
        return NULL;
    }
    tarn_str s = tarn_json_as_str(tarn_json_get(tarn_json_get(entry, "summary"), name));
    return s.p ? tarn_arena_strndup(cx->arena, s.p, s.n) : NULL;
}
