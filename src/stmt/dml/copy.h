/* copy.h: the parts of COPY INTO. */
#ifndef TARN_STMT_DML_COPY_H
#define TARN_STMT_DML_COPY_H

#include "base/map.h"
#include "stmt/stmts.h"

/* Where the permissive reader keeps what it could not read, when the table has such a column. */
#define TARN_CORRUPT_COLUMN "_corrupt_record"

/* JSON Lines as a FROM item with the table's columns: a line that is no object, or holds a value that is none of its
 * column, keeps what could be read and stands in _corrupt_record; with `drop` it is left out. `path` is a SQL literal.
 */
TARN_MUST tarn_code tarn_copy_json(tarn_cx *cx, const tarn_schema *schema, const char *path, bool drop, char **out);

/* copy_loaded.c: what earlier COPY INTOs have loaded. */
#define TARN_COPY_APP "tarn.copy-into"

typedef struct tarn_loaded_list {
    int64_t number;
    TARN_VEC(tarn_str) files;
} tarn_loaded_list;

typedef struct tarn_loaded {
    int64_t number;                   /* of the newest list: the version of application TARN_COPY_APP; -1: none */
    TARN_VEC(tarn_loaded_list) lists; /* newest first */
    tarn_map all;
} tarn_loaded;

/* CORRUPT: a list is gone, or is none. */
TARN_MUST tarn_code tarn_loaded_read(tarn_cx *cx, const tarn_opened *opened, tarn_loaded *out);
/* Makes the list that counts once *number is committed as the version of TARN_COPY_APP. */
TARN_MUST tarn_code tarn_loaded_write(tarn_cx *cx, const tarn_opened *opened, const tarn_loaded *was,
                                      const tarn_str *files, size_t n, int64_t *number);

/* insert.c: appends the rows of a query by the names of its columns. */
TARN_MUST tarn_code tarn_insert_append(tarn_cx *cx, tarn_run *run, const tarn_opened *opened, tarn_str select,
                                       const tarn_write_options *options, tarn_change *change, int64_t *rows);

#endif
