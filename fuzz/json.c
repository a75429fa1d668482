/* json.c: fuzz target: any bytes as JSON; the reader, the tree and the skipper must agree, and strings must survive
 * writing. */
#include <stdlib.h>

#include "codec/json_tree.h"
#include "codec/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

static void check_string(tarn_cx *cx, tarn_str s) {
    tarn_auto_buf b = TARN_BUF(1 << 24);
    tarn_jsonw w = TARN_JSONW(&b);
    tarn_json r;
    tarn_str back;
    tarn_jsonw_string(&w, s);
    tarn_json_init(&r, (tarn_str){b.data, b.n}, 4);
    require(tarn_json_next(cx, &r) == TARN_OK && tarn_json_text(cx, &r, cx->arena, &back) == TARN_OK &&
            tarn_str_eq(s, back));
}

static tarn_code read_tokens(tarn_cx *cx, tarn_str text) {
    tarn_json r;
    tarn_json_init(&r, text, 64);
    do {
        int64_t i;
        double d;
        tarn_str s;
        TRY(tarn_json_next(cx, &r));
        if (r.kind == TARN_JSON_STRING || r.kind == TARN_JSON_KEY) {
            TRY(tarn_json_text(cx, &r, cx->arena, &s));
            check_string(cx, s);
        }
        if (r.kind == TARN_JSON_NUMBER && tarn_json_int(cx, &r, &i) == TARN_OK)
            require(tarn_json_double(cx, &r, &d) == TARN_OK);
    } while (r.kind != TARN_JSON_END);
    return TARN_OK;
}

static tarn_code skip_value(tarn_cx *cx, tarn_str text) {
    tarn_json r;
    tarn_json_init(&r, text, 64);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_skip(cx, &r));
    return tarn_json_finish(cx, &r);
}

static tarn_code read_lines(tarn_cx *cx, tarn_str text) {
    tarn_json r;
    tarn_json_init_lines(&r, text, 64);
    for (bool more;;) {
        tarn_str raw;
        TRY(tarn_json_line(cx, &r, &more));
        if (!more) return TARN_OK;
        TRY(tarn_json_raw(cx, &r, &raw));
        require(raw.p >= text.p && raw.p + raw.n <= text.p + text.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_str text = {(const char *)data, size};
    const tarn_json_value *tree;
    tarn_code tokens = read_tokens(&cx, text), parsed = tarn_json_parse(&cx, cx.arena, text, 64, &tree);
    tarn_code skipped = skip_value(&cx, text), lines = read_lines(&cx, text);
    require(tokens == parsed);
    if (tokens == TARN_OK) require(skipped == TARN_OK && lines == TARN_OK && tree->raw.n <= size);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
