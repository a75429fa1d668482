/* checkpoint_read.c: reads checkpoints of all shapes (1.5): classic, in parts, V2 as JSON or Parquet with sidecars. */
#include <stdio.h>

#include "format/delta/snapshot.h"

/* The Parquet files of a checkpoint as one SQL relation, and which columns it has. */
typedef struct relation {
    tarn_conn *conn;
    char *from; /* read_parquet([…]) */
    tarn_schema *schema;
} relation;

static void add_path(tarn_buf *out, const char *path) {
    tarn_buf_putc(out, '\'');
    for (const char *p = path; *p; p++) {
        if (strchr("*?[", *p))
            tarn_buf_printf(out, "[%c]", *p); /* or DuckDB takes it for a pattern */
        else if (*p == '\'')
            tarn_buf_puts(out, "''");
        else
            tarn_buf_putc(out, *p);
    }
    tarn_buf_putc(out, '\'');
}

static tarn_code open_relation(tarn_cx *cx, const tarn_table *table, tarn_conn *conn, const char *const *keys, size_t n,
                               relation *out) {
    tarn_auto_buf sql = TARN_BUF(256u << 20);
    tarn_buf_puts(&sql, "read_parquet([");
    for (size_t i = 0; i < n; i++) {
        const char *path = NULL;
        TRY(tarn_engine_path(cx, table->engine, table->store, keys[i], cx->arena, &path));
        if (i) tarn_buf_puts(&sql, ", ");
        add_path(&sql, path);
    }
    tarn_buf_puts(&sql, "], hive_partitioning=false, union_by_name=true)");
    relation r = {.conn = conn, .from = tarn_buf_take(&sql, cx->arena)};
    if (!r.from) return tarn_fail(cx, TARN_LIMIT, "a checkpoint of %zu files is too large", n);
    TRY(tarn_conn_describe(cx, conn, tarn_printf(cx, "SELECT * FROM %s", r.from), cx->arena, &r.schema));
    *out = r;
    return TARN_OK;
}

static bool has(const relation *r, const char *path) { return tarn_schema_path(r->schema, tarn_str_of(path)) != NULL; }

static tarn_code need_engine(tarn_cx *cx, const tarn_delta_snapshot *s, tarn_conn **conn) {
    const tarn_table *table = s->base.table;
    if (!table->engine) return tarn_fail(cx, TARN_UNSUPPORTED, "its checkpoint is Parquet, which needs the engine");
    return tarn_engine_conn(cx, table->engine, TARN_DB_EXECUTE, conn);
}

typedef struct states {
    tarn_delta_snapshot *s;
    bool *protocol, *meta;
    TARN_VEC(const char *) sidecars;
    tarn_arena *arena;        /* of the sidecars' names */
    tarn_delta_kind kind;     /* of the file actions of a JSON checkpoint that go to */
    tarn_delta_action_fn *fn; /* NULL: they are not wanted */
    void *fn_state;
} states;

static tarn_code take_state(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    states *st = state;
    tarn_delta_snapshot *s = st->s;
    switch (a->kind) {
    case TARN_DELTA_PROTOCOL:
        if (st->protocol && !*st->protocol) s->protocol = a->protocol, *st->protocol = true;
        return TARN_OK;
    case TARN_DELTA_METADATA:
        if (st->meta && !*st->meta) s->meta = a->meta, *st->meta = true;
        return TARN_OK;
    case TARN_DELTA_TXN:
        if (!s->states_complete) tarn_delta_add_txn(s, &a->txn);
        return TARN_OK;
    case TARN_DELTA_DOMAIN:
        if (!s->states_complete) tarn_delta_add_domain(s, &a->domain);
        return TARN_OK;
    case TARN_DELTA_SIDECAR: {
        tarn_str path;
        TRY(tarn_delta_path_decode(cx, cx->arena, a->path, &path));
        *TARN_PUSH(st->arena, &st->sidecars) =
            tarn_arena_printf(st->arena, TARN_DELTA_LOG "_sidecars/%.*s", (int)path.n, path.p);
        return TARN_OK;
    }
    case TARN_DELTA_ADD:
    case TARN_DELTA_REMOVE: return st->fn && a->kind == st->kind ? st->fn(cx, st->fn_state, a) : TARN_OK;
    default: return TARN_OK;
    }
}

