/* column_read.c: gathers Avro values into the buffers of their columns, and hands those over as Arrow arrays. */
#include <stdlib.h>

#include "base/crypto.h"
#include "codec/avro/column.h"

#define MILLIS_OF_DAY INT64_C(86400000)

static void add_bit(tarn_buf *bits, int64_t at, bool value) {
    if (at % 8 == 0) tarn_buf_putc(bits, 0);
    if (value && tarn_buf_ok(bits)) bits->data[at / 8] = (char)((unsigned char)bits->data[at / 8] | 1u << at % 8);
}

static void add_offset(tarn_buf *offsets, int64_t at) {
    int32_t offset = (int32_t)at;
    if (at > INT32_MAX) offsets->failed = true;
    if (offsets->n == 0) tarn_buf_add(offsets, &(int32_t){0}, sizeof offset);
    tarn_buf_add(offsets, &offset, sizeof offset);
}

static bool has_offsets(const tarn_avro_column *c) {
    return c->shape == TARN_AVRO_AS_TEXT || c->shape == TARN_AVRO_AS_BINARY || c->shape == TARN_AVRO_AS_LIST ||
           c->shape == TARN_AVRO_AS_MAP;
}

static int64_t end_of(const tarn_avro_column *c) {
    return c->shape == TARN_AVRO_AS_LIST || c->shape == TARN_AVRO_AS_MAP ? c->children[0]->rows : (int64_t)c->text.n;
}

static void add_null(tarn_avro_column *c, size_t *size) {
    if (c->nullable) add_bit(&c->valid, c->rows, false);
    c->nulls += c->nullable;
    if (c->width) tarn_buf_reserve(&c->data, c->width);
    if (c->width && tarn_buf_ok(&c->data)) c->data.n += c->width;
    if (c->shape == TARN_AVRO_AS_BOOL) add_bit(&c->data, c->rows, false);
    if (has_offsets(c)) add_offset(&c->data, end_of(c));
    if (c->shape == TARN_AVRO_AS_STRUCT || c->shape == TARN_AVRO_AS_MEMBERS)
        for (size_t i = 0; i < c->n_children; i++)
            if (c->children[i]) add_null(c->children[i], size);
    c->rows++;
    *size += c->width + sizeof(int32_t);
}

/* Strings go on into DuckDB, which believes that they are UTF-8. */
static bool is_utf8(tarn_str s) {
    size_t i = 0;
    while (i < s.n) {
        uint64_t eight;
        uint32_t code_point;
        if (s.n - i >= sizeof eight && (memcpy(&eight, s.p + i, sizeof eight), (eight & 0x8080808080808080u) == 0)) {
            i += sizeof eight;
            continue;
        }
        size_t n = tarn_utf8_decode(s.p + i, s.n - i, &code_point);
        if (n == 0) return false;
        i += n;
    }
    return true;
}

static void read_text(tarn_avro_column *c, tarn_avro_cursor *cursor, size_t *size) {
    tarn_str v = {"", 0};
    tarn_avro_get_str(cursor, c->type, &v);
    if (c->shape == TARN_AVRO_AS_TEXT && !is_utf8(v)) tarn_avro_wrong(cursor, "a string that is not UTF-8");
    tarn_buf_add(&c->text, v.p, v.n);
    add_offset(&c->data, (int64_t)c->text.n);
    *size += v.n;
}

/* Big-endian two's complement of any length ("Decimal"); what is beyond 128 bits must be the sign's. */
static __int128 read_decimal(const tarn_avro_column *c, tarn_avro_cursor *cursor) {
    tarn_str v = {"", 0};
    tarn_avro_get_str(cursor, c->type, &v);
    bool negative = v.n && (v.p[0] & 0x80);
    unsigned __int128 sum = negative ? ~(unsigned __int128)0 : 0;
    size_t i = 0;
    while (v.n - i > 16 && (unsigned char)v.p[i] == (negative ? 0xff : 0)) i++;
    bool fits = v.n - i <= 16;
    for (; fits && i < v.n; i++) sum = sum << 8 | (unsigned char)v.p[i];
    __int128 value = (__int128)sum;
    if (!fits || (value < 0) != negative || value >= c->bound || value <= -c->bound) {
        tarn_avro_wrong(cursor, "a decimal of more digits than its type has");
        return 0;
    }
    return value;
}

