/*
 * plan: the parts of one answer of the practice model, in order.
 *
 * Shape      plan_make() reads a request and lists what is to be sent; script.h sends
 *            it part by part. A response says what came of the last calls, goes
 *            through the steps that only talk, and ends with the first that calls.
 * Ownership  a plan owns its parts' values and texts; parts borrow from the prompt.
 * Errors     ERR_PROTO  not a request of the Responses API; ERR_NOMEM; ERR_LIMIT
 * Tests      tests/unit/practice_test.c
 */
#ifndef ENGINE_PRACTICE_PLAN_H
#define ENGINE_PRACTICE_PLAN_H

#include "engine/practice/call.h"

#define PLAN_PARTS_PER_STEP 8 // "think" has the most: 7
#define PLAN_PARTS_MAX      ((STEPS_MAX * PLAN_PARTS_PER_STEP) + (CALLS_MAX * 2) + 8)
#define PLAN_ID_MAX         48
#define PLAN_PATH_MAX       4096           // of the file that "hold" waits for
#define PLAN_TEXT_MAX       (1024u * 1024) // of a verdict or a structured answer

enum part_kind {
    PART_EVENT,  // value: one event, as it is
    PART_OPEN,   // a message begins
    PART_SAY,    // text, in pieces
    PART_WORDS,  // count generated pieces
    PART_CLOSE,  // the message ends with all that was said
    PART_WAIT,   // for the file `text`
    PART_RAW,    // text, as it is
    PART_STATUS, // count: the HTTP status
    PART_HANG,
    PART_CUT,
    PART_END,
};

struct part {
    enum part_kind kind;
    struct bytes text; // borrowed: of the prompt, static, or of the plan
    json_t *value;     // owned
    uint64_t count;    // still to come
    uint64_t pace_ms;
    bool prose;    // WORDS: sentences, else numbered words
    unsigned item; // OPEN, CLOSE and what is between: the output's index
};

struct plan {
    struct prompt prompt;
    struct call_options options;
    struct part parts[PLAN_PARTS_MAX];
    size_t n_parts;
    unsigned n_items;   // output items so far
    bool completes;     // ends with response.completed
    struct buf verdict; // text about the outputs, or a structured answer
    struct buf help;    // text of the table of words
};

/* Fills a zeroed plan; plan_fini() also after an error. */
NODISCARD enum err plan_make(struct bytes request, const struct call_options *o,
                             struct plan *out);
void plan_fini(struct plan *s);

/* "PREFIX_n_nonce": the id of output item n of this response. */
void plan_id(const struct plan *s, const char *prefix, unsigned n,
             char out[PLAN_ID_MAX]);

/* The object {"response":{id,status,…}} of response.created, completed and failed. */
NODISCARD json_t *plan_response(const struct plan *s, const char *status);

#endif
