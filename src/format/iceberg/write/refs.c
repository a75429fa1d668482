/* refs.c: branches and tags of a change, and which snapshots of a table are forgotten (1.9, 1.11). */
#include "base/map.h"
#include "codec/jsonw.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

enum { REFS_TEXT_MAX = 64 << 20 };
static const int64_t snapshot_age_ms_default = 5 * 86400000LL;

typedef struct planning {
    tarn_cx *cx;
    tarn_iceberg_snapshot *base;
    const tarn_iceberg_metadata *m;
    tarn_iceberg_plan *plan;
    int64_t now_ms;
    tarn_map by_id;
    bool *kept, *referenced; /* of each version */
} planning;

static const tarn_iceberg_version *version_of(const planning *p, int64_t id) {
    return tarn_map_get(&p->by_id, TARN_KEY_OF(id));
}

static const tarn_iceberg_version *parent_of(const planning *p, const tarn_iceberg_version *v) {
    return v->parent >= 0 ? version_of(p, v->parent) : NULL;
}

static tarn_iceberg_ref *find(const tarn_iceberg_plan *plan, const char *name) {
    for (size_t i = 0; i < plan->refs.n; i++)
        if (!strcmp(plan->refs.at[i].name, name)) return &plan->refs.at[i];
    return NULL;
}

const tarn_iceberg_ref *tarn_iceberg_plan_ref(const tarn_iceberg_plan *plan, const char *name) {
    return find(plan, name);
}

/* Chains may be wrong and go round: none is longer than there are snapshots. */
static bool in_past(const planning *p, int64_t of, int64_t id) {
    size_t left = p->m->versions.n;
    for (const tarn_iceberg_version *v = version_of(p, of); v && left--; v = parent_of(p, v))
        if (v->id == id) return true;
    return false;
}

static tarn_code find_before(const planning *p, const tarn_iceberg_ref *was, int64_t before_ms, int64_t *id) {
    size_t left = p->m->versions.n;
    const tarn_iceberg_version *v = was ? version_of(p, was->snapshot_id) : NULL;
    while (v && v->timestamp_ms >= before_ms && left--) v = parent_of(p, v);
    if (!v || v->timestamp_ms >= before_ms)
        return tarn_fail(p->cx, TARN_NOTFOUND, "no snapshot in its past is older than that");
    *id = v->id;
    return TARN_OK;
}

static tarn_code find_target(const planning *p, const tarn_ref_change *r, const tarn_iceberg_ref *was, int64_t *id) {
    const tarn_iceberg_ref *to = r->to ? find(p->plan, r->to) : NULL;
    const tarn_iceberg_version *v = r->version >= 0 ? tarn_iceberg_version_at(p->m, r->version) : NULL;
    if (r->to && !to) return tarn_fail(p->cx, TARN_NOTFOUND, "there is no branch or tag \"%s\"", r->to);
    if (r->before_ms >= 0) return find_before(p, was, r->before_ms, id);
    if (r->version >= 0 && !v)
        return tarn_fail(p->cx, TARN_NOTFOUND,
                         "version %lld does not exist: no snapshot has this id or sequence number",
                         (long long)r->version);
    *id = to ? to->snapshot_id : v ? v->id : p->m->snapshot_id;
    if (!version_of(p, *id))
        return tarn_fail(p->cx, TARN_INVALID, "%s %s needs a snapshot to point to, the table has none yet",
                         r->branch ? "branch" : "tag", r->name);
    return TARN_OK;
}

static tarn_code check_way(const planning *p, const tarn_ref_change *r, const tarn_iceberg_ref *was, int64_t id) {
    if (!was) return TARN_OK;
    if (r->back && !in_past(p, was->snapshot_id, id))
        return tarn_hint(
            p->cx, tarn_fail(p->cx, TARN_INVALID, "snapshot %lld is not in the past of %s", (long long)id, r->name),
            "CALL system.set_current_snapshot takes any snapshot");
    if (r->forward && !in_past(p, id, was->snapshot_id))
        return tarn_fail(p->cx, TARN_INVALID, "%s cannot be moved forward: snapshot %lld does not come from its %lld",
                         r->name, (long long)id, (long long)was->snapshot_id);
    return TARN_OK;
}

