/* prepare.c: what a change means for the table's metadata and protocol, and refusal of what Delta cannot express. */
#include <stdio.h>

#include "base/crypto.h"
#include "format/delta/write/write.h"

/* Properties that ask for a feature when they are true. */
static const struct {
    const char *property, *value, *feature;
} ASKS[] = {
    {"delta.appendOnly", "true", "appendOnly"},
    {"delta.enableDeletionVectors", "true", "deletionVectors"},
    {"delta.enableChangeDataFeed", "true", "changeDataFeed"},
    {"delta.enableInCommitTimestamps", "true", "inCommitTimestamp"},
    {"delta.enableTypeWidening", "true", "typeWidening"},
    {"delta.enableRowTracking", "true", "rowTracking"},
    {"delta.enableIcebergCompatV1", "true", "icebergCompatV1"},
    {"delta.enableIcebergCompatV2", "true", "icebergCompatV2"},
    {"delta.enableIcebergCompatV3", "true", "icebergCompatV3"},
    {"delta.enableVariantShredding", "true", "variantShredding"},
    {"delta.columnMapping.mode", "name", "columnMapping"},
    {"delta.columnMapping.mode", "id", "columnMapping"},
    {"delta.checkpointPolicy", "v2", "v2Checkpoint"},
};

enum { N_ASKS = sizeof ASKS / sizeof ASKS[0] };

/* Those that can be asked for and cannot be written here. */
static bool refused_feature(const char *feature) {
    return !strcmp(feature, "rowTracking") || !strncmp(feature, "icebergCompat", 13);
}

static tarn_code enable(tarn_cx *cx, tarn_arena *arena, tarn_delta_plan *plan, const char *feature) {
    if (refused_feature(feature))
        return tarn_fail(cx, TARN_UNSUPPORTED, "table feature \"%s\" cannot be written", feature);
    bool had = tarn_delta_has_feature(&plan->protocol, feature);
    TRY(tarn_delta_enable(cx, arena, &plan->protocol, feature));
    if (!had) plan->protocol_changed = true;
    return TARN_OK;
}

void tarn_delta_plan_set(tarn_arena *arena, tarn_delta_plan *plan, const char *name, const char *value) {
    tarn_delta_meta *m = &plan->meta;
    tarn_pair *all = TARN_NEW_ARRAY(arena, tarn_pair, m->n_configuration + 1);
    size_t n = 0;
    bool done = !value;
    for (size_t i = 0; i < m->n_configuration; i++) {
        tarn_pair p = m->configuration[i];
        if (!strcmp(p.name, name)) {
            if (!value) continue;
            p.value = value;
            done = true;
        }
        all[n++] = p;
    }
    if (!done) all[n++] = (tarn_pair){name, value};
    m->configuration = all;
    m->n_configuration = n;
    plan->meta_changed = true;
}

static const tarn_property_rule rules[] = {
    {"delta.checkpointInterval", TARN_PROPERTY_NUMBER, 1, NULL},
    {"delta.dataSkippingNumIndexedCols", TARN_PROPERTY_NUMBER, -1, NULL},
    {"delta.logRetentionDuration", TARN_PROPERTY_DURATION, 0, NULL},
    {"delta.deletedFileRetentionDuration", TARN_PROPERTY_DURATION, 0, NULL},
    {"delta.setTransactionRetentionDuration", TARN_PROPERTY_DURATION, 0, NULL},
    {"delta.enableExpiredLogCleanup", TARN_PROPERTY_FLAG, 0, NULL},
    {"delta.checkpoint.writeStatsAsJson", TARN_PROPERTY_FLAG, 0, NULL},
    {"delta.checkpoint.writeStatsAsStruct", TARN_PROPERTY_FLAG, 0, NULL},
    {"delta.checkpointPolicy", TARN_PROPERTY_WORD, 0, "classic|v2"},
    {"delta.isolationLevel", TARN_PROPERTY_WORD, 0, "Serializable|WriteSerializable|SnapshotIsolation"},
    {TARN_DELTA_FILE_SIZE, TARN_PROPERTY_BYTES, 1, NULL},
    {TARN_DELTA_COMPRESSION, TARN_PROPERTY_WORD, 0, TARN_COMPRESSIONS},
};

