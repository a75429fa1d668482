/* s3_account.c: whose keys, which region and which server: settings, else the environment, else the profile files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/url.h"
#include "store/s3.h"

#define REGION_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
enum { PROFILE_FILE_MAX = 1 << 20 };

typedef struct profile {
    const char *key_id, *secret, *token, *region, *endpoint;
    bool found;
} profile;

static const char *from(const tarn_conf *conf, tarn_option option, const char *variable) {
    const char *set = tarn_conf_text(conf, option);
    if (set && *set) return set;
    const char *value = variable ? getenv(variable) : NULL;
    return value && *value ? value : NULL;
}

/* A file that is not there is an empty one. */
static tarn_code read_file(tarn_cx *cx, const char *path, tarn_buf *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return TARN_OK;
    if (fd < 0) return tarn_fail(cx, tarn_errno_code(errno), "%s: %s", path, tarn_errno_text(cx, errno));
    char bytes[4096];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0) tarn_buf_add(out, bytes, (size_t)n);
    close(fd);
    if (n < 0) return tarn_fail(cx, tarn_errno_code(errno), "%s: %s", path, tarn_errno_text(cx, errno));
    return tarn_buf_ok(out) ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "%s is larger than 1 MB", path);
}

static tarn_str trim(tarn_str s) {
    while (s.n && (unsigned char)s.p[0] <= ' ') s.p++, s.n--;
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ') s.n--;
    return s;
}

/* "[name]" or, in the config file, "[profile name]". */
static bool names_profile(tarn_str line, const char *name) {
    tarn_str inside = trim((tarn_str){line.p + 1, line.n - 2});
    if (tarn_str_starts(inside, "profile ")) inside = trim((tarn_str){inside.p + 8, inside.n - 8});
    return tarn_str_is(inside, name);
}

static void take_value(tarn_arena *arena, tarn_str name, tarn_str value, profile *out) {
    const struct {
        const char *name;
        const char **to;
    } known[] = {{"aws_access_key_id", &out->key_id},
                 {"aws_secret_access_key", &out->secret},
                 {"aws_session_token", &out->token},
                 {"region", &out->region},
                 {"endpoint_url", &out->endpoint}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tarn_str_is(name, known[i].name) && value.n && !*known[i].to)
            *known[i].to = tarn_arena_strndup(arena, value.p, value.n);
}

/* What the file says of a profile that is not known yet. */
static tarn_code read_profile(tarn_cx *cx, tarn_arena *arena, const char *path, const char *name, profile *out) {
    tarn_auto_buf text = TARN_BUF(PROFILE_FILE_MAX);
    bool inside = false;
    TRY(read_file(cx, path, &text));
    for (const char *p = text.data, *end = p + text.n; p && p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        bool nested = *p == ' ' || *p == '\t'; /* of "s3 =" and its like */
        tarn_str line = trim((tarn_str){p, (size_t)((nl ? nl : end) - p)});
        p = nl ? nl + 1 : end;
        const char *equals = line.n ? memchr(line.p, '=', line.n) : NULL;
        if (!line.n || line.p[0] == '#' || line.p[0] == ';') continue;
        if (line.p[0] == '[' && line.p[line.n - 1] == ']' && line.n > 2) {
            inside = names_profile(line, name);
            out->found = out->found || inside;
        } else if (inside && equals && !nested) {
            size_t n = (size_t)(equals - line.p);
            take_value(arena, trim((tarn_str){line.p, n}), trim((tarn_str){equals + 1, line.n - n - 1}), out);
        }
    }
    return TARN_OK;
}

static tarn_code read_profiles(tarn_cx *cx, tarn_arena *arena, profile *out) {
    const char *home = getenv("HOME"), *asked = from(cx->conf, TARN_S3_PROFILE, "AWS_PROFILE");
    const char *keys = getenv("AWS_SHARED_CREDENTIALS_FILE"), *config = getenv("AWS_CONFIG_FILE");
    const char *name = asked ? asked : "default";
    if (!home) home = "/";
    TRY(read_profile(cx, arena, keys ? keys : tarn_printf(cx, "%s/.aws/credentials", home), name, out));
    TRY(read_profile(cx, arena, config ? config : tarn_printf(cx, "%s/.aws/config", home), name, out));
    if (asked && !out->found)
        return tarn_hint(
            cx, tarn_fail(cx, TARN_INVALID, "there is no profile %s in the AWS credentials or config file", asked),
            "set s3.profile or AWS_PROFILE to one that is there");
    return TARN_OK;
}

