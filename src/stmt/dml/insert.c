/* insert.c: INSERT INTO | OVERWRITE, BY NAME, REPLACE WHERE, with schema evolution and idempotent writes. */
#include "model/evolve.h"
#include "stmt/dml/assign.h"
#include "stmt/dml/copy.h"
#include "stmt/dml/values.h"
#include "stmt/stmts.h"
#include "table/record.h"

static const char ROWS[] = "tarn_dml";

typedef struct insert_stmt {
    tarn_run *run;
    tarn_name table;
    tarn_names columns, filled; /* as written; as they are once DEFAULT has been seen to */
    tarn_values values;
    bool overwrite, by_name;
    tarn_str replace_where; /* .p NULL: none */
    tarn_str select;
    tarn_write_options options;
    bool plain; /* the columns of the rows need not be asked for */
    int64_t rows;
} insert_stmt;

/* The rows that go: all, or those of REPLACE WHERE. */
static tarn_code remove_rows(tarn_cx *cx, insert_stmt *in, const tarn_opened *opened, tarn_conn *conn,
                             tarn_change *change) {
    if (in->replace_where.p) {
        tarn_planned planned;
        const tarn_plan_ref *ref;
        tarn_dml_result result;
        tarn_auto_buf sql = TARN_BUF((size_t)64 << 20);
        const char *alias = in->table.path ? "t" : in->table.part[in->table.n_parts - 1];
        tarn_buf_printf(&sql, "SELECT " TARN_FILE_COLUMN ", " TARN_ROW_COLUMN ", %d::TINYINT AS " TARN_ACTION_COLUMN,
                        TARN_ACTION_DELETE);
        tarn_stmt_old_row(cx, opened, alias, &sql);
        tarn_buf_printf(&sql, " FROM \"" TARN_TARGET "\" AS %s WHERE %.*s", tarn_sql_name(cx->arena, alias),
                        (int)in->replace_where.n, in->replace_where.p);
        if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "INSERT: the statement is too long");
        TRY(tarn_stmt_into_temp(cx, in->run, opened, &in->table, conn, sql.data, ROWS, &planned, &ref));
        tarn_code code = tarn_stmt_apply(cx, in->run, opened, conn, ROWS, ref, change, &result);
        tarn_planned_done(&planned);
        return code;
    }
    tarn_file_list list = {0};
    change->read_all = true;
    TRY(tarn_snapshot_files(cx, opened->snapshot, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++) *TARN_PUSH(cx->arena, &change->removes) = list.files.at[i];
    return TARN_OK;
}

/* A schema that may drop columns replaces the table: all but the columns stays as it was. */
static void keep_rest(tarn_cx *cx, const tarn_snapshot *base, tarn_change *change) {
    change->replace = true;
    change->partition_by = tarn_snapshot_partition_by(cx->arena, base, base->schema);
    change->n_partition_by = base->n_partition;
    tarn_change_keep_order(change, base);
    change->comment = base->comment;
    for (size_t i = 0; i < base->n_properties; i++)
        tarn_change_property(cx->arena, change, base->properties[i].name, base->properties[i].value);
    for (size_t i = 0; i < base->n_checks; i++) *TARN_PUSH(cx->arena, &change->checks) = base->checks[i];
}

/* Those of the rows; what the table says of one that it has alike is kept. */
static const tarn_schema *own_columns(tarn_cx *cx, const tarn_schema *old, const tarn_schema *source) {
    tarn_schema *schema = tarn_type_new(cx->arena, TARN_STRUCT);
    schema->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, source->n_fields);
    for (size_t i = 0; i < source->n_fields; i++) {
        const tarn_field *field = &source->fields[i];
        int at = tarn_schema_find(old, tarn_str_of(field->name));
        bool same = at >= 0 && tarn_type_eq(old->fields[at].type, field->type);
        schema->fields[schema->n_fields++] =
            same ? old->fields[at] : (tarn_field){.name = field->name, .type = field->type, .nullable = true, .id = -1};
    }
    return schema;
}

/* The table's columns, and with mergeSchema those that only the rows have; with overwriteSchema the rows' own. */
static tarn_code evolve(tarn_cx *cx, const insert_stmt *in, const tarn_snapshot *base, const tarn_schema *source,
                        tarn_change *change) {
    const tarn_schema *old = base->schema, *schema = old;
    if (in->options.overwrite_schema)
        schema = own_columns(cx, old, source);
    else if (in->options.merge_schema)
        schema = tarn_evolve_merge(cx->arena, old, source);
    if (schema == old) return TARN_OK;
    TRY(tarn_schema_check(cx, schema));
    const tarn_partition_by *by = tarn_snapshot_partition_by(cx->arena, base, base->schema);
    for (size_t i = 0; i < base->n_partition; i++)
        if (!tarn_schema_path(schema, tarn_str_of(by[i].column)))
            return tarn_fail(cx, TARN_INVALID, "overwriteSchema would drop the partition column %s", by[i].column);
    if (tarn_type_eq(schema, old)) return TARN_OK;
    change->schema = schema;
    if (in->options.overwrite_schema) keep_rest(cx, base, change);
    return TARN_OK;
}

