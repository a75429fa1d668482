/* tarn.c: the composition root: the public API over sessions, and the one place that knows every part. */
#include "tarn.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pool.h"
#include "session/session.h"
#include "session/tables.h"
#include "sql/lex.h"
#include "stmt/stmts.h"

struct tarn_result {
    tarn_arena *arena; /* the statement's; goes with the stream */
    tarn_output output;
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

static tarn_code make_root(tarn_cx *cx, const char *uri, char **out) {
    char real[PATH_MAX];
    if (strstr(uri, "://"))
        return tarn_fail(cx, TARN_UNSUPPORTED, "warehouse %s: only folders can be warehouses so far", uri);
    for (char *path = tarn_arena_strdup(cx->arena, uri), *p = path + (*path == '/');; p++) {
        if (*p && *p != '/') continue;
        char was = *p;
        *p = 0;
        if (*path && mkdir(path, 0777) != 0 && errno != EEXIST)
            return tarn_fail(cx, tarn_errno_code(errno), "warehouse %s: cannot make folder %s: %s", uri, path,
                             tarn_errno_text(cx, errno));
        *p = was;
        if (!was) break;
    }
    if (!realpath(uri, real))
        return tarn_fail(cx, tarn_errno_code(errno), "warehouse %s: %s", uri, tarn_errno_text(cx, errno));
    *out = tarn_arena_strdup(cx->arena, real);
    return TARN_OK;
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
    char *root = NULL;
    setting_reader reader = {cx, lake->conf, TARN_OK};
    TRY(make_root(cx, uri, &root));
    lake->root = tarn_arena_strdup(lake->arena, root);
    TRY(tarn_catalog_open(cx, lake->root, &lake->catalog));
    TRY(tarn_catalog_settings(cx, lake->catalog, read_setting, &reader));
    TRY(reader.code);
    const char *temp = tarn_conf_text(lake->conf, TARN_TEMP_DIRECTORY);
    lake->engine = tarn_engine_new(*temp ? temp : tarn_printf(cx, "%s/.tarn/tmp", lake->root));
    lake->pool = tarn_pool_new((int)tarn_conf_int(lake->conf, TARN_IO_THREADS));
    lake->tables = tarn_tables_new(lake->engine);
    lake->stmts = tarn_stmts;
    lake->pid = (int)getpid();
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

void tarn_close(tarn_lake *lake) {
    if (!lake) return;
    tarn_tables_free(lake->tables);
    tarn_engine_free(lake->engine);
    tarn_pool_free(lake->pool);
    tarn_catalog_close(lake->catalog);
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
    if (lake->pid == (int)getpid()) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "this lake was opened before a fork: open it again in the child process");
}

tarn_code tarn_session_open(tarn_lake *lake, const char *principal, tarn_session **out, tarn_error *error) {
    tarn_cx cx;
    tarn_cx_init(&cx, lake->conf);
    tarn_code code = refuse_fork(&cx, lake);
    if (code == TARN_OK) code = tarn_session_new(&cx, lake, principal, out);
    give_error(&cx, code, error);
    tarn_cx_done(&cx);
    return code;
}

void tarn_session_close(tarn_session *session) { tarn_session_free(session); }

size_t tarn_statement_length(const char *sql, size_t n, int final) { return tarn_lex_statement(sql, n, final != 0); }

static tarn_value param_value(const tarn_param *p) {
    tarn_value v = {.null = p->type == TARN_PARAM_NULL, .kind = TARN_STRING};
    switch (p->type) {
    case TARN_PARAM_BOOL: v.kind = TARN_BOOL, v.b = p->i != 0; break;
    case TARN_PARAM_INT: v.kind = TARN_INT64, v.i = p->i; break;
    case TARN_PARAM_DOUBLE: v.kind = TARN_FLOAT64, v.f = p->d; break;
    case TARN_PARAM_BLOB: v.kind = TARN_BINARY, v.s = (tarn_str){p->data, p->n}; break;
    case TARN_PARAM_TEXT: v.s = (tarn_str){p->data, p->n}; break;
    case TARN_PARAM_NULL: break;
    }
    return v;
}

/* The values are copied: a result streams after its call has returned. */
static tarn_bind *copy_params(tarn_arena *arena, const tarn_param *params, size_t n) {
    tarn_bind *binds = TARN_NEW_ARRAY(arena, tarn_bind, n);
    for (size_t i = 0; i < n; i++) {
        binds[i].name = params[i].name ? tarn_arena_strdup(arena, params[i].name) : NULL;
        binds[i].value = param_value(&params[i]);
        tarn_value *v = &binds[i].value;
        if (!v->null && (v->kind == TARN_STRING || v->kind == TARN_BINARY))
            v->s.p = tarn_arena_strndup(arena, v->s.p, v->s.n);
    }
    return binds;
}

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
    tarn_bind *binds = copy_params(cx.arena, params, n_params);
    const char *text = tarn_arena_strdup(cx.arena, sql);
    tarn_code code = refuse_fork(&cx, s->lake);
    if (code == TARN_OK) code = tarn_session_run(&cx, s, tarn_str_of(text), binds, n_params, path, &output);
    give_error(&cx, code, error);
    if (code != TARN_OK || !out) {
        end_output(&output);
        tarn_cx_done(&cx);
        return code;
    }
    tarn_result *result = calloc(1, sizeof *result);
    if (!result) abort();
    *result = (tarn_result){.arena = cx.arena, .output = output, .session = s};
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
} held_stream;

static int held_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
    held_stream *h = self->private_data;
    return h->output.stream.get_schema(&h->output.stream, out);
}

static int held_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
    held_stream *h = self->private_data;
    return h->output.stream.get_next(&h->output.stream, out);
}

static const char *held_error(struct ArrowArrayStream *self) {
    held_stream *h = self->private_data;
    return h->output.stream.get_last_error(&h->output.stream);
}

static void held_release(struct ArrowArrayStream *self) {
    held_stream *h = self->private_data;
    end_output(&h->output);
    tarn_arena_free(h->arena);
    free(h);
    self->release = NULL;
}

tarn_code tarn_result_stream(tarn_result *result, struct ArrowArrayStream *out, tarn_error *error) {
    tarn_cx cx;
    tarn_cx_init(&cx, result->session->conf);
    tarn_code code = TARN_OK;
    if (!result->output.stream.release)
        code = tarn_fail(&cx, TARN_INVALID, "the result has no rows, or they were taken already");
    give_error(&cx, code, error);
    tarn_cx_done(&cx);
    if (code != TARN_OK) return code;
    held_stream *h = calloc(1, sizeof *h);
    if (!h) abort();
    *h = (held_stream){result->arena, result->output};
    result->arena = NULL;
    result->output = (tarn_output){.is_query = result->output.is_query};
    *out = (struct ArrowArrayStream){held_schema, held_next, held_error, held_release, h};
    return TARN_OK;
}

int tarn_result_is_query(const tarn_result *result) { return result->output.is_query; }

void tarn_result_close(tarn_result *result) {
    if (!result) return;
    end_output(&result->output);
    tarn_arena_free(result->arena);
    free(result);
}

void tarn_cancel(tarn_session *session) { atomic_store(&session->cancel, true); }

double tarn_progress(tarn_session *session) { return atomic_load(&session->progress); }
