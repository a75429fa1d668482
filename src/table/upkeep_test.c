/* upkeep_test.c: OPTIMIZE, VACUUM and RESTORE. */
#include <fcntl.h>
#include <time.h>

#include "table/fake_test.h"

/* What was committed last, as the fake's apply made it. */
static tarn_snapshot *committed;

static tarn_code keep_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                            tarn_snapshot **out) {
    TRY(fake_apply(cx, base, change, version, out));
    tarn_snapshot_release(committed);
    committed = tarn_snapshot_retain(*out);
    assert_true(change->no_data_change);
    assert_string_equal(change->operation, "OPTIMIZE");
    return TARN_OK;
}

static void optimize(fixture *f, const tarn_optimize_spec *spec, tarn_optimize_result *r) {
    static tarn_format format; /* outlives the snapshots that point to it */
    format = fake_format;
    format.apply = keep_apply;
    committed = NULL;
    f->table.format = &format;
    ok(f, tarn_optimize(&f->cx, f->conn, &f->table, &f->now->base, spec, r));
    f->table.format = &fake_format;
    if (!committed) return;
    tarn_snapshot_release(&f->now->base);
    f->now = (fake_snapshot *)committed;
}

static void small_files_are_packed(void **state) {
    fixture *f = *state;
    tarn_optimize_result r;
    tarn_optimize_spec spec = {.file_size = 1 << 20};
    make_table(f, "a BIGINT, p VARCHAR", 1);
    for (int i = 0; i < 6; i++) insert(f, tarn_printf(&f->cx, "SELECT %d, 'p' || range FROM range(3)", i));
    assert_int_equal(f->now->files.n, 18);
    optimize(f, &spec, &r);
    assert_true(r.files_before == 18 && r.files_after == 3 && r.files_removed == 18 && r.files_added == 3 &&
                r.partitions == 3);
    assert_int_equal(f->now->files.n, 3);
    check_table(f,
                "SELECT string_agg(p || ':' || l::VARCHAR, ' ' ORDER BY p) FROM (SELECT p, list_sort(list(a)) AS l "
                "FROM t GROUP BY p)",
                "p0:[0, 1, 2, 3, 4, 5] p1:[0, 1, 2, 3, 4, 5] p2:[0, 1, 2, 3, 4, 5]");
    assert_true(tarn_str_starts(f->now->files.at[0]->path, "p=p"));
    const fake_file *file = (const fake_file *)f->now->files.at[0];
    assert_true(file->n_stats == 1 && file->stats[0].bounds.max.i == 5);
    optimize(f, &spec, &r);
    assert_true(r.files_removed == 0 && r.files_after == 3 && !committed);
}

static void large_files_stay_unless_rows_are_deleted(void **state) {
    fixture *f = *state;
    tarn_optimize_result r;
    tarn_optimize_spec spec = {.file_size = 100};
    make_table(f, "a BIGINT", 0);
    for (int i = 0; i < 3; i++) insert(f, "SELECT range FROM range(20)");
    optimize(f, &spec, &r);
    assert_int_equal(r.files_removed, 0);
    fake_delete(f->now, (fake_file *)(uintptr_t)f->now->files.at[1], 3);
    optimize(f, &spec, &r);
    assert_int_equal(r.files_removed, 0);
    fake_delete(f->now, (fake_file *)(uintptr_t)f->now->files.at[1], 4);
    optimize(f, &spec, &r);
    assert_int_equal(r.files_removed, 1);
    check_table(f, "SELECT count(*) || ' ' || sum(a) FROM t", "58 563");
}

static const tarn_bounds *bounds_of(const tarn_file *file, const char *path) {
    const fake_file *f = (const fake_file *)file;
    for (size_t i = 0; i < f->n_stats; i++)
        if (!strcmp(f->stats[i].path, path)) return &f->stats[i].bounds;
    fail_msg("no statistics of %s", path);
    return NULL;
}

