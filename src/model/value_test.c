/* value_test.c: exact order across kinds, casts that lose nothing, text and literals, and hostile text. */
#include "model/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    tarn_arena *arena;
    tarn_buf out;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->arena = tarn_arena_new();
    f->out = TARN_BUF(1 << 20);
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

static tarn_value of_int(tarn_kind kind, int64_t i) { return (tarn_value){.kind = kind, .i = i}; }
static tarn_value of_float(double d) { return (tarn_value){.kind = TARN_FLOAT64, .f = d}; }
static tarn_value of_text(const char *s) { return (tarn_value){.kind = TARN_STRING, .s = tarn_str_of(s)}; }

static tarn_value of_decimal(const char *digits, int scale) {
    __int128 m = 0;
    for (const char *c = digits + (*digits == '-'); *c; c++) m = m * 10 + (*c - '0');
    return (tarn_value){.kind = TARN_DECIMAL, .dec = *digits == '-' ? -m : m, .scale = (int8_t)scale};
}

#define NINES "99999999999999999999999999999999999999" /* 38 of them */

/* Rising values of all number kinds; those of one rank are equal. */
static void test_numbers_in_order(void **state) {
    (void)state;
    const struct {
        int rank;
        tarn_value v;
    } at[] = {
        {0, of_float(-INFINITY)},
        {1, of_float(-1e300)},
        {2, of_decimal("-" NINES, 0)},
        {3, of_int(TARN_INT64, INT64_MIN)},
        {3, of_float(-0x1p63)},
        {3, of_decimal("-9223372036854775808", 0)},
        {4, of_decimal("-92233720368547758079", 1)},
        {5, of_int(TARN_INT64, INT64_MIN + 1)},
        {6, of_int(TARN_INT8, -2)},
        {6, of_decimal("-20000", 4)},
        {7, of_decimal("-" NINES, 38)},
        {8, of_decimal("-1", 38)},
        {9, of_float(-0x1p-1074)},
        {10, of_float(-0.0)},
        {10, of_float(0.0)},
        {10, of_int(TARN_INT32, 0)},
        {10, of_decimal("0", 38)},
        {11, of_float(0x1p-1074)},
        {12, of_decimal("1", 38)},
        {13, of_decimal("1", 1)},
        {14, of_float(0.1)}, /* a little above one tenth */
        {15, of_decimal("10000000000000000555111512312578270212", 38)},
        {16, of_float(0.5)},
        {16, of_decimal("50", 2)},
        {17, of_decimal(NINES, 38)},
        {18, of_int(TARN_INT16, 1)},
        {18, of_float(1)},
        {18, of_decimal("10000000000", 10)},
        {19, of_int(TARN_INT64, 9007199254740992)},
        {19, of_float(0x1p53)},
        {20, of_int(TARN_INT64, 9007199254740993)},
        {21, of_float(0x1p53 + 2)},
        {22, of_int(TARN_INT64, INT64_MAX)},
        {23, of_decimal("92233720368547758075", 1)},
        {24, of_float(0x1p63)},
        {25, of_float(1e38)}, /* 99999999999999997748809823456034029568 */
        {26, of_decimal(NINES, 0)},
        {27, of_float(1e39)},
        {28, of_float(INFINITY)},
        {29, of_float(NAN)},
        {29, of_float(-NAN)},
    };
    size_t n = sizeof at / sizeof *at;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            bool ok;
            int a = at[i].rank, b = at[j].rank, want = (a > b) - (a < b), got = tarn_value_cmp(&at[i].v, &at[j].v, &ok);
            if (!ok || got != want) fail_msg("%zu against %zu: %d, not %d", i, j, got, want);
        }
    }
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

static tarn_value random_number(uint64_t *seed) {
    uint64_t r = next_random(seed);
    int64_t small = (int64_t)(next_random(seed) % 2001) - 1000;
    __int128 wide = (__int128)(int64_t)next_random(seed) * (int64_t)(next_random(seed) >> 2);
    switch (r % 6) {
    case 0: return of_int(TARN_INT64, small);
    case 1: return of_int(TARN_INT64, (int64_t)next_random(seed));
    case 2: return of_float((double)small / (double)(1 << (r >> 8) % 12));
    case 3: return of_float((double)wide / (double)(1 + (r >> 8) % 100000));
    case 4: return (tarn_value){.kind = TARN_DECIMAL, .dec = small, .scale = (int8_t)((r >> 8) % 5)};
    default: return (tarn_value){.kind = TARN_DECIMAL, .dec = wide, .scale = (int8_t)((r >> 8) % 39)};
    }
}