static void read_uuid(tarn_avro_column *c, tarn_avro_cursor *cursor) {
    tarn_str v = {"", 0};
    unsigned char bytes[16] = {0};
    tarn_avro_get_str(cursor, c->type, &v);
    if (c->type->kind == TARN_AVRO_FIXED && v.n == sizeof bytes)
        memcpy(bytes, v.p, sizeof bytes);
    else if (!tarn_uuid_parse(v, bytes))
        tarn_avro_wrong(cursor, "a text that is no UUID");
    tarn_buf_add(&c->data, bytes, sizeof bytes);
}

static int64_t read_moment(const tarn_avro_column *c, tarn_avro_cursor *cursor) {
    int64_t v = tarn_avro_long(cursor), out = v;
    if (c->shape == TARN_AVRO_AS_MILLIS && __builtin_mul_overflow(v, 1000, &out))
        tarn_avro_wrong(cursor, "a time that microseconds cannot hold");
    if (c->shape == TARN_AVRO_AS_NANOS) out = v / 1000 - (v % 1000 < 0);
    if (c->shape == TARN_AVRO_AS_TIME64 && (v < 0 || v >= MILLIS_OF_DAY * 1000))
        tarn_avro_wrong(cursor, "a time of day beyond 24 hours");
    return out;
}

static void read_number(tarn_avro_column *c, tarn_avro_cursor *cursor) {
    if (c->shape == TARN_AVRO_AS_FLOAT) {
        float v = tarn_avro_float(cursor);
        tarn_buf_add(&c->data, &v, sizeof v);
    } else if (c->shape == TARN_AVRO_AS_DOUBLE) {
        double v = tarn_avro_double(cursor);
        tarn_buf_add(&c->data, &v, sizeof v);
    } else if (c->shape == TARN_AVRO_AS_DECIMAL) {
        __int128 v = read_decimal(c, cursor);
        tarn_buf_add(&c->data, &v, sizeof v);
    } else if (c->width == sizeof(int32_t)) {
        int32_t v = tarn_avro_int(cursor);
        if (c->shape == TARN_AVRO_AS_TIME32 && (v < 0 || v >= MILLIS_OF_DAY))
            tarn_avro_wrong(cursor, "a time of day beyond 24 hours");
        tarn_buf_add(&c->data, &v, sizeof v);
    } else {
        int64_t v = read_moment(c, cursor);
        tarn_buf_add(&c->data, &v, sizeof v);
    }
}

static void read_items(tarn_avro_column *c, tarn_avro_cursor *cursor, size_t *size) {
    tarn_avro_column *items = c->children[0];
    for (int64_t left = 0; tarn_avro_item(cursor, c->type, &left);) {
        if (c->shape == TARN_AVRO_AS_LIST) {
            tarn_avro_column_read(items, cursor, size);
            continue;
        }
        items->rows++;
        tarn_avro_column_read(items->children[0], cursor, size);
        tarn_avro_column_read(items->children[1], cursor, size);
    }
    add_offset(&c->data, items->rows);
}

/* The value goes to its branch's member; the others are null. */
static void read_members(tarn_avro_column *c, tarn_avro_cursor *cursor, size_t *size) {
    const tarn_avro_type *branch = tarn_avro_enter(cursor, c->type);
    bool taken = false;
    for (size_t i = 0; i < c->n_children; i++) {
        if (!c->children[i]) continue;
        if (branch == c->type->branches[i] && !taken)
            tarn_avro_column_read(c->children[i], cursor, size);
        else
            add_null(c->children[i], size);
        taken |= branch == c->type->branches[i];
    }
    if (c->nullable) add_bit(&c->valid, c->rows, branch != NULL);
    c->nulls += c->nullable && !branch;
    c->rows++;
}

