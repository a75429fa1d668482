/* rebase.c: whether a change is still true after others' commits: the rules of delta-spark's ConflictChecker, in its
 * order (1.11); but rows that others marked as deleted conflict row by row, not file by file. */
#include "format/delta/write/write.h"
#include "format/marks.h"

typedef enum isolation { SNAPSHOT, WRITE_SERIALIZABLE, SERIALIZABLE } isolation;

typedef struct winner_remove {
    tarn_str path;
    const tarn_delta_dv *dv;
} winner_remove;

typedef struct rebase_state {
    tarn_cx *cx;
    const tarn_table *table;
    tarn_delta_snapshot *base;
    tarn_change *change;
    isolation level;
    tarn_map removed, read; /* path: file, of ours */
    tarn_marks marks;
    /* the commit under test */
    tarn_arena *arena;
    int64_t version;
    bool protocol, metadata, app, blind;
    int64_t app_version;
    const char *operation, *engine;
    TARN_VEC(tarn_delta_file) adds;
    TARN_VEC(winner_remove) removes;
    tarn_map grown; /* path: its add, of files in which it only marked more rows */
} rebase_state;

static void free_marks(rebase_state *st) { tarn_marks_done(&st->marks); }

static const tarn_delta_dv *copy_dv(tarn_arena *arena, const tarn_delta_action *a) {
    if (!a->has_dv) return NULL;
    tarn_delta_dv *dv = TARN_NEW(arena, tarn_delta_dv);
    *dv = a->dv;
    dv->where = (tarn_str){tarn_arena_strndup(arena, a->dv.where.p, a->dv.where.n), a->dv.where.n};
    dv->deletes = (tarn_deletes){.rows = dv->cardinality, .where = dv};
    return dv;
}

static bool same_text(const char *a, const char *b) { return a && b && !strcmp(a, b); }

static tarn_code collect(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    rebase_state *st = state;
    switch (a->kind) {
    case TARN_DELTA_PROTOCOL: st->protocol = true; break;
    case TARN_DELTA_METADATA: st->metadata = true; break;
    case TARN_DELTA_TXN:
        if (same_text(a->txn.app_id, st->change->app_id)) {
            st->app = true;
            st->app_version = a->txn.version;
        }
        break;
    case TARN_DELTA_COMMIT_INFO: {
        bool in_commit;
        tarn_history_entry entry = {0};
        TRY(tarn_delta_history_entry(cx, st->arena, a->info, &entry, &in_commit));
        st->operation = entry.operation;
        st->engine = entry.engine;
        st->blind = entry.blind_append == 1;
        break;
    }
    case TARN_DELTA_ADD: {
        tarn_delta_file *f = TARN_PUSH(st->arena, &st->adds);
        f->file.path = (tarn_str){tarn_arena_strndup(st->arena, a->path.p, a->path.n), a->path.n};
        f->file.rows = -1;
        if (a->stats.p)
            tarn_delta_set_stats(f, (tarn_str){tarn_arena_strndup(st->arena, a->stats.p, a->stats.n), a->stats.n});
        const tarn_delta_dv *dv = copy_dv(st->cx->arena, a);
        if (dv) f->file.deletes = &dv->deletes;
        const tarn_snapshot *base = &st->base->base;
        tarn_str json = a->partition;
        if (json.p) json.p = tarn_arena_strndup(st->arena, json.p, json.n);
        TRY(tarn_delta_partition_values(cx, st->arena, json, base->schema, base->partition, base->n_partition,
                                        &f->file.partition));
        break;
    }
    case TARN_DELTA_REMOVE:
        *TARN_PUSH(st->arena, &st->removes) =
            (winner_remove){{tarn_arena_strndup(st->arena, a->path.p, a->path.n), a->path.n}, copy_dv(st->arena, a)};
        break;
    default: break;
    }
    return TARN_OK;
}

static tarn_code conflict(rebase_state *st, const char *what) {
    return tarn_fail(st->cx, TARN_CONFLICT, "version %lld (%s by %s) %s; run the statement again",
                     (long long)st->version, st->operation ? st->operation : "operation not recorded",
                     st->engine ? st->engine : "an unknown writer", what);
}

