/* replay.c: reconciles file actions: of each (path, deletion vector) the newest action is in force. */
#include "format/delta/snapshot.h"

#include <stdlib.h>

#define REMOVED (1u << 31)

enum { FIRST_SLOTS = 1024, TEXT_CHUNK = 64 * 1024 };

tarn_delta_mem *tarn_delta_mem_new(void) {
    tarn_arena *arena = tarn_arena_new();
    tarn_delta_mem *mem = TARN_NEW(arena, tarn_delta_mem);
    mem->arena = arena;
    atomic_init(&mem->refs, 1);
    return mem;
}

void tarn_delta_mem_release(tarn_delta_mem *mem) {
    if (mem && atomic_fetch_sub_explicit(&mem->refs, 1, memory_order_acq_rel) == 1) tarn_arena_free(mem->arena);
}

tarn_str tarn_delta_mem_str(tarn_delta_mem *mem, tarn_str s) {
    if (!s.p) return s;
    char *p;
    if (s.n > TEXT_CHUNK / 8) {
        p = tarn_arena_alloc(mem->arena, s.n);
    } else {
        if (s.n > mem->chunk_left) {
            mem->chunk = tarn_arena_alloc(mem->arena, TEXT_CHUNK);
            mem->chunk_left = TEXT_CHUNK;
        }
        p = mem->chunk;
        mem->chunk += s.n;
        mem->chunk_left -= s.n;
    }
    if (s.n) memcpy(p, s.p, s.n);
    return (tarn_str){p, s.n};
}

tarn_delta_replay *tarn_delta_replay_new(tarn_cx *cx) {
    tarn_arena *arena = tarn_arena_new();
    tarn_delta_replay *r = TARN_NEW(arena, tarn_delta_replay);
    r->arena = arena;
    r->mem = tarn_delta_mem_new();
    r->limit = tarn_conf_int(cx->conf, TARN_LIMIT_FILES);
    if (r->limit >= REMOVED) r->limit = REMOVED - 1;
    return r;
}

void tarn_delta_replay_free(tarn_delta_replay *r) {
    if (!r) return;
    tarn_delta_mem_release(r->mem);
    free(r->files);
    free(r->slots);
    tarn_arena_free(r->arena);
}

static bool same_dv(const tarn_delta_dv *a, const tarn_delta_dv *b) {
    if (!a || !b) return a == b;
    return a->storage == b->storage && a->offset == b->offset && tarn_str_eq(a->where, b->where);
}

static uint64_t key_hash(tarn_str path, const tarn_delta_dv *dv) {
    uint64_t h = tarn_hash(path.p, path.n);
    return dv ? h ^ (tarn_hash(dv->where.p, dv->where.n) * 31 + (uint64_t)dv->offset) : h;
}

static const tarn_delta_dv *file_dv(const tarn_delta_file *f) {
    return f->file.deletes ? f->file.deletes->where : NULL;
}

static bool slot_is(const tarn_delta_replay *r, uint64_t slot, tarn_str path, const tarn_delta_dv *dv) {
    uint32_t i = (uint32_t)slot - 1;
    if (i & REMOVED) {
        const tarn_delta_tombstone *t = &r->removed.at[i & ~REMOVED];
        return tarn_str_eq(t->path, path) && same_dv(t->dv, dv);
    }
    return tarn_str_eq(r->files[i].file.path, path) && same_dv(file_dv(&r->files[i]), dv);
}

static void put_slot(uint64_t *slots, size_t n, uint64_t slot) {
    size_t at = (size_t)(slot >> 32) & (n - 1);
    while (slots[at]) at = (at + 1) & (n - 1);
    slots[at] = slot;
}

static bool seen(const tarn_delta_replay *r, uint64_t hash, tarn_str path, const tarn_delta_dv *dv) {
    if (!r->used) return false;
    uint32_t tag = (uint32_t)hash;
    for (size_t at = tag & (r->n_slots - 1); r->slots[at]; at = (at + 1) & (r->n_slots - 1))
        if ((uint32_t)(r->slots[at] >> 32) == tag && slot_is(r, r->slots[at], path, dv)) return true;
    return false;
}