static void read_value(tarn_avro_column *c, tarn_avro_cursor *cursor, size_t *size) {
    switch (c->shape) {
    case TARN_AVRO_AS_NULL:
        if (c->type) tarn_avro_skip(cursor, c->type);
        return;
    case TARN_AVRO_AS_BOOL: return add_bit(&c->data, c->rows, tarn_avro_boolean(cursor));
    case TARN_AVRO_AS_TEXT:
    case TARN_AVRO_AS_BINARY: return read_text(c, cursor, size);
    case TARN_AVRO_AS_FIXED: {
        tarn_str v = tarn_avro_fixed(cursor, c->width);
        return tarn_buf_add(&c->data, v.p, v.n);
    }
    case TARN_AVRO_AS_UUID: return read_uuid(c, cursor);
    case TARN_AVRO_AS_STRUCT:
        for (size_t i = 0; i < c->n_children; i++) tarn_avro_column_read(c->children[i], cursor, size);
        return;
    case TARN_AVRO_AS_LIST:
    case TARN_AVRO_AS_MAP: return read_items(c, cursor, size);
    default: return read_number(c, cursor);
    }
}

void tarn_avro_column_read(tarn_avro_column *c, tarn_avro_cursor *cursor, size_t *size) {
    if (c->shape == TARN_AVRO_AS_MEMBERS) return read_members(c, cursor, size);
    if (c->optional && !tarn_avro_enter(cursor, c->optional)) return add_null(c, size);
    read_value(c, cursor, size);
    if (c->nullable) add_bit(&c->valid, c->rows, true);
    c->rows++;
    *size += c->width + sizeof(int32_t);
}

typedef struct own_array {
    struct ArrowArray *children;
    struct ArrowArray **pointers;
    const void *buffers[3];
    void *memory[3];
} own_array;

static void release_array(struct ArrowArray *a) {
    own_array *own = a->private_data;
    for (int64_t i = 0; i < a->n_children; i++) tarn_array_release(&own->children[i]);
    for (int i = 0; i < 3; i++) free(own->memory[i]);
    free(own->children);
    free(own->pointers);
    free(own);
    a->release = NULL;
}

/* Text of no bytes and columns of no rows have a buffer too: some readers look at the pointer. */
static void give_buffer(own_array *own, int64_t at, tarn_buf *b) {
    static const int64_t none[2];
    own->memory[at] = b->data;
    own->buffers[at] = b->data ? (const void *)b->data : none;
    *b = TARN_BUF(b->max);
}

static void give_buffers(tarn_avro_column *c, own_array *own, struct ArrowArray *out) {
    bool plain = c->width || c->shape == TARN_AVRO_AS_BOOL || has_offsets(c);
    bool text = c->shape == TARN_AVRO_AS_TEXT || c->shape == TARN_AVRO_AS_BINARY;
    out->n_buffers = c->shape == TARN_AVRO_AS_NULL ? 0 : 1 + plain + text;
    if (c->nullable && c->nulls > 0) give_buffer(own, 0, &c->valid);
    if (plain) give_buffer(own, 1, &c->data);
    if (text) give_buffer(own, 2, &c->text);
    tarn_buf_clear(&c->valid);
    out->length = c->rows;
    out->null_count = c->shape == TARN_AVRO_AS_NULL ? c->rows : c->nulls;
    out->buffers = own->buffers;
    c->rows = c->nulls = 0;
}

bool tarn_avro_column_take(tarn_avro_column *c, struct ArrowArray *out) {
    own_array *own = calloc(1, sizeof *own);
    if (!own) return false;
    struct ArrowArray array = {.release = release_array, .private_data = own};
    own->children = calloc(c->n_children + 1, sizeof *own->children);
    own->pointers = calloc(c->n_children + 1, sizeof *own->pointers);
    bool ok =
        own->children && own->pointers && tarn_buf_ok(&c->valid) && tarn_buf_ok(&c->data) && tarn_buf_ok(&c->text);
    for (size_t i = 0; ok && i < c->n_children; i++) {
        if (!c->children[i]) continue;
        ok = tarn_avro_column_take(c->children[i], &own->children[array.n_children]);
        own->pointers[array.n_children] = &own->children[array.n_children];
        array.n_children += ok;
    }
    if (!ok) {
        release_array(&array);
        return false;
    }
    array.children = own->pointers;
    give_buffers(c, own, &array);
    *out = array;
    return true;
}
