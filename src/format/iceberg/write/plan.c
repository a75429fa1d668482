/* plan.c: what a change makes of a table's schema, partition spec and properties, and refusal of what Iceberg has not.
 */
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"
#include "format/property.h"

enum { VERSION_DEFAULT = 2, VERSION_MAX = 3, FIRST_PARTITION_ID = 1000, SCHEMA_MAX = 64 << 20 };

const char *tarn_iceberg_plan_property(const tarn_iceberg_plan *plan, const char *name) {
    for (size_t i = 0; i < plan->properties.n; i++)
        if (!strcmp(plan->properties.at[i].name, name)) return plan->properties.at[i].value;
    return NULL;
}

static void set_property(tarn_cx *cx, tarn_iceberg_plan *plan, const char *name, const char *value) {
    size_t n = 0;
    for (size_t i = 0; i < plan->properties.n; i++)
        if (strcmp(plan->properties.at[i].name, name)) plan->properties.at[n++] = plan->properties.at[i];
    plan->properties.n = n;
    if (value) *TARN_PUSH(cx->arena, &plan->properties) = (tarn_pair){name, value};
    plan->properties_changed = true;
}

static tarn_code set_version(tarn_cx *cx, tarn_iceberg_plan *plan, const char *value) {
    int64_t v;
    if (!value || !tarn_parse_i64(tarn_str_of(value), &v) || v < 1 || v > VERSION_MAX)
        return tarn_fail(cx, TARN_INVALID, "format-version has to be 1, 2 or 3");
    if (v < plan->format_version)
        return tarn_fail(cx, TARN_UNSUPPORTED, "format-version cannot go back from %d to %d", plan->format_version,
                         (int)v);
    plan->format_version = (int)v;
    return TARN_OK;
}

#define ISOLATION TARN_PROPERTY_WORD, 0, "serializable|snapshot"
#define MODE TARN_PROPERTY_WORD, 0, "copy-on-write|merge-on-read"

/* The names are those of Iceberg's own table properties. */
static const tarn_property_rule rules[] = {
    {"write.delete.mode", MODE},
    {"write.update.mode", MODE},
    {"write.merge.mode", MODE},
    {"write.delete.isolation-level", ISOLATION},
    {"write.update.isolation-level", ISOLATION},
    {"write.merge.isolation-level", ISOLATION},
    {"write.distribution-mode", TARN_PROPERTY_WORD, 0, "none|hash|range"},
    {"write.wap.enabled", TARN_PROPERTY_FLAG, 0, NULL},
    {"write.metadata.delete-after-commit.enabled", TARN_PROPERTY_FLAG, 0, NULL},
    {"write.metadata.previous-versions-max", TARN_PROPERTY_NUMBER, 1, NULL},
    {TARN_ICEBERG_FILE_SIZE, TARN_PROPERTY_NUMBER, 1, NULL},
    {TARN_ICEBERG_COMPRESSION, TARN_PROPERTY_WORD, 0, TARN_COMPRESSIONS},
    {"commit.manifest.target-size-bytes", TARN_PROPERTY_NUMBER, 1, NULL},
    {"history.expire.max-snapshot-age-ms", TARN_PROPERTY_NUMBER, 0, NULL},
    {"history.expire.min-snapshots-to-keep", TARN_PROPERTY_NUMBER, 0, NULL},
    {"history.expire.max-ref-age-ms", TARN_PROPERTY_NUMBER, 0, NULL},
    {"gc.enabled", TARN_PROPERTY_FLAG, 0, NULL},
};

#undef ISOLATION
#undef MODE

/* What the table has already, others may have set: it is kept. */
static tarn_code check_property(tarn_cx *cx, const tarn_iceberg_plan *plan, const tarn_pair *p) {
    const char *was = tarn_iceberg_plan_property(plan, p->name);
    if (was && p->value && !strcmp(was, p->value)) return TARN_OK;
    return tarn_property_check(cx, rules, sizeof rules / sizeof *rules, p);
}

