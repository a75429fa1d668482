/* xml.c: fuzz target: any bytes as XML; tokens lie within bounds and balance, and text survives escaping. */
#include <stdlib.h>

#include "codec/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

static void check_text(tarn_cx *cx, tarn_str text) {
    tarn_auto_buf b = TARN_BUF(1 << 24);
    tarn_xml_token t;
    tarn_str back;
    tarn_buf_puts(&b, "<t>");
    bool whole = tarn_xml_escape(&b, text);
    tarn_buf_puts(&b, "</t>");
    tarn_xml xml = {.rest = {b.data, b.n}};
    if (!whole) return;
    require(tarn_xml_next(cx, &xml, cx->arena, &t) == TARN_OK && tarn_xml_text(cx, &xml, cx->arena, &back) == TARN_OK);
    require(tarn_str_eq(text, back));
}

static tarn_code read_all(tarn_cx *cx, tarn_str text) {
    tarn_xml xml = {.rest = text};
    int depth = 0;
    for (;;) {
        tarn_xml_token t;
        TRY(tarn_xml_next(cx, &xml, cx->arena, &t));
        depth += (t.kind == TARN_XML_BEGIN) - (t.kind == TARN_XML_FINISH);
        require(depth == xml.depth && depth >= 0);
        if (t.kind == TARN_XML_TEXT) check_text(cx, t.text);
        if (t.kind == TARN_XML_END) break;
    }
    require(depth == 0);
    return TARN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    if (size < 1 << 20 && read_all(&cx, (tarn_str){(const char *)data, size}) != TARN_OK)
        require(cx.error.code == TARN_CORRUPT);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
