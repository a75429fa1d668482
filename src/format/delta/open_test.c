/* open_test.c: opening logs: reconciliation, time travel, hints, checksums, hostile texts, pruning. */
#include "format/delta/delta_test.h"

static void replay_newest_wins(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    put_commit(&b, 0, PROTOCOL META ADD("a", "x") ADD("b%20c", "y"));
    put_commit(&b, 1, ADD("d", "x") REMOVE("a"));
    put_commit(&b, 2, ADD("a", "z") "{\"unknown\":{\"x\":[1,2]}}\n");
    tarn_snapshot *s = must_open(&b, -1);
    assert_int_equal(s->version, 2);
    assert_string_equal(paths(&b, s, NULL), "b c,d,a");
    tarn_snapshot_release(s);
    s = must_open(&b, 1);
    assert_string_equal(paths(&b, s, NULL), "b c,d");
    tarn_snapshot_release(s);
    tarn_at at = {.kind = TARN_AT_VERSION, .version = 7};
    assert_int_equal(tarn_table_open(&b.cx, &b.table, &at, NULL, &s), TARN_NOTFOUND);
    assert_non_null(strstr(b.cx.error.message, "versions 0 to 2"));
    bench_close(&b);
}

static void put_action(tarn_buf *text, char what, int path, int version) {
    tarn_buf_printf(text,
                    what == 'a' ? "{\"add\":{\"path\":\"f%d\",\"partitionValues\":{\"p\":\"%d\"},"
                                  "\"size\":1,\"modificationTime\":1,\"dataChange\":true}}\n"
                                : "{\"remove\":{\"path\":\"f%d\",\"dataChange\":true,\"deletionTimestamp\":%d}}\n",
                    path, version);
}

/* Versions first to `to` as one file: the last that each path saw. */
static void put_compaction(bench *b, int first, int to, char last[12][8]) {
    tarn_auto_buf text = TARN_BUF(1 << 16);
    if (first == 0) tarn_buf_puts(&text, PROTOCOL META);
    for (int i = 0; i < 8; i++) {
        int v = to;
        while (v > first && !last[v][i]) v--;
        if (last[v][i]) put_action(&text, last[v][i], i, v);
    }
    put(b, tarn_printf(&b->cx, "_delta_log/%020d.%020d.compacted.json", first, to), text.data ? text.data : "\n");
}

#define GARBAGE "garbage garbage garbage garbage garbage garbage garbage garbage garbage garbage garbage garbage "

/* A compaction is read in place of its commits, the newest commit for itself. */
static void compactions_take_the_place(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    put_commit(&b, 0, PROTOCOL META ADD("a", "x"));
    put_commit(&b, 1, ADD("b", "x") ADD("c", "x"));
    put_commit(&b, 2, REMOVE("a") REMOVE("c"));
    put_commit(&b, 3, ADD("d", "x"));
    put(&b, "_delta_log/00000000000000000001.00000000000000000002.compacted.json",
        ADD("b", "x") REMOVE("c") REMOVE("a"));
    put(&b, "_delta_log/00000000000000000002.00000000000000000003.compacted.json", "garbage");
    put(&b, "_delta_log/00000000000000000001.00000000000000000001.compacted.json", "garbage");
    tarn_snapshot *s = must_open(&b, 3);
    assert_string_equal(paths(&b, s, NULL), "b,d");
    assert_int_equal(tarn_delta_of(s)->log.commits.n, 3);
    tarn_snapshot_release(s);
    put_commit(&b, 1, GARBAGE GARBAGE GARBAGE); /* nobody looks */
    s = must_open(&b, 3);
    assert_string_equal(paths(&b, s, NULL), "b,d");
    tarn_at at = {.kind = TARN_AT_VERSION, .version = 2};
    tarn_snapshot *none = NULL;
    assert_int_equal(tarn_table_open(&b.cx, &b.table, &at, NULL, &none), TARN_CORRUPT);
    tarn_snapshot_release(s);
    put_commit(&b, 1, ADD("b", "x") ADD("c", "x"));
    put_commit(&b, 4, ADD("e", "x"));
    s = must_open(&b, 4); /* the garbage of 2 to 3 begins inside of 1 to 2 */
    assert_string_equal(paths(&b, s, NULL), "b,d,e");
    tarn_snapshot_release(s);
    put(&b, "_delta_log/00000000000000000001.00000000000000000003.compacted.json", "garbage");
    const char *message = refusal(&b);
    if (!strstr(message, "00000000000000000001.00000000000000000003.compacted.json")) fail_msg("%s", message);
    put(&b, "_delta_log/00000000000000000001.00000000000000000003.compacted.json", /* not reconciled: newest first */
        ADD("d", "x") REMOVE("c") REMOVE("a") ADD("c", "x") ADD("b", "x"));
    s = must_open(&b, 4);
    assert_string_equal(paths(&b, s, NULL), "b,d,e");
    tarn_snapshot_release(s);
    tarn_auto_buf longer = TARN_BUF(1 << 16); /* saves nothing: not read */
    for (int i = 0; i < 4096; i++) tarn_buf_puts(&longer, "garbage ");
    put(&b, "_delta_log/00000000000000000001.00000000000000000003.compacted.json", longer.data);
    assert_string_equal(refusal(&b), "");
    bench_close(&b);
}

