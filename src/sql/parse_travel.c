/* parse_travel.c: the spellings of time travel. */
#include "sql/parse.h"

static size_t place(const tarn_cursor *c) { return c->tokens->tokens.at[c->i].at; }

static size_t end_before(const tarn_cursor *c) {
    const tarn_token *last = &c->tokens->tokens.at[c->i - 1];
    return last->at + last->n;
}

/* AT (VERSION => e), AT (TIMESTAMP => e), AT (OFFSET => seconds): DuckDB's and Snowflake's. */
static tarn_code parse_at(tarn_cx *cx, tarn_cursor *c, tarn_travel *out) {
    bool offset = false;
    tarn_accept(c, "AT (");
    if (tarn_accept(c, "VERSION|SNAPSHOT|TAG|BRANCH"))
        out->kind = 'v';
    else if (tarn_accept(c, "TIMESTAMP"))
        out->kind = 't';
    else if ((offset = tarn_accept(c, "OFFSET")))
        out->kind = 't';
    else
        return tarn_unexpected(cx, c, "VERSION, TIMESTAMP or OFFSET");
    TRY(tarn_expect(cx, c, "=>"));
    TRY(tarn_parse_extent(cx, c, ")", "an expression", &out->expr));
    if (offset) out->expr = tarn_str_of(tarn_printf(cx, "now() + to_seconds(%.*s)", (int)out->expr.n, out->expr.p));
    return tarn_expect(cx, c, ")");
}

tarn_code tarn_parse_travel(tarn_cx *cx, tarn_cursor *c, tarn_travel *out) {
    tarn_travel travel = {.at = place(c)};
    tarn_cursor at = *c;
    static const char version[] = "VERSION AS OF|FOR VERSION AS OF|SYSTEM_VERSION AS OF|FOR SYSTEM_VERSION AS OF";
    static const char timestamp[] = "TIMESTAMP AS OF|FOR TIMESTAMP AS OF|SYSTEM_TIME AS OF|FOR SYSTEM_TIME AS OF";
    if (tarn_accept(&at, version))
        travel.kind = 'v';
    else if (tarn_accept(&at, timestamp))
        travel.kind = 't';
    if (travel.kind) {
        TRY(tarn_parse_operand(cx, &at, false, travel.kind == 'v' ? "a version" : "a timestamp", &travel.expr));
    } else if (tarn_peek(&at, "AT (")) {
        TRY(parse_at(cx, &at, &travel));
    } else {
        *out = (tarn_travel){0};
        return TARN_OK;
    }
    travel.n = end_before(&at) - travel.at;
    *c = at;
    *out = travel;
    return TARN_OK;
}

static bool all_digits(const char *s) { return *s && s[strspn(s, "0123456789")] == 0; }

tarn_code tarn_name_travel(tarn_cx *cx, tarn_name *name, tarn_travel *out) {
    enum { STAMP_DIGITS = 17 }; /* yyyyMMddHHmmssSSS */
    *out = (tarn_travel){0};
    bool is_delta = name->path && name->n_parts == 1 && tarn_str_ieq(tarn_str_of(name->part[0]), TARN_LIT("delta"));
    const char *at = is_delta ? strrchr(name->path, '@') : NULL;
    if (!at || at == name->path) return TARN_OK;
    tarn_travel travel = {.at = name->at, .n = name->n};
    if (at[1] == 'v' && all_digits(at + 2)) {
        travel.kind = 'v';
        travel.expr = tarn_str_of(at + 2);
    } else if (all_digits(at + 1) && strlen(at + 1) == STAMP_DIGITS) {
        const char *s = at + 1;
        travel.kind = 't';
        travel.expr = tarn_str_of(
            tarn_printf(cx, "'%.4s-%.2s-%.2s %.2s:%.2s:%.2s.%.3s'", s, s + 4, s + 6, s + 8, s + 10, s + 12, s + 14));
    } else {
        return TARN_OK;
    }
    name->path = tarn_arena_strndup(cx->arena, name->path, (size_t)(at - name->path));
    *out = travel;
    return TARN_OK;
}
