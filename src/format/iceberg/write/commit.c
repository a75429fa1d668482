/* commit.c: publishes versions of a table, and the checks before and the snapshots after it. */
#include "format/iceberg/deletes.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/manifest.h"

/* How long a lost answer is looked for, whatever the statement's deadline: what a commit became decides what follows.
 */
enum { READ_BACK_US = 30000000 };

static tarn_iceberg_snapshot *real_base(tarn_snapshot *base) {
    return base && base->version >= 0 ? tarn_iceberg_of(base) : NULL;
}

/* What is not of rows is the table's, and the same on all its branches. */
static tarn_code check_branch(tarn_cx *cx, const tarn_snapshot *base, const tarn_change *change) {
    bool more = change->schema || change->properties.n || change->checks.n || change->comment || change->replace ||
                change->partition_by || change->repartition || change->resort || change->refs.n || change->expire;
    if (more)
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "branch %s shares columns, properties and names with the table: change those of the table",
                         base->branch);
    if (change->app_id)
        return tarn_fail(cx, TARN_UNSUPPORTED, "application transactions are the table's, branch %s has none",
                         base->branch);
    return TARN_OK;
}

tarn_code tarn_iceberg_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change) {
    (void)table;
    tarn_iceberg_plan plan;
    tarn_iceberg_snapshot *b = real_base(base);
    tarn_map reaching = {0};
    if (b) TRY(tarn_snapshot_writable(cx, base));
    if (b && base->branch) TRY(check_branch(cx, base, change));
    TRY(tarn_iceberg_plan_change(cx, b, change, &plan));
    if (change->regroup) TRY(tarn_iceberg_regroup_count(cx, b, &plan, change->regroup));
    if (change->remark && change->remark->drop && b)
        TRY(tarn_iceberg_reaching(cx, b, &reaching, &change->remark->files_removed));
    if (change->schema) change->schema = plan.schema;
    for (size_t i = 0; i < change->refs.n; i++) {
        tarn_ref_change *r = &change->refs.at[i];
        const tarn_iceberg_ref *was = b ? tarn_iceberg_ref_find(&b->meta, r->name) : NULL;
        const tarn_iceberg_ref *is = tarn_iceberg_plan_ref(&plan, r->name);
        r->was_id = was ? was->snapshot_id : -1;
        r->now_id = is ? is->snapshot_id : -1;
    }
    if (!change->format_state) change->format_state = TARN_NEW(cx->arena, tarn_iceberg_made);
    ((tarn_iceberg_made *)change->format_state)->rebased = false;
    return TARN_OK;
}

/* Writers that look for tables by path find the newest version faster with it; it may be wrong, and nobody relies on it
 * (1.14). */
static void write_hint(tarn_cx *cx, const tarn_table *table, const char *key) {
    const char *number = strrchr(key, 'v');
    tarn_str text = {number + 1, strcspn(number + 1, ".")};
    if (tarn_store_put(cx, table->store, "metadata/version-hint.text", text, TARN_PUT_ALWAYS, NULL, NULL) != TARN_OK)
        tarn_clear_error(cx);
}

static tarn_code newest_key(tarn_cx *cx, const tarn_table *table, const char **key) {
    if (table->committer) return table->committer->load(cx, table->committer->state, key);
    return tarn_iceberg_locate(cx, table->store, cx->arena, key);
}

/* Whether our version is the newest one, or among those before it. */
static tarn_code is_there(tarn_cx *cx, const tarn_table *table, const tarn_iceberg_composed *c, bool *ours) {
    const char *key = NULL;
    tarn_str text;
    tarn_iceberg_metadata m;
    *ours = false;
    TRY(newest_key(cx, table, &key));
    if (!key) return TARN_OK;
    TRY(tarn_iceberg_read_metadata(cx, table->store, key, cx->arena, &text));
    if (!strcmp(key, c->key)) { /* by path two writers may have chosen the same name */
        *ours = tarn_str_eq(text, c->text);
        return TARN_OK;
    }
    TRY(tarn_iceberg_metadata_parse(cx, cx->arena, text, &m));
    for (size_t i = 0; i < m.metadata_log.n; i++) {
        size_t n = strlen(m.metadata_log.at[i].file), k = strlen(c->key);
        if (table->committer && n >= k && !strcmp(m.metadata_log.at[i].file + n - k, c->key)) *ours = true;
    }
    *ours = *ours || (c->snapshot_id >= 0 && tarn_iceberg_version_find(&m, c->snapshot_id));
    return TARN_OK;
}

