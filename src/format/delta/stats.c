/* stats.c: which files can match: partition values, and statistics, parsed once per referenced column into arrays or,
 * where partitions leave few files, for these alone. */
#include "format/delta/snapshot.h"

/* FEW: one file in so many is parsed by itself; not in a snapshot that is asked again and again. */
enum {
    FEW = 16,
    NARROW_MAX = 2,
    TEXTS_OF = 4096,
    WANTED_MAX = 64,
    PARTS_MAX = 32,
    HAS_MIN = 1,
    HAS_MAX = 2,
    EXACT = 4,
    TRUNCATED_AT = 32,
    MS_US = 1000
};

typedef union cell {
    int64_t i;
    double f;
    __int128 dec;
    tarn_str s;
} cell;

/* What the statistics say of one leaf column, file by file. */
typedef struct leaf {
    int column;
    const char *path; /* as in tarn_expr; NULL: the column itself */
    const tarn_type *type;
    const char *parts[PARTS_MAX]; /* physical names */
    int n_parts;
    cell *min, *max;
    int64_t *nulls;
    uint8_t *flags;
} leaf;

struct tarn_delta_stats {
    tarn_arena *arena;
    TARN_VEC(leaf *) leaves;
};

void tarn_delta_stats_free(tarn_delta_stats *stats) {
    if (stats) tarn_arena_free(stats->arena);
}

int64_t tarn_delta_stats_rows(tarn_cx *cx, tarn_str stats) {
    tarn_json r;
    int64_t rows = -1;
    tarn_json_init(&r, stats, TARN_JSON_DEPTH);
    bool more = tarn_json_next(cx, &r) == TARN_OK && r.kind == TARN_JSON_OBJECT;
    while (more) {
        tarn_str key;
        if (tarn_json_field(cx, &r, &key, &more) != TARN_OK || !more) break;
        bool found = tarn_str_is(key, "numRecords");
        tarn_code code = found ? tarn_json_int_or_null(cx, &r, &rows) : tarn_json_skip(cx, &r);
        if (code != TARN_OK || found) break;
    }
    tarn_clear_error(cx);
    return rows < -1 ? -1 : rows;
}

typedef enum what { MIN, MAX, NULLS } what;

typedef struct reader {
    tarn_arena *arena; /* for texts that had escapes */
    leaf **wanted;
    size_t at; /* the file */
} reader;

static bool set_cell(cell *c, const tarn_value *v) {
    switch (v->kind) {
    case TARN_FLOAT32:
    case TARN_FLOAT64: c->f = v->f; return true;
    case TARN_DECIMAL: c->dec = v->dec; return true;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
    case TARN_UUID: c->s = v->s; return true;
    case TARN_BOOL: c->i = v->b; return true;
    default: c->i = v->i; return true;
    }
}

static void get_cell(const leaf *l, const cell *c, tarn_value *v) {
    *v = (tarn_value){.kind = l->type->kind};
    switch (l->type->kind) {
    case TARN_FLOAT32:
    case TARN_FLOAT64: v->f = c->f; break;
    case TARN_DECIMAL:
        v->scale = (int8_t)l->type->scale;
        v->dec = c->dec;
        break;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED:
    case TARN_UUID: v->s = c->s; break;
    case TARN_BOOL: v->b = c->i != 0; break;
    default: v->i = c->i; break;
    }
}

static tarn_code take_value(tarn_cx *cx, reader *rd, tarn_json *r, leaf *l, what w) {
    tarn_str text;
    if (r->kind == TARN_JSON_NULL) return TARN_OK;
    if (r->kind == TARN_JSON_OBJECT || r->kind == TARN_JSON_ARRAY) return tarn_json_skip(cx, r);
    if (r->kind == TARN_JSON_STRING)
        TRY(tarn_json_text(cx, r, rd->arena, &text));
    else
        TRY(tarn_json_raw(cx, r, &text));
    if (w == NULLS) {
        int64_t n;
        if (tarn_parse_i64(text, &n) && n >= 0) l->nulls[rd->at] = n;
        return TARN_OK;
    }
    tarn_value v;
    if (!tarn_delta_value_parse(text, l->type, rd->arena, &v) || v.null) return TARN_OK;
    /* 1.10: instants are cut to milliseconds, so a maximum may be short of the true one by 999 µs. */
    bool instant = v.kind == TARN_TIMESTAMP || v.kind == TARN_TIMESTAMP_NTZ;
    if (instant && w == MAX && v.i % MS_US == 0 && __builtin_add_overflow(v.i, MS_US - 1, &v.i)) return TARN_OK;
    bool cut = instant || (v.kind == TARN_STRING && v.s.n >= TRUNCATED_AT);
    set_cell(w == MIN ? &l->min[rd->at] : &l->max[rd->at], &v);
    l->flags[rd->at] |= w == MIN ? HAS_MIN : HAS_MAX;
    if (cut) l->flags[rd->at] &= (uint8_t)~EXACT;
    return TARN_OK;
}

