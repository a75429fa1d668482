/* files.c: files, entries and the like, of one snapshot or of all, as rows. */
#include <stdlib.h>

#include "format/iceberg/tables/tables.h"

/* A leaf of the table's schema, of which files have statistics. */
typedef struct leaf {
    const tarn_field *field;
    const char *name; /* a.b */
} leaf;

typedef struct feed {
    tarn_cx cx; /* its arena holds what is here */
    tarn_iceberg_snapshot *s;
    int told;
    tarn_iceberg_manifest_list manifests;
    size_t at;
    tarn_iceberg_shown_list shown;
    TARN_VEC(leaf) leaves;
    tarn_map names; /* of the leaves, in lower case: the engine takes no two that differ by case alone */
    tarn_rowset *rows;
} feed;

/* COLUMNS. */

static void add_leaf(feed *f, const tarn_field *field, const char *name) {
    tarn_arena *arena = f->cx.arena;
    char *key = tarn_arena_strdup(arena, name);
    for (char *p = key; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
    if (!tarn_map_put(&f->names, arena, tarn_str_of(key), f)) *TARN_PUSH(arena, &f->leaves) = (leaf){field, name};
}

static void add_leaves(feed *f, const tarn_type *type, const char *above) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *field = &type->fields[i];
        const char *name = *above ? tarn_printf(&f->cx, "%s.%s", above, field->name) : field->name;
        if (field->type->kind == TARN_STRUCT)
            add_leaves(f, field->type, name);
        else if (!tarn_type_nested(field->type) && field->type->kind != TARN_VARIANT && field->type->kind != TARN_VOID)
            add_leaf(f, field, name);
    }
}

static void add(feed *f, tarn_iceberg_columns *out, const tarn_rowset_column *columns, size_t n) {
    for (size_t i = 0; i < n; i++) *TARN_PUSH(f->cx.arena, out) = columns[i];
}

#define ADD(...)                                                                                                       \
    do {                                                                                                               \
        static const tarn_rowset_column these[] = {__VA_ARGS__};                                                       \
        add(f, out, these, sizeof these / sizeof *these);                                                              \
    } while (0)

static void add_metrics(feed *f, tarn_iceberg_columns *out) {
    tarn_arena *arena = f->cx.arena;
    if (!f->leaves.n) return;
    ADD({"readable_metrics", "+s"});
    for (size_t i = 0; i < f->leaves.n; i++) {
        *TARN_PUSH(arena, out) = (tarn_rowset_column){f->leaves.at[i].name, "+s"};
        ADD({"column_size", "l"}, {"value_count", "l"}, {"null_value_count", "l"}, {"nan_value_count", "l"});
        *TARN_PUSH(arena, out) = tarn_tell_column(arena, "lower_bound", f->leaves.at[i].field->type);
        *TARN_PUSH(arena, out) = tarn_tell_column(arena, "upper_bound", f->leaves.at[i].field->type);
        ADD({NULL, NULL});
    }
    ADD({NULL, NULL});
}

#define MAP(name, type)                                                                                                \
    {name, "+m"}, {"key", "i"}, { "value", type }
#define LIST(name, type)                                                                                               \
    {name, "+l"}, { "item", type }

static void add_columns(feed *f, tarn_iceberg_columns *out) {
    bool entries = f->told & TARN_TELL_ENTRIES;
    if (entries)
        ADD({"status", "i"}, {"snapshot_id", "l"}, {"sequence_number", "l"}, {"file_sequence_number", "l"},
            {"data_file", "+s"});
    ADD({"content", "i"}, {"file_path", "u"}, {"file_format", "u"}, {"spec_id", "i"});
    tarn_tell_partition_column(f->cx.arena, &f->shown, out);
    ADD({"record_count", "l"}, {"file_size_in_bytes", "l"}, MAP("column_sizes", "l"), MAP("value_counts", "l"),
        MAP("null_value_counts", "l"), MAP("nan_value_counts", "l"), MAP("lower_bounds", "z"), MAP("upper_bounds", "z"),
        LIST("split_offsets", "l"), LIST("equality_ids", "i"), {"sort_order_id", "i"}, {"first_row_id", "l"},
        {"referenced_data_file", "u"}, {"content_offset", "l"}, {"content_size_in_bytes", "l"});
    if (entries) ADD({NULL, NULL});
    add_metrics(f, out);
}

