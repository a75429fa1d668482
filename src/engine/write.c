/* write.c: rows into Parquet files through DuckDB's COPY, and what it reports of each file. */
#include "base/crypto.h"
#include "engine/internal.h"
#include "store/path.h"

/* FILE_SIZE_BYTES is also what makes COPY choose names in a folder: without a limit it is given one that nothing
 * reaches. */
static const int64_t no_limit = INT64_C(1) << 50;

enum { SQL_MAX = 64 << 20 };

static const char *file_name(const tarn_field *field) { return field->physical ? field->physical : field->name; }

static bool has_ids(const tarn_field *field) {
    if (field->id >= 0) return true;
    for (size_t i = 0; i < field->type->n_fields; i++)
        if (has_ids(&field->type->fields[i])) return true;
    return false;
}

static void put_ids(tarn_buf *sql, const char *name, const tarn_field *field) {
    tarn_buf_sql_name(sql, name);
    if (!field->type->n_fields) return tarn_buf_printf(sql, ": %d", (int)field->id);
    const char *comma = "";
    tarn_buf_puts(sql, ": {");
    if (field->id >= 0) {
        tarn_buf_printf(sql, "__duckdb_field_id: %d", (int)field->id);
        comma = ", ";
    }
    for (size_t i = 0; i < field->type->n_fields; i++) {
        const tarn_field *child = &field->type->fields[i];
        if (!has_ids(child)) continue;
        tarn_buf_puts(sql, comma);
        comma = ", ";
        bool list = field->type->kind == TARN_LIST, map = field->type->kind == TARN_MAP;
        put_ids(sql, list ? "element" : map ? i ? "value" : "key" : file_name(child), child);
    }
    tarn_buf_putc(sql, '}');
}

static bool is_partition(const tarn_write_spec *spec, const char *name) {
    for (size_t i = 0; i < spec->n_partition_by; i++)
        if (tarn_name_eq(spec->partition_by[i], name)) return true;
    return false;
}

static void put_field_ids(tarn_buf *sql, const tarn_write_spec *spec) {
    const char *before = ", FIELD_IDS {";
    for (size_t i = 0; spec->schema && i < spec->schema->n_fields; i++) {
        const tarn_field *field = &spec->schema->fields[i];
        if (!has_ids(field) || (!spec->hold_partitions && is_partition(spec, file_name(field)))) continue;
        tarn_buf_puts(sql, before);
        before = ", ";
        put_ids(sql, file_name(field), field);
    }
    if (before[2] == 0) tarn_buf_putc(sql, '}');
}

/* DuckDB's reader asks a Bloom filter for bytes by their text with escapes, and for 0.0 by its bits: it leaves out row
 * groups that have the value, where equality means rows that are bytes or -0.0. */
static bool misleads_bloom(const tarn_field *f) {
    if (f->type->kind == TARN_BINARY || f->type->kind == TARN_FIXED) return true;
    if (f->type->kind == TARN_FLOAT32 || f->type->kind == TARN_FLOAT64) return true;
    for (size_t i = 0; i < f->type->n_fields; i++)
        if (misleads_bloom(&f->type->fields[i])) return true;
    return false;
}

static bool allows_bloom(const tarn_write_spec *spec) {
    for (size_t i = 0; spec->schema && i < spec->schema->n_fields; i++)
        if (misleads_bloom(&spec->schema->fields[i])) return false;
    return spec->schema != NULL;
}

typedef tarn_write_target target;

