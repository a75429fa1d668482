/* copy.c: COPY INTO table FROM files, and COPY INTO 'path' FROM table or query. */
#include "stmt/dml/copy.h"

#include "base/crypto.h"
#include "codec/json_tree.h"
#include "format/data_path.h"

typedef struct copy_stmt {
    tarn_run *run;
    const char *path, *format;
    tarn_option_pairs options;
    bool force, merge_schema;
    int64_t rows, skipped; /* of files */
} copy_stmt;

typedef TARN_VEC(tarn_str) name_list;

/* Lines that are no JSON: kept (PERMISSIVE), dropped (DROPMALFORMED), or an error (FAILFAST). */
static tarn_code json_reader(tarn_cx *cx, const copy_stmt *s, const tarn_schema *schema, const char *path, char **out) {
    const char *mode = tarn_option_get(&s->options, "mode");
    bool keeps = tarn_schema_find(schema, TARN_LIT(TARN_CORRUPT_COLUMN)) >= 0;
    if (!mode) mode = keeps ? "PERMISSIVE" : "FAILFAST";
    bool drop = tarn_name_eq(mode, "DROPMALFORMED");
    if (drop || tarn_name_eq(mode, "PERMISSIVE")) return tarn_copy_json(cx, schema, path, drop, out);
    if (!tarn_name_eq(mode, "FAILFAST"))
        return tarn_fail(cx, TARN_INVALID, "COPY INTO: mode is PERMISSIVE, DROPMALFORMED or FAILFAST, not %s", mode);
    *out = tarn_printf(cx, "read_json(%s)", path);
    return TARN_OK;
}

static tarn_code csv_reader(tarn_cx *cx, const copy_stmt *s, const char *path, char **out) {
    tarn_auto_buf sql = TARN_BUF(1 << 20);
    tarn_buf_printf(&sql, "read_csv(%s", path);
    for (size_t k = 0; k < s->options.n; k++) {
        const tarn_option_pair *o = &s->options.at[k];
        bool header = tarn_name_eq(o->key, "header");
        if (!header && !tarn_name_eq(o->key, "delimiter") && !tarn_name_eq(o->key, "sep") &&
            !tarn_name_eq(o->key, "delim"))
            return tarn_fail(cx, TARN_INVALID, "COPY INTO: option %s is not known; there are header and delimiter",
                             o->key);
        tarn_buf_printf(&sql, ", %s = %s", header ? "header" : "delim",
                        tarn_sql_string(cx->arena, o->value ? o->value : ""));
    }
    tarn_buf_putc(&sql, ')');
    *out = tarn_buf_take(&sql, cx->arena);
    return TARN_OK;
}

/* The files as something that can stand after FROM. */
static tarn_code reader_sql(tarn_cx *cx, const copy_stmt *s, const tarn_schema *schema, const char *files, char **out) {
    if (tarn_name_eq(s->format, "json")) return json_reader(cx, s, schema, files, out);
    if (tarn_name_eq(s->format, "csv")) return csv_reader(cx, s, files, out);
    if (s->options.n)
        return tarn_fail(cx, TARN_INVALID, "COPY INTO: option %s is not known for %s", s->options.at[0].key, s->format);
    if (tarn_name_eq(s->format, "parquet"))
        *out = tarn_printf(cx, "read_parquet(%s)", files);
    else if (tarn_name_eq(s->format, "avro"))
        *out = tarn_printf(cx, "read_avro(%s)", files);
    else
        return tarn_fail(cx, TARN_INVALID, "COPY INTO: FILEFORMAT is PARQUET, CSV, JSON or AVRO, not %s", s->format);
    return TARN_OK;
}

/* force and mergeSchema, in Databricks' COPY_OPTIONS. */
static tarn_code take_copy_options(tarn_cx *cx, copy_stmt *s, const tarn_option_pairs *pairs) {
    for (size_t i = 0; i < pairs->n; i++) {
        const tarn_option_pair *o = &pairs->at[i];
        bool force = tarn_name_eq(o->key, "force");
        if (!force && !tarn_name_eq(o->key, "mergeSchema"))
            return tarn_fail(cx, TARN_INVALID, "COPY_OPTIONS: %s is not known; there are force and mergeSchema",
                             o->key);
        bool on = o->value && tarn_name_eq(o->value, "true");
        if (!on && (!o->value || !tarn_name_eq(o->value, "false")))
            return tarn_fail(cx, TARN_INVALID, "COPY_OPTIONS: %s takes true or false", o->key);
        *(force ? &s->force : &s->merge_schema) = on;
    }
    return TARN_OK;
}

