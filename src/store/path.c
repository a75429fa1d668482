/* path.c: which names are keys, and what a URI says. Pure text, no I/O but the name of the current directory. */
#include "store/path.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "store/store.h"

static const char reserved[] = ".tarn-";

static bool is_dots(tarn_str part) { return tarn_str_is(part, ".") || tarn_str_is(part, ".."); }

static tarn_str next_part(tarn_str *rest) {
    const char *slash = memchr(rest->p, '/', rest->n);
    tarn_str part = {rest->p, slash ? (size_t)(slash - rest->p) : rest->n};
    size_t taken = slash ? part.n + 1 : part.n;
    *rest = (tarn_str){rest->p + taken, rest->n - taken};
    return part;
}

static tarn_code check_bytes(tarn_cx *cx, tarn_str key) {
    if (key.n > TARN_KEY_MAX)
        return tarn_fail(cx, TARN_INVALID, "the name has %zu bytes; at most %d are allowed", key.n, TARN_KEY_MAX);
    if (key.n && memchr(key.p, 0, key.n)) return tarn_fail(cx, TARN_INVALID, "the name has a NUL byte");
    return TARN_OK;
}

/* The part before a '/', or the last of a whole key. */
static tarn_code check_part(tarn_cx *cx, tarn_str part, tarn_str key) {
    if (part.n == 0)
        return tarn_fail(cx, TARN_INVALID, "\"%.*s\" has an empty part; write names as a/b, with no '/' at either end",
                         (int)key.n, key.p);
    if (is_dots(part))
        return tarn_fail(cx, TARN_INVALID, "\"%.*s\" has the part \"%.*s\", which may lead out of the root", (int)key.n,
                         key.p, (int)part.n, part.p);
    return TARN_OK;
}

tarn_code tarn_path_check_prefix(tarn_cx *cx, tarn_str prefix) {
    TRY(check_bytes(cx, prefix));
    for (tarn_str rest = prefix; rest.n && memchr(rest.p, '/', rest.n);) TRY(check_part(cx, next_part(&rest), prefix));
    return TARN_OK;
}

tarn_code tarn_path_check_key(tarn_cx *cx, tarn_str key) {
    if (key.n == 0) return tarn_fail(cx, TARN_INVALID, "the name is empty");
    TRY(tarn_path_check_prefix(cx, key));
    const char *slash = memrchr(key.p, '/', key.n);
    const char *last = slash ? slash + 1 : key.p;
    return check_part(cx, (tarn_str){last, (size_t)(key.p + key.n - last)}, key);
}

bool tarn_path_is_reserved(tarn_str key) {
    while (key.n)
        if (tarn_str_starts(next_part(&key), reserved)) return true;
    return false;
}

/* RFC 3986, section 3.1, of at least two characters, so that a Windows drive or a file named "a:b" stays a path. */
tarn_str tarn_uri_scheme(tarn_str uri) {
    size_t i = 0;
    for (; i < uri.n; i++) {
        char c = uri.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) break;
    }
    tarn_str rest = {uri.p + i, uri.n - i};
    if (i < 2 || !(tarn_str_starts(rest, "://") || (i == 4 && !memcmp(uri.p, "file", 4) && tarn_str_starts(rest, ":"))))
        return (tarn_str){uri.p, 0};
    return (tarn_str){uri.p, i};
}

/* RFC 8089: the host is empty or localhost; Hadoop writes file:/a. */
static tarn_code strip_file_scheme(tarn_cx *cx, tarn_str *uri) {
    size_t skip = tarn_str_starts(*uri, "file://localhost/") ? 16 : tarn_str_starts(*uri, "file://") ? 7 : 5;
    tarn_str path = {uri->p + skip, uri->n - skip};
    if (!tarn_str_starts(path, "/"))
        return tarn_fail(cx, TARN_INVALID, "\"%.*s\" names no absolute path; write file:///folder", (int)uri->n,
                         uri->p);
    *uri = path;
    return TARN_OK;
}

static void append_parts(char *out, size_t *n, tarn_str path) {
    while (path.n) {
        tarn_str part = next_part(&path);
        if (part.n == 0 || tarn_str_is(part, ".")) continue;
        out[(*n)++] = '/';
        memcpy(out + *n, part.p, part.n);
        *n += part.n;
    }
}

tarn_code tarn_path_of_uri(tarn_cx *cx, tarn_str uri, tarn_arena *arena, char **out) {
    char here[PATH_MAX] = "";
    if (uri.n == 0) return tarn_fail(cx, TARN_INVALID, "the path is empty");
    TRY(check_bytes(cx, uri));
    if (tarn_uri_scheme(uri).n) TRY(strip_file_scheme(cx, &uri));
    if (uri.p[0] != '/' && !getcwd(here, sizeof here))
        return tarn_fail(cx, TARN_IO, "the current directory is not known (%s); give an absolute path",
                         tarn_errno_text(cx, errno));
    char *path = tarn_arena_alloc(arena, strlen(here) + uri.n + 3);
    size_t n = 0;
    append_parts(path, &n, tarn_str_of(here));
    append_parts(path, &n, uri);
    if (n == 0) path[n++] = '/';
    *out = path;
    return TARN_OK;
}

char *tarn_path_join(tarn_arena *arena, const char *base, const char *name) {
    size_t n = strlen(base);
    bool needs_slash = n && name[0] && base[n - 1] != '/';
    return tarn_arena_printf(arena, "%s%s%s", base, needs_slash ? "/" : "", name);
}

int tarn_path_compare(const char *a, size_t a_n, const char *b, size_t b_n) {
    size_t n = a_n < b_n ? a_n : b_n;
    int order = n ? memcmp(a, b, n) : 0;
    return order ? order : (a_n > b_n) - (a_n < b_n);
}

bool tarn_path_is_listed(tarn_str key, const char *prefix, const char *start_after) {
    return tarn_str_starts(key, prefix) && tarn_path_compare(key.p, key.n, start_after, strlen(start_after)) > 0;
}
