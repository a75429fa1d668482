/* fake_format_test.h: a table format in memory for the tests beside: a schema and a list of files. */
#ifndef TARN_TABLE_FAKE_FORMAT_TEST_H
#define TARN_TABLE_FAKE_FORMAT_TEST_H

#include "format/format.h"

typedef struct fake_file {
    tarn_file file;
    tarn_roaring64 *deleted;
    const tarn_leaf_stats *stats;
    size_t n_stats;
} fake_file;

typedef struct fake_snapshot {
    tarn_snapshot base;
    TARN_VEC(const tarn_file *) files;
    TARN_VEC(fake_file *) owned;
    bool by_field_id, two_groups;
} fake_snapshot;

static inline tarn_code fake_files(tarn_cx *cx, tarn_snapshot *s, const tarn_expr *where, tarn_file_list *out) {
    fake_snapshot *f = (fake_snapshot *)s;
    (void)where;
    for (size_t i = 0; i < f->files.n; i++) {
        *TARN_PUSH(cx->arena, &out->files) = f->files.at[i];
        out->bytes += f->files.at[i]->size;
    }
    out->total_files = (int64_t)f->files.n;
    return TARN_OK;
}

static inline tarn_code fake_groups(tarn_cx *cx, tarn_snapshot *s, const tarn_file *const *files, size_t n,
                                    tarn_file_group **out, size_t *n_out) {
    fake_snapshot *f = (fake_snapshot *)s;
    tarn_column_map *columns = TARN_NEW_ARRAY(cx->arena, tarn_column_map, s->schema->n_fields);
    for (size_t i = 0; i < s->schema->n_fields; i++) {
        columns[i] = (tarn_column_map){.field = &s->schema->fields[i], .partition = -1};
        for (size_t k = 0; k < s->n_partition; k++)
            if (s->partition[k].column == (int)i) columns[i].partition = (int)k;
    }
    size_t groups = f->two_groups ? 2 : 1;
    tarn_file_group *g = TARN_NEW_ARRAY(cx->arena, tarn_file_group, groups);
    /* The second half first, so that a scan's order differs from its caller's. */
    for (size_t i = 0, end = n; i < groups; i++) {
        size_t begin = i + 1 == groups ? 0 : n / 2;
        g[i] = (tarn_file_group){.columns = columns, .n_columns = s->schema->n_fields, .by_field_id = f->by_field_id};
        g[i].files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, end - begin);
        for (size_t k = begin; k < end; k++) g[i].files[g[i].n_files++] = files[k];
        end = begin;
    }
    *out = g;
    *n_out = groups;
    return TARN_OK;
}

static inline tarn_code fake_deleted(tarn_cx *cx, tarn_snapshot *s, const tarn_file *file, tarn_roaring64 **out) {
    (void)cx;
    (void)s;
    *out = tarn_roaring64_copy(((const fake_file *)file)->deleted);
    return TARN_OK;
}

static inline void fake_free(tarn_snapshot *s) {
    fake_snapshot *f = (fake_snapshot *)s;
    for (size_t i = 0; i < f->owned.n; i++) tarn_roaring64_free(f->owned.at[i]->deleted);
    tarn_arena_free(s->arena);
}

static inline tarn_code fake_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change) {
    (void)cx, (void)table, (void)base, (void)change;
    return TARN_OK;
}

static inline tarn_code fake_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base,
                                    const tarn_change *change, int64_t *version) {
    (void)cx, (void)table, (void)change;
    *version = base->version + 1;
    return TARN_OK;
}

