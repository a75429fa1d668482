/* add_files.c: the procedure that makes Parquet files a table's own where they lie. */
#include "base/map.h"
#include "net/url.h"
#include "stmt/call/call.h"
#include "stmt/call/footers.h"
#include "store/path.h"

typedef TARN_VEC(tarn_found) found_list;

typedef struct adding {
    const char *folder; /* absolute */
    const tarn_option_pairs *filter;
    bool check_duplicates;
    int64_t files, partitions; /* out */
} adding;

static tarn_code take_source(tarn_cx *cx, const char *text, const char **out) {
    tarn_tokens tokens;
    tarn_name name;
    TRY(tarn_lex(cx, tarn_str_of(text), &tokens));
    tarn_cursor c = {&tokens, 0};
    TRY(tarn_prefix(cx, tarn_parse_name(cx, &c, &name), "source_table"));
    TRY(tarn_prefix(cx, tarn_expect_end(cx, &c), "source_table"));
    if (!name.path || name.n_parts != 1 || !tarn_name_eq(name.part[0], "parquet"))
        return tarn_fail(cx, TARN_INVALID, "source_table is '`parquet`.`/a/folder`', not '%s'", text);
    return tarn_session_absolute(cx, name.path, out);
}

static const char *table_name(const tarn_opened *opened) {
    return opened->table->name ? opened->table->name : opened->table->location;
}

/* PARTITIONS. */

static const tarn_field *source_of(const tarn_opened *opened, size_t i) {
    return &opened->snapshot->schema->fields[opened->snapshot->partition[i].column];
}

/* Only values themselves are in the names of folders. */
static tarn_code check_spec(tarn_cx *cx, const tarn_opened *opened, const adding *a) {
    const tarn_snapshot *s = opened->snapshot;
    for (size_t i = 0; i < s->n_partition; i++)
        if (s->partition[i].transform != TARN_IDENTITY || s->partition[i].path)
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "%s is partitioned by a transform of %s; files are added to partitions by columns alone",
                             table_name(opened), source_of(opened, i)->name);
    for (size_t k = 0; k < a->filter->n; k++) {
        size_t i = 0;
        while (i < s->n_partition && !tarn_name_eq(source_of(opened, i)->name, a->filter->at[k].key)) i++;
        if (i == s->n_partition)
            return tarn_fail(cx, TARN_INVALID, "partition_filter: %s is not partitioned by %s", table_name(opened),
                             a->filter->at[k].key);
    }
    return TARN_OK;
}

/* Columns of files without ids are found by the names the table has for them. */
static tarn_code check_names(tarn_cx *cx, const tarn_opened *opened, const tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        if (f->stored)
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_UNSUPPORTED,
                                       "column %s of %s is stored as %s, a name that another column has but for case",
                                       f->name, table_name(opened), f->stored),
                             "ALTER TABLE … RENAME COLUMN first");
        TRY(check_names(cx, opened, f->type));
    }
    return TARN_OK;
}

static tarn_code parse_value(tarn_cx *cx, const tarn_type *type, const char *text, tarn_value *out) {
    *out = (tarn_value){.kind = type->kind, .null = true};
    if (!text || !strcmp(text, "__HIVE_DEFAULT_PARTITION__")) return TARN_OK;
    if (tarn_transform_parse_text(tarn_str_of(text), TARN_IDENTITY, type, cx->arena, out)) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "%s is no value of that column's type", text);
}

static tarn_code other_folders(tarn_cx *cx, const tarn_opened *opened, const char *key) {
    tarn_auto_buf wanted = TARN_BUF(1 << 16);
    for (size_t i = 0; i < opened->snapshot->n_partition; i++)
        tarn_buf_printf(&wanted, "%s=…/", source_of(opened, i)->name);
    return tarn_fail(cx, TARN_INVALID, "%s: the files of this table lie in %s", key,
                     wanted.n ? wanted.data : "folders without partitions");
}

