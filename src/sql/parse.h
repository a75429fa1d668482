/* parse.h: the tools a statement parses itself with: a cursor over tokens, names, types, column definitions, option
 * lists, extents of expressions and queries (which stay text: what Tarn does not know is DuckDB SQL). */
#ifndef TARN_SQL_PARSE_H
#define TARN_SQL_PARSE_H

#include "model/type.h"
#include "sql/lex.h"

typedef struct tarn_cursor {
    const tarn_tokens *tokens;
    size_t i;
} tarn_cursor;

/* A name as written. Parts are unquoted; at, n: its byte range with all parts. */
typedef struct tarn_name {
    const char *part[4];
    bool quoted[4];
    int n_parts;
    size_t at, n;
    /* Set when the last part is a path (contains '/' or ':', was quoted); part[] then holds what stood before it, e.g.
     * a format. */
    const char *path;
} tarn_name;

/* Words are compared without case; several words in one string are matched in order: "PARTITIONED BY", alternatives
 * with '|': "INT|INTEGER". A NAME (quoted) never matches a word. Nothing is consumed when it does not match. */
bool tarn_accept(tarn_cursor *c, const char *words);
bool tarn_peek(const tarn_cursor *c, const char *words);
TARN_MUST tarn_code tarn_expect(tarn_cx *cx, tarn_cursor *c, const char *words);
bool tarn_at_end(const tarn_cursor *c); /* END or the statement's semicolon */
TARN_MUST tarn_code tarn_expect_end(tarn_cx *cx, tarn_cursor *c);
/* "expected <what>, found <token>" with a caret. */
tarn_code tarn_unexpected(tarn_cx *cx, const tarn_cursor *c, const char *what);
tarn_str tarn_token_text(const tarn_cursor *c); /* of the current token, as written */

TARN_MUST tarn_code tarn_parse_ident(tarn_cx *cx, tarn_cursor *c, const char **out);
TARN_MUST tarn_code tarn_parse_name(tarn_cx *cx, tarn_cursor *c, tarn_name *out);
TARN_MUST tarn_code tarn_parse_string(tarn_cx *cx, tarn_cursor *c, const char **out);
TARN_MUST tarn_code tarn_parse_int(tarn_cx *cx, tarn_cursor *c, int64_t *out); /* with sign */
/* A literal: string, number, TRUE/FALSE, NULL (then *out is NULL), or a bare word; as text. */
TARN_MUST tarn_code tarn_parse_literal(tarn_cx *cx, tarn_cursor *c, const char **out);
/* The text up to (not with) the first token at bracket depth 0 that is one of the stop words/operators
 * ("WHEN|WHERE|,|)|…") or the end. INVALID when empty. CASE … END, nested brackets and quoted things are stepped over
 * whole. */
TARN_MUST tarn_code tarn_parse_extent(tarn_cx *cx, tarn_cursor *c, const char *stops, const char *what, tarn_str *out);
/* The same without stop words: operands (literals, calls, names, casts, brackets) joined by arithmetic; it ends before
 * an alias or a clause. */
TARN_MUST tarn_code tarn_parse_operand(tarn_cx *cx, tarn_cursor *c, bool one, const char *what,
                                       tarn_str *out); /* one: a single operand */
/* ( … ): the text inside; INVALID when empty. */
TARN_MUST tarn_code tarn_parse_parens(tarn_cx *cx, tarn_cursor *c, const char *what, tarn_str *out);
/* A type in DuckDB's or Spark's spelling (STRING, ARRAY<T>, STRUCT<a: T>, DECIMAL(p,s), INT[], …), for CREATE/ALTER:
 * TIMESTAMP is an instant. */
