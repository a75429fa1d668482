/* parse_test.c: words, names, extents, options, types, table definitions and time travel as statements meet them. */
#include "sql/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static tarn_conf *conf;

typedef struct fixture {
    tarn_cx cx;
    tarn_tokens tokens;
    tarn_cursor c;
} fixture;

static int set_up(void **state) {
    *state = calloc(1, sizeof(fixture));
    return *state && (conf = tarn_conf_defaults()) ? 0 : 1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    if (f->cx.arena) tarn_cx_done(&f->cx);
    free(f);
    tarn_conf_free(conf);
    return 0;
}

/* A cursor at the start of `text`. */
static fixture *on(void **state, const char *text) {
    fixture *f = *state;
    if (f->cx.arena) tarn_cx_done(&f->cx);
    tarn_cx_init(&f->cx, conf);
    if (tarn_lex(&f->cx, tarn_str_of(text), &f->tokens) != TARN_OK) fail_msg("%s: %s", text, f->cx.error.message);
    f->c = (tarn_cursor){&f->tokens, 0};
    return f;
}

#define OK(f, call)                                                                                                    \
    do {                                                                                                               \
        if ((call) != TARN_OK)                                                                                         \
            fail_msg("%s (%d:%d)", (f)->cx.error.message, (f)->cx.error.line, (f)->cx.error.column);                   \
    } while (0)

static void check_str(tarn_str found, const char *expected) {
    if (!tarn_str_is(found, expected)) fail_msg("\"%.*s\" is not \"%s\"", (int)found.n, found.p, expected);
}

static void test_words(void **state) {
    fixture *f = on(state, "Partitioned By (`by`) ;");
    assert_false(tarn_accept(&f->c, "PARTITION|PARTITIONED BY ["));
    f = on(state, "Partitioned By (`by`) ;");
    assert_true(tarn_accept(&f->c, "PARTITION BY|PARTITIONED|PARTITIONED BY"));
    assert_true(tarn_accept(&f->c, "("));
    assert_false(tarn_peek(&f->c, "BY"));
    assert_int_equal(tarn_expect(&f->cx, &f->c, "A|B C"), TARN_INVALID);
    assert_string_equal(f->cx.error.message, "expected A or B C, found `by`");
    assert_int_equal(f->cx.error.column, 17);
    f->c.i += 2;
    assert_true(tarn_at_end(&f->c));
    OK(f, tarn_expect_end(&f->cx, &f->c));
    assert_int_equal(tarn_expect(&f->cx, &f->c, "X"), TARN_INVALID);
    assert_string_equal(f->cx.error.message, "expected X, found the end of the statement");
}

static void test_names(void **state) {
    tarn_name name;
    fixture *f = on(state, "a . \"b\"\"c\".`d` rest");
    OK(f, tarn_parse_name(&f->cx, &f->c, &name));
    assert_int_equal(name.n_parts, 3);
    assert_string_equal(name.part[1], "b\"c");
    assert_true(name.quoted[2] && !name.quoted[0]);
    assert_int_equal(name.n, strlen("a . \"b\"\"c\".`d`"));
    assert_null(name.path);
    f = on(state, "delta.`s3://x/y`");
    OK(f, tarn_parse_name(&f->cx, &f->c, &name));
    assert_int_equal(name.n_parts, 1);
    assert_string_equal(name.path, "s3://x/y");
    static const char *const wrong[] = {"a.b.c.d.e", "a.", "1", "``", "'a'", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f = on(state, wrong[i]);
        assert_int_equal(tarn_parse_name(&f->cx, &f->c, &name), TARN_INVALID);
    }
}

