/*
 * decision: the kinds of server request, how each is shown and what an answer means.
 *
 * Source     ServerRequest and the *Response types of Codex 0.169's schema.
 * Shape      pure: JSON in, JSON out. Nothing here grants for longer than once: "for
 *            the session" becomes "once", an amendment of a policy file becomes
 *            "once", a permission is granted as asked or not at all.
 * Errors     decision_read: ERR_PROTO  no answer of this kind
 *                           ERR_DENIED it grants more than was asked
 * Tests      tests/unit/hub_request_test.c
 */
#ifndef HOST_DECISION_H
#define HOST_DECISION_H

#include "session/approval.h"
#include "wire/json.h"

enum answer_kind {
    ANSWER_DECISION,    // {"decision": accept, decline, cancel}
    ANSWER_REVIEW,      // the same in the words of app-server v1
    ANSWER_PERMISSIONS, // {"permissions":{…}}
    ANSWER_QUESTION,    // {"answers":{…}}
    ANSWER_FORM,        // {"action":…,"content":…}
    ANSWER_TOOL,        // the registrar's alone
    ANSWER_TIME,        // by the hub, at once
    ANSWER_REFUSE,      // likewise: nobody behind the hub asked for it
};

struct request_kind {
    const char *method;
    const char *thread; // the member of params that names it; NULL: none
    enum answer_kind answer;
};

struct decision {
    json_t *result;   // give: what the agent is told
    const char *name; // static: "accept", "decline", "cancel", "answer"
};

const struct request_kind *decision_kind(struct bytes method); // NULL: unknown
const struct request_kind *decision_kinds(size_t *count);

/* The params as controllers see them: a new object. */
json_t *decision_shown(const struct request_kind *kind, json_t *params);

/* `offers`: 1 << A.scope. Adds to what is shown how else it may be accepted. */
void decision_offer(const struct request_kind *kind, const json_t *params,
                    unsigned offers, json_t *shown);

/* For how long a bare answer means its accept: the words of Codex. */
enum approval_scope decision_scope(const struct request_kind *kind, const json_t *asked,
                                   struct bytes result);

NODISCARD enum err decision_read(const struct request_kind *kind, const json_t *asked,
                                 struct bytes result, struct decision *out);

/* What a signed word comes to; `result` is the JSON that belongs to an answer. Errors
 * as decision_read(), and ERR_USAGE: this kind is not decided with that word. */
NODISCARD enum err decision_of(const struct request_kind *kind, const json_t *asked,
                               enum approval_decision word, struct bytes result,
                               struct decision *out);

/* The same in the words that are signed: what decision_read() understood. */
enum approval_decision decision_word(const struct request_kind *kind,
                                     const struct decision *v);

/* What the agent is told when nobody may be asked, or nobody was in time. */
json_t *decision_decline(const struct request_kind *kind);

/* What a tool call whose program has left is answered with. */
json_t *decision_tool_gone(void);

#endif
