/* parse_table.c: column definitions, constraints, partition items and the clauses of CREATE TABLE. */
#include "sql/parse.h"

static tarn_str whole_text(const tarn_cursor *c) { return (tarn_str){c->tokens->text, c->tokens->n_text}; }
static size_t place(const tarn_cursor *c) { return c->tokens->tokens.at[c->i].at; }

static tarn_token_kind kind_at(const tarn_cursor *c) { return c->tokens->tokens.at[c->i].kind; }

static const char *copy(tarn_cx *cx, tarn_str s) { return tarn_arena_strndup(cx->arena, s.p, s.n); }

/* ENFORCED is the one thing that cannot be promised; RELY and the like are hints to optimizers. */
static tarn_code parse_enforcement(tarn_cx *cx, tarn_cursor *c) {
    while (tarn_accept(c, "NOT ENFORCED|RELY|NORELY|NOVALIDATE|DISABLE|DEFERRABLE|INITIALLY DEFERRED|NOT DEFERRABLE"))
        continue;
    if (!tarn_peek(c, "ENFORCED")) return TARN_OK;
    return tarn_fail_at(cx, TARN_UNSUPPORTED, whole_text(c), place(c), "keys are not enforced; say NOT ENFORCED");
}

static void push_check(tarn_cx *cx, tarn_table_def *def, const char *name, tarn_str sql) {
    *TARN_PUSH(cx->arena, &def->checks) = (tarn_option_pair){.key = name, .value = copy(cx, sql), .at = 0};
}

/* REFERENCES t [(c, …)] and what may follow: read and forgotten, as foreign keys are information only. */
static tarn_code parse_references(tarn_cx *cx, tarn_cursor *c) {
    tarn_name other;
    tarn_names columns = {0};
    TRY(tarn_parse_name(cx, c, &other));
    if (tarn_peek(c, "(")) TRY(tarn_parse_names(cx, c, &columns));
    while (tarn_accept(c, "MATCH FULL|ON UPDATE NO ACTION|ON DELETE NO ACTION")) continue;
    return parse_enforcement(cx, c);
}

/* [(START WITH n INCREMENT BY m)] or, in Snowflake and SQL Server, [(n, m)]. */
static tarn_code parse_identity(tarn_cx *cx, tarn_cursor *c, bool open, tarn_field *field) {
    tarn_identity *identity = TARN_NEW(cx->arena, tarn_identity);
    tarn_cursor at = *c;
    *identity = (tarn_identity){.start = 1, .step = 1, .open = open};
    if (tarn_accept(c, "(")) {
        if (c->tokens->tokens.at[c->i].kind == TARN_T_NUMBER || tarn_peek(c, "-")) {
            TRY(tarn_parse_int(cx, c, &identity->start));
            if (tarn_accept(c, ",")) TRY(tarn_parse_int(cx, c, &identity->step));
        } else {
            if (tarn_accept(c, "START WITH|START")) TRY(tarn_parse_int(cx, c, &identity->start));
            if (tarn_accept(c, "INCREMENT BY|INCREMENT")) TRY(tarn_parse_int(cx, c, &identity->step));
        }
        if (!tarn_accept(c, ")")) return tarn_unexpected(cx, c, "START WITH n, INCREMENT BY n or )");
    }
    if (field->type->kind != TARN_INT64)
        return tarn_fail_at(cx, TARN_INVALID, whole_text(c), place(&at), "IDENTITY column %s must be BIGINT",
                            field->name);
    if (identity->step == 0)
        return tarn_fail_at(cx, TARN_INVALID, whole_text(c), place(&at), "IDENTITY column %s needs a step other than 0",
                            field->name);
    field->identity = identity;
    return TARN_OK;
}

/* After GENERATED. */
static tarn_code parse_generated(tarn_cx *cx, tarn_cursor *c, tarn_field *field) {
    tarn_str sql;
    bool by_default = tarn_accept(c, "BY DEFAULT");
    if (!by_default) tarn_accept(c, "ALWAYS");
    TRY(tarn_expect(cx, c, "AS"));
    if (tarn_accept(c, "IDENTITY")) return parse_identity(cx, c, by_default, field);
    if (by_default) return tarn_unexpected(cx, c, "IDENTITY");
    TRY(tarn_parse_parens(cx, c, "an expression", &sql));
    tarn_accept(c, "STORED|VIRTUAL");
    field->generated_sql = copy(cx, sql);
    return TARN_OK;
}

static tarn_code refuse_unique(tarn_cx *cx, const tarn_cursor *c) {
    return tarn_fail_at(cx, TARN_UNSUPPORTED, whole_text(c), place(c),
                        "UNIQUE cannot be enforced on a table of files; use PRIMARY KEY … NOT ENFORCED");
}

