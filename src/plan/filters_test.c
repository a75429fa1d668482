/* filters_test.c: the filters of DuckDB's plans, as DuckDB prints them, become the predicates they stand for. */
#include "plan/filters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/conf.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_conf *conf;
    tarn_type *schema; /* id BIGINT, day DATE, at TIMESTAMPTZ, name VARCHAR, st STRUCT(a INTEGER), d DOUBLE */
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    assert_int_equal(tarn_type_from_duckdb(&f->cx, f->cx.arena,
                                           TARN_LIT("STRUCT(id BIGINT, \"day\" DATE, \"at\" TIMESTAMP WITH TIME ZONE, "
                                                    "\"name\" VARCHAR, st STRUCT(a INTEGER), d DOUBLE)"),
                                           &f->schema),
                     TARN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

#define GET "{\"type\":\"LOGICAL_GET\",\"children\":[],\"function_data\":{\"table\":\"s0\"},\"projection_ids\":[],"
#define COLUMNS "\"column_indexes\":[{\"index\":3},{\"index\":0}],"
#define PLAN(node) "{\"error\":false,\"plans\":[" node "]}"
#define BIGINT(v) "{\"type\":{\"id\":\"BIGINT\"},\"is_null\":false,\"value\":" v "}"
#define CONSTANT(v) "{\"expression_class\":\"BOUND_CONSTANT\",\"value\":" v "}"
#define REF(i) "{\"expression_class\":\"BOUND_REF\",\"type\":\"BOUND_REF\",\"index\":" i "}"
#define CMP(op, l, r)                                                                                                  \
    "{\"expression_class\":\"BOUND_COMPARISON\",\"type\":\"COMPARE_" op "\",\"left\":" l ",\"right\":" r "}"
#define FILTERS(list) "\"table_filters\":{\"filters\":[" list "]}}"
#define ON(column, filter) "{\"key\":" column ",\"value\":" filter "}"
#define COMPARED(op, v)                                                                                                \
    "{\"filter_type\":\"CONSTANT_COMPARISON\",\"comparison_type\":\"COMPARE_" op "\",\"constant\":" v "}"

/* The filter of shell s0 as text; "" for none, NULL when the plan cannot be used. */
static const char *filter_of(fixture *f, const char *plan) {
    tarn_shell shell = {.table = "s0", .schema = f->schema};
    tarn_buf out = TARN_BUF(4096);
    if (!tarn_plan_filters(&f->cx, tarn_str_of(plan), &shell, 1)) return NULL;
    if (!shell.scanned || !shell.filter) return "";
    tarn_expr_print(&out, shell.filter, f->schema);
    const char *text = tarn_buf_take(&out, f->cx.arena);
    tarn_buf_free(&out);
    return text;
}

static void test_pushed(void **state) {
    fixture *f = *state;
    assert_string_equal(filter_of(f, PLAN(GET COLUMNS FILTERS(ON("0", COMPARED("EQUAL", BIGINT("5")))))), "id = 5");
    const char *both = PLAN(GET COLUMNS FILTERS(ON("0", COMPARED("GREATERTHAN", BIGINT("1"))) "," ON(
        "4", "{\"filter_type\":\"STRUCT_EXTRACT\",\"child_name\":\"a\",\"child_filter\":" COMPARED(
                 "LESSTHAN", "{\"type\":{\"id\":\"INTEGER\"},\"is_null\":false,\"value\":9}") "}")));
    assert_string_equal(filter_of(f, both), "(id > 1 AND st.a < 9)");
    const char *in = PLAN(GET COLUMNS FILTERS(ON(
        "0", "{\"filter_type\":\"OPTIONAL_FILTER\",\"child_filter\":{\"filter_type\":\"IN_FILTER\",\"values\":[" BIGINT(
                 "7") "," BIGINT("3") "]}}")));
    assert_string_equal(filter_of(f, in), "id IN (3, 7)");
}

/* A LOGICAL_FILTER speaks of the scan's output columns: 0 is `name`, 1 is `id` here. */
static void test_filter_above(void **state) {
    fixture *f = *state;
    const char *plan =
        PLAN("{\"type\":\"LOGICAL_FILTER\",\"expressions\":[{\"expression_class\":\"BOUND_CONJUNCTION\",\"type\":"
             "\"CONJUNCTION_OR\",\"children\":[" CMP("EQUAL", REF("1"), CONSTANT(BIGINT("3"))) "," CMP(
                 "EQUAL", CONSTANT("{\"type\":{\"id\":\"VARCHAR\"},\"is_null\":false,\"value\":\"x\"}"),
                 REF("0")) "]}],\"children\":[" GET COLUMNS FILTERS("") "]}");
    assert_string_equal(filter_of(f, plan), "(id = 3 OR name = 'x')");
}

/* What is not understood never narrows: alone it is no filter, beside AND it leaves the other side, beside OR it takes
 * it. */
static void test_unknown(void **state) {
    fixture *f = *state;
    const char *and = PLAN(GET COLUMNS FILTERS(
        ON("0", "{\"filter_type\":\"CONJUNCTION_AND\",\"child_filters\":[{\"filter_type\":\"NEW_KIND\"}," COMPARED(
                    "EQUAL", BIGINT("5")) "]}")));
    const char * or
        = PLAN(GET COLUMNS FILTERS(
            ON("0", "{\"filter_type\":\"CONJUNCTION_OR\",\"child_filters\":[{\"filter_type\":\"NEW_KIND\"}," COMPARED(
                        "EQUAL", BIGINT("5")) "]}")));
    assert_non_null(strstr(filter_of(f, and), "id = 5"));
    assert_string_equal(filter_of(f, or), "(? OR id = 5)");
    assert_null(filter_of(f, "{\"error\":true,\"error_message\":\"x\"}"));
    assert_null(filter_of(f, "no json"));
    assert_string_equal(filter_of(f, PLAN("{\"type\":\"LOGICAL_EMPTY_RESULT\",\"children\":[]}")), "");
}

/* A table scanned twice needs what either scan needs. */
static void test_two_scans(void **state) {
    fixture *f = *state;
    const char *plan = PLAN("{\"type\":\"LOGICAL_UNION\",\"children\":[" GET COLUMNS FILTERS(
        ON("0", COMPARED("EQUAL", BIGINT("1")))) "," GET COLUMNS FILTERS(ON("0", COMPARED("EQUAL", BIGINT("2")))) "]}");
    assert_string_equal(filter_of(f, plan), "(id = 1 OR id = 2)");
}

/* Only casts that keep the order of values exactly are taken off; a BIGINT as DOUBLE is not. */
static void test_casts(void **state) {
    fixture *f = *state;
#define CAST_FILTER(column, from, to, constant)                                                                        \
    PLAN(GET COLUMNS FILTERS(                                                                                          \
        ON(column, "{\"filter_type\":\"EXPRESSION_FILTER\",\"expr\":" CMP(                                             \
                       "GREATERTHAN",                                                                                  \
                       "{\"expression_class\":\"BOUND_CAST\",\"return_type\":{\"id\":\"" to "\"},\"child\":{"          \
                       "\"expression_class\":\"BOUND_REF\",\"index\":0,\"return_type\":{\"id\":\"" from "\"}}}",       \
                       CONSTANT("{\"type\":{\"id\":\"" to "\"},\"is_null\":false,\"value\":" constant "}")) "}")))
    assert_null(strstr(filter_of(f, CAST_FILTER("0", "BIGINT", "DOUBLE", "5.5")), "id"));
    assert_non_null(strstr(filter_of(f, CAST_FILTER("1", "DATE", "TIMESTAMP", "86400000000000")), "day >= "));
}

#define CALL(name, args)                                                                                               \
    "{\"expression_class\":\"BOUND_FUNCTION\",\"type\":\"BOUND_FUNCTION\",\"catalog_name\":\"system\",\"name\":"       \
    "\"" name "\",\"children\":[" args "]}"
#define ABOVE(expressions, get) "{\"type\":\"LOGICAL_FILTER\",\"expressions\":[" expressions "],\"children\":[" get "]}"
#define SCAN GET "\"column_indexes\":[{\"index\":1},{\"index\":0}]," FILTERS("")
#define YEAR_IS(year) CMP("EQUAL", CALL("year", REF("0")), CONSTANT(BIGINT(year)))

/* What is said of the day alone, as SQL, where the day is constant in each file; "" for nothing. */
static const char *over_day(fixture *f, const char *plan) {
    static const bool constant[6] = {[1] = true};
    tarn_shell shell = {.table = "s0", .schema = f->schema, .constant = constant};
    assert_true(tarn_plan_filters(&f->cx, tarn_str_of(plan), &shell, 1));
    return shell.over_constants ? shell.over_constants : "";
}

static void test_constants(void **state) {
    fixture *f = *state;
    assert_string_equal(over_day(f, PLAN(ABOVE(YEAR_IS("2026"), SCAN))), "(\"year\"(\"day\") = 2026::BIGINT)");
    /* Another column, a column and another, no column, a function that is none of its arguments alone. */
    assert_string_equal(over_day(f, PLAN(ABOVE(CMP("EQUAL", CALL("abs", REF("1")), CONSTANT(BIGINT("5"))), SCAN))), "");
    assert_string_equal(
        over_day(f, PLAN(ABOVE(CMP("EQUAL", CALL("f", REF("0") "," REF("1")), CONSTANT(BIGINT("5"))), SCAN))), "");
    assert_string_equal(
        over_day(f, PLAN(ABOVE(CMP("EQUAL", CALL("abs", CONSTANT(BIGINT("5"))), CONSTANT(BIGINT("5"))), SCAN))), "");
    assert_string_equal(over_day(f, PLAN(ABOVE(CMP("EQUAL", CALL("random", REF("0")), CONSTANT(BIGINT("5"))), SCAN))),
                        "");
    /* What pruning knows needs no evaluation. */
    assert_string_equal(over_day(f, PLAN(ABOVE(CMP("EQUAL", REF("0"), CONSTANT(BIGINT("5"))), SCAN))), "");
    /* Two scans: the files of both; one that says nothing needs all. */
    assert_string_equal(over_day(f, PLAN(ABOVE(YEAR_IS("1"), SCAN) "," ABOVE(YEAR_IS("2"), SCAN))),
                        "((\"year\"(\"day\") = 1::BIGINT)) OR ((\"year\"(\"day\") = 2::BIGINT))");
    assert_string_equal(over_day(f, PLAN(ABOVE(YEAR_IS("1"), SCAN) "," SCAN "," ABOVE(YEAR_IS("2"), SCAN))), "");
    assert_string_equal(over_day(f, PLAN(SCAN "," ABOVE(YEAR_IS("2"), SCAN))), "");
}

static bool unread(fixture *f, const char *plan) {
    tarn_shell shell = {.table = "s0", .schema = f->schema};
    assert_true(tarn_plan_filters(&f->cx, tarn_str_of(plan), &shell, 1));
    return shell.unread;
}

static void test_unread(void **state) {
    fixture *f = *state;
    assert_true(unread(f, PLAN("{\"type\":\"LOGICAL_EMPTY_RESULT\"}")));
    assert_false(unread(f, PLAN("{\"type\":\"LOGICAL_EMPTY_RESULT\"}," SCAN)));
    assert_false(unread(f, PLAN("{\"type\":\"LOGICAL_EMPTY_RESULT\",\"somewhere\":\"s0\"}")));
    assert_false(unread(f, PLAN("{\"type\":\"LOGICAL_DUMMY_SCAN\"}")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pushed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter_above, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_scans, setup, teardown),
        cmocka_unit_test_setup_teardown(test_casts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_constants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unread, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
