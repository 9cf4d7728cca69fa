/*
 * call: the practice model's tool calls, and what it says of their outputs.
 *
 * Source     the tools that Codex 0.169 offers: exec_command, write_stdin,
 *            apply_patch (freeform), request_user_input, request_permissions,
 *            view_image, client tools and MCP tools by namespace.
 * Shape      a step that calls becomes the items of one response; when their outputs
 *            have come, the step is either done (a sentence) or goes on (a command
 *            that still runs is asked again).
 * Ownership  *out is given.
 * Errors     ERR_NOMEM, ERR_LIMIT (an argument that does not fit)
 * Limits     CALLS_MAX calls at once, CALL_TEXT_MAX octets of one argument.
 */
#ifndef ENGINE_PRACTICE_CALL_H
#define ENGINE_PRACTICE_CALL_H

#include "engine/practice/prompt.h"

#define CALLS_MAX     8
#define CALL_TEXT_MAX (64u * 1024)

struct call_options {
    const char *image_path; // of "image" without a path
    uint64_t nonce;
};

/* Does a step of this kind call a tool? Then it ends the response. */
bool call_is_made_by(enum step_kind kind);

/* An array of items for the step: its first calls, or the next ones after outputs.
 * An empty array: the step is done. */
NODISCARD enum err call_items(const struct prompt *p, size_t step,
                              const struct call_options *o, json_t **out);

/* What the model says of the outputs of prompt->steps[prompt->step]. */
NODISCARD enum err call_verdict(const struct prompt *p, struct buf *out);

#endif
