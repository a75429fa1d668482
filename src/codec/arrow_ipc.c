/* arrow_ipc.c: messages of an Arrow IPC stream from arrays of the C data interface; slices become arrays that start at
 * zero. */
#include "codec/arrow_ipc.h"

#include <errno.h>
#include <unistd.h>

#include "base/vec.h"
#include "codec/arrow.h"
#include "codec/arrow_ipc_type.h"

enum { NESTING_MAX = 100, STAGE_BYTES = 1 << 18, DIRECT_BYTES = 1 << 15, BODY_ALIGN = 8 };
enum { METADATA_V5 = 4, HEADER_SCHEMA = 1, HEADER_RECORD_BATCH = 3 };

/* Small pieces are gathered before they reach the caller's function. */
typedef struct sink {
    tarn_ipc_write_fn write;
    void *state;
    tarn_buf stage;
} sink;

static void free_sink(sink *s) { tarn_buf_free(&s->stage); }

static tarn_code flush_sink(tarn_cx *cx, sink *s) {
    if (!tarn_buf_ok(&s->stage)) return tarn_fail(cx, TARN_NOMEM, "out of memory while an Arrow stream was written");
    if (s->stage.n) TRY(s->write(cx, s->state, s->stage.data, s->stage.n));
    tarn_buf_clear(&s->stage);
    return TARN_OK;
}

static tarn_code put_bytes(tarn_cx *cx, sink *s, const void *p, size_t n) {
    if (n == 0) return TARN_OK;
    if (n < DIRECT_BYTES) {
        tarn_buf_add(&s->stage, p, n);
        return s->stage.n >= STAGE_BYTES || !tarn_buf_ok(&s->stage) ? flush_sink(cx, s) : TARN_OK;
    }
    TRY(flush_sink(cx, s));
    return s->write(cx, s->state, p, n);
}

/* "Encapsulated message format": continuation mark, length, Message. */
static tarn_code put_message(tarn_cx *cx, sink *s, tarn_flatbuf *b, int header_type, tarn_flatref header,
                             int64_t body_bytes) {
    tarn_flatbuf_begin(b);
    tarn_flatbuf_scalar(b, 3, body_bytes, 8);
    tarn_flatbuf_ref(b, 2, header);
    tarn_flatbuf_scalar(b, 0, METADATA_V5, 2);
    tarn_flatbuf_scalar(b, 1, header_type, 1);
    tarn_str message = tarn_flatbuf_finish(b, tarn_flatbuf_end(b));
    if (message.n > INT32_MAX)
        return tarn_fail(cx, TARN_LIMIT, "Arrow stream: a message's metadata is larger than 2 GB");
    TRY(put_bytes(cx, s, (uint32_t[]){UINT32_MAX, (uint32_t)message.n}, 8));
    return put_bytes(cx, s, message.p, message.n);
}

static bool read_int32(const char **p, int32_t *out) {
    memcpy(out, *p, sizeof *out);
    *p += sizeof *out;
    return *out >= 0;
}

/* The C data interface's packed pairs, as a vector of KeyValue. */
static tarn_code put_metadata(tarn_cx *cx, tarn_flatbuf *b, const char *metadata, tarn_flatref *out) {
    *out = 0;
    if (!metadata) return TARN_OK;
    TARN_VEC(tarn_flatref) pairs = {0};
    int32_t n;
    if (!read_int32(&metadata, &n)) return tarn_fail(cx, TARN_CORRUPT, "Arrow schema: broken metadata");
    for (int32_t i = 0; i < n; i++) {
        tarn_flatref refs[2];
        for (int k = 0; k < 2; k++) {
            int32_t length;
            if (!read_int32(&metadata, &length)) return tarn_fail(cx, TARN_CORRUPT, "Arrow schema: broken metadata");
            refs[k] = tarn_flatbuf_string(b, (tarn_str){metadata, (size_t)length});
            metadata += length;
        }
        tarn_flatbuf_begin(b);
        tarn_flatbuf_ref(b, 0, refs[0]);
        tarn_flatbuf_ref(b, 1, refs[1]);
        *TARN_PUSH(b->arena, &pairs) = tarn_flatbuf_end(b);
    }
    if (n) *out = tarn_flatbuf_refs(b, pairs.at, pairs.n);
    return TARN_OK;
}

