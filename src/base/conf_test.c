/* conf_test.c: settings check type and range, and the origins have one precedence. */
#include "base/conf.h"

#include "support/cx_fixture.h"

static tarn_code set(tarn_cx *cx, const char *name, const char *value, tarn_origin origin) {
    return tarn_conf_set(cx, cx->conf, tarn_str_of(name), tarn_str_of(value), origin);
}

static void test_defaults(void **state) {
    tarn_cx *cx = *state;
    assert_int_equal(tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT), 60000);
    assert_int_equal(tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_WAIT), 5);
    assert_int_equal(tarn_conf_int(cx->conf, TARN_WRITE_FILE_SIZE), 128000000);
    assert_int_equal(tarn_conf_int(cx->conf, TARN_WRITE_COMPRESSION), 0);
    assert_string_equal(tarn_conf_text(cx->conf, TARN_WRITE_COMPRESSION), "zstd");
    assert_int_equal(tarn_conf_int(cx->conf, TARN_VACUUM_RETENTION_CHECK), 1);
    assert_string_equal(tarn_conf_text(cx->conf, TARN_LOG_FILE), "");
    for (int i = 0; i < TARN_OPTION_COUNT; i++) {
        const tarn_option_info *info = tarn_option_info_of((tarn_option)i);
        assert_int_equal(tarn_option_find(tarn_str_of(info->name)), i);
        assert_int_equal(tarn_conf_origin(cx->conf, (tarn_option)i), TARN_FROM_DEFAULT);
        assert_int_equal(info->help[strlen(info->help) - 1], '.');
    }
    assert_int_equal(tarn_option_find(TARN_LIT("WRITE.File_Size")), TARN_WRITE_FILE_SIZE);
    assert_int_equal(tarn_option_find(TARN_LIT("write.file_siz")), -1);
    assert_int_equal(tarn_option_find((tarn_str){NULL, 0}), -1);
    assert_string_equal(tarn_origin_name(TARN_FROM_FLAG), "flag");
    assert_string_equal(tarn_origin_name((tarn_origin)77), "unknown");
}

static void test_values(void **state) {
    static const struct {
        const char *name, *value;
        int64_t expected; /* -1: refused */
    } cases[] = {
        {"cache.snapshots", "1GB", 1000000000},
        {"cache.snapshots", "1GiB", 1073741824},
        {"cache.snapshots", "1.5 mb", 1500000},
        {"cache.snapshots", "0.5KiB", 512},
        {"cache.snapshots", "77", 77},
        {"cache.snapshots", "3b", 3},
        {"cache.snapshots", "9223372036854775807", INT64_MAX},
        {"cache.snapshots", "9223372036854775808", -1},
        {"cache.snapshots", "9999999999TB", -1},
        {"cache.snapshots", "8388608TiB", -1},
        {"cache.snapshots", "8388607.999999TiB", INT64_C(9223372036853676296)},
        {"cache.snapshots", "-1", -1},
        {"cache.snapshots", "", -1},
        {"cache.snapshots", "1.", -1},
        {"cache.snapshots", ".5GB", -1},
        {"cache.snapshots", "1.5", -1},
        {"cache.snapshots", "1XB", -1},
        {"cache.snapshots", "1 GB ", -1},
        {"cache.snapshots", "GB", -1},
        {"cache.snapshots", "1.1234567GB", -1},
        {"statement_timeout", "5ms", 5},
        {"statement_timeout", "60s", 60000},
        {"statement_timeout", "2h", 7200000},
        {"statement_timeout", "7d", 604800000},
        {"statement_timeout", "0", 0},
        {"statement_timeout", "1500", 1500},
        {"statement_timeout", "2 minutes", 120000},
        {"statement_timeout", "1 month", -1},
        {"statement_timeout", "-1s", -1},
        {"statement_timeout", "s", -1},
        {"statement_timeout", "999999999999999999w", -1},
        {"commit.retry_timeout", "2d", -1},
        {"threads", "1024", 1024},
        {"threads", "1025", -1},
        {"threads", "1.5", -1},
        {"threads", "", -1},
        {"vacuum.retention_check", "OFF", 0},
        {"vacuum.retention_check", "Yes", 1},
        {"vacuum.retention_check", "2", -1},
        {"write.compression", "LZ4", 3},
        {"write.compression", "zst", -1},
        {"write.compression", "zstd|snappy", -1},
        {"write.compression", "", -1},
        {"log.level", "debug", 3},
    };
    tarn_cx *cx = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_option option = (tarn_option)tarn_option_find(tarn_str_of(cases[i].name));
        int64_t before = tarn_conf_int(cx->conf, option);
        tarn_code code = set(cx, cases[i].name, cases[i].value, TARN_FROM_SET);
        assert_int_equal(code, cases[i].expected < 0 ? TARN_INVALID : TARN_OK);
        assert_int_equal(tarn_conf_int(cx->conf, option), cases[i].expected < 0 ? before : cases[i].expected);
        if (code != TARN_OK) assert_true(tarn_str_starts(tarn_str_of(cx->error.message), cases[i].name));
    }
    assert_string_equal(tarn_conf_text(cx->conf, TARN_WRITE_COMPRESSION), "lz4");
    assert_string_equal(tarn_conf_text(cx->conf, TARN_VACUUM_RETENTION_CHECK), "true");
    assert_int_equal(set(cx, "no.such", "1", TARN_FROM_SET), TARN_NOTFOUND);
    assert_int_equal(tarn_conf_set(cx, cx->conf, TARN_LIT("timezone"), (tarn_str){"U\0C", 3}, TARN_FROM_SET),
                     TARN_INVALID);
    char wide[5000];
    memset(wide, 'x', sizeof wide);
    assert_int_equal(tarn_conf_set(cx, cx->conf, TARN_LIT("timezone"), (tarn_str){wide, 4097}, TARN_FROM_SET),
                     TARN_INVALID);
    assert_int_equal(tarn_conf_set(cx, cx->conf, TARN_LIT("timezone"), (tarn_str){wide, 4096}, TARN_FROM_SET),
                     TARN_OK);
    assert_int_equal(strlen(tarn_conf_text(cx->conf, TARN_TIMEZONE)), 4096);
    assert_int_equal(set(cx, "timezone", "", TARN_FROM_SET), TARN_OK);
    assert_string_equal(tarn_conf_text(cx->conf, TARN_TIMEZONE), "");
}

