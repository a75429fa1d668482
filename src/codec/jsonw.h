/* jsonw.h: writes JSON onto a tarn_buf; commas are put where they belong. Failure is the buffer's: check tarn_buf_ok
 * once at the end. */
#ifndef TARN_CODEC_JSONW_H
#define TARN_CODEC_JSONW_H

#include "base/str.h"

typedef struct tarn_jsonw {
    tarn_buf *out;
    bool comma; /* a value stands before this place */
} tarn_jsonw;

/* tarn_jsonw w = TARN_JSONW(&buf); */
#define TARN_JSONW(buf) ((tarn_jsonw){.out = (buf)})

void tarn_jsonw_begin_object(tarn_jsonw *w);
void tarn_jsonw_end_object(tarn_jsonw *w);
void tarn_jsonw_begin_array(tarn_jsonw *w);
void tarn_jsonw_end_array(tarn_jsonw *w);
void tarn_jsonw_key(tarn_jsonw *w, const char *key);
void tarn_jsonw_key_str(tarn_jsonw *w, tarn_str key);
/* Bytes that are not UTF-8 become U+FFFD. Absent (.p NULL) is null. */
void tarn_jsonw_string(tarn_jsonw *w, tarn_str s);
void tarn_jsonw_text(tarn_jsonw *w, const char *s); /* the same; NULL is null */
void tarn_jsonw_int(tarn_jsonw *w, int64_t v);
void tarn_jsonw_uint(tarn_jsonw *w, uint64_t v);
/* The shortest text that reads back as the same double; "NaN", "Infinity", "-Infinity" as strings. */
void tarn_jsonw_double(tarn_jsonw *w, double v);
void tarn_jsonw_bool(tarn_jsonw *w, bool v);
void tarn_jsonw_null(tarn_jsonw *w);
/* One whole JSON value, trusted to be one. */
void tarn_jsonw_raw(tarn_jsonw *w, tarn_str json);
/* Between values at the top: the end of an NDJSON line. */
void tarn_jsonw_newline(tarn_jsonw *w);

#endif
