/* xml_test.c: tokens, text with entities and CDATA, what is refused, and text that survives escaping. */
#include "codec/xml.h"

#include "support/cx_fixture.h"

/* All tokens in one line: "<a" begins, "a>" finishes, text in brackets; NULL for what is refused. */
static const char *tokens_of(tarn_cx *cx, const char *text) {
    tarn_xml xml = {.rest = tarn_str_of(text)};
    const char *all = "";
    for (;;) {
        tarn_xml_token t;
        tarn_code code = tarn_xml_next(cx, &xml, cx->arena, &t);
        if (code != TARN_OK) {
            assert_int_equal(code, TARN_CORRUPT);
            return NULL;
        }
        if (t.kind == TARN_XML_END) return all;
        if (t.kind == TARN_XML_BEGIN) all = tarn_printf(cx, "%s<%.*s ", all, (int)t.name.n, t.name.p);
        if (t.kind == TARN_XML_FINISH) all = tarn_printf(cx, "%s%.*s> ", all, (int)t.name.n, t.name.p);
        if (t.kind == TARN_XML_TEXT) all = tarn_printf(cx, "%s[%.*s] ", all, (int)t.text.n, t.text.p);
    }
}

static void test_tokens(void **state) {
    tarn_cx *cx = *state;
    assert_string_equal(tokens_of(cx, "<a/>"), "<a a> ");
    assert_string_equal(tokens_of(cx, "<a x='1>' y=\"/>\" />"), "<a a> ");
    assert_string_equal(tokens_of(cx, "<a>b<c>d</c ></a>\n"), "<a [b] <c [d] c> a> ");
    assert_string_equal(
        tokens_of(cx, "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <x> --><s:a xmlns:s='u'><?p?><s:b/></s:a>"),
        "<a <b b> a> ");
    assert_string_equal(tokens_of(cx, "<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x20AC;&#x1F986;&#233;</a>"),
                        "<a [<&>\"'A\xe2\x82\xac\xf0\x9f\xa6\x86\xc3\xa9] a> ");
    assert_string_equal(tokens_of(cx, "<a>1<![CDATA[<2>&]]>3</a>"), "<a [1] [<2>&] [3] a> ");
}

static void test_text(void **state) {
    tarn_cx *cx = *state;
    tarn_xml xml = {.rest = TARN_LIT("<r><a>1<b>no</b>2<![CDATA[3]]></a><c/><d>4</d></r>")};
    tarn_xml_token t;
    tarn_str text;
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_int_equal(tarn_xml_text(cx, &xml, cx->arena, &text), TARN_OK);
    assert_string_equal(text.p, "123");
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_int_equal(tarn_xml_text(cx, &xml, cx->arena, &text), TARN_OK);
    assert_string_equal(text.p, "");
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_true(tarn_str_is(t.name, "d"));
    assert_int_equal(tarn_xml_skip(cx, &xml, cx->arena), TARN_OK);
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_int_equal(t.kind, TARN_XML_FINISH);
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_int_equal(t.kind, TARN_XML_END);
}

static void test_refused(void **state) {
    tarn_cx *cx = *state;
    static const char *const bad[] = {"",
                                      " ",
                                      "x",
                                      "<",
                                      "<a",
                                      "<a>",
                                      "</a>",
                                      "<a></b>",
                                      "<a><b></a></b>",
                                      "<a/><b/>",
                                      "<a/>x",
                                      "<a>&no;</a>",
                                      "<a>&#0;</a>",
                                      "<a>&#xD800;</a>",
                                      "<a>&#x110000;</a>",
                                      "<a>&#;</a>",
                                      "<a>&#x;</a>",
                                      "<a>&amp</a>",
                                      "<a b='></a>",
                                      "<a <b/></a>",
                                      "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
                                      "<a><!-- </a>",
                                      "<a><![CDATA[</a>",
                                      "<![CDATA[x]]>",
                                      "<a></a",
                                      "<1 <",
                                      "< a/>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tokens_of(cx, bad[i])) fail_msg("taken: %s", bad[i]);
    tarn_auto_buf deep = TARN_BUF(1000);
    for (int i = 0; i <= TARN_XML_DEPTH_MAX; i++) tarn_buf_puts(&deep, "<a>");
    for (int i = 0; i <= TARN_XML_DEPTH_MAX; i++) tarn_buf_puts(&deep, "</a>");
    assert_null(tokens_of(cx, deep.data));
    assert_non_null(strstr(cx->error.message, "deep"));
}

static void test_escape(void **state) {
    tarn_cx *cx = *state;
    static const char text[] = "a<b>&\"'\t\r\n\xc3\xa9]]>";
    tarn_auto_buf b = TARN_BUF(200);
    tarn_xml_token t;
    tarn_str back;
    tarn_buf_puts(&b, "<k>");
    assert_true(tarn_xml_escape(&b, TARN_LIT("a<b>&\"'\t\r\n\xc3\xa9]]>")));
    tarn_buf_puts(&b, "</k>");
    tarn_xml xml = {.rest = {b.data, b.n}};
    assert_int_equal(tarn_xml_next(cx, &xml, cx->arena, &t), TARN_OK);
    assert_int_equal(tarn_xml_text(cx, &xml, cx->arena, &back), TARN_OK);
    assert_string_equal(back.p, text);
    assert_false(tarn_xml_escape(&b, TARN_LIT("\x01")));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cx_setup, cx_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(test_tokens), CASE(test_text), CASE(test_refused), CASE(test_escape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