static tarn_code put_fields(tarn_cx *cx, tarn_flatbuf *b, const struct ArrowSchema *parent, int depth,
                            tarn_flatref *out);

static tarn_code put_field(tarn_cx *cx, tarn_flatbuf *b, const struct ArrowSchema *schema, int depth,
                           tarn_flatref *out) {
    tarn_ipc_type t;
    tarn_flatref children, metadata;
    if (depth > NESTING_MAX)
        return tarn_fail(cx, TARN_LIMIT, "column \"%s\" is nested deeper than %d levels", schema->name, NESTING_MAX);
    TRY(tarn_ipc_type_of(cx, schema, &t));
    TRY(put_fields(cx, b, schema, depth, &children));
    TRY(put_metadata(cx, b, schema->metadata, &metadata));
    tarn_flatref name = tarn_flatbuf_string(b, tarn_str_of(schema->name)), type = tarn_ipc_put_type(b, &t);
    tarn_flatbuf_begin(b);
    tarn_flatbuf_ref(b, 0, name);
    tarn_flatbuf_ref(b, 3, type);
    tarn_flatbuf_ref(b, 5, children);
    tarn_flatbuf_ref(b, 6, metadata);
    tarn_flatbuf_scalar(b, 1, (schema->flags & ARROW_FLAG_NULLABLE) != 0, 1);
    tarn_flatbuf_scalar(b, 2, t.union_type, 1);
    *out = tarn_flatbuf_end(b);
    return TARN_OK;
}

static tarn_code put_fields(tarn_cx *cx, tarn_flatbuf *b, const struct ArrowSchema *parent, int depth,
                            tarn_flatref *out) {
    size_t n = (size_t)parent->n_children;
    tarn_flatref *fields = TARN_NEW_ARRAY(b->arena, tarn_flatref, n);
    for (size_t i = 0; i < n; i++) TRY(put_field(cx, b, parent->children[i], depth + 1, &fields[i]));
    *out = tarn_flatbuf_refs(b, fields, n);
    return TARN_OK;
}

static tarn_code put_schema(tarn_cx *cx, sink *s, tarn_arena *arena, const struct ArrowSchema *schema) {
    tarn_flatbuf b = TARN_FLATBUF(arena);
    tarn_flatref fields, metadata;
    tarn_ipc_type t;
    TRY(tarn_ipc_type_of(cx, schema, &t));
    if (t.layout != TARN_IPC_STRUCT) return tarn_fail(cx, TARN_INVALID, "an Arrow stream's rows must be structs");
    TRY(put_fields(cx, &b, schema, 0, &fields));
    TRY(put_metadata(cx, &b, schema->metadata, &metadata));
    tarn_flatbuf_begin(&b);
    tarn_flatbuf_ref(&b, 1, fields);
    tarn_flatbuf_ref(&b, 2, metadata);
    tarn_flatbuf_scalar(&b, 0, 0, 2);
    return put_message(cx, s, &b, HEADER_SCHEMA, tarn_flatbuf_end(&b), 0);
}

/* One record batch while it is laid out. */
typedef struct batch {
    tarn_arena *arena;
    TARN_VEC(tarn_str) buffers;
    struct {
        int64_t (*at)[2];
        size_t n, cap;
    } nodes;
} batch;

static void add_buffer(batch *out, const void *p, int64_t n) {
    *TARN_PUSH(out->arena, &out->buffers) = (tarn_str){p, (size_t)n};
}

/* `n` bits from bit `at`: in place where a byte begins there, else moved. */
static const unsigned char *slice_bits(tarn_arena *arena, const unsigned char *bits, int64_t at, int64_t n) {
    bits += at / 8;
    int shift = (int)(at % 8);
    if (shift == 0) return bits;
    unsigned char *moved = tarn_arena_alloc(arena, (size_t)(n / 8 + 1));
    for (int64_t i = 0; i < n; i += 8) {
        int high = i + 8 - shift < n ? bits[i / 8 + 1] : 0;
        moved[i / 8] = (unsigned char)(bits[i / 8] >> shift | high << (8 - shift));
    }
    return moved;
}

static int64_t count_bits(const unsigned char *bits, int64_t n) {
    int64_t count = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, sizeof word);
        count += __builtin_popcountll(word);
    }
    for (; i < n; i++) count += bits[i / 8] >> (i % 8) & 1;
    return count;
}

