/* transform_text.c: partition transforms and their results as text: in SQL, and in the names of folders. */
#include "base/time.h"
#include "model/transform.h"

static const struct {
    const char *name;
    tarn_transform transform;
} NAMES[] = {{"bucket", TARN_BUCKET},       {"truncate", TARN_TRUNCATE},
             {"years", TARN_YEARS},         {"months", TARN_MONTHS},
             {"days", TARN_DAYS},           {"hours", TARN_HOURS},
             {"void", TARN_VOID_TRANSFORM}, {"unknown", TARN_OTHER_TRANSFORM}};

/* A member's path: each part is a name of its own. */
static void put_path(tarn_arena *arena, tarn_buf *out, const char *path) {
    for (const char *part = path; part;) {
        const char *dot = strchr(part, '.');
        tarn_buf_sql_name(out, tarn_arena_strndup(arena, part, dot ? (size_t)(dot - part) : strlen(part)));
        if (dot) tarn_buf_putc(out, '.');
        part = dot ? dot + 1 : NULL;
    }
}

void tarn_partition_sql(tarn_arena *arena, tarn_buf *out, const tarn_schema *schema, const tarn_partition_by *by) {
    const char *name = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (NAMES[i].transform == by->transform) name = NAMES[i].name;
    bool numbered = by->transform == TARN_BUCKET || by->transform == TARN_TRUNCATE;
    if (name) tarn_buf_printf(out, "%s(", name);
    if (numbered) tarn_buf_printf(out, "%d, ", by->param);
    if (tarn_schema_find(schema, tarn_str_of(by->column)) >= 0)
        tarn_buf_sql_name(out, by->column);
    else
        put_path(arena, out, by->column);
    if (name) tarn_buf_putc(out, ')');
}

void tarn_transform_text(tarn_buf *out, tarn_transform transform, const tarn_value *value) {
    int64_t n = value->i;
    if (value->null) return tarn_buf_puts(out, "null");
    switch (transform) {
    case TARN_YEARS: return tarn_buf_printf(out, "%04lld", (long long)(n + 1970));
    case TARN_MONTHS:
        return tarn_buf_printf(out, "%04lld-%02d", (long long)(1970 + tarn_floor_div(n, 12)),
                               (int)(n - tarn_floor_div(n, 12) * 12) + 1);
    case TARN_HOURS: {
        tarn_value day = {.kind = TARN_DATE, .i = tarn_floor_div(n, 24)};
        tarn_value_text(out, &day);
        return tarn_buf_printf(out, "-%02d", (int)(n - day.i * 24));
    }
    default: return tarn_value_text(out, value);
    }
}

/* What stands before and behind the last hyphen. */
static bool split(tarn_str text, tarn_str *before, int64_t *behind) {
    const char *hyphen = text.n ? memrchr(text.p, '-', text.n) : NULL;
    if (!hyphen) return false;
    *before = (tarn_str){text.p, (size_t)(hyphen - text.p)};
    return tarn_parse_i64((tarn_str){hyphen + 1, text.n - before->n - 1}, behind);
}

bool tarn_transform_parse_text(tarn_str text, tarn_transform transform, const tarn_type *source, tarn_arena *arena,
                               tarn_value *out) {
    const tarn_type date = {.kind = TARN_DATE}, number = {.kind = TARN_INT32};
    tarn_value v = {.kind = tarn_transform_kind(transform, source->kind)}, day;
    tarn_str before;
    int64_t n;
    switch (transform) {
    case TARN_YEARS:
        if (!tarn_parse_i64(text, &n)) return false;
        v.i = n - 1970;
        break;
    case TARN_MONTHS:
        if (!split(text, &before, &n) || n < 1 || n > 12 || !tarn_parse_i64(before, &v.i)) return false;
        v.i = (v.i - 1970) * 12 + n - 1;
        break;
    case TARN_HOURS:
        if (!split(text, &before, &n) || n < 0 || n > 23) return false;
        if (!tarn_value_parse(before, &date, arena, &day)) return false;
        v.i = day.i * 24 + n;
        break;
    case TARN_DAYS: return tarn_value_parse(text, &date, arena, out);
    case TARN_BUCKET: return tarn_value_parse(text, &number, arena, out);
    case TARN_IDENTITY:
    case TARN_TRUNCATE: return tarn_value_parse(text, source, arena, out);
    default: return false;
    }
    *out = v;
    return v.i >= INT32_MIN && v.i <= INT32_MAX;
}