/* Random logs against a table of which paths are live; the incremental way has to agree with the whole one. */
static void replay_agrees_with_a_model(void **state) {
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 20; round++) {
        bench b;
        bench_open(&b);
        bool live[8] = {false};
        char last[12][8] = {{0}}; /* 'a' or 'r': what a version does to a path */
        tarn_snapshot *prev = NULL;
        for (int v = 0; v < 12; v++) {
            tarn_auto_buf text = TARN_BUF(1 << 16);
            if (v == 0) tarn_buf_puts(&text, PROTOCOL META);
            for (int i = 0; i < 8; i++) {
                seed = seed * 1664525 + 1013904223;
                if (seed >> 30) continue;
                live[i] = !live[i];
                last[v][i] = live[i] ? 'a' : 'r';
                put_action(&text, last[v][i], i, v);
            }
            put_commit(&b, v, text.data ? text.data : "\n");
            if (round % 2 && v > 1) put_compaction(&b, (int)(seed >> 8) % v, v, last);
            tarn_snapshot *whole = must_open(&b, v), *step = NULL;
            tarn_at at = {.kind = TARN_AT_LATEST};
            assert_int_equal(tarn_table_open(&b.cx, &b.table, &at, prev, &step), TARN_OK);
            tarn_file_list list = {0};
            assert_int_equal(tarn_snapshot_files(&b.cx, whole, NULL, &list), TARN_OK);
            size_t want = 0;
            for (int i = 0; i < 8; i++) want += live[i];
            assert_int_equal(list.files.n, want);
            for (size_t i = 0; i < list.files.n; i++) assert_true(live[list.files.at[i]->path.p[1] - '0']);
            tarn_file_list again = {0};
            assert_int_equal(tarn_snapshot_files(&b.cx, step, NULL, &again), TARN_OK);
            assert_int_equal(again.files.n, want);
            for (size_t i = 0; i < want; i++) assert_true(live[again.files.at[i]->path.p[1] - '0']);
            /* A compaction has an order of its own. */
            if (round % 2 == 0) assert_string_equal(paths(&b, whole, NULL), paths(&b, step, NULL));
            tarn_snapshot_release(whole);
            tarn_snapshot_release(prev);
            prev = step;
        }
        tarn_snapshot_release(prev);
        bench_close(&b);
    }
}

static void hostile_logs(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } CASES[] = {
        {META ADD("a", "x"), "no protocol"},
        {PROTOCOL ADD("a", "x"), "no metaData"},
        {PROTOCOL PROTOCOL META, "second protocol"},
        {PROTOCOL META ADD("../a", "x"), "leads out of the table"},
        {PROTOCOL META ADD("%2e%2E/a", "x"), "leads out of the table"},
        {PROTOCOL META "{\"add\":{\"path\":\"a\",\"size\":-1}}\n", "size is -1"},
        {PROTOCOL META "{\"add\":{\"size\":1}}\n", "no path"},
        {PROTOCOL META "{\"add\":", "line at byte"},
        {PROTOCOL META "garbage\n", "00000000000000000000.json, line at byte"},
        {PROTOCOL META "{\"add\":{\"path\":\"a\",\"deletionVector\":{\"storageType\":\"x\"}}}\n", "not whole"},
        {"{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}\n" META, "reader version 4"},
        {"{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"new\"],\"writerFeatures\":"
         "[\"new\"]}}\n" META,
         "reader feature \"new\" is not supported"},
        {PROTOCOL "{\"metaData\":{\"id\":\"x\","
                  "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\","
                  "\\\"type\\\":\\\"geo\\\"}]}\"}}\n",
         "type \"geo\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bench b;
        bench_open(&b);
        put_commit(&b, 0, CASES[i].text);
        const char *message = refusal(&b);
        if (!strstr(message, CASES[i].message))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, message, CASES[i].message);
        bench_close(&b);
    }
}

