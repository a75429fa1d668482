/* rules.c: NOT NULL, CHECK and generated columns as SQL that raises an error, which DuckDB carries back to us. */
#include "table/rules.h"

#include "sql/dialect.h"
#include "table/scan.h"

#define MARK "tarn-constraint: "
#define MARK_LIMIT "tarn-limit: "

enum { SHOWN_COLUMNS = 6, RULE_MAX = 1 << 20, SQL_MAX = 1 << 26 };

const char *tarn_target_name(const tarn_target *target) {
    return target->table->name ? target->table->name : target->table->location;
}

/* The quoted run at *c, which begins with `quote`: its text with doubled quotes and backslash escapes undone. */
static const char *take_quoted(tarn_arena *arena, const char **c, char quote) {
    const char *begin = *c + 1, *p = begin;
    bool escapes = quote == '"';
    for (; *p && (*p != quote || p[1] == quote); p++)
        if (*p == quote || (escapes && *p == '\\' && p[1])) p++;
    char *text = tarn_arena_strndup(arena, begin, (size_t)(p - begin)), *to = text;
    for (const char *from = text; *from; from++) {
        bool doubled = from[0] == quote && from[1] == quote, escaped = escapes && from[0] == '\\' && from[1];
        if (doubled || escaped) from++;
        *to++ = *from;
    }
    *to = 0;
    *c = *p ? p + 1 : p;
    return text;
}

/* Writers of other engines mean a string by "x", ours a column: it is a column when the table has it. */
static char *respell(tarn_cx *cx, const tarn_schema *schema, const char *text) {
    tarn_auto_buf out = TARN_BUF(RULE_MAX);
    for (const char *c = text; *c;) {
        if (*c == '`') {
            tarn_buf_sql_name(&out, take_quoted(cx->arena, &c, '`'));
        } else if (*c == '"') {
            const char *quoted = take_quoted(cx->arena, &c, '"');
            if (schema && tarn_schema_find(schema, tarn_str_of(quoted)) >= 0)
                tarn_buf_sql_name(&out, quoted);
            else
                tarn_buf_sql_string(&out, quoted);
        } else if (*c == '\'') {
            tarn_buf_sql_string(&out, take_quoted(cx->arena, &c, '\''));
        } else if (!strncmp(c, "<=>", 3)) {
            tarn_buf_puts(&out, " IS NOT DISTINCT FROM ");
            c += 3;
        } else {
            tarn_buf_putc(&out, *c++);
        }
    }
    return tarn_buf_take(&out, cx->arena);
}

/* A rule stands in the middle of our own SQL, and whoever wrote the table chose it: it must not end its brackets, nor
 * read anything but its row. */
static bool one_expression(const tarn_tokens *tokens) {
    int depth = 0;
    for (tarn_cursor c = {tokens, 0}; tokens->tokens.at[c.i].kind != TARN_T_END; c.i++) {
        if (tarn_peek(&c, ";|SELECT") || tokens->tokens.at[c.i].kind == TARN_T_PARAM) return false;
        if (tarn_peek(&c, "( FROM|( WITH|( VALUES|( TABLE|( PIVOT|( UNPIVOT|( DESCRIBE|( SHOW|( SUMMARIZE"))
            return false;
        if (tarn_peek(&c, "(|[|{")) depth++;
        if (tarn_peek(&c, ")|]|}") && --depth < 0) return false;
    }
    return depth == 0 && tokens->tokens.n > 1;
}

tarn_code tarn_rule_sql(tarn_cx *cx, const tarn_schema *schema, const char *text, const char **out) {
    tarn_tokens tokens;
    tarn_query_text query = {0};
    char *sql = respell(cx, schema, text);
    if (!sql) return tarn_fail(cx, TARN_LIMIT, "a rule of the table is longer than %d bytes", RULE_MAX);
    bool fits = tarn_lex(cx, tarn_str_of(sql), &tokens) == TARN_OK && one_expression(&tokens) &&
                tarn_dialect_query(cx, tarn_str_of(sql), &query) == TARN_OK && !query.refs.n;
    if (!fits) {
        tarn_clear_error(cx);
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s is no expression over the columns of one row", text);
    }
    *out = tarn_printf(cx, "%.*s%s", (int)query.text.n, query.text.sql, strstr(sql, "--") ? "\n" : "");
    return TARN_OK;
}

static bool has_inner_rule(const tarn_type *type) {
    bool map = type->kind == TARN_MAP;
    for (size_t i = 0; i < type->n_fields; i++)
        if ((!type->fields[i].nullable && !(map && i == 0)) || has_inner_rule(type->fields[i].type)) return true;
    return false;
}