/* The members of minValues, maxValues or nullCount at one level, for the wanted leaves in `mask`. */
static tarn_code take_level(tarn_cx *cx, reader *rd, tarn_json *r, uint64_t mask, int level, what w) {
    if (r->kind != TARN_JSON_OBJECT) return tarn_json_skip(cx, r);
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, r, &key, &more));
        if (!more) return TARN_OK;
        uint64_t below = 0;
        leaf *here = NULL;
        for (uint64_t m = mask; m; m &= m - 1) {
            int i = __builtin_ctzll(m);
            leaf *l = rd->wanted[i];
            if (l->n_parts <= level || !tarn_str_is(key, l->parts[level])) continue;
            if (l->n_parts == level + 1)
                here = l;
            else
                below |= 1ull << i;
        }
        if (here)
            TRY(take_value(cx, rd, r, here, w));
        else if (below)
            TRY(take_level(cx, rd, r, below, level + 1, w));
        else
            TRY(tarn_json_skip(cx, r));
    }
}

static tarn_code take_stats(tarn_cx *cx, reader *rd, const tarn_delta_file *f, size_t n_wanted) {
    tarn_json r;
    uint64_t all = n_wanted >= 64 ? ~0ull : (1ull << n_wanted) - 1;
    bool tight = !f->file.deletes;
    tarn_json_init(&r, tarn_delta_stats_of(f), TARN_JSON_DEPTH);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    for (bool more;;) {
        tarn_str key;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        if (tarn_str_is(key, "minValues"))
            TRY(take_level(cx, rd, &r, all, 0, MIN));
        else if (tarn_str_is(key, "maxValues"))
            TRY(take_level(cx, rd, &r, all, 0, MAX));
        else if (tarn_str_is(key, "nullCount"))
            TRY(take_level(cx, rd, &r, all, 0, NULLS));
        else if (tarn_str_is(key, "tightBounds") && r.kind == TARN_JSON_FALSE)
            tight = false;
        else
            TRY(tarn_json_skip(cx, &r));
    }
    for (size_t i = 0; !tight && i < n_wanted; i++) {
        leaf *l = rd->wanted[i];
        l->flags[rd->at] &= (uint8_t)~EXACT;
        /* 1.7: with wide bounds a count of nulls says something only where it is none or all. */
        if (l->nulls[rd->at] > 0 && l->nulls[rd->at] != f->file.rows) l->nulls[rd->at] = -1;
    }
    return TARN_OK;
}

/* Room for what n files say. */
static void make_arrays(tarn_arena *arena, leaf **wanted, size_t n_wanted, size_t n) {
    for (size_t i = 0; i < n_wanted; i++) {
        wanted[i]->min = TARN_NEW_ARRAY(arena, cell, n);
        wanted[i]->max = TARN_NEW_ARRAY(arena, cell, n);
        wanted[i]->nulls = TARN_NEW_ARRAY(arena, int64_t, n);
        wanted[i]->flags = TARN_NEW_ARRAY(arena, uint8_t, n);
    }
}

static void fill_arrays(tarn_cx *cx, reader *rd, const tarn_delta_file *f, size_t n_wanted) {
    for (size_t i = 0; i < n_wanted; i++) rd->wanted[i]->flags[rd->at] = EXACT, rd->wanted[i]->nulls[rd->at] = -1;
    if (!f->stats || take_stats(cx, rd, f, n_wanted) == TARN_OK) return;
    tarn_clear_error(cx); /* statistics that cannot be read keep the file */
    for (size_t i = 0; i < n_wanted; i++) rd->wanted[i]->flags[rd->at] = 0, rd->wanted[i]->nulls[rd->at] = -1;
}

static void build(tarn_cx *cx, tarn_arena *arena, const tarn_delta_file *files, size_t n, leaf **wanted,
                  size_t n_wanted) {
    reader rd = {.arena = arena, .wanted = wanted};
    make_arrays(arena, wanted, n_wanted, n);
    for (rd.at = 0; rd.at < n; rd.at++) fill_arrays(cx, &rd, &files[rd.at], n_wanted);
}