static tarn_code parse_force(tarn_cx *cx, tarn_cursor *c, copy_stmt *s) {
    s->force = tarn_peek(c, "TRUE");
    return tarn_accept(c, "TRUE|FALSE") ? TARN_OK : tarn_unexpected(cx, c, "TRUE or FALSE");
}

/* FILEFORMAT = x | FILE_FORMAT = (TYPE = x), FORMAT_OPTIONS (…), COPY_OPTIONS (…) and FORCE = x, in any order. */
static tarn_code parse_format(tarn_cx *cx, tarn_cursor *c, copy_stmt *s) {
    for (;;) {
        if (tarn_accept(c, "FILEFORMAT =") || tarn_accept(c, "FORMAT =")) {
            TRY(tarn_parse_literal(cx, c, &s->format));
        } else if (tarn_accept(c, "FILE_FORMAT =")) {
            tarn_option_pairs pairs = {0};
            TRY(tarn_parse_options(cx, c, &pairs));
            s->format = tarn_option_get(&pairs, "TYPE");
        } else if (tarn_accept(c, "FORMAT_OPTIONS")) {
            TRY(tarn_parse_options(cx, c, &s->options));
        } else if (tarn_accept(c, "COPY_OPTIONS")) {
            tarn_option_pairs pairs = {0};
            TRY(tarn_parse_options(cx, c, &pairs));
            TRY(take_copy_options(cx, s, &pairs));
        } else if (tarn_accept(c, "FORCE =")) {
            TRY(parse_force(cx, c, s));
        } else {
            break;
        }
    }
    if (!s->format) return tarn_unexpected(cx, c, "FILEFORMAT = PARQUET | CSV | JSON | AVRO");
    return tarn_expect_end(cx, c);
}

/* Whether a file in a folder that is loaded is one of those meant: _SUCCESS, .crc and notes lie about, too. */
static bool is_data(const copy_stmt *s, const char *key) {
    static const char *const endings[][4] = {
        {"parquet", ".parquet"}, {"avro", ".avro"}, {"csv", ".csv", ".tsv", ".txt"}, {"json", ".json", ".ndjson"}};
    const char *name = key;
    for (const char *p = key; *p; p++) {
        bool begins = p == key || p[-1] == '/';
        if (begins && (*p == '_' || *p == '.')) return false;
        if (begins) name = p;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        for (size_t k = 1; tarn_name_eq(s->format, endings[i][0]) && k < 4 && endings[i][k]; k++)
            if (strstr(name, endings[i][k])) return true;
    return false;
}

static tarn_code match_pattern(tarn_cx *cx, tarn_conn *conn, const char *path, name_list *out) {
    const tarn_json_value *found;
    char *json = NULL;
    const char *glob = tarn_sql_string(cx->arena, path);
    TRY(tarn_conn_text(cx, conn, tarn_printf(cx, "SELECT to_json(list(file ORDER BY file)) FROM glob(%s)", glob),
                       &json));
    if (!json) return TARN_OK;
    TRY(tarn_json_parse(cx, cx->arena, tarn_str_of(json), 2, &found));
    for (size_t i = 0; i < found->n; i++) *TARN_PUSH(cx->arena, out) = tarn_json_as_str(&found->items[i]);
    return TARN_OK;
}

/* What lies below the path, or itself. */
static tarn_code list_path(tarn_cx *cx, const copy_stmt *s, const char *path, name_list *out) {
    tarn_auto(tarn_store *, tarn_store_closep) below = NULL;
    tarn_auto(tarn_store *, tarn_store_closep) above = NULL;
    tarn_list_spec all = {.prefix = "", .recursive = true, .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES)};
    tarn_entry_list list = {0};
    const char *slash = strrchr(path, '/');
    bool there = false;
    TRY(tarn_store_open(cx, tarn_arena_strndup(cx->arena, path, slash == path ? 1 : (size_t)(slash - path)), &above));
    if (slash[1]) TRY(tarn_store_exists(cx, above, slash + 1, &there));
    if (there) {
        *TARN_PUSH(cx->arena, out) = tarn_str_of(path);
        return TARN_OK;
    }
    TRY(tarn_store_open(cx, path, &below));
    TRY(tarn_store_list(cx, below, &all, cx->arena, &list));
    for (size_t i = 0; i < list.n; i++)
        if (!list.at[i].is_folder && is_data(s, list.at[i].key))
            *TARN_PUSH(cx->arena, out) = tarn_str_of(tarn_printf(cx, "%s/%s", path, list.at[i].key));
    return TARN_OK;
}

