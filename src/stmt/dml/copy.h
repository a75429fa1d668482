/* copy.h: the parts of COPY INTO. */
#ifndef TARN_STMT_DML_COPY_H
#define TARN_STMT_DML_COPY_H

#include "stmt/stmts.h"

/* Where the permissive reader keeps what it could not read, when the table has such a column. */
#define TARN_CORRUPT_COLUMN "_corrupt_record"

/* JSON Lines as a FROM item with the table's columns: a line that is no object, or holds a value that is none of its
 * column, keeps what could be read and stands in _corrupt_record; with `drop` it is left out. `path` is a SQL literal.
 */
TARN_MUST tarn_code tarn_copy_json(tarn_cx *cx, const tarn_schema *schema, const char *path, bool drop, char **out);

#endif
