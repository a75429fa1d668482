/* stmts.c: the list: a new statement is one file and one line here. */
#include "stmt/stmts.h"

/* One after the other: the formatter would nest them. */
/* clang-format off */
#define STMTS(X) \
    X(select) X(insert) X(update) X(delete) X(merge) X(truncate) X(copy) X(create_table) X(drop_table) X(undrop) \
    X(alter) X(create_view) X(drop_view) X(create_schema) X(drop_schema) X(create_catalog) X(use) X(describe) \
    X(describe_history) X(describe_detail) X(explain) X(show_tables) X(show_schemas) X(show_catalogs) \
    X(show_properties) X(show_partitions) X(show_columns) X(show_create) X(show_settings) X(optimize) X(reorg) \
    X(vacuum) X(restore) X(begin) X(commit) X(rollback) X(set) X(reset) X(load) X(call) X(help)
/* clang-format on */

#define DECLARE(name) extern const tarn_stmt tarn_stmt_##name;
STMTS(DECLARE)

#define LIST(name) &tarn_stmt_##name,
const tarn_stmt *const tarn_stmts[] = {STMTS(LIST) NULL};
