/* maintain.c: what follows a commit: checksum, checkpoint (1.5), log clean-up; and which files VACUUM has to leave. */
#include "base/crypto.h"
#include "base/log.h"
#include "format/delta/write/write.h"

#define DAY_MS (24 * 3600 * 1000LL)

int64_t tarn_delta_retention_ms(tarn_snapshot *snapshot) {
    return tarn_delta_conf_interval_ms(&tarn_delta_of(snapshot)->meta, "delta.deletedFileRetentionDuration",
                                       7 * DAY_MS);
}

/* ---- tombstones: not part of an open snapshot, so read anew from the log */

static tarn_code file_action(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    bool file = a->kind == TARN_DELTA_ADD || a->kind == TARN_DELTA_REMOVE;
    return file ? tarn_delta_replay_action(cx, state, a) : TARN_OK;
}

static tarn_code base_remove(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    return tarn_delta_replay_base_remove(cx, state, a);
}

static void free_replay(tarn_delta_replay **r) { tarn_delta_replay_free(*r); }

/* The replay's `removed` holds them. */
static tarn_code read_tombstones(tarn_cx *cx, tarn_delta_snapshot *s, tarn_delta_replay *r) {
    const tarn_table *table = s->base.table;
    tarn_delta_snapshot at = {.base = s->base, .states_complete = true};
    at.base.arena = cx->arena; /* the snapshot itself is shared and stays as it is */
    TRY(tarn_delta_log_find(cx, table->store, cx->arena, s->base.version, &at.log));
    for (size_t i = at.log.commits.n; i-- > 0;) {
        TRY(tarn_check(cx));
        tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
        TRY(tarn_delta_commit_walk(cx, table->store, arena, tarn_delta_commit_key(arena, &at.log.commits.at[i]),
                                   file_action, r));
    }
    return at.log.ckpt == TARN_DELTA_NO_CKPT ? TARN_OK
                                             : tarn_delta_checkpoint_files(cx, &at, TARN_DELTA_REMOVE, base_remove, r);
}

/* ---- VACUUM */

typedef struct keeper {
    const tarn_snapshot *snapshot;
    void (*keep)(void *state, tarn_str key);
    void *state;
} keeper;

/* Files that lie elsewhere (shallow clones) are nobody's here. */
static void keep_path(const keeper *k, tarn_str path) {
    tarn_str root = tarn_str_of(tarn_store_uri(k->snapshot->table->store));
    if (path.n > root.n + 1 && !memcmp(path.p, root.p, root.n) && path.p[root.n] == '/')
        path = (tarn_str){path.p + root.n + 1, path.n - root.n - 1};
    if (path.n && path.p[0] != '/' && !memmem(path.p, path.n, "://", 3)) k->keep(k->state, path);
}

static tarn_code keep_file(tarn_cx *cx, const keeper *k, tarn_str path, const tarn_delta_dv *dv) {
    const char *key = NULL;
    keep_path(k, path);
    if (dv) TRY(tarn_delta_dv_key(cx, cx->arena, dv, &key));
    if (key) keep_path(k, tarn_str_of(key));
    return TARN_OK;
}

static tarn_code keep_cdc(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    (void)cx;
    if (a->kind == TARN_DELTA_CDC) keep_path(state, a->path);
    return TARN_OK;
}

/* Change data belongs to commits, not to the state. */
static tarn_code keep_changes(tarn_cx *cx, keeper *k, int64_t since_ms) {
    tarn_delta_log log = {0};
    tarn_store *store = k->snapshot->table->store;
    if (!tarn_delta_has_feature(&tarn_delta_of((tarn_snapshot *)(uintptr_t)k->snapshot)->protocol, "changeDataFeed"))
        return TARN_OK;
    TRY(tarn_delta_log_commits(cx, store, cx->arena, &log));
    for (size_t i = 0; i < log.commits.n; i++) {
        tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
        if (log.commits.at[i].mtime_ms < since_ms) continue;
        TRY(tarn_delta_commit_walk(cx, store, arena, tarn_delta_commit_key(arena, &log.commits.at[i]), keep_cdc, k));
    }
    return TARN_OK;
}

