/* output.c: writes results; a file is written beside its place and renamed, so that a failure never leaves half of one.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 16 };

static tarn_code fail_errno(tarn_error *error, const cli_output *out, const char *what) {
    int err = errno;
    tarn_code code = err == ENOENT                                   ? TARN_NOTFOUND
                     : err == EACCES || err == EROFS || err == EPERM ? TARN_DENIED
                                                                     : TARN_IO;
    return cli_error(error, code, "cannot %s %s: %s", what, out->path ? out->path : "standard output",
                     strerrordesc_np(err));
}

tarn_code cli_output_open(const char *path, cli_output *out, tarn_error *error) {
    struct stat st;
    *out = (cli_output){.fd = STDOUT_FILENO, .path = path};
    if (!path) return TARN_OK;
    bool in_place = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    cli_buf name = {0};
    cli_printf(&name, in_place ? "%s" : "%s.part", path);
    out->fd = open(cli_text(&name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out->fd < 0) {
        tarn_code code = fail_errno(error, out, "write");
        cli_buf_free(&name);
        return code;
    }
    if (in_place)
        cli_buf_free(&name);
    else
        out->part = name.p;
    return TARN_OK;
}

tarn_code cli_output_flush(cli_output *out, bool all, tarn_error *error) {
    if (!all && out->buf.n < BUFFER_BYTES) return TARN_OK;
    for (size_t done = 0; done < out->buf.n;) {
        ssize_t n = write(out->fd, out->buf.p + done, out->buf.n - done);
        if (n < 0 && errno == EINTR && !cli_interrupted()) continue;
        if (n < 0 && errno == EINTR) return cli_error(error, TARN_CANCELLED, "cancelled");
        if (n < 0) return fail_errno(error, out, "write");
        done += (size_t)n;
    }
    out->buf.n = 0;
    return TARN_OK;
}

tarn_code cli_output_close(cli_output *out, tarn_code code, tarn_error *error) {
    if (code == TARN_OK) code = cli_output_flush(out, true, error);
    if (out->path && close(out->fd) != 0 && code == TARN_OK) code = fail_errno(error, out, "write");
    if (out->part && code == TARN_OK && rename(out->part, out->path) != 0) code = fail_errno(error, out, "write");
    if (out->part && code != TARN_OK) unlink(out->part);
    free(out->part);
    cli_buf_free(&out->buf);
    *out = (cli_output){.fd = -1};
    return code;
}
