/* help.c: HELP: the statements there are, from their own entries. */
#include "stmt/stmts.h"

static tarn_code run_help(tarn_cx *cx, tarn_run *run) {
    static const tarn_rowset_column columns[] = {{"statement", "u"}, {"syntax", "u"}, {"what", "u"}};
    const tarn_token *first = &run->cursor.tokens->tokens.at[run->cursor.i];
    tarn_str rest = {run->text.p + first->at, run->text.n - first->at};
    while (rest.n && strchr("; \t\r\n", rest.p[rest.n - 1])) rest.n--;
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    for (const tarn_stmt *const *s = run->session->lake->stmts; *s; s++) {
        const char *end = strrchr((*s)->help, '\n');
        if (rest.n && !(strlen((*s)->name) >= rest.n && tarn_str_ieq((tarn_str){(*s)->name, rest.n}, rest))) continue;
        tarn_rowset_text(rows, (*s)->name);
        tarn_rowset_str(rows, (tarn_str){(*s)->help, (size_t)(end - (*s)->help)});
        tarn_rowset_text(rows, end + 1);
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
