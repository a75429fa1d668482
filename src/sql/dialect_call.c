/* dialect_call.c: foreign functions, as a table of what they are in DuckDB. */
#include "sql/rewrite.h"

enum { ARGS_MAX = 8, ANY_NUMBER = 127 };

/* What must hold of a call for its rule; most functions are recognised by their number of arguments. */
typedef enum call_condition {
    ALWAYS,
    UNIT_1,      /* the first argument is a unit of time: day or 'day' */
    UNIT_1_DATE, /* and the third is plainly a date, the unit a day or longer: the result is a date too */
    UNIT_1_DAYS, /* the unit is a day or longer: a date stays a date */
    BARE_UNIT_1, /* a unit as a word: 'day' is DuckDB's own form */
    BARE_UNIT_2, /* the last one, after something that is no string */
    BARE_UNIT_3,
    INTERVAL_2,
    INTERVAL_2_DAYS, /* in days or longer: a date stays a date */
    NUMBER_2,
    STRING_1,
    PATTERN_2, /* the second one is a date pattern as a literal */
    WITHIN,    /* WITHIN GROUP (ORDER BY …) follows */
    NO_FILTER, /* no FILTER follows */
    NO_QUERY_1
} call_condition;

/* `to` is the function's new name, or with = a text for the whole call: $1… arguments, $u unit, $f DuckDB's function of
 * the unit, $t its argument's type, $p pattern, $o the order of WITHIN GROUP, $v the first argument without DISTINCT.
 * */
