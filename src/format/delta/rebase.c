/* rebase.c: whether a change is still true after others' commits: the rules of delta-spark's ConflictChecker, in its
 * order (1.11). */
#include "format/delta/write.h"

typedef enum isolation { SNAPSHOT, WRITE_SERIALIZABLE, SERIALIZABLE } isolation;

typedef struct rebase_state {
    tarn_cx *cx;
    const tarn_table *table;
    tarn_delta_snapshot *base;
    const tarn_change *change;
    isolation level;
    tarn_map removed, read; /* path: file, of ours */
    /* the commit under test */
    tarn_arena *arena;
    int64_t version;
    bool protocol, metadata, app, blind;
    int64_t app_version;
    const char *operation, *engine;
    TARN_VEC(tarn_delta_file) adds;
    TARN_VEC(tarn_str) removes;
} rebase_state;

static const tarn_deletes some_deletes = {.rows = -1}; /* only whether there are any is asked */

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
        if (a->stats.p) f->stats = (tarn_str){tarn_arena_strndup(st->arena, a->stats.p, a->stats.n), a->stats.n};
        if (a->has_dv) f->file.deletes = &some_deletes;
        const tarn_snapshot *base = &st->base->base;
        tarn_str json = a->partition;
        if (json.p) json.p = tarn_arena_strndup(st->arena, json.p, json.n);
        TRY(tarn_delta_partition_values(cx, st->arena, json, base->schema, base->partition, base->n_partition,
                                        &f->file.partition));
        break;
    }
    case TARN_DELTA_REMOVE:
        *TARN_PUSH(st->arena, &st->removes) =
            (tarn_str){tarn_arena_strndup(st->arena, a->path.p, a->path.n), a->path.n};
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

static tarn_code check_appends(rebase_state *st) {
    if (st->change->blind_append || st->level == SNAPSHOT) return TARN_OK;
    /* A change of metadata orders itself after every append, blind ones too. */
    bool all = st->level == SERIALIZABLE || st->change->schema || st->change->properties.n || st->change->checks.n;
    if (st->blind && !all) return TARN_OK;
    for (size_t i = 0; i < st->adds.n; i++)
        if (may_read(st, &st->adds.at[i])) return conflict(st, "added files that this change would have read");
    return TARN_OK;
}

static tarn_code check_removes(rebase_state *st) {
    if (st->removes.n == 0) return TARN_OK;
    if (st->change->read_all && st->level != SNAPSHOT) return conflict(st, "removed files that this change has read");
    for (size_t i = 0; i < st->removes.n; i++)
        if (tarn_map_get(&st->read, st->removes.at[i])) return conflict(st, "removed a file that this change has read");
    for (size_t i = 0; i < st->removes.n; i++)
        if (tarn_map_get(&st->removed, st->removes.at[i]))
            return conflict(st, "removed a file that this change removes too");
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
    TRY(check_appends(st));
    return check_removes(st);
}

/* Our reads and removes by path. The files that our predicates cover count as read. */
static tarn_code index_ours(rebase_state *st) {
    const tarn_change *c = st->change;
    tarn_arena *arena = st->cx->arena;
    for (size_t i = 0; i < c->removes.n; i++)
        tarn_map_put(&st->removed, arena, c->removes.at[i]->path, (void *)(uintptr_t)c->removes.at[i]);
    for (size_t i = 0; i < c->adds.n; i++)
        if (c->adds.at[i].from)
            tarn_map_put(&st->removed, arena, c->adds.at[i].from->path, (void *)(uintptr_t)c->adds.at[i].from);
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

tarn_code tarn_delta_rebase(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change,
                            tarn_snapshot **fresh) {
    if (!base || base->version < 0)
        return tarn_fail(cx, TARN_CONFLICT, "another writer has created the table; run the statement again");
    tarn_delta_snapshot *b = tarn_delta_of(base);
    rebase_state st = {.cx = cx, .table = table, .base = b, .change = change, .level = level_of(b, change)};
    TRY(index_ours(&st));
    tarn_delta_log log = {0};
    TRY(tarn_delta_log_after(cx, table->store, cx->arena, base->version, -1, &log));
    for (size_t i = 0; i < log.commits.n; i++) {
        TRY(tarn_check(cx));
        TRY(test_commit(&st, &log.commits.at[i]));
    }
    if (log.commits.n == 0) {
        *fresh = tarn_snapshot_retain(base);
        return TARN_OK;
    }
    /* Not the latest: a commit that came after the ones tested has not been tested. */
    tarn_at at = {.kind = TARN_AT_VERSION, .version = log.commits.at[log.commits.n - 1].version};
    return tarn_delta_open(cx, table, &at, base, fresh);
}
