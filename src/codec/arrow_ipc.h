/* arrow_ipc.h: writes rows as an Arrow IPC stream (Arrow Columnar Format 1.4, "IPC Streaming Format"): for clients in
 * other processes. */
#ifndef TARN_CODEC_ARROW_IPC_H
#define TARN_CODEC_ARROW_IPC_H

#include "base/cx.h"

typedef tarn_code (*tarn_ipc_write_fn)(tarn_cx *cx, void *state, const void *p, size_t n);

/* Schema, all batches of the stream, end mark; uncompressed. The stream stays the caller's. Dictionaries of text are
 * written as plain text. UNSUPPORTED for unions, run ends, views and other dictionaries; an error of the stream comes
 * back as IO (or what its errno maps to) with its text, an error of `write` as it is. */
TARN_MUST tarn_code tarn_arrow_ipc_write(tarn_cx *cx, struct ArrowArrayStream *stream, tarn_ipc_write_fn write,
                                         void *state);
/* The same into a file, pipe or blocking socket. */
TARN_MUST tarn_code tarn_arrow_ipc_write_fd(tarn_cx *cx, struct ArrowArrayStream *stream, int fd);

#endif
