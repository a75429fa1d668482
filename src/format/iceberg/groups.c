/* groups.c: how the files of a snapshot are read: columns by field id, those of files with other names or members
 * apart, and files whose rows are deleted by value with the deletes of their partition (1.2, 1.8). */
#include <stdlib.h>

#include "format/iceberg/deletes.h"
#include "format/iceberg/footers.h"
#include "format/iceberg/iceberg.h"

enum { SIGNATURE_MAX = 64 << 20, KEYS_MAX = 1000 };

/* Files that will be one group. */
typedef struct bucket {
    const tarn_iceberg_column *root; /* NULL: as the schema says */
    bool by_name;
    TARN_VEC(const tarn_file *) files;
    TARN_VEC(const tarn_iceberg_file *) deletes; /* equality deletes that apply to some of them */
} bucket;

typedef struct job {
    tarn_cx *cx;
    tarn_iceberg_snapshot *s;
    tarn_map by_key;
    TARN_VEC(bucket *) buckets;
} job;

static tarn_code check_format(tarn_cx *cx, const tarn_iceberg_file *f) {
    if (f->format == TARN_ICEBERG_PARQUET) return TARN_OK;
    tarn_iceberg_entry e;
    tarn_iceberg_entry_of(f, &e);
    return tarn_fail(cx, TARN_UNSUPPORTED, "file %.*s is of format %.*s; only Parquet is read", (int)e.path.n, e.path.p,
                     (int)e.format.n, e.format.p ? e.format.p : "");
}

static const tarn_iceberg_column *member_by_id(const tarn_iceberg_column *c, int32_t id) {
    for (size_t i = 0; c && i < c->n_members; i++)
        if (c->members[i].id == id) return &c->members[i];
    return NULL;
}

/* Files whose columns have the same names and members are read alike. */
static void put_signature(tarn_buf *out, const tarn_iceberg_column *c) {
    tarn_buf_printf(out, "%d:%zu:", (int)c->id, strlen(c->name));
    tarn_buf_puts(out, c->name);
    tarn_buf_puts(out, c->list ? "[" : c->map ? "{" : "(");
    for (size_t i = 0; i < c->n_members; i++) put_signature(out, &c->members[i]);
    tarn_buf_putc(out, ')');
}

static bool same_as_in_file(const tarn_type *type, const tarn_iceberg_column *c) {
    if (!tarn_type_nested(type)) return true;
    if (type->n_fields != c->n_members) return false;
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const tarn_iceberg_column *m = member_by_id(c, f->id);
        if (!m || (type->kind == TARN_STRUCT && strcmp(m->name, f->name) != 0) || !same_as_in_file(f->type, m))
            return false;
    }
    return true;
}

/* The type with the names and members that the file has. */
static const tarn_type *type_in_file(tarn_arena *arena, const tarn_type *type, const tarn_iceberg_column *c) {
    if (!tarn_type_nested(type)) return type;
    tarn_type *t = tarn_type_new(arena, type->kind);
    t->fields = TARN_NEW_ARRAY(arena, tarn_field, type->n_fields + 1);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        const tarn_iceberg_column *m = member_by_id(c, f->id);
        if (!m && type->kind != TARN_STRUCT && i < c->n_members) m = &c->members[i]; /* elements have one place */
        if (!m) continue;
        tarn_field *made = &t->fields[t->n_fields++];
        *made = (tarn_field){.name = type->kind == TARN_STRUCT ? m->name : f->name, .nullable = true, .id = f->id};
        made->type = type_in_file(arena, f->type, m);
    }
    /* Without a member in common the struct is still read, to tell null from a value. */
    if (!t->n_fields && type->kind == TARN_STRUCT && c->n_members)
        t->fields[t->n_fields++] = (tarn_field){
            .name = c->members[0].name, .type = tarn_type_new(arena, TARN_STRING), .nullable = true, .id = -1};
    return t->n_fields ? t : type;
}

