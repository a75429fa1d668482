/* maintain.c: which files a table's snapshots need, for VACUUM, and which only those that are forgotten now (1.11). */
#include "base/log.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

/* Files of a commit under way belong to nobody yet: three days are the reference implementation's default. */
static const int64_t retention_ms = 3 * 86400000LL;

typedef struct keeping {
    tarn_cx *cx;
    const tarn_iceberg_snapshot *s;
    void (*keep)(void *state, tarn_str key);
    void *state;
    tarn_map seen; /* manifests */
} keeping;

static tarn_code keep_path(keeping *k, tarn_str path) {
    tarn_str key;
    TRY(tarn_iceberg_path(k->cx, k->s->meta.location, path, &key));
    k->keep(k->state, key);
    return TARN_OK;
}

static tarn_code keep_entry(tarn_cx *cx, void *state, const tarn_iceberg_layout *layout, const tarn_iceberg_entry *e) {
    (void)cx;
    (void)layout;
    return e->status == TARN_ICEBERG_DELETED ? TARN_OK : keep_path(state, e->path);
}

/* Snapshots share most of their manifests: each is read once. */
static tarn_code keep_manifest(keeping *k, const tarn_iceberg_manifest *manifest) {
    if (tarn_map_put(&k->seen, k->cx->arena, manifest->path, k)) return TARN_OK;
    TRY(keep_path(k, manifest->path));
    return tarn_iceberg_each_entry(k->cx, k->s->base.table->store, k->s->meta.location, manifest, keep_entry, k);
}

static tarn_code keep_version(keeping *k, const tarn_iceberg_version *v) {
    tarn_iceberg_manifests list = {0};
    if (v->manifest_list.p) {
        const tarn_json_value *text = NULL;
        TRY(tarn_json_parse(k->cx, k->cx->arena, v->manifest_list, TARN_JSON_DEPTH, &text));
        TRY(keep_path(k, tarn_json_as_str(text)));
    }
    TRY(tarn_iceberg_manifests_read(k->cx, k->cx->arena, k->s->base.table->store, &k->s->meta, v, &list));
    for (size_t i = 0; i < list.n; i++) TRY(keep_manifest(k, &list.at[i]));
    return TARN_OK;
}

