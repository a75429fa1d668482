/* path_test.c: keys, URIs and the order of names. */
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "store/path.h"
#include "store/store.h"
#include "support/cx_fixture.h"

static void test_keys(void **state) {
    tarn_cx *cx = *state;
    static const char *const good[] = {"a", "a/b", "...", "..a/b", ".a", "a..", "a b/%2e%2e/c", "\xff\xfe"};
    static const char *const bad[] = {"", "/", "a/", "/a", "a//b", ".", "..", "a/.", "a/..", "../a", "a/../b", "./a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(tarn_path_check_key(cx, tarn_str_of(good[i])), TARN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tarn_path_check_key(cx, tarn_str_of(bad[i])), TARN_INVALID);
    assert_int_equal(tarn_path_check_key(cx, (tarn_str){"a\0b", 3}), TARN_INVALID);
    char *text = tarn_arena_alloc(cx->arena, TARN_KEY_MAX + 1);
    memset(text, 'k', TARN_KEY_MAX + 1);
    assert_int_equal(tarn_path_check_key(cx, (tarn_str){text, TARN_KEY_MAX}), TARN_OK);
    assert_int_equal(tarn_path_check_key(cx, (tarn_str){text, TARN_KEY_MAX + 1}), TARN_INVALID);
}

static void test_prefixes(void **state) {
    tarn_cx *cx = *state;
    static const char *const good[] = {"", "a", "a/", "a/b", "a/..", "..", ".", "a/b/"};
    static const char *const bad[] = {"/", "../", "./", "a//", "a/../b", "/a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(tarn_path_check_prefix(cx, tarn_str_of(good[i])), TARN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tarn_path_check_prefix(cx, tarn_str_of(bad[i])), TARN_INVALID);
}

static void test_reserved(void **state) {
    (void)state;
    assert_true(tarn_path_is_reserved(TARN_LIT(".tarn-lock")));
    assert_true(tarn_path_is_reserved(TARN_LIT("a/.tarn-1.tmp")));
    assert_true(tarn_path_is_reserved(TARN_LIT("a/.tarn-x/b")));
    assert_false(tarn_path_is_reserved(TARN_LIT(".tarn/tmp")));
    assert_false(tarn_path_is_reserved(TARN_LIT("x.tarn-lock")));
    assert_false(tarn_path_is_reserved(TARN_LIT("")));
}

static void assert_scheme(const char *uri, const char *scheme) {
    tarn_str got = tarn_uri_scheme(tarn_str_of(uri));
    if (!tarn_str_is(got, scheme)) fail_msg("%s has the scheme \"%.*s\", not \"%s\"", uri, (int)got.n, got.p, scheme);
}

static void test_schemes(void **state) {
    (void)state;
    assert_scheme("s3://bucket/key", "s3");
    assert_scheme("file:///a", "file");
    assert_scheme("file:/a", "file");
    assert_scheme("abfss://c@a/x", "abfss");
    assert_scheme("/a/b://c", "");
    assert_scheme("a:b", "");
    assert_scheme("c:/windows", "");
    assert_scheme("c://windows", "");
    assert_scheme("ts=10:20/x", "");
    assert_scheme("3s://x", "");
    assert_scheme("", "");
    assert_scheme("://", "");
}

static void assert_path(tarn_cx *cx, const char *uri, const char *path) {
    char *got;
    assert_int_equal(tarn_path_of_uri(cx, tarn_str_of(uri), cx->arena, &got), TARN_OK);
    assert_string_equal(got, path);
}

static void test_paths(void **state) {
    tarn_cx *cx = *state;
    char *got = NULL;
    assert_path(cx, "/a/b", "/a/b");
    assert_path(cx, "//a///b//", "/a/b");
    assert_path(cx, "/a/./b/.", "/a/b");
    assert_path(cx, "/a/../b", "/a/../b");
    assert_path(cx, "/", "/");
    assert_path(cx, "file:///", "/");
    assert_path(cx, "file:/a%20b", "/a%20b");
    assert_path(cx, "file://localhost/a", "/a");
    assert_int_equal(tarn_path_of_uri(cx, TARN_LIT("file://"), cx->arena, &got), TARN_INVALID);
    assert_int_equal(tarn_path_of_uri(cx, TARN_LIT("file://host/a"), cx->arena, &got), TARN_INVALID);
    assert_int_equal(tarn_path_of_uri(cx, TARN_LIT(""), cx->arena, &got), TARN_INVALID);
    assert_int_equal(tarn_path_of_uri(cx, (tarn_str){"/a\0b", 4}, cx->arena, &got), TARN_INVALID);
    assert_null(got);
}

static void test_join(void **state) {
    tarn_cx *cx = *state;
    assert_string_equal(tarn_path_join(cx->arena, "/a", "b"), "/a/b");
    assert_string_equal(tarn_path_join(cx->arena, "/a/", "b"), "/a/b");
    assert_string_equal(tarn_path_join(cx->arena, "/", "b"), "/b");
    assert_string_equal(tarn_path_join(cx->arena, "", "b"), "b");
    assert_string_equal(tarn_path_join(cx->arena, "/a", ""), "/a");
}

static void test_order(void **state) {
    (void)state;
    assert_true(tarn_path_compare("a", 1, "ab", 2) < 0);
    assert_true(tarn_path_compare("\xff", 1, "a", 1) > 0);
    assert_int_equal(tarn_path_compare("ab", 2, "ab", 2), 0);
    assert_int_equal(tarn_path_compare(NULL, 0, NULL, 0), 0);
    assert_true(tarn_path_is_listed(TARN_LIT("a/b"), "a/", "a/a"));
    assert_false(tarn_path_is_listed(TARN_LIT("a/b"), "a/", "a/b"));
    assert_false(tarn_path_is_listed(TARN_LIT("a"), "a/", ""));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cx_setup, cx_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_keys),  CASE(test_prefixes), CASE(test_reserved), CASE(test_schemes),
        CASE(test_paths), CASE(test_join),     CASE(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
