/* action.c: reads the actions of a commit (1.3): the hot path of opening a table. */
#include "format/delta/delta.h"

enum { SCRATCH_MAX = 1 << 20, LINE_DEPTH = TARN_JSON_DEPTH };

const char *tarn_delta_conf(const tarn_delta_meta *meta, const char *name) {
    for (size_t i = 0; i < meta->n_configuration; i++)
        if (!strcmp(meta->configuration[i].name, name)) return meta->configuration[i].value;
    return NULL;
}

bool tarn_delta_conf_true(const tarn_delta_meta *meta, const char *name) {
    return tarn_str_ieq(tarn_str_of(tarn_delta_conf(meta, name)), TARN_LIT("true"));
}

int64_t tarn_delta_conf_int(const tarn_delta_meta *meta, const char *name, int64_t missing) {
    int64_t v;
    const char *text = tarn_delta_conf(meta, name);
    return text && tarn_parse_i64(tarn_str_of(text), &v) ? v : missing;
}

int64_t tarn_delta_conf_interval_ms(const tarn_delta_meta *meta, const char *name, int64_t missing) {
    int64_t v;
    const char *text = tarn_delta_conf(meta, name);
    return text && tarn_parse_interval_ms(tarn_str_of(text), &v) ? v : missing;
}

static tarn_code open_text(tarn_cx *cx, tarn_json *r, tarn_str json) {
    tarn_json_init(r, json, LINE_DEPTH);
    TRY(tarn_json_next(cx, r));
    return tarn_json_expect_object(cx, r);
}

static tarn_code text_or_null(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const char **out) {
    tarn_str s;
    TRY(tarn_json_string_or_null(cx, r, arena, &s));
    if (s.p && memchr(s.p, 0, s.n)) return tarn_json_fail(cx, r, "a zero byte in a text");
    *out = s.p ? tarn_arena_strndup(arena, s.p, s.n) : NULL;
    return TARN_OK;
}

static tarn_code names_or_null(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const char *const **out, size_t *n) {
    TARN_VEC(const char *) names = {0};
    *n = 0;
    *out = NULL;
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_array(cx, r));
    for (bool more;;) {
        TRY(tarn_json_element(cx, r, &more));
        if (!more) break;
        const char *name = NULL;
        TRY(text_or_null(cx, r, arena, &name));
        if (name) *TARN_PUSH(arena, &names) = name;
    }
    *out = names.at;
    *n = names.n;
    return TARN_OK;
}

static tarn_code pairs_or_null(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const tarn_pair **out, size_t *n) {
    TARN_VEC(tarn_pair) pairs = {0};
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_object(cx, r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) break;
        const char *value = NULL;
        TRY(text_or_null(cx, r, arena, &value));
        if (value) *TARN_PUSH(arena, &pairs) = (tarn_pair){tarn_arena_strndup(arena, key.p, key.n), value};
    }
    *out = pairs.at;
    *n = pairs.n;
    return TARN_OK;
}

tarn_code tarn_delta_read_protocol(tarn_cx *cx, tarn_arena *arena, tarn_str json, tarn_delta_protocol *out) {
    tarn_json r;
    tarn_delta_protocol p = {0};
    int64_t reader = 0, writer = 0;
    TRY(open_text(cx, &r, json));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "minReaderVersion"))
            TRY(tarn_json_int_or_null(cx, &r, &reader));
        else if (tarn_str_is(key, "minWriterVersion"))
            TRY(tarn_json_int_or_null(cx, &r, &writer));
        else if (tarn_str_is(key, "readerFeatures"))
            TRY(names_or_null(cx, &r, arena, &p.reader_features, &p.n_reader_features));
        else if (tarn_str_is(key, "writerFeatures"))
            TRY(names_or_null(cx, &r, arena, &p.writer_features, &p.n_writer_features));
        else
            TRY(tarn_json_skip(cx, &r));
    }
    if (reader < 1 || reader > INT32_MAX || writer < 1 || writer > INT32_MAX)
        return tarn_fail(cx, TARN_CORRUPT, "protocol (%lld, %lld) is not valid", (long long)reader, (long long)writer);
    p.reader = (int)reader;
    p.writer = (int)writer;
    *out = p;
    return TARN_OK;
}

