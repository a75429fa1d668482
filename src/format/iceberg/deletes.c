/* deletes.c: finds the delete files of data files, and reads position deletes and deletion vectors (1.8). */
#include "format/iceberg/deletes.h"

#include <stdlib.h>

#include "codec/parquet_positions.h"
#include "codec/puffin.h"
#include "format/data_path.h"

enum { VECTOR_MAX = 1 << 30, SQL_MAX = 1 << 24, FILES_AT_ONCE = 1000 };

typedef struct file_list {
    TARN_VEC(const tarn_iceberg_file *) files;
} file_list;

/* The rows that a position delete file takes away: tarn_roaring64 by the recorded path of the data file. */
typedef tarn_map positions;

struct tarn_iceberg_delete_index {
    tarn_map by_path;       /* of one data file: vectors and position deletes */
    tarn_map by_tuple;      /* position deletes of a whole partition */
    tarn_map keys_by_tuple; /* equality deletes of a partition */
    file_list keys_global;  /* equality deletes of the table */
    tarn_map keys;          /* by tuple and sequence: tarn_iceberg_keys */
    pthread_mutex_t lock;
    tarn_arena *arena; /* of what follows, under its lock */
    tarn_map read;     /* by tarn_iceberg_file: its positions */
};

static void add_to(tarn_arena *arena, tarn_map *map, tarn_str key, const tarn_iceberg_file *f) {
    file_list *list = tarn_map_get(map, key);
    if (!list) {
        list = TARN_NEW(arena, file_list);
        key.p = tarn_arena_strndup(arena, key.p, key.n);
        tarn_map_put(map, arena, key, list);
    }
    *TARN_PUSH(arena, &list->files) = f;
}

static bool is_global(const tarn_iceberg_snapshot *s, const tarn_iceberg_file *f) {
    const tarn_iceberg_spec *spec = tarn_iceberg_spec_use_of(s, f->tuple->spec_id)->spec;
    for (size_t i = 0; i < spec->n_fields; i++)
        if (spec->fields[i].transform != TARN_VOID_TRANSFORM) return false;
    return true;
}

/* Bounds of the path that are equal name one file too. */
tarn_str tarn_iceberg_delete_target(const tarn_iceberg_entry *e) {
    tarn_str low, high, none = {0};
    if (e->content != TARN_ICEBERG_POSITIONS) return none;
    if (e->referenced.p) return e->referenced;
    bool one = tarn_iceberg_stat_bound(e, TARN_ICEBERG_LOWER, TARN_POSITIONS_PATH_ID, &low) &&
               tarn_iceberg_stat_bound(e, TARN_ICEBERG_UPPER, TARN_POSITIONS_PATH_ID, &high) && tarn_str_eq(low, high);
    return one ? low : none;
}

static void index_file(tarn_iceberg_snapshot *s, tarn_iceberg_delete_index *x, const tarn_iceberg_file *f) {
    tarn_arena *arena = s->base.arena;
    tarn_iceberg_entry e;
    tarn_iceberg_entry_of(f, &e);
    if (f->content == TARN_ICEBERG_KEYS) {
        if (is_global(s, f))
            *TARN_PUSH(arena, &x->keys_global.files) = f;
        else
            add_to(arena, &x->keys_by_tuple, TARN_KEY_OF(f->tuple), f);
        return;
    }
    tarn_str target = tarn_iceberg_delete_target(&e);
    if (target.p)
        add_to(arena, &x->by_path, target, f);
    else
        add_to(arena, &x->by_tuple, TARN_KEY_OF(f->tuple), f);
}

static tarn_code need_index(tarn_cx *cx, tarn_iceberg_snapshot *s) {
    TRY(tarn_iceberg_list(cx, s));
    if (s->n_data == s->n_slots) return TARN_OK;
    TRY(tarn_iceberg_load(cx, s, s->n_data, s->n_slots));
    pthread_mutex_lock(&s->lock);
    if (!s->deletes) {
        tarn_iceberg_delete_index *x = TARN_NEW(s->base.arena, tarn_iceberg_delete_index);
        pthread_mutex_init(&x->lock, NULL);
        x->arena = tarn_arena_new();
        for (size_t i = s->n_data; i < s->n_slots; i++)
            for (size_t k = 0; k < s->slots[i].files.n; k++) index_file(s, x, s->slots[i].files.at[k]);
        s->deletes = x;
    }
    pthread_mutex_unlock(&s->lock);
    return TARN_OK;
}

