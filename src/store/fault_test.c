/* fault_test.c: that faults happen where they were planned, and that a crash loses just what was not durable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/conf.h"
#include "store/fault.h"

typedef struct fixture {
    tarn_cx cx;
    tarn_store *inner, *store;
    tarn_fault *fault;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    tarn_cx_init(&f->cx, tarn_conf_defaults());
    assert_int_equal(tarn_store_open(&f->cx, "mem://faulty", &f->inner), TARN_OK);
    tarn_store_fault(f->inner, &f->store, &f->fault);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_store_close(f->store);
    tarn_store_close(f->inner);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
    return 0;
}

static tarn_code put(fixture *f, const char *key) {
    return tarn_store_put(&f->cx, f->store, key, TARN_LIT("0123456789"), TARN_PUT_ABSENT, NULL, NULL);
}

/* As DuckDB would write it: around the store. */
static void write_around(fixture *f, const char *key) {
    assert_int_equal(tarn_store_put(&f->cx, f->inner, key, TARN_LIT("data"), TARN_PUT_ALWAYS, NULL, NULL), TARN_OK);
}

static int64_t size_of(fixture *f, const char *key) {
    tarn_stat stat;
    tarn_code code = tarn_store_head(&f->cx, f->inner, key, &stat);
    return code == TARN_OK ? stat.size : -1;
}

static void test_fails_the_nth(void **state) {
    fixture *f = *state;
    tarn_str got;
    tarn_fault_set(f->fault,
                   &(tarn_fault_plan){
                       .kind = TARN_FAULT_FAIL, .call = TARN_FAULT_PUT, .nth = 2, .times = 2, .code = TARN_TIMEOUT});
    assert_int_equal(put(f, "1"), TARN_OK);
    assert_int_equal(tarn_store_read(&f->cx, f->store, "1", 99, f->cx.arena, &got), TARN_OK);
    assert_int_equal(put(f, "2"), TARN_TIMEOUT);
    assert_string_equal(f->cx.error.message, "store mem://faulty: put 2: it fails by plan (a test's fault)");
    assert_int_equal(put(f, "3"), TARN_TIMEOUT);
    assert_int_equal(put(f, "4"), TARN_OK);
    assert_int_equal(size_of(f, "2"), -1);
    assert_int_equal(tarn_fault_count(f->fault, TARN_FAULT_PUT), 4);
    assert_int_equal(tarn_fault_count(f->fault, TARN_FAULT_GET), 1);
    assert_int_equal(tarn_fault_count(f->fault, TARN_FAULT_ANY), 5);
}

static void test_ambiguous(void **state) {
    fixture *f = *state;
    tarn_fault_set(f->fault,
                   &(tarn_fault_plan){.kind = TARN_FAULT_AMBIGUOUS, .call = TARN_FAULT_PUT, .nth = 1, .times = -1});
    assert_int_equal(put(f, "k"), TARN_IO);
    assert_int_equal(size_of(f, "k"), 10);
    assert_int_equal(put(f, "k"), TARN_EXISTS);
}

static void test_torn(void **state) {
    fixture *f = *state;
    tarn_entry_list list;
    tarn_list_spec spec = {.max = 9, .recursive = true};
    tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = TARN_FAULT_TEAR, .call = TARN_FAULT_PUT, .nth = 1});
    assert_int_equal(put(f, "log/k"), TARN_IO);
    assert_true(tarn_fault_is_down(f->fault));
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &list), TARN_IO);
    tarn_fault_restart(f->fault);
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &list), TARN_OK);
    assert_int_equal(list.n, 0);
    spec.with_temps = true;
    spec.with_stat = true;
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &list), TARN_OK);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.at[0].size, 5);
    assert_int_equal(put(f, "log/k"), TARN_OK);
}

