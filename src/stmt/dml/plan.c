/* plan.c: what the statements that change rows share: planning a query over the target and others, and applying its
 * actions. */
#include "stmt/stmts.h"
#include "table/record.h"
#include "table/row_ids.h"

/* Resolves TARN_TARGET to the opened table with positions, and leaves the rest to the session. */
typedef struct target_resolver {
    tarn_resolver session;
    const tarn_opened *opened;
    const tarn_name *name;
} target_resolver;

static tarn_code resolve(tarn_cx *cx, void *state, void *view_state, const tarn_name *name, const tarn_at *at,
                         tarn_relation *out) {
    target_resolver *r = state;
    if (name->n_parts != 1 || name->path || strcmp(name->part[0], TARN_TARGET) != 0)
        return r->session.resolve(cx, r->session.state, view_state, name, at, out);
    *out = (tarn_relation){.kind = TARN_REL_TABLE, .positions = true, .known_as = r->name};
    return tarn_row_ids_open(cx, r->opened->snapshot, &out->snapshot);
}

static tarn_code call(tarn_cx *cx, void *state, tarn_str function, tarn_str text, const tarn_at *at,
                      tarn_relation *out) {
    target_resolver *r = state;
    return r->session.call(cx, r->session.state, function, text, at, out);
}

static size_t offset_of(tarn_str sql, int line, int column) {
    const char *p = sql.p, *stop = sql.p + sql.n;
    for (const char *end; line > 1 && (end = memchr(p, '\n', (size_t)(stop - p))); line--) p = end + 1;
    for (; column > 1 && p < stop; column--) do
            p++;
        while (p < stop && ((unsigned char)*p & 0xc0) == 0x80);
    return (size_t)(p - sql.p);
}

/* The place in the statement whose text agrees farthest around sql[at]: expressions are taken over as they were typed.
 * -1: what stands there was not typed. */
static int64_t find_place(tarn_str typed, tarn_str sql, size_t at) {
    enum { AROUND = 64 };
    size_t best = 0;
    int64_t place = -1;
    for (size_t i = 0; i < typed.n && at < sql.n; i++) {
        size_t ahead = 0, before = 0;
        while (ahead < AROUND && i + ahead < typed.n && at + ahead < sql.n && typed.p[i + ahead] == sql.p[at + ahead])
            ahead++;
        if (!ahead) continue;
        while (before < AROUND && before < i && before < at && typed.p[i - before - 1] == sql.p[at - before - 1])
            before++;
        if (ahead + before <= best) continue;
        best = ahead + before;
        place = (int64_t)i;
    }
    return place;
}

tarn_code tarn_stmt_show_error(tarn_cx *cx, const tarn_run *run, tarn_code code, tarn_str sql) {
    if (code == TARN_OK || !cx->error.line) return code;
    tarn_error was = cx->error;
    bool part = sql.p >= run->text.p && sql.p + sql.n <= run->text.p + run->text.n;
    size_t at = offset_of(sql, was.line, was.column);
    int64_t place = part ? sql.p - run->text.p + (int64_t)at : find_place(run->text, sql, at);
    return place < 0 ? tarn_fail(cx, code, "%s", was.message)
                     : tarn_fail_at(cx, code, run->text, (size_t)place, "%s", was.message);
}

static void note_reads(tarn_cx *cx, tarn_run *run, const tarn_planned *planned) {
    for (size_t i = 0; i < planned->refs.n; i++) {
        const tarn_plan_ref *ref = &planned->refs.at[i];
        if (ref->positions) continue;
        const tarn_expr *filter = ref->filter ? tarn_expr_copy(cx->arena, ref->filter) : NULL;
        *TARN_PUSH(cx->arena, &run->reads) = (tarn_read){ref->snapshot->table, filter};
    }
}

tarn_code tarn_stmt_plan_target(tarn_cx *cx, tarn_run *run, const tarn_opened *opened, const tarn_name *target,
                                tarn_conn *conn, const char *sql, tarn_planned *planned,
                                const tarn_plan_ref **target_ref) {
    tarn_plan_env env;
    tarn_session_plan_env(cx, run->session, conn, &env);
    target_resolver resolver = {env.resolver, opened, target};
    env.resolver = (tarn_resolver){&resolver, resolve, call};
    env.force_prune = true;
    tarn_str text = tarn_str_of(sql);
    TRY(tarn_stmt_show_error(cx, run, tarn_plan_query(cx, &env, text, run->binds, run->n_binds, planned), text));
    note_reads(cx, run, planned);
    *target_ref = NULL;
    for (size_t i = 0; i < planned->refs.n; i++)
        if (planned->refs.at[i].positions) *target_ref = &planned->refs.at[i];
    return TARN_OK;
}

tarn_code tarn_stmt_into_temp(tarn_cx *cx, tarn_run *run, const tarn_opened *opened, const tarn_name *target,
                              tarn_conn *conn, const char *sql, const char *into, tarn_planned *planned,
                              const tarn_plan_ref **target_ref) {
    tarn_plan_env env = {.conn = conn};
    tarn_rows *rows = NULL;
    struct ArrowArray batch = {0};
    TRY(tarn_stmt_plan_target(cx, run, opened, target, conn, sql, planned, target_ref));
    const char *make = tarn_printf(cx, "CREATE OR REPLACE TEMP TABLE %s AS ", tarn_sql_name(cx->arena, into));
    planned->sql = tarn_printf(cx, "%s%s", make, planned->sql);
    for (size_t i = 0; i < planned->text.pieces.n; i++) planned->text.pieces.at[i].out_at += (uint32_t)strlen(make);
    tarn_str text = tarn_str_of(sql);
    tarn_code code = tarn_stmt_show_error(cx, run, tarn_planned_run(cx, &env, planned, text, &rows), text);
    if (code == TARN_OK) code = tarn_rows_next(cx, rows, &batch);
    tarn_array_release(&batch);
    tarn_rows_close(rows);
    if (code != TARN_OK) tarn_planned_done(planned);
    return code;
}

