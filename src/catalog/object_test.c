/* object_test.c: the catalog as one object: lost and doubtful puts, many processes, what a manifest may hold, requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalog/catalogs.h"
#include "store/fault.h"
#include "support/folder.h"

#define KEY ".tarn/catalog.json"

typedef struct fixture {
    tarn_conf *conf;
    tarn_cx cx;
    tarn_counters counters;
    tarn_store *plain, *store;
    tarn_fault *fault;
    tarn_catalog *catalog;
} fixture;

static void ok(fixture *f, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), f->cx.error.message);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->conf = tarn_conf_defaults();
    tarn_cx_init(&f->cx, f->conf);
    f->cx.counters = &f->counters;
    ok(f, tarn_store_open(&f->cx, "mem://object/a", &f->plain));
    tarn_store_fault(f->plain, &f->store, &f->fault);
    ok(f, tarn_catalog_open(&f->cx, f->store, &f->catalog));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_catalog_close(f->catalog);
    tarn_store_close(f->store);
    tarn_store_close(f->plain);
    tarn_cx_done(&f->cx);
    tarn_conf_free(f->conf);
    free(f);
    return 0;
}

static tarn_code create(tarn_cx *cx, tarn_catalog *c, const char *name) {
    tarn_catalog_entry entry = {
        .catalog = "lake", .schema = "main", .name = name, .format = "delta", .location = name, .managed = true};
    return tarn_catalog_create(cx, c, &entry, false);
}

static int64_t n_tables(fixture *f, tarn_catalog *c) {
    tarn_catalog_entries all = {0};
    tarn_catalog_begin(c);
    ok(f, tarn_catalog_list(&f->cx, c, "lake", NULL, false, &all));
    return (int64_t)all.n;
}

static const char *read_object(fixture *f) {
    tarn_str text;
    ok(f, tarn_store_read(&f->cx, f->plain, KEY, 1 << 20, f->cx.arena, &text));
    return text.p;
}

static void write_object(fixture *f, const char *text) {
    ok(f, tarn_store_put(&f->cx, f->plain, KEY, tarn_str_of(text), TARN_PUT_ALWAYS, NULL, NULL));
    tarn_catalog_begin(f->catalog);
}

/* The put is done, its answer lost: the change is found in the object and not made twice. */
static void test_doubtful_put(void **state) {
    fixture *f = *state;
    tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = TARN_FAULT_AMBIGUOUS, .call = TARN_FAULT_PUT, .nth = 1});
    ok(f, create(&f->cx, f->catalog, "t"));
    assert_int_equal(n_tables(f, f->catalog), 1);
    assert_non_null(strstr(read_object(f), "\"sequence\":2"));
}

static void test_lost_put(void **state) {
    fixture *f = *state;
    tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = TARN_FAULT_FAIL, .call = TARN_FAULT_PUT, .nth = 1});
    ok(f, create(&f->cx, f->catalog, "t"));
    assert_int_equal(n_tables(f, f->catalog), 1);
}

/* Somebody else who changes the catalog `times` times while the writer under test waits for its next try. */
typedef struct intruder {
    fixture *f;
    tarn_catalog *catalog;
    int times;
} intruder;

static void intrude(void *state, void *out, size_t n) {
    intruder *in = state;
    tarn_cx cx;
    memset(out, 7, n);
    if (n != sizeof(uint32_t)) return; /* an id; a wait rolls 32 bits */
    tarn_cx_init(&cx, in->f->conf);
    for (; in->times; in->times--)
        if (tarn_catalog_setting(&cx, in->catalog, "threads", "2", NULL) != TARN_OK) fail_msg("%s", cx.error.message);
    tarn_cx_done(&cx);
}

/* The answer is lost, and others change the catalog before it is read back: by few, the change is found beneath theirs;
 * by too many, its fate is open. */
static void check_buried(fixture *f, int others, tarn_code expected) {
    intruder in = {.f = f, .times = others};
    ok(f, tarn_catalog_object_open(&f->cx, f->plain, &in.catalog));
    f->cx.random = intrude;
    f->cx.random_state = &in;
    tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = TARN_FAULT_AMBIGUOUS, .call = TARN_FAULT_PUT, .nth = 1});
    assert_int_equal(create(&f->cx, f->catalog, "t"), expected);
    f->cx.random = NULL;
    assert_int_equal(in.times, 0);
    assert_int_equal(n_tables(f, in.catalog), 1);
    tarn_catalog_close(in.catalog);
}

static void test_doubtful_put_under_others(void **state) { check_buried(*state, 90, TARN_OK); }

static void test_doubtful_put_far_under_others(void **state) {
    fixture *f = *state;
    check_buried(f, 110, TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "not known whether"));
}

