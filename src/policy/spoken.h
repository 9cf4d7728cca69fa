/*
 * spoken: what all the rules together say of one command, or of one file.
 *
 * Shape      the first rule of each kind that speaks. A condition that may be met
 *            (rule.h) makes a strict rule ask, and one that allows silent.
 * Ownership  everything is borrowed for the call.
 * Threads    pure, but for the ask's `real`.
 * Tests      tests/unit/policy_test.c
 */
#ifndef POLICY_SPOKEN_H
#define POLICY_SPOKEN_H

#include "policy/policy.h"
#include "policy/reader.h"

struct spoken {
    const struct rule *allows, *asks, *denies, *may_deny; // NULL: none
};

/* `place`: where the script is by now. */
struct spoken spoken_of_words(const struct policy_ask *ask,
                              const struct reader_place *place,
                              const struct shell_word *words, uint32_t n);

struct spoken_file {
    const char *path;
    bool sure;                      // false: it is known only when it runs
    const struct shell_command *by; // redirects it; NULL: it is changed
};

struct spoken spoken_of_file(const struct policy_ask *ask,
                             const struct reader_place *place,
                             const struct spoken_file *file);

#endif
