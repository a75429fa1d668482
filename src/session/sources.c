/* sources.c: keeps the caller's names and opens their rows when a statement reads them. */
#include "session/sources.h"

#include <stdlib.h>

typedef struct source {
    struct source *next;
    char *name;
    tarn_rows_fn *open;
    void *state;
} source;

struct tarn_sources {
    source *first;
    source missing; /* open NULL: nobody is asked */
    uint64_t opened;
};

static tarn_sources *sources_of(tarn_session *s) {
    if (!s->sources && !(s->sources = calloc(1, sizeof *s->sources))) abort();
    return s->sources;
}

static source **find(tarn_sources *sources, const char *name) {
    source **at = &sources->first;
    while (*at && !tarn_name_eq((*at)->name, name)) at = &(*at)->next;
    return at;
}

static void forget(source **at) {
    source *gone = *at;
    *at = gone->next;
    free(gone->name);
    free(gone);
}

tarn_code tarn_sources_set(tarn_cx *cx, tarn_session *s, const char *name, tarn_rows_fn *open, void *state) {
    if (!name || !*name) return tarn_fail(cx, TARN_INVALID, "rows are registered under a name, and it is empty");
    source **at = find(sources_of(s), name);
    if (*at) forget(at);
    if (!open) return TARN_OK;
    source *made = calloc(1, sizeof *made);
    char *copy = strdup(name);
    if (!made || !copy) abort();
    *made = (source){.next = *at, .name = copy, .open = open, .state = state};
    *at = made;
    return TARN_OK;
}

void tarn_sources_set_missing(tarn_session *s, tarn_rows_fn *open, void *state) {
    sources_of(s)->missing = (source){.open = open, .state = state};
}

void tarn_sources_free(tarn_sources *sources) {
    if (!sources) return;
    while (sources->first) forget(&sources->first);
    free(sources);
}

bool tarn_sources_has(const tarn_session *s, const char *name) { return s->sources && *find(s->sources, name); }

uint64_t tarn_sources_opened(const tarn_session *s) { return s->sources ? s->sources->opened : 0; }

tarn_code tarn_sources_open(tarn_cx *cx, tarn_session *s, const char *name, const tarn_at *at, tarn_relation *out) {
    source *found = s->sources ? *find(s->sources, name) : NULL;
    if (!found && s->sources && s->sources->missing.open) found = &s->sources->missing;
    if (!found) return TARN_NOTFOUND;
    struct ArrowArrayStream stream = {0};
    tarn_error error = {.size = sizeof error};
    tarn_code code = found->open(found->state, found->name ? found->name : name, &stream, &error);
    if (code == TARN_NOTFOUND && found == &s->sources->missing) return code;
    if (code != TARN_OK)
        return tarn_fail(cx, code, "%s: the rows passed in cannot be read: %s", name,
                         *error.message ? error.message : tarn_code_name(code));
    if (!stream.release) return tarn_fail(cx, TARN_INVALID, "%s: the rows passed in are no stream", name);
    s->sources->opened++;
    if (at->kind != TARN_AT_LATEST) {
        tarn_stream_release(&stream);
        return tarn_fail(cx, TARN_INVALID, "%s stands for rows passed in: they have no versions", name);
    }
    *out = (tarn_relation){.kind = TARN_REL_ROWS, .rows = stream};
    return TARN_OK;
}
