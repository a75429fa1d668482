/* partition.c: how rows find their partitions: the columns a writer splits by, made by transforms where the table is
 * partitioned so, and the values of the files it gives back. */
#include "table/partition.h"

#include "table/rules.h"

static const char *file_name(const tarn_field *f) { return f->physical ? f->physical : f->name; }

static bool holds_partitions(const tarn_target *target) {
    return target->table->format->features & TARN_HOLDS_PARTITIONS;
}

/* Bytes are no text, which a folder's name has to be. */
static bool is_plain(const tarn_target *target, const tarn_partition_by *by, const tarn_field *source) {
    bool bytes = source->type->kind == TARN_BINARY || source->type->kind == TARN_FIXED;
    return by->transform == TARN_IDENTITY && tarn_schema_find(target->schema, tarn_str_of(by->column)) >= 0 && !bytes;
}

/* A folder cannot have the name of a column, as the column of the select that makes it would. */
static const char *free_name(tarn_cx *cx, const tarn_target *target, const char *name) {
    while (tarn_schema_find(target->schema, tarn_str_of(name)) >= 0) name = tarn_printf(cx, "%s_", name);
    return name;
}

tarn_code tarn_partition_plan(tarn_cx *cx, const tarn_target *target, tarn_partition_columns *out) {
    tarn_partition_columns columns = {.names = TARN_NEW_ARRAY(cx->arena, const char *, target->n_partition_by)};
    for (size_t i = 0; i < target->n_partition_by; i++) {
        const tarn_partition_by *by = &target->partition_by[i];
        const tarn_field *source = tarn_schema_path(target->schema, tarn_str_of(by->column));
        if (!source)
            return tarn_fail(cx, TARN_INVALID, "%s is partitioned by %s, which is not a column",
                             tarn_target_name(target), by->column);
        if (by->transform == TARN_OTHER_TRANSFORM)
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "%s is partitioned by a transform of %s that is not known, so it cannot be written",
                             tarn_target_name(target), by->column);
        columns.apart = columns.apart || (holds_partitions(target) && !is_plain(target, by, source));
        columns.names[i] = file_name(source);
    }
    for (size_t i = 0; columns.apart && i < target->n_partition_by; i++) {
        tarn_auto_buf made = TARN_BUF(1 << 16);
        tarn_partition_sql(cx->arena, &made, target->schema, &target->partition_by[i]);
        const char *name = target->partition_by[i].name;
        columns.names[i] = free_name(cx, target, name ? name : tarn_printf(cx, "%s", made.data));
    }
    *out = columns;
    return TARN_OK;
}

/* The column, or the member of it that the path leads to. */
static void put_source(tarn_cx *cx, const tarn_schema *schema, const char *path, const char *of, tarn_buf *out) {
    for (size_t n = strlen(path);; n--) {
        bool ends = path[n] == 0 || path[n] == '.';
        int at = ends ? tarn_schema_find(schema, (tarn_str){path, n}) : -1;
        if (at >= 0) {
            const tarn_field *f = &schema->fields[at];
            const char *sql = of ? tarn_printf(cx, "struct_extract(%s, %s)", of, tarn_sql_string(cx->arena, f->name))
                                 : tarn_printf(cx, TARN_ROWS ".%s", tarn_sql_name(cx->arena, f->name));
            return path[n] ? put_source(cx, f->type, path + n + 1, sql, out) : tarn_buf_puts(out, sql);
        }
        if (n == 0) return;
    }
}

