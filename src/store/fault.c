/* fault.c: a store that passes calls on, unless the plan says that this one fails, hangs, or is where the machine goes
 * down. */
#include "store/fault.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

enum { NO_FAULT = -1 };

struct tarn_fault {
    tarn_store base; /* its uri is the inner store's, so that errors read the same */
    tarn_store *inner;
    pthread_mutex_t lock; /* of what follows */
    tarn_arena *arena;
    tarn_map durable; /* keys under watch that survive a crash */
    TARN_VEC(const char *) watched;
    tarn_fault_plan plan;
    bool has_plan, down;
    int64_t calls[TARN_FAULT_CALLS], matching, torn;
};

static tarn_fault *fault_of(tarn_store *store) { return (tarn_fault *)store; }

static tarn_code fail_down(tarn_cx *cx) { return tarn_fail(cx, TARN_IO, "the machine is down (a test's fault)"); }

static tarn_code fail_planned(tarn_cx *cx, const tarn_fault_plan *plan) {
    return tarn_fail(cx, plan->code == TARN_OK ? TARN_IO : plan->code, "it fails by plan (a test's fault)");
}

/* Counts the call; gives what the plan has for it, or NO_FAULT. */
static int next_fault(tarn_fault *fault, tarn_fault_call call, tarn_fault_plan *plan, bool *down, int64_t *torn) {
    int kind = NO_FAULT;
    pthread_mutex_lock(&fault->lock);
    fault->calls[call]++;
    fault->calls[TARN_FAULT_ANY]++;
    *plan = fault->plan;
    *down = fault->down;
    if (fault->has_plan && !fault->down && (plan->call == TARN_FAULT_ANY || plan->call == call)) {
        int64_t times = plan->times == 0 ? 1 : plan->times, past = ++fault->matching - plan->nth;
        if (past >= 0 && (times < 0 || past < times)) kind = (int)plan->kind;
    }
    if (kind == TARN_FAULT_TEAR && call != TARN_FAULT_PUT) kind = TARN_FAULT_CRASH_BEFORE;
    if (kind == TARN_FAULT_CRASH_BEFORE || kind == TARN_FAULT_TEAR) fault->down = true;
    *torn = ++fault->torn;
    pthread_mutex_unlock(&fault->lock);
    return kind;
}

typedef struct passage {
    int kind;
    tarn_fault_plan plan;
    int64_t torn;
} passage;

static tarn_code begin(tarn_cx *cx, tarn_fault *fault, tarn_fault_call call, passage *p) {
    bool down;
    p->kind = next_fault(fault, call, &p->plan, &down, &p->torn);
    if (down || p->kind == TARN_FAULT_CRASH_BEFORE) return fail_down(cx);
    if (p->kind == TARN_FAULT_FAIL) return fail_planned(cx, &p->plan);
    if (p->kind == TARN_FAULT_DELAY) return tarn_sleep_ms(cx, p->plan.delay_ms);
    return TARN_OK;
}

static tarn_code end(tarn_cx *cx, tarn_fault *fault, const passage *p, tarn_code code) {
    if (p->kind == TARN_FAULT_AMBIGUOUS && code == TARN_OK) return fail_planned(cx, &p->plan);
    if (p->kind != TARN_FAULT_CRASH_AFTER) return code;
    pthread_mutex_lock(&fault->lock);
    fault->down = true;
    pthread_mutex_unlock(&fault->lock);
    return fail_down(cx);
}

static void set_durable(tarn_fault *fault, const char *const *keys, size_t n, bool durable) {
    pthread_mutex_lock(&fault->lock);
    for (size_t i = 0; i < n && fault->watched.n; i++) {
        char *key = tarn_arena_strdup(fault->arena, keys[i]);
        tarn_map_put(&fault->durable, fault->arena, tarn_str_of(key), durable ? key : NULL);
    }
    pthread_mutex_unlock(&fault->lock);
}

