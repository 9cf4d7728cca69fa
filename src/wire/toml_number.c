/*
 * Bare words of TOML 1.0: booleans, integers, floats, dates and times.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/toml_read.h"

#define WORD_MAX 128 // no number of ours is longer

/* ---- numbers -------------------------------------------------------------------------- */

static bool is_digit(char c, int base)
{
    if (base == 16) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
               (c >= 'A' && c <= 'F');
    }
    return c >= '0' && c < '0' + base;
}

/* Copies a run of digits without its underscores, each of which must stand between two
 * digits. Returns how many characters were read, 0 when the run is wrong or empty. */
static size_t copy_digits(const char *in, int base, char **to)
{
    size_t i = 0;
    if (!is_digit(in[0], base)) {
        return 0;
    }
    while (is_digit(in[i], base) || in[i] == '_') {
        if (in[i] == '_' && !is_digit(in[i + 1], base)) {
            return 0;
        }
        if (in[i] != '_') {
            *(*to)++ = in[i];
        }
        i++;
    }
    return i;
}

static enum err finish_integer(struct toml *t, const char *digits, int base,
                               json_t **out)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(digits, &end, base);
    if (errno != 0 || *end != '\0') {
        return toml_fail(t, "an integer that does not fit into 64 bits");
    }
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", value);
    return toml_leaf(t, "integer", bytes_from_str(text), json_integer(value), out);
}

static enum err read_prefixed(struct toml *t, const char *word, json_t **out)
{
    char digits[WORD_MAX];
    char *to = digits;
    const int base = word[1] == 'x' ? 16 : word[1] == 'o' ? 8 : 2;
    const size_t n = copy_digits(word + 2, base, &to);
    *to = '\0';
    if (n == 0 || word[2 + n] != '\0') {
        return toml_fail(t, "not a number");
    }
    return finish_integer(t, digits, base, out);
}

static enum err finish_float(struct toml *t, const char *digits, json_t **out)
{
    const double value = strtod(digits, NULL);
    char text[40];
    if (isinf(value)) {
        return toml_fail(t, "a number too large for a float");
    }
    (void)snprintf(text, sizeof(text), "%.17g", value);
    return toml_leaf(t, "float", bytes_from_str(text), json_real(value), out);
}

/* [+-] digits [. digits] [e [+-] digits] */
static enum err read_decimal(struct toml *t, const char *word, json_t **out)
{
    char digits[WORD_MAX + 1];
    char *to = digits;
    bool real = false;
    if (*word == '+' || *word == '-') {
        *to++ = *word++;
    }
    size_t n = copy_digits(word, 10, &to);
    bool ok = n != 0 && !(word[0] == '0' && n > 1);
    word += n;
    if (ok && *word == '.') {
        real = true;
        *to++ = *word++;
        n = copy_digits(word, 10, &to);
        ok = n != 0;
        word += n;
    }
    if (ok && (*word == 'e' || *word == 'E')) {
        real = true;
        *to++ = *word++;
        if (*word == '+' || *word == '-') {
            *to++ = *word++;
        }
        n = copy_digits(word, 10, &to);
        ok = n != 0;
        word += n;
    }
    *to = '\0';
    if (!ok || *word != '\0') {
        return toml_fail(t, "not a value");
    }
    return real ? finish_float(t, digits, out) : finish_integer(t, digits, 10, out);
}

static enum err read_special(struct toml *t, const char *word, bool *found,
                             json_t **out)
{
    const char *bare = word + (*word == '+' || *word == '-' ? 1 : 0);
    *found = strcmp(bare, "inf") == 0 || strcmp(bare, "nan") == 0;
    if (!*found) {
        return OK;
    }
    if (!t->tagged) {
        diag_set(t->diag, "line %u: %s has no meaning here", t->line, word);
        return ERR_USAGE;
    }
    const char *text = bare[0] == 'n' || *word != '-' ? bare : word;
    return toml_leaf(t, "float", bytes_from_str(text), NULL, out);
}

/* ---- dates and times --------------------------------------------------------------------- */

/* Exactly `n` digits within the range; the text moves on. */
static bool take_number(const char **in, int n, int least, int most, int *out)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (!is_digit((*in)[i], 10)) {
            return false;
        }
        value = value * 10 + ((*in)[i] - '0');
    }
    *in += n;
    *out = value;
    return value >= least && value <= most;
}