static void z_order_clusters(void **state) {
    fixture *f = *state;
    tarn_optimize_result r;
    static const char *const columns[] = {"x", "y"}, *const wrong[] = {"nope"}, *const nested[] = {"s"},
                             *const twice[] = {"x", "X"};
    tarn_optimize_spec spec = {.zorder = columns, .n_zorder = 2, .file_size = 1 << 16};
    make_table(f, "x BIGINT, y VARCHAR, s STRUCT(q INTEGER), pad VARCHAR", 0);
    insert(f, "SELECT hash(range) % 1000, 'k' || (hash(range + 7) % 1000), {'q': 1}, md5(range::VARCHAR) FROM "
              "range(1000000)");
    optimize(f, &spec, &r);
    assert_true(r.files_added >= 3);
    check_table(f, "SELECT count(*) || ' ' || count(DISTINCT pad) FROM t", "1000000 1000000");
    /* A small square of both columns lies in few of the files. */
    size_t hit = 0;
    for (size_t i = 0; i < f->now->files.n; i++) {
        const tarn_bounds *x = bounds_of(f->now->files.at[i], "x"), *y = bounds_of(f->now->files.at[i], "y");
        hit += x->min.i <= 3 && y->min.s.p[1] == '0';
    }
    assert_true(hit >= 1 && hit * 2 <= f->now->files.n);
    spec.zorder = wrong;
    spec.n_zorder = 1;
    fails(f, tarn_optimize(&f->cx, f->conn, &f->table, &f->now->base, &spec, &r), TARN_INVALID, "no column nope");
    spec.zorder = nested;
    fails(f, tarn_optimize(&f->cx, f->conn, &f->table, &f->now->base, &spec, &r), TARN_INVALID,
          "column s has no order");
    spec.zorder = twice;
    spec.n_zorder = 2;
    fails(f, tarn_optimize(&f->cx, f->conn, &f->table, &f->now->base, &spec, &r), TARN_INVALID, "given twice");
}

static void note_key(void *state, const char *key, int64_t size) {
    tarn_buf *b = state;
    tarn_buf_printf(b, "%s:%d ", key, (int)size);
}

static void age(fixture *f, const char *name, int days) {
    char *path = tarn_printf(&f->cx, "%s/%s", f->dir, name);
    for (char *slash = strchr(path + strlen(f->dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && (write(fd, "x", 1) == 1));
    struct timespec times[2] = {{.tv_sec = time(NULL) - days * 86400L}, {.tv_sec = time(NULL) - days * 86400L}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void vacuum_removes_what_nobody_needs(void **state) {
    fixture *f = *state;
    tarn_auto_buf seen = TARN_BUF(10000);
    make_table(f, "a BIGINT, _p INTEGER", 1);
    fake_add(f->now, "needed.parquet", 1, &(tarn_value){.kind = TARN_INT32});
    static const char *const names[] = {"needed.parquet",  "old.parquet", "sub/old.parquet",
                                        "_log/old.json",   ".hidden/old", "_change_data/old.parquet",
                                        "_p=1/old.parquet"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) age(f, names[i], 8);
    age(f, "young.parquet", 6);
    const tarn_vacuum_spec own = {.retention_ms = -1, .retention_ms_min = -1, .dry = true},
                           hour = {.retention_ms = 3600000, .retention_ms_min = -1},
                           days = {.retention_ms = 5 * 86400000LL, .retention_ms_min = -1};
    ok(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &own, note_key, &seen));
    assert_string_equal(seen.data, "_change_data/old.parquet:1 _p=1/old.parquet:1 old.parquet:1 sub/old.parquet:1 ");
    tarn_buf_clear(&seen);
    fails(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &hour, note_key, &seen), TARN_INVALID,
          "less than the table's retention, 168 hours");
    ok(f, tarn_conf_set(&f->cx, f->conf, TARN_LIT("vacuum.retention_check"), TARN_LIT("false"), TARN_FROM_SET));
    ok(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &days, note_key, &seen));
    assert_string_equal(
        seen.data, "_change_data/old.parquet:1 _p=1/old.parquet:1 old.parquet:1 sub/old.parquet:1 young.parquet:1 ");
    bool there;
    ok(f, tarn_store_exists(&f->cx, f->table.store, "old.parquet", &there));
    assert_false(there);
    ok(f, tarn_store_exists(&f->cx, f->table.store, "needed.parquet", &there));
    assert_true(there);
    ok(f, tarn_store_exists(&f->cx, f->table.store, "_log/old.json", &there));
    assert_true(there);
}

/* A file that is needed by the same path in another bucket may be this one. */
static void vacuum_guesses_no_buckets(void **state) {
    fixture *f = *state;
    tarn_auto_buf seen = TARN_BUF(10000);
    make_table(f, "a BIGINT", 0);
    fake_add(f->now, tarn_printf(&f->cx, "s3://bucket%s/same.parquet", tarn_store_uri(f->table.store)), 1, NULL);
    age(f, "same.parquet", 8);
    age(f, "other.parquet", 8);
    tarn_vacuum_spec spec = {.retention_ms = -1, .retention_ms_min = -1, .dry = true};
    fails(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &spec, note_key, &seen), TARN_INVALID,
          "may be the same file");
    assert_int_equal(seen.n, 0);
    spec.mismatch = TARN_MISMATCH_IGNORE;
    ok(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &spec, note_key, &seen));
    assert_string_equal(seen.data, "other.parquet:1 ");
    tarn_buf_clear(&seen);
    spec.mismatch = TARN_MISMATCH_DELETE;
    ok(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &spec, note_key, &seen));
    assert_string_equal(seen.data, "other.parquet:1 same.parquet:1 ");
    /* Unless they are said to be one: both of them. */
    tarn_option_pairs schemes = {0}, authorities = {0};
    *TARN_PUSH(f->cx.arena, &schemes) = (tarn_option_pair){.key = "s3a, s3", .value = "file"};
    spec.schemes = &schemes;
    spec.authorities = &authorities;
    tarn_buf_clear(&seen);
    ok(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &spec, note_key, &seen));
    assert_string_equal(seen.data, "other.parquet:1 same.parquet:1 ");
    *TARN_PUSH(f->cx.arena, &authorities) = (tarn_option_pair){.key = "x,bucket", .value = ""};
    for (int mode = 0; mode < 3; mode++) {
        spec.mismatch = (tarn_mismatch)mode;
        tarn_buf_clear(&seen);
        ok(f, tarn_vacuum(&f->cx, &f->table, &f->now->base, &spec, note_key, &seen));
        assert_string_equal(seen.data, "other.parquet:1 ");
    }
}

