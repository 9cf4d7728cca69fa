#include "cli/until.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/text.h"

#define DAY_S   (INT64_C(24) * 3600)
#define AHEAD_S (366 * DAY_S) // the host takes no more

struct reading {
    const char *at;
    struct tm tm;
};

static bool digits(struct reading *r, unsigned n, int least, int most, int *out)
{
    int value = 0;
    for (unsigned i = 0; i < n; i++) {
        if (r->at[i] < '0' || r->at[i] > '9') {
            return false;
        }
        value = value * 10 + (r->at[i] - '0');
    }
    r->at += n;
    *out = value;
    return value >= least && value <= most;
}

static bool skip(struct reading *r, const char *word)
{
    const size_t len = strlen(word);
    if (strncmp(r->at, word, len) != 0) {
        return false;
    }
    r->at += len;
    return true;
}

static bool read_clock(struct reading *r)
{
    r->tm.tm_sec = 0;
    return digits(r, 2, 0, 23, &r->tm.tm_hour) && skip(r, ":") &&
           digits(r, 2, 0, 59, &r->tm.tm_min) &&
           (!skip(r, ":") || digits(r, 2, 0, 59, &r->tm.tm_sec));
}

static bool read_date(struct reading *r)
{
    if (!digits(r, 4, 1970, 9999, &r->tm.tm_year) || !skip(r, "-") ||
        !digits(r, 2, 1, 12, &r->tm.tm_mon) || !skip(r, "-") ||
        !digits(r, 2, 1, 31, &r->tm.tm_mday)) {
        return false;
    }
    r->tm.tm_year -= 1900;
    r->tm.tm_mon -= 1;
    return true;
}

/* The 31st of June and the hour that summer time skips come out as another time. */
static bool finish(const struct tm *asked, time_t (*make)(struct tm *tm), int64_t *out)
{
    struct tm tm = *asked;
    tm.tm_isdst = -1;
    *out = (int64_t)make(&tm);
    return tm.tm_mday == asked->tm_mday && tm.tm_hour == asked->tm_hour &&
           tm.tm_min == asked->tm_min;
}

/* "+2h" */
static bool read_span(const char *text, int64_t now_s, int64_t *out)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', DAY_S}, {'w', 7 * DAY_S}};
    uint64_t n = 0;
    const size_t len = strlen(text);
    if (len < 3 || text[0] != '+' ||
        u64_parse((struct bytes){(const uint8_t *)text + 1, len - 2}, AHEAD_S, &n) !=
            OK) {
        return false;
    }
    for (size_t i = 0; i < COUNT(units); i++) {
        if (text[len - 1] == units[i].unit) {
            *out = now_s + (int64_t)n * units[i].seconds;
            return true;
        }
    }
    return false;
}

/* "18:00", "today 18:00", "tomorrow 18:00" */
static bool read_near(const char *text, int64_t now_s, int64_t *out)
{
    struct reading r = {.at = text};
    const time_t now = (time_t)now_s;
    if (localtime_r(&now, &r.tm) == NULL) {
        return false;
    }
    const bool today = skip(&r, "today ");
    const bool tomorrow = !today && skip(&r, "tomorrow ");
    const int day = r.tm.tm_mday;
    if (!read_clock(&r) || *r.at != '\0') {
        return false;
    }
    r.tm.tm_isdst = -1;
    r.tm.tm_mday = day + (tomorrow ? 1 : 0);
    *out = (int64_t)mktime(&r.tm);
    if (!today && !tomorrow && *out <= now_s) {
        r.tm.tm_isdst = -1;
        r.tm.tm_mday++;
        *out = (int64_t)mktime(&r.tm);
    }
    return true;
}

/* "2026-11-22T18:00+01:00" */
static bool read_iso(const char *text, int64_t *out)
{
    struct reading r = {.at = text};
    int hours = 0;
    int minutes = 0;
    if (!read_date(&r) || !(skip(&r, "T") || skip(&r, " ")) || !read_clock(&r)) {
        return false;
    }
    if (*r.at == '\0') {
        return finish(&r.tm, mktime, out);
    }
    const bool east = *r.at == '+';
    if (skip(&r, "Z")) {
        return *r.at == '\0' && finish(&r.tm, timegm, out);
    }
    if (!(skip(&r, "+") || skip(&r, "-")) || !digits(&r, 2, 0, 14, &hours) ||
        !skip(&r, ":") || !digits(&r, 2, 0, 59, &minutes) || *r.at != '\0' ||
        !finish(&r.tm, timegm, out)) {
        return false;
    }
    const int64_t offset = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *out += east ? -offset : offset;
    return true;
}

enum err until_parse(const char *text, int64_t now_s, int64_t *out_s, struct diag *diag)
{
    int64_t at = 0;
    if (!read_span(text, now_s, &at) && !read_near(text, now_s, &at) &&
        !read_iso(text, &at)) {
        diag_set(diag,
                 "'%s' is no time: write +2h, 18:00, \"tomorrow 18:00\" or "
                 "2026-11-22T18:00",
                 text);
        return ERR_USAGE;
    }
    if (at <= now_s || at > now_s + AHEAD_S) {
        diag_set(diag,
                 at <= now_s ? "'%s' is over already" : "'%s' is over a year ahead",
                 text);
        return ERR_USAGE;
    }
    *out_s = at;
    return OK;
}

void until_text(int64_t at_s, char out[UNTIL_TEXT_SIZE])
{
    const time_t at = (time_t)at_s;
    struct tm tm = {0};
    if (localtime_r(&at, &tm) == NULL ||
        strftime(out, UNTIL_TEXT_SIZE, "%Y-%m-%d %H:%M %Z", &tm) == 0) {
        out[0] = '\0';
    }
}