tarn_code tarn_delta_needed(tarn_cx *cx, tarn_snapshot *snapshot, int64_t retention_ms,
                            void (*keep)(void *state, tarn_str key), void *state) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    keeper k = {.snapshot = snapshot, .keep = keep, .state = state};
    int64_t since = tarn_now_ms(cx) - retention_ms;
    TRY(tarn_delta_load(cx, s));
    for (size_t i = 0; i < s->n_files; i++)
        TRY(keep_file(cx, &k, s->files[i].file.path,
                      s->files[i].file.deletes ? s->files[i].file.deletes->where : NULL));
    tarn_auto(tarn_delta_replay *, free_replay) r = tarn_delta_replay_new(cx);
    TRY(read_tombstones(cx, s, r));
    for (size_t i = 0; i < r->removed.n; i++)
        if (r->removed.at[i].deleted_ms >= since) TRY(keep_file(cx, &k, r->removed.at[i].path, r->removed.at[i].dv));
    return keep_changes(cx, &k, since);
}

/* ---- checkpoint: the actions as JSON text, made columns by the engine while it writes */

/* Row groups are held whole by who writes and by who reads them, and each row has a text of statistics. */
enum { LINES_AT_ONCE = 2048, ROW_GROUP_ROWS = 20480 };

typedef enum ckpt_part { CKPT_STATES, CKPT_ADDS, CKPT_REMOVES, CKPT_DONE } ckpt_part;

/* What is written, and how far the engine has asked for it. */
typedef struct ckpt_writer {
    tarn_delta_snapshot *s;
    tarn_delta_replay *tombstones;
    int64_t since; /* older ones are left out */
    ckpt_part part;
    size_t at;
    int64_t actions;
    tarn_buf line;
    bool too_large;
} ckpt_writer;

static void ckpt_done(ckpt_writer *cw) { tarn_buf_free(&cw->line); }

static tarn_jsonw ckpt_begin(ckpt_writer *cw, const char *kind) {
    tarn_jsonw w = TARN_JSONW(&cw->line);
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, kind);
    return w;
}

static void ckpt_end(ckpt_writer *cw, tarn_rowset *rows, tarn_jsonw *w) {
    tarn_jsonw_end_object(w);
    cw->too_large = cw->too_large || !tarn_buf_ok(&cw->line);
    tarn_rowset_str(rows, cw->too_large ? (tarn_str){0} : (tarn_str){cw->line.data, cw->line.n});
    cw->actions++;
    tarn_buf_clear(&cw->line);
}

static void ckpt_states(ckpt_writer *cw, tarn_rowset *rows) {
    const tarn_delta_snapshot *s = cw->s;
    tarn_jsonw w = ckpt_begin(cw, "protocol");
    tarn_delta_write_protocol(&w, &s->protocol);
    ckpt_end(cw, rows, &w);
    w = ckpt_begin(cw, "metaData");
    tarn_delta_write_meta(&w, &s->meta);
    ckpt_end(cw, rows, &w);
    for (size_t i = 0; i < s->txns.n; i++) {
        w = ckpt_begin(cw, "txn");
        tarn_delta_write_txn(&w, &s->txns.at[i]);
        ckpt_end(cw, rows, &w);
    }
    for (size_t i = 0; i < s->domains.n; i++) {
        if (s->domains.at[i].removed) continue;
        w = ckpt_begin(cw, "domainMetadata");
        tarn_delta_write_domain(&w, &s->domains.at[i]);
        ckpt_end(cw, rows, &w);
    }
}

static void ckpt_file(tarn_jsonw *w, tarn_str path, tarn_str partition, int64_t size, const tarn_delta_dv *dv,
                      const char *rest) {
    tarn_auto_buf uri = TARN_BUF(3 * path.n + 1);
    tarn_delta_path_encode(&uri, path);
    tarn_jsonw_key(w, "path"), tarn_jsonw_string(w, (tarn_str){uri.data, uri.n});
    if (partition.p) tarn_jsonw_key(w, "partitionValues"), tarn_jsonw_raw(w, partition);
    if (size >= 0) tarn_jsonw_key(w, "size"), tarn_jsonw_int(w, size);
    tarn_jsonw_key(w, "dataChange"), tarn_jsonw_bool(w, false);
    if (dv) tarn_jsonw_key(w, "deletionVector"), tarn_delta_write_dv(w, dv);
    if (rest) tarn_buf_putc(w->out, ','), tarn_buf_puts(w->out, rest);
}

static void ckpt_add(ckpt_writer *cw, tarn_rowset *rows, const tarn_delta_file *f) {
    tarn_jsonw w = ckpt_begin(cw, "add");
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, "modificationTime"), tarn_jsonw_int(&w, f->file.mtime_ms);
    if (f->stats) tarn_jsonw_key(&w, "stats"), tarn_jsonw_string(&w, tarn_delta_stats_of(f));
    ckpt_file(&w, f->file.path, cw->s->tuples[f->tuple].json, f->file.size,
              f->file.deletes ? f->file.deletes->where : NULL, f->rest);
    tarn_jsonw_end_object(&w);
    ckpt_end(cw, rows, &w);
}

