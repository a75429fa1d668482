/* parquet_positions.c: writes a Parquet file of row positions, straight from a bitmap (Parquet format 2.11:
 * parquet.thrift in Thrift's compact protocol, Encodings.md).
 *
 * A row group is two chunks. file_path has one value: a dictionary page of it, and a data page that is one run of index
 * 0. pos ascends: pages of DELTA_BINARY_PACKED, with zstd, which makes runs of rows all but vanish. Data pages are of
 * version 1, whose readers are oldest; nothing is optional or nested, so pages have no levels. */
#include "codec/parquet_positions.h"

#include "base/vec.h"
#include "codec/bytes.h"
#include "codec/compress.h"
#include "tarn.h"

enum { PATH_MAX_BYTES = 1 << 20, PAGE_ROWS = 20000, GROUP_ROWS = 1 << 20, PAGE_BYTES = 1 << 22 };

/* parquet.thrift. */
enum { INT64_TYPE = 2, BYTE_ARRAY_TYPE = 6, REQUIRED = 0, UTF8 = 0, DATA_PAGE = 0, DICTIONARY_PAGE = 2 };
enum { PLAIN = 0, RLE = 3, RLE_DICTIONARY = 8, UNCOMPRESSED = 0, ZSTD = 6 };
enum { DIFFERENCES = 5 }; /* DELTA_BINARY_PACKED */

/* Thrift's compact protocol. */
enum { T_TRUE = 1, T_I32 = 5, T_I64 = 6, T_BINARY = 8, T_LIST = 9, T_STRUCT = 12 };

/* Encodings.md, "Delta Encoding": as parquet-mr has it. */
enum { BLOCK = 128, MINIBLOCKS = 4, MINIBLOCK = BLOCK / MINIBLOCKS, WORD = 64 };

/* A struct at work: fields are told by how far their ids are from the one before. */
typedef struct record {
    tarn_buf *out;
    int last;
} record;

static void put_field(record *r, int id, int type) {
    tarn_buf_putc(r->out, (char)((id - r->last) << 4 | type));
    r->last = id;
}

static void put_number(record *r, int id, int type, int64_t v) {
    put_field(r, id, type);
    tarn_put_zigzag(r->out, v);
}

static void put_bytes(tarn_buf *out, tarn_str v) {
    tarn_put_varint(out, v.n);
    tarn_buf_add(out, v.p, v.n);
}

static void put_text(record *r, int id, tarn_str v) {
    put_field(r, id, T_BINARY);
    put_bytes(r->out, v);
}

static void put_list(record *r, int id, int type, size_t n) {
    put_field(r, id, T_LIST);
    tarn_buf_putc(r->out, (char)((n < 15 ? (int)n : 15) << 4 | type));
    if (n >= 15) tarn_put_varint(r->out, n);
}

static record begin(record *r, int id) {
    put_field(r, id, T_STRUCT);
    return (record){r->out, 0};
}

static void end(record *r) { tarn_buf_putc(r->out, 0); }

/* A column of a row group. */
typedef struct chunk {
    size_t at, data_at;   /* where its first page is, and its first data page */
    size_t plain, stored; /* bytes of its pages and their headers */
} chunk;

typedef struct group {
    uint32_t rows;
    uint64_t first, last;
    chunk path, pos;
} group;

typedef struct writer {
    tarn_cx *cx;
    tarn_str path;
    const tarn_roaring64 *rows;
    tarn_buf *out;
    tarn_buf page, packed; /* the page at work */
    uint64_t next;         /* where the rows not yet written begin */
    TARN_VEC(group) groups;
} writer;

static void done_writing(writer *w) {
    tarn_buf_free(&w->page);
    tarn_buf_free(&w->packed);
}

/* PageHeader and what it is of; `stored` is w->page as it is or compressed. */
static void put_page(writer *w, chunk *c, bool dictionary, int encoding, uint32_t values, const tarn_buf *stored) {
    size_t before = w->out->n;
    record r = {w->out, 0};
    put_number(&r, 1, T_I32, dictionary ? DICTIONARY_PAGE : DATA_PAGE);
    put_number(&r, 2, T_I32, (int64_t)w->page.n);
    put_number(&r, 3, T_I32, (int64_t)stored->n);
    record own = begin(&r, dictionary ? 7 : 5);
    put_number(&own, 1, T_I32, values);
    put_number(&own, 2, T_I32, encoding);
    if (!dictionary) put_number(&own, 3, T_I32, RLE), put_number(&own, 4, T_I32, RLE);
    end(&own), end(&r);
    c->plain += w->out->n - before + w->page.n;
    c->stored += w->out->n - before + stored->n;
    tarn_buf_add(w->out, stored->data, stored->n);
}

