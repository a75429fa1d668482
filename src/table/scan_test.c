/* scan_test.c: scans over files that lack columns, have other names and types, partition values, deleted rows, and
 * strange paths. */
#include "table/fake_test.h"
#include "table/scan_columns.h"

static void copy(fixture *f, const char *select, const char *path) {
    const char *file = tarn_printf(&f->cx, "%s/%s", f->dir, path);
    ok(f, tarn_conn_run(
              &f->cx, f->conn,
              tarn_printf(&f->cx, "COPY (%s) TO %s (FORMAT parquet)", select, tarn_sql_string(f->cx.arena, file))));
}

static void empty_table_has_its_columns(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT, \"b \"\"c\" STRUCT(x INTEGER)[], ts TIMESTAMPTZ, d DECIMAL(10,2)", 0);
    check_table(f, "SELECT count(*) || string_agg(typeof(a)) FROM (SELECT count(*), any_value(a) AS a FROM t)",
                "1BIGINT");
    check_table(f, "SELECT typeof(any_value(\"b \"\"c\")) || typeof(any_value(ts)) FROM t",
                "STRUCT(x INTEGER)[]TIMESTAMP WITH TIME ZONE");
}

static void files_differ_in_columns_and_types(void **state) {
    fixture *f = *state;
    make_table(
        f,
        "a BIGINT, b VARCHAR, s STRUCT(x BIGINT, y VARCHAR), d DECIMAL(12,4), ts TIMESTAMPTZ, \"file_index\" INTEGER",
        0);
    f->now->base.schema->fields[1].initial_sql = "'no' || 'ne'";
    copy(f,
         "SELECT 1::INTEGER AS a, {'x': 2::INTEGER} AS s, 3.25::DECIMAL(5,2) AS d, TIMESTAMPTZ '2020-01-01 "
         "00:00:00+00' AS ts",
         "one.parquet");
    copy(f, "SELECT 'x' AS b, 10::BIGINT AS a, 7 AS file_index, 'more' AS extra", "two.parquet");
    fake_add(f->now, "one.parquet", 1, NULL);
    fake_add(f->now, "two.parquet", 1, NULL);
    check_table(f,
                "SELECT string_agg(concat_ws('|', a, b, s, d, epoch(ts)::BIGINT, file_index), ';' ORDER BY a) FROM t",
                "1|none|{'x': 2, 'y': NULL}|3.2500|1577836800;10|x|7");
}

static void renamed_columns_and_members(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT, s STRUCT(x BIGINT, l STRUCT(y BIGINT)[]), m MAP(VARCHAR, STRUCT(z INTEGER))", 0);
    tarn_field *fields = f->now->base.schema->fields;
    fields[0].physical = "c1";
    fields[1].type->fields[0].physical = "c2";
    fields[1].type->fields[1].type->fields[0].type->fields[0].physical = "c3";
    fields[2].type->fields[1].type->fields[0].physical = "c4";
    copy(f,
         "SELECT 5 AS c1, {'c2': 6, 'l': [{'c3': 7}, NULL]} AS s, MAP {'k': {'c4': 8}} AS m UNION ALL SELECT 6, NULL, "
         "NULL",
         "one.parquet");
    fake_add(f->now, "one.parquet", 2, NULL);
    check_table(f,
                "SELECT string_agg(a || ' ' || coalesce(s::VARCHAR, 'none') || ' ' || coalesce(m::VARCHAR, 'none'), "
                "';' ORDER BY a) FROM t",
                "5 {'x': 6, 'l': [{'y': 7}, NULL]} {k={'z': 8}};6 none none");
}

static void columns_by_field_id(void **state) {
    fixture *f = *state;
    make_table(f, "b BIGINT, a VARCHAR", 0);
    f->now->by_field_id = true;
    f->now->base.schema->fields[0].id = 4;
    f->now->base.schema->fields[1].id = 9;
    const char *file = tarn_printf(&f->cx, "%s/one.parquet", f->dir);
    ok(f, tarn_conn_run(&f->cx, f->conn,
                        tarn_printf(&f->cx,
                                    "COPY (SELECT 1 AS a, 'x' AS b) TO %s (FORMAT parquet, FIELD_IDS {a: 4, b: 9})",
                                    tarn_sql_string(f->cx.arena, file))));
    fake_add(f->now, "one.parquet", 1, NULL);
    check_table(f, "SELECT b || a FROM t", "1x");
}

