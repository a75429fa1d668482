/* commit.c: writes a change as the next commit (1.3, 1.11). */
#include "format/delta/write/write.h"

enum { READ_BACK_US = 10 * 1000 * 1000 };

/* ---- actions, also for checksums and checkpoints */

static void write_names(tarn_jsonw *w, const char *key, const char *const *names, size_t n) {
    tarn_jsonw_key(w, key);
    tarn_jsonw_begin_array(w);
    for (size_t i = 0; i < n; i++) tarn_jsonw_text(w, names[i]);
    tarn_jsonw_end_array(w);
}

void tarn_delta_write_protocol(tarn_jsonw *w, const tarn_delta_protocol *p) {
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "minReaderVersion"), tarn_jsonw_int(w, p->reader);
    tarn_jsonw_key(w, "minWriterVersion"), tarn_jsonw_int(w, p->writer);
    if (p->reader >= 3) write_names(w, "readerFeatures", p->reader_features, p->n_reader_features);
    if (p->writer >= 7) write_names(w, "writerFeatures", p->writer_features, p->n_writer_features);
    tarn_jsonw_end_object(w);
}

void tarn_delta_write_meta(tarn_jsonw *w, const tarn_delta_meta *m) {
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "id"), tarn_jsonw_text(w, m->id);
    if (m->name) tarn_jsonw_key(w, "name"), tarn_jsonw_text(w, m->name);
    if (m->description) tarn_jsonw_key(w, "description"), tarn_jsonw_text(w, m->description);
    tarn_jsonw_key(w, "format");
    tarn_jsonw_raw(w, m->format ? tarn_str_of(m->format) : TARN_LIT("{\"provider\":\"parquet\",\"options\":{}}"));
    tarn_jsonw_key(w, "schemaString"), tarn_jsonw_text(w, m->schema);
    write_names(w, "partitionColumns", m->partition_columns, m->n_partition_columns);
    tarn_jsonw_key(w, "configuration");
    tarn_jsonw_begin_object(w);
    for (size_t i = 0; i < m->n_configuration; i++) {
        tarn_jsonw_key(w, m->configuration[i].name);
        tarn_jsonw_text(w, m->configuration[i].value);
    }
    tarn_jsonw_end_object(w);
    if (m->created_ms >= 0) tarn_jsonw_key(w, "createdTime"), tarn_jsonw_int(w, m->created_ms);
    tarn_jsonw_end_object(w);
}

void tarn_delta_write_txn(tarn_jsonw *w, const tarn_delta_txn *t) {
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "appId"), tarn_jsonw_text(w, t->app_id);
    tarn_jsonw_key(w, "version"), tarn_jsonw_int(w, t->version);
    if (t->last_updated >= 0) tarn_jsonw_key(w, "lastUpdated"), tarn_jsonw_int(w, t->last_updated);
    tarn_jsonw_end_object(w);
}

void tarn_delta_write_domain(tarn_jsonw *w, const tarn_delta_domain *d) {
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "domain"), tarn_jsonw_text(w, d->domain);
    tarn_jsonw_key(w, "configuration"), tarn_jsonw_text(w, d->configuration ? d->configuration : "");
    tarn_jsonw_key(w, "removed"), tarn_jsonw_bool(w, d->removed);
    tarn_jsonw_end_object(w);
}

void tarn_delta_write_dv(tarn_jsonw *w, const tarn_delta_dv *dv) {
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "storageType"), tarn_jsonw_string(w, (tarn_str){&dv->storage, 1});
    tarn_jsonw_key(w, "pathOrInlineDv"), tarn_jsonw_string(w, dv->where);
    if (dv->offset >= 0) tarn_jsonw_key(w, "offset"), tarn_jsonw_int(w, dv->offset);
    tarn_jsonw_key(w, "sizeInBytes"), tarn_jsonw_int(w, dv->size);
    tarn_jsonw_key(w, "cardinality"), tarn_jsonw_int(w, dv->cardinality);
    tarn_jsonw_end_object(w);
}

