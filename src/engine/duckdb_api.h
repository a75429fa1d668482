/* duckdb_api.h: the functions of DuckDB's C API that Tarn calls, as one table filled when the library is loaded. */
#ifndef TARN_ENGINE_DUCKDB_API_H
#define TARN_ENGINE_DUCKDB_API_H

#include "base/cx.h"
#include "duckdb.h"

/* Newer than the header. */
typedef struct _duckdb_log_storage *duckdb_log_storage;
duckdb_log_storage duckdb_create_log_storage(void);
void duckdb_destroy_log_storage(duckdb_log_storage *storage);
void duckdb_log_storage_set_name(duckdb_log_storage storage, const char *name);
void duckdb_log_storage_set_write_log_entry(duckdb_log_storage storage,
                                            void (*write)(void *state, duckdb_timestamp *at, const char *level,
                                                          const char *type, const char *message));
void duckdb_log_storage_set_extra_data(duckdb_log_storage storage, void *state, duckdb_delete_callback_t free_state);
duckdb_state duckdb_register_log_storage(duckdb_database database, duckdb_log_storage storage);

/* One after the other: the formatter would nest them. */
/* clang-format off */
#define TARN_DUCKDB_FUNCTIONS(F) \
    F(create_log_storage) F(destroy_log_storage) F(log_storage_set_name) F(log_storage_set_write_log_entry) \
    F(log_storage_set_extra_data) F(register_log_storage) F(library_version) F(free) F(create_config) F(set_config) \
    F(destroy_config) F(open_ext) F(close) F(connect) F(disconnect) F(interrupt) F(query) F(query_progress) \
    F(extract_statements) F(extract_statements_error) F(prepare_extracted_statement) F(destroy_extracted) F(prepare) \
    F(prepare_error) F(destroy_prepare) F(prepared_statement_type) F(nparams) F(bind_parameter_index) F(bind_value) \
    F(bind_null) F(bind_boolean) F(bind_int8) F(bind_int16) F(bind_int32) F(bind_int64) F(bind_float) F(bind_double) \
    F(bind_decimal) F(bind_date) F(bind_time) F(bind_timestamp) F(bind_timestamp_tz) F(bind_varchar_length) \
    F(bind_blob) F(create_timestamp_ns) F(create_uuid) F(destroy_value) F(get_uint64) F(pending_prepared) \
    F(pending_prepared_streaming) F(pending_error) F(pending_execute_task) F(pending_execution_is_finished) \
    F(execute_pending) F(destroy_pending) F(result_error) F(result_error_type) F(destroy_result) \
    F(result_return_type) F(rows_changed) F(column_count) F(column_name) F(column_logical_type) F(value_varchar) \
    F(fetch_chunk) F(create_logical_type) F(destroy_logical_type) F(vector_size) F(data_chunk_get_column_count) \
    F(data_chunk_get_vector) F(data_chunk_get_size) F(data_chunk_set_size) F(destroy_data_chunk) F(vector_get_data) \
    F(vector_get_validity) F(vector_get_column_type) F(vector_reference_vector) F(vector_assign_string_element_len) \
    F(result_get_arrow_options) F(destroy_arrow_options) F(to_arrow_schema) F(data_chunk_to_arrow) \
    F(schema_from_arrow) F(data_chunk_from_arrow) F(destroy_arrow_converted_schema) F(error_data_has_error) \
    F(error_data_message) F(error_data_error_type) F(destroy_error_data) F(create_scalar_function) \
    F(destroy_scalar_function) F(scalar_function_set_name) F(scalar_function_add_parameter) \
    F(scalar_function_set_varargs) F(scalar_function_set_return_type) F(scalar_function_set_special_handling) \
    F(scalar_function_set_extra_info) F(scalar_function_set_function) F(scalar_function_get_extra_info) \
    F(scalar_function_set_error) F(register_scalar_function) F(create_table_function) F(destroy_table_function) \
    F(table_function_set_name) F(table_function_add_parameter) F(table_function_set_extra_info) \
    F(table_function_set_bind) F(table_function_set_init) F(table_function_set_function) F(register_table_function) \
    F(bind_get_extra_info) F(bind_get_parameter) F(bind_add_result_column) F(bind_set_bind_data) F(bind_set_error) \
    F(init_get_bind_data) F(init_set_init_data) F(function_get_init_data) F(function_set_error) F(get_type_id) \
    F(decimal_internal_type) F(decimal_scale) \
    F(vector_ensure_validity_writable) F(validity_set_row_invalid)
/* clang-format on */

typedef struct tarn_duckdb {
#define F(name) __typeof__(&duckdb_##name) name;
    TARN_DUCKDB_FUNCTIONS(F)
#undef F
} tarn_duckdb;

/* Loads the library once per process: duckdb.library of the settings, else libduckdb.so beside Tarn, else where it was
 * built. A failure is not remembered: the next call tries again. */
TARN_MUST tarn_code tarn_duckdb_load(tarn_cx *cx, const tarn_duckdb **out);
/* The table where it is known to be loaded: in functions that DuckDB calls. */
const tarn_duckdb *tarn_duckdb_loaded(void);

#endif
