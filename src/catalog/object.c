/* object.c: the catalog of a warehouse on an object store: one JSON object, changed by put-if-match, held in memory as
 * the same database a local warehouse has. */
#include <pthread.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "catalog/catalogs.h"
#include "catalog/manifest.h"

#define KEY ".tarn/catalog.json"
enum { MANIFEST_MAX = 1 << 29, FAILURES_MAX = 3 };

typedef struct object_catalog {
    tarn_catalog base;
    tarn_store *store;
    atomic_bool stale; /* a statement has begun since the object was looked at */
    pthread_mutex_t lock;
    tarn_catalog *memory;
    char etag[TARN_ETAG_TEXT]; /* of what is in memory; "": that is not known to be in the object */
} object_catalog;

static void unlock(object_catalog **o) { pthread_mutex_unlock(&(*o)->lock); }

#define hold(c)                                                                                                        \
    object_catalog *o __attribute__((cleanup(unlock))) = (object_catalog *)(c);                                        \
    pthread_mutex_lock(&o->lock)

static tarn_code fetch(tarn_cx *cx, object_catalog *o) {
    tarn_auto_buf json = TARN_BUF(MANIFEST_MAX);
    tarn_stat stat;
    TRY(tarn_store_get(cx, o->store, KEY, NULL, &json, &stat));
    o->etag[0] = 0;
    TRY(tarn_prefix(cx, tarn_manifest_load(cx, o->memory, json.data ? json.data : ""), "%s", KEY));
    memcpy(o->etag, stat.etag, sizeof o->etag);
    return TARN_OK;
}

static tarn_code revalidate(tarn_cx *cx, object_catalog *o) {
    tarn_stat stat;
    if (!o->etag[0]) return fetch(cx, o);
    TRY(tarn_store_head(cx, o->store, KEY, &stat));
    return strcmp(stat.etag, o->etag) == 0 ? TARN_OK : fetch(cx, o);
}

static tarn_code refresh(tarn_cx *cx, object_catalog *o) {
    bool stale = atomic_exchange(&o->stale, false);
    if (o->etag[0] && !stale) return TARN_OK;
    tarn_code code = revalidate(cx, o);
    if (code == TARN_OK) return code;
    atomic_store(&o->stale, true);
    /* Not to be taken for a table that is not found. */
    return code == TARN_NOTFOUND ? tarn_fail(cx, TARN_CORRUPT, "the warehouse's catalog is gone: %s", cx->error.message)
                                 : code;
}

static void begin(tarn_catalog *c) { atomic_store(&((object_catalog *)c)->stale, true); }

/* One change of the catalog: what to call, with what. */
typedef struct edit {
    tarn_code (*apply)(tarn_cx *cx, tarn_catalog *memory, const struct edit *e);
    tarn_code (*by_id)(tarn_cx *cx, tarn_catalog *memory, int64_t id);
    const tarn_catalog_entry *entry;
    bool replace;
    int64_t id;
    const char *catalog, *schema, *name, *text;
    const tarn_catalog_swap *swaps;
    size_t n_swaps;
} edit;

/* A change on its way to the object. */
typedef struct attempt {
    char id[TARN_UUID_TEXT];
    bool put, done; /* the put was tried; the change is in the object */
    int64_t unsure; /* the put that was to follow this sequence number may have been done; -1: there is none */
} attempt;

static tarn_code put_change(tarn_cx *cx, object_catalog *o, const edit *e, attempt *a) {
    const char *json;
    tarn_stat stat;
    TRY(e->apply(cx, o->memory, e));
    TRY(tarn_manifest_write(cx, o->memory, a->id, &json));
    a->put = true;
    TRY(tarn_store_put(cx, o->store, KEY, tarn_str_of(json), TARN_PUT_MATCH, o->etag, &stat));
    memcpy(o->etag, stat.etag, sizeof o->etag);
    return TARN_OK;
}

