/* refs.c: procedures that move a branch to another version of its table: back, forward, or anywhere. */
#include "stmt/call/call.h"

typedef struct moving {
    const char *operation;
    tarn_ref_change want;
    const tarn_ref_change *done; /* with where it was and is */
} moving;

static const tarn_ref_change main_moves = {.name = "main",
                                           .branch = true,
                                           .create = true,
                                           .replace = true,
                                           .version = -1,
                                           .before_ms = -1,
                                           .ref_age_ms_max = -1,
                                           .snapshot_age_ms_max = -1,
                                           .snapshots_min = -1};

static tarn_code plan_move(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    moving *m = state;
    TRY(tarn_call_require(cx, opened, TARN_CAN_BRANCH, "branches"));
    change->operation = m->operation;
    tarn_ref_change *ref = TARN_PUSH(cx->arena, &change->refs);
    *ref = m->want;
    m->done = ref;
    return tarn_table_prepare(cx, opened->table, opened->snapshot, change);
}

static void put_id(tarn_rowset *rows, int64_t id) {
    if (id < 0)
        tarn_rowset_null(rows);
    else
        tarn_rowset_int(rows, id);
}

static tarn_code move_main(tarn_cx *cx, tarn_run *run, const tarn_arg *args, moving *m) {
    static const tarn_rowset_column columns[] = {{"previous_snapshot_id", "l"}, {"current_snapshot_id", "l"}};
    TRY(tarn_session_change(cx, run->session, &args[0].table, plan_move, m, NULL));
    tarn_rowset *rows = tarn_rowset_new(columns, 2);
    put_id(rows, m->done->was_id);
    put_id(rows, m->done->now_id);
    return tarn_stmt_rows(cx, run, rows, true);
}

static tarn_code check_version(tarn_cx *cx, int64_t version) {
    return version >= 0 ? TARN_OK : tarn_fail(cx, TARN_INVALID, "no version is called %lld", (long long)version);
}

static tarn_code run_rollback_to_snapshot(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    moving m = {.operation = "ROLLBACK", .want = main_moves};
    TRY(check_version(cx, args[1].n));
    m.want.version = args[1].n;
    m.want.back = true;
    return move_main(cx, run, args, &m);
}

static tarn_code run_rollback_to_timestamp(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    moving m = {.operation = "ROLLBACK", .want = main_moves};
    if (args[1].n < 0) return tarn_fail(cx, TARN_NOTFOUND, "no snapshot is as old as that");
    m.want.before_ms = args[1].n / 1000;
    return move_main(cx, run, args, &m);
}

static tarn_code run_set_current_snapshot(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    moving m = {.operation = "SET CURRENT SNAPSHOT", .want = main_moves};
    if (args[1].given == args[2].given)
        return tarn_fail(cx, TARN_INVALID, "set_current_snapshot takes either snapshot_id or ref");
    if (args[1].given) TRY(check_version(cx, args[1].n));
    if (args[1].given) m.want.version = args[1].n;
    m.want.to = args[2].text;
    return move_main(cx, run, args, &m);
}

static tarn_code run_fast_forward(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    static const tarn_rowset_column columns[] = {{"branch_updated", "u"}, {"previous_ref", "l"}, {"updated_ref", "l"}};
    moving m = {.operation = "FAST FORWARD", .want = main_moves};
    m.want.name = args[1].text;
    m.want.to = args[2].text;
    m.want.forward = true;
    TRY(tarn_session_change(cx, run->session, &args[0].table, plan_move, &m, NULL));
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    tarn_rowset_text(rows, m.want.name);
    put_id(rows, m.done->was_id);
    put_id(rows, m.done->now_id);
    return tarn_stmt_rows(cx, run, rows, true);
}

const tarn_procedure tarn_procedure_rollback_to_snapshot = {
    .name = "rollback_to_snapshot",
    .params = {{"table", TARN_CALL_TABLE, true}, {"snapshot_id", TARN_CALL_INT, true}},
    .run = run_rollback_to_snapshot,
    .help = "Makes an earlier snapshot, from which the current one came, the current one again.",
};

const tarn_procedure tarn_procedure_rollback_to_timestamp = {
    .name = "rollback_to_timestamp",
    .params = {{"table", TARN_CALL_TABLE, true}, {"timestamp", TARN_CALL_TIMESTAMP, true}},
    .run = run_rollback_to_timestamp,
    .help = "Makes the newest snapshot older than a time, of those from which the current one came, the current one.",
};

const tarn_procedure tarn_procedure_set_current_snapshot = {
    .name = "set_current_snapshot",
    .params = {{"table", TARN_CALL_TABLE, true}, {"snapshot_id", TARN_CALL_INT, false}, {"ref", TARN_CALL_TEXT, false}},
    .run = run_set_current_snapshot,
    .help = "Makes any snapshot, or that of a branch or tag, the current one.",
};

const tarn_procedure tarn_procedure_fast_forward = {
    .name = "fast_forward",
    .params = {{"table", TARN_CALL_TABLE, true}, {"branch", TARN_CALL_TEXT, true}, {"to", TARN_CALL_TEXT, true}},
    .run = run_fast_forward,
    .help = "Moves a branch (main is the table itself) on to where another branch or a tag is that came from it.",
};
