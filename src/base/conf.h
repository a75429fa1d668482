/* conf.h: every setting and every limit, in one table (conf.c), which also generates docs/CONFIGURATION.md. */
#ifndef TARN_BASE_CONF_H
#define TARN_BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* One precedence for all: a later one wins. */
typedef enum tarn_origin {
    TARN_FROM_DEFAULT,
    TARN_FROM_WAREHOUSE,
    TARN_FROM_ENVIRONMENT,
    TARN_FROM_SET,
    TARN_FROM_FLAG
} tarn_origin;

typedef enum tarn_option_type {
    TARN_OPT_INT,
    TARN_OPT_BYTES,
    TARN_OPT_DURATION,
    TARN_OPT_BOOL,
    TARN_OPT_TEXT,
    TARN_OPT_ENUM
} tarn_option_type;

/* The ids: one for each row of the table in conf.c, in its order. */
typedef enum tarn_option {
#define TARN_OPTION(id, ...) TARN_##id,
#include "base/options.def"
#undef TARN_OPTION
    TARN_OPTION_COUNT
} tarn_option;

typedef struct tarn_option_info {
    const char *name; /* "commit.retry_timeout" */
    tarn_option_type type;
    const char *default_value; /* as text */
    int64_t min, max;          /* INT, BYTES, DURATION (ms) */
    const char *choices;       /* ENUM: "a|b|c" */
    bool secret;               /* never printed */
    const char *help;          /* one sentence */
} tarn_option_info;

typedef struct tarn_conf tarn_conf;

/* 1000, 128MB (powers of 1000) or 1.5GiB (of 1024). */
bool tarn_parse_bytes(tarn_str s, int64_t *out);
/* Which of "a|b|c" it is, in any case, and how that is spelled there. */
bool tarn_parse_choice(const char *choices, tarn_str s, int64_t *index, tarn_str *spelled);

/* Reads TARN_… variables of the environment (TARN_COMMIT_RETRY_TIMEOUT for commit.retry_timeout). A bad value is an
 * error that names the variable; variables that are no settings are passed over. */
TARN_MUST tarn_code tarn_conf_new(tarn_cx *cx, tarn_conf **out);
/* All defaults, nothing read. For tests and for contexts before a lake is open. */
tarn_conf *tarn_conf_defaults(void);
/* A copy whose changes do not reach the original: a session's SET. */
tarn_conf *tarn_conf_copy(const tarn_conf *conf);
void tarn_conf_free(tarn_conf *conf);
/* Checks name, type and range. BYTES: 128MB (powers of 1000) or 128MiB (of 1024); DURATION: 5ms, 60s, 2h, 7d, a bare
 * number is ms. A value of lower precedence than the one in force is remembered but changes nothing. */
TARN_MUST tarn_code tarn_conf_set(tarn_cx *cx, tarn_conf *conf, tarn_str name, tarn_str value, tarn_origin origin);
/* Undoes SET: back to what the other origins say. */
TARN_MUST tarn_code tarn_conf_reset(tarn_cx *cx, tarn_conf *conf, tarn_str name);
int64_t tarn_conf_int(const tarn_conf *conf, tarn_option option); /* INT, BYTES, DURATION in ms, BOOL, ENUM as index */
/* ENUM and BOOL in their canonical spelling, the rest as given. Good until the setting is set again. */
const char *tarn_conf_text(const tarn_conf *conf, tarn_option option);
tarn_origin tarn_conf_origin(const tarn_conf *conf, tarn_option option);
const tarn_option_info *tarn_option_info_of(tarn_option option);
/* The option's id by name, or -1. */
int tarn_option_find(tarn_str name);
const char *tarn_origin_name(tarn_origin origin);

#endif
