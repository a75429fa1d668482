/* txn.c: a transaction is a pinned base snapshot and one growing change set; COMMIT is one commit of it. */
#include "session/txn.h"

#include "session/tables.h"
#include "table/write.h"

/* A table the transaction has read or written. */
typedef struct txn_table {
    const tarn_table *table;
    tarn_snapshot *base;    /* as it was at its first use */
    tarn_snapshot *current; /* base with the pending change: what is read */
    struct txn_table *next;
} txn_table;

struct tarn_txn {
    tarn_arena *arena;
    txn_table *tables;
    txn_table *written; /* the one table with a pending change */
    tarn_change change;
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

static tarn_code use_table(tarn_cx *cx, tarn_session *s, const tarn_table *table, txn_table **out) {
    for (txn_table *t = s->txn->tables; t; t = t->next)
        if (t->table == table) {
            *out = t;
            return TARN_OK;
        }
    tarn_snapshot *base;
    tarn_at latest = {.kind = TARN_AT_LATEST};
    TRY(tarn_tables_snapshot(cx, s->lake->tables, table, &latest, &base));
    txn_table *t = TARN_NEW(s->txn->arena, txn_table);
    *t = (txn_table){.table = table, .base = base, .current = tarn_snapshot_retain(base), .next = s->txn->tables};
    s->txn->tables = t;
    *out = t;
    return TARN_OK;
}

tarn_code tarn_txn_snapshot(tarn_cx *cx, tarn_session *s, const tarn_table *table, tarn_snapshot **out) {
    txn_table *t;
    TRY(use_table(cx, s, table, &t));
    *out = tarn_snapshot_retain(t->current);
    return TARN_OK;
}

/* Index of the pending add with this path, or -1. */
static int64_t find_add(const tarn_change *change, tarn_str path) {
    for (size_t i = 0; i < change->adds.n; i++)
        if (tarn_str_is(path, change->adds.at[i].path)) return (int64_t)i;
    return -1;
}

/* A file this transaction added and now removes was never there. */
static void merge_files(tarn_arena *arena, tarn_change *into, const tarn_change *from) {
    for (size_t i = 0; i < from->removes.n; i++) {
        int64_t at = find_add(into, from->removes.at[i]->path);
        if (at >= 0)
            into->adds.at[at] = into->adds.at[--into->adds.n];
        else
            *TARN_PUSH(arena, &into->removes) = from->removes.at[i];
    }
    for (size_t i = 0; i < from->adds.n; i++) *TARN_PUSH(arena, &into->adds) = from->adds.at[i];
}

static void merge_change(tarn_arena *arena, tarn_change *into, const tarn_change *from) {
    merge_files(arena, into, from);
    if (from->replace) { /* it says all of the table's metadata anew */
        into->replace = true;
        into->partition_by = from->partition_by;
        into->n_partition_by = from->n_partition_by;
        memset(&into->properties, 0, sizeof into->properties);
        memset(&into->checks, 0, sizeof into->checks);
    }
    if (from->schema) into->schema = from->schema;
    if (from->comment) into->comment = from->comment;
    if (from->app_id) {
        into->app_id = from->app_id;
        into->app_version = from->app_version;
    }
    for (size_t i = 0; i < from->properties.n; i++) *TARN_PUSH(arena, &into->properties) = from->properties.at[i];
    for (size_t i = 0; i < from->checks.n; i++) *TARN_PUSH(arena, &into->checks) = from->checks.at[i];
    for (size_t i = 0; i < from->reads.n; i++) *TARN_PUSH(arena, &into->reads) = from->reads.at[i];
    for (size_t i = 0; i < from->read_files.n; i++) *TARN_PUSH(arena, &into->read_files) = from->read_files.at[i];
    into->blind_append = into->blind_append && from->blind_append;
    into->read_all = into->read_all || from->read_all;
    into->no_data_change = into->no_data_change && from->no_data_change;
}

tarn_code tarn_txn_add(tarn_cx *cx, tarn_session *s, const tarn_opened *opened, tarn_change *change) {
    struct tarn_txn *txn = s->txn;
    tarn_snapshot *next;
    txn_table *t;
    TRY(use_table(cx, s, opened->table, &t));
    if (txn->written && txn->written != t)
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "a transaction can change one table: %s has changes already, COMMIT them before %s is changed",
                         txn->written->table->location, t->table->location);
    TRY(tarn_snapshot_apply(cx, t->current, change, t->current->version, &next));
    tarn_change merged = txn->change;
    if (!txn->written)
        merged = *change;
    else
        merge_change(txn->arena, &merged, change);
    *TARN_PUSH(txn->arena, &txn->kept) = t->current;
    t->current = next;
    txn->written = t;
    txn->change = merged;
    if (txn->statements++) txn->change.operation = "TRANSACTION";
    return TARN_OK;
}

tarn_code tarn_session_commit(tarn_cx *cx, tarn_session *s) {
    if (!s->txn) return tarn_fail(cx, TARN_INVALID, "no transaction is open: BEGIN one first");
    struct tarn_txn *txn = s->txn;
    tarn_code code = TARN_OK;
    if (txn->written) {
        tarn_snapshot *fresh = NULL;
        code = tarn_commit(cx, txn->written->table, txn->written->base, &txn->change, &fresh);
        if (code == TARN_OK) tarn_tables_put(s->lake->tables, txn->written->table, fresh);
        tarn_snapshot_release(fresh);
    }
    tarn_txn_free(s);
    return code;
}

tarn_code tarn_session_rollback(tarn_cx *cx, tarn_session *s) {
    if (!s->txn) return tarn_fail(cx, TARN_INVALID, "no transaction is open");
    if (s->txn->written) tarn_write_abandon(cx, s->txn->written->table, &s->txn->change);
    tarn_txn_free(s);
    return TARN_OK;
}
