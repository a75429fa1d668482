/* tarn.c: the composition root: the public API over sessions, and the one place that knows every part. */
#include "tarn.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pool.h"
#include "session/session.h"
#include "session/sources.h"
#include "session/tables.h"
#include "session/txn.h"
#include "sql/lex.h"
#include "stmt/stmts.h"

struct tarn_result {
    tarn_arena *arena; /* the statement's; goes with the stream */
    tarn_output output;
    struct ArrowArray first; /* the batch that was looked at: the stream gives it again */
    bool peeked;
    tarn_session *session;
};

int tarn_abi_version(void) { return TARN_ABI; }

/* Copies the error out, as far as the caller's struct reaches. */
static tarn_code give_error(const tarn_cx *cx, tarn_code code, tarn_error *out) {
    if (out && out->size >= sizeof *out) {
        size_t size = out->size;
        *out = cx->error;
        out->size = size;
        out->code = code;
    }
    return code;
}

static tarn_code apply_settings(tarn_cx *cx, tarn_conf *conf, const char *const *settings) {
    for (; settings && settings[0]; settings += 2) {
        if (!settings[1]) return tarn_fail(cx, TARN_INVALID, "setting %s has no value", settings[0]);
        TRY(tarn_conf_set(cx, conf, tarn_str_of(settings[0]), tarn_str_of(settings[1]), TARN_FROM_FLAG));
    }
    return TARN_OK;
}

/* A folder is made when missing, and known by its real path from here on, whatever becomes of the links to it. */
static tarn_code open_root(tarn_cx *cx, const char *uri, tarn_store **out) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    char real[PATH_MAX];
    TRY(tarn_store_open(cx, uri, &store));
    if (tarn_store_uri(store)[0] != '/') {
        *out = tarn_store_retain(store);
        return TARN_OK;
    }
    TRY(tarn_store_folder(cx, store, ""));
    if (!realpath(tarn_store_uri(store), real))
        return tarn_fail(cx, tarn_errno_code(errno), "%s", tarn_errno_text(cx, errno));
    return tarn_store_open(cx, real, out);
}

/* A folder of this process's own: DuckDB's files in it have the same names in every process. */
static const char *temp_folder(tarn_cx *cx, const tarn_lake *lake) {
    const char *temp = tarn_conf_text(lake->conf, TARN_TEMP_DIRECTORY), *system = getenv("TMPDIR");
    uint32_t salt;
    tarn_random(cx, &salt, sizeof salt);
    if (!*temp && lake->root[0] == '/') temp = tarn_printf(cx, "%s/.tarn/tmp", lake->root);
    if (!*temp) temp = system && *system ? system : "/tmp";
    return tarn_printf(cx, "%s/tarn-%d-%08x", temp, (int)getpid(), salt);
}

typedef struct setting_reader {
    tarn_cx *cx;
    tarn_conf *conf;
    tarn_code code;
} setting_reader;

static void read_setting(void *state, const char *name, const char *value) {
    setting_reader *r = state;
    if (r->code == TARN_OK)
        r->code = tarn_conf_set(r->cx, r->conf, tarn_str_of(name), tarn_str_of(value), TARN_FROM_WAREHOUSE);
}

static tarn_code open_lake(tarn_cx *cx, tarn_lake *lake, const char *uri) {
    setting_reader reader = {cx, lake->conf, TARN_OK};
    TRY(tarn_prefix(cx, open_root(cx, uri, &lake->store), "warehouse"));
    lake->root = tarn_store_uri(lake->store);
    TRY(tarn_catalog_open(cx, lake->store, &lake->catalog));
    TRY(tarn_catalog_settings(cx, lake->catalog, read_setting, &reader));
    TRY(reader.code);
    lake->engine = tarn_engine_new(temp_folder(cx, lake));
    lake->pool = tarn_pool_new((int)tarn_conf_int(lake->conf, TARN_IO_THREADS));
    lake->tables = tarn_tables_new(lake->engine);
    lake->stmts = tarn_stmts;
    return TARN_OK;
}

tarn_code tarn_open(const tarn_options *options, tarn_lake **out, tarn_error *error) {
    tarn_conf *conf = NULL, *defaults = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, defaults);
    tarn_code code = tarn_conf_new(&cx, &conf);
    if (code == TARN_OK) code = apply_settings(&cx, conf, options->settings);
    if (code == TARN_OK) {
        cx.conf = conf;
        code = tarn_log_open(&cx);
    }
    if (code == TARN_OK) {
        tarn_lake *lake = calloc(1, sizeof *lake);
        if (!lake) abort();
        lake->arena = tarn_arena_new();
        lake->conf = conf;
        lake->pid = (int)getpid();
        atomic_init(&lake->refs, 1);
        code = open_lake(&cx, lake, options->uri && *options->uri ? options->uri : "lake");
        if (code == TARN_OK)
            *out = lake;
        else
            tarn_close(lake);
    } else {
        tarn_conf_free(conf);
    }
    give_error(&cx, code, error);
    tarn_cx_done(&cx);
    tarn_conf_free(defaults);
    return code;
}

