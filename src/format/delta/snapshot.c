/* snapshot.c: opens versions of a Delta table, from its log, from an older snapshot, or from a commit not published
 * yet. */
#include <malloc.h>
#include <stdlib.h>

#include "format/delta/feed/changes.h"
#include "format/delta/write/write.h"

/* FILES_UNREAD: a table known to have more is not read for an append to it. FILES_MANY: reading them leaves holes.
 * PEEK: so large a checkpoint is not kept for the first questions. ADD_BYTES: of one file in a checkpoint, about. */
enum {
    MEMS_MAX = 64,
    FILES_UNREAD = 10000,
    FILES_MANY = 50000,
    PEEK_BYTES = 1 << 20,
    PEEKS_MAX = 2,
    ADD_BYTES = 64
};

static void copy_names(tarn_arena *arena, const char *const **names, size_t n) {
    const char **copy = TARN_NEW_ARRAY(arena, const char *, n);
    for (size_t i = 0; i < n; i++) copy[i] = tarn_arena_strdup(arena, (*names)[i]);
    *names = copy;
}

static const char *copy_text(tarn_arena *arena, const char *s) { return s ? tarn_arena_strdup(arena, s) : NULL; }

static void own_protocol(tarn_arena *arena, tarn_delta_protocol *p) {
    copy_names(arena, &p->reader_features, p->n_reader_features);
    copy_names(arena, &p->writer_features, p->n_writer_features);
}

static void own_meta(tarn_arena *arena, tarn_delta_meta *m) {
    m->id = copy_text(arena, m->id);
    m->name = copy_text(arena, m->name);
    m->description = copy_text(arena, m->description);
    m->schema = copy_text(arena, m->schema);
    m->format = copy_text(arena, m->format);
    copy_names(arena, &m->partition_columns, m->n_partition_columns);
    tarn_pair *pairs = TARN_NEW_ARRAY(arena, tarn_pair, m->n_configuration);
    for (size_t i = 0; i < m->n_configuration; i++)
        pairs[i] = (tarn_pair){copy_text(arena, m->configuration[i].name), copy_text(arena, m->configuration[i].value)};
    m->configuration = pairs;
}

static void inherit_states(tarn_delta_snapshot *s, const tarn_delta_snapshot *prev) {
    tarn_arena *arena = s->base.arena;
    for (size_t i = 0; i < prev->txns.n; i++) {
        tarn_delta_txn t = prev->txns.at[i];
        t.app_id = copy_text(arena, t.app_id);
        tarn_delta_add_txn(s, &t);
    }
    for (size_t i = 0; i < prev->domains.n; i++) {
        tarn_delta_domain d = prev->domains.at[i];
        d.domain = copy_text(arena, d.domain);
        d.configuration = copy_text(arena, d.configuration);
        tarn_delta_add_domain(s, &d);
    }
    s->states_complete = prev->states_complete;
}

static tarn_delta_mapping mapping_of(const tarn_delta_snapshot *s) {
    const char *mode = tarn_delta_conf(&s->meta, "delta.columnMapping.mode");
    if (!mode || !tarn_delta_has_feature(&s->protocol, "columnMapping")) return TARN_DELTA_MAP_NONE;
    return !strcmp(mode, "id") ? TARN_DELTA_MAP_ID : !strcmp(mode, "name") ? TARN_DELTA_MAP_NAME : TARN_DELTA_MAP_NONE;
}

static tarn_code fill_partition(tarn_cx *cx, tarn_delta_snapshot *s) {
    tarn_snapshot *b = &s->base;
    size_t n = s->meta.n_partition_columns;
    tarn_partition_field *fields = TARN_NEW_ARRAY(b->arena, tarn_partition_field, n);
    for (size_t i = 0; i < n; i++) {
        int column = tarn_schema_find(b->schema, tarn_str_of(s->meta.partition_columns[i]));
        if (column < 0)
            return tarn_fail(cx, TARN_CORRUPT, "partition column %s is not in the schema",
                             s->meta.partition_columns[i]);
        fields[i] = (tarn_partition_field){
            .name = b->schema->fields[column].name, .column = column, .transform = TARN_IDENTITY};
    }
    b->partition = fields;
    b->n_partition = n;
    return TARN_OK;
}

