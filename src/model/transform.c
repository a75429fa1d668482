/* transform.c: partition transforms: values, and the way back from partition values to ranges of the column. */
#include "model/transform.h"

#include "base/time.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define DAY_US (24 * HOUR_US)

static const struct {
    const char *name;
    tarn_transform transform;
    bool param;
} NAMES[] = {{"identity", TARN_IDENTITY, false}, {"bucket", TARN_BUCKET, true},       {"truncate", TARN_TRUNCATE, true},
             {"year", TARN_YEARS, false},        {"month", TARN_MONTHS, false},       {"day", TARN_DAYS, false},
             {"hour", TARN_HOURS, false},        {"void", TARN_VOID_TRANSFORM, false}};

void tarn_transform_parse(tarn_str text, tarn_transform *transform, int *param) {
    *transform = TARN_OTHER_TRANSFORM;
    *param = 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        tarn_str name = tarn_str_of(NAMES[i].name);
        int64_t n;
        if (text.n < name.n || !tarn_str_ieq((tarn_str){text.p, name.n}, name)) continue;
        tarn_str rest = {text.p + name.n, text.n - name.n};
        bool bracketed = rest.n > 2 && rest.p[0] == '[' && rest.p[rest.n - 1] == ']';
        if (!NAMES[i].param && rest.n == 0) *transform = NAMES[i].transform;
        if (!NAMES[i].param || !bracketed) continue;
        if (!tarn_parse_i64((tarn_str){rest.p + 1, rest.n - 2}, &n) || n < 1 || n > INT32_MAX) continue;
        *transform = NAMES[i].transform;
        *param = (int)n;
    }
}

void tarn_transform_print(tarn_buf *out, tarn_transform transform, int param) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (NAMES[i].transform != transform) continue;
        tarn_buf_puts(out, NAMES[i].name);
        if (NAMES[i].param) tarn_buf_printf(out, "[%d]", param);
    }
}

tarn_kind tarn_transform_kind(tarn_transform transform, tarn_kind source) {
    switch (transform) {
    case TARN_BUCKET:
    case TARN_YEARS:
    case TARN_MONTHS:
    case TARN_HOURS: return TARN_INT32;
    case TARN_DAYS: return TARN_DATE;
    default: return source;
    }
}

bool tarn_transform_fits(tarn_transform transform, const tarn_type *source) {
    tarn_kind k = source->kind;
    bool nested = tarn_type_nested(source) || k == TARN_VARIANT || k == TARN_VOID;
    bool time = k == TARN_TIMESTAMP || k == TARN_TIMESTAMP_NTZ || k == TARN_TIMESTAMP_NS || k == TARN_TIMESTAMP_NTZ_NS;
    bool whole = k >= TARN_INT8 && k <= TARN_INT64;
    switch (transform) {
    case TARN_IDENTITY: return !nested;
    case TARN_VOID_TRANSFORM: return true;
    case TARN_BUCKET: return !nested && k != TARN_BOOL && k != TARN_FLOAT32 && k != TARN_FLOAT64;
    case TARN_TRUNCATE: return whole || k == TARN_DECIMAL || k == TARN_STRING || k == TARN_BINARY;
    case TARN_YEARS:
    case TARN_MONTHS:
    case TARN_DAYS: return time || k == TARN_DATE;
    case TARN_HOURS: return time;
    default: return false;
    }
}

static uint32_t rotate(uint32_t x, int r) { return x << r | x >> (32 - r); }

/* MurmurHash3 x86 32-bit with seed 0. */
static uint32_t murmur3(const void *data, size_t n) {
    const unsigned char *p = data;
    uint32_t h = 0;
    for (size_t i = 0; i + 4 <= n; i += 4) {
        uint32_t k = p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
        h ^= rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
        h = rotate(h, 13) * 5 + 0xe6546b64u;
    }
    uint32_t rest = 0;
    for (size_t i = n & 3; i-- > 0;) rest = rest << 8 | p[(n & ~(size_t)3) + i];
    if (n & 3) h ^= rotate(rest * 0xcc9e2d51u, 15) * 0x1b873593u;
    h ^= (uint32_t)n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

static uint32_t hash_long(int64_t v) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)v >> (8 * i));
    return murmur3(bytes, 8);
}

/* The unscaled number in the fewest bytes of two's complement, the highest first. */
static uint32_t hash_decimal(__int128 v) {
    unsigned char bytes[16];
    for (int i = 0; i < 16; i++) bytes[15 - i] = (unsigned char)((unsigned __int128)v >> (8 * i));
    int at = 0;
    while (at < 15 && bytes[at] == (v < 0 ? 0xff : 0) && (bytes[at + 1] & 0x80) == (bytes[at] & 0x80)) at++;
    return murmur3(bytes + at, (size_t)(16 - at));
}

