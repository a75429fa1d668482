/* json.c: tokens of JSON text, sixteen bytes at a time where strings and skipped values allow it. */
#include "codec/json.h"

#include <stdio.h>

#if defined(__SSE2__) && !defined(TARN_NO_SIMD)
#include <emmintrin.h>
#define JSON_SSE2 1
#else
#define JSON_SSE2 0
#endif

/* What the grammar allows next. */
enum { WANT_VALUE, WANT_ELEMENT_OR_END, WANT_KEY_OR_END, WANT_COMMA_OR_END, WANT_NOTHING };

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static inline const char *skip_space(const char *p, const char *end) {
    while (p < end && (unsigned char)*p <= ' ' && is_space(*p)) p++;
    return p;
}

void tarn_json_init(tarn_json *r, tarn_str text, int depth_max) {
    r->begin = r->p = r->token = text.n ? text.p : "";
    r->end = r->begin + text.n;
    r->raw = (tarn_str){r->begin, 0};
    r->kind = TARN_JSON_END;
    r->escaped = r->lines = false;
    r->expect = WANT_VALUE;
    r->depth = 0;
    r->depth_max = depth_max < TARN_JSON_DEPTH_TOP ? depth_max : TARN_JSON_DEPTH_TOP;
}

void tarn_json_init_lines(tarn_json *r, tarn_str text, int depth_max) {
    tarn_json_init(r, text, depth_max);
    r->lines = true;
}

const char *tarn_json_kind_name(tarn_json_kind kind) {
    static const char *const names[] = {
        [TARN_JSON_END] = "the end",
        [TARN_JSON_OBJECT] = "an object",
        [TARN_JSON_OBJECT_END] = "an object's end",
        [TARN_JSON_ARRAY] = "an array",
        [TARN_JSON_ARRAY_END] = "an array's end",
        [TARN_JSON_KEY] = "a key",
        [TARN_JSON_STRING] = "a string",
        [TARN_JSON_NUMBER] = "a number",
        [TARN_JSON_TRUE] = "true",
        [TARN_JSON_FALSE] = "false",
        [TARN_JSON_NULL] = "null",
    };
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "nothing";
}

tarn_code tarn_json_fail(tarn_cx *cx, const tarn_json *r, const char *format, ...) {
    char message[256];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return tarn_fail(cx, TARN_CORRUPT, "JSON at byte %zu: %s", (size_t)(r->token - r->begin), message);
}

tarn_code tarn_json_fail_kind(tarn_cx *cx, const tarn_json *r, const char *wanted) {
    return tarn_json_fail(cx, r, "expected %s, found %s", wanted, tarn_json_kind_name(r->kind));
}

static __attribute__((cold, noinline)) tarn_code fail_at(tarn_cx *cx, const tarn_json *r, const char *p,
                                                         const char *wanted) {
    size_t at = (size_t)(p - r->begin);
    if (p == r->end)
        return tarn_fail(cx, TARN_CORRUPT, "JSON at byte %zu: expected %s, found the end of the text", at, wanted);
    unsigned char c = (unsigned char)*p;
    if (c > ' ' && c < 0x7f)
        return tarn_fail(cx, TARN_CORRUPT, "JSON at byte %zu: expected %s, found '%c'", at, wanted, c);
    return tarn_fail(cx, TARN_CORRUPT, "JSON at byte %zu: expected %s, found the byte 0x%02x", at, wanted, c);
}

static inline bool in_object(const tarn_json *r) {
    int level = r->depth - 1;
    return r->stack[level >> 6] >> (level & 63) & 1;
}

static inline tarn_code push(tarn_cx *cx, tarn_json *r, const char *p, bool object) {
    if (r->depth >= r->depth_max)
        return tarn_fail(cx, TARN_LIMIT, "JSON at byte %zu: nested deeper than %d levels (limit.json_depth)",
                         (size_t)(p - r->begin), r->depth_max);
    uint64_t bit = UINT64_C(1) << (r->depth & 63), *word = &r->stack[r->depth >> 6];
    *word = object ? *word | bit : *word & ~bit;
    r->depth++;
    return TARN_OK;
}

/* The first quote, backslash or control byte; *high gathers whether a byte beyond ASCII stands before it. */
static inline const char *find_string_stop(const char *p, const char *end, unsigned *high) {
#if JSON_SSE2
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
                                    _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned stops = (unsigned)_mm_movemask_epi8(stop), highs = (unsigned)_mm_movemask_epi8(v);
        if (stops) {
            int i = __builtin_ctz(stops);
            *high |= highs & ((1u << i) - 1);
            return p + i;
        }
        *high |= highs;
    }
