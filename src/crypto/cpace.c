#include "crypto/cpace.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/hash.h"

static_assert(CPACE_POINT == crypto_core_ristretto255_BYTES, "ristretto255");
static_assert(CPACE_SCALAR == crypto_core_ristretto255_SCALARBYTES, "ristretto255");

#define DSI     BYTES_LIT("CPaceRistretto255")
#define DSI_ISK BYTES_LIT("CPaceRistretto255_ISK")

enum {
    HASH_BLOCK = 128, // s_in_bytes of SHA-512
    LEB_MAX = 10,
    ITEMS_MAX = 8, // operands of one lv_cat()
};

/* prepend_len() of the draft: unsigned LEB128. */
static size_t leb128(size_t value, uint8_t out[LEB_MAX])
{
    size_t n = 0;
    do {
        out[n] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
        n++;
    } while (value != 0);
    return n;
}

static size_t prefixed_size(struct bytes b)
{
    uint8_t prefix[LEB_MAX];
    return leb128(b.len, prefix) + b.len;
}

/* SHA-512(lv_cat(items…)). */
static void hash_lv_cat(const struct bytes *items, size_t n, uint8_t out[HASH_SHA512])
{
    uint8_t prefix[ITEMS_MAX][LEB_MAX];
    struct bytes parts[2 * ITEMS_MAX];
    for (size_t i = 0; i < n; i++) {
        const size_t len = leb128(items[i].len, prefix[i]);
        parts[2 * i] = (struct bytes){prefix[i], len};
        parts[2 * i + 1] = items[i];
    }
    hash_sha512_parts(parts, 2 * n, out);
}

void cpace_generator(struct bytes prs, struct bytes ci, struct bytes sid,
                     uint8_t out[CPACE_POINT])
{
    static const uint8_t zeros[HASH_BLOCK] = {0};
    uint8_t digest[HASH_SHA512];
    const size_t used = prefixed_size(prs) + prefixed_size(DSI) + 1;
    const size_t pad = used < HASH_BLOCK ? HASH_BLOCK - used : 0;
    const struct bytes items[] = {DSI, prs, {zeros, pad}, ci, sid};
    hash_lv_cat(items, COUNT(items), digest);
    (void)crypto_core_ristretto255_from_hash(out, digest);
    secret_wipe(digest, sizeof(digest));
}

enum err cpace_scalar_mult_vfy(const uint8_t scalar[CPACE_SCALAR],
                               const uint8_t point[CPACE_POINT],
                               uint8_t out[CPACE_POINT])
{
    uint8_t k[CPACE_POINT];
    // -1 when the point does not decode and when the product is the identity.
    if (crypto_scalarmult_ristretto255(k, scalar, point) != 0) {
        return ERR_AUTH;
    }
    memcpy(out, k, sizeof(k));
    secret_wipe(k, sizeof(k));
    return OK;
}

void cpace_start(struct cpace *c, struct bytes prs, struct bytes ci, struct bytes sid,
                 const uint8_t *scalar)
{
    uint8_t generator[CPACE_POINT];
    cpace_generator(prs, ci, sid, generator);
    if (scalar != NULL) {
        memcpy(c->scalar, scalar, CPACE_SCALAR);
    } else {
        crypto_core_ristretto255_scalar_random(c->scalar);
    }
    if (crypto_scalarmult_ristretto255(c->share, c->scalar, generator) != 0) {
        abort(); // the identity: a zero scalar of ours, or luck of 2^-252
    }
    secret_wipe(generator, sizeof(generator));
}

void cpace_fini(struct cpace *c)
{
    secret_wipe(c, sizeof(*c));
}

enum err cpace_finish(struct cpace *c, struct bytes sid, const struct cpace_peer *peer,
                      uint8_t isk[CPACE_ISK])
{
    uint8_t k[CPACE_POINT];
    if (peer->peer_share.len != CPACE_POINT) {
        return ERR_AUTH;
    }
    const enum err e = cpace_scalar_mult_vfy(c->scalar, peer->peer_share.at, k);
    if (e != OK) {
        return e;
    }
    const struct bytes ours = BYTES_OF(c->share);
    const bool first = peer->we_are_initiator;
    const struct bytes items[] = {
        DSI_ISK,
        sid,
        BYTES_OF(k),
        first ? ours : peer->peer_share,
        first ? peer->our_ad : peer->peer_ad,
        first ? peer->peer_share : ours,
        first ? peer->peer_ad : peer->our_ad,
    };
    static_assert((int)CPACE_ISK == (int)HASH_SHA512, "ISK is a whole digest");
    hash_lv_cat(items, COUNT(items), isk);
    secret_wipe(k, sizeof(k));
    return OK;
}
