/* catalog_test.c: one suite for all implementations of the catalog vtable. A new one gets its own row of makers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/pool.h"
#include "catalog/catalogs.h"
#include "support/folder.h"

typedef struct fixture {
    tarn_conf *conf;
    tarn_cx cx;
    char root[64];
    tarn_store *store;
    tarn_catalog *catalog;
} fixture;

typedef struct maker {
    const char *name, *uri; /* what a test's own name is put after; NULL: a fresh folder */
    tarn_code (*open)(tarn_cx *cx, tarn_store *root, tarn_catalog **out);
} maker;

static const maker makers[] = {
    {"sqlite", NULL, tarn_catalog_open},
    {"object in memory", "mem://catalog", tarn_catalog_open},
    {"object in a folder", NULL, tarn_catalog_object_open},
    {"object on S3", "s3://lakes/catalog", tarn_catalog_open}, /* below tests/support/with_s3.py */
};
static const maker *made_by;

static void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    test_folder("tarn catalog", f->root, sizeof f->root);
    const char *uri = made_by->uri ? tarn_printf(&f->cx, "%s%s", made_by->uri, f->root) : f->root;
    ok(f, tarn_store_open(&f->cx, uri, &f->store));
    ok(f, made_by->open(&f->cx, f->store, &f->catalog));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_catalog_close(f->catalog);
    tarn_store_close(f->store);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    test_folder_remove(f->root);
    free(f);
    return 0;
}

static tarn_catalog_entry table(const char *schema, const char *name) {
    return (tarn_catalog_entry){.kind = TARN_ENTRY_TABLE,
                                .catalog = "lake",
                                .schema = schema,
                                .name = name,
                                .format = "delta",
                                .location = name,
                                .managed = true};
}

static tarn_code resolve(fixture *f, const char *schema, const char *name, tarn_catalog_entry *out) {
    return tarn_catalog_resolve(&f->cx, f->catalog, "lake", schema, name, out);
}

static void test_names(void **state) {
    fixture *f = *state;
    tarn_catalog_entry entry = table("main", "Sales 'é\""), found;
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &entry, false));
    ok(f, resolve(f, "MAIN", "sales 'é\"", &found)); /* without case, kept as written */
    assert_string_equal(found.name, "Sales 'é\"");
    assert_true(found.id > 0 && found.managed && found.created_ms > 0 && !found.dropped_ms);
    entry = table("main", "SALES 'é\"");
    assert_int_equal(tarn_catalog_create(&f->cx, f->catalog, &entry, false), TARN_EXISTS);
    assert_int_equal(resolve(f, "main", "sale", &found), TARN_NOTFOUND);
    assert_int_equal(resolve(f, "nowhere", "x", &found), TARN_NOTFOUND);
    assert_non_null(strstr(f->cx.error.message, "schema lake.nowhere"));
    entry = table("nowhere", "x");
    assert_int_equal(tarn_catalog_create(&f->cx, f->catalog, &entry, false), TARN_NOTFOUND);
    entry = table("main", "");
    assert_int_equal(tarn_catalog_create(&f->cx, f->catalog, &entry, false), TARN_INVALID);
}

static void test_close_names_are_offered(void **state) {
    fixture *f = *state;
    tarn_catalog_entry entry = table("main", "customers"), found;
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &entry, false));
    assert_int_equal(resolve(f, "main", "custmers", &found), TARN_NOTFOUND);
    assert_non_null(strstr(f->cx.error.message, "did you mean main.customers?"));
}

