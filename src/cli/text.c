/* text.c: growing text, and how strange characters are shown. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_buf_free(cli_buf *b) {
    free(b->p);
    *b = (cli_buf){0};
}

char *cli_room(cli_buf *b, size_t n) {
    if (b->cap - b->n < n + 1) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap - b->n < n + 1 && cap < SIZE_MAX / 2) cap *= 2;
        char *p = cap - b->n < n + 1 ? NULL : realloc(b->p, cap);
        if (!p) {
            fputs("tarn: NOMEM: out of memory\n", stderr);
            exit(1);
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void cli_add(cli_buf *b, const char *p, size_t n) {
    char *to = cli_room(b, n);
    if (n) memcpy(to, p, n);
    b->n += n;
}

void cli_puts(cli_buf *b, const char *s) { cli_add(b, s, strlen(s)); }

void cli_putc(cli_buf *b, char c) {
    *cli_room(b, 1) = c;
    b->n++;
}

void cli_pad(cli_buf *b, char c, size_t n) {
    memset(cli_room(b, n), c, n);
    b->n += n;
}

void cli_printf(cli_buf *b, const char *format, ...) {
    for (size_t room = 64;;) {
        char *to = cli_room(b, room);
        va_list args;
        va_start(args, format);
        int n = vsnprintf(to, room + 1, format, args);
        va_end(args);
        if (n < 0) return;
        if ((size_t)n <= room) {
            b->n += (size_t)n;
            return;
        }
        room = (size_t)n;
    }
}

const char *cli_text(cli_buf *b) {
    *cli_room(b, 0) = 0;
    return b->p;
}

/* Unicode 15, table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF. */
size_t cli_decode(const char *p, size_t n, uint32_t *out) {
    const unsigned char *s = (const unsigned char *)p;
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint32_t c = length == 1 ? s[0] : s[0] & (0x7fu >> length);
    bool ok = length == 1 || (s[0] >= 0xc2 && s[0] <= 0xf4 && length <= n);
    for (size_t i = 1; ok && i < length; i++) {
        ok = (s[i] & 0xc0) == 0x80;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (length == 3) ok = ok && c >= 0x800 && (c < 0xd800 || c > 0xdfff);
    if (length == 4) ok = ok && c >= 0x10000 && c <= 0x10ffff;
    *out = ok ? c : 0xfffd;
    return ok ? length : 1;
}

typedef struct range {
    uint32_t first, last;
} range;

/* Unicode 15: marks that stand on the character before them, and East Asian Wide and Fullwidth with emoji; blocks
 * rather than single characters. */
static const range narrowest[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489},   {0x0591, 0x05bd},   {0x05bf, 0x05bf}, {0x05c1, 0x05c2}, {0x05c4, 0x05c5},
    {0x0610, 0x061a}, {0x064b, 0x065f},   {0x0670, 0x0670},   {0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x06e7, 0x06e8},
    {0x06ea, 0x06ed}, {0x093a, 0x093a},   {0x093c, 0x093c},   {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x1ab0, 0x1ace},   {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x202a, 0x202e},
    {0x2060, 0x2064}, {0x20d0, 0x20f0},   {0x302a, 0x302d},   {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff}, {0xe0000, 0xe01ef},
};
static const range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615}, {0x26a1, 0x26a1}, {0x2705, 0x2705},
    {0x274c, 0x274c},   {0x2b50, 0x2b50},   {0x2e80, 0x303e},   {0x3041, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97c},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

static bool is_in(const range *ranges, size_t n, uint32_t c) {
    for (size_t i = 0; i < n && ranges[i].first <= c; i++)
        if (c <= ranges[i].last) return true;
    return false;
}

int cli_width(uint32_t c) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return 0;
    if (c < 0x300) return 1;
    if (is_in(narrowest, sizeof narrowest / sizeof *narrowest, c)) return 0;
    return is_in(wide, sizeof wide / sizeof *wide, c) ? 2 : 1;
}

static size_t plain_run(const char *p, size_t n) {
    size_t i = 0;
    while (i < n && p[i] >= 0x20 && p[i] < 0x7f) i++;
    return i;
}

/* Line ends, terminal escapes, and the marks that turn the direction of what follows. */
static bool is_hostile(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t cli_add_visible(cli_buf *b, const char *p, size_t n) {
    size_t columns = 0;
    for (size_t i = 0; i < n;) {
        size_t run = plain_run(p + i, n - i), before = b->n;
        uint32_t c;
        cli_add(b, p + i, run);
        columns += run;
        if ((i += run) == n) break;
        size_t length = cli_decode(p + i, n - i, &c);
        before = b->n;
        if (c == '\n')
            cli_puts(b, "\\n");
        else if (c == '\t')
            cli_puts(b, "\\t");
        else if (c == '\r')
            cli_puts(b, "\\r");
        else if (is_hostile(c))
            cli_printf(b, "\\u%04x", c);
        else if (c == 0xfffd)
            cli_puts(b, "\xef\xbf\xbd");
        else
            cli_add(b, p + i, length);
        columns += is_hostile(c) ? b->n - before : (size_t)cli_width(c);
        i += length;
    }
    return columns;
}

void cli_add_json_string(cli_buf *b, const char *p, size_t n) {
    static const char letters[] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\'};
    cli_putc(b, '"');
    for (size_t i = 0; i < n;) {
        size_t run = 0;
        while (i + run < n && p[i + run] >= 0x20 && p[i + run] < 0x7f && p[i + run] != '"' && p[i + run] != '\\') run++;
        cli_add(b, p + i, run);
        if ((i += run) == n) break;
        uint32_t c;
        size_t length = cli_decode(p + i, n - i, &c);
        if (c < sizeof letters && letters[c])
            cli_add(b, (char[]){'\\', letters[c]}, 2);
        else if (c < 0x20 || c == 0x7f)
            cli_printf(b, "\\u%04x", c);
        else if (c == 0xfffd)
            cli_puts(b, "\xef\xbf\xbd");
        else
            cli_add(b, p + i, length);
        i += length;
    }
    cli_putc(b, '"');
}