static tarn_code copy_sql(tarn_cx *cx, const target *to, char **out) {
    const tarn_write_spec *spec = to->spec;
    tarn_auto_buf sql = TARN_BUF(SQL_MAX);
    tarn_buf_printf(&sql, "COPY (%s\n) TO ", spec->select);
    tarn_buf_sql_string(&sql, to->file ? tarn_printf(cx, "%s/%s", to->directory, to->file) : to->directory);
    tarn_buf_printf(&sql, " (FORMAT parquet, RETURN_STATS, %sCOMPRESSION ", to->file ? "" : "APPEND, ");
    const char *compression = spec->compression ? spec->compression : "zstd";
    tarn_buf_sql_string(&sql, compression);
    /* Level 3, DuckDB's default, takes a quarter more CPU for files a tenth smaller. */
    if (strcmp(compression, "zstd") == 0) tarn_buf_puts(&sql, ", COMPRESSION_LEVEL 1");
    if (!allows_bloom(spec)) tarn_buf_puts(&sql, ", WRITE_BLOOM_FILTER false");
    if (!to->file) {
        tarn_buf_puts(&sql, ", FILENAME_PATTERN ");
        tarn_buf_sql_string(&sql, tarn_printf(cx, "%s{uuidv7}", to->prefix));
    }
    for (size_t i = 0; i < spec->n_partition_by; i++) {
        tarn_buf_puts(&sql, i ? ", " : ", PARTITION_BY (");
        tarn_buf_sql_name(&sql, spec->partition_by[i]);
    }
    if (spec->n_partition_by)
        tarn_buf_puts(&sql, spec->hold_partitions ? "), WRITE_PARTITION_COLUMNS true" : ")");
    else if (!to->file)
        tarn_buf_printf(&sql, ", FILE_SIZE_BYTES %lld", (long long)(spec->file_size > 0 ? spec->file_size : no_limit));
    put_field_ids(&sql, spec);
    tarn_buf_putc(&sql, ')');
    char *text = tarn_buf_take(&sql, cx->arena);
    if (!text) return tarn_fail(cx, TARN_LIMIT, "the statement that writes the rows is longer than %d bytes", SQL_MAX);
    *out = text;
    return TARN_OK;
}

/* "st"."p" to st.p. */
static char *plain_path(tarn_arena *arena, tarn_str quoted) {
    char *out = tarn_arena_strndup(arena, quoted.p, quoted.n);
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < quoted.n; i++) {
        if (quoted.p[i] == '"' && inside && i + 1 < quoted.n && quoted.p[i + 1] == '"')
            i++;
        else if (quoted.p[i] == '"') {
            inside = !inside;
            continue;
        }
        out[n++] = quoted.p[i];
    }
    out[n] = 0;
    return out;
}

static const char *copy_str(tarn_arena *arena, tarn_column c, int64_t row) {
    if (tarn_column_null(c, row)) return NULL;
    tarn_str s = tarn_column_str(c, row);
    return tarn_arena_strndup(arena, s.p, s.n);
}

/* A bound that has a zero byte is none: as a C string it would be cut, and a cut maximum bounds nothing. */
static const char *copy_bound(tarn_arena *arena, tarn_column c, int64_t row) {
    const char *text = copy_str(arena, c, row);
    return text && strlen(text) == tarn_column_str(c, row).n ? text : NULL;
}

static void read_leaf(tarn_arena *arena, tarn_column pairs, int64_t begin, int64_t end, tarn_written_leaf *leaf) {
    tarn_column keys = tarn_column_child(pairs, 0), values = tarn_column_child(pairs, 1);
    for (int64_t i = begin; i < end; i++) {
        tarn_str key = tarn_column_str(keys, i), value = tarn_column_str(values, i);
        if (tarn_str_is(key, "min"))
            leaf->min = copy_bound(arena, values, i);
        else if (tarn_str_is(key, "max"))
            leaf->max = copy_bound(arena, values, i);
        else if (tarn_str_is(key, "null_count") && !tarn_parse_i64(value, &leaf->nulls))
            leaf->nulls = -1;
        else if (tarn_str_is(key, "num_values") && !tarn_parse_i64(value, &leaf->values))
            leaf->values = 0;
        else if (tarn_str_is(key, "column_size_bytes") && !tarn_parse_i64(value, &leaf->size))
            leaf->size = 0;
        else if (tarn_str_is(key, "has_nan")) {
            leaf->has_nan_known = true;
            leaf->has_nan = !tarn_str_is(value, "false");
        }
    }
}

