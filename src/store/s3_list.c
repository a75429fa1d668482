/* s3_list.c: what is in a bucket below a prefix, page by page, and removing many objects at once. */
#include <stdlib.h>

#include "base/crypto.h"
#include "base/time.h"
#include "codec/xml.h"
#include "store/path.h"
#include "store/s3.h"

enum { PAGE_MAX = 64 << 20, QUERY_MAX = 64 << 10, REMOVE_MAX = 1000 };

typedef struct page {
    tarn_entry_list entries;
    char *next; /* NULL: the last one */
} page;

static tarn_code decode(tarn_cx *cx, const tarn_s3 *s3, const char *text, tarn_arena *arena, const char **out) {
    char *key = tarn_url_decode(arena, tarn_str_of(text));
    size_t folder = strlen(s3->folder);
    if (!key) return tarn_fail(cx, TARN_CORRUPT, "the server lists a key that is not encoded: %s", text);
    *out = strncmp(key, s3->folder, folder) == 0 ? key + folder : NULL;
    return TARN_OK;
}

static tarn_code read_object(tarn_cx *cx, const tarn_s3 *s3, tarn_xml *x, tarn_arena *arena, page *out) {
    tarn_entry e = {.size = -1, .mtime_ms = -1};
    for (int depth = x->depth;;) {
        char *text;
        TRY(tarn_xml_next(cx, x));
        if (x->kind == TARN_XML_CLOSE && x->depth < depth) break;
        if (x->kind != TARN_XML_OPEN) continue;
        tarn_str name = x->name;
        TRY(tarn_xml_text(cx, x, arena, &text));
        int64_t us;
        bool zoned;
        size_t n = strlen(text);
        if (tarn_str_is(name, "Key")) TRY(decode(cx, s3, text, arena, &e.key));
        if (tarn_str_is(name, "Size") && !tarn_parse_i64(tarn_str_of(text), &e.size)) e.size = -1;
        if (tarn_str_is(name, "LastModified") && tarn_parse_timestamp(tarn_str_of(text), &us, &zoned))
            e.mtime_ms = us / 1000;
        if (tarn_str_is(name, "ETag") && n > 1 && text[0] == '"') e.etag = tarn_arena_strndup(arena, text + 1, n - 2);
    }
    if (e.key && *e.key) *TARN_PUSH(arena, &out->entries) = e;
    return TARN_OK;
}

static tarn_code read_folder(tarn_cx *cx, const tarn_s3 *s3, tarn_xml *x, tarn_arena *arena, page *out) {
    for (int depth = x->depth;;) {
        char *text;
        const char *key;
        TRY(tarn_xml_next(cx, x));
        if (x->kind == TARN_XML_CLOSE && x->depth < depth) return TARN_OK;
        if (x->kind != TARN_XML_OPEN || !tarn_str_is(x->name, "Prefix")) continue;
        TRY(tarn_xml_text(cx, x, arena, &text));
        TRY(decode(cx, s3, text, arena, &key));
        if (key && *key)
            *TARN_PUSH(arena, &out->entries) = (tarn_entry){.key = key, .size = -1, .mtime_ms = -1, .is_folder = true};
    }
}

static int by_key(const void *a, const void *b) {
    const char *x = ((const tarn_entry *)a)->key, *y = ((const tarn_entry *)b)->key;
    return tarn_path_compare(x, strlen(x), y, strlen(y));
}

/* Objects and folders come in two lists; together each page follows the one before. */
static tarn_code read_page(tarn_cx *cx, const tarn_s3 *s3, tarn_str xml, tarn_arena *arena, page *out) {
    tarn_xml x;
    char *truncated = NULL;
    tarn_xml_init(&x, xml);
    *out = (page){0};
    for (;;) {
        TRY(tarn_xml_next(cx, &x));
        if (x.kind == TARN_XML_END) break;
        if (x.kind != TARN_XML_OPEN || x.depth != 2) continue;
        if (tarn_str_is(x.name, "Contents"))
            TRY(read_object(cx, s3, &x, arena, out));
        else if (tarn_str_is(x.name, "CommonPrefixes"))
            TRY(read_folder(cx, s3, &x, arena, out));
        else if (tarn_str_is(x.name, "IsTruncated"))
            TRY(tarn_xml_text(cx, &x, cx->arena, &truncated));
        else if (tarn_str_is(x.name, "NextContinuationToken"))
            TRY(tarn_xml_text(cx, &x, cx->arena, &out->next));
    }
    bool more = truncated && !strcmp(truncated, "true");
    if (more && !out->next) return tarn_fail(cx, TARN_CORRUPT, "the server has more to list and does not say how");
    if (!more) out->next = NULL;
    if (out->entries.n) qsort(out->entries.at, out->entries.n, sizeof *out->entries.at, by_key);
    return TARN_OK;
}

static void put_parameter(tarn_buf *query, const char *name, const char *value) {
    tarn_buf_printf(query, "%s%s=", query->n ? "&" : "", name);
    tarn_url_encode(query, tarn_str_of(value), false);
}

