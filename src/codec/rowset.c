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
    int width; /* of a value in `data`; 0: text with offsets; -1: bits; -2: none, it has members; -3: ends of lists */
    bytes valid, data, text;
    int64_t rows, nulls;
    struct cells *members, *parent; /* of a list: its items; of a map: its entries, which have a key and a value */
    size_t n, place;                /* of members; among those of the parent */
} cells;

struct tarn_rowset {
    cells root, *at; /* `at`: where the next cell goes */
    bool misused, too_big;
    int failed; /* an errno */
    tarn_error error;
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
    if (format[0] == '+') return format[1] == 's' ? -2 : -3;
    if (format[0] == 'u' || format[0] == 'z') return 0;
    if (format[0] == 'b') return -1;
    if (format[0] == 'd') return 16;
    return format[0] == 'i' || format[0] == 'f' || strcmp(format, "tdD") == 0 ? 4 : 8;
}

static bool is_map(const cells *c) { return c->format[0] == '+' && c->format[1] == 'm'; }

/* Ready for a first row. */
static void start_cells(cells *c) {
    c->rows = c->nulls = 0;
    if (c->width == 0 || c->width == -3) add_bytes(&c->data, &(int32_t){0}, 4);
    for (size_t i = 0; i < c->n; i++) start_cells(&c->members[i]);
}

static void name_cells(cells *c, const char *name, const char *format) {
    *c = (cells){.name = copy_text(name), .format = copy_text(format), .width = width_of(format)};
}

/* How many of the columns are the first one and what is inside it. */
static size_t span(const tarn_rowset_column *columns, size_t n) {
    size_t at = 1, inside = 0;
    if (columns[0].format[0] != '+') return 1;
    if (columns[0].format[1] == 's') {
        while (at < n && columns[at].name) at += span(columns + at, n - at);
        return at < n ? at + 1 : at;
    }
    for (size_t most = columns[0].format[1] == 'm' ? 2 : 1; at < n && inside < most; inside++)
        at += span(columns + at, n - at);
    return at;
}

/* The columns, of which those inside others are members of these. */
static void take_columns(cells *c, const tarn_rowset_column *columns, size_t n) {
    for (size_t at = 0; at < n && columns[at].name; at += span(columns + at, n - at)) c->n++;
    c->members = alloc(c->n, sizeof *c->members);
    for (size_t i = 0, at = 0; i < c->n; i++) {
        size_t all = span(columns + at, n - at);
        cells *m = &c->members[i];
        name_cells(m, columns[at].name, columns[at].format);
        if (is_map(m)) {
            m->n = 1;
            m->members = alloc(1, sizeof *m->members);
            m = m->members;
            name_cells(m, "entries", "+s");
        }
        if (m->width < -1) take_columns(m, columns + at + 1, all - 1);
        at += all;
    }
}

static void link_cells(cells *c) {
    for (size_t i = 0; i < c->n; i++) {
        c->members[i].parent = c;
        c->members[i].place = i;
        link_cells(&c->members[i]);
    }
}

tarn_rowset *tarn_rowset_new(const tarn_rowset_column *columns, size_t n) {
    tarn_rowset *rows = alloc(1, sizeof *rows);
    name_cells(&rows->root, "", "+s");
    take_columns(&rows->root, columns, n);
    link_cells(&rows->root);
    start_cells(&rows->root);
    rows->at = rows->root.members;
    return rows;
}

static void free_cells(cells *c) {
    for (size_t i = 0; i < c->n; i++) free_cells(&c->members[i]);
    free(c->members);
    free(c->name);
    free(c->format);
    free(c->valid.p);
    free(c->data.p);
    free(c->text.p);
}

void tarn_rowset_free(tarn_rowset *rows) {
    if (!rows) return;
    if (rows->done) rows->done(rows->state);
    free_cells(&rows->root);
    free(rows);
}

/* After a whole value: its neighbour, or what follows the struct it ended; in a list, the next item. */
static void advance(tarn_rowset *rows, cells *c) {
    for (;; c = c->parent) {
        cells *p = c->parent;
        if (p->width == -3) {
            rows->at = c;
            return;
        }
        if (c->place + 1 < p->n) {
            rows->at = c + 1;
            return;
        }
        if (p->parent) continue;
        p->rows++;
        rows->at = p->members;
        return;
    }
}

static void mark_cell(cells *c, bool valid) {
    add_bit(&c->valid, c->rows, valid);
    c->nulls += !valid;
    c->rows++;
}

static void add_ends(tarn_rowset *rows, cells *c) {
    if (c->members->rows > INT32_MAX) rows->too_big = true;
    add_bytes(&c->data, &(int32_t){(int32_t)c->members->rows}, 4);
}

/* Where a value goes now: an entry of a map begins with its key. */
static cells *here(tarn_rowset *rows) {
    cells *c = rows->at;
    if (!c->parent || !is_map(c->parent)) return c;
    mark_cell(c, true);
    return rows->at = c->members;
}

static cells *next_cell(tarn_rowset *rows) {
    cells *c = here(rows);
    if (c->width < -1) rows->misused = true;
    mark_cell(c, true);
    advance(rows, c);
    return c;
}

void tarn_rowset_enter(tarn_rowset *rows) {
    cells *c = here(rows);
    if (c->width >= -1) rows->misused = true;
    if (c->width >= -1) return;
    mark_cell(c, true);
    rows->at = c->members;
}

