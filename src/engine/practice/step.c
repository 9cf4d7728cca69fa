#include "engine/practice/step.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define STEP_WORD_ROW(name, argument, kind, text, count, pace_ms, takes_numbers) \
    {name, argument, kind, text, count, pace_ms, takes_numbers},
const struct step_word step_words[] = {STEP_WORDS(STEP_WORD_ROW)};
#undef STEP_WORD_ROW
const size_t step_n_words = COUNT(step_words);

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes step_trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.at[0])) {
        text = bytes_sub(text, 1, text.len);
    }
    while (text.len > 0 && is_blank(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

struct bytes step_split(struct bytes *rest, const char *mark)
{
    const struct bytes all = *rest;
    const uint8_t *found =
        all.at == NULL ? NULL : memmem(all.at, all.len, mark, strlen(mark));
    if (found == NULL) {
        *rest = BYTES_NONE;
        return step_trim(all);
    }
    const size_t at = (size_t)(found - all.at);
    const size_t past = at + strlen(mark);
    *rest = (struct bytes){all.at + past, all.len - past}; // empty is not "no mark"
    return step_trim(bytes_sub(all, 0, at));
}

/* The first word of the line, lower case letters only; the rest is the argument. */
static struct bytes first_word(struct bytes *line)
{
    size_t n = 0;
    while (n < line->len && isalpha(line->at[n]) != 0) {
        n++;
    }
    const struct bytes word = bytes_sub(*line, 0, n);
    const bool ends = n == line->len || is_blank(line->at[n]);
    if (!ends) {
        return BYTES_NONE;
    }
    *line = step_trim(bytes_sub(*line, n, line->len));
    return word;
}

static bool word_is(struct bytes word, const char *name)
{
    return word.at != NULL && word.len == strlen(name) &&
           strncasecmp((const char *)word.at, name, word.len) == 0;
}

static const struct step_word *find_word(struct bytes word)
{
    for (size_t i = 0; i < step_n_words; i++) {
        if (word_is(word, step_words[i].name)) {
            return &step_words[i];
        }
    }
    return NULL;
}

static uint64_t number_or(struct bytes text, uint64_t max, uint64_t otherwise)
{
    uint64_t value = otherwise;
    if (text.len == 0 || u64_parse(text, UINT64_MAX, &value) != OK) {
        return otherwise;
    }
    return value > max ? max : value;
}

/* Numbers stand before other words, so that "long 30 words please" is understood. */
static struct step read_line(struct bytes line)
{
    struct bytes rest = line;
    struct bytes word = first_word(&rest);
    if (word_is(word, "please")) {
        word = first_word(&rest);
    }
    const struct step_word *found = find_word(word);
    if (found == NULL) {
        return (struct step){.kind = STEP_UNKNOWN, .text = line};
    }
    struct step s = {.kind = found->kind,
                     .text = rest,
                     .count = found->count,
                     .pace_ms = found->pace_ms};
    if (found->takes_numbers) {
        s.count = number_or(step_split(&rest, " "), STEP_COUNT_MAX, s.count);
        s.pace_ms = number_or(step_split(&rest, " "), STEP_PACE_MAX, s.pace_ms);
    }
    return s;
}

size_t step_read(struct bytes prompt, struct step *out, size_t max)
{
    const struct bytes whole = step_trim(prompt);
    struct bytes rest = whole;
    size_t n = 0;
    while (rest.len > 0 && n < max) {
        const struct bytes line = step_split(&rest, "\n");
        if (line.len == 0) {
            continue;
        }
        out[n++] = read_line(line);
        if (out[0].kind == STEP_UNKNOWN) {
            out[0].text = whole;
            return 1;
        }
    }
    if (n == 0) {
        out[n++] = (struct step){.kind = STEP_UNKNOWN, .text = whole};
    }
    return n;
}