/* An append rests on nothing, unless its query reads the table it writes. */
static void note_reads(tarn_cx *cx, const insert_stmt *in, const tarn_opened *opened, const tarn_planned *planned,
                       tarn_change *change) {
    bool reads = in->overwrite || in->replace_where.p;
    for (size_t i = 0; i < planned->refs.n; i++) {
        const tarn_plan_ref *ref = &planned->refs.at[i];
        if (ref->snapshot->table != opened->table) continue;
        reads = true;
        if (ref->filter)
            *TARN_PUSH(cx->arena, &change->reads) = tarn_expr_copy(cx->arena, ref->filter);
        else
            change->read_all = true;
    }
    change->blind_append = !reads;
}

/* VALUES are as wide as they are typed, and what is cast to a column without members may be of any type. */
static bool is_plain(const insert_stmt *in, const tarn_schema *schema) {
    bool by_name = in->by_name || in->options.merge_schema || in->options.overwrite_schema;
    bool nested = false;
    for (size_t i = 0; i < schema->n_fields; i++) nested = nested || tarn_type_nested(schema->fields[i].type);
    return in->values.width && in->values.all && !in->values.defaults && !by_name && !nested;
}

static tarn_schema *unknown_columns(tarn_cx *cx, size_t n) {
    tarn_schema *schema = tarn_type_new(cx->arena, TARN_STRUCT);
    schema->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, n);
    schema->n_fields = n;
    for (size_t i = 0; i < n; i++)
        schema->fields[i] = (tarn_field){.name = "", .type = tarn_type_new(cx->arena, TARN_VOID), .nullable = true};
    return schema;
}

/* Asks for the columns after all: an error in the rows is then shown at its place. */
static tarn_code find_fault(tarn_cx *cx, const insert_stmt *in, tarn_conn *conn, const tarn_planned *planned) {
    tarn_error was = cx->error;
    tarn_schema *columns;
    TRY(tarn_stmt_columns(cx, in->run, conn, in->select, planned, &columns));
    cx->error = was;
    return TARN_OK;
}

static tarn_code write_rows(tarn_cx *cx, insert_stmt *in, const tarn_opened *opened, tarn_conn *conn,
                            const tarn_planned *planned, const tarn_schema *source, tarn_change *change) {
    tarn_target target;
    char *select;
    tarn_insert_map map = {.names = in->filled.at,
                           .n_names = in->filled.n,
                           .by_name = in->by_name || in->options.merge_schema || in->options.overwrite_schema};
    TRY(evolve(cx, in, opened->snapshot, source, change));
    TRY(tarn_table_prepare(cx, opened->table, opened->snapshot, change));
    tarn_target_of(cx, opened->table, opened->snapshot, change, &target);
    if (in->replace_where.p) {
        tarn_pair *checks = TARN_NEW_ARRAY(cx->arena, tarn_pair, target.n_checks + 1);
        if (target.n_checks) memcpy(checks, target.checks, target.n_checks * sizeof *checks);
        checks[target.n_checks++] =
            (tarn_pair){"REPLACE WHERE", tarn_arena_strndup(cx->arena, in->replace_where.p, in->replace_where.n)};
        target.checks = checks;
    }
    TRY(tarn_write_select(cx, &target, planned->sql, source, &map, &select));
    const tarn_bind *binds = planned->binds;
    size_t n_binds = planned->n_binds;
    if (change->recorded.n) { /* the rows that REPLACE WHERE took away are: then all are */
        TRY(tarn_record_inserts(cx, conn, &target, select, binds, n_binds, change, &select));
        n_binds = 0;
    }
    tarn_code code = tarn_write_files(cx, conn, &target, select, binds, n_binds, change, &in->rows);
    if (code == TARN_INVALID && in->plain) TRY(find_fault(cx, in, conn, planned));
    TRY(tarn_planned_fail(cx, planned, code));
    return tarn_write_counted(cx, &target, source, &map, in->rows, change);
}

static void describe_change(tarn_cx *cx, const insert_stmt *in, tarn_change *change) {
    change->operation = "WRITE";
    tarn_change_parameter(cx->arena, change, "mode",
                          in->overwrite || in->replace_where.p ? "\"Overwrite\"" : "\"Append\"");
    if (in->replace_where.p)
        tarn_change_parameter(cx->arena, change, "predicate", tarn_json_quote(cx, in->replace_where));
    tarn_change_metric(cx->arena, change, "numFiles", (int64_t)change->adds.n);
    tarn_change_metric(cx->arena, change, "numOutputRows", in->rows);
}