/* "a=1/b=x/f.parquet" */
static tarn_code read_partition(tarn_cx *cx, const tarn_opened *opened, const char *key, const tarn_value **out) {
    const tarn_snapshot *s = opened->snapshot;
    tarn_value *values = TARN_NEW_ARRAY(cx->arena, tarn_value, s->n_partition);
    bool *seen = TARN_NEW_ARRAY(cx->arena, bool, s->n_partition);
    size_t n = 0;
    for (const char *at = key, *slash; (slash = strchr(at, '/')); at = slash + 1) {
        const char *eq = memchr(at, '=', (size_t)(slash - at));
        tarn_str text;
        size_t i = 0;
        if (!eq && !s->n_partition) continue;
        if (!eq) return other_folders(cx, opened, key);
        const char *name = tarn_arena_strndup(cx->arena, at, (size_t)(eq - at));
        while (i < s->n_partition && !tarn_name_eq(source_of(opened, i)->name, name)) i++;
        if (i == s->n_partition || seen[i]) return other_folders(cx, opened, key);
        TRY(tarn_url_decode(cx, (tarn_str){eq + 1, (size_t)(slash - eq - 1)}, cx->arena, &text));
        if (memchr(text.p, 0, text.n)) return tarn_fail(cx, TARN_INVALID, "%s: a folder's name holds a zero byte", key);
        const char *value = tarn_arena_strndup(cx->arena, text.p, text.n);
        TRY(tarn_prefix(cx, parse_value(cx, source_of(opened, i)->type, value, &values[i]), "%s", key));
        seen[i] = true;
        n++;
    }
    if (n != s->n_partition) return other_folders(cx, opened, key);
    *out = values;
    return TARN_OK;
}

static tarn_code is_wanted(tarn_cx *cx, const tarn_opened *opened, const adding *a, const tarn_value *values,
                           bool *out) {
    *out = true;
    for (size_t k = 0; k < a->filter->n; k++) {
        tarn_value wanted;
        bool ok;
        size_t i = 0;
        while (!tarn_name_eq(source_of(opened, i)->name, a->filter->at[k].key)) i++;
        TRY(tarn_prefix(cx, parse_value(cx, source_of(opened, i)->type, a->filter->at[k].value, &wanted),
                        "partition_filter"));
        bool same = tarn_value_cmp(&wanted, &values[i], &ok) == 0 && ok;
        *out = *out && (same || (wanted.null && values[i].null));
    }
    return TARN_OK;
}

static tarn_code count_partitions(tarn_cx *cx, const tarn_opened *opened, const found_list *files, int64_t *out) {
    tarn_map seen = {0};
    *out = 0;
    for (size_t i = 0; i < files->n; i++) {
        tarn_str name;
        if (!tarn_values_key(cx->arena, files->at[i].partition, opened->snapshot->n_partition, &name))
            return tarn_fail(cx, TARN_LIMIT, "%s: the partition's values are too long", files->at[i].path);
        *out += !tarn_map_put(&seen, cx->arena, name, cx);
    }
    return TARN_OK;
}

/* FILES. */

/* Notes, checksums and what others are still writing lie about, too. */
static bool is_data(const char *key) {
    size_t n = strlen(key);
    for (const char *p = key; *p; p++) {
        size_t part = strcspn(p, "/");
        bool begins = p == key || p[-1] == '/';
        if (begins && (*p == '.' || (*p == '_' && !memchr(p, '=', part)))) return false;
    }
    return n > 8 && tarn_name_eq(key + n - 8, ".parquet");
}

/* What is below the table's root is named from there. */
static const char *key_of(const tarn_opened *opened, const char *path) {
    const char *root = tarn_store_uri(opened->table->store);
    size_t n = strlen(root);
    return !strncmp(path, root, n) && path[n] == '/' ? path + n + 1 : path;
}

static tarn_code list_files(tarn_cx *cx, const tarn_opened *opened, const adding *a, found_list *out) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    tarn_list_spec all = {
        .prefix = "", .recursive = true, .with_stat = true, .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES)};
    tarn_entry_list list = {0};
    TRY(tarn_store_open(cx, a->folder, &store));
    TRY(tarn_engine_reach(cx, opened->table->engine, store));
    TRY(tarn_store_list(cx, store, &all, cx->arena, &list));
    for (size_t i = 0; i < list.n; i++) {
        const tarn_entry *e = &list.at[i];
        const tarn_value *values = NULL;
        bool wanted;
        if (e->is_folder || !is_data(e->key)) continue;
        TRY(read_partition(cx, opened, e->key, &values));
        TRY(is_wanted(cx, opened, a, values, &wanted));
        if (!wanted) continue;
        tarn_found *file = TARN_PUSH(cx->arena, out);
        *file = (tarn_found){.size = e->size, .mtime_ms = e->mtime_ms, .partition = values};
        TRY(tarn_store_local_path(cx, store, e->key, cx->arena, &file->path));
        file->key = key_of(opened, tarn_path_join(cx->arena, tarn_store_uri(store), e->key));
    }
    if (out->n || a->filter->n) return TARN_OK;
    return tarn_fail(cx, TARN_NOTFOUND, "there are no files *.parquet in %s", a->folder);
}