static void test_order_is_one(void **state) {
    (void)state;
    uint64_t seed = 20261121;
    for (int i = 0; i < 100000; i++) {
        bool ok;
        tarn_value a = random_number(&seed), b = random_number(&seed), c = random_number(&seed);
        int ab = tarn_value_cmp(&a, &b, &ok), bc = tarn_value_cmp(&b, &c, &ok), ac = tarn_value_cmp(&a, &c, &ok);
        assert_int_equal(ab, -tarn_value_cmp(&b, &a, &ok));
        assert_int_equal(tarn_value_cmp(&a, &a, &ok), 0);
        if (ab <= 0 && bc <= 0) assert_true(ac <= 0 && (ac < 0 || (ab == 0 && bc == 0)));
    }
}

static void check_cmp(tarn_value a, tarn_value b, int want) {
    bool ok;
    assert_int_equal(tarn_value_cmp(&a, &b, &ok), want);
    assert_true(ok);
    assert_int_equal(tarn_value_cmp(&b, &a, &ok), -want);
}

static void check_no_cmp(tarn_value a, tarn_value b) {
    bool ok = true;
    assert_int_equal(tarn_value_cmp(&a, &b, &ok), 0);
    assert_false(ok);
}

static void test_other_kinds(void **state) {
    (void)state;
    const int64_t day = INT64_C(86400000000);
    tarn_value null = {.kind = TARN_INT64, .null = true}, blob = {.kind = TARN_BINARY, .s = TARN_LIT("a")};
    check_cmp(of_text("a"), of_text("ab"), -1);
    check_cmp(of_text("a\x7f"), of_text("a\xc3\xa9"), -1);
    check_cmp(of_text(""), (tarn_value){.kind = TARN_STRING}, 0);
    check_cmp((tarn_value){.kind = TARN_BOOL, .b = true}, (tarn_value){.kind = TARN_BOOL}, 1);
    check_cmp(of_int(TARN_DATE, 2), of_int(TARN_TIMESTAMP_NTZ, 2 * day), 0);
    check_cmp(of_int(TARN_DATE, INT64_MAX), of_int(TARN_TIMESTAMP_NTZ, INT64_MAX), 1);
    check_cmp(of_int(TARN_TIMESTAMP, 1), of_int(TARN_TIMESTAMP_NS, 1001), -1);
    check_cmp(blob, (tarn_value){.kind = TARN_FIXED, .s = TARN_LIT("b")}, -1);
    check_no_cmp(of_int(TARN_TIMESTAMP, 1), of_int(TARN_TIMESTAMP_NTZ, 1));
    check_no_cmp(of_int(TARN_DATE, 1), of_int(TARN_INT32, 1));
    check_no_cmp(of_int(TARN_DATE, 1), of_int(TARN_TIME, 1));
    check_no_cmp(of_text("1"), of_int(TARN_INT32, 1));
    check_no_cmp(of_text("a"), blob);
    check_no_cmp((tarn_value){.kind = TARN_BOOL}, of_int(TARN_INT8, 0));
    check_no_cmp(null, of_int(TARN_INT64, 0));
    check_no_cmp(null, null);
    check_no_cmp((tarn_value){.kind = TARN_DECIMAL, .scale = 39}, of_int(TARN_INT8, 0));
    check_no_cmp((tarn_value){.kind = TARN_VARIANT}, (tarn_value){.kind = TARN_VARIANT});
}

