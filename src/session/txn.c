/* txn.c: a transaction is pinned base snapshots and a growing change set for each table; COMMIT is one commit of all.
 */
#include "session/txn.h"

#include "format/commit.h"
#include "session/tables.h"
#include "table/record.h"

/* A table the transaction has read or written. */
typedef struct txn_table {
    const tarn_table *table;
    const char *ref;        /* the branch or tag; NULL: the table itself */
    tarn_snapshot *base;    /* as it was at its first use */
    tarn_snapshot *current; /* base with the pending change: what is read */
    tarn_change change;
    int statements; /* that changed it */
    int64_t entry;  /* of the catalog, when it was changed by that name; else 0 */
    struct txn_table *next;
} txn_table;

struct tarn_txn {
    tarn_arena *arena;
    txn_table *tables;
    TARN_VEC(tarn_snapshot *) kept; /* older currents: pending changes point into them */
    int statements;
};

tarn_code tarn_session_begin(tarn_cx *cx, tarn_session *s) {
    if (s->txn) return tarn_fail(cx, TARN_INVALID, "a transaction is open already: COMMIT or ROLLBACK it first");
    tarn_arena *arena = tarn_arena_new();
    s->txn = TARN_NEW(arena, struct tarn_txn);
    s->txn->arena = arena;
    return TARN_OK;
}

tarn_arena *tarn_txn_arena(tarn_session *s) { return s->txn->arena; }

int tarn_txn_changes(const tarn_session *s) { return s->txn ? s->txn->statements : 0; }

void tarn_txn_free(tarn_session *s) {
    if (!s->txn) return;
    for (txn_table *t = s->txn->tables; t; t = t->next) {
        tarn_snapshot_release(t->base);
        tarn_snapshot_release(t->current);
    }
    for (size_t i = 0; i < s->txn->kept.n; i++) tarn_snapshot_release(s->txn->kept.at[i]);
    tarn_arena *arena = s->txn->arena;
    s->txn = NULL;
    tarn_arena_free(arena);
}

