/* write.c: the rows of a query into data files of a table, with statistics, as adds of a change set. */
#include "table/write.h"

#include "base/map.h"
#include "table/partition.h"
#include "table/rules.h"
#include "table/scan_columns.h"
#include "table/write_into.h"

/* Longer texts may be cut: the maximum is then raised to stay a bound (DuckDB's Parquet writer, 256 bytes). */
enum { EXACT_TEXT_MAX = 255, SQL_MAX = 1 << 26 };

static const char *file_name(const tarn_field *f) { return f->physical ? f->physical : f->name; }

static bool is_partition(const tarn_target *target, const tarn_field *f) {
    for (size_t i = 0; i < target->n_partition_by; i++)
        if (tarn_name_eq(target->partition_by[i].column, f->name)) return true;
    return false;
}

static bool holds_partitions(const tarn_target *target) {
    return target->table->format->features & TARN_HOLDS_PARTITIONS;
}

/* The leaves of a schema whose statistics are kept: not those below lists and maps. */
typedef struct leaf {
    const tarn_field *field;
    const char *in_files, *logical;
} leaf;

typedef TARN_VEC(leaf) leaf_list;

static void add_leaves(tarn_arena *arena, const tarn_type *type, const char *in_files, const char *logical,
                       leaf_list *out) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        leaf l = {f, file_name(f), f->name};
        if (in_files)
            l = (leaf){f, tarn_arena_printf(arena, "%s.%s", in_files, file_name(f)),
                       tarn_arena_printf(arena, "%s.%s", logical, f->name)};
        if (f->type->kind == TARN_STRUCT)
            add_leaves(arena, f->type, l.in_files, l.logical, out);
        else if (!tarn_type_nested(f->type))
            *TARN_PUSH(arena, out) = l;
    }
}

/* By path; a path that two leaves share ("a.b" and b in a) says nothing of either. */
static void index_leaves(tarn_arena *arena, const leaf_list *leaves, tarn_map *out) {
    for (size_t i = 0; i < leaves->n; i++) {
        tarn_str path = tarn_str_of(leaves->at[i].in_files);
        if (tarn_map_put(out, arena, path, &leaves->at[i])) tarn_map_put(out, arena, path, NULL);
    }
}

static bool parse_bound(tarn_cx *cx, const char *text, const tarn_type *type, bool *exact, tarn_value *out) {
    bool blob = type->kind == TARN_BINARY || type->kind == TARN_FIXED || type->kind == TARN_VARIANT;
    if (!text || blob) return false;
    tarn_str s = {tarn_arena_strdup(cx->arena, text), strlen(text)};
    if (s.n > EXACT_TEXT_MAX) *exact = false;
    return tarn_value_parse(s, type, cx->arena, out);
}

static void read_stats(tarn_cx *cx, const tarn_written_file *file, const tarn_map *leaves, tarn_add *add) {
    tarn_leaf_stats *stats = TARN_NEW_ARRAY(cx->arena, tarn_leaf_stats, file->n_leaves);
    size_t n = 0;
    for (size_t i = 0; i < file->n_leaves; i++) {
        const tarn_written_leaf *w = &file->leaves[i];
        const leaf *l = tarn_map_get(leaves, tarn_str_of(w->path));
        if (!l) continue;
        bool floats = l->field->type->kind == TARN_FLOAT32 || l->field->type->kind == TARN_FLOAT64;
        tarn_bounds b = {.exact = true, .rows = file->rows, .nulls = w->nulls};
        b.has_min = parse_bound(cx, w->min, l->field->type, &b.exact, &b.min);
        b.has_max = parse_bound(cx, w->max, l->field->type, &b.exact, &b.max);
        b.maybe_nan = floats && (w->has_nan || !w->has_nan_known);
        b.exact = b.exact && !b.maybe_nan && b.has_min && b.has_max;
        stats[n++] = (tarn_leaf_stats){l->field, l->logical, b, w->values, w->size};
    }
    add->stats = stats;
    add->n_stats = n;
}

