/* call.c: CALL [catalog.]system.procedure(…): the list of procedures, and their arguments, by position or by name. */
#include "stmt/call/call.h"

/* One a line: the formatter would nest them. */
/* clang-format off */
#define PROCEDURES(X) \
    X(rollback_to_snapshot) \
    X(rollback_to_timestamp) \
    X(set_current_snapshot) \
    X(fast_forward) \
    X(cherrypick_snapshot) \
    X(publish_changes) \
    X(ancestors_of) \
    X(register_view) \
    X(expire_snapshots) \
    X(remove_orphan_files) \
    X(rewrite_data_files) \
    X(rewrite_manifests) \
    X(rewrite_position_delete_files) \
    X(register_table) \
    X(add_files)
/* clang-format on */

#define DECLARE(name) extern const tarn_procedure tarn_procedure_##name;
PROCEDURES(DECLARE)

#define LIST(name) &tarn_procedure_##name,
const tarn_procedure *const tarn_procedures[] = {PROCEDURES(LIST) NULL};

static const char *kind_name(tarn_call_kind kind) {
    static const char *const names[] = {[TARN_CALL_TABLE] = "TABLE",
                                        [TARN_CALL_TEXT] = "STRING",
                                        [TARN_CALL_INT] = "BIGINT",
                                        [TARN_CALL_BOOL] = "BOOLEAN",
                                        [TARN_CALL_DOUBLE] = "DOUBLE",
                                        [TARN_CALL_TIMESTAMP] = "TIMESTAMP",
                                        [TARN_CALL_MAP] = "map('key', 'value')",
                                        [TARN_CALL_LIST] = "array(…)"};
    return names[kind];
}

char *tarn_procedure_syntax(tarn_cx *cx, const tarn_procedure *procedure) {
    tarn_auto_buf out = TARN_BUF(4096);
    tarn_buf_printf(&out, "CALL system.%s(", procedure->name);
    for (const tarn_call_param *p = procedure->params; p->name; p++)
        tarn_buf_printf(&out, "%s%s%s => %s%s", p == procedure->params ? "" : ", ", p->required ? "" : "[", p->name,
                        kind_name(p->kind), p->required ? "" : "]");
    tarn_buf_putc(&out, ')');
    return tarn_buf_take(&out, cx->arena);
}

tarn_code tarn_call_require(tarn_cx *cx, const tarn_opened *opened, uint64_t features, const char *what) {
    const tarn_table *table = opened->table;
    return tarn_prefix(cx, tarn_format_require(cx, table->format, features, what), "%s",
                       table->name ? table->name : table->location);
}

/* ARGUMENTS. */

static tarn_str whole_text(const tarn_cursor *c) { return (tarn_str){c->tokens->text, c->tokens->n_text}; }
static const tarn_token *token(const tarn_cursor *c) { return &c->tokens->tokens.at[c->i]; }

static tarn_code parse_whole_name(tarn_cx *cx, const char *text, tarn_name *out) {
    tarn_tokens *tokens = TARN_NEW(cx->arena, tarn_tokens);
    TRY(tarn_lex(cx, tarn_str_of(text), tokens));
    tarn_cursor c = {tokens, 0};
    TRY(tarn_parse_name(cx, &c, out));
    return tarn_expect_end(cx, &c);
}

static tarn_code parse_quoted_table(tarn_cx *cx, tarn_cursor *c, tarn_name *out) {
    tarn_cursor at = *c;
    const char *text;
    TRY(tarn_parse_string(cx, c, &text));
    tarn_code code = parse_whole_name(cx, text, out);
    if (code == TARN_OK) return code;
    return tarn_fail_at(cx, code, whole_text(&at), token(&at)->at, "'%s' is no table's name", text);
}

