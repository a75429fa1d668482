/* tree.c: DuckDB's trees as JSON: of a query as it was written, or of its plan. */
#include "plan/bind.h"

/* DuckDB writes numbers that JSON has not as bare words; each becomes a value that no reader takes for a number. */
static void mend_numbers(char *json) {
    static const char *const words[] = {"-Infinity", "Infinity", "-NaN", "NaN"};
    bool text = false;
    for (char *p = json; *p; p++) {
        if (text && *p == '\\' && p[1])
            p++;
        else if (*p == '"')
            text = !text;
        bool may_begin = *p == '-' || *p == 'I' || *p == 'N';
        for (size_t i = 0; !text && may_begin && i < sizeof words / sizeof *words; i++) {
            size_t n = strlen(words[i]);
            if (strncmp(p, words[i], n) != 0) continue;
            memset(p, ' ', n);
            memcpy(p, "[]", 2);
        }
    }
}

tarn_code tarn_tree_json(tarn_cx *cx, tarn_conn *conn, tarn_tree_kind kind, const char *sql, const char **out) {
    const char *text = tarn_sql_string(cx->arena, sql);
    char *json = NULL;
    TRY(tarn_conn_text(cx, conn,
                       kind == TARN_TREE_PLAN ? tarn_printf(cx, "SELECT json_serialize_plan(%s, optimize:=true)", text)
                                              : tarn_printf(cx, "SELECT json_serialize_sql(%s)", text),
                       &json));
    if (!json) return tarn_fail(cx, TARN_INTERNAL, "DuckDB gives no tree of the query");
    mend_numbers(json);
    *out = json;
    return TARN_OK;
}
