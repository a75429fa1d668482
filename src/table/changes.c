/* changes.c: the change feed as a snapshot: the table's changed files, with what the feed says of their rows as
 * partition values. */
#include "table/changes.h"

#include "base/map.h"

enum { CHANGE_TYPE, CHANGE_VERSION, CHANGE_TIME, CHANGE_REWRITTEN, CHANGE_COLUMNS };

/* One file of the feed. The same file may be there several times: with other rows, for other commits. */
typedef struct item {
    tarn_file file; /* first */
    tarn_deletes deletes;
    tarn_file inner; /* as its own snapshot knows it; its address is the item's alone */
    const tarn_changed_file *change;
} item;

typedef struct changes {
    tarn_snapshot base; /* first */
    tarn_snapshot *end, *start;
    size_t n_own; /* columns of the table */
    size_t n_own_partition;
    tarn_changed_files list;
    item *items;
    int64_t bytes;
} changes;

static void free_changes(tarn_snapshot *snapshot) {
    changes *c = (changes *)snapshot;
    for (size_t i = 0; i < c->list.n; i++) {
        tarn_roaring64_free(c->list.at[i].rows);
        tarn_snapshot_release(c->list.at[i].of);
    }
    tarn_snapshot_release(c->end);
    tarn_snapshot_release(c->start);
    tarn_arena_free(snapshot->arena);
}

static const item *item_of(const tarn_file *file) { return (const item *)file; }

static void bounds(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path, tarn_bounds *out) {
    *out = (tarn_bounds){.rows = -1, .nulls = -1};
    for (size_t i = 0; !path && i < snapshot->n_partition; i++) {
        const tarn_value *v = &file->partition[i];
        const tarn_partition_field *f = &snapshot->partition[i];
        if (f->column != column || f->transform != TARN_IDENTITY || f->path || (v->null && file->other_layout))
            continue;
        /* A recorded file's change type is not known from outside; null stands for that. */
        if (item_of(file)->change->kind == TARN_ROWS_RECORDED && i == ((changes *)snapshot)->n_own_partition) return;
        out->rows = 1;
        out->nulls = v->null;
        if (v->null) return;
        out->min = out->max = *v;
        out->has_min = out->has_max = out->exact = true;
        out->maybe_nan = (v->kind == TARN_FLOAT32 || v->kind == TARN_FLOAT64) && v->f != v->f;
    }
}

typedef struct probe {
    tarn_snapshot *snapshot;
    const tarn_file *file;
} probe;

static void probe_bounds(void *state, int column, const char *path, tarn_bounds *out) {
    const probe *p = state;
    bounds(p->snapshot, p->file, column, path, out);
}

static tarn_code find_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out) {
    changes *c = (changes *)snapshot;
    tarn_file_list list = {.total_files = (int64_t)c->list.n, .total_bytes = c->bytes};
    for (size_t i = 0; i < c->list.n; i++) {
        probe p = {snapshot, &c->items[i].file};
        if ((i & 1023) == 0) TRY(tarn_check(cx));
        if (!tarn_may_match(where, probe_bounds, &p)) {
            list.pruned_by_partition++;
            continue;
        }
        *TARN_PUSH(cx->arena, &list.files) = p.file;
        list.bytes += p.file->size;
    }
    *out = list;
    return TARN_OK;
}

/* A group of the table's own, with the feed's columns. */
static void extend_group(tarn_cx *cx, const changes *c, const tarn_map *items, bool recorded, tarn_file_group *group) {
    size_t n_more = c->base.schema->n_fields - c->n_own;
    tarn_column_map *more = TARN_NEW_ARRAY(cx->arena, tarn_column_map, n_more);
    const tarn_file **files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, group->n_files);
    for (size_t i = 0; i < n_more; i++)
        more[i] = (tarn_column_map){.field = &c->base.schema->fields[c->n_own + i],
                                    .partition = (int)(c->n_own_partition + i)};
    if (recorded) more[CHANGE_TYPE].partition = -1;
    if (recorded) group->by_field_id = false; /* _change_type has no id */
    tarn_group_widen(cx->arena, group, more, n_more);
    tarn_column_map *columns = (tarn_column_map *)(uintptr_t)group->columns;
    for (size_t i = 0; i < group->n_columns + group->n_extra; i++)
        if (columns[i].partition >= (int)c->n_own_partition && (i < c->n_own || i >= group->n_columns))
            columns[i].partition += (int)(c->base.n_partition - c->n_own_partition);
    for (size_t i = 0; i < group->n_files; i++) {
        const tarn_file *inner = group->files[i];
        files[i] = tarn_map_get(items, TARN_KEY_OF(inner));
    }
    group->files = files;
}

