/* engine.c: the two databases and their connections. */
#include <stdlib.h>

#include "engine/internal.h"

/* The optimizers that would hide filters from json_serialize_plan or make it fail (duckdb.md, "The chain"). */
static const char plan_settings[] = "SET "
                                    "disabled_optimizers='statistics_propagation,late_materialization,build_side_probe_"
                                    "side,unused_columns,column_lifetime,"
                                    "top_n_window_elimination,compressed_materialization,join_filter_pushdown,common_"
                                    "subexpressions,common_subplan,materialized_cte,"
                                    "top_n,duplicate_groups,window_self_join'";

static const char default_timezone[] = "UTC";

tarn_engine *tarn_engine_new(const char *temp_directory) {
    tarn_engine *engine = calloc(1, sizeof *engine);
    char *copy = strdup(temp_directory ? temp_directory : "");
    if (!engine || !copy) abort();
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->planning, NULL);
    engine->refs = 1;
    engine->temp_directory = copy;
    engine->watcher = tarn_watcher_new();
    engine->live = tarn_live_new();
    engine->feeds = tarn_feeds_new();
    engine->grants = tarn_grants_new();
    return engine;
}

static void drop_ref(tarn_engine *engine) {
    if (atomic_fetch_sub(&engine->refs, 1) != 1) return;
    const tarn_duckdb *api = engine->api;
    tarn_watcher_free(engine->watcher);
    for (int i = 0; i < 2; i++)
        if (engine->databases[i]) api->close(&engine->databases[i]);
    tarn_live_free(engine->live); /* after the functions that use it */
    tarn_feeds_free(engine->feeds);
    tarn_grants_free(engine->grants);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->planning);
    free(engine->temp_directory);
    free(engine);
}

static void free_conn(tarn_conn *conn) {
    tarn_feeds_end(conn);
    if (conn->borrows) {
        (void)conn->api->query(conn->handle, "RESET disabled_optimizers", NULL);
        pthread_mutex_unlock(&conn->engine->planning);
    }
    conn->api->disconnect(&conn->handle);
    drop_ref(conn->engine);
    free(conn->timezone);
    free(conn);
}

void tarn_engine_free(tarn_engine *engine) {
    if (!engine) return;
    for (size_t i = 0; i < engine->n_idle; i++) free_conn(engine->idle[i]);
    engine->n_idle = 0;
    drop_ref(engine);
}

bool tarn_engine_loaded(const tarn_engine *engine) { return atomic_load(&engine->api) != NULL; }

static tarn_code set_option(tarn_cx *cx, const tarn_duckdb *api, duckdb_config config, const char *name,
                            const char *value) {
    if (api->set_config(config, name, value) == DuckDBSuccess) return TARN_OK;
    return tarn_fail(cx, TARN_INTERNAL, "DuckDB refuses the setting %s = '%s'", name, value);
}

static tarn_code set_options(tarn_cx *cx, tarn_engine *engine, tarn_engine_db db, duckdb_config config) {
    const tarn_duckdb *api = engine->api;
    int64_t memory = tarn_conf_int(cx->conf, TARN_MEMORY_LIMIT),
            threads = db == TARN_DB_PLAN ? 1 : tarn_conf_int(cx->conf, TARN_THREADS);
    /* What is linked in (parquet, json, icu) is all there is: nothing is fetched behind the user's back. */
    TRY(set_option(cx, api, config, "autoinstall_known_extensions", "false"));
    TRY(set_option(cx, api, config, "autoload_known_extensions", "false"));
    TRY(set_option(cx, api, config, "allow_community_extensions", "false"));
    /* Keys come from Tarn alone, not from what a user of DuckDB keeps in ~/.duckdb. */
    TRY(set_option(cx, api, config, "allow_persistent_secrets", "false"));
    TRY(set_option(cx, api, config, "errors_as_json", "true"));
    if (memory) TRY(set_option(cx, api, config, "memory_limit", tarn_printf(cx, "%lldB", (long long)memory)));
    if (threads) TRY(set_option(cx, api, config, "threads", tarn_printf(cx, "%lld", (long long)threads)));
    if (*engine->temp_directory) TRY(set_option(cx, api, config, "temp_directory", engine->temp_directory));
    return TARN_OK;
}

