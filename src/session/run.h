/*
 * run: the two messages in which a phrase becomes a PSK.
 *
 * Source     protocol.md 4 (offer, CI, sid, P2, P3, psk).
 * Shape      P2 from the controller, P3 from the host, then the handshake of mode 2.
 *            The host reveals nothing here that a stranger could check.
 * Ownership  struct run holds a secret scalar: run_fini() wipes it.
 * Errors     ERR_PROTO  not an offer
 *            ERR_AUTH   P2 or P3 is malformed, or its point is bad
 * Tests      tests/unit/pairing_test.c
 */
#ifndef SESSION_RUN_H
#define SESSION_RUN_H

#include <stdbool.h>

#include "crypto/cpace.h"
#include "session/handshake.h"

enum { RUN_OFFER = 36, RUN_NONCE = 16, RUN_SID = 32, RUN_P2 = 50, RUN_P3 = 34 };

/* A fresh offer: new pair_id, new nonce. */
void run_offer_write(uint16_t expires_in_s, uint8_t out[RUN_OFFER]);
const uint8_t *run_offer_id(const uint8_t offer[RUN_OFFER]); // pair_id, 16 octets
bool run_offer_is_valid(struct bytes offer);

struct run { // of a controller
    struct cpace cpace;
    uint8_t sid[RUN_SID];
    uint8_t p2[RUN_P2];
};

NODISCARD enum err run_start(struct run *r, const char *prs, struct bytes offer);
NODISCARD enum err run_finish(struct run *r, struct bytes p3,
                              uint8_t psk[HANDSHAKE_PSK]);
void run_fini(struct run *r); // a zeroed object is fine

/* The host's whole part. */
NODISCARD enum err run_answer(const char *prs, const uint8_t offer[RUN_OFFER],
                              struct bytes p2, uint8_t p3[RUN_P3],
                              uint8_t psk[HANDSHAKE_PSK]);

#endif
