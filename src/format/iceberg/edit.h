/* edit.h: edits of a metadata file, as text, that keep what is not known here. */
#ifndef TARN_FORMAT_ICEBERG_EDIT_H
#define TARN_FORMAT_ICEBERG_EDIT_H

#include "codec/json.h"

typedef struct tarn_iceberg_edit {
    const char *member, *json; /* json NULL: the member goes */
    bool appends;              /* json is one more element of the member, an array */
} tarn_iceberg_edit;

/* The object `text` with its members replaced, and those that were not there added at the end. */
TARN_MUST tarn_code tarn_iceberg_edit_members(tarn_cx *cx, tarn_str text, const tarn_iceberg_edit *edits, size_t n,
                                              tarn_buf *out);
/* A member of the object `text` as it stands; .p NULL: it has none. */
tarn_str tarn_iceberg_member(tarn_cx *cx, tarn_str text, const char *name);
/* Appends the array `json` (.p NULL: an empty one) with one more element. */
void tarn_iceberg_put_array(tarn_buf *out, tarn_str json, const char *element);

#endif
