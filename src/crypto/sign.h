/*
 * sign: Ed25519 keys and signatures.
 *
 * Source     RFC 8032; protocol.md 1 says why verification is libsodium's alone:
 *            for the identity point other libraries accept a forged signature.
 * Ownership  a struct sign_key lives on a locked page and is wiped by
 *            sign_key_destroy(), which accepts NULL.
 * Errors     sign_verify: ERR_AUTH.
 */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include <stdbool.h>

#include "base/bytes.h"

enum { SIGN_PUB = 32, SIGN_SEED = 32, SIGN_SIG = 64 };

struct sign_key;

NODISCARD struct sign_key *sign_key_create(const uint8_t seed[SIGN_SEED]);
NODISCARD struct sign_key *sign_key_random(void);
void sign_key_destroy(struct sign_key *k);

const uint8_t *sign_key_pub(const struct sign_key *k);                // SIGN_PUB octets
void sign_key_seed(const struct sign_key *k, uint8_t out[SIGN_SEED]); // to store; wipe

void sign_make(const struct sign_key *k, struct bytes message, uint8_t out[SIGN_SIG]);

/* Canonical, in the prime-order subgroup, not the identity. MUST be asked at
 * enrolment and whenever a public key is loaded. */
bool sign_pub_is_valid(const uint8_t pub[SIGN_PUB]);

NODISCARD enum err sign_verify(const uint8_t pub[SIGN_PUB], struct bytes message,
                               struct bytes sig);

#endif
