/* log.c: each event is one JSON line and one write(2), so that lines of several threads and processes do not mix. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/time.h"

enum { LINE_MAX_BYTES = 1 << 16 };

static atomic_int log_level = TARN_LOG_WARN;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO; /* under log_lock */

tarn_code tarn_log_open(tarn_cx *cx) {
    const char *path = tarn_conf_text(cx->conf, TARN_LOG_FILE);
    int fd = STDERR_FILENO;
    if (path[0]) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        int err = errno;
        if (fd < 0)
            return tarn_fail(cx, tarn_errno_code(err), "log.file %s: cannot be opened: %s", path,
                             tarn_errno_text(cx, err));
    }
    pthread_mutex_lock(&log_lock);
    int before = log_fd;
    log_fd = fd;
    pthread_mutex_unlock(&log_lock);
    if (before != STDERR_FILENO) close(before);
    tarn_log_set_level((tarn_log_level)tarn_conf_int(cx->conf, TARN_LOG_LEVEL));
    return TARN_OK;
}

void tarn_log_set_level(tarn_log_level level) { atomic_store_explicit(&log_level, (int)level, memory_order_relaxed); }
bool tarn_log_on(tarn_log_level level) { return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed); }

/* RFC 8259, section 7. C1 controls too, which some terminals obey; what is no UTF-8 becomes U+FFFD. */
static void add_string(tarn_buf *b, const char *s) {
    size_t n = strlen(s);
    tarn_buf_putc(b, '"');
    for (size_t i = 0; i < n && tarn_buf_ok(b);) {
        uint32_t c = 0;
        size_t length = tarn_utf8_decode(s + i, n - i, &c);
        if (!length)
            tarn_buf_puts(b, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            tarn_buf_add(b, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            tarn_buf_puts(b, "\\n");
        else if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
            tarn_buf_printf(b, "\\u%04x", (unsigned)c);
        else
            tarn_buf_add(b, s + i, length);
        i += length ? length : 1;
    }
    tarn_buf_putc(b, '"');
}

static void add_head(tarn_buf *b, tarn_cx *cx, tarn_log_level level, const char *event) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char ts[TARN_TIME_TEXT];
    tarn_format_timestamp(tarn_now_us(cx), 'T', 6, "Z", ts);
    tarn_buf_printf(b, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":", ts, names[level]);
    add_string(b, event);
}

static void write_line(const tarn_buf *b) {
    pthread_mutex_lock(&log_lock);
    for (size_t at = 0; at < b->n;) {
        ssize_t wrote = write(log_fd, b->data + at, b->n - at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) break; /* a full disk must not stop the work */
        at += (size_t)wrote;
    }
    pthread_mutex_unlock(&log_lock);
}

void tarn_log(tarn_cx *cx, tarn_log_level level, const char *event, ...) {
    if (!tarn_log_on(level)) return;
    int saved_errno = errno;
    tarn_auto_buf b = TARN_BUF(LINE_MAX_BYTES);
    add_head(&b, cx, level, event);
    va_list args;
    va_start(args, event);
    for (const char *name; (name = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        tarn_buf_putc(&b, ',');
        add_string(&b, name);
        tarn_buf_putc(&b, ':');
        if (value)
            add_string(&b, value);
        else
            tarn_buf_puts(&b, "null");
    }
    va_end(args);
    tarn_buf_puts(&b, "}\n");
    if (!tarn_buf_ok(&b)) { /* too long: that it happened is worth more than the rest */
        tarn_buf_clear(&b);
        add_head(&b, cx, level, event[0] && strlen(event) < LINE_MAX_BYTES / 8 ? event : "event");
        tarn_buf_puts(&b, ",\"cut\":\"true\"}\n");
    }
    if (tarn_buf_ok(&b)) write_line(&b);
    errno = saved_errno;
}
