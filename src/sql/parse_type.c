/* parse_type.c: types in the spellings of Spark, DuckDB, PostgreSQL, BigQuery and Snowflake. */
#include "sql/parse.h"

enum { DEPTH_MAX = 64, DIGITS_MAX = 38 };

typedef struct type_parser {
    tarn_cx *cx;
    tarn_cursor *c;
    tarn_arena *arena;
    bool query; /* DuckDB's meaning of TIMESTAMP and DECIMAL */
    int depth;
    bool half_closed; /* the first > of the >> at the cursor has been used */
} type_parser;

/* Plain types. PARAM: a length may follow, which tables do not keep; FIXED and DECIMAL have their own ways. */
static const struct simple_type {
    const char *words;
    tarn_kind kind;
} simple_types[] = {
    {"STRING|TEXT|VARCHAR|CHAR|CHARACTER|CHARACTER VARYING|BPCHAR|NVARCHAR|JSON", TARN_STRING},
    {"INT|INTEGER|INT4|INT32|SIGNED", TARN_INT32},
    {"BIGINT|LONG|INT8|INT64", TARN_INT64},
    {"SMALLINT|SHORT|INT2|INT16", TARN_INT16},
    {"TINYINT|BYTE|BYTEINT|INT1", TARN_INT8},
    {"FLOAT|REAL|FLOAT4", TARN_FLOAT32},
    {"DOUBLE|DOUBLE PRECISION|FLOAT8|FLOAT64", TARN_FLOAT64},
    {"BOOLEAN|BOOL|LOGICAL", TARN_BOOL},
    {"DATE", TARN_DATE},
    {"BINARY|VARBINARY|BLOB|BYTES|BYTEA", TARN_BINARY},
    {"UUID", TARN_UUID},
    {"VARIANT", TARN_VARIANT},
    {"VOID", TARN_VOID},
    {"TIMESTAMPTZ|TIMESTAMP_LTZ|TIMESTAMP_TZ", TARN_TIMESTAMP},
    {"TIMESTAMP_NTZ|DATETIME|TIMESTAMP_US", TARN_TIMESTAMP_NTZ},
    {"TIMESTAMP_NS", TARN_TIMESTAMP_NTZ_NS},
};

static const struct refused_type {
    const char *words, *use;
} refused_types[] = {
    {"UTINYINT|UINT8", "SMALLINT"},
    {"USMALLINT|UINT16", "INT"},
    {"UINTEGER|UINT32", "BIGINT"},
    {"UBIGINT|UINT64", "DECIMAL(20,0)"},
    {"HUGEINT|UHUGEINT|INT128|UINT128|BIGNUM|VARINT", "DECIMAL(38,0)"},
    {"INTERVAL", "BIGINT with a unit of your own, or two timestamps"},
    {"ENUM|SET", "STRING with CHECK (… IN (…))"},
    {"TIMESTAMP_S|TIMESTAMP_MS", "TIMESTAMP_NTZ"},
    {"TIMETZ|TIME WITH TIME ZONE", "TIME or TIMESTAMP"},
    {"BIT|BITSTRING", "BINARY"},
    {"UNION", "STRUCT or VARIANT"},
    {"GEOMETRY|GEOGRAPHY", "BINARY with WKB"},
    {"OBJECT", "VARIANT or MAP<STRING, STRING>"},
    {"SERIAL|BIGSERIAL", "BIGINT and numbers from row_number()"},
};

static tarn_code parse_any(type_parser *p, tarn_type **out);

static tarn_code fail_here(type_parser *p, tarn_code code, const char *message) {
    tarn_str text = {p->c->tokens->text, p->c->tokens->n_text};
    return tarn_fail_at(p->cx, code, text, p->c->tokens->tokens.at[p->c->i].at, "%s", message);
}

/* The > that ends a nested type; generics that end together are lexed as >>. */
static bool accept_close(type_parser *p) {
    if (p->half_closed) {
        p->half_closed = false;
        p->c->i++;
        return true;
    }
    if (tarn_accept(p->c, ">")) return true;
    return p->half_closed = tarn_peek(p->c, ">>");
}

static tarn_code expect_close(type_parser *p, bool angle) {
    if (!angle && p->half_closed) return tarn_unexpected(p->cx, p->c, ")");
    if (!angle) return tarn_expect(p->cx, p->c, ")");
    return accept_close(p) ? TARN_OK : tarn_unexpected(p->cx, p->c, "> or a comma");
}

static tarn_code expect_open(type_parser *p, bool *angle, const char *what) {
    *angle = tarn_accept(p->c, "<");
    return *angle || tarn_accept(p->c, "(") ? TARN_OK : tarn_unexpected(p->cx, p->c, what);
}

/* (n): true when it is there. */
static tarn_code parse_length(type_parser *p, int64_t min, int64_t max, bool *found, int64_t *out) {
    *found = tarn_accept(p->c, "(");
    if (!*found) return TARN_OK;
    tarn_cursor at = *p->c;
    TRY(tarn_parse_int(p->cx, p->c, out));
    if (*out < min || *out > max) {
        *p->c = at;
        return tarn_unexpected(p->cx, p->c,
                               tarn_printf(p->cx, "a number from %lld to %lld", (long long)min, (long long)max));
    }
    return tarn_expect(p->cx, p->c, ")");
}

