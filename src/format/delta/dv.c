/* dv.c: deletion vectors (1.7): reads all kinds, writes those of a change into one file. */
#include <stdio.h>

#include "base/crypto.h"
#include "codec/z85.h"
#include "format/delta/snapshot.h"

enum {
    MAGIC_PORTABLE = 1681511377,
    MAGIC_NATIVE = 1681511376, /* [S]: bitmaps in an array, their high word is the index */
    FILE_VERSION = 1,
    DV_MAX = 1 << 30,
    INLINE_MAX = 1 << 20, /* as options.def has it for delta.inline_vector_bytes */
    UUID_CHARS = 20
};

static uint32_t le32(const char *p) {
    const unsigned char *u = (const unsigned char *)p;
    return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static uint32_t be32(const char *p) { return __builtin_bswap32(le32(p)); }

static void put_le(tarn_buf *out, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) tarn_buf_putc(out, (char)(v >> (8 * i)));
}

static void put_be32(tarn_buf *out, uint32_t v) { put_le(out, __builtin_bswap32(v), 4); }

tarn_code tarn_delta_dv_key(tarn_cx *cx, tarn_arena *arena, const tarn_delta_dv *dv, const char **out) {
    if (dv->storage == 'i') {
        *out = NULL;
        return TARN_OK;
    }
    tarn_str path;
    if (dv->storage == 'p') {
        TRY(tarn_delta_path_decode(cx, arena, dv->where, &path));
        *out = tarn_arena_strndup(arena, path.p, path.n);
        return TARN_OK;
    }
    if (dv->where.n < UUID_CHARS)
        return tarn_fail(cx, TARN_CORRUPT, "deletion vector \"%.*s\" has no id", (int)dv->where.n, dv->where.p);
    size_t prefix = dv->where.n - UUID_CHARS;
    tarn_str id;
    TRY(tarn_z85_decode(cx, arena, (tarn_str){dv->where.p + prefix, UUID_CHARS}, &id));
    if (id.n != 16)
        return tarn_fail(cx, TARN_CORRUPT, "deletion vector \"%.*s\" has no whole id", (int)dv->where.n, dv->where.p);
    char uuid[TARN_UUID_TEXT];
    tarn_uuid_text((const unsigned char *)id.p, uuid);
    *out = tarn_arena_printf(arena, "%.*s%sdeletion_vector_%s.bin", (int)prefix, dv->where.p, prefix ? "/" : "", uuid);
    return TARN_OK;
}

/* A native array as the portable text that the codec reads. */
static tarn_code from_native(tarn_cx *cx, tarn_str in, tarn_roaring64 **out) {
    tarn_auto_buf text = TARN_BUF(2 * (size_t)DV_MAX);
    uint32_t n = in.n >= 4 ? le32(in.p) : UINT32_MAX;
    size_t at = 4;
    put_le(&text, n, 8);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = at + 4 <= in.n ? le32(in.p + at) : UINT32_MAX;
        at += 4;
        if (at > in.n || size > in.n - at) return tarn_fail(cx, TARN_CORRUPT, "a deletion vector ends early");
        put_le(&text, i, 4);
        tarn_buf_add(&text, in.p + at, size);
        at += size;
    }
    return tarn_roaring64_deserialize(cx, (tarn_str){text.data, text.n}, out);
}

static tarn_code parse_bitmap(tarn_cx *cx, const tarn_delta_dv *dv, tarn_str data, tarn_roaring64 **out) {
    if (data.n < 4) return tarn_fail(cx, TARN_CORRUPT, "a deletion vector of %zu bytes", data.n);
    uint32_t magic = le32(data.p);
    tarn_str body = {data.p + 4, data.n - 4};
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = NULL;
    if (magic == MAGIC_PORTABLE)
        TRY(tarn_roaring64_deserialize(cx, body, &rows));
    else if (magic == MAGIC_NATIVE)
        TRY(from_native(cx, body, &rows));
    else
        return tarn_fail(cx, TARN_CORRUPT, "a deletion vector begins with %u, which is no known kind", magic);
    if ((int64_t)tarn_roaring64_cardinality(rows) != dv->cardinality)
        return tarn_fail(cx, TARN_CORRUPT, "a deletion vector has %llu rows where the log says %lld",
                         (unsigned long long)tarn_roaring64_cardinality(rows), (long long)dv->cardinality);
    *out = rows;
    rows = NULL;
    return TARN_OK;
}

