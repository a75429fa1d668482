/* ingest.c: an Arrow stream into a temp table, through a table function that hands its batches to DuckDB without copying them. */
#include <stdlib.h>

#include "engine/internal.h"

enum { SLICE_ROWS = 2048 };

/* One stream being read. SQL names it by id, never by address: users can call the function too. */
typedef struct feed {
    struct feed *next;
    uint64_t id;
    tarn_cx *cx; /* of the thread that waits for the statement */
    tarn_conn *conn;
    struct ArrowArrayStream *stream;
    struct ArrowSchema schema;
    duckdb_arrow_converted_schema types;
    struct shared_batch *batch; /* NULL: fetch the next */
    int64_t at;
    tarn_code failed;
} feed;

struct tarn_feeds {
    pthread_mutex_t lock;
    feed *first;
    uint64_t last;
};

tarn_feeds *tarn_feeds_new(void) {
    tarn_feeds *feeds = calloc(1, sizeof *feeds);
    if (!feeds) abort();
    pthread_mutex_init(&feeds->lock, NULL);
    return feeds;
}

void tarn_feeds_free(tarn_feeds *feeds) {
    if (!feeds) return;
    pthread_mutex_destroy(&feeds->lock);
    free(feeds);
}

/* A batch with its slices as owners: DuckDB's vectors point into it and may live longer than the feed. */
typedef struct shared_batch {
    atomic_int refs;
    struct ArrowArray array;
} shared_batch;

typedef struct slice {
    shared_batch *batch;
    struct ArrowArray *children;
    struct ArrowArray **pointers;
    const void *buffers[1];
} slice;

static void drop_batch(shared_batch *batch) {
    if (!batch || atomic_fetch_sub(&batch->refs, 1) != 1) return;
    tarn_array_release(&batch->array);
    free(batch);
}

static void release_slice(struct ArrowArray *array) {
    slice *s = array->private_data;
    drop_batch(s->batch);
    free(s->children);
    free(s->pointers);
    free(s);
    array->release = NULL;
}

/* Children of a slice own nothing: the slice does. Consumers may not take them out, and DuckDB does not. */
static void release_nothing(struct ArrowArray *array) { array->release = NULL; }

static bool make_slice(shared_batch *batch, int64_t at, int64_t rows, struct ArrowArray *out) {
    size_t n = (size_t)batch->array.n_children;
    slice *s = calloc(1, sizeof *s);
    struct ArrowArray *children = calloc(n + 1, sizeof *children), **pointers = calloc(n + 1, sizeof *pointers);
    if (!s || !children || !pointers) {
        free(s);
        free(children);
        free(pointers);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        children[i] = *batch->array.children[i];
        children[i].offset += batch->array.offset + at;
        children[i].length = rows;
        if (children[i].null_count != 0) children[i].null_count = -1;
        children[i].release = release_nothing;
        pointers[i] = &children[i];
    }
    atomic_fetch_add(&batch->refs, 1);
    *s = (slice){.batch = batch, .children = children, .pointers = pointers};
    *out = (struct ArrowArray){.length = rows, .n_buffers = 1, .buffers = s->buffers, .n_children = (int64_t)n,
                               .children = pointers, .release = release_slice, .private_data = s};
    return true;
}

static tarn_code fail_stream(tarn_cx *cx, struct ArrowArrayStream *stream, const char *what, int code) {
    const char *text = stream->get_last_error(stream);
    return tarn_fail(cx, TARN_INVALID, "the rows handed in cannot be read (%s): %s", what, text && *text ? text : tarn_errno_text(cx, code));
}

static tarn_code next_batch(feed *f) {
    struct ArrowArray array = {0};
    int code = f->stream->get_next(f->stream, &array);
    if (code) return fail_stream(f->cx, f->stream, "get_next", code);
    if (!array.release) return TARN_OK;
    shared_batch *batch = calloc(1, sizeof *batch);
    if (!batch || array.n_children != f->schema.n_children) {
        tarn_array_release(&array);
        free(batch);
        return batch ? tarn_fail(f->cx, TARN_INVALID, "a batch handed in has not the columns of its schema")
                     : tarn_fail(f->cx, TARN_NOMEM, "no memory for a batch");
    }
    batch->refs = 1;
    batch->array = array;
    f->batch = batch;
    f->at = 0;
    return TARN_OK;
}

/* The next rows as a chunk; *out stays NULL at the end of the stream. */
static tarn_code next_chunk(feed *f, duckdb_data_chunk *out) {
    while (!f->batch || f->at >= f->batch->array.length) {
        TRY(tarn_check(f->cx));
        drop_batch(f->batch);
        f->batch = NULL;
        TRY(next_batch(f));
        if (!f->batch) return TARN_OK;
    }
    int64_t rows = f->batch->array.length - f->at;
    if (rows > SLICE_ROWS) rows = SLICE_ROWS;
    struct ArrowArray part;
    if (!make_slice(f->batch, f->at, rows, &part)) return tarn_fail(f->cx, TARN_NOMEM, "no memory for a batch");
    tarn_code code = tarn_duckdb_check(f->cx, f->conn, f->conn->api->data_chunk_from_arrow(f->conn->handle, &part, f->types, out));
    if (part.release) part.release(&part);
    if (code == TARN_OK) f->at += rows;
    return code;
}

static feed *find_feed(tarn_feeds *feeds, uint64_t id) {
    pthread_mutex_lock(&feeds->lock);
    feed *f = feeds->first;
    while (f && f->id != id) f = f->next;
    pthread_mutex_unlock(&feeds->lock);
    return f;
}

/* A batch of no rows tells the types that DuckDB gives the columns. */
static tarn_code add_columns(feed *f, duckdb_bind_info info) {
    const tarn_duckdb *api = f->conn->api;
    for (int64_t i = 0; i < f->schema.n_children; i++) {
        const char *name = f->schema.children[i]->name;
        duckdb_logical_type type = api->arrow_type(f, i);
        api->bind_add_result_column(info, name, type);
    }
    return TARN_OK;
}
