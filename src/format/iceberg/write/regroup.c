/* regroup.c: the manifests of a version written anew as fewer, the files of a partition beside each other (1.11,
 * rewrite_manifests): a query of some partitions then reads few of them. */
#include <stdlib.h>

#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/manifest.h"

enum { MANIFEST_MAX = 1 << 30 };
static const int64_t target_default = 8 << 20;

/* A live entry of a manifest, as it lies there. */
typedef struct item {
    const tarn_iceberg_manifest *from;
    const tarn_iceberg_layout *layout;
    const tarn_iceberg_tuple *tuple;
    tarn_str record;
    int64_t first_row_id; /* -1: as the record says */
} item;

/* Manifests whose entries can stand in one: of one spec, one content and one schema of their records. */
typedef struct group {
    TARN_VEC(const tarn_iceberg_manifest *) from;
    TARN_VEC(item) items;
    int64_t bytes;
    bool row_ids;
    struct group *next;
} group;

typedef struct regrouping {
    tarn_cx *cx;
    tarn_iceberg_writing *w;
    tarn_iceberg_snapshot *s;
    tarn_regroup *report;
    int64_t target;
    tarn_map by_key;
    group *first, **end;
    tarn_iceberg_manifests *out;
    group *now; /* whose entries are read */
} regrouping;

static int64_t target_size(const tarn_iceberg_plan *plan) {
    const char *text = tarn_iceberg_plan_property(plan, "commit.manifest.target-size-bytes");
    int64_t n;
    return text && tarn_parse_i64(tarn_str_of(text), &n) && n > 0 ? n : target_default;
}

static bool is_meant(const tarn_regroup *r, const tarn_iceberg_manifest *m) {
    return r->spec < 0 || r->spec == m->spec_id;
}

static bool is_worth(const group *g, int64_t target) { return g->from.n > 1 || g->bytes > 2 * target; }

static tarn_code read_bytes(regrouping *r, const tarn_iceberg_manifest *m, tarn_buf *out) {
    tarn_str path;
    TRY(tarn_check(r->cx));
    TRY(tarn_iceberg_path(r->cx, r->s->meta.location, m->path, &path));
    return tarn_iceberg_get(r->cx, r->w->table->store, path, NULL, out);
}

static tarn_code add_manifest(regrouping *r, const tarn_iceberg_manifest *m) {
    tarn_auto_buf bytes = TARN_BUF(MANIFEST_MAX);
    const tarn_avro_header *header;
    TRY(read_bytes(r, m, &bytes));
    TRY(tarn_prefix(r->cx, tarn_avro_header_read(r->cx, r->cx->arena, (tarn_str){bytes.data, bytes.n}, &header),
                    "manifest %.*s", (int)m->path.n, m->path.p));
    bool row_ids = r->w->format_version >= 3 && !m->deletes && m->first_row_id >= 0;
    const char *key =
        tarn_printf(r->cx, "%d %d %d %.*s", m->spec_id, m->deletes, row_ids, (int)header->schema.n, header->schema.p);
    group *g = tarn_map_get(&r->by_key, tarn_str_of(key));
    if (!g) {
        g = TARN_NEW(r->cx->arena, group);
        g->row_ids = row_ids;
        tarn_map_put(&r->by_key, r->cx->arena, tarn_str_of(key), g);
        *r->end = g;
        r->end = &g->next;
    }
    *TARN_PUSH(r->cx->arena, &g->from) = m;
    g->bytes += m->length > 0 ? m->length : (int64_t)bytes.n;
    return TARN_OK;
}

static tarn_code take_entry(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *e, int64_t first_row_id,
                            const tarn_iceberg_tuple *tuple) {
    regrouping *r = walk->state;
    char *own = tarn_arena_strndup(r->cx->arena, e->record.p, e->record.n);
    *TARN_PUSH(r->cx->arena, &r->now->items) = (item){.from = walk->manifest,
                                                      .layout = walk->layout,
                                                      .tuple = tuple,
                                                      .record = {own, e->record.n},
                                                      .first_row_id = r->now->row_ids ? first_row_id : -1};
    return tarn_check(cx);
}

/* Nulls first; the order that items had decides between equal ones. */
static int by_partition(const void *a, const void *b) {
    const item *x = a, *y = b;
    int64_t n = x->from->n_ranges < y->from->n_ranges ? (int64_t)x->from->n_ranges : (int64_t)y->from->n_ranges;
    for (int64_t i = 0; x->tuple != y->tuple && i < n; i++) {
        const tarn_value *v = &x->tuple->values[i], *u = &y->tuple->values[i];
        bool ok;
        int order = v->null || u->null ? (int)u->null - (int)v->null : tarn_value_cmp(v, u, &ok);
        if (order) return order;
    }
    return x->record.p < y->record.p ? -1 : x->record.p > y->record.p;
}

