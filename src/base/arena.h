/* arena.h: memory by lifetime. An arena is freed whole; there is no free of a part.
 * Three lifetimes: a statement (cx->arena), a snapshot (its own, immutable once built), the process. Choose one before
 * you allocate. Allocation never returns NULL: a request malloc cannot meet ends the process with a message, as in
 * GLib. What outside input sizes is therefore never taken from an arena before a limit of base/conf.c has been checked.
 * Not thread-safe: one arena, one thread. */
#ifndef TARN_BASE_ARENA_H
#define TARN_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tarn_arena tarn_arena;

tarn_arena *tarn_arena_new(void);
void tarn_arena_free(tarn_arena *arena);
/* 16-byte aligned, zeroed. */
void *tarn_arena_alloc(tarn_arena *arena, size_t size);
/* n elements of `size` bytes, overflow checked. */
void *tarn_arena_array(tarn_arena *arena, size_t n, size_t size);
/* Copies with a terminating zero. */
char *tarn_arena_strndup(tarn_arena *arena, const char *s, size_t n);
char *tarn_arena_strdup(tarn_arena *arena, const char *s);
char *tarn_arena_printf(tarn_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(2), returns_nonnull));
char *tarn_arena_vprintf(tarn_arena *arena, const char *format, va_list args);
/* Bytes taken from malloc: what EXPLAIN ANALYZE and the caches count. */
size_t tarn_arena_size(const tarn_arena *arena);
/* Moves all memory of `from` into `to`, and frees the empty `from`. */
void tarn_arena_adopt(tarn_arena *to, tarn_arena *from);

static inline void tarn_arena_freep(tarn_arena **arena) { tarn_arena_free(*arena); }

#define TARN_NEW(arena, T) ((T *)tarn_arena_alloc((arena), sizeof(T)))
#define TARN_NEW_ARRAY(arena, T, n) ((T *)tarn_arena_array((arena), (n), sizeof(T)))

#endif