/* Files that a path, a pattern or a folder stands for, in order. */
static tarn_code find_files(tarn_cx *cx, const copy_stmt *s, tarn_conn *conn, name_list *out) {
    const char *path;
    TRY(tarn_session_absolute(cx, s->path, &path));
    TRY(tarn_data_reach_uri(cx, s->run->session->lake->engine, tarn_str_of(path)));
    if (strpbrk(path, "*?["))
        TRY(match_pattern(cx, conn, path, out));
    else
        TRY(list_path(cx, s, path, out));
    return out->n ? TARN_OK : tarn_fail(cx, TARN_NOTFOUND, "COPY INTO: there are no files %s", path);
}

/* What earlier loads have not brought, as a list in SQL. */
static tarn_code pick(tarn_cx *cx, copy_stmt *s, const name_list *found, const tarn_loaded *was, tarn_str *fresh,
                      size_t *n, const char **sql) {
    tarn_auto_buf list = TARN_BUF((size_t)64 << 20);
    size_t picked = 0, taken = 0;
    for (size_t i = 0; i < found->n; i++) {
        tarn_str name = found->at[i];
        bool known = tarn_map_get(&was->all, name) != NULL;
        if (!known) fresh[picked++] = name;
        if (known && !s->force) continue;
        tarn_buf_puts(&list, taken++ ? ", " : "[");
        tarn_buf_sql_string(&list, tarn_arena_strndup(cx->arena, name.p, name.n));
    }
    tarn_buf_putc(&list, ']');
    if (!tarn_buf_ok(&list)) return tarn_fail(cx, TARN_LIMIT, "COPY INTO: too many files at once");
    s->skipped = (int64_t)(found->n - taken);
    *n = picked;
    *sql = taken ? tarn_buf_take(&list, cx->arena) : NULL;
    return TARN_OK;
}

/* An append of the rows of the files, which are noted as loaded in the same commit. */
static tarn_code plan_load(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    copy_stmt *s = state;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    name_list found = {0};
    tarn_loaded was = {.number = -1};
    tarn_write_options options = {.merge_schema = s->merge_schema};
    const char *files;
    char *reader;
    size_t n;
    s->rows = 0;
    TRY(tarn_format_require(cx, opened->table->format, TARN_CAN_APP_TRANSACTIONS, "application transactions"));
    TRY(tarn_session_conn(cx, s->run->session, &conn));
    TRY(find_files(cx, s, conn, &found));
    tarn_code code = tarn_loaded_read(cx, opened, &was);
    if (code != TARN_CORRUPT || !s->force) TRY(code);
    tarn_clear_error(cx);
    tarn_str *fresh = TARN_NEW_ARRAY(cx->arena, tarn_str, found.n);
    TRY(pick(cx, s, &found, &was, fresh, &n, &files));
    TRY(reader_sql(cx, s, opened->snapshot->schema, files ? files : "[]", &reader));
    if (!files) return TARN_OK;
    if (n) {
        options.app_id = TARN_COPY_APP;
        TRY(tarn_loaded_write(cx, opened, &was, fresh, n, &options.app_version));
    }
    const char *select = tarn_printf(cx, "SELECT * FROM %s", reader);
    TRY(tarn_insert_append(cx, s->run, opened, tarn_str_of(select), &options, change, &s->rows));
    change->operation = "COPY INTO";
    return TARN_OK;
}

/* Somebody who loads into the table at the same time may have brought the same files. */
static tarn_code copy_in(tarn_cx *cx, copy_stmt *s, const tarn_name *table) {
    int64_t until = tarn_monotonic_us() + 1000 * tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT);
    tarn_code code;
    while ((code = tarn_session_change(cx, s->run->session, table, plan_load, s, NULL)) == TARN_EXISTS &&
           tarn_monotonic_us() < until) {
        TRY(tarn_check(cx));
        tarn_clear_error(cx);
    }
    TRY(code);
    tarn_report report[] = {{"num_affected_rows", s->rows}, {"num_skipped_files", s->skipped}};
    return tarn_stmt_report(cx, s->run, report, 2);
}

