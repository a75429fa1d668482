/* local_test.c: what only the store of a file system can get wrong: order of syncs, links it lacks, full disks, odd
 * files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/pool.h"
#include "store/store.h"

/* These stand before the C library's own, note the calls and fail when told to. */
static int link_error, fsync_error, noreplace_error;
static char calls[8192];
static atomic_int file_syncs;

static void note(const char *call, const char *path) {
    const char *name = strrchr(path, '/');
    size_t n = strlen(calls);
    bool temp = strstr(path, ".tarn-") != NULL;
    snprintf(calls + n, sizeof calls - n, "%s %s;", call, temp ? "temp" : name ? name + 1 : path);
}

int link(const char *from, const char *to) {
    note("link", to);
    if (link_error) return errno = link_error, -1;
    return (int)syscall(SYS_link, from, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    note("noreplace", to);
    if (noreplace_error) return errno = noreplace_error, -1;
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int fsync(int fd) {
    char self[64], path[4096] = "";
    struct stat st;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (readlink(self, path, sizeof path - 1) < 0 || fstat(fd, &st) < 0) return -1;
    if (S_ISREG(st.st_mode))
        file_syncs++;
    else
        note("sync", path);
    if (fsync_error && S_ISREG(st.st_mode)) return errno = fsync_error, -1;
    return (int)syscall(SYS_fsync, fd);
}

typedef struct fixture {
    tarn_cx cx;
    tarn_store *store;
    char root[256];
} fixture;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static tarn_store *open_store(tarn_cx *cx, const char *uri) {
    tarn_store *store = NULL;
    if (tarn_store_open(cx, uri, &store) != TARN_OK) fail_msg("%s", cx->error.message);
    return store;
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    snprintf(f->root, sizeof f->root, "/tmp/tarn-local-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    tarn_cx_init(&f->cx, tarn_conf_defaults());
    f->store = open_store(&f->cx, f->root);
    link_error = fsync_error = noreplace_error = 0;
    calls[0] = 0;
    file_syncs = 0;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_store_close(f->store);
    nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
    return 0;
}

static tarn_code put(fixture *f, const char *key, const char *text, tarn_when when) {
    return tarn_store_put(&f->cx, f->store, key, tarn_str_of(text), when, NULL, NULL);
}

static const char *at_root(fixture *f, const char *key) { return tarn_printf(&f->cx, "%s/%s", f->root, key); }

static void write_file(fixture *f, const char *key, const char *text) {
    FILE *file = fopen(at_root(f, key), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *keys_of(fixture *f, tarn_list_spec spec) {
    tarn_entry_list list = {0};
    spec.max = 1000;
    if (tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, &list) != TARN_OK) fail_msg("%s", f->cx.error.message);
    const char *text = "";
    for (size_t i = 0; i < list.n; i++) text = tarn_printf(&f->cx, "%s%s%s", text, i ? "|" : "", list.at[i].key);
    return text;
}

static const char *all_keys(fixture *f) { return keys_of(f, (tarn_list_spec){.recursive = true, .with_temps = true}); }

static const char *text_of(fixture *f, const char *key) {
    tarn_str got;
    if (tarn_store_read(&f->cx, f->store, key, 1 << 20, f->cx.arena, &got) != TARN_OK)
        fail_msg("%s", f->cx.error.message);
    return got.p;
}

static void test_order_of_syncs(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "log/0", "x", TARN_PUT_ABSENT), TARN_OK);
    assert_int_equal(file_syncs, 1);
    const char *root = strrchr(f->root, '/') + 1;
    assert_string_equal(calls, tarn_printf(&f->cx, "link 0;sync log;sync %s;sync tmp;", root));
    calls[0] = 0;
    assert_int_equal(put(f, "log/1", "x", TARN_PUT_ABSENT), TARN_OK);
    assert_string_equal(calls, "link 1;sync log;");
    calls[0] = 0;
    assert_int_equal(put(f, "log/1", "y", TARN_PUT_ALWAYS), TARN_OK);
    assert_string_equal(calls, "sync log;");
    assert_int_equal(file_syncs, 3);
}

static void test_new_names(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "d/0", "x", TARN_PUT_NEW), TARN_OK);
    assert_int_equal(put(f, "d/1", "x", TARN_PUT_NEW), TARN_OK);
    assert_int_equal(file_syncs, 2);
    assert_string_equal(calls, "");
    assert_int_equal(put(f, "d/2", "x", TARN_PUT_ABSENT), TARN_OK);
    assert_non_null(strstr(calls, "link 2;sync d;"));
    fsync_error = EIO;
    assert_int_equal(put(f, "d/3", "x", TARN_PUT_NEW), TARN_IO);
    fsync_error = 0;
    assert_string_equal(all_keys(f), "d/0|d/1|d/2");
}