/* Properties that ask for a feature by "true" are true or false. */
static tarn_code check_value(tarn_cx *cx, const tarn_pair *p) {
    for (size_t i = 0; i < N_ASKS; i++) {
        const tarn_property_rule flag = {ASKS[i].property, TARN_PROPERTY_FLAG, 0, NULL};
        if (!strcmp(ASKS[i].value, "true")) TRY(tarn_property_check(cx, &flag, 1, p));
    }
    return tarn_property_check(cx, rules, sizeof rules / sizeof *rules, p);
}

/* What a table has already is carried over, whoever wrote it. */
static bool is_kept(const tarn_delta_snapshot *base, const tarn_pair *p) {
    const char *was = base ? tarn_delta_conf(&base->meta, p->name) : NULL;
    return was && !strcmp(was, p->value);
}

static tarn_code set_version(tarn_cx *cx, tarn_delta_plan *plan, bool reader, const char *value) {
    int64_t v;
    if (!value || !tarn_parse_i64(tarn_str_of(value), &v) || v < 1 || v > (reader ? 3 : 7))
        return tarn_fail(cx, TARN_INVALID, "delta.min%sVersion has to be a number from 1 to %d",
                         reader ? "Reader" : "Writer", reader ? 3 : 7);
    int *now = reader ? &plan->protocol.reader : &plan->protocol.writer;
    if (v == 3 * reader + 7 * !reader) return TARN_OK; /* lists of features come with the features */
    if (*now < v && plan->protocol.writer < 7) {
        *now = (int)v;
        plan->protocol_changed = true;
    }
    return TARN_OK;
}

static tarn_code plan_property(tarn_cx *cx, tarn_arena *arena, tarn_delta_plan *plan, const tarn_pair *p) {
    if (!strncmp(p->name, "delta.feature.", 14)) {
        if (p->value && (!strcmp(p->value, "supported") || !strcmp(p->value, "enabled")))
            return enable(cx, arena, plan, p->name + 14);
        return tarn_fail(cx, TARN_INVALID, "property %s can only be 'supported'", p->name);
    }
    if (!strcmp(p->name, "delta.minReaderVersion")) return set_version(cx, plan, true, p->value);
    if (!strcmp(p->name, "delta.minWriterVersion")) return set_version(cx, plan, false, p->value);
    if (!strncmp(p->name, "delta.constraints.", 18))
        return tarn_fail(cx, TARN_INVALID,
                         "a CHECK constraint is added with ALTER TABLE … ADD CONSTRAINT, not as property %s", p->name);
    tarn_delta_plan_set(arena, plan, p->name, p->value);
    for (size_t i = 0; p->value && i < N_ASKS; i++)
        if (!strcmp(ASKS[i].property, p->name) && tarn_str_ieq(tarn_str_of(p->value), tarn_str_of(ASKS[i].value)))
            TRY(enable(cx, arena, plan, ASKS[i].feature));
    return TARN_OK;
}

static tarn_code plan_identity(tarn_cx *cx, tarn_arena *arena, tarn_delta_plan *plan, const tarn_field *f) {
    if (f->type->kind != TARN_INT64 || f->default_sql || f->generated_sql)
        return tarn_fail(cx, TARN_INVALID, "IDENTITY column %s must be a BIGINT without a default", f->name);
    return enable(cx, arena, plan, "identityColumns");
}