/* The path once, and then `rows` times its index: a run of the hybrid encoding, of values of one bit. */
static void put_paths(writer *w, group *g) {
    chunk *c = &g->path;
    c->at = w->out->n;
    tarn_buf_clear(&w->page);
    tarn_put_le(&w->page, w->path.n, 4);
    tarn_buf_add(&w->page, w->path.p, w->path.n);
    put_page(w, c, true, PLAIN, 1, &w->page);
    c->data_at = w->out->n;
    tarn_buf_clear(&w->page);
    tarn_buf_putc(&w->page, 1);
    tarn_put_varint(&w->page, (uint64_t)g->rows << 1);
    tarn_buf_putc(&w->page, 0);
    put_page(w, c, false, RLE_DICTIONARY, g->rows, &w->page);
}

/* Values of so many bits each, least significant first; 32 of them end with a byte. */
static void put_miniblock(tarn_buf *out, const uint64_t *values, int width) {
    unsigned __int128 bits = 0;
    int n = 0;
    for (int i = 0; i < MINIBLOCK; i++) {
        bits |= (unsigned __int128)values[i] << n;
        for (n += width; n >= 8; n -= 8, bits >>= 8) tarn_buf_putc(out, (char)bits);
    }
}

/* What each delta is above the least; miniblocks that no value is in have a width of 0 and no bytes. */
static void put_block(tarn_buf *out, uint64_t deltas[BLOCK], uint32_t n) {
    uint64_t least = deltas[0];
    int widths[MINIBLOCKS] = {0};
    for (uint32_t i = 1; i < n; i++) least = deltas[i] < least ? deltas[i] : least;
    for (uint32_t i = 0; i < BLOCK; i++) deltas[i] = i < n ? deltas[i] - least : 0;
    tarn_put_zigzag(out, (int64_t)least);
    for (int m = 0; m < MINIBLOCKS; m++) {
        uint64_t any = 0;
        for (int i = 0; i < MINIBLOCK; i++) any |= deltas[m * MINIBLOCK + i];
        widths[m] = any ? WORD - __builtin_clzll(any) : 0;
        tarn_buf_putc(out, (char)widths[m]);
    }
    for (int m = 0; m < MINIBLOCKS; m++) put_miniblock(out, deltas + m * MINIBLOCK, widths[m]);
}

/* The next n rows; *first gets the first of them when it is the group's. */
static tarn_code put_positions(writer *w, group *g, uint32_t n, bool first) {
    uint64_t rows[BLOCK];
    tarn_buf_clear(&w->page);
    tarn_buf_clear(&w->packed);
    if (tarn_roaring64_values(w->rows, w->next, &g->last, 1) != 1 || g->last > INT64_MAX)
        return tarn_fail(w->cx, TARN_INVALID, "a deleted row's position is past 2^63");
    if (first) g->first = g->last;
    tarn_put_varint(&w->page, BLOCK), tarn_put_varint(&w->page, MINIBLOCKS), tarn_put_varint(&w->page, n);
    tarn_put_zigzag(&w->page, (int64_t)g->last);
    for (uint32_t left = n - 1; left;) {
        uint32_t k = left < BLOCK ? left : BLOCK;
        if (tarn_roaring64_values(w->rows, g->last + 1, rows, k) != k || rows[k - 1] > INT64_MAX)
            return tarn_fail(w->cx, TARN_INVALID, "a deleted row's position is past 2^63");
        for (uint32_t i = 0; i < k; i++) {
            uint64_t row = rows[i];
            rows[i] -= g->last;
            g->last = row;
        }
        put_block(&w->page, rows, k);
        left -= k;
    }
    w->next = g->last + 1;
    TRY(tarn_compress(w->cx, TARN_ZSTD, (tarn_str){w->page.data, w->page.n}, &w->packed));
    put_page(w, &g->pos, false, DIFFERENCES, n, &w->packed);
    return TARN_OK;
}

static tarn_code put_group(writer *w, uint32_t rows) {
    group *g = TARN_PUSH(w->cx->arena, &w->groups);
    g->rows = rows;
    put_paths(w, g);
    g->pos.at = g->pos.data_at = w->out->n;
    for (uint32_t done = 0; done < rows;) {
        uint32_t n = rows - done < PAGE_ROWS ? rows - done : PAGE_ROWS;
        TRY(tarn_check(w->cx));
        TRY(put_positions(w, g, n, done == 0));
        done += n;
    }
    return TARN_OK;
}

/* FileMetaData.schema: the root, which has no type, and a leaf. */
static void put_schema(record *file) {
    static const struct {
        tarn_str name;
        int type, id;
    } columns[] = {{TARN_LIT("file_path"), BYTE_ARRAY_TYPE, TARN_POSITIONS_PATH_ID},
                   {TARN_LIT("pos"), INT64_TYPE, TARN_POSITIONS_ROW_ID}};
    put_list(file, 2, T_STRUCT, 3);
    record root = {file->out, 0};
    put_text(&root, 4, TARN_LIT("table"));
    put_number(&root, 5, T_I32, 2);
    end(&root);
    for (int i = 0; i < 2; i++) {
        record r = {file->out, 0};
        bool text = columns[i].type == BYTE_ARRAY_TYPE;
        put_number(&r, 1, T_I32, columns[i].type);
        put_number(&r, 3, T_I32, REQUIRED);
        put_text(&r, 4, columns[i].name);
        if (text) put_number(&r, 6, T_I32, UTF8);
        put_number(&r, 9, T_I32, columns[i].id);
        if (text) {
            record logical = begin(&r, 10), string = begin(&logical, 1);
            end(&string), end(&logical);
        }
        end(&r);
    }
}

