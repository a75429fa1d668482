/* limits_test.c: statements with an inner LIMIT are planned without the filters that joins push below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_conf *conf;
    tarn_engine *engine;
} fixture;

static const char tables[] = "CREATE TEMP TABLE a AS SELECT range AS k, range * 7919 % 200000 AS g FROM range(200000); "
                             "CREATE TEMP TABLE b AS SELECT range * 20011 % 200000 AS k FROM range(10)";
static const char query[] = "SELECT count(*) FROM b JOIN (SELECT * FROM a LIMIT 50000) AS l USING (k) JOIN a USING (k)";

static void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
}

/* DuckDB's plan with what happened in it: only then are the filters of joins known. */
static bool pushes_filters(fixture *f, tarn_conn *conn) {
    tarn_rows *rows;
    struct ArrowArray batch;
    ok(f, tarn_conn_query(&f->cx, conn, tarn_printf(&f->cx, "EXPLAIN ANALYZE %s", query), NULL, 0, &rows));
    ok(f, tarn_rows_next(&f->cx, rows, &batch));
    assert_non_null(batch.release);
    tarn_column text = tarn_column_child((tarn_column){.schema = tarn_rows_schema(rows), .array = &batch}, 1);
    tarn_str plan = tarn_column_str(text, 0);
    assert_non_null(memmem(plan.p, plan.n, "HASH_JOIN", 9));
    bool found = memmem(plan.p, plan.n, "Dynamic Filters", 15) != NULL;
    tarn_array_release(&batch);
    tarn_rows_close(rows);
    return found;
}

static void joins_push_nothing_below_a_limit(void **state) {
    fixture *f = *state;
    tarn_auto(tarn_conn *, tarn_conn_closep) plain = NULL;
    tarn_auto(tarn_conn *, tarn_conn_closep) careful = NULL;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &plain));
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &careful));
    ok(f, tarn_conn_run(&f->cx, plain, tables));
    ok(f, tarn_conn_run(&f->cx, careful, tables));
    tarn_conn_keep_limits(careful);
    assert_true(pushes_filters(f, plain));
    assert_false(pushes_filters(f, careful));
    assert_true(pushes_filters(f, plain)); /* the setting is all connections': it must be gone again */
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    f->engine = tarn_engine_new("");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_engine_free(f->engine);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins_push_nothing_below_a_limit, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
