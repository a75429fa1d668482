/* write_test.c: rows put in a table: which column goes where, casts, defaults, rules, statistics and partitions. */
#include "table/fake_test.h"

typedef struct put {
    tarn_target target;
    tarn_change change;
    int64_t rows;
} put;

static tarn_code try_insert(fixture *f, const char *select, const tarn_insert_map *map, put *out) {
    tarn_schema *source = NULL;
    char *sql = NULL;
    *out = (put){0};
    tarn_target_of(&f->cx, &f->table, &f->now->base, &out->change, &out->target);
    TRY(tarn_conn_describe(&f->cx, f->conn, select, f->cx.arena, &source));
    TRY(tarn_write_select(&f->cx, &out->target, select, source, map, &sql));
    TRY(tarn_write_files(&f->cx, f->conn, &out->target, sql, NULL, 0, &out->change, &out->rows));
    apply_change(f, &out->change);
    return TARN_OK;
}

static tarn_code insert_by_position(fixture *f, const char *select) {
    put p;
    return try_insert(f, select, &(tarn_insert_map){0}, &p);
}

static void columns_find_their_place(void **state) {
    fixture *f = *state;
    put p;
    static const char *const some[] = {"C", "a"}, *const twice[] = {"a", "A"}, *const none[] = {"a", "x"};
    make_table(f, "a BIGINT, b VARCHAR, c DOUBLE", 0);
    f->now->base.schema->fields[1].default_sql = "'d' || 1";
    ok(f, insert_by_position(f, "SELECT 1 AS x, 2 AS x, 3 -- a comment"));
    ok(f, try_insert(f, "SELECT 1.5, 2", &(tarn_insert_map){.names = some, .n_names = 2}, &p));
    ok(f, try_insert(f, "SELECT 2.5 AS C, 'n' AS b, 3 AS a", &(tarn_insert_map){.by_name = true}, &p));
    check_table(f, "SELECT string_agg(concat_ws('|', a, b, c), ';' ORDER BY a) FROM t", "1|2|3.0;2|d1|1.5;3|n|2.5");
    fails(f, insert_by_position(f, "SELECT 1, 2"), TARN_INVALID,
          "INSERT has 2 columns, table lake.main.t has 3: a, b, c");
    fails(f, try_insert(f, "SELECT 1, 2", &(tarn_insert_map){.names = twice, .n_names = 2}, &p), TARN_INVALID,
          "column a of lake.main.t is given twice");
    fails(f, try_insert(f, "SELECT 1, 2", &(tarn_insert_map){.names = none, .n_names = 2}, &p), TARN_INVALID,
          "column x is not in table lake.main.t");
    fails(f, try_insert(f, "SELECT 1", &(tarn_insert_map){.names = some, .n_names = 2}, &p), TARN_INVALID,
          "INSERT names 2 columns");
    fails(f, try_insert(f, "SELECT 1 AS q", &(tarn_insert_map){.by_name = true}, &p), TARN_INVALID,
          "column q is not in table");
}

static void casts_lose_nothing_in_silence(void **state) {
    fixture *f = *state;
    make_table(f, "a TINYINT, s STRUCT(x BIGINT, y VARCHAR)", 0);
    ok(f, insert_by_position(f, "SELECT 127, {'y': 'b', 'x': 1}"));
    check_table(f, "SELECT a || s::VARCHAR FROM t", "127{'x': 1, 'y': b}");
    assert_int_not_equal(insert_by_position(f, "SELECT 128, NULL"), TARN_OK);
    fails(f, insert_by_position(f, "SELECT 1, {'x': 1, 'z': 2}"), TARN_INVALID, "s.z is not a member");
    check_table(f, "SELECT count(*)::VARCHAR FROM t", "1");
}

static void not_null_is_kept(void **state) {
    fixture *f = *state;
    put p;
    static const char *const only_b[] = {"b"};
    make_table(f, "a BIGINT, b STRUCT(x BIGINT, l INTEGER[])", 0);
    f->now->base.schema->fields[0].nullable = false;
    tarn_field *b = &f->now->base.schema->fields[1];
    b->type->fields[0].nullable = false;
    b->type->fields[1].type->fields[0].nullable = false;
    fails(f, insert_by_position(f, "SELECT nullif(range, 7), NULL FROM range(10)"), TARN_CONSTRAINT,
          "column a of lake.main.t is NOT NULL, but a row has NULL");
    fails(f, insert_by_position(f, "SELECT 1, {'x': NULL, 'l': [1]}"), TARN_CONSTRAINT,
          "column b of lake.main.t has members that are NOT NULL");
    fails(f, insert_by_position(f, "SELECT 1, {'x': 1, 'l': [1, NULL]}"), TARN_CONSTRAINT,
          "column b of lake.main.t has members");
    fails(f, try_insert(f, "SELECT NULL", &(tarn_insert_map){.names = only_b, .n_names = 1}, &p), TARN_CONSTRAINT,
          "column a of lake.main.t is NOT NULL and has no default");
    ok(f, insert_by_position(f, "SELECT 1, NULL UNION ALL SELECT 2, {'x': 1, 'l': NULL}"));
    check_table(f, "SELECT count(*)::VARCHAR FROM t", "2");
}

