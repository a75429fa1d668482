/* checkpoint_test.c: checkpoints written through the engine are read back, the log behind them is cleaned up, VACUUM's
 * list is right. */
#include <stdlib.h>
#include <unistd.h>

#include "format/delta/delta_test.h"

static void bench_on_disk(bench *b, char folder[32]) {
    snprintf(folder, 32, "/tmp/tarn-delta-XXXXXX");
    assert_non_null(mkdtemp(folder));
    b->conf = tarn_conf_defaults();
    tarn_cx_init(&b->cx, b->conf);
    assert_int_equal(tarn_store_open(&b->cx, folder, &b->store), TARN_OK);
    b->table = (tarn_table){.format = &tarn_format_delta,
                            .store = b->store,
                            .location = folder,
                            .engine = tarn_engine_new("/tmp/tarn-delta-spill")};
}

static void remove_all(bench *b, const char *folder) {
    tarn_entry_list list = {0};
    tarn_list_spec spec = {.recursive = true, .max = 1000};
    assert_int_equal(tarn_store_list(&b->cx, b->store, &spec, b->cx.arena, &list), TARN_OK);
    for (size_t i = 0; i < list.n; i++)
        if (!list.at[i].is_folder) assert_int_equal(tarn_store_remove(&b->cx, b->store, &list.at[i].key, 1), TARN_OK);
    assert_int_equal(rmdir(tarn_printf(&b->cx, "%s/_delta_log", folder)), 0);
    assert_int_equal(rmdir(folder), 0);
    tarn_engine_free(b->table.engine);
    bench_close(b);
}

static void collect_key(void *state, tarn_str key) { tarn_buf_printf(state, "%.*s ", (int)key.n, key.p); }