static inline fake_file *fake_add(fake_snapshot *s, const char *path, int64_t rows, const tarn_value *partition) {
    fake_file *f = TARN_NEW(s->base.arena, fake_file);
    f->file.path = tarn_str_of(tarn_arena_strdup(s->base.arena, path));
    f->file.rows = rows;
    f->file.ordinal = (uint32_t)s->files.n;
    if (s->base.n_partition) {
        tarn_value *copy = TARN_NEW_ARRAY(s->base.arena, tarn_value, s->base.n_partition);
        for (size_t i = 0; i < s->base.n_partition; i++) {
            copy[i] = partition[i];
            bool text = partition[i].kind == TARN_STRING && !partition[i].null;
            if (text) copy[i].s.p = tarn_arena_strndup(s->base.arena, partition[i].s.p, partition[i].s.n);
        }
        f->file.partition = copy;
    }
    *TARN_PUSH(s->base.arena, &s->files) = &f->file;
    *TARN_PUSH(s->base.arena, &s->owned) = f;
    return f;
}

/* Positions deleted in a file, more than there were. */
static inline void fake_delete(fake_snapshot *s, fake_file *f, uint64_t row) {
    tarn_deletes *d = TARN_NEW(s->base.arena, tarn_deletes);
    if (!f->deleted) f->deleted = tarn_roaring64_new();
    tarn_roaring64_add(f->deleted, row);
    d->rows = (int64_t)tarn_roaring64_cardinality(f->deleted);
    f->file.deletes = d;
}

static inline tarn_code fake_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                                   tarn_snapshot **out) {
    fake_snapshot *old = (fake_snapshot *)base, *s = (fake_snapshot *)tarn_snapshot_new(base->table, sizeof *s);
    (void)cx;
    s->base.version = version;
    s->base.schema = change->schema ? change->schema : base->schema;
    s->base.partition = base->partition;
    s->base.n_partition = base->n_partition;
    s->base.checks = base->checks;
    s->base.n_checks = base->n_checks;
    s->by_field_id = old->by_field_id;
    for (size_t i = 0; i < old->files.n; i++) {
        const fake_file *was = (const fake_file *)old->files.at[i];
        bool gone = false;
        for (size_t k = 0; k < change->removes.n; k++) gone = gone || change->removes.at[k] == old->files.at[i];
        if (gone) continue;
        fake_file *f = fake_add(s, tarn_arena_strndup(s->base.arena, was->file.path.p, was->file.path.n),
                                was->file.rows, was->file.partition);
        f->file.size = was->file.size;
        if (was->deleted) {
            f->deleted = tarn_roaring64_copy(was->deleted);
            f->file.deletes = was->file.deletes;
        }
    }
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *a = &change->adds.at[i];
        fake_file *f = fake_add(s, a->path, a->rows, a->partition);
        f->file.size = a->size;
        f->stats = a->stats;
        f->n_stats = a->n_stats;
    }
    *out = &s->base;
    return TARN_OK;
}

static inline tarn_code fake_needed(tarn_cx *cx, tarn_snapshot *s, int64_t retention_ms,
                                    void (*keep)(void *state, tarn_str key), void *state) {
    fake_snapshot *f = (fake_snapshot *)s;
    (void)cx, (void)retention_ms;
    for (size_t i = 0; i < f->files.n; i++) keep(state, f->files.at[i]->path);
    return TARN_OK;
}

static inline int64_t fake_retention(tarn_snapshot *s) {
    (void)s;
    return 7 * 86400000LL;
}

static void fake_bounds(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path,
                        tarn_bounds *out) {
    (void)snapshot, (void)file, (void)column, (void)path;
    *out = (tarn_bounds){.rows = -1, .nulls = -1};
}

static const tarn_format fake_format = {
    .name = "fake",
    .title = "Fake",
    .data_folder = "",
    .data_prefix = "part-",
    .features = TARN_CAN_WRITE,
    .free = fake_free,
    .files = fake_files,
    .groups = fake_groups,
    .bounds = fake_bounds,
    .deleted = fake_deleted,
    .prepare = fake_prepare,
    .commit = fake_commit,
    .apply = fake_apply,
    .needed = fake_needed,
    .retention_ms = fake_retention,
};

#endif