/* Spark's DECIMAL is DECIMAL(10,0), DuckDB's DECIMAL(18,3), Snowflake's NUMBER is NUMBER(38,0). */
static tarn_code parse_decimal(type_parser *p, bool number, tarn_type **out) {
    int64_t precision = number ? DIGITS_MAX : p->query ? 18 : 10, scale = p->query && !number ? 3 : 0;
    if (tarn_accept(p->c, "(")) {
        tarn_cursor at = *p->c;
        scale = 0;
        TRY(tarn_parse_int(p->cx, p->c, &precision));
        if (tarn_accept(p->c, ",")) TRY(tarn_parse_int(p->cx, p->c, &scale));
        if (precision < 1 || precision > DIGITS_MAX || scale < 0 || scale > precision) {
            *p->c = at;
            return fail_here(p, TARN_INVALID,
                             "a decimal has 1 to 38 digits, and no more of them after the point than it has");
        }
        TRY(tarn_expect(p->cx, p->c, ")"));
    }
    *out = tarn_type_decimal(p->arena, (int)precision, (int)scale);
    return TARN_OK;
}

/* TIMESTAMP(p) [WITH [LOCAL] TIME ZONE | WITHOUT TIME ZONE]; more than six digits need nanoseconds. */
static tarn_code parse_timestamp(type_parser *p, tarn_type **out) {
    int64_t digits = 6;
    bool found, zoned = !p->query;
    TRY(parse_length(p, 0, 9, &found, &digits));
    if (tarn_accept(p->c, "WITH TIME ZONE|WITH LOCAL TIME ZONE"))
        zoned = true;
    else if (tarn_accept(p->c, "WITHOUT TIME ZONE"))
        zoned = false;
    if (digits > 6)
        *out = tarn_type_new(p->arena, zoned ? TARN_TIMESTAMP_NS : TARN_TIMESTAMP_NTZ_NS);
    else
        *out = tarn_type_new(p->arena, zoned ? TARN_TIMESTAMP : TARN_TIMESTAMP_NTZ);
    return TARN_OK;
}

static tarn_code parse_time(type_parser *p, tarn_type **out) {
    bool found;
    int64_t digits;
    TRY(parse_length(p, 0, 6, &found, &digits));
    tarn_accept(p->c, "WITHOUT TIME ZONE");
    *out = tarn_type_new(p->arena, TARN_TIME);
    return TARN_OK;
}

static tarn_code parse_list(type_parser *p, tarn_type **out) {
    bool angle;
    tarn_type *element = NULL;
    if (!tarn_peek(p->c, "<|(")) {
        /* Snowflake's ARRAY does not say of what. */
        *out = tarn_type_list(p->arena, tarn_type_new(p->arena, TARN_STRING), true);
        return TARN_OK;
    }
    TRY(expect_open(p, &angle, "<"));
    TRY(parse_any(p, &element));
    *out = tarn_type_list(p->arena, element, true);
    return expect_close(p, angle);
}

static tarn_code parse_map(type_parser *p, tarn_type **out) {
    bool angle;
    tarn_type *key = NULL, *value = NULL;
    TRY(expect_open(p, &angle, "<key, value>"));
    TRY(parse_any(p, &key));
    if (p->half_closed) return tarn_unexpected(p->cx, p->c, "the type of the values");
    TRY(tarn_expect(p->cx, p->c, ","));
    TRY(parse_any(p, &value));
    *out = tarn_type_map(p->arena, key, value, true);
    return expect_close(p, angle);
}

static tarn_code parse_member(type_parser *p, tarn_field *out) {
    tarn_field field = {.nullable = true, .id = -1};
    const char *text = NULL;
    tarn_type *type = NULL;
    TRY(tarn_parse_ident(p->cx, p->c, &text));
    field.name = tarn_arena_strdup(p->arena, text);
    tarn_accept(p->c, ":");
    TRY(parse_any(p, &type));
    field.type = type;
    if (!p->half_closed && tarn_accept(p->c, "NOT NULL")) field.nullable = false;
    if (!p->half_closed && tarn_accept(p->c, "COMMENT")) {
        TRY(tarn_parse_string(p->cx, p->c, &text));
        field.comment = tarn_arena_strdup(p->arena, text);
    }
    *out = field;
    return TARN_OK;
}

static tarn_code parse_struct(type_parser *p, tarn_type **out) {
    TARN_VEC(tarn_field) fields = {0};
    bool angle;
    TRY(expect_open(p, &angle, "<name: type, …>"));
    do {
        tarn_cursor at = *p->c;
        tarn_field field;
        TRY(parse_member(p, &field));
        *TARN_PUSH(p->arena, &fields) = field;
        if (fields.n > (size_t)tarn_conf_int(p->cx->conf, TARN_LIMIT_COLUMNS)) {
            *p->c = at;
            return fail_here(p, TARN_LIMIT, "a struct has more members than limit.columns allows");
        }
    } while (!p->half_closed && tarn_accept(p->c, ","));
    tarn_type *type = tarn_type_new(p->arena, TARN_STRUCT);
    type->fields = fields.at;
    type->n_fields = fields.n;
    TRY(tarn_schema_check(p->cx, type));
    *out = type;
    return expect_close(p, angle);
}

