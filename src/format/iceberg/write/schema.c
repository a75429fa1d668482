/* schema.c: schemas for metadata files: their JSON, the ids of their fields, and which changes files stand. */
#include "base/crypto.h"
#include "base/time.h"
#include "codec/json_tree.h"
#include "codec/jsonw.h"
#include "format/iceberg/write/write.h"

enum { DEPTH_MAX = 256, MAPPING_MAX = 64 << 20 };

void tarn_iceberg_assign_ids(tarn_type *type, int32_t *last) {
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i].id < 0) type->fields[i].id = ++*last;
    for (size_t i = 0; i < type->n_fields; i++)
        tarn_iceberg_assign_ids((tarn_type *)(uintptr_t)type->fields[i].type, last);
}

void tarn_iceberg_primitive(tarn_buf *out, const tarn_type *type) {
    static const char *const names[] = {[TARN_BOOL] = "boolean",
                                        [TARN_INT8] = "int",
                                        [TARN_INT16] = "int",
                                        [TARN_INT32] = "int",
                                        [TARN_INT64] = "long",
                                        [TARN_FLOAT32] = "float",
                                        [TARN_FLOAT64] = "double",
                                        [TARN_DATE] = "date",
                                        [TARN_TIME] = "time",
                                        [TARN_TIMESTAMP] = "timestamptz",
                                        [TARN_TIMESTAMP_NTZ] = "timestamp",
                                        [TARN_TIMESTAMP_NS] = "timestamptz_ns",
                                        [TARN_TIMESTAMP_NTZ_NS] = "timestamp_ns",
                                        [TARN_STRING] = "string",
                                        [TARN_BINARY] = "binary",
                                        [TARN_UUID] = "uuid",
                                        [TARN_VARIANT] = "variant",
                                        [TARN_VOID] = "unknown"};
    if (type->kind == TARN_DECIMAL)
        tarn_buf_printf(out, "decimal(%d,%d)", type->precision, type->scale);
    else if (type->kind == TARN_FIXED)
        tarn_buf_printf(out, "fixed[%d]", type->precision);
    else if (type->kind < TARN_STRUCT && names[type->kind])
        tarn_buf_puts(out, names[type->kind]);
}

static tarn_code check_field(tarn_cx *cx, const tarn_field *f, const char *where, int format_version) {
    tarn_kind kind = f->type->kind;
    bool third =
        kind == TARN_TIMESTAMP_NS || kind == TARN_TIMESTAMP_NTZ_NS || kind == TARN_VARIANT || kind == TARN_VOID;
    if (kind == TARN_FOREIGN)
        return tarn_fail(cx, TARN_UNSUPPORTED, "column %s: iceberg tables cannot hold its type", where);
    if (third && format_version < 3)
        return tarn_hint(
            cx,
            tarn_fail(cx, TARN_UNSUPPORTED, "column %s: type %s needs format-version 3", where, tarn_kind_name(kind)),
            "TBLPROPERTIES ('format-version' = '3')");
    return TARN_OK;
}

/* 1.2: an identifier field has a value in every row, one that equals itself. `inside`: of a list, a map or a struct
 * that may be null. */
static tarn_code check_key(tarn_cx *cx, const tarn_field *f, const char *where, bool inside) {
    tarn_kind kind = f->type->kind;
    if (!f->key) return TARN_OK;
    if (tarn_type_nested(f->type) || kind == TARN_FLOAT32 || kind == TARN_FLOAT64 || kind == TARN_VARIANT) {
        tarn_auto_buf type = TARN_BUF(4096);
        tarn_type_sql(&type, f->type);
        return tarn_fail(cx, TARN_INVALID, "column %s: a %s cannot tell rows apart", where,
                         type.data ? type.data : tarn_kind_name(kind));
    }
    if (f->nullable || inside)
        return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "column %s: an identifier field has to be NOT NULL", where),
                         "ALTER TABLE … ALTER COLUMN … SET NOT NULL, or DROP IDENTIFIER FIELDS");
    return TARN_OK;
}

static tarn_code check_fields(tarn_cx *cx, const tarn_type *type, const char *parent, bool inside, int format_version) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const char *where = *parent ? tarn_printf(cx, "%s.%s", parent, f->name) : f->name;
        TRY(check_field(cx, f, where, format_version));
        TRY(check_key(cx, f, where, inside));
        bool below = inside || f->nullable || f->type->kind != TARN_STRUCT;
        TRY(check_fields(cx, f->type, where, below, format_version));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_check_schema(tarn_cx *cx, const tarn_schema *schema, int format_version) {
    return check_fields(cx, schema, "", false, format_version);
}

