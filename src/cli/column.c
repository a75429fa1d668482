/* column.c: works out what an Arrow schema says (Arrow C data interface, "Data type description -- format strings"). */
#include "column.h"

#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 100 };

/* The formats without parameters. */
static const struct {
    char format[4];
    cli_kind kind;
    int width, digits;
} plain[] = {
    {"n", CLI_K_NULL, 0, 0},        {"b", CLI_K_BOOL, 0, 0},
    {"c", CLI_K_INT, 1, 0},         {"C", CLI_K_UINT, 1, 0},
    {"s", CLI_K_INT, 2, 0},         {"S", CLI_K_UINT, 2, 0},
    {"i", CLI_K_INT, 4, 0},         {"I", CLI_K_UINT, 4, 0},
    {"l", CLI_K_INT, 8, 0},         {"L", CLI_K_UINT, 8, 0},
    {"e", CLI_K_FLOAT, 2, 0},       {"f", CLI_K_FLOAT, 4, 0},
    {"g", CLI_K_FLOAT, 8, 0},       {"z", CLI_K_BINARY, 4, 0},
    {"Z", CLI_K_BINARY, 8, 0},      {"vz", CLI_K_BINARY, 16, 0},
    {"u", CLI_K_TEXT, 4, 0},        {"U", CLI_K_TEXT, 8, 0},
    {"vu", CLI_K_TEXT, 16, 0},      {"tdD", CLI_K_DATE, 4, 0},
    {"tdm", CLI_K_DATE, 8, 0},      {"tts", CLI_K_TIME, 4, 0},
    {"ttm", CLI_K_TIME, 4, 3},      {"ttu", CLI_K_TIME, 8, 6},
    {"ttn", CLI_K_TIME, 8, 9},      {"tDs", CLI_K_DURATION, 8, 0},
    {"tDm", CLI_K_DURATION, 8, 3},  {"tDu", CLI_K_DURATION, 8, 6},
    {"tDn", CLI_K_DURATION, 8, 9},  {"tiM", CLI_K_MONTHS, 4, 0},
    {"tiD", CLI_K_DAY_MS, 8, 3},    {"tin", CLI_K_MONTH_DAY_NS, 16, 9},
    {"+l", CLI_K_LIST, 4, 0},       {"+L", CLI_K_LIST, 8, 0},
    {"+vl", CLI_K_LIST_VIEW, 4, 0}, {"+vL", CLI_K_LIST_VIEW, 8, 0},
    {"+s", CLI_K_STRUCT, 0, 0},     {"+m", CLI_K_MAP, 4, 0},
};

static bool parse_decimal(const char *s, cli_type *t) {
    int precision, bits = 128;
    if (sscanf(s, "%d,%d,%d", &precision, &t->scale, &bits) < 2 || t->scale < -76 || t->scale > 76) return false;
    t->kind = CLI_K_DECIMAL;
    t->width = bits / 8;
    /* DuckDB's HUGEINT, what sum() of integers gives, comes as DECIMAL(38,0). */
    t->is_integer = precision == 38 && t->scale == 0;
    return bits == 32 || bits == 64 || bits == 128 || bits == 256;
}

static bool parse_timestamp(const char *s, cli_type *t) {
    static const char units[] = "s..m..u..n";
    const char *unit = s[0] ? strchr(units, s[0]) : NULL;
    if (!unit || *unit == '.' || s[1] != ':') return false;
    t->kind = CLI_K_TIMESTAMP;
    t->width = 8;
    t->digits = (int)(unit - units);
    t->zoned = s[2] != 0;
    return true;
}

static bool parse_union(const char *s, cli_type *t) {
    t->kind = CLI_K_UNION;
    t->dense = s[0] == 'd';
    memset(t->members, -1, sizeof t->members);
    s += s[0] && s[1] == ':' ? 2 : 0;
    for (signed char member = 0; *s && member < 127; member++) {
        char *end;
        long id = strtol(s, &end, 10);
        if (end == s || id < 0 || id > 127) return false;
        t->members[id] = member;
        s = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool parse_size(const char *s, cli_kind kind, cli_type *t) {
    char *end;
    long n = strtol(s, &end, 10);
    if (end == s || *end || n < 0 || n > INT32_MAX) return false;
    t->kind = kind;
    t->width = (int)n;
    return true;
}

static bool parse_format(const char *s, cli_type *t) {
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(plain[i].format, s) != 0) continue;
        t->kind = plain[i].kind;
        t->width = plain[i].width;
        t->digits = plain[i].digits;
        return true;
    }
    if (strncmp(s, "d:", 2) == 0) return parse_decimal(s + 2, t);
    if (strncmp(s, "ts", 2) == 0) return parse_timestamp(s + 2, t);
    if (strncmp(s, "w:", 2) == 0) return parse_size(s + 2, CLI_K_FIXED, t);
    if (strncmp(s, "+w:", 3) == 0) return parse_size(s + 3, CLI_K_FIXED_LIST, t);
    return strncmp(s, "+u", 2) == 0 && parse_union(s + 2, t);
}

