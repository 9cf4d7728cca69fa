#include "crypto/random.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MASK_SIZE 4
#define MASK_POOL (64 * MASK_SIZE)

void crypto_init(void)
{
    // No configuration file and no error strings: an idle host keeps its memory.
    const uint64_t lean =
        OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS;
    if (sodium_init() < 0 || OPENSSL_init_crypto(lean, NULL) != 1) {
        log_error("crypto.unusable", "sodium=%s", sodium_version_string());
        abort();
    }
}

void random_bytes(uint8_t *out, size_t len)
{
    randombytes_buf(out, len);
}

void random_mask(uint8_t out[4])
{
    static _Thread_local struct {
        uint8_t octets[MASK_POOL];
        size_t left;
    } pool;
    if (pool.left == 0) {
        random_bytes(pool.octets, sizeof(pool.octets));
        pool.left = sizeof(pool.octets);
    }
    pool.left -= MASK_SIZE;
    memcpy(out, pool.octets + pool.left, MASK_SIZE);
}

uint32_t random_below(uint32_t below)
{
    return randombytes_uniform(below);
}
