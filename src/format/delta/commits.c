/* commits.c: what the commits of a log say, read newest first: the metadata, and the files through replay.c. */
#include "base/pool.h"
#include "format/delta/snapshot.h"

enum { WINDOW_BYTES = 16 << 20, WINDOW_FILES = 64 };

static bool same(const char *a, const char *b) { return a && b && !strcmp(a, b); }

const tarn_delta_txn *tarn_delta_find_txn(const tarn_delta_snapshot *s, const char *app_id) {
    for (size_t i = 0; i < s->txns.n; i++)
        if (same(s->txns.at[i].app_id, app_id)) return &s->txns.at[i];
    return NULL;
}

void tarn_delta_add_txn(tarn_delta_snapshot *s, const tarn_delta_txn *txn) {
    if (!tarn_delta_find_txn(s, txn->app_id)) *TARN_PUSH(s->base.arena, &s->txns) = *txn;
}

void tarn_delta_add_domain(tarn_delta_snapshot *s, const tarn_delta_domain *domain) {
    for (size_t i = 0; i < s->domains.n; i++)
        if (same(s->domains.at[i].domain, domain->domain)) return;
    *TARN_PUSH(s->base.arena, &s->domains) = *domain;
}

static tarn_code take_action(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    tarn_delta_walk *w = state;
    tarn_delta_snapshot *s = w->s;
    switch (a->kind) {
    case TARN_DELTA_ADD:
    case TARN_DELTA_REMOVE: return w->replay ? tarn_delta_replay_action(cx, w->replay, a) : TARN_OK;
    case TARN_DELTA_PROTOCOL:
        if (w->protocol) return TARN_OK;
        s->protocol = a->protocol;
        w->protocol = w->kept = true;
        return TARN_OK;
    case TARN_DELTA_METADATA:
        if (w->meta) return TARN_OK;
        s->meta = a->meta;
        w->meta = w->kept = true;
        return TARN_OK;
    case TARN_DELTA_TXN:
        if (!s->states_complete) tarn_delta_add_txn(s, &a->txn), w->kept = true;
        return TARN_OK;
    case TARN_DELTA_DOMAIN:
        if (!s->states_complete) tarn_delta_add_domain(s, &a->domain), w->kept = true;
        return TARN_OK;
    case TARN_DELTA_COMMIT_INFO:
        if (w->version == s->base.version) s->ict_ms = a->ict;
        return TARN_OK;
    default: return TARN_OK;
    }
}

tarn_code tarn_delta_walk_commit(tarn_cx *cx, tarn_delta_walk *w, int64_t version, const char *key, tarn_str text) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    w->version = version;
    w->kept = false;
    TRY(tarn_delta_actions(cx, arena, text, key, take_action, w));
    if (w->kept) {
        tarn_arena_adopt(w->s->base.arena, arena);
        arena = NULL;
    }
    return TARN_OK;
}

typedef struct fetch {
    tarn_store *store;
    const char **keys;
    tarn_buf *texts;
} fetch;

static tarn_code fetch_one(tarn_cx *cx, size_t i, void *state) {
    fetch *f = state;
    return tarn_store_get(cx, f->store, f->keys[i], NULL, &f->texts[i], NULL);
}

/* Commits [first, first + n) of the log, newest first; read many at a time, for stores that make one wait. */
static tarn_code take_window(tarn_cx *cx, tarn_delta_walk *w, const tarn_delta_log *log, size_t first, size_t n) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    size_t max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES);
    fetch f = {.store = w->s->base.table->store};
    f.keys = TARN_NEW_ARRAY(arena, const char *, n);
    f.texts = TARN_NEW_ARRAY(arena, tarn_buf, n);
    for (size_t i = 0; i < n; i++) {
        f.keys[i] = tarn_delta_commit_key(arena, &log->commits.at[first + i]);
        f.texts[i] = TARN_BUF(max);
    }
    tarn_code code = n == 1 ? fetch_one(cx, 0, &f) : tarn_pool_run(cx, n, fetch_one, &f);
    for (size_t i = n; i-- > 0;) {
        tarn_buf *text = &f.texts[i];
        if (code == TARN_OK)
            code = tarn_delta_walk_commit(cx, w, log->commits.at[first + i].version, f.keys[i],
                                          (tarn_str){text->data, text->n});
        tarn_buf_free(text);
    }
    return code;
}

tarn_code tarn_delta_walk_log(tarn_cx *cx, tarn_delta_walk *w, const tarn_delta_log *log) {
    size_t left = log->commits.n;
    while (left > 0) {
        TRY(tarn_check(cx));
        size_t first = left - 1;
        int64_t bytes = log->commits.at[first].size;
        while (first > 0 && left - first < WINDOW_FILES && bytes + log->commits.at[first - 1].size <= WINDOW_BYTES)
            bytes += log->commits.at[--first].size;
        TRY(take_window(cx, w, log, first, left - first));
        left = first;
    }
    return TARN_OK;
}
