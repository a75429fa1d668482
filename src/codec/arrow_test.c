/* arrow_test.c: cells of Arrow arrays of every layout, and the building of small tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/arrow.h"

static const tarn_rowset_column columns[] = {
    {"t x", "u"}, {"l", "l"}, {"i", "i"}, {"g", "g"}, {"b", "b"}, {"ts", "tsu:UTC"}, {"d", "tdD"}, {"z", "z"},
};

static void fill_row(tarn_rowset *rows, int i) {
    char name[32];
    snprintf(name, sizeof name, "row é %d", i);
    tarn_rowset_text(rows, name);
    tarn_rowset_int(rows, INT64_C(10000000000) * i);
    tarn_rowset_int(rows, -i);
    tarn_rowset_double(rows, i / 2.0);
    tarn_rowset_int(rows, i % 2);
    tarn_rowset_int(rows, INT64_C(1000000) * i);
    tarn_rowset_int(rows, i);
    tarn_rowset_str(rows, (tarn_str){"\0\xff", 2});
}

static void test_rowset(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_rowset *rows = tarn_rowset_new(columns, 8);
    for (int i = 0; i < 10; i++) {
        if (i % 3 != 2)
            fill_row(rows, i);
        else
            for (int k = 0; k < 8; k++) tarn_rowset_null(rows);
    }
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch, end;
    assert_int_equal(tarn_rowset_count(rows), 10);
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_OK);
    assert_null(rows);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);
    stream.release(&stream);
    tarn_column all = {.schema = &schema, .array = &batch};
    assert_true(tarn_str_is(tarn_column_str(tarn_column_named(all, "t x"), 9), "row é 9"));
    assert_true(tarn_column_null(tarn_column_named(all, "t x"), 8));
    assert_false(tarn_column_null(tarn_column_named(all, "t x"), 9));
    assert_true(tarn_column_int(tarn_column_named(all, "l"), 9) == INT64_C(90000000000));
    assert_int_equal(tarn_column_int(tarn_column_named(all, "i"), 9), -9);
    assert_true(tarn_column_double(tarn_column_named(all, "g"), 9) == 4.5);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "b"), 9), 1);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "b"), 6), 0);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "ts"), 4), 4000000);
    assert_int_equal(tarn_column_int(tarn_column_named(all, "d"), 9), 9);
    assert_int_equal(tarn_column_str(tarn_column_named(all, "z"), 9).n, 2);
    batch.children[0]->offset = 3; /* a slice */
    assert_true(tarn_str_is(tarn_column_str(tarn_column_named(all, "t x"), 0), "row é 3"));
    assert_true(tarn_column_null(tarn_column_named(all, "t x"), 2));
    struct ArrowArray moved = *batch.children[1]; /* a consumer may take a child out */
    batch.children[1]->release = NULL;
    batch.release(&batch);
    assert_true(((const int64_t *)moved.buffers[1])[1] == INT64_C(10000000000));
    moved.release(&moved);
    schema.release(&schema);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

typedef struct feed {
    int given, done;
} feed;

static void more_rows(void *state, tarn_rowset *rows) {
    feed *f = state;
    for (int i = 0; i < 4 && f->given < 10; i++) fill_row(rows, f->given++);
}

static void rows_done(void *state) { ((feed *)state)->done++; }

/* Ten rows that are made four at a time. */
static void test_rowset_feed(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    feed f = {0};
    tarn_rowset *rows = tarn_rowset_new(columns, 8);
    tarn_rowset_feed(rows, more_rows, rows_done, &f);
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_OK);
    assert_int_equal(f.given, 0);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    tarn_column all = {.schema = &schema};
    for (int first = 0; first < 10; first += 4) {
        struct ArrowArray batch;
        assert_int_equal(stream.get_next(&stream, &batch), 0);
        assert_int_equal(batch.length, first < 8 ? 4 : 2);
        all.array = &batch;
        char name[32];
        snprintf(name, sizeof name, "row é %d", first + 1);
        assert_true(tarn_str_is(tarn_column_str(tarn_column_named(all, "t x"), 1), name));
        assert_int_equal(tarn_column_int(tarn_column_named(all, "i"), 1), -(first + 1));
        batch.release(&batch);
    }
    struct ArrowArray end;
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);
    assert_int_equal(f.done, 0);
    stream.release(&stream);
    assert_int_equal(f.done, 1);
    schema.release(&schema);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

