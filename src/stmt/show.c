/* show.c: SHOW TABLES, SCHEMAS, CATALOGS, TBLPROPERTIES, PARTITIONS, COLUMNS, CREATE TABLE, SETTINGS. */
#include <inttypes.h>

#include "session/metadata.h"
#include "stmt/stmts.h"

/* * and | of SHOW … LIKE 'pattern', as Spark has them, and % as all others do. */
static bool like(const char *text, const char *pattern) {
    if (!pattern) return true;
    for (const char *p = pattern, *end;; p = end + 1) {
        end = p + strcspn(p, "|");
        const char *t = text, *star = NULL, *from = NULL, *q = p;
        while (*t) {
            if (q < end && (*q == '*' || *q == '%'))
                star = q++, from = t;
            else if (q < end && ((*q | 32) == (*t | 32) || *q == '_'))
                q++, t++;
            else if (star)
                q = star + 1, t = ++from;
            else
                break;
        }
        while (q < end && (*q == '*' || *q == '%')) q++;
        if (!*t && q == end) return true;
        if (!*end) return false;
    }
}

/* [FROM|IN schema] [LIKE 'pattern'] */
static tarn_code parse_scope(tarn_cx *cx, tarn_run *run, const char **catalog, const char **schema,
                             const char **pattern) {
    tarn_cursor *c = &run->cursor;
    tarn_name name;
    *catalog = run->session->catalog;
    *schema = run->session->schema;
    *pattern = NULL;
    if (tarn_accept(c, "FROM|IN")) {
        TRY(tarn_parse_name(cx, c, &name));
        if (name.path || name.n_parts > 2)
            return tarn_fail(cx, TARN_INVALID, "a schema's name is schema or catalog.schema");
        *schema = name.part[name.n_parts - 1];
        if (name.n_parts == 2) *catalog = name.part[0];
        TRY(tarn_catalog_check(cx, run->session->lake->catalog, *catalog, *schema));
    }
    if (tarn_accept(c, "LIKE") || c->tokens->tokens.at[c->i].kind == TARN_T_STRING)
        TRY(tarn_parse_string(cx, c, pattern));
    return tarn_expect_end(cx, c);
}