static tarn_code check_name(const planning *p, const tarn_ref_change *r, const tarn_iceberg_ref *was) {
    const char *kind = r->branch ? "branch" : "tag";
    bool drop = !r->create && !r->replace, is_main = !strcmp(r->name, "main");
    if (!*r->name) return tarn_fail(p->cx, TARN_INVALID, "a %s needs a name", kind);
    if (was && was->branch != r->branch)
        return tarn_fail(p->cx, TARN_INVALID, "%s is a %s", r->name, was->branch ? "branch" : "tag");
    if (is_main && (drop || !r->branch))
        return tarn_fail(p->cx, TARN_INVALID, "main is the table itself: it cannot be %s", drop ? "dropped" : "a tag");
    if (was && !drop && !r->replace && !r->lenient)
        return tarn_fail(p->cx, TARN_EXISTS, "there is a %s %s already", kind, r->name);
    if (!was && !r->create && !r->lenient) return tarn_fail(p->cx, TARN_NOTFOUND, "there is no %s %s", kind, r->name);
    return TARN_OK;
}

static void drop_ref(tarn_iceberg_plan *plan, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < plan->refs.n; i++)
        if (strcmp(plan->refs.at[i].name, name)) plan->refs.at[n++] = plan->refs.at[i];
    plan->refs.n = n;
    plan->refs_changed = true;
}

static bool is_set(const tarn_ref_change *r) { return r->version >= 0 || r->to || r->before_ms >= 0; }

static tarn_code plan_ref(planning *p, const tarn_ref_change *r) {
    tarn_iceberg_ref *was = find(p->plan, r->name);
    int64_t id = -1;
    TRY(check_name(p, r, was));
    bool drop = !r->create && !r->replace;
    if (drop && was) drop_ref(p->plan, r->name);
    if (drop || (was && !r->replace) || (!was && !r->create)) return TARN_OK;
    bool starts = r->branch && !is_set(r) && !p->m->versions.n && strcmp(r->name, "main") != 0;
    if (starts && p->plan->started)
        return tarn_fail(p->cx, TARN_UNSUPPORTED, "one commit starts one branch: %s", r->name);
    if (starts) p->plan->started = r->name;
    if (!starts) TRY(find_target(p, r, was, &id));
    TRY(check_way(p, r, was, id));
    if (!was) {
        was = TARN_PUSH(p->cx->arena, &p->plan->refs);
        *was = (tarn_iceberg_ref){.name = tarn_arena_strdup(p->cx->arena, r->name),
                                  .branch = r->branch,
                                  .snapshots_min = -1,
                                  .snapshot_age_ms_max = -1,
                                  .ref_age_ms_max = -1};
    }
    was->snapshot_id = id;
    if (r->ref_age_ms_max >= 0) was->ref_age_ms_max = r->ref_age_ms_max;
    if (r->snapshot_age_ms_max >= 0) was->snapshot_age_ms_max = r->snapshot_age_ms_max;
    if (r->snapshots_min >= 0) was->snapshots_min = r->snapshots_min;
    p->plan->refs_changed = true;
    return TARN_OK;
}

/* EXPIRY (1.11). */

/* *out untouched: it is not set. One that is no number may have been meant to keep what would go. */
static tarn_code number_property(const planning *p, const char *name, int64_t *out) {
    const char *text = tarn_iceberg_plan_property(p->plan, name);
    int64_t n;
    if (!text) return TARN_OK;
    if (!tarn_parse_i64(tarn_str_of(text), &n) || n < 0)
        return tarn_fail(p->cx, TARN_INVALID, "the table's property %s is no whole number of 0 or more: %.40s", name,
                         text);
    *out = n;
    return TARN_OK;
}

/* Refs too old go, but main; those that point to nothing too. */
static tarn_code expire_refs(planning *p, tarn_expiry *e) {
    int64_t age_max = INT64_MAX;
    size_t n = 0;
    TRY(number_property(p, "history.expire.max-ref-age-ms", &age_max));
    for (size_t i = 0; i < p->plan->refs.n; i++) {
        const tarn_iceberg_ref *r = &p->plan->refs.at[i];
        const tarn_iceberg_version *v = version_of(p, r->snapshot_id);
        int64_t most = r->ref_age_ms_max >= 0 ? r->ref_age_ms_max : age_max;
        bool old = !v || p->now_ms - v->timestamp_ms > most;
        if (!old || !strcmp(r->name, "main")) p->plan->refs.at[n++] = *r;
    }
    e->refs = (int64_t)(p->plan->refs.n - n);
    p->plan->refs.n = n;
    p->plan->refs_changed |= e->refs > 0;
    return TARN_OK;
}