static tarn_code keep_statistics(keeping *k, tarn_str json) {
    const tarn_json_value *list = NULL;
    if (!json.p) return TARN_OK;
    TRY(tarn_json_parse(k->cx, k->cx->arena, json, TARN_JSON_DEPTH, &list));
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        tarn_str path = tarn_json_as_str(tarn_json_get(tarn_json_at(list, i), "statistics-path"));
        if (path.p) TRY(keep_path(k, path));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_needed(tarn_cx *cx, tarn_snapshot *snapshot, int64_t retention,
                              void (*keep)(void *state, tarn_str key), void *state) {
    (void)retention; /* versions are forgotten by expiring them; what is left here no version names */
    keeping k = {.cx = cx, .s = tarn_iceberg_of(snapshot), .keep = keep, .state = state};
    const char *gc = tarn_snapshot_property(snapshot, "gc.enabled");
    if (gc && tarn_str_ieq(tarn_str_of(gc), TARN_LIT("false")))
        return tarn_hint(cx, tarn_fail(cx, TARN_UNSUPPORTED, "its files may not be removed: gc.enabled is false"),
                         "other tables may need them; set the property gc.enabled to true if none does");
    keep(state, tarn_str_of(k.s->key));
    keep(state, TARN_LIT("metadata/version-hint.text"));
    for (size_t i = 0; i < k.s->meta.metadata_log.n; i++)
        TRY(keep_path(&k, tarn_str_of(k.s->meta.metadata_log.at[i].file)));
    TRY(keep_statistics(&k, k.s->meta.statistics));
    TRY(keep_statistics(&k, k.s->meta.partition_statistics));
    for (size_t i = 0; i < k.s->meta.versions.n; i++) TRY(keep_version(&k, &k.s->meta.versions.at[i]));
    return TARN_OK;
}

int64_t tarn_iceberg_retention_ms(tarn_snapshot *snapshot) {
    (void)snapshot;
    return retention_ms;
}

/* OLD METADATA FILES. */

static bool in_log(const tarn_iceberg_metadata *m, const char *file) {
    for (size_t i = 0; i < m->metadata_log.n; i++)
        if (!strcmp(m->metadata_log.at[i].file, file)) return true;
    return false;
}

/* What the log of the version before named and that of this one does not. */
static tarn_code remove_unlogged(tarn_cx *cx, const tarn_table *table, const tarn_iceberg_metadata *m) {
    TARN_VEC(const char *) keys = {0};
    tarn_iceberg_metadata before = {0};
    tarn_str text, key;
    TRY(tarn_iceberg_path(cx, m->location, tarn_str_of(m->metadata_log.at[m->metadata_log.n - 1].file), &key));
    TRY(tarn_iceberg_read_metadata(cx, table->store, tarn_arena_strndup(cx->arena, key.p, key.n), cx->arena, &text));
    TRY(tarn_iceberg_metadata_parse(cx, cx->arena, text, &before));
    for (size_t i = 0; i < before.metadata_log.n; i++) {
        const char *file = before.metadata_log.at[i].file;
        size_t root;
        if (in_log(m, file) || !tarn_iceberg_names_file(tarn_str_of(file), &root)) continue;
        TRY(tarn_iceberg_path(cx, m->location, tarn_str_of(file), &key));
        if (tarn_str_starts(key, "metadata/"))
            *TARN_PUSH(cx->arena, &keys) = tarn_arena_strndup(cx->arena, key.p, key.n);
    }
    return keys.n ? tarn_store_remove(cx, table->store, keys.at, keys.n) : TARN_OK;
}

/* Without a catalog the name of a metadata file is what two writers cannot both have: one that is gone could be taken
 * again by a writer who comes late. */
void tarn_iceberg_maintain(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot) {
    const tarn_iceberg_metadata *m = &tarn_iceberg_of(snapshot)->meta;
    const char *wanted = tarn_iceberg_property(m, "write.metadata.delete-after-commit.enabled");
    bool on = wanted && tarn_str_ieq(tarn_str_of(wanted), TARN_LIT("true"));
    if (!on || !table->committer || !m->metadata_log.n) return;
    if (remove_unlogged(cx, table, m) != TARN_OK)
        tarn_log(cx, TARN_LOG_WARN, "old_metadata_stays", "table", table->location, "error", cx->error.message, NULL);
}

/* EXPIRY. */

/* A file that may go. */
typedef struct candidate {
    tarn_file_kind kind;
    tarn_str key;
    bool needed;
} candidate;

typedef struct expiring {
    tarn_cx *cx;
    const tarn_iceberg_snapshot *before, *after;
    tarn_iceberg_manifests gone, stay;
    tarn_map seen;  /* by key: manifests and manifest lists */
    tarn_map files; /* by key: the candidates */
    TARN_VEC(candidate *) all;
    bool subtract; /* entries take candidates away, else they are ones */
} expiring;

/* By keys, not as recorded: two writers may spell the path of one file in two ways. */
static tarn_code add_candidate(expiring *x, tarn_file_kind kind, tarn_str path) {
    tarn_str key;
    TRY(tarn_iceberg_path(x->cx, x->before->meta.location, path, &key));
    if (tarn_map_get(&x->files, key)) return TARN_OK;
    candidate *c = TARN_NEW(x->cx->arena, candidate);
    *c = (candidate){kind, {tarn_arena_strndup(x->cx->arena, key.p, key.n), key.n}, false};
    tarn_map_put(&x->files, x->cx->arena, c->key, c);
    *TARN_PUSH(x->cx->arena, &x->all) = c;
    return TARN_OK;
}

static tarn_code drop_candidate(expiring *x, tarn_str path) {
    tarn_str key;
    TRY(tarn_iceberg_path(x->cx, x->after->meta.location, path, &key));
    candidate *c = tarn_map_get(&x->files, key);
    if (c) c->needed = true;
    return TARN_OK;
}

static tarn_code first_time(expiring *x, tarn_str path, bool *first) {
    tarn_str key;
    TRY(tarn_iceberg_path(x->cx, x->before->meta.location, path, &key));
    *first = !tarn_map_get(&x->seen, key);
    key.p = tarn_arena_strndup(x->cx->arena, key.p, key.n);
    tarn_map_put(&x->seen, x->cx->arena, key, x);
    return TARN_OK;
}

static tarn_code see_entry(tarn_cx *cx, void *state, const tarn_iceberg_layout *layout, const tarn_iceberg_entry *e) {
    static const tarn_file_kind kinds[] = {[TARN_ICEBERG_DATA] = TARN_FILE_DATA,
                                           [TARN_ICEBERG_POSITIONS] = TARN_FILE_ROW_DELETES,
                                           [TARN_ICEBERG_KEYS] = TARN_FILE_KEY_DELETES};
    expiring *x = state;
    (void)layout;
    if (!e->path.p) return tarn_fail(cx, TARN_CORRUPT, "an entry has no file_path");
    if (e->status == TARN_ICEBERG_DELETED) return TARN_OK;
    return x->subtract ? drop_candidate(x, e->path) : add_candidate(x, kinds[e->content], e->path);
}

/* What the manifests of a snapshot are, each once; its manifest list is a candidate where it goes. */
static tarn_code see_version(expiring *x, const tarn_iceberg_version *v, bool goes) {
    const tarn_iceberg_snapshot *s = goes ? x->before : x->after;
    tarn_iceberg_manifests list = {0};
    bool first;
    TRY(tarn_check(x->cx));
    tarn_code code = tarn_iceberg_manifests_read(x->cx, x->cx->arena, s->base.table->store, &s->meta, v, &list);
    if (code == TARN_NOTFOUND && goes) { /* somebody took its files away already */
        tarn_clear_error(x->cx);
        return TARN_OK;
    }
    TRY(code);
    for (size_t i = 0; i < list.n; i++) {
        TRY(first_time(x, list.at[i].path, &first));
        if (first) *TARN_PUSH(x->cx->arena, goes ? &x->gone : &x->stay) = list.at[i];
    }
    if (!v->manifest_list.p) return TARN_OK;
    const tarn_json_value *text = NULL;
    TRY(tarn_json_parse(x->cx, x->cx->arena, v->manifest_list, TARN_JSON_DEPTH, &text));
    tarn_str path = tarn_json_as_str(text);
    TRY(first_time(x, path, &first));
    return first && goes ? add_candidate(x, TARN_FILE_MANIFEST_LIST, path) : TARN_OK;
}

static tarn_code read_manifests(expiring *x, const tarn_iceberg_manifests *list, bool subtract) {
    const tarn_iceberg_snapshot *s = subtract ? x->after : x->before;
    x->subtract = subtract;
    for (size_t i = 0; i < list->n; i++) {
        tarn_code code =
            tarn_iceberg_each_entry(x->cx, s->base.table->store, s->meta.location, &list->at[i], see_entry, x);
        if (code == TARN_NOTFOUND && !subtract) {
            tarn_clear_error(x->cx);
            continue;
        }
        TRY(code);
        if (!subtract) TRY(add_candidate(x, TARN_FILE_MANIFEST, list->at[i].path));
    }
    return TARN_OK;
}

static tarn_code see_statistics(expiring *x, tarn_str json, bool subtract) {
    const tarn_json_value *list = NULL;
    if (!json.p) return TARN_OK;
    TRY(tarn_json_parse(x->cx, x->cx->arena, json, TARN_JSON_DEPTH, &list));
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        tarn_str path = tarn_json_as_str(tarn_json_get(tarn_json_at(list, i), "statistics-path"));
        if (path.p) TRY(subtract ? drop_candidate(x, path) : add_candidate(x, TARN_FILE_STATISTICS, path));
    }
    return TARN_OK;
}

