/* local.c: the store of a file system: temporary file, fsync, link or rename, fsync of the folders. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/map.h"
#include "base/pool.h"
#include "store/local.h"
#include "store/path.h"

enum { KNOWN_MAX = 4096, COPY_CHUNK = 1 << 20, LOCK_POLL_MS = 2 };

#define LOCK_NAME ".tarn-lock"

typedef struct local_store {
    tarn_store base; /* its uri is the root's absolute path */
    atomic_uint_fast32_t puts;
    pthread_mutex_t lock; /* of what follows */
    tarn_arena *arena;
    tarn_map known; /* folders whose own entry, and those above it, are durable */
} local_store;

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
}

#define auto_fd __attribute__((cleanup(close_fd))) int

static tarn_code fail_errno(tarn_cx *cx, int err) {
    const char *advice = err == ENOSPC || err == EDQUOT ? "; free some space and try again"
                         : err == EROFS || err == EACCES || err == EPERM
                             ? "; check the rights of this user on the folder"
                         : err == EMFILE || err == ENFILE ? "; raise the limit of open files"
                                                          : "";
    return tarn_fail(cx, tarn_errno_code(err), "%s%s", tarn_errno_text(cx, err), advice);
}

/* Where "not found" and "exists" would mislead: the trouble is with a file of our own. */
static tarn_code fail_write(tarn_cx *cx, int err, const char *what) {
    tarn_code code = fail_errno(cx, err);
    if (code == TARN_NOTFOUND || code == TARN_EXISTS) code = TARN_IO;
    return tarn_prefix(cx, code, "%s", what);
}

/* A part of the name that is a file, or is missing, means that the object is not there. */
static tarn_code fail_read(tarn_cx *cx, int err) {
    if (err == ENOENT || err == ENOTDIR) return tarn_fail(cx, TARN_NOTFOUND, "no such file");
    return fail_errno(cx, err);
}

static char *path_of(const tarn_store *store, tarn_arena *arena, const char *key) {
    return tarn_path_join(arena, store->uri, key);
}

static char *parent_of(tarn_arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == path ? tarn_arena_strdup(arena, "/") : tarn_arena_strndup(arena, path, (size_t)(slash - path));
}

void tarn_local_fill_stat(const struct stat *st, tarn_stat *out) {
    int64_t ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    *out = (tarn_stat){.size = st->st_size, .mtime_ms = ms};
    snprintf(out->etag, sizeof out->etag, "%llx-%llx-%llx", (unsigned long long)st->st_ino,
             (unsigned long long)st->st_size,
             (unsigned long long)st->st_mtim.tv_sec * 1000000000ull + (unsigned long long)st->st_mtim.tv_nsec);
}

/* O_NONBLOCK: a pipe put where a file should be must not hang us. */
static tarn_code open_file(tarn_cx *cx, const char *path, int *fd, struct stat *st) {
    int opened = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (opened < 0) return fail_read(cx, errno);
    *fd = opened;
    if (fstat(opened, st) < 0) return fail_errno(cx, errno);
    if (S_ISDIR(st->st_mode)) return tarn_fail(cx, TARN_NOTFOUND, "no such file, but a folder of this name");
    if (!S_ISREG(st->st_mode)) return tarn_fail(cx, TARN_INVALID, "it is no regular file");
    return TARN_OK;
}

static tarn_code read_at(tarn_cx *cx, int fd, char *to, size_t n, int64_t offset) {
    while (n) {
        TRY(tarn_check(cx));
        ssize_t got = pread(fd, to, n < COPY_CHUNK ? n : COPY_CHUNK, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(cx, errno);
        if (got == 0) return tarn_fail(cx, TARN_IO, "the file became shorter while it was read");
        to += got;
        offset += got;
        n -= (size_t)got;
    }
    return TARN_OK;
}

static tarn_code local_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                           tarn_stat *stat) {
    auto_fd fd = -1;
    struct stat st;
    int64_t offset;
    size_t n;
    TRY(open_file(cx, path_of(store, cx->arena, key), &fd, &st));
    tarn_local_fill_stat(&st, stat);
    TRY(tarn_store_slice(cx, range, st.st_size, stat->etag, out, &offset, &n));
    char *to = tarn_buf_reserve(out, n);
    if (!to) return tarn_fail(cx, TARN_NOMEM, "no memory for %zu bytes", n);
    TRY(read_at(cx, fd, to, n, offset));
    out->n += n;
    return TARN_OK;
}