static void test_delay(void **state) {
    fixture *f = *state;
    tarn_fault_set(f->fault,
                   &(tarn_fault_plan){.kind = TARN_FAULT_DELAY, .call = TARN_FAULT_PUT, .nth = 1, .delay_ms = 30});
    int64_t start = tarn_monotonic_us();
    assert_int_equal(put(f, "k"), TARN_OK);
    assert_true(tarn_monotonic_us() - start >= 30000);
    tarn_fault_set(f->fault,
                   &(tarn_fault_plan){.kind = TARN_FAULT_DELAY, .call = TARN_FAULT_PUT, .nth = 1, .delay_ms = 60000});
    f->cx.deadline_us = tarn_monotonic_us() + 20000;
    assert_int_equal(put(f, "l"), TARN_TIMEOUT);
    f->cx.deadline_us = 0;
    assert_int_equal(size_of(f, "l"), -1);
}

/* What a crash test does: count the steps of a run, then stop before and after each of them. */
static tarn_code run_commit(fixture *f, int64_t id) {
    const char *data = tarn_printf(&f->cx, "data/%lld", (long long)id),
               *log = tarn_printf(&f->cx, "log/%lld", (long long)id);
    tarn_entry_list list;
    const tarn_list_spec spec = {.prefix = "log/", .max = 99};
    write_around(f, data);
    TRY(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &list));
    TRY(tarn_store_sync(&f->cx, f->store, &data, 1));
    return put(f, log);
}

static void test_crash_at_every_step(void **state) {
    fixture *f = *state;
    assert_int_equal(tarn_fault_watch(&f->cx, f->fault, "data/"), TARN_OK);
    tarn_fault_set(f->fault, NULL);
    assert_int_equal(run_commit(f, 0), TARN_OK);
    int64_t steps = tarn_fault_count(f->fault, TARN_FAULT_ANY), id = 1;
    assert_int_equal(steps, 3);
    for (int after = 0; after < 2; after++) {
        for (int64_t step = 1; step <= steps; step++, id++) {
            tarn_fault_kind kind = after ? TARN_FAULT_CRASH_AFTER : TARN_FAULT_CRASH_BEFORE;
            tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = kind, .call = TARN_FAULT_ANY, .nth = step});
            assert_int_equal(run_commit(f, id), TARN_IO);
            assert_int_equal(put(f, "still down"), TARN_IO);
            assert_int_equal(tarn_fault_crash(&f->cx, f->fault, step % 2 ? TARN_FAULT_REMOVED : TARN_FAULT_EMPTIED),
                             TARN_OK);
            tarn_fault_restart(f->fault);
            int64_t done = step - !after;
            int64_t data = size_of(f, tarn_printf(&f->cx, "data/%lld", (long long)id));
            assert_int_equal(data, done >= 2 ? 4 : step % 2 ? -1 : 0);
            assert_int_equal(size_of(f, tarn_printf(&f->cx, "log/%lld", (long long)id)), done >= 3 ? 10 : -1);
        }
    }
    assert_int_equal(size_of(f, "data/0"), 4);
}

static void test_what_was_there_survives(void **state) {
    fixture *f = *state;
    write_around(f, "data/old");
    assert_int_equal(tarn_fault_watch(&f->cx, f->fault, "data/"), TARN_OK);
    write_around(f, "data/new");
    write_around(f, "elsewhere");
    assert_int_equal(put(f, "data/put"), TARN_OK);
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "data/new", "data/copied", TARN_PUT_ABSENT), TARN_OK);
    assert_int_equal(tarn_fault_crash(&f->cx, f->fault, TARN_FAULT_REMOVED), TARN_OK);
    assert_int_equal(tarn_store_folder(&f->cx, f->store, "data"), TARN_IO);
    assert_int_equal(size_of(f, "data/old"), 4);
    assert_int_equal(size_of(f, "data/new"), -1);
    assert_int_equal(size_of(f, "data/put"), 10);
    assert_int_equal(size_of(f, "data/copied"), 4);
    assert_int_equal(size_of(f, "elsewhere"), 4);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_fails_the_nth), CASE(test_ambiguous),           CASE(test_torn),
        CASE(test_delay),         CASE(test_crash_at_every_step), CASE(test_what_was_there_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
