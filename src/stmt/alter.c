/* alter.c: ALTER TABLE: columns, constraints, properties, names. */
#include "model/evolve.h"
#include "stmt/alter_layout.h"
#include "stmt/dml/assign.h"
#include "table/rules.h"

typedef struct alter_stmt alter_stmt;
typedef tarn_code alter_fn(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change);

struct alter_stmt {
    tarn_run *run;
    tarn_name table;
    alter_fn *apply;
    bool if_exists;
    tarn_name column;
    tarn_place place;
    tarn_table_def def;          /* ADD COLUMNS */
    TARN_VEC(tarn_name) parents; /* of def.fields */
    TARN_VEC(tarn_place) places;
    const char *name; /* a new name, a constraint's name, a comment */
    tarn_str expr;    /* CHECK, DEFAULT; .p NULL: none */
    tarn_field type;  /* its type and length */
    bool nullable;
    tarn_ref_change ref;
    tarn_option_pairs properties;
    tarn_layout layout;
};

#define PATH(n) (const char *const *)(n).part, (size_t)(n).n_parts

/* CONSTRAINT when a row of the table breaks the condition. */
static tarn_code check_rows(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, const char *broken,
                            const char *what) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_planned planned;
    const tarn_plan_ref *ref;
    char *found = NULL;
    const char *alias = tarn_sql_name(cx->arena, a->table.path ? "t" : a->table.part[a->table.n_parts - 1]);
    TRY(tarn_session_conn(cx, a->run->session, &conn));
    TRY(tarn_stmt_into_temp(cx, a->run, opened, &a->table, conn,
                            tarn_printf(cx, "SELECT 1 FROM \"" TARN_TARGET "\" AS %s WHERE %s LIMIT 1", alias, broken),
                            "tarn_check", &planned, &ref));
    tarn_planned_done(&planned);
    TRY(tarn_conn_text(cx, conn, "SELECT count(*) FROM temp.tarn_check", &found));
    if (found && strcmp(found, "0") == 0) return TARN_OK;
    return tarn_fail(cx, TARN_CONSTRAINT, "%s: rows of the table break it already", what);
}

static tarn_code add_columns(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    const tarn_schema *schema = opened->snapshot->schema;
    for (size_t i = 0; i < a->def.fields.n; i++) {
        tarn_field *field = &a->def.fields.at[i];
        tarn_schema *next;
        if (!field->nullable)
            return tarn_fail(cx, TARN_INVALID,
                             "column %s: an added column is NULL in the rows there are, it cannot be NOT NULL",
                             field->name);
        if (field->identity)
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "column %s: rows there are would have no numbers: IDENTITY columns come with their table",
                             field->name);
        if (field->default_sql && !(opened->snapshot->table->format->features & TARN_CAN_FILL))
            return tarn_fail(cx, TARN_UNSUPPORTED, "column %s: add the column first, then ALTER COLUMN … SET DEFAULT",
                             field->name);
        field->initial_sql = field->default_sql;
        tarn_code code = tarn_evolve_add(cx, schema, PATH(a->parents.at[i]), field, &a->places.at[i], &next);
        if (code == TARN_EXISTS && a->if_exists) {
            tarn_clear_error(cx);
            continue;
        }
        TRY(code);
        schema = next;
    }
    change->operation = "ADD COLUMNS";
    if (schema != opened->snapshot->schema) change->schema = schema;
    return TARN_OK;
}

/* Whether a partition is made of the column that goes, or of what is inside it. */
static bool drops(tarn_cx *cx, const alter_stmt *a, const tarn_snapshot *base, const tarn_partition_field *f) {
    if (!tarn_name_eq(base->schema->fields[f->column].name, a->column.part[0])) return false;
    if (a->column.n_parts == 1 || !f->path) return a->column.n_parts == 1;
    const char *path = a->column.part[0];
    for (int i = 1; i < a->column.n_parts; i++) path = tarn_printf(cx, "%s.%s", path, a->column.part[i]);
    size_t n = strlen(path);
    return strncasecmp(f->path, path, n) == 0 && (f->path[n] == 0 || f->path[n] == '.');
}

