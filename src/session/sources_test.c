/* sources_test.c: rows of the caller under a name, peeking, typed parameters, the order of closing, and forks: through
 * the public API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "codec/arrow.h"
#include "support/folder.h"
#include "tarn.h"

typedef struct fixture {
    char dir[64];
    tarn_lake *lake;
    tarn_session *session;
    tarn_error error;
    int opened; /* streams given */
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_folder("tarn sources", f->dir, sizeof f->dir);
    f->error.size = sizeof f->error;
    tarn_options options = {.size = sizeof options, .uri = f->dir};
    assert_int_equal(tarn_open(&options, &f->lake, &f->error), TARN_OK);
    assert_int_equal(tarn_session_open(f->lake, NULL, &f->session, &f->error), TARN_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tarn_session_close(f->session);
    tarn_close(f->lake);
    test_folder_remove(f->dir);
    free(f);
    return 0;
}

/* n = 1, 2, 3; s = the name asked for. */
static tarn_code give(void *state, const char *name, struct ArrowArrayStream *out, tarn_error *error) {
    static const tarn_rowset_column columns[] = {{"n", "l"}, {"s", "u"}};
    fixture *f = state;
    tarn_cx cx = {0};
    (void)error;
    if (strcmp(name, "nobody") == 0) return TARN_NOTFOUND;
    if (strcmp(name, "broken") == 0) {
        snprintf(error->message, sizeof error->message, "it is broken");
        return TARN_IO;
    }
    f->opened++;
    tarn_rowset *rows = tarn_rowset_new(columns, 2);
    for (int i = 1; i <= 3; i++) {
        tarn_rowset_int(rows, i);
        tarn_rowset_text(rows, name);
    }
    return tarn_rowset_stream(&cx, &rows, out);
}

static tarn_code run(fixture *f, const char *sql) {
    tarn_result *result = NULL;
    tarn_code code = tarn_query(f->session, sql, NULL, 0, &result, &f->error);
    tarn_result_close(result);
    return code;
}

/* The first cell of the first row, as a number. */
static int64_t number(fixture *f, const char *sql, const tarn_param *params, size_t n) {
    tarn_result *result = NULL;
    struct ArrowSchema schema = {0};
    const struct ArrowArray *first = NULL;
    if (tarn_query(f->session, sql, params, n, &result, &f->error) != TARN_OK) fail_msg("%s", f->error.message);
    assert_int_equal(tarn_result_schema(result, &schema, &f->error), TARN_OK);
    assert_int_equal(tarn_result_peek(result, &first, &f->error), TARN_OK);
    assert_non_null(first);
    int64_t value = tarn_column_int(tarn_column_child((tarn_column){&schema, first}, 0), 0);
    tarn_schema_release(&schema);
    tarn_result_close(result);
    return value;
}

static void assert_fails(fixture *f, const char *sql, tarn_code code, const char *message) {
    assert_int_equal(run(f, sql), code);
    if (!strstr(f->error.message, message)) fail_msg("%s", f->error.message);
}

static void registered_rows_are_a_table(void **state) {
    fixture *f = *state;
    assert_int_equal(tarn_session_register(f->session, "Rows", give, f, &f->error), TARN_OK);
    assert_int_equal(number(f, "SELECT sum(r.n) FROM rows r WHERE s = 'Rows'", NULL, 0), 6);
    assert_int_equal(number(f, "SELECT count(*) FROM rows a JOIN rows b USING (n)", NULL, 0), 3);
    assert_int_equal(f->opened, 3);
    assert_int_equal(number(f, "WITH rows AS (SELECT 9 AS n) SELECT n FROM rows", NULL, 0), 9);
    assert_int_equal(run(f, "CREATE TABLE t AS SELECT n FROM rows"), TARN_OK);
    assert_int_equal(run(f, "INSERT INTO t SELECT n + 10 FROM rows"), TARN_OK);
    assert_int_equal(run(f, "MERGE INTO t USING rows ON t.n = rows.n WHEN MATCHED THEN DELETE"), TARN_OK);
    assert_int_equal(number(f, "SELECT sum(n) FROM t", NULL, 0), 36);
    assert_fails(f, "SELECT * FROM main.rows", TARN_NOTFOUND, "rows");
    assert_fails(f, "SELECT * FROM rows VERSION AS OF 1", TARN_INVALID, "no versions");
    assert_fails(f, "INSERT INTO rows VALUES (1, 'x')", TARN_NOTFOUND, "rows");
    assert_fails(f, "CREATE VIEW v AS SELECT * FROM rows", TARN_INVALID, "rows passed in");
    assert_int_equal(tarn_session_register(f->session, "ROWS", NULL, NULL, &f->error), TARN_OK);
    assert_fails(f, "SELECT * FROM rows", TARN_NOTFOUND, "rows");
    assert_int_equal(tarn_session_register(f->session, "", give, f, &f->error), TARN_INVALID);
}

static void a_table_is_never_hidden(void **state) {
    fixture *f = *state;
    assert_int_equal(run(f, "CREATE TABLE t AS SELECT 5::BIGINT AS n"), TARN_OK);
    assert_int_equal(run(f, "CREATE VIEW v AS SELECT n FROM t"), TARN_OK);
    assert_int_equal(tarn_session_register(f->session, "t", give, f, &f->error), TARN_OK);
    assert_fails(f, "SELECT * FROM t", TARN_INVALID, "both a table and rows passed in");
    assert_int_equal(number(f, "SELECT n FROM main.t", NULL, 0), 5);
    assert_int_equal(number(f, "SELECT n FROM v", NULL, 0), 5);
}

