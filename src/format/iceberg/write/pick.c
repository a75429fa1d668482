/* pick.c: what a snapshot came from, and the commit of one made once more on top of another. */
#include "base/map.h"
#include "format/iceberg/deletes.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

/* Chains may be wrong and go round: none is longer than there are snapshots. */
tarn_code tarn_iceberg_past(tarn_cx *cx, const tarn_iceberg_snapshot *s, const tarn_iceberg_version ***out,
                            size_t *n) {
    const tarn_iceberg_metadata *m = &s->meta;
    const tarn_iceberg_version **past = TARN_NEW_ARRAY(cx->arena, const tarn_iceberg_version *, m->versions.n);
    tarn_map by_id = {0};
    for (size_t i = 0; i < m->versions.n; i++)
        tarn_map_put(&by_id, cx->arena, TARN_KEY_OF(m->versions.at[i].id), &m->versions.at[i]);
    *n = 0;
    for (const tarn_iceberg_version *v = s->version; v && *n < m->versions.n;) {
        past[(*n)++] = v;
        v = v->parent >= 0 ? tarn_map_get(&by_id, TARN_KEY_OF(v->parent)) : NULL;
        TRY(tarn_check(cx));
    }
    *out = past;
    return TARN_OK;
}

tarn_code tarn_iceberg_ancestors(tarn_cx *cx, tarn_snapshot *snapshot, tarn_ancestor **out, size_t *n) {
    const tarn_iceberg_version **past;
    TRY(tarn_iceberg_past(cx, tarn_iceberg_of(snapshot), &past, n));
    *out = TARN_NEW_ARRAY(cx->arena, tarn_ancestor, *n);
    for (size_t i = 0; i < *n; i++) (*out)[i] = (tarn_ancestor){past[i]->id, past[i]->timestamp_ms};
    return TARN_OK;
}

static bool same(const tarn_json_value *summary, const char *name, const char *text) {
    tarn_str value = tarn_json_as_str(tarn_json_get(summary, name));
    return text && value.p && tarn_str_is(value, text);
}

/* The oldest one of that name, as other engines take it. */
static tarn_code find_staged(tarn_cx *cx, const tarn_iceberg_metadata *m, const char *name,
                             const tarn_iceberg_version **out) {
    for (size_t i = 0; i < m->versions.n; i++) {
        const tarn_json_value *entry = NULL;
        tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
        TRY(tarn_check(cx));
        TRY(tarn_json_parse(cx, scratch, m->versions.at[i].json, TARN_JSON_DEPTH, &entry));
        *out = &m->versions.at[i];
        if (same(tarn_json_get(entry, "summary"), "wap.id", name)) return TARN_OK;
    }
    return tarn_fail(cx, TARN_NOTFOUND, "no snapshot is staged as \"%s\" (wap.id)", name);
}

static tarn_code find_source(tarn_cx *cx, const tarn_iceberg_metadata *m, const tarn_pick *pick,
                             const tarn_iceberg_version **out) {
    if (pick->version < 0) return find_staged(cx, m, pick->staged, out);
    *out = tarn_iceberg_version_at(m, pick->version);
    return *out
               ? TARN_OK
               : tarn_fail(cx, TARN_NOTFOUND, "version %lld does not exist: no snapshot has this id or sequence number",
                           (long long)pick->version);
}

/* A commit, and what was staged by one name, is in the past of a version once at most. */
static tarn_code check_past(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_iceberg_version *source,
                            const char *staged) {
    const char *own = tarn_printf(cx, "%lld", (long long)source->id);
    const tarn_iceberg_version **past;
    size_t n;
    TRY(tarn_iceberg_past(cx, base, &past, &n));
    for (size_t i = 0; i < n; i++) {
        const tarn_json_value *entry = NULL;
        tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
        long long id = (long long)past[i]->id;
        TRY(tarn_check(cx));
        if (past[i] == source) return tarn_fail(cx, TARN_INVALID, "snapshot %s is in the past already", own);
        TRY(tarn_json_parse(cx, scratch, past[i]->json, TARN_JSON_DEPTH, &entry));
        const tarn_json_value *summary = tarn_json_get(entry, "summary");
        if (same(summary, "source-snapshot-id", own))
            return tarn_fail(cx, TARN_INVALID, "snapshot %s was picked already: snapshot %lld came of it", own, id);
        if (same(summary, "wap.id", staged) || same(summary, "published-wap-id", staged))
            return tarn_fail(cx, TARN_INVALID, "\"%s\" (wap.id) was published already, by snapshot %lld", staged, id);
    }
    return TARN_OK;
}

