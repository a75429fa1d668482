/* expire.c: procedures that take away what nobody needs any more: snapshots with their files, and files of no snapshot.
 */
#include "stmt/call/call.h"

static const int64_t day_ms = 86400000;

typedef struct expiring {
    tarn_expiry want;
    bool dry;
    tarn_snapshot *before; /* held; NULL: nothing is to be expired */
    tarn_expire_result files;
} expiring;

static tarn_code try_out(tarn_cx *cx, expiring *e, const tarn_opened *opened, const tarn_change *change) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) after = NULL;
    TRY(tarn_snapshot_apply(cx, opened->snapshot, change, opened->snapshot->version, &after));
    return tarn_expire_files(cx, opened->table, opened->snapshot, after, true, &e->files);
}

static tarn_code plan_expiry(tarn_cx *cx, void *state, const tarn_opened *opened, tarn_change *change) {
    expiring *e = state;
    tarn_expiry *expiry = TARN_NEW(cx->arena, tarn_expiry);
    TRY(tarn_call_require(cx, opened, TARN_CAN_BRANCH, "snapshots to expire"));
    tarn_snapshot_release(e->before);
    e->before = NULL;
    *expiry = e->want;
    change->operation = "EXPIRE SNAPSHOTS";
    change->expire = expiry;
    TRY(tarn_table_prepare(cx, opened->table, opened->snapshot, change));
    bool some = expiry->versions || expiry->refs || expiry->cleaned;
    if (some && e->dry) TRY(try_out(cx, e, opened, change));
    if (some && !e->dry) e->before = tarn_snapshot_retain(opened->snapshot);
    if (!e->before) change->expire = NULL;
    return TARN_OK;
}

static tarn_code take_ids(tarn_cx *cx, const tarn_arg *arg, tarn_expiry *e) {
    int64_t *ids = TARN_NEW_ARRAY(cx->arena, int64_t, arg->list.n);
    for (size_t i = 0; i < arg->list.n; i++)
        if (!tarn_parse_i64(tarn_str_of(arg->list.at[i]), &ids[i]))
            return tarn_fail(cx, TARN_INVALID, "snapshot_ids: %s is no whole number", arg->list.at[i]);
    e->ids = ids;
    e->n_ids = arg->list.n;
    return TARN_OK;
}

/* Files are removed in batches of the store's own; how many others would take at a time says nothing here. */
static tarn_code check_concurrent(tarn_cx *cx, const tarn_arg *arg) {
    if (!arg->given || arg->n > 0) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "max_concurrent_deletes has to be 1 or more");
}

/* The commit comes first: files that nobody names any more are all that a crash can leave. */
static tarn_code expire(tarn_cx *cx, tarn_run *run, const tarn_name *table, expiring *e) {
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened now;
    TRY(tarn_session_change(cx, run->session, table, plan_expiry, e, NULL));
    if (!e->before) return TARN_OK;
    TRY(tarn_session_open_table(cx, run->session, table, &latest, &now));
    tarn_code code = tarn_expire_files(cx, now.table, e->before, now.snapshot, false, &e->files);
    tarn_opened_done(&now);
    return code;
}

static tarn_code run_expire_snapshots(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    enum { TABLE, OLDER_THAN, RETAIN_LAST, CONCURRENT, STREAM, IDS, CLEAN, DRY_RUN };
    expiring e = {.want = {.older_than_ms = -1, .retain = -1, .clean = args[CLEAN].n}, .dry = args[DRY_RUN].n};
    TRY(check_concurrent(cx, &args[CONCURRENT]));
    if (args[OLDER_THAN].given) e.want.older_than_ms = args[OLDER_THAN].n < 0 ? 0 : args[OLDER_THAN].n / 1000;
    if (args[RETAIN_LAST].given && args[RETAIN_LAST].n < 1)
        return tarn_fail(cx, TARN_INVALID, "retain_last has to be 1 or more: the newest snapshot is the table");
    if (args[RETAIN_LAST].given) e.want.retain = args[RETAIN_LAST].n;
    TRY(take_ids(cx, &args[IDS], &e.want));
    tarn_code code = expire(cx, run, &args[TABLE].table, &e);
    tarn_snapshot_release(e.before);
    TRY(code);
    const int64_t *n = e.files.files;
    tarn_report report[] = {{"deleted_data_files_count", n[TARN_FILE_DATA]},
                            {"deleted_position_delete_files_count", n[TARN_FILE_ROW_DELETES]},
                            {"deleted_equality_delete_files_count", n[TARN_FILE_KEY_DELETES]},
                            {"deleted_manifest_files_count", n[TARN_FILE_MANIFEST]},
                            {"deleted_manifest_lists_count", n[TARN_FILE_MANIFEST_LIST]},
                            {"deleted_statistics_files_count", n[TARN_FILE_STATISTICS]}};
    return tarn_stmt_report(cx, run, report, sizeof report / sizeof *report);
}

/* ORPHANS. */

typedef struct orphans {
    tarn_rowset *rows;
    const char *root;
} orphans;

static void add_orphan(void *state, const char *key, int64_t size) {
    orphans *o = state;
    tarn_auto_buf path = TARN_BUF(1 << 16);
    (void)size;
    tarn_buf_printf(&path, "%s/%s", o->root, key);
    tarn_rowset_str(o->rows, (tarn_str){path.data, path.n});
}