/* After a fork the threads that the handles need are gone: nothing of them can be used or ended. */
static bool is_forked(const tarn_lake *lake) { return lake->pid != (int)getpid(); }

void tarn_close(tarn_lake *lake) {
    if (!lake || is_forked(lake) || atomic_fetch_sub(&lake->refs, 1) != 1) return;
    tarn_tables_free(lake->tables);
    tarn_engine_free(lake->engine);
    tarn_pool_free(lake->pool);
    tarn_catalog_close(lake->catalog);
    tarn_store_close(lake->store);
    tarn_conf_free(lake->conf);
    tarn_arena_free(lake->arena);
    free(lake);
}

static void begin_call(tarn_cx *cx, tarn_session *s) {
    tarn_cx_init(cx, s->conf);
    cx->pool = s->lake->pool;
    cx->principal = s->principal;
    cx->cancel = &s->cancel;
    cx->progress = &s->progress;
    atomic_store(&s->progress, -1);
    int64_t timeout = tarn_conf_int(s->conf, TARN_STATEMENT_TIMEOUT);
    cx->deadline_us = timeout ? tarn_monotonic_us() + timeout * 1000 : 0;
}

static tarn_code refuse_fork(tarn_cx *cx, const tarn_lake *lake) {
    if (!is_forked(lake)) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "this lake was opened before a fork: open it again in the child process");
}

tarn_code tarn_session_open(tarn_lake *lake, const char *principal, tarn_session **out, tarn_error *error) {
    tarn_cx cx;
    tarn_cx_init(&cx, lake->conf);
    tarn_code code = refuse_fork(&cx, lake);
    if (code == TARN_OK) code = tarn_session_new(&cx, lake, principal, out);
    if (code == TARN_OK) atomic_fetch_add(&lake->refs, 1);
    give_error(&cx, code, error);
    tarn_cx_done(&cx);
    return code;
}

static void drop_session(tarn_session *s) {
    if (atomic_fetch_sub(&s->refs, 1) != 1) return;
    tarn_lake *lake = s->lake;
    tarn_session_free(s);
    tarn_close(lake);
}

static tarn_session *hold_session(tarn_session *s) {
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void tarn_session_close(tarn_session *session) {
    if (!session || is_forked(session->lake)) return;
    tarn_txn_free(session);
    drop_session(session);
}

static tarn_code end_call(tarn_cx *cx, tarn_code code, tarn_error *error) {
    give_error(cx, code, error);
    tarn_cx_done(cx);
    return code;
}

tarn_code tarn_session_register(tarn_session *session, const char *name, tarn_rows_fn *open, void *state,
                                tarn_error *error) {
    tarn_cx cx;
    tarn_cx_init(&cx, session->conf);
    return end_call(&cx, tarn_sources_set(&cx, session, name, open, state), error);
}

void tarn_session_on_missing(tarn_session *session, tarn_rows_fn *open, void *state) {
    tarn_sources_set_missing(session, open, state);
}

size_t tarn_statement_length(const char *sql, size_t n, int final) { return tarn_lex_statement(sql, n, final != 0); }

static void end_output(tarn_output *output) {
    tarn_stream_release(&output->stream);
    if (output->planned) tarn_planned_done(output->planned);
    output->planned = NULL;
}

static tarn_code run_call(tarn_session *s, const char *sql, const tarn_param *params, size_t n_params, const char *path,
                          tarn_result **out, tarn_error *error) {
    tarn_output output = {0};
    tarn_counters counters = {0};
    tarn_cx cx;
    begin_call(&cx, s);
    cx.counters = &counters;
    atomic_store(&s->cancel, false);
    tarn_bind *binds = NULL;
    const char *text = tarn_arena_strdup(cx.arena, sql);
    tarn_code code = refuse_fork(&cx, s->lake);
    if (code == TARN_OK) code = tarn_session_params(&cx, params, n_params, &binds);
    if (code == TARN_OK) code = tarn_session_run(&cx, s, tarn_str_of(text), binds, n_params, path, &output);
    give_error(&cx, code, error);
    if (code != TARN_OK || !out) {
        end_output(&output);
        tarn_cx_done(&cx);
        return code;
    }
    tarn_result *result = calloc(1, sizeof *result);
    if (!result) abort();
    *result = (tarn_result){.arena = cx.arena, .output = output, .session = hold_session(s)};
    *out = result;
    return TARN_OK;
}

tarn_code tarn_query(tarn_session *session, const char *sql, const tarn_param *params, size_t n_params,
                     tarn_result **out, tarn_error *error) {
    return run_call(session, sql, params, n_params, NULL, out, error);
}

tarn_code tarn_query_to_parquet(tarn_session *session, const char *sql, const tarn_param *params, size_t n_params,
                                const char *path, tarn_error *error) {
    return run_call(session, sql, params, n_params, path, NULL, error);
}

/* A stream that takes its statement's memory and scans with it. */
typedef struct held_stream {
    tarn_arena *arena;
    tarn_output output;
    struct ArrowArray first;
    tarn_session *session;
} held_stream;

static const char forked[] = "INVALID: these rows were opened before a fork: run the query again in the child process";

static int held_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
    held_stream *h = self->private_data;
    if (is_forked(h->session->lake)) return EINVAL;
    return h->output.stream.get_schema(&h->output.stream, out);
}