/* True where a member or element that must not be null is. */
static void put_broken(tarn_arena *arena, tarn_buf *out, const char *expr, const tarn_type *type, int depth) {
    const char *x = tarn_arena_printf(arena, "_tarn_x%d", depth);
    const char *join = "";
    tarn_buf_printf(out, "(%s IS NOT NULL AND (", expr);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        bool inner = has_inner_rule(f->type), required = !f->nullable && !(type->kind == TARN_MAP && i == 0);
        if (!inner && !required) continue;
        const char *member =
            type->kind == TARN_STRUCT ? tarn_arena_printf(arena, "%s.%s", expr, tarn_sql_name(arena, f->name)) : x;
        tarn_buf_puts(out, join);
        join = " OR ";
        if (type->kind == TARN_LIST) tarn_buf_printf(out, "len(list_filter(%s, lambda %s: ", expr, x);
        if (type->kind == TARN_MAP)
            tarn_buf_printf(out, "len(list_filter(%s(%s), lambda %s: ", i ? "map_values" : "map_keys", expr, x);
        if (required) tarn_buf_printf(out, "%s IS NULL", member);
        if (required && inner) tarn_buf_puts(out, " OR ");
        if (inner) put_broken(arena, out, member, f->type, depth + 1);
        if (type->kind != TARN_STRUCT) tarn_buf_puts(out, ")) > 0");
    }
    tarn_buf_puts(out, "))");
}

static void put_error(tarn_cx *cx, tarn_buf *out, const char *message) {
    tarn_buf_puts(out, "error(");
    tarn_buf_sql_string(out, tarn_printf(cx, MARK "%s", message));
}

static void put_not_null(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *f) {
    const char *name = tarn_sql_name(cx->arena, f->name);
    bool inner = has_inner_rule(f->type);
    if (f->nullable && !inner) return tarn_buf_puts(out, name);
    tarn_buf_puts(out, "CASE");
    if (!f->nullable) {
        tarn_buf_printf(out, " WHEN %s IS NULL THEN ", name);
        put_error(
            cx, out,
            tarn_printf(cx, "column %s of %s is NOT NULL, but a row has NULL", f->name, tarn_target_name(target)));
        tarn_buf_putc(out, ')');
    }
    if (inner) {
        tarn_buf_puts(out, " WHEN ");
        put_broken(cx->arena, out, name, f->type, 0);
        tarn_buf_puts(out, " THEN ");
        put_error(cx, out,
                  tarn_printf(cx, "column %s of %s has members that are NOT NULL, but a row has NULL in one", f->name,
                              tarn_target_name(target)));
        tarn_buf_putc(out, ')');
    }
    tarn_buf_printf(out, " ELSE %s END", name);
}

void tarn_rules_length(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *field,
                       const char *value) {
    int64_t length;
    bool pads;
    if (!tarn_field_length(field, &length, &pads)) return tarn_buf_puts(out, value);
    const char *fitting =
        pads && length <= TARN_CHAR_MAX ? tarn_printf(cx, "rpad(%s, %lld, ' ')", value, (long long)length) : value;
    tarn_buf_printf(out,
                    "CASE WHEN %s IS NULL THEN NULL WHEN length(%s) <= %lld THEN %s "
                    "WHEN length(rtrim(%s, ' ')) <= %lld THEN left(%s, %lld) ELSE ",
                    value, value, (long long)length, fitting, value, (long long)length, value, (long long)length);
    put_error(cx, out,
              tarn_printf(cx, "column %s of %s holds at most %lld characters, but a row has more", field->name,
                          tarn_target_name(target), (long long)length));
    tarn_buf_printf(out, " || ': ' || left(%s, 100)) END", value);
}

static bool names_column(const char *sql, const char *name) {
    size_t n = strlen(name);
    for (const char *c = sql; *c; c++)
        if (tarn_str_ieq((tarn_str){c, strnlen(c, n)}, (tarn_str){name, n})) return true;
    return false;
}

/* " || 'a = ' || value …" for the columns the check speaks of. */
static void put_values(tarn_buf *out, const tarn_schema *schema, const char *check) {
    int shown = 0;
    for (size_t i = 0; i < schema->n_fields && shown < SHOWN_COLUMNS; i++) {
        const char *name = schema->fields[i].name;
        if (!names_column(check, name)) continue;
        tarn_buf_puts(out, shown++ ? " || ', ' || " : " || ': ' || ");
        tarn_buf_sql_string(out, name);
        tarn_buf_puts(out, " || ' = ' || coalesce(left(CAST(");
        tarn_buf_sql_name(out, name);
        tarn_buf_puts(out, " AS VARCHAR), 100), 'NULL')");
    }
}

