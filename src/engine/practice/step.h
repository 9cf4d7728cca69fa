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

/* name, argument, kind, text, default of the first number, of the second, and whether
 * the argument is numbers. A list of literals, so that the help can be made of it. */
#define STEP_WORDS(X)                                                                  \
    X("say", "TEXT", STEP_SAY, "answers TEXT", 0, 0, false)                            \
    X("long", "[N]", STEP_LONG, "a long answer of N words (400)", 400, 0, true)        \
    X("slow", "[N [MS]]", STEP_SLOW, "N words (20), one every MS milliseconds (150)",  \
      20, 150, true)                                                                   \
    X("deltas", "[N]", STEP_DELTAS, "N pieces of text (5000) as fast as possible",     \
      5000, 0, true)                                                                   \
    X("markdown", "", STEP_MARKDOWN, "headings, a list, a table, code and a link", 0,  \
      0, false)                                                                        \
    X("think", "[TEXT]", STEP_THINK, "a summary of reasoning, then an answer", 0, 0,   \
      false)                                                                           \
    X("plan", "", STEP_PLAN, "a proposed plan", 0, 0, false)                           \
    X("search", "TEXT", STEP_SEARCH, "pretends to have searched the web", 0, 0, false) \
    X("run", "CMD", STEP_RUN, "runs a shell command; answers with its first line", 0,  \
      0, false)                                                                        \
    X("escalate", "CMD", STEP_ESCALATE, "asks to run CMD outside the sandbox", 0, 0,   \
      false)                                                                           \
    X("parallel", "CMD ;; CMD ...", STEP_PARALLEL,                                     \
      "asks for several commands at once", 0, 0, false)                                \
    X("type", "CMD ;; TEXT", STEP_TYPE, "starts CMD and types TEXT into it", 0, 0,     \
      false)                                                                           \
    X("tests", "", STEP_TESTS, "runs a test suite of which one test fails", 0, 0,      \
      false)                                                                           \
    X("patch", "[PATH [TEXT]]", STEP_PATCH, "adds a file (practice.txt)", 0, 0, false) \
    X("edit", "PATH OLD => NEW", STEP_EDIT, "replaces one line of a file", 0, 0,       \
      false)                                                                           \
    X("delete", "PATH", STEP_DELETE, "deletes a file", 0, 0, false)                    \
    X("ask", "[TEXT? A / B / C]", STEP_ASK, "asks a question with choices", 0, 0,      \
      false)                                                                           \
    X("permit", "network | write DIR", STEP_PERMIT, "asks for more rights", 0, 0,      \
      false)                                                                           \
    X("image", "[PATH]", STEP_IMAGE, "looks at an image", 0, 0, false)                 \
    X("tool", "SPACE NAME [JSON]", STEP_TOOL,                                          \
      "calls a tool: of a client (SPACE), of an MCP server (mcp__SERVER)", 0, 0,       \
      false)                                                                           \
    X("hold", "PATH", STEP_HOLD, "stops in mid-sentence until the file PATH exists",   \
      0, 0, false)                                                                     \
    X("hang", "", STEP_HANG, "begins to answer and never goes on", 0, 0, false)        \
    X("fail", "429 | 500 | 400 | response | cut | garbage", STEP_FAIL,                 \
      "each kind of failure (any HTTP status)", 0, 0, false)                           \
    X("help", "", STEP_HELP, "these words", 0, 0, false)

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