static const struct call_rule {
    const char *name;
    signed char min, max;
    call_condition when;
    const char *to;
} rules[] = {
    {"DATEADD", 3, 3, UNIT_1_DATE, "=CAST(($3 + $f(CAST($2 AS $t))) AS DATE)"},
    {"DATEADD", 3, 3, UNIT_1_DAYS, "=cast_to_type(($3) + $f(CAST($2 AS $t)), $3)"},
    {"DATEADD", 3, 3, UNIT_1, "=(($3) + $f(CAST($2 AS $t)))"},
    {"DATE_ADD", 3, 3, UNIT_1_DATE, "=CAST(($3 + $f(CAST($2 AS $t))) AS DATE)"},
    {"DATE_ADD", 3, 3, UNIT_1_DAYS, "=cast_to_type(($3) + $f(CAST($2 AS $t)), $3)"},
    {"DATE_ADD", 3, 3, UNIT_1, "=(($3) + $f(CAST($2 AS $t)))"},
    {"DATE_ADD", 2, 2, NUMBER_2, "=(CAST($1 AS DATE) + ($2))"},
    {"TIMESTAMPADD", 3, 3, UNIT_1, "=(($3) + $f(CAST($2 AS $t)))"},
    {"DATE_SUB", 2, 2, INTERVAL_2_DAYS, "=cast_to_type(($1) - $2, $1)"},
    {"DATE_SUB", 2, 2, INTERVAL_2, "=(($1) - $2)"},
    {"DATE_SUB", 2, 2, ALWAYS, "=(CAST($1 AS DATE) - CAST($2 AS INTEGER))"},
    {"TIMESTAMP_ADD", 2, 2, INTERVAL_2, "=(($1) + $2)"},
    {"TIMESTAMP_SUB", 2, 2, INTERVAL_2, "=(($1) - $2)"},
    {"DATETIME_ADD", 2, 2, INTERVAL_2, "=(($1) + $2)"},
    {"DATETIME_SUB", 2, 2, INTERVAL_2, "=(($1) - $2)"},
    {"ADD_MONTHS", 2, 2, ALWAYS, "=CAST((CAST($1 AS DATE) + to_months(CAST($2 AS INTEGER))) AS DATE)"},
    {"DATEDIFF", 3, 3, BARE_UNIT_1, "=date_diff($u, $2, $3)"},
    {"DATEDIFF", 2, 2, ALWAYS, "=date_diff('day', CAST($2 AS DATE), CAST($1 AS DATE))"},
    {"DATE_DIFF", 3, 3, BARE_UNIT_1, "=date_diff($u, $2, $3)"},
    {"DATE_DIFF", 3, 3, BARE_UNIT_3, "=date_diff($u, $2, $1)"},
    {"DATE_DIFF", 2, 2, ALWAYS, "=date_diff('day', CAST($2 AS DATE), CAST($1 AS DATE))"},
    {"TIMESTAMPDIFF", 3, 3, UNIT_1, "=date_sub($u, $2, $3)"},
    {"TIMESTAMP_DIFF", 3, 3, BARE_UNIT_3, "=date_sub($u, $2, $1)"},
    {"DATETIME_DIFF", 3, 3, BARE_UNIT_3, "=date_diff($u, $2, $1)"},
    {"DATE_TRUNC", 2, 2, BARE_UNIT_1, "=date_trunc($u, $2)"},
    {"DATE_TRUNC", 2, 2, BARE_UNIT_2, "=date_trunc($u, $1)"},
    {"TIMESTAMP_TRUNC", 2, 2, BARE_UNIT_2, "=date_trunc($u, $1)"},
    {"DATE_PART", 2, 2, BARE_UNIT_1, "=date_part($u, $2)"},
    {"CURRENT_TIMESTAMP", 0, 1, ALWAYS, "=current_timestamp"},
    {"GETDATE", 0, 0, ALWAYS, "=current_timestamp"},
    {"SYSDATE", 0, 0, ALWAYS, "=current_timestamp"},
    {"LOCALTIMESTAMP", 0, 1, ALWAYS, "=localtimestamp"},
    {"CURRENT_DATETIME", 0, 0, ALWAYS, "=localtimestamp"},
    {"UNIX_TIMESTAMP", 0, 0, ALWAYS, "=CAST(epoch(current_timestamp) AS BIGINT)"},
    {"UNIX_TIMESTAMP", 1, 1, ALWAYS, "=CAST(epoch(CAST($1 AS TIMESTAMPTZ)) AS BIGINT)"},
    {"FROM_UNIXTIME", 1, 1, ALWAYS, "=strftime(to_timestamp($1), '%Y-%m-%d %H:%M:%S')"},
    {"UNIX_MILLIS", 1, 1, ALWAYS, "epoch_ms"},
    {"TO_TIMESTAMP", 2, 2, PATTERN_2, "=CAST(strptime(CAST($1 AS VARCHAR), $p) AS TIMESTAMPTZ)"},
    {"TO_TIMESTAMP", 1, 1, STRING_1, "=CAST($1 AS TIMESTAMPTZ)"},
    {"TO_TIMESTAMP_NTZ", 2, 2, PATTERN_2, "=strptime(CAST($1 AS VARCHAR), $p)"},
    {"TRY_TO_TIMESTAMP", 2, 2, PATTERN_2, "=CAST(try_strptime(CAST($1 AS VARCHAR), $p) AS TIMESTAMPTZ)"},
    {"TO_DATE", 1, 1, ALWAYS, "=CAST($1 AS DATE)"},
    {"TO_DATE", 2, 2, PATTERN_2, "=CAST(strptime(CAST($1 AS VARCHAR), $p) AS DATE)"},
    {"DATE_FORMAT", 2, 2, PATTERN_2, "=strftime(CAST($1 AS TIMESTAMP), $p)"},
    {"DATE_PARSE", 2, 2, PATTERN_2, "=strptime($1, $p)"},
    {"FORMAT_DATE", 2, 2, ALWAYS, "=strftime($2, $1)"},
    {"FORMAT_TIMESTAMP", 2, 2, ALWAYS, "=strftime($2, $1)"},
    {"PARSE_DATE", 2, 2, ALWAYS, "=CAST(strptime($2, $1) AS DATE)"},
    {"PARSE_TIMESTAMP", 2, 2, ALWAYS, "=CAST(strptime($2, $1) AS TIMESTAMPTZ)"},
    /* Flink's windows begin at the epoch, DuckDB's at a Monday. */
    {"TUMBLE", 2, 2, INTERVAL_2, "=time_bucket($2, $1, TIMESTAMP '1970-01-01')"},
    {"TUMBLE_START", 2, 2, INTERVAL_2, "=time_bucket($2, $1, TIMESTAMP '1970-01-01')"},
    {"TUMBLE_END", 2, 2, INTERVAL_2, "=(time_bucket($2, $1, TIMESTAMP '1970-01-01') + $2)"},
    {"IFF", 3, 3, ALWAYS, "if"},
    {"NVL", 2, ANY_NUMBER, ALWAYS, "coalesce"},
    {"NVL2", 3, 3, ALWAYS, "=if(($1) IS NOT NULL, $2, $3)"},
    {"ZEROIFNULL", 1, 1, ALWAYS, "=coalesce($1, 0)"},
    {"NULLIFZERO", 1, 1, ALWAYS, "=nullif($1, 0)"},
    {"ISNULL", 1, 1, ALWAYS, "=(($1) IS NULL)"},
    {"ISNOTNULL", 1, 1, ALWAYS, "=(($1) IS NOT NULL)"},
    {"SAFE_DIVIDE", 2, 2, ALWAYS, "=(($1) / nullif($2, 0))"},
    {"TRY_DIVIDE", 2, 2, ALWAYS, "=(($1) / nullif($2, 0))"},
    {"SAFE_CAST", 1, 1, ALWAYS, "try_cast"},
    {"TO_VARCHAR", 1, 1, ALWAYS, "=CAST($1 AS VARCHAR)"},
    {"PARSE_JSON", 1, 1, ALWAYS, "=CAST($1 AS JSON)"},
    {"GET_JSON_OBJECT", 2, 2, ALWAYS, "json_extract_string"},
    /* Spark and Snowflake leave nulls out. */
    {"ARRAY_AGG", 1, 1, WITHIN, "=list($1 ORDER BY $o) FILTER (WHERE $v IS NOT NULL)"},
    {"LISTAGG", 1, 2, WITHIN, "=string_agg($a ORDER BY $o)"},
    {"COLLECT_LIST", 1, 1, NO_FILTER, "=list($1) FILTER (WHERE $v IS NOT NULL)"},
    {"COLLECT_LIST", 1, 1, ALWAYS, "list"},
    {"COLLECT_SET", 1, 1, NO_FILTER, "=list(DISTINCT $v) FILTER (WHERE $v IS NOT NULL)"},
    {"COLLECT_SET", 1, 1, ALWAYS, "=list(DISTINCT $v)"},
    {"PERCENTILE", 2, 2, ALWAYS, "quantile_cont"},
    {"PERCENTILE_APPROX", 2, 2, ALWAYS, "approx_quantile"},
    {"APPROX_PERCENTILE", 2, 2, ALWAYS, "approx_quantile"},
    {"NDV", 1, 1, ALWAYS, "approx_count_distinct"},
    {"LOGICAL_OR", 1, 1, ALWAYS, "bool_or"},
    {"LOGICAL_AND", 1, 1, ALWAYS, "bool_and"},
    {"ARRAY", 0, ANY_NUMBER, NO_QUERY_1, "list_value"},
    {"SIZE", 1, 1, ALWAYS, "len"},
    {"ARRAY_SIZE", 1, 1, ALWAYS, "len"},
    {"ARRAY_MAX", 1, 1, ALWAYS, "list_max"},
    {"ARRAY_MIN", 1, 1, ALWAYS, "list_min"},
    {"ARRAY_JOIN", 2, 2, ALWAYS, "array_to_string"},
    {"TRANSFORM", 2, 2, ALWAYS, "list_transform"},
    {"EXPLODE", 1, 1, ALWAYS, "unnest"},
    {"SEQUENCE", 2, 3, ALWAYS, "generate_series"},
    {"REGEXP_LIKE", 2, 2, ALWAYS, "regexp_matches"},
    {"STARTSWITH", 2, 2, ALWAYS, "starts_with"},
    {"ENDSWITH", 2, 2, ALWAYS, "ends_with"},
    {"CHARINDEX", 2, 2, ALWAYS, "=strpos($2, $1)"},
    {"LOCATE", 2, 2, ALWAYS, "=strpos($2, $1)"},
    {"RAND", 0, 0, ALWAYS, "random"},
    {"GENERATE_UUID", 0, 0, ALWAYS, "uuid"},
};

