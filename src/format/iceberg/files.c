/* files.c: which files may match a predicate: manifests by their partition ranges, files by their partition, then by
 * their column bounds (1.3, 1.6). */
#include "base/pool.h"
#include "format/iceberg/deletes.h"
#include "format/iceberg/iceberg.h"

/* Fewer files than this are all kept in memory, so that the next predicate reads nothing. */
enum { WANTED_MAX = 64, KEEP_FILES = 20000 };

/* A column the predicate names. */
typedef struct leaf {
    int column;
    const char *path;
    int32_t id;
    const tarn_type *type;
} leaf;

/* A predicate made ready: its columns by id, and for each spec the predicate with what it says of partition values that
 * keep no order; those are columns from n_fields on. */
typedef struct question {
    const tarn_iceberg_snapshot *s;
    const tarn_expr *where;
    leaf leaves[WANTED_MAX];
    size_t n_leaves;
    const tarn_expr **by_spec;
} question;

/* What is being asked about: a manifest, or an entry's partition, with its statistics or not. */
typedef struct probe {
    const question *q;
    const tarn_iceberg_spec_use *use;
    const tarn_iceberg_manifest *manifest; /* NULL: an entry */
    const tarn_iceberg_tuple *tuple;
    const tarn_iceberg_entry *entry; /* NULL: its partition alone */
    tarn_arena *scratch;
} probe;

static const tarn_field *leaf_field(const tarn_schema *schema, int column, const char *path) {
    if (column < 0 || (size_t)column >= schema->n_fields) return NULL;
    const tarn_field *f = &schema->fields[column];
    return path ? tarn_schema_path(f->type, tarn_str_of(path)) : f;
}

static bool same_leaf(const leaf *l, int column, const char *path) {
    return l->column == column && (l->path == path || (l->path && path && !strcmp(l->path, path)));
}

static void note_leaves(question *q, const tarn_expr *e) {
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i]) note_leaves(q, e->args[i]);
    if (e->op < TARN_EXPR_EQ || q->n_leaves == WANTED_MAX) return;
    const tarn_field *f = leaf_field(q->s->base.schema, e->column, e->path);
    for (size_t i = 0; i < q->n_leaves; i++)
        if (same_leaf(&q->leaves[i], e->column, e->path)) return;
    if (f && !tarn_type_nested(f->type)) q->leaves[q->n_leaves++] = (leaf){e->column, e->path, f->id, f->type};
}

static void ask(tarn_cx *cx, question *q, const tarn_iceberg_snapshot *s, const tarn_expr *where) {
    *q = (question){.s = s, .where = where};
    note_leaves(q, where);
    q->by_spec = TARN_NEW_ARRAY(cx->arena, const tarn_expr *, s->n_specs);
    for (size_t i = 0; i < s->n_specs; i++) {
        const tarn_iceberg_spec_use *use = &s->specs[i];
        tarn_expr *e = tarn_expr_copy(cx->arena, where);
        for (size_t k = 0; k < use->spec->n_fields; k++) {
            const tarn_iceberg_spec_field *f = &use->spec->fields[k];
            int column = -1;
            const tarn_field *source = tarn_iceberg_field(s->base.schema, f->source_id, &column);
            if (f->transform != TARN_BUCKET || !source || source != &s->base.schema->fields[column]) continue;
            e = tarn_transform_equalities(cx->arena, e, column, f->transform, f->param, source->type,
                                          (int)(s->base.schema->n_fields + k));
        }
        q->by_spec[i] = e;
    }
}

/* The narrower of what is known by two ways. */
static void tighten(tarn_bounds *out, const tarn_bounds *other) {
    bool ok;
    if (other->has_min && (!out->has_min || (tarn_value_cmp(&other->min, &out->min, &ok) > 0 && ok)))
        out->min = other->min, out->has_min = true;
    if (other->has_max && (!out->has_max || (tarn_value_cmp(&other->max, &out->max, &ok) < 0 && ok)))
        out->max = other->max, out->has_max = true;
    if (other->nulls >= 0) out->nulls = other->nulls;
}

static bool is_float(tarn_kind kind) { return kind == TARN_FLOAT32 || kind == TARN_FLOAT64; }