static void test_literals(void **state) {
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"'it''s'", "it's"},
        {"E'a\\n\\x41\\101\\'\\q'", "a\nAA'q"},
        {"$x$a'b$x$", "a'b"},
        {"-1.5", "-1.5"},
        {"+ 3", "+ 3"},
        {"TRUE", "TRUE"},
        {"a.b", "a.b"},
        {"['x', (1)]", "['x', (1)]"},
        {"ARRAY['a']", "ARRAY['a']"},
        {"null", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture *f = on(state, cases[i].text);
        const char *value = "";
        OK(f, tarn_parse_literal(&f->cx, &f->c, &value));
        if (cases[i].value)
            assert_string_equal(value, cases[i].value);
        else
            assert_null(value);
        assert_true(tarn_at_end(&f->c));
    }
    static const char *const wrong[] = {"", ",", "(1", "[(])", "- x", "E'\\xff'", "E'a\\0b'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fixture *f = on(state, wrong[i]);
        const char *value;
        assert_int_equal(tarn_parse_literal(&f->cx, &f->c, &value), TARN_INVALID);
    }
    int64_t n;
    fixture *f = on(state, "- 9_223_372_036_854_775_808 9223372036854775808 1.5");
    OK(f, tarn_parse_int(&f->cx, &f->c, &n));
    assert_true(n == INT64_MIN);
    assert_int_equal(tarn_parse_int(&f->cx, &f->c, &n), TARN_INVALID);
    f->c.i++;
    assert_int_equal(tarn_parse_int(&f->cx, &f->c, &n), TARN_INVALID);
}

static void test_extents(void **state) {
    tarn_str text;
    fixture *f = on(state, "CASE WHEN a THEN (b, c) ELSE when_ END = x.when + [1, 2][1] WHEN MATCHED");
    OK(f, tarn_parse_extent(&f->cx, &f->c, "WHEN|,", "a condition", &text));
    check_str(text, "CASE WHEN a THEN (b, c) ELSE when_ END = x.when + [1, 2][1]");
    assert_true(tarn_peek(&f->c, "WHEN MATCHED"));
    f = on(state, " (a) ) b");
    OK(f, tarn_parse_extent(&f->cx, &f->c, ";", "x", &text));
    check_str(text, "(a)");
    f = on(state, "( f(')') -- )\n ) x");
    OK(f, tarn_parse_parens(&f->cx, &f->c, "x", &text));
    check_str(text, "f(')')");
    assert_true(tarn_peek(&f->c, "X"));
    f = on(state, ", a");
    assert_int_equal(tarn_parse_extent(&f->cx, &f->c, ",", "a value", &text), TARN_INVALID);
    f = on(state, "()");
    assert_int_equal(tarn_parse_parens(&f->cx, &f->c, "a value", &text), TARN_INVALID);
    f = on(state, "a + (b");
    assert_int_equal(tarn_parse_extent(&f->cx, &f->c, ",", "a value", &text), TARN_INVALID);
    f = on(state, "-f(1)::DECIMAL(10,2) || INTERVAL '1' DAY AT TIME ZONE 'UTC' alias");
    OK(f, tarn_parse_operand(&f->cx, &f->c, false, "a value", &text));
    assert_true(tarn_peek(&f->c, "ALIAS"));
}

static void test_options(void **state) {
    tarn_option_pairs options = {0};
    fixture *f = on(state, "('a.b' = 'c', d.e = 5, f = true, 'g' NULL) x");
    assert_int_equal(tarn_parse_options(&f->cx, &f->c, &options), TARN_INVALID);
    options = (tarn_option_pairs){0};
    f = on(state, "('a.b' = 'c', d.e = -5, f => true, 'g' = NULL, h 'i') x");
    OK(f, tarn_parse_options(&f->cx, &f->c, &options));
    assert_int_equal(options.n, 5);
    assert_string_equal(tarn_option_get(&options, "A.B"), "c");
    assert_string_equal(tarn_option_get(&options, "d.e"), "-5");
    assert_null(options.at[3].value);
    assert_null(tarn_option_get(&options, "zzz"));
    assert_true(tarn_peek(&f->c, "X"));
    options = (tarn_option_pairs){0};
    f = on(state, "(TYPE = PARQUET COMPRESSION = SNAPPY)");
    OK(f, tarn_parse_options(&f->cx, &f->c, &options));
    assert_string_equal(tarn_option_get(&options, "compression"), "SNAPPY");
    options = (tarn_option_pairs){0};
    f = on(state, "(a = 1, 'a' = 2)");
    assert_int_equal(tarn_parse_options(&f->cx, &f->c, &options), TARN_INVALID);
    assert_int_equal(f->cx.error.column, 9);
    tarn_names names = {0};
    f = on(state, "('a.b', c.d)");
    OK(f, tarn_parse_keys(&f->cx, &f->c, &names));
    assert_string_equal(names.at[1], "c.d");
}