#endif
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\' || c < 0x20) break;
        *high |= c & 0x80;
    }
    return p;
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The value of four hex digits at p, or -1. */
static int32_t read_hex4(const char *p, const char *end) {
    if (end - p < 4) return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        v = v << 4 | digit;
    }
    return v;
}

static tarn_code check_utf8(tarn_cx *cx, const tarn_json *r, const char *p, const char *end) {
    while (p < end) {
        uint32_t c;
        size_t n = (unsigned char)*p < 0x80 ? 1 : tarn_utf8_decode(p, (size_t)(end - p), &c);
        if (n == 0) return fail_at(cx, r, p, "UTF-8");
        p += n;
    }
    return TARN_OK;
}

/* From the opening quote to behind the closing one. RFC 8259, section 7. */
static inline tarn_code read_string(tarn_cx *cx, tarn_json *r, const char *p) {
    const char *start = p + 1, *end = r->end;
    unsigned high = 0;
    bool escaped = false;
    for (p = start;;) {
        p = find_string_stop(p, end, &high);
        if (__builtin_expect(p == end, 0)) return fail_at(cx, r, p, "a string's closing quote");
        if (*p == '"') break;
        if (*p != '\\') return fail_at(cx, r, p, "a string without control characters");
        escaped = true;
        char c = p + 1 < end ? p[1] : 0;
        if (c == 'u' ? read_hex4(p + 2, end) < 0 : !c || !strchr("\"\\/bfnrt", c))
            return fail_at(cx, r, p + 1, "an escape sequence");
        p += c == 'u' ? 6 : 2;
    }
    if (high) TRY(check_utf8(cx, r, start, p));
    r->raw = (tarn_str){start, (size_t)(p - start)};
    r->escaped = escaped;
    r->p = p + 1;
    return TARN_OK;
}

/* RFC 8259, section 6. */
static inline tarn_code read_number(tarn_cx *cx, tarn_json *r, const char *p) {
    const char *start = p, *end = r->end;
    if (*p == '-') p++;
    if (p == end || !is_digit(*p)) return fail_at(cx, r, p, "a digit");
    if (*p == '0')
        p++;
    else
        while (p < end && is_digit(*p)) p++;
    if (p < end && *p == '.') {
        if (++p == end || !is_digit(*p)) return fail_at(cx, r, p, "a digit");
        while (p < end && is_digit(*p)) p++;
    }
    if (p < end && (*p | 0x20) == 'e') {
        if (++p < end && (*p == '+' || *p == '-')) p++;
        if (p == end || !is_digit(*p)) return fail_at(cx, r, p, "a digit");
        while (p < end && is_digit(*p)) p++;
    }
    r->raw = (tarn_str){start, (size_t)(p - start)};
    r->p = p;
    return TARN_OK;
}

static tarn_code read_word(tarn_cx *cx, tarn_json *r, const char *p) {
    static const struct {
        char text[6];
        unsigned char n, kind;
    } words[] = {{"true", 4, TARN_JSON_TRUE}, {"false", 5, TARN_JSON_FALSE}, {"null", 4, TARN_JSON_NULL}};
    for (size_t i = 0; i < 3; i++) {
        size_t n = words[i].n;
        if ((size_t)(r->end - p) < n || memcmp(p, words[i].text, n) != 0) continue;
        r->kind = words[i].kind;
        r->raw = (tarn_str){p, n};
        r->p = p + n;
        return TARN_OK;
    }
    return fail_at(cx, r, p, "a value");
}

static tarn_code read_key(tarn_cx *cx, tarn_json *r, const char *p) {
    if (p == r->end || *p != '"') return fail_at(cx, r, p, "a key in quotes");
    r->token = p;
    TRY(read_string(cx, r, p));
    p = skip_space(r->p, r->end);
    if (p == r->end || *p != ':') return fail_at(cx, r, p, "':'");
    r->kind = TARN_JSON_KEY;
    r->p = p + 1;
    r->expect = WANT_VALUE;
    return TARN_OK;
}

static tarn_code open_container(tarn_cx *cx, tarn_json *r, const char *p, bool object) {
    TRY(push(cx, r, p, object));
    r->kind = object ? TARN_JSON_OBJECT : TARN_JSON_ARRAY;
    r->raw = (tarn_str){p, 1};
    r->p = p + 1;
    r->expect = object ? WANT_KEY_OR_END : WANT_ELEMENT_OR_END;
    return TARN_OK;
}

