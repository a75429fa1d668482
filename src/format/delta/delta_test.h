/* delta_test.h: what the tests of this folder share: a table in a mem:// store and logs written by hand. */
#ifndef TARN_FORMAT_DELTA_DELTA_TEST_H
#define TARN_FORMAT_DELTA_DELTA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "format/delta/write/write.h"

extern const tarn_format tarn_format_delta;

#define FIELD(name, type)                                                                                              \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}"
#define SCHEMA                                                                                                         \
    "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[" FIELD("id", "long") "," FIELD("p",              \
                                                                                                     "string") "]}\""
#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define META_WITH(conf)                                                                                                \
    "{\"metaData\":{\"id\":\"t\",\"format\":{\"provider\":\"parquet\",\"options\":{}}," SCHEMA                         \
    ",\"partitionColumns\":[\"p\"],\"configuration\":{" conf "}}}\n"
#define META META_WITH("")
#define ADD(path, p)                                                                                                   \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{\"p\":\"" p "\"},"                                           \
    "\"size\":10,\"modificationTime\":1,\"dataChange\":true}}\n"
#define REMOVE(path) "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":5,\"dataChange\":true}}\n"

typedef struct bench {
    tarn_conf *conf;
    tarn_cx cx;
    tarn_store *store;
    tarn_table table;
} bench;

static inline void bench_open(bench *b) {
    static int serial;
    char uri[64];
    snprintf(uri, sizeof uri, "mem://delta-%d", serial++);
    b->conf = tarn_conf_defaults();
    tarn_cx_init(&b->cx, b->conf);
    assert_int_equal(tarn_store_open(&b->cx, uri, &b->store), TARN_OK);
    b->table = (tarn_table){.format = &tarn_format_delta, .store = b->store, .location = "mem"};
}

static inline void bench_close(bench *b) {
    tarn_store_close(b->store);
    tarn_cx_done(&b->cx);
    tarn_conf_free(b->conf);
}

static inline void put(bench *b, const char *key, const char *text) {
    assert_int_equal(tarn_store_put(&b->cx, b->store, key, tarn_str_of(text), TARN_PUT_ALWAYS, NULL, NULL), TARN_OK);
}

static inline void put_commit(bench *b, int version, const char *text) {
    char key[64];
    snprintf(key, sizeof key, "_delta_log/%020d.json", version);
    put(b, key, text);
}

static inline tarn_snapshot *must_open(bench *b, int64_t version) {
    tarn_snapshot *s = NULL;
    tarn_at at = {.kind = version < 0 ? TARN_AT_LATEST : TARN_AT_VERSION, .version = version};
    if (tarn_table_open(&b->cx, &b->table, &at, NULL, &s) != TARN_OK) fail_msg("%s", b->cx.error.message);
    return s;
}

/* The paths in order, with commas between. */
static inline const char *paths(bench *b, tarn_snapshot *s, const tarn_expr *where) {
    tarn_file_list list = {0};
    const char *all = "";
    if (tarn_snapshot_files(&b->cx, s, where, &list) != TARN_OK) return b->cx.error.message;
    for (size_t i = 0; i < list.files.n; i++)
        all = tarn_printf(&b->cx, "%s%s%.*s", all, *all ? "," : "", (int)list.files.at[i]->path.n,
                          list.files.at[i]->path.p);
    return all;
}

/* The message of the failure to open and list; "" when it does not fail. */
static inline const char *refusal(bench *b) {
    tarn_snapshot *s = NULL;
    tarn_file_list list = {0};
    tarn_clear_error(&b->cx);
    tarn_code code = tarn_table_open(&b->cx, &b->table, NULL, NULL, &s);
    if (code == TARN_OK) code = tarn_snapshot_files(&b->cx, s, NULL, &list);
    tarn_snapshot_release(s);
    return code == TARN_OK ? "" : b->cx.error.message;
}

#endif