/* One thing said of a column after its type. *found is false when there is nothing more. */
static tarn_code parse_attribute(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def, tarn_field *field, bool *found) {
    tarn_str sql;
    const char *name = NULL;
    *found = true;
    if (tarn_accept(c, "CONSTRAINT")) {
        TRY(tarn_parse_ident(cx, c, &name));
        if (!tarn_peek(c, "CHECK|PRIMARY KEY|NOT NULL|REFERENCES|FOREIGN KEY"))
            return tarn_unexpected(cx, c, "CHECK, NOT NULL, PRIMARY KEY or REFERENCES");
    }
    if (tarn_accept(c, "NOT NULL")) {
        field->nullable = false;
    } else if (tarn_accept(c, "NULL")) {
        field->nullable = true;
    } else if (tarn_accept(c, "DEFAULT")) {
        TRY(tarn_parse_operand(cx, c, false, "the default value", &sql));
        field->default_sql = copy(cx, sql);
    } else if (tarn_accept(c, "GENERATED")) {
        TRY(parse_generated(cx, c, field));
    } else if (tarn_accept(c, "AUTOINCREMENT|AUTO_INCREMENT|IDENTITY")) {
        TRY(parse_identity(cx, c, true, field));
    } else if (tarn_accept(c, "AS")) {
        TRY(tarn_parse_parens(cx, c, "an expression", &sql));
        tarn_accept(c, "STORED|VIRTUAL");
        field->generated_sql = copy(cx, sql);
    } else if (tarn_accept(c, "COMMENT")) {
        TRY(tarn_parse_string(cx, c, &field->comment));
    } else if (tarn_accept(c, "PRIMARY KEY")) {
        *TARN_PUSH(cx->arena, &def->primary_key) = field->name;
        field->nullable = false;
        TRY(parse_enforcement(cx, c));
    } else if (tarn_accept(c, "CHECK")) {
        TRY(tarn_parse_parens(cx, c, "a condition", &sql));
        push_check(cx, def, name, sql);
        TRY(parse_enforcement(cx, c));
    } else if (tarn_accept(c, "FOREIGN KEY REFERENCES|REFERENCES")) {
        TRY(parse_references(cx, c));
    } else if (tarn_peek(c, "UNIQUE")) {
        return refuse_unique(cx, c);
    } else {
        *found = false;
    }
    return TARN_OK;
}

/* VARCHAR(n) and CHAR(n) are text whose length the column keeps. */
tarn_code tarn_parse_column_type(tarn_cx *cx, tarn_cursor *c, tarn_field *out) {
    tarn_cursor at = *c;
    tarn_type *type = NULL;
    int64_t length = 0;
    TRY(tarn_parse_type(cx, c, cx->arena, &type));
    out->type = type;
    bool pads = tarn_peek(&at, "CHAR (|CHARACTER (|BPCHAR (");
    if (type->kind == TARN_STRING &&
        tarn_accept(&at, "CHAR (|CHARACTER (|BPCHAR (|VARCHAR (|CHARACTER VARYING (|NVARCHAR (")) {
        tarn_cursor number = at;
        TRY(tarn_parse_int(cx, &at, &length));
        if (length < 1) return tarn_unexpected(cx, &number, "a length of 1 or more");
        if (pads && length > TARN_CHAR_MAX)
            return tarn_unexpected(cx, &number,
                                   tarn_printf(cx, "a length up to %d; VARCHAR can be longer", TARN_CHAR_MAX));
    }
    tarn_field_set_length(cx->arena, out, length, pads);
    return TARN_OK;
}

tarn_code tarn_parse_column(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    tarn_field field = {.nullable = true, .id = -1};
    TRY(tarn_parse_path(cx, c, &field.name));
    TRY(tarn_parse_column_type(cx, c, &field));
    bool found = true;
    while (found) TRY(parse_attribute(cx, c, def, &field, &found));
    if ((field.generated_sql != NULL) + (field.default_sql != NULL) + (field.identity != NULL) > 1)
        return tarn_fail_at(cx, TARN_INVALID, whole_text(c), place(c),
                            "column %s can be one of generated, IDENTITY and with a default", field.name);
    *TARN_PUSH(cx->arena, &def->fields) = field;
    return TARN_OK;
}

/* Flink's WATERMARK FOR ts AS ts - INTERVAL …: kept as a property. */
static tarn_code parse_watermark(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    const char *column = NULL;
    tarn_str sql;
    size_t at = place(c);
    TRY(tarn_parse_path(cx, c, &column));
    TRY(tarn_expect(cx, c, "AS"));
    TRY(tarn_parse_extent(cx, c, ",", "an expression", &sql));
    *TARN_PUSH(cx->arena, &def->properties) =
        (tarn_option_pair){tarn_printf(cx, "watermark.%s", column), copy(cx, sql), at};
    return TARN_OK;
}

