/* restore.c: RESTORE: the change that makes a table what an earlier version of it was. */
#include "base/map.h"
#include "base/pool.h"
#include "table/upkeep.h"

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_meta(const tarn_field *a, const tarn_field *b) {
    if (a->n_meta != b->n_meta) return false;
    for (size_t i = 0; i < a->n_meta; i++)
        if (!same_text(a->meta[i].key, b->meta[i].key) || !same_text(a->meta[i].json, b->meta[i].json)) return false;
    return true;
}

/* Beyond tarn_type_eq: what only the metadata of a table holds. */
static bool same_notes(const tarn_type *a, const tarn_type *b) {
    for (size_t i = 0; i < a->n_fields; i++) {
        const tarn_field *f = &a->fields[i], *g = &b->fields[i];
        if (!same_text(f->physical, g->physical) || !same_text(f->comment, g->comment) ||
            !same_text(f->default_sql, g->default_sql))
            return false;
        if (!same_text(f->generated_sql, g->generated_sql) || !same_meta(f, g) || f->key != g->key ||
            !same_notes(f->type, g->type))
            return false;
    }
    return true;
}

static bool same_partitions(const tarn_snapshot *a, const tarn_snapshot *b) {
    if (a->n_partition != b->n_partition) return false;
    for (size_t i = 0; i < a->n_partition; i++)
        if (!same_text(a->schema->fields[a->partition[i].column].name,
                       b->schema->fields[b->partition[i].column].name) ||
            a->partition[i].transform != b->partition[i].transform || a->partition[i].param != b->partition[i].param)
            return false;
    return true;
}

/* Numbers that were given once are never given again. */
static void keep_count(const tarn_schema *now, tarn_field *f) {
    for (size_t i = 0; f->identity && i < now->n_fields; i++) {
        const tarn_field *g = &now->fields[i];
        const tarn_identity *id = g->identity;
        bool same = f->id >= 0 && g->id >= 0 ? f->id == g->id : !strcmp(f->name, g->name);
        if (same && id && id->start == f->identity->start && id->step == f->identity->step) f->identity = id;
    }
}

static void restore_schema(tarn_cx *cx, const tarn_snapshot *base, const tarn_snapshot *past, tarn_change *change) {
    if (tarn_type_eq(base->schema, past->schema) && same_notes(base->schema, past->schema) &&
        same_partitions(base, past))
        return;
    tarn_type *schema = tarn_type_copy(cx->arena, past->schema);
    for (size_t i = 0; i < schema->n_fields; i++) keep_count(base->schema, &schema->fields[i]);
    change->replace = true; /* columns may go and come back, which no evolution of a schema may do */
    change->schema = schema;
    change->partition_by = tarn_snapshot_partition_by(cx->arena, past, past->schema);
    change->n_partition_by = past->n_partition;
    tarn_change_keep_order(change, base);
}

static const tarn_pair *find_pair(const tarn_pair *pairs, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(pairs[i].name, name)) return &pairs[i];
    return NULL;
}

static void add_pair(tarn_arena *arena, tarn_change *change, bool checks, tarn_pair pair) {
    if (checks)
        *TARN_PUSH(arena, &change->checks) = pair;
    else
        *TARN_PUSH(arena, &change->properties) = pair;
}

/* What differs; all of it when the table is replaced. */
static void restore_pairs(tarn_cx *cx, const tarn_snapshot *base, const tarn_snapshot *past, bool checks,
                          tarn_change *change) {
    const tarn_pair *now = checks ? base->checks : base->properties, *then = checks ? past->checks : past->properties;
    size_t n_now = checks ? base->n_checks : base->n_properties, n_then = checks ? past->n_checks : past->n_properties;
    if (change->replace) n_now = 0;
    for (size_t i = 0; i < n_now; i++)
        if (!find_pair(then, n_then, now[i].name)) add_pair(cx->arena, change, checks, (tarn_pair){now[i].name, NULL});
    for (size_t i = 0; i < n_then; i++) {
        const tarn_pair *was = find_pair(now, n_now, then[i].name);
        if (!was || !same_text(was->value, then[i].value)) add_pair(cx->arena, change, checks, then[i]);
    }
}