static void test_types(void **state) {
    static const struct {
        const char *text, *spark;
    } cases[] = {
        {"STRING", "string"},
        {"varchar(10)", "string"},
        {"Double Precision", "double"},
        {"FLOAT", "float"},
        {"BYTE", "tinyint"},
        {"NUMERIC", "decimal(10,0)"},
        {"DECIMAL(18, 2)", "decimal(18,2)"},
        {"NUMBER", "decimal(38,0)"},
        {"TIMESTAMP", "timestamp"},
        {"TIMESTAMP(3)", "timestamp"},
        {"TIMESTAMP WITHOUT TIME ZONE", "timestamp_ntz"},
        {"TIMESTAMP WITH LOCAL TIME ZONE", "timestamp"},
        {"DATETIME", "timestamp_ntz"},
        {"BYTES", "binary"},
        {"ARRAY", "array<string>"},
        {"INT[]", "array<int>"},
        {"INT[] ARRAY", "array<array<int>>"},
        {"ARRAY<ARRAY<MAP<STRING, LIST<INT>>>>", "array<array<map<string,array<int>>>>"},
        {"MAP(VARCHAR, BIGINT[])", "map<string,array<bigint>>"},
        {"STRUCT<a: INT NOT NULL COMMENT 'x', b ARRAY<STRUCT<c: DATE>>>", NULL},
        {"ROW(a INT, \"b c\" STRING)", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture *f = on(state, cases[i].text);
        tarn_type *type;
        OK(f, tarn_parse_type(&f->cx, &f->c, f->cx.arena, &type));
        assert_true(tarn_at_end(&f->c));
        tarn_buf text = TARN_BUF(1000);
        tarn_type_sql(&text, type);
        if (cases[i].spark)
            assert_string_equal(text.data, cases[i].spark);
        else
            assert_int_equal(type->n_fields, 2);
        tarn_buf_free(&text);
    }
    fixture *f = on(state, "STRUCT<a: INT NOT NULL COMMENT 'x', b: ARRAY<INT>> COMMENT");
    tarn_type *type;
    OK(f, tarn_parse_type(&f->cx, &f->c, f->cx.arena, &type));
    assert_false(type->fields[0].nullable);
    assert_string_equal(type->fields[0].comment, "x");
    assert_true(tarn_peek(&f->c, "COMMENT"));
    f = on(state, "TIMESTAMP DECIMAL");
    OK(f, tarn_parse_query_type(&f->cx, &f->c, f->cx.arena, &type));
    assert_int_equal(type->kind, TARN_TIMESTAMP_NTZ);
    OK(f, tarn_parse_query_type(&f->cx, &f->c, f->cx.arena, &type));
    assert_int_equal(type->scale, 3);
}

static void test_wrong_types(void **state) {
    static const struct {
        const char *text;
        tarn_code code;
        int column;
    } cases[] = {
        {"UBIGINT", TARN_UNSUPPORTED, 1},
        {"ARRAY<HUGEINT>", TARN_UNSUPPORTED, 7},
        {"INTERVAL", TARN_UNSUPPORTED, 1},
        {"FLOAT[3]", TARN_UNSUPPORTED, 7},
        {"foo", TARN_INVALID, 1},
        {"\"INT\"", TARN_INVALID, 1},
        {"DECIMAL(39)", TARN_INVALID, 9},
        {"DECIMAL(2,3)", TARN_INVALID, 9},
        {"ARRAY<INT>>", TARN_INVALID, 10},
        {"MAP<INT>", TARN_INVALID, 8},
        {"STRUCT<>", TARN_INVALID, 7},
        {"ARRAY<INT", TARN_INVALID, 10},
        {"MAP<ARRAY<INT>>", TARN_INVALID, 14},
        {"STRUCT<a: INT, A: INT>", TARN_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture *f = on(state, cases[i].text);
        tarn_type *type;
        tarn_code code = tarn_parse_type(&f->cx, &f->c, f->cx.arena, &type);
        if (code != cases[i].code || f->cx.error.column != cases[i].column)
            fail_msg("%s: %s at %d", cases[i].text, f->cx.error.message, f->cx.error.column);
        assert_int_equal(f->c.i, 0);
    }
    tarn_buf deep = TARN_BUF(1 << 20);
    for (int i = 0; i < 20000; i++) tarn_buf_puts(&deep, "ARRAY<");
    fixture *f = on(state, deep.data);
    tarn_type *type;
    assert_int_equal(tarn_parse_type(&f->cx, &f->c, f->cx.arena, &type), TARN_LIMIT);
    tarn_buf_clear(&deep);
    tarn_buf_puts(&deep, "INT");
    for (int i = 0; i < 20000; i++) tarn_buf_puts(&deep, "[]");
    f = on(state, deep.data);
    assert_int_equal(tarn_parse_type(&f->cx, &f->c, f->cx.arena, &type), TARN_LIMIT);
    tarn_buf_free(&deep);
}

static void test_columns(void **state) {
    fixture *f = on(state, "(id BIGINT GENERATED BY DEFAULT AS IDENTITY (START WITH 5 INCREMENT BY 2), timestamp "
                           "TIMESTAMP DEFAULT CURRENT_TIMESTAMP() COMMENT 'when',"
                           " n INT NOT NULL DEFAULT NULL CHECK (n > 0), m INT GENERATED ALWAYS AS (n + 1) STORED, "
                           "check STRING, CONSTRAINT c CHECK (n < (5)),"
                           " k STRING CONSTRAINT kk NOT NULL REFERENCES o (x), CONSTRAINT pk PRIMARY KEY (id, K) NOT "
                           "ENFORCED, FOREIGN KEY (n) REFERENCES a.b (c),"
                           " WATERMARK FOR timestamp AS timestamp - INTERVAL '5' SECOND) rest");
    tarn_table_def def = {0};
    OK(f, tarn_parse_columns(&f->cx, &f->c, &def));
    assert_true(tarn_peek(&f->c, "REST"));
    assert_int_equal(def.fields.n, 6);
    const tarn_field *fields = def.fields.at;
    assert_false(fields[0].nullable);
    assert_string_equal(fields[1].default_sql, "CURRENT_TIMESTAMP()");
    assert_string_equal(fields[1].comment, "when");
    assert_string_equal(fields[2].default_sql, "NULL");
    assert_false(fields[2].nullable);
    assert_string_equal(fields[3].generated_sql, "n + 1");
    assert_string_equal(fields[4].name, "check");
    assert_false(fields[5].nullable);
    assert_int_equal(def.checks.n, 2);
    assert_null(def.checks.at[0].key);
    assert_string_equal(def.checks.at[1].key, "c");
    assert_string_equal(def.checks.at[1].value, "n < (5)");
    assert_int_equal(def.primary_key.n, 2);
    assert_string_equal(def.properties.at[0].value, "timestamp - INTERVAL '5' SECOND");
    static const char *const wrong[] = {"(a)",
                                        "()",
                                        "(a INT,)",
                                        "(a INT b)",
                                        "(a.b INT)",
                                        "(a INT UNIQUE)",
                                        "(a INT, PRIMARY KEY (b))",
                                        "(a INT DEFAULT)",
                                        "(a STRING GENERATED ALWAYS AS IDENTITY)",
                                        "(a INT",
                                        "(a INT PRIMARY KEY ENFORCED)",
                                        "(a INT CHECK ())",
                                        "(a INT GENERATED ALWAYS AS IDENTITY (INCREMENT BY 0))",
                                        "(a INT DEFAULT 1 GENERATED ALWAYS AS (2))"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f = on(state, wrong[i]);
        def = (tarn_table_def){0};
        if (tarn_parse_columns(&f->cx, &f->c, &def) == TARN_OK) fail_msg("%s was taken", wrong[i]);
        assert_true(f->cx.error.line == 1);
    }
}

static void test_clauses(void **state) {
    fixture *f = on(state, "COMMENT = 'c' USING Delta PARTITIONED BY (a, days(b), bucket(16, c), truncate(d, 4) AS e, "
                           "year INT, DATE_TRUNC(f, MONTH), identity(g))"
                           " CLUSTER BY (h, i.j) LOCATION 's3://x' TBLPROPERTIES ('p' = 'q') OPTIONS (r = 1) "
                           "CHANGE_TRACKING = TRUE AS SELECT 1, (2) ;");
    tarn_table_def def = {0};
    OK(f, tarn_parse_table_clauses(&f->cx, &f->c, &def));
    OK(f, tarn_expect_end(&f->cx, &f->c));
    assert_string_equal(def.comment, "c");
    assert_string_equal(def.using_format, "delta");
    assert_string_equal(def.location, "s3://x");
    check_str(def.as_select, "SELECT 1, (2)");
    assert_int_equal(def.properties.n, 3);
    assert_string_equal(tarn_option_get(&def.properties, "change_tracking"), "TRUE");
    assert_string_equal(def.cluster_by.at[1], "i.j");
    assert_int_equal(def.partition_by.n, 7);
    const tarn_partition_item *items = def.partition_by.at;
    assert_null(items[0].transform);
    assert_string_equal(items[1].transform, "days");
    assert_true(items[2].param == 16 && strcmp(items[2].column, "c") == 0);
    assert_true(items[3].param == 4 && strcmp(items[3].transform, "truncate") == 0 && strcmp(items[3].as, "e") == 0);
    assert_int_equal(items[4].type->kind, TARN_INT32);
    assert_string_equal(items[5].transform, "months");
    assert_string_equal(items[6].column, "g");
    f = on(state, "PARTITION BY feature_date COMMENT 'x' STORED AS PARQUET WITH ('connector' = 'kafka')");
    def = (tarn_table_def){0};
    OK(f, tarn_parse_table_clauses(&f->cx, &f->c, &def));
    assert_string_equal(def.partition_by.at[0].column, "feature_date");
    assert_null(def.partition_by.at[0].type);
    assert_string_equal(def.using_format, "parquet");
    assert_null(def.as_select.p);
    static const char *const wrong[] = {"USING",
                                        "USING delta USING delta",
                                        "LOCATION x",
                                        "PARTITIONED BY (days())",
                                        "PARTITIONED BY (bucket(0, a))",
                                        "AS",
                                        "FOO",
                                        "PARTITIONED BY (foo(a))",
                                        "PARTITIONED BY (a) PARTITIONED BY (b)",
                                        "TBLPROPERTIES",
                                        "AS 1",
                                        "CLUSTERED BY (a) INTO 4 BUCKETS",
                                        "PARTITIONED BY (bucket(a, a))",
                                        "PARTITIONED BY (date_trunc(a, fortnight))"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f = on(state, wrong[i]);
        def = (tarn_table_def){0};
        if (tarn_parse_table_clauses(&f->cx, &f->c, &def) == TARN_OK) fail_msg("%s was taken", wrong[i]);
    }
}

static void test_travel(void **state) {
    static const struct {
        const char *text, *expr;
        char kind;
    } cases[] = {
        {"VERSION AS OF 3 x", "3", 'v'},
        {"FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01' x", "TIMESTAMP '2026-01-01'", 't'},
        {"AT (VERSION => 'a' || 'b') x", "'a' || 'b'", 'v'},
        {"at(timestamp => f(1, 2)) x", "f(1, 2)", 't'},
        {"TIMESTAMP AS OF CAST(a AS TIMESTAMP) - INTERVAL (3) HOURS x", "CAST(a AS TIMESTAMP) - INTERVAL (3) HOURS",
         't'},
        {"x", "", 0},
        {"VERSION x", "", 0},
        {"AT TIME ZONE", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture *f = on(state, cases[i].text);
        tarn_travel travel;
        OK(f, tarn_parse_travel(&f->cx, &f->c, &travel));
        assert_int_equal(travel.kind, cases[i].kind);
        if (travel.kind)
            assert_true(tarn_peek(&f->c, "X"));
        else
            assert_int_equal(f->c.i, 0);
        check_str(travel.expr, cases[i].expr);
    }
    static const char *const names[] = {"delta.`/a@v`",    "delta.`/a@v1x`", "delta.`/a@2026`",
                                        "parquet.`/a@v1`", "`/a@v1`",        "delta.`s3://k@h/a`"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture *f = on(state, names[i]);
        tarn_name name;
        tarn_travel travel;
        OK(f, tarn_parse_name(&f->cx, &f->c, &name));
        OK(f, tarn_name_travel(&f->cx, &name, &travel));
        assert_int_equal(travel.kind, 0);
        assert_non_null(strchr(name.path, '@'));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),       cmocka_unit_test(test_names),   cmocka_unit_test(test_literals),
        cmocka_unit_test(test_extents),     cmocka_unit_test(test_options), cmocka_unit_test(test_types),
        cmocka_unit_test(test_wrong_types), cmocka_unit_test(test_columns), cmocka_unit_test(test_clauses),
        cmocka_unit_test(test_travel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