static bool hash_value(const tarn_value *v, uint32_t *out) {
    switch (v->kind) {
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64:
    case TARN_TIME:
    case TARN_DATE: /* the reference implementation hashes days as a long too */
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ: return *out = hash_long(v->i), true;
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS: return *out = hash_long(tarn_floor_div(v->i, 1000)), true;
    case TARN_DECIMAL: return *out = hash_decimal(v->dec), true;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
    case TARN_UUID: return *out = murmur3(v->s.p, v->s.n), true;
    default: return false;
    }
}

static bool is_int(tarn_kind kind) { return kind >= TARN_INT8 && kind <= TARN_INT64; }
static bool is_bytes(tarn_kind kind) { return kind == TARN_BINARY || kind == TARN_FIXED; }

static bool truncate_value(int width, const tarn_value *v, tarn_value *out) {
    *out = *v;
    if (is_int(v->kind)) {
        int64_t rest = v->i % width;
        return !__builtin_sub_overflow(v->i, rest < 0 ? rest + width : rest, &out->i);
    }
    if (v->kind == TARN_DECIMAL) {
        __int128 rest = v->dec % width;
        return !__builtin_sub_overflow(v->dec, rest < 0 ? rest + width : rest, &out->dec);
    }
    if (v->kind == TARN_STRING) out->s.n = tarn_utf8_prefix(v->s, (size_t)width);
    if (is_bytes(v->kind) && out->s.n > (size_t)width) out->s.n = (size_t)width;
    return v->kind == TARN_STRING || is_bytes(v->kind);
}

/* Microseconds of a point in time. */
static bool micros_of(const tarn_value *v, int64_t *us) {
    switch (v->kind) {
    case TARN_DATE: return !__builtin_mul_overflow(v->i, DAY_US, us);
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ: *us = v->i; return true;
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS: *us = tarn_floor_div(v->i, 1000); return true;
    default: return false;
    }
}

static bool time_value(tarn_transform transform, const tarn_value *v, int64_t *out) {
    int64_t us, year;
    int month, day;
    if (!micros_of(v, &us) || (transform == TARN_HOURS && v->kind == TARN_DATE)) return false;
    int64_t days = tarn_floor_div(us, DAY_US);
    tarn_civil_from_days(days, &year, &month, &day);
    switch (transform) {
    case TARN_YEARS: *out = year - 1970; break;
    case TARN_MONTHS: *out = (year - 1970) * 12 + month - 1; break;
    case TARN_DAYS: *out = days; break;
    default: *out = tarn_floor_div(us, HOUR_US); break;
    }
    return *out >= INT32_MIN && *out <= INT32_MAX;
}

bool tarn_transform_value(tarn_transform transform, int param, const tarn_value *value, tarn_value *out) {
    tarn_value v = {.kind = tarn_transform_kind(transform, value->kind)};
    uint32_t hash;
    if (value->null || transform == TARN_VOID_TRANSFORM) {
        v.null = true;
        *out = v;
        return true;
    }
    switch (transform) {
    case TARN_IDENTITY: v = *value; break;
    case TARN_BUCKET:
        if (!hash_value(value, &hash)) return false;
        v.i = (int32_t)(hash & INT32_MAX) % param;
        break;
    case TARN_TRUNCATE:
        if (!truncate_value(param, value, &v)) return false;
        break;
    case TARN_YEARS:
    case TARN_MONTHS:
    case TARN_DAYS:
    case TARN_HOURS:
        if (!time_value(transform, value, &v.i)) return false;
        break;
    default: return false;
    }
    *out = v;
    return true;
}

/* Where the unit begins, in microseconds; false where that does not fit. */
static bool unit_start(tarn_transform transform, int64_t n, int64_t *us) {
    if (n < INT32_MIN || n > INT32_MAX) return false;
    switch (transform) {
    case TARN_YEARS: return !__builtin_mul_overflow(tarn_days_from_civil(1970 + n, 1, 1), DAY_US, us);
    case TARN_MONTHS: {
        int64_t year = tarn_floor_div(n, 12);
        return !__builtin_mul_overflow(tarn_days_from_civil(1970 + year, (int)(n - year * 12) + 1, 1), DAY_US, us);
    }
    case TARN_DAYS: return !__builtin_mul_overflow(n, DAY_US, us);
    default: *us = n * HOUR_US; return true;
    }
}

/* The point in time as a value of the column. */
static bool set_time(const tarn_type *source, int64_t us, tarn_value *out) {
    tarn_value v = {.kind = source->kind, .i = us};
    switch (source->kind) {
    case TARN_DATE: v.i = tarn_floor_div(us, DAY_US); break;
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ: break;
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS:
        if (__builtin_mul_overflow(us, 1000, &v.i)) return false;
        break;
    default: return false;
    }
    *out = v;
    return true;
}