static tarn_code try_change(tarn_cx *cx, tarn_catalog *c, const edit *e, attempt *a) {
    hold(c);
    int64_t sequence;
    a->put = a->done = false;
    TRY(refresh(cx, o));
    if (a->unsure >= 0) TRY(tarn_manifest_has(cx, o->memory, a->id, a->unsure, &a->done));
    if (a->done) return TARN_OK;
    TRY(tarn_manifest_sequence(cx, o->memory, &sequence));
    TRY(tarn_manifest_begin(cx, o->memory));
    tarn_code code = put_change(cx, o, e, a);
    tarn_manifest_end(o->memory, code == TARN_OK);
    a->done = code == TARN_OK;
    if (a->put && !a->done) o->etag[0] = 0;
    if (a->put && code == TARN_IO && a->unsure < 0) a->unsure = sequence;
    return code;
}

/* A late put of an earlier try cannot do harm: it carries the same id, and an etag that a later put has made invalid.
 */
static tarn_code change(tarn_cx *cx, tarn_catalog *c, const edit *e) {
    int64_t until = tarn_monotonic_us() + 1000 * tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT);
    attempt a = {.unsure = -1};
    tarn_uuid_v4(cx, a.id);
    for (int i = 0, failures = 0;; i++) {
        tarn_code code = try_change(cx, c, e, &a);
        if (a.done) return TARN_OK;
        if (code == TARN_IO) failures++;
        if (!a.put || (code != TARN_CONFLICT && code != TARN_IO) || failures == FAILURES_MAX)
            return a.unsure < 0 ? code : tarn_prefix(cx, code, "it is not known whether the catalog was changed");
        if (tarn_monotonic_us() >= until)
            return tarn_fail(
                cx, TARN_CONFLICT,
                "others changed the catalog first for all of commit.retry_timeout; try again, or raise it");
        tarn_clear_error(cx);
        tarn_count(cx, commit_retries, 1);
        TRY(tarn_wait_turn(cx, i, until));
    }
}

static tarn_code resolve(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, const char *name,
                         tarn_catalog_entry *out) {
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->resolve(cx, o->memory, catalog, schema, name, out);
}

static tarn_code list(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema, bool dropped,
                      tarn_catalog_entries *out) {
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->list(cx, o->memory, catalog, schema, dropped, out);
}

static tarn_code schemas(tarn_cx *cx, tarn_catalog *c, const char *catalog, tarn_catalog_entries *out) {
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->schemas(cx, o->memory, catalog, out);
}

static tarn_code catalogs(tarn_cx *cx, tarn_catalog *c, tarn_catalog_entries *out) {
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->catalogs(cx, o->memory, out);
}

static tarn_code settings(tarn_cx *cx, tarn_catalog *c, void (*each)(void *state, const char *name, const char *value),
                          void *state) {
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->settings(cx, o->memory, each, state);
}

static tarn_code apply_create(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->create(cx, memory, e->entry, e->replace);
}

static tarn_code create(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_entry *entry, bool replace) {
    return change(cx, c, &(edit){.apply = apply_create, .entry = entry, .replace = replace});
}

static tarn_code apply_by_id(tarn_cx *cx, tarn_catalog *memory, const edit *e) { return e->by_id(cx, memory, e->id); }

static tarn_code drop(tarn_cx *cx, tarn_catalog *c, int64_t id) {
    const tarn_catalog_type *type = ((object_catalog *)c)->memory->type;
    return change(cx, c, &(edit){.apply = apply_by_id, .by_id = type->drop, .id = id});
}

static tarn_code undrop(tarn_cx *cx, tarn_catalog *c, int64_t id) {
    const tarn_catalog_type *type = ((object_catalog *)c)->memory->type;
    return change(cx, c, &(edit){.apply = apply_by_id, .by_id = type->undrop, .id = id});
}

static tarn_code forget(tarn_cx *cx, tarn_catalog *c, int64_t id) {
    const tarn_catalog_type *type = ((object_catalog *)c)->memory->type;
    return change(cx, c, &(edit){.apply = apply_by_id, .by_id = type->forget, .id = id});
}

static tarn_code apply_rename(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->rename(cx, memory, e->id, e->schema, e->name);
}

static tarn_code rename_entry(tarn_cx *cx, tarn_catalog *c, int64_t id, const char *schema, const char *name) {
    return change(cx, c, &(edit){.apply = apply_rename, .id = id, .schema = schema, .name = name});
}

static tarn_code pointer(tarn_cx *cx, tarn_catalog *c, int64_t id, const char **out) {
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->pointer(cx, o->memory, id, out);
}

