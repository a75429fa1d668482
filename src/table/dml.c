/* dml.c: DELETE, UPDATE and MERGE from the temp table of their actions: changed rows are marked as deleted where they
 * lie, or their files are written anew without them, together with the new rows. */
#include "table/dml.h"

#include "table/changes.h"
#include "table/record.h"
#include "table/row_ids.h"
#include "table/rules.h"

/* LIVE_MIN: a file keeps its place while one in so many of its rows is left. */
enum { SQL_MAX = 1 << 30, RUN = 2048, LIVE_MIN = 5 };

static const char FEED[] = "tarn_dml_new";

/* Rows of each file of the scan that go. */
typedef struct gone {
    size_t n;
    tarn_roaring64 **rows; /* NULL: the file is not touched */
    int64_t *counted;
    int64_t updated, deleted;
} gone;

static void free_gone(gone *g) {
    for (size_t i = 0; i < g->n; i++) tarn_roaring64_free(g->rows[i]);
}

static tarn_code note_batch(tarn_cx *cx, tarn_column all, int64_t length, gone *g) {
    tarn_column files = tarn_column_child(all, 0), rows = tarn_column_child(all, 1),
                actions = tarn_column_child(all, 2);
    int64_t run[RUN];
    for (int64_t i = 0; i < length;) {
        if (tarn_column_null(files, i) || tarn_column_null(rows, i))
            return tarn_fail(cx, TARN_INTERNAL, "an action on a row that is in no file");
        int64_t file = tarn_column_int(files, i);
        size_t k = 0;
        if (file < 0 || (uint64_t)file >= g->n)
            return tarn_fail(cx, TARN_INTERNAL, "an action on a row of file %lld, which the scan lacks",
                             (long long)file);
        for (; i < length && k < RUN && !tarn_column_null(files, i) && tarn_column_int(files, i) == file; i++) {
            run[k++] = tarn_column_int(rows, i);
            *(tarn_column_int(actions, i) == TARN_ACTION_UPDATE ? &g->updated : &g->deleted) += 1;
        }
        if (!g->rows[file]) g->rows[file] = tarn_roaring64_new();
        tarn_roaring64_add_many(g->rows[file], run, k);
        g->counted[file] += (int64_t)k;
    }
    return TARN_OK;
}