static void read_leaves(tarn_arena *arena, tarn_column stats, int64_t row, tarn_written_file *file) {
    int64_t begin, end;
    tarn_column entries = tarn_column_list(stats, row, &begin, &end);
    tarn_column paths = tarn_column_child(entries, 0), maps = tarn_column_child(entries, 1);
    tarn_written_leaf *leaves = TARN_NEW_ARRAY(arena, tarn_written_leaf, (size_t)(end - begin));
    for (int64_t i = begin; i < end; i++) {
        tarn_written_leaf *leaf = &leaves[i - begin];
        int64_t from, to;
        leaf->path = plain_path(arena, tarn_column_str(paths, i));
        leaf->nulls = -1;
        tarn_column pairs = tarn_column_list(maps, i, &from, &to);
        read_leaf(arena, pairs, from, to, leaf);
    }
    file->leaves = leaves;
    file->n_leaves = (size_t)(end - begin);
}

static tarn_code read_partition(tarn_cx *cx, tarn_column all, int64_t row, const tarn_write_spec *spec,
                                tarn_written_file *file) {
    int64_t begin, end;
    tarn_column entries = tarn_column_list(all, row, &begin, &end);
    tarn_column keys = tarn_column_child(entries, 0), values = tarn_column_child(entries, 1);
    const char **partition = TARN_NEW_ARRAY(cx->arena, const char *, spec->n_partition_by);
    for (int64_t i = begin; i < end; i++) {
        const char *key = copy_str(cx->arena, keys, i);
        for (size_t k = 0; key && k < spec->n_partition_by; k++) {
            if (!tarn_name_eq(spec->partition_by[k], key)) continue;
            partition[k] = copy_str(cx->arena, values, i);
            if (partition[k] && strlen(partition[k]) != tarn_column_str(values, i).n)
                return tarn_fail(cx, TARN_UNSUPPORTED, "partition column %s cannot hold text with a zero byte", key);
        }
    }
    file->partition = partition;
    return TARN_OK;
}

typedef tarn_written_files written_files;

static const char *key_of(tarn_cx *cx, const target *to, const char *path) {
    return tarn_path_join(cx->arena, to->spec->folder, path);
}

static tarn_code read_file(tarn_cx *cx, tarn_column all, int64_t row, const target *to, written_files *files) {
    const tarn_write_spec *spec = to->spec;
    const char *name = copy_str(cx->arena, tarn_column_named(all, "filename"), row);
    size_t n = strlen(to->directory);
    if (!name || strncmp(name, to->directory, n) != 0)
        return tarn_fail(cx, TARN_INTERNAL, "COPY wrote %s, which is not in %s", name ? name : "?", to->directory);
    const char *path = name + n;
    while (*path == '/') path++;
    int64_t rows = tarn_column_int(tarn_column_named(all, "count"), row);
    if (rows == 0) {
        const char *key = key_of(cx, to, path);
        return tarn_store_remove(cx, spec->store, &key, 1);
    }
    tarn_written_file *file = TARN_PUSH(cx->arena, files);
    *file = (tarn_written_file){
        .path = path, .rows = rows, .size = tarn_column_int(tarn_column_named(all, "file_size_bytes"), row)};
    read_leaves(cx->arena, tarn_column_named(all, "column_statistics"), row, file);
    if (!spec->n_partition_by) return TARN_OK;
    return read_partition(cx, tarn_column_named(all, "partition_keys"), row, spec, file);
}

static tarn_code read_report(tarn_cx *cx, tarn_rows *rows, const target *to, written_files *files) {
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_column all = {.schema = tarn_rows_schema(rows), .array = &batch};
        for (int64_t row = 0; row < batch.length; row++) TRY(read_file(cx, all, row, to, files));
    }
}

