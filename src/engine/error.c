/* error.c: DuckDB's errors as Tarn's: a code, one line of text, and where in the SQL text. */
#include <stdlib.h>

#include "codec/json_tree.h"
#include "engine/internal.h"

/* By the names of duckdb's exception types; what is not here is INVALID: the statement asked for something that cannot
 * be. */
static const struct {
    const char *type;
    tarn_code code;
} types[] = {
    {"Constraint", TARN_CONSTRAINT},
    {"IO", TARN_IO},
    {"HTTP", TARN_IO},
    {"Network", TARN_IO},
    {"INTERRUPT", TARN_CANCELLED},
    {"INTERNAL", TARN_INTERNAL},
    {"FATAL", TARN_INTERNAL},
    {"Out of Memory", TARN_LIMIT},
    {"Not implemented", TARN_UNSUPPORTED},
    {"Permission", TARN_DENIED},
    {"Missing Extension", TARN_UNSUPPORTED},
    {"Extension Autoloading", TARN_UNSUPPORTED},
    {"NullPointer", TARN_INTERNAL},
    {"Serialization", TARN_UNSUPPORTED},
};

/* What the message adds to the type, for errors of reading files. */
static const struct {
    const char *text;
    tarn_code code;
} phrases[] = {
    {"No files found that match", TARN_NOTFOUND},
    {"No such file or directory", TARN_NOTFOUND},
    {"HTTP 404", TARN_NOTFOUND},
    {"Permission denied", TARN_DENIED},
    {"HTTP 403", TARN_DENIED},
    {"No magic bytes found", TARN_CORRUPT},
    {"too small to be a Parquet", TARN_CORRUPT},
    {"Footer length", TARN_CORRUPT},
    {"footer length", TARN_CORRUPT},
    {"TProtocolException", TARN_CORRUPT},
    {"ecompression fail", TARN_CORRUPT},
    {"corrupt", TARN_CORRUPT},
    {"Corrupt", TARN_CORRUPT},
    {"Out of buffer", TARN_CORRUPT},
    {"Failed to read Parquet", TARN_CORRUPT},
    {"Failed to read file", TARN_CORRUPT},
};

static bool mentions(tarn_str s, const char *phrase) { return memmem(s.p, s.n, phrase, strlen(phrase)) != NULL; }

static tarn_code code_of(tarn_str type, tarn_str message) {
    tarn_code code = TARN_INVALID;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (tarn_str_is(type, types[i].type)) code = types[i].code;
    if (mentions(message, "an explicit cast is required")) return TARN_INVALID; /* DuckDB: not implemented */
    if (code != TARN_IO && !tarn_str_is(type, "Invalid Input") && !tarn_str_is(type, "Invalid")) return code;
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (mentions(message, phrases[i].text)) return phrases[i].code;
    return code;
}

/* A missing or repeated name is told apart by DuckDB's error_subtype. */
static tarn_code catalog_code(const tarn_json_value *json, tarn_code code) {
    tarn_str subtype = tarn_json_as_str(tarn_json_get(json, "error_subtype"));
    tarn_str what = tarn_json_as_str(tarn_json_get(json, "type"));
    if (tarn_str_is(subtype, "ENTRY_ALREADY_EXISTS")) return TARN_EXISTS;
    bool relation = tarn_str_is(what, "Table") || tarn_str_is(what, "View") || tarn_str_is(what, "Schema");
    return tarn_str_is(subtype, "MISSING_ENTRY") && relation ? TARN_NOTFOUND : code;
}

/* "Binder Error: text" to its two parts; texts from outside errors_as_json (older results, nested errors) have this
 * form. */
static tarn_str split_type(tarn_str *message) {
    const char *mark = memmem(message->p, message->n, " Error: ", 8);
    if (!mark || mark - message->p > 30) return (tarn_str){0};
    tarn_str type = {message->p, (size_t)(mark - message->p)};
    message->p += type.n + 8;
    message->n -= type.n + 8;
    return type;
}