/* From the table's own store, or, for a path that lies elsewhere (clones), from one opened on its folder. */
static tarn_code get_bytes(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out) {
    bool absolute = key[0] == '/' || strstr(key, "://");
    size_t root = strlen(tarn_store_uri(store));
    if (!absolute) return tarn_store_get(cx, store, key, range, out, NULL);
    if (!strncmp(key, tarn_store_uri(store), root) && key[root] == '/')
        return tarn_store_get(cx, store, key + root + 1, range, out, NULL);
    const char *slash = strrchr(key, '/');
    tarn_auto(tarn_store *, tarn_store_closep) other = NULL;
    TRY(tarn_store_open(cx, tarn_printf(cx, "%.*s", (int)(slash == key ? 1 : slash - key), key), &other));
    return tarn_store_get(cx, other, slash + 1, range, out, NULL);
}

static tarn_code read_dv_file(tarn_cx *cx, tarn_store *store, const tarn_delta_dv *dv, tarn_roaring64 **out) {
    const char *key = NULL;
    TRY(tarn_delta_dv_key(cx, cx->arena, dv, &key));
    tarn_auto_buf bytes = TARN_BUF((size_t)dv->size + 8);
    tarn_range range = {.offset = dv->offset < 0 ? 0 : dv->offset, .length = dv->size + 8};
    TRY(get_bytes(cx, store, key, &range, &bytes));
    if (bytes.n != (size_t)dv->size + 8 || be32(bytes.data) != dv->size)
        return tarn_fail(cx, TARN_CORRUPT, "deletion vector %s: %lld bytes at %lld are not as the log says", key,
                         (long long)dv->size, (long long)range.offset);
    tarn_str data = {bytes.data + 4, (size_t)dv->size};
    if (be32(data.p + data.n) != tarn_crc32(0, data.p, data.n))
        return tarn_fail(cx, TARN_CORRUPT, "deletion vector %s: its checksum is wrong", key);
    return tarn_prefix(cx, parse_bitmap(cx, dv, data, out), "%s", key);
}

tarn_code tarn_delta_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file, tarn_roaring64 **out) {
    const tarn_delta_dv *dv = file->deletes->where;
    if (dv->size > DV_MAX - 8)
        return tarn_fail(cx, TARN_LIMIT, "a deletion vector of %lld bytes is too large", (long long)dv->size);
    if (dv->storage != 'i') return read_dv_file(cx, snapshot->table->store, dv, out);
    tarn_str data;
    TRY(tarn_z85_decode(cx, cx->arena, dv->where, &data));
    if ((size_t)dv->size > data.n)
        return tarn_fail(cx, TARN_CORRUPT, "an inline deletion vector is shorter than the log says");
    data.n = (size_t)dv->size;
    return parse_bitmap(cx, dv, data, out);
}

tarn_code tarn_delta_marked(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_add *add, tarn_roaring64 **out) {
    const tarn_delta_dv *dv = add->deletes;
    const tarn_file file = {.deletes = &dv->deletes};
    return tarn_delta_deleted(cx, snapshot, &file, out);
}

bool tarn_delta_marks_rows(const tarn_snapshot *snapshot, const tarn_change *change) {
    const tarn_delta_snapshot *s = tarn_delta_of((tarn_snapshot *)(uintptr_t)snapshot);
    (void)change;
    return tarn_delta_conf_true(&s->meta, "delta.enableDeletionVectors") &&
           tarn_delta_has_feature(&s->protocol, "deletionVectors");
}

/* The vectors of one change that do not stand in the log itself, in one file. */
typedef struct dv_file {
    char uuid[TARN_UUID_TEXT];
    tarn_str id; /* as descriptors spell it */
    tarn_buf bytes;
} dv_file;

static void dv_file_done(dv_file *file) { tarn_buf_free(&file->bytes); }

