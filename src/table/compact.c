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

/* Files that are written anew together: packed into one, or ordered. */
typedef struct group {
    file_list files;
    int64_t size;
    size_t partition; /* its number */
    bool elder;       /* of several: those that were partitioned otherwise */
} group;

typedef TARN_VEC(group) group_list;

typedef struct job {
    tarn_conn *conn;
    const tarn_table *table;
    tarn_snapshot *base, *rows; /* rows: with their ids */
    tarn_optimize_spec spec;
    tarn_target target;
    tarn_change change; /* since the last commit */
    group_list groups;
    tarn_optimize_result result;
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

static tarn_code rewrite_bin(tarn_cx *cx, job *j, const group *g) {
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    TRY(tarn_scan_build(cx, j->table->engine, j->rows, g->files.at, g->files.n, false, NULL, &scan));
    int64_t file_size = g->size > j->spec.file_size ? j->spec.file_size : 0;
    return rewrite(cx, j, &g->files, &file_size, false, scan.sql);
}

static tarn_code sort_files(tarn_cx *cx, job *j, const group *g) {
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    const char *order = j->spec.order;
    TRY(tarn_scan_build(cx, j->table->engine, j->rows, g->files.at, g->files.n, false, NULL, &scan));
    if (!order) TRY(tarn_zorder(cx, j->conn, j->base, scan.sql, j->spec.zorder, j->spec.n_zorder, &order));
    return rewrite(cx, j, &g->files, &j->spec.file_size, true,
                   tarn_printf(cx, "SELECT * FROM (%s) AS _tarn_o ORDER BY %s", scan.sql, order));
}

/* GROUPS. */

static void add_bin(tarn_cx *cx, job *j, group *bin) {
    if (bin->files.n && is_useful(&j->spec, &bin->files, bin->size)) {
        qsort(bin->files.at, bin->files.n, sizeof *bin->files.at, by_ordinal);
        *TARN_PUSH(cx->arena, &j->groups) = *bin;
    }
    *bin = (group){.partition = bin->partition};
}

/* Smallest first, so that a bin takes as many as fit. */
static void pack(tarn_cx *cx, job *j, const partition *p, size_t number) {
    file_list small = {0};
    group bin = {.partition = number};
    for (size_t i = 0; i < p->files.n; i++) {
        const tarn_file *f = p->files.at[i];
        if (is_chosen(&j->spec, f)) *TARN_PUSH(cx->arena, &small) = f;
    }
    if (small.n) qsort(small.at, small.n, sizeof *small.at, by_size);
    for (size_t i = 0; i < small.n; i++) {
        int64_t more = live_size(small.at[i]);
        if (bin.files.n && more > j->spec.file_size - bin.size) add_bin(cx, j, &bin);
        *TARN_PUSH(cx->arena, &bin.files) = small.at[i];
        bin.size += more;
    }
    add_bin(cx, j, &bin);
}

static void take_sorted(tarn_cx *cx, job *j, const partition *p, size_t number) {
    group g = {.partition = number};
    for (size_t i = 0; i < p->files.n; i++) {
        if (j->spec.choose && !is_chosen(&j->spec, p->files.at[i])) continue;
        *TARN_PUSH(cx->arena, &g.files) = p->files.at[i];
        g.size += live_size(p->files.at[i]);
    }
    if (g.files.n && (!j->spec.choose || is_useful(&j->spec, &g.files, g.size)))
        *TARN_PUSH(cx->arena, &j->groups) = g;
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

/* The files of one commit, and their part in the result. */
static void describe(tarn_cx *cx, job *j) {
    tarn_change *c = &j->change;
    tarn_optimize_result *r = &j->result;
    int64_t removed = 0, added = 0;
    for (size_t i = 0; i < c->removes.n; i++) removed += c->removes.at[i]->size;
    for (size_t i = 0; i < c->adds.n; i++) added += c->adds.at[i].size;
    tarn_change_parameter(cx->arena, c, "predicate", predicate(cx, j));
    if (j->spec.purge)
        tarn_change_parameter(cx->arena, c, "applyPurge", "true");
    else if (j->spec.order)
        tarn_change_parameter(cx->arena, c, "sortBy", quoted_list(cx, &j->spec.order, 1));
    else
        tarn_change_parameter(cx->arena, c, "zOrderBy", quoted_list(cx, j->spec.zorder, j->spec.n_zorder));
    tarn_change_metric(cx->arena, c, "numRemovedFiles", (int64_t)c->removes.n);
    tarn_change_metric(cx->arena, c, "numAddedFiles", (int64_t)c->adds.n);
    tarn_change_metric(cx->arena, c, "numRemovedBytes", removed);
    tarn_change_metric(cx->arena, c, "numAddedBytes", added);
    r->files_removed += (int64_t)c->removes.n;
    r->files_added += (int64_t)c->adds.n;
    r->files_after += (int64_t)c->adds.n - (int64_t)c->removes.n;
    r->bytes_after += added - removed;
    r->bytes_removed += removed;
}

/* Files that were partitioned otherwise: their rows find their new partitions together. */
static tarn_code rewrite_elder(tarn_cx *cx, job *j, const group *g) {
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    size_t first = j->change.adds.n;
    TRY(tarn_scan_build(cx, j->table->engine, j->rows, g->files.at, g->files.n, false, NULL, &scan));
    TRY(rewrite(cx, j, &g->files, NULL, false, scan.sql));
    tarn_map seen = {0};
    for (size_t i = first; i < j->change.adds.n; i++) {
        const tarn_add *a = &j->change.adds.at[i];
        tarn_str name;
        if (!tarn_values_key(cx->arena, a->partition, j->base->n_partition, &name))
            return too_long(cx, tarn_str_of(a->path));
        j->result.partitions += !tarn_map_put(&seen, cx->arena, name, j);
    }
    return TARN_OK;
}

static tarn_code find_groups(tarn_cx *cx, job *j, const tarn_file_list *list) {
    partition_list partitions = {0};
    group elder = {.elder = true};
    for (size_t i = 0; i < list->files.n; i++) {
        const tarn_file *f = list->files.at[i];
        if (f->other_layout && (!j->spec.purge || f->deletes)) *TARN_PUSH(cx->arena, &elder.files) = f;
    }
    if (elder.files.n) *TARN_PUSH(cx->arena, &j->groups) = elder;
    TRY(split_partitions(cx, j, list, &partitions));
    for (size_t i = 0; i < partitions.n; i++) {
        if (j->spec.n_zorder || j->spec.order)
            take_sorted(cx, j, &partitions.at[i], i);
        else
            pack(cx, j, &partitions.at[i], i);
    }
    return TARN_OK;
}

static tarn_code begin_commit(tarn_cx *cx, job *j) {
    j->change = (tarn_change){.operation = j->spec.purge ? "REORG" : "OPTIMIZE", .no_data_change = true};
    TRY(tarn_table_prepare(cx, j->table, j->base, &j->change));
    tarn_target_of(cx, j->table, j->base, &j->change, &j->target);
    tarn_row_ids_target(cx, &j->target);
    return TARN_OK;
}

/* Groups [from, to) in one commit. All rest on the files of one version, and each commit after the first on what is
 * left of them. */
static tarn_code rewrite_groups(tarn_cx *cx, job *j, size_t from, size_t to) {
    tarn_optimize_result was = j->result;
    tarn_code code = from ? begin_commit(cx, j) : TARN_OK; /* the first one has begun */
    for (size_t i = from; i < to && code == TARN_OK; i++) {
        const group *g = &j->groups.at[i];
        bool sorts = j->spec.n_zorder || j->spec.order;
        code = g->elder ? rewrite_elder(cx, j, g) : sorts ? sort_files(cx, j, g) : rewrite_bin(cx, j, g);
        bool first = !i || j->groups.at[i - 1].elder || j->groups.at[i - 1].partition != g->partition;
        j->result.partitions += !g->elder && first;
    }
    if (code == TARN_OK) {
        describe(cx, j);
        code = tarn_commit(cx, j->table, j->base, &j->change, NULL);
        if (!tarn_commit_refused(code)) return code;
    }
    tarn_write_abandon(cx, j->table, &j->change);
    j->result = was;
    return code;
}

/* Where the work is committed in parts, one that others came before is left out; the rest stands. */
static tarn_code rewrite_all(tarn_cx *cx, job *j) {
    size_t parts = j->spec.commits_max > 1 ? (size_t)j->spec.commits_max : 1;
    size_t each = j->groups.n / parts + (j->groups.n % parts != 0);
    for (size_t from = 0; from < j->groups.n; from += each) {
        size_t to = j->groups.n - from < each ? j->groups.n : from + each;
        tarn_code code = rewrite_groups(cx, j, from, to);
        if (code != TARN_CONFLICT || parts == 1) TRY(code);
        if (code == TARN_OK) continue;
        tarn_clear_error(cx);
        for (size_t i = from; i < to; i++) j->result.files_failed += (int64_t)j->groups.at[i].files.n;
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
    job j = {.conn = conn, .table = table, .base = base, .spec = *spec};
    tarn_file_list list = {0};
    TRY(tarn_zorder_check(cx, base, spec->zorder, spec->n_zorder));
    TRY(begin_commit(cx, &j));
    TRY(size_up(cx, &j.target, &j.spec));
    TRY(tarn_snapshot_files(cx, base, spec->where, &list));
    TRY(find_groups(cx, &j, &list));
    j.result.files_before = j.result.files_after = (int64_t)list.files.n;
    j.result.bytes_before = j.result.bytes_after = list.bytes;
    TRY(tarn_row_ids_open(cx, base, &j.rows));
    tarn_code code = rewrite_all(cx, &j);
    tarn_snapshot_release(j.rows);
    TRY(code);
    *out = j.result;
    return TARN_OK;
}