static tarn_code local_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out) {
    struct stat st;
    if (stat(path_of(store, cx->arena, key), &st) < 0) return fail_read(cx, errno);
    if (S_ISDIR(st.st_mode)) return tarn_fail(cx, TARN_NOTFOUND, "no such file, but a folder of this name");
    if (!S_ISREG(st.st_mode)) return tarn_fail(cx, TARN_INVALID, "it is no regular file");
    tarn_local_fill_stat(&st, out);
    return TARN_OK;
}

/* Folders above the root may not be ours to open; file systems that cannot sync a folder say EINVAL. */
static tarn_code sync_folder(tarn_cx *cx, const char *path) {
    auto_fd fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (fd < 0 && errno == EACCES) return TARN_OK;
    if (fd < 0 || (TEMP_FAILURE_RETRY(fsync(fd)) < 0 && errno != EINVAL))
        return fail_write(cx, errno, "sync of the folder");
    return TARN_OK;
}

static bool is_known(local_store *local, const char *folder) {
    pthread_mutex_lock(&local->lock);
    bool known = tarn_map_get(&local->known, tarn_str_of(folder)) != NULL;
    pthread_mutex_unlock(&local->lock);
    return known;
}

static void forget_known(local_store *local) {
    tarn_arena_free(local->arena);
    local->arena = tarn_arena_new();
    local->known = (tarn_map){0};
}

static void add_known(local_store *local, const char *folder) {
    pthread_mutex_lock(&local->lock);
    if (local->known.n >= KNOWN_MAX) forget_known(local);
    char *name = tarn_arena_strdup(local->arena, folder);
    tarn_map_put(&local->known, local->arena, tarn_str_of(name), name);
    pthread_mutex_unlock(&local->lock);
}

/* The root counts as below itself; "/" has no folder above it. */
static bool is_below(const char *path, size_t root) { return strlen(path) >= root && strcmp(path, "/") != 0; }

static tarn_code sync_once(tarn_cx *cx, const char *folder, tarn_map *synced) {
    if (synced && tarn_map_put(synced, cx->arena, tarn_str_of(folder), synced)) return TARN_OK;
    return sync_folder(cx, folder);
}

/* Makes entries of `folder` durable, and then its own entry and those of the folders up to the root: another process
 * may have made any of them a moment ago and not have synced it yet. That second part is remembered. `synced`: folders
 * that were synced when all these entries were there already; NULL: none was. */
static tarn_code sync_folders(tarn_cx *cx, local_store *local, const char *folder, tarn_map *synced) {
    size_t root = strlen(local->base.uri);
    const char *at = folder;
    TRY(sync_once(cx, folder, synced));
    for (; is_below(at, root) && !is_known(local, at); at = parent_of(cx->arena, at))
        TRY(sync_once(cx, parent_of(cx->arena, at), synced));
    for (const char *done = folder; strlen(done) > strlen(at); done = parent_of(cx->arena, done))
        add_known(local, done);
    return TARN_OK;
}

/* The parts above the root are synced here, those below by sync_folders. */
static tarn_code make_folders(tarn_cx *cx, local_store *local, const char *folder) {
    if (mkdir(folder, 0777) == 0 || errno == EEXIST) return TARN_OK;
    if (errno != ENOENT || !strcmp(folder, "/")) return fail_write(cx, errno, "making the folder");
    const char *parent = parent_of(cx->arena, folder);
    TRY(make_folders(cx, local, parent));
    if (strlen(parent) < strlen(local->base.uri)) TRY(sync_folder(cx, parent_of(cx->arena, parent)));
    if (mkdir(folder, 0777) < 0 && errno != EEXIST) return fail_write(cx, errno, "making the folder");
    return TARN_OK;
}

/* A file not yet published; it goes away with the variable. */
typedef struct temp_file {
    int fd;
    char *path; /* NULL: nothing to unlink */
} temp_file;

