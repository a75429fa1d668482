/* bind.c: rows that a caller binds to a statement, as parameters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "adbc/driver.h"
#include "base/time.h"
#include "codec/arrow.h"

/* µs of a count of s, ms, µs or ns; false: it does not fit. */
static bool to_us(int64_t value, char unit, int64_t *out) {
    int64_t times = unit == 's' ? 1000000 : unit == 'm' ? 1000 : 1;
    *out = unit == 'n' ? tarn_floor_div(value, 1000) : value;
    return !__builtin_mul_overflow(*out, times, out);
}

static bool read_time(const char *f, int64_t value, tarn_param *p) {
    p->i = value;
    if (f[1] == 'd') {
        p->type = TARN_PARAM_DATE;
        if (f[2] == 'm') p->i = tarn_floor_div(value, 86400000);
        return true;
    }
    p->type = f[1] == 't' ? TARN_PARAM_TIME : f[3] == ':' && f[4] ? TARN_PARAM_INSTANT : TARN_PARAM_TIMESTAMP;
    return (f[1] == 't' || f[1] == 's') && to_us(value, f[2], &p->i);
}

/* The place in `text` as an offset: it may still move. */
static void add_text(tarn_buf *text, tarn_param *p, tarn_param_type type, const void *data, size_t n) {
    p->type = type;
    p->i = (int64_t)text->n;
    p->n = n;
    tarn_buf_add(text, data, n);
    tarn_buf_putc(text, 0);
}

static bool read_decimal(tarn_column c, int64_t row, tarn_buf *text, tarn_param *p) {
    int precision = 0, scale = 0, width = 128;
    char digits[64];
    size_t n = sizeof digits;
    __int128 value;
    if (sscanf(c.schema->format, "d:%d,%d,%d", &precision, &scale, &width) < 2 || width != 128) return false;
    if (scale < 0 || scale > 38 || !c.array->buffers[1]) return false;
    memcpy(&value, (const char *)c.array->buffers[1] + 16 * (row + c.array->offset), sizeof value);
    bool negative = value < 0;
    unsigned __int128 rest = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    for (int i = 0; rest || i <= scale; i++, rest /= 10) {
        if (i == scale && scale) digits[--n] = '.';
        digits[--n] = (char)('0' + (int)(rest % 10));
    }
    if (negative) digits[--n] = '-';
    add_text(text, p, TARN_PARAM_DECIMAL, digits + n, sizeof digits - n);
    return true;
}

static bool read_cell(tarn_column c, int64_t row, tarn_buf *text, tarn_param *p) {
    const char *f = c.schema->dictionary ? c.schema->dictionary->format : c.schema->format;
    char number[24];
    if (tarn_column_null(c, row)) return true;
    switch (f[0]) {
    case 'b': p->type = TARN_PARAM_BOOL; break;
    case 'c':
    case 'C':
    case 's':
    case 'S':
    case 'i':
    case 'I':
    case 'l':
    case 'L': p->type = TARN_PARAM_INT; break;
    case 'f':
    case 'g': p->type = TARN_PARAM_DOUBLE, p->d = tarn_column_double(c, row); return true;
    case 'd': return !c.schema->dictionary && read_decimal(c, row, text, p);
    case 't': return read_time(f, tarn_column_int(c, row), p);
    case 'u':
    case 'U':
    case 'z':
    case 'Z':
    case 'v':
    case 'w': {
        tarn_str value = tarn_column_str(c, row);
        bool is_text = f[0] == 'u' || f[0] == 'U' || (f[0] == 'v' && f[1] == 'u');
        add_text(text, p, is_text ? TARN_PARAM_TEXT : TARN_PARAM_BLOB, value.p, value.n);
        return true;
    }
    default: return false;
    }
    p->i = tarn_column_int(c, row);
    if (f[0] == 'L' && p->i < 0)
        add_text(text, p, TARN_PARAM_DECIMAL, number,
                 (size_t)snprintf(number, sizeof number, "%" PRIu64, (uint64_t)p->i));
    return true;
}

