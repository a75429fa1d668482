/* schema.c: Avro's schema JSON as a tree of types: names resolved, ids and logical types read, sizes known. */
#include "base/map.h"
#include "base/vec.h"
#include "codec/avro.h"

/* The JSON tree takes up to 50 times its text. */
enum { SCHEMA_MAX = 8 << 20, FULL = 512 };

typedef struct builder {
    tarn_arena *arena;
    tarn_map names;                   /* full name -> type */
    TARN_VEC(tarn_avro_type *) types; /* all, in the order they begin */
} builder;

static const char *const primitives[] = {"null",   "boolean", "int",  "long",   "float", "double", "bytes",
                                         "string", "fixed",   "enum", "record", "array", "map"};

static tarn_code read_type(tarn_cx *cx, builder *b, const tarn_json_value *v, tarn_str space,
                           const tarn_avro_type **out);

static tarn_avro_type *new_type(builder *b, tarn_avro_kind kind, const tarn_json_value *json) {
    tarn_avro_type *type = TARN_NEW(b->arena, tarn_avro_type);
    *type = (tarn_avro_type){.kind = kind, .item_id = -1, .key_id = -1, .json = json};
    *TARN_PUSH(b->arena, &b->types) = type;
    return type;
}

static int32_t read_id(const tarn_json_value *v, const char *key) {
    int64_t id = tarn_json_as_int(tarn_json_get(v, key), -1);
    return id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
}

static tarn_str quoted(tarn_str s) { return s.n <= 100 ? s : (tarn_str){s.p, 100}; }

/* "Names": a dotted name is full already; others lie in the namespace around them. */
static tarn_str full_name(builder *b, tarn_str name, tarn_str space) {
    if (space.n == 0 || memchr(name.p, '.', name.n)) return name;
    char *full = tarn_arena_printf(b->arena, "%.*s.%.*s", (int)space.n, space.p, (int)name.n, name.p);
    return tarn_str_of(full);
}

static tarn_str space_of(tarn_str full) {
    const char *dot = full.n ? memrchr(full.p, '.', full.n) : NULL;
    return (tarn_str){full.p, dot ? (size_t)(dot - full.p) : 0};
}

/* Takes the name of a definition; gives the namespace of what is inside. */
static tarn_code define(tarn_cx *cx, builder *b, tarn_avro_type *type, tarn_str space, tarn_str *inside) {
    tarn_str name = tarn_json_as_str(tarn_json_get(type->json, "name"));
    tarn_str own = tarn_json_as_str(tarn_json_get(type->json, "namespace"));
    if (name.n == 0) return tarn_fail(cx, TARN_CORRUPT, "Avro schema: a %s without a name", primitives[type->kind]);
    if (name.n > FULL || own.n > FULL) return tarn_fail(cx, TARN_LIMIT, "Avro schema: a name of over %d bytes", FULL);
    type->name = full_name(b, name, own.p ? own : space);
    *inside = space_of(type->name);
    tarn_map_put(&b->names, b->arena, type->name, type);
    return TARN_OK;
}

static tarn_code read_name(tarn_cx *cx, builder *b, const tarn_json_value *v, tarn_str space,
                           const tarn_avro_type **out) {
    tarn_str name = v->text;
    for (int kind = TARN_AVRO_NULL; kind <= TARN_AVRO_STRING; kind++) {
        if (!tarn_str_is(name, primitives[kind])) continue;
        *out = new_type(b, (tarn_avro_kind)kind, v);
        return TARN_OK;
    }
    const tarn_avro_type *there = tarn_map_get(&b->names, full_name(b, name, space));
    if (!there) there = tarn_map_get(&b->names, name);
    name = quoted(name);
    if (!there) return tarn_fail(cx, TARN_CORRUPT, "Avro schema: there is no type %.*s", (int)name.n, name.p);
    *out = there;
    return TARN_OK;
}

