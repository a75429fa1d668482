/* str.c: comparing and parsing slices, UTF-8, and the bounded byte builder. */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char lower_ascii(unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool tarn_str_ieq(tarn_str a, tarn_str b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower_ascii((unsigned char)a.p[i]) != lower_ascii((unsigned char)b.p[i])) return false;
    return true;
}

bool tarn_str_starts(tarn_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool tarn_str_ends(tarn_str s, const char *suffix) {
    size_t n = strlen(suffix);
    return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

/* Unicode, table 3-7: the second byte's range is what keeps out overlong forms, surrogates and what lies past U+10FFFF.
 */
size_t tarn_utf8_decode(const char *text, size_t n, uint32_t *code_point) {
    const unsigned char *p = (const unsigned char *)text;
    if (n == 0) return 0;
    if (p[0] < 0x80) {
        *code_point = p[0];
        return 1;
    }
    size_t length = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > n) return 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) return 0;
    uint32_t c = p[0] & (0xffu >> (length + 1));
    c = c << 6 | (p[1] & 0x3f);
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    *code_point = c;
    return length;
}

size_t tarn_utf8_prefix(tarn_str s, size_t points) {
    size_t at = 0;
    for (size_t i = 0; i < points && at < s.n; i++) {
        uint32_t point;
        size_t n = tarn_utf8_decode(s.p + at, s.n - at, &point);
        at += n ? n : 1;
    }
    return at;
}

/* Unicode CaseFolding.txt, status C and S, for the scripts the header promises. */
static uint32_t fold_case(uint32_t c) {
    if (c < 0x80) return lower_ascii((unsigned char)c);
    if (c == 0xb5) return 0x3bc;
    if (c >= 0xc0 && c <= 0xde && c != 0xd7) return c + 32;
    if (c == 0x386) return 0x3ac;
    if (c >= 0x388 && c <= 0x38a) return c + 37;
    if (c == 0x38c) return 0x3cc;
    if (c == 0x38e || c == 0x38f) return c + 63;
    if (c >= 0x391 && c <= 0x3ab && c != 0x3a2) return c + 32;
    if (c == 0x3c2) return 0x3c3;
    if (c >= 0x400 && c <= 0x40f) return c + 80;
    if (c >= 0x410 && c <= 0x42f) return c + 32;
    return c;
}

/* One folded unit; a byte that is no UTF-8 stands for itself, above all code points. */
static uint32_t next_folded(const char **p, size_t *n) {
    uint32_t c = 0;
    size_t length = tarn_utf8_decode(*p, *n, &c);
    c = length ? fold_case(c) : 0x110000u + (unsigned char)**p;
    *p += length ? length : 1;
    *n -= length ? length : 1;
    return c;
}

bool tarn_name_eq(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    while (n && m)
        if (next_folded(&a, &n) != next_folded(&b, &m)) return false;
    return n == m;
}

int tarn_name_distance(const char *a, const char *b) {
    enum { NAME_MAX_LENGTH = 64, FAR = 4 };
    int row[NAME_MAX_LENGTH + 1], la = (int)strlen(a), lb = (int)strlen(b);
    if (la > NAME_MAX_LENGTH || lb > NAME_MAX_LENGTH || la - lb > 2 || lb - la > 2) return FAR;
    for (int j = 0; j <= lb; j++) row[j] = j;
    for (int i = 1; i <= la; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int up = row[j], change = diagonal + ((a[i - 1] | 32) != (b[j - 1] | 32));
            row[j] = change < up + 1 ? change : up + 1;
            if (row[j - 1] + 1 < row[j]) row[j] = row[j - 1] + 1;
            diagonal = up;
        }
    }
    return row[lb];
}

