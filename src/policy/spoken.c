#include "policy/spoken.h"

#include <string.h>

#include "policy/reader.h"

struct asking {
    const struct policy_ask *ask;
    const struct reader_place *place; // where the script is by now
};

/* ---- paths that words name ----------------------------------------------------------- */

static enum met meets_at(const struct policy_ask *ask, const struct rule *rule,
                         const char *path)
{
    enum met met = MET_NOT;
    for (const char *const *root = ask->roots; *root != NULL && met != MET; root++) {
        const enum met here = rule_meets_path(rule, *root, path);
        met = here > met ? here : met;
    }
    return met;
}

static enum met meets_from(const struct policy_ask *ask, const struct rule *rule,
                           const char *from, const char *text)
{
    char path[PATH_TEXT_MAX];
    char real[PATH_TEXT_MAX];
    if (!path_absolute(from, text, path, sizeof(path))) {
        return MET_MAYBE;
    }
    const enum met met = meets_at(ask, rule, path);
    if (rule->decide == VERDICT_ALLOW || met == MET || ask->real == NULL ||
        !ask->real(ask->user, path, real, sizeof(real))) {
        return met;
    }
    const enum met led = meets_at(ask, rule, real);
    return led > met ? led : met;
}

/* A strict rule about a file also means it under the name of a link, and from any folder
 * that the script may be in by then; one that allows means that name in all of them. */
static enum met meets_path_text(const struct asking *q, const struct rule *rule,
                                const char *text)
{
    const bool allows = rule->decide == VERDICT_ALLOW;
    const bool follows = text[0] != '/' && q->place->lost;
    if (allows && (path_goes_up(text) || follows)) {
        return MET_NOT;
    }
    enum met met = allows ? MET : MET_NOT;
    for (unsigned i = 0; i < q->place->n_places; i++) {
        const enum met here = meets_from(q->ask, rule, q->place->places[i], text);
        met = (here > met) != allows ? here : met;
    }
    return met == MET_NOT && (follows || path_goes_up(text)) ? MET_MAYBE : met;
}

/* An operand, or what stands behind the `=` of an option. */
static enum met meets_operand(const struct asking *q, const struct rule *rule,
                              const struct shell_word *word)
{
    const char *equals = strchr(word->text, '=');
    const char *text = word->text[0] == '-' && equals != NULL ? equals + 1 : word->text;
    if ((word->flags & WORD_UNSURE) != 0) {
        return MET_MAYBE;
    }
    return text[0] == '-' ? MET_NOT : meets_path_text(q, rule, text);
}

