/* values.c: how Delta spells single values in partitionValues and stats, and file paths as URIs. */
#include <math.h>
#include <stdio.h>

#include "format/delta/delta.h"

static bool parse_float(tarn_str text, double *out) {
    if (tarn_str_is(text, "NaN")) return *out = NAN, true;
    if (tarn_str_is(text, "Infinity") || tarn_str_is(text, "+Infinity")) return *out = INFINITY, true;
    if (tarn_str_is(text, "-Infinity")) return *out = -INFINITY, true;
    return tarn_parse_f64(text, out);
}

static bool parse_int(tarn_str text, tarn_kind kind, int64_t *out) {
    if (!tarn_parse_i64(text, out)) return false;
    int bits = kind == TARN_INT8 ? 8 : kind == TARN_INT16 ? 16 : kind == TARN_INT32 ? 32 : 64;
    return bits == 64 || (*out >= -(1LL << (bits - 1)) && *out < 1LL << (bits - 1));
}

/* Text as in stats: "" is a value of its own there. */
bool tarn_delta_value_parse(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out) {
    tarn_value v = {.kind = type->kind};
    int32_t days;
    bool zoned;
    bool ok = false;
    switch (type->kind) {
    case TARN_BOOL:
        v.b = tarn_str_ieq(text, TARN_LIT("true"));
        ok = v.b || tarn_str_ieq(text, TARN_LIT("false"));
        break;
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64: ok = parse_int(text, type->kind, &v.i); break;
    case TARN_FLOAT32:
    case TARN_FLOAT64: ok = parse_float(text, &v.f); break;
    case TARN_DATE:
        ok = tarn_parse_date(text.n > 10 && text.p[10] == ' ' ? (tarn_str){text.p, 10} : text, &days);
        v.i = ok ? days : 0;
        break;
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ: ok = tarn_parse_timestamp(text, &v.i, &zoned); break;
    case TARN_STRING:
    case TARN_BINARY:
        v.s = text;
        ok = true;
        break;
    default: return tarn_value_parse(text, type, arena, out);
    }
    if (ok) *out = v;
    return ok;
}

bool tarn_delta_partition_parse(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out) {
    if (text.n == 0) { /* 1.10: "" is null, for every type */
        *out = (tarn_value){.kind = type->kind, .null = true};
        return true;
    }
    return tarn_delta_value_parse(text, type, arena, out);
}

bool tarn_delta_partition_print(tarn_buf *out, const tarn_value *value) {
    char text[TARN_TIME_TEXT];
    if (value->null) return false;
    switch (value->kind) {
    case TARN_TIMESTAMP: /* ISO 8601 says its zone, the other spelling leaves it to the reader */
        tarn_format_timestamp(value->i, 'T', 6, "Z", text);
        tarn_buf_puts(out, text);
        return true;
    case TARN_TIMESTAMP_NTZ:
        tarn_format_timestamp(value->i, ' ', value->i % 1000000 ? 6 : 0, "", text);
        tarn_buf_puts(out, text);
        return true;
    case TARN_STRING:
    case TARN_BINARY:
        if (value->s.n == 0) return false;
        tarn_buf_add(out, value->s.p, value->s.n);
        return true;
    default: tarn_value_text(out, value); return true;
    }
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool climbs_out(tarn_str path) {
    for (size_t i = 0, start = 0; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/') continue;
        if (i - start == 2 && path.p[start] == '.' && path.p[start + 1] == '.') return true;
        start = i + 1;
    }
    return false;
}

tarn_code tarn_delta_path_decode(tarn_cx *cx, tarn_arena *arena, tarn_str uri, tarn_str *out) {
    tarn_str path = uri;
    if (memchr(uri.p, '%', uri.n)) {
        char *p = tarn_arena_alloc(arena, uri.n + 1);
        size_t n = 0;
        for (size_t i = 0; i < uri.n; i++) {
            int hi = uri.p[i] == '%' && i + 2 < uri.n ? hex_digit(uri.p[i + 1]) : -1;
            int lo = hi >= 0 ? hex_digit(uri.p[i + 2]) : -1;
            p[n++] = lo < 0 ? uri.p[i] : (char)(hi * 16 + lo);
            if (lo >= 0) i += 2;
        }
        path = (tarn_str){p, n};
    }
    if (path.n == 0) return tarn_fail(cx, TARN_CORRUPT, "a file's path is empty");
    if (memchr(path.p, 0, path.n)) return tarn_fail(cx, TARN_CORRUPT, "a file's path has a zero byte");
    if (climbs_out(path))
        return tarn_fail(cx, TARN_CORRUPT, "path \"%.*s\" leads out of the table", (int)(path.n > 200 ? 200 : path.n),
                         path.p);
    if (tarn_str_starts(path, "file:")) { /* file:/x, file:///x and /x are the same file (1.2) */
        path.p += 5, path.n -= 5;
        while (path.n > 1 && path.p[0] == '/' && path.p[1] == '/') path.p++, path.n--;
    }
    *out = path;
    return TARN_OK;
}

/* What java.net.URI leaves as it is in a path; ':' could be taken for a scheme. */
static bool uri_safe(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.!~'()*/@&=+$,;", c));
}

void tarn_delta_path_encode(tarn_buf *out, tarn_str path) {
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (uri_safe(c))
            tarn_buf_putc(out, (char)c);
        else
            tarn_buf_printf(out, "%%%02X", c);
    }
}

tarn_code tarn_delta_partition_values(tarn_cx *cx, tarn_arena *arena, tarn_str json, const tarn_schema *schema,
                                      const tarn_partition_field *fields, size_t n, const tarn_value **out) {
    tarn_value *values = TARN_NEW_ARRAY(arena, tarn_value, n);
    for (size_t i = 0; i < n; i++)
        values[i] = (tarn_value){.kind = schema->fields[fields[i].column].type->kind, .null = true};
    *out = values;
    if (!json.p || n == 0) return TARN_OK;
    tarn_json r;
    tarn_json_init(&r, json, TARN_JSON_DEPTH);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    for (bool more;;) {
        tarn_str key, text;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) return TARN_OK;
        size_t at = 0;
        while (at < n && !tarn_str_is(key, tarn_delta_physical(&schema->fields[fields[at].column]))) at++;
        if (at == n || r.kind == TARN_JSON_NULL) {
            TRY(tarn_json_skip(cx, &r));
            continue;
        }
        if (r.kind == TARN_JSON_STRING)
            TRY(tarn_json_text(cx, &r, arena, &text));
        else
            TRY(tarn_json_raw(cx, &r, &text));
        if (!tarn_delta_partition_parse(text, schema->fields[fields[at].column].type, arena, &values[at]))
            return tarn_fail(cx, TARN_CORRUPT, "partition column %s: \"%.*s\" is no %s", fields[at].name,
                             (int)(text.n > 100 ? 100 : text.n), text.p, tarn_kind_name(values[at].kind));
    }
}
