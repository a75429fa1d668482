/* bind.c: gives a prepared statement its parameters. */
#include "engine/internal.h"

static bool is_utf8(tarn_str s) {
    uint32_t c;
    for (size_t i = 0, n; i < s.n; i += n)
        if (!(n = tarn_utf8_decode(s.p + i, s.n - i, &c))) return false;
    return true;
}

/* The smallest width: a wider one would make DuckDB cast the column it is compared with. */
static duckdb_decimal decimal_of(const tarn_value *v) {
    int digits = 1;
    for (__int128 rest = v->dec / 10; rest; rest /= 10) digits++;
    if (digits <= v->scale) digits = v->scale < 38 ? v->scale + 1 : 38;
    return (duckdb_decimal){.width = (uint8_t)digits,
                            .scale = (uint8_t)v->scale,
                            .value = {.lower = (uint64_t)v->dec, .upper = (int64_t)(v->dec >> 64)}};
}

static duckdb_state bind_made(const tarn_duckdb *api, duckdb_prepared_statement s, idx_t at, duckdb_value value) {
    duckdb_state state = value ? api->bind_value(s, at, value) : DuckDBError;
    if (value) api->destroy_value(&value);
    return state;
}

static duckdb_state bind_uuid(const tarn_duckdb *api, duckdb_prepared_statement s, idx_t at, tarn_str bytes) {
    duckdb_uhugeint u = {0};
    if (bytes.n != 16) return DuckDBError;
    for (int i = 0; i < 8; i++) {
        u.upper = u.upper << 8 | (unsigned char)bytes.p[i];
        u.lower = u.lower << 8 | (unsigned char)bytes.p[8 + i];
    }
    return bind_made(api, s, at, api->create_uuid(u));
}

static int64_t us_of_ns(int64_t ns) { return ns / 1000 - (ns % 1000 < 0); }

static duckdb_state bind_one(const tarn_duckdb *api, duckdb_prepared_statement s, idx_t at, const tarn_value *v) {
    if (v->null) return api->bind_null(s, at);
    switch (v->kind) {
    case TARN_BOOL: return api->bind_boolean(s, at, v->b);
    case TARN_INT8: return api->bind_int8(s, at, (int8_t)v->i);
    case TARN_INT16: return api->bind_int16(s, at, (int16_t)v->i);
    case TARN_INT32: return api->bind_int32(s, at, (int32_t)v->i);
    case TARN_INT64: return api->bind_int64(s, at, v->i);
    case TARN_FLOAT32: return api->bind_float(s, at, (float)v->f);
    case TARN_FLOAT64: return api->bind_double(s, at, v->f);
    case TARN_DECIMAL: return api->bind_decimal(s, at, decimal_of(v));
    case TARN_DATE: return api->bind_date(s, at, (duckdb_date){(int32_t)v->i});
    case TARN_TIME: return api->bind_time(s, at, (duckdb_time){v->i});
    case TARN_TIMESTAMP: return api->bind_timestamp_tz(s, at, (duckdb_timestamp){v->i});
    case TARN_TIMESTAMP_NS: return api->bind_timestamp_tz(s, at, (duckdb_timestamp){us_of_ns(v->i)});
    case TARN_TIMESTAMP_NTZ: return api->bind_timestamp(s, at, (duckdb_timestamp){v->i});
    case TARN_TIMESTAMP_NTZ_NS: return bind_made(api, s, at, api->create_timestamp_ns((duckdb_timestamp_ns){v->i}));
    case TARN_STRING: return api->bind_varchar_length(s, at, v->s.p ? v->s.p : "", v->s.n);
    case TARN_BINARY:
    case TARN_FIXED: return api->bind_blob(s, at, v->s.p ? v->s.p : "", v->s.n);
    case TARN_UUID: return bind_uuid(api, s, at, v->s);
    default: return DuckDBError;
    }
}

tarn_code tarn_bind_all(tarn_cx *cx, tarn_conn *conn, duckdb_prepared_statement statement, const tarn_bind *binds,
                        size_t n) {
    const tarn_duckdb *api = conn->api;
    idx_t wanted = api->nparams(statement);
    if (wanted != n)
        return tarn_fail(cx, TARN_INVALID, "the statement has %llu parameter%s, but %zu value%s given",
                         (unsigned long long)wanted, wanted == 1 ? "" : "s", n, n == 1 ? " was" : "s were");
    for (size_t i = 0; i < n; i++) {
        const tarn_value *v = &binds[i].value;
        idx_t at = i + 1;
        if (binds[i].name && api->bind_parameter_index(statement, &at, binds[i].name) != DuckDBSuccess)
            return tarn_fail(cx, TARN_INVALID, "the statement has no parameter $%s", binds[i].name);
        if (v->kind == TARN_STRING && !v->null && !is_utf8(v->s))
            return tarn_fail(cx, TARN_INVALID, "parameter $%llu is not valid UTF-8; bind it as a blob",
                             (unsigned long long)at);
        if (bind_one(api, statement, at, v) != DuckDBSuccess)
            return tarn_fail(cx, TARN_INVALID, "cannot bind parameter $%llu as %s", (unsigned long long)at,
                             tarn_kind_name(v->kind));
    }
    return TARN_OK;
}