static void write_path(tarn_jsonw *w, tarn_str path) {
    tarn_auto_buf uri = TARN_BUF(3 * path.n + 1);
    tarn_delta_path_encode(&uri, path);
    tarn_jsonw_key(w, "path"), tarn_jsonw_string(w, (tarn_str){uri.data, uri.n});
}

static void write_rest(tarn_jsonw *w, const char *rest) {
    if (!rest) return;
    tarn_buf_putc(w->out, ','); /* members always stand before these */
    tarn_buf_puts(w->out, rest);
}

/* ---- the commit */

typedef struct encoder {
    tarn_cx *cx;
    tarn_jsonw *w;
    tarn_delta_snapshot *base; /* NULL: none */
    const tarn_change *change;
    tarn_delta_plan plan;
    int64_t version, now_ms, ict_ms;
} encoder;

static bool of_base(const encoder *e, const tarn_file *file) {
    return e->base && e->base->loaded && file->ordinal < e->base->n_files &&
           file == &e->base->files[file->ordinal].file;
}

static void write_partition(encoder *e, const tarn_value *values) {
    const tarn_delta_meta *m = &e->plan.meta;
    tarn_jsonw_key(e->w, "partitionValues");
    tarn_jsonw_begin_object(e->w);
    for (size_t i = 0; i < m->n_partition_columns; i++) {
        int at = tarn_schema_find(e->plan.schema, tarn_str_of(m->partition_columns[i]));
        tarn_auto_buf text = TARN_BUF(1 << 20);
        tarn_jsonw_key(e->w, tarn_delta_physical(&e->plan.schema->fields[at]));
        if (tarn_delta_partition_print(&text, &values[i]))
            tarn_jsonw_string(e->w, (tarn_str){text.data ? text.data : "", text.n});
        else
            tarn_jsonw_null(e->w);
    }
    tarn_jsonw_end_object(e->w);
}

static void write_file_partition(encoder *e, const tarn_file *file) {
    if (!of_base(e, file)) {
        write_partition(e, file->partition);
        return;
    }
    tarn_jsonw_key(e->w, "partitionValues");
    tarn_jsonw_raw(e->w, e->base->tuples[((const tarn_delta_file *)file)->tuple].json);
}

static void write_remove(encoder *e, const tarn_file *file) {
    const tarn_delta_file *f = (const tarn_delta_file *)file;
    tarn_jsonw *w = e->w;
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "remove");
    tarn_jsonw_begin_object(w);
    write_path(w, file->path);
    tarn_jsonw_key(w, "deletionTimestamp"), tarn_jsonw_int(w, e->now_ms);
    tarn_jsonw_key(w, "dataChange"), tarn_jsonw_bool(w, !e->change->no_data_change);
    tarn_jsonw_key(w, "extendedFileMetadata"), tarn_jsonw_bool(w, true);
    write_file_partition(e, file);
    tarn_jsonw_key(w, "size"), tarn_jsonw_int(w, file->size);
    if (file->deletes) tarn_jsonw_key(w, "deletionVector"), tarn_delta_write_dv(w, file->deletes->where);
    write_rest(w, f->rest);
    tarn_jsonw_end_object(w);
    tarn_jsonw_end_object(w);
    tarn_jsonw_newline(w);
}

