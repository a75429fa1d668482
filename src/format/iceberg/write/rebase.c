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

/* The version that is in the way is named where it can be no other. */
static tarn_code conflict(rebasing *r, const char *what) {
    const tarn_iceberg_version *v = r->fresh->version, *was = r->base->version;
    if (!v || v->parent != (was ? was->id : -1))
        return tarn_fail(r->cx, TARN_CONFLICT, "a change since version %lld %s; run the statement again",
                         (long long)r->base->base.version, what);
    const char *operation = tarn_iceberg_summary(r->cx, v, "tarn.operation");
    if (!operation) operation = tarn_iceberg_summary(r->cx, v, "operation");
    const char *engine = tarn_iceberg_summary(r->cx, v, "engine-name");
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

/* Whether rows written with the one schema are rows of the other, as they would be had they come before it (1.2). */
static bool takes_rows_of(const tarn_type *was, const tarn_type *is) {
    for (size_t i = 0; i < is->n_fields; i++) {
        const tarn_field *f = &is->fields[i], *old = NULL;
        for (size_t k = 0; k < was->n_fields && !old; k++)
            if (was->fields[k].id == f->id) old = &was->fields[k];
        if (old ? !f->nullable && old->nullable : !f->nullable || f->generated_sql) return false;
        if (old && !takes_rows_of(old->type, f->type)) return false;
    }
    return true;
}

/* Columns of a table that was replaced have new ids, all of them. */
static bool is_replaced(const tarn_type *was, const tarn_type *is) {
    for (size_t i = 0; i < was->n_fields; i++)
        for (size_t k = 0; k < is->n_fields; k++)
            if (was->fields[i].id == is->fields[k].id) return false;
    return true;
}

static bool is_rule(const char *name) {
    tarn_str n = tarn_str_of(name);
    return tarn_str_starts(n, TARN_ICEBERG_CHECK) || tarn_str_starts(n, TARN_ICEBERG_GENERATED);
}

static bool holds_rules_of(const tarn_iceberg_metadata *a, const tarn_iceberg_metadata *b) {
    for (size_t i = 0; i < a->properties.n; i++) {
        const char *other = tarn_iceberg_property(b, a->properties.at[i].name);
        if (is_rule(a->properties.at[i].name) && (!other || strcmp(other, a->properties.at[i].value) != 0)) return false;
    }
    return true;
}

/* Files stay of the spec and the order they were written with, which the table still knows; an append, and rows that
 * are only written anew, stand by any schema that takes them. */
static tarn_code check_layout(rebasing *r) {
    const tarn_change *c = r->change;
    const tarn_iceberg_metadata *was = &r->base->meta, *is = &r->fresh->meta;
    const tarn_iceberg_made *made = c->format_state;
    bool shapes = c->schema || c->repartition || c->restored || c->regroup || !made;
    bool reads = c->reads.n || c->read_all || c->removes.n || c->read_files.n || r->marks.list.n || !c->blind_append;
    if (was->spec_id != is->spec_id && shapes) return conflict(r, "changed how the table is partitioned");
    if (c->adds.n && !tarn_iceberg_spec_find(is, made && made->rebased ? made->spec_id : was->spec_id))
        return conflict(r, "removed the partition spec of files that this change adds");
    if (was->sort_order_id != is->sort_order_id && (c->resort || (shapes && c->adds.n)))
        return conflict(r, "changed the order of the table's rows");
    if (c->adds.n && (!holds_rules_of(is, was) || !holds_rules_of(was, is)))
        return conflict(r, "changed the rules that the table's rows keep");
    if (was->schema_id == is->schema_id) return TARN_OK;
    const tarn_schema *old = r->base->base.schema, *now = r->fresh->base.schema;
    bool keeps = c->adds.n && !shapes && !c->by_name && (!reads || c->no_data_change);
    if (keeps && !is_replaced(old, now) && takes_rows_of(old, now)) return TARN_OK;
    return c->schema || c->repartition || reads || c->adds.n ? conflict(r, "changed the table's schema") : TARN_OK;
}

static tarn_code check_metadata(rebasing *r) {
    const tarn_change *c = r->change;
    const tarn_iceberg_metadata *was = &r->base->meta, *is = &r->fresh->meta;
    if (c->replace) return conflict(r, "changed the table that is to be replaced");
    if (was->format_version != is->format_version) return conflict(r, "changed the table's format version");
    const tarn_iceberg_snapshot *restored = c->restored ? tarn_iceberg_of(c->restored) : NULL;
    if (restored && restored->version && !tarn_iceberg_version_find(is, restored->version->id))
        return conflict(r, "expired the version that is to be restored");
    if (c->refs.n || c->expire || c->picked)
        return conflict(r, "came before this change of branches, tags or snapshots");
    return check_layout(r);
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
    return tarn_iceberg_files_by_path(cx, &s->base, &list, out);
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

static tarn_str file_name(tarn_str path) {
    const char *slash = memrchr(path.p, '/', path.n);
    return slash ? (tarn_str){slash + 1, path.n - (size_t)(slash + 1 - path.p)} : path;
}

/* Others may spell a path otherwise: by a file of the same name it is looked again. */
static tarn_code check_distinct(rebasing *r) {
    const tarn_change *c = r->change;
    tarn_file_list list = {0};
    tarn_map names = {0};
    if (!c->distinct) return TARN_OK;
    for (size_t i = 0; i < c->adds.n; i++)
        tarn_map_put(&names, r->cx->arena, file_name(tarn_str_of(c->adds.at[i].path)), r);
    TRY(index_files(r->cx, r->base, &r->before));
    TRY(tarn_iceberg_files(r->cx, &r->fresh->base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++) {
        tarn_str path = list.files.at[i]->path;
        if (!tarn_map_get(&r->before, path) && tarn_map_get(&names, file_name(path)))
            return conflict(r, "added files that this change may add too");
    }
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
    TRY(check_distinct(r));
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

/* Of the first base: what the files were written on. */
static void note_layout(rebasing *r) {
    const tarn_change *c = r->change;
    tarn_iceberg_made *made = c->format_state;
    if (!made || made->rebased || c->schema || c->repartition || c->resort || c->restored || c->replace) return;
    made->rebased = true;
    made->spec_id = r->base->meta.spec_id;
    made->sort_order_id = r->base->meta.sort_order_id;
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
    note_layout(&r);
    *fresh = newest;
    newest = NULL;
    return TARN_OK;
}
