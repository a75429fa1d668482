/* format.c: checked calls of a format's callbacks, and the life of a snapshot. */
#include "format/format.h"

#include <stdlib.h>

static tarn_code named(tarn_cx *cx, const tarn_table *table, tarn_code code) {
    return tarn_prefix(cx, code, "%s table %s", table->format->name, table->name ? table->name : table->location);
}

tarn_code tarn_table_open(tarn_cx *cx, const tarn_table *table, const tarn_at *at, tarn_snapshot *prev,
                          tarn_snapshot **out) {
    static const tarn_at latest = {.kind = TARN_AT_LATEST};
    if (!table->format || !table->store)
        return tarn_fail(cx, TARN_INTERNAL, "a table was opened without format or store");
    if (prev && prev->table->format != table->format) prev = NULL;
    tarn_snapshot *snapshot = NULL;
    tarn_code code = table->format->open(cx, table, at ? at : &latest, prev, &snapshot);
    TRY(named(cx, table, code));
    *out = snapshot;
    return TARN_OK;
}

tarn_snapshot *tarn_snapshot_new(const tarn_table *table, size_t size) {
    tarn_arena *arena = tarn_arena_new();
    tarn_snapshot *snapshot = tarn_arena_alloc(arena, size);
    snapshot->format = table->format;
    snapshot->table = table;
    snapshot->arena = arena;
    snapshot->version = -1;
    snapshot->own_id = -1;
    atomic_init(&snapshot->refs, 1);
    return snapshot;
}

tarn_snapshot *tarn_snapshot_retain(tarn_snapshot *snapshot) {
    if (snapshot) atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void tarn_snapshot_release(tarn_snapshot *snapshot) {
    if (!snapshot) return;
    if (atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1) snapshot->format->free(snapshot);
}

tarn_code tarn_snapshot_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out) {
    tarn_file_list list = {0};
    tarn_code code = snapshot->format->files(cx, snapshot, where, &list);
    TRY(named(cx, snapshot->table, code));
    tarn_count(cx, files_total, list.total_files);
    tarn_count(cx, files_pruned, list.total_files - (int64_t)list.files.n);
    *out = list;
    return TARN_OK;
}

tarn_code tarn_snapshot_count(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files) {
    if (snapshot->format->count) return named(cx, snapshot->table, snapshot->format->count(cx, snapshot, files));
    tarn_file_list list = {0};
    TRY(named(cx, snapshot->table, snapshot->format->files(cx, snapshot, NULL, &list)));
    *files = list.total_files;
    return TARN_OK;
}

const tarn_partition_by *tarn_snapshot_partition_by(tarn_arena *arena, const tarn_snapshot *snapshot,
                                                    const tarn_schema *schema) {
    tarn_partition_by *by = TARN_NEW_ARRAY(arena, tarn_partition_by, snapshot->n_partition);
    for (size_t i = 0; i < snapshot->n_partition; i++) {
        const tarn_partition_field *f = &snapshot->partition[i];
        by[i] =
            (tarn_partition_by){f->name, f->path ? f->path : schema->fields[f->column].name, f->transform, f->param};
    }
    return by;
}

tarn_code tarn_snapshot_ancestors(tarn_cx *cx, tarn_snapshot *snapshot, tarn_ancestor **out, size_t *n) {
    return named(cx, snapshot->table, snapshot->format->ancestors(cx, snapshot, out, n));
}

tarn_code tarn_snapshot_pick(tarn_cx *cx, tarn_snapshot *base, tarn_pick *pick, tarn_change *change) {
    return named(cx, base->table, base->format->pick(cx, base, pick, change));
}

void tarn_change_keep_order(tarn_change *change, const tarn_snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_sort_by; i++) {
        const char *column = snapshot->sort_by[i].by.column;
        const tarn_field *was = tarn_schema_path(snapshot->schema, tarn_str_of(column)),
                         *is = tarn_schema_path(change->schema, tarn_str_of(column));
        if (!was || !is || was->type->kind != is->type->kind) return;
    }
    change->sort_by = snapshot->sort_by;
    change->n_sort_by = snapshot->n_sort_by;
}