/* 1.2: what a file's values can be read as. */
static bool can_promote(const tarn_type *from, const tarn_type *to, int format_version) {
    tarn_kind a = from->kind, b = to->kind;
    bool small = a == TARN_INT8 || a == TARN_INT16 || a == TARN_INT32;
    if (a == b && a == TARN_DECIMAL) return to->scale == from->scale && to->precision >= from->precision;
    if (a == b) return from->precision == to->precision;
    if (small && (b == TARN_INT8 || b == TARN_INT16 || b == TARN_INT32)) return true; /* all are int */
    if (small) return b == TARN_INT64;
    if (a == TARN_FLOAT32) return b == TARN_FLOAT64;
    return format_version >= 3 &&
           (a == TARN_VOID || (a == TARN_DATE && (b == TARN_TIMESTAMP_NTZ || b == TARN_TIMESTAMP_NTZ_NS)));
}

static tarn_code check_pair(tarn_cx *cx, const tarn_field *was, const tarn_field *is, const char *where,
                            int format_version) {
    tarn_auto_buf from = TARN_BUF(4096), to = TARN_BUF(4096);
    if (tarn_type_nested(was->type) && was->type->kind == is->type->kind) return TARN_OK;
    if (!tarn_type_nested(is->type) && can_promote(was->type, is->type, format_version)) return TARN_OK;
    tarn_type_sql(&from, was->type);
    tarn_type_sql(&to, is->type);
    return tarn_fail(cx, TARN_UNSUPPORTED, "column %s: its type cannot be changed from %s to %s", where,
                     from.data ? from.data : "?", to.data ? to.data : "?");
}

static const char *default_json(tarn_cx *cx, const char *sql, const tarn_type *type);

/* Rows of before have a value that readers find in the schema alone (1.7). */
static tarn_code check_initial(tarn_cx *cx, const tarn_field *f, const char *where, int format_version) {
    if (!f->initial_sql || tarn_str_ieq(tarn_str_of(f->initial_sql), TARN_LIT("NULL"))) return TARN_OK;
    if (format_version < 3)
        return tarn_hint(cx,
                         tarn_fail(cx, TARN_UNSUPPORTED,
                                   "column %s: rows there are have no value for it before format version 3", where),
                         "add it without DEFAULT, then ALTER COLUMN … SET DEFAULT for rows to come");
    if (default_json(cx, f->initial_sql, f->type)) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "column %s: the DEFAULT of an added column is a literal of its type", where);
}

static tarn_code check_fields_again(tarn_cx *cx, const tarn_schema *old, const tarn_type *now, const char *parent,
                                    int format_version) {
    for (size_t i = 0; i < now->n_fields; i++) {
        const tarn_field *f = &now->fields[i], *was = f->id >= 0 ? tarn_iceberg_field(old, f->id, NULL) : NULL;
        const char *where = *parent ? tarn_printf(cx, "%s.%s", parent, f->name) : f->name;
        if (was) {
            TRY(check_pair(cx, was, f, where, format_version));
            TRY(check_fields_again(cx, old, f->type, where, format_version));
        } else if (!f->nullable && !f->default_sql) {
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "column %s: rows that are there have no value for it, so it cannot be NOT NULL", where);
        } else {
            TRY(check_initial(cx, f, where, format_version));
        }
    }
    return TARN_OK;
}

static tarn_code check_keys_kept(tarn_cx *cx, const tarn_type *from, const tarn_schema *to) {
    for (size_t i = 0; i < from->n_fields; i++) {
        const tarn_field *f = &from->fields[i];
        if (f->key && !tarn_iceberg_field(to, f->id, NULL))
            return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "column %s is an identifier field", f->name),
                             "ALTER TABLE … DROP IDENTIFIER FIELDS first");
        TRY(check_keys_kept(cx, f->type, to));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_check_evolution(tarn_cx *cx, const tarn_schema *from, const tarn_schema *to,
                                       int format_version) {
    TRY(check_keys_kept(cx, from, to));
    return check_fields_again(cx, from, to, "", format_version);
}

typedef struct printing {
    tarn_cx *cx;
    tarn_jsonw *w;
    int format_version;
} printing;

static tarn_code put_type(const printing *p, const tarn_type *type, int depth);

static const char *skip_word(const char *p, const char *word) {
    size_t n = strlen(word);
    return strncasecmp(p, word, n) == 0 ? p + n + strspn(p + n, " ") : NULL;
}

