/* s3_list.c: listings of S3, page by page. */
#include <stdlib.h>

#include "base/time.h"
#include "codec/xml.h"
#include "net/url.h"
#include "store/path.h"
#include "store/s3.h"

enum { PAGE_MAX = 1000 };

/* One entry as a page has it: its key is still encoded. */
typedef TARN_VEC(tarn_entry) raw_list;

typedef struct page {
    raw_list entries;
    bool encoded, truncated;
    const char *next; /* the token; in the context's arena */
} page;

static int64_t read_time(tarn_str text) {
    int64_t us;
    bool zoned;
    /* In whole seconds, as a HEAD tells it. */
    return tarn_parse_timestamp(text, &us, &zoned) ? us / 1000000 * 1000 : -1;
}

/* Inside <Contents> or <CommonPrefixes>. */
static tarn_code read_entry(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, bool folder, page *out) {
    int depth = xml->depth;
    tarn_entry e = {.size = folder ? -1 : 0, .mtime_ms = -1, .is_folder = folder};
    for (;;) {
        tarn_xml_token t;
        tarn_str text;
        TRY(tarn_xml_next(cx, xml, arena, &t));
        if (t.kind == TARN_XML_FINISH && xml->depth < depth) break;
        if (t.kind != TARN_XML_BEGIN) continue;
        TRY(tarn_xml_text(cx, xml, arena, &text));
        if (tarn_str_is(t.name, folder ? "Prefix" : "Key")) {
            e.key = text.p;
        } else if (!folder && tarn_str_is(t.name, "Size")) {
            if (!tarn_parse_i64(text, &e.size)) return tarn_fail(cx, TARN_CORRUPT, "a size in a listing is no number");
        } else if (!folder && tarn_str_is(t.name, "LastModified")) {
            e.mtime_ms = read_time(text);
        } else if (!folder && tarn_str_is(t.name, "ETag")) {
            char etag[TARN_ETAG_TEXT];
            tarn_s3_take_etag(text, etag);
            e.etag = tarn_arena_strdup(arena, etag);
        }
    }
    if (!e.key) return tarn_fail(cx, TARN_CORRUPT, "an object in a listing has no name");
    *TARN_PUSH(arena, &out->entries) = e;
    return TARN_OK;
}

static tarn_code read_page(tarn_cx *cx, tarn_str document, tarn_arena *arena, page *out) {
    tarn_xml xml = {.rest = document};
    for (bool root = true;; root = false) {
        tarn_xml_token t;
        tarn_str text;
        TRY(tarn_xml_next(cx, &xml, arena, &t));
        if (t.kind == TARN_XML_END) break;
        if (t.kind != TARN_XML_BEGIN) continue;
        bool folder = tarn_str_is(t.name, "CommonPrefixes");
        if (root) {
            if (!tarn_str_is(t.name, "ListBucketResult"))
                return tarn_fail(cx, TARN_CORRUPT, "the answer is no listing");
            continue;
        }
        if (folder || tarn_str_is(t.name, "Contents")) {
            TRY(read_entry(cx, &xml, arena, folder, out));
            continue;
        }
        TRY(tarn_xml_text(cx, &xml, arena, &text));
        if (tarn_str_is(t.name, "IsTruncated")) out->truncated = tarn_str_is(text, "true");
        if (tarn_str_is(t.name, "EncodingType")) out->encoded = tarn_str_is(text, "url");
        if (tarn_str_is(t.name, "NextContinuationToken")) out->next = tarn_arena_strndup(cx->arena, text.p, text.n);
    }
    if (out->truncated && (!out->next || !*out->next))
        return tarn_fail(cx, TARN_CORRUPT, "a listing goes on without saying where");
    return TARN_OK;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const tarn_entry *)a)->key, ((const tarn_entry *)b)->key);
}

/* Keys relative to the root and in order: a page has objects and folders apart. */
static tarn_code tidy_page(tarn_cx *cx, const tarn_s3 *s3, tarn_arena *arena, page *p) {
    size_t prefix = strlen(s3->prefix);
    for (size_t i = 0; i < p->entries.n; i++) {
        tarn_str key = tarn_str_of(p->entries.at[i].key);
        if (p->encoded) TRY(tarn_url_decode(cx, key, arena, &key));
        if (!tarn_str_starts(key, s3->prefix) || memchr(key.p, 0, key.n))
            return tarn_fail(cx, TARN_CORRUPT, "a listing has a name that was not asked for");
        p->entries.at[i].key = key.p + prefix;
    }
    if (p->entries.n) qsort(p->entries.at, p->entries.n, sizeof *p->entries.at, compare_keys);
    return TARN_OK;
}

