/* map.c: open addressing with linear probing over a keyed hash. */
#include "base/map.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

typedef struct tarn_map_slot {
    uint64_t hash; /* 0: free */
    tarn_str key;
    void *value;
} slot;

static struct { uint64_t k[3]; } seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void draw_seed(void) {
    ssize_t got;
    do got = getrandom(&seed, sizeof seed, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof seed) {
        fputs("tarn: INTERNAL: the system gives no random bytes\n", stderr);
        abort();
    }
    /* Odd factors lose no bits. */
    for (size_t i = 0; i < 3; i++) seed.k[i] |= 1;
}

static uint64_t load64(const unsigned char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t load32(const unsigned char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply-fold: each 16 bytes are masked by secret words and folded into the state through a 128-bit product, so that
 * who does not know the seed cannot aim at a collision. The last 1..16 bytes are read as two words which may overlap;
 * the length tells such texts apart. */
uint64_t tarn_hash(const void *data, size_t n) {
    pthread_once(&seed_once, draw_seed);
    const unsigned char *p = data;
    uint64_t h = seed.k[0] ^ n, a = 0, b = 0;
    size_t left = n;
    for (; left > 16; left -= 16, p += 16) h = fold(load64(p) ^ seed.k[1], load64(p + 8) ^ h);
    if (left >= 8) {
        a = load64(p);
        b = load64(p + left - 8);
    } else if (left >= 4) {
        a = load32(p);
        b = load32(p + left - 4);
    } else if (left) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
    }
    return fold(fold(a ^ seed.k[1], b ^ h) ^ n, seed.k[2]);
}

static uint64_t hash_key(tarn_str key) {
    uint64_t h = tarn_hash(key.p, key.n);
    return h ? h : 1;
}

/* The slot of the key, or the free one where it would go. */
static slot *find_slot(const tarn_map *map, tarn_str key, uint64_t hash) {
    for (size_t i = hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        slot *s = &map->slots[i];
        if (!s->hash || (s->hash == hash && tarn_str_eq(s->key, key))) return s;
    }
}

static void grow(tarn_map *map, tarn_arena *arena) {
    tarn_map bigger = {.n = map->n, .cap = map->cap ? map->cap * 2 : 16};
    bigger.slots = TARN_NEW_ARRAY(arena, slot, bigger.cap);
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].hash) *find_slot(&bigger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    *map = bigger;
}

void *tarn_map_get(const tarn_map *map, tarn_str key) {
    return map->cap ? find_slot(map, key, hash_key(key))->value : NULL;
}

void *tarn_map_put(tarn_map *map, tarn_arena *arena, tarn_str key, void *value) {
    if (map->n >= map->cap / 10 * 7) grow(map, arena);
    uint64_t hash = hash_key(key);
    slot *s = find_slot(map, key, hash);
    if (!s->hash) {
        *s = (slot){.hash = hash, .key = key};
        map->n++;
    }
    void *before = s->value;
    s->value = value;
    return before;
}

bool tarn_map_each(const tarn_map *map, size_t *at, tarn_str *key, void **value) {
    for (; *at < map->cap; ++*at) {
        slot *s = &map->slots[*at];
        if (!s->hash || !s->value) continue;
        *key = s->key;
        *value = s->value;
        ++*at;
        return true;
    }
    return false;
}
