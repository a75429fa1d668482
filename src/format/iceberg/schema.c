/* schema.c: a schema's JSON to the model's types (1.2), and the defaults in it to SQL (1.7). */
#include "format/iceberg/metadata.h"

#include "base/crypto.h"
#include "base/time.h"

enum { DEFAULT_MAX = 1 << 20 };

static const struct {
    const char *name;
    tarn_kind kind;
} PRIMITIVES[] = {{"boolean", TARN_BOOL},
                  {"int", TARN_INT32},
                  {"long", TARN_INT64},
                  {"float", TARN_FLOAT32},
                  {"double", TARN_FLOAT64},
                  {"date", TARN_DATE},
                  {"time", TARN_TIME},
                  {"timestamp", TARN_TIMESTAMP_NTZ},
                  {"timestamptz", TARN_TIMESTAMP},
                  {"timestamp_ns", TARN_TIMESTAMP_NTZ_NS},
                  {"string", TARN_STRING},
                  {"timestamptz_ns", TARN_TIMESTAMP_NS},
                  {"uuid", TARN_UUID},
                  {"binary", TARN_BINARY},
                  {"unknown", TARN_VOID},
                  {"variant", TARN_VARIANT}};

typedef struct parser {
    tarn_cx *cx;
    tarn_arena *arena;
    int64_t fields, limit;
} parser;

static tarn_code parse_type(parser *p, const tarn_json_value *v, const char *where, tarn_type **out);

static tarn_str strip(tarn_str s) {
    while (s.n && s.p[0] == ' ') s.p++, s.n--;
    while (s.n && s.p[s.n - 1] == ' ') s.n--;
    return s;
}

/* "decimal( 9 , 2 )": the word before the brackets, and up to two numbers in them; *n how many, -1: not such a text. */
static tarn_str split_args(tarn_str text, int64_t args[2], int *n) {
    const char *open = memchr(text.p, '(', text.n), *bracket = memchr(text.p, '[', text.n);
    if (!open || (bracket && bracket < open)) open = bracket;
    *n = 0;
    if (!open) return text;
    tarn_str word = strip((tarn_str){text.p, (size_t)(open - text.p)});
    tarn_str rest = {open + 1, text.n - (size_t)(open + 1 - text.p)};
    if (!rest.n || (rest.p[rest.n - 1] != ')' && rest.p[rest.n - 1] != ']')) return *n = -1, word;
    rest.n--;
    while (*n >= 0 && rest.p) {
        const char *comma = memchr(rest.p, ',', rest.n);
        tarn_str one = strip((tarn_str){rest.p, comma ? (size_t)(comma - rest.p) : rest.n});
        if (*n == 2 || !tarn_parse_i64(one, &args[*n])) return *n = -1, word;
        (*n)++;
        rest = comma ? (tarn_str){comma + 1,
                                  rest.n - one.n - (size_t)(comma + 1 - one.p - one.n) - (size_t)(one.p - rest.p)}
                     : (tarn_str){NULL, 0};
    }
    return word;
}

static tarn_code parse_primitive(parser *p, tarn_str text, const char *where, tarn_type **out) {
    int64_t args[2] = {0};
    int n;
    tarn_str word = split_args(strip(text), args, &n);
    for (size_t i = 0; i < sizeof PRIMITIVES / sizeof *PRIMITIVES; i++) {
        if (n != 0 || !tarn_str_ieq(word, tarn_str_of(PRIMITIVES[i].name))) continue;
        *out = tarn_type_new(p->arena, PRIMITIVES[i].kind);
        return TARN_OK;
    }
    if (tarn_str_ieq(word, TARN_LIT("decimal")) && n == 2 && args[0] >= 1 && args[0] <= 38 && args[1] >= 0 &&
        args[1] <= args[0]) {
        *out = tarn_type_decimal(p->arena, (int)args[0], (int)args[1]);
        return TARN_OK;
    }
    if (tarn_str_ieq(word, TARN_LIT("fixed")) && n == 1 && args[0] >= 0 && args[0] <= INT32_MAX) {
        *out = tarn_type_new(p->arena, TARN_FIXED);
        (*out)->precision = (int)args[0];
        return TARN_OK;
    }
    bool geo = tarn_str_ieq(word, TARN_LIT("geometry")) || tarn_str_ieq(word, TARN_LIT("geography"));
    return tarn_fail(p->cx, geo ? TARN_UNSUPPORTED : TARN_CORRUPT,
                     "schema: column %s has type \"%.*s\", which is not %s", where, (int)(text.n > 100 ? 100 : text.n),
                     text.p, geo ? "supported" : "known");
}

