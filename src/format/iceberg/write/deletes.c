/* deletes.c: stores rows of data files as deleted: vectors in Puffin files from version 3 on, position delete files
 * before (1.8). What is written for a data file holds all its positions, and takes the place of what there was. */
#include "format/iceberg/deletes.h"

#include "base/crypto.h"
#include "base/pool.h"
#include "codec/parquet_positions.h"
#include "codec/puffin.h"
#include "format/iceberg/write/write.h"

enum { FILE_MAX = 1 << 30 };

/* Statements mark rows where the table's property for their kind says so; the rule is to write files anew. */
bool tarn_iceberg_marks_rows(const tarn_snapshot *snapshot, const tarn_change *change) {
    const char *op = change->operation ? change->operation : "";
    const char *name = !strcmp(op, "UPDATE")  ? "write.update.mode"
                       : !strcmp(op, "MERGE") ? "write.merge.mode"
                                              : "write.delete.mode";
    const char *mode = tarn_snapshot_property(snapshot, name);
    return tarn_iceberg_of(snapshot)->meta.format_version >= 2 && mode &&
           tarn_str_ieq(tarn_str_of(mode), TARN_LIT("merge-on-read"));
}

typedef struct marking {
    tarn_cx *cx;
    tarn_iceberg_snapshot *s;
    tarn_change *change;
    tarn_row_deletes *items;
    size_t n_items;
    const char *id;  /* what names of files begin with */
    const char *key; /* of the Puffin file; NULL: position delete files */
    tarn_buf puffin, blobs;
    int n;
} marking;

static void done_marking(marking *m) {
    tarn_buf_free(&m->puffin);
    tarn_buf_free(&m->blobs);
}

static const char *recorded(tarn_cx *cx, const tarn_row_deletes *item) {
    const tarn_iceberg_file *own = item->file->entry;
    return tarn_arena_strndup(cx->arena, own->recorded.p, own->recorded.n);
}

static tarn_iceberg_mark *new_mark(tarn_cx *cx, tarn_row_deletes *item, const tarn_roaring64 *rows) {
    tarn_iceberg_mark *mark = TARN_NEW(cx->arena, tarn_iceberg_mark);
    const tarn_iceberg_file *own = item->file->entry;
    uint64_t first = 0, last = 0;
    tarn_roaring64_values(rows, 0, &first, 1);
    tarn_roaring64_max(rows, &last);
    *mark = (tarn_iceberg_mark){.referenced = recorded(cx, item),
                                .rows = (int64_t)tarn_roaring64_cardinality(rows),
                                .spec_id = own->tuple->spec_id,
                                .partition = own->tuple->values,
                                .offset = -1,
                                .length = -1,
                                .first = (int64_t)first,
                                .last = (int64_t)last};
    item->descriptor = mark;
    return mark;
}

/* One vector as a blob, and what the footer says of it. */
static void put_vector(marking *m, tarn_row_deletes *item, const tarn_roaring64 *rows) {
    tarn_iceberg_mark *mark = new_mark(m->cx, item, rows);
    if (!m->puffin.n) tarn_buf_puts(&m->puffin, TARN_PUFFIN_MAGIC);
    mark->key = m->key;
    mark->format = "PUFFIN";
    mark->offset = (int64_t)m->puffin.n;
    tarn_puffin_put_vector(&m->puffin, rows);
    mark->length = (int64_t)m->puffin.n - mark->offset;
    tarn_puffin_put_blob(&m->blobs, m->n++, mark->offset, mark->length, mark->rows, mark->referenced);
}

