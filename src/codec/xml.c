/* xml.c: scans XML 1.0 without a DTD. */
#include "codec/xml.h"

static tarn_code fail(tarn_cx *cx, const char *what) {
    return tarn_fail(cx, TARN_CORRUPT, "the answer is not well-formed XML: %s", what);
}

/* Passes what ends in `end`; false when it does not end. */
static bool skip_past(tarn_xml *xml, const char *end) {
    const char *found = xml->rest.n ? memmem(xml->rest.p, xml->rest.n, end, strlen(end)) : NULL;
    if (!found) return false;
    found += strlen(end);
    xml->rest = (tarn_str){found, (size_t)(xml->rest.p + xml->rest.n - found)};
    return true;
}

static void skip(tarn_xml *xml, size_t n) { xml->rest = (tarn_str){xml->rest.p + n, xml->rest.n - n}; }

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80) ||
           (c && strchr("_:-.", c));
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static tarn_str take_name(tarn_xml *xml) {
    size_t n = 0;
    while (n < xml->rest.n && is_name_char(xml->rest.p[n])) n++;
    tarn_str name = {xml->rest.p, n};
    skip(xml, n);
    return name;
}

static tarn_str local_name(tarn_str name) {
    const char *colon = name.n ? memrchr(name.p, ':', name.n) : NULL;
    return colon ? (tarn_str){colon + 1, (size_t)(name.p + name.n - colon - 1)} : name;
}

static void put_code_point(tarn_buf *out, uint32_t c) {
    if (c < 0x80) {
        tarn_buf_putc(out, (char)c);
    } else if (c < 0x800) {
        tarn_buf_putc(out, (char)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        tarn_buf_putc(out, (char)(0xe0 | c >> 12));
        tarn_buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
    } else {
        tarn_buf_putc(out, (char)(0xf0 | c >> 18));
        tarn_buf_putc(out, (char)(0x80 | (c >> 12 & 63)));
        tarn_buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
    }
    if (c >= 0x80) tarn_buf_putc(out, (char)(0x80 | (c & 63)));
}

/* "#10" or "#xA"; NUL and surrogates are no characters. */
static bool put_reference(tarn_buf *out, tarn_str name) {
    bool hex = name.n > 1 && name.p[1] == 'x';
    uint32_t c = 0;
    size_t i = hex ? 2 : 1;
    if (i >= name.n) return false;
    for (; i < name.n; i++) {
        char d = name.p[i], l = (char)(d | 32);
        int value = d >= '0' && d <= '9' ? d - '0' : hex && l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
        if (value < 0) return false;
        c = c * (hex ? 16 : 10) + (uint32_t)value;
        if (c > 0x10ffff) return false;
    }
    if (c == 0 || (c >= 0xd800 && c <= 0xdfff)) return false;
    put_code_point(out, c);
    return true;
}

static bool put_entity(tarn_buf *out, tarn_str name) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    if (name.n && name.p[0] == '#') return put_reference(out, name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tarn_str_is(name, known[i].name)) return tarn_buf_putc(out, known[i].c), true;
    return false;
}

static tarn_code decode_text(tarn_cx *cx, tarn_str raw, tarn_arena *arena, tarn_str *out) {
    tarn_auto_buf text = TARN_BUF(raw.n + 1);
    tarn_buf_puts(&text, "");
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] != '&') {
            tarn_buf_putc(&text, raw.p[i]);
            continue;
        }
        const char *end = memchr(raw.p + i, ';', raw.n - i);
        if (!end || !put_entity(&text, (tarn_str){raw.p + i + 1, (size_t)(end - raw.p) - i - 1}))
            return fail(cx, "an unknown entity");
        i = (size_t)(end - raw.p);
    }
    *out = (tarn_str){tarn_arena_strndup(arena, text.data, text.n), text.n};
    return TARN_OK;
}

/* Past the attributes to the tag's end. */
static tarn_code begin_element(tarn_cx *cx, tarn_xml *xml, tarn_xml_token *out) {
    tarn_str name = take_name(xml);
    if (!name.n) return fail(cx, "a tag without a name");
    if (xml->rooted && !xml->depth) return fail(cx, "more than one root");
    if (xml->depth == TARN_XML_DEPTH_MAX) return fail(cx, "elements too deep");
    for (char quote = 0;; skip(xml, 1)) {
        if (!xml->rest.n) return fail(cx, "a tag without an end");
        char c = *xml->rest.p;
        if (!quote && c == '<') return fail(cx, "a tag inside a tag");
        if (!quote && c == '>') break;
        if (!quote && c == '/' && xml->rest.n > 1 && xml->rest.p[1] == '>') {
            xml->closing = true;
            skip(xml, 1);
            break;
        }
        if (quote ? c == quote : c == '"' || c == '\'') quote = quote ? 0 : c;
    }
    skip(xml, 1);
    xml->rooted = true;
    xml->open[xml->depth++] = name;
    *out = (tarn_xml_token){.kind = TARN_XML_BEGIN, .name = local_name(name)};
    return TARN_OK;
}