static void keep_branch(planning *p, const tarn_iceberg_version *head, int64_t least, int64_t oldest_ms) {
    const tarn_iceberg_version *first = p->m->versions.at;
    size_t left = p->m->versions.n;
    int64_t n = 0;
    bool keeps = true;
    for (const tarn_iceberg_version *v = head; v && left--; v = parent_of(p, v)) {
        p->referenced[v - first] = true;
        keeps = keeps && (n++ < least || v->timestamp_ms >= oldest_ms);
        if (keeps) p->kept[v - first] = true;
    }
}

static tarn_code keep_refs(planning *p, const tarn_expiry *e, int64_t oldest_ms) {
    int64_t least = 1;
    TRY(number_property(p, "history.expire.min-snapshots-to-keep", &least));
    if (e->retain >= 0) least = e->retain;
    for (size_t i = 0; i < p->plan->refs.n; i++) {
        const tarn_iceberg_ref *r = &p->plan->refs.at[i];
        const tarn_iceberg_version *v = version_of(p, r->snapshot_id);
        TRY(tarn_check(p->cx));
        if (!v) continue;
        p->referenced[v - p->m->versions.at] = p->kept[v - p->m->versions.at] = true;
        if (r->branch)
            keep_branch(p, v, r->snapshots_min >= 0 ? r->snapshots_min : least,
                        r->snapshot_age_ms_max >= 0 ? p->now_ms - r->snapshot_age_ms_max : oldest_ms);
    }
    return TARN_OK;
}

/* Those that are named go whatever their age, but what a branch or tag points to. */
static tarn_code expire_named(planning *p, const tarn_expiry *e) {
    for (size_t i = 0; i < e->n_ids; i++) {
        const tarn_iceberg_version *v = tarn_iceberg_version_at(p->m, e->ids[i]);
        if (!v) return tarn_fail(p->cx, TARN_NOTFOUND, "there is no snapshot %lld to expire", (long long)e->ids[i]);
        for (size_t k = 0; k < p->plan->refs.n; k++)
            if (p->plan->refs.at[k].snapshot_id == v->id)
                return tarn_fail(p->cx, TARN_INVALID, "snapshot %lld cannot be expired: %s points to it",
                                 (long long)e->ids[i], p->plan->refs.at[k].name);
        p->kept[v - p->m->versions.at] = false;
    }
    return TARN_OK;
}

/* SCHEMAS AND SPECS. */

/* Specs that manifests of the remaining versions are of; *deletes: some are of deleted rows. */
static tarn_code mark_specs(planning *p, bool *specs, bool *deletes) {
    for (size_t i = 0; i < p->m->versions.n; i++) {
        tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) version = NULL;
        if (!p->kept[i]) continue;
        TRY(tarn_check(p->cx));
        TRY(tarn_iceberg_open_like(p->cx, p->base, &p->m->versions.at[i], &version));
        tarn_iceberg_snapshot *s = tarn_iceberg_of(version);
        TRY(tarn_iceberg_list(p->cx, s));
        *deletes = *deletes || s->n_slots > s->n_data;
        for (size_t k = 0; k < s->n_slots; k++)
            for (size_t n = 0; n < p->m->specs.n; n++)
                if (p->m->specs.at[n].id == s->slots[k].manifest->spec_id) specs[n] = true;
    }
    return TARN_OK;
}

static void add_ids(planning *p, const tarn_type *type, tarn_map *out) {
    for (size_t i = 0; i < type->n_fields; i++) {
        int64_t *id = TARN_NEW(p->cx->arena, int64_t);
        *id = type->fields[i].id;
        tarn_map_put(out, p->cx->arena, TARN_KEY_OF(*id), p);
        add_ids(p, type->fields[i].type, out);
    }
}

/* Whether an id is of a column that specs are made of, or that deleted rows may be told by. */
static bool is_asked_for(const planning *p, const bool *specs, bool deletes, int32_t id) {
    bool found = deletes;
    for (size_t i = 0; i < p->m->specs.n && !found; i++)
        for (size_t k = 0; specs[i] && k < p->m->specs.at[i].n_fields; k++)
            found = found || p->m->specs.at[i].fields[k].source_id == id;
    return found;
}