/* Which constant stands in for a column that files may lack, or -1; only where a file of the group has one. */
static int constant_of(const tarn_iceberg_snapshot *s, int32_t id, const bucket *b) {
    for (size_t k = 0; k < s->n_constants; k++) {
        if (s->constants[k] != id) continue;
        int at = (int)(s->base.n_partition + k);
        for (size_t i = 0; i < b->files.n; i++)
            if (!b->files.at[i]->partition[at].null) return at;
    }
    return -1;
}

static tarn_column_map map_column(job *j, const bucket *b, const tarn_field *field) {
    tarn_arena *arena = j->cx->arena;
    int constant = constant_of(j->s, field->id, b);
    tarn_column_map map = {.field = field, .partition = constant, .fallback = constant >= 0};
    if (!b->root) return map;
    const tarn_iceberg_column *c = member_by_id(b->root, field->id);
    if (!c) map.fallback = false; /* a constant, or nothing */
    if (c && !same_as_in_file(field->type, c)) map.file_type = type_in_file(arena, field->type, c);
    if (!b->by_name) return map;
    tarn_field *named = TARN_NEW(arena, tarn_field);
    *named = *field;
    named->physical = c ? c->name : tarn_arena_printf(arena, "_tarn_none_%d", (int)field->id);
    map.field = named;
    return map;
}

/* The bucket of a key, which says how its files are read and which deletes they share. */
static bucket *find_bucket(job *j, tarn_str key) {
    bucket *b = tarn_map_get(&j->by_key, key);
    if (b) return b;
    b = TARN_NEW(j->cx->arena, bucket);
    *TARN_PUSH(j->cx->arena, &j->buckets) = b;
    tarn_map_put(&j->by_key, j->cx->arena, (tarn_str){tarn_arena_strndup(j->cx->arena, key.p, key.n), key.n}, b);
    return b;
}

static void add_deletes(job *j, bucket *b, const tarn_iceberg_file *const *deletes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool there = false;
        for (size_t k = 0; k < b->deletes.n && !there; k++) there = b->deletes.at[k] == deletes[i];
        if (!there) *TARN_PUSH(j->cx->arena, &b->deletes) = deletes[i];
    }
}

static tarn_code sort_files(job *j, const tarn_file *const *files, size_t n, const tarn_iceberg_column **roots,
                            const bool *by_name) {
    tarn_auto_buf key = TARN_BUF(SIGNATURE_MAX);
    for (size_t i = 0; i < n; i++) {
        const tarn_iceberg_file *f = files[i]->entry;
        TRY(check_format(j->cx, f));
        tarn_buf_clear(&key);
        /* Partitions have deletes of their own, so each of those is read apart. */
        const tarn_iceberg_tuple *tuple = f->keys ? f->tuple : NULL;
        tarn_buf_add(&key, &tuple, sizeof tuple);
        if (roots) tarn_buf_putc(&key, by_name[i] ? 'n' : 'i');
        if (roots) put_signature(&key, roots[i]);
        if (!tarn_buf_ok(&key)) return tarn_fail(j->cx, TARN_LIMIT, "a file has too many columns");
        bucket *b = find_bucket(j, (tarn_str){key.data, key.n});
        if (roots) b->root = roots[i], b->by_name = by_name[i];
        *TARN_PUSH(j->cx->arena, &b->files) = files[i];
        if (f->keys) add_deletes(j, b, f->keys->files, f->keys->n);
        if (i % 1024 == 0) TRY(tarn_check(j->cx));
    }
    return TARN_OK;
}

/* The ids by which a delete file tells rows, in order. */
typedef struct key_ids {
    int32_t ids[KEYS_MAX];
    size_t n;
} key_ids;

