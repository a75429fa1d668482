/* copy.c: COPY INTO table FROM files, and COPY INTO 'path' FROM table or query. */
#include "stmt/dml/copy.h"

#include "base/crypto.h"
#include "format/data_path.h"

typedef struct copy_stmt {
    tarn_run *run;
    const char *path, *format;
    tarn_option_pairs options;
} copy_stmt;

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
static tarn_code reader_sql(tarn_cx *cx, const copy_stmt *s, const tarn_schema *schema, char **out) {
    const char *path = tarn_sql_string(cx->arena, s->path);
    if (tarn_name_eq(s->format, "json")) return json_reader(cx, s, schema, path, out);
    if (tarn_name_eq(s->format, "csv")) return csv_reader(cx, s, path, out);
    if (s->options.n)
        return tarn_fail(cx, TARN_INVALID, "COPY INTO: option %s is not known for %s", s->options.at[0].key, s->format);
    if (tarn_name_eq(s->format, "parquet"))
        *out = tarn_printf(cx, "read_parquet(%s)", path);
    else if (tarn_name_eq(s->format, "avro"))
        *out = tarn_printf(cx, "read_avro(%s)", path);
    else
        return tarn_fail(cx, TARN_INVALID, "COPY INTO: FILEFORMAT is PARQUET, CSV, JSON or AVRO, not %s", s->format);
    return TARN_OK;
}

/* FILEFORMAT = x | FILE_FORMAT = (TYPE = x) and FORMAT_OPTIONS (…), in any order. */
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
        } else {
            break;
        }
    }
    if (!s->format) return tarn_unexpected(cx, c, "FILEFORMAT = PARQUET | CSV | JSON | AVRO");
    return tarn_expect_end(cx, c);
}

/* The rest is an INSERT: same columns, checks and commit. */
static tarn_code copy_in(tarn_cx *cx, copy_stmt *s, const tarn_name *table) {
    tarn_tokens tokens;
    char *reader;
    const tarn_stmt *const *insert = s->run->session->lake->stmts;
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, s->run->session, table, &latest, &opened));
    tarn_code code = reader_sql(cx, s, opened.snapshot->schema, &reader);
    tarn_opened_done(&opened);
    TRY(code);
    while (*insert && strcmp((*insert)->name, "INSERT") != 0) insert++;
    const char *sql =
        tarn_printf(cx, "INSERT INTO %.*s BY NAME SELECT * FROM %s", (int)table->n, s->run->text.p + table->at, reader);
    tarn_run run = *s->run;
    run.text = tarn_str_of(sql);
    TRY(tarn_lex(cx, run.text, &tokens));
    run.cursor = (tarn_cursor){&tokens, 1};
    return (*insert)->run(cx, &run);
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
            "'mode' = 'PERMISSIVE', …)]\n"
            "COPY INTO 'path' FROM t | (query) FILEFORMAT = PARQUET | CSV | JSON\nAppends files to a table by column "
            "names, or writes rows to a file.",
};
