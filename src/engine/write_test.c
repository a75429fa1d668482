/* write_test.c: rows handed in, Z-order keys, rows left out as deleted, and Parquet files written, through DuckDB. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "support/folder.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_conf *conf;
    tarn_engine *engine;
    tarn_conn *conn;
    tarn_store *store;
    char dir[64];
} fixture;

static void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    test_folder("tarn write 'é'", f->dir, sizeof f->dir);
    f->engine = tarn_engine_new(tarn_printf(&f->cx, "%s/tmp", f->dir));
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &f->conn));
    ok(f, tarn_store_open(&f->cx, f->dir, &f->store));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_conn_close(f->conn);
    tarn_engine_free(f->engine);
    tarn_store_close(f->store);
    test_folder_remove(f->dir);
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

static void check(fixture *f, const char *sql, const char *expected) {
    const char *got = text(f, sql);
    if (!got || strcmp(got, expected) != 0) fail_msg("%s: got %s, expected %s", sql, got ? got : "null", expected);
}

static const tarn_rowset_column columns[] = {{"t x", "u"}, {"l", "l"},        {"i", "i"},   {"g", "g"},
                                             {"b", "b"},   {"ts", "tsu:UTC"}, {"d", "tdD"}, {"z", "z"}};

static tarn_rowset *make_rows(int n) {
    tarn_rowset *rows = tarn_rowset_new(columns, 8);
    for (int i = 0; i < n; i++) {
        if (i % 3 == 2) {
            for (int k = 0; k < 8; k++) tarn_rowset_null(rows);
            continue;
        }
        char name[32];
        snprintf(name, sizeof name, "row é %d", i);
        tarn_rowset_text(rows, name);
        tarn_rowset_int(rows, INT64_C(10000000000) * i);
        tarn_rowset_int(rows, -i);
        tarn_rowset_double(rows, i / 2.0);
        tarn_rowset_int(rows, i % 2);
        tarn_rowset_int(rows, INT64_C(1000000) * i);
        tarn_rowset_int(rows, i);
        tarn_rowset_str(rows, (tarn_str){"\0\xff", 2});
    }
    return rows;
}

static void ingest(fixture *f, const char *name, int n) {
    struct ArrowArrayStream stream;
    tarn_rowset *rows = make_rows(n);
    ok(f, tarn_rowset_stream(&f->cx, &rows, &stream));
    ok(f, tarn_conn_ingest(&f->cx, f->conn, name, &stream));
}

static void test_ingest(void **state) {
    fixture *f = *state;
    ingest(f, "in \"put\" é", 10000);
    check(f,
          "SELECT count(*) || ' ' || count(\"t x\") || ' ' || max(l) || ' ' || min(i) || ' ' || max(g) || ' ' || "
          "count(*) FILTER (b) FROM \"in \"\"put\"\" é\"",
          "10000 6667 99990000000000 -9999 4999.5 3334");
    check(f,
          "SELECT typeof(ts) || typeof(d) || typeof(z) || ts || d || z || \"t x\" FROM \"in \"\"put\"\" é\" WHERE i = "
          "-9999",
          "TIMESTAMP WITH TIME ZONEDATEBLOB1970-01-01 02:46:39+001997-05-18\\x00\\xFFrow é 9999");
    ingest(f, "in \"put\" é", 0);
    check(f, "SELECT count(*) FROM \"in \"\"put\"\" é\"", "0");
    ingest(f, "in \"put\" é", 1);
    check(f, "SELECT count(*) FROM \"in \"\"put\"\" é\"", "1");
}

/* Nested values out of one connection and into another. */
static void test_ingest_nested(void **state) {
    fixture *f = *state;
    tarn_conn *other;
    tarn_rows *rows;
    struct ArrowArrayStream stream;
    static const char source[] = "SELECT i, [i, NULL, i + 1] l, {'a': i, 'b': [{'c': i::VARCHAR}]} st, MAP{'k' || i: "
                                 "i} m, CASE i % 4 WHEN 1 THEN 'x' ELSE 'y' END::ENUM('x','y') e, "
                                 "CASE i % 3 WHEN 0 THEN i::DECIMAL(30,5) END de FROM range(9000) r(i)";
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &other));
    ok(f, tarn_conn_query(&f->cx, other, source, NULL, 0, &rows));
    ok(f, tarn_rows_stream(&f->cx, rows, other, &stream));
    ok(f, tarn_conn_ingest(&f->cx, f->conn, "nested", &stream));
    check(f,
          tarn_printf(&f->cx,
                      "SELECT count(*) FROM (SELECT i, l, st, m, e::VARCHAR, de FROM nested EXCEPT ALL "
                      "SELECT i, l, st, m, e::VARCHAR, de FROM (%s))",
                      source),
          "0");
    check(f, "SELECT count(*) || ' ' || sum(st.b[1].c::INT) FROM nested", "9000 40495500");
}