/* Each state action is handed over as the text it has in a commit, so that there is one reader of them. */
static tarn_code parquet_states(tarn_cx *cx, const relation *r, states *st) {
    static const struct {
        const char *name, *key;
    } KINDS[] = {{"protocol", "protocol.minReaderVersion"},
                 {"metaData", "metaData.id"},
                 {"txn", "txn.appId"},
                 {"domainMetadata", "domainMetadata.domain"},
                 {"sidecar", "sidecar.path"}};
    tarn_auto_buf sql = TARN_BUF(512u << 20);
    const char *last = "";
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        bool wanted = !st->s->states_complete || st->protocol || !strcmp(KINDS[i].name, "sidecar");
        if (!wanted || !has(r, KINDS[i].key) || !strcmp(last, KINDS[i].name)) continue;
        last = KINDS[i].name;
        tarn_buf_printf(&sql, "%sSELECT '{\"%s\":' || to_json(\"%s\") || '}' AS a FROM %s WHERE %s IS NOT NULL",
                        sql.n ? " UNION ALL " : "", KINDS[i].name, KINDS[i].name, r->from, KINDS[i].key);
    }
    if (!sql.n) return TARN_OK;
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(tarn_conn_query(cx, r->conn, sql.data, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_column line = tarn_column_child((tarn_column){tarn_rows_schema(rows), &batch}, 0);
        for (int64_t i = 0; i < batch.length; i++) {
            tarn_delta_action a;
            tarn_str text = tarn_column_str(line, i);
            tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
            TRY(tarn_prefix(cx, tarn_delta_action_parse(cx, st->s->base.arena, scratch, text, &a), "checkpoint"));
            TRY(take_state(cx, st, &a));
        }
    }
}

static bool is_json(const tarn_delta_log *log) {
    return log->ckpt == TARN_DELTA_CKPT_V2 && tarn_str_ends(tarn_str_of(log->ckpt_keys.at[0]), ".json");
}

/* All but the file actions of Parquet files. */
static tarn_code read_states(tarn_cx *cx, tarn_delta_snapshot *s, tarn_conn **conn, states *st) {
    const tarn_table *table = s->base.table;
    const tarn_delta_log *log = &s->log;
    st->s = s;
    st->arena = cx->arena;
    if (is_json(log))
        return tarn_delta_commit_walk(cx, table->store, s->base.arena, log->ckpt_keys.at[0], take_state, st);
    TRY(need_engine(cx, s, conn));
    relation r = {0};
    TRY(open_relation(cx, table, *conn, log->ckpt_keys.at, log->ckpt_keys.n, &r));
    return parquet_states(cx, &r, st);
}

tarn_code tarn_delta_checkpoint_states(tarn_cx *cx, tarn_delta_snapshot *s, bool *protocol, bool *meta) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    states st = {.protocol = protocol, .meta = meta};
    TRY(read_states(cx, s, &conn, &st));
    s->states_complete = true;
    return TARN_OK;
}

/* The columns of file actions in the order take_rows reads them; what the files lack is NULL. */
static void select_files(tarn_buf *sql, const relation *r, const char *kind) {
    static const char *const MORE[] = {
        "deletionVector", "tags", "baseRowId", "defaultRowCommitVersion", "clusteringProvider", "extendedFileMetadata"};
    bool add = !strcmp(kind, "add");
    char path[64];
    tarn_buf_printf(sql, "SELECT %s.path", kind);
    const char *const ints[] = {"size", add ? "modificationTime" : "deletionTimestamp"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s.%s", kind, ints[i]);
        tarn_buf_printf(sql, ", %s%s", has(r, path) ? path : "NULL", "::BIGINT");
    }
    bool json = has(r, "add.stats"), parsed = has(r, "add.stats_parsed");
    tarn_buf_puts(sql, !add || (!json && !parsed) ? ", NULL::VARCHAR"
                       : json && parsed           ? ", coalesce(add.stats, to_json(add.stats_parsed)::VARCHAR)"
                       : json                     ? ", add.stats"
                                                  : ", to_json(add.stats_parsed)::VARCHAR");
    snprintf(path, sizeof path, "%s.partitionValues", kind);
    tarn_buf_printf(sql, has(r, path) ? ", to_json(%s)::VARCHAR" : ", NULL::VARCHAR", path);
    tarn_auto_buf any = TARN_BUF(1024), pack = TARN_BUF(1024);
    for (size_t i = 0; i < sizeof MORE / sizeof MORE[0]; i++) {
        snprintf(path, sizeof path, "%s.%s", kind, MORE[i]);
        if (!has(r, path)) continue;
        tarn_buf_printf(&any, "%s%s IS NOT NULL", any.n ? " OR " : "", path);
        tarn_buf_printf(&pack, ", %s := %s", MORE[i], path);
    }
    if (any.n)
        tarn_buf_printf(sql, ", CASE WHEN %s THEN to_json(struct_pack(path := %s.path%s))::VARCHAR END", any.data, kind,
                        pack.data);
    else
        tarn_buf_puts(sql, ", NULL::VARCHAR");
    tarn_buf_printf(sql, " FROM %s WHERE %s.path IS NOT NULL", r->from, kind);
}

