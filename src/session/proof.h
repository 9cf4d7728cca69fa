/*
 * proof: is the other end still there, when something of ours waits for it?
 *
 * Source     protocol.md 5.1 (PING), 5.3; issue: a half-dead link is found within 10 s of
 *            traffic being expected.
 * Shape      nothing waits -> no deadline, so an idle link costs no wake-up. Something
 *            waits and nothing is heard for PROOF_QUIET_MS -> ask (a PING); nothing for
 *            as long again -> dead.
 * Time       milliseconds, passed in.
 * Threads    plain values; no shared state.
 * Tests      tests/unit/proof_test.c
 */
#ifndef SESSION_PROOF_H
#define SESSION_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#define PROOF_QUIET_MS 5000u

struct proof {
    uint64_t heard_ms; // when the other end was last heard
    uint64_t moved_ms; // when it took much of ours at least (a slow line)
    uint64_t since_ms; // since when something waits
    uint64_t asked_ms;
    bool waits;
    bool asked; // and nothing was heard since
};

enum proof_verdict { PROOF_FINE, PROOF_ASK, PROOF_DEAD };

void proof_heard(struct proof *p, uint64_t now_ms);
void proof_moved(struct proof *p, uint64_t now_ms);
void proof_waits(struct proof *p, bool waits, uint64_t now_ms);

uint64_t proof_deadline(const struct proof *p); // UINT64_MAX: none
/* PROOF_ASK once; the caller asks. */
enum proof_verdict proof_check(struct proof *p, uint64_t now_ms);

#endif
