/* value_text.c: scalars as text: parsing what DuckDB prints, and printing SQL literals and plain text. */
#include "model/value.h"

#include <math.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/time.h"

typedef unsigned __int128 u128;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool parse_int(tarn_str text, tarn_kind kind, tarn_value *out) {
    int bits = kind == TARN_INT8 ? 8 : kind == TARN_INT16 ? 16 : kind == TARN_INT32 ? 32 : 64;
    if (!tarn_parse_i64(text, &out->i)) return false;
    return bits == 64 || (out->i >= -(INT64_C(1) << (bits - 1)) && out->i < INT64_C(1) << (bits - 1));
}

static bool parse_float(tarn_str text, tarn_kind kind, tarn_value *out) {
    tarn_str rest = text;
    bool negative = rest.n && rest.p[0] == '-';
    if (rest.n && (negative || rest.p[0] == '+')) rest = (tarn_str){rest.p + 1, rest.n - 1};
    if (tarn_str_ieq(rest, TARN_LIT("nan"))) {
        out->f = NAN;
    } else if (tarn_str_ieq(rest, TARN_LIT("inf")) || tarn_str_ieq(rest, TARN_LIT("infinity"))) {
        out->f = negative ? -INFINITY : INFINITY;
    } else {
        if (!tarn_parse_f64(text, &out->f)) return false;
        if (kind == TARN_FLOAT32 && isinf((float)out->f)) return false;
    }
    if (kind == TARN_FLOAT32) out->f = (float)out->f;
    return true;
}

/* m * 10^n without overflow of 128 bits. */
static bool shift_up(u128 *m, int64_t n) {
    if (*m == 0) return true;
    for (; n > 0; n--)
        if (*m > (~(u128)0 >> 1) / 10)
            return false;
        else
            *m *= 10;
    return true;
}

/* The digits at *at with at most one point: m * 10^*exponent, m without zeros at its end. */
static bool scan_digits(tarn_str s, size_t *at, u128 *m, int64_t *exponent) {
    int64_t zeros = 0, fraction = 0;
    size_t i = *at, digits = 0;
    bool point = false;
    for (; i < s.n && (is_digit(s.p[i]) || (s.p[i] == '.' && !point)); i++) {
        if (s.p[i] == '.') {
            point = true;
            continue;
        }
        digits++;
        fraction += point;
        zeros++;
        if (s.p[i] == '0') continue;
        if (!shift_up(m, zeros)) return false;
        *m += (u128)(s.p[i] - '0');
        zeros = 0;
    }
    *at = i;
    *exponent = zeros - fraction;
    return digits > 0;
}

static bool parse_decimal(tarn_str s, const tarn_type *type, tarn_value *out) {
    u128 m = 0;
    int64_t exponent, e = 0;
    bool negative = s.n && s.p[0] == '-';
    size_t at = s.n && (negative || s.p[0] == '+');
    if (type->precision < 1 || type->precision > 38 || type->scale < 0 || type->scale > type->precision) return false;
    if (!scan_digits(s, &at, &m, &exponent)) return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        if (!tarn_parse_i64((tarn_str){s.p + at + 1, s.n - at - 1}, &e) || e < -1000000 || e > 1000000) return false;
        at = s.n;
    }
    if (at != s.n) return false;
    exponent += e + type->scale;
    if (m != 0 && (exponent < 0 || exponent > 38 || !shift_up(&m, exponent))) return false;
    u128 limit = 1;
    if (!shift_up(&limit, type->precision) || m >= limit) return false;
    out->dec = negative ? -(__int128)m : (__int128)m;
    out->scale = (int8_t)type->scale;
    return true;
}

/* The seventh to ninth digit of a fraction of seconds, as ns. */
static int64_t sub_micros(tarn_str s) {
    const char *point = memchr(s.p, '.', s.n);
    int64_t ns = 0;
    if (!point) return 0;
    bool ended = false;
    for (int i = 1; i <= 9; i++) {
        ended = ended || point + i >= s.p + s.n || !is_digit(point[i]);
        if (i > 6) ns = ns * 10 + (ended ? 0 : point[i] - '0');
    }
    return ns;
}

