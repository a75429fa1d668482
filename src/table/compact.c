/* compact.c: OPTIMIZE: small files of a partition packed into larger ones, or all of them ordered by columns or along a
 * Z-curve; and REORG: files with deleted rows written anew. */
#include <stdlib.h>

#include "base/map.h"
#include "codec/jsonw.h"
#include "format/commit.h"
#include "table/row_ids.h"
#include "table/upkeep.h"
#include "table/write_into.h"
#include "table/zorder.h"

typedef TARN_VEC(const tarn_file *) file_list;

typedef struct partition {
    file_list files;
} partition;

typedef TARN_VEC(partition) partition_list;

typedef struct job {
    tarn_conn *conn;
    const tarn_table *table;
    tarn_snapshot *base, *rows; /* rows: with their ids */
    tarn_optimize_spec spec;
    tarn_target target;
    tarn_change change;
} job;

static tarn_code too_long(tarn_cx *cx, tarn_str path) {
    return tarn_fail(cx, TARN_UNSUPPORTED, "OPTIMIZE: the partition of %.*s has a value that is too long", (int)path.n,
                     path.p);
}

static tarn_code split_partitions(tarn_cx *cx, const job *j, const tarn_file_list *list, partition_list *out) {
    tarn_map places = {0};
    for (size_t i = 0; i < list->files.n; i++) {
        const tarn_file *file = list->files.at[i];
        if (file->other_layout) continue;
        tarn_str name;
        if (!tarn_values_key(cx->arena, file->partition, j->base->n_partition, &name)) return too_long(cx, file->path);
        uintptr_t at = (uintptr_t)tarn_map_get(&places, name);
        if (!at) {
            *TARN_PUSH(cx->arena, out) = (partition){0};
            at = out->n;
            tarn_map_put(&places, cx->arena, name, (void *)at);
        }
        *TARN_PUSH(cx->arena, &out->at[at - 1].files) = file;
        TRY(tarn_check(cx));
    }
    return TARN_OK;
}

/* More than 5 % of the rows: below that, rewriting costs more than reading around them. */
static bool many_deleted(const tarn_file *f) { return f->deletes && f->rows > 0 && f->deletes->rows * 20 > f->rows; }

static int64_t live_size(const tarn_file *f) {
    if (!f->deletes || f->rows <= 0 || f->deletes->rows <= 0) return f->size;
    return f->deletes->rows >= f->rows
               ? 0
               : (int64_t)((double)f->size * (double)(f->rows - f->deletes->rows) / (double)f->rows);
}

static int by_size(const void *a, const void *b) {
    const tarn_file *f = *(const tarn_file *const *)a, *g = *(const tarn_file *const *)b;
    int64_t x = live_size(f), y = live_size(g);
    if (x != y) return x < y ? -1 : 1;
    return f->ordinal < g->ordinal ? -1 : f->ordinal > g->ordinal;
}

static int by_ordinal(const void *a, const void *b) {
    const tarn_file *f = *(const tarn_file *const *)a, *g = *(const tarn_file *const *)b;
    return f->ordinal < g->ordinal ? -1 : f->ordinal > g->ordinal;
}

/* The folder of a file that lies below the root. */
static const char *folder_of(tarn_cx *cx, const file_list *files) {
    for (size_t i = 0; i < files->n; i++) {
        tarn_str path = files->at[i]->path;
        const char *slash = memrchr(path.p, '/', path.n);
        if (path.p[0] != '/' && !memmem(path.p, path.n, "://", 3))
            return slash ? tarn_arena_strndup(cx->arena, path.p, (size_t)(slash - path.p)) : "";
    }
    return "";
}

