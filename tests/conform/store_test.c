/* store_test.c: what every store promises, tried on every implementation; a new one is one row of `makers`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/conf.h"
#include "store/fault.h"
#include "store/store.h"

typedef struct maker {
    const char *name;
    /* A URI nobody used before, in `uri`. */
    void (*make_uri)(char *uri, size_t size);
    void (*clean)(const char *uri);
    bool wrapped; /* in a fault store without a plan */
} maker;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void make_local(char *uri, size_t size) {
    const char *tmp = getenv("TMPDIR");
    assert_true((size_t)snprintf(uri, size, "%s/tarn-store-XXXXXX", tmp ? tmp : "/tmp") < size);
    assert_non_null(mkdtemp(uri));
}
static void clean_local(const char *uri) { nftw(uri, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void make_mem(char *uri, size_t size) {
    static int made;
    snprintf(uri, size, "mem://conform-%d/some/folder", made++);
}
static void clean_mem(const char *uri) { (void)uri; }

/* Runs below tests/support/with_s3.py, which starts a server and says so. */
static void make_s3(char *uri, size_t size) {
    static int made;
    snprintf(uri, size, "s3://lakes/conform-%d/some/folder %d", (int)getpid(), made++);
}

static const maker makers[] = {
    {"local", make_local, clean_local, false},
    {"mem", make_mem, clean_mem, false},
    {"fault over local", make_local, clean_local, true},
    {"fault over mem", make_mem, clean_mem, true},
    {"s3", make_s3, clean_mem, false},
};

typedef struct fixture {
    tarn_cx cx;
    tarn_counters counters;
    tarn_store *store;
    char uri[512];
} fixture;

static const maker *now; /* the row that runs */

static tarn_store *open_again(tarn_cx *cx, const char *uri) {
    tarn_store *store = NULL, *outer;
    tarn_fault *fault;
    assert_int_equal(tarn_store_open(cx, uri, &store), TARN_OK);
    if (!now->wrapped) return store;
    tarn_store_fault(store, &outer, &fault);
    tarn_store_close(store);
    return outer;
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    now->make_uri(f->uri, sizeof f->uri);
    tarn_cx_init(&f->cx, tarn_conf_defaults());
    f->cx.counters = &f->counters;
    f->store = open_again(&f->cx, f->uri);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_store_close(f->store);
    now->clean(f->uri);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
    return 0;
}

static tarn_code put(fixture *f, const char *key, const char *text, tarn_when when) {
    return tarn_store_put(&f->cx, f->store, key, tarn_str_of(text), when, NULL, NULL);
}

static void assert_holds(fixture *f, const char *key, const char *text) {
    tarn_str got;
    tarn_code code = tarn_store_read(&f->cx, f->store, key, 1 << 20, f->cx.arena, &got);
    if (code != TARN_OK) fail_msg("%s", f->cx.error.message);
    assert_int_equal(got.n, strlen(text));
    assert_string_equal(got.p, text);
}

static tarn_entry_list list(fixture *f, tarn_list_spec spec) {
    tarn_entry_list out = {0};
    if (!spec.max) spec.max = 100000;
    tarn_code code = tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &out);
    if (code != TARN_OK) fail_msg("%s", f->cx.error.message);
    return out;
}

/* The keys in one line, parted by '|'. */
static const char *keys_of(fixture *f, tarn_list_spec spec) {
    tarn_entry_list entries = list(f, spec);
    const char *text = "";
    for (size_t i = 0; i < entries.n; i++) text = tarn_printf(&f->cx, "%s%s%s", text, i ? "|" : "", entries.at[i].key);
    return text;
}

static void test_round_trip(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "a/b/c.json", "one", TARN_PUT_ALWAYS), TARN_OK);
    assert_holds(f, "a/b/c.json", "one");
    assert_int_equal(put(f, "a/b/c.json", "second", TARN_PUT_ALWAYS), TARN_OK);
    assert_holds(f, "a/b/c.json", "second");
    assert_int_equal(put(f, "empty", "", TARN_PUT_ABSENT), TARN_OK);
    assert_holds(f, "empty", "");
    assert_int_equal(f->counters.store_put, 3);
    assert_int_equal(f->counters.bytes_written, 9);
    assert_int_equal(f->counters.bytes_read, 9);
}