static const struct unit {
    const char *words, *name, *function, *type;
    bool whole_days;
} units[] = {
    {"YEAR|YEARS|YYYY|YY", "'year'", "to_years", "INTEGER", true},
    {"QUARTER|QUARTERS|QQ", "'quarter'", "to_quarters", "INTEGER", true},
    {"MONTH|MONTHS|MM", "'month'", "to_months", "INTEGER", true},
    {"WEEK|WEEKS|WW|WK", "'week'", "to_weeks", "INTEGER", true},
    {"DAY|DAYS|DD|DAYOFMONTH", "'day'", "to_days", "INTEGER", true},
    {"HOUR|HOURS|HH", "'hour'", "to_hours", "BIGINT", false},
    {"MINUTE|MINUTES|MI", "'minute'", "to_minutes", "BIGINT", false},
    {"SECOND|SECONDS|SS", "'second'", "to_seconds", "DOUBLE", false},
    {"MILLISECOND|MILLISECONDS|MS", "'millisecond'", "to_milliseconds", "DOUBLE", false},
    {"MICROSECOND|MICROSECONDS|US", "'microsecond'", "to_microseconds", "BIGINT", false},
};

typedef struct extent {
    size_t first, end; /* tokens */
} extent;

typedef struct call {
    size_t name, open, close;
    extent args[ARGS_MAX];
    size_t n_args;
    const struct unit *unit;
    char *pattern; /* as an SQL string */
    extent order;  /* of WITHIN GROUP; empty: none */
    size_t end;    /* first token after the call */
} call;

