/* schema.c: schemaString, Delta's JSON text of a schema, to and from the model (1.10). */
#include <stdio.h>

#include "format/delta/delta.h"

static const struct {
    const char *name;
    tarn_kind kind;
} PRIMITIVES[] = {{"string", TARN_STRING},  {"long", TARN_INT64},          {"integer", TARN_INT32},
                  {"short", TARN_INT16},    {"byte", TARN_INT8},           {"float", TARN_FLOAT32},
                  {"double", TARN_FLOAT64}, {"boolean", TARN_BOOL},        {"binary", TARN_BINARY},
                  {"date", TARN_DATE},      {"timestamp", TARN_TIMESTAMP}, {"timestamp_ntz", TARN_TIMESTAMP_NTZ},
                  {"void", TARN_VOID},      {"null", TARN_VOID},           {"variant", TARN_VARIANT}};

enum { N_PRIMITIVES = sizeof PRIMITIVES / sizeof PRIMITIVES[0], DECIMAL_TOP = 38 };

typedef struct parser {
    tarn_cx *cx;
    tarn_arena *arena;
    tarn_delta_mapping mapping;
    int64_t fields, limit;
} parser;

static char *own(parser *p, tarn_str s) { return tarn_arena_strndup(p->arena, s.p ? s.p : "", s.n); }

static tarn_code parse_type(parser *p, const char *where, const tarn_json_value *v, tarn_type **out);

static tarn_code parse_primitive(parser *p, const char *where, tarn_str name, tarn_type **out) {
    int precision = 10, scale = 0, used = 0;
    for (size_t i = 0; i < N_PRIMITIVES; i++) {
        if (!tarn_str_is(name, PRIMITIVES[i].name)) continue;
        *out = tarn_type_new(p->arena, PRIMITIVES[i].kind);
        return TARN_OK;
    }
    char *text = own(p, name);
    bool decimal = !strcmp(text, "decimal") ||
                   (sscanf(text, "decimal(%9d , %9d )%n", &precision, &scale, &used) == 2 && used && !text[used]);
    if (!decimal) return tarn_fail(p->cx, TARN_UNSUPPORTED, "column %s: type \"%s\" is not supported", where, text);
    if (precision < 1 || precision > DECIMAL_TOP || scale < 0 || scale > precision)
        return tarn_fail(p->cx, TARN_CORRUPT, "column %s: %s is not a type", where, text);
    *out = tarn_type_decimal(p->arena, precision, scale);
    return TARN_OK;
}

static void take_comment(parser *p, tarn_field *f, const tarn_json_value *metadata) {
    tarn_str comment = tarn_json_as_str(tarn_json_get(metadata, "comment"));
    tarn_str value = tarn_json_as_str(tarn_json_get(metadata, "CURRENT_DEFAULT"));
    tarn_str generated = tarn_json_as_str(tarn_json_get(metadata, "delta.generationExpression"));
    if (comment.p) f->comment = own(p, comment);
    if (value.p) f->default_sql = own(p, value);
    if (generated.p) f->generated_sql = own(p, generated);
}

static void take_identity(parser *p, tarn_field *f, const tarn_json_value *metadata) {
    tarn_identity identity = {0};
    bool counts = tarn_json_to_int(tarn_json_get(metadata, "delta.identity.start"), &identity.start) &&
                  tarn_json_to_int(tarn_json_get(metadata, "delta.identity.step"), &identity.step);
    if (!counts || identity.step == 0 || f->type->kind != TARN_INT64) return;
    const tarn_json_value *last = tarn_json_get(metadata, "delta.identity.highWaterMark");
    identity.begun = tarn_json_to_int(last, &identity.last);
    if (!identity.begun && !tarn_json_is_null(last)) return;
    identity.open = tarn_json_as_bool(tarn_json_get(metadata, "delta.identity.allowExplicitInsert"), false);
    f->identity = memcpy(TARN_NEW(p->arena, tarn_identity), &identity, sizeof identity);
}

