#include "crypto/kx.h"

#include <assert.h>
#include <sodium.h>

#include "base/secret.h"

static_assert(KX_SIZE == crypto_scalarmult_BYTES, "x25519");

void kx_public(const uint8_t secret[KX_SIZE], uint8_t out[KX_SIZE])
{
    (void)crypto_scalarmult_base(out, secret);
}

enum err kx_shared(const uint8_t secret[KX_SIZE], const uint8_t peer[KX_SIZE],
                   uint8_t out[KX_SIZE])
{
    uint8_t shared[KX_SIZE];
    const bool refused = crypto_scalarmult(shared, secret, peer) != 0;
    // libsodium checks this too; the protocol's rule must not hang on a version.
    if (refused || sodium_is_zero(shared, sizeof(shared)) == 1) {
        return ERR_AUTH;
    }
    for (size_t i = 0; i < KX_SIZE; i++) {
        out[i] = shared[i];
    }
    secret_wipe(shared, sizeof(shared));
    return OK;
}
