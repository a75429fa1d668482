/* log.h: one JSON object per line on stderr or a file. Nothing secret may be passed in; text is escaped here. */
#ifndef TARN_BASE_LOG_H
#define TARN_BASE_LOG_H

#include "base/cx.h"

typedef enum tarn_log_level { TARN_LOG_ERROR, TARN_LOG_WARN, TARN_LOG_INFO, TARN_LOG_DEBUG } tarn_log_level;

/* log.level and log.file of the settings; the level is the one global state the library has. */
TARN_MUST tarn_code tarn_log_open(tarn_cx *cx);
void tarn_log_set_level(tarn_log_level level);
bool tarn_log_on(tarn_log_level level);
/* {"ts":…,"level":…,"event":event, then the pairs name, value, …, NULL as strings}. */
void tarn_log(tarn_cx *cx, tarn_log_level level, const char *event, ...) __attribute__((sentinel));

#endif
