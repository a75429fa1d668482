/* print.c: bound expressions as SQL that DuckDB binds to the same again. */
#include "plan/bound.h"

enum { DEPTH_MAX = 200, TEXT_MAX = 1 << 20 };

typedef const tarn_json_value json;

typedef struct printer {
    tarn_cx *cx;
    const tarn_bound_scan *scan;
    const bool *allowed;
    bool *used; /* NULL: nobody asks */
    tarn_buf out;
    int columns; /* printed so far */
    int depth;
} printer;

static bool is(json *node, const char *key, const char *text) {
    return tarn_str_is(tarn_json_as_str(tarn_json_get(node, key)), text);
}

static bool print(printer *p, json *e);

bool tarn_bound_volatile(tarn_str name) {
    static const char *const names[] = {"uuid",
                                        "uuidv4",
                                        "uuidv7",
                                        "gen_random_uuid",
                                        "random",
                                        "setseed",
                                        "nextval",
                                        "currval",
                                        "current_connection_id",
                                        "current_query",
                                        "current_query_id",
                                        "current_transaction_id",
                                        "txid_current",
                                        "transaction_timestamp",
                                        "now",
                                        "today",
                                        "current_date",
                                        "get_current_time",
                                        "get_current_timestamp",
                                        "current_schema",
                                        "current_schemas",
                                        "current_database",
                                        "in_search_path",
                                        "error",
                                        "write_log",
                                        "sleep_ms",
                                        "stats",
                                        "tarn_live",
                                        "getvariable",
                                        "getenv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tarn_str_ieq(name, tarn_str_of(names[i]))) return true;
    return false;
}

/* Types whose names say all; collations and nested types are not printed. */
static bool print_type(printer *p, json *type) {
    static const char *const plain[] = {"BOOLEAN",
                                        "TINYINT",
                                        "SMALLINT",
                                        "INTEGER",
                                        "BIGINT",
                                        "HUGEINT",
                                        "UTINYINT",
                                        "USMALLINT",
                                        "UINTEGER",
                                        "UBIGINT",
                                        "FLOAT",
                                        "DOUBLE",
                                        "DATE",
                                        "TIME",
                                        "TIMESTAMP",
                                        "TIMESTAMP_S",
                                        "TIMESTAMP_MS",
                                        "TIMESTAMP_NS",
                                        "TIMESTAMP WITH TIME ZONE",
                                        "INTERVAL",
                                        "BLOB",
                                        "UUID",
                                        "VARCHAR"};
    tarn_str id = tarn_json_as_str(tarn_json_get(type, "id"));
    json *info = tarn_json_get(type, "type_info");
    bool more = info && info->kind == TARN_JSON_OBJECT;
    if (tarn_str_is(id, "DECIMAL") && more) {
        int64_t width = tarn_json_as_int(tarn_json_get(info, "width"), 0),
                scale = tarn_json_as_int(tarn_json_get(info, "scale"), -1);
        tarn_buf_printf(&p->out, "DECIMAL(%d, %d)", (int)width, (int)scale);
        return width >= 1 && width <= 38 && scale >= 0 && scale <= width;
    }
    for (size_t i = 0; !more && i < sizeof plain / sizeof *plain; i++) {
        if (!tarn_str_is(id, plain[i])) continue;
        tarn_buf_puts(&p->out, plain[i]);
        return true;
    }
    return false;
}

static bool print_cast(printer *p, json *child, json *type, bool soft) {
    tarn_buf_puts(&p->out, soft ? "TRY_CAST(" : "CAST(");
    if (!print(p, child)) return false;
    tarn_buf_puts(&p->out, " AS ");
    bool known = print_type(p, type);
    tarn_buf_puts(&p->out, ")");
    return known;
}

static bool print_interval(printer *p, json *value) {
    json *months = tarn_json_get(value, "months"), *days = tarn_json_get(value, "days"),
         *micros = tarn_json_get(value, "micros");
    int64_t m, d, us;
    if (!months || !days || !micros || !tarn_parse_i64(months->text, &m) || !tarn_parse_i64(days->text, &d) ||
        !tarn_parse_i64(micros->text, &us))
        return false;
    tarn_buf_printf(&p->out, "(to_months(%lld) + to_days(%lld) + to_microseconds(%lld))", (long long)m, (long long)d,
                    (long long)us);
    return true;
}

static bool print_constant(printer *p, json *e) {
    json *node = tarn_json_get(e, "value"), *type = tarn_json_get(node, "type");
    tarn_value value = {.null = true};
    if (is(type, "id", "INTERVAL") && !tarn_json_as_bool(tarn_json_get(node, "is_null"), true))
        return print_interval(p, tarn_json_get(node, "value"));
    if (!tarn_json_as_bool(tarn_json_get(node, "is_null"), false) && !tarn_bound_constant(p->cx, node, &value))
        return false;
    bool typed = !value.null && (is(type, "id", "DATE") || is(type, "id", "BOOLEAN") || is(type, "id", "BIGINT") ||
                                 is(type, "id", "INTEGER"));
    if (!typed) tarn_buf_puts(&p->out, "CAST(");
    tarn_value_sql(&p->out, &value);
    if (typed) return true;
    tarn_buf_puts(&p->out, " AS ");
    bool known = print_type(p, type);
    tarn_buf_puts(&p->out, ")");
    return known;
}

static bool print_ref(printer *p, json *e) {
    int column = tarn_bound_column(p->scan, e);
    if (column < 0 || p->scan->path || !p->allowed || !p->allowed[column]) return false;
    tarn_buf_sql_name(&p->out, p->scan->schema->fields[column].name);
    if (p->used) p->used[column] = true;
    p->columns++;
    return true;
}

static bool print_list(printer *p, json *list, size_t from, const char *between) {
    for (size_t i = from; list && i < list->n; i++) {
        if (i > from) tarn_buf_puts(&p->out, between);
        if (!print(p, tarn_json_at(list, i))) return false;
    }
    return list && list->n > from;
}

static bool print_infix(printer *p, json *left, const char *op, json *right) {
    tarn_buf_puts(&p->out, "(");
    if (!print(p, left)) return false;
    tarn_buf_printf(&p->out, " %s ", op);
    if (!print(p, right)) return false;
    tarn_buf_puts(&p->out, ")");
    return true;
}

typedef struct word {
    const char *type, *sql;
} word;

static const char *find(const word *words, size_t n, json *e) {
    for (size_t i = 0; i < n; i++)
        if (is(e, "type", words[i].type)) return words[i].sql;
    return NULL;
}

static bool print_comparison(printer *p, json *e) {
    static const word words[] = {{"COMPARE_EQUAL", "="},
                                 {"COMPARE_NOTEQUAL", "<>"},
                                 {"COMPARE_LESSTHAN", "<"},
                                 {"COMPARE_LESSTHANOREQUALTO", "<="},
                                 {"COMPARE_GREATERTHAN", ">"},
                                 {"COMPARE_GREATERTHANOREQUALTO", ">="},
                                 {"COMPARE_DISTINCT_FROM", "IS DISTINCT FROM"},
                                 {"COMPARE_NOT_DISTINCT_FROM", "IS NOT DISTINCT FROM"}};
    const char *op = find(words, sizeof words / sizeof *words, e);
    return op && print_infix(p, tarn_json_get(e, "left"), op, tarn_json_get(e, "right"));
}

static bool print_operator(printer *p, json *e) {
    static const word after[] = {{"OPERATOR_IS_NULL", " IS NULL)"}, {"OPERATOR_IS_NOT_NULL", " IS NOT NULL)"}};
    static const word before[] = {{"OPERATOR_NOT", "(NOT "}, {"OPERATOR_COALESCE", "coalesce("}};
    static const word in[] = {{"COMPARE_IN", " IN ("}, {"COMPARE_NOT_IN", " NOT IN ("}};
    json *children = tarn_json_get(e, "children");
    const char *ends = find(after, 2, e), *begins = find(before, 2, e), *among = find(in, 2, e);
    if (!children || !children->n || !(ends || begins || among)) return false;
    tarn_buf_puts(&p->out, begins ? begins : "(");
    bool known = among ? print(p, tarn_json_at(children, 0)) : print_list(p, children, 0, ", ");
    if (!known) return false;
    if (among) {
        tarn_buf_puts(&p->out, among);
        if (!print_list(p, children, 1, ", ")) return false;
        tarn_buf_puts(&p->out, ")");
    }
    tarn_buf_puts(&p->out, ends ? ends : ")");
    return true;
}

static bool print_between(printer *p, json *e) {
    json *input = tarn_json_get(e, "input");
    bool low = tarn_json_as_bool(tarn_json_get(e, "lower_inclusive"), true),
         high = tarn_json_as_bool(tarn_json_get(e, "upper_inclusive"), true);
    tarn_buf_puts(&p->out, "(");
    if (!print_infix(p, input, low ? ">=" : ">", tarn_json_get(e, "lower"))) return false;
    tarn_buf_puts(&p->out, " AND ");
    if (!print_infix(p, input, high ? "<=" : "<", tarn_json_get(e, "upper"))) return false;
    tarn_buf_puts(&p->out, ")");
    return true;
}

static bool print_case(printer *p, json *e) {
    json *checks = tarn_json_get(e, "case_checks");
    tarn_buf_puts(&p->out, "CASE");
    for (size_t i = 0; checks && i < checks->n; i++) {
        json *check = tarn_json_at(checks, i);
        tarn_buf_puts(&p->out, " WHEN ");
        if (!print(p, tarn_json_get(check, "when_expr"))) return false;
        tarn_buf_puts(&p->out, " THEN ");
        if (!print(p, tarn_json_get(check, "then_expr"))) return false;
    }
    tarn_buf_puts(&p->out, " ELSE ");
    if (!checks || !checks->n || !print(p, tarn_json_get(e, "else_expr"))) return false;
    tarn_buf_puts(&p->out, " END");
    return true;
}

static bool print_function(printer *p, json *e) {
    tarn_str name = tarn_json_as_str(tarn_json_get(e, "name"));
    json *children = tarn_json_get(e, "children");
    if (!name.n || tarn_bound_volatile(name) || !is(e, "catalog_name", "system")) return false;
    tarn_buf_sql_name(&p->out, tarn_arena_strndup(p->cx->arena, name.p, name.n));
    tarn_buf_puts(&p->out, "(");
    if (!print_list(p, children, 0, ", ")) return false;
    tarn_buf_puts(&p->out, ")");
    return true;
}

static bool print_known(printer *p, json *e) {
    tarn_str class = tarn_json_as_str(tarn_json_get(e, "expression_class"));
    if (tarn_str_is(class, "BOUND_REF")) return print_ref(p, e);
    if (tarn_str_is(class, "BOUND_CONSTANT")) return print_constant(p, e);
    if (tarn_str_is(class, "BOUND_COMPARISON")) return print_comparison(p, e);
    if (tarn_str_is(class, "BOUND_OPERATOR")) return print_operator(p, e);
    if (tarn_str_is(class, "BOUND_BETWEEN")) return print_between(p, e);
    if (tarn_str_is(class, "BOUND_CASE")) return print_case(p, e);
    if (tarn_str_is(class, "BOUND_FUNCTION")) return print_function(p, e);
    if (tarn_str_is(class, "BOUND_CAST"))
        return print_cast(p, tarn_json_get(e, "child"), tarn_json_get(e, "return_type"),
                          tarn_json_as_bool(tarn_json_get(e, "try_cast"), false));
    if (!tarn_str_is(class, "BOUND_CONJUNCTION")) return false;
    tarn_buf_puts(&p->out, "(");
    bool known = print_list(p, tarn_json_get(e, "children"), 0, is(e, "type", "CONJUNCTION_AND") ? " AND " : " OR ");
    tarn_buf_puts(&p->out, ")");
    return known;
}

static bool print(printer *p, json *e) {
    if (!e || p->depth >= DEPTH_MAX) return false;
    p->depth++;
    bool known = print_known(p, e);
    p->depth--;
    return known;
}

const char *tarn_bound_sql(tarn_cx *cx, const tarn_bound_scan *scan, json *expr, const bool *allowed, bool *used) {
    printer p = {.cx = cx, .scan = scan, .allowed = allowed, .used = used, .out = TARN_BUF(TEXT_MAX)};
    bool known = allowed && print(&p, expr) && p.columns > 0 && tarn_buf_ok(&p.out);
    char *sql = known ? tarn_buf_take(&p.out, cx->arena) : NULL;
    tarn_buf_free(&p.out);
    return sql;
}