/* What stands before the quote of a literal: a type or CAST(; NULL: something else. */
static const char *skip_type(const char *p, bool *cast) {
    static const char *const types[] = {"DATE ",          "TIMESTAMP ",    "TIMESTAMPTZ ", "TIMESTAMP_NTZ ",
                                        "TIMESTAMP_LTZ ", "TIMESTAMP_NS ", "TIME "};
    const char *after = skip_word(p, "CAST(");
    *cast = after != NULL;
    for (size_t i = 0; !after && i < sizeof types / sizeof *types; i++) after = skip_word(p, types[i]);
    return after ? after : p;
}

/* What stands behind it: nothing, ::T, or AS T). */
static bool is_end(const char *p, bool cast) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789 ";
    if (!cast && !*p) return true;
    const char *type = skip_word(p + strspn(p, " "), cast ? "AS " : "::");
    if (!type) return false;
    type += strspn(type, letters);
    if (*type == '(' && strchr(type, ')')) type = strchr(type, ')') + 1;
    return !strcmp(type, cast ? ")" : "");
}

/* The text inside the quotes of 'x', "x", DATE 'x', CAST('x' AS T), 'x'::T. False: it is another expression. */
static bool quoted_text(tarn_cx *cx, const char *sql, tarn_str *out) {
    bool cast;
    const char *p = skip_type(sql, &cast);
    char quote = *p, *text = tarn_arena_alloc(cx->arena, strlen(sql) + 1);
    size_t n = 0;
    if (quote != '\'' && quote != '"') return false;
    for (p++; *p && (*p != quote || p[1] == quote); p++) {
        if (quote == '"' && *p == '\\') return false; /* an escape of Spark's */
        text[n++] = *p;
        if (*p == quote) p++;
    }
    *out = (tarn_str){text, n};
    return *p && is_end(p + 1, cast);
}

/* A literal of SQL, as ours and DuckDB's are spelt, as its JSON form (1.7); NULL: it is no plain one. */
static const char *default_json(tarn_cx *cx, const char *sql, const tarn_type *type) {
    tarn_str s = tarn_str_of(sql);
    tarn_auto_buf out = TARN_BUF(1 << 20);
    tarn_jsonw w = TARN_JSONW(&out);
    tarn_value v;
    bool bare = type->kind == TARN_BOOL || type->kind == TARN_DECIMAL ||
                (type->kind >= TARN_INT8 && type->kind <= TARN_FLOAT64);
    if (!quoted_text(cx, sql, &s) && !bare) return NULL;
    if (!tarn_value_parse(s, type, cx->arena, &v) || v.null) return NULL;
    if (v.kind == TARN_BOOL || (v.kind >= TARN_INT8 && v.kind <= TARN_FLOAT64)) {
        tarn_value_text(&out, &v);
    } else if (v.kind == TARN_TIMESTAMP || v.kind == TARN_TIMESTAMP_NTZ) {
        char text[TARN_TIME_TEXT];
        tarn_format_timestamp(v.i, 'T', 6, v.kind == TARN_TIMESTAMP ? "+00:00" : "", text);
        tarn_jsonw_text(&w, text);
    } else if (v.kind == TARN_BINARY || v.kind == TARN_FIXED) {
        char *hex = tarn_arena_alloc(cx->arena, 2 * v.s.n + 1);
        tarn_hex(v.s.p, v.s.n, hex);
        tarn_jsonw_text(&w, hex);
    } else {
        tarn_auto_buf text = TARN_BUF(1 << 20);
        tarn_value_text(&text, &v);
        tarn_jsonw_string(&w, (tarn_str){text.data, text.n});
    }
    return tarn_buf_take(&out, cx->arena);
}

const char *tarn_iceberg_native_default(tarn_cx *cx, const tarn_field *f, int format_version) {
    bool none = !f->default_sql || tarn_str_ieq(tarn_str_of(f->default_sql), TARN_LIT("NULL"));
    return none || format_version < 3 ? NULL : default_json(cx, f->default_sql, f->type);
}

/* What cannot be said as JSON stays unsaid: of the initial value that only happens to expressions, which files never
 * needed. */
static void put_default(const printing *p, const char *key, const char *sql, const tarn_field *f) {
    const char *json =
        sql && !tarn_str_ieq(tarn_str_of(sql), TARN_LIT("NULL")) ? default_json(p->cx, sql, f->type) : NULL;
    if (!json) return;
    tarn_jsonw_key(p->w, key);
    tarn_jsonw_raw(p->w, tarn_str_of(json));
}