/* Splits the arguments at the commas of their own level. False when one is empty: no call, then. */
static bool split_args(const tarn_rewrite *rw, call *c) {
    size_t first = c->open + 1;
    c->n_args = 0;
    if (first == c->close) return true;
    for (size_t i = first; i <= c->close; i++) {
        if (i == c->close || tarn_rewrite_is(rw, i, ",")) {
            if (i == first) return false;
            if (c->n_args < ARGS_MAX) c->args[c->n_args] = (extent){first, i};
            c->n_args++;
            first = i + 1;
        } else if (rw->match[i] > i && tarn_rewrite_is(rw, i, "(|[|{")) {
            i = rw->match[i];
        }
    }
    return true;
}

/* A unit as one token: a word, or a string unless `bare`. */
static const struct unit *find_unit(const tarn_rewrite *rw, const call *c, size_t arg, bool bare) {
    extent e = c->args[arg];
    const tarn_token *token = tarn_rewrite_token(rw, e.first);
    if (e.end != e.first + 1 ||
        (token->kind != TARN_T_WORD && (bare || token->kind != TARN_T_STRING || token->quote != '\'')))
        return NULL;
    tarn_str text = tarn_rewrite_text(rw, e.first);
    if (token->kind == TARN_T_STRING) text = (tarn_str){text.p + 1, text.n - 2};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        for (const char *p = units[i].words; *p;) {
            const char *end = strchrnul(p, '|');
            if (tarn_str_ieq(text, (tarn_str){p, (size_t)(end - p)})) return &units[i];
            p = *end ? end + 1 : end;
        }
    }
    return NULL;
}

/* Plainly a date, by its words: CURRENT_DATE, DATE '…', CAST(… AS DATE), …::DATE, TO_DATE(…). */
static bool is_date(const tarn_rewrite *rw, extent e) {
    size_t n = e.end - e.first;
    bool is_call = n >= 3 && tarn_rewrite_is(rw, e.first + 1, "(") && rw->match[e.first + 1] == e.end - 1;
    if (tarn_rewrite_is(rw, e.first, "CURRENT_DATE|TODAY|CURDATE")) return n == 1 || (is_call && n == 3);
    if (tarn_rewrite_is(rw, e.first, "DATE"))
        return n == 2 && tarn_rewrite_token(rw, e.first + 1)->kind == TARN_T_STRING;
    if (tarn_rewrite_is(rw, e.first, "TO_DATE|ADD_MONTHS|LAST_DAY|MAKE_DATE")) return is_call;
    if (tarn_rewrite_is(rw, e.first, "CAST|TRY_CAST|SAFE_CAST"))
        return is_call && n > 5 && tarn_rewrite_is(rw, e.end - 3, "AS DATE");
    return n == 3 && tarn_rewrite_is(rw, e.end - 2, ":: DATE");
}

