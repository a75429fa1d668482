/* names.c: what a name means to a session: catalog entries, paths, metadata tables; and the resolver the planner asks.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/data_path.h"
#include "session/avro_files.h"
#include "session/changes.h"
#include "session/guard.h"
#include "session/information.h"
#include "session/metadata.h"
#include "session/session.h"
#include "session/sources.h"
#include "session/tables.h"
#include "session/txn.h"

/* Where the names inside a view are looked up. */
typedef struct view_place {
    const char *catalog, *schema;
} view_place;

/* catalog.aliases: "spark_catalog=lake,glue=lake". */
static const char *unalias(tarn_cx *cx, const char *catalog) {
    const char *p = tarn_conf_text(cx->conf, TARN_CATALOG_ALIASES);
    for (size_t n = strcspn(p, ","); *p; p += n + (p[n] == ','), n = strcspn(p, ",")) {
        const char *eq = memchr(p, '=', n);
        if (eq && tarn_name_eq(tarn_arena_strndup(cx->arena, p, (size_t)(eq - p)), catalog))
            return tarn_arena_strndup(cx->arena, eq + 1, n - (size_t)(eq + 1 - p));
    }
    return catalog;
}

static tarn_code complete(tarn_cx *cx, tarn_session *s, const view_place *place, const char *const *part, int n,
                          const char **catalog, const char **schema, const char **table) {
    const char *here = place ? place->catalog : s->catalog, *first = n > 1 ? unalias(cx, part[0]) : NULL;
    *catalog = here;
    *schema = place ? place->schema : s->schema;
    *table = part[n - 1];
    if (n == 2) {
        if (!tarn_catalog_has_schema(cx, s->lake->catalog, here, part[0]) &&
            tarn_catalog_has(cx, s->lake->catalog, first)) {
            *catalog = first;
            *schema = "main";
        } else {
            *schema = part[0];
        }
    } else if (n == 3) {
        *catalog = first;
        *schema = part[1];
    } else if (n > 3) {
        return tarn_fail(cx, TARN_INVALID, "a table's name has at most three parts: catalog.schema.table");
    }
    return TARN_OK;
}

/* t.branch_x, t.tag_x: what stands after the prefix; NULL: neither. */
static const char *ref_of(const char *part) {
    static const char *const prefixes[] = {"branch_", "tag_"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(prefixes[i]);
        if (strlen(part) > n && tarn_str_ieq((tarn_str){part, n}, tarn_str_of(prefixes[i]))) return part + n;
    }
    return NULL;
}

/* Whether all but the last part name a table, so that the last one can only be meant as its metadata. */
static bool is_of_table(tarn_cx *cx, tarn_session *s, const view_place *place, const tarn_name *name) {
    const char *catalog, *schema, *table;
    tarn_catalog_entry entry;
    tarn_error was = cx->error;
    bool found = name->n_parts > 1 &&
                 complete(cx, s, place, (const char *const *)name->part, name->n_parts - 1, &catalog, &schema,
                          &table) == TARN_OK &&
                 tarn_catalog_resolve(cx, s->lake->catalog, catalog, schema, table, &entry) == TARN_OK;
    cx->error = was;
    return found;
}

tarn_code tarn_session_name(tarn_cx *cx, tarn_session *s, const tarn_name *name, const char **catalog,
                            const char **schema, const char **table) {
    if (name->path)
        return tarn_fail(cx, TARN_INVALID, "`%s` is a path: a name in the catalog is needed here", name->path);
    tarn_code code = complete(cx, s, NULL, (const char *const *)name->part, name->n_parts, catalog, schema, table);
    bool there = code == TARN_OK && tarn_catalog_has_schema(cx, s->lake->catalog, *catalog, *schema);
    if (there || ref_of(name->part[name->n_parts - 1]) || !is_of_table(cx, s, NULL, name)) return code;
    const char *owner = name->part[name->n_parts - 2], *last = name->part[name->n_parts - 1];
    return tarn_fail(cx, TARN_INVALID, "%s.%s: %s is a table, and what lies below it is metadata, which is read-only",
                     owner, last, owner);
}

