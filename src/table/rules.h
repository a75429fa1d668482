/* rules.h: what a table asks of every row (NOT NULL, CHECK, generated columns), as SQL that raises an error. For
 * write_select.c and write.c. */
#ifndef TARN_TABLE_RULES_H
#define TARN_TABLE_RULES_H

#include "table/write.h"

/* "lake.main.t", or its location. */
const char *tarn_target_name(const tarn_target *target);
/* SQL text kept with a table (a check, a generated column): `names` and "strings" in DuckDB's quotes. */
char *tarn_rule_sql(tarn_cx *cx, const tarn_schema *schema, const char *text);
/* SELECT over a relation that has exactly the table's columns: the same rows, or an error for a row that breaks a rule.
 */
void tarn_rules_select(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const char *relation, const bool *given);
/* Turns the error such a SELECT ended with into CONSTRAINT; passes others through. */
tarn_code tarn_rules_error(tarn_cx *cx, tarn_code code);

#endif