static bool parse_timestamp(tarn_str text, tarn_kind kind, tarn_value *out) {
    bool zoned, instant = kind == TARN_TIMESTAMP || kind == TARN_TIMESTAMP_NS;
    bool nanos = kind == TARN_TIMESTAMP_NS || kind == TARN_TIMESTAMP_NTZ_NS;
    int64_t us;
    if (!tarn_parse_timestamp(text, &us, &zoned) || (zoned && !instant)) return false;
    int64_t rest = sub_micros(text);
    /* Cut text would be no upper bound: better no value than a wrong one. */
    if (!nanos && rest) return false;
    __int128 v = nanos ? (__int128)us * 1000 + rest : us;
    if (v < INT64_MIN || v > INT64_MAX) return false;
    out->i = (int64_t)v;
    return true;
}

static bool parse_time(tarn_str text, tarn_value *out) {
    char stamp[64];
    bool zoned;
    if (text.n == 0 || text.n > 32) return false;
    if (tarn_str_is(text, "24:00:00")) return out->i = INT64_C(86400000000), true; /* DuckDB's last moment of a day */
    int n = snprintf(stamp, sizeof stamp, "1970-01-01 %.*s", (int)text.n, text.p);
    tarn_str whole = {stamp, (size_t)n};
    return tarn_parse_timestamp(whole, &out->i, &zoned) && !zoned && sub_micros(whole) == 0;
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    char low = c | 32;
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static bool parse_blob(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out) {
    char *bytes = tarn_arena_array(arena, text.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if ((unsigned char)c >= 0x80) return false;
        if (c == '\\') {
            if (text.n - i < 4 || text.p[i + 1] != 'x') return false;
            int high = hex_digit(text.p[i + 2]), low = hex_digit(text.p[i + 3]);
            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 3;
        }
        bytes[n++] = c;
    }
    if (type->kind == TARN_FIXED && (type->precision < 0 || n != (size_t)type->precision)) return false;
    out->s = (tarn_str){bytes, n};
    return true;
}

static bool parse_uuid(tarn_str text, tarn_arena *arena, tarn_value *out) {
    unsigned char bytes[16];
    if (!tarn_uuid_parse(text, bytes)) return false;
    out->s = (tarn_str){tarn_arena_strndup(arena, (const char *)bytes, 16), 16};
    return true;
}

static bool parse_bool(tarn_str text, tarn_value *out) {
    out->b = tarn_str_ieq(text, TARN_LIT("true"));
    return out->b || tarn_str_ieq(text, TARN_LIT("false"));
}

static bool parse_date(tarn_str text, tarn_value *out) {
    int32_t days;
    if (!tarn_parse_date(text, &days)) return false;
    out->i = days;
    return true;
}

static bool parse_kind(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *v) {
    switch (type->kind) {
    case TARN_BOOL: return parse_bool(text, v);
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64: return parse_int(text, type->kind, v);
    case TARN_FLOAT32:
    case TARN_FLOAT64: return parse_float(text, type->kind, v);
    case TARN_DECIMAL: return parse_decimal(text, type, v);
    case TARN_DATE: return parse_date(text, v);
    case TARN_TIME: return parse_time(text, v);
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS: return parse_timestamp(text, type->kind, v);
    case TARN_STRING: v->s = text; return true;
    case TARN_BINARY:
    case TARN_FIXED: return parse_blob(text, type, arena, v);
    case TARN_UUID: return parse_uuid(text, arena, v);
    default: return false;
    }
}

bool tarn_value_parse(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out) {
    tarn_value v = {.kind = type->kind};
    if (!parse_kind(text, type, arena, &v)) return false;
    *out = v;
    return true;
}

/* printf's decimal point is the host program's locale's; ours is a point. */
static void put_float(tarn_buf *out, double f, int digits) {
    char text[64];
    snprintf(text, sizeof text, "%.*g", digits, f);
    bool point = false;
    for (const char *c = text; *c; c++) {
        bool plain = is_digit(*c) || *c == '-' || *c == '+' || *c == 'e';
        if (plain)
            tarn_buf_putc(out, *c);
        else if (!point)
            tarn_buf_putc(out, '.');
        point = point || !plain;
    }
}

/* The fewest digits that read back as the same float. */
static void put_shortest(tarn_buf *out, double f, tarn_kind kind) {
    bool narrow = kind == TARN_FLOAT32;
    if (isnan(f)) return tarn_buf_puts(out, "NaN");
    if (isinf(f)) return tarn_buf_puts(out, f < 0 ? "-Infinity" : "Infinity");
    for (int digits = narrow ? 6 : 15;; digits++) {
        size_t start = out->n;
        double back;
        put_float(out, f, digits);
        if (out->failed || digits == (narrow ? 9 : 17)) return;
        if (tarn_parse_f64((tarn_str){out->data + start, out->n - start}, &back) && (narrow ? (float)back : back) == f)
            return;
        out->n = start;
    }
}

static void put_decimal(tarn_buf *out, __int128 m, int scale) {
    char digits[48];
    int n = 0;
    u128 rest = m < 0 ? -(u128)m : (u128)m;
    if (scale < 0 || scale > 38) {
        out->failed = true;
        return;
    }
    for (; rest || n <= scale; rest /= 10) digits[n++] = (char)('0' + (int)(rest % 10));
    if (m < 0) tarn_buf_putc(out, '-');
    while (n > 0) {
        if (n == scale) tarn_buf_putc(out, '.');
        tarn_buf_putc(out, digits[--n]);
    }
}

static void put_date(tarn_buf *out, int64_t days) {
    char text[TARN_TIME_TEXT];
    if (days < INT32_MIN || days > INT32_MAX) {
        out->failed = true;
        return;
    }
    tarn_format_date((int32_t)days, text);
    tarn_buf_puts(out, text);
}

/* "00:00:00.500" becomes "00:00:00.5", and "00:00:00.000" "00:00:00". */
static void trim_fraction(tarn_buf *out) {
    if (out->failed) return;
    while (out->data[out->n - 1] == '0') out->n--;
    if (out->data[out->n - 1] == '.') out->n--;
    out->data[out->n] = 0;
}

/* Nanoseconds floor, so that the fraction counts forward. */
static void put_timestamp(tarn_buf *out, int64_t v, bool nanos) {
    char text[TARN_TIME_TEXT], fraction[16];
    int64_t rest = nanos ? (v % 1000 + 1000) % 1000 : 0;
    int64_t us = nanos ? v / 1000 - (v % 1000 < 0) : v;
    int n = tarn_format_timestamp(us, ' ', 6, "", text);
    snprintf(fraction, sizeof fraction, "%03d", (int)rest);
    tarn_buf_add(out, text, (size_t)n);
    tarn_buf_puts(out, fraction);
    trim_fraction(out);
}

static void put_time(tarn_buf *out, int64_t us) {
    char text[TARN_TIME_TEXT];
    if (us < 0 || us > INT64_C(86400000000)) {
        out->failed = true;
        return;
    }
    if (us == INT64_C(86400000000)) return tarn_buf_puts(out, "24:00:00");
    tarn_format_timestamp(us, ' ', 6, "", text);
    tarn_buf_puts(out, strchr(text, ' ') + 1);
    trim_fraction(out);
}

static void put_uuid(tarn_buf *out, tarn_str s) {
    char text[TARN_UUID_TEXT];
    if (s.n != 16) {
        out->failed = true;
        return;
    }
    tarn_uuid_text((const unsigned char *)s.p, text);
    tarn_buf_puts(out, text);
}

static void put_blob(tarn_buf *out, tarn_str s, bool all) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = !all && c >= 32 && c < 127 && !strchr("\\'\"", c);
        char escape[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
        tarn_buf_add(out, plain ? (const char *)&s.p[i] : escape, plain ? 1 : 4);
    }
}