/* The columns named as in files, and the schema of what is in them: partition columns are not. */
static tarn_code put_physical(tarn_cx *cx, const tarn_target *target, const char *select,
                              const tarn_partition_columns *partitions, tarn_buf *out, tarn_schema **files) {
    const tarn_schema *schema = target->schema;
    tarn_schema *copy = tarn_type_new(cx->arena, TARN_STRUCT);
    copy->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, schema->n_fields);
    const char *comma = "";
    tarn_buf_puts(out, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const tarn_field *f = &schema->fields[i];
        if (f->type->kind == TARN_VOID) continue; /* never materialised */
        bool apart = is_partition(target, f) && !holds_partitions(target);
        if (!partitions && apart) continue;
        tarn_buf_puts(out, comma);
        comma = ", ";
        tarn_rename_members(cx->arena, out, tarn_sql_name(cx->arena, f->name), f->type, true);
        tarn_buf_puts(out, " AS ");
        tarn_buf_sql_name(out, file_name(f));
        if (apart) continue;
        tarn_field *to = &copy->fields[copy->n_fields++];
        *to = *f;
        to->name = file_name(f);
        to->type = tarn_type_in_files(cx->arena, f->type);
    }
    if (!copy->n_fields)
        return tarn_fail(cx, TARN_INVALID, "table %s has no column that is stored: all are partition columns or void",
                         tarn_target_name(target));
    if (partitions && partitions->apart) TRY(tarn_partition_select(cx, target, partitions, out));
    tarn_buf_printf(out, " FROM (%s\n) AS " TARN_ROWS, select);
    if (out->failed)
        return tarn_fail(cx, TARN_LIMIT, "the statement that writes to %s is too long", tarn_target_name(target));
    *files = copy;
    return TARN_OK;
}

static tarn_code count_partitions(tarn_cx *cx, const tarn_target *target, const tarn_written_file *files, size_t n) {
    int64_t max = tarn_conf_int(cx->conf, TARN_WRITE_PARTITIONS_MAX), found = 0;
    tarn_map seen = {0};
    for (size_t i = 0; target->n_partition_by && i < n; i++) {
        tarn_auto_buf key = TARN_BUF(1 << 20);
        for (size_t k = 0; k < target->n_partition_by; k++) {
            const char *text = files[i].partition[k];
            tarn_buf_putc(&key, text ? 'v' : 'n');
            tarn_buf_add(&key, text ? text : "", text ? strlen(text) + 1 : 1);
        }
        tarn_str name = {tarn_arena_strndup(cx->arena, key.data, key.n), key.n};
        found += !tarn_map_put(&seen, cx->arena, name, cx);
    }
    if (found <= max) return TARN_OK;
    return tarn_fail(cx, TARN_LIMIT,
                     "the rows for %s fall into %lld partitions, more than write.partitions_max, %lld: partition by "
                     "fewer values, or raise it",
                     tarn_target_name(target), (long long)found, (long long)max);
}

static tarn_code add_files(tarn_cx *cx, const tarn_target *target, const tarn_partition_folder *into,
                           const char *folder, const tarn_written_file *files, size_t n, tarn_change *change,
                           int64_t *rows) {
    leaf_list leaves = {0};
    tarn_map by_path = {0};
    int64_t now = tarn_now_ms(cx);
    add_leaves(cx->arena, target->schema, NULL, NULL, &leaves);
    index_leaves(cx->arena, &leaves, &by_path);
    *rows = 0;
    for (size_t i = 0; i < n; i++) {
        tarn_add *add = TARN_PUSH(cx->arena, &change->adds);
        *add = (tarn_add){.size = files[i].size, .rows = files[i].rows, .mtime_ms = now};
        add->path = tarn_printf(cx, "%s%s%s", folder, *folder ? "/" : "", files[i].path);
        if (into)
            add->partition = into->values;
        else
            TRY(tarn_partition_read(cx, target, &files[i], add));
        read_stats(cx, &files[i], &by_path, add);
        *rows += files[i].rows;
    }
    return into ? TARN_OK : count_partitions(cx, target, files, n);
}

