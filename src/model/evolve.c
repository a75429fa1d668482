/* evolve.c: copies a schema and edits the copy at a path. */
#include "model/evolve.h"

static tarn_type *mutable_type(const tarn_field *field) {
    return (tarn_type *)(uintptr_t)field->type;
} /* of a copy made here */

static tarn_code missing(tarn_cx *cx, const char *const *path, size_t n) {
    tarn_auto_buf text = TARN_BUF(1 << 16);
    for (size_t i = 0; i < n; i++) tarn_buf_printf(&text, "%s%s", i ? "." : "", path[i]);
    return tarn_fail(cx, TARN_INVALID, "there is no column %s", text.data ? text.data : "");
}

/* The type that holds path[n - 1], in the copy. */
static tarn_code holder(tarn_cx *cx, tarn_schema *copy, const char *const *path, size_t n, tarn_type **out,
                        size_t *at) {
    tarn_type *type = copy;
    for (size_t i = 0; i < n; i++) {
        int found = tarn_schema_find(type, tarn_str_of(path[i]));
        if (found < 0) return missing(cx, path, i + 1);
        *out = type;
        *at = (size_t)found;
        type = mutable_type(&type->fields[found]);
    }
    return TARN_OK;
}

/* Puts a field where `place` says among the fields of a struct that has room for it. */
static tarn_code insert(tarn_cx *cx, tarn_type *type, const tarn_field *field, const tarn_place *place) {
    size_t at = type->n_fields;
    if (place->first) at = 0;
    if (place->after) {
        int sibling = tarn_schema_find(type, tarn_str_of(place->after));
        if (sibling < 0) return missing(cx, &place->after, 1);
        at = (size_t)sibling + 1;
    }
    tarn_field *fields = TARN_NEW_ARRAY(cx->arena, tarn_field, type->n_fields + 1);
    for (size_t i = 0; i < at; i++) fields[i] = type->fields[i];
    fields[at] = *field;
    for (size_t i = at; i < type->n_fields; i++) fields[i + 1] = type->fields[i];
    type->fields = fields;
    type->n_fields++;
    return TARN_OK;
}

static void remove_at(tarn_type *type, size_t at) {
    memmove(&type->fields[at], &type->fields[at + 1], (type->n_fields - at - 1) * sizeof *type->fields);
    type->n_fields--;
}

tarn_code tarn_evolve_add(tarn_cx *cx, const tarn_schema *schema, const char *const *parent, size_t n_parent,
                          const tarn_field *field, const tarn_place *place, tarn_schema **out) {
    tarn_schema *copy = tarn_type_copy(cx->arena, schema);
    tarn_type *type = copy;
    size_t at;
    if (n_parent) {
        TRY(holder(cx, copy, parent, n_parent, &type, &at));
        type = mutable_type(&type->fields[at]);
        if (type->kind != TARN_STRUCT)
            return tarn_fail(cx, TARN_INVALID, "column %s is no struct: it has no members", parent[n_parent - 1]);
    }
    if (tarn_schema_find(type, tarn_str_of(field->name)) >= 0)
        return tarn_fail(cx, TARN_EXISTS, "there is a column %s already", field->name);
    TRY(insert(cx, type, field, place));
    *out = copy;
    return TARN_OK;
}

tarn_code tarn_evolve_drop(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                           tarn_schema **out) {
    tarn_schema *copy = tarn_type_copy(cx->arena, schema);
    tarn_type *type;
    size_t at;
    TRY(holder(cx, copy, path, n, &type, &at));
    if (type->kind != TARN_STRUCT || type->n_fields == 1)
        return tarn_fail(cx, TARN_INVALID, "column %s cannot be dropped: nothing would be left", path[n - 1]);
    remove_at(type, at);
    *out = copy;
    return TARN_OK;
}

tarn_code tarn_evolve_move(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                           const tarn_place *place, tarn_schema **out) {
    tarn_schema *copy = tarn_type_copy(cx->arena, schema);
    tarn_type *type;
    size_t at;
    TRY(holder(cx, copy, path, n, &type, &at));
    tarn_field field = type->fields[at];
    if (place->after && tarn_name_eq(place->after, field.name))
        return tarn_fail(cx, TARN_INVALID, "column %s cannot stand after itself", field.name);
    remove_at(type, at);
    TRY(insert(cx, type, &field, place));
    *out = copy;
    return TARN_OK;
}

tarn_code tarn_evolve_field(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                            tarn_schema **out, tarn_field **field) {
    tarn_schema *copy = tarn_type_copy(cx->arena, schema);
    tarn_type *type;
    size_t at;
    TRY(holder(cx, copy, path, n, &type, &at));
    *field = &type->fields[at];
    *out = copy;
    return TARN_OK;
}

tarn_code tarn_evolve_rename(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                             const char *name, tarn_schema **out) {
    tarn_schema *copy = tarn_type_copy(cx->arena, schema);
    tarn_type *type;
    size_t at;
    TRY(holder(cx, copy, path, n, &type, &at));
    if (type->kind != TARN_STRUCT) return tarn_fail(cx, TARN_INVALID, "%s is no column", path[n - 1]);
    int same = tarn_schema_find(type, tarn_str_of(name));
    if (same >= 0 && (size_t)same != at) return tarn_fail(cx, TARN_EXISTS, "there is a column %s already", name);
    type->fields[at].name = name;
    type->fields[at].stored = NULL;
    *out = copy;
    return TARN_OK;
}

const tarn_type *tarn_evolve_merge(tarn_arena *arena, const tarn_type *type, const tarn_type *other) {
    if (type->kind != other->kind || !type->n_fields) return type;
    tarn_type *wider = tarn_type_new(arena, type->kind);
    wider->fields = TARN_NEW_ARRAY(arena, tarn_field, type->n_fields + other->n_fields);
    wider->n_fields = type->n_fields;
    memcpy(wider->fields, type->fields, type->n_fields * sizeof *type->fields);
    bool same = true;
    for (size_t i = 0; i < other->n_fields; i++) {
        const tarn_field *field = &other->fields[i];
        int at = type->kind == TARN_STRUCT ? tarn_schema_find(type, tarn_str_of(field->name)) : (int)i;
        if (at < 0) {
            wider->fields[wider->n_fields++] =
                (tarn_field){.name = field->name, .type = field->type, .nullable = true, .id = -1};
        } else {
            wider->fields[at].type = tarn_evolve_merge(arena, type->fields[at].type, field->type);
        }
        same = same && at >= 0 && wider->fields[at].type == type->fields[at].type;
    }
    return same ? type : wider;
}