static bool same_ref(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

static tarn_code use_table(tarn_cx *cx, tarn_session *s, const tarn_table *table, const char *ref, txn_table **out) {
    for (txn_table *t = s->txn->tables; t; t = t->next)
        if (t->table == table && same_ref(t->ref, ref)) {
            *out = t;
            return TARN_OK;
        }
    tarn_snapshot *base;
    tarn_at at = {.kind = ref ? TARN_AT_REF : TARN_AT_LATEST, .ref = ref};
    TRY(tarn_tables_snapshot(cx, s->lake->tables, table, &at, &base));
    txn_table *t = TARN_NEW(s->txn->arena, txn_table);
    *t = (txn_table){.table = table, .base = base, .current = tarn_snapshot_retain(base), .next = s->txn->tables};
    t->ref = ref ? tarn_arena_strdup(s->txn->arena, ref) : NULL;
    s->txn->tables = t;
    *out = t;
    return TARN_OK;
}

tarn_code tarn_txn_snapshot(tarn_cx *cx, tarn_session *s, const tarn_table *table, const char *ref,
                            tarn_snapshot **out) {
    txn_table *t;
    TRY(use_table(cx, s, table, ref, &t));
    *out = tarn_snapshot_retain(t->current);
    return TARN_OK;
}

/* Index of the pending add with this path, or -1. */
static int64_t find_add(const tarn_change *change, tarn_str path) {
    for (size_t i = 0; i < change->adds.n; i++)
        if (tarn_str_is(path, change->adds.at[i].path)) return (int64_t)i;
    return -1;
}

/* A file this transaction added and now removes was never there; one it marked rows of goes as it was before. */
static void merge_files(tarn_arena *arena, tarn_change *into, const tarn_change *from) {
    for (size_t i = 0; i < from->removes.n; i++) {
        int64_t at = find_add(into, from->removes.at[i]->path);
        if (at < 0 || into->adds.at[at].from)
            *TARN_PUSH(arena, &into->removes) = at < 0 ? from->removes.at[i] : into->adds.at[at].from;
        if (at >= 0) into->adds.at[at] = into->adds.at[--into->adds.n];
    }
    for (size_t i = 0; i < from->adds.n; i++) {
        const tarn_add *a = &from->adds.at[i];
        int64_t at = a->from && a->deletes ? find_add(into, a->from->path) : -1;
        if (at >= 0)
            into->adds.at[at].deletes = a->deletes; /* they hold those of before */
        else
            *TARN_PUSH(arena, &into->adds) = *a;
    }
    for (size_t i = 0; i < from->written.n; i++) *TARN_PUSH(arena, &into->written) = from->written.at[i];
    for (size_t i = 0; i < from->recorded.n; i++) *TARN_PUSH(arena, &into->recorded) = from->recorded.at[i];
}

static void merge_change(tarn_arena *arena, tarn_change *into, const tarn_change *from) {
    merge_files(arena, into, from);
    into->restored = NULL; /* there is more to it now */
    if (from->replace) {   /* it says all of the table's metadata anew */
        into->replace = true;
        memset(&into->properties, 0, sizeof into->properties);
        memset(&into->checks, 0, sizeof into->checks);
    }
    if (from->schema) into->schema = from->schema;
    if (from->partition_by || from->replace || from->repartition) {
        into->partition_by = from->partition_by;
        into->n_partition_by = from->n_partition_by;
        into->repartition = from->repartition;
    }
    if (from->resort) {
        into->sort_by = from->sort_by;
        into->n_sort_by = from->n_sort_by;
        into->resort = true;
    }
    if (from->comment) into->comment = from->comment;
    if (from->app_id) {
        into->app_id = from->app_id;
        into->app_version = from->app_version;
    }
    for (size_t i = 0; i < from->properties.n; i++) *TARN_PUSH(arena, &into->properties) = from->properties.at[i];
    for (size_t i = 0; i < from->checks.n; i++) *TARN_PUSH(arena, &into->checks) = from->checks.at[i];
    for (size_t i = 0; i < from->reads.n; i++) *TARN_PUSH(arena, &into->reads) = from->reads.at[i];
    for (size_t i = 0; i < from->read_files.n; i++) *TARN_PUSH(arena, &into->read_files) = from->read_files.at[i];
    into->by_row = (into->by_row || into->blind_append) && (from->by_row || from->blind_append);
    into->blind_append = into->blind_append && from->blind_append;
    into->read_all = into->read_all || from->read_all;
    into->no_data_change = into->no_data_change && from->no_data_change;
}

static const char *name_of(const txn_table *t) { return t->table->name ? t->table->name : t->table->location; }

/* Refused at once, not after all the work: tables whose versions lie side by side in their stores cannot be changed at
 * one instant. */
static tarn_code check_together(tarn_cx *cx, const struct tarn_txn *txn, const txn_table *t) {
    for (const txn_table *other = txn->tables; other; other = other->next) {
        if (other != t && other->statements && other->table == t->table)
            return tarn_hint(cx,
                             tarn_fail(cx, TARN_UNSUPPORTED,
                                       "this transaction has changed another branch of %s: one commit moves one branch",
                                       name_of(t)),
                             "COMMIT before another branch is changed");
        if (other != t && other->statements && !(other->table->committer && t->table->committer))
            return tarn_hint(
                cx,
                tarn_fail(cx, TARN_UNSUPPORTED,
                          "this transaction has changed %s: it cannot change %s too, as %s tables are committed one at "
                          "a time",
                          name_of(other), name_of(t),
                          other->table->committer ? t->table->format->name : other->table->format->name),
                "COMMIT before another table is changed");
    }
    return TARN_OK;
}

/* A commit tells of one application: what another has done would not be known afterwards. */
static tarn_code check_application(tarn_cx *cx, const txn_table *t, const tarn_change *change) {
    const char *was = t->statements ? t->change.app_id : NULL;
    if (!was || !change->app_id || strcmp(was, change->app_id) == 0) return TARN_OK;
    return tarn_fail(cx, TARN_UNSUPPORTED,
                     "this transaction writes to %s for application \"%s\" already: \"%s\" needs one of its own",
                     name_of(t), was, change->app_id);
}

/* Files are all of one layout in a commit, and those written before know nothing of the new one. */
static tarn_code check_layout(tarn_cx *cx, const txn_table *t, const tarn_change *change) {
    if (!(change->repartition || change->resort) || !t->statements || !t->change.adds.n) return TARN_OK;
    return tarn_fail(cx, TARN_UNSUPPORTED,
                     "this transaction has written rows to %s: COMMIT before its layout is changed", name_of(t));
}

/* A commit's change files tell of all its rows or there are none: what an earlier statement left untold, or this one,
 * is recorded now. The files go to `more`. */
static tarn_code record_rest(tarn_cx *cx, tarn_session *s, const txn_table *t, const tarn_change *change,
                             tarn_snapshot *next, tarn_change *more) {
    bool before = t->change.recorded.n, now = change->recorded.n;
    const tarn_change *untold = before ? change : &t->change;
    if (!t->statements || before == now || !(untold->adds.n + untold->removes.n) || untold->no_data_change)
        return TARN_OK;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    TRY(tarn_session_conn(cx, s, &conn));
    return before ? tarn_record_files(cx, conn, t->current, next, change, more)
                  : tarn_record_files(cx, conn, t->base, t->current, &t->change, more);
}

tarn_code tarn_txn_add(tarn_cx *cx, tarn_session *s, const tarn_opened *opened, tarn_change *change) {
    struct tarn_txn *txn = s->txn;
    tarn_snapshot *next;
    txn_table *t;
    TRY(use_table(cx, s, opened->table, opened->snapshot->branch, &t));
    if (change->staged)
        return tarn_hint(cx, tarn_fail(cx, TARN_UNSUPPORTED, "rows are staged by one statement, not in a transaction"),
                         "RESET write.wap_id, or COMMIT first");
    TRY(check_together(cx, txn, t));
    TRY(check_application(cx, t, change));
    TRY(check_layout(cx, t, change));
    TRY(tarn_snapshot_apply(cx, t->current, change, t->current->version, &next));
    tarn_change more = {0};
    tarn_code code = record_rest(cx, s, t, change, next, &more);
    if (code != TARN_OK) {
        tarn_snapshot_release(next);
        return code;
    }
    for (size_t i = 0; i < more.recorded.n; i++) *TARN_PUSH(cx->arena, &change->recorded) = more.recorded.at[i];
    if (!t->statements)
        t->change = *change;
    else
        merge_change(txn->arena, &t->change, change);
    *TARN_PUSH(txn->arena, &txn->kept) = t->current;
    t->current = next;
    if (opened->entry.id) t->entry = opened->entry.id;
    txn->statements++;
    if (t->statements++) t->change.operation = "TRANSACTION";
    return TARN_OK;
}

/* Rows would go where nobody looks for them, into a table that others have dropped since. */
static tarn_code check_names(tarn_cx *cx, const tarn_session *s) {
    for (const txn_table *t = s->txn->tables; t; t = t->next) {
        const char *pointer;
        tarn_code code =
            t->statements && t->entry ? tarn_catalog_pointer(cx, s->lake->catalog, t->entry, &pointer) : TARN_OK;
        if (code == TARN_NOTFOUND)
            return tarn_fail(cx, code, "%s was dropped while the transaction ran: it is rolled back", name_of(t));
        TRY(code);
    }
    return TARN_OK;
}

static void forget_changes(tarn_cx *cx, tarn_session *s) {
    for (txn_table *t = s->txn->tables; t; t = t->next)
        if (t->statements) tarn_write_abandon(cx, t->table, &t->change);
    tarn_txn_free(s);
}

/* Nothing of the transaction was published: its files go, the error stays. */
static tarn_code refused(tarn_cx *cx, tarn_session *s, tarn_code code) {
    tarn_error why = cx->error;
    forget_changes(cx, s);
    cx->error = why;
    return code;
}

tarn_code tarn_session_commit(tarn_cx *cx, tarn_session *s) {
    if (!s->txn) return tarn_fail(cx, TARN_INVALID, "no transaction is open: BEGIN one first");
    TARN_VEC(tarn_commit_part) parts = {0};
    tarn_code code = check_names(cx, s);
    if (code != TARN_OK) return refused(cx, s, code);
    for (txn_table *t = s->txn->tables; t; t = t->next)
        if (t->statements)
            *TARN_PUSH(cx->arena, &parts) =
                (tarn_commit_part){.table = t->table, .base = t->base, .change = &t->change};
    if (parts.n) code = tarn_commit_together(cx, parts.at, parts.n);
    for (size_t i = 0; i < parts.n; i++) {
        tarn_commit_part *part = &parts.at[i];
        if (part->after) tarn_tables_put(s->lake->tables, part->table, part->after);
        tarn_snapshot_release(part->after);
    }
    if (parts.n && parts.at[0].published) {
        tarn_clear_error(cx);
        code = TARN_OK;
    }
    if (code != TARN_OK && tarn_commit_refused(code)) return refused(cx, s, code);
    tarn_txn_free(s);
    return code;
}

tarn_code tarn_session_rollback(tarn_cx *cx, tarn_session *s) {
    if (!s->txn) return tarn_fail(cx, TARN_INVALID, "no transaction is open");
    forget_changes(cx, s);
    return TARN_OK;
}