static void missing_names_are_asked_for(void **state) {
    fixture *f = *state;
    assert_int_equal(run(f, "CREATE TABLE t AS SELECT 5::BIGINT AS n"), TARN_OK);
    tarn_session_on_missing(f->session, give, f);
    assert_int_equal(number(f, "SELECT sum(n) FROM found", NULL, 0), 6);
    assert_int_equal(number(f, "SELECT n FROM t", NULL, 0), 5);
    assert_fails(f, "SELECT * FROM nobody", TARN_NOTFOUND, "nobody");
    assert_fails(f, "SELECT * FROM broken", TARN_IO, "it is broken");
    tarn_session_on_missing(f->session, NULL, NULL);
    assert_fails(f, "SELECT * FROM found", TARN_NOTFOUND, "found");
}

static void parameters_have_types(void **state) {
    fixture *f = *state;
    static const unsigned char uuid[16] = {0x12, 0x34, [15] = 0xff};
    tarn_param params[] = {{.type = TARN_PARAM_DATE, .i = 19358},
                           {.type = TARN_PARAM_TIME, .i = 3600 * INT64_C(1000000)},
                           {.type = TARN_PARAM_TIMESTAMP, .i = 1},
                           {.type = TARN_PARAM_INSTANT, .i = 2},
                           {.type = TARN_PARAM_DECIMAL, .data = "-12.50", .n = 6},
                           {.type = TARN_PARAM_UUID, .data = uuid, .n = 16}};
    assert_int_equal(number(f,
                            "SELECT ($1 = DATE '2023-01-01' AND $2 = TIME '01:00:00' AND $3 = TIMESTAMP '1970-01-01 "
                            "00:00:00.000001' AND typeof($4) = 'TIMESTAMP WITH TIME ZONE' AND epoch_us($4) = 2 AND "
                            "typeof($5) = 'DECIMAL(4,2)' AND $5 = -12.5 AND "
                            "$6 = '12340000-0000-0000-0000-0000000000ff'::UUID)::INT",
                            params, 6),
                     1);
    tarn_param wrong[] = {{.type = TARN_PARAM_DECIMAL, .data = "1.5x", .n = 4},
                          {.type = TARN_PARAM_UUID, .data = uuid, .n = 15},
                          {.type = (tarn_param_type)99}};
    for (size_t i = 0; i < 3; i++) {
        tarn_result *result = NULL;
        assert_int_equal(tarn_query(f->session, "SELECT $1", &wrong[i], 1, &result, &f->error), TARN_INVALID);
    }
}

static void what_was_looked_at_comes_again(void **state) {
    fixture *f = *state;
    tarn_result *result = NULL;
    struct ArrowArrayStream stream;
    const struct ArrowArray *first = NULL, *again = NULL;
    assert_int_equal(tarn_query(f->session, "SELECT * FROM range(5000)", NULL, 0, &result, &f->error), TARN_OK);
    assert_int_equal(tarn_result_peek(result, &first, &f->error), TARN_OK);
    assert_int_equal(tarn_result_peek(result, &again, &f->error), TARN_OK);
    assert_ptr_equal(first, again);
    assert_int_equal(tarn_result_stream(result, &stream, &f->error), TARN_OK);
    assert_int_equal(tarn_result_peek(result, &first, &f->error), TARN_INVALID);
    tarn_result_close(result);
    int64_t rows = 0;
    for (struct ArrowArray batch = {0};; rows += batch.length, tarn_array_release(&batch)) {
        assert_int_equal(stream.get_next(&stream, &batch), 0);
        if (!batch.release) break;
    }
    assert_int_equal(rows, 5000);
    tarn_stream_release(&stream);
}

static void handles_close_in_any_order(void **state) {
    fixture *f = *state;
    tarn_result *result = NULL;
    struct ArrowArrayStream stream;
    struct ArrowArray batch = {0};
    assert_int_equal(tarn_query(f->session, "SELECT * FROM range(5000)", NULL, 0, &result, &f->error), TARN_OK);
    tarn_close(f->lake);
    tarn_session_close(f->session);
    f->lake = NULL;
    f->session = NULL;
    assert_int_equal(tarn_result_stream(result, &stream, &f->error), TARN_OK);
    tarn_result_close(result);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    assert_int_equal(batch.length, 2048);
    tarn_array_release(&batch);
    tarn_stream_release(&stream);
}

static int use_after_fork(fixture *f, tarn_result *result, struct ArrowArrayStream *stream) {
    struct ArrowArray batch = {0};
    tarn_session *session;
    int refused = run(f, "SELECT 1") == TARN_INVALID && strstr(f->error.message, "fork");
    refused &= tarn_session_open(f->lake, NULL, &session, &f->error) == TARN_INVALID;
    refused &= stream->get_next(stream, &batch) != 0 && strstr(stream->get_last_error(stream), "fork");
    stream->release(stream);
    tarn_result_close(result);
    tarn_session_close(f->session);
    tarn_close(f->lake);
    return refused;
}

static void a_child_process_is_refused(void **state) {
    fixture *f = *state;
    tarn_result *result = NULL, *other = NULL;
    struct ArrowArrayStream stream;
    int status = -1;
    assert_int_equal(tarn_query(f->session, "SELECT * FROM range(5000)", NULL, 0, &result, &f->error), TARN_OK);
    assert_int_equal(tarn_query(f->session, "SELECT * FROM range(5000)", NULL, 0, &other, &f->error), TARN_OK);
    assert_int_equal(tarn_result_stream(result, &stream, &f->error), TARN_OK);
    pid_t child = fork();
    if (child == 0) _exit(use_after_fork(f, other, &stream) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tarn_stream_release(&stream);
    tarn_result_close(other);
    tarn_result_close(result);
    assert_int_equal(number(f, "SELECT 7", NULL, 0), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registered_rows_are_a_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_is_never_hidden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_names_are_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_have_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_looked_at_comes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(handles_close_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_process_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