static tarn_code take_metadata(parser *p, const char *where, tarn_field *f, const tarn_json_value *metadata) {
    size_t n = tarn_json_count(metadata);
    tarn_meta *meta = TARN_NEW_ARRAY(p->arena, tarn_meta, n);
    for (size_t i = 0; i < n; i++) meta[i] = (tarn_meta){own(p, metadata->keys[i]), own(p, metadata->items[i].raw)};
    f->meta = meta;
    f->n_meta = n;
    take_comment(p, f, metadata);
    take_identity(p, f, metadata);
    if (p->mapping == TARN_DELTA_MAP_NONE) return TARN_OK;
    int64_t id = tarn_json_as_int(tarn_json_get(metadata, "delta.columnMapping.id"), -1);
    tarn_str physical = tarn_json_as_str(tarn_json_get(metadata, "delta.columnMapping.physicalName"));
    if (!physical.p || physical.n == 0 || (p->mapping == TARN_DELTA_MAP_ID && (id < 0 || id > INT32_MAX)))
        return tarn_fail(p->cx, TARN_CORRUPT, "column %s has no id or physical name though columns are mapped", where);
    f->physical = own(p, physical);
    f->id = id < 0 || id > INT32_MAX ? -1 : (int32_t)id;
    return TARN_OK;
}

static tarn_code parse_fields(parser *p, const char *where, const tarn_json_value *v, tarn_type *type) {
    const tarn_json_value *fields = tarn_json_get(v, "fields");
    if (!fields || fields->kind != TARN_JSON_ARRAY)
        return tarn_fail(p->cx, TARN_CORRUPT, "schema: struct %s has no fields", where);
    size_t n = fields->n;
    if ((p->fields += (int64_t)n) > p->limit)
        return tarn_fail(p->cx, TARN_LIMIT, "more than %lld columns; raise limit.columns", (long long)p->limit);
    type->fields = TARN_NEW_ARRAY(p->arena, tarn_field, n);
    type->n_fields = n;
    for (size_t i = 0; i < n; i++) {
        const tarn_json_value *in = &fields->items[i];
        tarn_field *f = &type->fields[i];
        tarn_str name = tarn_json_as_str(tarn_json_get(in, "name"));
        if (!name.p || memchr(name.p, 0, name.n))
            return tarn_fail(p->cx, TARN_CORRUPT, "schema: field %zu of %s has no name", i,
                             where[0] ? where : "the table");
        f->name = own(p, name);
        f->nullable = tarn_json_as_bool(tarn_json_get(in, "nullable"), true);
        f->id = -1;
        const char *path = where[0] ? tarn_arena_printf(p->arena, "%s.%s", where, f->name) : f->name;
        tarn_type *inner = NULL;
        TRY(parse_type(p, path, tarn_json_get(in, "type"), &inner));
        f->type = inner;
        TRY(take_metadata(p, path, f, tarn_json_get(in, "metadata")));
    }
    return TARN_OK;
}

static tarn_code parse_type(parser *p, const char *where, const tarn_json_value *v, tarn_type **out) {
    if (v && v->kind == TARN_JSON_STRING) return parse_primitive(p, where, v->text, out);
    tarn_str kind = tarn_json_as_str(tarn_json_get(v, "type"));
    if (tarn_str_is(kind, "struct")) {
        tarn_type *type = tarn_type_new(p->arena, TARN_STRUCT);
        TRY(parse_fields(p, where, v, type));
        *out = type;
        return TARN_OK;
    }
    if (++p->fields > p->limit)
        return tarn_fail(p->cx, TARN_LIMIT, "more than %lld columns; raise limit.columns", (long long)p->limit);
    if (tarn_str_is(kind, "array")) {
        tarn_type *element = NULL;
        TRY(parse_type(p, where, tarn_json_get(v, "elementType"), &element));
        *out = tarn_type_list(p->arena, element, tarn_json_as_bool(tarn_json_get(v, "containsNull"), true));
        return TARN_OK;
    }
    if (tarn_str_is(kind, "map")) {
        tarn_type *key = NULL, *value = NULL;
        TRY(parse_type(p, where, tarn_json_get(v, "keyType"), &key));
        TRY(parse_type(p, where, tarn_json_get(v, "valueType"), &value));
        *out = tarn_type_map(p->arena, key, value, tarn_json_as_bool(tarn_json_get(v, "valueContainsNull"), true));
        return TARN_OK;
    }
    if (tarn_str_is(kind, "udt")) return parse_type(p, where, tarn_json_get(v, "sqlType"), out);
    return tarn_fail(p->cx, kind.p ? TARN_UNSUPPORTED : TARN_CORRUPT,
                     "schema: %s has type \"%.*s\", which is not supported", where[0] ? where : "the table",
                     (int)kind.n, kind.p ? kind.p : "");
}

