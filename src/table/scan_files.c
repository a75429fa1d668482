/* scan_files.c: the files of a scan as read_parquet is told of them, those apart whose instants carry no zone. */
#include "table/scan_files.h"

#include "base/map.h"
#include "format/data_path.h"
#include "table/scan_columns.h"

enum { SQL_MAX = 1 << 30 };

tarn_code tarn_scan_put_file(tarn_cx *cx, tarn_buf *out, const tarn_table *table, const tarn_file *file) {
    const char *path;
    TRY(tarn_data_path(cx, table, file->path, &path));
    return tarn_data_path_put(cx, out, path);
}

static bool is_utc(const tarn_conf *conf) {
    const char *zone = tarn_conf_text(conf, TARN_TIMEZONE);
    return !zone || !*zone || tarn_name_eq(zone, "UTC") || tarn_name_eq(zone, "Etc/UTC") || tarn_name_eq(zone, "GMT");
}

static bool reads_instants(const tarn_file_group *group) {
    for (size_t i = 0; i < group->n_columns; i++) {
        const tarn_column_map *c = &group->columns[i];
        if ((c->partition < 0 || c->fallback) && tarn_type_has_instant(c->file_type ? c->file_type : c->field->type))
            return true;
    }
    return false;
}

/* Adds the group's files to the list in `sql` and to `asked`: by their path as DuckDB gives it back, to a bool that is
 * set where their instants carry no zone. */
static tarn_code ask_for(tarn_cx *cx, tarn_buf *sql, const tarn_table *table, const tarn_file_group *group,
                         tarn_map *asked) {
    for (size_t i = 0; i < group->n_files; i++) {
        const char *path;
        TRY(tarn_data_path(cx, table, group->files[i]->path, &path));
        if ((i & 1023) == 0) TRY(tarn_check(cx));
        if (tarn_map_get(asked, tarn_str_of(path))) continue;
        tarn_buf_puts(sql, asked->n ? ", " : "");
        TRY(tarn_data_path_put(cx, sql, path));
        tarn_map_put(asked, cx->arena, tarn_str_of(path), TARN_NEW_ARRAY(cx->arena, bool, 1));
    }
    return TARN_OK;
}

/* One row is one such file: its name, and whether it holds instants with a zone too. As one type is asked of
 * read_parquet for both, those would be shifted in place of these. */
static tarn_code take_file(tarn_cx *cx, tarn_str name, bool both, tarn_map *asked) {
    bool *zoneless = tarn_map_get(asked, name);
    if (!zoneless) return tarn_fail(cx, TARN_INTERNAL, "%.*s is none of the scan's files", (int)name.n, name.p);
    if (both)
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "%.*s holds timestamps with a zone next to INT96 or others without; SET timezone = 'UTC' to "
                         "read it",
                         (int)name.n, name.p);
    *zoneless = true;
    return TARN_OK;
}

static tarn_code run_query(tarn_cx *cx, tarn_engine *engine, const char *sql, tarn_map *asked) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(tarn_engine_conn(cx, engine, TARN_DB_EXECUTE, &conn));
    TRY(tarn_conn_query(cx, conn, sql, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_column all = {tarn_rows_schema(rows), &batch};
        tarn_column name = tarn_column_child(all, 0), both = tarn_column_child(all, 1);
        for (int64_t i = 0; i < batch.length; i++)
            TRY(take_file(cx, tarn_column_str(name, i), tarn_column_int(both, i), asked));
    }
}

enum { AN_INSTANT = 1, A_LOCAL_TIME = 2 };

/* By the names of leaves in files: what the table's columns of that name are, bit by bit. */
static void name_leaves(tarn_cx *cx, const char *name, const tarn_type *type, tarn_map *names) {
    uintptr_t is = 0;
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        name_leaves(cx, f->physical ? f->physical : f->name, f->type, names);
    }
    if (type->kind == TARN_TIMESTAMP || type->kind == TARN_TIMESTAMP_NS) is = AN_INSTANT;
    if (type->kind == TARN_TIMESTAMP_NTZ || type->kind == TARN_TIMESTAMP_NTZ_NS) is = A_LOCAL_TIME;
    if (is) is |= (uintptr_t)tarn_map_get(names, tarn_str_of(name));
    if (is) tarn_map_put(names, cx->arena, tarn_str_of(name), (void *)is);
}

