/* spec.c: what a change makes of a table's partition spec (1.3). */
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

/* As the reference implementation calls them; a field that joins later tells its parameter too. */
static const char *default_name(tarn_cx *cx, const tarn_partition_by *by, const char *source, bool later) {
    static const char *const units[] = {
        [TARN_YEARS] = "year", [TARN_MONTHS] = "month", [TARN_DAYS] = "day", [TARN_HOURS] = "hour"};
    const char *kind = by->transform == TARN_BUCKET ? "bucket" : by->transform == TARN_TRUNCATE ? "trunc" : NULL;
    if (by->transform == TARN_IDENTITY) return source;
    if (kind && later) return tarn_printf(cx, "%s_%s_%d", source, kind, by->param);
    if (kind) return tarn_printf(cx, "%s_%s", source, kind);
    return by->transform == TARN_VOID_TRANSFORM ? tarn_printf(cx, "%s_null", source)
                                                : tarn_printf(cx, "%s_%s", source, units[by->transform]);
}

static bool same_field(const tarn_iceberg_spec_field *a, const tarn_iceberg_spec_field *b) {
    return a->source_id == b->source_id && strcmp(a->text, b->text) == 0;
}

static bool is_time(tarn_transform t) { return t >= TARN_YEARS && t <= TARN_HOURS; }

/* The number of an equal field of an older spec: files of both then have one partition (1.3). Version 1 tells fields by
 * their places, so it has none. */
static int32_t field_id(const tarn_iceberg_snapshot *base, const tarn_iceberg_spec_field *f, tarn_iceberg_plan *plan) {
    for (size_t i = 0; base && plan->format_version > 1 && i < base->meta.specs.n; i++)
        for (size_t k = 0; k < base->meta.specs.at[i].n_fields; k++)
            if (same_field(&base->meta.specs.at[i].fields[k], f)) return base->meta.specs.at[i].fields[k].field_id;
    return ++plan->last_partition_id;
}

static tarn_code make_field(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_partition_by *by, bool later,
                            tarn_iceberg_plan *plan, tarn_iceberg_spec_field *out) {
    const tarn_field *source = tarn_schema_path(plan->schema, tarn_str_of(by->column));
    tarn_auto_buf text = TARN_BUF(64);
    if (!source) return tarn_fail(cx, TARN_INVALID, "partition column %s is not in the table", by->column);
    tarn_transform_print(&text, by->transform, by->param);
    if (tarn_type_nested(source->type))
        return tarn_fail(cx, TARN_INVALID, "a partition is one value: column %s is nested", by->column);
    if (!tarn_transform_fits(by->transform, source->type)) {
        tarn_auto_buf type = TARN_BUF(256);
        tarn_iceberg_primitive(&type, source->type);
        return tarn_fail(cx, TARN_INVALID, "column %s cannot be partitioned by %s: it is a %s", by->column, text.data,
                         type.data);
    }
    *out = (tarn_iceberg_spec_field){.source_id = source->id,
                                     .name = by->name ? by->name : default_name(cx, by, by->column, later),
                                     .text = tarn_arena_strdup(cx->arena, text.data),
                                     .transform = by->transform,
                                     .param = by->param};
    out->field_id = field_id(base, out, plan);
    return TARN_OK;
}

/* `before` (NULL: none) has columns of the same names already. */
static tarn_code check_columns(tarn_cx *cx, const tarn_iceberg_plan *plan, const tarn_iceberg_spec *spec,
                               const tarn_schema *before) {
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_iceberg_spec_field *f = &spec->fields[i];
        int at = tarn_schema_find(plan->schema, tarn_str_of(f->name));
        bool own = at >= 0 && f->transform == TARN_IDENTITY && plan->schema->fields[at].id == f->source_id;
        bool was = before && tarn_schema_find(before, tarn_str_of(f->name)) >= 0;
        if (at >= 0 && !own && !was && f->transform != TARN_VOID_TRANSFORM)
            return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "partition field %s has the name of a column", f->name),
                             "name it otherwise: PARTITIONED BY (… AS name), ADD PARTITION FIELD … AS name");
    }
    return TARN_OK;
}

static tarn_code check_doubles(tarn_cx *cx, const tarn_iceberg_spec *spec) {
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_iceberg_spec_field *f = &spec->fields[i];
        for (size_t k = 0; k < i; k++) {
            const tarn_iceberg_spec_field *g = &spec->fields[k];
            bool both_void = f->transform == TARN_VOID_TRANSFORM && g->transform == TARN_VOID_TRANSFORM;
            if (tarn_name_eq(f->name, g->name))
                return tarn_fail(cx, TARN_INVALID, "there are two partition fields %s", f->name);
            if (f->source_id == g->source_id && !both_void &&
                (strcmp(f->text, g->text) == 0 || (is_time(f->transform) && is_time(g->transform))))
                return tarn_fail(cx, TARN_INVALID, "partition field %s says no more than %s: leave one out", f->name,
                                 g->name);
        }
    }
    return TARN_OK;
}

