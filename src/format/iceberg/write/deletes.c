/* deletes.c: stores rows of data files as deleted: vectors in Puffin files from version 3 on, position delete files
 * before (1.8). What is written for a data file holds all its positions, and takes the place of what there was. */
#include "format/iceberg/deletes.h"

#include "base/crypto.h"
#include "codec/arrow.h"
#include "codec/puffin.h"
#include "format/iceberg/write/write.h"

enum { PUFFIN_MAX = 1 << 30, PATH_ID = 2147483546, POSITION_ID = 2147483545, SOME = 4096 };

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
    const char *key; /* of the Puffin file */
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

static tarn_iceberg_mark *new_mark(marking *m, tarn_row_deletes *item, const tarn_roaring64 *rows) {
    tarn_iceberg_mark *mark = TARN_NEW(m->cx->arena, tarn_iceberg_mark);
    const tarn_iceberg_file *own = item->file->entry;
    *mark = (tarn_iceberg_mark){.referenced = recorded(m->cx, item),
                                .rows = (int64_t)tarn_roaring64_cardinality(rows),
                                .spec_id = own->tuple->spec_id,
                                .partition = own->tuple->values,
                                .offset = -1,
                                .length = -1};
    item->descriptor = mark;
    return mark;
}

/* One vector as a blob, and what the footer says of it. */
static void put_vector(marking *m, tarn_row_deletes *item, const tarn_roaring64 *rows) {
    tarn_iceberg_mark *mark = new_mark(m, item, rows);
    if (!m->puffin.n) tarn_buf_puts(&m->puffin, TARN_PUFFIN_MAGIC);
    mark->key = m->key;
    mark->format = "PUFFIN";
    mark->offset = (int64_t)m->puffin.n;
    tarn_puffin_put_vector(&m->puffin, rows);
    mark->length = (int64_t)m->puffin.n - mark->offset;
    tarn_puffin_put_blob(&m->blobs, m->n++, mark->offset, mark->length, mark->rows, mark->referenced);
}

static tarn_code end_vectors(marking *m, tarn_row_deletes *items, size_t n) {
    tarn_puffin_put_footer(&m->puffin, (tarn_str){m->blobs.data ? m->blobs.data : "", m->blobs.n});
    if (m->puffin.failed || m->blobs.failed)
        return tarn_fail(m->cx, TARN_LIMIT, "the deletion vectors of one change would be larger than 1 GB");
    for (size_t i = 0; i < n; i++) ((tarn_iceberg_mark *)(uintptr_t)items[i].descriptor)->size = (int64_t)m->puffin.n;
    TRY(tarn_store_put(m->cx, m->s->base.table->store, m->key, (tarn_str){m->puffin.data, m->puffin.n}, TARN_PUT_ABSENT,
                       NULL, NULL));
    *TARN_PUSH(m->cx->arena, &m->change->written) = m->key;
    return TARN_OK;
}

/* The positions as rows for the engine, ascending (1.8). */
static tarn_code positions(marking *m, const char *path, const tarn_roaring64 *rows, struct ArrowArrayStream *out) {
    static const tarn_rowset_column columns[] = {{"file_path", "u"}, {"pos", "l"}};
    tarn_rowset *set = tarn_rowset_new(columns, 2);
    uint64_t some[SOME], from = 0;
    size_t n;
    do {
        n = tarn_roaring64_values(rows, from, some, SOME);
        for (size_t i = 0; i < n; i++) {
            tarn_rowset_text(set, path);
            tarn_rowset_int(set, (int64_t)some[i]);
        }
        from = n ? some[n - 1] + 1 : 0;
    } while (n == SOME);
    tarn_code code = tarn_rowset_stream(m->cx, &set, out);
    tarn_rowset_free(set);
    return code;
}

static const tarn_schema *position_schema(tarn_cx *cx) {
    tarn_type *schema = tarn_type_new(cx->arena, TARN_STRUCT);
    schema->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, 2);
    schema->n_fields = 2;
    schema->fields[0] = (tarn_field){.name = "file_path", .type = tarn_type_new(cx->arena, TARN_STRING), .id = PATH_ID};
    schema->fields[1] = (tarn_field){.name = "pos", .type = tarn_type_new(cx->arena, TARN_INT64), .id = POSITION_ID};
    return schema;
}

static tarn_code write_positions(marking *m, tarn_conn *conn, tarn_row_deletes *item, const tarn_roaring64 *rows) {
    static const char view[] = "tarn_positions";
    struct ArrowArrayStream stream;
    tarn_iceberg_mark *mark = new_mark(m, item, rows);
    tarn_written_file *files = NULL;
    size_t n = 0;
    tarn_write_spec spec = {.select = "SELECT file_path, pos FROM temp.tarn_positions",
                            .store = m->s->base.table->store,
                            .folder = "data",
                            .file_prefix = "deletes-",
                            .schema = position_schema(m->cx),
                            .compression = "zstd"};
    TRY(positions(m, mark->referenced, rows, &stream));
    TRY(tarn_conn_ingest(m->cx, conn, view, &stream));
    TRY(tarn_engine_write(m->cx, conn, &spec, &files, &n));
    if (n != 1) return tarn_fail(m->cx, TARN_INTERNAL, "%zu position delete files where one was to be written", n);
    mark->key = tarn_printf(m->cx, "data/%s", files[0].path);
    mark->format = "PARQUET";
    mark->size = files[0].size;
    *TARN_PUSH(m->cx->arena, &m->change->written) = mark->key;
    return tarn_store_sync(m->cx, m->s->base.table->store, &mark->key, 1);
}

static tarn_code mark_one(marking *m, tarn_conn *conn, tarn_row_deletes *item) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) all = NULL;
    if (item->file->deletes) TRY(tarn_iceberg_deleted(m->cx, &m->s->base, item->file, &all));
    if (!all) all = tarn_roaring64_new();
    tarn_roaring64_or(all, item->rows);
    tarn_roaring64_optimize(all);
    if (conn) return write_positions(m, conn, item, all);
    put_vector(m, item, all);
    return TARN_OK;
}

tarn_code tarn_iceberg_write_deletes(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *items, size_t n,
                                     tarn_change *change) {
    char uuid[TARN_UUID_TEXT];
    tarn_auto(marking, done_marking)
        m = {.cx = cx, .s = tarn_iceberg_of(snapshot), .change = change, .puffin = TARN_BUF(PUFFIN_MAX)};
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    bool vectors = m.s->meta.format_version >= 3;
    m.blobs = TARN_BUF(PUFFIN_MAX);
    tarn_uuid_v7(cx, uuid);
    m.key = tarn_printf(cx, "data/%s-deletes.puffin", uuid);
    if (!vectors) TRY(tarn_engine_conn(cx, snapshot->table->engine, TARN_DB_EXECUTE, &conn));
    for (size_t i = 0; i < n; i++) {
        TRY(tarn_check(cx));
        TRY(mark_one(&m, conn, &items[i]));
    }
    return vectors && n ? end_vectors(&m, items, n) : TARN_OK;
}

tarn_code tarn_iceberg_marked(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_add *add, tarn_roaring64 **out) {
    const tarn_iceberg_mark *mark = add->deletes;
    tarn_str key = tarn_str_of(mark->key);
    const tarn_file file = {.path = key, .size = mark->size, .rows = mark->rows};
    if (mark->offset >= 0)
        return tarn_iceberg_read_vector(cx, snapshot->table->store, key, mark->offset, mark->length, mark->rows, out);
    return tarn_iceberg_read_positions(cx, snapshot->table, &file, tarn_str_of(mark->referenced), out);
}