void tarn_stmt_old_row(tarn_cx *cx, const tarn_opened *opened, const char *alias, tarn_buf *out) {
    const tarn_schema *schema = opened->snapshot->schema;
    if (!tarn_record_asked(opened->snapshot)) return;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const char *name = tarn_sql_name(cx->arena, schema->fields[i].name);
        tarn_buf_printf(out, "%s%s := %s.%s", i ? ", " : ", struct_pack(", name, tarn_sql_name(cx->arena, alias), name);
    }
    tarn_buf_puts(out, ") AS " TARN_OLD_COLUMN);
}

/* A statement whose query looks at its target a second time rests on rows that it does not take away itself. */
static void read_again(tarn_cx *cx, const tarn_run *run, const tarn_opened *opened, tarn_change *change) {
    for (size_t i = 0; i < run->reads.n; i++) {
        const tarn_read *read = &run->reads.at[i];
        if (read->table != opened->table) continue;
        change->by_row = false;
        if (read->filter)
            *TARN_PUSH(cx->arena, &change->reads) = read->filter;
        else
            change->read_all = true;
    }
}

tarn_code tarn_stmt_apply(tarn_cx *cx, const tarn_run *run, const tarn_opened *opened, tarn_conn *conn,
                          const char *into, const tarn_plan_ref *target_ref, tarn_change *change,
                          tarn_dml_result *result) {
    tarn_target target;
    TRY(tarn_table_prepare(cx, opened->table, opened->snapshot, change)); /* refused before anything is written */
    tarn_target_of(cx, opened->table, opened->snapshot, change, &target);
    const tarn_scan none = {0};
    if (target_ref && target_ref->filter)
        *TARN_PUSH(cx->arena, &change->reads) = tarn_row_ids_strip(cx, opened->snapshot, target_ref->filter);
    else
        change->read_all = true;
    TRY(tarn_dml_apply(cx, conn, &target, target_ref ? &target_ref->scan : &none, into, change, result));
    for (size_t i = 0; i < change->removes.n; i++) *TARN_PUSH(cx->arena, &change->read_files) = change->removes.at[i];
    read_again(cx, run, opened, change);
    return TARN_OK;
}

tarn_code tarn_stmt_columns(tarn_cx *cx, const tarn_run *run, tarn_conn *conn, tarn_str sql,
                            const tarn_planned *planned, tarn_schema **columns) {
    tarn_code code = tarn_conn_describe(cx, conn, planned->sql, cx->arena, columns);
    int64_t at = code == TARN_OK ? -1 : tarn_conn_error_at(conn);
    code = tarn_planned_fail(cx, planned, code);
    if (at < 0) return code;
    tarn_error was = cx->error;
    code = tarn_fail_at(cx, code, sql, tarn_text_origin(&planned->text, (size_t)at), "%s", was.message);
    return tarn_stmt_show_error(cx, run, code, sql);
}

tarn_code tarn_stmt_source(tarn_cx *cx, tarn_run *run, tarn_conn *conn, tarn_str select, tarn_planned *planned,
                           tarn_schema **source) {
    tarn_plan_env env;
    tarn_session_plan_env(cx, run->session, conn, &env);
    TRY(tarn_stmt_show_error(cx, run, tarn_plan_query(cx, &env, select, run->binds, run->n_binds, planned), select));
    note_reads(cx, run, planned);
    tarn_code code = source ? tarn_stmt_columns(cx, run, conn, select, planned, source) : TARN_OK;
    if (code != TARN_OK) tarn_planned_done(planned);
    return code;
}

static tarn_code read_flag(tarn_cx *cx, const tarn_option_pair *o, bool *out) {
    *out = o->value && tarn_str_ieq(tarn_str_of(o->value), TARN_LIT("true"));
    if (*out || (o->value && tarn_str_ieq(tarn_str_of(o->value), TARN_LIT("false")))) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "option %s takes true or false", o->key);
}

tarn_code tarn_stmt_options(tarn_cx *cx, tarn_cursor *cursor, tarn_write_options *out) {
    tarn_option_pairs pairs = {0};
    bool version = false;
    *out = (tarn_write_options){0};
    if (!tarn_accept(cursor, "OPTIONS")) return TARN_OK;
    TRY(tarn_parse_options(cx, cursor, &pairs));
    for (size_t i = 0; i < pairs.n; i++) {
        const tarn_option_pair *o = &pairs.at[i];
        tarn_str key = tarn_str_of(o->key);
        if (tarn_str_ieq(key, TARN_LIT("mergeSchema")))
            TRY(read_flag(cx, o, &out->merge_schema));
        else if (tarn_str_ieq(key, TARN_LIT("overwriteSchema")))
            TRY(read_flag(cx, o, &out->overwrite_schema));
        else if (tarn_str_ieq(key, TARN_LIT("txnAppId")) && o->value && *o->value)
            out->app_id = o->value;
        else if (tarn_str_ieq(key, TARN_LIT("txnVersion")) && o->value &&
                 tarn_parse_i64(tarn_str_of(o->value), &out->app_version))
            version = true;
        else
            return tarn_fail(cx, TARN_INVALID,
                             "option %s is not known here, or its value is wrong; there are mergeSchema, "
                             "overwriteSchema, txnAppId, txnVersion",
                             o->key);
    }
    if (version != (out->app_id != NULL)) return tarn_fail(cx, TARN_INVALID, "txnAppId and txnVersion come together");
    return TARN_OK;
}