static tarn_code plan_type(tarn_cx *cx, tarn_arena *arena, tarn_delta_plan *plan, const char *column,
                           const tarn_type *type) {
    static const char *const CAST[] = {[TARN_TIME] = "VARCHAR",
                                       [TARN_TIMESTAMP_NS] = "TIMESTAMPTZ",
                                       [TARN_TIMESTAMP_NTZ_NS] = "TIMESTAMP",
                                       [TARN_FIXED] = "BLOB",
                                       [TARN_UUID] = "VARCHAR",
                                       [TARN_VARIANT] = "VARCHAR",
                                       [TARN_VOID] = "VARCHAR",
                                       [TARN_MAP] = NULL};
    if (CAST[type->kind <= TARN_MAP ? type->kind : TARN_MAP])
        return tarn_fail(cx, TARN_UNSUPPORTED, "column %s: delta tables cannot hold type %s; cast it to %s", column,
                         tarn_kind_name(type->kind), CAST[type->kind]);
    if (type->kind == TARN_TIMESTAMP_NTZ) TRY(enable(cx, arena, plan, "timestampNtz"));
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        if (f->default_sql) TRY(enable(cx, arena, plan, "allowColumnDefaults"));
        if (f->generated_sql) TRY(enable(cx, arena, plan, "generatedColumns"));
        if (f->identity) TRY(plan_identity(cx, arena, plan, f));
        TRY(plan_type(cx, arena, plan, column ? column : f->name, f->type));
    }
    return TARN_OK;
}

static const tarn_field *field_named(const tarn_type *type, const tarn_field *like) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        if (like->physical && f->physical ? !strcmp(f->physical, like->physical) : !strcmp(f->name, like->name))
            return f;
    }
    return NULL;
}

/* 1.9: the widenings there are. */
static bool can_widen(const tarn_type *from, const tarn_type *to) {
    bool small = from->kind >= TARN_INT8 && from->kind <= TARN_INT32;
    if (from->kind >= TARN_INT8 && from->kind <= TARN_INT64 && to->kind >= TARN_INT8 && to->kind <= TARN_INT64)
        return from->kind < to->kind;
    if (to->kind == TARN_FLOAT64) return small || from->kind == TARN_FLOAT32;
    if (from->kind == TARN_DATE) return to->kind == TARN_TIMESTAMP_NTZ;
    if (to->kind != TARN_DECIMAL) return false;
    int whole = from->kind == TARN_DECIMAL ? from->precision - from->scale
                : small                    ? 10
                : from->kind == TARN_INT64 ? 20
                                           : 99;
    return to->precision - to->scale >= whole && to->scale >= (from->kind == TARN_DECIMAL ? from->scale : 0);
}

static void record_widening(tarn_arena *arena, tarn_field *field, const tarn_field *was) {
    tarn_auto_buf a = TARN_BUF(256), b = TARN_BUF(256);
    tarn_delta_primitive(&a, was->type);
    tarn_delta_primitive(&b, field->type);
    const char *old = NULL;
    tarn_meta *meta = TARN_NEW_ARRAY(arena, tarn_meta, field->n_meta + 1);
    size_t n = 0;
    for (size_t i = 0; i < field->n_meta; i++)
        if (strcmp(field->meta[i].key, "delta.typeChanges")) meta[n++] = field->meta[i];
    for (size_t i = 0; i < was->n_meta; i++)
        if (!strcmp(was->meta[i].key, "delta.typeChanges")) old = was->meta[i].json;
    const char *end = old ? strrchr(old, ']') : NULL;
    meta[n].key = "delta.typeChanges";
    meta[n++].json =
        tarn_arena_printf(arena, "%.*s%s{\"fromType\":\"%s\",\"toType\":\"%s\"}]", end ? (int)(end - old) : 1,
                          end ? old : "[", end && end - old > 1 ? "," : "", a.data, b.data);
    field->meta = meta;
    field->n_meta = n;
}

