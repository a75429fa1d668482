/* remark.c: rows that are marked as deleted in many files are marked anew in few. */
#include "base/map.h"
#include "format/commit.h"
#include "table/upkeep.h"
#include "table/write.h"

/* By a delete file that is for others too: how many of its rows are this file's is not recorded. */
static bool is_shared(const tarn_file *f) { return f->deletes && f->deletes->rows < 0; }

static bool is_worth(const tarn_file *f, int64_t files_min) {
    if (!f->deletes) return false;
    int64_t files = f->deletes->files ? f->deletes->files : 1;
    return files >= files_min || is_shared(f);
}

/* Where one file shares its deletes, all that do so are done with it, wherever they are. */
static tarn_code find_wanted(tarn_cx *cx, tarn_snapshot *base, const tarn_expr *where, tarn_map *wanted, bool *shared) {
    tarn_file_list list = {0};
    TRY(tarn_snapshot_files(cx, base, where, &list));
    *shared = false;
    for (size_t i = 0; i < list.files.n; i++) {
        tarn_map_put(wanted, cx->arena, list.files.at[i]->path, base);
        *shared = *shared || is_shared(list.files.at[i]);
    }
    return TARN_OK;
}

/* Those of which rows are deleted by their place: others have nothing to mark. */
static tarn_code find_marks(tarn_cx *cx, tarn_snapshot *base, const tarn_expr *where, int64_t files_min,
                            const tarn_roaring64 *none, tarn_row_deletes **out, size_t *n, bool *shared) {
    tarn_file_list list = {0};
    tarn_map wanted = {0};
    *shared = !where;
    if (where) TRY(find_wanted(cx, base, where, &wanted, shared));
    TRY(tarn_snapshot_files(cx, base, NULL, &list));
    *out = TARN_NEW_ARRAY(cx->arena, tarn_row_deletes, list.files.n);
    *n = 0;
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_file *f = list.files.at[i];
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = NULL;
        bool is_wanted = !where || tarn_map_get(&wanted, f->path) || (*shared && is_shared(f));
        if (!is_wanted || !is_worth(f, files_min)) continue;
        TRY(tarn_check(cx));
        TRY(base->format->deleted(cx, base, f, &rows));
        if (!tarn_roaring64_is_empty(rows)) (*out)[(*n)++] = (tarn_row_deletes){.file = f, .rows = none};
    }
    return TARN_OK;
}

static tarn_code mark_anew(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_row_deletes *items, size_t n,
                           tarn_change *change) {
    TRY(base->format->write_deletes(cx, base, items, n, change));
    for (size_t i = 0; i < n; i++) tarn_change_mark(cx->arena, change, items[i].file, items[i].descriptor);
    return tarn_commit(cx, table, base, change, NULL);
}

tarn_code tarn_remark_rows(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_expr *where,
                           int64_t files_min, tarn_remark *out) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) none = tarn_roaring64_new();
    tarn_remark result = {0};
    tarn_change change = {.operation = "REWRITE POSITION DELETES", .no_data_change = true, .remark = &result};
    tarn_row_deletes *items;
    size_t n;
    bool shared;
    TRY(tarn_format_require(cx, table->format, TARN_CAN_WRITE | TARN_CAN_ROW_DELETES, "deleted rows"));
    TRY(tarn_table_prepare(cx, table, base, &change));
    TRY(find_marks(cx, base, where, files_min, none, &items, &n, &shared));
    result.until = shared ? base->version : -1;
    tarn_code code = n ? mark_anew(cx, table, base, items, n, &change) : TARN_OK;
    if (tarn_commit_refused(code)) tarn_write_abandon(cx, table, &change);
    TRY(code);
    *out = result;
    return TARN_OK;
}

tarn_code tarn_drop_marks(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, int64_t *n) {
    tarn_remark result = {.until = -1, .drop = true};
    tarn_change change = {.operation = "DROP DELETES", .no_data_change = true, .blind_append = true, .remark = &result};
    TRY(tarn_format_require(cx, table->format, TARN_CAN_WRITE | TARN_CAN_ROW_DELETES, "deleted rows"));
    TRY(tarn_table_prepare(cx, table, base, &change));
    if (result.files_removed) TRY(tarn_commit(cx, table, base, &change, NULL));
    *n = result.files_removed;
    return TARN_OK;
}
