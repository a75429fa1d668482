/* conf.c: the settings: one static table from options.def, and per setting one value for each origin. */
#include "base/conf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cx.h"
#include "base/time.h"

enum { ORIGINS = TARN_FROM_FLAG + 1, TEXT_MAX = 4096, VARIABLE_MAX = 64 };

static const tarn_option_info options[] = {
#define TARN_OPTION(id, name, type, ...) {name, type, __VA_ARGS__},
#include "base/options.def"
#undef TARN_OPTION
};

typedef struct held_value {
    char *text;
    size_t cap;
    int64_t number;
    bool set; /* false: this origin says nothing */
} held_value;

struct tarn_conf {
    tarn_arena *arena; /* of the texts; a text is overwritten where it fits, so that a loop of SET does not grow it */
    held_value values[TARN_OPTION_COUNT][ORIGINS];
};

static const struct {
    const char *name;
    int64_t bytes;
} byte_units[] = {
    {"b", 1},          {"k", 1000},         {"kb", 1000},           {"m", 1000000},        {"mb", 1000000},
    {"g", 1000000000}, {"gb", 1000000000},  {"t", 1000000000000},   {"tb", 1000000000000}, {"kib", 1024},
    {"mib", 1048576},  {"gib", 1073741824}, {"tib", 1099511627776},
};

const tarn_option_info *tarn_option_info_of(tarn_option option) { return &options[option]; }

int tarn_option_find(tarn_str name) {
    for (int i = 0; i < TARN_OPTION_COUNT; i++)
        if (tarn_str_ieq(name, tarn_str_of(options[i].name))) return i;
    return -1;
}

const char *tarn_origin_name(tarn_origin origin) {
    static const char *const names[] = {"default", "warehouse", "environment", "set", "flag"};
    return (unsigned)origin < ORIGINS ? names[origin] : "unknown";
}

/* "1.5GB" exactly: the fraction is an integer over a power of ten; what is left below one byte is dropped. */
bool tarn_parse_bytes(tarn_str s, int64_t *out) {
    size_t whole = 0, end;
    while (whole < s.n && s.p[whole] >= '0' && s.p[whole] <= '9') whole++;
    int64_t value, unit = 1, fraction = 0, scale = 1;
    if (!tarn_parse_i64((tarn_str){s.p, whole}, &value)) return false;
    end = whole;
    if (end < s.n && s.p[end] == '.') {
        for (end++; end < s.n && s.p[end] >= '0' && s.p[end] <= '9'; end++) {
            if (scale == 1000000) return false; /* keeps fraction * unit below 2^63 */
            scale *= 10;
            fraction = fraction * 10 + (s.p[end] - '0');
        }
        if (end == whole + 1) return false;
    }
    while (end < s.n && s.p[end] == ' ') end++;
    tarn_str name = {s.p + end, s.n - end};
    bool known = name.n == 0 && scale == 1;
    for (size_t i = 0; i < sizeof byte_units / sizeof *byte_units; i++) {
        if (!tarn_str_ieq(name, tarn_str_of(byte_units[i].name))) continue;
        unit = byte_units[i].bytes;
        known = true;
    }
    if (!known || __builtin_mul_overflow(value, unit, &value)) return false;
    if (__builtin_add_overflow(value, fraction * unit / scale, &value)) return false;
    *out = value;
    return true;
}

