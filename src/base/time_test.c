/* time_test.c: the calendar agrees with itself day by day; texts are strict and in range. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_civil(void **state) {
    (void)state;
    assert_int_equal(tarn_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(tarn_days_from_civil(2000, 2, 29), 11016);
    assert_int_equal(tarn_days_from_civil(1, 1, 1), -719162);
    assert_int_equal(tarn_days_from_civil(0, 3, 1), -719468);
    assert_int_equal(tarn_days_from_civil(9999, 12, 31), 2932896);
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = -801, y;
    int month = 1, day = 1, m, d;
    for (int64_t days = tarn_days_from_civil(year, 1, 1); year < 2801; days++) {
        tarn_civil_from_days(days, &y, &m, &d);
        if (y != year || m != month || d != day || tarn_days_from_civil(year, month, day) != days)
            fail_msg("day %lld", (long long)days);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (++day <= lengths[month - 1] + (month == 2 && leap)) continue;
        day = 1;
        if (++month <= 12) continue;
        month = 1;
        year++;
    }
}

static void test_dates(void **state) {
    (void)state;
    static const char *const good[] = {"0001-01-01", "9999-12-31",  "2024-02-29",    "0000-02-29",    "-0001-12-31",
                                       "1969-12-31", "10000-01-01", "5881580-07-11", "-5877641-06-23"};
    char text[TARN_TIME_TEXT];
    int32_t days = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(tarn_parse_date(tarn_str_of(good[i]), &days));
        assert_int_equal(tarn_format_date(days, text), strlen(good[i]));
        assert_string_equal(text, good[i]);
    }
    assert_int_equal(days, INT32_MIN);
    assert_true(tarn_parse_date(TARN_LIT("+12026-01-31"), &days));
    assert_true(tarn_parse_date(TARN_LIT("5881580-07-11"), &days) && days == INT32_MAX);
    static const char *const bad[] = {"",
                                      "-",
                                      "2023-02-29",
                                      "1900-02-29",
                                      "2026-00-01",
                                      "2026-13-01",
                                      "2026-01-00",
                                      "2026-04-31",
                                      "2026-1-1",
                                      "26-01-01",
                                      "2026-01-01 ",
                                      " 2026-01-01",
                                      "2026-01-011",
                                      "2026/01/01",
                                      "+-2026-01-01",
                                      "5881580-07-12",
                                      "-5877641-06-22",
                                      "99999999-01-01",
                                      "2026-01",
                                      "2026-01-",
                                      "--001-01-01"};
    days = 5;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(tarn_parse_date(tarn_str_of(bad[i]), &days));
    assert_false(tarn_parse_date((tarn_str){NULL, 0}, &days));
    assert_int_equal(days, 5);
}

static void test_timestamps(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
        bool zoned;
    } good[] = {
        {"1970-01-01", 0, false},
        {"1970-01-01T00:00:00Z", 0, true},
        {"1970-01-01 00:01", 60000000, false},
        {"1970-01-01T00:00:01.5", 1500000, false},
        {"1970-01-01T00:00:00.1234567", 123456, false},
        {"1969-12-31T23:59:59.999999999Z", -1, true},
        {"1970-01-01T01:00:00+01:00", 0, true},
        {"1970-01-01 00:00:00-09:30", 34200000000, true},
        {"1970-01-01T02:00+02", 0, true},
        {"2026-01-31T12:34:56.789Z", 1769862896789000, true},
        {"0001-01-01T00:00:00Z", -62135596800000000, true},
        {"9999-12-31 23:59:59.999999", 253402300799999999, false},
        {"-0001-01-01", -62198755200000000, false},
        {"294247-01-10T04:00:54.775807Z", INT64_MAX, true},
        {"-290308-12-21T19:59:05.224192Z", INT64_MIN, true},
        {"294247-01-10T05:00:54.775807+01:00", INT64_MAX, true},
    };
    int64_t us = 0;
    bool zoned = false;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bool ok = tarn_parse_timestamp(tarn_str_of(good[i].text), &us, &zoned);
        if (!ok || us != good[i].us || zoned != good[i].zoned) fail_msg("%s: %lld", good[i].text, (long long)us);
    }
    static const char *const bad[] = {"",
                                      "1970-01-01T",
                                      "1970-01-01T00",
                                      "1970-01-01T24:00",
                                      "1970-01-01T00:60",
                                      "1970-01-01T00:00:60",
                                      "1970-01-01T00:00:00.",
                                      "1970-01-01T00:00:00.1234567890",
                                      "1970-01-01T00:00:00+",
                                      "1970-01-01T00:00:00+1",
                                      "1970-01-01T00:00:00+01:",
                                      "1970-01-01T00:00:00+24:00",
                                      "1970-01-01T00:00:00+01:60",
                                      "1970-01-01T00:00:00ZZ",
                                      "1970-01-01Z",
                                      "1970-01-01_00:00",
                                      "1970-01-01T00:00:00 UTC",
                                      "294247-01-10T04:00:54.775808Z",
                                      "-290308-12-21T19:59:05.224191Z",
                                      "9999999-01-01",
                                      "1970-02-30T00:00"};
    us = 5;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tarn_parse_timestamp(tarn_str_of(bad[i]), &us, &zoned));
    assert_int_equal(us, 5);
}

static void test_format_timestamp(void **state) {
    (void)state;
    char text[TARN_TIME_TEXT];
    tarn_format_timestamp(-1, 'T', 3, "Z", text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    tarn_format_timestamp(-1, ' ', 0, "", text);
    assert_string_equal(text, "1969-12-31 23:59:59");
    assert_int_equal(tarn_format_timestamp(INT64_MIN, 'T', 6, "+00:00", text), 35);
    assert_string_equal(text, "-290308-12-21T19:59:05.224192+00:00");
    tarn_format_timestamp(INT64_MAX, 'T', 6, "", text);
    assert_string_equal(text, "294247-01-10T04:00:54.775807");
    assert_int_equal(tarn_format_timestamp(0, 'T', 6, " a suffix that is too long", text), TARN_TIME_TEXT - 1);
    assert_int_equal(strlen(text), TARN_TIME_TEXT - 1);
    srand(3);
    for (int i = 0; i < 20000; i++) {
        int64_t us = (int64_t)((uint64_t)rand() << 40 ^ (uint64_t)rand() << 20 ^ (uint64_t)rand()), back;
        bool zoned;
        int n = tarn_format_timestamp(us, ' ', 6, "Z", text);
        assert_true(tarn_parse_timestamp((tarn_str){text, (size_t)n}, &back, &zoned));
        assert_true(back == us && zoned);
    }
}

static void test_intervals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"interval 30 days", 2592000000},
        {"7 days 12 hours", 648000000},
        {"168 hours", 604800000},
        {"1 week", 604800000},
        {"INTERVAL 1 Week", 604800000},
        {"60s", 60000},
        {"5ms", 5},
        {"0 seconds", 0},
        {"500 microseconds 500us", 1},
        {"1h30m", 5400000},
        {" interval\t2 min ", 120000},
        {"", -1},
        {"interval", -1},
        {"interval ", -1},
        {"1", -1},
        {"days", -1},
        {"1 month", -1},
        {"2 years", -1},
        {"-1 day", -1},
        {"1.5 hours", -1},
        {"1 day,", -1},
        {"interval1day", 86400000},
        {"999999999999999999 weeks", -1},
        {"9999999999999999999 s", -1},
        {"106751991167 days", 9223372036828800000},
        {"106751991168 days", -1},
        {"1 daysx", -1},
        {"1 hs", -1},
        {"1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        bool ok = tarn_parse_interval_ms(tarn_str_of(cases[i].text), &ms);
        if (ok != (cases[i].ms >= 0) || ms != cases[i].ms) fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

/* Exact allocations, so that a read past the end is seen. */
static void test_random_bytes(void **state) {
    (void)state;
    static const char seedling[] = "-2026-01-31T12:34:56.789+01:30";
    srand(4);
    for (int i = 0; i < 100000; i++) {
        size_t n = 1 + (size_t)rand() % (sizeof seedling - 1);
        char *text = malloc(n);
        memcpy(text, seedling + (size_t)rand() % 2 * (n < sizeof seedling - 1), n);
        for (int k = rand() % 3; k; k--) text[(size_t)rand() % n] = (char)("0123456789-:+. TZ\xff"[rand() % 18]);
        tarn_str s = {text, n};
        int64_t us, ms;
        int32_t days;
        bool zoned;
        if (tarn_parse_date(s, &days))
            assert_true(tarn_parse_timestamp(s, &us, &zoned) || days > 106751991 || days < -106751992);
        if (tarn_parse_timestamp(s, &us, &zoned)) assert_true(n >= 10);
        assert_false(tarn_parse_interval_ms(s, &ms));
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil),      cmocka_unit_test(test_dates),
        cmocka_unit_test(test_timestamps), cmocka_unit_test(test_format_timestamp),
        cmocka_unit_test(test_intervals),  cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