static void test_drop_and_back(void **state) {
    fixture *f = *state;
    tarn_catalog_entry entry = table("main", "t"), first, second;
    tarn_catalog_entries dropped = {0}, alive = {0};
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &entry, false));
    ok(f, resolve(f, "main", "t", &first));
    ok(f, tarn_catalog_drop(&f->cx, f->catalog, first.id));
    assert_int_equal(tarn_catalog_drop(&f->cx, f->catalog, first.id), TARN_NOTFOUND);
    assert_int_equal(resolve(f, "main", "t", &second), TARN_NOTFOUND);
    ok(f, tarn_catalog_list(&f->cx, f->catalog, "lake", "main", true, &dropped));
    assert_int_equal(dropped.n, 1);
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &entry, false)); /* the name is free again */
    assert_int_equal(tarn_catalog_undrop(&f->cx, f->catalog, first.id), TARN_EXISTS);
    ok(f, resolve(f, "main", "t", &second));
    assert_true(second.id != first.id);
    ok(f, tarn_catalog_rename(&f->cx, f->catalog, second.id, "main", "u"));
    ok(f, tarn_catalog_undrop(&f->cx, f->catalog, first.id));
    ok(f, resolve(f, "main", "t", &second));
    assert_true(second.id == first.id);
    ok(f, tarn_catalog_forget(&f->cx, f->catalog, first.id));
    ok(f, tarn_catalog_list(&f->cx, f->catalog, "lake", NULL, false, &alive));
    assert_int_equal(alive.n, 1);
    assert_string_equal(alive.at[0].name, "u");
}

static void test_pointers(void **state) {
    fixture *f = *state;
    tarn_catalog_entry a = table("main", "a"), b = table("main", "b"), got;
    const char *now = "?";
    a.pointer = "m/0.json";
    assert_int_equal(tarn_catalog_create(&f->cx, f->catalog, &a, false), TARN_OK);
    assert_int_equal(tarn_catalog_create(&f->cx, f->catalog, &b, false), TARN_OK);
    assert_int_equal(tarn_catalog_resolve(&f->cx, f->catalog, "lake", "main", "a", &got), TARN_OK);
    assert_string_equal(got.pointer, "m/0.json");
    int64_t id_a = got.id;
    assert_int_equal(tarn_catalog_resolve(&f->cx, f->catalog, "lake", "main", "b", &got), TARN_OK);
    assert_null(got.pointer);
    int64_t id_b = got.id;
    tarn_catalog_swap both[] = {{id_a, "m/0.json", "m/1.json"}, {id_b, NULL, "n/1.json"}};
    assert_int_equal(tarn_catalog_swap_pointers(&f->cx, f->catalog, both, 2), TARN_OK);
    assert_int_equal(tarn_catalog_pointer(&f->cx, f->catalog, id_b, &now), TARN_OK);
    assert_string_equal(now, "n/1.json");
    /* One of them has moved on: neither is changed. */
    tarn_catalog_swap late[] = {{id_b, "n/1.json", "n/2.json"}, {id_a, "m/0.json", "m/2.json"}};
    assert_int_equal(tarn_catalog_swap_pointers(&f->cx, f->catalog, late, 2), TARN_EXISTS);
    assert_int_equal(tarn_catalog_pointer(&f->cx, f->catalog, id_b, &now), TARN_OK);
    assert_string_equal(now, "n/1.json");
    assert_int_equal(tarn_catalog_pointer(&f->cx, f->catalog, id_a, &now), TARN_OK);
    assert_string_equal(now, "m/1.json");
    assert_int_equal(tarn_catalog_drop(&f->cx, f->catalog, id_a), TARN_OK);
    late[1].from = "m/1.json";
    assert_int_equal(tarn_catalog_swap_pointers(&f->cx, f->catalog, late, 2), TARN_NOTFOUND);
    assert_int_equal(tarn_catalog_pointer(&f->cx, f->catalog, id_a, &now), TARN_NOTFOUND);
    assert_int_equal(tarn_catalog_swap_pointers(&f->cx, f->catalog, late, 1), TARN_OK);
    assert_int_equal(tarn_catalog_swap_pointers(&f->cx, f->catalog, late, 0), TARN_OK);
}