AdbcStatusCode tarn_adbc_params(const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t row,
                                tarn_param *params, tarn_buf *text, struct AdbcError *error) {
    tarn_buf_clear(text);
    for (int64_t i = 0; i < schema->n_children; i++) {
        tarn_column c = tarn_column_child((tarn_column){schema, batch}, i);
        params[i] = (tarn_param){.type = TARN_PARAM_NULL};
        if (!c.array || !read_cell(c, row + batch->offset, text, &params[i]))
            return tarn_adbc_fail(error, TARN_UNSUPPORTED, "parameter %" PRId64 ": Arrow's type %s cannot be bound",
                                  i + 1, schema->children[i]->format);
    }
    if (text->failed) return tarn_adbc_fail(error, TARN_NOMEM, "a row of parameters has more than 2 GB of text");
    for (int64_t i = 0; i < schema->n_children; i++) {
        bool is_text = params[i].type == TARN_PARAM_TEXT || params[i].type == TARN_PARAM_BLOB ||
                       params[i].type == TARN_PARAM_DECIMAL;
        if (is_text) params[i].data = text->data + params[i].i;
    }
    return ADBC_STATUS_OK;
}

static size_t skip_blanks_back(const char *sql, size_t n) {
    while (n && strchr(" \t\r\n", sql[n - 1])) n--;
    return n;
}

size_t tarn_adbc_insert_head(const char *sql, int64_t n_columns) {
    size_t n = skip_blanks_back(sql, strlen(sql));
    if (n && sql[n - 1] == ';') n = skip_blanks_back(sql, n - 1);
    if (!n || sql[n - 1] != ')') return 0;
    for (int64_t marks = 0;; marks++) {
        n = skip_blanks_back(sql, n - 1);
        if (!n || sql[n - 1] != '?') return 0;
        n = skip_blanks_back(sql, n - 1);
        if (n && sql[n - 1] == '(' && marks + 1 == n_columns) break;
        if (!n || sql[n - 1] != ',') return 0;
    }
    n = skip_blanks_back(sql, n - 1);
    bool is_values =
        n > 6 && tarn_str_ieq((tarn_str){sql + n - 6, 6}, TARN_LIT("VALUES")) && strchr(" \t\r\n)", sql[n - 7]);
    size_t blanks = strspn(sql, " \t\r\n");
    return is_values && n > blanks + 12 && tarn_str_ieq((tarn_str){sql + blanks, 6}, TARN_LIT("INSERT")) ? n - 6 : 0;
}

/* A schema that is asked for again and again: those given are the owner's, counted. */
typedef struct shared_schema {
    int refs; /* the stream and its schemas belong to one thread */
    struct ArrowSchema schema;
} shared_schema;

typedef struct one_batch {
    shared_schema *schema;
    struct ArrowArray batch;
} one_batch;

static void drop_schema(shared_schema *shared) {
    if (--shared->refs) return;
    tarn_schema_release(&shared->schema);
    free(shared);
}

static void release_given(struct ArrowSchema *given) {
    drop_schema(given->private_data);
    given->release = NULL;
}

static int give_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
    one_batch *b = self->private_data;
    b->schema->refs++;
    *out = b->schema->schema;
    out->release = release_given;
    out->private_data = b->schema;
    return 0;
}

static int give_batch(struct ArrowArrayStream *self, struct ArrowArray *out) {
    one_batch *b = self->private_data;
    *out = b->batch;
    b->batch.release = NULL;
    return 0;
}

static const char *give_error(struct ArrowArrayStream *self) {
    (void)self;
    return NULL;
}

static void release_batch(struct ArrowArrayStream *self) {
    one_batch *b = self->private_data;
    drop_schema(b->schema);
    tarn_array_release(&b->batch);
    free(b);
    self->release = NULL;
}

void tarn_adbc_one_batch(struct ArrowSchema *schema, struct ArrowArray *batch, struct ArrowArrayStream *out) {
    one_batch *b = calloc(1, sizeof *b);
    shared_schema *shared = calloc(1, sizeof *shared);
    if (!b || !shared) abort();
    *shared = (shared_schema){1, *schema};
    *b = (one_batch){shared, *batch};
    schema->release = NULL;
    batch->release = NULL;
    *out = (struct ArrowArrayStream){give_schema, give_batch, give_error, release_batch, b};
}
