/* history.c: procedures of where versions came from: their ancestors, and commits made once more elsewhere. */
#include "stmt/call/call.h"

static const char VERSIONS[] = "branches";

static tarn_code run_ancestors_of(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    static const tarn_rowset_column columns[] = {{"snapshot_id", "l"}, {"timestamp", "l"}};
    tarn_at at = {.kind = args[1].given ? TARN_AT_VERSION : TARN_AT_LATEST, .version = args[1].n};
    tarn_opened opened;
    tarn_ancestor *all = NULL;
    size_t n = 0;
    TRY(tarn_session_open_table(cx, run->session, &args[0].table, &at, &opened));
    tarn_code code = tarn_call_require(cx, &opened, TARN_CAN_BRANCH, VERSIONS);
    if (code == TARN_OK) code = tarn_snapshot_ancestors(cx, opened.snapshot, &all, &n);
    tarn_opened_done(&opened);
    TRY(code);
    tarn_rowset *rows = tarn_rowset_new(columns, 2);
    for (size_t i = 0; i < n; i++) {
        tarn_rowset_int(rows, all[i].id);
        tarn_rowset_int(rows, all[i].timestamp_ms);
    }
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code plan_pick(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    tarn_pick *pick = state;
    tarn_snapshot_release(pick->from); /* of a try that lost its race */
    pick->from = NULL;
    TRY(tarn_call_require(cx, opened, TARN_CAN_BRANCH, VERSIONS));
    return tarn_snapshot_pick(cx, opened->snapshot, pick, change);
}

static tarn_code run_pick(tarn_cx *cx, tarn_run *run, const tarn_name *table, tarn_pick *pick) {
    static const tarn_rowset_column columns[] = {{"source_snapshot_id", "l"}, {"current_snapshot_id", "l"}};
    tarn_at at = {.kind = TARN_AT_VERSION};
    tarn_opened after;
    tarn_code code = tarn_session_change(cx, run->session, table, plan_pick, pick, &at.version);
    tarn_snapshot_release(pick->from);
    TRY(code);
    TRY(tarn_session_open_table(cx, run->session, table, &at, &after));
    tarn_rowset *rows = tarn_rowset_new(columns, 2);
    tarn_rowset_int(rows, pick->id);
    tarn_rowset_int(rows, after.snapshot->own_id);
    tarn_opened_done(&after);
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code run_cherrypick_snapshot(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    tarn_pick pick = {.version = args[1].n};
    if (pick.version < 0) return tarn_fail(cx, TARN_INVALID, "no version is called %lld", (long long)pick.version);
    return run_pick(cx, run, &args[0].table, &pick);
}

static tarn_code run_publish_changes(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    tarn_pick pick = {.version = -1, .staged = args[1].text};
    return run_pick(cx, run, &args[0].table, &pick);
}

const tarn_procedure tarn_procedure_ancestors_of = {
    .name = "ancestors_of",
    .params = {{"table", TARN_CALL_TABLE, true}, {"snapshot_id", TARN_CALL_INT, false}},
    .reads_only = true,
    .run = run_ancestors_of,
    .help = "Gives a snapshot, or the current one, and those it came from, newest first, with their times in ms.",
};

const tarn_procedure tarn_procedure_cherrypick_snapshot = {
    .name = "cherrypick_snapshot",
    .params = {{"table", TARN_CALL_TABLE, true}, {"snapshot_id", TARN_CALL_INT, true}},
    .run = run_cherrypick_snapshot,
    .help = "Makes the commit of a snapshot once more on the table as it is now: one that only added rows, or "
            "replaced partitions that nobody has changed since, or any one that was made on the current snapshot.",
};

const tarn_procedure tarn_procedure_publish_changes = {
    .name = "publish_changes",
    .params = {{"table", TARN_CALL_TABLE, true}, {"wap_id", TARN_CALL_TEXT, true}},
    .run = run_publish_changes,
    .help = "Picks the snapshot that a writer staged with this wap.id in its summary; each is published once.",
};
