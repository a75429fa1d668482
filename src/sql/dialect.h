/* dialect.h: foreign spellings of queries and expressions to DuckDB's, token by token, keeping a map of byte offsets so
 * that carets still point into the user's text. */
#ifndef TARN_SQL_DIALECT_H
#define TARN_SQL_DIALECT_H

#include "sql/parse.h"

/* Text with a map back: piece i of `text` begins at out_at and came from in_at; copied pieces run byte for byte,
 * replaced ones (exact false) map to their start. */
typedef struct tarn_piece {
    uint32_t out_at, in_at;
    bool exact;
} tarn_piece;

typedef struct tarn_text {
    const char *sql;
    size_t n;
    TARN_VEC(tarn_piece) pieces;
} tarn_text;

/* Offset in the text it came from. */
size_t tarn_text_origin(const tarn_text *text, size_t at);

/* A table reference that carries time travel or is named in a way DuckDB cannot parse; replaced in the text by a plain
 * identifier `alias_key`. */
typedef struct tarn_foreign_ref {
    tarn_name name;
    tarn_travel travel;
    const char *key; /* the identifier that stands for it in the rewritten text: "tarn$1" */
    tarn_str call; /* for table functions (table_changes('t', 1), delta_scan('p')): the whole call; .p NULL otherwise */
} tarn_foreign_ref;

typedef struct tarn_query_text {
    tarn_text text;
    TARN_VEC(tarn_foreign_ref) refs;
    int n_params; /* highest positional parameter; `?` become $1, $2, … */
} tarn_query_text;

/* Rewrites a SELECT (WITH, FROM, VALUES, …) or an expression: backticks to double quotes; travel clauses,
 * `format`.`path` names, four-part names and table functions of Tarn (table_changes, table_diff, delta_scan,
 * iceberg_scan, hudi_scan, hudi_incremental, hudi_read_optimized, read_avro) to keys; the foreign functions and types
 * of interfaces.md to DuckDB's. Everything else stays byte for byte. */
TARN_MUST tarn_code tarn_dialect_query(tarn_cx *cx, tarn_str sql, tarn_query_text *out);

#endif
