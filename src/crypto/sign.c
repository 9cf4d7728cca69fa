#include "crypto/sign.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/secret.h"

static_assert(SIGN_PUB == crypto_sign_PUBLICKEYBYTES, "ed25519 key");
static_assert(SIGN_SEED == crypto_sign_SEEDBYTES, "ed25519 seed");
static_assert(SIGN_SIG == crypto_sign_BYTES, "ed25519 signature");

struct sign_key {
    uint8_t pub[SIGN_PUB];
    uint8_t secret[crypto_sign_SECRETKEYBYTES]; // seed || public
};

struct sign_key *sign_key_create(const uint8_t seed[SIGN_SEED])
{
    struct sign_key *k = secret_page_new(sizeof(*k));
    (void)crypto_sign_seed_keypair(k->pub, k->secret, seed);
    return k;
}

struct sign_key *sign_key_random(void)
{
    struct sign_key *k = secret_page_new(sizeof(*k));
    (void)crypto_sign_keypair(k->pub, k->secret);
    return k;
}

void sign_key_destroy(struct sign_key *k)
{
    secret_page_free(k, sizeof(*k));
}

const uint8_t *sign_key_pub(const struct sign_key *k)
{
    return k->pub;
}

void sign_key_seed(const struct sign_key *k, uint8_t out[SIGN_SEED])
{
    (void)crypto_sign_ed25519_sk_to_seed(out, k->secret);
}

void sign_make(const struct sign_key *k, struct bytes message, uint8_t out[SIGN_SIG])
{
    (void)crypto_sign_detached(out, NULL, message.at, message.len, k->secret);
}

bool sign_pub_is_valid(const uint8_t pub[SIGN_PUB])
{
    return crypto_core_ed25519_is_valid_point(pub) == 1;
}

enum err sign_verify(const uint8_t pub[SIGN_PUB], struct bytes message,
                     struct bytes sig)
{
    if (sig.len != SIGN_SIG) {
        return ERR_AUTH;
    }
    const int bad = crypto_sign_verify_detached(sig.at, message.at, message.len, pub);
    return bad == 0 ? OK : ERR_AUTH;
}