static void paths_are_no_patterns(void **state) {
    fixture *f = *state;
    static const char *const names[] = {"x*y.parquet", "x?y.parquet",  "x[1].parquet", "x1.parquet",
                                        "xzy.parquet", "it's.parquet", "x\\y.parquet", "é %20.parquet"};
    make_table(f, "a VARCHAR", 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        copy(f, tarn_printf(&f->cx, "SELECT %zu::VARCHAR AS a", i), names[i]);
    for (size_t i = 0; i < 6; i++) fake_add(f->now, names[i], 1, NULL);
    fake_add(f->now, tarn_printf(&f->cx, "%s/%s", f->dir, names[7]), 1, NULL);
    check_table(f, "SELECT string_agg(a, '' ORDER BY a) FROM t", "0123457");
    /* The folder's name holds * and [: a backslash besides cannot be said. */
    tarn_scan scan;
    fake_add(f->now, names[6], 1, NULL);
    fails(f, tarn_scan_build(&f->cx, f->engine, &f->now->base, f->now->files.at, f->now->files.n, false, NULL, &scan),
          TARN_UNSUPPORTED, "backslash");
}

static void partition_values_are_constants(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT, i BIGINT, d DATE, s VARCHAR, ts TIMESTAMPTZ, b BOOLEAN, dec DECIMAL(10,2), z VARCHAR", 7);
    static const char *const words[] = {"", "it's a b", "é", "x"};
    for (int k = 0; k < 4; k++) {
        const char *path = tarn_printf(&f->cx, "i=9/p%d.parquet", k); /* a folder that says otherwise is not asked */
        mkdir(tarn_printf(&f->cx, "%s/i=9", f->dir), 0700);
        copy(f, tarn_printf(&f->cx, "SELECT %d AS a", k), path);
        tarn_value v[] = {{.kind = TARN_INT32, .i = k * 1000 - 1},
                          {.kind = TARN_DATE, .null = k == 2, .i = 18000 + k},
                          {.kind = TARN_STRING, .s = tarn_str_of(words[k])},
                          {.kind = TARN_TIMESTAMP, .i = 1577836800000000 + k},
                          {.kind = TARN_BOOL, .b = k % 2},
                          {.kind = TARN_DECIMAL, .scale = 2, .dec = 12345 + k},
                          {.kind = TARN_STRING, .null = true}};
        fake_add(f->now, path, 1, v);
    }
    check_table(
        f,
        "SELECT string_agg(concat_ws('|', a, i, d, s, epoch_us(ts), b, dec, coalesce(z, '-')), ';' ORDER BY a) FROM t",
        "0|-1|2019-04-14||1577836800000000|false|123.45|-;1|999|2019-04-15|it's a b|1577836800000001|true|123.46|-;"
        "2|1999|é|1577836800000002|false|123.47|-;3|2999|2019-04-17|x|1577836800000003|true|123.48|-");
    check_table(f, "SELECT typeof(any_value(i)) || typeof(any_value(ts)) FROM t WHERE d = DATE '2019-04-15'",
                "BIGINTTIMESTAMP WITH TIME ZONE");
    ok(f, tarn_conn_run(&f->cx, f->conn, "SET TimeZone='America/New_York'"));
    check_table(f, "SELECT min(epoch_us(ts))::VARCHAR FROM t", "1577836800000000");
}

static void deleted_and_skipped_rows_are_left_out(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT", 0);
    f->now->two_groups = true;
    for (int k = 0; k < 4; k++) {
        const char *path = tarn_printf(&f->cx, "f%d.parquet", k);
        copy(f, tarn_printf(&f->cx, "SELECT %d + range AS a FROM range(5000)", k * 10000), path);
        fake_file *file = fake_add(f->now, path, 5000, NULL);
        if (k == 0) fake_delete(f->now, file, 0);
        if (k == 2) fake_delete(f->now, file, 4999);
    }
    check_table(f, "SELECT count(*) || ' ' || min(a) || ' ' || count(*) FILTER (a = 24999) FROM t", "19998 1 0");
    tarn_roaring64 *skip[4] = {tarn_roaring64_new(), NULL, NULL, tarn_roaring64_new()};
    for (uint64_t row = 0; row < 4000; row++) tarn_roaring64_add(skip[0], row);
    tarn_roaring64_add(skip[3], 7);
    tarn_scan scan = {0};
    ok(f, tarn_scan_build(&f->cx, f->engine, &f->now->base, f->now->files.at, 4, true, skip, &scan));
    check(f,
          tarn_printf(&f->cx, "SELECT count(*) || ' ' || min(a) || ' ' || count(*) FILTER (a = 30007) FROM (%s)",
                      scan.sql),
          "15998 4000 0");
    /* What a position says is where the value lies. */
    check(f, tarn_printf(&f->cx, "SELECT count(*)::VARCHAR FROM (%s) WHERE a %% 10000 <> _tarn_row", scan.sql), "0");
    for (size_t i = 0; i < 4; i++) {
        const char *number =
            text(f, tarn_printf(&f->cx, "SELECT DISTINCT (a // 10000)::VARCHAR FROM (%s) WHERE _tarn_file = %zu",
                                scan.sql, i));
        assert_string_equal(tarn_printf(&f->cx, "f%s.parquet", number),
                            tarn_printf(&f->cx, "%.*s", (int)scan.files[i]->path.n, scan.files[i]->path.p));
    }
    tarn_scan_done(&scan);
    tarn_roaring64_free(skip[0]);
    tarn_roaring64_free(skip[3]);
}

static void filters_reach_the_files(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT, v VARCHAR, p INTEGER", 1);
    for (int k = 0; k < 2; k++) {
        const char *path = tarn_printf(&f->cx, "f%d.parquet", k);
        copy(f, "SELECT range AS a, range::VARCHAR AS v FROM range(1000)", path);
        fake_delete(f->now, fake_add(f->now, path, 1000, &(tarn_value){.kind = TARN_INT32, .i = k}), 3);
    }
    tarn_scan scan = {0};
    tarn_rows *rows = NULL;
    struct ArrowArray batch = {0};
    scan_all(f, false, &scan);
    ok(f, tarn_conn_query(&f->cx, f->conn,
                          tarn_printf(&f->cx, "EXPLAIN ANALYZE SELECT a, p FROM (%s) WHERE a = 77", scan.sql), NULL, 0,
                          &rows));
    ok(f, tarn_rows_next(&f->cx, rows, &batch));
    tarn_str plan = tarn_column_str(tarn_column_child((tarn_column){tarn_rows_schema(rows), &batch}, 1), 0);
    char *all = tarn_arena_strndup(f->cx.arena, plan.p, plan.n);
    /* Only the rows that match leave the scan, one of each file: the filter on them is not above it, tarn_live is. */
    const char *scanned = strstr(all, "TABLE_SCAN");
    assert_non_null(strstr(all, "tarn_live"));
    assert_true(scanned && strstr(scanned, " 2 rows"));
    tarn_array_release(&batch);
    tarn_rows_close(rows);
    tarn_scan_done(&scan);
}

/* One large file is named twice, so that more than one thread reads it; its rows are there once. */
static void one_large_file(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT, \"file_index\" INTEGER, p INTEGER", 1);
    copy(f, "SELECT range AS a, 7 AS file_index FROM range(300000)", "large.parquet");
    fake_file *file = fake_add(f->now, "large.parquet", 300000, &(tarn_value){.kind = TARN_INT32, .i = 9});
    static const char query[] = "SELECT concat_ws('|', count(*), sum(a), sum(file_index), sum(p)) FROM t";
    check_table(f, query, "300000|44999850000|2100000|2700000");
    fake_delete(f->now, file, 299999);
    check_table(f, query, "299999|44999550001|2099993|2699991");
    tarn_scan scan = {0};
    scan_all(f, false, &scan);
    const char *first = strstr(scan.sql, "large.parquet"), *second = first ? strstr(first + 1, "large.parquet") : NULL;
    assert_true(second && strstr(second, "file_index = 0 AND tarn_live"));
    assert_int_equal(scan.n_files, 1);
    tarn_scan_done(&scan);
}

