/* pool_test.c: all tasks run once, failures stop the rest, nesting and sharing do not deadlock. */
#include "base/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct work_state {
    atomic_int started, running, most;
    size_t fail_from; /* tasks from here on fail */
    atomic_bool *cancel;
    char **texts;
    int nested;
} work_state;

static tarn_code count_task(tarn_cx *cx, size_t i, void *state) {
    (void)i;
    atomic_fetch_add((atomic_int *)state, 1);
    return tarn_sleep_ms(cx, 0);
}

static tarn_code do_task(tarn_cx *cx, size_t i, void *state) {
    work_state *w = state;
    atomic_fetch_add(&w->started, 1);
    int running = atomic_fetch_add(&w->running, 1) + 1, most = atomic_load(&w->most);
    while (running > most && !atomic_compare_exchange_weak(&w->most, &most, running)) {
    }
    tarn_code code = tarn_sleep_ms(cx, (int64_t)(i % 3));
    if (w->texts) w->texts[i] = tarn_printf(cx, "task %zu", i);
    if (w->nested && code == TARN_OK) {
        atomic_int inner = 0;
        code = tarn_pool_run(cx, 5, count_task, &inner);
        if (atomic_load(&inner) != 5) code = tarn_fail(cx, TARN_INTERNAL, "inner tasks: %d", atomic_load(&inner));
    }
    if (w->cancel && i == 10) atomic_store(w->cancel, true);
    if (i >= w->fail_from) code = tarn_fail(cx, TARN_IO, "task %zu failed", i);
    atomic_fetch_sub(&w->running, 1);
    return code;
}

typedef struct fixture {
    tarn_conf *conf;
    tarn_cx cx;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    f->cx.pool = tarn_pool_new(4);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_pool_free(f->cx.pool);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

static void test_all_run(void **state) {
    fixture *f = *state;
    for (int round = 0; round < 3; round++) {
        work_state w = {.fail_from = SIZE_MAX, .texts = calloc(200, sizeof(char *)), .nested = round == 2};
        assert_int_equal(tarn_pool_run(&f->cx, 200, do_task, &w), TARN_OK);
        assert_int_equal(w.started, 200);
        assert_in_range(w.most, 2, 4);
        for (size_t i = 0; i < 200; i++) {
            char *text = tarn_printf(&f->cx, "task %zu", i);
            assert_string_equal(w.texts[i], text);
        }
        free(w.texts);
    }
    assert_int_equal(tarn_pool_run(&f->cx, 0, do_task, NULL), TARN_OK);
}

static void test_failure(void **state) {
    fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        work_state w = {.fail_from = 30};
        assert_int_equal(tarn_pool_run(&f->cx, 100000, do_task, &w), TARN_IO);
        assert_string_equal(f->cx.error.message, "task 30 failed");
        assert_in_range(w.started, 31, 40);
        assert_int_equal(w.running, 0);
    }
}

static void test_cancel(void **state) {
    fixture *f = *state;
    atomic_bool cancel = false;
    f->cx.cancel = &cancel;
    work_state w = {.fail_from = SIZE_MAX, .cancel = &cancel};
    assert_int_equal(tarn_pool_run(&f->cx, 100000, do_task, &w), TARN_CANCELLED);
    assert_in_range(w.started, 11, 20);
    f->cx.cancel = NULL;
    f->cx.deadline_us = 1;
    assert_int_equal(tarn_pool_run(&f->cx, 3, do_task, &w), TARN_TIMEOUT);
}

static void test_without_pool(void **state) {
    fixture *f = *state;
    tarn_pool *pool = f->cx.pool;
    f->cx.pool = NULL;
    work_state w = {.fail_from = 7, .nested = 1};
    assert_int_equal(tarn_pool_run(&f->cx, 100, do_task, &w), TARN_IO);
    assert_int_equal(w.started, 8);
    assert_int_equal(w.most, 1);
    f->cx.pool = tarn_pool_new(1);
    w = (work_state){.fail_from = SIZE_MAX, .nested = 1};
    assert_int_equal(tarn_pool_run(&f->cx, 10, do_task, &w), TARN_OK);
    assert_int_equal(w.most, 1);
    tarn_pool_free(f->cx.pool);
    f->cx.pool = pool;
    w = (work_state){.fail_from = SIZE_MAX, .nested = 1};
    assert_int_equal(tarn_pool_run(&f->cx, 1, do_task, &w), TARN_OK);
}

static void *run_session(void *arg) {
    fixture *f = arg;
    tarn_cx cx;
    tarn_cx_init(&cx, f->conf);
    cx.pool = f->cx.pool;
    intptr_t failures = 0;
    for (int i = 0; i < 20; i++) {
        work_state w = {.fail_from = i % 4 == 3 ? 5 : SIZE_MAX, .nested = 1};
        failures += tarn_pool_run(&cx, 20, do_task, &w) != (i % 4 == 3 ? TARN_IO : TARN_OK);
    }
    tarn_cx_done(&cx);
    return (void *)failures;
}

static void test_shared(void **state) {
    fixture *f = *state;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_session, f), 0);
    for (int i = 0; i < 3; i++) {
        void *failures = f;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