static void test_cast(void **state) {
    fixture *f = *state;
    const int64_t day = INT64_C(86400000000);
    tarn_type decimal = {.kind = TARN_DECIMAL, .precision = 5, .scale = 2},
              fixed = {.kind = TARN_FIXED, .precision = 2};
#define KIND(k) (*tarn_type_new(f->arena, (k)))
    const struct {
        tarn_value from;
        tarn_type to;
        bool fits;
    } cases[] = {
        {of_int(TARN_INT64, 127), KIND(TARN_INT8), true},
        {of_int(TARN_INT64, 128), KIND(TARN_INT8), false},
        {of_int(TARN_INT64, -32769), KIND(TARN_INT16), false},
        {of_int(TARN_INT64, INT64_C(1) << 53), KIND(TARN_FLOAT64), true},
        {of_int(TARN_INT64, (INT64_C(1) << 53) + 1), KIND(TARN_FLOAT64), false},
        {of_int(TARN_INT32, (1 << 24) + 1), KIND(TARN_FLOAT32), false},
        {of_int(TARN_INT32, 999), decimal, true},
        {of_int(TARN_INT32, 1000), decimal, false},
        {of_int(TARN_INT64, INT64_MIN), decimal, false},
        {of_decimal("100", 2), KIND(TARN_INT8), true},
        {of_decimal("101", 2), KIND(TARN_INT8), false},
        {of_decimal("12300", 4), decimal, true},
        {of_decimal("12345", 4), decimal, false},
        {of_decimal(NINES, 0), KIND(TARN_INT64), false},
        {of_decimal("15", 1), KIND(TARN_FLOAT64), true},
        {of_decimal("11", 1), KIND(TARN_FLOAT64), false},
        {of_float(1.25), decimal, true},
        {of_float(-1.25), decimal, true},
        {of_float(1.125), decimal, false},
        {of_float(1e300), decimal, false},
        {of_float(NAN), decimal, false},
        {of_float(INFINITY), KIND(TARN_INT64), false},
        {of_float(0x1p63), KIND(TARN_INT64), false},
        {of_float(-0x1p63), KIND(TARN_INT64), true},
        {of_float(0.5), KIND(TARN_INT64), false},
        {of_float(0.1), KIND(TARN_FLOAT32), false},
        {of_float(0.5), KIND(TARN_FLOAT32), true},
        {of_float(INFINITY), KIND(TARN_FLOAT32), true},
        {of_int(TARN_DATE, 3), KIND(TARN_TIMESTAMP_NTZ), true},
        {of_int(TARN_DATE, 3), KIND(TARN_TIMESTAMP), false},
        {of_int(TARN_TIMESTAMP_NTZ, -day), KIND(TARN_DATE), true},
        {of_int(TARN_TIMESTAMP_NTZ, 1), KIND(TARN_DATE), false},
        {of_int(TARN_TIMESTAMP, INT64_MAX), KIND(TARN_TIMESTAMP_NS), false},
        {of_int(TARN_TIMESTAMP_NS, -1000), KIND(TARN_TIMESTAMP), true},
        {of_text("x"), KIND(TARN_STRING), true},
        {of_text("1"), KIND(TARN_INT32), false},
        {{.kind = TARN_BINARY, .s = TARN_LIT("ab")}, fixed, true},
        {{.kind = TARN_BINARY, .s = TARN_LIT("abc")}, fixed, false},
        {{.kind = TARN_BOOL, .b = true}, KIND(TARN_BOOL), true},
        {{.kind = TARN_BOOL, .b = true}, KIND(TARN_INT8), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok;
        tarn_value out = {.kind = TARN_VOID};
        if (tarn_value_cast(&cases[i].from, &cases[i].to, &out) != cases[i].fits) fail_msg("case %zu", i);
        assert_int_equal(out.kind, cases[i].fits ? cases[i].to.kind : TARN_VOID);
        if (!cases[i].fits) continue;
        assert_int_equal(tarn_value_cmp(&cases[i].from, &out, &ok), 0);
        assert_true(ok);
    }
    tarn_value null = {.kind = TARN_STRING, .null = true}, out, nan = of_float(NAN);
    assert_true(tarn_value_cast(&null, &decimal, &out) && out.null && out.kind == TARN_DECIMAL && out.scale == 2);
    tarn_type narrow = {.kind = TARN_FLOAT32};
    assert_true(tarn_value_cast(&nan, &narrow, &out) && isnan(out.f));
}

static bool parse(fixture *f, const tarn_type *type, const char *text, tarn_value *out) {
    return tarn_value_parse(tarn_str_of(text), type, f->arena, out);
}

#define DECIMAL_10_2                                                                                                   \
    { .kind = TARN_DECIMAL, .precision = 10, .scale = 2 }
#define FIXED_2                                                                                                        \
    { .kind = TARN_FIXED, .precision = 2 }

static const struct {
    tarn_type type;
    const char *text, *plain, *sql; /* plain NULL: no such value */
} text_cases[] = {
    {{.kind = TARN_BOOL}, "true", "true", "true"},
    {{.kind = TARN_BOOL}, "1", NULL, NULL},
    {{.kind = TARN_INT8}, "-128", "-128", "'-128'::TINYINT"},
    {{.kind = TARN_INT8}, "128", NULL, NULL},
    {{.kind = TARN_INT64}, "-9223372036854775808", "-9223372036854775808", "'-9223372036854775808'::BIGINT"},
    {{.kind = TARN_INT64}, "9223372036854775808", NULL, NULL},
    {{.kind = TARN_INT32}, "5", "5", "5::INTEGER"},
    {{.kind = TARN_INT32}, "5.0", NULL, NULL},
    {{.kind = TARN_INT32}, "", NULL, NULL},
    {{.kind = TARN_FLOAT64}, "0.1", "0.1", "'0.10000000000000001'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "-0.0", "-0", "'-0'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "1e300", "1e+300", "'1.0000000000000001e+300'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "nan", "NaN", "'NaN'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "NaN", "NaN", "'NaN'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "inf", "Infinity", "'Infinity'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "-inf", "-Infinity", "'-Infinity'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "-Infinity", "-Infinity", "'-Infinity'::DOUBLE"},
    {{.kind = TARN_FLOAT64}, "1e400", NULL, NULL},
    {{.kind = TARN_FLOAT64}, "0x10", NULL, NULL},
    {{.kind = TARN_FLOAT64}, "--inf", NULL, NULL},
    {{.kind = TARN_FLOAT32}, "0.1", "0.1", "'0.100000001'::FLOAT"},
    {{.kind = TARN_FLOAT32}, "1e39", NULL, NULL},
    {DECIMAL_10_2, "98.00", "98.00", "'98.00'::DECIMAL(4,2)"},
    {DECIMAL_10_2, "-0.5", "-0.50", "'-0.50'::DECIMAL(2,2)"},
    {DECIMAL_10_2, "1E+2", "100.00", "'100.00'::DECIMAL(5,2)"},
    {DECIMAL_10_2, "25e-2", "0.25", "'0.25'::DECIMAL(2,2)"},
    {DECIMAL_10_2, "0.000", "0.00", "'0.00'::DECIMAL(2,2)"},
    {DECIMAL_10_2, "00000000000000000000000000000000000000000007.1000000000000000000000000000000000000000000000",
     "7.10", "'7.10'::DECIMAL(3,2)"},
    {DECIMAL_10_2, "0.001", NULL, NULL},
    {DECIMAL_10_2, "99999999.99", "99999999.99", "'99999999.99'::DECIMAL(10,2)"},
    {DECIMAL_10_2, "100000000", NULL, NULL},
    {DECIMAL_10_2, "1e1000000000000", NULL, NULL},
    {DECIMAL_10_2, "1e38", NULL, NULL},
    {DECIMAL_10_2, ".", NULL, NULL},
    {DECIMAL_10_2, "1.2.3", NULL, NULL},
    {DECIMAL_10_2, "1e", NULL, NULL},
    {DECIMAL_10_2, "NaN", NULL, NULL},
    {{.kind = TARN_DATE}, "2026-01-31", "2026-01-31", "DATE '2026-01-31'"},
    {{.kind = TARN_DATE}, "2026-02-29", NULL, NULL},
    {{.kind = TARN_DATE}, "9999999-01-01", NULL, NULL},
    {{.kind = TARN_DATE}, "infinity", NULL, NULL},
    {{.kind = TARN_TIME}, "12:34:56.5", "12:34:56.5", "TIME '12:34:56.5'"},
    {{.kind = TARN_TIME}, "12:00:00", "12:00:00", "TIME '12:00:00'"},
    {{.kind = TARN_TIME}, "24:00:00", "24:00:00", "TIME '24:00:00'"},
    {{.kind = TARN_TIME}, "25:00:00", NULL, NULL},
    {{.kind = TARN_TIME}, "12:00:00+00", NULL, NULL},
    {{.kind = TARN_TIMESTAMP},
     "2020-01-01 00:00:00.5+00",
     "2020-01-01 00:00:00.5+00",
     "TIMESTAMPTZ '2020-01-01 00:00:00.5+00'"},
    {{.kind = TARN_TIMESTAMP},
     "2020-01-01T05:30:00+05:30",
     "2020-01-01 00:00:00+00",
     "TIMESTAMPTZ '2020-01-01 00:00:00+00'"},
    {{.kind = TARN_TIMESTAMP}, "2020-01-01", "2020-01-01 00:00:00+00", "TIMESTAMPTZ '2020-01-01 00:00:00+00'"},
    {{.kind = TARN_TIMESTAMP}, "2020-01-01 00:00:00.0000001+00", NULL, NULL},
    {{.kind = TARN_TIMESTAMP}, "300000-01-01 00:00:00+00", NULL, NULL},
    {{.kind = TARN_TIMESTAMP_NTZ},
     "1969-12-31 23:59:59.999999",
     "1969-12-31 23:59:59.999999",
     "TIMESTAMP '1969-12-31 23:59:59.999999'"},
    {{.kind = TARN_TIMESTAMP_NTZ}, "2020-01-01 00:00:00+00", NULL, NULL},
    {{.kind = TARN_TIMESTAMP_NTZ_NS},
     "1969-12-31 23:59:59.999999999",
     "1969-12-31 23:59:59.999999999",
     "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'"},
    {{.kind = TARN_TIMESTAMP_NS},
     "2020-01-01 00:00:00.12345678Z",
     "2020-01-01 00:00:00.12345678+00",
     "TIMESTAMPTZ '2020-01-01 00:00:00.12345678+00'"},
    {{.kind = TARN_TIMESTAMP_NTZ_NS}, "2263-01-01 00:00:00", NULL, NULL},
    {{.kind = TARN_STRING}, "it's", "it's", "'it''s'"},
    {{.kind = TARN_STRING}, "", "", "''"},
    {{.kind = TARN_BINARY}, "a\\x00\\xfF'", "a\\x00\\xFF\\x27", "'\\x61\\x00\\xFF\\x27'::BLOB"},
    {{.kind = TARN_BINARY}, "\\xA", NULL, NULL},
    {{.kind = TARN_BINARY}, "\\n41", NULL, NULL},
    {{.kind = TARN_BINARY}, "\\xGG", NULL, NULL},
    {{.kind = TARN_BINARY}, "\xc3\xa9", NULL, NULL},
    {FIXED_2, "ab", "ab", "'\\x61\\x62'::BLOB"},
    {FIXED_2, "abc", NULL, NULL},
    {{.kind = TARN_UUID},
     "01234567-89AB-cdef-0123-456789abcdef",
     "01234567-89ab-cdef-0123-456789abcdef",
     "'01234567-89ab-cdef-0123-456789abcdef'::UUID"},
    {{.kind = TARN_UUID}, "01234567-89AB-cdef-0123-456789abcde", NULL, NULL},
    {{.kind = TARN_VOID}, "x", NULL, NULL},
    {{.kind = TARN_LIST}, "[]", NULL, NULL},
};

static void test_text(void **state) {
    fixture *f = *state;
    for (size_t i = 0; i < sizeof text_cases / sizeof *text_cases; i++) {
        tarn_value v = {.kind = TARN_VARIANT};
        bool ok = parse(f, &text_cases[i].type, text_cases[i].text, &v);
        if (ok != (text_cases[i].plain != NULL))
            fail_msg("%s as %s", text_cases[i].text, tarn_kind_name(text_cases[i].type.kind));
        assert_int_equal(v.kind, ok ? text_cases[i].type.kind : TARN_VARIANT);
        if (!ok) continue;
        tarn_buf_clear(&f->out);
        tarn_value_text(&f->out, &v);
        assert_true(tarn_buf_ok(&f->out));
        assert_string_equal(f->out.data, text_cases[i].plain);
        tarn_buf_clear(&f->out);
        tarn_value_sql(&f->out, &v);
        assert_true(tarn_buf_ok(&f->out));
        assert_string_equal(f->out.data, text_cases[i].sql);
    }
}

static void test_literals_apart(void **state) {
    fixture *f = *state;
    tarn_value null = {.kind = TARN_DATE, .null = true}, zeros = {.kind = TARN_STRING, .s = TARN_LIT("a\0'")};
    tarn_value bad[] = {{.kind = TARN_VARIANT},
                        {.kind = TARN_DATE, .i = INT64_MAX},
                        {.kind = TARN_UUID, .s = TARN_LIT("short")},
                        {.kind = TARN_DECIMAL, .scale = -1},
                        {.kind = TARN_TIME, .i = -1}};
    tarn_value_sql(&f->out, &null);
    assert_string_equal(f->out.data, "NULL");
    tarn_buf_clear(&f->out);
    tarn_value_sql(&f->out, &zeros);
    assert_string_equal(f->out.data, "('a' || chr(0) || '''')");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tarn_buf_clear(&f->out);
        tarn_value_sql(&f->out, &bad[i]);
        assert_false(tarn_buf_ok(&f->out));
    }
}

/* Any bits of any kind print to text that reads back as the same value. */
static void test_text_round_trip(void **state) {
    fixture *f = *state;
    static const tarn_kind kinds[] = {
        TARN_INT64,     TARN_FLOAT32,       TARN_FLOAT64,      TARN_DECIMAL,          TARN_DATE,   TARN_TIME,
        TARN_TIMESTAMP, TARN_TIMESTAMP_NTZ, TARN_TIMESTAMP_NS, TARN_TIMESTAMP_NTZ_NS, TARN_BINARY, TARN_UUID};
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        bool ok;
        tarn_type type = {.kind = kinds[i % 12], .precision = 38, .scale = i % 39};
        uint64_t bits = next_random(&seed) >> next_random(&seed) % 60, more[2] = {next_random(&seed), bits};
        float narrow;
        tarn_value v = {.kind = type.kind}, back;
        v.i = (int64_t)bits * (i % 2 ? -1 : 1);
        memcpy(&narrow, &bits, sizeof narrow);
        if (type.kind == TARN_FLOAT32) v.f = narrow;
        if (type.kind == TARN_DATE) v.i %= 2000000;
        if (type.kind == TARN_TIME) v.i = (int64_t)(bits % UINT64_C(86400000000));
        if (type.kind == TARN_DECIMAL) v.dec = (__int128)v.i * (int64_t)(more[0] >> 4), v.scale = (int8_t)type.scale;
        if (type.kind == TARN_BINARY || type.kind == TARN_UUID) v.s = (tarn_str){(const char *)more, 16};
        tarn_buf_clear(&f->out);
        tarn_value_text(&f->out, &v);
        assert_true(tarn_buf_ok(&f->out));
        if (!tarn_value_parse((tarn_str){f->out.data, f->out.n}, &type, f->arena, &back)) fail_msg("%s", f->out.data);
        if (tarn_value_cmp(&v, &back, &ok) != 0 || !ok) fail_msg("%s", f->out.data);
    }
}

/* Every kind answers to any bytes. */
static void test_garbage(void **state) {
    fixture *f = *state;
    static const char bytes[] = "0123456789-+.:TZe \\xAFnaif\xff\0'";
    uint64_t seed = 7;
    int accepted = 0;
    for (int i = 0; i < 200000; i++) {
        char text[40];
        tarn_value v;
        size_t n = next_random(&seed) % sizeof text;
        for (size_t k = 0; k < n; k++) text[k] = bytes[next_random(&seed) % (sizeof bytes - 1)];
        char *exact = malloc(n ? n : 1); /* so that the sanitizer sees a read past the end */
        memcpy(exact, text, n);
        tarn_type type = {
            .kind = (tarn_kind)(i % (TARN_MAP + 1)), .precision = (int)(seed % 45), .scale = (int)(seed >> 8) % 40};
        accepted += tarn_value_parse((tarn_str){exact, n}, &type, f->arena, &v);
        free(exact);
    }
    assert_true(accepted > 200000 / (TARN_MAP + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_in_order),
        cmocka_unit_test(test_order_is_one),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test_setup_teardown(test_cast, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_literals_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
