/* call.h: what a procedure of CALL is: an entry of the table in call.c, its parameters, and the arguments it gets. */
#ifndef TARN_STMT_CALL_CALL_H
#define TARN_STMT_CALL_CALL_H

#include "stmt/stmts.h"

typedef enum tarn_call_kind {
    TARN_CALL_TABLE,     /* 'schema.table' or the name itself: arg.table */
    TARN_CALL_TEXT,      /* arg.text */
    TARN_CALL_INT,       /* arg.n */
    TARN_CALL_BOOL,      /* arg.n, 0 or 1 */
    TARN_CALL_DOUBLE,    /* arg.number */
    TARN_CALL_TIMESTAMP, /* any constant expression: arg.n, µs */
    TARN_CALL_MAP,       /* map('key', 'value', …) or MAP {'key': 'value', …}: arg.map */
    TARN_CALL_LIST       /* array(1, 'b', …), ARRAY[…] or […]: arg.list */
} tarn_call_kind;

typedef struct tarn_call_param {
    const char *name;
    tarn_call_kind kind;
    bool required;
} tarn_call_param;

typedef struct tarn_arg {
    bool given; /* false for NULL too */
    tarn_name table;
    const char *text;
    int64_t n;
    double number;
    tarn_option_pairs map;
    TARN_VEC(const char *) list; /* literals as text */
} tarn_arg;

enum { TARN_CALL_PARAMS_MAX = 12 };

/* One const entry at the end of its file, and its name in the list of call.c. */
typedef struct tarn_procedure {
    const char *name;
    tarn_call_param
        params[TARN_CALL_PARAMS_MAX]; /* in the order of arguments without names; ends with one without a name */
    bool reads_only;                  /* may run in a transaction, beside those that change a table at once */
    /* One argument for each parameter. It gives its rows by tarn_stmt_rows. */
    tarn_code (*run)(tarn_cx *cx, tarn_run *run, const tarn_arg *args);
    const char *help; /* one sentence */
} tarn_procedure;

/* Ends with NULL. */
extern const tarn_procedure *const tarn_procedures[];

/* "CALL system.name(table => TABLE, [id => INT])", in cx->arena. */
char *tarn_procedure_syntax(tarn_cx *cx, const tarn_procedure *procedure);

/* UNSUPPORTED with the table's name: "… has no <what>", for a table whose format lacks one of the features. */
TARN_MUST tarn_code tarn_call_require(tarn_cx *cx, const tarn_opened *opened, uint64_t features, const char *what);

#endif
