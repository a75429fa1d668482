/* arrow_ipc_test.c: reads the written messages back field by field: slices, nulls, nesting, metadata, and broken input.
 */
#include "codec/arrow_ipc.h"

#include "support/cx_fixture.h"

#include <errno.h>

/* A stream of one column, given once. */
typedef struct source {
    struct ArrowArrayStream stream;
    struct ArrowSchema root_schema, *fields[1];
    struct ArrowArray root, *columns[1];
    const void *no_buffers[1];
    int schema_error, next_error, given;
} source;

static void release_schema(struct ArrowSchema *s) { s->release = NULL; }
static void release_array(struct ArrowArray *a) { a->release = NULL; }
static const char *last_error(struct ArrowArrayStream *s) {
    return ((source *)s->private_data)->next_error ? "broken pipe of rows" : NULL;
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    source *from = s->private_data;
    if (!from->schema_error) *out = from->root_schema;
    return from->schema_error;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    source *from = s->private_data;
    if (from->next_error) return from->next_error;
    if (from->given++)
        *out = (struct ArrowArray){0};
    else
        *out = from->root;
    return 0;
}

static void open_source(source *s, struct ArrowSchema *field, struct ArrowArray *column) {
    *s = (source){.fields = {field}, .columns = {column}};
    s->root_schema = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 1, .children = s->fields, .release = release_schema};
    s->root = (struct ArrowArray){.length = column->length,
                                  .n_buffers = 1,
                                  .buffers = s->no_buffers,
                                  .n_children = 1,
                                  .children = s->columns,
                                  .release = release_array};
    s->stream = (struct ArrowArrayStream){get_schema, get_next, last_error, NULL, s};
}

static tarn_code write_buf(tarn_cx *cx, void *state, const void *p, size_t n) {
    tarn_buf_add(state, p, n);
    return tarn_buf_ok(state) ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "full");
}

