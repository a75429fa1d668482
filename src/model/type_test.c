/* type_test.c: DuckDB's type texts both ways, hostile ones refused; names, copies and Spark's text. */
#include "model/type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    tarn_conf *conf;
    tarn_cx cx;
    tarn_buf out;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    f->out = TARN_BUF(1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tarn_buf_free(&f->out);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

static tarn_type *parse(fixture *f, const char *text) {
    tarn_type *type = NULL;
    if (tarn_type_from_duckdb(&f->cx, f->cx.arena, tarn_str_of(text), &type) != TARN_OK)
        fail_msg("%s: %s", text, f->cx.error.message);
    return type;
}

static const char *duckdb_text(fixture *f, const tarn_type *type) {
    tarn_buf_clear(&f->out);
    tarn_type_duckdb(&f->out, type);
    return f->out.data;
}

static const char *spark_text(fixture *f, const tarn_type *type) {
    tarn_buf_clear(&f->out);
    tarn_type_sql(&f->out, type);
    return f->out.data;
}

static void test_round_trip(void **state) {
    fixture *f = *state;
    static const struct {
        const char *text, *printed, *spark;
    } cases[] = {
        {"BOOLEAN", "BOOLEAN", "boolean"},
        {"TINYINT", "TINYINT", "tinyint"},
        {"SMALLINT", "SMALLINT", "smallint"},
        {"INTEGER", "INTEGER", "int"},
        {" bigint ", "BIGINT", "bigint"},
        {"FLOAT", "FLOAT", "float"},
        {"DOUBLE", "DOUBLE", "double"},
        {"DECIMAL(10,2)", "DECIMAL(10,2)", "decimal(10,2)"},
        {"DECIMAL(38, 38)", "DECIMAL(38,38)", "decimal(38,38)"},
        {"DECIMAL(5)", "DECIMAL(5,0)", "decimal(5,0)"},
        {"DECIMAL", "DECIMAL(18,3)", "decimal(18,3)"},
        {"DATE", "DATE", "date"},
        {"TIME", "TIME", "time"},
        {"TIMESTAMP", "TIMESTAMP", "timestamp_ntz"},
        {"TIMESTAMP_S", "TIMESTAMP", "timestamp_ntz"},
        {"TIMESTAMP_MS", "TIMESTAMP", "timestamp_ntz"},
        {"TIMESTAMP_NS", "TIMESTAMP_NS", "timestamp_ntz_ns"},
        {"TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE", "timestamp"},
        {"TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "timestamp"},
        {"TIMESTAMP WITH TIME ZONE[]", "TIMESTAMP WITH TIME ZONE[]", "array<timestamp>"},
        {"VARCHAR", "VARCHAR", "string"},
        {"JSON", "VARCHAR", "string"},
        {"BLOB", "BLOB", "binary"},
        {"UUID", "UUID", "uuid"},
        {"VARIANT", "VARIANT", "variant"},
        {"\"NULL\"", "\"NULL\"", "void"},
        {"INTEGER[]", "INTEGER[]", "array<int>"},
        {"INTEGER[3][]", "INTEGER[][]", "array<array<int>>"},
        {"MAP(VARCHAR, DECIMAL(4,1)[])", "MAP(VARCHAR, DECIMAL(4,1)[])", "map<string,array<decimal(4,1)>>"},
        {"STRUCT(a INTEGER, \"b c\" VARCHAR)", "STRUCT(\"a\" INTEGER, \"b c\" VARCHAR)", "struct<a:int,`b c`:string>"},
        {"STRUCT(\"q\"\"q\" INTEGER, \"\"\"\" DATE)[]", "STRUCT(\"q\"\"q\" INTEGER, \"\"\"\" DATE)[]",
         "array<struct<`q\"q`:int,`\"`:date>>"},
        {"STRUCT(\"a`b\" STRUCT(\"struct\" MAP(DATE, TIME)))", "STRUCT(\"a`b\" STRUCT(\"struct\" MAP(DATE, TIME)))",
         "struct<`a``b`:struct<struct:map<date,time>>>"},
        {"STRUCT(größe BIGINT)", "STRUCT(\"größe\" BIGINT)", "struct<`größe`:bigint>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_type *type = parse(f, cases[i].text);
        assert_string_equal(duckdb_text(f, type), cases[i].printed);
        assert_string_equal(spark_text(f, type), cases[i].spark);
        assert_true(tarn_type_eq(type, parse(f, cases[i].printed)) || strstr(cases[i].text, "TIMESTAMP_NS"));
    }
}

static void test_unsupported(void **state) {
    fixture *f = *state;
    static const char *const cases[][2] = {
        {"HUGEINT", "CAST(x AS DECIMAL(38,0))"},
        {"UBIGINT", "CAST(x AS DECIMAL(20,0))"},
        {"UINTEGER", "CAST(x AS BIGINT)"},
        {"USMALLINT", "CAST(x AS INTEGER)"},
        {"UTINYINT", "CAST(x AS SMALLINT)"},
        {"INTERVAL", "CAST(x AS VARCHAR)"},
        {"BIT", "CAST(x AS VARCHAR)"},
        {"ENUM('a', 'b')", "CAST(x AS VARCHAR)"},
        {"TIME WITH TIME ZONE", "TIME WITH TIME ZONE; use CAST(x AS VARCHAR)"},
        {"UNION(a INTEGER)", "CAST(x AS VARCHAR)"},
        {"STRUCT(a UBIGINT[])", "UBIGINT"},
        {"my_type", "my_type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_type *type = NULL;
        assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena, tarn_str_of(cases[i][0]), &type), TARN_UNSUPPORTED);
        assert_non_null(strstr(f->cx.error.message, cases[i][1]));
        assert_null(type);
    }
}

static void test_bad_text(void **state) {
    fixture *f = *state;
    static const char *const cases[] = {
        "",
        " ",
        "(",
        ")",
        "[]",
        "INTEGER[",
        "INTEGER[-1]",
        "INTEGER[99999999999]",
        "INTEGER]",
        "INTEGER x",
        "DECIMAL(",
        "DECIMAL()",
        "DECIMAL(0,0)",
        "DECIMAL(39,0)",
        "DECIMAL(5,6)",
        "DECIMAL(5,-1)",
        "DECIMAL(5,1",
        "STRUCT",
        "STRUCT()",
        "STRUCT(a)",
        "STRUCT(a INTEGER",
        "STRUCT(a INTEGER,)",
        "STRUCT(\"a INTEGER)",
        "STRUCT(\"a\"\" INTEGER)",
        "MAP",
        "MAP(INTEGER)",
        "MAP(INTEGER, DATE",
        "\"",
        "\"\"\"",
        "TIMESTAMP WITH",
        "TIMESTAMP WITH TIME",
        "STRUCT(INTEGER, DATE)",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_type *type = NULL;
        assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena, tarn_str_of(cases[i]), &type), TARN_INVALID);
        assert_null(type);
    }
    tarn_type *type = NULL;
    assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena, (tarn_str){NULL, 0}, &type), TARN_INVALID);
    assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena, TARN_LIT("STRUCT(\"a\0b\" DATE)"), &type),
                     TARN_INVALID);
    assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena, TARN_LIT("DATE\0"), &type), TARN_INVALID);
}