static tarn_code check_duplicates(tarn_cx *cx, const tarn_opened *opened, const found_list *files) {
    tarn_file_list own = {0};
    tarn_map paths = {0};
    TRY(tarn_snapshot_files(cx, opened->snapshot, NULL, &own));
    for (size_t i = 0; i < own.files.n; i++) {
        tarn_str path = own.files.at[i]->path;
        char *plain;
        if (tarn_str_is(tarn_uri_scheme(path), "file")) {
            TRY(tarn_path_of_uri(cx, path, cx->arena, &plain));
            path = tarn_str_of(key_of(opened, plain));
        }
        tarn_map_put(&paths, cx->arena, path, cx);
    }
    for (size_t i = 0; i < files->n; i++)
        if (tarn_map_get(&paths, tarn_str_of(files->at[i].key)))
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_EXISTS, "%s is one of the table's files already", files->at[i].path),
                             "check_duplicate_files => false adds its rows once more");
    return TARN_OK;
}

static tarn_code plan_add(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    adding *a = state;
    found_list files = {0};
    bool *constants = TARN_NEW_ARRAY(cx->arena, bool, opened->snapshot->schema->n_fields);
    TRY(tarn_call_require(cx, opened, TARN_CAN_FIND, "files that were not written for them"));
    TRY(tarn_snapshot_writable(cx, opened->snapshot));
    if (opened->snapshot->n_checks)
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s has CHECK constraints, which rows in files are not held against",
                         table_name(opened));
    TRY(check_spec(cx, opened, a));
    TRY(check_names(cx, opened, opened->snapshot->schema));
    TRY(list_files(cx, opened, a, &files));
    if (a->check_duplicates) TRY(check_duplicates(cx, opened, &files));
    for (size_t i = 0; i < opened->snapshot->n_partition; i++) constants[opened->snapshot->partition[i].column] = true;
    TRY(tarn_footers_read(cx, opened, files.at, files.n, constants));
    TRY(count_partitions(cx, opened, &files, &a->partitions));
    a->files = (int64_t)files.n;
    change->operation = "ADD FILES";
    change->blind_append = true;
    change->distinct = a->check_duplicates;
    change->by_name = files.n > 0;
    for (size_t i = 0; i < files.n; i++) {
        const tarn_found *f = &files.at[i];
        *TARN_PUSH(cx->arena, &change->adds) = (tarn_add){.path = f->key,
                                                          .size = f->size,
                                                          .rows = f->rows,
                                                          .mtime_ms = f->mtime_ms,
                                                          .partition = f->partition,
                                                          .found = true,
                                                          .stats = f->stats,
                                                          .n_stats = f->n_stats};
    }
    return TARN_OK;
}

static tarn_code run_add_files(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    enum { TABLE, SOURCE, FILTER, CHECK };
    adding a = {.filter = &args[FILTER].map, .check_duplicates = !args[CHECK].given || args[CHECK].n};
    TRY(take_source(cx, args[SOURCE].text, &a.folder));
    TRY(tarn_session_change(cx, run->session, &args[TABLE].table, plan_add, &a, NULL));
    tarn_report report[] = {{"added_files_count", a.files}, {"changed_partition_count", a.partitions}};
    return tarn_stmt_report(cx, run, report, 2);
}

const tarn_procedure tarn_procedure_add_files = {
    .name = "add_files",
    .params = {{"table", TARN_CALL_TABLE, true},
               {"source_table", TARN_CALL_TEXT, true},
               {"partition_filter", TARN_CALL_MAP, false},
               {"check_duplicate_files", TARN_CALL_BOOL, false}},
    .run = run_add_files,
    .help = "Makes the Parquet files of a folder, '`parquet`.`/a/folder`', the table's own where they lie, without a "
            "copy; those of a partitioned table lie in folders a=1/b=x.",
};
