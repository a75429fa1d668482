/* mem_test.c: how stores in memory are shared, nested and forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/conf.h"
#include "store/store.h"

static tarn_store *open_store(tarn_cx *cx, const char *uri) {
    tarn_store *store = NULL;
    if (tarn_store_open(cx, uri, &store) != TARN_OK) fail_msg("%s", cx->error.message);
    return store;
}

static bool has(tarn_cx *cx, tarn_store *store, const char *key) {
    bool there = false;
    assert_int_equal(tarn_store_exists(cx, store, key, &there), TARN_OK);
    return there;
}

static void put(tarn_cx *cx, tarn_store *store, const char *key) {
    assert_int_equal(tarn_store_put(cx, store, key, TARN_LIT("x"), TARN_PUT_ABSENT, NULL, NULL), TARN_OK);
}

static void test_lives_until_last_close(tarn_cx *cx) {
    tarn_store *a = open_store(cx, "mem://shared"), *b = open_store(cx, "mem://shared/"),
               *other = open_store(cx, "mem://shared2");
    put(cx, a, "k");
    assert_string_equal(tarn_store_uri(b), "mem://shared");
    assert_false(has(cx, other, "k"));
    tarn_store_close(a);
    assert_true(has(cx, b, "k"));
    tarn_store_close(b);
    a = open_store(cx, "mem://shared");
    assert_false(has(cx, a, "k"));
    tarn_store_close(a);
    tarn_store_close(other);
}

static void test_nested(tarn_cx *cx) {
    tarn_store *lake = open_store(cx, "mem://lake"), *table = open_store(cx, "mem://lake/db/t"),
               *near = open_store(cx, "mem://lake/db/t2");
    const char *path;
    tarn_entry_list list;
    const tarn_list_spec all = {.max = 9, .recursive = true};
    put(cx, table, "log/0");
    put(cx, near, "k");
    assert_true(has(cx, lake, "db/t/log/0"));
    assert_int_equal(tarn_store_list(cx, table, &all, cx->arena, &list), TARN_OK);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.at[0].key, "log/0");
    assert_int_equal(tarn_store_local_path(cx, table, "log/0", cx->arena, &path), TARN_UNSUPPORTED);
    tarn_store_close(lake);
    tarn_store_close(table);
    tarn_store_close(near);
}

static void test_refused(tarn_cx *cx) {
    tarn_store *store = NULL;
    assert_int_equal(tarn_store_open(cx, "mem://", &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(cx, "mem:///", &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(cx, "mem://a/../b", &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(cx, "mem://a//b", &store), TARN_INVALID);
    assert_null(store);
}

static void with_context(void (*test)(tarn_cx *cx)) {
    tarn_cx cx;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx_init(&cx, conf);
    test(&cx);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void run_lives(void **state) { (void)state, with_context(test_lives_until_last_close); }
static void run_nested(void **state) { (void)state, with_context(test_nested); }
static void run_refused(void **state) { (void)state, with_context(test_refused); }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(run_lives), cmocka_unit_test(run_nested),
                                       cmocka_unit_test(run_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