static void written_and_read_back(void **state) {
    (void)state;
    bench b;
    char folder[32];
    bench_on_disk(&b, folder);
    put_commit(&b, 0,
               "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"deletionVectors\"],"
               "\"writerFeatures\":[\"deletionVectors\",\"domainMetadata\"]}}\n" META_WITH(
                   "\"delta.appendOnly\":\"false\"") "{\"txn\":{\"appId\":\"job\",\"version\":7,\"lastUpdated\":9}}\n"
                                                     "{\"domainMetadata\":{\"domain\":\"d\",\"configuration\":\"{"
                                                     "\\\"k\\\":1}\",\"removed\":false}}\n" ADD("a%20b", "x")
                                                         ADD("gone", ""));
    put_commit(&b, 1,
               "{\"add\":{\"path\":\"c\",\"partitionValues\":{\"p\":null},\"size\":3,\"modificationTime\":4,"
               "\"dataChange\":true,"
               "\"stats\":\"{\\\"numRecords\\\":5}\",\"tags\":{\"t\":\"v\"},\"deletionVector\":{\"storageType\":\"u\","
               "\"pathOrInlineDv\":\"vBn[lx{q8@P<9BNH/isA\",\"offset\":1,\"sizeInBytes\":36,\"cardinality\":2}}}\n");
    tarn_auto_buf gone = TARN_BUF(4096);
    tarn_buf_printf(&gone,
                    "{\"remove\":{\"path\":\"gone\",\"deletionTimestamp\":%lld,\"dataChange\":true,\"size\":10,"
                    "\"partitionValues\":{\"p\":\"\"}}}\n",
                    (long long)tarn_now_ms(&b.cx));
    put_commit(&b, 2, gone.data);
    tarn_snapshot *s = must_open(&b, -1);
    if (tarn_delta_checkpoint_write(&b.cx, tarn_delta_of(s)) != TARN_OK) fail_msg("%s", b.cx.error.message);
    tarn_snapshot_release(s);
    const char *old[] = {"_delta_log/00000000000000000000.json", "_delta_log/00000000000000000001.json",
                         "_delta_log/00000000000000000002.json"};
    assert_int_equal(tarn_store_remove(&b.cx, b.store, old, 3), TARN_OK);
    put_commit(&b, 3, ADD("d", "y"));
    s = must_open(&b, -1);
    assert_string_equal(paths(&b, s, NULL), "a b,c,d");
    tarn_delta_snapshot *d = tarn_delta_of(s);
    assert_int_equal(d->protocol.n_writer_features, 2);
    assert_string_equal(tarn_snapshot_property(s, "delta.appendOnly"), "false");
    assert_int_equal(d->txns.n, 1);
    assert_int_equal(d->txns.at[0].version, 7);
    assert_string_equal(d->domains.at[0].configuration, "{\"k\":1}");
    const tarn_delta_file *c = &d->files[1];
    assert_int_equal(c->file.rows, 5);
    assert_int_equal(c->file.deletes->rows, 2);
    assert_true(c->file.partition[0].null);
    assert_string_equal(c->rest, "\"tags\":{\"t\":\"v\"}");
    tarn_auto_buf keys = TARN_BUF(4096);
    assert_int_equal(tarn_delta_needed(&b.cx, s, 3600 * 1000, collect_key, &keys), TARN_OK);
    assert_string_equal(keys.data, "a b c deletion_vector_61d16c75-6994-46b7-a15b-8b538852e50e.bin d gone ");
    tarn_buf_clear(&keys);
    assert_int_equal(tarn_delta_needed(&b.cx, s, -1000, collect_key, &keys), TARN_OK);
    assert_null(strstr(keys.data, " gone "));
    if (tarn_delta_checkpoint_write(&b.cx, d) != TARN_OK) fail_msg("%s", b.cx.error.message);
    tarn_snapshot_release(s);
    s = must_open(&b, 3);
    assert_int_equal(tarn_delta_of(s)->log.ckpt_version, 3);
    tarn_at beyond = {.kind = TARN_AT_VERSION, .version = 9};
    tarn_snapshot *none = NULL;
    assert_int_equal(tarn_table_open(&b.cx, &b.table, &beyond, NULL, &none), TARN_NOTFOUND);
    assert_non_null(strstr(b.cx.error.message, "there are versions 2 to 3")); /* not only what the hint leads to */
    assert_string_equal(paths(&b, s, NULL), "a b,c,d");
    tarn_buf_clear(&keys);
    assert_int_equal(tarn_delta_needed(&b.cx, s, 3600 * 1000, collect_key, &keys), TARN_OK);
    assert_non_null(strstr(keys.data, " gone ")); /* the tombstone came through both checkpoints */
    tarn_snapshot_release(s);
    remove_all(&b, folder);
}

static int64_t given_time(void *state) { return *(int64_t *)state; }

static bool there(bench *b, const char *name) {
    bool found = false;
    assert_int_equal(tarn_store_exists(&b->cx, b->store, tarn_printf(&b->cx, "_delta_log/%s", name), &found), TARN_OK);
    return found;
}

#define SIDECAR(name) "{\"sidecar\":{\"path\":\"" name "\",\"sizeInBytes\":1,\"modificationTime\":1}}\n"
#define V2 "{\"checkpointMetadata\":{\"version\":1}}\n" PROTOCOL META
#define UUID "80a083e8-7026-4e79-81be-64bd76c43a1"

