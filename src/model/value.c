/* value.c: comparing scalars exactly, across kinds, and casting them where nothing is lost. */
#include "model/value.h"

#include <math.h>

#define DAY_US INT64_C(86400000000)

typedef unsigned __int128 u128;

/* Exact numbers: m / 10^scale. */
typedef struct number {
    __int128 m;
    int scale;
} number;

static u128 power_of_ten(int n) {
    static const uint64_t small[] = {1u,
                                     10u,
                                     100u,
                                     1000u,
                                     10000u,
                                     100000u,
                                     1000000u,
                                     10000000u,
                                     100000000u,
                                     1000000000u,
                                     10000000000u,
                                     100000000000u,
                                     1000000000000u,
                                     10000000000000u,
                                     100000000000000u,
                                     1000000000000000u,
                                     10000000000000000u,
                                     100000000000000000u,
                                     1000000000000000000u,
                                     10000000000000000000u};
    return n < 20 ? small[n] : (u128)small[19] * small[n - 19];
}

static u128 magnitude(__int128 m) { return m < 0 ? -(u128)m : (u128)m; }

static bool is_int(tarn_kind kind) { return kind <= TARN_INT64 && kind >= TARN_INT8; }
static bool is_float(tarn_kind kind) { return kind == TARN_FLOAT32 || kind == TARN_FLOAT64; }

static bool get_number(const tarn_value *v, number *out) {
    if (is_int(v->kind)) return *out = (number){v->i, 0}, true;
    if (v->kind != TARN_DECIMAL || v->scale < 0 || v->scale > 38) return false;
    return *out = (number){v->dec, v->scale}, true;
}

static int sign_of(int64_t order) { return (order > 0) - (order < 0); }

static int cmp_u128(u128 a, u128 b) { return (a > b) - (a < b); }

/* Whole parts first; what is left is below 10^38 and can be brought to the larger scale without overflow. */
static int cmp_numbers(number a, number b) {
    if (a.scale == b.scale) return (a.m > b.m) - (a.m < b.m);
    if ((a.m < 0) != (b.m < 0)) return a.m < 0 ? -1 : 1;
    u128 pa = power_of_ten(a.scale), pb = power_of_ten(b.scale), ma = magnitude(a.m), mb = magnitude(b.m);
    int order = cmp_u128(ma / pa, mb / pb);
    if (order == 0 && a.scale < b.scale) order = cmp_u128(ma % pa * (pb / pa), mb % pb);
    if (order == 0 && a.scale > b.scale) order = cmp_u128(ma % pa, mb % pb * (pa / pb));
    return a.m < 0 ? -order : order;
}

/* Compares rest / unit with fraction, both in [0, 1), bit by bit of their binary expansions: each step is exact. */
static int cmp_fractions(u128 rest, u128 unit, double fraction) {
    for (;;) {
        if (rest == 0 || fraction == 0) return (rest > 0) - (fraction > 0);
        rest *= 2;
        fraction *= 2;
        int bit = rest >= unit, float_bit = fraction >= 1;
        if (bit != float_bit) return bit - float_bit;
        if (bit) rest -= unit;
        if (float_bit) fraction -= 1;
    }
}

static int cmp_number_float(number a, double f) {
    if (isnan(f)) return -1;
    if (f >= 0x1p127) return -1;
    if (f < -0x1p127) return 1;
    if (a.m >= 0 && f < 0) return 1;
    if (a.m < 0 && f >= 0) return -1;
    u128 unit = power_of_ten(a.scale), m = magnitude(a.m);
    double whole = trunc(fabs(f));
    int order = cmp_u128(m / unit, (u128)whole);
    if (order == 0) order = cmp_fractions(m % unit, unit, fabs(f) - whole);
    return a.m < 0 ? -order : order;
}

static int cmp_floats(double a, double b) {
    bool nan_a = isnan(a), nan_b = isnan(b);
    if (nan_a || nan_b) return nan_a - nan_b;
    return (a > b) - (a < b);
}

static int cmp_bytes(tarn_str a, tarn_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? sign_of(order) : (a.n > b.n) - (a.n < b.n);
}

/* Dates and times by the axis they lie on, in ns: an instant never compares with a wall clock. */
static bool get_time(const tarn_value *v, int *axis, __int128 *ns) {
    enum { WALL = 1, INSTANT, OF_DAY };
    switch (v->kind) {
    case TARN_DATE: *axis = WALL, *ns = (__int128)v->i * DAY_US * 1000; return true;
    case TARN_TIMESTAMP_NTZ: *axis = WALL, *ns = (__int128)v->i * 1000; return true;
    case TARN_TIMESTAMP_NTZ_NS: *axis = WALL, *ns = v->i; return true;
    case TARN_TIMESTAMP: *axis = INSTANT, *ns = (__int128)v->i * 1000; return true;
    case TARN_TIMESTAMP_NS: *axis = INSTANT, *ns = v->i; return true;
    case TARN_TIME: *axis = OF_DAY, *ns = (__int128)v->i * 1000; return true;
    default: return false;
    }
}

static bool is_bytes(tarn_kind kind) { return kind == TARN_BINARY || kind == TARN_FIXED; }

