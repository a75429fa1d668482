/* view.c: a view as Iceberg's metadata files keep it: versions, each with its query in one or more dialects (1.12). */
#include "format/iceberg/metadata.h"

enum { VIEW_VERSION_MAX = 1, NAME_LEVELS_MAX = 32, VIEW_BYTES_MAX = 1 << 24 };

/* Dialects whose queries may be ours too, the nearest first. */
static const char *const dialects[] = {"tarn", "duckdb", "spark", "trino"};

static tarn_code find_by_id(tarn_cx *cx, const tarn_json_value *list, const char *member, const tarn_json_value *id,
                            const char *owner, const tarn_json_value **out) {
    int64_t wanted, found;
    if (!tarn_json_to_int(id, &wanted)) return tarn_fail(cx, TARN_CORRUPT, "%s is not there", owner);
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        const tarn_json_value *v = tarn_json_at(list, i);
        if (tarn_json_to_int(tarn_json_get(v, member), &found) && found == wanted) {
            *out = v;
            return TARN_OK;
        }
    }
    return tarn_fail(cx, TARN_CORRUPT, "%s %lld is not there", owner, (long long)wanted);
}

static size_t rank_of(tarn_str dialect) {
    size_t i = 0;
    while (i < sizeof dialects / sizeof *dialects && !tarn_str_ieq(dialect, tarn_str_of(dialects[i]))) i++;
    return i;
}

/* The representation nearest to our dialect; a version has each dialect once. */
static tarn_code choose_query(tarn_cx *cx, tarn_arena *arena, const tarn_json_value *version, tarn_view *view) {
    const tarn_json_value *list = tarn_json_get(version, "representations");
    tarn_str best = {NULL, 0}, chosen = {NULL, 0};
    for (size_t i = 0; i < tarn_json_count(list); i++) {
        const tarn_json_value *v = tarn_json_at(list, i);
        tarn_str type = tarn_json_as_str(tarn_json_get(v, "type")), sql = tarn_json_as_str(tarn_json_get(v, "sql")),
                 dialect = tarn_json_as_str(tarn_json_get(v, "dialect"));
        if (!tarn_str_ieq(type, TARN_LIT("sql"))) continue; /* other types may come */
        if (!sql.p || !dialect.p) return tarn_fail(cx, TARN_CORRUPT, "representation %zu has no sql or dialect", i + 1);
        for (size_t k = 0; k < i; k++)
            if (tarn_str_ieq(tarn_json_as_str(tarn_json_get(tarn_json_at(list, k), "dialect")), dialect))
                return tarn_fail(cx, TARN_CORRUPT, "two queries in the dialect %.*s", (int)dialect.n, dialect.p);
        if (best.p && rank_of(dialect) >= rank_of(chosen)) continue;
        best = sql;
        chosen = dialect;
    }
    if (!best.p) return tarn_fail(cx, TARN_CORRUPT, "it has no query in SQL");
    view->sql = tarn_arena_strndup(arena, best.p, best.n);
    view->dialect = tarn_arena_strndup(arena, chosen.p, chosen.n);
    return TARN_OK;
}

/* Where names in the query are looked up. */
static tarn_code read_defaults(tarn_cx *cx, tarn_arena *arena, const tarn_json_value *version, tarn_view *view) {
    const tarn_json_value *levels = tarn_json_get(version, "default-namespace");
    tarn_str catalog = tarn_json_as_str(tarn_json_get(version, "default-catalog"));
    if (!levels || levels->kind != TARN_JSON_ARRAY)
        return tarn_fail(cx, TARN_CORRUPT, "its version has no default-namespace");
    if (levels->n > NAME_LEVELS_MAX) return tarn_fail(cx, TARN_LIMIT, "its default-namespace is too deep");
    if (catalog.p) view->default_catalog = tarn_arena_strndup(arena, catalog.p, catalog.n);
    tarn_auto_buf name = TARN_BUF(1 << 16);
    for (size_t i = 0; i < levels->n; i++) {
        tarn_str level = tarn_json_as_str(&levels->items[i]);
        if (!level.p) return tarn_fail(cx, TARN_CORRUPT, "its default-namespace is no list of names");
        tarn_buf_printf(&name, "%s%.*s", i ? "." : "", (int)level.n, level.p);
    }
    if (name.failed) return tarn_fail(cx, TARN_LIMIT, "its default-namespace is too long");
    if (levels->n) view->default_schema = tarn_buf_take(&name, arena);
    return TARN_OK;
}

tarn_code tarn_iceberg_view_parse(tarn_cx *cx, tarn_arena *arena, tarn_str text, tarn_view *out) {
    const tarn_json_value *doc, *version, *schema;
    tarn_view view = {0};
    tarn_schema *columns = NULL;
    int64_t format_version = 0;
    if (text.n > VIEW_BYTES_MAX) return tarn_fail(cx, TARN_LIMIT, "metadata of a view of more than 16 MiB");
    TRY(tarn_json_parse(cx, cx->arena, text, (int)tarn_conf_int(cx->conf, TARN_LIMIT_JSON_DEPTH), &doc));
    if (doc->kind != TARN_JSON_OBJECT || !tarn_json_to_int(tarn_json_get(doc, "format-version"), &format_version))
        return tarn_fail(cx, TARN_CORRUPT, "it has no format-version");
    if (format_version > VIEW_VERSION_MAX)
        return tarn_fail(cx, TARN_UNSUPPORTED, "format-version %lld of views; version %d is read",
                         (long long)format_version, VIEW_VERSION_MAX);
    if (!tarn_json_as_str(tarn_json_get(doc, "view-uuid")).p) return tarn_fail(cx, TARN_CORRUPT, "it has no view-uuid");
    if (!tarn_json_as_str(tarn_json_get(doc, "location")).p) return tarn_fail(cx, TARN_CORRUPT, "it has no location");
    TRY(find_by_id(cx, tarn_json_get(doc, "versions"), "version-id", tarn_json_get(doc, "current-version-id"),
                   "its current-version-id", &version));
    TRY(find_by_id(cx, tarn_json_get(doc, "schemas"), "schema-id", tarn_json_get(version, "schema-id"),
                   "its version's schema-id", &schema));
    TRY(tarn_iceberg_schema_parse(cx, arena, schema->raw, &columns));
    view.columns = columns;
    TRY(choose_query(cx, arena, version, &view));
    TRY(read_defaults(cx, arena, version, &view));
    tarn_str comment = tarn_json_as_str(tarn_json_get(tarn_json_get(doc, "properties"), "comment"));
    if (comment.p) view.comment = tarn_arena_strndup(arena, comment.p, comment.n);
    *out = view;
    return TARN_OK;
}

tarn_code tarn_iceberg_view(tarn_cx *cx, tarn_store *store, const char *key, tarn_arena *arena, tarn_view *out) {
    tarn_str text;
    TRY(tarn_iceberg_read_metadata(cx, store, key, arena, &text));
    return tarn_prefix(cx, tarn_iceberg_view_parse(cx, arena, text, out), "%s", key);
}
