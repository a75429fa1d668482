/* write_select.c: the rows of a query as rows of a table: which column goes where, casts, defaults, generated columns,
 * and the table's rules. */
#include <inttypes.h>

#include "format/property.h"
#include "table/rules.h"

enum { SQL_MAX = 1 << 26 };

/* The last word on a property of the target. */
static const char *property(const tarn_target *target, const char *name) {
    const tarn_change *change = target->change;
    for (size_t i = change ? change->properties.n : 0; i-- > 0;)
        if (!strcmp(change->properties.at[i].name, name)) return change->properties.at[i].value;
    return target->base && !(change && change->replace) ? tarn_snapshot_property(target->base, name) : NULL;
}

int64_t tarn_target_file_size(tarn_cx *cx, const tarn_target *target, tarn_option setting) {
    const char *name = target->table->format->file_size_property, *text = name ? property(target, name) : NULL;
    int64_t n;
    return text && tarn_parse_bytes(tarn_str_of(text), &n) && n > 0 ? n : tarn_conf_int(cx->conf, setting);
}

const char *tarn_target_compression(tarn_cx *cx, const tarn_target *target) {
    const char *name = target->table->format->compression_property, *text = name ? property(target, name) : NULL;
    const char *word = text ? tarn_property_word(cx, TARN_COMPRESSIONS, text) : NULL;
    return word ? word : tarn_conf_text(cx->conf, TARN_WRITE_COMPRESSION);
}

void tarn_target_of(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change,
                    tarn_target *out) {
    bool anew = !base || base->version < 0 || (change && change->replace);
    tarn_target t = {.table = table, .base = base && base->version >= 0 ? base : NULL, .change = change};
    t.schema = change && change->schema ? change->schema : base ? base->schema : NULL;
    if (change && (change->partition_by || anew)) {
        t.partition_by = change->partition_by;
        t.n_partition_by = change->n_partition_by;
    } else if (base) {
        t.partition_by = tarn_snapshot_partition_by(cx->arena, base, base->schema);
        t.n_partition_by = base->n_partition;
    }
    bool resorted = change && (change->resort || anew);
    if (resorted || base) {
        t.sort_by = resorted ? change->sort_by : base->sort_by;
        t.n_sort_by = resorted ? change->n_sort_by : base->n_sort_by;
    }
    TARN_VEC(tarn_pair) checks = {0};
    for (size_t i = 0; base && !anew && i < base->n_checks; i++) *TARN_PUSH(cx->arena, &checks) = base->checks[i];
    for (size_t i = 0; change && i < change->checks.n; i++) {
        const tarn_pair *c = &change->checks.at[i];
        size_t k = 0;
        while (k < checks.n && !tarn_name_eq(checks.at[k].name, c->name)) k++;
        if (k < checks.n) checks.at[k] = checks.at[--checks.n];
        if (c->value) *TARN_PUSH(cx->arena, &checks) = *c;
    }
    t.checks = checks.at;
    t.n_checks = checks.n;
    *out = t;
}

static const char *name_list(tarn_cx *cx, const tarn_schema *schema) {
    tarn_auto_buf names = TARN_BUF(2000);
    for (size_t i = 0; i < schema->n_fields && !names.failed; i++)
        tarn_buf_printf(&names, "%s%s", i ? ", " : "", schema->fields[i].name);
    return names.failed ? tarn_printf(cx, "%s, …", schema->fields[0].name) : tarn_buf_take(&names, cx->arena);
}

/* Column of the table -> column of the source, or -1. */
static tarn_code assign(tarn_cx *cx, const tarn_target *target, const tarn_schema *source, size_t from,
                        const char *name, int *at) {
    int to = tarn_schema_find(target->schema, tarn_str_of(name));
    if (to < 0)
        return tarn_fail(cx, TARN_INVALID, "column %s is not in table %s, which has %s", name, tarn_target_name(target),
                         name_list(cx, target->schema));
    if (at[to] >= 0)
        return tarn_fail(cx, TARN_INVALID, "column %s of %s is given twice", target->schema->fields[to].name,
                         tarn_target_name(target));
    if (from >= source->n_fields)
        return tarn_fail(cx, TARN_INVALID, "INSERT names more columns of %s than its query gives, %zu",
                         tarn_target_name(target), source->n_fields);
    at[to] = (int)from;
    return TARN_OK;
}

