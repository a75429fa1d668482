/* params.c: --param name=value: what type a value has, and which statement of several it belongs to. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { NUMBERS_MAX = 1000 };

/* 12, -3, not 007: a leading zero says that it is no number but a code. */
static bool is_integer(const char *s) {
    s += *s == '-';
    if (s[0] == '0') return s[1] == 0;
    size_t n = strspn(s, "0123456789");
    return n > 0 && s[n] == 0;
}

static bool is_double(const char *s) {
    const char *digits = s + (*s == '-');
    if (!isdigit((unsigned char)*digits) && !(*digits == '.' && isdigit((unsigned char)digits[1]))) return false;
    if (digits[0] == '0' && isdigit((unsigned char)digits[1])) return false;
    return strspn(digits, "0123456789.eE+-") == strlen(digits) && strpbrk(digits, ".eE");
}

static void set_value(tarn_param *p, const char *s) {
    char *end = NULL;
    size_t n = strlen(s);
    errno = 0;
    *p = (tarn_param){.name = p->name, .type = TARN_PARAM_TEXT, .data = s, .n = n};
    if (strcmp(s, "null") == 0 || strcmp(s, "NULL") == 0) {
        p->type = TARN_PARAM_NULL;
    } else if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0) {
        p->type = TARN_PARAM_BOOL;
        p->i = s[0] == 't';
    } else if (is_integer(s)) {
        p->i = strtoll(s, &end, 10);
        if (errno == 0) p->type = TARN_PARAM_INT;
    } else if (is_double(s)) {
        p->d = strtod(s, &end);
        if (*end == 0) p->type = TARN_PARAM_DOUBLE;
    } else if (n >= 2 && s[0] == '\'' && s[n - 1] == '\'') {
        p->data = s + 1;
        p->n = n - 2;
    }
}

bool cli_params_add(cli_params *params, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return false;
    tarn_param *at = realloc(params->at, (params->n + 1) * sizeof *at);
    if (!at) return false;
    params->at = at;
    at[params->n].name = strndup(text, (size_t)(equals - text));
    if (!at[params->n].name) return false;
    set_value(&at[params->n++], equals + 1);
    return true;
}

void cli_params_free(cli_params *params) {
    for (size_t i = 0; i < params->n; i++) free((void *)(uintptr_t)params->at[i].name);
    free(params->at);
    *params = (cli_params){0};
}

/* Past a quoted text or a comment that begins at sql[i]; `i` itself where there is none. */
static size_t skip_quoted(const char *sql, size_t n, size_t i) {
    char quote = sql[i];
    if (quote == '\'' || quote == '"' || quote == '`') {
        for (i++; i < n && sql[i] != quote;) i++;
        return i < n ? i + 1 : n;
    }
    size_t blank = i + 1 < n && (sql[i] == '-' || sql[i] == '/') ? cli_skip_blank(sql + i, n - i) : 0;
    return i + blank;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

/* The parameter that begins at sql[i]: bytes of its name after the sign; 0: none. A colon after a colon or a word is a
 * cast or a slice. */
static size_t name_at(const char *sql, size_t n, size_t i) {
    bool dollar = sql[i] == '$', colon = sql[i] == ':' && !(i && (sql[i - 1] == ':' || is_word(sql[i - 1])));
    size_t end = i + 1;
    if (!dollar && !colon) return 0;
    while (end < n && is_word(sql[end])) end++;
    return end - i - 1;
}

/* Calls see() for each $name, :name, $1; "?" for each ?. */
static void each_param(const char *sql, size_t n, void (*see)(void *state, const char *name, size_t length),
                       void *state) {
    for (size_t i = 0; i < n;) {
        size_t past = skip_quoted(sql, n, i), length = past > i ? 0 : name_at(sql, n, i);
        if (past > i) {
            i = past;
            continue;
        }
        if (length)
            see(state, sql + i + 1, length);
        else if (sql[i] == '?')
            see(state, "?", 1);
        i += length + 1;
    }
}

typedef struct wanted {
    const cli_params *params;
    bool *named; /* by place in params */
    long questions, highest;
} wanted;

static void see_param(void *state, const char *name, size_t length) {
    wanted *w = state;
    if (*name == '?') w->questions++;
    long number = isdigit((unsigned char)*name) ? strtol(name, NULL, 10) : 0;
    if (number > w->highest) w->highest = number;
    for (size_t i = 0; i < w->params->n; i++)
        if (strlen(w->params->at[i].name) == length && strncasecmp(w->params->at[i].name, name, length) == 0)
            w->named[i] = true;
}

static const tarn_param *numbered(const cli_params *params, long number) {
    char name[24];
    snprintf(name, sizeof name, "%ld", number);
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->at[i].name, name) == 0) return &params->at[i];
    return NULL;
}

tarn_code cli_params_for(const cli_params *params, const char *sql, size_t n, tarn_param *out, size_t *n_out,
                         tarn_error *error) {
    wanted w = {params, calloc(params->n + 1, sizeof(bool)), 0, 0};
    *n_out = 0;
    if (!w.named) return cli_error(error, TARN_NOMEM, "out of memory");
    if (params->n) each_param(sql, n, see_param, &w);
    for (size_t i = 0; i < params->n; i++)
        if (w.named[i] && !isdigit((unsigned char)*params->at[i].name)) out[(*n_out)++] = params->at[i];
    free(w.named);
    long last = w.questions > w.highest ? w.questions : w.highest;
    for (long k = 1; params->n && k <= last && k <= NUMBERS_MAX; k++) {
        const tarn_param *p = numbered(params, k);
        if (!p) return cli_error(error, TARN_INVALID, "parameter %ld has no value; give --param %ld=value", k, k);
        out[*n_out] = *p;
        out[(*n_out)++].name = NULL;
    }
    return TARN_OK;
}