static bool may_read(const rebase_state *st, const tarn_delta_file *f) {
    const tarn_change *c = st->change;
    if (c->read_all) return true;
    for (size_t i = 0; i < c->reads.n; i++)
        if (tarn_delta_file_may_match(st->cx, st->base, f, c->reads.at[i])) return true;
    return false;
}

static tarn_code rows_of(rebase_state *st, const tarn_delta_dv *dv, tarn_roaring64 **out) {
    tarn_file file = {.deletes = dv ? &dv->deletes : NULL};
    if (dv) return tarn_delta_deleted(st->cx, &st->base->base, &file, out);
    *out = tarn_roaring64_new();
    return TARN_OK;
}

static bool is_within(const tarn_roaring64 *a, const tarn_roaring64 *b) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rest = tarn_roaring64_copy(a);
    tarn_roaring64_and_not(rest, b);
    return tarn_roaring64_is_empty(rest);
}

/* What the winner left of a file that we mark rows of: none of ours may be gone. */
static tarn_code check_rows(rebase_state *st, tarn_mark *m, const tarn_delta_file *f, const tarn_roaring64 *theirs) {
    const tarn_add *add = &st->change->adds.at[m->add];
    tarn_delta_file *now = TARN_NEW(st->cx->arena, tarn_delta_file);
    bool apart;
    *now = *(const tarn_delta_file *)add->from;
    now->file.deletes = f->file.deletes;
    TRY(tarn_mark_meet(st->cx, &st->base->base, st->change, m, &now->file, theirs, &apart));
    return apart ? TARN_OK : conflict(st, "deleted rows that this change deletes or updates too");
}

/* Files the winner removed and added again with more rows marked: nothing was added, and what was taken away matters
 * only where we take it too. */
static tarn_code find_grown(rebase_state *st) {
    memset(&st->grown, 0, sizeof st->grown);
    if (!st->change->by_row || st->level != WRITE_SERIALIZABLE) return TARN_OK;
    tarn_map removes = {0};
    for (size_t i = 0; i < st->removes.n; i++)
        tarn_map_put(&removes, st->arena, st->removes.at[i].path, &st->removes.at[i]);
    for (size_t i = 0; i < st->adds.n; i++) {
        tarn_delta_file *f = &st->adds.at[i];
        const winner_remove *r = tarn_map_get(&removes, f->file.path);
        tarn_mark *m = tarn_map_get(&st->marks.by_path, f->file.path);
        if (!r || !f->file.deletes || (!m && tarn_map_get(&st->removed, f->file.path))) continue;
        if (!m && !tarn_map_get(&st->read, f->file.path) && !may_read(st, f)) continue;
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) before = NULL;
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) after = NULL;
        TRY(rows_of(st, r->dv, &before));
        TRY(rows_of(st, f->file.deletes->where, &after));
        if (!is_within(before, after)) continue;
        if (m) TRY(check_rows(st, m, f, after));
        tarn_map_put(&st->grown, st->arena, f->file.path, f);
    }
    return TARN_OK;
}

static tarn_code check_appends(rebase_state *st) {
    if (st->change->blind_append || st->level == SNAPSHOT) return TARN_OK;
    /* A change of metadata orders itself after every append, blind ones too. */
    bool all = st->level == SERIALIZABLE || st->change->schema || st->change->properties.n || st->change->checks.n;
    if (st->blind && !all) return TARN_OK;
    for (size_t i = 0; i < st->adds.n; i++)
        if (!tarn_map_get(&st->grown, st->adds.at[i].file.path) && may_read(st, &st->adds.at[i]))
            return conflict(st, "added files that this change would have read");
    return TARN_OK;
}

static tarn_code check_removes(rebase_state *st) {
    for (size_t i = 0; i < st->removes.n; i++) {
        tarn_str path = st->removes.at[i].path;
        if (tarn_map_get(&st->grown, path)) continue;
        if (st->change->read_all && st->level != SNAPSHOT)
            return conflict(st, "removed files that this change has read");
        if (tarn_map_get(&st->read, path)) return conflict(st, "removed a file that this change has read");
        if (tarn_map_get(&st->removed, path)) return conflict(st, "removed a file that this change removes too");
    }
    return TARN_OK;
}