static bool is_vector(const tarn_iceberg_file *d) { return d->format == TARN_ICEBERG_PUFFIN; }

static int by_ordinal(const void *a, const void *b) {
    const tarn_iceberg_file *x = *(const tarn_iceberg_file *const *)a, *y = *(const tarn_iceberg_file *const *)b;
    int order = (x->manifest > y->manifest) - (x->manifest < y->manifest);
    return order ? order : (x->file.ordinal > y->file.ordinal) - (x->file.ordinal < y->file.ordinal);
}

static void add_newer(const file_list *from, int64_t sequence, tarn_iceberg_keys *out) {
    for (size_t i = 0; from && i < from->files.n; i++)
        if (from->files.at[i]->sequence > sequence) out->files[out->n++] = from->files.at[i];
}

/* Files of one partition and one commit share the list. */
static const tarn_iceberg_keys *find_keys(tarn_iceberg_snapshot *s, const tarn_iceberg_file *f) {
    tarn_arena *arena = s->base.arena;
    const file_list *global = &s->deletes->keys_global,
                    *own = tarn_map_get(&s->deletes->keys_by_tuple, TARN_KEY_OF(f->tuple));
    size_t max = global->files.n + (own ? own->files.n : 0);
    const struct {
        const tarn_iceberg_tuple *tuple;
        int64_t sequence;
    } key = {f->tuple, f->sequence};
    tarn_str name = TARN_KEY_OF(key);
    if (!max) return NULL;
    tarn_iceberg_keys *keys = tarn_map_get(&s->deletes->keys, name);
    if (!keys) {
        keys = TARN_NEW(arena, tarn_iceberg_keys);
        keys->files = TARN_NEW_ARRAY(arena, const tarn_iceberg_file *, max);
        add_newer(global, f->sequence, keys);
        add_newer(own, f->sequence, keys);
        if (keys->n) qsort(keys->files, keys->n, sizeof *keys->files, by_ordinal);
        name.p = tarn_arena_strndup(arena, name.p, name.n);
        tarn_map_put(&s->deletes->keys, arena, name, keys);
    }
    return keys->n ? keys : NULL;
}

/* The position deletes of a data file; a vector stands for all of them. Those by value are found by groups.c; that they
 * are there is said here. */
static void find_deletes(tarn_iceberg_snapshot *s, tarn_iceberg_file *f) {
    const file_list *own = tarn_map_get(&s->deletes->by_path, f->recorded),
                    *shared = tarn_map_get(&s->deletes->by_tuple, TARN_KEY_OF(f->tuple));
    size_t n = 0, max = (own ? own->files.n : 0) + (shared ? shared->files.n : 0);
    const tarn_iceberg_keys *keys = f->keys = find_keys(s, f);
    if (!max && !keys) return;
    const tarn_iceberg_file **files = TARN_NEW_ARRAY(s->base.arena, const tarn_iceberg_file *, max);
    int64_t rows = 0;
    bool vector = false;
    for (size_t i = 0; own && i < own->files.n && !vector; i++) {
        const tarn_iceberg_file *d = own->files.at[i];
        if (d->sequence < f->sequence) continue;
        vector = is_vector(d);
        if (vector) n = 0, rows = 0;
        files[n++] = d;
        rows = rows < 0 || d->file.rows < 0 ? -1 : rows + d->file.rows;
    }
    for (size_t i = 0; shared && i < shared->files.n && !vector; i++) {
        if (shared->files.at[i]->sequence < f->sequence) continue;
        files[n++] = shared->files.at[i];
        rows = -1; /* how many of them are this file's is not known */
    }
    if (!n && !keys) return;
    tarn_iceberg_deletes *where = TARN_NEW(s->base.arena, tarn_iceberg_deletes);
    tarn_deletes *deletes = TARN_NEW(s->base.arena, tarn_deletes);
    *where = (tarn_iceberg_deletes){files, n};
    *deletes = (tarn_deletes){.rows = n == 1 && !keys ? rows : -1, .files = (int64_t)n + (keys ? 1 : 0), .where = where};
    f->file.deletes = deletes;
}

tarn_code tarn_iceberg_find_deletes(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *const *files, size_t n) {
    TRY(need_index(cx, s));
    if (!s->deletes) return TARN_OK;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < n; i++) {
        tarn_iceberg_file *f = (tarn_iceberg_file *)(uintptr_t)files[i]->entry;
        if (!f->checked) find_deletes(s, f);
        f->checked = true;
    }
    pthread_mutex_unlock(&s->lock);
    return TARN_OK;
}

