/* print_test.c: the list of functions that are not evaluated ahead agrees with what DuckDB says of its functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "plan/bound.h"

static void volatile_functions_are_known(void **state) {
    static const char query[] =
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' AND "
        "stability <> 'CONSISTENT' AND function_name NOT LIKE 'tarn%'";
    tarn_conf *conf = tarn_conf_defaults();
    tarn_engine *engine = tarn_engine_new("");
    tarn_conn *conn = NULL;
    tarn_rows *rows = NULL;
    struct ArrowArray batch;
    tarn_cx cx;
    (void)state;
    tarn_cx_init(&cx, conf);
    assert_int_equal(tarn_engine_conn(&cx, engine, TARN_DB_PLAN, &conn), TARN_OK);
    assert_int_equal(tarn_conn_query(&cx, conn, query, NULL, 0, &rows), TARN_OK);
    assert_int_equal(tarn_rows_next(&cx, rows, &batch), TARN_OK);
    assert_true(batch.length > 5);
    tarn_column names = tarn_column_child((tarn_column){.schema = tarn_rows_schema(rows), .array = &batch}, 0);
    for (int64_t i = 0; i < batch.length; i++) {
        tarn_str name = tarn_column_str(names, i);
        if (!tarn_bound_volatile(name)) fail_msg("%.*s", (int)name.n, name.p);
    }
    assert_false(tarn_bound_volatile(TARN_LIT("lower")));
    tarn_array_release(&batch);
    tarn_rows_close(rows);
    tarn_conn_close(conn);
    tarn_engine_free(engine);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(volatile_functions_are_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
