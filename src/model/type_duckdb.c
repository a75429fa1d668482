/* type_duckdb.c: types as DuckDB's text, both ways. */
#include "model/type.h"

/* Deeper types than this are refused: everything that walks a type does so by recursion. */
enum { DEPTH_MAX = 64 };

static const char *duckdb_name(tarn_kind kind) {
    switch (kind) {
    case TARN_BOOL: return "BOOLEAN";
    case TARN_INT8: return "TINYINT";
    case TARN_INT16: return "SMALLINT";
    case TARN_INT32: return "INTEGER";
    case TARN_INT64: return "BIGINT";
    case TARN_FLOAT32: return "FLOAT";
    case TARN_FLOAT64: return "DOUBLE";
    case TARN_DATE: return "DATE";
    case TARN_TIME: return "TIME";
    case TARN_TIMESTAMP: return "TIMESTAMP WITH TIME ZONE";
    /* DuckDB has no instant in nanoseconds: it reads such Parquet columns as microseconds. */
    case TARN_TIMESTAMP_NS: return "TIMESTAMP WITH TIME ZONE";
    case TARN_TIMESTAMP_NTZ: return "TIMESTAMP";
    case TARN_TIMESTAMP_NTZ_NS: return "TIMESTAMP_NS";
    case TARN_STRING: return "VARCHAR";
    case TARN_BINARY:
    case TARN_FIXED: return "BLOB";
    case TARN_UUID: return "UUID";
    case TARN_VARIANT: return "VARIANT";
    default: return "\"NULL\"";
    }
}

void tarn_type_duckdb(tarn_buf *out, const tarn_type *type) {
    switch (type->kind) {
    case TARN_DECIMAL: return tarn_buf_printf(out, "DECIMAL(%d,%d)", type->precision, type->scale);
    case TARN_LIST: tarn_type_duckdb(out, type->fields[0].type); return tarn_buf_puts(out, "[]");
    case TARN_FOREIGN: return tarn_buf_puts(out, type->fields[0].name);
    case TARN_STRUCT: tarn_buf_puts(out, "STRUCT("); break;
    case TARN_MAP: tarn_buf_puts(out, "MAP("); break;
    default: return tarn_buf_puts(out, duckdb_name(type->kind));
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        if (i) tarn_buf_puts(out, ", ");
        if (type->kind == TARN_STRUCT) {
            tarn_buf_sql_name(out, type->fields[i].name);
            tarn_buf_putc(out, ' ');
        }
        tarn_type_duckdb(out, type->fields[i].type);
    }
    tarn_buf_putc(out, ')');
}

static const struct {
    const char *name;
    tarn_kind kind;
} known[] = {
    {"BOOLEAN", TARN_BOOL},
    {"TINYINT", TARN_INT8},
    {"SMALLINT", TARN_INT16},
    {"INTEGER", TARN_INT32},
    {"BIGINT", TARN_INT64},
    {"FLOAT", TARN_FLOAT32},
    {"DOUBLE", TARN_FLOAT64},
    {"DATE", TARN_DATE},
    {"TIME", TARN_TIME},
    {"TIMESTAMP WITH TIME ZONE", TARN_TIMESTAMP},
    {"TIMESTAMPTZ", TARN_TIMESTAMP},
    {"TIMESTAMP", TARN_TIMESTAMP_NTZ},
    {"TIMESTAMP_S", TARN_TIMESTAMP_NTZ},
    {"TIMESTAMP_MS", TARN_TIMESTAMP_NTZ},
    {"TIMESTAMP_NS", TARN_TIMESTAMP_NTZ_NS},
    {"VARCHAR", TARN_STRING},
    {"JSON", TARN_STRING},
    {"BLOB", TARN_BINARY},
    {"UUID", TARN_UUID},
    {"VARIANT", TARN_VARIANT},
    {"NULL", TARN_VOID},
};

/* Types of DuckDB that no table format holds, and the nearest that loses nothing. */
static const struct {
    const char *name, *cast;
} foreign[] = {
    {"UTINYINT", "SMALLINT"},     {"USMALLINT", "INTEGER"},
    {"UINTEGER", "BIGINT"},       {"UBIGINT", "DECIMAL(20,0)"},
    {"HUGEINT", "DECIMAL(38,0)"}, {"UHUGEINT", "DECIMAL(38,0)"},
    {"BIGNUM", "DECIMAL(38,0)"},  {"VARINT", "DECIMAL(38,0)"},
    {"TIME_NS", "TIME"},          {"TIME WITH TIME ZONE", "VARCHAR"},
    {"INTERVAL", "VARCHAR"},      {"BIT", "VARCHAR"},
    {"ENUM", "VARCHAR"},          {"UNION", "VARCHAR"},
    {"GEOMETRY", "BLOB"},
};

typedef struct parser {
    tarn_cx *cx;
    tarn_arena *arena;
    tarn_str text;
    size_t at;
    int64_t fields;
    bool query; /* what no table holds stands as FOREIGN where it is */
} parser;

