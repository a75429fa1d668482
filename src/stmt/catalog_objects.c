/* catalog_objects.c: DROP, UNDROP, views, schemas, catalogs, USE, COMMENT ON: statements that only move names. */
#include "session/sources.h"
#include "stmt/stmts.h"

tarn_code tarn_stmt_alone(tarn_cx *cx, const tarn_run *run) {
    if (!run->session->txn) return TARN_OK;
    return tarn_fail(cx, TARN_UNSUPPORTED, "%s cannot run inside a transaction: COMMIT it first", run->stmt->name);
}

static tarn_catalog *catalog_of(const tarn_run *run) { return run->session->lake->catalog; }

/* Removes the files of a managed table that will not come back. */
static tarn_code purge(tarn_cx *cx, tarn_run *run, const tarn_catalog_entry *entry) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    tarn_entry_list list = {0};
    tarn_list_spec all = {
        .prefix = "", .recursive = true, .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES), .with_temps = true};
    if (entry->kind != TARN_ENTRY_TABLE || !entry->managed) return TARN_OK;
    TRY(tarn_store_open(cx, tarn_printf(cx, "%s/%s", run->session->lake->root, entry->location), &store));
    TRY(tarn_store_list(cx, store, &all, cx->arena, &list));
    const char **keys = TARN_NEW_ARRAY(cx->arena, const char *, list.n);
    size_t n = 0;
    for (size_t i = 0; i < list.n; i++)
        if (!list.at[i].is_folder) keys[n++] = list.at[i].key;
    return tarn_store_remove(cx, store, keys, n);
}

static tarn_code drop_entry(tarn_cx *cx, tarn_run *run, const tarn_catalog_entry *entry, bool for_good) {
    if (!for_good) return tarn_catalog_drop(cx, catalog_of(run), entry->id);
    TRY(tarn_catalog_forget(cx, catalog_of(run), entry->id));
    return purge(cx, run, entry);
}

static tarn_code find(tarn_cx *cx, tarn_run *run, const tarn_name *name, bool if_exists, tarn_catalog_entry *entry,
                      bool *found) {
    const char *catalog, *schema, *table;
    TRY(tarn_session_name(cx, run->session, name, &catalog, &schema, &table));
    tarn_code code = tarn_catalog_resolve(cx, catalog_of(run), catalog, schema, table, entry);
    *found = code == TARN_OK;
    if (code != TARN_NOTFOUND || !if_exists) return code;
    tarn_clear_error(cx);
    return TARN_OK;
}

static tarn_code drop_kind(tarn_cx *cx, tarn_run *run, tarn_entry_kind kind) {
    tarn_cursor *c = &run->cursor;
    bool if_exists = tarn_accept(c, "IF EXISTS"), found;
    tarn_name name;
    tarn_catalog_entry entry;
    TRY(tarn_parse_name(cx, c, &name));
    bool for_good = kind == TARN_ENTRY_VIEW || tarn_accept(c, "PURGE");
    TRY(tarn_expect_end(cx, c));
    TRY(tarn_stmt_alone(cx, run));
    TRY(find(cx, run, &name, if_exists, &entry, &found));
    if (!found) return tarn_stmt_done(cx, run, "nothing to drop");
    if (entry.kind != kind)
        return tarn_fail(cx, TARN_INVALID, "%s.%s is a %s", entry.schema, entry.name,
                         entry.kind == TARN_ENTRY_VIEW ? "view: DROP VIEW" : "table: DROP TABLE");
    TRY(drop_entry(cx, run, &entry, for_good));
    return tarn_stmt_done(cx, run, "dropped %s.%s.%s", entry.catalog, entry.schema, entry.name);
}

static tarn_code run_drop_table(tarn_cx *cx, tarn_run *run) { return drop_kind(cx, run, TARN_ENTRY_TABLE); }
static tarn_code run_drop_view(tarn_cx *cx, tarn_run *run) { return drop_kind(cx, run, TARN_ENTRY_VIEW); }

static tarn_code run_undrop(tarn_cx *cx, tarn_run *run) {
    tarn_name name;
    const char *catalog, *schema, *table;
    tarn_catalog_entries dropped = {0};
    TRY(tarn_stmt_alone(cx, run));
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(tarn_session_name(cx, run->session, &name, &catalog, &schema, &table));
    TRY(tarn_catalog_list(cx, catalog_of(run), catalog, schema, true, &dropped));
    for (size_t i = 0; i < dropped.n; i++) { /* the latest drop comes first */
        if (!tarn_name_eq(dropped.at[i].name, table)) continue;
        TRY(tarn_catalog_undrop(cx, catalog_of(run), dropped.at[i].id));
        return tarn_stmt_done(cx, run, "%s.%s.%s is back", catalog, schema, table);
    }
    return tarn_fail(cx, TARN_NOTFOUND, "no dropped table %s.%s.%s is remembered", catalog, schema, table);
}

