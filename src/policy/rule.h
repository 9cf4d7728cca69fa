/*
 * rule: what somebody wrote down about commands, and whether a command meets it.
 *
 * Source     docs/policy.md (the language of policy.toml).
 * Shape      rules_read() adds the rules of one file; rules_settle() looks at all of
 *            them together; rules_give() adds one without a file. A condition is met, not met, or may be met: a word that is
 *            known only when it runs may be anything.
 * Ownership  rules own what they hold; `source` is copied.
 * Errors     ERR_PROTO  the file is wrong: diag says "FILE:LINE:COLUMN: …"
 *            ERR_LIMIT  over RULES_MAX rules
 * Limits     a repository's file is a stranger's: RULES_MAX, RULE_WORDS_MAX.
 * Threads    one.
 * Tests      tests/unit/rule_test.c, tests/fuzz/rule_fuzz.c
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "policy/shell.h"
#include "wire/json.h"

#define RULES_MAX        512u
#define RULE_WORDS_MAX   32u
#define RULE_PATTERN_MAX 255u // octets of one pattern

enum verdict {
    VERDICT_ALLOW,
    VERDICT_ASK,
    VERDICT_DENY
}; // rising: the strictest counts

/* Who wrote it. The administrator and a repository may ask and deny, never allow. */
enum rule_level { RULE_ADMIN, RULE_USER, RULE_REPOSITORY };

struct rule {
    enum verdict decide;
    enum rule_level level;
    const char *source; // the file, as it was named
    unsigned line;
    const char *because; // NULL: nothing was said
    json_t *command;     // array of words, each an array of alternatives; NULL: any
    const char *head; // the first word, when it is one plain text: most rules end there
    json_t *path;     // array of patterns; NULL: any
    json_t *thread;   // array of ids; NULL: any
    unsigned roles;   // 1 << role; 0: any
    unsigned days;    // 1 << day, Monday first; 0: any
    unsigned from_min, to_min; // minutes of the day; equal: any time
    bool any_time;             // none of the five above is asked for
    const char *cwd;           // where the command would run; NULL: anywhere
    bool literal;              // the words are no patterns
    bool whole;                // no word more than these
    unsigned quorum;           // people who must agree; 0: one
    bool strong;
};

/* What a rule may look at besides the command. */
struct rule_moment {
    const char *thread; // NULL: unknown
    unsigned role;      // 1 viewer … 4 owner; 0: unknown
    unsigned day;       // 0 Monday … 6, local time
    unsigned minute;    // of the day, local time
    const char *cwd;    // NULL: unknown
};

struct rules {
    struct rule *list;
    size_t n;
    json_t *kept; // what the rules point into
};

void rules_init(struct rules *rules);
void rules_fini(struct rules *rules); // a zeroed one is fine
NODISCARD enum err rules_read(struct rules *rules, enum rule_level level,
                              const char *source, struct bytes text, struct diag *diag);

/* The [[rule]]s of a document that was read already and may hold more than them. `text` is
 * what it was read from. */
NODISCARD enum err rules_take(struct rules *rules, enum rule_level level,
                              const char *source, struct bytes text, json_t *root,
                              struct diag *diag);
/* A rule that somebody gave with an answer: it allows, and its words are meant as they
 * stand. */
struct rule_given {
    json_t *words;      // array of texts; NULL: `paths`
    json_t *paths;      // array of absolute files
    bool whole;         // no word more
    const char *thread; // NULL: any
    const char *cwd;    // NULL: any
    const char *source; // what answers name: "rule ID"
    const char *because;
};
NODISCARD enum err rules_give(struct rules *rules, const struct rule_given *g);

/* Why no rule may allow everything that begins with these words; NULL: it may. */
const char *rule_prefix_refusal(const json_t *words);

/* Rules that can never apply because a stricter one always does. */
NODISCARD enum err rules_settle(const struct rules *rules, struct diag *diag);

enum met { MET_NOT, MET_MAYBE, MET };

bool rule_is_now(const struct rule *rule, const struct rule_moment *moment);
enum met rule_meets_words(const struct rule *rule, const struct shell_word *words,
                          uint32_t n_words);
/* `path` is absolute; a pattern that is not, is below `root`. */
enum met rule_meets_path(const struct rule *rule, const char *root, const char *path);

/* `*` within a part, `**` across parts, `?`. */
bool pattern_matches(const char *pattern, const char *text);

#endif
