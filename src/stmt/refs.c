/* refs.c: the clauses of ALTER TABLE for branches and tags. */
#include "stmt/stmts.h"

enum { AMOUNT_MAX = 10000000 };

static tarn_code parse_amount(tarn_cx *cx, tarn_cursor *c, int64_t *out) {
    TRY(tarn_parse_int(cx, c, out));
    if (*out >= 1 && *out <= AMOUNT_MAX) return TARN_OK;
    return tarn_fail(cx, TARN_INVALID, "a retention takes 1 to %d", AMOUNT_MAX);
}

static tarn_code parse_unit(tarn_cx *cx, tarn_cursor *c, int64_t amount, int64_t *ms) {
    if (tarn_accept(c, "DAYS|DAY"))
        *ms = amount * 86400000;
    else if (tarn_accept(c, "HOURS|HOUR"))
        *ms = amount * 3600000;
    else if (tarn_accept(c, "MINUTES|MINUTE"))
        *ms = amount * 60000;
    else
        return tarn_unexpected(cx, c, "DAYS, HOURS or MINUTES");
    return TARN_OK;
}

/* WITH SNAPSHOT RETENTION 3 SNAPSHOTS 2 DAYS, or one of both. */
static tarn_code parse_retention(tarn_cx *cx, tarn_cursor *c, tarn_ref_change *out) {
    int64_t amount;
    if (!out->branch) return tarn_fail(cx, TARN_INVALID, "a tag is one snapshot: it has no snapshot retention");
    TRY(parse_amount(cx, c, &amount));
    if (!tarn_accept(c, "SNAPSHOTS|SNAPSHOT")) return parse_unit(cx, c, amount, &out->snapshot_age_ms_max);
    out->snapshots_min = amount;
    if (tarn_at_end(c)) return TARN_OK;
    TRY(parse_amount(cx, c, &amount));
    return parse_unit(cx, c, amount, &out->snapshot_age_ms_max);
}

static tarn_code parse_clauses(tarn_cx *cx, tarn_cursor *c, tarn_ref_change *out) {
    int64_t amount;
    if (tarn_accept(c, "AS OF VERSION")) {
        TRY(tarn_parse_int(cx, c, &out->version));
        if (out->version < 0) return tarn_fail(cx, TARN_INVALID, "AS OF VERSION takes a snapshot's id or number");
    }
    if (tarn_accept(c, "RETAIN")) {
        TRY(parse_amount(cx, c, &amount));
        TRY(parse_unit(cx, c, amount, &out->ref_age_ms_max));
    }
    return tarn_accept(c, "WITH SNAPSHOT RETENTION") ? parse_retention(cx, c, out) : TARN_OK;
}

tarn_code tarn_stmt_parse_ref(tarn_cx *cx, tarn_cursor *cursor, tarn_ref_change *out, bool *found) {
    tarn_ref_change ref = {
        .version = -1, .before_ms = -1, .ref_age_ms_max = -1, .snapshot_age_ms_max = -1, .snapshots_min = -1};
    tarn_cursor c = *cursor;
    bool drop = false;
    *found = false;
    if (tarn_accept(&c, "CREATE OR REPLACE"))
        ref.create = ref.replace = true;
    else if (tarn_accept(&c, "CREATE"))
        ref.create = true;
    else if (tarn_accept(&c, "REPLACE"))
        ref.replace = true;
    else
        drop = tarn_accept(&c, "DROP");
    if (!drop && !ref.create && !ref.replace) return TARN_OK;
    ref.branch = tarn_accept(&c, "BRANCH");
    if (!ref.branch && !tarn_accept(&c, "TAG")) return TARN_OK;
    if (drop && tarn_at_end(&c)) return TARN_OK; /* a column of that name */
    ref.lenient =
        (drop && tarn_accept(&c, "IF EXISTS")) || (ref.create && !ref.replace && tarn_accept(&c, "IF NOT EXISTS"));
    TRY(tarn_parse_ident(cx, &c, &ref.name));
    if (!drop) TRY(parse_clauses(cx, &c, &ref));
    *found = true;
    *cursor = c;
    *out = ref;
    return TARN_OK;
}
