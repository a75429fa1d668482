/* requests.c: counts the HTTP requests that DuckDB makes on its own, which its log tells of. */
#include "engine/internal.h"

static const char storage_name[] = "tarn_requests";

/* The message is a struct as text, "{'request': {'type': GET, 'url': '…?list-type=2&…', …". */
static void count_entry(void *state, duckdb_timestamp *at, const char *level, const char *type, const char *message) {
    static const char *const names[TARN_REQUEST_KINDS] = {"GET", "PUT", "POST", "LIST", "HEAD", "DELETE"};
    atomic_uint_fast64_t *counts = state;
    (void)at, (void)level;
    const char *verb = type && message && strcmp(type, "HTTP") == 0 ? strstr(message, "'type': ") : NULL;
    if (!verb) return;
    verb += strlen("'type': ");
    const char *url = strstr(verb, "'url': '");
    size_t url_n = url ? strcspn(url + strlen("'url': '"), "'") : 0;
    bool list = url_n && memmem(url, url_n + strlen("'url': '"), "list-type=", strlen("list-type="));
    for (int i = 0; i < TARN_REQUEST_KINDS; i++)
        if (strncmp(verb, names[i], strlen(names[i])) == 0)
            atomic_fetch_add_explicit(&counts[list ? TARN_REQUEST_LIST : i], 1, memory_order_relaxed);
}

tarn_code tarn_requests_count(tarn_cx *cx, duckdb_database database, tarn_conn *conn) {
    const tarn_duckdb *api = conn->api;
    tarn_engine *engine = conn->engine;
    duckdb_log_storage storage = api->create_log_storage();
    api->log_storage_set_name(storage, storage_name);
    api->log_storage_set_write_log_entry(storage, count_entry);
    api->log_storage_set_extra_data(storage, engine->requests, NULL);
    duckdb_state made = api->register_log_storage(database, storage);
    api->destroy_log_storage(&storage);
    if (made != DuckDBSuccess) return tarn_fail(cx, TARN_INTERNAL, "DuckDB does not take a storage for its log");
    return tarn_conn_run(cx, conn, tarn_printf(cx, "CALL enable_logging('HTTP', storage := '%s')", storage_name));
}

void tarn_engine_requests(const tarn_engine *engine, uint64_t out[TARN_REQUEST_KINDS]) {
    for (int i = 0; i < TARN_REQUEST_KINDS; i++)
        out[i] = atomic_load_explicit(&engine->requests[i], memory_order_relaxed);
}