static int held_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
    held_stream *h = self->private_data;
    if (is_forked(h->session->lake)) return EINVAL;
    if (!h->first.release) return h->output.stream.get_next(&h->output.stream, out);
    *out = h->first;
    h->first.release = NULL;
    return 0;
}

static const char *held_error(struct ArrowArrayStream *self) {
    held_stream *h = self->private_data;
    return is_forked(h->session->lake) ? forked : h->output.stream.get_last_error(&h->output.stream);
}

static void held_release(struct ArrowArrayStream *self) {
    held_stream *h = self->private_data;
    self->release = NULL;
    if (is_forked(h->session->lake)) return;
    tarn_array_release(&h->first);
    end_output(&h->output);
    tarn_arena_free(h->arena);
    drop_session(h->session);
    free(h);
}

static tarn_code check_rows(tarn_cx *cx, const tarn_result *result) {
    TRY(refuse_fork(cx, result->session->lake));
    if (result->output.stream.release) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "the result has no rows, or they were taken already");
}

/* A stream tells its errors as "CODE: message". */
static tarn_code stream_failed(tarn_cx *cx, struct ArrowArrayStream *stream) {
    const char *text = stream->get_last_error(stream);
    size_t n = text ? strcspn(text, ":") : 0;
    for (int code = TARN_OK + 1; code <= TARN_INTERNAL; code++)
        if (n && tarn_str_is((tarn_str){text, n}, tarn_code_name((tarn_code)code)))
            return tarn_fail(cx, (tarn_code)code, "%s", text + n + 1 + (text[n + 1] == ' '));
    return tarn_fail(cx, TARN_INTERNAL, "the rows cannot be read: %s", text ? text : "no reason was given");
}

tarn_code tarn_result_schema(tarn_result *result, struct ArrowSchema *out, tarn_error *error) {
    struct ArrowArrayStream *stream = &result->output.stream;
    tarn_cx cx;
    tarn_cx_init(&cx, result->session->conf);
    tarn_code code = check_rows(&cx, result);
    if (code == TARN_OK && stream->get_schema(stream, out) != 0) code = stream_failed(&cx, stream);
    return end_call(&cx, code, error);
}

tarn_code tarn_result_peek(tarn_result *result, const struct ArrowArray **out, tarn_error *error) {
    struct ArrowArrayStream *stream = &result->output.stream;
    tarn_cx cx;
    tarn_cx_init(&cx, result->session->conf);
    tarn_code code = check_rows(&cx, result);
    if (code == TARN_OK && !result->peeked && stream->get_next(stream, &result->first) != 0)
        code = stream_failed(&cx, stream);
    if (code == TARN_OK) {
        result->peeked = true;
        *out = result->first.release ? &result->first : NULL;
    }
    return end_call(&cx, code, error);
}

tarn_code tarn_result_stream(tarn_result *result, struct ArrowArrayStream *out, tarn_error *error) {
    tarn_cx cx;
    tarn_cx_init(&cx, result->session->conf);
    tarn_code code = end_call(&cx, check_rows(&cx, result), error);
    if (code != TARN_OK) return code;
    held_stream *h = calloc(1, sizeof *h);
    if (!h) abort();
    *h = (held_stream){result->arena, result->output, result->first, hold_session(result->session)};
    result->arena = NULL;
    result->first.release = NULL;
    result->output = (tarn_output){.is_query = result->output.is_query};
    *out = (struct ArrowArrayStream){held_schema, held_next, held_error, held_release, h};
    return TARN_OK;
}

int tarn_result_is_query(const tarn_result *result) { return result->output.is_query; }

void tarn_result_close(tarn_result *result) {
    if (!result || is_forked(result->session->lake)) return;
    tarn_array_release(&result->first);
    end_output(&result->output);
    tarn_arena_free(result->arena);
    drop_session(result->session);
    free(result);
}

void tarn_cancel(tarn_session *session) { atomic_store(&session->cancel, true); }

double tarn_progress(tarn_session *session) { return atomic_load(&session->progress); }
