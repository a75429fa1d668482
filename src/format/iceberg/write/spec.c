/* spec.c: a table's partition specs (1.3) and sort orders (1.9): those of new files, and what a change makes of them.
 */
#include "codec/jsonw.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

enum { JSON_MAX = 16 << 20 };

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

bool tarn_iceberg_own_name(tarn_cx *cx, const tarn_iceberg_spec_field *f, const char *source) {
    const tarn_partition_by by = {.transform = f->transform, .param = f->param};
    return f->transform != TARN_OTHER_TRANSFORM && strcmp(f->name, default_name(cx, &by, source, false)) != 0;
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
        return tarn_fail(cx, TARN_INVALID, "column %s cannot be partitioned by %s: its type is %s", by->column,
                         text.data, type.data);
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

/* 1.2: a type does not change under a partition whose values would be others by it: those of dates that become times.
 */
static tarn_code check_promotions(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_iceberg_plan *plan) {
    for (size_t i = 0; i < base->meta.specs.n; i++) {
        for (size_t k = 0; k < base->meta.specs.at[i].n_fields; k++) {
            const tarn_iceberg_spec_field *f = &base->meta.specs.at[i].fields[k];
            const tarn_field *was = tarn_iceberg_field(base->base.schema, f->source_id, NULL),
                             *is = tarn_iceberg_field(plan->schema, f->source_id, NULL);
            bool same = is_time(f->transform) || f->transform == TARN_VOID_TRANSFORM;
            if (was && is && !same && was->type->kind == TARN_DATE && is->type->kind != TARN_DATE)
                return tarn_fail(cx, TARN_UNSUPPORTED,
                                 "column %s: its type cannot be changed, as files are partitioned by its dates (%s)",
                                 is->name, f->name);
        }
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_plan_spec(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change,
                                 tarn_iceberg_plan *plan) {
    bool anew = !base || change->replace;
    const tarn_iceberg_spec *old = base ? tarn_iceberg_spec_find(&base->meta, base->meta.spec_id) : NULL;
    if (base && change->schema && !anew) TRY(check_promotions(cx, base, plan));
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

/* THE ORDER. */

/* The path of a field by its id: "a", "s.a". */
static const char *path_of(tarn_arena *arena, const tarn_type *type, int32_t id, const char *before) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const char *path = before ? tarn_arena_printf(arena, "%s.%s", before, f->name) : f->name;
        if (f->id == id) return path;
        if (f->type->kind == TARN_STRUCT && (path = path_of(arena, f->type, id, path))) return path;
    }
    return NULL;
}

static bool read_sort_field(const tarn_iceberg_snapshot *s, const tarn_json_value *v, tarn_sort_by *out) {
    int64_t id = tarn_json_as_int(tarn_json_get(v, "source-id"), -1);
    tarn_str order = tarn_json_as_str(tarn_json_get(v, "direction")),
             nulls = tarn_json_as_str(tarn_json_get(v, "null-order"));
    if (id < 0 || id > INT32_MAX) return false;
    tarn_sort_by by = {.descending = tarn_str_ieq(order, TARN_LIT("desc")),
                       .nulls_last = tarn_str_ieq(nulls, TARN_LIT("nulls-last"))};
    tarn_transform_parse(tarn_json_as_str(tarn_json_get(v, "transform")), &by.by.transform, &by.by.param);
    const tarn_field *f = tarn_iceberg_field(s->base.schema, (int32_t)id, NULL);
    by.by.column = path_of(s->base.arena, s->base.schema, (int32_t)id, NULL);
    *out = by;
    return by.by.column && tarn_transform_fits(by.by.transform, f->type);
}

static const tarn_json_value *find_order(tarn_cx *cx, const tarn_iceberg_metadata *m, const tarn_json_value **all) {
    if (!m->sort_orders.p || tarn_json_parse(cx, cx->arena, m->sort_orders, TARN_JSON_DEPTH, all) != TARN_OK) {
        tarn_clear_error(cx);
        return NULL;
    }
    for (size_t i = 0; i < tarn_json_count(*all); i++) {
        const tarn_json_value *order = tarn_json_at(*all, i);
        if (tarn_json_as_int(tarn_json_get(order, "order-id"), -1) == m->sort_order_id) return order;
    }
    return NULL;
}

void tarn_iceberg_read_order(tarn_cx *cx, tarn_iceberg_snapshot *s) {
    const tarn_json_value *all = NULL, *order = find_order(cx, &s->meta, &all),
                          *fields = tarn_json_get(order, "fields");
    size_t n = tarn_json_count(fields);
    tarn_sort_by *by = TARN_NEW_ARRAY(s->base.arena, tarn_sort_by, n);
    for (size_t i = 0; i < n; i++)
        if (!read_sort_field(s, tarn_json_at(fields, i), &by[i])) return; /* rows are written in no order */
    s->base.sort_by = by;
    s->base.n_sort_by = n;
}

static tarn_code put_sort_field(tarn_cx *cx, const tarn_schema *schema, const tarn_sort_by *by, tarn_jsonw *w) {
    const tarn_field *source = tarn_schema_path(schema, tarn_str_of(by->by.column));
    tarn_auto_buf text = TARN_BUF(64);
    tarn_transform_print(&text, by->by.transform, by->by.param);
    if (!source) return tarn_fail(cx, TARN_INVALID, "there is no column %s to order by", by->by.column);
    if (!tarn_transform_fits(by->by.transform, source->type))
        return tarn_fail(cx, TARN_INVALID, "rows cannot be ordered by %s of column %s", text.data, by->by.column);
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "transform");
    tarn_jsonw_text(w, text.data);
    tarn_jsonw_key(w, "source-id");
    tarn_jsonw_int(w, source->id);
    tarn_jsonw_key(w, "direction");
    tarn_jsonw_text(w, by->descending ? "desc" : "asc");
    tarn_jsonw_key(w, "null-order");
    tarn_jsonw_text(w, by->nulls_last ? "nulls-last" : "nulls-first");
    tarn_jsonw_end_object(w);
    return TARN_OK;
}

static bool same_member(const tarn_json_value *a, const tarn_json_value *b, const char *name) {
    return tarn_str_ieq(tarn_json_as_str(tarn_json_get(a, name)), tarn_json_as_str(tarn_json_get(b, name)));
}

static bool same_order(const tarn_json_value *a, const tarn_json_value *b) {
    size_t n = tarn_json_count(a);
    bool same = n == tarn_json_count(b);
    for (size_t i = 0; same && i < n; i++) {
        const tarn_json_value *f = tarn_json_at(a, i), *g = tarn_json_at(b, i);
        int64_t x = tarn_json_as_int(tarn_json_get(f, "source-id"), -1);
        same = x >= 0 && x == tarn_json_as_int(tarn_json_get(g, "source-id"), -1) && same_member(f, g, "transform") &&
               same_member(f, g, "direction") && same_member(f, g, "null-order");
    }
    return same;
}

/* An equal order is taken up again; else a new number. */
static tarn_code number_order(tarn_cx *cx, const tarn_iceberg_snapshot *base, const char *fields,
                              tarn_iceberg_plan *plan) {
    const tarn_json_value *all = NULL, *own = NULL;
    TRY(tarn_json_parse(cx, cx->arena, tarn_str_of(fields), TARN_JSON_DEPTH, &own));
    if (base) (void)find_order(cx, &base->meta, &all);
    plan->sort_order_id = 1;
    for (size_t i = 0; i < tarn_json_count(all); i++) {
        const tarn_json_value *order = tarn_json_at(all, i);
        int64_t id = tarn_json_as_int(tarn_json_get(order, "order-id"), -1);
        if (id < 0 || id >= INT32_MAX) continue;
        if (same_order(tarn_json_get(order, "fields"), own)) {
            plan->sort_order_id = (int32_t)id;
            plan->sort_order = NULL;
            return TARN_OK;
        }
        if (id >= plan->sort_order_id) plan->sort_order_id = (int32_t)id + 1;
    }
    plan->sort_order = tarn_printf(cx, "{\"order-id\": %d, \"fields\": %s}", plan->sort_order_id, fields);
    return TARN_OK;
}

tarn_code tarn_iceberg_plan_order(tarn_cx *cx, const tarn_iceberg_snapshot *base, const tarn_change *change,
                                  tarn_iceberg_plan *plan) {
    tarn_auto_buf json = TARN_BUF(JSON_MAX);
    tarn_jsonw w = TARN_JSONW(&json);
    bool anew = !base || change->replace;
    plan->sort_order_id = base ? base->meta.sort_order_id : 0;
    for (size_t i = 0; base && !anew && !change->resort && change->schema && i < base->base.n_sort_by; i++) {
        const char *column = base->base.sort_by[i].by.column;
        const tarn_field *source = tarn_schema_path(base->base.schema, tarn_str_of(column));
        if (source && !tarn_iceberg_field(plan->schema, source->id, NULL))
            return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "the table's rows are in the order of column %s", column),
                             "ALTER TABLE … WRITE UNORDERED first");
    }
    if (!change->resort && !anew) return TARN_OK;
    plan->order_changed = base != NULL || change->n_sort_by;
    if (!change->n_sort_by) {
        plan->sort_order_id = 0;
        return TARN_OK;
    }
    tarn_jsonw_begin_array(&w);
    for (size_t i = 0; i < change->n_sort_by; i++) TRY(put_sort_field(cx, plan->schema, &change->sort_by[i], &w));
    tarn_jsonw_end_array(&w);
    const char *fields = tarn_buf_take(&json, cx->arena);
    if (!fields) return tarn_fail(cx, TARN_LIMIT, "the order is too long");
    return number_order(cx, base, fields, plan);
}

void tarn_iceberg_order_text(tarn_cx *cx, const tarn_snapshot *snapshot, tarn_buf *out) {
    for (size_t i = 0; i < snapshot->n_sort_by; i++) {
        const tarn_sort_by *by = &snapshot->sort_by[i];
        tarn_buf_puts(out, i ? ", " : "");
        tarn_partition_sql(cx->arena, out, snapshot->schema, &by->by);
        tarn_buf_printf(out, " %s NULLS %s", by->descending ? "DESC" : "ASC", by->nulls_last ? "LAST" : "FIRST");
    }
}
