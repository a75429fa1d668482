/* avro_test.c: what is written reads back in every codec; known bytes of the specification; anything broken is told. */

#include "codec/avro_write.h"
#include "support/cx_fixture.h"

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        tarn_code code_ = (call);                                                                                      \
        if (code_ != TARN_OK) fail_msg("%s", cx->error.message);                                                       \
    } while (0)

/* An entry of a manifest in miniature: ids, unions in both orders, a map as an array of pairs, nesting. */
static const char entry_schema[] =
    "{\"type\":\"record\",\"name\":\"entry\",\"fields\":["
    "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
    "{\"name\":\"snapshot\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":1},"
    "{\"name\":\"sequence\",\"type\":[\"long\",\"null\"],\"field-id\":3},"
    "{\"name\":\"file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["
    "{\"name\":\"path\",\"type\":\"string\",\"field-id\":100},"
    "{\"name\":\"sizes\",\"field-id\":108,\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"
    "{\"type\":\"record\",\"name\":\"k117_v118\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":117},"
    "{\"name\":\"value\",\"type\":\"long\",\"field-id\":118}]}}]},"
    "{\"name\":\"offsets\",\"field-id\":132,\"type\":{\"type\":\"array\",\"items\":\"long\",\"element-id\":133}},"
    "{\"name\":\"props\",\"field-id\":140,\"type\":{\"type\":\"map\",\"values\":\"bytes\",\"key-id\":141,"
    "\"value-id\":142}}]}}]}";

static void put_entry(tarn_buf *b, int64_t i) {
    tarn_avro_put_long(b, i % 3);
    tarn_avro_put_long(b, i % 2);
    if (i % 2) tarn_avro_put_long(b, INT64_MAX - i);
    tarn_avro_put_long(b, i % 2);
    if (i % 2 == 0) tarn_avro_put_long(b, INT64_MIN + i);
    tarn_auto_buf path = TARN_BUF(1000);
    tarn_buf_printf(&path, "s3://bucket/data/%lld.parquet", (long long)i);
    tarn_avro_put_str(b, (tarn_str){path.data, path.n});
    tarn_avro_put_long(b, 1);
    tarn_avro_put_long(b, -2); /* a block with its size: two pairs of two bytes */
    tarn_avro_put_long(b, 4);
    for (int64_t at = 1; at <= 4; at++) tarn_avro_put_long(b, at);
    tarn_avro_put_long(b, 1);
    tarn_avro_put_long(b, 5);
    tarn_avro_put_long(b, 6000);
    tarn_avro_put_long(b, 0);
    tarn_avro_put_long(b, 0);
    tarn_avro_put_long(b, 1);
    tarn_avro_put_str(b, TARN_LIT("k"));
    tarn_avro_put_str(b, TARN_LIT("\0\1"));
    tarn_avro_put_long(b, 0);
}

static tarn_code write_entries(tarn_cx *cx, tarn_buf *file, int64_t n, tarn_avro_codec codec) {
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) w = {0};
    tarn_avro_meta meta[] = {{TARN_LIT("format-version"), TARN_LIT("2")}};
    TRY(tarn_avro_write_begin(cx, &w, file, TARN_LIT(entry_schema), meta, 1, codec));
    for (int64_t i = 0; i < n; i++) {
        put_entry(&w.block, i);
        TRY(tarn_avro_write_row(cx, &w));
    }
    return tarn_avro_write_end(cx, &w);
}

typedef struct totals {
    int64_t rows, snapshots, sequences;
    uint64_t status, keys, values;
    size_t path_bytes;
} totals;

static void read_file(tarn_avro_cursor *c, const tarn_avro_type *record, totals *t) {
    tarn_str path;
    for (size_t i = 0; i < record->n_fields; i++) {
        const tarn_avro_type *type = record->fields[i].type;
        if (record->fields[i].id == 100 && tarn_avro_get_str(c, type, &path)) {
            t->path_bytes += path.n;
        } else if (record->fields[i].id == 108 && (type = tarn_avro_enter(c, type))) {
            for (int64_t left = 0; tarn_avro_item(c, type, &left);) {
                int64_t key = 0, value = 0;
                tarn_avro_get_long(c, type->items->fields[0].type, &key);
                tarn_avro_get_long(c, type->items->fields[1].type, &value);
                t->keys += (uint64_t)key;
                t->values += (uint64_t)value;
            }
        } else if (type && record->fields[i].id != 100 && record->fields[i].id != 108) {
            tarn_avro_skip(c, type);
        }
    }
}