/* A constraint of the whole table; *found is false when there is a column instead, which may bear any of these words as
 * its name. */
static tarn_code parse_constraint(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def, bool *found) {
    const char *name = NULL;
    tarn_str sql;
    tarn_names names = {0};
    tarn_cursor after = *c;
    *found = true;
    if (tarn_accept(&after, "CONSTRAINT") && tarn_parse_ident(cx, &after, &name) == TARN_OK &&
        tarn_peek(&after, "CHECK|PRIMARY KEY|FOREIGN KEY|UNIQUE")) {
        *c = after;
    } else {
        name = NULL;
        tarn_clear_error(cx);
    }
    if (tarn_peek(c, "CHECK (")) {
        tarn_accept(c, "CHECK");
        TRY(tarn_parse_parens(cx, c, "a condition", &sql));
        push_check(cx, def, name, sql);
        return parse_enforcement(cx, c);
    }
    if (tarn_accept(c, "PRIMARY KEY")) {
        TRY(tarn_parse_names(cx, c, &names));
        for (size_t i = 0; i < names.n; i++) *TARN_PUSH(cx->arena, &def->primary_key) = names.at[i];
        return parse_enforcement(cx, c);
    }
    if (tarn_accept(c, "FOREIGN KEY")) {
        TRY(tarn_parse_names(cx, c, &names));
        TRY(tarn_expect(cx, c, "REFERENCES"));
        return parse_references(cx, c);
    }
    if (tarn_peek(c, "UNIQUE (")) return refuse_unique(cx, c);
    if (tarn_accept(c, "WATERMARK FOR")) return parse_watermark(cx, c, def);
    *found = false;
    return TARN_OK;
}

/* A primary key cannot be null, and has to be there. */
static tarn_code finish_primary_key(tarn_cx *cx, const tarn_cursor *c, tarn_table_def *def) {
    for (size_t i = 0; i < def->primary_key.n; i++) {
        bool found = false;
        for (size_t k = 0; k < def->fields.n && !found; k++) {
            found = tarn_name_eq(def->fields.at[k].name, def->primary_key.at[i]);
            if (found) def->fields.at[k].nullable = false;
        }
        if (!found)
            return tarn_fail_at(cx, TARN_INVALID, whole_text(c), place(c), "PRIMARY KEY names %s, which is no column",
                                def->primary_key.at[i]);
        TRY(tarn_check(cx));
    }
    return TARN_OK;
}

/* Members are named by their path only in ALTER TABLE. */
static tarn_code check_column_name(tarn_cx *cx, const tarn_cursor *c) {
    tarn_cursor at = *c;
    const char *name = NULL;
    TRY(tarn_parse_ident(cx, &at, &name));
    return tarn_peek(&at, ".") ? tarn_unexpected(cx, &at, "the column's type") : TARN_OK;
}

tarn_code tarn_parse_columns(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    size_t limit = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_COLUMNS);
    TRY(tarn_expect(cx, c, "("));
    do {
        bool found;
        TRY(parse_constraint(cx, c, def, &found));
        if (!found) {
            TRY(check_column_name(cx, c));
            TRY(tarn_parse_column(cx, c, def));
        }
        if (def->fields.n > limit || def->primary_key.n > limit)
            return tarn_fail_at(cx, TARN_LIMIT, whole_text(c), place(c), "more columns than limit.columns (%zu) allows",
                                limit);
    } while (tarn_accept(c, ","));
    TRY(finish_primary_key(cx, c, def));
    return tarn_expect(cx, c, ")");
}

/* The transforms by the names Iceberg gives them. */
static const struct transform_name {
    const char *words, *name;
} transforms[] = {
    {"YEAR|YEARS", "years"},
    {"MONTH|MONTHS", "months"},
    {"DAY|DAYS|DATE", "days"},
    {"HOUR|HOURS|DATE_HOUR", "hours"},
    {"BUCKET", "bucket"},
    {"TRUNCATE|TRUNC", "truncate"},
    {"DATE_TRUNC|TIMESTAMP_TRUNC|DATETIME_TRUNC", "unit"},
    {"IDENTITY", "identity"},
};

static const char *find_transform(tarn_str word) {
    for (size_t i = 0; i < sizeof transforms / sizeof *transforms; i++) {
        for (const char *p = transforms[i].words; *p;) {
            const char *end = strchrnul(p, '|');
            if (tarn_str_ieq(word, (tarn_str){p, (size_t)(end - p)})) return transforms[i].name;
            p = *end ? end + 1 : end;
        }
    }
    return NULL;
}