/* Two states of one data file: the same rows deleted? */
static tarn_code same_deletes(tarn_cx *cx, tarn_snapshot *base, const tarn_file *now, tarn_snapshot *past,
                              const tarn_file *then, bool *same) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) a = NULL;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = NULL;
    *same = !now->deletes && !then->deletes;
    if (*same || !now->deletes || !then->deletes || now->deletes->rows != then->deletes->rows) return TARN_OK;
    TRY(base->format->deleted(cx, base, now, &a));
    TRY(past->format->deleted(cx, past, then, &b));
    *same = tarn_roaring64_equals(a, b);
    return TARN_OK;
}

static tarn_code restore_files(tarn_cx *cx, tarn_snapshot *base, const tarn_file_list *now, tarn_snapshot *past,
                               const tarn_file_list *then, tarn_change *change) {
    tarn_map by_path = {0};
    for (size_t i = 0; i < now->files.n; i++)
        tarn_map_put(&by_path, cx->arena, now->files.at[i]->path, (void *)(uintptr_t)now->files.at[i]);
    for (size_t i = 0; i < then->files.n; i++) {
        const tarn_file *file = then->files.at[i], *same = tarn_map_get(&by_path, file->path);
        bool equal = false;
        TRY(tarn_check(cx));
        if (same) TRY(same_deletes(cx, base, same, past, file, &equal));
        if (equal) {
            tarn_map_put(&by_path, cx->arena, file->path, NULL);
            continue;
        }
        *TARN_PUSH(cx->arena, &change->adds) =
            (tarn_add){.path = tarn_arena_strndup(cx->arena, file->path.p, file->path.n),
                       .size = file->size,
                       .rows = file->rows,
                       .mtime_ms = file->mtime_ms,
                       .partition = file->partition,
                       .from = file};
    }
    for (size_t i = 0; i < now->files.n; i++)
        if (tarn_map_get(&by_path, now->files.at[i]->path)) *TARN_PUSH(cx->arena, &change->removes) = now->files.at[i];
    return TARN_OK;
}

typedef struct checking {
    const tarn_table *table;
    const tarn_snapshot *past;
    const tarn_change *change;
} checking;

/* A file elsewhere (of a clone's source) is not ours to look for. */
static tarn_code check_file(tarn_cx *cx, size_t i, void *state) {
    const checking *c = state;
    const char *path = c->change->adds.at[i].path;
    bool there = true;
    if (path[0] != '/' && !strstr(path, "://")) TRY(tarn_store_exists(cx, c->table->store, path, &there));
    if (there) return TARN_OK;
    return tarn_fail(cx, TARN_NOTFOUND, "RESTORE: version %lld needs the file %s, which is gone; VACUUM has removed it",
                     (long long)c->past->version, path);
}

static void describe(tarn_cx *cx, const tarn_snapshot *past, const tarn_file_list *then, tarn_change *change) {
    int64_t restored = 0, removed = 0;
    for (size_t i = 0; i < change->adds.n; i++) restored += change->adds.at[i].size;
    for (size_t i = 0; i < change->removes.n; i++) removed += change->removes.at[i]->size;
    change->operation = "RESTORE";
    tarn_change_parameter(cx->arena, change, "version", tarn_printf(cx, "%lld", (long long)past->version));
    tarn_change_parameter(cx->arena, change, "timestamp", "null");
    tarn_change_metric(cx->arena, change, "tableSizeAfterRestore", then->bytes);
    tarn_change_metric(cx->arena, change, "numOfFilesAfterRestore", (int64_t)then->files.n);
    tarn_change_metric(cx->arena, change, "numRestoredFiles", (int64_t)change->adds.n);
    tarn_change_metric(cx->arena, change, "restoredFilesSize", restored);
    tarn_change_metric(cx->arena, change, "numRemovedFiles", (int64_t)change->removes.n);
    tarn_change_metric(cx->arena, change, "removedFilesSize", removed);
}

tarn_code tarn_restore(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_snapshot *past,
                       tarn_change *change) {
    tarn_file_list now = {0}, then = {0};
    checking c = {table, past, change};
    TRY(tarn_snapshot_files(cx, base, NULL, &now));
    TRY(tarn_snapshot_files(cx, past, NULL, &then));
    TRY(restore_files(cx, base, &now, past, &then, change));
    TRY(tarn_pool_run(cx, change->adds.n, check_file, &c));
    restore_schema(cx, base, past, change);
    restore_pairs(cx, base, past, false, change);
    restore_pairs(cx, base, past, true, change);
    if (change->replace || !same_text(base->comment, past->comment))
        change->comment = past->comment ? past->comment : "";
    change->read_all = true;
    change->restored = past;
    describe(cx, past, &then, change);
    return TARN_OK;
}