static void fill_properties(tarn_delta_snapshot *s) {
    static const char prefix[] = "delta.constraints.";
    tarn_snapshot *b = &s->base;
    size_t n = s->meta.n_configuration;
    tarn_pair *properties = TARN_NEW_ARRAY(b->arena, tarn_pair, n), *checks = TARN_NEW_ARRAY(b->arena, tarn_pair, n);
    for (size_t i = 0; i < n; i++) {
        tarn_pair p = s->meta.configuration[i];
        if (!strncmp(p.name, prefix, sizeof prefix - 1))
            checks[b->n_checks++] = (tarn_pair){p.name + sizeof prefix - 1, p.value};
        else
            properties[b->n_properties++] = p;
    }
    b->properties = properties;
    b->checks = checks;
}

/* From protocol and metadata to what callers see. The gate comes first (1.2). */
static tarn_code fill(tarn_cx *cx, tarn_delta_snapshot *s) {
    tarn_snapshot *b = &s->base;
    TRY(tarn_delta_protocol_readable(cx, &s->protocol));
    s->mapping = mapping_of(s);
    tarn_schema *schema = NULL;
    TRY(tarn_delta_schema_parse(cx, b->arena, s->meta.schema, s->mapping, &schema));
    b->schema = schema;
    b->id = s->meta.id;
    b->comment = s->meta.description;
    b->created_ms = s->meta.created_ms;
    bool ict = s->ict_ms >= 0 && tarn_delta_conf_true(&s->meta, "delta.enableInCommitTimestamps");
    b->timestamp_ms = ict ? s->ict_ms : s->log.mtime_ms >= 0 ? s->log.mtime_ms : tarn_now_ms(cx);
    TRY(fill_partition(cx, s));
    fill_properties(s);
    b->read_only = tarn_delta_read_only(b->arena, &s->protocol, &s->meta, schema);
    return TARN_OK;
}