/* Adds the names under which files hold instants of the table alone, as a list; those of columns found by id are not
 * known. */
static bool put_instants(tarn_cx *cx, tarn_buf *sql, const tarn_file_group *groups, size_t n) {
    tarn_map names = {0};
    tarn_str name;
    void *is;
    bool any = false;
    for (size_t g = 0; g < n; g++) {
        for (size_t i = 0; !groups[g].by_field_id && i < groups[g].n_columns; i++) {
            const tarn_column_map *c = &groups[g].columns[i];
            const char *physical = c->field->physical ? c->field->physical : c->field->name;
            if (c->partition < 0 || c->fallback) name_leaves(cx, physical, c->field->type, &names);
        }
    }
    for (size_t at = 0; tarn_map_each(&names, &at, &name, &is);) {
        if ((uintptr_t)is != AN_INSTANT) continue;
        tarn_buf_puts(sql, any ? ", " : "");
        tarn_buf_sql_string(sql, tarn_arena_strndup(cx->arena, name.p, name.n));
        any = true;
    }
    return any;
}

/* Instants by Parquet's LogicalTypes.md: INT96 as Spark writes it, and INT64 of writers that know no logical types yet.
 * And INT64 that says it is no instant where the table says it is: Spark reads that as UTC. DuckDB takes all for local
 * times. */
static tarn_code ask_footers(tarn_cx *cx, tarn_engine *engine, const tarn_table *table, const tarn_file_group *groups,
                             size_t n, tarn_map *asked) {
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_buf_puts(&sql, "SELECT file_name, coalesce(bool_or(duckdb_type = 'TIMESTAMP WITH TIME ZONE'), false) FROM "
                        "parquet_schema([");
    for (size_t i = 0; i < n; i++)
        if (reads_instants(&groups[i])) TRY(ask_for(cx, &sql, table, &groups[i], asked));
    tarn_buf_puts(&sql, "]) GROUP BY file_name HAVING bool_or(type = 'INT96' OR (logical_type IS NULL AND "
                        "converted_type IN ('TIMESTAMP_MILLIS', 'TIMESTAMP_MICROS')) OR (starts_with(duckdb_type, "
                        "'TIMESTAMP') AND duckdb_type <> 'TIMESTAMP WITH TIME ZONE' AND name IN (");
    if (!asked->n) return TARN_OK;
    if (!put_instants(cx, &sql, groups, n)) tarn_buf_puts(&sql, "NULL");
    tarn_buf_puts(&sql, ")))");
    if (!tarn_buf_ok(&sql))
        return tarn_fail(
            cx, TARN_LIMIT,
            "too many files to ask for the zones of their timestamps; add a condition on partition columns");
    return run_query(cx, engine, sql.data, asked);
}

/* The group's files of one kind, in their order. */
static tarn_code take_part(tarn_cx *cx, const tarn_table *table, const tarn_file_group *group, const tarn_map *asked,
                           bool zoneless, tarn_scan_part *out) {
    *out = (tarn_scan_part){*group, zoneless};
    out->group.files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, group->n_files);
    out->group.n_files = 0;
    for (size_t i = 0; i < group->n_files; i++) {
        const char *path;
        TRY(tarn_data_path(cx, table, group->files[i]->path, &path));
        const bool *is = tarn_map_get(asked, tarn_str_of(path));
        if ((is && *is) == zoneless) out->group.files[out->group.n_files++] = group->files[i];
    }
    return TARN_OK;
}

tarn_code tarn_scan_split(tarn_cx *cx, tarn_engine *engine, const tarn_table *table, const tarn_file_group *groups,
                          size_t n_groups, tarn_scan_part **out, size_t *n) {
    tarn_map asked = {0};
    size_t at = 0;
    tarn_scan_part *parts = TARN_NEW_ARRAY(cx->arena, tarn_scan_part, n_groups * 2);
    if (!is_utc(cx->conf)) TRY(ask_footers(cx, engine, table, groups, n_groups, &asked));
    for (size_t i = 0; i < n_groups; i++) {
        if (!asked.n || !reads_instants(&groups[i])) {
            parts[at++].group = groups[i];
            continue;
        }
        TRY(take_part(cx, table, &groups[i], &asked, false, &parts[at++]));
        TRY(take_part(cx, table, &groups[i], &asked, true, &parts[at++]));
    }
    *out = parts;
    *n = at;
    return TARN_OK;
}
