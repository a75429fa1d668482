/* merge_parse.c: the clauses of MERGE. */
#include "stmt/dml/merge.h"

static tarn_code parse_source(tarn_cx *cx, tarn_cursor *c, tarn_merge *m) {
    tarn_name name = {0};
    size_t from = c->tokens->tokens.at[c->i].at;
    if (tarn_peek(c, "(")) {
        tarn_str inside;
        TRY(tarn_parse_parens(cx, c, "the source", &inside));
    } else {
        tarn_travel travel;
        TRY(tarn_parse_name(cx, c, &name));
        if (tarn_peek(c, "(")) { /* a table function: range(3), read_parquet('x') */
            tarn_str arguments;
            TRY(tarn_parse_parens(cx, c, "the arguments", &arguments));
        }
        TRY(tarn_parse_travel(cx, c, &travel));
    }
    const tarn_token *last = &c->tokens->tokens.at[c->i - 1];
    m->source = (tarn_str){c->tokens->text + from, last->at + last->n - from};
    if (name.n_parts || name.path) {
        TRY(tarn_stmt_alias(cx, c, &name, "ON", &m->source_alias));
    } else {
        (void)tarn_accept(c, "AS");
        if (tarn_peek(c, "ON"))
            m->source_alias = "source";
        else
            TRY(tarn_parse_ident(cx, c, &m->source_alias));
    }
    if (!tarn_peek(c, "(")) return TARN_OK;
    return tarn_parse_parens(cx, c, "the source's columns", &m->source_columns);
}

static tarn_code parse_insert(tarn_cx *cx, tarn_cursor *c, tarn_merge_clause *clause) {
    tarn_names names = {0};
    clause->action = TARN_ACTION_INSERT;
    if (tarn_accept(c, "*") || tarn_accept(c, "ROW")) {
        clause->star = true;
        return TARN_OK;
    }
    if (tarn_peek(c, "(")) TRY(tarn_parse_names(cx, c, &names));
    TRY(tarn_expect(cx, c, "VALUES"));
    size_t begin = c->tokens->tokens.at[c->i].at, n = 0;
    TRY(tarn_expect(cx, c, "("));
    do {
        tarn_assignment *a = TARN_PUSH(cx->arena, &clause->set);
        TRY(tarn_parse_extent(cx, c, ",|)", "a value", &a->value));
        a->column.n_parts = 1;
        a->column.part[0] = n < names.n ? names.at[n] : NULL;
        n++;
    } while (tarn_accept(c, ","));
    TRY(tarn_expect(cx, c, ")"));
    if (!names.n || names.n == n) return TARN_OK;
    return tarn_fail_at(cx, TARN_INVALID, (tarn_str){c->tokens->text, c->tokens->n_text}, begin,
                        "INSERT names %zu column%s, VALUES gives %zu", names.n, names.n == 1 ? "" : "s", n);
}

static tarn_code parse_action(tarn_cx *cx, tarn_cursor *c, tarn_merge_clause *clause) {
    if (clause->kind == TARN_NOT_MATCHED) {
        TRY(tarn_expect(cx, c, "INSERT"));
        return parse_insert(cx, c, clause);
    }
    if (tarn_accept(c, "DELETE")) {
        clause->action = TARN_ACTION_DELETE;
        return TARN_OK;
    }
    TRY(tarn_expect(cx, c, "UPDATE SET"));
    clause->action = TARN_ACTION_UPDATE;
    if (clause->kind == TARN_MATCHED && tarn_accept(c, "*")) {
        clause->star = true;
        return TARN_OK;
    }
    return tarn_parse_assignments(cx, c, "WHEN|OPTIONS|;", &clause->set);
}

static tarn_code parse_clause(tarn_cx *cx, tarn_cursor *c, tarn_merge *m) {
    tarn_merge_clause *clause = TARN_PUSH(cx->arena, &m->clauses);
    if (tarn_accept(c, "MATCHED"))
        clause->kind = TARN_MATCHED;
    else if (tarn_accept(c, "NOT MATCHED BY SOURCE"))
        clause->kind = TARN_NOT_MATCHED_BY_SOURCE;
    else if (tarn_accept(c, "NOT MATCHED BY TARGET") || tarn_accept(c, "NOT MATCHED"))
        clause->kind = TARN_NOT_MATCHED;
    else
        return tarn_unexpected(cx, c, "MATCHED, NOT MATCHED or NOT MATCHED BY SOURCE");
    if (tarn_accept(c, "AND")) TRY(tarn_parse_extent(cx, c, "THEN", "a condition", &clause->condition));
    TRY(tarn_expect(cx, c, "THEN"));
    return parse_action(cx, c, clause);
}

/* A clause after one of its kind that takes every row was meant for something: DuckDB and Spark refuse it too. */
static tarn_code check_reachable(tarn_cx *cx, const tarn_cursor *c, const tarn_merge *m) {
    static const char *const kinds[] = {[TARN_MATCHED] = "MATCHED",
                                        [TARN_NOT_MATCHED] = "NOT MATCHED",
                                        [TARN_NOT_MATCHED_BY_SOURCE] = "NOT MATCHED BY SOURCE"};
    const tarn_merge_clause *last = &m->clauses.at[m->clauses.n - 1];
    for (size_t i = 0; i + 1 < m->clauses.n; i++) {
        const tarn_merge_clause *earlier = &m->clauses.at[i];
        if (earlier->kind == last->kind && !earlier->condition.p)
            return tarn_fail_at(cx, TARN_INVALID, (tarn_str){c->tokens->text, c->tokens->n_text},
                                c->tokens->tokens.at[c->i - 1].at,
                                "this clause is never reached: an earlier WHEN %s has no condition", kinds[last->kind]);
    }
    return TARN_OK;
}

tarn_code tarn_merge_parse(tarn_cx *cx, tarn_cursor *c, tarn_merge *m) {
    TRY(tarn_parse_name(cx, c, &m->table));
    TRY(tarn_stmt_alias(cx, c, &m->table, "USING", &m->alias));
    TRY(tarn_expect(cx, c, "USING"));
    TRY(parse_source(cx, c, m));
    TRY(tarn_expect(cx, c, "ON"));
    TRY(tarn_parse_extent(cx, c, "WHEN", "a condition", &m->on));
    while (tarn_accept(c, "WHEN")) {
        tarn_cursor when = *c;
        TRY(parse_clause(cx, c, m));
        TRY(check_reachable(cx, &when, m));
    }
    if (!m->clauses.n) return tarn_unexpected(cx, c, "WHEN MATCHED or WHEN NOT MATCHED");
    bool evolve = m->options.merge_schema;
    TRY(tarn_stmt_options(cx, c, &m->options));
    m->options.merge_schema = m->options.merge_schema || evolve;
    return tarn_expect_end(cx, c);
}
