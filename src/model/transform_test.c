/* transform_test.c: the known answers of the Iceberg spec, and ranges that hold every value of a partition. */
#include "model/transform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/time.h"

enum { ALL_BUCKETS = INT32_MAX };

static int setup(void **state) { return *state = tarn_arena_new(), 0; }
static int teardown(void **state) { return tarn_arena_free(*state), 0; }

static tarn_value num(tarn_kind kind, int64_t i) { return (tarn_value){.kind = kind, .i = i}; }
static tarn_value text(tarn_kind kind, const char *s, size_t n) { return (tarn_value){.kind = kind, .s = {s, n}}; }

static int64_t time_of(const char *s) {
    int64_t us;
    bool zoned;
    assert_true(tarn_parse_timestamp(tarn_str_of(s), &us, &zoned));
    return us;
}

static int64_t apply(tarn_transform transform, int param, tarn_value v) {
    tarn_value out;
    assert_true(tarn_transform_value(transform, param, &v, &out));
    assert_false(out.null);
    return out.i;
}

/* The hash itself, by its value in a modulus that leaves it whole. */
static void hashes(tarn_value v, int32_t hash) {
    assert_int_equal(apply(TARN_BUCKET, ALL_BUCKETS, v), (hash & INT32_MAX) % ALL_BUCKETS);
}

static void test_hashes(void **state) {
    (void)state;
    unsigned char uuid[16];
    assert_true(tarn_uuid_parse(TARN_LIT("f79c3e09-677c-4bbd-a479-3f349cb785e7"), uuid));
    int64_t ts = time_of("2017-11-16T22:31:08");
    hashes(num(TARN_INT32, 34), 2017239379);
    hashes(num(TARN_INT64, 34), 2017239379);
    hashes((tarn_value){.kind = TARN_DECIMAL, .scale = 2, .dec = 1420}, -500754589);
    hashes(num(TARN_DATE, 17486), -653330422);
    hashes(num(TARN_TIME, ((22 * 60 + 31) * 60 + 8) * INT64_C(1000000)), -662762989);
    hashes(num(TARN_TIMESTAMP_NTZ, ts), -2047944441);
    hashes(num(TARN_TIMESTAMP, ts + 1), -1207196810);
    hashes(num(TARN_TIMESTAMP_NTZ_NS, ts * 1000 + 1999), -1207196810);
    hashes(text(TARN_STRING, "iceberg", 7), 1210000089);
    hashes(text(TARN_UUID, (const char *)uuid, 16), 1488055340);
    hashes(text(TARN_BINARY, "\0\1\2\3", 4), -188683207);
    tarn_value out, flag = {.kind = TARN_BOOL, .b = true}, f = {.kind = TARN_FLOAT64, .f = 1};
    assert_false(tarn_transform_value(TARN_BUCKET, 4, &flag, &out));
    assert_false(tarn_transform_value(TARN_BUCKET, 4, &f, &out));
}

static void test_times(void **state) {
    (void)state;
    static const char *const kinds[] = {"2017-12-01T10:30:55", "1969-12-31T23:59:59", "1970-01-01T00:00:00"};
    static const int64_t want[3][4] = {{47, 575, 17501, 420034}, {-1, -1, -1, -1}, {0, 0, 0, 0}};
    static const tarn_transform transforms[] = {TARN_YEARS, TARN_MONTHS, TARN_DAYS, TARN_HOURS};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++) {
            int64_t us = time_of(kinds[i]);
            assert_int_equal(apply(transforms[k], 0, num(TARN_TIMESTAMP, us)), want[i][k]);
            assert_int_equal(apply(transforms[k], 0, num(TARN_TIMESTAMP_NTZ_NS, us * 1000 + 7)), want[i][k]);
        }
    assert_int_equal(apply(TARN_MONTHS, 0, num(TARN_DATE, 17501)), 575);
    tarn_value out, date = num(TARN_DATE, 1), name = text(TARN_STRING, "x", 1);
    assert_false(tarn_transform_value(TARN_HOURS, 0, &date, &out));
    assert_false(tarn_transform_value(TARN_DAYS, 0, &name, &out));
}

