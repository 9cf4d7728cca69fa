/*
 * kx: X25519. Source RFC 7748; protocol.md 1.
 *
 * Errors     kx_shared: ERR_AUTH when the shared secret is all zero, which is
 *            what a small-order point gives.
 */
#ifndef CRYPTO_KX_H
#define CRYPTO_KX_H

#include "base/bytes.h"

enum { KX_SIZE = 32 };

void kx_public(const uint8_t secret[KX_SIZE], uint8_t out[KX_SIZE]);
NODISCARD enum err kx_shared(const uint8_t secret[KX_SIZE], const uint8_t peer[KX_SIZE],
                             uint8_t out[KX_SIZE]);

#endif
