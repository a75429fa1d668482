/* log_test.c: each event is one escaped line of JSON, in the file the settings name. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t zero_clock(void *state) {
    (void)state;
    return 1500000;
}

static char *read_all(const char *path, char *text, size_t size) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, size - 1, f)] = 0;
    fclose(f);
    return text;
}

static void test_lines(void **state) {
    (void)state;
    char path[] = "/tmp/tarn_log_test_XXXXXX", text[4096];
    close(mkstemp(path));
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    cx.clock = zero_clock;
    assert_int_equal(tarn_conf_set(&cx, conf, TARN_LIT("log.file"), tarn_str_of(path), TARN_FROM_FLAG), TARN_OK);
    assert_int_equal(tarn_conf_set(&cx, conf, TARN_LIT("log.level"), TARN_LIT("info"), TARN_FROM_FLAG), TARN_OK);
    assert_int_equal(tarn_log_open(&cx), TARN_OK);
    assert_true(tarn_log_on(TARN_LOG_INFO));
    assert_false(tarn_log_on(TARN_LOG_DEBUG));
    tarn_log(&cx, TARN_LOG_DEBUG, "hidden", NULL);
    tarn_log(&cx, TARN_LOG_INFO, "commit", "table", "a\"b\\c\n\x01\x1b", "none", (char *)NULL, "bad", "x\xffy\xc2\x85é",
             NULL);
    assert_string_equal(read_all(path, text, sizeof text),
                        "{\"ts\":\"1970-01-01T00:00:01.500000Z\",\"level\":\"info\",\"event\":\"commit\",\"table\":"
                        "\"a\\\"b\\\\c\\n\\u0001\\u001b\","
                        "\"none\":null,\"bad\":\"x\xef\xbf\xbdy\\u0085é\"}\n");
    assert_int_equal(truncate(path, 0), 0);
    char *wide = malloc(100000);
    memset(wide, 'w', 99999);
    wide[99999] = 0;
    tarn_log(&cx, TARN_LOG_ERROR, "wide", "value", wide, NULL);
    free(wide);
    assert_string_equal(
        read_all(path, text, sizeof text),
        "{\"ts\":\"1970-01-01T00:00:01.500000Z\",\"level\":\"error\",\"event\":\"wide\",\"cut\":\"true\"}\n");
    assert_int_equal(tarn_conf_set(&cx, conf, TARN_LIT("log.file"), TARN_LIT("/no/such/folder/log"), TARN_FROM_FLAG),
                     TARN_OK);
    assert_int_equal(tarn_log_open(&cx), TARN_NOTFOUND);
    assert_non_null(strstr(cx.error.message, "/no/such/folder/log"));
    tarn_log_set_level(TARN_LOG_ERROR);
    assert_false(tarn_log_on(TARN_LOG_WARN));
    assert_int_equal(tarn_conf_set(&cx, conf, TARN_LIT("log.file"), TARN_LIT(""), TARN_FROM_FLAG), TARN_OK);
    assert_int_equal(tarn_log_open(&cx), TARN_OK);
    unlink(path);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