/* The files, rewritten as one select: into their folder, or (file_size NULL) wherever the rows belong. */
static tarn_code rewrite(tarn_cx *cx, job *j, const file_list *files, const int64_t *file_size, bool ordered,
                         const char *select) {
    int64_t rows = 0, live = 0;
    bool known = true;
    if (file_size) {
        tarn_partition_folder into = {folder_of(cx, files), files->at[0]->partition, *file_size, ordered};
        TRY(tarn_write_into(cx, j->conn, &j->target, select, &into, &j->change, &rows));
    } else {
        TRY(tarn_write_files(cx, j->conn, &j->target, select, NULL, 0, &j->change, &rows));
    }
    for (size_t i = 0; i < files->n; i++) {
        const tarn_file *f = files->at[i];
        *TARN_PUSH(cx->arena, &j->change.removes) = f;
        *TARN_PUSH(cx->arena, &j->change.read_files) = f;
        known = known && tarn_file_live_rows(f) >= 0;
        live += tarn_file_live_rows(f);
    }
    if (known && live != rows)
        return tarn_fail(cx, TARN_CORRUPT,
                         "OPTIMIZE: files that should hold %lld rows hold %lld: their metadata is wrong",
                         (long long)live, (long long)rows);
    return TARN_OK;
}

/* So that its rows are worth writing again without those that were deleted. */
static bool is_worn(const tarn_optimize_spec *spec, const tarn_file *f) {
    if (!spec->choose) return many_deleted(f);
    if (!f->deletes) return false;
    int64_t files = f->deletes->files ? f->deletes->files : 1;
    return files >= spec->deletes_max ||
           (f->rows > 0 && (double)f->deletes->rows >= spec->deleted_max * (double)f->rows);
}

static bool is_chosen(const tarn_optimize_spec *spec, const tarn_file *f) {
    if (spec->purge) return f->deletes != NULL;
    if (!spec->choose) return f->size < spec->file_size || is_worn(spec, f);
    return spec->all || f->size < spec->size_min || f->size > spec->size_max || is_worn(spec, f);
}

static bool is_useful(const tarn_optimize_spec *spec, const file_list *files, int64_t size) {
    bool alone = false;
    for (size_t i = 0; i < files->n; i++)
        alone = alone || spec->purge || is_worn(spec, files->at[i]) ||
                (spec->choose && (spec->all || files->at[i]->size > spec->size_max));
    if (alone || !spec->choose) return alone || files->n > 1;
    return files->n > 1 && ((int64_t)files->n >= spec->files_min || size > spec->file_size);
}

static tarn_code rewrite_bin(tarn_cx *cx, job *j, file_list *bin, int64_t size) {
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    if (!is_useful(&j->spec, bin, size)) return TARN_OK;
    qsort(bin->at, bin->n, sizeof *bin->at, by_ordinal);
    TRY(tarn_scan_build(cx, j->table->engine, j->rows, bin->at, bin->n, false, NULL, &scan));
    int64_t file_size = size > j->spec.file_size ? j->spec.file_size : 0;
    return rewrite(cx, j, bin, &file_size, false, scan.sql);
}

/* Smallest first, so that a bin takes as many as fit. */
static tarn_code pack(tarn_cx *cx, job *j, const partition *p) {
    file_list small = {0}, bin = {0};
    int64_t size = 0;
    for (size_t i = 0; i < p->files.n; i++) {
        const tarn_file *f = p->files.at[i];
        if (is_chosen(&j->spec, f)) *TARN_PUSH(cx->arena, &small) = f;
    }
    if (small.n) qsort(small.at, small.n, sizeof *small.at, by_size);
    for (size_t i = 0; i < small.n; i++) {
        int64_t more = live_size(small.at[i]);
        if (bin.n && more > j->spec.file_size - size) {
            TRY(rewrite_bin(cx, j, &bin, size));
            bin.n = 0;
            size = 0;
        }
        *TARN_PUSH(cx->arena, &bin) = small.at[i];
        size += more;
    }
    return rewrite_bin(cx, j, &bin, size);
}

