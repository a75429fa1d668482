/* xml.c: pulls elements and text out of a small XML document. */
#include "codec/xml.h"

void tarn_xml_init(tarn_xml *x, tarn_str document) { *x = (tarn_xml){.rest = document}; }

static tarn_code broken(tarn_cx *cx, const char *what) {
    return tarn_fail(cx, TARN_CORRUPT, "the XML answer is broken: %s", what);
}

static void advance(tarn_xml *x, size_t n) {
    x->rest.p += n;
    x->rest.n -= n;
}

/* Steps over `<begin…end`; *done says whether it stood there. */
static tarn_code skip_over(tarn_cx *cx, tarn_xml *x, const char *begin, const char *end, bool *done) {
    *done = tarn_str_starts(x->rest, begin);
    if (!*done) return TARN_OK;
    const char *at = memmem(x->rest.p, x->rest.n, end, strlen(end));
    if (!at) return broken(cx, "a comment or instruction does not end");
    advance(x, (size_t)(at - x->rest.p) + strlen(end));
    return TARN_OK;
}

static bool is_name_char(char c) { return (unsigned char)c > ' ' && !strchr("<>/=\"'&", c); }

static tarn_str take_name(tarn_xml *x) {
    size_t n = 0;
    while (n < x->rest.n && is_name_char(x->rest.p[n])) n++;
    tarn_str name = {x->rest.p, n};
    advance(x, n);
    return name;
}

static tarn_code close_element(tarn_cx *cx, tarn_xml *x, tarn_str name) {
    if (!x->depth || !tarn_str_eq(x->open[x->depth - 1], name)) return broken(cx, "an end tag fits no start tag");
    x->depth--;
    x->kind = TARN_XML_CLOSE;
    x->name = name;
    return TARN_OK;
}

/* Attributes are passed over; '>' may stand in their values. */
static tarn_code end_of_tag(tarn_cx *cx, tarn_xml *x) {
    for (size_t i = 0; i < x->rest.n; i++) {
        char c = x->rest.p[i];
        if (c == '"' || c == '\'') {
            const char *end = memchr(x->rest.p + i + 1, c, x->rest.n - i - 1);
            if (!end) break;
            i = (size_t)(end - x->rest.p);
        } else if (c == '>') {
            x->empty = i > 0 && x->rest.p[i - 1] == '/';
            advance(x, i + 1);
            return TARN_OK;
        } else if (c == '<') {
            break;
        }
    }
    return broken(cx, "a tag does not end");
}

static tarn_code take_tag(tarn_cx *cx, tarn_xml *x) {
    bool closing = x->rest.n > 1 && x->rest.p[1] == '/';
    advance(x, closing ? 2 : 1);
    tarn_str name = take_name(x);
    if (!name.n) return broken(cx, "a tag has no name");
    TRY(end_of_tag(cx, x));
    if (closing) {
        x->empty = false;
        return close_element(cx, x, name);
    }
    if (x->depth == TARN_XML_DEPTH) return broken(cx, "it is nested too deep");
    x->open[x->depth++] = name;
    x->kind = TARN_XML_OPEN;
    x->name = name;
    return TARN_OK;
}

tarn_code tarn_xml_next(tarn_cx *cx, tarn_xml *x) {
    if (x->empty) {
        x->empty = false;
        return close_element(cx, x, x->name);
    }
    for (bool skipped = true; skipped;) {
        TRY(skip_over(cx, x, "<?", "?>", &skipped));
        if (!skipped) TRY(skip_over(cx, x, "<!--", "-->", &skipped));
    }
    if (x->rest.n && x->rest.p[0] == '<') return take_tag(cx, x);
    const char *tag = x->rest.n ? memchr(x->rest.p, '<', x->rest.n) : NULL;
    x->text = (tarn_str){x->rest.p, tag ? (size_t)(tag - x->rest.p) : x->rest.n};
    advance(x, x->text.n);
    x->kind = x->text.n ? TARN_XML_TEXT : TARN_XML_END;
    if (x->kind == TARN_XML_END && x->depth) return broken(cx, "it ends inside an element");
    return TARN_OK;
}

static size_t put_utf8(char *out, uint32_t c) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(first[n] | c);
    return n;
}

/* &lt; &#10; &#x4F; — the text they stand for; 0: no entity we know. */
static size_t decode_entity(tarn_str name, char *out) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tarn_str_is(name, known[i].name)) return *out = known[i].c, 1;
    if (name.n < 2 || name.n > 9 || name.p[0] != '#') return 0;
    uint32_t c = 0;
    bool hex = name.p[1] == 'x';
    if (name.n == 2 && hex) return 0;
    for (size_t i = hex ? 2 : 1; i < name.n; i++) {
        char d = name.p[i];
        int digit = d >= '0' && d <= '9'                        ? d - '0'
                    : hex && (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10
                                                                : -1;
        if (digit < 0) return 0;
        c = c * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    return put_utf8(out, c);
}

/* Never longer than what it is made of: the shortest escape of n bytes of UTF-8 has more than n. */
static tarn_code add_text(tarn_cx *cx, tarn_str text, char *out, size_t *n) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '&') {
            out[(*n)++] = text.p[i];
            continue;
        }
        const char *end = memchr(text.p + i, ';', text.n - i);
        size_t made = end ? decode_entity((tarn_str){text.p + i + 1, (size_t)(end - text.p) - i - 1}, out + *n) : 0;
        if (!made) return broken(cx, "an entity is not known");
        *n += made;
        i = (size_t)(end - text.p);
    }
    return TARN_OK;
}

tarn_code tarn_xml_text(tarn_cx *cx, tarn_xml *x, tarn_arena *arena, char **out) {
    int outside = x->depth - 1;
    char *text = tarn_arena_alloc(arena, 1);
    size_t n = 0;
    for (;;) {
        TRY(tarn_xml_next(cx, x));
        if (x->kind == TARN_XML_CLOSE && x->depth == outside) break;
        if (x->kind != TARN_XML_TEXT || x->depth != outside + 1) continue;
        char *longer = tarn_arena_alloc(arena, n + x->text.n + 1);
        memcpy(longer, text, n);
        text = longer;
        TRY(add_text(cx, x->text, text, &n));
    }
    text[n] = 0;
    *out = text;
    return TARN_OK;
}