tarn_code tarn_partition_select(tarn_cx *cx, const tarn_target *target, const tarn_partition_columns *columns,
                                tarn_buf *out) {
    for (size_t i = 0; i < target->n_partition_by; i++) {
        const tarn_partition_by *by = &target->partition_by[i];
        const tarn_field *source = tarn_schema_path(target->schema, tarn_str_of(by->column));
        tarn_auto_buf name = TARN_BUF(64), value = TARN_BUF(1 << 16);
        put_source(cx, target->schema, by->column, NULL, &value);
        if (!tarn_buf_ok(&value))
            return tarn_fail(cx, TARN_LIMIT, "the name of partition column %s is too long", by->column);
        tarn_transform_print(&name, by->transform, by->param);
        if (by->transform != TARN_IDENTITY)
            tarn_buf_printf(out, ", tarn_partition('%s', %s) AS ", name.data, value.data);
        else if (source->type->kind == TARN_BINARY || source->type->kind == TARN_FIXED)
            tarn_buf_printf(out, ", CAST(%s AS VARCHAR) AS ", value.data);
        else
            tarn_buf_printf(out, ", %s AS ", value.data);
        tarn_buf_sql_name(out, columns->names[i]);
    }
    return TARN_OK;
}

/* The values by which a transform's results are in order: texts of months and hours sort by their parts. */
static void put_keys(tarn_cx *cx, const tarn_sort_by *by, const tarn_type *source, const char *value, tarn_buf *out) {
    tarn_auto_buf name = TARN_BUF(64), type = TARN_BUF(256);
    const char *order =
        tarn_printf(cx, "%s NULLS %s", by->descending ? "DESC" : "ASC", by->nulls_last ? "LAST" : "FIRST");
    tarn_transform t = by->by.transform;
    if (t == TARN_IDENTITY) return tarn_buf_printf(out, "%s %s", value, order);
    tarn_transform_print(&name, t, by->by.param);
    tarn_type_duckdb(&type, source);
    const char *text = tarn_printf(cx, "tarn_partition('%s', %s)", name.data, value);
    const char *as = t == TARN_DAYS ? "DATE" : t == TARN_TRUNCATE ? type.data : "INTEGER";
    if (t == TARN_MONTHS || t == TARN_HOURS)
        tarn_buf_printf(out, "CAST(%s[:-4] AS %s) %s, %s[-2:] %s", text, t == TARN_HOURS ? "DATE" : "INTEGER", order,
                        text, order);
    else
        tarn_buf_printf(out, "CAST(%s AS %s) %s", text, as, order);
}

tarn_code tarn_order_select(tarn_cx *cx, const tarn_target *target, tarn_buf *out) {
    for (size_t i = 0; i < target->n_sort_by; i++) {
        const tarn_sort_by *by = &target->sort_by[i];
        const tarn_field *source = tarn_schema_path(target->schema, tarn_str_of(by->by.column));
        tarn_auto_buf value = TARN_BUF(1 << 16);
        if (!source)
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_INVALID, "%s is in the order of %s, which is not a column",
                                       tarn_target_name(target), by->by.column),
                             "ALTER TABLE … WRITE UNORDERED, or another order");
        put_source(cx, target->schema, by->by.column, NULL, &value);
        if (!tarn_buf_ok(&value)) return tarn_fail(cx, TARN_LIMIT, "the name of column %s is too long", by->by.column);
        tarn_buf_puts(out, i ? ", " : "");
        put_keys(cx, by, source->type, value.data, out);
    }
    return TARN_OK;
}

tarn_code tarn_partition_read(tarn_cx *cx, const tarn_target *target, const tarn_written_file *file, tarn_add *add) {
    tarn_value *values = TARN_NEW_ARRAY(cx->arena, tarn_value, target->n_partition_by);
    for (size_t i = 0; i < target->n_partition_by; i++) {
        const tarn_partition_by *by = &target->partition_by[i];
        const tarn_field *source = tarn_schema_path(target->schema, tarn_str_of(by->column));
        const char *text = file->partition[i];
        values[i] = (tarn_value){.kind = tarn_transform_kind(by->transform, source->type->kind), .null = true};
        if (!text) continue;
        tarn_str s = {tarn_arena_strdup(cx->arena, text), strlen(text)};
        if (!tarn_transform_parse_text(s, by->transform, source->type, cx->arena, &values[i]))
            return tarn_fail(cx, TARN_UNSUPPORTED, "partition column %s of %s cannot hold the value %s", by->column,
                             tarn_target_name(target), text);
    }
    add->partition = values;
    return TARN_OK;
}
