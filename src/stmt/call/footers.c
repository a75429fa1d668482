/* footers.c: asks Parquet files for their columns, rows and bounds, and whether a table can read them as its own. */
#include "stmt/call/footers.h"

#include "base/map.h"
#include "format/data_path.h"

enum { SQL_MAX = 1 << 30, SHAPE_MAX = 64 << 20 };

/* A column of the table, or a member of one, that bounds are kept of. */
typedef struct leaf {
    const tarn_field *field;
    const char *in_footer, *logical; /* "st, b", "st.b" */
} leaf;

/* Files of the same columns. */
typedef struct shape {
    const tarn_found *first;
    const tarn_schema *schema;
    const tarn_type **types; /* of each leaf as the files have it; NULL: they lack it */
} shape;

typedef struct reading {
    const tarn_opened *opened;
    tarn_conn *conn;
    tarn_found *files;
    size_t n;
    const bool *constants;
    TARN_VEC(leaf) leaves;
    tarn_map by_path; /* tarn_found */
    tarn_map by_leaf; /* by in_footer: leaf */
    tarn_map shapes;
    shape **shape_of; /* of each file */
    bool *lost;       /* of each file and leaf: some rows have no bounds */
} reading;

typedef tarn_code take_rows(tarn_cx *cx, reading *r, tarn_column all, int64_t n);

static tarn_code ask(tarn_cx *cx, reading *r, const char *head, const char *tail, take_rows *take) {
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_buf_printf(&sql, "%s([", head);
    for (size_t i = 0; i < r->n; i++) {
        tarn_buf_puts(&sql, i ? ", " : "");
        TRY(tarn_data_path_put(cx, &sql, r->files[i].path));
    }
    tarn_buf_printf(&sql, "])%s", tail);
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "too many files at once; add them in parts");
    TRY(tarn_conn_query(cx, r->conn, sql.data, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_check(cx));
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        TRY(take(cx, r, (tarn_column){tarn_rows_schema(rows), &batch}, batch.length));
    }
}

static tarn_code file_of(tarn_cx *cx, const reading *r, tarn_column names, int64_t row, tarn_found **out) {
    *out = tarn_map_get(&r->by_path, tarn_column_str(names, row));
    return *out ? TARN_OK : tarn_fail(cx, TARN_INTERNAL, "a footer of a file that was not asked about");
}

/* ROWS. */

static tarn_code take_counts(tarn_cx *cx, reading *r, tarn_column all, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        tarn_found *file;
        TRY(file_of(cx, r, tarn_column_child(all, 0), i, &file));
        file->rows = tarn_column_int(tarn_column_child(all, 1), i);
        if (file->rows < 0) return tarn_fail(cx, TARN_CORRUPT, "%s: a Parquet file of less than no rows", file->path);
    }
    return TARN_OK;
}

/* COLUMNS. */

static const tarn_field *by_id(const tarn_type *type, int64_t id) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = type->fields[i].id == id ? &type->fields[i] : by_id(type->fields[i].type, id);
        if (f) return f;
    }
    return NULL;
}

/* Where files have ids columns are found by these and not by their names. */
static tarn_code check_id(tarn_cx *cx, const reading *r, const tarn_found *file, const char *name, int64_t id) {
    static const char *const inner[] = {"element", "key", "value", "key_value", "list", "array", "item"};
    const tarn_schema *schema = r->opened->snapshot->schema;
    const tarn_field *f = by_id(schema, id);
    int own = tarn_schema_find(schema, tarn_str_of(name));
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (!strcmp(name, inner[i])) return TARN_OK;
    if (f ? !strcmp(f->name, name) : own < 0) return TARN_OK;
    return tarn_hint(cx,
                     tarn_fail(cx, TARN_INVALID, "%s: column %s has field id %lld, which is %s in the table",
                               file->path, name, (long long)id, f ? tarn_printf(cx, "column %s", f->name) : "none"),
                     "INSERT INTO … SELECT … FROM read_parquet(…) copies such files");
}

static tarn_code take_ids(tarn_cx *cx, reading *r, tarn_column all, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        tarn_found *file;
        TRY(file_of(cx, r, tarn_column_child(all, 0), i, &file));
        tarn_str name = tarn_column_str(tarn_column_child(all, 1), i);
        TRY(check_id(cx, r, file, tarn_arena_strndup(cx->arena, name.p, name.n),
                     tarn_column_int(tarn_column_child(all, 2), i)));
    }
    return TARN_OK;
}

