/* complete.c: what a word of SQL may become: keywords, tables, the shell's own commands. */
#include <stdlib.h>
#include <string.h>

#include "shell.h"

static const char *const keywords[] = {
    "ADD",
    "ALTER",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BRANCH",
    "BY",
    "CALL",
    "CASE",
    "CAST",
    "CATALOG",
    "CLONE",
    "CLUSTER",
    "COLUMN",
    "COMMENT",
    "COMMIT",
    "CONVERT",
    "COPY",
    "CREATE",
    "CROSS",
    "DEEP",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DETAIL",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "EXTENDED",
    "FROM",
    "FULL",
    "FUNCTION",
    "GRANT",
    "GROUP BY",
    "HAVING",
    "HELP",
    "HISTORY",
    "IN",
    "INNER",
    "INSERT INTO",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCATION",
    "MATCHED",
    "MERGE INTO",
    "MODEL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OPTIMIZE",
    "OPTIONS",
    "OR",
    "ORDER BY",
    "OUTER",
    "OVER",
    "OVERWRITE",
    "PARTITION",
    "PARTITIONED BY",
    "PARTITIONS",
    "PREPARE",
    "QUALIFY",
    "RENAME",
    "REPLACE",
    "RESTORE",
    "RETAIN",
    "REVOKE",
    "RIGHT",
    "ROLLBACK",
    "SCHEMA",
    "SCHEMAS",
    "SELECT",
    "SET",
    "SETTINGS",
    "SHALLOW",
    "SHOW",
    "STREAM",
    "TABLE",
    "TABLES",
    "TBLPROPERTIES",
    "THEN",
    "TIMESTAMP AS OF",
    "TRUNCATE",
    "UNDROP",
    "UNION",
    "UPDATE",
    "USE",
    "USING",
    "VACUUM",
    "VALUES",
    "VERSION AS OF",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
    "ZORDER BY",
    "\\d",
    "\\format",
    "\\h",
    "\\i",
    "\\q",
    "\\timing",
};

static void add_name(void *state, const cli_row *row) {
    cli_names *names = state;
    cli_auto_buf full = {0};
    const char *schema = cli_cell(row, "schema"), *name = cli_cell(row, "name");
    if (strcmp(schema, "main") != 0 && *schema) cli_printf(&full, "%s.", schema);
    cli_puts(&full, name);
    if (names->n == names->cap) {
        size_t cap = names->cap ? 2 * names->cap : 64;
        char **at = realloc(names->at, cap * sizeof *at);
        if (!at) return;
        names->at = at;
        names->cap = cap;
    }
    char *copy = *name ? strdup(cli_text(&full)) : NULL;
    if (copy) names->at[names->n++] = copy;
}

void cli_names_forget(cli_names *names) {
    for (size_t i = 0; i < names->n; i++) free(names->at[i]);
    free(names->at);
    *names = (cli_names){0};
}

/* A further candidate; shrinks *common to what it shares with those before. */
static void add_candidate(cli_buf *out, const char *text, bool lower, size_t *common, size_t *count) {
    size_t at = out->n, shared = 0, n = strlen(text);
    cli_add(out, text, n + 1);
    for (size_t i = at; lower && i < out->n; i++)
        if (out->p[i] >= 'A' && out->p[i] <= 'Z') out->p[i] = (char)(out->p[i] | 32);
    while (shared < n && (*count == 0 || out->p[shared] == out->p[at + shared])) shared++;
    if (*count == 0 || shared < *common) *common = shared;
    ++*count;
}

size_t cli_complete(tarn_session *session, cli_names *names, const char *word, size_t n, cli_buf *out, size_t *count) {
    size_t common = 0;
    *count = 0;
    if (!names->loaded) {
        tarn_error error = {.size = sizeof error};
        (void)!cli_each_row(session, "SHOW TABLES", add_name, names, &error);
        names->loaded = true;
    }
    bool lower = n > 0 && word[n - 1] >= 'a' && word[n - 1] <= 'z'; /* select stays in small letters */
    for (size_t i = 0; i < names->n; i++)
        if (strncmp(names->at[i], word, n) == 0) add_candidate(out, names->at[i], false, &common, count);
    for (size_t i = 0; n && i < sizeof keywords / sizeof *keywords; i++)
        if (strncasecmp(keywords[i], word, n) == 0) add_candidate(out, keywords[i], lower, &common, count);
    return common;
}
