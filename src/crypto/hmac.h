/*
 * hmac: HMAC-SHA256 over parts. Source RFC 2104, RFC 4231.
 *
 * Any key length. Compare tags with secret_equal() only.
 */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include "base/bytes.h"

enum { HMAC_SIZE = 32 };

void hmac_sha256(struct bytes key, struct bytes in, uint8_t out[HMAC_SIZE]);
void hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n,
                       uint8_t out[HMAC_SIZE]);

#endif
