/* changes.c: what commits of a Delta table did to rows (1.8, change data feed): recorded change files where there are
 * some, else the files added and removed. */
#include "format/delta/feed/changes.h"

typedef struct acted {
    tarn_str path, partition, stats;
    int64_t size, mtime_ms;
    const tarn_delta_dv *dv;
} acted;

/* The actions of one commit that touch rows. */
typedef struct commit_rows {
    tarn_arena *arena;
    TARN_VEC(acted) adds, removes, recorded;
    const tarn_delta_meta *meta; /* when the commit sets it */
    tarn_history_entry info;
} commit_rows;

static tarn_str keep(tarn_arena *arena, tarn_str s) {
    return s.p ? (tarn_str){tarn_arena_strndup(arena, s.p, s.n), s.n} : s;
}

static tarn_code collect(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    commit_rows *c = state;
    if (a->kind == TARN_DELTA_METADATA) {
        tarn_delta_meta *meta = TARN_NEW(c->arena, tarn_delta_meta);
        *meta = a->meta;
        c->meta = meta;
    }
    bool in_commit;
    if (a->kind == TARN_DELTA_COMMIT_INFO) return tarn_delta_history_entry(cx, c->arena, a->info, &c->info, &in_commit);
    bool rows = (a->kind == TARN_DELTA_ADD || a->kind == TARN_DELTA_REMOVE) && a->data_change;
    if (!rows && a->kind != TARN_DELTA_CDC) return TARN_OK;
    acted *f = a->kind == TARN_DELTA_ADD      ? TARN_PUSH(c->arena, &c->adds)
               : a->kind == TARN_DELTA_REMOVE ? TARN_PUSH(c->arena, &c->removes)
                                              : TARN_PUSH(c->arena, &c->recorded);
    *f = (acted){.path = keep(c->arena, a->path),
                 .partition = keep(c->arena, a->partition),
                 .stats = keep(c->arena, a->stats),
                 .size = a->size,
                 .mtime_ms = a->mtime_ms};
    if (a->has_dv) {
        tarn_delta_dv *dv = TARN_NEW(c->arena, tarn_delta_dv);
        *dv = a->dv;
        dv->where = keep(c->arena, a->dv.where);
        dv->deletes.where = dv;
        f->dv = dv;
    }
    return TARN_OK;
}

typedef struct feed {
    tarn_snapshot *end;
    tarn_arena *arena;
    tarn_changed_files *out;
    int64_t version, timestamp_us;
    bool rewritten;
} feed;

static tarn_code to_file(tarn_cx *cx, feed *f, const acted *a, const tarn_delta_dv *dv, const tarn_file **out) {
    tarn_delta_file *file = TARN_NEW(f->arena, tarn_delta_file);
    if (!a->partition.p && f->end->n_partition)
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "version %lld removes %.*s without its partition: who wrote it left it out",
                         (long long)f->version, (int)a->path.n, a->path.p);
    file->file = (tarn_file){.path = a->path, .size = a->size < 0 ? 0 : a->size, .mtime_ms = a->mtime_ms, .rows = -1};
    file->file.entry = file;
    file->file.deletes = dv ? &dv->deletes : NULL;
    tarn_delta_set_stats(file, a->stats);
    if (a->stats.p) file->file.rows = tarn_delta_stats_rows(cx, a->stats);
    if (a->partition.p)
        TRY(tarn_delta_partition_values(cx, f->arena, a->partition, f->end->schema, f->end->partition,
                                        f->end->n_partition, &file->file.partition));
    *out = &file->file;
    return TARN_OK;
}

/* `rows` is taken over. */
static tarn_code give(tarn_cx *cx, feed *f, int kind, const acted *a, const tarn_delta_dv *dv, tarn_roaring64 *rows) {
    tarn_changed_file *item = TARN_PUSH(f->arena, f->out);
    *item = (tarn_changed_file){.kind = kind,
                                .version = f->version,
                                .timestamp_us = f->timestamp_us,
                                .rewritten = f->rewritten,
                                .of = tarn_snapshot_retain(f->end),
                                .rows = rows};
    return to_file(cx, f, a, dv, &item->file);
}

static tarn_code deleted_of(tarn_cx *cx, feed *f, const tarn_delta_dv *dv, tarn_roaring64 **out) {
    tarn_file file = {.deletes = dv ? &dv->deletes : NULL};
    if (dv) return tarn_delta_deleted(cx, f->end, &file, out);
    *out = tarn_roaring64_new();
    return TARN_OK;
}

/* rows of `a` that are not in `b`, when there are any. */
static tarn_code give_difference(tarn_cx *cx, feed *f, int kind, const acted *file, const tarn_roaring64 *a,
                                 const tarn_roaring64 *b) {
    tarn_roaring64 *rows = tarn_roaring64_copy(a);
    tarn_roaring64_and_not(rows, b);
    if (!tarn_roaring64_is_empty(rows)) return give(cx, f, kind, file, NULL, rows);
    tarn_roaring64_free(rows);
    return TARN_OK;
}

/* The same file before and after: only its deletion vector changed. */
static tarn_code give_vectors(tarn_cx *cx, feed *f, const acted *before, const acted *after) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) was = NULL;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) is = NULL;
    TRY(deleted_of(cx, f, before->dv, &was));
    TRY(deleted_of(cx, f, after->dv, &is));
    TRY(give_difference(cx, f, TARN_ROWS_DELETED, after, is, was));
    return give_difference(cx, f, TARN_ROWS_INSERTED, after, was, is);
}

