/* time.h: instants and calendar days as integers, and their text. Proleptic Gregorian, UTC, locale-free. */
#ifndef TARN_BASE_TIME_H
#define TARN_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TARN_TIME_TEXT = 40 };

/* The quotient rounded towards the past, not towards zero; b > 0. */
static inline int64_t tarn_floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Days since 1970-01-01; month 1..12. */
int64_t tarn_days_from_civil(int64_t year, int month, int day);
void tarn_civil_from_days(int64_t days, int64_t *year, int *month, int *day);
/* "2026-01-31"; the year may have a sign and more than four digits. */
bool tarn_parse_date(tarn_str s, int32_t *days);
/* "2026-01-31[ T]12:34[:56[.123456789]][Z|±hh[:mm]]" or a bare date, to µs; fractions beyond µs are cut towards the
 * past. *zoned says whether an offset was there. False when it is not such a text or out of range. */
bool tarn_parse_timestamp(tarn_str s, int64_t *us, bool *zoned);
/* Write "YYYY-MM-DD", and "YYYY-MM-DD<sep>HH:MM:SS.ffffff" with `digits` (0, 3, 6) fraction digits and `suffix`; return
 * the length. */
int tarn_format_date(int32_t days, char out[TARN_TIME_TEXT]);
int tarn_format_timestamp(int64_t us, char sep, int digits, const char *suffix, char out[TARN_TIME_TEXT]);
/* "interval 30 days", "7 days 12 hours", "168 hours", "1 week" to ms; no months or years. */
bool tarn_parse_interval_ms(tarn_str s, int64_t *ms);

#endif
