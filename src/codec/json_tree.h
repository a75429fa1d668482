/* json_tree.h: a whole JSON value in an arena, for small documents: schemas, table metadata, protocol messages. */
#ifndef TARN_CODEC_JSON_TREE_H
#define TARN_CODEC_JSON_TREE_H

#include "base/map.h"
#include "codec/json.h"

typedef struct tarn_json_value tarn_json_value;
struct tarn_json_value {
    tarn_json_kind kind; /* OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE, NULL */
    tarn_str text;       /* STRING: unescaped; NUMBER: as written */
    tarn_str raw;        /* the value's whole JSON text */
    size_t n;            /* OBJECT, ARRAY */
    tarn_json_value *items;
    tarn_str
        *keys; /* OBJECT: keys[i] belongs to items[i], in the order of the text; each key once, the last value wins */
    tarn_map *index; /* large objects only */
};

/* Texts point into `text` where they had no escapes, else into the arena: both must outlive the tree. The tree takes
 * about 50 times the bytes of the densest texts: the caller has checked the text's size. Fully checked; CORRUPT or
 * LIMIT as in json.h. */
TARN_MUST tarn_code tarn_json_parse(tarn_cx *cx, tarn_arena *arena, tarn_str text, int depth_max,
                                    const tarn_json_value **out);
/* The same for the value at the reader's current token; leaves the cursor on its last token. */
TARN_MUST tarn_code tarn_json_read_value(tarn_cx *cx, tarn_json *r, tarn_arena *arena, const tarn_json_value **out);

/* Lookups take NULL and give NULL when there is no such thing, so that they chain. A null is a value: see
 * tarn_json_is_null. */
const tarn_json_value *tarn_json_get(const tarn_json_value *v, const char *key);
const tarn_json_value *tarn_json_get_str(const tarn_json_value *v, tarn_str key);
const tarn_json_value *tarn_json_at(const tarn_json_value *v, size_t i);
/* Elements or fields; 0 for anything else. */
size_t tarn_json_count(const tarn_json_value *v);
/* Absent or null. */
bool tarn_json_is_null(const tarn_json_value *v);

/* `fallback` when it is absent or of another type or (int) no plain integer that fits. */
int64_t tarn_json_as_int(const tarn_json_value *v, int64_t fallback);
double tarn_json_as_double(const tarn_json_value *v, double fallback); /* "NaN", "Infinity", "-Infinity" too */
bool tarn_json_as_bool(const tarn_json_value *v, bool fallback);
/* A string's text, else the absent {NULL, 0}. */
tarn_str tarn_json_as_str(const tarn_json_value *v);
/* The same, telling apart: false, and *out untouched, when it is not such a value. */
bool tarn_json_to_int(const tarn_json_value *v, int64_t *out);
bool tarn_json_to_double(const tarn_json_value *v, double *out);
bool tarn_json_to_bool(const tarn_json_value *v, bool *out);

#endif