static tarn_code remember(tarn_cx *cx, tarn_delta_replay *r, uint64_t hash, uint32_t index) {
    if ((r->used + 1) * 4 > r->n_slots * 3) {
        size_t n = r->n_slots ? r->n_slots * 2 : FIRST_SLOTS;
        uint64_t *slots = calloc(n, sizeof *slots);
        if (!slots) return tarn_fail(cx, TARN_NOMEM, "no memory for a table of %zu log entries", n);
        for (size_t i = 0; i < r->n_slots; i++)
            if (r->slots[i]) put_slot(slots, n, r->slots[i]);
        free(r->slots);
        r->slots = slots;
        r->n_slots = n;
    }
    put_slot(r->slots, r->n_slots, (uint64_t)(uint32_t)hash << 32 | (uint32_t)(index + 1));
    r->used++;
    return TARN_OK;
}

static uint32_t intern_tuple(tarn_delta_replay *r, tarn_str json) {
    if (!json.p) json = TARN_LIT("{}");
    void *id = tarn_map_get(&r->tuple_ids, json);
    if (id) return (uint32_t)((uintptr_t)id - 1);
    tarn_delta_tuple *t = TARN_PUSH(r->arena, &r->tuples);
    t->json = tarn_delta_mem_str(r->mem, json);
    tarn_map_put(&r->tuple_ids, r->arena, t->json, (void *)(uintptr_t)r->tuples.n);
    return (uint32_t)(r->tuples.n - 1);
}

static tarn_code new_file(tarn_cx *cx, tarn_delta_replay *r, tarn_delta_file **out) {
    if ((int64_t)r->n_files >= r->limit)
        return tarn_fail(cx, TARN_LIMIT, "more than %lld files; raise limit.files", (long long)r->limit);
    if (r->n_files == r->cap_files) {
        size_t cap = r->cap_files ? r->cap_files + r->cap_files / 2 : 256;
        tarn_delta_file *files = realloc(r->files, cap * sizeof *files);
        if (!files) return tarn_fail(cx, TARN_NOMEM, "no memory for %zu file entries", cap);
        r->files = files;
        r->cap_files = cap;
    }
    *out = &r->files[r->n_files++];
    return TARN_OK;
}

static const tarn_delta_dv *keep_dv(tarn_delta_replay *r, const tarn_delta_action *a) {
    if (!a->has_dv) return NULL;
    tarn_delta_dv *dv = TARN_NEW(r->mem->arena, tarn_delta_dv);
    *dv = a->dv;
    dv->where = tarn_delta_mem_str(r->mem, a->dv.where);
    dv->deletes = (tarn_deletes){.rows = dv->cardinality, .where = dv};
    return dv;
}

/* Stats nearly always begin with {"numRecords":n — the rest is parsed only when a predicate asks for it. */
static int64_t stats_rows(tarn_cx *cx, tarn_str stats) {
    static const char head[] = "{\"numRecords\":";
    size_t n = sizeof head - 1, end = n;
    int64_t rows;
    if (!stats.p) return -1;
    if (stats.n <= n || memcmp(stats.p, head, n) != 0) return tarn_delta_stats_rows(cx, stats);
    while (end < stats.n && stats.p[end] >= '0' && stats.p[end] <= '9') end++;
    if (end > n && tarn_parse_i64((tarn_str){stats.p + n, end - n}, &rows)) return rows;
    return tarn_delta_stats_rows(cx, stats);
}