static tarn_code refuse_params(tarn_cx *cx, tarn_str query) {
    tarn_tokens tokens = {0};
    TRY(tarn_lex(cx, query, &tokens));
    for (size_t i = 0; i < tokens.tokens.n; i++)
        if (tokens.tokens.at[i].kind == TARN_T_PARAM)
            return tarn_fail_at(cx, TARN_INVALID, query, tokens.tokens.at[i].at,
                                "a view keeps no parameters: write the value");
    return TARN_OK;
}

/* (a, b) after the view's name: one name for each column of its query. */
static tarn_code name_columns(tarn_cx *cx, tarn_catalog_entry *view, tarn_names names, const tarn_schema *columns) {
    tarn_auto_buf sql = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_SQL_BYTES) * 2);
    if (!names.n) return TARN_OK;
    if (names.n != columns->n_fields)
        return tarn_fail(cx, TARN_INVALID, "view %s names %zu column%s, its query gives %zu", view->name, names.n,
                         names.n == 1 ? "" : "s", columns->n_fields);
    tarn_buf_printf(&sql, "SELECT * FROM (%s\n) AS v(", view->sql);
    for (size_t i = 0; i < names.n; i++) {
        for (size_t k = 0; k < i; k++)
            if (tarn_name_eq(names.at[i], names.at[k]))
                return tarn_fail(cx, TARN_INVALID, "view %s has two columns %s", view->name, names.at[i]);
        if (i) tarn_buf_puts(&sql, ", ");
        tarn_buf_sql_name(&sql, names.at[i]);
    }
    tarn_buf_putc(&sql, ')');
    if (sql.failed) return tarn_fail(cx, TARN_LIMIT, "the query of view %s is too long", view->name);
    view->sql = tarn_buf_take(&sql, cx->arena);
    return TARN_OK;
}

/* The columns of the view's query, which is planned as the view will read it: from its own place. A view that cannot be
 * read is refused now, not later. */
static tarn_code read_view(tarn_cx *cx, tarn_run *run, const tarn_catalog_entry *view, tarn_str query,
                           tarn_schema **columns) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_session *session = run->session;
    const char *catalog = session->catalog, *schema = session->schema;
    tarn_planned planned = {0};
    TRY(tarn_session_conn(cx, session, &conn));
    uint64_t opened = tarn_sources_opened(session);
    session->catalog = view->default_catalog;
    session->schema = view->default_schema;
    tarn_code code = tarn_stmt_source(cx, run, conn, query, &planned, columns);
    session->catalog = catalog;
    session->schema = schema;
    TRY(code);
    tarn_planned_done(&planned);
    for (size_t i = 0; i < planned.views.n; i++) {
        const char *const *part = planned.views.at[i]->part;
        if (tarn_name_eq(part[0], view->catalog) && tarn_name_eq(part[1], view->schema) &&
            tarn_name_eq(part[2], view->name))
            return tarn_fail(cx, TARN_INVALID, "view %s would read itself", view->name);
    }
    if (tarn_sources_opened(session) != opened)
        return tarn_fail(cx, TARN_INVALID, "view %s reads rows passed in, which nobody else has: make a table of them",
                         view->name);
    return TARN_OK;
}

tarn_code tarn_stmt_plan_view(tarn_cx *cx, tarn_run *run, tarn_catalog_entry *view, tarn_names names, tarn_str query) {
    tarn_schema *columns;
    view->kind = TARN_ENTRY_VIEW;
    view->sql = tarn_arena_strndup(cx->arena, query.p, query.n);
    TRY(tarn_stmt_show_error(cx, run, refuse_params(cx, query), query));
    TRY(read_view(cx, run, view, query, &columns));
    return name_columns(cx, view, names, columns);
}

