#include "crypto/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>

static_assert(HASH_SHA256 == crypto_hash_sha256_BYTES, "sha256");
static_assert(HASH_SHA512 == crypto_hash_sha512_BYTES, "sha512");

void hash_sha256(struct bytes in, uint8_t out[HASH_SHA256])
{
    hash_sha256_parts(&in, 1, out);
}

void hash_sha256_parts(const struct bytes *parts, size_t n, uint8_t out[HASH_SHA256])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < n; i++) {
        (void)crypto_hash_sha256_update(&state, parts[i].at, parts[i].len);
    }
    (void)crypto_hash_sha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

void hash_sha512_parts(const struct bytes *parts, size_t n, uint8_t out[HASH_SHA512])
{
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    for (size_t i = 0; i < n; i++) {
        (void)crypto_hash_sha512_update(&state, parts[i].at, parts[i].len);
    }
    (void)crypto_hash_sha512_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

void hash_sha1(struct bytes in, uint8_t out[HASH_SHA1])
{
    if (EVP_Digest(in.at, in.len, out, NULL, EVP_sha1(), NULL) != 1) {
        abort(); // the library has no SHA-1: no WebSocket is possible at all
    }
}