static void move_main(tarn_cx *cx, int64_t id, tarn_change *change) {
    *TARN_PUSH(cx->arena, &change->refs) = (tarn_ref_change){.name = "main",
                                                             .branch = true,
                                                             .create = true,
                                                             .replace = true,
                                                             .version = id,
                                                             .before_ms = -1,
                                                             .ref_age_ms_max = -1,
                                                             .snapshot_age_ms_max = -1,
                                                             .snapshots_min = -1};
}

static tarn_code add_files(tarn_cx *cx, tarn_snapshot *from, const tarn_iceberg_version *source, tarn_change *change) {
    tarn_file_list list = {0};
    TRY(tarn_iceberg_files(cx, from, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_file *f = list.files.at[i];
        tarn_iceberg_entry e;
        tarn_iceberg_entry_of(f->entry, &e);
        if (e.status != TARN_ICEBERG_ADDED || e.snapshot_id != source->id) continue;
        *TARN_PUSH(cx->arena, &change->adds) = (tarn_add){.path = tarn_arena_strndup(cx->arena, f->path.p, f->path.n),
                                                          .size = f->size,
                                                          .rows = f->rows,
                                                          .mtime_ms = f->mtime_ms,
                                                          .partition = f->partition,
                                                          .from = f};
    }
    return TARN_OK;
}

/* DYNAMIC OVERWRITES: partitions whose files were all replaced. */

static bool replaces_partitions(tarn_cx *cx, const tarn_iceberg_version *v, const char *operation) {
    const char *flag = tarn_iceberg_summary(cx, v, "replace-partitions");
    return operation && !strcmp(operation, "overwrite") && flag && tarn_str_ieq(tarn_str_of(flag), TARN_LIT("true"));
}

static tarn_code partition_key(tarn_cx *cx, const tarn_iceberg_snapshot *s, const tarn_file *file, tarn_str *out) {
    const tarn_iceberg_tuple *tuple = ((const tarn_iceberg_file *)file->entry)->tuple;
    const tarn_iceberg_spec *spec = tuple ? tarn_iceberg_spec_find(&s->meta, tuple->spec_id) : NULL;
    if (tarn_iceberg_partition_key(cx, tuple ? tuple->spec_id : 0, tuple ? tuple->values : NULL,
                                   spec ? spec->n_fields : 0, out))
        return TARN_OK;
    return tarn_fail(cx, TARN_LIMIT, "%.*s: the partition's values are too long", (int)file->path.n, file->path.p);
}

tarn_code tarn_iceberg_files_by_path(tarn_cx *cx, tarn_snapshot *s, tarn_file_list *list, tarn_map *paths) {
    TRY(tarn_iceberg_files(cx, s, NULL, list));
    for (size_t i = 0; i < list->files.n; i++)
        tarn_map_put(paths, cx->arena, list->files.at[i]->path, (void *)(uintptr_t)list->files.at[i]);
    return TARN_OK;
}

/* What the commit took away goes here too, and has to be there as it was. */
static tarn_code remove_replaced(tarn_cx *cx, const tarn_file_list *was, const tarn_map *left, const tarn_map *now,
                                 tarn_change *change) {
    for (size_t i = 0; i < was->files.n; i++) {
        const tarn_file *f = was->files.at[i], *is = tarn_map_get(now, f->path);
        if (tarn_map_get(left, f->path)) continue;
        if (!is || !tarn_iceberg_same_keys(f, is) || !tarn_iceberg_same_positions(f, is))
            return tarn_fail(cx, TARN_INVALID, "it replaces %.*s, %s since", (int)f->path.n, f->path.p,
                             is ? "of which rows were deleted" : "which was removed");
        *TARN_PUSH(cx->arena, &change->removes) = is;
    }
    return TARN_OK;
}

/* Nothing may have come into a partition that the commit knew nothing of. */
static tarn_code check_untouched(tarn_cx *cx, const tarn_iceberg_snapshot *s, const tarn_file_list *now,
                                 const tarn_map *was, const tarn_pick *pick, const tarn_change *change) {
    tarn_map replaced = {0};
    for (size_t i = 0; i < change->adds.n; i++) {
        tarn_str key;
        TRY(partition_key(cx, tarn_iceberg_of(pick->from), change->adds.at[i].from, &key));
        tarn_map_put(&replaced, cx->arena, key, pick->from);
    }
    for (size_t i = 0; i < now->files.n; i++) {
        const tarn_file *f = now->files.at[i];
        tarn_str key;
        if (tarn_map_get(was, f->path)) continue;
        TRY(partition_key(cx, s, f, &key));
        if (tarn_map_get(&replaced, key))
            return tarn_fail(cx, TARN_INVALID, "it replaces a partition to which %.*s was added since",
                             (int)f->path.n, f->path.p);
    }
    return TARN_OK;
}

static tarn_code replace_partitions(tarn_cx *cx, tarn_snapshot *base, const tarn_iceberg_version *source,
                                    const tarn_pick *pick, tarn_change *change) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(base);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) parent = NULL;
    tarn_file_list was = {0}, left = {0}, now = {0};
    tarn_map was_there = {0}, is_left = {0}, is_there = {0};
    const tarn_iceberg_version **past;
    size_t n, i = 0;
    TRY(tarn_iceberg_past(cx, s, &past, &n));
    while (i < n && past[i]->id != source->parent) i++;
    if (source->parent >= 0 && i == n)
        return tarn_fail(cx, TARN_INVALID, "it replaces partitions of snapshot %lld, which the table does not come from",
                         (long long)source->parent);
    if (source->parent >= 0) {
        tarn_at at = {.kind = TARN_AT_VERSION, .version = source->parent};
        TRY(base->format->open(cx, base->table, &at, base, &parent));
        TRY(tarn_iceberg_files_by_path(cx, parent, &was, &was_there));
    }
    TRY(tarn_iceberg_files_by_path(cx, pick->from, &left, &is_left));
    TRY(tarn_iceberg_files_by_path(cx, base, &now, &is_there));
    TRY(remove_replaced(cx, &was, &is_left, &is_there, change));
    return check_untouched(cx, s, &now, &was_there, pick, change);
}

