/* alter_layout.c: ALTER TABLE … PARTITION FIELD, SET PARTITION SPEC, WRITE ORDERED BY and IDENTIFIER FIELDS: how the
 * rows of files to come are laid out. */
#include "stmt/alter_layout.h"

#include "model/evolve.h"

tarn_partition_by tarn_stmt_partition_by(tarn_cx *cx, const tarn_schema *schema, const tarn_partition_item *item) {
    int at = tarn_schema_find(schema, tarn_str_of(item->column));
    tarn_partition_by by = {.name = item->as, .column = at >= 0 ? schema->fields[at].name : item->column};
    if (!item->transform) return by;
    size_t n = strlen(item->transform);
    bool numbered = item->param > 0, plural = !numbered && item->transform[n - 1] == 's';
    const char *text = numbered ? tarn_printf(cx, "%s[%lld]", item->transform, (long long)item->param)
                                : tarn_arena_strndup(cx->arena, item->transform, plural ? n - 1 : n);
    tarn_transform_parse(tarn_str_of(text), &by.transform, &by.param);
    return by;
}

static tarn_code parse_replace(tarn_cx *cx, tarn_cursor *c, tarn_layout *out) {
    TRY(tarn_parse_partition_item(cx, c, &out->old));
    TRY(tarn_expect(cx, c, "WITH"));
    return tarn_parse_partition_item(cx, c, &out->item);
}

/* ASC | DESC, NULLS FIRST | LAST: nulls come first, or with DESC last, as Iceberg's engines have it. */
static tarn_code parse_orders(tarn_cx *cx, tarn_cursor *c, tarn_layout *out) {
    bool parens = tarn_accept(c, "(");
    do {
        tarn_sort_by *by = TARN_PUSH(cx->arena, &out->orders);
        *by = (tarn_sort_by){0};
        TRY(tarn_parse_transform_item(cx, c, TARN_PUSH(cx->arena, &out->spec.partition_by), NULL));
        by->descending = tarn_accept(c, "DESC");
        if (!by->descending) tarn_accept(c, "ASC");
        by->nulls_last = by->descending;
        if (tarn_accept(c, "NULLS FIRST")) by->nulls_last = false;
        if (tarn_accept(c, "NULLS LAST")) by->nulls_last = true;
    } while (tarn_accept(c, ","));
    return parens ? tarn_expect(cx, c, ")") : TARN_OK;
}

/* After WRITE. */
static tarn_code parse_write(tarn_cx *cx, tarn_cursor *c, tarn_layout *out) {
    out->kind = TARN_LAYOUT_ORDER;
    out->distribution = "none";
    if (tarn_accept(c, "UNORDERED")) return TARN_OK;
    if (tarn_accept(c, "ORDERED BY")) {
        out->distribution = "range";
        return parse_orders(cx, c, out);
    }
    bool spread = tarn_accept(c, "DISTRIBUTED BY PARTITION");
    if (spread) out->distribution = "hash";
    if (tarn_accept(c, spread ? "LOCALLY ORDERED BY|ORDERED BY" : "LOCALLY ORDERED BY"))
        return parse_orders(cx, c, out);
    return spread ? TARN_OK
                  : tarn_unexpected(cx, c, "ORDERED BY, LOCALLY ORDERED BY, DISTRIBUTED BY PARTITION or UNORDERED");
}

static tarn_code parse_keys(tarn_cx *cx, tarn_cursor *c, tarn_layout *out) {
    bool parens = tarn_accept(c, "(");
    out->kind = TARN_LAYOUT_KEY;
    do TRY(tarn_parse_name(cx, c, TARN_PUSH(cx->arena, &out->keys)));
    while (tarn_accept(c, ","));
    return parens ? tarn_expect(cx, c, ")") : TARN_OK;
}

tarn_code tarn_layout_parse(tarn_cx *cx, tarn_cursor *c, tarn_layout *out, bool *found) {
    *found = true;
    if (tarn_accept(c, "ADD PARTITION FIELD")) {
        out->kind = TARN_LAYOUT_ADD;
        return tarn_parse_partition_item(cx, c, &out->item);
    }
    if (tarn_accept(c, "DROP PARTITION FIELD")) {
        out->kind = TARN_LAYOUT_DROP;
        return tarn_parse_partition_item(cx, c, &out->old);
    }
    if (tarn_accept(c, "REPLACE PARTITION FIELD")) {
        out->kind = TARN_LAYOUT_REPLACE;
        return parse_replace(cx, c, out);
    }
    if (tarn_accept(c, "SET PARTITION SPEC")) {
        out->kind = TARN_LAYOUT_SPEC;
        if (tarn_accept(c, "( )|UNPARTITIONED")) return TARN_OK;
        return tarn_parse_partition_items(cx, c, &out->spec);
    }
    if (tarn_accept(c, "WRITE")) return parse_write(cx, c, out);
    out->unset = tarn_accept(c, "DROP IDENTIFIER FIELDS");
    if (out->unset || tarn_accept(c, "SET IDENTIFIER FIELDS")) return parse_keys(cx, c, out);
    *found = false;
    return TARN_OK;
}