static void test_ingest_error(void **state) {
    fixture *f = *state;
    tarn_conn *other;
    tarn_rows *rows;
    struct ArrowArrayStream stream;
    char *out;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &other));
    ok(f, tarn_conn_query(&f->cx, other,
                          "SELECT CASE WHEN range = 2000000 THEN error('late') ELSE range::VARCHAR END "
                          "x FROM range(3000000)",
                          NULL, 0, &rows));
    ok(f, tarn_rows_stream(&f->cx, rows, other, &stream));
    assert_int_equal(tarn_conn_ingest(&f->cx, f->conn, "broken", &stream), TARN_INVALID);
    if (!strstr(f->cx.error.message, "late")) fail_msg("%s", f->cx.error.message);
    assert_int_equal(tarn_conn_text(&f->cx, f->conn, "SELECT count(*) FROM broken", &out), TARN_NOTFOUND);
    assert_int_equal(tarn_conn_text(&f->cx, f->conn, "SELECT count(*) FROM tarn_feed(1)", &out), TARN_INVALID);
    check(f, "SELECT 1", "1");
}

static void test_partition(void **state) {
    fixture *f = *state;
    static const struct {
        const char *transform, *value, *text; /* text NULL: null */
    } cases[] = {
        /* The known answers of the Iceberg spec (appendix B), by a modulus that leaves hashes whole. */
        {"bucket[2147483647]", "34::INTEGER", "2017239379"},
        {"bucket[2147483647]", "34::BIGINT", "2017239379"},
        {"bucket[2147483647]", "14.20::DECIMAL(9,2)", "1646729059"},
        {"bucket[2147483647]", "14.20::DECIMAL(38,2)", "1646729059"},
        {"bucket[2147483647]", "14.20::DECIMAL(4,2)", "1646729059"},
        {"bucket[2147483647]", "DATE '2017-11-16'", "1494153226"},
        {"bucket[2147483647]", "TIME '22:31:08'", "1484720659"},
        {"bucket[2147483647]", "TIMESTAMP '2017-11-16 22:31:08'", "99539207"},
        {"bucket[2147483647]", "TIMESTAMPTZ '2017-11-16 14:31:08.000001-08'", "940286838"},
        {"bucket[2147483647]", "TIMESTAMP_NS '2017-11-16 22:31:08.000001999'", "940286838"},
        {"bucket[2147483647]", "'iceberg'", "1210000089"},
        {"bucket[2147483647]", "'f79c3e09-677c-4bbd-a479-3f349cb785e7'::UUID", "1488055340"},
        {"bucket[2147483647]", "'\\x00\\x01\\x02\\x03'::BLOB", "1958800441"},
        {"bucket[16]", "NULL::BIGINT", NULL},
        {"truncate[10]", "1::INTEGER", "0"},
        {"truncate[10]", "-1::BIGINT", "-10"},
        {"truncate[50]", "10.65::DECIMAL(9,2)", "10.50"},
        {"truncate[50]", "-0.01::DECIMAL(38,2)", "-0.50"},
        {"truncate[3]", "'iceberg'", "ice"},
        {"truncate[2]", "'\U0001F40Fé!'", "\U0001F40Fé"},
        {"truncate[5]", "'abc'", "abc"},
        {"truncate[4]", "'\\x01abcdef'::BLOB", "\\x01abc"},
        {"truncate[3]", "NULL::VARCHAR", NULL},
        {"year", "DATE '2017-11-16'", "2017"},
        {"year", "TIMESTAMP '1969-12-31 23:59:59.999999'", "1969"},
        {"month", "TIMESTAMP '2017-11-16 22:31:08'", "2017-11"},
        {"month", "DATE '1969-12-31'", "1969-12"},
        {"day", "TIMESTAMP '1969-12-31 23:59:59.999999'", "1969-12-31"},
        {"day", "TIMESTAMPTZ '2017-11-16 20:00:00-08'", "2017-11-17"},
        {"day", "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'", "1969-12-31"},
        {"hour", "TIMESTAMP '2017-11-16 22:31:08'", "2017-11-16-22"},
        {"hour", "TIMESTAMP '1969-12-31 23:59:59'", "1969-12-31-23"},
        {"hour", "NULL::TIMESTAMP", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *sql = tarn_printf(&f->cx, "SELECT tarn_partition('%s', %s)", cases[i].transform, cases[i].value);
        if (cases[i].text)
            check(f, sql, cases[i].text);
        else
            assert_null(text(f, sql));
    }
    /* Rows of one partition after another, nulls between them. */
    check(f,
          "SELECT string_agg(p || ':' || n, ' ' ORDER BY p) FROM (SELECT coalesce(tarn_partition('month', d), '-') p, "
          "count(*) n FROM (SELECT CASE WHEN i % 5 < 4 THEN DATE '1970-01-15' - (i::INT % 40) END d FROM range(5000) "
          "t(i)) GROUP BY p)",
          "-:1000 1969-12:2500 1970-01:1500");
    char *out;
    assert_int_equal(tarn_conn_text(&f->cx, f->conn, "SELECT tarn_partition('bucket[2]', true)", &out), TARN_INVALID);
    assert_int_equal(tarn_conn_text(&f->cx, f->conn, "SELECT tarn_partition('day', DATE 'infinity')", &out),
                     TARN_INVALID);
    assert_int_equal(tarn_conn_text(&f->cx, f->conn, "SELECT tarn_partition('week', 1)", &out), TARN_INVALID);
}

/* Numbers up to `n`, and how many readings of them there are. */
typedef struct numbers {
    int64_t n;
    atomic_int opened, open, freed;
} numbers;

typedef struct reading {
    numbers *of;
    int64_t at;
} reading;

static void more_numbers(void *state, tarn_rowset *rows) {
    reading *r = state;
    for (int i = 0; i < 1000 && r->at < r->of->n; i++) tarn_rowset_int(rows, ++r->at);
}

static void end_reading(void *state) {
    reading *r = state;
    atomic_fetch_sub(&r->of->open, 1);
    free(r);
}

static void open_numbers(void *state, struct ArrowArrayStream *out) {
    static const tarn_rowset_column column = {"n", "l"};
    tarn_rowset *rows = tarn_rowset_new(&column, 1);
    reading *r = calloc(1, sizeof *r);
    r->of = state;
    atomic_fetch_add(&r->of->open, 1);
    atomic_fetch_add(&r->of->opened, 1);
    tarn_rowset_feed(rows, more_numbers, end_reading, r);
    tarn_rowset_open(rows, out);
}

static void free_numbers(void *state) { atomic_fetch_add(&((numbers *)state)->freed, 1); }

static void test_offer(void **state) {
    fixture *f = *state;
    numbers of = {.n = 100000}, few = {.n = 3};
    tarn_row_source source = {open_numbers, free_numbers, &of}, other = {open_numbers, free_numbers, &few};
    tarn_conn *conn = f->conn;
    ok(f, tarn_engine_conn(&f->cx, f->engine, TARN_DB_EXECUTE, &f->conn));
    ok(f, tarn_conn_offer(&f->cx, f->conn, "num \"bers\"", &source));
    int before = of.opened;
    check(f, "SELECT count(*) || ' ' || sum(n) FROM \"num \"\"bers\"\"\"", "100000 5000050000");
    assert_int_equal(of.opened, before + 1);
    check(f, "SELECT count(*) FROM \"num \"\"bers\"\"\" a JOIN \"num \"\"bers\"\"\" b USING (n)", "100000");
    check(f,
          "WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r, \"num \"\"bers\"\"\" WHERE i < 3 AND n = 7) "
          "SELECT count(*) FROM r",
          "4");
    check(f, "SELECT count(*) FROM (FROM \"num \"\"bers\"\"\" LIMIT 5)", "5");
    ok(f, tarn_conn_offer(&f->cx, f->conn, "num \"bers\"", &other));
    check(f, "SELECT sum(n) FROM \"num \"\"bers\"\"\"", "6");
    tarn_conn_close(f->conn);
    f->conn = conn;
    assert_int_equal(of.open + few.open, 0);
    assert_true(of.freed == 1 && few.freed == 1);
}

static void test_zorder(void **state) {
    fixture *f = *state;
    check(f, "SELECT hex(tarn_z(1::UBIGINT << 63))", "8000000000000000");
    check(f, "SELECT hex(tarn_z(0, 1::UBIGINT << 63))", "40000000000000000000000000000000");
    check(f, "SELECT hex(tarn_z(3, 1))", "0000000000000000000000000000000B");
    check(f, "SELECT hex(tarn_z(NULL, 1))", "00000000000000000000000000000001");
    check(f, "SELECT string_agg(x || y, ' ' ORDER BY tarn_z(x::UBIGINT, y::UBIGINT)) FROM range(2) a(x), range(2) b(y)",
          "00 01 10 11");
    check(f, "SELECT count(DISTINCT tarn_z(x, x % 7, x % 11)) FROM (SELECT range::UBIGINT x FROM range(5000))", "5000");
    char *out;
    assert_int_equal(tarn_conn_text(&f->cx, f->conn, "SELECT tarn_z()", &out), TARN_INVALID);
}

typedef struct deleted {
    int calls, freed;
} deleted;

static bool is_dirty(void *state, uint64_t file) {
    (void)state;
    return file == 1;
}

static void contains(void *state, uint64_t file, const int64_t *rows, size_t n, uint8_t *out) {
    __atomic_add_fetch(&((deleted *)state)->calls, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < n; i++) out[i] = file == 1 && rows[i] % 10 == 0;
}

static void free_deleted(void *state) { ((deleted *)state)->freed++; }

static void test_live(void **state) {
    fixture *f = *state;
    deleted d = {0};
    uint64_t scan, second;
    tarn_scan_deletes deletes = {is_dirty, contains, free_deleted, &d};
    ok(f, tarn_engine_add_deletes(&f->cx, f->engine, &deletes, &scan));
    ok(f, tarn_engine_add_deletes(&f->cx, f->engine, &deletes, &second));
    for (int i = 0; i < 2; i++) {
        tarn_written_file *files;
        size_t n;
        tarn_write_spec spec = {.select = "SELECT range AS k FROM range(5000)",
                                .store = f->store,
                                .folder = "",
                                .file_prefix = i ? "b-" : "a-",
                                .compression = "snappy"};
        ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
        assert_int_equal(n, 1);
    }
    char *path = tarn_sql_string(f->cx.arena, tarn_printf(&f->cx, "%s/*.parquet", f->dir));
    check(f,
          tarn_printf(&f->cx,
                      "SELECT count(*) || ' ' || sum(k) FROM read_parquet(%s) WHERE tarn_live(%llu, "
                      "file_index, file_row_number)",
                      path, (unsigned long long)scan),
          tarn_printf(&f->cx, "9500 %d", 4999 * 5000 - 10 * 499 * 500 / 2));
    assert_true(d.calls > 0);
    check(f,
          tarn_printf(&f->cx,
                      "SELECT count(*) FROM read_parquet(%s) WHERE tarn_live(%llu, file_index, "
                      "file_row_number) AND k = 20",
                      path, (unsigned long long)scan),
          "1");
    check(f,
          tarn_printf(&f->cx,
                      "SELECT count(*) || ' ' || count(*) FILTER (x) FROM (SELECT tarn_live(%llu, CASE "
                      "WHEN range %% 2 = 0 THEN range %% 3 END::UBIGINT, range) x FROM range(10))",
                      (unsigned long long)scan),
          "10 5");
    tarn_engine_drop_deletes(f->engine, scan);
    assert_int_equal(d.freed, 1);
    char *out;
    assert_int_equal(
        tarn_conn_text(&f->cx, f->conn,
                       tarn_printf(&f->cx, "SELECT tarn_live(%llu, 0, range) FROM range(3)", (unsigned long long)scan),
                       &out),
        TARN_INVALID);
    assert_non_null(strstr(f->cx.error.message, "tarn_live"));
    tarn_engine_drop_deletes(f->engine, scan);
    assert_int_equal(d.freed, 1);
    check(f, tarn_printf(&f->cx, "SELECT tarn_live(%llu, 1, 10)", (unsigned long long)second), "false");
    tarn_engine_drop_deletes(f->engine, second);
}

static const tarn_written_leaf *leaf(const tarn_written_file *file, const char *path) {
    for (size_t i = 0; i < file->n_leaves; i++)
        if (strcmp(file->leaves[i].path, path) == 0) return &file->leaves[i];
    fail_msg("no leaf %s", path);
    return NULL;
}

static void test_write_nested(void **state) {
    fixture *f = *state;
    tarn_arena *a = f->cx.arena;
    tarn_type *integer = tarn_type_new(a, TARN_INT32), *st = tarn_type_new(a, TARN_STRUCT),
              *schema = tarn_type_new(a, TARN_STRUCT);
    tarn_type *list = tarn_type_list(a, integer, true),
              *map = tarn_type_map(a, tarn_type_new(a, TARN_STRING), integer, true);
    list->fields[0].id = 7;
    map->fields[0].id = 13;
    map->fields[1].id = 14;
    tarn_field members[] = {{.name = "p q", .type = integer, .id = 5},
                            {.name = "r", .type = tarn_type_new(a, TARN_FLOAT64), .id = -1}};
    st->fields = members;
    st->n_fields = 2;
    tarn_field fields[] = {{.name = "logical", .physical = "a \"b\" é", .type = integer, .id = 1},
                           {.name = "st", .type = st, .id = 4},
                           {.name = "l", .type = list, .id = 6},
                           {.name = "m", .type = map, .id = 12}};
    schema->fields = fields;
    schema->n_fields = 4;
    tarn_value one = {.kind = TARN_INT32, .i = 1};
    tarn_bind bind = {.value = one};
    tarn_write_spec spec = {.select = "SELECT i::INT + $1 AS \"a \"\"b\"\" é\", {'p q': i::INT, 'r': CASE i WHEN 2 "
                                      "THEN 'nan'::DOUBLE ELSE i END} AS st, [i::INT, NULL] AS l, "
                                      "MAP{'k': i::INT} AS m FROM range(3) t(i) -- c",
                            .store = f->store,
                            .folder = "",
                            .file_prefix = "part-",
                            .schema = schema,
                            .compression = "zstd",
                            .binds = &bind,
                            .n_binds = 1};
    tarn_written_file *files;
    size_t n;
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_int_equal(n, 1);
    assert_int_equal(files[0].rows, 3);
    assert_true(strncmp(files[0].path, "part-", 5) == 0 && !strchr(files[0].path, '/'));
    struct stat st_file;
    assert_int_equal(stat(tarn_printf(&f->cx, "%s/%s", f->dir, files[0].path), &st_file), 0);
    assert_int_equal(st_file.st_size, files[0].size);
    assert_string_equal(leaf(files, "a \"b\" é")->min, "1");
    assert_string_equal(leaf(files, "a \"b\" é")->max, "3");
    assert_int_equal(leaf(files, "st.p q")->nulls, 0);
    assert_true(leaf(files, "st.r")->has_nan_known && leaf(files, "st.r")->has_nan);
    assert_string_equal(leaf(files, "st.r")->max, "1.0");
    assert_int_equal(leaf(files, "l.element")->nulls, 3);
    assert_int_equal(leaf(files, "st.r")->values, 3);
    assert_in_range(leaf(files, "st.r")->size, 1, files[0].size);
    check(f,
          tarn_printf(
              &f->cx,
              "SELECT string_agg(name || ':' || field_id, ',') FROM parquet_schema(%s) WHERE field_id IS NOT NULL",
              tarn_sql_string(a, tarn_printf(&f->cx, "%s/%s", f->dir, files[0].path))),
          "a \"b\" é:1,st:4,p q:5,l:6,element:7,m:12,key:13,value:14");
}

static void test_write_partitioned(void **state) {
    fixture *f = *state;
    static const char *const by[] = {"day of", "c"};
    tarn_written_file *files;
    size_t n;
    tarn_write_spec spec = {.select = "SELECT i, CASE i % 3 WHEN 0 THEN 'a/b c=é' WHEN 1 THEN NULL ELSE '' END AS c, "
                                      "DATE '2026-01-01' + (i % 2)::INT AS \"day of\" FROM range(600) t(i)",
                            .store = f->store,
                            .folder = "",
                            .file_prefix = "part-",
                            .partition_by = by,
                            .n_partition_by = 2,
                            .compression = "zstd",
                            .file_size = 1 << 20};
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_int_equal(n, 6);
    int nulls = 0, empty = 0, odd = 0;
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        const char *c = files[i].partition[1];
        assert_true(strcmp(files[i].partition[0], "2026-01-01") == 0 ||
                    strcmp(files[i].partition[0], "2026-01-02") == 0);
        nulls += c == NULL;
        empty += c && !*c;
        odd += c && strcmp(c, "a/b c=é") == 0;
        rows += files[i].rows;
        assert_int_equal(access(tarn_printf(&f->cx, "%s/%s", f->dir, files[i].path), R_OK), 0);
        assert_int_equal(files[i].n_leaves, 1);
    }
    assert_int_equal(rows, 600);
    assert_int_equal(nulls, 2);
    assert_int_equal(empty, 2);
    assert_int_equal(odd, 2);
}

