/* arrow_ipc_api.c: the public function that writes a stream as Arrow IPC. */
#include "codec/arrow_ipc.h"

tarn_code tarn_stream_to_ipc(struct ArrowArrayStream *stream, int fd, tarn_error *error) {
    tarn_cx cx;
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx_init(&cx, conf);
    tarn_code code = tarn_arrow_ipc_write_fd(&cx, stream, fd);
    if (error && error->size >= sizeof *error && code != TARN_OK) {
        cx.error.size = error->size;
        *error = cx.error;
    }
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return code;
}
