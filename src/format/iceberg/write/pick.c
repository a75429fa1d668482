/* pick.c: what a snapshot came from, and the commit of one made once more on top of another. */
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

static const tarn_iceberg_version *parent_of(const tarn_iceberg_metadata *m, const tarn_iceberg_version *v) {
    return v->parent >= 0 ? tarn_iceberg_version_find(m, v->parent) : NULL;
}

tarn_code tarn_iceberg_ancestors(tarn_cx *cx, tarn_snapshot *snapshot, tarn_ancestor **out, size_t *n) {
    const tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    const tarn_iceberg_metadata *m = &s->meta;
    tarn_ancestor *all = TARN_NEW_ARRAY(cx->arena, tarn_ancestor, m->versions.n);
    size_t made = 0;
    /* Chains may be wrong and go round: none is longer than there are snapshots. */
    for (const tarn_iceberg_version *v = s->version; v && made < m->versions.n; v = parent_of(m, v)) {
        all[made++] = (tarn_ancestor){v->id, v->timestamp_ms};
        TRY(tarn_check(cx));
    }
    *out = all;
    *n = made;
    return TARN_OK;
}

static tarn_code find_staged(tarn_cx *cx, const tarn_iceberg_metadata *m, const char *name,
                             const tarn_iceberg_version **out) {
    for (size_t i = m->versions.n; i-- > 0;) {
        const char *staged = tarn_iceberg_summary(cx, &m->versions.at[i], "wap.id");
        TRY(tarn_check(cx));
        *out = &m->versions.at[i];
        if (staged && !strcmp(staged, name)) return TARN_OK;
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
static tarn_code check_past(tarn_cx *cx, tarn_snapshot *base, const tarn_iceberg_version *source, const char *staged) {
    const tarn_iceberg_metadata *m = &tarn_iceberg_of(base)->meta;
    const char *own = tarn_printf(cx, "%lld", (long long)source->id);
    tarn_ancestor *past;
    size_t n;
    TRY(tarn_iceberg_ancestors(cx, base, &past, &n));
    for (size_t i = 0; i < n; i++) {
        const tarn_iceberg_version *v = tarn_iceberg_version_find(m, past[i].id);
        const char *from = tarn_iceberg_summary(cx, v, "source-snapshot-id");
        const char *id = tarn_iceberg_summary(cx, v, "wap.id");
        const char *published = tarn_iceberg_summary(cx, v, "published-wap-id");
        TRY(tarn_check(cx));
        if (v == source) return tarn_fail(cx, TARN_INVALID, "snapshot %s is in the past already", own);
        if (from && !strcmp(from, own))
            return tarn_fail(cx, TARN_INVALID, "snapshot %s was picked already: snapshot %lld came of it", own,
                             (long long)v->id);
        if (staged && ((id && !strcmp(id, staged)) || (published && !strcmp(published, staged))))
            return tarn_fail(cx, TARN_INVALID, "\"%s\" (wap.id) was published already, by snapshot %lld", staged,
                             (long long)v->id);
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

tarn_code tarn_iceberg_pick(tarn_cx *cx, tarn_snapshot *base, tarn_pick *pick, tarn_change *change) {
    const tarn_iceberg_snapshot *s = tarn_iceberg_of(base);
    const tarn_iceberg_version *source;
    if (base->branch)
        return tarn_fail(cx, TARN_UNSUPPORTED, "commits are picked onto the table itself, not onto branch %s",
                         base->branch);
    TRY(find_source(cx, &s->meta, pick, &source));
    const char *staged = tarn_iceberg_summary(cx, source, "wap.id");
    const char *operation = tarn_iceberg_summary(cx, source, "operation");
    TRY(check_past(cx, base, source, staged));
    pick->id = source->id;
    change->operation = "CHERRY-PICK";
    if (source->parent == (s->version ? s->version->id : -1)) {
        move_main(cx, source->id, change);
        return TARN_OK;
    }
    if (!operation || strcmp(operation, "append"))
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "snapshot %lld (%s) does more than add rows: it can only be picked on top of the one it was "
                         "made on",
                         (long long)source->id, operation ? operation : "of an unknown operation");
    tarn_at at = {.kind = TARN_AT_VERSION, .version = source->id};
    TRY(base->format->open(cx, base->table, &at, base, &pick->from));
    TRY(add_files(cx, pick->from, source, change));
    change->picked = pick->from;
    change->blind_append = true;
    *TARN_PUSH(cx->arena, &change->notes) =
        (tarn_pair){"source-snapshot-id", tarn_printf(cx, "%lld", (long long)source->id)};
    if (staged) *TARN_PUSH(cx->arena, &change->notes) = (tarn_pair){"published-wap-id", staged};
    return TARN_OK;
}