static tarn_code fill_defaults(tarn_cx *cx, insert_stmt *in, const tarn_schema *schema, tarn_str *select) {
    const char *sql;
    in->filled = in->columns;
    if (!in->values.defaults || in->by_name) return TARN_OK;
    TRY(tarn_values_fill(cx, &in->values, schema, &in->filled, in->select, &sql));
    *select = tarn_str_of(sql);
    return TARN_OK;
}

static tarn_code plan(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    insert_stmt *in = state;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_planned planned;
    tarn_schema *source = NULL;
    in->rows = 0;
    if (in->options.app_id) {
        int64_t done = -1;
        TRY(tarn_format_require(cx, opened->table->format, TARN_CAN_APP_TRANSACTIONS, "application transactions"));
        TRY(tarn_snapshot_app_version(cx, opened->snapshot, in->options.app_id, &done));
        if (done >= in->options.app_version) return TARN_OK; /* it was written already */
        change->app_id = in->options.app_id;
        change->app_version = in->options.app_version;
    }
    TRY(tarn_session_conn(cx, in->run->session, &conn));
    tarn_str select = in->select;
    TRY(fill_defaults(cx, in, opened->snapshot->schema, &select));
    in->plain = is_plain(in, opened->snapshot->schema);
    TRY(tarn_stmt_source(cx, in->run, conn, select, &planned, in->plain ? NULL : &source));
    if (in->plain) source = unknown_columns(cx, in->values.width);
    note_reads(cx, in, opened, &planned, change);
    tarn_code code = in->overwrite || in->replace_where.p ? remove_rows(cx, in, opened, conn, change) : TARN_OK;
    if (code == TARN_OK) code = write_rows(cx, in, opened, conn, &planned, source, change);
    tarn_planned_done(&planned);
    describe_change(cx, in, change);
    return code;
}

tarn_code tarn_insert_append(tarn_cx *cx, tarn_run *run, const tarn_opened *opened, tarn_str select,
                             const tarn_write_options *options, tarn_change *change, int64_t *rows) {
    insert_stmt in = {.run = run, .by_name = true, .select = select, .options = *options};
    tarn_code code = plan(cx, &in, opened, change);
    *rows = in.rows;
    return code;
}

static tarn_code parse(tarn_cx *cx, tarn_cursor *c, insert_stmt *in) {
    in->overwrite = tarn_accept(c, "OVERWRITE");
    (void)tarn_accept(c, "INTO");
    (void)tarn_accept(c, "TABLE");
    TRY(tarn_parse_name(cx, c, &in->table));
    tarn_cursor inner = *c;
    bool query = tarn_accept(&inner, "(") && tarn_peek(&inner, "SELECT|WITH|FROM|VALUES|(");
    if (tarn_peek(c, "(") && !query) TRY(tarn_parse_names(cx, c, &in->columns));
    if (tarn_accept(c, "BY NAME"))
        in->by_name = true;
    else
        (void)tarn_accept(c, "BY POSITION");
    if (tarn_accept(c, "REPLACE WHERE"))
        TRY(tarn_parse_extent(cx, c, "SELECT|WITH|FROM|VALUES|TABLE|OPTIONS|;", "a condition", &in->replace_where));
    if (tarn_accept(c, "REPLACE")) return tarn_unexpected(cx, c, "WHERE");
    TRY(tarn_stmt_options(cx, c, &in->options));
    TRY(tarn_values_look(cx, c, &in->values));
    TRY(tarn_parse_extent(cx, c, "OPTIONS|;", "a query", &in->select));
    if (!in->options.app_id && tarn_peek(c, "OPTIONS")) TRY(tarn_stmt_options(cx, c, &in->options));
    return tarn_expect_end(cx, c);
}

static tarn_code run_insert(tarn_cx *cx, tarn_run *run) {
    insert_stmt in = {.run = run};
    TRY(parse(cx, &run->cursor, &in));
    tarn_code code = tarn_session_change(cx, run->session, &in.table, plan, &in, NULL);
    if (code == TARN_EXISTS &&
        in.options.app_id) { /* the same application transaction was committed while this one ran */
        tarn_clear_error(cx);
        in.rows = 0;
        code = TARN_OK;
    }
    TRY(code);
    tarn_report report[] = {{"num_affected_rows", in.rows}};
    return tarn_stmt_report(cx, run, report, 1);
}

const tarn_stmt tarn_stmt_insert = {
    .name = "INSERT",
    .keywords = "INSERT",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_insert,
    .help = "INSERT INTO | OVERWRITE t [(columns)] [BY NAME] [REPLACE WHERE condition] query [OPTIONS (mergeSchema = "
            "true, overwriteSchema = true, txnAppId = 'a', txnVersion = n)]\n"
            "Appends rows, or puts them in place of all (OVERWRITE) or of those the condition names; txnAppId and "
            "txnVersion make a repeat do nothing.",
};