static tarn_code fault_get(tarn_cx *cx, tarn_store *store, const char *key, const tarn_range *range, tarn_buf *out,
                           tarn_stat *stat) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_GET, &p));
    return end(cx, fault, &p, fault->inner->driver->get(cx, fault->inner, key, range, out, stat));
}

/* What a writer leaves that died in the middle: a temporary file beside the one it was to become. */
static tarn_code tear(tarn_cx *cx, tarn_fault *fault, const char *key, tarn_str bytes, int64_t torn) {
    const char *slash = strrchr(key, '/');
    const char *temp =
        tarn_printf(cx, "%.*s.tarn-torn-%lld.tmp", slash ? (int)(slash - key) + 1 : 0, key, (long long)torn);
    tarn_stat stat;
    TRY(fault->inner->driver->put(cx, fault->inner, temp, (tarn_str){bytes.p, bytes.n / 2}, TARN_PUT_ALWAYS, NULL,
                                  &stat));
    return fail_down(cx);
}

static tarn_code fault_put(tarn_cx *cx, tarn_store *store, const char *key, tarn_str bytes, tarn_when when,
                           const char *etag, tarn_stat *stat) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_PUT, &p));
    if (p.kind == TARN_FAULT_TEAR) return tear(cx, fault, key, bytes, p.torn);
    tarn_code code = fault->inner->driver->put(cx, fault->inner, key, bytes, when, etag, stat);
    if (code == TARN_OK) set_durable(fault, &key, 1, true);
    return end(cx, fault, &p, code);
}

static tarn_code fault_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                            tarn_entry_list *out) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_LIST, &p));
    return end(cx, fault, &p, fault->inner->driver->list(cx, fault->inner, spec, arena, out));
}

static tarn_code fault_head(tarn_cx *cx, tarn_store *store, const char *key, tarn_stat *out) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_HEAD, &p));
    return end(cx, fault, &p, fault->inner->driver->head(cx, fault->inner, key, out));
}

static tarn_code fault_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_REMOVE, &p));
    tarn_code code = fault->inner->driver->remove(cx, fault->inner, keys, n);
    if (code == TARN_OK) set_durable(fault, keys, n, false);
    return end(cx, fault, &p, code);
}

static tarn_code fault_copy(tarn_cx *cx, tarn_store *store, const char *from, const char *to, tarn_when when) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_COPY, &p));
    tarn_code code = fault->inner->driver->copy(cx, fault->inner, from, to, when);
    if (code == TARN_OK) set_durable(fault, &to, 1, true);
    return end(cx, fault, &p, code);
}

static tarn_code fault_sync(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    tarn_fault *fault = fault_of(store);
    passage p;
    TRY(begin(cx, fault, TARN_FAULT_SYNC, &p));
    tarn_code code = fault->inner->driver->sync ? fault->inner->driver->sync(cx, fault->inner, keys, n) : TARN_OK;
    if (code == TARN_OK) set_durable(fault, keys, n, true);
    return end(cx, fault, &p, code);
}

/* Not counted: object stores have no such call, and a crash test is to have the same steps on all. */
static tarn_code fault_folder(tarn_cx *cx, tarn_store *store, const char *key) {
    tarn_fault *fault = fault_of(store);
    if (tarn_fault_is_down(fault)) return fail_down(cx);
    return fault->inner->driver->folder ? fault->inner->driver->folder(cx, fault->inner, key) : TARN_OK;
}

static char *fault_path(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena) {
    tarn_store *inner = fault_of(store)->inner;
    return inner->driver->local_path ? inner->driver->local_path(cx, inner, key, arena) : NULL;
}

static bool fault_access(tarn_store *store, tarn_store_access *out) {
    return tarn_store_access_of(fault_of(store)->inner, out);
}

static void fault_close(tarn_store *store) {
    tarn_fault *fault = fault_of(store);
    tarn_store_close(fault->inner);
    tarn_arena_free(fault->arena);
    pthread_mutex_destroy(&fault->lock);
    free(fault);
}

