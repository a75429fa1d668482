/* scan_columns.c: the columns of a file group as SQL: read_parquet's schema, renamed members, and partition values as
 * constants of each file. */
#include "table/scan_columns.h"

#include "table/scan.h"

/* Longer tables of partition values are no longer cheap to cut a piece from for every vector of rows. */
enum { CELLS_MAX = 65536 };

static const char *file_name(const tarn_field *f) { return f->physical ? f->physical : f->name; }

/* A column of such a name would hide read_parquet's own. */
static const char *scan_name(tarn_arena *arena, const tarn_field *f) {
    bool own = tarn_name_eq(f->name, "file_index") || tarn_name_eq(f->name, "file_row_number") ||
               tarn_name_eq(f->name, "filename");
    return own ? tarn_arena_printf(arena, "_tarn_%s", f->name) : f->name;
}

bool tarn_type_is_renamed(const tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        if (type->kind == TARN_STRUCT && strcmp(f->name, file_name(f)) != 0) return true;
        if (tarn_type_is_renamed(f->type)) return true;
    }
    return false;
}

static bool is_instant(const tarn_type *type) {
    return type->kind == TARN_TIMESTAMP || type->kind == TARN_TIMESTAMP_NS;
}

bool tarn_type_has_instant(const tarn_type *type) {
    if (is_instant(type)) return true;
    for (size_t i = 0; i < type->n_fields; i++)
        if (tarn_type_has_instant(type->fields[i].type)) return true;
    return false;
}

static bool is_changed(const tarn_type *type, bool zoneless) {
    return tarn_type_is_renamed(type) || (zoneless && tarn_type_has_instant(type));
}

static const tarn_type *type_in_files(tarn_arena *arena, const tarn_type *type, bool zoneless) {
    if (!is_changed(type, zoneless)) return type;
    if (is_instant(type)) return tarn_type_new(arena, TARN_TIMESTAMP_NTZ);
    tarn_type *copy = tarn_type_copy(arena, type);
    for (size_t i = 0; i < copy->n_fields; i++) {
        tarn_field *f = &copy->fields[i];
        if (copy->kind == TARN_STRUCT) f->name = file_name(f);
        f->type = type_in_files(arena, f->type, zoneless);
    }
    return copy;
}

const tarn_type *tarn_type_in_files(tarn_arena *arena, const tarn_type *type) {
    return type_in_files(arena, type, false);
}

/* What turns values as they are in files into the table's, or back. */
typedef struct turn {
    tarn_arena *arena;
    bool to_files;
    bool zoneless; /* timezone('UTC', x) is its own inverse: an instant becomes a time without zone, and that an instant
                    */
} turn;

