/*
 * prompt: what a request of the Responses API asks of the practice model.
 *
 * Source     the requests of Codex 0.169 (docs/testing.md, "The practice model").
 * Shape      the newest message of the user that is not Codex's own context is
 *            the prompt. Each call of ours carries the number of its step in its
 *            call_id, so what was done already is read back from the request: the
 *            model keeps nothing between two requests.
 * Ownership  owns the decoded request; everything in it is borrowed from that,
 *            until prompt_fini().
 * Errors     ERR_PROTO  not a request of the Responses API
 *            ERR_NOMEM
 * Limits     STEPS_MAX steps, PROMPT_OUTPUTS_MAX outputs of one step.
 * Tests      tests/unit/practice_test.c, tests/fuzz/practice_fuzz.c
 */
#ifndef ENGINE_PRACTICE_PROMPT_H
#define ENGINE_PRACTICE_PROMPT_H

#include "engine/practice/step.h"
#include "wire/json.h"

#define PROMPT_OUTPUTS_MAX 16
#define PROMPT_CALL_ID_MAX 64

struct prompt {
    json_t *request; // owned
    struct bytes text;
    struct step steps[STEPS_MAX];
    size_t n_steps;
    bool answered; // outputs of steps[step] have come
    size_t step;   // the last step that was called for, or the first one
    struct bytes outputs[PROMPT_OUTPUTS_MAX]; // of that step, oldest first
    size_t n_outputs;
    const json_t *schema; // the shape of a structured answer, or NULL
};

NODISCARD enum err prompt_read(struct bytes request, struct prompt *out);
void prompt_fini(struct prompt *p); // zeroed is fine

/* The call_id of call `k` of a step; `nonce` sets one response apart from another. */
void prompt_call_id(size_t step, size_t k, uint64_t nonce,
                    char out[PROMPT_CALL_ID_MAX]);

#endif