static char *absolute(tarn_cx *cx, const char *path) {
    char cwd[PATH_MAX];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    if (strncmp(path, "file://", 7) == 0) return tarn_arena_strndup(cx->arena, path + 7, n - 7);
    if (strstr(path, "://") || path[0] == '/' || !getcwd(cwd, sizeof cwd))
        return tarn_arena_strndup(cx->arena, path, n);
    while (n > 2 && path[0] == '.' && path[1] == '/') path += 2, n -= 2;
    return tarn_printf(cx, "%s/%.*s", cwd, (int)n, path);
}

static tarn_code open_location(tarn_cx *cx, tarn_session *s, const char *location, const char *format_name,
                               const char *name, const tarn_table_home *home, const tarn_table **out) {
    const tarn_format *format = NULL;
    if (format_name) TRY(tarn_format_find(cx, tarn_str_of(format_name), &format));
    return tarn_tables_open(cx, s->lake->tables, absolute(cx, location), format, name, home, out);
}

/* A path's version suffix, as Delta spells it: …@v3. */
static const char *split_version(tarn_cx *cx, const char *path, tarn_at *at) {
    const char *mark = strrchr(path, '@');
    int64_t version;
    if (!mark || mark[1] != 'v' || at->kind != TARN_AT_LATEST || !tarn_parse_i64(tarn_str_of(mark + 2), &version) ||
        access(path, F_OK) == 0)
        return path;
    *at = (tarn_at){.kind = TARN_AT_VERSION, .version = version};
    return tarn_arena_strndup(cx->arena, path, (size_t)(mark - path));
}

static tarn_code take_snapshot(tarn_cx *cx, tarn_session *s, const tarn_at *at, tarn_opened *out) {
    if (at->kind == TARN_AT_LATEST && s->txn) return tarn_txn_snapshot(cx, s, out->table, NULL, &out->snapshot);
    if (at->kind == TARN_AT_REF && s->txn) return tarn_txn_snapshot(cx, s, out->table, at->ref, &out->snapshot);
    return tarn_tables_snapshot(cx, s->lake->tables, out->table, at, &out->snapshot);
}

static tarn_code find_entry(tarn_cx *cx, tarn_session *s, const tarn_catalog_entry *entry, tarn_opened *out) {
    const char *name = tarn_printf(cx, "%s.%s.%s", entry->catalog, entry->schema, entry->name);
    const char *location = entry->location;
    if (entry->kind == TARN_ENTRY_VIEW) return tarn_fail(cx, TARN_INVALID, "%s is a view, not a table", name);
    if (entry->managed && location[0] != '/' && !strstr(location, "://"))
        location = tarn_printf(cx, "%s/%s", s->lake->root, location);
    tarn_table_home home = {s->lake->catalog, entry->id};
    out->entry = *entry;
    return open_location(cx, s, location, entry->format, name, &home, &out->table);
}

/* *at takes the version a path may end in. */
static tarn_code find_table(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_at *at, tarn_opened *out) {
    const char *catalog, *schema, *table;
    tarn_catalog_entry entry;
    tarn_table_home nowhere = {0};
    if (name->path) {
        const char *path = split_version(cx, name->path, at);
        if (name->n_parts > 1)
            return tarn_fail(cx, TARN_INVALID, "write a path as format.`path`, with one word before it");
        return open_location(cx, s, path, name->n_parts ? name->part[0] : NULL, NULL, &nowhere, &out->table);
    }
    TRY(tarn_session_name(cx, s, name, &catalog, &schema, &table));
    TRY(tarn_catalog_resolve(cx, s->lake->catalog, catalog, schema, table, &entry));
    return find_entry(cx, s, &entry, out);
}