/* Sidecars go with the last checkpoint that refers to them. */
static void sidecars_are_cleaned(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    int64_t day = 24 * 3600 * 1000000LL, now = 20000 * day;
    b.cx.clock = given_time;
    b.cx.clock_state = &now;
    put_commit(&b, 0, PROTOCOL META ADD("f", "x"));
    put_commit(&b, 1, ADD("g", "x"));
    put_commit(&b, 2, ADD("h", "x"));
    put(&b, "_delta_log/00000000000000000001.checkpoint." UUID "1.json",
        V2 SIDECAR("old.parquet") SIDECAR("both.parquet"));
    put(&b, "_delta_log/00000000000000000002.checkpoint." UUID "2.json",
        V2 SIDECAR("both.parquet") SIDECAR("new%20.parquet"));
    put(&b, "_delta_log/_sidecars/old.parquet", "x");
    put(&b, "_delta_log/_sidecars/both.parquet", "x");
    put(&b, "_delta_log/_sidecars/new .parquet", "x");
    put(&b, "_delta_log/_sidecars/lost.parquet", "x");
    now += 40 * day;
    put_commit(&b, 3, ADD("i", "x"));
    put(&b, "_delta_log/_sidecars/young.parquet", "x");
    tarn_snapshot *s = must_open(&b, -1);
    assert_int_equal(tarn_delta_of(s)->log.ckpt_version, 2);
    if (tarn_delta_log_clean(&b.cx, tarn_delta_of(s)) != TARN_OK) fail_msg("%s", b.cx.error.message);
    assert_false(there(&b, "00000000000000000001.json") || there(&b, "00000000000000000001.checkpoint." UUID "1.json"));
    assert_true(there(&b, "00000000000000000002.json") && there(&b, "00000000000000000002.checkpoint." UUID "2.json"));
    assert_false(there(&b, "_sidecars/old.parquet") || there(&b, "_sidecars/lost.parquet"));
    assert_true(there(&b, "_sidecars/both.parquet") && there(&b, "_sidecars/new .parquet"));
    assert_true(there(&b, "_sidecars/young.parquet"));

    /* Where a checkpoint cannot be read, nobody knows what it refers to: all stay. */
    put_commit(&b, 1, ADD("g", "x")); /* something to clean again */
    put(&b, "_delta_log/00000000000000000003.checkpoint." UUID "3.json", "garbage");
    now += 2 * day;
    put_commit(&b, 0, PROTOCOL META ADD("f", "x"));
    tarn_snapshot_release(s);
    s = must_open(&b, 2);
    now += 38 * day;
    assert_int_equal(tarn_delta_log_clean(&b.cx, tarn_delta_of(s)), TARN_CORRUPT);
    assert_true(there(&b, "_sidecars/both.parquet") && there(&b, "_sidecars/young.parquet"));
    tarn_snapshot_release(s);
    bench_close(&b);
}

static tarn_value number(int64_t i) { return (tarn_value){.kind = TARN_INT64, .i = i}; }

static tarn_value name(const char *text) { return (tarn_value){.kind = TARN_STRING, .s = tarn_str_of(text)}; }

enum { MANY = 50000 };

/* File i holds ids i * 10 to i * 10 + 9 and is of partition i % 7. */
static void add_many(tarn_buf *out, int i) {
    tarn_buf_printf(out,
                    "{\"add\":{\"path\":\"%08x-%d\",\"partitionValues\":{\"p\":\"%d\"},\"size\":%d,"
                    "\"modificationTime\":1,\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":10,"
                    "\\\"minValues\\\":{\\\"id\\\":%d},\\\"maxValues\\\":{\\\"id\\\":%d}}\"}}\n",
                    (unsigned)i * 2654435761u, i, i % 7, i + 1, i * 10, i * 10 + 9);
}

static void same_lists(bench *b, tarn_snapshot *peeked, tarn_snapshot *loaded, const tarn_expr *where, size_t files) {
    tarn_file_list x = {0}, y = {0};
    assert_int_equal(tarn_snapshot_files(&b->cx, peeked, where, &x), TARN_OK);
    assert_int_equal(tarn_snapshot_files(&b->cx, loaded, where, &y), TARN_OK);
    assert_int_equal(x.files.n, files);
    assert_int_equal(y.files.n, files);
    assert_true(x.total_files == y.total_files && x.total_bytes == y.total_bytes && x.bytes == y.bytes);
    assert_true(x.pruned_by_partition == y.pruned_by_partition && x.pruned_by_stats == y.pruned_by_stats);
    for (size_t i = 0; i < files; i++) {
        const tarn_file *f = x.files.at[i], *g = y.files.at[i];
        assert_true(tarn_str_eq(f->path, g->path) && f->size == g->size && f->rows == g->rows);
        assert_true(tarn_str_eq(f->partition[0].s, g->partition[0].s) && f->entry == f);
        assert_int_equal(tarn_file_live_rows(f), tarn_file_live_rows(g));
    }
}

