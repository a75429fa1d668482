/* rewrite.c: procedures that write what a table has anew, in better files: its data, and the lists of its files. */
#include "stmt/call/call.h"

#include <inttypes.h>

typedef struct rewriting {
    const char *order;  /* as the caller wrote it; NULL: none */
    bool own_order;     /* the table's, which every new file is in */
    tarn_names columns; /* of zorder(…) */
    bool drop;          /* what is left of deleted rows */
} rewriting;

static bool parse_flag(const char *text, bool *out) {
    *out = text && tarn_name_eq(text, "true");
    return *out || (text && tarn_name_eq(text, "false"));
}

static tarn_code bad_option(tarn_cx *cx, const tarn_option_pair *o, const char *wanted) {
    return tarn_fail(cx, TARN_INVALID, "option %s is %s, not %s", o->key, wanted, o->value ? o->value : "NULL");
}

/* Options of other engines that say how the work is shared out change nothing of what is done. */
static bool is_of_no_effect(const char *key) {
    static const char *const keys[] = {"max-concurrent-file-group-rewrites", "partial-progress.max-failed-commits",
                                       "rewrite-job-order", "max-file-group-size-bytes", "max-file-group-input-files",
                                       "use-starting-sequence-number", "compression-factor",
                                       "shuffle-partitions-per-file", "var-length-contribution", "max-output-size"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (tarn_name_eq(key, keys[i])) return true;
    return false;
}

static tarn_code take_option(tarn_cx *cx, const tarn_option_pair *o, tarn_optimize_spec *spec, bool *in_parts,
                             bool *drop) {
    const struct {
        const char *key;
        int64_t *n;
        double *share;
        bool *flag;
    } options[] = {{"target-file-size-bytes", &spec->file_size, NULL, NULL},
                   {"min-file-size-bytes", &spec->size_min, NULL, NULL},
                   {"max-file-size-bytes", &spec->size_max, NULL, NULL},
                   {"min-input-files", &spec->files_min, NULL, NULL},
                   {"delete-file-threshold", &spec->deletes_max, NULL, NULL},
                   {"delete-ratio-threshold", NULL, &spec->deleted_max, NULL},
                   {"partial-progress.max-commits", &spec->commits_max, NULL, NULL},
                   {"partial-progress.enabled", NULL, NULL, in_parts},
                   {"remove-dangling-deletes", NULL, NULL, drop},
                   {"rewrite-all", NULL, NULL, &spec->all}};
    size_t n = sizeof options / sizeof *options;
    tarn_str value = o->value ? tarn_str_of(o->value) : TARN_LIT("");
    for (size_t i = 0; i < n; i++) {
        if (!tarn_name_eq(o->key, options[i].key)) continue;
        if (options[i].flag)
            return parse_flag(o->value, options[i].flag) ? TARN_OK : bad_option(cx, o, "true or false");
        bool ok = options[i].n ? tarn_parse_i64(value, options[i].n) && *options[i].n > 0
                               : tarn_parse_f64(value, options[i].share) && *options[i].share > 0;
        return ok ? TARN_OK : bad_option(cx, o, "a number above 0");
    }
    if (is_of_no_effect(o->key)) return TARN_OK;
    tarn_auto_buf names = TARN_BUF(1024);
    for (size_t i = 0; i < n; i++) tarn_buf_printf(&names, "%s%s", i ? ", " : "", options[i].key);
    return tarn_fail(cx, TARN_INVALID, "there is no option %s; there is %s", o->key, names.data);
}

/* Sizes that are not given are the table's. */
static tarn_code take_options(tarn_cx *cx, const tarn_option_pairs *options, tarn_optimize_spec *spec,
                              bool *drop) {
    spec->choose = true;
    spec->files_min = 5;
    spec->deletes_max = INT64_MAX;
    spec->deleted_max = 0.3;
    bool in_parts = false;
    spec->commits_max = 10;
    for (size_t i = 0; i < options->n; i++) TRY(take_option(cx, &options->at[i], spec, &in_parts, drop));
    if (!in_parts) spec->commits_max = 0;
    return TARN_OK;
}

static tarn_code take_strategy(tarn_cx *cx, const tarn_arg *strategy, const tarn_arg *order, rewriting *r) {
    bool sort = strategy->given ? tarn_name_eq(strategy->text, "sort") : order->given;
    if (strategy->given && !sort && !tarn_name_eq(strategy->text, "binpack"))
        return tarn_fail(cx, TARN_INVALID, "strategy is binpack or sort, not %s", strategy->text);
    if (!sort && order->given) return tarn_fail(cx, TARN_INVALID, "sort_order goes with strategy sort");
    r->order = order->given ? order->text : NULL;
    r->own_order = sort && !order->given;
    return TARN_OK;
}

/* "a", "b" DESC NULLS LAST: as Iceberg has it, nulls are first where an order rises and last where it falls. */
static tarn_code sort_item(tarn_cx *cx, tarn_cursor *c, const tarn_schema *schema, tarn_buf *out) {
    const char *name;
    TRY(tarn_parse_ident(cx, c, &name));
    int at = tarn_schema_find(schema, tarn_str_of(name));
    if (at < 0) return tarn_fail(cx, TARN_INVALID, "sort_order: there is no column %s", name);
    if (tarn_type_nested(schema->fields[at].type))
        return tarn_fail(cx, TARN_UNSUPPORTED, "sort_order: column %s is nested", name);
    bool falls = !tarn_accept(c, "ASC") && tarn_accept(c, "DESC");
    bool first = tarn_accept(c, "NULLS FIRST") || (!tarn_accept(c, "NULLS LAST") && !falls);
    tarn_buf_printf(out, "%s%s%s NULLS %s", out->n ? ", " : "", tarn_sql_name(cx->arena, schema->fields[at].name),
                    falls ? " DESC" : "", first ? "FIRST" : "LAST");
    return TARN_OK;
}

static tarn_code read_order(tarn_cx *cx, tarn_optimizing *o, const tarn_opened *opened) {
    rewriting *r = o->state;
    if (r->drop) TRY(tarn_call_require(cx, opened, TARN_CAN_REGROUP, "delete files"));
    tarn_tokens tokens;
    tarn_auto_buf order = TARN_BUF(1 << 16);
    if (r->own_order && !opened->snapshot->n_sort_by)
        return tarn_fail(cx, TARN_INVALID,
                         "strategy sort needs a sort_order ('a DESC NULLS LAST, b' or 'zorder(a, b)'): the table has "
                         "no order of its own");
    if (!r->order) return TARN_OK;
    TRY(tarn_lex(cx, tarn_str_of(r->order), &tokens));
    tarn_cursor c = {&tokens, 0};
    if (tarn_accept(&c, "ZORDER")) {
        r->columns.n = 0;
        TRY(tarn_parse_names(cx, &c, &r->columns));
        o->spec.zorder = r->columns.at;
        o->spec.n_zorder = r->columns.n;
        return tarn_expect_end(cx, &c);
    }
    do TRY(sort_item(cx, &c, opened->snapshot->schema, &order));
    while (tarn_accept(&c, ","));
    TRY(tarn_expect_end(cx, &c));
    o->spec.order = tarn_buf_take(&order, cx->arena);
    return o->spec.order ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "sort_order is too long");
}

