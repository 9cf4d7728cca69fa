#include "crypto/aead.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The context keeps the expanded key, so that a record costs one nonce and the
 * octets themselves. OpenSSL and not libsodium: the latter has AES-GCM only on
 * processors with AES instructions. */
struct aead {
    EVP_CIPHER_CTX *ctx;
};

/* What can fail here is an allocation of ours or a broken library: not a peer. */
static void must(int ok)
{
    if (ok != 1) {
        abort();
    }
}

struct aead *aead_create(const uint8_t key[AEAD_KEY])
{
    struct aead *a = mem_new(sizeof(*a));
    a->ctx = EVP_CIPHER_CTX_new();
    must(a->ctx != NULL);
    must(EVP_EncryptInit_ex(a->ctx, EVP_aes_256_gcm(), NULL, key, NULL));
    return a;
}

void aead_destroy(struct aead *a)
{
    if (a == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(a->ctx); // clears the expanded key
    mem_free(a);
}

/* One pass over `in`; GCM needs no block of its own at the end. */
static void run(struct aead *a, struct bytes aad, struct bytes in, uint8_t *out)
{
    int n = 0;
    assert(in.len <= INT_MAX && aad.len <= INT_MAX);
    if (aad.len != 0) {
        must(EVP_CipherUpdate(a->ctx, NULL, &n, aad.at, (int)aad.len));
    }
    if (in.len != 0) {
        must(EVP_CipherUpdate(a->ctx, out, &n, in.at, (int)in.len));
    }
}

void aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes aad,
               struct bytes plain, uint8_t *out)
{
    int n = 0;
    must(EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, 1));
    run(a, aad, plain, out);
    must(EVP_CipherFinal_ex(a->ctx, out + plain.len, &n));
    must(EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + plain.len));
}

enum err aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes aad,
                   struct bytes sealed, uint8_t *out)
{
    if (sealed.len < AEAD_TAG) {
        return ERR_AUTH;
    }
    int n = 0;
    uint8_t tag[AEAD_TAG];
    const struct bytes body = {sealed.at, sealed.len - AEAD_TAG};
    memcpy(tag, sealed.at + body.len, sizeof(tag));

    must(EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, 0));
    run(a, aad, body, out);
    must(EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag));
    if (EVP_CipherFinal_ex(a->ctx, out + body.len, &n) != 1) {
        if (body.len != 0) {
            memset(out, 0, body.len); // nobody may use what was not authenticated
        }
        return ERR_AUTH;
    }
    return OK;
}