static tarn_code sort_partition(tarn_cx *cx, job *j, const partition *p) {
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    file_list files = {0};
    int64_t size = 0;
    const char *order = j->spec.order;
    for (size_t i = 0; i < p->files.n; i++) {
        if (j->spec.choose && !is_chosen(&j->spec, p->files.at[i])) continue;
        *TARN_PUSH(cx->arena, &files) = p->files.at[i];
        size += live_size(p->files.at[i]);
    }
    if (!files.n || (j->spec.choose && !is_useful(&j->spec, &files, size))) return TARN_OK;
    TRY(tarn_scan_build(cx, j->table->engine, j->rows, files.at, files.n, false, NULL, &scan));
    if (!order) TRY(tarn_zorder(cx, j->conn, j->base, scan.sql, j->spec.zorder, j->spec.n_zorder, &order));
    return rewrite(cx, j, &files, &j->spec.file_size, true,
                   tarn_printf(cx, "SELECT * FROM (%s) AS _tarn_o ORDER BY %s", scan.sql, order));
}

/* A JSON array of texts, as the text of a JSON string: how the history keeps lists. */
static const char *quoted_list(tarn_cx *cx, const char *const *names, size_t n) {
    tarn_auto_buf array = TARN_BUF(1 << 20), out = TARN_BUF(1 << 21);
    tarn_jsonw inner = TARN_JSONW(&array), outer = TARN_JSONW(&out);
    tarn_jsonw_begin_array(&inner);
    for (size_t i = 0; i < n; i++) tarn_jsonw_text(&inner, names[i]);
    tarn_jsonw_end_array(&inner);
    tarn_jsonw_string(&outer, (tarn_str){array.data, array.n});
    const char *text = array.failed ? NULL : tarn_buf_take(&out, cx->arena);
    return text ? text : "\"[]\"";
}

static const char *predicate(tarn_cx *cx, const job *j) {
    tarn_auto_buf text = TARN_BUF(1 << 16);
    if (j->spec.where) tarn_expr_print(&text, j->spec.where, j->base->schema);
    const char *one = text.n && !text.failed ? text.data : NULL;
    return quoted_list(cx, &one, one ? 1 : 0);
}

static void describe(tarn_cx *cx, job *j, const tarn_file_list *list, tarn_optimize_result *r) {
    tarn_change *c = &j->change;
    int64_t removed = 0, added = 0;
    for (size_t i = 0; i < c->removes.n; i++) removed += c->removes.at[i]->size;
    for (size_t i = 0; i < c->adds.n; i++) added += c->adds.at[i].size;
    r->files_before = (int64_t)list->files.n;
    r->bytes_before = list->bytes;
    r->files_removed = (int64_t)c->removes.n;
    r->files_added = (int64_t)c->adds.n;
    r->files_after = r->files_before - r->files_removed + r->files_added;
    r->bytes_after = r->bytes_before - removed + added;
    r->bytes_removed = removed;
    tarn_change_parameter(cx->arena, c, "predicate", predicate(cx, j));
    if (j->spec.purge)
        tarn_change_parameter(cx->arena, c, "applyPurge", "true");
    else if (j->spec.order)
        tarn_change_parameter(cx->arena, c, "sortBy", quoted_list(cx, &j->spec.order, 1));
    else
        tarn_change_parameter(cx->arena, c, "zOrderBy", quoted_list(cx, j->spec.zorder, j->spec.n_zorder));
    tarn_change_metric(cx->arena, c, "numRemovedFiles", r->files_removed);
    tarn_change_metric(cx->arena, c, "numAddedFiles", r->files_added);
    tarn_change_metric(cx->arena, c, "numRemovedBytes", removed);
    tarn_change_metric(cx->arena, c, "numAddedBytes", added);
}