/* A zero byte cannot stand in the text of a statement, so chr(0) is put between the parts. */
static void put_sql_string(tarn_buf *out, tarn_str s) {
    bool zeros = s.n && memchr(s.p, 0, s.n);
    tarn_buf_puts(out, zeros ? "('" : "'");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == 0) {
            tarn_buf_puts(out, "' || chr(0) || '");
            continue;
        }
        if (s.p[i] == '\'') tarn_buf_putc(out, '\'');
        tarn_buf_putc(out, s.p[i]);
    }
    tarn_buf_puts(out, zeros ? "')" : "'");
}

static void put_sql_float(tarn_buf *out, const tarn_value *v) {
    bool narrow = v->kind == TARN_FLOAT32;
    tarn_buf_putc(out, '\'');
    if (isfinite(v->f))
        put_float(out, v->f, narrow ? 9 : 17);
    else
        put_shortest(out, v->f, v->kind);
    tarn_buf_puts(out, narrow ? "'::FLOAT" : "'::DOUBLE");
}

static void put_sql_decimal(tarn_buf *out, const tarn_value *v) {
    int digits = 0;
    for (u128 m = v->dec < 0 ? -(u128)v->dec : (u128)v->dec; m; m /= 10) digits++;
    if (digits < v->scale) digits = v->scale;
    if (digits > 38) out->failed = true;
    tarn_buf_putc(out, '\'');
    put_decimal(out, v->dec, v->scale);
    tarn_buf_printf(out, "'::DECIMAL(%d,%d)", digits ? digits : 1, v->scale);
}

