/* metadata.c: the metadata tables every format has. */
#include "session/metadata.h"

#include <stdlib.h>

#include "base/map.h"

enum { FILES_AT_ONCE = 2048 };

static void put_int(tarn_rowset *rows, int64_t value, int64_t unknown) {
    if (value == unknown)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, value);
}

static void put_partition(tarn_buf *out, const tarn_snapshot *s, const tarn_value *values) {
    for (size_t i = 0; i < s->n_partition; i++) {
        tarn_buf_puts(out, i ? "/" : "");
        tarn_buf_printf(out, "%s=", s->partition[i].name);
        if (values[i].null)
            tarn_buf_puts(out, "null");
        else
            tarn_transform_text(out, s->partition[i].transform, &values[i]);
    }
}

/* day=2026-01-01/cat=null */
static const char *partition_text(tarn_cx *cx, const tarn_snapshot *s, const tarn_file *file) {
    tarn_auto_buf out = TARN_BUF(1 << 20);
    put_partition(&out, s, file->partition);
    return s->n_partition ? tarn_buf_take(&out, cx->arena) : NULL;
}

/* The files of a snapshot, for t.files: a table may have a million. */
typedef struct all_files {
    tarn_snapshot *snapshot;
    tarn_arena *arena; /* of the list and this */
    tarn_file_list list;
} all_files;

/* One reading of them, some at a time. */
typedef struct file_feed {
    const all_files *all;
    size_t at;
    const tarn_value *last; /* what `text` says; files share their partition's values */
    tarn_buf text;
} file_feed;

static void end_files(void *state) {
    file_feed *f = state;
    tarn_buf_free(&f->text);
    free(f);
}

static void more_files(void *state, tarn_rowset *rows) {
    file_feed *f = state;
    const tarn_snapshot *snapshot = f->all->snapshot;
    for (size_t n = 0; n < FILES_AT_ONCE && f->at < f->all->list.files.n; n++) {
        const tarn_file *file = f->all->list.files.at[f->at++];
        if (file->partition != f->last) {
            tarn_buf_clear(&f->text);
            put_partition(&f->text, snapshot, file->partition);
            f->last = file->partition;
        }
        bool partitioned = snapshot->n_partition && !f->text.failed;
        tarn_rowset_str(rows, file->path);
        tarn_rowset_str(rows, partitioned ? (tarn_str){f->text.data, f->text.n} : (tarn_str){0});
        tarn_rowset_int(rows, file->size);
        put_int(rows, file->mtime_ms < 0 ? -1 : file->mtime_ms * 1000, -1);
        put_int(rows, file->rows, -1);
        put_int(rows, file->deletes ? file->deletes->rows : 0, -1);
    }
}

static void open_files(void *state, struct ArrowArrayStream *out) {
    static const tarn_rowset_column columns[] = {{"path", "u"},         {"partition", "u"},
                                                 {"size_bytes", "l"},   {"modified_at", "tsu:UTC"},
                                                 {"record_count", "l"}, {"deleted_rows", "l"}};
    tarn_rowset *rows = tarn_rowset_new(columns, sizeof columns / sizeof *columns);
    file_feed *feed = calloc(1, sizeof *feed);
    if (!feed) abort();
    *feed = (file_feed){.all = state, .text = TARN_BUF(1 << 20)};
    tarn_rowset_feed(rows, more_files, end_files, feed);
    tarn_rowset_open(rows, out);
}

static void free_files(void *state) {
    all_files *all = state;
    tarn_snapshot_release(all->snapshot);
    tarn_arena_free(all->arena);
}

