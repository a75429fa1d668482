/* rebase.c: whether a change is still true on what others have committed since (1.10). */
#include "format/iceberg/deletes.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

typedef struct rebasing {
    tarn_cx *cx;
    const tarn_change *change;
    tarn_iceberg_snapshot *base, *fresh;
    tarn_map before; /* by path: the files of the base */
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
    if (c->refs.n || c->expire) return conflict(r, "came before this change of branches, tags or snapshots");
    if (schema && (c->schema || c->reads.n || c->read_all || c->adds.n))
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

static tarn_code index_base(rebasing *r) {
    tarn_file_list list = {0};
    TRY(tarn_iceberg_files(r->cx, &r->base->base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        tarn_map_put(&r->before, r->cx->arena, list.files.at[i]->path, (void *)(uintptr_t)list.files.at[i]);
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

/* Both are told by the delete files that apply: every change of a file's deleted rows writes another one. */
static bool same_deletes(const tarn_file *was, const tarn_file *is) {
    const tarn_iceberg_deletes *a = was->deletes ? was->deletes->where : NULL,
                               *b = is->deletes ? is->deletes->where : NULL;
    size_t n = a ? a->n : 0;
    bool same = n == (b ? b->n : 0) && !was->deletes == !is->deletes;
    for (size_t i = 0; same && i < n; i++) {
        tarn_iceberg_entry x, y;
        tarn_iceberg_entry_of(a->files[i], &x);
        tarn_iceberg_entry_of(b->files[i], &y);
        same = tarn_str_eq(x.path, y.path) && x.offset == y.offset;
    }
    return same;
}

/* What is to be removed, or was read, has to be there as it was. */
static tarn_code check_kept(rebasing *r) {
    tarn_file_list list = {0};
    tarn_map now = {0};
    const tarn_change *c = r->change;
    TRY(tarn_iceberg_files(r->cx, &r->fresh->base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        tarn_map_put(&now, r->cx->arena, list.files.at[i]->path, (void *)(uintptr_t)list.files.at[i]);
    for (size_t i = 0; i < c->adds.n; i++) {
        const tarn_file *was = c->adds.at[i].deletes ? c->adds.at[i].from : NULL;
        const tarn_file *is = was ? tarn_map_get(&now, was->path) : NULL;
        if (was && !is) return conflict(r, "removed a file that this change deletes rows of");
        if (was && !same_deletes(was, is))
            return conflict(r, "deleted rows of a file that this change deletes rows of");
    }
    for (size_t i = 0; i < c->removes.n + c->read_files.n; i++) {
        bool removed = i < c->removes.n;
        const tarn_file *was = removed ? c->removes.at[i] : c->read_files.at[i - c->removes.n];
        const tarn_file *is = tarn_map_get(&now, was->path);
        if (!is)
            return conflict(r, removed ? "removed a file that this change removes too"
                                       : "removed a file that this change has read");
        if (!same_deletes(was, is)) return conflict(r, "deleted rows of a file that this change rewrites");
    }
    return TARN_OK;
}

static tarn_code check(rebasing *r) {
    const tarn_change *c = r->change;
    TRY(check_metadata(r));
    TRY(check_application(r));
    if (c->blind_append && !c->removes.n) return TARN_OK;
    TRY(index_base(r));
    bool touches = c->removes.n || c->read_files.n;
    for (size_t i = 0; i < c->adds.n; i++) touches = touches || c->adds.at[i].deletes;
    if (touches) TRY(check_kept(r));
    if (!serializable(r)) return TARN_OK;
    if (c->read_all) return check_added(r, NULL);
    for (size_t i = 0; i < c->reads.n; i++) TRY(check_added(r, c->reads.at[i]));
    return TARN_OK;
}

tarn_code tarn_iceberg_rebase(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                              tarn_snapshot **fresh) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) newest = NULL;
    if (!base || base->version < 0)
        return tarn_fail(cx, TARN_CONFLICT, "another writer has created the table; run the statement again");
    TRY(table->format->open(cx, table, &latest, base, &newest));
    rebasing r = {.cx = cx, .change = change, .base = tarn_iceberg_of(base), .fresh = tarn_iceberg_of(newest)};
    if (strcmp(r.base->key, r.fresh->key)) TRY(check(&r));
    *fresh = newest;
    newest = NULL;
    return TARN_OK;
}