static bool has_word(const struct shell_word *words, uint32_t n,
                     const char *const *texts)
{
    for (uint32_t i = 1; i < n; i++) {
        for (const char *const *text = texts; *text != NULL; text++) {
            if (strcmp(words[i].text, *text) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool recurses(const struct shell_word *words, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const char *text = words[i].text;
        if (strcmp(text, "--recursive") == 0 ||
            (text[0] == '-' && text[1] != '-' && strpbrk(text, "rR") != NULL)) {
            return true;
        }
    }
    return false;
}

/* These show files that no word of theirs names. */
static bool reads_unnamed(const struct shell_word *words, uint32_t n)
{
    static const char *const shows[] = {
        "show",       "log",         "diff",         "grep",    "blame", "cat-file",
        "diff-index", "diff-tree",   "diff-files",   "archive", "stash", "reflog",
        "annotate",   "whatchanged", "format-patch", NULL};
    const char *name = program_name(&words[0]);
    if (name == NULL) {
        return false;
    }
    if (strcmp(name, "git") == 0) {
        return has_word(words, n, shows);
    }
    if (strcmp(name, "grep") == 0 || strcmp(name, "egrep") == 0 ||
        strcmp(name, "fgrep") == 0 || strcmp(name, "diff") == 0) {
        return recurses(words, n);
    }
    return strcmp(name, "rg") == 0 || strcmp(name, "ag") == 0;
}

/* A strict rule: one of the operands. */
static enum met meets_any(const struct asking *q, const struct rule *rule,
                          const struct shell_word *words, uint32_t n)
{
    enum met met = reads_unnamed(words, n) ? MET_MAYBE : MET_NOT;
    for (uint32_t i = 1; i < n && met != MET; i++) {
        const enum met here = meets_operand(q, rule, &words[i]);
        met = here > met ? here : met;
    }
    return met;
}

/* One that allows: every operand that the rule's own words do not name, and no option
 * behind them, for it may name a file, too. */
static enum met meets_all(const struct asking *q, const struct rule *rule,
                          const struct shell_word *words, uint32_t n)
{
    const uint32_t first = (uint32_t)json_array_size(rule->command);
    for (uint32_t i = first; i < n; i++) {
        if (meets_operand(q, rule, &words[i]) != MET) {
            return MET_NOT;
        }
    }
    return n > first ? MET : MET_NOT;
}

static enum met meets_operands(const struct asking *q, const struct rule *rule,
                               const struct shell_word *words, uint32_t n)
{
    if (rule->path == NULL) {
        return MET;
    }
    if (rule->decide != VERDICT_ALLOW) {
        return meets_any(q, rule, words, n);
    }
    // without words of its own it is about changes, not about any program
    return rule->command == NULL ? MET_NOT : meets_all(q, rule, words, n);
}

/* ---- rules ------------------------------------------------------------------------- */

/* The first rule of each kind that speaks; a strict one that may speak asks. */
static void note_rule(struct spoken *s, const struct rule *rule, enum met met)
{
    if (met == MET_NOT) {
        return;
    }
    if (met == MET_MAYBE) {
        if (rule->decide != VERDICT_ALLOW && s->may_deny == NULL) {
            s->may_deny = rule;
        }
        return;
    }
    const struct rule **slot = rule->decide == VERDICT_ALLOW ? &s->allows
                               : rule->decide == VERDICT_ASK ? &s->asks
                                                             : &s->denies;
    *slot = *slot == NULL ? rule : *slot;
}

static const struct rules *layer(const struct policy_ask *ask, unsigned i)
{
    return i == 0 ? ask->rules : ask->more[i - 1];
}

static enum met meets_words(const struct asking *q, const struct rule *rule,
                            const struct shell_word *words, uint32_t n)
{
    const enum met by_words = rule_meets_words(rule, words, n);
    const enum met by_path =
        by_words == MET_NOT ? MET_NOT : meets_operands(q, rule, words, n);
    return by_words < by_path ? by_words : by_path;
}

struct spoken spoken_of_words(const struct policy_ask *ask,
                              const struct reader_place *place,
                              const struct shell_word *words, uint32_t n)
{
    const struct asking q = {ask, place};
    struct spoken s = {NULL, NULL, NULL, NULL};
    for (unsigned k = 0; k <= POLICY_MORE; k++) {
        const struct rules *rules = layer(ask, k);
        for (size_t i = 0; rules != NULL && i < rules->n; i++) {
            const struct rule *rule = &rules->list[i];
            if (rule_is_now(rule, &ask->moment)) {
                note_rule(&s, rule, meets_words(&q, rule, words, n));
            }
        }
    }
    return s;
}

static enum met meets_file(const struct asking *q, const struct rule *rule,
                           const struct spoken_file *file)
{
    enum met met = MET;
    if (rule->path == NULL) {
        return MET_NOT;
    }
    if (rule->command != NULL) { // `cat < FILE` under a rule about cat and FILE
        if (rule->decide == VERDICT_ALLOW || file->by == NULL ||
            file->by->n_words == 0) {
            return MET_NOT;
        }
        met = rule_meets_words(rule, file->by->words, file->by->n_words);
    }
    const enum met led = file->sure ? meets_path_text(q, rule, file->path) : MET_MAYBE;
    return led < met ? led : met;
}

struct spoken spoken_of_file(const struct policy_ask *ask,
                             const struct reader_place *place,
                             const struct spoken_file *file)
{
    const struct asking q = {ask, place};
    struct spoken s = {NULL, NULL, NULL, NULL};
    for (unsigned k = 0; k <= POLICY_MORE; k++) {
        const struct rules *rules = layer(ask, k);
        for (size_t i = 0; rules != NULL && i < rules->n; i++) {
            const struct rule *rule = &rules->list[i];
            if (rule_is_now(rule, &ask->moment)) {
                note_rule(&s, rule, meets_file(&q, rule, file));
            }
        }
    }
    return s;
}