static tarn_code keep_add(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *a) {
    tarn_delta_file *f = NULL;
    TRY(new_file(cx, r, &f));
    const tarn_delta_dv *dv = keep_dv(r, a);
    *f = (tarn_delta_file){
        .file = {.path = tarn_delta_mem_str(r->mem, a->path),
                 .size = a->size,
                 .mtime_ms = a->mtime_ms,
                 .rows = stats_rows(cx, a->stats),
                 .deletes = dv ? &dv->deletes : NULL},
        .rest = a->rest.n ? tarn_arena_strndup(r->mem->arena, a->rest.p, a->rest.n) : NULL,
        .tuple = intern_tuple(r, a->partition),
    };
    tarn_delta_set_stats(f, tarn_delta_mem_str(r->mem, a->stats));
    return TARN_OK;
}

static tarn_code keep_remove(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *a) {
    if ((int64_t)r->removed.n >= r->limit)
        return tarn_fail(cx, TARN_LIMIT, "more than %lld removed files; raise limit.files", (long long)r->limit);
    tarn_delta_tombstone *t = TARN_PUSH(r->arena, &r->removed);
    t->path = tarn_delta_mem_str(r->mem, a->path);
    t->dv = keep_dv(r, a);
    t->deleted_ms = a->deleted_ms;
    t->size = a->size;
    t->partition = tarn_delta_mem_str(r->mem, a->partition);
    t->rest = a->rest.n ? tarn_arena_strndup(r->mem->arena, a->rest.p, a->rest.n) : NULL;
    t->data_change = a->data_change;
    return TARN_OK;
}

tarn_code tarn_delta_replay_action(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *a) {
    const tarn_delta_dv *dv = a->has_dv ? &a->dv : NULL;
    uint64_t hash = key_hash(a->path, dv);
    if (seen(r, hash, a->path, dv)) return TARN_OK;
    if (a->kind == TARN_DELTA_ADD) {
        TRY(keep_add(cx, r, a));
        r->n_recent = r->n_files;
        return remember(cx, r, hash, (uint32_t)(r->n_files - 1));
    }
    TRY(keep_remove(cx, r, a));
    return remember(cx, r, hash, (uint32_t)(r->removed.n - 1) | REMOVED);
}

tarn_code tarn_delta_replay_base_remove(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *a) {
    const tarn_delta_dv *dv = a->has_dv ? &a->dv : NULL;
    if (seen(r, key_hash(a->path, dv), a->path, dv)) return TARN_OK;
    return keep_remove(cx, r, a);
}

tarn_code tarn_delta_replay_base_add(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *a) {
    const tarn_delta_dv *dv = a->has_dv ? &a->dv : NULL;
    if (seen(r, key_hash(a->path, dv), a->path, dv)) return TARN_OK;
    return keep_add(cx, r, a);
}

/* What a search through a checkpoint knows. */
typedef struct matching {
    tarn_delta_replay *r;
    tarn_delta_snapshot *s;
    const tarn_delta_replay *recent;
    tarn_delta_tester *tester;
    TARN_VEC(bool) can; /* per tuple: its files may match */
    tarn_file_list *list;
} matching;

static tarn_code tuple_values(tarn_cx *cx, matching *m, uint32_t tuple, tarn_delta_file *f) {
    tarn_delta_tuple *t = &m->r->tuples.at[tuple];
    const tarn_snapshot *b = &m->s->base;
    if (!t->values)
        TRY(tarn_delta_partition_values(cx, m->r->mem->arena, t->json, b->schema, b->partition, b->n_partition,
                                        &t->values));
    f->file.partition = t->values;
    f->tuple = tuple;
    if (tuple == m->can.n) *TARN_PUSH(m->r->arena, &m->can) = tarn_delta_test_partition(m->tester, f);
    return TARN_OK;
}

/* Whether to keep the file, whose texts may go; it is counted. */
static tarn_code match_file(tarn_cx *cx, matching *m, tarn_str tuple, tarn_delta_file *f, bool *keep) {
    *keep = false;
    m->list->total_files++;
    m->list->total_bytes += f->file.size;
    TRY(tuple_values(cx, m, intern_tuple(m->r, tuple), f));
    if (!m->can.at[f->tuple])
        m->list->pruned_by_partition++;
    else if (f->stats && !tarn_delta_test_file(cx, m->tester, f))
        m->list->pruned_by_stats++;
    else
        *keep = true;
    return TARN_OK;
}

