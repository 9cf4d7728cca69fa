/*
 * step: the words of the practice model.
 *
 * Shape      a prompt is one step a line: a word of the table, then its argument.
 *            The first word may follow "please". A prompt whose first line has no
 *            word of ours is one step, STEP_UNKNOWN, whatever its other lines say.
 * Ownership  steps borrow the prompt's octets.
 * Limits     STEPS_MAX lines; the rest are not read. Numbers are cut to STEP_COUNT_MAX.
 * Threads    pure functions; no shared state.
 * Tests      tests/unit/practice_test.c, tests/fuzz/practice_fuzz.c
 */
#ifndef ENGINE_PRACTICE_STEP_H
#define ENGINE_PRACTICE_STEP_H

#include <stdbool.h>

#include "base/bytes.h"

#define STEPS_MAX      32
#define STEP_COUNT_MAX 1000000 // words or deltas of one answer
#define STEP_PACE_MAX  60000   // ms between two words

enum step_kind {
    STEP_UNKNOWN,
    STEP_SAY,
    STEP_HELP,
    STEP_MARKDOWN,
    STEP_PLAN,
    STEP_LONG,
    STEP_SLOW,
    STEP_DELTAS,
    STEP_HOLD,
    STEP_HANG,
    STEP_THINK,
    STEP_SEARCH,
    STEP_RUN,
    STEP_ESCALATE,
    STEP_PARALLEL,
    STEP_TYPE,
    STEP_TESTS,
    STEP_PATCH,
    STEP_EDIT,
    STEP_DELETE,
    STEP_ASK,
    STEP_PERMIT,
    STEP_IMAGE,
    STEP_TOOL,
    STEP_FAIL,
    STEP_KINDS, // how many there are
};

struct step_word {
    const char *name;
    const char *argument; // for the help; "" when it takes none
    enum step_kind kind;
    const char *text;   // one line
    uint64_t count;     // default of its first number
    uint64_t pace_ms;   // default of its second number
    bool takes_numbers; // the argument is at most two numbers
};

extern const struct step_word step_words[];
extern const size_t step_n_words;

struct step {
    enum step_kind kind;
    struct bytes text; // the argument, without the blanks around it
    uint64_t count;
    uint64_t pace_ms;
};

/* Never fails: at least one step comes out, at most `max`. max > 0. */
size_t step_read(struct bytes prompt, struct step *out, size_t max);

/* Cuts the part before `mark` off the front of *rest and returns it, trimmed;
 * without the mark all of it, and rest->at becomes NULL. */
struct bytes step_split(struct bytes *rest, const char *mark);

struct bytes step_trim(struct bytes text);

#endif
