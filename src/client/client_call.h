/*
 * client_call: one JSON-RPC request to a host, with what the host says meanwhile.
 *
 *     REACHING --> GREETING (initialize) --> ASKING --> [FOLLOWING] --> ENDED
 *
 * Shape      `answer` once, unless it fails before; `notice` for each notification and
 *            server request; `ended` once. Without `follow` it ends with the answer.
 * Ownership  client_call_open() gives; it frees itself after `ended`. Options are copied,
 *            except `params` (keep until `ended`). Texts are borrowed.
 * Errors     `ended`: a cause and a sentence; LINK_OK when the answer came.
 * Reentry    callbacks come from the loop only; client_call_close() is fine in them.
 * Tests      tests/unit/client_call_test.c
 */
#ifndef CLIENT_CLIENT_CALL_H
#define CLIENT_CLIENT_CALL_H

#include "client/reach.h"

#define CLIENT_CALL_TEXT_MAX (8u * 1024 * 1024)

struct client_call;

struct client_call_ops {
    /* Exactly one of the two is not empty: raw JSON. */
    void (*answer)(void *user, struct bytes result, struct bytes error);
    void (*notice)(void *user, struct bytes text);
    void (*ended)(void *user, enum link_cause cause, const char *sentence);
};

struct client_call_options {
    struct reach_options reach;
    const char *method;  // kept
    struct bytes params; // raw JSON, or empty; kept
    uint64_t timeout_ms; // 0: none. With `follow`: of the whole
    bool follow;
};

struct client_call *client_call_open(struct loop *loop,
                                     const struct client_call_options *o,
                                     const struct client_call_ops *ops, void *user);
/* The request has left, and nothing is known of it: asked inside `ended`. */
bool client_call_is_open(const struct client_call *c);
void client_call_close(struct client_call *c); // `ended` follows, with LINK_CANCELED

#endif