static int32_t read_length(const char **p) {
    int32_t n;
    memcpy(&n, *p, sizeof n);
    *p += sizeof n;
    return n;
}

/* "Extension types": the name is one of the metadata's pairs. */
static bool is_extension(const char *metadata, const char *name) {
    static const char key[] = "ARROW:extension:name";
    if (!metadata) return false;
    for (int32_t n = read_length(&metadata); n > 0; n--) {
        int32_t key_length = read_length(&metadata);
        bool found = key_length == sizeof key - 1 && memcmp(metadata, key, sizeof key - 1) == 0;
        metadata += key_length;
        int32_t length = read_length(&metadata);
        if (found) return (size_t)length == strlen(name) && memcmp(metadata, name, (size_t)length) == 0;
        metadata += length;
    }
    return false;
}

static size_t children_wanted(cli_kind kind, size_t given) {
    if (kind == CLI_K_STRUCT || kind == CLI_K_UNION) return given;
    return kind == CLI_K_LIST || kind == CLI_K_LIST_VIEW || kind == CLI_K_FIXED_LIST || kind == CLI_K_MAP;
}

static tarn_code fill_type(const struct ArrowSchema *schema, cli_type *t, int depth, tarn_error *error);

static tarn_code fill_children(struct ArrowSchema **schemas, size_t n, cli_type *t, int depth, tarn_error *error) {
    t->children = calloc(n + 1, sizeof *t->children);
    if (!t->children) return cli_error(error, TARN_NOMEM, "out of memory for %zu columns", n);
    t->n_children = n;
    for (size_t i = 0; i < n; i++) {
        tarn_code code = fill_type(schemas[i], &t->children[i], depth + 1, error);
        if (code != TARN_OK) return code;
    }
    return TARN_OK;
}

static tarn_code fill_type(const struct ArrowSchema *schema, cli_type *t, int depth, tarn_error *error) {
    const char *format = schema->format ? schema->format : "", *name = schema->name ? schema->name : "";
    t->name = strdup(name);
    if (!t->name) return cli_error(error, TARN_NOMEM, "out of memory for a column");
    if (depth > NESTING_MAX)
        return cli_error(error, TARN_LIMIT, "column \"%s\" is nested deeper than %d levels", name, NESTING_MAX);
    size_t n = (size_t)schema->n_children;
    if (!parse_format(format, t) || children_wanted(t->kind, n) != n)
        return cli_error(error, TARN_UNSUPPORTED,
                         "column \"%s\": the Arrow type \"%s\" cannot be shown; cast it to VARCHAR", name, format);
    if (schema->dictionary) {
        if (t->kind != CLI_K_INT && t->kind != CLI_K_UINT)
            return cli_error(error, TARN_CORRUPT, "column \"%s\": a dictionary's index must be an integer", name);
        t->is_signed = t->kind == CLI_K_INT;
        t->kind = CLI_K_ENUM;
        return fill_children((struct ArrowSchema *[]){schema->dictionary}, 1, t, depth, error);
    }
    if (t->kind == CLI_K_FIXED && t->width == 16 && is_extension(schema->metadata, "arrow.uuid")) t->kind = CLI_K_UUID;
    if (t->kind == CLI_K_INT && t->width == 1 && is_extension(schema->metadata, "arrow.bool8")) t->kind = CLI_K_BOOL;
    return n ? fill_children(schema->children, n, t, depth, error) : TARN_OK;
}

tarn_code cli_type_of(const struct ArrowSchema *schema, cli_type *out, tarn_error *error) {
    cli_type t = {0};
    tarn_code code = fill_type(schema, &t, 0, error);
    if (code == TARN_OK && t.kind != CLI_K_STRUCT)
        code = cli_error(error, TARN_CORRUPT, "the rows of an Arrow stream must be structs");
    if (code == TARN_OK)
        *out = t;
    else
        cli_type_free(&t);
    return code;
}

void cli_type_free(cli_type *t) {
    for (size_t i = 0; i < t->n_children; i++) cli_type_free(&t->children[i]);
    free(t->children);
    free(t->name);
    *t = (cli_type){0};
}

bool cli_is_number(const cli_type *t) {
    return t->kind == CLI_K_INT || t->kind == CLI_K_UINT || t->kind == CLI_K_FLOAT || t->kind == CLI_K_DECIMAL;
}
