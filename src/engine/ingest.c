/* ingest.c: Arrow streams as rows of DuckDB, read when a statement asks or once into a temp table, through a table
 * function that hands their batches over without copying them. */
#include <errno.h>
#include <stdlib.h>

#include "engine/internal.h"

enum { SLICE_ROWS = 2048 };

/* Rows that SQL can read. It names them by id, never by address: users can call the function too. */
typedef struct feed {
    struct feed *next;
    uint64_t id;
    atomic_int refs; /* who made it, what is bound to it, and its scans */
    tarn_cx cx;      /* a child: its error is kept apart from the statement's */
    tarn_conn *conn;
    tarn_row_source source;
    struct ArrowSchema schema;
    duckdb_arrow_converted_schema types;
    tarn_code failed; /* of a callback, with its error: DuckDB's own says less */
    tarn_error error;
} feed;

/* One reading of them. */
typedef struct feed_scan {
    feed *feed;
    tarn_cx cx;
    struct ArrowArrayStream stream;
    struct shared_batch *batch; /* NULL: fetch the next */
    int64_t at;
} feed_scan;

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
        if (children[i].null_count != 0) children[i].null_count = children[i].dictionary ? rows : -1;
        children[i].release = release_nothing;
        pointers[i] = &children[i];
    }
    atomic_fetch_add(&batch->refs, 1);
    *s = (slice){.batch = batch, .children = children, .pointers = pointers};
    *out = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = s->buffers,
                               .n_children = (int64_t)n,
                               .children = pointers,
                               .release = release_slice,
                               .private_data = s};
    return true;
}

/* What a stream says beyond its text; most say EINVAL or EIO for anything. */
static tarn_code code_of(int err) {
    switch (err) {
    case ECANCELED: return TARN_CANCELLED;
    case ETIMEDOUT: return TARN_TIMEOUT;
    case EBADMSG: return TARN_CORRUPT;
    case EOVERFLOW: return TARN_LIMIT;
    case EREMOTEIO: return TARN_IO;
    default: return TARN_INVALID;
    }
}

static tarn_code fail_stream(tarn_cx *cx, struct ArrowArrayStream *stream, const char *what, int code) {
    const char *text = stream->get_last_error(stream);
    return tarn_fail(cx, code_of(code), "the rows cannot be read (%s): %s", what,
                     text && *text ? text : tarn_errno_text(cx, code));
}

/* DuckDB 1.5.5 takes a dictionary's unknown count of nulls for none, and gives the first word in their place. */
static void suppose_nulls(struct ArrowArray *array) {
    if (array->dictionary && array->null_count < 0) array->null_count = array->length;
    for (int64_t i = 0; i < array->n_children; i++) suppose_nulls(array->children[i]);
}

static tarn_code next_batch(feed_scan *s) {
    struct ArrowArray array = {0};
    int code = s->stream.get_next(&s->stream, &array);
    if (code) return fail_stream(&s->cx, &s->stream, "get_next", code);
    if (!array.release) return TARN_OK;
    shared_batch *batch = calloc(1, sizeof *batch);
    if (!batch || array.n_children != s->feed->schema.n_children) {
        tarn_array_release(&array);
        free(batch);
        return batch ? tarn_fail(&s->cx, TARN_INVALID, "a batch handed in has not the columns of its schema")
                     : tarn_fail(&s->cx, TARN_NOMEM, "no memory for a batch");
    }
    suppose_nulls(&array);
    batch->refs = 1;
    batch->array = array;
    s->batch = batch;
    s->at = 0;
    return TARN_OK;
}

/* The next rows as a chunk; *out stays NULL at the end of the stream. */
static tarn_code next_chunk(feed_scan *s, duckdb_data_chunk *out) {
    const feed *f = s->feed;
    while (!s->batch || s->at >= s->batch->array.length) {
        TRY(tarn_check(&s->cx));
        drop_batch(s->batch);
        s->batch = NULL;
        TRY(next_batch(s));
        if (!s->batch) return TARN_OK;
    }
    int64_t rows = s->batch->array.length - s->at;
    if (rows > SLICE_ROWS) rows = SLICE_ROWS;
    struct ArrowArray part;
    if (!make_slice(s->batch, s->at, rows, &part)) return tarn_fail(&s->cx, TARN_NOMEM, "no memory for a batch");
    tarn_code code =
        tarn_duckdb_check(&s->cx, f->conn, f->conn->api->data_chunk_from_arrow(f->conn->handle, &part, f->types, out));
    if (part.release) part.release(&part);
    if (code == TARN_OK) s->at += rows;
    return code;
}

