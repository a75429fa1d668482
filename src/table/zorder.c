/* zorder.c: an ORDER BY that runs along a Z-curve: each column becomes the number of its quantile range, and tarn_z
 * interleaves them. */
#include "table/zorder.h"

/* 256 ranges fill one byte of the key for each column, and eight comparisons find the range of a value. */
enum { RANGES = 256, SAMPLE_ROWS = 65536, SQL_MAX = 1 << 24, COLUMNS_MAX = 16 };

tarn_code tarn_zorder_check(tarn_cx *cx, const tarn_snapshot *snapshot, const char *const *columns, size_t n) {
    if (n > COLUMNS_MAX) return tarn_fail(cx, TARN_INVALID, "ZORDER BY takes at most %d columns", COLUMNS_MAX);
    for (size_t i = 0; i < n; i++) {
        int at = tarn_schema_find(snapshot->schema, tarn_str_of(columns[i]));
        if (at < 0) return tarn_fail(cx, TARN_INVALID, "ZORDER BY: there is no column %s", columns[i]);
        tarn_kind kind = snapshot->schema->fields[at].type->kind;
        if (tarn_type_nested(snapshot->schema->fields[at].type) || kind == TARN_VARIANT || kind == TARN_VOID)
            return tarn_fail(cx, TARN_INVALID, "ZORDER BY: column %s has no order: its type is %s", columns[i],
                             tarn_kind_name(kind));
        for (size_t k = 0; k < snapshot->n_partition; k++)
            if (snapshot->partition[k].column == at && snapshot->partition[k].transform == TARN_IDENTITY &&
                !snapshot->partition[k].path)
                return tarn_fail(cx, TARN_INVALID,
                                 "ZORDER BY: %s is a partition column, it has one value in each file already",
                                 columns[i]);
        for (size_t k = 0; k < i; k++)
            if (tarn_name_eq(columns[k], columns[i]))
                return tarn_fail(cx, TARN_INVALID, "ZORDER BY: column %s is given twice", columns[i]);
    }
    return TARN_OK;
}

typedef TARN_VEC(const char *) text_list;

/* What separates ranges of about equally many rows, as SQL literals, ascending, none twice. */
static tarn_code sample_bounds(tarn_cx *cx, tarn_conn *conn, const char *select, const char *column, const char *type,
                               text_list *out) {
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_buf_puts(&sql, "SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT unnest(quantile_disc(c, [");
    for (int i = 1; i < RANGES; i++) tarn_buf_printf(&sql, "%s%d/%d.0", i > 1 ? ", " : "", i, RANGES);
    tarn_buf_printf(&sql,
                    "])) AS v FROM (SELECT %s AS c FROM (%s) AS _tarn_z USING SAMPLE reservoir(%d ROWS) REPEATABLE "
                    "(1))) WHERE v IS NOT NULL ORDER BY v",
                    column, select, SAMPLE_ROWS);
    if (sql.failed) return tarn_fail(cx, TARN_LIMIT, "ZORDER BY: too many files in one partition");
    TRY(tarn_conn_query(cx, conn, sql.data, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_column values = tarn_column_child((tarn_column){tarn_rows_schema(rows), &batch}, 0);
        for (int64_t i = 0; i < batch.length; i++) {
            tarn_str text = tarn_column_str(values, i);
            if (memchr(text.p, 0, text.n)) continue;
            *TARN_PUSH(cx->arena, out) = tarn_printf(
                cx, "CAST(%s AS %s)", tarn_sql_string(cx->arena, tarn_arena_strndup(cx->arena, text.p, text.n)), type);
        }
    }
}

/* A tree of comparisons: the bounds from..to-1 lie between ranges from..to. */
static void put_range(tarn_buf *out, const char *column, const text_list *bounds, size_t from, size_t to) {
    if (from == to) {
        tarn_buf_printf(out, "%zu", from);
        return;
    }
    size_t middle = from + (to - from) / 2;
    tarn_buf_printf(out, "CASE WHEN %s <= %s THEN ", column, bounds->at[middle]);
    put_range(out, column, bounds, from, middle);
    tarn_buf_puts(out, " ELSE ");
    put_range(out, column, bounds, middle + 1, to);
    tarn_buf_puts(out, " END");
}

tarn_code tarn_zorder(tarn_cx *cx, tarn_conn *conn, const tarn_snapshot *snapshot, const char *select,
                      const char *const *columns, size_t n, const char **out) {
    tarn_auto_buf order = TARN_BUF(SQL_MAX);
    if (n == 1) {
        *out = tarn_sql_name(cx->arena, columns[0]);
        return TARN_OK;
    }
    tarn_buf_puts(&order, "tarn_z(");
    for (size_t i = 0; i < n; i++) {
        tarn_auto_buf type = TARN_BUF(1024);
        text_list bounds = {0};
        const char *name = tarn_sql_name(cx->arena, columns[i]);
        tarn_type_duckdb(&type,
                         snapshot->schema->fields[tarn_schema_find(snapshot->schema, tarn_str_of(columns[i]))].type);
        TRY(sample_bounds(cx, conn, select, name, type.data, &bounds));
        tarn_buf_puts(&order, i ? ", CAST(" : "CAST(");
        put_range(&order, name, &bounds, 0, bounds.n);
        /* In the highest byte, so that the key's first bytes are the ones that differ. */
        tarn_buf_puts(&order, " AS UBIGINT) * 72057594037927936");
    }
    tarn_buf_putc(&order, ')');
    *out = tarn_buf_take(&order, cx->arena);
    return *out ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "ZORDER BY: the values of its columns are too long");
}
