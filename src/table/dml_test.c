/* dml_test.c: rows changed, deleted and inserted from a temp table of actions. */
#include "table/fake_test.h"

static tarn_code apply(fixture *f, const tarn_scan *scan, tarn_dml_result *out) {
    tarn_target target;
    tarn_change change = {0};
    tarn_target_of(&f->cx, &f->table, &f->now->base, &change, &target);
    TRY(tarn_dml_apply(&f->cx, f->conn, &target, scan, "m", &change, out));
    apply_change(f, &change);
    return TARN_OK;
}

/* Three files of 1000 rows: a = 0..2999. */
static void fill(fixture *f, tarn_scan *scan) {
    make_table(f, "a BIGINT, b VARCHAR", 0);
    f->now->two_groups = true;
    for (int i = 0; i < 3; i++)
        insert(f, tarn_printf(&f->cx, "SELECT range, 'v' || range FROM range(%d, %d)", i * 1000, i * 1000 + 1000));
    f->now->two_groups = true;
    scan_all(f, true, scan);
}

static void run(fixture *f, const char *format, const tarn_scan *scan) {
    ok(f, tarn_conn_run(&f->cx, f->conn,
                        tarn_printf(&f->cx, "CREATE OR REPLACE TEMP TABLE m AS WITH t AS (%s) %s", scan->sql, format)));
}

static void deletes_rows(void **state) {
    fixture *f = *state;
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    tarn_dml_result r;
    fill(f, &scan);
    const char *third = tarn_arena_strndup(f->cx.arena, f->now->files.at[2]->path.p, f->now->files.at[2]->path.n);
    run(f, "SELECT _tarn_file, _tarn_row, 2::TINYINT AS _tarn_action FROM t WHERE a < 1000 OR a = 1500", &scan);
    ok(f, apply(f, &scan, &r));
    assert_true(r.deleted == 1001 && r.files_removed == 2 && r.files_added == 1 && r.copied == 999 && r.updated == 0 &&
                r.inserted == 0);
    assert_int_equal(f->now->files.n, 2);
    assert_string_equal(tarn_printf(&f->cx, "%.*s", (int)f->now->files.at[0]->path.n, f->now->files.at[0]->path.p),
                        third);
    check_table(f, "SELECT count(*) || ' ' || min(a) || ' ' || count(*) FILTER (a = 1500) FROM t", "1999 1000 0");
}

static void merges_rows(void **state) {
    fixture *f = *state;
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    tarn_dml_result r;
    fill(f, &scan);
    run(f,
        "SELECT _tarn_file, _tarn_row, (CASE WHEN s.k >= 3000 THEN 3 WHEN s.k % 2 = 0 THEN 1 ELSE 2 END)::TINYINT AS "
        "_tarn_action, s.k AS a, 'new' AS b "
        "FROM t RIGHT JOIN (SELECT range + 2990 AS k FROM range(20)) s ON t.a = s.k",
        &scan);
    ok(f, apply(f, &scan, &r));
    assert_true(r.updated == 5 && r.deleted == 5 && r.inserted == 10 && r.copied == 990 && r.files_removed == 1);
    check_table(
        f, "SELECT count(*) || ' ' || count(*) FILTER (b = 'new') || ' ' || max(a) || ' ' || count(DISTINCT a) FROM t",
        "3005 15 3009 3005");
}

static void only_inserts(void **state) {
    fixture *f = *state;
    tarn_scan none = {.engine = f->engine};
    tarn_dml_result r;
    make_table(f, "a BIGINT, b VARCHAR", 0);
    ok(f, tarn_conn_run(&f->cx, f->conn,
                        "CREATE TEMP TABLE m AS SELECT NULL::BIGINT AS _tarn_file, NULL::BIGINT AS _tarn_row, 3 AS "
                        "_tarn_action, 'x' AS b, 1 AS a"));
    ok(f, apply(f, &none, &r));
    assert_true(r.inserted == 1 && r.files_removed == 0 && r.files_added == 1 && r.copied == 0);
    check_table(f, "SELECT a || b FROM t", "1x");
}

static void one_row_has_one_action(void **state) {
    fixture *f = *state;
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    tarn_dml_result r;
    fill(f, &scan);
    run(f, "SELECT _tarn_file, _tarn_row, 1::TINYINT AS _tarn_action, a, b FROM t, range(2) WHERE a = 2", &scan);
    fails(f, apply(f, &scan, &r), TARN_CONSTRAINT, "a row of lake.main.t");
    run(f, "SELECT 99::BIGINT AS _tarn_file, 0::BIGINT AS _tarn_row, 2::TINYINT AS _tarn_action", &scan);
    fails(f, apply(f, &scan, &r), TARN_INTERNAL, "which the scan lacks");
    check_table(f, "SELECT count(*)::VARCHAR FROM t", "3000");
}

static void rules_hold_for_new_rows_only(void **state) {
    fixture *f = *state;
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    static const tarn_pair check_b[] = {{"c", "b <> 'v5'"}};
    tarn_dml_result r;
    fill(f, &scan);
    f->now->base.checks = check_b;
    f->now->base.n_checks = 1;
    run(f, "SELECT _tarn_file, _tarn_row, 1::TINYINT AS _tarn_action, a, 'v5' AS b FROM t WHERE a = 6", &scan);
    fails(f, apply(f, &scan, &r), TARN_CONSTRAINT, "CHECK constraint c");
    run(f, "SELECT _tarn_file, _tarn_row, 1::TINYINT AS _tarn_action, a, 'w' AS b FROM t WHERE a = 6", &scan);
    ok(f, apply(f, &scan, &r));
    check_table(f, "SELECT count(*) FILTER (b = 'w') || ' ' || count(*) FILTER (b = 'v5') FROM t", "1 1");
}

static void deletes_on_deletes(void **state) {
    fixture *f = *state;
    tarn_auto(tarn_scan, tarn_scan_done) scan = {0};
    tarn_dml_result r;
    make_table(f, "a BIGINT, b VARCHAR", 0);
    insert(f, "SELECT range, 'x' FROM range(10)");
    for (uint64_t row = 0; row < 4; row++) fake_delete(f->now, (fake_file *)(uintptr_t)f->now->files.at[0], row);
    scan_all(f, true, &scan);
    run(f, "SELECT _tarn_file, _tarn_row, 2::TINYINT AS _tarn_action FROM t WHERE a < 9", &scan);
    ok(f, apply(f, &scan, &r));
    assert_true(r.deleted == 5 && r.copied == 1 && r.files_added == 1);
    check_table(f, "SELECT string_agg(a, ' ') FROM t", "9");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FAKE_TEST(deletes_rows),
        FAKE_TEST(merges_rows),
        FAKE_TEST(only_inserts),
        FAKE_TEST(one_row_has_one_action),
        FAKE_TEST(rules_hold_for_new_rows_only),
        FAKE_TEST(deletes_on_deletes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
