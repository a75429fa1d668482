/* rows_test.c: statements, parameters, errors, cancelling and limits through DuckDB. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_conf *conf;
    tarn_engine *engine;
    tarn_conn *conn;
    atomic_bool cancel;
} fixture;

static void set(fixture *f, const char *name, const char *value) {
    assert_int_equal(tarn_conf_set(&f->cx, f->conf, tarn_str_of(name), tarn_str_of(value), TARN_FROM_SET), TARN_OK);
}

static void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    f->engine = tarn_engine_new("/tmp/tarn-engine-test/deep/tmp");
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &f->conn));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_conn_close(f->conn);
    tarn_engine_free(f->engine);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

static const char *text(fixture *f, const char *sql) {
    char *out = NULL;
    ok(f, tarn_conn_text(&f->cx, f->conn, sql, &out));
    return out;
}

static int64_t count_rows(fixture *f, tarn_rows *rows) {
    int64_t n = 0;
    for (;;) {
        struct ArrowArray batch;
        ok(f, tarn_rows_next(&f->cx, rows, &batch));
        if (!batch.release) return n;
        n += batch.length;
        batch.release(&batch);
    }
}

/* Runs first: once loaded, the library stays. */
static void test_library(void **state) {
    (void)state;
    fixture f = {.conf = tarn_conf_defaults()};
    tarn_conn *conn = NULL;
    tarn_cx_init(&f.cx, f.conf);
    f.engine = tarn_engine_new("/tmp/x");
    assert_false(tarn_engine_loaded(f.engine));
    set(&f, "duckdb.library", "/nonexistent/libduckdb.so");
    assert_int_equal(tarn_engine_conn(&f.cx, f.engine, TARN_DB_EXECUTE, &conn), TARN_NOTFOUND);
    assert_non_null(strstr(f.cx.error.message, "duckdb.library"));
    set(&f, "duckdb.library", "libm.so.6");
    assert_int_equal(tarn_engine_conn(&f.cx, f.engine, TARN_DB_EXECUTE, &conn), TARN_UNSUPPORTED);
    assert_false(tarn_engine_loaded(f.engine));
    assert_null(conn);
    tarn_engine_free(f.engine);
    tarn_cx_done(&f.cx);
    tarn_conf_free(f.conf);
}

static void test_text(void **state) {
    fixture *f = *state;
    assert_true(tarn_engine_loaded(f->engine));
    assert_string_equal(text(f, "SELECT 42"), "42");
    assert_string_equal(text(f, "SELECT 'é' || 'x'"), "éx");
    assert_null(text(f, "SELECT NULL"));
    assert_null(text(f, "SELECT 1 WHERE false"));
    assert_string_equal(text(f, "SELECT [1,2]::VARCHAR"), "[1, 2]");
    assert_string_equal(text(f, "SELECT current_setting('TimeZone')"), "UTC");
    assert_string_equal(text(f,
                             "SELECT string_agg(extension_name, ',' ORDER BY 1) FROM duckdb_extensions() WHERE loaded "
                             "AND extension_name IN ('icu','json','parquet')"),
                        "icu,json,parquet");
}