static bool is_only_one(const planning *p, const bool *specs, bool deletes, const tarn_type *type,
                        const tarn_map *ids) {
    for (size_t i = 0; i < type->n_fields; i++) {
        int64_t id = type->fields[i].id;
        bool known = tarn_map_get(ids, TARN_KEY_OF(id));
        if (!known && is_asked_for(p, specs, deletes, type->fields[i].id)) return true;
        if (is_only_one(p, specs, deletes, type->fields[i].type, ids)) return true;
    }
    return false;
}

/* Besides those of versions, the newest schema stays that knows a column which files still speak of by its id. */
static tarn_code mark_schemas(planning *p, const bool *specs, bool deletes, bool *schemas) {
    tarn_map ids = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = p->m->schemas.n; i-- > 0;) {
            tarn_schema *schema = NULL;
            int32_t id = p->m->schemas.at[i].id;
            bool used = id == p->m->schema_id;
            for (size_t k = 0; k < p->m->versions.n && !used; k++)
                used = p->kept[k] && p->m->versions.at[k].schema_id == id;
            if (pass == 0 ? !used : schemas[i]) continue;
            TRY(tarn_iceberg_schema_parse(p->cx, p->cx->arena, p->m->schemas.at[i].json, &schema));
            schemas[i] = pass == 0 || is_only_one(p, specs, deletes, schema, &ids);
            if (schemas[i]) add_ids(p, schema, &ids);
        }
    }
    return TARN_OK;
}

static tarn_code plan_cleaning(planning *p, tarn_expiry *e) {
    bool *specs = TARN_NEW_ARRAY(p->cx->arena, bool, p->m->specs.n);
    bool *schemas = TARN_NEW_ARRAY(p->cx->arena, bool, p->m->schemas.n), deletes = false;
    for (size_t i = 0; i < p->m->specs.n; i++) specs[i] = p->m->specs.at[i].id == p->m->spec_id;
    TRY(mark_specs(p, specs, &deletes));
    TRY(mark_schemas(p, specs, deletes, schemas));
    for (size_t i = 0; i < p->m->specs.n; i++) e->cleaned += !specs[i];
    for (size_t i = 0; i < p->m->schemas.n; i++) e->cleaned += !schemas[i];
    p->plan->kept_specs = specs;
    p->plan->kept_schemas = schemas;
    return TARN_OK;
}

static tarn_code plan_expiry(planning *p, tarn_expiry *e) {
    const char *gc = tarn_iceberg_plan_property(p->plan, "gc.enabled");
    size_t n = p->m->versions.n;
    if (gc && tarn_str_ieq(tarn_str_of(gc), TARN_LIT("false")))
        return tarn_hint(p->cx,
                         tarn_fail(p->cx, TARN_UNSUPPORTED, "its snapshots may not be expired: gc.enabled is false"),
                         "other tables may need its files; set the property gc.enabled to true if none does");
    int64_t age = snapshot_age_ms_default;
    TRY(number_property(p, "history.expire.max-snapshot-age-ms", &age));
    int64_t oldest_ms = e->older_than_ms >= 0 ? e->older_than_ms : p->now_ms - age;
    p->kept = TARN_NEW_ARRAY(p->cx->arena, bool, n);
    p->referenced = TARN_NEW_ARRAY(p->cx->arena, bool, n);
    TRY(expire_refs(p, e));
    TRY(keep_refs(p, e, oldest_ms));
    for (size_t i = 0; i < n; i++) {
        const tarn_iceberg_version *v = &p->m->versions.at[i];
        if (!p->referenced[i] && v->timestamp_ms >= oldest_ms) p->kept[i] = true;
        if (v->id == p->m->snapshot_id) p->kept[i] = true;
    }
    TRY(expire_named(p, e));
    e->versions = e->cleaned = 0;
    for (size_t i = 0; i < n; i++) e->versions += !p->kept[i];
    p->plan->kept = p->kept;
    return e->clean ? plan_cleaning(p, e) : TARN_OK;
}

