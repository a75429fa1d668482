/* dialect_test.c: foreign queries against what DuckDB is given for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sql/dialect.h"

static tarn_conf *conf;

static int set_up(void **state) {
    (void)state;
    return (conf = tarn_conf_defaults()) ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    tarn_conf_free(conf);
    return 0;
}

typedef struct pair {
    const char *in, *out;
} pair;

static void check_pairs(const pair *pairs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        tarn_query_text q;
        if (tarn_dialect_query(&cx, tarn_str_of(pairs[i].in), &q) != TARN_OK)
            fail_msg("%s: %s", pairs[i].in, cx.error.message);
        assert_string_equal(q.text.sql, pairs[i].out ? pairs[i].out : pairs[i].in);
        assert_int_equal(q.text.n, strlen(q.text.sql));
        tarn_cx_done(&cx);
    }
}

static void test_native_is_untouched(void **state) {
    (void)state;
    static const pair pairs[] = {
        {"", NULL},
        {" \n-- `a` ?\n", NULL},
        {"SELECT e'it\\'s `', $$a ? \"c\"$$, $t$ $$ $t$, 'it''s ?', \"a\"\"b\" FROM t -- `x` ?", NULL},
        {"SELECT xs[1:2], xs[:n], {'a': 1, 'b': x}, list_transform(xs, x -> x + 1), a ->> 'b' FROM t;", NULL},
        {"SELECT date_diff('day', a, b), date_add(d, INTERVAL 3 DAY), date_sub('day', a, b), date_trunc('month', day), "
         "to_timestamp(5)",
         NULL},
        {"SELECT extract(year FROM d), trim(both ' ' FROM x), substring(a from 2 for 3), x IS NOT DISTINCT FROM y FROM "
         "a.b.c AS z (q)",
         NULL},
        {"WITH size(a) AS (SELECT 1), nvl(a, b) AS MATERIALIZED (SELECT 1, 2) FROM size, nvl", NULL},
        {"SELECT a::INT[], CAST(b AS STRUCT(a INT, b MAP(VARCHAR, INT))), ARRAY[1], ARRAY(SELECT 1), $1, $2", NULL},
        {"SELECT x.size(1), size, rlike FROM regexp, a: b, read_parquet('x') p, unnest([1]) u(i) EXCEPT (SELECT 1)",
         NULL},
        {"SELECT ( [ ) } ] (", NULL},
    };
    check_pairs(pairs, sizeof pairs / sizeof *pairs);
}

static void test_tokens(void **state) {
    (void)state;
    static const pair pairs[] = {
        {"SELECT `a ``b\"` FROM `x/y.parquet`", "SELECT \"a `b\"\"\" FROM \"x/y.parquet\""},
        {"SELECT ?, ? + ?", "SELECT $1, $2 + $3"},
        {"SELECT :a + 1 WHERE x = :b", "SELECT $a + 1 WHERE x = $b"},
        {"SELECT * EXCEPT (a), t.* EXCEPT(b) FROM t", "SELECT * EXCLUDE (a), t.* EXCLUDE(b) FROM t"},
        {"SELECT xs[OFFSET(i)].p, xs[SAFE_OFFSET(0)], xs[ORDINAL(2)]", "SELECT xs[(i) + 1].p, xs[(0) + 1], xs[(2)]"},
        {"SELECT * FROM a LEFT SEMI JOIN b USING (x)", "SELECT * FROM a  SEMI JOIN b USING (x)"},
        {"a RLIKE 'x'", "a ~ ('(?s).*(?:' || 'x' || ').*')"},
        {"a NOT RLIKE (b || NVL(c, d)) AND e", "a !~ ('(?s).*(?:' || (b || coalesce(c, d)) || ').*') AND e"},
        {"CAST(x AS ARRAY<STRUCT<a: STRING, b: TIMESTAMP>>)", "CAST(x AS STRUCT(\"a\" VARCHAR, \"b\" TIMESTAMP)[])"},
        {"x::MAP<STRING, ARRAY<INT>> + CAST(y AS BYTES)", "x::MAP(VARCHAR, INTEGER[]) + CAST(y AS BLOB)"},
        {"SAFE_CAST(CASE WHEN a THEN b END AS FLOAT64)", "try_cast(CASE WHEN a THEN b END AS DOUBLE)"},
    };
    check_pairs(pairs, sizeof pairs / sizeof *pairs);
}

static void test_functions(void **state) {
    (void)state;
    static const pair pairs[] = {
        {"d >= DATEADD(day, -30, CURRENT_DATE())",
         "d >= CAST((CURRENT_DATE() + to_days(CAST(-30 AS INTEGER))) AS DATE)"},
        {"DATEADD(hour, -24, CURRENT_TIMESTAMP())", "((current_timestamp) + to_hours(CAST(-24 AS BIGINT)))"},
        {"DATE_ADD('month', n, d)", "cast_to_type((d) + to_months(CAST(n AS INTEGER)), d)"},
        {"DATEDIFF(day, MAX(a), CURRENT_DATE())", "date_diff('day', MAX(a), CURRENT_DATE())"},
        {"DATEDIFF(a, MAX(b))", "date_diff('day', CAST(MAX(b) AS DATE), CAST(a AS DATE))"},
        {"DATE_DIFF(a, b, DAY)", "date_diff('day', b, a)"},
        {"date_add(d, -3), date_sub(d, n), date_sub(d, INTERVAL 1 DAY)",
         "(CAST(d AS DATE) + (-3)), (CAST(d AS DATE) - CAST(n AS INTEGER)), cast_to_type((d) - INTERVAL 1 DAY, d)"},
        {"DATE_TRUNC(ts, MONTH), DATE_TRUNC(week, ts)", "date_trunc('month', ts), date_trunc('week', ts)"},
        {"to_timestamp(s, 'yyyy-MM-dd''T''HH:mm:ss.SSS')",
         "CAST(strptime(CAST(s AS VARCHAR), '%Y-%m-%dT%H:%M:%S.%g') AS TIMESTAMPTZ)"},
        {"to_date(s, 'DD.MM.YYYY HH24:MI')", "CAST(strptime(CAST(s AS VARCHAR), '%d.%m.%Y %H:%M') AS DATE)"},
        {"date_parse(s, '%Y-%m-%d %H:%i:%s')", "strptime(s, '%Y-%m-%d %H:%M:%S')"},
        {"ARRAY_AGG(DISTINCT x) WITHIN GROUP (ORDER BY x)", "list(DISTINCT x ORDER BY x) FILTER (WHERE x IS NOT NULL)"},
        {"LISTAGG(x, ',') WITHIN GROUP (ORDER BY y DESC)", "string_agg(x, ',' ORDER BY y DESC)"},
        {"collect_list(x) OVER (), collect_set(DISTINCT x)",
         "list(x) FILTER (WHERE x IS NOT NULL) OVER (), list(DISTINCT x) FILTER (WHERE x IS NOT NULL)"},
        {"IFF(NVL(a, b), size(c), explode(d))", "if(coalesce(a, b), len(c), unnest(d))"},
        {"TUMBLE_END(ts, INTERVAL '5' MINUTE)",
         "(time_bucket(INTERVAL '5' MINUTE, ts, TIMESTAMP '1970-01-01') + INTERVAL '5' MINUTE)"},
        {"DATEADD(day, ?, DATEADD(hour, ?, ?))",
         "(((($3) + to_hours(CAST($2 AS BIGINT)))) + to_days(CAST($1 AS INTEGER)))"},
        {"nvl(a, /* , */ (b, c)[1]) -- nvl(", "coalesce(a, /* , */ (b, c)[1]) -- nvl("},
    };
    check_pairs(pairs, sizeof pairs / sizeof *pairs);
}