static tarn_code drop_column(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_schema *schema;
    tarn_code code = tarn_evolve_drop(cx, opened->snapshot->schema, PATH(a->column), &schema);
    if (code == TARN_INVALID && a->if_exists) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    TRY(code);
    for (size_t i = 0; i < opened->snapshot->n_partition; i++)
        if (drops(cx, a, opened->snapshot, &opened->snapshot->partition[i]))
            return tarn_fail(cx, TARN_INVALID, "column %s is a partition column and cannot be dropped",
                             a->column.part[0]);
    change->operation = "DROP COLUMNS";
    change->schema = schema;
    return TARN_OK;
}

static tarn_code rename_column(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_schema *schema;
    const tarn_snapshot *base = opened->snapshot;
    TRY(tarn_evolve_rename(cx, base->schema, PATH(a->column), a->name, &schema));
    change->operation = "RENAME COLUMN";
    change->schema = schema;
    change->partition_by = tarn_snapshot_partition_by(cx->arena, base, schema);
    change->n_partition_by = base->n_partition;
    return TARN_OK;
}

static tarn_code move_column(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_schema *schema;
    TRY(tarn_evolve_move(cx, opened->snapshot->schema, PATH(a->column), &a->place, &schema));
    change->operation = "CHANGE COLUMN";
    change->schema = schema;
    return TARN_OK;
}

static tarn_code edit(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change, tarn_field **field) {
    tarn_schema *schema;
    TRY(tarn_evolve_field(cx, opened->snapshot->schema, PATH(a->column), &schema, field));
    change->operation = "CHANGE COLUMN";
    change->schema = schema;
    return TARN_OK;
}

/* Rows that are there have to fit a length that is new or less. Members of structs keep none. */
static tarn_code set_length(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change,
                            tarn_field *field) {
    int64_t now = 0, was = 0;
    bool pads = false, padded = false;
    bool limited = tarn_field_length(&a->type, &now, &pads) && a->column.n_parts == 1;
    bool before = tarn_field_length(field, &was, &padded);
    if (limited && field->type->kind == TARN_STRING && !(before && was <= now && (!pads || (padded && was == now)))) {
        const char *name = tarn_sql_name(cx->arena, field->name);
        TRY(check_rows(
            cx, a, opened, tarn_printf(cx, "length(%s) %s %lld", name, pads ? "<>" : ">", (long long)now),
            tarn_printf(cx, "column %s TYPE %s(%lld)", field->name, pads ? "CHAR" : "VARCHAR", (long long)now)));
        change->read_all = true;
    }
    tarn_field_set_length(cx->arena, field, limited ? now : 0, pads);
    return TARN_OK;
}

static tarn_code set_type(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_field *field;
    TRY(edit(cx, a, opened, change, &field));
    TRY(set_length(cx, a, opened, change, field));
    field->type = a->type.type;
    return TARN_OK;
}

static tarn_code set_comment(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_field *field;
    TRY(edit(cx, a, opened, change, &field));
    field->comment = a->name;
    return TARN_OK;
}

static tarn_code set_default(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_field *field;
    TRY(edit(cx, a, opened, change, &field));
    field->default_sql = a->expr.p ? tarn_arena_strndup(cx->arena, a->expr.p, a->expr.n) : NULL;
    return TARN_OK;
}

static tarn_code set_nullable(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    tarn_field *field;
    TRY(edit(cx, a, opened, change, &field));
    if (!a->nullable && field->nullable) {
        if (a->column.n_parts > 1) return tarn_fail(cx, TARN_UNSUPPORTED, "NOT NULL can be set on whole columns only");
        TRY(check_rows(cx, a, opened, tarn_printf(cx, "%s IS NULL", tarn_sql_name(cx->arena, field->name)),
                       tarn_printf(cx, "column %s SET NOT NULL", field->name)));
        change->read_all = true;
    }
    field->nullable = a->nullable;
    return TARN_OK;
}

static tarn_code add_check(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    for (size_t i = 0; i < opened->snapshot->n_checks; i++)
        if (tarn_name_eq(opened->snapshot->checks[i].name, a->name))
            return tarn_fail(cx, TARN_EXISTS, "there is a constraint %s already", a->name);
    const char *sql = tarn_arena_strndup(cx->arena, a->expr.p, a->expr.n);
    TRY(check_rows(cx, a, opened, tarn_printf(cx, "(%s) IS NOT TRUE", sql), tarn_printf(cx, "constraint %s", a->name)));
    change->operation = "ADD CONSTRAINT";
    change->read_all = true;
    tarn_change_parameter(cx->arena, change, "name", tarn_json_quote(cx, tarn_str_of(a->name)));
    *TARN_PUSH(cx->arena, &change->checks) = (tarn_pair){a->name, sql};
    return TARN_OK;
}