static void test_new_root(void **state) {
    fixture *f = *state;
    tarn_store *store = f->store;
    f->store = open_store(&f->cx, at_root(f, "new/deep/table"));
    assert_string_equal(all_keys(f), "");
    assert_int_not_equal(access(at_root(f, "new"), F_OK), 0);
    assert_int_equal(put(f, "a/b", "x", TARN_PUT_ABSENT), TARN_OK);
    assert_non_null(strstr(calls, "sync a;sync table;sync deep;"));
    assert_non_null(strstr(calls, "sync new;"));
    assert_non_null(strstr(calls, tarn_printf(&f->cx, "sync %s;", strrchr(f->root, '/') + 1)));
    calls[0] = 0;
    nftw(at_root(f, "new"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(put(f, "a/b", "x", TARN_PUT_ABSENT), TARN_OK);
    assert_non_null(strstr(calls, "sync a;sync table;sync deep;"));
    tarn_store_close(f->store);
    f->store = store;
}

static void test_no_hard_links(void **state) {
    fixture *f = *state;
    link_error = EPERM;
    assert_int_equal(put(f, "d/0", "first", TARN_PUT_ABSENT), TARN_OK);
    assert_int_equal(put(f, "d/0", "late", TARN_PUT_ABSENT), TARN_EXISTS);
    assert_string_equal(text_of(f, "d/0"), "first");
    noreplace_error = EINVAL;
    assert_int_equal(put(f, "d/1", "x", TARN_PUT_ABSENT), TARN_UNSUPPORTED);
    assert_string_equal(all_keys(f), "d/0");
}

static void test_failing_sync(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "d/0", "old", TARN_PUT_ALWAYS), TARN_OK);
    fsync_error = EIO;
    assert_int_equal(put(f, "d/0", "new", TARN_PUT_ALWAYS), TARN_IO);
    assert_int_equal(put(f, "d/1", "new", TARN_PUT_ABSENT), TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "put d/1: writing: Input/output error"));
    const char *const key = "d/0";
    assert_int_equal(tarn_store_sync(&f->cx, f->store, &key, 1), TARN_IO);
    fsync_error = ENOSPC;
    assert_int_equal(put(f, "d/1", "new", TARN_PUT_ABSENT), TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "No space left on device; free some space"));
    fsync_error = 0;
    assert_string_equal(text_of(f, "d/0"), "old");
    assert_string_equal(all_keys(f), "d/0");
}

static void test_full_disk(void **state) {
    fixture *f = *state;
    struct rlimit before, small;
    assert_int_equal(put(f, "d/0", "old", TARN_PUT_ALWAYS), TARN_OK);
    write_file(f, "d/big", tarn_arena_printf(f->cx.arena, "%0*d", 200000, 7));
    char *bytes = tarn_arena_alloc(f->cx.arena, 300000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){65536, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    tarn_code code = tarn_store_put(&f->cx, f->store, "d/0", (tarn_str){bytes, 300000}, TARN_PUT_ALWAYS, NULL, NULL);
    tarn_code copied = tarn_store_copy(&f->cx, f->store, "d/big", "d/copy", TARN_PUT_ALWAYS);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(code, TARN_IO);
    assert_int_equal(copied, TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "File too large"));
    assert_string_equal(text_of(f, "d/0"), "old");
    assert_string_equal(all_keys(f), "d/0|d/big");
}

