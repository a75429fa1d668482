/* column.c: which Arrow column stands for an Avro type, and its schema in the C data interface. */
#include "codec/avro/column.h"

#include <stdlib.h>

/* DEPTH_MAX: what the binary's and DuckDB's recursion bear. BUF_MAX: an Arrow offset is an int32. */
enum { DEPTH_MAX = 100, DIGITS_MAX = 38 };
#define BUF_MAX ((size_t)INT32_MAX)

typedef struct maker {
    tarn_arena *arena;
    size_t n, most;                        /* columns made, and how many may be */
    const tarn_avro_type *open[DEPTH_MAX]; /* the types around */
    int depth;
} maker;

static tarn_code make(tarn_cx *cx, maker *m, const tarn_avro_type *type, const char *name, tarn_avro_column **out);

static tarn_avro_column *new_column(maker *m, const char *name, const tarn_avro_type *type) {
    tarn_avro_column *c = TARN_NEW(m->arena, tarn_avro_column);
    *c = (tarn_avro_column){.type = type,
                            .name = name,
                            .format = "n",
                            .valid = TARN_BUF(BUF_MAX),
                            .data = TARN_BUF(BUF_MAX),
                            .text = TARN_BUF(BUF_MAX)};
    return c;
}

static void set(tarn_avro_column *c, tarn_avro_shape shape, const char *format, size_t width) {
    c->shape = shape;
    c->format = format;
    c->width = width;
}

static void set_long(tarn_avro_column *c) {
    switch (c->type->logical) {
    case TARN_AVRO_TIME_MICROS: return set(c, TARN_AVRO_AS_TIME64, "ttu", 8);
    case TARN_AVRO_TIMESTAMP_MILLIS: return set(c, TARN_AVRO_AS_MILLIS, "tsu:UTC", 8);
    case TARN_AVRO_TIMESTAMP_MICROS: return set(c, TARN_AVRO_AS_INT64, "tsu:UTC", 8);
    case TARN_AVRO_TIMESTAMP_NANOS: return set(c, TARN_AVRO_AS_NANOS, "tsu:UTC", 8);
    case TARN_AVRO_LOCAL_MILLIS: return set(c, TARN_AVRO_AS_MILLIS, "tsu:", 8);
    case TARN_AVRO_LOCAL_MICROS: return set(c, TARN_AVRO_AS_INT64, "tsu:", 8);
    case TARN_AVRO_LOCAL_NANOS: return set(c, TARN_AVRO_AS_INT64, "tsn:", 8);
    default: return set(c, TARN_AVRO_AS_INT64, "l", 8);
    }
}

static tarn_code set_decimal(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    if (c->type->precision > DIGITS_MAX)
        return tarn_fail(cx, TARN_UNSUPPORTED, "Avro field %s: a decimal of %d digits; %d are read", c->name,
                         c->type->precision, DIGITS_MAX);
    c->bound = 1;
    for (int i = 0; i < c->type->precision; i++) c->bound *= 10;
    set(c, TARN_AVRO_AS_DECIMAL, tarn_arena_printf(m->arena, "d:%d,%d", c->type->precision, c->type->scale), 16);
    return TARN_OK;
}

static void set_uuid(tarn_avro_column *c) {
    set(c, TARN_AVRO_AS_UUID, "w:16", 16);
    c->extension = "arrow.uuid";
}

static tarn_code set_bytes(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    const tarn_avro_type *type = c->type;
    if (type->logical == TARN_AVRO_DECIMAL) return set_decimal(cx, m, c);
    if (type->logical == TARN_AVRO_UUID)
        set_uuid(c);
    else if (type->kind == TARN_AVRO_FIXED && type->size > 0)
        set(c, TARN_AVRO_AS_FIXED, tarn_arena_printf(m->arena, "w:%zu", type->size), type->size);
    else if (type->kind == TARN_AVRO_FIXED || type->kind == TARN_AVRO_BYTES)
        set(c, TARN_AVRO_AS_BINARY, "z", 0);
    else
        set(c, TARN_AVRO_AS_TEXT, "u", 0);
    return TARN_OK;
}

static const char *text_of(maker *m, tarn_str s) { return tarn_arena_strndup(m->arena, s.p, s.n); }

static void begin_children(maker *m, tarn_avro_column *c, size_t n) {
    c->children = TARN_NEW_ARRAY(m->arena, tarn_avro_column *, n);
    c->n_children = n;
}