static bool same_entry(const tarn_iceberg_file *a, const tarn_iceberg_file *b) {
    tarn_iceberg_entry x, y;
    tarn_iceberg_entry_of(a, &x);
    tarn_iceberg_entry_of(b, &y);
    return tarn_str_eq(x.path, y.path) && x.offset == y.offset;
}

tarn_str tarn_iceberg_delete_name(tarn_cx *cx, const tarn_iceberg_entry *e) {
    return tarn_str_of(tarn_printf(cx, "%lld %.*s", (long long)e->offset, (int)e->path.n, e->path.p));
}

static void add_names(tarn_cx *cx, const tarn_iceberg_file *const *files, size_t n, tarn_map *out) {
    for (size_t i = 0; i < n; i++) {
        tarn_iceberg_entry e;
        tarn_iceberg_entry_of(files[i], &e);
        tarn_map_put(out, cx->arena, tarn_iceberg_delete_name(cx, &e), out);
    }
}

tarn_code tarn_iceberg_reaching(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_map *out, int64_t *others) {
    tarn_file_list list = {0};
    tarn_map seen = {0};
    *others = 0;
    TRY(tarn_iceberg_files(cx, &s->base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_iceberg_deletes *own = list.files.at[i]->deletes ? list.files.at[i]->deletes->where : NULL;
        const tarn_iceberg_keys *keys = ((const tarn_iceberg_file *)list.files.at[i]->entry)->keys;
        TRY(tarn_check(cx));
        if (own) add_names(cx, own->files, own->n, out);
        tarn_str list_key = TARN_KEY_OF(keys);
        if (!keys || tarn_map_get(&seen, list_key)) continue;
        list_key.p = tarn_arena_strndup(cx->arena, list_key.p, list_key.n);
        tarn_map_put(&seen, cx->arena, list_key, s);
        add_names(cx, keys->files, keys->n, out);
    }
    TRY(need_index(cx, s));
    for (size_t i = s->n_data; i < s->n_slots; i++) {
        for (size_t k = 0; k < s->slots[i].files.n; k++) {
            tarn_iceberg_entry e;
            tarn_iceberg_entry_of(s->slots[i].files.at[k], &e);
            *others += !tarn_map_get(out, tarn_iceberg_delete_name(cx, &e));
        }
    }
    return TARN_OK;
}

bool tarn_iceberg_same_positions(const tarn_file *a, const tarn_file *b) {
    const tarn_iceberg_deletes *x = a->deletes ? a->deletes->where : NULL, *y = b->deletes ? b->deletes->where : NULL;
    size_t n = x ? x->n : 0;
    bool same = n == (y ? y->n : 0);
    for (size_t i = 0; same && i < n; i++) same = same_entry(x->files[i], y->files[i]);
    return same;
}

bool tarn_iceberg_same_keys(const tarn_file *a, const tarn_file *b) {
    const tarn_iceberg_keys *x = ((const tarn_iceberg_file *)a->entry)->keys,
                            *y = ((const tarn_iceberg_file *)b->entry)->keys;
    size_t n = x ? x->n : 0;
    bool same = n == (y ? y->n : 0);
    for (size_t i = 0; same && i < n; i++) same = same_entry(x->files[i], y->files[i]);
    return same;
}

tarn_code tarn_iceberg_read_vector(tarn_cx *cx, tarn_store *store, tarn_str path, int64_t offset, int64_t length,
                                   int64_t rows, tarn_roaring64 **out) {
    tarn_auto_buf bytes = TARN_BUF(VECTOR_MAX);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) read = NULL;
    tarn_range range = {.offset = offset, .length = length};
    if (offset < 0 || length < 0 || length > VECTOR_MAX)
        return tarn_fail(cx, TARN_CORRUPT, "%.*s: a deletion vector has no place in its file", (int)path.n, path.p);
    TRY(tarn_iceberg_get(cx, store, path, &range, &bytes));
    TRY(tarn_prefix(cx, tarn_puffin_vector(cx, (tarn_str){bytes.data, bytes.n}, &read), "%.*s", (int)path.n, path.p));
    if (rows >= 0 && (int64_t)tarn_roaring64_cardinality(read) != rows)
        return tarn_fail(cx, TARN_CORRUPT, "%.*s: a deletion vector has %llu rows where the manifest says %lld",
                         (int)path.n, path.p, (unsigned long long)tarn_roaring64_cardinality(read), (long long)rows);
    *out = read;
    read = NULL;
    return TARN_OK;
}