/* n times `open`, then INTEGER, then n times `close`. */
static tarn_code parse_deep(fixture *f, int n, const char *open, const char *close) {
    tarn_type *type = NULL;
    tarn_buf_clear(&f->out);
    for (int i = 0; i < n; i++) tarn_buf_puts(&f->out, open);
    tarn_buf_puts(&f->out, "INTEGER");
    for (int i = 0; i < n; i++) tarn_buf_puts(&f->out, close);
    return tarn_type_from_duckdb(&f->cx, f->cx.arena, (tarn_str){f->out.data, f->out.n}, &type);
}

static void test_depth(void **state) {
    fixture *f = *state;
    assert_int_equal(parse_deep(f, 64, "STRUCT(a ", ")"), TARN_OK);
    assert_int_equal(parse_deep(f, 65, "STRUCT(a ", ")"), TARN_UNSUPPORTED);
    assert_int_equal(parse_deep(f, 64, "", "[]"), TARN_OK);
    assert_int_equal(parse_deep(f, 65, "", "[]"), TARN_UNSUPPORTED);
    assert_int_equal(parse_deep(f, 32, "STRUCT(a ", ")[]"), TARN_OK);
    assert_int_equal(parse_deep(f, 33, "STRUCT(a ", ")[]"), TARN_UNSUPPORTED);
    assert_int_equal(parse_deep(f, 50000, "MAP(INTEGER, ", ")"), TARN_UNSUPPORTED);
    assert_int_equal(parse_deep(f, 100000, "", "[]"), TARN_UNSUPPORTED);
}