typedef struct ref_case {
    const char *in, *out;
    int n_parts; /* of the first reference */
    const char *part, *path, *expr, *call;
    char kind;
} ref_case;

static void check_text(const char *found, const char *expected) {
    if (expected)
        assert_string_equal(found, expected);
    else
        assert_null(found);
}

static void test_refs(void **state) {
    (void)state;
    static const ref_case cases[] = {
        {"SELECT * FROM s.t VERSION AS OF 3", "SELECT * FROM \"tarn$1\" AS \"t\"", 2, "s", NULL, "3", NULL, 'v'},
        {"SELECT * FROM t AS x TIMESTAMP AS OF '2026-01-01' WHERE a", "SELECT * FROM \"tarn$1\" AS x WHERE a", 1, "t",
         NULL, "'2026-01-01'", NULL, 't'},
        {"SELECT * FROM t FOR SYSTEM_TIME AS OF now() - INTERVAL 1 DAY x (a, b), y",
         "SELECT * FROM \"tarn$1\" AS x (a, b), y", 1, "t", NULL, "now() - INTERVAL 1 DAY", NULL, 't'},
        {"FROM t AT(TIMESTAMP => DATEADD(hour, ?, CURRENT_TIMESTAMP()))x WHERE a = ?",
         "FROM \"tarn$1\" AS x WHERE a = $2", 1, "t", NULL, "((current_timestamp) + to_hours(CAST($1 AS BIGINT)))",
         NULL, 't'},
        {"SELECT 1 FROM t AT (OFFSET => -60)", "SELECT 1 FROM \"tarn$1\" AS \"t\"", 1, "t", NULL,
         "now() + to_seconds(-60)", NULL, 't'},
        {"SELECT * FROM a JOIN delta.`/x/y@v7` z ON a.i = z.i", "SELECT * FROM a JOIN \"tarn$1\" AS z ON a.i = z.i", 1,
         "delta", "/x/y", "7", NULL, 'v'},
        {"SELECT * FROM a, delta.\"s3://b/c@20260131000000000\"", "SELECT * FROM a, \"tarn$1\"", 1, "delta", "s3://b/c",
         "'2026-01-31 00:00:00.000'", NULL, 't'},
        {"SELECT * FROM c.s.t.files f", "SELECT * FROM \"tarn$1\" AS f", 4, "c", NULL, NULL, NULL, 0},
        {"SUMMARIZE c.s.t.files", "SUMMARIZE \"tarn$1\"", 4, "c", NULL, NULL, NULL, 0},
        {"SELECT * FROM table_changes('t', ?, `b`) WHERE x IN (SELECT ? FROM u)",
         "SELECT * FROM \"tarn$1\" AS \"table_changes\" WHERE x IN (SELECT $2 FROM u)", 1, "table_changes", NULL, NULL,
         "table_changes('t', $1, \"b\")", 0},
        {"SELECT * FROM (a VERSION AS OF 1 JOIN b ON [1, 2] = c), d",
         "SELECT * FROM (\"tarn$1\" AS \"a\" JOIN b ON [1, 2] = c), d", 1, "a", NULL, "1", NULL, 'v'},
        {"SELECT nvl((SELECT 1 FROM t VERSION AS OF 'main'), 2)",
         "SELECT coalesce((SELECT 1 FROM \"tarn$1\" AS \"t\"), 2)", 1, "t", NULL, "'main'", NULL, 'v'},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        tarn_query_text q;
        if (tarn_dialect_query(&cx, tarn_str_of(cases[i].in), &q) != TARN_OK)
            fail_msg("%s: %s", cases[i].in, cx.error.message);
        assert_string_equal(q.text.sql, cases[i].out);
        assert_int_equal(q.refs.n, 1);
        const tarn_foreign_ref *ref = q.refs.at;
        assert_string_equal(ref->key, "tarn$1");
        assert_int_equal(ref->name.n_parts, cases[i].n_parts);
        assert_string_equal(ref->name.part[0], cases[i].part);
        check_text(ref->name.path, cases[i].path);
        assert_int_equal(ref->travel.kind, cases[i].kind);
        check_text(ref->travel.expr.p ? tarn_arena_strndup(cx.arena, ref->travel.expr.p, ref->travel.expr.n) : NULL,
                   cases[i].expr);
        check_text(ref->call.p, cases[i].call);
        tarn_cx_done(&cx);
    }
}