static void ckpt_remove(ckpt_writer *cw, tarn_rowset *rows, const tarn_delta_tombstone *t) {
    tarn_jsonw w = ckpt_begin(cw, "remove");
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, "deletionTimestamp"), tarn_jsonw_int(&w, t->deleted_ms);
    tarn_jsonw_key(&w, "extendedFileMetadata"), tarn_jsonw_bool(&w, t->partition.p && t->size >= 0);
    ckpt_file(&w, t->path, t->partition, t->size, t->dv, t->rest);
    tarn_jsonw_end_object(&w);
    ckpt_end(cw, rows, &w);
}

static void ckpt_more(void *state, tarn_rowset *rows) {
    ckpt_writer *cw = state;
    const tarn_delta_snapshot *s = cw->s;
    if (cw->part == CKPT_STATES) {
        ckpt_states(cw, rows);
        cw->part = CKPT_ADDS;
    }
    for (int n = 0; cw->part == CKPT_ADDS && n < LINES_AT_ONCE; n++) {
        if (cw->at < s->n_files)
            ckpt_add(cw, rows, &s->files[cw->at++]);
        else
            cw->part = CKPT_REMOVES, cw->at = 0;
    }
    while (cw->part == CKPT_REMOVES && tarn_rowset_count(rows) < LINES_AT_ONCE) {
        if (cw->at == cw->tombstones->removed.n) {
            cw->part = CKPT_DONE;
        } else {
            const tarn_delta_tombstone *t = &cw->tombstones->removed.at[cw->at++];
            if (t->deleted_ms > cw->since) ckpt_remove(cw, rows, t);
        }
    }
}

static void ckpt_open(void *state, struct ArrowArrayStream *out) {
    static const tarn_rowset_column column = {"a", "u"};
    tarn_rowset *rows = tarn_rowset_new(&column, 1);
    ckpt_writer *cw = state;
    cw->part = CKPT_STATES;
    cw->at = 0;
    cw->actions = 0;
    tarn_rowset_feed(rows, ckpt_more, NULL, cw);
    tarn_rowset_open(rows, out);
}

/* 1.5: the columns of a classic checkpoint, as types for from_json. */
static const char COLUMNS[] =
    "{\"txn\":{\"appId\":\"VARCHAR\",\"version\":\"BIGINT\",\"lastUpdated\":\"BIGINT\"},\"add\":{\"path\":\"VARCHAR\","
    "\"partitionValues\":\"MAP(VARCHAR, VARCHAR)\",\"size\":\"BIGINT\",\"modificationTime\":\"BIGINT\","
    "\"dataChange\":\"BOOLEAN\",\"stats\":\"VARCHAR\",\"tags\":\"MAP(VARCHAR, VARCHAR)\","
    "\"deletionVector\":{\"storageType\":\"VARCHAR\",\"pathOrInlineDv\":\"VARCHAR\",\"offset\":\"INTEGER\","
    "\"sizeInBytes\":\"INTEGER\",\"cardinality\":\"BIGINT\"},\"baseRowId\":\"BIGINT\","
    "\"defaultRowCommitVersion\":\"BIGINT\",\"clusteringProvider\":\"VARCHAR\"},\"remove\":{\"path\":\"VARCHAR\","
    "\"deletionTimestamp\":\"BIGINT\",\"dataChange\":\"BOOLEAN\",\"extendedFileMetadata\":\"BOOLEAN\","
    "\"partitionValues\":\"MAP(VARCHAR, VARCHAR)\",\"size\":\"BIGINT\",\"deletionVector\":{\"storageType\":\"VARCHAR\","
    "\"pathOrInlineDv\":\"VARCHAR\",\"offset\":\"INTEGER\",\"sizeInBytes\":\"INTEGER\",\"cardinality\":\"BIGINT\"},"
    "\"baseRowId\":\"BIGINT\",\"defaultRowCommitVersion\":\"BIGINT\"},\"metaData\":{\"id\":\"VARCHAR\","
    "\"name\":\"VARCHAR\",\"description\":\"VARCHAR\",\"format\":{\"provider\":\"VARCHAR\",\"options\":\"MAP(VARCHAR,"
    " VARCHAR)\"},\"schemaString\":\"VARCHAR\",\"partitionColumns\":[\"VARCHAR\"],\"configuration\":\"MAP(VARCHAR,"
    " VARCHAR)\",\"createdTime\":\"BIGINT\"},\"protocol\":{\"minReaderVersion\":\"INTEGER\","
    "\"minWriterVersion\":\"INTEGER\",\"readerFeatures\":[\"VARCHAR\"],\"writerFeatures\":[\"VARCHAR\"]},"
    "\"domainMetadata\":{\"domain\":\"VARCHAR\",\"configuration\":\"VARCHAR\",\"removed\":\"BOOLEAN\"}}";