static tarn_code read_union(tarn_cx *cx, builder *b, const tarn_json_value *v, tarn_str space,
                            const tarn_avro_type **out) {
    tarn_avro_type *type = new_type(b, TARN_AVRO_UNION, v);
    if (v->n == 0) return tarn_fail(cx, TARN_CORRUPT, "Avro schema: a union of nothing");
    type->branches = TARN_NEW_ARRAY(b->arena, const tarn_avro_type *, v->n);
    type->n_branches = v->n;
    for (size_t i = 0; i < v->n; i++) {
        TRY(read_type(cx, b, &v->items[i], space, &type->branches[i]));
        if (type->branches[i]->kind == TARN_AVRO_UNION)
            return tarn_fail(cx, TARN_CORRUPT, "Avro schema: a union right inside a union");
    }
    *out = type;
    return TARN_OK;
}

static tarn_code read_record(tarn_cx *cx, builder *b, const tarn_json_value *v, tarn_str space,
                             const tarn_avro_type **out) {
    tarn_avro_type *type = new_type(b, TARN_AVRO_RECORD, v);
    TRY(define(cx, b, type, space, &space));
    const tarn_json_value *fields = tarn_json_get(v, "fields");
    tarn_str name = quoted(type->name);
    if (!fields || fields->kind != TARN_JSON_ARRAY)
        return tarn_fail(cx, TARN_CORRUPT, "Avro schema: record %.*s has no fields", (int)name.n, name.p);
    type->fields = TARN_NEW_ARRAY(b->arena, tarn_avro_field, fields->n);
    for (size_t i = 0; i < fields->n; i++) {
        const tarn_json_value *at = &fields->items[i];
        tarn_avro_field *field = &type->fields[i];
        *field = (tarn_avro_field){
            .name = tarn_json_as_str(tarn_json_get(at, "name")), .id = read_id(at, "field-id"), .json = at};
        if (!field->name.p)
            return tarn_fail(cx, TARN_CORRUPT, "Avro schema: a field of record %.*s has no name", (int)name.n, name.p);
        TRY(read_type(cx, b, tarn_json_get(at, "type"), space, &field->type));
    }
    type->n_fields = fields->n;
    *out = type;
    return TARN_OK;
}

static tarn_code read_symbols(tarn_cx *cx, builder *b, tarn_avro_type *type) {
    const tarn_json_value *symbols = tarn_json_get(type->json, "symbols");
    if (!symbols || symbols->kind != TARN_JSON_ARRAY || symbols->n == 0)
        return tarn_fail(cx, TARN_CORRUPT, "Avro schema: an enum without symbols");
    tarn_str *names = TARN_NEW_ARRAY(b->arena, tarn_str, symbols->n);
    for (size_t i = 0; i < symbols->n; i++) {
        names[i] = tarn_json_as_str(&symbols->items[i]);
        if (!names[i].p) return tarn_fail(cx, TARN_CORRUPT, "Avro schema: an enum's symbol is no text");
    }
    type->symbols = names;
    type->n_symbols = symbols->n;
    return TARN_OK;
}

static tarn_code read_fixed(tarn_cx *cx, tarn_avro_type *type) {
    int64_t size = tarn_json_as_int(tarn_json_get(type->json, "size"), -1);
    if (size < 0 || size > INT32_MAX) return tarn_fail(cx, TARN_CORRUPT, "Avro schema: a fixed without a size");
    type->size = (size_t)size;
    return TARN_OK;
}

static void read_decimal(tarn_avro_type *type) {
    int64_t precision = tarn_json_as_int(tarn_json_get(type->json, "precision"), 0);
    int64_t scale = tarn_json_as_int(tarn_json_get(type->json, "scale"), 0);
    bool fits = type->kind == TARN_AVRO_BYTES || type->kind == TARN_AVRO_FIXED;
    if (!fits || precision < 1 || precision > INT32_MAX || scale < 0 || scale > precision) return;
    type->logical = TARN_AVRO_DECIMAL;
    type->precision = (int)precision;
    type->scale = (int)scale;
}

