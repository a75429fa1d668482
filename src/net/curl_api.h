/* curl_api.h: the functions of libcurl that Tarn calls, as one table filled when the library is loaded. */
#ifndef TARN_NET_CURL_API_H
#define TARN_NET_CURL_API_H

#include <curl/curl.h>

#include "base/cx.h"

#define TARN_CURL_FUNCTIONS(F)                                                                                         \
    F(global_init)                                                                                                     \
    F(easy_init)                                                                                                       \
    F(easy_setopt)                                                                                                     \
    F(easy_getinfo)                                                                                                    \
    F(easy_reset)                                                                                                      \
    F(easy_cleanup)                                                                                                    \
    F(easy_strerror)                                                                                                   \
    F(slist_append)                                                                                                    \
    F(slist_free_all)                                                                                                  \
    F(multi_init)                                                                                                      \
    F(multi_setopt)                                                                                                    \
    F(multi_add_handle)                                                                                                \
    F(multi_remove_handle)                                                                                             \
    F(multi_perform)                                                                                                   \
    F(multi_poll)                                                                                                      \
    F(multi_info_read)                                                                                                 \
    F(multi_strerror)                                                                                                  \
    F(multi_cleanup)

typedef struct tarn_curl {
#define F(name) __typeof__(&(curl_##name)) name;
    TARN_CURL_FUNCTIONS(F)
#undef F
} tarn_curl;

/* Loads the library once per process: libcurl.so.4 beside Tarn, else the system's. Linking it would cost every start of
 * the program some milliseconds. A failure is not remembered. */
TARN_MUST tarn_code tarn_curl_load(tarn_cx *cx, const tarn_curl **out);

#endif