/* Cut and changed texts are answered, never crashed on; what is accepted prints to what is accepted again. */
static void test_mutations(void **state) {
    fixture *f = *state;
    const char *seed_text =
        "STRUCT(a INTEGER, \"b \"\"c\" MAP(VARCHAR, DECIMAL(10,2)[3]), t TIMESTAMP WITH TIME ZONE[])[]";
    static const char bytes[] = "()[],\" aD1\xff";
    unsigned rng = 20261121;
    int accepted = 0;
    for (int round = 0; round < 20000; round++) {
        char text[128];
        size_t n = strlen(seed_text);
        memcpy(text, seed_text, n);
        for (int k = 0; k < 1 + round % 3; k++) {
            rng = rng * 1664525u + 1013904223u;
            text[(rng >> 8) % n] = bytes[(rng >> 24) % (sizeof bytes - 1)];
        }
        if (round % 4 == 0) n = (rng >> 4) % n;
        tarn_arena *arena = tarn_arena_new();
        tarn_type *type, *again;
        if (tarn_type_from_duckdb(&f->cx, arena, (tarn_str){text, n}, &type) == TARN_OK) {
            accepted++;
            duckdb_text(f, type);
            assert_int_equal(tarn_type_from_duckdb(&f->cx, arena, (tarn_str){f->out.data, f->out.n}, &again), TARN_OK);
            assert_true(tarn_type_eq(type, again));
        }
        tarn_arena_free(arena);
    }
    assert_true(accepted > 100);
}

static void test_limit(void **state) {
    fixture *f = *state;
    assert_int_equal(tarn_conf_set(&f->cx, f->conf, TARN_LIT("limit.columns"), TARN_LIT("3"), TARN_FROM_SET), TARN_OK);
    tarn_type *type = NULL, *ok = parse(f, "STRUCT(a DATE, b STRUCT(c DATE))");
    assert_int_equal(tarn_schema_check(&f->cx, ok), TARN_OK);
    assert_int_equal(
        tarn_type_from_duckdb(&f->cx, f->cx.arena, TARN_LIT("STRUCT(a DATE, b STRUCT(c DATE, d DATE))"), &type),
        TARN_LIMIT);
    assert_int_equal(tarn_conf_set(&f->cx, f->conf, TARN_LIT("limit.columns"), TARN_LIT("2"), TARN_FROM_SET), TARN_OK);
    assert_int_equal(tarn_schema_check(&f->cx, ok), TARN_LIMIT);
    assert_non_null(strstr(f->cx.error.message, "limit.columns"));
}

static void test_names(void **state) {
    fixture *f = *state;
    tarn_type *s = parse(f, "STRUCT(id BIGINT, ID2 DATE, Id DATE, \"Größe\" STRUCT(\"x.y\" STRUCT(z INTEGER), x "
                            "STRUCT(w DATE)), \"a.b\" DATE)");
    assert_int_equal(tarn_schema_find(s, TARN_LIT("Id")), 2);
    assert_int_equal(tarn_schema_find(s, TARN_LIT("ID")), 0);
    assert_int_equal(tarn_schema_find(s, TARN_LIT("GRÖßE")), 3);
    assert_int_equal(tarn_schema_find(s, TARN_LIT("i")), -1);
    assert_int_equal(tarn_schema_find(s, TARN_LIT("id\0")), -1);
    assert_int_equal(tarn_schema_find(s, (tarn_str){NULL, 0}), -1);
    assert_string_equal(tarn_schema_path(s, TARN_LIT("größe.x.y.z"))->name, "z");
    assert_string_equal(tarn_schema_path(s, TARN_LIT("größe.X.W"))->name, "w");
    assert_string_equal(tarn_schema_path(s, TARN_LIT("a.b"))->name, "a.b");
    assert_string_equal(tarn_schema_path(s, TARN_LIT("Größe.x"))->name, "x");
    assert_null(tarn_schema_path(s, TARN_LIT("größe.x.z")));
    assert_null(tarn_schema_path(s, TARN_LIT("id.x")));
    assert_null(tarn_schema_path(s, TARN_LIT(".id")));
    assert_null(tarn_schema_path(s, TARN_LIT("...")));
}