static void test_write_cut(void **state) {
    fixture *f = *state;
    tarn_written_file *files = NULL;
    size_t n;
    tarn_write_spec spec = {.select = "SELECT i, hash(i) h FROM range(800000) t(i)",
                            .store = f->store,
                            .folder = "",
                            .file_prefix = "p-",
                            .compression = "snappy",
                            .file_size = 1 << 20};
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_true(n > 2);
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++) rows += files[i].rows;
    assert_int_equal(rows, 800000);
    spec.file_size = 0;
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_int_equal(n, 1);
}

static int count_files(fixture *f) {
    int64_t n = -1;
    const char *all = tarn_sql_string(f->cx.arena, tarn_printf(&f->cx, "%s/**", f->dir));
    check(f, "SELECT 1", "1");
    tarn_parse_i64(tarn_str_of(text(f, tarn_printf(&f->cx, "SELECT count(*) FROM glob(%s)", all))), &n);
    return (int)n;
}

static void test_write_none(void **state) {
    fixture *f = *state;
    static const char *const by[] = {"c"};
    tarn_written_file *files;
    size_t n = 99;
    tarn_write_spec spec = {.select = "SELECT 1 AS i, 'x' AS c WHERE false",
                            .store = f->store,
                            .folder = "",
                            .file_prefix = "p-",
                            .compression = "zstd"};
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_int_equal(n, 0);
    spec.partition_by = by;
    spec.n_partition_by = 1;
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_int_equal(n, 0);
    assert_int_equal(count_files(f), 0);
}

