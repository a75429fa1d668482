/* merge_rows.c: the new rows of MERGE's clauses, new columns of its source, and the keys that prune its target. */
#include "stmt/dml/merge.h"

#include "model/evolve.h"

static const char *source_column(tarn_cx *cx, const tarn_merge *m, const char *name) {
    return tarn_printf(cx, "%s.%s", tarn_sql_name(cx->arena, m->source_alias), tarn_sql_name(cx->arena, name));
}

tarn_code tarn_merge_update_row(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, const tarn_schema *source,
                                const tarn_merge_clause *c, const char **exprs) {
    if (!c->star) return tarn_assign_row(cx, schema, &c->set, m->alias, exprs);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const tarn_field *field = &schema->fields[i];
        int at = tarn_schema_find(source, tarn_str_of(field->name));
        if (at >= 0 && field->identity)
            return tarn_fail(cx, TARN_INVALID, "MERGE: UPDATE SET * would change IDENTITY column %s: list the others",
                             field->name);
        if (at >= 0)
            exprs[i] = source_column(cx, m, source->fields[at].name);
        else if (field->generated_sql)
            exprs[i] = "NULL";
        else if (m->options.merge_schema || field->identity)
            exprs[i] =
                tarn_printf(cx, "%s.%s", tarn_sql_name(cx->arena, m->alias), tarn_sql_name(cx->arena, field->name));
        else
            return tarn_fail(cx, TARN_INVALID, "MERGE: UPDATE SET * needs column %s, which the source lacks",
                             field->name);
    }
    return TARN_OK;
}

static tarn_code check_number(tarn_cx *cx, const tarn_field *field) {
    if (!field->identity || field->identity->open) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "MERGE: column %s is GENERATED ALWAYS AS IDENTITY: INSERT the others",
                     field->name);
}

static tarn_code insert_star(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, const tarn_schema *source,
                             const char **exprs) {
    for (size_t i = 0; i < schema->n_fields; i++) {
        const tarn_field *field = &schema->fields[i];
        int at = tarn_schema_find(source, tarn_str_of(field->name));
        if (at >= 0) TRY(check_number(cx, field));
        if (at >= 0)
            exprs[i] = source_column(cx, m, source->fields[at].name);
        else if (field->default_sql || tarn_field_computed(field) || m->options.merge_schema)
            TRY(tarn_stmt_default(cx, field, &exprs[i]));
        else
            return tarn_fail(cx, TARN_INVALID, "MERGE: INSERT * needs column %s, which the source lacks", field->name);
    }
    return TARN_OK;
}

tarn_code tarn_merge_insert_row(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, const tarn_schema *source,
                                const tarn_merge_clause *c, const char **exprs) {
    if (c->star) return insert_star(cx, m, schema, source, exprs);
    bool by_position = !c->set.at[0].column.part[0];
    if (by_position && c->set.n != schema->n_fields)
        return tarn_fail(cx, TARN_INVALID, "MERGE: INSERT gives %zu values, the table has %zu columns", c->set.n,
                         schema->n_fields);
    for (size_t i = 0; i < c->set.n; i++) {
        const tarn_assignment *a = &c->set.at[i];
        int column = by_position ? (int)i : tarn_schema_find(schema, tarn_str_of(a->column.part[0]));
        if (column < 0) return tarn_fail(cx, TARN_INVALID, "MERGE: INSERT: there is no column %s", a->column.part[0]);
        if (exprs[column])
            return tarn_fail(cx, TARN_INVALID, "MERGE: INSERT: column %s is given twice", schema->fields[column].name);
        if (tarn_str_ieq(a->value, TARN_LIT("DEFAULT")))
            TRY(tarn_stmt_default(cx, &schema->fields[column], &exprs[column]));
        else
            TRY(check_number(cx, &schema->fields[column]));
        if (!exprs[column]) exprs[column] = tarn_printf(cx, "(%.*s)", (int)a->value.n, a->value.p);
    }
    for (size_t i = 0; i < schema->n_fields; i++)
        if (!exprs[i]) TRY(tarn_stmt_default(cx, &schema->fields[i], &exprs[i]));
    return TARN_OK;
}

bool tarn_merge_writes(const tarn_merge *m, const tarn_schema *schema, size_t column) {
    if (!schema->fields[column].generated_sql) return true;
    for (size_t i = 0; i < m->clauses.n; i++)
        for (size_t k = 0; k < m->clauses.at[i].set.n; k++) {
            const tarn_name *name = &m->clauses.at[i].set.at[k].column;
            if (name->part[0] && tarn_name_eq(name->part[name->n_parts - 1], schema->fields[column].name)) return true;
        }
    return false;
}

tarn_code tarn_merge_new_columns(tarn_cx *cx, const tarn_merge *m, const tarn_schema *source, tarn_change *change,
                                 const tarn_schema **schema) {
    const tarn_schema *wider = tarn_evolve_merge(cx->arena, *schema, source);
    if (wider == *schema) return TARN_OK;
    TRY(tarn_prefix(cx, tarn_schema_check(cx, wider), "MERGE into %s", m->alias));
    change->schema = *schema = wider;
    return TARN_OK;
}

