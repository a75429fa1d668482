/* values.c: reads the rows of VALUES, and puts defaults where DEFAULT stands. */
#include "stmt/dml/values.h"

#include "stmt/dml/assign.h"

/* The value at the cursor, which moves to the comma or bracket behind it. */
static tarn_str take_value(tarn_cursor *c) {
    const tarn_token *token = c->tokens->tokens.at, *first = &token[c->i];
    size_t end = first->at;
    for (int depth = 0; token[c->i].kind != TARN_T_END; c->i++) {
        if (depth == 0 && tarn_peek(c, ",|)|]|}|;")) break;
        depth += tarn_peek(c, "(|[|{") - tarn_peek(c, ")|]|}");
        end = token[c->i].at + token[c->i].n;
    }
    return (tarn_str){c->tokens->text + first->at, end - first->at};
}

static bool is_default(tarn_str value) { return tarn_str_ieq(value, TARN_LIT("DEFAULT")); }

/* Rows that are no rows are left to DuckDB, which says so. */
tarn_code tarn_values_look(tarn_cx *cx, const tarn_cursor *at, tarn_values *out) {
    tarn_cursor c = *at;
    tarn_values values = {0};
    *out = values;
    if (!tarn_accept(&c, "VALUES")) return TARN_OK;
    values.at = c;
    size_t row = 0;
    do {
        size_t width = 0, begin = c.tokens->tokens.at[c.i].at;
        if (!tarn_accept(&c, "(")) return TARN_OK;
        do {
            tarn_str value = take_value(&c);
            if (!value.n) return TARN_OK;
            if (is_default(value)) values.defaults = true;
            width++;
        } while (tarn_accept(&c, ","));
        if (!tarn_accept(&c, ")")) return TARN_OK;
        if (row++ == 0) values.width = width;
        if (width != values.width)
            return tarn_fail_at(cx, TARN_INVALID, (tarn_str){c.tokens->text, c.tokens->n_text}, begin,
                                "row %zu of VALUES has %zu value%s, the first one has %zu", row, width,
                                width == 1 ? "" : "s", values.width);
        TRY(tarn_check(cx));
    } while (tarn_accept(&c, ","));
    values.all = c.tokens->tokens.at[c.i].kind == TARN_T_END || tarn_peek(&c, ";|OPTIONS");
    *out = values;
    return TARN_OK;
}

/* Which column each value is for; NULL: none, which is said when they are written. */
static const tarn_field **find_fields(tarn_cx *cx, size_t width, const tarn_schema *schema, const tarn_names *columns) {
    const tarn_field **fields = TARN_NEW_ARRAY(cx->arena, const tarn_field *, width);
    for (size_t i = 0; i < columns->n && i < width; i++) {
        int k = tarn_schema_find(schema, tarn_str_of(columns->at[i]));
        fields[i] = k < 0 ? NULL : &schema->fields[k];
    }
    size_t next = 0;
    for (size_t i = 0; !columns->n && i < schema->n_fields && next < width; i++)
        if (width == schema->n_fields || !tarn_field_computed(&schema->fields[i])) fields[next++] = &schema->fields[i];
    return fields;
}

/* Marks the generated columns: their values are to be DEFAULT in every row, and go. */
static tarn_code leave_out(tarn_cx *cx, const tarn_values *values, const tarn_field **fields, bool *out) {
    tarn_cursor c = values->at;
    while (tarn_accept(&c, "(")) {
        for (size_t i = 0; i < values->width; i++, c.i++) {
            if (is_default(take_value(&c)) && fields[i] && tarn_field_computed(fields[i])) out[i] = true;
        }
        TRY(tarn_check(cx));
        if (!tarn_accept(&c, ",")) break;
    }
    c = values->at;
    while (tarn_accept(&c, "(")) {
        for (size_t i = 0; i < values->width; i++, c.i++)
            if (!is_default(take_value(&c)) && out[i])
                return tarn_fail(cx, TARN_INVALID, "column %s is generated: give DEFAULT in all rows, or in none",
                                 fields[i]->name);
        if (!tarn_accept(&c, ",")) break;
    }
    return TARN_OK;
}

static tarn_code put_default(tarn_cx *cx, tarn_buf *out, const tarn_field *field) {
    const char *sql = "NULL";
    if (field) TRY(tarn_stmt_default(cx, field, &sql));
    if (!field || !field->default_sql) {
        tarn_buf_puts(out, sql);
        return TARN_OK;
    }
    tarn_buf_printf(out, "CAST(%s AS ", sql);
    tarn_type_duckdb(out, field->type);
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

tarn_code tarn_values_fill(tarn_cx *cx, const tarn_values *values, const tarn_schema *schema, tarn_names *columns,
                           tarn_str select, const char **out) {
    tarn_auto_buf sql = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_SQL_BYTES) * 4);
    const tarn_field **fields = find_fields(cx, values->width, schema, columns);
    bool *left_out = TARN_NEW_ARRAY(cx->arena, bool, values->width), any = false;
    tarn_names others = {0};
    TRY(leave_out(cx, values, fields, left_out));
    for (size_t i = 0; i < values->width; i++) {
        any = any || left_out[i];
        if (!left_out[i] && fields[i]) *TARN_PUSH(cx->arena, &others) = fields[i]->name;
    }
    if (any && !others.n) return tarn_fail(cx, TARN_INVALID, "INSERT gives values of generated columns only");
    tarn_cursor c = values->at;
    tarn_buf_puts(&sql, "VALUES ");
    while (tarn_accept(&c, "(")) {
        const char *join = "(";
        for (size_t i = 0; i < values->width; i++, c.i++) {
            tarn_str value = take_value(&c);
            if (left_out[i]) continue;
            tarn_buf_puts(&sql, join);
            join = ", ";
            if (is_default(value))
                TRY(put_default(cx, &sql, fields[i]));
            else
                tarn_buf_add(&sql, value.p, value.n);
        }
        tarn_buf_putc(&sql, ')');
        TRY(tarn_check(cx));
        if (!tarn_peek(&c, ", (")) break;
        c.i++;
        tarn_buf_puts(&sql, ", ");
    }
    const char *rest = c.tokens->text + c.tokens->tokens.at[c.i].at, *end = select.p + select.n;
    tarn_buf_putc(&sql, ' ');
    if (rest < end) tarn_buf_add(&sql, rest, (size_t)(end - rest));
    if (sql.failed) return tarn_fail(cx, TARN_LIMIT, "VALUES: the statement is too long");
    if (any) *columns = others;
    *out = tarn_buf_take(&sql, cx->arena);
    return TARN_OK;
}
