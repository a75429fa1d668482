/* positions.c: the rows of data files that are deleted by their place, as rows. */
#include <stdlib.h>

#include "format/iceberg/deletes.h"
#include "format/iceberg/tables/tables.h"

enum { ROWS_AT_ONCE = 8192 };

typedef struct feed {
    tarn_cx cx; /* its arena holds what is here */
    tarn_iceberg_snapshot *s;
    TARN_VEC(const tarn_iceberg_file *) files;
    size_t at;
    tarn_iceberg_shown_list shown;
    tarn_conn *conn; /* of the file before `at`, as long as there are rows of it: Parquet */
    tarn_rows *parquet;
    tarn_roaring64 *vector; /* or a vector's */
    uint64_t next;
    tarn_iceberg_entry entry;
    tarn_rowset *rows;
} feed;

static void put_row(const feed *f, tarn_str path, int64_t pos) {
    tarn_rowset_str(f->rows, path);
    tarn_rowset_int(f->rows, pos);
    const tarn_iceberg_file *file = f->files.at[f->at - 1];
    tarn_tell_partition(f->s, &f->shown, file->tuple, f->rows);
    tarn_rowset_int(f->rows, file->tuple->spec_id);
    tarn_rowset_str(f->rows, f->entry.path);
    tarn_tell_known(f->rows, f->entry.offset);
    tarn_tell_known(f->rows, f->entry.length);
}

static void close_file(feed *f) {
    tarn_rows_close(f->parquet);
    tarn_conn_close(f->conn);
    tarn_roaring64_free(f->vector);
    f->parquet = NULL;
    f->conn = NULL;
    f->vector = NULL;
    f->next = 0;
}

static tarn_code open_file(feed *f) {
    const tarn_iceberg_file *file = f->files.at[f->at++];
    const tarn_table *table = f->s->base.table;
    tarn_iceberg_entry *e = &f->entry;
    tarn_iceberg_entry_of(file, e);
    if (file->format == TARN_ICEBERG_PUFFIN)
        return tarn_iceberg_read_vector(&f->cx, table->store, file->file.path, e->offset, e->length, e->rows,
                                        &f->vector);
    if (file->format != TARN_ICEBERG_PARQUET)
        return tarn_fail(&f->cx, TARN_UNSUPPORTED, "%.*s: position deletes that are not Parquet are not supported",
                         (int)e->path.n, e->path.p);
    const tarn_file *parquet = &file->file;
    return tarn_iceberg_open_positions(&f->cx, table, &parquet, 1, &f->conn, &f->parquet);
}

static tarn_code put_batch(feed *f) {
    tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
    TRY(tarn_rows_next(&f->cx, f->parquet, &batch));
    if (!batch.release) {
        close_file(f);
        return TARN_OK;
    }
    tarn_column all = {tarn_rows_schema(f->parquet), &batch};
    tarn_column path = tarn_column_child(all, 0), pos = tarn_column_child(all, 1);
    for (int64_t i = 0; i < batch.length; i++)
        if (!tarn_column_null(path, i) && !tarn_column_null(pos, i))
            put_row(f, tarn_column_str(path, i), tarn_column_int(pos, i));
    return TARN_OK;
}

static void put_vector(feed *f) {
    uint64_t values[ROWS_AT_ONCE];
    size_t n = tarn_roaring64_values(f->vector, f->next, values, ROWS_AT_ONCE);
    for (size_t i = 0; i < n; i++) put_row(f, f->entry.referenced, (int64_t)values[i]);
    if (n < ROWS_AT_ONCE)
        close_file(f);
    else
        f->next = values[n - 1] + 1;
}

static tarn_code step(feed *f) {
    TRY(tarn_check(&f->cx));
    if (f->vector) return put_vector(f), TARN_OK;
    return f->parquet ? put_batch(f) : open_file(f);
}

static void more(void *state, tarn_rowset *rows) {
    feed *f = state;
    f->rows = rows;
    while ((f->at < f->files.n || f->vector || f->parquet) && !tarn_rowset_count(rows))
        if (step(f) != TARN_OK) return tarn_rowset_fail(rows, &f->cx.error);
}

static void end(void *state) {
    feed *f = state;
    close_file(f);
    tarn_snapshot_release(&f->s->base);
    tarn_cx_done(&f->cx);
    free(f);
}

static tarn_code find_files(feed *f) {
    tarn_iceberg_snapshot *s = f->s;
    TRY(tarn_iceberg_list(&f->cx, s));
    TRY(tarn_iceberg_load(&f->cx, s, s->n_data, s->n_slots));
    for (size_t i = s->n_data; i < s->n_slots; i++)
        for (size_t k = 0; k < s->slots[i].files.n; k++)
            if (s->slots[i].files.at[k]->content == TARN_ICEBERG_POSITIONS)
                *TARN_PUSH(f->cx.arena, &f->files) = s->slots[i].files.at[k];
    return TARN_OK;
}

tarn_code tarn_tell_positions(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out) {
    static const tarn_rowset_column columns[] = {{"file_path", "u"},      {"pos", "l"},
                                                 {"spec_id", "i"},        {"delete_file_path", "u"},
                                                 {"content_offset", "l"}, {"content_size_in_bytes", "l"}};
    tarn_iceberg_columns all = {0};
    (void)told;
    feed *f = calloc(1, sizeof *f);
    if (!f) abort();
    tarn_cx_fork(cx, &f->cx);
    f->s = tarn_iceberg_of(tarn_snapshot_retain(&s->base));
    tarn_code code = find_files(f);
    if (code != TARN_OK) {
        cx->error = f->cx.error;
        end(f);
        return code;
    }
    tarn_tell_shown(f->cx.arena, s, &f->shown);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (i == 2) tarn_tell_partition_column(f->cx.arena, &f->shown, &all);
        *TARN_PUSH(f->cx.arena, &all) = columns[i];
    }
    *out = tarn_rowset_new(all.at, all.n);
    tarn_rowset_feed(*out, more, end, f);
    return TARN_OK;
}
