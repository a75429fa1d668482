/* create_table.c: CREATE [OR REPLACE] TABLE [IF NOT EXISTS] t (…) [USING f] … [AS SELECT …], and registering a table
 * that lies somewhere already. */
#include "format/commit.h"
#include "stmt/stmts.h"
#include "table/rules.h"

typedef struct create_stmt {
    tarn_run *run;
    tarn_name name;
    bool replace, if_not_exists, external;
    tarn_table_def def;
    const char *catalog, *schema, *table; /* NULL: a table by path, outside the catalog */
    const char *format;
    const char *location; /* as the catalog keeps it */
    const char *pointer;  /* of a format that leaves it to the catalog: the metadata file to begin with */
    bool managed;
    int64_t rows;
} create_stmt;

/* PRIMARY KEY is what the format knows as the fields that tell rows apart, where their types can. */
static void mark_keys(const tarn_table_def *def, tarn_schema *schema) {
    for (size_t i = 0; i < def->primary_key.n; i++) {
        int at = tarn_schema_find(schema, tarn_str_of(def->primary_key.at[i]));
        tarn_kind kind = at < 0 ? TARN_VOID : schema->fields[at].type->kind;
        bool able = at >= 0 && kind != TARN_FLOAT32 && kind != TARN_FLOAT64 && kind < TARN_VARIANT;
        if (able) schema->fields[at].key = true;
    }
}

/* The columns as declared (Hive's typed partition columns come last), or those of AS SELECT. */
static tarn_code make_schema(tarn_cx *cx, create_stmt *s, const tarn_format *format, const tarn_schema *source,
                             tarn_schema **out) {
    tarn_table_def *def = &s->def;
    tarn_schema *schema = tarn_type_new(cx->arena, TARN_STRUCT);
    size_t plain = 0, n = def->fields.n + def->partition_by.n + (source ? source->n_fields : 0);
    schema->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, n);
    if (source && def->fields.n)
        return tarn_fail(cx, TARN_INVALID,
                         "CREATE TABLE … AS SELECT takes its columns from the query: leave the column list out");
    for (size_t i = 0; source && i < source->n_fields; i++)
        schema->fields[schema->n_fields++] =
            (tarn_field){.name = source->fields[i].name, .type = source->fields[i].type, .nullable = true, .id = -1};
    for (size_t i = 0; i < def->fields.n; i++) schema->fields[schema->n_fields++] = def->fields.at[i];
    if (format->features & TARN_CAN_SORT) mark_keys(def, schema);
    for (size_t i = 0; i < def->partition_by.n; i++) {
        const tarn_partition_item *item = &def->partition_by.at[i];
        plain += !item->transform;
        if (item->type)
            schema->fields[schema->n_fields++] =
                (tarn_field){.name = item->column, .type = item->type, .nullable = true, .id = -1};
        const tarn_field *field = tarn_schema_path(schema, tarn_str_of(item->column));
        if (!field) return tarn_fail(cx, TARN_INVALID, "PARTITIONED BY: there is no column %s", item->column);
        if (tarn_type_nested(field->type))
            return tarn_fail(cx, TARN_INVALID, "PARTITIONED BY: column %s is nested, a partition is one value",
                             item->column);
    }
    if (!schema->n_fields && def->location)
        return tarn_fail(cx, TARN_NOTFOUND, "there is no table in %s; name its columns to make one", def->location);
    if (!schema->n_fields) return tarn_fail(cx, TARN_INVALID, "a table needs at least one column");
    if (plain >= schema->n_fields && !(format->features & TARN_HOLDS_PARTITIONS))
        return tarn_fail(cx, TARN_INVALID, "a table needs a column that is no partition column");
    *out = schema;
    return tarn_schema_check(cx, schema);
}