static bool is_number(const tarn_rewrite *rw, extent e) {
    size_t i = e.first + tarn_rewrite_is(rw, e.first, "-|+");
    tarn_token_kind kind = tarn_rewrite_token(rw, i)->kind;
    return i + 1 == e.end && (kind == TARN_T_NUMBER || kind == TARN_T_PARAM);
}

static bool is_string(const tarn_rewrite *rw, extent e) {
    return e.end == e.first + 1 && tarn_rewrite_token(rw, e.first)->kind == TARN_T_STRING;
}

/* Has a type of its own, which literals and parameters take from what they meet, and may be written twice. */
static bool is_typed(const tarn_rewrite *rw, extent e) {
    if (is_string(rw, e)) return false;
    for (size_t i = e.first; i < e.end; i++)
        if (tarn_rewrite_token(rw, i)->kind == TARN_T_PARAM || tarn_rewrite_is(rw, i, "SELECT|:")) return false;
    return true;
}

/* INTERVAL 3 DAY. */
static bool is_day_interval(const tarn_rewrite *rw, const call *c, size_t arg) {
    call unit = {.args = {{c->args[arg].end - 1, c->args[arg].end}}};
    const struct unit *found = find_unit(rw, &unit, 0, true);
    return tarn_rewrite_is(rw, c->args[arg].first, "INTERVAL") && found && found->whole_days;
}

/* WITHIN GROUP (ORDER BY …) after the call. */
static bool find_within(const tarn_rewrite *rw, call *c) {
    size_t open = c->close + 3, close = rw->match[open < rw->tokens->tokens.n ? open : 0];
    if (!tarn_rewrite_is(rw, c->close + 1, "WITHIN GROUP ( ORDER BY") || close <= open + 3) return false;
    c->order = (extent){open + 3, close};
    c->end = close + 1;
    return true;
}

/* A pattern that is no literal, or that DuckDB lacks a letter for, is refused where it stands: guessing would read
 * dates wrongly. */
static tarn_code find_pattern(tarn_rewrite *rw, call *c) {
    tarn_cursor at = {rw->tokens, c->args[1].first};
    tarn_str whole = {rw->tokens->text, rw->tokens->n_text};
    const char *text = NULL;
    tarn_str name = tarn_rewrite_text(rw, c->name);
    size_t place = tarn_rewrite_token(rw, at.i)->at;
    if (!is_string(rw, c->args[1]))
        return tarn_fail_at(rw->cx, TARN_UNSUPPORTED, whole, place, "%.*s needs its pattern as a literal", (int)name.n,
                            name.p);
    TRY(tarn_parse_string(rw->cx, &at, &text));
    char *pattern = tarn_dialect_pattern(rw->cx, text);
    if (!pattern)
        return tarn_fail_at(rw->cx, TARN_UNSUPPORTED, whole, place,
                            "this date pattern has letters without a meaning here; use strftime or strptime");
    c->pattern = tarn_sql_string(rw->cx->arena, pattern);
    return TARN_OK;
}