static void close_container(tarn_json *r, const char *p, bool object) {
    r->depth--;
    r->token = p;
    r->kind = object ? TARN_JSON_OBJECT_END : TARN_JSON_ARRAY_END;
    r->raw = (tarn_str){p, 1};
    r->p = p + 1;
    r->expect = r->depth ? WANT_COMMA_OR_END : WANT_NOTHING;
}

static tarn_code read_value(tarn_cx *cx, tarn_json *r, const char *p) {
    r->token = p;
    if (p == r->end) return fail_at(cx, r, p, "a value");
    switch (*p) {
    case '{': return open_container(cx, r, p, true);
    case '[': return open_container(cx, r, p, false);
    case '"':
        TRY(read_string(cx, r, p));
        r->kind = TARN_JSON_STRING;
        break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        TRY(read_number(cx, r, p));
        r->kind = TARN_JSON_NUMBER;
        break;
    default: TRY(read_word(cx, r, p));
    }
    r->expect = r->depth ? WANT_COMMA_OR_END : WANT_NOTHING;
    return TARN_OK;
}

/* At the top, behind a value: the end, or in a text of lines the next value, apart from the last by white space. */
static tarn_code after_top(tarn_cx *cx, tarn_json *r, const char *p) {
    if (p < r->end && !r->lines) return fail_at(cx, r, p, "the end of the text");
    if (p < r->end && p == r->p) return fail_at(cx, r, p, "white space between values");
    if (p < r->end) return read_value(cx, r, p);
    r->token = r->p = p;
    r->raw = (tarn_str){p, 0};
    r->kind = TARN_JSON_END;
    return TARN_OK;
}

tarn_code tarn_json_next(tarn_cx *cx, tarn_json *r) {
    const char *p = skip_space(r->p, r->end);
    switch (r->expect) {
    case WANT_COMMA_OR_END: {
        bool object = in_object(r);
        if (p < r->end && *p == ',') {
            p = skip_space(p + 1, r->end);
            return object ? read_key(cx, r, p) : read_value(cx, r, p);
        }
        if (p == r->end || *p != (object ? '}' : ']')) return fail_at(cx, r, p, object ? "',' or '}'" : "',' or ']'");
        close_container(r, p, object);
        return TARN_OK;
    }
    case WANT_KEY_OR_END:
        if (p == r->end || *p != '}') return read_key(cx, r, p);
        close_container(r, p, true);
        return TARN_OK;
    case WANT_ELEMENT_OR_END:
        if (p == r->end || *p != ']') return read_value(cx, r, p);
        close_container(r, p, false);
        return TARN_OK;
    case WANT_NOTHING: return after_top(cx, r, p);
    default:
        if (r->lines && r->depth == 0 && p == r->end) r->expect = WANT_NOTHING;
        return r->expect == WANT_NOTHING ? after_top(cx, r, p) : read_value(cx, r, p);
    }
}

tarn_code tarn_json_line(tarn_cx *cx, tarn_json *r, bool *more) {
    if (r->depth) return tarn_json_fail(cx, r, "expected the end of a value");
    TRY(tarn_json_next(cx, r));
    *more = r->kind != TARN_JSON_END;
    return TARN_OK;
}

tarn_code tarn_json_finish(tarn_cx *cx, tarn_json *r) {
    const char *p = skip_space(r->p, r->end);
    if (r->expect != WANT_NOTHING || p < r->end)
        return fail_at(cx, r, p, r->expect == WANT_NOTHING ? "the end of the text" : "more");
    return after_top(cx, r, p);
}

tarn_code tarn_json_expect_object(tarn_cx *cx, tarn_json *r) {
    return r->kind == TARN_JSON_OBJECT ? TARN_OK : tarn_json_fail_kind(cx, r, "an object");
}

tarn_code tarn_json_expect_array(tarn_cx *cx, tarn_json *r) {
    return r->kind == TARN_JSON_ARRAY ? TARN_OK : tarn_json_fail_kind(cx, r, "an array");
}

tarn_code tarn_json_field(tarn_cx *cx, tarn_json *r, tarn_str *key, bool *more) {
    TRY(tarn_json_next(cx, r));
    if (r->kind == TARN_JSON_OBJECT_END) {
        *more = false;
        return TARN_OK;
    }
    if (r->kind != TARN_JSON_KEY) return tarn_json_fail_kind(cx, r, "a key");
    tarn_str name = r->raw;
    if (r->escaped) TRY(tarn_json_text(cx, r, cx->arena, &name));
    TRY(read_value(cx, r, skip_space(r->p, r->end)));
    *key = name;
    *more = true;
    return TARN_OK;
}