static tarn_code check_endpoint(tarn_cx *cx, tarn_arena *arena, const char *text, const char **out) {
    tarn_url url;
    TRY(tarn_url_parse(cx, text, &url));
    if (*url.path) return tarn_fail(cx, TARN_INVALID, "the server's address has a path; write https://host:port");
    *out = tarn_arena_printf(arena, "http%s://%s", url.tls ? "s" : "", url.host);
    return TARN_OK;
}

/* They become headers and hosts' names. */
static tarn_code check_plain(tarn_cx *cx, const char *what, const char *text) {
    for (const char *c = text; c && *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return tarn_fail(cx, TARN_INVALID, "the S3 %s has a blank or a control character; take it out", what);
    return TARN_OK;
}

static const char *first(const char *a, const char *b) { return a ? a : b; }

tarn_code tarn_s3_account_find(tarn_cx *cx, tarn_arena *arena, const char *bucket, tarn_s3_account *out) {
    profile p = {0};
    tarn_s3_account a = {0};
    const char *set_key = tarn_conf_text(cx->conf, TARN_S3_ACCESS_KEY_ID), *style;
    bool by_setting = set_key && *set_key, by_profile = *tarn_conf_text(cx->conf, TARN_S3_PROFILE);
    TRY(read_profiles(cx, arena, &p));
    /* A key comes with its own secret and token: never one from here and one from there. */
    if (by_setting) {
        a.key_id = set_key;
        a.secret = from(cx->conf, TARN_S3_SECRET_ACCESS_KEY, NULL);
        a.token = from(cx->conf, TARN_S3_SESSION_TOKEN, NULL);
    } else if (!by_profile && (a.key_id = getenv("AWS_ACCESS_KEY_ID")) && *a.key_id) {
        a.secret = getenv("AWS_SECRET_ACCESS_KEY");
        a.token = getenv("AWS_SESSION_TOKEN");
    } else {
        a.key_id = p.key_id;
        a.secret = p.secret;
        a.token = p.token;
    }
    if (a.key_id && (!a.secret || !*a.secret))
        return tarn_fail(cx, TARN_INVALID, "there is an S3 access key id without its secret access key");
    if (a.token && !*a.token) a.token = NULL;
    TRY(check_plain(cx, "access key id", a.key_id));
    TRY(check_plain(cx, "secret", a.secret));
    TRY(check_plain(cx, "session token", a.token));
    a.region = first(first(from(cx->conf, TARN_S3_REGION, "AWS_REGION"), getenv("AWS_DEFAULT_REGION")), p.region);
    if (!a.region || !*a.region) a.region = "us-east-1";
    if (a.region[strspn(a.region, REGION_LETTERS)])
        return tarn_fail(cx, TARN_INVALID, "%s is no region's name; s3.region is one such as eu-west-1", a.region);
    a.endpoint =
        first(first(from(cx->conf, TARN_S3_ENDPOINT, "AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL")), p.endpoint);
    bool own = a.endpoint && *a.endpoint;
    if (own)
        TRY(check_endpoint(cx, arena, a.endpoint, &a.endpoint));
    else
        a.endpoint = tarn_arena_printf(arena, "https://s3.%s.amazonaws.com", a.region);
    style = tarn_conf_text(cx->conf, TARN_S3_URL_STYLE);
    a.path_style = !strcmp(style, "path") || (!strcmp(style, "auto") && (own || strchr(bucket, '.')));
    if (a.key_id) {
        a.key_id = tarn_arena_strdup(arena, a.key_id);
        a.secret = tarn_arena_strdup(arena, a.secret);
        a.token = a.token ? tarn_arena_strdup(arena, a.token) : NULL;
    }
    a.region = tarn_arena_strdup(arena, a.region);
    *out = a;
    return TARN_OK;
}