static void test_precedence(void **state) {
    tarn_cx *cx = *state;
    assert_int_equal(set(cx, "threads", "5", TARN_FROM_SET), TARN_OK);
    assert_int_equal(set(cx, "threads", "3", TARN_FROM_WAREHOUSE), TARN_OK);
    assert_int_equal(set(cx, "threads", "4", TARN_FROM_ENVIRONMENT), TARN_OK);
    assert_int_equal(tarn_conf_int(cx->conf, TARN_THREADS), 5);
    assert_int_equal(tarn_conf_origin(cx->conf, TARN_THREADS), TARN_FROM_SET);
    tarn_conf *session = tarn_conf_copy(cx->conf);
    assert_int_equal(tarn_conf_reset(cx, session, TARN_LIT("threads")), TARN_OK);
    assert_int_equal(tarn_conf_int(session, TARN_THREADS), 4);
    assert_string_equal(tarn_conf_text(session, TARN_THREADS), "4");
    assert_int_equal(tarn_conf_int(cx->conf, TARN_THREADS), 5);
    assert_int_equal(tarn_conf_set(cx, session, TARN_LIT("threads"), TARN_LIT("9"), TARN_FROM_FLAG), TARN_OK);
    assert_int_equal(tarn_conf_set(cx, session, TARN_LIT("threads"), TARN_LIT("6"), TARN_FROM_SET), TARN_OK);
    assert_int_equal(tarn_conf_int(session, TARN_THREADS), 9);
    assert_int_equal(tarn_conf_reset(cx, session, TARN_LIT("threads")), TARN_OK);
    assert_int_equal(tarn_conf_int(session, TARN_THREADS), 9);
    assert_int_equal(tarn_conf_reset(cx, session, TARN_LIT("treads")), TARN_NOTFOUND);
    tarn_conf_free(session);
}

static void test_environment(void **state) {
    tarn_cx *cx = *state;
    tarn_conf *conf = NULL;
    setenv("TARN_COMMIT_RETRY_TIMEOUT", "90s", 1);
    setenv("TARN_WAREHOUSE", "/lake", 1);
    assert_int_equal(tarn_conf_new(cx, &conf), TARN_OK);
    assert_int_equal(tarn_conf_int(conf, TARN_COMMIT_RETRY_TIMEOUT), 90000);
    assert_int_equal(tarn_conf_origin(conf, TARN_COMMIT_RETRY_TIMEOUT), TARN_FROM_ENVIRONMENT);
    assert_int_equal(tarn_conf_reset(cx, conf, TARN_LIT("commit.retry_timeout")), TARN_OK);
    assert_int_equal(tarn_conf_int(conf, TARN_COMMIT_RETRY_TIMEOUT), 90000);
    tarn_conf_free(conf);
    conf = NULL;
    setenv("TARN_COMMIT_RETRY_TIMEOUT", "soon", 1);
    assert_int_equal(tarn_conf_new(cx, &conf), TARN_INVALID);
    assert_null(conf);
    assert_non_null(strstr(cx->error.message, "TARN_COMMIT_RETRY_TIMEOUT: 'soon'"));
    unsetenv("TARN_COMMIT_RETRY_TIMEOUT");
    unsetenv("TARN_WAREHOUSE");
}

/* What a setting's own text is set from may be its own memory. */
static void test_set_to_itself(void **state) {
    tarn_cx *cx = *state;
    assert_int_equal(set(cx, "timezone", "Europe/Vienna", TARN_FROM_SET), TARN_OK);
    assert_int_equal(set(cx, "timezone", tarn_conf_text(cx->conf, TARN_TIMEZONE) + 7, TARN_FROM_SET), TARN_OK);
    assert_string_equal(tarn_conf_text(cx->conf, TARN_TIMEZONE), "Vienna");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_values, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_precedence, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_environment, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_set_to_itself, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