static tarn_code bad_default(parser *p, const char *where) {
    return tarn_fail(p->cx, TARN_CORRUPT, "schema: the default of %s is no value of its type", where);
}

static bool put_hex(tarn_buf *out, tarn_str hex) {
    static const char digits[] = "0123456789abcdefABCDEF";
    if (hex.n % 2) return false;
    tarn_buf_puts(out, "CAST('");
    for (size_t i = 0; i < hex.n; i++) {
        if (!strchr(digits, hex.p[i]) || !hex.p[i]) return false;
        if (i % 2 == 0) tarn_buf_puts(out, "\\x");
        tarn_buf_putc(out, hex.p[i]);
    }
    tarn_buf_puts(out, "' AS BLOB)");
    return true;
}

static tarn_code default_sql(parser *p, const tarn_json_value *v, const tarn_type *type, const char *where,
                             tarn_buf *out);

static void put_initial(tarn_buf *out, const tarn_field *f) {
    tarn_buf_puts(out, f->initial_sql ? f->initial_sql : "NULL");
}

/* {"1": …} by field ids; a member that is left out has its own default. */
static tarn_code struct_sql(parser *p, const tarn_json_value *v, const tarn_type *type, const char *where,
                            tarn_buf *out) {
    if (v->kind != TARN_JSON_OBJECT) return bad_default(p, where);
    tarn_buf_puts(out, "struct_pack(");
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const tarn_json_value *member = tarn_json_get(v, tarn_arena_printf(p->cx->arena, "%d", f->id));
        tarn_buf_puts(out, i ? ", " : "");
        tarn_buf_sql_name(out, f->name);
        tarn_buf_puts(out, " := CAST(");
        if (member)
            TRY(default_sql(p, member, f->type, where, out));
        else
            put_initial(out, f);
        tarn_buf_puts(out, " AS ");
        tarn_type_duckdb(out, f->type);
        tarn_buf_putc(out, ')');
    }
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static tarn_code list_sql(parser *p, const tarn_json_value *v, const tarn_type *type, const char *where,
                          tarn_buf *out) {
    if (!v || v->kind != TARN_JSON_ARRAY) return bad_default(p, where);
    tarn_buf_putc(out, '[');
    for (size_t i = 0; i < v->n; i++) {
        tarn_buf_puts(out, i ? ", " : "");
        TRY(default_sql(p, &v->items[i], type, where, out));
    }
    tarn_buf_putc(out, ']');
    return TARN_OK;
}

