/* json_tree.c: builds JSON trees without recursion, so that nesting costs no stack, and looks things up in them. */
#include "codec/json_tree.h"

#include "base/vec.h"

/* Objects with more fields than this get a hash index. */
enum { SMALL_OBJECT = 16 };

typedef struct entry {
    tarn_str key;
    tarn_json_value value;
} entry;

/* Values whose container is still open, and where in `done` each open container stands. */
typedef struct builder {
    tarn_arena *scratch, *arena;
    TARN_VEC(entry) done;
    TARN_VEC(size_t) open;
    tarn_str key;
} builder;

static tarn_json_value *find_field(const tarn_json_value *v, tarn_str key) {
    if (v->index) return tarn_map_get(v->index, key);
    for (size_t i = 0; i < v->n; i++)
        if (tarn_str_eq(v->keys[i], key)) return &v->items[i];
    return NULL;
}

static void add_field(tarn_arena *arena, tarn_json_value *v, const entry *e) {
    tarn_json_value *there = find_field(v, e->key);
    if (there) {
        *there = e->value;
        return;
    }
    v->keys[v->n] = e->key;
    v->items[v->n] = e->value;
    if (v->index) tarn_map_put(v->index, arena, e->key, &v->items[v->n]);
    v->n++;
}

static void close_container(builder *b, const tarn_json *r) {
    size_t at = b->open.at[--b->open.n], n = b->done.n - at - 1;
    const entry *children = b->done.at + at + 1;
    tarn_json_value *v = &b->done.at[at].value;
    v->raw.n = (size_t)(r->p - v->raw.p);
    b->done.n = at + 1;
    if (n == 0) return;
    v->items = TARN_NEW_ARRAY(b->arena, tarn_json_value, n);
    if (v->kind == TARN_JSON_ARRAY) {
        for (size_t i = 0; i < n; i++) v->items[i] = children[i].value;
        v->n = n;
        return;
    }
    v->keys = TARN_NEW_ARRAY(b->arena, tarn_str, n);
    if (n > SMALL_OBJECT) v->index = TARN_NEW(b->arena, tarn_map);
    for (size_t i = 0; i < n; i++) add_field(b->arena, v, &children[i]);
}

static tarn_code add_token(tarn_cx *cx, tarn_json *r, builder *b) {
    if (r->kind == TARN_JSON_KEY) return tarn_json_text(cx, r, b->arena, &b->key);
    if (r->kind == TARN_JSON_OBJECT_END || r->kind == TARN_JSON_ARRAY_END) {
        close_container(b, r);
        return TARN_OK;
    }
    tarn_json_value v = {.kind = r->kind, .raw = {r->token, (size_t)(r->p - r->token)}};
    if (r->kind == TARN_JSON_STRING) TRY(tarn_json_text(cx, r, b->arena, &v.text));
    if (r->kind == TARN_JSON_NUMBER) v.text = r->raw;
    if (r->kind == TARN_JSON_OBJECT || r->kind == TARN_JSON_ARRAY) *TARN_PUSH(b->scratch, &b->open) = b->done.n;
    *TARN_PUSH(b->scratch, &b->done) = (entry){b->key, v};
    return TARN_OK;
}

tarn_code tarn_json_read_value(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const tarn_json_value **out) {
    if (r->kind == TARN_JSON_KEY) TRY(tarn_json_next(cx, r));
    if (r->kind == TARN_JSON_END || r->kind == TARN_JSON_OBJECT_END || r->kind == TARN_JSON_ARRAY_END)
        return tarn_json_fail_kind(cx, r, "a value");
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    builder b = {.scratch = scratch, .arena = arena};
    TRY(add_token(cx, r, &b));
    while (b.open.n) {
        TRY(tarn_json_next(cx, r));
        TRY(add_token(cx, r, &b));
    }
    tarn_json_value *v = TARN_NEW(arena, tarn_json_value);
    *v = b.done.at[0].value;
    *out = v;
    return TARN_OK;
}

tarn_code tarn_json_parse(tarn_cx *cx, tarn_arena *arena, tarn_str text, int depth_max, const tarn_json_value **out) {
    tarn_json r;
    const tarn_json_value *v;
    tarn_json_init(&r, text, depth_max);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_read_value(cx, &r, arena, &v));
    TRY(tarn_json_finish(cx, &r));
    *out = v;
    return TARN_OK;
}

const tarn_json_value *tarn_json_get_str(const tarn_json_value *v, tarn_str key) {
    return v && v->kind == TARN_JSON_OBJECT ? find_field(v, key) : NULL;
}

const tarn_json_value *tarn_json_get(const tarn_json_value *v, const char *key) {
    return tarn_json_get_str(v, tarn_str_of(key));
}

const tarn_json_value *tarn_json_at(const tarn_json_value *v, size_t i) { return v && i < v->n ? &v->items[i] : NULL; }

size_t tarn_json_count(const tarn_json_value *v) { return v ? v->n : 0; }

bool tarn_json_is_null(const tarn_json_value *v) { return !v || v->kind == TARN_JSON_NULL; }

bool tarn_json_to_int(const tarn_json_value *v, int64_t *out) {
    return v && v->kind == TARN_JSON_NUMBER && tarn_parse_i64(v->text, out);
}

bool tarn_json_to_double(const tarn_json_value *v, double *out) {
    if (!v || (v->kind != TARN_JSON_NUMBER && v->kind != TARN_JSON_STRING)) return false;
    bool special = tarn_str_is(v->text, "NaN") || tarn_str_is(v->text, "Infinity") || tarn_str_is(v->text, "-Infinity");
    return (v->kind == TARN_JSON_NUMBER || special) && tarn_parse_f64(v->text, out);
}

bool tarn_json_to_bool(const tarn_json_value *v, bool *out) {
    if (!v || (v->kind != TARN_JSON_TRUE && v->kind != TARN_JSON_FALSE)) return false;
    *out = v->kind == TARN_JSON_TRUE;
    return true;
}

int64_t tarn_json_as_int(const tarn_json_value *v, int64_t fallback) {
    tarn_json_to_int(v, &fallback);
    return fallback;
}

double tarn_json_as_double(const tarn_json_value *v, double fallback) {
    tarn_json_to_double(v, &fallback);
    return fallback;
}

bool tarn_json_as_bool(const tarn_json_value *v, bool fallback) {
    tarn_json_to_bool(v, &fallback);
    return fallback;
}

tarn_str tarn_json_as_str(const tarn_json_value *v) {
    return v && v->kind == TARN_JSON_STRING ? v->text : (tarn_str){NULL, 0};
}