static bool leaf_is(const leaf *l, int column, const char *path) {
    return l->column == column && (l->path == path || (l->path && path && !strcmp(l->path, path)));
}

/* The leaf's physical names, or false when it is not a leaf with statistics. */
static bool describe(const tarn_schema *schema, int column, const char *path, leaf *out) {
    if (column < 0 || (size_t)column >= schema->n_fields) return false;
    const tarn_field *f = &schema->fields[column];
    *out = (leaf){.column = column, .path = path, .parts = {tarn_delta_physical(f)}, .n_parts = 1};
    while (path && *path) {
        if (f->type->kind != TARN_STRUCT || out->n_parts == PARTS_MAX) return false;
        const char *dot = strchr(path, '.');
        tarn_str name = {path, dot ? (size_t)(dot - path) : strlen(path)};
        int at = tarn_schema_find(f->type, name);
        if (at < 0) return false;
        f = &f->type->fields[at];
        out->parts[out->n_parts++] = tarn_delta_physical(f);
        path = dot ? dot + 1 : NULL;
    }
    out->type = f->type;
    return !tarn_type_nested(f->type);
}

static int partition_of(const tarn_snapshot *b, int column) {
    for (size_t i = 0; i < b->n_partition; i++)
        if (b->partition[i].column == column) return (int)i;
    return -1;
}

/* Leaves the predicate names that have no array yet, without repeats. */
static void want(const tarn_snapshot *b, const tarn_delta_stats *stats, tarn_arena *arena, int column, const char *path,
                 leaf **wanted, size_t *n) {
    leaf l;
    if (*n == WANTED_MAX || partition_of(b, column) >= 0 || !describe(b->schema, column, path, &l)) return;
    for (size_t i = 0; i < stats->leaves.n; i++)
        if (leaf_is(stats->leaves.at[i], column, path)) return;
    for (size_t i = 0; i < *n; i++)
        if (leaf_is(wanted[i], column, path)) return;
    wanted[*n] = TARN_NEW(arena, leaf);
    *wanted[*n] = l;
    if (path) wanted[*n]->path = tarn_arena_strdup(arena, path);
    (*n)++;
}

static void want_expr(const tarn_snapshot *b, const tarn_delta_stats *stats, tarn_arena *arena, const tarn_expr *e,
                      leaf **wanted, size_t *n) {
    if (e->op >= TARN_EXPR_EQ) want(b, stats, arena, e->column, e->path, wanted, n);
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i]) want_expr(b, stats, arena, e->args[i], wanted, n);
}

/* A file under test, for the pruner's questions. */
typedef struct probe {
    const tarn_snapshot *b;
    const tarn_delta_file *file;
    leaf *const *leaves;
    size_t n_leaves, at;
    bool partitions_only;
} probe;

static void nothing_known(const tarn_delta_file *f, tarn_bounds *out) {
    memset(out, 0, sizeof *out);
    out->rows = f->file.rows;
    out->nulls = -1;
}

static bool is_float(tarn_kind kind) { return kind == TARN_FLOAT32 || kind == TARN_FLOAT64; }

static void partition_bounds(const tarn_delta_file *f, int partition, tarn_bounds *out) {
    const tarn_value *v = &f->file.partition[partition];
    if (out->rows < 0) out->rows = 1; /* how many does not matter: they are all alike */
    out->nulls = v->null ? out->rows : 0;
    if (v->null) return;
    out->min = out->max = *v;
    out->has_min = out->has_max = out->exact = true;
    out->maybe_nan = is_float(v->kind) && v->f != v->f;
}

static void leaf_bounds(const leaf *l, size_t at, tarn_bounds *out) {
    out->nulls = l->nulls[at];
    out->has_min = l->flags[at] & HAS_MIN;
    out->has_max = l->flags[at] & HAS_MAX;
    out->exact = (l->flags[at] & EXACT) && (out->has_min || out->has_max);
    if (out->has_min) get_cell(l, &l->min[at], &out->min);
    if (out->has_max) get_cell(l, &l->max[at], &out->max);
    out->maybe_nan = is_float(l->type->kind);
}