static void test_truncate(void **state) {
    (void)state;
    assert_int_equal(apply(TARN_TRUNCATE, 10, num(TARN_INT32, 1)), 0);
    assert_int_equal(apply(TARN_TRUNCATE, 10, num(TARN_INT64, -1)), -10);
    tarn_value out, least = num(TARN_INT64, INT64_MIN), dec = {.kind = TARN_DECIMAL, .scale = 2, .dec = -1065};
    assert_false(tarn_transform_value(TARN_TRUNCATE, 10, &least, &out));
    assert_true(tarn_transform_value(TARN_TRUNCATE, 50, &dec, &out));
    assert_true(out.dec == -1100);
    tarn_value s = text(TARN_STRING, "i\xc3\xa9\xf0\x9f\x98\x80x", 8), b = text(TARN_BINARY, "\1\2\3\4", 4);
    assert_true(tarn_transform_value(TARN_TRUNCATE, 3, &s, &out));
    assert_int_equal(out.s.n, 7);
    assert_true(tarn_transform_value(TARN_TRUNCATE, 3, &b, &out));
    assert_int_equal(out.s.n, 3);
}

static void test_names(void **state) {
    (void)state;
    static const char *const names[] = {"identity", "bucket[16]", "truncate[4]", "year",
                                        "month",    "day",        "hour",        "void"};
    for (size_t i = 0; i < 8; i++) {
        tarn_auto_buf b = TARN_BUF(100);
        tarn_transform t;
        int param;
        tarn_transform_parse(tarn_str_of(names[i]), &t, &param);
        assert_int_equal(t, (tarn_transform)i);
        tarn_transform_print(&b, t, param);
        assert_string_equal(b.data, names[i]);
    }
    static const char *const others[] = {"",           "bucket", "bucket[0]", "bucket[x]",
                                         "truncate[4", "zorder", "days",      "day[1]"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        tarn_transform t;
        int param;
        tarn_transform_parse(tarn_str_of(others[i]), &t, &param);
        assert_int_equal(t, TARN_OTHER_TRANSFORM);
    }
}

/* Every value lies in the range that its own partition value stands for. */
static void holds(tarn_arena *arena, tarn_transform transform, int param, tarn_value v) {
    tarn_type type = {.kind = v.kind, .precision = 38, .scale = v.scale};
    tarn_value p;
    bool ok;
    assert_true(tarn_transform_value(transform, param, &v, &p));
    for (int old = 0; old < 2; old++) { /* as writers before 1.0 rounded times: towards 1970 */
        tarn_bounds b = {0};
        if (old && (transform < TARN_YEARS || transform > TARN_HOURS || p.i >= 0)) continue;
        p.i += old;
        tarn_transform_bounds(arena, transform, param, &type, &p, &p, &b);
        assert_true(b.has_min && b.has_max);
        assert_true(tarn_value_cmp(&b.min, &v, &ok) <= 0 && ok);
        assert_true(tarn_value_cmp(&b.max, &v, &ok) >= 0 && ok);
    }
}

static void test_ranges(void **state) {
    for (int64_t i = -1000; i < 1000; i += 7) {
        holds(*state, TARN_IDENTITY, 0, num(TARN_INT64, i));
        holds(*state, TARN_TRUNCATE, 13, num(TARN_INT64, i));
        for (tarn_transform t = TARN_YEARS; t <= TARN_HOURS; t++) {
            holds(*state, t, 0, num(TARN_TIMESTAMP, i * INT64_C(123456789123)));
            holds(*state, t, 0, num(TARN_TIMESTAMP_NTZ_NS, i * INT64_C(1234567891234)));
            if (t != TARN_HOURS) holds(*state, t, 0, num(TARN_DATE, i * 17));
        }
    }
    holds(*state, TARN_TRUNCATE, 2, text(TARN_STRING, "ab\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf", 10));
    holds(*state, TARN_TRUNCATE, 2, text(TARN_STRING, "a", 1));
    tarn_type bytes = {.kind = TARN_BINARY};
    tarn_value cut = text(TARN_BINARY, "\1\2", 2);
    tarn_bounds b = {0};
    tarn_transform_bounds(*state, TARN_TRUNCATE, 2, &bytes, &cut, &cut, &b);
    assert_true(b.has_min && !b.has_max);
}