static tarn_code read_ids(tarn_cx *cx, const tarn_iceberg_file *d, key_ids *out) {
    tarn_iceberg_entry e;
    tarn_iceberg_entry_of(d, &e);
    out->n = 0;
    if (e.equality_ids.at) {
        tarn_avro_cursor c =
            tarn_avro_cursor_of((tarn_str){e.equality_ids.at, (size_t)(e.record.p + e.record.n - e.equality_ids.at)});
        const tarn_avro_type *array = tarn_avro_enter(&c, e.equality_ids.type);
        for (int64_t left = 0; array && array->kind == TARN_AVRO_ARRAY && tarn_avro_item(&c, array, &left);) {
            int64_t id = -1;
            tarn_avro_get_long(&c, array->items, &id);
            if (out->n == KEYS_MAX) return tarn_fail(cx, TARN_LIMIT, "an equality delete has too many columns");
            out->ids[out->n++] = (int32_t)id;
        }
    }
    if (!out->n)
        return tarn_fail(cx, TARN_CORRUPT, "equality delete file %.*s has no equality_ids", (int)e.path.n, e.path.p);
    return TARN_OK;
}

/* The columns of a group while keys are found in it: the table's, and others that keys need. */
typedef struct column_set {
    TARN_VEC(tarn_column_map) maps;
    TARN_VEC(int32_t) ids; /* of each */
} column_set;

/* The place of the column `top`, added under a name of its own when it is not there. */
static size_t need_column(job *j, const bucket *b, column_set *set, const tarn_field *top) {
    for (size_t i = 0; i < set->ids.n; i++)
        if (set->ids.at[i] == top->id) return i;
    tarn_field *field = TARN_NEW(j->cx->arena, tarn_field);
    *field = *top;
    if (!field->physical) field->physical = top->name;
    field->name = tarn_arena_printf(j->cx->arena, "_tarn_key_%d", (int)top->id);
    *TARN_PUSH(j->cx->arena, &set->maps) = map_column(j, b, field);
    *TARN_PUSH(j->cx->arena, &set->ids) = top->id;
    return set->ids.n - 1;
}

/* The column that has the field of this id in it, in the snapshot's schema or an older one, and the way in. */
static tarn_code find_key(job *j, int32_t id, const tarn_field **top, tarn_key *key) {
    TARN_VEC(const tarn_field *) way = {0};
    const tarn_schema *schema = j->s->base.schema;
    int column = -1;
    if (!tarn_iceberg_field(schema, id, &column)) {
        TRY(tarn_iceberg_any_field(j->cx, j->s, id)
                ? TARN_OK
                : tarn_fail(j->cx, TARN_CORRUPT, "an equality delete is by field %d, which no schema has", (int)id));
        for (size_t i = j->s->meta.schemas.n; i-- > 0;) {
            schema = j->s->schemas[i];
            if (schema && tarn_iceberg_field(schema, id, &column)) break;
        }
    }
    const tarn_field *f = &schema->fields[column];
    *top = f;
    while (f->id != id) {
        const tarn_field *next = NULL;
        for (size_t i = 0; f->type->kind == TARN_STRUCT && i < f->type->n_fields && !next; i++) {
            const tarn_field *m = &f->type->fields[i];
            if (m->id == id || tarn_iceberg_field(m->type, id, NULL)) next = m;
        }
        if (!next) return tarn_fail(j->cx, TARN_CORRUPT, "an equality delete is by field %d inside a list", (int)id);
        *TARN_PUSH(j->cx->arena, &way) = next;
        f = next;
    }
    key->members = way.at;
    key->n_members = way.n;
    return TARN_OK;
}

