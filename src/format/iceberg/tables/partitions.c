/* partitions.c: the partitions of a snapshot as rows: what their files are in all. */
#include "format/iceberg/tables/tables.h"

typedef struct totals {
    const tarn_iceberg_tuple *tuple;
    int64_t files[3], rows[3]; /* by tarn_iceberg_content */
    int64_t bytes;             /* of data files */
    int64_t updated_ms, updated_by;
} totals;

typedef struct counting {
    tarn_iceberg_snapshot *s;
    tarn_arena *arena;
    tarn_map by_tuple;
    TARN_VEC(totals *) all;
} counting;

static totals *totals_of(counting *c, const tarn_iceberg_tuple *tuple) {
    tarn_str key = TARN_KEY_OF(tuple);
    totals *t = tarn_map_get(&c->by_tuple, key);
    if (t) return t;
    t = TARN_NEW(c->arena, totals);
    *t = (totals){.tuple = tuple, .updated_ms = -1, .updated_by = -1};
    tarn_map_put(&c->by_tuple, c->arena, TARN_KEY_OF(t->tuple), t);
    *TARN_PUSH(c->arena, &c->all) = t;
    return t;
}

static tarn_code count_entry(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *e, int64_t first_row_id,
                             const tarn_iceberg_tuple *tuple) {
    counting *c = walk->state;
    totals *t = totals_of(c, tuple);
    const tarn_iceberg_version *by = tarn_iceberg_version_find(&c->s->meta, e->snapshot_id);
    (void)first_row_id;
    t->files[e->content]++;
    if (e->rows > 0) t->rows[e->content] += e->rows;
    if (e->content == TARN_ICEBERG_DATA && e->size > 0) t->bytes += e->size;
    if (by && by->timestamp_ms > t->updated_ms) {
        t->updated_ms = by->timestamp_ms;
        t->updated_by = by->id;
    }
    return tarn_check(cx);
}

static tarn_code count_all(tarn_cx *cx, counting *c) {
    TRY(tarn_iceberg_list(cx, c->s));
    for (size_t i = 0; i < c->s->n_slots; i++) {
        tarn_cx own;
        tarn_auto(tarn_arena *, tarn_arena_freep) keep = tarn_arena_new();
        tarn_cx_fork(cx, &own);
        tarn_iceberg_walk walk = {.s = c->s, .slot = i, .keep = keep, .fn = count_entry, .state = c};
        tarn_code code = tarn_iceberg_walk_manifest(&own, &walk);
        cx->error = own.error;
        tarn_cx_done(&own);
        TRY(code);
    }
    return TARN_OK;
}

/* A table without partitions is one. */
static void put_totals(const counting *c, const tarn_iceberg_shown_list *shown, const totals *t, tarn_rowset *rows) {
    tarn_tell_partition(c->s, shown, t->tuple, rows);
    if (shown->n) tarn_rowset_int(rows, t->tuple->spec_id);
    tarn_rowset_int(rows, t->rows[TARN_ICEBERG_DATA]);
    tarn_rowset_int(rows, t->files[TARN_ICEBERG_DATA]);
    tarn_rowset_int(rows, t->bytes);
    for (int k = TARN_ICEBERG_POSITIONS; k <= TARN_ICEBERG_KEYS; k++) {
        tarn_rowset_int(rows, t->rows[k]);
        tarn_rowset_int(rows, t->files[k]);
    }
    if (t->updated_ms < 0)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, t->updated_ms * 1000);
    tarn_tell_known(rows, t->updated_by);
}

tarn_code tarn_tell_partitions(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out) {
    static const tarn_rowset_column counts[] = {{"spec_id", "i"},
                                                {"record_count", "l"},
                                                {"file_count", "i"},
                                                {"total_data_file_size_in_bytes", "l"},
                                                {"position_delete_record_count", "l"},
                                                {"position_delete_file_count", "i"},
                                                {"equality_delete_record_count", "l"},
                                                {"equality_delete_file_count", "i"},
                                                {"last_updated_at", "tsu:UTC"},
                                                {"last_updated_snapshot_id", "l"}};
    tarn_iceberg_columns columns = {0};
    tarn_iceberg_shown_list shown = {0};
    counting c = {.s = s, .arena = cx->arena};
    (void)told;
    TRY(count_all(cx, &c));
    tarn_tell_shown(cx->arena, s, &shown);
    tarn_tell_partition_column(cx->arena, &shown, &columns);
    for (size_t i = shown.n ? 0 : 1; i < sizeof counts / sizeof *counts; i++)
        *TARN_PUSH(cx->arena, &columns) = counts[i];
    *out = tarn_rowset_new(columns.at, columns.n);
    for (size_t i = 0; i < c.all.n; i++) put_totals(&c, &shown, c.all.at[i], *out);
    return TARN_OK;
}