/* The first questions after a large snapshot read its checkpoint without keeping it, and get the same answers. */
static void peeked_at(void **state) {
    (void)state;
    bench b;
    char folder[32];
    bench_on_disk(&b, folder);
    tarn_auto_buf commit = TARN_BUF(32 << 20);
    tarn_buf_puts(&commit, PROTOCOL META);
    for (int i = 0; i < MANY; i++) add_many(&commit, i);
    put_commit(&b, 0, commit.data);
    tarn_snapshot *s = must_open(&b, -1);
    if (tarn_delta_checkpoint_write(&b.cx, tarn_delta_of(s)) != TARN_OK) fail_msg("%s", b.cx.error.message);
    tarn_snapshot_release(s);
    put_commit(&b, 1, REMOVE("0000001-0") ADD("new", "3") ADD("other", "4"));
    tarn_buf_clear(&commit);
    tarn_buf_printf(&commit, "{\"remove\":{\"path\":\"%08x-10\",\"deletionTimestamp\":5,\"dataChange\":true}}\n",
                    10u * 2654435761u);
    put_commit(&b, 2, commit.data);
    tarn_snapshot *loaded = must_open(&b, -1);
    assert_int_equal(tarn_delta_load(&b.cx, tarn_delta_of(loaded)), TARN_OK);
    assert_int_equal(tarn_delta_of(loaded)->n_files, MANY + 1);
    s = must_open(&b, -1);
    tarn_delta_snapshot *d = tarn_delta_of(s);
    if (d->log.ckpt_bytes <= 1 << 20) fail_msg("%lld", (long long)d->log.ckpt_bytes);
    tarn_value three = name("3"), ten = number(100), late = number((MANY - 1) * 10);
    tarn_expr *partition = tarn_expr_cmp(b.cx.arena, TARN_EXPR_EQ, 1, &three);
    tarn_expr *tenth = tarn_expr_cmp(b.cx.arena, TARN_EXPR_EQ, 0, &ten),
              *last = tarn_expr_cmp(b.cx.arena, TARN_EXPR_GE, 0, &late);
    int64_t about = 0;
    assert_int_equal(tarn_snapshot_count(&b.cx, s, &about), TARN_OK);
    assert_true(about > MANY / 10);
    same_lists(&b, s, loaded, tarn_expr_and(b.cx.arena, partition, tenth), 1); /* "new" alone: the tenth is removed */
    same_lists(&b, s, loaded, last, 3);
    assert_false(d->loaded);
    tarn_file_list list = {0};
    tarn_bounds bounds;
    same_lists(&b, s, loaded, partition, MANY / 7 + (MANY % 7 > 3)); /* the tenth less, "new" more */
    assert_true(d->loaded);
    assert_int_equal(tarn_snapshot_files(&b.cx, s, last, &list), TARN_OK);
    tarn_format_delta.bounds(s, list.files.at[0], 0, NULL, &bounds);
    assert_true(bounds.has_min && bounds.min.i == (MANY - 1) * 10);

    /* A snapshot that follows one that was asked counts on. */
    tarn_snapshot *first = must_open(&b, 1), *second = NULL;
    tarn_at at = {.kind = TARN_AT_VERSION, .version = 2};
    for (int i = 0; i < 2; i++) assert_int_equal(tarn_snapshot_files(&b.cx, first, last, &list), TARN_OK);
    assert_false(tarn_delta_of(first)->loaded);
    assert_int_equal(tarn_table_open(&b.cx, &b.table, &at, first, &second), TARN_OK);
    same_lists(&b, second, loaded, last, 3);
    assert_true(tarn_delta_of(second)->loaded);
    tarn_snapshot_release(first);
    tarn_snapshot_release(second);
    tarn_snapshot_release(s);
    tarn_snapshot_release(loaded);
    remove_all(&b, folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(written_and_read_back), cmocka_unit_test(peeked_at),
                                       cmocka_unit_test(sidecars_are_cleaned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