void tarn_rowset_leave(tarn_rowset *rows) {
    cells *list = rows->at->parent;
    if (list->width != -3) {
        rows->misused = true;
        return;
    }
    add_ends(rows, list);
    advance(rows, list);
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

static void add_null(tarn_rowset *rows, cells *c) {
    mark_cell(c, false);
    if (c->width == 0)
        add_text(rows, c, (tarn_str){0});
    else if (c->width == -3)
        add_ends(rows, c);
    else if (c->width >= -1)
        add_number(c, &(int64_t[2]){0, 0});
    for (size_t i = 0; c->width == -2 && i < c->n; i++) add_null(rows, &c->members[i]);
}

void tarn_rowset_null(tarn_rowset *rows) {
    cells *c = here(rows);
    add_null(rows, c);
    advance(rows, c);
}

void tarn_rowset_int(tarn_rowset *rows, int64_t value) {
    cells *c = next_cell(rows);
    bool wrong = c->width == 0 || c->width == 16 || c->format[0] == 'g' || c->format[0] == 'f';
    rows->misused = rows->misused || wrong;
    if (c->width == 0) return add_text(rows, c, (tarn_str){0});
    if (c->width < -1 || c->width == 16) return;
    add_number(c, c->width == 4 ? (const void *)&(int32_t){(int32_t)value} : (const void *)&value);
}

void tarn_rowset_double(tarn_rowset *rows, double value) {
    cells *c = next_cell(rows);
    if (c->format[0] != 'g' && c->format[0] != 'f') rows->misused = true;
    if (c->width != 4 && c->width != 8) return;
    add_number(c, c->width == 4 ? (const void *)&(float){(float)value} : (const void *)&value);
}

void tarn_rowset_decimal(tarn_rowset *rows, __int128 value) {
    cells *c = next_cell(rows);
    if (c->width != 16) rows->misused = true;
    if (c->width == 16) add_number(c, &value);
}

void tarn_rowset_str(tarn_rowset *rows, tarn_str value) {
    if (!value.p) return tarn_rowset_null(rows);
    cells *c = next_cell(rows);
    if (c->width == 0) return add_text(rows, c, value);
    rows->misused = true;
    if (c->width >= -1) add_number(c, &(int64_t){0});
}

void tarn_rowset_text(tarn_rowset *rows, const char *value) { tarn_rowset_str(rows, tarn_str_of(value)); }

int64_t tarn_rowset_count(const tarn_rowset *rows) { return rows->root.rows; }

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

static void fill_schemas(const cells *c, struct ArrowSchema *out) {
    fill_schema(c->name, c->format, c->n, out);
    if (c->parent && !is_map(c->parent)) out->flags = ARROW_FLAG_NULLABLE;
    for (size_t i = 0; i < c->n; i++) {
        out->children[i] = alloc(1, sizeof *out);
        fill_schemas(&c->members[i], out->children[i]);
    }
    if (is_map(c)) out->children[0]->children[0]->flags = 0; /* keys are never null */
}

static int rowset_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    const tarn_rowset *rows = stream->private_data;
    fill_schemas(&rows->root, out);
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
    fill_array(c->rows, c->n, out);
    array_state *s = out->private_data;
    bytes *from[3] = {&c->valid, &c->data, &c->text};
    out->null_count = c->nulls;
    out->n_buffers = c->width == 0 ? 3 : c->width == -2 ? 1 : 2;
    add_bytes(&c->text, "", 1); /* consumers do not like a NULL where data is expected */
    add_bytes(&c->data, "", 1);
    for (int i = 0; i < 3; i++) {
        s->buffers[i] = s->owned[i] = from[i]->p;
        *from[i] = (bytes){0};
    }
    if (c->nulls == 0) s->buffers[0] = NULL;
    for (size_t i = 0; i < c->n; i++) {
        out->children[i] = alloc(1, sizeof *out);
        move_cells(&c->members[i], out->children[i]);
    }
}

void tarn_rowset_feed(tarn_rowset *rows, void (*more)(void *state, tarn_rowset *rows), void (*done)(void *state),
                      void *state) {
    rows->more = more;
    rows->done = done;
    rows->state = state;
}

void tarn_rowset_fail(tarn_rowset *rows, const tarn_error *error) {
    rows->failed = tarn_arrow_errno(error->code);
    rows->error = *error;
}

int tarn_arrow_errno(tarn_code code) {
    switch (code) {
    case TARN_OK: return 0;
    case TARN_CANCELLED: return ECANCELED;
    case TARN_TIMEOUT: return ETIMEDOUT;
    case TARN_NOMEM: return ENOMEM;
    case TARN_CORRUPT: return EBADMSG;
    case TARN_LIMIT: return EOVERFLOW;
    case TARN_IO: return EREMOTEIO;
    default: return EINVAL;
    }
}

static int rowset_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    tarn_rowset *rows = stream->private_data;
    struct ArrowArray array = {0};
    if (rows->more && !tarn_rowset_count(rows) && !rows->failed) rows->more(rows->state, rows);
    if (rows->failed) return rows->failed;
    if (rows->too_big || rows->misused || rows->at != rows->root.members) return EOVERFLOW;
    if (tarn_rowset_count(rows)) {
        move_cells(&rows->root, &array);
        start_cells(&rows->root);
    }
    *out = array;
    return 0;
}

static const char *rowset_error(struct ArrowArrayStream *stream) {
    const tarn_rowset *rows = stream->private_data;
    if (rows->failed) return rows->error.message;
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
    if (r->at != r->root.members) return tarn_fail(cx, TARN_INTERNAL, "a report's last row is not whole");
    if (r->misused) return tarn_fail(cx, TARN_INTERNAL, "a report has a cell of another type than its column");
    tarn_rowset_open(r, out);
    *rows = NULL;
    return TARN_OK;
}
