/* edit.c: edits a metadata file member by member, as text: what is not known here stays as it was. */
#include "format/iceberg/edit.h"

#include "codec/jsonw.h"

static void begin_member(tarn_buf *out, bool *some, tarn_str key) {
    tarn_jsonw w = TARN_JSONW(out);
    tarn_buf_puts(out, *some ? ",\n  " : "\n  ");
    *some = true;
    tarn_jsonw_string(&w, key);
    tarn_buf_puts(out, " : ");
}

/* Copied as it stands, not printed: the snapshots of a table may be hundreds of megabytes. */
void tarn_iceberg_put_array(tarn_buf *out, tarn_str json, const char *element) {
    size_t end = json.n;
    while (end && json.p[end - 1] != ']') end--;
    if (end) end--;
    while (end > 1 && (unsigned char)json.p[end - 1] <= ' ') end--;
    bool empty = end <= 1;
    if (empty)
        tarn_buf_putc(out, '[');
    else
        tarn_buf_add(out, json.p, end);
    tarn_buf_puts(out, empty ? "" : ", ");
    tarn_buf_puts(out, element);
    tarn_buf_putc(out, ']');
}

/* `was` is null where the member is not there. */
static void put_edited(tarn_buf *out, bool *some, const tarn_iceberg_edit *edit, tarn_str was) {
    if (!edit->json) return;
    begin_member(out, some, tarn_str_of(edit->member));
    if (edit->appends)
        tarn_iceberg_put_array(out, was, edit->json);
    else
        tarn_buf_puts(out, edit->json);
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
        if (i == n) {
            begin_member(out, &some, key);
            tarn_buf_add(out, raw.p, raw.n);
            continue;
        }
        if (!done[i]) put_edited(out, &some, &edits[i], raw);
        done[i] = true;
    }
    for (size_t i = 0; i < n; i++)
        if (!done[i]) put_edited(out, &some, &edits[i], (tarn_str){0});
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