/* A record without fields has no values, and a struct without members is nothing DuckDB knows. */
static tarn_code set_record(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    const tarn_avro_type *record = c->type;
    if (record->n_fields == 0) return TARN_OK;
    set(c, TARN_AVRO_AS_STRUCT, "+s", 0);
    begin_children(m, c, record->n_fields);
    for (size_t i = 0; i < record->n_fields; i++)
        TRY(make(cx, m, record->fields[i].type, text_of(m, record->fields[i].name), &c->children[i]));
    return TARN_OK;
}

static tarn_code set_map(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    static const tarn_avro_type text = {.kind = TARN_AVRO_STRING, .min_size = 1};
    bool keyed = c->type->kind == TARN_AVRO_ARRAY;
    const tarn_avro_field *pair = keyed ? c->type->items->fields : NULL;
    tarn_avro_column *entries = new_column(m, "entries", NULL);
    set(c, TARN_AVRO_AS_MAP, "+m", 0);
    begin_children(m, c, 1);
    c->children[0] = entries;
    set(entries, TARN_AVRO_AS_STRUCT, "+s", 0);
    begin_children(m, entries, 2);
    TRY(make(cx, m, keyed ? pair[0].type : &text, "key", &entries->children[0]));
    return make(cx, m, keyed ? pair[1].type : c->type->items, "value", &entries->children[1]);
}

static tarn_code set_array(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    if (c->type->logical == TARN_AVRO_KEYED && c->type->items->fields[0].type->kind != TARN_AVRO_UNION)
        return set_map(cx, m, c);
    set(c, TARN_AVRO_AS_LIST, "+l", 0);
    begin_children(m, c, 1);
    return make(cx, m, c->type->items, "element", &c->children[0]);
}

static tarn_code set_members(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    const tarn_avro_type *all = c->type;
    set(c, TARN_AVRO_AS_MEMBERS, "+s", 0);
    begin_children(m, c, all->n_branches);
    for (size_t i = 0, at = 0; i < all->n_branches; i++) {
        c->nullable |= all->branches[i]->kind == TARN_AVRO_NULL;
        if (all->branches[i]->kind == TARN_AVRO_NULL) continue;
        TRY(make(cx, m, all->branches[i], tarn_arena_printf(m->arena, "member%zu", at++), &c->children[i]));
        c->children[i]->nullable = true;
    }
    return TARN_OK;
}

static tarn_code set_type(tarn_cx *cx, maker *m, tarn_avro_column *c) {
    switch (c->type->kind) {
    case TARN_AVRO_NULL: break;
    case TARN_AVRO_BOOLEAN: set(c, TARN_AVRO_AS_BOOL, "b", 0); break;
    case TARN_AVRO_INT:
        set(c, TARN_AVRO_AS_INT32, "i", 4);
        if (c->type->logical == TARN_AVRO_DATE) set(c, TARN_AVRO_AS_DATE, "tdD", 4);
        if (c->type->logical == TARN_AVRO_TIME_MILLIS) set(c, TARN_AVRO_AS_TIME32, "ttm", 4);
        break;
    case TARN_AVRO_LONG: set_long(c); break;
    case TARN_AVRO_FLOAT: set(c, TARN_AVRO_AS_FLOAT, "f", 4); break;
    case TARN_AVRO_DOUBLE: set(c, TARN_AVRO_AS_DOUBLE, "g", 8); break;
    case TARN_AVRO_RECORD: return set_record(cx, m, c);
    case TARN_AVRO_ARRAY: return set_array(cx, m, c);
    case TARN_AVRO_MAP: return set_map(cx, m, c);
    case TARN_AVRO_UNION: return set_members(cx, m, c);
    default: return set_bytes(cx, m, c);
    }
    return TARN_OK;
}

/* [T] and unions with null are a T; what is left is a union of several. */
static tarn_code make(tarn_cx *cx, maker *m, const tarn_avro_type *type, const char *name, tarn_avro_column **out) {
    const tarn_avro_type *value = tarn_avro_unwrap(type);
    if (value->kind == TARN_AVRO_UNION && value->n_branches == 1) value = value->branches[0];
    if (++m->n > m->most) return tarn_fail(cx, TARN_LIMIT, "Avro field %s: over %zu fields in all", name, m->most);
    for (int i = 0; i < m->depth; i++)
        if (m->open[i] == value)
            return tarn_fail(cx, TARN_UNSUPPORTED, "Avro field %s: a record that holds itself", name);
    if (m->depth == DEPTH_MAX) return tarn_fail(cx, TARN_LIMIT, "Avro field %s: nested over %d deep", name, DEPTH_MAX);
    m->open[m->depth++] = value;
    tarn_avro_column *c = new_column(m, name, value);
    if (value != type) c->optional = type;
    c->nullable = value != type && type->n_branches == 2;
    TRY(set_type(cx, m, c));
    m->depth--;
    *out = c;
    return TARN_OK;
}

