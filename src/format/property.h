/* property.h: what a table's properties may be set to. A value that no reader understands would be passed over for
 * ever, as if it had not been set. */
#ifndef TARN_FORMAT_PROPERTY_H
#define TARN_FORMAT_PROPERTY_H

#include "model/change.h"

typedef enum tarn_property_kind {
    TARN_PROPERTY_FLAG,     /* true or false */
    TARN_PROPERTY_NUMBER,   /* from `least` on */
    TARN_PROPERTY_BYTES,    /* 134217728 or 128MB, from `least` bytes on */
    TARN_PROPERTY_DURATION, /* interval 7 days */
    TARN_PROPERTY_WORD      /* one of `words`, in any case */
} tarn_property_kind;

/* Of data files, as the engine calls them. */
#define TARN_COMPRESSIONS "zstd|snappy|gzip|lz4|brotli|uncompressed"

typedef struct tarn_property_rule {
    const char *name;
    tarn_property_kind kind;
    int64_t least;
    const char *words; /* "a|b|c" */
} tarn_property_rule;

/* INVALID names the property, what it may be, and the value. One without a rule, and one that is unset, is fine. */
TARN_MUST tarn_code tarn_property_check(tarn_cx *cx, const tarn_property_rule *rules, size_t n, const tarn_pair *pair);
/* The word in the rule's spelling, or NULL. */
const char *tarn_property_word(tarn_cx *cx, const char *words, const char *value);

#endif