/* Old writers rounded times before 1970 towards it, so a unit that is not after 1970 may hold the one before it too. */
static void time_bounds(tarn_transform transform, const tarn_type *source, const tarn_value *low,
                        const tarn_value *high, tarn_bounds *out) {
    int64_t us;
    if (low) out->has_min = unit_start(transform, low->i - (low->i <= 0), &us) && set_time(source, us, &out->min);
    if (!high || !unit_start(transform, high->i + 1, &us)) return;
    out->has_max = set_time(source, us, &out->max);
    if (out->has_max) out->max.i -= 1;
}

/* What begins with the text is not above it with 0xFF behind it, a byte that no UTF-8 has. */
static tarn_value above_text(tarn_arena *arena, const tarn_value *v) {
    tarn_value above = *v;
    char *longer = tarn_arena_alloc(arena, v->s.n + 1);
    if (v->s.n) memcpy(longer, v->s.p, v->s.n);
    longer[v->s.n] = (char)0xff;
    above.s = (tarn_str){longer, v->s.n + 1};
    return above;
}

static void truncate_bounds(tarn_arena *arena, int width, const tarn_value *low, const tarn_value *high,
                            tarn_bounds *out) {
    if (low) out->min = *low, out->has_min = true;
    if (!high) return;
    out->max = *high;
    if (is_int(high->kind)) {
        out->has_max = !__builtin_add_overflow(high->i, width - 1, &out->max.i);
    } else if (high->kind == TARN_DECIMAL) {
        out->has_max = !__builtin_add_overflow(high->dec, width - 1, &out->max.dec);
    } else if (high->kind == TARN_STRING) {
        uint32_t point;
        size_t points = 0;
        for (size_t at = 0; at < high->s.n; points++) {
            size_t n = tarn_utf8_decode(high->s.p + at, high->s.n - at, &point);
            if (!n) return;
            at += n;
        }
        if (points >= (size_t)width) out->max = above_text(arena, high);
        out->has_max = true;
    } else if (is_bytes(high->kind)) {
        out->has_max = high->s.n < (size_t)width; /* whole, so it was not cut */
    }
}

void tarn_transform_bounds(tarn_arena *arena, tarn_transform transform, int param, const tarn_type *source,
                           const tarn_value *low, const tarn_value *high, tarn_bounds *out) {
    switch (transform) {
    case TARN_IDENTITY:
        if (low) out->min = *low, out->has_min = true;
        if (high) out->max = *high, out->has_max = true;
        break;
    case TARN_TRUNCATE: truncate_bounds(arena, param, low, high, out); break;
    case TARN_YEARS:
    case TARN_MONTHS:
    case TARN_DAYS:
    case TARN_HOURS: time_bounds(transform, source, low, high, out); break;
    default: break;
    }
}

/* The partition values of an equality's constants; NULL when one has none. */
static tarn_expr *project(tarn_arena *arena, const tarn_expr *e, tarn_transform transform, int param,
                          const tarn_type *source, int partition) {
    tarn_expr *in = tarn_expr_new(arena, TARN_EXPR_IN);
    in->column = partition;
    in->values = TARN_NEW_ARRAY(arena, tarn_value, e->n_values);
    for (size_t i = 0; i < e->n_values; i++) {
        tarn_value v;
        if (e->values[i].null || !tarn_value_cast(&e->values[i], source, &v)) return NULL;
        if (!tarn_transform_value(transform, param, &v, &in->values[i])) return NULL;
    }
    in->n_values = e->n_values;
    return in->n_values ? tarn_expr_simplify(arena, in) : NULL;
}

tarn_expr *tarn_transform_equalities(tarn_arena *arena, tarn_expr *expr, int column, tarn_transform transform,
                                     int param, const tarn_type *source, int partition) {
    bool equality = expr->op == TARN_EXPR_EQ || expr->op == TARN_EXPR_IN;
    if (equality && expr->column == column && !expr->path) {
        tarn_expr *same = project(arena, expr, transform, param, source, partition);
        return same ? tarn_expr_and(arena, expr, same) : expr;
    }
    if (!expr->n_args) return expr;
    tarn_expr *copy = tarn_expr_new(arena, expr->op);
    *copy = *expr;
    copy->cap_args = 0;
    copy->args = TARN_NEW_ARRAY(arena, tarn_expr *, expr->n_args);
    for (size_t i = 0; i < expr->n_args; i++)
        copy->args[i] = tarn_transform_equalities(arena, expr->args[i], column, transform, param, source, partition);
    return copy;
}
