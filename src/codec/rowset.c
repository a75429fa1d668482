/* rowset.c: builds small tables row by row and gives them as an Arrow C stream: one batch, or more of them where rows
 * are made as they are asked for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/arrow.h"

typedef struct bytes {
    char *p;
    size_t n, cap;
} bytes;

typedef struct cells {
    char *name, *format;
    int width; /* of a value in `data`; 0: text with offsets; -1: bits */
    bytes valid, data, text;
    int64_t rows, nulls;
} cells;

struct tarn_rowset {
    cells *columns;
    size_t n, at; /* `at`: the column of the next cell */
    bool misused, too_big;
    void (*more)(void *state, tarn_rowset *rows); /* NULL: what it has is all */
    void (*done)(void *state);
    void *state;
};

static void out_of_memory(void) {
    fputs("tarn: NOMEM: no memory for the rows of a report\n", stderr);
    abort();
}

static void *alloc(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size);
    if (!p) out_of_memory();
    return p;
}

static char *copy_text(const char *s) {
    char *copy = strdup(s);
    if (!copy) out_of_memory();
    return copy;
}

static void add_bytes(bytes *b, const void *p, size_t n) {
    if (b->cap - b->n < n) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        while (cap - b->n < n) cap *= 2;
        b->p = realloc(b->p, cap);
        if (!b->p) out_of_memory();
        b->cap = cap;
    }
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void add_bit(bytes *b, int64_t i, bool value) {
    if (i % 8 == 0) add_bytes(b, "", 1);
    if (value) b->p[i / 8] = (char)((unsigned char)b->p[i / 8] | 1u << (i % 8));
}

static int width_of(const char *format) {
    if (format[0] == 'u' || format[0] == 'z') return 0;
    if (format[0] == 'b') return -1;
    return format[0] == 'i' || strcmp(format, "tdD") == 0 ? 4 : 8;
}

/* Ready for a first row. */
static void start_cells(cells *c) {
    c->rows = c->nulls = 0;
    if (c->width == 0) add_bytes(&c->data, &(int32_t){0}, 4);
}

tarn_rowset *tarn_rowset_new(const tarn_rowset_column *columns, size_t n) {
    tarn_rowset *rows = alloc(1, sizeof *rows);
    rows->columns = alloc(n, sizeof *rows->columns);
    rows->n = n;
    for (size_t i = 0; i < n; i++) {
        cells *c = &rows->columns[i];
        *c = (cells){.name = copy_text(columns[i].name),
                     .format = copy_text(columns[i].format),
                     .width = width_of(columns[i].format)};
        start_cells(c);
    }
    return rows;
}

void tarn_rowset_free(tarn_rowset *rows) {
    if (!rows) return;
    if (rows->done) rows->done(rows->state);
    for (size_t i = 0; i < rows->n; i++) {
        cells *c = &rows->columns[i];
        free(c->name);
        free(c->format);
        free(c->valid.p);
        free(c->data.p);
        free(c->text.p);
    }
    free(rows->columns);
    free(rows);
}

static cells *next_cell(tarn_rowset *rows, bool valid) {
    cells *c = &rows->columns[rows->at];
    rows->at = (rows->at + 1) % rows->n;
    add_bit(&c->valid, c->rows, valid);
    c->nulls += !valid;
    c->rows++;
    return c;
}

static void add_number(cells *c, const void *value) {
    if (c->width < 0)
        add_bit(&c->data, c->rows - 1, *(const int64_t *)value != 0);
    else
        add_bytes(&c->data, value, (size_t)c->width);
}

static void add_text(tarn_rowset *rows, cells *c, tarn_str value) {
    if (value.n > INT32_MAX - c->text.n)
        rows->too_big = true;
    else
        add_bytes(&c->text, value.p, value.n);
    add_bytes(&c->data, &(int32_t){(int32_t)c->text.n}, 4);
}

void tarn_rowset_null(tarn_rowset *rows) {
    cells *c = next_cell(rows, false);
    if (c->width == 0)
        add_text(rows, c, (tarn_str){0});
    else
        add_number(c, &(int64_t){0});
}

void tarn_rowset_int(tarn_rowset *rows, int64_t value) {
    cells *c = next_cell(rows, true);
    if (c->width == 0 || c->format[0] == 'g') rows->misused = true;
    if (c->width == 0) return add_text(rows, c, (tarn_str){0});
    add_number(c, c->width == 4 ? (const void *)&(int32_t){(int32_t)value} : (const void *)&value);
}

void tarn_rowset_double(tarn_rowset *rows, double value) {
    cells *c = next_cell(rows, true);
    if (c->format[0] != 'g') rows->misused = true;
    if (c->width == 0) return add_text(rows, c, (tarn_str){0});
    add_number(c, &value);
}

void tarn_rowset_str(tarn_rowset *rows, tarn_str value) {
    if (!value.p) return tarn_rowset_null(rows);
    cells *c = next_cell(rows, true);
    if (c->width == 0) return add_text(rows, c, value);
    rows->misused = true;
    add_number(c, &(int64_t){0});
}

