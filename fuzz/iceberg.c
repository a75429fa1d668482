/* iceberg.c: fuzz target: any bytes as a part of an Iceberg table: its metadata, a manifest list, a manifest, a
 * deletion vector, or as a view; what can be read is added to as well. corpus.py makes what it begins with. */
#include "codec/puffin.h"
#include "format/commit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define METADATA(version, snapshot)                                                                                    \
    "{\"format-version\":" version                                                                                     \
    ",\"location\":\"mem://t\",\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":["                         \
    "{\"id\":1,\"name\":\"id\",\"type\":\"long\"},{\"id\":2,\"name\":\"s\",\"type\":\"string\"}]}],\"current-schema-"  \
    "id\":0,"                                                                                                          \
    "\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"source-id\":2,\"field-id\":1000,"        \
    "\"name\":\"s\","                                                                                                  \
    "\"transform\":\"identity\"}]}],\"current-snapshot-id\":1,\"snapshots\":[{\"snapshot-id\":1,\"timestamp-ms\":"     \
    "1," snapshot "}]}"

static void look(tarn_cx *cx, tarn_snapshot *s) {
    static const char *const tables[] = {"snapshots", "history", "refs",
                                         "manifests", "entries", "metadata_log_entries"};
    tarn_file_list list = {0};
    tarn_detail detail = {0};
    tarn_value v = {.kind = TARN_INT64, .i = 3};
    tarn_expr *where = tarn_expr_cmp(cx->arena, TARN_EXPR_LT, 0, &v);
    if (s->schema->n_fields && tarn_snapshot_files(cx, s, where, &list) != TARN_OK) tarn_clear_error(cx);
    if (tarn_snapshot_files(cx, s, NULL, &list) != TARN_OK) tarn_clear_error(cx);
    for (size_t i = 0; i < list.files.n && i < 4; i++) {
        tarn_bounds b;
        if (s->schema->n_fields) s->format->bounds(s, list.files.at[i], 0, NULL, &b);
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        tarn_rowset *rows = NULL;
        if (tarn_snapshot_metadata_table(cx, s, tables[i], &rows) != TARN_OK) tarn_clear_error(cx);
        tarn_rowset_free(rows);
    }
    if (tarn_snapshot_detail(cx, s, &detail) != TARN_OK) tarn_clear_error(cx);
}

static void keep(void *state, tarn_str key) { *(size_t *)state += key.n; }

/* What the commits did, what VACUUM would keep, and a commit on top. */
static void go_on(tarn_cx *cx, const tarn_table *table, tarn_snapshot *s) {
    tarn_changed_files files = {0};
    tarn_at from = {.kind = TARN_AT_VERSION, .version = 0};
    tarn_change change = {.operation = "WRITE", .blind_append = true};
    size_t kept = 0;
    if (tarn_snapshot_changes(cx, s, &from, cx->arena, &files) != TARN_OK) tarn_clear_error(cx);
    for (size_t i = 0; i < files.n; i++) {
        tarn_roaring64_free(files.at[i].rows);
        tarn_snapshot_release(files.at[i].of);
    }
    if (s->format->needed(cx, s, 0, keep, &kept) != TARN_OK) tarn_clear_error(cx);
    tarn_value *partition = TARN_NEW_ARRAY(cx->arena, tarn_value, s->n_partition + 1);
    for (size_t i = 0; i < s->n_partition; i++) partition[i].null = true;
    *TARN_PUSH(cx->arena, &change.adds) =
        (tarn_add){.path = "data/x.parquet", .size = 4, .rows = 10, .mtime_ms = 1, .partition = partition};
    if (tarn_commit(cx, table, s, &change, NULL) != TARN_OK) tarn_clear_error(cx);
}

static void read_view(tarn_cx *cx, tarn_store *store) {
    const tarn_format *format = NULL;
    tarn_view view;
    if (tarn_format_find(cx, TARN_LIT("iceberg"), &format) == TARN_OK &&
        format->view(cx, store, "x.avro", cx->arena, &view) != TARN_OK)
        tarn_clear_error(cx);
}

static tarn_code put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str text) {
    return tarn_store_put(cx, store, key, text, TARN_PUT_ALWAYS, NULL, NULL);
}

static void open_table(tarn_cx *cx, tarn_store *store, tarn_str metadata) {
    const tarn_format *format = NULL;
    tarn_snapshot *s = NULL;
    tarn_history_entry *history;
    size_t n;
    if (tarn_format_find(cx, TARN_LIT("iceberg"), &format) != TARN_OK ||
        put(cx, store, "metadata/v1.metadata.json", metadata) != TARN_OK)
        return;
    tarn_table table = {.format = format, .store = store, .location = "fuzz"};
    if (tarn_table_open(cx, &table, NULL, NULL, &s) == TARN_OK) look(cx, s);
    if (tarn_table_history(cx, &table, NULL, 0, &history, &n) != TARN_OK) tarn_clear_error(cx);
    if (s) go_on(cx, &table, s);
    tarn_snapshot_release(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_store *store = NULL;
    tarn_roaring64 *rows = NULL;
    if (size == 0) return tarn_conf_free(conf), 0;
    tarn_cx_init(&cx, conf);
    tarn_str text = {(const char *)data + 1, size - 1};
    if (tarn_store_open(&cx, "mem://fuzz", &store) == TARN_OK && put(&cx, store, "x.avro", text) == TARN_OK) {
        switch (data[0]) {
        case 'l':
            open_table(&cx, store,
                       TARN_LIT(METADATA("2", "\"sequence-number\":1,\"manifest-list\":\"mem://t/x.avro\"")));
            break;
        case 'm': open_table(&cx, store, TARN_LIT(METADATA("1", "\"manifests\":[\"mem://t/x.avro\"]"))); break;
        case 'w': read_view(&cx, store); break;
        case 'v':
            if (tarn_puffin_vector(&cx, text, &rows) == TARN_OK) tarn_roaring64_free(rows);
            break;
        default: open_table(&cx, store, text);
        }
    }
    tarn_store_close(store);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