static void test_tell_apart(void **state) {
    fixture *f = *state;
    static const char *const told[][2] = {{"a", "a"},       {"A", "A_1"}, {"a_1", "a_1_1"}, {"A_1", "A_1_2"},
                                          {"b_1", "b_1"},   {"b", "b"},   {"B", "B_1_1"},   {"B", "B_2"},
                                          {"B", "B_3"},     {"É", "É"},   {"é", "é"},       {"a", "a_2"},
                                          {"A_2", "A_2_1"}, {"c", "c"},   {"C", "C_1"},     {"C_1", "C_1_1"},
                                          {"c", "c_2"},     {"", ""},     {"", "_1"}}; /* as DuckDB's reader of Parquet
                                                                                          files has them */
    enum { N = sizeof told / sizeof *told };
    const char *names[N];
    for (size_t i = 0; i < N; i++) names[i] = told[i][0];
    tarn_names_tell_apart(f->cx.arena, names, N);
    for (size_t i = 0; i < N; i++) assert_string_equal(names[i], told[i][1]);
    assert_ptr_equal(names[0], told[0][0]);
}

static void test_check(void **state) {
    fixture *f = *state;
    assert_int_equal(
        tarn_schema_check(&f->cx,
                          parse(f, "STRUCT(a DATE, b STRUCT(a DATE, b MAP(DATE, DATE)), \"Ä\" DATE, \"Ö\" DATE)")),
        TARN_OK);
    assert_int_equal(tarn_schema_check(&f->cx, parse(f, "STRUCT(ab DATE, aB DATE)")), TARN_INVALID);
    assert_non_null(strstr(f->cx.error.message, "aB"));
    assert_int_equal(tarn_schema_check(&f->cx, parse(f, "STRUCT(\"Ä\" DATE, \"Ö\" DATE, \"ä\" DATE)")), TARN_INVALID);
    assert_int_equal(tarn_schema_check(&f->cx, parse(f, "STRUCT(a STRUCT(x DATE, X DATE)[])")), TARN_INVALID);
    assert_int_equal(tarn_schema_check(&f->cx, parse(f, "STRUCT(\"\" DATE)")), TARN_INVALID);
}

static void test_copy(void **state) {
    fixture *f = *state;
    tarn_type *s = parse(f, "STRUCT(a DECIMAL(10,2), b STRUCT(c DATE[]))");
    tarn_meta meta[] = {{"k", "1"}};
    s->fields[0].comment = "why";
    s->fields[0].physical = "col-1";
    s->fields[0].default_sql = "1";
    s->fields[0].meta = meta;
    s->fields[0].n_meta = 1;
    tarn_arena *arena = tarn_arena_new();
    tarn_type *copy = tarn_type_copy(arena, s);
    assert_true(tarn_type_eq(s, copy));
    assert_ptr_not_equal(copy->fields[0].name, s->fields[0].name);
    assert_string_equal(copy->fields[0].comment, "why");
    assert_string_equal(copy->fields[0].physical, "col-1");
    assert_string_equal(copy->fields[0].default_sql, "1");
    assert_null(copy->fields[0].generated_sql);
    assert_string_equal(copy->fields[0].meta[0].json, "1");
    assert_ptr_not_equal(copy->fields[0].meta, meta);
    copy->fields[1].id = 7;
    assert_false(tarn_type_eq(s, copy));
    copy->fields[1].id = -1;
    copy->fields[1].nullable = false;
    assert_false(tarn_type_eq(s, copy));
    tarn_arena_free(arena);
    assert_false(tarn_type_eq(parse(f, "DECIMAL(10,2)"), parse(f, "DECIMAL(10,3)")));
    assert_false(tarn_type_eq(parse(f, "STRUCT(a DATE)"), parse(f, "STRUCT(b DATE)")));
    assert_false(tarn_type_eq(parse(f, "DATE[]"), parse(f, "TIME[]")));
    assert_true(tarn_type_nested(s) && !tarn_type_nested(s->fields[0].type));
    assert_string_equal(tarn_kind_name(TARN_MAP), "map");
    assert_string_equal(tarn_kind_name((tarn_kind)1000), "unknown");
}