static void write_add(encoder *e, const tarn_add *add) {
    tarn_jsonw *w = e->w;
    const tarn_file *from = add->from;
    const tarn_delta_file *entry = (const tarn_delta_file *)from;
    const tarn_delta_dv *dv = add->deletes ? add->deletes : from && from->deletes ? from->deletes->where : NULL;
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "add");
    tarn_jsonw_begin_object(w);
    write_path(w, from ? from->path : tarn_str_of(add->path));
    if (from)
        write_file_partition(e, from);
    else
        write_partition(e, add->partition);
    tarn_jsonw_key(w, "size"), tarn_jsonw_int(w, from ? from->size : add->size);
    tarn_jsonw_key(w, "modificationTime"), tarn_jsonw_int(w, from ? from->mtime_ms : add->mtime_ms);
    tarn_jsonw_key(w, "dataChange"), tarn_jsonw_bool(w, !e->change->no_data_change);
    if (from && add->deletes)
        tarn_delta_write_wide_stats(w, tarn_delta_stats_of(entry), from->rows);
    else if (from && entry->stats)
        tarn_jsonw_key(w, "stats"), tarn_jsonw_string(w, tarn_delta_stats_of(entry));
    else if (!from && add->rows >= 0)
        tarn_delta_write_stats(w, &e->plan, add);
    if (dv) tarn_jsonw_key(w, "deletionVector"), tarn_delta_write_dv(w, dv);
    if (from) write_rest(w, entry->rest);
    tarn_jsonw_end_object(w);
    tarn_jsonw_end_object(w);
    tarn_jsonw_newline(w);
}

/* 1.9: rows of a change file are of one partition, like those of a data file. */
static void write_recorded(encoder *e, const tarn_add *file) {
    tarn_jsonw *w = e->w;
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "cdc");
    tarn_jsonw_begin_object(w);
    write_path(w, tarn_str_of(file->path));
    write_partition(e, file->partition);
    tarn_jsonw_key(w, "size"), tarn_jsonw_int(w, file->size);
    tarn_jsonw_key(w, "dataChange"), tarn_jsonw_bool(w, false);
    tarn_jsonw_end_object(w);
    tarn_jsonw_end_object(w);
    tarn_jsonw_newline(w);
}

static bool blind(const tarn_change *c) {
    return c->blind_append && !c->removes.n && !c->read_all && !c->reads.n && !c->read_files.n && !c->create &&
           !c->replace;
}

static void write_info(encoder *e) {
    const tarn_change *c = e->change;
    tarn_jsonw *w = e->w;
    const char *level = tarn_delta_conf(&e->plan.meta, "delta.isolationLevel");
    bool serializable = level && tarn_str_ieq(tarn_str_of(level), TARN_LIT("Serializable"));
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "commitInfo");
    tarn_jsonw_begin_object(w);
    if (e->ict_ms >= 0) tarn_jsonw_key(w, "inCommitTimestamp"), tarn_jsonw_int(w, e->ict_ms);
    tarn_jsonw_key(w, "timestamp"), tarn_jsonw_int(w, e->now_ms);
    if (e->cx->principal) tarn_jsonw_key(w, "userName"), tarn_jsonw_text(w, e->cx->principal);
    tarn_jsonw_key(w, "operation"), tarn_jsonw_text(w, c->operation ? c->operation : "WRITE");
    tarn_jsonw_key(w, "operationParameters");
    tarn_jsonw_begin_object(w);
    for (size_t i = 0; i < c->parameters.n; i++)
        tarn_jsonw_key(w, c->parameters.at[i].name), tarn_jsonw_raw(w, tarn_str_of(c->parameters.at[i].value));
    tarn_jsonw_end_object(w);
    if (e->base) tarn_jsonw_key(w, "readVersion"), tarn_jsonw_int(w, e->base->base.version);
    tarn_jsonw_key(w, "isolationLevel"), tarn_jsonw_text(w, c->no_data_change ? "SnapshotIsolation"
                                                            : serializable    ? "Serializable"
                                                                              : "WriteSerializable");
    tarn_jsonw_key(w, "isBlindAppend"), tarn_jsonw_bool(w, blind(c));
    tarn_jsonw_key(w, "operationMetrics");
    tarn_jsonw_begin_object(w);
    for (size_t i = 0; i < c->metrics.n; i++)
        tarn_jsonw_key(w, c->metrics.at[i].name), tarn_jsonw_text(w, c->metrics.at[i].value);
    tarn_jsonw_end_object(w);
    tarn_jsonw_key(w, "engineInfo"), tarn_jsonw_text(w, "Tarn/" TARN_VERSION);
    if (c->commit_id) tarn_jsonw_key(w, "txnId"), tarn_jsonw_text(w, c->commit_id);
    tarn_jsonw_end_object(w);
    tarn_jsonw_end_object(w);
    tarn_jsonw_newline(w);
}