static tarn_code put_fields(const printing *p, const tarn_type *type, int depth) {
    tarn_jsonw *w = p->w;
    tarn_jsonw_key(w, "fields");
    tarn_jsonw_begin_array(w);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        tarn_jsonw_begin_object(w);
        tarn_jsonw_key(w, "id");
        tarn_jsonw_int(w, f->id);
        tarn_jsonw_key(w, "name");
        tarn_jsonw_text(w, tarn_field_stored(f));
        tarn_jsonw_key(w, "required");
        tarn_jsonw_bool(w, !f->nullable);
        tarn_jsonw_key(w, "type");
        TRY(put_type(p, f->type, depth + 1));
        if (f->comment) {
            tarn_jsonw_key(w, "doc");
            tarn_jsonw_text(w, f->comment);
        }
        put_default(p, "initial-default", f->initial_sql, f);
        if (p->format_version >= 3) put_default(p, "write-default", f->default_sql, f);
        tarn_jsonw_end_object(w);
    }
    tarn_jsonw_end_array(w);
    return TARN_OK;
}

static tarn_code put_part(const printing *p, const char *name, const tarn_field *f, bool required, int depth) {
    tarn_cx *cx = p->cx;
    tarn_jsonw *w = p->w;
    tarn_jsonw_key(w, tarn_printf(cx, "%s-id", name));
    tarn_jsonw_int(w, f->id);
    tarn_jsonw_key(w, name);
    TRY(put_type(p, f->type, depth + 1));
    if (!required) return TARN_OK;
    tarn_jsonw_key(w, tarn_printf(cx, "%s-required", name));
    tarn_jsonw_bool(w, !f->nullable);
    return TARN_OK;
}

static tarn_code put_type(const printing *p, const tarn_type *type, int depth) {
    tarn_jsonw *w = p->w;
    static const char *const nested[] = {[TARN_STRUCT] = "struct", [TARN_LIST] = "list", [TARN_MAP] = "map"};
    if (depth > DEPTH_MAX) return tarn_fail(p->cx, TARN_LIMIT, "the schema is nested too deep");
    if (!tarn_type_nested(type)) {
        tarn_auto_buf name = TARN_BUF(64);
        tarn_iceberg_primitive(&name, type);
        tarn_jsonw_text(w, name.data ? name.data : "unknown");
        return TARN_OK;
    }
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "type");
    tarn_jsonw_text(w, nested[type->kind]);
    if (type->kind == TARN_STRUCT) TRY(put_fields(p, type, depth));
    if (type->kind == TARN_LIST) TRY(put_part(p, "element", &type->fields[0], true, depth));
    if (type->kind == TARN_MAP) TRY(put_part(p, "key", &type->fields[0], false, depth));
    if (type->kind == TARN_MAP) TRY(put_part(p, "value", &type->fields[1], true, depth));
    tarn_jsonw_end_object(w);
    return TARN_OK;
}

static bool put_key_ids(tarn_jsonw *w, const tarn_type *type, bool any) {
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].key && !any) {
            tarn_jsonw_key(w, "identifier-field-ids");
            tarn_jsonw_begin_array(w);
            any = true;
        }
        if (type->fields[i].key) tarn_jsonw_int(w, type->fields[i].id);
        any = put_key_ids(w, type->fields[i].type, any);
    }
    return any;
}

static void put_keys(tarn_jsonw *w, const tarn_schema *schema) {
    if (put_key_ids(w, schema, false)) tarn_jsonw_end_array(w);
}

tarn_code tarn_iceberg_schema_print(tarn_cx *cx, const tarn_schema *schema, int32_t id, int format_version,
                                    tarn_buf *out) {
    tarn_jsonw w = TARN_JSONW(out);
    printing p = {cx, &w, format_version};
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, "type");
    tarn_jsonw_text(&w, "struct");
    if (id >= 0) {
        tarn_jsonw_key(&w, "schema-id");
        tarn_jsonw_int(&w, id);
    }
    put_keys(&w, schema);
    TRY(put_fields(&p, schema, 0));
    tarn_jsonw_end_object(&w);
    return tarn_buf_ok(out) ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "the schema is too large");
}

/* Which of a mapping's entries has the name; NULL: none. */
static const tarn_json_value *entry_named(const tarn_json_value *list, const char *name) {
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        const tarn_json_value *names = tarn_json_get(tarn_json_at(list, i), "names");
        for (size_t k = 0; k < tarn_json_count(names); k++)
            if (tarn_str_is(tarn_json_as_str(tarn_json_at(names, k)), name)) return tarn_json_at(list, i);
    }
    return NULL;
}

