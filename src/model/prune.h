/* prune.h: "can this file match?", answered in three-valued logic from what is known of its columns. Sound with
 * missing, wide, truncated and widened statistics: what is not known keeps the file. */
#ifndef TARN_MODEL_PRUNE_H
#define TARN_MODEL_PRUNE_H

#include "model/expr.h"

/* What is known of one column of one file. A zeroed one knows nothing but: rows and nulls must be set to -1 when
 * unknown. */
typedef struct tarn_bounds {
    tarn_value min, max; /* valid where has_min, has_max */
    bool has_min, has_max;
    bool exact;     /* min and max are values of live rows (metadata answers of min/max); false: only bounds */
    bool maybe_nan; /* floats: a NaN may lie outside min..max */
    int64_t rows;   /* of the file; -1: unknown */
    int64_t nulls;  /* -1: unknown */
} tarn_bounds;

/* Fills what is known of a column ("path" as in tarn_expr) of the file under test. */
typedef void tarn_bounds_fn(void *state, int column, const char *path, tarn_bounds *out);

enum { TARN_CAN_TRUE = 1, TARN_CAN_FALSE = 2, TARN_CAN_NULL = 4 };

/* Which results the predicate can have for rows of the file: a file is needed only with CAN_TRUE; with CAN_TRUE alone
 * every row matches. */
int tarn_prune(const tarn_expr *expr, tarn_bounds_fn *bounds, void *state);
static inline bool tarn_may_match(const tarn_expr *expr, tarn_bounds_fn *bounds, void *state) {
    return !expr || (tarn_prune(expr, bounds, state) & TARN_CAN_TRUE);
}

#endif