/* format.`path`.files: the part before the last is a path. */
static bool names_path_metadata(const tarn_name *name) {
    int at = name->n_parts - 2;
    return !name->path && at >= 0 && name->quoted[at] && strpbrk(name->part[at], "/:");
}

/* The name without its last part: a table's, or a path. */
static tarn_name owner_of(const tarn_name *name) {
    tarn_name table = *name;
    table.n_parts--;
    if (names_path_metadata(name)) table.path = table.part[--table.n_parts];
    return table;
}

/* A table of that name, or a branch or tag of one: *ref, NULL for the table itself. *at as of find_table. */
static tarn_code find_ref(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_at *at, tarn_opened *out,
                          const char **ref) {
    const char *part = name->n_parts > 1 && !name->path ? ref_of(name->part[name->n_parts - 1]) : NULL;
    bool whole = !part || (name->n_parts < 4 && !names_path_metadata(name));
    tarn_code code = whole ? find_table(cx, s, name, at, out) : TARN_NOTFOUND;
    *ref = NULL;
    if (!part || code != TARN_NOTFOUND) return code;
    tarn_name table = owner_of(name);
    tarn_clear_error(cx);
    if (at->kind != TARN_AT_LATEST)
        return tarn_hint(cx,
                         tarn_fail(cx, TARN_INVALID, "%s is a version already: AS OF goes with the table's own name",
                                   name->part[name->n_parts - 1]),
                         "ALTER TABLE … CREATE OR REPLACE BRANCH … AS OF VERSION n moves a branch");
    if (strcmp(part, "main") != 0) *ref = part;
    return find_table(cx, s, &table, at, out);
}

tarn_code tarn_session_find_table(tarn_cx *cx, tarn_session *s, const tarn_name *name, const tarn_table **out,
                                  const char **ref) {
    tarn_opened opened = {0};
    tarn_at latest = {.kind = TARN_AT_LATEST};
    TRY(find_ref(cx, s, name, &latest, &opened, ref));
    *out = opened.table;
    return TARN_OK;
}

tarn_code tarn_session_open_table(tarn_cx *cx, tarn_session *s, const tarn_name *name, const tarn_at *at,
                                  tarn_opened *out) {
    tarn_opened opened = {0};
    tarn_at when = *at;
    const char *ref;
    TRY(find_ref(cx, s, name, &when, &opened, &ref));
    if (ref) when = (tarn_at){.kind = TARN_AT_REF, .ref = ref};
    TRY(take_snapshot(cx, s, &when, &opened));
    *out = opened;
    return TARN_OK;
}

void tarn_opened_done(tarn_opened *opened) {
    tarn_snapshot_release(opened->snapshot);
    opened->snapshot = NULL;
}

tarn_code tarn_session_new_table(tarn_cx *cx, tarn_session *s, const char *format, const char *location,
                                 const char *name, const tarn_table **out) {
    tarn_table_home home = {name ? s->lake->catalog : NULL, 0};
    return open_location(cx, s, location, format, name, &home, out);
}

tarn_code tarn_session_absolute(tarn_cx *cx, const char *path, const char **out) {
    if (!*path) return tarn_fail(cx, TARN_INVALID, "a location cannot be empty");
    *out = absolute(cx, path);
    return TARN_OK;
}

static tarn_code holds_files(tarn_cx *cx, tarn_store *store, const char *prefix, bool *out) {
    tarn_list_spec one = {.prefix = prefix, .limit = 1, .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_FILES)};
    tarn_entry_list found = {0};
    TRY(tarn_store_list(cx, store, &one, cx->arena, &found));
    *out = found.n > 0;
    return TARN_OK;
}

