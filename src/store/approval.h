/*
 * approval: what is pending and who decided what, so that a restart forgets nothing.
 *
 * Source     docs/protocol.md section 7; docs/hub.md "Restart of the host".
 * Shape      one row a request, one a vote. A request is durable before anybody sees
 *            it, a vote before it acts. What is over keeps its row, without its texts,
 *            for whoever decides too late.
 * Ownership  texts of rows given to a visitor are borrowed for the call.
 * Errors     ERR_IO         the file cannot be used
 *            ERR_NOT_FOUND  store_approval_get: no such request
 * Limits     STORE_APPROVALS_OVER rows of requests that are over.
 * Tests      tests/unit/store_approval_test.c
 */
#ifndef STORE_APPROVAL_H
#define STORE_APPROVAL_H

#include "base/bytes.h"
#include "store/store.h"

#define STORE_APPROVALS_OVER 256
#define STORE_APPROVAL_IDX   "approval_audit_idx" // setting: lines up to it are known

struct store_approval {
    uint8_t id[16];
    const char *instance;    // of the agent that asks
    const char *upstream_id; // its id, raw
    const char *method;
    const char *thread;
    uint8_t digest[32];    // of its params, to know it again
    struct bytes params;   // JSON, as the agent sent them
    struct bytes request;  // the bytes that are signed
    struct bytes material; // JSON
    unsigned state;        // enum ballot_state
    unsigned outcome;      // enum approval_decision
    struct bytes result;   // JSON for the agent, once decided
    const char *by;        // who decided, or ended it, for people; "" while pending
    uint64_t changed_ms;   // wall clock
};

struct store_vote {
    uint8_t request[16];
    bool local;
    uint8_t device[16];
    const char *person;
    const char *name;
    unsigned decision;
    uint64_t at_ms;
    struct bytes a; // empty: unsigned
    struct bytes sig;
    uint64_t audit_idx;
};

/* A new request. Durable when it returns. */
NODISCARD enum err store_approval_put(struct store *s, const struct store_approval *v);

/* A vote (NULL: nobody's, it expired), what the request came to by it, and the number of
 * its line in the log (STORE_APPROVAL_IDX), in one transaction: the one that is open,
 * which it commits, or one of its own. Durable when it returns. */
NODISCARD enum err store_approval_vote(struct store *s, const struct store_vote *vote,
                                       const struct store_approval *after,
                                       uint64_t audit_idx);

/* Another state, without waiting for the disk: it survives the end of the program,
 * not that of the machine, which is the agent's end too. */
NODISCARD enum err store_approval_state(struct store *s, const uint8_t id[16],
                                        unsigned state, unsigned outcome,
                                        const char *by, uint64_t now_ms);
/* The texts of what is over are forgotten; rows beyond STORE_APPROVALS_OVER too. */
NODISCARD enum err store_approval_over(struct store *s, const uint8_t id[16]);

/* Votes of a device that may decide no more, on what has not taken effect. `reopens`:
 * the request waits again (state 0). Durable when it returns. */
NODISCARD enum err store_approval_forget(struct store *s, const uint8_t id[16],
                                         const uint8_t device[16], bool reopens);

typedef void store_approval_fn(void *user, const struct store_approval *v);
typedef void store_vote_fn(void *user, const struct store_vote *v);
NODISCARD enum err store_approval_get(struct store *s, const uint8_t id[16],
                                      store_approval_fn *visit, void *user);
NODISCARD enum err store_approval_each(struct store *s, store_approval_fn *visit,
                                       void *user); // oldest first
NODISCARD enum err store_vote_each(struct store *s, const uint8_t request[16],
                                   store_vote_fn *visit, void *user);

/* ---- proofs of presence: th4 of the sessions of the last day --------------- */

NODISCARD enum err store_presence_put(struct store *s, const uint8_t device[16],
                                      const uint8_t th4[32], uint64_t now_ms);
/* The session was live at `since_ms` or later. */
NODISCARD enum err store_presence_find(struct store *s, const uint8_t device[16],
                                       const uint8_t th4[32], uint64_t since_ms,
                                       bool *out);

#endif
