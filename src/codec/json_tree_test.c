/* json_tree_test.c: lookups that chain, duplicate keys, large objects, and what the tree keeps of the text. */
#include "codec/json_tree.h"

#include "support/cx_fixture.h"

#include <math.h>
#include <stdio.h>

static const tarn_json_value *parse(tarn_cx *cx, const char *text) {
    const tarn_json_value *v = NULL;
    if (tarn_json_parse(cx, cx->arena, tarn_str_of(text), 64, &v) != TARN_OK) fail_msg("%s", cx->error.message);
    return v;
}

static void test_lookups(void **state) {
    const tarn_json_value *v =
        parse(*state, "{\"a\":{\"b\":[1,\"x\\n\",true,null,-2.5]},\"\\u0065\":{ },\"f\":\"NaN\"}");
    const tarn_json_value *b = tarn_json_get(tarn_json_get(v, "a"), "b");
    assert_int_equal(tarn_json_count(b), 5);
    assert_int_equal(tarn_json_as_int(tarn_json_at(b, 0), 9), 1);
    assert_true(tarn_str_is(tarn_json_as_str(tarn_json_at(b, 1)), "x\n"));
    assert_true(tarn_json_as_bool(tarn_json_at(b, 2), false));
    assert_true(tarn_json_is_null(tarn_json_at(b, 3)));
    assert_true(tarn_json_as_double(tarn_json_at(b, 4), 0) == -2.5);
    assert_true(tarn_str_is(b->raw, "[1,\"x\\n\",true,null,-2.5]"));
    assert_true(tarn_str_is(tarn_json_get(v, "e")->raw, "{ }"));
    assert_true(tarn_str_is(v->keys[1], "e"));
    assert_true(isnan(tarn_json_as_double(tarn_json_get(v, "f"), 0)));
    assert_null(tarn_json_at(b, 5));
    assert_null(tarn_json_get(b, "b"));
    assert_null(tarn_json_get(tarn_json_get(tarn_json_at(NULL, 0), "x"), "y"));
}

static void test_other_types_fall_back(void **state) {
    const tarn_json_value *v = parse(*state, "[1.5,\"1\",99999999999999999999,null]");
    int64_t i = 3;
    double d = 3;
    bool b = true;
    for (size_t k = 0; k < 4; k++) assert_int_equal(tarn_json_as_int(tarn_json_at(v, k), 7), 7);
    assert_false(tarn_json_to_int(tarn_json_at(v, 2), &i) || tarn_json_to_int(NULL, &i) || i != 3);
    assert_false(tarn_json_to_double(tarn_json_at(v, 1), &d) || d != 3);
    assert_false(tarn_json_to_bool(tarn_json_at(v, 0), &b) || !b);
    assert_null(tarn_json_as_str(tarn_json_at(v, 0)).p);
    assert_true(tarn_json_is_null(NULL));
}

static void test_last_duplicate_wins(void **state) {
    const tarn_json_value *v = parse(*state, "{\"a\":1,\"b\":2,\"a\":[3],\"\\u0061\":4}");
    assert_int_equal(v->n, 2);
    assert_int_equal(tarn_json_as_int(tarn_json_get(v, "a"), 0), 4);
    assert_true(tarn_str_is(v->keys[0], "a") && tarn_str_is(v->keys[1], "b"));
}

static void test_large_object(void **state) {
    tarn_auto_buf text = TARN_BUF(1 << 20);
    for (int i = 0; i < 3000; i++) tarn_buf_printf(&text, "%s\"k%d\":%d", i ? "," : "{", i % 1000, i);
    tarn_buf_puts(&text, "}");
    const tarn_json_value *v = parse(*state, text.data);
    assert_int_equal(v->n, 1000);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(tarn_json_as_int(tarn_json_get(v, key), -1), 2000 + i);
        assert_true(tarn_str_is(v->keys[i], key));
    }
    assert_null(tarn_json_get(v, "k1000"));
}

static void test_value_inside_a_text(void **state) {
    tarn_cx *cx = *state;
    tarn_json r;
    tarn_str key;
    bool more;
    const tarn_json_value *v = NULL;
    tarn_json_init(&r, TARN_LIT("{\"m\":{\"x\":[7]},\"n\":1}"), 8);
    assert_int_equal(tarn_json_next(cx, &r), TARN_OK);
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_int_equal(tarn_json_read_value(cx, &r, cx->arena, &v), TARN_OK);
    assert_int_equal(tarn_json_as_int(tarn_json_at(tarn_json_get(v, "x"), 0), 0), 7);
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_true(more && tarn_str_is(key, "n"));
    assert_int_equal(tarn_json_field(cx, &r, &key, &more), TARN_OK);
    assert_int_equal(tarn_json_read_value(cx, &r, cx->arena, &v), TARN_CORRUPT);
}

static void test_output_untouched_on_failure(void **state) {
    tarn_cx *cx = *state;
    const tarn_json_value *v = NULL;
    assert_int_equal(tarn_json_parse(cx, cx->arena, TARN_LIT("{\"a\":1} x"), 64, &v), TARN_CORRUPT);
    assert_null(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lookups, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_other_types_fall_back, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_last_duplicate_wins, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_large_object, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_value_inside_a_text, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_output_untouched_on_failure, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