int tarn_value_cmp(const tarn_value *a, const tarn_value *b, bool *ok) {
    number x, y;
    int axis_a, axis_b;
    __int128 ns_a, ns_b;
    *ok = !a->null && !b->null;
    if (!*ok) return 0;
    if (is_int(a->kind) && is_int(b->kind)) return (a->i > b->i) - (a->i < b->i);
    if (is_float(a->kind) && is_float(b->kind)) return cmp_floats(a->f, b->f);
    bool number_a = get_number(a, &x), number_b = get_number(b, &y);
    if (number_a && number_b) return cmp_numbers(x, y);
    if (number_a && is_float(b->kind)) return cmp_number_float(x, b->f);
    if (number_b && is_float(a->kind)) return -cmp_number_float(y, a->f);
    bool bytes = (is_bytes(a->kind) && is_bytes(b->kind)) ||
                 (a->kind == b->kind && (a->kind == TARN_STRING || a->kind == TARN_UUID));
    if (bytes) return cmp_bytes(a->s, b->s);
    if (a->kind == TARN_BOOL && b->kind == TARN_BOOL) return (int)a->b - (int)b->b;
    if (get_time(a, &axis_a, &ns_a) && get_time(b, &axis_b, &ns_b) && axis_a == axis_b)
        return (ns_a > ns_b) - (ns_a < ns_b);
    *ok = false;
    return 0;
}

static bool fits_int(__int128 v, tarn_kind kind) {
    int bits = kind == TARN_INT8 ? 8 : kind == TARN_INT16 ? 16 : kind == TARN_INT32 ? 32 : 64;
    __int128 limit = (__int128)1 << (bits - 1);
    return v >= -limit && v < limit;
}

/* A finite float as m / 10^scale. A fraction of j binary digits needs j decimal ones, so `scale` bounds the loop. */
static bool float_to_number(double f, int scale, number *out) {
    double rest = fabs(f), whole = trunc(rest);
    if (!(rest < 0x1p126)) return false;
    rest -= whole;
    int digits = 0;
    for (; rest != trunc(rest); digits++) {
        if (digits == scale) return false;
        rest *= 2;
    }
    __int128 m, fraction = (__int128)rest;
    if (__builtin_mul_overflow((__int128)whole, (__int128)power_of_ten(scale), &m)) return false;
    for (int i = 0; i < scale; i++) fraction *= i < digits ? 5 : 10;
    if (__builtin_add_overflow(m, fraction, &m)) return false;
    *out = (number){f < 0 ? -m : m, scale};
    return true;
}

static bool to_decimal(number n, const tarn_type *to, tarn_value *out) {
    if (to->precision < 1 || to->precision > 38 || to->scale < 0 || to->scale > to->precision) return false;
    if (n.scale > to->scale) {
        __int128 unit = (__int128)power_of_ten(n.scale - to->scale);
        if (n.m % unit != 0) return false;
        n.m /= unit;
    } else if (__builtin_mul_overflow(n.m, (__int128)power_of_ten(to->scale - n.scale), &n.m)) {
        return false;
    }
    if (magnitude(n.m) >= power_of_ten(to->precision)) return false;
    out->dec = n.m;
    out->scale = (int8_t)to->scale;
    return true;
}

static bool to_float(const tarn_value *from, tarn_kind to, tarn_value *out) {
    number n;
    bool ok;
    if (is_float(from->kind))
        out->f = from->f;
    else if (get_number(from, &n))
        out->f = (double)n.m / (double)power_of_ten(n.scale);
    else
        return false;
    if (to == TARN_FLOAT32) out->f = (float)out->f;
    if (isnan(out->f)) return true;
    return tarn_value_cmp(from, out, &ok) == 0 && ok;
}

static bool to_numeric(const tarn_value *from, const tarn_type *to, tarn_value *out) {
    number n;
    if (is_float(to->kind)) return to_float(from, to->kind, out);
    if (is_float(from->kind)) {
        if (!float_to_number(from->f, to->kind == TARN_DECIMAL && to->scale >= 0 && to->scale <= 38 ? to->scale : 0,
                             &n))
            return false;
    } else if (!get_number(from, &n)) {
        return false;
    }
    if (to->kind == TARN_DECIMAL) return to_decimal(n, to, out);
    if (n.m % (__int128)power_of_ten(n.scale) != 0) return false;
    n.m /= (__int128)power_of_ten(n.scale);
    out->i = (int64_t)n.m;
    return fits_int(n.m, to->kind);
}

static bool to_time(const tarn_value *from, tarn_kind to, tarn_value *out) {
    int axis, axis_to;
    __int128 ns, unused;
    tarn_value probe = {.kind = to};
    if (!get_time(from, &axis, &ns) || !get_time(&probe, &axis_to, &unused) || axis != axis_to) return false;
    bool nanos = to == TARN_TIMESTAMP_NS || to == TARN_TIMESTAMP_NTZ_NS;
    __int128 unit = to == TARN_DATE ? (__int128)DAY_US * 1000 : nanos ? 1 : 1000;
    if (ns % unit != 0 || ns / unit < INT64_MIN || ns / unit > INT64_MAX) return false;
    out->i = (int64_t)(ns / unit);
    return to != TARN_DATE || fits_int(out->i, TARN_INT32);
}

bool tarn_value_cast(const tarn_value *from, const tarn_type *to, tarn_value *out) {
    tarn_value v = {.kind = to->kind, .null = from->null};
    bool ok = false;
    if (from->null) {
        v.scale = to->kind == TARN_DECIMAL ? (int8_t)to->scale : 0;
        ok = true;
    } else if (is_int(to->kind) || is_float(to->kind) || to->kind == TARN_DECIMAL) {
        ok = to_numeric(from, to, &v);
    } else if (is_bytes(from->kind) && is_bytes(to->kind)) {
        v.s = from->s;
        ok = to->kind == TARN_BINARY || (to->precision >= 0 && from->s.n == (size_t)to->precision);
    } else if (from->kind == to->kind && (to->kind == TARN_STRING || to->kind == TARN_UUID)) {
        v.s = from->s;
        ok = true;
    } else if (from->kind == TARN_BOOL && to->kind == TARN_BOOL) {
        v.b = from->b;
        ok = true;
    } else {
        ok = to_time(from, to->kind, &v);
    }
    if (ok) *out = v;
    return ok;
}
