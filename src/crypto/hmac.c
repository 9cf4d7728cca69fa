#include "crypto/hmac.h"

#include <sodium.h>

void hmac_sha256(struct bytes key, struct bytes in, uint8_t out[HMAC_SIZE])
{
    hmac_sha256_parts(key, &in, 1, out);
}

void hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n,
                       uint8_t out[HMAC_SIZE])
{
    static const uint8_t nothing[1] = {0}; // an empty key must still point somewhere
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key.len == 0 ? nothing : key.at, key.len);
    for (size_t i = 0; i < n; i++) {
        (void)crypto_auth_hmacsha256_update(&state, parts[i].at, parts[i].len);
    }
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}
