/* roaring64.c: the outer map of 64-bit roaring bitmaps over CRoaring's 32-bit ones, and a checked reader for hostile
 * bytes. */
#include "codec/roaring64.h"

#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/bytes.h"

typedef struct bucket {
    uint32_t key; /* the high half */
    roaring_bitmap_t *low;
} bucket;

/* Ascending by key; no bucket is empty. */
struct tarn_roaring64 {
    bucket *buckets;
    size_t n, cap;
};

static void *not_null(void *p) {
    if (p) return p;
    fprintf(stderr, "tarn: NOMEM: cannot allocate a bitmap\n");
    abort();
}

tarn_roaring64 *tarn_roaring64_new(void) { return not_null(calloc(1, sizeof(tarn_roaring64))); }

void tarn_roaring64_free(tarn_roaring64 *b) {
    if (!b) return;
    for (size_t i = 0; i < b->n; i++) roaring_bitmap_free(b->buckets[i].low);
    free(b->buckets);
    free(b);
}

/* The first bucket whose key is not less. */
static size_t find_bucket(const tarn_roaring64 *b, uint64_t key) {
    size_t low = 0, high = b->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->buckets[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const roaring_bitmap_t *low_of(const tarn_roaring64 *b, uint64_t key) {
    size_t i = find_bucket(b, key);
    return i < b->n && b->buckets[i].key == key ? b->buckets[i].low : NULL;
}

/* Takes `low`. */
static void insert_bucket(tarn_roaring64 *b, size_t at, uint32_t key, roaring_bitmap_t *low) {
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 1;
        b->buckets = not_null(reallocarray(b->buckets, b->cap, sizeof *b->buckets));
    }
    memmove(b->buckets + at + 1, b->buckets + at, (b->n - at) * sizeof *b->buckets);
    b->buckets[at] = (bucket){key, not_null(low)};
    b->n++;
}

static roaring_bitmap_t *make_low(tarn_roaring64 *b, uint32_t key) {
    size_t i = find_bucket(b, key);
    if (i == b->n || b->buckets[i].key != key) insert_bucket(b, i, key, roaring_bitmap_create());
    return b->buckets[i].low;
}

tarn_roaring64 *tarn_roaring64_copy(const tarn_roaring64 *b) {
    tarn_roaring64 *copy = tarn_roaring64_new();
    tarn_roaring64_or(copy, b);
    return copy;
}

void tarn_roaring64_add(tarn_roaring64 *b, uint64_t row) {
    roaring_bitmap_add(make_low(b, (uint32_t)(row >> 32)), (uint32_t)row);
}

void tarn_roaring64_add_many(tarn_roaring64 *b, const int64_t *rows, size_t n) {
    uint32_t low[1024];
    for (size_t i = 0; i < n;) {
        int64_t key = rows[i] >> 32;
        size_t k = 0;
        for (; i < n && k < sizeof low / sizeof *low && rows[i] >> 32 == key; i++) low[k++] = (uint32_t)rows[i];
        if (key >= 0) roaring_bitmap_add_many(make_low(b, (uint32_t)key), k, low);
    }
}

void tarn_roaring64_add_range(tarn_roaring64 *b, uint64_t begin, uint64_t end) {
    while (begin < end) {
        uint64_t last = begin | UINT32_MAX;
        if (last > end - 1) last = end - 1;
        roaring_bitmap_add_range_closed(make_low(b, (uint32_t)(begin >> 32)), (uint32_t)begin, (uint32_t)last);
        if (last == UINT64_MAX) return;
        begin = last + 1;
    }
}

void tarn_roaring64_or(tarn_roaring64 *b, const tarn_roaring64 *other) {
    if (b == other) return;
    for (size_t k = 0; k < other->n; k++) {
        const bucket *from = &other->buckets[k];
        size_t i = find_bucket(b, from->key);
        if (i < b->n && b->buckets[i].key == from->key)
            roaring_bitmap_or_inplace(b->buckets[i].low, from->low);
        else
            insert_bucket(b, i, from->key, roaring_bitmap_copy(from->low));
    }
}

void tarn_roaring64_and_not(tarn_roaring64 *b, const tarn_roaring64 *other) {
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        bucket own = b->buckets[i];
        const roaring_bitmap_t *gone = low_of(other, own.key);
        /* CRoaring wants two different bitmaps. */
        if (b == other)
            roaring_bitmap_clear(own.low);
        else if (gone)
            roaring_bitmap_andnot_inplace(own.low, gone);
        if (roaring_bitmap_is_empty(own.low))
            roaring_bitmap_free(own.low);
        else
            b->buckets[kept++] = own;
    }
    b->n = kept;
}

