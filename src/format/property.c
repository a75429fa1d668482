/* property.c: checks the values of table properties. */
#include "format/property.h"

#include "base/conf.h"
#include "base/time.h"

const char *tarn_property_word(tarn_cx *cx, const char *words, const char *value) {
    int64_t index;
    tarn_str word;
    return tarn_parse_choice(words, tarn_str_of(value), &index, &word) ? tarn_arena_strndup(cx->arena, word.p, word.n)
                                                                       : NULL;
}

/* What the value should have been; NULL: it is. */
static const char *wanted(tarn_cx *cx, const tarn_property_rule *rule, const char *text) {
    tarn_str value = tarn_str_of(text);
    int64_t n;
    switch (rule->kind) {
    case TARN_PROPERTY_FLAG: return tarn_property_word(cx, "true|false", text) ? NULL : "true or false";
    case TARN_PROPERTY_NUMBER:
        if (tarn_parse_i64(value, &n) && n >= rule->least) return NULL;
        return tarn_printf(cx, "a number from %lld on", (long long)rule->least);
    case TARN_PROPERTY_BYTES:
        if (tarn_parse_bytes(value, &n) && n >= rule->least) return NULL;
        return tarn_printf(cx, "a size from %lld bytes on", (long long)rule->least);
    case TARN_PROPERTY_DURATION:
        return tarn_parse_interval_ms(value, &n) ? NULL : "a duration such as 'interval 7 days'";
    case TARN_PROPERTY_WORD: break;
    }
    return tarn_property_word(cx, rule->words, text) ? NULL : tarn_printf(cx, "one of %s", rule->words);
}

tarn_code tarn_property_check(tarn_cx *cx, const tarn_property_rule *rules, size_t n, const tarn_pair *pair) {
    for (size_t i = 0; pair->value && i < n; i++) {
        if (strcmp(rules[i].name, pair->name)) continue;
        const char *want = wanted(cx, &rules[i], pair->value);
        if (want) return tarn_fail(cx, TARN_INVALID, "%s has to be %s, not '%s'", pair->name, want, pair->value);
    }
    return TARN_OK;
}