static tarn_code describe_change(tarn_cx *cx, create_stmt *s, const tarn_format *format, const tarn_schema *schema,
                                 tarn_change *change) {
    tarn_table_def *def = &s->def;
    tarn_partition_by *by = TARN_NEW_ARRAY(cx->arena, tarn_partition_by, def->partition_by.n);
    for (size_t i = 0; i < def->partition_by.n; i++)
        by[i] = tarn_stmt_partition_by(cx, schema, &def->partition_by.at[i]);
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].identity) TRY(tarn_format_require(cx, format, TARN_CAN_COUNT, "IDENTITY columns"));
        for (size_t k = 0; schema->fields[i].identity && k < def->partition_by.n; k++)
            if (by[k].column == schema->fields[i].name)
                return tarn_fail(cx, TARN_INVALID, "PARTITIONED BY: column %s is an IDENTITY column", by[k].column);
    }
    change->schema = schema;
    change->partition_by = by;
    change->n_partition_by = def->partition_by.n;
    change->comment = def->comment;
    for (size_t i = 0; i < def->properties.n; i++)
        if (def->properties.at[i].value)
            tarn_change_property(cx->arena, change, def->properties.at[i].key, def->properties.at[i].value);
    for (size_t i = 0; i < def->checks.n; i++) {
        const char *name = def->checks.at[i].key ? def->checks.at[i].key : tarn_printf(cx, "check_%zu", i + 1);
        for (size_t k = 0; k < i; k++)
            if (tarn_name_eq(change->checks.at[k].name, name))
                return tarn_fail(cx, TARN_INVALID, "there are two constraints %s", name);
        *TARN_PUSH(cx->arena, &change->checks) = (tarn_pair){name, def->checks.at[i].value};
    }
    if (def->cluster_by.n)
        return tarn_fail(cx, TARN_UNSUPPORTED, "CLUSTER BY is not supported yet: OPTIMIZE … ZORDER BY orders the rows");
    return TARN_OK;
}

static tarn_code write_rows(tarn_cx *cx, create_stmt *s, tarn_conn *conn, const tarn_target *target,
                            const tarn_planned *planned, const tarn_schema *source, tarn_change *change) {
    tarn_insert_map map = {0};
    char *sql;
    TRY(tarn_write_select(cx, target, planned->sql, source, &map, &sql));
    TRY(tarn_planned_fail(cx, planned,
                          tarn_write_files(cx, conn, target, sql, planned->binds, planned->n_binds, change, &s->rows)));
    tarn_change_metric(cx->arena, change, "numFiles", (int64_t)change->adds.n);
    tarn_change_metric(cx->arena, change, "numOutputRows", s->rows);
    return TARN_OK;
}

/* All that can be refused is, before rows are written. */
static tarn_code plan_table(tarn_cx *cx, create_stmt *s, const tarn_table *table, tarn_snapshot *base,
                            const tarn_schema *source, tarn_conn **conn, tarn_change *change, tarn_target *target) {
    tarn_schema *schema;
    TRY(make_schema(cx, s, table->format, source, &schema));
    TRY(describe_change(cx, s, table->format, schema, change));
    TRY(tarn_table_prepare(cx, table, base, change));
    tarn_target_of(cx, table, base, change, target);
    if (!tarn_rules_any(target)) return TARN_OK;
    if (!*conn) TRY(tarn_session_conn(cx, s->run->session, conn));
    return tarn_rules_check(cx, *conn, target);
}

static tarn_code remove_old(tarn_cx *cx, tarn_snapshot *base, tarn_change *change) {
    tarn_file_list old = {0};
    TRY(tarn_snapshot_files(cx, base, NULL, &old));
    for (size_t i = 0; i < old.files.n; i++) *TARN_PUSH(cx->arena, &change->removes) = old.files.at[i];
    return TARN_OK;
}

/* Writes the rows of AS SELECT into the table to be, and commits it as version 0 (or the next, when replacing). */
static tarn_code commit_table(tarn_cx *cx, create_stmt *s, const tarn_table *table, tarn_snapshot *base,
                              tarn_snapshot **fresh) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_planned planned = {0};
    tarn_schema *source = NULL;
    tarn_target target;
    tarn_change change = {.create = !base, .replace = base != NULL};
    bool select = s->def.as_select.p != NULL;
    change.operation = tarn_printf(cx, "%s TABLE%s", base ? "CREATE OR REPLACE" : "CREATE", select ? " AS SELECT" : "");
    if (select) {
        TRY(tarn_session_conn(cx, s->run->session, &conn));
        TRY(tarn_stmt_source(cx, s->run, conn, s->def.as_select, &planned, &source));
    }
    tarn_code code = plan_table(cx, s, table, base, source, &conn, &change, &target);
    if (code == TARN_OK && base) code = remove_old(cx, base, &change);
    if (code == TARN_OK && select) code = write_rows(cx, s, conn, &target, &planned, source, &change);
    if (select && planned.sql) tarn_planned_done(&planned);
    bool written = code == TARN_OK;
    if (written) code = tarn_commit(cx, table, base, &change, fresh);
    if (code != TARN_OK && (!written || tarn_commit_refused(code))) {
        tarn_error why = cx->error;
        tarn_write_abandon(cx, table, &change);
        cx->error = why;
    }
    return code;
}