static tarn_code note_rows(tarn_cx *cx, tarn_conn *conn, const char *from, gone *g) {
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(tarn_conn_query(cx, conn,
                        tarn_printf(cx,
                                    "SELECT CAST(" TARN_FILE_COLUMN " AS BIGINT), CAST(" TARN_ROW_COLUMN
                                    " AS BIGINT), CAST(" TARN_ACTION_COLUMN
                                    " AS BIGINT) FROM %s WHERE " TARN_ACTION_COLUMN " IN (%d, %d)",
                                    from, TARN_ACTION_UPDATE, TARN_ACTION_DELETE),
                        NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_column all = {.schema = tarn_rows_schema(rows), .array = &batch};
        TRY(note_batch(cx, all, batch.length, g));
        TRY(tarn_check(cx));
    }
}

/* A row that was counted twice is in the bitmap once. */
static tarn_code check_duplicates(tarn_cx *cx, const tarn_target *target, const tarn_scan *scan, const gone *g) {
    for (size_t i = 0; i < g->n; i++)
        if (g->rows[i] && (int64_t)tarn_roaring64_cardinality(g->rows[i]) != g->counted[i])
            return tarn_hint(
                cx,
                tarn_fail(cx, TARN_CONSTRAINT, "a row of %s (in file %.*s) matches more than one source row",
                          target->table->name ? target->table->name : target->table->location,
                          (int)scan->files[i]->path.n, scan->files[i]->path.p),
                "make the rows of the source unique in the columns of the condition, with GROUP BY or SELECT DISTINCT");
    return TARN_OK;
}

static tarn_code count_inserts(tarn_cx *cx, tarn_conn *conn, const char *from, int64_t *out) {
    char *text = NULL;
    TRY(tarn_conn_text(
        cx, conn,
        tarn_printf(cx, "SELECT count(*) FROM %s WHERE " TARN_ACTION_COLUMN " = %d", from, TARN_ACTION_INSERT), &text));
    if (!text || !tarn_parse_i64(tarn_str_of(text), out))
        return tarn_fail(cx, TARN_INTERNAL, "cannot count the actions");
    return TARN_OK;
}

/* The new rows as the table takes them. `typed`: with what became of each. */
static tarn_code select_new(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *from, bool typed,
                            const tarn_insert_map *map, char **out, tarn_schema **source) {
    const char *type = !typed ? ""
                              : tarn_printf(cx,
                                            ", CASE " TARN_ACTION_COLUMN
                                            " WHEN %d THEN 'update_postimage' ELSE 'insert' END AS " TARN_CHANGE_TYPE,
                                            TARN_ACTION_UPDATE);
    const char *old = tarn_record_asked(target->base) ? ", " TARN_OLD_COLUMN : "";
    const char *select = tarn_printf(cx,
                                     "SELECT * EXCLUDE (" TARN_FILE_COLUMN ", " TARN_ROW_COLUMN ", " TARN_ACTION_COLUMN
                                     "%s)%s FROM %s WHERE " TARN_ACTION_COLUMN " IN (%d, %d)",
                                     old, type, from, TARN_ACTION_UPDATE, TARN_ACTION_INSERT);
    TRY(tarn_conn_describe(cx, conn, select, cx->arena, source));
    TRY(tarn_write_select(cx, target, select, *source, map, out));
    if (typed) (*source)->n_fields--; /* the type is the last one, and none of the table's columns */
    return TARN_OK;
}

/* What becomes of the files with rows that go: written anew without these rows, or marked. */
typedef struct sorted {
    const tarn_file **files;
    tarn_roaring64 **skip;
    size_t n;
    tarn_row_deletes *marks;
    size_t n_marks;
} sorted;

/* A file that holds mostly deleted rows costs every reader more than its rest costs to copy once: see
 * docs/PERFORMANCE.md. Without its row count a file cannot be marked. */
static bool worth_marking(const tarn_file *file, int64_t going) {
    int64_t live = tarn_file_live_rows(file);
    return file->rows >= 0 && ((live < 0 ? file->rows : live) - going) * LIVE_MIN >= file->rows;
}

static void sort_files(tarn_cx *cx, const tarn_scan *scan, const gone *g, bool mark, sorted *s, tarn_change *change,
                       tarn_dml_result *out) {
    s->files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, g->n);
    s->skip = TARN_NEW_ARRAY(cx->arena, tarn_roaring64 *, g->n);
    s->marks = TARN_NEW_ARRAY(cx->arena, tarn_row_deletes, g->n);
    for (size_t i = 0; i < g->n; i++) {
        if (!g->rows[i]) continue;
        const tarn_file *file = scan->files[i];
        bool all = tarn_file_live_rows(file) >= 0 && tarn_file_live_rows(file) <= g->counted[i];
        if (mark && !all && worth_marking(file, g->counted[i])) {
            s->marks[s->n_marks++] = (tarn_row_deletes){.file = file, .rows = g->rows[i]};
            continue;
        }
        *TARN_PUSH(cx->arena, &change->removes) = file;
        out->files_removed++;
        if (all) continue;
        s->files[s->n] = file;
        s->skip[s->n++] = g->rows[i];
    }
}

static tarn_code mark_rows(tarn_cx *cx, const tarn_target *target, const sorted *s, tarn_change *change) {
    int64_t before = 0;
    if (!s->n_marks) return TARN_OK;
    TRY(target->base->format->write_deletes(cx, target->base, s->marks, s->n_marks, change));
    for (size_t i = 0; i < s->n_marks; i++) {
        const tarn_file *file = s->marks[i].file;
        before += file->deletes != NULL;
        tarn_change_mark(cx->arena, change, file, s->marks[i].descriptor);
    }
    tarn_change_metric(cx->arena, change, "numDeletionVectorsAdded", (int64_t)s->n_marks - before);
    tarn_change_metric(cx->arena, change, "numDeletionVectorsUpdated", before);
    return TARN_OK;
}

/* The new rows are made once where they are recorded too: what gives each row a number may give it another one the
 * second time. */
