/* rebase.c: whether a change is still true on what others have committed since (1.10). */
#include "format/iceberg/deletes.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"
#include "format/marks.h"

typedef struct rebasing {
    tarn_cx *cx;
    tarn_change *change;
    tarn_iceberg_snapshot *base, *fresh;
    tarn_map before, now; /* by path: the files of the base, and those there are now */
    tarn_marks marks;
} rebasing;

static tarn_code conflict(rebasing *r, const char *what) {
    const tarn_iceberg_version *v = r->fresh->version;
    const char *operation = v ? tarn_iceberg_summary(r->cx, v, "tarn.operation") : NULL;
    if (!operation && v) operation = tarn_iceberg_summary(r->cx, v, "operation");
    const char *engine = v ? tarn_iceberg_summary(r->cx, v, "engine-name") : NULL;
    const char *release = engine ? tarn_iceberg_summary(r->cx, v, "engine-version") : NULL;
    if (release) engine = tarn_printf(r->cx, "%s/%s", engine, release);
    return tarn_fail(r->cx, TARN_CONFLICT, "version %lld (%s by %s) %s; run the statement again",
                     (long long)r->fresh->base.version, operation ? operation : "a change",
                     engine ? engine : "another engine", what);
}

/* Properties name how strict a statement is; serializable is the rule, and compaction never changes rows. */
static bool serializable(const rebasing *r) {
    static const char *const names[] = {"write.delete.isolation-level", "write.update.isolation-level",
                                        "write.merge.isolation-level"};
    const char *op = r->change->operation;
    int which = op && !strcmp(op, "DELETE") ? 0 : op && !strcmp(op, "UPDATE") ? 1 : 2;
    const char *level = tarn_snapshot_property(&r->base->base, names[which]);
    return !r->change->no_data_change && !(level && !strcmp(level, "snapshot"));
}

static tarn_code check_metadata(rebasing *r) {
    const tarn_change *c = r->change;
    const tarn_iceberg_metadata *was = &r->base->meta, *is = &r->fresh->meta;
    bool schema = was->schema_id != is->schema_id, spec = was->spec_id != is->spec_id;
    if (c->replace) return conflict(r, "changed the table that is to be replaced");
    if (was->format_version != is->format_version) return conflict(r, "changed the table's format version");
    if (spec) return conflict(r, "changed how the table is partitioned");
    if (was->sort_order_id != is->sort_order_id && (c->resort || c->adds.n))
        return conflict(r, "changed the order of the table's rows");
    const tarn_iceberg_snapshot *restored = c->restored ? tarn_iceberg_of(c->restored) : NULL;
    if (restored && restored->version && !tarn_iceberg_version_find(is, restored->version->id))
        return conflict(r, "expired the version that is to be restored");
    if (c->refs.n || c->expire || c->picked)
        return conflict(r, "came before this change of branches, tags or snapshots");
    if (schema && (c->schema || c->repartition || c->reads.n || c->read_all || c->adds.n))
        return conflict(r, "changed the table's schema");
    return TARN_OK;
}

static tarn_code check_application(rebasing *r) {
    int64_t version = -1, was = -1;
    if (!r->change->app_id) return TARN_OK;
    TRY(tarn_iceberg_app_version(r->cx, &r->base->base, r->change->app_id, &was));
    TRY(tarn_iceberg_app_version(r->cx, &r->fresh->base, r->change->app_id, &version));
    if (version == was) return TARN_OK;
    if (version < r->change->app_version) return conflict(r, "is of the same application transaction");
    return tarn_fail(r->cx, TARN_EXISTS, "application \"%s\" has committed its version %lld already", r->change->app_id,
                     (long long)version);
}

static tarn_code index_files(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_map *out) {
    tarn_file_list list = {0};
    TRY(tarn_iceberg_files(cx, &s->base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        tarn_map_put(out, cx->arena, list.files.at[i]->path, (void *)(uintptr_t)list.files.at[i]);
    return TARN_OK;
}

/* Files that came since and hold rows the change would have read. */
static tarn_code check_added(rebasing *r, const tarn_expr *where) {
    tarn_file_list list = {0};
    TRY(tarn_iceberg_files(r->cx, &r->fresh->base, where, &list));
    for (size_t i = 0; i < list.files.n; i++)
        if (!tarn_map_get(&r->before, list.files.at[i]->path))
            return conflict(r, "added files that this change would have read");
    return TARN_OK;
}

static tarn_code check_same(rebasing *r, const tarn_file *was, const tarn_file *is, const char *what) {
    bool same = tarn_iceberg_same_keys(was, is) && tarn_iceberg_same_positions(was, is);
    return same ? TARN_OK : conflict(r, what);
}

/* Files that the change read rows of, which it may not take away itself: they are as they were. */
static tarn_code check_read(rebasing *r, const tarn_expr *where) {
    tarn_file_list list = {0};
    TRY(tarn_iceberg_files(r->cx, &r->base->base, where, &list));
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_file *was = list.files.at[i], *is = tarn_map_get(&r->now, was->path);
        if (!is) return conflict(r, "removed a file that this change has read");
        TRY(check_same(r, was, is, "deleted rows of a file that this change has read"));
    }
    return TARN_OK;
}

/* Deleted rows of one file are united with others' where each of ours is still there. */
static tarn_code check_marks(rebasing *r) {
    tarn_change *c = r->change;
    for (size_t i = 0; i < r->marks.list.n; i++) {
        tarn_mark *m = r->marks.list.at[i];
        const tarn_file *was = c->adds.at[m->add].from, *is = tarn_map_get(&r->now, was->path);
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) theirs = NULL;
        bool apart;
        if (!is) return conflict(r, "removed a file that this change deletes rows of");
        bool keys = tarn_iceberg_same_keys(was, is);
        if (keys && tarn_iceberg_same_positions(was, is)) continue;
        if (!keys || !c->by_row || !is->deletes)
            return conflict(r, "deleted rows of a file that this change deletes rows of");
        TRY(tarn_iceberg_deleted(r->cx, &r->fresh->base, is, &theirs));
        TRY(tarn_mark_meet(r->cx, &r->base->base, c, m, is, theirs, &apart));
        if (!apart) return conflict(r, "deleted rows that this change deletes or updates too");
    }
    return TARN_OK;
}