/* Held for who asks. */
static feed *find_feed(tarn_feeds *feeds, uint64_t id) {
    pthread_mutex_lock(&feeds->lock);
    feed *f = feeds->first;
    while (f && f->id != id) f = f->next;
    if (f) atomic_fetch_add(&f->refs, 1);
    pthread_mutex_unlock(&feeds->lock);
    return f;
}

static void drop_feed(void *state) {
    feed *f = state;
    if (atomic_fetch_sub(&f->refs, 1) != 1) return;
    const tarn_duckdb *api = tarn_duckdb_loaded();
    if (f->types) api->destroy_arrow_converted_schema(&f->types);
    tarn_schema_release(&f->schema);
    if (f->source.free) f->source.free(f->source.state);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
}

/* A batch of no rows tells the types that DuckDB gives the columns. */
static struct ArrowArray *empty_array(tarn_arena *arena, const struct ArrowSchema *schema) {
    static const int64_t zeros[2];
    struct ArrowArray *array = TARN_NEW(arena, struct ArrowArray);
    array->n_buffers = 3;
    array->buffers = TARN_NEW_ARRAY(arena, const void *, 4);
    for (int i = 1; i < 4; i++) array->buffers[i] = zeros;
    array->n_children = schema->n_children;
    array->children = TARN_NEW_ARRAY(arena, struct ArrowArray *, (size_t)schema->n_children + 1);
    for (int64_t i = 0; i < schema->n_children; i++) array->children[i] = empty_array(arena, schema->children[i]);
    if (schema->dictionary) array->dictionary = empty_array(arena, schema->dictionary);
    array->release = release_nothing;
    return array;
}

static tarn_code add_columns(feed *f, duckdb_bind_info info) {
    const tarn_duckdb *api = f->conn->api;
    duckdb_data_chunk chunk = NULL;
    struct ArrowArray *none = empty_array(f->cx.arena, &f->schema);
    TRY(tarn_duckdb_check(&f->cx, f->conn, api->data_chunk_from_arrow(f->conn->handle, none, f->types, &chunk)));
    for (idx_t i = 0; i < api->data_chunk_get_column_count(chunk); i++) {
        const char *name = f->schema.children[i]->name;
        duckdb_logical_type type = api->vector_get_column_type(api->data_chunk_get_vector(chunk, i));
        api->bind_add_result_column(info, name ? name : "", type);
        api->destroy_logical_type(&type);
    }
    api->destroy_data_chunk(&chunk);
    return TARN_OK;
}

static const char *keep_error(feed *f, const tarn_cx *cx, tarn_code code) {
    if (f->failed != TARN_OK) return f->error.message; /* DuckDB may ask again: the first failure tells why */
    f->failed = code;
    f->error = cx->error;
    return f->error.message;
}

static void bind_feed(duckdb_bind_info info) {
    const tarn_duckdb *api = tarn_duckdb_loaded();
    duckdb_value id = api->bind_get_parameter(info, 0);
    feed *f = find_feed(api->bind_get_extra_info(info), api->get_uint64(id));
    api->destroy_value(&id);
    if (!f) return api->bind_set_error(info, "tarn_feed: there is no such stream; it is for Tarn's own use");
    api->bind_set_bind_data(info, f, drop_feed);
    tarn_code code = add_columns(f, info);
    if (code != TARN_OK) api->bind_set_error(info, keep_error(f, &f->cx, code));
}

static void end_scan(void *state) {
    feed_scan *s = state;
    drop_batch(s->batch);
    tarn_stream_release(&s->stream);
    tarn_cx_done(&s->cx);
    drop_feed(s->feed);
    free(s);
}

