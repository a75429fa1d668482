/* txn.c: BEGIN, COMMIT and ROLLBACK. */
#include "stmt/stmts.h"

/* WORK, TRANSACTION: words without a meaning of their own. */
static tarn_code end_words(tarn_cx *cx, tarn_run *run) {
    (void)(tarn_accept(&run->cursor, "WORK") || tarn_accept(&run->cursor, "TRANSACTION"));
    return tarn_expect_end(cx, &run->cursor);
}

static tarn_code run_begin(tarn_cx *cx, tarn_run *run) {
    TRY(end_words(cx, run));
    TRY(tarn_session_begin(cx, run->session));
    return tarn_stmt_done(cx, run, "BEGIN");
}

static tarn_code run_commit(tarn_cx *cx, tarn_run *run) {
    TRY(end_words(cx, run));
    TRY(tarn_session_commit(cx, run->session));
    return tarn_stmt_done(cx, run, "COMMIT");
}

static tarn_code run_rollback(tarn_cx *cx, tarn_run *run) {
    TRY(end_words(cx, run));
    TRY(tarn_session_rollback(cx, run->session));
    return tarn_stmt_done(cx, run, "ROLLBACK");
}

const tarn_stmt tarn_stmt_begin = {
    .name = "BEGIN",
    .keywords = "BEGIN|START TRANSACTION",
    .privilege = TARN_PRIV_NONE,
    .run = run_begin,
    .help = "BEGIN\nStarts a transaction: its statements read what it wrote, and COMMIT publishes all or nothing.",
};

const tarn_stmt tarn_stmt_commit = {
    .name = "COMMIT",
    .keywords = "COMMIT|END",
    .privilege = TARN_PRIV_NONE,
    .run = run_commit,
    .help = "COMMIT\nPublishes what the transaction did; CONFLICT when another commit made it untrue.",
};

const tarn_stmt tarn_stmt_rollback = {
    .name = "ROLLBACK",
    .keywords = "ROLLBACK|ABORT",
    .privilege = TARN_PRIV_NONE,
    .run = run_rollback,
    .help = "ROLLBACK\nForgets what the transaction did.",
};