static void test_store_down(void **state) {
    fixture *f = *state;
    tarn_catalog_entry found;
    tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = TARN_FAULT_FAIL, .nth = 1, .times = -1});
    assert_int_equal(create(&f->cx, f->catalog, "t"), TARN_IO);
    tarn_catalog_begin(f->catalog);
    assert_int_equal(tarn_catalog_resolve(&f->cx, f->catalog, "lake", "main", "t", &found), TARN_IO);
    tarn_fault_set(f->fault, NULL);
    ok(f, create(&f->cx, f->catalog, "t"));
    assert_int_equal(n_tables(f, f->catalog), 1);
}

static void test_refused_put(void **state) {
    fixture *f = *state;
    tarn_fault_set(f->fault,
                   &(tarn_fault_plan){.kind = TARN_FAULT_FAIL, .call = TARN_FAULT_PUT, .nth = 1, .code = TARN_DENIED});
    assert_int_equal(create(&f->cx, f->catalog, "t"), TARN_DENIED);
    assert_int_equal(tarn_fault_count(f->fault, TARN_FAULT_PUT), 1); /* trying again would not help */
    assert_int_equal(n_tables(f, f->catalog), 0);
}

/* The machine goes down at call 1, 2, 3 … of a change: then the catalog is as before it or as after it, and as after it
 * when it was acknowledged. */
static void crash_at_every_call(fixture *f, tarn_fault_kind kind) {
    for (int64_t call = 1; call < 100; call++) {
        tarn_catalog *c, *truth;
        ok(f, tarn_catalog_object_open(&f->cx, f->store, &c));
        int64_t before = n_tables(f, c);
        tarn_catalog_begin(c);
        tarn_fault_set(f->fault, &(tarn_fault_plan){.kind = kind, .nth = call});
        bool done = create(&f->cx, c, tarn_printf(&f->cx, "t%d_%d", (int)kind, (int)call)) == TARN_OK;
        bool reached = tarn_fault_is_down(f->fault);
        tarn_fault_restart(f->fault);
        tarn_catalog_close(c);
        ok(f, tarn_catalog_object_open(&f->cx, f->plain, &truth));
        int64_t after = n_tables(f, truth);
        tarn_catalog_close(truth);
        assert_true(after == before + 1 || (after == before && !done));
        if (reached) continue;
        assert_true(done && call > 2); /* past the last call; a change has at least a HEAD and a PUT */
        return;
    }
    fail_msg("a change never ends");
}

static void test_crashes(void **state) {
    crash_at_every_call(*state, TARN_FAULT_CRASH_BEFORE);
    crash_at_every_call(*state, TARN_FAULT_CRASH_AFTER);
    crash_at_every_call(*state, TARN_FAULT_TEAR);
}

/* A put that lost its race says nothing of what it failed at: a name taken meanwhile is told. */
static void test_lost_race(void **state) {
    fixture *f = *state;
    tarn_catalog *other;
    ok(f, tarn_catalog_object_open(&f->cx, f->plain, &other));
    ok(f, create(&f->cx, other, "t"));
    assert_int_equal(create(&f->cx, f->catalog, "T"), TARN_EXISTS);
    ok(f, create(&f->cx, f->catalog, "u"));
    assert_int_equal(n_tables(f, other), 2);
    tarn_catalog_close(other);
}

static void test_unknown_fields_stay(void **state) {
    fixture *f = *state;
    tarn_catalog_entry found;
    write_object(f, "{\"version\": 1, \"sequence\": 7, \"later\": {\"a\": [1, null]}, \"next_id\": 9,"
                    "\"catalogs\": [{\"name\": \"lake\", \"created_ms\": 1, \"owner\": \"é\"}],"
                    "\"schemas\": [{\"catalog\": \"lake\", \"name\": \"main\", \"created_ms\": 1, \"quota\": 1.5}],"
                    "\"entries\": [{\"id\": 3, \"kind\": \"table\", \"catalog\": \"lake\", \"schema\": \"main\", "
                    "\"name\": \"t\", \"format\": \"delta\", \"location\": \"t\", \"comment\": \"c\", "
                    "\"created_ms\": 1, \"policy\": {\"x\": true}}]}");
    ok(f, tarn_catalog_resolve(&f->cx, f->catalog, "lake", "main", "T", &found));
    assert_true(found.id == 3 && !found.managed);
    ok(f, tarn_catalog_rename(&f->cx, f->catalog, 3, "main", "u"));
    ok(f, create(&f->cx, f->catalog, "v"));
    ok(f, tarn_catalog_resolve(&f->cx, f->catalog, "lake", "main", "v", &found));
    assert_int_equal(found.id, 9); /* ids are never given twice */
    const char *text = read_object(f);
    assert_non_null(strstr(text, "\"later\":{\"a\":[1,null]}"));
    assert_non_null(strstr(text, "\"owner\":\"é\""));
    assert_non_null(strstr(text, "\"quota\":1.5"));
    assert_non_null(strstr(text, "\"name\":\"u\",\"format\":\"delta\",\"location\":\"t\",\"comment\":\"c\""));
    assert_non_null(strstr(text, "\"policy\":{\"x\":true}"));
    assert_non_null(strstr(text, "\"sequence\":9"));
}

