#include <stdlib.h>
#include <string.h>

#include "wire/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union body {
    struct envelope_challenge challenge;
    struct envelope_auth auth;
    struct envelope_auth_ok auth_ok;
    struct envelope_open open;
    struct envelope_acl acl;
    struct envelope_nameplate nameplate;
    struct envelope_plate plate;
    struct envelope_claim claim;
    struct envelope_err err;
    struct bytes offer;
    uint8_t octets[8];
    uint8_t reason;
    uint32_t credit;
};

static void same(enum err e, struct buf *built, struct bytes frame)
{
    if (e != OK || !bytes_equal(buf_bytes(built), frame)) {
        abort();
    }
    buf_clear(built);
}

/* Both readings of NAMEPLATE and CLAIM, each written back. */
static void two_ways(const struct envelope *f, struct bytes frame, struct buf *out)
{
    union body b;
    if (f->type == ENVELOPE_NAMEPLATE &&
        envelope_nameplate_parse(f->body, &b.nameplate) == OK) {
        same(envelope_put_nameplate(out, &b.nameplate), out, frame);
    }
    if (f->type == ENVELOPE_NAMEPLATE &&
        envelope_plate_parse(f->body, &b.plate) == OK) {
        same(envelope_put_plate(out, &b.plate), out, frame);
    }
    if (f->type == ENVELOPE_CLAIM && envelope_claim_parse(f->body, &b.claim) == OK) {
        same(envelope_put_claim(out, f->body), out, frame);
    }
    if (f->type == ENVELOPE_CLAIM && envelope_claimed_parse(f->body, &b.offer) == OK) {
        same(envelope_put_claimed(out, b.offer), out, frame);
    }
}

static void one_way(const struct envelope *f, struct bytes frame, struct buf *out)
{
    union body b;
    if (f->type == ENVELOPE_CHALLENGE &&
        envelope_challenge_parse(f->body, &b.challenge) == OK) {
        same(envelope_put_challenge(out, &b.challenge), out, frame);
    }
    if (f->type == ENVELOPE_AUTH && envelope_auth_parse(f->body, &b.auth) == OK) {
        same(envelope_put_auth(out, &b.auth), out, frame);
    }
    if (f->type == ENVELOPE_AUTH_OK &&
        envelope_auth_ok_parse(f->body, &b.auth_ok) == OK) {
        same(envelope_put_auth_ok(out, &b.auth_ok), out, frame);
    }
    if (f->type == ENVELOPE_OPEN && envelope_open_parse(f->body, &b.open) == OK) {
        same(envelope_put_open(out, f->chan, &b.open), out, frame);
    }
    if (f->type == ENVELOPE_CLOSE && envelope_close_parse(f->body, &b.reason) == OK) {
        same(envelope_put_close(out, f->chan, b.reason), out, frame);
    }
    if (f->type == ENVELOPE_ACL && envelope_acl_parse(f->body, &b.acl) == OK) {
        same(envelope_put_acl(out, &b.acl), out, frame);
    }
    if (f->type == ENVELOPE_PING && envelope_ping_parse(f->body, b.octets) == OK) {
        same(envelope_put_ping(out, f->chan, b.octets), out, frame);
    }
    if (f->type == ENVELOPE_CREDIT && envelope_credit_parse(f->body, &b.credit) == OK) {
        same(envelope_put_credit(out, f->chan, b.credit), out, frame);
    }
}

/* Property: what a reader accepts, the writer writes back to the same octets: one value
 * has one spelling. (Frames whose writer fixes the channel to 0 are given that one.) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t copy[4096];
    struct envelope f;
    struct envelope_offer offer;
    if (size > sizeof(copy)) {
        return 0;
    }
    memcpy(copy, data, size);
    const struct bytes frame = {copy, size};
    if (size >= ENVELOPE_HEAD) {
        const uint8_t type = copy[1];
        const bool keeps_channel = type == ENVELOPE_OPEN || type == ENVELOPE_CLOSE ||
                                   type == ENVELOPE_PING || type == ENVELOPE_CREDIT;
        if (!keeps_channel) {
            memset(copy + 2, 0, 4);
        }
    }
    if (envelope_offer_parse(frame, &offer) == OK) {
        uint8_t built[ENVELOPE_OFFER_SIZE];
        envelope_offer_build(&offer, built);
        if (memcmp(built, copy, sizeof(built)) != 0) {
            abort();
        }
    }
    if (envelope_parse(frame, &f) != OK) {
        return 0;
    }
    struct buf out;
    buf_init(&out, ENVELOPE_MAX);
    one_way(&f, frame, &out);
    two_ways(&f, frame, &out);
    buf_fini(&out);
    return 0;
}
