/* parse_clauses.c: the clauses of CREATE TABLE after its columns, in any order. */
#include "sql/parse.h"

static tarn_str whole_text(const tarn_cursor *c) { return (tarn_str){c->tokens->text, c->tokens->n_text}; }
static size_t place(const tarn_cursor *c) { return c->tokens->tokens.at[c->i].at; }

static tarn_code fail_twice(tarn_cx *cx, const tarn_cursor *at, const char *what) {
    return tarn_fail_at(cx, TARN_INVALID, whole_text(at), place(at), "%s is given twice", what);
}

static tarn_code parse_text_clause(tarn_cx *cx, tarn_cursor *c, const tarn_cursor *at, const char *what,
                                   const char **out) {
    if (*out) return fail_twice(cx, at, what);
    tarn_accept(c, "=");
    return tarn_parse_string(cx, c, out);
}

/* USING delta, STORED AS PARQUET: a format by its lower-case name. */
static tarn_code parse_format(tarn_cx *cx, tarn_cursor *c, const tarn_cursor *at, tarn_table_def *def) {
    const char *name = NULL;
    if (def->using_format) return fail_twice(cx, at, "the format");
    TRY(tarn_parse_path(cx, c, &name));
    char *lower = tarn_arena_strdup(cx->arena, name);
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p += 'a' - 'A';
    def->using_format = lower;
    return TARN_OK;
}

/* CLUSTER BY (a, b), CLUSTER BY a, b. */
static tarn_code parse_cluster(tarn_cx *cx, tarn_cursor *c, const tarn_cursor *at, tarn_table_def *def) {
    if (def->cluster_by.n) return fail_twice(cx, at, "CLUSTER BY");
    if (tarn_peek(c, "(")) {
        TRY(tarn_parse_names(cx, c, &def->cluster_by));
    } else {
        do {
            const char *name = NULL;
            TRY(tarn_parse_path(cx, c, &name));
            *TARN_PUSH(cx->arena, &def->cluster_by) = name;
        } while (tarn_accept(c, ","));
    }
    if (!tarn_peek(c, "INTO|SORTED BY")) return TARN_OK;
    return tarn_fail_at(cx, TARN_UNSUPPORTED, whole_text(c), place(c),
                        "Hive buckets are not supported; use PARTITIONED BY (bucket(n, column))");
}

/* Settings of other systems that are spelled as clauses: kept as properties under their own names. */
static const struct word_property {
    const char *word, *key;
} word_properties[] = {
    {"CHANGE_TRACKING", "change_tracking"},
    {"ENABLE_SCHEMA_EVOLUTION", "enable_schema_evolution"},
    {"DATA_RETENTION_TIME_IN_DAYS", "data_retention_time_in_days"},
};

static tarn_code parse_word_property(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def, bool *found) {
    *found = false;
    for (size_t i = 0; i < sizeof word_properties / sizeof *word_properties && !*found; i++) {
        tarn_option_pair pair = {.key = word_properties[i].key, .at = place(c)};
        if (!tarn_accept(c, word_properties[i].word)) continue;
        TRY(tarn_expect(cx, c, "="));
        TRY(tarn_parse_literal(cx, c, &pair.value));
        *TARN_PUSH(cx->arena, &def->properties) = pair;
        *found = true;
    }
    return TARN_OK;
}

/* The query is all that is left: DuckDB has the last word on it. */
static tarn_code parse_as(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    if (!tarn_peek(c, "SELECT|WITH|FROM|VALUES|TABLE|PIVOT|UNPIVOT|(")) return tarn_unexpected(cx, c, "a query");
    TRY(tarn_parse_extent(cx, c, ";", "a query", &def->as_select));
    return tarn_at_end(c) ? TARN_OK : tarn_unexpected(cx, c, "the end of the query");
}

static tarn_code parse_clause(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    tarn_cursor at = *c;
    bool found;
    if (tarn_accept(c, "USING|STORED AS")) return parse_format(cx, c, &at, def);
    if (tarn_accept(c, "PARTITIONED BY|PARTITION BY")) {
        if (def->partition_by.n) return fail_twice(cx, &at, "PARTITIONED BY");
        return tarn_parse_partition_items(cx, c, def);
    }
    if (tarn_accept(c, "CLUSTER BY|CLUSTERED BY")) return parse_cluster(cx, c, &at, def);
    if (tarn_accept(c, "LOCATION")) return parse_text_clause(cx, c, &at, "LOCATION", &def->location);
    if (tarn_accept(c, "COMMENT")) return parse_text_clause(cx, c, &at, "COMMENT", &def->comment);
    if (tarn_accept(c, "TBLPROPERTIES|OPTIONS|WITH")) {
        return tarn_peek(c, "(") ? tarn_parse_options(cx, c, &def->properties)
                                 : tarn_unexpected(cx, c, "( and options");
    }
    TRY(parse_word_property(cx, c, def, &found));
    return found ? TARN_OK
                 : tarn_unexpected(cx, c,
                                   "USING, PARTITIONED BY, CLUSTER BY, LOCATION, COMMENT, TBLPROPERTIES, AS or the end "
                                   "of the statement");
}

tarn_code tarn_parse_table_clauses(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    while (!tarn_at_end(c)) {
        if (tarn_accept(c, "AS")) return parse_as(cx, c, def);
        TRY(parse_clause(cx, c, def));
    }
    return TARN_OK;
}
