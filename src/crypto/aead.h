/*
 * aead: AES-256-GCM with a 12-octet nonce and a 16-octet tag.
 *
 * Source     NIST SP 800-38D; protocol.md 2 and 5.1.
 * Ownership  aead_create() copies the key into the cipher's own context;
 *            aead_destroy() clears it and accepts NULL.
 * Errors     aead_open: ERR_AUTH, and then `out` holds zeros.
 * Limits     the caller never uses a (key, nonce) pair twice: session/record is
 *            the one place that counts nonces.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include "base/bytes.h"

enum { AEAD_KEY = 32, AEAD_NONCE = 12, AEAD_TAG = 16 };

struct aead;

NODISCARD struct aead *aead_create(const uint8_t key[AEAD_KEY]);
void aead_destroy(struct aead *a);

/* Writes plain.len + AEAD_TAG octets. `out` may be `plain.at`. */
void aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes aad,
               struct bytes plain, uint8_t *out);

/* Writes sealed.len - AEAD_TAG octets. */
NODISCARD enum err aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCE],
                             struct bytes aad, struct bytes sealed, uint8_t *out);

#endif