static tarn_code enter(tarn_cx *cx, create_stmt *s, bool replace) {
    tarn_catalog_entry entry = {.kind = TARN_ENTRY_TABLE,
                                .catalog = s->catalog,
                                .schema = s->schema,
                                .name = s->table,
                                .format = s->format,
                                .location = s->location,
                                .managed = s->managed,
                                .comment = s->def.comment,
                                .pointer = s->pointer};
    return tarn_catalog_create(cx, s->run->session->lake->catalog, &entry, replace);
}

static const char *full_location(tarn_cx *cx, const create_stmt *s) {
    return s->managed ? tarn_printf(cx, "%s/%s", s->run->session->lake->root, s->location) : s->location;
}

/* The metadata file that is the newest now: from here on the catalog says which one is. */
static tarn_code find_pointer(tarn_cx *cx, create_stmt *s, const char *location) {
    tarn_name by_path = {.path = location, .part = {s->format}, .n_parts = 1};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, s->run->session, &by_path, &latest, &opened));
    s->pointer = opened.snapshot->pointer ? tarn_arena_strdup(cx->arena, opened.snapshot->pointer) : NULL;
    tarn_opened_done(&opened);
    return TARN_OK;
}

/* What stands at a path already: it is registered as it is. */
static tarn_code registered(tarn_cx *cx, create_stmt *s, const char *location, bool *found) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    const tarn_format *format;
    TRY(tarn_store_open(cx, location, &store));
    tarn_code code = tarn_format_detect(cx, store, &format);
    *found = code == TARN_OK;
    if (code == TARN_NOTFOUND) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    TRY(code);
    if (s->def.using_format && !tarn_name_eq(s->def.using_format, format->name))
        return tarn_fail(cx, TARN_INVALID, "%s holds a %s table, not %s", location, format->name, s->def.using_format);
    s->format = format->name;
    return format->features & TARN_IN_CATALOG ? find_pointer(cx, s, location) : TARN_OK;
}

/* A new table: its first commit, then its name. A crash in between leaves a folder nobody names. */
static tarn_code create_new(tarn_cx *cx, create_stmt *s) {
    const tarn_table *table;
    tarn_snapshot *fresh = NULL;
    const char *location = full_location(cx, s),
               *name = s->table ? tarn_printf(cx, "%s.%s.%s", s->catalog, s->schema, s->table) : NULL;
    bool there = false;
    if (!s->managed) TRY(registered(cx, s, location, &there));
    if (there && (s->def.fields.n || s->def.as_select.p) && !s->if_not_exists)
        return tarn_fail(cx, TARN_EXISTS, "%s holds a table already: leave the columns out to register it", location);
    if (!there) {
        TRY(tarn_session_new_table(cx, s->run->session, s->format, location, name, &table));
        TRY(commit_table(cx, s, table, NULL, &fresh));
        s->pointer = fresh->pointer ? tarn_arena_strdup(cx->arena, fresh->pointer) : NULL;
        tarn_snapshot_release(fresh);
    }
    return s->table ? enter(cx, s, false) : TARN_OK;
}

static tarn_code replace_table(tarn_cx *cx, create_stmt *s, const tarn_catalog_entry *entry) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    tarn_snapshot *fresh = NULL;
    if (s->def.using_format && !tarn_name_eq(s->def.using_format, entry->format))
        return tarn_fail(cx, TARN_UNSUPPORTED, "CREATE OR REPLACE keeps the format (%s): DROP the table first",
                         entry->format);
    TRY(tarn_session_open_table(cx, s->run->session, &s->name, &latest, &opened));
    tarn_code code = tarn_snapshot_writable(cx, opened.snapshot);
    if (code == TARN_OK) code = commit_table(cx, s, opened.table, opened.snapshot, &fresh);
    tarn_snapshot_release(fresh);
    tarn_opened_done(&opened);
    return code;
}