static tarn_code take_row(tarn_cx *cx, tarn_arena *scratch, const tarn_column *col, int64_t i, tarn_delta_action *a) {
    tarn_delta_kind kind = a->kind;
    memset(a, 0, sizeof *a);
    a->kind = kind;
    tarn_str more = tarn_column_null(col[5], i) ? (tarn_str){NULL, 0} : tarn_column_str(col[5], i);
    if (more.p) {
        tarn_json r;
        tarn_json_init(&r, more, TARN_JSON_DEPTH);
        TRY(tarn_json_next(cx, &r));
        TRY(tarn_delta_read_file(cx, &r, scratch, a));
    } else {
        TRY(tarn_delta_path_decode(cx, scratch, tarn_column_str(col[0], i), &a->path));
    }
    a->size = tarn_column_null(col[1], i) ? (kind == TARN_DELTA_ADD ? 0 : -1) : tarn_column_int(col[1], i);
    int64_t time = tarn_column_null(col[2], i) ? (kind == TARN_DELTA_ADD ? 0 : -1) : tarn_column_int(col[2], i);
    *(kind == TARN_DELTA_ADD ? &a->mtime_ms : &a->deleted_ms) = time;
    a->stats = tarn_column_null(col[3], i) ? (tarn_str){NULL, 0} : tarn_column_str(col[3], i);
    a->partition = tarn_column_null(col[4], i) ? (tarn_str){NULL, 0} : tarn_column_str(col[4], i);
    if (kind == TARN_DELTA_ADD && a->size < 0)
        return tarn_fail(cx, TARN_CORRUPT, "a file's size is %lld", (long long)a->size);
    return TARN_OK;
}

static tarn_code take_files(tarn_cx *cx, const relation *r, tarn_delta_kind kind, tarn_delta_action_fn *fn,
                            void *state) {
    const char *name = kind == TARN_DELTA_ADD ? "add" : "remove";
    if (!has(r, tarn_printf(cx, "%s.path", name))) return TARN_OK;
    tarn_auto_buf sql = TARN_BUF(512u << 20);
    select_files(&sql, r, name);
    tarn_auto(tarn_rows *, tarn_rows_closep) rows = NULL;
    TRY(tarn_conn_query(cx, r->conn, sql.data, NULL, 0, &rows));
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        TRY(tarn_rows_next(cx, rows, &batch));
        if (!batch.release) return TARN_OK;
        tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
        tarn_column col[6];
        for (int c = 0; c < 6; c++) col[c] = tarn_column_child((tarn_column){tarn_rows_schema(rows), &batch}, c);
        for (int64_t i = 0; i < batch.length; i++) {
            tarn_delta_action a = {.kind = kind};
            TRY(tarn_prefix(cx, take_row(cx, scratch, col, i, &a), "checkpoint"));
            TRY(fn(cx, state, &a));
        }
    }
}

tarn_code tarn_delta_checkpoint_files(tarn_cx *cx, tarn_delta_snapshot *s, tarn_delta_kind kind,
                                      tarn_delta_action_fn *fn, void *state) {
    const tarn_table *table = s->base.table;
    const tarn_delta_log *log = &s->log;
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    states st = {.kind = kind, .fn = fn, .fn_state = state};
    bool parts = log->ckpt == TARN_DELTA_CKPT_PARTS; /* has no sidecars; its states are read already or come later */
    if (!parts || !s->states_complete) TRY(read_states(cx, s, &conn, &st));
    relation r = {0};
    if (!is_json(log)) {
        if (!conn) TRY(need_engine(cx, s, &conn));
        TRY(open_relation(cx, table, conn, log->ckpt_keys.at, log->ckpt_keys.n, &r));
        TRY(take_files(cx, &r, kind, fn, state));
    }
    if (st.sidecars.n == 0) return TARN_OK;
    if (!conn) TRY(need_engine(cx, s, &conn));
    TRY(open_relation(cx, table, conn, st.sidecars.at, st.sidecars.n, &r));
    return take_files(cx, &r, kind, fn, state);
}

tarn_code tarn_delta_checkpoint_sidecars(tarn_cx *cx, const tarn_delta_snapshot *s, tarn_delta_ckpt kind,
                                         const char *key, tarn_map *out) {
    tarn_delta_snapshot at = {.base = s->base, .states_complete = true, .log.ckpt = kind};
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    states st = {0};
    at.base.arena = cx->arena; /* the snapshot itself is shared and stays as it is */
    *TARN_PUSH(cx->arena, &at.log.ckpt_keys) = key;
    TRY(read_states(cx, &at, &conn, &st));
    for (size_t i = 0; i < st.sidecars.n; i++)
        tarn_map_put(out, cx->arena, tarn_str_of(st.sidecars.at[i]), (void *)(uintptr_t)st.sidecars.at[i]);
    return TARN_OK;
}