/* Files that were partitioned otherwise: their rows find their new partitions together. */
static tarn_code rewrite_elder(tarn_cx *cx, job *j, const tarn_file_list *list, tarn_optimize_result *r) {
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    file_list elder = {0};
    for (size_t i = 0; i < list->files.n; i++) {
        const tarn_file *f = list->files.at[i];
        if (f->other_layout && (!j->spec.purge || f->deletes)) *TARN_PUSH(cx->arena, &elder) = f;
    }
    if (!elder.n) return TARN_OK;
    TRY(tarn_scan_build(cx, j->table->engine, j->rows, elder.at, elder.n, false, NULL, &scan));
    TRY(rewrite(cx, j, &elder, NULL, false, scan.sql));
    tarn_map seen = {0};
    for (size_t i = 0; i < j->change.adds.n; i++) {
        const tarn_add *a = &j->change.adds.at[i];
        tarn_str name;
        if (!tarn_values_key(cx->arena, a->partition, j->base->n_partition, &name))
            return too_long(cx, tarn_str_of(a->path));
        r->partitions += !tarn_map_put(&seen, cx->arena, name, j);
    }
    return TARN_OK;
}

static tarn_code rewrite_all(tarn_cx *cx, job *j, const tarn_file_list *list, tarn_optimize_result *r) {
    partition_list partitions = {0};
    TRY(rewrite_elder(cx, j, list, r));
    TRY(split_partitions(cx, j, list, &partitions));
    for (size_t i = 0; i < partitions.n; i++) {
        size_t before = j->change.removes.n;
        TRY(j->spec.n_zorder || j->spec.order ? sort_partition(cx, j, &partitions.at[i])
                                                : pack(cx, j, &partitions.at[i]));
        r->partitions += j->change.removes.n > before;
    }
    return TARN_OK;
}

/* What was left open: a file is well sized between three quarters and nine fifths of the target. */
static tarn_code size_up(tarn_cx *cx, const tarn_target *target, tarn_optimize_spec *spec) {
    if (!spec->file_size) spec->file_size = tarn_target_file_size(cx, target, TARN_OPTIMIZE_FILE_SIZE);
    int64_t size = spec->file_size;
    if (!spec->size_min) spec->size_min = size - size / 4;
    if (!spec->size_max) spec->size_max = size > INT64_MAX / 2 ? INT64_MAX : size + size / 5 * 4 + 1;
    if (spec->size_min < spec->size_max) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID,
                     "min-file-size-bytes %lld has to be less than max-file-size-bytes %lld", (long long)spec->size_min,
                     (long long)spec->size_max);
}

tarn_code tarn_optimize(tarn_cx *cx, tarn_conn *conn, const tarn_table *table, tarn_snapshot *base,
                        const tarn_optimize_spec *spec, tarn_optimize_result *out) {
    job j = {.conn = conn,
             .table = table,
             .base = base,
             .spec = *spec,
             .change = {.operation = spec->purge ? "REORG" : "OPTIMIZE", .no_data_change = true}};
    tarn_optimize_result result = {0};
    tarn_file_list list = {0};
    TRY(tarn_zorder_check(cx, base, spec->zorder, spec->n_zorder));
    TRY(tarn_table_prepare(cx, table, base, &j.change));
    TRY(tarn_snapshot_files(cx, base, spec->where, &list));
    tarn_target_of(cx, table, base, &j.change, &j.target);
    TRY(size_up(cx, &j.target, &j.spec));
    tarn_row_ids_target(cx, &j.target);
    TRY(tarn_row_ids_open(cx, base, &j.rows));
    tarn_code code = rewrite_all(cx, &j, &list, &result);
    tarn_snapshot_release(j.rows);
    if (code != TARN_OK) {
        tarn_write_abandon(cx, table, &j.change);
        return code;
    }
    describe(cx, &j, &list, &result);
    if (j.change.removes.n) code = tarn_commit(cx, table, base, &j.change, NULL);
    if (tarn_commit_refused(code)) tarn_write_abandon(cx, table, &j.change);
    TRY(code);
    *out = result;
    return TARN_OK;
}