/* Gives the number of nulls. */
static int64_t add_validity(batch *out, const struct ArrowArray *a, int64_t at, int64_t n) {
    const unsigned char *bits = a->null_count == 0 || a->n_buffers == 0 ? NULL : a->buffers[0];
    int64_t nulls = 0;
    if (bits && n) {
        bits = slice_bits(out->arena, bits, at, n);
        nulls = n - count_bits(bits, n);
    }
    add_buffer(out, nulls ? bits : NULL, nulls ? (n + 7) / 8 : 0);
    return nulls;
}

static int64_t offset_at(const void *offsets, int64_t width, int64_t i) {
    return width == 4 ? ((const int32_t *)offsets)[i] : ((const int64_t *)offsets)[i];
}

/* Offsets rebased to zero; *first and *last are the range of the child or the text that they span. */
static tarn_code add_offsets(tarn_cx *cx, batch *out, const struct ArrowArray *a, int64_t width, int64_t at, int64_t n,
                             int64_t *first, int64_t *last) {
    static const int64_t zero;
    const char *offsets = n ? a->buffers[1] : NULL;
    *first = *last = 0;
    if (!offsets) {
        if (n) return tarn_fail(cx, TARN_CORRUPT, "Arrow array: offsets are missing");
        add_buffer(out, &zero, width);
        return TARN_OK;
    }
    int64_t begin = offset_at(offsets, width, at), end = offset_at(offsets, width, at + n);
    if (begin < 0 || end < begin) return tarn_fail(cx, TARN_CORRUPT, "Arrow array: offsets descend");
    const char *slice = offsets + at * width;
    if (begin) {
        char *moved = tarn_arena_array(out->arena, (size_t)(n + 1), (size_t)width);
        for (int64_t i = 0; i <= n; i++) {
            int64_t offset = offset_at(slice, width, i) - begin;
            memcpy(moved + i * width, &offset, (size_t)width);
        }
        slice = moved;
    }
    add_buffer(out, slice, (n + 1) * width);
    *first = begin;
    *last = end;
    return TARN_OK;
}

static uint64_t index_at(const void *indexes, int bytes, int64_t i) {
    switch (bytes) {
    case 1: return ((const uint8_t *)indexes)[i];
    case 2: return ((const uint16_t *)indexes)[i];
    case 4: return ((const uint32_t *)indexes)[i];
    default: return ((const uint64_t *)indexes)[i];
    }
}

/* The text of one dictionary entry; .p NULL: null. */
static tarn_str dictionary_text(const struct ArrowArray *values, int64_t width, uint64_t i) {
    const unsigned char *validity = values->null_count ? values->buffers[0] : NULL;
    int64_t at = values->offset + (int64_t)i;
    if (validity && !(validity[at / 8] >> (at % 8) & 1)) return (tarn_str){NULL, 0};
    int64_t begin = offset_at(values->buffers[1], width, at), end = offset_at(values->buffers[1], width, at + 1);
    return (tarn_str){end > begin ? (const char *)values->buffers[2] + begin : "",
                      end > begin ? (size_t)(end - begin) : 0};
}

