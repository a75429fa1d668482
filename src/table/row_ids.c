/* row_ids.c: a snapshot whose rows have their ids as columns. */
#include "table/row_ids.h"

enum { ADDED = 2 };

typedef struct with_ids {
    tarn_snapshot base; /* first */
    tarn_snapshot *inner;
} with_ids;

static tarn_snapshot *inner_of(tarn_snapshot *s) { return ((with_ids *)s)->inner; }

static void free_with_ids(tarn_snapshot *s) {
    tarn_snapshot_release(inner_of(s));
    tarn_arena_free(s->arena);
}

static tarn_code count_files(tarn_cx *cx, tarn_snapshot *s, int64_t *files) {
    return tarn_snapshot_count(cx, inner_of(s), files);
}

static void strip(tarn_expr *e, size_t n_own) {
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i]) strip(e->args[i], n_own);
    if (e->op >= TARN_EXPR_EQ && (size_t)e->column >= n_own) *e = (tarn_expr){.op = TARN_EXPR_UNKNOWN};
}

const tarn_expr *tarn_row_ids_strip(tarn_cx *cx, const tarn_snapshot *snapshot, const tarn_expr *where) {
    if (!where || !tarn_row_ids_there(snapshot)) return where;
    tarn_expr *e = tarn_expr_copy(cx->arena, where);
    strip(e, snapshot->schema->n_fields);
    return e;
}

static tarn_code find_files(tarn_cx *cx, tarn_snapshot *s, const tarn_expr *where, tarn_file_list *out) {
    return tarn_snapshot_files(cx, inner_of(s), tarn_row_ids_strip(cx, inner_of(s), where), out);
}

static tarn_code split(tarn_cx *cx, tarn_snapshot *s, const tarn_file *const *files, size_t n, tarn_file_group **out,
                       size_t *n_out) {
    const tarn_field *fields = &s->schema->fields[s->schema->n_fields - ADDED];
    const tarn_column_map more[ADDED] = {{.field = &fields[0], .partition = -1, .otherwise = TARN_ROW_PLACE},
                                         {.field = &fields[1], .partition = -1, .otherwise = TARN_FILE_SEQUENCE}};
    TRY(inner_of(s)->format->groups(cx, inner_of(s), files, n, out, n_out));
    for (size_t i = 0; i < *n_out; i++) tarn_group_widen(cx->arena, &(*out)[i], more, ADDED);
    return TARN_OK;
}

static void bounds(tarn_snapshot *s, const tarn_file *file, int column, const char *path, tarn_bounds *out) {
    tarn_snapshot *inner = inner_of(s);
    if (column < 0 || (size_t)column >= inner->schema->n_fields)
        *out = (tarn_bounds){.rows = -1, .nulls = -1};
    else
        inner->format->bounds(inner, file, column, path, out);
}

static tarn_code deleted(tarn_cx *cx, tarn_snapshot *s, const tarn_file *file, tarn_roaring64 **out) {
    return inner_of(s)->format->deleted(cx, inner_of(s), file, out);
}

static const tarn_format with_row_ids = {
    .name = "row_ids",
    .title = "Rows with their ids",
    .free = free_with_ids,
    .count = count_files,
    .files = find_files,
    .groups = split,
    .bounds = bounds,
    .deleted = deleted,
};

const char *tarn_row_ids_name(const tarn_schema *schema) {
    return tarn_schema_find(schema, TARN_LIT(TARN_ROW_ID)) < 0 ? TARN_ROW_ID : "_tarn" TARN_ROW_ID;
}

const char *tarn_row_ids_sequence_name(const tarn_schema *schema) {
    return tarn_schema_find(schema, TARN_LIT(TARN_ROW_SEQUENCE)) < 0 ? TARN_ROW_SEQUENCE : "_tarn" TARN_ROW_SEQUENCE;
}

static const tarn_schema *widen(tarn_arena *arena, const tarn_snapshot *snapshot, const tarn_schema *schema) {
    tarn_type *wide = tarn_type_new(arena, TARN_STRUCT);
    wide->fields = TARN_NEW_ARRAY(arena, tarn_field, schema->n_fields + ADDED);
    memcpy(wide->fields, schema->fields, schema->n_fields * sizeof *wide->fields);
    for (int i = 0; i < ADDED; i++) {
        tarn_field *f = &wide->fields[schema->n_fields + (size_t)i];
        *f = snapshot->row_ids[i];
        f->name = i ? tarn_row_ids_sequence_name(schema) : tarn_row_ids_name(schema);
        if (f->physical && strcmp(f->name, f->physical) != 0) f->physical = NULL; /* files have the other by it */
    }
    wide->n_fields = schema->n_fields + ADDED;
    return wide;
}

tarn_code tarn_row_ids_open(tarn_cx *cx, tarn_snapshot *snapshot, tarn_snapshot **out) {
    (void)cx;
    if (!tarn_row_ids_there(snapshot)) {
        *out = tarn_snapshot_retain(snapshot);
        return TARN_OK;
    }
    with_ids *w = (with_ids *)tarn_snapshot_new(snapshot->table, sizeof *w);
    tarn_arena *arena = w->base.arena;
    w->inner = tarn_snapshot_retain(snapshot);
    w->base.format = &with_row_ids;
    w->base.version = snapshot->version;
    w->base.timestamp_ms = snapshot->timestamp_ms;
    w->base.schema = widen(arena, snapshot, snapshot->schema);
    w->base.partition = snapshot->partition;
    w->base.n_partition = snapshot->n_partition;
    w->base.n_more = snapshot->n_more;
    w->base.properties = snapshot->properties;
    w->base.n_properties = snapshot->n_properties;
    w->base.read_only = "it is a view of its rows";
    *out = &w->base;
    return TARN_OK;
}

void tarn_row_ids_target(tarn_cx *cx, tarn_target *target) {
    if (target->base && tarn_row_ids_there(target->base))
        target->schema = widen(cx->arena, target->base, target->schema);
}