/* What files with INT96 are read by; DuckDB's own TIMESTAMP stands for them, as nothing here writes INT96. */
static void instants_without_zone(void **state) {
    fixture *f = *state;
    make_table(f,
               "a BIGINT, t TIMESTAMPTZ, n TIMESTAMP, s STRUCT(x TIMESTAMPTZ, y TIMESTAMP), l STRUCT(x TIMESTAMPTZ)[], "
               "m MAP(TIMESTAMPTZ, TIMESTAMPTZ), d TIMESTAMPTZ, dl TIMESTAMPTZ[]",
               0);
    tarn_field *fields = f->now->base.schema->fields;
    fields[3].type->fields[0].physical = "c1";
    fields[6].initial_sql = "'2020-01-01 00:00:00+00'";
    fields[7].initial_sql = "[TIMESTAMPTZ '2020-01-01 00:00:00+00', NULL]";
    copy(f,
         "SELECT 1 AS a, t, t AS n, {'c1': t, 'y': t} AS s, [{'x': t}, NULL] AS l, MAP {t: t} AS m FROM (SELECT "
         "TIMESTAMP '2024-03-10 02:30:00' AS t) UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL",
         "one.parquet");
    tarn_column_map columns[8] = {0};
    for (size_t i = 0; i < 8; i++) columns[i] = (tarn_column_map){.field = &fields[i], .partition = -1};
    tarn_file_group group = {.columns = columns, .n_columns = 8};
    tarn_auto_buf select = TARN_BUF(1 << 16), schema = TARN_BUF(1 << 16);
    tarn_scan_select(&f->cx, &select, &group, true);
    ok(f, tarn_scan_schema(&f->cx, &schema, &group, true));
    assert_true(tarn_buf_ok(&select) && tarn_buf_ok(&schema));
    const char *scan =
        tarn_printf(&f->cx, "SELECT %s FROM read_parquet(%s, schema=%s)", select.data,
                    tarn_sql_string(f->cx.arena, tarn_printf(&f->cx, "%s/one.parquet", f->dir)), schema.data);
    /* New York skipped 02:30 of that day. */
    ok(f, tarn_conn_run(&f->cx, f->conn, "SET TimeZone='America/New_York'"));
    check(f,
          tarn_printf(&f->cx,
                      "SELECT string_agg(concat_ws('|', a, epoch(t), n, epoch(s.x), s.y, epoch(l[1].x), len(l), "
                      "epoch(map_keys(m)[1]), epoch(map_values(m)[1]), s IS NULL, epoch(d), epoch(dl[1]), len(dl)), "
                      "';' ORDER BY a) FROM (%s)",
                      scan),
          "1|1710037800.0|2024-03-10 02:30:00|1710037800.0|2024-03-10 02:30:00|1710037800.0|2|1710037800.0|"
          "1710037800.0|false|1577836800.0|1577836800.0|2;2|true|1577836800.0|1577836800.0|2");
}