bool tarn_roaring64_contains(const tarn_roaring64 *b, uint64_t row) {
    const roaring_bitmap_t *low = low_of(b, row >> 32);
    return low && roaring_bitmap_contains(low, (uint32_t)row);
}

/* rows[0..n) ascend and share a bucket: walk rows and values side by side; a far step is a search. */
static void contains_ascending(const roaring_bitmap_t *low, const int64_t *rows, size_t n, uint8_t *out) {
    roaring_uint32_iterator_t it;
    roaring_init_iterator(low, &it);
    for (size_t i = 0; i < n; i++) {
        uint32_t row = (uint32_t)rows[i];
        if (it.has_value && it.current_value < row) roaring_advance_uint32_iterator(&it);
        if (it.has_value && it.current_value < row) roaring_move_uint32_iterator_equalorlarger(&it, row);
        if (!it.has_value) return;
        out[i] = it.current_value == row;
    }
}

void tarn_roaring64_contains_many(const tarn_roaring64 *b, const int64_t *rows, size_t n, uint8_t *out) {
    memset(out, 0, n);
    if (b->n == 0) return;
    for (size_t i = 0; i < n;) {
        int64_t key = rows[i] >> 32;
        size_t end = i + 1;
        while (end < n && rows[end] >= rows[end - 1] && rows[end] >> 32 == key) end++;
        const roaring_bitmap_t *low = key >= 0 ? low_of(b, (uint64_t)key) : NULL;
        /* Setting up the walk costs as much as a few searches. */
        if (low && end - i >= 4)
            contains_ascending(low, rows + i, end - i, out + i);
        else if (low)
            for (size_t k = i; k < end; k++) out[k] = roaring_bitmap_contains(low, (uint32_t)rows[k]);
        i = end;
    }
}

uint64_t tarn_roaring64_cardinality(const tarn_roaring64 *b) {
    uint64_t n = 0;
    for (size_t i = 0; i < b->n; i++) n += roaring_bitmap_get_cardinality(b->buckets[i].low);
    return n;
}

bool tarn_roaring64_is_empty(const tarn_roaring64 *b) { return b->n == 0; }

bool tarn_roaring64_equals(const tarn_roaring64 *a, const tarn_roaring64 *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->buckets[i].key != b->buckets[i].key || !roaring_bitmap_equals(a->buckets[i].low, b->buckets[i].low))
            return false;
    return true;
}

uint64_t tarn_roaring64_count(const tarn_roaring64 *b, uint64_t begin, uint64_t end) {
    uint64_t n = 0;
    if (begin >= end) return 0;
    for (size_t i = find_bucket(b, begin >> 32); i < b->n && b->buckets[i].key <= (end - 1) >> 32; i++) {
        uint64_t base = (uint64_t)b->buckets[i].key << 32;
        uint64_t low = begin > base ? begin - base : 0,
                 high = end - base < UINT64_C(1) << 32 ? end - base : UINT64_C(1) << 32;
        n += roaring_bitmap_range_cardinality(b->buckets[i].low, low, high);
    }
    return n;
}

bool tarn_roaring64_max(const tarn_roaring64 *b, uint64_t *out) {
    if (b->n == 0) return false;
    const bucket *last = &b->buckets[b->n - 1];
    *out = (uint64_t)last->key << 32 | roaring_bitmap_maximum(last->low);
    return true;
}