/* One thread reads a scan: that is DuckDB's default. */
static void init_feed(duckdb_init_info info) {
    const tarn_duckdb *api = tarn_duckdb_loaded();
    feed *f = api->init_get_bind_data(info);
    feed_scan *s = calloc(1, sizeof *s);
    if (!s) abort();
    atomic_fetch_add(&f->refs, 1);
    s->feed = f;
    tarn_cx_fork(&f->cx, &s->cx);
    f->source.open(f->source.state, &s->stream);
    api->init_set_init_data(info, s, end_scan);
}

static void run_feed(duckdb_function_info info, duckdb_data_chunk output) {
    const tarn_duckdb *api = tarn_duckdb_loaded();
    feed_scan *s = api->function_get_init_data(info);
    feed *f = s->feed;
    duckdb_data_chunk chunk = NULL;
    tarn_code code = f->failed != TARN_OK ? f->failed : next_chunk(s, &chunk);
    if (code != TARN_OK) return api->function_set_error(info, keep_error(f, &s->cx, code));
    if (!chunk) return api->data_chunk_set_size(output, 0);
    for (idx_t i = 0; i < api->data_chunk_get_column_count(chunk); i++)
        api->vector_reference_vector(api->data_chunk_get_vector(output, i), api->data_chunk_get_vector(chunk, i));
    api->data_chunk_set_size(output, api->data_chunk_get_size(chunk));
    api->destroy_data_chunk(&chunk);
}

tarn_code tarn_feeds_register(tarn_cx *cx, tarn_engine *engine, duckdb_connection handle) {
    const tarn_duckdb *api = engine->api;
    duckdb_table_function f = api->create_table_function();
    duckdb_logical_type id = api->create_logical_type(DUCKDB_TYPE_UBIGINT);
    api->table_function_set_name(f, "tarn_feed");
    api->table_function_add_parameter(f, id);
    api->table_function_set_extra_info(f, engine->feeds, NULL);
    api->table_function_set_bind(f, bind_feed);
    api->table_function_set_init(f, init_feed);
    api->table_function_set_function(f, run_feed);
    duckdb_state state = api->register_table_function(handle, f);
    api->destroy_logical_type(&id);
    api->destroy_table_function(&f);
    return state == DuckDBSuccess ? TARN_OK : tarn_fail(cx, TARN_INTERNAL, "cannot register tarn_feed with DuckDB");
}

/* Depth 0 is the table itself. */
static tarn_code check_schema(tarn_cx *cx, const struct ArrowSchema *schema, int depth, bool in_list) {
    if (depth > 64) return tarn_fail(cx, TARN_LIMIT, "the rows handed in are nested deeper than 64 levels");
    if (depth == 0 && (!schema->format || strcmp(schema->format, "+s") != 0 || schema->n_children < 1))
        return tarn_fail(cx, TARN_INVALID,
                         "the rows handed in are no table: a struct of at least one column is wanted");
    if (schema->n_children > tarn_conf_int(cx->conf, TARN_LIMIT_COLUMNS))
        return tarn_fail(cx, TARN_LIMIT, "the rows handed in have more than limit.columns columns");
    if (schema->dictionary && in_list) /* DuckDB 1.5.5 ends its database over them */
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "the rows handed in have a list of dictionary-encoded values: decode them first");
    in_list |= depth > 0 && schema->format && schema->format[0] == '+' && schema->format[1] != 's';
    for (int64_t i = 0; i < schema->n_children; i++) TRY(check_schema(cx, schema->children[i], depth + 1, in_list));
    return schema->dictionary ? check_schema(cx, schema->dictionary, depth + 1, false) : TARN_OK;
}

/* A feed that SQL can name, held by its maker; `schema` is taken over. */
static feed *add_feed(tarn_cx *cx, tarn_conn *conn, const tarn_row_source *source, struct ArrowSchema *schema) {
    tarn_feeds *feeds = conn->engine->feeds;
    feed *f = calloc(1, sizeof *f);
    if (!f) abort();
    f->refs = 1;
    tarn_cx_fork(cx, &f->cx);
    f->cx.conf = tarn_conf_copy(cx->conf); /* scans may outlive the statement */
    f->cx.principal = NULL;
    f->cx.counters = NULL;
    f->conn = conn;
    f->source = *source;
    f->schema = *schema;
    schema->release = NULL;
    pthread_mutex_lock(&feeds->lock);
    f->id = ++feeds->last;
    f->next = feeds->first;
    feeds->first = f;
    pthread_mutex_unlock(&feeds->lock);
    return f;
}