static tarn_code drop_check(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    for (size_t i = 0; i < opened->snapshot->n_checks; i++) {
        if (!tarn_name_eq(opened->snapshot->checks[i].name, a->name)) continue;
        change->operation = "DROP CONSTRAINT";
        *TARN_PUSH(cx->arena, &change->checks) = (tarn_pair){opened->snapshot->checks[i].name, NULL};
        return TARN_OK;
    }
    return a->if_exists ? TARN_OK : tarn_fail(cx, TARN_NOTFOUND, "there is no constraint %s", a->name);
}

static tarn_code change_ref(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    const char *action = a->ref.create ? "CREATE" : a->ref.replace ? "REPLACE" : "DROP";
    TRY(tarn_format_require(cx, opened->table->format, TARN_CAN_BRANCH, "branches and tags"));
    change->operation = tarn_printf(cx, "%s %s", action, a->ref.branch ? "BRANCH" : "TAG");
    *TARN_PUSH(cx->arena, &change->refs) = a->ref;
    return TARN_OK;
}

static tarn_code set_properties(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    (void)opened;
    change->operation = "SET TBLPROPERTIES";
    for (size_t i = 0; i < a->properties.n; i++) {
        if (!a->properties.at[i].value)
            return tarn_fail(cx, TARN_INVALID, "property %s: NULL is no value, use UNSET", a->properties.at[i].key);
        tarn_change_property(cx->arena, change, a->properties.at[i].key, a->properties.at[i].value);
    }
    return TARN_OK;
}

static tarn_code unset_properties(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    change->operation = "UNSET TBLPROPERTIES";
    for (size_t i = 0; i < a->properties.n; i++) {
        const char *key = a->properties.at[i].key;
        bool there = tarn_snapshot_property(opened->snapshot, key) != NULL;
        if (!there && !a->if_exists) return tarn_fail(cx, TARN_NOTFOUND, "property %s is not set", key);
        if (there) tarn_change_property(cx->arena, change, key, NULL);
    }
    return TARN_OK;
}

static tarn_code change_layout(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, tarn_change *change) {
    return tarn_layout_apply(cx, &a->layout, opened->snapshot, change);
}

/* Rules must still hold good of the columns there will be. Edits that touch neither go by: the table may have rules
 * that only other engines can run. */
static tarn_code check_rules(tarn_cx *cx, alter_stmt *a, const tarn_opened *opened, const tarn_change *change) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_target target;
    bool touches = a->apply == add_columns || a->apply == drop_column || a->apply == rename_column ||
                   a->apply == set_type || (a->apply == set_default && a->expr.p);
    tarn_target_of(cx, opened->table, opened->snapshot, change, &target);
    if (!touches || !change->schema || !tarn_rules_any(&target)) return TARN_OK;
    TRY(tarn_session_conn(cx, a->run->session, &conn));
    return tarn_rules_check(cx, conn, &target);
}

static tarn_code plan(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    alter_stmt *a = state;
    TRY(a->apply(cx, a, opened, change));
    if (change->schema) TRY(tarn_schema_check(cx, change->schema));
    TRY(tarn_table_prepare(cx, opened->table, opened->snapshot, change));
    return check_rules(cx, a, opened, change);
}

static bool parse_place(tarn_cx *cx, tarn_cursor *c, tarn_place *out, tarn_code *code) {
    *code = TARN_OK;
    *out = (tarn_place){0};
    if (tarn_accept(c, "FIRST")) return out->first = true;
    if (!tarn_accept(c, "AFTER")) return false;
    *code = tarn_parse_ident(cx, c, &out->after);
    return true;
}

/* "a.b.c TYPE …": the parts before the last are where the column goes. */
static tarn_code parse_added(tarn_cx *cx, tarn_cursor *c, alter_stmt *a) {
    tarn_name *parent = TARN_PUSH(cx->arena, &a->parents);
    tarn_code code;
    tarn_cursor ahead = *c;
    tarn_name whole;
    TRY(tarn_parse_name(cx, &ahead, &whole));
    for (int i = 0; i + 1 < whole.n_parts; i++) {
        parent->part[parent->n_parts++] = whole.part[i];
        c->i += 2; /* name . */
    }
    TRY(tarn_parse_column(cx, c, &a->def));
    if (parent->n_parts) tarn_field_set_length(cx->arena, &a->def.fields.at[a->def.fields.n - 1], 0, false);
    (void)parse_place(cx, c, TARN_PUSH(cx->arena, &a->places), &code);
    return code;
}

