/* history.c: DESCRIBE HISTORY from the commits' commitInfo, and DESCRIBE DETAIL; neither needs the engine. */
#include <stdio.h>

#include "base/pool.h"
#include "format/delta/snapshot.h"

static tarn_code text_of(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const char **out) {
    tarn_str s;
    if (r->kind == TARN_JSON_STRING) {
        TRY(tarn_json_text(cx, r, arena, &s));
    } else {
        if (r->kind == TARN_JSON_NULL) return TARN_OK;
        TRY(tarn_json_raw(cx, r, &s));
    }
    *out = tarn_arena_strndup(arena, s.p, s.n);
    return TARN_OK;
}

/* Of whatever type its writer chose: readers are to tolerate any (1.3). */
static tarn_code raw_of(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const char **out) {
    tarn_str raw;
    bool null = r->kind == TARN_JSON_NULL;
    TRY(tarn_json_raw(cx, r, &raw));
    if (!null) *out = tarn_arena_strndup(arena, raw.p, raw.n);
    return TARN_OK;
}

static tarn_code int_of(tarn_cx *cx, tarn_json *r, tarn_arena *arena, int64_t *out) {
    const char *text = NULL;
    TRY(text_of(cx, r, arena, &text));
    int64_t v;
    if (text && tarn_parse_i64(tarn_str_of(text), &v)) *out = v;
    return TARN_OK;
}

tarn_code tarn_delta_history_entry(tarn_cx *cx, tarn_arena *arena, tarn_str info, tarn_history_entry *out,
                                   bool *in_commit) {
    tarn_json r;
    tarn_history_entry e = {
        .version = out->version, .timestamp_ms = out->timestamp_ms, .read_version = -1, .blind_append = -1};
    const char *engine = NULL, *client = NULL;
    int64_t ict = -1;
    tarn_json_init(&r, info, TARN_JSON_DEPTH);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "timestamp"))
            TRY(int_of(cx, &r, arena, &e.timestamp_ms));
        else if (tarn_str_is(key, "inCommitTimestamp"))
            TRY(int_of(cx, &r, arena, &ict));
        else if (tarn_str_is(key, "operation"))
            TRY(text_of(cx, &r, arena, &e.operation));
        else if (tarn_str_is(key, "operationParameters"))
            TRY(raw_of(cx, &r, arena, &e.parameters));
        else if (tarn_str_is(key, "operationMetrics"))
            TRY(raw_of(cx, &r, arena, &e.metrics));
        else if (tarn_str_is(key, "userName"))
            TRY(text_of(cx, &r, arena, &e.user));
        else if (tarn_str_is(key, "engineInfo"))
            TRY(text_of(cx, &r, arena, &engine));
        else if (tarn_str_is(key, "clientVersion"))
            TRY(text_of(cx, &r, arena, &client));
        else if (tarn_str_is(key, "isolationLevel"))
            TRY(text_of(cx, &r, arena, &e.isolation));
        else if (tarn_str_is(key, "userMetadata"))
            TRY(text_of(cx, &r, arena, &e.message));
        else if (tarn_str_is(key, "readVersion"))
            TRY(int_of(cx, &r, arena, &e.read_version));
        else if (tarn_str_is(key, "isBlindAppend") && (r.kind == TARN_JSON_TRUE || r.kind == TARN_JSON_FALSE))
            e.blind_append = r.kind == TARN_JSON_TRUE;
        else
            TRY(tarn_json_skip(cx, &r));
    }
    e.engine = engine ? engine : client;
    if (ict >= 0) e.timestamp_ms = ict;
    *in_commit = ict >= 0;
    if (e.timestamp_ms < 0 || e.timestamp_ms > INT64_MAX / 1000) e.timestamp_ms = out->timestamp_ms;
    *out = e;
    return TARN_OK;
}

typedef struct one {
    tarn_arena *arena;
    tarn_history_entry *entry;
} one;

static tarn_code take_info(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    one *o = state;
    bool in_commit;
    int64_t mtime_ms = o->entry->timestamp_ms;
    if (a->kind != TARN_DELTA_COMMIT_INFO) return TARN_OK;
    TRY(tarn_delta_history_entry(cx, o->arena, a->info, o->entry, &in_commit));
    /* The time that TIMESTAMP AS OF goes by (1.9): what the writer's clock said is a little earlier, or anything. */
    if (!in_commit) o->entry->timestamp_ms = mtime_ms;
    return TARN_OK;
}