static tarn_code find_source(tarn_cx *cx, const tarn_snapshot *base, const tarn_partition_item *item,
                             tarn_partition_by *out) {
    if (!tarn_schema_path(base->schema, tarn_str_of(item->column)))
        return tarn_fail(cx, TARN_INVALID, "there is no column %s", item->column);
    *out = tarn_stmt_partition_by(cx, base->schema, item);
    return TARN_OK;
}

/* The field that is meant: by its name, or by what it is made of. */
static tarn_code find_field(tarn_cx *cx, const tarn_snapshot *base, const tarn_partition_item *item,
                            const tarn_partition_by *fields, size_t *at) {
    tarn_partition_by by = tarn_stmt_partition_by(cx, base->schema, item);
    for (size_t i = 0; i < base->n_partition; i++) {
        bool named = !item->transform && tarn_name_eq(fields[i].name, item->column);
        bool same = tarn_name_eq(fields[i].column, by.column) && fields[i].transform == by.transform &&
                    fields[i].param == by.param;
        if (!named && !same) continue;
        *at = i;
        return TARN_OK;
    }
    tarn_auto_buf text = TARN_BUF(1 << 16), names = TARN_BUF(1 << 16);
    tarn_partition_sql(cx->arena, &text, base->schema, &by);
    for (size_t i = 0; i < base->n_partition; i++) tarn_buf_printf(&names, "%s%s", i ? ", " : "", fields[i].name);
    return tarn_fail(cx, TARN_NOTFOUND, "there is no partition field %s; there %s %s", text.data,
                     base->n_partition == 1 ? "is" : "are", base->n_partition && names.data ? names.data : "none");
}

static tarn_code apply_order(tarn_cx *cx, const tarn_layout *layout, const tarn_snapshot *base, tarn_change *change) {
    tarn_sort_by *by = TARN_NEW_ARRAY(cx->arena, tarn_sort_by, layout->orders.n);
    for (size_t i = 0; i < layout->orders.n; i++) {
        by[i] = layout->orders.at[i];
        TRY(find_source(cx, base, &layout->spec.partition_by.at[i], &by[i].by));
    }
    change->operation = "WRITE ORDERED BY";
    change->resort = true;
    change->sort_by = by;
    change->n_sort_by = layout->orders.n;
    tarn_change_property(cx->arena, change, "write.distribution-mode", layout->distribution);
    return TARN_OK;
}

static void clear_keys(tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++) {
        type->fields[i].key = false;
        clear_keys((tarn_type *)(uintptr_t)type->fields[i].type);
    }
}

/* SET names all there will be, DROP those that are none any more. */
static tarn_code apply_keys(tarn_cx *cx, const tarn_layout *layout, const tarn_snapshot *base, tarn_change *change) {
    tarn_schema *schema = tarn_type_copy(cx->arena, base->schema);
    TRY(tarn_format_require(cx, base->format, TARN_CAN_SORT, "identifier fields"));
    if (!layout->unset) clear_keys(schema);
    for (size_t i = 0; i < layout->keys.n; i++) {
        const tarn_name *name = &layout->keys.at[i];
        tarn_field *field;
        TRY(tarn_evolve_field(cx, schema, (const char *const *)name->part, (size_t)name->n_parts, &schema, &field));
        if (layout->unset && !field->key)
            return tarn_fail(cx, TARN_NOTFOUND, "column %s is no identifier field", field->name);
        field->key = !layout->unset;
    }
    change->operation = layout->unset ? "DROP IDENTIFIER FIELDS" : "SET IDENTIFIER FIELDS";
    change->schema = schema;
    return TARN_OK;
}

tarn_code tarn_layout_apply(tarn_cx *cx, const tarn_layout *layout, const tarn_snapshot *base, tarn_change *change) {
    if (layout->kind == TARN_LAYOUT_KEY) return apply_keys(cx, layout, base, change);
    if (layout->kind == TARN_LAYOUT_ORDER) return apply_order(cx, layout, base, change);
    size_t n = base->n_partition, at = SIZE_MAX;
    const tarn_partition_by *now = tarn_snapshot_partition_by(cx->arena, base, base->schema);
    tarn_partition_by *by = TARN_NEW_ARRAY(cx->arena, tarn_partition_by, n + layout->spec.partition_by.n + 1);
    if (layout->kind == TARN_LAYOUT_DROP || layout->kind == TARN_LAYOUT_REPLACE)
        TRY(find_field(cx, base, &layout->old, now, &at));
    size_t to = 0;
    for (size_t i = 0; i < n && layout->kind != TARN_LAYOUT_SPEC; i++)
        if (i != at) by[to++] = now[i];
    if (layout->kind == TARN_LAYOUT_ADD || layout->kind == TARN_LAYOUT_REPLACE)
        TRY(find_source(cx, base, &layout->item, &by[to++]));
    for (size_t i = 0; i < layout->spec.partition_by.n; i++)
        TRY(find_source(cx, base, &layout->spec.partition_by.at[i], &by[to++]));
    change->operation = layout->kind == TARN_LAYOUT_ADD    ? "ADD PARTITION FIELD"
                        : layout->kind == TARN_LAYOUT_DROP ? "DROP PARTITION FIELD"
                        : layout->kind == TARN_LAYOUT_SPEC ? "SET PARTITION SPEC"
                                                           : "REPLACE PARTITION FIELD";
    change->repartition = true;
    change->partition_by = by;
    change->n_partition_by = to;
    return TARN_OK;
}