static tarn_code place(tarn_cx *cx, create_stmt *s) {
    tarn_session *session = s->run->session;
    char *location;
    s->managed = !s->def.location && s->table;
    s->format = s->def.using_format ? s->def.using_format : tarn_conf_text(cx->conf, TARN_DEFAULT_FORMAT);
    if (s->name.path) {
        if (s->name.n_parts) s->format = s->name.part[0];
        return tarn_session_absolute(cx, s->name.path, &s->location);
    }
    if (s->def.location) return tarn_session_absolute(cx, s->def.location, &s->location);
    TRY(tarn_session_place(cx, session, s->catalog, s->schema, s->table, &location));
    s->location = location;
    return TARN_OK;
}

static tarn_code create(tarn_cx *cx, create_stmt *s) {
    tarn_session *session = s->run->session;
    TRY(tarn_stmt_alone(cx, s->run));
    if (!s->name.path) {
        tarn_catalog_entry entry;
        TRY(tarn_session_name(cx, session, &s->name, &s->catalog, &s->schema, &s->table));
        tarn_code code = tarn_catalog_resolve(cx, session->lake->catalog, s->catalog, s->schema, s->table, &entry);
        if (code == TARN_OK && s->if_not_exists) return TARN_OK;
        if (code == TARN_OK && s->replace && entry.kind == TARN_ENTRY_TABLE) return replace_table(cx, s, &entry);
        if (code == TARN_OK)
            return tarn_fail(cx, TARN_EXISTS, "%s.%s.%s exists already", s->catalog, s->schema, s->table);
        if (code != TARN_NOTFOUND) return code;
        tarn_clear_error(cx);
    }
    TRY(place(cx, s));
    tarn_code code = create_new(cx, s);
    if (code != TARN_EXISTS || !s->if_not_exists) return code;
    tarn_clear_error(cx); /* somebody else was quicker */
    return TARN_OK;
}

static tarn_code run_create(tarn_cx *cx, tarn_run *run) {
    create_stmt s = {.run = run};
    tarn_cursor c = {run->cursor.tokens, 0};
    TRY(tarn_expect(cx, &c, "CREATE"));
    s.replace = tarn_accept(&c, "OR REPLACE");
    s.external = tarn_accept(&c, "EXTERNAL");
    TRY(tarn_expect(cx, &c, "TABLE"));
    s.if_not_exists = tarn_accept(&c, "IF NOT EXISTS");
    if (s.replace && s.if_not_exists)
        return tarn_fail(cx, TARN_INVALID, "OR REPLACE and IF NOT EXISTS exclude each other");
    TRY(tarn_parse_name(cx, &c, &s.name));
    if (tarn_peek(&c, "(")) TRY(tarn_parse_columns(cx, &c, &s.def));
    TRY(tarn_parse_table_clauses(cx, &c, &s.def));
    TRY(tarn_expect_end(cx, &c));
    TRY(create(cx, &s));
    tarn_report report[] = {{"num_affected_rows", s.rows}};
    return tarn_stmt_report(cx, run, report, 1);
}

const tarn_stmt tarn_stmt_create_table = {
    .name = "CREATE TABLE",
    .keywords = "CREATE TABLE|CREATE OR REPLACE TABLE|CREATE EXTERNAL TABLE",
    .privilege = TARN_PRIV_CREATE,
    .run = run_create,
    .help =
        "CREATE [OR REPLACE] TABLE [IF NOT EXISTS] t (column TYPE [NOT NULL] [DEFAULT e] [GENERATED ALWAYS AS (e) | "
        "GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(START WITH n INCREMENT BY m)]] "
        "[COMMENT s], CONSTRAINT n CHECK (e), …) [USING format]\n"
        "  [PARTITIONED BY (column | days(column) | bucket(n, column) | …)] [LOCATION 'path'] [COMMENT s] "
        "[TBLPROPERTIES ('k' = 'v', …)] [AS query]\n"
        "Makes a table; with LOCATION of an existing table and no columns, names it.",
};