static void test_schemas_and_catalogs(void **state) {
    fixture *f = *state;
    tarn_catalog_entry entry = table("bronze", "t"), found;
    tarn_catalog_entries all = {0};
    ok(f, tarn_catalog_create_schema(&f->cx, f->catalog, "lake", "bronze", "raw"));
    assert_int_equal(tarn_catalog_create_schema(&f->cx, f->catalog, "lake", "Bronze", NULL), TARN_EXISTS);
    assert_int_equal(tarn_catalog_create_schema(&f->cx, f->catalog, "none", "x", NULL), TARN_NOTFOUND);
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &entry, false));
    assert_int_equal(tarn_catalog_drop_schema(&f->cx, f->catalog, "lake", "bronze"), TARN_CONSTRAINT);
    ok(f, resolve(f, "bronze", "t", &found));
    ok(f, tarn_catalog_drop(&f->cx, f->catalog, found.id));
    ok(f, tarn_catalog_drop_schema(&f->cx, f->catalog, "lake", "bronze"));
    assert_int_equal(tarn_catalog_drop_schema(&f->cx, f->catalog, "lake", "bronze"), TARN_NOTFOUND);
    ok(f, tarn_catalog_create_catalog(&f->cx, f->catalog, "ml"));
    assert_true(tarn_catalog_has_schema(&f->cx, f->catalog, "ml", "main"));
    ok(f, tarn_catalog_catalogs(&f->cx, f->catalog, &all));
    assert_int_equal(all.n, 2);
}

static void test_views_and_settings(void **state) {
    fixture *f = *state;
    tarn_catalog_entry view = {
        .kind = TARN_ENTRY_VIEW, .catalog = "lake", .schema = "main", .name = "v", .sql = "SELECT 1"};
    tarn_catalog_entry found;
    char *value = NULL;
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &view, false));
    ok(f, resolve(f, "main", "v", &found));
    int64_t id = found.id;
    view.sql = "SELECT 2";
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &view, true));
    ok(f, resolve(f, "main", "v", &found));
    assert_true(found.id == id && found.kind == TARN_ENTRY_VIEW);
    assert_string_equal(found.sql, "SELECT 2");
    tarn_catalog_entry as_table = table("main", "v"); /* replacing does not change the kind */
    assert_int_equal(tarn_catalog_create(&f->cx, f->catalog, &as_table, true), TARN_EXISTS);
    ok(f, tarn_catalog_setting(&f->cx, f->catalog, "threads", NULL, &value));
    assert_null(value);
    ok(f, tarn_catalog_setting(&f->cx, f->catalog, "threads", "3", NULL));
    ok(f, tarn_catalog_setting(&f->cx, f->catalog, "threads", "4", NULL));
    ok(f, tarn_catalog_setting(&f->cx, f->catalog, "threads", NULL, &value));
    assert_string_equal(value, "4");
}

/* Another handle (another process) sees what this one did, from its next statement on. */
static void test_reopened(void **state) {
    fixture *f = *state;
    tarn_catalog_entry entry = table("main", "t"), found;
    tarn_catalog *other = NULL;
    ok(f, made_by->open(&f->cx, f->store, &other));
    ok(f, tarn_catalog_create(&f->cx, f->catalog, &entry, false));
    tarn_catalog_begin(other);
    ok(f, tarn_catalog_resolve(&f->cx, other, "lake", "main", "t", &found));
    tarn_catalog_close(other);
}

static tarn_code race_task(tarn_cx *cx, size_t i, void *state) {
    fixture *f = state;
    tarn_catalog_entry entry = table("main", "raced");
    (void)i;
    tarn_code code = tarn_catalog_create(cx, f->catalog, &entry, false);
    if (code == TARN_OK) tarn_count(cx, commits, 1);
    return code == TARN_EXISTS ? TARN_OK : code;
}

static void test_one_of_many_creates(void **state) {
    fixture *f = *state;
    tarn_counters counters = {0};
    f->cx.counters = &counters;
    f->cx.pool = tarn_pool_new(8);
    ok(f, tarn_pool_run(&f->cx, 32, race_task, f));
    tarn_pool_free(f->cx.pool);
    f->cx.pool = NULL;
    assert_int_equal(atomic_load(&counters.commits), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_names),
        CASE(test_close_names_are_offered),
        CASE(test_drop_and_back),
        CASE(test_pointers),
        CASE(test_schemas_and_catalogs),
        CASE(test_views_and_settings),
        CASE(test_reopened),
        CASE(test_one_of_many_creates),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        made_by = &makers[i];
        if (made_by->uri && made_by->uri[0] == 's' && !getenv("AWS_ENDPOINT_URL")) continue;
        failed += cmocka_run_group_tests_name(made_by->name, tests, NULL, NULL);
    }
    return failed;
}
