/* upkeep.c: OPTIMIZE, REORG, VACUUM and RESTORE as statements. */
#include "stmt/dml/assign.h"
#include "stmt/stmts.h"

#include <inttypes.h>

/* Read from the plan of a query with it. */
tarn_code tarn_stmt_read_where(tarn_cx *cx, const tarn_optimizing *o, const tarn_opened *opened, tarn_conn *conn,
                               const tarn_expr **out) {
    tarn_planned planned;
    const tarn_plan_ref *ref;
    const char *alias = tarn_sql_name(cx->arena, o->table.path ? "t" : o->table.part[o->table.n_parts - 1]);
    const char *sql =
        tarn_printf(cx, "SELECT 1 FROM \"" TARN_TARGET "\" AS %s WHERE %.*s", alias, (int)o->where.n, o->where.p);
    TRY(tarn_stmt_plan_target(cx, o->run, opened, &o->table, conn, sql, &planned, &ref));
    tarn_schema *columns;
    tarn_code code = tarn_stmt_columns(cx, o->run, conn, tarn_str_of(sql), &planned, &columns);
    *out = code == TARN_OK && ref && ref->filter ? tarn_expr_copy(cx->arena, ref->filter) : NULL;
    tarn_planned_done(&planned);
    TRY(code);
    if (o->any_column) return *out ? TARN_OK : tarn_fail(cx, TARN_INVALID, "where must compare columns with constants");
    bool *named = TARN_NEW_ARRAY(cx->arena, bool, opened->snapshot->schema->n_fields);
    if (*out) tarn_expr_columns(*out, named, opened->snapshot->schema->n_fields);
    for (size_t i = 0; i < opened->snapshot->n_partition; i++) named[opened->snapshot->partition[i].column] = false;
    for (size_t i = 0; i < opened->snapshot->schema->n_fields; i++)
        if (named[i])
            return tarn_fail(cx, TARN_INVALID, "%s: WHERE may only name partition columns, %s is none",
                             o->spec.purge ? "REORG" : "OPTIMIZE", opened->snapshot->schema->fields[i].name);
    if (!*out) return tarn_fail(cx, TARN_INVALID, "WHERE must compare partition columns with constants");
    return TARN_OK;
}

static tarn_code optimize_once(tarn_cx *cx, tarn_optimizing *o) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, o->run->session, &o->table, &latest, &opened));
    tarn_code code = tarn_snapshot_writable(cx, opened.snapshot);
    if (code == TARN_OK) code = tarn_session_conn(cx, o->run->session, &conn);
    if (code == TARN_OK && o->where.p) code = tarn_stmt_read_where(cx, o, &opened, conn, &o->spec.where);
    if (code == TARN_OK && o->check) code = o->check(cx, o, &opened);
    if (code == TARN_OK) code = tarn_optimize(cx, conn, opened.table, opened.snapshot, &o->spec, &o->result);
    tarn_opened_done(&opened);
    return code;
}

tarn_code tarn_stmt_optimized(tarn_cx *cx, tarn_optimizing *o) {
    int64_t until = tarn_monotonic_us() + 1000 * tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT);
    tarn_code code;
    while ((code = optimize_once(cx, o)) == TARN_CONFLICT && tarn_monotonic_us() < until) TRY(tarn_check(cx));
    return code;
}

static tarn_code finish_optimize(tarn_cx *cx, tarn_run *run, tarn_optimizing *o) {
    TRY(tarn_expect_end(cx, &run->cursor));
    if (run->session->txn)
        return tarn_fail(cx, TARN_INVALID, "%s cannot run inside a transaction: COMMIT it first",
                         o->spec.purge ? "REORG" : "OPTIMIZE");
    TRY(tarn_stmt_optimized(cx, o));
    tarn_report report[] = {{"files_removed", o->result.files_removed}, {"files_added", o->result.files_added},
                            {"partitions", o->result.partitions},       {"files_before", o->result.files_before},
                            {"files_after", o->result.files_after},     {"bytes_before", o->result.bytes_before},
                            {"bytes_after", o->result.bytes_after}};
    return tarn_stmt_report(cx, run, report, sizeof report / sizeof *report);
}