static tarn_code split(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                       tarn_file_group **out, size_t *n_out) {
    changes *c = (changes *)snapshot;
    TARN_VEC(tarn_file_group) all = {0};
    tarn_map items = {0};
    const tarn_file **inner = TARN_NEW_ARRAY(cx->arena, const tarn_file *, n);
    for (int recorded = 0; recorded < 2; recorded++) {
        tarn_file_group *groups = NULL;
        size_t n_inner = 0, n_groups = 0;
        for (size_t i = 0; i < n; i++) {
            const item *it = item_of(files[i]);
            if ((it->change->kind == TARN_ROWS_RECORDED) != recorded) continue;
            const tarn_file *key = inner[n_inner++] = &it->inner;
            const tarn_file **slot = TARN_NEW(cx->arena, const tarn_file *);
            *slot = key;
            tarn_map_put(&items, cx->arena, (tarn_str){(const char *)slot, sizeof *slot}, (void *)(uintptr_t)files[i]);
        }
        if (n_inner) TRY(c->end->format->groups(cx, c->end, inner, n_inner, &groups, &n_groups));
        for (size_t g = 0; g < n_groups; g++) {
            extend_group(cx, c, &items, recorded, &groups[g]);
            *TARN_PUSH(cx->arena, &all) = groups[g];
        }
    }
    *out = all.at;
    *n_out = all.n;
    return TARN_OK;
}

/* Of a file with chosen rows all others count as deleted. */
static tarn_code deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file, tarn_roaring64 **out) {
    (void)snapshot;
    const tarn_changed_file *change = item_of(file)->change;
    const tarn_file *inner = &item_of(file)->inner;
    uint64_t last = 0;
    if (!change->rows) return change->of->format->deleted(cx, change->of, inner, out);
    tarn_roaring64_max(change->rows, &last);
    tarn_roaring64 *others = tarn_roaring64_new();
    tarn_roaring64_add_range(others, 0, inner->rows > (int64_t)last ? (uint64_t)inner->rows : (uint64_t)1 << 40);
    tarn_roaring64_and_not(others, change->rows);
    *out = others;
    return TARN_OK;
}

/* A snapshot's vtable; the table behind it keeps its own format. */
static const tarn_format feed = {
    .name = "changes",
    .title = "Change feed",
    .free = free_changes,
    .files = find_files,
    .groups = split,
    .bounds = bounds,
    .deleted = deleted,
};