static tarn_roaring64 *rows_of(tarn_arena *arena, positions *of, tarn_str path) {
    tarn_roaring64 *rows = tarn_map_get(of, path);
    if (rows) return rows;
    rows = tarn_roaring64_new();
    tarn_map_put(of, arena, (tarn_str){tarn_arena_strndup(arena, path.p, path.n), path.n}, rows);
    return rows;
}

/* Rows with the place of their file among `out`. */
static tarn_code take_positions(tarn_cx *cx, tarn_arena *arena, tarn_column all, int64_t n, positions **out,
                                size_t n_out) {
    tarn_column path = tarn_column_child(all, 0), pos = tarn_column_child(all, 1), from = tarn_column_child(all, 2);
    tarn_roaring64 *rows = NULL;
    tarn_str last = {0};
    int64_t last_file = -1;
    for (int64_t i = 0; i < n; i++) {
        if (tarn_column_null(path, i) || tarn_column_null(pos, i)) continue; /* of no row, so of no effect */
        if (tarn_column_int(pos, i) < 0) return tarn_fail(cx, TARN_CORRUPT, "a position is below 0");
        tarn_str key = tarn_column_str(path, i);
        int64_t file = tarn_column_int(from, i);
        if (file < 0 || (uint64_t)file >= n_out) return tarn_fail(cx, TARN_INTERNAL, "a row of no file");
        if (!rows || file != last_file || !tarn_str_eq(key, last)) rows = rows_of(arena, out[file], key);
        last = key;
        last_file = file;
        tarn_roaring64_add(rows, (uint64_t)tarn_column_int(pos, i));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_open_positions(tarn_cx *cx, const tarn_table *table, const tarn_file *const *files, size_t n,
                                      tarn_conn **conn, tarn_rows **out) {
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_buf_puts(&sql, "SELECT file_path, pos, CAST(file_index AS BIGINT) FROM read_parquet([");
    for (size_t i = 0; i < n; i++) {
        const char *path;
        tarn_buf_puts(&sql, i ? ", " : "");
        TRY(tarn_data_path(cx, table, files[i]->path, &path));
        TRY(tarn_data_path_put(cx, &sql, path));
    }
    tarn_buf_puts(&sql, "], hive_partitioning=false)");
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "its path is too long");
    TRY(tarn_data_reach(cx, table->engine, table, files, n));
    TRY(tarn_engine_conn(cx, table->engine, TARN_DB_EXECUTE, conn));
    return tarn_conn_query(cx, *conn, sql.data, NULL, 0, out);
}

static tarn_code read_rows(tarn_cx *cx, const tarn_table *table, const tarn_file *const *files, size_t n,
                           tarn_arena *arena, positions **out) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(tarn_iceberg_open_positions(cx, table, files, n, &conn, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        TRY(take_positions(cx, arena, (tarn_column){tarn_rows_schema(rows), &batch}, batch.length, out, n));
    }
}

static void free_positions(const positions *p) {
    tarn_str key;
    void *rows;
    for (size_t at = 0; tarn_map_each(p, &at, &key, &rows);) tarn_roaring64_free(rows);
}

/* One query for all of them, into as many new maps. */
static tarn_code read_positions(tarn_cx *cx, const tarn_table *table, const tarn_file *const *files, size_t n,
                                tarn_arena *arena, positions **out) {
    for (size_t i = 0; i < n; i++) out[i] = TARN_NEW(arena, positions);
    tarn_code code = read_rows(cx, table, files, n, arena, out);
    for (size_t i = 0; code != TARN_OK && i < n; i++) free_positions(out[i]);
    return code;
}

tarn_code tarn_iceberg_read_positions(tarn_cx *cx, const tarn_table *table, const tarn_file *file, tarn_str recorded,
                                      tarn_roaring64 **out) {
    positions *p;
    TRY(tarn_prefix(cx, read_positions(cx, table, &file, 1, cx->arena, &p), "%.*s", (int)file->path.n, file->path.p));
    const tarn_roaring64 *rows = tarn_map_get(p, recorded);
    *out = rows ? tarn_roaring64_copy(rows) : tarn_roaring64_new();
    free_positions(p);
    return TARN_OK;
}

static void keep_positions(tarn_iceberg_delete_index *x, const tarn_iceberg_file *d, positions *p) {
    tarn_str key = TARN_KEY_OF(d);
    tarn_map_put(&x->read, x->arena, (tarn_str){tarn_arena_strndup(x->arena, key.p, key.n), key.n}, p);
}

/* The rows of one position delete file, read once. The index's lock is held. */
static tarn_code need_positions(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_file *d,
                                positions **out) {
    tarn_iceberg_delete_index *x = s->deletes;
    const tarn_file *file = &d->file;
    *out = tarn_map_get(&x->read, TARN_KEY_OF(d));
    if (*out) return TARN_OK;
    tarn_code code = d->format == TARN_ICEBERG_PARQUET
                         ? read_positions(cx, s->base.table, &file, 1, x->arena, out)
                         : tarn_fail(cx, TARN_UNSUPPORTED, "position deletes that are not Parquet are not supported");
    TRY(tarn_prefix(cx, code, "%.*s", (int)d->recorded.n, d->recorded.p));
    keep_positions(x, d, *out);
    return TARN_OK;
}

/* Those of the data files that have not been read yet, each once. */
static size_t list_unread(tarn_cx *cx, const tarn_iceberg_delete_index *x, const tarn_file *const *files, size_t n,
                          const tarn_iceberg_file **out, size_t max) {
    tarn_map seen = {0};
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        const tarn_iceberg_deletes *deletes = files[i]->deletes ? files[i]->deletes->where : NULL;
        for (size_t k = 0; deletes && k < deletes->n && n_out < max; k++) {
            const tarn_iceberg_file *d = deletes->files[k];
            if (d->format != TARN_ICEBERG_PARQUET || tarn_map_get(&x->read, TARN_KEY_OF(d))) continue;
            if (tarn_map_put(&seen, cx->arena, TARN_KEY_OF(deletes->files[k]), (void *)(uintptr_t)d)) continue;
            out[n_out++] = d;
        }
    }
    return n_out;
}

