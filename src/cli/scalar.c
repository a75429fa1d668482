/* scalar.c: writes numbers and times; the calendar is the proleptic Gregorian one. */
#include "scalar.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DECIMAL_BYTES_MAX = 32, DECIMAL_DIGITS_MAX = 80 };

/* Divides by ten in place; returns the remainder. */
static unsigned divide_by_ten(uint32_t *limbs, int n) {
    uint64_t rest = 0;
    for (int i = n - 1; i >= 0; i--) {
        uint64_t v = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(v / 10);
        rest = v % 10;
    }
    return (unsigned)rest;
}

static bool is_zero(const uint32_t *limbs, int n) {
    for (int i = 0; i < n; i++)
        if (limbs[i]) return false;
    return true;
}

void cli_put_decimal(cli_buf *b, const unsigned char *p, int width, int scale) {
    uint32_t limbs[DECIMAL_BYTES_MAX / 4] = {0};
    char digits[DECIMAL_DIGITS_MAX];
    int n = width < 4 ? 1 : width / 4, count = 0;
    bool negative = (p[width - 1] & 0x80) != 0;
    memset(limbs, negative ? 0xff : 0, sizeof limbs);
    memcpy(limbs, p, (size_t)width);
    uint64_t carry = 1;
    for (int i = 0; negative && i < n; i++) {
        carry += (uint32_t)~limbs[i];
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    do digits[count++] = (char)('0' + divide_by_ten(limbs, n));
    while (!is_zero(limbs, n) && count < DECIMAL_DIGITS_MAX);
    if (negative) cli_putc(b, '-');
    if (scale >= count) cli_putc(b, '0');
    for (int i = count - 1; i >= scale && i >= 0; i--) cli_putc(b, digits[i]);
    if (scale < 0) cli_pad(b, '0', (size_t)-scale);
    if (scale <= 0) return;
    cli_putc(b, '.');
    if (scale > count) cli_pad(b, '0', (size_t)(scale - count));
    for (int i = (scale < count ? scale : count) - 1; i >= 0; i--) cli_putc(b, digits[i]);
}

void cli_put_double(cli_buf *b, double v, bool single) {
    if (isnan(v)) return cli_puts(b, "NaN");
    if (isinf(v)) return cli_puts(b, v < 0 ? "-Infinity" : "Infinity");
    size_t at = b->n;
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        b->n = at;
        cli_printf(b, "%.*g", digits, v);
        const char *text = cli_text(b) + at;
        if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v) break;
    }
    if (!strpbrk(cli_text(b) + at, ".e")) cli_puts(b, ".0");
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/* Days since 1970 to a date: years begin in March, so that the leap day is the last of its year. */
void cli_put_date(cli_buf *b, int64_t days) {
    int64_t z = days + 719468, era = floor_div(z, 146097), day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100),
            month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    if (year < 0) cli_putc(b, '-');
    cli_printf(b, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, year < 0 ? -year : year, month, day);
}

static int64_t power_of_ten(int n) {
    int64_t p = 1;
    while (n-- > 0) p *= 10;
    return p;
}

/* What is after the second: `fraction` of 10^digits. */
static void put_fraction(cli_buf *b, int64_t fraction, int digits, int shown) {
    if (shown < 0) {
        if (!fraction) return;
        for (shown = digits; fraction % 10 == 0; shown--) fraction /= 10;
    } else {
        for (; digits < shown; digits++) fraction *= 10;
        for (; digits > shown; digits--) fraction /= 10;
    }
    if (shown) cli_printf(b, ".%0*" PRId64, shown, fraction);
}

void cli_put_time(cli_buf *b, int64_t v, int digits, int shown) {
    int64_t unit = power_of_ten(digits), seconds = floor_div(v, unit), fraction = v - seconds * unit;
    cli_printf(b, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600, seconds / 60 % 60, seconds % 60);
    put_fraction(b, fraction, digits, shown);
}

void cli_put_timestamp(cli_buf *b, int64_t v, int digits, int shown, char between) {
    int64_t day = 86400 * power_of_ten(digits), days = floor_div(v, day);
    cli_put_date(b, days);
    cli_putc(b, between);
    /* v - days * day, which would overflow at the very first instants. */
    int64_t rest = v % day;
    cli_put_time(b, rest < 0 ? rest + day : rest, digits, shown);
}

static void put_unit(cli_buf *b, int64_t n, const char *unit, const char **gap) {
    if (!n) return;
    cli_printf(b, "%s%" PRId64 " %s%s", *gap, n, unit, n == 1 || n == -1 ? "" : "s");
    *gap = " ";
}

void cli_put_interval(cli_buf *b, int64_t months, int64_t days, int64_t v, int digits) {
    const char *gap = "";
    put_unit(b, months / 12, "year", &gap);
    put_unit(b, months % 12, "month", &gap);
    put_unit(b, days, "day", &gap);
    if (!v && *gap) return;
    cli_puts(b, gap);
    if (v < 0) cli_putc(b, '-');
    uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v;
    cli_put_time(b, size > INT64_MAX ? INT64_MAX : (int64_t)size, digits, -1);
}

void cli_put_hex(cli_buf *b, const unsigned char *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    char *to = cli_room(b, 2 * n);
    for (size_t i = 0; i < n; i++) {
        *to++ = digits[p[i] >> 4];
        *to++ = digits[p[i] & 15];
    }
    b->n += 2 * n;
}

void cli_put_uuid(cli_buf *b, const unsigned char *p) {
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) cli_putc(b, '-');
        cli_put_hex(b, p + i, 1);
    }
}
