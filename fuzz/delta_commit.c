/* delta_commit.c: fuzz target: any bytes as the only commit of a Delta table, opened, listed, pruned and described. */
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(tarn_cx *cx, tarn_snapshot *s) {
    tarn_file_list list = {0};
    tarn_detail detail = {0};
    tarn_value v = {.kind = TARN_INT64, .i = 3};
    tarn_expr *where = tarn_expr_cmp(cx->arena, TARN_EXPR_LT, 0, &v);
    if (tarn_snapshot_files(cx, s, s->schema->n_fields ? where : NULL, &list) != TARN_OK) tarn_clear_error(cx);
    for (size_t i = 0; i < list.files.n && i < 4; i++) {
        tarn_roaring64 *rows = NULL;
        if (!list.files.at[i]->deletes) continue;
        if (s->format->deleted(cx, s, list.files.at[i], &rows) == TARN_OK) tarn_roaring64_free(rows);
    }
    if (s->format->detail(cx, s, &detail) != TARN_OK) tarn_clear_error(cx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_store *store = NULL;
    tarn_snapshot *s = NULL;
    tarn_history_entry *history;
    size_t n;
    const tarn_format *format = NULL;
    tarn_cx_init(&cx, conf);
    tarn_str text = {(const char *)data, size};
    if (tarn_store_open(&cx, "mem://fuzz", &store) == TARN_OK && tarn_format_find(&cx, TARN_LIT("delta"), &format) == TARN_OK &&
        tarn_store_put(&cx, store, "_delta_log/00000000000000000000.json", text, TARN_PUT_ALWAYS, NULL, NULL) == TARN_OK) {
        tarn_table table = {.format = format, .store = store, .location = "fuzz"};
        if (tarn_table_open(&cx, &table, NULL, NULL, &s) == TARN_OK) look(&cx, s);
        if (format->history(&cx, &table, NULL, 0, &history, &n) != TARN_OK) tarn_clear_error(&cx);
        tarn_snapshot_release(s);
    }
    tarn_store_close(store);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