static void gaps_hints_and_checksums(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    assert_non_null(strstr(refusal(&b), "no commit"));
    put_commit(&b, 0, PROTOCOL META ADD("a", "x"));
    put(&b, "_delta_log/_last_checkpoint", "{\"version\":99}");
    assert_string_equal(refusal(&b), "");
    put(&b, "_delta_log/_last_checkpoint", "not json");
    put(&b, "_delta_log/.00000000000000000000.json.crc", "x");
    put(&b, "_delta_log/00000000000000000000.crc", "{garbled");
    assert_string_equal(refusal(&b), "");
    put_commit(&b, 2, ADD("b", "x"));
    assert_non_null(strstr(refusal(&b), "1 is missing"));
    put_commit(&b, 1, "");
    assert_non_null(strstr(refusal(&b), "00000000000000000001.json is empty"));
    put_commit(&b, 1, "{\"txn\":{\"appId\":\"job\",\"version\":4}}\n");
    tarn_snapshot *s = must_open(&b, -1);
    int64_t version;
    assert_int_equal(tarn_format_delta.app_version(&b.cx, s, "job", &version), TARN_OK);
    assert_int_equal(version, 4);
    assert_int_equal(tarn_format_delta.app_version(&b.cx, s, "other", &version), TARN_OK);
    assert_int_equal(version, -1);
    assert_int_equal(tarn_delta_load(&b.cx, tarn_delta_of(s)), TARN_OK);
    assert_int_equal(tarn_delta_crc_write(&b.cx, tarn_delta_of(s)), TARN_OK);
    tarn_snapshot_release(s);
    s = must_open(&b, -1); /* from the checksum alone */
    assert_false(tarn_delta_of(s)->loaded);
    tarn_detail detail = {0};
    assert_int_equal(tarn_format_delta.detail(&b.cx, s, &detail), TARN_OK);
    assert_int_equal(detail.files, 2);
    assert_int_equal(detail.bytes, 20);
    assert_false(tarn_delta_of(s)->loaded);
    assert_int_equal(s->n_partition, 1);
    assert_string_equal(paths(&b, s, NULL), "a,b");
    tarn_snapshot_release(s);
    bench_close(&b);
}

#define STATS(path, min, max, nulls)                                                                                   \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{\"p\":\"" path                                               \
    "\"},\"size\":1,\"modificationTime\":1,\"dataChange\":true,\"stats\":"                                             \
    "\"{\\\"numRecords\\\":10,\\\"minValues\\\":{\\\"id\\\":" min "},"                                                 \
    "\\\"maxValues\\\":{\\\"id\\\":" max "},\\\"nullCount\\\":{\\\"id\\\":" nulls "}}\"}}\n"

static void pruning(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    put_commit(&b, 0,
               PROTOCOL META STATS("a", "1", "5", "0") STATS("b", "6", "9", "2") ADD("c", "")
                   STATS("d", "\\\"x", "}", "}"));
    tarn_snapshot *s = must_open(&b, -1);
    tarn_value seven = {.kind = TARN_INT64, .i = 7}, text = {.kind = TARN_STRING, .s = TARN_LIT("b")};
    tarn_arena *arena = b.cx.arena;
    assert_string_equal(paths(&b, s, tarn_expr_cmp(arena, TARN_EXPR_EQ, 0, &seven)), "b,c,d"); /* nothing known: kept */
    assert_string_equal(paths(&b, s, tarn_expr_cmp(arena, TARN_EXPR_LT, 0, &seven)), "a,b,c,d");
    assert_string_equal(paths(&b, s, tarn_expr_cmp(arena, TARN_EXPR_EQ, 1, &text)), "b");
    tarn_expr *null = tarn_expr_new(arena, TARN_EXPR_IS_NULL);
    null->column = 1;
    assert_string_equal(paths(&b, s, null), "c"); /* "" is null */
    null->column = 0;
    assert_string_equal(paths(&b, s, null), "b,c,d");
    tarn_file_list list = {0};
    assert_int_equal(tarn_snapshot_files(&b.cx, s, NULL, &list), TARN_OK);
    tarn_bounds bounds;
    tarn_format_delta.bounds(s, list.files.at[1], 0, NULL, &bounds);
    assert_true(bounds.has_min && bounds.has_max && bounds.exact);
    assert_int_equal(bounds.min.i, 6);
    assert_int_equal(bounds.nulls, 2);
    assert_int_equal(bounds.rows, 10);
    tarn_snapshot_release(s);
    bench_close(&b);
}

