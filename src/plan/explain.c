/* explain.c: the rows of EXPLAIN, and a predicate on its own as an expression. */
#include "plan/filters.h"
#include "plan/plan.h"

#include <inttypes.h>

static void add_line(tarn_rowset *rows, const char *table, const char *what, const char *value) {
    tarn_rowset_text(rows, table);
    tarn_rowset_text(rows, what);
    tarn_rowset_text(rows, value);
}

static void explain_ref(tarn_cx *cx, const tarn_plan_ref *ref, tarn_rowset *rows) {
    const tarn_file_list *f = &ref->files;
    tarn_auto_buf filter = TARN_BUF(1 << 20);
    if (ref->filter) tarn_expr_print(&filter, ref->filter, ref->snapshot->schema);
    add_line(rows, ref->name, "version", tarn_printf(cx, "%" PRId64, ref->snapshot->version));
    add_line(rows, ref->name, "files",
             tarn_printf(
                 cx, "%" PRId64 " total, %" PRId64 " pruned by partition, %" PRId64 " pruned by statistics, %zu read",
                 f->total_files, f->pruned_by_partition, f->pruned_by_stats,
                 ref->from_metadata ? (size_t)0 : f->files.n));
    add_line(rows, ref->name, "bytes",
             tarn_printf(cx, "%" PRId64 " total, %" PRId64 " pruned, %" PRId64 " read", f->total_bytes,
                         f->total_bytes - f->bytes, ref->from_metadata ? (int64_t)0 : f->bytes));
    add_line(rows, ref->name, "filter", ref->filter ? filter.data : "none");
    if (ref->from_metadata)
        add_line(rows, ref->name, "answered from", "metadata: files, rows, least and greatest values");
    if (ref->over_partitions) add_line(rows, ref->name, "filter by partition", ref->over_partitions);
}

tarn_code tarn_plan_explain(tarn_cx *cx, const tarn_planned *planned, tarn_rowset **out) {
    static const tarn_rowset_column columns[] = {{"table", "u"}, {"what", "u"}, {"value", "u"}};
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    for (size_t i = 0; i < planned->refs.n; i++) explain_ref(cx, &planned->refs.at[i], rows);
    *out = rows;
    return TARN_OK;
}