static tarn_code apply_swap(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->swap(cx, memory, e->swaps, e->n_swaps);
}

static tarn_code swap(tarn_cx *cx, tarn_catalog *c, const tarn_catalog_swap *swaps, size_t n) {
    return change(cx, c, &(edit){.apply = apply_swap, .swaps = swaps, .n_swaps = n});
}

static tarn_code apply_create_schema(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->create_schema(cx, memory, e->catalog, e->schema, e->text);
}

static tarn_code create_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema,
                               const char *comment) {
    return change(cx, c, &(edit){.apply = apply_create_schema, .catalog = catalog, .schema = schema, .text = comment});
}

static tarn_code apply_drop_schema(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->drop_schema(cx, memory, e->catalog, e->schema);
}

static tarn_code drop_schema(tarn_cx *cx, tarn_catalog *c, const char *catalog, const char *schema) {
    return change(cx, c, &(edit){.apply = apply_drop_schema, .catalog = catalog, .schema = schema});
}

static tarn_code apply_create_catalog(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->create_catalog(cx, memory, e->catalog);
}

static tarn_code create_catalog(tarn_cx *cx, tarn_catalog *c, const char *catalog) {
    return change(cx, c, &(edit){.apply = apply_create_catalog, .catalog = catalog});
}

static tarn_code apply_setting(tarn_cx *cx, tarn_catalog *memory, const edit *e) {
    return memory->type->setting(cx, memory, e->name, e->text, NULL);
}

static tarn_code setting(tarn_cx *cx, tarn_catalog *c, const char *name, const char *value, char **out) {
    if (value) return change(cx, c, &(edit){.apply = apply_setting, .name = name, .text = value});
    hold(c);
    TRY(refresh(cx, o));
    return o->memory->type->setting(cx, o->memory, name, NULL, out);
}

static void close_catalog(tarn_catalog *c) {
    object_catalog *o = (object_catalog *)c;
    tarn_catalog_close(o->memory);
    tarn_store_close(o->store);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

static const tarn_catalog_type object_type = {
    .name = "object",
    .close = close_catalog,
    .begin = begin,
    .resolve = resolve,
    .list = list,
    .create = create,
    .drop = drop,
    .undrop = undrop,
    .forget = forget,
    .rename = rename_entry,
    .pointer = pointer,
    .swap = swap,
    .schemas = schemas,
    .create_schema = create_schema,
    .drop_schema = drop_schema,
    .catalogs = catalogs,
    .create_catalog = create_catalog,
    .setting = setting,
    .settings = settings,
};

/* Whoever comes first makes it; the others, and those who do not know whether they did, read what is there. */
static tarn_code found_or_made(tarn_cx *cx, object_catalog *o) {
    char id[TARN_UUID_TEXT];
    const char *json;
    tarn_stat stat;
    tarn_code code = fetch(cx, o);
    if (code != TARN_NOTFOUND) return code;
    tarn_clear_error(cx);
    tarn_uuid_v4(cx, id);
    TRY(tarn_manifest_write(cx, o->memory, id, &json));
    code = tarn_store_put(cx, o->store, KEY, tarn_str_of(json), TARN_PUT_ABSENT, NULL, &stat);
    if (code == TARN_OK) memcpy(o->etag, stat.etag, sizeof o->etag);
    if (code != TARN_EXISTS && code != TARN_IO) return code;
    tarn_error why = cx->error;
    tarn_clear_error(cx);
    code = fetch(cx, o);
    if (code == TARN_NOTFOUND) cx->error = why;
    return code == TARN_NOTFOUND ? why.code : code;
}

tarn_code tarn_catalog_object_open(tarn_cx *cx, tarn_store *root, tarn_catalog **out) {
    tarn_catalog *memory;
    TRY(tarn_manifest_new(cx, &memory));
    object_catalog *o = calloc(1, sizeof *o);
    if (!o) abort();
    o->base.type = &object_type;
    o->store = tarn_store_retain(root);
    o->memory = memory;
    pthread_mutex_init(&o->lock, NULL);
    tarn_code code = found_or_made(cx, o);
    if (code == TARN_OK)
        *out = &o->base;
    else
        close_catalog(&o->base);
    return code;
}
