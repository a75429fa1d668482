/* scan.c: files of a snapshot as one SQL fragment: a read_parquet for each file group, with deleted rows left out by
 * tarn_live. */
#include "table/scan.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/pool.h"
#include "format/data_path.h"
#include "table/scan_columns.h"
#include "table/scan_files.h"

/* LARGE_ROWS: two row groups as DuckDB cuts them. FILTERED: what DuckDB takes a filter to leave is a fifth. */
enum { SQL_MAX = 1 << 30, GUESSED_ROW = 50, BOUNDS_ASKED = 10000, LARGE_ROWS = 250000, FILTERED = 5 };

/* What tarn_live asks. Both arrays go by the scan's file numbers; an entry without rows is NULL. */
typedef struct live {
    size_t n;
    tarn_roaring64 **deleted;    /* owned */
    const tarn_roaring64 **skip; /* the caller's */
} live;

static bool is_dirty(void *state, uint64_t file) {
    const live *l = state;
    return file < l->n && (l->deleted[file] || l->skip[file]);
}

static void find_deleted(void *state, uint64_t file, const int64_t *rows, size_t n, uint8_t *out) {
    const live *l = state;
    uint8_t more[256];
    const tarn_roaring64 *deleted = l->deleted[file], *skip = l->skip[file];
    if (deleted) tarn_roaring64_contains_many(deleted, rows, n, out);
    if (skip && !deleted) tarn_roaring64_contains_many(skip, rows, n, out);
    for (size_t i = 0; skip && deleted && i < n; i += sizeof more) {
        size_t k = n - i < sizeof more ? n - i : sizeof more;
        tarn_roaring64_contains_many(skip, rows + i, k, more);
        for (size_t j = 0; j < k; j++) out[i + j] |= more[j];
    }
}

static void free_live(void *state) {
    live *l = state;
    if (!l) return;
    for (size_t i = 0; l->deleted && i < l->n; i++) tarn_roaring64_free(l->deleted[i]);
    free(l->deleted);
    free(l->skip);
    free(l);
}

static void free_livep(live **l) { free_live(*l); }

static live *new_live(size_t n) {
    live *l = calloc(1, sizeof *l);
    if (l) {
        l->n = n;
        l->deleted = calloc(n + 1, sizeof *l->deleted);
        l->skip = calloc(n + 1, sizeof *l->skip);
    }
    if (l && l->deleted && l->skip) return l;
    free_live(l);
    return NULL;
}

typedef struct loading {
    tarn_snapshot *snapshot;
    const tarn_scan *scan;
    const size_t *dirty; /* numbers of files with deletes */
    live *live;
} loading;

static tarn_code load_one(tarn_cx *cx, size_t i, void *state) {
    loading *load = state;
    size_t file = load->dirty[i];
    tarn_roaring64 *rows = NULL;
    tarn_code code = load->snapshot->format->deleted(cx, load->snapshot, load->scan->files[file], &rows);
    if (code == TARN_NOTFOUND) {
        tarn_str path = load->scan->files[file]->path;
        return tarn_fail(
            cx, code,
            "%s: what deletes rows of data file %.*s at version %lld is gone: VACUUM or another program has "
            "removed it; read another version",
            load->snapshot->table->name ? load->snapshot->table->name : load->snapshot->table->location, (int)path.n,
            path.p, (long long)load->snapshot->version);
    }
    TRY(code);
    if (tarn_roaring64_is_empty(rows))
        tarn_roaring64_free(rows);
    else
        load->live->deleted[file] = rows;
    return TARN_OK;
}

/* skip goes by the caller's list of files, which the groups may have put in another order. */
static void take_skips(tarn_cx *cx, const tarn_file *const *files, size_t n, tarn_roaring64 *const *skip,
                       const tarn_scan *scan, live *l) {
    tarn_map places = {0};
    for (size_t i = 0; i < n; i++)
        if (skip[i]) tarn_map_put(&places, cx->arena, TARN_KEY_OF(files[i]), skip[i]);
    for (size_t i = 0; i < scan->n_files; i++)
        l->skip[i] = tarn_map_get(&places, TARN_KEY_OF(scan->files[i]));
}

