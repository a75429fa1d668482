/* changes.c: the table functions over a table's history: table_changes('t', from[, to]), which gives rows by commit,
 * and table_diff('t', v1, v2), which gives what is left of all of it. */
#include "session/changes.h"

#include "session/tables.h"
#include "table/changes.h"

typedef struct arguments {
    tarn_str text; /* of all, for the functions that stand on this one */
    tarn_name table;
    tarn_at at[2];
    size_t n;
} arguments;

/* 3, '3', '2026-01-01 10:00:00', TIMESTAMP '…'. */
static tarn_code parse_point(tarn_cx *cx, tarn_cursor *c, tarn_at *out) {
    static const tarn_type instant = {.kind = TARN_TIMESTAMP};
    const char *text;
    tarn_value v;
    bool typed = tarn_accept(c, "TIMESTAMP|TIMESTAMPTZ|DATE");
    *out = (tarn_at){.kind = TARN_AT_VERSION};
    if (!typed && tarn_parse_i64(tarn_token_text(c), &out->version)) return tarn_parse_int(cx, c, &out->version);
    TRY(tarn_parse_string(cx, c, &text));
    if (!typed && tarn_parse_i64(tarn_str_of(text), &out->version)) return TARN_OK;
    if (!tarn_value_parse(tarn_str_of(text), &instant, cx->arena, &v))
        return tarn_fail(cx, TARN_INVALID, "'%s' is neither a version nor a time", text);
    *out = (tarn_at){.kind = TARN_AT_TIMESTAMP, .timestamp_us = v.i};
    return TARN_OK;
}

static tarn_code parse(tarn_cx *cx, tarn_str call, arguments *out) {
    tarn_tokens tokens, name;
    const char *table;
    *out = (arguments){0};
    TRY(tarn_lex(cx, call, &tokens));
    tarn_cursor c = {&tokens, 1};
    TRY(tarn_expect(cx, &c, "("));
    size_t first = tokens.tokens.at[c.i].at;
    TRY(tarn_parse_string(cx, &c, &table));
    while (out->n < 2 && tarn_accept(&c, ",")) TRY(parse_point(cx, &c, &out->at[out->n++]));
    out->text = (tarn_str){call.p + first, tokens.tokens.at[c.i].at - first};
    TRY(tarn_expect(cx, &c, ")"));
    TRY(tarn_expect_end(cx, &c));
    TRY(tarn_lex(cx, tarn_str_of(table), &name));
    c = (tarn_cursor){&name, 0};
    TRY(tarn_parse_name(cx, &c, &out->table));
    return tarn_expect_end(cx, &c);
}

static tarn_code open_at(tarn_cx *cx, tarn_session *s, const arguments *args, size_t i, tarn_snapshot **out) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, s, &args->table, i < args->n ? &args->at[i] : &latest, &opened));
    *out = opened.snapshot;
    return TARN_OK;
}

/* Rows that were deleted and inserted alike cancel each other out. */
static const char *net_sql(tarn_cx *cx, const arguments *args, bool commits) {
    const char *kept = commits ? "" : ", " TARN_CHANGE_VERSION ", " TARN_CHANGE_TIME;
    const char *function = commits ? "table_changes_raw" : "table_diff_raw";
    const char *last = commits ? ", " TARN_CHANGE_VERSION ", " TARN_CHANGE_TIME : "";
    const char *net =
        tarn_printf(cx,
                    "SELECT * EXCLUDE (_n, _k%s), CASE WHEN _n > 0 THEN 'insert' ELSE 'delete' END AS " TARN_CHANGE_TYPE
                    "%s FROM (SELECT *, unnest(range(abs(_n))) AS _k FROM (SELECT * EXCLUDE (" TARN_CHANGE_TYPE
                    ", " TARN_CHANGE_REWRITTEN "%s), CAST(sum(CASE " TARN_CHANGE_TYPE
                    " WHEN 'insert' THEN 1 ELSE -1 END) AS BIGINT) AS _n FROM %s(%.*s) WHERE " TARN_CHANGE_REWRITTEN
                    " GROUP BY ALL HAVING _n <> 0))",
                    last, last, kept, function, (int)args->text.n, args->text.p);
    if (!commits) return net;
    return tarn_printf(cx,
                       "SELECT * EXCLUDE (" TARN_CHANGE_REWRITTEN
                       ") FROM table_changes_raw(%.*s) WHERE NOT " TARN_CHANGE_REWRITTEN " UNION ALL %s",
                       (int)args->text.n, args->text.p, net);
}

static tarn_code give_feed(tarn_cx *cx, tarn_session *s, const arguments *args, bool raw, tarn_relation *out) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) end = NULL;
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) feed = NULL;
    bool rewritten;
    if (args->n == 0)
        return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "the change feed needs the version or time it begins at"),
                         "table_changes('t', 3) or table_changes('t', 3, 7)");
    TRY(open_at(cx, s, args, 1, &end));
    TRY(tarn_changes_feed(cx, end, &args->at[0], raw, &rewritten, &feed));
    if (rewritten && !raw) {
        *out = (tarn_relation){.kind = TARN_REL_VIEW, .sql = net_sql(cx, args, true)};
    } else {
        *out = (tarn_relation){.kind = TARN_REL_TABLE, .snapshot = feed};
        feed = NULL;
    }
    return TARN_OK;
}

static tarn_code give_difference(tarn_cx *cx, tarn_session *s, const arguments *args, bool raw, tarn_relation *out) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) from = NULL;
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) to = NULL;
    if (args->n == 0)
        return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "table_diff needs the version or time to compare with"),
                         "table_diff('t', 3) or table_diff('t', 3, 7)");
    if (!raw) {
        *out = (tarn_relation){.kind = TARN_REL_VIEW, .sql = net_sql(cx, args, false)};
        return TARN_OK;
    }
    TRY(open_at(cx, s, args, 0, &from));
    TRY(open_at(cx, s, args, 1, &to));
    *out = (tarn_relation){.kind = TARN_REL_TABLE};
    return tarn_changes_between(cx, from, to, &out->snapshot);
}

static const struct {
    const char *name;
    tarn_code (*give)(tarn_cx *cx, tarn_session *s, const arguments *args, bool raw, tarn_relation *out);
    bool raw;
} functions[] = {{"table_changes", give_feed, false},
                 {"table_changes_raw", give_feed, true},
                 {"table_diff", give_difference, false},
                 {"table_diff_raw", give_difference, true}};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

static size_t find(tarn_str function) {
    size_t i = 0;
    while (i < FUNCTIONS && !tarn_str_ieq(function, tarn_str_of(functions[i].name))) i++;
    return i;
}

bool tarn_session_is_changes(tarn_str function) { return find(function) < FUNCTIONS; }

tarn_code tarn_session_changes(tarn_cx *cx, tarn_session *s, tarn_str function, tarn_str call, tarn_relation *out) {
    size_t i = find(function);
    arguments args;
    TRY(parse(cx, call, &args));
    return functions[i].give(cx, s, &args, functions[i].raw, out);
}