/* DATE_TRUNC(ts, MONTH), DATE_TRUNC('month', ts). */
static tarn_code parse_unit_transform(tarn_cx *cx, tarn_cursor *c, tarn_partition_item *item) {
    const char *unit = NULL;
    tarn_cursor at = *c;
    bool unit_first = kind_at(c) == TARN_T_STRING;
    if (unit_first) {
        TRY(tarn_parse_string(cx, c, &unit));
        TRY(tarn_expect(cx, c, ","));
    }
    TRY(tarn_parse_path(cx, c, &item->column));
    if (!unit_first) {
        TRY(tarn_expect(cx, c, ","));
        at = *c;
        TRY(tarn_parse_ident(cx, c, &unit));
    }
    item->transform = find_transform(tarn_str_of(unit));
    bool known = item->transform && strchr("ymdh", item->transform[0]) && strcmp(item->transform, "identity") != 0;
    return known ? TARN_OK : tarn_unexpected(cx, &at, "YEAR, MONTH, DAY or HOUR");
}

/* name(…), the cursor behind the paren. bucket and truncate take the number on either side. */
static tarn_code parse_transform(tarn_cx *cx, tarn_cursor *c, const char *name, tarn_partition_item *item) {
    tarn_cursor at = *c;
    item->transform = name;
    if (strcmp(name, "unit") == 0) {
        TRY(parse_unit_transform(cx, c, item));
    } else if (strcmp(name, "bucket") == 0 || strcmp(name, "truncate") == 0) {
        bool number_first = kind_at(c) == TARN_T_NUMBER || tarn_peek(c, "-|+");
        if (number_first) {
            TRY(tarn_parse_int(cx, c, &item->param));
            TRY(tarn_expect(cx, c, ","));
        }
        TRY(tarn_parse_path(cx, c, &item->column));
        if (!number_first) {
            TRY(tarn_expect(cx, c, ","));
            TRY(tarn_parse_int(cx, c, &item->param));
        }
        if (item->param < 1 || item->param > INT32_MAX)
            return tarn_unexpected(cx, &at, "a number from 1 to 2147483647");
    } else {
        TRY(tarn_parse_path(cx, c, &item->column));
        if (strcmp(name, "identity") == 0) item->transform = NULL;
    }
    return tarn_expect(cx, c, ")");
}

tarn_code tarn_parse_transform_item(tarn_cx *cx, tarn_cursor *c, tarn_partition_item *out, bool *called) {
    tarn_partition_item item = {0};
    tarn_cursor at = *c;
    TRY(tarn_parse_path(cx, c, &item.column));
    bool call = tarn_accept(c, "(");
    const char *transform = call ? find_transform(tarn_str_of(item.column)) : NULL;
    if (call && !transform)
        return tarn_unexpected(cx, &at, "a transform: years, months, days, hours, bucket, truncate or identity");
    if (call) TRY(parse_transform(cx, c, transform, &item));
    if (called) *called = call;
    *out = item;
    return TARN_OK;
}

tarn_code tarn_parse_partition_item(tarn_cx *cx, tarn_cursor *c, tarn_partition_item *out) {
    tarn_partition_item item;
    bool called;
    TRY(tarn_parse_transform_item(cx, c, &item, &called));
    if (!called && kind_at(c) == TARN_T_WORD && !tarn_peek(c, "AS")) {
        /* A type, or the next clause when the items stand without parens. */
        tarn_type *type = NULL;
        tarn_cursor before = *c;
        tarn_code code = tarn_parse_type(cx, c, cx->arena, &type);
        bool ends = code == TARN_OK && tarn_peek(c, ",|)|COMMENT");
        if (code == TARN_OK && ends) {
            const char *comment;
            item.type = type;
            if (tarn_accept(c, "COMMENT")) TRY(tarn_parse_string(cx, c, &comment));
        } else {
            tarn_clear_error(cx);
            *c = before;
        }
    }
    tarn_cursor as = *c;
    if (tarn_accept(&as, "AS") && !tarn_peek(&as, "SELECT|WITH|FROM|VALUES|TABLE|(")) {
        *c = as;
        TRY(tarn_parse_ident(cx, c, &item.as));
    }
    *out = item;
    return TARN_OK;
}

tarn_code tarn_parse_partition_items(tarn_cx *cx, tarn_cursor *c, tarn_table_def *def) {
    bool parens = tarn_accept(c, "(");
    do {
        tarn_partition_item item;
        TRY(tarn_parse_partition_item(cx, c, &item));
        *TARN_PUSH(cx->arena, &def->partition_by) = item;
    } while (tarn_accept(c, ","));
    return parens ? tarn_expect(cx, c, ")") : TARN_OK;
}
