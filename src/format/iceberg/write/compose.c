/* compose.c: makes a version of a table: its manifests (list.c), and the text of the metadata file (1.1, 1.9). */
#include "base/crypto.h"
#include "codec/jsonw.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/compose.h"

enum { LOG_MAX_DEFAULT = 100, JSON_MAX = 64 << 20 };

static void add_edit(tarn_iceberg_composing *c, tarn_iceberg_edit edit) {
    if (c->n_edits < TARN_ICEBERG_EDITS_MAX) c->edits[c->n_edits++] = edit;
}

static void edit(tarn_iceberg_composing *c, const char *member, const char *json) {
    add_edit(c, (tarn_iceberg_edit){.member = member, .json = json});
}

static void edit_int(tarn_iceberg_composing *c, const char *member, int64_t v) {
    edit(c, member, tarn_printf(c->cx, "%lld", (long long)v));
}

static const char *quoted(tarn_cx *cx, const char *text) {
    tarn_auto_buf out = TARN_BUF(JSON_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_jsonw_text(&w, text);
    return tarn_buf_take(&out, cx->arena);
}

static const char *snapshot_json(tarn_iceberg_composing *c, const char *list) {
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

static void append_to(tarn_iceberg_composing *c, const char *member, const char *element) {
    add_edit(c, (tarn_iceberg_edit){.member = member, .json = element, .appends = true});
}

static tarn_code edit_schema(tarn_iceberg_composing *c) {
    tarn_auto_buf json = TARN_BUF(JSON_MAX);
    TRY(tarn_iceberg_schema_print(c->cx, c->plan.schema, c->plan.schema_id, c->plan.format_version, &json));
    const char *text = tarn_buf_take(&json, c->cx->arena);
    append_to(c, "schemas", text);
    edit_int(c, "current-schema-id", c->plan.schema_id);
    edit_int(c, "last-column-id", c->plan.last_column_id);
    if (c->plan.format_version == 1) edit(c, "schema", text);
    return TARN_OK;
}

static void edit_spec(tarn_iceberg_composing *c) {
    tarn_auto_buf fields = TARN_BUF(JSON_MAX);
    tarn_iceberg_spec_print(&c->plan.spec, &fields);
    const char *text = tarn_buf_take(&fields, c->cx->arena);
    if (!c->plan.spec_known)
        append_to(c, "partition-specs", tarn_printf(c->cx, "{\"spec-id\": %d, \"fields\": %s}", c->plan.spec.id, text));
    edit_int(c, "default-spec-id", c->plan.spec.id);
    edit_int(c, "last-partition-id", c->plan.last_partition_id);
    if (c->plan.format_version == 1) edit(c, "partition-spec", text);
}

static void edit_order(tarn_iceberg_composing *c) {
    if (c->plan.sort_order) append_to(c, "sort-orders", c->plan.sort_order);
    edit_int(c, "default-sort-order-id", c->plan.sort_order_id);
}

static void edit_properties(tarn_iceberg_composing *c) {
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

static tarn_code edit_snapshot(tarn_iceberg_composing *c) {
    const char *branch = c->plan.started ? c->plan.started : c->base ? c->base->base.branch : NULL;
    const char *path;
    TRY(tarn_iceberg_compose_list(c, &path));
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
static void edit_log(tarn_iceberg_composing *c) {
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

static void edit_new_table(tarn_iceberg_composing *c) {
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
static bool makes_snapshot(const tarn_iceberg_composing *c) {
    return c->change->adds.n || c->change->removes.n || c->plan.started || c->change->regroup ||
           (c->change->remark && c->change->remark->drop);
}

static tarn_code edit_all(tarn_iceberg_composing *c) {
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
    if (c->base && !rows && c->n_edits + TARN_ICEBERG_REF_EDITS <= TARN_ICEBERG_EDITS_MAX)
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
static tarn_code choose_key(tarn_iceberg_composing *c, const char **out) {
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

static int64_t new_snapshot_id(tarn_iceberg_composing *c) {
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
    tarn_iceberg_composing c = {
        .cx = cx, .table = table, .base = base, .change = change, .now_ms = tarn_now_ms(cx), .parent = -1};
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
