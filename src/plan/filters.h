/* filters.h: DuckDB's optimised plan (json_serialize_plan) to predicates over the tables it scans. */
#ifndef TARN_PLAN_FILTERS_H
#define TARN_PLAN_FILTERS_H

#include "model/expr.h"

/* One zero-row table the plan was made over. */
typedef struct tarn_shell {
    const char *table; /* its name in the plan */
    const tarn_schema *schema;
    const bool *constant; /* per column: has one value in each file; NULL: none has */
    tarn_expr *filter;    /* out: what holds for every row any scan of it needs; NULL: nothing known */
    /* out: SQL over columns that are constant in each file, by their names; it holds too, and says what `filter` cannot
     * express; NULL: nothing */
    const char *over_constants;
    bool *used;   /* out: per column, whether that speaks of it; NULL: nobody asks */
    bool scanned; /* out: the plan reads it */
    bool unread;  /* out: it certainly does not: what stood around the table can have no rows */
} tarn_shell;

/* Reads the plan's text. Nodes that are not understood are UNKNOWN, so that the filters never claim too much. False:
 * the plan cannot be used (its query did not bind, or the text is no plan), and nothing was set. */
bool tarn_plan_filters(tarn_cx *cx, tarn_str plan_json, tarn_shell *shells, size_t n);

#endif