static void test_types(void **state) {
    fixture *f = *state;
    tarn_rows *rows;
    ok(f,
       tarn_conn_query(
           &f->cx, f->conn,
           "SELECT true b, -5::TINYINT i1, 65535::USMALLINT u2, 9007199254740993 i8, 1.5::FLOAT f4, 2.25::DOUBLE f8, "
           "DATE '1970-01-02' d, TIMESTAMPTZ '1970-01-01 00:00:01+00' tz, 'naïve \"q\"' s, '\\x01\\xFF'::BLOB z, "
           "[1,NULL,3] l, {'a': 1, 'b': 'x'} st, MAP{'k': 7} m, 'lo'::ENUM('hi','lo') e, NULL n, "
           "'00112233-4455-6677-8899-aabbccddeeff'::UUID u, 12.50::DECIMAL(9,2) \"dec\", "
           "170141183460469231731687303715884105727::HUGEINT h",
           NULL, 0, &rows));
    struct ArrowArray batch;
    ok(f, tarn_rows_next(&f->cx, rows, &batch));
    assert_int_equal(batch.length, 1);
    tarn_column all = {.schema = tarn_rows_schema(rows), .array = &batch};
    assert_int_equal(tarn_column_int(tarn_column_named(all, "b"), 0), 1);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "i1"), 0), -5);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "u2"), 0), 65535);
    assert_true(tarn_column_int(tarn_column_named(all, "i8"), 0) == 9007199254740993);
    assert_true(tarn_column_double(tarn_column_named(all, "f4"), 0) == 1.5);
    assert_true(tarn_column_double(tarn_column_named(all, "f8"), 0) == 2.25);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "d"), 0), 1);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "tz"), 0), 1000000);
    assert_true(tarn_str_is(tarn_column_str(tarn_column_named(all, "s"), 0), "naïve \"q\""));
    assert_true(tarn_str_eq(tarn_column_str(tarn_column_named(all, "z"), 0), (tarn_str){"\x01\xFF", 2}));
    int64_t begin, end;
    tarn_column items = tarn_column_list(tarn_column_named(all, "l"), 0, &begin, &end);
    assert_int_equal(end - begin, 3);
    assert_int_equal(tarn_column_int(items, begin + 2), 3);
    assert_true(tarn_column_null(items, begin + 1));
    assert_true(tarn_str_is(tarn_column_str(tarn_column_named(tarn_column_named(all, "st"), "b"), 0), "x"));
    tarn_column entries = tarn_column_list(tarn_column_named(all, "m"), 0, &begin, &end);
    assert_int_equal(end - begin, 1);
    assert_true(tarn_str_is(tarn_column_str(tarn_column_child(entries, 0), begin), "k"));
    assert_int_equal(tarn_column_int(tarn_column_child(entries, 1), begin), 7);
    assert_true(tarn_str_is(tarn_column_str(tarn_column_named(all, "e"), 0), "lo"));
    assert_true(tarn_column_null(tarn_column_named(all, "n"), 0));
    assert_null(tarn_column_named(all, "absent").array);
    assert_true(tarn_str_is(tarn_column_str(tarn_column_named(all, "u"), 0), "00112233-4455-6677-8899-aabbccddeeff"));
    assert_int_equal(tarn_column_int(tarn_column_named(all, "dec"), 0), 1250);
    batch.release(&batch);
    tarn_rows_close(rows);
}

static tarn_value text_value(const char *s) { return (tarn_value){.kind = TARN_STRING, .s = tarn_str_of(s)}; }

static void check_bind(fixture *f, tarn_value value, const char *expected) {
    tarn_rows *rows;
    struct ArrowArray batch;
    tarn_bind binds[] = {{.value = value}, {.value = value}};
    ok(f, tarn_conn_query(&f->cx, f->conn, "SELECT typeof($1) || ' ' || $2::VARCHAR AS x", binds, 2, &rows));
    ok(f, tarn_rows_next(&f->cx, rows, &batch));
    tarn_column all = {.schema = tarn_rows_schema(rows), .array = &batch};
    tarn_str got = tarn_column_str(tarn_column_child(all, 0), 0);
    if (!tarn_str_is(got, expected)) fail_msg("got %.*s, expected %s", (int)got.n, got.p, expected);
    batch.release(&batch);
    tarn_rows_close(rows);
}