/* The engine finds columns in files without case, and members of structs by their names alone. */
static tarn_code check_physical(tarn_cx *cx, const tarn_type *type) {
    const char **names = TARN_NEW_ARRAY(cx->arena, const char *, type->n_fields);
    for (size_t i = 0; i < type->n_fields; i++) names[i] = tarn_delta_physical(&type->fields[i]);
    tarn_names_tell_apart(cx->arena, names, type->n_fields);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        if (names[i] != tarn_delta_physical(f))
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "column %s is called %s in data files, and another column the same but for case", f->name,
                             tarn_delta_physical(f));
        TRY(tarn_prefix(cx, check_physical(cx, f->type), "column %s", f->name));
    }
    return TARN_OK;
}

tarn_code tarn_delta_schema_parse(tarn_cx *cx, tarn_arena *arena, const char *json, tarn_delta_mapping mapping,
                                  tarn_schema **out) {
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    const tarn_json_value *tree = NULL;
    tarn_code code =
        tarn_json_parse(cx, scratch, tarn_str_of(json), (int)tarn_conf_int(cx->conf, TARN_LIMIT_JSON_DEPTH), &tree);
    TRY(tarn_prefix(cx, code, "schema"));
    parser p = {.cx = cx, .arena = arena, .mapping = mapping, .limit = tarn_conf_int(cx->conf, TARN_LIMIT_COLUMNS)};
    tarn_type *type = NULL;
    TRY(parse_type(&p, "", tree, &type));
    if (type->kind != TARN_STRUCT) return tarn_fail(cx, TARN_CORRUPT, "schema: it is no struct");
    TRY(tarn_schema_check(cx, type));
    if (mapping != TARN_DELTA_MAP_NONE) TRY(check_physical(cx, type));
    *out = type;
    return TARN_OK;
}

const char *tarn_delta_physical(const tarn_field *field) { return field->physical ? field->physical : field->name; }

void tarn_delta_primitive(tarn_buf *out, const tarn_type *type) {
    if (type->kind == TARN_DECIMAL) {
        tarn_buf_printf(out, "decimal(%d,%d)", type->precision, type->scale);
        return;
    }
    for (size_t i = 0; i < N_PRIMITIVES; i++) {
        if (PRIMITIVES[i].kind != type->kind) continue;
        tarn_buf_puts(out, PRIMITIVES[i].name);
        return;
    }
}

/* Members of the metadata that have fields of their own in the model. */
static bool told_elsewhere(const tarn_field *f, const char *key) {
    if (!strcmp(key, "delta.columnMapping.id")) return f->id >= 0;
    if (!strcmp(key, "delta.columnMapping.physicalName")) return f->physical != NULL;
    if (!strncmp(key, "delta.identity.", 15)) return f->identity != NULL;
    return !strcmp(key, "comment") || !strcmp(key, "CURRENT_DEFAULT") || !strcmp(key, "delta.generationExpression");
}

