/* err_test.c: errors are one clean line, cut at characters, and may quote themselves. */
#include "base/err.h"

#include "support/cx_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void test_fail(void **state) {
    tarn_cx *cx = *state;
    cx->error.line = 3;
    cx->error.column = 4;
    snprintf(cx->error.hint, sizeof cx->error.hint, "old");
    assert_int_equal(tarn_fail(cx, TARN_CONFLICT, "table %s: version %d", "t", 7), TARN_CONFLICT);
    assert_string_equal(cx->error.message, "table t: version 7");
    assert_string_equal(cx->error.sqlstate, "40001");
    assert_int_equal(cx->error.code, TARN_CONFLICT);
    assert_int_equal(cx->error.retry_may_help, 1);
    assert_int_equal(cx->error.size, sizeof cx->error);
    assert_string_equal(cx->error.hint, "");
    assert_int_equal(cx->error.line, 0);
    assert_int_equal(cx->error.column, 0);
    assert_int_equal(tarn_hint(cx, TARN_CONFLICT, "try\n%s", "again"), TARN_CONFLICT);
    assert_string_equal(cx->error.hint, "try again");
    tarn_clear_error(cx);
    assert_int_equal(cx->error.code, TARN_OK);
    assert_string_equal(cx->error.message, "");
    assert_int_equal(tarn_hint(cx, TARN_OK, "no"), TARN_OK);
    assert_string_equal(cx->error.hint, "");
}

static void test_one_line(void **state) {
    tarn_cx *cx = *state;
    tarn_fail(cx, TARN_INVALID, "a\nb\r\tc\x1b[1m\x7f|\xc2\x85|\xe2\x80\xa8|\xff|\xc3|\xe2\x82\xac");
    assert_string_equal(cx->error.message, "a b  c [1m | | |?|?|\xe2\x82\xac");
}

static void test_alias(void **state) {
    tarn_cx *cx = *state;
    tarn_fail(cx, TARN_IO, "disk");
    tarn_fail(cx, TARN_CORRUPT, "outer: %s", cx->error.message);
    assert_string_equal(cx->error.message, "outer: disk");
    tarn_hint(cx, TARN_CORRUPT, "h %s", cx->error.message);
    tarn_hint(cx, TARN_CORRUPT, "h2 %s", cx->error.hint);
    assert_string_equal(cx->error.hint, "h2 h outer: disk");
    tarn_fail(cx, TARN_CORRUPT, "%s", cx->error.hint);
    assert_string_equal(cx->error.message, "h2 h outer: disk");
}

/* Each length around the limit, with characters of 1 to 4 bytes. */
static void test_cut(void **state) {
    tarn_cx *cx = *state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    size_t max = sizeof cx->error.message;
    for (size_t k = 0; k < 4; k++) {
        size_t size = strlen(characters[k]);
        for (size_t pad = 0; pad < 6; pad++) {
            char text[8192] = "", expect[8192];
            memset(text, 'x', pad);
            for (size_t n = pad; n + size < 4000; n += size) memcpy(text + n, characters[k], size);
            tarn_fail(cx, TARN_IO, "%s", text);
            size_t kept = pad + (max - 1 - 3 - pad) / size * size;
            snprintf(expect, sizeof expect, "%.*s\xe2\x80\xa6", (int)kept, text);
            assert_string_equal(cx->error.message, expect);
        }
    }
    char exact[4096] = "";
    memset(exact, 'y', max - 1);
    tarn_fail(cx, TARN_IO, "%s", exact);
    assert_string_equal(cx->error.message, exact);
}

static void test_prefix(void **state) {
    tarn_cx *cx = *state;
    tarn_fail(cx, TARN_IO, "no space");
    tarn_hint(cx, TARN_IO, "delete something");
    cx->error.line = 2;
    assert_int_equal(tarn_prefix(cx, TARN_IO, "delta table %s", "t"), TARN_IO);
    assert_string_equal(cx->error.message, "delta table t: no space");
    tarn_prefix(cx, TARN_IO, "delta table %s", "t");
    assert_string_equal(cx->error.message, "delta table t: no space");
    assert_string_equal(cx->error.hint, "delete something");
    assert_int_equal(cx->error.line, 2);
    assert_int_equal(tarn_prefix(cx, TARN_OK, "x"), TARN_OK);
    assert_string_equal(cx->error.message, "delta table t: no space");
    char wide[5000];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = 0;
    tarn_prefix(cx, TARN_CORRUPT, "%s", wide);
    assert_int_equal(cx->error.code, TARN_CORRUPT);
    assert_non_null(strstr(cx->error.message, "\xe2\x80\xa6: delta table t: no space"));
}

static void test_codes(void **state) {
    tarn_cx *cx = *state;
    for (int c = TARN_OK; c <= TARN_INTERNAL; c++) {
        assert_int_equal(strlen(tarn_sqlstate((tarn_code)c)), 5);
        assert_non_null(tarn_code_name((tarn_code)c));
    }
    assert_string_equal(tarn_code_name((tarn_code)99), "INTERNAL");
    assert_string_equal(tarn_code_name((tarn_code)-1), "INTERNAL");
    assert_string_equal(tarn_code_name(TARN_UNSUPPORTED), "UNSUPPORTED");
    assert_int_equal(tarn_retry_may_help(TARN_INVALID), 0);
    assert_int_equal(tarn_errno_code(ENOENT), TARN_NOTFOUND);
    assert_int_equal(tarn_errno_code(EEXIST), TARN_EXISTS);
    assert_int_equal(tarn_errno_code(ENOSPC), TARN_IO);
    assert_int_equal(tarn_errno_code(EACCES), TARN_DENIED);
    assert_string_equal(tarn_errno_text(cx, ENOENT), "No such file or directory");
    assert_string_equal(tarn_errno_text(cx, 99999), "error number 99999");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fail, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_one_line, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_alias, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_cut, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_prefix, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_codes, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