static tarn_code read_entries(tarn_cx *cx, tarn_str bytes, totals *t) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
    TRY(tarn_avro_open(cx, arena, bytes, &reader));
    const tarn_avro_type *record = reader.header->type;
    for (;;) {
        tarn_avro_cursor c;
        int64_t rows;
        TRY(tarn_avro_next_block(cx, &reader, &c, &rows));
        if (rows == 0) return TARN_OK;
        for (int64_t row = 0; row < rows; row++)
            for (size_t i = 0; i < record->n_fields; i++) {
                int64_t v = 0;
                const tarn_avro_type *type = record->fields[i].type;
                if (record->fields[i].id == 2)
                    read_file(&c, type, t);
                else if (!tarn_avro_get_long(&c, type, &v))
                    continue;
                else if (record->fields[i].id == 0)
                    t->status += (uint64_t)v;
                else
                    *(record->fields[i].id == 1 ? &t->snapshots : &t->sequences) += 1;
            }
        t->rows += rows;
        TRY(tarn_avro_check(cx, &c));
        if (c.p != c.end) return tarn_fail(cx, TARN_CORRUPT, "bytes are left over");
    }
}

static const tarn_avro_codec codecs[] = {TARN_AVRO_STORED, TARN_AVRO_DEFLATE, TARN_AVRO_SNAPPY, TARN_AVRO_ZSTD};

static void test_round_trip(void **state) {
    tarn_cx *cx = *state;
    for (size_t i = 0; i < 4; i++) {
        tarn_auto_buf file = TARN_BUF(1 << 26);
        totals t = {0};
        OK(write_entries(cx, &file, 30000, codecs[i]));
        OK(read_entries(cx, (tarn_str){file.data, file.n}, &t));
        assert_int_equal(t.rows, 30000);
        assert_int_equal(t.status, 30000);
        assert_int_equal(t.snapshots, 15000);
        assert_int_equal(t.sequences, 15000);
        assert_int_equal(t.keys, 30000 * (1 + 3 + 5));
        assert_int_equal(t.values, 30000 * (2 + 4 + 6000));
        assert_int_equal(t.path_bytes, 30000 * 25 + 10 + 90 * 2 + 900 * 3 + 9000 * 4 + 20000 * 5);
    }
}

static void test_skip_reads_the_same_bytes(void **state) {
    tarn_cx *cx = *state;
    tarn_auto_buf file = TARN_BUF(1 << 26);
    OK(write_entries(cx, &file, 100, TARN_AVRO_DEFLATE));
    tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
    OK(tarn_avro_open(cx, cx->arena, (tarn_str){file.data, file.n}, &reader));
    tarn_avro_cursor c;
    int64_t rows;
    OK(tarn_avro_next_block(cx, &reader, &c, &rows));
    assert_int_equal(rows, 100);
    while (rows-- > 0) tarn_avro_skip(&c, reader.header->type);
    OK(tarn_avro_check(cx, &c));
    assert_ptr_equal(c.p, c.end);
    assert_true(tarn_str_is(tarn_avro_meta_get(reader.header, "format-version"), "2"));
    assert_null(tarn_avro_meta_get(reader.header, "none").p);
}

/* Every beginning of a file is told to be broken, unless it ends right behind a block. */
static void test_truncated(void **state) {
    tarn_cx *cx = *state;
    for (size_t i = 0; i < 4; i++) {
        tarn_auto_buf file = TARN_BUF(1 << 20);
        totals t;
        OK(write_entries(cx, &file, 3, codecs[i]));
        tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
        OK(tarn_avro_open(cx, cx->arena, (tarn_str){file.data, file.n}, &reader));
        for (size_t n = 0; n < file.n; n++) {
            char *copy = malloc(n ? n : 1);
            memcpy(copy, file.data, n);
            tarn_code code = read_entries(cx, (tarn_str){copy, n}, &t);
            free(copy);
            if (n == reader.header->size)
                assert_int_equal(code, TARN_OK);
            else
                assert_int_equal(code, TARN_CORRUPT);
        }
    }
}