static tarn_code by_position(tarn_cx *cx, const tarn_target *target, const tarn_schema *source, int *at) {
    const tarn_schema *schema = target->schema;
    size_t plain = 0, next = 0;
    for (size_t i = 0; i < schema->n_fields; i++) plain += !tarn_field_computed(&schema->fields[i]);
    bool all = source->n_fields == schema->n_fields;
    if (!all && source->n_fields != plain)
        return tarn_fail(cx, TARN_INVALID, "INSERT has %zu column%s, table %s has %zu: %s", source->n_fields,
                         source->n_fields == 1 ? "" : "s", tarn_target_name(target), schema->n_fields,
                         name_list(cx, schema));
    for (size_t i = 0; i < schema->n_fields; i++)
        if (all || !tarn_field_computed(&schema->fields[i])) at[i] = (int)next++;
    return TARN_OK;
}

static tarn_code match(tarn_cx *cx, const tarn_target *target, const tarn_schema *source, const tarn_insert_map *map,
                       int *at) {
    for (size_t i = 0; i < target->schema->n_fields; i++) at[i] = -1;
    if (!map->names && !map->by_name) return by_position(cx, target, source, at);
    if (map->names && !map->by_name && map->n_names != source->n_fields)
        return tarn_fail(cx, TARN_INVALID, "INSERT names %zu column%s of %s, its query gives %zu", map->n_names,
                         map->n_names == 1 ? "" : "s", tarn_target_name(target), source->n_fields);
    for (size_t i = 0; i < source->n_fields; i++)
        TRY(assign(cx, target, source, i, map->by_name ? source->fields[i].name : map->names[i], at));
    return TARN_OK;
}

tarn_code tarn_write_members(tarn_cx *cx, const char *path, const tarn_type *from, const tarn_type *to) {
    if (from->kind == TARN_FOREIGN && tarn_type_nested(to))
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s: %s", path, from->fields[0].comment);
    if (from->kind != to->kind) return TARN_OK;
    for (size_t i = 0; i < from->n_fields; i++) {
        const tarn_field *f = &from->fields[i];
        const char *inner = tarn_printf(cx, "%s.%s", path, f->name);
        int k = from->kind == TARN_STRUCT ? tarn_schema_find(to, tarn_str_of(f->name)) : (int)i;
        if (k < 0)
            return tarn_fail(cx, TARN_INVALID,
                             "%s is not a member of the table's column; add it with ALTER TABLE, or leave it out",
                             inner);
        TRY(tarn_write_members(cx, inner, f->type, to->fields[k].type));
    }
    return TARN_OK;
}