static void drop_temp(temp_file *temp) {
    if (temp->fd >= 0) close(temp->fd);
    if (temp->path) unlink(temp->path);
}

/* Makes the file, and its folder when that is missing. */
static tarn_code make_file(tarn_cx *cx, local_store *local, const char *folder, const char *path, int *fd) {
    for (bool made = false;; made = true) {
        *fd = TEMP_FAILURE_RETRY(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (*fd >= 0) return TARN_OK;
        if (errno == EEXIST) return tarn_fail(cx, TARN_EXISTS, "it is already there");
        if (errno != ENOENT || made) return fail_write(cx, errno, "making the file");
        pthread_mutex_lock(&local->lock);
        forget_known(local);
        pthread_mutex_unlock(&local->lock);
        TRY(make_folders(cx, local, folder));
    }
}

static tarn_code open_temp(tarn_cx *cx, local_store *local, const char *folder, temp_file *temp) {
    char uuid[TARN_UUID_TEXT];
    tarn_uuid_v4(cx, uuid);
    char *path = tarn_printf(cx, "%s%s" TARN_LOCAL_TEMP_PREFIX "%s" TARN_LOCAL_TEMP_SUFFIX, folder,
                             strcmp(folder, "/") ? "/" : "", uuid);
    TRY(make_file(cx, local, folder, path, &temp->fd));
    temp->path = path;
    return TARN_OK;
}

static tarn_code write_bytes(tarn_cx *cx, int fd, tarn_str bytes) {
    while (bytes.n) {
        TRY(tarn_check(cx));
        ssize_t put = write(fd, bytes.p, bytes.n < COPY_CHUNK ? bytes.n : COPY_CHUNK);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_write(cx, errno, "writing");
        bytes = (tarn_str){bytes.p + put, bytes.n - (size_t)put};
    }
    return TARN_OK;
}

/* The kernel's own time stamps move in steps of milliseconds; etags need better ones, and tests set the clock. */
static tarn_code finish_temp(tarn_cx *cx, local_store *local, const temp_file *temp, struct stat *st) {
    int64_t us = tarn_now_us(cx);
    long fraction = (long)(us % 1000000);
    struct timespec now = {.tv_sec = us / 1000000 - (fraction < 0),
                           .tv_nsec = (fraction < 0 ? fraction + 1000000 : fraction) * 1000};
    now.tv_nsec += (long)(atomic_fetch_add(&local->puts, 1) % 1000);
    const struct timespec times[2] = {now, now};
    if (futimens(temp->fd, times) < 0 || TEMP_FAILURE_RETRY(fsync(temp->fd)) < 0 || fstat(temp->fd, st) < 0)
        return fail_write(cx, errno, "writing");
    return TARN_OK;
}

/* Some file systems have no hard links; and over NFS a link may have been made although the answer, given twice, says
 * that it was there. */
static tarn_code publish_absent(tarn_cx *cx, temp_file *temp, const char *target) {
    struct stat st;
    if (link(temp->path, target) == 0) return TARN_OK;
    int err = errno;
    if (err == EEXIST && fstat(temp->fd, &st) == 0 && st.st_nlink == 2) return TARN_OK;
    if (err == EPERM || err == EOPNOTSUPP || err == ENOSYS || err == EMLINK) {
        if (renameat2(AT_FDCWD, temp->path, AT_FDCWD, target, RENAME_NOREPLACE) == 0) {
            temp->path = NULL;
            return TARN_OK;
        }
        err = errno;
        if (err == EINVAL || err == ENOSYS)
            return tarn_fail(cx, TARN_UNSUPPORTED,
                             "the file system can neither link nor rename without replacing; use another");
    }
    if (err == EEXIST) return tarn_fail(cx, TARN_EXISTS, "it is already there");
    return fail_write(cx, err, "publishing");
}

static tarn_code publish_always(tarn_cx *cx, temp_file *temp, const char *target) {
    if (rename(temp->path, target) < 0) return fail_write(cx, errno, "publishing");
    temp->path = NULL;
    return TARN_OK;
}

static tarn_code publish_match(tarn_cx *cx, temp_file *temp, const char *folder, const char *target, const char *etag) {
    auto_fd lock =
        TEMP_FAILURE_RETRY(open(tarn_path_join(cx->arena, folder, LOCK_NAME), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (lock < 0) return fail_write(cx, errno, "making the lock file");
    while (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return fail_write(cx, errno, "locking");
        TRY(tarn_sleep_ms(cx, LOCK_POLL_MS));
    }
    struct stat st;
    tarn_stat found;
    if (stat(target, &st) < 0) {
        if (errno != ENOENT && errno != ENOTDIR) return fail_errno(cx, errno);
        return tarn_fail(cx, TARN_CONFLICT, "it is gone (etag %s was expected)", etag);
    }
    tarn_local_fill_stat(&st, &found);
    if (strcmp(found.etag, etag) != 0)
        return tarn_fail(cx, TARN_CONFLICT, "it has changed (etag %s, not %s)", found.etag, etag);
    return publish_always(cx, temp, target);
}

static tarn_code publish(tarn_cx *cx, local_store *local, temp_file *temp, const char *target, tarn_when when,
                         const char *etag) {
    const char *folder = parent_of(cx->arena, target);
    if (when == TARN_PUT_ABSENT)
        TRY(publish_absent(cx, temp, target));
    else if (when == TARN_PUT_MATCH)
        TRY(publish_match(cx, temp, folder, target, etag));
    else
        TRY(publish_always(cx, temp, target));
    if (temp->path) unlink(temp->path);
    temp->path = NULL;
    return sync_folders(cx, local, folder, NULL);
}

/* Under its own name from the start: nobody looks for it before something names it. */
static tarn_code put_new(tarn_cx *cx, local_store *local, const char *target, tarn_str bytes, struct stat *st) {
    tarn_auto(temp_file, drop_temp) file = {-1, NULL};
    TRY(make_file(cx, local, parent_of(cx->arena, target), target, &file.fd));
    file.path = tarn_arena_strdup(cx->arena, target);
    TRY(write_bytes(cx, file.fd, bytes));
    TRY(finish_temp(cx, local, &file, st));
    file.path = NULL;
    return TARN_OK;
}

static tarn_code local_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when,
                           const char *etag, tarn_stat *stat) {
    local_store *local = (local_store *)store;
    const char *target = path_of(store, cx->arena, key);
    tarn_auto(temp_file, drop_temp) temp = {-1, NULL};
    struct stat st;
    if (when == TARN_PUT_NEW) {
        TRY(put_new(cx, local, target, bytes, &st));
    } else {
        TRY(open_temp(cx, local, parent_of(cx->arena, target), &temp));
        TRY(write_bytes(cx, temp.fd, bytes));
        TRY(finish_temp(cx, local, &temp, &st));
        TRY(publish(cx, local, &temp, target, when, etag));
    }
    tarn_local_fill_stat(&st, stat);
    return TARN_OK;
}

/* Through memory, for file systems that cannot copy by themselves. */
static tarn_code copy_chunks(tarn_cx *cx, int from, int to, int64_t size) {
    tarn_auto_buf buf = TARN_BUF(COPY_CHUNK);
    char *chunk = tarn_buf_reserve(&buf, COPY_CHUNK);
    if (!chunk) return tarn_fail(cx, TARN_NOMEM, "no memory for %d bytes", COPY_CHUNK);
    for (int64_t at = 0; at < size;) {
        size_t n = size - at < COPY_CHUNK ? (size_t)(size - at) : COPY_CHUNK;
        TRY(read_at(cx, from, chunk, n, at));
        TRY(write_bytes(cx, to, (tarn_str){chunk, n}));
        at += (int64_t)n;
    }
    return TARN_OK;
}

static tarn_code copy_file(tarn_cx *cx, int from, int to, int64_t size) {
    for (int64_t left = size; left;) {
        TRY(tarn_check(cx));
        ssize_t n = copy_file_range(from, NULL, to, NULL, left < 64 * COPY_CHUNK ? (size_t)left : 64 * COPY_CHUNK, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 && left == size) return copy_chunks(cx, from, to, size);
        if (n < 0) return fail_write(cx, errno, "copying");
        if (n == 0) return tarn_fail(cx, TARN_IO, "the file became shorter while it was copied");
        left -= n;
    }
    return TARN_OK;
}

static tarn_code local_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when) {
    local_store *local = (local_store *)store;
    const char *target = path_of(store, cx->arena, to);
    tarn_auto(temp_file, drop_temp) temp = {-1, NULL};
    auto_fd source = -1;
    struct stat st;
    TRY(open_file(cx, path_of(store, cx->arena, from), &source, &st));
    TRY(open_temp(cx, local, parent_of(cx->arena, target), &temp));
    TRY(copy_file(cx, source, temp.fd, st.st_size));
    TRY(finish_temp(cx, local, &temp, &st));
    return publish(cx, local, &temp, target, when, NULL);
}

/* A folder may be named too: it is somebody's, and stays. */
static tarn_code local_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    tarn_code first = TARN_OK;
    tarn_error error = {0};
    for (size_t i = 0; i < n; i++) {
        TRY(tarn_check(cx));
        if (unlink(path_of(store, cx->arena, keys[i])) == 0 || errno == ENOENT || errno == ENOTDIR || errno == EISDIR ||
            first != TARN_OK)
            continue;
        first = tarn_prefix(cx, fail_errno(cx, errno), "%s", keys[i]);
        error = cx->error;
    }
    if (first != TARN_OK) cx->error = error;
    return first;
}