static tarn_code fetch_all(tarn_cx *cx, const loading *load, size_t n) {
    const tarn_format *format = load->snapshot->format;
    const tarn_file **files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, n);
    for (size_t i = 0; i < n; i++) files[i] = load->scan->files[load->dirty[i]];
    return format->fetch_deleted && n > 1 ? format->fetch_deleted(cx, load->snapshot, files, n) : TARN_OK;
}

static tarn_code add_deletes(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                             tarn_roaring64 *const *skip, tarn_scan *scan, live **out) {
    size_t *dirty = TARN_NEW_ARRAY(cx->arena, size_t, scan->n_files), n_dirty = 0;
    for (size_t i = 0; i < scan->n_files; i++)
        if (scan->files[i]->deletes) dirty[n_dirty++] = i;
    if (!n_dirty && !skip) return TARN_OK;
    tarn_auto(live *, free_livep) l = new_live(scan->n_files);
    if (!l) return tarn_fail(cx, TARN_NOMEM, "no memory for the deleted rows of %zu files", scan->n_files);
    loading load = {snapshot, scan, dirty, l};
    TRY(fetch_all(cx, &load, n_dirty));
    TRY(tarn_pool_run(cx, n_dirty, load_one, &load));
    if (skip) take_skips(cx, files, n, skip, scan, l);
    tarn_scan_deletes deletes = {is_dirty, find_deleted, free_live, l};
    TRY(tarn_engine_add_deletes(cx, scan->engine, &deletes, &scan->deletes_id));
    *out = l;
    l = NULL;
    return TARN_OK;
}

static bool any_dirty(live *l, size_t first, size_t n) {
    for (size_t i = first; l && i < first + n; i++)
        if (is_dirty(l, i)) return true;
    return false;
}

/* With schema= DuckDB opens no file to plan, and would take each for a thousand rows: joins would build the wrong side.
 */
static int64_t count_rows(const tarn_file_group *group) {
    int64_t rows = 0;
    for (size_t i = 0; i < group->n_files; i++) {
        const tarn_file *f = group->files[i];
        int64_t more = tarn_file_live_rows(f);
        if (more < 0) more = f->rows >= 0 ? f->rows : f->size / GUESSED_ROW;
        if (more > 0 && __builtin_add_overflow(rows, more, &rows)) return INT64_MAX;
    }
    return rows ? rows : 1;
}

static bool is_float(const tarn_type *type) { return type->kind == TARN_FLOAT32 || type->kind == TARN_FLOAT64; }

static bool has_float(const tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++)
        if (has_float(type->fields[i].type)) return true;
    return is_float(type);
}

/* Whether NaN may be in the files beside bounds that do not tell of it, as Arrow writes them. */
static bool may_have_nan(tarn_snapshot *snapshot, const tarn_file_group *group) {
    size_t asked = 0;
    for (size_t i = 0; i < group->n_columns + group->n_extra; i++) {
        const tarn_type *type = group->columns[i].field->type;
        if (!has_float(type)) continue;
        if (!is_float(type) || i >= snapshot->schema->n_fields) return true;
        for (size_t k = 0; k < group->n_files; k++) {
            tarn_bounds b;
            if (++asked > BOUNDS_ASKED) return true;
            snapshot->format->bounds(snapshot, group->files[k], (int)i, NULL, &b);
            if (b.maybe_nan || !b.has_max) return true;
        }
    }
    return false;
}

/* With schema= DuckDB does not know how many row groups a file has, and reads one that is alone with one thread. It is
 * named twice then, and the second is never read: file_index = 0 leaves it out before it is opened for rows. */
static bool is_large_alone(const tarn_file_group *group) {
    const tarn_file *f = group->n_files == 1 ? group->files[0] : NULL;
    return f && (f->rows >= 0 ? f->rows : f->size / GUESSED_ROW) >= LARGE_ROWS;
}