static tarn_code run_create_view(tarn_cx *cx, tarn_run *run) {
    tarn_cursor c = {run->cursor.tokens, 0};
    tarn_name name;
    tarn_str query;
    tarn_names names = {0};
    tarn_catalog_entry entry = {.default_catalog = run->session->catalog, .default_schema = run->session->schema};
    TRY(tarn_expect(cx, &c, "CREATE"));
    bool replace = tarn_accept(&c, "OR REPLACE");
    TRY(tarn_expect(cx, &c, "VIEW"));
    bool if_not_exists = tarn_accept(&c, "IF NOT EXISTS");
    TRY(tarn_parse_name(cx, &c, &name));
    if (tarn_peek(&c, "(")) TRY(tarn_parse_names(cx, &c, &names));
    if (tarn_accept(&c, "COMMENT")) TRY(tarn_parse_string(cx, &c, &entry.comment));
    TRY(tarn_expect(cx, &c, "AS"));
    TRY(tarn_parse_extent(cx, &c, ";", "a query", &query));
    TRY(tarn_expect_end(cx, &c));
    TRY(tarn_stmt_alone(cx, run));
    TRY(tarn_session_name(cx, run->session, &name, &entry.catalog, &entry.schema, &entry.name));
    TRY(tarn_stmt_plan_view(cx, run, &entry, names, query));
    tarn_code code = tarn_catalog_create(cx, catalog_of(run), &entry, replace);
    if (code == TARN_EXISTS && if_not_exists) {
        tarn_clear_error(cx);
        code = TARN_OK;
    }
    TRY(code);
    return tarn_stmt_done(cx, run, "view %s.%s.%s", entry.catalog, entry.schema, entry.name);
}

/* A schema's name: schema, or catalog.schema. */
static tarn_code schema_name(tarn_cx *cx, tarn_run *run, const tarn_name *name, const char **catalog,
                             const char **schema) {
    if (name->path || name->n_parts > 2)
        return tarn_fail(cx, TARN_INVALID, "a schema's name is schema or catalog.schema");
    *catalog = name->n_parts == 2 ? name->part[0] : run->session->catalog;
    *schema = name->part[name->n_parts - 1];
    return TARN_OK;
}

static tarn_code run_create_schema(tarn_cx *cx, tarn_run *run) {
    bool if_not_exists = tarn_accept(&run->cursor, "IF NOT EXISTS");
    tarn_name name;
    const char *catalog, *schema, *comment = NULL;
    TRY(tarn_stmt_alone(cx, run));
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    if (tarn_accept(&run->cursor, "COMMENT")) TRY(tarn_parse_string(cx, &run->cursor, &comment));
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(schema_name(cx, run, &name, &catalog, &schema));
    tarn_code code = tarn_catalog_create_schema(cx, catalog_of(run), catalog, schema, comment);
    if (code == TARN_EXISTS && if_not_exists) {
        tarn_clear_error(cx);
        code = TARN_OK;
    }
    TRY(code);
    return tarn_stmt_done(cx, run, "schema %s.%s", catalog, schema);
}

static tarn_code run_drop_schema(tarn_cx *cx, tarn_run *run) {
    bool if_exists = tarn_accept(&run->cursor, "IF EXISTS");
    tarn_name name;
    const char *catalog, *schema;
    tarn_catalog_entries inside = {0};
    TRY(tarn_stmt_alone(cx, run));
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    bool cascade = tarn_accept(&run->cursor, "CASCADE");
    (void)tarn_accept(&run->cursor, "RESTRICT");
    TRY(tarn_expect_end(cx, &run->cursor));
    TRY(schema_name(cx, run, &name, &catalog, &schema));
    tarn_code code = tarn_catalog_check(cx, catalog_of(run), catalog, schema);
    if (code == TARN_NOTFOUND && if_exists) return tarn_clear_error(cx), tarn_stmt_done(cx, run, "nothing to drop");
    TRY(code);
    if (cascade) TRY(tarn_catalog_list(cx, catalog_of(run), catalog, schema, false, &inside));
    for (size_t i = 0; i < inside.n; i++) TRY(tarn_catalog_drop(cx, catalog_of(run), inside.at[i].id));
    TRY(tarn_catalog_drop_schema(cx, catalog_of(run), catalog, schema));
    return tarn_stmt_done(cx, run, "dropped schema %s.%s", catalog, schema);
}

static tarn_code run_create_catalog(tarn_cx *cx, tarn_run *run) {
    bool if_not_exists = tarn_accept(&run->cursor, "IF NOT EXISTS");
    const char *name;
    TRY(tarn_stmt_alone(cx, run));
    TRY(tarn_parse_ident(cx, &run->cursor, &name));
    TRY(tarn_expect_end(cx, &run->cursor));
    tarn_code code = tarn_catalog_create_catalog(cx, catalog_of(run), name);
    if (code == TARN_EXISTS && if_not_exists) {
        tarn_clear_error(cx);
        code = TARN_OK;
    }
    TRY(code);
    return tarn_stmt_done(cx, run, "catalog %s", name);
}

