/* flatbuf.c: FlatBuffers' binary format ("FlatBuffers Internals"), written backwards so that references point to what
 * is known. */
#include "codec/flatbuf.h"

/* Pads so that after `extra` more bytes what follows is aligned to `align`, seen from the buffer's end. */
static void align_to(tarn_flatbuf *b, size_t align, size_t extra) {
    size_t pad = (0 - (b->used + extra)) & (align - 1), need = b->used + pad + extra + 16;
    if (need > b->cap) {
        size_t cap = need * 2 < 256 ? 256 : need * 2;
        unsigned char *data = tarn_arena_alloc(b->arena, cap);
        if (b->used) memcpy(data + cap - b->used, b->data + b->cap - b->used, b->used);
        b->data = data;
        b->cap = cap;
    }
    b->used += pad;
}

static void put(tarn_flatbuf *b, uint64_t v, size_t size) {
    b->used += size;
    for (size_t i = 0; i < size; i++) b->data[b->cap - b->used + i] = (unsigned char)(v >> 8 * i);
}

static void put_ref(tarn_flatbuf *b, tarn_flatref ref) { put(b, b->used + 4 - ref, 4); }

tarn_flatref tarn_flatbuf_string(tarn_flatbuf *b, tarn_str s) {
    align_to(b, 4, s.n + 1);
    put(b, 0, 1);
    b->used += s.n;
    if (s.n) memcpy(b->data + b->cap - b->used, s.p, s.n);
    put(b, s.n, 4);
    return (tarn_flatref)b->used;
}

tarn_flatref tarn_flatbuf_refs(tarn_flatbuf *b, const tarn_flatref *refs, size_t n) {
    align_to(b, 4, 4 * n);
    for (size_t i = n; i-- > 0;) put_ref(b, refs[i]);
    put(b, n, 4);
    return (tarn_flatref)b->used;
}

tarn_flatref tarn_flatbuf_pairs(tarn_flatbuf *b, const int64_t (*pairs)[2], size_t n) {
    align_to(b, 8, 16 * n);
    for (size_t i = n; i-- > 0;) {
        put(b, (uint64_t)pairs[i][1], 8);
        put(b, (uint64_t)pairs[i][0], 8);
    }
    put(b, n, 4);
    return (tarn_flatref)b->used;
}

void tarn_flatbuf_begin(tarn_flatbuf *b) {
    memset(b->slots, 0, sizeof b->slots);
    b->table_start = b->used;
}

void tarn_flatbuf_scalar(tarn_flatbuf *b, int slot, int64_t value, size_t size) {
    align_to(b, size, size);
    put(b, (uint64_t)value, size);
    b->slots[slot] = (tarn_flatref)b->used;
}

void tarn_flatbuf_ref(tarn_flatbuf *b, int slot, tarn_flatref ref) {
    if (!ref) return;
    align_to(b, 4, 4);
    put_ref(b, ref);
    b->slots[slot] = (tarn_flatref)b->used;
}

tarn_flatref tarn_flatbuf_end(tarn_flatbuf *b) {
    enum { VTABLE_BYTES = 2 * (TARN_FLATBUF_SLOTS + 2) };
    align_to(b, 4, 4 + VTABLE_BYTES);
    put(b, VTABLE_BYTES, 4); /* from the table back to its vtable, which stands right before it */
    size_t table = b->used;
    for (int i = TARN_FLATBUF_SLOTS; i-- > 0;) put(b, b->slots[i] ? table - b->slots[i] : 0, 2);
    put(b, table - b->table_start, 2);
    put(b, VTABLE_BYTES, 2);
    return (tarn_flatref)table;
}

tarn_str tarn_flatbuf_finish(tarn_flatbuf *b, tarn_flatref root) {
    align_to(b, 8, 4);
    put_ref(b, root);
    return (tarn_str){(const char *)b->data + b->cap - b->used, b->used};
}
