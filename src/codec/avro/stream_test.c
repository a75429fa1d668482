/* stream_test.c: Avro rows as Arrow batches: values, batches over blocks and files, and what broken bytes do. */

#include "codec/avro_arrow.h"
#include "codec/avro_write.h"
#include "support/cx_fixture.h"

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        tarn_code code_ = (call);                                                                                      \
        if (code_ != TARN_OK) fail_msg("%s", cx->error.message);                                                       \
    } while (0)

static const char row_schema[] =
    "{\"type\":\"record\",\"name\":\"row\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":[\"string\",\"null\"]}},"
    "{\"name\":\"counts\",\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\","
    "\"name\":\"kv\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"long\"}]}}},"
    "{\"name\":\"either\",\"type\":[\"null\",\"boolean\",{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}]},"
    "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":2}}]}";

static void put_row(tarn_buf *b, int64_t i) {
    tarn_avro_put_long(b, i);
    tarn_avro_put_long(b, i % 2);
    if (i % 2) tarn_avro_put_str(b, TARN_LIT("odd \xc3\xa4"));
    tarn_avro_put_long(b, 2);
    tarn_avro_put_long(b, 0);
    tarn_avro_put_str(b, TARN_LIT("tag"));
    tarn_avro_put_long(b, 1);
    tarn_avro_put_long(b, 0);
    tarn_avro_put_long(b, i % 3);
    for (int64_t k = 0; k < i % 3; k++) {
        tarn_avro_put_long(b, k);
        tarn_avro_put_long(b, i);
    }
    if (i % 3) tarn_avro_put_long(b, 0);
    tarn_avro_put_long(b, i % 3);
    if (i % 3 == 1) tarn_avro_put_bool(b, true);
    if (i % 3 == 2) tarn_buf_add(b, "abc", 3);
    tarn_avro_put_str(b, i % 2 ? TARN_LIT("\xff\xff\x85") : TARN_LIT("\x7b"));
}

static tarn_code write_rows(tarn_cx *cx, tarn_buf *file, int64_t n, tarn_avro_codec codec) {
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) w = {0};
    TRY(tarn_avro_write_begin(cx, &w, file, TARN_LIT(row_schema), NULL, 0, codec));
    for (int64_t i = 0; i < n; i++) {
        put_row(&w.block, i);
        TRY(tarn_avro_write_row(cx, &w));
    }
    return tarn_avro_write_end(cx, &w);
}

static tarn_code read_bytes(tarn_cx *cx, void *state, size_t file, uint64_t offset, size_t n, tarn_buf *out) {
    const tarn_str *files = state;
    if (offset > files[file].n || n > files[file].n - offset) return tarn_fail(cx, TARN_CORRUPT, "past the end");
    tarn_buf_add(out, files[file].p + offset, n);
    return tarn_buf_ok(out) ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "full");
}

static tarn_code open_stream(tarn_cx *cx, tarn_str *bytes, size_t n, struct ArrowArrayStream *out) {
    static const char *const names[] = {"one.avro", "two.avro"};
    uint64_t sizes[2] = {bytes[0].n, n > 1 ? bytes[1].n : 0};
    uint64_t *kept = TARN_NEW_ARRAY(cx->arena, uint64_t, 2);
    memcpy(kept, sizes, sizeof sizes);
    tarn_avro_files files = {.names = names, .sizes = kept, .n = n, .read = read_bytes, .state = bytes};
    return tarn_avro_stream(cx, &files, out);
}

static void check_row(tarn_column batch, int64_t at, int64_t i) {
    assert_int_equal(tarn_column_int(tarn_column_named(batch, "id"), at), i);
    tarn_column name = tarn_column_named(batch, "name"), either = tarn_column_named(batch, "either");
    assert_int_equal(tarn_column_null(name, at), i % 2 == 0);
    if (i % 2) assert_true(tarn_str_is(tarn_column_str(name, at), "odd \xc3\xa4"));
    int64_t begin, end;
    tarn_column tags = tarn_column_list(tarn_column_named(batch, "tags"), at, &begin, &end);
    assert_int_equal(end - begin, 2);
    assert_true(tarn_str_is(tarn_column_str(tags, begin), "tag"));
    assert_true(tarn_column_null(tags, begin + 1));
    tarn_column pairs = tarn_column_list(tarn_column_named(batch, "counts"), at, &begin, &end);
    assert_int_equal(end - begin, i % 3);
    if (i % 3) assert_int_equal(tarn_column_int(tarn_column_child(pairs, 1), end - 1), i);
    if (i % 3) assert_int_equal(tarn_column_int(tarn_column_child(pairs, 0), end - 1), i % 3 - 1);
    assert_int_equal(tarn_column_null(either, at), i % 3 == 0);
    assert_int_equal(tarn_column_null(tarn_column_child(either, 0), at), i % 3 != 1);
    assert_int_equal(tarn_column_null(tarn_column_child(either, 1), at), i % 3 != 2);
    __int128 price;
    memcpy(&price, (const char *)tarn_column_named(batch, "price").array->buffers[1] + 16 * at, sizeof price);
    assert_true(price == (i % 2 ? -123 : 123));
}

