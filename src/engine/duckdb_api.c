/* duckdb_api.c: finds, loads and checks libduckdb. */
#include "engine/duckdb_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#ifndef TARN_DUCKDB_PATH
#define TARN_DUCKDB_PATH "libduckdb.so"
#endif

/* The ABI of the C API is stable within a minor version; Tarn relies on details beyond it that were checked with this
 * one. */
static const char version_wanted[] = "v1.5.";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tarn_duckdb table;
static atomic_bool loaded;

static void close_library(void **library) {
    if (*library) dlclose(*library);
}

static const char *path_beside_us(tarn_cx *cx) {
    Dl_info info;
    if (!dladdr((const void *)&loaded, &info) || !info.dli_fname) return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    if (!slash) return NULL;
    char *path = tarn_printf(cx, "%.*s/libduckdb.so", (int)(slash - info.dli_fname), info.dli_fname);
    return access(path, R_OK) == 0 ? path : NULL;
}

static const char *choose_path(tarn_cx *cx) {
    const char *set = tarn_conf_text(cx->conf, TARN_DUCKDB_LIBRARY);
    if (set && *set) return set;
    const char *beside = path_beside_us(cx);
    return beside ? beside : TARN_DUCKDB_PATH;
}

static tarn_code resolve(tarn_cx *cx, const char *path, void *library, tarn_duckdb *out) {
    const char *missing = NULL;
/* POSIX lets a data pointer from dlsym be stored into a function pointer through its address. */
#define F(name)                                                                                                        \
    if (!(*(void **)&out->name = dlsym(library, "duckdb_" #name)) && !missing) missing = "duckdb_" #name;
    TARN_DUCKDB_FUNCTIONS(F)
#undef F
    if (missing)
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s has no function %s; set duckdb.library to a libduckdb 1.5.x", path,
                         missing);
    return TARN_OK;
}

static tarn_code load(tarn_cx *cx) {
    const char *path = choose_path(cx);
    tarn_auto(void *, close_library) library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return tarn_fail(cx, TARN_NOTFOUND,
                         "cannot load DuckDB: %s; set duckdb.library to the path of libduckdb.so 1.5.x", dlerror());
    const char *(*version)(void) = NULL;
    *(void **)&version = dlsym(library, "duckdb_library_version");
    const char *is = version ? version() : "no version";
    if (strncmp(is, version_wanted, sizeof version_wanted - 1) != 0)
        return tarn_fail(cx, TARN_UNSUPPORTED, "%s is DuckDB %s; Tarn needs 1.5.x: set duckdb.library", path, is);
    tarn_duckdb found;
    TRY(resolve(cx, path, library, &found));
    table = found;
    library = NULL; /* stays for the life of the process: its threads and exit handlers need the code */
    return TARN_OK;
}

tarn_code tarn_duckdb_load(tarn_cx *cx, const tarn_duckdb **out) {
    tarn_code code = TARN_OK;
    if (!atomic_load_explicit(&loaded, memory_order_acquire)) {
        pthread_mutex_lock(&lock);
        if (!atomic_load_explicit(&loaded, memory_order_relaxed)) code = load(cx);
        if (code == TARN_OK) atomic_store_explicit(&loaded, true, memory_order_release);
        pthread_mutex_unlock(&lock);
    }
    if (code == TARN_OK) *out = &table;
    return code;
}

const tarn_duckdb *tarn_duckdb_loaded(void) { return &table; }
