/* xml.c: fuzzes the XML reader: every document ends in events or in one error, and texts are decoded within bounds. */
#include "codec/xml.h"
#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_xml x;
    char *text;
    tarn_cx_init(&cx, conf);
    tarn_xml_init(&x, (tarn_str){(const char *)data, size});
    while (tarn_xml_next(&cx, &x) == TARN_OK && x.kind != TARN_XML_END)
        if (x.kind == TARN_XML_OPEN && x.depth > 2 && tarn_xml_text(&cx, &x, cx.arena, &text) != TARN_OK) break;
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