static void test_rows(void **state) {
    tarn_cx *cx = *state;
    tarn_auto_buf one = TARN_BUF(1 << 26), two = TARN_BUF(1 << 26);
    OK(write_rows(cx, &one, 30000, TARN_AVRO_DEFLATE));
    OK(write_rows(cx, &two, 5, TARN_AVRO_STORED));
    tarn_str files[] = {{one.data, one.n}, {two.data, two.n}};
    tarn_auto(struct ArrowArrayStream, tarn_stream_release) stream = {0};
    tarn_auto(struct ArrowSchema, tarn_schema_release) schema = {0};
    OK(open_stream(cx, files, 2, &stream));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_string_equal(schema.children[3]->format, "+m");
    assert_string_equal(schema.children[5]->format, "d:20,2");
    int64_t rows = 0;
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        assert_int_equal(stream.get_next(&stream, &batch), 0);
        if (!batch.release) break;
        assert_in_range(batch.length, 1, 8192);
        for (int64_t i = 0; i < batch.length; i++, rows++)
            check_row((tarn_column){&schema, &batch}, i, rows < 30000 ? rows : rows - 30000);
    }
    assert_int_equal(rows, 30005);
}

static bool drain(tarn_cx *cx, tarn_str bytes) {
    tarn_auto(struct ArrowArrayStream, tarn_stream_release) stream = {0};
    tarn_auto(struct ArrowSchema, tarn_schema_release) schema = {0};
    if (open_stream(cx, &bytes, 1, &stream) != TARN_OK) return false;
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    for (;;) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        if (stream.get_next(&stream, &batch) != 0) {
            assert_true(stream.get_last_error(&stream) != NULL);
            return false;
        }
        if (!batch.release) return true;
    }
}

static void test_broken(void **state) {
    tarn_cx *cx = *state;
    tarn_auto_buf file = TARN_BUF(1 << 20);
    OK(write_rows(cx, &file, 6, TARN_AVRO_STORED));
    const tarn_avro_header *header;
    OK(tarn_avro_header_read(cx, cx->arena, (tarn_str){file.data, file.n}, &header));
    for (size_t n = 0; n < file.n; n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, file.data, n);
        assert_int_equal(drain(cx, (tarn_str){copy, n}), n == header->size);
        free(copy);
    }
    for (size_t at = 0; at < file.n; at++)
        for (int flip = 1; flip < 256; flip += 127) {
            file.data[at] = (char)(file.data[at] ^ flip);
            drain(cx, (tarn_str){file.data, file.n});
            file.data[at] = (char)(file.data[at] ^ flip);
        }
}

/* Two files whose columns differ are not one table. */
static void test_other_columns(void **state) {
    tarn_cx *cx = *state;
    tarn_auto_buf one = TARN_BUF(1 << 20), two = TARN_BUF(1 << 20);
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) w = {0};
    OK(write_rows(cx, &one, 1, TARN_AVRO_ZSTD));
    OK(tarn_avro_write_begin(cx, &w, &two, TARN_LIT("\"long\""), NULL, 0, TARN_AVRO_SNAPPY));
    tarn_avro_put_long(&w.block, 1);
    OK(tarn_avro_write_row(cx, &w));
    OK(tarn_avro_write_end(cx, &w));
    tarn_str files[] = {{one.data, one.n}, {two.data, two.n}};
    tarn_auto(struct ArrowArrayStream, tarn_stream_release) stream = {0};
    OK(open_stream(cx, files, 2, &stream));
    struct ArrowArray batch = {0};
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    tarn_array_release(&batch);
    assert_int_not_equal(stream.get_next(&stream, &batch), 0);
    assert_non_null(strstr(stream.get_last_error(&stream), "two.avro has not the columns of one.avro"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_broken, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_other_columns, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
