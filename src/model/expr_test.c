/* expr_test.c: predicates share what they grow from without changing it, fold, copy and print. (That they keep their
 * meaning: prune_test.c.) */
#include "model/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    tarn_arena *arena;
    tarn_buf out;
    tarn_schema schema;
    tarn_field fields[2];
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->arena = tarn_arena_new();
    f->out = TARN_BUF(1 << 20);
    f->fields[0].name = "day";
    f->fields[1].name = "cat";
    f->schema = (tarn_schema){.kind = TARN_STRUCT, .fields = f->fields, .n_fields = 2};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tarn_buf_free(&f->out);
    tarn_arena_free(f->arena);
    free(f);
    return 0;
}

static tarn_expr *equals(fixture *f, int column, int64_t i) {
    tarn_value v = {.kind = TARN_INT64, .i = i};
    return tarn_expr_cmp(f->arena, TARN_EXPR_EQ, column, &v);
}

static tarn_expr *constant(fixture *f, tarn_expr_op op) { return tarn_expr_new(f->arena, op); }

static tarn_expr *not_of(fixture *f, tarn_expr *arg) {
    tarn_expr *e = tarn_expr_new(f->arena, TARN_EXPR_NOT);
    e->args = TARN_NEW(f->arena, tarn_expr *);
    e->args[0] = arg;
    e->n_args = 1;
    return e;
}

static tarn_expr *in_list(fixture *f, size_t n, const char *const *texts) {
    tarn_expr *e = tarn_expr_new(f->arena, TARN_EXPR_IN);
    e->column = 1;
    e->values = TARN_NEW_ARRAY(f->arena, tarn_value, n);
    e->n_values = n;
    for (size_t i = 0; i < n; i++) e->values[i] = (tarn_value){.kind = TARN_STRING, .s = tarn_str_of(texts[i])};
    return e;
}

static void check_print(fixture *f, const tarn_expr *e, const char *want) {
    tarn_buf_clear(&f->out);
    tarn_expr_print(&f->out, e, &f->schema);
    assert_true(tarn_buf_ok(&f->out));
    assert_string_equal(f->out.data, want);
}

static void test_print(void **state) {
    fixture *f = *state;
    tarn_value day = {.kind = TARN_DATE, .i = 20454};
    tarn_expr *e = tarn_expr_and(f->arena, tarn_expr_cmp(f->arena, TARN_EXPR_GE, 0, &day),
                                 in_list(f, 2, (const char *[]){"a", "it's"}));
    check_print(f, e, "(day >= 2026-01-01 AND cat IN ('a', 'it''s'))");
    tarn_expr *null = constant(f, TARN_EXPR_IS_NOT_NULL);
    null->column = 7;
    null->path = "x.y";
    check_print(f, not_of(f, tarn_expr_or(f->arena, null, NULL)), "NOT (#7.x.y IS NOT NULL OR ?)");
    const char *many[25];
    for (int i = 0; i < 25; i++) many[i] = "z";
    tarn_buf_clear(&f->out);
    tarn_expr_print(&f->out, in_list(f, 25, many), &f->schema);
    assert_true(tarn_str_ends(tarn_str_of(f->out.data), "'z', … 5 more)"));
}

static void test_growth(void **state) {
    fixture *f = *state;
    tarn_expr *all = NULL;
    assert_null(tarn_expr_and(f->arena, NULL, NULL));
    for (int i = 0; i < 1000; i++) all = tarn_expr_and(f->arena, all, equals(f, 0, i));
    assert_int_equal(all->n_args, 1000);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(all->args[i]->values[0].i, i);
    /* Two that grow from one do not see each other. */
    tarn_expr *base = tarn_expr_or(f->arena, equals(f, 0, 1), equals(f, 0, 2));
    tarn_expr *left = tarn_expr_or(f->arena, base, equals(f, 0, 3)),
              *right = tarn_expr_or(f->arena, base, equals(f, 0, 4));
    check_print(f, base, "(day = 1 OR day = 2)");
    check_print(f, left, "(day = 1 OR day = 2 OR day = 3)");
    check_print(f, right, "(day = 1 OR day = 2 OR day = 4)");
    check_print(f, tarn_expr_or(f->arena, left, right),
                "(day = 1 OR day = 2 OR day = 3 OR day = 1 OR day = 2 OR day = 4)");
    check_print(f, tarn_expr_or(f->arena, base, base), "(day = 1 OR day = 2 OR day = 1 OR day = 2)");
    check_print(f, tarn_expr_and(f->arena, base, equals(f, 1, 5)), "((day = 1 OR day = 2) AND cat = 5)");
    /* Lists made by hand have no spare room. */
    tarn_expr *by_hand = tarn_expr_new(f->arena, TARN_EXPR_AND), *one = equals(f, 0, 1);
    by_hand->args = &one;
    by_hand->n_args = 1;
    check_print(f, tarn_expr_and(f->arena, by_hand, equals(f, 0, 2)), "(day = 1 AND day = 2)");
    check_print(f, by_hand, "(day = 1)");
}