/* Runs of blanks become one; the picture of the line with its caret is cut: error_at says the same. */
static char *one_line(tarn_cx *cx, tarn_str s) {
    const char *line = memmem(s.p, s.n, "\n\nLINE ", 7);
    if (line) s.n = (size_t)(line - s.p);
    char *out = tarn_arena_strndup(cx->arena, s.p, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool blank = strchr(" \t\r\n", s.p[i]) != NULL;
        if (blank && (n == 0 || out[n - 1] == ' ')) continue;
        out[n++] = blank ? ' ' : s.p[i];
    }
    while (n && out[n - 1] == ' ') n--;
    out[n] = 0;
    return out;
}

/* Columns made here are no columns to anybody else: they are not proposed. */
static void hide_ours(char *line) {
    static const char begin[] = " Candidate bindings: ";
    char *list = strstr(line, begin), *to = list ? list + sizeof begin - 1 : NULL;
    if (!list) return;
    bool any = false;
    for (char *from = to, *end; *from == '"'; from = end + (strncmp(end, ", ", 2) ? 0 : 2)) {
        end = from + 1 + strcspn(from + 1, "\"");
        end += *end == '"';
        size_t n = (size_t)(end - from);
        if (memmem(from, n, "_tarn_", 6) || memmem(from, n, "tarn$", 5)) continue;
        if (any) memcpy(to, ", ", 2), to += 2;
        memmove(to, from, n);
        to += n;
        any = true;
    }
    *(any ? to : list) = 0;
}

static tarn_code fail_limit(tarn_cx *cx, const char *text) {
    const char *set = tarn_conf_text(cx->conf, TARN_MEMORY_LIMIT);
    return tarn_fail(cx, TARN_LIMIT, "out of memory: %s; raise memory_limit (now %s) or threads less", text,
                     tarn_conf_int(cx->conf, TARN_MEMORY_LIMIT) ? set : "80 % of the machine's");
}

static const tarn_json_value *parse_json(tarn_cx *cx, const char *text) {
    const tarn_json_value *json = NULL;
    tarn_str all = tarn_str_of(tarn_arena_strdup(cx->arena, text));
    if (tarn_json_parse(cx, cx->arena, all, TARN_JSON_DEPTH, &json) == TARN_OK) return json;
    tarn_clear_error(cx);
    return NULL;
}

tarn_code tarn_duckdb_fail(tarn_cx *cx, tarn_conn *conn, const char *message, size_t skip) {
    if (!message) message = "DuckDB gave no reason";
    tarn_str text = tarn_str_of(message), type = {0};
    int64_t at = -1;
    const char *brace = strstr(message, "{\"exception_type\"");
    const tarn_json_value *json = brace ? parse_json(cx, brace) : NULL;
    if (json) {
        type = tarn_json_as_str(tarn_json_get(json, "exception_type"));
        text = tarn_json_as_str(tarn_json_get(json, "exception_message"));
        tarn_str position = tarn_json_as_str(tarn_json_get(json, "position"));
        if (!tarn_parse_i64(position, &at) || at < (int64_t)skip)
            at = -1;
        else
            at -= (int64_t)skip;
    } else {
        type = split_type(&text);
    }
    if (!text.p) text = tarn_str_of(message);
    if (conn) conn->error_at = at;
    tarn_code code = catalog_code(json, code_of(type, text));
    if (conn && code == TARN_INTERNAL) atomic_store(&conn->engine->broken[conn->db], conn->opened);
    if (code == TARN_CANCELLED) {
        TRY(tarn_check(cx));
        return tarn_fail(cx, code, "the statement was cancelled");
    }
    char *line = one_line(cx, text);
    hide_ours(line);
    return code == TARN_LIMIT ? fail_limit(cx, line) : tarn_fail(cx, code, "%s", line);
}

tarn_code tarn_duckdb_check(tarn_cx *cx, tarn_conn *conn, duckdb_error_data error) {
    const tarn_duckdb *api = conn->api;
    tarn_code code = TARN_OK;
    if (error && api->error_data_has_error(error)) code = tarn_duckdb_fail(cx, conn, api->error_data_message(error), 0);
    if (error) api->destroy_error_data(&error);
    return code;
}
