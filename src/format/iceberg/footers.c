/* footers.c: asks Parquet files for their columns, and gives ids to those of files that have none (1.2). */
#include "format/iceberg/footers.h"

#include "format/data_path.h"

enum { SQL_MAX = 1 << 30, COLUMNS_MAX = 1 << 20, DEPTH_MAX = 64, OLD_SCHEMAS_MAX = 200 };

/* What is kept of a file. */
typedef struct footer {
    const tarn_iceberg_column *root;
    bool by_name;
} footer;

/* One element of the schema in a footer, depth first. */
typedef struct element {
    const char *name, *converted, *logical, *repetition;
    int32_t id;
    int64_t n_children;
} element;

typedef TARN_VEC(element) element_list;

/* Whether members of a column are told otherwise by an older schema. */
static bool has_changed(const tarn_schema *now, const tarn_schema *then) {
    for (size_t i = 0; i < now->n_fields; i++) {
        const tarn_field *f = &now->fields[i];
        for (size_t k = 0; tarn_type_nested(f->type) && k < then->n_fields; k++)
            if (then->fields[k].id == f->id && !tarn_type_eq(f->type, then->fields[k].type)) return true;
    }
    return false;
}

static bool has_struct(const tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i].type->kind == TARN_STRUCT || has_struct(type->fields[i].type)) return true;
    return false;
}

/* Members found by names that depend on the order in which a file has them. */
static bool has_twins(const tarn_type *type, bool members) {
    bool some = false;
    for (size_t i = 0; i < type->n_fields && !some; i++)
        some = (members && type->fields[i].stored) || has_twins(type->fields[i].type, true);
    return some;
}

static bool has_evolved(tarn_cx *cx, tarn_iceberg_snapshot *s) {
    size_t n = s->meta.schemas.n;
    if (n < 2 || !has_struct(s->base.schema)) return false;
    if (n > OLD_SCHEMAS_MAX) return true;
    for (size_t i = 0; i < n; i++) {
        tarn_schema *schema = NULL;
        bool known = tarn_iceberg_schema_parse(cx, cx->arena, s->meta.schemas.at[i].json, &schema) == TARN_OK;
        if (!known) tarn_clear_error(cx);
        if (!known || has_changed(s->base.schema, schema)) return true;
    }
    return false;
}

static const footer *find_footer(tarn_iceberg_snapshot *s, const tarn_file *file) {
    pthread_mutex_lock(&s->lock);
    const footer *f = tarn_map_get(&s->footers, ((const tarn_iceberg_file *)file->entry)->recorded);
    pthread_mutex_unlock(&s->lock);
    return f;
}

tarn_code tarn_iceberg_needs_footers(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *first, bool *out) {
    const tarn_iceberg_column *root = NULL;
    *out = s->name_mapping || has_twins(s->base.schema, false) || has_evolved(cx, s);
    if (*out || !first) return TARN_OK;
    return tarn_iceberg_footers(cx, s, &first, 1, &root, out);
}

static bool is(const char *a, const char *b) { return a && !strcmp(a, b); }

typedef struct builder {
    tarn_cx *cx;
    tarn_arena *arena;
    const element *at;
    size_t left;
    bool ids; /* some element has one */
} builder;

static tarn_code build(builder *b, int depth, tarn_iceberg_column *out);

static tarn_code build_members(builder *b, int64_t n, int depth, tarn_iceberg_column *out) {
    if (n < 0 || (uint64_t)n > b->left || depth > DEPTH_MAX)
        return tarn_fail(b->cx, TARN_CORRUPT, "a Parquet footer's schema is not as deep or wide as it says");
    tarn_iceberg_column *members = TARN_NEW_ARRAY(b->arena, tarn_iceberg_column, (size_t)n);
    for (int64_t i = 0; i < n; i++) TRY(build(b, depth + 1, &members[i]));
    out->members = members;
    out->n_members = (size_t)n;
    return TARN_OK;
}

/* The level between a list and its elements goes, where it is one (Parquet's LogicalTypes.md, "Lists", "Maps"). */
static void skip_level(tarn_iceberg_column *c, const char *repeated) {
    if (c->n_members != 1) return;
    const tarn_iceberg_column *inner = &c->members[0];
    bool own = c->list && (is(inner->name, "array") || (inner->n_members != 1) ||
                           (strlen(inner->name) > 6 && is(inner->name + strlen(inner->name) - 6, "_tuple")));
    if (!is(repeated, "REPEATED") || own || !inner->n_members) return;
    c->members = inner->members;
    c->n_members = inner->n_members;
}