static void read_logical(tarn_avro_type *type) {
    static const struct {
        const char *name;
        tarn_avro_kind kind;
        tarn_avro_logical logical;
    } known[] = {{"date", TARN_AVRO_INT, TARN_AVRO_DATE},
                 {"time-millis", TARN_AVRO_INT, TARN_AVRO_TIME_MILLIS},
                 {"time-micros", TARN_AVRO_LONG, TARN_AVRO_TIME_MICROS},
                 {"timestamp-millis", TARN_AVRO_LONG, TARN_AVRO_TIMESTAMP_MILLIS},
                 {"timestamp-micros", TARN_AVRO_LONG, TARN_AVRO_TIMESTAMP_MICROS},
                 {"timestamp-nanos", TARN_AVRO_LONG, TARN_AVRO_TIMESTAMP_NANOS},
                 {"local-timestamp-millis", TARN_AVRO_LONG, TARN_AVRO_LOCAL_MILLIS},
                 {"local-timestamp-micros", TARN_AVRO_LONG, TARN_AVRO_LOCAL_MICROS},
                 {"local-timestamp-nanos", TARN_AVRO_LONG, TARN_AVRO_LOCAL_NANOS},
                 {"uuid", TARN_AVRO_STRING, TARN_AVRO_UUID},
                 {"uuid", TARN_AVRO_FIXED, TARN_AVRO_UUID}};
    tarn_str name = tarn_json_as_str(tarn_json_get(type->json, "logicalType"));
    if (!name.p) return;
    if (tarn_str_is(name, "decimal")) return read_decimal(type);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tarn_str_is(name, known[i].name) && type->kind == known[i].kind) type->logical = known[i].logical;
    if (type->logical == TARN_AVRO_UUID && type->kind == TARN_AVRO_FIXED && type->size != 16)
        type->logical = TARN_AVRO_PLAIN;
    /* Iceberg's mark (Appendix A, Avro): without it the type is an instant. */
    bool local = !tarn_json_as_bool(tarn_json_get(type->json, "adjust-to-utc"), true);
    if (local && type->logical >= TARN_AVRO_TIMESTAMP_MILLIS && type->logical <= TARN_AVRO_TIMESTAMP_NANOS)
        type->logical += TARN_AVRO_LOCAL_MILLIS - TARN_AVRO_TIMESTAMP_MILLIS;
    const tarn_avro_type *pair = type->kind == TARN_AVRO_ARRAY ? type->items : NULL;
    if (tarn_str_is(name, "map") && pair && pair->kind == TARN_AVRO_RECORD && pair->n_fields == 2)
        type->logical = TARN_AVRO_KEYED;
}

static tarn_code read_items(tarn_cx *cx, builder *b, tarn_avro_kind kind, const tarn_json_value *v, tarn_str space,
                            tarn_avro_type **out) {
    tarn_avro_type *type = new_type(b, kind, v);
    bool map = kind == TARN_AVRO_MAP;
    type->item_id = read_id(v, map ? "value-id" : "element-id");
    type->key_id = map ? read_id(v, "key-id") : -1;
    TRY(read_type(cx, b, tarn_json_get(v, map ? "values" : "items"), space, &type->items));
    *out = type;
    return TARN_OK;
}

static tarn_code read_object(tarn_cx *cx, builder *b, const tarn_json_value *v, tarn_str space,
                             const tarn_avro_type **out) {
    const tarn_json_value *inner = tarn_json_get(v, "type");
    tarn_str name = tarn_json_as_str(inner), inside;
    if (!name.p) return read_type(cx, b, inner, space, out);
    int kind = TARN_AVRO_NULL;
    while (kind < TARN_AVRO_UNION && !tarn_str_is(name, primitives[kind])) kind++;
    if (kind == TARN_AVRO_RECORD || tarn_str_is(name, "error")) return read_record(cx, b, v, space, out);
    if (kind == TARN_AVRO_UNION) return read_name(cx, b, inner, space, out);
    tarn_avro_type *type;
    if (kind == TARN_AVRO_ARRAY || kind == TARN_AVRO_MAP)
        TRY(read_items(cx, b, (tarn_avro_kind)kind, v, space, &type));
    else
        type = new_type(b, (tarn_avro_kind)kind, v);
    if (kind == TARN_AVRO_ENUM || kind == TARN_AVRO_FIXED) TRY(define(cx, b, type, space, &inside));
    if (kind == TARN_AVRO_ENUM) TRY(read_symbols(cx, b, type));
    if (kind == TARN_AVRO_FIXED) TRY(read_fixed(cx, type));
    read_logical(type);
    *out = type;
    return TARN_OK;
}

