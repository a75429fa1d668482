/* evolve.h: edits of a schema: each gives a new one and leaves the old. Fields keep ids and physical names, so that
 * files written before stay readable. */
#ifndef TARN_MODEL_EVOLVE_H
#define TARN_MODEL_EVOLVE_H

#include "model/type.h"

/* Where a column goes: at the end, first, or after a sibling. */
typedef struct tarn_place {
    bool first;
    const char *after; /* NULL: at the end, unless first */
} tarn_place;

/* A path is names through structs; lists and maps are entered by "element", "key", "value". INVALID names the part that
 * is not there or there already. */
TARN_MUST tarn_code tarn_evolve_add(tarn_cx *cx, const tarn_schema *schema, const char *const *parent, size_t n_parent,
                                    const tarn_field *field, const tarn_place *place, tarn_schema **out);
TARN_MUST tarn_code tarn_evolve_drop(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                                     tarn_schema **out);
TARN_MUST tarn_code tarn_evolve_move(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                                     const tarn_place *place, tarn_schema **out);
/* Gives a copy of the schema and in it the field at the path, to be changed by the caller. A new name is given with
 * tarn_evolve_rename. */
TARN_MUST tarn_code tarn_evolve_field(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                                      tarn_schema **out, tarn_field **field);
/* The type with the members of structs, at any depth, that only `other` has, each at its struct's end; the same pointer
 * when there is none. */
const tarn_type *tarn_evolve_merge(tarn_arena *arena, const tarn_type *type, const tarn_type *other);
TARN_MUST tarn_code tarn_evolve_rename(tarn_cx *cx, const tarn_schema *schema, const char *const *path, size_t n,
                                       const char *name, tarn_schema **out);

#endif