static tarn_code build(builder *b, int depth, tarn_iceberg_column *out) {
    if (!b->left) return tarn_fail(b->cx, TARN_CORRUPT, "a Parquet footer's schema ends early");
    const element *e = b->at++;
    b->left--;
    *out = (tarn_iceberg_column){.name = e->name, .id = e->id};
    out->list = is(e->converted, "LIST") || (e->logical && !strncmp(e->logical, "ListType", 8));
    out->map = is(e->converted, "MAP") || is(e->converted, "MAP_KEY_VALUE") ||
               (e->logical && !strncmp(e->logical, "MapType", 7));
    b->ids = b->ids || e->id >= 0;
    const char *repeated = b->left ? b->at->repetition : NULL;
    if (e->n_children) TRY(build_members(b, e->n_children, depth, out));
    if (out->list || out->map) skip_level(out, repeated);
    return TARN_OK;
}

/* The entry of a name mapping for a name; NULL: none. */
static const tarn_json_value *mapped(const tarn_json_value *list, const char *name) {
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        const tarn_json_value *entry = tarn_json_at(list, i), *names = tarn_json_get(entry, "names");
        for (size_t k = 0; k < tarn_json_count(names); k++)
            if (tarn_str_is(tarn_json_as_str(tarn_json_at(names, k)), name)) return entry;
    }
    return NULL;
}

static void map_names(tarn_iceberg_column *c, const tarn_json_value *list) {
    static const char *const of_map[] = {"key", "value"};
    for (size_t i = 0; i < c->n_members; i++) {
        tarn_iceberg_column *m = (tarn_iceberg_column *)(uintptr_t)&c->members[i];
        const char *name = c->list ? "element" : c->map ? of_map[i > 0] : m->name;
        const tarn_json_value *entry = mapped(list, name);
        m->id = (int32_t)tarn_json_as_int(tarn_json_get(entry, "field-id"), -1);
        map_names(m, tarn_json_get(entry, "fields"));
    }
}

/* Without a mapping columns count from 1 in their order, and members are found by their names alone. */
static void map_places(tarn_iceberg_column *root, const tarn_schema *schema);

static void map_members(tarn_iceberg_column *c, const tarn_type *type) {
    for (size_t i = 0; i < c->n_members; i++) {
        tarn_iceberg_column *m = (tarn_iceberg_column *)(uintptr_t)&c->members[i];
        for (size_t k = 0; k < type->n_fields; k++) {
            bool same = type->kind == TARN_STRUCT ? is(tarn_field_stored(&type->fields[k]), m->name) : i == k;
            if (!same) continue;
            m->id = type->fields[k].id;
            map_members(m, type->fields[k].type);
        }
    }
}

static void map_places(tarn_iceberg_column *root, const tarn_schema *schema) {
    for (size_t i = 0; i < root->n_members; i++) {
        tarn_iceberg_column *m = (tarn_iceberg_column *)(uintptr_t)&root->members[i];
        m->id = (int32_t)i + 1;
        const tarn_field *f = tarn_iceberg_field(schema, m->id, NULL);
        if (f) map_members(m, f->type);
    }
}

/* Names as the engine's reader of the file has them. */
static void tell_apart(tarn_cx *cx, tarn_arena *arena, tarn_iceberg_column *c) {
    const char **names = TARN_NEW_ARRAY(cx->arena, const char *, c->n_members);
    for (size_t i = 0; i < c->n_members; i++) names[i] = c->members[i].name;
    tarn_names_tell_apart(arena, names, c->n_members);
    for (size_t i = 0; i < c->n_members; i++) {
        tarn_iceberg_column *m = (tarn_iceberg_column *)(uintptr_t)&c->members[i];
        m->name = names[i];
        tell_apart(cx, arena, m);
    }
}

static tarn_code keep_footer(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *file, const element_list *list) {
    const tarn_json_value *mapping = NULL;
    pthread_mutex_lock(&s->lock);
    tarn_iceberg_column *root = TARN_NEW(s->base.arena, tarn_iceberg_column);
    footer *f = TARN_NEW(s->base.arena, footer);
    builder b = {cx, s->base.arena, list->at, list->n, false};
    tarn_code code = build(&b, 0, root);
    if (code == TARN_OK && !b.ids && s->name_mapping)
        code = tarn_json_parse(cx, cx->arena, tarn_str_of(s->name_mapping), TARN_JSON_DEPTH, &mapping);
    if (code == TARN_OK) {
        if (mapping)
            map_names(root, mapping);
        else if (!b.ids)
            map_places(root, s->base.schema);
        tell_apart(cx, s->base.arena, root);
        *f = (footer){root, !b.ids};
        tarn_str key = ((const tarn_iceberg_file *)file->entry)->recorded; /* the file may be another snapshot's */
        key.p = tarn_arena_strndup(s->base.arena, key.p, key.n);
        tarn_map_put(&s->footers, s->base.arena, key, f);
    }
    pthread_mutex_unlock(&s->lock);
    return code;
}

