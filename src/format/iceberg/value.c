/* value.c: single values in their binary form (1.7), and partition values out of manifests. */
#include "format/iceberg/manifest.h"

static uint64_t le_bytes(tarn_str s) {
    uint64_t v = 0;
    for (size_t i = s.n; i-- > 0;) v = v << 8 | (unsigned char)s.p[i];
    return v;
}

/* Bounds stay as they were written when a column is widened, so the length says what they are (1.2). */
static bool int_value(tarn_str bytes, int64_t *out) {
    if (bytes.n == 4) return *out = (int32_t)(uint32_t)le_bytes(bytes), true;
    if (bytes.n == 8) return *out = (int64_t)le_bytes(bytes), true;
    return false;
}

static bool float_value(tarn_str bytes, double *out) {
    if (bytes.n == 4) {
        float f;
        uint32_t bits = (uint32_t)le_bytes(bytes);
        memcpy(&f, &bits, sizeof f);
        return *out = f, true;
    }
    uint64_t bits = le_bytes(bytes);
    if (bytes.n != 8) return false;
    memcpy(out, &bits, sizeof *out);
    return true;
}

static bool decimal_value(tarn_str bytes, __int128 *out) {
    if (bytes.n == 0) return false;
    unsigned __int128 v = (signed char)bytes.p[0] < 0 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.n - i > 16 && (unsigned char)bytes.p[i] != (unsigned char)v) return false;
        v = v << 8 | (unsigned char)bytes.p[i];
    }
    *out = (__int128)v;
    return true;
}

static bool time_value(tarn_str bytes, const tarn_type *type, int64_t *out) {
    if (!int_value(bytes, out)) return false;
    if (bytes.n == 8 || type->kind == TARN_DATE) return bytes.n == (type->kind == TARN_DATE ? 4 : 8);
    bool ns = type->kind == TARN_TIMESTAMP_NTZ_NS || type->kind == TARN_TIMESTAMP_NS;
    return type->kind != TARN_TIME && !__builtin_mul_overflow(*out, INT64_C(86400000000) * (ns ? 1000 : 1), out);
}

bool tarn_iceberg_value(tarn_str bytes, const tarn_type *type, tarn_value *out) {
    tarn_value v = {.kind = type->kind, .scale = (int8_t)type->scale};
    bool ok = false;
    if (!bytes.p) return false;
    switch (type->kind) {
    case TARN_BOOL:
        ok = bytes.n == 1;
        v.b = ok && bytes.p[0] != 0;
        break;
    case TARN_INT32:
    case TARN_INT64: ok = int_value(bytes, &v.i); break;
    case TARN_FLOAT32:
    case TARN_FLOAT64: ok = float_value(bytes, &v.f); break;
    case TARN_DECIMAL: ok = decimal_value(bytes, &v.dec); break;
    case TARN_DATE:
    case TARN_TIME:
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS: ok = time_value(bytes, type, &v.i); break;
    case TARN_UUID:
        ok = bytes.n == 16;
        v.s = bytes;
        break;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
        ok = true;
        v.s = bytes;
        break;
    default: return false;
    }
    if (ok) *out = v;
    return ok;
}

/* DuckDB reads instants in nanoseconds as microseconds, and predicates are about what it reads. */
void tarn_iceberg_as_read(tarn_value *v) {
    if (v->kind != TARN_TIMESTAMP_NS || v->null) return;
    v->kind = TARN_TIMESTAMP;
    v->i = v->i / 1000 - (v->i % 1000 < 0);
}

/* By what stands in the file, as writers differ: days as date or int, decimals as fixed or bytes (1.3, 1.15). */
bool tarn_iceberg_partition_value(tarn_avro_cursor *c, const tarn_avro_type *type, const tarn_type *as,
                                  tarn_value *out) {
    tarn_value v = {.kind = as->kind, .scale = (int8_t)as->scale};
    tarn_str s;
    bool ok = false;
    switch (as->kind) {
    case TARN_BOOL: ok = tarn_avro_get_bool(c, type, &v.b); break;
    case TARN_FLOAT32:
    case TARN_FLOAT64: ok = tarn_avro_get_double(c, type, &v.f); break;
    case TARN_DECIMAL: ok = tarn_avro_get_str(c, type, &s) && decimal_value(s, &v.dec); break;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
    case TARN_UUID: ok = tarn_avro_get_str(c, type, &v.s) && (as->kind != TARN_UUID || v.s.n == 16); break;
    case TARN_INT32:
    case TARN_INT64:
    case TARN_DATE:
    case TARN_TIME:
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ:
    case TARN_TIMESTAMP_NS:
    case TARN_TIMESTAMP_NTZ_NS: ok = tarn_avro_get_long(c, type, &v.i); break;
    default: tarn_avro_skip(c, type); break;
    }
    v.null = !ok;
    *out = v;
    return ok;
}