static tarn_code match_add(tarn_cx *cx, void *state, const tarn_delta_action *a) {
    matching *m = state;
    bool keep;
    const tarn_delta_dv *dv = a->has_dv ? &a->dv : NULL;
    if (m->recent->used && seen(m->recent, key_hash(a->path, dv), a->path, dv)) return TARN_OK;
    if (m->list->total_files >= m->r->limit)
        return tarn_fail(cx, TARN_LIMIT, "more than %lld files; raise limit.files", (long long)m->r->limit);
    tarn_delta_file f = {.file = {.size = a->size, .rows = -1, .deletes = dv ? &dv->deletes : NULL}};
    tarn_delta_set_stats(&f, a->stats);
    TRY(match_file(cx, m, a->partition, &f, &keep));
    return keep ? keep_add(cx, m->r, a) : TARN_OK;
}

tarn_code tarn_delta_replay_matching(tarn_cx *cx, tarn_delta_replay *r, tarn_delta_snapshot *s,
                                     const tarn_delta_replay *recent, const tarn_expr *where, tarn_file_list *out) {
    tarn_auto(tarn_delta_tester *, tarn_delta_tester_freep) tester = tarn_delta_tester_new(s, where);
    tarn_file_list list = {0};
    matching m = {.r = r, .s = s, .recent = recent, .tester = tester, .list = &list};
    TRY(tarn_delta_checkpoint_files(cx, s, TARN_DELTA_ADD, match_add, &m));
    for (size_t i = recent->n_files; i-- > 0;) {
        tarn_delta_file f = recent->files[i], *kept;
        bool keep;
        TRY(match_file(cx, &m, recent->tuples.at[f.tuple].json, &f, &keep));
        if (!keep) continue;
        TRY(new_file(cx, r, &kept));
        *kept = f;
    }
    list.files.at = TARN_NEW_ARRAY(cx->arena, const tarn_file *, r->n_files);
    list.files.n = list.files.cap = r->n_files;
    for (size_t i = 0; i < r->n_files; i++) {
        tarn_file *f = &r->files[i].file;
        f->partition = r->tuples.at[r->files[i].tuple].values;
        f->ordinal = (uint32_t)i;
        f->entry = f;
        list.files.at[i] = f;
        list.bytes += f->size;
    }
    *out = list;
    return TARN_OK;
}

void tarn_delta_replay_base_tuples(tarn_delta_replay *r, const tarn_delta_tuple *tuples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        *TARN_PUSH(r->arena, &r->tuples) = tuples[i];
        tarn_map_put(&r->tuple_ids, r->arena, tuples[i].json, (void *)(uintptr_t)(i + 1));
    }
}

tarn_code tarn_delta_replay_base_files(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_file *files, size_t n) {
    size_t need = r->n_files + n;
    if ((int64_t)need > r->limit)
        return tarn_fail(cx, TARN_LIMIT, "more than %lld files; raise limit.files", (long long)r->limit);
    if (need > r->cap_files) {
        tarn_delta_file *bigger = realloc(r->files, need * sizeof *files);
        if (!bigger) return tarn_fail(cx, TARN_NOMEM, "no memory for %zu file entries", need);
        r->files = bigger;
        r->cap_files = need;
    }
    for (size_t i = 0; i < n; i++) {
        const tarn_delta_dv *dv = file_dv(&files[i]);
        if (!r->used || !seen(r, key_hash(files[i].file.path, dv), files[i].file.path, dv))
            r->files[r->n_files++] = files[i];
    }
    return TARN_OK;
}

static void reverse(tarn_delta_file *files, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        tarn_delta_file swap = files[i];
        files[i] = files[n - 1 - i];
        files[n - 1 - i] = swap;
    }
}

void tarn_delta_replay_order(tarn_delta_replay *r) {
    size_t base = r->n_files - r->n_recent;
    reverse(r->files, r->n_files);
    reverse(r->files, base);
}