static tarn_code parse_type(parser *p, int depth, tarn_type **out, int *height);

static tarn_code bad_text(parser *p) {
    size_t n = p->text.n < 200 ? p->text.n : 200;
    return tarn_fail(p->cx, TARN_INVALID, "cannot read the type %.*s: not a type of DuckDB at character %zu", (int)n,
                     p->text.p ? p->text.p : "", p->at + 1);
}

static tarn_code too_deep(parser *p) {
    return tarn_fail(p->cx, TARN_UNSUPPORTED, "type is nested deeper than %d levels; flatten it", DEPTH_MAX);
}

static bool at_end(const parser *p) { return p->at >= p->text.n; }
static char peek(const parser *p) { return at_end(p) ? 0 : p->text.p[p->at]; }
static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static void skip_blanks(parser *p) {
    while (!at_end(p) && strchr(" \t\r\n", peek(p)) && peek(p)) p->at++;
}

static bool take_char(parser *p, char c) {
    skip_blanks(p);
    if (at_end(p) || peek(p) != c) return false;
    p->at++;
    return true;
}

static tarn_str take_word(parser *p) {
    skip_blanks(p);
    size_t start = p->at;
    while (!at_end(p) && is_word(peek(p))) p->at++;
    return (tarn_str){p->text.p + start, p->at - start};
}

/* A bare or quoted name; in quotes "" is one quote. */
static tarn_code take_name(parser *p, tarn_str *out) {
    if (!take_char(p, '"')) {
        tarn_str word = take_word(p);
        if (word.n == 0) return bad_text(p);
        *out = word;
        return TARN_OK;
    }
    size_t start = p->at, n = 0;
    for (;; p->at++) {
        if (at_end(p) || peek(p) == 0) return bad_text(p);
        if (peek(p) != '"') continue;
        if (p->at + 1 == p->text.n || p->text.p[p->at + 1] != '"') break;
        p->at++;
    }
    char *name = tarn_arena_strndup(p->arena, p->text.p + start, p->at++ - start);
    for (const char *c = name; *c; c += *c == '"' ? 2 : 1) name[n++] = *c;
    name[n] = 0;
    *out = (tarn_str){name, n};
    return TARN_OK;
}

static tarn_code take_int(parser *p, int64_t max, int *out) {
    tarn_str word = take_word(p);
    int64_t v;
    if (!tarn_parse_i64(word, &v) || v < 0 || v > max) return bad_text(p);
    *out = (int)v;
    return TARN_OK;
}

static tarn_code parse_decimal(parser *p, tarn_type **out) {
    int precision = 18, scale = 3;
    if (take_char(p, '(')) {
        scale = 0;
        TRY(take_int(p, 38, &precision));
        if (take_char(p, ',')) TRY(take_int(p, 38, &scale));
        if (!take_char(p, ')') || precision == 0 || scale > precision) return bad_text(p);
    }
    *out = tarn_type_decimal(p->arena, precision, scale);
    return TARN_OK;
}

static tarn_code count_field(parser *p) {
    int64_t limit = tarn_conf_int(p->cx->conf, TARN_LIMIT_COLUMNS);
    if (++p->fields <= limit) return TARN_OK;
    return tarn_fail(p->cx, TARN_LIMIT, "type has more than %lld members; raise limit.columns", (long long)limit);
}

static tarn_code parse_struct(parser *p, int depth, tarn_type **out, int *height) {
    TARN_VEC(tarn_field) fields = {0};
    int highest = 0;
    if (!take_char(p, '(')) return bad_text(p);
    do {
        tarn_str name;
        tarn_type *type;
        int member_height;
        TRY(tarn_check(p->cx));
        TRY(count_field(p));
        TRY(take_name(p, &name));
        TRY(parse_type(p, depth + 1, &type, &member_height));
        if (member_height > highest) highest = member_height;
        *TARN_PUSH(p->arena, &fields) = (tarn_field){
            .name = tarn_arena_strndup(p->arena, name.p, name.n), .type = type, .nullable = true, .id = -1};
    } while (take_char(p, ','));
    if (!take_char(p, ')')) return bad_text(p);
    tarn_type *type = tarn_type_new(p->arena, TARN_STRUCT);
    type->fields = fields.at;
    type->n_fields = fields.n;
    *height = highest + 1;
    *out = type;
    return TARN_OK;
}

static tarn_code parse_map(parser *p, int depth, tarn_type **out, int *height) {
    tarn_type *key, *value;
    int key_height, value_height;
    if (!take_char(p, '(')) return bad_text(p);
    TRY(parse_type(p, depth + 1, &key, &key_height));
    if (!take_char(p, ',')) return bad_text(p);
    TRY(parse_type(p, depth + 1, &value, &value_height));
    if (!take_char(p, ')')) return bad_text(p);
    *height = 1 + (key_height > value_height ? key_height : value_height);
    *out = tarn_type_map(p->arena, key, value, true);
    return TARN_OK;
}