static tarn_code get_page(tarn_cx *cx, tarn_s3 *s3, const tarn_list_spec *spec, const char *token, tarn_arena *arena,
                          page *out) {
    tarn_auto_buf query = TARN_BUF(QUERY_MAX), body = TARN_BUF(PAGE_MAX);
    tarn_http_answer a;
    if (token) put_parameter(&query, "continuation-token", token);
    if (!spec->recursive) put_parameter(&query, "delimiter", "/");
    put_parameter(&query, "encoding-type", "url");
    put_parameter(&query, "list-type", "2");
    if (spec->limit && spec->limit < 900 && spec->recursive) /* some to spare for names that are passed over */
        put_parameter(&query, "max-keys", tarn_printf(cx, "%zu", spec->limit + 100));
    put_parameter(&query, "prefix", tarn_s3_full_key(cx, s3, spec->prefix));
    if (*spec->start_after && !token) put_parameter(&query, "start-after", tarn_s3_full_key(cx, s3, spec->start_after));
    if (query.failed) return tarn_fail(cx, TARN_LIMIT, "the prefix is too long for a URL");
    tarn_s3_call call = {.method = "GET", .key = "", .query = query.data};
    TRY(tarn_s3_send(cx, s3, &call, &body, &a, NULL));
    if (a.status == 404) return tarn_fail(cx, TARN_NOTFOUND, "there is no such bucket");
    if (a.status != 200) return tarn_s3_fail(cx, &a);
    return read_page(cx, s3, (tarn_str){body.data, body.n}, arena, out);
}

tarn_code tarn_s3_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                       tarn_entry_list *out) {
    page p = {0};
    const char *token = NULL;
    do {
        TRY(tarn_check(cx));
        TRY(get_page(cx, (tarn_s3 *)store, spec, token, arena, &p));
        for (size_t i = 0; i < p.entries.n; i++) {
            tarn_str key = tarn_str_of(p.entries.at[i].key);
            if (!tarn_path_is_listed(key, spec->prefix, spec->start_after)) continue;
            if (tarn_path_is_reserved(key) && !spec->with_temps) continue;
            if (spec->limit && out->n >= spec->limit) return TARN_OK;
            if (out->n >= spec->max) return tarn_fail(cx, TARN_LIMIT, "more than %zu objects", spec->max);
            *TARN_PUSH(arena, out) = p.entries.at[i];
        }
        token = p.next;
    } while (token);
    return TARN_OK;
}

static void put_xml_text(tarn_buf *out, const char *text) {
    for (; *text; text++) {
        if (strchr("<>&\"'", *text) || (unsigned char)*text < ' ')
            tarn_buf_printf(out, "&#%d;", (unsigned char)*text);
        else
            tarn_buf_putc(out, *text);
    }
}

static tarn_code remove_some(tarn_cx *cx, tarn_s3 *s3, const char *const *keys, size_t n) {
    tarn_auto_buf xml = TARN_BUF(PAGE_MAX), body = TARN_BUF(PAGE_MAX);
    unsigned char hash[32];
    tarn_http_answer a;
    char *key = NULL, *message = NULL;
    tarn_buf_puts(&xml, "<Delete><Quiet>true</Quiet>");
    for (size_t i = 0; i < n; i++) {
        tarn_buf_puts(&xml, "<Object><Key>");
        put_xml_text(&xml, tarn_s3_full_key(cx, s3, keys[i]));
        tarn_buf_puts(&xml, "</Key></Object>");
    }
    tarn_buf_puts(&xml, "</Delete>");
    if (xml.failed) return tarn_fail(cx, TARN_LIMIT, "%zu keys are too long to be removed at once", n);
    tarn_md5(xml.data, xml.n, hash);
    const char *md5 = tarn_printf(cx, "content-md5: %s", tarn_base64(cx->arena, hash, 16));
    const char *headers[] = {md5, NULL};
    tarn_s3_call call = {
        .method = "POST", .key = "", .query = "delete=", .headers = headers, .body = {xml.data, xml.n}};
    TRY(tarn_s3_send(cx, s3, &call, &body, &a, NULL));
    if (a.status == 404) return tarn_fail(cx, TARN_NOTFOUND, "there is no such bucket");
    if (a.status != 200) return tarn_s3_fail(cx, &a);
    tarn_str said = {body.data ? body.data : "", body.n};
    if (!said.n || !memmem(said.p, said.n, "<Error>", 7)) return TARN_OK;
    TRY(tarn_s3_element(cx, said, "Key", &key));
    TRY(tarn_s3_element(cx, said, "Message", &message));
    return tarn_fail(cx, TARN_IO, "%s: %s", key ? key : "an object", message ? message : "the server refuses");
}

tarn_code tarn_s3_remove(tarn_cx *cx, tarn_store *store, const char *const *keys, size_t n) {
    tarn_error first = {0};
    tarn_code failed = TARN_OK;
    for (size_t i = 0; i < n; i += REMOVE_MAX) {
        tarn_code code = remove_some(cx, (tarn_s3 *)store, keys + i, n - i < REMOVE_MAX ? n - i : REMOVE_MAX);
        if (code == TARN_OK || failed != TARN_OK) continue;
        failed = code;
        first = cx->error;
    }
    if (failed != TARN_OK) cx->error = first;
    return failed;
}
