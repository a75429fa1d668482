/* rules.h: what a table asks of every row (NOT NULL, CHECK, generated columns), as SQL that raises an error. */
#ifndef TARN_TABLE_RULES_H
#define TARN_TABLE_RULES_H

#include "table/write.h"

/* "lake.main.t", or its location. */
const char *tarn_target_name(const tarn_target *target);
/* SQL text kept with a table (a check, a default, a generated column), in any engine's spelling, as DuckDB's. `schema`
 * NULL: it names no columns. UNSUPPORTED for what is no single expression over a row: queries, parameters, paths. */
TARN_MUST tarn_code tarn_rule_sql(tarn_cx *cx, const tarn_schema *schema, const char *text, const char **out);
/* Tries all rules of a table about to be made or changed on no rows: one that cannot be run would refuse every row.
 * INVALID names the rule. */
TARN_MUST tarn_code tarn_rules_check(tarn_cx *cx, tarn_conn *conn, const tarn_target *target);
/* Whether there are any but NOT NULL. */
bool tarn_rules_any(const tarn_target *target);
/* SELECT over a relation that has exactly the table's columns: the same rows, or an error for a row that breaks a rule.
 */
TARN_MUST tarn_code tarn_rules_select(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const char *relation,
                                      const bool *given);
/* `value` of type VARCHAR(n) or CHAR(n), or an error: blanks past the length go, CHAR is filled up with them. */
void tarn_rules_length(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *field,
                       const char *value);
/* The error that stands in place of a number an IDENTITY column does not have. */
void tarn_rules_no_number(tarn_cx *cx, tarn_buf *out, const tarn_target *target, const tarn_field *field);
/* Turns the error such a SELECT ended with into CONSTRAINT, or LIMIT; passes others through. */
tarn_code tarn_rules_error(tarn_cx *cx, tarn_code code);

#endif