static tarn_code parse_fixed(type_parser *p, tarn_type **out) {
    bool square = tarn_accept(p->c, "[");
    int64_t n;
    if (!square) TRY(tarn_expect(p->cx, p->c, "("));
    TRY(tarn_parse_int(p->cx, p->c, &n));
    if (n < 1 || n > INT32_MAX) return fail_here(p, TARN_INVALID, "FIXED needs a length of 1 byte or more");
    *out = tarn_type_new(p->arena, TARN_FIXED);
    (*out)->precision = (int)n;
    return tarn_expect(p->cx, p->c, square ? "]" : ")");
}

static tarn_code parse_simple(type_parser *p, tarn_type **out) {
    for (size_t i = 0; i < sizeof simple_types / sizeof *simple_types; i++) {
        if (!tarn_accept(p->c, simple_types[i].words)) continue;
        bool found;
        int64_t length;
        tarn_kind kind = simple_types[i].kind;
        if (kind == TARN_STRING || kind == TARN_BINARY || kind == TARN_TIMESTAMP || kind == TARN_TIMESTAMP_NTZ)
            TRY(parse_length(p, 0, INT32_MAX, &found, &length));
        *out = tarn_type_new(p->arena, kind);
        return TARN_OK;
    }
    for (size_t i = 0; i < sizeof refused_types / sizeof *refused_types; i++) {
        if (!tarn_peek(p->c, refused_types[i].words)) continue;
        tarn_str name = tarn_token_text(p->c);
        return fail_here(
            p, TARN_UNSUPPORTED,
            tarn_printf(p->cx, "tables have no type %.*s; use %s", (int)name.n, name.p, refused_types[i].use));
    }
    return tarn_unexpected(p->cx, p->c,
                           "a type, such as BIGINT, STRING, DOUBLE, DECIMAL(10,2), DATE, TIMESTAMP or ARRAY<STRING>");
}

static tarn_code parse_base(type_parser *p, tarn_type **out) {
    tarn_cursor *c = p->c;
    if (tarn_accept(c, "DECIMAL|DEC|NUMERIC")) return parse_decimal(p, false, out);
    if (tarn_accept(c, "NUMBER")) return parse_decimal(p, true, out);
    if (tarn_accept(c, "TIMESTAMP")) return parse_timestamp(p, out);
    if (tarn_peek(c, "TIME") && !tarn_peek(c, "TIME WITH")) {
        tarn_accept(c, "TIME");
        return parse_time(p, out);
    }
    if (tarn_accept(c, "ARRAY|LIST")) return parse_list(p, out);
    if (tarn_accept(c, "MAP")) return parse_map(p, out);
    if (tarn_accept(c, "STRUCT|ROW")) return parse_struct(p, out);
    if (tarn_accept(c, "FIXED")) return parse_fixed(p, out);
    return parse_simple(p, out);
}

/* A type and what may follow it: [] and ARRAY, any number of times. */
static tarn_code parse_any(type_parser *p, tarn_type **out) {
    tarn_type *type = NULL;
    if (++p->depth > DEPTH_MAX) return fail_here(p, TARN_LIMIT, "types may be nested 64 deep");
    TRY(parse_base(p, &type));
    int suffixes = 0;
    while (!p->half_closed) {
        bool word = tarn_accept(p->c, "ARRAY");
        if (!tarn_accept(p->c, "[")) {
            if (!word) break;
        } else if (!tarn_accept(p->c, "]")) {
            return fail_here(p, TARN_UNSUPPORTED, "tables have no arrays of fixed length; use [] or ARRAY<…>");
        }
        if (p->depth + ++suffixes > DEPTH_MAX) return fail_here(p, TARN_LIMIT, "types may be nested 64 deep");
        type = tarn_type_list(p->arena, type, true);
    }
    p->depth--;
    *out = type;
    return TARN_OK;
}

static tarn_code parse_type(tarn_cx *cx, tarn_cursor *c, tarn_arena *arena, bool query, tarn_type **out) {
    tarn_cursor at = *c;
    type_parser parser = {.cx = cx, .c = &at, .arena = arena, .query = query};
    tarn_type *type = NULL;
    TRY(parse_any(&parser, &type));
    if (parser.half_closed) return tarn_unexpected(cx, &at, "a single >");
    *c = at;
    *out = type;
    return TARN_OK;
}

tarn_code tarn_parse_type(tarn_cx *cx, tarn_cursor *c, tarn_arena *arena, tarn_type **out) {
    return parse_type(cx, c, arena, false, out);
}

tarn_code tarn_parse_query_type(tarn_cx *cx, tarn_cursor *c, tarn_arena *arena, tarn_type **out) {
    return parse_type(cx, c, arena, true, out);
}
