/* type.c: building, comparing and finding types and fields, and Spark's text for them. */
#include "model/type.h"

#include <stdlib.h>

#include "base/map.h"

static const char *const kind_names[] = {
    [TARN_BOOL] = "boolean",
    [TARN_INT8] = "int8",
    [TARN_INT16] = "int16",
    [TARN_INT32] = "int32",
    [TARN_INT64] = "int64",
    [TARN_FLOAT32] = "float32",
    [TARN_FLOAT64] = "float64",
    [TARN_DECIMAL] = "decimal",
    [TARN_DATE] = "date",
    [TARN_TIME] = "time",
    [TARN_TIMESTAMP] = "timestamp",
    [TARN_TIMESTAMP_NTZ] = "timestamp_ntz",
    [TARN_TIMESTAMP_NS] = "timestamp_ns",
    [TARN_TIMESTAMP_NTZ_NS] = "timestamp_ntz_ns",
    [TARN_STRING] = "string",
    [TARN_BINARY] = "binary",
    [TARN_FIXED] = "fixed",
    [TARN_UUID] = "uuid",
    [TARN_VARIANT] = "variant",
    [TARN_VOID] = "void",
    [TARN_STRUCT] = "struct",
    [TARN_LIST] = "list",
    [TARN_MAP] = "map",
};

const char *tarn_kind_name(tarn_kind kind) {
    return (size_t)kind < sizeof kind_names / sizeof *kind_names ? kind_names[kind] : "unknown";
}

bool tarn_type_nested(const tarn_type *type) {
    return type->kind == TARN_STRUCT || type->kind == TARN_LIST || type->kind == TARN_MAP;
}

bool tarn_type_eq(const tarn_type *a, const tarn_type *b) {
    if (a == b) return true;
    if (a->kind != b->kind || a->n_fields != b->n_fields) return false;
    if ((a->kind == TARN_DECIMAL || a->kind == TARN_FIXED) && a->precision != b->precision) return false;
    if (a->kind == TARN_DECIMAL && a->scale != b->scale) return false;
    for (size_t i = 0; i < a->n_fields; i++) {
        const tarn_field *f = &a->fields[i], *g = &b->fields[i];
        if (strcmp(f->name, g->name) != 0 || f->nullable != g->nullable || f->id != g->id) return false;
        if (!tarn_type_eq(f->type, g->type)) return false;
    }
    return true;
}

tarn_type *tarn_type_new(tarn_arena *arena, tarn_kind kind) {
    tarn_type *type = TARN_NEW(arena, tarn_type);
    type->kind = kind;
    return type;
}

tarn_type *tarn_type_decimal(tarn_arena *arena, int precision, int scale) {
    tarn_type *type = tarn_type_new(arena, TARN_DECIMAL);
    type->precision = precision;
    type->scale = scale;
    return type;
}

tarn_type *tarn_type_list(tarn_arena *arena, const tarn_type *element, bool nullable) {
    tarn_type *type = tarn_type_new(arena, TARN_LIST);
    type->fields = TARN_NEW_ARRAY(arena, tarn_field, 1);
    type->n_fields = 1;
    type->fields[0] = (tarn_field){.name = "element", .type = element, .nullable = nullable, .id = -1};
    return type;
}

tarn_type *tarn_type_map(tarn_arena *arena, const tarn_type *key, const tarn_type *value, bool nullable) {
    tarn_type *type = tarn_type_new(arena, TARN_MAP);
    type->fields = TARN_NEW_ARRAY(arena, tarn_field, 2);
    type->n_fields = 2;
    type->fields[0] = (tarn_field){.name = "key", .type = key, .id = -1};
    type->fields[1] = (tarn_field){.name = "value", .type = value, .nullable = nullable, .id = -1};
    return type;
}

static const char *copy_text(tarn_arena *arena, const char *s) { return s ? tarn_arena_strdup(arena, s) : NULL; }

static void copy_field(tarn_arena *arena, const tarn_field *from, tarn_field *to) {
    *to = *from;
    to->name = copy_text(arena, from->name);
    to->type = tarn_type_copy(arena, from->type);
    to->physical = copy_text(arena, from->physical);
    to->stored = copy_text(arena, from->stored);
    to->comment = copy_text(arena, from->comment);
    to->default_sql = copy_text(arena, from->default_sql);
    to->initial_sql = copy_text(arena, from->initial_sql);
    to->generated_sql = copy_text(arena, from->generated_sql);
    if (from->identity) to->identity = memcpy(TARN_NEW(arena, tarn_identity), from->identity, sizeof *from->identity);
    tarn_meta *meta = from->n_meta ? TARN_NEW_ARRAY(arena, tarn_meta, from->n_meta) : NULL;
    for (size_t i = 0; i < from->n_meta; i++) {
        meta[i].key = copy_text(arena, from->meta[i].key);
        meta[i].json = copy_text(arena, from->meta[i].json);
    }
    to->meta = meta;
}