/* The answer of the store or the catalog was lost: what is there now tells. Where that cannot be seen either, it is not
 * known that another writer was first, and the change may not be tried again. */
static tarn_code settle(tarn_cx *cx, const tarn_table *table, const tarn_iceberg_composed *c, tarn_code failed) {
    tarn_error error = cx->error;
    int64_t deadline = cx->deadline_us;
    const atomic_bool *cancel = cx->cancel;
    bool ours = false;
    cx->deadline_us = tarn_monotonic_us() + READ_BACK_US;
    cx->cancel = NULL;
    tarn_code code = is_there(cx, table, c, &ours);
    cx->deadline_us = deadline;
    cx->cancel = cancel;
    if (code != TARN_OK && failed == TARN_EXISTS) return code;
    tarn_clear_error(cx);
    if (code == TARN_OK && ours) return TARN_OK;
    cx->error = error;
    return failed;
}

/* Another writer was first: nobody will name what was written for this try. */
static void discard(tarn_cx *cx, const tarn_table *table, const tarn_iceberg_composed *c) {
    tarn_error error = cx->error;
    const char **keys = TARN_NEW_ARRAY(cx->arena, const char *, c->n_written + 1);
    size_t n = 0;
    while (n < c->n_written) keys[n] = c->written[n], n++;
    if (table->committer) keys[n++] = c->key; /* by path the name is the winner's */
    if (n && tarn_store_remove(cx, table->store, keys, n) != TARN_OK) tarn_clear_error(cx);
    cx->error = error;
}

tarn_code tarn_iceberg_commit(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_change *change,
                              int64_t *version) {
    tarn_iceberg_composed composed;
    tarn_iceberg_snapshot *b = real_base(base);
    tarn_stat stat = {0};
    TRY(tarn_iceberg_compose(cx, table, b, change, &composed));
    /* With a catalog the metadata file is put beside them before its pointer moves. */
    if (!table->committer && composed.n_written)
        TRY(tarn_store_sync(cx, table->store, composed.written, composed.n_written));
    tarn_code code = tarn_committer_publish(cx, table->committer, table->store, b ? b->key : NULL, composed.key,
                                            composed.text, change->together, &stat);
    bool unsure = code == TARN_EXISTS || code == TARN_IO || code == TARN_TIMEOUT || code == TARN_CANCELLED;
    if (unsure) code = settle(cx, table, &composed, code);
    if (code == TARN_EXISTS) discard(cx, table, &composed);
    TRY(code);
    if (!table->committer) write_hint(cx, table, composed.key);
    if (change->format_state)
        *(tarn_iceberg_made *)change->format_state =
            (tarn_iceberg_made){.key = composed.key, .text = composed.text, .stat = stat};
    *version = composed.version;
    return TARN_OK;
}

/* After a commit it is opened from what was written; before one its manifests are written for the transaction alone,
 * and COMMIT writes others. */
tarn_code tarn_iceberg_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                             tarn_snapshot **out) {
    const tarn_iceberg_made *made = change->format_state;
    tarn_iceberg_composed composed;
    (void)version;
    if (made && made->key) {
        TRY(tarn_iceberg_open_text(cx, base->table, made->key, made->text, base->branch, out));
        memcpy(tarn_iceberg_of(*out)->etag, made->stat.etag, sizeof made->stat.etag);
        return TARN_OK;
    }
    tarn_iceberg_snapshot *b = real_base(base);
    TRY(tarn_iceberg_compose(cx, base->table, b, change, &composed));
    TRY(tarn_iceberg_open_text(cx, base->table, composed.key, composed.text, base->branch, out));
    int64_t known = !b ? 0 : b->row_ids_end < INT64_MAX ? b->row_ids_end : b->meta.next_row_id;
    tarn_iceberg_of(*out)->row_ids_end = known;
    return TARN_OK;
}

tarn_code tarn_iceberg_app_version(tarn_cx *cx, tarn_snapshot *snapshot, const char *app_id, int64_t *version) {
    const char *text =
        tarn_iceberg_property(&tarn_iceberg_of(snapshot)->meta, tarn_printf(cx, TARN_ICEBERG_TXN "%s", app_id));
    if (!text || !tarn_parse_i64(tarn_str_of(text), version)) *version = -1;
    return TARN_OK;
}
