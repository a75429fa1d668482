/* cursor.c: reads and skips the values of an Avro block; what is wrong is remembered and told at the end. */
#include "codec/avro.h"

/* EMPTY_MAX: elements without bytes are bounded by nothing in the file ("null", a record without fields). */
enum { DEPTH_MAX = 256, EMPTY_MAX = 1 << 24 };

tarn_avro_cursor tarn_avro_cursor_of(tarn_str data) {
    const char *p = data.p ? data.p : "";
    return (tarn_avro_cursor){.begin = p, .p = p, .end = p + data.n};
}

tarn_code tarn_avro_check(tarn_cx *cx, const tarn_avro_cursor *c) {
    if (c->wrong) return tarn_fail(cx, TARN_CORRUPT, "Avro values: %s", c->wrong);
    return tarn_check(cx);
}

void tarn_avro_wrong(tarn_avro_cursor *c, const char *wrong) {
    if (!c->wrong) c->wrong = wrong;
    c->p = c->end;
}

static bool has(tarn_avro_cursor *c, size_t n) {
    if (n <= (size_t)(c->end - c->p)) return true;
    tarn_avro_wrong(c, "a value passes the end of its block");
    return false;
}

static int64_t long_slow(tarn_avro_cursor *c) {
    uint64_t v = 0;
    for (int shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        unsigned char byte = (unsigned char)*c->p++;
        if (shift == 63 && byte > 1) break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    }
    tarn_avro_wrong(c, c->p < c->end ? "a number of more than 64 bits" : "a value passes the end of its block");
    return 0;
}

/* Variable length, least significant first, zigzag. */
int64_t tarn_avro_long(tarn_avro_cursor *c) {
    if (c->p < c->end && (unsigned char)*c->p < 0x80) {
        unsigned char v = (unsigned char)*c->p++;
        return (v >> 1) ^ -(v & 1);
    }
    return long_slow(c);
}

int32_t tarn_avro_int(tarn_avro_cursor *c) {
    int64_t v = tarn_avro_long(c);
    if (v >= INT32_MIN && v <= INT32_MAX) return (int32_t)v;
    tarn_avro_wrong(c, "an int of more than 32 bits");
    return 0;
}

bool tarn_avro_boolean(tarn_avro_cursor *c) {
    if (!has(c, 1)) return false;
    char v = *c->p++;
    if (v != 0 && v != 1) tarn_avro_wrong(c, "a boolean that is neither 0 nor 1");
    return v == 1;
}

float tarn_avro_float(tarn_avro_cursor *c) {
    float v = 0;
    if (!has(c, sizeof v)) return 0;
    memcpy(&v, c->p, sizeof v);
    c->p += sizeof v;
    return v;
}

double tarn_avro_double(tarn_avro_cursor *c) {
    double v = 0;
    if (!has(c, sizeof v)) return 0;
    memcpy(&v, c->p, sizeof v);
    c->p += sizeof v;
    return v;
}

tarn_str tarn_avro_fixed(tarn_avro_cursor *c, size_t n) {
    if (!has(c, n)) return (tarn_str){"", 0};
    tarn_str v = {c->p, n};
    c->p += n;
    return v;
}

tarn_str tarn_avro_bytes(tarn_avro_cursor *c) {
    int64_t n = tarn_avro_long(c);
    if (n < 0) tarn_avro_wrong(c, "a text of negative length");
    return n < 0 ? (tarn_str){"", 0} : tarn_avro_fixed(c, (size_t)n);
}

static uint64_t read_index(tarn_avro_cursor *c, size_t n, const char *wrong) {
    int64_t at = tarn_avro_long(c);
    if (at >= 0 && (uint64_t)at < n) return (uint64_t)at;
    tarn_avro_wrong(c, wrong);
    return 0;
}

const tarn_avro_type *tarn_avro_enter(tarn_avro_cursor *c, const tarn_avro_type *type) {
    if (type->kind == TARN_AVRO_UNION)
        type = type->branches[read_index(c, type->n_branches, "a union's branch that is not there")];
    return c->wrong || type->kind == TARN_AVRO_NULL ? NULL : type;
}

bool tarn_avro_get_long(tarn_avro_cursor *c, const tarn_avro_type *type, int64_t *out) {
    type = tarn_avro_enter(c, type);
    if (!type) return false;
    int64_t v = 0;
    if (type->kind == TARN_AVRO_LONG)
        v = tarn_avro_long(c);
    else if (type->kind == TARN_AVRO_INT)
        v = tarn_avro_int(c);
    else if (type->kind == TARN_AVRO_ENUM)
        v = (int64_t)read_index(c, type->n_symbols, "an enum's symbol that is not there");
    else
        tarn_avro_wrong(c, "a whole number is of another type");
    if (c->wrong) return false;
    *out = v;
    return true;
}

bool tarn_avro_get_bool(tarn_avro_cursor *c, const tarn_avro_type *type, bool *out) {
    type = tarn_avro_enter(c, type);
    if (!type) return false;
    bool v = false;
    if (type->kind == TARN_AVRO_BOOLEAN)
        v = tarn_avro_boolean(c);
    else
        tarn_avro_wrong(c, "a boolean is of another type");
    if (c->wrong) return false;
    *out = v;
    return true;
}

