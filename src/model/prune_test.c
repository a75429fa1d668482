/* prune_test.c: pruning never denies a result some row has: cases by hand, then random rows, statistics and predicates
 * against an oracle. */
#include "model/prune.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { T = TARN_CAN_TRUE, F = TARN_CAN_FALSE, N = TARN_CAN_NULL, ALL = T | F | N };
enum { COLUMNS = 4, ROWS_MAX = 5, TEXT_MAX = 4 };

static void give_bounds(void *state, int column, const char *path, tarn_bounds *out) {
    (void)path;
    *out = ((tarn_bounds *)state)[column];
}

static tarn_value of_int(int64_t i) { return (tarn_value){.kind = TARN_INT64, .i = i}; }
static tarn_value of_float(double d) { return (tarn_value){.kind = TARN_FLOAT64, .f = d}; }
static tarn_value of_text(const char *s) { return (tarn_value){.kind = TARN_STRING, .s = tarn_str_of(s)}; }

static tarn_bounds bounds_of(tarn_value min, tarn_value max, int64_t rows, int64_t nulls) {
    return (tarn_bounds){.min = min, .max = max, .has_min = true, .has_max = true, .rows = rows, .nulls = nulls};
}

static int prune_one(tarn_expr_op op, tarn_value v, tarn_bounds b) {
    tarn_expr expr = {.op = op, .values = &v, .n_values = 1};
    return tarn_prune(&expr, give_bounds, &b);
}

static void test_compare(void **state) {
    (void)state;
    static const struct {
        tarn_expr_op op;
        int at_0, at_1, at_5, at_9, at_10; /* the column lies in 1..9, without nulls */
    } cases[] = {
        {TARN_EXPR_EQ, F, T | F, T | F, T | F, F}, {TARN_EXPR_NE, T, T | F, T | F, T | F, T},
        {TARN_EXPR_LT, F, F, T | F, T | F, T},     {TARN_EXPR_LE, F, T | F, T | F, T, T},
        {TARN_EXPR_GT, T, T | F, T | F, F, F},     {TARN_EXPR_GE, T, T, T | F, T | F, F},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_bounds b = bounds_of(of_int(1), of_int(9), 10, 0), nulls = bounds_of(of_int(1), of_int(9), 10, 1);
        assert_int_equal(prune_one(cases[i].op, of_int(0), b), cases[i].at_0);
        assert_int_equal(prune_one(cases[i].op, of_int(1), b), cases[i].at_1);
        assert_int_equal(prune_one(cases[i].op, of_float(5.5), b), cases[i].at_5);
        assert_int_equal(prune_one(cases[i].op, of_int(9), b), cases[i].at_9);
        assert_int_equal(prune_one(cases[i].op, of_int(10), b), cases[i].at_10);
        assert_int_equal(prune_one(cases[i].op, of_int(10), nulls), cases[i].at_10 | N);
    }
}

static void test_edges(void **state) {
    (void)state;
    tarn_bounds five = bounds_of(of_int(5), of_int(5), 10, 0), none = {.rows = -1, .nulls = -1},
                all_null = {.rows = 3, .nulls = 3};
    tarn_bounds empty = {.rows = 0, .nulls = 0}, twisted = bounds_of(of_int(9), of_int(1), 5, 0),
                more_nulls = {.rows = 1, .nulls = 2};
    tarn_bounds mixed = bounds_of(of_int(1), of_text("x"), 5, 0), null_bound = bounds_of(of_int(1), of_int(9), 5, 0);
    null_bound.min.null = true;
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), five), T);
    assert_int_equal(prune_one(TARN_EXPR_NE, of_int(5), five), F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), none), ALL);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), all_null), N);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), empty), 0);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), twisted), T | F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), more_nulls), ALL);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_text("5"), five), ALL);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(5), mixed), T | F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(0), null_bound), T | F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_int(10), null_bound), F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, (tarn_value){.kind = TARN_INT64, .null = true}, five), N);
    assert_int_equal(prune_one(TARN_EXPR_IS_NULL, of_int(0), five), F);
    assert_int_equal(prune_one(TARN_EXPR_IS_NOT_NULL, of_int(0), five), T);
    assert_int_equal(prune_one(TARN_EXPR_IS_NULL, of_int(0), all_null), T);
    assert_int_equal(prune_one(TARN_EXPR_IS_NULL, of_int(0), none), T | F);
    assert_int_equal(prune_one(TARN_EXPR_IS_NULL, of_int(0), empty), 0);
    assert_int_equal(prune_one(TARN_EXPR_IS_NULL, of_int(0), more_nulls), T | F);
    assert_int_equal(prune_one((tarn_expr_op)99, of_int(0), five), ALL);
    assert_true(tarn_may_match(NULL, give_bounds, NULL));
}