static tarn_code parse_add(tarn_cx *cx, tarn_cursor *c, alter_stmt *a) {
    if (tarn_accept(c, "CONSTRAINT")) {
        a->apply = add_check;
        TRY(tarn_parse_ident(cx, c, &a->name));
        TRY(tarn_expect(cx, c, "CHECK"));
        return tarn_parse_parens(cx, c, "a condition", &a->expr);
    }
    a->apply = add_columns;
    (void)(tarn_accept(c, "COLUMNS") || tarn_accept(c, "COLUMN"));
    a->if_exists = tarn_accept(c, "IF NOT EXISTS");
    bool list = tarn_accept(c, "(");
    do TRY(parse_added(cx, c, a));
    while (tarn_accept(c, ","));
    return list ? tarn_expect(cx, c, ")") : TARN_OK;
}

static tarn_code parse_drop(tarn_cx *cx, tarn_cursor *c, alter_stmt *a) {
    if (tarn_accept(c, "CONSTRAINT")) {
        a->apply = drop_check;
        a->if_exists = tarn_accept(c, "IF EXISTS");
        return tarn_parse_ident(cx, c, &a->name);
    }
    a->apply = drop_column;
    (void)(tarn_accept(c, "COLUMN") || tarn_accept(c, "COLUMNS"));
    a->if_exists = tarn_accept(c, "IF EXISTS");
    bool list = tarn_accept(c, "(");
    TRY(tarn_parse_name(cx, c, &a->column));
    return list ? tarn_expect(cx, c, ")") : TARN_OK;
}

static tarn_code parse_change(tarn_cx *cx, tarn_cursor *c, alter_stmt *a) {
    tarn_code code;
    (void)tarn_accept(c, "COLUMN");
    TRY(tarn_parse_name(cx, c, &a->column));
    if (tarn_accept(c, "SET NOT NULL") || tarn_accept(c, "DROP NOT NULL")) {
        a->apply = set_nullable;
        a->nullable = tarn_str_ieq(tarn_token_text(&(tarn_cursor){c->tokens, c->i - 3}), TARN_LIT("DROP"));
        return TARN_OK;
    }
    if (tarn_accept(c, "SET DEFAULT")) {
        a->apply = set_default;
        return tarn_parse_extent(cx, c, ";", "a value", &a->expr);
    }
    if (tarn_accept(c, "DROP DEFAULT")) {
        a->apply = set_default;
        return TARN_OK;
    }
    if (tarn_accept(c, "COMMENT")) {
        a->apply = set_comment;
        return tarn_parse_string(cx, c, &a->name);
    }
    if (parse_place(cx, c, &a->place, &code)) {
        a->apply = move_column;
        return code;
    }
    (void)(tarn_accept(c, "SET DATA TYPE") || tarn_accept(c, "TYPE"));
    a->apply = set_type;
    return tarn_parse_column_type(cx, c, &a->type);
}

static tarn_code parse_rename(tarn_cx *cx, tarn_cursor *c, alter_stmt *a) {
    if (tarn_accept(c, "TO")) { /* the table: apply stays NULL */
        tarn_name name;
        TRY(tarn_parse_name(cx, c, &name));
        a->column = name;
        return TARN_OK;
    }
    a->apply = rename_column;
    (void)tarn_accept(c, "COLUMN");
    TRY(tarn_parse_name(cx, c, &a->column));
    TRY(tarn_expect(cx, c, "TO"));
    return tarn_parse_ident(cx, c, &a->name);
}

static tarn_code parse(tarn_cx *cx, tarn_cursor *c, alter_stmt *a) {
    bool ref, layout;
    TRY(tarn_parse_name(cx, c, &a->table));
    TRY(tarn_stmt_parse_ref(cx, c, &a->ref, &ref));
    TRY(tarn_layout_parse(cx, c, &a->layout, &layout));
    if (ref || layout) {
        a->apply = ref ? change_ref : change_layout;
        return TARN_OK;
    }
    if (tarn_accept(c, "ADD")) return parse_add(cx, c, a);
    if (tarn_accept(c, "DROP")) return parse_drop(cx, c, a);
    if (tarn_accept(c, "RENAME")) return parse_rename(cx, c, a);
    if (tarn_accept(c, "ALTER|CHANGE")) return parse_change(cx, c, a);
    if (tarn_accept(c, "SET TBLPROPERTIES")) {
        a->apply = set_properties;
        return tarn_parse_options(cx, c, &a->properties);
    }
    if (!tarn_accept(c, "UNSET TBLPROPERTIES"))
        return tarn_unexpected(cx, c, "ADD, DROP, RENAME, ALTER COLUMN, SET or UNSET TBLPROPERTIES, CREATE or REPLACE BRANCH "
                               "or TAG");
    a->apply = unset_properties;
    a->if_exists = tarn_accept(c, "IF EXISTS");
    tarn_names keys = {0};
    TRY(tarn_parse_keys(cx, c, &keys));
    for (size_t i = 0; i < keys.n; i++) TARN_PUSH(cx->arena, &a->properties)->key = keys.at[i];
    return TARN_OK;
}

