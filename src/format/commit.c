/* commit.c: the one commit loop: make durable, publish, and on a lost race rebase and try again. */
#include "format/commit.h"

#include "base/crypto.h"
#include "base/log.h"

/* Data files come first: what a commit names must outlive a crash. */
static tarn_code make_durable(tarn_cx *cx, const tarn_table *table, const tarn_change *change) {
    const char **keys = TARN_NEW_ARRAY(cx->arena, const char *, change->adds.n + change->recorded.n);
    size_t n = 0;
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *a = &change->adds.at[i];
        bool own = !a->from && a->path && a->path[0] != '/' && !strstr(a->path, "://");
        if (own) keys[n++] = a->path;
    }
    for (size_t i = 0; i < change->recorded.n; i++) keys[n++] = change->recorded.at[i].path;
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

/* A part under way. */
typedef struct attempt {
    tarn_commit_part *part;
    tarn_snapshot *on; /* what it is committed on; held */
    int64_t version;
} attempt;

static tarn_code named(tarn_cx *cx, const attempt *a, tarn_code code) {
    const tarn_table *table = a->part->table;
    return tarn_prefix(cx, code, "%s table %s", table->format->name, table->name ? table->name : table->location);
}

static tarn_code ready(tarn_cx *cx, attempt *a) {
    const tarn_table *table = a->part->table;
    tarn_change *change = a->part->change;
    if (!change->commit_id) {
        char uuid[TARN_UUID_TEXT];
        tarn_uuid_v4(cx, uuid);
        change->commit_id = tarn_arena_strdup(cx->arena, uuid);
    }
    TRY(check_app(cx, table, a->on, change));
    TRY(table->format->prepare(cx, table, a->on, change));
    return make_durable(cx, table, change);
}

/* Several tables: each writes its metadata, and one step of their catalog makes all of it the newest. */
static tarn_code publish(tarn_cx *cx, attempt *all, size_t n) {
    tarn_steps steps = {0};
    for (size_t i = 0; i < n; i++) {
        attempt *a = &all[i];
        a->part->change->together = n > 1 ? &steps : NULL;
        TRY(named(cx, a, a->part->table->format->commit(cx, a->part->table, a->on, a->part->change, &a->version)));
    }
    return n > 1 ? all[0].part->table->committer->swap(cx, steps.at, steps.n) : TARN_OK;
}

static tarn_code rebase(tarn_cx *cx, attempt *a) {
    const tarn_table *table = a->part->table;
    tarn_snapshot *fresh = NULL;
    TRY(named(cx, a, table->format->rebase(cx, table, a->on, a->part->change, &fresh)));
    tarn_snapshot_release(a->on);
    a->on = fresh;
    return TARN_OK;
}

static tarn_code race(tarn_cx *cx, attempt *all, size_t n) {
    int64_t until = tarn_monotonic_us() + tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT) * 1000;
    for (int try = 0;; try++) {
        tarn_code code = publish(cx, all, n);
        if (code != TARN_EXISTS) return code;
        tarn_count(cx, commit_retries, 1);
        if (tarn_monotonic_us() >= until)
            return tarn_fail(cx, TARN_CONFLICT,
                             "other writers were faster for all of commit.retry_timeout; try again, or raise it");
        tarn_clear_error(cx);
        TRY(tarn_wait_turn(cx, try, until));
        for (size_t i = 0; i < n; i++) TRY(rebase(cx, &all[i]));
    }
}

static void maintain(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot) {
    if (table->format->maintain) table->format->maintain(cx, table, snapshot);
    tarn_clear_error(cx); /* the commit stands whatever became of this */
}

/* Nothing may fail the commit any more: a snapshot that cannot be had cheaply is opened. */
static tarn_code look_after(tarn_cx *cx, attempt *a) {
    const tarn_table *table = a->part->table;
    tarn_snapshot *after = NULL;
    tarn_count(cx, commits, 1);
    tarn_code code = a->on ? table->format->apply(cx, a->on, a->part->change, a->version, &after) : TARN_INTERNAL;
    if (code != TARN_OK) {
        tarn_at at = {.kind = TARN_AT_VERSION, .version = a->version};
        tarn_clear_error(cx);
        code = tarn_table_open(cx, table, &at, NULL, &after);
    }
    if (code == TARN_OK)
        maintain(cx, table, after);
    else
        tarn_log(cx, TARN_LOG_WARN, "snapshot_after_commit", "table", table->location, "error", cx->error.message,
                 NULL);
    a->part->after = after;
    return named(cx, a, code);
}

bool tarn_commit_refused(tarn_code code) {
    return code == TARN_CONFLICT || code == TARN_EXISTS || code == TARN_UNSUPPORTED || code == TARN_INVALID ||
           code == TARN_CONSTRAINT || code == TARN_DENIED;
}

static tarn_code allowed(tarn_cx *cx, const tarn_commit_part *part, bool alone) {
    const tarn_table *table = part->table;
    TRY(tarn_format_require(cx, table->format, TARN_CAN_WRITE, "writing"));
    if (part->base && part->base->version >= 0) TRY(tarn_snapshot_writable(cx, part->base));
    if (alone || table->committer) return TARN_OK;
    return tarn_hint(cx,
                     tarn_fail(cx, TARN_UNSUPPORTED,
                               "%s table %s can only be changed in a transaction of its own: its versions are not in "
                               "the catalog",
                               table->format->name, table->name ? table->name : table->location),
                     "COMMIT before another table is changed");
}

tarn_code tarn_commit_together(tarn_cx *cx, tarn_commit_part *parts, size_t n) {
    attempt *all = TARN_NEW_ARRAY(cx->arena, attempt, n);
    tarn_code code = TARN_OK;
    for (size_t i = 0; i < n && code == TARN_OK; i++) code = allowed(cx, &parts[i], n == 1);
    for (size_t i = 0; i < n; i++) all[i] = (attempt){&parts[i], tarn_snapshot_retain(parts[i].base), -1};
    for (size_t i = 0; i < n && code == TARN_OK; i++) code = named(cx, &all[i], ready(cx, &all[i]));
    if (code == TARN_OK) code = race(cx, all, n);
    bool published = code == TARN_OK;
    for (size_t i = 0; published && i < n; i++) {
        parts[i].published = true;
        tarn_code seen = look_after(cx, &all[i]);
        if (code == TARN_OK) code = seen;
    }
    for (size_t i = 0; i < n; i++) tarn_snapshot_release(all[i].on);
    return code;
}

tarn_code tarn_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                      tarn_snapshot **out) {
    tarn_commit_part part = {.table = table, .base = base, .change = change};
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) after = NULL;
    tarn_code code = tarn_commit_together(cx, &part, 1);
    after = part.after;
    if (!out && part.published) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    TRY(code);
    *out = after;
    after = NULL;
    return TARN_OK;
}
