/* arrow.c: reads cells of Arrow arrays and builds small tables, by the Arrow C data interface. */
#include "codec/arrow.h"

tarn_column tarn_column_child(tarn_column c, int64_t i) {
    if (!c.array || i < 0 || i >= c.array->n_children || i >= c.schema->n_children) return (tarn_column){0};
    return (tarn_column){c.schema->children[i], c.array->children[i]};
}

tarn_column tarn_column_named(tarn_column c, const char *name) {
    for (int64_t i = 0; c.schema && i < c.schema->n_children; i++) {
        const char *is = c.schema->children[i]->name;
        if (is && strcmp(is, name) == 0) return tarn_column_child(c, i);
    }
    return (tarn_column){0};
}

static int64_t at(tarn_column c, int64_t row) { return row + c.array->offset; }
static const void *buffer(tarn_column c, int64_t i) {
    return c.array && i < c.array->n_buffers ? c.array->buffers[i] : NULL;
}
static bool bit(const void *bits, int64_t i) { return ((const unsigned char *)bits)[i / 8] >> (i % 8) & 1; }

/* The column of the values that an index column points into, and the row there. */
static tarn_column resolve(tarn_column c, int64_t *row) {
    tarn_column index = c;
    struct ArrowSchema plain = *c.schema;
    plain.dictionary = NULL;
    index.schema = &plain;
    *row = tarn_column_int(index, *row);
    return (tarn_column){c.schema->dictionary, c.array->dictionary};
}

static bool has_dictionary(tarn_column c) { return c.schema->dictionary && c.array->dictionary; }

bool tarn_column_null(tarn_column c, int64_t row) {
    if (!c.array) return true;
    char f = c.schema->format[0];
    if (f == 'n') return true;
    bool union_or_run =
        f == '+' && (c.schema->format[1] == 'u' || c.schema->format[1] == 'r'); /* these have no validity bits */
    const void *valid = union_or_run || c.array->null_count == 0 ? NULL : buffer(c, 0);
    if (valid && !bit(valid, at(c, row))) return true;
    if (!has_dictionary(c)) return false;
    tarn_column values = resolve(c, &row);
    return tarn_column_null(values, row);
}

/* Bytes of one value of a fixed-width number, by the first letters of its format; 0: no number. */
static int number_width(const char *f) {
    switch (f[0]) {
    case 'c':
    case 'C': return 1;
    case 's':
    case 'S': return 2;
    case 'i':
    case 'I': return 4;
    case 'l':
    case 'L': return 8;
    case 'd': return f[1] == ':' ? 16 : 0;
    case 't': break;
    default: return 0;
    }
    bool small = strcmp(f, "tdD") == 0 || strcmp(f, "tts") == 0 || strcmp(f, "ttm") == 0 || strcmp(f, "tiM") == 0;
    return small ? 4 : 8;
}

#define READ(T) (((const T *)data)[i])

int64_t tarn_column_int(tarn_column c, int64_t row) {
    const void *data = buffer(c, 1);
    if (!data || row < 0) return 0;
    if (has_dictionary(c)) {
        tarn_column values = resolve(c, &row);
        return tarn_column_int(values, row);
    }
    const char *f = c.schema->format;
    int64_t i = at(c, row);
    if (f[0] == 'b') return bit(data, i);
    if (f[0] == 'f' || f[0] == 'g') return (int64_t)tarn_column_double(c, row);
    bool is_unsigned = f[0] == 'C' || f[0] == 'S' || f[0] == 'I';
    switch (number_width(f)) {
    case 1: return is_unsigned ? READ(uint8_t) : READ(int8_t);
    case 2: return is_unsigned ? READ(uint16_t) : READ(int16_t);
    case 4: return is_unsigned ? (int64_t)READ(uint32_t) : READ(int32_t);
    case 8: return READ(int64_t);
    case 16: return ((const int64_t *)data)[2 * i]; /* the low half, which is little-endian's first */
    default: return 0;
    }
}

double tarn_column_double(tarn_column c, int64_t row) {
    const void *data = buffer(c, 1);
    if (!data || row < 0) return 0;
    if (has_dictionary(c)) {
        tarn_column values = resolve(c, &row);
        return tarn_column_double(values, row);
    }
    int64_t i = at(c, row);
    switch (c.schema->format[0]) {
    case 'f': return (double)READ(float);
    case 'g': return READ(double);
    case 'L': return (double)READ(uint64_t);
    default: return (double)tarn_column_int(c, row);
    }
}

/* Views: 16 bytes of length, then 12 bytes of text or prefix, buffer index and offset. */
static tarn_str read_view(tarn_column c, int64_t i) {
    const unsigned char *view = (const unsigned char *)buffer(c, 1) + 16 * i;
    int32_t n, index, offset;
    memcpy(&n, view, 4);
    if (n <= 12) return (tarn_str){(const char *)view + 4, (size_t)n};
    memcpy(&index, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    const char *data = buffer(c, 2 + (int64_t)index);
    return data ? (tarn_str){data + offset, (size_t)n} : (tarn_str){"", 0};
}

tarn_str tarn_column_str(tarn_column c, int64_t row) {
    const tarn_str none = {"", 0};
    if (!c.array || row < 0 || !buffer(c, 1)) return none;
    if (has_dictionary(c)) {
        tarn_column values = resolve(c, &row);
        return tarn_column_str(values, row);
    }
    const char *f = c.schema->format, *text = buffer(c, 2);
    int64_t i = at(c, row), begin, end;
    if (f[0] == 'v') return read_view(c, i);
    if (f[0] == 'w') {
        int64_t width;
        if (!tarn_parse_i64(tarn_str_of(f + 2), &width) || width < 0) return none;
        return (tarn_str){(const char *)buffer(c, 1) + i * width, (size_t)width};
    }
    if (f[0] == 'u' || f[0] == 'z') {
        const int32_t *offsets = buffer(c, 1);
        begin = offsets[i];
        end = offsets[i + 1];
    } else if (f[0] == 'U' || f[0] == 'Z') {
        const int64_t *offsets = buffer(c, 1);
        begin = offsets[i];
        end = offsets[i + 1];
    } else {
        return none;
    }
    return text && end > begin ? (tarn_str){text + begin, (size_t)(end - begin)} : none;
}

static void list_range(tarn_column c, const char *f, int64_t i, int64_t *begin, int64_t *end) {
    const void *data = buffer(c, 1), *sizes = buffer(c, 2);
    int64_t width;
    *begin = *end = 0;
    if (f[1] == 'w') {
        if (!tarn_parse_i64(tarn_str_of(f + 3), &width)) return;
        *begin = i * width;
        *end = *begin + width;
    } else if (f[1] == 'v' && data && sizes) {
        bool large = f[2] == 'L';
        *begin = large ? READ(int64_t) : READ(int32_t);
        *end = *begin + (large ? ((const int64_t *)sizes)[i] : ((const int32_t *)sizes)[i]);
    } else if (f[1] == 'L' && data) {
        *begin = READ(int64_t);
        *end = ((const int64_t *)data)[i + 1];
    } else if (data) {
        *begin = READ(int32_t);
        *end = ((const int32_t *)data)[i + 1];
    }
}

tarn_column tarn_column_list(tarn_column c, int64_t row, int64_t *begin, int64_t *end) {
    *begin = *end = 0;
    if (!c.array || c.schema->format[0] != '+' || !strchr("lLmwv", c.schema->format[1]) || tarn_column_null(c, row))
        return (tarn_column){0};
    list_range(c, c.schema->format, at(c, row), begin, end);
    return tarn_column_child(c, 0);
}
