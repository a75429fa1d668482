/* cx_test.c: contexts stop in time, fork and join, and take their clock and randomness from whoever sets them. */
#include "base/cx.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t fixed_clock(void *state) { return *(int64_t *)state; }

static void fixed_random(void *state, void *out, size_t n) { memset(out, *(char *)state, n); }

static void test_clock_and_random(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    assert_true(tarn_now_us(&cx) > INT64_C(1700000000000000));
    assert_true(tarn_monotonic_us() > 0);
    int64_t now = -1;
    char byte = 7;
    unsigned char bytes[300] = {0}, other[300] = {0};
    tarn_random(&cx, bytes, sizeof bytes);
    tarn_random(&cx, other, sizeof other);
    assert_memory_not_equal(bytes, other, sizeof bytes);
    cx.clock = fixed_clock;
    cx.clock_state = &now;
    cx.random = fixed_random;
    cx.random_state = &byte;
    assert_int_equal(tarn_now_us(&cx), -1);
    assert_int_equal(tarn_now_ms(&cx), -1);
    now = -2000;
    assert_int_equal(tarn_now_ms(&cx), -2);
    now = 1999;
    assert_int_equal(tarn_now_ms(&cx), 1);
    tarn_random(&cx, bytes, 2);
    assert_int_equal(bytes[0] + bytes[1], 14);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void test_check_and_sleep(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    atomic_bool cancel = false;
    tarn_cx_init(&cx, conf);
    assert_int_equal(tarn_check(&cx), TARN_OK);
    cx.cancel = &cancel;
    cx.deadline_us = tarn_monotonic_us() + 30000;
    assert_int_equal(tarn_check(&cx), TARN_OK);
    assert_int_equal(tarn_sleep_ms(&cx, -5), TARN_OK);
    int64_t start = tarn_monotonic_us();
    assert_int_equal(tarn_sleep_ms(&cx, 2), TARN_OK);
    assert_true(tarn_monotonic_us() - start >= 2000);
    assert_int_equal(tarn_sleep_ms(&cx, INT64_MAX), TARN_TIMEOUT);
    assert_int_equal(tarn_check(&cx), TARN_TIMEOUT);
    assert_non_null(strstr(cx.error.message, "statement_timeout"));
    atomic_store(&cancel, true);
    assert_int_equal(tarn_check(&cx), TARN_CANCELLED);
    assert_int_equal(tarn_sleep_ms(&cx, 0), TARN_CANCELLED);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

static void test_fork_and_join(void **state) {
    (void)state;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx, child;
    tarn_counters counters = {0};
    tarn_cx_init(&cx, conf);
    cx.principal = "ann";
    cx.deadline_us = 1;
    cx.counters = &counters;
    tarn_cx_fork(&cx, &child);
    assert_ptr_equal(child.conf, conf);
    assert_string_equal(child.principal, "ann");
    assert_int_equal(child.deadline_us, 1);
    assert_null(child.pool);
    tarn_count(&child, store_get, 2);
    assert_int_equal(atomic_load(&counters.store_get), 2);
    char *text = tarn_printf(&child, "%d", 42);
    assert_int_equal(tarn_cx_join(&cx, &child, TARN_OK), TARN_OK);
    assert_string_equal(text, "42");
    assert_int_equal(cx.error.code, TARN_OK);
    tarn_cx_fork(&cx, &child);
    tarn_fail(&child, TARN_IO, "bad disk");
    assert_int_equal(tarn_cx_join(&cx, &child, TARN_IO), TARN_IO);
    assert_string_equal(cx.error.message, "bad disk");
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_and_random),
        cmocka_unit_test(test_check_and_sleep),
        cmocka_unit_test(test_fork_and_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