/* What is left of deleted rows after their files were written anew, as a commit of its own. */
static tarn_code drop_marks(tarn_cx *cx, tarn_run *run, const tarn_name *table, int64_t *n) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, run->session, table, &latest, &opened));
    tarn_code code = tarn_drop_marks(cx, opened.table, opened.snapshot, n);
    tarn_opened_done(&opened);
    return code;
}

static tarn_code run_rewrite_data_files(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    enum { TABLE, STRATEGY, SORT_ORDER, OPTIONS, WHERE };
    rewriting r = {0};
    int64_t dropped = 0;
    tarn_optimizing o = {.run = run, .table = args[TABLE].table, .any_column = true, .check = read_order, .state = &r};
    TRY(take_strategy(cx, &args[STRATEGY], &args[SORT_ORDER], &r));
    TRY(take_options(cx, &args[OPTIONS].map, &o.spec, &r.drop));
    if (args[WHERE].given) o.where = tarn_str_of(args[WHERE].text);
    TRY(tarn_stmt_optimized(cx, &o));
    if (r.drop) TRY(drop_marks(cx, run, &o.table, &dropped));
    tarn_report report[] = {{"rewritten_data_files_count", o.result.files_removed},
                            {"added_data_files_count", o.result.files_added},
                            {"rewritten_bytes_count", o.result.bytes_removed},
                            {"failed_data_files_count", o.result.files_failed},
                            {"removed_delete_files_count", dropped}};
    return tarn_stmt_report(cx, run, report, sizeof report / sizeof *report);
}

/* MANIFESTS. */

static tarn_code plan_regroup(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    TRY(tarn_call_require(cx, opened, TARN_CAN_REGROUP, "manifests"));
    change->operation = "REWRITE MANIFESTS";
    change->no_data_change = true;
    change->blind_append = true;
    change->regroup = state;
    TRY(tarn_table_prepare(cx, opened->table, opened->snapshot, change));
    if (!change->regroup->before) change->regroup = NULL;
    return TARN_OK;
}

static tarn_code run_rewrite_manifests(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    enum { TABLE, USE_CACHING, SPEC_ID };
    tarn_regroup regroup = {.spec = args[SPEC_ID].given ? args[SPEC_ID].n : -1};
    if (args[SPEC_ID].given && (args[SPEC_ID].n < 0 || args[SPEC_ID].n > INT32_MAX))
        return tarn_fail(cx, TARN_INVALID, "spec_id is a number from 0 on");
    TRY(tarn_session_change(cx, run->session, &args[TABLE].table, plan_regroup, &regroup, NULL));
    tarn_report report[] = {{"rewritten_manifests_count", regroup.before}, {"added_manifests_count", regroup.written}};
    return tarn_stmt_report(cx, run, report, 2);
}

/* DELETED ROWS. */