static void write_states(encoder *e) {
    const tarn_change *c = e->change;
    tarn_jsonw *w = e->w;
    if (e->plan.protocol_changed) {
        tarn_jsonw_begin_object(w);
        tarn_jsonw_key(w, "protocol");
        tarn_delta_write_protocol(w, &e->plan.protocol);
        tarn_jsonw_end_object(w);
        tarn_jsonw_newline(w);
    }
    if (e->plan.meta_changed) {
        tarn_jsonw_begin_object(w);
        tarn_jsonw_key(w, "metaData");
        tarn_delta_write_meta(w, &e->plan.meta);
        tarn_jsonw_end_object(w);
        tarn_jsonw_newline(w);
    }
    if (c->app_id) {
        tarn_delta_txn txn = {c->app_id, c->app_version, e->now_ms};
        tarn_jsonw_begin_object(w);
        tarn_jsonw_key(w, "txn");
        tarn_delta_write_txn(w, &txn);
        tarn_jsonw_end_object(w);
        tarn_jsonw_newline(w);
    }
}

static bool removes_file(const tarn_change *c, const tarn_file *file) {
    for (size_t i = 0; i < c->removes.n; i++)
        if (c->removes.at[i] == file) return true;
    return false;
}

static tarn_code write_files(encoder *e) {
    const tarn_change *c = e->change;
    for (size_t i = 0; i < c->removes.n; i++) {
        if (i % 4096 == 0) TRY(tarn_check(e->cx));
        write_remove(e, c->removes.at[i]);
    }
    /* 1.7: a file whose deletes change leaves with the old vector and comes back with the new. */
    for (size_t i = 0; i < c->adds.n; i++) {
        const tarn_add *a = &c->adds.at[i];
        if (a->from && a->deletes && !removes_file(c, a->from)) write_remove(e, a->from);
    }
    for (size_t i = 0; i < c->adds.n; i++) {
        if (i % 4096 == 0) TRY(tarn_check(e->cx));
        write_add(e, &c->adds.at[i]);
    }
    for (size_t i = 0; i < c->recorded.n; i++) write_recorded(e, &c->recorded.at[i]);
    return TARN_OK;
}

static tarn_code check_rules(tarn_cx *cx, const tarn_delta_snapshot *base, const tarn_change *c) {
    if (!base || c->no_data_change || !tarn_change_takes_rows(c)) return TARN_OK;
    if (tarn_delta_conf_true(&base->meta, "delta.appendOnly"))
        return tarn_fail(cx, TARN_CONSTRAINT, "rows cannot be changed or removed: delta.appendOnly is true");
    return TARN_OK;
}

/* 1.9: monotone; turned on late, the table says since when. */
static void plan_ict(encoder *e) {
    static const char on[] = "delta.enableInCommitTimestamps";
    e->ict_ms = -1;
    if (!tarn_delta_conf_true(&e->plan.meta, on)) return;
    int64_t before = e->base ? e->base->base.timestamp_ms : -1;
    e->ict_ms = e->now_ms > before ? e->now_ms : before + 1;
    if (!e->base || tarn_delta_conf_true(&e->base->meta, on)) return;
    tarn_arena *arena = e->cx->arena;
    tarn_delta_plan_set(arena, &e->plan, "delta.inCommitTimestampEnablementVersion",
                        tarn_arena_printf(arena, "%lld", (long long)e->version));
    tarn_delta_plan_set(arena, &e->plan, "delta.inCommitTimestampEnablementTimestamp",
                        tarn_arena_printf(arena, "%lld", (long long)e->ict_ms));
}

/* Whether files of the base have a part in it. */
static bool names_files(const tarn_change *change) {
    for (size_t i = 0; i < change->adds.n; i++)
        if (change->adds.at[i].from) return true;
    return change->removes.n > 0;
}