tarn_code tarn_delta_read_meta(tarn_cx *cx, tarn_arena *arena, tarn_str json, tarn_delta_meta *out) {
    tarn_json r;
    tarn_delta_meta m = {.created_ms = -1};
    TRY(open_text(cx, &r, json));
    for (bool more;;) {
        tarn_str key, raw;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "id"))
            TRY(text_or_null(cx, &r, arena, &m.id));
        else if (tarn_str_is(key, "name"))
            TRY(text_or_null(cx, &r, arena, &m.name));
        else if (tarn_str_is(key, "description"))
            TRY(text_or_null(cx, &r, arena, &m.description));
        else if (tarn_str_is(key, "schemaString"))
            TRY(text_or_null(cx, &r, arena, &m.schema));
        else if (tarn_str_is(key, "createdTime"))
            TRY(tarn_json_int_or_null(cx, &r, &m.created_ms));
        else if (tarn_str_is(key, "configuration"))
            TRY(pairs_or_null(cx, &r, arena, &m.configuration, &m.n_configuration));
        else if (tarn_str_is(key, "partitionColumns"))
            TRY(names_or_null(cx, &r, arena, &m.partition_columns, &m.n_partition_columns));
        else if (tarn_str_is(key, "format")) {
            bool null = r.kind == TARN_JSON_NULL;
            TRY(tarn_json_raw(cx, &r, &raw));
            if (!null) m.format = tarn_arena_strndup(arena, raw.p, raw.n);
        } else
            TRY(tarn_json_skip(cx, &r));
    }
    /* delta-spark reads metadata without these, though 1.3 requires them. */
    if (!m.id) m.id = "";
    if (!m.schema) m.schema = "{\"type\":\"struct\",\"fields\":[]}";
    *out = m;
    return TARN_OK;
}

static tarn_code read_dv(tarn_cx *cx, tarn_json *r, tarn_arena *scratch, tarn_delta_action *a) {
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    TRY(tarn_json_expect_object(cx, r));
    tarn_str storage = {NULL, 0}, where = {NULL, 0};
    tarn_delta_dv dv = {.offset = -1, .size = -1, .cardinality = -1};
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "storageType"))
            TRY(tarn_json_string_or_null(cx, r, scratch, &storage));
        else if (tarn_str_is(key, "pathOrInlineDv"))
            TRY(tarn_json_string_or_null(cx, r, scratch, &where));
        else if (tarn_str_is(key, "offset"))
            TRY(tarn_json_int_or_null(cx, r, &dv.offset));
        else if (tarn_str_is(key, "sizeInBytes"))
            TRY(tarn_json_int_or_null(cx, r, &dv.size));
        else if (tarn_str_is(key, "cardinality"))
            TRY(tarn_json_int_or_null(cx, r, &dv.cardinality));
        else
            TRY(tarn_json_skip(cx, r));
    }
    if (!storage.p && !where.p) return TARN_OK; /* a struct of nulls, as checkpoints may have */
    if (storage.n != 1 || !strchr("uip", storage.p[0]) || !where.p || dv.size < 0 || dv.cardinality < 0 ||
        dv.offset < -1)
        return tarn_json_fail(cx, r, "a deletion vector's descriptor is not whole");
    dv.storage = storage.p[0];
    dv.where = where;
    a->dv = dv;
    a->has_dv = true;
    return TARN_OK;
}

static tarn_code read_json_or_text(tarn_cx *cx, tarn_json *r, tarn_arena *scratch, tarn_str *out) {
    if (r->kind == TARN_JSON_STRING || r->kind == TARN_JSON_NULL) return tarn_json_string_or_null(cx, r, scratch, out);
    return tarn_json_raw(cx, r, out);
}