static tarn_code put_given(tarn_cx *cx, tarn_buf *out, const tarn_field *f, const tarn_schema *source, int at) {
    TRY(tarn_write_members(cx, f->name, source->fields[at].type, f->type));
    tarn_buf_printf(out, "CAST(%s AS ", tarn_sql_name(cx->arena, f->name));
    tarn_type_duckdb(out, f->type);
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static bool is_counted(const tarn_field *f, const tarn_insert_map *map, int at) {
    return f->identity && (map->counts || (at < 0 && !map->explicit_null));
}

/* The number the next row gets. */
static tarn_code next_number(tarn_cx *cx, const tarn_target *target, const tarn_field *f, int64_t *out) {
    const tarn_identity *id = f->identity;
    *out = id->start;
    if (id->begun && __builtin_add_overflow(id->last, id->step, out))
        return tarn_fail(cx, TARN_LIMIT, "column %s of %s has no numbers left", f->name, tarn_target_name(target));
    return TARN_OK;
}

/* Rows of MERGE are counted where they bring no number: those that are inserted. */
static tarn_code put_number(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *f, bool given) {
    int64_t next;
    TRY(next_number(cx, target, f, &next));
    tarn_buf_puts(out, "coalesce(");
    if (given) tarn_buf_printf(out, "CAST(%s AS BIGINT), ", tarn_sql_name(cx->arena, f->name));
    tarn_buf_printf(
        out, "TRY_CAST(%" PRId64 "::HUGEINT + %" PRId64 "::HUGEINT * (row_number() OVER () - 1) AS BIGINT), CAST(",
        next, f->identity->step);
    tarn_rules_no_number(cx, out, target, f);
    tarn_buf_puts(out, " AS BIGINT))");
    return TARN_OK;
}

static tarn_code put_missing(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *f,
                             const tarn_insert_map *map) {
    bool fill = f->default_sql && !map->explicit_null;
    const char *value = "NULL";
    if (!fill && !f->nullable)
        return tarn_fail(cx, TARN_CONSTRAINT, "column %s of %s is NOT NULL and has no default, but no value is given",
                         f->name, tarn_target_name(target));
    if (fill) TRY(tarn_rule_sql(cx, NULL, f->default_sql, &value));
    tarn_buf_printf(out, "CAST((%s) AS ", value);
    tarn_type_duckdb(out, f->type);
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

/* The source's columns bear the names of those they are for: a cast that fails names them. */
static void put_source(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const char *select,
                       const tarn_schema *source, const int *at) {
    const char **names = TARN_NEW_ARRAY(cx->arena, const char *, source->n_fields);
    for (size_t i = 0; i < target->schema->n_fields; i++)
        if (at[i] >= 0) names[at[i]] = tarn_sql_name(cx->arena, target->schema->fields[i].name);
    tarn_buf_printf(out, " FROM (%s\n) AS _tarn_s(", select); /* the newline ends a comment at the end of the query */
    for (size_t i = 0; i < source->n_fields; i++) {
        if (i) tarn_buf_puts(out, ", ");
        if (names[i])
            tarn_buf_puts(out, names[i]);
        else
            tarn_buf_printf(out, "_tarn_c%zu", i);
    }
    tarn_buf_putc(out, ')');
}

/* The table's columns under their names, each cast, but for generated ones that are not given. */
static tarn_code put_casts(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const char *select,
                           const tarn_schema *source, const tarn_insert_map *map, const int *at) {
    const char *comma = "";
    tarn_buf_puts(out, "SELECT ");
    for (size_t i = 0; i < target->schema->n_fields; i++) {
        const tarn_field *f = &target->schema->fields[i];
        if (f->generated_sql && at[i] < 0) continue;
        tarn_buf_puts(out, comma);
        comma = ", ";
        if (is_counted(f, map, at[i]))
            TRY(put_number(cx, out, target, f, at[i] >= 0));
        else if (at[i] >= 0)
            TRY(put_given(cx, out, f, source, at[i]));
        else
            TRY(put_missing(cx, out, target, f, map));
        tarn_buf_puts(out, " AS ");
        tarn_buf_sql_name(out, f->name);
    }
    put_source(cx, out, target, select, source, at);
    return TARN_OK;
}

static bool has_length(const tarn_field *field) {
    int64_t length;
    bool pads;
    return tarn_field_length(field, &length, &pads);
}

/* A projection of its own, as a length looks at its value more than once. */
static void put_lengths(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const int *at, const char *inner) {
    const char *comma = "SELECT ";
    for (size_t i = 0; i < target->schema->n_fields; i++) {
        const tarn_field *f = &target->schema->fields[i];
        if (f->generated_sql && at[i] < 0) continue;
        tarn_buf_puts(out, comma);
        comma = ", ";
        tarn_rules_length(cx, out, target, f, tarn_sql_name(cx->arena, f->name));
        tarn_buf_puts(out, " AS ");
        tarn_buf_sql_name(out, f->name);
    }
    tarn_buf_printf(out, " FROM (%s) AS _tarn_l", inner);
}

static tarn_code put_generated(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const int *at,
                               const char *inner) {
    tarn_buf_puts(out, "SELECT ");
    for (size_t i = 0; i < target->schema->n_fields; i++) {
        const tarn_field *f = &target->schema->fields[i];
        if (i) tarn_buf_puts(out, ", ");
        if (f->generated_sql && at[i] < 0) {
            const char *value;
            tarn_auto_buf cast = TARN_BUF(SQL_MAX);
            TRY(tarn_rule_sql(cx, target->schema, f->generated_sql, &value));
            tarn_buf_printf(&cast, "CAST((%s) AS ", value);
            tarn_type_duckdb(&cast, f->type);
            tarn_buf_putc(&cast, ')');
            if (!tarn_buf_ok(&cast))
                return tarn_fail(cx, TARN_LIMIT, "the expression of column %s is too long", f->name);
            tarn_rules_length(cx, out, target, f, cast.data);
            tarn_buf_puts(out, " AS ");
        }
        tarn_buf_sql_name(out, f->name);
    }
    tarn_buf_printf(out, " FROM (%s) AS _tarn_t", inner);
    return TARN_OK;
}

tarn_code tarn_write_select(tarn_cx *cx, const tarn_target *target, const char *select, const tarn_schema *source,
                            const tarn_insert_map *map, char **out) {
    const tarn_schema *schema = target->schema;
    int *at = TARN_NEW_ARRAY(cx->arena, int, schema->n_fields);
    bool *given = TARN_NEW_ARRAY(cx->arena, bool, schema->n_fields), computed = false;
    tarn_auto_buf casts = TARN_BUF(SQL_MAX), lengths = TARN_BUF(SQL_MAX), generated = TARN_BUF(SQL_MAX),
                  sql = TARN_BUF(SQL_MAX);
    bool limited = false;
    TRY(match(cx, target, source, map, at));
    for (size_t i = 0; i < schema->n_fields; i++) {
        /* A row changed as a whole carries the old value of a generated column. */
        if (map->explicit_null && schema->fields[i].generated_sql) at[i] = -1;
        if (at[i] >= 0 && !map->explicit_null && schema->fields[i].identity && !schema->fields[i].identity->open)
            return tarn_fail(cx, TARN_INVALID, "column %s of %s is GENERATED ALWAYS AS IDENTITY: leave it out",
                             schema->fields[i].name, tarn_target_name(target));
        given[i] = at[i] >= 0;
        computed = computed || (schema->fields[i].generated_sql && !given[i]);
        limited = limited || has_length(&schema->fields[i]);
    }
    TRY(put_casts(cx, &casts, target, select, source, map, at));
    if (limited && tarn_buf_ok(&casts)) put_lengths(cx, &lengths, target, at, casts.data);
    const char *rows = limited ? lengths.data : casts.data;
    if (computed && rows) TRY(put_generated(cx, &generated, target, at, rows));
    const char *relation = tarn_printf(cx, "(%s) AS _tarn_w", computed ? generated.data : rows);
    TRY(tarn_rules_select(cx, &sql, target, relation, given));
    if (casts.failed || lengths.failed || generated.failed || sql.failed)
        return tarn_fail(cx, TARN_LIMIT, "the statement that writes to %s is too long", tarn_target_name(target));
    *out = tarn_buf_take(&sql, cx->arena);
    return TARN_OK;
}

tarn_code tarn_write_counted(tarn_cx *cx, const tarn_target *target, const tarn_schema *source,
                             const tarn_insert_map *map, int64_t rows, tarn_change *change) {
    int *at = TARN_NEW_ARRAY(cx->arena, int, target->schema->n_fields);
    tarn_type *schema = NULL;
    if (rows < 1) return TARN_OK;
    TRY(match(cx, target, source, map, at));
    for (size_t i = 0; i < target->schema->n_fields; i++) {
        const tarn_field *f = &target->schema->fields[i];
        int64_t next, run;
        if (!is_counted(f, map, at[i])) continue;
        TRY(next_number(cx, target, f, &next));
        if (!schema) schema = tarn_type_copy(cx->arena, target->schema);
        tarn_identity *id = memcpy(TARN_NEW(cx->arena, tarn_identity), f->identity, sizeof *id);
        if (__builtin_mul_overflow(id->step, rows - 1, &run) || __builtin_add_overflow(next, run, &id->last))
            return tarn_fail(cx, TARN_LIMIT, "column %s of %s has no numbers left", f->name, tarn_target_name(target));
        id->begun = true;
        schema->fields[i].identity = id;
    }
    if (schema) change->schema = schema;
    return TARN_OK;
}

void tarn_write_as(tarn_buf *out, const tarn_schema *schema, const tarn_schema *was) {
    for (size_t i = 0; i < schema->n_fields; i++) {
        const tarn_field *f = &schema->fields[i];
        int at = tarn_schema_find(was, tarn_str_of(f->name));
        tarn_buf_puts(out, i ? ", CAST(" : "CAST(");
        if (at >= 0)
            tarn_buf_sql_name(out, was->fields[at].name);
        else
            tarn_buf_printf(out, "(%s)", f->initial_sql ? f->initial_sql : "NULL");
        tarn_buf_puts(out, " AS ");
        tarn_type_duckdb(out, f->type);
        tarn_buf_puts(out, ") AS ");
        tarn_buf_sql_name(out, f->name);
    }
}