static void test_missing(void **state) {
    fixture *f = *state;
    tarn_auto_buf buf = TARN_BUF(100);
    tarn_stat stat = {.size = 42};
    bool there = true;
    tarn_buf_puts(&buf, "kept");
    assert_int_equal(tarn_store_get(&f->cx, f->store, "no/such", NULL, &buf, &stat), TARN_NOTFOUND);
    assert_string_equal(buf.data, "kept");
    assert_int_equal(stat.size, 42);
    assert_int_equal(tarn_store_head(&f->cx, f->store, "no/such", &stat), TARN_NOTFOUND);
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "no/"}), "");
    assert_int_equal(tarn_store_exists(&f->cx, f->store, "no/such", &there), TARN_OK);
    assert_false(there);
    assert_int_equal(put(f, "a/b", "x", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(tarn_store_head(&f->cx, f->store, "a", &stat), TARN_NOTFOUND);
    assert_int_equal(tarn_store_get(&f->cx, f->store, "a", NULL, &buf, NULL), TARN_NOTFOUND);
    assert_int_equal(tarn_store_get(&f->cx, f->store, "a/b/c", NULL, &buf, NULL), TARN_NOTFOUND);
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "a/b/"}), "");
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "a/none", "a/to", TARN_PUT_ALWAYS), TARN_NOTFOUND);
}

static void test_error_text(void **state) {
    fixture *f = *state;
    tarn_str got;
    assert_int_equal(tarn_store_read(&f->cx, f->store, "no/such", 10, f->cx.arena, &got), TARN_NOTFOUND);
    const char *start = tarn_printf(&f->cx, "store %s: get no/such: no such ", tarn_store_uri(f->store));
    assert_memory_equal(f->cx.error.message, start, strlen(start));
    assert_null(strstr(f->cx.error.message + 1, "store "));
}

static void test_absent(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "log/0", "first", TARN_PUT_ABSENT), TARN_OK);
    assert_int_equal(put(f, "log/0", "late", TARN_PUT_ABSENT), TARN_EXISTS);
    assert_int_equal(put(f, "log/0", "late", TARN_PUT_NEW), TARN_EXISTS);
    assert_holds(f, "log/0", "first");
    assert_int_equal(put(f, "log/1", "new", TARN_PUT_NEW), TARN_OK);
    assert_holds(f, "log/1", "new");
    assert_int_equal(put(f, "log/1", "late", TARN_PUT_ABSENT), TARN_EXISTS);
    assert_holds(f, "log/1", "new");
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true, .with_temps = true}), "log/0|log/1");
}

enum { RACERS = 8, ROUNDS = 40 };

typedef struct racer {
    const char *uri;
    pthread_barrier_t *start;
    int id, won[ROUNDS];
    bool by_etag;
} racer;

/* Each round all racers want the same key; by etag, all start from the same content. */
static void *run_racer(void *arg) {
    racer *r = arg;
    tarn_cx cx;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx_init(&cx, conf);
    tarn_store *store = open_again(&cx, r->uri);
    for (int round = 0; round < ROUNDS; round++) {
        const char *key = r->by_etag ? "race/etag" : tarn_printf(&cx, "race/%020d.json", round);
        const char *text = tarn_printf(&cx, "%d in %d", r->id, round); /* content twice the same has one etag */
        tarn_stat stat = {0};
        pthread_barrier_wait(r->start);
        tarn_code code = r->by_etag ? tarn_store_head(&cx, store, key, &stat) : TARN_OK;
        pthread_barrier_wait(r->start);
        if (code == TARN_OK)
            code = tarn_store_put(&cx, store, key, tarn_str_of(text), r->by_etag ? TARN_PUT_MATCH : TARN_PUT_ABSENT,
                                  r->by_etag ? stat.etag : NULL, NULL);
        r->won[round] = code == TARN_OK ? 1 : code == (r->by_etag ? TARN_CONFLICT : TARN_EXISTS) ? 0 : 1000;
        if (r->won[round] == 1000) fprintf(stderr, "%s\n", cx.error.message);
    }
    tarn_store_close(store);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return NULL;
}