static void restore_brings_back(void **state) {
    fixture *f = *state;
    tarn_change change = {0};
    static const tarn_pair then[] = {{"p", "1"}, {"q", "2"}}, now[] = {{"p", "3"}, {"r", "4"}};
    make_table(f, "a BIGINT", 0);
    for (int i = 0; i < 3; i++) insert(f, tarn_printf(&f->cx, "SELECT %d", i));
    f->now->base.properties = then;
    f->now->base.n_properties = 2;
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) past = tarn_snapshot_retain(&f->now->base);
    tarn_change gone = {0};
    *TARN_PUSH(f->cx.arena, &gone.removes) = f->now->files.at[0];
    apply_change(f, &gone);
    fake_delete(f->now, (fake_file *)(uintptr_t)f->now->files.at[1], 0);
    insert(f, "SELECT 9");
    f->now->base.properties = now;
    f->now->base.n_properties = 2;
    f->now->base.schema = schema_of(f, "a BIGINT, b VARCHAR");
    ok(f, tarn_restore(&f->cx, &f->table, &f->now->base, past, &change));
    assert_true(change.adds.n == 2 && change.removes.n == 2 && change.read_all);
    assert_true(tarn_type_eq(change.schema, past->schema));
    assert_true(change.replace); /* a column goes: all properties are those of then */
    assert_int_equal(change.properties.n, 2);
    assert_string_equal(change.properties.at[1].name, "q");
    apply_change(f, &change);
    check_table(f, "SELECT string_agg(a, ' ' ORDER BY a) FROM t", "0 1 2");
    tarn_change nothing = {0}, fails_now = {0};
    f->now->base.properties = then;
    f->now->base.n_properties = 2;
    ok(f, tarn_restore(&f->cx, &f->table, &f->now->base, past, &nothing));
    assert_false(nothing.replace);
    assert_true(!nothing.adds.n && !nothing.removes.n && !nothing.schema && !nothing.properties.n);
    gone.removes.at[0] = f->now->files.at[0];
    const char *key = tarn_arena_strndup(f->cx.arena, f->now->files.at[0]->path.p, f->now->files.at[0]->path.n);
    apply_change(f, &gone);
    ok(f, tarn_store_remove(&f->cx, f->table.store, &key, 1));
    fails(f, tarn_restore(&f->cx, &f->table, &f->now->base, past, &fails_now), TARN_NOTFOUND, key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FAKE_TEST(small_files_are_packed),    FAKE_TEST(large_files_stay_unless_rows_are_deleted),
        FAKE_TEST(z_order_clusters),          FAKE_TEST(vacuum_removes_what_nobody_needs),
        FAKE_TEST(vacuum_guesses_no_buckets), FAKE_TEST(restore_brings_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
