/* totals.h: count(*), min and max over whole files, answered from what the table says of its files. */
#ifndef TARN_PLAN_TOTALS_H
#define TARN_PLAN_TOTALS_H

#include "codec/json_tree.h"
#include "plan/bind.h"

/* Looks in the syntax tree whether the query asks one table for no more than that, in all or by groups; what it needs
 * then is in binding->totals. */
void tarn_totals_find(tarn_cx *cx, tarn_binding *binding, const tarn_json_value *statements);
/* When the metadata is exact in all that is needed: the table's scan becomes a row for each file, and count(*) the sum
 * of their rows. Else nothing happens. */
TARN_MUST tarn_code tarn_totals_use(tarn_cx *cx, tarn_binding *binding);

#endif
