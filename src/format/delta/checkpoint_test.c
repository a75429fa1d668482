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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(written_and_read_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