static void test_bad_manifests(void **state) {
    fixture *f = *state;
    static const struct {
        const char *text;
        tarn_code code;
    } cases[] = {
        {"", TARN_CORRUPT},
        {"{", TARN_CORRUPT},
        {"[]", TARN_CORRUPT},
        {"{}", TARN_CORRUPT},
        {"{\"version\": 2, \"entries\": \"?\"}", TARN_UNSUPPORTED},
        {"{\"version\": 1, \"entries\": [{\"id\": 1}]}", TARN_CORRUPT},
        {"{\"version\": 1, \"entries\": [7]}", TARN_CORRUPT},
        {"{\"version\": 1, \"catalogs\": [{\"name\": \"a\", \"created_ms\": 1}, {\"name\": \"A\", \"created_ms\": 1}]}",
         TARN_CORRUPT},
        {"{\"version\": 1, \"entries\": [{\"id\": 1, \"kind\": \"spell\", \"catalog\": \"lake\", \"schema\": \"main\", "
         "\"name\": \"t\", \"created_ms\": 1}]}",
         TARN_CORRUPT},
    };
    ok(f, create(&f->cx, f->catalog, "t"));
    const char *good = read_object(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_catalog_entries all = {0};
        write_object(f, cases[i].text);
        assert_int_equal(tarn_catalog_list(&f->cx, f->catalog, "lake", NULL, false, &all), cases[i].code);
        assert_non_null(strstr(f->cx.error.message, KEY));
        assert_int_equal(create(&f->cx, f->catalog, "u"), cases[i].code);
    }
    write_object(f, good);
    assert_int_equal(n_tables(f, f->catalog), 1);
    const char *key = KEY;
    ok(f, tarn_store_remove(&f->cx, f->plain, &key, 1));
    tarn_catalog_begin(f->catalog);
    assert_int_equal(create(&f->cx, f->catalog, "u"), TARN_CORRUPT); /* not taken for a new warehouse */
}

static uint64_t n_requests(fixture *f) {
    return f->counters.store_get + f->counters.store_head + f->counters.store_put + f->counters.store_list;
}

static void test_requests(void **state) {
    fixture *f = *state;
    ok(f, create(&f->cx, f->catalog, "t"));
    uint64_t before = n_requests(f);
    assert_int_equal(n_tables(f, f->catalog), 1);
    assert_true(tarn_catalog_has(&f->cx, f->catalog, "lake"));
    assert_true(tarn_catalog_has_schema(&f->cx, f->catalog, "lake", "main"));
    assert_int_equal(n_requests(f), before + 1); /* one HEAD for the statement */
    ok(f, create(&f->cx, f->catalog, "u"));
    assert_int_equal(n_requests(f), before + 2); /* one PUT: what was read is current */
}

enum { PROCESSES = 8, TABLES = 12 };

static int create_many(const char *root, int process) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_store *store;
    tarn_catalog *c;
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_code code = tarn_store_open(&cx, root, &store);
    if (code == TARN_OK) code = tarn_catalog_object_open(&cx, store, &c);
    for (int i = 0; code == TARN_OK && i < TABLES; i++) {
        code = create(&cx, c, tarn_printf(&cx, "t_%d_%d", process, i));
        if (code == TARN_OK && i % 3 == 0) {
            tarn_catalog_entry own = {0};
            code = tarn_catalog_resolve(&cx, c, "lake", "main", tarn_printf(&cx, "t_%d_%d", process, i), &own);
            if (code == TARN_OK) code = tarn_catalog_drop(&cx, c, own.id);
        }
    }
    if (code != TARN_OK) fprintf(stderr, "process %d: %s\n", process, cx.error.message);
    return code == TARN_OK ? 0 : 1;
}

static void test_many_processes(void **state) {
    fixture *f = *state;
    char root[64];
    const char *uri = getenv("AWS_ENDPOINT_URL") ? "s3://lakes/processes" : root; /* below tests/support/with_s3.py */
    pid_t children[PROCESSES];
    tarn_store *store;
    tarn_catalog *c;
    test_folder("tarn object", root, sizeof root);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) _exit(create_many(uri, i));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ok(f, tarn_store_open(&f->cx, uri, &store));
    ok(f, tarn_catalog_object_open(&f->cx, store, &c));
    assert_int_equal(n_tables(f, c), PROCESSES * TABLES * 2 / 3);
    tarn_catalog_entries dropped = {0};
    ok(f, tarn_catalog_list(&f->cx, c, "lake", "main", true, &dropped));
    assert_int_equal(dropped.n, PROCESSES * TABLES / 3);
    tarn_catalog_close(c);
    tarn_store_close(store);
    test_folder_remove(root);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_doubtful_put),
        CASE(test_lost_put),
        CASE(test_doubtful_put_under_others),
        CASE(test_doubtful_put_far_under_others),
        CASE(test_store_down),
        CASE(test_refused_put),
        CASE(test_crashes),
        CASE(test_lost_race),
        CASE(test_unknown_fields_stay),
        CASE(test_bad_manifests),
        CASE(test_requests),
        CASE(test_many_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