static void test_bind_kinds(void **state) {
    fixture *f = *state;
    check_bind(f, (tarn_value){.kind = TARN_BOOL, .b = true}, "BOOLEAN true");
    check_bind(f, (tarn_value){.kind = TARN_INT8, .i = -128}, "TINYINT -128");
    check_bind(f, (tarn_value){.kind = TARN_INT16, .i = 300}, "SMALLINT 300");
    check_bind(f, (tarn_value){.kind = TARN_INT32, .i = 70000}, "INTEGER 70000");
    check_bind(f, (tarn_value){.kind = TARN_INT64, .i = INT64_MIN}, "BIGINT -9223372036854775808");
    check_bind(f, (tarn_value){.kind = TARN_FLOAT32, .f = 0.5}, "FLOAT 0.5");
    check_bind(f, (tarn_value){.kind = TARN_FLOAT64, .f = INFINITY}, "DOUBLE inf");
    check_bind(f, (tarn_value){.kind = TARN_DECIMAL, .scale = 2, .dec = -1234}, "DECIMAL(4,2) -12.34");
    check_bind(f, (tarn_value){.kind = TARN_DECIMAL, .scale = 5, .dec = 7}, "DECIMAL(6,5) 0.00007");
    __int128 huge = (__int128)1000000000000000000 * 1000000000000000000 * 10;
    check_bind(f, (tarn_value){.kind = TARN_DECIMAL, .scale = 0, .dec = -huge},
               "DECIMAL(38,0) -10000000000000000000000000000000000000");
    check_bind(f, (tarn_value){.kind = TARN_DATE, .i = -1}, "DATE 1969-12-31");
    check_bind(f, (tarn_value){.kind = TARN_TIME, .i = 1500000}, "TIME 00:00:01.5");
    check_bind(f, (tarn_value){.kind = TARN_TIMESTAMP, .i = 1},
               "TIMESTAMP WITH TIME ZONE 1970-01-01 00:00:00.000001+00");
    check_bind(f, (tarn_value){.kind = TARN_TIMESTAMP_NS, .i = -1},
               "TIMESTAMP WITH TIME ZONE 1969-12-31 23:59:59.999999+00");
    check_bind(f, (tarn_value){.kind = TARN_TIMESTAMP_NTZ, .i = 0}, "TIMESTAMP 1970-01-01 00:00:00");
    check_bind(f, (tarn_value){.kind = TARN_TIMESTAMP_NTZ_NS, .i = 7}, "TIMESTAMP_NS 1970-01-01 00:00:00.000000007");
    check_bind(f, text_value("x'; DROP"), "VARCHAR x'; DROP");
    check_bind(f, text_value(""), "VARCHAR ");
    check_bind(f, (tarn_value){.kind = TARN_BINARY, .s = {"a\0b", 3}}, "BLOB a\\x00b");
    check_bind(
        f,
        (tarn_value){.kind = TARN_UUID, .s = {"\x80\x11\x22\x33\x44\x55\x66\x77\x08\x99\xaa\xbb\xcc\xdd\xee\xff", 16}},
        "UUID 80112233-4455-6677-0899-aabbccddeeff");
}

static void test_bind_wrong(void **state) {
    fixture *f = *state;
    tarn_rows *rows = NULL;
    tarn_bind named[] = {{"b", {.kind = TARN_INT64, .i = 2}}, {"a", {.kind = TARN_INT64, .i = 1}}};
    ok(f, tarn_conn_query(&f->cx, f->conn, "SELECT $a * 10 + $b AS x", named, 2, &rows));
    struct ArrowArray batch;
    ok(f, tarn_rows_next(&f->cx, rows, &batch));
    assert_int_equal(
        tarn_column_int(tarn_column_child((tarn_column){.schema = tarn_rows_schema(rows), .array = &batch}, 0), 0), 12);
    batch.release(&batch);
    tarn_rows_close(rows);
    rows = NULL;
    assert_int_equal(tarn_conn_query(&f->cx, f->conn, "SELECT $a + $b", named, 1, &rows), TARN_INVALID);
    assert_int_equal(tarn_conn_query(&f->cx, f->conn, "SELECT $a + $c", named, 2, &rows), TARN_INVALID);
    assert_non_null(strstr(f->cx.error.message, "$b"));
    assert_int_equal(tarn_conn_query(&f->cx, f->conn, "SELECT 1", named, 1, &rows), TARN_INVALID);
    tarn_bind bad = {.value = {.kind = TARN_STRING, .s = {"\xff", 1}}};
    assert_int_equal(tarn_conn_query(&f->cx, f->conn, "SELECT ?", &bad, 1, &rows), TARN_INVALID);
    assert_non_null(strstr(f->cx.error.message, "UTF-8"));
    assert_null(rows);
}