tarn_type *tarn_type_copy(tarn_arena *arena, const tarn_type *type) {
    tarn_type *copy = TARN_NEW(arena, tarn_type);
    *copy = *type;
    if (type->n_fields) copy->fields = TARN_NEW_ARRAY(arena, tarn_field, type->n_fields);
    for (size_t i = 0; i < type->n_fields; i++) copy_field(arena, &type->fields[i], &copy->fields[i]);
    return copy;
}

static void free_text(char **text) { free(*text); }

int tarn_schema_find(const tarn_schema *schema, tarn_str name) {
    for (size_t i = 0; i < schema->n_fields; i++)
        if (tarn_str_is(name, schema->fields[i].name)) return (int)i;
    if (name.n == 0 || memchr(name.p, 0, name.n)) return -1;
    tarn_auto(char *, free_text) text = strndup(name.p, name.n);
    for (size_t i = 0; text && i < schema->n_fields; i++)
        if (tarn_name_eq(text, schema->fields[i].name)) return (int)i;
    return -1;
}

/* Names may hold dots themselves, so the longest name that fits is tried first. A member is reached by one way only: no
 * blow-up. */
const tarn_field *tarn_schema_path(const tarn_schema *schema, tarn_str dotted) {
    int at = tarn_schema_find(schema, dotted);
    if (at >= 0) return &schema->fields[at];
    for (size_t n = dotted.n; n-- > 0;) {
        if (dotted.p[n] != '.') continue;
        at = tarn_schema_find(schema, (tarn_str){dotted.p, n});
        if (at < 0 || schema->fields[at].type->kind != TARN_STRUCT) continue;
        tarn_str rest = {dotted.p + n + 1, dotted.n - n - 1};
        const tarn_field *field = tarn_schema_path(schema->fields[at].type, rest);
        if (field) return field;
    }
    return NULL;
}

/* DuckDB folds ASCII letters alone. */
static tarn_str fold_ascii(tarn_arena *arena, const char *name) {
    char *key = tarn_arena_strdup(arena, name);
    size_t n = 0;
    for (; key[n]; n++)
        if (key[n] >= 'A' && key[n] <= 'Z') key[n] += 32;
    return (tarn_str){key, n};
}

void tarn_names_tell_apart(tarn_arena *arena, const char **names, size_t n) {
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    tarn_map counts = {0}; /* how often each name was given another end */
    for (size_t i = 0; i < n; i++) {
        const char *name = names[i];
        int64_t *count;
        while ((count = tarn_map_get(&counts, fold_ascii(scratch, name))))
            name = tarn_arena_printf(scratch, "%s_%lld", name, (long long)++*count);
        tarn_map_put(&counts, scratch, fold_ascii(scratch, name), TARN_NEW(scratch, int64_t));
        if (name != names[i]) names[i] = tarn_arena_strdup(arena, name);
    }
}

typedef struct same_key {
    const char *name;
    struct same_key *next;
} same_key;

/* Names that are equal without case have the same ASCII letters at the same places, because folding keeps the length of
 * all it folds. */
static tarn_str rough_key(tarn_arena *arena, const char *name) {
    char *key = tarn_arena_strdup(arena, name);
    size_t n = 0;
    for (; key[n]; n++) {
        if (key[n] >= 'A' && key[n] <= 'Z') key[n] += 32;
        if ((unsigned char)key[n] >= 0x80) key[n] = '?';
    }
    return (tarn_str){key, n};
}

static tarn_code check_members(tarn_cx *cx, const tarn_type *type, int64_t *count) {
    tarn_map seen = {0};
    int64_t limit = tarn_conf_int(cx->conf, TARN_LIMIT_COLUMNS);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *field = &type->fields[i];
        if (++*count > limit)
            return tarn_fail(cx, TARN_LIMIT,
                             "schema has more than %lld columns (nested ones counted); raise limit.columns",
                             (long long)limit);
        if (!field->name || !field->name[0])
            return tarn_fail(cx, TARN_INVALID, "column %zu has an empty name; give it one", i + 1);
        if (field->type->kind == TARN_FOREIGN)
            return tarn_fail(cx, TARN_UNSUPPORTED, "column %s: %s", field->name, field->type->fields[0].comment);
        tarn_str key = rough_key(cx->arena, field->name);
        same_key *first = tarn_map_get(&seen, key);
        for (const same_key *k = first; k; k = k->next)
            if (tarn_name_eq(k->name, field->name))
                return tarn_fail(cx, TARN_INVALID, "columns %s and %s have the same name but for case; rename one",
                                 k->name, field->name);
        same_key *entry = TARN_NEW(cx->arena, same_key);
        *entry = (same_key){field->name, first};
        tarn_map_put(&seen, cx->arena, key, entry);
        TRY(tarn_check(cx));
        TRY(tarn_prefix(cx, check_members(cx, field->type, count), "column %s", field->name));
    }
    return TARN_OK;
}

