/* catalog.c: fuzz target: any bytes as a catalog's manifest; one that is read can be listed, changed, and read again.
 */
#include <stdlib.h>

#include "catalog/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(tarn_code code) {
    if (code != TARN_OK) abort();
}

static void check_read(tarn_cx *cx, tarn_catalog *c) {
    tarn_catalog_entries catalogs = {0}, entries = {0}, again = {0};
    const char *json;
    require(tarn_catalog_catalogs(cx, c, &catalogs));
    for (size_t i = 0; i < catalogs.n; i++) {
        require(tarn_catalog_list(cx, c, catalogs.at[i].catalog, NULL, false, &entries));
        require(tarn_catalog_list(cx, c, catalogs.at[i].catalog, NULL, true, &entries));
    }
    if (tarn_manifest_begin(cx, c) != TARN_OK || tarn_manifest_write(cx, c, "id", &json) != TARN_OK) abort();
    tarn_manifest_end(c, true);
    require(tarn_manifest_load(cx, c, json));
    for (size_t i = 0; i < catalogs.n; i++) {
        require(tarn_catalog_list(cx, c, catalogs.at[i].catalog, NULL, false, &again));
        require(tarn_catalog_list(cx, c, catalogs.at[i].catalog, NULL, true, &again));
    }
    if (again.n != entries.n) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_catalog *c;
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    require(tarn_manifest_new(&cx, &c));
    if (tarn_manifest_load(&cx, c, tarn_arena_strndup(cx.arena, (const char *)data, size)) == TARN_OK)
        check_read(&cx, c);
    tarn_catalog_close(c);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