bool tarn_avro_get_double(tarn_avro_cursor *c, const tarn_avro_type *type, double *out) {
    type = tarn_avro_enter(c, type);
    if (!type) return false;
    double v = 0;
    if (type->kind == TARN_AVRO_DOUBLE)
        v = tarn_avro_double(c);
    else if (type->kind == TARN_AVRO_FLOAT)
        v = (double)tarn_avro_float(c);
    else if (type->kind == TARN_AVRO_LONG || type->kind == TARN_AVRO_INT)
        v = (double)tarn_avro_long(c);
    else
        tarn_avro_wrong(c, "a number is of another type");
    if (c->wrong) return false;
    *out = v;
    return true;
}

bool tarn_avro_get_str(tarn_avro_cursor *c, const tarn_avro_type *type, tarn_str *out) {
    type = tarn_avro_enter(c, type);
    if (!type) return false;
    tarn_str v = {0};
    if (type->kind == TARN_AVRO_STRING || type->kind == TARN_AVRO_BYTES)
        v = tarn_avro_bytes(c);
    else if (type->kind == TARN_AVRO_FIXED)
        v = tarn_avro_fixed(c, type->size);
    else if (type->kind == TARN_AVRO_ENUM)
        v = type->symbols[read_index(c, type->n_symbols, "an enum's symbol that is not there")];
    else
        tarn_avro_wrong(c, "a text is of another type");
    if (c->wrong) return false;
    *out = v;
    return true;
}

/* The head of a block of elements: its count, and (not -1) its bytes, which stand there when the count is negative
 * ("Arrays"). Every element that takes bytes must find them. */
static int64_t items_head(tarn_avro_cursor *c, const tarn_avro_type *type, int64_t *size) {
    int64_t n = tarn_avro_long(c);
    *size = -1;
    if (n < 0) {
        *size = tarn_avro_long(c);
        if (*size < 0 || n == INT64_MIN || !has(c, (size_t)*size)) tarn_avro_wrong(c, "elements of no possible size");
        n = c->wrong ? 0 : -n;
    }
    size_t least = type->items->min_size + (type->kind == TARN_AVRO_MAP), left = (size_t)(c->end - c->p);
    if (least == 0 && n > EMPTY_MAX - c->empty_items)
        tarn_avro_wrong(c, "too many elements without bytes");
    else if (least == 0)
        c->empty_items += n;
    if (least > 0 && (uint64_t)n > left / least) tarn_avro_wrong(c, "more elements than there are bytes");
    return c->wrong ? 0 : n;
}

bool tarn_avro_item(tarn_avro_cursor *c, const tarn_avro_type *type, int64_t *left) {
    int64_t size;
    if (*left == 0) *left = items_head(c, type, &size);
    if (c->wrong || *left == 0) return false;
    (*left)--;
    return true;
}

/* False: it has parts. */
static bool skip_plain(tarn_avro_cursor *c, const tarn_avro_type *type) {
    switch (type->kind) {
    case TARN_AVRO_INT:
    case TARN_AVRO_LONG:
    case TARN_AVRO_ENUM: tarn_avro_long(c); return true;
    case TARN_AVRO_BYTES:
    case TARN_AVRO_STRING: tarn_avro_bytes(c); return true;
    case TARN_AVRO_BOOLEAN:
    case TARN_AVRO_FLOAT:
    case TARN_AVRO_DOUBLE:
    case TARN_AVRO_FIXED: tarn_avro_fixed(c, type->min_size); return true;
    default: return false;
    }
}

/* Most of what is skipped are arrays of pairs, Iceberg's maps by column: theirs are skipped without a call for each. */
static void skip_items(tarn_avro_cursor *c, const tarn_avro_type *type) {
    int64_t n, size;
    bool map = type->kind == TARN_AVRO_MAP;
    const tarn_avro_type *item = type->items;
    size_t n_fields = item->kind == TARN_AVRO_RECORD ? item->n_fields : 0;
    while ((n = items_head(c, type, &size)) > 0) {
        if (size >= 0) {
            tarn_avro_fixed(c, (size_t)size);
            continue;
        }
        if (item->min_size == 0 && !map) continue;
        while (n-- > 0 && !c->wrong) {
            if (map) tarn_avro_bytes(c);
            if (!n_fields) tarn_avro_skip(c, item);
            for (size_t i = 0; i < n_fields && !c->wrong; i++)
                if (!skip_plain(c, item->fields[i].type)) tarn_avro_skip(c, item->fields[i].type);
        }
    }
}

static void skip_deep(tarn_avro_cursor *c, const tarn_avro_type *type) {
    if (++c->depth > DEPTH_MAX) tarn_avro_wrong(c, "values nested too deep");
    if (type->kind == TARN_AVRO_RECORD)
        for (size_t i = 0; i < type->n_fields && !c->wrong; i++) tarn_avro_skip(c, type->fields[i].type);
    else if (!c->wrong)
        skip_items(c, type);
    c->depth--;
}

void tarn_avro_skip(tarn_avro_cursor *c, const tarn_avro_type *type) {
    if (type->kind == TARN_AVRO_UNION) type = tarn_avro_enter(c, type);
    if (!type || type->min_size == 0) return;
    if (!skip_plain(c, type)) skip_deep(c, type);
}