static tarn_code add_columns(tarn_cx *cx, changes *c, bool raw) {
    static const struct {
        const char *name;
        tarn_kind kind;
    } columns[CHANGE_COLUMNS] = {{TARN_CHANGE_TYPE, TARN_STRING},
                                 {TARN_CHANGE_VERSION, TARN_INT64},
                                 {TARN_CHANGE_TIME, TARN_TIMESTAMP},
                                 {TARN_CHANGE_REWRITTEN, TARN_BOOL}};
    const tarn_snapshot *end = c->end;
    tarn_arena *arena = c->base.arena;
    size_t n = raw ? CHANGE_COLUMNS : CHANGE_REWRITTEN;
    tarn_field *fields = TARN_NEW_ARRAY(arena, tarn_field, end->schema->n_fields + n);
    tarn_partition_field *partition = TARN_NEW_ARRAY(arena, tarn_partition_field, end->n_partition + n);
    memcpy(fields, end->schema->fields, end->schema->n_fields * sizeof *fields);
    if (end->n_partition) memcpy(partition, end->partition, end->n_partition * sizeof *partition);
    for (size_t i = 0; i < n; i++) {
        if (tarn_schema_find(end->schema, tarn_str_of(columns[i].name)) >= 0)
            return tarn_fail(cx, TARN_INVALID, "the table has a column %s of its own, which the change feed needs",
                             columns[i].name);
        fields[end->schema->n_fields + i] = (tarn_field){
            .name = columns[i].name, .type = tarn_type_new(arena, columns[i].kind), .nullable = true, .id = -1};
        partition[end->n_partition + i] =
            (tarn_partition_field){.name = columns[i].name, .column = (int)(end->schema->n_fields + i)};
    }
    tarn_type *schema = tarn_type_new(arena, TARN_STRUCT);
    schema->fields = fields;
    schema->n_fields = end->schema->n_fields + n;
    c->n_own = end->schema->n_fields;
    c->n_own_partition = end->n_partition;
    c->base.schema = schema;
    c->base.partition = partition;
    c->base.n_partition = end->n_partition + n;
    return TARN_OK;
}

/* The table's own, the feed's, and those that the format keeps for itself: null where an older snapshot has fewer. */
static const tarn_value *partition_values(changes *c, const tarn_changed_file *change) {
    static const char *const types[] = {"insert", "delete", NULL};
    const char *type = types[change->kind];
    size_t n_more = c->end->n_more, known = change->of->n_more < n_more ? change->of->n_more : n_more;
    tarn_value *values = TARN_NEW_ARRAY(c->base.arena, tarn_value, c->base.n_partition + n_more);
    tarn_value *own = values + c->n_own_partition, *more = values + c->base.n_partition;
    if (c->n_own_partition) memcpy(values, change->file->partition, c->n_own_partition * sizeof *values);
    for (size_t i = 0; i < n_more; i++)
        more[i] = i < known ? change->file->partition[c->n_own_partition + i] : (tarn_value){.null = true};
    own[CHANGE_TYPE] = (tarn_value){.kind = TARN_STRING, .null = !type, .s = tarn_str_of(type)};
    own[CHANGE_VERSION] = (tarn_value){.kind = TARN_INT64, .i = change->version};
    own[CHANGE_TIME] = (tarn_value){.kind = TARN_TIMESTAMP, .i = change->timestamp_us};
    if (c->base.n_partition > c->n_own_partition + CHANGE_REWRITTEN)
        own[CHANGE_REWRITTEN] = (tarn_value){.kind = TARN_BOOL, .b = change->rewritten};
    return values;
}

static void add_items(changes *c) {
    c->items = TARN_NEW_ARRAY(c->base.arena, item, c->list.n);
    for (size_t i = 0; i < c->list.n; i++) {
        const tarn_changed_file *change = &c->list.at[i];
        item *it = &c->items[i];
        it->change = change;
        it->inner = *change->file;
        it->file = *change->file;
        it->file.ordinal = (uint32_t)i;
        it->file.partition = partition_values(c, change);
        if (change->rows) {
            int64_t chosen = (int64_t)tarn_roaring64_cardinality(change->rows);
            it->deletes = (tarn_deletes){.rows = it->file.rows > chosen ? it->file.rows - chosen : 0};
            it->file.deletes = &it->deletes;
        }
        c->bytes += it->file.size;
    }
}

static changes *begin(tarn_snapshot *end) {
    changes *c = (changes *)tarn_snapshot_new(end->table, sizeof *c);
    c->base.format = &feed;
    c->base.version = end->version;
    c->base.timestamp_ms = end->timestamp_ms;
    c->base.read_only = "it is a change feed";
    c->end = tarn_snapshot_retain(end);
    return c;
}

static tarn_code fill_feed(tarn_cx *cx, changes *c, const tarn_at *from, bool raw, bool *rewritten) {
    TRY(add_columns(cx, c, raw));
    TRY(tarn_snapshot_changes(cx, c->end, from, c->base.arena, &c->list));
    add_items(c);
    *rewritten = false;
    for (size_t i = 0; i < c->list.n; i++) *rewritten |= c->list.at[i].rewritten;
    return TARN_OK;
}