static void test_floats(void **state) {
    (void)state;
    tarn_bounds b = bounds_of(of_float(1), of_float(2), 5, 0), nan = b,
                zero = bounds_of(of_float(0.0), of_float(0.0), 1, 0);
    tarn_bounds nan_max = bounds_of(of_float(1), of_float(NAN), 5, 0);
    nan.maybe_nan = true;
    assert_int_equal(prune_one(TARN_EXPR_GT, of_float(3), b), F);
    assert_int_equal(prune_one(TARN_EXPR_GT, of_float(3), nan), T | F);
    assert_int_equal(prune_one(TARN_EXPR_GE, of_float(3), nan), T | F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_float(3), nan), F);
    assert_int_equal(prune_one(TARN_EXPR_LT, of_float(3), nan), T | F);
    assert_int_equal(prune_one(TARN_EXPR_LT, of_float(1), nan), F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_float(NAN), b), F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_float(NAN), nan), T | F);
    assert_int_equal(prune_one(TARN_EXPR_GT, of_float(NAN), nan), F);
    assert_int_equal(prune_one(TARN_EXPR_LE, of_float(NAN), nan), T);
    assert_int_equal(prune_one(TARN_EXPR_GT, of_float(INFINITY), nan_max), T | F);
    assert_int_equal(prune_one(TARN_EXPR_EQ, of_float(-0.0), zero), T);
    assert_int_equal(prune_one(TARN_EXPR_LT, of_float(0.0), bounds_of(of_float(-0.0), of_float(0.0), 2, 0)), F);
}

static void test_in(void **state) {
    (void)state;
    tarn_value values[] = {of_int(2), of_int(4), of_int(8)}, mixed[] = {of_int(2), of_text("x")};
    tarn_expr in = {.op = TARN_EXPR_IN, .values = values, .n_values = 3};
    tarn_bounds b[] = {bounds_of(of_int(5), of_int(7), 9, 0),
                       bounds_of(of_int(3), of_int(5), 9, 0),
                       bounds_of(of_int(4), of_int(4), 9, 0),
                       bounds_of(of_int(9), of_int(9), 9, 2),
                       bounds_of(of_int(0), of_int(1), 9, 0),
                       {.rows = 9, .nulls = 9},
                       {.rows = -1, .nulls = -1},
                       bounds_of(of_text("a"), of_text("b"), 9, 0)};
    const int want[] = {F, T | F, T, F | N, F, N, ALL, ALL};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(tarn_prune(&in, give_bounds, &b[i]), want[i]);
    in.n_values = 0;
    assert_int_equal(tarn_prune(&in, give_bounds, &b[6]), F);
    in.values = mixed;
    in.n_values = 2;
    assert_int_equal(tarn_prune(&in, give_bounds, &b[0]), ALL);
}

