/* session.c: opens and ends sessions, runs a statement, and carries writes through to their commit. */
#include "session/session.h"

#include <stdlib.h>

#include "format/commit.h"
#include "session/guard.h"
#include "session/sources.h"
#include "session/tables.h"
#include "session/txn.h"
#include "table/write.h"

tarn_code tarn_session_new(tarn_cx *cx, tarn_lake *lake, const char *principal, tarn_session **out) {
    tarn_session *s = calloc(1, sizeof *s);
    if (!s) return tarn_fail(cx, TARN_NOMEM, "no memory for a session");
    s->lake = lake;
    s->conf = tarn_conf_copy(lake->conf);
    s->arena = tarn_arena_new();
    s->principal = principal ? tarn_arena_strdup(s->arena, principal) : NULL;
    s->catalog = "lake";
    s->schema = "main";
    atomic_init(&s->progress, -1);
    atomic_init(&s->refs, 1);
    *out = s;
    return TARN_OK;
}

void tarn_session_free(tarn_session *s) {
    if (!s) return;
    tarn_txn_free(s);
    tarn_sources_free(s->sources);
    tarn_conf_free(s->conf);
    tarn_arena_free(s->arena);
    free(s);
}

tarn_code tarn_session_conn(tarn_cx *cx, tarn_session *s, tarn_conn **out) {
    return tarn_engine_conn(cx, s->lake->engine, TARN_DB_EXECUTE, out);
}

tarn_code tarn_session_run(tarn_cx *cx, tarn_session *s, tarn_str sql, const tarn_bind *binds, size_t n_binds,
                           const char *to_parquet, tarn_output *out) {
    tarn_tokens tokens;
    tarn_run run = {
        .session = s, .text = sql, .binds = binds, .n_binds = n_binds, .to_parquet = to_parquet, .out = out};
    TRY(tarn_lex(cx, sql, &tokens));
    run.cursor = (tarn_cursor){&tokens, 0};
    TRY(tarn_guard_find(cx, s->lake, &run.cursor, &run.stmt));
    tarn_catalog_begin(s->lake->catalog);
    TRY(tarn_guard_check(cx, s, run.stmt));
    int changes = tarn_txn_changes(s);
    tarn_code code = run.stmt->run(cx, &run);
    if (s->txn && tarn_txn_changes(s) != changes) { /* what it parsed and planned waits for COMMIT with its change */
        tarn_arena_adopt(tarn_txn_arena(s), cx->arena);
        cx->arena = tarn_arena_new();
    }
    return code;
}

static bool has_effect(const tarn_change *c) {
    return c->adds.n || c->removes.n || c->schema || c->properties.n || c->checks.n || c->comment || c->refs.n ||
           c->expire || c->regroup || c->create || c->repartition || c->resort || c->replace || c->app_id;
}

/* The name that rows are staged under, in tables that want it; NULL: they are not. */
static const char *staged_as(tarn_cx *cx, const tarn_snapshot *snapshot) {
    const char *name = tarn_conf_text(cx->conf, TARN_WRITE_WAP_ID);
    const char *wanted = tarn_snapshot_property(snapshot, "write.wap.enabled");
    bool can = snapshot->format->features & TARN_CAN_BRANCH;
    return can && *name && wanted && tarn_str_ieq(tarn_str_of(wanted), TARN_LIT("true"))
               ? tarn_arena_strdup(cx->arena, name)
               : NULL;
}

/* One try: on the snapshot of now. */
static tarn_code change_once(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_change_fn *plan, void *state,
                             int64_t *version) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    tarn_change change = {0};
    tarn_snapshot *fresh = NULL;
    TRY(tarn_session_open_table(cx, s, name, &latest, &opened));
    *version = opened.snapshot->version;
    tarn_code code = tarn_snapshot_writable(cx, opened.snapshot);
    if (code == TARN_OK) code = plan(cx, state, &opened, &change);
    bool planned = code == TARN_OK;
    if ((change.adds.n || change.removes.n) && !change.picked) change.staged = staged_as(cx, opened.snapshot);
    if (planned && has_effect(&change)) {
        if (s->txn) {
            code = tarn_txn_add(cx, s, &opened, &change);
        } else {
            code = tarn_commit(cx, opened.table, opened.snapshot, &change, &fresh);
            if (code == TARN_OK) *version = fresh->version;
        }
    }
    if (code != TARN_OK && (!planned || s->txn || tarn_commit_refused(code))) {
        tarn_error why = cx->error;
        tarn_write_abandon(cx, opened.table, &change);
        cx->error = why;
    }
    if (fresh) tarn_tables_put(s->lake->tables, opened.table, fresh);
    tarn_snapshot_release(fresh);
    tarn_opened_done(&opened);
    return code;
}

tarn_code tarn_session_change(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_change_fn *plan, void *state,
                              int64_t *version) {
    int64_t until = tarn_monotonic_us() + 1000 * tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT), ignored;
    if (!version) version = &ignored;
    if (s->txn) return change_once(cx, s, name, plan, state, version);
    tarn_code code = change_once(cx, s, name, plan, state, version);
    while (code == TARN_CONFLICT && tarn_monotonic_us() < until) {
        TRY(tarn_check(cx));
        tarn_count(cx, commit_retries, 1);
        tarn_clear_error(cx);
        code = change_once(cx, s, name, plan, state, version);
    }
    return code;
}

tarn_code tarn_output_rows(tarn_cx *cx, tarn_output *out, tarn_rowset **rows, bool is_query) {
    out->is_query = is_query;
    return tarn_rowset_stream(cx, rows, &out->stream);
}