static tarn_code remove_written(tarn_cx *cx, const target *to) {
    bool deep = to->spec->n_partition_by > 0;
    tarn_list_spec spec = {.prefix = key_of(cx, to, deep ? "" : to->prefix),
                           .recursive = deep,
                           .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES)};
    tarn_entry_list found = {0};
    if (deep && *spec.prefix) spec.prefix = tarn_printf(cx, "%s/", spec.prefix);
    TRY(tarn_store_list(cx, to->spec->store, &spec, cx->arena, &found));
    const char **keys = TARN_NEW_ARRAY(cx->arena, const char *, found.n);
    size_t n = 0;
    for (size_t i = 0; i < found.n; i++) {
        const char *slash = strrchr(found.at[i].key, '/'), *name = slash ? slash + 1 : found.at[i].key;
        if (strncmp(name, to->prefix, strlen(to->prefix)) == 0) keys[n++] = found.at[i].key;
    }
    return tarn_store_remove(cx, to->spec->store, keys, n);
}

/* Files of a call that failed have its unique prefix. Folders stay: another writer may be about to use them. What
 * cannot be removed now is VACUUM's; a statement that was stopped has no time left of its own. */
static void clean_up(tarn_cx *cx, const target *to) {
    enum { PATIENCE_US = 10000000 };
    tarn_cx quiet = *cx;
    quiet.cancel = NULL;
    quiet.deadline_us = tarn_monotonic_us() + PATIENCE_US;
    if (remove_written(&quiet, to) != TARN_OK) tarn_clear_error(&quiet);
}

tarn_code tarn_write_copy(tarn_cx *cx, tarn_conn *conn, const target *to, written_files *files) {
    const tarn_write_spec *spec = to->spec;
    char *sql;
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(copy_sql(cx, to, &sql));
    tarn_code code = tarn_conn_query(cx, conn, sql, spec->binds, spec->n_binds, &rows);
    if (conn->error_at >= 0) conn->error_at -= (int64_t)strlen("COPY (");
    if (conn->error_at < 0) conn->error_at = -1;
    TRY(code);
    return read_report(cx, rows, to, files);
}

/* DuckDB puts partitions' values into the names of folders: file systems and object stores take up to a length, and
 * not all of these say so. */
static bool is_too_long(const tarn_cx *cx, tarn_code code, const written_files *files) {
    enum { PATH_LIMIT = 800 };
    bool found = code != TARN_OK &&
                 (strstr(cx->error.message, "Failed to create directory") || strstr(cx->error.message, "KeyTooLong"));
    for (size_t i = 0; code == TARN_OK && i < files->n && !found; i++) found = strlen(files->at[i].path) > PATH_LIMIT;
    return found;
}

tarn_code tarn_engine_write(tarn_cx *cx, tarn_conn *conn, const tarn_write_spec *spec, tarn_written_file **out,
                            size_t *n) {
    unsigned char bytes[4];
    char hex[2 * sizeof bytes + 1];
    written_files files = {0};
    target to = {.spec = spec};
    tarn_random(cx, bytes, sizeof bytes);
    tarn_hex(bytes, sizeof bytes, hex);
    to.prefix = tarn_printf(cx, "%s%s-", spec->file_prefix ? spec->file_prefix : "part-", hex);
    TRY(tarn_store_folder(cx, spec->store, spec->folder));
    TRY(tarn_engine_path(cx, conn->engine, spec->store, spec->folder, cx->arena, &to.directory));
    tarn_code code = spec->order_by ? tarn_write_sorted(cx, conn, &to, &files) : tarn_write_copy(cx, conn, &to, &files);
    if (spec->n_partition_by && !spec->order_by && is_too_long(cx, code, &files)) {
        clean_up(cx, &to);
        tarn_clear_error(cx);
        files = (written_files){0};
        code = tarn_write_sorted(cx, conn, &to, &files); /* it chooses the folders itself */
    }
    if (code != TARN_OK) {
        clean_up(cx, &to);
        return code;
    }
    *out = files.at;
    *n = files.n;
    return TARN_OK;
}