/* Lambda parameters are numbered, so that an inner one does not hide an outer one. */
static void turn_expr(const turn *t, tarn_buf *out, const char *expr, const tarn_type *type, int depth) {
    if (!is_changed(type, t->zoneless)) {
        tarn_buf_puts(out, expr);
        return;
    }
    if (is_instant(type)) {
        tarn_buf_printf(out, "timezone('UTC', %s)", expr);
        return;
    }
    const char *inner = tarn_arena_printf(t->arena, "_tarn_x%d", depth);
    if (type->kind == TARN_LIST) {
        tarn_buf_printf(out, "list_transform(%s, lambda %s: ", expr, inner);
        turn_expr(t, out, inner, type->fields[0].type, depth + 1);
        tarn_buf_putc(out, ')');
        return;
    }
    if (type->kind == TARN_MAP) {
        tarn_buf_printf(out, "map_from_entries(list_transform(map_entries(%s), lambda %s: struct_pack(k := ", expr,
                        inner);
        turn_expr(t, out, tarn_arena_printf(t->arena, "%s.key", inner), type->fields[0].type, depth + 1);
        tarn_buf_puts(out, ", v := ");
        turn_expr(t, out, tarn_arena_printf(t->arena, "%s.value", inner), type->fields[1].type, depth + 1);
        tarn_buf_puts(out, ")))");
        return;
    }
    tarn_buf_printf(out, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(", expr);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const char *from = t->to_files ? f->name : file_name(f), *to = t->to_files ? file_name(f) : f->name;
        if (i) tarn_buf_puts(out, ", ");
        tarn_buf_sql_name(out, to);
        tarn_buf_puts(out, " := ");
        turn_expr(t, out, tarn_arena_printf(t->arena, "%s.%s", expr, tarn_sql_name(t->arena, from)), f->type, depth);
    }
    tarn_buf_puts(out, ") END");
}

void tarn_rename_members(tarn_arena *arena, tarn_buf *out, const char *expr, const tarn_type *type, bool to_files) {
    turn_expr(&(turn){arena, to_files, false}, out, expr, type, 0);
}

static void fit_expr(tarn_arena *arena, tarn_buf *out, const char *expr, const tarn_type *from, const tarn_type *to,
                     int depth);

static void put_initial_member(tarn_buf *out, const tarn_field *f) {
    tarn_buf_printf(out, "CAST(%s AS ", f->initial_sql ? f->initial_sql : "NULL");
    tarn_type_duckdb(out, f->type);
    tarn_buf_putc(out, ')');
}

static void fit_struct(tarn_arena *arena, tarn_buf *out, const char *expr, const tarn_type *from, const tarn_type *to,
                       int depth) {
    tarn_buf_printf(out, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(", expr);
    for (size_t i = 0; i < to->n_fields; i++) {
        const tarn_field *f = &to->fields[i], *in_file = NULL;
        for (size_t k = 0; k < from->n_fields && !in_file; k++)
            if (from->fields[k].id == f->id) in_file = &from->fields[k];
        if (i) tarn_buf_puts(out, ", ");
        tarn_buf_sql_name(out, f->name);
        tarn_buf_puts(out, " := ");
        if (in_file)
            fit_expr(arena, out, tarn_arena_printf(arena, "%s.%s", expr, tarn_sql_name(arena, in_file->name)),
                     in_file->type, f->type, depth);
        else
            put_initial_member(out, f);
    }
    tarn_buf_puts(out, ") END");
}

/* A value of a file's type as one of the table's: members by their ids, and those the file lacks with their initial
 * values. */
static void fit_expr(tarn_arena *arena, tarn_buf *out, const char *expr, const tarn_type *from, const tarn_type *to,
                     int depth) {
    const char *inner = tarn_arena_printf(arena, "_tarn_y%d", depth);
    if (!tarn_type_nested(to) || from->kind != to->kind) {
        tarn_buf_printf(out, "CAST(%s AS ", expr);
        tarn_type_duckdb(out, to);
        return tarn_buf_putc(out, ')');
    }
    if (to->kind == TARN_STRUCT) return fit_struct(arena, out, expr, from, to, depth);
    if (to->kind == TARN_LIST) {
        tarn_buf_printf(out, "list_transform(%s, lambda %s: ", expr, inner);
        fit_expr(arena, out, inner, from->fields[0].type, to->fields[0].type, depth + 1);
        return tarn_buf_putc(out, ')');
    }
    tarn_buf_printf(out, "map_from_entries(list_transform(map_entries(%s), lambda %s: struct_pack(k := ", expr, inner);
    fit_expr(arena, out, tarn_arena_printf(arena, "%s.key", inner), from->fields[0].type, to->fields[0].type,
             depth + 1);
    tarn_buf_puts(out, ", v := ");
    fit_expr(arena, out, tarn_arena_printf(arena, "%s.value", inner), from->fields[1].type, to->fields[1].type,
             depth + 1);
    tarn_buf_puts(out, ")))");
}

/* A word of the text that DuckDB casts to a map. */
static void put_word(tarn_buf *out, const char *s) {
    tarn_buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') tarn_buf_putc(out, '\\');
        tarn_buf_putc(out, *s);
    }
    tarn_buf_putc(out, '"');
}

static bool is_read(const tarn_column_map *c) {
    return (c->partition < 0 || c->fallback) && c->field->type->kind != TARN_VOID;
}
/* A value for rows of files that lack the column; a constant of the file comes before it. */
static bool has_initial(const tarn_column_map *c) { return is_read(c) && !c->fallback && c->field->initial_sql; }

static tarn_code put_entry(tarn_cx *cx, tarn_buf *out, const tarn_column_map *c, bool by_field_id, bool zoneless) {
    tarn_auto_buf type = TARN_BUF(out->max);
    if (by_field_id && c->field->id < 0)
        return tarn_fail(cx, TARN_CORRUPT, "column %s has no field id to find it by", c->field->name);
    if (by_field_id)
        tarn_buf_printf(out, "%d", (int)c->field->id);
    else
        put_word(out, file_name(c->field));
    tarn_buf_puts(out, "={name:");
    put_word(out, scan_name(cx->arena, c->field));
    tarn_buf_puts(out, ",type:");
    tarn_type_duckdb(&type, type_in_files(cx->arena, c->file_type ? c->file_type : c->field->type, zoneless));
    put_word(out, type.failed ? "" : type.data);
    out->failed = out->failed || type.failed;
    return TARN_OK;
}

/* One text cast to a map: DuckDB reads it in half the time a MAP{…} of as many expressions takes. */
static tarn_code put_map(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, bool zoneless) {
    const char *comma = "";
    tarn_buf_putc(out, '{');
    for (size_t i = 0; i < group->n_columns + group->n_extra; i++) {
        const tarn_column_map *c = &group->columns[i];
        if (!is_read(c)) continue;
        tarn_buf_puts(out, comma);
        comma = ", ";
        TRY(put_entry(cx, out, c, group->by_field_id, zoneless));
        tarn_buf_puts(out, ",default_value:NULL}");
    }
    /* An empty map says nothing; a column that no file has costs nothing. */
    if (!*comma)
        tarn_buf_printf(out, "%s={name:_tarn_none,type:INTEGER,default_value:NULL}",
                        group->by_field_id ? "-2" : "_tarn_none");
    tarn_buf_putc(out, '}');
    return TARN_OK;
}

/* The text is read as the type asked for, so an instant has to lose its zone before it becomes text. */
static void put_initial(tarn_cx *cx, tarn_buf *out, const tarn_field *f, bool zoneless) {
    tarn_auto_buf value = TARN_BUF(out->max);
    if (!zoneless || !tarn_type_has_instant(f->type))
        return tarn_buf_printf(out, ",default_value:CAST((%s) AS VARCHAR)}", f->initial_sql);
    tarn_buf_printf(&value, "CAST((%s) AS ", f->initial_sql);
    tarn_type_duckdb(&value, f->type);
    tarn_buf_putc(&value, ')');
    tarn_buf_puts(out, ",default_value:CAST(");
    turn_expr(&(turn){cx->arena, true, true}, out, value.failed ? "NULL" : value.data, f->type, 0);
    tarn_buf_puts(out, " AS VARCHAR)}");
    out->failed = out->failed || value.failed;
}

/* An initial value is SQL and cannot stand in a text: such columns are given again, and the later entry counts. */
static void put_initials(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, bool zoneless) {
    const char *before = ", MAP{";
    for (size_t i = 0; i < group->n_columns + group->n_extra; i++) {
        const tarn_column_map *c = &group->columns[i];
        tarn_auto_buf type = TARN_BUF(out->max);
        if (!has_initial(c)) continue;
        tarn_buf_puts(out, before);
        before = ", ";
        if (group->by_field_id)
            tarn_buf_printf(out, "%d", (int)c->field->id);
        else
            tarn_buf_sql_string(out, file_name(c->field));
        tarn_buf_puts(out, ":{name:");
        tarn_buf_sql_string(out, scan_name(cx->arena, c->field));
        tarn_type_duckdb(&type, type_in_files(cx->arena, c->file_type ? c->file_type : c->field->type, zoneless));
        tarn_buf_puts(out, ",type:");
        tarn_buf_sql_string(out, type.failed ? "" : type.data);
        put_initial(cx, out, c->field, zoneless);
    }
    tarn_buf_puts(out, before[2] ? "" : "}");
}

tarn_code tarn_scan_schema(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, bool zoneless) {
    tarn_auto_buf map = TARN_BUF(out->max);
    bool initials = false;
    for (size_t i = 0; i < group->n_columns + group->n_extra; i++)
        initials = initials || has_initial(&group->columns[i]);
    TRY(put_map(cx, &map, group, zoneless));
    tarn_buf_puts(out, initials ? "map_concat(CAST(" : "CAST(");
    tarn_buf_sql_string(out, map.failed ? "" : map.data);
    out->failed = out->failed || map.failed;
    tarn_buf_printf(out, " AS MAP(%s, STRUCT(name VARCHAR, type VARCHAR, default_value VARCHAR)))",
                    group->by_field_id ? "INTEGER" : "VARCHAR");
    if (!initials) return TARN_OK;
    put_initials(cx, out, group, zoneless);
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static bool same_value(const tarn_value *a, const tarn_value *b) {
    if (a->null || b->null) return a->null && b->null;
    bool floats = a->kind == TARN_FLOAT32 || a->kind == TARN_FLOAT64;
    bool ok;
    if (a->kind == b->kind && floats) return memcmp(&a->f, &b->f, sizeof a->f) == 0; /* -0.0 is not 0.0 when read */
    return tarn_value_cmp(a, b, &ok) == 0 && ok;
}

static bool all_same(const tarn_file_group *group, int partition) {
    for (size_t i = 1; i < group->n_files; i++)
        if (!same_value(&group->files[0]->partition[partition], &group->files[i]->partition[partition])) return false;
    return true;
}

/* The values as cells of one width, when every one can be cut out again by blanks: plain ASCII that neither is empty
 * nor ends in a blank. */
static bool put_cells(const tarn_file_group *group, int partition, tarn_buf *cells, size_t *width, bool *nulls) {
    tarn_auto_buf one = TARN_BUF(CELLS_MAX);
    *width = 1;
    *nulls = false;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < group->n_files; i++) {
            const tarn_value *v = &group->files[i]->partition[partition];
            tarn_buf_clear(&one);
            if (v->null)
                *nulls = true;
            else
                tarn_value_text(&one, v);
            if (one.failed || (!v->null && (one.n == 0 || one.data[one.n - 1] == ' '))) return false;
            for (size_t k = 0; k < one.n; k++)
                if (one.data[k] < ' ' || one.data[k] > '~') return false;
            if (one.n > *width) *width = one.n;
            if (pass == 0) continue;
            if (one.n) tarn_buf_add(cells, one.data, one.n);
            for (size_t k = one.n; k < *width; k++) tarn_buf_putc(cells, ' ');
        }
    return !cells->failed;
}

static bool is_textual(tarn_kind kind) { return kind != TARN_BINARY && kind != TARN_FIXED && kind != TARN_UUID; }

/* The partition value of each row's file. file_index is one constant for a vector of rows, and substring and casts keep
 * constants as they are, so that this costs nothing a row; list_extract (3.5 ns a row, as it writes each one) is for
 * values that do not fit such cells. */
static void put_constant(tarn_buf *out, const tarn_file_group *group, const tarn_column_map *c) {
    size_t width;
    bool nulls;
    tarn_auto_buf cells = TARN_BUF(CELLS_MAX);
    tarn_buf_puts(out, "CAST(");
    if (all_same(group, c->partition)) {
        tarn_value_sql(out, &group->files[0]->partition[c->partition]);
    } else if (is_textual(group->files[0]->partition[c->partition].kind) &&
               put_cells(group, c->partition, &cells, &width, &nulls)) {
        tarn_buf_puts(out, nulls ? "nullif(rtrim(substring(" : "rtrim(substring(");
        tarn_buf_sql_string(out, cells.data);
        tarn_buf_printf(out, ", CAST(file_index AS BIGINT) * %zu + 1, %zu))", width, width);
        if (nulls) tarn_buf_puts(out, ", '')");
    } else {
        tarn_buf_puts(out, "list_extract([");
        for (size_t i = 0; i < group->n_files; i++) {
            if (i) tarn_buf_puts(out, ", ");
            tarn_value_sql(out, &group->files[i]->partition[c->partition]);
        }
        tarn_buf_puts(out, "], CAST(file_index AS BIGINT) + 1)");
    }
    tarn_buf_puts(out, " AS ");
    tarn_type_duckdb(out, c->field->type);
    tarn_buf_putc(out, ')');
}

/* One number for each file of the group, -1 standing for null. */
static void put_per_file(tarn_buf *out, const tarn_file_group *group, int64_t (*value)(const tarn_file *file)) {
    bool same = true;
    for (size_t i = 1; i < group->n_files && same; i++) same = value(group->files[i]) == value(group->files[0]);
    tarn_buf_puts(out, same ? "CAST(" : "list_extract(CAST([");
    for (size_t i = 0; i < (same ? 1 : group->n_files); i++) {
        int64_t v = value(group->files[i]);
        tarn_buf_puts(out, i ? ", " : "");
        if (v < 0)
            tarn_buf_puts(out, "NULL");
        else
            tarn_buf_printf(out, "%lld", (long long)v);
    }
    tarn_buf_puts(out, same ? " AS BIGINT)" : "] AS BIGINT[]), CAST(file_index AS BIGINT) + 1)");
}

static int64_t first_row_id(const tarn_file *file) { return file->first_row_id; }
static int64_t sequence(const tarn_file *file) { return file->sequence; }
static int64_t known_sequence(const tarn_file *file) { return file->first_row_id < 0 ? -1 : file->sequence; }

/* What rows have that were never moved. */
static void put_otherwise(tarn_buf *out, const tarn_file_group *group, const tarn_column_map *c) {
    put_per_file(out, group, c->otherwise == TARN_ROW_PLACE ? first_row_id : known_sequence);
    if (c->otherwise == TARN_ROW_PLACE) tarn_buf_puts(out, " + file_row_number");
}

static void put_column(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, const tarn_column_map *c,
                       bool zoneless) {
    const char *name = tarn_sql_name(cx->arena, scan_name(cx->arena, c->field));
    const turn to_table = {cx->arena, false, zoneless};
    if (c->partition >= 0 && c->fallback) {
        tarn_column_map read = *c;
        read.partition = -1;
        tarn_buf_puts(out, "coalesce(");
        put_column(cx, out, group, &read, zoneless);
        tarn_buf_puts(out, ", ");
        put_constant(out, group, c);
        return tarn_buf_putc(out, ')');
    }
    if (c->partition >= 0) return put_constant(out, group, c);
    if (c->otherwise) {
        tarn_buf_printf(out, "coalesce(%s, ", name);
        put_otherwise(out, group, c);
        return tarn_buf_putc(out, ')');
    }
    if (c->field->type->kind == TARN_VOID) return tarn_buf_puts(out, "CAST(NULL AS \"NULL\")");
    /* DuckDB asks other writers' Bloom filters for bytes by their text with escapes, and leaves out row groups that
     * have them: a comparison with what is made of the column does not reach the reader. */
    if (!c->file_type && c->field->type->kind == TARN_BINARY) return tarn_buf_printf(out, "%s || ''::BLOB", name);
    if (!c->file_type) return turn_expr(&to_table, out, name, c->field->type, 0);
    tarn_auto_buf value = TARN_BUF(out->max);
    turn_expr(&to_table, &value, name, c->file_type, 0);
    out->failed = out->failed || value.failed;
    fit_expr(cx->arena, out, value.failed ? "NULL" : value.data, c->file_type, c->field->type, 0);
}

void tarn_scan_select(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, bool zoneless) {
    for (size_t i = 0; i < group->n_columns; i++) {
        if (i) tarn_buf_puts(out, ", ");
        put_column(cx, out, group, &group->columns[i], zoneless);
        tarn_buf_puts(out, " AS ");
        tarn_buf_sql_name(out, group->columns[i].field->name);
    }
}

void tarn_scan_member(tarn_cx *cx, tarn_buf *out, const tarn_file_group *group, const tarn_key *key, size_t column,
                      bool zoneless) {
    put_column(cx, out, group, &group->columns[column], zoneless);
    for (size_t i = 0; i < key->n_members; i++) {
        tarn_buf_putc(out, '.');
        tarn_buf_sql_name(out, key->members[i]->name);
    }
}

void tarn_scan_sequence(tarn_buf *out, const tarn_file_group *group) { put_per_file(out, group, sequence); }

void tarn_scan_empty(tarn_buf *out, const tarn_schema *schema, bool positions) {
    tarn_buf_puts(out, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (i) tarn_buf_puts(out, ", ");
        tarn_buf_puts(out, "CAST(NULL AS ");
        tarn_type_duckdb(out, schema->fields[i].type);
        tarn_buf_puts(out, ") AS ");
        tarn_buf_sql_name(out, schema->fields[i].name);
    }
    if (positions)
        tarn_buf_printf(out, "%sCAST(NULL AS BIGINT) AS " TARN_FILE_COLUMN ", CAST(NULL AS BIGINT) AS " TARN_ROW_COLUMN,
                        schema->n_fields ? ", " : "");
    tarn_buf_puts(out, " WHERE false");
}