/* What a file's partition value says of its source, or (source NULL) of itself. */
static void value_bounds(const probe *p, size_t k, const tarn_type *source, tarn_bounds *out) {
    const tarn_iceberg_spec_field *f = &p->use->spec->fields[k];
    const tarn_value *v = &p->tuple->values[k];
    tarn_transform transform = source ? f->transform : TARN_IDENTITY;
    if (transform == TARN_VOID_TRANSFORM || transform == TARN_OTHER_TRANSFORM || v->kind == TARN_VOID) return;
    if (out->rows < 0) out->rows = 1; /* how many does not matter: they are all alike */
    tarn_bounds b = {.nulls = v->null ? out->rows : 0};
    if (!v->null) tarn_transform_bounds(p->scratch, transform, f->param, source, v, v, &b);
    if (is_float(v->kind) && v->f != v->f) b.has_min = b.has_max = false, out->maybe_nan = true;
    tighten(out, &b);
}

/* The same from what the manifest list says of all files of a manifest. */
static void range_bounds(const probe *p, size_t k, const tarn_type *source, tarn_bounds *out) {
    const tarn_iceberg_spec_field *f = &p->use->spec->fields[k];
    const tarn_type *type = p->use->results[k];
    tarn_transform transform = source ? f->transform : TARN_IDENTITY;
    if (transform == TARN_VOID_TRANSFORM || transform == TARN_OTHER_TRANSFORM || !type) return;
    if (k >= p->manifest->n_ranges) return;
    const tarn_iceberg_range *r = &p->manifest->ranges[k];
    tarn_bounds b = {.nulls = r->null ? -1 : 0};
    tarn_value low, high;
    bool has_low = tarn_iceberg_value(r->low, type, &low), has_high = tarn_iceberg_value(r->high, type, &high);
    bool nans = is_float(type->kind) && r->nan;
    if (r->null && !r->low.p && !r->high.p && !nans) b.nulls = out->rows = 1; /* nothing but nulls */
    tarn_transform_bounds(p->scratch, transform, f->param, source, has_low ? &low : NULL, has_high ? &high : NULL, &b);
    out->maybe_nan = out->maybe_nan || nans;
    tighten(out, &b);
}

static void stats_bounds(const probe *p, int32_t id, const tarn_type *type, tarn_bounds *out) {
    const tarn_iceberg_entry *e = p->entry;
    tarn_bounds b = {.nulls = -1};
    int64_t nans = -1;
    tarn_str bytes;
    tarn_iceberg_stat_count(e, TARN_ICEBERG_NULLS, id, &b.nulls);
    b.has_min = tarn_iceberg_stat_bound(e, TARN_ICEBERG_LOWER, id, &bytes) && tarn_iceberg_value(bytes, type, &b.min);
    b.has_max = tarn_iceberg_stat_bound(e, TARN_ICEBERG_UPPER, id, &bytes) && tarn_iceberg_value(bytes, type, &b.max);
    if (is_float(type->kind)) out->maybe_nan = !tarn_iceberg_stat_count(e, TARN_ICEBERG_NANS, id, &nans) || nans != 0;
    /* Old writers put NaN into bounds, which then say nothing (1.6). */
    b.has_min = b.has_min && !(is_float(type->kind) && b.min.f != b.min.f);
    b.has_max = b.has_max && !(is_float(type->kind) && b.max.f != b.max.f);
    tighten(out, &b);
}

static void answer(const probe *p, int32_t id, const tarn_type *type, tarn_bounds *out) {
    bool by_identity = false;
    for (size_t k = 0; p->use && k < p->use->spec->n_fields; k++) {
        if (p->use->spec->fields[k].source_id != id) continue;
        by_identity = by_identity || p->use->spec->fields[k].transform == TARN_IDENTITY;
        if (p->manifest)
            range_bounds(p, k, type, out);
        else
            value_bounds(p, k, type, out);
    }
    if (p->entry && !by_identity) stats_bounds(p, id, type, out);
    if (out->has_min) tarn_iceberg_as_read(&out->min);
    if (out->has_max) tarn_iceberg_as_read(&out->max);
}

static void probe_bounds(void *state, int column, const char *path, tarn_bounds *out) {
    const probe *p = state;
    size_t n_fields = p->q->s->base.schema->n_fields;
    *out = (tarn_bounds){.rows = p->entry ? p->entry->rows : -1, .nulls = -1};
    if (column >= 0 && (size_t)column >= n_fields) {
        if (p->manifest)
            range_bounds(p, (size_t)column - n_fields, NULL, out);
        else
            value_bounds(p, (size_t)column - n_fields, NULL, out);
        return;
    }
    for (size_t i = 0; i < p->q->n_leaves; i++) {
        if (!same_leaf(&p->q->leaves[i], column, path)) continue;
        answer(p, p->q->leaves[i].id, p->q->leaves[i].type, out);
        return;
    }
}