/* Rows of parquet_schema, file after file. */
typedef struct reading {
    tarn_iceberg_snapshot *s;
    tarn_map by_path; /* of the files asked, as DuckDB gives their names */
    const tarn_file *file;
    element_list elements;
} reading;

static tarn_code end_file(tarn_cx *cx, reading *r) {
    if (r->file) TRY(keep_footer(cx, r->s, r->file, &r->elements));
    r->file = NULL;
    r->elements.n = 0;
    return TARN_OK;
}

static const char *text_at(tarn_arena *arena, tarn_column c, int64_t row) {
    if (tarn_column_null(c, row)) return NULL;
    tarn_str s = tarn_column_str(c, row);
    return tarn_arena_strndup(arena, s.p, s.n);
}

static tarn_code take_rows(tarn_cx *cx, reading *r, tarn_column all, int64_t n) {
    tarn_column c[7];
    for (int k = 0; k < 7; k++) c[k] = tarn_column_child(all, k);
    for (int64_t i = 0; i < n; i++) {
        const tarn_file *file = tarn_map_get(&r->by_path, tarn_column_str(c[0], i));
        if (!file) return tarn_fail(cx, TARN_INTERNAL, "parquet_schema tells of a file it was not asked about");
        if (file != r->file) TRY(end_file(cx, r));
        r->file = file;
        if (r->elements.n >= COLUMNS_MAX) return tarn_fail(cx, TARN_LIMIT, "a Parquet file has too many columns");
        tarn_arena *arena = r->s->base.arena;
        pthread_mutex_lock(&r->s->lock);
        *TARN_PUSH(cx->arena, &r->elements) =
            (element){.name = text_at(arena, c[1], i),
                      .id = tarn_column_null(c[2], i) ? -1 : (int32_t)tarn_column_int(c[2], i),
                      .n_children = tarn_column_null(c[3], i) ? 0 : tarn_column_int(c[3], i),
                      .converted = text_at(cx->arena, c[4], i),
                      .logical = text_at(cx->arena, c[5], i),
                      .repetition = text_at(cx->arena, c[6], i)};
        pthread_mutex_unlock(&r->s->lock);
    }
    return TARN_OK;
}

static tarn_code run_query(tarn_cx *cx, reading *r, const char *sql) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(tarn_engine_conn(cx, r->s->base.table->engine, TARN_DB_EXECUTE, &conn));
    TRY(tarn_conn_query(cx, conn, sql, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return end_file(cx, r);
        TRY(take_rows(cx, r, (tarn_column){tarn_rows_schema(rows), &batch}, batch.length));
    }
}

static tarn_code ask(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *const *files, size_t n) {
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    reading r = {.s = s};
    tarn_buf_puts(&sql, "SELECT file_name, name, field_id, num_children, converted_type, logical_type, "
                        "repetition_type FROM parquet_schema([");
    for (size_t i = 0; i < n; i++) {
        const char *path;
        if (find_footer(s, files[i])) continue;
        TRY(tarn_data_path(cx, s->base.table, files[i]->path, &path));
        if (tarn_map_get(&r.by_path, tarn_str_of(path))) continue;
        tarn_buf_puts(&sql, r.by_path.n ? ", " : "");
        TRY(tarn_data_path_put(cx, &sql, path));
        tarn_map_put(&r.by_path, cx->arena, tarn_str_of(path), (void *)(uintptr_t)files[i]);
    }
    tarn_buf_puts(&sql, "])");
    if (!r.by_path.n) return TARN_OK;
    if (!tarn_buf_ok(&sql))
        return tarn_fail(cx, TARN_LIMIT, "too many files to ask for their columns; add a condition on partitions");
    TRY(tarn_data_reach(cx, s->base.table->engine, s->base.table, files, n));
    return run_query(cx, &r, sql.data);
}

tarn_code tarn_iceberg_footers(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *const *files, size_t n,
                               const tarn_iceberg_column **out, bool *by_name) {
    TRY(ask(cx, s, files, n));
    for (size_t i = 0; i < n; i++) {
        const footer *f = find_footer(s, files[i]);
        if (!f) return tarn_fail(cx, TARN_CORRUPT, "%.*s has no columns", (int)files[i]->path.n, files[i]->path.p);
        out[i] = f->root;
        by_name[i] = f->by_name;
    }
    return TARN_OK;
}