static tarn_code prepare_database(tarn_cx *cx, tarn_engine *engine, tarn_engine_db db, duckdb_database database) {
    tarn_conn conn = {.engine = engine, .api = engine->api, .db = db, .opened = -1};
    if (conn.api->connect(database, &conn.handle) != DuckDBSuccess)
        return tarn_fail(cx, TARN_INTERNAL, "cannot connect to DuckDB");
    tarn_code code = tarn_conn_run(cx, &conn, tarn_printf(cx, "SET GLOBAL TimeZone='%s'", default_timezone));
    if (code == TARN_OK && db == TARN_DB_PLAN) code = tarn_conn_run(cx, &conn, plan_settings);
    if (code == TARN_OK && db == TARN_DB_EXECUTE) code = tarn_requests_count(cx, database, &conn);
    if (code == TARN_OK) code = tarn_live_register(cx, engine, conn.handle);
    if (code == TARN_OK) code = tarn_zorder_register(cx, conn.api, conn.handle);
    if (code == TARN_OK) code = tarn_partition_register(cx, conn.api, conn.handle);
    if (code == TARN_OK) code = tarn_feeds_register(cx, engine, conn.handle);
    conn.api->disconnect(&conn.handle);
    return code;
}

/* With the engine's lock held. */
static tarn_code open_database(tarn_cx *cx, tarn_engine *engine, tarn_engine_db db) {
    if (engine->databases[db] && atomic_load(&engine->broken[db]) != engine->opened[db]) return TARN_OK;
    const tarn_duckdb *api;
    TRY(tarn_duckdb_load(cx, &api));
    atomic_store(&engine->api, api);
    duckdb_config config;
    duckdb_database database = NULL;
    char *message = NULL;
    if (api->create_config(&config) != DuckDBSuccess)
        return tarn_fail(cx, TARN_NOMEM, "cannot make a configuration for DuckDB");
    tarn_code code = set_options(cx, engine, db, config);
    if (code == TARN_OK && api->open_ext(":memory:", &database, config, &message) != DuckDBSuccess) {
        code = tarn_prefix(cx, tarn_duckdb_fail(cx, NULL, message, 0), "cannot start DuckDB");
        api->free(message);
    }
    api->destroy_config(&config);
    if (code == TARN_OK) code = prepare_database(cx, engine, db, database);
    if (code != TARN_OK) {
        if (database) api->close(&database);
        return code;
    }
    if (engine->databases[db]) api->close(&engine->databases[db]); /* open connections keep what they need of it */
    engine->databases[db] = database;
    engine->opened[db]++;
    return TARN_OK;
}

static tarn_code set_timezone(tarn_cx *cx, tarn_conn *conn) {
    const char *timezone = tarn_conf_text(cx->conf, TARN_TIMEZONE);
    if (!timezone || !*timezone) timezone = default_timezone;
    if (strcmp(conn->timezone, timezone) == 0) return TARN_OK;
    bool used = conn->used;
    tarn_code code = tarn_conn_run(cx, conn, tarn_printf(cx, "SET TimeZone=%s", tarn_sql_string(cx->arena, timezone)));
    if (code == TARN_INVALID || code == TARN_UNSUPPORTED)
        return tarn_fail(cx, TARN_INVALID, "timezone '%s' is not known; use a name such as Europe/Berlin", timezone);
    TRY(code);
    conn->used = used; /* the pool knows this setting */
    free(conn->timezone);
    conn->timezone = strdup(timezone);
    if (!conn->timezone) abort();
    return TARN_OK;
}

/* Two settings that cannot be given to the database as a whole: progress is counted, and printed by nobody. */
static tarn_code prepare_conn(tarn_cx *cx, tarn_conn *conn) {
    if (conn->db == TARN_DB_PLAN) return TARN_OK;
    TRY(tarn_conn_run(cx, conn, "SET enable_progress_bar=true; SET enable_progress_bar_print=false"));
    conn->used = false;
    return TARN_OK;
}