static tarn_code end_vectors(marking *m) {
    tarn_puffin_put_footer(&m->puffin, (tarn_str){m->blobs.data ? m->blobs.data : "", m->blobs.n});
    if (m->puffin.failed || m->blobs.failed)
        return tarn_fail(m->cx, TARN_LIMIT, "the deletion vectors of one change would be larger than 1 GB");
    for (size_t i = 0; i < m->n_items; i++)
        ((tarn_iceberg_mark *)(uintptr_t)m->items[i].descriptor)->size = (int64_t)m->puffin.n;
    TRY(tarn_store_put(m->cx, m->s->base.table->store, m->key, (tarn_str){m->puffin.data, m->puffin.n}, TARN_PUT_ABSENT,
                       NULL, NULL));
    *TARN_PUSH(m->cx->arena, &m->change->written) = m->key;
    return TARN_OK;
}

static tarn_code write_positions(tarn_cx *cx, const marking *m, size_t i, const tarn_roaring64 *rows) {
    tarn_auto_buf file = TARN_BUF(FILE_MAX);
    tarn_iceberg_mark *mark = new_mark(cx, &m->items[i], rows);
    mark->key = tarn_printf(cx, "data/%s-%zu-deletes.parquet", m->id, i);
    mark->format = "PARQUET";
    TRY(tarn_parquet_put_positions(cx, tarn_str_of(mark->referenced), rows, &file));
    mark->size = (int64_t)file.n;
    return tarn_store_put(cx, m->s->base.table->store, mark->key, (tarn_str){file.data, file.n}, TARN_PUT_NEW, NULL,
                          NULL);
}

static tarn_code mark_one(tarn_cx *cx, size_t i, void *state) {
    marking *m = state;
    tarn_row_deletes *item = &m->items[i];
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) all = NULL;
    if (item->file->deletes) TRY(tarn_iceberg_deleted(cx, &m->s->base, item->file, &all));
    if (!all) all = tarn_roaring64_new();
    tarn_roaring64_or(all, item->rows);
    if (!m->key) return write_positions(cx, m, i, all);
    tarn_roaring64_optimize(all);
    put_vector(m, item, all);
    return TARN_OK;
}

/* The files of position deletes are many small ones: the store's answers are waited for together, and their folder is
 * synced once, with the last of them. */
static tarn_code write_files(marking *m) {
    TRY(tarn_pool_run(m->cx, m->n_items, mark_one, m));
    for (size_t i = 0; i < m->n_items; i++)
        *TARN_PUSH(m->cx->arena, &m->change->written) = ((const tarn_iceberg_mark *)m->items[i].descriptor)->key;
    return tarn_store_sync(m->cx, m->s->base.table->store, &m->change->written.at[m->change->written.n - 1], 1);
}

tarn_code tarn_iceberg_write_deletes(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *items, size_t n,
                                     tarn_change *change) {
    char uuid[TARN_UUID_TEXT];
    tarn_auto(marking, done_marking) m = {.cx = cx,
                                          .s = tarn_iceberg_of(snapshot),
                                          .change = change,
                                          .items = items,
                                          .n_items = n,
                                          .id = uuid,
                                          .puffin = TARN_BUF(FILE_MAX),
                                          .blobs = TARN_BUF(FILE_MAX)};
    tarn_uuid_v7(cx, uuid);
    if (!n) return TARN_OK;
    if (m.s->meta.format_version < 3) return write_files(&m);
    m.key = tarn_printf(cx, "data/%s-deletes.puffin", uuid);
    for (size_t i = 0; i < n; i++) {
        TRY(tarn_check(cx));
        TRY(mark_one(cx, i, &m));
    }
    return end_vectors(&m);
}

tarn_code tarn_iceberg_marked(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_add *add, tarn_roaring64 **out) {
    const tarn_iceberg_mark *mark = add->deletes;
    tarn_str key = tarn_str_of(mark->key);
    const tarn_file file = {.path = key, .size = mark->size, .rows = mark->rows};
    if (mark->offset >= 0)
        return tarn_iceberg_read_vector(cx, snapshot->table->store, key, mark->offset, mark->length, mark->rows, out);
    return tarn_iceberg_read_positions(cx, snapshot->table, &file, tarn_str_of(mark->referenced), out);
}