static const tarn_store_driver tarn_store_faulty = {
    .name = "fault",
    .close = fault_close,
    .get = fault_get,
    .put = fault_put,
    .list = fault_list,
    .head = fault_head,
    .remove = fault_remove,
    .copy = fault_copy,
    .sync = fault_sync,
    .folder = fault_folder,
    .local_path = fault_path,
    .access = fault_access,
};

void tarn_store_fault(tarn_store *inner, tarn_store **store, tarn_fault **fault) {
    tarn_fault *made = calloc(1, sizeof *made);
    if (!made) abort();
    tarn_store_init(&made->base, &tarn_store_faulty, tarn_store_uri(inner));
    pthread_mutex_init(&made->lock, NULL);
    made->inner = tarn_store_retain(inner);
    made->arena = tarn_arena_new();
    *store = &made->base;
    *fault = made;
}

void tarn_fault_set(tarn_fault *fault, const tarn_fault_plan *plan) {
    pthread_mutex_lock(&fault->lock);
    fault->has_plan = plan != NULL;
    fault->plan = plan ? *plan : (tarn_fault_plan){0};
    fault->matching = 0;
    memset(fault->calls, 0, sizeof fault->calls);
    pthread_mutex_unlock(&fault->lock);
}

int64_t tarn_fault_count(tarn_fault *fault, tarn_fault_call call) {
    pthread_mutex_lock(&fault->lock);
    int64_t n = fault->calls[call];
    pthread_mutex_unlock(&fault->lock);
    return n;
}

bool tarn_fault_is_down(tarn_fault *fault) {
    pthread_mutex_lock(&fault->lock);
    bool down = fault->down;
    pthread_mutex_unlock(&fault->lock);
    return down;
}

static tarn_code list_all(tarn_cx *cx, tarn_fault *fault, const char *prefix, tarn_entry_list *out) {
    const tarn_list_spec spec = {.prefix = prefix, .start_after = "", .max = SIZE_MAX, .recursive = true};
    return fault->inner->driver->list(cx, fault->inner, &spec, cx->arena, out);
}

tarn_code tarn_fault_watch(tarn_cx *cx, tarn_fault *fault, const char *prefix) {
    tarn_entry_list there = {0};
    TRY(list_all(cx, fault, prefix, &there));
    pthread_mutex_lock(&fault->lock);
    *TARN_PUSH(fault->arena, &fault->watched) = tarn_arena_strdup(fault->arena, prefix);
    pthread_mutex_unlock(&fault->lock);
    for (size_t i = 0; i < there.n; i++) set_durable(fault, &there.at[i].key, 1, true);
    return TARN_OK;
}

static bool is_durable(tarn_fault *fault, const char *key) {
    pthread_mutex_lock(&fault->lock);
    bool durable = tarn_map_get(&fault->durable, tarn_str_of(key)) != NULL;
    pthread_mutex_unlock(&fault->lock);
    return durable;
}

tarn_code tarn_fault_crash(tarn_cx *cx, tarn_fault *fault, tarn_fault_loss loss) {
    tarn_store *inner = fault->inner;
    tarn_stat stat;
    pthread_mutex_lock(&fault->lock);
    fault->down = true;
    pthread_mutex_unlock(&fault->lock);
    for (size_t w = 0; w < fault->watched.n; w++) {
        tarn_entry_list there = {0};
        TRY(list_all(cx, fault, fault->watched.at[w], &there));
        for (size_t i = 0; i < there.n; i++) {
            const char *key = there.at[i].key;
            if (is_durable(fault, key)) continue;
            if (loss == TARN_FAULT_REMOVED)
                TRY(inner->driver->remove(cx, inner, &key, 1));
            else
                TRY(inner->driver->put(cx, inner, key, (tarn_str){"", 0}, TARN_PUT_ALWAYS, NULL, &stat));
        }
    }
    return TARN_OK;
}

void tarn_fault_restart(tarn_fault *fault) {
    pthread_mutex_lock(&fault->lock);
    fault->down = false;
    fault->has_plan = false;
    pthread_mutex_unlock(&fault->lock);
}