typedef struct sync_job {
    const tarn_store *store;
    const char *const *keys;
} sync_job;

static tarn_code sync_file(tarn_cx *cx, size_t i, void *state) {
    const sync_job *job = state;
    auto_fd fd = -1;
    struct stat st;
    tarn_code code = open_file(cx, path_of(job->store, cx->arena, job->keys[i]), &fd, &st);
    if (code == TARN_OK && TEMP_FAILURE_RETRY(fsync(fd)) < 0) code = fail_errno(cx, errno);
    return tarn_prefix(cx, code, "%s", job->keys[i]);
}

static tarn_code local_sync(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    tarn_map folders = {0}, synced = {0};
    sync_job job = {store, keys};
    TRY(tarn_pool_run(cx, n, sync_file, &job));
    for (size_t i = 0; i < n; i++) {
        char *folder = parent_of(cx->arena, path_of(store, cx->arena, keys[i]));
        if (tarn_map_put(&folders, cx->arena, tarn_str_of(folder), folder)) continue;
        TRY(sync_folders(cx, (local_store *)store, folder, &synced));
    }
    return TARN_OK;
}

static tarn_code local_folder(tarn_cx *cx, tarn_store *store, const char *key) {
    const char *path = path_of(store, cx->arena, key);
    struct stat st;
    TRY(make_folders(cx, (local_store *)store, path));
    if (stat(path, &st) < 0) return fail_errno(cx, errno);
    return S_ISDIR(st.st_mode) ? TARN_OK : tarn_fail(cx, TARN_EXISTS, "there is a file of this name");
}

static char *local_path(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena) {
    (void)cx;
    return path_of(store, arena, key);
}

static void local_close(tarn_store *store) {
    local_store *local = (local_store *)store;
    pthread_mutex_destroy(&local->lock);
    tarn_arena_free(local->arena);
    free(local);
}

static tarn_code local_open(tarn_cx *cx, const char *uri, tarn_store **out) {
    char *root;
    TRY(tarn_path_of_uri(cx, tarn_str_of(uri), cx->arena, &root));
    local_store *local = calloc(1, sizeof *local);
    if (!local) return tarn_fail(cx, TARN_NOMEM, "no memory for a store");
    tarn_store_init(&local->base, &tarn_store_local, root);
    pthread_mutex_init(&local->lock, NULL);
    local->arena = tarn_arena_new();
    *out = &local->base;
    return TARN_OK;
}

const tarn_store_driver tarn_store_local = {
    .name = "file",
    .schemes = (const char *const[]){"file", NULL},
    .open = local_open,
    .close = local_close,
    .get = local_get,
    .put = local_put,
    .list = tarn_local_list,
    .head = local_head,
    .remove = local_remove,
    .copy = local_copy,
    .sync = local_sync,
    .folder = local_folder,
    .local_path = local_path,
};
