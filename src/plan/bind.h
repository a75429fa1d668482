/* bind.h: finds the table references of a query and what each means; the result is a tree of texts with places to
 * splice. */
#ifndef TARN_PLAN_BIND_H
#define TARN_PLAN_BIND_H

#include "codec/json_tree.h"
#include "plan/plan.h"

typedef struct tarn_scope tarn_scope;

typedef enum tarn_splice_kind {
    TARN_SPLICE_REF,   /* a table: its files in X, its shell in P */
    TARN_SPLICE_SCOPE, /* a view: its own text */
    TARN_SPLICE_TEXT,  /* other text: a temp table, a stripped prefix */
    TARN_SPLICE_PARAM  /* a parameter: stays in X, a literal in P */
} tarn_splice_kind;

typedef struct tarn_splice {
    size_t at, n; /* byte range of the scope's text */
    tarn_splice_kind kind;
    size_t ref;             /* REF: index into planned->refs; PARAM: index into binds */
    tarn_scope *scope;      /* SCOPE */
    const char *text;       /* TEXT: in X */
    const char *shell;      /* TEXT: in P (NULL: the same) */
    const char *alias;      /* added as AS "alias"; NULL: the user wrote one */
    bool show;              /* inside DESCRIBE or SUMMARIZE: a select must stand here */
    int items;              /* how many items of select lists it stands in */
    const char *row_ids[2]; /* REF: with these columns of row_ids.h, which no star shows; else NULL */
} tarn_splice;

struct tarn_scope {
    tarn_query_text query;
    tarn_str source;               /* what query was made of: the user's text; .p NULL: a view's */
    tarn_tokens tokens;            /* of query.text */
    TARN_VEC(tarn_splice) splices; /* ascending after binding */
    const tarn_scope *outer;       /* of a view: where it is used, and at which byte */
    size_t outer_at;
    const tarn_name *view; /* its full name; NULL: the query itself */
    void *view_state;
    int depth;
};

/* Another relation the planner must know the columns of: a temp table or rows that were ingested. */
typedef struct tarn_extra_shell {
    const char *name;
    const tarn_schema *schema;
} tarn_extra_shell;

/* count(*) in the query's text. */
typedef struct tarn_totals_count {
    size_t at, n;
    bool label; /* its item of the select list has no name */
} tarn_totals_count;

/* What a query needs that asks for no more than counts, least and greatest values. */
typedef struct tarn_totals {
    TARN_VEC(tarn_totals_count) counts;
    bool *constants; /* per column: must have one value in each file */
    bool *extremes;  /* per column: its min or max is asked for */
} tarn_totals;

typedef struct tarn_binding {
    const tarn_plan_env *env;
    tarn_planned *planned;
    const tarn_bind *binds;
    size_t n_binds;
    TARN_VEC(tarn_extra_shell) extras;
    tarn_scope *top;
    const tarn_totals *totals; /* NULL: the query asks for more */
    const tarn_expr *written;  /* what holds for all rows it needs of its one table; NULL: only a plan tells */
} tarn_binding;

TARN_MUST tarn_code tarn_bind_query(tarn_cx *cx, tarn_binding *binding, tarn_str sql);

/* The text with everything spliced: for X (scans) or for P (shells and literals). pieces (may be NULL) map it back to
 * the user's text. */
TARN_MUST tarn_code tarn_bind_text(tarn_cx *cx, const tarn_binding *binding, bool for_plan, tarn_text *out);
/* A name as it is shown to the user. */
const char *tarn_bind_name_text(tarn_cx *cx, const tarn_name *name);
/* Index of the token that begins at or after byte `at`. */
size_t tarn_bind_token(const tarn_tokens *tokens, size_t at);
/* tree.c: a query as DuckDB reads it, or its optimised plan, as JSON; with "error" when there is none. */
typedef enum tarn_tree_kind { TARN_TREE_QUERY, TARN_TREE_PLAN } tarn_tree_kind;
TARN_MUST tarn_code tarn_tree_json(tarn_cx *cx, tarn_conn *conn, tarn_tree_kind kind, const char *sql,
                                   const char **out);
/* label.c: a splice at the end of the select list's item that the token stands in, which gives it the name DuckDB
 * would give its text; of several such items around each other the one `up` levels out. */
TARN_MUST tarn_code tarn_label_item(tarn_cx *cx, tarn_conn *conn, tarn_scope *scope, size_t token, int up);
/* hidden.c: whether the text names columns that rows have beside the table's, and what keeps them out of the stars of
 * a SELECT (a node of the tree). */
bool tarn_hidden_named(const tarn_tokens *tokens);
TARN_MUST tarn_code tarn_hidden_stars(tarn_cx *cx, tarn_scope *scope, const tarn_json_value *select);
/* pivot.c: values for the columns of PIVOTs that name none: in the scope's text and tokens, and with splices that take
 * them out again, so that DuckDB looks for them when the query runs. */
TARN_MUST tarn_code tarn_pivot_fill(tarn_cx *cx, tarn_scope *scope, bool *filled);
/* Puts the scope's splices in the order of their places. */
void tarn_bind_sort(tarn_scope *scope);
/* Name of the shell of reference i. */
const char *tarn_bind_shell_name(tarn_cx *cx, size_t ref);

#endif
