/* write_sorted.c: rows into Parquet files that are each in order. DuckDB's COPY keeps an order only where all rows go
 * into one file, so they are sorted into a temp table first, and each file is a range of it. */
#include "base/crypto.h"
#include "engine/internal.h"
#include "store/path.h"

#define TEMP "temp.tarn_sorted"

/* PIECE: rows of the first file of a partition, which tells how large a row is; GROUP: of one of Parquet's row groups.
 * FOLDER: letters of a folder's name, file systems take 255. */
enum { SQL_MAX = 64 << 20, PIECE = 1 << 20, GROUP = 122880, FOLDER_MAX = 200, FOLDER_BEGIN = 100 };

/* The rows of one partition: they lie together. */
typedef struct range {
    int64_t first, n;
    const char *folder; /* below that of the call */
    const char **partition;
} range;

typedef TARN_VEC(range) ranges;

static tarn_code sort_rows(tarn_cx *cx, tarn_conn *conn, const tarn_write_spec *spec) {
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_buf_printf(&sql, "CREATE OR REPLACE TEMP TABLE tarn_sorted AS %s ORDER BY ", spec->select);
    for (size_t i = 0; i < spec->n_partition_by; i++) {
        tarn_buf_puts(&sql, i ? ", " : "");
        tarn_buf_sql_name(&sql, spec->partition_by[i]);
    }
    if (spec->order_by) tarn_buf_printf(&sql, "%s%s", spec->n_partition_by ? ", " : "", spec->order_by);
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "the statement that sorts the rows is too long");
    return tarn_conn_query(cx, conn, sql.data, spec->binds, spec->n_binds, &rows);
}

/* Folders as DuckDB's own writer calls them; of a name longer than a file system may take the beginning, and a hash of
 * all of it. */
static tarn_code ranges_sql(tarn_cx *cx, const tarn_write_spec *spec, tarn_buf *sql) {
    tarn_buf_puts(sql, "SELECT min(rowid), max(rowid), count(*), concat_ws('/', ''");
    for (size_t i = 0; i < spec->n_partition_by; i++) {
        const char *folder = tarn_printf(cx,
                                         "concat(url_encode(%s), '=', coalesce(url_encode(CAST(%s AS VARCHAR)), "
                                         "'__HIVE_DEFAULT_PARTITION__'))",
                                         tarn_sql_string(cx->arena, spec->partition_by[i]),
                                         tarn_sql_name(cx->arena, spec->partition_by[i]));
        tarn_buf_printf(sql,
                        ", CASE WHEN length(%s) <= %d THEN %s ELSE concat(left(replace(%s, '%%', ''), %d), '-', "
                        "sha256(%s)) END",
                        folder, FOLDER_MAX, folder, folder, FOLDER_BEGIN, folder);
    }
    tarn_buf_puts(sql, ")");
    for (size_t i = 0; i < spec->n_partition_by; i++)
        tarn_buf_printf(sql, ", CAST(%s AS VARCHAR)", tarn_sql_name(cx->arena, spec->partition_by[i]));
    tarn_buf_puts(sql, " FROM " TEMP);
    for (size_t i = 0; i < spec->n_partition_by; i++) {
        tarn_buf_puts(sql, i ? ", " : " GROUP BY ");
        tarn_buf_sql_name(sql, spec->partition_by[i]);
    }
    tarn_buf_puts(sql, " HAVING count(*) > 0 ORDER BY 1");
    return tarn_buf_ok(sql) ? TARN_OK
                            : tarn_fail(cx, TARN_LIMIT, "the statement that finds the partitions is too long");
}

static tarn_code read_range(tarn_cx *cx, const tarn_write_spec *spec, tarn_column all, int64_t row, ranges *out) {
    range r = {.first = tarn_column_int(tarn_column_child(all, 0), row),
               .n = tarn_column_int(tarn_column_child(all, 2), row),
               .partition = TARN_NEW_ARRAY(cx->arena, const char *, spec->n_partition_by)};
    if (tarn_column_int(tarn_column_child(all, 1), row) != r.first + r.n - 1)
        return tarn_fail(cx, TARN_INTERNAL, "sorted rows of one partition do not lie together");
    tarn_str folder = tarn_column_str(tarn_column_child(all, 3), row);
    r.folder = tarn_arena_strndup(cx->arena, folder.p, folder.n);
    while (*r.folder == '/') r.folder++;
    for (size_t i = 0; i < spec->n_partition_by; i++) {
        tarn_column c = tarn_column_child(all, (int64_t)(4 + i));
        if (tarn_column_null(c, row)) continue;
        tarn_str text = tarn_column_str(c, row);
        if (memchr(text.p, 0, text.n))
            return tarn_fail(cx, TARN_UNSUPPORTED, "partition column %s cannot hold text with a zero byte",
                             spec->partition_by[i]);
        r.partition[i] = tarn_arena_strndup(cx->arena, text.p, text.n);
    }
    *TARN_PUSH(cx->arena, out) = r;
    return TARN_OK;
}