/* A check must be true: null breaks it too (PROTOCOL.md, "CHECK Constraints"). */
static tarn_code put_check(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_pair *check) {
    const char *sql;
    TRY(tarn_rule_sql(cx, target->schema, check->value, &sql));
    tarn_buf_printf(out, " WHEN (%s) IS NOT TRUE THEN ", sql);
    put_error(cx, out,
              tarn_printf(cx, "CHECK constraint %s (%s) of %s is violated by a row", check->name, check->value,
                          tarn_target_name(target)));
    put_values(out, target->schema, sql);
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static tarn_code put_generated(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *f) {
    const char *name = tarn_sql_name(cx->arena, f->name), *sql;
    TRY(tarn_rule_sql(cx, target->schema, f->generated_sql, &sql));
    tarn_buf_printf(out, " WHEN %s IS DISTINCT FROM CAST((%s) AS ", name, sql);
    tarn_type_duckdb(out, f->type);
    tarn_buf_puts(out, ") THEN ");
    put_error(cx, out,
              tarn_printf(cx, "column %s of %s is generated as %s, but a row gives another value", f->name,
                          tarn_target_name(target), f->generated_sql));
    tarn_buf_printf(out, " || ': ' || coalesce(left(CAST(%s AS VARCHAR), 100), 'NULL'))", name);
    return TARN_OK;
}

/* Checks hang on the first column: one CASE whose branches raise the error, in a projection, as a filter may be run
 * before the user's own. */
tarn_code tarn_rules_select(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const char *relation,
                            const bool *given) {
    const tarn_schema *schema = target->schema;
    bool rules = target->n_checks > 0;
    for (size_t i = 0; i < schema->n_fields; i++) rules = rules || (schema->fields[i].generated_sql && given[i]);
    tarn_buf_puts(out, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const tarn_field *f = &schema->fields[i];
        if (i) tarn_buf_puts(out, ", ");
        if (i == 0 && rules) {
            tarn_buf_puts(out, "CASE");
            for (size_t k = 0; k < target->n_checks; k++) TRY(put_check(cx, out, target, &target->checks[k]));
            for (size_t k = 0; k < schema->n_fields; k++)
                if (schema->fields[k].generated_sql && given[k])
                    TRY(put_generated(cx, out, target, &schema->fields[k]));
            tarn_buf_puts(out, " ELSE ");
        }
        put_not_null(cx, out, target, f);
        if (i == 0 && rules) tarn_buf_puts(out, " END");
        tarn_buf_puts(out, " AS ");
        tarn_buf_sql_name(out, f->name);
    }
    tarn_buf_printf(out, " FROM %s", relation);
    return TARN_OK;
}

bool tarn_rules_any(const tarn_target *target) {
    bool any = target->n_checks > 0;
    for (size_t i = 0; i < target->schema->n_fields; i++)
        any = any || target->schema->fields[i].default_sql || target->schema->fields[i].generated_sql;
    return any;
}

/* WHERE, as rules know neither aggregates nor windows. A default is run: it stands for a value now. */
static tarn_code try_rule(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *rule,
                          const tarn_type *type, bool fixed) {
    tarn_auto_buf sql = TARN_BUF(SQL_MAX), as = TARN_BUF(SQL_MAX);
    const char *text;
    char *value;
    TRY(tarn_rule_sql(cx, fixed ? NULL : target->schema, rule, &text));
    if (type)
        tarn_type_duckdb(&as, type);
    else
        tarn_buf_puts(&as, "BOOLEAN");
    if (fixed)
        tarn_buf_printf(&sql, "SELECT CAST(CAST((%s) AS %s) AS VARCHAR)", text, as.data);
    else
        tarn_buf_puts(&sql, "SELECT 1 FROM ("), tarn_scan_empty(&sql, target->schema, false),
            tarn_buf_printf(&sql, ") AS t WHERE CAST((%s) AS %s) IS NULL", text, as.data);
    if (!tarn_buf_ok(&sql) || as.failed) return tarn_fail(cx, TARN_LIMIT, "it is too long");
    return tarn_conn_text(cx, conn, sql.data, &value);
}

tarn_code tarn_rules_check(tarn_cx *cx, tarn_conn *conn, const tarn_target *target) {
    for (size_t i = 0; i < target->n_checks; i++) {
        const tarn_pair *c = &target->checks[i];
        TRY(tarn_prefix(cx, try_rule(cx, conn, target, c->value, NULL, false), "CHECK constraint %s", c->name));
    }
    for (size_t i = 0; i < target->schema->n_fields; i++) {
        const tarn_field *f = &target->schema->fields[i];
        if (f->default_sql)
            TRY(tarn_prefix(cx, try_rule(cx, conn, target, f->default_sql, f->type, true), "DEFAULT of column %s",
                            f->name));
        if (f->generated_sql)
            TRY(tarn_prefix(cx, try_rule(cx, conn, target, f->generated_sql, f->type, false), "generated column %s",
                            f->name));
    }
    return TARN_OK;
}

void tarn_rules_no_number(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *field) {
    tarn_buf_puts(out, "error(");
    tarn_buf_sql_string(out,
                        tarn_printf(cx, MARK_LIMIT "column %s of %s has not as many numbers left as there are rows",
                                    field->name, tarn_target_name(target)));
    tarn_buf_putc(out, ')');
}

tarn_code tarn_rules_error(tarn_cx *cx, tarn_code code) {
    static const struct {
        const char *mark;
        tarn_code code;
    } marks[] = {{MARK, TARN_CONSTRAINT}, {MARK_LIMIT, TARN_LIMIT}};
    for (size_t i = 0; code != TARN_OK && i < 2; i++) {
        const char *mark = strstr(cx->error.message, marks[i].mark);
        if (mark) return tarn_fail(cx, marks[i].code, "%s", tarn_printf(cx, "%s", mark + strlen(marks[i].mark)));
    }
    return code;
}