static tarn_code dv_file_start(tarn_cx *cx, dv_file *file) {
    tarn_auto_buf id = TARN_BUF(64);
    unsigned char raw[16];
    file->bytes = TARN_BUF(DV_MAX);
    tarn_uuid_v4(cx, file->uuid);
    if (!tarn_uuid_parse(tarn_str_of(file->uuid), raw))
        return tarn_fail(cx, TARN_INTERNAL, "%s is no UUID", file->uuid);
    tarn_z85_encode(&id, raw, sizeof raw);
    file->id = (tarn_str){tarn_arena_strndup(cx->arena, id.data, id.n), id.n};
    tarn_buf_putc(&file->bytes, FILE_VERSION);
    return TARN_OK;
}

static void dv_file_add(dv_file *file, tarn_str data) {
    put_be32(&file->bytes, (uint32_t)data.n);
    tarn_buf_add(&file->bytes, data.p, data.n);
    put_be32(&file->bytes, tarn_crc32(0, data.p, data.n));
}

static tarn_code write_vector(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *item, dv_file *file) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) all = NULL;
    if (item->file->rows < 0)
        return tarn_fail(cx, TARN_UNSUPPORTED, "%.*s: its row count is not recorded, which a deletion vector needs",
                         (int)item->file->path.n, item->file->path.p);
    if (item->file->deletes) TRY(tarn_delta_deleted(cx, snapshot, item->file, &all));
    if (!all) all = tarn_roaring64_new();
    tarn_roaring64_or(all, item->rows);
    tarn_roaring64_optimize(all);
    tarn_auto_buf data = TARN_BUF(DV_MAX), text = TARN_BUF(2 * INLINE_MAX);
    put_le(&data, MAGIC_PORTABLE, 4);
    tarn_roaring64_serialize(all, &data);
    if (!tarn_buf_ok(&data)) return tarn_fail(cx, TARN_LIMIT, "a deletion vector would be larger than 1 GB");
    tarn_delta_dv *dv = TARN_NEW(cx->arena, tarn_delta_dv);
    *dv = (tarn_delta_dv){.size = (int64_t)data.n, .cardinality = (int64_t)tarn_roaring64_cardinality(all)};
    if ((int64_t)data.n <= tarn_conf_int(cx->conf, TARN_DELTA_INLINE_VECTOR_BYTES)) {
        tarn_z85_encode(&text, data.data, data.n);
        dv->storage = 'i';
        dv->offset = -1;
        dv->where = (tarn_str){tarn_arena_strndup(cx->arena, text.data, text.n), text.n};
    } else {
        if (!file->id.p) TRY(dv_file_start(cx, file));
        dv->storage = 'u';
        dv->offset = (int64_t)file->bytes.n;
        dv->where = file->id;
        dv_file_add(file, (tarn_str){data.data, data.n});
    }
    dv->deletes = (tarn_deletes){.rows = dv->cardinality, .where = dv};
    item->descriptor = dv;
    return TARN_OK;
}

tarn_code tarn_delta_write_deletes(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *items, size_t n,
                                   tarn_change *change) {
    tarn_auto(dv_file, dv_file_done) file = {0};
    if (!tarn_delta_marks_rows(snapshot, change))
        return tarn_hint(cx, tarn_fail(cx, TARN_UNSUPPORTED, "deletion vectors are off for this table"),
                         "ALTER TABLE t SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')");
    for (size_t i = 0; i < n; i++) {
        TRY(tarn_check(cx));
        TRY(write_vector(cx, snapshot, &items[i], &file));
    }
    if (!file.id.p) return TARN_OK;
    if (!tarn_buf_ok(&file.bytes))
        return tarn_fail(cx, TARN_LIMIT, "the deletion vectors of one change would be larger than 1 GB");
    const char *key = tarn_printf(cx, "deletion_vector_%s.bin", file.uuid);
    TRY(tarn_store_put(cx, snapshot->table->store, key, (tarn_str){file.bytes.data, file.bytes.n}, TARN_PUT_ABSENT,
                       NULL, NULL));
    *TARN_PUSH(cx->arena, &change->written) = key;
    return TARN_OK;
}