static const char *find_format(const char *name) {
    static const char *const formats[] = {"parquet", "csv", "json"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (tarn_name_eq(formats[i], name)) return formats[i];
    return NULL;
}

/* Where the rows go: the file named, or a new one in the folder named (made when missing) by a path that ends in '/'.
 */
static tarn_code ready_path(tarn_cx *cx, const copy_stmt *s, const char *format, const char **out) {
    tarn_auto(tarn_store *, tarn_store_closep) folder = NULL;
    char id[TARN_UUID_TEXT];
    TRY(tarn_data_reach_uri(cx, s->run->session->lake->engine, tarn_str_of(s->path)));
    *out = s->path;
    if (!tarn_str_ends(tarn_str_of(s->path), "/")) return TARN_OK;
    TRY(tarn_store_open(cx, s->path, &folder));
    TRY(tarn_store_folder(cx, folder, ""));
    tarn_uuid_v7(cx, id);
    *out = tarn_printf(cx, "%spart-%s.%s", s->path, id, format);
    return TARN_OK;
}

static tarn_code copy_out(tarn_cx *cx, copy_stmt *s, tarn_str from) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_planned planned;
    tarn_schema *columns;
    bool query =
        from.n && (from.p[0] == '(' || tarn_str_ieq((tarn_str){from.p, from.n < 6 ? from.n : 6}, TARN_LIT("SELECT")));
    const char *select = query ? tarn_arena_strndup(cx->arena, from.p, from.n)
                               : tarn_printf(cx, "SELECT * FROM %.*s", (int)from.n, from.p);
    const char *format = find_format(s->format), *path;
    if (!format)
        return tarn_fail(cx, TARN_INVALID, "COPY INTO: files are written as PARQUET, CSV or JSON, not %s", s->format);
    TRY(ready_path(cx, s, format, &path));
    TRY(tarn_session_conn(cx, s->run->session, &conn));
    TRY(tarn_stmt_source(cx, s->run, conn, tarn_str_of(select), &planned, &columns));
    tarn_rows *result = NULL;
    struct ArrowArray batch = {0};
    tarn_code code = tarn_conn_query(
        cx, conn,
        tarn_printf(cx, "COPY (%s\n) TO %s (FORMAT %s)", planned.sql, tarn_sql_string(cx->arena, path), format),
        planned.binds, planned.n_binds, &result);
    if (code == TARN_OK) code = tarn_rows_next(cx, result, &batch);
    int64_t n = code == TARN_OK && batch.release && batch.length
                    ? tarn_column_int(
                          tarn_column_child((tarn_column){.schema = tarn_rows_schema(result), .array = &batch}, 0), 0)
                    : 0;
    tarn_array_release(&batch);
    tarn_rows_close(result);
    tarn_planned_done(&planned);
    TRY(code);
    tarn_report report[] = {{"rows_unloaded", n}};
    return tarn_stmt_report(cx, s->run, report, 1);
}

static tarn_code run_copy(tarn_cx *cx, tarn_run *run) {
    copy_stmt s = {.run = run};
    tarn_cursor *c = &run->cursor;
    tarn_name table;
    if (c->tokens->tokens.at[c->i].kind == TARN_T_STRING) {
        tarn_str from;
        TRY(tarn_parse_string(cx, c, &s.path));
        TRY(tarn_expect(cx, c, "FROM"));
        TRY(tarn_parse_extent(cx, c, "FILEFORMAT|FILE_FORMAT|FORMAT|FORMAT_OPTIONS|;", "a table or query", &from));
        TRY(parse_format(cx, c, &s));
        return copy_out(cx, &s, from);
    }
    TRY(tarn_parse_name(cx, c, &table));
    TRY(tarn_expect(cx, c, "FROM"));
    TRY(tarn_parse_string(cx, c, &s.path));
    TRY(parse_format(cx, c, &s));
    return copy_in(cx, &s, &table);
}

const tarn_stmt tarn_stmt_copy = {
    .name = "COPY INTO",
    .keywords = "COPY INTO",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_copy,
    .help = "COPY INTO t FROM 'path' FILEFORMAT = PARQUET | CSV | JSON | AVRO [FORMAT_OPTIONS ('header' = 'true', "
            "'mode' = 'PERMISSIVE', …)] [COPY_OPTIONS ('force' = 'true', 'mergeSchema' = 'true')]\n"
            "COPY INTO 'path' FROM t | (query) FILEFORMAT = PARQUET | CSV | JSON\nAppends the files of a path, pattern "
            "or folder to a table by column names, each once: files that an earlier COPY INTO has loaded are skipped "
            "unless forced. Or writes rows to a file.",
};
