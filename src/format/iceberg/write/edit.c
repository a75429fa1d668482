/* edit.c: edits a metadata file member by member, as text: what is not known here stays as it was. */
#include "codec/jsonw.h"
#include "format/iceberg/write/write.h"

static void put_member(tarn_buf *out, bool *some, tarn_str key, tarn_str json) {
    tarn_jsonw w = TARN_JSONW(out);
    tarn_buf_puts(out, *some ? ",\n  " : "\n  ");
    *some = true;
    tarn_jsonw_string(&w, key);
    tarn_buf_puts(out, " : ");
    tarn_buf_add(out, json.p, json.n);
}

tarn_code tarn_iceberg_edit_members(tarn_cx *cx, tarn_str text, const tarn_iceberg_edit *edits, size_t n,
                                    tarn_buf *out) {
    tarn_json r;
    bool *done = TARN_NEW_ARRAY(cx->arena, bool, n), some = false;
    tarn_json_init(&r, text, (int)tarn_conf_int(cx->conf, TARN_LIMIT_JSON_DEPTH));
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    tarn_buf_putc(out, '{');
    for (bool more;;) {
        tarn_str key, raw;
        size_t i = 0;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) break;
        key = (tarn_str){tarn_arena_strndup(cx->arena, key.p, key.n), key.n};
        TRY(tarn_json_raw(cx, &r, &raw));
        while (i < n && !tarn_str_is(key, edits[i].member)) i++;
        if (i == n) put_member(out, &some, key, raw);
        if (i < n && !done[i] && edits[i].json) put_member(out, &some, key, tarn_str_of(edits[i].json));
        if (i < n) done[i] = true;
    }
    for (size_t i = 0; i < n; i++)
        if (!done[i] && edits[i].json) put_member(out, &some, tarn_str_of(edits[i].member), tarn_str_of(edits[i].json));
    tarn_buf_puts(out, "\n}");
    return tarn_buf_ok(out) ? TARN_OK
                            : tarn_fail(cx, TARN_LIMIT, "the metadata is too large; raise limit.commit_bytes");
}

tarn_str tarn_iceberg_member(tarn_cx *cx, tarn_str text, const char *name) {
    tarn_json r;
    tarn_str key, raw, none = {0};
    tarn_json_init(&r, text, (int)tarn_conf_int(cx->conf, TARN_LIMIT_JSON_DEPTH));
    bool more = tarn_json_next(cx, &r) == TARN_OK && tarn_json_expect_object(cx, &r) == TARN_OK;
    while (more) {
        if (tarn_json_field(cx, &r, &key, &more) != TARN_OK || !more) break;
        bool found = tarn_str_is(key, name);
        if (tarn_json_raw(cx, &r, &raw) != TARN_OK) break;
        if (found) return raw.n && raw.p[0] == 'n' ? none : raw;
    }
    tarn_clear_error(cx);
    return none;
}

const char *tarn_iceberg_array_with(tarn_cx *cx, tarn_str json, const char *element) {
    size_t n = json.n;
    while (n && json.p[n - 1] != ']') n--;
    size_t end = n ? n - 1 : 0;
    while (end > 1 && (unsigned char)json.p[end - 1] <= ' ') end--;
    /* Copied, not printed: the snapshots of a table may be hundreds of megabytes. */
    bool empty = end <= 1;
    tarn_str head = empty ? TARN_LIT("[") : (tarn_str){json.p, end}, comma = empty ? TARN_LIT("") : TARN_LIT(", ");
    size_t m = strlen(element);
    char *out = tarn_arena_alloc(cx->arena, head.n + comma.n + m + sizeof "]");
    memcpy(out, head.p, head.n);
    memcpy(out + head.n, comma.p, comma.n);
    memcpy(out + head.n + comma.n, element, m);
    memcpy(out + head.n + comma.n + m, "]", sizeof "]");
    return out;
}