/* ROWS. */

/* The array at a place of the record, entered; NULL: there is none. */
static const tarn_avro_type *enter_array(const tarn_iceberg_entry *e, const char *at, const tarn_avro_type *type,
                                         tarn_avro_cursor *c) {
    if (!at) return NULL;
    *c = tarn_avro_cursor_of((tarn_str){at, (size_t)(e->record.p + e->record.n - at)});
    const tarn_avro_type *array = tarn_avro_enter(c, type);
    return array && array->kind == TARN_AVRO_ARRAY ? array : NULL;
}

static void put_list(tarn_rowset *rows, const tarn_iceberg_entry *e, const char *at, const tarn_avro_type *type) {
    tarn_avro_cursor c;
    const tarn_avro_type *array = enter_array(e, at, type, &c);
    if (!array) return tarn_rowset_null(rows);
    tarn_rowset_enter(rows);
    for (int64_t left = 0; tarn_avro_item(&c, array, &left);) {
        int64_t v = 0;
        tarn_avro_get_long(&c, array->items, &v);
        tarn_rowset_int(rows, v);
    }
    tarn_rowset_leave(rows);
}

static void put_map(tarn_rowset *rows, const tarn_iceberg_entry *e, tarn_iceberg_stats which) {
    tarn_avro_cursor c;
    const tarn_avro_type *array = enter_array(e, e->stats[which].at, e->stats[which].type, &c);
    bool bytes = which == TARN_ICEBERG_LOWER || which == TARN_ICEBERG_UPPER;
    if (!array || array->items->kind != TARN_AVRO_RECORD || array->items->n_fields != 2) return tarn_rowset_null(rows);
    tarn_rowset_enter(rows);
    for (int64_t left = 0; tarn_avro_item(&c, array, &left);) {
        int64_t key = 0, n = 0;
        tarn_str s = {"", 0};
        tarn_avro_get_long(&c, array->items->fields[0].type, &key);
        if (bytes)
            tarn_avro_get_str(&c, array->items->fields[1].type, &s);
        else
            tarn_avro_get_long(&c, array->items->fields[1].type, &n);
        tarn_rowset_int(rows, key);
        if (bytes)
            tarn_rowset_str(rows, (tarn_str){s.p ? s.p : "", s.n});
        else
            tarn_rowset_int(rows, n);
    }
    tarn_rowset_leave(rows);
}

static void put_metrics(const feed *f, const tarn_iceberg_entry *e) {
    static const tarn_iceberg_stats counts[] = {TARN_ICEBERG_SIZES, TARN_ICEBERG_VALUES, TARN_ICEBERG_NULLS,
                                                TARN_ICEBERG_NANS};
    static const tarn_iceberg_stats bounds[] = {TARN_ICEBERG_LOWER, TARN_ICEBERG_UPPER};
    if (!f->leaves.n) return;
    tarn_rowset_enter(f->rows);
    for (size_t i = 0; i < f->leaves.n; i++) {
        const tarn_field *field = f->leaves.at[i].field;
        tarn_rowset_enter(f->rows);
        for (int k = 0; k < 4; k++) {
            int64_t n = -1;
            tarn_tell_known(f->rows, tarn_iceberg_stat_count(e, counts[k], field->id, &n) ? n : -1);
        }
        for (int k = 0; k < 2; k++) {
            tarn_value v;
            tarn_str s;
            bool known = tarn_iceberg_stat_bound(e, bounds[k], field->id, &s) && tarn_iceberg_value(s, field->type, &v);
            tarn_tell_value(f->rows, known ? &v : NULL, field->type);
        }
    }
}

static void put_file(const feed *f, const tarn_iceberg_entry *e, int64_t first_row_id,
                     const tarn_iceberg_tuple *tuple) {
    tarn_rowset *rows = f->rows;
    tarn_rowset_int(rows, e->content);
    tarn_rowset_str(rows, e->path);
    tarn_rowset_str(rows, e->format);
    tarn_rowset_int(rows, tuple->spec_id);
    tarn_tell_partition(f->s, &f->shown, tuple, rows);
    tarn_tell_known(rows, e->rows);
    tarn_tell_known(rows, e->size);
    for (int k = 0; k < TARN_ICEBERG_N_STATS; k++) put_map(rows, e, (tarn_iceberg_stats)k);
    put_list(rows, e, e->split_offsets.at, e->split_offsets.type);
    put_list(rows, e, e->equality_ids.at, e->equality_ids.type);
    tarn_tell_known(rows, e->sort_order);
    tarn_tell_known(rows, first_row_id);
    tarn_rowset_str(rows, e->referenced);
    tarn_tell_known(rows, e->offset);
    tarn_tell_known(rows, e->length);
}