/* Members that only travel: kept as text for the day the entry is written again. */
static bool is_rest(tarn_str key) {
    return tarn_str_is(key, "tags") || tarn_str_is(key, "baseRowId") || tarn_str_is(key, "defaultRowCommitVersion") ||
           tarn_str_is(key, "clusteringProvider");
}

static tarn_code read_rest(tarn_cx *cx, tarn_json *r, tarn_arena *scratch, tarn_str key, tarn_str *rest) {
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    tarn_str raw;
    TRY(tarn_json_raw(cx, r, &raw));
    char *p = tarn_arena_alloc(scratch, rest->n + key.n + raw.n + 4);
    size_t n = rest->n;
    if (n) memcpy(p, rest->p, n), p[n++] = ',';
    p[n++] = '"';
    memcpy(p + n, key.p, key.n), n += key.n;
    p[n++] = '"', p[n++] = ':';
    memcpy(p + n, raw.p, raw.n), n += raw.n;
    *rest = (tarn_str){p, n};
    return TARN_OK;
}

tarn_code tarn_delta_read_file(tarn_cx *cx, tarn_json *r, tarn_arena *scratch, tarn_delta_action *a) {
    tarn_str path = {NULL, 0};
    TRY(tarn_json_expect_object(cx, r));
    a->size = a->kind == TARN_DELTA_REMOVE ? -1 : 0;
    a->deleted_ms = -1;
    a->data_change = true;
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "path"))
            TRY(tarn_json_string_or_null(cx, r, scratch, &path));
        else if (tarn_str_is(key, "size") || tarn_str_is(key, "sizeInBytes"))
            TRY(tarn_json_int_or_null(cx, r, &a->size));
        else if (tarn_str_is(key, "partitionValues")) {
            bool null = r->kind == TARN_JSON_NULL;
            TRY(tarn_json_raw(cx, r, &a->partition));
            if (null) a->partition = (tarn_str){NULL, 0};
        } else if (tarn_str_is(key, "modificationTime"))
            TRY(tarn_json_int_or_null(cx, r, &a->mtime_ms));
        else if (tarn_str_is(key, "dataChange"))
            TRY(tarn_json_bool_or_null(cx, r, &a->data_change));
        else if (tarn_str_is(key, "stats"))
            TRY(read_json_or_text(cx, r, scratch, &a->stats));
        else if (tarn_str_is(key, "deletionTimestamp"))
            TRY(tarn_json_int_or_null(cx, r, &a->deleted_ms));
        else if (tarn_str_is(key, "deletionVector"))
            TRY(read_dv(cx, r, scratch, a));
        else if (is_rest(key))
            TRY(read_rest(cx, r, scratch, key, &a->rest));
        else
            TRY(tarn_json_skip(cx, r));
    }
    if (!path.p) return tarn_json_fail(cx, r, "a file action has no path");
    if (a->size < 0 && a->kind != TARN_DELTA_REMOVE)
        return tarn_json_fail(cx, r, "a file's size is %lld", (long long)a->size);
    if (a->kind == TARN_DELTA_SIDECAR) a->path = path;
    return a->kind == TARN_DELTA_SIDECAR ? TARN_OK : tarn_delta_path_decode(cx, scratch, path, &a->path);
}

static tarn_code read_txn(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_delta_txn *out) {
    tarn_delta_txn t = {.version = -1, .last_updated = -1};
    TRY(tarn_json_expect_object(cx, r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "appId"))
            TRY(text_or_null(cx, r, arena, &t.app_id));
        else if (tarn_str_is(key, "version"))
            TRY(tarn_json_int_or_null(cx, r, &t.version));
        else if (tarn_str_is(key, "lastUpdated"))
            TRY(tarn_json_int_or_null(cx, r, &t.last_updated));
        else
            TRY(tarn_json_skip(cx, r));
    }
    if (!t.app_id) return tarn_json_fail(cx, r, "an application transaction has no appId");
    *out = t;
    return TARN_OK;
}