static bool is_integer(tarn_kind k) { return k == TARN_INT8 || k == TARN_INT16 || k == TARN_INT32 || k == TARN_INT64; }

/* Equal values compare alike as either type: '05' = 5 is true for DuckDB, but no range of text says so. */
static bool same_order(const tarn_type *a, const tarn_type *b) {
    return (is_integer(a->kind) && is_integer(b->kind)) || (a->kind == b->kind && a->kind != TARN_DECIMAL) ||
           (a->kind == TARN_DECIMAL && b->kind == TARN_DECIMAL && a->scale >= b->scale);
}

static bool has_word(tarn_cx *cx, tarn_str text, const char *words) {
    tarn_tokens tokens;
    if (tarn_lex(cx, text, &tokens) != TARN_OK) return true;
    for (tarn_cursor c = {&tokens, 0}; !tarn_at_end(&c); c.i++)
        if (tarn_peek(&c, words)) return true;
    return false;
}

/* What `column = value` of ON says of the column, given the source's values. */
static tarn_code key_condition(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, tarn_str column_text,
                               tarn_str value, tarn_conn *conn, const char *source_table, tarn_buf *out) {
    tarn_tokens tokens;
    tarn_name name;
    char *range = NULL;
    TRY(tarn_lex(cx, column_text, &tokens));
    tarn_cursor c = {&tokens, 0};
    if (tokens.tokens.n < 2 || tarn_parse_name(cx, &c, &name) != TARN_OK || !tarn_at_end(&c) || name.path ||
        name.n_parts != 2)
        return TARN_OK;
    if (has_word(cx, value, "COLLATE|IS|NOT")) return TARN_OK; /* another equality, or one that binds looser than = */
    int column = tarn_name_eq(name.part[0], m->alias) ? tarn_schema_find(schema, tarn_str_of(name.part[1])) : -1;
    if (column < 0 || tarn_type_nested(schema->fields[column].type)) return TARN_OK;
    tarn_auto_buf type = TARN_BUF(4096);
    const tarn_type *key_type = schema->fields[column].type;
    const char *from = tarn_sql_name(cx->arena, m->source_alias);
    tarn_schema *value_type;
    /* An expression that is not the source's alone does not bind here, and gives no condition. */
    if (tarn_conn_describe(
            cx, conn, tarn_printf(cx, "SELECT (%.*s) FROM temp.%s AS %s", (int)value.n, value.p, source_table, from),
            cx->arena, &value_type) != TARN_OK ||
        !same_order(key_type, value_type->fields[0].type))
        return TARN_OK;
    tarn_type_duckdb(&type, key_type);
    const char *expr = tarn_printf(cx, "CAST((%.*s) AS %s)", (int)value.n, value.p, type.data);
    const char *key = tarn_printf(cx, "%s.%s", tarn_sql_name(cx->arena, m->alias),
                                  tarn_sql_name(cx->arena, schema->fields[column].name));
    const char *sql = tarn_printf(cx,
                                  "SELECT CASE WHEN count(DISTINCT %s) <= 100 THEN ' IN (' || string_agg(DISTINCT '''' "
                                  "|| replace(%s::VARCHAR, '''', '''''') || '''::%s', ', ') || ')' "
                                  "ELSE ' BETWEEN ''' || replace(min(%s)::VARCHAR, '''', '''''') || '''::%s AND ''' || "
                                  "replace(max(%s)::VARCHAR, '''', '''''') || '''::%s' END "
                                  "FROM temp.%s AS %s WHERE %s IS NOT NULL",
                                  expr, expr, type.data, expr, type.data, expr, type.data, source_table, from, expr);
    if (tarn_conn_text(cx, conn, sql, &range) == TARN_OK && range) tarn_buf_printf(out, " AND %s%s", key, range);
    return TARN_OK;
}

/* Splits ON at its top-level ANDs; nothing is implied by one side of an OR, and a BETWEEN has an AND of its own. */
tarn_code tarn_merge_keys(tarn_cx *cx, const tarn_merge *m, const tarn_schema *schema, tarn_conn *conn,
                          const char *source_table, const char **out) {
    tarn_auto_buf keys = TARN_BUF(1 << 20);
    tarn_tokens tokens;
    TRY(tarn_lex(cx, m->on, &tokens));
    tarn_cursor c = {&tokens, 0};
    bool understood = true;
    do {
        tarn_str left, right;
        understood = tarn_parse_extent(cx, &c, "=|AND|OR|==", "a condition", &left) == TARN_OK;
        if (!understood || tarn_peek(&c, "OR")) break;
        if (!tarn_accept(&c, "=") && !tarn_accept(&c, "==")) {
            understood = !has_word(cx, left, "BETWEEN");
            continue;
        }
        understood = tarn_parse_extent(cx, &c, "AND|OR", "a value", &right) == TARN_OK;
        if (!understood || tarn_peek(&c, "OR")) break;
        TRY(key_condition(cx, m, schema, left, right, conn, source_table, &keys));
        TRY(key_condition(cx, m, schema, right, left, conn, source_table, &keys));
    } while (understood && tarn_accept(&c, "AND"));
    tarn_clear_error(cx);
    *out = keys.n && understood && tarn_at_end(&c) ? tarn_buf_take(&keys, cx->arena) : "";
    return TARN_OK;
}