static tarn_code encode(tarn_cx *cx, tarn_delta_snapshot *base, const tarn_change *change, int64_t version,
                        tarn_buf *out) {
    tarn_jsonw w = TARN_JSONW(out);
    if (base && names_files(change)) TRY(tarn_delta_load(cx, base));
    encoder e = {.cx = cx, .w = &w, .base = base, .change = change, .version = version, .now_ms = tarn_now_ms(cx)};
    TRY(check_rules(cx, base, change));
    TRY(tarn_delta_plan_change(cx, cx->arena, base, change, &e.plan));
    plan_ict(&e);
    write_info(&e);
    write_states(&e);
    TRY(write_files(&e));
    if (!tarn_buf_ok(out)) return tarn_fail(cx, TARN_LIMIT, "the commit is larger than limit.commit_bytes");
    return TARN_OK;
}

static tarn_delta_snapshot *real_base(tarn_snapshot *base) {
    return base && base->version >= 0 ? tarn_delta_of(base) : NULL;
}

tarn_code tarn_delta_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                           tarn_snapshot **out) {
    tarn_auto_buf text = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    TRY(encode(cx, real_base(base), change, version, &text));
    /* The version of a transaction's pending change is its base's: that commit is not to be found in the log. */
    bool published = real_base(base) && version > base->version;
    if (published && !names_files(change) && tarn_delta_unread(real_base(base)))
        return tarn_delta_append_unread(cx, real_base(base), change, version, (tarn_str){text.data, text.n}, out);
    return tarn_delta_append(cx, base->table, real_base(base), version, -1, (tarn_str){text.data, text.n}, out);
}

typedef struct owner {
    const char *id;
    bool ours;
} owner;

static tarn_code compare_owner(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    owner *o = state;
    if (a->kind != TARN_DELTA_COMMIT_INFO) return TARN_OK;
    const tarn_json_value *info;
    TRY(tarn_json_parse(cx, cx->arena, a->info, TARN_JSON_DEPTH, &info));
    o->ours = tarn_str_is(tarn_json_as_str(tarn_json_get(info, "txnId")), o->id);
    return TARN_OK;
}

/* 1.11: whether a commit whose fate is unknown, or that seems somebody else's, is ours after all. Asked past the
 * deadline, too. */
static tarn_code settle(tarn_cx *cx, const tarn_table *table, const char *key, const char *id, tarn_code failed) {
    tarn_error error = cx->error;
    int64_t deadline = cx->deadline_us;
    const atomic_bool *cancel = cx->cancel;
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    owner o = {.id = id};
    cx->deadline_us = tarn_monotonic_us() + READ_BACK_US;
    cx->cancel = NULL;
    tarn_code code = tarn_delta_commit_walk(cx, table->store, arena, key, compare_owner, &o);
    cx->deadline_us = deadline;
    cx->cancel = cancel;
    tarn_clear_error(cx);
    if (code == TARN_OK && o.ours) return TARN_OK;
    if (code == TARN_OK) return tarn_fail(cx, TARN_EXISTS, "%s was written by another writer", key);
    cx->error = error;
    return failed;
}

tarn_code tarn_delta_commit_publish(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base,
                                    const tarn_change *change, int64_t *version) {
    int64_t next = real_base(base) ? base->version + 1 : 0;
    tarn_auto_buf text = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    TRY(encode(cx, real_base(base), change, next, &text));
    const char *key = tarn_delta_version_key(cx->arena, next, ".json");
    tarn_code code = tarn_store_put(cx, table->store, key, (tarn_str){text.data, text.n}, TARN_PUT_ABSENT, NULL, NULL);
    bool unsure = code == TARN_EXISTS || code == TARN_IO || code == TARN_TIMEOUT || code == TARN_CANCELLED;
    if (unsure && change->commit_id) code = settle(cx, table, key, change->commit_id, code);
    TRY(code);
    *version = next;
    return TARN_OK;
}
