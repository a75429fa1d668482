/* written.h: the condition of a query that says by itself which rows of its one table it needs. */
#ifndef TARN_PLAN_WRITTEN_H
#define TARN_PLAN_WRITTEN_H

#include "plan/bind.h"

/* Looks in the syntax tree whether the query reads one table once, and whether its WHERE is nothing but comparisons of
 * columns with literals that mean the same before DuckDB has bound them. binding->written is set then, and the query
 * needs no plan to prune its files. */
void tarn_written_find(tarn_cx *cx, tarn_binding *binding, const tarn_json_value *statements);

#endif