/* In a string, as other engines want it; or as it is. `catalog` is where a name without one is looked up. */
static tarn_code parse_table(tarn_cx *cx, tarn_cursor *c, const char *catalog, tarn_name *out) {
    tarn_name name;
    if (token(c)->kind == TARN_T_STRING)
        TRY(parse_quoted_table(cx, c, &name));
    else
        TRY(tarn_parse_name(cx, c, &name));
    if (catalog && !name.path && name.n_parts < 3) {
        tarn_name full = name;
        full.part[0] = catalog;
        full.part[1] = name.n_parts == 2 ? name.part[0] : "main";
        full.part[2] = name.part[name.n_parts - 1];
        full.n_parts = 3;
        name = full;
    }
    *out = name;
    return TARN_OK;
}

static tarn_code parse_bool(tarn_cx *cx, tarn_cursor *c, int64_t *out) {
    *out = tarn_peek(c, "TRUE");
    if (tarn_accept(c, "TRUE") || tarn_accept(c, "FALSE")) return TARN_OK;
    return tarn_unexpected(cx, c, "TRUE or FALSE");
}

static tarn_code parse_double(tarn_cx *cx, tarn_cursor *c, double *out) {
    tarn_cursor at = *c;
    const char *text;
    TRY(tarn_parse_literal(cx, c, &text));
    if (tarn_parse_f64(tarn_str_of(text), out)) return TARN_OK;
    return tarn_unexpected(cx, &at, "a number");
}

static tarn_code parse_instant(tarn_cx *cx, tarn_run *run, tarn_cursor *c, int64_t *us) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_travel travel = {.kind = 't'};
    tarn_plan_env env;
    tarn_at at;
    TRY(tarn_parse_extent(cx, c, ",|)", "a timestamp", &travel.expr));
    TRY(tarn_session_conn(cx, run->session, &conn));
    tarn_session_plan_env(cx, run->session, conn, &env);
    TRY(tarn_plan_at(cx, &env, &travel, &at));
    *us = at.timestamp_us;
    return TARN_OK;
}

static tarn_code parse_map(tarn_cx *cx, tarn_cursor *c, tarn_option_pairs *out) {
    TRY(tarn_expect(cx, c, "MAP"));
    bool braces = tarn_accept(c, "{");
    const char *close = braces ? "}" : ")";
    if (!braces) TRY(tarn_expect(cx, c, "("));
    if (tarn_accept(c, close)) return TARN_OK;
    do {
        tarn_option_pair *pair = TARN_PUSH(cx->arena, out);
        pair->at = token(c)->at;
        TRY(tarn_parse_string(cx, c, &pair->key));
        TRY(tarn_expect(cx, c, braces ? ":" : ","));
        TRY(tarn_parse_literal(cx, c, &pair->value));
    } while (tarn_accept(c, ","));
    return tarn_expect(cx, c, close);
}

static tarn_code parse_list(tarn_cx *cx, tarn_cursor *c, tarn_arg *out) {
    const char *close = "]";
    bool word = tarn_accept(c, "ARRAY");
    if (word && tarn_accept(c, "("))
        close = ")";
    else
        TRY(tarn_expect(cx, c, "["));
    if (tarn_accept(c, close)) return TARN_OK;
    do {
        tarn_cursor at = *c;
        const char *value;
        TRY(tarn_parse_literal(cx, c, &value));
        if (!value) return tarn_unexpected(cx, &at, "a value that is not NULL");
        *TARN_PUSH(cx->arena, &out->list) = value;
    } while (tarn_accept(c, ","));
    return tarn_expect(cx, c, close);
}