/* All schemas when none is named: a lake is looked at as a whole. */
static tarn_code run_tables(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {
        {"catalog", "u"}, {"schema", "u"}, {"name", "u"}, {"kind", "u"}, {"format", "u"}};
    const char *catalog, *schema, *pattern;
    tarn_catalog_entries entries = {0};
    bool named = tarn_peek(&run->cursor, "FROM|IN");
    TRY(parse_scope(cx, run, &catalog, &schema, &pattern));
    TRY(tarn_catalog_list(cx, run->session->lake->catalog, catalog, named ? schema : NULL, false, &entries));
    tarn_rowset *rows = tarn_rowset_new(columns, 5);
    for (size_t i = 0; i < entries.n; i++) {
        const tarn_catalog_entry *e = &entries.at[i];
        if (!like(e->name, pattern)) continue;
        tarn_rowset_text(rows, e->catalog);
        tarn_rowset_text(rows, e->schema);
        tarn_rowset_text(rows, e->name);
        tarn_rowset_text(rows, e->kind == TARN_ENTRY_VIEW ? "view" : "table");
        tarn_rowset_text(rows, e->format);
    }
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code run_schemas(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {{"catalog", "u"}, {"schema", "u"}, {"comment", "u"}};
    const char *catalog = run->session->catalog, *pattern = NULL;
    tarn_catalog_entries entries = {0};
    if (tarn_accept(&run->cursor, "FROM|IN")) TRY(tarn_parse_ident(cx, &run->cursor, &catalog));
    if (tarn_accept(&run->cursor, "LIKE")) TRY(tarn_parse_string(cx, &run->cursor, &pattern));
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(tarn_catalog_check(cx, run->session->lake->catalog, catalog, NULL));
    TRY(tarn_catalog_schemas(cx, run->session->lake->catalog, catalog, &entries));
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    for (size_t i = 0; i < entries.n; i++) {
        if (!like(entries.at[i].schema, pattern)) continue;
        tarn_rowset_text(rows, entries.at[i].catalog);
        tarn_rowset_text(rows, entries.at[i].schema);
        tarn_rowset_text(rows, entries.at[i].comment);
    }
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code run_catalogs(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {{"catalog", "u"}};
    tarn_catalog_entries entries = {0};
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(tarn_catalog_catalogs(cx, run->session->lake->catalog, &entries));
    tarn_rowset *rows = tarn_rowset_new(columns, 1);
    for (size_t i = 0; i < entries.n; i++) tarn_rowset_text(rows, entries.at[i].catalog);
    return tarn_stmt_rows(cx, run, rows, true);
}

typedef tarn_code opened_fn(tarn_cx *cx, tarn_run *run, const tarn_opened *opened);

static tarn_code with_table(tarn_cx *cx, tarn_run *run, opened_fn *fn) {
    tarn_name name;
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    TRY(tarn_session_open_table(cx, run->session, &name, &latest, &opened));
    tarn_code code = fn(cx, run, &opened);
    tarn_opened_done(&opened);
    return code;
}

static tarn_code properties(tarn_cx *cx, tarn_run *run, const tarn_opened *opened) {
    static const tarn_rowset_column columns[] = {{"key", "u"}, {"value", "u"}};
    const char *only = NULL;
    if (tarn_accept(&run->cursor, "(")) {
        TRY(tarn_parse_literal(cx, &run->cursor, &only));
        TRY(tarn_expect(cx, &run->cursor, ")"));
    }
    TRY(tarn_expect_end(cx, &run->cursor));
    tarn_rowset *rows = tarn_rowset_new(columns, 2);
    for (size_t i = 0; i < opened->snapshot->n_properties; i++) {
        const tarn_pair *p = &opened->snapshot->properties[i];
        if (only && strcmp(only, p->name) != 0) continue;
        tarn_rowset_text(rows, p->name);
        tarn_rowset_text(rows, p->value);
    }
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code partitions(tarn_cx *cx, tarn_run *run, const tarn_opened *opened) {
    tarn_rowset *rows;
    TRY(tarn_expect_end(cx, &run->cursor));
    if (!opened->snapshot->n_partition)
        return tarn_fail(cx, TARN_INVALID, "%s is not partitioned", opened->table->location);
    TRY(tarn_metadata_find("partitions")->rows(cx, opened, &rows));
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code table_columns(tarn_cx *cx, tarn_run *run, const tarn_opened *opened) {
    static const tarn_rowset_column columns[] = {{"col_name", "u"}};
    TRY(tarn_expect_end(cx, &run->cursor));
    tarn_rowset *rows = tarn_rowset_new(columns, 1);
    for (size_t i = 0; i < opened->snapshot->schema->n_fields; i++)
        tarn_rowset_text(rows, opened->snapshot->schema->fields[i].name);
    return tarn_stmt_rows(cx, run, rows, true);
}

static void print_column(tarn_buf *out, const tarn_field *f) {
    tarn_buf_sql_name(out, f->name);
    tarn_buf_putc(out, ' ');
    tarn_field_sql(out, f);
    if (!f->nullable) tarn_buf_puts(out, " NOT NULL");
    if (f->default_sql) tarn_buf_printf(out, " DEFAULT %s", f->default_sql);
    if (f->generated_sql) tarn_buf_printf(out, " GENERATED ALWAYS AS (%s)", f->generated_sql);
    if (f->identity)
        tarn_buf_printf(out, " GENERATED %s AS IDENTITY (START WITH %" PRId64 " INCREMENT BY %" PRId64 ")",
                        f->identity->open ? "BY DEFAULT" : "ALWAYS", f->identity->start, f->identity->step);
    if (!f->comment) return;
    tarn_buf_puts(out, " COMMENT ");
    tarn_buf_sql_string(out, f->comment);
}

/* In quotes where it is not a plain word. */
static void put_name(tarn_buf *out, const char *name) {
    bool plain = (*name >= 'a' && *name <= 'z') || *name == '_';
    for (const char *c = name; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_') plain = false;
    if (plain)
        tarn_buf_puts(out, name);
    else
        tarn_buf_sql_name(out, name);
}

static tarn_code create_text(tarn_cx *cx, tarn_run *run, const tarn_opened *o) {
    static const tarn_rowset_column columns[] = {{"createtab_stmt", "u"}};
    tarn_auto_buf out = TARN_BUF((size_t)16 << 20);
    const tarn_snapshot *s = o->snapshot;
    TRY(tarn_expect_end(cx, &run->cursor));
    tarn_buf_puts(&out, "CREATE TABLE ");
    const char *parts[] = {o->entry.catalog, o->entry.schema, o->entry.name};
    for (int i = 0; i < 3 && o->entry.id; i++) {
        tarn_buf_puts(&out, i ? "." : "");
        put_name(&out, parts[i]);
    }
    tarn_buf_printf(&out, "%s (\n", o->entry.id ? "" : tarn_sql_name(cx->arena, o->table->location));
    for (size_t i = 0; i < s->schema->n_fields; i++) {
        tarn_buf_puts(&out, i ? ",\n  " : "  ");
        print_column(&out, &s->schema->fields[i]);
    }
    const char *before = ",\n  PRIMARY KEY (";
    for (size_t i = 0; i < s->schema->n_fields; i++) {
        if (!s->schema->fields[i].key) continue;
        tarn_buf_printf(&out, "%s%s", before, tarn_sql_name(cx->arena, s->schema->fields[i].name));
        before = ", ";
    }
    if (before[1] == ' ') tarn_buf_puts(&out, ") NOT ENFORCED");
    for (size_t i = 0; i < s->n_checks; i++)
        tarn_buf_printf(&out, ",\n  CONSTRAINT %s CHECK (%s)", tarn_sql_name(cx->arena, s->checks[i].name),
                        s->checks[i].value);
    tarn_buf_printf(&out, ")\nUSING %s", s->format->name);
    const tarn_partition_by *by = tarn_snapshot_partition_by(cx->arena, s, s->schema);
    for (size_t i = 0; i < s->n_partition; i++) {
        tarn_buf_puts(&out, i ? ", " : "\nPARTITIONED BY (");
        tarn_partition_sql(cx->arena, &out, s->schema, &by[i]);
        if (s->partition[i].own_name) tarn_buf_printf(&out, " AS %s", tarn_sql_name(cx->arena, by[i].name));
    }
    tarn_buf_puts(&out, s->n_partition ? ")" : "");
    if (o->entry.id && !o->entry.managed)
        tarn_buf_printf(&out, "\nLOCATION %s", tarn_sql_string(cx->arena, o->table->location));
    if (s->comment) tarn_buf_printf(&out, "\nCOMMENT %s", tarn_sql_string(cx->arena, s->comment));
    for (size_t i = 0; i < s->n_properties; i++)
        tarn_buf_printf(&out, "%s%s = %s", i ? ", " : "\nTBLPROPERTIES (",
                        tarn_sql_string(cx->arena, s->properties[i].name),
                        tarn_sql_string(cx->arena, s->properties[i].value));
    tarn_buf_puts(&out, s->n_properties ? ")" : "");
    if (!tarn_buf_ok(&out)) return tarn_fail(cx, TARN_LIMIT, "the statement is too long to show");
    tarn_rowset *rows = tarn_rowset_new(columns, 1);
    tarn_rowset_text(rows, out.data);
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code run_properties(tarn_cx *cx, tarn_run *run) { return with_table(cx, run, properties); }
static tarn_code run_partitions(tarn_cx *cx, tarn_run *run) { return with_table(cx, run, partitions); }
static tarn_code run_create(tarn_cx *cx, tarn_run *run) { return with_table(cx, run, create_text); }

static tarn_code run_columns(tarn_cx *cx, tarn_run *run) {
    TRY(tarn_expect(cx, &run->cursor, "FROM|IN"));
    return with_table(cx, run, table_columns);
}

static tarn_code run_settings(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {{"name", "u"}, {"value", "u"}, {"origin", "u"}, {"description", "u"}};
    TRY(tarn_expect_end(cx, &run->cursor));
    tarn_rowset *rows = tarn_rowset_new(columns, 4);
    for (int i = 0; i < TARN_OPTION_COUNT; i++) {
        const tarn_option_info *info = tarn_option_info_of(i);
        tarn_rowset_text(rows, info->name);
        tarn_rowset_text(rows, info->secret ? "***" : tarn_conf_text(cx->conf, i));
        tarn_rowset_text(rows, tarn_origin_name(tarn_conf_origin(cx->conf, i)));
        tarn_rowset_text(rows, info->help);
    }
    return tarn_stmt_rows(cx, run, rows, true);
}

const tarn_stmt tarn_stmt_show_tables = {.name = "SHOW TABLES",
                                         .keywords = "SHOW TABLES|SHOW ALL TABLES",
                                         .privilege = TARN_PRIV_NONE,
                                         .run = run_tables,
                                         .help = "SHOW TABLES [FROM schema] [LIKE 'pattern']\nLists tables and views."};
const tarn_stmt tarn_stmt_show_schemas = {.name = "SHOW SCHEMAS",
                                          .keywords = "SHOW SCHEMAS|SHOW DATABASES",
                                          .privilege = TARN_PRIV_NONE,
                                          .run = run_schemas,
                                          .help = "SHOW SCHEMAS [FROM catalog] [LIKE 'pattern']\nLists schemas."};
const tarn_stmt tarn_stmt_show_catalogs = {.name = "SHOW CATALOGS",
                                           .keywords = "SHOW CATALOGS",
                                           .privilege = TARN_PRIV_NONE,
                                           .run = run_catalogs,
                                           .help = "SHOW CATALOGS\nLists catalogs."};
const tarn_stmt tarn_stmt_show_properties = {.name = "SHOW TBLPROPERTIES",
                                             .keywords = "SHOW TBLPROPERTIES",
                                             .privilege = TARN_PRIV_SELECT,
                                             .run = run_properties,
                                             .help = "SHOW TBLPROPERTIES t [('key')]\nLists a table's properties."};
const tarn_stmt tarn_stmt_show_partitions = {
    .name = "SHOW PARTITIONS",
    .keywords = "SHOW PARTITIONS",
    .privilege = TARN_PRIV_SELECT,
    .run = run_partitions,
    .help = "SHOW PARTITIONS t\nLists partitions with their files, bytes and rows."};
const tarn_stmt tarn_stmt_show_columns = {.name = "SHOW COLUMNS",
                                          .keywords = "SHOW COLUMNS",
                                          .privilege = TARN_PRIV_SELECT,
                                          .run = run_columns,
                                          .help = "SHOW COLUMNS FROM t\nLists a table's columns."};
const tarn_stmt tarn_stmt_show_create = {.name = "SHOW CREATE TABLE",
                                         .keywords = "SHOW CREATE TABLE",
                                         .privilege = TARN_PRIV_SELECT,
                                         .run = run_create,
                                         .help = "SHOW CREATE TABLE t\nPrints the statement that makes such a table."};
const tarn_stmt tarn_stmt_show_settings = {
    .name = "SHOW SETTINGS",
    .keywords = "SHOW SETTINGS",
    .privilege = TARN_PRIV_NONE,
    .run = run_settings,
    .help = "SHOW SETTINGS\nLists settings, their values and where those come from."};