/* A changed byte anywhere gives an error or other values, and snappy's checksum sees every change of a block. */
static void test_garbled(void **state) {
    tarn_cx *cx = *state;
    for (size_t i = 0; i < 4; i++) {
        tarn_auto_buf file = TARN_BUF(1 << 20);
        OK(write_entries(cx, &file, 3, codecs[i]));
        tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
        OK(tarn_avro_open(cx, cx->arena, (tarn_str){file.data, file.n}, &reader));
        for (size_t at = 0; at < file.n; at++)
            for (int flip = 1; flip < 256; flip += 42) {
                totals t = {0};
                file.data[at] = (char)(file.data[at] ^ flip);
                tarn_code code = read_entries(cx, (tarn_str){file.data, file.n}, &t);
                file.data[at] = (char)(file.data[at] ^ flip);
                if (codecs[i] == TARN_AVRO_SNAPPY && at > reader.header->size + 3) assert_int_not_equal(code, TARN_OK);
            }
    }
}

static const tarn_avro_type *schema_of(tarn_cx *cx, const char *json) {
    const tarn_avro_type *type;
    OK(tarn_avro_schema(cx, cx->arena, tarn_str_of(json), &type));
    return type;
}

static void test_schema(void **state) {
    tarn_cx *cx = *state;
    const tarn_avro_type *entry = schema_of(cx, entry_schema);
    const tarn_avro_type *file = tarn_avro_field_by_id(entry, 2)->type;
    assert_int_equal(entry->n_fields, 4);
    assert_int_equal(tarn_avro_unwrap(tarn_avro_field_by_id(entry, 3)->type)->kind, TARN_AVRO_LONG);
    const tarn_avro_type *sizes = tarn_avro_unwrap(tarn_avro_field_named(file, "sizes")->type);
    assert_int_equal(sizes->logical, TARN_AVRO_KEYED);
    assert_int_equal(tarn_avro_field_by_id(sizes->items, 118)->type->kind, TARN_AVRO_LONG);
    assert_int_equal(tarn_avro_field_by_id(file, 132)->type->item_id, 133);
    const tarn_avro_type *props = tarn_avro_field_by_id(file, 140)->type;
    assert_int_equal(props->key_id, 141);
    assert_int_equal(props->item_id, 142);
    assert_null(tarn_avro_field_by_id(entry, 99));
    assert_int_equal(entry->min_size, 1 + 1 + 1 + 1 + 1 + 1 + 1);
}

static void test_names_and_logical_types(void **state) {
    tarn_cx *cx = *state;
    const tarn_avro_type *tree = schema_of(
        cx,
        "{\"type\":\"record\",\"name\":\"a.b.Node\",\"fields\":[{\"name\":\"v\",\"type\":{\"type\":\"fixed\","
        "\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}},{\"name\":\"next\",\"type\":[\"null\",\"Node\"]},"
        "{\"name\":\"same\",\"type\":\"a.b.F\"},{\"name\":\"all\",\"type\":{\"type\":\"array\",\"items\":\"Node\"}}]}");
    assert_ptr_equal(tarn_avro_unwrap(tree->fields[1].type), tree);
    assert_ptr_equal(tree->fields[2].type, tree->fields[0].type);
    assert_int_equal(tree->fields[2].type->logical, TARN_AVRO_UUID);
    assert_int_equal(tree->min_size, 16 + 1 + 16 + 1);
    const tarn_avro_type *t =
        schema_of(cx, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}");
    assert_int_equal(t->logical, TARN_AVRO_DECIMAL);
    assert_int_equal(t->precision * 100 + t->scale, 902);
    t = schema_of(cx, "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":false}");
    assert_int_equal(t->logical, TARN_AVRO_LOCAL_MICROS);
    t = schema_of(cx, "{\"type\":\"long\",\"logicalType\":\"date\"}");
    assert_int_equal(t->logical, TARN_AVRO_PLAIN);
}

static void test_bad_schemas(void **state) {
    tarn_cx *cx = *state;
    static const char *const bad[] = {
        "",
        "1",
        "{}",
        "[]",
        "\"nothing\"",
        "{\"type\":\"record\",\"name\":\"r\"}",
        "{\"type\":\"record\",\"fields\":[]}",
        "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[]}",
        "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}",
        "[\"null\",[\"null\",\"int\"]]",
        "{\"type\":\"array\"}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"r\",\"type\":\"r\"}]}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"s\",\"type\":{\"type\":\"record\",\"name\":\"s\","
        "\"fields\":[{\"name\":\"r\",\"type\":\"r\"}]}}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const tarn_avro_type *type;
        assert_int_equal(tarn_avro_schema(cx, cx->arena, tarn_str_of(bad[i]), &type), TARN_CORRUPT);
    }
}