void tarn_rowset_text(tarn_rowset *rows, const char *value) { tarn_rowset_str(rows, tarn_str_of(value)); }

int64_t tarn_rowset_count(const tarn_rowset *rows) { return rows->n ? rows->columns[rows->n - 1].rows : 0; }

static void release_schema(struct ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) {
        tarn_schema_release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    free(schema->private_data);
    schema->release = NULL;
}

/* Name and format lie in one block of text. */
static void fill_schema(const char *name, const char *format, size_t n, struct ArrowSchema *out) {
    size_t size = strlen(format) + 1;
    char *text = alloc(size + strlen(name) + 1, 1);
    memcpy(text, format, size);
    memcpy(text + size, name, strlen(name) + 1);
    *out = (struct ArrowSchema){.format = text,
                                .name = text + size,
                                .flags = n ? 0 : ARROW_FLAG_NULLABLE,
                                .n_children = (int64_t)n,
                                .children = n ? alloc(n, sizeof *out->children) : NULL,
                                .release = release_schema,
                                .private_data = text};
}

static int rowset_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    const tarn_rowset *rows = stream->private_data;
    struct ArrowSchema schema;
    fill_schema("", "+s", rows->n, &schema);
    for (size_t i = 0; i < rows->n; i++) {
        schema.children[i] = alloc(1, sizeof schema);
        fill_schema(rows->columns[i].name, rows->columns[i].format, 0, schema.children[i]);
    }
    *out = schema;
    return 0;
}

typedef struct array_state {
    const void *buffers[3];
    void *owned[3];
} array_state;

static void release_array(struct ArrowArray *array) {
    for (int64_t i = 0; i < array->n_children; i++) {
        tarn_array_release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    array_state *s = array->private_data;
    for (int i = 0; i < 3; i++) free(s->owned[i]);
    free(s);
    array->release = NULL;
}

static void fill_array(int64_t rows, size_t n_children, struct ArrowArray *out) {
    array_state *s = alloc(1, sizeof *s);
    *out = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = s->buffers,
                               .n_children = (int64_t)n_children,
                               .children = n_children ? alloc(n_children, sizeof *out->children) : NULL,
                               .release = release_array,
                               .private_data = s};
}

static void move_cells(cells *c, struct ArrowArray *out) {
    fill_array(c->rows, 0, out);
    array_state *s = out->private_data;
    bytes *from[3] = {&c->valid, &c->data, &c->text};
    out->null_count = c->nulls;
    out->n_buffers = c->width == 0 ? 3 : 2;
    add_bytes(&c->text, "", 1); /* consumers do not like a NULL where data is expected */
    add_bytes(&c->data, "", 1);
    for (int i = 0; i < 3; i++) {
        s->buffers[i] = s->owned[i] = from[i]->p;
        *from[i] = (bytes){0};
    }
    if (c->nulls == 0) s->buffers[0] = NULL;
}

void tarn_rowset_feed(tarn_rowset *rows, void (*more)(void *state, tarn_rowset *rows), void (*done)(void *state),
                      void *state) {
    rows->more = more;
    rows->done = done;
    rows->state = state;
}

static int rowset_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    tarn_rowset *rows = stream->private_data;
    struct ArrowArray array = {0};
    if (rows->more && !tarn_rowset_count(rows)) rows->more(rows->state, rows);
    if (rows->too_big || rows->misused || rows->at) return EOVERFLOW;
    int64_t count = tarn_rowset_count(rows);
    if (count) {
        fill_array(count, rows->n, &array);
        for (size_t i = 0; i < rows->n; i++) {
            array.children[i] = alloc(1, sizeof array);
            move_cells(&rows->columns[i], array.children[i]);
            start_cells(&rows->columns[i]);
        }
    }
    *out = array;
    return 0;
}

static const char *rowset_error(struct ArrowArrayStream *stream) {
    const tarn_rowset *rows = stream->private_data;
    return rows->too_big ? "a report has more than 2 GB of text in one column" : NULL;
}

static void rowset_release(struct ArrowArrayStream *stream) {
    tarn_rowset_free(stream->private_data);
    stream->release = NULL;
}

void tarn_rowset_open(tarn_rowset *rows, struct ArrowArrayStream *out) {
    *out = (struct ArrowArrayStream){rowset_schema, rowset_next, rowset_error, rowset_release, rows};
}

tarn_code tarn_rowset_stream(tarn_cx *cx, tarn_rowset **rows, struct ArrowArrayStream *out) {
    tarn_rowset *r = *rows;
    if (r->too_big)
        return tarn_fail(cx, TARN_LIMIT, "a report has more than 2 GB of text in one column; ask for fewer rows");
    if (r->at != 0) return tarn_fail(cx, TARN_INTERNAL, "a report's last row is not whole");
    if (r->misused) return tarn_fail(cx, TARN_INTERNAL, "a report has a cell of another type than its column");
    tarn_rowset_open(r, out);
    *rows = NULL;
    return TARN_OK;
}