static void probe_bounds(void *state, int column, const char *path, tarn_bounds *out) {
    const probe *p = state;
    nothing_known(p->file, out);
    int partition = path ? -1 : partition_of(p->b, column);
    if (partition >= 0) {
        partition_bounds(p->file, partition, out);
        return;
    }
    for (size_t i = 0; !p->partitions_only && i < p->n_leaves; i++) {
        if (!leaf_is(p->leaves[i], column, path)) continue;
        leaf_bounds(p->leaves[i], p->at, out);
        return;
    }
}

/* The arrays a predicate needs; those that are missing are built, under the lock. */
static void ready(tarn_cx *cx, tarn_delta_snapshot *s, const tarn_expr *where, leaf ***leaves, size_t *n_leaves) {
    leaf *wanted[WANTED_MAX];
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    if (!s->stats) {
        tarn_arena *arena = tarn_arena_new();
        s->stats = TARN_NEW(arena, tarn_delta_stats);
        s->stats->arena = arena;
    }
    want_expr(&s->base, s->stats, s->stats->arena, where, wanted, &n);
    if (n) build(cx, s->stats->arena, s->files, s->n_files, wanted, n);
    for (size_t i = 0; i < n; i++) *TARN_PUSH(s->stats->arena, &s->stats->leaves) = wanted[i];
    *n_leaves = s->stats->leaves.n;
    *leaves = TARN_NEW_ARRAY(cx->arena, leaf *, *n_leaves);
    if (*n_leaves) memcpy(*leaves, s->stats->leaves.at, *n_leaves * sizeof **leaves);
    pthread_mutex_unlock(&s->lock);
}

struct tarn_delta_tester {
    const tarn_delta_snapshot *s;
    const tarn_expr *where;
    leaf *wanted[WANTED_MAX]; /* of one file */
    size_t n, tested;
    tarn_arena *arena, *texts; /* texts: of the last files' statistics */
};

tarn_delta_tester *tarn_delta_tester_new(const tarn_delta_snapshot *s, const tarn_expr *where) {
    tarn_delta_stats none = {0};
    tarn_arena *arena = tarn_arena_new();
    tarn_delta_tester *t = TARN_NEW(arena, tarn_delta_tester);
    *t = (tarn_delta_tester){.s = s, .where = where, .arena = arena, .texts = tarn_arena_new()};
    want_expr(&s->base, &none, arena, where, t->wanted, &t->n);
    make_arrays(arena, t->wanted, t->n, 1);
    return t;
}

void tarn_delta_tester_free(tarn_delta_tester *t) {
    if (!t) return;
    tarn_arena_free(t->texts);
    tarn_arena_free(t->arena);
}

bool tarn_delta_test_partition(const tarn_delta_tester *t, const tarn_delta_file *file) {
    probe p = {.b = &t->s->base, .file = file, .partitions_only = true};
    return tarn_may_match(t->where, probe_bounds, &p);
}

bool tarn_delta_test_file(tarn_cx *cx, tarn_delta_tester *t, const tarn_delta_file *file) {
    if (++t->tested % TEXTS_OF == 0) {
        tarn_arena_free(t->texts);
        t->texts = tarn_arena_new();
    }
    reader rd = {.arena = t->texts, .wanted = t->wanted};
    fill_arrays(cx, &rd, file, t->n);
    probe p = {.b = &t->s->base, .file = file, .leaves = t->wanted, .n_leaves = t->n};
    return tarn_may_match(t->where, probe_bounds, &p);
}

bool tarn_delta_file_may_match(tarn_cx *cx, const tarn_delta_snapshot *s, const tarn_delta_file *file,
                               const tarn_expr *where) {
    if (!where) return true;
    tarn_auto(tarn_delta_tester *, tarn_delta_tester_freep) t = tarn_delta_tester_new(s, where);
    return tarn_delta_test_file(cx, t, file);
}

static void keep(tarn_file_list *out, const tarn_delta_file *f) {
    out->files.at[out->files.n++] = &f->file;
    out->bytes += f->file.size;
}

/* Which tuples of partition values can match; gives how many files have one that can. */
static size_t try_tuples(tarn_arena *scratch, const tarn_delta_snapshot *s, const tarn_expr *where, bool *can) {
    probe p = {.b = &s->base, .partitions_only = true};
    size_t n = 0;
    bool *tried = TARN_NEW_ARRAY(scratch, bool, s->n_tuples);
    for (size_t i = 0; i < s->n_files; i++) {
        p.file = &s->files[i];
        uint32_t t = p.file->tuple;
        if (!tried[t]) can[t] = tarn_may_match(where, probe_bounds, &p);
        tried[t] = true;
        n += can[t];
    }
    return n;
}