static tarn_delta_snapshot *new_snapshot(const tarn_table *table, int64_t version) {
    tarn_delta_snapshot *s = (tarn_delta_snapshot *)tarn_snapshot_new(table, sizeof(tarn_delta_snapshot));
    s->base.version = version;
    s->log.version = version;
    s->log.ckpt_version = s->log.crc_version = s->log.mtime_ms = -1;
    s->ict_ms = s->crc_files = s->crc_bytes = -1;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void hold_mem(tarn_delta_snapshot *s, tarn_delta_mem *mem) {
    atomic_fetch_add_explicit(&mem->refs, 1, memory_order_relaxed);
    *TARN_PUSH(s->base.arena, &s->mems) = mem;
}

/* Gives the snapshot its files: the replay is used up. */
static tarn_code finish_files(tarn_cx *cx, tarn_delta_snapshot *s, tarn_delta_replay *r) {
    tarn_snapshot *b = &s->base;
    for (size_t i = 0; i < r->tuples.n; i++) {
        tarn_delta_tuple *t = &r->tuples.at[i];
        if (!t->values)
            TRY(tarn_delta_partition_values(cx, r->mem->arena, t->json, b->schema, b->partition, b->n_partition,
                                            &t->values));
    }
    tarn_delta_replay_order(r);
    int64_t bytes = 0;
    for (size_t i = 0; i < r->n_files; i++) {
        tarn_delta_file *f = &r->files[i];
        f->file.partition = r->tuples.at[f->tuple].values;
        f->file.ordinal = (uint32_t)i;
        f->file.entry = f;
        bytes += f->file.size;
    }
    s->files = r->files;
    s->n_files = r->n_files;
    s->bytes = bytes;
    tarn_delta_tuple *tuples = TARN_NEW_ARRAY(b->arena, tarn_delta_tuple, r->tuples.n);
    if (r->tuples.n) memcpy(tuples, r->tuples.at, r->tuples.n * sizeof *tuples);
    s->tuples = tuples;
    s->n_tuples = r->tuples.n;
    *TARN_PUSH(b->arena, &s->mems) = r->mem;
    r->mem = NULL;
    r->files = NULL;
    s->loaded = true;
    return TARN_OK;
}

static void free_replay(tarn_delta_replay **r) { tarn_delta_replay_free(*r); }

/* What the commits after the checkpoint say of files. */
static tarn_code read_recent(tarn_cx *cx, tarn_delta_snapshot *s) {
    if (s->replay) return TARN_OK;
    tarn_auto(tarn_delta_replay *, free_replay) r = tarn_delta_replay_new(cx);
    tarn_delta_walk w = {.s = s, .replay = r, .protocol = true, .meta = true};
    TRY(tarn_delta_walk_log(cx, &w, &s->log));
    s->replay = r;
    r = NULL;
    return TARN_OK;
}

static tarn_code base_add(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    return tarn_delta_replay_base_add(cx, state, a);
}

static tarn_code load_locked(tarn_cx *cx, tarn_delta_snapshot *s) {
    if (s->loaded) return TARN_OK;
    TRY(read_recent(cx, s));
    tarn_auto(tarn_delta_replay *, free_replay) r = s->replay;
    s->replay = NULL; /* a load that fails starts over the next time */
    if (s->log.ckpt != TARN_DELTA_NO_CKPT) TRY(tarn_delta_checkpoint_files(cx, s, TARN_DELTA_ADD, base_add, r));
    s->states_complete = true;
    return finish_files(cx, s, r);
}

static bool can_peek(const tarn_delta_snapshot *s) {
    return !s->loaded && s->log.ckpt_bytes >= PEEK_BYTES && s->n_peeks < PEEKS_MAX;
}

static tarn_code peek_locked(tarn_cx *cx, tarn_delta_snapshot *s, const tarn_expr *where, tarn_file_list *out) {
    tarn_auto(tarn_delta_replay *, free_replay) r = tarn_delta_replay_new(cx);
    TRY(read_recent(cx, s));
    TRY(tarn_delta_replay_matching(cx, r, s, s->replay, where, out));
    s->states_complete = true;
    s->n_peeks++;
    *TARN_PUSH(s->base.arena, &s->peeks) = r;
    r = NULL;
    hold_mem(s, s->replay->mem); /* files of commits point there, also after a load that failed */
    return TARN_OK;
}

tarn_code tarn_delta_peek(tarn_cx *cx, tarn_delta_snapshot *s, const tarn_expr *where, tarn_file_list *out,
                          bool *done) {
    tarn_code code = TARN_OK;
    pthread_mutex_lock(&s->lock);
    *done = can_peek(s);
    if (*done) code = peek_locked(cx, s, where, out);
    pthread_mutex_unlock(&s->lock);
    return code;
}

tarn_code tarn_delta_count(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    pthread_mutex_lock(&s->lock);
    bool peek = can_peek(s);
    int64_t about = s->crc_files >= 0 ? s->crc_files : s->log.ckpt_bytes / ADD_BYTES;
    pthread_mutex_unlock(&s->lock);
    if (!peek) TRY(tarn_delta_load(cx, s));
    *files = peek ? about : (int64_t)s->n_files;
    return TARN_OK;
}

tarn_code tarn_delta_load(tarn_cx *cx, tarn_delta_snapshot *s) {
    pthread_mutex_lock(&s->lock);
    bool fresh = !s->loaded;
    tarn_code code = load_locked(cx, s);
    if (fresh && s->n_files > FILES_MANY) malloc_trim(0);
    pthread_mutex_unlock(&s->lock);
    return code;
}

/* Protocol and metadata by the cheapest way there is: the checksum, the commits, an older checksum, the checkpoint. */
static tarn_code find_metadata(tarn_cx *cx, tarn_delta_snapshot *s) {
    const tarn_delta_log *log = &s->log;
    tarn_delta_walk w = {.s = s};
    if (log->crc_version == s->base.version && tarn_delta_crc_read(cx, s, log->crc_version, &w.protocol, &w.meta))
        return TARN_OK;
    w.replay = s->replay = tarn_delta_replay_new(cx);
    TRY(tarn_delta_walk_log(cx, &w, log));
    if (w.protocol && w.meta) return TARN_OK;
    /* A checksum between checkpoint and now holds what the commits before it left. */
    bool older = log->crc_version >= 0 && log->crc_version < s->base.version;
    if (older && tarn_delta_crc_read(cx, s, log->crc_version, &w.protocol, &w.meta)) return TARN_OK;
    if (log->ckpt != TARN_DELTA_NO_CKPT) TRY(tarn_delta_checkpoint_states(cx, s, &w.protocol, &w.meta));
    if (!w.protocol) return tarn_fail(cx, TARN_CORRUPT, "the log has no protocol");
    if (!w.meta) return tarn_fail(cx, TARN_CORRUPT, "the log has no metaData");
    return TARN_OK;
}

static tarn_code open_log(tarn_cx *cx, const tarn_table *table, int64_t version, tarn_snapshot **out) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_delta_log log = {0};
    TRY(tarn_delta_log_find(cx, table->store, arena, version, &log));
    tarn_delta_snapshot *fresh = new_snapshot(table, log.version);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &fresh->base;
    fresh->log = log;
    tarn_arena_adopt(held->arena, arena);
    arena = NULL;
    TRY(find_metadata(cx, fresh));
    TRY(fill(cx, fresh));
    *out = held;
    held = NULL;
    return TARN_OK;
}

