/* settings.c: SET, RESET, and the statements other engines need before they can read a lake (INSTALL, LOAD). */
#include "stmt/stmts.h"

/* DuckDB is the one who knows time zones: a name it refuses would make every query fail. */
static tarn_code check_timezone(tarn_cx *cx, tarn_run *run, const char *value) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_conf *now = cx->conf, *with = tarn_conf_copy(now);
    tarn_code code = tarn_conf_set(cx, with, tarn_str_of("timezone"), tarn_str_of(value), TARN_FROM_SET);
    cx->conf = with;
    if (code == TARN_OK) code = tarn_session_conn(cx, run->session, &conn);
    cx->conf = now;
    tarn_conf_free(with);
    return code;
}

/* Tables and DuckDB's keys are shared by all sessions: none may make them another's. And a catalog is read by many. */
static tarn_code check_place(tarn_cx *cx, int option, bool warehouse) {
    const tarn_option_info *info = tarn_option_info_of(option);
    bool account = option >= TARN_S3_ACCESS_KEY_ID && option <= TARN_S3_PROFILE;
    if (warehouse && info->secret)
        return tarn_fail(cx, TARN_INVALID,
                         "%s is a secret, which a warehouse does not keep; give it in the environment", info->name);
    if (!warehouse && account)
        return tarn_fail(cx, TARN_INVALID,
                         "%s is one for all sessions of a process; give it with --set, or in the environment",
                         info->name);
    return TARN_OK;
}

/* SET [LOCAL|SESSION|GLOBAL|WAREHOUSE] name = value */
static tarn_code run_set(tarn_cx *cx, tarn_run *run) {
    tarn_cursor *c = &run->cursor;
    tarn_auto_buf name = TARN_BUF(256);
    const char *value;
    bool warehouse = tarn_accept(c, "WAREHOUSE");
    if (!warehouse) (void)tarn_accept(c, "SESSION|LOCAL|GLOBAL");
    if (tarn_accept(c, "TIME ZONE")) {
        tarn_buf_puts(&name, "timezone");
    } else {
        const char *part;
        do {
            TRY(tarn_parse_ident(cx, c, &part));
            tarn_buf_printf(&name, "%s%s", name.n ? "." : "", part);
        } while (tarn_accept(c, "."));
        if (!tarn_accept(c, "=")) TRY(tarn_expect(cx, c, "TO"));
    }
    TRY(tarn_parse_literal(cx, c, &value));
    TRY(tarn_expect_end(cx, c));
    if (!tarn_buf_ok(&name) || !value) return tarn_fail(cx, TARN_INVALID, "SET: NULL is no value, use RESET");
    int option = tarn_option_find((tarn_str){name.data, name.n});
    if (option < 0) return tarn_fail(cx, TARN_NOTFOUND, "there is no setting %s; SHOW SETTINGS lists them", name.data);
    TRY(check_place(cx, option, warehouse));
    if (option == TARN_TIMEZONE) TRY(check_timezone(cx, run, value));
    if (!warehouse) {
        TRY(tarn_conf_set(cx, run->session->conf, (tarn_str){name.data, name.n}, tarn_str_of(value), TARN_FROM_SET));
        return tarn_stmt_done(cx, run, "%s = %s", name.data, tarn_option_info_of(option)->secret ? "***" : value);
    }
    TRY(tarn_conf_set(cx, run->session->conf, (tarn_str){name.data, name.n}, tarn_str_of(value), TARN_FROM_WAREHOUSE));
    TRY(tarn_catalog_setting(cx, run->session->lake->catalog, name.data, value, NULL));
    return tarn_stmt_done(cx, run,
                          "%s = %s here from now on, and for all who open the warehouse from their next start on",
                          name.data, tarn_option_info_of(option)->secret ? "***" : value);
}

static tarn_code run_reset(tarn_cx *cx, tarn_run *run) {
    tarn_cursor *c = &run->cursor;
    tarn_auto_buf name = TARN_BUF(256);
    const char *part;
    do {
        TRY(tarn_parse_ident(cx, c, &part));
        tarn_buf_printf(&name, "%s%s", name.n ? "." : "", part);
    } while (tarn_accept(c, "."));
    TRY(tarn_expect_end(cx, c));
    TRY(tarn_conf_reset(cx, run->session->conf, (tarn_str){name.data, name.n}));
    return tarn_stmt_done(cx, run, "%s is reset", name.data);
}

/* What these would bring is part of Tarn. */
static tarn_code run_load(tarn_cx *cx, tarn_run *run) {
    static const char *const known[] = {"delta", "iceberg", "httpfs", "parquet", "json", "icu"};
    const char *name;
    TRY(tarn_parse_literal(cx, &run->cursor, &name));
    TRY(tarn_expect_end(cx, &run->cursor));
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (tarn_name_eq(name, known[i])) return tarn_stmt_done(cx, run, "%s is built in", known[i]);
    return tarn_fail(cx, TARN_DENIED, "extensions are not loaded: %s is not part of Tarn", name ? name : "NULL");
}

const tarn_stmt tarn_stmt_set = {.name = "SET",
                                 .keywords = "SET",
                                 .privilege = TARN_PRIV_NONE,
                                 .run = run_set,
                                 .help =
                                     "SET [WAREHOUSE] name = value\nChanges a setting for this session; with WAREHOUSE "
                                     "also for all who open the warehouse after."};
const tarn_stmt tarn_stmt_reset = {.name = "RESET",
                                   .keywords = "RESET",
                                   .privilege = TARN_PRIV_NONE,
                                   .run = run_reset,
                                   .help = "RESET name\nTakes a SET back."};
const tarn_stmt tarn_stmt_load = {
    .name = "LOAD",
    .keywords = "LOAD|INSTALL",
    .privilege = TARN_PRIV_NONE,
    .run = run_load,
    .help = "INSTALL x; LOAD x\nAccepted for what Tarn has built in, so that scripts for DuckDB run."};
