/* stream.c: Avro files as an Arrow C stream: a window of a file is in memory, one block of it unpacked. */
#include <errno.h>
#include <stdlib.h>

#include "codec/avro/column.h"
#include "codec/avro_arrow.h"

/* A batch ends with so many rows or bytes gathered. WINDOW: read at once. HEADER_MAX: a header, whole. HEAD: a block's
 * head at most. */
enum { BATCH_ROWS = 8192, BATCH_BYTES = 64 << 20, WINDOW = 4 << 20, HEADER_MAX = 64 << 20, HEAD = 20 };
#define BLOCK_MAX ((int64_t)1 << 30)

typedef struct stream {
    tarn_cx cx;
    tarn_avro_files files;
    tarn_arena *first_arena, *arena; /* of the columns that the stream has, and of the file at work */
    tarn_avro_column *first, *columns;
    const tarn_avro_header *header;
    size_t file;     /* at work */
    uint64_t offset; /* in it: where `packed` ends */
    tarn_buf packed, space;
    size_t at; /* in `packed`: what comes next */
    tarn_avro_cursor cursor;
    int64_t rows; /* left in the block */
} stream;

static uint64_t left_in_file(const stream *s) {
    return s->files.sizes[s->file] - s->offset + (uint64_t)(s->packed.n - s->at);
}

/* Has at least `n` bytes (or all that are left) from `at` on in the window. What was before `at` is gone then. */
static tarn_code fill(stream *s, size_t n) {
    size_t have = s->packed.n - s->at;
    uint64_t left = s->files.sizes[s->file] - s->offset;
    if (have >= n || left == 0) return TARN_OK;
    if (have) memmove(s->packed.data, s->packed.data + s->at, have);
    s->packed.n = have;
    s->at = 0;
    size_t want = n > WINDOW ? n : WINDOW;
    want = left < want - have ? (size_t)left : want - have;
    TRY(s->files.read(&s->cx, s->files.state, s->file, s->offset, want, &s->packed));
    if (s->packed.n != have + want)
        return tarn_fail(&s->cx, TARN_CORRUPT, "%s: it became shorter while it was read", s->files.names[s->file]);
    s->offset += want;
    return TARN_OK;
}

static tarn_str window(const stream *s) {
    return s->packed.data ? (tarn_str){s->packed.data + s->at, s->packed.n - s->at} : (tarn_str){"", 0};
}

static tarn_code read_header(stream *s) {
    s->header = NULL;
    for (size_t n = 1 << 16;; n *= 4) {
        TRY(fill(s, n));
        TRY(tarn_avro_header_read(&s->cx, s->arena, window(s), &s->header));
        if (s->header) break;
        if (s->offset == s->files.sizes[s->file])
            return tarn_fail(&s->cx, TARN_CORRUPT, "Avro file: it ends inside its header");
        if (n >= HEADER_MAX) return tarn_fail(&s->cx, TARN_LIMIT, "Avro file: a header of over %d bytes", HEADER_MAX);
    }
    s->at += s->header->size;
    return tarn_avro_column_tree(&s->cx, s->arena, s->header->type, &s->columns);
}

static tarn_code open_file(stream *s) {
    s->offset = 0;
    s->at = 0;
    s->rows = 0;
    tarn_buf_clear(&s->packed);
    s->arena = tarn_arena_new();
    TRY(tarn_prefix(&s->cx, read_header(s), "%s", s->files.names[s->file]));
    if (!s->first) {
        s->first = s->columns;
        s->first_arena = s->arena;
        return TARN_OK;
    }
    if (tarn_avro_column_same(s->first, s->columns)) return TARN_OK;
    return tarn_fail(&s->cx, TARN_INVALID, "%s has not the columns of %s: read them apart, and unite them BY NAME",
                     s->files.names[s->file], s->files.names[0]);
}

static void close_file(stream *s) {
    tarn_avro_column_free(s->columns);
    s->columns = NULL;
    if (s->arena != s->first_arena) tarn_arena_free(s->arena);
    s->arena = NULL;
}