static tarn_code plan_properties(tarn_cx *cx, const tarn_change *change, tarn_iceberg_plan *plan) {
    for (size_t i = 0; i < change->properties.n; i++) {
        const tarn_pair *p = &change->properties.at[i];
        TRY(check_property(cx, plan, p));
        if (!strcmp(p->name, TARN_ICEBERG_VERSION))
            TRY(set_version(cx, plan, p->value));
        else
            set_property(cx, plan, p->name, p->value);
    }
    if (change->comment) set_property(cx, plan, "comment", change->comment);
    for (size_t i = 0; i < change->checks.n; i++)
        set_property(cx, plan, tarn_printf(cx, TARN_ICEBERG_CHECK "%s", change->checks.at[i].name),
                     change->checks.at[i].value);
    if (change->app_id)
        set_property(cx, plan, tarn_printf(cx, TARN_ICEBERG_TXN "%s", change->app_id),
                     tarn_printf(cx, "%lld", (long long)change->app_version));
    return TARN_OK;
}

/* Iceberg's int is the smallest there is. */
static void widen(tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++) {
        tarn_type *inner = (tarn_type *)(uintptr_t)type->fields[i].type;
        if (inner->kind == TARN_INT8 || inner->kind == TARN_INT16) inner->kind = TARN_INT32;
        widen(inner);
    }
}

static void forget_ids(tarn_type *type) {
    for (size_t i = 0; i < type->n_fields; i++) {
        type->fields[i].id = -1;
        forget_ids((tarn_type *)(uintptr_t)type->fields[i].type);
    }
}

static int32_t highest_id(const tarn_type *type, int32_t top) {
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].id > top) top = type->fields[i].id;
        top = highest_id(type->fields[i].type, top);
    }
    return top;
}

/* Comments and defaults are in the text too. */
static tarn_code same_text(tarn_cx *cx, const tarn_schema *a, const tarn_schema *b, int format_version, bool *same) {
    tarn_auto_buf was = TARN_BUF(SCHEMA_MAX), is = TARN_BUF(SCHEMA_MAX);
    TRY(tarn_iceberg_schema_print(cx, a, 0, format_version, &was));
    TRY(tarn_iceberg_schema_print(cx, b, 0, format_version, &is));
    *same = tarn_buf_ok(&was) && tarn_buf_ok(&is) && was.n == is.n && !memcmp(was.data, is.data, is.n);
    return TARN_OK;
}

/* 1.9: readers find rows' ids under these names. A column that was there before the table had ids keeps its name. */
static tarn_code check_reserved(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_schema *schema,
                                int format_version) {
    static const char *const reserved[] = {"_row_id", "_last_updated_sequence_number"};
    for (size_t i = 0; format_version >= 3 && i < 2; i++) {
        int at = tarn_schema_find(schema, tarn_str_of(reserved[i]));
        int was = base ? tarn_schema_find(base->base.schema, tarn_str_of(reserved[i])) : -1;
        if (at >= 0 && (was < 0 || base->base.schema->fields[was].id != schema->fields[at].id))
            return tarn_fail(cx, TARN_INVALID,
                             "column %s: tables of format version 3 have the ids of rows by this name",
                             schema->fields[at].name);
    }
    return TARN_OK;
}

static tarn_code plan_schema(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change,
                             tarn_iceberg_plan *plan) {
    if (!change->schema) return TARN_OK;
    bool anew = !base || change->replace || change->restored, same = false;
    tarn_type *schema = tarn_type_copy(cx->arena, change->schema);
    TRY(tarn_schema_check(cx, schema));
    if (!change->restored) TRY(check_reserved(cx, base, schema, plan->format_version));
    widen(schema);
    /* Values of a column that is declared anew are not those of the old one, whatever its name (1.2). */
    if (change->replace && !change->restored && base && schema->n_fields &&
        schema->fields[0].id <= base->meta.last_column_id)
        forget_ids(schema);
    /* A change is planned more than once: its columns may have their ids from the last time. */
    plan->last_column_id = highest_id(schema, plan->last_column_id);
    tarn_iceberg_assign_ids(schema, &plan->last_column_id);
    if (!anew) TRY(tarn_iceberg_check_evolution(cx, base->base.schema, schema, plan->format_version));
    plan->schema = schema;
    if (base) TRY(same_text(cx, base->base.schema, schema, plan->format_version, &same));
    if (same) return TARN_OK;
    plan->schema_changed = true;
    plan->schema_id = 0;
    for (size_t i = 0; base && i < base->meta.schemas.n; i++)
        if (base->meta.schemas.at[i].id >= plan->schema_id) plan->schema_id = base->meta.schemas.at[i].id + 1;
    return TARN_OK;
}

