/* params.c: the values of a call's parameters, from the public API's words into the engine's. */
#include "session/sources.h"

static tarn_code read_decimal(tarn_cx *cx, const tarn_param *p, tarn_value *out) {
    tarn_str text = {p->data, p->n};
    const char *point = text.n ? memchr(text.p, '.', text.n) : NULL;
    size_t scale = point ? text.n - (size_t)(point - text.p) - 1 : 0;
    tarn_type type = {.kind = TARN_DECIMAL, .precision = 38, .scale = (int)scale};
    if (scale > 38 || !tarn_value_parse(text, &type, cx->arena, out))
        return tarn_fail(cx, TARN_INVALID, "%.*s is no decimal of at most 38 digits: bind it as a double or as text",
                         (int)(text.n < 60 ? text.n : 60), text.n ? text.p : "");
    return TARN_OK;
}

static tarn_code read_param(tarn_cx *cx, const tarn_param *p, tarn_value *out) {
    bool has_bytes = p->type == TARN_PARAM_TEXT || p->type == TARN_PARAM_BLOB || p->type == TARN_PARAM_UUID;
    tarn_str bytes = {has_bytes && p->n ? tarn_arena_strndup(cx->arena, p->data, p->n) : "", p->n};
    *out = (tarn_value){.kind = TARN_STRING};
    switch (p->type) {
    case TARN_PARAM_NULL: out->null = true; return TARN_OK;
    case TARN_PARAM_BOOL: out->kind = TARN_BOOL, out->b = p->i != 0; return TARN_OK;
    case TARN_PARAM_INT: out->kind = TARN_INT64, out->i = p->i; return TARN_OK;
    case TARN_PARAM_DOUBLE: out->kind = TARN_FLOAT64, out->f = p->d; return TARN_OK;
    case TARN_PARAM_TEXT: out->s = bytes; return TARN_OK;
    case TARN_PARAM_BLOB: out->kind = TARN_BINARY, out->s = bytes; return TARN_OK;
    case TARN_PARAM_DATE: out->kind = TARN_DATE, out->i = p->i; return TARN_OK;
    case TARN_PARAM_TIME: out->kind = TARN_TIME, out->i = p->i; return TARN_OK;
    case TARN_PARAM_TIMESTAMP: out->kind = TARN_TIMESTAMP_NTZ, out->i = p->i; return TARN_OK;
    case TARN_PARAM_INSTANT: out->kind = TARN_TIMESTAMP, out->i = p->i; return TARN_OK;
    case TARN_PARAM_DECIMAL: return read_decimal(cx, p, out);
    case TARN_PARAM_UUID:
        out->kind = TARN_UUID, out->s = bytes;
        return p->n == 16 ? TARN_OK : tarn_fail(cx, TARN_INVALID, "a UUID has 16 bytes, not %zu", p->n);
    }
    return tarn_fail(cx, TARN_INVALID, "parameters of type %d are not known", (int)p->type);
}

tarn_code tarn_session_params(tarn_cx *cx, const tarn_param *params, size_t n, tarn_bind **out) {
    tarn_bind *binds = TARN_NEW_ARRAY(cx->arena, tarn_bind, n);
    for (size_t i = 0; i < n; i++) {
        binds[i].name = params[i].name ? tarn_arena_strdup(cx->arena, params[i].name) : NULL;
        TRY(read_param(cx, &params[i], &binds[i].value));
    }
    *out = binds;
    return TARN_OK;
}