static tarn_code file_source(tarn_cx *cx, const tarn_opened *opened, tarn_row_source *out) {
    tarn_auto(tarn_cx, tarn_cx_done) own = {0};
    tarn_cx_fork(cx, &own);
    all_files *all = TARN_NEW(own.arena, all_files);
    tarn_code code = tarn_snapshot_files(&own, opened->snapshot, NULL, &all->list);
    if (code != TARN_OK) return tarn_cx_join(cx, &own, code);
    all->snapshot = tarn_snapshot_retain(opened->snapshot);
    all->arena = own.arena;
    own.arena = NULL;
    *out = (tarn_row_source){open_files, free_files, all};
    return TARN_OK;
}

tarn_code tarn_metadata_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                                tarn_rowset **out) {
    static const tarn_rowset_column columns[] = {
        {"version", "l"},         {"timestamp", "tsu:UTC"},      {"user_name", "u"},
        {"operation", "u"},       {"operation_parameters", "u"}, {"read_version", "l"},
        {"isolation_level", "u"}, {"is_blind_append", "b"},      {"operation_metrics", "u"},
        {"user_metadata", "u"},   {"engine_info", "u"}};
    tarn_history_entry *entries;
    size_t n;
    TRY(tarn_table_history(cx, table, ref, limit, &entries, &n));
    tarn_rowset *rows = tarn_rowset_new(columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < n; i++) {
        const tarn_history_entry *e = &entries[i];
        tarn_rowset_int(rows, e->version);
        tarn_rowset_int(rows, e->timestamp_ms * 1000);
        tarn_rowset_text(rows, e->user);
        tarn_rowset_text(rows, e->operation);
        tarn_rowset_text(rows, e->parameters);
        put_int(rows, e->read_version, -1);
        tarn_rowset_text(rows, e->isolation);
        put_int(rows, e->blind_append, -1);
        tarn_rowset_text(rows, e->metrics);
        tarn_rowset_text(rows, e->message);
        tarn_rowset_text(rows, e->engine);
    }
    *out = rows;
    return TARN_OK;
}

static tarn_code history_rows(tarn_cx *cx, const tarn_opened *opened, tarn_rowset **out) {
    return tarn_metadata_history(cx, opened->table, NULL, 0, out);
}

static tarn_code partition_rows(tarn_cx *cx, const tarn_opened *opened, tarn_rowset **out) {
    static const tarn_rowset_column columns[] = {
        {"partition", "u"}, {"files", "l"}, {"size_bytes", "l"}, {"record_count", "l"}};
    typedef struct totals {
        const char *name;
        int64_t files, bytes, rows;
    } totals;
    TARN_VEC(totals) all = {0};
    tarn_file_list list = {0};
    tarn_map seen = {0};
    TRY(tarn_snapshot_files(cx, opened->snapshot, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++) {
        const tarn_file *file = list.files.at[i];
        const char *name = partition_text(cx, opened->snapshot, file);
        if (!name) name = "";
        size_t at = (size_t)(uintptr_t)tarn_map_get(&seen, tarn_str_of(name));
        if (!at) {
            TARN_PUSH(cx->arena, &all)->name = name;
            at = all.n;
            tarn_map_put(&seen, cx->arena, tarn_str_of(name), (void *)(uintptr_t)at);
        }
        totals *t = &all.at[at - 1];
        t->files++;
        t->bytes += file->size;
        if (tarn_file_live_rows(file) < 0 || t->rows < 0)
            t->rows = -1;
        else
            t->rows += tarn_file_live_rows(file);
    }
    tarn_rowset *rows = tarn_rowset_new(columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < all.n; i++) {
        tarn_rowset_text(rows, all.at[i].name);
        tarn_rowset_int(rows, all.at[i].files);
        tarn_rowset_int(rows, all.at[i].bytes);
        put_int(rows, all.at[i].rows, -1);
    }
    *out = rows;
    return TARN_OK;
}

static const tarn_metadata_table tables[] = {
    {"files", .source = file_source}, {"history", .rows = history_rows}, {"partitions", .rows = partition_rows}};

const tarn_metadata_table *tarn_metadata_find(const char *name) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tarn_name_eq(name, tables[i].name)) return &tables[i];
    return NULL;
}