/* A struct with a list and a map in it, a null one, and an empty one. */
static void test_rowset_nested(void **state) {
    (void)state;
    static const tarn_rowset_column nested[] = {{"s", "+s"},  {"l", "+l"},    {"item", "l"}, {"m", "+m"},
                                                {"key", "i"}, {"value", "u"}, {NULL, NULL},  {"after", "l"}};
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_rowset *rows = tarn_rowset_new(nested, 8);
    tarn_rowset_enter(rows);
    tarn_rowset_enter(rows);
    for (int i = 0; i < 3; i++) tarn_rowset_int(rows, 10 + i);
    tarn_rowset_leave(rows);
    tarn_rowset_enter(rows);
    tarn_rowset_int(rows, 1);
    tarn_rowset_text(rows, "one");
    tarn_rowset_int(rows, 2);
    tarn_rowset_null(rows);
    tarn_rowset_leave(rows);
    tarn_rowset_int(rows, 7);
    tarn_rowset_null(rows);
    tarn_rowset_int(rows, 8);
    tarn_rowset_enter(rows);
    tarn_rowset_enter(rows);
    tarn_rowset_leave(rows);
    tarn_rowset_null(rows);
    tarn_rowset_int(rows, 9);
    assert_int_equal(tarn_rowset_count(rows), 3);
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_OK);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    tarn_column all = {&schema, &batch}, s = tarn_column_named(all, "s");
    const struct ArrowArray *list = s.array->children[0], *map = s.array->children[1];
    const int32_t list_ends[] = {0, 3, 3, 3}, map_ends[] = {0, 2, 2, 2};
    assert_int_equal(batch.length, 3);
    assert_false(tarn_column_null(s, 0));
    assert_true(tarn_column_null(s, 1));
    assert_memory_equal(list->buffers[1], list_ends, sizeof list_ends);
    assert_memory_equal(map->buffers[1], map_ends, sizeof map_ends);
    assert_int_equal(list->null_count, 1);
    assert_int_equal(map->null_count, 2);
    assert_int_equal(((const int64_t *)list->children[0]->buffers[1])[2], 12);
    assert_string_equal(schema.children[0]->children[1]->format, "+m");
    tarn_column entries = {schema.children[0]->children[1]->children[0], map->children[0]};
    assert_int_equal(tarn_column_int(tarn_column_child(entries, 0), 1), 2);
    assert_true(tarn_str_is(tarn_column_str(tarn_column_child(entries, 1), 0), "one"));
    assert_true(tarn_column_null(tarn_column_child(entries, 1), 1));
    assert_int_equal(tarn_column_int(tarn_column_named(all, "after"), 2), 9);
    batch.release(&batch);
    schema.release(&schema);
    stream.release(&stream);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void test_rowset_wrong(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    struct ArrowArrayStream stream;
    tarn_rowset *rows = tarn_rowset_new(columns, 8);
    tarn_rowset_text(rows, "half a row");
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_INTERNAL);
    assert_non_null(rows);
    tarn_rowset_free(rows);
    rows = tarn_rowset_new(columns, 1);
    tarn_rowset_int(rows, 5);
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_INTERNAL);
    tarn_rowset_free(rows);
    rows = tarn_rowset_new(columns + 1, 1);
    tarn_rowset_text(rows, "a text where a number belongs");
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_INTERNAL);
    tarn_rowset_free(rows);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

/* A rowset released unread frees what it holds (seen by the leak checker), and no rows are no batch. */
static void test_rowset_unread(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    tarn_rowset *rows = tarn_rowset_new(columns, 8);
    fill_row(rows, 1);
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_OK);
    stream.release(&stream);
    rows = tarn_rowset_new(columns, 8);
    assert_int_equal(tarn_rowset_stream(&cx, &rows, &stream), TARN_OK);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    assert_null(batch.release);
    stream.release(&stream);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static int64_t int_of(const char *format, const void *data, int64_t row) {
    const void *buffers[] = {NULL, data};
    struct ArrowSchema schema = {.format = format};
    struct ArrowArray array = {.length = 9, .offset = 1, .n_buffers = 2, .buffers = buffers};
    return tarn_column_int((tarn_column){&schema, &array}, row);
}

static void test_numbers(void **state) {
    (void)state;
    assert_int_equal(int_of("c", (int8_t[]){0, -5}, 0), -5);
    assert_int_equal(int_of("C", (uint8_t[]){0, 250}, 0), 250);
    assert_int_equal(int_of("s", (int16_t[]){0, -500}, 0), -500);
    assert_int_equal(int_of("S", (uint16_t[]){0, 65535}, 0), 65535);
    assert_int_equal(int_of("i", (int32_t[]){0, -70000}, 0), -70000);
    assert_int_equal(int_of("I", (uint32_t[]){0, 4000000000u}, 0), 4000000000);
    assert_int_equal(int_of("ttm", (int32_t[]){0, 77}, 0), 77);
    assert_int_equal(int_of("tdm", (int64_t[]){0, 86400000}, 0), 86400000);
    assert_int_equal(int_of("tsn:", (int64_t[]){0, -1}, 0), -1);
    assert_int_equal(int_of("d:20,2", (int64_t[]){0, 0, 1250, 0}, 0), 1250);
    assert_int_equal(int_of("b", (uint8_t[]){0x04}, 1), 1);
    assert_int_equal(int_of("g", (double[]){0, 3.9}, 0), 3);
    assert_int_equal(int_of("u", (int32_t[]){0, 1, 2}, 0), 0); /* not a number */
    assert_int_equal(int_of("i", NULL, 0), 0);
}