static tarn_code read_domain(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_delta_domain *out) {
    tarn_delta_domain d = {0};
    TRY(tarn_json_expect_object(cx, r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "domain"))
            TRY(text_or_null(cx, r, arena, &d.domain));
        else if (tarn_str_is(key, "configuration"))
            TRY(text_or_null(cx, r, arena, &d.configuration));
        else if (tarn_str_is(key, "removed"))
            TRY(tarn_json_bool_or_null(cx, r, &d.removed));
        else
            TRY(tarn_json_skip(cx, r));
    }
    if (!d.domain) return tarn_json_fail(cx, r, "a domain's metadata has no domain");
    *out = d;
    return TARN_OK;
}

static tarn_code read_info(tarn_cx *cx, tarn_json *r, tarn_delta_action *a) {
    tarn_json in;
    TRY(tarn_json_raw(cx, r, &a->info));
    TRY(open_text(cx, &in, a->info));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, &in, &key, &more));
        if (!more) return TARN_OK;
        if (tarn_str_is(key, "inCommitTimestamp"))
            TRY(tarn_json_int_or_null(cx, &in, &a->ict));
        else
            TRY(tarn_json_skip(cx, &in));
    }
}

static tarn_delta_kind kind_of(tarn_str key) {
    static const struct {
        const char *name;
        tarn_delta_kind kind;
    } KINDS[] = {{"add", TARN_DELTA_ADD}, {"remove", TARN_DELTA_REMOVE},         {"commitInfo", TARN_DELTA_COMMIT_INFO},
                 {"txn", TARN_DELTA_TXN}, {"metaData", TARN_DELTA_METADATA},     {"protocol", TARN_DELTA_PROTOCOL},
                 {"cdc", TARN_DELTA_CDC}, {"domainMetadata", TARN_DELTA_DOMAIN}, {"sidecar", TARN_DELTA_SIDECAR}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (tarn_str_is(key, KINDS[i].name)) return KINDS[i].kind;
    return TARN_DELTA_OTHER;
}

static tarn_code read_member(tarn_cx *cx, tarn_arena *arena, tarn_arena *scratch, tarn_json *r, tarn_delta_action *a) {
    tarn_str raw;
    switch (a->kind) {
    case TARN_DELTA_ADD:
    case TARN_DELTA_REMOVE:
    case TARN_DELTA_CDC:
    case TARN_DELTA_SIDECAR: return tarn_delta_read_file(cx, r, scratch, a);
    case TARN_DELTA_TXN: return read_txn(cx, r, arena, &a->txn);
    case TARN_DELTA_DOMAIN: return read_domain(cx, r, arena, &a->domain);
    case TARN_DELTA_COMMIT_INFO: return read_info(cx, r, a);
    case TARN_DELTA_PROTOCOL:
        TRY(tarn_json_raw(cx, r, &raw));
        return tarn_delta_read_protocol(cx, arena, raw, &a->protocol);
    case TARN_DELTA_METADATA: TRY(tarn_json_raw(cx, r, &raw)); return tarn_delta_read_meta(cx, arena, raw, &a->meta);
    default: return tarn_json_skip(cx, r);
    }
}

tarn_code tarn_delta_action_parse(tarn_cx *cx, tarn_arena *arena, tarn_arena *scratch, tarn_str line,
                                  tarn_delta_action *out) {
    tarn_json r;
    memset(out, 0, sizeof *out);
    out->ict = -1;
    tarn_json_init(&r, line, LINE_DEPTH);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        tarn_delta_kind kind = r.kind == TARN_JSON_NULL || out->kind ? TARN_DELTA_OTHER : kind_of(key);
        if (kind == TARN_DELTA_OTHER) {
            TRY(tarn_json_skip(cx, &r));
            continue;
        }
        out->kind = kind;
        TRY(read_member(cx, arena, scratch, &r, out));
    }
    return tarn_json_finish(cx, &r);
}