static tarn_code give_files(tarn_cx *cx, feed *f, const commit_rows *c) {
    tarn_map added = {0};
    for (size_t i = 0; i < c->adds.n; i++) tarn_map_put(&added, f->arena, c->adds.at[i].path, &c->adds.at[i]);
    /* The walk of a commit is last line first. */
    for (size_t i = c->removes.n; i-- > 0;) {
        const acted *before = &c->removes.at[i], *after = tarn_map_get(&added, before->path);
        if (after) {
            TRY(give_vectors(cx, f, before, after));
            tarn_map_put(&added, f->arena, before->path, NULL);
        } else {
            TRY(give(cx, f, TARN_ROWS_DELETED, before, before->dv, NULL));
        }
    }
    for (size_t i = c->adds.n; i-- > 0;) {
        const acted *add = &c->adds.at[i];
        if (tarn_map_get(&added, add->path) == add) TRY(give(cx, f, TARN_ROWS_INSERTED, add, add->dv, NULL));
    }
    return TARN_OK;
}

static tarn_code give_commit(tarn_cx *cx, feed *f, const tarn_delta_commit *commit, bool *enabled) {
    commit_rows c = {.arena = f->arena, .info.timestamp_ms = commit->mtime_ms};
    TRY(tarn_delta_commit_walk(cx, f->end->table->store, f->arena, tarn_delta_commit_key(f->arena, commit), collect,
                               &c));
    if (c.meta) *enabled = tarn_delta_conf_true(c.meta, "delta.enableChangeDataFeed");
    f->version = commit->version;
    f->timestamp_us = c.info.timestamp_ms * 1000; /* as its writer said: the files of a copied table have new times */
    f->rewritten = !*enabled && c.adds.n && c.removes.n;
    for (size_t i = c.recorded.n; i-- > 0;) TRY(give(cx, f, TARN_ROWS_RECORDED, &c.recorded.at[i], NULL, NULL));
    return c.recorded.n ? TARN_OK : give_files(cx, f, &c);
}

/* The first version a feed from `at` has. */
static tarn_code first_version(tarn_cx *cx, tarn_snapshot *end, const tarn_at *at, const tarn_delta_log *log,
                               int64_t *out) {
    tarn_delta_snapshot *s = tarn_delta_of(end);
    *out = at->version;
    if (at->kind == TARN_AT_TIMESTAMP) {
        int64_t first = log->commits.n ? log->commits.at[0].mtime_ms : 0;
        *out = log->commits.n ? log->commits.at[0].version : 0;
        if (at->timestamp_us > first * 1000) {
            TRY(tarn_delta_log_at(cx, end->table->store, &s->meta, at->timestamp_us - 1, out));
            ++*out;
        }
    } else if (at->kind != TARN_AT_VERSION) {
        return tarn_fail(cx, TARN_INVALID, "a change feed begins at a version or a time");
    }
    if (*out > end->version)
        return tarn_fail(cx, TARN_NOTFOUND,
                         "the change feed would begin at version %lld, after version %lld where it ends",
                         (long long)*out, (long long)end->version);
    if (!log->commits.n || *out < log->commits.at[0].version)
        return tarn_fail(cx, TARN_NOTFOUND,
                         "the commits from version %lld on are not there any more; the first is %lld", (long long)*out,
                         (long long)(log->commits.n ? log->commits.at[0].version : end->version + 1));
    return TARN_OK;
}

/* Whether changes were being recorded when `version` was written. */
static tarn_code was_enabled(tarn_cx *cx, tarn_snapshot *end, int64_t version, bool *out) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) first = NULL;
    tarn_at at = {.kind = TARN_AT_VERSION, .version = version};
    TRY(tarn_delta_open(cx, end->table, &at, NULL, &first));
    *out = tarn_delta_conf_true(&tarn_delta_of(first)->meta, "delta.enableChangeDataFeed");
    return TARN_OK;
}

tarn_code tarn_delta_changes(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                             tarn_changed_files *out) {
    tarn_delta_log log = {0};
    feed f = {.end = end, .arena = arena, .out = out};
    int64_t next, limit = tarn_conf_int(cx->conf, TARN_LIMIT_FILES);
    bool enabled = false;
    TRY(tarn_delta_log_commits(cx, end->table->store, cx->arena, &log));
    TRY(first_version(cx, end, from, &log, &next));
    TRY(was_enabled(cx, end, next, &enabled));
    for (size_t i = 0; i < log.commits.n && next <= end->version; i++) {
        const tarn_delta_commit *commit = &log.commits.at[i];
        if (commit->version < next) continue;
        if (commit->version > next) break;
        TRY(tarn_check(cx));
        TRY(give_commit(cx, &f, commit, &enabled));
        if (out->n > (size_t)limit)
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_LIMIT, "the change feed spans more than %lld files", (long long)limit),
                             "ask for fewer versions at a time, or raise limit.files");
        next++;
    }
    if (next <= end->version)
        return tarn_fail(cx, TARN_CORRUPT, "versions not contiguous: %lld is missing", (long long)next);
    return TARN_OK;
}