/* read_parquet over the files of the part. */
static tarn_code put_source(tarn_cx *cx, tarn_buf *out, tarn_snapshot *snapshot, const tarn_scan_part *part, bool nan,
                            bool twice) {
    const tarn_file_group *group = &part->group;
    tarn_buf_puts(out, " FROM read_parquet([");
    for (size_t i = 0; i < group->n_files + twice; i++) {
        if (i) tarn_buf_puts(out, ", ");
        TRY(tarn_scan_put_file(cx, out, snapshot->table, group->files[twice ? 0 : i]));
        if ((i & 1023) == 0) TRY(tarn_check(cx));
    }
    tarn_buf_puts(out, "], schema=");
    TRY(tarn_scan_schema(cx, out, group, part->zoneless));
    if (nan) tarn_buf_puts(out, ", can_have_nan=true");
    int64_t rows = count_rows(group);
    if (twice && __builtin_mul_overflow(rows, FILTERED, &rows)) rows = INT64_MAX;
    tarn_buf_printf(out, ", hive_partitioning=false, explicit_cardinality=%lld)", (long long)rows);
    return TARN_OK;
}

/* Whether each of the deletes counts for each of the data files; then no row needs to ask. */
static bool all_newer(const tarn_file_group *deletes, const tarn_file_group *data) {
    int64_t oldest = INT64_MAX, newest = INT64_MIN;
    for (size_t i = 0; i < deletes->n_files; i++)
        if (deletes->files[i]->sequence < oldest) oldest = deletes->files[i]->sequence;
    for (size_t i = 0; i < data->n_files; i++)
        if (data->files[i]->sequence > newest) newest = data->files[i]->sequence;
    return oldest > newest;
}

/* Rows that were deleted by value find a partner here, and fall out. Where sequences decide, the newest delete of a key
 * stands for all of it. */