/* How large the files may become is given: one for each data file. */
static tarn_code take_least(tarn_cx *cx, const tarn_option_pairs *options, int64_t *files_min) {
    static const char *const sizes[] = {"target-file-size-bytes", "min-file-size-bytes", "max-file-size-bytes",
                                        "partial-progress.max-commits"};
    bool all = false, parts = false;
    *files_min = 2;
    for (size_t i = 0; i < options->n; i++) {
        const tarn_option_pair *o = &options->at[i];
        tarn_str value = o->value ? tarn_str_of(o->value) : TARN_LIT("");
        bool least = tarn_name_eq(o->key, "min-input-files"), is_all = tarn_name_eq(o->key, "rewrite-all"), size = false;
        bool flag = is_all || tarn_name_eq(o->key, "partial-progress.enabled");
        int64_t n = 1;
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) size = size || tarn_name_eq(o->key, sizes[k]);
        if (flag && !parse_flag(o->value, is_all ? &all : &parts)) return bad_option(cx, o, "true or false");
        if ((least || size) && (!tarn_parse_i64(value, &n) || n < 1)) return bad_option(cx, o, "a number above 0");
        if (least) *files_min = n;
        if (!flag && !least && !size && !is_of_no_effect(o->key))
            return tarn_fail(cx, TARN_INVALID, "there is no option %s; there is rewrite-all, min-input-files", o->key);
    }
    if (all) *files_min = 1;
    return TARN_OK;
}

static tarn_code remark(tarn_cx *cx, tarn_optimizing *o, const tarn_opened *opened, int64_t files_min,
                        tarn_remark *out) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    TRY(tarn_call_require(cx, opened, TARN_CAN_REGROUP, "position delete files"));
    TRY(tarn_snapshot_writable(cx, opened->snapshot));
    if (o->where.p) {
        TRY(tarn_session_conn(cx, o->run->session, &conn));
        TRY(tarn_stmt_read_where(cx, o, opened, conn, &o->spec.where));
    }
    return tarn_remark_rows(cx, opened->table, opened->snapshot, o->spec.where, files_min, out);
}

static tarn_code remark_once(tarn_cx *cx, tarn_optimizing *o, int64_t files_min, tarn_remark *out) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, o->run->session, &o->table, &latest, &opened));
    tarn_code code = remark(cx, o, &opened, files_min, out);
    tarn_opened_done(&opened);
    return code;
}

static tarn_code run_rewrite_position_delete_files(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    int64_t until = tarn_monotonic_us() + 1000 * tarn_conf_int(cx->conf, TARN_COMMIT_RETRY_TIMEOUT), files_min;
    tarn_optimizing o = {.run = run, .table = args[0].table, .any_column = true};
    tarn_remark done = {0};
    tarn_code code;
    TRY(take_least(cx, &args[1].map, &files_min));
    if (args[2].given) o.where = tarn_str_of(args[2].text);
    while ((code = remark_once(cx, &o, files_min, &done)) == TARN_CONFLICT && tarn_monotonic_us() < until)
        TRY(tarn_check(cx));
    TRY(code);
    tarn_report report[] = {{"rewritten_delete_files_count", done.files_removed},
                            {"added_delete_files_count", done.files_added},
                            {"rewritten_bytes_count", done.bytes_removed},
                            {"added_bytes_count", done.bytes_added}};
    return tarn_stmt_report(cx, run, report, sizeof report / sizeof *report);
}

const tarn_procedure tarn_procedure_rewrite_position_delete_files = {
    .name = "rewrite_position_delete_files",
    .params = {{"table", TARN_CALL_TABLE, true}, {"options", TARN_CALL_MAP, false}, {"where", TARN_CALL_TEXT, false}},
    .run = run_rewrite_position_delete_files,
    .help = "Writes the positions of deleted rows anew, one file or vector for each data file that has several "
            "(min-input-files), or one that is for others too, of all or of those with rows where a condition holds; "
            "with the option rewrite-all, whatever they have: vectors then, from version 3 on.",
};

const tarn_procedure tarn_procedure_rewrite_manifests = {
    .name = "rewrite_manifests",
    .params = {{"table", TARN_CALL_TABLE, true},
               {"use_caching", TARN_CALL_BOOL, false},
               {"spec_id", TARN_CALL_INT, false}},
    .run = run_rewrite_manifests,
    .help = "Writes the manifests, or those of one partition spec, anew as fewer of commit.manifest.target-size-bytes, "
            "files of one partition beside each other, so that queries of some partitions read few of them.",
};

const tarn_procedure tarn_procedure_rewrite_data_files = {
    .name = "rewrite_data_files",
    .params = {{"table", TARN_CALL_TABLE, true},
               {"strategy", TARN_CALL_TEXT, false},
               {"sort_order", TARN_CALL_TEXT, false},
               {"options", TARN_CALL_MAP, false},
               {"where", TARN_CALL_TEXT, false}},
    .run = run_rewrite_data_files,
    .help = "Writes the data files anew that are too small, too large or have many deleted rows, of all partitions or "
            "of those with rows where a condition holds: packed (binpack) or also ordered by columns or 'zorder(a, b)' "
            "(sort); OPTIMIZE does the same.",
};