static void test_bad_roots(void **state) {
    fixture *f = *state;
    tarn_str got;
    write_file(f, "file", "x");
    tarn_store *store = f->store;
    f->store = open_store(&f->cx, at_root(f, "file/below"));
    assert_int_equal(put(f, "k", "x", TARN_PUT_ALWAYS), TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "Not a directory"));
    assert_int_equal(tarn_store_folder(&f->cx, f->store, ""), TARN_IO);
    assert_int_equal(tarn_store_read(&f->cx, f->store, "k", 9, f->cx.arena, &got), TARN_NOTFOUND);
    assert_string_equal(all_keys(f), "");
    tarn_store_close(f->store);
    f->store = open_store(&f->cx, "/proc/self");
    tarn_code code = put(f, "k", "x", TARN_PUT_ABSENT);
    assert_true(code == TARN_IO || code == TARN_DENIED);
    tarn_store_close(f->store);
    f->store = store;
    assert_int_equal(tarn_store_folder(&f->cx, f->store, "file"), TARN_EXISTS);
    assert_int_equal(put(f, "file/k", "x", TARN_PUT_ALWAYS), TARN_IO);
    assert_int_equal(mkdir(at_root(f, "folder"), 0700), 0);
    assert_int_equal(put(f, "folder", "x", TARN_PUT_ALWAYS), TARN_IO);
    assert_int_equal(put(f, "folder", "x", TARN_PUT_ABSENT), TARN_EXISTS);
    assert_string_equal(all_keys(f), "file");
}

static void test_own_names(void **state) {
    fixture *f = *state;
    tarn_stat stat;
    assert_int_equal(tarn_store_put(&f->cx, f->store, "d/k", TARN_LIT("x"), TARN_PUT_ALWAYS, NULL, &stat), TARN_OK);
    assert_int_equal(tarn_store_put(&f->cx, f->store, "d/k", TARN_LIT("y"), TARN_PUT_MATCH, stat.etag, NULL), TARN_OK);
    write_file(f, "d/.tarn-0000.tmp", "torn");
    assert_int_equal(access(at_root(f, "d/.tarn-lock"), F_OK), 0);
    assert_string_equal(keys_of(f, (tarn_list_spec){.recursive = true}), "d/k");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "d/"}), "d/k");
    assert_string_equal(keys_of(f, (tarn_list_spec){.prefix = "d/.tarn-"}), "");
    assert_string_equal(all_keys(f), "d/.tarn-0000.tmp|d/k");
    const char *const temp = "d/.tarn-0000.tmp";
    assert_int_equal(tarn_store_remove(&f->cx, f->store, &temp, 1), TARN_OK);
    assert_string_equal(all_keys(f), "d/k");
}

static void test_symbolic_links(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "real/k", "x", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(symlink("real", at_root(f, "linked")), 0);
    assert_int_equal(symlink("..", at_root(f, "real/up")), 0);
    assert_int_equal(symlink("nowhere", at_root(f, "broken")), 0);
    assert_int_equal(symlink("k", at_root(f, "real/l")), 0);
    assert_string_equal(text_of(f, "linked/k"), "x");
    assert_string_equal(keys_of(f, (tarn_list_spec){0}), "linked/|real/");
    assert_string_equal(all_keys(f), "linked/k|linked/l|real/k|real/l");
}

static void test_odd_files(void **state) {
    fixture *f = *state;
    tarn_str got;
    tarn_stat stat;
    assert_int_equal(mkfifo(at_root(f, "pipe"), 0600), 0);
    assert_int_equal(tarn_store_read(&f->cx, f->store, "pipe", 9, f->cx.arena, &got), TARN_INVALID);
    assert_int_equal(tarn_store_head(&f->cx, f->store, "pipe", &stat), TARN_INVALID);
    assert_string_equal(all_keys(f), "");
}