static tarn_code run_use(tarn_cx *cx, tarn_run *run) {
    tarn_session *s = run->session;
    tarn_cursor *c = &run->cursor;
    bool catalog_only = tarn_accept(c, "CATALOG");
    tarn_name name;
    const char *catalog, *schema = "main";
    if (!catalog_only) (void)(tarn_accept(c, "SCHEMA") || tarn_accept(c, "DATABASE"));
    TRY(tarn_parse_name(cx, c, &name));
    TRY(tarn_expect_end(cx, c));
    if (name.n_parts == 1 &&
        (catalog_only || (!tarn_catalog_has_schema(cx, catalog_of(run), s->catalog, name.part[0]) &&
                          tarn_catalog_has(cx, catalog_of(run), name.part[0]))))
        catalog = name.part[0];
    else
        TRY(schema_name(cx, run, &name, &catalog, &schema));
    TRY(tarn_catalog_check(cx, catalog_of(run), catalog, schema));
    s->catalog = tarn_arena_strdup(s->arena, catalog);
    s->schema = tarn_arena_strdup(s->arena, schema);
    return tarn_stmt_done(cx, run, "using %s.%s", catalog, schema);
}

const tarn_stmt tarn_stmt_drop_table = {
    .name = "DROP TABLE",
    .keywords = "DROP TABLE",
    .privilege = TARN_PRIV_CREATE,
    .run = run_drop_table,
    .help = "DROP TABLE [IF EXISTS] t [PURGE]\nForgets a table; its files stay for UNDROP unless PURGE is said. Files "
            "of tables with a LOCATION are never removed."};
const tarn_stmt tarn_stmt_undrop = {.name = "UNDROP TABLE",
                                    .keywords = "UNDROP TABLE",
                                    .privilege = TARN_PRIV_CREATE,
                                    .run = run_undrop,
                                    .help =
                                        "UNDROP TABLE t\nBrings the table of that name back that was dropped last."};
const tarn_stmt tarn_stmt_create_view = {
    .name = "CREATE VIEW",
    .keywords = "CREATE VIEW|CREATE OR REPLACE VIEW",
    .privilege = TARN_PRIV_CREATE,
    .run = run_create_view,
    .help = "CREATE [OR REPLACE] VIEW [IF NOT EXISTS] v [(columns)] [COMMENT s] AS query\nNames a query."};
const tarn_stmt tarn_stmt_drop_view = {.name = "DROP VIEW",
                                       .keywords = "DROP VIEW",
                                       .privilege = TARN_PRIV_CREATE,
                                       .run = run_drop_view,
                                       .help = "DROP VIEW [IF EXISTS] v\nForgets a view."};
const tarn_stmt tarn_stmt_create_schema = {
    .name = "CREATE SCHEMA",
    .keywords = "CREATE SCHEMA|CREATE DATABASE",
    .privilege = TARN_PRIV_CREATE,
    .run = run_create_schema,
    .help = "CREATE SCHEMA [IF NOT EXISTS] [catalog.]s [COMMENT s]\nMakes a schema; DATABASE is another word for it."};
const tarn_stmt tarn_stmt_drop_schema = {
    .name = "DROP SCHEMA",
    .keywords = "DROP SCHEMA|DROP DATABASE",
    .privilege = TARN_PRIV_CREATE,
    .run = run_drop_schema,
    .help = "DROP SCHEMA [IF EXISTS] s [CASCADE]\nForgets an empty schema, or with CASCADE its tables too."};
const tarn_stmt tarn_stmt_create_catalog = {
    .name = "CREATE CATALOG",
    .keywords = "CREATE CATALOG",
    .privilege = TARN_PRIV_CREATE,
    .run = run_create_catalog,
    .help = "CREATE CATALOG [IF NOT EXISTS] c\nMakes a catalog with a schema main."};
const tarn_stmt tarn_stmt_use = {
    .name = "USE",
    .keywords = "USE",
    .privilege = TARN_PRIV_NONE,
    .run = run_use,
    .help = "USE [CATALOG c | SCHEMA s | catalog.schema]\nSets where names without a schema are looked up."};