static tarn_code evolve(tarn_cx *cx, tarn_arena *arena, tarn_delta_plan *plan, const tarn_type *old, tarn_type *now,
                        const char *parent) {
    bool mapped = plan->mapping != TARN_DELTA_MAP_NONE;
    for (size_t i = 0; old->kind == TARN_STRUCT && i < old->n_fields; i++) {
        if (field_named(now, &old->fields[i]) || mapped) continue;
        TRY(tarn_hint(cx,
                      tarn_fail(cx, TARN_UNSUPPORTED, "column %s%s cannot be renamed or dropped without column mapping",
                                parent, old->fields[i].name),
                      "ALTER TABLE t SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"));
    }
    for (size_t i = 0; i < now->n_fields; i++) {
        tarn_field *f = &now->fields[i];
        const tarn_field *was = old->kind == TARN_STRUCT ? field_named(old, f)
                                : i < old->n_fields      ? &old->fields[i]
                                                         : NULL;
        if (!was) continue;
        if (was->type->kind == f->type->kind && f->type->n_fields) {
            TRY(evolve(cx, arena, plan, was->type, (tarn_type *)(uintptr_t)f->type,
                       tarn_printf(cx, "%s%s.", parent, f->name)));
            continue;
        }
        if (was->type->kind == f->type->kind && was->type->precision == f->type->precision &&
            was->type->scale == f->type->scale)
            continue;
        if (!tarn_delta_conf_true(&plan->meta, "delta.enableTypeWidening"))
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_UNSUPPORTED,
                                       "the type of column %s%s cannot be changed without type widening", parent,
                                       f->name),
                             "ALTER TABLE t SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')");
        if (old->kind != TARN_STRUCT || !can_widen(was->type, f->type))
            return tarn_fail(cx, TARN_UNSUPPORTED, "the type of column %s%s cannot be changed from %s to %s", parent,
                             f->name, tarn_kind_name(was->type->kind), tarn_kind_name(f->type->kind));
        record_widening(arena, f, was);
    }
    return TARN_OK;
}

static int32_t max_id(const tarn_type *type, int32_t max) {
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->kind == TARN_STRUCT && type->fields[i].id > max) max = type->fields[i].id;
        max = max_id(type->fields[i].type, max);
    }
    return max;
}

/* 1.8: members of structs get ids and physical names; key, value and element have none. `keep`: files exist that know
 * the columns by name. */
static void assign_ids(tarn_cx *cx, tarn_arena *arena, tarn_type *type, const tarn_type *old, bool keep, int32_t *max) {
    for (size_t i = 0; i < type->n_fields; i++) {
        tarn_field *f = &type->fields[i];
        const tarn_field *was = old && old->kind == TARN_STRUCT ? field_named(old, f)
                                : old && i < old->n_fields      ? &old->fields[i]
                                                                : NULL;
        if (type->kind == TARN_STRUCT) {
            if (f->id < 0) f->id = was && was->id >= 0 ? was->id : ++*max;
            if (!f->physical && was && was->physical) f->physical = was->physical;
            if (!f->physical && was && keep) f->physical = was->name;
            if (!f->physical) {
                char uuid[TARN_UUID_TEXT];
                tarn_uuid_v4(cx, uuid);
                f->physical = tarn_arena_printf(arena, "col-%s", uuid);
            }
        }
        assign_ids(cx, arena, (tarn_type *)(uintptr_t)f->type, was ? was->type : NULL, keep, max);
    }
}