static void remove_adds(tarn_cx *cx, const tarn_table *table, tarn_change *change, size_t from) {
    size_t all = change->adds.n + change->recorded.n + change->written.n;
    const char **keys = TARN_NEW_ARRAY(cx->arena, const char *, all);
    tarn_error was = cx->error;
    size_t n = 0;
    for (size_t i = from; i < change->adds.n; i++) {
        const tarn_add *add = &change->adds.at[i];
        if (!add->from && !add->found && add->path) keys[n++] = add->path;
    }
    for (size_t i = 0; from == 0 && i < change->written.n; i++) keys[n++] = change->written.at[i];
    for (size_t i = 0; from == 0 && i < change->recorded.n; i++) keys[n++] = change->recorded.at[i].path;
    if (from == 0) change->written.n = change->recorded.n = 0;
    change->adds.n = from;
    if (n && tarn_store_remove(cx, table->store, keys, n) != TARN_OK) cx->error = was; /* VACUUM finds what stays */
}

/* DuckDB makes text of a partition's value, and says of bytes that are none only that they are none. */
static tarn_code explain_bytes(tarn_cx *cx, const tarn_target *target, tarn_code code) {
    if (code != TARN_INVALID || !strstr(cx->error.message, "Invalid unicode")) return code;
    for (size_t i = 0; i < target->n_partition_by; i++) {
        int at = tarn_schema_find(target->schema, tarn_str_of(target->partition_by[i].column));
        if (at >= 0 && target->schema->fields[at].type->kind == TARN_BINARY)
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "partition column %s of %s cannot hold bytes that are no text (UTF-8): partition by "
                             "hex(…) of them",
                             target->partition_by[i].column, tarn_target_name(target));
    }
    return code;
}

/* `into` NULL: the writer sorts rows into partitions. */
static tarn_code write_files(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                             const tarn_partition_folder *into, tarn_write_spec *spec, tarn_change *change,
                             int64_t *rows) {
    tarn_auto_buf sql = TARN_BUF(SQL_MAX), order = TARN_BUF(SQL_MAX);
    tarn_schema *in_files;
    tarn_written_file *files = NULL;
    tarn_partition_columns partitions;
    const tarn_format *format = target->table->format;
    const char *folder = into ? into->folder : target->folder ? target->folder : format->data_folder;
    size_t n = 0, first = change->adds.n;
    int64_t written = 0;
    TRY(tarn_partition_plan(cx, target, &partitions));
    TRY(put_physical(cx, target, select, into ? NULL : &partitions, &sql, &in_files));
    if (!into || !into->ordered) TRY(tarn_order_select(cx, target, &order));
    spec->order_by = order.n ? order.data : NULL;
    spec->store = target->table->store;
    spec->folder = folder;
    spec->select = sql.data;
    spec->file_prefix = target->prefix ? target->prefix : format->data_prefix;
    spec->partition_by = partitions.names;
    spec->n_partition_by = into ? 0 : target->n_partition_by;
    spec->hold_partitions = holds_partitions(target) && !partitions.apart;
    spec->schema = in_files;
    spec->compression = tarn_target_compression(cx, target);
    spec->file_size = into ? into->file_size : tarn_target_file_size(cx, target, TARN_WRITE_FILE_SIZE);
    TRY(explain_bytes(cx, target, tarn_rules_error(cx, tarn_engine_write(cx, conn, spec, &files, &n))));
    tarn_code code = add_files(cx, target, into, folder, files, n, change, &written);
    for (size_t i = first; i < change->adds.n; i++) change->adds.at[i].sorted = spec->order_by != NULL;
    if (code != TARN_OK)
        remove_adds(cx, target->table, change, first);
    else
        *rows = written;
    return code;
}

tarn_code tarn_write_files(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                           const tarn_bind *binds, size_t n_binds, tarn_change *change, int64_t *rows) {
    tarn_write_spec spec = {.binds = binds, .n_binds = n_binds};
    return write_files(cx, conn, target, select, NULL, &spec, change, rows);
}

tarn_code tarn_write_into(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                          const tarn_partition_folder *into, tarn_change *change, int64_t *rows) {
    tarn_write_spec spec = {0};
    return write_files(cx, conn, target, select, into, &spec, change, rows);
}

void tarn_write_abandon(tarn_cx *cx, const tarn_table *table, tarn_change *change) {
    remove_adds(cx, table, change, 0);
}
