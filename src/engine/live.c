/* live.c: the SQL function tarn_live, which leaves out the deleted rows of a scan, and the registry of scans behind it.
 */
#include <stdlib.h>

#include "engine/internal.h"

typedef struct scan {
    uint64_t id;
    tarn_scan_deletes deletes;
} scan;

/* Sorted by id, as ids only grow. A vector is answered under the read lock, so that a scan cannot go while it is asked.
 */
struct tarn_live {
    pthread_rwlock_t lock;
    scan *scans;
    size_t n, cap;
    uint64_t last;
};

tarn_live *tarn_live_new(void) {
    tarn_live *live = calloc(1, sizeof *live);
    if (!live) abort();
    pthread_rwlock_init(&live->lock, NULL);
    return live;
}

void tarn_live_free(tarn_live *live) {
    if (!live) return;
    for (size_t i = 0; i < live->n; i++)
        if (live->scans[i].deletes.free) live->scans[i].deletes.free(live->scans[i].deletes.state);
    pthread_rwlock_destroy(&live->lock);
    free(live->scans);
    free(live);
}

static scan *find_scan(const tarn_live *live, uint64_t id) {
    size_t low = 0, high = live->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (live->scans[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < live->n && live->scans[low].id == id ? &live->scans[low] : NULL;
}

tarn_code tarn_engine_add_deletes(tarn_cx *cx, tarn_engine *engine, const tarn_scan_deletes *deletes, uint64_t *out) {
    tarn_live *live = engine->live;
    bool ok = true;
    pthread_rwlock_wrlock(&live->lock);
    if (live->n == live->cap) {
        size_t cap = live->cap ? live->cap * 2 : 8;
        scan *bigger = realloc(live->scans, cap * sizeof *bigger);
        ok = bigger != NULL;
        if (ok) {
            live->scans = bigger;
            live->cap = cap;
        }
    }
    if (ok) {
        live->scans[live->n++] = (scan){++live->last, *deletes};
        *out = live->last;
    }
    pthread_rwlock_unlock(&live->lock);
    return ok ? TARN_OK : tarn_fail(cx, TARN_NOMEM, "no memory for one more scan with deleted rows");
}

void tarn_engine_drop_deletes(tarn_engine *engine, uint64_t id) {
    tarn_live *live = engine->live;
    tarn_scan_deletes gone = {0};
    pthread_rwlock_wrlock(&live->lock);
    scan *found = find_scan(live, id);
    if (found) {
        gone = found->deletes;
        size_t at = (size_t)(found - live->scans);
        memmove(found, found + 1, (live->n - at - 1) * sizeof *found);
        live->n--;
    }
    pthread_rwlock_unlock(&live->lock);
    if (gone.free) gone.free(gone.state);
}

/* Rows [begin, end) are of one scan and one file. */
static void answer_run(const tarn_scan_deletes *d, uint64_t file, const int64_t *rows, idx_t n, bool *out) {
    if (!d->dirty(d->state, file)) {
        memset(out, 1, n);
        return;
    }
    uint8_t *deleted = (uint8_t *)out;
    memset(deleted, 0, n);
    d->contains(d->state, file, rows, n, deleted);
    for (idx_t i = 0; i < n; i++) out[i] = !deleted[i];
}

/* The three arguments as flat vectors. */
typedef struct arguments {
    const uint64_t *scans, *files;
    const int64_t *rows;
    uint64_t *valid[3]; /* NULL: all */
    idx_t n;
} arguments;

static bool is_null(const arguments *a, idx_t i) {
    for (int k = 0; k < 3; k++)
        if (a->valid[k] && !(a->valid[k][i / 64] >> (i % 64) & 1)) return true;
    return false;
}

/* Null arguments are of no row of a file, which is then none that counts. What lies in a vector under a null is not to
 * be looked at. */
static bool answer(const tarn_live *live, const arguments *a, bool *out) {
    bool nulls = a->valid[0] || a->valid[1] || a->valid[2];
    const scan *at = NULL;
    for (idx_t i = 0, end; i < a->n; i = end) {
        end = i + 1;
        out[i] = false;
        if (nulls && is_null(a, i)) continue;
        if (!at || at->id != a->scans[i]) at = find_scan(live, a->scans[i]);
        if (!at) return false;
        while (end < a->n && a->files[end] == a->files[i] && a->scans[end] == a->scans[i] &&
               !(nulls && is_null(a, end)))
            end++;
        answer_run(&at->deletes, a->files[i], a->rows + i, end - i, out + i);
    }
    return true;
}

static void run_live(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    const tarn_duckdb *api = tarn_duckdb_loaded();
    tarn_live *live = api->scalar_function_get_extra_info(info);
    duckdb_vector in[3];
    for (idx_t i = 0; i < 3; i++) in[i] = api->data_chunk_get_vector(input, i);
    arguments a = {api->vector_get_data(in[0]),
                   api->vector_get_data(in[1]),
                   api->vector_get_data(in[2]),
                   {0},
                   api->data_chunk_get_size(input)};
    for (int i = 0; i < 3; i++) a.valid[i] = api->vector_get_validity(in[i]);
    pthread_rwlock_rdlock(&live->lock);
    bool known = answer(live, &a, api->vector_get_data(output));
    pthread_rwlock_unlock(&live->lock);
    if (!known) api->scalar_function_set_error(info, "tarn_live: no such scan; it ended while its rows were read");
}

static duckdb_state register_function(const tarn_duckdb *api, tarn_live *live, duckdb_connection handle) {
    duckdb_type parameters[] = {DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_BIGINT};
    duckdb_scalar_function f = api->create_scalar_function();
    api->scalar_function_set_name(f, "tarn_live");
    for (size_t i = 0; i < 3; i++) {
        duckdb_logical_type type = api->create_logical_type(parameters[i]);
        api->scalar_function_add_parameter(f, type);
        api->destroy_logical_type(&type);
    }
    duckdb_logical_type result = api->create_logical_type(DUCKDB_TYPE_BOOLEAN);
    api->scalar_function_set_return_type(f, result);
    api->destroy_logical_type(&result);
    api->scalar_function_set_extra_info(f, live, NULL);
    api->scalar_function_set_function(f, run_live);
    duckdb_state state = api->register_scalar_function(handle, f);
    api->destroy_scalar_function(&f);
    return state;
}

tarn_code tarn_live_register(tarn_cx *cx, tarn_engine *engine, duckdb_connection handle) {
    if (register_function(engine->api, engine->live, handle) == DuckDBSuccess) return TARN_OK;
    return tarn_fail(cx, TARN_INTERNAL, "cannot register tarn_live with DuckDB");
}