static void print_metadata(tarn_jsonw *w, const tarn_field *f) {
    tarn_jsonw_begin_object(w);
    for (size_t i = 0; i < f->n_meta; i++) {
        if (told_elsewhere(f, f->meta[i].key)) continue;
        tarn_jsonw_key(w, f->meta[i].key);
        tarn_jsonw_raw(w, tarn_str_of(f->meta[i].json));
    }
    const char *const texts[][2] = {{"comment", f->comment},
                                    {"CURRENT_DEFAULT", f->default_sql},
                                    {"delta.generationExpression", f->generated_sql},
                                    {"delta.columnMapping.physicalName", f->physical}};
    for (size_t i = 0; i < 4; i++) {
        if (!texts[i][1]) continue;
        tarn_jsonw_key(w, texts[i][0]);
        tarn_jsonw_text(w, texts[i][1]);
    }
    if (f->identity) {
        tarn_jsonw_key(w, "delta.identity.start"), tarn_jsonw_int(w, f->identity->start);
        tarn_jsonw_key(w, "delta.identity.step"), tarn_jsonw_int(w, f->identity->step);
        if (f->identity->begun) tarn_jsonw_key(w, "delta.identity.highWaterMark"), tarn_jsonw_int(w, f->identity->last);
        tarn_jsonw_key(w, "delta.identity.allowExplicitInsert"), tarn_jsonw_bool(w, f->identity->open);
    }
    if (f->id >= 0 && f->physical) {
        tarn_jsonw_key(w, "delta.columnMapping.id");
        tarn_jsonw_int(w, f->id);
    }
    tarn_jsonw_end_object(w);
}

static tarn_code print_type(tarn_cx *cx, tarn_jsonw *w, const tarn_type *type);

static tarn_code print_struct(tarn_cx *cx, tarn_jsonw *w, const tarn_type *type) {
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "type"), tarn_jsonw_text(w, "struct");
    tarn_jsonw_key(w, "fields");
    tarn_jsonw_begin_array(w);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        tarn_jsonw_begin_object(w);
        tarn_jsonw_key(w, "name"), tarn_jsonw_text(w, f->name);
        tarn_jsonw_key(w, "type");
        TRY(print_type(cx, w, f->type));
        tarn_jsonw_key(w, "nullable"), tarn_jsonw_bool(w, f->nullable);
        tarn_jsonw_key(w, "metadata");
        print_metadata(w, f);
        tarn_jsonw_end_object(w);
    }
    tarn_jsonw_end_array(w);
    tarn_jsonw_end_object(w);
    return TARN_OK;
}

static tarn_code print_type(tarn_cx *cx, tarn_jsonw *w, const tarn_type *type) {
    if (type->kind == TARN_STRUCT) return print_struct(cx, w, type);
    if (type->kind == TARN_LIST || type->kind == TARN_MAP) {
        bool map = type->kind == TARN_MAP;
        const tarn_field *value = &type->fields[map ? 1 : 0];
        tarn_jsonw_begin_object(w);
        tarn_jsonw_key(w, "type"), tarn_jsonw_text(w, map ? "map" : "array");
        if (map) {
            tarn_jsonw_key(w, "keyType");
            TRY(print_type(cx, w, type->fields[0].type));
        }
        tarn_jsonw_key(w, map ? "valueType" : "elementType");
        TRY(print_type(cx, w, value->type));
        tarn_jsonw_key(w, map ? "valueContainsNull" : "containsNull"), tarn_jsonw_bool(w, value->nullable);
        tarn_jsonw_end_object(w);
        return TARN_OK;
    }
    tarn_auto_buf name = TARN_BUF(64);
    tarn_delta_primitive(&name, type);
    if (!name.n) return tarn_fail(cx, TARN_UNSUPPORTED, "delta tables cannot hold type %s", tarn_kind_name(type->kind));
    tarn_jsonw_text(w, name.data);
    return TARN_OK;
}

tarn_code tarn_delta_schema_print(tarn_cx *cx, const tarn_schema *schema, tarn_buf *out) {
    tarn_jsonw w = TARN_JSONW(out);
    return print_struct(cx, &w, schema);
}