static tarn_code ckpt_copy(tarn_cx *cx, ckpt_writer *cw, const char *temp) {
    tarn_auto_buf sql = TARN_BUF(1 << 20);
    const tarn_table *table = cw->s->base.table;
    tarn_row_source source = {.open = ckpt_open, .state = cw};
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    const char *path = NULL;
    TRY(tarn_engine_conn(cx, table->engine, TARN_DB_EXECUTE, &conn));
    TRY(tarn_engine_path(cx, table->engine, table->store, temp, cx->arena, &path));
    TRY(tarn_conn_offer(cx, conn, "tarn_actions", &source));
    tarn_buf_puts(&sql, "COPY (SELECT j.txn, j.add, j.remove, j.metaData, j.protocol, j.domainMetadata FROM "
                        "(SELECT from_json(a, ");
    tarn_buf_sql_string(&sql, COLUMNS);
    tarn_buf_puts(&sql, ") AS j FROM tarn_actions)) TO ");
    tarn_buf_sql_string(&sql, path);
    tarn_buf_printf(&sql, " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE %d)", ROW_GROUP_ROWS);
    TRY(tarn_conn_run(cx, conn, sql.data));
    return cw->too_large ? tarn_fail(cx, TARN_LIMIT, "an action is too large for a checkpoint") : TARN_OK;
}

static tarn_code write_hint(tarn_cx *cx, const tarn_delta_snapshot *s, int64_t actions, int64_t bytes) {
    tarn_auto_buf text = TARN_BUF(4096);
    tarn_buf_printf(&text, "{\"version\":%lld,\"size\":%lld,\"sizeInBytes\":%lld,\"numOfAddFiles\":%zu}",
                    (long long)s->base.version, (long long)actions, (long long)bytes, s->n_files);
    return tarn_store_put(cx, s->base.table->store, TARN_DELTA_LOG "_last_checkpoint", (tarn_str){text.data, text.n},
                          TARN_PUT_ALWAYS, NULL, NULL);
}

tarn_code tarn_delta_checkpoint_write(tarn_cx *cx, tarn_delta_snapshot *s) {
    const tarn_table *table = s->base.table;
    if (!table->engine) return tarn_fail(cx, TARN_UNSUPPORTED, "a checkpoint needs the engine");
    TRY(tarn_delta_load(cx, s));
    tarn_auto(tarn_delta_replay *, free_replay) tombstones = tarn_delta_replay_new(cx);
    TRY(read_tombstones(cx, s, tombstones));
    tarn_auto(ckpt_writer, ckpt_done) cw = {.s = s,
                                            .tombstones = tombstones,
                                            .since = tarn_now_ms(cx) - tarn_delta_retention_ms(&s->base),
                                            .line = TARN_BUF(256u << 20)};
    char uuid[TARN_UUID_TEXT];
    tarn_uuid_v4(cx, uuid);
    const char *key = tarn_delta_version_key(cx->arena, s->base.version, ".checkpoint.parquet");
    const char *temp =
        tarn_printf(cx, TARN_DELTA_LOG ".%020lld.checkpoint.parquet.%s.tmp", (long long)s->base.version, uuid);
    tarn_code code = ckpt_copy(cx, &cw, temp);
    if (code == TARN_OK) code = tarn_store_copy(cx, table->store, temp, key, TARN_PUT_ALWAYS);
    tarn_error error = cx->error;
    if (tarn_store_remove(cx, table->store, &temp, 1) != TARN_OK) tarn_clear_error(cx); /* VACUUM finds it */
    cx->error = error;
    TRY(code);
    tarn_stat stat;
    TRY(tarn_store_head(cx, table->store, key, &stat));
    return write_hint(cx, s, cw.actions, stat.size);
}

/* ---- log clean-up (1.5 "metadata cleanup") */

/* Those that no checkpoint among the log's files from `first` on refers to, but for young ones, whose checkpoint may
 * still be on its way. */