/* Both ends are exact: readers find the delete files of a data file by them. */
static void put_statistics(record *column, tarn_str low, tarn_str high) {
    record r = begin(column, 12);
    put_number(&r, 3, T_I64, 0);
    put_text(&r, 5, high);
    put_text(&r, 6, low);
    put_field(&r, 7, T_TRUE);
    put_field(&r, 8, T_TRUE);
    end(&r);
}

static void put_column(writer *w, record *columns, const group *g, bool path) {
    const chunk *c = path ? &g->path : &g->pos;
    char low[8], high[8];
    record r = {columns->out, 0};
    put_number(&r, 2, T_I64, 0); /* file_offset, which writers leave at 0 */
    record own = begin(&r, 3);
    put_number(&own, 1, T_I32, path ? BYTE_ARRAY_TYPE : INT64_TYPE);
    put_list(&own, 2, T_I32, path ? 2 : 1);
    tarn_put_zigzag(own.out, path ? PLAIN : DIFFERENCES);
    if (path) tarn_put_zigzag(own.out, RLE_DICTIONARY);
    put_list(&own, 3, T_BINARY, 1);
    put_bytes(own.out, path ? TARN_LIT("file_path") : TARN_LIT("pos"));
    put_number(&own, 4, T_I32, path ? UNCOMPRESSED : ZSTD);
    put_number(&own, 5, T_I64, g->rows);
    put_number(&own, 6, T_I64, (int64_t)c->plain);
    put_number(&own, 7, T_I64, (int64_t)c->stored);
    put_number(&own, 9, T_I64, (int64_t)c->data_at);
    if (path) put_number(&own, 11, T_I64, (int64_t)c->at);
    tarn_le64(low, g->first), tarn_le64(high, g->last);
    put_statistics(&own, path ? w->path : (tarn_str){low, 8}, path ? w->path : (tarn_str){high, 8});
    end(&own), end(&r);
}

static void put_footer(writer *w, uint64_t rows) {
    size_t before = w->out->n;
    record file = {w->out, 0};
    put_number(&file, 1, T_I32, 1);
    put_schema(&file);
    put_number(&file, 3, T_I64, (int64_t)rows);
    put_list(&file, 4, T_STRUCT, w->groups.n);
    for (size_t i = 0; i < w->groups.n; i++) {
        const group *g = &w->groups.at[i];
        record r = {w->out, 0};
        put_list(&r, 1, T_STRUCT, 2);
        put_column(w, &r, g, true);
        put_column(w, &r, g, false);
        put_number(&r, 2, T_I64, (int64_t)(g->path.plain + g->pos.plain));
        put_number(&r, 3, T_I64, g->rows);
        put_number(&r, 5, T_I64, (int64_t)g->path.at);
        put_number(&r, 6, T_I64, (int64_t)(g->path.stored + g->pos.stored));
        end(&r);
    }
    put_text(&file, 6, TARN_LIT("tarn version " TARN_VERSION));
    put_list(&file, 7, T_STRUCT, 2); /* column_orders: without them statistics of text are none */
    for (int i = 0; i < 2; i++) {
        record order = {w->out, 0}, by_type = begin(&order, 1);
        end(&by_type), end(&order);
    }
    end(&file);
    tarn_put_le(w->out, w->out->n - before, 4);
}

tarn_code tarn_parquet_put_positions(tarn_cx *cx, tarn_str path, const tarn_roaring64 *rows, tarn_buf *out) {
    tarn_auto(writer, done_writing) w = {
        .cx = cx, .path = path, .rows = rows, .out = out, .page = TARN_BUF(PAGE_BYTES), .packed = TARN_BUF(PAGE_BYTES)};
    uint64_t n = tarn_roaring64_cardinality(rows);
    if (path.n > PATH_MAX_BYTES)
        return tarn_fail(cx, TARN_LIMIT, "a data file's path of %zu bytes is too long for a delete file", path.n);
    tarn_buf_puts(out, "PAR1");
    for (uint64_t left = n; left && tarn_buf_ok(out);) {
        uint32_t some = left < GROUP_ROWS ? (uint32_t)left : GROUP_ROWS;
        TRY(put_group(&w, some));
        left -= some;
    }
    put_footer(&w, n);
    tarn_buf_puts(out, "PAR1");
    if (!tarn_buf_ok(out))
        return tarn_fail(cx, TARN_LIMIT, "%llu deleted rows of one file pass %zu bytes", (unsigned long long)n,
                         out->max);
    return TARN_OK;
}