tarn_code tarn_iceberg_plan_refs(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change,
                                 tarn_iceberg_plan *plan) {
    plan->head = base ? base->meta.snapshot_id : -1;
    if (!base) return TARN_OK;
    planning p = {.cx = cx, .m = &base->meta, .plan = plan, .now_ms = tarn_now_ms(cx)};
    p.base = (tarn_iceberg_snapshot *)(uintptr_t)base; /* its manifest lists may have to be read */
    for (size_t i = 0; i < p.m->refs.n; i++) *TARN_PUSH(cx->arena, &plan->refs) = p.m->refs.at[i];
    if (!change->refs.n && !change->expire) return TARN_OK;
    for (size_t i = 0; i < p.m->versions.n; i++)
        tarn_map_put(&p.by_id, cx->arena, TARN_KEY_OF(p.m->versions.at[i].id), &p.m->versions.at[i]);
    for (size_t i = 0; i < change->refs.n; i++) TRY(plan_ref(&p, &change->refs.at[i]));
    if (change->expire) TRY(plan_expiry(&p, change->expire));
    const tarn_iceberg_ref *head = find(plan, "main");
    if (head) plan->head = head->snapshot_id;
    return TARN_OK;
}

/* THE METADATA FILE. */

static void put_ref(tarn_jsonw *w, const tarn_iceberg_ref *r, int64_t id) {
    const struct {
        const char *name;
        int64_t v;
    } limits[] = {{"min-snapshots-to-keep", r->snapshots_min},
                  {"max-snapshot-age-ms", r->snapshot_age_ms_max},
                  {"max-ref-age-ms", r->ref_age_ms_max}};
    tarn_jsonw_key(w, r->name);
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "snapshot-id");
    tarn_jsonw_int(w, id);
    tarn_jsonw_key(w, "type");
    tarn_jsonw_text(w, r->branch ? "branch" : "tag");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].v < 0) continue;
        tarn_jsonw_key(w, limits[i].name);
        tarn_jsonw_int(w, limits[i].v);
    }
    tarn_jsonw_end_object(w);
}

