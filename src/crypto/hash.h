/*
 * hash: SHA-256, SHA-512, and SHA-1 for the WebSocket handshake only.
 *
 * Shape      one shot over parts, so that a transcript is written as the list of
 *            its pieces and nothing is copied together first.
 * Source     FIPS 180-4; RFC 6455 section 4.2.2 (SHA-1).
 * Tests      tests/unit/crypto_test.c
 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/bytes.h"

enum { HASH_SHA1 = 20, HASH_SHA256 = 32, HASH_SHA512 = 64 };

void hash_sha256(struct bytes in, uint8_t out[HASH_SHA256]);
void hash_sha256_parts(const struct bytes *parts, size_t n, uint8_t out[HASH_SHA256]);
void hash_sha512_parts(const struct bytes *parts, size_t n, uint8_t out[HASH_SHA512]);
void hash_sha1(struct bytes in, uint8_t out[HASH_SHA1]);

#endif
