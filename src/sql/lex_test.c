/* lex_test.c: tokens of every kind, open quotes, splitting of scripts, and errors that point into the text. */
#include "sql/lex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static tarn_conf *conf;

static int set_up(void **state) {
    (void)state;
    return (conf = tarn_conf_defaults()) ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    tarn_conf_free(conf);
    return 0;
}

/* Kinds as letters, one a token: w word, n name, s string, # number, p parameter, o operator. */
static void check_kinds(const char *text, const char *kinds, const char *last) {
    static const char letters[] = {
        [TARN_T_END] = 0,      [TARN_T_WORD] = 'w',  [TARN_T_NAME] = 'n', [TARN_T_STRING] = 's',
        [TARN_T_NUMBER] = '#', [TARN_T_PARAM] = 'p', [TARN_T_OP] = 'o'};
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_tokens tokens;
    if (tarn_lex(&cx, tarn_str_of(text), &tokens) != TARN_OK) fail_msg("%s: %s", text, cx.error.message);
    char found[64] = "";
    assert_true(tokens.tokens.n < sizeof found);
    for (size_t i = 0; i < tokens.tokens.n; i++) found[i] = letters[tokens.tokens.at[i].kind];
    assert_string_equal(found, kinds);
    if (last) {
        const tarn_token *token = &tokens.tokens.at[tokens.tokens.n - 2];
        assert_true(tarn_str_is((tarn_str){text + token->at, token->n}, last));
    }
    tarn_cx_done(&cx);
}

static void test_kinds(void **state) {
    (void)state;
    check_kinds("", "", NULL);
    check_kinds(" \t\r\n-- x", "", NULL);
    check_kinds("SELECT größe METADATA$ACTION", "www", "METADATA$ACTION");
    check_kinds("\"a\"\"b\" `c``d`", "nn", "`c``d`");
    check_kinds("'it''s' E'a\\'b' e''", "sss", "e''");
    check_kinds("$$a$$ $t$ $$ $u$ $t$", "ss", "$t$ $$ $u$ $t$");
    check_kinds("1 1.5 .5 1e3 1E-3 0x1F 1_000 1. 2", "#########", "2");
    check_kinds("1..2 a.1", "#o#w#", ".1");
    check_kinds("$1 $name ? $_x", "pppp", "$_x");
    check_kinds("a->>b::c", "wowow", "c");
    check_kinds("<=> != >= || := => ->", "ooooooo", "->");
    check_kinds("/* a /* b */ c */x", "w", "x");
    check_kinds("a--b\nc", "ww", "c");
    check_kinds("1-/**/-1", "#oo#", "1");
}

static void test_open_things(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int line, column;
    } cases[] = {{"a 'b", 1, 3},       {"a\n  \"b", 2, 3}, {"é `b``", 1, 3}, {"E'\\'", 1, 1},
                 {"x /* /* */", 1, 3}, {"$a$ $b$", 1, 1},  {"\xff", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        tarn_tokens tokens;
        assert_int_equal(tarn_lex(&cx, tarn_str_of(cases[i].text), &tokens), TARN_INVALID);
        assert_int_equal(cx.error.line, cases[i].line);
        assert_int_equal(cx.error.column, cases[i].column);
        tarn_cx_done(&cx);
    }
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_tokens tokens;
    assert_int_equal(tarn_lex(&cx, TARN_LIT("SELECT \0 1"), &tokens), TARN_INVALID);
    tarn_cx_done(&cx);
}

static void test_statements(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool final;
        size_t n;
    } cases[] = {
        {"a; b", false, 2},      {"a", false, 0},         {"a", true, 1},     {"';' ; b", false, 5},
        {"-- ;\na;b", false, 7}, {"/* ; */ ;", false, 9}, {"'a; b", true, 0}, {"$$ ; $$;", true, 8},
        {"`;`;", false, 4},      {"", true, 0},           {";;", false, 1},   {"f(;", false, 3},
        {"E'\\';';", true, 7},   {"/* a", true, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tarn_lex_statement(cases[i].text, strlen(cases[i].text), cases[i].final), cases[i].n);
}

static void test_caret(void **state) {
    (void)state;
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    assert_int_equal(
        tarn_fail_at(&cx, TARN_INVALID, TARN_LIT("SELECT 1\nFROM  \tgröße !\nx"), 21, "no %s here", "bang"),
        TARN_INVALID);
    assert_string_equal(cx.error.message, "no bang here");
    assert_int_equal(cx.error.line, 2);
    assert_int_equal(cx.error.column, 12);
    assert_string_equal(cx.error.hint, "FROM   größe !\n           ^");
    tarn_fail_at(&cx, TARN_INVALID, TARN_LIT("SELECT 1 \n\n"), 11, "more");
    assert_string_equal(cx.error.hint, "SELECT 1 \n        ^");
    tarn_fail_at(&cx, TARN_INVALID, TARN_LIT(""), 5, "nothing");
    assert_string_equal(cx.error.hint, "\n^");
    tarn_cx_done(&cx);
}

static void test_long_line(void **state) {
    (void)state;
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_buf text = TARN_BUF(100000);
    for (int i = 0; i < 5000; i++) tarn_buf_puts(&text, "\xf0\x9f\x98\x80");
    size_t at = text.n;
    tarn_buf_puts(&text, "!");
    for (int i = 0; i < 5000; i++) tarn_buf_puts(&text, "\xf0\x9f\x98\x80");
    tarn_fail_at(&cx, TARN_INVALID, (tarn_str){text.data, text.n}, at, "wide");
    assert_int_equal(cx.error.column, 5001);
    const char *bang = strchr(cx.error.hint, '!'), *line_end = strchr(cx.error.hint, '\n'),
               *caret = strchr(cx.error.hint, '^');
    assert_non_null(bang);
    assert_non_null(caret);
    assert_true(bang < line_end);
    /* One ellipsis of three bytes and characters of four stand before the bang. */
    assert_int_equal(caret - line_end - 1, 1 + (bang - cx.error.hint - 3) / 4);
    tarn_buf_free(&text);
    tarn_cx_done(&cx);
}

static void test_limit(void **state) {
    (void)state;
    tarn_cx cx;
    tarn_cx_init(&cx, tarn_conf_copy(conf));
    assert_int_equal(tarn_conf_set(&cx, cx.conf, TARN_LIT("limit.sql_bytes"), TARN_LIT("1024"), TARN_FROM_SET),
                     TARN_OK);
    char text[1025];
    memset(text, ' ', sizeof text);
    tarn_tokens tokens;
    assert_int_equal(tarn_lex(&cx, (tarn_str){text, 1024}, &tokens), TARN_OK);
    assert_int_equal(tarn_lex(&cx, (tarn_str){text, 1025}, &tokens), TARN_LIMIT);
    tarn_conf_free(cx.conf);
    tarn_cx_done(&cx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds), cmocka_unit_test(test_open_things), cmocka_unit_test(test_statements),
        cmocka_unit_test(test_caret), cmocka_unit_test(test_long_line),   cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