/* Whether a path is a folder: where there are none, a key that others begin with. */
static tarn_code is_folder(tarn_cx *cx, const char *path, bool *out) {
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    *out = path[0] == '/' && access(tarn_printf(cx, "%s/.", path), F_OK) == 0;
    if (path[0] == '/' || !tarn_store_driver_for(tarn_str_of(path))) return TARN_OK;
    TRY(tarn_store_open(cx, path, &store));
    return holds_files(cx, store, "", out);
}

tarn_code tarn_session_place(tarn_cx *cx, tarn_session *s, const char *catalog, const char *schema, const char *table,
                             char **location) {
    tarn_auto_buf safe = TARN_BUF(4096);
    const char *parts[] = {catalog, schema, table};
    for (int i = 0; i < 3; i++) {
        if (i) tarn_buf_putc(&safe, '/');
        for (const char *p = parts[i]; *p; p++) {
            /* What parts paths, and what DuckDB takes for a wildcard or a URI's query. */
            bool plain =
                !strchr("/%\\?#*[]", *p) && (unsigned char)*p >= ' ' && !(p == parts[i] && (*p == '.' || *p == '_'));
            if (plain)
                tarn_buf_putc(&safe, *p);
            else
                tarn_buf_printf(&safe, "%%%02X", (unsigned char)*p);
        }
    }
    if (safe.failed) return tarn_fail(cx, TARN_LIMIT, "the table's name is too long for a folder");
    char *place = tarn_buf_take(&safe, cx->arena);
    for (int i = 0; i < 100; i++) {
        unsigned char salt[4];
        tarn_random(cx, salt, sizeof salt);
        char *candidate =
            i == 0 ? place : tarn_printf(cx, "%s-%02x%02x%02x%02x", place, salt[0], salt[1], salt[2], salt[3]);
        bool taken;
        TRY(holds_files(cx, s->lake->store, tarn_printf(cx, "%s/", candidate), &taken));
        if (!taken) {
            *location = candidate;
            return TARN_OK;
        }
    }
    return tarn_fail(cx, TARN_EXISTS, "no free folder for table %s below %s", table, s->lake->root);
}

/* parquet.`x`, csv.`x`, json.`x`: files, not tables of a format; *out is NULL for another name. */
static tarn_code file_reader(tarn_cx *cx, tarn_session *s, const tarn_name *name, const char **out) {
    static const struct {
        const char *word, *sql;
    } readers[] = {{"parquet", "read_parquet"}, {"csv", "read_csv"}, {"json", "read_json"}, {"text", "read_text"}};
    for (size_t i = 0; name->path && name->n_parts == 1 && i < sizeof readers / sizeof *readers; i++) {
        if (!tarn_name_eq(name->part[0], readers[i].word)) continue;
        const char *path = absolute(cx, name->path);
        bool folder = false;
        if (i == 0 && !strpbrk(path, "*?[")) TRY(is_folder(cx, path, &folder));
        if (folder) path = tarn_printf(cx, "%s/**/*.parquet", path);
        TRY(tarn_data_reach_uri(cx, s->lake->engine, tarn_str_of(path)));
        *out = tarn_printf(cx, "%s(%s)", readers[i].sql, tarn_sql_string(cx->arena, path));
        return TARN_OK;
    }
    *out = NULL;
    return TARN_OK;
}

static tarn_code give_table(tarn_opened *opened, tarn_relation *out) {
    *out = (tarn_relation){.kind = TARN_REL_TABLE, .snapshot = opened->snapshot};
    return TARN_OK;
}

/* All three parts: columns may be qualified with more of them than the query's FROM wrote. */
static const tarn_name *full_name(tarn_cx *cx, const tarn_catalog_entry *entry) {
    tarn_name *name = TARN_NEW(cx->arena, tarn_name);
    *name = (tarn_name){.part = {entry->catalog, entry->schema, entry->name}, .n_parts = 3};
    return name;
}