static tarn_conn *new_conn(tarn_engine *engine, tarn_engine_db db) {
    tarn_conn *conn = calloc(1, sizeof *conn);
    char *timezone = strdup(default_timezone);
    if (!conn || !timezone) abort();
    *conn = (tarn_conn){.engine = engine,
                        .api = engine->api,
                        .db = db,
                        .opened = engine->opened[db],
                        .timezone = timezone,
                        .error_at = -1};
    atomic_fetch_add(&engine->refs, 1);
    return conn;
}

/* Those of a database that has been replaced are let go. */
static tarn_conn *take_idle(tarn_engine *engine) {
    while (engine->n_idle) {
        tarn_conn *conn = engine->idle[--engine->n_idle];
        if (conn->opened == engine->opened[TARN_DB_EXECUTE]) return conn;
        free_conn(conn);
    }
    return NULL;
}

/* To open P costs as much as a small query. The first plan is made in X where only its own statement is connected to
 * it: a process that runs one statement opens no more than that. */
static bool lend(tarn_engine *engine) {
    size_t connected = (size_t)atomic_load(&engine->refs) - 1 - engine->n_idle;
    bool good = engine->databases[TARN_DB_EXECUTE] &&
                atomic_load(&engine->broken[TARN_DB_EXECUTE]) != engine->opened[TARN_DB_EXECUTE];
    if (!good || engine->lent || engine->opened[TARN_DB_PLAN] || connected > 1) return false;
    engine->lent = true;
    return true;
}

static tarn_code borrow(tarn_cx *cx, tarn_conn *conn) {
    pthread_mutex_lock(&conn->engine->planning);
    conn->borrows = true;
    return tarn_conn_run(cx, conn, plan_settings);
}

tarn_code tarn_engine_conn(tarn_cx *cx, tarn_engine *engine, tarn_engine_db db, tarn_conn **out) {
    tarn_conn *conn = NULL;
    bool fresh = false, lent = false;
    pthread_mutex_lock(&engine->lock);
    if (db == TARN_DB_PLAN && lend(engine)) {
        lent = true;
        db = TARN_DB_EXECUTE;
    }
    tarn_code code = open_database(cx, engine, db);
    if (code == TARN_OK && db == TARN_DB_EXECUTE && !lent) conn = take_idle(engine);
    if (code == TARN_OK && !conn) {
        conn = new_conn(engine, db);
        fresh = true;
        if (conn->api->connect(engine->databases[db], &conn->handle) != DuckDBSuccess)
            code = tarn_fail(cx, TARN_INTERNAL, "cannot connect to DuckDB");
    }
    pthread_mutex_unlock(&engine->lock);
    if (code == TARN_OK && lent) code = borrow(cx, conn);
    if (code == TARN_OK && fresh && !lent) code = prepare_conn(cx, conn);
    if (code == TARN_OK) code = set_timezone(cx, conn);
    if (code == TARN_OK)
        *out = conn;
    else if (conn)
        free_conn(conn);
    return code;
}

/* Only a connection without temp objects can serve another statement: DuckDB has no call that drops them all. */
void tarn_conn_close(tarn_conn *conn) {
    if (!conn) return;
    tarn_engine *engine = conn->engine;
    bool keep = false;
    pthread_mutex_lock(&engine->lock);
    bool good = !conn->used && conn->opened == engine->opened[conn->db] &&
                atomic_load(&engine->broken[conn->db]) != conn->opened;
    if (good && conn->db == TARN_DB_EXECUTE && engine->n_idle < TARN_IDLE_CONNS) {
        conn->error_at = -1;
        engine->idle[engine->n_idle++] = conn;
        keep = true;
    }
    pthread_mutex_unlock(&engine->lock);
    if (!keep) free_conn(conn);
}

int64_t tarn_conn_error_at(const tarn_conn *conn) { return conn->error_at; }
void tarn_conn_interrupt(tarn_conn *conn) { conn->api->interrupt(conn->handle); }
double tarn_conn_progress(const tarn_conn *conn) { return conn->api->query_progress(conn->handle).percentage; }

void tarn_conn_keep_limits(tarn_conn *conn) {
    conn->keeps_limits = true;
    conn->used = true; /* not for the pool */
}