static void check_error(fixture *f, const char *sql, tarn_code code, int64_t at, const char *part) {
    tarn_rows *rows = NULL;
    tarn_code is = tarn_conn_query(&f->cx, f->conn, sql, NULL, 0, &rows);
    for (struct ArrowArray batch = {0}; is == TARN_OK;) { /* some fail only while they run */
        is = tarn_rows_next(&f->cx, rows, &batch);
        if (is == TARN_OK && !batch.release) break;
        if (batch.release) batch.release(&batch);
    }
    if (is != code || !strstr(f->cx.error.message, part) || strchr(f->cx.error.message, '\n') ||
        strstr(f->cx.error.message, "LINE 1"))
        fail_msg("%s: %s: %s", sql, tarn_code_name(is), f->cx.error.message);
    if (tarn_conn_error_at(f->conn) != at) fail_msg("%s: at %lld", sql, (long long)tarn_conn_error_at(f->conn));
    tarn_rows_close(rows);
}

static void test_errors(void **state) {
    fixture *f = *state;
    check_error(f, "SELEC 1", TARN_INVALID, 0, "syntax error");
    check_error(f, "SELECT 'é',\n  foo", TARN_INVALID, 15, "foo");
    check_error(f, "SELECT * FROM nosuch", TARN_NOTFOUND, 14, "nosuch");
    check_error(f, "SELECT nofunc(1)", TARN_INVALID, 7, "nofunc");
    check_error(f, "SELECT 'abc'::INT", TARN_INVALID, 12, "abc");
    check_error(f, "SELECT 1; SELECT 2", TARN_INVALID, -1, "multiple");
    check_error(f, "SELECT * FROM read_parquet('/nonexistent/*.parquet')", TARN_NOTFOUND, 14, "/nonexistent");
    check_error(f, "SELECT * FROM read_parquet('/etc/passwd')", TARN_CORRUPT, 14, "/etc/passwd");
    check_error(f, "SELECT error('boom')", TARN_INVALID, -1, "boom");
    check_error(f, "SELECT 9223372036854775807 + 1::BIGINT", TARN_INVALID, -1, "9223372036854775807");
    check_error(f, "", TARN_INVALID, -1, "");
    check_error(f, "SELECT {'a': 1}::VARIANT AS v", TARN_UNSUPPORTED, -1, "VARIANT");
    assert_non_null(strstr(f->cx.error.hint, "CAST"));
    ok(f, tarn_conn_run(&f->cx, f->conn, "CREATE TEMP TABLE c (i INT NOT NULL CHECK (i > 0))"));
    check_error(f, "CREATE TEMP TABLE c (i INT)", TARN_EXISTS, -1, "c");
    check_error(f, "INSERT INTO c VALUES (NULL)", TARN_CONSTRAINT, -1, "NOT NULL");
    check_error(f, "INSERT INTO c VALUES (0)", TARN_CONSTRAINT, -1, "CHECK");
    check_error(f, "SELECT 1/0 AS \"LINE 1: x\", x.y", TARN_INVALID, 27, "x");
    assert_int_equal(tarn_conn_run(&f->cx, f->conn, "SELECT 1; SELEC 2"), TARN_INVALID);
    assert_string_equal(text(f, "SELECT 1"), "1");
}

