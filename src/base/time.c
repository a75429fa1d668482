/* time.c: the calendar by arithmetic alone, and the texts of dates, instants and intervals. */
#include "base/time.h"

#include <stdio.h>

#define DAY_US INT64_C(86400000000)

/* Years begin in March here, so that the leap day is the last day of a year; 400 years are 146097 days, and 1970-01-01
 * is day 719468 after 0000-03-01. */
int64_t tarn_days_from_civil(int64_t year, int month, int day) {
    if (month <= 2) year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void tarn_civil_from_days(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int days_of_month(int64_t year, int month) {
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* A place in a text; the take_ functions move it only when they succeed. */
typedef struct cursor {
    const char *p, *end;
} cursor;

static bool take_char(cursor *c, char wanted) {
    if (c->p == c->end || *c->p != wanted) return false;
    c->p++;
    return true;
}

static bool at_digit(const cursor *c) { return c->p < c->end && *c->p >= '0' && *c->p <= '9'; }

/* At least `least` and at most `most` (< 19) digits; all there are must be taken. */
static bool take_digits(cursor *c, int least, int most, int64_t *out) {
    cursor at = *c;
    int64_t v = 0;
    int n = 0;
    for (; at_digit(&at); at.p++, n++) {
        if (n == most) return false;
        v = v * 10 + (*at.p - '0');
    }
    if (n < least) return false;
    *out = v;
    *c = at;
    return true;
}

/* Seven digits of year pass the range of 32-bit days; callers check the range. */
static bool take_date(cursor *c, int64_t *days) {
    int64_t year, month, day;
    bool negative = take_char(c, '-');
    if (!negative) take_char(c, '+');
    if (!take_digits(c, 4, 7, &year) || !take_char(c, '-') || !take_digits(c, 2, 2, &month) || !take_char(c, '-') ||
        !take_digits(c, 2, 2, &day))
        return false;
    if (negative) year = -year;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, (int)month)) return false;
    *days = tarn_days_from_civil(year, (int)month, (int)day);
    return true;
}

bool tarn_parse_date(tarn_str s, int32_t *days) {
    if (s.n == 0) return false;
    cursor c = {s.p, s.p + s.n};
    int64_t d;
    if (!take_date(&c, &d) || c.p != c.end || d < INT32_MIN || d > INT32_MAX) return false;
    *days = (int32_t)d;
    return true;
}

/* "12:34", "12:34:56", "12:34:56.789". */
static bool take_time(cursor *c, int64_t *us) {
    int64_t hour, minute, second = 0, fraction = 0;
    if (!take_digits(c, 2, 2, &hour) || !take_char(c, ':') || !take_digits(c, 2, 2, &minute)) return false;
    if (take_char(c, ':')) {
        if (!take_digits(c, 2, 2, &second)) return false;
        if (take_char(c, '.')) {
            int n = 0;
            for (; at_digit(c); c->p++, n++)
                if (n < 6) fraction = fraction * 10 + (*c->p - '0');
            if (n == 0 || n > 9) return false;
            for (; n < 6; n++) fraction *= 10;
        }
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *us = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
    return true;
}

/* "Z", "+01", "-09:30". */
static bool take_offset(cursor *c, int64_t *us) {
    if (take_char(c, 'Z') || take_char(c, 'z')) {
        *us = 0;
        return true;
    }
    bool negative = take_char(c, '-');
    int64_t hour, minute = 0;
    if (!negative && !take_char(c, '+')) return false;
    if (!take_digits(c, 2, 2, &hour) || (take_char(c, ':') && !take_digits(c, 2, 2, &minute))) return false;
    if (hour > 23 || minute > 59) return false;
    *us = (hour * 60 + minute) * (negative ? -60000000 : 60000000);
    return true;
}

bool tarn_parse_timestamp(tarn_str s, int64_t *us, bool *zoned) {
    if (s.n == 0) return false;
    cursor c = {s.p, s.p + s.n};
    int64_t days, time = 0, offset = 0;
    bool has_offset = false;
    if (!take_date(&c, &days)) return false;
    if (c.p < c.end) {
        if (!take_char(&c, 'T') && !take_char(&c, ' ')) return false;
        if (!take_time(&c, &time)) return false;
        has_offset = c.p < c.end;
        if (has_offset && (!take_offset(&c, &offset) || c.p != c.end)) return false;
    }
    /* In 128 bits, because the first day of the range begins before its first microsecond. */
    __int128 sum = (__int128)days * DAY_US + time - offset;
    if (sum < INT64_MIN || sum > INT64_MAX) return false;
    *us = (int64_t)sum;
    *zoned = has_offset;
    return true;
}

static int put_date(int64_t days, char out[TARN_TIME_TEXT]) {
    int64_t year;
    int month, day;
    tarn_civil_from_days(days, &year, &month, &day);
    return snprintf(out, TARN_TIME_TEXT, "%s%04lld-%02d-%02d", year < 0 ? "-" : "",
                    (long long)(year < 0 ? -year : year), month, day);
}

int tarn_format_date(int32_t days, char out[TARN_TIME_TEXT]) { return put_date(days, out); }

int tarn_format_timestamp(int64_t us, char sep, int digits, const char *suffix, char out[TARN_TIME_TEXT]) {
    int64_t days = us / DAY_US, rest = us % DAY_US;
    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    int64_t seconds = rest / 1000000, fraction = rest % 1000000;
    int n = put_date(days, out);
    n += snprintf(out + n, TARN_TIME_TEXT - (size_t)n, "%c%02d:%02d:%02d", sep, (int)(seconds / 3600),
                  (int)(seconds / 60 % 60), (int)(seconds % 60));
    if (digits == 6) n += snprintf(out + n, TARN_TIME_TEXT - (size_t)n, ".%06d", (int)fraction);
    if (digits == 3) n += snprintf(out + n, TARN_TIME_TEXT - (size_t)n, ".%03d", (int)(fraction / 1000));
    size_t left = TARN_TIME_TEXT - 1 - (size_t)n, length = strlen(suffix);
    if (length > left) length = left;
    memcpy(out + n, suffix, length);
    out[n + (int)length] = 0;
    return n + (int)length;
}

static const struct {
    const char *name; /* and its plural with s */
    int64_t us;
} interval_units[] = {
    {"us", 1},          {"microsecond", 1},   {"ms", 1000},        {"millisecond", 1000},
    {"s", 1000000},     {"sec", 1000000},     {"second", 1000000}, {"m", 60000000},
    {"min", 60000000},  {"minute", 60000000}, {"h", 3600000000},   {"hour", 3600000000},
    {"d", 86400000000}, {"day", 86400000000}, {"w", 604800000000}, {"week", 604800000000},
};

static void skip_blanks(cursor *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t')) c->p++;
}

static tarn_str take_word(cursor *c) {
    const char *start = c->p;
    while (c->p < c->end && ((*c->p >= 'a' && *c->p <= 'z') || (*c->p >= 'A' && *c->p <= 'Z'))) c->p++;
    return (tarn_str){start, (size_t)(c->p - start)};
}

static bool find_unit(tarn_str word, int64_t *us) {
    tarn_str singular = word.n > 3 && (word.p[word.n - 1] | 32) == 's' ? (tarn_str){word.p, word.n - 1} : word;
    for (size_t i = 0; i < sizeof interval_units / sizeof *interval_units; i++) {
        tarn_str name = tarn_str_of(interval_units[i].name);
        if (!tarn_str_ieq(word, name) && !tarn_str_ieq(singular, name)) continue;
        *us = interval_units[i].us;
        return true;
    }
    return false;
}

bool tarn_parse_interval_ms(tarn_str s, int64_t *ms) {
    if (s.n == 0) return false;
    cursor c = {s.p, s.p + s.n};
    skip_blanks(&c);
    cursor start = c;
    if (!tarn_str_ieq(take_word(&c), TARN_LIT("interval"))) c = start;
    /* In 128 bits and rounded once, so that parts below a millisecond add up. */
    __int128 sum = 0;
    for (int parts = 0;; parts++) {
        int64_t count, unit;
        skip_blanks(&c);
        if (c.p == c.end) {
            if (parts == 0 || sum / 1000 > INT64_MAX) return false;
            *ms = (int64_t)(sum / 1000);
            return true;
        }
        if (parts == 16 || !take_digits(&c, 1, 18, &count)) return false;
        skip_blanks(&c);
        if (!find_unit(take_word(&c), &unit)) return false;
        sum += (__int128)count * unit;
    }
}
