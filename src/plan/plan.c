/* plan.c: the stages of planning in order: bind, prune, scan, splice; and running what came out. */
#include "plan/plan.h"

#include "plan/prune.h"
#include "plan/totals.h"
#include "table/changes.h"

void tarn_planned_done(tarn_planned *planned) {
    for (size_t i = 0; i < planned->refs.n; i++) {
        tarn_scan_done(&planned->refs.at[i].scan);
        tarn_snapshot_release(planned->refs.at[i].snapshot);
    }
    planned->refs.n = 0;
}

static tarn_code plan(tarn_cx *cx, tarn_binding *b, tarn_str sql) {
    tarn_planned *p = b->planned;
    TRY(tarn_bind_query(cx, b, sql));
    if (p->inner_limit) tarn_conn_keep_limits(b->env->conn);
    TRY(tarn_prune_refs(cx, b));
    TRY(tarn_totals_use(cx, b));
    for (size_t i = 0; i < p->refs.n; i++) {
        tarn_plan_ref *ref = &p->refs.at[i];
        if (ref->from_metadata) continue;
        tarn_count(cx, files_read, ref->files.files.n);
        TRY(tarn_scan_build(cx, b->env->engine, ref->snapshot, ref->files.files.at, ref->files.files.n, ref->positions,
                            NULL, &ref->scan));
    }
    TRY(tarn_bind_text(cx, b, false, &p->text));
    p->sql = p->text.sql;
    return TARN_OK;
}

tarn_code tarn_plan_query(tarn_cx *cx, const tarn_plan_env *env, tarn_str sql, const tarn_bind *binds, size_t n_binds,
                          tarn_planned *out) {
    tarn_planned planned = {.binds = binds, .n_binds = n_binds};
    tarn_binding binding = {.env = env, .planned = &planned, .binds = binds, .n_binds = n_binds};
    tarn_code code = plan(cx, &binding, sql);
    if (code != TARN_OK)
        tarn_planned_done(&planned);
    else
        *out = planned;
    return code;
}

/* The version that needs the file: of a change feed, the commit whose rows are in it. */
static int64_t version_of(const tarn_snapshot *snapshot, const tarn_file *file) {
    for (size_t i = 0; i < snapshot->n_partition; i++)
        if (!strcmp(snapshot->partition[i].name, TARN_CHANGE_VERSION) && !file->partition[i].null)
            return file->partition[i].i;
    return snapshot->version;
}

tarn_code tarn_planned_fail(tarn_cx *cx, const tarn_planned *planned, tarn_code code) {
    tarn_error was = cx->error;
    for (size_t i = 0; code == TARN_NOTFOUND && i < planned->refs.n; i++) {
        const tarn_plan_ref *ref = &planned->refs.at[i];
        const tarn_table *table = ref->snapshot->table;
        for (size_t k = 0; k < ref->files.files.n; k++) {
            const tarn_file *file = ref->files.files.at[k];
            const char *path = tarn_arena_strndup(cx->arena, file->path.p, file->path.n);
            if (!strstr(was.message, path)) continue;
            return tarn_fail(cx, code,
                             "%s: data file %s of version %lld is gone: VACUUM or another program has removed it; read "
                             "another version",
                             table->name ? table->name : table->location, path,
                             (long long)version_of(ref->snapshot, file));
        }
    }
    return code;
}

tarn_code tarn_planned_run(tarn_cx *cx, const tarn_plan_env *env, const tarn_planned *planned, tarn_str user_sql,
                           tarn_rows **out) {
    tarn_code code = tarn_conn_query(cx, env->conn, planned->sql, planned->binds, planned->n_binds, out);
    int64_t at = code == TARN_OK ? -1 : tarn_conn_error_at(env->conn);
    code = tarn_planned_fail(cx, planned, code);
    if (at < 0 || !user_sql.p) return code;
    tarn_error was = cx->error;
    code = tarn_fail_at(cx, code, user_sql, tarn_text_origin(&planned->text, (size_t)at), "%s", was.message);
    return code;
}

tarn_code tarn_plan_at(tarn_cx *cx, const tarn_plan_env *env, const tarn_travel *travel, tarn_at *out) {
    tarn_at at = {0};
    tarn_query_text text;
    char *value = NULL;
    TRY(tarn_dialect_query(cx, travel->expr, &text));
    bool version = travel->kind == 'v';
    const char *cast = version ? "VARCHAR" : "TIMESTAMPTZ";
    TRY(tarn_prefix(cx,
                    tarn_conn_text(cx, env->conn,
                                   tarn_printf(cx, "SELECT CAST(CAST((%s) AS %s) AS VARCHAR)", text.text.sql, cast),
                                   &value),
                    "%s AS OF", version ? "VERSION" : "TIMESTAMP"));
    if (!value) return tarn_fail(cx, TARN_INVALID, "%s AS OF NULL names no version", version ? "VERSION" : "TIMESTAMP");
    if (version) {
        at.kind = tarn_parse_i64(tarn_str_of(value), &at.version) ? TARN_AT_VERSION : TARN_AT_REF;
        at.ref = value;
    } else {
        tarn_type instant = {.kind = TARN_TIMESTAMP};
        tarn_value parsed;
        if (!tarn_value_parse(tarn_str_of(value), &instant, cx->arena, &parsed))
            return tarn_fail(cx, TARN_INVALID, "TIMESTAMP AS OF %s: no instant", value);
        at.kind = TARN_AT_TIMESTAMP;
        at.timestamp_us = parsed.i;
    }
    *out = at;
    return TARN_OK;
}