static void test_changed(void **state) {
    fixture *f = *state;
    tarn_rows *rows;
    ok(f, tarn_conn_run(&f->cx, f->conn,
                        "CREATE TEMP TABLE \"a \"\"b\"\" é\" AS SELECT range i FROM range(10); "
                        "DELETE FROM \"a \"\"b\"\" é\" WHERE i = 0;"));
    ok(f, tarn_conn_query(&f->cx, f->conn, "UPDATE \"a \"\"b\"\" é\" SET i = i + 1 WHERE i > 4", NULL, 0, &rows));
    assert_int_equal(tarn_rows_changed(rows), 5);
    tarn_rows_close(rows);
    ok(f, tarn_conn_query(&f->cx, f->conn, "SELECT * FROM \"a \"\"b\"\" é\"", NULL, 0, &rows));
    assert_int_equal(tarn_rows_changed(rows), -1);
    assert_int_equal(count_rows(f, rows), 9);
    tarn_rows_close(rows);
}

static void test_pivot(void **state) {
    fixture *f = *state;
    tarn_rows *rows;
    tarn_schema *schema;
    static const char pivot[] = "PIVOT cities ON year USING max(n)";
    ok(f, tarn_conn_run(&f->cx, f->conn,
                        "CREATE TEMP TABLE cities AS SELECT * FROM (VALUES ('a', 2000, 1), ('a', "
                        "2010, 2), ('b', 2010, 3)) t(c, year, n)"));
    ok(f, tarn_conn_query(&f->cx, f->conn, pivot, NULL, 0, &rows));
    assert_int_equal(tarn_rows_schema(rows)->n_children, 3);
    assert_string_equal(tarn_rows_schema(rows)->children[2]->name, "2010");
    assert_int_equal(count_rows(f, rows), 2);
    tarn_rows_close(rows);
    ok(f, tarn_conn_describe(&f->cx, f->conn, pivot, f->cx.arena, &schema));
    assert_int_equal(schema->n_fields, 3);
    const char *copy = tarn_printf(&f->cx, "COPY (FROM (%s)) TO '/dev/null' (FORMAT csv)", pivot);
    ok(f, tarn_conn_query(&f->cx, f->conn, copy, NULL, 0, &rows)); /* DuckDB makes a transaction of it */
    assert_int_equal(tarn_rows_changed(rows), 2);
    tarn_rows_close(rows);
    assert_string_equal(text(f, "SELECT count(*) FROM cities"), "3");
}

static void test_two_open(void **state) {
    fixture *f = *state;
    tarn_conn *other;
    tarn_rows *a, *b;
    struct ArrowArray batch;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &other));
    ok(f, tarn_conn_query(&f->cx, f->conn, "SELECT range FROM range(300000)", NULL, 0, &a));
    ok(f, tarn_rows_next(&f->cx, a, &batch));
    int64_t first = batch.length;
    batch.release(&batch);
    ok(f, tarn_conn_query(&f->cx, other, "SELECT range FROM range(100000)", NULL, 0, &b));
    assert_int_equal(count_rows(f, b), 100000);
    assert_int_equal(first + count_rows(f, a), 300000);
    tarn_rows_close(b);
    tarn_rows_close(a);
    ok(f, tarn_conn_query(&f->cx, f->conn, "SELECT range FROM range(300000)", NULL, 0, &a));
    assert_string_equal(text(f, "SELECT 1"), "1");
    tarn_code code = TARN_OK;
    for (bool more = true;
         more && code == TARN_OK;) { /* a second statement ends the first's rows: an error, never a short result */
        code = tarn_rows_next(&f->cx, a, &batch);
        more = code == TARN_OK && batch.release;
        if (more) batch.release(&batch);
    }
    assert_int_not_equal(code, TARN_OK);
    tarn_rows_close(a);
    tarn_conn_close(other);
}