const char *tarn_snapshot_property(const tarn_snapshot *snapshot, const char *name) {
    for (size_t i = 0; i < snapshot->n_properties; i++)
        if (!strcmp(snapshot->properties[i].name, name)) return snapshot->properties[i].value;
    return NULL;
}

tarn_code tarn_snapshot_writable(tarn_cx *cx, const tarn_snapshot *snapshot) {
    if (!snapshot->read_only) return TARN_OK;
    const tarn_table *table = snapshot->table;
    return tarn_fail(cx, TARN_UNSUPPORTED, "%s table %s is read-only: %s", table->format->name,
                     table->name ? table->name : table->location, snapshot->read_only);
}

static tarn_code check_transforms(tarn_cx *cx, const tarn_format *format, const tarn_change *change) {
    bool able = format->features & TARN_CAN_TRANSFORM;
    for (size_t i = 0; !able && i < change->n_partition_by; i++)
        if (change->partition_by[i].transform != TARN_IDENTITY)
            return tarn_hint(cx, tarn_format_require(cx, format, TARN_CAN_TRANSFORM, "hidden partitioning"),
                             "partition by a generated column: day DATE GENERATED ALWAYS AS (CAST(ts AS DATE))");
    if (change->resort)
        TRY(tarn_format_require(cx, format, TARN_CAN_SORT, "order of their own: OPTIMIZE … ZORDER BY orders rows"));
    if (change->repartition && !able)
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "%s tables cannot change their partitioning: CREATE OR REPLACE TABLE … AS SELECT does",
                         format->name);
    return TARN_OK;
}

tarn_code tarn_table_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change) {
    TRY(tarn_format_require(cx, table->format, TARN_CAN_WRITE, "writing"));
    TRY(check_transforms(cx, table->format, change));
    return named(cx, table, table->format->prepare(cx, table, base, change));
}

tarn_code tarn_table_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                             tarn_history_entry **out, size_t *n) {
    if (ref) TRY(tarn_format_require(cx, table->format, TARN_CAN_BRANCH, "branches and tags"));
    return named(cx, table, table->format->history(cx, table, ref, limit, out, n));
}

tarn_code tarn_snapshot_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                              tarn_snapshot **out) {
    return named(cx, base->table, base->format->apply(cx, base, change, version, out));
}

tarn_code tarn_snapshot_detail(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out) {
    return named(cx, snapshot->table, snapshot->format->detail(cx, snapshot, out));
}

tarn_code tarn_snapshot_metadata_table(tarn_cx *cx, tarn_snapshot *snapshot, const char *name, tarn_rowset **out) {
    *out = NULL;
    if (!snapshot->format->metadata_table) return TARN_OK;
    return named(cx, snapshot->table, snapshot->format->metadata_table(cx, snapshot, name, out));
}

tarn_code tarn_snapshot_app_version(tarn_cx *cx, tarn_snapshot *snapshot, const char *app_id, int64_t *version) {
    *version = -1;
    if (!snapshot->format->app_version) return TARN_OK;
    return named(cx, snapshot->table, snapshot->format->app_version(cx, snapshot, app_id, version));
}

tarn_code tarn_snapshot_changes(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                                tarn_changed_files *out) {
    if (!end->format->changes)
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s tables have no change feed", end->format->name);
    return named(cx, end->table, end->format->changes(cx, end, from, arena, out));
}

tarn_code tarn_snapshot_unneeded(tarn_cx *cx, tarn_snapshot *before, tarn_snapshot *after, tarn_unneeded_fn *each,
                                 void *state) {
    if (!before->format->unneeded)
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s tables do not forget versions one by one", before->format->name);
    return named(cx, before->table, before->format->unneeded(cx, before, after, each, state));
}
