/* expire.c: which files only the snapshots needed that are forgotten now (1.11, expire_snapshots). */
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

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