static tarn_code plan_mapping(tarn_cx *cx, tarn_arena *arena, tarn_delta_plan *plan, const tarn_delta_snapshot *base,
                              bool replace) {
    const char *mode = tarn_delta_conf(&plan->meta, "delta.columnMapping.mode");
    plan->mapping = !mode || !strcmp(mode, "none") ? TARN_DELTA_MAP_NONE
                    : !strcmp(mode, "id")          ? TARN_DELTA_MAP_ID
                                                   : TARN_DELTA_MAP_NAME;
    if (mode && strcmp(mode, "none") && strcmp(mode, "id") && strcmp(mode, "name"))
        return tarn_fail(cx, TARN_INVALID, "delta.columnMapping.mode can be none, name or id, not '%s'", mode);
    if (base && !replace && plan->mapping != base->mapping &&
        !(base->mapping == TARN_DELTA_MAP_NONE && plan->mapping == TARN_DELTA_MAP_NAME))
        return tarn_fail(cx, TARN_UNSUPPORTED, "delta.columnMapping.mode can only be changed from none to name");
    if (plan->mapping == TARN_DELTA_MAP_NONE) return TARN_OK;
    bool keep = base && !replace;
    if (keep && plan->schema == base->base.schema && plan->mapping == base->mapping) return TARN_OK;
    int64_t max = tarn_delta_conf_int(&plan->meta, "delta.columnMapping.maxColumnId", 0);
    int32_t top = max_id(plan->schema, max > INT32_MAX / 2 || max < 0 ? 0 : (int32_t)max);
    tarn_type *schema = tarn_type_copy(arena, plan->schema);
    assign_ids(cx, arena, schema, keep ? base->base.schema : NULL, keep, &top);
    plan->schema = schema;
    tarn_delta_plan_set(arena, plan, "delta.columnMapping.maxColumnId", tarn_arena_printf(arena, "%d", top));
    return TARN_OK;
}

static tarn_code plan_start(tarn_cx *cx, tarn_arena *arena, const tarn_delta_snapshot *base, const tarn_change *c,
                            tarn_delta_plan *plan) {
    memset(plan, 0, sizeof *plan);
    if (!base) {
        char uuid[TARN_UUID_TEXT];
        tarn_uuid_v4(cx, uuid);
        plan->meta = (tarn_delta_meta){.id = tarn_arena_strdup(arena, uuid), .created_ms = tarn_now_ms(cx)};
        plan->protocol = (tarn_delta_protocol){.reader = 1, .writer = 2};
        plan->protocol_changed = plan->meta_changed = true;
        if (!c->schema) return tarn_fail(cx, TARN_INVALID, "a new table needs columns");
    } else {
        plan->meta = base->meta;
        plan->protocol = base->protocol;
        plan->mapping = base->mapping;
        plan->schema = base->base.schema;
        if (c->replace)
            plan->meta.n_configuration = 0, plan->meta.n_partition_columns = 0, plan->meta.description = NULL;
        if (c->replace) plan->meta_changed = true;
    }
    if (c->schema) plan->schema = c->schema, plan->meta_changed = true;
    if (c->comment) plan->meta.description = c->comment, plan->meta_changed = true;
    if (c->partition_by && (c->create || c->replace || c->schema || !base)) {
        const char **names = TARN_NEW_ARRAY(arena, const char *, c->n_partition_by);
        for (size_t i = 0; i < c->n_partition_by; i++) names[i] = c->partition_by[i].column;
        plan->meta.partition_columns = names;
        plan->meta.n_partition_columns = c->n_partition_by;
        plan->meta_changed = true;
    }
    return TARN_OK;
}

static tarn_code check_partition(tarn_cx *cx, const tarn_delta_plan *plan) {
    const tarn_delta_meta *m = &plan->meta;
    for (size_t i = 0; i < m->n_partition_columns; i++) {
        int at = tarn_schema_find(plan->schema, tarn_str_of(m->partition_columns[i]));
        if (at < 0)
            return tarn_fail(cx, TARN_INVALID, "partition column %s is not in the table", m->partition_columns[i]);
        const tarn_type *type = plan->schema->fields[at].type;
        if (tarn_type_nested(type))
            return tarn_fail(cx, TARN_UNSUPPORTED, "partition column %s is nested", m->partition_columns[i]);
    }
    if (m->n_partition_columns && m->n_partition_columns == plan->schema->n_fields)
        return tarn_fail(cx, TARN_INVALID, "all columns are partition columns; a delta table needs another one");
    return TARN_OK;
}