/* A dictionary array as plain text; gives the number of nulls. */
static tarn_code add_dictionary(tarn_cx *cx, batch *out, const struct ArrowArray *a, const tarn_ipc_type *t, int64_t at,
                                int64_t n, int64_t *nulls) {
    const struct ArrowArray *values = a->dictionary;
    const unsigned char *validity = a->null_count ? a->buffers[0] : NULL;
    unsigned char *bits = tarn_arena_alloc(out->arena, (size_t)(n / 8 + 1));
    char *offsets = tarn_arena_array(out->arena, (size_t)(n + 1), (size_t)t->width);
    tarn_str *texts = TARN_NEW_ARRAY(out->arena, tarn_str, (size_t)n);
    size_t size = 0;
    if (!values || values->n_buffers < 3) return tarn_fail(cx, TARN_CORRUPT, "Arrow array: its dictionary is missing");
    *nulls = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!validity || validity[(at + i) / 8] >> ((at + i) % 8) & 1) {
            uint64_t index = index_at(a->buffers[1], t->index_bytes, at + i);
            if (index >= (uint64_t)values->length)
                return tarn_fail(cx, TARN_CORRUPT, "Arrow array: an index lies outside its dictionary");
            texts[i] = dictionary_text(values, t->width, index);
        }
        if (texts[i].p) bits[i / 8] |= (unsigned char)(1 << (i % 8));
        *nulls += !texts[i].p;
        size += texts[i].n;
        memcpy(offsets + (i + 1) * t->width, &size, (size_t)t->width);
    }
    if (t->width == 4 && size > INT32_MAX)
        return tarn_fail(cx, TARN_LIMIT, "Arrow array: more than 2 GB of text in one batch");
    char *text = tarn_arena_alloc(out->arena, size), *to = text;
    for (int64_t i = 0; i < n; i++) {
        if (texts[i].n) memcpy(to, texts[i].p, texts[i].n);
        to += texts[i].n;
    }
    add_buffer(out, bits, *nulls ? (n + 7) / 8 : 0);
    add_buffer(out, offsets, (n + 1) * t->width);
    add_buffer(out, text, (int64_t)size);
    return TARN_OK;
}

static tarn_code need_buffers(tarn_cx *cx, const struct ArrowArray *a, const tarn_ipc_type *t,
                              const struct ArrowSchema *schema) {
    static const int buffers[] = {
        [TARN_IPC_NULL] = 0, [TARN_IPC_BITS] = 2,       [TARN_IPC_FIXED] = 2, [TARN_IPC_TEXT] = 3,
        [TARN_IPC_LIST] = 2, [TARN_IPC_FIXED_LIST] = 1, [TARN_IPC_STRUCT] = 1};
    int needed = t->index_bytes ? 2 : buffers[t->layout];
    if (a->n_buffers >= needed && a->n_children == schema->n_children && a->length >= 0 && a->offset >= 0)
        return TARN_OK;
    return tarn_fail(cx, TARN_CORRUPT, "column \"%s\": the Arrow array does not fit its type %s", schema->name,
                     schema->format);
}

/* Rows [start, start + n) of the array, depth first; its depth was checked with the schema. */
static tarn_code add_array(tarn_cx *cx, batch *out, const struct ArrowSchema *schema, const struct ArrowArray *a,
                           int64_t start, int64_t n) {
    tarn_ipc_type t;
    TRY(tarn_ipc_type_of(cx, schema, &t));
    TRY(need_buffers(cx, a, &t, schema));
    if (start < 0 || start > a->length || n > a->length - start)
        return tarn_fail(cx, TARN_CORRUPT, "column \"%s\": an Arrow array is shorter than its parent says",
                         schema->name);
    int64_t at = a->offset + start, first = start, last = start + n;
    size_t node = out->nodes.n;
    TARN_PUSH(out->arena, &out->nodes);
    out->nodes.at[node][0] = n;
    if (t.index_bytes) return add_dictionary(cx, out, a, &t, at, n, &out->nodes.at[node][1]);
    out->nodes.at[node][1] = t.layout == TARN_IPC_NULL ? n : add_validity(out, a, at, n);
    switch (t.layout) {
    case TARN_IPC_NULL: break;
    case TARN_IPC_BITS: add_buffer(out, n ? slice_bits(out->arena, a->buffers[1], at, n) : NULL, (n + 7) / 8); break;
    case TARN_IPC_FIXED: add_buffer(out, n ? (const char *)a->buffers[1] + at * t.width : NULL, n * t.width); break;
    case TARN_IPC_TEXT:
        TRY(add_offsets(cx, out, a, t.width, at, n, &first, &last));
        add_buffer(out, last > first ? (const char *)a->buffers[2] + first : NULL, last - first);
        break;
    case TARN_IPC_LIST: TRY(add_offsets(cx, out, a, t.width, at, n, &first, &last)); break;
    case TARN_IPC_FIXED_LIST:
        if (__builtin_mul_overflow(at, t.width, &first) || __builtin_mul_overflow(at + n, t.width, &last))
            return tarn_fail(cx, TARN_CORRUPT, "column \"%s\": the Arrow array is too long", schema->name);
        break;
    case TARN_IPC_STRUCT:
        first = at;
        last = at + n;
        break;
    }
    for (int64_t i = 0; i < schema->n_children; i++)
        TRY(add_array(cx, out, schema->children[i], a->children[i], first, last - first));
    return TARN_OK;
}

