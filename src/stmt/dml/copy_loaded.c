/* copy_loaded.c: which files COPY INTO has loaded into a table. Lists lie beside its data; the number of the newest is
 * an application transaction of the commit that loaded its files, so that list and rows come or fail together. */
#include "codec/json_tree.h"
#include "codec/jsonw.h"
#include "stmt/dml/copy.h"

#include <inttypes.h>

enum { DEPTH = 4 };

static const char *list_key(tarn_cx *cx, int64_t number) {
    return tarn_printf(cx, "_tarn_copy/%016" PRIx64 ".json", (uint64_t)number);
}

/* {"files":[…],"previous":n}; a list holds those before it too until they are longer than itself. */
static tarn_code read_list(tarn_cx *cx, const tarn_opened *opened, int64_t number, const tarn_json_value **files,
                           int64_t *previous) {
    const tarn_json_value *tree;
    tarn_str text;
    const char *key = list_key(cx, number);
    tarn_code code = tarn_store_read(cx, opened->table->store, key, tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES),
                                     cx->arena, &text);
    if (code == TARN_NOTFOUND)
        return tarn_hint(cx,
                         tarn_fail(cx, TARN_CORRUPT, "the list of files loaded into %s, %s, is gone",
                                   opened->table->name ? opened->table->name : opened->table->location, key),
                         "FORCE = TRUE loads files without looking there");
    TRY(code);
    TRY(tarn_prefix(cx, tarn_json_parse(cx, cx->arena, text, DEPTH, &tree), "%s", key));
    *files = tarn_json_get(tree, "files");
    *previous = tarn_json_as_int(tarn_json_get(tree, "previous"), -1);
    if (!*files || (*files)->kind != TARN_JSON_ARRAY || *previous >= number)
        return tarn_fail(cx, TARN_CORRUPT, "%s is no list of loaded files", key);
    return TARN_OK;
}

tarn_code tarn_loaded_read(tarn_cx *cx, const tarn_opened *opened, tarn_loaded *out) {
    tarn_loaded loaded = {.number = -1};
    TRY(tarn_snapshot_app_version(cx, opened->snapshot, TARN_COPY_APP, &loaded.number));
    for (int64_t number = loaded.number; number >= 0;) {
        const tarn_json_value *files = NULL;
        TRY(tarn_check(cx));
        tarn_loaded_list *list = TARN_PUSH(cx->arena, &loaded.lists);
        list->number = number;
        TRY(read_list(cx, opened, number, &files, &number));
        for (size_t i = 0; i < files->n; i++) {
            tarn_str name = tarn_json_as_str(&files->items[i]);
            if (!name.p) continue;
            *TARN_PUSH(cx->arena, &list->files) = name;
            tarn_map_put(&loaded.all, cx->arena, name, cx);
        }
    }
    *out = loaded;
    return TARN_OK;
}

tarn_code tarn_loaded_write(tarn_cx *cx, const tarn_opened *opened, const tarn_loaded *was, const tarn_str *files,
                            size_t n, int64_t *number) {
    tarn_auto_buf out = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    tarn_jsonw w = TARN_JSONW(&out);
    uint32_t salt;
    size_t taken = 0, total = n;
    int64_t turn = was->number < 0 ? 1 : (was->number >> 32) + 1;
    if (turn > INT32_MAX) return tarn_fail(cx, TARN_LIMIT, "too many loads into one table");
    while (taken < was->lists.n && was->lists.at[taken].files.n <= total) total += was->lists.at[taken++].files.n;
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, "files");
    tarn_jsonw_begin_array(&w);
    for (size_t i = 0; i < n; i++) tarn_jsonw_string(&w, files[i]);
    for (size_t i = 0; i < taken; i++)
        for (size_t k = 0; k < was->lists.at[i].files.n; k++) tarn_jsonw_string(&w, was->lists.at[i].files.at[k]);
    tarn_jsonw_end_array(&w);
    if (taken < was->lists.n) {
        tarn_jsonw_key(&w, "previous");
        tarn_jsonw_int(&w, was->lists.at[taken].number);
    }
    tarn_jsonw_end_object(&w);
    if (!tarn_buf_ok(&out)) return tarn_fail(cx, TARN_LIMIT, "COPY INTO: the list of loaded files is too long");
    /* Of two who load at once one is told of the conflict; the salt keeps their lists apart. */
    tarn_random(cx, &salt, sizeof salt);
    *number = turn << 32 | salt;
    return tarn_store_put(cx, opened->table->store, list_key(cx, *number), (tarn_str){out.data, out.n}, TARN_PUT_ABSENT,
                          NULL, NULL);
}