static tarn_code rename_table(tarn_cx *cx, alter_stmt *a) {
    tarn_session *s = a->run->session;
    const char *catalog, *schema, *table, *to_catalog, *to_schema, *to_table;
    tarn_catalog_entry entry;
    TRY(tarn_session_name(cx, s, &a->table, &catalog, &schema, &table));
    TRY(tarn_catalog_resolve(cx, s->lake->catalog, catalog, schema, table, &entry));
    TRY(tarn_session_name(cx, s, &a->column, &to_catalog, &to_schema, &to_table));
    if (a->column.n_parts == 1) to_schema = schema, to_catalog = catalog;
    if (!tarn_name_eq(catalog, to_catalog))
        return tarn_fail(cx, TARN_UNSUPPORTED, "a table cannot move to another catalog");
    TRY(tarn_catalog_check(cx, s->lake->catalog, catalog, to_schema));
    return tarn_catalog_rename(cx, s->lake->catalog, entry.id, to_schema, to_table);
}

static tarn_code run_alter(tarn_cx *cx, tarn_run *run) {
    alter_stmt a = {.run = run};
    int64_t version = -1;
    TRY(parse(cx, &run->cursor, &a));
    TRY(tarn_expect_end(cx, &run->cursor));
    if (!a.apply) {
        TRY(tarn_stmt_alone(cx, run));
        TRY(rename_table(cx, &a));
        return tarn_stmt_done(cx, run, "renamed");
    }
    if (a.apply == change_ref) TRY(tarn_stmt_alone(cx, run));
    TRY(tarn_session_change(cx, run->session, &a.table, plan, &a, &version));
    return tarn_stmt_done(cx, run, "altered, version %lld", (long long)version);
}

const tarn_stmt tarn_stmt_alter = {
    .name = "ALTER TABLE",
    .keywords = "ALTER TABLE",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_alter,
    .help = "ALTER TABLE t ADD COLUMNS (c TYPE [DEFAULT e] [COMMENT s] [FIRST | AFTER c], …) | DROP COLUMN c | RENAME COLUMN a TO "
            "b | RENAME TO name\n"
            "  | ALTER COLUMN c SET NOT NULL | DROP NOT NULL | TYPE type | COMMENT s | SET DEFAULT e | DROP DEFAULT | "
            "FIRST | AFTER c\n"
            "  | ADD CONSTRAINT n CHECK (e) | DROP CONSTRAINT n | SET TBLPROPERTIES ('k' = 'v', …) | UNSET "
            "TBLPROPERTIES ('k', …)\n"
            "  | CREATE [OR REPLACE] BRANCH | TAG [IF NOT EXISTS] name [AS OF VERSION n] [RETAIN n DAYS | HOURS | "
            "MINUTES]\n"
            "      [WITH SNAPSHOT RETENTION [n SNAPSHOTS] [n DAYS | HOURS | MINUTES]]\n"
            "  | REPLACE BRANCH | TAG name … | DROP BRANCH | TAG [IF EXISTS] name\n"
            "  | ADD PARTITION FIELD f [AS name] | DROP PARTITION FIELD f | REPLACE PARTITION FIELD f WITH f [AS name]\n"
            "  | SET PARTITION SPEC (f, …) | WRITE [LOCALLY] ORDERED BY (f [ASC | DESC] [NULLS FIRST | LAST], …)\n"
            "  | WRITE DISTRIBUTED BY PARTITION [LOCALLY ORDERED BY (…)] | WRITE UNORDERED | SET | DROP IDENTIFIER FIELDS "
            "a, b\n"
            "Changes the table's metadata; data files are not rewritten.",
};
