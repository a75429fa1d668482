/* access.c: lets DuckDB reach an object store on its own: its httpfs extension, and a secret for each store. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "engine/internal.h"

enum { SECRET_MAX = 64 << 10 };

/* What a database has been told of a store. */
typedef struct grant {
    struct grant *next;
    char *scope;
    unsigned char secret[32]; /* hash of the statement that made it */
    int opened;               /* which of the engine's databases knows it */
} grant;

struct tarn_grants {
    pthread_mutex_t lock;
    grant *first;
    int loaded; /* which database has the extension; -1: none */
};

tarn_grants *tarn_grants_new(void) {
    tarn_grants *grants = calloc(1, sizeof *grants);
    if (!grants) abort();
    pthread_mutex_init(&grants->lock, NULL);
    grants->loaded = -1;
    return grants;
}

void tarn_grants_free(tarn_grants *grants) {
    for (grant *g = grants->first, *next; g; g = next) {
        next = g->next;
        free(g->scope);
        free(g);
    }
    pthread_mutex_destroy(&grants->lock);
    free(grants);
}

/* The extension fits exactly its DuckDB: it is looked for where that lies. */
static tarn_code find_extension(tarn_cx *cx, const tarn_duckdb *api, const char **out) {
    static const char name[] = "httpfs.duckdb_extension";
    Dl_info info;
    const char *slash = dladdr(*(void *const *)&api->open_ext, &info) ? strrchr(info.dli_fname, '/') : NULL;
    if (!slash) return tarn_fail(cx, TARN_INTERNAL, "it cannot be told where DuckDB was loaded from");
    int folder = (int)(slash - info.dli_fname);
    const char *beside = tarn_printf(cx, "%.*s/%s", folder, info.dli_fname, name);
    const char *built = tarn_printf(cx, "%.*s/../extensions/%s", folder, info.dli_fname, name);
    *out = access(beside, R_OK) == 0 ? beside : built;
    if (access(*out, R_OK) == 0) return TARN_OK;
    return tarn_hint(
        cx, tarn_fail(cx, TARN_NOTFOUND, "DuckDB needs its extension httpfs for object stores: there is no %s", beside),
        "put the httpfs extension of DuckDB's own version there");
}

static tarn_code load_extension(tarn_cx *cx, tarn_conn *conn) {
    const char *path;
    if (conn->engine->grants->loaded == conn->opened) return TARN_OK;
    TRY(find_extension(cx, conn->api, &path));
    TRY(tarn_conn_run(cx, conn, tarn_printf(cx, "LOAD %s", tarn_sql_string(cx->arena, path))));
    /* Data files never change: what was learned of one holds for as long as it is there. */
    TRY(tarn_conn_run(cx, conn, "SET GLOBAL enable_http_metadata_cache=true; SET GLOBAL http_keep_alive=true"));
    conn->engine->grants->loaded = conn->opened;
    return TARN_OK;
}

static void put_text(tarn_buf *sql, const char *name, const char *value) {
    if (!value) return;
    tarn_buf_printf(sql, ", %s ", name);
    tarn_buf_sql_string(sql, value);
}

static void put_secret(tarn_buf *sql, const tarn_store_access *access) {
    unsigned char hash[32];
    char name[TARN_SHA256_HEX];
    tarn_sha256(access->scope, strlen(access->scope), hash);
    tarn_hex(hash, sizeof hash, name);
    tarn_buf_printf(sql, "CREATE OR REPLACE TEMPORARY SECRET tarn_%s (TYPE s3, PROVIDER config", name);
    put_text(sql, "SCOPE", access->scope);
    put_text(sql, "KEY_ID", access->key_id);
    put_text(sql, "SECRET", access->secret);
    put_text(sql, "SESSION_TOKEN", access->token);
    put_text(sql, "REGION", access->region);
    put_text(sql, "ENDPOINT", access->host);
    put_text(sql, "URL_STYLE", access->path_style ? "path" : "vhost");
    tarn_buf_printf(sql, ", USE_SSL %s)", access->tls ? "true" : "false");
}

static grant *find_grant(tarn_grants *grants, const char *scope) {
    grant *g = grants->first;
    while (g && strcmp(g->scope, scope)) g = g->next;
    if (g) return g;
    g = calloc(1, sizeof *g);
    char *copy = strdup(scope);
    if (!g || !copy) abort();
    *g = (grant){.next = grants->first, .scope = copy, .opened = -1};
    return grants->first = g;
}

/* With the lock held. */
static tarn_code tell(tarn_cx *cx, tarn_conn *conn, const tarn_store_access *access) {
    tarn_auto_buf sql = TARN_BUF(SECRET_MAX);
    unsigned char hash[32];
    put_secret(&sql, access);
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "the keys of %s are too long", access->scope);
    tarn_sha256(sql.data, sql.n, hash);
    grant *g = find_grant(conn->engine->grants, access->scope);
    bool known = g->opened == conn->opened && !memcmp(g->secret, hash, sizeof hash);
    if (known) return TARN_OK;
    TRY(load_extension(cx, conn));
    tarn_code code = tarn_conn_run(cx, conn, sql.data);
    memset(sql.data, 0, sql.n);
    if (code != TARN_OK) /* DuckDB's words may repeat the statement */
        return tarn_fail(cx, TARN_INTERNAL, "DuckDB does not take the keys of %s", access->scope);
    memcpy(g->secret, hash, sizeof hash);
    g->opened = conn->opened;
    return TARN_OK;
}

tarn_code tarn_engine_reach(tarn_cx *cx, tarn_engine *engine, tarn_store *store) {
    tarn_store_access access;
    if (!tarn_store_access_of(store, &access)) return TARN_OK;
    if (!engine) return tarn_fail(cx, TARN_UNSUPPORTED, "files of %s need the engine", access.scope);
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    TRY(tarn_engine_conn(cx, engine, TARN_DB_EXECUTE, &conn));
    pthread_mutex_lock(&engine->grants->lock);
    tarn_code code = tell(cx, conn, &access);
    pthread_mutex_unlock(&engine->grants->lock);
    return code;
}

tarn_code tarn_engine_path(tarn_cx *cx, tarn_engine *engine, tarn_store *store, const char *key, tarn_arena *arena,
                           const char **out) {
    TRY(tarn_engine_reach(cx, engine, store));
    return tarn_store_local_path(cx, store, key, arena, out);
}
