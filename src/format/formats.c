/* formats.c: the list of table formats, and finding one by name or by what lies in a store. */
#include "format/format.h"

extern const tarn_format tarn_format_delta, tarn_format_iceberg;

static const tarn_format *const FORMATS[] = {&tarn_format_delta, &tarn_format_iceberg};

enum { N_FORMATS = sizeof FORMATS / sizeof FORMATS[0] };

tarn_code tarn_format_find(tarn_cx *cx, tarn_str name, const tarn_format **out) {
    tarn_auto_buf names = TARN_BUF(1024);
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (tarn_str_ieq(name, tarn_str_of(FORMATS[i]->name))) {
            *out = FORMATS[i];
            return TARN_OK;
        }
        tarn_buf_printf(&names, "%s%s", i ? ", " : "", FORMATS[i]->name);
    }
    return tarn_fail(cx, TARN_UNSUPPORTED, "table format \"%.*s\" is not known; there is %s", (int)name.n, name.p,
                     names.data);
}

tarn_code tarn_format_detect(tarn_cx *cx, tarn_store *store, const tarn_format **out) {
    for (size_t i = 0; i < N_FORMATS; i++) {
        bool found = false;
        TRY(FORMATS[i]->detect(cx, store, &found));
        if (found) {
            *out = FORMATS[i];
            return TARN_OK;
        }
    }
    return tarn_fail(cx, TARN_NOTFOUND, "no table lies there");
}

bool tarn_format_of_file(tarn_str location, size_t *root, const tarn_format **out) {
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (!FORMATS[i]->names_file || !FORMATS[i]->names_file(location, root)) continue;
        *out = FORMATS[i];
        return true;
    }
    return false;
}

tarn_code tarn_format_require(tarn_cx *cx, const tarn_format *format, uint64_t features, const char *what) {
    if ((format->features & features) == features) return TARN_OK;
    return tarn_fail(cx, TARN_UNSUPPORTED, "%s tables have no %s", format->title, what);
}
