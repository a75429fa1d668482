/* copy_json.c: JSON Lines read the permissive way: a line that cannot be read as the table's columns is kept in
 * _corrupt_record. */
#include "codec/jsonw.h"
#include "stmt/dml/copy.h"

/* A type as json_transform wants it: {"x": "INTEGER"}, ["VARCHAR"], "BIGINT". */
static void put_structure(tarn_jsonw *w, const tarn_type *type) {
    if (type->kind == TARN_STRUCT) {
        tarn_jsonw_begin_object(w);
        for (size_t i = 0; i < type->n_fields; i++) {
            tarn_jsonw_key(w, type->fields[i].name);
            put_structure(w, type->fields[i].type);
        }
        return tarn_jsonw_end_object(w);
    }
    if (type->kind == TARN_LIST) {
        tarn_jsonw_begin_array(w);
        put_structure(w, type->fields[0].type);
        return tarn_jsonw_end_array(w);
    }
    tarn_auto_buf name = TARN_BUF(1 << 16);
    tarn_type_duckdb(&name, type);
    tarn_jsonw_text(w, name.data);
}

/* The table's columns but for _corrupt_record. */
static tarn_schema *read_columns(tarn_cx *cx, const tarn_schema *schema, bool *keeps) {
    tarn_schema *out = tarn_type_new(cx->arena, TARN_STRUCT);
    out->fields = TARN_NEW_ARRAY(cx->arena, tarn_field, schema->n_fields);
    for (size_t i = 0; i < schema->n_fields; i++) {
        bool corrupt = tarn_name_eq(schema->fields[i].name, TARN_CORRUPT_COLUMN);
        *keeps = *keeps || corrupt;
        if (!corrupt) out->fields[out->n_fields++] = schema->fields[i];
    }
    return out;
}

tarn_code tarn_copy_json(tarn_cx *cx, const tarn_schema *schema, const char *path, bool drop, char **out) {
    tarn_auto_buf structure = TARN_BUF((size_t)16 << 20), sql = TARN_BUF((size_t)64 << 20);
    tarn_jsonw w = TARN_JSONW(&structure);
    bool keeps = false;
    const tarn_schema *columns = read_columns(cx, schema, &keeps);
    put_structure(&w, columns);
    if (!tarn_buf_ok(&structure)) return tarn_fail(cx, TARN_LIMIT, "COPY INTO: the table's schema is too large");
    tarn_buf_puts(&sql, "(SELECT unnest(_row)");
    if (keeps) tarn_buf_puts(&sql, ", CASE WHEN _bad THEN _line END AS " TARN_CORRUPT_COLUMN);
    /* Bad: no object, or a value that is there and did not become one of its column. */
    tarn_buf_puts(&sql, " FROM (SELECT _line, _row, _row IS NULL");
    for (size_t i = 0; i < columns->n_fields; i++) {
        const char *name = columns->fields[i].name;
        tarn_auto_buf pointer = TARN_BUF(1 << 16);
        for (const char *p = name; *p; p++) {
            if (*p == '~' || *p == '/')
                tarn_buf_puts(&pointer, *p == '~' ? "~0" : "~1");
            else
                tarn_buf_putc(&pointer, *p);
        }
        tarn_buf_printf(&sql, " OR (_row.%s IS NULL AND coalesce(json_type(_json, %s), 'NULL') <> 'NULL')",
                        tarn_sql_name(cx->arena, name),
                        tarn_sql_string(cx->arena, tarn_printf(cx, "/%s", pointer.data ? pointer.data : "")));
    }
    tarn_buf_printf(
        &sql,
        " AS _bad FROM (SELECT _line, _json, json_transform(_json, %s) AS _row FROM (SELECT _line, CASE WHEN "
        "json_valid(_line) AND json_type(_line) = 'OBJECT' THEN _line::JSON END AS _json FROM read_csv(%s, "
        "columns = {'_line': 'VARCHAR'}, header = false, auto_detect = false, delim = chr(1), quote = '', "
        "escape = '') WHERE trim(_line) <> '')))%s)",
        tarn_sql_string(cx->arena, structure.data), path, drop ? " WHERE NOT _bad" : "");
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "COPY INTO: the table has too many columns");
    *out = tarn_buf_take(&sql, cx->arena);
    return TARN_OK;
}