typedef struct bucket {
    int64_t low, high;
} bucket;

static void answer(void *state, int column, const char *path, tarn_bounds *out) {
    const bucket *b = state;
    (void)path;
    *out = (tarn_bounds){.rows = -1, .nulls = 0};
    if (column != 5) return;
    out->min = num(TARN_INT32, b->low), out->max = num(TARN_INT32, b->high);
    out->has_min = out->has_max = true;
}

static void test_equalities(void **state) {
    tarn_type type = {.kind = TARN_INT64};
    tarn_value v = num(TARN_INT64, 34); /* bucket 3 of 16 */
    tarn_expr *eq = tarn_expr_cmp(*state, TARN_EXPR_EQ, 1, &v), *lt = tarn_expr_cmp(*state, TARN_EXPR_LT, 1, &v);
    tarn_expr *not = tarn_expr_new(*state, TARN_EXPR_NOT);
    not ->args = &eq, not ->n_args = 1;
    bucket same = {3, 3}, other = {4, 15}, wide = {0, 15};
    tarn_expr *e = tarn_transform_equalities(*state, eq, 1, TARN_BUCKET, 16, &type, 5);
    assert_true(tarn_may_match(e, answer, &same) && tarn_may_match(e, answer, &wide));
    assert_false(tarn_may_match(e, answer, &other));
    e = tarn_transform_equalities(*state, tarn_expr_or(*state, eq, lt), 1, TARN_BUCKET, 16, &type, 5);
    assert_true(tarn_may_match(e, answer, &other));
    e = tarn_transform_equalities(*state, not, 1, TARN_BUCKET, 16, &type, 5);
    assert_true(tarn_may_match(e, answer, &other) && tarn_may_match(e, answer, &same));
}

static void test_texts(void **state) {
    static const struct {
        tarn_transform transform;
        tarn_kind source, kind;
        int64_t value;
        const char *text;
    } cases[] = {{TARN_YEARS, TARN_DATE, TARN_INT32, -1, "1969"},
                 {TARN_YEARS, TARN_DATE, TARN_INT32, -2000, "-030"},
                 {TARN_MONTHS, TARN_TIMESTAMP, TARN_INT32, -1, "1969-12"},
                 {TARN_MONTHS, TARN_TIMESTAMP, TARN_INT32, 0, "1970-01"},
                 {TARN_MONTHS, TARN_DATE, TARN_INT32, -24001, "-031-12"},
                 {TARN_DAYS, TARN_TIMESTAMP_NTZ, TARN_DATE, -1, "1969-12-31"},
                 {TARN_HOURS, TARN_TIMESTAMP, TARN_INT32, -1, "1969-12-31-23"},
                 {TARN_HOURS, TARN_TIMESTAMP, TARN_INT32, 24, "1970-01-02-00"},
                 {TARN_BUCKET, TARN_STRING, TARN_INT32, 15, "15"},
                 {TARN_TRUNCATE, TARN_INT64, TARN_INT64, -10, "-10"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_auto_buf text = TARN_BUF(100);
        tarn_value v = num(cases[i].kind, cases[i].value), back;
        tarn_transform_text(&text, cases[i].transform, &v);
        assert_string_equal(text.data, cases[i].text);
        tarn_type source = {.kind = cases[i].source};
        assert_true(tarn_transform_parse_text(tarn_str_of(text.data), cases[i].transform, &source, *state, &back));
        assert_int_equal(back.i, cases[i].value);
        assert_int_equal(back.kind, cases[i].kind);
    }
    static const char *const wrong[] = {"", "-", "1970-13", "1970-00", "x-01", "1970", "99999999999999999999-01"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tarn_type source = {.kind = TARN_TIMESTAMP};
        tarn_value v;
        assert_false(tarn_transform_parse_text(tarn_str_of(wrong[i]), TARN_MONTHS, &source, *state, &v));
        assert_false(tarn_transform_parse_text(tarn_str_of(wrong[i]), TARN_HOURS, &source, *state, &v));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equalities, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