static tarn_code run_optimize(tarn_cx *cx, tarn_run *run) {
    tarn_optimizing o = {.run = run};
    tarn_names zorder = {0};
    tarn_cursor *c = &run->cursor;
    (void)tarn_accept(c, "TABLE");
    TRY(tarn_parse_name(cx, c, &o.table));
    if (tarn_accept(c, "WHERE")) TRY(tarn_parse_extent(cx, c, "ZORDER|;", "a condition", &o.where));
    if (tarn_accept(c, "ZORDER BY")) TRY(tarn_parse_names(cx, c, &zorder));
    o.spec.zorder = zorder.at;
    o.spec.n_zorder = zorder.n;
    return finish_optimize(cx, run, &o);
}

static tarn_code run_reorg(tarn_cx *cx, tarn_run *run) {
    tarn_optimizing o = {.run = run, .spec.purge = true};
    tarn_cursor *c = &run->cursor;
    (void)tarn_accept(c, "TABLE");
    TRY(tarn_parse_name(cx, c, &o.table));
    if (tarn_accept(c, "WHERE")) TRY(tarn_parse_extent(cx, c, "APPLY|;", "a condition", &o.where));
    TRY(tarn_expect(cx, c, "APPLY"));
    TRY(tarn_expect(cx, c, "("));
    TRY(tarn_expect(cx, c, "PURGE"));
    TRY(tarn_expect(cx, c, ")"));
    return finish_optimize(cx, run, &o);
}

typedef struct vacuum_rows {
    tarn_rowset *rows;
} vacuum_rows;

static void add_key(void *state, const char *key, int64_t size) {
    vacuum_rows *v = state;
    tarn_rowset_text(v->rows, key);
    tarn_rowset_int(v->rows, size);
}

static tarn_code run_vacuum(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {{"path", "u"}, {"size_bytes", "l"}};
    tarn_cursor *c = &run->cursor;
    tarn_name name;
    int64_t hours = -1;
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    (void)tarn_accept(c, "TABLE");
    TRY(tarn_parse_name(cx, c, &name));
    if (tarn_accept(c, "RETAIN")) {
        TRY(tarn_parse_int(cx, c, &hours));
        TRY(tarn_expect(cx, c, "HOURS|HOUR"));
        if (hours < 0 || hours > 1000000) return tarn_fail(cx, TARN_INVALID, "VACUUM: RETAIN takes 0 to 1000000 hours");
    }
    bool dry = tarn_accept(c, "DRY RUN");
    TRY(tarn_expect_end(cx, c));
    if (run->session->txn)
        return tarn_fail(cx, TARN_INVALID, "VACUUM cannot run inside a transaction: COMMIT it first");
    TRY(tarn_session_open_table(cx, run->session, &name, &latest, &opened));
    vacuum_rows v = {tarn_rowset_new(columns, 2)};
    tarn_code code = tarn_snapshot_writable(cx, opened.snapshot);
    tarn_vacuum_spec spec = {.retention_ms = hours < 0 ? -1 : hours * 3600000, .retention_ms_min = -1, .dry = dry};
    if (code == TARN_OK)
        code = tarn_prefix(cx, tarn_vacuum(cx, opened.table, opened.snapshot, &spec, add_key, &v), "VACUUM");
    tarn_opened_done(&opened);
    if (code != TARN_OK) {
        tarn_rowset_free(v.rows);
        return code;
    }
    return tarn_stmt_rows(cx, run, v.rows, dry);
}

typedef struct restore_stmt {
    tarn_run *run;
    tarn_name table;
    tarn_travel travel;
    tarn_snapshot *past; /* held until the change that points into it is committed */
    int64_t restored, removed;
} restore_stmt;