static void travel_by_time(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    put_commit(
        &b, 0,
        "{\"commitInfo\":{\"inCommitTimestamp\":1000}}\n{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,"
        "\"writerFeatures\":[\"inCommitTimestamp\"]}}\n" META_WITH("\"delta.enableInCommitTimestamps\":\"true\""));
    put_commit(&b, 1, "{\"commitInfo\":{\"inCommitTimestamp\":2000}}\n" ADD("a", "x"));
    put_commit(&b, 2,
               "{\"commitInfo\":{\"inCommitTimestamp\":3000,\"operation\":\"WRITE\",\"isBlindAppend\":true,"
               "\"operationParameters\":{\"a\":[1,null]}}}\n" ADD("b", "x"));
    static const int64_t WANT[][2] = {{1000, 0}, {1999, 0}, {2000, 1}, {2999, 1}, {3000, 2}, {9000, 2}};
    for (size_t i = 0; i < sizeof WANT / sizeof WANT[0]; i++) {
        tarn_snapshot *s = NULL;
        tarn_at at = {.kind = TARN_AT_TIMESTAMP, .timestamp_us = WANT[i][0] * 1000};
        assert_int_equal(tarn_table_open(&b.cx, &b.table, &at, NULL, &s), TARN_OK);
        assert_int_equal(s->version, WANT[i][1]);
        assert_int_equal(s->timestamp_ms, (WANT[i][1] + 1) * 1000);
        tarn_snapshot_release(s);
    }
    tarn_snapshot *none = NULL;
    tarn_at before = {.kind = TARN_AT_TIMESTAMP, .timestamp_us = 999999};
    assert_int_equal(tarn_table_open(&b.cx, &b.table, &before, NULL, &none), TARN_NOTFOUND);
    tarn_history_entry *h;
    size_t n;
    assert_int_equal(tarn_format_delta.history(&b.cx, &b.table, NULL, 2, &h, &n), TARN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(h[0].version, 2);
    assert_int_equal(h[0].timestamp_ms, 3000);
    assert_string_equal(h[0].operation, "WRITE");
    assert_string_equal(h[0].parameters, "{\"a\":[1,null]}");
    assert_int_equal(h[0].blind_append, 1);
    assert_null(h[1].operation);
    bench_close(&b);
}

static void schema_round_trip(void **state) {
    (void)state;
    static const char text[] = "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal(10,2)\","
                               "\"nullable\":false,\"metadata\":{\"x.y\":{\"z\":[1]},"
                               "\"comment\":\"c\"}},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"keyType\":\"string\","
                               "\"valueType\":{\"type\":\"array\",\"elementType\":"
                               "{\"type\":\"struct\",\"fields\":[{\"name\":\"t\",\"type\":\"timestamp_ntz\","
                               "\"nullable\":true,\"metadata\":{}}]},\"containsNull\":false},"
                               "\"valueContainsNull\":true},\"nullable\":true,\"metadata\":{}}]}";
    bench b;
    bench_open(&b);
    tarn_schema *schema;
    tarn_auto_buf out = TARN_BUF(1 << 16);
    assert_int_equal(tarn_delta_schema_parse(&b.cx, b.cx.arena, text, TARN_DELTA_MAP_NONE, &schema), TARN_OK);
    assert_string_equal(schema->fields[0].comment, "c");
    assert_int_equal(tarn_delta_schema_print(&b.cx, schema, &out), TARN_OK);
    assert_string_equal(out.data, text);
    assert_int_equal(tarn_delta_schema_parse(&b.cx, b.cx.arena, text, TARN_DELTA_MAP_NAME, &schema), TARN_CORRUPT);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay_newest_wins),
        cmocka_unit_test(replay_agrees_with_a_model),
        cmocka_unit_test(compactions_take_the_place),
        cmocka_unit_test(hostile_logs),
        cmocka_unit_test(gaps_hints_and_checksums),
        cmocka_unit_test(pruning),
        cmocka_unit_test(travel_by_time),
        cmocka_unit_test(schema_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
