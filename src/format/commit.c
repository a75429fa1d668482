/* commit.c: the one commit loop: make durable, publish, and on a lost race rebase and try again. */
#include "base/crypto.h"
#include "base/log.h"
#include "format/format.h"

/* Data files come first: what a commit names must outlive a crash. */
static tarn_code make_durable(tarn_cx *cx, const tarn_table *table, const tarn_change *change) {
    const char **keys = TARN_NEW_ARRAY(cx->arena, const char *, change->adds.n);
    size_t n = 0;
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *a = &change->adds.at[i];
        bool own = !a->from && a->path && a->path[0] != '/' && !strstr(a->path, "://");
        if (own) keys[n++] = a->path;
    }
    return n ? tarn_store_sync(cx, table->store, keys, n) : TARN_OK;
}

static tarn_code check_app(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change) {
    int64_t version = -1;
    if (!change->app_id || !base || base->version < 0) return TARN_OK;
    TRY(tarn_format_require(cx, table->format, TARN_CAN_APP_TRANSACTIONS, "application transactions"));
    TRY(table->format->app_version(cx, base, change->app_id, &version));
    if (version < change->app_version) return TARN_OK;
    return tarn_fail(cx, TARN_EXISTS, "application \"%s\" has committed its version %lld already", change->app_id,
                     (long long)version);
}

/* Leaves in *base the snapshot that was committed on. */
static tarn_code race(tarn_cx *cx, const tarn_table *table, tarn_snapshot **base, tarn_change *change,
                      int64_t *version) {
    int64_t until = tarn_monotonic_us() + tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT) * 1000;
    for (int attempt = 0;; attempt++) {
        tarn_code code = table->format->commit(cx, table, *base, change, version);
        if (code != TARN_EXISTS) return code;
        tarn_count(cx, commit_retries, 1);
        if (tarn_monotonic_us() >= until)
            return tarn_fail(cx, TARN_CONFLICT,
                             "other writers were faster for all of commit.retry_timeout; try again, or raise it");
        tarn_clear_error(cx);
        TRY(tarn_wait_turn(cx, attempt, until));
        tarn_snapshot *fresh = NULL;
        TRY(table->format->rebase(cx, table, *base, change, &fresh));
        tarn_snapshot_release(*base);
        *base = fresh;
    }
}

static void maintain(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot) {
    if (table->format->maintain) table->format->maintain(cx, table, snapshot);
    tarn_clear_error(cx); /* the commit stands whatever became of this */
}

static tarn_code commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                        tarn_snapshot **out) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) on = tarn_snapshot_retain(base);
    int64_t version = -1;
    if (!change->commit_id) {
        char uuid[TARN_UUID_TEXT];
        tarn_uuid_v4(cx, uuid);
        change->commit_id = tarn_arena_strdup(cx->arena, uuid);
    }
    TRY(check_app(cx, table, base, change));
    TRY(table->format->prepare(cx, table, base, change));
    TRY(make_durable(cx, table, change));
    TRY(race(cx, table, &on, change, &version));
    tarn_count(cx, commits, 1);
    /* From here on nothing may fail the commit: a snapshot that cannot be had cheaply is opened. */
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) after = NULL;
    tarn_code code = on ? table->format->apply(cx, on, change, version, &after) : TARN_INTERNAL;
    if (code != TARN_OK) {
        tarn_at at = {.kind = TARN_AT_VERSION, .version = version};
        tarn_clear_error(cx);
        code = tarn_table_open(cx, table, &at, NULL, &after);
    }
    if (code == TARN_OK)
        maintain(cx, table, after);
    else
        tarn_log(cx, TARN_LOG_WARN, "snapshot_after_commit", "table", table->location, "error", cx->error.message,
                 NULL);
    if (!out) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    TRY(code);
    *out = after;
    after = NULL;
    return TARN_OK;
}

bool tarn_commit_refused(tarn_code code) {
    return code == TARN_CONFLICT || code == TARN_EXISTS || code == TARN_UNSUPPORTED || code == TARN_INVALID ||
           code == TARN_CONSTRAINT || code == TARN_DENIED;
}

tarn_code tarn_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                      tarn_snapshot **out) {
    TRY(tarn_format_require(cx, table->format, TARN_CAN_WRITE, "writing"));
    if (base && base->version >= 0) TRY(tarn_snapshot_writable(cx, base));
    return tarn_prefix(cx, commit(cx, table, base, change, out), "%s table %s", table->format->name,
                       table->name ? table->name : table->location);
}