tarn_code tarn_delta_plan_change(tarn_cx *cx, tarn_arena *arena, const tarn_delta_snapshot *base, const tarn_change *c,
                                 tarn_delta_plan *plan) {
    if (base && base->base.version < 0) base = NULL;
    tarn_delta_plan p;
    TRY(plan_start(cx, arena, base, c, &p));
    for (size_t i = 0; i < c->properties.n; i++) {
        const tarn_pair *property = &c->properties.at[i];
        if (property->value && !is_kept(base, property)) TRY(check_value(cx, property));
        TRY(plan_property(cx, arena, &p, property));
    }
    for (size_t i = 0; i < c->checks.n; i++) {
        tarn_delta_plan_set(arena, &p, tarn_arena_printf(arena, "delta.constraints.%s", c->checks.at[i].name),
                            c->checks.at[i].value);
        if (c->checks.at[i].value) TRY(enable(cx, arena, &p, "checkConstraints"));
    }
    TRY(tarn_schema_check(cx, p.schema));
    TRY(plan_mapping(cx, arena, &p, base, c->replace));
    if (base && c->schema && !c->replace) {
        tarn_type *schema = tarn_type_copy(arena, p.schema);
        TRY(evolve(cx, arena, &p, base->base.schema, schema, ""));
        p.schema = schema;
    }
    if (c->schema) TRY(plan_type(cx, arena, &p, NULL, p.schema));
    TRY(check_partition(cx, &p));
    if (p.meta_changed) {
        tarn_auto_buf text = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
        TRY(tarn_delta_schema_print(cx, p.schema, &text));
        p.meta.schema = tarn_buf_take(&text, arena);
        if (!p.meta.schema) return tarn_fail(cx, TARN_LIMIT, "the schema is too large");
    }
    *plan = p;
    return TARN_OK;
}

static const char *asked(const tarn_change *change, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < change->properties.n; i++)
        if (!strcmp(change->properties.at[i].name, name)) value = change->properties.at[i].value;
    return value;
}

static bool asked_true(const tarn_change *change, const char *name) {
    const char *value = asked(change, name);
    return value && tarn_str_ieq(tarn_str_of(value), TARN_LIT("true"));
}

/* New tables get deletion vectors, unless what is asked of them says otherwise. */
static void default_vectors(tarn_cx *cx, tarn_change *c) {
    static const char name[] = "delta.enableDeletionVectors";
    bool fresh = c->create || (c->replace && c->operation && !strncmp(c->operation, "CREATE", 6));
    if (!fresh || !tarn_conf_int(cx->conf, TARN_DELTA_DEFAULT_DELETION_VECTORS) || asked(c, name)) return;
    if (asked_true(c, "delta.appendOnly") || asked(c, "delta.minReaderVersion") || asked(c, "delta.minWriterVersion"))
        return;
    if (asked_true(c, "delta.enableIcebergCompatV1") || asked_true(c, "delta.enableIcebergCompatV2")) return;
    tarn_change_property(cx->arena, c, name, "true");
}

tarn_code tarn_delta_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change) {
    (void)table;
    if (base && base->version >= 0) {
        TRY(tarn_snapshot_writable(cx, base));
        const tarn_delta_snapshot *b = tarn_delta_of(base);
        if (tarn_delta_conf_true(&b->meta, "delta.appendOnly") && tarn_change_takes_rows(change) &&
            !change->no_data_change)
            return tarn_fail(cx, TARN_CONSTRAINT, "rows cannot be changed or removed: delta.appendOnly is true");
    }
    default_vectors(cx, change);
    tarn_delta_plan plan;
    TRY(tarn_delta_plan_change(cx, cx->arena, base ? tarn_delta_of(base) : NULL, change, &plan));
    if (change->schema || plan.schema != (base ? base->schema : NULL)) change->schema = plan.schema;
    return TARN_OK;
}