/* commitInfo is one line, mostly the first, of a commit that may be huge: the other lines are passed over. */
static tarn_code read_info(tarn_cx *cx, tarn_store *store, const tarn_delta_commit *commit, tarn_history_entry *entry) {
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    tarn_auto_buf text = TARN_BUF((size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COMMIT_BYTES));
    const char *key = tarn_delta_commit_key(scratch, commit);
    TRY(tarn_store_get(cx, store, key, NULL, &text, NULL));
    one o = {.arena = cx->arena, .entry = entry};
    static const char mark[] = "\"commitInfo\"";
    for (const char *p = text.data, *end = text.data + text.n; p && p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        tarn_str line = {p, (size_t)((nl ? nl : end) - p)};
        size_t head = line.n < 64 ? line.n : 64;
        if (memmem(line.p, head, mark, sizeof mark - 1)) TRY(tarn_delta_actions(cx, scratch, line, key, take_info, &o));
        p = nl ? nl + 1 : end;
    }
    return TARN_OK;
}

typedef struct job {
    tarn_store *store;
    const tarn_delta_commit *commits; /* ascending */
    tarn_history_entry *entries;      /* descending */
    size_t n;
} job;

static tarn_code read_one(tarn_cx *cx, size_t i, void *state) {
    job *j = state;
    const tarn_delta_commit *c = &j->commits[j->n - 1 - i];
    j->entries[i] = (tarn_history_entry){
        .version = c->version, .timestamp_ms = c->mtime_ms, .read_version = -1, .blind_append = -1};
    return read_info(cx, j->store, c, &j->entries[i]);
}

tarn_code tarn_delta_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                             tarn_history_entry **out, size_t *n) {
    (void)ref;
    tarn_delta_log log = {0};
    TRY(tarn_delta_log_commits(cx, table->store, cx->arena, &log));
    size_t take = limit > 0 && (size_t)limit < log.commits.n ? (size_t)limit : log.commits.n;
    job j = {
        .store = table->store, .commits = log.commits.at ? log.commits.at + (log.commits.n - take) : NULL, .n = take};
    j.entries = TARN_NEW_ARRAY(cx->arena, tarn_history_entry, take);
    TRY(tarn_pool_run(cx, take, read_one, &j));
    *out = j.entries;
    *n = take;
    return TARN_OK;
}

static void add_more(tarn_cx *cx, tarn_detail *d, const char *name, int value) {
    *TARN_PUSH(cx->arena, &d->more) = (tarn_pair){name, tarn_printf(cx, "%d", value)};
}

tarn_code tarn_delta_detail(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    tarn_detail d = {.files = s->crc_files, .bytes = s->crc_bytes};
    if (s->crc_files < 0 || s->crc_bytes < 0) {
        TRY(tarn_delta_load(cx, s));
        d.files = (int64_t)s->n_files;
        d.bytes = s->bytes;
    }
    const tarn_delta_protocol *p = &s->protocol;
    for (size_t i = 0; i < p->n_writer_features; i++) *TARN_PUSH(cx->arena, &d.features) = p->writer_features[i];
    for (size_t i = 0; p->writer < 7 && i < 8; i++) {
        static const char *const LEGACY[] = {"appendOnly",       "invariants",    "checkConstraints", "changeDataFeed",
                                             "generatedColumns", "columnMapping", "identityColumns",  NULL};
        if (LEGACY[i] && tarn_delta_has_feature(p, LEGACY[i])) *TARN_PUSH(cx->arena, &d.features) = LEGACY[i];
    }
    tarn_auto_buf need = TARN_BUF(1 << 16);
    for (size_t i = 0; i < p->n_reader_features; i++)
        tarn_buf_printf(&need, "%s%s", i ? ", " : "", p->reader_features[i]);
    if (p->reader == 2) tarn_buf_puts(&need, "columnMapping");
    *TARN_PUSH(cx->arena, &d.more) = (tarn_pair){"readers_must_know", need.n ? tarn_buf_take(&need, cx->arena) : ""};
    add_more(cx, &d, "minReaderVersion", p->reader);
    add_more(cx, &d, "minWriterVersion", p->writer);
    *out = d;
    return TARN_OK;
}