/* Version 1 drops a field by making all its values null, so that those after it keep their places (1.3). */
static bool put_void(tarn_cx *cx, const tarn_iceberg_spec_field *old, const tarn_iceberg_spec_field *kept, size_t n,
                     tarn_iceberg_spec_field *out) {
    for (size_t i = 0; i < n; i++)
        if (same_field(old, &kept[i]) && tarn_name_eq(old->name, kept[i].name)) return false;
    *out = *old;
    out->transform = TARN_VOID_TRANSFORM;
    out->text = "void";
    for (size_t i = 0; i < n; i++)
        if (tarn_name_eq(out->name, kept[i].name)) out->name = tarn_printf(cx, "%s_%d", old->name, old->field_id);
    return true;
}

/* The old fields in their places, those that stay and those that are void now; then the new ones. */
static void keep_places(tarn_cx *cx, const tarn_iceberg_spec *old, tarn_iceberg_spec *spec) {
    tarn_iceberg_spec_field *fields =
        TARN_NEW_ARRAY(cx->arena, tarn_iceberg_spec_field, old->n_fields + spec->n_fields);
    size_t n = 0;
    bool *placed = TARN_NEW_ARRAY(cx->arena, bool, spec->n_fields);
    for (size_t i = 0; i < old->n_fields; i++) {
        if (put_void(cx, &old->fields[i], spec->fields, spec->n_fields, &fields[n])) {
            n++;
            continue;
        }
        for (size_t k = 0; k < spec->n_fields; k++) {
            if (placed[k] || !same_field(&old->fields[i], &spec->fields[k])) continue;
            placed[k] = true;
            fields[n++] = old->fields[i];
        }
    }
    for (size_t k = 0; k < spec->n_fields; k++)
        if (!placed[k]) fields[n++] = spec->fields[k];
    spec->fields = fields;
    spec->n_fields = n;
}

static bool same_spec(const tarn_iceberg_spec *a, const tarn_iceberg_spec *b) {
    bool same = a->n_fields == b->n_fields;
    for (size_t i = 0; same && i < a->n_fields; i++)
        same = same_field(&a->fields[i], &b->fields[i]) && a->fields[i].field_id == b->fields[i].field_id &&
               strcmp(a->fields[i].name, b->fields[i].name) == 0;
    return same;
}

/* Rows need a place in every field of the spec. */
static tarn_code check_writable(tarn_cx *cx, const tarn_change *change, const tarn_iceberg_plan *plan) {
    for (size_t i = 0; change->adds.n && i < plan->spec.n_fields; i++) {
        const tarn_iceberg_spec_field *f = &plan->spec.fields[i];
        if (f->transform != TARN_VOID_TRANSFORM && !tarn_iceberg_field(plan->schema, f->source_id, NULL))
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_UNSUPPORTED,
                                       "partition field %s is made of a column that is no longer there", f->name),
                             "ALTER TABLE … DROP PARTITION FIELD of it, then write");
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_plan_spec(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change,
                                 tarn_iceberg_plan *plan) {
    bool anew = !base || change->replace;
    const tarn_iceberg_spec *old = base ? tarn_iceberg_spec_find(&base->meta, base->meta.spec_id) : NULL;
    if (!anew && !change->repartition)
        return change->schema ? check_columns(cx, plan, &plan->spec, base->base.schema)
                              : check_writable(cx, change, plan);
    int32_t last = plan->last_partition_id;
    tarn_iceberg_spec spec = {.fields = TARN_NEW_ARRAY(cx->arena, tarn_iceberg_spec_field, change->n_partition_by)};
    for (size_t i = 0; i < change->n_partition_by; i++)
        TRY(make_field(cx, base, &change->partition_by[i], !anew, plan, &spec.fields[spec.n_fields++]));
    if (!anew && plan->format_version == 1 && old) {
        keep_places(cx, old, &spec);
        plan->last_partition_id = last; /* fields that stay keep their numbers */
        for (size_t i = old->n_fields; i < spec.n_fields; i++) spec.fields[i].field_id = ++plan->last_partition_id;
    }
    TRY(check_columns(cx, plan, &spec, NULL));
    TRY(check_doubles(cx, &spec));
    plan->spec_changed = true;
    for (size_t i = 0; base && i < base->meta.specs.n; i++) {
        if (same_spec(&base->meta.specs.at[i], &spec)) {
            plan->spec = base->meta.specs.at[i];
            plan->spec_known = true;
            return TARN_OK;
        }
        if (base->meta.specs.at[i].id >= spec.id) spec.id = base->meta.specs.at[i].id + 1;
    }
    plan->spec = spec;
    return TARN_OK;
}

void tarn_iceberg_tuple_of(tarn_cx *cx, const tarn_iceberg_spec *spec, const tarn_value *shown, tarn_value **out) {
    tarn_value *tuple = TARN_NEW_ARRAY(cx->arena, tarn_value, spec->n_fields);
    size_t n = 0;
    for (size_t i = 0; i < spec->n_fields; i++)
        tuple[i] = spec->fields[i].transform == TARN_VOID_TRANSFORM ? (tarn_value){.kind = TARN_VOID, .null = true}
                                                                    : shown[n++];
    *out = tuple;
}