/* In quotes because -9223372036854775808 is not one literal but the negation of a larger number. */
static void put_sql_int(tarn_buf *out, const tarn_value *v) {
    static const char *const names[] = {
        [TARN_INT8] = "TINYINT", [TARN_INT16] = "SMALLINT", [TARN_INT32] = "INTEGER", [TARN_INT64] = "BIGINT"};
    const char *quote = v->i < 0 ? "'" : "";
    tarn_buf_printf(out, "%s%lld%s::%s", quote, (long long)v->i, quote, names[v->kind]);
}

void tarn_value_sql(tarn_buf *out, const tarn_value *value) {
    static const char *const before[] = {
        [TARN_DATE] = "DATE '",
        [TARN_TIME] = "TIME '",
        [TARN_TIMESTAMP] = "TIMESTAMPTZ '",
        [TARN_TIMESTAMP_NTZ] = "TIMESTAMP '",
        [TARN_TIMESTAMP_NS] = "TIMESTAMPTZ '",
        [TARN_TIMESTAMP_NTZ_NS] = "TIMESTAMP_NS '",
    };
    if (value->null) return tarn_buf_puts(out, "NULL");
    switch (value->kind) {
    case TARN_BOOL: return tarn_buf_puts(out, value->b ? "true" : "false");
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64: return put_sql_int(out, value);
    case TARN_FLOAT32:
    case TARN_FLOAT64: return put_sql_float(out, value);
    case TARN_DECIMAL: return put_sql_decimal(out, value);
    case TARN_STRING: return put_sql_string(out, value->s);
    case TARN_BINARY:
    case TARN_FIXED:
        tarn_buf_putc(out, '\'');
        put_blob(out, value->s, true);
        return tarn_buf_puts(out, "'::BLOB");
    case TARN_UUID:
        tarn_buf_putc(out, '\'');
        put_uuid(out, value->s);
        return tarn_buf_puts(out, "'::UUID");
    case TARN_DATE:
    case TARN_TIME:
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS:
        tarn_buf_puts(out, before[value->kind]);
        tarn_value_text(out, value);
        return tarn_buf_putc(out, '\'');
    default: out->failed = true; /* no literal stands for it: the caller sees it at tarn_buf_ok */
    }
}

bool tarn_values_key(tarn_arena *arena, const tarn_value *values, size_t n, tarn_str *out) {
    tarn_auto_buf key = TARN_BUF(1 << 20);
    for (size_t i = 0; i < n; i++) {
        tarn_value_sql(&key, &values[i]);
        tarn_buf_putc(&key, 0);
    }
    if (key.failed) return false;
    *out = (tarn_str){key.n ? tarn_arena_strndup(arena, key.data, key.n) : "", key.n};
    return true;
}

void tarn_value_text(tarn_buf *out, const tarn_value *value) {
    if (value->null) return tarn_buf_puts(out, "null");
    switch (value->kind) {
    case TARN_BOOL: return tarn_buf_puts(out, value->b ? "true" : "false");
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64: return tarn_buf_printf(out, "%lld", (long long)value->i);
    case TARN_FLOAT32:
    case TARN_FLOAT64: return put_shortest(out, value->f, value->kind);
    case TARN_DECIMAL: return put_decimal(out, value->dec, value->scale);
    case TARN_DATE: return put_date(out, value->i);
    case TARN_TIME: return put_time(out, value->i);
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NS:
        put_timestamp(out, value->i, value->kind == TARN_TIMESTAMP_NS);
        return tarn_buf_puts(out, "+00");
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NTZ_NS: return put_timestamp(out, value->i, value->kind == TARN_TIMESTAMP_NTZ_NS);
    case TARN_STRING: return tarn_buf_add(out, value->s.p, value->s.n);
    case TARN_BINARY:
    case TARN_FIXED: return put_blob(out, value->s, false);
    case TARN_UUID: return put_uuid(out, value->s);
    default: out->failed = true;
    }
}
