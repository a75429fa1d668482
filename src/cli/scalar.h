/* scalar.h: numbers and times as text. */
#ifndef TARN_CLI_SCALAR_H
#define TARN_CLI_SCALAR_H

#include "text.h"

/* A little-endian two's complement integer of `width` bytes (up to 32), with `scale` digits after the point. */
void cli_put_decimal(cli_buf *b, const unsigned char *p, int width, int scale);
/* The shortest text that reads back the same: 1.0, 0.1, 1e+300, NaN, Infinity. */
void cli_put_double(cli_buf *b, double v, bool single);
void cli_put_date(cli_buf *b, int64_t days);
/* `v` counts units of 10^-digits seconds. `shown`: digits written; -1: as many as are needed. */
void cli_put_time(cli_buf *b, int64_t v, int digits, int shown);
/* `between` stands between the date and the time. */
void cli_put_timestamp(cli_buf *b, int64_t v, int digits, int shown, char between);
/* "1 year 2 months 3 days 04:05:06.5" */
void cli_put_interval(cli_buf *b, int64_t months, int64_t days, int64_t v, int digits);
void cli_put_hex(cli_buf *b, const unsigned char *p, size_t n);
void cli_put_uuid(cli_buf *b, const unsigned char *p);

#endif