tarn_code tarn_delta_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    if (where) {
        bool done;
        TRY(tarn_delta_peek(cx, s, where, out, &done));
        if (done) return TARN_OK;
    }
    TRY(tarn_delta_load(cx, s));
    tarn_file_list list = {.total_files = (int64_t)s->n_files, .total_bytes = s->bytes};
    probe p = {.b = snapshot};
    bool *can = where ? TARN_NEW_ARRAY(cx->arena, bool, s->n_tuples) : NULL;
    size_t left = where ? try_tuples(cx->arena, s, where, can) : s->n_files;
    bool few = left * FEW <= s->n_files && atomic_fetch_add(&s->narrow, 1) < NARROW_MAX;
    leaf **leaves = NULL;
    list.files.at = TARN_NEW_ARRAY(cx->arena, const tarn_file *, left);
    list.files.cap = left;
    tarn_auto(tarn_delta_tester *, tarn_delta_tester_freep) tester =
        where && few ? tarn_delta_tester_new(s, where) : NULL;
    if (where && !few) ready(cx, s, where, &leaves, &p.n_leaves);
    p.leaves = leaves;
    for (p.at = 0; p.at < s->n_files; p.at++) {
        if (p.at % 8192 == 0) TRY(tarn_check(cx));
        p.file = &s->files[p.at];
        if (where && !can[p.file->tuple])
            list.pruned_by_partition++;
        else if (where && p.file->stats &&
                 !(few ? tarn_delta_test_file(cx, tester, p.file) : tarn_may_match(where, probe_bounds, &p)))
            list.pruned_by_stats++;
        else
            keep(&list, p.file);
    }
    *out = list;
    return TARN_OK;
}

static leaf *find_leaf(tarn_delta_snapshot *s, int column, const char *path) {
    leaf *found = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; s->stats && i < s->stats->leaves.n && !found; i++)
        if (leaf_is(s->stats->leaves.at[i], column, path)) found = s->stats->leaves.at[i];
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* Whether the file is one of all files, not one found without reading them. */
static bool is_loaded(tarn_delta_snapshot *s, const tarn_delta_file *f) {
    pthread_mutex_lock(&s->lock);
    bool found = s->loaded && f->file.ordinal < s->n_files && f == &s->files[f->file.ordinal];
    pthread_mutex_unlock(&s->lock);
    return found;
}

void tarn_delta_bounds(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path, tarn_bounds *out) {
    tarn_delta_snapshot *s = tarn_delta_of(snapshot);
    const tarn_delta_file *f = (const tarn_delta_file *)file;
    int partition = path ? -1 : partition_of(snapshot, column);
    nothing_known(f, out);
    if (partition >= 0) {
        partition_bounds(f, partition, out);
        return;
    }
    if (!is_loaded(s, f)) return;
    leaf *l = find_leaf(s, column, path);
    if (!l) {
        tarn_conf *conf = tarn_conf_defaults();
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        leaf **leaves = NULL;
        size_t n = 0;
        tarn_expr about = {.op = TARN_EXPR_IS_NULL, .column = column, .path = path};
        ready(&cx, s, &about, &leaves, &n);
        tarn_cx_done(&cx);
        tarn_conf_free(conf);
        l = find_leaf(s, column, path);
    }
    if (l) leaf_bounds(l, file->ordinal, out);
}

tarn_code tarn_delta_groups(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                            tarn_file_group **out, size_t *n_out) {
    const tarn_schema *schema = snapshot->schema;
    tarn_column_map *columns = TARN_NEW_ARRAY(cx->arena, tarn_column_map, schema->n_fields);
    for (size_t i = 0; i < schema->n_fields; i++)
        columns[i] = (tarn_column_map){.field = &schema->fields[i], .partition = partition_of(snapshot, (int)i)};
    tarn_file_group *group = TARN_NEW(cx->arena, tarn_file_group);
    group->files = TARN_NEW_ARRAY(cx->arena, const tarn_file *, n);
    if (n) memcpy(group->files, files, n * sizeof *files);
    group->n_files = n;
    group->columns = columns;
    group->n_columns = schema->n_fields;
    group->by_field_id = tarn_delta_of(snapshot)->mapping == TARN_DELTA_MAP_ID;
    *out = group;
    *n_out = n ? 1 : 0;
    return TARN_OK;
}
