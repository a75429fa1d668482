/* values.h: VALUES (…), (…) as a statement's own: rows of one width, and DEFAULT for a value. */
#ifndef TARN_STMT_DML_VALUES_H
#define TARN_STMT_DML_VALUES_H

#include "model/type.h"
#include "sql/parse.h"

typedef struct tarn_values {
    tarn_cursor at; /* the first row */
    size_t width;   /* 0: there is no VALUES */
    bool defaults;  /* DEFAULT stands for a value */
    bool all;       /* nothing follows but OPTIONS */
} tarn_values;

/* Looks at the rows after VALUES, if that is at the cursor. INVALID, with its place, for a row of another width. */
TARN_MUST tarn_code tarn_values_look(tarn_cx *cx, const tarn_cursor *c, tarn_values *out);
/* `select`, which began with these values, with the columns' defaults for DEFAULT. A generated column that is DEFAULT
 * in all rows is left out: *columns then names the others. */
TARN_MUST tarn_code tarn_values_fill(tarn_cx *cx, const tarn_values *values, const tarn_schema *schema,
                                     tarn_names *columns, tarn_str select, const char **out);

#endif
