/* values.c: typed values in metadata tables: those of partitions, and bounds of columns. */
#include "format/iceberg/tables/tables.h"

enum { TEXT_MAX = 1 << 24 };

void tarn_tell_known(tarn_rowset *rows, int64_t v) {
    if (v < 0)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, v);
}

static const char *format_of(tarn_arena *arena, const tarn_type *type) {
    switch (type->kind) {
    case TARN_BOOL: return "b";
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32: return "i";
    case TARN_INT64: return "l";
    case TARN_FLOAT32: return "f";
    case TARN_FLOAT64: return "g";
    case TARN_DECIMAL: return tarn_arena_printf(arena, "d:%d,%d", type->precision, type->scale);
    case TARN_DATE: return "tdD";
    case TARN_TIME: return "ttu";
    case TARN_TIMESTAMP: return "tsu:UTC";
    case TARN_TIMESTAMP_NTZ: return "tsu:";
    case TARN_TIMESTAMP_NTZ_NS: return "tsn:";
    case TARN_BINARY:
    case TARN_FIXED: return "z";
    default: return "u"; /* an instant of nanoseconds too, which the engine does not have */
    }
}

tarn_rowset_column tarn_tell_column(tarn_arena *arena, const char *name, const tarn_type *type) {
    return (tarn_rowset_column){name, type ? format_of(arena, type) : "u"};
}

static void put_text(tarn_rowset *rows, const tarn_value *v) {
    tarn_auto_buf text = TARN_BUF(TEXT_MAX);
    tarn_value_text(&text, v);
    tarn_rowset_str(rows, (tarn_str){text.n ? text.data : "", text.failed ? 0 : text.n});
}

void tarn_tell_value(tarn_rowset *rows, const tarn_value *v, const tarn_type *type) {
    if (!v || v->null || !type) return tarn_rowset_null(rows);
    switch (type->kind) {
    case TARN_BOOL: return tarn_rowset_int(rows, v->b);
    case TARN_FLOAT32:
    case TARN_FLOAT64: return tarn_rowset_double(rows, v->f);
    case TARN_DECIMAL: return tarn_rowset_decimal(rows, v->dec);
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED: return tarn_rowset_str(rows, (tarn_str){v->s.n ? v->s.p : "", v->s.n});
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64:
    case TARN_DATE:
    case TARN_TIME:
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NTZ_NS: return tarn_rowset_int(rows, v->i);
    default: return put_text(rows, v);
    }
}

static tarn_iceberg_shown *find_shown(const tarn_iceberg_shown_list *list, int32_t field_id) {
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i].field_id == field_id) return &list->at[i];
    return NULL;
}

static const char *free_name(tarn_arena *arena, const tarn_iceberg_shown_list *list, const char *name, int32_t id) {
    for (size_t i = 0; i < list->n; i++)
        if (tarn_name_eq(list->at[i].name, name)) return tarn_arena_printf(arena, "%s_%d", name, id);
    return name;
}

/* The newest spec names a field; where that has become void, an older one tells its type. */
void tarn_tell_shown(tarn_arena *arena, const tarn_iceberg_snapshot *s, tarn_iceberg_shown_list *out) {
    for (size_t i = s->n_specs; i-- > 0;) {
        const tarn_iceberg_spec_use *use = &s->specs[i];
        for (size_t k = 0; k < use->spec->n_fields; k++) {
            const tarn_iceberg_spec_field *f = &use->spec->fields[k];
            const tarn_type *type = f->transform == TARN_VOID_TRANSFORM ? NULL : use->results[k];
            tarn_iceberg_shown *had = find_shown(out, f->field_id);
            if (had && !had->type) had->type = type;
            if (had) continue;
            const char *name = free_name(arena, out, f->name, f->field_id);
            *TARN_PUSH(arena, out) = (tarn_iceberg_shown){f->field_id, name, type};
        }
    }
    for (size_t i = 1; i < out->n; i++) /* few, and nearly in order */
        for (size_t k = i; k > 0 && out->at[k].field_id < out->at[k - 1].field_id; k--) {
            tarn_iceberg_shown swap = out->at[k];
            out->at[k] = out->at[k - 1];
            out->at[k - 1] = swap;
        }
}

void tarn_tell_partition_column(tarn_arena *arena, const tarn_iceberg_shown_list *shown, tarn_iceberg_columns *out) {
    if (!shown->n) return;
    *TARN_PUSH(arena, out) = (tarn_rowset_column){"partition", "+s"};
    for (size_t i = 0; i < shown->n; i++)
        *TARN_PUSH(arena, out) = tarn_tell_column(arena, shown->at[i].name, shown->at[i].type);
    *TARN_PUSH(arena, out) = (tarn_rowset_column){NULL, NULL};
}

void tarn_tell_partition(const tarn_iceberg_snapshot *s, const tarn_iceberg_shown_list *shown,
                         const tarn_iceberg_tuple *tuple, tarn_rowset *rows) {
    const tarn_iceberg_spec *spec = tarn_iceberg_spec_use_of(s, tuple->spec_id)->spec;
    if (!shown->n) return;
    tarn_rowset_enter(rows);
    for (size_t i = 0; i < shown->n; i++) {
        size_t k = 0;
        while (k < spec->n_fields && spec->fields[k].field_id != shown->at[i].field_id) k++;
        tarn_tell_value(rows, k < spec->n_fields ? &tuple->values[k] : NULL, shown->at[i].type);
    }
}