size_t tarn_roaring64_values(const tarn_roaring64 *b, uint64_t from, uint64_t *out, size_t n) {
    size_t k = 0;
    for (size_t i = find_bucket(b, from >> 32); i < b->n && k < n; i++) {
        uint64_t base = (uint64_t)b->buckets[i].key << 32;
        roaring_uint32_iterator_t it;
        roaring_init_iterator(b->buckets[i].low, &it);
        if (from > base) roaring_move_uint32_iterator_equalorlarger(&it, (uint32_t)from);
        for (; it.has_value && k < n; roaring_advance_uint32_iterator(&it)) out[k++] = base | it.current_value;
    }
    return k;
}

void tarn_roaring64_optimize(tarn_roaring64 *b) {
    for (size_t i = 0; i < b->n; i++) roaring_bitmap_run_optimize(b->buckets[i].low);
}

size_t tarn_roaring64_serialized_size(const tarn_roaring64 *b) {
    size_t size = 8;
    for (size_t i = 0; i < b->n; i++) size += 4 + roaring_bitmap_portable_size_in_bytes(b->buckets[i].low);
    return size;
}

void tarn_roaring64_serialize(const tarn_roaring64 *b, tarn_buf *out) {
    tarn_put_le(out, b->n, 8);
    for (size_t i = 0; i < b->n; i++) {
        const bucket *from = &b->buckets[i];
        tarn_put_le(out, from->key, 4);
        size_t size = roaring_bitmap_portable_size_in_bytes(from->low);
        char *place = tarn_buf_reserve(out, size);
        if (!place) return;
        out->n += roaring_bitmap_portable_serialize(from->low, place);
    }
}

/* Bytes not yet read. */
typedef struct reader {
    const unsigned char *begin, *p, *end;
} reader;

static size_t bytes_left(const reader *r) { return (size_t)(r->end - r->p); }

static uint32_t read16(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t read32(const unsigned char *p) { return read16(p) | read16(p + 2) << 16; }

static tarn_code fail_at(tarn_cx *cx, const reader *r, const char *what) {
    return tarn_fail(cx, TARN_CORRUPT, "roaring bitmap at byte %zu of %zu: %s", (size_t)(r->p - r->begin),
                     (size_t)(r->end - r->begin), what);
}

static tarn_code check_array(tarn_cx *cx, reader *r, uint32_t cardinality) {
    if (bytes_left(r) < 2 * (size_t)cardinality) return fail_at(cx, r, "the bytes end within an array container");
    for (uint32_t i = 1; i < cardinality; i++)
        if (read16(r->p + 2 * i) <= read16(r->p + 2 * i - 2))
            return fail_at(cx, r, "an array container is not in order");
    r->p += 2 * (size_t)cardinality;
    return TARN_OK;
}

static tarn_code check_bitset(tarn_cx *cx, reader *r, uint32_t cardinality) {
    enum { BITSET_BYTES = 8192 };
    uint32_t n = 0;
    if (bytes_left(r) < BITSET_BYTES) return fail_at(cx, r, "the bytes end within a bitset container");
    for (size_t i = 0; i < BITSET_BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, r->p + i, 8);
        n += (uint32_t)__builtin_popcountll(word);
    }
    if (n != cardinality) return fail_at(cx, r, "a bitset container does not hold as many values as it says");
    r->p += BITSET_BYTES;
    return TARN_OK;
}

static tarn_code check_runs(tarn_cx *cx, reader *r, uint32_t cardinality) {
    if (bytes_left(r) < 2) return fail_at(cx, r, "the bytes end within a run container");
    uint32_t runs = read16(r->p), n = 0;
    if (bytes_left(r) < 2 + 4 * (size_t)runs) return fail_at(cx, r, "the bytes end within a run container");
    int64_t last = -1;
    for (const unsigned char *p = r->p + 2; p < r->p + 2 + 4 * (size_t)runs; p += 4) {
        uint32_t start = read16(p), length = read16(p + 2);
        if ((int64_t)start <= last || start + length > 0xffff) return fail_at(cx, r, "a run container is not in order");
        last = start + length;
        n += length + 1;
    }
    if (n != cardinality) return fail_at(cx, r, "a run container does not hold as many values as it says");
    r->p += 2 + 4 * (size_t)runs;
    return TARN_OK;
}

/* One 32-bit bitmap of the RoaringFormatSpec, moved past when it is sound. CRoaring checks lengths only, and trusts
 * order and counts. */