static tarn_code resolve_entry(tarn_cx *cx, tarn_session *s, const tarn_catalog_entry *entry, const tarn_at *at,
                               tarn_relation *out) {
    if (entry->kind == TARN_ENTRY_VIEW) {
        view_place *place = TARN_NEW(cx->arena, view_place);
        if (at->kind != TARN_AT_LATEST)
            return tarn_fail(cx, TARN_INVALID, "%s.%s is a view: put the version on the tables it reads", entry->schema,
                             entry->name);
        *place = (view_place){entry->default_catalog, entry->default_schema};
        *out = (tarn_relation){.kind = TARN_REL_VIEW, .sql = entry->sql, .view_state = place};
        out->known_as = full_name(cx, entry);
        return TARN_OK;
    }
    tarn_opened opened = {0};
    TRY(find_entry(cx, s, entry, &opened));
    TRY(take_snapshot(cx, s, at, &opened));
    TRY(give_table(&opened, out));
    out->known_as = full_name(cx, entry);
    return TARN_OK;
}

static tarn_code metadata_rows(tarn_cx *cx, const tarn_opened *opened, const char *name, tarn_relation *out) {
    tarn_rowset *rows = NULL;
    TRY(tarn_snapshot_metadata_table(cx, opened->snapshot, name, &rows));
    const tarn_metadata_table *metadata = rows ? NULL : tarn_metadata_find(name);
    if (!rows && !metadata)
        return tarn_fail(cx, TARN_NOTFOUND, "there is no metadata table %s of %s tables", name,
                         opened->snapshot->format->title);
    if (metadata && metadata->source) {
        TRY(metadata->source(cx, opened, &out->source));
        out->kind = TARN_REL_SOURCE;
        return TARN_OK;
    }
    if (metadata) TRY(metadata->rows(cx, opened, &rows));
    tarn_code code = tarn_rowset_stream(cx, &rows, &out->rows);
    if (code == TARN_OK) out->kind = TARN_REL_ROWS;
    tarn_rowset_free(rows);
    return code;
}

/* "t.files": the metadata of table t. "t.tag_x": the table as it is there. */
static tarn_code resolve_metadata(tarn_cx *cx, tarn_session *s, const tarn_name *name, const tarn_at *at,
                                  tarn_relation *out) {
    const char *last = name->part[name->n_parts - 1];
    tarn_name table = owner_of(name);
    tarn_opened opened;
    bool ref = ref_of(last) != NULL;
    TRY(tarn_session_open_table(cx, s, ref ? name : &table, at, &opened));
    if (ref) return give_table(&opened, out);
    tarn_code code = metadata_rows(cx, &opened, last, out);
    tarn_opened_done(&opened);
    return code;
}

static tarn_code resolve_information(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_relation *out) {
    tarn_rowset *rows = NULL;
    TRY(tarn_information_rows(cx, s, name, &rows));
    if (!rows) return TARN_OK;
    tarn_code code = tarn_rowset_stream(cx, &rows, &out->rows);
    if (code == TARN_OK) out->kind = TARN_REL_ROWS;
    tarn_rowset_free(rows);
    return code;
}

/* A table is a folder; a dot in its name or above it makes no file of it. */
static tarn_code is_file(tarn_cx *cx, const char *path, bool *out) {
    const char *slash = strrchr(path, '/');
    bool folder = false;
    *out = strchr(slash ? slash : path, '.') != NULL;
    if (*out) TRY(is_folder(cx, absolute(cx, path), &folder));
    *out = *out && !folder;
    return TARN_OK;
}

