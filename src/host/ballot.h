/*
 * ballot: the life of one approval, and who has decided it.
 *
 *   PENDING --enough votes, or one against--> DECIDED --to the agent--> DELIVERED
 *    | ^ |                                     |  |                        |
 *    | | +--expires_ms--> EXPIRED --to the agent--+                        |
 *    | +----- the right lost before its effect +                           |
 *    +-- the agent says resolved: RESOLVED  <------------------------------+
 *    +-- the agent or its turn has ended: WITHDRAWN
 *
 * Source     docs/protocol.md section 7 (quorum, expiry), 6 (revocation, step 4).
 * Shape      pure. Whoever keeps it durable asks ballot_check() first, stores, and
 *            only then calls ballot_vote(), which cannot fail.
 * Errors     ballot_check: ERR_CLOSED   decided, withdrawn or over
 *                          ERR_EXPIRED  too late, told or not
 *                          ERR_EXISTS   this device, or this person, has accepted
 *                          ERR_DENIED   no local program counts for a quorum
 *                          ERR_LIMIT    BALLOT_VOTES_MAX
 * Time       milliseconds since 1970, passed in.
 * Tests      tests/unit/ballot_test.c: every interleaving of two devices, revocation,
 *            restart, expiry and death of the agent, within small bounds.
 */
#ifndef HOST_BALLOT_H
#define HOST_BALLOT_H

#include "base/machine.h"
#include "session/approval.h"

#define BALLOT_VOTES_MAX 16u
#define BALLOT_NAME_MAX  65u

enum ballot_state {
    BALLOT_PENDING,
    BALLOT_DECIDED,
    BALLOT_DELIVERED,
    BALLOT_RESOLVED,
    BALLOT_EXPIRED,
    BALLOT_WITHDRAWN,
};

struct ballot_vote {
    bool local; // a program of this machine: unsigned, never for a quorum
    uint8_t device[ID_SIZE];
    char person[BALLOT_NAME_MAX]; // ""; all devices without one are one person
    char name[BALLOT_NAME_MAX];   // for people
    enum approval_decision decision;
    uint64_t at_ms;
};

struct ballot {
    struct machine m;
    unsigned quorum;
    uint64_t expires_ms;            // 0: never
    enum approval_decision outcome; // DECIDED, EXPIRED, and after
    struct ballot_vote votes[BALLOT_VOTES_MAX];
    size_t n_votes;
};

void ballot_init(struct ballot *b, unsigned quorum, uint64_t expires_ms);
/* As it was stored. ERR_PROTO: no such state. */
NODISCARD enum err ballot_restore(struct ballot *b, unsigned state,
                                  enum approval_decision outcome);

NODISCARD enum err ballot_check(const struct ballot *b, const struct ballot_vote *v,
                                uint64_t now_ms);
/* Would this vote, which ballot_check() let pass, decide? */
bool ballot_decides(const struct ballot *b, const struct ballot_vote *v);
void ballot_vote(struct ballot *b, const struct ballot_vote *v);

/* A vote as it was stored: no state changes. */
NODISCARD enum err ballot_recall(struct ballot *b, const struct ballot_vote *v);

bool ballot_expire(struct ballot *b, uint64_t now_ms); // true: it is EXPIRED now

/* This device may decide no more: what it decided and has not taken effect is void. True:
 * something was. */
bool ballot_forget(struct ballot *b, const uint8_t device[ID_SIZE]);

bool ballot_is_open(const struct ballot *b);   // PENDING
bool ballot_is_owed(const struct ballot *b);   // the agent has not been told yet
bool ballot_is_over(const struct ballot *b);   // RESOLVED or WITHDRAWN
void ballot_delivered(struct ballot *b);       // from DECIDED or EXPIRED
void ballot_resolved(struct ballot *b);        // the agent has gone on
void ballot_withdraw(struct ballot *b);        // PENDING, DECIDED or EXPIRED
const char *ballot_state_name(unsigned state); // "pending" …; static
const struct ballot_vote *ballot_last(const struct ballot *b); // NULL: none

#endif