/* Names that are no keys, such as those consoles make for folders, are none of ours. */
static bool is_wanted(tarn_cx *cx, const tarn_list_spec *spec, const tarn_entry *e) {
    tarn_str key = tarn_str_of(e->key), name = key;
    if (e->is_folder && name.n) name.n--;
    if (!tarn_path_is_listed(key, spec->prefix, spec->start_after)) return false;
    if (tarn_path_is_reserved(key) && !spec->with_temps) return false;
    if (tarn_path_check_key(cx, name) == TARN_OK) return true;
    tarn_clear_error(cx);
    return false;
}

/* *done: no more are needed. */
static tarn_code take_page(tarn_cx *cx, const page *p, const tarn_list_spec *spec, tarn_arena *arena,
                           tarn_entry_list *out, bool *done) {
    for (size_t i = 0; i < p->entries.n; i++) {
        const tarn_entry *e = &p->entries.at[i];
        if (!is_wanted(cx, spec, e)) continue;
        int order = out->n ? strcmp(out->at[out->n - 1].key, e->key) : -1;
        if (order == 0) continue; /* a folder on both of two pages */
        if (order > 0)
            return tarn_fail(cx, TARN_UNSUPPORTED, "the server does not list in the order of names, which tables need");
        *done = spec->limit && out->n >= spec->limit;
        if (*done) return TARN_OK;
        if (out->n >= spec->max) return tarn_fail(cx, TARN_LIMIT, "more than %zu objects", spec->max);
        tarn_entry *copy = TARN_PUSH(arena, out);
        *copy = *e;
        copy->key = tarn_arena_strdup(arena, e->key);
        if (e->etag) copy->etag = tarn_arena_strdup(arena, e->etag);
    }
    *done = spec->limit && out->n >= spec->limit;
    return TARN_OK;
}

/* Its parameters in order, as the signature wants them. */
static const char *put_query(tarn_cx *cx, const tarn_s3 *s3, const tarn_list_spec *spec, const char *token) {
    size_t keys = spec->limit && spec->limit < PAGE_MAX ? spec->limit : PAGE_MAX;
    tarn_str prefix = tarn_str_of(tarn_s3_full_key(cx, s3, spec->prefix));
    tarn_str after = tarn_str_of(tarn_s3_full_key(cx, s3, spec->start_after));
    const char *next =
        token ? tarn_printf(cx, "continuation-token=%s&", tarn_url_encoded(cx, tarn_str_of(token), false)) : "";
    const char *from =
        *spec->start_after && !token ? tarn_printf(cx, "&start-after=%s", tarn_url_encoded(cx, after, false)) : "";
    return tarn_printf(cx, "%s%sencoding-type=url&list-type=2&max-keys=%zu&prefix=%s%s", next,
                       spec->recursive ? "" : "delimiter=%2F&", keys, tarn_url_encoded(cx, prefix, false), from);
}

tarn_code tarn_s3_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                       tarn_entry_list *out) {
    const tarn_s3 *s3 = (const tarn_s3 *)store;
    const char *token = NULL;
    for (bool done = false; !done;) {
        tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
        tarn_auto_buf body = TARN_BUF(TARN_S3_XML_MAX);
        tarn_http_answer answer;
        page p = {0};
        const tarn_s3_request request = {.kind = TARN_REQUEST_LIST, .query = put_query(cx, s3, spec, token)};
        TRY(tarn_s3_send(cx, s3, &request, &body, &answer));
        if (answer.status >= 300) return tarn_s3_fail(cx, s3, &answer);
        TRY(read_page(cx, (tarn_str){body.data, body.n}, scratch, &p));
        TRY(tidy_page(cx, s3, scratch, &p));
        TRY(take_page(cx, &p, spec, arena, out, &done));
        if (!p.truncated) break;
        token = p.next;
    }
    return TARN_OK;
}
