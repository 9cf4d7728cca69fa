#include "test.h"

#include <stdlib.h>
#include <time.h>

#include "cli/until.h"

#define NOW INT64_C(1795348800) // 2026-11-22 12:00 UTC

TEST(times_are_read_as_people_write_them)
{
    static const struct {
        const char *text;
        int64_t want; // seconds from NOW; 0: refused
    } cases[] = {
        {"+2h", 7200},
        {"+90m", 5400},
        {"+3s", 3},
        {"+1d", 86400},
        {"+2w", 1209600},
        {"13:00", 3600},
        {"12:00", 86400}, // now is over: tomorrow's
        {"11:59", 86400 - 60},
        {"today 18:30", 23400},
        {"today 11:00", 0},
        {"tomorrow 18:00", 108000},
        {"tomorrow 11:00", 82800},
        {"2026-11-22T18:00", 21600},
        {"2026-11-22 18:00", 21600},
        {"2026-11-22T18:00:05", 21605},
        {"2026-11-22T18:00Z", 21600},
        {"2026-11-22T18:00+01:00", 18000},
        {"2026-11-22T18:00-02:30", 30600},
        {"2026-11-22T11:00", 0},
        {"2026-06-31T11:00", 0},
        {"2027-02-29T11:00", 0},
        {"2028-11-22T11:00", 0},
        {"", 0},
        {"+", 0},
        {"+h", 0},
        {"+2", 0},
        {"+0h", 0},
        {"+2y", 0},
        {"+-2h", 0},
        {"+99999999999999999999h", 0},
        {"2h", 0},
        {"24:00", 0},
        {"9:00", 0},
        {"18:00 tomorrow", 0},
        {"tomorrow", 0},
        {"soon", 0},
        {"2026-11-22", 0},
        {"2026-11-22T18:00X", 0},
        {"2026-11-22T18:00+1", 0},
        {"2026-11-22T18:00Zx", 0},
        {"13:00x", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct diag d = {.text = ""};
        int64_t at = 0;
        CASE(cases[i].text);
        EQ_INT(until_parse(cases[i].text, NOW, &at, &d),
               cases[i].want == 0 ? ERR_USAGE : OK);
        EQ_INT(at, cases[i].want == 0 ? 0 : NOW + cases[i].want);
        EQ_INT(d.text[0] != '\0', cases[i].want == 0);
    }
}

TEST(an_hour_that_summer_time_skips_is_no_time)
{
    int64_t at = 0;
    EQ_INT(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();
    EQ_INT(until_parse("2027-03-28T02:30", NOW, &at, NULL), ERR_USAGE);
    EQ_INT(until_parse("2027-03-28T03:30", NOW, &at, NULL), OK);
    EQ_INT(setenv("TZ", "UTC", 1), 0);
    tzset();
}

TEST(a_time_is_shown_as_it_can_be_written)
{
    char text[UNTIL_TEXT_SIZE];
    until_text(NOW + 3600, text);
    EQ_STR(text, "2026-11-22 13:00 UTC");
}

int main(void)
{
    if (setenv("TZ", "UTC", 1) != 0) {
        return 1;
    }
    tzset();
    const struct CMUnitTest tests[] = {T(times_are_read_as_people_write_them),
                                       T(an_hour_that_summer_time_skips_is_no_time),
                                       T(a_time_is_shown_as_it_can_be_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