static tarn_str trim_end(const char *start, const char *stop) {
    while (stop > start && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t')) stop--;
    return (tarn_str){start, (size_t)(stop - start)};
}

/* Takes a line off the text's end, or off its beginning. */
static tarn_str take_line(tarn_str *text, bool last) {
    const char *nl = last ? memrchr(text->p, '\n', text->n) : memchr(text->p, '\n', text->n);
    const char *end = text->p + text->n, *first = text->p;
    if (last) {
        text->n = nl ? (size_t)(nl - first) : 0;
        return trim_end(nl ? nl + 1 : first, end);
    }
    text->p = nl ? nl + 1 : end;
    text->n = (size_t)(end - text->p);
    return trim_end(first, nl ? nl : end);
}

tarn_code tarn_delta_actions(tarn_cx *cx, tarn_arena *arena, tarn_str text, const char *key, tarn_delta_action_fn *fn,
                             void *state) {
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    const char *begin = text.p;
    /* Writers that do not reconcile compactions put what is in force first. */
    bool compacted = tarn_str_ends(tarn_str_of(key), TARN_DELTA_COMPACTED);
    bool protocol = false, metadata = false;
    size_t count = 0;
    if (!text.n)
        return tarn_hint(cx, tarn_fail(cx, TARN_CORRUPT, "%s is empty: its writer crashed, or its store lost it", key),
                         "if nobody writes to the table now, remove the file");
    while (text.n) {
        tarn_str line = take_line(&text, !compacted);
        if (line.n == 0) continue;
        if (++count % 4096 == 0) TRY(tarn_check(cx));
        tarn_delta_action a;
        tarn_code code = tarn_delta_action_parse(cx, arena, scratch, line, &a);
        if (code != TARN_OK) return tarn_prefix(cx, code, "%s, line at byte %zu", key, (size_t)(line.p - begin));
        bool *twice = a.kind == TARN_DELTA_PROTOCOL ? &protocol : a.kind == TARN_DELTA_METADATA ? &metadata : NULL;
        if (twice && *twice && !compacted)
            return tarn_fail(cx, TARN_CORRUPT, "%s, line at byte %zu: a second %s in one commit", key,
                             (size_t)(line.p - begin), twice == &protocol ? "protocol" : "metaData");
        if (twice) *twice = true;
        TRY(fn(cx, state, &a));
        if (tarn_arena_size(scratch) > SCRATCH_MAX) {
            tarn_arena_free(scratch);
            scratch = tarn_arena_new();
        }
    }
    return TARN_OK;
}

tarn_code tarn_delta_commit_walk(tarn_cx *cx, tarn_store *store, tarn_arena *arena, const char *key,
                                 tarn_delta_action_fn *fn, void *state) {
    tarn_auto_buf text = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    TRY(tarn_store_get(cx, store, key, NULL, &text, NULL));
    return tarn_delta_actions(cx, arena, (tarn_str){text.data, text.n}, key, fn, state);
}

static tarn_code take_ict(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    (void)cx;
    if (a->kind == TARN_DELTA_COMMIT_INFO) *(int64_t *)state = a->ict;
    return TARN_OK;
}

tarn_code tarn_delta_commit_ict(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t version, int64_t *out) {
    int64_t ict = -1;
    const char *key = tarn_delta_version_key(arena, version, ".json");
    TRY(tarn_delta_commit_walk(cx, store, arena, key, take_ict, &ict));
    if (ict < 0) return tarn_fail(cx, TARN_CORRUPT, "%s has no inCommitTimestamp though the table asks for it", key);
    *out = ict;
    return TARN_OK;
}

tarn_code tarn_delta_read_hint(tarn_cx *cx, tarn_arena *arena, tarn_str json, int64_t *version) {
    const tarn_json_value *hint;
    TRY(tarn_json_parse(cx, arena, json, LINE_DEPTH, &hint));
    *version = tarn_json_as_int(tarn_json_get(hint, "version"), -1);
    return TARN_OK;
}