/* "Binary Encoding": the examples of the specification, and the ends of the ranges. */
static void test_numbers(void **state) {
    tarn_cx *cx = *state;
    static const struct {
        const char *bytes;
        size_t n;
        int64_t v;
    } cases[] = {{"\0", 1, 0},
                 {"\1", 1, -1},
                 {"\2", 1, 1},
                 {"\x7f", 1, -64},
                 {"\x80\1", 2, 64},
                 {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, INT64_MAX},
                 {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, INT64_MIN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_avro_cursor c = tarn_avro_cursor_of((tarn_str){cases[i].bytes, cases[i].n});
        assert_int_equal(tarn_avro_long(&c), cases[i].v);
        OK(tarn_avro_check(cx, &c));
        tarn_auto_buf b = TARN_BUF(20);
        tarn_avro_put_long(&b, cases[i].v);
        assert_int_equal(b.n, cases[i].n);
        assert_memory_equal(b.data, cases[i].bytes, b.n);
    }
    tarn_avro_cursor c = tarn_avro_cursor_of(TARN_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"));
    tarn_avro_long(&c);
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
    c = tarn_avro_cursor_of(TARN_LIT("\x80\x80\x80\x80\x10"));
    tarn_avro_int(&c);
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
}

/* What a few bytes claim: elements without end, depth without end, rows that are not there. */
static void test_bombs(void **state) {
    tarn_cx *cx = *state;
    const tarn_avro_type *nulls = schema_of(cx, "{\"type\":\"array\",\"items\":\"null\"}");
    tarn_avro_cursor c = tarn_avro_cursor_of(TARN_LIT("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1\0"));
    for (int64_t left = 0; tarn_avro_item(&c, nulls, &left);) continue;
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
    const tarn_avro_type *node =
        schema_of(cx, "{\"type\":\"record\",\"name\":\"n\",\"fields\":[{\"name\":\"n\",\"type\":[\"null\",\"n\"]}]}");
    char deep[1000];
    memset(deep, 2, sizeof deep);
    c = tarn_avro_cursor_of((tarn_str){deep, sizeof deep});
    tarn_avro_skip(&c, node);
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
    c = tarn_avro_cursor_of(TARN_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2"));
    tarn_avro_skip(&c, schema_of(cx, "{\"type\":\"array\",\"items\":\"int\"}"));
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
}

/* What is asked for is not what the file has. */
static void test_other_types(void **state) {
    tarn_cx *cx = *state;
    int64_t number = 7;
    tarn_str text = TARN_LIT("same");
    tarn_avro_cursor c = tarn_avro_cursor_of(TARN_LIT("\2a\2"));
    assert_false(tarn_avro_get_long(&c, schema_of(cx, "\"string\""), &number));
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
    c = tarn_avro_cursor_of(TARN_LIT("\0\2"));
    const tarn_avro_type *optional = schema_of(cx, "[\"null\",\"string\"]");
    assert_false(tarn_avro_get_str(&c, optional, &text));
    OK(tarn_avro_check(cx, &c));
    assert_false(tarn_avro_get_str(&c, optional, &text));
    assert_int_equal(tarn_avro_check(cx, &c), TARN_CORRUPT);
    assert_int_equal(number, 7);
    assert_true(tarn_str_is(text, "same"));
    tarn_avro_codec none = TARN_AVRO_STORED;
    tarn_auto_buf file = TARN_BUF(1 << 20);
    OK(write_entries(cx, &file, 1, none));
    char *name = memmem(file.data, file.n, "null", 4);
    while (name && memcmp(name - 1, "\x08null", 5) != 0) name = memmem(name + 1, file.n, "null", 4);
    memcpy(name, "lzma", 4);
    totals t;
    assert_int_equal(read_entries(cx, (tarn_str){file.data, file.n}, &t), TARN_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_skip_reads_the_same_bytes, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_truncated, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_garbled, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_schema, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_names_and_logical_types, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_bad_schemas, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_numbers, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_bombs, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_other_types, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