const char *tarn_iceberg_refs_print(tarn_cx *cx, const tarn_iceberg_plan *plan, const char *branch, int64_t id) {
    static const tarn_iceberg_ref first = {
        .name = "main", .branch = true, .snapshots_min = -1, .snapshot_age_ms_max = -1, .ref_age_ms_max = -1};
    tarn_auto_buf out = TARN_BUF(REFS_TEXT_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    const tarn_iceberg_ref *was = find(plan, "main");
    tarn_jsonw_begin_object(&w);
    int64_t head = branch ? plan->head : id;
    if (head >= 0) put_ref(&w, was ? was : &first, head);
    for (size_t i = 0; i < plan->refs.n; i++) {
        const tarn_iceberg_ref *r = &plan->refs.at[i];
        bool moves = branch && !strcmp(r->name, branch);
        if (strcmp(r->name, "main")) put_ref(&w, r, moves ? id : r->snapshot_id);
    }
    tarn_jsonw_end_object(&w);
    return tarn_buf_take(&out, cx->arena);
}

static bool is_kept(const tarn_iceberg_metadata *m, const tarn_iceberg_plan *plan, int64_t id) {
    const tarn_iceberg_version *v = tarn_iceberg_version_find(m, id);
    return v && (!plan->kept || plan->kept[v - m->versions.at]);
}

/* Time travel would find the wrong snapshot for a time before a gap: what is older than one goes (1.9). */
static const char *print_log(tarn_cx *cx, const tarn_iceberg_metadata *m, const tarn_iceberg_plan *plan,
                             int64_t now_ms) {
    tarn_auto_buf out = TARN_BUF(REFS_TEXT_MAX);
    tarn_jsonw w = TARN_JSONW(&out);
    size_t first = m->snapshot_log.n;
    if (!plan->kept) first = 0;
    while (first > 0 && is_kept(m, plan, m->snapshot_log.at[first - 1].snapshot_id)) first--;
    bool moved = plan->head != m->snapshot_id && plan->head >= 0;
    tarn_jsonw_begin_array(&w);
    for (size_t i = first; i < m->snapshot_log.n + moved; i++) {
        bool added = i == m->snapshot_log.n;
        tarn_jsonw_begin_object(&w);
        tarn_jsonw_key(&w, "timestamp-ms");
        tarn_jsonw_int(&w, added ? now_ms : m->snapshot_log.at[i].timestamp_ms);
        tarn_jsonw_key(&w, "snapshot-id");
        tarn_jsonw_int(&w, added ? plan->head : m->snapshot_log.at[i].snapshot_id);
        tarn_jsonw_end_object(&w);
    }
    tarn_jsonw_end_array(&w);
    return tarn_buf_take(&out, cx->arena);
}

static const char *print_snapshots(tarn_cx *cx, const tarn_iceberg_metadata *m, const tarn_iceberg_plan *plan) {
    tarn_auto_buf out = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    bool some = false;
    tarn_buf_putc(&out, '[');
    for (size_t i = 0; i < m->versions.n; i++) {
        if (!plan->kept[i]) continue;
        if (some) tarn_buf_puts(&out, ", ");
        tarn_buf_add(&out, m->versions.at[i].json.p, m->versions.at[i].json.n);
        some = true;
    }
    tarn_buf_putc(&out, ']');
    return tarn_buf_take(&out, cx->arena);
}

/* Those of one of the metadata's lists that stay, in the order of the list. */
static tarn_code edit_list(tarn_cx *cx, const tarn_iceberg_metadata *m, const char *member, const bool *kept, size_t n,
                           tarn_iceberg_edit *edits, size_t *n_edits) {
    const tarn_json_value *list = NULL;
    tarn_auto_buf out = TARN_BUF(REFS_TEXT_MAX);
    tarn_str json = tarn_iceberg_member(cx, m->text, member);
    if (!kept || !json.p) return TARN_OK;
    TRY(tarn_json_parse(cx, cx->arena, json, TARN_JSON_DEPTH, &list));
    if (tarn_json_count(list) != n) return tarn_fail(cx, TARN_CORRUPT, "its metadata has %s twice", member);
    tarn_buf_putc(&out, '[');
    for (size_t i = 0; i < n; i++) {
        tarn_str raw = tarn_json_at(list, i)->raw;
        if (!kept[i]) continue;
        if (out.n > 1) tarn_buf_puts(&out, ", ");
        tarn_buf_add(&out, raw.p, raw.n);
    }
    tarn_buf_putc(&out, ']');
    edits[(*n_edits)++] = (tarn_iceberg_edit){.member = member, .json = tarn_buf_take(&out, cx->arena)};
    return TARN_OK;
}

/* Statistics are of one snapshot, and go with it. */
static tarn_code edit_statistics(tarn_cx *cx, const tarn_iceberg_metadata *m, const tarn_iceberg_plan *plan,
                                 const char *member, tarn_str json, tarn_iceberg_edit *edits, size_t *n) {
    const tarn_json_value *list = NULL;
    tarn_auto_buf out = TARN_BUF(REFS_TEXT_MAX);
    bool some = false;
    if (!json.p) return TARN_OK;
    TRY(tarn_json_parse(cx, cx->arena, json, TARN_JSON_DEPTH, &list));
    tarn_buf_putc(&out, '[');
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        const tarn_json_value *item = tarn_json_at(list, i);
        if (!is_kept(m, plan, tarn_json_as_int(tarn_json_get(item, "snapshot-id"), -1))) continue;
        if (some) tarn_buf_puts(&out, ", ");
        tarn_buf_add(&out, item->raw.p, item->raw.n);
        some = true;
    }
    tarn_buf_putc(&out, ']');
    edits[(*n)++] = (tarn_iceberg_edit){.member = member, .json = tarn_buf_take(&out, cx->arena)};
    return TARN_OK;
}

tarn_code tarn_iceberg_ref_edits(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_iceberg_plan *plan,
                                 int64_t now_ms, tarn_iceberg_edit *edits, size_t *n) {
    const tarn_iceberg_metadata *m = &base->meta;
    if (!plan->refs_changed && !plan->kept) return TARN_OK;
    edits[(*n)++] = (tarn_iceberg_edit){.member = "refs", .json = tarn_iceberg_refs_print(cx, plan, NULL, plan->head)};
    edits[(*n)++] = (tarn_iceberg_edit){.member = "snapshot-log", .json = print_log(cx, m, plan, now_ms)};
    if (plan->head != m->snapshot_id)
        edits[(*n)++] = (tarn_iceberg_edit){.member = "current-snapshot-id",
                                            .json = tarn_printf(cx, "%lld", (long long)plan->head)};
    if (!plan->kept) return TARN_OK;
    edits[(*n)++] = (tarn_iceberg_edit){.member = "snapshots", .json = print_snapshots(cx, m, plan)};
    TRY(edit_list(cx, m, "schemas", plan->kept_schemas, m->schemas.n, edits, n));
    TRY(edit_list(cx, m, "partition-specs", plan->kept_specs, m->specs.n, edits, n));
    TRY(edit_statistics(cx, m, plan, "statistics", m->statistics, edits, n));
    return edit_statistics(cx, m, plan, "partition-statistics", m->partition_statistics, edits, n);
}