/* The table says which times are instants; files that say otherwise hold them in UTC. */
static void instants_that_files_call_local(void **state) {
    fixture *f = *state;
    make_table(f, "a BIGINT, t TIMESTAMPTZ, n TIMESTAMP, s STRUCT(x TIMESTAMPTZ, n TIMESTAMP)", 0);
    copy(f, "SELECT 1 AS a, t, t AS n, {'x': t, 'n': t} AS s FROM (SELECT TIMESTAMP '2024-03-10 02:30:00' AS t)",
         "local.parquet");
    copy(f,
         "SELECT 2 AS a, t::TIMESTAMPTZ AS t, t AS n, {'x': t::TIMESTAMPTZ, 'n': t} AS s FROM (SELECT TIMESTAMP "
         "'2024-03-10 02:30:00' AS t)",
         "instant.parquet");
    fake_add(f->now, "local.parquet", 1, NULL);
    fake_add(f->now, "instant.parquet", 1, NULL);
    ok(f, tarn_conf_set(&f->cx, f->conf, TARN_LIT("timezone"), TARN_LIT("America/New_York"), TARN_FROM_SET));
    ok(f, tarn_conn_run(&f->cx, f->conn, "SET TimeZone='America/New_York'"));
    check_table(f, "SELECT string_agg(concat_ws('|', a, epoch(t), n, epoch(s.x), s.n), ';' ORDER BY a) FROM t",
                "1|1710037800.0|2024-03-10 02:30:00|1710037800.0|2024-03-10 02:30:00;"
                "2|1710037800.0|2024-03-10 02:30:00|1710037800.0|2024-03-10 02:30:00");
    /* A name of both kinds decides nothing. */
    make_table(f, "n TIMESTAMPTZ, s STRUCT(n TIMESTAMP)", 0);
    copy(f, "SELECT t::TIMESTAMPTZ AS n, {'n': t} AS s FROM (SELECT TIMESTAMP '2024-03-11 12:00:00' AS t)",
         "both.parquet");
    fake_add(f->now, "both.parquet", 1, NULL);
    check_table(f, "SELECT n || ' ' || s.n FROM t", "2024-03-11 12:00:00-04 2024-03-11 12:00:00");
}

static void only_void_columns(void **state) {
    fixture *f = *state;
    make_table(f, "n \"NULL\"", 0);
    copy(f, "SELECT 1 AS a", "one.parquet");
    fake_add(f->now, "one.parquet", 1, NULL);
    check_table(f, "SELECT count(*) || ' ' || count(n) FROM t", "1 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FAKE_TEST(empty_table_has_its_columns),
        FAKE_TEST(files_differ_in_columns_and_types),
        FAKE_TEST(renamed_columns_and_members),
        FAKE_TEST(columns_by_field_id),
        FAKE_TEST(paths_are_no_patterns),
        FAKE_TEST(partition_values_are_constants),
        FAKE_TEST(deleted_and_skipped_rows_are_left_out),
        FAKE_TEST(filters_reach_the_files),
        FAKE_TEST(one_large_file),
        FAKE_TEST(instants_without_zone),
        FAKE_TEST(instants_that_files_call_local),
        FAKE_TEST(only_void_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
