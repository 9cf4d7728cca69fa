/*
 * approval_asked: from what the agent asks, as JSON, to the bytes that are signed.
 *
 * Source     docs/protocol.md section 7; the *RequestApproval types of Codex 0.169.
 * Shape      pure, and one reading for both ends: the host writes the bytes from the
 *            material, a controller's program writes them again from the material that
 *            it was given and compares (approval_asked_check). So nothing that a
 *            client shows can differ from what its device signs.
 * Ownership  approval_asked_read() keeps `material`: texts point into it.
 *            approval_asked_fini() accepts a zeroed object.
 * Errors     ERR_NOT_FOUND  no approval of ours
 *            ERR_LIMIT      too much to be shown whole
 *            ERR_PROTO      not as the schema says
 *            ERR_AUTH       approval_asked_check(): the JSON and the bytes differ
 * Limits     APPROVAL_LIST_MAX arguments, or paths.
 * Tests      tests/unit/approval_asked_test.c
 */
#ifndef SESSION_APPROVAL_ASKED_H
#define SESSION_APPROVAL_ASKED_H

#include "session/approval.h"
#include "wire/json.h"

#define APPROVAL_LIST_MAX 4096u

struct approval_asked {
    struct approval_request r; // kind, thread … reason, asked; the rest is zero
    struct bytes *list;        // argv or paths, owned
};

/* Is this server request an approval, and of which kind? 0: no. */
unsigned approval_asked_kind(struct bytes method);

/* Appends the material of a request: params without `farhand`, and for a file change
 * the `changes` of its item (NULL: not known). */
NODISCARD enum err approval_asked_material(json_t *params, json_t *changes,
                                           struct buf *out);

/* `material` parsed: the parts of the request that come from it. */
NODISCARD enum err approval_asked_read(struct bytes method, const json_t *material,
                                       struct approval_asked *out);
void approval_asked_fini(struct approval_asked *a);

/* A server request as a controller got it: `params` with its `farhand` member. Gives
 * the request's id and digest when the JSON says what the bytes say. */
NODISCARD enum err approval_asked_check(struct bytes method, json_t *params,
                                        uint8_t id[APPROVAL_ID],
                                        uint8_t rd[APPROVAL_RD]);

#endif