static tarn_code nested_sql(parser *p, const tarn_json_value *v, const tarn_type *type, const char *where,
                            tarn_buf *out) {
    if (type->kind == TARN_STRUCT) return struct_sql(p, v, type, where, out);
    if (type->kind == TARN_LIST) return list_sql(p, v, type->fields[0].type, where, out);
    tarn_buf_puts(out, "map(");
    TRY(list_sql(p, tarn_json_get(v, "keys"), type->fields[0].type, where, out));
    tarn_buf_puts(out, ", ");
    TRY(list_sql(p, tarn_json_get(v, "values"), type->fields[1].type, where, out));
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

/* A single value's JSON form (1.7) as an expression. */
static tarn_code default_sql(parser *p, const tarn_json_value *v, const tarn_type *type, const char *where,
                             tarn_buf *out) {
    if (tarn_json_is_null(v)) return tarn_buf_puts(out, "NULL"), TARN_OK;
    if (tarn_type_nested(type)) return nested_sql(p, v, type, where, out);
    tarn_str text = v->kind == TARN_JSON_STRING ? v->text : v->raw;
    if (type->kind == TARN_BINARY || type->kind == TARN_FIXED) {
        if (!put_hex(out, text)) return bad_default(p, where);
        return TARN_OK;
    }
    if (type->kind == TARN_STRING) {
        if (v->kind != TARN_JSON_STRING || memchr(text.p, 0, text.n)) return bad_default(p, where);
        tarn_buf_sql_string(out, tarn_arena_strndup(p->cx->arena, text.p, text.n));
        return TARN_OK;
    }
    /* The casts of DuckDB know the other types' texts ("2017-11-16T22:31:08.000001+00:00" too). */
    tarn_buf_puts(out, "CAST(");
    tarn_buf_sql_string(out, tarn_arena_strndup(p->cx->arena, text.p, text.n));
    tarn_buf_puts(out, " AS ");
    tarn_type_duckdb(out, type);
    tarn_buf_putc(out, ')');
    return TARN_OK;
}

static tarn_code parse_default(parser *p, const tarn_json_value *v, const tarn_type *type, const char *where,
                               const char **out) {
    tarn_auto_buf sql = TARN_BUF(DEFAULT_MAX);
    if (tarn_json_is_null(v)) return TARN_OK;
    TRY(default_sql(p, v, type, where, &sql));
    if (!tarn_buf_ok(&sql)) return tarn_fail(p->cx, TARN_LIMIT, "schema: the default of %s is too long", where);
    *out = tarn_buf_take(&sql, p->arena);
    return TARN_OK;
}

static tarn_code count_field(parser *p) {
    if (++p->fields <= p->limit) return TARN_OK;
    return tarn_fail(p->cx, TARN_LIMIT, "schema: more than %lld columns; raise limit.columns", (long long)p->limit);
}

static tarn_code field_id(parser *p, const tarn_json_value *v, const char *key, const char *where, int32_t *out) {
    int64_t id = tarn_json_as_int(tarn_json_get(v, key), -1);
    if (id < 0 || id > INT32_MAX) return tarn_fail(p->cx, TARN_CORRUPT, "schema: column %s has no %s", where, key);
    *out = (int32_t)id;
    return TARN_OK;
}

static tarn_code parse_field(parser *p, const tarn_json_value *v, const char *parent, tarn_field *out) {
    tarn_str name = tarn_json_as_str(tarn_json_get(v, "name")), doc = tarn_json_as_str(tarn_json_get(v, "doc"));
    if (!name.p)
        return tarn_fail(p->cx, TARN_CORRUPT, "schema: a field of %s has no name", *parent ? parent : "the table");
    tarn_field f = {.name = tarn_arena_strndup(p->arena, name.p, name.n),
                    .nullable = !tarn_json_as_bool(tarn_json_get(v, "required"), false)};
    const char *where = *parent ? tarn_arena_printf(p->cx->arena, "%s.%s", parent, f.name) : f.name;
    tarn_type *type = NULL;
    if (doc.p) f.comment = tarn_arena_strndup(p->arena, doc.p, doc.n);
    TRY(count_field(p));
    TRY(field_id(p, v, "id", where, &f.id));
    TRY(parse_type(p, tarn_json_get(v, "type"), where, &type));
    f.type = type;
    TRY(parse_default(p, tarn_json_get(v, "initial-default"), type, where, &f.initial_sql));
    TRY(parse_default(p, tarn_json_get(v, "write-default"), type, where, &f.default_sql));
    *out = f;
    return TARN_OK;
}

static void tell_apart(parser *p, tarn_type *type) {
    const char **names = TARN_NEW_ARRAY(p->cx->arena, const char *, type->n_fields);
    for (size_t i = 0; i < type->n_fields; i++) names[i] = type->fields[i].name;
    tarn_names_tell_apart(p->arena, names, type->n_fields);
    for (size_t i = 0; i < type->n_fields; i++) {
        tarn_field *f = &type->fields[i];
        if (names[i] == f->name) continue;
        f->stored = f->name;
        f->name = names[i];
    }
}

static tarn_code parse_struct(parser *p, const tarn_json_value *v, const char *where, tarn_type **out) {
    const tarn_json_value *fields = tarn_json_get(v, "fields");
    if (!fields || fields->kind != TARN_JSON_ARRAY)
        return tarn_fail(p->cx, TARN_CORRUPT, "schema: %s has no fields", *where ? where : "the table");
    tarn_type *type = tarn_type_new(p->arena, TARN_STRUCT);
    type->fields = TARN_NEW_ARRAY(p->arena, tarn_field, fields->n);
    for (size_t i = 0; i < fields->n; i++) {
        TRY(parse_field(p, &fields->items[i], where, &type->fields[i]));
        type->n_fields++;
    }
    tell_apart(p, type);
    *out = type;
    return TARN_OK;
}

static tarn_code parse_type(parser *p, const tarn_json_value *v, const char *where, tarn_type **out) {
    if (v && v->kind == TARN_JSON_STRING) return parse_primitive(p, v->text, where, out);
    tarn_str kind = tarn_json_as_str(tarn_json_get(v, "type"));
    if (tarn_str_is(kind, "struct")) return parse_struct(p, v, where, out);
    tarn_type *first = NULL, *second = NULL;
    TRY(count_field(p));
    if (tarn_str_is(kind, "list")) {
        TRY(parse_type(p, tarn_json_get(v, "element"), where, &first));
        *out = tarn_type_list(p->arena, first, !tarn_json_as_bool(tarn_json_get(v, "element-required"), false));
        return field_id(p, v, "element-id", where, &(*out)->fields[0].id);
    }
    if (tarn_str_is(kind, "map")) {
        TRY(parse_type(p, tarn_json_get(v, "key"), where, &first));
        TRY(parse_type(p, tarn_json_get(v, "value"), where, &second));
        *out = tarn_type_map(p->arena, first, second, !tarn_json_as_bool(tarn_json_get(v, "value-required"), false));
        TRY(field_id(p, v, "key-id", where, &(*out)->fields[0].id));
        return field_id(p, v, "value-id", where, &(*out)->fields[1].id);
    }
    return tarn_fail(p->cx, TARN_CORRUPT, "schema: column %s has no type that is known", *where ? where : "(all)");
}

static void mark_key(tarn_type *type, int64_t id) {
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].id == id) type->fields[i].key = true;
        mark_key((tarn_type *)(uintptr_t)type->fields[i].type, id);
    }
}

