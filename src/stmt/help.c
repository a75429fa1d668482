/* help.c: HELP: the statements and procedures there are, from their own entries. */
#include "stmt/call/call.h"

static bool begins(const char *name, tarn_str with) {
    return strlen(name) >= with.n && tarn_str_ieq((tarn_str){name, with.n}, with);
}

static tarn_code run_help(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {{"statement", "u"}, {"syntax", "u"}, {"what", "u"}};
    const tarn_token *first = &run->cursor.tokens->tokens.at[run->cursor.i];
    tarn_str rest = {run->text.p + first->at, run->text.n - first->at};
    while (rest.n && strchr("; \t\r\n", rest.p[rest.n - 1])) rest.n--;
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    for (const tarn_stmt *const *s = run->session->lake->stmts; *s; s++) {
        const char *end = strrchr((*s)->help, '\n');
        if (!begins((*s)->name, rest)) continue;
        tarn_rowset_text(rows, (*s)->name);
        tarn_rowset_str(rows, (tarn_str){(*s)->help, (size_t)(end - (*s)->help)});
        tarn_rowset_text(rows, end + 1);
    }
    for (const tarn_procedure *const *p = tarn_procedures; rest.n && *p; p++) {
        const char *name = tarn_printf(cx, "CALL %s", (*p)->name);
        if (!begins(name, rest) && !begins((*p)->name, rest)) continue;
        tarn_rowset_text(rows, name);
        tarn_rowset_text(rows, tarn_procedure_syntax(cx, *p));
        tarn_rowset_text(rows, (*p)->help);
    }
    if (tarn_rowset_count(rows)) return tarn_stmt_rows(cx, run, rows, true);
    tarn_rowset_free(rows);
    return tarn_fail(cx, TARN_NOTFOUND, "no statement is called %.*s; HELP lists them", (int)rest.n, rest.p);
}

const tarn_stmt tarn_stmt_help = {.name = "HELP",
                                  .keywords = "HELP",
                                  .privilege = TARN_PRIV_NONE,
                                  .run = run_help,
                                  .help = "HELP [statement]\nLists the statements and how they are written."};
