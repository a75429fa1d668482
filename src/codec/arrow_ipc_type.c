/* arrow_ipc_type.c: Arrow C format strings to the type tables of Arrow's Schema.fbs. */
#include "codec/arrow_ipc_type.h"

/* Schema.fbs, union Type. */
enum {
    T_NULL = 1,
    T_INT,
    T_FLOAT,
    T_BINARY,
    T_UTF8,
    T_BOOL,
    T_DECIMAL,
    T_DATE,
    T_TIME,
    T_TIMESTAMP,
    T_INTERVAL,
    T_LIST,
    T_STRUCT,
    T_FIXED_BINARY = 15,
    T_FIXED_LIST,
    T_MAP,
    T_DURATION,
    T_LARGE_BINARY,
    T_LARGE_UTF8,
    T_LARGE_LIST
};

enum { SECOND, MILLISECOND, MICROSECOND, NANOSECOND };

/* The formats without parameters. */
static const struct {
    char format[4];
    tarn_ipc_type type;
} plain[] = {
    {"n", {TARN_IPC_NULL, 0, T_NULL, .unit = 0}},
    {"b", {TARN_IPC_BITS, 0, T_BOOL, .unit = 0}},
    {"c", {TARN_IPC_FIXED, 1, T_INT, .bits = 8, .is_signed = true}},
    {"C", {TARN_IPC_FIXED, 1, T_INT, .bits = 8}},
    {"s", {TARN_IPC_FIXED, 2, T_INT, .bits = 16, .is_signed = true}},
    {"S", {TARN_IPC_FIXED, 2, T_INT, .bits = 16}},
    {"i", {TARN_IPC_FIXED, 4, T_INT, .bits = 32, .is_signed = true}},
    {"I", {TARN_IPC_FIXED, 4, T_INT, .bits = 32}},
    {"l", {TARN_IPC_FIXED, 8, T_INT, .bits = 64, .is_signed = true}},
    {"L", {TARN_IPC_FIXED, 8, T_INT, .bits = 64}},
    {"e", {TARN_IPC_FIXED, 2, T_FLOAT, .unit = 0}},
    {"f", {TARN_IPC_FIXED, 4, T_FLOAT, .unit = 1}},
    {"g", {TARN_IPC_FIXED, 8, T_FLOAT, .unit = 2}},
    {"z", {TARN_IPC_TEXT, 4, T_BINARY, .unit = 0}},
    {"Z", {TARN_IPC_TEXT, 8, T_LARGE_BINARY, .unit = 0}},
    {"u", {TARN_IPC_TEXT, 4, T_UTF8, .unit = 0}},
    {"U", {TARN_IPC_TEXT, 8, T_LARGE_UTF8, .unit = 0}},
    {"tdD", {TARN_IPC_FIXED, 4, T_DATE, .unit = 0}},
    {"tdm", {TARN_IPC_FIXED, 8, T_DATE, .unit = 1}},
    {"tts", {TARN_IPC_FIXED, 4, T_TIME, .unit = SECOND, .bits = 32}},
    {"ttm", {TARN_IPC_FIXED, 4, T_TIME, .unit = MILLISECOND, .bits = 32}},
    {"ttu", {TARN_IPC_FIXED, 8, T_TIME, .unit = MICROSECOND, .bits = 64}},
    {"ttn", {TARN_IPC_FIXED, 8, T_TIME, .unit = NANOSECOND, .bits = 64}},
    {"tDs", {TARN_IPC_FIXED, 8, T_DURATION, .unit = SECOND}},
    {"tDm", {TARN_IPC_FIXED, 8, T_DURATION, .unit = MILLISECOND}},
    {"tDu", {TARN_IPC_FIXED, 8, T_DURATION, .unit = MICROSECOND}},
    {"tDn", {TARN_IPC_FIXED, 8, T_DURATION, .unit = NANOSECOND}},
    {"tiM", {TARN_IPC_FIXED, 4, T_INTERVAL, .unit = 0}},
    {"tiD", {TARN_IPC_FIXED, 8, T_INTERVAL, .unit = 1}},
    {"tin", {TARN_IPC_FIXED, 16, T_INTERVAL, .unit = 2}},
    {"+l", {TARN_IPC_LIST, 4, T_LIST, .unit = 0}},
    {"+L", {TARN_IPC_LIST, 8, T_LARGE_LIST, .unit = 0}},
    {"+s", {TARN_IPC_STRUCT, 0, T_STRUCT, .unit = 0}},
    {"+m", {TARN_IPC_LIST, 4, T_MAP, .unit = 0}},
};

static bool cut_int(tarn_str *s, int64_t min, int64_t max, int64_t *out) {
    const char *comma = s->n ? memchr(s->p, ',', s->n) : NULL;
    size_t n = comma ? (size_t)(comma - s->p) : s->n;
    int64_t v;
    if (comma && n + 1 == s->n) return false;
    if (!tarn_parse_i64((tarn_str){s->p, n}, &v) || v < min || v > max) return false;
    *out = v;
    n += comma != NULL;
    *s = (tarn_str){s->p + n, s->n - n};
    return true;
}

