/* change_test.c: a change set keeps its own copies, in order. */
#include "model/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_pairs(void **state) {
    (void)state;
    tarn_arena *arena = tarn_arena_new();
    tarn_change change = {0};
    char name[] = "mode", json[] = "\"Append\"";
    tarn_change_parameter(arena, &change, name, json);
    tarn_change_metric(arena, &change, "rows", INT64_MIN);
    for (int i = 0; i < 20; i++) tarn_change_property(arena, &change, "k", i % 2 ? NULL : "v");
    name[0] = json[1] = '!';
    assert_int_equal(change.parameters.n, 1);
    assert_string_equal(change.parameters.at[0].name, "mode");
    assert_string_equal(change.parameters.at[0].value, "\"Append\"");
    assert_string_equal(change.metrics.at[0].value, "-9223372036854775808");
    assert_int_equal(change.properties.n, 20);
    assert_string_equal(change.properties.at[18].value, "v");
    assert_null(change.properties.at[19].value);
    tarn_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