static void test_write_fails(void **state) {
    fixture *f = *state;
    static const char *const by[] = {"c"};
    tarn_written_file *files;
    size_t n;
    tarn_write_spec spec = {.select = "SELECT i, i % 4 AS c, CASE WHEN i = 1900000 THEN error('late') END e FROM "
                                      "range(2000000) t(i)",
                            .store = f->store,
                            .folder = "",
                            .file_prefix = "p-",
                            .compression = "zstd",
                            .file_size = 1 << 20};
    assert_int_equal(tarn_engine_write(&f->cx, f->conn, &spec, &files, &n), TARN_INVALID);
    assert_int_equal(count_files(f), 0);
    spec.partition_by = by;
    spec.n_partition_by = 1;
    assert_int_equal(tarn_engine_write(&f->cx, f->conn, &spec, &files, &n), TARN_INVALID);
    assert_int_equal(count_files(f), 0);
    spec.select = "SELECT nosuch, 1 AS c FROM range(3)";
    assert_int_equal(tarn_engine_write(&f->cx, f->conn, &spec, &files, &n), TARN_INVALID);
    assert_int_equal(tarn_conn_error_at(f->conn), 7);
    spec.folder = "not/there";
    spec.select = "SELECT 1 AS x, 2 AS c";
    spec.n_partition_by = 0;
    ok(f, tarn_engine_write(&f->cx, f->conn, &spec, &files, &n));
    assert_int_equal(n, 1);
    assert_null(strchr(files[0].path, '/'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_ingest),    T(test_ingest_nested), T(test_ingest_error), T(test_zorder),
        T(test_partition), T(test_live),          T(test_write_nested), T(test_write_partitioned),
        T(test_offer),     T(test_write_cut),     T(test_write_none),   T(test_write_fails),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
