/* expire.c: takes away the files of versions that a table has forgotten. */
#include "table/upkeep.h"

enum { BATCH = 1000 };

typedef struct doomed {
    tarn_cx *cx;
    TARN_VEC(const char *) keys;
    tarn_expire_result result;
} doomed;

static void add_file(void *state, tarn_file_kind kind, tarn_str key) {
    doomed *d = state;
    const char *own = tarn_arena_strndup(d->cx->arena, key.p, key.n);
    if (own[0] == '/' || strstr(own, "://")) return;
    *TARN_PUSH(d->cx->arena, &d->keys) = own;
    d->result.files[kind]++;
}

static tarn_code remove_all(tarn_cx *cx, const tarn_table *table, const doomed *d) {
    for (size_t i = 0; i < d->keys.n; i += BATCH) {
        size_t n = d->keys.n - i < BATCH ? d->keys.n - i : BATCH;
        TRY(tarn_check(cx));
        TRY(tarn_store_remove(cx, table->store, d->keys.at + i, n));
    }
    return TARN_OK;
}

tarn_code tarn_expire_files(tarn_cx *cx, const tarn_table *table, tarn_snapshot *before, tarn_snapshot *after, bool dry,
                            tarn_expire_result *out) {
    doomed d = {.cx = cx};
    tarn_code code = tarn_snapshot_unneeded(cx, before, after, add_file, &d);
    if (code == TARN_OK && !dry) code = remove_all(cx, table, &d);
    if (code != TARN_OK && !dry)
        return tarn_hint(cx, tarn_prefix(cx, code, "the versions are forgotten, not all their files removed"),
                         "VACUUM removes them once they are old enough");
    TRY(code);
    *out = d.result;
    return TARN_OK;
}
