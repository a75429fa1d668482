/* json_value.c: the current JSON token as text, number or truth value. */
#include "codec/json.h"

#if defined(__SSE2__) && !defined(TARN_NO_SIMD)
#include <emmintrin.h>
#define JSON_SSE2 1
#else
#define JSON_SSE2 0
#endif

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Four hex digits, checked when the token was read. */
static uint32_t hex4(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v << 4 | (uint32_t)(is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    return v;
}

static char *put_utf8(char *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* One escape sequence at *p, already known to be well-formed. */
static char *unescape(const char **p, const char *end, char *to) {
    const char *at = *p;
    if (at[1] != 'u') {
        static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
        *to++ = into[strchr(from, at[1]) - from];
        *p = at + 2;
        return to;
    }
    uint32_t c = hex4(at + 2);
    at += 6;
    if (c >= 0xd800 && c <= 0xdfff) {
        uint32_t low = c < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : 0;
        bool pair = low >= 0xdc00 && low <= 0xdfff;
        c = pair ? 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)) : 0xfffd;
        if (pair) at += 6;
    }
    *p = at;
    return put_utf8(to, c);
}

/* Room for raw.n + 16: no escape grows, and whole sixteens are stored. */
static size_t unescape_all(tarn_str raw, char *out) {
    const char *p = raw.p, *end = raw.p + raw.n;
    char *to = out;
    while (p < end) {
#if JSON_SSE2
        if (end - p >= 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
            _mm_storeu_si128((__m128i *)(void *)to, v);
            unsigned stops = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
            int n = stops ? __builtin_ctz(stops) : 16;
            p += n;
            to += n;
            if (!stops) continue;
        }
#endif
        if (*p == '\\')
            to = unescape(&p, end, to);
        else
            *to++ = *p++;
    }
    return (size_t)(to - out);
}

tarn_code tarn_json_text(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_str *out) {
    if (r->kind != TARN_JSON_STRING && r->kind != TARN_JSON_KEY) return tarn_json_fail_kind(cx, r, "a string");
    if (!r->escaped) {
        *out = r->raw;
        return TARN_OK;
    }
    char *text = tarn_arena_alloc(arena, r->raw.n + 16);
    *out = (tarn_str){text, unescape_all(r->raw, text)};
    return TARN_OK;
}

tarn_code tarn_json_int(tarn_cx *cx, tarn_json *r, int64_t *out) {
    if (r->kind != TARN_JSON_NUMBER) return tarn_json_fail_kind(cx, r, "an integer");
    const char *p = r->raw.p, *end = p + r->raw.n;
    bool negative = *p == '-';
    if (r->raw.n > 18) {
        if (tarn_parse_i64(r->raw, out)) return TARN_OK;
        return tarn_json_fail(cx, r, "expected an integer of 64 bits, found %.*s", (int)(r->raw.n < 60 ? r->raw.n : 60),
                              r->raw.p);
    }
    int64_t v = 0;
    for (p += negative; p < end; p++) {
        if (!is_digit(*p)) return tarn_json_fail(cx, r, "expected an integer, found %.*s", (int)r->raw.n, r->raw.p);
        v = v * 10 + (*p - '0');
    }
    *out = negative ? -v : v;
    return TARN_OK;
}

tarn_code tarn_json_double(tarn_cx *cx, tarn_json *r, double *out) {
    bool number = r->kind == TARN_JSON_NUMBER;
    bool special = r->kind == TARN_JSON_STRING &&
                   (tarn_str_is(r->raw, "NaN") || tarn_str_is(r->raw, "Infinity") || tarn_str_is(r->raw, "-Infinity"));
    if (!number && !special) return tarn_json_fail_kind(cx, r, "a number");
    if (tarn_parse_f64(r->raw, out)) return TARN_OK;
    return tarn_json_fail(cx, r, "expected a number in the range of doubles, found %.*s",
                          (int)(r->raw.n < 60 ? r->raw.n : 60), r->raw.p);
}

tarn_code tarn_json_bool(tarn_cx *cx, tarn_json *r, bool *out) {
    if (r->kind != TARN_JSON_TRUE && r->kind != TARN_JSON_FALSE) return tarn_json_fail_kind(cx, r, "true or false");
    *out = r->kind == TARN_JSON_TRUE;
    return TARN_OK;
}

tarn_code tarn_json_string_or_null(tarn_cx *cx, tarn_json *r, tarn_arena *arena, tarn_str *out) {
    if (r->kind != TARN_JSON_NULL) return tarn_json_text(cx, r, arena, out);
    *out = (tarn_str){NULL, 0};
    return TARN_OK;
}

tarn_code tarn_json_int_or_null(tarn_cx *cx, tarn_json *r, int64_t *out) {
    return r->kind == TARN_JSON_NULL ? TARN_OK : tarn_json_int(cx, r, out);
}

tarn_code tarn_json_double_or_null(tarn_cx *cx, tarn_json *r, double *out) {
    return r->kind == TARN_JSON_NULL ? TARN_OK : tarn_json_double(cx, r, out);
}

tarn_code tarn_json_bool_or_null(tarn_cx *cx, tarn_json *r, bool *out) {
    return r->kind == TARN_JSON_NULL ? TARN_OK : tarn_json_bool(cx, r, out);
}