static void test_pool(void **state) {
    fixture *f = *state;
    tarn_conn *one, *two;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &one));
    tarn_conn_close(one);
    set(f, "timezone", "Asia/Tokyo");
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &two));
    assert_ptr_equal(one, two);
    char *zone, *tables;
    ok(f, tarn_conn_text(&f->cx, two, "SELECT current_setting('TimeZone')", &zone));
    assert_string_equal(zone, "Asia/Tokyo");
    ok(f, tarn_conn_run(&f->cx, two, "CREATE TEMP TABLE left_behind (i INT)"));
    tarn_conn_close(two);
    set(f, "timezone", "UTC");
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &one));
    ok(f, tarn_conn_text(&f->cx, one, "SELECT count(*) FROM duckdb_tables()", &tables));
    assert_string_equal(tables, "0");
    ok(f, tarn_conn_text(&f->cx, one, "SELECT current_setting('TimeZone')", &zone));
    assert_string_equal(zone, "UTC");
    tarn_conn_close(one);
    set(f, "timezone", "Mars/Olympus");
    assert_int_equal(tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &one), TARN_INVALID);
    assert_non_null(strstr(f->cx.error.message, "Mars/Olympus"));
}

static void *cancel_later(void *state) {
    fixture *f = state;
    usleep(150000);
    double progress = tarn_conn_progress(f->conn);
    if (progress < -1 || progress > 100) abort();
    atomic_store(&f->cancel, true);
    return NULL;
}

static void check_cancel(fixture *f, const char *sql) {
    pthread_t thread;
    tarn_rows *rows = NULL;
    struct ArrowArray batch = {0};
    atomic_store(&f->cancel, false);
    f->cx.cancel = &f->cancel;
    pthread_create(&thread, NULL, cancel_later, f);
    int64_t start = tarn_monotonic_us();
    tarn_code code = tarn_conn_query(&f->cx, f->conn, sql, NULL, 0, &rows);
    while (code == TARN_OK && (code = tarn_rows_next(&f->cx, rows, &batch)) == TARN_OK && batch.release)
        batch.release(&batch);
    assert_true(tarn_monotonic_us() - start < 3000000);
    assert_int_equal(code, TARN_CANCELLED);
    pthread_join(thread, NULL);
    tarn_rows_close(rows);
    f->cx.cancel = NULL;
    assert_string_equal(text(f, "SELECT 7"), "7");
}