static tarn_code check_winner(rebase_state *st) {
    const tarn_change *c = st->change;
    bool own_metadata = c->schema || c->properties.n || c->checks.n || c->comment || c->create || c->replace;
    if (st->protocol && own_metadata) return conflict(st, "changed the table's protocol");
    if (st->metadata) return conflict(st, "changed the table's metadata");
    if (st->app && st->app_version >= c->app_version)
        return tarn_fail(st->cx, TARN_EXISTS,
                         "application \"%s\" has committed its version %lld already (table version %lld)", c->app_id,
                         (long long)st->app_version, (long long)st->version);
    if (st->app) return conflict(st, "is of the same application transaction");
    TRY(find_grown(st));
    TRY(check_appends(st));
    return check_removes(st);
}

/* Our reads and removes by path. The files that our predicates cover count as read. */
static tarn_code index_ours(rebase_state *st) {
    const tarn_change *c = st->change;
    tarn_arena *arena = st->cx->arena;
    for (size_t i = 0; i < c->removes.n; i++)
        tarn_map_put(&st->removed, arena, c->removes.at[i]->path, (void *)(uintptr_t)c->removes.at[i]);
    for (size_t i = 0; i < c->adds.n; i++) {
        const tarn_file *from = c->adds.at[i].from;
        if (!from) continue;
        tarn_map_put(&st->removed, arena, from->path, (void *)(uintptr_t)from);
    }
    tarn_marks_of(st->cx, c, &st->marks);
    if (st->level == SNAPSHOT) return TARN_OK;
    for (size_t i = 0; i < c->read_files.n; i++)
        tarn_map_put(&st->read, arena, c->read_files.at[i]->path, (void *)(uintptr_t)c->read_files.at[i]);
    for (size_t i = 0; i < c->reads.n; i++) {
        tarn_file_list list = {0};
        TRY(tarn_delta_files(st->cx, &st->base->base, c->reads.at[i], &list));
        for (size_t k = 0; k < list.files.n; k++)
            tarn_map_put(&st->read, arena, list.files.at[k]->path, (void *)(uintptr_t)list.files.at[k]);
    }
    return TARN_OK;
}

static tarn_code test_commit(rebase_state *st, const tarn_delta_commit *commit) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    st->arena = arena;
    st->version = commit->version;
    st->protocol = st->metadata = st->app = st->blind = false;
    st->operation = st->engine = NULL;
    memset(&st->adds, 0, sizeof st->adds);
    memset(&st->removes, 0, sizeof st->removes);
    TRY(tarn_delta_commit_walk(st->cx, st->table->store, arena, tarn_delta_commit_key(arena, commit), collect, st));
    return check_winner(st);
}

static isolation level_of(const tarn_delta_snapshot *base, const tarn_change *change) {
    if (change->no_data_change) return SNAPSHOT;
    const char *level = tarn_delta_conf(&base->meta, "delta.isolationLevel");
    return level && tarn_str_ieq(tarn_str_of(level), TARN_LIT("Serializable")) ? SERIALIZABLE : WRITE_SERIALIZABLE;
}

tarn_code tarn_delta_rebase(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                            tarn_snapshot **fresh) {
    if (!base || base->version < 0)
        return tarn_fail(cx, TARN_CONFLICT, "another writer has created the table; run the statement again");
    tarn_delta_snapshot *b = tarn_delta_of(base);
    tarn_auto(rebase_state, free_marks)
        st = {.cx = cx, .table = table, .base = b, .change = change, .level = level_of(b, change)};
    TRY(index_ours(&st));
    tarn_delta_log log = {0};
    TRY(tarn_delta_log_after(cx, table->store, cx->arena, base->version, -1, &log));
    for (size_t i = 0; i < log.commits.n; i++) {
        TRY(tarn_check(cx));
        TRY(test_commit(&st, &log.commits.at[i]));
    }
    TRY(tarn_marks_unite(cx, base, &st.marks, change));
    if (log.commits.n == 0) {
        *fresh = tarn_snapshot_retain(base);
        return TARN_OK;
    }
    /* Not the latest: a commit that came after the ones tested has not been tested. */
    tarn_at at = {.kind = TARN_AT_VERSION, .version = log.commits.at[log.commits.n - 1].version};
    return tarn_delta_open(cx, table, &at, base, fresh);
}