/* The delete files of one list of ids as a group of their own. */
static tarn_code make_deletes(job *j, const bucket *b, column_set *data, const key_ids *ids,
                              const tarn_iceberg_file *const *files, size_t n, tarn_key_deletes *out) {
    tarn_arena *arena = j->cx->arena;
    column_set own = {0};
    const bucket plain = {0};
    tarn_key *keys = TARN_NEW_ARRAY(arena, tarn_key, ids->n);
    for (size_t i = 0; i < ids->n; i++) {
        const tarn_field *top = NULL;
        TRY(find_key(j, ids->ids[i], &top, &keys[i]));
        keys[i].data_column = need_column(j, b, data, top);
        keys[i].key_column = need_column(j, &plain, &own, top);
    }
    tarn_file_group *group = TARN_NEW(arena, tarn_file_group);
    group->files = TARN_NEW_ARRAY(arena, const tarn_file *, n);
    for (size_t i = 0; i < n; i++) {
        TRY(check_format(j->cx, files[i]));
        group->files[group->n_files++] = &files[i]->file;
    }
    group->columns = own.maps.at;
    group->n_columns = own.maps.n;
    group->by_field_id = true;
    *out = (tarn_key_deletes){group, keys, ids->n};
    return TARN_OK;
}

static tarn_code split_deletes(job *j, const bucket *b, column_set *data, tarn_file_group *group) {
    tarn_arena *arena = j->cx->arena;
    size_t n = b->deletes.n;
    key_ids *ids = TARN_NEW(arena, key_ids), *first = TARN_NEW(arena, key_ids);
    bool *done = TARN_NEW_ARRAY(arena, bool, n);
    TARN_VEC(tarn_key_deletes) all = {0};
    for (size_t i = 0; i < n; i++) {
        const tarn_iceberg_file **same = TARN_NEW_ARRAY(arena, const tarn_iceberg_file *, n - i);
        size_t n_same = 0;
        if (done[i]) continue;
        TRY(read_ids(j->cx, b->deletes.at[i], first));
        for (size_t k = i; k < n; k++) {
            if (done[k]) continue;
            TRY(read_ids(j->cx, b->deletes.at[k], ids));
            done[k] = ids->n == first->n && !memcmp(ids->ids, first->ids, ids->n * sizeof *ids->ids);
            if (done[k]) same[n_same++] = b->deletes.at[k];
        }
        TRY(make_deletes(j, b, data, first, same, n_same, TARN_PUSH(arena, &all)));
    }
    group->key_deletes = all.at;
    group->n_key_deletes = all.n;
    return TARN_OK;
}

static tarn_code make_group(job *j, const bucket *b, tarn_file_group *group) {
    const tarn_schema *schema = j->s->base.schema;
    column_set set = {0};
    for (size_t i = 0; i < schema->n_fields; i++) {
        *TARN_PUSH(j->cx->arena, &set.maps) = map_column(j, b, &schema->fields[i]);
        *TARN_PUSH(j->cx->arena, &set.ids) = schema->fields[i].id;
    }
    *group = (tarn_file_group){.files = b->files.at, .n_files = b->files.n, .by_field_id = !b->by_name};
    TRY(split_deletes(j, b, &set, group));
    group->columns = set.maps.at;
    group->n_columns = schema->n_fields;
    group->n_extra = set.maps.n - schema->n_fields;
    return TARN_OK;
}

tarn_code tarn_iceberg_groups(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                              tarn_file_group **out, size_t *n_out) {
    job j = {.cx = cx, .s = tarn_iceberg_of(snapshot)};
    const tarn_iceberg_column **roots = NULL;
    bool *by_name = NULL, ask = false;
    for (size_t i = 0; i < n; i++) TRY(check_format(cx, files[i]->entry));
    TRY(tarn_iceberg_needs_footers(cx, j.s, n ? files[0] : NULL, &ask));
    if (ask) {
        roots = TARN_NEW_ARRAY(cx->arena, const tarn_iceberg_column *, n);
        by_name = TARN_NEW_ARRAY(cx->arena, bool, n);
        TRY(tarn_iceberg_footers(cx, j.s, files, n, roots, by_name));
    }
    TRY(sort_files(&j, files, n, roots, by_name));
    tarn_file_group *groups = TARN_NEW_ARRAY(cx->arena, tarn_file_group, j.buckets.n);
    for (size_t i = 0; i < j.buckets.n; i++) TRY(make_group(&j, j.buckets.at[i], &groups[i]));
    *out = groups;
    *n_out = j.buckets.n;
    return TARN_OK;
}