/* A later statement of a transaction has read what earlier ones made of files, and files that they added: others can
 * only have touched those of the base. */
static void leave_own(rebasing *r) {
    tarn_change *c = r->change;
    size_t n = 0;
    for (size_t i = 0; i < c->read_files.n; i++) {
        const tarn_file *was = tarn_map_get(&r->before, c->read_files.at[i]->path);
        if (was) c->read_files.at[n++] = was;
    }
    c->read_files.n = n;
}

/* What is to be removed, or was read, has to be there as it was. */
static tarn_code check_kept(rebasing *r) {
    const tarn_change *c = r->change;
    for (size_t i = 0; i < c->removes.n + c->read_files.n; i++) {
        bool removed = i < c->removes.n;
        const tarn_file *was = removed ? c->removes.at[i] : c->read_files.at[i - c->removes.n];
        const tarn_file *is = tarn_map_get(&r->now, was->path);
        if (!is)
            return conflict(r, removed ? "removed a file that this change removes too"
                                       : "removed a file that this change has read");
        TRY(check_same(r, was, is, "deleted rows of a file that this change rewrites"));
    }
    return TARN_OK;
}

/* Files of the base are let go of with it: the change now speaks of those of the fresh snapshot. */
static void move_on(rebasing *r) {
    tarn_change *c = r->change;
    for (size_t i = 0; i < c->removes.n; i++) c->removes.at[i] = tarn_map_get(&r->now, c->removes.at[i]->path);
    for (size_t i = 0; i < c->read_files.n; i++) c->read_files.at[i] = tarn_map_get(&r->now, c->read_files.at[i]->path);
    for (size_t i = 0; i < r->marks.list.n; i++) {
        tarn_add *add = &c->adds.at[r->marks.list.at[i]->add];
        add->from = tarn_map_get(&r->now, add->from->path);
    }
}

static tarn_code check_reads(rebasing *r) {
    const tarn_change *c = r->change;
    if (!serializable(r)) return TARN_OK;
    if (c->read_all) TRY(check_added(r, NULL));
    if (c->read_all && !c->by_row) return check_read(r, NULL);
    for (size_t i = 0; i < c->reads.n; i++) {
        TRY(check_added(r, c->reads.at[i]));
        if (!c->by_row) TRY(check_read(r, c->reads.at[i]));
    }
    return TARN_OK;
}

static tarn_code check(rebasing *r) {
    tarn_change *c = r->change;
    TRY(check_metadata(r));
    TRY(check_application(r));
    if (c->blind_append && !c->removes.n && !r->marks.list.n) return TARN_OK;
    TRY(index_files(r->cx, r->base, &r->before));
    TRY(index_files(r->cx, r->fresh, &r->now));
    leave_own(r);
    TRY(check_kept(r));
    TRY(check_marks(r));
    TRY(check_reads(r));
    move_on(r);
    return tarn_marks_unite(r->cx, &r->fresh->base, &r->marks, c);
}

static void done_rebasing(rebasing *r) { tarn_marks_done(&r->marks); }

tarn_code tarn_iceberg_rebase(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                              tarn_snapshot **fresh) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) newest = NULL;
    if (!base || base->version < 0)
        return tarn_fail(cx, TARN_CONFLICT, "another writer has created the table; run the statement again");
    tarn_at latest = {.kind = base->branch ? TARN_AT_REF : TARN_AT_LATEST, .ref = base->branch};
    tarn_code code = table->format->open(cx, table, &latest, base, &newest);
    if (code == TARN_NOTFOUND && base->branch)
        return tarn_fail(cx, TARN_CONFLICT, "branch %s was dropped meanwhile", base->branch);
    TRY(code);
    tarn_auto(rebasing, done_rebasing)
        r = {.cx = cx, .change = change, .base = tarn_iceberg_of(base), .fresh = tarn_iceberg_of(newest)};
    tarn_marks_of(cx, change, &r.marks);
    if (strcmp(r.base->key, r.fresh->key)) TRY(check(&r));
    *fresh = newest;
    newest = NULL;
    return TARN_OK;
}