static void test_cancel(void **state) {
    fixture *f = *state;
    check_cancel(f, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b");
    /* its first rows come at once, then none for ever: nothing of ours runs between two batches */
    check_cancel(f, "SELECT a.range FROM range(10000000) a, range(1000000) b WHERE (a.range * b.range + a.range) % "
                    "1000000007 = 0 AND a.range < 3000");
}

static void *interrupt_later(void *state) {
    usleep(150000);
    tarn_conn_interrupt(state);
    return NULL;
}

static void test_interrupt(void **state) {
    fixture *f = *state;
    pthread_t thread;
    tarn_rows *rows = NULL;
    pthread_create(&thread, NULL, interrupt_later, f->conn);
    static const char endless[] = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b";
    assert_int_equal(tarn_conn_query(&f->cx, f->conn, endless, NULL, 0, &rows), TARN_CANCELLED);
    pthread_join(thread, NULL);
    assert_string_equal(text(f, "SELECT 7"), "7");
}

static void test_deadline(void **state) {
    fixture *f = *state;
    tarn_rows *rows = NULL;
    f->cx.deadline_us = tarn_monotonic_us() + 100000;
    assert_int_equal(tarn_conn_query(&f->cx, f->conn,
                                     "SELECT sum(a.range * b.range) FROM range(1000000) a, "
                                     "range(1000000) b",
                                     NULL, 0, &rows),
                     TARN_TIMEOUT);
    assert_int_equal(tarn_conn_run(&f->cx, f->conn, "SELECT 1"), TARN_TIMEOUT);
    f->cx.deadline_us = 0;
    assert_string_equal(text(f, "SELECT 7"), "7");
}

static void test_memory(void **state) {
    fixture *f = *state;
    tarn_engine *engine;
    tarn_conn *conn;
    tarn_rows *rows = NULL;
    struct stat st;
    char dir[] = "/tmp/tarn-engine-XXXXXX";
    assert_non_null(mkdtemp(dir));
    set(f, "memory_limit", "100MB");
    set(f, "threads", "2");
    engine = tarn_engine_new(tarn_printf(&f->cx, "%s/tmp", dir));
    ok(f, tarn_engine_conn(&f->cx, engine, TARN_DB_EXECUTE, &conn));
    assert_int_not_equal(stat(tarn_printf(&f->cx, "%s/tmp", dir), &st), 0);
    /* a sort spills */
    ok(f, tarn_conn_query(&f->cx, conn,
                          "SELECT sum(r) FROM (SELECT hash(range) r, repeat('x', 40) || range s FROM "
                          "range(3000000) ORDER BY r, s LIMIT 2900000)",
                          NULL, 0, &rows));
    assert_int_equal(count_rows(f, rows), 1);
    tarn_rows_close(rows);
    rows = NULL;
    /* one value cannot */
    tarn_code code = tarn_conn_query(
        &f->cx, conn, "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(1000000)", NULL, 0, &rows);
    if (code != TARN_LIMIT) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
    assert_non_null(strstr(f->cx.error.message, "memory_limit"));
    tarn_conn_close(conn);
    tarn_engine_free(engine);
    rmdir(tarn_printf(&f->cx, "%s/tmp", dir));
    rmdir(dir);
}

static void test_describe(void **state) {
    fixture *f = *state;
    tarn_schema *schema;
    ok(f, tarn_conn_describe(&f->cx, f->conn,
                             "SELECT 1 AS \"a b\", [DATE '2020-01-01'] AS l, $1 AS p, {'x': "
                             "1.5::DECIMAL(9,2)} AS st, now() AS ts",
                             f->cx.arena, &schema));
    assert_int_equal(schema->n_fields, 5);
    assert_string_equal(schema->fields[0].name, "a b");
    assert_int_equal(schema->fields[0].type->kind, TARN_INT32);
    assert_int_equal(schema->fields[1].type->kind, TARN_LIST);
    assert_int_equal(schema->fields[3].type->fields[0].type->precision, 9);
    assert_int_equal(schema->fields[4].type->kind, TARN_TIMESTAMP);
    ok(f, tarn_conn_describe(&f->cx, f->conn, "VALUES (1, 'x')", f->cx.arena, &schema));
    assert_int_equal(schema->n_fields, 2);
    ok(f, tarn_conn_describe(&f->cx, f->conn, "-- c\nWITH q AS (SELECT 1::BIGINT i) FROM q", f->cx.arena, &schema));
    assert_int_equal(schema->fields[0].type->kind, TARN_INT64);
    assert_int_equal(tarn_conn_describe(&f->cx, f->conn, "SELECT nope FROM range(3)", f->cx.arena, &schema),
                     TARN_INVALID);
    assert_int_equal(tarn_conn_error_at(f->conn), 7);
    ok(f, tarn_conn_describe(&f->cx, f->conn, "SELECT 1::UBIGINT AS big", f->cx.arena, &schema));
    assert_int_equal(schema->fields[0].type->kind, TARN_FOREIGN);
    assert_int_equal(tarn_schema_check(&f->cx, schema), TARN_UNSUPPORTED);
    assert_non_null(strstr(f->cx.error.message, "big"));
}

static void test_stream(void **state) {
    fixture *f = *state;
    tarn_conn *conn;
    tarn_rows *rows;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &conn));
    ok(f, tarn_conn_query(&f->cx, conn,
                          "SELECT range AS i, CASE WHEN range = 2000000 THEN error('late') END AS e "
                          "FROM range(3000000)",
                          NULL, 0, &rows));
    ok(f, tarn_rows_stream(&f->cx, rows, conn, &stream));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(schema.n_children, 2);
    assert_string_equal(schema.children[0]->name, "i");
    schema.release(&schema);
    int code, batches = 0;
    while ((code = stream.get_next(&stream, &batch)) == 0 && batch.release) {
        batch.release(&batch);
        batches++;
    }
    assert_true(batches > 0);
    assert_int_not_equal(code, 0);
    assert_string_equal(stream.get_last_error(&stream), "INVALID: late");
    stream.release(&stream);
}