tarn_code tarn_changes_feed(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, bool raw, bool *rewritten,
                            tarn_snapshot **out) {
    changes *c = begin(end);
    tarn_code code = fill_feed(cx, c, from, raw, rewritten);
    if (code == TARN_OK)
        *out = &c->base;
    else
        tarn_snapshot_release(&c->base);
    return code;
}

/* Files with the same path and the same deleted rows have the same rows. */
static tarn_code same_rows(tarn_cx *cx, tarn_snapshot *a, const tarn_file *x, tarn_snapshot *b, const tarn_file *y,
                           bool *same) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) p = NULL;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) q = NULL;
    *same = !x->deletes && !y->deletes;
    bool unlike = !x->deletes || !y->deletes || x->deletes->rows != y->deletes->rows;
    if (unlike || x->deletes->rows < 0) return TARN_OK; /* rows deleted by value are in no bitmap */
    TRY(a->format->deleted(cx, a, x, &p));
    TRY(b->format->deleted(cx, b, y, &q));
    *same = tarn_roaring64_equals(p, q);
    return TARN_OK;
}

static void add_change(changes *c, tarn_snapshot *of, const tarn_file *file, bool inserted) {
    *TARN_PUSH(c->base.arena, &c->list) = (tarn_changed_file){.kind = inserted ? TARN_ROWS_INSERTED : TARN_ROWS_DELETED,
                                                              .version = c->end->version,
                                                              .timestamp_us = c->end->timestamp_ms * 1000,
                                                              .rewritten = true,
                                                              .of = tarn_snapshot_retain(of),
                                                              .file = file};
}

static bool same_partitions(const tarn_snapshot *a, const tarn_snapshot *b) {
    bool same = a->n_partition == b->n_partition;
    for (size_t i = 0; same && i < a->n_partition; i++)
        same = !strcmp(a->partition[i].name, b->partition[i].name) &&
               a->partition[i].transform == b->partition[i].transform &&
               a->schema->fields[a->partition[i].column].type->kind ==
                   b->schema->fields[b->partition[i].column].type->kind;
    return same;
}

static tarn_code fill_difference(tarn_cx *cx, changes *c) {
    tarn_file_list was = {0}, is = {0};
    tarn_map before = {0};
    if (!same_partitions(c->start, c->end))
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "versions %lld and %lld are partitioned differently and cannot be compared",
                         (long long)c->start->version, (long long)c->end->version);
    TRY(add_columns(cx, c, true));
    TRY(tarn_snapshot_files(cx, c->start, NULL, &was));
    TRY(tarn_snapshot_files(cx, c->end, NULL, &is));
    for (size_t i = 0; i < was.files.n; i++)
        tarn_map_put(&before, cx->arena, was.files.at[i]->path, (void *)(uintptr_t)was.files.at[i]);
    for (size_t i = 0; i < is.files.n; i++) {
        const tarn_file *now = is.files.at[i], *then = tarn_map_get(&before, now->path);
        bool same = false;
        if (then) TRY(same_rows(cx, c->start, then, c->end, now, &same));
        if (same) tarn_map_put(&before, cx->arena, now->path, NULL);
        if (!same) add_change(c, c->end, now, true);
    }
    for (size_t i = 0; i < was.files.n; i++)
        if (tarn_map_get(&before, was.files.at[i]->path)) add_change(c, c->start, was.files.at[i], false);
    add_items(c);
    return TARN_OK;
}

tarn_code tarn_changes_between(tarn_cx *cx, tarn_snapshot *from, tarn_snapshot *to, tarn_snapshot **out) {
    changes *c = begin(to);
    bool as_is = !to->format->like || from->format != to->format;
    tarn_code code = as_is ? TARN_OK : to->format->like(cx, from, to, &c->start);
    if (as_is) c->start = tarn_snapshot_retain(from);
    if (code == TARN_OK) code = fill_difference(cx, c);
    if (code == TARN_OK)
        *out = &c->base;
    else
        tarn_snapshot_release(&c->base);
    return code;
}