static tarn_code fetch_some(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_file *const *some, size_t n) {
    const tarn_file **files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, n);
    positions **read = TARN_NEW_ARRAY(cx->arena, positions *, n);
    for (size_t i = 0; i < n; i++) files[i] = &some[i]->file;
    TRY(read_positions(cx, s->base.table, files, n, s->deletes->arena, read));
    for (size_t i = 0; i < n; i++) keep_positions(s->deletes, some[i], read[i]);
    return TARN_OK;
}

tarn_code tarn_iceberg_fetch_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    const tarn_iceberg_file *some[FILES_AT_ONCE];
    tarn_code code = TARN_OK;
    if (!s->deletes) return TARN_OK;
    pthread_mutex_lock(&s->deletes->lock);
    for (size_t more; code == TARN_OK && (more = list_unread(cx, s->deletes, files, n, some, FILES_AT_ONCE)) > 1;)
        code = fetch_some(cx, s, some, more);
    pthread_mutex_unlock(&s->deletes->lock);
    if (code == TARN_CANCELLED || code == TARN_TIMEOUT) return code;
    tarn_clear_error(cx); /* the one that cannot be read says so when its turn comes */
    return TARN_OK;
}

static tarn_code unite(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_file *file, tarn_roaring64 *all) {
    const tarn_iceberg_deletes *deletes = file->deletes->where;
    const tarn_iceberg_file *f = file->entry;
    for (size_t i = 0; i < deletes->n; i++) {
        positions *p = NULL;
        TRY(need_positions(cx, s, deletes->files[i], &p));
        const tarn_roaring64 *rows = tarn_map_get(p, f->recorded);
        if (rows) tarn_roaring64_or(all, rows);
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file, tarn_roaring64 **out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    const tarn_iceberg_deletes *deletes = file->deletes->where;
    if (deletes->n && is_vector(deletes->files[0])) {
        const tarn_iceberg_file *d = deletes->files[0];
        tarn_iceberg_entry e;
        tarn_iceberg_entry_of(d, &e);
        return tarn_iceberg_read_vector(cx, snapshot->table->store, d->file.path, e.offset, e.length, e.rows, out);
    }
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) all = tarn_roaring64_new();
    pthread_mutex_lock(&s->deletes->lock);
    tarn_code code = unite(cx, s, file, all);
    pthread_mutex_unlock(&s->deletes->lock);
    TRY(code);
    *out = all;
    all = NULL;
    return TARN_OK;
}

void tarn_iceberg_deletes_free(tarn_iceberg_snapshot *s) {
    if (!s->deletes) return;
    tarn_str key;
    void *p;
    for (size_t at = 0; tarn_map_each(&s->deletes->read, &at, &key, &p);) free_positions(p);
    pthread_mutex_destroy(&s->deletes->lock);
    tarn_arena_free(s->deletes->arena);
}