/* Protocol, metadata and states that the newer commits did not say. */
static void take_metadata(tarn_delta_snapshot *s, const tarn_delta_walk *w, const tarn_delta_snapshot *prev) {
    if (!w->protocol) s->protocol = prev->protocol, own_protocol(s->base.arena, &s->protocol);
    if (!w->meta) s->meta = prev->meta, own_meta(s->base.arena, &s->meta);
    inherit_states(s, prev);
}

/* Ends a snapshot that stands on `prev` (NULL: on nothing), whose newer commits the walk has taken. */
static tarn_code build(tarn_cx *cx, tarn_delta_snapshot *s, tarn_delta_walk *w, const tarn_delta_snapshot *prev) {
    if (prev) {
        take_metadata(s, w, prev);
        for (size_t i = 0; w->meta && i < w->replay->tuples.n; i++) w->replay->tuples.at[i].values = NULL;
        TRY(tarn_delta_replay_base_files(cx, w->replay, prev->files, prev->n_files));
        for (size_t i = 0; i < prev->mems.n; i++) hold_mem(s, prev->mems.at[i]);
    } else {
        if (!w->protocol || !w->meta)
            return tarn_fail(cx, TARN_CORRUPT, "the first commit has no protocol or no metaData");
        s->states_complete = true;
    }
    TRY(fill(cx, s));
    return finish_files(cx, s, w->replay);
}

bool tarn_delta_unread(tarn_delta_snapshot *s) {
    pthread_mutex_lock(&s->lock);
    bool unread = !s->loaded && s->states_complete && s->crc_files > FILES_UNREAD && s->crc_bytes >= 0;
    pthread_mutex_unlock(&s->lock);
    return unread;
}

static int peeks_of(tarn_delta_snapshot *s) {
    pthread_mutex_lock(&s->lock);
    int n = s->n_peeks;
    pthread_mutex_unlock(&s->lock);
    return n;
}

tarn_code tarn_delta_append_unread(tarn_cx *cx, tarn_delta_snapshot *prev, const tarn_change *change, int64_t version,
                                   tarn_str commit, tarn_snapshot **out) {
    tarn_delta_snapshot *s = new_snapshot(prev->base.table, version);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &s->base;
    tarn_arena *arena = s->base.arena;
    const tarn_delta_log *log = &prev->log;
    s->log.ckpt = log->ckpt;
    s->log.ckpt_version = log->ckpt_version;
    s->log.ckpt_bytes = log->ckpt_bytes;
    s->n_peeks = peeks_of(prev);
    for (size_t i = 0; i < log->ckpt_keys.n; i++)
        *TARN_PUSH(arena, &s->log.ckpt_keys) = tarn_arena_strdup(arena, log->ckpt_keys.at[i]);
    for (size_t i = 0; i < log->commits.n; i++) *TARN_PUSH(arena, &s->log.commits) = log->commits.at[i];
    *TARN_PUSH(arena, &s->log.commits) =
        (tarn_delta_commit){.version = version, .mtime_ms = -1, .size = (int64_t)commit.n};
    tarn_delta_walk w = {.s = s};
    TRY(tarn_delta_walk_commit(cx, &w, version, "the commit", commit));
    take_metadata(s, &w, prev);
    TRY(fill(cx, s));
    s->crc_files = prev->crc_files + (int64_t)change->adds.n;
    s->crc_bytes = prev->crc_bytes;
    for (size_t i = 0; i < change->adds.n; i++) s->crc_bytes += change->adds.at[i].size;
    *out = held;
    held = NULL;
    return TARN_OK;
}