static void forget_rules(tarn_iceberg_plan *plan) {
    size_t n = 0;
    for (size_t i = 0; i < plan->properties.n; i++) {
        tarn_str name = tarn_str_of(plan->properties.at[i].name);
        if (!tarn_str_starts(name, TARN_ICEBERG_DEFAULT) && !tarn_str_starts(name, TARN_ICEBERG_GENERATED))
            plan->properties.at[n++] = plan->properties.at[i];
    }
    plan->properties.n = n;
}

/* Defaults that version 3 has a place for are in the schema; all others, and generated values, are properties. */
static void plan_rules(tarn_cx *cx, const tarn_change *change, tarn_iceberg_plan *plan) {
    if (!change->schema) return;
    forget_rules(plan);
    for (size_t i = 0; i < plan->schema->n_fields; i++) {
        const tarn_field *f = &plan->schema->fields[i];
        if (f->default_sql && !tarn_iceberg_native_default(cx, f, plan->format_version))
            set_property(cx, plan, tarn_printf(cx, TARN_ICEBERG_DEFAULT "%d", f->id), f->default_sql);
        if (f->generated_sql)
            set_property(cx, plan, tarn_printf(cx, TARN_ICEBERG_GENERATED "%d", f->id), f->generated_sql);
    }
}

static tarn_code plan_mapping(tarn_cx *cx, const tarn_change *change, tarn_iceberg_plan *plan) {
    const char *was = tarn_iceberg_plan_property(plan, TARN_ICEBERG_NAME_MAPPING), *mapping;
    if (!change->by_name) return TARN_OK;
    TRY(tarn_iceberg_map_names(cx, plan->schema, was, &mapping));
    if (mapping != was) set_property(cx, plan, TARN_ICEBERG_NAME_MAPPING, mapping);
    return TARN_OK;
}

static void begin(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change, tarn_iceberg_plan *plan) {
    *plan = (tarn_iceberg_plan){.format_version = VERSION_DEFAULT, .last_partition_id = FIRST_PARTITION_ID - 1};
    plan->properties_changed = !base;
    if (!base) {
        plan->format_version = 1; /* any is more */
        return;
    }
    const tarn_iceberg_spec *spec = tarn_iceberg_spec_find(&base->meta, base->meta.spec_id);
    plan->format_version = base->meta.format_version;
    plan->schema = base->base.schema;
    plan->schema_id = base->meta.schema_id;
    plan->last_column_id = base->meta.last_column_id;
    plan->last_partition_id = base->meta.last_partition_id;
    if (spec) plan->spec = *spec;
    for (size_t i = 0; !change->replace && i < base->meta.properties.n; i++)
        *TARN_PUSH(cx->arena, &plan->properties) = base->meta.properties.at[i];
    plan->properties_changed = change->replace;
}

tarn_code tarn_iceberg_plan_change(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change,
                                   tarn_iceberg_plan *out) {
    tarn_iceberg_plan plan;
    bool said = false;
    begin(cx, base, change, &plan);
    for (size_t i = 0; i < change->properties.n; i++)
        said |= !strcmp(change->properties.at[i].name, TARN_ICEBERG_VERSION);
    if (!base && !said) plan.format_version = VERSION_DEFAULT;
    TRY(plan_properties(cx, change, &plan));
    if (!base && !change->schema) return tarn_fail(cx, TARN_INVALID, "a new table needs columns");
    TRY(plan_schema(cx, base, change, &plan));
    if (change->schema) TRY(tarn_iceberg_check_schema(cx, plan.schema, plan.format_version));
    plan_rules(cx, change, &plan);
    TRY(plan_mapping(cx, change, &plan));
    TRY(tarn_iceberg_plan_spec(cx, base, change, &plan));
    TRY(tarn_iceberg_plan_order(cx, base, change, &plan));
    TRY(tarn_iceberg_plan_refs(cx, base, change, &plan));
    *out = plan;
    return TARN_OK;
}
