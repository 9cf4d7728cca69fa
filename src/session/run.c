#include "session/run.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "session/label.h"

enum {
    VERSION = 1,
    SUITE = 1,
    ID_AT = 2,
    NONCE_AT = 18,
    EXPIRES_AT = 34,
    P2_TYPE = 0x11,
    P3_TYPE = 0x12,
    P2_SHARE_AT = 18, // the head and the nonce before it are ADa
    P3_SHARE_AT = 2,  // the head is ADb
    CI_MAX = 128,
};

void run_offer_write(uint16_t expires_in_s, uint8_t out[RUN_OFFER])
{
    out[0] = VERSION;
    out[1] = SUITE;
    random_bytes(out + ID_AT, EXPIRES_AT - ID_AT);
    be16_write(out + EXPIRES_AT, expires_in_s);
}

const uint8_t *run_offer_id(const uint8_t offer[RUN_OFFER])
{
    return offer + ID_AT;
}

bool run_offer_is_valid(struct bytes offer)
{
    return offer.len == RUN_OFFER && offer.at[0] == VERSION && offer.at[1] == SUITE;
}

/* CI names both roles and the offer without expires_in, which the relay counts down. */
static struct bytes make_ci(const uint8_t *offer, uint8_t out[CI_MAX])
{
    const struct bytes items[] = {
        BYTES_LIT("fh1 cpace"),
        BYTES_LIT("I=controller"),
        BYTES_LIT("R=host"),
        {offer, EXPIRES_AT},
    };
    size_t len = 0;
    for (size_t i = 0; i < COUNT(items); i++) {
        be32_write(out + len, (uint32_t)items[i].len);
        memcpy(out + len + 4, items[i].at, items[i].len);
        len += 4 + items[i].len;
    }
    return (struct bytes){out, len};
}

static void make_sid(const uint8_t *offer, const uint8_t *ctrl_nonce, uint8_t *out)
{
    const struct label label = label_of("fh1 sid");
    const struct bytes parts[] = {
        LABEL_PARTS(label), {offer + NONCE_AT, RUN_NONCE}, {ctrl_nonce, RUN_NONCE}};
    hash_sha256_parts(parts, COUNT(parts), out);
}

static void start(struct cpace *c, const char *prs, const uint8_t *offer,
                  const uint8_t *sid)
{
    uint8_t ci[CI_MAX];
    const struct bytes name = make_ci(offer, ci);
    cpace_start(c, bytes_from_str(prs), name, (struct bytes){sid, RUN_SID}, NULL);
}

static enum err finish(struct cpace *c, const uint8_t *sid,
                       const struct cpace_peer *peer, uint8_t *psk)
{
    uint8_t isk[CPACE_ISK];
    const struct bytes id = {sid, RUN_SID};
    const enum err e = cpace_finish(c, id, peer, isk);
    if (e == OK) {
        hkdf_label(BYTES_OF(isk), id, "fh1 code psk", BYTES_NONE, psk, HANDSHAKE_PSK);
    }
    secret_wipe(isk, sizeof(isk));
    return e;
}

enum err run_start(struct run *r, const char *prs, struct bytes offer)
{
    if (!run_offer_is_valid(offer)) {
        return ERR_PROTO;
    }
    *r = (struct run){.p2 = {P2_TYPE, VERSION}};
    random_bytes(r->p2 + 2, RUN_NONCE);
    make_sid(offer.at, r->p2 + 2, r->sid);
    start(&r->cpace, prs, offer.at, r->sid);
    memcpy(r->p2 + P2_SHARE_AT, r->cpace.share, CPACE_POINT);
    return OK;
}

enum err run_finish(struct run *r, struct bytes p3, uint8_t psk[HANDSHAKE_PSK])
{
    if (p3.len != RUN_P3 || p3.at[0] != P3_TYPE || p3.at[1] != VERSION) {
        return ERR_AUTH;
    }
    const struct cpace_peer peer = {
        .we_are_initiator = true,
        .our_ad = {r->p2, P2_SHARE_AT},
        .peer_ad = {p3.at, P3_SHARE_AT},
        .peer_share = bytes_sub(p3, P3_SHARE_AT, CPACE_POINT),
    };
    return finish(&r->cpace, r->sid, &peer, psk);
}

void run_fini(struct run *r)
{
    secret_wipe(r, sizeof(*r));
}

enum err run_answer(const char *prs, const uint8_t offer[RUN_OFFER], struct bytes p2,
                    uint8_t p3[RUN_P3], uint8_t psk[HANDSHAKE_PSK])
{
    struct cpace c;
    uint8_t sid[RUN_SID];
    if (p2.len != RUN_P2 || p2.at[0] != P2_TYPE || p2.at[1] != VERSION) {
        return ERR_AUTH;
    }
    make_sid(offer, p2.at + 2, sid);
    start(&c, prs, offer, sid);
    p3[0] = P3_TYPE;
    p3[1] = VERSION;
    memcpy(p3 + P3_SHARE_AT, c.share, CPACE_POINT);
    const struct cpace_peer peer = {
        .our_ad = {p3, P3_SHARE_AT},
        .peer_ad = bytes_sub(p2, 0, P2_SHARE_AT),
        .peer_share = bytes_sub(p2, P2_SHARE_AT, CPACE_POINT),
    };
    const enum err e = finish(&c, sid, &peer, psk);
    cpace_fini(&c);
    return e;
}