static tarn_expr *simplify(fixture *f, tarn_expr *e) { return tarn_expr_simplify(f->arena, e); }

static void test_simplify(void **state) {
    fixture *f = *state;
    tarn_expr *yes = constant(f, TARN_EXPR_TRUE), *no = constant(f, TARN_EXPR_FALSE), *one = equals(f, 0, 1);
    tarn_expr *in = in_list(f, 4, (const char *[]){"b", "a", "b", "aa"});
    check_print(f, simplify(f, in), "cat IN ('a', 'aa', 'b')");
    check_print(f, in, "cat IN ('b', 'a', 'b', 'aa')");
    check_print(f, simplify(f, in_list(f, 2, (const char *[]){"a", "a"})), "cat = 'a'");
    check_print(f, simplify(f, in_list(f, 0, NULL)), "false");
    in->values[1].null = true;
    check_print(f, simplify(f, in), "?");
    check_print(f, simplify(f, tarn_expr_and(f->arena, yes, one)), "day = 1");
    check_print(f, simplify(f, tarn_expr_and(f->arena, one, no)), "false");
    check_print(f, simplify(f, tarn_expr_or(f->arena, one, yes)), "true");
    check_print(f, simplify(f, tarn_expr_or(f->arena, no, no)), "false");
    check_print(f, simplify(f, tarn_expr_and(f->arena, one, NULL)), "day = 1");
    check_print(f, simplify(f, not_of(f, one)), "day <> 1");
    check_print(f, simplify(f, not_of(f, not_of(f, tarn_expr_and(f->arena, one, one)))), "(day = 1 AND day = 1)");
    check_print(f, simplify(f, not_of(f, no)), "true");
    check_print(f, simplify(f, not_of(f, constant(f, TARN_EXPR_UNKNOWN))), "NOT ?");
    check_print(f, simplify(f, tarn_expr_and(f->arena, one, not_of(f, not_of(f, tarn_expr_and(f->arena, one, yes))))),
                "(day = 1 AND day = 1)");
}

static void test_copy(void **state) {
    fixture *f = *state;
    tarn_arena *other = tarn_arena_new();
    char path[] = "x", text[] = "abc";
    tarn_value v = {.kind = TARN_STRING, .s = {text, 3}};
    tarn_expr *cmp = tarn_expr_cmp(f->arena, TARN_EXPR_LT, 1, &v);
    cmp->path = path;
    tarn_expr *copy = tarn_expr_copy(other, tarn_expr_and(f->arena, cmp, constant(f, TARN_EXPR_UNKNOWN)));
    text[0] = path[0] = '!';
    tarn_arena_free(f->arena);
    f->arena = tarn_arena_new();
    check_print(f, copy, "(cat.x < 'abc' AND ?)");
    tarn_arena_free(other);
}

static void test_columns(void **state) {
    fixture *f = *state;
    bool bits[3] = {false};
    tarn_expr *e = tarn_expr_or(f->arena, not_of(f, equals(f, 2, 1)), equals(f, 9, 1));
    tarn_expr_columns(tarn_expr_and(f->arena, e, constant(f, TARN_EXPR_TRUE)), bits, 3);
    assert_true(!bits[0] && !bits[1] && bits[2]);
    tarn_expr_columns(equals(f, -1, 1), bits, 3);
    assert_false(bits[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_print, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_growth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_simplify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_columns, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