static tarn_code parse_value(tarn_cx *cx, tarn_run *run, const char *catalog, tarn_call_kind kind, tarn_arg *out) {
    tarn_cursor *c = &run->cursor;
    out->given = !tarn_accept(c, "NULL");
    if (!out->given) return TARN_OK;
    switch (kind) {
    case TARN_CALL_TABLE: return parse_table(cx, c, catalog, &out->table);
    case TARN_CALL_TEXT: return tarn_parse_string(cx, c, &out->text);
    case TARN_CALL_INT: return tarn_parse_int(cx, c, &out->n);
    case TARN_CALL_BOOL: return parse_bool(cx, c, &out->n);
    case TARN_CALL_DOUBLE: return parse_double(cx, c, &out->number);
    case TARN_CALL_TIMESTAMP: return parse_instant(cx, run, c, &out->n);
    case TARN_CALL_MAP: return parse_map(cx, c, &out->map);
    case TARN_CALL_LIST: return parse_list(cx, c, out);
    }
    return tarn_fail(cx, TARN_INTERNAL, "a parameter of an unknown kind");
}

typedef struct nearest {
    const char *wanted, *name;
    int edits;
} nearest;

static void compare(nearest *n, const char *name) {
    int edits = tarn_name_distance(n->wanted, name);
    if (edits >= n->edits) return;
    n->edits = edits;
    n->name = name;
}

static tarn_code no_parameter(tarn_cx *cx, const tarn_procedure *p, const tarn_cursor *at, const char *name) {
    tarn_auto_buf names = TARN_BUF(4096);
    nearest near = {.wanted = name, .edits = 3};
    for (const tarn_call_param *q = p->params; q->name; q++) {
        compare(&near, q->name);
        tarn_buf_printf(&names, "%s%s", q == p->params ? "" : ", ", q->name);
    }
    if (near.name)
        return tarn_fail_at(cx, TARN_INVALID, whole_text(at), token(at)->at,
                            "%s has no parameter %s; did you mean %s?", p->name, name, near.name);
    return tarn_fail_at(cx, TARN_INVALID, whole_text(at), token(at)->at, "%s has no parameter %s; it has %s", p->name,
                        name, names.data);
}

/* Which parameter the argument at the cursor is for: the one it names, or the next one. */
static tarn_code find_param(tarn_cx *cx, tarn_cursor *c, const tarn_procedure *p, size_t *next, bool *named,
                            size_t *out) {
    tarn_cursor at = *c, ahead = {c->tokens, c->i + 1};
    const char *name;
    if (!tarn_at_end(c) && tarn_accept(&ahead, "=>|:=")) {
        TRY(tarn_parse_ident(cx, c, &name));
        c->i = ahead.i;
        *named = true;
        for (*out = 0; p->params[*out].name; (*out)++)
            if (tarn_name_eq(p->params[*out].name, name)) return TARN_OK;
        return no_parameter(cx, p, &at, name);
    }
    if (*named) return tarn_unexpected(cx, c, "name => value, as for the argument before it");
    *out = (*next)++;
    if (p->params[*out].name) return TARN_OK;
    return tarn_fail_at(cx, TARN_INVALID, whole_text(c), token(c)->at, "too many arguments: %s",
                        tarn_procedure_syntax(cx, p));
}

static tarn_code parse_args(tarn_cx *cx, tarn_run *run, const tarn_procedure *p, const char *catalog, tarn_arg *args) {
    tarn_cursor *c = &run->cursor;
    bool seen[TARN_CALL_PARAMS_MAX] = {0}, named = false;
    size_t next = 0, i;
    TRY(tarn_expect(cx, c, "("));
    for (bool more = !tarn_accept(c, ")"); more;) {
        tarn_cursor at = *c;
        TRY(find_param(cx, c, p, &next, &named, &i));
        if (seen[i])
            return tarn_fail_at(cx, TARN_INVALID, whole_text(c), token(&at)->at, "%s is given twice",
                                p->params[i].name);
        seen[i] = true;
        TRY(tarn_prefix(cx, parse_value(cx, run, catalog, p->params[i].kind, &args[i]), "%s", p->params[i].name));
        more = tarn_accept(c, ",");
        if (!more) TRY(tarn_expect(cx, c, ")"));
    }
    TRY(tarn_expect_end(cx, c));
    for (i = 0; p->params[i].name; i++)
        if (p->params[i].required && !args[i].given)
            return tarn_fail(cx, TARN_INVALID, "%s is missing: %s", p->params[i].name, tarn_procedure_syntax(cx, p));
    return TARN_OK;
}