tarn_code tarn_avro_column_tree(tarn_cx *cx, tarn_arena *arena, const tarn_avro_type *row, tarn_avro_column **out) {
    maker m = {.arena = arena, .most = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COLUMNS)};
    tarn_avro_column *root;
    TRY(make(cx, &m, row, "", &root));
    if (root->shape == TARN_AVRO_AS_STRUCT && !root->optional) {
        *out = root;
        return TARN_OK;
    }
    if (root->shape == TARN_AVRO_AS_NULL) return tarn_fail(cx, TARN_UNSUPPORTED, "Avro file: its rows have no columns");
    root->name = "value";
    tarn_avro_column *one = new_column(&m, "", NULL);
    set(one, TARN_AVRO_AS_STRUCT, "+s", 0);
    begin_children(&m, one, 1);
    one->children[0] = root;
    *out = one;
    return TARN_OK;
}

void tarn_avro_column_free(tarn_avro_column *column) {
    if (!column) return;
    tarn_buf_free(&column->valid);
    tarn_buf_free(&column->data);
    tarn_buf_free(&column->text);
    for (size_t i = 0; i < column->n_children; i++) tarn_avro_column_free(column->children[i]);
}

bool tarn_avro_column_same(const tarn_avro_column *a, const tarn_avro_column *b) {
    if (!a || !b) return a == b;
    if (strcmp(a->name, b->name) != 0 || strcmp(a->format, b->format) != 0 || !a->extension != !b->extension ||
        a->n_children != b->n_children)
        return false;
    for (size_t i = 0; i < a->n_children; i++)
        if (!tarn_avro_column_same(a->children[i], b->children[i])) return false;
    return true;
}

typedef struct own_schema {
    struct ArrowSchema *children;
    struct ArrowSchema **pointers;
    char *name, *format;
    char metadata[64];
} own_schema;

static void release_schema(struct ArrowSchema *s) {
    own_schema *own = s->private_data;
    for (int64_t i = 0; i < s->n_children; i++) tarn_schema_release(&own->children[i]);
    free(own->children);
    free(own->pointers);
    free(own->name);
    free(own->format);
    free(own);
    s->release = NULL;
}

/* The C data interface's pairs: a count, then each text after its length, as int32 of this machine. */
static void put_extension(char *at, const char *name) {
    const char *texts[] = {"ARROW:extension:name", name};
    int32_t n = 1;
    memcpy(at, &n, sizeof n);
    at += sizeof n;
    for (int i = 0; i < 2; i++) {
        n = (int32_t)strlen(texts[i]);
        memcpy(at, &n, sizeof n);
        memcpy(at + sizeof n, texts[i], (size_t)n);
        at += sizeof n + (size_t)n;
    }
}

bool tarn_avro_column_schema(const tarn_avro_column *column, struct ArrowSchema *out) {
    own_schema *own = calloc(1, sizeof *own);
    if (!own) return false;
    struct ArrowSchema schema = {.release = release_schema, .private_data = own};
    own->name = strdup(column->name);
    own->format = strdup(column->format);
    own->children = calloc(column->n_children + 1, sizeof *own->children);
    own->pointers = calloc(column->n_children + 1, sizeof *own->pointers);
    bool ok = own->name && own->format && own->children && own->pointers;
    for (size_t i = 0; ok && i < column->n_children; i++) {
        if (!column->children[i]) continue;
        ok = tarn_avro_column_schema(column->children[i], &own->children[schema.n_children]);
        own->pointers[schema.n_children] = &own->children[schema.n_children];
        schema.n_children += ok;
    }
    if (!ok) {
        release_schema(&schema);
        return false;
    }
    if (column->extension) put_extension(own->metadata, column->extension);
    schema.metadata = column->extension ? own->metadata : NULL;
    schema.name = own->name;
    schema.format = own->format;
    schema.children = own->pointers;
    schema.flags = column->nullable ? ARROW_FLAG_NULLABLE : 0;
    *out = schema;
    return true;
}