static tarn_code resolve(tarn_cx *cx, void *state, void *view_state, const tarn_name *name, const tarn_at *at,
                         tarn_relation *out) {
    tarn_session *s = state;
    const char *catalog, *schema, *table, *reader;
    tarn_catalog_entry entry;
    *out = (tarn_relation){0};
    if (name->path && name->n_parts == 1 && tarn_name_eq(name->part[0], "avro") && at->kind == TARN_AT_LATEST)
        return tarn_session_avro(cx, &name->path, 1, out);
    TRY(file_reader(cx, s, name, &reader));
    if (reader) {
        *out = (tarn_relation){.kind = TARN_REL_SQL, .sql = reader};
        return TARN_OK;
    }
    if (name->path && name->n_parts == 0 && at->kind == TARN_AT_LATEST) {
        bool file;
        TRY(is_file(cx, name->path, &file));
        if (file) return TARN_OK; /* 'x.csv': DuckDB reads it */
    }
    if (name->path) {
        tarn_opened opened;
        TRY(tarn_session_open_table(cx, s, name, at, &opened));
        return give_table(&opened, out);
    }
    if (name->n_parts > 3 || names_path_metadata(name)) return resolve_metadata(cx, s, name, at, out);
    TRY(complete(cx, s, view_state, (const char *const *)name->part, name->n_parts, &catalog, &schema, &table));
    bool callers = !view_state && name->n_parts == 1; /* a view means the same whoever reads it */
    tarn_code code = tarn_catalog_resolve(cx, s->lake->catalog, catalog, schema, table, &entry);
    if (code == TARN_OK && callers && tarn_sources_has(s, table))
        return tarn_fail(cx, TARN_INVALID, "%s is both a table and rows passed in: write %s.%s for the table", table,
                         schema, table);
    if (code == TARN_OK) return resolve_entry(cx, s, &entry, at, out);
    if (code != TARN_NOTFOUND) return code;
    tarn_error missing = cx->error;
    tarn_clear_error(cx);
    TRY(resolve_information(cx, s, name, out));
    if (out->kind != TARN_REL_NONE || tarn_session_is_engine_name(name)) return TARN_OK;
    if (name->n_parts > 1 && (code = resolve_metadata(cx, s, name, at, out)) != TARN_NOTFOUND) return code;
    if (is_of_table(cx, s, view_state, name) || (name->n_parts > 1 && (tarn_metadata_find(table) || ref_of(table))))
        return code;
    if (callers && (code = tarn_sources_open(cx, s, table, at, out)) != TARN_NOTFOUND) return code;
    cx->error = missing;
    return code;
}

/* delta_scan('path') and its like: a table by path. */
static tarn_code call(tarn_cx *cx, void *state, tarn_str function, tarn_str text, const tarn_at *at,
                      tarn_relation *out) {
    tarn_tokens tokens;
    const char *path;
    if (tarn_session_is_changes(function)) return tarn_session_changes(cx, state, function, text, out);
    if (tarn_str_ieq(function, TARN_LIT("read_avro"))) return tarn_session_read_avro(cx, text, out);
    TRY(tarn_lex(cx, text, &tokens));
    tarn_cursor c = {&tokens, 1};
    bool scan = tarn_str_ends(function, "_scan");
    if (!scan)
        return tarn_fail(cx, TARN_UNSUPPORTED, "the table function %.*s is not supported yet", (int)function.n,
                         function.p);
    TRY(tarn_expect(cx, &c, "("));
    TRY(tarn_parse_string(cx, &c, &path));
    if (tarn_peek(&c, ","))
        return tarn_fail(cx, TARN_UNSUPPORTED,
                         "%.*s takes a path and nothing else: VERSION AS OF or TIMESTAMP AS OF may follow it",
                         (int)function.n, function.p);
    TRY(tarn_expect(cx, &c, ")"));
    tarn_name name = {.n_parts = 1, .path = path};
    name.part[0] = tarn_arena_strndup(cx->arena, function.p, function.n - 5);
    return resolve(cx, state, NULL, &name, at, out);
}

void tarn_session_plan_env(tarn_cx *cx, tarn_session *s, tarn_conn *conn, tarn_plan_env *out) {
    *out = (tarn_plan_env){
        .engine = s->lake->engine, .conn = conn, .resolver = {s, resolve, call}, .now_us = tarn_now_us(cx)};
}
