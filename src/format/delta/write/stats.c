/* stats.c: statistics of a file as delta-spark writes them (1.10). */
#include "format/delta/write/write.h"

enum { INDEXED_LEAVES = 32, PREFIX_UNITS = 32 };

typedef struct stats_writer {
    tarn_jsonw *w;
    const tarn_map *leaves; /* dotted path: tarn_leaf_stats */
    tarn_arena *scratch;
    const tarn_delta_plan *plan;
    int64_t left;      /* leaves that are still indexed; < 0: no limit */
    const char *names; /* delta.dataSkippingStatsColumns, or NULL */
} stats_writer;

typedef enum what { MIN, MAX, NULLS } what;

/* The end of the first `units` UTF-16 units of s[at..), never inside a character. */
static size_t utf16_end(tarn_str s, size_t at, int units) {
    while (at < s.n && units > 0) {
        uint32_t c;
        size_t n = tarn_utf8_decode(s.p + at, s.n - at, &c);
        units -= c > 0xffff ? 2 : 1;
        if (units < 0) break;
        at += n ? n : 1;
    }
    return at;
}

/* delta-spark's truncation: a maximum that was cut gets a character above all that could follow. False: there is no
 * such text. */
static bool cut_text(tarn_str s, bool max, tarn_buf *out) {
    size_t end = utf16_end(s, 0, PREFIX_UNITS);
    if (end < s.n && max) {
        uint32_t c = 0;
        size_t stop = utf16_end(s, 0, 2 * PREFIX_UNITS), n;
        while (end < stop && (n = tarn_utf8_decode(s.p + end, s.n - end, &c)) > 0 && c == 0x10ffff) end += n;
        if (end >= stop) return false;
        tarn_buf_add(out, s.p, end);
        tarn_buf_puts(out, c < 0x7f ? "\x7f" : "\xf4\x8f\xbf\xbf");
        return true;
    }
    tarn_buf_add(out, s.p, end);
    return true;
}

/* False, and nothing written, for values that have no bounds in Delta. */
static bool stats_text(const tarn_value *v, bool max, tarn_buf *out, bool *quoted) {
    char text[TARN_TIME_TEXT];
    *quoted = true;
    switch (v->kind) {
    case TARN_STRING: return cut_text(v->s, max, out);
    case TARN_DATE: tarn_buf_add(out, text, (size_t)tarn_format_date((int32_t)v->i, text)); return true;
    case TARN_TIMESTAMP:
    case TARN_TIMESTAMP_NTZ: {
        /* cut towards the past; readers allow for the rest of the millisecond */
        int64_t ms = tarn_floor_div(v->i, 1000);
        int n = tarn_format_timestamp(ms * 1000, 'T', 3, v->kind == TARN_TIMESTAMP ? "Z" : "", text);
        tarn_buf_add(out, text, (size_t)n);
        return true;
    }
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32:
    case TARN_INT64:
    case TARN_DECIMAL:
        *quoted = false;
        tarn_value_text(out, v);
        return true;
    default: return false;
    }
}

static bool has_bound(const tarn_bounds *b, what w) {
    return w == MIN ? b->has_min && !b->min.null : b->has_max && !b->max.null;
}

static void write_leaf(stats_writer *sw, const char *key, const tarn_bounds *b, what w) {
    if (w == NULLS) {
        if (b->nulls >= 0) tarn_jsonw_key(sw->w, key), tarn_jsonw_int(sw->w, b->nulls);
        return;
    }
    if (!has_bound(b, w)) return;
    const tarn_value *v = w == MIN ? &b->min : &b->max;
    if (v->kind == TARN_FLOAT32 || v->kind == TARN_FLOAT64) {
        if (w == MAX && b->maybe_nan) return; /* a NaN would be the greatest value */
        tarn_jsonw_key(sw->w, key), tarn_jsonw_double(sw->w, v->f);
        return;
    }
    tarn_auto_buf text = TARN_BUF(1 << 20);
    bool quoted;
    if (!stats_text(v, w == MAX, &text, &quoted)) return;
    tarn_str s = {text.data ? text.data : "", text.n};
    tarn_jsonw_key(sw->w, key);
    if (quoted)
        tarn_jsonw_string(sw->w, s);
    else
        tarn_jsonw_raw(sw->w, s);
}