static bool take_char(const char **in, char c)
{
    if (**in != c) {
        return false;
    }
    (*in)++;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool take_date(const char **in)
{
    int year;
    int month;
    int day;
    return take_number(in, 4, 0, 9999, &year) && take_char(in, '-') &&
           take_number(in, 2, 1, 12, &month) && take_char(in, '-') &&
           take_number(in, 2, 1, days_in(year, month), &day);
}

static bool take_time(const char **in)
{
    int n;
    if (!take_number(in, 2, 0, 23, &n) || !take_char(in, ':') ||
        !take_number(in, 2, 0, 59, &n) || !take_char(in, ':') ||
        !take_number(in, 2, 0, 60, &n)) {
        return false;
    }
    if (take_char(in, '.')) {
        if (!is_digit(**in, 10)) {
            return false;
        }
        while (is_digit(**in, 10)) {
            (*in)++;
        }
    }
    return true;
}

static bool take_offset(const char **in)
{
    int n;
    if (take_char(in, 'Z')) {
        return true;
    }
    return (take_char(in, '+') || take_char(in, '-')) &&
           take_number(in, 2, 0, 23, &n) && take_char(in, ':') &&
           take_number(in, 2, 0, 59, &n);
}

static const char *kind_of_date(const char *word)
{
    if (word[2] == ':') {
        return take_time(&word) && *word == '\0' ? "time-local" : NULL;
    }
    if (!take_date(&word)) {
        return NULL;
    }
    if (*word == '\0') {
        return "date-local";
    }
    if (!take_char(&word, 'T') || !take_time(&word)) {
        return NULL;
    }
    if (*word == '\0') {
        return "datetime-local";
    }
    return take_offset(&word) && *word == '\0' ? "datetime" : NULL;
}

static bool looks_like_date(const char *word)
{
    const size_t len = strlen(word);
    return (len >= 3 && word[2] == ':') ||
           (len >= 5 && word[4] == '-' && is_digit(word[0], 10));
}

/* One spelling: "T" between the halves, "Z" large. */
static enum err read_date(struct toml *t, char *word, json_t **out)
{
    for (char *c = word; *c != '\0'; c++) {
        if (*c == 't' || *c == ' ') {
            *c = 'T';
        } else if (*c == 'z') {
            *c = 'Z';
        }
    }
    const char *kind = kind_of_date(word);
    if (kind == NULL) {
        return toml_fail(t, "not a date or a time");
    }
    const struct bytes text = bytes_from_str(word);
    return toml_leaf(t, kind, text, json_string(word), out);
}

/* ---- words ---------------------------------------------------------------------------------- */

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("+-_.:", c) != NULL);
}

/* A space may stand between a date and a time, and nowhere else. */
static bool joins_time(const struct toml *t, size_t len)
{
    return len == 10 && t->end - t->at >= 4 && t->at[0] == ' ' && t->at[3] == ':' &&
           is_digit((char)t->at[1], 10);
}

static enum err take_word(struct toml *t, char *out)
{
    size_t len = 0;
    while (t->at < t->end &&
           (is_word(*t->at) || (looks_like_date(out) && joins_time(t, len)))) {
        if (len + 1 == WORD_MAX) {
            return toml_fail(t, "a value is missing, or is longer than any number");
        }
        out[len++] = (char)*t->at++;
        out[len] = '\0';
    }
    return len == 0 ? toml_fail(t, "a value is missing") : OK;
}

enum err toml_read_word(struct toml *t, json_t **out)
{
    char word[WORD_MAX] = "";
    bool found = false;
    enum err e = take_word(t, word);
    if (e != OK) {
        return e;
    }
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        return toml_leaf(t, "bool", bytes_from_str(word), json_boolean(word[0] == 't'),
                         out);
    }
    e = read_special(t, word, &found, out);
    if (e != OK || found) {
        return e;
    }
    if (looks_like_date(word)) {
        return read_date(t, word, out);
    }
    if (word[0] == '0' && word[1] != '\0' && strchr("xob", word[1]) != NULL) {
        return read_prefixed(t, word, out);
    }
    return read_decimal(t, word, out);
}
