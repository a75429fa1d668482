/* views.c: the procedure that takes over a view which another engine wrote. */
#include "stmt/call/call.h"

/* From a metadata file by its path. */
static tarn_code read_file(tarn_cx *cx, const char *path, tarn_view *out) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    const tarn_format *format;
    const char *location;
    size_t root;
    TRY(tarn_session_absolute(cx, path, &location));
    if (!tarn_format_of_file(tarn_str_of(location), &root, &format) || !format->view)
        return tarn_fail(cx, TARN_INVALID, "metadata_file has to name a view's <name>.metadata.json, not %s", path);
    TRY(tarn_store_open(cx, tarn_printf(cx, "%.*s", (int)root, location), &store));
    return format->view(cx, store, location + root + strspn(location + root, "/"), cx->arena, out);
}

static tarn_code run_register_view(tarn_cx *cx, tarn_run *run, const tarn_arg *args) {
    tarn_catalog_entry entry = {0};
    tarn_names names = {0};
    tarn_view view;
    TRY(tarn_session_name(cx, run->session, &args[0].table, &entry.catalog, &entry.schema, &entry.name));
    TRY(read_file(cx, args[1].text, &view));
    entry.default_catalog = view.default_catalog ? view.default_catalog : entry.catalog;
    entry.default_schema = view.default_schema ? view.default_schema : entry.schema;
    if (args[2].given) entry.default_catalog = args[2].text;
    entry.comment = view.comment;
    for (size_t i = 0; i < view.columns->n_fields; i++) *TARN_PUSH(cx->arena, &names) = view.columns->fields[i].name;
    tarn_code code = tarn_stmt_plan_view(cx, run, &entry, names, tarn_str_of(view.sql));
    tarn_error was = cx->error; /* its place is one in a text that is not the user's */
    if (code != TARN_OK)
        return tarn_fail(cx, code, "the view's query in the dialect %s: %s", view.dialect, was.message);
    TRY(tarn_catalog_create(cx, run->session->lake->catalog, &entry, false));
    return tarn_stmt_done(cx, run, "view %s.%s.%s", entry.catalog, entry.schema, entry.name);
}

const tarn_procedure tarn_procedure_register_view = {
    .name = "register_view",
    .params = {{"view", TARN_CALL_TABLE, true},
               {"metadata_file", TARN_CALL_TEXT, true},
               {"default_catalog", TARN_CALL_TEXT, false}},
    .run = run_register_view,
    .help = "Takes over a view by the metadata file that another engine wrote: its query as it is now, in the dialect "
            "nearest to ours; tables that the query names without a catalog are looked up where the file says, or in "
            "default_catalog.",
};
