/* prune.h: which files the references of a bound query need. */
#ifndef TARN_PLAN_PRUNE_H
#define TARN_PLAN_PRUNE_H

#include "plan/bind.h"

/* Fills filter and files of every planned->refs. */
TARN_MUST tarn_code tarn_prune_refs(tarn_cx *cx, const tarn_binding *binding);

/* values.c: which columns have one value in each file. */
bool *tarn_constant_columns(tarn_cx *cx, const tarn_snapshot *snapshot);
/* Drops files for whose values of those columns the condition (SQL over the `used` ones) is not true. One that cannot
 * be evaluated (one of the values is an error to it, say) becomes NULL and drops none. */
TARN_MUST tarn_code tarn_prune_by_values(tarn_cx *cx, tarn_engine *engine, tarn_snapshot *snapshot, const bool *used,
                                         const char **condition, tarn_file_list *list);

#endif