static tarn_code next_block(stream *s) {
    tarn_avro_frame frame;
    tarn_str data;
    TRY(tarn_check(&s->cx));
    TRY(fill(s, HEAD));
    TRY(tarn_avro_frame_read(&s->cx, s->header, window(s), left_in_file(s), &frame));
    if (frame.end > (size_t)BLOCK_MAX) return tarn_fail(&s->cx, TARN_LIMIT, "Avro file: a block of over 1 GiB");
    TRY(fill(s, frame.end));
    tarn_str bytes = {s->packed.data + s->at + frame.data, frame.end - frame.data};
    TRY(tarn_avro_frame_data(&s->cx, s->header, &frame, bytes, &s->space, &data));
    s->at += frame.end;
    s->cursor = tarn_avro_cursor_of(data);
    s->rows = frame.rows;
    return TARN_OK;
}

/* Rows until the batch is full, or (*more false) the file at its end. */
static tarn_code read_rows(stream *s, bool *more) {
    size_t size = 0;
    *more = true;
    while (s->columns->rows < BATCH_ROWS && size < BATCH_BYTES) {
        if (s->rows == 0) {
            *more = left_in_file(s) > 0;
            if (!*more) return TARN_OK;
            TRY(next_block(s));
            continue;
        }
        tarn_avro_column_read(s->columns, &s->cursor, &size);
        s->rows--;
        if (s->cursor.wrong || s->rows == 0) TRY(tarn_avro_check(&s->cx, &s->cursor));
        if (s->rows == 0 && s->cursor.p != s->cursor.end)
            return tarn_fail(&s->cx, TARN_CORRUPT, "Avro values: a block has more bytes than rows");
    }
    return TARN_OK;
}

static tarn_code next_batch(stream *s, struct ArrowArray *out) {
    bool more;
    while (s->file < s->files.n) {
        if (!s->columns) TRY(open_file(s));
        TRY(tarn_prefix(&s->cx, read_rows(s, &more), "%s", s->files.names[s->file]));
        bool taken = s->columns->rows > 0;
        if (taken && !tarn_avro_column_take(s->columns, out))
            return tarn_fail(&s->cx, TARN_LIMIT, "%s: rows too large for a batch", s->files.names[s->file]);
        if (!more) {
            close_file(s);
            s->file++;
        }
        if (taken) return TARN_OK;
    }
    *out = (struct ArrowArray){0};
    return TARN_OK;
}

static int get_next(struct ArrowArrayStream *arrow, struct ArrowArray *out) {
    stream *s = arrow->private_data;
    tarn_code code = s->cx.error.code ? s->cx.error.code : next_batch(s, out);
    return code == TARN_OK ? 0 : tarn_arrow_errno(code);
}

static int get_schema(struct ArrowArrayStream *arrow, struct ArrowSchema *out) {
    stream *s = arrow->private_data;
    return tarn_avro_column_schema(s->first, out) ? 0 : ENOMEM;
}

static const char *last_error(struct ArrowArrayStream *arrow) {
    stream *s = arrow->private_data;
    return s->cx.error.code ? s->cx.error.message : NULL;
}

static void free_stream(stream *s) {
    close_file(s);
    tarn_arena_free(s->first_arena);
    tarn_buf_free(&s->packed);
    tarn_buf_free(&s->space);
    if (s->files.done) s->files.done(s->files.state);
    tarn_cx_done(&s->cx);
    free(s);
}

static void release_stream(struct ArrowArrayStream *arrow) {
    free_stream(arrow->private_data);
    arrow->release = NULL;
}

tarn_code tarn_avro_stream(tarn_cx *cx, const tarn_avro_files *files, struct ArrowArrayStream *out) {
    stream *s = calloc(1, sizeof *s);
    if (!s) abort();
    int64_t most = tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES);
    tarn_cx_fork(cx, &s->cx);
    s->files = *files;
    s->packed = TARN_BUF((size_t)BLOCK_MAX + WINDOW);
    s->space = TARN_BUF((size_t)(most < BLOCK_MAX ? most : BLOCK_MAX));
    tarn_code code = open_file(s);
    if (code != TARN_OK) {
        cx->error = s->cx.error;
        free_stream(s);
        return code;
    }
    *out = (struct ArrowArrayStream){get_schema, get_next, last_error, release_stream, s};
    return TARN_OK;
}