static tarn_code put_key_deletes(tarn_cx *cx, tarn_buf *out, tarn_snapshot *snapshot, const tarn_scan_part *part,
                                 const tarn_key_deletes *deletes, size_t number) {
    const tarn_scan_part keys = {*deletes->files, false};
    bool sure = all_newer(&keys.group, &part->group);
    tarn_buf_puts(out, " ANTI JOIN (SELECT ");
    for (size_t i = 0; i < deletes->n_keys; i++) {
        tarn_scan_member(cx, out, &keys.group, &deletes->keys[i], deletes->keys[i].key_column, false);
        tarn_buf_printf(out, " AS _tarn_k%zu, ", i);
    }
    if (!sure) {
        tarn_buf_puts(out, "max(");
        tarn_scan_sequence(out, &keys.group);
        tarn_buf_puts(out, ") AS _tarn_seq");
    }
    TRY(put_source(cx, out, snapshot, &keys, true, false));
    tarn_buf_printf(out, "%s) AS _tarn_d%zu ON (", sure ? "" : " GROUP BY ALL", number);
    if (!sure) {
        tarn_buf_printf(out, "_tarn_d%zu._tarn_seq > ", number);
        tarn_scan_sequence(out, &part->group);
    }
    for (size_t i = 0; i < deletes->n_keys; i++) {
        const char *and = sure && i == 0 ? "" : " AND ";
        tarn_buf_printf(out, "%s_tarn_d%zu._tarn_k%zu IS NOT DISTINCT FROM ", and, number, i);
        tarn_scan_member(cx, out, &part->group, &deletes->keys[i], deletes->keys[i].data_column, part->zoneless);
    }
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static tarn_code put_part(tarn_cx *cx, tarn_buf *out, tarn_snapshot *snapshot, const tarn_scan_part *part, size_t first,
                          const tarn_scan *scan, live *l, bool positions) {
    const tarn_file_group *group = &part->group;
    bool twice = is_large_alone(group);
    tarn_buf_puts(out, "SELECT ");
    tarn_scan_select(cx, out, group, part->zoneless);
    if (positions)
        tarn_buf_printf(
            out, ", CAST(file_index AS BIGINT) + %zu AS " TARN_FILE_COLUMN ", file_row_number AS " TARN_ROW_COLUMN,
            first);
    TRY(put_source(cx, out, snapshot, part, may_have_nan(snapshot, group), twice));
    for (size_t i = 0; i < group->n_key_deletes; i++)
        TRY(put_key_deletes(cx, out, snapshot, part, &group->key_deletes[i], i));
    if (twice) tarn_buf_puts(out, " WHERE file_index = 0");
    if (any_dirty(l, first, group->n_files))
        tarn_buf_printf(out,
                        "%s tarn_live(CAST(%llu AS UBIGINT), file_index + CAST(%zu AS UBIGINT), file_row_number)",
                        twice ? " AND" : " WHERE", (unsigned long long)scan->deletes_id, first);
    return TARN_OK;
}

static tarn_code put_parts(tarn_cx *cx, tarn_buf *out, tarn_snapshot *snapshot, const tarn_scan_part *parts, size_t n,
                           const tarn_scan *scan, live *l, bool positions) {
    size_t first = 0;
    bool some = false;
    for (size_t i = 0; i < n; i++) {
        if (!parts[i].group.n_files) continue;
        if (some) tarn_buf_puts(out, " UNION ALL ");
        some = true;
        TRY(put_part(cx, out, snapshot, &parts[i], first, scan, l, positions));
        first += parts[i].group.n_files;
    }
    if (!some) tarn_scan_empty(out, snapshot->schema, positions);
    return TARN_OK;
}

static tarn_code build(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n, bool positions,
                       tarn_roaring64 *const *skip, tarn_scan *scan) {
    tarn_file_group *groups = NULL;
    tarn_scan_part *parts = NULL;
    size_t n_groups = 0, n_parts = 0;
    live *l = NULL;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    if (!snapshot->schema->n_fields)
        return tarn_fail(cx, TARN_INVALID, "the table has no columns; add one with ALTER TABLE");
    if (n) TRY(tarn_data_reach(cx, scan->engine, snapshot->table, files, n));
    if (n) TRY(snapshot->format->groups(cx, snapshot, files, n, &groups, &n_groups));
    TRY(tarn_scan_split(cx, scan->engine, snapshot->table, groups, n_groups, &parts, &n_parts));
    scan->files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, n);
    for (size_t i = 0; i < n_parts; i++) {
        const tarn_file_group *group = &parts[i].group;
        if (group->n_files > n - scan->n_files)
            return tarn_fail(cx, TARN_INTERNAL, "file groups hold more files than were asked for");
        if (group->n_files) memcpy(scan->files + scan->n_files, group->files, group->n_files * sizeof *scan->files);
        scan->n_files += group->n_files;
    }
    if (n) TRY(add_deletes(cx, snapshot, files, n, skip, scan, &l));
    TRY(put_parts(cx, &sql, snapshot, parts, n_parts, scan, l, positions));
    if (!tarn_buf_ok(&sql))
        return tarn_fail(cx, TARN_LIMIT,
                         "a scan of %zu files is too long for one statement; add a condition on partition columns", n);
    scan->sql = tarn_buf_take(&sql, cx->arena);
    tarn_count(cx, files_read, n);
    return TARN_OK;
}

tarn_code tarn_scan_build(tarn_cx *cx, tarn_engine *engine, tarn_snapshot *snapshot, const tarn_file *const *files,
                          size_t n_files, bool positions, tarn_roaring64 *const *skip, tarn_scan *out) {
    tarn_scan scan = {.engine = engine};
    tarn_code code = build(cx, snapshot, files, n_files, positions, skip, &scan);
    if (code != TARN_OK)
        tarn_scan_done(&scan);
    else
        *out = scan;
    return code;
}

void tarn_scan_done(tarn_scan *scan) {
    if (scan->deletes_id) tarn_engine_drop_deletes(scan->engine, scan->deletes_id);
    scan->deletes_id = 0;
}
