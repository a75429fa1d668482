/* footers.h: what Parquet files that were not written for a table say of themselves, as the table would read them. */
#ifndef TARN_STMT_CALL_FOOTERS_H
#define TARN_STMT_CALL_FOOTERS_H

#include "stmt/stmts.h"

/* A file that is to be the table's. */
typedef struct tarn_found {
    const char *path;         /* as the engine opens it */
    const char *key;          /* as the table will name it */
    int64_t size, mtime_ms;
    const tarn_value *partition;
    int64_t rows;             /* out */
    tarn_leaf_stats *stats;   /* out */
    size_t n_stats;           /* out */
} tarn_found;

/* Fills in the outs. INVALID, naming file and column: the table cannot read it as one of its own; columns in
 * `constants` (by ordinal) need not be there. */
TARN_MUST tarn_code tarn_footers_read(tarn_cx *cx, const tarn_opened *opened, tarn_found *files, size_t n,
                                      const bool *constants);

#endif