/* All that a file says of its columns, in one text. */
static tarn_code take_shapes(tarn_cx *cx, reading *r, tarn_column all, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        tarn_found *file;
        TRY(file_of(cx, r, tarn_column_child(all, 0), i, &file));
        tarn_str text = tarn_column_str(tarn_column_child(all, 1), i);
        shape **at = &r->shape_of[file - r->files];
        *at = tarn_map_get(&r->shapes, text);
        if (*at) continue;
        *at = TARN_NEW(cx->arena, shape);
        (*at)->first = file;
        text.p = tarn_arena_strndup(cx->arena, text.p, text.n);
        tarn_map_put(&r->shapes, cx->arena, text, *at);
    }
    return TARN_OK;
}

static bool is_whole(tarn_kind k) { return k == TARN_INT8 || k == TARN_INT16 || k == TARN_INT32; }

/* Values of one as the other without loss, in every reader. */
static bool can_read(const tarn_type *from, const tarn_type *to) {
    tarn_kind a = from->kind, b = to->kind;
    if (is_whole(a) && is_whole(b)) return a <= b;
    if (is_whole(a) && b == TARN_INT64) return true;
    if (a == TARN_FLOAT32 && b == TARN_FLOAT64) return true;
    if (a == TARN_DECIMAL && b == TARN_DECIMAL) return from->scale == to->scale && from->precision <= to->precision;
    return a == b && from->precision == to->precision;
}

static tarn_code not_readable(tarn_cx *cx, const char *path, const char *column, const tarn_type *from,
                              const tarn_type *to) {
    tarn_auto_buf is = TARN_BUF(1 << 16), wanted = TARN_BUF(1 << 16);
    if (from->kind == TARN_FOREIGN)
        tarn_buf_puts(&is, from->fields[0].name);
    else
        tarn_type_sql(&is, from);
    tarn_type_sql(&wanted, to);
    return tarn_fail(cx, TARN_INVALID, "%s: column %s is %s, which cannot be read as the table's %s", path, column,
                     is.data ? is.data : "?", wanted.data ? wanted.data : "?");
}

static tarn_code check_member(tarn_cx *cx, const char *path, const char *column, const tarn_type *from,
                              const tarn_type *to);

static tarn_code check_members(tarn_cx *cx, const char *path, const char *column, const tarn_type *from,
                               const tarn_type *to) {
    bool named = to->kind == TARN_STRUCT, some = !named;
    for (size_t i = 0; i < to->n_fields; i++) {
        const tarn_field *f = &to->fields[i], *m = named ? NULL : &from->fields[i];
        for (size_t k = 0; named && k < from->n_fields && !m; k++)
            if (tarn_name_eq(from->fields[k].name, f->name)) m = &from->fields[k];
        const char *where = *column ? tarn_printf(cx, "%s.%s", column, f->name) : f->name;
        if (!m && f->nullable) continue;
        if (!m) return tarn_fail(cx, TARN_INVALID, "%s: there is no column %s, which is NOT NULL", path, where);
        if (named && strcmp(m->name, f->name) != 0)
            return tarn_fail(cx, TARN_INVALID, "%s: column %s is written %s there, and names of columns in files count",
                             path, where, m->name);
        some = true;
        TRY(check_member(cx, path, where, m->type, f->type));
    }
    return some ? TARN_OK : tarn_fail(cx, TARN_INVALID, "%s: has none of the members of column %s", path, column);
}

static tarn_code check_member(tarn_cx *cx, const char *path, const char *column, const tarn_type *from,
                              const tarn_type *to) {
    bool nested = tarn_type_nested(to);
    if (nested ? from->kind != to->kind : !can_read(from, to)) return not_readable(cx, path, column, from, to);
    return nested ? check_members(cx, path, column, from, to) : TARN_OK;
}

/* Those of the partition may be known from the folders' names alone. */
static tarn_code check_shape(tarn_cx *cx, const reading *r, const shape *s) {
    const tarn_schema *schema = r->opened->snapshot->schema;
    tarn_schema needed = {.kind = TARN_STRUCT, .fields = TARN_NEW_ARRAY(cx->arena, tarn_field, schema->n_fields)};
    for (size_t i = 0; i < schema->n_fields; i++) {
        tarn_field *f = &needed.fields[needed.n_fields++];
        *f = schema->fields[i];
        f->nullable = f->nullable || r->constants[i];
    }
    bool some = false;
    for (size_t i = 0; i < schema->n_fields && !some; i++)
        some = tarn_schema_find(s->schema, tarn_str_of(schema->fields[i].name)) >= 0;
    if (!some) return tarn_fail(cx, TARN_INVALID, "%s: has none of the table's columns", s->first->path);
    return check_members(cx, s->first->path, "", s->schema, &needed);
}