static void race(fixture *f, bool by_etag) {
    pthread_barrier_t start;
    pthread_t threads[RACERS];
    racer racers[RACERS];
    pthread_barrier_init(&start, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){.uri = f->uri, .start = &start, .id = i, .by_etag = by_etag};
        assert_int_equal(pthread_create(&threads[i], NULL, run_racer, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    for (int round = 0; round < ROUNDS; round++) {
        int winners = 0, winner = -1;
        for (int i = 0; i < RACERS; i++) {
            winners += racers[i].won[round];
            if (racers[i].won[round]) winner = i;
        }
        assert_int_equal(winners, 1);
        const char *key = by_etag ? "race/etag" : tarn_printf(&f->cx, "race/%020d.json", round);
        if (!by_etag || round == ROUNDS - 1) assert_holds(f, key, tarn_printf(&f->cx, "%d in %d", winner, round));
    }
}

static void test_absent_race(void **state) { race(*state, false); }

static void test_match_race(void **state) {
    assert_int_equal(put(*state, "race/etag", "start", TARN_PUT_ALWAYS), TARN_OK);
    race(*state, true);
}

static void test_match(void **state) {
    fixture *f = *state;
    tarn_stat first, second, head;
    const tarn_str one = TARN_LIT("one"), two = TARN_LIT("two");
    assert_int_equal(tarn_store_put(&f->cx, f->store, "m", one, TARN_PUT_MATCH, "x", NULL), TARN_CONFLICT);
    assert_int_equal(tarn_store_put(&f->cx, f->store, "m", one, TARN_PUT_ALWAYS, NULL, &first), TARN_OK);
    assert_int_equal(tarn_store_head(&f->cx, f->store, "m", &head), TARN_OK);
    assert_string_equal(head.etag, first.etag);
    assert_int_equal(head.size, 3);
    assert_int_equal(tarn_store_put(&f->cx, f->store, "m", two, TARN_PUT_MATCH, first.etag, &second), TARN_OK);
    assert_string_not_equal(first.etag, second.etag);
    assert_int_equal(tarn_store_put(&f->cx, f->store, "m", one, TARN_PUT_MATCH, first.etag, NULL), TARN_CONFLICT);
    assert_holds(f, "m", "two");
    tarn_auto_buf buf = TARN_BUF(100);
    tarn_range range = {0, -1, first.etag};
    assert_int_equal(tarn_store_get(&f->cx, f->store, "m", &range, &buf, NULL), TARN_CONFLICT);
    range.if_match = second.etag;
    assert_int_equal(tarn_store_get(&f->cx, f->store, "m", &range, &buf, &head), TARN_OK);
    assert_string_equal(head.etag, second.etag);
    assert_int_equal(tarn_store_put(&f->cx, f->store, "m", one, TARN_PUT_MATCH, NULL, NULL), TARN_INTERNAL);
}

/* Same size, one after the other as fast as it goes: where an etag of coarse time stamps would repeat. */
static void test_etags_differ(void **state) {
    fixture *f = *state;
    enum { PUTS = 50 };
    tarn_stat stats[PUTS];
    for (int i = 0; i < PUTS; i++) {
        const char *text = tarn_printf(&f->cx, "%02d", i);
        assert_int_equal(tarn_store_put(&f->cx, f->store, "e", tarn_str_of(text), TARN_PUT_ALWAYS, NULL, &stats[i]), TARN_OK);
        for (int j = 0; j < i; j++) assert_string_not_equal(stats[i].etag, stats[j].etag);
    }
}

static void assert_range(fixture *f, int64_t offset, int64_t length, tarn_code code, const char *text) {
    tarn_auto_buf buf = TARN_BUF(100);
    tarn_buf_puts(&buf, ">");
    tarn_range range = {offset, length, NULL};
    tarn_code got = tarn_store_get(&f->cx, f->store, "r", &range, &buf, NULL);
    if (got != code) fail_msg("%lld, %lld: %s", (long long)offset, (long long)length, f->cx.error.message);
    assert_string_equal(buf.data, tarn_printf(&f->cx, ">%s", text));
}

static void test_ranges(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "r", "0123456789", TARN_PUT_ALWAYS), TARN_OK);
    assert_range(f, 0, -1, TARN_OK, "0123456789");
    assert_range(f, 3, 4, TARN_OK, "3456");
    assert_range(f, 3, 0, TARN_OK, "");
    assert_range(f, 7, -1, TARN_OK, "789");
    assert_range(f, 10, -1, TARN_OK, "");
    assert_range(f, -4, -1, TARN_OK, "6789");
    assert_range(f, -4, 2, TARN_OK, "67");
    assert_range(f, -40, -1, TARN_OK, "0123456789");
    assert_range(f, 0, 10, TARN_OK, "0123456789");
    assert_range(f, 0, 11, TARN_CORRUPT, "");
    assert_range(f, 8, 3, TARN_CORRUPT, "");
    assert_range(f, 11, -1, TARN_CORRUPT, "");
    assert_range(f, 5, INT64_MAX, TARN_CORRUPT, "");
    assert_range(f, INT64_MAX, INT64_MAX, TARN_CORRUPT, "");
    assert_range(f, INT64_MIN, -1, TARN_OK, "0123456789");
}