static size_t padded(size_t n) { return (n + BODY_ALIGN - 1) & ~(size_t)(BODY_ALIGN - 1); }

static tarn_code put_batch(tarn_cx *cx, sink *s, const struct ArrowSchema *schema, const struct ArrowArray *a) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    batch laid = {.arena = arena};
    TRY(add_array(cx, &laid, schema, a, 0, a->length));
    /* The rows' own node and validity are not part of a record batch. */
    if (laid.nodes.at[0][1])
        return tarn_fail(cx, TARN_INVALID, "an Arrow stream cannot carry rows that are null as a whole");
    size_t n = laid.buffers.n - 1, body = 0;
    const tarn_str *buffers = laid.buffers.at + 1;
    int64_t(*places)[2] = tarn_arena_array(arena, n, sizeof *places);
    for (size_t i = 0; i < n; i++) {
        places[i][0] = (int64_t)body;
        places[i][1] = (int64_t)buffers[i].n;
        body += padded(buffers[i].n);
    }
    tarn_flatbuf b = TARN_FLATBUF(arena);
    tarn_flatref place_refs = tarn_flatbuf_pairs(&b, (const int64_t(*)[2])places, n);
    tarn_flatref node_refs = tarn_flatbuf_pairs(&b, (const int64_t(*)[2])(laid.nodes.at + 1), laid.nodes.n - 1);
    tarn_flatbuf_begin(&b);
    tarn_flatbuf_scalar(&b, 0, a->length, 8);
    tarn_flatbuf_ref(&b, 1, node_refs);
    tarn_flatbuf_ref(&b, 2, place_refs);
    TRY(put_message(cx, s, &b, HEADER_RECORD_BATCH, tarn_flatbuf_end(&b), (int64_t)body));
    for (size_t i = 0; i < n; i++) {
        TRY(put_bytes(cx, s, buffers[i].p, buffers[i].n));
        TRY(put_bytes(cx, s, (char[BODY_ALIGN]){0}, padded(buffers[i].n) - buffers[i].n));
    }
    return TARN_OK;
}

static tarn_code fail_stream(tarn_cx *cx, struct ArrowArrayStream *stream, int err) {
    const char *text = stream->get_last_error(stream);
    return tarn_fail(cx, tarn_errno_code(err), "reading rows: %s", text && *text ? text : tarn_errno_text(cx, err));
}

static tarn_code put_stream(tarn_cx *cx, sink *s, struct ArrowArrayStream *stream) {
    tarn_auto(struct ArrowSchema, tarn_schema_release) schema = {0};
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    int err = stream->get_schema(stream, &schema);
    if (err) return fail_stream(cx, stream, err);
    TRY(put_schema(cx, s, arena, &schema));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) a = {0};
        TRY(tarn_check(cx));
        err = stream->get_next(stream, &a);
        if (err) return fail_stream(cx, stream, err);
        if (!a.release) break;
        TRY(put_batch(cx, s, &schema, &a));
    }
    TRY(put_bytes(cx, s, (uint32_t[]){UINT32_MAX, 0}, 8));
    return flush_sink(cx, s);
}

tarn_code tarn_arrow_ipc_write(tarn_cx *cx, struct ArrowArrayStream *stream, tarn_ipc_write_fn write, void *state) {
    tarn_auto(sink, free_sink) s = {write, state, TARN_BUF(STAGE_BYTES + DIRECT_BYTES)};
    return put_stream(cx, &s, stream);
}

static tarn_code write_fd(tarn_cx *cx, void *state, const void *p, size_t n) {
    const char *from = p;
    while (n) {
        TRY(tarn_check(cx));
        ssize_t done = write(*(const int *)state, from, n);
        if (done < 0 && errno != EINTR)
            return tarn_fail(cx, tarn_errno_code(errno), "writing an Arrow stream: %s", tarn_errno_text(cx, errno));
        if (done < 0) continue;
        from += done;
        n -= (size_t)done;
    }
    return TARN_OK;
}

tarn_code tarn_arrow_ipc_write_fd(tarn_cx *cx, struct ArrowArrayStream *stream, int fd) {
    return tarn_arrow_ipc_write(cx, stream, write_fd, &fd);
}