static tarn_code record(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *from, bool fresh,
                        const tarn_insert_map *map, tarn_change *change, char **select, tarn_schema **source) {
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_target typed;
    char *rows;
    TRY(tarn_record_target(cx, target, &typed));
    tarn_buf_puts(&sql, "SELECT ");
    tarn_write_as(&sql, target->schema, target->base->schema);
    tarn_buf_printf(&sql,
                    ", " TARN_CHANGE_TYPE " FROM (SELECT " TARN_OLD_COLUMN ".*, CASE " TARN_ACTION_COLUMN
                    " WHEN %d THEN 'update_preimage' ELSE 'delete' END AS " TARN_CHANGE_TYPE
                    " FROM %s WHERE " TARN_ACTION_COLUMN " IN (%d, %d))",
                    TARN_ACTION_UPDATE, from, TARN_ACTION_UPDATE, TARN_ACTION_DELETE);
    if (fresh) {
        TRY(select_new(cx, conn, &typed, from, true, map, &rows, source));
        rows = tarn_printf(cx, "CREATE OR REPLACE TEMP TABLE %s AS %s", FEED, rows);
        TRY(tarn_rules_error(cx, tarn_conn_run(cx, conn, rows)));
        tarn_buf_printf(&sql, " UNION ALL SELECT * FROM %s", FEED);
        *select = tarn_printf(cx, "SELECT * EXCLUDE (" TARN_CHANGE_TYPE ") FROM %s", FEED);
    }
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "%s has too many columns", tarn_target_name(target));
    return tarn_record_rows(cx, conn, &typed, sql.data, change);
}

/* One write for the rows that stay and the new ones: where both fall into one partition they share a file. */
static tarn_code write_rows(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const tarn_scan *scan,
                            const char *from, const sorted *r, tarn_change *change, tarn_dml_result *out) {
    tarn_auto(tarn_scan, tarn_scan_done) kept = {0};
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) base = NULL;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    bool fresh = out->updated + out->inserted > 0;
    tarn_insert_map map = {.by_name = true, .explicit_null = true, .counts = out->inserted > 0};
    tarn_schema *source = NULL;
    char *new_rows = "";
    int64_t written = 0;
    size_t before = change->adds.n;
    /* Files that only come or only go tell by themselves which rows did. */
    bool recorded = tarn_record_asked(target->base) && (out->updated || r->n || r->n_marks);
    if (recorded) TRY(record(cx, conn, target, from, fresh, &map, change, &new_rows, &source));
    if (!r->n && !fresh) return TARN_OK;
    if (r->n) {
        TRY(tarn_row_ids_open(cx, target->base, &base));
        TRY(tarn_scan_build(cx, scan->engine, base, r->files, r->n, false, r->skip, &kept));
        tarn_buf_puts(&sql, "SELECT ");
        tarn_write_as(&sql, target->schema, base->schema);
        tarn_buf_printf(&sql, " FROM (%s) AS _tarn_k", kept.sql);
    }
    if (fresh && !recorded) TRY(select_new(cx, conn, target, from, false, &map, &new_rows, &source));
    if (fresh) tarn_buf_printf(&sql, "%s%s", r->n ? " UNION ALL " : "", new_rows);
    if (!tarn_buf_ok(&sql))
        return tarn_fail(cx, TARN_LIMIT,
                         "too many files to change in one statement; add a condition on partition columns");
    TRY(tarn_write_files(cx, conn, target, sql.data, NULL, 0, change, &written));
    if (fresh) TRY(tarn_write_counted(cx, target, source, &map, out->updated + out->inserted, change));
    out->copied = written - out->updated - out->inserted;
    out->files_added = (int64_t)(change->adds.n - before);
    return TARN_OK;
}

tarn_code tarn_dml_apply(tarn_cx *cx, tarn_conn *conn, const tarn_target *into, const tarn_scan *scan,
                         const char *temp_table, tarn_change *change, tarn_dml_result *out) {
    tarn_auto(gone, free_gone) g = {scan->n_files, TARN_NEW_ARRAY(cx->arena, tarn_roaring64 *, scan->n_files),
                                    TARN_NEW_ARRAY(cx->arena, int64_t, scan->n_files), 0, 0};
    const char *from = tarn_sql_name(cx->arena, temp_table);
    tarn_dml_result result = {0};
    sorted s = {0};
    tarn_target moved = *into; /* rows that move keep their ids */
    const tarn_target *target = &moved;
    tarn_row_ids_target(cx, &moved);
    bool mark = target->base && (target->table->format->features & TARN_CAN_ROW_DELETES) &&
                target->table->format->marks_rows(target->base, change);
    TRY(note_rows(cx, conn, from, &g));
    TRY(check_duplicates(cx, target, scan, &g));
    TRY(count_inserts(cx, conn, from, &result.inserted));
    result.updated = g.updated;
    result.deleted = g.deleted;
    sort_files(cx, scan, &g, mark, &s, change, &result);
    TRY(write_rows(cx, conn, target, scan, from, &s, change, &result));
    TRY(mark_rows(cx, target, &s, change));
    change->by_row = mark;
    *out = result;
    return TARN_OK;
}
