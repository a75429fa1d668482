/* stores.c: the list of stores: a new one is one line here. */
#include "store/path.h"
#include "store/store.h"

static const tarn_store_driver *const drivers[] = {
    &tarn_store_local,
    &tarn_store_mem,
    &tarn_store_s3,
};

enum { DRIVERS = sizeof drivers / sizeof *drivers };

const tarn_store_driver *tarn_store_driver_for(tarn_str uri) {
    tarn_str scheme = tarn_uri_scheme(uri);
    if (scheme.n == 0) return drivers[0];
    for (size_t i = 0; i < DRIVERS; i++)
        for (const char *const *known = drivers[i]->schemes; *known; known++)
            if (tarn_str_is(scheme, *known)) return drivers[i];
    return NULL;
}

const char *tarn_store_schemes(tarn_cx *cx) {
    const char *text = "";
    for (size_t i = 0; i < DRIVERS; i++)
        for (const char *const *known = drivers[i]->schemes; *known; known++)
            text = tarn_printf(cx, "%s%s%s", text, *text ? ", " : "", *known);
    return text;
}