static bool holds(const tarn_rewrite *rw, call *c, call_condition when) {
    switch (when) {
    case ALWAYS:
    case PATTERN_2: return true;
    case UNIT_1:
    case UNIT_1_DAYS:
    case UNIT_1_DATE:
        if (!(c->unit = find_unit(rw, c, 0, false)) || when == UNIT_1) return c->unit != NULL;
        return c->unit->whole_days && (when == UNIT_1_DATE ? is_date(rw, c->args[2]) : is_typed(rw, c->args[2]));
    case BARE_UNIT_1: return (c->unit = find_unit(rw, c, 0, true)) != NULL;
    case BARE_UNIT_2: return !is_string(rw, c->args[0]) && (c->unit = find_unit(rw, c, 1, true));
    case BARE_UNIT_3: return !is_string(rw, c->args[0]) && (c->unit = find_unit(rw, c, 2, true));
    case INTERVAL_2: return tarn_rewrite_is(rw, c->args[1].first, "INTERVAL");
    case INTERVAL_2_DAYS: return is_typed(rw, c->args[0]) && is_day_interval(rw, c, 1);
    case NUMBER_2: return is_number(rw, c->args[1]);
    case STRING_1: return is_string(rw, c->args[0]);
    case WITHIN: return find_within(rw, c);
    case NO_FILTER: return !tarn_rewrite_is(rw, c->close + 1, "FILTER (|WITHIN GROUP");
    case NO_QUERY_1: return !tarn_rewrite_is(rw, c->open + 1, "SELECT|WITH|FROM|VALUES|TABLE|(");
    }
    return false;
}

/* The value a $-letter of a template stands for. */
static tarn_code put_part(tarn_rewrite *rw, const call *c, char letter, size_t origin) {
    extent e = {0, 0};
    switch (letter) {
    case 'u': tarn_rewrite_put(rw, c->unit->name, origin); return TARN_OK;
    case 'f': tarn_rewrite_put(rw, c->unit->function, origin); return TARN_OK;
    case 't': tarn_rewrite_put(rw, c->unit->type, origin); return TARN_OK;
    case 'p': tarn_rewrite_put(rw, c->pattern, origin); return TARN_OK;
    case 'o': e = c->order; break;
    case 'a': e = (extent){c->open + 1, c->close}; break;
    case 'v':
        e = c->args[0];
        if (tarn_rewrite_is(rw, e.first, "DISTINCT|ALL") && e.first + 1 < e.end) e.first++;
        break;
    default: e = c->args[letter - '1']; break;
    }
    return tarn_rewrite_range(rw, e.first, e.end);
}

static tarn_code put_template(tarn_rewrite *rw, const call *c, const char *text) {
    size_t origin = tarn_rewrite_token(rw, c->name)->at;
    tarn_rewrite_copy(rw, origin);
    while (*text) {
        size_t n = strcspn(text, "$");
        tarn_rewrite_put(rw, tarn_arena_strndup(rw->cx->arena, text, n), origin);
        text += n;
        if (!*text) break;
        TRY(put_part(rw, c, text[1], origin));
        text += 2;
    }
    rw->done = tarn_rewrite_end(rw, c->end - 1);
    return TARN_OK;
}

tarn_code tarn_rewrite_call(tarn_rewrite *rw, size_t i, size_t *next) {
    tarn_str name = tarn_rewrite_text(rw, i);
    call c = {.name = i, .open = i + 1, .close = rw->match[i + 1]};
    bool split = false;
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
        const struct call_rule *rule = &rules[k];
        if (!tarn_str_ieq(name, tarn_str_of(rule->name))) continue;
        /* The name of a common table expression with its columns looks like a call. */
        if (!c.close || (!split && tarn_rewrite_is(rw, c.close + 1, "AS (|AS MATERIALIZED|AS NOT MATERIALIZED")))
            return TARN_OK;
        if (!split && !split_args(rw, &c)) return TARN_OK;
        split = true;
        c.end = c.close + 1;
        if ((int)c.n_args < rule->min || (rule->max < ANY_NUMBER && (int)c.n_args > rule->max) ||
            !holds(rw, &c, rule->when))
            continue;
        if (rule->when == PATTERN_2) TRY(find_pattern(rw, &c));
        if (*rule->to == '=') {
            *next = c.end;
            return put_template(rw, &c, rule->to + 1);
        }
        tarn_rewrite_copy(rw, tarn_rewrite_token(rw, i)->at);
        tarn_rewrite_put(rw, rule->to, tarn_rewrite_token(rw, i)->at);
        rw->done = tarn_rewrite_end(rw, i);
        *next = i + 1;
        return TARN_OK;
    }
    return TARN_OK;
}