/* THE STATEMENT. */

/* What other engines have and we do not; what is to be done instead. */
static tarn_code no_such_thing(tarn_cx *cx, const char *name) {
    static const struct {
        const char *name, *why, *instead;
    } others[] = {
        {"compute_table_stats", "sketches of distinct values are not made", "SELECT approx_count_distinct(column) FROM t counts them"},
        {"compute_partition_stats", "statistics files of partitions are not written",
         "SELECT * FROM t.partitions counts them from the manifests"},
        {"rewrite_table_path", "paths are not rewritten",
         "a table whose folder was moved or copied is read where it lies: CREATE TABLE t LOCATION '…'"},
        {"create_changelog_view", "views of changes are not kept", "SELECT * FROM table_changes('t', from[, to])"},
        {"snapshot", "tables of Hive are not known", "CALL system.add_files takes a folder of Parquet files into a table"},
        {"migrate", "tables of Hive are not known", "CALL system.add_files takes a folder of Parquet files into a table"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (tarn_name_eq(name, others[i].name))
            return tarn_hint(cx, tarn_fail(cx, TARN_UNSUPPORTED, "%s: %s", others[i].name, others[i].why),
                             others[i].instead);
    return TARN_OK;
}

static tarn_code find_procedure(tarn_cx *cx, const tarn_cursor *at, const tarn_name *name, const tarn_procedure **out) {
    tarn_auto_buf names = TARN_BUF(4096);
    const char *last = name->path ? name->path : name->part[name->n_parts - 1];
    bool system = name->n_parts == 1 || (name->n_parts <= 3 && tarn_name_eq(name->part[name->n_parts - 2], "system"));
    nearest near = {.wanted = last, .edits = 3};
    for (const tarn_procedure *const *p = tarn_procedures; *p; p++) {
        if (system && !name->path && tarn_name_eq((*p)->name, last)) {
            *out = *p;
            return TARN_OK;
        }
        compare(&near, (*p)->name);
        tarn_buf_printf(&names, "%s%s", p == tarn_procedures ? "" : ", ", (*p)->name);
    }
    if (system && !name->path) TRY(no_such_thing(cx, last));
    if (near.name)
        return tarn_fail_at(cx, TARN_NOTFOUND, whole_text(at), token(at)->at,
                            "there is no procedure %.*s; did you mean system.%s?", (int)name->n,
                            at->tokens->text + name->at, near.name);
    return tarn_fail_at(cx, TARN_NOTFOUND, whole_text(at), token(at)->at, "there is no procedure %.*s; system has %s",
                        (int)name->n, at->tokens->text + name->at, names.data);
}

static tarn_code run_call(tarn_cx *cx, tarn_run *run) {
    tarn_cursor at = run->cursor;
    tarn_arg args[TARN_CALL_PARAMS_MAX] = {0};
    const tarn_procedure *procedure = NULL;
    tarn_name name;
    TRY(tarn_parse_name(cx, &run->cursor, &name));
    TRY(find_procedure(cx, &at, &name, &procedure));
    TRY(parse_args(cx, run, procedure, name.n_parts == 3 ? name.part[0] : NULL, args));
    if (!procedure->reads_only) TRY(tarn_stmt_alone(cx, run));
    return procedure->run(cx, run, args);
}

const tarn_stmt tarn_stmt_call = {
    .name = "CALL",
    .keywords = "CALL",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_call,
    .help = "CALL [catalog.]system.procedure(value, … | name => value, …)\n"
            "Runs a procedure on a table, which is named in a string or as elsewhere; HELP CALL lists the procedures.",
};