static tarn_code put_entry(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *e, int64_t first_row_id,
                           const tarn_iceberg_tuple *tuple) {
    const feed *f = walk->state;
    if (f->told & TARN_TELL_ENTRIES) {
        tarn_rowset_int(f->rows, e->status);
        tarn_tell_known(f->rows, e->snapshot_id);
        tarn_tell_known(f->rows, e->sequence);
        tarn_tell_known(f->rows, e->file_sequence);
        tarn_rowset_enter(f->rows);
    }
    put_file(f, e, first_row_id, tuple);
    put_metrics(f, e);
    return tarn_check(cx);
}

static tarn_code read_next(feed *f) {
    tarn_cx own;
    tarn_auto(tarn_arena *, tarn_arena_freep) keep = tarn_arena_new();
    tarn_cx_fork(&f->cx, &own);
    tarn_iceberg_walk walk = {.s = f->s,
                              .manifest = f->manifests.at[f->at++],
                              .keep = keep,
                              .deleted = f->told & TARN_TELL_ENTRIES,
                              .fn = put_entry,
                              .state = f};
    tarn_code code = tarn_iceberg_walk_manifest(&own, &walk);
    f->cx.error = own.error;
    tarn_cx_done(&own);
    return code;
}

static void more(void *state, tarn_rowset *rows) {
    feed *f = state;
    f->rows = rows;
    while (f->at < f->manifests.n && !tarn_rowset_count(rows))
        if (read_next(f) != TARN_OK) return tarn_rowset_fail(rows, &f->cx.error);
}

static void end(void *state) {
    feed *f = state;
    tarn_snapshot_release(&f->s->base);
    tarn_cx_done(&f->cx);
    free(f);
}

tarn_code tarn_tell_find_manifests(tarn_cx *cx, tarn_arena *arena, tarn_iceberg_snapshot *s, int told,
                                   tarn_iceberg_manifest_list *out) {
    tarn_map seen = {0};
    int wanted[] = {told & TARN_TELL_DATA, told & TARN_TELL_DELETES};
    if (!(told & TARN_TELL_ALL)) {
        TRY(tarn_iceberg_list(cx, s));
        for (size_t i = 0; i < s->n_slots; i++)
            if (wanted[s->slots[i].manifest->deletes]) *TARN_PUSH(arena, out) = s->slots[i].manifest;
        return TARN_OK;
    }
    for (size_t i = 0; i < s->meta.versions.n; i++) {
        tarn_iceberg_manifests list = {0};
        TRY(tarn_check(cx));
        TRY(tarn_iceberg_manifests_read(cx, arena, s->base.table->store, &s->meta, &s->meta.versions.at[i], &list));
        for (size_t k = 0; k < list.n; k++)
            if (wanted[list.at[k].deletes] && !tarn_map_put(&seen, arena, list.at[k].path, out))
                *TARN_PUSH(arena, out) = &list.at[k];
    }
    return TARN_OK;
}

tarn_code tarn_tell_files(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out) {
    tarn_iceberg_columns columns = {0};
    feed *f = calloc(1, sizeof *f);
    if (!f) abort();
    tarn_cx_fork(cx, &f->cx);
    f->s = tarn_iceberg_of(tarn_snapshot_retain(&s->base));
    f->told = told;
    tarn_code code = tarn_tell_find_manifests(&f->cx, f->cx.arena, s, told, &f->manifests);
    if (code != TARN_OK) {
        cx->error = f->cx.error;
        end(f);
        return code;
    }
    tarn_tell_shown(f->cx.arena, s, &f->shown);
    add_leaves(f, s->base.schema, "");
    add_columns(f, &columns);
    *out = tarn_rowset_new(columns.at, columns.n);
    tarn_rowset_feed(*out, more, end, f);
    return TARN_OK;
}
