/* describe.c: DESCRIBE of tables, queries, history and detail. */
#include "codec/jsonw.h"
#include "session/metadata.h"
#include "stmt/stmts.h"

#include <inttypes.h>

static void line(tarn_rowset *rows, const char *name, const char *type, const char *comment) {
    tarn_rowset_text(rows, name);
    tarn_rowset_text(rows, type);
    tarn_rowset_text(rows, comment);
}

static const char *type_text(tarn_cx *cx, const tarn_field *field) {
    tarn_auto_buf out = TARN_BUF(1 << 20);
    tarn_field_sql(&out, field);
    return tarn_buf_take(&out, cx->arena);
}

static void extended(tarn_cx *cx, const tarn_opened *o, tarn_rowset *rows) {
    const tarn_snapshot *s = o->snapshot;
    line(rows, "", "", NULL);
    line(rows, "# Detailed Table Information", "", NULL);
    line(rows, "Name", o->table->name ? o->table->name : o->table->location, NULL);
    line(rows, "Location", o->table->location, NULL);
    line(rows, "Provider", s->format->name, NULL);
    line(rows, "Version", tarn_printf(cx, "%" PRId64, s->version), NULL);
    if (s->comment) line(rows, "Comment", s->comment, NULL);
    for (size_t i = 0; i < s->n_properties; i++)
        line(rows, tarn_printf(cx, "Property %s", s->properties[i].name), s->properties[i].value, NULL);
    for (size_t i = 0; i < s->n_checks; i++)
        line(rows, tarn_printf(cx, "Constraint %s", s->checks[i].name), s->checks[i].value, NULL);
}

static void columns_of(tarn_cx *cx, const tarn_snapshot *s, tarn_rowset *rows) {
    for (size_t i = 0; i < s->schema->n_fields; i++) {
        const tarn_field *f = &s->schema->fields[i];
        line(rows, f->name, tarn_printf(cx, "%s%s", type_text(cx, f), f->nullable ? "" : " not null"), f->comment);
    }
    if (!s->n_partition) return;
    line(rows, "# Partition Information", "", NULL);
    const tarn_partition_by *by = tarn_snapshot_partition_by(cx->arena, s, s->schema);
    for (size_t i = 0; i < s->n_partition; i++) {
        tarn_auto_buf made = TARN_BUF(1 << 16);
        tarn_partition_sql(cx->arena, &made, s->schema, &by[i]);
        bool plain = by[i].transform == TARN_IDENTITY && !s->partition[i].path;
        line(rows, by[i].name, plain ? type_text(cx, &s->schema->fields[s->partition[i].column]) : made.data, NULL);
    }
}

static tarn_code describe_table(tarn_cx *cx, tarn_run *run, const tarn_name *name, bool more) {
    static const tarn_rowset_column columns[] = {{"col_name", "u"}, {"data_type", "u"}, {"comment", "u"}};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, run->session, name, &latest, &opened));
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    columns_of(cx, opened.snapshot, rows);
    if (more) extended(cx, &opened, rows);
    tarn_opened_done(&opened);
    return tarn_stmt_rows(cx, run, rows, true);
}

/* DESCRIBE [TABLE] [EXTENDED|FORMATTED] t; a query, and what is no table of the lake, is described by DuckDB. */
static tarn_code run_describe(tarn_cx *cx, tarn_run *run) {
    tarn_cursor *c = &run->cursor;
    tarn_name name;
    if (tarn_peek(c, "SELECT|WITH|FROM|VALUES|(")) return tarn_stmt_query(cx, run, run->text);
    (void)tarn_accept(c, "TABLE");
    bool more = tarn_accept(c, "EXTENDED") || tarn_accept(c, "FORMATTED");
    TRY(tarn_parse_name(cx, c, &name));
    TRY(tarn_expect_end(cx, c));
    const char *catalog, *schema, *table;
    tarn_catalog_entry entry;
    if (!name.path) {
        TRY(tarn_session_name(cx, run->session, &name, &catalog, &schema, &table));
        if (tarn_catalog_resolve(cx, run->session->lake->catalog, catalog, schema, table, &entry) != TARN_OK ||
            entry.kind == TARN_ENTRY_VIEW) {
            tarn_clear_error(cx);
            return tarn_stmt_query(cx, run, run->text);
        }
    }
    return describe_table(cx, run, &name, more);
}

static tarn_code run_history(tarn_cx *cx, tarn_run *run) {
    tarn_name name;
    int64_t limit = 0;
    const tarn_table *table;
    const char *ref;
    tarn_rowset *rows;
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    if (tarn_accept(&run->cursor, "LIMIT")) {
        TRY(tarn_parse_int(cx, &run->cursor, &limit));
        if (limit < 1) return tarn_fail(cx, TARN_INVALID, "DESCRIBE HISTORY: LIMIT takes a number from 1 on");
    }
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(tarn_session_find_table(cx, run->session, &name, &table, &ref));
    TRY(tarn_metadata_history(cx, table, ref, limit, &rows));
    return tarn_stmt_rows(cx, run, rows, true);
}

