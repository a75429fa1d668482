/* catalog.c: the checked calls over a catalog's callbacks. */
#include "catalog/catalog.h"

#include "catalog/catalogs.h"

tarn_code tarn_catalog_open(tarn_cx *cx, tarn_store *root, tarn_catalog **out) {
    const char *uri = tarn_store_uri(root);
    tarn_code code = uri[0] == '/' ? tarn_catalog_sqlite_open(cx, uri, out) : tarn_catalog_object_open(cx, root, out);
    return tarn_prefix(cx, code, "catalog of %s", uri);
}

void tarn_catalog_close(tarn_catalog *c) {
    if (c) c->type->close(c);
}

void tarn_catalog_begin(tarn_catalog *c) {
    if (c->type->begin) c->type->begin(c);
}

static tarn_code find_catalog(tarn_cx *cx, tarn_catalog *c, const char *catalog, bool *out) {
    tarn_catalog_entries all = {0};
    TRY(c->type->catalogs(cx, c, &all));
    *out = false;
    for (size_t i = 0; i < all.n; i++) *out = *out || tarn_name_eq(all.at[i].catalog, catalog);
    return TARN_OK;
}

static tarn_code find_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, bool *out) {
    tarn_catalog_entries all = {0};
    TRY(c->type->schemas(cx, c, catalog, &all));
    *out = false;
    for (size_t i = 0; i < all.n; i++) *out = *out || tarn_name_eq(all.at[i].schema, schema);
    return TARN_OK;
}

tarn_code tarn_catalog_check(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema) {
    bool found = false;
    if (schema) TRY(find_schema(cx, c, catalog, schema, &found));
    if (found) return TARN_OK;
    TRY(find_catalog(cx, c, catalog, &found));
    if (!found) return tarn_fail(cx, TARN_NOTFOUND, "there is no catalog %s", catalog);
    return schema ? tarn_fail(cx, TARN_NOTFOUND, "there is no schema %s.%s", catalog, schema) : TARN_OK;
}

static tarn_code not_found(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, const char *name) {
    tarn_catalog_entries all = {0};
    const char *near = NULL;
    int best = 3;
    TRY(tarn_catalog_check(cx, c, catalog, schema));
    TRY(tarn_catalog_list(cx, c, catalog, NULL, false, &all));
    for (size_t i = 0; i < all.n; i++) {
        int d = tarn_name_distance(name, all.at[i].name);
        if (d >= best) continue;
        best = d;
        near = tarn_printf(cx, "%s.%s", all.at[i].schema, all.at[i].name);
    }
    if (near)
        return tarn_fail(cx, TARN_NOTFOUND, "there is no table %s.%s.%s; did you mean %s?", catalog, schema, name,
                         near);
    return tarn_fail(cx, TARN_NOTFOUND, "there is no table %s.%s.%s", catalog, schema, name);
}

tarn_code tarn_catalog_resolve(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, const char *name,
                               tarn_catalog_entry *out) {
    tarn_code code = c->type->resolve(cx, c, catalog, schema, name, out);
    return code == TARN_NOTFOUND ? not_found(cx, c, catalog, schema, name) : code;
}

bool tarn_catalog_has(tarn_cx *cx, tarn_catalog *c, const char *catalog) {
    bool found = false;
    if (find_catalog(cx, c, catalog, &found) != TARN_OK) tarn_clear_error(cx);
    return found;
}

bool tarn_catalog_has_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema) {
    bool found = false;
    if (find_schema(cx, c, catalog, schema, &found) != TARN_OK) tarn_clear_error(cx);
    return found;
}

tarn_code tarn_catalog_list(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, bool dropped,
                            tarn_catalog_entries *out) {
    return c->type->list(cx, c, catalog, schema, dropped, out);
}

static tarn_code check_name(tarn_cx *cx, const char *what, const char *name) {
    size_t n = strlen(name);
    if (!n || n > 255) return tarn_fail(cx, TARN_INVALID, "a %s's name has 1 to 255 bytes", what);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ') return tarn_fail(cx, TARN_INVALID, "a %s's name has no control characters", what);
    return TARN_OK;
}

tarn_code tarn_catalog_create(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_entry *entry, bool replace) {
    TRY(check_name(cx, "table", entry->name));
    TRY(tarn_catalog_check(cx, c, entry->catalog, entry->schema));
    return c->type->create(cx, c, entry, replace);
}

tarn_code tarn_catalog_drop(tarn_cx *cx, tarn_catalog *c, int64_t id) { return c->type->drop(cx, c, id); }
tarn_code tarn_catalog_undrop(tarn_cx *cx, tarn_catalog *c, int64_t id) { return c->type->undrop(cx, c, id); }
tarn_code tarn_catalog_forget(tarn_cx *cx, tarn_catalog *c, int64_t id) { return c->type->forget(cx, c, id); }

tarn_code tarn_catalog_rename(tarn_cx *cx, tarn_catalog *c, int64_t id, const char *schema, const char *name) {
    TRY(check_name(cx, "table", name));
    return c->type->rename(cx, c, id, schema, name);
}

tarn_code tarn_catalog_pointer(tarn_cx *cx, tarn_catalog *c, int64_t id, const char **out) {
    return c->type->pointer(cx, c, id, out);
}

tarn_code tarn_catalog_swap_pointers(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_swap *swaps, size_t n) {
    return n ? c->type->swap(cx, c, swaps, n) : TARN_OK;
}

tarn_code tarn_catalog_schemas(tarn_cx *cx, tarn_catalog *c, const char *catalog, tarn_catalog_entries *out) {
    return c->type->schemas(cx, c, catalog, out);
}

tarn_code tarn_catalog_create_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema,
                                     const char *comment) {
    TRY(check_name(cx, "schema", schema));
    TRY(tarn_catalog_check(cx, c, catalog, NULL));
    return c->type->create_schema(cx, c, catalog, schema, comment);
}

tarn_code tarn_catalog_drop_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema) {
    return c->type->drop_schema(cx, c, catalog, schema);
}

tarn_code tarn_catalog_catalogs(tarn_cx *cx, tarn_catalog *c, tarn_catalog_entries *out) {
    return c->type->catalogs(cx, c, out);
}

tarn_code tarn_catalog_create_catalog(tarn_cx *cx, tarn_catalog *c, const char *catalog) {
    TRY(check_name(cx, "catalog", catalog));
    return c->type->create_catalog(cx, c, catalog);
}

tarn_code tarn_catalog_setting(tarn_cx *cx, tarn_catalog *c, const char *name, const char *value, char **out) {
    return c->type->setting(cx, c, name, value, out);
}

tarn_code tarn_catalog_settings(tarn_cx *cx, tarn_catalog *c,
                                void (*each)(void *state, const char *name, const char *value), void *state) {
    return c->type->settings(cx, c, each, state);
}