/* DuckDB 1.5.5 trips over this one, and then refuses everything in that database. */
static void test_internal_error(void **state) {
    fixture *f = *state;
    tarn_conn *conn, *idle;
    tarn_rows *rows = NULL;
    char *seven;
    tarn_bind bind = {.value = text_value("x")};
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &idle));
    tarn_conn_close(idle);
    assert_int_equal(tarn_conn_query(&f->cx, f->conn,
                                     "SELECT typeof($1) || ' ' || coalesce($1::VARCHAR, 'null') AS "
                                     "x",
                                     &bind, 1, &rows),
                     TARN_INTERNAL);
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &conn));
    ok(f, tarn_conn_text(&f->cx, conn, "SELECT 7 WHERE tarn_z(1) IS NOT NULL", &seven));
    assert_string_equal(seven, "7");
    tarn_conn_close(conn);
}

static const char *setting(fixture *f, tarn_conn *conn, const char *name) {
    char *text;
    ok(f, tarn_conn_text(&f->cx, conn, tarn_printf(&f->cx, "SELECT current_setting('%s')", name), &text));
    return text;
}

static void plan_filter(fixture *f, tarn_conn *plan) {
    char *json;
    ok(f, tarn_conn_run(&f->cx, plan, "CREATE TEMP TABLE r0 (day DATE, k BIGINT)"));
    ok(f, tarn_conn_text(&f->cx, plan,
                         "SELECT json_serialize_plan('SELECT k FROM temp.r0 WHERE day = DATE "
                         "''2026-01-01'' AND tarn_z(k::UBIGINT) IS NOT NULL', optimize:=true)",
                         &json));
    assert_non_null(strstr(json, "CONSTANT_COMPARISON"));
}

/* The first plan is made in the database that executes, and leaves nothing behind there. */
static void test_plan_database(void **state) {
    fixture *f = *state;
    tarn_conn *plan;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_PLAN, &plan));
    plan_filter(f, plan);
    assert_non_null(strstr(setting(f, f->conn, "disabled_optimizers"), "statistics_propagation"));
    tarn_conn_close(plan);
    assert_string_equal(setting(f, f->conn, "disabled_optimizers"), "");
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_PLAN, &plan));
    plan_filter(f, plan);
    assert_string_equal(setting(f, f->conn, "disabled_optimizers"), "");
    assert_string_equal(setting(f, plan, "threads"), "1");
    tarn_conn_close(plan);
}

static void test_plan_beside_others(void **state) {
    fixture *f = *state;
    tarn_conn *other, *plan;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &other));
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_PLAN, &plan));
    assert_string_equal(setting(f, other, "disabled_optimizers"), "");
    tarn_conn_close(plan);
    tarn_conn_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        cmocka_unit_test(test_library),
        T(test_text),
        T(test_types),
        T(test_bind_kinds),
        T(test_bind_wrong),
        T(test_errors),
        T(test_changed),
        T(test_pivot),
        T(test_two_open),
        T(test_pool),
        T(test_cancel),
        T(test_interrupt),
        T(test_deadline),
        T(test_memory),
        T(test_describe),
        T(test_stream),
        T(test_internal_error),
        T(test_plan_database),
        T(test_plan_beside_others),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