static void test_size_limit(void **state) {
    fixture *f = *state;
    tarn_str got;
    tarn_auto_buf buf = TARN_BUF(12);
    assert_int_equal(put(f, "r", "0123456789", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(tarn_store_read(&f->cx, f->store, "r", 9, f->cx.arena, &got), TARN_LIMIT);
    assert_int_equal(tarn_store_read(&f->cx, f->store, "r", -1, f->cx.arena, &got), TARN_LIMIT);
    assert_int_equal(tarn_store_read(&f->cx, f->store, "r", 10, f->cx.arena, &got), TARN_OK);
    tarn_buf_puts(&buf, "abc");
    assert_int_equal(tarn_store_get(&f->cx, f->store, "r", NULL, &buf, NULL), TARN_LIMIT);
    assert_string_equal(buf.data, "abc");
    assert_true(tarn_buf_ok(&buf));
}

static void test_list_order(void **state) {
    fixture *f = *state;
    static const char *const keys[] = {"t/a/z", "t/a.txt", "t/a-b", "t/a0", "t/a/b/c", "t/B", "t/aa", "u", "s/x"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) assert_int_equal(put(f, keys[i], "x", TARN_PUT_ALWAYS), TARN_OK);
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true}), "s/x|t/B|t/a-b|t/a.txt|t/a/b/c|t/a/z|t/a0|t/aa|u");
    assert_string_equal(keys_of(f, (tarn_list_spec){0}), "s/|t/|u");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/"}), "t/B|t/a-b|t/a.txt|t/a/|t/a0|t/aa");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/a"}), "t/a-b|t/a.txt|t/a/|t/a0|t/aa");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/a", .recursive = true, .start_after = "t/a/b/c"}), "t/a/z|t/a0|t/aa");
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true, .start_after = "t/a/b"}), "t/a/b/c|t/a/z|t/a0|t/aa|u");
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true, .start_after = "t/a.txt", .limit = 2}), "t/a/b/c|t/a/z");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/", .start_after = "t/a.txt", .limit = 2}), "t/a/|t/a0");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/", .start_after = "t/a/"}), "t/a0|t/aa");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/", .start_after = "z"}), "");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/aa"}), "t/aa");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "t/aaa"}), "");
}

static void test_list_entries(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "d/one", "12345", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(put(f, "d/sub/two", "", TARN_PUT_ALWAYS), TARN_OK);
    tarn_stat stat;
    assert_int_equal(tarn_store_head(&f->cx, f->store, "d/one", &stat), TARN_OK);
    assert_true(llabs((long long)(stat.mtime_ms - tarn_now_ms(&f->cx))) < 60000);
    tarn_entry_list entries = list(f, (tarn_list_spec){.prefix = "d/", .with_stat = true});
    assert_int_equal(entries.n, 2);
    assert_int_equal(entries.at[0].size, 5);
    assert_int_equal(entries.at[0].mtime_ms, stat.mtime_ms);
    assert_string_equal(entries.at[0].etag, stat.etag);
    assert_false(entries.at[0].is_folder);
    assert_true(entries.at[1].is_folder);
    assert_int_equal(f->counters.store_list, 1);
}

static void test_list_maximum(void **state) {
    fixture *f = *state;
    tarn_entry_list out = {.n = 77};
    for (int i = 0; i < 5; i++) assert_int_equal(put(f, tarn_printf(&f->cx, "d/%d/x", i), "", TARN_PUT_ALWAYS), TARN_OK);
    tarn_list_spec spec = {.recursive = true, .max = 4};
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &out), TARN_LIMIT);
    spec = (tarn_list_spec){.prefix = "d/", .max = 4};
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &out), TARN_LIMIT);
    spec = (tarn_list_spec){.prefix = "d/"};
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &out), TARN_INTERNAL);
    assert_int_equal(out.n, 77);
    assert_int_equal(list(f, (tarn_list_spec){.recursive = true, .max = 5}).n, 5);
}