static int32_t i32(const char *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static int64_t i64(const char *p) {
    int64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Reading FlatBuffers: a field's place or NULL; what a reference points to. */
static const char *slot(const char *table, int i) {
    const char *vtable = table - i32(table);
    uint16_t at;
    memcpy(&at, vtable + 4 + 2 * i, sizeof at);
    return at ? table + at : NULL;
}
static const char *follow(const char *p) { return p + i32(p); }

typedef struct message {
    const char *header, *body;
    int type;
    int64_t body_bytes;
} message;

static const char *read_message(const char *p, message *m) {
    assert_int_equal(i32(p), -1);
    int32_t n = i32(p + 4);
    assert_int_equal(n % 8, 0);
    const char *root = follow(p + 8);
    *m = (message){follow(slot(root, 2)), p + 8 + n, *slot(root, 1), i64(slot(root, 3))};
    assert_int_equal(m->body_bytes % 8, 0);
    return m->body + m->body_bytes;
}

typedef struct result {
    tarn_buf bytes;
    message schema, batch;
    const char *field, *nodes, *buffers;
} result;

static void write_and_read(tarn_cx *cx, source *s, result *r) {
    r->bytes = TARN_BUF(1 << 20);
    if (tarn_arrow_ipc_write(cx, &s->stream, write_buf, &r->bytes) != TARN_OK) fail_msg("%s", cx->error.message);
    const char *p = read_message(r->bytes.data, &r->schema);
    assert_int_equal(r->schema.type, 1);
    p = read_message(p, &r->batch);
    assert_int_equal(r->batch.type, 3);
    assert_true(i64(slot(r->batch.header, 0)) == s->root.length);
    assert_ptr_equal(p + 8, r->bytes.data + r->bytes.n);
    assert_true(i32(p) == -1 && i32(p + 4) == 0);
    const char *fields = follow(slot(r->schema.header, 1));
    assert_int_equal(i32(fields), 1);
    r->field = follow(fields + 4);
    r->nodes = follow(slot(r->batch.header, 1));
    r->buffers = follow(slot(r->batch.header, 2));
}

static const char *buffer_of(const result *r, int i, int64_t *n) {
    assert_true(i < i32(r->buffers));
    const char *pair = r->buffers + 4 + 16 * i;
    *n = i64(pair + 8);
    assert_true(i64(pair) % 8 == 0 && i64(pair) + *n <= r->batch.body_bytes);
    return r->batch.body + i64(pair);
}

static void check_node(const result *r, int i, int64_t length, int64_t nulls) {
    assert_true(i64(r->nodes + 4 + 16 * i) == length && i64(r->nodes + 12 + 16 * i) == nulls);
}

static void check_buffer(const result *r, int i, const void *want, int64_t size) {
    int64_t n;
    const char *p = buffer_of(r, i, &n);
    assert_int_equal(n, size);
    assert_memory_equal(p, want, (size_t)size);
}

static void test_sliced_integers(void **state) {
    static const unsigned char validity[] = {0xff, 0xf5};
    int64_t values[16];
    for (int i = 0; i < 16; i++) values[i] = i;
    const void *buffers[] = {validity, values};
    static const char metadata[] = "\1\0\0\0\3\0\0\0key\5\0\0\0value";
    struct ArrowSchema field = {.format = "l", .name = "id", .metadata = metadata, .flags = ARROW_FLAG_NULLABLE};
    struct ArrowArray column = {.length = 10, .null_count = -1, .offset = 5, .n_buffers = 2, .buffers = buffers};
    source s;
    result r;
    open_source(&s, &field, &column);
    write_and_read(*state, &s, &r);
    assert_string_equal(follow(slot(r.field, 0)) + 4, "id");
    assert_int_equal(*slot(r.field, 1), 1);
    assert_int_equal(*slot(r.field, 2), 2);
    assert_int_equal(i32(slot(follow(slot(r.field, 3)), 0)), 64);
    const char *pairs = follow(slot(r.field, 6)), *pair = follow(pairs + 4);
    assert_int_equal(i32(pairs), 1);
    assert_string_equal(follow(slot(pair, 0)) + 4, "key");
    assert_string_equal(follow(slot(pair, 1)) + 4, "value");
    check_node(&r, 0, 10, 2);
    int64_t n;
    const unsigned char *bits = (const unsigned char *)buffer_of(&r, 0, &n);
    assert_int_equal(n, 2);
    for (int i = 0; i < 10; i++) assert_int_equal(bits[i / 8] >> (i % 8) & 1, i + 5 != 9 && i + 5 != 11);
    check_buffer(&r, 1, values + 5, 80);
    tarn_buf_free(&r.bytes);
}

static void test_sliced_lists_of_text(void **state) {
    static const int32_t text_offsets[] = {0, 1, 3, 6, 6}, list_offsets[] = {0, 1, 3, 4};
    const void *text_buffers[] = {NULL, text_offsets, "abbccc"}, *list_buffers[] = {NULL, list_offsets};
    struct ArrowSchema text = {.format = "u", .name = "item"}, *children[] = {&text};
    struct ArrowSchema field = {.format = "+l", .name = "l", .n_children = 1, .children = children};
    struct ArrowArray texts = {.length = 4, .n_buffers = 3, .buffers = text_buffers}, *arrays[] = {&texts};
    struct ArrowArray column = {
        .length = 2, .offset = 1, .n_buffers = 2, .buffers = list_buffers, .n_children = 1, .children = arrays};
    source s;
    result r;
    open_source(&s, &field, &column);
    write_and_read(*state, &s, &r);
    check_node(&r, 0, 2, 0);
    check_node(&r, 1, 3, 0);
    check_buffer(&r, 0, "", 0);
    check_buffer(&r, 1, (int32_t[]){0, 2, 3}, 12);
    check_buffer(&r, 3, (int32_t[]){0, 2, 5, 5}, 16);
    check_buffer(&r, 4, "bbccc", 5);
    tarn_buf_free(&r.bytes);
}

static void test_dictionary_becomes_text(void **state) {
    static const int32_t offsets[] = {0, 1, 3};
    const void *word_buffers[] = {NULL, offsets, "abb"}, *buffers[] = {"\x0b", "\1\0\1\1"};
    struct ArrowSchema words = {.format = "u", .name = ""}, field = {.format = "C", .name = "e", .dictionary = &words};
    struct ArrowArray dictionary = {.length = 2, .n_buffers = 3, .buffers = word_buffers};
    struct ArrowArray column = {
        .length = 4, .null_count = 1, .n_buffers = 2, .buffers = buffers, .dictionary = &dictionary};
    source s;
    result r;
    open_source(&s, &field, &column);
    write_and_read(*state, &s, &r);
    check_node(&r, 0, 4, 1);
    check_buffer(&r, 0, "\x0b", 1);
    check_buffer(&r, 1, (int32_t[]){0, 2, 3, 3, 5}, 20);
    check_buffer(&r, 2, "bbabb", 5);
    tarn_buf_free(&r.bytes);
    dictionary.length = 1;
    tarn_auto_buf bytes = TARN_BUF(1 << 20);
    open_source(&s, &field, &column);
    assert_int_equal(tarn_arrow_ipc_write(*state, &s.stream, write_buf, &bytes), TARN_CORRUPT);
}

static void test_no_rows(void **state) {
    const void *buffers[] = {NULL, NULL, NULL};
    struct ArrowSchema field = {.format = "U", .name = "t"};
    struct ArrowArray column = {.n_buffers = 3, .buffers = buffers};
    source s;
    result r;
    open_source(&s, &field, &column);
    write_and_read(*state, &s, &r);
    check_node(&r, 0, 0, 0);
    check_buffer(&r, 1, (int64_t[]){0}, 8);
    tarn_buf_free(&r.bytes);
}

static tarn_code write_column(tarn_cx *cx, struct ArrowSchema *field, struct ArrowArray *column, size_t max) {
    source s;
    tarn_auto_buf bytes = TARN_BUF(max);
    open_source(&s, field, column);
    return tarn_arrow_ipc_write(cx, &s.stream, write_buf, &bytes);
}

static void test_refused_types(void **state) {
    static const char *const formats[] = {
        "",          "x",          "vu", "vz",   "+us:0", "+r", "+vl",  "d:",   "d:10",           "d:0,1",
        "d:9,1,100", "d:9,1,128,", "ts", "tsx:", "tsu",   "w:", "w:-1", "w:3,", "+w:99999999999", "+l",
        "+s:",       "tdX"};
    static const int64_t values[4];
    const void *buffers[] = {NULL, values, values};
    struct ArrowArray column = {.length = 1, .n_buffers = 3, .buffers = buffers};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct ArrowSchema field = {.format = formats[i], .name = "col"};
        tarn_code code = write_column(*state, &field, &column, 1 << 20);
        assert_int_equal(code, strcmp(formats[i], "+l") == 0 ? TARN_CORRUPT : TARN_UNSUPPORTED);
        assert_non_null(strstr(((tarn_cx *)*state)->error.message, "\"col\""));
    }
}

static void test_broken_arrays(void **state) {
    static const int32_t descending[] = {3, 1}, ascending[] = {0, 9};
    const void *buffers[] = {NULL, descending, "abc"};
    struct ArrowSchema text = {.format = "u", .name = "t"}, *children[] = {&text};
    struct ArrowSchema list = {.format = "+l", .name = "l", .n_children = 1, .children = children};
    struct ArrowArray column = {.length = 1, .n_buffers = 3, .buffers = buffers};
    assert_int_equal(write_column(*state, &text, &column, 1 << 20), TARN_CORRUPT);
    column.n_buffers = 2;
    assert_int_equal(write_column(*state, &text, &column, 1 << 20), TARN_CORRUPT);
    const void *list_buffers[] = {NULL, ascending};
    column.n_buffers = 3;
    struct ArrowArray *arrays[] = {&column};
    struct ArrowArray outer = {
        .length = 1, .n_buffers = 2, .buffers = list_buffers, .n_children = 1, .children = arrays};
    assert_int_equal(write_column(*state, &list, &outer, 1 << 20), TARN_CORRUPT);
    outer.n_children = 0;
    assert_int_equal(write_column(*state, &list, &outer, 1 << 20), TARN_CORRUPT);
}

static void test_errors_pass_through(void **state) {
    tarn_cx *cx = *state;
    const void *buffers[] = {NULL, "\1\2\3\4"};
    struct ArrowSchema field = {.format = "i", .name = "c"};
    struct ArrowArray column = {.length = 1, .n_buffers = 2, .buffers = buffers};
    assert_int_equal(write_column(cx, &field, &column, 10), TARN_LIMIT);
    assert_string_equal(cx->error.message, "full");
    source s;
    tarn_auto_buf bytes = TARN_BUF(1 << 20);
    open_source(&s, &field, &column);
    s.next_error = EIO;
    assert_int_equal(tarn_arrow_ipc_write(cx, &s.stream, write_buf, &bytes), TARN_IO);
    assert_string_equal(cx->error.message, "reading rows: broken pipe of rows");
    open_source(&s, &field, &column);
    s.schema_error = ENOMEM;
    assert_int_equal(tarn_arrow_ipc_write(cx, &s.stream, write_buf, &bytes), TARN_NOMEM);
    open_source(&s, &field, &column);
    assert_int_equal(tarn_arrow_ipc_write_fd(cx, &s.stream, -1), TARN_IO);
}

static void test_nesting_is_bounded(void **state) {
    enum { LEVELS = 200 };
    static struct ArrowSchema fields[LEVELS], *children[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        children[i] = i + 1 < LEVELS ? &fields[i + 1] : NULL;
        fields[i] = (struct ArrowSchema){
            .format = i + 1 < LEVELS ? "+s" : "n", .name = "", .n_children = i + 1 < LEVELS, .children = &children[i]};
    }
    struct ArrowArray column = {0};
    assert_int_equal(write_column(*state, &fields[0], &column, 1 << 20), TARN_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sliced_integers, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_sliced_lists_of_text, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_dictionary_becomes_text, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_no_rows, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_refused_types, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_broken_arrays, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_errors_pass_through, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_nesting_is_bounded, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