/* The JSON's depth bounds the recursion. */
static tarn_code read_type(tarn_cx *cx, builder *b, const tarn_json_value *v, tarn_str space,
                           const tarn_avro_type **out) {
    if (v && v->kind == TARN_JSON_STRING) return read_name(cx, b, v, space, out);
    if (v && v->kind == TARN_JSON_ARRAY) return read_union(cx, b, v, space, out);
    if (v && v->kind == TARN_JSON_OBJECT) return read_object(cx, b, v, space, out);
    return tarn_fail(cx, TARN_CORRUPT, "Avro schema: a type is missing, or is neither a name, a union nor an object");
}

enum { SIZE_UNKNOWN = SIZE_MAX, SIZE_OPEN = SIZE_MAX - 1, SIZE_TOP = INT32_MAX };

static size_t plain_size(const tarn_avro_type *type) {
    switch (type->kind) {
    case TARN_AVRO_NULL: return 0;
    case TARN_AVRO_FLOAT: return 4;
    case TARN_AVRO_DOUBLE: return 8;
    case TARN_AVRO_FIXED: return type->size;
    default: return 1;
    }
}

/* Fields that are records themselves are the only way down: as they were read before, or lie inside this one's JSON,
 * its depth bounds this recursion too. A record that is its own field would have no end. */
static tarn_code measure(tarn_cx *cx, tarn_avro_type *type) {
    if (type->min_size == SIZE_OPEN) {
        tarn_str name = quoted(type->name);
        return tarn_fail(cx, TARN_CORRUPT, "Avro schema: record %.*s contains itself", (int)name.n, name.p);
    }
    if (type->min_size != SIZE_UNKNOWN) return TARN_OK;
    if (type->kind != TARN_AVRO_RECORD) {
        type->min_size = plain_size(type);
        return TARN_OK;
    }
    type->min_size = SIZE_OPEN;
    size_t sum = 0;
    for (size_t i = 0; i < type->n_fields; i++) {
        tarn_avro_type *field = (tarn_avro_type *)type->fields[i].type;
        TRY(measure(cx, field));
        sum = sum + field->min_size < SIZE_TOP ? sum + field->min_size : SIZE_TOP;
    }
    type->min_size = sum;
    return TARN_OK;
}

tarn_code tarn_avro_schema(tarn_cx *cx, tarn_arena *arena, tarn_str json, const tarn_avro_type **out) {
    if (json.n > SCHEMA_MAX) return tarn_fail(cx, TARN_LIMIT, "Avro schema: over %d bytes", SCHEMA_MAX);
    const tarn_json_value *tree;
    TRY(tarn_prefix(cx, tarn_json_parse(cx, arena, json, TARN_JSON_DEPTH, &tree), "Avro schema"));
    builder b = {.arena = arena};
    const tarn_avro_type *type;
    TRY(read_type(cx, &b, tree, (tarn_str){0}, &type));
    for (size_t i = 0; i < b.types.n; i++) b.types.at[i]->min_size = SIZE_UNKNOWN;
    for (size_t i = 0; i < b.types.n; i++) TRY(measure(cx, b.types.at[i]));
    *out = type;
    return TARN_OK;
}

const tarn_avro_type *tarn_avro_unwrap(const tarn_avro_type *type) {
    if (type->kind != TARN_AVRO_UNION || type->n_branches != 2) return type;
    if (type->branches[0]->kind == TARN_AVRO_NULL) return type->branches[1];
    return type->branches[1]->kind == TARN_AVRO_NULL ? type->branches[0] : type;
}

const tarn_avro_field *tarn_avro_field_by_id(const tarn_avro_type *record, int32_t id) {
    record = tarn_avro_unwrap(record);
    for (size_t i = 0; i < record->n_fields; i++)
        if (record->fields[i].id == id) return &record->fields[i];
    return NULL;
}

const tarn_avro_field *tarn_avro_field_named(const tarn_avro_type *record, const char *name) {
    record = tarn_avro_unwrap(record);
    for (size_t i = 0; i < record->n_fields; i++)
        if (tarn_str_is(record->fields[i].name, name)) return &record->fields[i];
    return NULL;
}