tarn_code tarn_json_element(tarn_cx *cx, tarn_json *r, bool *more) {
    TRY(tarn_json_next(cx, r));
    if (r->kind == TARN_JSON_KEY || r->kind == TARN_JSON_OBJECT_END || r->kind == TARN_JSON_END)
        return tarn_json_fail_kind(cx, r, "an element");
    *more = r->kind != TARN_JSON_ARRAY_END;
    return TARN_OK;
}

/* Where in 64 bytes the quotes, backslashes and brackets are, one bit each. */
typedef struct block_masks {
    uint64_t quotes, backslashes, brackets;
} block_masks;

static block_masks classify_block(const char *p) {
    block_masks m = {0};
#if JSON_SSE2
    /* '[' and ']' differ from '{' and '}' by the bit that also tells letter case. */
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), fold = _mm_set1_epi8(0x20);
    const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    for (int i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i)), folded = _mm_or_si128(v, fold);
        __m128i brackets = _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close));
        m.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote)) << i;
        m.backslashes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, backslash)) << i;
        m.brackets |= (uint64_t)(unsigned)_mm_movemask_epi8(brackets) << i;
    }
#else
    for (int i = 0; i < 64; i++) {
        char c = p[i];
        m.quotes |= (uint64_t)(c == '"') << i;
        m.backslashes |= (uint64_t)(c == '\\') << i;
        m.brackets |= (uint64_t)(c == '[' || c == ']' || c == '{' || c == '}') << i;
    }
#endif
    return m;
}

/* The brackets outside strings. *escape: the block's first byte is escaped; *inside: it stands in a string (all ones or
 * none). */
static uint64_t live_brackets(const char *p, bool *escape, uint64_t *inside) {
    block_masks m = classify_block(p);
    uint64_t escaped = *escape, backslashes = m.backslashes & ~escaped;
    *escape = false;
    while (backslashes) {
        int i = __builtin_ctzll(backslashes);
        if (i == 63)
            *escape = true;
        else
            escaped |= UINT64_C(2) << i;
        backslashes &= ~(UINT64_C(3) << i);
    }
    uint64_t strings = m.quotes & ~escaped;
    for (int shift = 1; shift < 64; shift *= 2) strings ^= strings << shift;
    strings ^= *inside;
    *inside = (uint64_t)((int64_t)strings >> 63);
    return m.brackets & ~strings;
}

/* To the end of the container that was just opened. */
static tarn_code skip_container(tarn_cx *cx, tarn_json *r) {
    int depth = r->depth - 1;
    bool escape = false;
    uint64_t inside = 0;
    for (const char *p = r->p; p < r->end; p += 64) {
        char tail[64];
        const char *block = p;
        if (r->end - p < 64) {
            memset(tail, ' ', sizeof tail);
            block = memcpy(tail, p, (size_t)(r->end - p));
        }
        for (uint64_t brackets = live_brackets(block, &escape, &inside); brackets; brackets &= brackets - 1) {
            int i = __builtin_ctzll(brackets);
            bool object = block[i] == '{' || block[i] == '}';
            if (block[i] == '{' || block[i] == '[') {
                TRY(push(cx, r, p + i, object));
                continue;
            }
            if (object != in_object(r)) return fail_at(cx, r, p + i, object ? "']'" : "'}'");
            close_container(r, p + i, object);
            if (r->depth == depth) return TARN_OK;
        }
    }
    return fail_at(cx, r, r->end, inside ? "a string's closing quote" : in_object(r) ? "'}'" : "']'");
}

tarn_code tarn_json_skip(tarn_cx *cx, tarn_json *r) {
    if (r->kind == TARN_JSON_KEY) TRY(tarn_json_next(cx, r));
    return r->kind == TARN_JSON_OBJECT || r->kind == TARN_JSON_ARRAY ? skip_container(cx, r) : TARN_OK;
}

tarn_code tarn_json_raw(tarn_cx *cx, tarn_json *r, tarn_str *out) {
    if (r->kind == TARN_JSON_KEY) TRY(tarn_json_next(cx, r));
    const char *start = r->token;
    TRY(tarn_json_skip(cx, r));
    *out = (tarn_str){start, (size_t)(r->p - start)};
    return TARN_OK;
}