/* d:precision,scale[,bits] */
static bool parse_decimal(tarn_str s, tarn_ipc_type *t) {
    int64_t precision, scale, bits = 128;
    if (!cut_int(&s, 1, 76, &precision) || !cut_int(&s, -128, 127, &scale)) return false;
    if (s.n && (!cut_int(&s, 32, 256, &bits) || s.n || bits & (bits - 1))) return false;
    *t = (tarn_ipc_type){TARN_IPC_FIXED,     bits / 8, T_DECIMAL, .bits = (int)bits, .precision = (int)precision,
                         .scale = (int)scale};
    return true;
}

/* tsu:zone */
static bool parse_timestamp(tarn_str s, tarn_ipc_type *t) {
    static const char units[] = "smun";
    const char *unit = s.n >= 4 && s.p[3] == ':' ? memchr(units, s.p[2], 4) : NULL;
    if (!unit) return false;
    *t = (tarn_ipc_type){TARN_IPC_FIXED, 8, T_TIMESTAMP, .unit = (int)(unit - units), .zone = {s.p + 4, s.n - 4}};
    return true;
}

static bool parse_format(tarn_str s, tarn_ipc_type *t) {
    int64_t n;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (tarn_str_is(s, plain[i].format)) return *t = plain[i].type, true;
    if (tarn_str_starts(s, "ts")) return parse_timestamp(s, t);
    if (tarn_str_starts(s, "d:")) return parse_decimal((tarn_str){s.p + 2, s.n - 2}, t);
    bool list = tarn_str_starts(s, "+w:");
    if (!list && !tarn_str_starts(s, "w:")) return false;
    size_t at = list ? 3 : 2;
    tarn_str size = {s.p + at, s.n - at};
    if (!cut_int(&size, 0, INT32_MAX, &n) || size.n) return false;
    *t = (tarn_ipc_type){list ? TARN_IPC_FIXED_LIST : TARN_IPC_FIXED, n, list ? T_FIXED_LIST : T_FIXED_BINARY,
                         .bits = (int)n};
    return true;
}

/* The type of the values; only integers may be indexes, only text and bytes may be values. */
static bool parse_dictionary(const struct ArrowSchema *schema, tarn_ipc_type *t) {
    const struct ArrowSchema *values = schema->dictionary;
    tarn_ipc_type index;
    if (values->dictionary || !values->format || !parse_format(tarn_str_of(values->format), t) ||
        t->layout != TARN_IPC_TEXT)
        return false;
    if (!schema->format || !parse_format(tarn_str_of(schema->format), &index) || index.union_type != T_INT)
        return false;
    t->index_bytes = (int)index.width;
    return true;
}

tarn_code tarn_ipc_type_of(tarn_cx *cx, const struct ArrowSchema *schema, tarn_ipc_type *out) {
    const char *format = schema->format ? schema->format : "", *name = schema->name ? schema->name : "";
    tarn_ipc_type t;
    if (schema->dictionary && !parse_dictionary(schema, &t))
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "column \"%s\": only dictionaries of text can be written; cast it to text", name);
    if (!schema->dictionary && !parse_format(tarn_str_of(format), &t))
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "column \"%s\": the Arrow type \"%s\" cannot be written; cast it to text", name, format);
    bool one_child = t.layout == TARN_IPC_LIST || t.layout == TARN_IPC_FIXED_LIST;
    if (schema->n_children < 0 || (t.layout != TARN_IPC_STRUCT && schema->n_children != one_child))
        return tarn_fail(cx, TARN_CORRUPT, "column \"%s\": %lld children in the Arrow type \"%s\"", name,
                         (long long)schema->n_children, format);
    if (t.union_type == T_MAP) t.is_signed = (schema->flags & ARROW_FLAG_MAP_KEYS_SORTED) != 0;
    *out = t;
    return TARN_OK;
}

tarn_flatref tarn_ipc_put_type(tarn_flatbuf *b, const tarn_ipc_type *t) {
    tarn_flatref zone = t->zone.n ? tarn_flatbuf_string(b, t->zone) : 0;
    tarn_flatbuf_begin(b);
    switch (t->union_type) {
    case T_INT:
        tarn_flatbuf_scalar(b, 0, t->bits, 4);
        tarn_flatbuf_scalar(b, 1, t->is_signed, 1);
        break;
    case T_DECIMAL:
        tarn_flatbuf_scalar(b, 0, t->precision, 4);
        tarn_flatbuf_scalar(b, 1, t->scale, 4);
        tarn_flatbuf_scalar(b, 2, t->bits, 4);
        break;
    case T_TIME:
        tarn_flatbuf_scalar(b, 1, t->bits, 4);
        tarn_flatbuf_scalar(b, 0, t->unit, 2);
        break;
    case T_TIMESTAMP:
        tarn_flatbuf_ref(b, 1, zone);
        tarn_flatbuf_scalar(b, 0, t->unit, 2);
        break;
    case T_FLOAT:
    case T_DATE:
    case T_INTERVAL:
    case T_DURATION: tarn_flatbuf_scalar(b, 0, t->unit, 2); break;
    case T_FIXED_BINARY:
    case T_FIXED_LIST: tarn_flatbuf_scalar(b, 0, t->bits, 4); break;
    case T_MAP: tarn_flatbuf_scalar(b, 0, t->is_signed, 1); break;
    default: break;
    }
    return tarn_flatbuf_end(b);
}