tarn_code tarn_delta_append(tarn_cx *cx, const tarn_table *table, tarn_delta_snapshot *prev, int64_t version,
                            int64_t mtime_ms, tarn_str commit, tarn_snapshot **out) {
    if (prev) TRY(tarn_delta_load(cx, prev));
    tarn_delta_snapshot *s = new_snapshot(table, version);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &s->base;
    tarn_auto(tarn_delta_replay *, free_replay) r = tarn_delta_replay_new(cx);
    s->log.mtime_ms = mtime_ms;
    if (prev) tarn_delta_replay_base_tuples(r, prev->tuples, prev->n_tuples);
    tarn_delta_walk w = {.s = s, .replay = r};
    TRY(tarn_delta_walk_commit(cx, &w, version, "the commit", commit));
    TRY(build(cx, s, &w, prev));
    *out = held;
    held = NULL;
    return TARN_OK;
}

static bool usable(tarn_delta_snapshot *prev, int64_t version) {
    if (!prev || prev->base.version < 0 || (version >= 0 && version < prev->base.version)) return false;
    pthread_mutex_lock(&prev->lock);
    bool yes = prev->loaded && prev->mems.n < MEMS_MAX;
    pthread_mutex_unlock(&prev->lock);
    return yes;
}

/* On top of an older snapshot; *done is false when that is not possible, as when the table was made anew meanwhile. */
static tarn_code open_on(tarn_cx *cx, const tarn_table *table, tarn_delta_snapshot *prev, int64_t version,
                         tarn_snapshot **out, bool *done) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_delta_log log = {0};
    *done = false;
    tarn_code code = tarn_delta_log_after(cx, table->store, arena, prev->base.version - 1, version, &log);
    if (code == TARN_CANCELLED || code == TARN_TIMEOUT) return code;
    bool other = code == TARN_OK &&
                 (log.commits.n == 0 || (prev->log.mtime_ms >= 0 && log.commits.at[0].mtime_ms != prev->log.mtime_ms));
    if (code != TARN_OK || other) {
        tarn_clear_error(cx);
        return TARN_OK;
    }
    *done = true;
    if (log.commits.n == 1) {
        *out = tarn_snapshot_retain(&prev->base);
        return TARN_OK;
    }
    log.commits.at++;
    log.commits.n--;
    tarn_delta_snapshot *s = new_snapshot(table, log.version);
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) held = &s->base;
    tarn_auto(tarn_delta_replay *, free_replay) r = tarn_delta_replay_new(cx);
    s->log.mtime_ms = log.mtime_ms;
    tarn_delta_replay_base_tuples(r, prev->tuples, prev->n_tuples);
    tarn_delta_walk w = {.s = s, .replay = r};
    TRY(tarn_delta_walk_log(cx, &w, &log));
    TRY(build(cx, s, &w, prev));
    *out = held;
    held = NULL;
    return TARN_OK;
}

static tarn_code open_version(tarn_cx *cx, const tarn_table *table, int64_t version, tarn_snapshot *prev,
                              tarn_snapshot **out) {
    if (prev && usable(tarn_delta_of(prev), version)) {
        bool done;
        TRY(open_on(cx, table, tarn_delta_of(prev), version, out, &done));
        if (done) return TARN_OK;
    }
    TRY(open_log(cx, table, version, out));
    /* A process that stays and sees the table change would else never come to keep its files. */
    if (prev && prev != *out) tarn_delta_of(*out)->n_peeks = peeks_of(tarn_delta_of(prev));
    return TARN_OK;
}