static void test_origin(void **state) {
    (void)state;
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    static const char in[] = "SELECT NVL(alpha, ?), `b` FROM s.t VERSION AS OF 3 WHERE omega";
    tarn_query_text q;
    assert_int_equal(tarn_dialect_query(&cx, tarn_str_of(in), &q), TARN_OK);
    static const char *const same[] = {"SELECT", "alpha", "FROM", "WHERE", "omega"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_int_equal(tarn_text_origin(&q.text, (size_t)(strstr(q.text.sql, same[i]) - q.text.sql)),
                         strstr(in, same[i]) - in);
    assert_int_equal(tarn_text_origin(&q.text, (size_t)(strstr(q.text.sql, "lesce") - q.text.sql)),
                     strstr(in, "NVL") - in);
    assert_int_equal(tarn_text_origin(&q.text, (size_t)(strstr(q.text.sql, "tarn$1") - q.text.sql)),
                     strstr(in, "s.t") - in);
    assert_int_equal(tarn_text_origin(&q.text, q.text.n), sizeof in - 1);
    tarn_cx_done(&cx);
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *in;
        tarn_code code;
        int column;
    } cases[] = {
        {"SELECT 'a", TARN_INVALID, 8},
        {"SELECT ?, $1", TARN_INVALID, 11},
        {"SELECT $0", TARN_INVALID, 8},
        {"SELECT * FROM t VERSION AS OF", TARN_INVALID, 30},
        {"SELECT * FROM t AT (WHEN => 3)", TARN_INVALID, 21},
        {"SELECT * FROM a.b.c.d.e VERSION AS OF 1", TARN_INVALID, 23},
        {"SELECT CAST(a AS ARRAY<UBIGINT>)", TARN_UNSUPPORTED, 24},
        {"SELECT to_date(s, fmt)", TARN_UNSUPPORTED, 19},
        {"SELECT to_date(s, 'qqq')", TARN_UNSUPPORTED, 19},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        tarn_query_text q;
        assert_int_equal(tarn_dialect_query(&cx, tarn_str_of(cases[i].in), &q), cases[i].code);
        assert_int_equal(cx.error.column, cases[i].column);
        assert_non_null(strchr(cx.error.hint, '^'));
        tarn_cx_done(&cx);
    }
}

/* Calls nested in calls whose arguments are repeated must not take exponential time or memory. */
static void test_nesting(void **state) {
    (void)state;
    static const char *const parts[] = {"collect_list(", "nvl(1, collect_list(",
                                        "(SELECT 1 FROM t AT (VERSION => collect_list(", "iff(", "((("};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        tarn_buf sql = TARN_BUF(1 << 20);
        for (int k = 0; k < 5000; k++) tarn_buf_puts(&sql, parts[i]);
        tarn_buf_puts(&sql, "x");
        for (size_t k = 0; k < 5000; k++)
            for (const char *p = parts[i]; *p; p++)
                if (*p == '(') tarn_buf_putc(&sql, ')');
        tarn_query_text q;
        tarn_code code = tarn_dialect_query(&cx, (tarn_str){sql.data, sql.n}, &q);
        assert_true(code == TARN_OK || code == TARN_LIMIT || code == TARN_INVALID);
        tarn_buf_free(&sql);
        tarn_cx_done(&cx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_is_untouched),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_nesting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