static tarn_str str_of(const char *format, const void *a, const void *b) {
    const void *buffers[] = {NULL, a, b};
    struct ArrowSchema schema = {.format = format};
    struct ArrowArray array = {.length = 9, .offset = 1, .n_buffers = 3, .buffers = buffers};
    return tarn_column_str((tarn_column){&schema, &array}, 0);
}

static void test_strings(void **state) {
    (void)state;
    struct {
        int32_t n;
        char text[12];
    } near[] = {{0, ""}, {3, "abc"}};
    struct {
        int32_t n;
        char prefix[4];
        int32_t buffer, offset;
    } far[] = {{0, "", 0, 0}, {13, "", 0, 2}};
    assert_true(tarn_str_is(str_of("u", (int32_t[]){0, 1, 3}, "abc"), "bc"));
    assert_true(tarn_str_is(str_of("U", (int64_t[]){0, 1, 3}, "abc"), "bc"));
    assert_true(tarn_str_is(str_of("Z", (int64_t[]){0, 1, 3}, "abc"), "bc"));
    assert_true(tarn_str_is(str_of("w:2", "abcd", NULL), "cd"));
    assert_true(tarn_str_is(str_of("vu", near, NULL), "abc"));
    assert_true(tarn_str_is(str_of("vz", far, "..0123456789abc"), "0123456789abc"));
    assert_int_equal(str_of("u", (int32_t[]){0, 0, 0}, NULL).n, 0);
    assert_int_equal(str_of("u", NULL, NULL).n, 0);
    assert_int_equal(str_of("w:x", "abcd", NULL).n, 0);
}

static void test_dictionary(void **state) {
    (void)state;
    const void *index_buffers[] = {NULL, (uint8_t[]){1, 0, 2}};
    const void *value_buffers[] = {(uint8_t[]){0x3}, (int32_t[]){0, 1, 3, 3}, "ABB"};
    struct ArrowSchema text = {.format = "u"}, schema = {.format = "C", .dictionary = &text};
    struct ArrowArray values = {.length = 3, .null_count = 1, .n_buffers = 3, .buffers = value_buffers};
    struct ArrowArray array = {.length = 3, .n_buffers = 2, .buffers = index_buffers, .dictionary = &values};
    tarn_column c = {&schema, &array};
    assert_true(tarn_str_is(tarn_column_str(c, 0), "BB"));
    assert_true(tarn_str_is(tarn_column_str(c, 1), "A"));
    assert_false(tarn_column_null(c, 1));
    assert_true(tarn_column_null(c, 2));
}

static void check_list(const char *format, const void *a, const void *b, int64_t from, int64_t to) {
    const void *buffers[] = {(uint8_t[]){0xfe}, a, b};
    struct ArrowSchema item = {.format = "i"}, *items[] = {&item},
                       schema = {.format = format, .n_children = 1, .children = items};
    struct ArrowArray child = {.length = 9}, *children[] = {&child};
    struct ArrowArray array = {
        .length = 2, .null_count = -1, .n_buffers = 3, .buffers = buffers, .n_children = 1, .children = children};
    int64_t begin, end;
    tarn_column c = {&schema, &array};
    assert_ptr_equal(tarn_column_list(c, 1, &begin, &end).array, &child);
    assert_int_equal(begin, from);
    assert_int_equal(end, to);
    assert_null(tarn_column_list(c, 0, &begin, &end).array); /* null */
    assert_int_equal(end - begin, 0);
}

static void test_lists(void **state) {
    (void)state;
    check_list("+l", (int32_t[]){0, 2, 5}, NULL, 2, 5);
    check_list("+L", (int64_t[]){0, 2, 5}, NULL, 2, 5);
    check_list("+m", (int32_t[]){0, 2, 5}, NULL, 2, 5);
    check_list("+w:3", NULL, NULL, 3, 6);
    check_list("+vl", (int32_t[]){0, 4}, (int32_t[]){1, 2}, 4, 6);
    check_list("+vL", (int64_t[]){0, 4}, (int64_t[]){1, 2}, 4, 6);
    check_list("+l", NULL, NULL, 0, 0);
}

static void test_absent(void **state) {
    (void)state;
    tarn_column none = {0};
    int64_t begin, end;
    assert_true(tarn_column_null(none, 0));
    assert_int_equal(tarn_column_int(none, 0), 0);
    assert_true(tarn_column_double(none, 0) == 0);
    assert_int_equal(tarn_column_str(none, 0).n, 0);
    assert_null(tarn_column_list(none, 0, &begin, &end).array);
    assert_null(tarn_column_named(none, "x").array);
    assert_null(tarn_column_child(none, 0).array);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rowset),       cmocka_unit_test(test_rowset_feed),   cmocka_unit_test(test_rowset_nested),
        cmocka_unit_test(test_rowset_wrong), cmocka_unit_test(test_rowset_unread), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),      cmocka_unit_test(test_dictionary),    cmocka_unit_test(test_lists),
        cmocka_unit_test(test_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