/* "TIME" and "TIMESTAMP" may be followed by WITH TIME ZONE, which makes one name of four words. */
static tarn_str take_zone(parser *p, tarn_str name) {
    size_t back = p->at;
    bool zoned = tarn_str_ieq(take_word(p), TARN_LIT("WITH")) && tarn_str_ieq(take_word(p), TARN_LIT("TIME")) &&
                 tarn_str_ieq(take_word(p), TARN_LIT("ZONE"));
    if (!zoned) {
        p->at = back;
        return name;
    }
    return name.n == 4 ? TARN_LIT("TIME WITH TIME ZONE") : TARN_LIT("TIMESTAMP WITH TIME ZONE");
}

/* The brackets after the name of a type of the engine's own: ENUM('a', 'b'), UNION(x INTEGER). */
static void skip_brackets(parser *p) {
    int open = 0;
    if (peek(p) != '(') return;
    do {
        char c = peek(p);
        const char *quote = c == '\'' || c == '"' ? memchr(p->text.p + p->at + 1, c, p->text.n - p->at - 1) : NULL;
        if (quote) p->at = (size_t)(quote - p->text.p);
        open += (c == '(') - (c == ')');
        p->at++;
    } while (open && !at_end(p));
}

/* The error says why no table holds it. */
static tarn_code take_foreign(parser *p, size_t begin, tarn_code code, tarn_type **out) {
    if (!p->query || code != TARN_UNSUPPORTED) return code;
    tarn_type *type = tarn_type_new(p->arena, TARN_FOREIGN);
    skip_brackets(p);
    type->fields = TARN_NEW(p->arena, tarn_field);
    type->fields[0].name = tarn_arena_strndup(p->arena, p->text.p + begin, p->at - begin);
    type->fields[0].comment = tarn_arena_strdup(p->arena, p->cx->error.message);
    tarn_clear_error(p->cx);
    *out = type;
    return TARN_OK;
}

static tarn_code refuse(parser *p, tarn_str name) {
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (tarn_str_ieq(name, tarn_str_of(foreign[i].name)))
            return tarn_fail(p->cx, TARN_UNSUPPORTED, "a table cannot hold the type %s; use CAST(x AS %s)",
                             foreign[i].name, foreign[i].cast);
    if (name.n > 200) name.n = 200;
    return tarn_fail(p->cx, TARN_UNSUPPORTED, "a table cannot hold the type %.*s; use CAST(x AS VARCHAR)", (int)name.n,
                     name.p);
}

static tarn_code parse_base(parser *p, int depth, tarn_type **out, int *height) {
    tarn_str name;
    skip_blanks(p);
    size_t begin = p->at;
    TRY(take_name(p, &name));
    *height = 0;
    if (tarn_str_ieq(name, TARN_LIT("STRUCT"))) return parse_struct(p, depth, out, height);
    if (tarn_str_ieq(name, TARN_LIT("MAP"))) return parse_map(p, depth, out, height);
    if (tarn_str_ieq(name, TARN_LIT("DECIMAL"))) return parse_decimal(p, out);
    if (tarn_str_ieq(name, TARN_LIT("TIME")) || tarn_str_ieq(name, TARN_LIT("TIMESTAMP"))) name = take_zone(p, name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!tarn_str_ieq(name, tarn_str_of(known[i].name))) continue;
        *out = tarn_type_new(p->arena, known[i].kind);
        return TARN_OK;
    }
    return take_foreign(p, begin, refuse(p, name), out);
}

/* `height` is the levels below and in *out; T[][] grows it without recursion, so both it and `depth` are bounded. */
static tarn_code parse_type(parser *p, int depth, tarn_type **out, int *height) {
    if (depth > DEPTH_MAX) return too_deep(p);
    tarn_type *type = NULL;
    int high = 0;
    TRY(parse_base(p, depth, &type, &high));
    while (take_char(p, '[')) {
        int length;
        if (!take_char(p, ']')) {
            TRY(take_int(p, INT32_MAX, &length));
            if (!take_char(p, ']')) return bad_text(p);
        }
        TRY(count_field(p));
        if (++high > DEPTH_MAX) return too_deep(p);
        type = tarn_type_list(p->arena, type, true);
    }
    if (high > DEPTH_MAX) return too_deep(p);
    *height = high;
    *out = type;
    return TARN_OK;
}

static tarn_code parse_all(parser p, tarn_type **out) {
    tarn_type *type;
    int height;
    TRY(parse_type(&p, 0, &type, &height));
    skip_blanks(&p);
    if (!at_end(&p)) return bad_text(&p);
    *out = type;
    return TARN_OK;
}

tarn_code tarn_type_from_duckdb(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_type **out) {
    return parse_all((parser){.cx = cx, .arena = arena, .text = text}, out);
}

tarn_code tarn_type_of_query(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_type **out) {
    return parse_all((parser){.cx = cx, .arena = arena, .text = text, .query = true}, out);
}
