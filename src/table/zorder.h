/* zorder.h: an ORDER BY that runs along a Z-curve through some columns. For compact.c. */
#ifndef TARN_TABLE_ZORDER_H
#define TARN_TABLE_ZORDER_H

#include "format/format.h"

/* INVALID: no such column, a partition column, nested, or given twice. */
TARN_MUST tarn_code tarn_zorder_check(tarn_cx *cx, const tarn_snapshot *snapshot, const char *const *columns, size_t n);
/* The expression for the rows of `select`, whose distribution is sampled first. */
TARN_MUST tarn_code tarn_zorder(tarn_cx *cx, tarn_conn *conn, const tarn_snapshot *snapshot, const char *select,
                                const char *const *columns, size_t n, const char **out);

#endif
