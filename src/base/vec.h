/* vec.h: a growing array in an arena: struct { T *at; size_t n, cap; }. */
#ifndef TARN_BASE_VEC_H
#define TARN_BASE_VEC_H

#include <string.h>

#include "base/arena.h"

#define TARN_VEC(T)                                                                                                    \
    struct {                                                                                                           \
        T *at;                                                                                                         \
        size_t n, cap;                                                                                                 \
    }

static inline void *tarn_vec_grow_(tarn_arena *arena, void *at, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return at;
    *cap = *cap ? *cap * 2 : 8;
    void *bigger = tarn_arena_array(arena, *cap, size);
    if (n) memcpy(bigger, at, n * size);
    return bigger;
}

/* Adds one zeroed element and gives its address, good until the next push. */
#define TARN_PUSH(arena, v)                                                                                            \
    ((v)->at = tarn_vec_grow_((arena), (v)->at, (v)->n, &(v)->cap, sizeof *(v)->at), &(v)->at[(v)->n++])

#endif