static void test_odd_names(void **state) {
    fixture *f = *state;
    static const char *const names[] = {
        "with space", "100%", "a%20b", "p=1%2F2/x", "\xc3\xa4\xe6\xbc\xa2\xf0\x9f\xa6\x86", "it's", "say \"so\"", "back\\slash",
        "#?&+;*[]{}|<>:@!$^`~", "-dash", "..twodots", "...", "trailing.", " ",
        "x.tarn-y", "_delta_log/00000000000000000000.json", "ends with space ", "new\nline",
    };
    enum { ALL = sizeof names / sizeof *names };
    const int N = now->make_uri == make_s3 ? ALL - 1 : ALL; /* moto finds no object with a line's end in its name */
    for (int i = 0; i < N; i++) assert_int_equal(put(f, names[i], names[i], TARN_PUT_ABSENT), TARN_OK);
    for (int i = 0; i < N; i++) assert_holds(f, names[i], names[i]);
    tarn_entry_list entries = list(f, (tarn_list_spec){.recursive = true});
    assert_int_equal((int)entries.n, N);
    for (int i = 1; i < N; i++) assert_true(strcmp(entries.at[i - 1].key, entries.at[i].key) < 0);
    for (int i = 0; i < N; i++) {
        tarn_entry_list rest = list(f, (tarn_list_spec){.recursive = true, .start_after = entries.at[i].key});
        assert_int_equal((int)rest.n, N - 1 - i);
        assert_holds(f, entries.at[i].key, entries.at[i].key);
    }
}

static void test_hostile_keys(void **state) {
    fixture *f = *state;
    char *longest = tarn_arena_alloc(f->cx.arena, TARN_KEY_MAX + 2);
    memset(longest, 'x', TARN_KEY_MAX + 1);
    const char *const bad[] = {"", "/", "/etc/passwd", "a//b", "a/", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a/.",
                               ".tarn-lock", "a/.tarn-x", longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tarn_str got;
        tarn_stat stat;
        const char *path;
        assert_int_equal(put(f, bad[i], "x", TARN_PUT_ALWAYS), TARN_INVALID);
        assert_int_equal(tarn_store_read(&f->cx, f->store, bad[i], 10, f->cx.arena, &got), TARN_INVALID);
        assert_int_equal(tarn_store_head(&f->cx, f->store, bad[i], &stat), TARN_INVALID);
        assert_int_equal(tarn_store_copy(&f->cx, f->store, bad[i], "ok", TARN_PUT_ALWAYS), TARN_INVALID);
        assert_int_equal(tarn_store_copy(&f->cx, f->store, "ok", bad[i], TARN_PUT_ALWAYS), TARN_INVALID);
        if (*bad[i]) assert_int_equal(tarn_store_local_path(&f->cx, f->store, bad[i], f->cx.arena, &path), TARN_INVALID);
        if (*bad[i]) assert_int_equal(tarn_store_folder(&f->cx, f->store, bad[i]), TARN_INVALID);
        if (strstr(bad[i], ".tarn-")) continue;
        assert_int_equal(tarn_store_remove(&f->cx, f->store, &bad[i], 1), TARN_INVALID);
        assert_int_equal(tarn_store_sync(&f->cx, f->store, &bad[i], 1), TARN_INVALID);
    }
    const char *const bad_prefixes[] = {"/", "/etc", "../", "../../etc/", "a/../", "a//", "./"};
    for (size_t i = 0; i < sizeof bad_prefixes / sizeof *bad_prefixes; i++) {
        tarn_entry_list out;
        tarn_list_spec spec = {.prefix = bad_prefixes[i], .max = 10};
        assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &out), TARN_INVALID);
    }
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true, .with_temps = true}), "");
}

static void test_big(void **state) {
    fixture *f = *state;
    enum { SIZE = 9 * 1024 * 1024 + 17 };
    char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (char)(i * 2654435761u >> 13);
    assert_int_equal(tarn_store_put(&f->cx, f->store, "big", (tarn_str){bytes, SIZE}, TARN_PUT_ABSENT, NULL, NULL), TARN_OK);
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "big", "copy/big", TARN_PUT_ABSENT), TARN_OK);
    tarn_auto_buf buf = TARN_BUF(SIZE);
    assert_int_equal(tarn_store_get(&f->cx, f->store, "copy/big", NULL, &buf, NULL), TARN_OK);
    assert_int_equal(buf.n, SIZE);
    assert_memory_equal(buf.data, bytes, SIZE);
    free(bytes);
}