static bool may_match(probe *p) { return tarn_may_match(p->q->by_spec[p->use - p->q->s->specs], probe_bounds, p); }

/* The work on one manifest. */
typedef struct outcome {
    TARN_VEC(tarn_iceberg_file *) files;
    int64_t total, bytes, by_partition, by_stats;
} outcome;

typedef struct search {
    tarn_iceberg_snapshot *s;
    const question *q;
    bool keep; /* all entries stay in memory */
    outcome *outcomes;
} search;

/* The state of a walk: partitions already judged. */
typedef struct judging {
    const question *q;
    outcome *out;
    tarn_map verdicts; /* by tuple */
} judging;

enum { MATCHES = 1, FAILS = 2 };

static bool partition_matches(tarn_cx *cx, judging *j, const tarn_iceberg_tuple *tuple) {
    tarn_str key = TARN_KEY_OF(tuple);
    uintptr_t verdict = (uintptr_t)tarn_map_get(&j->verdicts, key);
    if (!verdict) {
        probe p = {
            .q = j->q, .use = tarn_iceberg_spec_use_of(j->q->s, tuple->spec_id), .tuple = tuple, .scratch = cx->arena};
        verdict = may_match(&p) ? MATCHES : FAILS;
        char *own = tarn_arena_strndup(cx->arena, key.p, key.n);
        tarn_map_put(&j->verdicts, cx->arena, (tarn_str){own, key.n}, (void *)verdict);
    }
    return verdict == MATCHES;
}

/* Whether the entry stays; counts why not. */
static bool judge(tarn_cx *cx, judging *j, const tarn_iceberg_entry *e, const tarn_iceberg_tuple *tuple) {
    j->out->total++;
    j->out->bytes += e->size;
    if (!j->q) return true;
    if (!partition_matches(cx, j, tuple)) return j->out->by_partition++, false;
    probe p = {.q = j->q,
               .use = tarn_iceberg_spec_use_of(j->q->s, tuple->spec_id),
               .tuple = tuple,
               .entry = e,
               .scratch = cx->arena};
    if (!may_match(&p)) return j->out->by_stats++, false;
    return true;
}

static tarn_code judge_entry(tarn_cx *cx, tarn_iceberg_walk *walk, const tarn_iceberg_entry *e, int64_t first_row_id,
                             const tarn_iceberg_tuple *tuple) {
    return judge(cx, walk->state, e, tuple) ? tarn_iceberg_keep(cx, walk, e, first_row_id, tuple) : TARN_OK;
}

