/* information.c: information_schema from the catalog; for columns each table is opened, and each view bound. */
#include "session/information.h"

#include "base/log.h"

typedef struct lister {
    tarn_session *s;
    tarn_rowset *rows;
} lister;

static void put_names(tarn_rowset *rows, const tarn_catalog_entry *e) {
    tarn_rowset_text(rows, e->catalog);
    tarn_rowset_text(rows, e->schema);
    tarn_rowset_text(rows, e->name);
}

static tarn_code put_table(tarn_cx *cx, lister *l, const tarn_catalog_entry *e) {
    (void)cx;
    put_names(l->rows, e);
    tarn_rowset_text(l->rows, e->kind == TARN_ENTRY_VIEW ? "VIEW" : "BASE TABLE");
    tarn_rowset_text(l->rows, e->kind == TARN_ENTRY_VIEW ? "NO" : "YES");
    tarn_rowset_text(l->rows, "NO");
    tarn_rowset_text(l->rows, e->comment);
    return TARN_OK;
}

static int digits_of(const tarn_type *type) {
    switch (type->kind) {
    case TARN_INT8: return 8;
    case TARN_INT16: return 16;
    case TARN_INT32: return 32;
    case TARN_INT64: return 64;
    case TARN_FLOAT32: return 24;
    case TARN_FLOAT64: return 53;
    case TARN_DECIMAL: return type->precision;
    default: return 0;
    }
}

static void put_or_null(tarn_rowset *rows, bool known, int64_t value) {
    if (known)
        tarn_rowset_int(rows, value);
    else
        tarn_rowset_null(rows);
}

static void put_column(tarn_cx *cx, tarn_rowset *rows, const tarn_catalog_entry *e, const tarn_field *f, size_t place) {
    tarn_auto_buf type = TARN_BUF(1 << 20);
    int digits = digits_of(f->type);
    bool decimal = f->type->kind == TARN_DECIMAL,
         whole = decimal || (digits && f->type->kind != TARN_FLOAT32 && f->type->kind != TARN_FLOAT64);
    tarn_type_duckdb(&type, f->type);
    put_names(rows, e);
    tarn_rowset_text(rows, f->name);
    tarn_rowset_int(rows, (int64_t)place + 1);
    tarn_rowset_text(rows, f->default_sql);
    tarn_rowset_text(rows, f->nullable ? "YES" : "NO");
    tarn_rowset_text(rows, tarn_buf_ok(&type) ? tarn_buf_take(&type, cx->arena) : NULL);
    put_or_null(rows, digits > 0, digits);
    put_or_null(rows, digits > 0, decimal ? 10 : 2);
    put_or_null(rows, whole, decimal ? f->type->scale : 0);
    tarn_rowset_text(rows, f->generated_sql ? "ALWAYS" : "NEVER");
    tarn_rowset_text(rows, f->generated_sql);
    tarn_rowset_text(rows, f->comment);
}

static tarn_code view_schema(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_schema **out) {
    tarn_auto(tarn_conn *, tarn_conn_closep) conn = NULL;
    tarn_plan_env env;
    tarn_planned planned;
    tarn_auto_buf sql = TARN_BUF(1 << 16);
    tarn_buf_puts(&sql, "SELECT * FROM ");
    for (int i = 0; i < name->n_parts; i++) {
        if (i) tarn_buf_putc(&sql, '.');
        tarn_buf_sql_name(&sql, name->part[i]);
    }
    if (!tarn_buf_ok(&sql)) return tarn_fail(cx, TARN_LIMIT, "the view's name is too long");
    TRY(tarn_session_conn(cx, s, &conn));
    tarn_session_plan_env(cx, s, conn, &env);
    TRY(tarn_plan_query(cx, &env, (tarn_str){sql.data, sql.n}, NULL, 0, &planned));
    tarn_code code = tarn_conn_describe(cx, conn, planned.sql, cx->arena, out);
    tarn_planned_done(&planned);
    return code;
}

