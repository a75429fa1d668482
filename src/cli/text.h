/* text.h: growing text, UTF-8 as terminals and JSON want it, and output through one buffer. */
#ifndef TARN_CLI_TEXT_H
#define TARN_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growing text; running out of memory ends the program. Starts as {0}. */
typedef struct cli_buf {
    char *p;
    size_t n, cap;
} cli_buf;

void cli_buf_free(cli_buf *b);
/* Room for `n` more bytes at the end; *n of the buffer is the caller's to move. */
char *cli_room(cli_buf *b, size_t n);
void cli_add(cli_buf *b, const char *p, size_t n);
void cli_puts(cli_buf *b, const char *s);
void cli_putc(cli_buf *b, char c);
void cli_pad(cli_buf *b, char c, size_t n);
void cli_printf(cli_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Always ended by a NUL that does not count. */
const char *cli_text(cli_buf *b);

/* One code point at p[0..n), n > 0: its bytes; broken UTF-8 is one byte and U+FFFD. */
size_t cli_decode(const char *p, size_t n, uint32_t *out);
/* Columns on a terminal; control characters have none. */
int cli_width(uint32_t c);
/* The text on one line: control characters escaped, broken UTF-8 replaced. Returns its columns. */
size_t cli_add_visible(cli_buf *b, const char *p, size_t n);
/* A JSON string with its quotes; broken UTF-8 replaced. */
void cli_add_json_string(cli_buf *b, const char *p, size_t n);

#define cli_auto_buf __attribute__((cleanup(cli_buf_free))) cli_buf

#endif
