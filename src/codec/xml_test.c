/* xml_test.c: elements and text of small documents, and what is no document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/conf.h"
#include "codec/xml.h"

static int setup(void **state) {
    tarn_cx *cx = test_calloc(1, sizeof *cx);
    tarn_cx_init(cx, tarn_conf_defaults());
    *state = cx;
    return 0;
}

static int teardown(void **state) {
    tarn_cx *cx = *state;
    tarn_conf_free(cx->conf);
    tarn_cx_done(cx);
    test_free(cx);
    return 0;
}

/* The events in one line: +a open, -a close, "text". */
static tarn_code events(tarn_cx *cx, const char *xml, const char **out) {
    tarn_xml x;
    tarn_xml_init(&x, tarn_str_of(xml));
    *out = "";
    for (;;) {
        TRY(tarn_xml_next(cx, &x));
        if (x.kind == TARN_XML_END) return TARN_OK;
        bool text = x.kind == TARN_XML_TEXT;
        tarn_str s = text ? x.text : x.name;
        *out = tarn_printf(cx, "%s%s%.*s%s", *out,
                           text                      ? "'"
                           : x.kind == TARN_XML_OPEN ? "+"
                                                     : "-",
                           (int)s.n, s.p, text ? "'" : "");
    }
}

static void test_events(void **state) {
    const char *seen;
    assert_int_equal(
        events(*state, "<?xml version='1.0'?><!-- a > b --><r x=\"1>2\" y='/'><a>t</a><b/><c ></c>u</r>", &seen),
        TARN_OK);
    assert_string_equal(seen, "+r+a't'-a+b-b+c-c'u'-r");
    assert_int_equal(events(*state, "", &seen), TARN_OK);
}

static void test_text(void **state) {
    tarn_cx *cx = *state;
    tarn_xml x;
    char *text;
    tarn_xml_init(&x,
                  TARN_LIT("<k>a&amp;b&lt;&gt;&quot;&apos;&#10;&#xe4;&#x1F986;<!-- no -->c<in>ner</in></k><next/>"));
    assert_int_equal(tarn_xml_next(cx, &x), TARN_OK);
    assert_int_equal(tarn_xml_text(cx, &x, cx->arena, &text), TARN_OK);
    assert_string_equal(text, "a&b<>\"'\n\xc3\xa4\xf0\x9f\xa6\x86"
                              "c");
    assert_int_equal(tarn_xml_next(cx, &x), TARN_OK);
    assert_memory_equal(x.name.p, "next", 4);
    static const char *const bad[] = {"&nope;",         "&",     "&#;", "&#x;", "&#0;", "&#xD800;", "&#1114112;",
                                      "&#99999999999;", "&#x1g;"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tarn_xml_init(&x, tarn_str_of(tarn_printf(cx, "<k>%s</k>", bad[i])));
        assert_int_equal(tarn_xml_next(cx, &x), TARN_OK);
        assert_int_equal(tarn_xml_text(cx, &x, cx->arena, &text), TARN_CORRUPT);
    }
}

static void test_broken(void **state) {
    const char *seen, *deep = "";
    static const char *const bad[] = {"<a",      "<a>",   "<a></b>", "</a>",           "<>",    "< a>",
                                      "<a b='>", "<!-- ", "<?x",     "<a><b></a></b>", "<a <b>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(events(*state, bad[i], &seen), TARN_CORRUPT);
    for (int i = 0; i <= TARN_XML_DEPTH; i++) deep = tarn_printf((tarn_cx *)*state, "%s<a>", deep);
    assert_int_equal(events(*state, deep, &seen), TARN_CORRUPT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(test_events), CASE(test_text), CASE(test_broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
