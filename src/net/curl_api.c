/* curl_api.c: finds and loads libcurl. */
#include "net/curl_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tarn_curl table;
static atomic_bool loaded;

static void close_library(void **library) {
    if (*library) dlclose(*library);
}

static void *open_beside_us(tarn_cx *cx) {
    Dl_info info;
    if (!dladdr((const void *)&loaded, &info) || !info.dli_fname) return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    if (!slash) return NULL;
    char *path = tarn_printf(cx, "%.*s/libcurl.so.4", (int)(slash - info.dli_fname), info.dli_fname);
    return access(path, R_OK) == 0 ? dlopen(path, RTLD_LAZY | RTLD_LOCAL) : NULL;
}

static tarn_code resolve(tarn_cx *cx, void *library, tarn_curl *out) {
    const char *missing = NULL;
/* POSIX lets a data pointer from dlsym be stored into a function pointer through its address. */
#define F(name)                                                                                                        \
    if (!(*(void **)&out->name = dlsym(library, "curl_" #name)) && !missing) missing = "curl_" #name;
    TARN_CURL_FUNCTIONS(F)
#undef F
    if (missing) return tarn_fail(cx, TARN_UNSUPPORTED, "libcurl has no function %s; install 7.80 or newer", missing);
    return TARN_OK;
}

static tarn_code load(tarn_cx *cx) {
    tarn_auto(void *, close_library) library = open_beside_us(cx);
    if (!library) library = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (!library) library = dlopen("libcurl-gnutls.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return tarn_fail(cx, TARN_NOTFOUND, "cannot load libcurl: %s; install it (Debian: libcurl4)", dlerror());
    tarn_curl found;
    TRY(resolve(cx, library, &found));
    if (found.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return tarn_fail(cx, TARN_INTERNAL, "libcurl does not start");
    table = found;
    library = NULL; /* stays for the life of the process, as its TLS library does */
    return TARN_OK;
}

tarn_code tarn_curl_load(tarn_cx *cx, const tarn_curl **out) {
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