static tarn_code clean_sidecars(tarn_cx *cx, const tarn_delta_snapshot *s, const tarn_entry_list *log, size_t first) {
    tarn_store *store = s->base.table->store;
    tarn_entry_list list = {0};
    tarn_list_spec spec = {.prefix = TARN_DELTA_LOG "_sidecars/",
                           .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_LOG_FILES),
                           .with_stat = true};
    int64_t young = tarn_now_ms(cx) - DAY_MS;
    TARN_VEC(const char *) gone = {0};
    tarn_map used = {0};
    TRY(tarn_store_list(cx, store, &spec, cx->arena, &list));
    for (size_t i = first; list.n && i < log->n; i++) {
        tarn_delta_ckpt kind;
        if (tarn_delta_may_have_sidecars(log->at[i].key, &kind))
            TRY(tarn_delta_checkpoint_sidecars(cx, s, kind, log->at[i].key, &used));
    }
    for (size_t i = 0; i < list.n; i++) {
        const tarn_entry *e = &list.at[i];
        if (!e->is_folder && e->mtime_ms < young && !tarn_map_get(&used, tarn_str_of(e->key)))
            *TARN_PUSH(cx->arena, &gone) = e->key;
    }
    return gone.n ? tarn_store_remove(cx, store, gone.at, gone.n) : TARN_OK;
}

tarn_code tarn_delta_log_clean(tarn_cx *cx, tarn_delta_snapshot *s) {
    const char *on = tarn_delta_conf(&s->meta, "delta.enableExpiredLogCleanup");
    if (on && tarn_str_ieq(tarn_str_of(on), TARN_LIT("false"))) return TARN_OK;
    if (tarn_delta_has_feature(&s->protocol, "checkpointProtection")) return TARN_OK;
    int64_t cutoff = tarn_now_ms(cx) - tarn_delta_conf_interval_ms(&s->meta, "delta.logRetentionDuration", 30 * DAY_MS);
    cutoff -= ((cutoff % DAY_MS) + DAY_MS) % DAY_MS;
    tarn_store *store = s->base.table->store;
    tarn_delta_log all = {0};
    TRY(tarn_delta_log_commits(cx, store, cx->arena, &all));
    int64_t old = -1;
    for (size_t i = 0; i < all.commits.n && all.commits.at[i].mtime_ms < cutoff; i++) old = all.commits.at[i].version;
    if (old < 0) return TARN_OK;
    tarn_delta_log at = {0};
    TRY(tarn_delta_log_find(cx, store, cx->arena, old, &at));
    if (at.ckpt == TARN_DELTA_NO_CKPT) return TARN_OK;
    tarn_entry_list list = {0};
    tarn_list_spec spec = {.prefix = TARN_DELTA_LOG "0", .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_LOG_FILES)};
    TRY(tarn_store_list(cx, store, &spec, cx->arena, &list));
    const char *first_kept = tarn_delta_version_key(cx->arena, at.ckpt_version, "");
    TARN_VEC(const char *) gone = {0};
    size_t first = 0;
    for (; first < list.n && strcmp(list.at[first].key, first_kept) < 0; first++)
        if (tarn_delta_is_log_file(list.at[first].key)) *TARN_PUSH(cx->arena, &gone) = list.at[first].key;
    if (!gone.n) return TARN_OK;
    TRY(tarn_store_remove(cx, store, gone.at, gone.n));
    return clean_sidecars(cx, s, &list, first);
}

static bool step(tarn_cx *cx, tarn_code code, const char *what, const tarn_table *table) {
    if (code != TARN_OK) tarn_log(cx, TARN_LOG_WARN, what, "table", table->location, "error", cx->error.message, NULL);
    tarn_clear_error(cx);
    return code == TARN_OK;
}

void tarn_delta_maintain(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    pthread_mutex_lock(&s->lock);
    bool counted = s->loaded;
    pthread_mutex_unlock(&s->lock);
    if (counted || tarn_delta_unread(s)) step(cx, tarn_delta_crc_write(cx, s), "delta_checksum_failed", table);
    int64_t every = tarn_delta_conf_int(&s->meta, "delta.checkpointInterval",
                                        tarn_conf_int(cx->conf, TARN_DELTA_CHECKPOINT_INTERVAL));
    if (every < 1 || snapshot->version == 0 || snapshot->version % every || !table->engine) return;
    if (step(cx, tarn_delta_checkpoint_write(cx, s), "delta_checkpoint_failed", table))
        step(cx, tarn_delta_log_clean(cx, s), "delta_log_cleanup_failed", table);
}