tarn_code tarn_iceberg_pick(tarn_cx *cx, tarn_snapshot *base, tarn_pick *pick, tarn_change *change) {
    const tarn_iceberg_snapshot *s = tarn_iceberg_of(base);
    const tarn_iceberg_version *source;
    if (base->branch)
        return tarn_fail(cx, TARN_UNSUPPORTED, "commits are picked onto the table itself, not onto branch %s",
                         base->branch);
    TRY(find_source(cx, &s->meta, pick, &source));
    const char *staged = tarn_iceberg_summary(cx, source, "wap.id");
    const char *operation = tarn_iceberg_summary(cx, source, "operation");
    TRY(check_past(cx, s, source, staged));
    pick->id = source->id;
    change->operation = "CHERRY-PICK";
    if (source->parent == (s->version ? s->version->id : -1)) {
        move_main(cx, source->id, change);
        return TARN_OK;
    }
    bool replaces = replaces_partitions(cx, source, operation);
    if (!replaces && (!operation || strcmp(operation, "append")))
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "snapshot %lld (%s) neither adds rows alone nor replaces partitions: it can only be picked on "
                         "top of the one it was made on",
                         (long long)source->id, operation ? operation : "of an unknown operation");
    tarn_at at = {.kind = TARN_AT_VERSION, .version = source->id};
    TRY(base->format->open(cx, base->table, &at, base, &pick->from));
    TRY(add_files(cx, pick->from, source, change));
    if (replaces)
        TRY(tarn_prefix(cx, replace_partitions(cx, base, source, pick, change), "snapshot %lld cannot be picked",
                        (long long)source->id));
    change->picked = pick->from;
    change->blind_append = !replaces;
    *TARN_PUSH(cx->arena, &change->notes) =
        (tarn_pair){"source-snapshot-id", tarn_printf(cx, "%lld", (long long)source->id)};
    if (staged) *TARN_PUSH(cx->arena, &change->notes) = (tarn_pair){"published-wap-id", staged};
    return TARN_OK;
}
