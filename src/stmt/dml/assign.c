/* assign.c: turns assignments into the new row. */
#include "stmt/dml/assign.h"

#include "codec/jsonw.h"
#include "table/rules.h"

tarn_code tarn_parse_assignments(tarn_cx *cx, tarn_cursor *c, const char *stops, tarn_assignments *out) {
    const char *ends = tarn_printf(cx, ",|%s", stops);
    do {
        tarn_assignment *a = TARN_PUSH(cx->arena, out);
        TRY(tarn_parse_name(cx, c, &a->column));
        TRY(tarn_expect(cx, c, "="));
        TRY(tarn_parse_extent(cx, c, ends, "a value", &a->value));
    } while (tarn_accept(c, ","));
    return TARN_OK;
}

tarn_code tarn_stmt_alias(tarn_cx *cx, tarn_cursor *c, const tarn_name *table, const char *stops, const char **out) {
    bool as = tarn_accept(c, "AS");
    if (!as && (tarn_at_end(c) || tarn_peek(c, stops))) {
        *out = table->path ? table->path : table->part[table->n_parts - 1];
        return TARN_OK;
    }
    return tarn_parse_ident(cx, c, out);
}

const char *tarn_json_quote(tarn_cx *cx, tarn_str text) {
    tarn_auto_buf out = TARN_BUF((size_t)64 << 20);
    tarn_jsonw w = {.out = &out};
    tarn_jsonw_string(&w, text);
    return tarn_buf_take(&out, cx->arena);
}

/* Where the column's own name begins in a.b.c: after the table's alias, if that is what a is. */
static int first_part(const tarn_schema *schema, const tarn_name *name, const char *alias) {
    bool qualified = name->n_parts > 1 && tarn_name_eq(name->part[0], alias);
    return qualified && (tarn_schema_find(schema, tarn_str_of(name->part[0])) < 0 ||
                         tarn_schema_find(schema, tarn_str_of(name->part[1])) >= 0);
}

tarn_code tarn_stmt_default(tarn_cx *cx, const tarn_field *field, const char **out) {
    const char *sql = NULL;
    if (field->default_sql) TRY(tarn_rule_sql(cx, NULL, field->default_sql, &sql));
    *out = sql ? tarn_printf(cx, "(%s)", sql) : "NULL";
    return TARN_OK;
}

static bool is_default(tarn_str value) { return tarn_str_ieq(value, TARN_LIT("DEFAULT")); }

/* col with its member a.b replaced, all the way down. */
static tarn_code member_expr(tarn_cx *cx, const tarn_type *type, const char *whole, const tarn_name *name, int part,
                             tarn_str value, tarn_buf *out) {
    if (part == name->n_parts) {
        tarn_buf_printf(out, "(%.*s)", (int)value.n, value.p);
        return TARN_OK;
    }
    int member = type->kind == TARN_STRUCT ? tarn_schema_find(type, tarn_str_of(name->part[part])) : -1;
    if (member < 0) return tarn_fail(cx, TARN_INVALID, "SET: there is no member %s", name->part[part]);
    tarn_buf_puts(out, "struct_pack(");
    for (size_t i = 0; i < type->n_fields; i++) {
        const char *field = tarn_sql_name(cx->arena, type->fields[i].name),
                   *inner = tarn_printf(cx, "%s.%s", whole, field);
        tarn_buf_printf(out, "%s%s := ", i ? ", " : "", field);
        if ((int)i == member)
            TRY(member_expr(cx, type->fields[i].type, inner, name, part + 1, value, out));
        else
            tarn_buf_puts(out, inner);
    }
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static tarn_code assign_one(tarn_cx *cx, const tarn_schema *schema, const tarn_assignment *a, const char *alias,
                            const char **exprs) {
    int from = first_part(schema, &a->column, alias);
    int column = tarn_schema_find(schema, tarn_str_of(a->column.part[from]));
    if (column < 0) return tarn_fail(cx, TARN_INVALID, "SET: there is no column %s", a->column.part[from]);
    const tarn_field *field = &schema->fields[column];
    if (exprs[column]) return tarn_fail(cx, TARN_INVALID, "SET: column %s is assigned twice", field->name);
    if (field->identity)
        return tarn_fail(cx, TARN_INVALID, "SET: column %s is an IDENTITY column: its numbers stay", field->name);
    if (is_default(a->value)) return tarn_stmt_default(cx, field, &exprs[column]);
    tarn_auto_buf out = TARN_BUF((size_t)16 << 20);
    const char *whole =
        tarn_printf(cx, "%s.%s", tarn_sql_name(cx->arena, alias), tarn_sql_name(cx->arena, field->name));
    TRY(member_expr(cx, field->type, whole, &a->column, from + 1, a->value, &out));
    exprs[column] = tarn_buf_take(&out, cx->arena);
    return TARN_OK;
}

tarn_code tarn_assign_row(tarn_cx *cx, const tarn_schema *schema, const tarn_assignments *set, const char *alias,
                          const char **exprs) {
    for (size_t i = 0; i < set->n; i++) TRY(assign_one(cx, schema, &set->at[i], alias, exprs));
    for (size_t i = 0; i < schema->n_fields; i++) {
        const tarn_field *field = &schema->fields[i];
        if (exprs[i]) continue;
        if (field->generated_sql)
            exprs[i] = "NULL";
        else
            exprs[i] = tarn_printf(cx, "%s.%s", tarn_sql_name(cx->arena, alias), tarn_sql_name(cx->arena, field->name));
    }
    return TARN_OK;
}

tarn_code tarn_assign_columns(tarn_cx *cx, const tarn_schema *schema, const tarn_assignments *set, const char *alias,
                              tarn_buf *out) {
    const char **exprs = TARN_NEW_ARRAY(cx->arena, const char *, schema->n_fields);
    TRY(tarn_assign_row(cx, schema, set, alias, exprs));
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].generated_sql && strcmp(exprs[i], "NULL") == 0) continue;
        tarn_buf_printf(out, ", %s AS ", exprs[i]);
        tarn_buf_sql_name(out, schema->fields[i].name);
    }
    return TARN_OK;
}
