/* value.c: reads values where they lie in Arrow arrays (Arrow Columnar Format 1.4, "Physical Memory Layout") and writes
 * them as text or JSON. */
#include <string.h>

#include "column.h"
#include "scalar.h"

static bool bit_at(const void *bits, int64_t k) { return ((const unsigned char *)bits)[k / 8] >> (k % 8) & 1; }

static int64_t int_at(const void *p, int width, bool is_signed, int64_t k) {
    switch (width) {
    case 1: return is_signed ? ((const int8_t *)p)[k] : ((const uint8_t *)p)[k];
    case 2: return is_signed ? ((const int16_t *)p)[k] : ((const uint16_t *)p)[k];
    case 4: return is_signed ? ((const int32_t *)p)[k] : (int64_t)((const uint32_t *)p)[k];
    default: return ((const int64_t *)p)[k];
    }
}

/* IEEE 754 binary16. */
static double half_at(const void *p, int64_t k) {
    uint16_t h = ((const uint16_t *)p)[k];
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double v = exponent == 31 ? (fraction ? __builtin_nan("") : __builtin_inf())
               : exponent     ? __builtin_ldexp(1024 + fraction, exponent - 25)
                              : __builtin_ldexp(fraction, -24);
    return h & 0x8000 ? -v : v;
}

static void put_float(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t k, bool json) {
    double v = t->width == 8   ? ((const double *)a->buffers[1])[k]
               : t->width == 4 ? ((const float *)a->buffers[1])[k]
                               : half_at(a->buffers[1], k);
    bool quote = json && v - v != 0; /* NaN and the infinities are no JSON numbers */
    if (quote) cli_putc(b, '"');
    cli_put_double(b, v, t->width < 8);
    if (quote) cli_putc(b, '"');
}

bool cli_is_null(const cli_type *t, const struct ArrowArray *a, int64_t i) {
    int64_t k = a->offset + i;
    if (t->kind == CLI_K_NULL) return true;
    if (t->kind == CLI_K_UNION) {
        signed char member = t->members[((const signed char *)a->buffers[0])[k] & 127];
        if (member < 0 || (size_t)member >= t->n_children) return true;
        return cli_is_null(&t->children[member], a->children[member],
                           t->dense ? ((const int32_t *)a->buffers[1])[k] : k);
    }
    if (a->null_count != 0 && a->n_buffers > 0 && a->buffers[0] && !bit_at(a->buffers[0], k)) return true;
    return t->kind == CLI_K_ENUM &&
           cli_is_null(&t->children[0], a->dictionary, int_at(a->buffers[1], t->width, t->is_signed, k));
}