static tarn_code write_part(regrouping *r, const group *g, tarn_str like, const item *items, size_t n) {
    tarn_cx *cx = r->cx;
    tarn_auto_buf file = TARN_BUF(MANIFEST_MAX);
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) avro = {0};
    const tarn_iceberg_spec_use *use = tarn_iceberg_spec_use_of(r->s, items[0].tuple->spec_id);
    const tarn_value **partitions = TARN_NEW_ARRAY(cx->arena, const tarn_value *, n);
    tarn_iceberg_manifest m = {.spec_id = items[0].tuple->spec_id,
                               .deletes = items[0].from->deletes,
                               .sequence = r->w->sequence,
                               .min_sequence = r->w->sequence,
                               .added_snapshot_id = r->w->snapshot_id,
                               .existing_files = (int64_t)n,
                               .first_row_id = -1};
    TRY(tarn_iceberg_manifest_begin(cx, like, g->row_ids, &avro, &file));
    for (size_t i = 0; i < n; i++) {
        tarn_iceberg_entry e;
        tarn_avro_cursor c = tarn_avro_cursor_of(items[i].record);
        tarn_iceberg_entry_read(&c, items[i].layout, items[i].from, &e);
        tarn_iceberg_entry_copy(&avro.block, items[i].layout, &e, items[i].first_row_id);
        TRY(tarn_avro_write_row(cx, &avro));
        if (e.rows > 0) m.existing_rows += e.rows;
        if (e.sequence >= 0 && e.sequence < m.min_sequence) m.min_sequence = e.sequence;
        partitions[i] = items[i].tuple->values;
        /* The rows have their ids: none are to be given to the manifest. */
        if (g->row_ids && (m.first_row_id < 0 || items[i].first_row_id < m.first_row_id))
            m.first_row_id = items[i].first_row_id;
    }
    TRY(tarn_avro_write_end(cx, &avro));
    TRY(tarn_iceberg_manifest_store(cx, r->w, (tarn_str){file.data, file.n}, &m));
    tarn_iceberg_summarize(cx, use->results, use->spec->n_fields, partitions, n, &m);
    *TARN_PUSH(cx->arena, r->out) = m;
    r->report->written++;
    return TARN_OK;
}

static tarn_code write_group(regrouping *r, group *g) {
    tarn_auto_buf like = TARN_BUF(MANIFEST_MAX);
    r->now = g;
    for (size_t i = 0; i < g->from.n; i++) {
        tarn_iceberg_walk walk = {
            .s = r->s, .manifest = g->from.at[i], .keep = r->cx->arena, .fn = take_entry, .state = r};
        TRY(tarn_iceberg_walk_manifest(r->cx, &walk));
    }
    r->report->before += (int64_t)g->from.n;
    if (!g->items.n) return TARN_OK;
    TRY(read_bytes(r, g->from.at[0], &like));
    qsort(g->items.at, g->items.n, sizeof *g->items.at, by_partition);
    size_t parts = (size_t)((g->bytes + r->target - 1) / r->target), n = (g->items.n + parts - 1) / (parts ? parts : 1);
    for (size_t i = 0; i < g->items.n; i += n)
        TRY(write_part(r, g, (tarn_str){like.data, like.n}, g->items.at + i, g->items.n - i < n ? g->items.n - i : n));
    return TARN_OK;
}

tarn_code tarn_iceberg_regroup(tarn_cx *cx, tarn_iceberg_writing *w, tarn_iceberg_snapshot *s,
                               const tarn_iceberg_plan *plan, tarn_regroup *regroup, tarn_iceberg_manifests *out) {
    regrouping r = {.cx = cx, .w = w, .s = s, .report = regroup, .target = target_size(plan), .out = out};
    r.end = &r.first;
    regroup->before = regroup->written = 0;
    TRY(tarn_iceberg_list(cx, s));
    for (size_t i = 0; i < s->n_slots; i++) {
        if (is_meant(regroup, s->slots[i].manifest))
            TRY(add_manifest(&r, s->slots[i].manifest));
        else
            *TARN_PUSH(cx->arena, out) = *s->slots[i].manifest;
    }
    for (group *g = r.first; g; g = g->next) {
        if (is_worth(g, r.target))
            TRY(write_group(&r, g));
        else
            for (size_t i = 0; i < g->from.n; i++) *TARN_PUSH(cx->arena, out) = *g->from.at[i];
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_regroup_count(tarn_cx *cx, tarn_iceberg_snapshot *s, const tarn_iceberg_plan *plan,
                                     tarn_regroup *regroup) {
    int64_t target = target_size(plan);
    regroup->before = regroup->written = 0;
    if (!s) return TARN_OK;
    if (regroup->spec >= 0 && !tarn_iceberg_spec_use_of(s, (int32_t)regroup->spec))
        return tarn_fail(cx, TARN_NOTFOUND, "there is no partition spec %lld", (long long)regroup->spec);
    TRY(tarn_iceberg_list(cx, s));
    for (size_t i = 0; i < s->n_slots; i++) {
        const tarn_iceberg_manifest *m = s->slots[i].manifest;
        size_t like = 0;
        for (size_t k = 0; k < s->n_slots && like < 2; k++)
            like += s->slots[k].manifest->spec_id == m->spec_id && s->slots[k].manifest->deletes == m->deletes;
        regroup->before += is_meant(regroup, m) && (like > 1 || m->length > 2 * target);
    }
    return TARN_OK;
}
