/*
 * policy: may this run by itself, must a person be asked, or is it refused?
 *
 * Source     docs/policy.md.
 * Shape      the text that the engine wants to run goes in, a verdict and its reason come
 *            out. A script is taken apart (shell.h), each command in it is held against
 *            the rules (rule.h) and, where none speaks, against the profile; the
 *            strictest verdict of all is the script's.
 *
 *     text --> shell_parse() --> each command --> rules --> profile --> verdict
 *                    ^                |
 *                    +---- sh -c, env, xargs, find -exec …
 *
 * Ownership  everything in an ask is borrowed for the call. `because` is the answer's.
 * Errors     none: what cannot be decided asks, and says why.
 * Limits     POLICY_DEPTH_MAX commands within commands.
 * Threads    pure, but for the ask's `inside`.
 * Tests      tests/unit/policy_test.c over tests/vectors/verdicts.tsv
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "policy/rule.h"

#define POLICY_DEPTH_MAX 12u
#define BECAUSE_MAX      512u

/* What happens where no rule speaks. */
enum approval_policy {
    POLICY_ASK_EVERY_TIME,      // everything asks
    POLICY_UNTRUSTED,           // likewise: Codex's own name for it
    POLICY_SUGGEST,             // reading runs, the rest asks
    POLICY_UNLESS_ALLOW_LISTED, // likewise, and what the rules allow
    POLICY_ON_FAILURE,          // runs in the sandbox, asks to leave it
    POLICY_ON_REQUEST,          // likewise
    POLICY_NEVER,               // nobody is asked: what would ask is refused
};
#define N_APPROVAL_POLICIES (POLICY_NEVER + 1)

const char *approval_policy_name(
    enum approval_policy policy); // "unless-allow-listed" …
NODISCARD enum err approval_policy_parse(const char *name, enum approval_policy *out);

#define POLICY_MORE 2u

struct policy_ask {
    const struct rules *rules;
    const struct rules *more[POLICY_MORE]; // of a folder, of an answer; NULL: none
    enum approval_policy policy;
    const char *cwd;          // absolute; where the command would run
    const char *const *roots; // the workspace; NULL-terminated, absolute, without links
    struct rule_moment moment;
    const char *unsafe;  // why nothing runs by itself here; NULL: it may
    bool leaves_sandbox; // the engine asks to run it outside
    bool (*inside)(void *user, const char *path, bool pattern); // reader.h
    /* Where a path leads, links followed; false: nowhere. NULL: the text decides. */
    bool (*real)(void *user, const char *path, char *out, size_t size);
    void *user;
};

struct policy_answer {
    enum verdict verdict;
    const struct rule *rule;   // NULL: the profile decided
    char because[BECAUSE_MAX]; // a sentence, UTF-8
    unsigned quorum;           // VERDICT_ASK: people; at least 1
    bool strong;
};

void policy_judge_script(const struct policy_ask *ask, struct bytes text,
                         enum shell_dialect dialect, struct policy_answer *out);

/* The words as they will be run, no shell in between. */
void policy_judge_argv(const struct policy_ask *ask, const char *const *argv,
                       size_t argc, struct policy_answer *out);

/* A change to files: their paths, absolute. */
void policy_judge_files(const struct policy_ask *ask, const char *const *paths,
                        size_t n, struct policy_answer *out);

const char *verdict_name(enum verdict verdict); // "allow", "ask", "deny"

#endif