/* "Variable-size Binary View Layout": up to 12 bytes lie in the view itself. */
static const char *view_at(const struct ArrowArray *a, int64_t k, size_t *n) {
    const char *view = (const char *)a->buffers[1] + 16 * k;
    int32_t length, buffer, offset;
    memcpy(&length, view, 4);
    *n = (size_t)length;
    if (length <= 12) return view + 4;
    memcpy(&buffer, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    return (const char *)a->buffers[2 + buffer] + offset;
}

const char *cli_bytes(const cli_type *t, const struct ArrowArray *a, int64_t i, size_t *n) {
    int64_t k = a->offset + i;
    if (t->kind == CLI_K_FIXED || t->kind == CLI_K_UUID) {
        *n = (size_t)t->width;
        return (const char *)a->buffers[1] + t->width * k;
    }
    if (t->width == 16) return view_at(a, k, n);
    int64_t from = int_at(a->buffers[1], t->width, true, k), to = int_at(a->buffers[1], t->width, true, k + 1);
    *n = (size_t)(to - from);
    return *n ? (const char *)a->buffers[2] + from : "";
}

/* The items of a list: rows from..to of its child. */
static void list_range(const cli_type *t, const struct ArrowArray *a, int64_t i, int64_t *from, int64_t *to) {
    int64_t k = a->offset + i;
    if (t->kind == CLI_K_FIXED_LIST) {
        *from = k * t->width;
        *to = *from + t->width;
        return;
    }
    *from = int_at(a->buffers[1], t->width, true, k);
    *to = t->kind == CLI_K_LIST_VIEW ? *from + int_at(a->buffers[2], t->width, true, k)
                                     : int_at(a->buffers[1], t->width, true, k + 1);
}

static void put_list(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i) {
    int64_t from, to;
    list_range(t, a, i, &from, &to);
    cli_putc(b, '[');
    for (int64_t row = from; row < to; row++) {
        if (row > from) cli_putc(b, ',');
        cli_put_json(b, &t->children[0], a->children[0], row);
    }
    cli_putc(b, ']');
}

static void put_map(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i) {
    int64_t from, to;
    const cli_type *entry = &t->children[0];
    const struct ArrowArray *entries = a->children[0];
    list_range(t, a, i, &from, &to);
    cli_putc(b, '[');
    for (int64_t row = from; row < to && entry->n_children == 2; row++) {
        int64_t at = cli_child_row(entries, row);
        cli_puts(b, row > from ? ",[" : "[");
        cli_put_json(b, &entry->children[0], entries->children[0], at);
        cli_putc(b, ',');
        cli_put_json(b, &entry->children[1], entries->children[1], at);
        cli_putc(b, ']');
    }
    cli_putc(b, ']');
}

static void put_struct(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i) {
    cli_putc(b, '{');
    for (size_t c = 0; c < t->n_children; c++) {
        if (c) cli_putc(b, ',');
        cli_add_json_string(b, t->children[c].name, strlen(t->children[c].name));
        cli_putc(b, ':');
        cli_put_json(b, &t->children[c], a->children[c], cli_child_row(a, i));
    }
    cli_putc(b, '}');
}

/* DuckDB's infinite dates and timestamps are the ends of their range. */
static bool put_infinity(cli_buf *b, int64_t v, int64_t last) {
    if (v != last && v != -last) return false;
    cli_puts(b, v < 0 ? "-infinity" : "infinity");
    return true;
}

static void put_interval(cli_buf *b, const cli_type *t, const void *values, int64_t k) {
    int32_t pair[2];
    int64_t ns;
    if (t->kind == CLI_K_MONTHS) return cli_put_interval(b, ((const int32_t *)values)[k], 0, 0, 0);
    memcpy(pair, (const char *)values + t->width * k, sizeof pair);
    if (t->kind == CLI_K_DAY_MS) return cli_put_interval(b, 0, pair[0], pair[1], 3);
    memcpy(&ns, (const char *)values + 16 * k + 8, sizeof ns);
    cli_put_interval(b, pair[0], pair[1], ns, 9);
}

/* Times of all kinds, without quotes. In JSON they have a fixed form, in text the shortest. */
static void put_temporal(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i, bool json) {
    const void *values = a->buffers[1];
    int64_t k = a->offset + i, v = t->width == 16 ? 0 : int_at(values, t->width, true, k);
    int shown = json ? (t->digits > 6 ? 9 : 6) : -1;
    switch (t->kind) {
    case CLI_K_DATE:
        if (t->width == 8) v = v / 86400000 - (v % 86400000 < 0);
        if (!put_infinity(b, v, INT32_MAX)) cli_put_date(b, v);
        return;
    case CLI_K_TIME: cli_put_time(b, v, t->digits, shown); return;
    case CLI_K_TIMESTAMP:
        if (put_infinity(b, v, INT64_MAX)) return;
        cli_put_timestamp(b, v, t->digits, shown, json ? 'T' : ' ');
        if (t->zoned) cli_puts(b, json ? "Z" : "+00");
        return;
    case CLI_K_DURATION: cli_put_interval(b, 0, 0, v, t->digits); return;
    default: put_interval(b, t, values, k);
    }
}

enum { EXACT_BITS = 53 };

/* Integers that a double cannot hold are strings: most readers of JSON would change them. */
static bool is_exact(const cli_type *t, int64_t v) {
    int64_t limit = (int64_t)1 << EXACT_BITS;
    if (t->kind == CLI_K_UINT && v < 0) return false;
    return v >= -limit && v <= limit;
}

static void put_int(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t k, bool json) {
    int64_t v = int_at(a->buffers[1], t->width, t->kind == CLI_K_INT, k);
    bool quote = json && !is_exact(t, v);
    if (quote) cli_putc(b, '"');
    if (t->kind == CLI_K_UINT)
        cli_printf(b, "%llu", (unsigned long long)v);
    else
        cli_printf(b, "%lld", (long long)v);
    if (quote) cli_putc(b, '"');
}

static void put_decimal(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t k, bool json) {
    const unsigned char *p = (const unsigned char *)a->buffers[1] + t->width * k;
    int64_t low = 0, high = 0;
    if (t->is_integer) {
        memcpy(&low, p, 8);
        memcpy(&high, p + 8, 8);
    }
    bool quote = json && !(t->is_integer && high == (low < 0 ? -1 : 0) && is_exact(t, low));
    if (quote) cli_putc(b, '"');
    cli_put_decimal(b, p, t->width, t->scale);
    if (quote) cli_putc(b, '"');
}

/* What looks the same in JSON and in text; false: the others. */
static bool put_simple(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i, bool json) {
    int64_t k = a->offset + i;
    switch (t->kind) {
    case CLI_K_BOOL:
        cli_puts(b, (t->width ? int_at(a->buffers[1], 1, true, k) != 0 : bit_at(a->buffers[1], k)) ? "true" : "false");
        return true;
    case CLI_K_INT:
    case CLI_K_UINT: put_int(b, t, a, k, json); return true;
    case CLI_K_FLOAT: put_float(b, t, a, k, json); return true;
    case CLI_K_DECIMAL: put_decimal(b, t, a, k, json); return true;
    case CLI_K_LIST:
    case CLI_K_LIST_VIEW:
    case CLI_K_FIXED_LIST: put_list(b, t, a, i); return true;
    case CLI_K_MAP: put_map(b, t, a, i); return true;
    case CLI_K_STRUCT: put_struct(b, t, a, i); return true;
    default: return false;
    }
}

typedef void put_fn(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i);

/* Values that are another column's: of a dictionary, or of a union's member. */
static bool put_other(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i, put_fn *put) {
    int64_t k = a->offset + i;
    if (t->kind == CLI_K_ENUM) {
        put(b, &t->children[0], a->dictionary, int_at(a->buffers[1], t->width, t->is_signed, k));
        return true;
    }
    if (t->kind != CLI_K_UNION) return false;
    signed char member = t->members[((const signed char *)a->buffers[0])[k] & 127];
    put(b, &t->children[member], a->children[member], t->dense ? ((const int32_t *)a->buffers[1])[k] : k);
    return true;
}

static void put_bytes(cli_buf *b, const cli_type *t, const char *p, size_t n) {
    if (t->kind == CLI_K_UUID)
        cli_put_uuid(b, (const unsigned char *)p);
    else
        cli_put_hex(b, (const unsigned char *)p, n);
}

void cli_put_json(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i) {
    size_t n;
    if (cli_is_null(t, a, i)) return cli_puts(b, "null");
    if (put_simple(b, t, a, i, true) || put_other(b, t, a, i, cli_put_json)) return;
    if (t->kind == CLI_K_TEXT) {
        const char *p = cli_bytes(t, a, i, &n);
        return cli_add_json_string(b, p, n);
    }
    cli_putc(b, '"');
    if (t->kind == CLI_K_BINARY || t->kind == CLI_K_FIXED || t->kind == CLI_K_UUID) {
        const char *p = cli_bytes(t, a, i, &n);
        put_bytes(b, t, p, n);
    } else {
        put_temporal(b, t, a, i, true);
    }
    cli_putc(b, '"');
}

void cli_put_text(cli_buf *b, const cli_type *t, const struct ArrowArray *a, int64_t i) {
    size_t n;
    if (cli_is_null(t, a, i) || put_simple(b, t, a, i, false) || put_other(b, t, a, i, cli_put_text)) return;
    if (t->kind == CLI_K_TEXT || t->kind == CLI_K_BINARY || t->kind == CLI_K_FIXED || t->kind == CLI_K_UUID) {
        const char *p = cli_bytes(t, a, i, &n);
        if (t->kind == CLI_K_TEXT)
            cli_add(b, p, n);
        else
            put_bytes(b, t, p, n);
    } else {
        put_temporal(b, t, a, i, false);
    }
}