static void test_sets(void **state) {
    (void)state;
    tarn_expr always = {.op = TARN_EXPR_TRUE}, never = {.op = TARN_EXPR_FALSE}, unknown = {.op = TARN_EXPR_UNKNOWN};
    tarn_value five = of_int(5);
    tarn_expr null = {.op = TARN_EXPR_EQ, .values = &five, .n_values = 1};
    tarn_bounds all_null = {.rows = 3, .nulls = 3};
    const struct {
        tarn_expr_op op;
        tarn_expr *a, *b;
        int want;
    } cases[] = {
        {TARN_EXPR_AND, &always, &always, T},  {TARN_EXPR_AND, &always, &never, F},
        {TARN_EXPR_AND, &unknown, &never, F},  {TARN_EXPR_AND, &null, &always, N},
        {TARN_EXPR_AND, &null, &never, F},     {TARN_EXPR_AND, &null, &unknown, F | N},
        {TARN_EXPR_OR, &always, &unknown, T},  {TARN_EXPR_OR, &null, &always, T},
        {TARN_EXPR_OR, &null, &never, N},      {TARN_EXPR_OR, &null, &unknown, T | N},
        {TARN_EXPR_OR, &never, &unknown, ALL}, {TARN_EXPR_AND, &always, &unknown, ALL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_expr *args[] = {cases[i].a, cases[i].b}, both = {.op = cases[i].op, .args = args, .n_args = 2},
                  *inner = &both;
        tarn_expr not = {.op = TARN_EXPR_NOT, .args = &inner, .n_args = 1};
        int want = cases[i].want;
        assert_int_equal(tarn_prune(&both, give_bounds, &all_null), want);
        assert_int_equal(tarn_prune(&not, give_bounds, &all_null),
                         (want & N) | (want & T ? F : 0) | (want & F ? T : 0));
    }
}

/* The random world: column 0 int, 1 float, 2 text, 3 decimal; every number is a multiple of a quarter, so a double
 * holds it. */
typedef struct cell {
    bool null;
    double number;
    char text[TEXT_MAX];
} cell;

typedef struct world {
    uint64_t seed;
    tarn_arena *arena;
    cell rows[ROWS_MAX][COLUMNS];
    int n_rows;
    tarn_bounds bounds[COLUMNS];
    bool odd; /* predicates may compare what does not compare */
} world;

static unsigned pick(world *w, unsigned n) {
    w->seed ^= w->seed << 13, w->seed ^= w->seed >> 7, w->seed ^= w->seed << 17;
    return (unsigned)(w->seed >> 11) % n;
}

static cell random_cell(world *w, int column) {
    cell c = {0};
    double quarters = (double)(int)pick(w, 17) - 8;
    if (column == 0) c.number = quarters;
    if (column == 3) c.number = quarters / 4;
    if (column == 1)
        c.number = pick(w, 8) ? quarters / 4 : pick(w, 2) ? NAN : pick(w, 2) ? -0.0 : pick(w, 2) ? INFINITY : -INFINITY;
    for (unsigned i = 0, n = pick(w, TEXT_MAX); column == 2 && i < n; i++) c.text[i] = (char)('a' + pick(w, 3));
    return c;
}

static tarn_value value_of(world *w, int column, const cell *c) {
    bool whole = c->number == trunc(c->number) && isfinite(c->number);
    bool finite = isfinite(c->number);
    if (column == 2) return of_text(tarn_arena_strdup(w->arena, c->text));
    /* Constants of other kinds of number must not matter. */
    if (finite && (column == 3 || pick(w, 4) == 0))
        return (tarn_value){.kind = TARN_DECIMAL, .dec = (__int128)(c->number * 1000), .scale = 3};
    if (whole && (column == 0 || pick(w, 4) == 0)) return of_int((int64_t)c->number);
    return of_float(c->number);
}

/* The oracle's order, on its own grounds: C's doubles and strcmp. */
static int order_cells(int column, const cell *a, const cell *b) {
    if (column == 2) return strcmp(a->text, b->text);
    bool nan_a = isnan(a->number), nan_b = isnan(b->number);
    if (nan_a || nan_b) return nan_a - nan_b;
    return (a->number > b->number) - (a->number < b->number);
}

static void random_bounds(world *w, int column) {
    tarn_bounds *b = &w->bounds[column];
    cell min = {0}, max = {0};
    int nulls = 0, values = 0;
    bool nan = false;
    for (int i = 0; i < w->n_rows; i++) {
        const cell *c = &w->rows[i][column];
        nulls += c->null;
        nan = nan || (!c->null && column == 1 && isnan(c->number));
        if (c->null || (column == 1 && isnan(c->number))) continue;
        if (values == 0 || order_cells(column, c, &min) < 0) min = *c;
        if (values == 0 || order_cells(column, c, &max) > 0) max = *c;
        values++;
    }
    if (column != 2 && pick(w, 4) == 0) min.number -= (double)pick(w, 3);
    if (column != 2 && pick(w, 4) == 0) max.number += (double)pick(w, 3);
    if (column == 2 && pick(w, 3) == 0) min.text[1] = 0;                                  /* cut */
    if (column == 2 && pick(w, 3) == 0) memcpy(max.text + (max.text[0] != 0), "\x7f", 2); /* cut and raised */
    *b = (tarn_bounds){.rows = pick(w, 4) ? w->n_rows : -1, .nulls = pick(w, 4) ? nulls : -1};
    b->has_min = values && pick(w, 5);
    b->has_max = values && pick(w, 5);
    b->min = value_of(w, column, &min);
    b->max = value_of(w, column, &max);
    b->maybe_nan = column == 1 && (nan || pick(w, 8) == 0);
    if (nan && b->has_max && pick(w, 6) == 0) { /* as Spark writes it: NaN is the greatest */
        b->max = of_float(NAN);
        b->maybe_nan = false;
    }
}

static tarn_expr *random_leaf(world *w) {
    static const tarn_expr_op ops[] = {TARN_EXPR_EQ, TARN_EXPR_NE,      TARN_EXPR_LT,         TARN_EXPR_LE,
                                       TARN_EXPR_GT, TARN_EXPR_GE,      TARN_EXPR_IN,         TARN_EXPR_IN,
                                       TARN_EXPR_IN, TARN_EXPR_IS_NULL, TARN_EXPR_IS_NOT_NULL};
    static const tarn_expr_op constants[] = {TARN_EXPR_TRUE, TARN_EXPR_FALSE, TARN_EXPR_UNKNOWN};
    if (pick(w, 12) == 0) return tarn_expr_new(w->arena, constants[pick(w, 3)]);
    int column = (int)pick(w, COLUMNS);
    tarn_expr *e = tarn_expr_new(w->arena, ops[pick(w, 11)]);
    e->column = column;
    if (e->op >= TARN_EXPR_IS_NULL) return e;
    e->n_values = e->op == TARN_EXPR_IN ? pick(w, 5) : 1;
    e->values = TARN_NEW_ARRAY(w->arena, tarn_value, e->n_values);
    for (size_t i = 0; i < e->n_values; i++) {
        int of = w->odd && pick(w, 6) == 0 ? (column == 2 ? 0 : 2) : column;
        cell c = random_cell(w, of);
        e->values[i] = value_of(w, of, &c);
    }
    return e->op == TARN_EXPR_IN && pick(w, 2) ? tarn_expr_simplify(w->arena, e) : e;
}

static tarn_expr *random_expr(world *w, int depth) {
    if (depth == 0 || pick(w, 3) == 0) return random_leaf(w);
    unsigned kind = pick(w, 5);
    if (kind == 0) {
        tarn_expr *not = tarn_expr_new(w->arena, TARN_EXPR_NOT);
        not ->args = TARN_NEW(w->arena, tarn_expr *);
        not ->args[0] = random_expr(w, depth - 1);
        not ->n_args = 1;
        return not ;
    }
    tarn_expr *a = random_expr(w, depth - 1), *b = random_expr(w, depth - 1);
    return kind < 3 ? tarn_expr_and(w->arena, a, b) : tarn_expr_or(w->arena, a, b);
}

static int to_sign(const tarn_value *v, int column, const cell *c, bool *ok) {
    cell other = {0};
    *ok = (v->kind == TARN_STRING) == (column == 2);
    if (!*ok) return 0;
    if (v->kind == TARN_STRING) memcpy(other.text, v->s.p, v->s.n);
    if (v->kind == TARN_INT64) other.number = (double)v->i;
    if (v->kind == TARN_FLOAT64) other.number = v->f;
    if (v->kind == TARN_DECIMAL) other.number = (double)v->dec / 1000;
    return order_cells(column, c, &other);
}

static bool holds(tarn_expr_op op, int sign) {
    switch (op) {
    case TARN_EXPR_NE: return sign != 0;
    case TARN_EXPR_LT: return sign < 0;
    case TARN_EXPR_LE: return sign <= 0;
    case TARN_EXPR_GT: return sign > 0;
    case TARN_EXPR_GE: return sign >= 0;
    default: return sign == 0;
    }
}

/* T, F or N for one row. `guess` stands for what is unknown: a result for UNKNOWN, true or false for values that do not
 * compare. */
static int evaluate(const tarn_expr *e, const cell *row, int guess) {
    int result = e->op == TARN_EXPR_AND ? T : F;
    const cell *c = &row[e->op >= TARN_EXPR_EQ ? e->column : 0];
    switch (e->op) {
    case TARN_EXPR_UNKNOWN: return guess;
    case TARN_EXPR_TRUE: return T;
    case TARN_EXPR_FALSE: return F;
    case TARN_EXPR_NOT: {
        int arg = evaluate(e->args[0], row, guess);
        return arg == N ? N : arg == T ? F : T;
    }
    case TARN_EXPR_AND:
    case TARN_EXPR_OR: {
        int decisive = e->op == TARN_EXPR_AND ? F : T;
        for (size_t i = 0; i < e->n_args; i++) {
            int arg = evaluate(e->args[i], row, guess);
            if (arg == decisive) return decisive;
            if (arg == N) result = N;
        }
        return result;
    }
    case TARN_EXPR_IS_NULL: return c->null ? T : F;
    case TARN_EXPR_IS_NOT_NULL: return c->null ? F : T;
    default: break;
    }
    if (e->n_values == 0) return F;
    if (c->null) return N;
    for (size_t i = 0; i < e->n_values; i++) {
        bool ok;
        int sign = to_sign(&e->values[i], e->column, c, &ok);
        if (ok ? holds(e->op, sign) : guess == T) return T;
    }
    return F;
}

static void random_world(world *w) {
    w->n_rows = (int)pick(w, ROWS_MAX + 1);
    unsigned nulls[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) nulls[c] = pick(w, 4); /* none, some, many, all */
    for (int i = 0; i < w->n_rows; i++) {
        for (int c = 0; c < COLUMNS; c++) {
            w->rows[i][c] = random_cell(w, c);
            if (i && pick(w, 3) == 0) w->rows[i][c] = w->rows[0][c];
            w->rows[i][c].null = pick(w, 3) < nulls[c];
        }
    }
    for (int c = 0; c < COLUMNS; c++) random_bounds(w, c);
}

static void fail_with(world *w, const char *what, const tarn_expr *e, uint64_t round_seed) {
    tarn_auto_buf text = TARN_BUF(1 << 20);
    tarn_expr_print(&text, e, NULL);
    fail_msg("%s: %s (state %llu, %d rows)", what, text.data, (unsigned long long)round_seed, w->n_rows);
}

static void check_world(world *w, uint64_t round_seed, int *pruned, int *certain) {
    tarn_expr *e = random_expr(w, 4), *simple = tarn_expr_simplify(w->arena, e),
              *copy = tarn_expr_copy(w->arena, simple);
    int can = tarn_prune(copy, give_bounds, w->bounds);
    *pruned += w->n_rows > 0 && !(can & T);
    *certain += w->n_rows > 0 && can == T;
    for (int i = 0; i < w->n_rows; i++) {
        for (int guess = T; guess <= N; guess *= 2) {
            int result = evaluate(e, w->rows[i], guess);
            if (!(result & can)) fail_with(w, "pruned although a row has the result", e, round_seed);
            if (!w->odd && evaluate(simple, w->rows[i], guess) != result)
                fail_with(w, "simplified to something else", e, round_seed);
        }
    }
}

static void test_random(void **state) {
    (void)state;
    const char *chosen = getenv("TARN_TEST_SEED");
    world w = {.seed = chosen ? strtoull(chosen, NULL, 10) | 1 : 20261121};
    int pruned = 0, certain = 0, rounds = 100000;
    print_message("seed %llu (TARN_TEST_SEED)\n", (unsigned long long)w.seed);
    for (int i = 0; i < rounds; i++) {
        uint64_t round_seed = w.seed;
        w.arena = tarn_arena_new();
        w.odd = i % 2;
        random_world(&w);
        check_world(&w, round_seed, &pruned, &certain);
        tarn_arena_free(w.arena);
    }
    print_message("%d of %d pruned, %d certain\n", pruned, rounds, certain);
    assert_true(pruned > rounds / 20 && certain > rounds / 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare), cmocka_unit_test(test_edges), cmocka_unit_test(test_floats),
        cmocka_unit_test(test_in),      cmocka_unit_test(test_sets),  cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