static tarn_code put_mapping(const printing *p, const tarn_json_value *list, const tarn_type *type);

/* A mapping's entry with the name the field has now; either may be NULL. */
static tarn_code put_entry(const printing *p, const tarn_json_value *list, const tarn_json_value *entry,
                           const tarn_field *f) {
    const tarn_json_value *names = tarn_json_get(entry, "names"), *inner = tarn_json_get(entry, "fields");
    const tarn_json_value *named = f ? entry_named(list, tarn_field_stored(f)) : entry;
    int64_t id = f ? f->id : tarn_json_as_int(tarn_json_get(entry, "field-id"), -1);
    if (named && named != entry)
        return tarn_fail(p->cx, TARN_UNSUPPORTED,
                         "column %s: " TARN_ICEBERG_NAME_MAPPING " gives its name to another column", f->name);
    tarn_jsonw_begin_object(p->w);
    if (id >= 0) {
        tarn_jsonw_key(p->w, "field-id");
        tarn_jsonw_int(p->w, id);
    }
    tarn_jsonw_key(p->w, "names");
    tarn_jsonw_begin_array(p->w);
    for (size_t i = 0; i < tarn_json_count(names); i++)
        tarn_jsonw_string(p->w, tarn_json_as_str(tarn_json_at(names, i)));
    if (f && !named) tarn_jsonw_text(p->w, tarn_field_stored(f));
    tarn_jsonw_end_array(p->w);
    if (tarn_json_count(inner) || (f && f->type->n_fields)) {
        tarn_jsonw_key(p->w, "fields");
        TRY(put_mapping(p, inner, f ? f->type : NULL));
    }
    tarn_jsonw_end_object(p->w);
    return TARN_OK;
}

static tarn_code put_mapping(const printing *p, const tarn_json_value *list, const tarn_type *type) {
    size_t n = type ? type->n_fields : 0;
    bool *done = TARN_NEW_ARRAY(p->cx->arena, bool, n);
    tarn_jsonw_begin_array(p->w);
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        const tarn_json_value *entry = tarn_json_at(list, i);
        int64_t id = tarn_json_as_int(tarn_json_get(entry, "field-id"), -1);
        size_t k = 0;
        while (k < n && type->fields[k].id != id) k++;
        if (k < n) done[k] = true;
        TRY(put_entry(p, list, entry, k < n ? &type->fields[k] : NULL));
    }
    for (size_t k = 0; k < n; k++)
        if (!done[k]) TRY(put_entry(p, list, NULL, &type->fields[k]));
    tarn_jsonw_end_array(p->w);
    return TARN_OK;
}

tarn_code tarn_iceberg_map_names(tarn_cx *cx, const tarn_schema *schema, const char *was, const char **out) {
    const tarn_json_value *list = NULL;
    tarn_auto_buf text = TARN_BUF(MAPPING_MAX);
    tarn_jsonw w = TARN_JSONW(&text);
    printing p = {cx, &w, 0};
    if (was)
        TRY(tarn_prefix(cx, tarn_json_parse(cx, cx->arena, tarn_str_of(was), TARN_JSON_DEPTH, &list), "%s",
                        TARN_ICEBERG_NAME_MAPPING));
    TRY(put_mapping(&p, list, schema));
    if (!tarn_buf_ok(&text)) return tarn_fail(cx, TARN_LIMIT, "the names of the table's columns are too long");
    *out = was && text.n == strlen(was) && !memcmp(text.data, was, text.n) ? was : tarn_buf_take(&text, cx->arena);
    return TARN_OK;
}

void tarn_iceberg_spec_print(const tarn_iceberg_spec *spec, tarn_buf *out) {
    tarn_jsonw w = TARN_JSONW(out);
    tarn_jsonw_begin_array(&w);
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_iceberg_spec_field *f = &spec->fields[i];
        tarn_jsonw_begin_object(&w);
        tarn_jsonw_key(&w, "name");
        tarn_jsonw_text(&w, f->name);
        tarn_jsonw_key(&w, "transform");
        tarn_jsonw_text(&w, f->text);
        tarn_jsonw_key(&w, "source-id");
        tarn_jsonw_int(&w, f->source_id);
        tarn_jsonw_key(&w, "field-id");
        tarn_jsonw_int(&w, f->field_id);
        tarn_jsonw_end_object(&w);
    }
    tarn_jsonw_end_array(&w);
}
