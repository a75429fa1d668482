/* map.h: hash maps in an arena, keyed by text. Seeded per process, so that hostile keys cannot be chosen to collide. */
#ifndef TARN_BASE_MAP_H
#define TARN_BASE_MAP_H

#include "base/arena.h"
#include "base/str.h"

/* Zero-initialise; keys are not copied and must live as long as the map. No removal: put a NULL value. */
typedef struct tarn_map {
    struct tarn_map_slot *slots;
    size_t n, cap;
} tarn_map;

/* The bytes of a variable, a number or a pointer, as a key: it lives as long as the variable. */
#define TARN_KEY_OF(variable) ((tarn_str){(const char *)&(variable), sizeof(variable)})

void *tarn_map_get(const tarn_map *map, tarn_str key);
/* Sets or replaces; gives the value that was there before, or NULL. */
void *tarn_map_put(tarn_map *map, tarn_arena *arena, tarn_str key, void *value);
/* Walks in no order: start with *at = 0; false at the end. Entries with NULL values are passed over. */
bool tarn_map_each(const tarn_map *map, size_t *at, tarn_str *key, void **value);

uint64_t tarn_hash(const void *p, size_t n);

#endif
