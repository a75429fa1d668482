/* stream.c: an open result as an Arrow C stream that outlives the statement. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/internal.h"

typedef struct stream_state {
    tarn_cx cx; /* its own arena and error; settings copied */
    tarn_rows *rows;
    tarn_conn *conn; /* NULL: somebody else's */
    char message[sizeof((tarn_error *)0)->message + 32];
} stream_state;

static int errno_of(tarn_code code) {
    switch (code) {
    case TARN_CANCELLED: return ECANCELED;
    case TARN_TIMEOUT: return ETIMEDOUT;
    case TARN_NOMEM:
    case TARN_LIMIT: return ENOMEM;
    case TARN_IO: return EIO;
    default: return EINVAL;
    }
}

static int fail_stream(stream_state *s, tarn_code code) {
    snprintf(s->message, sizeof s->message, "%s: %s", tarn_code_name(code), s->cx.error.message);
    return errno_of(code);
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    stream_state *s = stream->private_data;
    tarn_code code = tarn_rows_copy_schema(&s->cx, s->rows, out);
    return code == TARN_OK ? 0 : fail_stream(s, code);
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    stream_state *s = stream->private_data;
    tarn_code code = tarn_rows_next(&s->cx, s->rows, out);
    return code == TARN_OK ? 0 : fail_stream(s, code);
}

static const char *stream_error(struct ArrowArrayStream *stream) {
    stream_state *s = stream->private_data;
    return s->message[0] ? s->message : NULL;
}

static void stream_release(struct ArrowArrayStream *stream) {
    stream_state *s = stream->private_data;
    tarn_rows_close(s->rows);
    tarn_conn_close(s->conn);
    tarn_conf_free(s->cx.conf);
    tarn_cx_done(&s->cx);
    free(s);
    stream->release = NULL;
}

tarn_code tarn_rows_stream(tarn_cx *cx, tarn_rows *rows, tarn_conn *own, struct ArrowArrayStream *out) {
    stream_state *s = calloc(1, sizeof *s);
    if (!s) return tarn_fail(cx, TARN_NOMEM, "no memory for a stream");
    tarn_cx_fork(cx, &s->cx);
    s->cx.conf = tarn_conf_copy(cx->conf);
    s->cx.principal = NULL; /* lives with the statement */
    s->cx.counters = NULL;
    s->rows = rows;
    s->conn = own;
    *out = (struct ArrowArrayStream){stream_schema, stream_next, stream_error, stream_release, s};
    return TARN_OK;
}
