/*
 * wrapper: commands that run another command.
 *
 * Source     the manuals of bash, dash, coreutils, findutils, util-linux and sudo.
 * Shape      wrapper_open() says what stands inside: words of the same command, or the
 *            text of a script. Several: `find` with more than one -exec.
 * Ownership  everything points into the words that were given.
 * Threads    pure functions.
 * Tests      tests/unit/policy_test.c over tests/vectors/verdicts.tsv
 */
#ifndef POLICY_WRAPPER_H
#define POLICY_WRAPPER_H

#include "policy/shell.h"

#define WRAPPED_MAX 8u

enum wrapped_kind {
    WRAPPED_WORDS,  // runs these words
    WRAPPED_SCRIPT, // reads this text as a shell
};

/* How what is inside differs from having been typed alone. */
enum {
    WRAPPED_MORE = 1,     // with words added that are not known here (xargs, find)
    WRAPPED_STRONGER = 2, // as somebody else, or elsewhere (sudo, chroot, ssh)
    WRAPPED_ALSO = 4,     // the wrapper does something of its own: judge it too (find)
};

struct wrapped {
    enum wrapped_kind kind;
    unsigned how;
    const struct shell_word *words; // WRAPPED_WORDS
    uint32_t n_words;
    const struct shell_word *assigns; // of `env`; before the words
    uint32_t n_assigns;
    struct bytes script; // WRAPPED_SCRIPT
    enum shell_dialect dialect;
};

/* How many stand inside, into `out`: 0 when `name` wraps nothing. -1: it is a wrapper whose
 * words are not understood: *why (static) says so. */
int wrapper_open(const char *name, const struct shell_word *words, uint32_t n_words,
                 struct wrapped out[WRAPPED_MAX], const char **why);

#endif