static tarn_code read_columns(tarn_cx *cx, lister *l, const tarn_catalog_entry *e) {
    tarn_name name = {.part = {e->catalog, e->schema, e->name}, .n_parts = 3};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    tarn_opened opened = {0};
    const tarn_schema *schema;
    if (e->kind == TARN_ENTRY_VIEW) {
        tarn_schema *made;
        TRY(view_schema(cx, l->s, &name, &made));
        schema = made;
    } else {
        TRY(tarn_session_open_table(cx, l->s, &name, &latest, &opened));
        schema = opened.snapshot->schema;
    }
    for (size_t i = 0; i < schema->n_fields; i++) put_column(cx, l->rows, e, &schema->fields[i], i);
    tarn_opened_done(&opened);
    return TARN_OK;
}

/* One table that cannot be read does not hide all the others. */
static tarn_code put_columns(tarn_cx *cx, lister *l, const tarn_catalog_entry *e) {
    TRY(tarn_check(cx));
    tarn_code code = read_columns(cx, l, e);
    if (code == TARN_OK || code == TARN_CANCELLED || code == TARN_TIMEOUT) return code;
    const char *name = tarn_printf(cx, "%s.%s.%s", e->catalog, e->schema, e->name);
    tarn_log(cx, TARN_LOG_WARN, "information_schema_columns", "table", name, "error", cx->error.message, NULL);
    tarn_clear_error(cx);
    return TARN_OK;
}

static tarn_code put_schema(tarn_cx *cx, lister *l, const tarn_catalog_entry *e) {
    (void)cx;
    tarn_rowset_text(l->rows, e->catalog);
    tarn_rowset_text(l->rows, e->schema);
    tarn_rowset_text(l->rows, NULL);
    return TARN_OK;
}

typedef struct view {
    const char *name;
    bool schemas; /* its rows are schemas, not tables */
    tarn_code (*put)(tarn_cx *cx, lister *l, const tarn_catalog_entry *e);
    size_t n;
    tarn_rowset_column columns[14];
} view;

static const view views[] = {
    {"tables",
     false,
     put_table,
     7,
     {{"table_catalog", "u"},
      {"table_schema", "u"},
      {"table_name", "u"},
      {"table_type", "u"},
      {"is_insertable_into", "u"},
      {"is_typed", "u"},
      {"TABLE_COMMENT", "u"}}},
    {"columns",
     false,
     put_columns,
     14,
     {{"table_catalog", "u"},
      {"table_schema", "u"},
      {"table_name", "u"},
      {"column_name", "u"},
      {"ordinal_position", "l"},
      {"column_default", "u"},
      {"is_nullable", "u"},
      {"data_type", "u"},
      {"numeric_precision", "l"},
      {"numeric_precision_radix", "l"},
      {"numeric_scale", "l"},
      {"is_generated", "u"},
      {"generation_expression", "u"},
      {"COLUMN_COMMENT", "u"}}},
    {"schemata", true, put_schema, 3, {{"catalog_name", "u"}, {"schema_name", "u"}, {"schema_owner", "u"}}},
};

static const view *find_view(tarn_cx *cx, tarn_session *s, const tarn_name *name) {
    int n = name->n_parts;
    if (name->path || n < 2 || n > 3 || !tarn_name_eq(name->part[n - 2], "information_schema")) return NULL;
    if (n == 3 && !tarn_catalog_has(cx, s->lake->catalog, name->part[0])) return NULL;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (tarn_name_eq(name->part[n - 1], views[i].name)) return &views[i];
    return NULL;
}

static tarn_code list_all(tarn_cx *cx, lister *l, const view *v) {
    tarn_catalog *catalog = l->s->lake->catalog;
    tarn_catalog_entries catalogs = {0};
    TRY(tarn_catalog_catalogs(cx, catalog, &catalogs));
    for (size_t i = 0; i < catalogs.n; i++) {
        tarn_catalog_entries entries = {0};
        if (v->schemas)
            TRY(tarn_catalog_schemas(cx, catalog, catalogs.at[i].catalog, &entries));
        else
            TRY(tarn_catalog_list(cx, catalog, catalogs.at[i].catalog, NULL, false, &entries));
        for (size_t k = 0; k < entries.n; k++) TRY(v->put(cx, l, &entries.at[k]));
    }
    return TARN_OK;
}

tarn_code tarn_information_rows(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_rowset **out) {
    const view *v = find_view(cx, s, name);
    if (!v) return TARN_OK;
    lister l = {s, tarn_rowset_new(v->columns, v->n)};
    tarn_code code = list_all(cx, &l, v);
    if (code == TARN_OK)
        *out = l.rows;
    else
        tarn_rowset_free(l.rows);
    return code;
}