static void test_sync(void **state) {
    fixture *f = *state;
    const char *const keys[] = {"p=1/a", "p=1/b", "p=2/c", "p=2/none"};
    assert_int_equal(tarn_store_folder(&f->cx, f->store, "p=1"), TARN_OK);
    assert_int_equal(tarn_store_folder(&f->cx, f->store, "p=2"), TARN_OK);
    for (int i = 0; i < 3; i++) write_file(f, keys[i], "x");
    calls[0] = 0;
    f->cx.pool = tarn_pool_new(3);
    assert_int_equal(tarn_store_sync(&f->cx, f->store, keys, 3), TARN_OK);
    assert_int_equal(file_syncs, 3);
    const char *root = strrchr(f->root, '/') + 1;
    assert_string_equal(calls, tarn_printf(&f->cx, "sync p=1;sync %s;sync tmp;sync p=2;", root));
    assert_int_equal(tarn_store_sync(&f->cx, f->store, keys, 4), TARN_NOTFOUND);
    assert_non_null(strstr(f->cx.error.message, ": sync: p=2/none: no such file"));
    tarn_pool_free(f->cx.pool);
    f->cx.pool = NULL;
}

static int64_t fixed_clock(void *state) { return *(int64_t *)state; }

static void test_times(void **state) {
    fixture *f = *state;
    tarn_stat stat;
    int64_t us = 1700000000123456;
    f->cx.clock = fixed_clock;
    f->cx.clock_state = &us;
    assert_int_equal(put(f, "k", "x", TARN_PUT_ALWAYS), TARN_OK);
    assert_int_equal(tarn_store_head(&f->cx, f->store, "k", &stat), TARN_OK);
    assert_int_equal(stat.mtime_ms, 1700000000123);
}

static void test_uris(void **state) {
    fixture *f = *state;
    static const char *const forms[] = {"file://%s", "file:%s", "file://localhost%s", "%s/", "/./%s//."};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char uri[512];
        const char *path;
        const char *mark = strstr(forms[i], "%s");
        snprintf(uri, sizeof uri, "%.*s%s%s", (int)(mark - forms[i]), forms[i], f->root, mark + 2);
        tarn_store *store = open_store(&f->cx, uri);
        assert_string_equal(tarn_store_uri(store), f->root);
        assert_int_equal(tarn_store_local_path(&f->cx, store, "", f->cx.arena, &path), TARN_OK);
        assert_string_equal(path, f->root);
        assert_int_equal(tarn_store_local_path(&f->cx, store, "a b/c", f->cx.arena, &path), TARN_OK);
        assert_string_equal(path, at_root(f, "a b/c"));
        tarn_store_close(store);
    }
    char here[4096];
    tarn_store *store = open_store(&f->cx, "some/./folder");
    assert_non_null(getcwd(here, sizeof here));
    assert_string_equal(tarn_store_uri(store), tarn_printf(&f->cx, "%s/some/folder", strcmp(here, "/") ? here : ""));
    tarn_store_close(store);
}

static void test_refused_uris(void **state) {
    fixture *f = *state;
    tarn_store *store = NULL;
    assert_int_equal(tarn_store_open(&f->cx, "", &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(&f->cx, NULL, &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(&f->cx, "file://host/a", &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(&f->cx, "file:a", &store), TARN_INVALID);
    assert_int_equal(tarn_store_open(&f->cx, "gopher://x/y", &store), TARN_UNSUPPORTED);
    assert_non_null(strstr(f->cx.error.message, "file, mem"));
    assert_int_equal(tarn_store_open(&f->cx, "gopher://me:hushhush@x/y", &store), TARN_INVALID);
    assert_null(strstr(f->cx.error.message, "hush"));
    assert_null(store);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_order_of_syncs), CASE(test_new_names),    CASE(test_new_root),  CASE(test_no_hard_links),
        CASE(test_failing_sync),   CASE(test_full_disk),    CASE(test_bad_roots), CASE(test_own_names),
        CASE(test_symbolic_links), CASE(test_odd_files),    CASE(test_sync),      CASE(test_times),
        CASE(test_uris),           CASE(test_refused_uris),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
