#include "host/ballot.h"

#include <string.h>
#include <strings.h>

static const struct machine_state states[] = {
    [BALLOT_PENDING] = {"pending", MOVES_TO(BALLOT_DECIDED) | MOVES_TO(BALLOT_EXPIRED) |
                                       MOVES_TO(BALLOT_RESOLVED) |
                                       MOVES_TO(BALLOT_WITHDRAWN)},
    [BALLOT_DECIDED] = {"decided",
                        MOVES_TO(BALLOT_DELIVERED) | MOVES_TO(BALLOT_PENDING) |
                            MOVES_TO(BALLOT_RESOLVED) | MOVES_TO(BALLOT_WITHDRAWN)},
    [BALLOT_DELIVERED] = {"delivered", MOVES_TO(BALLOT_RESOLVED)},
    [BALLOT_RESOLVED] = {"resolved", 0},
    [BALLOT_EXPIRED] = {"expired", MOVES_TO(BALLOT_DELIVERED) |
                                       MOVES_TO(BALLOT_RESOLVED) |
                                       MOVES_TO(BALLOT_WITHDRAWN)},
    [BALLOT_WITHDRAWN] = {"withdrawn", 0},
};

void ballot_init(struct ballot *b, unsigned quorum, uint64_t expires_ms)
{
    *b = (struct ballot){
        .m = {.what = "ballot", .table = states, .state = BALLOT_PENDING},
        .quorum = quorum == 0 ? 1 : quorum,
        .expires_ms = expires_ms,
    };
}

enum err ballot_restore(struct ballot *b, unsigned state,
                        enum approval_decision outcome)
{
    if (state >= COUNT(states)) {
        return ERR_PROTO;
    }
    b->m.state = state;
    b->outcome = outcome;
    return OK;
}

static bool is_accept(enum approval_decision d)
{
    return d == APPROVAL_ACCEPT || d == APPROVAL_ACCEPT_SESSION || d == APPROVAL_ANSWER;
}

/* ---- votes -------------------------------------------------------------------------- */

enum err ballot_check(const struct ballot *b, const struct ballot_vote *v,
                      uint64_t now_ms)
{
    if (b->m.state != BALLOT_PENDING) {
        return b->m.state == BALLOT_EXPIRED ? ERR_EXPIRED : ERR_CLOSED;
    }
    if (b->expires_ms != 0 && now_ms >= b->expires_ms) {
        return ERR_EXPIRED;
    }
    if (!is_accept(v->decision)) {
        return OK; // whoever may decide may decline, also after having accepted
    }
    if (v->local && b->quorum > 1) {
        return ERR_DENIED;
    }
    for (size_t i = 0; i < b->n_votes; i++) {
        if (memcmp(b->votes[i].device, v->device, sizeof(v->device)) == 0 ||
            strcasecmp(b->votes[i].person, v->person) == 0) {
            return ERR_EXISTS;
        }
    }
    return b->n_votes == BALLOT_VOTES_MAX ? ERR_LIMIT : OK;
}

bool ballot_decides(const struct ballot *b, const struct ballot_vote *v)
{
    return !is_accept(v->decision) || b->n_votes + 1 >= b->quorum;
}

enum err ballot_recall(struct ballot *b, const struct ballot_vote *v)
{
    if (b->n_votes == BALLOT_VOTES_MAX) {
        return ERR_LIMIT;
    }
    b->votes[b->n_votes++] = *v;
    return OK;
}

void ballot_vote(struct ballot *b, const struct ballot_vote *v)
{
    const bool decides = ballot_decides(b, v);
    if (b->n_votes == BALLOT_VOTES_MAX) { // a decline, which needs no room of its own
        b->n_votes--;
    }
    b->votes[b->n_votes++] = *v;
    if (decides) {
        b->outcome = v->decision;
        machine_move(&b->m, BALLOT_DECIDED);
    }
}

bool ballot_forget(struct ballot *b, const uint8_t device[ID_SIZE])
{
    if (b->m.state != BALLOT_PENDING && b->m.state != BALLOT_DECIDED) {
        return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < b->n_votes; i++) {
        if (b->votes[i].local || memcmp(b->votes[i].device, device, ID_SIZE) != 0) {
            b->votes[kept++] = b->votes[i];
        }
    }
    if (kept == b->n_votes) {
        return false;
    }
    // whoever voted last decided: without it, or without one of those it needed, open
    const bool stands = b->m.state == BALLOT_DECIDED && !is_accept(b->outcome) &&
                        kept > 0 && !is_accept(b->votes[kept - 1].decision);
    b->n_votes = kept;
    if (b->m.state == BALLOT_DECIDED && !stands) {
        machine_move(&b->m, BALLOT_PENDING);
    }
    return true;
}

/* ---- the other ways on ----------------------------------------------------------------- */

bool ballot_expire(struct ballot *b, uint64_t now_ms)
{
    if (b->m.state != BALLOT_PENDING || b->expires_ms == 0 || now_ms < b->expires_ms) {
        return false;
    }
    b->outcome = APPROVAL_DECLINE;
    machine_move(&b->m, BALLOT_EXPIRED);
    return true;
}

bool ballot_is_open(const struct ballot *b)
{
    return b->m.state == BALLOT_PENDING;
}

bool ballot_is_owed(const struct ballot *b)
{
    return b->m.state == BALLOT_DECIDED || b->m.state == BALLOT_EXPIRED;
}

bool ballot_is_over(const struct ballot *b)
{
    return b->m.state == BALLOT_RESOLVED || b->m.state == BALLOT_WITHDRAWN;
}

void ballot_delivered(struct ballot *b)
{
    machine_move(&b->m, BALLOT_DELIVERED);
}

void ballot_resolved(struct ballot *b)
{
    machine_move(&b->m, BALLOT_RESOLVED);
}

void ballot_withdraw(struct ballot *b)
{
    machine_move(&b->m, BALLOT_WITHDRAWN);
}

const char *ballot_state_name(unsigned state)
{
    return state < COUNT(states) ? states[state].name : "unknown";
}

const struct ballot_vote *ballot_last(const struct ballot *b)
{
    return b->n_votes == 0 ? NULL : &b->votes[b->n_votes - 1];
}