static void checks_must_be_true(void **state) {
    fixture *f = *state;
    static const tarn_pair checks[] = {{"low", "`a b` > 0 AND c <> \"it's\""}, {"other", "c <=> c"}};
    make_table(f, "\"a b\" BIGINT, c VARCHAR", 0);
    f->now->base.checks = checks;
    f->now->base.n_checks = 2;
    ok(f, insert_by_position(f, "SELECT 1, 'x'"));
    fails(f, insert_by_position(f, "SELECT -5, 'x'"), TARN_CONSTRAINT,
          "CHECK constraint low (`a b` > 0 AND c <> \"it's\") of lake.main.t is violated by a row: a b = -5");
    fails(f, insert_by_position(f, "SELECT 5, 'it''s'"), TARN_CONSTRAINT, "CHECK constraint low");
    fails(f, insert_by_position(f, "SELECT NULL, 'x'"), TARN_CONSTRAINT, "a b = NULL");
    /* A row the query leaves out breaks nothing. */
    ok(f, insert_by_position(f, "SELECT * FROM (SELECT range - 5 AS r, 'y' FROM range(10)) WHERE r > 0"));
    check_table(f, "SELECT count(*)::VARCHAR FROM t", "5");
}

static void generated_columns(void **state) {
    fixture *f = *state;
    put p;
    static const char *const plain[] = {"a"};
    make_table(f, "a TIMESTAMP, g DATE", 0);
    f->now->base.schema->fields[1].generated_sql = "CAST(`a` AS DATE)";
    ok(f,
       try_insert(f, "SELECT TIMESTAMP '2020-01-02 03:04:05'", &(tarn_insert_map){.names = plain, .n_names = 1}, &p));
    ok(f, insert_by_position(f, "SELECT TIMESTAMP '2020-01-03 00:00:00'"));
    ok(f, insert_by_position(f, "SELECT NULL, NULL"));
    fails(f, insert_by_position(f, "SELECT TIMESTAMP '2020-01-02 03:04:05', DATE '2020-01-03'"), TARN_CONSTRAINT,
          "column g of lake.main.t is generated as CAST(`a` AS DATE)");
    ok(f, try_insert(f, "SELECT TIMESTAMP '2020-01-05 00:00:00' AS a, DATE '1970-01-01' AS g",
                     &(tarn_insert_map){.by_name = true, .explicit_null = true}, &p));
    check_table(f, "SELECT string_agg(g, ' ' ORDER BY g) FROM t", "2020-01-02 2020-01-03 2020-01-05");
}

static const tarn_leaf_stats *leaf_of(const put *p, const char *path) {
    const tarn_add *a = &p->change.adds.at[0];
    for (size_t i = 0; i < a->n_stats; i++)
        if (!strcmp(a->stats[i].path, path)) return &a->stats[i];
    return NULL;
}

static void statistics_of_what_was_written(void **state) {
    fixture *f = *state;
    put p;
    make_table(f,
               "a BIGINT, st STRUCT(x VARCHAR), d DECIMAL(9,2), fl DOUBLE, n INTEGER, long VARCHAR, \"p.q\" INTEGER, p "
               "STRUCT(q INTEGER), l INTEGER[]",
               0);
    f->now->base.schema->fields[1].physical = "col-1";
    f->now->base.schema->fields[1].type->fields[0].physical = "col-2";
    ok(f, try_insert(f,
                     "SELECT range, {'x': 'v' || range}, range + 0.5, if(range = 3, 'nan'::DOUBLE, range), NULL, "
                     "repeat('a', 300), 1, {'q': 100}, [1] FROM range(10)",
                     &(tarn_insert_map){0}, &p));
    assert_int_equal(p.rows, 10);
    assert_int_equal(p.change.adds.n, 1);
    const tarn_leaf_stats *a = leaf_of(&p, "a"), *x = leaf_of(&p, "st.x"), *d = leaf_of(&p, "d"),
                          *fl = leaf_of(&p, "fl"), *n = leaf_of(&p, "n");
    assert_true(a && a->bounds.has_min && a->bounds.min.i == 0 && a->bounds.max.i == 9 && a->bounds.nulls == 0 &&
                a->bounds.rows == 10 && a->bounds.exact);
    assert_true(x && x->field == &f->now->base.schema->fields[1].type->fields[0]);
    assert_true(tarn_str_is(x->bounds.min.s, "v0") && tarn_str_is(x->bounds.max.s, "v9"));
    assert_true(d && d->bounds.max.dec == 950 && d->bounds.max.scale == 2);
    assert_true(fl && fl->bounds.maybe_nan && !fl->bounds.exact);
    assert_true(n && n->bounds.nulls == 10 && !n->bounds.has_min);
    const tarn_leaf_stats *text_leaf = leaf_of(&p, "long");
    assert_true(text_leaf && text_leaf->bounds.has_max && !text_leaf->bounds.exact);
    assert_null(leaf_of(&p, "p.q"));
    check_table(f, "SELECT string_agg(DISTINCT st.x, '' ORDER BY st.x) FROM t", "v0v1v2v3v4v5v6v7v8v9");
}