static void test_remove(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 3; i++) assert_int_equal(put(f, tarn_printf(&f->cx, "d/%d", i), "x", TARN_PUT_ALWAYS), TARN_OK);
    const char *const keys[] = {"d/0", "d/none", "none/none", "d/2", "d/0", "d/1/below"};
    assert_int_equal(tarn_store_remove(&f->cx, f->store, keys, 6), TARN_OK);
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true}), "d/1");
    assert_int_equal(tarn_store_remove(&f->cx, f->store, keys, 0), TARN_OK);
    const char *const folder[] = {"d"};
    assert_int_equal(tarn_store_remove(&f->cx, f->store, folder, 1), TARN_OK);
    assert_holds(f, "d/1", "x");
    assert_int_equal(put(f, "d/0", "again", TARN_PUT_ABSENT), TARN_OK);
}

static void test_copy(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "from", "text", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(put(f, "empty", "", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "from", "x/y/to", TARN_PUT_ABSENT), TARN_OK);
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "empty", "x/y/to", TARN_PUT_ABSENT), TARN_EXISTS);
    assert_holds(f, "x/y/to", "text");
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "empty", "x/y/to", TARN_PUT_ALWAYS), TARN_OK);
    assert_holds(f, "x/y/to", "");
    assert_int_equal(tarn_store_copy(&f->cx, f->store, "from", "from", TARN_PUT_ALWAYS), TARN_INVALID);
    assert_holds(f, "from", "text");
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true, .with_temps = true}), "empty|from|x/y/to");
}

static void test_sync(void **state) {
    fixture *f = *state;
    const char *const keys[] = {"p=1/a", "p=1/b", "p=2/c"};
    for (int i = 0; i < 3; i++) assert_int_equal(put(f, keys[i], "x", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(tarn_store_sync(&f->cx, f->store, keys, 3), TARN_OK);
    assert_int_equal(f->counters.store_sync, 3);
    assert_int_equal(tarn_store_folder(&f->cx, f->store, "p=3/deep"), TARN_OK);
    assert_int_equal(tarn_store_folder(&f->cx, f->store, "p=3/deep"), TARN_OK);
    assert_int_equal(tarn_store_folder(&f->cx, f->store, ""), TARN_OK);
}

static void test_cancel(void **state) {
    fixture *f = *state;
    atomic_bool cancel = true;
    tarn_entry_list out;
    tarn_list_spec spec = {.max = 1};
    f->cx.cancel = &cancel;
    assert_int_equal(put(f, "k", "x", TARN_PUT_ALWAYS), TARN_CANCELLED);
    assert_int_equal(tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &out), TARN_CANCELLED);
    f->cx.cancel = NULL;
    assert_string_equal(keys_of(f, (tarn_list_spec){.with_temps = true}), "");
}

static void test_two_handles(void **state) {
    fixture *f = *state;
    tarn_store *mine = f->store, *other = open_again(&f->cx, f->uri);
    assert_string_equal(tarn_store_uri(mine), tarn_store_uri(other));
    assert_int_equal(put(f, "shared", "x", TARN_PUT_ALWAYS), TARN_OK);
    f->store = other;
    assert_holds(f, "shared", "x");
    assert_ptr_equal(tarn_store_retain(other), other);
    tarn_store_close(other);
    assert_holds(f, "shared", "x");
    tarn_store_close(other);
    f->store = mine;
    assert_holds(f, "shared", "x");
    tarn_store_close(NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_round_trip),  CASE(test_missing),     CASE(test_error_text),   CASE(test_absent),     CASE(test_absent_race),
        CASE(test_match),       CASE(test_match_race),  CASE(test_etags_differ), CASE(test_ranges),     CASE(test_size_limit),
        CASE(test_list_order),  CASE(test_list_entries), CASE(test_list_maximum), CASE(test_odd_names), CASE(test_hostile_keys),
        CASE(test_big),         CASE(test_remove),      CASE(test_copy),         CASE(test_sync),       CASE(test_cancel),
        CASE(test_two_handles),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        now = &makers[i];
        if (now->make_uri == make_s3 && !getenv("AWS_ENDPOINT_URL")) continue; /* with_s3.py runs all rows once more */
        failed += cmocka_run_group_tests_name(now->name, tests, NULL, NULL);
    }
    return failed;
}
