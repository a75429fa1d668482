/* remark.c: rows that are marked as deleted in many files are marked anew in few. */
#include "format/commit.h"
#include "table/upkeep.h"
#include "table/write.h"

static bool is_worth(const tarn_file *f, int64_t files_min) {
    if (!f->deletes) return false;
    int64_t files = f->deletes->files ? f->deletes->files : 1;
    return files >= files_min || f->deletes->rows < 0;
}

/* Those of which rows are deleted by their place: others have nothing to mark. */
static tarn_code find_marks(tarn_cx *cx, tarn_snapshot *base, int64_t files_min, const tarn_roaring64 *none,
                            tarn_row_deletes **out, size_t *n) {
    tarn_file_list list = {0};
    TRY(tarn_snapshot_files(cx, base, NULL, &list));
    *out = TARN_NEW_ARRAY(cx->arena, tarn_row_deletes, list.files.n);
    *n = 0;
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_file *f = list.files.at[i];
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = NULL;
        if (!is_worth(f, files_min)) continue;
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

tarn_code tarn_remark_rows(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, int64_t files_min,
                           tarn_remark *out) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) none = tarn_roaring64_new();
    tarn_remark result = {.until = base->version};
    tarn_change change = {.operation = "REWRITE POSITION DELETES", .no_data_change = true, .remark = &result};
    tarn_row_deletes *items;
    size_t n;
    TRY(tarn_format_require(cx, table->format, TARN_CAN_WRITE | TARN_CAN_ROW_DELETES, "deleted rows"));
    TRY(tarn_table_prepare(cx, table, base, &change));
    TRY(find_marks(cx, base, files_min, none, &items, &n));
    tarn_code code = n ? mark_anew(cx, table, base, items, n, &change) : TARN_OK;
    if (tarn_commit_refused(code)) tarn_write_abandon(cx, table, &change);
    TRY(code);
    *out = result;
    return TARN_OK;
}