static tarn_code read_shape(tarn_cx *cx, reading *r, shape *s) {
    tarn_auto_buf sql = TARN_BUF(SHAPE_MAX);
    tarn_schema *schema;
    tarn_buf_puts(&sql, "SELECT * FROM read_parquet(");
    TRY(tarn_data_path_put(cx, &sql, s->first->path));
    tarn_buf_puts(&sql, ", hive_partitioning = false)");
    TRY(tarn_prefix(cx, tarn_conn_describe(cx, r->conn, sql.data, cx->arena, &schema), "%s", s->first->path));
    s->schema = schema;
    TRY(check_shape(cx, r, s));
    s->types = TARN_NEW_ARRAY(cx->arena, const tarn_type *, r->leaves.n);
    for (size_t i = 0; i < r->leaves.n; i++) {
        const tarn_field *f = tarn_schema_path(schema, tarn_str_of(r->leaves.at[i].logical));
        s->types[i] = f ? f->type : NULL;
    }
    return TARN_OK;
}

/* BOUNDS. */

static void add_leaves(tarn_cx *cx, reading *r, const tarn_type *type, const leaf *in) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        leaf l = {f, f->name, f->name};
        if (in) l.in_footer = tarn_printf(cx, "%s, %s", in->in_footer, f->name);
        if (in) l.logical = tarn_printf(cx, "%s.%s", in->logical, f->name);
        if (f->type->kind == TARN_STRUCT)
            add_leaves(cx, r, f->type, &l);
        else if (!tarn_type_nested(f->type) && f->type->kind != TARN_VOID)
            *TARN_PUSH(cx->arena, &r->leaves) = l;
    }
}

/* A value in the type of the file as one of the table's. */
static bool read_bound(tarn_cx *cx, tarn_column texts, int64_t row, const tarn_type *from, const tarn_type *to,
                       tarn_value *out) {
    tarn_value v;
    bool bytes = from->kind == TARN_BINARY || from->kind == TARN_FIXED || from->kind == TARN_UUID;
    if (tarn_column_null(texts, row) || bytes) return false;
    tarn_str text = tarn_column_str(texts, row);
    text.p = tarn_arena_strndup(cx->arena, text.p, text.n);
    return tarn_value_parse(text, from, cx->arena, &v) && tarn_value_cast(&v, to, out);
}

static void widen(tarn_bounds *b, const tarn_value *min, const tarn_value *max) {
    bool ok;
    int below = b->has_min ? tarn_value_cmp(min, &b->min, &ok) : -1;
    int above = b->has_max ? tarn_value_cmp(max, &b->max, &ok) : 1;
    if (below < 0) b->min = *min;
    if (above > 0) b->max = *max;
    b->has_min = b->has_max = true;
}

/* One column of one row group. */
static tarn_code take_bounds(tarn_cx *cx, reading *r, tarn_column all, int64_t n) {
    enum { FILE_NAME, PATH, TYPE, MIN, MAX, NULLS, VALUES, EXACT, SIZE, N };
    tarn_column c[N];
    for (int k = 0; k < N; k++) c[k] = tarn_column_child(all, k);
    for (int64_t i = 0; i < n; i++) {
        tarn_found *file;
        tarn_value min, max;
        TRY(file_of(cx, r, c[FILE_NAME], i, &file));
        const leaf *l = tarn_map_get(&r->by_leaf, tarn_column_str(c[PATH], i));
        size_t at = l ? (size_t)(l - r->leaves.at) : 0, place = (size_t)(file - r->files);
        const tarn_type *from = l ? r->shape_of[place]->types[at] : NULL;
        if (!from) continue;
        tarn_bounds *b = &file->stats[at].bounds;
        bool *lost = &r->lost[place * r->leaves.n + at];
        int64_t nulls = tarn_column_null(c[NULLS], i) ? -1 : tarn_column_int(c[NULLS], i);
        b->nulls = nulls < 0 || b->nulls < 0 ? -1 : b->nulls + nulls;
        b->exact = b->exact && tarn_column_int(c[EXACT], i);
        file->stats[at].values += tarn_column_int(c[VALUES], i);
        file->stats[at].size += tarn_column_int(c[SIZE], i);
        if (nulls >= 0 && nulls == tarn_column_int(c[VALUES], i)) continue;
        bool known = !tarn_str_is(tarn_column_str(c[TYPE], i), "INT96") && /* has no order of its own */
                     read_bound(cx, c[MIN], i, from, l->field->type, &min) &&
                     read_bound(cx, c[MAX], i, from, l->field->type, &max);
        if (known)
            widen(b, &min, &max);
        else
            *lost = true;
    }
    return TARN_OK;
}