static void partitioned_writes(void **state) {
    fixture *f = *state;
    put p;
    make_table(f, "a BIGINT, d DATE, s VARCHAR", 2);
    const char *rows =
        "SELECT range, DATE '2020-01-01' + (range % 3)::INTEGER, if(range % 2 = 0, NULL, 'x/ =y') FROM range(60)";
    ok(f, try_insert(f, rows, &(tarn_insert_map){0}, &p));
    assert_int_equal(p.change.adds.n, 6);
    check_table(
        f,
        "SELECT string_agg(n || ' ' || d || ' ' || coalesce(s, '-'), ';' ORDER BY d, s) FROM (SELECT count(*) AS n, d, "
        "s FROM t GROUP BY d, s)",
        "10 2020-01-01 x/ =y;10 2020-01-01 -;10 2020-01-02 x/ =y;10 2020-01-02 -;10 2020-01-03 x/ =y;10 2020-01-03 -");
    ok(f, tarn_conf_set(&f->cx, f->conf, TARN_LIT("write.partitions_max"), TARN_LIT("5"), TARN_FROM_SET));
    fails(f, try_insert(f, rows, &(tarn_insert_map){0}, &p), TARN_LIMIT,
          "fall into 6 partitions, more than write.partitions_max, 5");
    assert_int_equal(p.change.adds.n, 0);
    check(f,
          tarn_printf(&f->cx, "SELECT count(*)::VARCHAR FROM glob(%s)",
                      tarn_sql_string(f->cx.arena,
                                      tarn_printf(&f->cx, "/tmp/tarn table*%s/*/*/*.parquet", strrchr(f->dir, ' ')))),
          "6");
}

static void nothing_stays_of_a_failed_write(void **state) {
    fixture *f = *state;
    put p;
    make_table(f, "a BIGINT", 0);
    ok(f, try_insert(f, "SELECT 1", &(tarn_insert_map){0}, &p));
    assert_int_not_equal(insert_by_position(f, "SELECT if(range = 4999999, error('late'), range) FROM range(5000000)"),
                         TARN_OK);
    tarn_change gone = {0};
    int64_t rows;
    tarn_target_of(&f->cx, &f->table, &f->now->base, &gone, &p.target);
    ok(f, tarn_write_files(&f->cx, f->conn, &p.target, "SELECT 2::BIGINT AS a", NULL, 0, &gone, &rows));
    tarn_write_abandon(&f->cx, &f->table, &gone);
    tarn_entry_list list = {0};
    tarn_list_spec spec = {.max = 100, .recursive = true};
    ok(f, tarn_store_list(&f->cx, f->table.store, &spec, f->cx.arena, &list));
    size_t files = 0;
    for (size_t i = 0; i < list.n; i++) files += strstr(list.at[i].key, ".parquet") != NULL;
    assert_int_equal(files, 1);
}

static void target_of_a_change(void **state) {
    fixture *f = *state;
    tarn_target t;
    static const tarn_pair checks[] = {{"one", "a > 0"}, {"two", "a > 1"}};
    make_table(f, "a BIGINT, b BIGINT", 1);
    f->now->base.checks = checks;
    f->now->base.n_checks = 2;
    tarn_change change = {0};
    *TARN_PUSH(f->cx.arena, &change.checks) = (tarn_pair){"ONE", NULL};
    *TARN_PUSH(f->cx.arena, &change.checks) = (tarn_pair){"two", "a > 2"};
    tarn_target_of(&f->cx, &f->table, &f->now->base, &change, &t);
    assert_int_equal(t.n_checks, 1);
    assert_string_equal(t.checks[0].value, "a > 2");
    assert_string_equal(t.partition_by[0].column, "b");
    tarn_change fresh = {.create = true, .schema = schema_of(f, "z INTEGER")};
    tarn_target_of(&f->cx, &f->table, NULL, &fresh, &t);
    assert_true(t.schema == fresh.schema && !t.base && !t.n_checks && !t.n_partition_by);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FAKE_TEST(columns_find_their_place), FAKE_TEST(casts_lose_nothing_in_silence),
        FAKE_TEST(not_null_is_kept),         FAKE_TEST(checks_must_be_true),
        FAKE_TEST(generated_columns),        FAKE_TEST(statistics_of_what_was_written),
        FAKE_TEST(partitioned_writes),       FAKE_TEST(nothing_stays_of_a_failed_write),
        FAKE_TEST(target_of_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