static tarn_code check_bitmap(tarn_cx *cx, reader *r) {
    enum { COOKIE_PLAIN = 12346, COOKIE_RUNS = 12347, OFFSETS_FROM = 4, ARRAY_MAX = 4096 };
    if (bytes_left(r) < 8) return fail_at(cx, r, "the bytes end within a header");
    uint32_t cookie = read32(r->p), containers;
    bool has_runs = (cookie & 0xffff) == COOKIE_RUNS;
    if (!has_runs && cookie != COOKIE_PLAIN) return fail_at(cx, r, "no roaring cookie");
    containers = has_runs ? (cookie >> 16) + 1 : read32(r->p + 4);
    if (containers == 0 || containers > 65536) return fail_at(cx, r, "wrong count of containers");
    const unsigned char *run_flags = r->p + 4;
    size_t flag_bytes = has_runs ? (containers + 7) / 8 : 4; /* without runs the count stands in their place */
    size_t offset_bytes = !has_runs || containers >= OFFSETS_FROM ? 4 * (size_t)containers : 0;
    if (bytes_left(r) < 4 + flag_bytes + 4 * (size_t)containers + offset_bytes)
        return fail_at(cx, r, "the bytes end within a header");
    const unsigned char *about = r->p + 4 + flag_bytes;
    r->p = about + 4 * (size_t)containers + offset_bytes;
    for (uint32_t i = 0; i < containers; i++) {
        uint32_t cardinality = read16(about + 4 * i + 2) + 1;
        if (i && read16(about + 4 * i) <= read16(about + 4 * i - 4))
            return fail_at(cx, r, "containers are not in order");
        if (has_runs && run_flags[i / 8] >> (i % 8) & 1)
            TRY(check_runs(cx, r, cardinality));
        else if (cardinality <= ARRAY_MAX)
            TRY(check_array(cx, r, cardinality));
        else
            TRY(check_bitset(cx, r, cardinality));
    }
    return TARN_OK;
}

/* An empty 32-bit bitmap is legal but is no bucket of ours. */
static bool skip_empty(reader *r) {
    static const unsigned char empty[8] = {0x3a, 0x30};
    if (bytes_left(r) < sizeof empty || memcmp(r->p, empty, sizeof empty) != 0) return false;
    r->p += sizeof empty;
    return true;
}

static tarn_code read_buckets(tarn_cx *cx, reader *r, tarn_roaring64 *b) {
    if (bytes_left(r) < 8) return fail_at(cx, r, "the bytes end within a header");
    uint64_t count = read32(r->p) | (uint64_t)read32(r->p + 4) << 32;
    r->p += 8;
    if (count > bytes_left(r) / 12) return fail_at(cx, r, "more bitmaps than bytes");
    int64_t last_key = -1;
    for (uint64_t i = 0; i < count; i++) {
        TRY(tarn_check(cx));
        if (bytes_left(r) < 4) return fail_at(cx, r, "the bytes end within a key");
        uint32_t key = read32(r->p);
        if ((int64_t)key <= last_key) return fail_at(cx, r, "keys are not in order");
        last_key = key;
        r->p += 4;
        if (skip_empty(r)) continue;
        const unsigned char *start = r->p;
        TRY(check_bitmap(cx, r));
        roaring_bitmap_t *low = roaring_bitmap_portable_deserialize_safe((const char *)start, (size_t)(r->p - start));
        if (!low) return tarn_fail(cx, TARN_NOMEM, "roaring bitmap: out of memory, or refused by CRoaring");
        insert_bucket(b, b->n, key, low);
    }
    return r->p == r->end ? TARN_OK : fail_at(cx, r, "bytes follow the last bitmap");
}

tarn_code tarn_roaring64_deserialize(tarn_cx *cx, tarn_str bytes, tarn_roaring64 **out) {
    const unsigned char *p = (const unsigned char *)(bytes.n ? bytes.p : "");
    reader r = {p, p, p + bytes.n};
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = tarn_roaring64_new();
    TRY(read_buckets(cx, &r, b));
    *out = b;
    b = NULL;
    return TARN_OK;
}