TARN_MUST tarn_code tarn_parse_type(tarn_cx *cx, tarn_cursor *c, tarn_arena *arena, tarn_type **out);
/* The same in a query, where TIMESTAMP is without zone and DECIMAL is DECIMAL(18,3), as in DuckDB. */
TARN_MUST tarn_code tarn_parse_query_type(tarn_cx *cx, tarn_cursor *c, tarn_arena *arena, tarn_type **out);
/* ( 'a' = 'b', c.d = 1, … ): keys may be strings, dotted words; the parens are optional when `bare`. */
typedef struct tarn_option_pair {
    const char *key, *value; /* value NULL: the literal NULL */
    size_t at;
} tarn_option_pair;
typedef TARN_VEC(tarn_option_pair) tarn_option_pairs;
TARN_MUST tarn_code tarn_parse_options(tarn_cx *cx, tarn_cursor *c, tarn_option_pairs *out);
const char *tarn_option_get(const tarn_option_pairs *options, const char *key); /* without case; NULL: absent */
/* a, b, "c d": identifiers, in parens. */
typedef TARN_VEC(const char *) tarn_names;
TARN_MUST tarn_code tarn_parse_names(tarn_cx *cx, tarn_cursor *c, tarn_names *out);
/* ( 'a', c.d ): the keys of options without values, as UNSET TBLPROPERTIES has them. */
TARN_MUST tarn_code tarn_parse_keys(tarn_cx *cx, tarn_cursor *c, tarn_names *out);
/* a.b.c: a column or a member of one, its parts joined by dots. */
TARN_MUST tarn_code tarn_parse_path(tarn_cx *cx, tarn_cursor *c, const char **out);

/* One item of PARTITIONED BY (…): a column, a transform of one, or (Hive) a column with its type. */
typedef struct tarn_partition_item {
    const char *column;
    const char *transform; /* NULL: the value itself; "bucket", "truncate", "days", … */
    int64_t param;
    const tarn_type *type; /* NULL: declared among the columns */
    const char *as;        /* name of the field; NULL */
} tarn_partition_item;

/* What CREATE TABLE and ALTER TABLE … ADD COLUMNS say of columns. */
typedef struct tarn_table_def {
    TARN_VEC(tarn_field) fields;       /* default_sql, generated_sql, comment, nullable filled */
    TARN_VEC(tarn_option_pair) checks; /* key: name (or NULL: made up), value: SQL */
    TARN_VEC(const char *) primary_key;
    TARN_VEC(tarn_partition_item) partition_by;
    tarn_names cluster_by;
    const char *using_format, *location, *comment;
    tarn_option_pairs properties; /* TBLPROPERTIES and OPTIONS */
    tarn_str as_select;           /* .p NULL: none */
} tarn_table_def;

/* The items of PARTITIONED BY, in parens or bare. */
TARN_MUST tarn_code tarn_parse_partition_items(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def);
/* A column or a transform of one alone, as an order has it. *called (may be NULL): it was a call. */
TARN_MUST tarn_code tarn_parse_transform_item(tarn_cx *cx, tarn_cursor *c, tarn_partition_item *out, bool *called);
TARN_MUST tarn_code tarn_parse_partition_item(tarn_cx *cx, tarn_cursor *c, tarn_partition_item *out);
/* "( columns and constraints )"; and then all clauses of CREATE TABLE in any order, up to AS SELECT or the end. */
TARN_MUST tarn_code tarn_parse_column_type(tarn_cx *cx, tarn_cursor *c, tarn_field *out); /* type, length */
TARN_MUST tarn_code tarn_parse_column(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def);
TARN_MUST tarn_code tarn_parse_columns(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def);
TARN_MUST tarn_code tarn_parse_table_clauses(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def);

/* VERSION|TIMESTAMP AS OF e, FOR VERSION|TIMESTAMP|SYSTEM_TIME AS OF e, AT (VERSION|TIMESTAMP => e): the expression as
 * text. kind: 'v', 't', or 0 when there is none. Also @v3 and @20260101000000000 at the end of a path's name are time
 * travel (Delta's path syntax). */
typedef struct tarn_travel {
    char kind;
    tarn_str expr;
    size_t at, n;
} tarn_travel;
TARN_MUST tarn_code tarn_parse_travel(tarn_cx *cx, tarn_cursor *c, tarn_travel *out);
/* Takes @v3 or @20260101000000000 off the end of a Delta path and gives it as travel; other names are left alone, with
 * kind 0. */
TARN_MUST tarn_code tarn_name_travel(tarn_cx *cx, tarn_name *name, tarn_travel *out);

#endif