/* Whether "a" or "a.b" is in a list of columns like "a, `b c`, d.e", or below one that is. */
static bool named(const char *names, const char *path) {
    size_t n = strlen(path);
    for (const char *p = names; *p;) {
        while (*p == ' ' || *p == ',') p++;
        size_t at = 0;
        while (*p && *p != ',') {
            if (*p != '`' && *p != ' ')
                at = at < n && path[at] == *p ? at + 1 : SIZE_MAX / 2;
            else if (*p == ' ' && at < n && path[at] == ' ')
                at++;
            p++;
        }
        if (at == n || (at && at < n && path[at] == '.')) return true;
    }
    return false;
}

static bool is_partition(const tarn_delta_plan *plan, const char *name) {
    for (size_t i = 0; i < plan->meta.n_partition_columns; i++)
        if (tarn_name_eq(plan->meta.partition_columns[i], name)) return true;
    return false;
}

static void write_level(stats_writer *sw, const tarn_type *type, const char *prefix, what w) {
    tarn_jsonw_begin_object(sw->w);
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        if (!*prefix && is_partition(sw->plan, f->name)) continue;
        const char *path = *prefix ? tarn_arena_printf(sw->scratch, "%s.%s", prefix, f->name) : f->name;
        if (f->type->kind == TARN_STRUCT) {
            tarn_jsonw_key(sw->w, tarn_delta_physical(f));
            write_level(sw, f->type, path, w);
            continue;
        }
        bool indexed = sw->names ? named(sw->names, path) : sw->left != 0;
        if (!sw->names && sw->left > 0) sw->left--;
        const tarn_leaf_stats *leaf = indexed ? tarn_map_get(sw->leaves, tarn_str_of(path)) : NULL;
        if (leaf) write_leaf(sw, tarn_delta_physical(f), &leaf->bounds, w);
    }
    tarn_jsonw_end_object(sw->w);
}

void tarn_delta_write_stats(tarn_jsonw *w, const tarn_delta_plan *plan, const tarn_add *add) {
    static const char *const KEYS[] = {[MIN] = "minValues", [MAX] = "maxValues", [NULLS] = "nullCount"};
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    tarn_map leaves = {0};
    for (size_t i = 0; i < add->n_stats; i++)
        tarn_map_put(&leaves, scratch, tarn_str_of(add->stats[i].path), (void *)(uintptr_t)&add->stats[i]);
    tarn_auto_buf text = TARN_BUF(64u << 20);
    tarn_jsonw in = TARN_JSONW(&text);
    int64_t limit = tarn_delta_conf_int(&plan->meta, "delta.dataSkippingNumIndexedCols", INDEXED_LEAVES);
    tarn_jsonw_begin_object(&in);
    tarn_jsonw_key(&in, "numRecords"), tarn_jsonw_int(&in, add->rows);
    if (add->deletes) tarn_jsonw_key(&in, "tightBounds"), tarn_jsonw_bool(&in, false);
    for (what k = MIN; k <= NULLS; k++) {
        stats_writer sw = {.w = &in,
                           .leaves = &leaves,
                           .scratch = scratch,
                           .plan = plan,
                           .left = limit,
                           .names = tarn_delta_conf(&plan->meta, "delta.dataSkippingStatsColumns")};
        tarn_jsonw_key(&in, KEYS[k]);
        write_level(&sw, plan->schema, "", k);
    }
    tarn_jsonw_end_object(&in);
    if (tarn_buf_ok(&text)) tarn_jsonw_key(w, "stats"), tarn_jsonw_string(w, (tarn_str){text.data, text.n});
}

void tarn_delta_write_wide_stats(tarn_jsonw *w, tarn_str stats, int64_t rows) {
    static const char tight[] = "\"tightBounds\":true", wide[] = "\"tightBounds\":false";
    tarn_auto_buf text = TARN_BUF(stats.n + 256);
    const char *at = stats.p ? memmem(stats.p, stats.n, tight, sizeof tight - 1) : NULL;
    const char *end = stats.p ? memrchr(stats.p, '}', stats.n) : NULL;
    if (!end || end == stats.p + 1) {
        tarn_buf_printf(&text, "{\"numRecords\":%lld,%s}", (long long)rows, wide);
    } else if (at) {
        tarn_buf_add(&text, stats.p, (size_t)(at - stats.p));
        tarn_buf_puts(&text, wide);
        at += sizeof tight - 1;
        tarn_buf_add(&text, at, stats.n - (size_t)(at - stats.p));
    } else {
        tarn_buf_add(&text, stats.p, (size_t)(end - stats.p));
        if (!memmem(stats.p, stats.n, wide, sizeof wide - 1)) tarn_buf_printf(&text, ",%s", wide);
        tarn_buf_putc(&text, '}');
    }
    tarn_jsonw_key(w, "stats"), tarn_jsonw_string(w, (tarn_str){text.data, text.n});
}