static void finish(tarn_xml *xml, tarn_xml_token *out) {
    *out = (tarn_xml_token){.kind = TARN_XML_FINISH, .name = local_name(xml->open[--xml->depth])};
}

static tarn_code finish_element(tarn_cx *cx, tarn_xml *xml, tarn_xml_token *out) {
    tarn_str name = take_name(xml);
    while (xml->rest.n && is_blank(*xml->rest.p)) skip(xml, 1);
    if (!xml->rest.n || *xml->rest.p != '>') return fail(cx, "a tag without an end");
    if (!xml->depth || !tarn_str_eq(name, xml->open[xml->depth - 1])) return fail(cx, "an end without a beginning");
    skip(xml, 1);
    finish(xml, out);
    return TARN_OK;
}

static tarn_code take_text(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, tarn_xml_token *out) {
    const char *end = memchr(xml->rest.p, '<', xml->rest.n);
    tarn_str raw = {xml->rest.p, end ? (size_t)(end - xml->rest.p) : xml->rest.n};
    out->kind = TARN_XML_TEXT;
    skip(xml, raw.n);
    return decode_text(cx, raw, arena, &out->text);
}

static tarn_code take_cdata(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, tarn_xml_token *out) {
    skip(xml, strlen("<![CDATA["));
    const char *begin = xml->rest.p;
    if (!xml->depth || !skip_past(xml, "]]>")) return fail(cx, "a CDATA section out of place");
    size_t n = (size_t)(xml->rest.p - begin) - 3;
    *out = (tarn_xml_token){.kind = TARN_XML_TEXT, .text = {tarn_arena_strndup(arena, begin, n), n}};
    return TARN_OK;
}

/* Blanks outside of the root, comments and instructions; false when one of them does not end. */
static bool skip_nothings(tarn_xml *xml) {
    for (;;) {
        while (!xml->depth && xml->rest.n && is_blank(*xml->rest.p)) skip(xml, 1);
        if (tarn_str_starts(xml->rest, "<?")) {
            if (!skip_past(xml, "?>")) return false;
        } else if (tarn_str_starts(xml->rest, "<!--")) {
            skip(xml, 4);
            if (!skip_past(xml, "-->")) return false;
        } else {
            return true;
        }
    }
}

tarn_code tarn_xml_next(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, tarn_xml_token *out) {
    *out = (tarn_xml_token){.kind = TARN_XML_END};
    if (xml->closing) {
        xml->closing = false;
        finish(xml, out);
        return TARN_OK;
    }
    if (tarn_str_starts(xml->rest, "\xef\xbb\xbf")) skip(xml, 3);
    if (!skip_nothings(xml)) return fail(cx, "a comment without an end");
    if (!xml->rest.n) return xml->rooted && !xml->depth ? TARN_OK : fail(cx, "it ends too soon");
    if (*xml->rest.p != '<') return xml->depth ? take_text(cx, xml, arena, out) : fail(cx, "text outside of the root");
    if (tarn_str_starts(xml->rest, "<![CDATA[")) return take_cdata(cx, xml, arena, out);
    if (tarn_str_starts(xml->rest, "<!")) return fail(cx, "a declaration");
    bool end = tarn_str_starts(xml->rest, "</");
    skip(xml, end ? 2 : 1);
    return end ? finish_element(cx, xml, out) : begin_element(cx, xml, out);
}

tarn_code tarn_xml_text(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, tarn_str *out) {
    int depth = xml->depth;
    tarn_auto_buf all = TARN_BUF(xml->rest.n + 1);
    tarn_buf_puts(&all, "");
    for (;;) {
        tarn_xml_token token;
        TRY(tarn_xml_next(cx, xml, arena, &token));
        if (token.kind == TARN_XML_FINISH && xml->depth < depth) break;
        if (token.kind == TARN_XML_TEXT && xml->depth == depth) tarn_buf_add(&all, token.text.p, token.text.n);
    }
    if (!tarn_buf_ok(&all)) return tarn_fail(cx, TARN_NOMEM, "no memory for %zu bytes", all.n);
    *out = (tarn_str){tarn_arena_strndup(arena, all.data, all.n), all.n};
    return TARN_OK;
}

tarn_code tarn_xml_skip(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena) {
    tarn_str text;
    return tarn_xml_text(cx, xml, arena, &text);
}

bool tarn_xml_escape(tarn_buf *out, tarn_str text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '&')
            tarn_buf_puts(out, "&amp;");
        else if (c == '<')
            tarn_buf_puts(out, "&lt;");
        else if (c == '>')
            tarn_buf_puts(out, "&gt;");
        else if (c == '\t' || c == '\n' || c == '\r')
            tarn_buf_printf(out, "&#%d;", c); /* bare, a reader may fold them */
        else if (c < ' ')
            return false;
        else
            tarn_buf_putc(out, (char)c);
    }
    return true;
}
