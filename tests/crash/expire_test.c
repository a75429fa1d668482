/* expire_test.c: snapshots of an Iceberg table are expired while the store fails, or goes down, at call 1, 2, 3, …:
 * every version the table names afterwards can be read whole, and expiring again leaves no more than orphans. */
#include "support/crash.h"

enum { VERSIONS = 4 };

/* Each version holds one row, its number, in a file of its own: those before go. */
static void overwrite(crash_lake *l, int64_t number) {
    tarn_snapshot *base = NULL;
    tarn_file_list old = {0};
    tarn_change change = {.operation = "WRITE", .read_all = true};
    crash_must(l, tarn_table_open(&l->cx, &l->truth, NULL, NULL, &base));
    crash_must(l, tarn_snapshot_files(&l->cx, base, NULL, &old));
    for (size_t i = 0; i < old.files.n; i++) *TARN_PUSH(l->cx.arena, &change.removes) = old.files.at[i];
    const char *select = tarn_printf(&l->cx, "SELECT %d::BIGINT AS id", (int)number);
    crash_must(l, crash_commit_rows(l, &l->truth, base, &change, select));
    tarn_snapshot_release(base);
}

/* All but the newest go. */
static tarn_code expire(crash_lake *l, tarn_expire_result *result) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) before = NULL;
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) after = NULL;
    tarn_expiry all = {.older_than_ms = INT64_MAX, .retain = 1};
    tarn_change change = {.operation = "EXPIRE SNAPSHOTS", .expire = &all};
    TRY(tarn_table_open(&l->cx, &l->table, NULL, NULL, &before));
    TRY(tarn_table_prepare(&l->cx, &l->table, before, &change));
    TRY(tarn_commit(&l->cx, &l->table, before, &change, &after));
    return tarn_expire_files(&l->cx, &l->table, before, after, false, result);
}

/* How many versions there are; each one has its row. */
static int readable(crash_lake *l) {
    int n = 0;
    for (int64_t v = 1; v <= VERSIONS; v++) {
        tarn_snapshot *s = NULL;
        tarn_at at = {.kind = TARN_AT_VERSION, .version = v};
        tarn_code code = tarn_table_open(&l->cx, &l->truth, &at, NULL, &s);
        if (code == TARN_NOTFOUND) {
            tarn_clear_error(&l->cx);
            continue;
        }
        crash_must(l, code);
        assert_int_equal(strtoll(crash_select(l, s, "string_agg(id, '')"), NULL, 10), v);
        tarn_snapshot_release(s);
        n++;
    }
    return n;
}

static int count_files(crash_lake *l) {
    tarn_list_spec all = {.prefix = "data/", .recursive = true, .max = 1000};
    tarn_entry_list list = {0};
    int n = 0;
    crash_must(l, tarn_store_list(&l->cx, l->plain, &all, l->cx.arena, &list));
    for (size_t i = 0; i < list.n; i++) n += !list.at[i].is_folder;
    return n;
}

static bool run(void *fixture, const char *name, tarn_fault_kind kind, int nth) {
    crash_lake l;
    tarn_change create = {0};
    tarn_expire_result result = {0};
    crash_lake_open(fixture, &l, name, "iceberg");
    crash_create(&l, &create, NULL);
    for (int64_t i = 1; i <= VERSIONS; i++) overwrite(&l, i);
    assert_int_equal(readable(&l), VERSIONS);
    tarn_fault_set(l.fault, &(tarn_fault_plan){.kind = kind, .nth = nth, .delay_ms = 1});
    tarn_code code = expire(&l, &result);
    bool through = tarn_fault_count(l.fault, TARN_FAULT_ANY) < nth;
    tarn_clear_error(&l.cx);
    tarn_fault_restart(l.fault);
    int left = readable(&l), files = count_files(&l);
    if (left != 1 && left != VERSIONS) fail_msg("%s: %d versions are left", name, left);
    if (left == VERSIONS && files != VERSIONS) fail_msg("%s: files went before the commit", name);
    if (code == TARN_OK && (left != 1 || files != 1)) fail_msg("%s: acknowledged, and not done", name);
    if (through) {
        assert_int_equal(code, TARN_OK);
        assert_int_equal(result.files[TARN_FILE_DATA], VERSIONS - 1);
        assert_int_equal(result.files[TARN_FILE_MANIFEST_LIST], VERSIONS - 1);
    }
    overwrite(&l, 1); /* whatever became of it, the table goes on */
    crash_lake_close(&l);
    return through;
}

static void test_expire(void **state) { crash_every_call(run, *state, "expire"); }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_expire, crash_setup, crash_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
