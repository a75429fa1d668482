/* register.c: procedures that take in what is there already: a table by its metadata file. */
#include "stmt/call/call.h"

/* The file is the table's newest version from here on, whatever lies beside it. */
static tarn_code enter_table(tarn_cx *cx, tarn_run *run, const tarn_name *name, const char *file, size_t root,
                             const tarn_snapshot *snapshot) {
    tarn_catalog_entry entry = {.kind = TARN_ENTRY_TABLE,
                                .format = snapshot->format->name,
                                .location = tarn_arena_strndup(cx->arena, file, root),
                                .comment = snapshot->comment,
                                .pointer = snapshot->pointer};
    TRY(tarn_session_name(cx, run->session, name, &entry.catalog, &entry.schema, &entry.name));
    return tarn_catalog_create(cx, run->session->lake->catalog, &entry, false);
}

static tarn_code count_rows(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *rows, int64_t *files) {
    tarn_file_list list = {0};
    TRY(tarn_snapshot_files(cx, snapshot, NULL, &list));
    *rows = 0;
    for (size_t i = 0; i < list.files.n; i++)
        if (list.files.at[i]->rows > 0) *rows += list.files.at[i]->rows;
    *files = (int64_t)list.files.n;
    return TARN_OK;
}

static tarn_code run_register_table(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    static const tarn_rowset_column columns[] = {
        {"current_snapshot_id", "l"}, {"total_records_count", "l"}, {"total_data_files_count", "l"}};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_name by_file = {0};
    tarn_opened opened;
    const tarn_format *format;
    const char *file;
    size_t root;
    int64_t n_rows = 0, n_files = 0;
    TRY(tarn_session_absolute(cx, args[1].text, &file));
    if (!tarn_format_of_file(tarn_str_of(file), &root, &format))
        return tarn_hint(cx, tarn_fail(cx, TARN_INVALID, "%s is no metadata file of a table", file),
                         "CREATE TABLE t LOCATION '…' names a table by its folder");
    by_file.path = file;
    by_file.part[by_file.n_parts++] = format->name;
    TRY(tarn_session_open_table(cx, run->session, &by_file, &latest, &opened));
    tarn_code code = count_rows(cx, opened.snapshot, &n_rows, &n_files);
    if (code == TARN_OK) code = enter_table(cx, run, &args[0].table, file, root, opened.snapshot);
    int64_t id = opened.snapshot->own_id;
    tarn_opened_done(&opened);
    TRY(code);
    tarn_rowset *rows = tarn_rowset_new(columns, 3);
    if (id >= 0)
        tarn_rowset_int(rows, id);
    else
        tarn_rowset_null(rows);
    tarn_rowset_int(rows, n_rows);
    tarn_rowset_int(rows, n_files);
    return tarn_stmt_rows(cx, run, rows, true);
}

const tarn_procedure tarn_procedure_register_table = {
    .name = "register_table",
    .params = {{"table", TARN_CALL_TABLE, true}, {"metadata_file", TARN_CALL_TEXT, true}},
    .run = run_register_table,
    .help = "Gives a table that is there already a name in the catalog: as its metadata file says, not the newest one.",
};
