/* partition.c: the SQL function tarn_partition(transform, value): what a partition transform makes of a value, as the
 * text that names the partition's folder. */
#include "engine/internal.h"
#include "model/transform.h"

enum { TEXT_MAX = 1 << 24 };

/* The values of one vector, as the model has them. */
typedef struct source {
    const tarn_duckdb *api;
    const void *data;
    const uint64_t *valid;
    duckdb_type type, inner; /* inner: of a decimal */
    int8_t scale;
} source;

static source source_of(const tarn_duckdb *api, duckdb_vector vector) {
    duckdb_logical_type type = api->vector_get_column_type(vector);
    source s = {.api = api,
                .data = api->vector_get_data(vector),
                .valid = api->vector_get_validity(vector),
                .type = api->get_type_id(type)};
    if (s.type == DUCKDB_TYPE_DECIMAL) {
        s.inner = api->decimal_internal_type(type);
        s.scale = (int8_t)api->decimal_scale(type);
    }
    api->destroy_logical_type(&type);
    return s;
}

static tarn_str text_at(const source *s, idx_t row) {
    const duckdb_string_t *t = (const duckdb_string_t *)s->data + row;
    uint32_t n = t->value.inlined.length;
    return (tarn_str){n <= sizeof t->value.inlined.inlined ? t->value.inlined.inlined : t->value.pointer.ptr, n};
}

static __int128 huge_at(const source *s, idx_t row) {
    duckdb_hugeint h = ((const duckdb_hugeint *)s->data)[row];
    return (__int128)((unsigned __int128)(uint64_t)h.upper << 64 | h.lower);
}

/* A UUID's first bit is turned round, so that DuckDB can sort them as numbers. */
static void uuid_bytes(const source *s, idx_t row, char out[16]) {
    unsigned __int128 v = (unsigned __int128)huge_at(s, row) ^ (unsigned __int128)1 << 127;
    for (int i = 0; i < 16; i++) out[i] = (char)(v >> (8 * (15 - i)));
}

static int64_t int_at(const source *s, duckdb_type type, idx_t row) {
    switch (type) {
    case DUCKDB_TYPE_TINYINT: return ((const int8_t *)s->data)[row];
    case DUCKDB_TYPE_SMALLINT: return ((const int16_t *)s->data)[row];
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE: return ((const int32_t *)s->data)[row];
    default: return ((const int64_t *)s->data)[row];
    }
}

/* False: no partition is made of this type. `bytes` is for a value that has to be turned round. */
static bool value_at(const source *s, idx_t row, char bytes[16], tarn_value *out) {
    static const struct {
        duckdb_type type;
        tarn_kind kind;
    } kinds[] = {{DUCKDB_TYPE_TINYINT, TARN_INT8},
                 {DUCKDB_TYPE_SMALLINT, TARN_INT16},
                 {DUCKDB_TYPE_INTEGER, TARN_INT32},
                 {DUCKDB_TYPE_BIGINT, TARN_INT64},
                 {DUCKDB_TYPE_DATE, TARN_DATE},
                 {DUCKDB_TYPE_TIME, TARN_TIME},
                 {DUCKDB_TYPE_TIMESTAMP, TARN_TIMESTAMP_NTZ},
                 {DUCKDB_TYPE_TIMESTAMP_TZ, TARN_TIMESTAMP},
                 {DUCKDB_TYPE_TIMESTAMP_NS, TARN_TIMESTAMP_NTZ_NS}};
    *out = (tarn_value){.null = s->valid && !(s->valid[row / 64] >> (row % 64) & 1)};
    if (out->null) return true;
    if (s->type == DUCKDB_TYPE_VARCHAR || s->type == DUCKDB_TYPE_BLOB) {
        out->kind = s->type == DUCKDB_TYPE_BLOB ? TARN_BINARY : TARN_STRING;
        out->s = text_at(s, row);
        return true;
    }
    if (s->type == DUCKDB_TYPE_UUID) {
        uuid_bytes(s, row, bytes);
        out->kind = TARN_UUID;
        out->s = (tarn_str){bytes, 16};
        return true;
    }
    if (s->type == DUCKDB_TYPE_DECIMAL) {
        out->kind = TARN_DECIMAL;
        out->scale = s->scale;
        out->dec = s->inner == DUCKDB_TYPE_HUGEINT ? huge_at(s, row) : int_at(s, s->inner, row);
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].type != s->type) continue;
        out->kind = kinds[i].kind;
        out->i = int_at(s, s->type, row);
        return true;
    }
    return false;
}

static bool is_number(tarn_kind kind) { return kind <= TARN_TIMESTAMP_NTZ_NS && kind != TARN_DECIMAL; }

/* Rows near each other are mostly of one partition: its text is made once. */
static void run_partition(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    const tarn_duckdb *api = tarn_duckdb_loaded();
    idx_t rows = api->data_chunk_get_size(input);
    source names = source_of(api, api->data_chunk_get_vector(input, 0)),
           values = source_of(api, api->data_chunk_get_vector(input, 1));
    tarn_auto_buf text = TARN_BUF(TEXT_MAX);
    tarn_transform transform = TARN_OTHER_TRANSFORM;
    int param = 0;
    tarn_value last = {.null = true};
    if (rows) tarn_transform_parse(text_at(&names, 0), &transform, &param);
    api->vector_ensure_validity_writable(output);
    uint64_t *valid = api->vector_get_validity(output);
    for (idx_t row = 0; row < rows; row++) {
        char bytes[16];
        tarn_value v, result;
        if (!value_at(&values, row, bytes, &v) || !tarn_transform_value(transform, param, &v, &result)) {
            api->scalar_function_set_error(info, "a value that has no partition: it is out of range");
            return;
        }
        if (result.null) {
            api->validity_set_row_invalid(valid, row);
            continue;
        }
        if (last.null || !is_number(result.kind) || last.i != result.i) {
            tarn_buf_clear(&text);
            tarn_transform_text(&text, transform, &result);
            last = result;
        }
        if (text.failed) {
            api->scalar_function_set_error(info, "a partition's value is too long");
            return;
        }
        api->vector_assign_string_element_len(output, row, text.data ? text.data : "", text.n);
    }
}

tarn_code tarn_partition_register(tarn_cx *cx, const tarn_duckdb *api, duckdb_connection handle) {
    duckdb_scalar_function f = api->create_scalar_function();
    duckdb_logical_type text = api->create_logical_type(DUCKDB_TYPE_VARCHAR),
                        any = api->create_logical_type(DUCKDB_TYPE_ANY);
    api->scalar_function_set_name(f, "tarn_partition");
    api->scalar_function_add_parameter(f, text);
    api->scalar_function_add_parameter(f, any);
    api->scalar_function_set_return_type(f, text);
    api->scalar_function_set_special_handling(f); /* a null is a partition too */
    api->scalar_function_set_function(f, run_partition);
    duckdb_state state = api->register_scalar_function(handle, f);
    api->destroy_logical_type(&text);
    api->destroy_logical_type(&any);
    api->destroy_scalar_function(&f);
    return state == DuckDBSuccess ? TARN_OK
                                  : tarn_fail(cx, TARN_INTERNAL, "cannot register tarn_partition with DuckDB");
}
