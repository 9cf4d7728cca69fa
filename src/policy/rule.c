#include "policy/rule.h"

#include <string.h>

#include "base/text.h"
#include "policy/reader.h"

/* ---- patterns ------------------------------------------------------------------- */

/* All places in the pattern that the text so far may have led to: no backtracking, so no
 * pattern of a stranger takes long. */
struct places {
    bool at[RULE_PATTERN_MAX + 2];
};

/* A star also stands for nothing. */
static void places_add(struct places *p, const char *pattern, size_t i)
{
    while (!p->at[i]) {
        p->at[i] = true;
        if (pattern[i] != '*') {
            return;
        }
        i++;
    }
}

static bool is_wide(const char *pattern, size_t i)
{
    return pattern[i + 1] == '*' || (i > 0 && pattern[i - 1] == '*');
}

static void places_step(const struct places *from, const char *pattern, char c,
                        struct places *to)
{
    memset(to, 0, sizeof(*to));
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        if (!from->at[i]) {
            continue;
        }
        if (pattern[i] == '*') {
            if (c != '/' || is_wide(pattern, i)) {
                places_add(to, pattern, i);
            }
        } else if (pattern[i] == c || (pattern[i] == '?' && c != '/')) {
            places_add(to, pattern, i + 1);
        }
    }
}

bool pattern_matches(const char *pattern, const char *text)
{
    for (; *pattern != '*' && *pattern != '?'; pattern++, text++) { // most have no star
        if (*pattern != *text || *text == '\0') {
            return *pattern == *text;
        }
    }
    struct places now = {{false}};
    places_add(&now, pattern, 0);
    for (; *text != '\0'; text++) {
        struct places next;
        places_step(&now, pattern, *text, &next);
        now = next;
    }
    return now.at[strlen(pattern)];
}

/* ---- conditions ------------------------------------------------------------------ */

static bool is_listed(const json_t *list, const char *text)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), text) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_time(const struct rule *rule, unsigned minute)
{
    if (rule->from_min == rule->to_min) {
        return true;
    }
    if (rule->from_min < rule->to_min) {
        return minute >= rule->from_min && minute < rule->to_min;
    }
    return minute >= rule->from_min || minute < rule->to_min;
}

/* What is not known meets a rule that is strict, and none that allows. */
bool rule_is_now(const struct rule *rule, const struct rule_moment *moment)
{
    const bool strict = rule->decide != VERDICT_ALLOW;
    if (rule->any_time) {
        return true;
    }
    if (rule->cwd != NULL &&
        (moment->cwd == NULL || strcmp(rule->cwd, moment->cwd) != 0)) {
        return false;
    }
    if (rule->thread != NULL &&
        !(moment->thread == NULL ? strict : is_listed(rule->thread, moment->thread))) {
        return false;
    }
    if (rule->roles != 0 &&
        !(moment->role == 0 ? strict : (rule->roles & (1u << moment->role)) != 0)) {
        return false;
    }
    if (rule->days != 0 && (rule->days & (1u << moment->day)) == 0) {
        return false;
    }
    return is_time(rule, moment->minute);
}

/* ---- words ----------------------------------------------------------------------- */

static bool is_word_of(const struct rule *rule, const json_t *alternatives,
                       const char *text)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(alternatives, i, item)
    {
        const char *want = json_string_value(item);
        if (rule->literal ? strcmp(want, text) == 0 : pattern_matches(want, text)) {
            return true;
        }
    }
    return false;
}

/* A strict rule about `rm` means every `rm`; one that allows `rm` means the system's. */
static enum met meets_name(const struct rule *rule, const json_t *names,
                           const struct shell_word *word)
{
    if ((word->flags & WORD_UNSURE) != 0) {
        return MET_MAYBE;
    }
    const char *name = program_name(word);
    if (is_word_of(rule, names, word->text) ||
        (name != NULL && is_word_of(rule, names, name))) {
        return MET;
    }
    const char *slash = strrchr(word->text, '/');
    return rule->decide != VERDICT_ALLOW && slash != NULL &&
                   is_word_of(rule, names, slash + 1)
               ? MET
               : MET_NOT;
}

