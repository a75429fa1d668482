/* sources.h: names that stand for rows of the program that uses the library. */
#ifndef TARN_SESSION_SOURCES_H
#define TARN_SESSION_SOURCES_H

#include "session/session.h"

typedef struct tarn_sources tarn_sources;

/* `open` NULL forgets the name. */
TARN_MUST tarn_code tarn_sources_set(tarn_cx *cx, tarn_session *s, const char *name, tarn_rows_fn *open, void *state);
void tarn_sources_set_missing(tarn_session *s, tarn_rows_fn *open, void *state);
void tarn_sources_free(tarn_sources *sources);
bool tarn_sources_has(const tarn_session *s, const char *name);
/* The rows registered under the name, or those that whoever is asked for missing names has; NOTFOUND (without a
 * message) when there are none. */
TARN_MUST tarn_code tarn_sources_open(tarn_cx *cx, tarn_session *s, const char *name, const tarn_at *at,
                                      tarn_relation *out);
/* How many have been opened: a view that would be made of them is known by it. */
uint64_t tarn_sources_opened(const tarn_session *s);

/* The values of a call, copied into cx->arena: a result streams after its call has returned. */
TARN_MUST tarn_code tarn_session_params(tarn_cx *cx, const tarn_param *params, size_t n, tarn_bind **out);

#endif