/* Puts what a walk kept into the snapshot; of a file that somebody else was quicker to keep, theirs counts. */
static void publish(tarn_iceberg_snapshot *s, tarn_iceberg_walk *walk) {
    tarn_iceberg_slot *slot = &s->slots[walk->slot];
    pthread_mutex_lock(&s->lock);
    tarn_arena_adopt(s->base.arena, walk->keep);
    for (size_t i = 0; i < walk->files.n; i++) {
        tarn_iceberg_file *f = walk->files.at[i];
        uint32_t ordinal = f->file.ordinal - slot->first;
        tarn_str key = TARN_KEY_OF(ordinal);
        tarn_iceberg_file *other = tarn_map_get(&slot->kept, key);
        if (other) {
            walk->files.at[i] = other;
            continue;
        }
        key.p = tarn_arena_strndup(s->base.arena, key.p, key.n);
        tarn_map_put(&slot->kept, s->base.arena, key, f);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool manifest_matches(tarn_cx *cx, const search *sr, const tarn_iceberg_manifest *m) {
    probe p = {.q = sr->q, .use = tarn_iceberg_spec_use_of(sr->s, m->spec_id), .manifest = m, .scratch = cx->arena};
    return !sr->q || !p.use || may_match(&p);
}

static tarn_code search_slot(tarn_cx *cx, size_t i, void *state) {
    search *sr = state;
    tarn_iceberg_slot *slot = &sr->s->slots[i];
    outcome *out = &sr->outcomes[i];
    judging j = {.q = sr->q, .out = out};
    if (!manifest_matches(cx, sr, slot->manifest)) {
        const tarn_iceberg_manifest *m = slot->manifest;
        if (m->added_files > 0) out->total += m->added_files;
        if (m->existing_files > 0) out->total += m->existing_files;
        out->by_partition = out->total;
        return TARN_OK;
    }
    pthread_mutex_lock(&sr->s->lock);
    bool loaded = slot->loaded;
    pthread_mutex_unlock(&sr->s->lock);
    if (!loaded) {
        tarn_iceberg_walk walk = {.s = sr->s, .slot = i, .keep = tarn_arena_new(), .fn = judge_entry, .state = &j};
        tarn_code code = tarn_iceberg_walk_manifest(cx, &walk);
        if (code == TARN_OK && walk.fresh)
            publish(sr->s, &walk);
        else
            tarn_arena_free(walk.keep);
        out->files.at = walk.files.at;
        out->files.n = walk.files.n;
        return code;
    }
    for (size_t k = 0; k < slot->files.n; k++) {
        tarn_iceberg_file *f = slot->files.at[k];
        tarn_iceberg_entry e;
        if (k % 8192 == 0) TRY(tarn_check(cx));
        tarn_iceberg_entry_of(f, &e);
        if (judge(cx, &j, &e, f->tuple)) *TARN_PUSH(cx->arena, &out->files) = f;
    }
    return TARN_OK;
}

static tarn_code collect(tarn_cx *cx, tarn_iceberg_snapshot *s, const outcome *outcomes, tarn_file_list *out) {
    tarn_file_list list = {0};
    size_t n = 0;
    for (size_t i = 0; i < s->n_data; i++) n += outcomes[i].files.n;
    list.files.at = TARN_NEW_ARRAY(cx->arena, const tarn_file *, n);
    list.files.cap = n;
    for (size_t i = 0; i < s->n_data; i++) {
        const outcome *o = &outcomes[i];
        list.total_files += o->total;
        list.total_bytes += o->bytes;
        list.pruned_by_partition += o->by_partition;
        list.pruned_by_stats += o->by_stats;
        for (size_t k = 0; k < o->files.n; k++) {
            list.files.at[list.files.n++] = &o->files.at[k]->file;
            list.bytes += o->files.at[k]->file.size;
        }
    }
    TRY(tarn_iceberg_find_deletes(cx, s, list.files.at, list.files.n));
    *out = list;
    return TARN_OK;
}

tarn_code tarn_iceberg_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    question *q = TARN_NEW(cx->arena, question);
    TRY(tarn_iceberg_list(cx, s));
    if (!where || (s->n_files >= 0 && s->n_files <= KEEP_FILES)) TRY(tarn_iceberg_load(cx, s, 0, s->n_data));
    if (where) ask(cx, q, s, where);
    search sr = {.s = s, .q = where ? q : NULL};
    sr.outcomes = TARN_NEW_ARRAY(cx->arena, outcome, s->n_data);
    TRY(tarn_pool_run(cx, s->n_data, search_slot, &sr));
    return collect(cx, s, sr.outcomes, out);
}

tarn_code tarn_iceberg_count(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    TRY(tarn_iceberg_list(cx, s));
    if (s->n_files < 0) {
        TRY(tarn_iceberg_load(cx, s, 0, s->n_data));
        *files = 0;
        for (size_t i = 0; i < s->n_data; i++) *files += (int64_t)s->slots[i].files.n;
        return TARN_OK;
    }
    *files = s->n_files;
    return TARN_OK;
}

void tarn_iceberg_bounds(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path,
                         tarn_bounds *out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot);
    const tarn_iceberg_file *f = file->entry;
    const tarn_field *field = leaf_field(snapshot->schema, column, path);
    tarn_iceberg_entry e;
    tarn_iceberg_entry_of(f, &e);
    question q = {.s = s};
    probe p = {.q = &q, .use = tarn_iceberg_spec_use_of(s, f->tuple->spec_id), .tuple = f->tuple, .entry = &e};
    *out = (tarn_bounds){.rows = e.rows, .nulls = -1};
    /* Values of the arena would have no owner here, so what a transform implies is left out. */
    p.use = NULL;
    if (field && !tarn_type_nested(field->type)) answer(&p, field->id, field->type, out);
}