tarn_code tarn_delta_open(tarn_cx *cx, const tarn_table *table, const tarn_at *at, tarn_snapshot *prev,
                          tarn_snapshot **out) {
    int64_t version = -1;
    switch (at->kind) {
    case TARN_AT_LATEST: return open_version(cx, table, -1, prev, out);
    case TARN_AT_VERSION:
        if (at->version < 0) return tarn_fail(cx, TARN_NOTFOUND, "version %lld does not exist", (long long)at->version);
        return open_version(cx, table, at->version, prev, out);
    case TARN_AT_REF:
        if (!tarn_parse_i64(tarn_str_of(at->ref), &version) || version < 0)
            return tarn_fail(cx, TARN_UNSUPPORTED, "delta tables have no branches or tags (asked for \"%s\")", at->ref);
        return open_version(cx, table, version, prev, out);
    case TARN_AT_TIMESTAMP: break;
    }
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) latest = NULL;
    TRY(open_version(cx, table, -1, prev, &latest));
    TRY(tarn_delta_log_at(cx, table->store, &tarn_delta_of(latest)->meta, at->timestamp_us, &version));
    if (version == latest->version) {
        *out = latest;
        latest = NULL;
        return TARN_OK;
    }
    return open_version(cx, table, version, prev, out);
}

void tarn_delta_free(tarn_snapshot *snapshot) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    tarn_delta_replay_free(s->replay);
    for (size_t i = 0; i < s->peeks.n; i++) tarn_delta_replay_free(s->peeks.at[i]);
    tarn_delta_stats_free(s->stats);
    for (size_t i = 0; i < s->mems.n; i++) tarn_delta_mem_release(s->mems.at[i]);
    free(s->files);
    pthread_mutex_destroy(&s->lock);
    tarn_arena_free(snapshot->arena);
}

static tarn_code detect(tarn_cx *cx, tarn_store *store, bool *found) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_entry_list list = {0};
    tarn_list_spec spec = {
        .prefix = TARN_DELTA_LOG "0", .limit = 1, .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_LOG_FILES)};
    TRY(tarn_store_list(cx, store, &spec, arena, &list));
    *found = list.n > 0;
    return TARN_OK;
}

static tarn_code app_version(tarn_cx *cx, tarn_snapshot *snapshot, const char *app_id, int64_t *version) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    pthread_mutex_lock(&s->lock);
    bool complete = s->states_complete;
    pthread_mutex_unlock(&s->lock);
    if (!complete) TRY(tarn_delta_load(cx, s));
    const tarn_delta_txn *txn = tarn_delta_find_txn(s, app_id);
    *version = txn ? txn->version : -1;
    return TARN_OK;
}

static bool records_changes(const tarn_snapshot *snapshot) {
    return tarn_delta_conf_true(&tarn_delta_of((tarn_snapshot *)(uintptr_t)snapshot)->meta,
                                "delta.enableChangeDataFeed");
}

extern const tarn_format tarn_format_delta;
const tarn_format tarn_format_delta = {
    .name = "delta",
    .title = "Delta Lake",
    .data_folder = "",
    .data_prefix = "part-",
    .file_size_property = TARN_DELTA_FILE_SIZE,
    .compression_property = TARN_DELTA_COMPRESSION,
    .change_folder = "_change_data",
    .change_prefix = "cdc-",
    .features = TARN_CAN_WRITE | TARN_CAN_ROW_DELETES | TARN_CAN_RENAME | TARN_CAN_APP_TRANSACTIONS | TARN_CAN_COUNT,
    .detect = detect,
    .open = tarn_delta_open,
    .free = tarn_delta_free,
    .count = tarn_delta_count,
    .files = tarn_delta_files,
    .groups = tarn_delta_groups,
    .bounds = tarn_delta_bounds,
    .deleted = tarn_delta_deleted,
    .history = tarn_delta_history,
    .detail = tarn_delta_detail,
    .app_version = app_version,
    .changes = tarn_delta_changes,
    .prepare = tarn_delta_prepare,
    .commit = tarn_delta_commit_publish,
    .rebase = tarn_delta_rebase,
    .apply = tarn_delta_apply,
    .maintain = tarn_delta_maintain,
    .marks_rows = tarn_delta_marks_rows,
    .write_deletes = tarn_delta_write_deletes,
    .marked = tarn_delta_marked,
    .records_changes = records_changes,
    .needed = tarn_delta_needed,
    .retention_ms = tarn_delta_retention_ms,
};
