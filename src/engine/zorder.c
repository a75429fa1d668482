/* zorder.c: the SQL function tarn_z, whose values order rows along a Z-curve through several columns. */
#include "engine/internal.h"

enum { ARGUMENTS_MAX = 64 };

/* The first bits of all, then the second bits, and so on: a byte string that sorts as the curve runs. */
static void interleave(const uint64_t *values, idx_t n, unsigned char *out) {
    memset(out, 0, 8 * n);
    size_t at = 0;
    for (int bit = 63; bit >= 0; bit--)
        for (idx_t i = 0; i < n; i++, at++) out[at / 8] |= (unsigned char)((values[i] >> bit & 1) << (7 - at % 8));
}

static void run_z(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    const tarn_duckdb *api = tarn_duckdb_loaded();
    idx_t n = api->data_chunk_get_column_count(input), rows = api->data_chunk_get_size(input);
    const uint64_t *data[ARGUMENTS_MAX], *valid[ARGUMENTS_MAX];
    if (n == 0 || n > ARGUMENTS_MAX) {
        api->scalar_function_set_error(info, "tarn_z takes 1 to 64 arguments");
        return;
    }
    for (idx_t i = 0; i < n; i++) {
        duckdb_vector v = api->data_chunk_get_vector(input, i);
        data[i] = api->vector_get_data(v);
        valid[i] = api->vector_get_validity(v);
    }
    for (idx_t row = 0; row < rows; row++) {
        uint64_t values[ARGUMENTS_MAX];
        unsigned char key[8 * ARGUMENTS_MAX];
        for (idx_t i = 0; i < n; i++) values[i] = !valid[i] || valid[i][row / 64] >> (row % 64) & 1 ? data[i][row] : 0;
        interleave(values, n, key);
        api->vector_assign_string_element_len(output, row, (const char *)key, 8 * n);
    }
}

tarn_code tarn_zorder_register(tarn_cx *cx, const tarn_duckdb *api, duckdb_connection handle) {
    duckdb_scalar_function f = api->create_scalar_function();
    duckdb_logical_type number = api->create_logical_type(DUCKDB_TYPE_UBIGINT),
                        blob = api->create_logical_type(DUCKDB_TYPE_BLOB);
    api->scalar_function_set_name(f, "tarn_z");
    api->scalar_function_set_varargs(f, number);
    api->scalar_function_set_return_type(f, blob);
    api->scalar_function_set_special_handling(f); /* nulls are zeros */
    api->scalar_function_set_function(f, run_z);
    duckdb_state state = api->register_scalar_function(handle, f);
    api->destroy_logical_type(&number);
    api->destroy_logical_type(&blob);
    api->destroy_scalar_function(&f);
    return state == DuckDBSuccess ? TARN_OK : tarn_fail(cx, TARN_INTERNAL, "cannot register tarn_z with DuckDB");
}