bool tarn_parse_u64(tarn_str s, uint64_t *out) {
    uint64_t v = 0;
    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) return false;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool tarn_parse_i64(tarn_str s, int64_t *out) {
    if (!s.n) return false; /* no arithmetic with an absent text */
    bool sign = s.n && (s.p[0] == '-' || s.p[0] == '+'), negative = sign && s.p[0] == '-';
    uint64_t v;
    if (!tarn_parse_u64((tarn_str){s.p + sign, s.n - sign}, &v)) return false;
    if (v > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void make_c_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

/* What strtod says of a text already known to be a plain number. */
static bool parse_with_strtod(tarn_str s, double *out) {
    char local[64], *copy = s.n < sizeof local ? local : malloc(s.n + 1);
    pthread_once(&c_locale_once, make_c_locale);
    if (!copy || !c_locale) return false;
    memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    double v = strtod_l(copy, NULL, c_locale);
    if (copy != local) free(copy);
    if (!isfinite(v)) return false;
    *out = v;
    return true;
}

/* The digits at s.p[i..): counts them and gathers the first 19 into *mantissa. */
static size_t scan_digits(tarn_str s, size_t i, uint64_t *mantissa, int *kept) {
    size_t start = i;
    for (; i < s.n && is_digit(s.p[i]); i++) {
        if (*mantissa == 0 && s.p[i] == '0') continue;
        if (++*kept <= 19) *mantissa = *mantissa * 10 + (uint64_t)(s.p[i] - '0');
    }
    return i - start;
}

bool tarn_parse_f64(tarn_str s, double *out) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (tarn_str_is(s, "NaN")) return *out = (double)NAN, true;
    if (tarn_str_is(s, "Infinity")) return *out = (double)INFINITY, true;
    if (tarn_str_is(s, "-Infinity")) return *out = (double)-INFINITY, true;
    bool negative = s.n && s.p[0] == '-';
    size_t i = negative, digits, fraction = 0;
    uint64_t mantissa = 0;
    int kept = 0;
    int64_t exponent = 0;
    if ((digits = scan_digits(s, i, &mantissa, &kept)) == 0) return false;
    i += digits;
    if (i < s.n && s.p[i] == '.') {
        if ((fraction = scan_digits(s, i + 1, &mantissa, &kept)) == 0) return false;
        i += 1 + fraction;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        size_t at = i + 1, sign = at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        uint64_t e = 0;
        int e_kept = 0;
        size_t e_digits = scan_digits(s, at + sign, &e, &e_kept);
        if (e_digits == 0) return false;
        exponent = e_kept > 9 ? 1000000000 : (int64_t)e;
        if (sign && s.p[at] == '-') exponent = -exponent;
        i = at + sign + e_digits;
    }
    if (i != s.n) return false;
    /* Mantissa and power are both exact doubles: one rounding, hence the right result, without strtod. */
    exponent -= (int64_t)fraction;
    if (kept > 15 || exponent < -22 || exponent > 22) return parse_with_strtod(s, out);
    double v = exponent < 0 ? (double)mantissa / powers[-exponent] : (double)mantissa * powers[exponent];
    *out = negative ? -v : v;
    return true;
}

void tarn_buf_free(tarn_buf *b) {
    free(b->data);
    *b = TARN_BUF(b->max);
}

void tarn_buf_clear(tarn_buf *b) {
    b->n = 0;
    b->failed = false;
    if (b->data) b->data[0] = 0;
}

/* Makes room for n bytes and the terminating zero. */
static bool buf_room(tarn_buf *b, size_t n) {
    if (b->failed) return false;
    if (n > b->max - b->n || b->n + n == SIZE_MAX) return !(b->failed = true);
    if (b->n + n < b->cap) return true;
    size_t cap = b->n + n + 1, doubled = b->cap < SIZE_MAX / 2 ? b->cap * 2 : b->cap;
    if (cap < 64) cap = 64;
    if (cap < doubled) cap = doubled <= b->max ? doubled : b->max + 1;
    char *data = realloc(b->data, cap);
    if (!data) return !(b->failed = true);
    b->data = data;
    b->cap = cap;
    return true;
}

char *tarn_buf_reserve(tarn_buf *b, size_t n) {
    if (!buf_room(b, n)) return NULL;
    return memset(b->data + b->n, 0, n + 1);
}

void tarn_buf_add(tarn_buf *b, const void *p, size_t n) {
    if (!buf_room(b, n)) return;
    if (n) memcpy(b->data + b->n, p, n);
    b->n += n;
    b->data[b->n] = 0;
}

void tarn_buf_puts(tarn_buf *b, const char *s) { tarn_buf_add(b, s, strlen(s)); }
void tarn_buf_putc(tarn_buf *b, char c) { tarn_buf_add(b, &c, 1); }

void tarn_buf_printf(tarn_buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tarn_buf_vprintf(b, format, args);
    va_end(args);
}

void tarn_buf_vprintf(tarn_buf *b, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) b->failed = true;
    if (n < 0 || !buf_room(b, (size_t)n)) return;
    vsnprintf(b->data + b->n, (size_t)n + 1, format, args);
    b->n += (size_t)n;
}

static void buf_quoted(tarn_buf *b, const char *s, char quote) {
    tarn_buf_putc(b, quote);
    for (const char *end; (end = strchr(s, quote)); s = end + 1) {
        tarn_buf_add(b, s, (size_t)(end - s) + 1);
        tarn_buf_putc(b, quote);
    }
    tarn_buf_puts(b, s);
    tarn_buf_putc(b, quote);
}

void tarn_buf_sql_string(tarn_buf *b, const char *s) { buf_quoted(b, s, '\''); }
void tarn_buf_sql_name(tarn_buf *b, const char *s) { buf_quoted(b, s, '"'); }

char *tarn_buf_take(tarn_buf *b, tarn_arena *arena) {
    char *text = b->failed ? NULL : tarn_arena_strndup(arena, b->data, b->n);
    tarn_buf_clear(b);
    return text;
}

static char *arena_quoted(tarn_arena *arena, const char *s, char quote) {
    size_t n = strlen(s), quotes = 0;
    for (size_t i = 0; i < n; i++) quotes += s[i] == quote;
    char *text = tarn_arena_alloc(arena, n + quotes + 3), *p = text;
    *p++ = quote;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == quote) *p++ = quote;
        *p++ = s[i];
    }
    *p = quote;
    return text;
}

char *tarn_sql_string(tarn_arena *arena, const char *s) { return arena_quoted(arena, s, '\''); }
char *tarn_sql_name(tarn_arena *arena, const char *s) { return arena_quoted(arena, s, '"'); }