static tarn_code find_ranges(tarn_cx *cx, tarn_conn *conn, const tarn_write_spec *spec, ranges *out) {
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    TRY(ranges_sql(cx, spec, &sql));
    TRY(tarn_conn_query(cx, conn, sql.data, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_column all = {.schema = tarn_rows_schema(rows), .array = &batch};
        for (int64_t row = 0; row < batch.length; row++) TRY(read_range(cx, spec, all, row, out));
    }
}

static tarn_code write_piece(tarn_cx *cx, tarn_conn *conn, const tarn_write_target *to, const char *directory,
                             const range *r, int64_t first, int64_t n, tarn_written_files *files) {
    tarn_write_spec spec = *to->spec;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    char uuid[TARN_UUID_TEXT];
    size_t before = files->n;
    tarn_buf_puts(&sql, "SELECT *");
    for (size_t i = 0; !spec.hold_partitions && i < spec.n_partition_by; i++) {
        tarn_buf_puts(&sql, i ? ", " : " EXCLUDE (");
        tarn_buf_sql_name(&sql, spec.partition_by[i]);
    }
    if (!spec.hold_partitions && spec.n_partition_by) tarn_buf_putc(&sql, ')');
    tarn_buf_printf(&sql, " FROM " TEMP " WHERE rowid BETWEEN %lld AND %lld", (long long)first,
                    (long long)(first + n - 1));
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "the statement that writes the rows is too long");
    tarn_uuid_v7(cx, uuid);
    spec.select = sql.data;
    spec.n_partition_by = 0;
    spec.binds = NULL;
    spec.n_binds = 0;
    tarn_write_target piece = {.spec = &spec,
                               .directory = directory,
                               .prefix = to->prefix,
                               .file = tarn_printf(cx, "%s%s.parquet", to->prefix, uuid)};
    TRY(tarn_write_copy(cx, conn, &piece, files));
    if (files->n != before + 1 || files->at[before].rows != n)
        return tarn_fail(cx, TARN_INTERNAL, "COPY wrote %lld sorted rows otherwise than it was told", (long long)n);
    tarn_written_file *file = &files->at[before];
    file->path = *r->folder ? tarn_printf(cx, "%s/%s", r->folder, file->path) : file->path;
    file->partition = r->partition;
    return TARN_OK;
}

static tarn_code write_range(tarn_cx *cx, tarn_conn *conn, const tarn_write_target *to, const range *r,
                             tarn_written_files *files) {
    const tarn_write_spec *spec = to->spec;
    const char *folder = tarn_path_join(cx->arena, spec->folder, r->folder), *directory;
    int64_t piece = spec->file_size > 0 ? PIECE : r->n;
    TRY(tarn_store_folder(cx, spec->store, folder));
    TRY(tarn_engine_path(cx, conn->engine, spec->store, folder, cx->arena, &directory));
    for (int64_t done = 0; done < r->n;) {
        int64_t left = r->n - done, n = left < piece + piece / 4 ? left : piece;
        TRY(write_piece(cx, conn, to, directory, r, r->first + done, n, files));
        done += n;
        const tarn_written_file *file = &files->at[files->n - 1];
        double rows = (double)spec->file_size / ((double)file->size / (double)n + 1e-9);
        if (spec->file_size > 0) piece = rows < GROUP ? GROUP : rows > (double)r->n ? r->n : (int64_t)rows;
    }
    return TARN_OK;
}

static tarn_code write_all(tarn_cx *cx, tarn_conn *conn, const tarn_write_target *to, tarn_written_files *files) {
    ranges found = {0};
    TRY(find_ranges(cx, conn, to->spec, &found));
    for (size_t i = 0; i < found.n; i++) TRY(write_range(cx, conn, to, &found.at[i], files));
    return TARN_OK;
}

tarn_code tarn_write_sorted(tarn_cx *cx, tarn_conn *conn, const tarn_write_target *to, tarn_written_files *files) {
    TRY(sort_rows(cx, conn, to->spec));
    tarn_code code = write_all(cx, conn, to, files);
    tarn_error why = cx->error;
    if (tarn_conn_run(cx, conn, "DROP TABLE IF EXISTS " TEMP) != TARN_OK) tarn_clear_error(cx); /* it ends with conn */
    cx->error = why;
    return code;
}