/* A branch was at a time what it came from then; the table's own log says nothing of it. */
static tarn_code find_at(tarn_cx *cx, tarn_snapshot *branch, tarn_at *at) {
    tarn_ancestor *past;
    size_t n, i = 0;
    TRY(tarn_snapshot_ancestors(cx, branch, &past, &n));
    while (i < n && past[i].timestamp_ms > at->timestamp_us / 1000) i++;
    if (i == n) return tarn_fail(cx, TARN_NOTFOUND, "branch %s has no version as old as that", branch->branch);
    *at = (tarn_at){.kind = TARN_AT_VERSION, .version = past[i].id};
    return TARN_OK;
}

/* A branch stays with the columns of its table: the version's rows are read with those. */
static tarn_code open_past(tarn_cx *cx, const tarn_opened *now, tarn_at *at, tarn_snapshot **out) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) past = NULL;
    bool branch = now->snapshot->branch != NULL;
    if (branch && at->kind == TARN_AT_TIMESTAMP) TRY(find_at(cx, now->snapshot, at));
    TRY(tarn_table_open(cx, now->table, at, now->snapshot, &past));
    if (branch && now->table->format->like) return now->table->format->like(cx, past, now->snapshot, out);
    *out = past;
    past = NULL;
    return TARN_OK;
}

static tarn_code plan_restore(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    restore_stmt *r = state;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_plan_env env;
    tarn_at at;
    TRY(tarn_session_conn(cx, r->run->session, &conn));
    tarn_session_plan_env(cx, r->run->session, conn, &env);
    TRY(tarn_plan_at(cx, &env, &r->travel, &at));
    tarn_snapshot_release(r->past);
    r->past = NULL;
    TRY(open_past(cx, opened, &at, &r->past));
    tarn_code code = tarn_restore(cx, opened->table, opened->snapshot, r->past, change);
    r->restored = (int64_t)change->adds.n;
    r->removed = (int64_t)change->removes.n;
    return code;
}

static tarn_code run_restore(tarn_cx *cx, tarn_run *run) {
    restore_stmt r = {.run = run};
    tarn_cursor *c = &run->cursor;
    (void)tarn_accept(c, "TABLE");
    TRY(tarn_parse_name(cx, c, &r.table));
    (void)tarn_accept(c, "TO");
    TRY(tarn_parse_travel(cx, c, &r.travel));
    if (!r.travel.kind) return tarn_unexpected(cx, c, "VERSION AS OF or TIMESTAMP AS OF");
    TRY(tarn_expect_end(cx, c));
    if (run->session->txn)
        return tarn_fail(cx, TARN_INVALID, "RESTORE cannot run inside a transaction: COMMIT it first");
    int64_t version = 0;
    tarn_code code = tarn_session_change(cx, run->session, &r.table, plan_restore, &r, &version);
    tarn_snapshot_release(r.past);
    TRY(code);
    tarn_report report[] = {{"version", version}, {"restored_files", r.restored}, {"removed_files", r.removed}};
    return tarn_stmt_report(cx, run, report, 3);
}

const tarn_stmt tarn_stmt_optimize = {
    .name = "OPTIMIZE",
    .keywords = "OPTIMIZE",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_optimize,
    .help = "OPTIMIZE t [WHERE partition_condition] [ZORDER BY (columns)]\nPacks small files into larger ones, or "
            "orders rows so that queries on those columns read fewer files.",
};

const tarn_stmt tarn_stmt_reorg = {
    .name = "REORG",
    .keywords = "REORG",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_reorg,
    .help =
        "REORG TABLE t [WHERE partition_condition] APPLY (PURGE)\nWrites files with deleted rows anew without them, "
        "so that readers which know no deletion vectors can follow once the table's property is off.",
};

const tarn_stmt tarn_stmt_vacuum = {
    .name = "VACUUM",
    .keywords = "VACUUM",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_vacuum,
    .help = "VACUUM t [RETAIN n HOURS] [DRY RUN]\nRemoves files that no version younger than the retention needs; DRY "
            "RUN only lists them.",
};

const tarn_stmt tarn_stmt_restore = {
    .name = "RESTORE",
    .keywords = "RESTORE",
    .privilege = TARN_PRIV_MODIFY,
    .run = run_restore,
    .help = "RESTORE [TABLE] t TO VERSION AS OF n | TIMESTAMP AS OF ts\nMakes the table what it was, as a new version.",
};
