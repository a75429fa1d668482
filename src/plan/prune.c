/* prune.c: the filters of a query, off its text or off its plan over zero-row shells on the planning database, and the
 * files that survive them. */
#include "plan/prune.h"

#include "plan/filters.h"

static void column_sql(tarn_buf *out, const char *name, const tarn_type *type) {
    tarn_buf_sql_name(out, name);
    tarn_buf_putc(out, ' ');
    tarn_type_duckdb(out, type);
}

static tarn_code make_shell(tarn_cx *cx, tarn_conn *conn, const char *name, const tarn_schema *schema, bool positions) {
    tarn_auto_buf sql = TARN_BUF((size_t)64 << 20);
    tarn_buf_printf(&sql, "CREATE OR REPLACE TEMP TABLE \"%s\" (", name);
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (i) tarn_buf_puts(&sql, ", ");
        column_sql(&sql, schema->fields[i].name, schema->fields[i].type);
    }
    if (positions) tarn_buf_puts(&sql, ", " TARN_FILE_COLUMN " UBIGINT, " TARN_ROW_COLUMN " BIGINT");
    tarn_buf_putc(&sql, ')');
    if (sql.failed) return tarn_fail(cx, TARN_LIMIT, "the table's schema is too large to plan");
    return tarn_conn_run(cx, conn, sql.data);
}

static tarn_code make_shells(tarn_cx *cx, const tarn_binding *b, tarn_conn *conn) {
    for (size_t i = 0; i < b->planned->refs.n; i++) {
        const tarn_plan_ref *ref = &b->planned->refs.at[i];
        TRY(make_shell(cx, conn, tarn_bind_shell_name(cx, i), ref->snapshot->schema, ref->positions));
    }
    for (size_t i = 0; i < b->extras.n; i++)
        TRY(make_shell(cx, conn, b->extras.at[i].name, b->extras.at[i].schema, false));
    return TARN_OK;
}

static tarn_code plan_json(tarn_cx *cx, const tarn_binding *b, const char **out) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_text text;
    TRY(tarn_bind_text(cx, b, true, &text));
    TRY(tarn_engine_conn(cx, b->env->engine, TARN_DB_PLAN, &conn));
    TRY(make_shells(cx, b, conn));
    return tarn_tree_json(cx, conn, TARN_TREE_PLAN, text.sql, out);
}

/* A plan that fails means all files, never an error: the real run will say what is wrong with the query. */
static void read_filters(tarn_cx *cx, const tarn_binding *b) {
    size_t n = b->planned->refs.n;
    if (b->written) {
        b->planned->refs.at[0].filter = b->written;
        return;
    }
    tarn_shell *shells = TARN_NEW_ARRAY(cx->arena, tarn_shell, n);
    const char *json;
    for (size_t i = 0; i < n; i++)
        shells[i] = (tarn_shell){
            .table = tarn_bind_shell_name(cx, i),
            .schema = b->planned->refs.at[i].snapshot->schema,
            .constant = tarn_constant_columns(cx, b->planned->refs.at[i].snapshot),
            .used = TARN_NEW_ARRAY(cx->arena, bool, b->planned->refs.at[i].snapshot->schema->n_fields + 1)};
    if (plan_json(cx, b, &json) != TARN_OK) {
        tarn_clear_error(cx);
        return;
    }
    if (!tarn_plan_filters(cx, tarn_str_of(json), shells, n)) return;
    for (size_t i = 0; i < n; i++) {
        tarn_plan_ref *ref = &b->planned->refs.at[i];
        ref->filter = shells[i].scanned
                          ? shells[i].filter
                          : tarn_expr_new(cx->arena, shells[i].unread ? TARN_EXPR_FALSE : TARN_EXPR_UNKNOWN);
        ref->over_partitions = shells[i].over_constants;
        ref->partitions_used = shells[i].used;
    }
}

tarn_code tarn_prune_refs(tarn_cx *cx, const tarn_binding *b) {
    int64_t files_min = tarn_conf_int(cx->conf, TARN_PRUNE_FILES_MIN), most = 0;
    for (size_t i = 0; i < b->planned->refs.n; i++) {
        tarn_plan_ref *ref = &b->planned->refs.at[i];
        int64_t files;
        TRY(tarn_snapshot_count(cx, ref->snapshot, &files));
        if (files > most) most = files;
    }
    if (most > 1 && (b->env->force_prune || most >= files_min)) read_filters(cx, b);
    for (size_t i = 0; i < b->planned->refs.n; i++) {
        tarn_plan_ref *ref = &b->planned->refs.at[i];
        if (ref->filter && ref->filter->op == TARN_EXPR_UNKNOWN) ref->filter = NULL;
        TRY(tarn_snapshot_files(cx, ref->snapshot, ref->filter, &ref->files));
        if (ref->over_partitions && ref->files.files.n > 1)
            TRY(tarn_prune_by_values(cx, b->env->engine, ref->snapshot, ref->partitions_used, &ref->over_partitions,
                                     &ref->files));
    }
    return tarn_check(cx);
}