static void remove_feed(feed *f) {
    tarn_feeds *feeds = f->conn->engine->feeds;
    pthread_mutex_lock(&feeds->lock);
    feed **at = &feeds->first;
    while (*at != f) at = &(*at)->next;
    *at = f->next;
    pthread_mutex_unlock(&feeds->lock);
    drop_feed(f);
}

void tarn_feeds_end(tarn_conn *conn) {
    tarn_feeds *feeds = conn->engine->feeds;
    for (;;) {
        pthread_mutex_lock(&feeds->lock);
        feed *f = feeds->first;
        while (f && f->conn != conn) f = f->next;
        pthread_mutex_unlock(&feeds->lock);
        if (!f) return;
        remove_feed(f);
    }
}

static tarn_code check_feed(feed *f) {
    tarn_conn *conn = f->conn;
    TRY(check_schema(&f->cx, &f->schema, 0, false));
    return tarn_duckdb_check(&f->cx, conn, conn->api->schema_from_arrow(conn->handle, &f->schema, &f->types));
}

static tarn_code make_view(tarn_cx *cx, tarn_conn *conn, const char *name, const char *from) {
    return tarn_conn_run(
        cx, conn, tarn_printf(cx, "CREATE OR REPLACE TEMP VIEW %s AS FROM %s", tarn_sql_name(cx->arena, name), from));
}

static const char *call_of(const feed *f) {
    return tarn_arena_printf(f->cx.arena, "tarn_feed(%llu::UBIGINT)", (unsigned long long)f->id);
}

/* A table first and a view over it: the view's name is free of the table's, so that both can be replaced. */
static tarn_code make_table(tarn_cx *cx, feed *f, const char *name) {
    const char *table = tarn_sql_name(cx->arena, tarn_printf(cx, "%s$rows", name));
    TRY(check_feed(f));
    TRY(tarn_conn_run(&f->cx, f->conn,
                      tarn_printf(cx, "CREATE OR REPLACE TEMP TABLE %s AS FROM %s", table, call_of(f))));
    return make_view(&f->cx, f->conn, name, tarn_printf(cx, "temp.%s", table));
}

static tarn_code end_feed(tarn_cx *cx, feed *f, tarn_code code) {
    if (code != TARN_OK) cx->error = f->failed != TARN_OK ? f->error : f->cx.error;
    if (code != TARN_OK && f->failed != TARN_OK) code = f->failed;
    remove_feed(f);
    return code;
}

static tarn_code get_schema(tarn_cx *cx, struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    int code = stream->get_schema(stream, out);
    return code ? fail_stream(cx, stream, "get_schema", code) : TARN_OK;
}

static void take_stream(void *state, struct ArrowArrayStream *out) {
    struct ArrowArrayStream *stream = state;
    *out = *stream;
    stream->release = NULL;
}

tarn_code tarn_conn_ingest(tarn_cx *cx, tarn_conn *conn, const char *name, struct ArrowArrayStream *stream) {
    tarn_auto(struct ArrowArrayStream, tarn_stream_release) taken = *stream;
    tarn_row_source source = {.open = take_stream, .state = &taken};
    struct ArrowSchema schema;
    stream->release = NULL;
    TRY(get_schema(cx, &taken, &schema));
    feed *f = add_feed(cx, conn, &source, &schema);
    return end_feed(cx, f, make_table(cx, f, name));
}

tarn_code tarn_conn_offer(tarn_cx *cx, tarn_conn *conn, const char *name, const tarn_row_source *source) {
    tarn_auto(struct ArrowArrayStream, tarn_stream_release) stream = {0};
    struct ArrowSchema schema;
    source->open(source->state, &stream);
    tarn_code code = get_schema(cx, &stream, &schema);
    if (code != TARN_OK) {
        if (source->free) source->free(source->state);
        return code;
    }
    feed *f = add_feed(cx, conn, source, &schema);
    code = check_feed(f);
    if (code == TARN_OK) code = make_view(&f->cx, conn, name, call_of(f));
    return code == TARN_OK ? TARN_OK : end_feed(cx, f, code);
}
