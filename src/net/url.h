/* url.h: percent-encoding and the parts of an http(s) URL. Pure text. */
#ifndef TARN_NET_URL_H
#define TARN_NET_URL_H

#include "base/cx.h"

/* All but RFC 3986's unreserved characters as %XX; '/' stays where `slashes` is set. */
void tarn_url_encode(tarn_buf *out, tarn_str text, bool slashes);
char *tarn_url_encoded(tarn_cx *cx, tarn_str text, bool slashes);
/* %XX and, as forms have it, '+' for a blank. CORRUPT when a '%' is followed by no two hex digits. */
TARN_MUST tarn_code tarn_url_decode(tarn_cx *cx, tarn_str text, tarn_arena *arena, tarn_str *out);

/* "https://host:9000/base" in parts; each as written. */
typedef struct tarn_url {
    bool tls;
    const char *host; /* with the port, where one is written */
    const char *path; /* "" or "/base", without '/' at its end */
} tarn_url;

/* INVALID for anything that is no http or https URL with a plain host: user information, query and fragment are
 * refused, and not repeated in the message. In cx->arena. */
TARN_MUST tarn_code tarn_url_parse(tarn_cx *cx, const char *text, tarn_url *out);

#endif