/* ["a","b"], {"k":"v"} */
static const char *json_texts(tarn_cx *cx, const char *const *texts, size_t n) {
    tarn_auto_buf out = TARN_BUF(1 << 20);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_jsonw_begin_array(&w);
    for (size_t i = 0; i < n; i++) tarn_jsonw_text(&w, texts[i]);
    tarn_jsonw_end_array(&w);
    return tarn_buf_take(&out, cx->arena);
}

static const char *json_pairs(tarn_cx *cx, const tarn_pair *pairs, size_t n) {
    tarn_auto_buf out = TARN_BUF(1 << 20);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_jsonw_begin_object(&w);
    for (size_t i = 0; i < n; i++) {
        tarn_jsonw_key(&w, pairs[i].name);
        tarn_jsonw_text(&w, pairs[i].value);
    }
    tarn_jsonw_end_object(&w);
    return tarn_buf_take(&out, cx->arena);
}

static tarn_code detail_rows(tarn_cx *cx, tarn_run *run, const tarn_opened *o) {
    const tarn_snapshot *s = o->snapshot;
    tarn_detail d = {0};
    TARN_VEC(tarn_rowset_column) columns = {0};
    TRY(tarn_snapshot_detail(cx, o->snapshot, &d));
    const char **partition = TARN_NEW_ARRAY(cx->arena, const char *, s->n_partition);
    const tarn_partition_by *by = tarn_snapshot_partition_by(cx->arena, s, s->schema);
    for (size_t i = 0; i < s->n_partition; i++) {
        tarn_auto_buf made = TARN_BUF(1 << 16);
        tarn_partition_sql(cx->arena, &made, s->schema, &by[i]);
        partition[i] = by[i].transform == TARN_IDENTITY ? by[i].column : tarn_arena_strdup(cx->arena, made.data);
    }
    static const tarn_rowset_column fixed[] = {{"format", "u"},
                                               {"id", "u"},
                                               {"name", "u"},
                                               {"description", "u"},
                                               {"location", "u"},
                                               {"created_at", "tsu:UTC"},
                                               {"last_modified", "tsu:UTC"},
                                               {"partition_columns", "u"},
                                               {"version", "l"},
                                               {"num_files", "l"},
                                               {"size_in_bytes", "l"},
                                               {"properties", "u"},
                                               {"table_features", "u"}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) *TARN_PUSH(cx->arena, &columns) = fixed[i];
    for (size_t i = 0; i < d.more.n; i++)
        *TARN_PUSH(cx->arena, &columns) = (tarn_rowset_column){d.more.at[i].name, "u"};
    tarn_rowset *rows = tarn_rowset_new(columns.at, columns.n);
    tarn_rowset_text(rows, s->format->name);
    tarn_rowset_text(rows, s->id);
    tarn_rowset_text(rows, o->table->name);
    tarn_rowset_text(rows, s->comment);
    tarn_rowset_text(rows, o->table->location);
    tarn_rowset_int(rows, s->created_ms * 1000);
    tarn_rowset_int(rows, s->timestamp_ms * 1000);
    tarn_rowset_text(rows, json_texts(cx, partition, s->n_partition));
    tarn_rowset_int(rows, s->version);
    if (d.files < 0)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, d.files);
    if (d.bytes < 0)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, d.bytes);
    tarn_rowset_text(rows, json_pairs(cx, s->properties, s->n_properties));
    tarn_rowset_text(rows, json_texts(cx, d.features.at, d.features.n));
    for (size_t i = 0; i < d.more.n; i++) tarn_rowset_text(rows, d.more.at[i].value);
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code run_detail(tarn_cx *cx, tarn_run *run) {
    tarn_name name;
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(tarn_session_open_table(cx, run->session, &name, &latest, &opened));
    tarn_code code = detail_rows(cx, run, &opened);
    tarn_opened_done(&opened);
    return code;
}

const tarn_stmt tarn_stmt_describe = {.name = "DESCRIBE",
                                      .keywords = "DESCRIBE|DESC|SHOW",
                                      .privilege = TARN_PRIV_SELECT,
                                      .run = run_describe,
                                      .help =
                                          "DESCRIBE [TABLE] [EXTENDED] t | query\nShows columns and types; "
                                          "EXTENDED also location, properties and constraints. SHOW t does the same."};
const tarn_stmt tarn_stmt_describe_history = {
    .name = "DESCRIBE HISTORY",
    .keywords = "DESCRIBE HISTORY|DESC HISTORY",
    .privilege = TARN_PRIV_SELECT,
    .run = run_history,
    .help = "DESCRIBE HISTORY t [LIMIT n]\nShows who did what when, newest first."};
const tarn_stmt tarn_stmt_describe_detail = {
    .name = "DESCRIBE DETAIL",
    .keywords = "DESCRIBE DETAIL|DESC DETAIL",
    .privilege = TARN_PRIV_SELECT,
    .run = run_detail,
    .help = "DESCRIBE DETAIL t\nShows format, location, size, properties and what a reader must support."};