static bool parse_bool(tarn_str s, int64_t *out) {
    static const char *const words[] = {"false", "true", "off", "on", "no", "yes", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (tarn_str_ieq(s, tarn_str_of(words[i]))) return *out = (int64_t)(i & 1), true;
    return false;
}

bool tarn_parse_choice(const char *choices, tarn_str s, int64_t *index, tarn_str *spelled) {
    for (int64_t i = 0;; i++) {
        tarn_str choice = {choices, strcspn(choices, "|")};
        if (tarn_str_ieq(s, choice)) {
            *index = i;
            *spelled = choice;
            return true;
        }
        if (!choices[choice.n]) return false;
        choices += choice.n + 1;
    }
}

static const char *describe_type(tarn_cx *cx, const tarn_option_info *info) {
    switch (info->type) {
    case TARN_OPT_INT: return "a whole number";
    case TARN_OPT_BYTES: return "a size such as 64KB, 128MB or 1GiB";
    case TARN_OPT_DURATION: return "a duration such as 5ms, 60s, 2h or 7d";
    case TARN_OPT_BOOL: return "true or false";
    case TARN_OPT_ENUM: return tarn_printf(cx, "one of %s", info->choices);
    case TARN_OPT_TEXT: break;
    }
    return tarn_printf(cx, "text of up to %d bytes without zero bytes", TEXT_MAX);
}

/* *text becomes the canonical spelling where there is one. */
static bool parse_typed(const tarn_option_info *info, tarn_str *text, int64_t *number) {
    if (text->n > TEXT_MAX || (text->n && memchr(text->p, 0, text->n))) return false;
    switch (info->type) {
    case TARN_OPT_INT: return tarn_parse_i64(*text, number);
    case TARN_OPT_BYTES: return tarn_parse_bytes(*text, number);
    case TARN_OPT_DURATION: return tarn_parse_i64(*text, number) || tarn_parse_interval_ms(*text, number);
    case TARN_OPT_ENUM: return tarn_parse_choice(info->choices, *text, number, text);
    case TARN_OPT_BOOL:
        if (!parse_bool(*text, number)) return false;
        *text = *number ? TARN_LIT("true") : TARN_LIT("false");
        return true;
    case TARN_OPT_TEXT: break;
    }
    return true;
}

/* `label` is what the user wrote: the setting's name or the variable's. A secret is never repeated. */
static tarn_code parse_value(tarn_cx *cx, const tarn_option_info *info, const char *label, tarn_str *text,
                             int64_t *number) {
    bool ranged = info->type == TARN_OPT_INT || info->type == TARN_OPT_BYTES || info->type == TARN_OPT_DURATION;
    tarn_str given = *text;
    int64_t value = 0;
    bool fits = parse_typed(info, text, &value);
    if (fits && (!ranged || (value >= info->min && value <= info->max))) {
        *number = value;
        return TARN_OK;
    }
    const char *shown = info->secret || given.n == 0
                            ? "the value"
                            : tarn_printf(cx, "'%.*s'", (int)(given.n < 80 ? given.n : 80), given.p);
    if (!fits) return tarn_fail(cx, TARN_INVALID, "%s: %s is not %s", label, shown, describe_type(cx, info));
    const char *unit = info->type == TARN_OPT_DURATION ? " ms" : info->type == TARN_OPT_BYTES ? " bytes" : "";
    return tarn_fail(cx, TARN_INVALID, "%s: %s is not between %" PRId64 " and %" PRId64 "%s", label, shown, info->min,
                     info->max, unit);
}

static void hold_value(tarn_conf *conf, held_value *held, tarn_str text, int64_t number) {
    if (held->cap <= text.n) {
        held->cap = (text.n + 1) * 2;
        held->text = tarn_arena_alloc(conf->arena, held->cap);
    }
    if (text.n) memmove(held->text, text.p, text.n);
    held->text[text.n] = 0;
    held->number = number;
    held->set = true;
}

static const held_value *in_force(const tarn_conf *conf, tarn_option option, tarn_origin *origin) {
    int i = ORIGINS - 1;
    while (i > TARN_FROM_DEFAULT && !conf->values[option][i].set) i--;
    *origin = (tarn_origin)i;
    return &conf->values[option][i];
}

static tarn_conf *new_conf(void) {
    tarn_arena *arena = tarn_arena_new();
    tarn_conf *conf = TARN_NEW(arena, tarn_conf);
    conf->arena = arena;
    return conf;
}

tarn_conf *tarn_conf_defaults(void) {
    tarn_conf *conf = new_conf();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    for (int i = 0; i < TARN_OPTION_COUNT; i++) {
        tarn_str text = tarn_str_of(options[i].default_value);
        int64_t number = 0;
        tarn_code code = parse_value(&cx, &options[i], options[i].name, &text, &number);
        assert(code == TARN_OK);
        (void)code;
        hold_value(conf, &conf->values[i][TARN_FROM_DEFAULT], text, number);
    }
    tarn_cx_done(&cx);
    return conf;
}

/* "commit.retry_timeout" as TARN_COMMIT_RETRY_TIMEOUT. */
static void put_variable_name(char out[VARIABLE_MAX], const char *name) {
    size_t n = sizeof "TARN_" - 1;
    memcpy(out, "TARN_", n);
    for (; *name && n < VARIABLE_MAX - 1; name++)
        out[n++] = *name == '.' ? '_' : *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name;
    out[n] = 0;
}

static void free_conf(tarn_conf **conf) { tarn_conf_free(*conf); }

tarn_code tarn_conf_new(tarn_cx *cx, tarn_conf **out) {
    tarn_auto(tarn_conf *, free_conf) conf = tarn_conf_defaults();
    for (int i = 0; i < TARN_OPTION_COUNT; i++) {
        char variable[VARIABLE_MAX];
        put_variable_name(variable, options[i].name);
        const char *value = getenv(variable);
        if (!value) continue;
        tarn_str text = tarn_str_of(value);
        int64_t number = 0;
        TRY(parse_value(cx, &options[i], variable, &text, &number));
        hold_value(conf, &conf->values[i][TARN_FROM_ENVIRONMENT], text, number);
    }
    *out = conf;
    conf = NULL;
    return TARN_OK;
}

tarn_conf *tarn_conf_copy(const tarn_conf *from) {
    tarn_conf *conf = new_conf();
    for (int i = 0; i < TARN_OPTION_COUNT; i++)
        for (int origin = 0; origin < ORIGINS; origin++) {
            const held_value *held = &from->values[i][origin];
            if (held->set) hold_value(conf, &conf->values[i][origin], tarn_str_of(held->text), held->number);
        }
    return conf;
}

void tarn_conf_free(tarn_conf *conf) {
    if (conf) tarn_arena_free(conf->arena);
}

static tarn_code find_option(tarn_cx *cx, tarn_str name, int *out) {
    int option = tarn_option_find(name);
    if (option < 0)
        return tarn_fail(cx, TARN_NOTFOUND, "there is no setting '%.*s'; SHOW SETTINGS lists them all",
                         (int)(name.n < 80 ? name.n : 80), name.n ? name.p : "");
    *out = option;
    return TARN_OK;
}

tarn_code tarn_conf_set(tarn_cx *cx, tarn_conf *conf, tarn_str name, tarn_str value, tarn_origin origin) {
    assert(origin > TARN_FROM_DEFAULT && origin <= TARN_FROM_FLAG);
    int option = 0;
    int64_t number = 0;
    TRY(find_option(cx, name, &option));
    TRY(parse_value(cx, &options[option], options[option].name, &value, &number));
    hold_value(conf, &conf->values[option][origin], value, number);
    return TARN_OK;
}

tarn_code tarn_conf_reset(tarn_cx *cx, tarn_conf *conf, tarn_str name) {
    int option = 0;
    TRY(find_option(cx, name, &option));
    conf->values[option][TARN_FROM_SET].set = false;
    return TARN_OK;
}

int64_t tarn_conf_int(const tarn_conf *conf, tarn_option option) {
    tarn_origin origin;
    return in_force(conf, option, &origin)->number;
}

const char *tarn_conf_text(const tarn_conf *conf, tarn_option option) {
    tarn_origin origin;
    return in_force(conf, option, &origin)->text;
}

tarn_origin tarn_conf_origin(const tarn_conf *conf, tarn_option option) {
    tarn_origin origin;
    in_force(conf, option, &origin);
    return origin;
}
