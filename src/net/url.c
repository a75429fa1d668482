/* url.c: percent-encoding and the parts of an http(s) URL. */
#include "net/url.h"

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

void tarn_url_encode(tarn_buf *out, tarn_str text, bool slashes) {
    for (size_t i = 0; i < text.n; i++) {
        if (is_unreserved(text.p[i]) || (slashes && text.p[i] == '/'))
            tarn_buf_putc(out, text.p[i]);
        else
            tarn_buf_printf(out, "%%%02X", (unsigned char)text.p[i]);
    }
}

char *tarn_url_encoded(tarn_cx *cx, tarn_str text, bool slashes) {
    tarn_auto_buf out = TARN_BUF(text.n * 3 + 1);
    tarn_buf_puts(&out, "");
    tarn_url_encode(&out, text, slashes);
    return tarn_buf_take(&out, cx->arena);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

tarn_code tarn_url_decode(tarn_cx *cx, tarn_str text, tarn_arena *arena, tarn_str *out) {
    char *to = tarn_arena_alloc(arena, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i] == '+' ? ' ' : text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return tarn_fail(cx, TARN_CORRUPT, "\"%.*s\" is not percent-encoded", (int)text.n, text.p);
            c = (char)(high << 4 | low);
            i += 2;
        }
        to[n++] = c;
    }
    *out = (tarn_str){to, n};
    return TARN_OK;
}

static bool is_host(const char *host) {
    if (!*host || *host == ':') return false;
    for (; *host; host++)
        if (!is_unreserved(*host) && !strchr(":[]", *host)) return false;
    return true;
}

tarn_code tarn_url_parse(tarn_cx *cx, const char *text, tarn_url *out) {
    bool tls = strncmp(text, "https://", 8) == 0;
    const char *host = tls ? text + 8 : text + 7;
    if (!tls && strncmp(text, "http://", 7) != 0)
        return tarn_fail(cx, TARN_INVALID,
                         "the server's address is no http:// or https:// URL; write https://host:port");
    size_t host_n = strcspn(host, "/?#"), path_n = strlen(host + host_n);
    const char *path = host + host_n;
    while (path_n && path[path_n - 1] == '/') path_n--;
    tarn_url url = {tls, tarn_printf(cx, "%.*s", (int)host_n, host), tarn_printf(cx, "%.*s", (int)path_n, path)};
    if (!is_host(url.host) || strpbrk(path, "?#%"))
        return tarn_fail(cx, TARN_INVALID,
                         "the server's address has more than a host and a path; write https://host:port");
    *out = url;
    return TARN_OK;
}
