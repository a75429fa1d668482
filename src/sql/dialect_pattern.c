/* dialect_pattern.c: date patterns of Spark (yyyy-MM-dd), Snowflake (YYYY-MM-DD HH24:MI) and MySQL (%Y-%m-%d %H:%i) as
 * DuckDB's strftime ones. */
#include "sql/rewrite.h"

typedef struct letters {
    const char *from, *to;
} letters;

/* Longest first within a letter. Spark: Datetime Patterns for Formatting and Parsing. */
static const letters spark[] = {
    {"yyyy", "%Y"}, {"yy", "%y"},  {"y", "%Y"},   {"uuuu", "%Y"}, {"MMMM", "%B"},   {"MMM", "%b"}, {"MM", "%m"},
    {"M", "%-m"},   {"dd", "%d"},  {"d", "%-d"},  {"HH", "%H"},   {"H", "%-H"},     {"hh", "%I"},  {"h", "%-I"},
    {"mm", "%M"},   {"m", "%-M"},  {"ss", "%S"},  {"s", "%-S"},   {"SSSSSS", "%f"}, {"SSS", "%g"}, {"a", "%p"},
    {"EEEE", "%A"}, {"EEE", "%a"}, {"EE", "%a"},  {"E", "%a"},    {"DDD", "%j"},    {"D", "%-j"},  {"XXX", "%z"},
    {"XX", "%z"},   {"X", "%z"},   {"xxx", "%z"}, {"Z", "%z"},    {"VV", "%Z"},     {"z", "%Z"},
};
static const letters snowflake[] = {
    {"YYYY", "%Y"}, {"YY", "%y"},   {"MMMM", "%B"}, {"MM", "%m"},     {"MON", "%b"},     {"MI", "%M"},  {"DD", "%d"},
    {"DY", "%a"},   {"HH24", "%H"}, {"HH12", "%I"}, {"HH", "%H"},     {"SS", "%S"},      {"FF3", "%g"}, {"FF6", "%f"},
    {"FF", "%f"},   {"AM", "%p"},   {"PM", "%p"},   {"TZHTZM", "%z"}, {"TZH:TZM", "%z"}, {"T", "T"},
};
/* Where MySQL's letters differ from strftime's. */
static const letters mysql[] = {{"%i", "%M"},  {"%s", "%S"}, {"%M", "%B"}, {"%T", "%H:%M:%S"}, {"%e", "%-d"},
                                {"%c", "%-m"}, {"%h", "%I"}, {"%W", "%A"}, {"%k", "%-H"}};

static const letters *find(const letters *table, size_t n, const char *at, bool fold) {
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(table[i].from);
        tarn_str from = {table[i].from, length};
        if (strnlen(at, length) < length) continue;
        tarn_str here = {at, length};
        if (fold ? tarn_str_ieq(here, from) : tarn_str_eq(here, from)) return &table[i];
    }
    return NULL;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static char *convert_mysql(tarn_cx *cx, const char *pattern) {
    tarn_auto_buf out = TARN_BUF(4096);
    for (const char *p = pattern; *p;) {
        const letters *found = find(mysql, sizeof mysql / sizeof *mysql, p, false);
        size_t n = *p == '%' && p[1] ? 2 : 1;
        if (found)
            tarn_buf_puts(&out, found->to);
        else
            tarn_buf_add(&out, p, n);
        p += n;
    }
    return tarn_buf_ok(&out) ? tarn_buf_take(&out, cx->arena) : NULL;
}

/* A quoted part stands for itself, '' for a quote. Returns where it ends; NULL when it does not. */
static const char *copy_quoted(tarn_buf *out, const char *p) {
    char quote = *p++;
    if (*p == quote) {
        tarn_buf_putc(out, quote);
        return p + 1;
    }
    for (; *p && *p != quote; p++) tarn_buf_putc(out, *p);
    return *p ? p + 1 : NULL;
}

char *tarn_dialect_pattern(tarn_cx *cx, const char *pattern) {
    if (!*pattern) return NULL;
    if (strchr(pattern, '%')) return convert_mysql(cx, pattern);
    bool upper = strstr(pattern, "YY") || strstr(pattern, "HH24") || strstr(pattern, "MI");
    const letters *table = upper ? snowflake : spark;
    size_t n = upper ? sizeof snowflake / sizeof *snowflake : sizeof spark / sizeof *spark;
    tarn_auto_buf out = TARN_BUF(4096);
    for (const char *p = pattern; *p;) {
        if (*p == '\'' || *p == '"') {
            p = copy_quoted(&out, p);
            if (!p) return NULL;
            continue;
        }
        const letters *found = find(table, n, p, upper);
        if (!found && (is_letter(*p) || strchr("[]#{}", *p))) return NULL;
        if (found)
            tarn_buf_puts(&out, found->to);
        else
            tarn_buf_putc(&out, *p);
        p += found ? strlen(found->from) : 1;
    }
    return tarn_buf_ok(&out) ? tarn_buf_take(&out, cx->arena) : NULL;
}