/* What stays is seen first: nothing it needs is ever a candidate, whatever else names it. */
static tarn_code find_candidates(expiring *x) {
    const tarn_iceberg_metadata *before = &x->before->meta, *after = &x->after->meta;
    for (size_t i = 0; i < after->versions.n; i++) TRY(see_version(x, &after->versions.at[i], false));
    for (size_t i = 0; i < before->versions.n; i++) {
        const tarn_iceberg_version *v = &before->versions.at[i];
        if (!tarn_iceberg_version_find(after, v->id)) TRY(see_version(x, v, true));
    }
    TRY(read_manifests(x, &x->gone, false));
    TRY(see_statistics(x, before->statistics, false));
    TRY(see_statistics(x, before->partition_statistics, false));
    TRY(see_statistics(x, after->statistics, true));
    TRY(see_statistics(x, after->partition_statistics, true));
    return x->all.n ? read_manifests(x, &x->stay, true) : TARN_OK;
}

tarn_code tarn_iceberg_unneeded(tarn_cx *cx, tarn_snapshot *before, tarn_snapshot *after, tarn_unneeded_fn *each,
                                void *state) {
    expiring x = {.cx = cx, .before = tarn_iceberg_of(before), .after = tarn_iceberg_of(after)};
    TRY(find_candidates(&x));
    for (size_t i = 0; i < x.all.n; i++)
        if (!x.all.at[i]->needed) each(state, x.all.at[i]->kind, x.all.at[i]->key);
    return TARN_OK;
}
