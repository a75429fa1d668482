/* arena.c: chained blocks that grow, freed together. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20, ALIGN = 16 };

typedef struct block {
    struct block *next;
    size_t used, size; /* of data[] */
    _Alignas(16) unsigned char data[];
} block;

struct tarn_arena {
    block *head; /* the one we allocate from; full and oversized ones follow */
    size_t total, next_size;
};

static void die_of_memory(size_t size) {
    fprintf(stderr, "tarn: NOMEM: cannot allocate %zu bytes\n", size);
    abort();
}

tarn_arena *tarn_arena_new(void) {
    tarn_arena *a = calloc(1, sizeof *a);
    if (!a) die_of_memory(sizeof *a);
    a->next_size = FIRST_BLOCK;
    return a;
}

void tarn_arena_free(tarn_arena *a) {
    if (!a) return;
    for (block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static block *new_block(tarn_arena *a, size_t size) {
    block *b = size < SIZE_MAX - sizeof *b ? malloc(sizeof *b + size) : NULL;
    if (!b) die_of_memory(size);
    b->used = 0;
    b->size = size;
    a->total += sizeof *b + size;
    return b;
}

void *tarn_arena_alloc(tarn_arena *a, size_t size) {
    if (size > SIZE_MAX / 2) die_of_memory(size);
    size = size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    block *b = a->head;
    if (!b || b->size - b->used < size) {
        if (b && size > a->next_size / 4) { /* oversized: its own block, behind the current one */
            block *own = new_block(a, size);
            own->used = size;
            own->next = b->next;
            b->next = own;
            return memset(own->data, 0, size);
        }
        b = new_block(a, size > a->next_size ? size : a->next_size);
        b->next = a->head;
        a->head = b;
        if (a->next_size < LARGEST_BLOCK) a->next_size *= 2;
    }
    void *p = b->data + b->used;
    b->used += size;
    return memset(p, 0, size);
}

void *tarn_arena_array(tarn_arena *a, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) die_of_memory(SIZE_MAX);
    return tarn_arena_alloc(a, bytes);
}

char *tarn_arena_strndup(tarn_arena *a, const char *s, size_t n) {
    if (n == SIZE_MAX) die_of_memory(n);
    char *p = tarn_arena_alloc(a, n + 1);
    if (n) memcpy(p, s, n);
    return p;
}

char *tarn_arena_strdup(tarn_arena *a, const char *s) { return tarn_arena_strndup(a, s, strlen(s)); }

char *tarn_arena_vprintf(tarn_arena *a, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) return tarn_arena_strdup(a, format);
    char *p = tarn_arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, format, args);
    return p;
}

char *tarn_arena_printf(tarn_arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *p = tarn_arena_vprintf(a, format, args);
    va_end(args);
    return p;
}

size_t tarn_arena_size(const tarn_arena *a) { return a->total; }

void tarn_arena_adopt(tarn_arena *to, tarn_arena *from) {
    block **end = &from->head;
    while (*end) end = &(*end)->next;
    /* Behind the block in use, and walking the small side: a parent may adopt thousands of children. */
    block **place = to->head ? &to->head->next : &to->head;
    *end = *place;
    *place = from->head;
    to->total += from->total;
    from->head = NULL;
    tarn_arena_free(from);
}
