/* jsonw.c: JSON text onto a buffer: commas, escapes, and numbers that read back exactly. */
#include "codec/jsonw.h"

#include <math.h>
#include <stdio.h>

static void begin_value(tarn_jsonw *w) {
    if (w->comma) tarn_buf_putc(w->out, ',');
    w->comma = true;
}

static void begin_container(tarn_jsonw *w, char bracket) {
    begin_value(w);
    tarn_buf_putc(w->out, bracket);
    w->comma = false;
}

static void end_container(tarn_jsonw *w, char bracket) {
    tarn_buf_putc(w->out, bracket);
    w->comma = true;
}

void tarn_jsonw_begin_object(tarn_jsonw *w) { begin_container(w, '{'); }
void tarn_jsonw_end_object(tarn_jsonw *w) { end_container(w, '}'); }
void tarn_jsonw_begin_array(tarn_jsonw *w) { begin_container(w, '['); }
void tarn_jsonw_end_array(tarn_jsonw *w) { end_container(w, ']'); }

static void put_escape(tarn_buf *out, unsigned char c) {
    static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        tarn_buf_add(out, (char[]){'\\', into[at - from]}, 2);
    else if (c < 0x20)
        tarn_buf_add(out, (char[]){'\\', 'u', '0', '0', (char)('0' + (c >> 4)), "0123456789abcdef"[c & 15]}, 6);
    else
        tarn_buf_puts(out, "\xef\xbf\xbd");
}

static void put_string(tarn_buf *out, tarn_str s) {
    tarn_buf_putc(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        uint32_t code_point;
        size_t n = c >= 0x80 ? tarn_utf8_decode(s.p + i, s.n - i, &code_point) : c >= 0x20 && c != '"' && c != '\\';
        if (n) {
            i += n;
            continue;
        }
        tarn_buf_add(out, s.p + start, i - start);
        put_escape(out, c);
        start = ++i;
    }
    if (s.n > start) tarn_buf_add(out, s.p + start, s.n - start);
    tarn_buf_putc(out, '"');
}

void tarn_jsonw_key_str(tarn_jsonw *w, tarn_str key) {
    begin_value(w);
    put_string(w->out, key);
    tarn_buf_putc(w->out, ':');
    w->comma = false;
}

void tarn_jsonw_key(tarn_jsonw *w, const char *key) { tarn_jsonw_key_str(w, tarn_str_of(key)); }

void tarn_jsonw_string(tarn_jsonw *w, tarn_str s) {
    if (!s.p) {
        tarn_jsonw_null(w);
        return;
    }
    begin_value(w);
    put_string(w->out, s);
}

void tarn_jsonw_text(tarn_jsonw *w, const char *s) { tarn_jsonw_string(w, tarn_str_of(s)); }

static void put_uint(tarn_buf *out, uint64_t v, bool negative) {
    char digits[24], *p = digits + sizeof digits;
    do *--p = (char)('0' + v % 10);
    while (v /= 10);
    if (negative) *--p = '-';
    tarn_buf_add(out, p, (size_t)(digits + sizeof digits - p));
}

void tarn_jsonw_int(tarn_jsonw *w, int64_t v) {
    begin_value(w);
    put_uint(w->out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void tarn_jsonw_uint(tarn_jsonw *w, uint64_t v) {
    begin_value(w);
    put_uint(w->out, v, false);
}

/* The fewest digits that give |v| back: 0.<digits> times 10^exponent. printf's point follows the locale, so only its
 * digits are taken. */
static int shortest_digits(double v, char digits[20], int *exponent) {
    bool subnormal = v < 2.2250738585072014e-308;
    for (int precision = subnormal ? 1 : 15;; precision++) {
        char text[40];
        int n = 0;
        snprintf(text, sizeof text, "%.*e", precision - 1, v);
        const char *p = text;
        for (; *p != 'e'; p++)
            if (*p >= '0' && *p <= '9') digits[n++] = *p;
        int64_t power = 0;
        tarn_parse_i64(tarn_str_of(p + 1), &power);
        while (n > 1 && digits[n - 1] == '0') n--;
        *exponent = (int)power + 1;
        char plain[48];
        int length = snprintf(plain, sizeof plain, "%.*se%d", n, digits, (int)power + 1 - n);
        double back;
        if (precision == 17 || (tarn_parse_f64((tarn_str){plain, (size_t)length}, &back) && back == v)) return n;
    }
}

void tarn_jsonw_double(tarn_jsonw *w, double v) {
    if (!isfinite(v)) {
        tarn_jsonw_text(w, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
        return;
    }
    begin_value(w);
    if (signbit(v)) tarn_buf_putc(w->out, '-');
    char digits[20];
    int exponent, n = shortest_digits(fabs(v), digits, &exponent);
    if (v == 0) exponent = 1;
    if (exponent > 17 || exponent < -4) { /* d.ddde±x */
        tarn_buf_printf(w->out, "%c%s%.*se%d", digits[0], n > 1 ? "." : "", n - 1, digits + 1, exponent - 1);
    } else if (exponent <= 0) {
        tarn_buf_printf(w->out, "0.%.*s%.*s", -exponent, "0000", n, digits);
    } else if (n <= exponent) {
        tarn_buf_printf(w->out, "%.*s%.*s.0", n, digits, exponent - n, "0000000000000000");
    } else {
        tarn_buf_printf(w->out, "%.*s.%.*s", exponent, digits, n - exponent, digits + exponent);
    }
}

void tarn_jsonw_bool(tarn_jsonw *w, bool v) { tarn_jsonw_raw(w, v ? TARN_LIT("true") : TARN_LIT("false")); }
void tarn_jsonw_null(tarn_jsonw *w) { tarn_jsonw_raw(w, TARN_LIT("null")); }

void tarn_jsonw_raw(tarn_jsonw *w, tarn_str json) {
    begin_value(w);
    tarn_buf_add(w->out, json.p, json.n);
}

void tarn_jsonw_newline(tarn_jsonw *w) {
    tarn_buf_putc(w->out, '\n');
    w->comma = false;
}