tarn_code tarn_iceberg_schema_parse(tarn_cx *cx, tarn_arena *arena, tarn_str json, tarn_schema **out) {
    const tarn_json_value *v = NULL;
    tarn_type *type = NULL;
    parser p = {.cx = cx, .arena = arena, .limit = tarn_conf_int(cx->conf, TARN_LIMIT_COLUMNS)};
    TRY(tarn_json_parse(cx, cx->arena, json, (int)tarn_conf_int(cx->conf, TARN_LIMIT_JSON_DEPTH), &v));
    TRY(parse_struct(&p, v, "", &type));
    const tarn_json_value *keys = tarn_json_get(v, "identifier-field-ids");
    for (size_t i = 0; i < tarn_json_count(keys); i++) mark_key(type, tarn_json_as_int(tarn_json_at(keys, i), -1));
    *out = type;
    return TARN_OK;
}

tarn_code tarn_iceberg_schema_by_id(tarn_cx *cx, tarn_arena *arena, const tarn_iceberg_metadata *m, int32_t id,
                                    tarn_schema **out) {
    for (size_t i = 0; i < m->schemas.n; i++)
        if (m->schemas.at[i].id == id) return tarn_iceberg_schema_parse(cx, arena, m->schemas.at[i].json, out);
    return tarn_fail(cx, TARN_CORRUPT, "schema %d is not among the table's schemas", id);
}

static const tarn_field *find_field(const tarn_type *type, int32_t id) {
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].id == id) return &type->fields[i];
        const tarn_field *below = find_field(type->fields[i].type, id);
        if (below) return below;
    }
    return NULL;
}

const tarn_field *tarn_iceberg_field(const tarn_type *type, int32_t id, int *column) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = type->fields[i].id == id ? &type->fields[i] : find_field(type->fields[i].type, id);
        if (!f) continue;
        if (column) *column = (int)i;
        return f;
    }
    return NULL;
}
