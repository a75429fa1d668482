/* maintain.c: which files a table's snapshots need, for VACUUM (1.11, remove_orphan_files). */
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