static void begin_bounds(tarn_cx *cx, reading *r) {
    size_t n = r->leaves.n;
    r->lost = TARN_NEW_ARRAY(cx->arena, bool, r->n * n);
    for (size_t i = 0; i < r->n; i++) {
        r->files[i].stats = TARN_NEW_ARRAY(cx->arena, tarn_leaf_stats, n);
        for (size_t k = 0; k < n; k++)
            r->files[i].stats[k] =
                (tarn_leaf_stats){r->leaves.at[k].field, r->leaves.at[k].logical, {.exact = true}, 0, 0};
    }
}

/* What the file lacks, and bounds of some rows only, are not told. */
static tarn_code end_bounds(tarn_cx *cx, reading *r, size_t at) {
    tarn_found *file = &r->files[at];
    const tarn_type *const *types = r->shape_of[at]->types;
    for (size_t k = 0; k < r->leaves.n; k++) {
        tarn_leaf_stats *s = &file->stats[k];
        bool floats = s->field->type->kind == TARN_FLOAT32 || s->field->type->kind == TARN_FLOAT64;
        if (!types[k]) continue;
        if (!s->field->nullable && s->bounds.nulls > 0 && !strchr(s->path, '.'))
            return tarn_fail(cx, TARN_CONSTRAINT, "%s: column %s is NOT NULL, and is null in %lld rows", file->path,
                             s->path, (long long)s->bounds.nulls);
        s->bounds.rows = file->rows;
        s->bounds.maybe_nan = floats;
        if (r->lost[at * r->leaves.n + k]) s->bounds.has_min = s->bounds.has_max = false;
        s->bounds.exact = s->bounds.exact && !floats && s->bounds.has_min;
        file->stats[file->n_stats++] = *s;
    }
    return TARN_OK;
}

static tarn_code read_footers(tarn_cx *cx, reading *r) {
    size_t at = 0;
    tarn_str name;
    void *s;
    TRY(ask(cx, r, "SELECT file_name, num_rows FROM parquet_file_metadata", "", take_counts));
    TRY(ask(cx, r, "SELECT file_name, name, field_id FROM parquet_schema", " WHERE field_id IS NOT NULL", take_ids));
    TRY(ask(cx, r,
            "SELECT file_name, string_agg(concat_ws(' ', length(name), name, num_children, duckdb_type, "
            "repetition_type), ',' ORDER BY column_id) FROM parquet_schema",
            " GROUP BY file_name", take_shapes));
    while (tarn_map_each(&r->shapes, &at, &name, &s)) TRY(read_shape(cx, r, s));
    for (size_t i = 0; i < r->n; i++)
        if (!r->shape_of[i]) return tarn_fail(cx, TARN_CORRUPT, "%s: a Parquet file without columns", r->files[i].path);
    begin_bounds(cx, r);
    TRY(ask(cx, r,
            "SELECT file_name, path_in_schema, type, stats_min_value, stats_max_value, stats_null_count, num_values, "
            "coalesce(min_is_exact AND max_is_exact, false), total_compressed_size FROM parquet_metadata",
            "", take_bounds));
    for (size_t i = 0; i < r->n; i++) TRY(end_bounds(cx, r, i));
    return TARN_OK;
}

tarn_code tarn_footers_read(tarn_cx *cx, const tarn_opened *opened, tarn_found *files, size_t n,
                            const bool *constants) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    reading r = {.opened = opened, .files = files, .n = n, .constants = constants};
    if (!n) return TARN_OK;
    for (size_t i = 0; i < n; i++) tarn_map_put(&r.by_path, cx->arena, tarn_str_of(files[i].path), &files[i]);
    add_leaves(cx, &r, opened->snapshot->schema, NULL);
    for (size_t i = 0; i < r.leaves.n; i++) {
        tarn_str path = tarn_str_of(r.leaves.at[i].in_footer); /* of one that two share nothing is known */
        if (tarn_map_put(&r.by_leaf, cx->arena, path, &r.leaves.at[i])) tarn_map_put(&r.by_leaf, cx->arena, path, NULL);
    }
    r.shape_of = TARN_NEW_ARRAY(cx->arena, shape *, n);
    TRY(tarn_engine_conn(cx, opened->table->engine, TARN_DB_EXECUTE, &conn));
    r.conn = conn;
    return read_footers(cx, &r);
}
