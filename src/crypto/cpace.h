/*
 * cpace: CPace-RISTR255-SHA512, initiator-responder form.
 *
 * Source     draft-irtf-cfrg-cpace (frozen in protocol.md 4).
 * Shape      cpace_start() gives our share; cpace_finish() takes the peer's share
 *            and gives ISK. One object is good for one run.
 * Ownership  struct cpace is the caller's storage and holds a secret scalar:
 *            cpace_fini() wipes it and accepts a zeroed object.
 * Errors     ERR_AUTH  the peer's share does not decode or gives the identity
 */
#ifndef CRYPTO_CPACE_H
#define CRYPTO_CPACE_H

#include <stdbool.h>

#include "base/bytes.h"

enum { CPACE_POINT = 32, CPACE_SCALAR = 32, CPACE_ISK = 64 };

struct cpace {
    uint8_t scalar[CPACE_SCALAR]; // wipe
    uint8_t share[CPACE_POINT];   // ours, to be sent
};

/* `scalar` NULL draws a random one; tests give the draft's. */
void cpace_start(struct cpace *c, struct bytes prs, struct bytes ci, struct bytes sid,
                 const uint8_t *scalar);
void cpace_fini(struct cpace *c);

struct cpace_peer {
    bool we_are_initiator;
    struct bytes our_ad;
    struct bytes peer_ad;
    struct bytes peer_share; // must be CPACE_POINT octets
};

NODISCARD enum err cpace_finish(struct cpace *c, struct bytes sid,
                                const struct cpace_peer *peer, uint8_t isk[CPACE_ISK]);

/* The draft's own names, for its vectors. */
void cpace_generator(struct bytes prs, struct bytes ci, struct bytes sid,
                     uint8_t out[CPACE_POINT]);
NODISCARD enum err cpace_scalar_mult_vfy(const uint8_t scalar[CPACE_SCALAR],
                                         const uint8_t point[CPACE_POINT],
                                         uint8_t out[CPACE_POINT]);

#endif