/* Statements that change rows give them columns of such names. */
static const char RESERVED[] = "_tarn_";

tarn_code tarn_schema_check(tarn_cx *cx, const tarn_schema *schema) {
    int64_t count = 0;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const char *name = schema->fields[i].name;
        if (name && strncasecmp(name, RESERVED, sizeof RESERVED - 1) == 0)
            return tarn_fail(cx, TARN_INVALID, "column %s: names that begin with %s are Tarn's own", name, RESERVED);
    }
    return check_members(cx, schema, &count);
}

static const char *spark_name(tarn_kind kind) {
    switch (kind) {
    case TARN_INT8: return "tinyint";
    case TARN_INT16: return "smallint";
    case TARN_INT32: return "int";
    case TARN_INT64: return "bigint";
    case TARN_FLOAT32: return "float";
    case TARN_FLOAT64: return "double";
    default: return tarn_kind_name(kind);
    }
}

static void put_spark_name(tarn_buf *out, const char *name) {
    bool plain = name[0] && !(name[0] >= '0' && name[0] <= '9');
    for (const char *c = name; *c; c++)
        plain =
            plain && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_');
    if (plain) return tarn_buf_puts(out, name);
    tarn_buf_putc(out, '`');
    for (const char *c = name; *c; c++) {
        if (*c == '`') tarn_buf_putc(out, '`');
        tarn_buf_putc(out, *c);
    }
    tarn_buf_putc(out, '`');
}

void tarn_type_sql(tarn_buf *out, const tarn_type *type) {
    switch (type->kind) {
    case TARN_DECIMAL: return tarn_buf_printf(out, "decimal(%d,%d)", type->precision, type->scale);
    case TARN_FIXED: return tarn_buf_printf(out, "fixed(%d)", type->precision);
    case TARN_STRUCT: tarn_buf_puts(out, "struct<"); break;
    case TARN_LIST: tarn_buf_puts(out, "array<"); break;
    case TARN_MAP: tarn_buf_puts(out, "map<"); break;
    default: return tarn_buf_puts(out, spark_name(type->kind));
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        if (i) tarn_buf_putc(out, ',');
        if (type->kind == TARN_STRUCT) {
            put_spark_name(out, type->fields[i].name);
            tarn_buf_putc(out, ':');
        }
        tarn_type_sql(out, type->fields[i].type);
    }
    tarn_buf_putc(out, '>');
}

bool tarn_field_length(const tarn_field *field, int64_t *length, bool *pads) {
    static const char varying[] = "\"varchar(", fixed[] = "\"char(";
    const char *json = NULL;
    for (size_t i = 0; field->type->kind == TARN_STRING && i < field->n_meta; i++)
        if (!strcmp(field->meta[i].key, TARN_META_LENGTH)) json = field->meta[i].json;
    if (!json) return false;
    *pads = !strncmp(json, fixed, sizeof fixed - 1);
    if (!*pads && strncmp(json, varying, sizeof varying - 1)) return false;
    const char *digits = strchr(json, '(') + 1;
    return tarn_parse_i64((tarn_str){digits, strcspn(digits, ")")}, length) && *length > 0;
}

void tarn_field_set_length(tarn_arena *arena, tarn_field *field, int64_t length, bool pads) {
    tarn_meta *meta = TARN_NEW_ARRAY(arena, tarn_meta, field->n_meta + 1);
    size_t n = 0;
    for (size_t i = 0; i < field->n_meta; i++)
        if (strcmp(field->meta[i].key, TARN_META_LENGTH) != 0) meta[n++] = field->meta[i];
    if (length > 0)
        meta[n++] = (tarn_meta){TARN_META_LENGTH,
                                tarn_arena_printf(arena, "\"%s(%lld)\"", pads ? "char" : "varchar", (long long)length)};
    field->meta = meta;
    field->n_meta = n;
}

void tarn_field_sql(tarn_buf *out, const tarn_field *field) {
    int64_t length;
    bool pads;
    if (tarn_field_length(field, &length, &pads))
        tarn_buf_printf(out, "%s(%lld)", pads ? "char" : "varchar", (long long)length);
    else
        tarn_type_sql(out, field->type);
}
