/* values.c: conditions over columns that are constant in each file, evaluated once for each of their values. */
#include "base/map.h"
#include "plan/prune.h"

enum { VALUES_MAX = 100000, TEXT_MAX = 64 << 20 };

static const size_t KEPT = SIZE_MAX; /* in place of a value's number: the file stays */

/* Values of the partition columns, and which of them the condition keeps. */
typedef struct value_table {
    tarn_map seen;
    size_t *of_file; /* which one each file of the list has */
    size_t n;
    bool *keep;
    tarn_buf rows; /* as they stand after VALUES */
} value_table;

bool *tarn_constant_columns(tarn_cx *cx, const tarn_snapshot *s) {
    bool *constant = TARN_NEW_ARRAY(cx->arena, bool, s->schema->n_fields + 1);
    for (size_t i = 0; i < s->n_partition; i++)
        if (s->partition[i].transform == TARN_IDENTITY && !s->partition[i].path)
            constant[s->partition[i].column] = true;
    return constant;
}

/* Where files hold these columns too, one of an older layout may have no value for them, which looks like a null. */
static bool may_lack(tarn_snapshot *s, const tarn_file *file, size_t k) {
    tarn_bounds b = {.rows = -1, .nulls = -1};
    if (!(s->format->features & TARN_HOLDS_PARTITIONS) || !file->partition[k].null) return false;
    s->format->bounds(s, file, s->partition[k].column, NULL, &b);
    return b.rows < 0 || b.nulls != b.rows;
}

static bool is_used(const tarn_snapshot *s, const bool *used, size_t k) {
    return s->partition[k].transform == TARN_IDENTITY && !s->partition[k].path && used[s->partition[k].column];
}

/* The values of the used columns as they stand after VALUES; false: not all are known. */
static bool put_row(tarn_snapshot *s, const bool *used, const tarn_file *file, tarn_buf *row) {
    tarn_buf_clear(row);
    for (size_t k = 0; k < s->n_partition; k++) {
        if (!is_used(s, used, k)) continue;
        if (may_lack(s, file, k)) return false;
        tarn_buf_puts(row, ", ");
        tarn_value_sql(row, &file->partition[k]);
    }
    return true;
}

/* False: too many values, or one that SQL has no literal for. */
static bool collect(tarn_cx *cx, tarn_snapshot *s, const bool *used, const tarn_file_list *list, value_table *t) {
    tarn_auto_buf row = TARN_BUF(1 << 20);
    t->of_file = TARN_NEW_ARRAY(cx->arena, size_t, list->files.n + 1);
    for (size_t i = 0; i < list->files.n; i++) {
        t->of_file[i] = KEPT;
        if (!put_row(s, used, list->files.at[i], &row)) continue;
        if (!tarn_buf_ok(&row)) return false;
        size_t at = (size_t)(uintptr_t)tarn_map_get(&t->seen, (tarn_str){row.data, row.n});
        if (!at) {
            if (++t->n > VALUES_MAX) return false;
            at = t->n;
            tarn_str key = {tarn_arena_strndup(cx->arena, row.data, row.n), row.n};
            tarn_map_put(&t->seen, cx->arena, key, (void *)(uintptr_t)at);
            tarn_buf_printf(&t->rows, "%s(%zu%s)", at > 1 ? ", " : "", at - 1, row.data);
        }
        t->of_file[i] = at - 1;
    }
    t->keep = TARN_NEW_ARRAY(cx->arena, bool, t->n + 1);
    return tarn_buf_ok(&t->rows);
}

/* The numbers of the values for which the condition is true. */
static const char *query(tarn_cx *cx, const tarn_snapshot *s, const bool *used, const value_table *t,
                         const char *condition) {
    tarn_auto_buf sql = TARN_BUF(TEXT_MAX);
    tarn_buf_puts(&sql, "SELECT string_agg(\"tarn$i\", ',') FROM (SELECT \"tarn$i\"");
    for (size_t k = 0; k < s->n_partition; k++) {
        const tarn_field *f = &s->schema->fields[s->partition[k].column];
        if (!is_used(s, used, k)) continue;
        tarn_buf_printf(&sql, ", CAST(\"tarn$%zu\" AS ", k);
        tarn_type_duckdb(&sql, f->type);
        tarn_buf_puts(&sql, ") AS ");
        tarn_buf_sql_name(&sql, f->name);
    }
    tarn_buf_printf(&sql, " FROM (VALUES %s) AS v(\"tarn$i\"", t->rows.data);
    for (size_t k = 0; k < s->n_partition; k++)
        if (is_used(s, used, k)) tarn_buf_printf(&sql, ", \"tarn$%zu\"", k);
    tarn_buf_printf(&sql, ")) AS t WHERE %s", condition);
    return tarn_buf_ok(&sql) ? tarn_buf_take(&sql, cx->arena) : NULL;
}

static void read_numbers(const char *text, value_table *t) {
    while (text && *text) {
        size_t n = strcspn(text, ",");
        int64_t number;
        if (tarn_parse_i64((tarn_str){text, n}, &number) && number >= 0 && (uint64_t)number < t->n)
            t->keep[number] = true;
        text += n + (text[n] == ',');
    }
}

static void drop_files(tarn_cx *cx, const value_table *t, tarn_file_list *list) {
    tarn_file_list kept = *list;
    memset(&kept.files, 0, sizeof kept.files);
    kept.bytes = 0;
    for (size_t i = 0; i < list->files.n; i++) {
        if (t->of_file[i] != KEPT && !t->keep[t->of_file[i]]) continue;
        *TARN_PUSH(cx->arena, &kept.files) = list->files.at[i];
        kept.bytes += list->files.at[i]->size;
    }
    kept.pruned_by_partition += (int64_t)(list->files.n - kept.files.n);
    *list = kept;
}

tarn_code tarn_prune_by_values(tarn_cx *cx, tarn_engine *engine, tarn_snapshot *s, const bool *used,
                               const char **condition, tarn_file_list *list) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    const char *said = *condition;
    value_table t = {.rows = TARN_BUF(TEXT_MAX)};
    const char *sql = collect(cx, s, used, list, &t) && t.n ? query(cx, s, used, &t, said) : NULL;
    char *numbers = NULL;
    tarn_buf_free(&t.rows);
    *condition = NULL;
    if (!sql) return tarn_check(cx);
    TRY(tarn_engine_conn(cx, engine, TARN_DB_PLAN, &conn));
    if (tarn_conn_text(cx, conn, sql, &numbers) != TARN_OK) {
        tarn_clear_error(cx);
        return tarn_check(cx);
    }
    read_numbers(numbers, &t);
    drop_files(cx, &t, list);
    *condition = said;
    return TARN_OK;
}