/* Told without looking at alternatives and wildcards. */
static bool is_another(const struct rule *rule, const struct shell_word *word)
{
    if (rule->head == NULL || (word->flags & WORD_UNSURE) != 0) {
        return false;
    }
    if (rule->head[0] == word->text[0] && strcmp(rule->head, word->text) == 0) {
        return false;
    }
    const char *slash = strrchr(word->text, '/');
    return slash == NULL || strcmp(rule->head, slash + 1) != 0;
}

/* A strict rule about `git push` also means `git -C x push`: options, and the word behind
 * one, may stand between. */
static bool may_pass_over(const struct rule *rule, const struct shell_word *words,
                          uint32_t i)
{
    return rule->decide != VERDICT_ALLOW &&
           (words[i].text[0] == '-' || (i > 1 && words[i - 1].text[0] == '-'));
}

/* One word against the `i`-th of a rule. */
static enum met meets_word(const struct rule *rule, size_t i,
                           const struct shell_word *word)
{
    const json_t *want = json_array_get(rule->command, i);
    if (i == 0) {
        return meets_name(rule, want, word);
    }
    if ((word->flags & WORD_UNSURE) != 0) {
        return MET_MAYBE;
    }
    return is_word_of(rule, want, word->text) ? MET : MET_NOT;
}

/* The next word that the `i`-th of the rule may be about. */
static uint32_t pass_over(const struct rule *rule, size_t i,
                          const struct shell_word *words, uint32_t n_words, uint32_t at)
{
    while (i > 0 && at < n_words && may_pass_over(rule, words, at) &&
           meets_word(rule, i, &words[at]) == MET_NOT) {
        at++;
    }
    return at;
}

enum met rule_meets_words(const struct rule *rule, const struct shell_word *words,
                          uint32_t n_words)
{
    if (rule->command == NULL) {
        return MET;
    }
    if (is_another(rule, &words[0])) {
        return MET_NOT;
    }
    enum met met = MET;
    uint32_t at = 0;
    if (rule->whole && json_array_size(rule->command) != n_words) {
        return MET_NOT;
    }
    for (size_t i = 0; i < json_array_size(rule->command); i++, at++) {
        at = pass_over(rule, i, words, n_words, at);
        if (at >= n_words) {
            return MET_NOT;
        }
        if ((words[at].flags & (WORD_SPLITS | WORD_BRACE)) != 0) {
            return MET_MAYBE; // it may be all the rest
        }
        const enum met here = meets_word(rule, i, &words[at]);
        met = here < met ? here : met;
        if (met == MET_NOT) {
            return MET_NOT;
        }
    }
    return met;
}

/* ---- paths ------------------------------------------------------------------------ */

/* Does something that matches the pattern lie below `path`? */
static bool is_above(const char *pattern, const char *path)
{
    const size_t plain = strcspn(pattern, "*?");
    const size_t len = strlen(path);
    if (plain < len) {
        return pattern[plain] != '\0' && strncmp(pattern, path, plain) == 0;
    }
    return strncmp(pattern, path, len) == 0 && (pattern[len] == '/' || len == 1);
}

enum met rule_meets_path(const struct rule *rule, const char *root, const char *path)
{
    enum met met = MET_NOT;
    size_t i = 0;
    json_t *item = NULL;
    if (rule->path == NULL) {
        return MET;
    }
    json_array_foreach(rule->path, i, item)
    {
        char whole[PATH_TEXT_MAX];
        const char *pattern = json_string_value(item);
        if (rule->literal) {
            met = strcmp(pattern, path) == 0 ? MET : met;
            continue;
        }
        if (pattern[0] != '/') {
            if (text_format(whole, sizeof(whole), "%s/%s", root, pattern) != OK) {
                return MET_MAYBE;
            }
            pattern = whole;
        }
        if (strlen(pattern) <= RULE_PATTERN_MAX && pattern_matches(pattern, path)) {
            return MET;
        }
        if (strlen(pattern) > RULE_PATTERN_MAX || is_above(pattern, path)) {
            met = MET_MAYBE;
        }
    }
    return met;
}
