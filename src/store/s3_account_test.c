/* s3_account_test.c: where keys, region and server are taken from, and what is refused without being repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/s3.h"
#include "support/folder.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_s3_account account;
    char folder[512];
} fixture;

static void set(fixture *f, const char *name, const char *value) {
    assert_int_equal(tarn_conf_set(&f->cx, f->cx.conf, tarn_str_of(name), tarn_str_of(value), TARN_FROM_SET), TARN_OK);
}

static void write_file(fixture *f, const char *variable, const char *name, const char *text) {
    const char *path = tarn_printf(&f->cx, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    setenv(variable, path, 1);
}

static int setup(void **state) {
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID",  "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",   "AWS_REGION",
        "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",      "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"};
    fixture *f = calloc(1, sizeof *f);
    tarn_cx_init(&f->cx, tarn_conf_defaults());
    test_folder("account", f->folder, sizeof f->folder);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
    write_file(f, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
               "# keys\n[default]\naws_access_key_id = DEFAULT\naws_secret_access_key=default/secret=\n\n[ work ]\r\n"
               "aws_access_key_id=WORK\r\naws_secret_access_key=work-secret\r\naws_session_token=work-token\r\n[half]"
               "\naws_access_key_id=HALF\n");
    write_file(f, "AWS_CONFIG_FILE", "config",
               "[default]\nregion = eu-west-1\n[profile work]\ns3 =\n  region = nested-1\nregion = "
               "eu-west-2\nendpoint_url = https://work:9000/\n");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    test_folder_remove(f->folder);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
    return 0;
}

static tarn_code find(fixture *f) { return tarn_s3_account_find(&f->cx, f->cx.arena, "bucket", &f->account); }

static void assert_account(fixture *f, const char *key, const char *secret, const char *token, const char *region,
                           const char *endpoint) {
    if (find(f) != TARN_OK) fail_msg("%s", f->cx.error.message);
    assert_string_equal(f->account.key_id, key);
    assert_string_equal(f->account.secret, secret);
    assert_string_equal(f->account.token ? f->account.token : "", token);
    assert_string_equal(f->account.region, region);
    assert_string_equal(f->account.endpoint, endpoint);
}

static void test_profiles(void **state) {
    fixture *f = *state;
    assert_account(f, "DEFAULT", "default/secret=", "", "eu-west-1", "https://s3.eu-west-1.amazonaws.com");
    assert_false(f->account.path_style);
    setenv("AWS_PROFILE", "work", 1);
    assert_account(f, "WORK", "work-secret", "work-token", "eu-west-2", "https://work:9000");
    assert_true(f->account.path_style);
    setenv("AWS_PROFILE", "none", 1);
    assert_int_equal(find(f), TARN_INVALID);
    setenv("AWS_PROFILE", "half", 1);
    assert_int_equal(find(f), TARN_INVALID);
}

static void test_precedence(void **state) {
    fixture *f = *state;
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "env-secret", 1);
    setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
    setenv("AWS_ENDPOINT_URL", "http://env:1", 1);
    assert_account(f, "ENV", "env-secret", "", "us-west-2", "http://env:1");
    setenv("AWS_REGION", "us-west-1", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://env:2", 1);
    assert_account(f, "ENV", "env-secret", "", "us-west-1", "http://env:2");
    set(f, "s3.profile", "work"); /* asked for by name: before what happens to be in the environment */
    assert_account(f, "WORK", "work-secret", "work-token", "us-west-1", "http://env:2");
    set(f, "s3.access_key_id", "SET");
    assert_int_equal(find(f), TARN_INVALID); /* its secret is not taken from elsewhere */
    set(f, "s3.secret_access_key", "set-secret");
    set(f, "s3.region", "auto");
    set(f, "s3.endpoint", "https://set");
    set(f, "s3.url_style", "virtual");
    assert_account(f, "SET", "set-secret", "", "auto", "https://set");
    assert_false(f->account.path_style);
}

static void test_no_keys(void **state) {
    fixture *f = *state;
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    assert_int_equal(find(f), TARN_OK);
    assert_null(f->account.key_id);
    assert_string_equal(f->account.region, "us-east-1");
}

static void test_refused(void **state) {
    fixture *f = *state;
    static const char *const endpoints[] = {"host:9000", "ftp://host", "https://u:hushhush@host",
                                            "http://host?hushhush", "http://h\r\nX: hushhush"};
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        set(f, "s3.endpoint", endpoints[i]);
        assert_int_equal(find(f), TARN_INVALID);
        assert_null(strstr(f->cx.error.message, "hushhush"));
    }
    set(f, "s3.endpoint", "http://host");
    set(f, "s3.region", "us east");
    assert_int_equal(find(f), TARN_INVALID);
    set(f, "s3.region", "");
    set(f, "s3.access_key_id", "KEY");
    set(f, "s3.secret_access_key", "hush\nhush");
    assert_int_equal(find(f), TARN_INVALID);
    assert_null(strstr(f->cx.error.message, "hush"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(test_profiles), CASE(test_precedence), CASE(test_no_keys),
                                       CASE(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