static tarn_code parse_mode(tarn_cx *cx, const tarn_arg *arg, tarn_mismatch *out) {
    static const char *const modes[] = {"error", "ignore", "delete"};
    *out = TARN_MISMATCH_ERROR;
    for (int i = 0; arg->given && i < 3; i++) {
        if (!tarn_name_eq(arg->text, modes[i])) continue;
        *out = (tarn_mismatch)i;
        return TARN_OK;
    }
    return arg->given
               ? tarn_fail(cx, TARN_INVALID, "prefix_mismatch_mode is error, ignore or delete, not %s", arg->text)
               : TARN_OK;
}

/* A folder of the table: others' files are not its orphans. */
static tarn_code parse_location(tarn_cx *cx, const tarn_opened *opened, const char *location, const char **below) {
    const char *path, *root = tarn_store_uri(opened->table->store);
    size_t n = strlen(root);
    TRY(tarn_session_absolute(cx, location, &path));
    if (strncmp(path, root, n) == 0 && path[n] == '/') {
        *below = path + n + 1;
        return TARN_OK;
    }
    *below = NULL;
    if (strcmp(path, root) == 0) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "location %s is not in the table's folder %s", path, root);
}

static tarn_code find_orphans(tarn_cx *cx, const tarn_opened *opened, const tarn_arg *args, orphans *o) {
    enum { TABLE, OLDER_THAN, LOCATION, DRY_RUN, CONCURRENT, LIST_VIEW, SCHEMES, AUTHORITIES, MODE };
    tarn_vacuum_spec spec = {.retention_ms = -1, .retention_ms_min = day_ms, .dry = args[DRY_RUN].n};
    if (args[OLDER_THAN].given) spec.retention_ms = tarn_now_ms(cx) - args[OLDER_THAN].n / 1000;
    if (args[OLDER_THAN].given && spec.retention_ms < 0) spec.retention_ms = 0;
    TRY(check_concurrent(cx, &args[CONCURRENT]));
    if (args[LIST_VIEW].given)
        return tarn_fail(cx, TARN_UNSUPPORTED, "file_list_view: files are listed by the store itself, not by a view");
    TRY(parse_mode(cx, &args[MODE], &spec.mismatch));
    spec.schemes = &args[SCHEMES].map;
    spec.authorities = &args[AUTHORITIES].map;
    TRY(tarn_snapshot_writable(cx, opened->snapshot));
    if (args[LOCATION].given) TRY(parse_location(cx, opened, args[LOCATION].text, &spec.below));
    o->root = tarn_store_uri(opened->table->store);
    return tarn_prefix(cx, tarn_vacuum(cx, opened->table, opened->snapshot, &spec, add_orphan, o),
                       "remove_orphan_files");
}

static tarn_code run_remove_orphan_files(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    static const tarn_rowset_column columns[] = {{"orphan_file_location", "u"}};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened;
    TRY(tarn_session_open_table(cx, run->session, &args[0].table, &latest, &opened));
    orphans o = {.rows = tarn_rowset_new(columns, 1)};
    tarn_code code = find_orphans(cx, &opened, args, &o);
    tarn_opened_done(&opened);
    if (code == TARN_OK) return tarn_stmt_rows(cx, run, o.rows, true);
    tarn_rowset_free(o.rows);
    return code;
}

const tarn_procedure tarn_procedure_expire_snapshots = {
    .name = "expire_snapshots",
    .params = {{"table", TARN_CALL_TABLE, true},
               {"older_than", TARN_CALL_TIMESTAMP, false},
               {"retain_last", TARN_CALL_INT, false},
               {"max_concurrent_deletes", TARN_CALL_INT, false},
               {"stream_results", TARN_CALL_BOOL, false},
               {"snapshot_ids", TARN_CALL_LIST, false},
               {"clean_expired_metadata", TARN_CALL_BOOL, false},
               {"dry_run", TARN_CALL_BOOL, false}},
    .run = run_expire_snapshots,
    .help =
        "Forgets snapshots that are older than older_than (else than history.expire.max-snapshot-age-ms, five days), "
        "but the retain_last newest of each branch and what branches and tags keep, and those of snapshot_ids; then "
        "removes the files that only they needed. With clean_expired_metadata schemas and partition specs that no "
        "snapshot needs go too.",
};

const tarn_procedure tarn_procedure_remove_orphan_files = {
    .name = "remove_orphan_files",
    .params = {{"table", TARN_CALL_TABLE, true},
               {"older_than", TARN_CALL_TIMESTAMP, false},
               {"location", TARN_CALL_TEXT, false},
               {"dry_run", TARN_CALL_BOOL, false},
               {"max_concurrent_deletes", TARN_CALL_INT, false},
               {"file_list_view", TARN_CALL_TEXT, false},
               {"equal_schemes", TARN_CALL_MAP, false},
               {"equal_authorities", TARN_CALL_MAP, false},
               {"prefix_mismatch_mode", TARN_CALL_TEXT, false},
               {"prefix_listing", TARN_CALL_BOOL, false},
               {"stream_results", TARN_CALL_BOOL, false}},
    .run = run_remove_orphan_files,
    .help = "Removes files in the table's folder that no snapshot needs and that are older than older_than (else three "
            "days; a day at least), and names them; VACUUM does the same.",
};
