/* metadata.h: t.files, t.history and the like: what a table says of itself, as rows. */
#ifndef TARN_SESSION_METADATA_H
#define TARN_SESSION_METADATA_H

#include "session/session.h"

typedef struct tarn_metadata_table {
    const char *name;
    tarn_code (*rows)(tarn_cx *cx, const tarn_opened *opened, tarn_rowset **out);
    tarn_code (*source)(tarn_cx *cx, const tarn_opened *opened, tarn_row_source *out); /* in place of `rows` */
} tarn_metadata_table;

/* NULL: no metadata table is called so. */
const tarn_metadata_table *tarn_metadata_find(const char *name);
/* The history as rows, newest first, of the table or (ref) a branch or tag of it; limit 0: all. Needs no snapshot. */
TARN_MUST tarn_code tarn_metadata_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                                          tarn_rowset **out);

#endif