static void test_of_query(void **state) {
    fixture *f = *state;
    tarn_type *type;
    static const char *const foreign[] = {"STRUCT(a INTEGER, b UBIGINT)", "STRUCT(b ENUM('x', 'it''s)', '\"'))[]",
                                          "MAP(VARCHAR, UNION(\"a)\" INTEGER, b STRUCT(c UTINYINT)))",
                                          "STRUCT(a INTERVAL, b TIME WITH TIME ZONE)"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena, tarn_str_of(foreign[i]), &type), TARN_UNSUPPORTED);
        assert_int_equal(tarn_type_of_query(&f->cx, f->cx.arena, tarn_str_of(foreign[i]), &type), TARN_OK);
        tarn_buf_clear(&f->out);
        tarn_type_duckdb(&f->out, type);
        tarn_type *again;
        assert_int_equal(tarn_type_of_query(&f->cx, f->cx.arena, tarn_str_of(f->out.data), &again), TARN_OK);
        tarn_field column = {.name = "s", .type = type, .id = -1};
        tarn_schema schema = {.kind = TARN_STRUCT, .fields = &column, .n_fields = 1};
        assert_int_equal(tarn_schema_check(&f->cx, &schema), TARN_UNSUPPORTED);
        assert_non_null(strstr(f->cx.error.message, "column s: "));
    }
    assert_int_equal(tarn_type_of_query(&f->cx, f->cx.arena, TARN_LIT("ENUM('x"), &type), TARN_OK);
    assert_int_equal(type->kind, TARN_FOREIGN);
    assert_int_equal(tarn_type_of_query(&f->cx, f->cx.arena, TARN_LIT("STRUCT(a UBIGINT"), &type), TARN_INVALID);
    assert_int_equal(tarn_type_of_query(&f->cx, f->cx.arena, TARN_LIT("ENUM('x')) y"), &type), TARN_INVALID);
}

/* The annotation comes from a file anybody may have written. */
static void test_length(void **state) {
    fixture *f = *state;
    static const struct {
        const char *json;
        int64_t length;
        bool pads;
    } cases[] = {{"\"varchar(3)\"", 3, false},
                 {"\"char(10)\"", 10, true},
                 {"\"varchar(0)\"", 0, false},
                 {"\"varchar(-1)\"", 0, false},
                 {"\"varchar(99999999999999999999)\"", 0, false},
                 {"\"varchar(\"", 0, false},
                 {"\"varchar(3", 3, false},
                 {"\"array<varchar(3)>\"", 0, false},
                 {"\"\"", 0, false},
                 {"7", 0, false},
                 {"", 0, false}};
    tarn_type text = {.kind = TARN_STRING}, number = {.kind = TARN_INT32};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_meta meta[] = {{"other", "1"}, {TARN_META_LENGTH, cases[i].json}};
        tarn_field field = {.name = "a", .type = &text, .meta = meta, .n_meta = 2};
        int64_t length = 0;
        bool pads = false;
        assert_int_equal(tarn_field_length(&field, &length, &pads), cases[i].length > 0);
        if (cases[i].length) assert_true(length == cases[i].length && pads == cases[i].pads);
        field.type = &number;
        assert_false(tarn_field_length(&field, &length, &pads));
    }
    tarn_field field = {.name = "a", .type = &text};
    tarn_field_set_length(f->cx.arena, &field, 5, false);
    tarn_field_set_length(f->cx.arena, &field, 7, true);
    assert_int_equal(field.n_meta, 1);
    assert_string_equal(field.meta[0].json, "\"char(7)\"");
    tarn_buf_clear(&f->out);
    tarn_field_sql(&f->out, &field);
    assert_string_equal(f->out.data, "char(7)");
    tarn_field_set_length(f->cx.arena, &field, 0, false);
    assert_int_equal(field.n_meta, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsupported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mutations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tell_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_length, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
